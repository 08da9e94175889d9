//! The page of `crosswire explain --html`, driven in a real browser by real key
//! presses and clicks.

use crosswire_testing::browser::Browser;
use crosswire_testing::building::folder;
use crosswire_testing::command::{crosswire, somewhere};
use serde_json::{Value, json};
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

/// Makes the window as wide and high as a device's.
fn resize(browser: &mut Browser, width: u32, height: u32) {
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
    browser.ask("Emulation.setDeviceMetricsOverride", size);
    browser.wait_for(&format!("innerWidth === {width}"));
}

/// Waits until what follows a change of the size is done.
fn frame(browser: &mut Browser) {
    browser.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))",
    );
}

#[test]
fn arrows_the_graph_and_the_overview_lead_through_a_run() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let recording = folder("fixtures/traces/abba_flock.json");
    let page = page_of(&recording, directory.path());
    browser.load(&page);

    // The graph: a circle of two and their parent, who waits for both.
    let drawn = |what: &str| format!("document.querySelectorAll('#graph {what}').length");
    assert_eq!(browser.evaluate(&drawn(".node.cycle")), 2);
    assert_eq!(browser.evaluate(&drawn(".node")), 3);
    assert_eq!(browser.evaluate(&drawn(".edge.cycle")), 2);
    browser.press("Home");
    let clicked = "document.querySelector('#graph .edge.cycle').dispatchEvent(new \
                   MouseEvent('click', {bubbles: true}))";
    browser.evaluate(clicked);
    assert_eq!(browser.evaluate("flags[current] & 8"), 8, "a wait begins");

    // A fork is an arrow, and a link from both of its ends.
    let fork = "run.arrows.tie.findIndex((tie) => run.ties[tie] === 'fork')";
    browser.evaluate(&format!("go(run.arrows.from[{fork}])"));
    assert!(
        browser
            .evaluate("document.querySelectorAll('#arrows path.hot').length")
            .as_u64()
            >= Some(2)
    );
    browser.click(".links button");
    assert_eq!(
        browser.evaluate(&format!("current === run.arrows.to[{fork}]")),
        true
    );
    assert!(browser.text(".links").contains("← fork: abba_flock"));

    // A click into the overview goes there; the wheel shows a part.
    browser.press("Home");
    browser.click("#strip");
    let middle = browser.evaluate("Math.abs(current - count / 2) <= 1");
    assert_eq!(middle, true, "{}", browser.evaluate("current"));
    browser.click("#zoom-in");
    let part = browser.evaluate("sight[1] - sight[0] <= Math.max(20, count / 2)");
    assert_eq!(part, true);
    browser.press("End");
    let in_sight = "sight[0] <= current && current < sight[1]";
    assert_eq!(browser.evaluate(in_sight), true);
    browser.press("0");
    assert_eq!(browser.evaluate("sight[1] - sight[0] === count"), true);

    // Lanes can be hidden; going to a step of one brings it back.
    browser.evaluate("hide(1, true)");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.lanes .lane').length"),
        2
    );
    let others = "[...Array(length()).keys()].every((at) => lanes[eventAt(at)] !== 1)";
    assert_eq!(browser.evaluate(others), true);
    browser.evaluate("go(lanes.indexOf(1))");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('.lanes .lane').length"),
        3
    );
}

#[test]
fn the_address_names_the_step() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let recording = folder("fixtures/traces/abba_flock.json");
    let page = page_of(&recording, directory.path());
    browser.load_url(&format!("file://{}#step=9", page.display()));
    assert_eq!(step(&mut browser), 9);
    browser.press("ArrowRight");
    let now = step(&mut browser);
    browser.wait_for(&format!("location.hash === '#step={now}'"));
    browser.evaluate("location.hash = '#step=3'");
    browser.wait_for("step[current] === 3");
    // What is no step is left alone, what is none any more is the last.
    browser.evaluate("location.hash = '#step=<b>'");
    assert_eq!(step(&mut browser), 3);
    browser.evaluate("location.hash = '#step=99999'");
    browser.wait_for("current === count - 1");
}

#[test]
fn a_narrow_window_shows_every_step_without_scrolling_sideways() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let recording = folder("fixtures/traces/philosophers.json");
    browser.load(&page_of(&recording, directory.path()));
    resize(&mut browser, 360, 740);
    browser.wait_for("compact");
    frame(&mut browser);
    for theme in ["light", "dark"] {
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(360), "{wide} in the {theme}");
        browser.press("End");
        frame(&mut browser);
        let is_seen = "(() => { const row = document.querySelector('.row.current .what'); \
                       const box = row.getBoundingClientRect(), out = \
                       scroller.getBoundingClientRect(); return row.textContent.length > 3 && \
                       box.left >= 0 && box.left < 180 && box.top >= out.top && box.bottom <= \
                       out.bottom + 1; })()";
        assert_eq!(browser.evaluate(is_seen), true, "in the {theme}");
        let who = browser.text(".row.current .chip");
        assert!(who.starts_with("philosophers"), "{who}");
        browser.press("t");
    }
    resize(&mut browser, 1400, 860);
    browser.wait_for("!compact");
}

#[test]
fn of_many_lanes_that_of_the_step_is_in_view() {
    let Some(mut browser) = Browser::start("the page's test") else {
        return;
    };
    let directory = somewhere();
    let text = std::fs::read_to_string(folder("fixtures/traces/abba_flock.json")).unwrap();
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    // Forty more processes, each of which begins and ends.
    for number in 0..40 {
        let task = 3 + number;
        let tasks = record["trace"]["tasks"].as_array_mut().expect("tasks");
        tasks.push(json!({
            "process": format!("abba_flock.{}", 3 + number), "parent": 0, "leader": task,
            "tid": 200 + number,
        }));
        let events = record["trace"]["events"].as_array_mut().expect("events");
        let last = events.last().expect("an event")["step"].as_u64().unwrap();
        events.push(json!({"step": last + 1, "task": task, "time": 0, "what": "start"}));
        events.push(json!({"step": last + 2, "task": task, "time": 0, "what": {"exit": 0}}));
        record["trace"]["steps"] = json!(last + 3);
    }
    let recording = directory.path().join("many.json");
    std::fs::write(&recording, record.to_string()).unwrap();
    browser.load(&page_of(&recording, directory.path()));

    // Those that have nothing to do with it are hidden at first, and the page says so.
    assert_eq!(browser.evaluate("columns.size"), 3);
    assert_eq!(browser.text("#choose"), "Lanes (40 hidden)");
    browser.evaluate("document.getElementById('all-lanes').click()");
    assert_eq!(browser.evaluate("columns.size"), 43);
    for number in [42, 20, 0] {
        browser.evaluate(&format!("go(lanes.lastIndexOf({number}))"));
        frame(&mut browser);
        let is_seen = "(() => { const box = document.querySelector('.row.current \
                       .what').getBoundingClientRect(), out = scroller.getBoundingClientRect(); \
                       return box.left >= out.left + 97 && box.left < out.right - 20; })()";
        assert_eq!(browser.evaluate(is_seen), true, "lane {number}");
    }
    // The state beside it: what matters first, the others behind a filter.
    let cards = "document.querySelectorAll('#now .card').length";
    assert!(browser.evaluate(cards).as_u64() < Some(10));
    browser.press("End");
    browser.evaluate("document.querySelector('#rest summary').click()");
    browser.wait_for("document.querySelectorAll('#rest-cards .card').length > 20");
    browser.evaluate(
        "(() => { const filter = document.getElementById('filter'); filter.value = \
         'abba_flock.17'; filter.dispatchEvent(new Event('input')); })()",
    );
    browser.wait_for("document.querySelectorAll('#rest-cards .card').length <= 2");
    assert!(browser.text("#rest-cards").contains("abba_flock.17"));
}
