//! `--demo`: what a newcomer sees.

use super::{steer, task};
use crosswire_testing::command::{PASS, VIOLATION, somewhere};
use serde_json::{Value, json};

#[test]
fn a_newcomer_sees_torn_data_without_a_lock_and_none_with_one() {
    let directory = somewhere();
    let tear = [
        "run A", "run A", "run A", "step A", "run B", "run B", "run B", "step B", "step B",
        "step B", "step B", "end",
    ];
    let demo = [
        "--demo",
        "shared-memory",
        "--data",
        "first words and later ones",
    ];
    let output = steer(directory.path(), &demo, &tear);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), VIOLATION, "{text}");
    assert!(
        text.contains("    | B reads \"first wo------------------\": torn"),
        "{text}"
    );
    // With a lock nothing is found, however the steps are mixed; without one it is.
    for (lock, told) in [(&[][..], "found in"), (&["--lock"][..], "nothing found in")] {
        let output = steer(directory.path(), &[&demo[..], lock].concat(), &["search 3"]);
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with(told), "{lock:?}: {text}");
    }
}

#[test]
fn a_newcomer_sees_the_kernel_keep_a_message_and_what_each_way_costs() {
    let directory = somewhere();
    let arguments = ["--format", "json", "--demo", "message-passing"];
    let output = steer(
        directory.path(),
        &arguments,
        &["step B", "step B", "data hi, B", "step A", "step A", "end"],
    );
    let text = String::from_utf8(output.stdout).expect("JSON");
    assert_eq!(output.status.code(), PASS, "{text}");
    let views: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        task(&views[2], "B")["doing"]
            .as_str()
            .unwrap()
            .starts_with("waits in msgrcv")
    );
    // Another text, the same decisions.
    assert_eq!(
        (&views[3]["data"], &views[3]["step"]),
        (&json!("hi, B"), &views[2]["step"])
    );
    assert!(
        views.last().unwrap()["stdout"]
            .as_str()
            .unwrap()
            .contains("B reads \"hi, B\"")
    );

    let arguments = [
        "--format",
        "json",
        "--demo",
        "compare",
        "--data",
        "sixteen letters!",
    ];
    let output = steer(
        directory.path(),
        &arguments,
        &["step queue-B", "step queue-B", "end"],
    );
    let text = String::from_utf8(output.stdout).expect("JSON");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let (memory, queue) = (&last["sides"][0], &last["sides"][1]);
    assert_eq!(
        (&memory["name"], &queue["name"]),
        (&json!("memory"), &json!("queue"))
    );
    assert_eq!(
        (&memory["copied"], &queue["copied"]),
        (&json!(0), &json!(32))
    );
    assert_eq!(
        (&memory["accesses"], &queue["accesses"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(
        (&memory["wake_ups"], &queue["wake_ups"]),
        (&json!(0), &json!(1))
    );
}
