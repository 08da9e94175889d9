//! Numbers of files that were made in the run. The kernel counts on from run to run, and from
//! worker to worker; programs see a number that follows from the name under which the file was
//! first seen, so that it does not depend on what else was looked at before.

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A file by its device and its inode number.
pub(crate) type Inode = (u64, u64);

/// Numbers are given out from here on: above those of most file systems, and small enough for
/// programs that keep them in an `int`.
const FIRST: u64 = 2_000_000_000;
const SPAN: u64 = 100_000_000;

/// As long as there are few, the lower halves of two numbers differ, too: ftok(3) makes keys of
/// them, and numbers given out in a row would not collide.
const FEW: usize = 1 << 15;

/// What programs see of each file.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    shown: HashMap<Inode, Inode>,
    taken: HashSet<u64>,
    halves: HashSet<u16>,
}

impl Numbers {
    /// Returns the shown key of a file that has been seen before.
    pub fn known(&self, key: Inode) -> Option<Inode> {
        self.shown.get(&key).copied()
    }

    /// Shows a file from now on under this key.
    pub fn set(&mut self, key: Inode, shown: Inode) -> Inode {
        self.shown.insert(key, shown);
        shown
    }

    /// Forgets a file whose number the kernel has given to another.
    pub fn forget(&mut self, key: Inode) {
        self.shown.remove(&key);
    }

    /// Gives a number of its own to a file that was first seen under this name, on a device that
    /// programs see as `device`.
    pub fn give(&mut self, key: Inode, device: u64, name: Option<&Path>) -> Inode {
        let name = name.unwrap_or(Path::new("")).to_string_lossy();
        // What has no name has its number in its place: `pipe:[1234]`, `/tmp/#1234 (deleted)`.
        let name = name.split(":[").next().unwrap_or_default();
        let nameless = name.strip_suffix(" (deleted)");
        let directory = nameless.and_then(|name| name.rsplit_once("/#"));
        let name = directory.map_or(name, |(directory, _)| directory);
        let mut place = hash(name.as_bytes()) % SPAN;
        let few = self.halves.len() < FEW;
        loop {
            let number = FIRST + place;
            let is_free = !few || !self.halves.contains(&(number as u16));
            if is_free && self.taken.insert(number) {
                self.halves.insert(number as u16);
                return self.set(key, (device, number));
            }
            place = (place + 1) % SPAN;
        }
    }
}

/// Returns a hash that is the same in every build: that of Fowler, Noll and Vo in its form 1a,
/// with the bits mixed as Appleby's MurmurHash3 does it in the end.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mixed = bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_follows_from_the_name_and_not_from_the_order() {
        let (a, b) = (Path::new("/tmp/a"), Path::new("/tmp/b"));
        let (mut first, mut second) = (Numbers::default(), Numbers::default());
        let before = [
            first.give((1, 7), 9, Some(a)),
            first.give((1, 8), 9, Some(b)),
        ];
        let after = [
            second.give((2, 31), 9, Some(b)),
            second.give((2, 32), 9, Some(a)),
        ];
        assert_eq!(before, [after[1], after[0]]);
        assert_eq!(first.known((1, 7)), Some(before[0]));
    }

    #[test]
    fn two_files_of_one_name_have_two_numbers() {
        let mut numbers = Numbers::default();
        let given: HashSet<u16> = (0..1000)
            .map(|inode| numbers.give((1, inode), 9, Some(Path::new("/tmp/a"))).1 as u16)
            .collect();
        assert_eq!(given.len(), 1000);
    }

    #[test]
    fn pipes_are_numbered_in_their_order() {
        let (mut first, mut second) = (Numbers::default(), Numbers::default());
        let given = first.give((1, 7), 9, Some(Path::new("pipe:[7]")));
        assert_eq!(second.give((1, 8), 9, Some(Path::new("pipe:[8]"))), given);
    }
}
