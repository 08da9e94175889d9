//! The main job: every mechanism against its contract, under each fault.

use crate::arguments::MainJobOptions;
use crate::failure::Failure;
use crate::progress::{self, Display};
use crate::{exit, interrupt, terminal};
use crosswire::explore::{Budget, Progress, Report, available_cpus, stay_on};
use crosswire::model::{Limit, Verdict};
use crosswire_scenarios::{Case, Cell, Settings, Watch};
use outcome::{Outcome, Row, Whole};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

mod outcome;

/// Tests all cases within the budget, reports and returns the exit status.
pub fn main_job(cells: &[Cell], options: &MainJobOptions) -> Result<u8, Failure> {
    let cells = chosen(cells, &options.only)?;
    let stop = interrupt::stop_flag()?;
    let todo: VecDeque<_> = cells.iter().filter_map(as_case).map(Turn::first).collect();
    let job = Job {
        options,
        workers: workers(options),
        stop: &stop,
        display: Display::new(options.output.quiet),
        began: Instant::now(),
        of: todo.len(),
        todo: Mutex::new(todo),
        done: Mutex::default(),
    };
    // Each case starts a program of its own, which is long compared with its runs, and
    // one CPU's work. So there are as many cases at a time as there may be runs.
    std::thread::scope(|scope| {
        let cpus = available_cpus();
        for number in 0..job.workers {
            let cpu = cpus.get(number as usize % cpus.len().max(1)).copied();
            let job = &job;
            scope.spawn(move || job.work(cpu));
        }
    });
    job.display.finish();
    let done = job.done.into_inner();
    let interrupted = stop.load(Ordering::Relaxed);
    let whole = Whole {
        rows: rows(&cells, done.unwrap_or_else(PoisonError::into_inner)),
        elapsed: job.began.elapsed(),
        interrupted,
        seed: options.explore.seed,
    };
    terminal::note_losses(&whole.capabilities_lost());
    whole.tell(options);
    Ok(exit::of_exploration(&whole.verdict(), interrupted))
}

/// Returns the number of cases to explore in parallel. Must be called before the workers
/// are pinned: a pinned worker counts only its own CPU.
fn workers(options: &MainJobOptions) -> u32 {
    let asked = options.explore.jobs.map(u32::from);
    let cpus = || u32::try_from(available_cpus().len()).unwrap_or(u32::MAX);
    asked.unwrap_or_else(cpus).max(1)
}

/// Returns the cells selected by the names; all, if there are no names.
fn chosen<'a>(cells: &'a [Cell], names: &[String]) -> Result<Vec<&'a Cell>, Failure> {
    let is = |cell: &Cell, name: &str| {
        let row = cell.row();
        let mechanism = row.split('/').next();
        row == name || mechanism == Some(name)
    };
    for name in names {
        if !cells.iter().any(|cell| is(cell, name)) {
            return Err(Failure::usage(format!(
                "unknown mechanism or case `{name}`; `crosswire list` lists the mechanisms"
            )));
        }
    }
    let is_chosen = |cell: &&Cell| names.is_empty() || names.iter().any(|name| is(cell, name));
    Ok(cells.iter().filter(is_chosen).collect())
}

fn as_case<'a>(cell: &&'a Cell) -> Option<&'a Case> {
    match cell {
        Cell::Case(case) => Some(case),
        Cell::Exempt { .. } => None,
    }
}

/// A case, with a flag for the second turn after its own share.
#[derive(Clone, Copy)]
struct Turn<'a> {
    case: &'a Case,
    again: bool,
}

impl<'a> Turn<'a> {
    fn first(case: &'a Case) -> Turn<'a> {
        Turn { case, again: false }
    }
}

/// Fraction of the budget reserved for cases whose share did not suffice.
const RESERVE: f64 = 0.1;

/// Cases that several workers share.
struct Job<'a> {
    options: &'a MainJobOptions,
    workers: u32,
    stop: &'a AtomicBool,
    display: Display,
    began: Instant,
    todo: Mutex<VecDeque<Turn<'a>>>,
    /// Cases there are.
    of: usize,
    /// Reports by the names of their cases.
    done: Mutex<BTreeMap<&'a str, Report>>,
}

impl<'a> Job<'a> {
    /// The next turn and its budget: of the time, what earlier ones did not use is shared
    /// among the rest. No budget if there is no time left, as on a machine that is busy.
    fn next(&self) -> Option<(Turn<'a>, Option<Budget>)> {
        let mut todo = self.todo.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = todo.pop_front()?;
        if let Some(runs) = self.options.runs {
            return Some((turn, Some(Budget::runs(runs))));
        }
        // The first runs are performed however short the time is.
        let has_begun = todo.len() + self.workers as usize <= self.of;
        if has_begun && self.began.elapsed() >= self.options.budget {
            return Some((turn, None));
        }
        let alike = todo.iter().filter(|other| other.again == turn.again);
        let left = u32::try_from(alike.count() + 1).unwrap_or(u32::MAX);
        let budget = match turn.again {
            true => self.options.budget,
            false => self.options.budget.mul_f64(1.0 - RESERVE),
        };
        let rest = budget.saturating_sub(self.began.elapsed());
        let share = rest * self.workers.min(left) / left;
        Some((turn, Some(Budget::time(share))))
    }

    /// Explores cases on one CPU until none is left.
    fn work(&self, cpu: Option<usize>) {
        if let Some(cpu) = cpu {
            stay_on(cpu);
        }
        while !self.stop.load(Ordering::Relaxed) {
            let Some((Turn { case, again }, budget)) = self.next() else {
                return;
            };
            let report = match budget {
                Some(budget) => self.explore(case, budget),
                None if again => continue,
                None => self.untested(),
            };
            let is_undecided = matches!(report.verdict, Verdict::Inconclusive(_));
            // As many runs again would be the same ones.
            if is_undecided && !again && report.runs > 0 && self.options.runs.is_none() {
                let mut todo = self.todo.lock().unwrap_or_else(PoisonError::into_inner);
                todo.push_back(Turn { case, again: true });
            }
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.insert(&case.name, report);
        }
    }

    /// How much of the whole has been done.
    fn part(&self) -> f64 {
        if self.options.runs.is_none() {
            return progress::part(self.began.elapsed(), self.options.budget);
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.len() as f64 / self.of.max(1) as f64
    }

    /// The report on a case for which there was no time.
    fn untested(&self) -> Report {
        let undecided = Verdict::Inconclusive(Limit::WallTime);
        Report::without_runs(undecided, self.options.explore.seed)
    }

    fn explore(&self, case: &Case, budget: Budget) -> Report {
        let show = |progress: &Progress| self.display.case(self.part(), &case.name, progress);
        let settings = Settings {
            budget,
            seed: self.options.explore.seed,
            jobs: Some(1),
        };
        let watch = Watch {
            stop: self.stop,
            progress: &show,
        };
        case.explore(settings, watch)
    }
}

/// Builds the table; the shapes of a mechanism under one fault make one row.
fn rows(cells: &[&Cell], mut done: BTreeMap<&str, Report>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for cell in cells {
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
            // Some are missing when the job was interrupted.
            Cell::Case(case) => {
                if let Some(report) = done.remove(case.name.as_str()) {
                    add(&mut rows, case, report);
                }
            }
        }
    }
    rows
}

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
