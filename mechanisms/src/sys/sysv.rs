//! System V queues, semaphores and shared memory: sysvipc(7).

use super::{checked, timespec};
use libc::{IPC_CREAT, IPC_EXCL, IPC_RMID, IPC_SET, IPC_STAT, c_int, c_long, c_short, key_t};
use std::io;
use std::mem::{size_of, zeroed};
use std::ptr::null_mut;
use std::time::Duration;

/// A key that no other object has: the object is found by its id alone.
pub(crate) const PRIVATE: key_t = libc::IPC_PRIVATE;

/// Access for the owner.
const MODE: c_int = 0o600;

/// Makes an object that does not exist yet.
pub(crate) const NEW: c_int = IPC_CREAT | IPC_EXCL | MODE;

/// The most bytes of a message that these functions carry.
pub(crate) const MESSAGE_BYTES: usize = 8192;

#[repr(C)]
struct Message {
    kind: c_long,
    bytes: [u8; MESSAGE_BYTES],
}

pub(crate) fn msgget(key: key_t, flags: c_int) -> io::Result<c_int> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::msgget(key, flags) })
}

/// Sends a message of a type greater than 0.
pub(crate) fn msgsnd(id: c_int, kind: c_long, bytes: &[u8], flags: c_int) -> io::Result<()> {
    let mut message = Message {
        kind,
        bytes: [0; MESSAGE_BYTES],
    };
    let Some(room) = message.bytes.get_mut(..bytes.len()) else {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    };
    room.copy_from_slice(bytes);
    // SAFETY: `message` begins with its type and holds `bytes.len()` bytes behind it.
    checked(unsafe { libc::msgsnd(id, (&raw const message).cast(), bytes.len(), flags) })?;
    Ok(())
}

/// Receives a message of this type, of any if it is 0, or, if it is negative, of the
/// lowest type up to its amount.
pub(crate) fn msgrcv(id: c_int, kind: c_long, flags: c_int) -> io::Result<(c_long, Vec<u8>)> {
    let mut message = Message {
        kind: 0,
        bytes: [0; MESSAGE_BYTES],
    };
    // SAFETY: `message` has room for a type and `MESSAGE_BYTES` bytes.
    let length = unsafe { libc::msgrcv(id, (&raw mut message).cast(), MESSAGE_BYTES, kind, flags) };
    match usize::try_from(length) {
        Ok(length) => Ok((message.kind, message.bytes[..length].to_vec())),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Sets how many bytes a queue holds.
pub(crate) fn msg_limit(id: c_int, bytes: u64) -> io::Result<()> {
    // SAFETY: a msqid_ds is plain data, for which zeros are valid; both calls get a
    // pointer to one.
    unsafe {
        let mut state: libc::msqid_ds = zeroed();
        checked(libc::msgctl(id, IPC_STAT, &mut state))?;
        state.msg_qbytes = bytes;
        checked(libc::msgctl(id, IPC_SET, &mut state))?;
    }
    Ok(())
}

pub(crate) fn msg_remove(id: c_int) -> io::Result<()> {
    // SAFETY: IPC_RMID takes no buffer.
    checked(unsafe { libc::msgctl(id, IPC_RMID, null_mut()) }).map(drop)
}

pub(crate) fn semget(key: key_t, count: c_int, flags: c_int) -> io::Result<c_int> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::semget(key, count, flags) })
}

unsafe extern "C" {
    /// Not in the crate libc.
    fn semtimedop(
        id: c_int,
        operations: *mut libc::sembuf,
        count: usize,
        time: *const libc::timespec,
    ) -> c_int;
}

/// Returns an operation on a semaphore of a set: its number, what is added, flags.
pub(crate) fn sem_operation(number: u16, add: c_short, flags: c_int) -> libc::sembuf {
    libc::sembuf {
        sem_num: number,
        sem_op: add,
        sem_flg: flags as c_short,
    }
}

/// Performs all of these operations at once, or none and waits.
pub(crate) fn semop(
    id: c_int,
    operations: &mut [libc::sembuf],
    patience: Option<Duration>,
) -> io::Result<()> {
    let time = patience.map(timespec);
    let time = time
        .as_ref()
        .map_or(std::ptr::null(), |time| time as *const _);
    // SAFETY: the operations and, if there is one, the timeout outlive the call.
    checked(unsafe { semtimedop(id, operations.as_mut_ptr(), operations.len(), time) }).map(drop)
}

/// Tells whether semop has ever been performed on the set, and returns the number of its
/// semaphores.
pub(crate) fn sem_was_used(id: c_int) -> io::Result<bool> {
    // SAFETY: a semid_ds is plain data, for which zeros are valid.
    unsafe {
        let mut state: libc::semid_ds = zeroed();
        checked(libc::semctl(id, 0, IPC_STAT, &raw mut state))?;
        Ok(state.sem_otime != 0)
    }
}

pub(crate) fn sem_value(id: c_int, number: c_int) -> io::Result<c_int> {
    // SAFETY: GETVAL takes no buffer.
    checked(unsafe { libc::semctl(id, number, libc::GETVAL) })
}

pub(crate) fn sem_remove(id: c_int) -> io::Result<()> {
    // SAFETY: IPC_RMID takes no buffer.
    checked(unsafe { libc::semctl(id, 0, IPC_RMID) }).map(drop)
}

pub(crate) fn shmget(key: key_t, bytes: usize, flags: c_int) -> io::Result<c_int> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::shmget(key, bytes, flags) })
}

pub(crate) fn shm_remove(id: c_int) -> io::Result<()> {
    // SAFETY: IPC_RMID takes no buffer.
    checked(unsafe { libc::shmctl(id, IPC_RMID, null_mut()) }).map(drop)
}

/// Returns a key of this process's own, for objects that others find by it: ftok(3)
/// without the file, whose inode number two files may share in the bits that it uses.
pub(crate) fn own_key(kind: u8) -> key_t {
    let pid = std::process::id() as key_t;
    const { assert!(size_of::<key_t>() == 4) };
    (pid << 8 | key_t::from(kind)) & key_t::MAX
}
