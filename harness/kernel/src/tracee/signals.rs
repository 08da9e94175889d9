//! Signals of a stopped task: the one that it is about to receive, those that it blocks and those
//! that wait.

use super::stopped::Stopped;
use crate::request::done;
use std::io;

// linux/ptrace.h; the libc crate lacks them.
const PTRACE_PEEKSIGINFO: libc::c_uint = 0x4209;
const PEEKSIGINFO_SHARED: u32 = 1;

impl Stopped {
    /// Details of the signal it is about to receive.
    pub fn signal_info(&self) -> io::Result<libc::siginfo_t> {
        // SAFETY: siginfo_t is plain data, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one siginfo_t to the address given.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, self.tid(), 0, &raw mut info) };
        done(result).map(|()| info)
    }

    /// Replaces the details of the signal it is about to receive.
    pub fn set_signal_info(&self, info: &libc::siginfo_t) -> io::Result<()> {
        // SAFETY: the kernel only reads one siginfo_t from the address given.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_SETSIGINFO,
                self.tid(),
                0,
                std::ptr::from_ref(info),
            )
        };
        done(result)
    }

    /// For a fault: its code of sigaction(2), and the address.
    pub fn fault(&self) -> io::Result<(i32, u64)> {
        let info = self.signal_info()?;
        // SAFETY: for SIGSEGV and SIGBUS the kernel fills in the address; for others the
        // bytes mean something else, but are there.
        Ok((info.si_code, unsafe { info.si_addr() } as u64))
    }

    /// Replaces the address of the fault it is about to learn of.
    pub fn set_fault_address(&self, address: u64) -> io::Result<()> {
        /// `si_addr` in the kernel's layout of siginfo_t (asm-generic/siginfo.h).
        const ADDRESS: usize = 16;
        let mut info = self.signal_info()?;
        // SAFETY: siginfo_t is plain data of 128 bytes, and 16 is a multiple of eight.
        unsafe {
            (&raw mut info)
                .byte_add(ADDRESS)
                .cast::<u64>()
                .write(address);
        }
        self.set_signal_info(&info)
    }

    /// Makes the signal that it stopped for another one, that of a fault at an address.
    pub fn set_fault(&self, signal: i32, code: i32, address: u64) -> io::Result<()> {
        let mut info = self.signal_info()?;
        info.si_signo = signal;
        info.si_code = code;
        self.set_signal_info(&info)?;
        self.set_fault_address(address)
    }

    /// Returns the signals it has blocked, as bits from signal 1.
    pub fn signal_mask(&self) -> io::Result<u64> {
        let mut mask: u64 = 0;
        // SAFETY: the kernel writes a signal set of the size given to the address.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_GETSIGMASK,
                self.tid(),
                size_of::<u64>(),
                &raw mut mask,
            )
        };
        done(result).map(|()| mask)
    }

    /// Blocks these signals and no others.
    pub fn set_signal_mask(&self, mask: u64) -> io::Result<()> {
        // SAFETY: the kernel reads a signal set of the size given from the address.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_SETSIGMASK,
                self.tid(),
                size_of::<u64>(),
                &raw const mask,
            )
        };
        done(result)
    }

    /// Tells whether an unblocked signal waits to be delivered to it.
    pub fn has_deliverable_signal(&self) -> io::Result<bool> {
        self.deliverable_signals()
            .map(|signals| !signals.is_empty())
    }

    /// Returns the unblocked signals that wait to be delivered to it.
    pub fn deliverable_signals(&self) -> io::Result<Vec<i32>> {
        let mask = self.signal_mask()?;
        let mut signals = self.pending_signals()?;
        signals.retain(|signal| mask >> (signal - 1) & 1 == 0);
        Ok(signals)
    }

    /// Returns the signals that wait to be delivered to it, blocked or not: behind a call with a
    /// mask of its own, as sigsuspend(2), the kernel tells the mask that it will restore.
    pub fn pending_signals(&self) -> io::Result<Vec<i32>> {
        let mut signals = self.pending(0)?;
        signals.extend(self.signals_of_process()?);
        Ok(signals)
    }

    /// Returns the signals that wait for any thread of its process, blocked or not.
    pub fn signals_of_process(&self) -> io::Result<Vec<i32>> {
        self.pending(PEEKSIGINFO_SHARED)
    }

    fn pending(&self, flags: u32) -> io::Result<Vec<i32>> {
        #[repr(C)]
        struct PeekArgs {
            offset: u64,
            flags: u32,
            count: i32,
        }
        const ROOM: usize = 32;
        let args = PeekArgs {
            offset: 0,
            flags,
            count: ROOM as i32,
        };
        // SAFETY: siginfo_t is plain data, for which zero is a value.
        let mut infos: [libc::siginfo_t; ROOM] = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel reads `args` and writes at most `count` siginfo_t.
        let count = unsafe {
            libc::ptrace(
                PTRACE_PEEKSIGINFO,
                self.tid(),
                &raw const args,
                infos.as_mut_ptr(),
            )
        };
        done(count)?;
        Ok(infos[..count as usize].iter().map(|i| i.si_signo).collect())
    }
}

/// Returns the process whose end or stop a signal tells of, if that is SIGCHLD of a child.
pub fn child_of(info: &libc::siginfo_t) -> Option<i32> {
    let tells = info.si_signo == libc::SIGCHLD
        && (libc::CLD_EXITED..=libc::CLD_CONTINUED).contains(&info.si_code);
    // SAFETY: for SIGCHLD with such a code the kernel fills in the process.
    tells.then(|| unsafe { info.si_pid() })
}

/// Returns the process that has sent a signal by kill(2) or tgkill(2), if one has.
pub fn sender_of(info: &libc::siginfo_t) -> Option<i32> {
    let is_sent = matches!(info.si_code, libc::SI_USER | libc::SI_TKILL);
    // SAFETY: for these codes the kernel fills in the process.
    is_sent.then(|| unsafe { info.si_pid() })
}
