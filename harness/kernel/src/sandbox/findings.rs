//! Turns what process 1 achieved at its start into [`Capabilities`].

use std::ffi::c_int;

use nix::errno::Errno;

use super::arena::{Cover, SetUpReport, Step};
use super::capabilities::{Capabilities, Feature};
use super::covers::{Choice, Covers};

pub(super) const NAMESPACES: [(c_int, Feature, &str); 5] = [
    (libc::CLONE_NEWUSER, Feature::UserNamespace, "user"),
    (libc::CLONE_NEWPID, Feature::PidNamespace, "pid"),
    (libc::CLONE_NEWIPC, Feature::IpcNamespace, "ipc"),
    (libc::CLONE_NEWNS, Feature::MountNamespace, "mount"),
    (libc::CLONE_NEWNET, Feature::NetNamespace, "net"),
];

/// Reason why a level could not be had.
pub(super) struct Refusal {
    pub what: String,
    pub errno: Errno,
}

/// Returns the abilities of a sandbox with these namespaces, after the `refusals` before
/// it.
pub(super) fn describe(
    namespaces: c_int,
    report: &SetUpReport,
    covers: &Covers,
    refusals: &[(c_int, Refusal)],
) -> Capabilities {
    let mut capabilities = Capabilities::default();
    for (flag, feature, _) in NAMESPACES {
        if namespaces & flag != 0 {
            capabilities.gained(feature);
            continue;
        }
        let reason = refusals
            .iter()
            .rfind(|(tried, _)| tried & flag != 0)
            .map_or("isolation is switched off".into(), |(_, refusal)| {
                format!("{}: {}", refusal.what, refusal.errno.desc())
            });
        capabilities.lost(feature, reason);
    }
    let mut step = |feature: Feature, step: Step| match report.error(step) {
        0 => capabilities.gained(feature),
        errno => capabilities.lost(feature, Errno::from_raw(errno).desc()),
    };
    step(Feature::FixedAddresses, Step::Addresses);
    if namespaces == 0 {
        // The rest needs a mount namespace, whose absence is listed already.
        step(Feature::Reaping, Step::Subreaper);
        for feature in [
            Feature::FixedPids,
            Feature::IpcPerRun,
            Feature::RandomDevices,
        ] {
            capabilities.lost(feature, "it needs namespaces");
        }
        return capabilities;
    }
    step(Feature::Proc, Step::Proc);
    step(Feature::Shm, Step::Shm);
    step(Feature::Mqueue, Step::Mqueue);
    step(Feature::RandomDevices, Step::Random);
    step(Feature::FixedPids, Step::FirstPid);
    step(Feature::IpcPerRun, Step::IpcPerRun);
    if namespaces & libc::CLONE_NEWNET != 0 {
        step(Feature::Loopback, Step::Loopback);
    }
    describe_covers(&mut capabilities, report, covers);
    capabilities
}

fn describe_covers(capabilities: &mut Capabilities, report: &SetUpReport, covers: &Covers) {
    for (feature, choice) in &covers.choices {
        let index = match choice {
            Choice::By(index) => *index,
            Choice::Refused(reason) => {
                capabilities.lost(*feature, reason);
                continue;
            }
        };
        let errno = Errno::from_raw(report.cover_errors[index]);
        let reason = match report.error(Step::Storage) {
            0 => format!(
                "overlay on {}: {}",
                covers.paths[index].display(),
                errno.desc()
            ),
            errno => format!("a tmpfs for it: {}", Errno::from_raw(errno).desc()),
        };
        match report.covers[index] {
            Cover::Overlay => capabilities.gained(*feature),
            Cover::Empty => capabilities.lost_with(
                *feature,
                reason,
                format!(
                    "{} is empty at the start of each run: programs do not see the files that \
                     are there outside",
                    covers.paths[index].display()
                ),
            ),
            Cover::None => capabilities.lost(*feature, reason),
        }
    }
}
