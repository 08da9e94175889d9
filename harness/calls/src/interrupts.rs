//! Calls for which Linux interrupts the processors that run other tasks: to take pages away, of
//! which they may hold translations ("TLB shootdown", arch/x86/mm/tlb.c), or because they are asked
//! for (membarrier(2)). What a processor has stored is visible before it goes on.

use crate::{Does, Fact, Mapping, Row};
use libc::{
    FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE,
    MADV_DODUMP, MADV_DOFORK, MADV_DONTDUMP, MADV_DONTFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
    MADV_NORMAL, MADV_RANDOM, MADV_REMOVE, MADV_SEQUENTIAL, MADV_WILLNEED, MAP_FIXED,
    MEMBARRIER_CMD_GLOBAL, MEMBARRIER_CMD_GLOBAL_EXPEDITED, MEMBARRIER_CMD_PRIVATE_EXPEDITED,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, O_TRUNC,
    SHM_REMAP, c_int,
};
use std::ops::Range;

/// Whose processors a call may interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// It concerns its caller only.
    CallerOnly,
    /// Those of the tasks with the caller's memory.
    SameMemory,
    /// Those of all tasks.
    AllTasks,
}

/// Advice that changes no page (madvise(2)).
const MERE_ADVICE: [c_int; 10] = [
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
];

impl Row {
    /// Returns whose processors a call may interrupt, as far as its arguments tell. What it cuts
    /// off a file is apart.
    pub fn interrupts(&self, args: &[u64; 6]) -> Interrupted {
        let if_own = |is_so| match is_so {
            true => Interrupted::SameMemory,
            false => Interrupted::CallerOnly,
        };
        match self.does {
            _ if self.is(Fact::Fences) => match args[0] as c_int {
                MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED => Interrupted::AllTasks,
                command => if_own(matches!(
                    command,
                    MEMBARRIER_CMD_PRIVATE_EXPEDITED
                        | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
                        | MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
                )),
            },
            // Where nothing was mapped, no processor has a translation.
            Does::Map(Mapping::Map) => if_own(args[3] as c_int & MAP_FIXED != 0),
            Does::Map(Mapping::Attach) => if_own(args[2] as c_int & SHM_REMAP != 0),
            Does::Map(Mapping::Advise) => if_own(!MERE_ADVICE.contains(&(args[2] as c_int))),
            Does::Map(_) | Does::Execute | Does::Exit { process: true } | Does::Fork => {
                Interrupted::SameMemory
            }
            _ => Interrupted::CallerOnly,
        }
    }

    /// Tells whether a call frees the part of a file that is mapped in a range (madvise(2)).
    pub fn frees_mapped(&self, args: &[u64; 6]) -> bool {
        self.does == Does::Map(Mapping::Advise) && args[2] as c_int == MADV_REMOVE
    }

    /// Returns the bytes of its file that a call cuts off or moves, if it does: whole pages of them
    /// are unmapped wherever they are mapped (truncate(2), fallocate(2)).
    pub fn cuts(&self, args: &[u64; 6]) -> Option<Range<u64>> {
        match self.does {
            Does::Open => {
                let flags = self.open_flags(args);
                let empties = flags.is_none_or(|flags| flags & O_TRUNC != 0);
                empties.then_some(0..u64::MAX)
            }
            Does::Resize if self.is(Fact::Reserves) => {
                let (mode, first) = (args[1] as c_int, args[2]);
                let moves = mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE) != 0;
                let frees = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) != 0;
                match (moves, frees) {
                    (true, _) => Some(first..u64::MAX),
                    (_, true) => Some(first..first.saturating_add(args[3])),
                    (false, false) => None,
                }
            }
            // That of an attribute is not the file's.
            Does::Resize | Does::ChangeFile if !self.changes_permissions() => {
                let size = self.argument(crate::Arg::Size)?;
                Some(args[size]..u64::MAX)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;

    fn of(number: i64) -> &'static Row {
        row(number as u32)
    }

    #[test]
    fn tells_what_is_cut_off_a_file() {
        let size = [3, 4096, 0, 0, 0, 0];
        assert_eq!(of(libc::SYS_ftruncate).cuts(&size), Some(4096..u64::MAX));
        assert_eq!(of(libc::SYS_truncate).cuts(&size), Some(4096..u64::MAX));
        assert_eq!(of(libc::SYS_fchmodat).cuts(&size), None);
        let range = |mode: c_int| of(libc::SYS_fallocate).cuts(&[3, mode as u64, 8192, 64, 0, 0]);
        assert_eq!(range(0), None);
        assert_eq!(range(FALLOC_FL_PUNCH_HOLE), Some(8192..8256));
        assert_eq!(range(FALLOC_FL_COLLAPSE_RANGE), Some(8192..u64::MAX));
        let opened = |flags: c_int| of(libc::SYS_openat).cuts(&[0, 0, flags as u64, 0, 0, 0]);
        assert_eq!(opened(libc::O_RDWR), None);
        assert_eq!(opened(libc::O_RDWR | O_TRUNC), Some(0..u64::MAX));
    }

    #[test]
    fn only_what_takes_pages_away_interrupts_processors() {
        let map = |flags: c_int| of(libc::SYS_mmap).interrupts(&[0, 64, 3, flags as u64, 0, 0]);
        assert_eq!(map(libc::MAP_PRIVATE), Interrupted::CallerOnly);
        assert_eq!(map(MAP_FIXED), Interrupted::SameMemory);
        let advise =
            |advice: c_int| of(libc::SYS_madvise).interrupts(&[4096, 4096, advice as u64, 0, 0, 0]);
        assert_eq!(advise(MADV_WILLNEED), Interrupted::CallerOnly);
        assert_eq!(advise(libc::MADV_DONTNEED), Interrupted::SameMemory);
        let barrier =
            |command: c_int| of(libc::SYS_membarrier).interrupts(&[command as u64, 0, 0, 0, 0, 0]);
        assert_eq!(barrier(libc::MEMBARRIER_CMD_QUERY), Interrupted::CallerOnly);
        assert_eq!(barrier(MEMBARRIER_CMD_GLOBAL), Interrupted::AllTasks);
        let own = barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        assert_eq!(own, Interrupted::SameMemory);
    }
}
