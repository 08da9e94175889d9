//! The terminal form, in a real terminal: keys are typed into tmux, which says what is shown.

use super::fixture;
use crosswire_testing::building::tool;
use crosswire_testing::command::{PATH, executable, somewhere};
use crosswire_testing::marker;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal in which `crosswire steer` runs.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(directory: &Path, size: (u16, u16), arguments: &str) -> Option<Terminal> {
        tool("tmux", "the terminal form's test")?;
        let terminal = Terminal {
            socket: marker("tmux"),
        };
        let command = format!(
            "{} steer {arguments}; echo status $?; cat",
            executable().display()
        );
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let made = Command::new("tmux")
            .args([
                "-L",
                &terminal.socket,
                "-f",
                "/dev/null",
                "new-session",
                "-d",
            ])
            .args(["-x", &width, "-y", &height, &command])
            .current_dir(directory)
            .env("PATH", PATH)
            .env("TERM", "xterm-256color")
            .status();
        assert!(made.expect("tmux can be run").success());
        Some(terminal)
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            .output()
            .expect("tmux can be run");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn shown(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    fn press(&self, keys: &[&str]) {
        for key in keys {
            self.ask(&["send-keys", key]);
        }
    }

    /// Waits until something is shown.
    fn wait_for(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(text) {
                return shown;
            }
            assert!(began.elapsed().as_secs() < 60, "no `{text}` in\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}

#[test]
fn a_hang_is_steered_into_by_keys() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let Some(terminal) = Terminal::start(directory.path(), (110, 34), "-- ./abba_flock") else {
        return;
    };
    terminal.wait_for("before step 0");
    terminal.press(&["r"]);
    terminal.wait_for("before step 5");
    // The first child: it starts, opens its file, locks it.
    terminal.press(&["Enter", "Right", "1"]);
    terminal.wait_for("LOCK_EX by abba_flock.1");
    terminal.press(&["Down", "2", "2", "2", "2", "2"]);
    terminal.wait_for("LOCK_EX by abba_flock.2");
    // Back, and again.
    terminal.press(&["Left"]);
    terminal.wait_for("before step 12");
    terminal.press(&["n"]);
    terminal.wait_for("before step 13");
    terminal.press(&["e"]);
    terminal.wait_for("violation, no task can ever go on");
    terminal.press(&["w"]);
    terminal.wait_for("saved: crosswire-failures/abba_flock-steered-");
    terminal.press(&["q"]);
    terminal.wait_for("status 1");
}

#[test]
fn faults_are_chosen_and_commands_typed() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let Some(terminal) = Terminal::start(directory.path(), (60, 24), "-- ./abba_flock") else {
        return;
    };
    terminal.wait_for("before step 0");
    terminal.press(&["?"]);
    terminal.wait_for("any key closes this");
    terminal.press(&["Space"]);
    terminal.wait_for("tasks");
    terminal.press(&[":", "r", "u", "n", "Space", "a", "b", "Enter"]);
    terminal.wait_for("before step 5");
    terminal.press(&["r"]);
    terminal.wait_for("before step 6");
    terminal.press(&["f"]);
    terminal.wait_for("inject which fault?");
    terminal.press(&["Enter"]);
    terminal.wait_for("killed by SIGKILL");
    terminal.press(&[":", "n", "o", "Enter"]);
    terminal.wait_for("unknown command `no`");
    terminal.press(&["C-c"]);
    terminal.wait_for("status 0");
}
