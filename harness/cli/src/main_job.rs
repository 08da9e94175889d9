//! The main job: every mechanism against its contract, under each fault.

use crate::arguments::MainJobOptions;
use crate::failure::Failure;
use crate::progress::{self, Display};
use crate::{exit, interrupt, terminal};
use crosswire::explore::{Budget, Progress, Report};
use crosswire_scenarios::{Case, Cell, Settings, Watch};
use outcome::{Outcome, Row, Whole};
use std::sync::atomic::Ordering;
use std::time::Instant;

mod outcome;

/// Tries all cases within the budget and tells how they came out.
pub fn main_job(cells: &[Cell], options: &MainJobOptions) -> Result<u8, Failure> {
    let stop = interrupt::stop_flag()?;
    let display = Display::new(options.output.quiet);
    let began = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    let is_case = |cell: &&Cell| matches!(cell, Cell::Case(_));
    let mut left = u32::try_from(cells.iter().filter(is_case).count()).unwrap_or(u32::MAX);
    for cell in cells {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match cell {
            Cell::Exempt {
                mechanism,
                fault,
                because,
            } => rows.push(Row {
                mechanism: (*mechanism).to_owned(),
                fault: fault.to_string(),
                promise: format!("exempt: {because}"),
                outcome: Outcome::Exempt,
            }),
            Cell::Case(case) => {
                // What earlier cases did not use is shared among the rest.
                let share = options.budget.saturating_sub(began.elapsed()) / left;
                left -= 1;
                let show = |progress: &Progress| {
                    let part = progress::part(began.elapsed(), options.budget);
                    display.case(part, &case.name, progress);
                };
                let settings = Settings {
                    budget: Budget::time(share),
                    seed: options.explore.seed,
                    jobs: options.explore.jobs.map(usize::from),
                };
                let watch = Watch {
                    stop: &stop,
                    progress: &show,
                };
                add(&mut rows, case, case.explore(settings, watch));
            }
        }
    }
    display.finish();
    let interrupted = stop.load(Ordering::Relaxed);
    let whole = Whole {
        rows,
        elapsed: began.elapsed(),
        interrupted,
        seed: options.explore.seed,
    };
    terminal::note_losses(&whole.capabilities_lost());
    whole.tell(options);
    Ok(exit::of_exploration(&whole.verdict(), interrupted))
}

/// The shapes of a mechanism under one fault make one row.
fn add(rows: &mut Vec<Row>, case: &Case, report: Report) {
    let fault = case.fault.to_string();
    match rows.last_mut() {
        Some(Row {
            mechanism,
            fault: known,
            outcome: Outcome::Reports(reports),
            ..
        }) if mechanism == case.mechanism && *known == fault => reports.push(report),
        _ => rows.push(Row {
            mechanism: case.mechanism.to_owned(),
            fault,
            promise: case.promise.to_owned(),
            outcome: Outcome::Reports(vec![report]),
        }),
    }
}
