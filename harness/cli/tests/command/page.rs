//! The page of `crosswire explain --html`, driven in a real browser by real key
//! presses and clicks.

use crosswire_testing::browser::Browser;
use crosswire_testing::building::folder;
use crosswire_testing::command::{crosswire, somewhere};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Writes the page of a recording.
fn page_of(recording: &Path, directory: &Path) -> PathBuf {
    let page = directory.join("page.html");
    let output = crosswire(directory)
        .arg("explain")
        .arg(recording)
        .arg("--html")
        .arg(&page)
        .output()
        .expect("the command can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    page
}

fn step(browser: &mut Browser) -> u64 {
    let shown = browser.text("#where");
    shown
        .parse()
        .unwrap_or_else(|_| panic!("`{shown}` is no step"))
}

#[test]
fn a_run_is_stepped_through() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let recording = folder("fixtures/traces/abba_flock.json");
    browser.load(&page_of(&recording, directory.path()));

    assert!(
        browser
            .text("h1")
            .contains("waits for flock /tmp/abba_flock.b")
    );
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.lane').length"),
        3
    );
    browser.press("Home");
    assert_eq!(step(&mut browser), 0);
    browser.press("ArrowRight");
    assert_eq!(step(&mut browser), 1);
    browser.press("ArrowLeft");
    assert_eq!(step(&mut browser), 0);
    browser.click("#on");
    assert_eq!(step(&mut browser), 1);
    browser.press("End");
    let last = step(&mut browser);
    assert!(last > 10, "{last}");

    // Beside the last step: both locks are held and waited for.
    let state = browser.text("#state");
    for fact in [
        "LOCK_EX by abba_flock.1",
        "LOCK_EX by abba_flock.2",
        "in flock since step",
    ] {
        assert!(state.contains(fact), "{fact}: {state}");
    }
    // Nobody holds any at the first one.
    browser.press("Home");
    assert!(!browser.text("#state").contains("LOCK_EX"));

    // The steps that matter and the deviations, one after the other.
    let marked = browser.evaluate("run.events.flags.filter((flag) => flag & 4).length");
    for _ in 0..marked.as_u64().unwrap() {
        let before = browser.evaluate("current");
        browser.press("m");
        assert_ne!(browser.evaluate("current"), before);
        assert_eq!(browser.evaluate("flags[current] & 4"), 4);
    }
    browser.press("Home");
    browser.press("d");
    assert_eq!(browser.evaluate("flags[current] & 2"), 2);

    browser.press("o");
    let folded = browser.evaluate("length()").as_u64().unwrap();
    browser.press("o");
    let all = browser.evaluate("length()").as_u64().unwrap();
    assert!(folded < all, "{folded} of {all}");
}

#[test]
fn events_are_found_and_the_dark_is_dark() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let recording = folder("fixtures/traces/queue_leak.json");
    browser.load(&page_of(&recording, directory.path()));

    browser.press("f");
    assert_eq!(browser.evaluate("flags[current] & 1"), 1);
    browser.press("/");
    for letter in "msgrcv".chars() {
        browser.press(&letter.to_string());
    }
    assert!(
        browser.text("#hits").ends_with("found"),
        "{}",
        browser.text("#hits")
    );
    browser.press("Escape");
    browser.press("Home");
    browser.press("n");
    assert!(browser.text("#detail").contains("msgrcv"));
    assert!(
        browser
            .evaluate("document.querySelectorAll('.row mark').length")
            .as_u64()
            > Some(0)
    );

    browser.press("Escape");
    let background = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(background);
    browser.press("t");
    assert_ne!(browser.evaluate(background), light);

    // What a screen reader is told.
    assert!(browser.text("#spoken").starts_with("step "));
    let unnamed = "[...document.querySelectorAll('button, input')].filter((one) => \
                   !one.textContent.trim() && !one.getAttribute('aria-label')).length";
    assert_eq!(browser.evaluate(unnamed), 0);
    assert_eq!(
        browser.evaluate("document.querySelector('.row.current').getAttribute('aria-selected')"),
        "true"
    );
}

#[test]
fn text_of_a_run_is_never_executed() {
    let Some(mut browser) = Browser::start("the page's test of hostile text") else {
        return;
    };
    let directory = somewhere();
    let text = std::fs::read_to_string(folder("fixtures/traces/abba_flock.json")).unwrap();
    let hostile =
        "</script><script>window.hit=1</script><img src=x onerror='window.hit=1'>\\u001b[2J";
    let mut record: Value =
        serde_json::from_str(&text.replace("/tmp/abba_flock.a", hostile)).expect("still JSON");
    record["trace"]["tasks"][1]["process"] = Value::from("<b onclick='hit=1'>\u{202e}bold");
    let recording = directory.path().join("hostile.json");
    std::fs::write(&recording, record.to_string()).unwrap();
    let page = page_of(&recording, directory.path());
    let markup = std::fs::read_to_string(&page).unwrap();
    assert!(!markup.contains('\u{1b}') && !markup.contains('\u{202e}'));

    browser.load(&page);
    browser.press("End");
    assert_eq!(browser.evaluate("typeof window.hit"), "undefined");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('img, b[onclick]').length"),
        0
    );
    assert!(browser.text("h1").contains("</script><script>window.hit=1"));
    assert!(browser.text("#lanes").contains("<b onclick='hit=1'>"));
    // Even if something got in, the page's policy forbids it to run.
    browser.evaluate(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.hit = 1'; \
         document.body.append(s); })()",
    );
    assert_eq!(browser.evaluate("typeof window.hit"), "undefined");
}
