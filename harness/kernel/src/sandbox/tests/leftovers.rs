//! Leftovers of runs are reported and cleared.

use crate::sandbox::leftovers::{LeftFile, SysvLeft};
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;

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
fn what_the_harness_writes_there_is_hidden() {
    for (base, below) in [(elsewhere(), ""), (tempfile::tempdir().unwrap(), "a/b")] {
        let dir = base.path().join(below);
        fs::create_dir_all(dir.join("hidden/inner")).unwrap();
        fs::write(dir.join("seen"), "seen").unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).unwrap();
        let Some(mut sandbox) = full(&dir) else {
            return;
        };
        let script = "ls; stat -c %a .; test -e hidden && echo there";
        assert_eq!(run(&mut sandbox, script), "seen\n711\n");
        // A program may have a use for the name itself.
        for script in [
            "mkdir hidden && ls -A hidden",
            "echo x > hidden",
            "rm -rf hidden seen",
        ] {
            assert_eq!(run(&mut sandbox, script), "");
            reset(&mut sandbox);
            let script = "cat seen; test -e hidden && echo there";
            assert_eq!(run(&mut sandbox, script), "seen");
        }
        assert!(dir.join("hidden/inner").exists());
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

/// Runs a script that says "ready" in a new ipc namespace, and resets from there.
fn reset_of_own_namespace(sandbox: &mut Sandbox, script: &str) -> Leftovers {
    let (mut reader, writer) = std::io::pipe().unwrap();
    sandbox
        .request_spawn(&shell(script), &[(writer.as_fd(), 1)])
        .unwrap();
    drop(writer);
    let mut output = String::new();
    let mut byte = [0];
    while !output.ends_with("ready\n") {
        assert_eq!(reader.read(&mut byte).unwrap(), 1, "{output}");
        output.push(byte[0] as char);
    }
    let program = plain::descendants(sandbox.init_pid()).pop().unwrap();
    let namespace = fs::File::open(format!("/proc/{program}/ns/ipc")).unwrap();
    let request = Reset {
        next_pid: 2,
        ipc_namespace: Some(namespace.as_fd()),
        sysv: true,
        mqueue: true,
        renew: false,
    };
    let begin = Instant::now();
    let found = sandbox.reset(&request).unwrap();
    eprintln!(
        "reset of a run with its own ipc namespace: {:?}",
        begin.elapsed()
    );
    found
}

#[test]
fn an_ipc_namespace_of_the_run_is_listed() {
    let dir = elsewhere();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    if !sandbox.capabilities().has(Feature::IpcPerRun) {
        return;
    }
    let script = "unshare --ipc sh -c 'ipcmk -Q; echo ready; exec sleep 100'";
    let found = reset_of_own_namespace(&mut sandbox, script);
    assert_eq!(found.sysv.len(), 1, "{found:?}");
    assert!(
        reset(&mut sandbox).is_empty(),
        "process 1 is back in its own namespace"
    );
}

#[test]
fn without_isolation_news_are_reported_and_kept() {
    let dir = elsewhere();
    let mut sandbox = Sandbox::start(&Settings {
        isolation: Isolation::None,
        ..settings(dir.path())
    })
    .unwrap();
    assert!(!sandbox.is_isolated() && !sandbox.capabilities().has(Feature::PidNamespace));
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

/// Not a test of its own: the program of the test below, which needs one that
/// makes a message queue.
#[test]
fn program_that_makes_a_message_queue() {
    if std::env::var_os("CROSSWIRE_TEST_MQUEUE").is_none() {
        return;
    }
    // SAFETY: the name is a string; the descriptor is left to the process's end.
    let queue = unsafe {
        let none = std::ptr::null_mut::<libc::mq_attr>();
        libc::mq_open(
            c"/crosswire-left".as_ptr(),
            libc::O_CREAT | libc::O_RDWR,
            0o600,
            none,
        )
    };
    assert!(queue >= 0);
}

#[test]
fn message_queues_are_reported_and_removed() {
    let dir = elsewhere();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    let executable = std::env::current_exe().unwrap();
    let script = format!(
        "CROSSWIRE_TEST_MQUEUE=1 {} program_that_makes_a_message_queue",
        executable.display()
    );
    for round in 0..2 {
        run(&mut sandbox, &script);
        let found = reset(&mut sandbox);
        assert_eq!(found.mqueues, ["crosswire-left"], "round {round}");
        assert!(reset(&mut sandbox).is_empty());
    }
    if sandbox.capabilities().has(Feature::IpcPerRun) {
        let script = format!("unshare --ipc sh -c '{script}; echo ready; exec sleep 100'");
        let found = reset_of_own_namespace(&mut sandbox, &script);
        assert_eq!(found.mqueues, ["crosswire-left"]);
        assert!(reset(&mut sandbox).is_empty());
    }
}

#[test]
fn more_than_can_be_listed_is_cleared_and_said() {
    let dir = elsewhere();
    let Some(mut sandbox) = full(dir.path()) else {
        return;
    };
    let long = "x".repeat(240);
    run(
        &mut sandbox,
        &format!("cd /dev/shm; for i in $(seq 1 6000); do echo {long}$i; done | xargs touch"),
    );
    let found = reset(&mut sandbox);
    assert!(found.truncated && found.shm.len() > 4000 && found.shm.len() < 6000);
    assert_eq!(run(&mut sandbox, "ls /dev/shm"), "");
    run(
        &mut sandbox,
        "i=0; while [ $i -lt 100 ]; do mkdir d; cd d; i=$((i+1)); done; touch bottom",
    );
    let found = reset(&mut sandbox);
    assert!(found.truncated && found.fresh_working_dir);
    assert_eq!(run(&mut sandbox, "ls"), "");
    assert!(reset(&mut sandbox).is_empty());
}
