//! Times of System V objects. The kernel writes those of the machine's clock; programs see those
//! of the run's.

use crosswire_calls::{Does, Mapping, Row, SystemV};
use std::collections::HashMap;

/// Which of its times a call sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// Of the last msgsnd(2), semop(2) or shmat(2).
    First,
    /// Of the last msgrcv(2) or shmdt(2).
    Second,
    /// Of its creation or the last change of what describes it.
    Changed,
}

const ALL: [Set; 3] = [Set::First, Set::Second, Set::Changed];

/// The times of a run's objects, in seconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct SystemVTimes {
    /// By kind and number.
    known: HashMap<(u8, i32), [u64; ALL.len()]>,
    /// Of the last shmdt(2), which names memory by its address.
    detached: u64,
}

/// The place of a time in what describes an object (asm/msgbuf.h, asm/sembuf.h, asm/shmbuf.h).
fn place(kind: SystemV, set: Set) -> Option<u64> {
    Some(match (kind, set) {
        (SystemV::Queue | SystemV::Semaphores, Set::First) => 48,
        (SystemV::Queue, Set::Second) | (SystemV::Memory, Set::First) => 56,
        (SystemV::Semaphores, Set::Second) => return None,
        (SystemV::Queue | SystemV::Semaphores, Set::Changed) => 64,
        (SystemV::Memory, Set::Second) => 64,
        (SystemV::Memory, Set::Changed) => 72,
    })
}

/// What a successful call sets: the kind and number of an object, and its time.
fn set_by(row: &Row, args: &[u64; 6], result: i64) -> Option<(SystemV, i32, Set)> {
    let own = args[0] as i32;
    Some(match row.does {
        Does::SystemVSend => (SystemV::Queue, own, Set::First),
        Does::SystemVReceive => (SystemV::Queue, own, Set::Second),
        Does::SemaphoreOperation => (SystemV::Semaphores, own, Set::First),
        Does::Map(Mapping::Attach) => (SystemV::Memory, own, Set::First),
        Does::Get(kind) => (kind, result as i32, Set::Changed),
        Does::ControlSystemV(kind) if !row.only_asks(args) => (kind, own, Set::Changed),
        _ => return None,
    })
}

impl SystemVTimes {
    /// A call has succeeded.
    pub fn note(&mut self, row: &Row, args: &[u64; 6], result: i64, now: u64) {
        if row.does == Does::Map(Mapping::Detach) {
            self.detached = now;
        }
        let Some((kind, id, set)) = set_by(row, args, result) else {
            return;
        };
        let object = (kind as u8, id);
        let is_new = !self.known.contains_key(&object);
        let times = self.known.entry(object).or_insert([now; ALL.len()]);
        // Who asks for an object that is there changes nothing.
        if is_new || !matches!(row.does, Does::Get(_)) {
            times[set as usize] = now;
        }
    }

    /// Returns the places of an object's times in what describes it, and the times.
    pub fn of(&self, kind: SystemV, id: i32) -> impl Iterator<Item = (u64, u64)> {
        let known = self.known.get(&(kind as u8, id));
        let known = known.map(|times| {
            ALL.map(|set| match (kind, set) {
                (SystemV::Memory, Set::Second) => (place(kind, set), self.detached),
                _ => (place(kind, set), times[set as usize]),
            })
        });
        let told = known.into_iter().flatten();
        told.filter_map(|(place, time)| Some((place?, time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_model::Call;

    #[test]
    fn calls_set_the_times_that_their_pages_list() {
        let set = |name: &str, args: [u64; 6], result| {
            let call: Call = name.parse().expect("a call");
            set_by(call.row(), &args, result)
        };
        let (msgctl, stat, change) = ("msgctl", libc::IPC_STAT as u64, libc::IPC_SET as u64);
        assert_eq!(
            set("msgsnd", [7, 0, 0, 0, 0, 0], 0),
            Some((SystemV::Queue, 7, Set::First))
        );
        assert_eq!(
            set("msgget", [4711, 0, 0, 0, 0, 0], 9),
            Some((SystemV::Queue, 9, Set::Changed))
        );
        assert_eq!(set(msgctl, [7, stat, 0, 0, 0, 0], 0), None);
        assert_eq!(
            set(msgctl, [7, change, 0, 0, 0, 0], 0),
            Some((SystemV::Queue, 7, Set::Changed))
        );
    }
}
