//! Crosswire.
#[allow(dead_code)]
pub(crate) mod sys;
pub mod check;
pub mod engine;
pub mod model;
