//! A run as a page: one file that needs no network, to step through a run and see the
//! state of every kernel object at each step.
//!
//! Whatever comes from the run reaches the page as text. It is escaped where it stands
//! in the page's markup, the script adds it as text only, and the page's own policy
//! forbids every script but this one.

mod data;
mod graph;
mod places;

use super::escape::{escape, quoted};
use super::{Explanation, text};
use crosswire_model::{Names, Record, Verdict, Violation};
use sha2::{Digest, Sha256};
use std::path::Path;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// Its parts, each about one thing; only the last one begins something.
const SCRIPT: &str = concat!(
    include_str!("script/list.js"),
    include_str!("script/lanes.js"),
    include_str!("script/arrows.js"),
    include_str!("script/strip.js"),
    include_str!("script/state.js"),
    include_str!("script/graph.js"),
    include_str!("script/going.js"),
    include_str!("script/start.js"),
);

/// Returns the page of a recorded run. `file` is where it was read from.
pub fn page(record: &Record, file: Option<&Path>) -> String {
    let record = &Names::of(&record.trace).of_record(record);
    let violations = match &record.verdict {
        Verdict::Violation(violations) => &violations[..],
        _ => &[],
    };
    let first = violations.first();
    let explanation = Explanation::of_record(record, first);
    let title = match record.programs.first() {
        Some(program) => format!("{} - Crosswire", escape(&program.name)),
        None => "Crosswire".to_owned(),
    };
    let (word, class, sentence) = match &record.verdict {
        Verdict::Violation(_) => {
            let sentence = first.map_or(String::new(), |first| first.sentence.clone());
            ("violation", "bad", sentence)
        }
        Verdict::Pass => (
            "pass",
            "pass",
            "nothing that was checked was violated".to_owned(),
        ),
        Verdict::Inconclusive(limit) => (
            "inconclusive",
            "other",
            match &explanation.unfinished {
                Some(standing) => {
                    format!("the limit on {limit} was reached: {}", standing.sentence)
                }
                None => format!("the limit on {limit} was reached"),
            },
        ),
        Verdict::Invalid(reason) => ("invalid", "other", reason.clone()),
    };
    let causes = explanation
        .told_causes()
        .into_iter()
        .map(|(word, sentence)| {
            let sentence = in_code(&markup(&sentence));
            format!("<p class=\"cause\"><strong>{word}:</strong> {sentence}</p>")
        });
    let cause = causes.collect();
    let data = data::Data::of(
        record,
        &explanation,
        details(record, &explanation, violations, file),
    );
    let json = serde_json::to_string(&data).expect("the data has string keys only");
    let parts = [
        ("{{title}}", markup(&title)),
        ("{{style}}", STYLE.to_owned()),
        ("{{verdict}}", markup(word)),
        ("{{verdict-class}}", class.to_owned()),
        ("{{sentence}}", in_code(&markup(&escape(&sentence)))),
        ("{{cause}}", cause),
        ("{{circumstances}}", markup(&text::in_circumstances(record))),
        (
            "{{script-hash}}",
            format!("sha256-{}", base64(&Sha256::digest(SCRIPT))),
        ),
        ("{{run}}", in_script(&json)),
        ("{{script}}", SCRIPT.to_owned()),
    ];
    fill(PAGE, &parts)
}

/// Puts each part where its name stands, without looking into what was put in.
fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut page =
        String::with_capacity(template.len() + parts.iter().map(|p| p.1.len()).sum::<usize>());
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        page.push_str(&rest[..at]);
        let part = parts.iter().find(|(name, _)| rest[at..].starts_with(name));
        let (name, text) = part.expect("every name in the template has its part");
        page.push_str(text);
        rest = &rest[at + name.len()..];
    }
    page + rest
}

/// Returns the paragraphs beside the timeline: the graph, further violations, how to
/// replay.
fn details(
    record: &Record,
    explanation: &Explanation<'_>,
    violations: &[Violation],
    file: Option<&Path>,
) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if let Some(standing) = &explanation.unfinished {
        all.push(standing.details.join("\n"));
    }
    for (number, violation) in violations.iter().enumerate() {
        if number > 0 {
            all.push(format!("also {}: {}", violation.kind, violation.sentence));
        }
        if !violation.details.is_empty() {
            all.push(violation.details.join("\n"));
        }
    }
    let commands = record.programs.iter().map(|program| {
        let words: Vec<String> = program.command.iter().map(|word| quoted(word)).collect();
        format!("{}: {}", program.name, words.join(" "))
    });
    all.push(commands.collect::<Vec<_>>().join("\n"));
    if let Some(file) = file {
        let command = text::replay_command(&file.display().to_string());
        all.push(format!("replay it: {command}"));
    }
    all.iter()
        .map(|paragraph| {
            let lines: Vec<String> = paragraph.lines().map(escape).collect();
            lines.join("\n")
        })
        .collect()
}

/// Text as it stands in markup.
fn markup(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Markup with an element in the place of each pair of backticks, between which names stand.
fn in_code(markup: &str) -> String {
    let parts: Vec<&str> = markup.split('`').collect();
    // A name may contain one: then what belongs together is not known.
    if parts.len().is_multiple_of(2) {
        return markup.to_owned();
    }
    let parts = parts.iter().enumerate();
    parts
        .map(|(number, part)| match number % 2 {
            1 => format!("<code>{part}</code>"),
            _ => (*part).to_owned(),
        })
        .collect()
}

/// JSON as it stands in a script element: nothing in it can end that element.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e")
}

/// RFC 4648, section 4. A content security policy names a script by its digest so.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for sextet in 0..4 {
            match sextet <= three.len() {
                true => text.push(ALPHABET[(bits >> (18 - 6 * sextet) & 63) as usize] as char),
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn parts_are_put_in_as_they_are() {
        let parts = [("{{a}}", "{{b}}".to_owned()), ("{{b}}", "x".to_owned())];
        assert_eq!(fill("<{{a}}|{{b}}>", &parts), "<{{b}}|x>");
    }

    #[test]
    fn names_between_backticks_become_elements() {
        assert_eq!(
            in_code("`a` waits for `b`"),
            "<code>a</code> waits for <code>b</code>"
        );
        assert_eq!(in_code("a ` b"), "a ` b");
    }

    #[test]
    fn nothing_ends_the_script_element() {
        assert_eq!(
            in_script("\"</script><b>\""),
            "\"\\u003c/script\\u003e\\u003cb\\u003e\""
        );
        assert_eq!(markup("<img src=\"x\">"), "&lt;img src=&quot;x&quot;&gt;");
    }
}
