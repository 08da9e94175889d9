//! Pairs of steps that could have come in the other order, and runs in which they do.

pub(super) mod candidates;
mod fixed;
pub(super) mod hold;
pub(super) mod uses;
mod weight;
