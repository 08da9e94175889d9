//! Settings of a search for fatal crashes.

use crate::{Budget, Exploration};

/// Kills a process at every point, under several schedules.
///
/// Two points at which a crash comes to the same, since the victim does nothing between them
/// whose effect outlives it, are one class, of which one point is tried; see
/// [`every_point`](CrashSearch::every_point).
///
/// ```no_run
/// use crosswire_explore::{CrashSearch, Exploration};
/// # fn search(target: crosswire_engine::Target) {
/// let search = CrashSearch::new(Exploration::new(target), "writer");
/// let report = search.perform(&false.into(), &|_| {}).unwrap();
/// println!("{} of {} points fail", report.single.failing, report.single.points);
/// # }
/// ```
#[derive(Clone)]
pub struct CrashSearch {
    /// The exploration: target and checks. Its own budget, its faults and whether it stops at
    /// the first violation have no meaning here: every class of points is tried.
    pub exploration: Exploration,
    /// Name of the process to kill; each program in turn where `None`, one a run.
    pub victim: Option<String>,
    /// The search ends when either bound is reached; points that were not tried make it
    /// inconclusive.
    pub budget: Budget,
    /// Name of a second process to kill, after the victim and in the same run, at each of
    /// its points. Needs as many runs as there are pairs of points.
    pub second: Option<String>,
    /// Number of schedules under which each point is tried. The first is the default
    /// schedule.
    pub schedules: u32,
    /// True if points are tried at which a crash comes to the same as at another one, too.
    pub every_point: bool,
}

impl CrashSearch {
    /// Builds a search with one crash per run, under
    /// [`SCHEDULES`](CrashSearch::SCHEDULES) schedules.
    pub fn new(exploration: Exploration, victim: impl Into<String>) -> CrashSearch {
        CrashSearch {
            exploration,
            victim: Some(victim.into()),
            budget: Budget::runs(u64::MAX),
            second: None,
            schedules: CrashSearch::SCHEDULES,
            every_point: false,
        }
    }

    /// Returns the number of processes that are killed in a run.
    pub(super) fn crashes_per_run(&self) -> usize {
        1 + usize::from(self.second.is_some())
    }

    /// Schedules unless something else is said.
    pub const SCHEDULES: u32 = 20;
}
