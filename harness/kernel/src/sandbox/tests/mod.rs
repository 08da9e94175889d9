//! Real programs in real sandboxes. What needs a feature that the machine
//! refuses says so and passes: `crosswire doctor` reports it.

mod cost;
mod leftovers;
mod lifetime;
mod programs;

use std::ffi::CString;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use super::*;

fn settings(working_dir: &Path) -> Settings {
    Settings {
        working_dir: working_dir.to_owned(),
        hidden: "hidden",
        isolation: Isolation::Auto,
        executables: Vec::new(),
        disk_mib: Settings::DISK_MIB,
    }
}

/// A sandbox with everything, or `None` if this machine does not permit that.
fn full(working_dir: &Path) -> Option<Sandbox> {
    let sandbox = Sandbox::start(&settings(working_dir)).unwrap();
    let missing: Vec<_> = sandbox.capabilities().losses().collect();
    let essential = [
        Feature::MountNamespace,
        Feature::Shm,
        Feature::WorkingDir,
        Feature::Tmp,
    ];
    if essential
        .iter()
        .all(|feature| sandbox.capabilities().has(*feature))
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

/// Runs a script to its end, and that of all its processes.
fn run(sandbox: &mut Sandbox, script: &str) -> String {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let fds = [(writer.as_fd(), 1), (writer.as_fd(), 2)];
    sandbox.request_spawn(&shell(script), &fds).unwrap();
    drop(writer);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    // A process closes its descriptors before it gives its pid back.
    while !plain::descendants(sandbox.init_pid()).is_empty() {
        std::thread::yield_now();
    }
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
