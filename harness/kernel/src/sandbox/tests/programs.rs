//! Start of programs, and their environment.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn each_run_sees_the_same() {
    let dir = elsewhere();
    let script = "id; umask; ulimit -c; pwd; od -An -N16 -tx1 /dev/urandom; echo $$; ls -l /proc/self/fd \
                  | sed 's/.* //' | sed 's/:.*//'; cat /proc/self/maps | sed -n 1p; grep -E 'Sig|Cap|NoNew' /proc/self/status";
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    let first = run(&mut sandbox, script);
    reset(&mut sandbox);
    assert_eq!(run(&mut sandbox, script), first);
    let Some(mut other) = full(dir.path()) else {
        return;
    };
    assert_eq!(run(&mut other, script), first);
    let native = std::process::Command::new("id").output().unwrap();
    assert!(
        first.starts_with(
            std::str::from_utf8(&native.stdout)
                .unwrap()
                .split(" groups")
                .next()
                .unwrap()
        )
    );
    eprintln!("{first}");
}

#[test]
fn descriptors_are_placed_even_when_numbers_overlap() {
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&settings(dir.path())).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let file = |text: &str| {
        let path = dir.path().join(text);
        fs::write(&path, text).unwrap();
        fs::File::open(path).unwrap()
    };
    let (a, b) = (file("a"), file("b"));
    let program = shell("cat <&3; cat <&4; cat /proc/self/fd/20; ls /proc/self/fd | tr '\\n' ' '");
    let fds = [
        (b.as_fd(), 4),
        (a.as_fd(), 3),
        (b.as_fd(), 20),
        (writer.as_fd(), 1),
    ];
    sandbox.request_spawn(&program, &fds).unwrap();
    drop(writer);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    // 5 is what ls opens itself.
    assert_eq!(output, "abb0 1 2 20 3 4 5 ");
}

fn wait_for_error(sandbox: &Sandbox, ticket: SpawnTicket) -> SpawnError {
    let begin = Instant::now();
    loop {
        if let Some(error) = sandbox.spawn_error(ticket) {
            return error;
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
}

#[test]
fn a_program_that_cannot_be_executed_says_why() {
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&settings(dir.path())).unwrap();
    let mut attempt = |path: &str| {
        let program = Program {
            path: c(path),
            ..shell("")
        };
        let ticket = sandbox.request_spawn(&program, &[]).unwrap();
        let error = wait_for_error(&sandbox, ticket);
        (error.stage, error.errno)
    };
    assert_eq!(attempt("/nowhere/at-all"), ("execve", Errno::ENOENT));
    assert_eq!(attempt("/etc/passwd"), ("execve", Errno::EACCES));
    let filter = vec![libc::sock_filter {
        code: 0xffff,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let ticket = sandbox
        .request_spawn(
            &Program {
                filter,
                ..shell("")
            },
            &[],
        )
        .unwrap();
    let error = wait_for_error(&sandbox, ticket);
    assert_eq!(
        (error.stage, error.errno),
        ("installing the seccomp filter", Errno::EINVAL)
    );
    let huge = Program {
        envp: vec![c(&"x".repeat(5 << 20))],
        ..shell("")
    };
    assert!(matches!(
        sandbox.request_spawn(&huge, &[]),
        Err(SandboxError::TooLarge { .. })
    ));
}
