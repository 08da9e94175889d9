//! Which files processes have open that no other process has: open file descriptions, in the
//! words of open(2).

use std::collections::{BTreeSet, HashMap};

/// A descriptor, with its process.
type Numbered = (usize, u64);

/// One open file, or the two ends of a pipe.
#[derive(Debug)]
struct Description {
    /// All descriptors that mean it, as far as they are known.
    descriptors: BTreeSet<Numbered>,
    /// There are descriptors in the same process that are not known.
    has_copies: bool,
    /// The version as of which it is open.
    since: u64,
}

/// The files that processes have opened.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    /// The number of what a descriptor means.
    numbers: HashMap<Numbered, usize>,
    /// By number; nothing of what may be open anywhere.
    opened: HashMap<usize, Description>,
    next: usize,
    /// Counts the changes, also those of what epoll instances watch, and ends of tasks.
    pub version: u64,
    /// By epoll instance and descriptor, the version as of which the one watches the other.
    watched: HashMap<(usize, u64), u64>,
    /// Descriptors may mean something else than is known from now on.
    pub unfollowed: bool,
    /// Of tasks that wait in calls with these arguments, whether only their own process can wake
    /// them, as of a version.
    pub waits: HashMap<usize, (u64, [u64; 6], bool)>,
}

impl Descriptions {
    /// A process has opened a file that it has under these numbers.
    pub fn open(&mut self, process: usize, numbers: &[u64]) {
        for number in numbers {
            self.close(process, *number);
        }
        let descriptors: BTreeSet<_> = numbers.iter().map(|number| (process, *number)).collect();
        for descriptor in &descriptors {
            self.numbers.insert(*descriptor, self.next);
        }
        self.version += 1;
        let opened = Description {
            descriptors,
            has_copies: false,
            since: self.version,
        };
        self.opened.insert(self.next, opened);
        self.next += 1;
    }

    /// A process has closed a descriptor, or uses its number for something else that another
    /// process may have, too.
    pub fn close(&mut self, process: usize, number: u64) {
        self.version += 1;
        let descriptor = (process, number);
        let Some(place) = self.numbers.remove(&descriptor) else {
            return;
        };
        let Some(opened) = self.opened.get_mut(&place) else {
            return;
        };
        opened.descriptors.remove(&descriptor);
        if opened.descriptors.is_empty() {
            self.opened.remove(&place);
        }
    }

    /// A process has one more descriptor for the same, which may mean it in its children.
    pub fn copy(&mut self, process: usize, number: u64) {
        self.version += 1;
        let Some(place) = self.numbers.get(&(process, number)) else {
            return;
        };
        let Some(opened) = self.opened.get_mut(place) else {
            return;
        };
        opened.has_copies = true;
        let is_own = |(owner, _): &Numbered| *owner == process;
        if !opened.descriptors.iter().all(is_own) {
            self.opened.remove(place);
        }
    }

    /// Any descriptor of a process may mean a file that another one has open, too.
    pub fn share_all(&mut self, process: usize) {
        self.version += 1;
        for (_, place) in self.of_process(process) {
            self.opened.remove(&place);
        }
    }

    /// A process has been created with the open files of its parent.
    pub fn hand_down(&mut self, parent: usize, child: usize) {
        self.version += 1;
        for (number, place) in self.of_process(parent) {
            match self.opened.get_mut(&place) {
                Some(opened) if !opened.has_copies => {
                    opened.descriptors.insert((child, number));
                    self.numbers.insert((child, number), place);
                }
                _ => {
                    self.opened.remove(&place);
                }
            }
        }
    }

    /// A process has closed all descriptors but those that are open, as when it executes a program.
    pub fn keep(&mut self, process: usize, is_open: impl Fn(u64) -> bool) {
        for (number, _) in self.of_process(process) {
            if !is_open(number) {
                self.close(process, number);
            }
        }
    }

    /// An epoll instance watches from now on what a descriptor means. It does so as long as that is
    /// open anywhere, whatever the number means then (epoll(7), Q6).
    pub fn watch(&mut self, process: usize, instance: u64, number: u64) {
        self.version += 1;
        if let Some(place) = self.numbers.get(&(process, instance)) {
            self.watched.insert((*place, number), self.version);
        }
    }

    /// Returns the version as of which an epoll instance watches a descriptor.
    pub fn watched_since(&self, process: usize, instance: u64, number: u64) -> Option<u64> {
        let place = self.numbers.get(&(process, instance))?;
        self.watched.get(&(*place, number)).copied()
    }

    /// Tells whether a descriptor means what it meant as of a version.
    pub fn is_older(&self, process: usize, number: u64, version: u64) -> bool {
        let meant = self.meant(process, number);
        meant.is_some_and(|meant| meant.since <= version)
    }

    /// Tells whether a process has opened what a descriptor means, and no other process has it
    /// but such as have ended.
    pub fn is_own(&self, process: usize, number: u64, has_ended: impl Fn(usize) -> bool) -> bool {
        if self.unfollowed {
            return false;
        }
        let meant = self.meant(process, number);
        meant.is_some_and(|meant| {
            let mut owners = meant.descriptors.iter().map(|(owner, _)| *owner);
            owners.all(|owner| owner == process || has_ended(owner))
        })
    }

    /// Returns what a descriptor means, if it is known who else has that.
    fn meant(&self, process: usize, number: u64) -> Option<&Description> {
        self.opened.get(self.numbers.get(&(process, number))?)
    }

    /// Returns the descriptors of a process, each with the number of what it means.
    fn of_process(&self, process: usize) -> Vec<(u64, usize)> {
        let numbers = self.numbers.iter();
        let own = numbers.filter(|((owner, _), _)| *owner == process);
        own.map(|((_, number), place)| (*number, *place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(files: &Descriptions, process: usize, number: u64) -> bool {
        files.is_own(process, number, |_| false)
    }

    #[test]
    fn a_child_has_what_its_parent_has_until_it_closes_it() {
        let mut files = Descriptions::default();
        files.open(0, &[3]);
        files.open(0, &[4, 5]);
        assert!(is_own(&files, 0, 3) && is_own(&files, 0, 5) && !is_own(&files, 0, 6));
        files.hand_down(0, 1);
        assert!(!is_own(&files, 0, 3) && !is_own(&files, 1, 5));
        assert!(files.is_own(0, 3, |process| process == 1));
        files.keep(1, |number| number == 5);
        assert!(is_own(&files, 0, 3));
        // The other end of the pipe is open elsewhere.
        assert!(!is_own(&files, 0, 4));
        files.close(1, 5);
        assert!(is_own(&files, 0, 4));
        files.close(0, 3);
        assert!(!is_own(&files, 0, 3));
    }

    #[test]
    fn a_copy_that_is_handed_down_is_not_followed() {
        let mut files = Descriptions::default();
        files.open(0, &[3]);
        files.copy(0, 3);
        assert!(is_own(&files, 0, 3));
        files.hand_down(0, 1);
        files.keep(1, |_| false);
        assert!(!is_own(&files, 0, 3));
        // Nor is one that the child makes.
        files.open(0, &[4]);
        files.hand_down(0, 2);
        files.copy(2, 4);
        files.close(2, 4);
        assert!(!is_own(&files, 0, 4));
    }

    #[test]
    fn a_number_is_used_again() {
        let mut files = Descriptions::default();
        files.open(0, &[3]);
        files.hand_down(0, 1);
        files.open(0, &[3]);
        assert!(is_own(&files, 0, 3));
        assert!(is_own(&files, 1, 3));
        files.share_all(0);
        assert!(!is_own(&files, 0, 3) && is_own(&files, 1, 3));
    }
}
