//! The table of all mechanisms and perils.

use crate::case::{Case, Cell, VERB, Watch, Way};
use crosswire::Budget;
use crosswire::conformance::{self, Trial, trials};
use crosswire::contract::{Channel, Contract};
use crosswire::model::Record;
use crosswire_mechanisms::channel;

/// The case of which a program that calls [`reenter`] has recorded this run.
pub fn recorded(record: &Record) -> Option<Case> {
    match record.programs.first()?.command.as_slice() {
        [_, verb, name] if verb == VERB => cases().into_iter().find(|case| case.name == *name),
        _ => None,
    }
}

/// Becomes the processes of the case with this name, if the program has been
/// started for that; does not return then.
///
/// # Errors
/// If there is no case of that name, or the program was started by hand.
pub fn reenter(name: &str) -> Result<(), String> {
    let case = cases()
        .into_iter()
        .find(|case| case.name == name)
        .ok_or_else(|| format!("there is no scenario `{name}`"))?;
    if std::env::var_os("CROSSWIRE_SCENARIO").is_some() {
        case.explore(Budget::runs(0), Watch::NOBODY);
    }
    Err(format!(
        "scenario `{name}` is performed by the harness only"
    ))
}

/// Every case, in the order of the table.
pub fn cases() -> Vec<Case> {
    let cases = cells().into_iter().filter_map(|cell| match cell {
        Cell::Case(case) => Some(case),
        Cell::Exempt { .. } => None,
    });
    cases.collect()
}

/// What a mechanism brings into the table.
#[derive(Clone, Copy)]
struct Entry {
    contract: &'static Contract,
    /// The most receivers, of a channel.
    receivers: usize,
    case: fn(Entry, Trial) -> Case,
}

/// The entry of a mechanism: its type, its trait, and the scenario of that trait.
macro_rules! entry {
    ($type:ty : $facility:ident, $scenario:ident, $receivers:expr) => {
        Entry {
            contract: <$type as $facility>::CONTRACT,
            receivers: $receivers,
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
                )
            },
        }
    };
    ($type:ty : Channel) => {
        entry!($type: Channel, channel, <$type as Channel>::RECEIVERS)
    };
}

/// Every mechanism, in the order of the table.
fn entries() -> Vec<Entry> {
    vec![
        entry!(channel::Pipe: Channel),
        entry!(channel::Fifo: Channel),
        entry!(channel::SysvQueue: Channel),
        entry!(channel::SysvTypedQueue: Channel),
        entry!(channel::PosixQueue: Channel),
        entry!(channel::UnixStream: Channel),
        entry!(channel::UnixDatagram: Channel),
        entry!(channel::UnixSeqpacket: Channel),
        entry!(channel::Tcp: Channel),
        entry!(channel::Udp: Channel),
        entry!(channel::Direct: Channel),
        entry!(channel::Mailbox: Channel),
    ]
}

type Explore = fn(&Case, Way, crate::Settings, Watch<'_>) -> crosswire::Report;
type Replay = fn(
    &Case,
    &Record,
    crosswire::explore::Changes,
) -> Result<crosswire::explore::Replay, crosswire::explore::ReplayError>;

type Shrink = fn(
    &Case,
    &Record,
    std::time::Duration,
    &std::sync::atomic::AtomicBool,
) -> Result<crosswire::explore::Reduced, crosswire::explore::ReduceError>;

impl Entry {
    fn case_with(self, trial: Trial, explore: Explore, replay: Replay, shrink: Shrink) -> Case {
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
            explore,
            replay,
            shrink,
        }
    }
}

/// The whole table: mechanism by mechanism, peril by peril.
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
            for trial in trials(contract, entry.receivers, fault) {
                cells.push(Cell::Case((entry.case)(entry, trial)));
            }
        }
    }
    cells
}

/// The contracts of all mechanisms in the table.
pub fn contracts() -> Vec<Contract> {
    entries().iter().map(|entry| *entry.contract).collect()
}
