//! Progress: a bar on a terminal, an occasional line in a log.

use crate::terminal;
use crosswire::explore::Progress;
use crosswire::report::about;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Interval between two lines in a log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Shows progress, unless quiet.
pub struct Display {
    bar: ProgressBar,
    logs: bool,
    last: Mutex<Instant>,
}

impl Display {
    /// Builds a display for work that can be counted or measured in time.
    pub fn new(quiet: bool) -> Display {
        let drawn = !quiet && terminal::is_watched();
        let target = match drawn {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        let style = ProgressStyle::with_template("{bar:30} {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        Display {
            bar,
            logs: !quiet && !drawn,
            last: Mutex::new(Instant::now()),
        }
    }

    /// Shows the progress of one exploration.
    pub fn exploration(&self, progress: &Progress) {
        let by_runs = progress
            .of
            .map(|of| progress.runs as f64 / of.max(1) as f64);
        let by_time = progress.time.map(|time| part(progress.elapsed, time));
        let part = by_runs.unwrap_or(0.0).max(by_time.unwrap_or(0.0));
        self.show(part, &sentence(progress));
    }

    /// Shows the progress of the main job.
    pub fn case(&self, part: f64, name: &str, progress: &Progress) {
        self.show(part, &format!("{name}: {}", sentence(progress)));
    }

    fn show(&self, part: f64, message: &str) {
        self.bar
            .set_position((part.clamp(0.0, 1.0) * 1000.0) as u64);
        self.bar.set_message(message.to_owned());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.logs && last.elapsed() >= LOG_INTERVAL {
            *last = Instant::now();
            terminal::note(message);
        }
    }

    /// Clears the bar, so that results stand alone.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Returns the fraction of the whole time that has passed.
pub fn part(elapsed: Duration, whole: Duration) -> f64 {
    elapsed.as_secs_f64() / whole.as_secs_f64().max(f64::EPSILON)
}

fn sentence(progress: &Progress) -> String {
    let seconds = progress.elapsed.as_secs_f64();
    let rate = progress.runs as f64 / seconds.max(0.001);
    let of = progress
        .of
        .map_or_else(String::new, |of| format!(" of {of}"));
    let found = match progress.found {
        0 => String::new(),
        1 => ", 1 violation".to_owned(),
        count => format!(", {count} violations"),
    };
    let behind = progress.estimated.map_or_else(String::new, |classes| {
        format!(" (behind them about {} classes)", about(classes))
    });
    let left = progress
        .left
        .map_or_else(String::new, |left| format!(", {left} choices left{behind}"));
    let chance = progress.guarantee.map_or_else(String::new, |chance| {
        let percent = (chance.probability * 100.0).floor();
        format!(
            ", bugs of depth {} with probability {percent} %",
            chance.depth
        )
    });
    format!(
        "{}{of} runs, {rate:.0}/s, {} different traces, {} points{found}{left}{chance}, \
         {seconds:.0} s",
        progress.runs, progress.distinct_traces, progress.steps
    )
}
