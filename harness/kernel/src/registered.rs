//! What a thread has registered with the kernel.

use super::Tid;
use super::tracee::Stopped;

impl Stopped {
    /// Returns what it has registered for restartable sequences: the arguments of rseq(2), all
    /// zero if nothing. `None` before Linux 5.13, which does not tell.
    pub fn restartable_sequences(&self) -> Option<[u64; 4]> {
        // linux/ptrace.h; the libc crate lacks them.
        const PTRACE_GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
        #[repr(C)]
        #[derive(Default)]
        struct Configuration {
            address: u64,
            size: u32,
            signature: u32,
            flags: u32,
            pad: u32,
        }
        let mut found = Configuration::default();
        let size = size_of::<Configuration>();
        // SAFETY: the kernel writes at most `size` bytes to the address given, which is valid for the
        // whole call.
        let result = unsafe {
            libc::ptrace(
                PTRACE_GET_RSEQ_CONFIGURATION,
                self.tid(),
                size,
                &raw mut found,
            )
        };
        (result == size as libc::c_long).then_some([
            found.address,
            found.size.into(),
            found.flags.into(),
            found.signature.into(),
        ])
    }
}

/// Returns the head and length of a task's list of robust futexes (get_robust_list(2)).
pub fn robust_list(tid: Tid) -> Option<(u64, u64)> {
    let (mut head, mut length) = (0u64, 0u64);
    // SAFETY: the kernel writes one pointer and one size to the addresses given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_get_robust_list,
            tid,
            &raw mut head,
            &raw mut length,
        )
    };
    (result == 0).then_some((head, length))
}
