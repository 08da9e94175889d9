//! Real processes under the harness: that they do what they do natively, repeat exactly,
//! leave nothing behind, and that every order of their steps can be tried.

mod answers;
mod choices;
mod clocks;
mod containers;
mod containment;
mod determinism;
mod escapes;
mod exercise;
mod exhaust;
mod faults;
mod images;
mod independence;
mod killed;
mod loops;
mod machine;
mod memory;
mod outside;
mod own_errors;
mod real_programs;
mod shards;
mod shared_pages;
mod shared_programs;
mod start_up;
mod suspects;
mod symbols;
mod threads;
mod unprivileged;
mod wrappers;
