//! Runs that change or lock files which no run has for itself, such as those outside the
//! directories that are covered: each of them is performed while no other run of this process is
//! under way. That a run is one of them, it shows itself; it and those that it may have disturbed
//! do not count then.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// After a run that has changed such files, so many more are performed alone: the next will
/// probably do so, too.
const CAUTION: u32 = 16;

static RUNS: RwLock<()> = RwLock::new(());
/// Runs to be performed alone.
static ALONE: AtomicU32 = AtomicU32::new(0);
/// Runs that share their time: so many have begun, and so many are under way.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);
/// So often has a run come to such files.
static DISTURBANCES: AtomicU64 = AtomicU64::new(0);

/// A run may begin.
pub(crate) enum Admission {
    Alone(#[expect(unused, reason = "it is held")] RwLockWriteGuard<'static, ()>),
    Shared {
        #[expect(unused, reason = "it is held")]
        guard: RwLockReadGuard<'static, ()>,
        /// Others were under way when it began.
        joined: bool,
        /// So many had begun with it.
        begun: u64,
        disturbances: u64,
    },
}

impl Admission {
    /// Waits until a run may begin.
    pub fn wait() -> Admission {
        // Looked at first: see `disturb`.
        let disturbances = DISTURBANCES.load(SeqCst);
        if ALONE.load(SeqCst) > 0 {
            let guard = RUNS.write();
            return Admission::Alone(guard.unwrap_or_else(|poisoned| poisoned.into_inner()));
        }
        let guard = RUNS.read();
        Admission::Shared {
            guard: guard.unwrap_or_else(|poisoned| poisoned.into_inner()),
            joined: UNDER_WAY.fetch_add(1, SeqCst) > 0,
            begun: BEGUN.fetch_add(1, SeqCst) + 1,
            disturbances,
        }
    }

    /// The run is over. Returns whether it counts; otherwise it is to be repeated.
    pub fn counts(self) -> bool {
        match &self {
            Admission::Alone(_) => {
                // One at a time gets here.
                let runs = ALONE.load(SeqCst);
                ALONE.store(runs.saturating_sub(1), SeqCst);
                true
            }
            Admission::Shared {
                joined,
                begun,
                disturbances,
                ..
            } => {
                let was_alone = !joined && BEGUN.load(SeqCst) == *begun;
                was_alone || DISTURBANCES.load(SeqCst) == *disturbances
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Admission::Shared { .. } = self {
            UNDER_WAY.fetch_sub(1, SeqCst);
        }
    }
}

/// A run comes to such a file for the first time.
pub(super) fn disturb() {
    // Who begins after that, begins alone; who has not seen it, sees the other.
    ALONE.store(CAUTION, SeqCst);
    DISTURBANCES.fetch_add(1, SeqCst);
}
