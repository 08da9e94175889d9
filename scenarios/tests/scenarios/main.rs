//! Scenarios as tests write them: how they behave, what they find in broken
//! implementations, and that the mechanisms keep what they promise.

mod adapters;
mod barrier;
mod broken;
mod conformance;
mod contracts;
mod crash;
mod crash_points;
mod cut_off;
mod face;
mod free_running;
mod replay;
mod search;
