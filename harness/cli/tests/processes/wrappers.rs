//! Programs that only prepare another one and execute it: runs begin with that one, and it finds
//! everything as if they did not.

use crosswire::engine::Target;
use crosswire::model::{Plan, Run, StartUp};
use crosswire_testing::command::{PASS, VIOLATION, replay_differs, run, somewhere};
use crosswire_testing::engine::{engine, next_cpu, schedule, target};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a script says that is executed last.
const TELLS: &str = r#"echo "$$ $PPID ${SAID-nothing} $* in $(pwd) with mask $(umask)"; exit 3"#;

/// Scripts that prepare `./tells`, so that nobody could notice.
const WRAPPERS: [&str; 11] = [
    "exec ./tells a b",
    "SAID=$(echo x | tr x y) exec ./tells",
    "SAID=$(for i in 1 2 3; do (echo $i); done | wc -l) exec ./tells",
    "[ -e ./missing ] && exit 1; read SAID < ./data; export SAID; exec ./tells",
    "cd sub; umask 027; exec ../tells",
    "SAID=$$; export SAID; exec ./tells",
    "SAID=$(sh -c 'echo $PPID'); export SAID; exec ./tells",
    "sleep 0 & wait; exec ./tells > /dev/null 2>&1",
    "[ \"$(date +%Y)\" -gt 2000 ] && exec ./tells",
    "exec chrt -b 0 sh -c 'chrt -p $$ | head -n 1 | cut -d: -f2'",
    "trap '' USR1; exec env -i SAID=clean sh -c 'exec ./tells ignored'",
];

/// Scripts that do more, by which it could tell, or others.
const MORE: [&str; 13] = [
    "echo new > ./data; exec ./tells",
    "echo first; exec ./tells",
    "mkdir made; exec ./tells",
    "sleep 100 & exec ./tells",
    "(exit 1) & exec ./tells",
    "echo & SAID=$! exec ./tells",
    "exec 5<&0; perl -e 'alarm 30; exec \"./tells\"'",
    "ln data linked; exec ./tells",
    "kill -URG $PPID $$; exec ./tells",
    // What is open is one for all copies of a program.
    "exec < ./data; read SAID; export SAID; exec ./tells",
    "exec 3< ./data; exec sh -c 'read A <&3; echo $A'",
    "exec 3< /etc/passwd; read A <&3; exec sh -c 'read A <&3; echo $A'",
    "exec sh <<X\nread A <&0\necho two\nexit 7\nX",
];

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("permissions");
}

fn fill(directory: &Path, text: &str) {
    script(&directory.join("tells"), TELLS);
    script(&directory.join("wrapper"), text);
    std::fs::create_dir(directory.join("sub")).expect("a directory");
    std::fs::write(directory.join("data"), "old\n").expect("a file");
}

/// Performs two runs of a script, with and without what it does before it executes another one.
fn both(text: &str) -> [Run; 2] {
    let directory = somewhere();
    fill(directory.path(), text);
    let wrapper = directory.path().join("wrapper");
    let wrapper = wrapper.to_str().expect("a path that is text");
    let target: Target = target("wrapper", &[wrapper], directory.path());
    let mut engine = engine(&target, next_cpu());
    [false, true].map(|skips_wrappers| {
        let plan = Plan {
            start_up: StartUp {
                skips_wrappers,
                ..StartUp::longest()
            },
            ..schedule(0)
        };
        engine.run(&plan).expect("a run")
    })
}

fn told(run: &Run) -> String {
    let output = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    format!("{output}{errors}{:?}", run.trace.end)
}

#[test]
fn a_program_is_as_if_its_wrapper_had_been_there() {
    for text in WRAPPERS {
        let [whole, begun] = both(text);
        assert_eq!(told(&begun), told(&whole), "{text}");
        assert!(whole.wrappers.is_empty(), "{text}");
        assert_eq!(begun.wrappers.len(), 1, "{text}");
        assert!(begun.trace.steps < whole.trace.steps, "{text}");
    }
}

#[test]
fn what_could_be_noticed_is_done_in_every_run() {
    for text in MORE {
        let [whole, begun] = both(text);
        assert_eq!(told(&begun), told(&whole), "{text}");
        // The kernel itself executes the shell.
        assert!(begun.wrappers.is_empty(), "{text}: {:?}", begun.wrappers);
    }
}

/// A wrapper that looks at what another program changes.
#[test]
fn what_a_wrapper_finds_depends_on_who_comes_first() {
    let directory = somewhere();
    fill(
        directory.path(),
        "SAID=$(cat ./data | tr a-z A-Z); export SAID; exec ./judges",
    );
    script(&directory.path().join("judges"), r#"[ "$SAID" = OLD ]"#);
    let first = "a=./wrapper";
    let changes = "b=sh -c 'echo new > data'";
    let common = ["--runs", "40", "--leaks", "ignore", "--process", first];
    let outcome = run(
        directory.path(),
        &[&common[..], &["--process", changes]].concat(),
    );
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
    for (file, kind) in outcome.files(directory.path()).iter().zip(outcome.kinds()) {
        assert_eq!(replay_differs(directory.path(), file, kind), None);
    }
    let apart = "b=sh -c 'echo new > other'";
    let outcome = run(
        directory.path(),
        &[&common[..], &["--process", apart]].concat(),
    );
    assert_eq!(outcome.status, PASS, "{}", outcome.told());
    // A file made in its directory is nothing that a shell asks for.
    let wrappers = outcome.report["wrappers"].as_array();
    assert_eq!(wrappers.map(Vec::len), Some(1), "{}", outcome.told());
}

/// The order in which two children of the wrapper write to its pipe.
#[test]
fn with_every_step_wrappers_are_tried_themselves() {
    let directory = somewhere();
    fill(
        directory.path(),
        "SAID=$( (echo a & echo b; wait) | tr -d '\\n'); export SAID; exec ./judges",
    );
    script(&directory.path().join("judges"), r#"[ "$SAID" = ba ]"#);
    let options = ["--every-step", "--runs", "40", "--", "./wrapper"];
    let outcome = run(directory.path(), &options);
    assert_eq!(outcome.status, VIOLATION, "{}", outcome.told());
}
