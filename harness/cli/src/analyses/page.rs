//! The page about all analyses, made from what is recorded.

use super::description::{Analysis, Expected, Finding, Promise};
use super::recorded::{Result as Outcome, Results, Tried};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Fewest runs of a row that is not marked.
const ENOUGH: u64 = 1000;

/// A promise with what came out when it was tried.
struct Line<'a> {
    analysis: &'a Analysis,
    promise: &'a Promise,
    tried: &'a Tried,
}

/// Makes the page. The error names a promise that has no recorded result.
pub fn of(all: &[Analysis], results: &Results) -> Result<String, String> {
    let mut lines = Vec::new();
    for analysis in all {
        for promise in &analysis.promises {
            let tried = results
                .of(&analysis.name, &promise.promise, &promise.fault)
                .ok_or_else(|| {
                    let Promise { promise, fault, .. } = promise;
                    let name = &analysis.name;
                    format!(
                        "{name}: no result of `{promise}` under `{fault}` is recorded; `crosswire \
                     analyses --write {name}` records it"
                    )
                })?;
            lines.push(Line {
                analysis,
                promise,
                tried,
            });
        }
    }
    Ok(head(all, &lines) + &matrix(all, &lines) + &findings(&lines))
}

fn head(all: &[Analysis], lines: &[Line]) -> String {
    let facilities: BTreeSet<&str> = all.iter().map(|one| one.facility.as_str()).collect();
    let count = |wanted: fn(&Line) -> bool| lines.iter().filter(|line| wanted(line)).count();
    let broken = count(|line| line.is_broken() && line.promise.expect != Expected::Documented);
    let documented = count(|line| line.is_broken() && line.promise.expect == Expected::Documented);
    let unseen = count(|line| line.is_broken() && line.tried.native != Some(true));
    let holds = count(|line| line.tried.result == Outcome::Holds);
    let other = lines.len() - broken - documented - holds;
    let runs: u64 = lines.iter().map(|line| line.tried.runs).sum();
    format!(
        "# IPC libraries under Crosswire\n\n\
         {} libraries of {} facilities, {} promises tried in {runs} runs: {holds} hold, {broken} \
         are broken, {documented} are broken as documented, {other} not explored enough. Of the \
         broken ones, {unseen} are not reproduced without Crosswire.\n\n\
         `crosswire analyses --write` makes this page from the `analysis.toml` of each directory \
         and from `results.json`. One command repeats all rows, or those of some analyses, and \
         compares them with what is recorded:\n\n\
         ```console\n\
         $ cargo run --release -- analyses --install\n\
         $ cargo run --release -- analyses --install python-filelock rust-ipmpsc\n\
         ```\n\n\
         A row that *holds* means that no violation was found in the runs it names, no more. A \
         *crash* row kills a process at every point that makes a difference. † marks rows of \
         fewer than {ENOUGH} runs that are neither a crash search nor ended by a violation. A \
         finding *reproduces natively* if a program without Crosswire, named with it, shows it. In \
         commands, `{{cache}}` is where the library is installed (`target/analyses/NAME`), `{{here}}` \
         the directory of the analysis.\n\n",
        all.len(),
        facilities.len(),
        lines.len(),
    )
}

impl Line<'_> {
    fn is_broken(&self) -> bool {
        self.tried.result == Outcome::Broken
    }

    fn verdict(&self) -> String {
        let anchor = format!("[details](#{})", anchor(&self.title()));
        match (self.tried.result, self.promise.expect) {
            (Outcome::Broken, Expected::Documented) => format!("broken, documented: {anchor}"),
            (Outcome::Broken, _) => format!("**broken**: {anchor}"),
            (Outcome::Unexplored | Outcome::Invalid, _) => {
                let reason = self.tried.sentence.as_deref().unwrap_or("no reason given");
                format!("{}: {reason}", self.tried.result)
            }
            (Outcome::Holds, _) => "holds".to_owned(),
        }
    }

    fn effort(&self) -> String {
        let Tried {
            runs,
            points,
            result,
            ..
        } = self.tried;
        match points {
            Some(points) => format!("{runs} (crash, {points} points)"),
            None if *result != Outcome::Broken && *runs < ENOUGH => format!("{runs} †"),
            None => runs.to_string(),
        }
    }

    fn title(&self) -> String {
        let finding = self.promise.finding.as_ref();
        let title = finding.map_or("", |finding| finding.title.as_str());
        format!("{}: {title}", self.analysis.library)
    }
}

fn matrix(all: &[Analysis], lines: &[Line]) -> String {
    let mut text = String::from(
        "## Promises and faults\n\n\
         | facility | library | promise | fault | result | runs |\n|---|---|---|---|---|---|\n",
    );
    for analysis in all {
        let Analysis {
            facility,
            library,
            version,
            from,
            name,
            ..
        } = analysis;
        let library = format!("[{library}]({name}) {version} ({from})");
        let row = |text: &mut String, cells: [&str; 6]| {
            let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        };
        let own = |line: &&Line| line.analysis.name == *name;
        for line in lines.iter().filter(own) {
            let Promise { promise, fault, .. } = line.promise;
            let (verdict, effort) = (line.verdict(), line.effort());
            row(
                &mut text,
                [facility, &library, promise, fault, &verdict, &effort],
            );
        }
        for none in &analysis.not_applicable {
            let why = format!("does not apply: {}", none.why);
            row(
                &mut text,
                [facility, &library, &none.promise, &none.fault, &why, ""],
            );
        }
    }
    text
}

fn findings(lines: &[Line]) -> String {
    let mut text = String::from("\n## Findings\n");
    for line in lines.iter().filter(|line| line.is_broken()) {
        let Some(Finding {
            text: told, native, ..
        }) = &line.promise.finding
        else {
            continue;
        };
        let Promise {
            promise,
            documented,
            fault,
            run,
            ..
        } = line.promise;
        let natively = match (line.tried.native, native) {
            (Some(true), Some(native)) => format!("reproduces with `{}`", native.trim()),
            _ => "not reproduced".to_owned(),
        };
        let _ = write!(
            text,
            "\n### {}\n\n\
             {}\n\n\
             * Promise: {promise}; fault: {fault}. {documented}\n\
             * Crosswire: `crosswire {run}` in [{name}]({name}), {version}: {kinds}, in {runs} runs\n\
             * Natively: {natively}\n",
            line.title(),
            told.trim(),
            name = line.analysis.name,
            version = line.analysis.version,
            runs = line.tried.runs,
            kinds = line.tried.kinds.join(", "),
        );
    }
    text
}

/// Returns the fragment by which pages of Markdown link a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
