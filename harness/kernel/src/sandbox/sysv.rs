//! System V objects of the calling process's ipc namespace. Allocates nothing,
//! so that process 1 may use it too.
//!
//! The `*_STAT` commands walk the kernel's table by index (msgctl(2), semctl(2),
//! shmctl(2)); their `_ANY` variants need no read permission (Linux 4.17).

use std::ffi::{c_int, c_long, c_ulong};

use super::raw;
use super::shared_block::SysvRecord;

const MSG_INFO: c_int = 12;
const MSG_STAT_ANY: c_int = 13;
const SEM_INFO: c_int = 19;
const SEM_STAT_ANY: c_int = 20;
const SHM_INFO: c_int = 14;
const SHM_STAT_ANY: c_int = 15;

/// Values of [`SysvRecord::kind`].
pub(super) const QUEUE: u32 = 0;
pub(super) const SEMAPHORES: u32 = 1;
pub(super) const MEMORY: u32 = 2;

/// Room for whichever structure a `*ctl` call fills in.
#[repr(C)]
union Buffer {
    numbers: [c_int; 64],
    queue: libc::msqid_ds,
    semaphores: libc::semid_ds,
    memory: libc::shmid_ds,
}

fn control(kind: u32, id: c_int, command: c_int, buffer: &mut Buffer) -> Option<c_int> {
    let buffer = &raw mut *buffer as c_ulong;
    let id = id as c_ulong;
    let command = command as c_ulong;
    let (number, args): (c_long, _) = match kind {
        QUEUE => (libc::SYS_msgctl, [id, command, buffer, 0, 0]),
        SEMAPHORES => (libc::SYS_semctl, [id, 0, command, buffer, 0]),
        _ => (libc::SYS_shmctl, [id, command, buffer, 0, 0]),
    };
    // SAFETY: each command fills in at most the structure that `Buffer` holds for
    // the kind, or nothing.
    unsafe { raw::call(number, args) }
        .ok()
        .map(|value| value as c_int)
}

fn blank() -> Buffer {
    Buffer { numbers: [0; 64] }
}

/// Returns the number of objects of this kind, and the highest index in use.
fn count(kind: u32) -> (c_int, c_int) {
    // Where `*_INFO` puts the number of existing objects: msginfo.msgpool,
    // seminfo.semusz, shm_info.used_ids.
    let (command, at) = match kind {
        QUEUE => (MSG_INFO, 0),
        SEMAPHORES => (SEM_INFO, 7),
        _ => (SHM_INFO, 0),
    };
    let mut buffer = blank();
    match control(kind, 0, command, &mut buffer) {
        // SAFETY: the command wrote integers at the start of zeroed integers.
        Some(highest) => (unsafe { buffer.numbers[at] }, highest),
        None => (0, -1),
    }
}

fn describe(kind: u32, index: c_int) -> Option<SysvRecord> {
    let mut buffer = blank();
    let command = match kind {
        QUEUE => MSG_STAT_ANY,
        SEMAPHORES => SEM_STAT_ANY,
        _ => SHM_STAT_ANY,
    };
    let id = control(kind, index, command, &mut buffer)?;
    let mut record = SysvRecord {
        kind,
        id,
        key: 0,
        creator_pid: 0,
        size: 0,
        count: 0,
    };
    // SAFETY: the command filled in the structure that belongs to the kind.
    unsafe {
        match kind {
            QUEUE => {
                record.key = buffer.queue.msg_perm.__key;
                record.size = buffer.queue.__msg_cbytes;
                record.count = buffer.queue.msg_qnum;
            }
            SEMAPHORES => {
                record.key = buffer.semaphores.sem_perm.__key;
                record.size = buffer.semaphores.sem_nsems;
            }
            _ => {
                record.key = buffer.memory.shm_perm.__key;
                record.size = buffer.memory.shm_segsz as u64;
                record.count = buffer.memory.shm_nattch;
                record.creator_pid = buffer.memory.shm_cpid;
            }
        }
    }
    Some(record)
}

/// Calls `visit` for every object; none is created or removed meanwhile, except
/// by `visit`.
pub(super) fn each(mut visit: impl FnMut(SysvRecord)) {
    for kind in [QUEUE, SEMAPHORES, MEMORY] {
        let (number, highest) = count(kind);
        if number == 0 {
            continue;
        }
        for index in 0..=highest {
            if let Some(record) = describe(kind, index) {
                visit(record);
            }
        }
    }
}

/// Removes the object; shared memory goes with its last attachment.
pub(super) fn remove(record: &SysvRecord) {
    let _ = control(record.kind, record.id, libc::IPC_RMID, &mut blank());
}
