//! The capabilities of programs (capabilities(7)). Nothing here allocates (see
//! [`super::raw`]).

use std::ffi::{c_int, c_ulong};

use super::raw::{self, Errno, Fd};

const CAP_NET_ADMIN: c_int = 12;
const CAP_SYS_ADMIN: c_int = 21;

/// Where there is no inner user namespace: what root may do to files, ids, its own
/// processes, memory and sockets. With any of the others it could look into process 1, take
/// mounts away, or change the machine.
const HARMLESS: [c_int; 17] = [
    0,  // CAP_CHOWN
    1,  // CAP_DAC_OVERRIDE
    3,  // CAP_FOWNER
    4,  // CAP_FSETID
    5,  // CAP_KILL
    6,  // CAP_SETGID
    7,  // CAP_SETUID
    8,  // CAP_SETPCAP
    10, // CAP_NET_BIND_SERVICE
    13, // CAP_NET_RAW
    14, // CAP_IPC_LOCK
    15, // CAP_IPC_OWNER
    18, // CAP_SYS_CHROOT
    23, // CAP_SYS_NICE
    24, // CAP_SYS_RESOURCE
    28, // CAP_LEASE
    31, // CAP_SETFCAP
];

/// More than the last capability.
const CAPABILITIES: c_int = 64;

/// Takes from a program, before its execve, what it does not have outside or could use
/// against the sandbox. `inner` is the user namespace for it, -1 if there is none.
pub(super) fn reduce(inner: Fd, is_root: bool) -> Result<(), Errno> {
    if inner < 0 {
        return drop_all_but_harmless();
    }
    raw::setns(inner, libc::CLONE_NEWUSER)?;
    match is_root {
        true => Ok(()),
        false => keep_only_namespace_capabilities(),
    }
}

/// Drops every capability but those that new namespaces and their loopback
/// interface need, and makes these survive execve (ambient capabilities,
/// capabilities(7)). With the others the program would pass permission checks that
/// it fails outside.
fn keep_only_namespace_capabilities() -> Result<(), Errno> {
    let kept = bit(CAP_SYS_ADMIN) | bit(CAP_NET_ADMIN);
    set([kept; 3])?;
    for capability in [CAP_SYS_ADMIN, CAP_NET_ADMIN] {
        let raise = libc::PR_CAP_AMBIENT_RAISE as c_ulong;
        raw::prctl(libc::PR_CAP_AMBIENT, [raise, capability as c_ulong, 0, 0])?;
    }
    Ok(())
}

/// Root gets at its execve what is in the bounding set, or inheritable.
fn drop_all_but_harmless() -> Result<(), Errno> {
    let mut kept = 0;
    for capability in 0..CAPABILITIES {
        if HARMLESS.contains(&capability) {
            kept |= bit(capability);
            continue;
        }
        match raw::prctl(libc::PR_CAPBSET_DROP, [capability as c_ulong, 0, 0, 0]) {
            // There is no such capability; or this process has none at all, and may not
            // even drop them.
            Ok(_) | Err(libc::EINVAL | libc::EPERM) => {}
            Err(error) => return Err(error),
        }
    }
    let [effective, permitted, _] = get()?;
    set([effective & kept, permitted & kept, 0])
}

const fn bit(capability: c_int) -> u64 {
    1 << capability
}

const VERSION_3: u32 = 0x2008_0522;

/// Returns the effective, permitted and inheritable set.
fn get() -> Result<[u64; 3], Errno> {
    let header = [VERSION_3, 0];
    // The lower 32 bits of each set, then the upper ones (capget(2)).
    let mut halves = [0_u32; 6];
    // SAFETY: a capability header, and room for two data structures.
    unsafe {
        raw::call(
            libc::SYS_capget,
            [
                header.as_ptr() as c_ulong,
                halves.as_mut_ptr() as c_ulong,
                0,
                0,
                0,
            ],
        )
    }?;
    let [a, b, c, d, e, f] = halves.map(u64::from);
    Ok([a | d << 32, b | e << 32, c | f << 32])
}

fn set(sets: [u64; 3]) -> Result<(), Errno> {
    let header = [VERSION_3, 0];
    let [a, b, c] = sets.map(|set| set as u32);
    let [d, e, f] = sets.map(|set| (set >> 32) as u32);
    let halves = [a, b, c, d, e, f];
    // SAFETY: a capability header and two data structures (capset(2)).
    unsafe {
        raw::call(
            libc::SYS_capset,
            [
                header.as_ptr() as c_ulong,
                halves.as_ptr() as c_ulong,
                0,
                0,
                0,
            ],
        )
    }
    .map(drop)
}
