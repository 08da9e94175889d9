//! One operation in text.

use super::super::{Action, NEVER, NO_LENGTH, Object, Op, Operations};
use super::bytes;

/// Content of a line.
pub(super) enum Line {
    /// An operation.
    Operation(Op),
    /// One that had no effect, by its own word.
    Failed,
}

/// An argument of an action.
#[derive(Clone, Copy, PartialEq)]
enum Argument {
    Value,
    Key,
    /// A length that may be left out.
    PerhapsLength,
    /// A value that may be left out.
    PerhapsValue,
    Bytes,
}

/// Kind of answer of an action.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// Nothing but that it was done.
    Done,
    /// That it was done, or refused.
    Refusable,
    /// A value.
    Value,
    /// A value, or nothing.
    PerhapsValue,
    /// A value and perhaps a key, or nothing.
    PerhapsMessage,
    /// Bytes, or nothing at the end.
    Bytes,
}

/// Returns the arguments and the answer of an action of an object.
fn form(object: Object, action: Action) -> (&'static [Argument], Answer) {
    use Argument as A;
    match (object, action) {
        (Object::PriorityQueue, Action::Send) => (&[A::Value, A::Key], Answer::Done),
        (Object::Datagram, Action::Send) => (&[A::Value, A::PerhapsLength], Answer::Done),
        (Object::Datagram, Action::Receive) => (&[], Answer::PerhapsMessage),
        (Object::Stream, Action::Write) => (&[A::Bytes], Answer::Done),
        (Object::Stream, Action::Read) => (&[], Answer::Bytes),
        (_, Action::Send | Action::Write | Action::Call | Action::Execute) => {
            (&[A::Value], Answer::Done)
        }
        (_, Action::Receive) => (&[], Answer::PerhapsValue),
        (_, Action::Read) => (&[], Answer::Value),
        (_, Action::Put) => (&[A::Key, A::Value], Answer::Done),
        (_, Action::Get) => (&[A::Key], Answer::PerhapsValue),
        (_, Action::Delete) => (&[A::Key], Answer::Done),
        (_, Action::Raise | Action::Handle) => (&[A::Key, A::PerhapsValue], Answer::Done),
        (_, Action::TryWait | Action::TryLock | Action::TryReadLock) => (&[], Answer::Refusable),
        (_, Action::Post | Action::Wait | Action::Lock | Action::ReadLock | Action::Unlock) => {
            (&[], Answer::Done)
        }
        (_, Action::Crash) => (&[], Answer::Done),
    }
}

/// The words of a line, one after the other.
struct Words<'a> {
    rest: std::iter::Peekable<std::str::SplitAsciiWhitespace<'a>>,
}

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        let word = self.rest.next();
        word.ok_or_else(|| format!("{what} is missing; the line may be cut off"))
    }

    fn number<N: std::str::FromStr>(&mut self, what: &str) -> Result<N, String> {
        let word = self.next(what)?;
        number(word, what)
    }

    /// Returns a number that may be missing at the end, or before `=`.
    fn perhaps_number(&mut self, what: &str, otherwise: i64) -> Result<i64, String> {
        match self.rest.next_if(|word| *word != "=") {
            Some(word) => number(word, what),
            None => Ok(otherwise),
        }
    }
}

fn number<N: std::str::FromStr>(word: &str, what: &str) -> Result<N, String> {
    let number = word.parse();
    number.map_err(|_| format!("{what} should be an integer, but is `{}`", shortened(word)))
}

/// Returns a word as messages quote it.
pub(super) fn shortened(word: &str) -> String {
    let mut start: String = word.chars().take(40).collect();
    if start.len() < word.len() {
        start.push('…');
    }
    start
}

/// Reads the line of an operation of such an object.
pub(super) fn operation(
    line: &str,
    object: Object,
    operations: &mut Operations,
) -> Result<Line, String> {
    let mut words = Words {
        rest: line.split_ascii_whitespace().peekable(),
    };
    let called = words.number("the moment of the call")?;
    let answered = match words.next("the moment of the answer")? {
        "-" => NEVER,
        word => number(word, "the moment of the answer")?,
    };
    if answered < called {
        return Err(format!(
            "it answers at {answered}, before it is called at {called}"
        ));
    }
    let name = words.next("the process")?;
    let process = operations.known(name).ok_or_else(|| {
        let name = shortened(name);
        format!("`{name}` is not among the processes that this history names")
    })?;
    let action = words.next("the action")?;
    let known = Action::named(action).filter(|action| object.actions().contains(action));
    let action = known.ok_or_else(|| unknown(object, action))?;
    let mut op = Op::new(process, action).at(called, answered);
    let (arguments, answers) = form(object, action);
    for argument in arguments {
        read_argument(&mut words, *argument, &mut op, operations)?;
    }
    let read = read_answer(&mut words, answers, op, operations)?;
    match words.rest.next() {
        None => Ok(read),
        Some(word) => Err(format!("`{}` is one word too many", shortened(word))),
    }
}

fn unknown(object: Object, action: &str) -> String {
    let known: Vec<&str> = object.actions().iter().map(|a| a.name()).collect();
    format!(
        "{} knows no `{}`; it knows {}",
        object.name(),
        shortened(action),
        known.join(", ")
    )
}

fn read_argument(
    words: &mut Words<'_>,
    argument: Argument,
    op: &mut Op,
    operations: &mut Operations,
) -> Result<(), String> {
    match argument {
        Argument::Value => op.value = words.number("the value")?,
        Argument::Key => op.key = words.number("the number after the action")?,
        Argument::PerhapsLength => op.key = words.perhaps_number("the length", NO_LENGTH)?,
        Argument::PerhapsValue => op.value = words.perhaps_number("the value", 0)?,
        Argument::Bytes => keep(words.next("what was written")?, op, operations)?,
    }
    Ok(())
}

fn keep(word: &str, op: &mut Op, operations: &mut Operations) -> Result<(), String> {
    let bytes = bytes::read(word)?;
    op.value = operations.bytes.len() as i64;
    op.key = bytes.len() as i64;
    operations.bytes.extend(bytes);
    Ok(())
}

/// Reads `=` and what follows.
fn read_answer(
    words: &mut Words<'_>,
    answers: Answer,
    mut op: Op,
    operations: &mut Operations,
) -> Result<Line, String> {
    match words.rest.next() {
        None if answers != Answer::Done && !op.is_pending() => {
            let name = op.action.name();
            return Err(format!(
                "this `{name}` has no answer; the line may be cut off"
            ));
        }
        None => return Ok(Line::Operation(op)),
        Some("=") => {}
        Some(word) => return Err(format!("`{}` stands where `=` should", shortened(word))),
    }
    if op.is_pending() {
        return Err("it has an answer, but `-` says that it was cut off".to_owned());
    }
    match (words.next("the answer")?, answers) {
        ("failed", _) => return Ok(Line::Failed),
        ("ok", Answer::Done | Answer::Refusable) => {}
        ("refused", Answer::Refusable) => op.nothing = true,
        ("nothing", Answer::PerhapsValue | Answer::PerhapsMessage | Answer::Bytes) => {
            op.nothing = true;
        }
        (word, Answer::Value | Answer::PerhapsValue) => op.value = number(word, "the answer")?,
        (word, Answer::PerhapsMessage) => {
            op.value = number(word, "the answer")?;
            op.key = words.perhaps_number("the length", NO_LENGTH)?;
        }
        (word, Answer::Bytes) => keep(word, &mut op, operations)?,
        (word, _) => {
            let name = op.action.name();
            return Err(format!("`{name}` cannot answer `{}`", shortened(word)));
        }
    }
    Ok(Line::Operation(op))
}
