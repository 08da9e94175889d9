//! The table of all mechanisms and perils.

use crate::adapters::adapter_case;
use crate::case::{Case, Cell, VERB, Watch, Way};
use crosswire::Budget;
use crosswire::conformance::{self, Trial, trials};
use crosswire::contract::{Channel, Contract, Lock, Notifier, Rpc, RwLock, Semaphore, SharedCell};
use crosswire::model::Record;
use crosswire_mechanisms::{cell, channel, lock, notifier, rpc, semaphore};

/// Returns the case of which a program that calls [`reenter`] has recorded this run.
pub fn recorded(record: &Record) -> Option<Case> {
    match record.programs.first()?.command.as_slice() {
        [_, verb, name, command @ ..] if verb == VERB => case(name, command),
        _ => None,
    }
}

/// Becomes the processes of the case with this name, if the program has been
/// started for that; does not return then.
///
/// # Errors
/// If there is no case of that name, or the program was started by hand.
pub fn reenter(name: &str, command: &[String]) -> Result<(), String> {
    let case = case(name, command).ok_or_else(|| format!("there is no scenario `{name}`"))?;
    if std::env::var_os("CROSSWIRE_SCENARIO").is_some() {
        case.explore(Budget::runs(0), Watch::NOBODY);
    }
    Err(format!(
        "scenario `{name}` is performed by the harness only"
    ))
}

/// Returns the case of this name: of a reference implementation, or of an adapter.
fn case(name: &str, command: &[String]) -> Option<Case> {
    match command {
        [] => cases().into_iter().find(|case| case.name == name),
        _ => adapter_case(name, command),
    }
}

/// Returns every case, in the order of the table.
pub fn cases() -> Vec<Case> {
    cells().into_iter().filter_map(Cell::into_case).collect()
}

/// Entry of a mechanism in the table.
#[derive(Clone, Copy)]
struct Entry {
    contract: &'static Contract,
    /// The most senders and receivers, of a channel.
    most: (usize, usize),
    case: fn(Entry, Trial) -> Case,
}

/// The entry of a mechanism: its type, its trait, and the scenario of that trait.
macro_rules! entry {
    ($type:ty : $facility:ident, $scenario:ident, $most:expr) => {
        Entry {
            contract: <$type as $facility>::CONTRACT,
            most: $most,
            case: |entry, trial| {
                entry.case_with(
                    trial,
                    |case, way, settings, watch| {
                        let named = crosswire::scenario!(case.name.as_str());
                        let scenario = conformance::$scenario::<$type>(named, case.trial);
                        case.explored(scenario, way, settings, watch)
                    },
                    |case, record, changes| {
                        let named = crosswire::scenario!(case.name.as_str());
                        let scenario = conformance::$scenario::<$type>(named, case.trial);
                        case.reached(scenario, Way::Verb).replay(record, changes)
                    },
                    |case, record, time, stop| {
                        let named = crosswire::scenario!(case.name.as_str());
                        let scenario = conformance::$scenario::<$type>(named, case.trial);
                        case.reached(scenario, Way::Verb)
                            .shrink(record, time, stop)
                    },
                    |case, schedules| {
                        let named = crosswire::scenario!(case.name.as_str());
                        let scenario = conformance::$scenario::<$type>(named, case.trial);
                        case.crashed(scenario, schedules)
                    },
                )
            },
        }
    };
    ($type:ty : Channel) => {
        entry!(
            $type: Channel,
            channel,
            (<$type as Channel>::SENDERS, <$type as Channel>::RECEIVERS)
        )
    };
    ($type:ty : Lock) => {
        entry!($type: Lock, lock, (0, 0))
    };
    ($type:ty : RwLock) => {
        entry!($type: RwLock, rwlock, (0, 0))
    };
    ($type:ty : Semaphore) => {
        entry!($type: Semaphore, semaphore, (0, 0))
    };
    ($type:ty : Notifier) => {
        entry!($type: Notifier, notifier, (0, 0))
    };
    ($type:ty : SharedCell) => {
        entry!($type: SharedCell, cell, (0, 0))
    };
    ($type:ty : Rpc) => {
        entry!($type: Rpc, rpc, (0, 0))
    };
}

/// Returns every mechanism, in the order of the table.
fn entries() -> Vec<Entry> {
    vec![
        entry!(channel::Pipe: Channel),
        entry!(channel::Fifo: Channel),
        entry!(channel::SysvQueue: Channel),
        entry!(channel::SysvTypedQueue: Channel),
        entry!(channel::PosixQueue: Channel),
        entry!(notifier::QueueNotice: Notifier),
        entry!(semaphore::SysvSemaphore: Semaphore),
        entry!(semaphore::SysvSemaphoreWithoutUndo: Semaphore),
        entry!(semaphore::NamedSemaphore: Semaphore),
        entry!(semaphore::SharedSemaphore: Semaphore),
        entry!(cell::SysvSharedMemory: SharedCell),
        entry!(cell::PosixSharedMemory: SharedCell),
        entry!(cell::MappedFile: SharedCell),
        entry!(channel::UnixStream: Channel),
        entry!(channel::UnixDatagram: Channel),
        entry!(channel::UnixSeqpacket: Channel),
        entry!(channel::Tcp: Channel),
        entry!(channel::Udp: Channel),
        entry!(notifier::HandledSignal: Notifier),
        entry!(notifier::WaitedSignal: Notifier),
        entry!(notifier::SignalfdSignal: Notifier),
        entry!(notifier::RealTimeSignal: Notifier),
        entry!(notifier::RealTimeSignalFd: Notifier),
        entry!(lock::PlainMutex: Lock),
        entry!(lock::RobustMutex: Lock),
        entry!(notifier::ConditionVariable: Notifier),
        entry!(lock::PthreadRwLock: RwLock),
        entry!(lock::FutexMutex: Lock),
        entry!(lock::Flock: Lock),
        entry!(lock::Flock: RwLock),
        entry!(lock::FcntlLock: Lock),
        entry!(lock::FcntlLock: RwLock),
        entry!(lock::OfdLock: Lock),
        entry!(lock::OfdLock: RwLock),
        entry!(notifier::EventFdNotifier: Notifier),
        entry!(semaphore::EventFdSemaphore: Semaphore),
        entry!(channel::SpscRing: Channel),
        entry!(channel::MpscRing: Channel),
        entry!(cell::SequenceLock: SharedCell),
        entry!(channel::Direct: Channel),
        entry!(channel::Mailbox: Channel),
        entry!(rpc::UnixRpc: Rpc),
    ]
}

type Explore = fn(&Case, Way, crate::Settings, Watch<'_>) -> crosswire::Report;
type Replay = fn(
    &Case,
    &Record,
    crosswire::explore::Changes,
) -> Result<crosswire::explore::Replay, crosswire::explore::ReplayError>;

type Crash = fn(&Case, u32) -> Option<crosswire::explore::CrashReport>;

type Shrink = fn(
    &Case,
    &Record,
    std::time::Duration,
    &std::sync::atomic::AtomicBool,
) -> Result<crosswire::explore::Reduced, crosswire::explore::ReduceError>;

impl Entry {
    fn case_with(
        self,
        trial: Trial,
        explore: Explore,
        replay: Replay,
        shrink: Shrink,
        crash: Crash,
    ) -> Case {
        let Trial {
            peril,
            some,
            others,
        } = trial;
        let mechanism = self.contract.name;
        let (promise, source) = match self.contract.under(peril) {
            Ok(promise) => (promise.text, promise.source),
            Err(because) => (because, ""),
        };
        Case {
            name: format!("{mechanism}/{peril}/{some}-{others}"),
            mechanism,
            fault: peril,
            promise,
            source,
            trial,
            command: Vec::new(),
            explore,
            replay,
            shrink,
            crash,
        }
    }
}

/// Returns the whole table: mechanism by mechanism, peril by peril.
pub fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for entry in entries() {
        let contract = entry.contract;
        for &fault in contract.facility.perils() {
            if let Err(because) = contract.under(fault) {
                cells.push(Cell::Exempt {
                    mechanism: contract.name,
                    fault,
                    because,
                });
            }
            for trial in trials(contract, entry.most, fault) {
                cells.push(Cell::Case((entry.case)(entry, trial)));
            }
        }
    }
    cells
}

/// Returns the contracts of all mechanisms in the table, and the most senders and
/// receivers that those of channels can have.
pub(crate) fn channel_ends() -> Vec<(&'static Contract, (usize, usize))> {
    let entries = entries();
    entries
        .iter()
        .map(|entry| (entry.contract, entry.most))
        .collect()
}

/// Returns the contracts of all mechanisms in the table.
pub fn contracts() -> Vec<&'static Contract> {
    entries().iter().map(|entry| entry.contract).collect()
}
