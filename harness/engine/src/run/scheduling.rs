//! How a thread asked to be scheduled: kept and told, without effect.

/// How a thread asked to be scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scheduling {
    pub policy: i32,
    /// From 1 to 99 under a real-time policy, else 0.
    pub priority: i32,
    /// Its children are scheduled as usual.
    pub resets_on_fork: bool,
    /// The CPUs that it asked for; empty if for none.
    pub cpus: Vec<usize>,
}

impl Scheduling {
    /// Returns the scheduling of a thread or process that it creates.
    pub fn of_child(&self) -> Scheduling {
        match self.resets_on_fork {
            true => Scheduling {
                cpus: self.cpus.clone(),
                ..Scheduling::default()
            },
            false => self.clone(),
        }
    }

    /// Tells whether it asked for CPUs.
    pub fn names_cpus(&self) -> bool {
        !self.cpus.is_empty()
    }
}
