//! The table held against the kernel's list of calls, and what follows from its rows.

use super::*;
use crate::{Fact, Timeout, Transfer, Wait};

/// Every call that the kernel's headers name has its row, so a call is `Anything`
/// because somebody decided so.
#[test]
fn every_call_of_the_kernel_has_a_row() {
    let missing: Vec<&str> = Sysno::iter()
        .filter(|call| find(call.id() as u32).number != call.id() as u32)
        .map(|call| call.name())
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn rows_are_found_by_their_numbers() {
    for row in all() {
        assert_eq!(crate::name(row.number), Some(row.name));
        assert!(
            row.args.len() <= 6 && row.shown <= row.args.len(),
            "{}",
            row.name
        );
    }
    for number in [NUMBERS as u32 - 1, NUMBERS as u32, u32::MAX] {
        let row = find(number);
        assert_eq!((row.does, row.args.len()), (Anything, 6));
    }
}

/// What never stops cannot be followed, so it must not concern anybody else.
#[test]
fn private_calls_concern_the_caller_alone() {
    for row in all().filter(|row| row.is(Fact::Private)) {
        let is_own = matches!(
            row.does,
            Nothing | Map(_) | SignalAction | SignalMask | SignalStack | Segment
        );
        assert!(is_own && row.transfer().is_none(), "{}", row.name);
        assert!(!row.is(Fact::Interruptible), "{}", row.name);
    }
}

#[test]
fn facts_do_not_contradict_each_other() {
    for row in all() {
        let name = row.name;
        let returns_at_once = row.is(Fact::Brief) || row.is(Fact::WakesWatchers);
        assert!(
            !(row.is(Fact::Brief) && row.is(Fact::WakesWatchers)),
            "{name}"
        );
        let moves = row
            .transfer()
            .is_some_and(|transfer| transfer.amount.is_some());
        assert!(!row.is(Fact::Partial) || moves, "{name}");
        assert!(
            !row.is(Fact::Untouched) || row.waits_for().is_some() || row.does == WaitEpoll,
            "{name}"
        );
        let is_positioned = matches!(row.does, ReadAt | WriteAt);
        assert!(
            !(returns_at_once && row.is(Fact::Interruptible)) || is_positioned,
            "{name}"
        );
        for argument in row.vector().into_iter().chain(row.socket_address()) {
            assert!(argument.1 < row.args.len(), "{name}");
        }
    }
}

fn named(name: &str) -> &'static Row {
    find(crate::number(name).expect(name))
}

#[test]
fn what_follows_from_the_arguments() {
    let read = named("read").transfer();
    let amount = Some(crate::Amount::Bytes(2));
    assert_eq!(
        read,
        Some(Transfer {
            flow: crate::Flow::In,
            amount,
            descriptor: 0
        })
    );
    let splice = named("splice").transfer().unwrap();
    assert_eq!(
        (splice.amount, splice.descriptor),
        (Some(crate::Amount::Bytes(4)), 2)
    );
    assert_eq!(
        named("sendfile").transfer().unwrap().amount,
        Some(crate::Amount::Bytes(3))
    );
    assert_eq!(
        named("vmsplice").transfer().unwrap().amount,
        Some(crate::Amount::Vector)
    );
    assert_eq!(named("mq_timedsend").transfer().unwrap().amount, None);
    assert_eq!(named("linkat").path(), Some(3));
    assert_eq!(
        named("linkat").paths().collect::<Vec<_>>(),
        [(Some(0), 1), (Some(2), 3)]
    );
    assert_eq!(
        named("symlinkat").paths().collect::<Vec<_>>(),
        [(Some(1), 2)]
    );
    assert_eq!(named("bind").socket_address(), Some((1, 2)));
    assert_eq!(named("sendto").socket_address(), None);
    assert_eq!(named("dup3").second_descriptor(), Some(1));
    assert_eq!(named("copy_file_range").second_descriptor(), Some(2));
    assert_eq!(
        named("openat").open_flags(&[0, 0, 0o101, 0, 0, 0]),
        Some(0o101)
    );
    assert_eq!(named("openat2").open_flags(&[0; 6]), None);
    assert_eq!(named("flock").waits_for(), Some(Wait::FileLock));
}

#[test]
fn timeouts_are_found_in_each_form() {
    let of = |name: &str, args: [u64; 6]| named(name).timeout(&args);
    let again = -i64::from(libc::EAGAIN);
    let expired = -i64::from(libc::ETIMEDOUT);
    assert_eq!(of("ppoll", [0; 6]), Some((Timeout::Relative(2), 0)));
    assert_eq!(
        of("semtimedop", [0; 6]),
        Some((Timeout::Relative(3), again))
    );
    let date = Timeout::Absolute(4, libc::CLOCK_REALTIME);
    assert_eq!(of("mq_timedreceive", [0; 6]), Some((date, expired)));
    let wake = libc::FUTEX_WAKE as u64;
    assert_eq!(of("futex", [0; 6]), Some((Timeout::Relative(3), expired)));
    assert_eq!(of("futex", [0, wake, 0, 0, 0, 0]), None);
    assert_eq!(of("read", [0; 6]), None);
}

#[test]
fn arguments_that_a_command_does_not_use_do_not_count() {
    let arity = |name: &str, args| named(name).arity(&args);
    assert_eq!(arity("write", [0; 6]), 3);
    assert_eq!(arity("openat", [0; 6]), 3);
    assert_eq!(arity("openat", [0, 0, libc::O_CREAT as u64, 0, 0, 0]), 4);
    assert_eq!(arity("mq_open", [0; 6]), 2);
    assert_eq!(arity("mq_open", [0, libc::O_CREAT as u64, 0, 0, 0, 0]), 4);
    assert_eq!(arity("fcntl", [0, libc::F_GETFD as u64, 0, 0, 0, 0]), 2);
    assert_eq!(arity("futex", [0, libc::FUTEX_WAKE as u64, 0, 0, 0, 0]), 3);
    assert_eq!(find(u32::MAX).arity(&[0; 6]), 6);
}
