//! The access itself: from the fault to the value that is left.

use super::code::instruction::Form;
use super::code::trampoline::{AREA, Meaning, SAVED};
use super::reading::{Reading, low_bytes, value_at};
use super::space::{CODE, DISTANCE, Region};
use super::{Pending, Performing, SharedMemory};
use crate::faults::armed::Strike;
use crate::inside::remote::{block_signals, next};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_kernel::arch::Register;
use crosswire_kernel::memory;
use crosswire_kernel::tracee::{Entering, Report, Stop, Stopped};
use crosswire_model::{Access, AccessKind, Call, End, What};
use std::io;

/// The code of a fault on memory that is there, but not accessible (sigaction(2)).
const SEGV_ACCERR: i32 = 2;

impl Session<'_> {
    /// Tells whether a SIGSEGV is an access to watched memory that the program may make.
    /// If so, the task is about to make it.
    pub fn is_access(&mut self, index: usize) -> Result<bool, Halt> {
        if !self.is_watched(index) {
            return Ok(false);
        }
        let stopped = self.tasks[index].stopped()?;
        let (code, address) = stopped.fault()?;
        let position = stopped.peek(Register::Position)?;
        if let Some(meaning) = self.memory.knowledge.trampolines.meaning(position) {
            return self.trampoline_failed(index, meaning, address);
        }
        let Some(&region) = self.space(index).at(address) else {
            return Ok(false);
        };
        if code != SEGV_ACCERR {
            return Ok(false);
        }
        if position == address {
            return Err(self.unsupported(index, &region, "executes code in it"));
        }
        let unbacked = self.lacks_page(index, address, &region)?;
        let reading = self.read_at_access(index, position, address)?;
        let trampoline = self.trampoline_at(index, position, &reading, &region)?;
        let kind = self
            .memory
            .knowledge
            .trampolines
            .get(trampoline)
            .instruction
            .kind;
        if !permits(region.protection, kind, self.is_string(trampoline)) {
            return Ok(false);
        }
        self.come_to_access(
            index,
            Pending {
                address,
                trampoline,
                stepped: false,
                unbacked,
                delayed: false,
                refused: false,
                word: reading.word,
            },
        )?;
        self.keep_handler(index)?;
        Ok(true)
    }

    fn is_string(&self, trampoline: usize) -> bool {
        let instruction = &self
            .memory
            .knowledge
            .trampolines
            .get(trampoline)
            .instruction;
        matches!(instruction.form, Form::String(_))
    }

    fn trampoline_at(
        &mut self,
        index: usize,
        position: u64,
        reading: &Reading,
        region: &Region,
    ) -> Result<usize, Halt> {
        let code = &reading.code[..reading.length];
        let found = self.memory.knowledge.trampolines.find(position, code);
        found.ok_or_else(|| {
            let bytes: Vec<String> = code.iter().map(|b| format!("{b:02x}")).collect();
            let how = format!("uses an instruction that is not known: {}", bytes.join(" "));
            self.unsupported(index, region, &how)
        })
    }

    fn unsupported(&self, index: usize, region: &Region, how: &str) -> Halt {
        Halt::End(End::Invalid(format!(
            "`{}` shares the memory {}, and {how}; that is not supported",
            self.processes[self.tasks[index].process].name,
            self.memory.name(region.object),
        )))
    }

    fn come_to_access(&mut self, index: usize, pending: Pending) -> io::Result<()> {
        let task = &mut self.tasks[index];
        task.access = Some(pending);
        task.entering = Entering {
            call: Call::MEMORY.0,
            args: [0; 6],
            next: 0,
            native: true,
        };
        task.in_vfork = false;
        task.counted = pending.stepped;
        task.stand(At::Access)
    }

    /// An instruction cannot be performed on the alias: it touches other memory, too.
    fn trampoline_failed(
        &mut self,
        index: usize,
        meaning: Meaning,
        address: u64,
    ) -> Result<bool, Halt> {
        let stopped = self.tasks[index].stopped()?;
        if stopped.peek(Register::SegmentBase)? != DISTANCE {
            return Err(self.uses_segment(index));
        }
        leave(stopped, &meaning)?;
        self.take_back_access(index);
        let address = match self.space(index).at(address) {
            Some(_) => address,
            None => address.wrapping_sub(DISTANCE),
        };
        self.come_to_access(
            index,
            Pending {
                address,
                trampoline: meaning.trampoline,
                stepped: true,
                unbacked: false,
                delayed: false,
                refused: false,
                word: None,
            },
        )?;
        Ok(true)
    }

    pub(super) fn uses_segment(&self, index: usize) -> Halt {
        Halt::End(End::Invalid(format!(
            "`{}` uses the GS segment, with which accesses to shared memory are observed; \
             that is not supported",
            self.processes[self.tasks[index].process].name
        )))
    }

    /// An access that was recorded has not happened.
    fn take_back_access(&mut self, index: usize) {
        for performing in self.tasks[index].performing.drain(..).rev() {
            self.recorder.take_back(performing.event);
        }
    }

    /// A signal meets a task in a trampoline: it shall find it in the program.
    pub fn leave_trampoline(&mut self, index: usize) -> Result<(), Halt> {
        if !self.is_watched(index) {
            return Ok(());
        }
        let stopped = self.tasks[index].stopped()?;
        let position = stopped.peek(Register::Position)?;
        if let Some(meaning) = self.memory.knowledge.trampolines.meaning(position) {
            leave(stopped, &meaning)?;
            if !meaning.performed {
                self.take_back_access(index);
            }
        }
        Ok(())
    }

    /// The fault of a file that is shorter than its mapping happens at the program's
    /// address (SIGBUS, mmap(2)).
    pub fn correct_fault_address(&mut self, index: usize) -> Result<(), Halt> {
        let stopped = self.tasks[index].stopped()?;
        let (_, address) = stopped.fault()?;
        let own = address.wrapping_sub(DISTANCE);
        if self.space(index).at(address).is_none() && self.space(index).at(own).is_some() {
            stopped.set_fault_address(own)?;
        }
        Ok(())
    }

    /// The chosen task makes the access that it is about to make.
    pub fn perform_access(&mut self, index: usize) -> Result<(), Halt> {
        if self.deliver_first(index)? {
            return Ok(());
        }
        match self.strike(index)? {
            Strike::None => {}
            Strike::StepOver | Strike::Answer(_) => return Ok(()),
        }
        let task = &self.tasks[index];
        let pending = task.access.expect("it is at an access");
        let word = self.word_before(index, &pending);
        self.tasks[index].access = None;
        self.prepare_trampolines(index)?;
        if self.is_buffered(index, &pending) {
            self.access_by_buffer(index, &pending)?;
            return match self.tasks[index].state {
                // It touches other memory, too, or has failed as it would without the engine.
                State::Ready(At::Access | At::Signal(_), _) => Ok(()),
                _ => self.run_code(index, 0),
            };
        }
        let form = self
            .memory
            .knowledge
            .trampolines
            .get(pending.trampoline)
            .instruction
            .form;
        match form {
            Form::Direct | Form::Relative(_) if !pending.stepped => {
                self.record_access(index, &pending, word);
                let trampoline = self.memory.knowledge.trampolines.get(pending.trampoline);
                let stopped = self.tasks[index].stopped()?;
                stopped.poke(Register::Position, trampoline.address)?;
            }
            Form::String(operands) if !pending.stepped => {
                self.perform_string(index, &pending, operands)?;
            }
            _ => {
                self.record_access(index, &pending, word);
                self.perform_stepped(index)?;
            }
        }
        if let State::Ready(At::Signal(_), _) = self.tasks[index].state {
            // The instruction has failed as it would without the engine.
            return Ok(());
        }
        self.run_code(index, 0)?;
        self.note_left(index);
        Ok(())
    }

    /// Performs the access that a task is about to make if it only serves to find a function of a
    /// library: its address, which the first caller looks up, is the same for all. Returns whether
    /// it has, so that the task goes on.
    pub fn pass_linkage(&mut self, index: usize) -> Result<bool, Halt> {
        let State::Ready(At::Access, _) = self.tasks[index].state else {
            return Ok(false);
        };
        let pending = self.tasks[index].access.expect("it is at an access");
        let is_own = |region: &Region| region.own;
        if !self.space(index).at(pending.address).is_some_and(is_own)
            || !self.is_linkage(index, pending.trampoline)
            || self.comes_behind_stores(index, &pending)
        {
            return Ok(false);
        }
        self.tasks[index].access = None;
        self.prepare_trampolines(index)?;
        let is_done = self.load_own_stores(index, &pending)?;
        let trampoline = self.memory.knowledge.trampolines.get(pending.trampoline);
        match trampoline.instruction.form {
            _ if is_done => {}
            form if form.is_plain() && !pending.stepped => {
                let stopped = self.tasks[index].stopped()?;
                stopped.poke(Register::Position, trampoline.address)?;
            }
            _ => self.perform_stepped(index)?,
        }
        self.close_shared(index)?;
        Ok(matches!(
            self.tasks[index].state,
            State::Ready(At::Access | At::Code, _)
        ))
    }

    /// Tells whether an instruction belongs to the dynamic loader, or jumps to an address that
    /// it keeps: the procedure linkage table does so (elf(5)).
    fn is_linkage(&mut self, index: usize, trampoline: usize) -> bool {
        let known = self.memory.knowledge.trampolines.get(trampoline);
        known.instruction.jumps || {
            let place = self.place_of(index, trampoline);
            let module = &self.memory.objects.places[place as usize].module;
            let name = module.rsplit('/').next().unwrap_or_default();
            name.starts_with("ld-") || name.starts_with("ld.so")
        }
    }

    /// Brings a process's trampolines up to date, and a task's segment.
    pub(super) fn prepare_trampolines(&mut self, index: usize) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let written = self.space(index).trampolines.unwrap_or(0);
        let image = self.memory.knowledge.trampolines.image();
        if written < image.len() {
            memory::write(tid, CODE + written as u64, &image[written..])?;
            let length = image.len();
            debug_assert!(length <= AREA);
            self.space_mut(index).trampolines = Some(length);
        }
        if !self.tasks[index].segment_set {
            let stopped = self.tasks[index].stopped()?;
            match stopped.peek(Register::SegmentBase)? {
                0 | DISTANCE => stopped.poke(Register::SegmentBase, DISTANCE)?,
                _ => return Err(self.uses_segment(index)),
            }
            self.tasks[index].segment_set = true;
        }
        Ok(())
    }

    fn record_access(&mut self, index: usize, pending: &Pending, word: Option<u64>) {
        let instruction = &self
            .memory
            .knowledge
            .trampolines
            .get(pending.trampoline)
            .instruction;
        let (size, kind) = (u64::from(instruction.size), instruction.kind);
        let is_stepped = instruction.form == Form::Stepped;
        if instruction.is_scattered || pending.stepped || is_stepped && self.has_shared_stack(index)
        {
            self.note_all_pages(index);
        }
        // Of the last bytes of a mapping there is no whole word.
        let before = match word {
            Some(word) => Some(word & low_bytes(size)),
            None => value_at(self.tasks[index].tid, pending.address, size),
        };
        let (trampoline, address) = (pending.trampoline, pending.address);
        self.record_range(index, trampoline, address, size, kind, before);
    }

    /// Adds the event of an access to a range that begins in watched memory with this
    /// value.
    pub(super) fn record_range(
        &mut self,
        index: usize,
        trampoline: usize,
        address: u64,
        size: u64,
        kind: AccessKind,
        before: Option<u64>,
    ) {
        let Some(&region) = self.space(index).at(address) else {
            return;
        };
        if kind.may_write() {
            self.note_written(index, address, size);
        }
        let place = self.place_of(index, trampoline);
        let before = before.map(|value| self.stable_words(value));
        let access = Access {
            object: region.object,
            offset: region.position(address),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            kind,
            before,
            after: before.filter(|_| !kind.may_write()),
            since: None,
            place,
        };
        self.tasks[index].performing.push(Performing {
            event: self.recorder.len(),
            address,
            size,
            left: None,
        });
        self.record(index, What::Access(access));
    }

    /// Returns the number by which the trace knows an instruction of a task.
    pub(super) fn place_of(&mut self, index: usize, trampoline: usize) -> u32 {
        let tid = self.tasks[index].tid;
        let process = self.tasks[index].process;
        let executable = match self.processes[process].executable {
            Some(executable) => executable,
            None => self.memory.knowledge.executable(tid),
        };
        self.processes[process].executable = Some(executable);
        let SharedMemory {
            objects, knowledge, ..
        } = &mut self.memory;
        objects.place(knowledge, tid, executable, trampoline)
    }

    /// After the step: what the access has left behind.
    fn note_left(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let performed = std::mem::take(&mut task.performing);
        let is_there = task.is_stopped();
        let (id, tid) = (task.id, task.tid);
        for Performing {
            event,
            address,
            size,
            left,
        } in performed
        {
            let Some(mut access) = self.recorder.access(event) else {
                continue;
            };
            if !access.kind.may_write() {
                continue;
            }
            if is_there {
                let after = match left {
                    Some(word) => Some(word & low_bytes(size)),
                    None => value_at(tid, address, size),
                };
                access.after = after.map(|value| self.stable_words(value));
                self.recorder.amend_access(event, access);
            }
            let same = access.after.is_some() && access.after == access.before && size <= 8;
            if !same {
                self.memory.note_change(&access, id);
            }
            let word = (access.object, access.offset);
            self.memory.last_writers.insert(word, id);
        }
    }

    /// Returns a value as the trace holds it: process ids, which locks contain, as in
    /// [`Session::stable_pid`].
    pub fn stable_words(&self, value: u64) -> u64 {
        /// The two highest bits of a futex say something else (futex(2)).
        const ID: u64 = 0x3fff_ffff;
        if !self.setup.pids_vary {
            return value;
        }
        let stable = |word: u64| word & !ID | self.stable_pid((word & ID) as i64) as u64;
        stable(value >> 32) << 32 | stable(value & 0xffff_ffff)
    }

    /// Performs one instruction in its place, while no other task can run.
    pub(super) fn perform_stepped(&mut self, index: usize) -> Result<(), Halt> {
        self.open(index)?;
        let stopped = self.tasks[index].take_stopped()?;
        let mask = block_signals(&stopped)?;
        stopped.single_step()?;
        match next(self.tasks[index].tid)? {
            Report::Stopped(stopped, Stop::Signal(signal)) => {
                stopped.set_signal_mask(mask)?;
                let at = match signal {
                    libc::SIGTRAP => At::Code,
                    _ => At::Signal(signal),
                };
                self.tasks[index].state = State::Ready(at, stopped);
                Ok(())
            }
            report => self.on_report(report),
        }
    }
}

/// Puts a task that stands in a trampoline where it stands to its program, with what it had in
/// its registers.
pub(super) fn leave(stopped: &Stopped, meaning: &Meaning) -> io::Result<()> {
    if let Some(register) = meaning.lent {
        let mut registers = stopped.registers()?;
        registers.set_general(register.into(), memory::read_word(stopped.tid(), SAVED)?);
        stopped.set_registers(&registers)?;
    }
    stopped.poke(Register::Position, meaning.position)
}

/// Tells whether a program may make this access to memory of its own with this
/// protection. The effect of a string instruction depends on which of its operands the
/// memory is.
fn permits(protection: i32, kind: AccessKind, is_string: bool) -> bool {
    let needed = match kind {
        AccessKind::Read => libc::PROT_READ,
        _ if is_string => libc::PROT_READ,
        AccessKind::Write | AccessKind::Update => libc::PROT_WRITE,
    };
    protection & needed != 0
}
