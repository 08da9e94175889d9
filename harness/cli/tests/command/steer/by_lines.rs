//! Commands from standard input, answers as lines or as JSON.

use super::{fixture, into_deadlock, steer, task, views};
use crosswire_testing::building::{compile, folder};
use crosswire_testing::command::{
    Outcome, PASS, UNUSABLE, VIOLATION, crosswire, replay, run, somewhere,
};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn a_deadlock_is_steered_saved_and_replayed() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let mut commands = into_deadlock();
    commands.push("save deadlock.json");
    let output = steer(directory.path(), &["--", "./abba_flock"], &commands);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), VIOLATION, "{text}");
    assert!(
        text.contains("saved: deadlock.json; ended in the usual order"),
        "{text}"
    );
    assert!(
        text.contains("deadlock: `abba_flock.1` waits for flock /tmp/abba_flock.b"),
        "{text}"
    );
    let again = replay(directory.path(), &directory.path().join("deadlock.json"));
    assert_eq!(again.status, VIOLATION, "{}", again.told());
    assert_eq!(again.kinds(), ["deadlock"]);
    assert_eq!(again.report["same"], true);
}

#[test]
fn a_view_tells_what_each_task_is_about_to_do() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let commands = into_deadlock();
    let views = views(directory.path(), "./abba_flock", &commands);
    let before = &views[views.len() - 2];
    let first = task(before, "abba_flock.1");
    assert_eq!(
        first["doing"],
        "openat(\"/tmp/abba_flock.b\", O_RDWR|O_CREAT)"
    );
    assert_eq!(
        (&first["can_go"], &first["contested"]),
        (&json!(true), &json!(true))
    );
    let parent = task(before, "abba_flock");
    assert_eq!(
        (&parent["state"], &parent["can_go"]),
        (&json!("waiting"), &json!(false))
    );
    assert!(
        parent["doing"]
            .as_str()
            .unwrap()
            .starts_with("waits in wait4(102) since step")
    );
    let objects = before["objects"].to_string();
    assert!(objects.contains("LOCK_EX by abba_flock.1"), "{objects}");
    let over = views.last().unwrap();
    assert_eq!(over["verdict"], "violation");
    assert_eq!(task(over, "abba_flock.2")["can_go"], false);
}

#[test]
fn a_step_back_is_as_if_it_had_not_been_taken() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let steps = into_deadlock();
    let mut commands = steps.clone();
    commands.extend([
        "back 4",
        "forward 4",
        "to 7",
        "step abba_flock.2",
        "back 99",
    ]);
    let views = views(directory.path(), "./abba_flock", &commands);
    let plain = |view: &Value| {
        let mut view = view.clone();
        for key in ["forward", "back", "ahead", "said"] {
            view[key] = Value::Null;
        }
        view
    };
    let after = |index: usize| plain(&views[index]);
    let end = steps.len();
    // `end` has taken as many decisions as there were steps left.
    let taken = views[end]["back"].as_u64().unwrap();
    assert_eq!(views[end + 1]["back"].as_u64().unwrap(), taken - 4);
    assert_eq!(after(end + 2), after(end));
    assert_eq!(views[end + 3]["step"], 7);
    // Another way than the one that was taken back.
    assert_eq!(views[end + 4]["forward"], 0);
    assert_ne!(after(end + 4), after(3));
    assert_eq!(after(end + 5), after(0));
}

#[test]
fn a_search_begins_with_what_was_decided() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    // One child holds its lock; a failure is behind that.
    let commands = [
        "run abba_flock",
        "step abba_flock.1",
        "step abba_flock.1",
        "step abba_flock.1",
        "search 20",
        "follow",
        "forward 99",
    ];
    let found = views(directory.path(), "./abba_flock", &commands);
    let said = found[5]["said"].as_str().unwrap();
    assert!(
        said.starts_with("found in ") && said.contains("deadlock"),
        "{said}"
    );
    let last = found.last().unwrap();
    assert_eq!(last["verdict"], "violation");
    let prefix = found[4]["events"].as_array().unwrap();
    assert_eq!(
        &last["events"].as_array().unwrap()[..prefix.len()],
        &prefix[..]
    );
    // It has released both: there is none any more.
    let mut commands = vec!["run abba_flock"];
    commands.extend(["step abba_flock.1"; 7]);
    commands.push("search 1");
    let nothing = views(directory.path(), "./abba_flock", &commands);
    let said = nothing.last().unwrap()["said"].as_str().unwrap();
    assert!(
        said.starts_with("nothing found in"),
        "{said}, {}",
        nothing[8]
    );
}

#[test]
fn a_fault_strikes_in_the_next_step() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let commands = [
        "run abba_flock",
        "step abba_flock.1",
        "step abba_flock.1",
        "kill abba_flock.1",
        "end",
        "save killed.json",
        "back 99",
        "run abba_flock",
        "run abba_flock.2",
        "fault errno(EIO) abba_flock.2",
    ];
    let views = views(directory.path(), "./abba_flock", &commands[..9]);
    let struck = &views[4];
    assert_eq!(struck["faults"], json!(["kill:abba_flock.1@flock#1"]));
    assert_eq!(task(struck, "abba_flock.1")["doing"], "killed by SIGKILL");
    assert!(
        struck["events"]
            .to_string()
            .contains("FAULT kill at flock#1")
    );
    let saved = std::fs::read_to_string(directory.path().join("killed.json")).unwrap();
    assert!(saved.contains("\"kill:abba_flock.1@flock#1\""));
    let again = replay(directory.path(), &directory.path().join("killed.json"));
    assert_eq!(again.report["same"], true, "{}", again.told());
    // A sleep cannot fail like that.
    let output = steer(directory.path(), &["--", "./abba_flock"], &commands[7..]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), UNUSABLE);
    assert!(
        said.contains("line 3: errno(EIO) cannot befall the next step of `abba_flock.2`"),
        "{said}"
    );
}

#[test]
fn a_signal_is_lost_on_its_way() {
    let directory = somewhere();
    fixture("pause_flag", directory.path());
    let mut commands = vec!["end", "to 10", "lose pause_flag"];
    let all = views(directory.path(), "./pause_flag", &commands);
    let next = task(&all[2], "pause_flag");
    assert_eq!(next["doing"], "gets SIGUSR1");
    let offered = next["faults"].as_array().expect("faults");
    assert!(offered.contains(&json!("lose-signal")) && !offered.contains(&json!("kill")));
    let lost = &all[3];
    assert!(
        lost["events"]
            .to_string()
            .contains("FAULT lose-signal at #1")
    );
    assert!(
        lost["objects"].to_string().contains("none pending"),
        "{lost}"
    );
    commands.push("end");
    let all = views(directory.path(), "./pause_flag", &commands);
    let end = all.last().unwrap()["end"].as_str().unwrap();
    assert!(
        end.contains("`pause_flag` waits in pause for a signal"),
        "{end}"
    );
}

#[test]
fn a_loop_that_waits_lets_others_go_first() {
    let directory = somewhere();
    let source = directory.path().join("spins.c");
    let program = "#include <sys/mman.h>\n#include <sys/wait.h>\n#include <unistd.h>\n\
        int main(void)\n{\n\
        volatile int *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);\n\
        if (fork() == 0) {\n\t*word = 1;\n\t_exit(0);\n}\n\
        while (*word == 0)\n\t;\n\
        wait(0);\n\
        return 0;\n}\n";
    std::fs::write(&source, program).unwrap();
    compile(&[source], directory.path(), "spins");
    let mut commands = vec!["run spins"];
    commands.extend(["step spins"; 4]);
    // How many rounds it takes until it counts as a loop is the engine's affair.
    let output = steer(directory.path(), &["--", "./spins"], &commands);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("it goes round in a loop until others change something"),
        "{said}"
    );
    let all = views(directory.path(), "./spins", &["run spins", "end"]);
    assert_eq!(all[2]["verdict"], "pass");
}

#[test]
fn threads_are_steered_through_their_own_memory() {
    let directory = somewhere();
    fixture("thread_counter", directory.path());
    let told = |threads: &[&str]| {
        let arguments = [threads, &["--", "./thread_counter"]].concat();
        let commands = ["search 20", "follow", "forward 9999"];
        let output = steer(directory.path(), &arguments, &commands);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (status, text) = told(&["--threads"]);
    assert_eq!(status, VIOLATION, "{text}");
    assert!(text.contains("thread_counter:t1: "), "{text}");
}

#[test]
fn what_makes_no_sense_ends_the_session_and_says_why() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    for (commands, reason) in [
        (
            vec!["step nobody"],
            "line 1: no task is called `nobody`; there are: abba_flock",
        ),
        (
            vec!["run abba_flock", "step abba_flock"],
            "line 2: `abba_flock` cannot take a step: it waits",
        ),
        (vec!["end", "step abba_flock"], "line 2: the run is over"),
        (vec!["back"], "line 1: nothing was decided yet"),
        (vec!["forward"], "line 1: no decision was taken back"),
        (vec!["follow"], "line 1: no search has found a failure yet"),
        (vec!["\u{1b}[2Jx"], "line 1: unknown command `\\x1b[2Jx`"),
        (
            vec!["save /no/such/directory/x"],
            "line 1: cannot write /no/such/directory/x",
        ),
        (vec!["fault melt abba_flock"], "unknown fault `melt`"),
    ] {
        let output = steer(directory.path(), &["--", "./abba_flock"], &commands);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), UNUSABLE, "{commands:?}: {said}");
        assert!(said.contains(reason), "{commands:?}: {said}");
    }
}

#[test]
fn nothing_that_a_program_says_steers_the_terminal() {
    let directory = somewhere();
    let name = "a\u{1b}[2J<b>\u{202e}";
    let script = "#!/bin/sh\nprintf '\\033[2J\\033]0;x\\007<script>'\n";
    let path = directory.path().join(name);
    std::fs::write(&path, script).unwrap();
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&path, permissions).unwrap();
    for format in ["text", "json"] {
        let arguments = ["--format", format, "--", &format!("./{name}")];
        let output = steer(
            directory.path(),
            &arguments,
            &["end", "test", "save x.json"],
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), PASS, "{said}");
        let hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(hidden), "{text:?}");
    }
}

#[test]
fn a_failure_that_was_found_is_gone_along_and_left() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let found = run(directory.path(), &["--", "./abba_flock"]);
    let file = found.files(directory.path()).remove(0);
    let file = file.to_str().expect("a UTF-8 path");
    let output = steer(directory.path(), &["--replay", file], &["forward 99"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), VIOLATION, "{text}");
    assert!(text.contains("recorded steps ahead"), "{text}");
    // The other child goes first at the last lock: it was the order that mattered.
    let commands = ["to 10", "step abba_flock.1", "step abba_flock.1", "end"];
    let output = steer(directory.path(), &["--replay", file], &commands);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), PASS, "{text}");
    let scenario = folder("fixtures/traces/queue_leak.json");
    let other = steer(
        directory.path(),
        &["--replay", scenario.to_str().unwrap()],
        &[],
    );
    assert_eq!(other.status.code(), UNUSABLE);
}

#[test]
fn a_steered_run_becomes_a_test() {
    let commands = ["run sh", "run sh.1", "fault pause(2) sh", "test"];
    let arguments = [
        "--format",
        "json",
        "--",
        "/bin/sh",
        "-c",
        "echo a & echo b; wait",
    ];
    let output = steer(Path::new("/tmp"), &arguments, &commands);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().expect("a view");
    let view: Value = serde_json::from_str(last).expect("JSON");
    let said = view["said"].as_str().expect("text");
    let known = include_str!("steered.in");
    assert_eq!(
        said, known,
        "the module `steered` is not what is written now:\n{said}"
    );
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let directory = somewhere();
    let output = crosswire(directory.path())
        .args(["steer", "--plain", "--web", "0", "--", "true"])
        .output();
    assert_eq!(output.unwrap().status.code(), UNUSABLE);
    let none = Outcome::of(crosswire(directory.path()).args(["steer", "--format", "json"]));
    assert_eq!(none.status, UNUSABLE);
    assert!(
        none.report["error"]
            .as_str()
            .unwrap()
            .contains("no program to run")
    );
}
