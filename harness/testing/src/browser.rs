//! A real browser, driven over the DevTools protocol through a pair of pipes
//! (`--remote-debugging-pipe`): messages are JSON, each ended by a NUL byte.

use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A browser with one page.
pub struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    session: String,
    next: u64,
    _directory: TempDir,
}

impl Browser {
    /// Starts Chromium, or says that `what` is left out because there is none.
    pub fn start(what: &str) -> Option<Browser> {
        let chromium = crate::building::tool("chromium", what)?;
        let directory = tempfile::tempdir().expect("temporary directories can be made");
        let pipes = [directory.path().join("to"), directory.path().join("from")];
        let made = Command::new("mkfifo").args(&pipes).status();
        assert!(made.expect("mkfifo can be run").success());
        // Chromium reads commands from descriptor 3 and answers on 4.
        let process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<>\"$TO\" 4<>\"$FROM\"", "sh"])
            .arg(chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args(["--remote-debugging-pipe", "--window-size=1400,860"])
            .arg(format!("--user-data-dir={}", directory.path().display()))
            .env("TO", &pipes[0])
            .env("FROM", &pipes[1])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser can be started");
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
        let mut browser = Browser {
            process,
            to: open(&pipes[0]).expect("a pipe"),
            from: BufReader::new(open(&pipes[1]).expect("a pipe")),
            session: String::new(),
            next: 0,
            _directory: directory,
        };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}));
        let target = target["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = browser.ask("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.ask(domain, json!({}));
        }
        Some(browser)
    }

    /// Sends a command and waits for its answer.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let text = format!("{message}\0");
        self.to
            .write_all(text.as_bytes())
            .expect("the browser listens");
        loop {
            let answer = self.receive();
            if answer["id"] == self.next {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = self.from.read_until(0, &mut bytes);
        assert!(
            read.expect("the browser answers") > 0,
            "the browser is gone"
        );
        bytes.pop();
        serde_json::from_slice(&bytes).expect("the browser speaks JSON")
    }

    /// Loads a file and waits until it has been loaded.
    pub fn load(&mut self, file: &Path) {
        self.load_url(&format!("file://{}", file.display()));
    }

    /// Loads a page by its address.
    pub fn load_url(&mut self, url: &str) {
        self.ask("Page.navigate", json!({"url": url}));
        let protocol = url.split_inclusive(':').next().unwrap_or_default();
        while self.evaluate("document.readyState") != "complete"
            || self.evaluate("location.protocol") != protocol
        {
            std::thread::yield_now();
        }
    }

    /// The value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let answer = self.ask("Runtime.evaluate", parameters);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        answer["result"]["value"].clone()
    }

    /// Presses and releases a key.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let mut parameters = json!({"type": kind, "key": key});
            if kind == "keyDown" && !text.is_empty() {
                parameters["text"] = json!(text);
            }
            self.ask("Input.dispatchKeyEvent", parameters);
        }
    }

    /// Clicks into the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const r = document.querySelector({}).getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            self.ask(
                "Input.dispatchMouseEvent",
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}),
            );
        }
    }

    /// Waits until an expression in the page is true.
    ///
    /// # Panics
    /// If it is not true in a minute.
    pub fn wait_for(&mut self, expression: &str) {
        let began = std::time::Instant::now();
        while self.evaluate(expression) != true {
            let page = self.evaluate("document.body.innerText");
            assert!(
                began.elapsed().as_secs() < 60,
                "never true: {expression}, in {page}"
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The text of an element.
    pub fn text(&mut self, selector: &str) -> String {
        let expression = format!("document.querySelector({}).textContent", json!(selector));
        self.evaluate(&expression)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
