//! Following a program's shared mappings: mmap(2), shmat(2), and what changes them.

use super::code::trampoline::{AREA, SCRATCH};
use super::naming::{self, Key};
use super::space::{CODE, DISTANCE, PAGE, Region, WINDOW, pages};
use crate::inside::remote::{Remote, code_area, made};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crate::start::loading::is_inside;
use crosswire_calls::{Does, Mapping, SystemV};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{filter, maps, memory};
use crosswire_model::End;
use libc::*;
use std::ops::Range;

/// Kinds of mapping in the flags of mmap(2).
const KIND: u64 = 0x0f;
const SHARED_VALIDATE: u64 = 3;

/// Flags of mmap(2) with which a program chooses where a mapping is.
const FIXED: c_int = MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT;

fn is_shared(args: &[u64; 6]) -> bool {
    let kind = args[3] & KIND;
    kind == MAP_SHARED as u64 || kind == SHARED_VALIDATE
}

/// Beginning of the names that System V memory has as an object.
pub(crate) const SYSTEM_V_SEGMENT: &str = "System V segment ";

impl Session<'_> {
    /// Tells whether the call makes shared memory accessible that must be watched.
    /// Read-only files of the system do not change during a run.
    fn maps_shared(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let args = task.entering.args;
        match task.entering.row().does {
            Does::Map(Mapping::Attach) => true,
            Does::Map(Mapping::Map) => {
                is_shared(&args) && args[2] as c_int & PROT_EXEC == 0 && self.may_change(index)
            }
            _ => false,
        }
    }

    /// Tells whether the call maps shared memory for code that is generated in the run.
    /// An instruction there cannot be fetched through an alias.
    fn maps_code(&self, index: usize) -> bool {
        let args = self.tasks[index].entering.args;
        is_shared(&args) && args[2] as c_int & PROT_EXEC != 0 && self.may_change(index)
    }

    fn may_change(&self, index: usize) -> bool {
        let task = &self.tasks[index];
        let [_, _, protection, flags, descriptor, _] = task.entering.args;
        if flags as c_int & MAP_ANONYMOUS != 0 {
            return true;
        }
        let Some((_, name)) = naming::file(task.tid, descriptor) else {
            return false;
        };
        let is_device = name.starts_with("/dev/") && !name.starts_with("/dev/shm/");
        if is_device && name != "/dev/zero" || name.starts_with("anon_inode:") {
            return false;
        }
        let is_private = is_inside(&name, self.setup.private_dirs) || !name.starts_with('/');
        protection as c_int & PROT_WRITE != 0 || is_private || name.starts_with("/memfd:")
    }

    /// Tells whether a task maps shared memory for which those that it has already leave no room,
    /// as where the address space is used up. One that never had room makes the run invalid.
    pub fn has_used_up_room(&self, index: usize) -> bool {
        let args = self.tasks[index].entering.args;
        args[3] as c_int & FIXED == 0
            && self.maps_shared(index)
            && self.space(index).is_used_up(args[1])
    }

    /// Before a mapping is made whose place the program leaves to the kernel: it goes
    /// into the window.
    pub fn place_mapping(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let args = task.entering.args;
        let Does::Map(mapping) = task.entering.row().does else {
            return Ok(());
        };
        if mapping == Mapping::Map && self.maps_code(index) {
            let name = naming::file(task.tid, args[4]).map_or_else(
                || "memory without a name".to_owned(),
                |(_, name)| format!("`{name}`"),
            );
            self.note_code(&name);
        }
        if mapping == Mapping::Remap
            && let Some(region) = self.space(index).at(args[0]).copied()
        {
            return Err(self.cannot_watch(index, &region, "its pages change places"));
        }
        match mapping {
            Mapping::Map if self.maps_shared(index) => {
                if args[3] as c_int & FIXED != 0 {
                    return Ok(());
                }
                let Some(room) = self.space(index).room(args[1].next_multiple_of(PAGE)) else {
                    return Err(self.no_room(index, args[1]));
                };
                let flags = args[3] | MAP_FIXED_NOREPLACE as u64;
                self.change_argument(index, 0, room)?;
                self.change_argument(index, 3, flags)
            }
            Mapping::Attach if args[1] == 0 => {
                let Some(length) = self.segment_length(index, args[0])? else {
                    return Ok(());
                };
                match self.space(index).room(length.next_multiple_of(PAGE)) {
                    Some(room) => self.change_argument(index, 1, room),
                    None => Err(self.no_room(index, length)),
                }
            }
            Mapping::Move
                if args[3] as c_int & MREMAP_MAYMOVE != 0
                    && args[3] as c_int & MREMAP_FIXED == 0
                    && self
                        .space(index)
                        .at(args[0])
                        .is_some_and(|region| !region.own) =>
            {
                let Some(room) = self.space(index).room(args[2].next_multiple_of(PAGE)) else {
                    return Err(self.no_room(index, args[2]));
                };
                self.change_argument(index, 3, args[3] | MREMAP_FIXED as u64)?;
                self.change_argument(index, 4, room)
            }
            _ => Ok(()),
        }
    }

    fn note_code(&mut self, name: &str) {
        self.recorder.note_unwatched(format!(
            "{name} is shared and can be executed, so accesses to it are no schedule points"
        ));
    }

    fn no_room(&self, index: usize, length: u64) -> Halt {
        Halt::End(End::Invalid(format!(
            "`{}` maps {length} bytes of shared memory; {} bytes are the most that can be \
             observed in one process",
            self.processes[self.tasks[index].process].name,
            WINDOW.end - WINDOW.start,
        )))
    }

    /// Changes an argument of the call that is about to begin; the program gets its own
    /// back when it ends.
    pub(super) fn change_argument(
        &mut self,
        index: usize,
        argument: usize,
        value: u64,
    ) -> Result<(), Halt> {
        let task = &mut self.tasks[index];
        let register = Register::Arg(argument);
        task.borrowed
            .remember(register, task.entering.args[argument]);
        Ok(task.stopped()?.poke(register, value)?)
    }

    /// Returns the size of a System V segment, if the program may know it.
    fn segment_length(&mut self, index: usize, id: u64) -> Result<Option<u64>, Halt> {
        /// `shm_segsz` in `struct shmid64_ds` (asm-generic/shmbuf.h).
        const SIZE: u64 = 48;
        let mut remote = self.borrow(index)?;
        self.add_area(index, &mut remote)?;
        let result = remote.call(made::SHMCTL, [id, IPC_STAT as u64, SCRATCH, 0, 0, 0])?;
        let length = memory::read_word(self.tasks[index].tid, SCRATCH + SIZE)?;
        self.give_back(index, remote)?;
        Ok((result == 0).then_some(length))
    }

    /// Gives a process its area for trampolines.
    pub(super) fn add_area(&mut self, index: usize, remote: &mut Remote) -> Result<(), Halt> {
        if self.space(index).trampolines.is_some() {
            return Ok(());
        }
        let args = code_area(CODE, AREA as u64);
        let made = remote.call(made::MMAP, args)?;
        if made as u64 != CODE {
            let error = std::io::Error::from_raw_os_error(-made as i32);
            let why = match error.raw_os_error() {
                Some(EACCES) => "it may not execute what it has written (PR_SET_MDWE)".to_owned(),
                _ => format!("there is no room for code: {error}"),
            };
            return Err(Halt::End(End::Invalid(format!(
                "`{}` shares memory, which cannot be observed: {why}",
                self.processes[self.tasks[index].process].name,
            ))));
        }
        let image = self.memory.knowledge.trampolines.image();
        let length = image.len();
        memory::write(self.tasks[index].tid, CODE, image)?;
        self.space_mut(index).trampolines = Some(length);
        Ok(())
    }

    /// After a call has come back: takes note of what it did to mappings.
    pub fn follow_mapping(&mut self, index: usize) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let Does::Map(mapping) = task.entering.row().does else {
            return Ok(());
        };
        let result = match &task.state {
            State::Ready(At::Exit, stopped) => stopped.result()?,
            _ => return Ok(()),
        };
        let args = task.entering.args;
        let failed = (-4095..0).contains(&result);
        if failed && mapping != Mapping::Protect {
            return Ok(());
        }
        let address = result as u64;
        match mapping {
            Mapping::Map => {
                let range = pages(address, args[1]);
                self.forget_range(index, range.clone())?;
                if self.maps_shared(index) {
                    self.watch_file(index, range)?;
                }
            }
            Mapping::Attach => self.watch_segment(index, address)?,
            Mapping::Unmap => self.forget_range(index, pages(args[0], args[1]))?,
            Mapping::Detach => {
                if let Some(region) = self.space(index).at(args[0]).copied() {
                    self.forget_segment(index, &region)?;
                }
            }
            Mapping::Protect => {
                self.protect(index, pages(args[0], args[1]), args[2] as i32, failed)?;
            }
            Mapping::Move => self.follow_move(index, args, address)?,
            Mapping::Advise => self.inherit(index, pages(args[0], args[1]), args[2] as c_int)?,
            Mapping::Remap | Mapping::Break => {}
        }
        self.follow_own(index, mapping, address)
    }

    fn watch_file(&mut self, index: usize, range: Range<u64>) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let [_, _, protection, flags, descriptor, offset] = task.entering.args;
        let is_anonymous = flags as c_int & MAP_ANONYMOUS != 0;
        let object = match is_anonymous {
            true => self.memory.objects.anonymous(),
            false => match naming::file(task.tid, descriptor) {
                Some((key, name)) => self.memory.objects.number(key, &name),
                None => self.memory.objects.anonymous(),
            },
        };
        let region = Region {
            start: range.start,
            end: range.end,
            protection: protection as i32,
            object,
            offset,
            inherited: true,
            own: false,
            sole: is_anonymous,
        };
        self.observe(index, region)
    }

    fn watch_segment(&mut self, index: usize, address: u64) -> Result<(), Halt> {
        let [id, _, flags, ..] = self.tasks[index].entering.args;
        let Some(length) = self.segment_length(index, id)? else {
            return Ok(());
        };
        let range = pages(address, length);
        if flags as c_int & SHM_REMAP != 0 {
            self.forget_range(index, range.clone())?;
        }
        let id = id as i32;
        let stable = self.ipc.ids.stable(SystemV::Memory, id.into());
        let name = format!("{SYSTEM_V_SEGMENT}{stable}");
        let protection = match flags as c_int & SHM_RDONLY != 0 {
            true => PROT_READ,
            false => PROT_READ | PROT_WRITE,
        };
        let region = Region {
            start: range.start,
            end: range.end,
            protection,
            object: self.memory.objects.number(Key::SystemV(id), &name),
            offset: 0,
            inherited: true,
            own: false,
            sole: false,
        };
        self.observe(index, region)
    }

    /// Gives a new mapping its alias and makes it inaccessible.
    pub(super) fn observe(&mut self, index: usize, region: Region) -> Result<(), Halt> {
        let alias = region.start.wrapping_add(DISTANCE);
        let tid = self.tasks[index].tid;
        let is_outside = !WINDOW.contains(&region.start) || !WINDOW.contains(&(region.end - 1));
        if is_outside && maps::is_mapped(tid, alias, alias + region.len()) {
            return Err(self.cannot_watch(index, &region, "where it is, there is no room above"));
        }
        let mut remote = self.borrow(index)?;
        self.add_area(index, &mut remote)?;
        if is_outside && !self.space(index).watches_everywhere {
            self.install_filter(index, &mut remote)?;
        }
        let flags = (MREMAP_MAYMOVE | MREMAP_FIXED) as u64;
        let args = [region.start, 0, region.len(), flags, alias, 0];
        let made = remote.call(made::MREMAP, args)?;
        if made as u64 != alias {
            let error = std::io::Error::from_raw_os_error(-made as i32);
            self.give_back(index, remote)?;
            // Memory in huge pages cannot be mapped a second time like this.
            if error.raw_os_error() == Some(EINVAL) {
                let name = self.memory.name(region.object);
                self.recorder.note_unwatched(format!(
                    "{name} can be mapped only once, as memory in huge pages, so accesses to it \
                     are no schedule points"
                ));
                return Ok(());
            }
            let filters = self.processes[self.tasks[index].process].filters_calls;
            let why = match filters {
                true => "its own filter of system calls may forbid what that takes".to_owned(),
                false => format!("mremap(2): {error}"),
            };
            return Err(self.cannot_watch(index, &region, &why));
        }
        let args = [alias, region.len(), region.protection as u64, 0, 0, 0];
        remote.must("protecting an alias", made::MPROTECT, args)?;
        let stays_open = self.stays_open(index, &region);
        if !stays_open {
            let args = [region.start, region.len(), 0, 0, 0, 0];
            remote.must("protecting shared memory", made::MPROTECT, args)?;
        }
        self.give_back(index, remote)?;
        let space = self.space_mut(index);
        space.insert(region);
        space.forget_written(region.start..region.end);
        if region.sole {
            space.sole_open = stays_open;
        }
        Ok(())
    }

    fn cannot_watch(&self, index: usize, region: &Region, why: &str) -> Halt {
        Halt::End(End::Invalid(format!(
            "`{}` maps {} bytes of {} at {:#x}, which cannot be observed: {why}",
            self.processes[self.tasks[index].process].name,
            region.len(),
            self.memory.name(region.object),
            region.start,
        )))
    }

    pub(super) fn install_filter(&mut self, index: usize, remote: &mut Remote) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let filter = filter::filter_for_mappings();
        let mut bytes = Vec::new();
        for op in &filter {
            bytes.extend(op.code.to_ne_bytes());
            bytes.extend([op.jt, op.jf]);
            bytes.extend(op.k.to_ne_bytes());
        }
        memory::write(tid, SCRATCH + 16, &bytes)?;
        // struct sock_fprog: a length and a pointer.
        memory::write(tid, SCRATCH, &(filter.len() as u64).to_ne_bytes())?;
        memory::write(tid, SCRATCH + 8, &(SCRATCH + 16).to_ne_bytes())?;
        let flags = SECCOMP_FILTER_FLAG_TSYNC;
        let args = [SECCOMP_SET_MODE_FILTER as u64, flags, SCRATCH, 0, 0, 0];
        remote.must("adding a system-call filter", made::SECCOMP, args)?;
        self.space_mut(index).watches_everywhere = true;
        let process = self.tasks[index].process;
        self.processes[process].added_filters += 1;
        Ok(())
    }

    /// A range holds no shared mapping of the program any more.
    pub(super) fn forget_range(&mut self, index: usize, range: Range<u64>) -> Result<(), Halt> {
        let parts = self.space(index).within(range.clone());
        if parts.is_empty() {
            return Ok(());
        }
        let mut remote = self.borrow(index)?;
        for part in &parts {
            let args = [part.start + DISTANCE, part.len(), 0, 0, 0, 0];
            remote.must("removing an alias", made::MUNMAP, args)?;
        }
        self.give_back(index, remote)?;
        self.forget_pages(index, &range);
        self.space_mut(index).remove(range);
        Ok(())
    }

    /// shmdt(2) takes away all that is left of a segment attached at that address.
    fn forget_segment(&mut self, index: usize, first: &Region) -> Result<(), Halt> {
        let parts: Vec<Range<u64>> = (self.space(index).regions())
            .filter(|r| r.object == first.object && r.start.wrapping_sub(r.offset) == first.start)
            .map(|r| r.start..r.end)
            .collect();
        for part in parts {
            self.forget_range(index, part)?;
        }
        Ok(())
    }

    /// Applies a change of the program's rights in a range; the kernel has already
    /// applied it to the program's own addresses.
    fn protect(
        &mut self,
        index: usize,
        range: Range<u64>,
        protection: i32,
        failed: bool,
    ) -> Result<(), Halt> {
        let parts = self.space(index).within(range.clone());
        if parts.is_empty() {
            return Ok(());
        }
        if protection & PROT_EXEC != 0 && !failed {
            let name = self.memory.name(parts[0].object).to_owned();
            self.note_code(&name);
            return self.forget_range(index, range);
        }
        let mut remote = self.borrow(index)?;
        for part in &parts {
            let args = [
                part.start + DISTANCE,
                part.len(),
                protection as u64,
                0,
                0,
                0,
            ];
            if !failed {
                remote.call(made::MPROTECT, args)?;
            }
            let there = match part.sole && self.space(index).sole_open {
                true if failed => part.protection,
                true => protection,
                false => 0,
            };
            let args = [part.start, part.len(), there as u64, 0, 0, 0];
            remote.must("protecting shared memory", made::MPROTECT, args)?;
        }
        self.give_back(index, remote)?;
        let space = self.space_mut(index);
        space.left.forget_range(&range);
        if !failed {
            space.protect(range, protection);
        }
        Ok(())
    }

    /// madvise(2) decides whether a child gets a range; the kernel has done that for the
    /// aliases.
    fn inherit(&mut self, index: usize, range: Range<u64>, advice: c_int) -> Result<(), Halt> {
        let parts = self.space(index).within(range.clone());
        if !matches!(advice, MADV_DONTFORK | MADV_DOFORK) || parts.is_empty() {
            return Ok(());
        }
        let mut remote = self.borrow(index)?;
        for part in &parts {
            for start in [part.start, part.start + DISTANCE] {
                let args = [start, part.len(), advice as u64, 0, 0, 0];
                remote.must("advising on shared memory", made::MADVISE, args)?;
            }
        }
        self.give_back(index, remote)?;
        self.space_mut(index).inherit(range, advice == MADV_DOFORK);
        Ok(())
    }

    /// mremap(2): a mapping has moved, grown, shrunk or been doubled.
    fn follow_move(&mut self, index: usize, args: [u64; 6], address: u64) -> Result<(), Halt> {
        let [old, old_length, new_length, ..] = args;
        let Some(&region) = self.space(index).at(old) else {
            // Something else may have been moved over shared memory.
            return self.forget_range(index, pages(address, new_length));
        };
        self.forget_range(index, pages(old, old_length))?;
        let target = pages(address, new_length);
        self.forget_range(index, target.clone())?;
        let moved = Region {
            start: target.start,
            end: target.end,
            offset: region.position(old),
            ..region
        };
        self.observe(index, moved)
    }
}
