//! The seccomp filter: which system calls stop for the engine.
//!
//! Everything stops except calls that concern only the caller's own memory,
//! signal dispositions and identity, which no other process can observe.

use libc::{sock_filter, *};

/// `AUDIT_ARCH_X86_64` (linux/audit.h).
pub(crate) const NATIVE_ARCHITECTURE: u32 = 0xC000_003E;

/// Calls that never stop.
const PRIVATE: &[c_long] = &[
    SYS_brk,
    SYS_mprotect,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_mincore,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_arch_prctl,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_membarrier,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getcwd,
    SYS_uname,
    SYS_umask,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_getcpu,
    SYS_getrlimit,
    SYS_prlimit64,
    SYS_clock_getres,
    SYS_capget,
    SYS_mlock,
    SYS_munlock,
    SYS_mlock2,
    SYS_get_mempolicy,
];

const fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

const fn jump(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: (BPF_JMP | code | BPF_K) as u16,
        jt,
        jf,
        k,
    }
}

const LOAD: u32 = BPF_LD | BPF_W | BPF_ABS;
const RETURN: u32 = BPF_RET | BPF_K;

// Offsets into struct seccomp_data (seccomp(2)).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENT_3: u32 = 16 + 3 * 8;

/// Builds the filter. The numbers are searched as a binary tree: a linear one
/// costs every call of the program ten times as many instructions.
pub(crate) fn filter() -> Vec<sock_filter> {
    let mut allowed: Vec<u32> = PRIVATE.iter().map(|nr| *nr as u32).collect();
    allowed.sort_unstable();
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(BPF_JEQ, NATIVE_ARCHITECTURE, 1, 0),
        statement(RETURN, SECCOMP_RET_TRACE),
        statement(LOAD, NUMBER),
        // A private mapping is nobody else's business; a shared one is.
        jump(BPF_JEQ, SYS_mmap as u32, 0, 4),
        statement(LOAD, ARGUMENT_3),
        jump(BPF_JSET, MAP_SHARED as u32, 0, 1),
        statement(RETURN, SECCOMP_RET_TRACE),
        statement(RETURN, SECCOMP_RET_ALLOW),
    ];
    search(&mut program, &allowed);
    program
}

/// Appends the decision for the sorted numbers `allowed`.
fn search(program: &mut Vec<sock_filter>, allowed: &[u32]) {
    if allowed.len() <= 2 {
        for (i, number) in allowed.iter().enumerate() {
            let to_allow = (allowed.len() - i) as u8;
            program.push(jump(BPF_JEQ, *number, to_allow, 0));
        }
        program.push(statement(RETURN, SECCOMP_RET_TRACE));
        program.push(statement(RETURN, SECCOMP_RET_ALLOW));
        return;
    }
    let (low, high) = allowed.split_at(allowed.len() / 2);
    let branch = program.len();
    program.push(jump(BPF_JGE, high[0], 0, 0));
    search(program, low);
    let distance = program.len() - branch - 1;
    program[branch].jt = u8::try_from(distance).expect("the tree is small");
    search(program, high);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interprets the few instructions that the filter uses.
    fn decide(program: &[sock_filter], number: u32, architecture: u32, flags: u32) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let op = program[at];
            at += 1;
            let taken = match u32::from(op.code) {
                code if code == LOAD => {
                    value = match op.k {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        _ => flags,
                    };
                    continue;
                }
                code if code == RETURN => return op.k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => value == op.k,
                code if code == BPF_JMP | BPF_JGE | BPF_K => value >= op.k,
                _ => value & op.k != 0,
            };
            at += usize::from(if taken { op.jt } else { op.jf });
        }
    }

    #[test]
    fn decides_every_number() {
        let program = filter();
        for number in 0..600u32 {
            let private = PRIVATE.contains(&c_long::from(number)) || number == SYS_mmap as u32;
            let expected = if private {
                SECCOMP_RET_ALLOW
            } else {
                SECCOMP_RET_TRACE
            };
            assert_eq!(
                decide(&program, number, NATIVE_ARCHITECTURE, 2),
                expected,
                "{number}"
            );
            assert_eq!(decide(&program, number, 0x4000_0003, 2), SECCOMP_RET_TRACE);
        }
        let shared = decide(
            &program,
            SYS_mmap as u32,
            NATIVE_ARCHITECTURE,
            MAP_SHARED as u32,
        );
        assert_eq!(shared, SECCOMP_RET_TRACE);
    }
}
