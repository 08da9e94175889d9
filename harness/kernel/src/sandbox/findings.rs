//! Turns what process 1 achieved at its start into [`Capabilities`].

use std::ffi::c_int;

use nix::errno::Errno;

use super::capabilities::{Capabilities, Feature};
use super::overlays::{Choice, Overlays};
use super::shared_block::{OverlayKind, SetUpReport, Step};

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
    overlays: &Overlays,
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
        errno => capabilities.lost(feature, reason(feature, Errno::from_raw(errno))),
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
    step(Feature::InnerNamespace, Step::Inner);
    step(Feature::Devices, Step::Devices);
    step(Feature::Terminals, Step::Terminals);
    step(Feature::Settings, Step::Settings);
    step(Feature::RandomDevices, Step::Random);
    step(Feature::FixedPids, Step::FirstPid);
    step(Feature::IpcPerRun, Step::IpcPerRun);
    if namespaces & libc::CLONE_NEWNET != 0 {
        step(Feature::Loopback, Step::Loopback);
    }
    describe_overlays(&mut capabilities, report, overlays);
    capabilities
}

/// Says what the kernel lacks, if it is older than what the feature needs.
fn reason(feature: Feature, errno: Errno) -> String {
    let told = errno.desc();
    match feature {
        Feature::Devices | Feature::Settings if errno == Errno::ENOSYS => {
            format!("{told} (mount_setattr(2), since Linux 5.12)")
        }
        Feature::WorkingDir | Feature::Tmp | Feature::VarTmp if errno == Errno::EPERM => {
            format!("{told} (in user namespaces since Linux 5.11)")
        }
        _ => told.to_owned(),
    }
}

fn describe_overlays(capabilities: &mut Capabilities, report: &SetUpReport, overlays: &Overlays) {
    for (feature, choice) in &overlays.choices {
        let index = match choice {
            Choice::By(index) => *index,
            Choice::Refused(reason) => {
                capabilities.lost(*feature, reason);
                continue;
            }
        };
        let errno = Errno::from_raw(report.overlay_errors[index]);
        let told = match report.error(Step::Storage) {
            0 => format!(
                "overlay on {}: {}",
                overlays.paths[index].display(),
                reason(*feature, errno)
            ),
            errno => format!("a tmpfs for it: {}", Errno::from_raw(errno).desc()),
        };
        match report.overlays[index] {
            OverlayKind::Overlay => capabilities.gained(*feature),
            OverlayKind::Empty => capabilities.lost_with(
                *feature,
                told,
                format!(
                    "{} is empty at the start of each run: programs do not see the files that \
                     are there outside",
                    overlays.paths[index].display()
                ),
            ),
            OverlayKind::None => capabilities.lost(*feature, told),
        }
    }
}
