//! What a search for fatal crashes is asked to do.

use crate::Exploration;

/// Kills a process at every point, under several schedules.
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
    /// The exploration: target and checks. Its budget, its faults and whether it stops at
    /// the first violation have no meaning here: every point is tried.
    pub exploration: Exploration,
    /// Name of the process to kill.
    pub victim: String,
    /// Name of a second process to kill, after the victim and in the same run, at each of
    /// its points. Needs as many runs as there are pairs of points.
    pub second: Option<String>,
    /// Number of schedules under which each point is tried. The first is the default
    /// schedule.
    pub schedules: u32,
}

impl CrashSearch {
    /// Builds a search with one crash per run, under
    /// [`SCHEDULES`](CrashSearch::SCHEDULES) schedules.
    pub fn new(exploration: Exploration, victim: impl Into<String>) -> CrashSearch {
        CrashSearch {
            exploration,
            victim: victim.into(),
            second: None,
            schedules: CrashSearch::SCHEDULES,
        }
    }

    /// Schedules unless something else is said.
    pub const SCHEDULES: u32 = 20;
}
