//! The numbers of renames that inotify(7) tells: the kernel counts them from run to run.

use std::collections::HashMap;

/// Places in a `struct inotify_event`, and its length without the name.
const COOKIE: std::ops::Range<usize> = 8..12;
const NAME_LENGTH: std::ops::Range<usize> = 12..16;
const EVENT: usize = 16;

/// The numbers of renames as programs see them.
#[derive(Debug, Default)]
pub(super) struct Renames(HashMap<u32, u32>);

impl Renames {
    /// Returns the number of a rename: they are numbered as they are first read of. 0 means none.
    fn shown(&mut self, cookie: u32) -> u32 {
        let next = self.0.len() as u32 + 1;
        match cookie {
            0 => 0,
            _ => *self.0.entry(cookie).or_insert(next),
        }
    }

    /// Replaces the numbers in events as they were read.
    pub fn renumber(&mut self, events: &mut [u8]) {
        let word = |events: &[u8], at: std::ops::Range<usize>| {
            let bytes = events.get(at)?.try_into().ok()?;
            Some(u32::from_ne_bytes(bytes))
        };
        let mut rest = events;
        while let Some((cookie, length)) = word(rest, COOKIE).zip(word(rest, NAME_LENGTH)) {
            rest[COOKIE].copy_from_slice(&self.shown(cookie).to_ne_bytes());
            let next = (EVENT + length as usize).min(rest.len());
            rest = &mut rest[next..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT, Renames};

    fn event(cookie: u32, name: &[u8]) -> Vec<u8> {
        let words = [1, 2, cookie, name.len() as u32];
        let words = words.iter().flat_map(|word| word.to_ne_bytes());
        words.chain(name.iter().copied()).collect()
    }

    #[test]
    fn renames_are_numbered_as_they_are_read_of() {
        let mut renames = Renames::default();
        let mut read = [
            event(700, b"from"),
            event(0, b""),
            event(700, b"to\0\0"),
            event(900, b"cut"),
        ]
        .concat();
        renames.renumber(&mut read);
        let wanted = [
            event(1, b"from"),
            event(0, b""),
            event(1, b"to\0\0"),
            event(2, b"cut"),
        ];
        assert_eq!(read, wanted.concat());
        // What is no whole event is left alone.
        let mut cut = event(900, b"")[..EVENT - 1].to_vec();
        renames.renumber(&mut cut);
        assert_eq!(cut, event(900, b"")[..EVENT - 1]);
    }
}
