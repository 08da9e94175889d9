//! Leaves pages to their only users, and takes them back.

use super::learned::Contested;
use super::users::{PageOf, PageUser};
use crate::memory::space::{PAGE, Region};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use crosswire_model::{Access, Call};
use libc::PROT_WRITE;
use std::ops::Range;

impl Session<'_> {
    /// Leaves a page to the task that is about to access it, if it may have that to itself.
    /// Returns whether it was left, so that the task goes on without a step.
    pub fn leave_page(&mut self, index: usize) -> Result<bool, Halt> {
        let State::Ready(At::Access, _) = self.tasks[index].state else {
            return Ok(false);
        };
        let Some((address, size, kind)) = self.pending_access(index) else {
            return Ok(false);
        };
        let Some(&region) = self.space(index).at(address) else {
            return Ok(false);
        };
        match region.own {
            true => self.leave_to_thread(index, &region, address, size),
            false => self.leave_to_process(index, &region, (address, size), kind.may_write()),
        }
    }

    /// Tells whether pages of memory that processes share may be left.
    pub fn leaves_shared_pages(&self) -> bool {
        let plan = self.setup.plan;
        plan.start_up.leaves_shared_pages
            // Stores to a page would be visible before older ones that wait.
            && !plan.memory.is_tso()
            && !self.setup.in_template
            && !self.faults.may_strike(|call| call == Call::MEMORY.0)
    }

    fn leave_to_process(
        &mut self,
        index: usize,
        region: &Region,
        (address, size): (u64, u32),
        writes: bool,
    ) -> Result<bool, Halt> {
        let page = address / PAGE * PAGE;
        let object = (region.object, region.position(page));
        let user = self.page_user(index);
        let goes_round = self.tasks[index].looping.repeats();
        let users = &self.memory.page_users;
        if !self.leaves_shared_pages() {
            return Ok(false);
        }
        let Some(has_written) = users.may_be_left(object, &user, writes, goes_round) else {
            return Ok(false);
        };
        // The first write to a page of a file is to be seen.
        let opens = has_written && (writes || !self.is_clean(index, region, page));
        if self.is_known_shared(object) {
            self.memory.page_users.keep_watched(object);
            return Ok(false);
        }
        let ends_there = address + u64::from(size) <= page + PAGE;
        // What it loads there may wait in its buffer.
        let waits = !self.tasks[index].buffer.is_empty();
        // Mappings stay as they are while a round of a loop is compared with the next.
        if !ends_there
            || waits
            || self.is_examined(index)
            || self.recorder.has_unwatched()
            || !self.has_memory_alone(index)
            || !self.space(index).left.has_room()
        {
            return Ok(false);
        }
        let rights = match opens {
            true => region.protection,
            false => region.protection & !PROT_WRITE,
        };
        let file = self.memory.objects.key(region.object);
        let user = PageUser::of(&self.contest, self.actor(index));
        let users = &mut self.memory.page_users;
        users.leave(object, &user, opens, file);
        if writes {
            self.note_written(index, address, size.into());
        }
        self.open_page(index, page, rights)?;
        Ok(true)
    }

    /// Makes a page accessible to the task that is about to access it, which then goes on.
    pub(in crate::memory) fn open_page(
        &mut self,
        index: usize,
        page: u64,
        rights: i32,
    ) -> Result<(), Halt> {
        self.tasks[index].access = None;
        self.protect_ranges(index, &[(page, PAGE, rights)])?;
        self.space_mut(index).left.leave(page, index);
        Ok(self.tasks[index].stand(At::Code)?)
    }

    /// Tells whether the plan says that a page has several users.
    fn is_known_shared(&self, (object, page): PageOf) -> bool {
        let name = self.memory.name(object);
        self.setup.plan.start_up.is_shared_page(name, page)
    }

    fn page_user(&self, index: usize) -> PageUser<'_> {
        PageUser::of(&self.contest, self.actor(index))
    }

    /// Takes note of the pages that an access uses.
    pub fn note_pages(&mut self, index: usize, access: &Access) {
        if self.leaves_shared_pages() && !self.memory.is_own(access.object) {
            let end = access.offset + u64::from(access.size.max(1));
            let writes = access.kind.may_write();
            self.use_pages(index, access.object, access.offset..end, writes);
            if access.before == access.after {
                let page = (access.object, access.offset / PAGE * PAGE);
                let look = (access.place, access.offset, access.before);
                let user = self.actor(index);
                self.memory.page_users.note_look(page, user, look);
            }
        }
    }

    fn use_pages(&mut self, index: usize, object: u32, positions: Range<u64>, writes: bool) {
        let user = PageUser::of(&self.contest, self.actor(index));
        let mut missed = Vec::new();
        for page in (positions.start / PAGE * PAGE..positions.end).step_by(PAGE as usize) {
            if self.memory.page_users.note((object, page), &user, writes) {
                missed.push((object, page));
            }
        }
        self.withdraw(&missed);
    }

    /// The kernel is given a pointer to so many bytes in the memory of a task, which it uses for
    /// another one, or the same.
    pub(in crate::memory) fn note_given(
        &mut self,
        (index, owner): (usize, usize),
        address: u64,
        length: u64,
    ) {
        if !self.leaves_shared_pages() {
            return;
        }
        let range = address..address.saturating_add(length.max(1));
        for part in self.space(owner).within(range) {
            if !part.own {
                let positions = part.offset..part.offset + part.len();
                self.use_pages(index, part.object, positions, true);
            }
        }
    }

    /// A task may use all of the shared memory of its process without being seen.
    pub(in crate::memory) fn note_all_pages(&mut self, index: usize) {
        if !self.leaves_shared_pages() {
            return;
        }
        let regions = self.space(index).regions().filter(|region| !region.own);
        let objects: Vec<u32> = regions.map(|region| region.object).collect();
        let user = PageUser::of(&self.contest, self.actor(index));
        let users = &mut self.memory.page_users;
        let missed = objects
            .into_iter()
            .flat_map(|object| users.note_whole(object, &user));
        let missed: Vec<PageOf> = missed.collect();
        self.withdraw(&missed);
    }

    /// Closes pages wherever they are accessible, before the programs there run.
    fn withdraw(&mut self, pages: &[PageOf]) {
        for (object, page) in pages {
            for space in &mut self.memory.spaces {
                let is_there = |region: &&Region| {
                    let end = region.offset + region.len();
                    region.object == *object && (region.offset..end).contains(page)
                };
                let there = space.regions().filter(is_there);
                let there: Vec<u64> = there.map(|r| r.start + (page - r.offset)).collect();
                there.into_iter().for_each(|at| space.left.withdraw(at));
            }
        }
    }

    /// Closes all pages that are left in the memory of a task.
    pub fn take_back_pages(&mut self, index: usize) -> Result<(), Halt> {
        let closed = self.space_mut(index).left.close_all();
        self.close_ranges(index, &closed)
    }

    /// Closes those that are to be closed before its program runs.
    pub(in crate::memory) fn take_back_stale(&mut self, index: usize) -> Result<(), Halt> {
        let closed = self.space_mut(index).left.close_stale();
        self.close_ranges(index, &closed)
    }

    fn close_ranges(&mut self, index: usize, closed: &[(u64, u64, i32)]) -> Result<(), Halt> {
        match closed.is_empty() {
            true => Ok(()),
            false => self.protect_ranges(index, closed),
        }
    }

    /// Returns what the run has shown to be contested beyond what its plan knows.
    pub fn contested(&mut self) -> Contested {
        let named = |(object, page): PageOf| (self.memory.name(object).to_owned(), page);
        let users = &self.memory.page_users;
        Contested {
            missed: users.missed.iter().copied().map(named).collect(),
            shared: users.shared().map(named).collect(),
            objects: std::mem::take(&mut self.contest.found),
        }
    }
}
