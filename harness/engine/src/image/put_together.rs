//! Putting a program together that has been loaded before.

use super::assembler::{self, Calls};
use super::surroundings::of_program;
use super::{Followed, Image, Known, Stage, Varying, layout};
use crate::inside::remote::{self, Remote, made};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, Loading, State};
use crate::start::outside::is_outside;
use crosswire_kernel::tracee::{Report, Stop, Stopped};
use crosswire_kernel::{Tid, descriptor, maps, memory};
use crosswire_model::End;
use std::io;

/// Length of a set of signals in the kernel (rt_sigaction(2)).
const SIGNAL_SET: u64 = 8;

impl Session<'_> {
    /// Tells whether nobody has changed a file in this run, or is known to change one in others, at
    /// which the program has looked while it was loaded.
    pub(super) fn finds_files_unchanged(&self, image: &Image) -> bool {
        let (seen, start_up) = (&image.known.seen, &self.setup.plan.start_up);
        // Changes of files outside are always noted.
        let is_noted = self.setup.notes_changes || seen.iter().all(|object| is_outside(object));
        is_noted
            && (start_up.comes_first || seen.is_disjoint(&start_up.contested))
            && !self.early.has_changed(seen)
            && !self.files.touches_machine
    }

    /// Turns a process into what it will be at the next place in its loading.
    pub(super) fn turn_into(
        &mut self,
        index: usize,
        followed: &Followed,
        image: &Image,
        compared: bool,
    ) -> Result<(), Halt> {
        let (tid, stage) = (self.tasks[index].tid, &followed.stage);
        let stopped = self.tasks[index].take_stopped()?;
        let made = make(stopped, followed, image).and_then(|stopped| {
            match compared || is_as_wanted(tid, image)? {
                true => Ok(stopped),
                false => Err(io::Error::other("its memory is not as it was")),
            }
        });
        let images = &mut self.memory.knowledge_mut().images;
        let stopped = match made {
            Ok(stopped) => stopped,
            Err(error) => {
                images.repeats_run = true;
                images.known.insert(stage.clone(), Known::Impossible);
                images.bytes -= image.length();
                let reason = format!("a program could not be put together: {error}");
                return Err(Halt::End(End::Invalid(reason)));
            }
        };
        images.uses += 1;
        if let Some(Known::Kept { compared, .. }) = images.known.get_mut(stage) {
            *compared = true;
        }
        self.tasks[index].state = State::Ready(At::Code, stopped);
        let (number, next) = (self.tasks[index].process, self.processes.len());
        let process = &mut self.processes[number];
        process.loading = Some(Loading {
            opened: image.known.opened.clone(),
            ..Loading::default()
        });
        process.reads_of_tasks |= image.known.reads_of_tasks;
        process.loading_chance = image.known.chance;
        process.readings = image.known.readings;
        self.clock.count_readings(image.known.counter_read);
        for _ in 0..image.known.ticks {
            self.read_clock_in_start_up(index);
        }
        if !image.known.seen.is_empty() {
            self.early
                .look_anyway(number, next, image.known.seen.clone());
        }
        Ok(())
    }
}

/// Makes of a process that stands at the end of a call what the image says.
fn make(stopped: Stopped, followed: &Followed, image: &Image) -> io::Result<Stopped> {
    let tid = stopped.tid();
    let calls = calls(&stopped, &followed.stage, image)?;
    let mut remote = Remote::anywhere(stopped, followed.gadget)?;
    let area = remote::code_area(assembler::CODE, calls.length());
    remote.must("making room for code", made::MMAP, area)?;
    let stopped = remote.end()?;
    for (address, bytes) in calls.parts() {
        memory::write(tid, address, &bytes)?;
    }
    remote::block_signals(&stopped)?;
    let mut registers = stopped.registers()?;
    registers.move_to(assembler::CODE);
    stopped.set_registers(&registers)?;
    stopped.resume(0)?;
    let stopped = match remote::next(tid)? {
        Report::Stopped(stopped, Stop::Signal(libc::SIGSEGV))
            if stopped.registers()?.position() == assembler::END =>
        {
            stopped
        }
        report => return Err(io::Error::other(format!("a call failed: {report:?}"))),
    };
    let contents = image.memory.contents.iter();
    let contents = contents.map(|(address, bytes)| (*address, &bytes[..]));
    memory::write_over(tid, contents)?;
    for (address, varying) in &image.memory.varying {
        let word = match varying {
            Varying::Told(number) => followed.told[*number],
            Varying::Dated(of, rate) => {
                let passed = followed.began.since(image.known.began, *of);
                let word = memory::read_word(tid, *address)?;
                word.wrapping_add_signed(passed.wrapping_mul(*rate))
            }
        };
        stopped.write_code(*address, word)?;
    }
    let state = &image.state;
    stopped.set_extended_state(&state.extended)?;
    stopped.set_registers(&state.registers)?;
    stopped.set_signal_mask(state.mask)?;
    Ok(stopped)
}

/// The calls that give a process the memory of the image, and what the kernel knows of it.
fn calls(stopped: &Stopped, stage: &Stage, image: &Image) -> io::Result<Calls> {
    let tid = stopped.tid();
    let mut calls = Calls::default();
    let (memory, state) = (&image.memory, &image.state);
    let surroundings = &stage.surroundings;
    let mut now = match stage.replies.is_empty() {
        true => surroundings.areas.clone(),
        false => of_program(maps::areas(tid)?),
    };
    let descriptors = &surroundings.settings.descriptors;
    if !stage.replies.is_empty() {
        // What it has open only at this place. The image is of a program that has closed it.
        let open = descriptor::numbers(tid);
        for number in open.into_iter().filter(|n| !descriptors.contains(n)) {
            calls.add(made::CLOSE, [number, 0, 0, 0, 0, 0], 0);
        }
    }
    let free = (0..).find(|number| !descriptors.contains(number));
    let free = free.expect("there are more numbers than descriptors");
    let end = memory.heap_end;
    calls.add(made::BRK, [end, 0, 0, 0, 0, 0], end);
    layout::add_heap(&mut now, &memory.areas);
    now.retain(|area| area.path != "[stack]");
    layout::change(&mut calls, &now, &memory.areas, &memory.once_writable, free);
    for (signal, action) in &state.actions {
        let address = calls.data(action);
        let args = [*signal as u64, address, 0, SIGNAL_SET, 0, 0];
        calls.add(made::SIGACTION, args, 0);
    }
    if let Some((head, length)) = state.robust_list {
        calls.add(made::SET_ROBUST_LIST, [head, length, 0, 0, 0, 0], 0);
    }
    let registered = stopped.restartable_sequences().unwrap_or_default();
    if state.sequences != registered {
        let [address, size, flags, signature] = state.sequences;
        calls.add(made::RSEQ, [address, size, flags, signature, 0, 0], 0);
    }
    if let (Some(cell), Some(id)) = (state.id_cell, surroundings.id()) {
        calls.add(made::SET_TID_ADDRESS, [cell, 0, 0, 0, 0, 0], id as u64);
    }
    match calls.fit() {
        true => Ok(calls),
        false => Err(io::Error::other("it has too many mappings")),
    }
}

fn is_as_wanted(tid: Tid, image: &Image) -> io::Result<bool> {
    let areas = of_program(maps::areas(tid)?);
    let (stack, areas): (Vec<_>, Vec<_>) = areas.into_iter().partition(|a| a.path == "[stack]");
    let has_stack = stack.iter().any(|area| {
        area.range.start <= image.memory.stack.start && area.range.end == image.memory.stack.end
    });
    Ok(has_stack && areas == image.memory.areas)
}
