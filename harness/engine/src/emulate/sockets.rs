//! Emulated properties of a socket: its timeouts (`SO_RCVTIMEO` and `SO_SNDTIMEO`), which
//! the kernel would measure in real time, and its port, which the kernel would choose at
//! random.

use crate::emulate::Emulated;
use crate::emulate::address::destination;
use crate::emulate::time::clock::{from_timeval, to_timeval};
use crate::run::session::{Halt, Session};
use crate::run::task::TimedWait;
use crosswire_calls::{Does, Row};
use crosswire_kernel::arch::Register;
use crosswire_kernel::taken::Taken;
use crosswire_kernel::{descriptor, memory};
use libc::*;
use std::path::PathBuf;

/// The direction of a call on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
}

/// The direction of a call that may wait at a socket or a stream.
pub(crate) fn direction(row: &Row) -> Option<Direction> {
    match row.does {
        Does::Read | Does::Receive | Does::ReceiveMany | Does::Accept => Some(Direction::Receive),
        Does::Write | Does::Send | Does::SendMany | Does::Connect => Some(Direction::Send),
        _ => None,
    }
}

/// Bytes of an address that tell its family, and what they are for a Unix socket.
const FAMILY: usize = 2;
const UNIX: [u8; FAMILY] = (AF_UNIX as u16).to_ne_bytes();

impl Session<'_> {
    fn socket(&self, index: usize) -> Option<PathBuf> {
        let task = &self.tasks[index];
        // The name holds the inode number, which is the socket's identity.
        descriptor::target(task.tid, task.entering.args[0])
    }

    /// A socket that is bound to port 0 gets the run's next one, and one that is bound to no name
    /// the run's next name.
    pub fn choose_address(&mut self, index: usize) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, [_, address, length, ..]) = (task.tid, task.entering.args);
        if length as usize == FAMILY && memory::read_exact(tid, address).ok() == Some(UNIX) {
            self.choose_name(index, address)?;
            return Ok(Emulated::Proceed);
        }
        if let Ok([a, b, 0, 0]) = memory::read_exact(tid, address)
            && matches!(i32::from(u16::from_ne_bytes([a, b])), AF_INET | AF_INET6)
        {
            let port = self.network.take_port().to_be_bytes();
            memory::write(tid, address + 2, &port)?;
            self.tasks[index].put_back(address + 2, &[0, 0]);
        }
        Ok(Emulated::Proceed)
    }

    /// The kernel begins with a name at random (unix(7), "Autobind feature").
    fn choose_name(&mut self, index: usize, address: u64) -> Result<(), Halt> {
        let name = format!("\0{:05x}", self.network.take_name());
        let (task, place) = (&mut self.tasks[index], address + FAMILY as u64);
        let mut before = vec![0; name.len()];
        let is_whole = memory::read(task.tid, place, &mut before).ok() == Some(name.len());
        if is_whole && memory::write(task.tid, place, name.as_bytes()).is_ok() {
            task.put_back(place, &before);
            let length = (FAMILY + name.len()) as u64;
            task.stopped()?.poke(Register::Arg(2), length)?;
            task.restore = Some((Register::Arg(2), FAMILY as u64));
        }
        Ok(())
    }

    /// A socket that has no port and is about to need one gets the run's next one.
    pub fn bind_first(&mut self, index: usize) {
        let task = &self.tasks[index];
        let (pid, row) = (self.processes[task.process].pid, task.entering.row());
        let is_unaddressed =
            row.does == Does::Send && destination(task.tid, row, &task.entering.args) == 0;
        if is_unaddressed {
            return;
        }
        if let Ok(socket) = Taken::from(pid, task.entering.args[0] as i32)
            && descriptor::needs_port(&socket)
        {
            let port = self.network.take_port();
            descriptor::bind_any(&socket, port);
        }
    }

    /// Keeps socket time-outs from the kernel, which would measure real time.
    pub fn socket_option(&mut self, index: usize, sets: bool) -> Result<Emulated, Halt> {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        let option = args[2] as c_int;
        let is_time_out = args[1] as c_int == SOL_SOCKET
            && matches!(option, SO_RCVTIMEO | SO_SNDTIMEO)
            && args[4] != 0;
        let Some(socket) = self.socket(index).filter(|_| is_time_out) else {
            return Ok(Emulated::Proceed);
        };
        let time_outs = self.network.timeouts_of(socket);
        let value = match option {
            SO_RCVTIMEO => &mut time_outs.receive,
            _ => &mut time_outs.send,
        };
        if !sets {
            let written = memory::write(tid, args[3], &to_timeval(*value))
                .and_then(|()| memory::write(tid, args[4], &16u32.to_ne_bytes()));
            let errno = written.map_or(EFAULT, |()| 0);
            return Ok(Emulated::Answer(-i64::from(errno)));
        }
        let asked = memory::read_pair(tid, args[3]).ok();
        Ok(match asked.map(from_timeval) {
            None => Emulated::Answer(-i64::from(EFAULT)),
            Some(None) => Emulated::Answer(-i64::from(EDOM)),
            Some(Some(nanoseconds)) => {
                *value = nanoseconds;
                Emulated::Answer(0)
            }
        })
    }

    /// Applies the timeout of its socket to the call that a task is about to make.
    pub fn limit_by_socket(&mut self, index: usize) -> Result<Emulated, Halt> {
        if self.network.has_no_timeouts() {
            return Ok(Emulated::Proceed);
        }
        let row = self.tasks[index].entering.row();
        let Some(direction) = direction(row) else {
            return Ok(Emulated::Proceed);
        };
        let time_outs = self.socket(index).and_then(|s| self.network.timeouts(&s));
        let length = time_outs.map_or(0, |time_outs| match direction {
            Direction::Receive => time_outs.receive,
            Direction::Send => time_outs.send,
        });
        if length > 0 {
            let errno = match row.does {
                Does::Connect => EINPROGRESS,
                _ => EAGAIN,
            };
            self.tasks[index].timed_wait = Some(TimedWait {
                deadline: self.clock.after(length),
                result: -i64::from(errno),
            });
        }
        Ok(Emulated::Proceed)
    }
}
