//! Leaves pages to the only thread that uses them.

use super::pages::Pages;
use crate::memory::space::{PAGE, Region};
use crate::run::session::{Halt, Session};
use std::ops::Range;

impl Session<'_> {
    /// Leaves a page of private memory to the thread that is about to access it, if no other one
    /// has used it for long.
    pub(in crate::memory) fn leave_to_thread(
        &mut self,
        index: usize,
        region: &Region,
        address: u64,
        size: u32,
    ) -> Result<bool, Halt> {
        let page = address / PAGE * PAGE;
        let ends_there = address + u64::from(size) <= page + PAGE;
        self.note_page(index, region, page);
        if !ends_there {
            self.note_page(index, region, page + PAGE);
        }
        // What it loads there may wait in its buffer.
        let waits = !self.tasks[index].buffer.is_empty();
        let has_room = self.space(index).left.has_room();
        let pages = self.pages_mut(index);
        if waits || !ends_there || !pages.may_be_left(page, index) || !has_room {
            return Ok(false);
        }
        let contested = &self.setup.plan.start_up.contested;
        // Stores to it would be visible before older ones that wait.
        let is_late = self.setup.plan.memory.is_tso();
        if is_late
            || !self.setup.plan.start_up.leaves_pages
            || contested.contains(&self.page_name(region, page))
        {
            self.pages_mut(index).keep_watched(page);
            return Ok(false);
        }
        self.open_page(index, page, region.protection)?;
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
        self.space_mut(index).left.forget_range(range);
        if let Some(own) = self.space_mut(index).own.as_mut() {
            own.pages.forget_range(range);
        }
    }

    fn pages_mut(&mut self, index: usize) -> &mut Pages {
        let own = self.space_mut(index).own.as_mut();
        &mut own.expect("it has memory of its own").pages
    }
}
