//! The seccomp filter: which system calls stop for the engine.
//!
//! Everything stops except calls that concern only the caller's own memory,
//! signal dispositions and identity, which no other process can observe.

use crate::arch::{GETS_SEGMENT, NATIVE_ARCHITECTURE, SETS_SEGMENT};
use crosswire_calls::{Arg, Does, Fact, Mapping, Row};
use libc::{sock_filter, *};

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
const POSITION: u32 = 8;
const ARGUMENTS: u32 = 16;

/// The high words of addresses where shared mappings are put.
pub const WINDOW: std::ops::Range<u32> = 0x3000..0x3040;

/// The high word of addresses from which calls never stop: there is code of the engine's, if
/// anything. Calls that name such an address stop, so that programs can be kept from having
/// code there.
pub const UNSEEN: u32 = 0x3090;

/// Builds the filter. The numbers are searched as a binary tree: a linear one
/// costs every call of the program ten times as many instructions. Calls that `fail` stop, even
/// if they concern nobody else.
pub fn filter(fail: impl Fn(&Row) -> bool) -> Vec<sock_filter> {
    let private = crosswire_calls::rows().filter(|row| row.is(Fact::Private) && !fail(row));
    let mut allowed: Vec<u32> = private.map(|row| row.number).collect();
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(BPF_JEQ, NATIVE_ARCHITECTURE, 1, 0),
        statement(RETURN, SECCOMP_RET_TRACE),
        statement(LOAD, POSITION + 4),
        jump(BPF_JEQ, UNSEEN, 0, 1),
        statement(RETURN, SECCOMP_RET_ALLOW),
    ];
    // The kernel cannot follow a pointer into memory that the engine watches, and a call
    // on such a mapping changes what is to be watched.
    for argument in 0..6 {
        let high = ARGUMENTS + 8 * argument + 4;
        program.push(statement(LOAD, high));
        program.push(jump(BPF_JEQ, UNSEEN, 2, 0));
        program.push(jump(BPF_JGE, WINDOW.start, 0, 2));
        program.push(jump(BPF_JGE, WINDOW.end, 1, 0));
        program.push(statement(RETURN, SECCOMP_RET_TRACE));
    }
    program.push(statement(LOAD, NUMBER));
    for row in crosswire_calls::rows() {
        if matches!(row.does, Does::Map(Mapping::Map | Mapping::Move)) {
            // A large mapping may cover addresses that it does not name.
            let length = row.args.iter().rposition(|arg| *arg == Arg::Size);
            let length = length.expect("it has a length");
            let high = low_word(length) + 4;
            stop_if(&mut program, row.number, high, &[(BPF_JSET, u32::MAX)]);
        }
        let (argument, tests): (_, &[(u32, u32)]) = match row.does {
            // A private mapping is nobody else's business; a shared one is.
            Does::Map(Mapping::Map) => (3, &[(BPF_JSET, MAP_SHARED as u32)]),
            // What it says decides about a signal that others may send, unless it only asks.
            Does::SignalAction | Does::SignalMask => (1, &[(BPF_JSET, u32::MAX)]),
            // The segment that programs leave alone is the engine's.
            Does::Segment => (0, &[(BPF_JEQ, SETS_SEGMENT), (BPF_JEQ, GETS_SEGMENT)]),
            // Another process may be one that the program must not know of.
            _ if row.is(Fact::Private) && row.args.first() == Some(&Arg::Pid) => {
                (0, &[(BPF_JSET, u32::MAX)])
            }
            // So may the clock of one.
            _ if row.is(Fact::Private) && row.args.first() == Some(&Arg::Clock) => {
                (0, &[(BPF_JSET, 1 << 31)])
            }
            _ => continue,
        };
        stop_if(&mut program, row.number, low_word(argument), tests);
        if !row.is(Fact::Private) && !fail(row) {
            allowed.push(row.number);
        }
    }
    allowed.sort_unstable();
    search(&mut program, &allowed);
    program
}

/// Returns the filter that a program gets in addition when it has watched memory at an
/// address of its own: every call stops that may take it away, or have a pointer to it.
pub fn filter_for_mappings() -> Vec<sock_filter> {
    // shmat(2) and shmdt(2) stop anyway.
    let concerns = |row: &&Row| match row.does {
        Does::Map(Mapping::Map) => true,
        Does::Map(_) => row.is(Fact::Private),
        _ => row.is(Fact::Private) && !row.has_no_pointer(),
    };
    let calls: Vec<u32> = crosswire_calls::rows()
        .filter(concerns)
        .map(|row| row.number)
        .collect();
    let mut program = vec![statement(LOAD, NUMBER)];
    for (i, call) in calls.iter().enumerate() {
        program.push(jump(BPF_JEQ, *call, (calls.len() - i) as u8, 0));
    }
    program.push(statement(RETURN, SECCOMP_RET_ALLOW));
    program.push(statement(RETURN, SECCOMP_RET_TRACE));
    program
}

/// Returns the offset of the low word of an argument.
const fn low_word(argument: usize) -> u32 {
    ARGUMENTS + 8 * argument as u32
}

/// Appends: if the number in the accumulator is `call`, and the word at an offset passes one
/// of the tests, stop. Otherwise the number is there again.
fn stop_if(program: &mut Vec<sock_filter>, call: u32, word: u32, tests: &[(u32, u32)]) {
    let count = tests.len() as u8;
    program.push(jump(BPF_JEQ, call, 0, count + 3));
    program.push(statement(LOAD, word));
    for (i, (test, value)) in tests.iter().enumerate() {
        let last = u8::from(i + 1 == tests.len());
        program.push(jump(*test, *value, count - i as u8 - 1, last));
    }
    program.push(statement(RETURN, SECCOMP_RET_TRACE));
    program.push(statement(LOAD, NUMBER));
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

    const PRIVATE_MAPPING: [u64; 6] = [0, 4096, 3, MAP_PRIVATE as u64, 3, 0];

    /// Interprets the few instructions that the filter uses.
    fn decide(program: &[sock_filter], number: c_long, architecture: u32, args: [u64; 6]) -> u32 {
        decide_at(program, number, architecture, args, 0x40_1000)
    }

    fn decide_at(
        program: &[sock_filter],
        number: c_long,
        architecture: u32,
        args: [u64; 6],
        position: u64,
    ) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let op = program[at];
            at += 1;
            let taken = match u32::from(op.code) {
                code if code == LOAD => {
                    value = match op.k {
                        NUMBER => number as u32,
                        ARCHITECTURE => architecture,
                        POSITION => position as u32,
                        offset if offset == POSITION + 4 => (position >> 32) as u32,
                        offset => {
                            let (argument, high) = ((offset - ARGUMENTS) / 8, offset & 4 != 0);
                            (args[argument as usize] >> if high { 32 } else { 0 }) as u32
                        }
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

    fn stops(number: c_long, args: [u64; 6]) -> bool {
        decide(&filter(|_| false), number, NATIVE_ARCHITECTURE, args) == SECCOMP_RET_TRACE
    }

    #[test]
    fn decides_every_number() {
        let program = filter(|_| false);
        for number in 0..600 {
            let row = crosswire_calls::row(number as u32);
            let sets_signals = matches!(row.does, Does::SignalAction | Does::SignalMask);
            let private = row.is(Fact::Private) && !sets_signals || number == SYS_mmap;
            let expected = match private {
                true => SECCOMP_RET_ALLOW,
                false => SECCOMP_RET_TRACE,
            };
            let native = decide(&program, number, NATIVE_ARCHITECTURE, PRIVATE_MAPPING);
            assert_eq!(native, expected, "{number}");
            let foreign = decide(&program, number, 0x4000_0003, PRIVATE_MAPPING);
            assert_eq!(foreign, SECCOMP_RET_TRACE);
        }
    }

    #[test]
    fn arguments_decide_where_the_number_does_not() {
        let shared = [0, 4096, 3, MAP_SHARED as u64, 3, 0];
        assert!(stops(SYS_mmap, shared) && !stops(SYS_mmap, PRIVATE_MAPPING));
        for call in [SYS_rt_sigaction, SYS_rt_sigprocmask] {
            assert!(stops(call, [SIGUSR1 as u64, 0x7ffe_0000_1000, 0, 8, 0, 0]));
            assert!(!stops(call, [SIGUSR1 as u64, 0, 0x7ffe_0000_1000, 8, 0, 0]));
        }
        assert!(stops(
            SYS_arch_prctl,
            [u64::from(SETS_SEGMENT), 1, 0, 0, 0, 0]
        ));
        assert!(!stops(SYS_arch_prctl, [0x1002, 1, 0, 0, 0, 0]));
        let (first, last) = (0x3000_0000_0000, 0x303f_ffff_ffff);
        for address in [first, last] {
            assert!(stops(SYS_munmap, [address, 4096, 0, 0, 0, 0]));
            assert!(stops(SYS_getresuid, [address, 0, 0, 0, 0, 0]));
            assert!(stops(SYS_rt_sigprocmask, [0, 0, 0, 0, 0, address]));
        }
        for address in [first - 1, last + 1] {
            assert!(!stops(SYS_munmap, [address, 4096, 0, 0, 0, 0]));
        }
    }

    #[test]
    fn what_the_engine_does_there_is_unseen_and_programs_cannot_get_there_unnoticed() {
        let from = |position| {
            decide_at(
                &filter(|_| false),
                SYS_openat,
                NATIVE_ARCHITECTURE,
                [0; 6],
                position,
            )
        };
        assert_eq!(from(0x3090_0000_0002), SECCOMP_RET_ALLOW);
        assert_eq!(from(0x308f_ffff_ffff), SECCOMP_RET_TRACE);
        assert_eq!(from(0x3091_0000_0000), SECCOMP_RET_TRACE);
        let private = MAP_PRIVATE as u64;
        assert!(stops(SYS_mmap, [0x3090_0000_0000, 4096, 7, private, 3, 0]));
        assert!(stops(
            SYS_mmap,
            [0x2000_0000_0000, 1 << 45, 7, private, 3, 0]
        ));
        assert!(stops(
            SYS_mremap,
            [0x2000_0000_0000, 4096, 1 << 45, 0, 0, 0]
        ));
        assert!(!stops(SYS_mremap, [0x2000_0000_0000, 4096, 8192, 0, 0, 0]));
    }

    #[test]
    fn the_second_filter_stops_calls_on_mappings() {
        let program = filter_for_mappings();
        let stops = |number| decide(&program, number, 0, [0; 6]) == SECCOMP_RET_TRACE;
        assert!(stops(SYS_mmap) && stops(SYS_munmap) && stops(SYS_madvise));
        assert!(stops(SYS_brk) && stops(SYS_getresuid) && !stops(SYS_getpid) && !stops(SYS_read));
    }
}
