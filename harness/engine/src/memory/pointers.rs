//! The kernel follows pointers of system calls, and finds watched memory inaccessible:
//! it is given the alias instead. Where that is impossible, because only a part of what a
//! pointer leads to is watched, the program's own addresses are made accessible before
//! the call. All this is decided before the call: a call that fails may have taken
//! something, so it cannot be made again.
//!
//! A futex in shared memory is known by its object, not its address (futex(2)), so
//! waiting at an alias is waiting for the same.

use super::space::{DISTANCE, PAGE, Region, Share};
use crate::run::session::{Halt, Session};
use crate::run::task::Task;
use crosswire_calls::{Arg, Does, Fact, SystemV};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, memory};
use libc::{EFAULT, IPC_STAT};

/// The most elements of a vector (IOV_MAX in limits.h).
const LONGEST_VECTOR: u64 = 1024;

/// `struct mmsghdr`, and the length of the `struct msghdr` that it begins with.
const MESSAGE: u64 = 64;

impl Session<'_> {
    /// Turns the pointers of the call that a task is about to make into those of aliases.
    pub fn lend_aliases(&mut self, index: usize) -> Result<(), Halt> {
        self.lend_in_other(index)?;
        if !self.is_watched(index) || self.tasks[index].entering.row().is(Fact::OwnAddresses) {
            return Ok(());
        }
        let row = self.tasks[index].entering.row();
        let args = self.tasks[index].entering.args;
        // Other registers hold whatever the program left there.
        let used = match row.does {
            Does::Anything => args.len(),
            _ => row.arity(&args),
        };
        self.tasks[index].borrowed.partly = false;
        for (argument, value) in args.into_iter().enumerate().take(used) {
            if self.can_lend(index, value, row.reach(argument, &args)) {
                let register = Register::Arg(argument);
                let alias = value + DISTANCE;
                let task = &mut self.tasks[index];
                task.borrowed.remember(register, value);
                task.entering.args[argument] = alias;
                task.stopped()?.poke(register, alias)?;
            }
        }
        let args = self.tasks[index].entering.args;
        if let Some((array, length)) = row.vector() {
            self.lend_vector(index, args[array], args[length])?;
        }
        for (arg, value) in row.args.iter().zip(args) {
            match arg {
                Arg::BytesMessage | Arg::BufferMessage => self.lend_message(index, value)?,
                Arg::BytesMessages | Arg::BufferMessages => {
                    for number in 0..args[2].min(LONGEST_VECTOR) {
                        self.lend_message(index, value + number * MESSAGE)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// process_vm_writev(2) and its sibling reach into another process, where shared memory
    /// is as inaccessible.
    fn lend_in_other(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let [pid, _, _, array, length, _] = task.entering.args;
        if !task.entering.row().reaches_into_process() {
            return Ok(());
        }
        let is_it = |task: &&Task| task.tid_inside == pid as i32 && !task.is_gone();
        let Some(other) = self.tasks.iter().find(is_it).map(|task| task.id.index()) else {
            return Ok(());
        };
        let tid = self.tasks[index].tid;
        for element in 0..length.min(LONGEST_VECTOR) {
            let at = array + 16 * element;
            let Ok(value) = memory::read_word(tid, at) else {
                break;
            };
            let length = memory::read_word(tid, at + 8).unwrap_or(0);
            if self.space(other).share(value, length) == Share::All {
                self.note_given((index, other), value, length);
                self.tasks[index].borrowed.words.push((at, value));
                memory::write(tid, at, &(value + DISTANCE).to_ne_bytes())?;
            }
        }
        Ok(())
    }

    fn lend_vector(&mut self, index: usize, array: u64, length: u64) -> Result<(), Halt> {
        for element in 0..length.min(LONGEST_VECTOR) {
            let at = array + 16 * element;
            let length = memory::read_word(self.tasks[index].tid, at + 8).unwrap_or(0);
            self.lend_word(index, at, length)?;
        }
        Ok(())
    }

    /// Tells whether the alias can take the place of a pointer to so many bytes.
    fn can_lend(&mut self, index: usize, pointer: u64, length: u64) -> bool {
        match self.space(index).share(pointer, length) {
            Share::None => false,
            Share::All => {
                self.note_lent(index, pointer, length);
                // Of a structure the length is not known.
                let is_word = self.tasks[index].entering.row().does == Does::Futex;
                let reached = if length > 1 || is_word { length } else { PAGE };
                self.note_given((index, index), pointer, reached);
                true
            }
            Share::Part => {
                self.tasks[index].borrowed.partly = true;
                false
            }
        }
    }

    /// Before a call with a pointer that the alias cannot replace.
    pub fn open_for_call(&mut self, index: usize) -> Result<(), Halt> {
        match self.tasks[index].borrowed.partly {
            true => self.open_to_kernel(index),
            false => Ok(()),
        }
    }

    /// The pointers of a `struct msghdr` (recvmsg(2)): the name, the vector, the
    /// ancillary data.
    fn lend_message(&mut self, index: usize, message: u64) -> Result<(), Halt> {
        const NAME: u64 = 0;
        const VECTOR: u64 = 16;
        const LENGTH: u64 = 24;
        const CONTROL: u64 = 32;
        let tid = self.tasks[index].tid;
        let word = |at| memory::read_word(tid, message + at).unwrap_or(0);
        let (vector, length) = (word(VECTOR), word(LENGTH));
        let reachable = match self.space(index).at(vector) {
            Some(_) => vector + DISTANCE,
            None => vector,
        };
        self.lend_vector(index, reachable, length)?;
        for pointer in [NAME, VECTOR, CONTROL] {
            self.lend_word(index, message + pointer, 1)?;
        }
        Ok(())
    }

    /// Turns a pointer in memory, to so many bytes, into that of an alias.
    pub(super) fn lend_word(&mut self, index: usize, at: u64, length: u64) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let Ok(value) = memory::read_word(tid, at) else {
            return Ok(());
        };
        if !self.can_lend(index, value, length) {
            return Ok(());
        }
        self.tasks[index].borrowed.words.push((at, value));
        memory::write(tid, at, &(value + DISTANCE).to_ne_bytes())?;
        Ok(())
    }

    /// Gives the program its own pointers back.
    pub fn return_pointers(&mut self, index: usize) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        if task.borrowed.is_empty() {
            return Ok(());
        }
        // The kernel may have written there.
        self.memory.changes += u64::from(!task.entering.row().leaves_words(&task.entering.args));
        for (register, value) in std::mem::take(&mut task.borrowed.registers) {
            task.stopped()?.poke(register, value)?;
            if let Register::Arg(argument) = register {
                task.entering.args[argument] = value;
            }
        }
        for (at, value) in task.borrowed.words.drain(..) {
            memory::write(task.tid, at, &value.to_ne_bytes())?;
        }
        Ok(())
    }

    /// Tells whether a call may have failed only because of a pointer that was not foreseen,
    /// in a structure that is not looked into. The program's own addresses are accessible
    /// then, and the call can be repeated: it has had no effect.
    pub fn has_missed_pointer(&mut self, index: usize, result: i64) -> Result<bool, Halt> {
        let row = self.tasks[index].entering.row();
        if result != -i64::from(EFAULT)
            || !row.hides_pointers()
            || !self.is_watched(index)
            || self.space(index).open
        {
            return Ok(false);
        }
        self.open_to_kernel(index)?;
        Ok(true)
    }

    /// shmctl(2) counts aliases as attachments.
    pub fn correct_attachments(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        /// `shm_nattch` in `struct shmid64_ds` (asm-generic/shmbuf.h).
        const ATTACHED: u64 = 88;
        const SHM_STAT: u64 = 13;
        const SHM_STAT_ANY: u64 = 15;
        let task = &self.tasks[index];
        let [id, operation, buffer, ..] = task.entering.args;
        if task.entering.row().does != Does::ControlSystemV(SystemV::Memory) || result < 0 {
            return Ok(());
        }
        let id = match operation & !0x100 {
            operation if operation == IPC_STAT as u64 => id as i32,
            SHM_STAT | SHM_STAT_ANY => result as i32,
            _ => return Ok(()),
        };
        let Some(object) = self.memory.objects.of_segment(id) else {
            return Ok(());
        };
        let tid: Tid = task.tid;
        let aliases = self.attachments(object);
        if let Ok(count) = memory::read_word(tid, buffer + ATTACHED) {
            let own = count.saturating_sub(aliases);
            memory::write(tid, buffer + ATTACHED, &own.to_ne_bytes())?;
        }
        Ok(())
    }

    /// Returns the number of mappings of an object in address spaces that are in use.
    fn attachments(&self, object: u32) -> u64 {
        let is_used =
            |space: usize| (self.processes.iter()).any(|p| p.space == space && !self.has_ended(p));
        let spaces = self.memory.spaces.iter().enumerate();
        let regions = spaces
            .filter(|(number, _)| is_used(*number))
            .flat_map(|(_, space)| space.regions());
        let count = regions
            .filter(|region: &&Region| region.object == object)
            .count();
        count as u64
    }
}
