//! One run under way. Each part of its state has an owner, which the files of this crate
//! pass what they do through; the order of things is in `turns`, `step`, `settle` and
//! `stops`.

use super::reports::Reports;
use super::scheduling::Scheduling;
use super::setup::Setup;
use super::tasks::{Processes, Tasks};
use super::turn::Turn;
use crate::emulate::chance::Chance;
use crate::emulate::limited::Terminals;
use crate::emulate::network::Network;
use crate::emulate::time::clock::Clock;
use crate::emulate::time::timers::Timers;
use crate::error::EngineError;
use crate::faults::armed::Faults;
use crate::files::known::Files;
use crate::finish::ipc::Ipc;
use crate::footprint::contest::Contest;
use crate::footprint::footprints::Footprints;
use crate::loops::Loops;
use crate::memory::{Knowledge, SharedMemory};
use crate::observe::recorder::Recorder;
use crate::proc::served::Texts;
use crate::schedule::choose::{CannotRun, Chooser};
use crate::start::reads::EarlyReads;
use crosswire_model::End;

/// Why a run ends before its processes do.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It is over, in this way.
    End(End),
    /// The harness itself failed.
    Failed(EngineError),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Halt {
        Halt::Failed(EngineError::Machine(format!("tracing: {error}")))
    }
}

impl From<CannotRun> for Halt {
    fn from(CannotRun { step, task }: CannotRun) -> Halt {
        Halt::End(End::Invalid(format!(
            "the plan lets task {task} take step {step}, but it cannot run then"
        )))
    }
}

/// The state of one run, by owners.
pub(crate) struct Session<'a> {
    pub setup: Setup<'a>,
    pub tasks: Tasks,
    pub processes: Processes,
    /// How process 1 of the sandbox is scheduled, as far as programs know.
    pub scheduling_of_first: Scheduling,
    pub turn: Turn,
    pub chooser: Chooser,
    pub reports: Reports,
    pub clock: Clock,
    pub timers: Timers,
    pub chance: Chance,
    pub network: Network,
    pub terminals: Terminals,
    pub ipc: Ipc,
    pub files: Files,
    pub texts: Texts,
    pub faults: Faults,
    pub memory: SharedMemory,
    pub loops: Loops,
    pub footprints: Footprints,
    pub early: EarlyReads,
    pub contest: Contest,
    pub recorder: Recorder,
}

impl<'a> Session<'a> {
    /// A run in which nobody has been started.
    pub fn new(setup: Setup<'a>, knowledge: Knowledge) -> Session<'a> {
        Session {
            setup,
            tasks: Tasks::default(),
            processes: Processes::default(),
            scheduling_of_first: Scheduling::default(),
            turn: Turn::new(),
            chooser: Chooser::new(&setup.plan.schedule),
            reports: Reports::default(),
            clock: Clock::default(),
            timers: Timers::default(),
            chance: Chance::default(),
            network: Network::default(),
            terminals: Terminals::default(),
            ipc: Ipc::default(),
            files: Files::default(),
            texts: Texts::default(),
            faults: Faults::new(&setup.plan.faults),
            memory: SharedMemory::new(knowledge),
            loops: Loops::default(),
            footprints: Footprints::default(),
            early: EarlyReads::default(),
            contest: Contest::default(),
            recorder: Recorder::default(),
        }
    }
}
