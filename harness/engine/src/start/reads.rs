//! Files of the run at which programs have looked while they started.

use std::collections::BTreeSet;

/// What start-ups have looked at, and what a run does to it.
#[derive(Debug, Default)]
pub(crate) struct EarlyReads {
    /// Objects at which the program has looked whose template is being prepared.
    pub seen: BTreeSet<String>,
    /// Objects that this run has changed after another program had looked at them.
    pub contested: BTreeSet<String>,
}
