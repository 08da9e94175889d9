//! Crosswire.
pub mod model;
pub mod engine;
#[allow(dead_code)]
pub mod sys;
