//! Finds races, deadlocks, lost messages and leaked kernel resources in code that
//! communicates between processes on one Linux machine.
//!
//! The processes are real and so is the kernel. Only one task runs at a time, from one
//! system call to the next; a *plan* determines which one, and the faults and their
//! points. Each violation comes with a file that replays it step for step.
//!
//! # Writing a test
//!
//! A [`scenario!`] consists of a set-up, processes, faults that may be injected, and
//! checks. Its processes are closures. Each runs as a process of its own, with its own
//! copy of the set-up's value and the descriptors in it, and records its operations in
//! the [`Log`].
//!
//! ```no_run
//! use crosswire::{Budget, Faults, check, scenario};
//! use std::io::{Read, Write};
//!
//! // #[test]
//! fn orders_survive_a_killed_producer() {
//!     scenario!("orders")
//!         .setup(|| {
//!             let (read, write) = std::io::pipe().unwrap();
//!             (Some(read), Some(write))
//!         })
//!         .process("producer", |(read, write), log| {
//!             *read = None;
//!             let mut end = write.take().unwrap();
//!             for n in 0..5_u8 {
//!                 log.send(n, || end.write_all(&[n])).unwrap();
//!             }
//!         })
//!         .process("consumer", |(read, write), log| {
//!             *write = None;
//!             let mut end = read.take().unwrap();
//!             let mut next = || {
//!                 let mut byte = [0];
//!                 (end.read(&mut byte).unwrap() == 1).then_some(byte[0])
//!             };
//!             while log.recv(&mut next).is_some() {}
//!         })
//!         .faults(Faults::kill("producer"))
//!         .check(check::fifo())
//!         .check(check::no_loss_of_acknowledged())
//!         .explore(Budget::runs(500));
//! }
//! ```
//!
//! Built-in checks: no process waits forever, every process exits with
//! status 0 and without a panic or a fatal signal, and nothing is left behind.
//! [`Expectations`](check::Expectations) change that.
//!
//! [`Scenario::crash`](scenario::Scenario::crash) instead of `explore` kills one process
//! at each of its points that makes a difference, under several schedules.
//! [`workload`](scenario::Named::workload) draws the work of the processes from a proptest
//! strategy, so that values, schedule and faults are searched and shrunk together.
//!
//! Each failure is saved in a file in `crosswire-regressions`, next to the test. Commit
//! it: it is rerun first from then on.
//!
//! # Running it
//!
//! Use `cargo test`, as for any other test. Exploring starts the test's own executable
//! again under the engine, so everything that a test does before the scenario is repeated;
//! see [`Scenario`](scenario::Scenario). If a run shows a violation, the test panics with
//! the violation, the steps that led to it, and the line that replays it:
//!
//! ```text
//! CROSSWIRE_REPLAY=FILE cargo test NAME -- --exact
//! ```
//!
//! A replay performs that one run, and fails with the same violation or reports where it
//! diverged. The file contains the environment of the test; review it before you pass it
//! on.
//!
//! # Verdicts
//!
//! | [`Verdict`](model::Verdict) | meaning |
//! |---|---|
//! | `Pass` | no check found a violation in the runs performed |
//! | `Violation` | the program broke a rule; a replay confirmed it |
//! | `Inconclusive` | a limit was reached, so nothing is known |
//! | `Invalid` | the harness could not do its job, which says nothing about the program |
//!
//! A pass is not a proof. It does not cover
//!
//! * **actions between two schedule points.** Tasks are switched at system calls, at
//!   accesses to memory that processes share, and at [`mark`]s. Accesses of threads to
//!   the memory of their own process are not schedule points: races on it mostly go
//!   undetected. Where they matter, put a [`mark`] between them;
//! * **weak memory.** One task runs at a time, so every run is sequentially
//!   consistent;
//! * **schedules that were not tried**: [`exhaust`](scenario::Scenario::exhaust) explores
//!   every distinguishable interleaving of a small scenario, and reports whether any is
//!   left;
//! * **combinations of faults**: a run has one fault, or two with
//!   [`fault_pairs`](scenario::Scenario::fault_pairs).
//!
//! # Limits
//!
//! Linux on x86-64, version 5.12 or newer, with ptrace(2) permitted. Where namespaces are
//! forbidden, runs share the machine's files and names with each other;
//! [`explore::capabilities`] reports that. Programs under test get `ENOSYS` from
//! `io_uring` and `EPERM` from ptrace; 32-bit programs are refused. Time is virtual: it
//! begins in 2037 and advances by a microsecond per step, and to the next deadline when
//! no task can run. The project's README lists the other limits.
//!
//! # Parts
//!
//! | module | content |
//! |---|---|
//! | [`scenario`](mod@scenario) | tests whose processes are closures |
//! | [`check`] | judgement of runs; checks of channels, and [`promise`](check::promise) for your own |
//! | [`contract`] | promises of channels, locks, …: traits and data |
//! | [`mod@conformance`] | tests of implementations of these traits |
//! | [`explore`] | many runs of any program, replay files |
//! | [`engine`] | one run |
//! | [`report`] | text and JSON |
//! | [`model`] | plans, traces, histories, verdicts: data that can be stored |
pub mod manual {
    //! Longer texts: a tutorial, steering by hand, validating a library, memory order, threads,
    //! searches directed at two places, the meaning of each message, and what stays as it is.

    #[doc = include_str!("manual/tutorial.md")]
    pub mod tutorial {}

    #[doc = include_str!("manual/steer.md")]
    pub mod steer {}

    #[doc = include_str!("manual/validating.md")]
    pub mod validating {}

    #[doc = include_str!("manual/memory.md")]
    pub mod memory {}

    #[doc = include_str!("manual/threads.md")]
    pub mod threads {}

    #[doc = include_str!("manual/suspects.md")]
    pub mod suspects {}

    #[doc = include_str!("manual/messages.md")]
    pub mod messages {}

    #[doc = include_str!("manual/stability.md")]
    pub mod stability {}
}

pub mod conformance;
pub mod scenario;

pub use crosswire_check as check;
pub use crosswire_contract as contract;
pub use crosswire_engine as engine;
pub use crosswire_explore as explore;
pub use crosswire_model as model;
pub use crosswire_report as report;
pub use crosswire_symbols as symbols;

pub use explore::{Budget, Report};
pub use scenario::{Faults, Log, mark};
