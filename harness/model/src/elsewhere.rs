//! What may differ between recordings of one run on different machines.

use super::{Blocked, Call, End, Event, Leftover, Trace, What};
use crosswire_calls::Arg;

impl Trace {
    /// Returns the first place at which two traces differ in more than what depends on the
    /// machine or the container in which they were recorded: the addresses at which programs keep
    /// their data, and what Crosswire could see there at the end. The contents of a pipe cannot be
    /// looked at everywhere, nor can the files be told that a run has left; both follow from the
    /// steps.
    pub fn first_difference_elsewhere(&self, other: &Trace) -> Option<String> {
        let tells_files = |trace: &Trace| trace.leftovers.iter().any(is_file);
        let alike = tells_files(self) == tells_files(other);
        self.difference(other, without_addresses, |trace| {
            let left = trace.leftovers.iter();
            let left = left.filter(|one| alike || !is_file(one)).cloned();
            (end_elsewhere(&trace.end), left.collect())
        })
    }
}

/// Any address; null is none.
const SOMEWHERE: u64 = 1 << 12;

/// Returns an event with the same address in the place of each.
fn without_addresses(event: &Event) -> Event {
    let mut event = event.clone();
    match &mut event.what {
        What::Call {
            call, args, result, ..
        } => {
            forget_arguments(*call, args);
            if call.row().returns_address() && *result >= SOMEWHERE as i64 {
                *result = SOMEWHERE as i64;
            }
        }
        What::Block { call, args, .. } => forget_arguments(*call, args),
        _ => {}
    }
    event
}

fn forget_arguments(call: Call, args: &mut [u64; 6]) {
    let takes_lock = [
        libc::F_GETLK,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_OFD_GETLK,
        libc::F_OFD_SETLK,
        libc::F_OFD_SETLKW,
    ]
    .contains(&(args[1] as i32));
    let kinds = call.row().args.iter();
    let is_pointer = |kind: &Arg| kind.is_pointer() || *kind == Arg::FcntlArgument && takes_lock;
    for (arg, _) in args
        .iter_mut()
        .zip(kinds)
        .filter(|(_, kind)| is_pointer(kind))
    {
        *arg = SOMEWHERE.min(*arg);
    }
}

fn is_file(left: &Leftover) -> bool {
    matches!(left, Leftover::File { .. })
}

/// Returns an end in which what tasks wait for is told without addresses and contents.
fn end_elsewhere(end: &End) -> End {
    let forget = |blocked: &Vec<Blocked>| {
        let blocked = blocked.iter().map(|one| Blocked {
            object: text_without_addresses(without_contents(&one.object)),
            ..one.clone()
        });
        blocked.collect()
    };
    match end {
        End::Deadlock(blocked) => End::Deadlock(forget(blocked)),
        other => other.clone(),
    }
}

/// Returns the name of an object such as `pipe (0 of 65536 bytes)`.
fn without_contents(object: &str) -> &str {
    let name = object.rsplit_once(" (");
    match name.filter(|(_, told)| told.ends_with(" bytes)")) {
        Some((name, _)) => name,
        None => object,
    }
}

/// Returns a text without the digits of numbers that are written as addresses are.
fn text_without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told += "0x";
        told += part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;
    use crate::difference::tests::trace;

    #[test]
    fn addresses_are_no_difference_elsewhere() {
        let [open, map] = ["open", "mmap"].map(|name| name.parse().unwrap());
        let at = |address: u64, heap: i64| {
            let opened = (open, address, Some("/tmp/x"), 3);
            trace(&[opened, (map, 0, None, heap)])
        };
        let recorded = at(0x5555_5555_6000, 0x5555_5557_8000);
        let moved = at(0x5587_0ba1_3000, 0x5587_0ba3_5000);
        assert!(recorded.first_difference(&moved).is_some());
        assert_eq!(recorded.first_difference_elsewhere(&moved), None);
        let failed = at(0x5587_0ba1_3000, -12);
        assert!(recorded.first_difference_elsewhere(&failed).is_some());
        let null = at(0, 0x5587_0ba3_5000);
        assert!(recorded.first_difference_elsewhere(&null).is_some());
        assert_eq!(
            text_without_addresses("futex 0x7ff0 of 0x12, 3 waiters"),
            "futex 0x of 0x, 3 waiters"
        );
    }

    #[test]
    fn whether_an_argument_is_an_address_depends_on_the_command_of_fcntl() {
        let controlled = |command: i32, argument: u64| {
            let mut one = trace(&[("fcntl".parse().unwrap(), 3, None, 0)]);
            if let What::Call { args, .. } = &mut one.events[0].what {
                (args[1], args[2]) = (command as u64, argument);
            }
            one
        };
        let differ = |command: i32| {
            let recorded = controlled(command, 0x7fff_ffff_ebe0);
            let moved = controlled(command, 0x7fff_ffff_ec00);
            assert!(recorded.first_difference(&moved).is_some());
            recorded.first_difference_elsewhere(&moved).is_some()
        };
        assert!(!differ(libc::F_SETLKW));
        assert!(!differ(libc::F_OFD_SETLK));
        assert!(differ(libc::F_SETFL));
    }

    #[test]
    fn what_cannot_be_seen_everywhere_is_no_difference_elsewhere() {
        let ended = |object: &str, leftovers: Vec<Leftover>| Trace {
            end: End::Deadlock(vec![Blocked {
                task: TaskId(0),
                call: "read".parse().unwrap(),
                object: object.to_owned(),
                released_by: Vec::new(),
            }]),
            leftovers,
            ..trace(&[])
        };
        let file = |path: &str| Leftover::File {
            kind: "file".to_owned(),
            path: path.to_owned(),
        };
        let process = Leftover::Process(TaskId(0));
        let recorded = ended(
            "pipe (0 of 65536 bytes)",
            vec![process.clone(), file("/tmp/a")],
        );
        let elsewhere = ended("pipe", vec![process.clone()]);
        assert!(recorded.first_difference(&elsewhere).is_some());
        assert_eq!(recorded.first_difference_elsewhere(&elsewhere), None);
        for other in [
            ended("fifo", vec![process.clone()]),
            ended("pipe", Vec::new()),
            ended("pipe", vec![process, file("/tmp/b")]),
        ] {
            let difference = recorded.first_difference_elsewhere(&other);
            assert!(difference.is_some(), "{other:?}");
        }
    }
}
