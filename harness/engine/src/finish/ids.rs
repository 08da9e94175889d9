//! Numbers of System V objects as the trace holds them. Without an ipc namespace the kernel goes
//! on where the machine's other programs have come to; the trace numbers the objects of a run in
//! the order in which it first gets them, as a new namespace would.

use crosswire_calls::SystemV;

/// The objects of a run, in that order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    known: Vec<(SystemV, i64)>,
}

impl Ids {
    /// Takes note of the kernel's number of an object.
    pub fn note(&mut self, kind: SystemV, id: i64) {
        if !self.known.contains(&(kind, id)) {
            self.known.push((kind, id));
        }
    }

    /// Returns the number in the trace; the kernel's own for an object that the run has not got.
    pub fn stable(&self, kind: SystemV, id: i64) -> i64 {
        let mut of_kind = self.known.iter().filter(|known| known.0 == kind);
        let position = of_kind.position(|known| known.1 == id);
        position.map_or(id, |position| position as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_by_itself() {
        let mut ids = Ids::default();
        for (kind, id) in [
            (SystemV::Queue, 36),
            (SystemV::Memory, 99),
            (SystemV::Queue, 36),
            (SystemV::Queue, 70),
        ] {
            ids.note(kind, id);
        }
        assert_eq!(ids.stable(SystemV::Queue, 36), 0);
        assert_eq!(ids.stable(SystemV::Queue, 70), 1);
        assert_eq!(ids.stable(SystemV::Memory, 99), 0);
        assert_eq!(ids.stable(SystemV::Memory, 7), 7);
    }
}
