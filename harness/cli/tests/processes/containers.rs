//! In a container with Docker's usual settings: no namespaces, few capabilities, addresses that
//! differ from run to run. Verdicts stay right, failures replay, and what is lost is said once.

use crate::unprivileged::Ground;
use crosswire_testing::command::{self, Outcome, PASS, VIOLATION};
use crosswire_testing::left_out;
use serial_test::serial;
use std::process::Command;

/// Calls that Docker's usual profile refuses.
const REFUSED: &[&str] = &[
    "user namespace",
    "pid namespace",
    "ipc namespace",
    "mount namespace",
    "net namespace",
    "fixed addresses",
];

/// The fixtures write to the real /tmp, which lies beneath the overlays of those who explore
/// the same ones meanwhile.
#[test]
#[serial(tmp)]
fn verdicts_are_right_in_a_container_and_the_loss_is_said_once() {
    for ground in [Ground::contained(true), Ground::contained(false)] {
        let wrong = ground.misjudged();
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));

        let program = ground.fixture("abba_flock");
        let bug = ground.run(&["--runs", "200"], &program, &[]);
        assert_eq!(bug.status, VIOLATION, "{}", bug.told());
        let said: Vec<&str> = bug.stderr.lines().collect();
        let losses: Vec<&&str> = said.iter().filter(|line| line.contains("lacks")).collect();
        assert_eq!(losses.len(), 1, "{said:?}");
        for name in REFUSED {
            assert!(losses[0].contains(name), "{name}: {said:?}");
            let listed = bug.report["capabilities_lost"].as_array().expect("a list");
            let is_listed = listed.iter().any(|one| one["name"] == *name);
            assert!(is_listed, "{name}: {}", bug.told());
        }
        let file = &bug.files(&ground.work())[0];
        let mut replay = ground.crosswire();
        let again = Outcome::of(replay.args(["replay", "--format", "json"]).arg(file));
        assert_eq!(again.status, VIOLATION, "{}", again.told());
        assert_eq!(again.report["same"], true, "{}", again.told());

        let crashed = ground.fixture("lost_update_fixed");
        let mut crash = ground.crosswire();
        crash.args(["crash", "--quiet", "--format", "json", "--schedules", "2"]);
        crash.args(["--victim", "lost_update_fixed.1", "--may-give-up"]);
        crash.args(["--leaks", "ignore", "--expect-exit", "any", "--"]);
        let crashed = Outcome::of(crash.arg(crashed));
        assert_eq!(crashed.status, PASS, "{}", crashed.told());
        ground.forget();
    }
}

/// Where Docker's profile of calls is switched off and its masks of `/proc` are not, namespaces
/// can be had and pids in them cannot be chosen. Root outside of containers does without a user
/// namespace instead.
#[test]
#[serial(tmp)]
fn where_pids_cannot_be_chosen_failures_replay() {
    let ground = Ground::new();
    if !ground.is_of_root() {
        left_out("a read-only /proc/sys", "mounting it so needs root");
        return;
    }
    let masked = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec"]).arg(
            "mount --bind /proc/sys /proc/sys
             mount -o remount,bind,ro /proc/sys
             exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"",
        );
        command.arg("sh").arg(ground.root().join("crosswire"));
        command::prepare(&mut command, &ground.work());
        command
    };
    let mut run = masked();
    run.args(["run", "--format", "json", "--runs", "200", "--"]);
    let bug = Outcome::of(run.arg(ground.fixture("abba_flock")));
    assert_eq!(bug.status, VIOLATION, "{}", bug.told());
    let losses: Vec<&str> = bug
        .stderr
        .lines()
        .filter(|line| line.contains("lacks"))
        .collect();
    assert_eq!(losses.len(), 1, "{}", bug.stderr);
    assert!(losses[0].contains("fixed pids"), "{}", bug.stderr);
    for file in bug.files(&ground.work()) {
        let again = Outcome::of(masked().args(["replay", "--format", "json"]).arg(file));
        assert_eq!(again.status, VIOLATION, "{}", again.told());
        assert_eq!(again.report["same"], true, "{}", again.told());
    }
    ground.forget();
}
