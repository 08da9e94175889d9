//! Finds races, deadlocks, lost messages and leaked kernel resources in code that
//! communicates between processes on one Linux machine.
//!
//! The processes are real and so is the kernel. Only one task runs at a time, from
//! one system call to the next; a *plan* says which, and what goes wrong where. A
//! violation comes with a file that replays it, step by step the same.
//!
//! # Writing a test
//!
//! A [`scenario!`] consists of a set-up, processes, faults that may strike, and
//! checks. Its processes are closures. Each is a process of its own, with its own
//! copy of the set-up's value and the descriptors in it; what it does is told to the
//! [`Log`].
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
//! Always checked, besides: that nobody waits for ever, that every process ends with
//! status 0 and without a panic or a fatal signal, and that nothing is left behind.
//! [`Expectations`](check::Expectations) change that.
//!
//! [`Scenario::crash`](scenario::Scenario::crash) instead of `explore` kills one process
//! at each of its points, under several schedules.
//! [`workload`](scenario::Named::workload) draws what the processes do from a proptest
//! strategy, so that values, schedule and faults are searched and made simpler together.
//!
//! What was found is kept in a file in `crosswire-regressions`, next to the test. Commit
//! it: it is run first from then on.
//!
//! # Running it
//!
//! `cargo test`, as any other test. Exploring starts the test's own executable again
//! under the engine, so whatever a test does before the scenario is done again; see
//! [`Scenario`](scenario::Scenario). If a run breaks something the test panics with
//! what happened, the steps that led there, and the line that replays it:
//!
//! ```text
//! CROSSWIRE_REPLAY=FILE cargo test NAME -- --exact
//! ```
//!
//! A replay performs that one run, and fails with the same violation or says where it
//! went another way. The file holds the environment of the test; look at it before
//! you hand it on.
//!
//! # What a verdict means
//!
//! | [`Verdict`](model::Verdict) | meaning |
//! |---|---|
//! | `Pass` | nothing that was checked was violated in the runs that were performed |
//! | `Violation` | the program did what it must not do; it was confirmed by a replay |
//! | `Inconclusive` | a limit was reached, so nothing is known |
//! | `Invalid` | the harness could not do its job, which says nothing about the program |
//!
//! A pass is no proof. It does not cover
//!
//! * **what happens between two schedule points.** Tasks are switched at system calls,
//!   at accesses to memory that processes share, and at [`mark`]s. Accesses of threads
//!   to the memory of their own process are none: races on it are mostly unseen. Where
//!   they matter, put a [`mark`] between them;
//! * **weak memory.** One task runs at a time, so every run is sequentially
//!   consistent;
//! * **schedules that were not tried**: [`exhaust`](scenario::Scenario::exhaust) tries all
//!   that can matter of a small scenario, and says whether it has;
//! * **combinations of faults**: a run has one, or two where
//!   [`fault_pairs`](scenario::Scenario::fault_pairs) asks for that.
//!
//! # Limits
//!
//! Linux on x86-64, version 5.11 or newer, with ptrace(2) permitted. Where
//! namespaces are not, runs share the machine's files and names with each other;
//! [`explore::capabilities`] tells. Programs under test get `ENOSYS` from `io_uring`
//! and `EPERM` from ptrace; 32-bit ones are refused. Time is virtual: it begins in
//! 2037 and goes on by a microsecond a step, and by jumps when nobody can go on.
//! The project's README lists the rest.
//!
//! # Parts
//!
//! | module | what is in it |
//! |---|---|
//! | [`scenario`](mod@scenario) | tests whose processes are closures |
//! | [`check`] | what is said about a run; checks of channels, and [`promise`](check::promise) for your own |
//! | [`contract`] | what channels, locks, … promise: traits and data |
//! | [`mod@conformance`] | tests of whatever implements them |
//! | [`explore`] | many runs of any program, replay files |
//! | [`engine`] | one run |
//! | [`report`] | text and JSON |
//! | [`model`] | plans, traces, histories, verdicts: data that can be stored |
pub mod manual {
    //! Longer texts: a tutorial, and what each message means.

    #[doc = include_str!("manual/tutorial.md")]
    pub mod tutorial {}

    #[doc = include_str!("manual/messages.md")]
    pub mod messages {}
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
