use super::*;
use std::process::{Child, Command};

/// Starts a program that sleeps, and stops it, if it has not stopped on its way there.
fn stopped_program() -> (Child, Stopped) {
    let program = Command::new("sleep").arg("1000").spawn().unwrap();
    let tid = program.id() as Tid;
    seize(tid).unwrap();
    interrupt(tid).unwrap();
    match next(tid) {
        Report::Stopped(stopped, _) => (program, stopped),
        report => panic!("{report:?}"),
    }
}

fn next(tid: Tid) -> Report {
    loop {
        match wait_for(tid, Wait::Block).unwrap() {
            Waited::Report(report) => return report,
            Waited::NoTasks => panic!("there is no task {tid}"),
            Waited::Nothing | Waited::Tick => {}
        }
    }
}

#[test]
fn of_a_task_killed_while_stopped_the_end_is_reported_and_resuming_it_is_no_error() {
    let (_program, stopped) = stopped_program();
    let tid = stopped.tid();
    assert!(kill(tid, libc::SIGKILL));
    let gone = || stopped.registers().err().and_then(|e| e.raw_os_error());
    while gone() != Some(libc::ESRCH) {
        std::thread::yield_now();
    }
    stopped.resume(0).unwrap();
    let report = next(tid);
    assert!(matches!(report, Report::Ended(of, Ending::Killed(libc::SIGKILL)) if of == tid));
}

#[test]
fn what_the_kernel_refuses_is_told_with_operation_and_task() {
    let (mut program, stopped) = stopped_program();
    let tid = stopped.tid();
    let no_signal = 1_000;
    let error = stopped.resume(no_signal).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("resuming task {tid}: ")),
        "{error}"
    );
    program.kill().unwrap();
    assert!(matches!(next(tid), Report::Ended(..)));
}
