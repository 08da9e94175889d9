//! Devices and settings of the machine, put out of reach of programs: whoever has the id of
//! root may open and write them, without any capability. Runs in process 1, so it allocates
//! nothing (see [`super::raw`]).

use std::ffi::CStr;

use super::raw::{self, Errno};

/// Devices that hold nothing of the machine. All others cannot be opened.
const DEVICES: [&CStr; 6] = [
    c"/dev/null",
    c"/dev/zero",
    c"/dev/full",
    c"/dev/random",
    c"/dev/urandom",
    c"/dev/tty",
];

/// What can be written in `/proc` besides the directories of processes (proc(5)).
const SETTINGS: [&CStr; 11] = [
    c"/proc/sys",
    c"/proc/sysrq-trigger",
    c"/proc/irq",
    c"/proc/bus",
    c"/proc/fs",
    c"/proc/acpi",
    c"/proc/scsi",
    c"/proc/driver",
    c"/proc/asound",
    c"/proc/mtrr",
    c"/proc/latency_stats",
];

/// Leaves of `/dev` only the devices above and terminals of the sandbox's own.
pub(super) fn cut_off_devices() -> Result<(), Errno> {
    for device in DEVICES {
        skip_missing(raw::bind(device, device))?;
    }
    raw::set_mount(c"/", raw::RECURSIVE, raw::NO_DEVICES, 0)?;
    for device in DEVICES {
        // Refused where the machine had it so before.
        let _ = raw::set_mount(device, 0, 0, raw::NO_DEVICES);
    }
    // Where it is no mount, its names are as little protected as those of other directories.
    skip_missing(raw::set_mount(c"/dev", raw::RECURSIVE, raw::READ_ONLY, 0))
}

/// Gives the sandbox terminals of its own: those of the machine may be somebody's.
pub(super) fn mount_terminals() -> Result<(), Errno> {
    let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
    let options = Some(c"newinstance,ptmxmode=0666,mode=0620");
    raw::mount(
        Some(c"devpts"),
        c"/dev/pts",
        Some(c"devpts"),
        flags,
        options,
    )?;
    raw::bind(c"/dev/pts/ptmx", c"/dev/ptmx")
}

/// Makes the settings of the machine unchangeable.
pub(super) fn protect_settings() -> Result<(), Errno> {
    for settings in SETTINGS {
        skip_missing(raw::bind(settings, settings))?;
        skip_missing(raw::set_mount(settings, 0, raw::READ_ONLY, 0))?;
    }
    skip_missing(raw::set_mount(c"/sys", raw::RECURSIVE, raw::READ_ONLY, 0))
}

/// Not every machine has each of them; where `/sys` is not mounted, it is but a directory.
fn skip_missing(outcome: Result<(), Errno>) -> Result<(), Errno> {
    match outcome {
        Err(libc::ENOENT | libc::EINVAL) => Ok(()),
        other => other,
    }
}
