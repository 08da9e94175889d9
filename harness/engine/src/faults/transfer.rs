//! The faults of transfers: fewer bytes moved than asked for, and no room.
//!
//! They are injected only where the kernel itself could do this. A datagram is sent whole
//! or not at all, up to PIPE_BUF bytes go into a pipe at once (pipe(7)), and a counter such as an
//! eventfd is read whole, so there they find no point and stay unused.

use crate::faults::armed::Strike;
use crate::run::session::{Halt, Session};
use crosswire_calls::{Amount, Does, Flow};
use crosswire_kernel::arch::Register;
use crosswire_kernel::descriptor::{self, FileType};
use crosswire_kernel::taken::Taken;
use crosswire_kernel::{Tid, memory};
use crosswire_model::{Action, Fault, What};
use libc::{EAGAIN, IPC_NOWAIT, PIPE_BUF, UIO_MAXIOV, c_int};

impl Session<'_> {
    /// Applies a fault of transfers to the call that is about to begin.
    pub fn strike_transfer(&mut self, index: usize, fault: Fault) -> Result<Strike, Halt> {
        let strike = match fault.action {
            Action::ShortIo(most) => self.shorten(index, most)?,
            _ => self.fill(index)?,
        };
        match strike {
            Some(strike) => {
                self.record(index, What::Fault(fault));
                Ok(strike)
            }
            None => {
                self.faults.spend(fault);
                Ok(Strike::None)
            }
        }
    }

    pub(crate) fn file(&self, index: usize, argument: usize) -> Option<Taken> {
        let task = &self.tasks[index];
        let pid = self.processes[task.process].pid;
        Taken::from(pid, task.entering.args[argument] as i32).ok()
    }

    fn shorten(&mut self, index: usize, most: u64) -> Result<Option<Strike>, Halt> {
        let task = &mut self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        let transfer = task.entering.row().transfer();
        let Some((transfer, amount)) = transfer.and_then(|t| Some((t, t.amount?))) else {
            return Ok(None);
        };
        let Some(file) = self.file(index, transfer.descriptor) else {
            return Ok(None);
        };
        let moves_whole = match descriptor::file_type(&file) {
            FileType::Pipe if transfer.flow == Flow::Out => {
                self.length(index, amount) <= PIPE_BUF as u64
            }
            // What does not fit in the buffer of who takes a packet is lost.
            FileType::Pipe if self.faults.packets => true,
            FileType::Pipe | FileType::Stream | FileType::Regular => false,
            FileType::Datagram | FileType::Other => true,
        };
        if moves_whole || self.receives_all(index) {
            return Ok(None);
        }
        let task = &mut self.tasks[index];
        let elements = match amount {
            Amount::Bytes(argument) if args[argument] > most => {
                task.stopped()?.poke(Register::Arg(argument), most)?;
                task.restore = Some((Register::Arg(argument), args[argument]));
                return Ok(Some(Strike::None));
            }
            Amount::Bytes(_) => return Ok(None),
            Amount::Vector => Ok((args[1] as i64, args[2] as i64)),
            // struct msghdr (recvmsg(2)): the vector and its length come after the address and its
            // length.
            Amount::Message => memory::read_pair(tid, args[1] + 16),
        };
        let elements = elements.map(|(vector, count)| (vector as u64, count as u64));
        // The kernel says what is wrong with others.
        let Ok(elements) = elements else {
            return Ok(None);
        };
        let Some((vector, count, length)) = first_element(tid, elements) else {
            return Ok(None);
        };
        if count == elements.1 && length <= most {
            return Ok(None);
        }
        match amount {
            Amount::Message => {
                let own = memory::read_word(tid, args[1] + 24)?;
                task.put_back(args[1] + 24, &own.to_ne_bytes());
                memory::write(tid, args[1] + 24, &count.to_ne_bytes())?;
            }
            _ => {
                task.stopped()?.poke(Register::Arg(2), count)?;
                task.restore = Some((Register::Arg(2), args[2]));
            }
        }
        if length > most {
            task.put_back(vector + 8, &length.to_ne_bytes());
            memory::write(tid, vector + 8, &most.to_ne_bytes())?;
        }
        Ok(Some(Strike::None))
    }

    /// Returns the number of bytes that a call is asked to move.
    fn length(&self, index: usize, amount: Amount) -> u64 {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        match amount {
            Amount::Bytes(argument) => args[argument],
            // Only sockets have messages.
            Amount::Message => u64::MAX,
            Amount::Vector => {
                let lengths =
                    (0..args[2].min(UIO_MAXIOV as u64)).map(|element| args[1] + 16 * element + 8);
                let lengths = lengths.map_while(|at| memory::read_word(tid, at).ok());
                lengths.fold(0, u64::saturating_add)
            }
        }
    }

    /// Makes the call find no room if it does not wait, and gives it the smallest
    /// possible buffer if it may wait.
    fn fill(&mut self, index: usize) -> Result<Option<Strike>, Halt> {
        let strike = self.filled(index);
        if let Some(Strike::Answer(_)) = strike {
            self.bring_edges(index)?;
        }
        Ok(strike)
    }

    fn filled(&self, index: usize) -> Option<Strike> {
        let task = &self.tasks[index];
        let again = Strike::Answer(-i64::from(EAGAIN));
        let row = task.entering.row();
        match row.does {
            Does::SystemVSend => {
                let may_wait = task.entering.args[3] as c_int & IPC_NOWAIT == 0;
                return (!may_wait).then_some(again);
            }
            Does::QueueSend => {
                let file = self.file(index, 0)?;
                return descriptor::is_non_blocking(&file).then_some(again);
            }
            _ => {}
        }
        let transfer = row
            .transfer()
            .filter(|transfer| transfer.amount.is_some())?;
        let file = self.file(index, transfer.descriptor)?;
        if !matches!(
            descriptor::file_type(&file),
            FileType::Pipe | FileType::Stream | FileType::Datagram
        ) {
            return None;
        }
        if descriptor::is_non_blocking(&file) {
            return Some(again);
        }
        descriptor::shrink(&file);
        Some(Strike::None)
    }
}

/// Returns the first element of a vector that has any bytes, the number of elements up to it, and
/// its length: with less than that, a transfer would look like the end of a file.
fn first_element(tid: Tid, (vector, count): (u64, u64)) -> Option<(u64, u64, u64)> {
    (0..count.min(UIO_MAXIOV as u64)).find_map(|number| {
        let at = vector.checked_add(16 * number)?;
        let (_, length) = memory::read_pair(tid, at).ok()?;
        (length != 0).then_some((at, number + 1, length as u64))
    })
}
