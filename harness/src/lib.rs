//! Crosswire.
#[allow(dead_code)]
pub(crate) mod sys;
pub mod check;
pub mod engine;
pub mod explore;
pub mod model;
pub mod report;
pub mod scenario;

pub use explore::{Budget, Report};
pub use scenario::{Faults, Log, mark};
