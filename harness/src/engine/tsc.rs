//! The processor's time-stamp counter. Programs read it without a system call, so where
//! they do it is made to fault (PR_SET_TSC of prctl(2)) and answered in virtual time.
//!
//! A fault must be switched on and off whenever the processor turns to another task,
//! which costs more than a ptrace stop on a virtual machine. So the code of programs is
//! searched for the instruction, and only those that have it pay.

use super::remote::Remote;
use super::session::{Halt, Session};
use super::shared;
use super::task::{At, State};
use crate::sys::{Tid, memory, regs};
use iced_x86::{Decoder, DecoderOptions};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{LazyLock, Mutex};

/// Ticks of the counter in a nanosecond of virtual time.
const TICKS: u64 = 3;

/// Libraries that have the instruction and do not use it: the loader for statistics
/// that are asked for, the C library for the time between two attempts at an adaptive
/// mutex (PTHREAD_MUTEX_ADAPTIVE_NP), which is for the threads of a process.
const HARMLESS: [&str; 4] = ["ld-linux", "libc.so", "libpthread", "ld-musl"];

/// If the task faulted because it read the counter, answers it, and says so.
pub(super) fn answer(tid: Tid, nanoseconds: u64) -> io::Result<bool> {
    let mut registers = regs::read(tid)?;
    let mut code = [0; 3];
    // The instruction may end where the mapping does.
    let count = memory::read(tid, registers.position(), &mut code[..2])?;
    if count == 2 && code[1] == 0x01 {
        code = memory::read_exact(tid, registers.position())?;
    }
    let length = match code {
        [0x0f, 0x31, _] => 2,
        [0x0f, 0x01, 0xf9] => 3,
        _ => return Ok(false),
    };
    registers.answer_counter(nanoseconds.saturating_mul(TICKS), length);
    regs::write(tid, &registers)?;
    Ok(true)
}

/// Has the counter fault for a task, and for those it creates.
pub(super) fn trap(remote: &Remote) -> io::Result<()> {
    let args = [
        libc::PR_SET_TSC as u64,
        libc::PR_TSC_SIGSEGV as u64,
        0,
        0,
        0,
        0,
    ];
    remote
        .must("trapping the time-stamp counter", libc::SYS_prctl, args)
        .map(drop)
}

/// Whether a task has code loaded that reads the counter.
pub(super) fn is_read_by(tid: Tid) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{tid}/maps")).unwrap_or_default();
    maps.lines().any(|line| {
        // proc_pid_maps(5): RANGE PERMISSIONS OFFSET DEVICE INODE PATH
        let mut fields = line.split_whitespace();
        let range = fields.next().unwrap_or_default();
        let is_code = fields
            .next()
            .is_some_and(|permissions| permissions.contains('x'));
        let path = fields.nth(3).unwrap_or_default();
        let name = Path::new(path)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let is_harmless = HARMLESS.iter().any(|known| name.starts_with(known))
            || matches!(path, "[vdso]" | "[vsyscall]")
            || range.starts_with(&shared::code_area());
        is_code && !is_harmless && file_reads_counter(Path::new(&format!("/proc/{tid}/root{path}")))
    })
}

/// A file as it was: device, inode, length and time of change.
type Version = (u64, u64, u64, i64, i64);

/// What is known of files, for all workers.
static KNOWN: LazyLock<Mutex<HashMap<Version, bool>>> = LazyLock::new(Mutex::default);

/// Whether a file of code reads the counter. Code that is in no file, or in none that can
/// be read, may.
fn file_reads_counter(path: &Path) -> bool {
    let Ok(data) = std::fs::metadata(path) else {
        return true;
    };
    let key = (
        data.dev(),
        data.ino(),
        data.len(),
        data.mtime(),
        data.mtime_nsec(),
    );
    let known = || {
        KNOWN
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    if let Some(&reads) = known().get(&key) {
        return reads;
    }
    let reads = File::open(path).map_or(true, |file| search(&file, data.len()).unwrap_or(true));
    known().insert(key, reads);
    reads
}

/// Searches a file in pieces that overlap.
fn search(file: &File, length: u64) -> io::Result<bool> {
    const PIECE: usize = 1 << 20;
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        let count = file.read_at(&mut buffer, at)?;
        if count == 0 {
            break;
        }
        if has_instruction(&buffer[..count]) {
            return Ok(true);
        }
        at += (count as u64).saturating_sub(CONTEXT as u64 + 2).max(1);
        if count < PIECE {
            break;
        }
    }
    Ok(false)
}

/// Bytes before an instruction from which its beginning is found.
const CONTEXT: usize = 64;

fn has_instruction(code: &[u8]) -> bool {
    let may_be = |at: usize| matches!(code[at..], [0x0f, 0x31, ..] | [0x0f, 0x01, 0xf9, ..]);
    (0..code.len()).any(|at| code[at] == 0x0f && may_be(at) && is_instruction(code, at))
}

/// Whether an instruction begins there. Code that is decoded from anywhere soon falls
/// into step with how it is meant, so of several beginnings many tell.
fn is_instruction(code: &[u8], at: usize) -> bool {
    const BEGINNINGS: usize = 16;
    let from = at.saturating_sub(CONTEXT);
    let hits = (from..from + BEGINNINGS.min(at - from + 1)).filter(|&beginning| {
        let mut decoder = Decoder::with_ip(
            64,
            &code[beginning..],
            beginning as u64,
            DecoderOptions::NONE,
        );
        while decoder.ip() < at as u64 && decoder.can_decode() {
            let _ = decoder.decode();
        }
        decoder.ip() == at as u64
    });
    4 * hits.count() >= BEGINNINGS.min(at - from + 1)
}

impl Session<'_> {
    /// A process has loaded code, or made memory executable.
    pub(super) fn look_at_code(&mut self, index: usize) {
        let (tid, process) = (self.tasks[index].tid, self.tasks[index].process);
        let process = &mut self.processes[process];
        process.reads_counter |= is_read_by(tid);
    }

    /// Before a task runs code of its program: reading the counter faults, if it does
    /// that.
    pub(super) fn trap_counter(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        if task.counter_trapped || !self.processes[task.process].reads_counter {
            return Ok(());
        }
        let remote = match task.state {
            State::Ready(At::Entry, _) => {
                Remote::at_entry(task.tid, task.entering.call, task.entering.args)?
            }
            State::Ready(At::Exit, _) if !super::calls::executes(task.entering.call) => {
                Remote::after_call(task.tid)?
            }
            // At its next call.
            _ => return Ok(()),
        };
        trap(&remote)?;
        remote.end()?;
        self.tasks[index].counter_trapped = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mov rax,rbx; add rax,8; …
    fn plain(length: usize) -> Vec<u8> {
        [0x48, 0x89, 0xd8, 0x48, 0x83, 0xc0, 0x08].repeat(length)
    }

    #[test]
    fn instructions_are_told_from_parts_of_others() {
        assert!(!has_instruction(&plain(40)));
        for found in [&[0x0f, 0x31][..], &[0x0f, 0x01, 0xf9]] {
            let code = [plain(20), found.to_vec(), plain(20)].concat();
            assert!(has_instruction(&code));
        }
        // mov eax,0x1234310f
        let constant = [0xb8, 0x0f, 0x31, 0x34, 0x12];
        let code = [plain(20), constant.to_vec(), plain(20)].concat();
        assert!(!has_instruction(&code));
        assert!(has_instruction(&[0x0f, 0x31, 0xc3]));
    }
}
