//! Reading histories line by line.

use super::super::{Object, Operations, Settings};
use super::TextError;
use super::grammar::{self, Line, shortened};
use std::io::{BufRead, Read};

/// The first line of a text of histories.
const HEADER: &str = "crosswire-histories 1";

/// Bytes that a line may have.
const LONGEST_LINE: u64 = 1 << 20;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations of all histories together. Each takes 44 bytes of memory.
    pub operations: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            operations: 20_000_000,
        }
    }
}

/// A history as a text tells it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Object of the history, if the text names it.
    pub object: Option<Object>,
    /// Settings of the object, as the text gives them.
    pub settings: Settings,
    /// Operations of the history.
    pub operations: Operations,
    /// The line of each operation.
    pub lines: Vec<u32>,
    /// Expected result of a checker, if the text gives it.
    pub expected: Option<Expected>,
}

/// Result expected of a checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// That nothing is wrong.
    Ok,
    /// That this rule is broken, in this sentence.
    Broken {
        /// The rule.
        rule: String,
        /// The sentence.
        sentence: String,
    },
}

/// A history that is damaged, or of an object that it cannot be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub name: String,
    /// What is wrong with it first.
    pub error: TextError,
}

/// Reads all histories of a text, or none, as those of `object`, or else of what each says
/// that it is of.
///
/// # Errors
/// At the first line that is wrong, or where the text ends too early.
pub fn read(
    text: impl BufRead,
    object: Option<Object>,
    limits: Limits,
) -> Result<Vec<Told>, TextError> {
    let each = read_each(text, object, limits)?.into_iter();
    each.map(|told| told.map_err(|refused| refused.error))
        .collect()
}

/// Reads all histories of a text as [`read`] does, and goes on after one that is damaged.
///
/// # Errors
/// At the first line outside of a history that is wrong, and if there is no history.
pub fn read_each(
    text: impl BufRead,
    object: Option<Object>,
    limits: Limits,
) -> Result<Vec<Result<Told, Refused>>, TextError> {
    let mut reader = Reader {
        told: Vec::new(),
        wrong: None,
        open: false,
        has_header: false,
        object,
        limits,
        operations: 0,
    };
    let mut text = text;
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        line += 1;
        let wrong = |reason: String| TextError { line, reason };
        buffer.clear();
        let read = text
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut buffer);
        let read = match read {
            Ok(read) => read,
            Err(error) => return reader.give_up(wrong(format!("it cannot be read: {error}"))),
        };
        match read {
            0 => return reader.end(line),
            _ if buffer.last() != Some(&b'\n') => {
                let reason = match buffer.len() as u64 {
                    LONGEST_LINE => format!("it is longer than {LONGEST_LINE} bytes"),
                    _ => "the text ends in the midst of this line".to_owned(),
                };
                return reader.give_up(wrong(reason));
            }
            _ => {}
        }
        let words = std::str::from_utf8(&buffer);
        let done = words
            .map_err(|_| "it is no text (UTF-8)".to_owned())
            .and_then(|words| reader.line(words.trim_ascii(), line));
        match done {
            Ok(()) => {}
            Err(reason) if reader.is_full() => return reader.give_up(wrong(reason)),
            Err(reason) => reader.refuse(wrong(reason))?,
        }
    }
}

struct Reader {
    told: Vec<Result<Told, Refused>>,
    /// What is wrong with the open history, whose other lines do not matter any more.
    wrong: Option<TextError>,
    /// True if the last history has not ended yet.
    open: bool,
    has_header: bool,
    object: Option<Object>,
    limits: Limits,
    operations: u64,
}

impl Reader {
    fn line(&mut self, line: &str, number: u64) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line == HEADER && !self.open {
            self.has_header = true;
            return Ok(());
        }
        if !self.has_header {
            return Err(format!("the text does not begin with `{HEADER}`"));
        }
        if self.wrong.is_some() && line != "end" && !line.starts_with("history ") {
            return Ok(());
        }
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            return self.operation(line, number);
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match (word, self.open) {
            ("history", false) => {
                self.begin(rest.trim());
                Ok(())
            }
            ("end", true) if rest.is_empty() => {
                if self.wrong.is_none()
                    && let Err(reason) = self.object_of_last()
                {
                    self.wrong = Some(TextError {
                        line: number,
                        reason,
                    });
                }
                self.close();
                Ok(())
            }
            ("history", true) => {
                let early = "a history begins before the one before has its `end`";
                self.refuse(TextError {
                    line: number,
                    reason: early.to_owned(),
                })
                .expect("a history is open");
                self.close();
                self.begin(rest.trim());
                Ok(())
            }
            (_, true) => self.setting(word, rest.trim()),
            (_, false) => Err(format!(
                "`{}` stands outside of a history; one begins with `history NAME`",
                shortened(word)
            )),
        }
    }

    fn begin(&mut self, name: &str) {
        self.open = true;
        self.told.push(Ok(Told {
            name: name.to_owned(),
            object: None,
            settings: Settings::default(),
            operations: Operations::default(),
            lines: Vec::new(),
            expected: None,
        }));
    }

    fn last(&mut self) -> &mut Told {
        let last = self.told.last_mut().expect("a history has begun");
        last.as_mut().expect("it is refused where it ends")
    }

    /// Notes what is wrong with the open history.
    ///
    /// # Errors
    /// If none is open, which is wrong with the whole text.
    fn refuse(&mut self, error: TextError) -> Result<(), TextError> {
        if !self.open {
            return Err(error);
        }
        self.wrong.get_or_insert(error);
        Ok(())
    }

    /// Ends the open history.
    fn close(&mut self) {
        self.open = false;
        if let Some(error) = self.wrong.take() {
            let last = self.told.last_mut().expect("a history has begun");
            let name = last
                .as_ref()
                .map_or_else(|r| r.name.clone(), |told| told.name.clone());
            *last = Err(Refused { name, error });
        }
    }

    /// Refuses the open history, or the text, and reads no further.
    fn give_up(mut self, error: TextError) -> Result<Vec<Result<Told, Refused>>, TextError> {
        self.refuse(error)?;
        self.close();
        Ok(self.told)
    }

    /// Tells whether there are more operations than may be.
    fn is_full(&self) -> bool {
        self.operations > self.limits.operations
    }

    fn object_of_last(&mut self) -> Result<Object, String> {
        let object = self.object.or(self.last().object);
        object.ok_or_else(|| "it is not said what this is a history of: write `as OBJECT`".into())
    }

    fn operation(&mut self, line: &str, number: u64) -> Result<(), String> {
        if !self.open {
            return Err("an operation stands outside of a history".to_owned());
        }
        self.operations += 1;
        if self.operations > self.limits.operations {
            return Err(format!(
                "there are more than {} operations, which is the limit",
                self.limits.operations
            ));
        }
        let object = self.object_of_last()?;
        let told = self.last();
        match grammar::operation(line, object, &mut told.operations)? {
            Line::Failed => {}
            Line::Operation(op) => {
                told.operations.list.push(op);
                told.lines.push(u32::try_from(number).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }

    fn setting(&mut self, word: &str, rest: &str) -> Result<(), String> {
        if word != "expect" && !self.last().operations.list.is_empty() {
            return Err(format!(
                "`{}` must stand before the operations",
                shortened(word)
            ));
        }
        match word {
            "as" => self.last().object = Some(object_named(rest)?),
            "processes" => {
                for name in rest.split_ascii_whitespace() {
                    self.last().operations.process(name);
                }
            }
            "expect" => self.last().expected = Some(expected(rest)?),
            "initial" | "robust" | "lossy" | "atomic" | "bound" => {
                let object = self.object_of_last()?;
                if !object.settings().contains(&word) {
                    return Err(format!("`{word}` means nothing for {}", object.name()));
                }
                let settings = &mut self.last().settings;
                let bad = || format!("`{word}` takes a number, not `{}`", shortened(rest));
                match word {
                    "initial" => settings.initial = rest.parse().map_err(|_| bad())?,
                    "atomic" => settings.atomic = rest.parse().map_err(|_| bad())?,
                    "bound" => settings.bound = rest.parse().map_err(|_| bad())?,
                    "robust" => settings.robust = true,
                    _ => settings.lossy = true,
                }
            }
            word => return Err(format!("`{}` means nothing here", shortened(word))),
        }
        Ok(())
    }

    fn end(self, line: u64) -> Result<Vec<Result<Told, Refused>>, TextError> {
        let wrong = |reason: &str| TextError {
            line,
            reason: reason.to_owned(),
        };
        if self.open {
            let early = "the text ends before the history has its `end`; it may be cut off";
            return self.give_up(wrong(early));
        }
        if self.told.is_empty() {
            return Err(wrong("the text contains no history"));
        }
        Ok(self.told)
    }
}

/// Returns the kind of object of this name.
pub(super) fn object_named(name: &str) -> Result<Object, String> {
    Object::named(name).ok_or_else(|| {
        let known: Vec<&str> = Object::all().map(Object::name).collect();
        let name = shortened(name);
        format!("`{name}` is no object; there are {}", known.join(", "))
    })
}

fn expected(text: &str) -> Result<Expected, String> {
    if text == "ok" {
        return Ok(Expected::Ok);
    }
    let (rule, sentence) = text
        .split_once(':')
        .ok_or("write `expect ok` or `expect RULE: SENTENCE`")?;
    Ok(Expected::Broken {
        rule: rule.trim().to_owned(),
        sentence: sentence.trim().to_owned(),
    })
}
