//! Operations of a history in words and drawn as intervals.

use super::witness::{Interval, draw_intervals};
use super::{Action, NO_LENGTH, Op, Operations};

/// Draws operations, given by index, one a line in the order of their calls: who, what,
/// and when relative to the others. `>` never answered.
///
/// ```
/// use crosswire_histories::{Action, Op, Operations, draw};
/// let mut operations = Operations::default();
/// let (p, c) = (operations.process("producer"), operations.process("consumer"));
/// operations.list.push(Op::new(p, Action::Send).value(1).at(10, 20));
/// operations.list.push(Op::new(c, Action::Receive).value(1).at(15, 90));
/// assert_eq!(
///     draw(&operations, &[0, 1]),
///     [
///         "producer: send(1)       |-------|",
///         "consumer: recv gives 1      |-------|",
///     ],
/// );
/// ```
pub fn draw(operations: &Operations, witness: &[usize]) -> Vec<String> {
    let mut witness = witness.to_vec();
    witness.sort_by_key(|i| operations.list.get(*i).map(|op| (op.called, op.answered)));
    let intervals = witness.iter().filter_map(|i| {
        let op = operations.list.get(*i)?;
        Some(Interval {
            label: format!("{}: {}", operations.who(*i), described(operations, op)),
            called: op.called,
            answered: (!op.is_pending()).then_some(op.answered),
        })
    });
    draw_intervals(&intervals.collect::<Vec<_>>())
}

/// Returns an operation in words, such as `send(1)` or `recv gives nothing`.
pub fn described(operations: &Operations, op: &Op) -> String {
    let name = op.action.name();
    let bytes = || operations.bytes_of(op).escape_ascii().to_string();
    let is_bytes = !operations.bytes.is_empty();
    let (arguments, gives) = match op.action {
        Action::Send if op.key == NO_LENGTH || op.key == 0 => (format!("({})", op.value), None),
        Action::Send => (format!("({}, {})", op.value, op.key), None),
        Action::Write if is_bytes => (format!("(\"{}\")", bytes()), None),
        Action::Write | Action::Call | Action::Execute => (format!("({})", op.value), None),
        Action::Put => (format!("({}, {})", op.key, op.value), None),
        Action::Delete | Action::Raise | Action::Handle => (format!("({})", op.key), None),
        Action::Get => (format!("({})", op.key), Some(op.value.to_string())),
        Action::Read if is_bytes => (String::new(), Some(format!("\"{}\"", bytes()))),
        Action::Receive | Action::Read => (String::new(), Some(op.value.to_string())),
        _ => (String::new(), None),
    };
    match (gives, op.is_pending(), op.nothing) {
        (_, true, _) if op.action != Action::Send => format!("{name}{arguments}, cut off"),
        (Some(_), _, true) => format!("{name}{arguments} gives nothing"),
        (None, _, true) => format!("{name}{arguments} is refused"),
        (Some(value), ..) => format!("{name}{arguments} gives {value}"),
        (None, ..) => format!("{name}{arguments}"),
    }
}
