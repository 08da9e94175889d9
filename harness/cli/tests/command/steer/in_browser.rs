//! The page, in a real browser; and those who are not its reader.

use super::fixture;
use crosswire_testing::browser::Browser;
use crosswire_testing::command::{UNUSABLE, crosswire, somewhere};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

/// `crosswire steer --web`, as long as it is wanted.
struct Session {
    process: Child,
    address: String,
}

impl Session {
    fn start(directory: &Path, arguments: &[&str]) -> Session {
        let mut command = crosswire(directory);
        command.args(["steer", "--web"]).args(arguments);
        let process = command.stdout(Stdio::piped()).spawn();
        let mut process = process.expect("the command can be started");
        let mut first = String::new();
        let output = process.stdout.take().expect("it is a pipe");
        BufReader::new(output)
            .read_line(&mut first)
            .expect("it says where it is");
        let address = first.trim().strip_prefix("steer at ").expect("an address");
        Session {
            process,
            address: address.to_owned(),
        }
    }

    /// The host with its port, and the path of the page.
    fn place(&self) -> (&str, &str) {
        let rest = self.address.strip_prefix("http://").expect("HTTP");
        let slash = rest.find('/').expect("a path");
        rest.split_at(slash)
    }

    /// Sends a request as somebody who is no browser; returns the status and the body.
    fn knock(&self, request: &str) -> (u16, String) {
        let mut stream = self.send(request);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or(0), body.to_owned())
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.place().0).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream
    }

    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        self.knock(&format!(
            "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
        ))
    }

    fn post(&self, path: &str, headers: &str, command: &str) -> (u16, String) {
        self.knock(&posted(path, headers, command))
    }

    /// The headers of the page's own requests.
    fn own(&self) -> String {
        let host = self.place().0;
        format!("Host: {host}\r\nOrigin: http://{host}\r\n")
    }

    fn view(&self) -> Value {
        let (status, body) = self.get(&format!("{}view", self.place().1), &self.own());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("a view")
    }
}

fn posted(path: &str, headers: &str, command: &str) -> String {
    let length = command.len();
    format!(
        "POST {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{command}"
    )
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const SETTLED: &str = "view !== null && !busy";

#[test]
fn a_hang_is_steered_into_by_mouse_and_keyboard() {
    let Some(mut browser) = Browser::start("the page of steer") else {
        return;
    };
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let session = Session::start(directory.path(), &["--", "./abba_flock"]);
    browser.load_url(&session.address);
    browser.wait_for(SETTLED);
    assert_eq!(browser.text("#where"), "before step 0");
    browser.click(".task[data-task='0'] .run");
    browser.wait_for("view.step === 5 && !busy");
    // By mouse: the first child takes its lock.
    for step in 6..9 {
        browser.click(".task[data-task='1'] .step");
        browser.wait_for(&format!("view.step === {step} && !busy"));
    }
    assert!(browser.text("#objects").contains("LOCK_EX by abba_flock.1"));
    // By keys: the second one its own.
    browser.press("ArrowDown");
    for step in 9..14 {
        browser.press("ArrowRight");
        browser.wait_for(&format!("view.step === {step} && !busy"));
    }
    assert!(browser.text("#objects").contains("LOCK_EX by abba_flock.2"));
    browser.press("ArrowLeft");
    browser.wait_for("view.step === 13 - 1 && view.forward === 1 && !busy");
    browser.press("n");
    browser.wait_for("view.step === 13 && !busy");
    browser.click("#end");
    browser.wait_for("view.verdict === 'violation' && !busy");
    assert_eq!(browser.text("#verdict"), "violation");
    assert!(
        browser
            .text("#where")
            .contains("waits for flock /tmp/abba_flock.b")
    );
    // The run is over: there is nothing to choose, and a key that asks for it is refused.
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.task .step:enabled').length"),
        0
    );
    browser.press("x");
    browser.wait_for("view.refused && !busy");
    assert_eq!(
        browser.text("#said"),
        "the run is over; `back` takes the last step back"
    );
    browser.click("#save");
    browser.wait_for("view.said.startsWith('saved') && !busy");
    assert!(directory.path().join("crosswire-failures").is_dir());
    // Any step of the past is a click away.
    browser.evaluate("document.querySelector('#past li button').scrollIntoView({block: 'center'})");
    browser.click("#past li button");
    browser.wait_for("view.step === 0 && !busy");
    // A fault from the list.
    browser.evaluate("(() => { const list = document.querySelector('.faults'); list.value = 'kill'; list.dispatchEvent(new Event('change')); })()");
    browser.wait_for("view.faults.length === 1 && !busy");
    assert!(browser.text("#past").contains("FAULT kill at unlink#1"));
    browser.press(":");
    for letter in "back".chars() {
        browser.press(&letter.to_string());
    }
    browser.evaluate("document.getElementById('line').requestSubmit()");
    browser.wait_for("view.step === 0 && !busy");
}

#[test]
fn the_page_fits_a_phone_and_the_dark() {
    let Some(mut browser) = Browser::start("the page of steer on a phone") else {
        return;
    };
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let session = Session::start(directory.path(), &["--", "./abba_flock"]);
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    browser.ask("Emulation.setDeviceMetricsOverride", phone);
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.ask("Emulation.setEmulatedMedia", dark);
    browser.load_url(&session.address);
    browser.wait_for(SETTLED);
    browser.press("e");
    browser.wait_for("view.verdict === 'pass' && !busy");
    let width = browser.evaluate("document.documentElement.scrollWidth");
    assert!(width.as_u64() <= Some(360), "{width}");
    let background = "getComputedStyle(document.body).backgroundColor";
    let dark = browser.evaluate(background);
    assert_eq!(dark, "rgb(22, 24, 28)");
    browser.press("d");
    assert_eq!(browser.evaluate(background), "rgb(255, 255, 255)");
    let unnamed = "[...document.querySelectorAll('button, input, select')].filter((one) => \
                   !one.textContent.trim() && !one.getAttribute('aria-label') && \
                   !document.querySelector(`label[for=\"${one.id}\"]`)).length";
    assert_eq!(browser.evaluate(unnamed), 0);
}

#[test]
fn a_newcomer_gives_b_a_text() {
    let Some(mut browser) = Browser::start("the demos of steer") else {
        return;
    };
    let directory = somewhere();
    let session = Session::start(directory.path(), &["--demo", "compare"]);
    browser.load_url(&session.address);
    browser.wait_for(SETTLED);
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.task').length"),
        4
    );
    browser.evaluate("document.getElementById('data').value = '<b>16 letters</b'");
    browser.click("#give button");
    browser.wait_for("view.data === '<b>16 letters</b' && !busy");
    browser.click("#end");
    browser.wait_for("view.verdict === 'pass' && !busy");
    assert!(
        browser
            .text("#output")
            .contains("B reads \"<b>16 letters</b\"")
    );
    let copied =
        "[...document.querySelectorAll('#sides .copied')].map((one) => one.textContent).join()";
    assert_eq!(browser.evaluate(copied), "0,32");
    // Each byte of the shared memory, and who wrote it.
    assert!(browser.text("#objects .cells").starts_with("<b>16"));
    assert_eq!(
        browser.evaluate("document.querySelector('#objects .cells span').title"),
        "written by memory-A"
    );
}

#[test]
fn hostile_text_is_only_text() {
    let Some(mut browser) = Browser::start("hostile text on the page of steer") else {
        return;
    };
    let directory = somewhere();
    let hostile = "<img src=x onerror=window.hit=1>";
    let script = format!(
        "printf '%s\\033[2J' '</pre><script>window.hit=1</script>{hostile}'; : > '{hostile}'"
    );
    let session = Session::start(directory.path(), &["--", "/bin/sh", "-c", &script]);
    browser.load_url(&session.address);
    browser.wait_for(SETTLED);
    browser.press("e");
    browser.wait_for("view.verdict !== null && !busy");
    assert!(
        browser
            .text("#output")
            .contains("</pre><script>window.hit=1</script>")
    );
    assert!(browser.text("#past").contains("onerror=window.hit=1"));
    assert!(!browser.text("body").contains('\u{1b}'));
    assert_eq!(
        browser.evaluate("document.querySelectorAll('img, pre script').length"),
        0
    );
    assert_eq!(browser.evaluate("typeof window.hit"), "undefined");
    // Even if something got in, the page's policy forbids it to run.
    browser.evaluate("(() => { const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s); })()");
    assert_eq!(browser.evaluate("typeof window.hit"), "undefined");
}

#[test]
fn another_page_in_the_same_browser_moves_nothing() {
    let Some(mut browser) = Browser::start("another origin") else {
        return;
    };
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let session = Session::start(directory.path(), &["--", "./abba_flock"]);
    let other = directory.path().join("other.html");
    std::fs::write(&other, "<!doctype html><title>other</title>").unwrap();
    browser.load(&other);
    // Even with the address, which it cannot know.
    let post = format!(
        "fetch({:?}, {{method: 'POST', mode: 'no-cors', body: 'end'}}).then(() => 1, () => 2)",
        format!("{}do", session.address)
    );
    browser.evaluate(&post);
    let read = format!(
        "fetch({:?}).then(() => 1, () => 2)",
        format!("{}view", session.address)
    );
    assert_eq!(browser.evaluate(&read), 2);
    let frame = format!(
        "new Promise((done) => {{ const f = document.createElement('iframe'); f.src = {:?}; \
         f.onload = () => done(f.contentDocument === null); document.body.append(f); }})",
        session.address
    );
    assert_eq!(browser.evaluate(&frame), true);
    assert_eq!(session.view()["step"], 0);
}

#[test]
fn strangers_are_turned_away() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let session = Session::start(directory.path(), &["--", "./abba_flock"]);
    let (host, path) = session.place();
    let own = session.own();
    let wrong = format!("/{}/", "0".repeat(32));
    assert_eq!(session.get(&wrong, &own).0, 404);
    assert_eq!(session.get("/", &own).0, 404);
    assert_eq!(session.post(&format!("{wrong}do"), &own, "end").0, 404);
    let command = format!("{path}do");
    let origin = format!("Host: {host}\r\nOrigin: http://attacker.example\r\n");
    let named = "Host: attacker.example\r\nOrigin: http://attacker.example\r\n";
    for headers in [origin.as_str(), named, &format!("Host: {host}\r\n"), ""] {
        assert_eq!(session.post(&command, headers, "end").0, 403, "{headers}");
    }
    assert_eq!(session.get(path, named).0, 403);
    assert_eq!(session.get(&command, &own).0, 405);
    let (status, said) = session.post(&command, &own, &"x".repeat(5000));
    assert_eq!((status, said.as_str()), (413, "no command is that long"));
    assert_eq!(session.view()["step"], 0);
    // A page names no files.
    let (status, view) = session.post(&command, &own, "save /tmp/stolen.json");
    assert_eq!(status, 200);
    assert!(view.contains("saved: crosswire-failures/"), "{view}");
    // Only this machine is served.
    let any = directory.path().join("any");
    std::fs::create_dir(&any).unwrap();
    let taken = crosswire(&any)
        .args([
            "steer",
            "--web",
            host.rsplit(':').next().unwrap(),
            "--",
            "true",
        ])
        .output()
        .unwrap();
    assert_eq!(taken.status.code(), UNUSABLE);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("--web 0 takes a free port"));
}

#[test]
fn a_session_outlives_its_tab_and_ends_when_told() {
    let directory = somewhere();
    fixture("abba_flock", directory.path());
    let mut session = Session::start(directory.path(), &["--", "./abba_flock"]);
    let own = session.own();
    let command = format!("{}do", session.place().1);
    // The tab is closed before the answer comes.
    drop(session.send(&posted(&command, &own, "run abba_flock")));
    while session.view()["step"] != 5 {
        std::thread::yield_now();
    }
    // And in the middle of a request.
    drop(session.send(&posted(&command, &own, "end")[..60]));
    assert_eq!(session.view()["step"], 5);
    assert_eq!(session.post(&command, &own, "quit").0, 200);
    let status = session.process.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}
