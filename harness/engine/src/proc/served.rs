//! Texts that programs are reading in the place of the kernel's.

use std::collections::HashMap;

/// Texts by process and descriptor, and how much of each has been read.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    open: HashMap<(usize, u64), (Vec<u8>, usize)>,
    that_tell_time: u64,
}

impl Texts {
    /// Returns whether a text is being read there.
    pub fn has(&self, place: (usize, u64)) -> bool {
        self.open.contains_key(&place)
    }

    /// How many texts have been made so far in which the time stands, or CPU time.
    pub fn that_tell_time(&self) -> u64 {
        self.that_tell_time
    }

    /// The time stands in a text.
    pub fn note_time(&mut self) {
        self.that_tell_time += 1;
    }

    /// A text is read from this position on.
    pub fn begin(&mut self, place: (usize, u64), text: Vec<u8>, at: usize) {
        let at = at.min(text.len());
        self.open.insert(place, (text, at));
    }

    /// Takes the next bytes of a text, as many as there is room for.
    pub fn take(&mut self, place: (usize, u64), room: usize) -> Vec<u8> {
        let Some((text, at)) = self.open.get_mut(&place) else {
            return Vec::new();
        };
        let end = text.len().min(at.saturating_add(room));
        let taken = text[*at..end].to_vec();
        *at = end;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn a_text_is_read_in_pieces() {
        let mut texts = Texts::default();
        texts.begin((0, 3), b"abcde".to_vec(), 0);
        assert_eq!(texts.take((0, 3), 2), b"ab");
        assert_eq!(texts.take((0, 3), 9), b"cde");
        assert_eq!(texts.take((0, 3), 9), b"");
        texts.begin((0, 3), b"abcde".to_vec(), 9);
        assert_eq!(texts.take((0, 3), 9), b"");
    }
}
