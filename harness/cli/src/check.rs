//! `crosswire check`: judge histories from a file.

use crate::arguments::{CheckOptions, Format};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::check::history::text::{Expected, Limits, Refused, Told, read_each};
use crosswire::check::history::{Object, Outcome, described, draw};
use crosswire::report::{Palette, escape};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// A history and its verdict.
#[derive(Serialize)]
struct Judged {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    name: String,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    object: Option<&'static str>,
    operations: usize,
    /// `pass`, `violation`, `inconclusive` or `refused`.
    verdict: &'static str,
    /// Reason why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witness: Vec<Witness>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drawing: Vec<String>,
    /// Number of configurations searched without a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_expected: Option<bool>,
}

/// An operation that shows a violation.
#[derive(Serialize)]
struct Witness {
    line: u32,
    process: String,
    operation: String,
    called: u64,
    answered: Option<u64>,
}

#[derive(Serialize)]
struct Report<'a> {
    format_version: u32,
    verdict: &'static str,
    operations: usize,
    histories: &'a [Judged],
}

/// Reads the histories of each file and judges them. One that is damaged or cannot be judged
/// is refused by its name.
pub fn check(options: &CheckOptions) -> Result<u8, Failure> {
    let judged = match &options.files[..] {
        [] => of_file(None, options)?,
        [only] => of_file(Some(only), options)?,
        several => several
            .iter()
            .flat_map(|path| {
                let name = path.display().to_string();
                let judged = of_file(Some(path), options).unwrap_or_else(|failure| {
                    vec![Judged::refused(name.clone(), failure.to_string())]
                });
                judged.into_iter().map(move |judged| Judged {
                    file: Some(name.clone()),
                    ..judged
                })
            })
            .collect(),
    };
    for judged in &judged {
        if let Some(reason) = &judged.refused {
            terminal::note(reason);
        }
    }
    let (code, verdict) = overall(&judged, options.expected);
    match options.output.format {
        Format::Json => terminal::print_json(&Report {
            format_version: crosswire::model::FORMAT_VERSION,
            verdict,
            operations: judged.iter().map(|judged| judged.operations).sum(),
            histories: &judged,
        }),
        Format::Text | Format::Github => {
            let palette = terminal::palette();
            let mut text: String = judged
                .iter()
                .map(|judged| in_words(judged, palette))
                .collect();
            text += &summary(&judged, options.expected, verdict);
            terminal::print(&text);
        }
    }
    Ok(code)
}

impl Judged {
    fn of(name: String, operations: usize) -> Judged {
        Judged {
            file: None,
            name,
            object: None,
            operations,
            verdict: "pass",
            refused: None,
            rule: None,
            sentence: None,
            witness: Vec::new(),
            drawing: Vec::new(),
            budget: None,
            as_expected: None,
        }
    }

    fn refused(name: String, reason: String) -> Judged {
        Judged {
            verdict: "refused",
            refused: Some(reason),
            ..Judged::of(name, 0)
        }
    }
}

/// Judges the histories of a file.
fn of_file(file: Option<&Path>, options: &CheckOptions) -> Result<Vec<Judged>, Failure> {
    let file = file.filter(|file| *file != Path::new("-"));
    let from = file.map_or("standard input".into(), |file| file.display().to_string());
    let told = told(file, &from, options)?;
    let judged = told.into_iter().map(|told| {
        let (name, judged) = match told {
            Ok(told) => (told.name.clone(), judge(&told, options)),
            Err(Refused { name, error }) => (name, Err(error.to_string())),
        };
        judged.unwrap_or_else(|reason| {
            let reason = format!("{from}: history `{name}` is refused: {reason}");
            Judged {
                as_expected: options.expected.then_some(false),
                ..Judged::refused(name, reason)
            }
        })
    });
    Ok(judged.collect())
}

fn told(
    file: Option<&Path>,
    name: &str,
    options: &CheckOptions,
) -> Result<Vec<Result<Told, Refused>>, Failure> {
    let limits = Limits {
        operations: options.limit_operations,
    };
    let read = match file {
        None => read_each(io::stdin().lock(), options.object, limits),
        Some(path) => {
            let file =
                File::open(path).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
            read_each(
                BufReader::with_capacity(1 << 16, file),
                options.object,
                limits,
            )
        }
    };
    read.map_err(|error| Failure::usage(format!("{name}: {error}")))
}

fn judge(told: &Told, options: &CheckOptions) -> Result<Judged, String> {
    let object = options.object.or(told.object);
    let object = object.expect("the reader refuses histories of nothing");
    let mut settings = told.settings.clone();
    settings.budget = options.search_budget;
    let outcome = object.checker(&settings).check(&told.operations);
    let outcome = outcome.map_err(|unusable| {
        let line = told.lines.get(unusable.operation).copied().unwrap_or(0);
        format!("line {line}: {}", unusable.reason)
    })?;
    Ok(describe(told, object, &outcome, options.expected))
}

fn describe(told: &Told, object: Object, outcome: &Outcome, compare: bool) -> Judged {
    let operations = &told.operations;
    let mut judged = Judged {
        object: Some(object.name()),
        as_expected: compare.then(|| is_expected(told, outcome)),
        ..Judged::of(told.name.clone(), operations.list.len())
    };
    match outcome {
        Outcome::Ok => {}
        Outcome::Inconclusive { budget } => {
            judged.verdict = "inconclusive";
            judged.budget = Some(*budget);
        }
        Outcome::Violation(broken) => {
            judged.verdict = "violation";
            judged.rule = Some(broken.rule);
            judged.sentence = Some(broken.sentence.clone());
            judged.drawing = draw(operations, &broken.witness);
            judged.witness = broken
                .witness
                .iter()
                .map(|i| {
                    let op = &operations.list[*i];
                    Witness {
                        line: told.lines[*i],
                        process: operations.who(*i).to_owned(),
                        operation: described(operations, op),
                        called: op.called,
                        answered: (!op.is_pending()).then_some(op.answered),
                    }
                })
                .collect();
            judged
                .witness
                .sort_by_key(|witness| (witness.called, witness.answered));
        }
    }
    judged
}

fn is_expected(told: &Told, outcome: &Outcome) -> bool {
    match (&told.expected, outcome) {
        (Some(Expected::Ok), Outcome::Ok) => true,
        (Some(Expected::Broken { rule, sentence }), Outcome::Violation(broken)) => {
            rule == broken.rule && *sentence == broken.sentence
        }
        _ => false,
    }
}

fn overall(judged: &[Judged], compare: bool) -> (u8, &'static str) {
    let has = |verdict: &str| judged.iter().any(|judged| judged.verdict == verdict);
    if compare {
        let mut judged = judged.iter().filter(|judged| judged.refused.is_none());
        return match judged.all(|judged| judged.as_expected == Some(true)) {
            true if has("refused") => (exit::USAGE, "refused"),
            true => (exit::PASS, "pass"),
            false => (exit::VIOLATION, "violation"),
        };
    }
    if has("violation") {
        (exit::VIOLATION, "violation")
    } else if has("refused") {
        (exit::USAGE, "refused")
    } else if has("inconclusive") {
        (exit::INCONCLUSIVE, "inconclusive")
    } else {
        (exit::PASS, "pass")
    }
}

fn in_words(judged: &Judged, palette: Palette) -> String {
    let mut name = escape(&judged.name);
    if let Some(file) = &judged.file {
        name = format!("{}: {name}", escape(file));
    }
    if judged.refused.is_some() {
        return format!("{} {name}\n", palette.doubtful("REFUSED"));
    }
    let what = format!(
        "{name} ({}, {} operations)",
        judged.object.unwrap_or_default(),
        judged.operations
    );
    let mut text = match (judged.rule, &judged.sentence, judged.budget) {
        (Some(rule), Some(sentence), _) => {
            let head = palette.bad(&format!("VIOLATION {rule}"));
            format!("{head} in {what}: {}\n", escape(sentence))
        }
        (.., Some(budget)) => format!(
            "INCONCLUSIVE {what}: searched {budget} configurations without finding an order, and \
             more are left; raise --search-budget\n"
        ),
        _ => format!("pass {what}\n"),
    };
    for (witness, drawn) in judged.witness.iter().zip(&judged.drawing) {
        text += &format!("    line {:<6} {}\n", witness.line, escape(drawn));
    }
    if judged.as_expected == Some(false) {
        text += "    the file expects another verdict\n";
    }
    text
}

fn summary(judged: &[Judged], compare: bool, verdict: &str) -> String {
    let count = |verdict: &str| {
        judged
            .iter()
            .filter(|judged| judged.verdict == verdict)
            .count()
    };
    let other = judged
        .iter()
        .filter(|judged| judged.as_expected == Some(false))
        .count();
    let compared = match compare {
        true => format!(", {other} not as expected"),
        false => String::new(),
    };
    let refused = match count("refused") {
        0 => String::new(),
        refused => format!(", {refused} refused"),
    };
    format!(
        "\n{}: {} histories, {} with a violation, {} undecided{refused}{compared}\n",
        verdict.to_uppercase(),
        judged.len(),
        count("violation"),
        count("inconclusive")
    )
}
