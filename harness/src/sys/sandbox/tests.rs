//! Real programs in real sandboxes. What needs a feature that the machine
//! refuses says so and passes: `crosswire doctor` reports it.

use std::ffi::CString;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

use super::*;

fn settings(working_dir: &Path) -> Settings {
    Settings {
        working_dir: working_dir.to_owned(),
        isolation: Isolation::Auto,
        executables: Vec::new(),
    }
}

/// A sandbox with everything, or `None` if this machine does not permit that.
fn full(working_dir: &Path) -> Option<Sandbox> {
    let sandbox = Sandbox::start(&settings(working_dir)).unwrap();
    let missing: Vec<_> = sandbox.abilities().losses().collect();
    let essential = [
        Feature::MountNamespace,
        Feature::Shm,
        Feature::WorkingDir,
        Feature::Tmp,
    ];
    if essential
        .iter()
        .all(|feature| sandbox.abilities().has(*feature))
    {
        Some(sandbox)
    } else {
        eprintln!("not tested here: {missing:?}");
        None
    }
}

/// A directory that is not below /tmp, if there is one to be had.
fn elsewhere() -> tempfile::TempDir {
    let executable = std::env::current_exe().unwrap();
    tempfile::tempdir_in(executable.parent().unwrap())
        .or_else(|_| tempfile::tempdir_in("/var/tmp"))
        .unwrap()
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn shell(script: &str) -> Program {
    Program {
        path: c("/bin/sh"),
        argv: vec![c("sh"), c("-c"), c(script)],
        envp: vec![c("PATH=/usr/bin:/bin")],
        filter: Vec::new(),
        limits: Vec::new(),
    }
}

/// Runs a script to its end, and that of whatever holds its output open.
fn run(sandbox: &mut Sandbox, script: &str) -> String {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let fds = [(writer.as_fd(), 1), (writer.as_fd(), 2)];
    sandbox.request_spawn(&shell(script), &fds).unwrap();
    drop(writer);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    output
}

fn reset(sandbox: &mut Sandbox) -> Leftovers {
    sandbox
        .reset(&Reset {
            next_pid: 2,
            sysv: true,
            mqueue: true,
            ..Reset::default()
        })
        .unwrap()
}

fn left(path: PathBuf, kind: FileKind) -> LeftFile {
    LeftFile { path, kind }
}

#[test]
fn leftovers_are_reported_and_cleared() {
    let dir = elsewhere();
    fs::write(dir.path().join("old"), "old").unwrap();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    let name = format!("crosswire-test-{}", std::process::id());
    let script = format!(
        "echo x > {name}; mkdir -p sub; mkfifo sub/pipe; echo y > /tmp/{name}; \
         ln -s /nowhere /tmp/{name}-link; echo z > /dev/shm/{name}; ipcmk -Q >&2; ipcmk -S 3 >&2; \
         ipcmk -M 4096 >&2; cat old; echo $$"
    );
    for round in 0..3 {
        let output = run(&mut sandbox, &script);
        assert!(output.ends_with("old2\n"), "round {round}: {output}");
        let found = reset(&mut sandbox);
        let here = dir.path().canonicalize().unwrap();
        let mut expected = vec![
            left(here.join(&name), FileKind::Regular),
            left(here.join("sub"), FileKind::Directory),
            left(here.join("sub/pipe"), FileKind::Fifo),
            left(format!("/tmp/{name}").into(), FileKind::Regular),
            left(format!("/tmp/{name}-link").into(), FileKind::Symlink),
        ];
        expected.sort();
        assert_eq!(found.files, expected);
        assert_eq!(found.shm, [name.as_str()]);
        assert!(!found.truncated && !found.kept);
        assert!(
            matches!(
                found.sysv[..],
                [
                    SysvLeft {
                        kind: SysvKind::Queue {
                            messages: 0,
                            bytes: 0
                        },
                        id: _,
                        ..
                    },
                    SysvLeft {
                        kind: SysvKind::Semaphores { count: 3 },
                        ..
                    },
                    SysvLeft {
                        kind: SysvKind::SharedMemory {
                            bytes: 4096,
                            attached: 0,
                            ..
                        },
                        ..
                    },
                ]
            ),
            "{:?}",
            found.sysv
        );
        assert!(!found.fresh_working_dir, "only new names, so no new mount");
        assert!(reset(&mut sandbox).is_empty());
    }
    for path in [
        dir.path().join(&name),
        format!("/tmp/{name}").into(),
        format!("/dev/shm/{name}").into(),
    ] {
        assert!(!path.exists(), "{} reached the host", path.display());
    }
}

#[test]
fn changed_and_deleted_files_come_back_and_are_no_leftovers() {
    let dir = elsewhere();
    fs::create_dir(dir.path().join("tree")).unwrap();
    for file in ["changed", "deleted", "renamed", "tree/inner"] {
        fs::write(dir.path().join(file), file).unwrap();
    }
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    for script in [
        "echo more >> changed",
        "rm deleted",
        "mv renamed changed",
        "rm -r tree",
        "rm -r tree; mkdir tree",
        "rm tree/inner",
        "chmod 700 tree",
        "chmod 711 .",
        "rm deleted; mkdir deleted",
    ] {
        run(&mut sandbox, script);
        let found = reset(&mut sandbox);
        assert!(found.is_empty(), "{script}: {found:?}");
        assert!(found.fresh_working_dir, "{script}");
        let output = run(
            &mut sandbox,
            "cat changed deleted renamed tree/inner; stat -c %a . tree",
        );
        let modes = ["", "tree"].map(|name| {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(dir.path().join(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        });
        assert_eq!(
            output,
            format!(
                "changeddeletedrenamedtree/inner{:o}\n{:o}\n",
                modes[0], modes[1]
            ),
            "{script}"
        );
        let found = reset(&mut sandbox);
        assert!(found.is_empty() && !found.fresh_working_dir, "{script}");
    }
    // Something new inside of what was there.
    run(
        &mut sandbox,
        "echo > tree/new; mv tree/inner tree/moved; rm changed; mkdir changed; echo > changed/x",
    );
    let here = dir.path().canonicalize().unwrap();
    let found = reset(&mut sandbox);
    assert_eq!(
        found.files,
        [
            left(here.join("changed/x"), FileKind::Regular),
            left(here.join("tree/moved"), FileKind::Regular),
            left(here.join("tree/new"), FileKind::Regular)
        ]
    );
    assert_eq!(
        run(&mut sandbox, "echo *; echo tree/*; cat changed"),
        "changed deleted renamed tree\ntree/inner\nchanged"
    );
}

#[test]
fn the_working_directory_may_lie_below_tmp() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    fs::write(dir.path().join("old"), "old").unwrap();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    for _ in 0..2 {
        assert_eq!(
            run(
                &mut sandbox,
                "cat old; touch new; touch /tmp/.cw-new; mv new /tmp/.cw-moved"
            ),
            "old"
        );
        let found = reset(&mut sandbox);
        assert_eq!(
            found.files,
            [
                left("/tmp/.cw-moved".into(), FileKind::Regular),
                left("/tmp/.cw-new".into(), FileKind::Regular)
            ]
        );
        assert!(!found.fresh_working_dir);
        assert_eq!(run(&mut sandbox, "ls"), "old\n");
    }
}

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

#[test]
fn an_ipc_namespace_of_the_run_is_listed() {
    let dir = elsewhere();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    if !sandbox.abilities().has(Feature::IpcPerRun) {
        return;
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    let program = shell(
        "unshare --ipc sh -c 'ipcmk -Q; echo ready; exec >&-; exec sleep 100' || echo failed",
    );
    let ticket = sandbox
        .request_spawn(&program, &[(writer.as_fd(), 1)])
        .unwrap();
    drop(writer);
    let mut output = String::new();
    let mut byte = [0];
    while !output.ends_with("ready\n") && !output.ends_with("failed\n") {
        assert_eq!(reader.read(&mut byte).unwrap(), 1, "{output}");
        output.push(byte[0] as char);
    }
    if output.ends_with("failed\n") {
        panic!("{output}");
    }
    // The only process but process 1 of the sandbox.
    assert!(sandbox.spawned_pid(ticket).is_some());
    let children = plain::descendants(sandbox.init_pid());
    let namespace = children
        .iter()
        .map(|pid| fs::File::open(format!("/proc/{pid}/ns/ipc")).unwrap())
        .next_back()
        .unwrap();
    let begin = Instant::now();
    let request = Reset {
        next_pid: 2,
        ipc_namespace: Some(namespace.as_fd()),
        sysv: true,
        mqueue: true,
        renew: false,
    };
    let found = sandbox.reset(&request).unwrap();
    eprintln!("reset with a foreign ipc namespace: {:?}", begin.elapsed());
    assert_eq!(found.sysv.len(), 1, "{found:?}");
    assert!(
        reset(&mut sandbox).is_empty(),
        "process 1 is back in its own namespace"
    );
}

#[test]
fn nothing_outlives_a_killed_harness() {
    let dir = elsewhere();
    let marker = format!("{}.25", 100_000 + std::process::id());
    let (mut reader, writer) = std::io::pipe().unwrap();
    // SAFETY: the child only makes system calls and allocates; glibc keeps its
    // allocator usable across fork.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let mut sandbox = Sandbox::start(&settings(dir.path())).unwrap();
            let script = format!("sleep {marker} & setsid sleep {marker} & echo ready; wait");
            sandbox
                .request_spawn(&shell(&script), &[(writer.as_fd(), 1)])
                .unwrap();
            drop(writer);
            std::thread::sleep(Duration::from_secs(100));
            std::process::exit(0);
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut ready = [0; 6];
            reader.read_exact(&mut ready).unwrap();
            let begin = Instant::now();
            while running(&marker) < 2 {
                assert!(begin.elapsed() < Duration::from_secs(5));
            }
            kill(child, Signal::SIGKILL).unwrap();
            waitpid(child, None).unwrap();
        }
    }
    // The sleeping programs hold the pipe open, so its end is theirs.
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    let begin = Instant::now();
    while running(&marker) > 0 {
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

fn running(marker: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.starts_with(format!("sleep\0{marker}").as_bytes()))
        })
        .count()
}

#[test]
fn dropping_ends_all_programs() {
    for isolation in [Isolation::Auto, Isolation::None] {
        let dir = elsewhere();
        let marker = format!("{}.5", 100_000 + std::process::id());
        let mut sandbox = Sandbox::start(&Settings {
            isolation,
            ..settings(dir.path())
        })
        .unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let script =
            format!("(sleep {marker} &) ; setsid sleep {marker} & echo ready; exec sleep {marker}");
        sandbox
            .request_spawn(&shell(&script), &[(writer.as_fd(), 1)])
            .unwrap();
        drop(writer);
        reader.read_exact(&mut [0; 6]).unwrap();
        drop(sandbox);
        reader.read_to_end(&mut Vec::new()).unwrap();
        let begin = Instant::now();
        while running(&marker) > 0 {
            assert!(begin.elapsed() < Duration::from_secs(5), "{isolation:?}");
        }
    }
}

#[test]
fn without_isolation_news_are_reported_and_kept() {
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&Settings {
        isolation: Isolation::None,
        ..settings(dir.path())
    })
    .unwrap();
    assert!(!sandbox.is_isolated() && !sandbox.abilities().has(Feature::PidNamespace));
    let name = format!("crosswire-plain-{}", std::process::id());
    assert_eq!(
        run(&mut sandbox, &format!("echo x > /dev/shm/{name}; pwd")).trim(),
        dir.path().canonicalize().unwrap().to_str().unwrap()
    );
    let found = reset(&mut sandbox);
    assert!(found.shm.contains(&name) && found.kept);
    assert!(Path::new("/dev/shm").join(&name).exists());
    fs::remove_file(Path::new("/dev/shm").join(&name)).unwrap();
    assert!(!reset(&mut sandbox).shm.contains(&name));
}

#[test]
fn a_traced_sandbox_spawns_resets_and_ends() {
    use nix::sys::ptrace::{self, Options};
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&settings(dir.path())).unwrap();
    let init = Pid::from_raw(sandbox.init_pid());
    ptrace::seize(
        init,
        Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_EXITKILL,
    )
    .unwrap();
    for _ in 0..3 {
        let ticket = sandbox.request_spawn(&shell("exit 3"), &[]).unwrap();
        let fork = waitpid(init, Some(WaitPidFlag::__WALL)).unwrap();
        assert!(matches!(
            fork,
            WaitStatus::PtraceEvent(_, Signal::SIGTRAP, libc::PTRACE_EVENT_FORK)
        ));
        let child = Pid::from_raw(ptrace::getevent(init).unwrap() as i32);
        assert!(!sandbox.is_isolated() || sandbox.spawned_pid(ticket) == Some(2));
        ptrace::cont(init, None).unwrap();
        let mut status = waitpid(child, Some(WaitPidFlag::__WALL)).unwrap();
        while !matches!(status, WaitStatus::Exited(..)) {
            let _ = ptrace::cont(child, None);
            status = waitpid(child, Some(WaitPidFlag::__WALL)).unwrap();
        }
        assert_eq!(status, WaitStatus::Exited(child, 3));
        assert_eq!(sandbox.spawn_error(ticket), None);
        reset(&mut sandbox);
    }
    // Dropped with a stopped process that nobody has waited for.
    sandbox.request_spawn(&shell("sleep 100"), &[]).unwrap();
    waitpid(init, Some(WaitPidFlag::__WALL)).unwrap();
}

fn time(label: &str, rounds: u32, mut what: impl FnMut()) {
    let begin = Instant::now();
    for _ in 0..rounds {
        what();
    }
    eprintln!(
        "{label}: {:.1} µs",
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    );
}

#[test]
fn resets_are_quick() {
    let dir = elsewhere();
    fs::write(dir.path().join("old"), "old").unwrap();
    let mut cpus = nix::sched::CpuSet::new();
    cpus.set(0).unwrap();
    let _ = nix::sched::sched_setaffinity(Pid::from_raw(0), &cpus);
    let begin = Instant::now();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    eprintln!("start: {:?}", begin.elapsed());
    eprintln!("{}", sandbox.abilities());
    let everything = Reset {
        next_pid: 2,
        sysv: true,
        mqueue: true,
        ..Reset::default()
    };
    time("clean reset", 1000, || {
        sandbox
            .reset(&Reset {
                next_pid: 2,
                ..Reset::default()
            })
            .unwrap();
    });
    time("clean reset with ipc", 1000, || {
        sandbox.reset(&everything).unwrap();
    });
    time("renewing reset", 100, || {
        sandbox
            .reset(&Reset {
                renew: true,
                ..everything
            })
            .unwrap();
    });
    for (label, script) in [
        ("one file in /dev/shm", "echo > /dev/shm/x"),
        ("one file in /tmp", "echo > /tmp/x"),
        (
            "ten files in the working directory",
            "for i in 0 1 2 3 4 5 6 7 8 9; do echo > $i; done",
        ),
        ("one file changed", "echo >> old"),
    ] {
        let mut spent = Duration::ZERO;
        for _ in 0..50 {
            run(&mut sandbox, script);
            let begin = Instant::now();
            sandbox.reset(&everything).unwrap();
            spent += begin.elapsed();
        }
        eprintln!(
            "reset after {label}: {:.1} µs",
            spent.as_secs_f64() * 1e6 / 50.0
        );
    }
    time("spawn of /bin/true to its end", 200, || {
        run(&mut sandbox, "exit");
    });
}
