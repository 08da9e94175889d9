//! What `/proc/PID/maps` shows of a process (proc_pid_maps(5)): its own mappings with its own
//! rights, neither aliases nor code of the engine's.

use super::space::{DISTANCE, Space, is_engines_own};

/// Returns the lines that the program would see: instead of its shared mappings, which are
/// inaccessible, their aliases at the addresses of the former.
pub(crate) fn shown(space: &Space, text: &str) -> String {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let Some((start, end, rest)) = parts(line) else {
            continue;
        };
        if let Some(region) = space.at(start.wrapping_sub(DISTANCE)) {
            let (start, end) = (start - DISTANCE, end - DISTANCE);
            let rest = match rest.get(..3).filter(|_| region.own) {
                Some(rights) => format!("{rights}p 00000000 00:00 0\n"),
                None => rest.to_owned(),
            };
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
            own: false,
            sole: false,
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
