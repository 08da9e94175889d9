//! What the kernel does with terminals at times of its own.
//!
//! A read of a terminal may have a timeout, `VTIME` (termios(3), "noncanonical mode"), which the
//! kernel would measure in real time: it is kept from the kernel, and measured in virtual time.
//! Which of several bytes come within the time of `VTIME` after the first is not looked into: such
//! a read returns with the first.
//!
//! And what is written to one end of a pseudoterminal is carried to the other by a thread of the
//! kernel: the call that writes is over when it has been.

use crate::emulate::Emulated;
use crate::run::session::{Halt, Session};
use crate::run::task::TimedWait;
use crosswire_calls::{Does, Row};
use crosswire_kernel::taken::Taken;
use crosswire_kernel::terminal::{self, LEAST, SETTINGS, TIME};
use crosswire_kernel::{descriptor, memory};
use libc::{TCGETS, TCGETS2, TCSETS, TCSETS2, TCSETSF, TCSETSF2, TCSETSW, TCSETSW2, TIOCSPTLCK};
use std::path::Path;

/// The unit of `VTIME`, in nanoseconds.
const TENTH: u64 = 100_000_000;

/// What the kernel knows instead of `VTIME` and `VMIN`: a read waits for one byte.
const ENDLESS: [u8; 2] = [0, 1];

impl Session<'_> {
    fn terminal(&self, index: usize) -> Option<Taken> {
        let task = &self.tasks[index];
        let process = self.processes[task.process].pid;
        Taken::from(process, task.entering.args[0] as i32).ok()
    }

    /// A request of ioctl(2).
    pub fn device_request(&mut self, index: usize) -> Result<Emulated, Halt> {
        let [_, request, address, ..] = self.tasks[index].entering.args;
        match request {
            TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => {
                self.keep_time_out(index, address);
            }
            TCGETS | TCGETS2 if !self.terminals.limited.is_empty() => {
                return Ok(self.tell_time_out(index, address));
            }
            // Before the other end can be opened.
            TIOCSPTLCK => self.terminals.are_made = true,
            _ => return Ok(self.random_request(index, request)),
        }
        Ok(Emulated::Proceed)
    }

    /// A terminal is about to be set: the kernel learns of no timeout.
    fn keep_time_out(&mut self, index: usize, address: u64) {
        let tid = self.tasks[index].tid;
        let Ok(settings) = memory::read_exact::<SETTINGS>(tid, address) else {
            return;
        };
        let limit = [settings[TIME], settings[LEAST]];
        let is_limited = terminal::is_raw(&settings) && limit[0] > 0;
        if !is_limited && self.terminals.limited.is_empty() {
            return;
        }
        let number = self
            .terminal(index)
            .and_then(|file| terminal::number(&file));
        let Some(number) = number else {
            return;
        };
        self.terminals.limited.remove(&number);
        let place = address + TIME as u64;
        if is_limited && memory::write(tid, place, &ENDLESS).is_ok() {
            self.tasks[index].put_back(place, &limit);
            self.terminals.limited.insert(number, limit);
        }
    }

    /// A program asks how a terminal is set.
    fn tell_time_out(&mut self, index: usize, address: u64) -> Emulated {
        let known = self.terminal(index).and_then(|file| {
            let limit = self.terminals.limited.get(&terminal::number(&file)?)?;
            Some((terminal::settings(&file).ok()?, *limit))
        });
        let Some((mut settings, limit)) = known else {
            return Emulated::Proceed;
        };
        if terminal::is_raw(&settings) && [settings[TIME], settings[LEAST]] == ENDLESS {
            settings[TIME..=LEAST].copy_from_slice(&limit);
        }
        match memory::write(self.tasks[index].tid, address, &settings) {
            Ok(()) => Emulated::Answer(0),
            Err(_) => Emulated::Answer(-i64::from(libc::EFAULT)),
        }
    }

    /// Applies the timeout of a terminal to a read of it.
    pub fn limit_by_terminal(&mut self, index: usize) {
        let reads = self.tasks[index].entering.row().does == Does::Read;
        if !reads || self.terminals.limited.is_empty() {
            return;
        }
        let limit = self
            .terminal(index)
            .and_then(|file| terminal::number(&file))
            .and_then(|number| self.terminals.limited.get(&number));
        if let Some([tenths, 0]) = limit {
            self.tasks[index].timed_wait = Some(TimedWait {
                deadline: self.clock.after(u64::from(*tenths) * TENTH),
                result: 0,
            });
        }
    }

    /// Tells whether what a call writes may have to be carried from one end of a pseudoterminal to
    /// the other.
    pub fn is_carried_by_terminals(&self, row: &Row) -> bool {
        let writes = matches!(row.does, Does::Write | Does::Move | Does::Device);
        writes && self.terminals.are_made
    }

    /// A task has made a call, before it goes on: what it has written to a pseudoterminal arrives.
    pub fn deliver_by_terminals(&mut self) {
        let mut ends = Vec::new();
        for process in self.processes.iter() {
            let is_end = |number: &u64| {
                let target = descriptor::target(process.pid, *number);
                target.is_some_and(|path| {
                    path.starts_with("/dev/pts") || path == Path::new("/dev/ptmx")
                })
            };
            let numbers = descriptor::numbers(process.pid).into_iter().filter(is_end);
            ends.extend(numbers.filter_map(|n| Taken::from(process.pid, n as i32).ok()));
        }
        // What arrives at one end may be echoed to the other.
        ends.iter()
            .chain(&ends)
            .for_each(|end| terminal::catch_up(end));
    }
}
