//! `crosswire diff`: what sets two recorded runs apart.

use crate::arguments::{DiffOptions, Format};
use crate::failure::Failure;
use crate::{exit, terminal};
use crosswire::engine::Engine;
use crosswire::explore;
use crosswire::model::{End, Plan, Record, Schedule, Verdict};
use crosswire::report::compare;

/// Name of the run with the default schedule.
const DEFAULT: &str = "the default schedule";

/// Compares two runs and tells whether they are the same.
pub fn diff(options: &DiffOptions) -> Result<u8, Failure> {
    let first = explore::load(&options.first)?;
    let (second, name) = match &options.second {
        Some(file) => (explore::load(file)?, file.display().to_string()),
        None => (in_default_order(&first)?, DEFAULT.to_owned()),
    };
    match options.output.format {
        Format::Json => terminal::print_json(&compare::compare(&first, &second)),
        Format::Text | Format::Github => {
            let names = [&*options.first.display().to_string(), &*name];
            let palette = terminal::palette();
            terminal::print(&compare::text(&first, &second, names, palette));
        }
    }
    Ok(exit::PASS)
}

/// Performs the same programs without faults and with the default schedule: every task
/// runs until it waits.
fn in_default_order(record: &Record) -> Result<Record, Failure> {
    let plan = Plan {
        schedule: Schedule::default(),
        faults: Vec::new(),
        ..record.plan.clone()
    };
    let cpu = explore::available_cpus().first().copied();
    let mut engine = Engine::start(&explore::target_of(record)?, cpu)?;
    engine.watch(true);
    let run = engine.run(&plan)?;
    // It is compared, not judged, but for what the engine itself knows.
    let verdict = match &run.trace.end {
        End::Limit(limit) => Verdict::Inconclusive(*limit),
        End::Invalid(reason) => Verdict::Invalid(reason.clone()),
        End::Deadlock(_) | End::Livelock(_) | End::Stalled(_) => Verdict::Violation(Vec::new()),
        End::Finished => Verdict::Pass,
    };
    Ok(Record {
        plan,
        verdict,
        trace: run.trace,
        history: run.history,
        seen: run.seen,
        ..record.clone()
    })
}
