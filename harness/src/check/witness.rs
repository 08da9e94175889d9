//! Operations drawn as intervals on a line, one below the other.

use crate::model::Operation;

/// Columns between two moments.
const WIDTH: usize = 4;

/// One line for each operation: who, what, and when relative to the others. Only
/// the order of the moments is drawn, not their distance; `>` never answered.
///
/// ```text
/// producer: send(1)      |---|
/// producer: send(2)               |---|
/// consumer: recv gives 2                   |--->
/// ```
pub(super) fn draw(operations: &[&Operation]) -> Vec<String> {
    let mut moments: Vec<u64> = operations
        .iter()
        .flat_map(|operation| [Some(operation.called), operation.answered()])
        .flatten()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let column = |moment: u64| moments.partition_point(|m| *m < moment) * WIDTH;

    let labels: Vec<String> = operations
        .iter()
        .map(|operation| label(operation))
        .collect();
    let margin = labels.iter().map(|label| label.chars().count()).max();
    let margin = margin.unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for (operation, label) in operations.iter().zip(labels) {
        let from = column(operation.called);
        let (to, mark) = match operation.answered() {
            Some(at) => (column(at).max(from + 1), '|'),
            None => (moments.len() * WIDTH, '>'),
        };
        let (before, during) = (" ".repeat(from), "-".repeat(to - from - 1));
        lines.push(format!("{label:margin$}{before}|{during}{mark}"));
    }
    lines
}

fn label(operation: &Operation) -> String {
    let mut text = format!("{}: {}", operation.process, operation.name);
    match (operation.value, operation.answered(), operation.answer()) {
        (Some(value), _, _) => text.push_str(&format!("({value})")),
        (None, None, _) => text.push_str(" gives no answer"),
        (None, _, Some(answer)) => text.push_str(&format!(" gives {answer}")),
        (None, _, None) => text.push_str(" gives nothing"),
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::check::testing::history;

    #[test]
    fn moments_are_drawn_in_order_one_below_the_other() {
        let history =
            history("p: send(1) 10-20, c: recv=1 15-900, d: recv 30, c: recv=none 950-951");
        let lines = super::draw(&history.operations.iter().collect::<Vec<_>>());
        assert_eq!(
            lines,
            [
                "p: send(1)               |-------|",
                "c: recv gives 1              |-----------|",
                "d: recv gives no answer              |--------------->",
                "c: recv gives nothing                        |---|",
            ]
        );
    }
}
