use super::*;
use crosswire_model::testing::RunBuilder;
use crosswire_model::{Content, End, Run, Seen};
use crosswire_world::World;

fn found(run: &Run) -> Vec<(usize, usize, Tie)> {
    let world = World::follow(&run.trace, &run.seen);
    let story = Story {
        trace: &run.trace,
        seen: &run.seen,
        world: &world,
    };
    let all = arrows(&story).into_iter();
    all.map(|arrow| (arrow.from, arrow.to, arrow.tie)).collect()
}

fn block(call: &str, first: u64) -> What {
    What::Block {
        call: call.parse().unwrap(),
        args: [first, 0, 0, 0, 0, 0],
        path: None,
    }
}

fn wake(call: &str, result: i64) -> What {
    What::Wake {
        call: call.parse().unwrap(),
        result,
    }
}

/// A process makes a pipe and forks: events 0 to 2.
fn two_with_a_pipe() -> RunBuilder {
    RunBuilder::new(&["a"])
        .child(0, "a.1")
        .call((0, 0), "pipe2", &[0x1000, 0], None, 0)
        .event(0, 1, What::Spawn(TaskId(1)))
        .event(1, 2, What::Start)
}

fn with_a_pipe(run: RunBuilder) -> Run {
    let mut run = run.end(End::Finished);
    run.seen.push(Seen {
        event: 0,
        argument: 0,
        content: Content::Descriptors(vec![3, 4]),
    });
    run
}

#[test]
fn a_fork_leads_to_the_first_step_and_an_end_to_the_parent() {
    let run = two_with_a_pipe()
        .exits(1, 3, 0)
        .event(0, 3, What::Signal(Signal(libc::SIGCHLD)))
        .call((0, 4), "wait4", &[u64::MAX], None, 101);
    let found = found(&with_a_pipe(run));
    assert_eq!(
        found,
        [(1, 2, Tie::Fork), (3, 4, Tie::Signal), (3, 5, Tie::End)]
    );
}

#[test]
fn bytes_lead_from_their_writer_to_their_reader() {
    let run = two_with_a_pipe()
        .call((0, 3), "write", &[4, 0x1000, 4], None, 4)
        .call((0, 4), "write", &[4, 0x1000, 4], None, 4)
        .call((1, 5), "read", &[3, 0x1000, 6], None, 6)
        .call((1, 6), "read", &[3, 0x1000, 6], None, 2);
    let found = found(&with_a_pipe(run));
    let messages = [(3, 5), (4, 5), (4, 6)].map(|(from, to)| (from, to, Tie::Message));
    assert_eq!(found[1..], messages);
}

#[test]
fn who_waits_is_woken_by_what_changes_its_object() {
    let run = two_with_a_pipe()
        .event(1, 3, block("read", 3))
        .call((0, 4), "write", &[4, 0x1000, 4], None, 4)
        .event(1, 4, wake("read", 4));
    let found = found(&with_a_pipe(run));
    assert_eq!(found[1..], [(4, 5, Tie::Message)]);
}

#[test]
fn an_unlock_leads_to_the_lock_of_another() {
    let flock = |task: u32, step: u64, operation: i32| {
        move |run: RunBuilder| run.call((task, step), "flock", &[3, operation as u64], None, 0)
    };
    let open = |task: u32, step: u64| {
        move |run: RunBuilder| {
            let path = Some("/tmp/x");
            run.call((task, step), "openat", &[0xffff_ff9c, 0, 2], path, 3)
        }
    };
    let mut run = RunBuilder::new(&["a", "b"]);
    run = open(0, 0)(run);
    run = open(1, 1)(run);
    run = flock(0, 2, libc::LOCK_EX)(run);
    run = run.event(1, 3, block("flock", 3));
    run = flock(0, 4, libc::LOCK_UN)(run);
    let run = run.event(1, 5, wake("flock", 0)).end(End::Finished);
    assert_eq!(found(&run), [(4, 5, Tie::Unlock)]);
}

#[test]
fn a_message_of_a_queue_is_known_by_its_content() {
    let mut run = RunBuilder::new(&["a"])
        .child(0, "a.1")
        .call((0, 0), "msgget", &[0, 0o600], None, 7)
        .call((0, 1), "msgsnd", &[7, 0x1000, 1, 0], None, 0)
        .call((0, 2), "msgsnd", &[7, 0x1000, 1, 0], None, 0)
        .call((1, 3), "msgrcv", &[7, 0x1000, 1, 2, 0], None, 1)
        .call((1, 4), "msgrcv", &[7, 0x1000, 1, 0, 0], None, 1)
        .end(End::Finished);
    let ties = |run: &Run| -> Vec<(usize, usize)> {
        let found = found(run).into_iter();
        found.map(|(from, to, _)| (from, to)).collect()
    };
    // Which of two messages it was is not known without their content; then there is one.
    assert_eq!(ties(&run), []);
    for (event, kind) in [(1, 1), (2, 2), (3, 2), (4, 1)] {
        run.seen.push(Seen {
            event,
            argument: 1,
            content: Content::Message {
                kind,
                text: crosswire_model::Bytes {
                    shown: "x".to_owned(),
                    length: 1,
                    cut: false,
                },
            },
        });
    }
    assert_eq!(ties(&run), [(2, 3), (1, 4)]);
}

#[test]
fn a_signal_leads_from_who_sends_it_to_who_gets_it() {
    let run = RunBuilder::new(&["a", "b"])
        .call((0, 0), "kill", &[101, 15], None, 0)
        .event(1, 1, What::Signal(Signal(15)))
        .end(End::Finished);
    assert_eq!(found(&run), [(0, 1, Tie::Signal)]);
}
