//! Calls that measure what was used of the machine.

use crate::{Arg, Does, Row};

/// A measurement that a call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Resources that a process or its children have used: getrusage(2).
    Usage,
    /// CPU time in ticks: times(2).
    Times,
    /// Resources that the machine has left: sysinfo(2).
    Machine,
}

impl Row {
    /// Returns what the call measures.
    pub fn measures(&self) -> Option<Measure> {
        match self.name {
            "getrusage" => Some(Measure::Usage),
            "times" => Some(Measure::Times),
            "sysinfo" => Some(Measure::Machine),
            _ => None,
        }
    }

    /// The argument with the place for what an ended child has used: wait4(2), and waitid(2) as
    /// the kernel has it.
    pub fn usage_of_child(&self) -> Option<usize> {
        let last = self.args.len().checked_sub(1)?;
        let is_it = self.does == Does::WaitChild && self.args[last] == Arg::Out;
        is_it.then_some(last)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_calls_that_measure_are_in_the_table() {
        assert_eq!(crate::rows().filter_map(|row| row.measures()).count(), 3);
        let children = crate::rows().filter_map(|row| Some((row.name, row.usage_of_child()?)));
        let children: Vec<_> = children.collect();
        assert_eq!(children, [("wait4", 3), ("waitid", 4)]);
    }
}
