//! Findings as annotations of GitHub Actions, which shows them beside the lines concerned.

use crosswire_explore::Found;
use crosswire_model::{Frame, Names, Verdict, Violation};
use std::path::{Path, PathBuf};

/// Returns a workflow command for each finding, or for what kept the runs from a verdict; none if
/// all runs passed. `files` are the replay files of the findings, in the same order, and `root` is
/// the directory of the repository, to which source files are relative.
///
/// ```
/// use crosswire_model::Verdict;
/// use crosswire_report::github;
/// let verdict = Verdict::Invalid("50% of\nit".into());
/// let told = github::annotations(&verdict, [], &[], "/work".as_ref());
/// assert_eq!(told, "::error title=crosswire%3A invalid::50%25 of%0Ait\n");
/// ```
pub fn annotations<'a>(
    verdict: &Verdict,
    found: impl IntoIterator<Item = &'a Found>,
    files: &[Option<PathBuf>],
    root: &Path,
) -> String {
    let file = |number: usize| files.get(number).and_then(Option::as_deref);
    let found = found.into_iter().enumerate();
    let told: String = found
        .map(|(number, found)| of_finding(found, file(number), root))
        .collect();
    match verdict {
        Verdict::Violation(violations) if told.is_empty() => {
            violations.iter().map(of_violation).collect()
        }
        Verdict::Pass | Verdict::Violation(_) => told,
        Verdict::Invalid(reason) => told + &error("invalid", reason),
        Verdict::Inconclusive(limit) => {
            told + &error("inconclusive", &format!("the limit on {limit} was reached"))
        }
    }
}

/// Returns a workflow command for what went wrong otherwise.
pub fn error(title: &str, told: &str) -> String {
    command(None, title, told)
}

fn of_finding(found: &Found, file: Option<&Path>, root: &Path) -> String {
    let Violation {
        kind,
        sentence,
        tasks,
        ..
    } = &Names::of(&found.record.trace).of_violation(&found.violation);
    // Where the process concerned stood, else any whose place is known.
    let stacks = &found.record.stacks;
    let own = stacks.iter().filter(|stack| tasks.contains(&stack.task));
    let frames = own.chain(stacks).filter_map(|stack| stack.source());
    let place = frames.filter_map(|frame| place(frame, root)).next();
    let replay = file.map(|file| format!("\nreplay it: crosswire replay {}", file.display()));
    let told = format!("{sentence}{}", replay.unwrap_or_default());
    command(place, &kind.to_string(), &told)
}

fn of_violation(violation: &Violation) -> String {
    error(&violation.kind.to_string(), &violation.sentence)
}

/// Returns file and line of a call, if its file belongs to the repository.
fn place(frame: &Frame, root: &Path) -> Option<(String, u32)> {
    let file = Path::new(frame.file.as_deref()?);
    let own = match file.is_absolute() {
        true => file.strip_prefix(root).ok()?,
        false => file,
    };
    Some((own.to_str()?.to_owned(), frame.line?))
}

/// Returns a line that GitHub takes for an error.
fn command(place: Option<(String, u32)>, title: &str, told: &str) -> String {
    let title = format!("crosswire: {title}");
    let place = place.map(|(file, line)| format!("file={},line={line},", property(&file)));
    format!(
        "::error {}title={}::{}\n",
        place.unwrap_or_default(),
        property(&title),
        data(told)
    )
}

/// Escapes what stands after the second colons, as the toolkit of GitHub Actions does. Other
/// control characters are shown, so that no output of a program changes the log.
fn data(text: &str) -> String {
    let shown = |character: char| match character {
        '%' => "%25".to_owned(),
        '\r' => "%0D".to_owned(),
        '\n' => "%0A".to_owned(),
        other => crate::escape(&other.to_string()),
    };
    text.chars().map(shown).collect()
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::deadlock;

    #[test]
    fn findings_stand_beside_their_lines() {
        let mut found = deadlock();
        found.violation.sentence = "100%: `a`,\nthen \u{1b}[1m`b`".to_owned();
        let verdict = Verdict::Violation(vec![found.violation.clone()]);
        let file = Some(PathBuf::from("crosswire-failures/a-deadlock-1.json"));
        let files = [file];
        let told = |found: &Found| annotations(&verdict, [found], &files, Path::new("/work"));
        let message = "100%25: `a`,%0Athen \\x1b[1m`b`%0Areplay it: crosswire replay \
                       crosswire-failures/a-deadlock-1.json\n";
        let line = told(&found);
        assert!(line.ends_with(message), "{line}");
        assert!(
            line.starts_with("::error title=crosswire%3A deadlock::"),
            "{line}"
        );

        let frame = |file: &str| Frame {
            module: "/work/app".to_owned(),
            address: 1,
            function: Some("f".to_owned()),
            file: Some(file.to_owned()),
            line: Some(7),
        };
        let task = found.violation.tasks[0];
        let at = |found: &mut Found, file: &str| {
            found.record.stacks = vec![crosswire_model::Stack {
                task,
                step: 0,
                moment: crosswire_model::Moment::Stuck,
                frames: vec![frame(file)],
            }];
            told(found)
        };
        let line = at(&mut found, "/work/src/a,b.c");
        let head = "::error file=src/a%2Cb.c,line=7,title=crosswire%3A deadlock::";
        assert!(line.starts_with(head), "{line}");
        // What is not in the repository has no line there.
        let line = at(&mut found, "/usr/src/libc.c");
        assert!(line.starts_with("::error title="), "{line}");
        assert_eq!(annotations(&Verdict::Pass, [], &[], Path::new("/")), "");
    }
}
