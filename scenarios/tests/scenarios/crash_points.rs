//! Every mechanism in shared memory keeps what it promises when a process is killed at
//! any point at all: before each of its system calls and each of its accesses.
//!
//! Each point is tried under 3 schedules, or as many as `CROSSWIRE_SCHEDULES` says. The
//! rings copy messages word by word, which makes a thousand points; one process on each
//! side is enough there, and a third of the schedules.

use crosswire::model::Verdict;
use crosswire_scenarios::{Case, cases};
use crosswire_testing::engine::OwnCpu;
use crosswire_testing::{is_performing, measure};

fn schedules(case: &Case) -> u32 {
    let all = measure("CROSSWIRE_SCHEDULES", 3) as u32;
    if is_ring(case) { all.div_ceil(3) } else { all }
}

fn is_ring(case: &Case) -> bool {
    case.mechanism.ends_with("-ring")
}

fn is_large(case: &Case) -> bool {
    is_ring(case) && case.trial.some + case.trial.others > 2
}

fn survives_every_crash(mechanism: &str) {
    let _cpu = OwnCpu::take();
    let mut broken = Vec::new();
    let mut crashes = 0;
    let is_tried = |case: &&Case| case.mechanism == mechanism && !is_large(case);
    for case in cases().iter().filter(is_tried) {
        let Some(report) = case.crash_in_test(schedules(case)) else {
            continue;
        };
        crashes += report.runs;
        eprintln!(
            "{}: {} points, {} runs",
            case.name, report.single.points, report.runs
        );
        if report.verdict != Verdict::Pass {
            let points = report.groups.iter().flat_map(|group| &group.points);
            let crashes: Vec<_> = points.map(|point| &point.crashes).collect();
            broken.push(format!(
                "{}: {:?} at {crashes:?}",
                case.name, report.verdict
            ));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // The program was started again to perform one of them.
    assert!(
        crashes > 0 || is_performing(),
        "{mechanism} was not crashed"
    );
}

macro_rules! mechanisms {
    ($($test:ident $name:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            survives_every_crash($name);
        }
    )*};
}

mechanisms! {
    named_semaphore "named-semaphore",
    shared_semaphore "shared-semaphore",
    sysv_shm "sysv-shm",
    posix_shm "posix-shm",
    mapped_file "mapped-file",
    plain_mutex "plain-mutex",
    robust_mutex "robust-mutex",
    condition_variable "condition-variable",
    pthread_rwlock "pthread-rwlock",
    futex_mutex "futex-mutex",
    spsc_ring "spsc-ring",
    mpsc_ring "mpsc-ring",
    sequence_lock "sequence-lock",
}
