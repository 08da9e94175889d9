//! Measures the speed of the page with a hundred thousand steps: the time to the first
//! paint, and the time of a step. The yardstick is the same page with a hundred steps, so
//! that the ratios are meaningful on any machine.

use crosswire::model::{Event, Record, TaskId, What};
use crosswire::report::page;
use crosswire_testing::browser::Browser;
use std::time::Instant;

fn main() {
    let Some(mut browser) = Browser::start("the measurement of the page") else {
        return;
    };
    let directory = crosswire_testing::command::somewhere();
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>12}",
        "events", "making", "size", "paint", "step"
    );
    for count in [100, 100_000] {
        let began = Instant::now();
        let page = page(&long(count), None);
        let making = began.elapsed();
        let file = directory.path().join(format!("{count}.html"));
        std::fs::write(&file, &page).expect("a page can be written");
        browser.load(&file);
        let paint = browser
            .evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0");
        // Each step waits for the frame that shows it, as somebody who watches does.
        let step = browser.evaluate(
            "(async () => { const begin = performance.now(); \
             for (let n = 0; n < 50; n++) { go((n * 7919) % count); \
             document.body.getBoundingClientRect(); \
             await new Promise((done) => setTimeout(done, 0)); } \
             return (performance.now() - begin) / 50; })()",
        );
        println!(
            "{count:>9} {:>9} ms {:>9} kB {:>9.1} ms {:>9.1} ms",
            making.as_millis(),
            page.len() / 1000,
            paint.as_f64().unwrap_or_default(),
            step.as_f64().unwrap_or_default(),
        );
    }
}

/// Returns a recording of two processes that write into a pipe and read from it.
fn long(count: u64) -> Record {
    let text = include_str!("../../../fixtures/traces/eof_never.json");
    let mut record = Record::from_json(text).expect("a recording");
    let call = |name: &str, result: i64| What::Call {
        call: name.parse().expect("a call"),
        args: [if name == "read" { 3 } else { 4 }, 0x1000, 4, 0, 0, 0],
        path: None,
        result,
    };
    let opening = record.trace.events[0].clone();
    let rest = (1..count).map(|step| Event {
        step,
        task: TaskId((step % 2) as u32),
        time: step * 1000,
        what: call(["write", "read"][(step % 2) as usize], 4),
    });
    record.trace.events = [opening].into_iter().chain(rest).collect();
    record.trace.steps = count;
    record.seen.retain(|seen| seen.event == 0);
    record
}
