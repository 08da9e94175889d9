//! Operations drawn as intervals on a line, one below the other.

use crosswire_model::Operation;

/// Columns between two moments.
const WIDTH: usize = 4;

/// Draws each operation in one line: process, operation, and its time relative to the
/// others. Shows only the order of the moments, not their distance; `>` never answered.
///
/// ```text
/// producer: send(1)      |---|
/// producer: send(2)               |---|
/// consumer: recv gives 2                   |--->
/// ```
pub fn draw(operations: &[&Operation]) -> Vec<String> {
    let intervals = operations.iter().map(|operation| Interval {
        label: label(operation),
        called: operation.called,
        answered: operation.answered(),
    });
    draw_intervals(&intervals.collect::<Vec<_>>())
}

/// An operation as it is drawn.
pub struct Interval {
    /// Process and operation.
    pub label: String,
    /// Time of the call.
    pub called: u64,
    /// Time of the answer, if any.
    pub answered: Option<u64>,
}

/// Draws intervals, one a line.
pub fn draw_intervals(intervals: &[Interval]) -> Vec<String> {
    let mut moments: Vec<u64> = intervals
        .iter()
        .flat_map(|interval| [Some(interval.called), interval.answered])
        .flatten()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let column = |moment: u64| moments.partition_point(|m| *m < moment) * WIDTH;

    let margin = intervals
        .iter()
        .map(|interval| interval.label.chars().count());
    let margin = margin.max().unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for Interval {
        label,
        called,
        answered,
    } in intervals
    {
        let from = column(*called);
        let (to, mark) = match *answered {
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
    use crosswire_model::testing::history;

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
