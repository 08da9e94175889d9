//! Leaves pages to the only thread that uses them, and takes them back.

use super::pages::Pages;
use crate::memory::space::{PAGE, Region};
use crate::run::session::{Halt, Session};
use crate::run::task::{At, State};
use std::ops::Range;

impl Session<'_> {
    /// Leaves a page to the task that is about to access it, if nobody else has used it for long.
    /// Returns whether it was, so that the task goes on without a step.
    pub fn leave_page(&mut self, index: usize) -> Result<bool, Halt> {
        let State::Ready(At::Access, _) = self.tasks[index].state else {
            return Ok(false);
        };
        let Some((address, size, _)) = self.pending_access(index) else {
            return Ok(false);
        };
        let Some(&region) = self.space(index).at(address).filter(|region| region.own) else {
            return Ok(false);
        };
        let page = address / PAGE * PAGE;
        let ends_there = address + u64::from(size) <= page + PAGE;
        self.note_page(index, &region, page);
        if !ends_there {
            self.note_page(index, &region, page + PAGE);
        }
        // What it loads there may wait in its buffer.
        let waits = !self.tasks[index].buffer.is_empty();
        let pages = self.pages_mut(index);
        if waits || !ends_there || !pages.may_be_left(page, index) {
            return Ok(false);
        }
        let contested = &self.setup.plan.start_up.contested;
        // Stores to it would be visible before older ones that wait.
        let is_late = self.setup.plan.memory.is_tso();
        if is_late
            || !self.setup.plan.start_up.leaves_pages
            || contested.contains(&self.page_name(&region, page))
        {
            self.pages_mut(index).keep_watched(page);
            return Ok(false);
        }
        self.tasks[index].access = None;
        self.protect_ranges(index, &[(page, PAGE, region.protection)])?;
        self.pages_mut(index).leave(page, index);
        self.tasks[index].stand(At::Code)?;
        Ok(true)
    }

    /// The kernel is given a pointer to so many bytes: it uses them for a task.
    pub(in crate::memory) fn note_lent(&mut self, index: usize, address: u64, length: u64) {
        let Some(&region) = self.space(index).at(address).filter(|region| region.own) else {
            return;
        };
        let end = region.end.min(address.saturating_add(length.max(1)));
        for page in (address / PAGE * PAGE..end).step_by(PAGE as usize) {
            self.note_page(index, &region, page);
        }
    }

    fn note_page(&mut self, index: usize, region: &Region, page: u64) {
        if !self.pages_mut(index).note(page, index) || !self.setup.plan.start_up.leaves_pages {
            return;
        }
        let name = self.page_name(region, page);
        if !self.setup.plan.start_up.contested.contains(&name) {
            self.contest.found.insert(name);
        }
    }

    fn page_name(&self, region: &Region, page: u64) -> String {
        let object = self.memory.name(region.object);
        format!("page {:#x} of {object}", region.position(page))
    }

    /// A range is not watched any more.
    pub(in crate::memory) fn forget_pages(&mut self, index: usize, range: &Range<u64>) {
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.pages.forget_range(range);
        }
    }

    fn pages_mut(&mut self, index: usize) -> &mut Pages {
        let own = self.space_mut(index).own.as_mut();
        &mut own.expect("it has memory of its own").pages
    }

    /// Before others with the same memory may run: takes back what was left to one of them.
    pub fn take_back_pages(&mut self, index: usize) -> Result<(), Halt> {
        let Some(own) = self.space_mut(index).own.as_mut() else {
            return Ok(());
        };
        let mut closed: Vec<(u64, u64, i32)> = Vec::new();
        for page in own.pages.take_open() {
            match closed.last_mut() {
                Some((start, length, _)) if *start + *length == page => *length += PAGE,
                _ => closed.push((page, PAGE, 0)),
            }
        }
        match closed.is_empty() {
            true => Ok(()),
            false => self.protect_ranges(index, &closed),
        }
    }
}
