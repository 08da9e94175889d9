//! Files that a process has mapped: any of its steps may touch them.

use super::objects::file;
use crosswire_kernel::Tid;
use crosswire_kernel::maps::{self, Area};
use crosswire_model::Touch;
use libc::{PROT_EXEC, PROT_WRITE};
use std::collections::{HashMap, HashSet};

/// Object that a step touches whose task has mapped so much that it is not looked into whether files
/// of the run are among it.
pub const MANY_MAPPINGS: &str = "very many mappings";

/// Reading what is mapped takes as long as some steps for so many mappings, and is done again
/// whenever that may have changed.
const MOST: usize = 512;

/// The files that tasks have mapped, as long as no call can have changed them.
#[derive(Debug, Default)]
pub(crate) struct MappedFiles(HashMap<Tid, Mapped>);

/// What any step of a task may touch.
#[derive(Debug, Default)]
struct Mapped {
    /// Pages that are mapped: what is mapped privately is no step, and changes their number.
    size: Option<u64>,
    /// There are so many mappings that files mapped privately are not looked for any more.
    is_large: bool,
    /// Memory that is shared with others.
    shared: Vec<Touch>,
    /// Files of the run that are mapped privately: what others write to them shows there (mmap(2)).
    private: Vec<Touch>,
}

impl MappedFiles {
    /// Returns what any step of a task may touch, given which files are the run's. Accesses to
    /// memory that `is_watched` are steps of their own.
    pub fn of(&mut self, tid: Tid, is_own: impl Fn(&str) -> bool, is_watched: bool) -> Vec<Touch> {
        let mapped = self.0.entry(tid).or_default();
        if mapped.is_large && is_watched {
            return vec![Touch::read(MANY_MAPPINGS)];
        }
        let size = maps::size(tid);
        if mapped.size.is_none() || mapped.size != size {
            // A process that has just ended has nothing mapped.
            let areas = maps::areas(tid).unwrap_or_default();
            *mapped = Mapped::of(size, &areas, is_own);
        }
        let shared: &[Touch] = match is_watched {
            true => &[],
            false => &mapped.shared,
        };
        let mut touches = [shared, &mapped.private].concat();
        touches.extend(mapped.is_large.then(|| Touch::read(MANY_MAPPINGS)));
        touches
    }

    /// A call may have mapped or renamed files.
    pub fn forget(&mut self) {
        self.0.retain(|_, mapped| mapped.is_large);
        self.0.values_mut().for_each(|mapped| mapped.size = None);
    }
}

impl Mapped {
    fn of(size: Option<u64>, areas: &[Area], is_own: impl Fn(&str) -> bool) -> Mapped {
        let is_executed = |area: &&Area| area.protection & PROT_EXEC != 0;
        // Programs and libraries are not written to.
        let executed: HashSet<&str> = areas.iter().filter(is_executed).map(|a| &*a.path).collect();
        let is_data = |area: &&Area| !area.shared && !executed.contains(&*area.path);
        let is_large = areas.len() > MOST;
        let private = areas.iter().filter(is_data).filter(|_| !is_large);
        Mapped {
            size,
            is_large,
            shared: sorted(areas.iter().filter(|area| area.shared).filter_map(shared)),
            private: sorted(
                private
                    .filter(|area| is_own(&area.path))
                    .map(|area| Touch::read(file(&area.path))),
            ),
        }
    }
}

fn sorted(touches: impl Iterator<Item = Touch>) -> Vec<Touch> {
    let mut touches: Vec<Touch> = touches.collect();
    touches.sort_unstable();
    touches.dedup();
    touches
}

/// The log in which a scenario's processes note what they do, which is looked at by
/// its length.
const LOG: &str = "crosswire-log";

/// Returns the touch of sharing a file by mapping it.
fn shared(area: &Area) -> Option<Touch> {
    if area.path.is_empty() || area.path.contains(LOG) {
        return None;
    }
    Some(match area.protection & PROT_WRITE != 0 {
        true => Touch::write(file(&area.path)),
        false => Touch::read(file(&area.path)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::PROT_READ;

    fn area(path: &str, protection: i32, shared: bool) -> Area {
        Area {
            range: 0..0x1000,
            protection,
            shared,
            offset: 0,
            file: "fe:00 1".to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn what_is_shared_is_touched_except_for_the_log() {
        assert_eq!(
            shared(&area("/dev/shm/x", PROT_READ | PROT_WRITE, true)),
            Some(Touch::write("file /dev/shm/x"))
        );
        assert_eq!(
            shared(&area("/a b (deleted)", PROT_READ, true)),
            Some(Touch::read("file /a b"))
        );
        assert_eq!(
            shared(&area("/memfd:crosswire-log (deleted)", PROT_READ, true)),
            None
        );
    }

    #[test]
    fn data_that_is_mapped_privately_is_looked_at() {
        let areas = [
            area("/tmp/data", PROT_READ | PROT_WRITE, false),
            area("/tmp/program", PROT_READ, false),
            area("/tmp/program", PROT_READ | PROT_EXEC, false),
            area("/usr/share/data", PROT_READ, false),
            area("", PROT_READ | PROT_WRITE, false),
        ];
        let mapped = Mapped::of(None, &areas, |path| path.starts_with("/tmp/"));
        assert_eq!(mapped.private, [Touch::read("file /tmp/data")]);
        assert!(mapped.shared.is_empty());
    }

    #[test]
    fn of_very_many_mappings_those_that_are_shared_are_known() {
        let mut areas = vec![area("/tmp/data", PROT_READ, false); MOST];
        areas.push(area("/dev/shm/x", PROT_READ, true));
        let mapped = Mapped::of(None, &areas, |_| true);
        assert!(mapped.is_large && mapped.private.is_empty());
        assert_eq!(mapped.shared, [Touch::read("file /dev/shm/x")]);
    }
}
