//! Virtual time: clocks, CPU time, timers, and the time-outs of calls that wait.

pub(crate) mod clock;
mod cpu;
mod expiry;
pub(crate) mod lent;
mod namespaces;
pub(crate) mod offsets;
pub(crate) mod readings;
pub(crate) mod timer_calls;
pub(crate) mod timers;
pub(crate) mod tsc;
mod usage;
pub(crate) mod waits;
