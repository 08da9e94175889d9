//! Performs runs on the CPUs there are.

pub(crate) mod capabilities;
pub(crate) mod confirm;
pub(crate) mod cpus;
pub(crate) mod examiner;
pub(crate) mod explored;
mod give_up;
pub(crate) mod pool;
pub(crate) mod runner;
pub(crate) mod sampling;
pub(crate) mod worker;
