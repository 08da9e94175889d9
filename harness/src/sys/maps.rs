//! What is mapped into a task's memory (proc_pid_maps(5)).

use super::Tid;
use crate::model::Mapping;
use std::fs;
use std::io;

/// The mappings that have a name, by address.
pub(crate) fn read(tid: Tid) -> io::Result<Vec<Mapping>> {
    let text = fs::read(format!("/proc/{tid}/maps"))?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter_map(parse).collect())
}

/// A line such as `55e0-55e1 r-xp 00001000 fe:00 1234   /usr/bin/app`.
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let offset = words.nth(1)?;
    let path = words.nth(2)?.trim_start();
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    (!path.is_empty()).then_some(Mapping {
        start: number(start)?,
        end: number(end)?,
        offset: number(offset)?,
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_memory_without_a_name_left_out() {
        let line = "7f00aa000000-7f00aa002000 r-xp 00001000 fe:00 42                 /tmp/a b";
        let mapping = parse(line).unwrap();
        assert_eq!(
            (mapping.start, mapping.end),
            (0x7f00_aa00_0000, 0x7f00_aa00_2000)
        );
        assert_eq!((mapping.offset, &mapping.path[..]), (0x1000, "/tmp/a b"));
        assert!(parse("7f00aa000000-7f00aa002000 rw-p 00000000 00:00 0 ").is_none());
    }

    #[test]
    fn this_program_is_mapped() {
        let own = fs::read_link("/proc/self/exe").unwrap();
        let all = read(std::process::id() as Tid).unwrap();
        assert!(
            all.iter().any(
                |mapping| own.ends_with(&mapping.path) || mapping.path == own.to_string_lossy()
            )
        );
    }
}
