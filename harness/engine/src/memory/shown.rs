//! What `/proc/PID/maps` shows of a process (proc_pid_maps(5)): its own mappings with its own
//! rights, neither aliases nor code of the engine's.

use super::space::{DISTANCE, Space, is_engines_own};
use crate::inside::remote::made;
use crate::run::session::{Halt, Session};
use crosswire_kernel::memory;
use crosswire_kernel::regs::{self, Register};
use std::ops::Range;

/// Bytes of the file that are read at a time: into memory below the stack, which is no
/// function's.
const CHUNK: u64 = 4096;

impl Session<'_> {
    /// Returns the part of the file about the task `of` that a call of the task `index` reads
    /// from `position` on.
    pub fn maps_shown(
        &mut self,
        index: usize,
        of: usize,
        file: u64,
        range: Range<u64>,
    ) -> Result<Option<String>, Halt> {
        let tid = self.tasks[index].tid;
        let room = regs::read(tid)?.stack().wrapping_sub(2 * CHUNK) & !15;
        let result = regs::peek(tid, Register::Result)?;
        let remote = self.borrow(index)?;
        let mut text = Vec::new();
        let complete = loop {
            let args = [file, room, CHUNK, text.len() as u64, 0, 0];
            match remote.call(made::PREAD, args)? {
                0 => break true,
                count @ 1.. => {
                    let mut bytes = vec![0; count as usize];
                    memory::read(tid, room, &mut bytes)?;
                    text.extend(bytes);
                }
                _ => break false,
            }
        };
        remote.end()?;
        regs::poke(tid, Register::Result, result)?;
        if !complete {
            return Ok(None);
        }
        let shown = shown(self.space(of), &String::from_utf8_lossy(&text));
        let part = |at: u64| (at as usize).min(shown.len());
        let bytes = &shown.as_bytes()[part(range.start)..part(range.end)];
        Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
    }
}

/// Returns the lines that the program would see: instead of its shared mappings, which are
/// inaccessible, their aliases at the addresses of the former.
fn shown(space: &Space, text: &str) -> String {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let Some((start, end, rest)) = parts(line) else {
            continue;
        };
        if space.at(start.wrapping_sub(DISTANCE)).is_some() {
            let (start, end) = (start - DISTANCE, end - DISTANCE);
            lines.push((start, format!("{start:08x}-{end:08x} {rest}")));
        } else if space.at(start).is_none() && !is_engines_own(start) {
            lines.push((start, line.to_owned()));
        }
    }
    lines.sort_by_key(|(start, _)| *start);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Returns first address, last address and the rest of a line.
fn parts(line: &str) -> Option<(u64, u64, &str)> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some((number(start)?, number(end)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::space::{CODE, Region};

    #[test]
    fn shows_mappings_as_the_program_made_them() {
        let mut space = Space::default();
        let start = 0x3000_0000_0000;
        space.insert(Region {
            start,
            end: start + 0x2000,
            protection: 3,
            object: 0,
            offset: 0,
            inherited: true,
        });
        let alias = start + DISTANCE;
        let own = "555555554000-555555555000 r-xp 00000000 00:01 2 /bin/sh\n";
        let text = format!(
            "300000000000-300000002000 ---s 00000000 00:01 2 /dev/zero\n\
             {alias:x}-{:x} rw-s 00000000 00:01 2 /dev/zero\n\
             {:x}-{:x} r--s 00001000 00:01 2 /dev/zero\n\
             {CODE:x}-{:x} rwxp 00000000 00:00 0\n{own}",
            alias + 0x1000,
            alias + 0x1000,
            alias + 0x2000,
            CODE + 0x1000,
        );
        let seen = "300000000000-300000001000 rw-s 00000000 00:01 2 /dev/zero\n\
                    300000001000-300000002000 r--s 00001000 00:01 2 /dev/zero\n";
        assert_eq!(shown(&space, &text), format!("{seen}{own}"));
    }
}
