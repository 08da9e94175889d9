//! Notes how far an exploration has come, and finds what was noted.

use crate::found::report::Report;
use crate::keep::executable::{digest, hexadecimal};
use crate::keep::part::{ENDING, Keep, Origin, Part, PartError, Position};
use crate::keep::store::plain;
use crate::{Exploration, ExploreError, Shard};
use crosswire_engine::ExecutableError;
use crosswire_model::FORMAT_VERSION;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two notes.
const INTERVAL: Duration = Duration::from_secs(2);

/// Noting takes at most one in so many parts of the time.
const SHARE: u32 = 20;

/// Where one exploration is noted.
pub(crate) struct Notebook {
    path: PathBuf,
    origin: Origin,
    shard: Shard,
    steadily: bool,
    /// What was noted by the process that this one resumes.
    before: Option<Arc<Part>>,
    /// True if the file holds all that can come out: a repetition must not leave less there.
    is_done: bool,
    /// When the next note is due.
    due: Mutex<Instant>,
}

impl Notebook {
    /// Opens the notes of an exploration.
    ///
    /// # Errors
    /// If an executable cannot be read, or the directory cannot be created.
    pub fn of(exploration: &Exploration, keep: &Keep) -> Result<Notebook, ExploreError> {
        let path = path(exploration, &keep.directory);
        let origin = origin(exploration)?;
        if keep.steadily {
            // Now, and not when programs list the directory above.
            fs::create_dir_all(&keep.directory).map_err(|source| PartError::Unwritable {
                path: keep.directory.display().to_string(),
                source,
            })?;
        }
        let before = exploration.resumed.clone();
        let present = Part::load(&path);
        let is_done =
            before.is_none() && present.is_ok_and(|part| part.finished && part.origin == origin);
        Ok(Notebook {
            path,
            origin,
            shard: exploration.shard.unwrap_or(Shard::WHOLE),
            steadily: keep.steadily,
            before,
            is_done,
            due: Mutex::new(Instant::now() + INTERVAL),
        })
    }

    /// Tells whether the next note is due.
    pub fn is_due(&self) -> bool {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        self.steadily && !self.is_done && Instant::now() >= *due
    }

    /// Notes what an exploration that is under way has come to, with what it had come to before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn note(&self, report: Report, position: Position) -> Result<(), PartError> {
        let began = Instant::now();
        self.part(report, position, false).save(&self.path)?;
        let pause = INTERVAL.max(began.elapsed() * SHARE);
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + pause;
        Ok(())
    }

    /// Notes what an exploration has come to in the end, with what it had come to before, if
    /// somebody can make use of it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn close(
        &self,
        report: &Report,
        position: Position,
        is_left: bool,
    ) -> Result<(), PartError> {
        let finished = !report.interrupted;
        let is_nothing = report.runs == 0 && report.found.is_empty();
        if self.is_done && !finished || is_nothing {
            return Ok(());
        }
        match self.steadily || is_left {
            true => self
                .part(report.clone(), position, finished)
                .save(&self.path),
            false => Ok(()),
        }
    }

    /// Adds what the process has come to that this one resumes.
    pub fn in_all(&self, report: Report) -> Report {
        match &self.before {
            None => report,
            Some(part) => {
                let exhaustion = report.exhaustion.clone();
                let mut all = part.report.clone();
                all.join(report);
                all.exhaustion = exhaustion;
                all
            }
        }
    }

    fn part(&self, report: Report, position: Position, finished: bool) -> Part {
        Part {
            format_version: FORMAT_VERSION,
            origin: self.origin.clone(),
            shard: self.shard,
            finished,
            report,
            position,
        }
    }
}

impl Exploration {
    /// Resumes where an exploration with the same settings has ended that was noted in this
    /// directory.
    ///
    /// # Errors
    /// If there is none, it is damaged, or the programs have changed.
    pub fn resume(&mut self, directory: &Path) -> Result<(), PartError> {
        let file = path(self, directory);
        let part = Part::load(&file)?;
        let origin = origin(self).map_err(|error| PartError::Changed {
            path: file.display().to_string(),
            what: error.to_string(),
        })?;
        if let Some(what) = difference(&part.origin, &origin) {
            let path = file.display().to_string();
            return Err(PartError::Changed { path, what });
        }
        self.resumed = Some(Arc::new(part));
        Ok(())
    }

    /// Returns the number of runs, besides run 0, that were performed before.
    pub(crate) fn performed(&self) -> u64 {
        match self.resumed.as_ref().map(|part| &part.position) {
            Some(Position::Runs(runs)) => *runs,
            _ => 0,
        }
    }
}

/// Says in what two explorations differ, as part of a sentence.
pub(crate) fn difference(one: &Origin, other: &Origin) -> Option<String> {
    if one.version != other.version {
        return Some(format!(
            "Crosswire has changed from version {} to {}",
            one.version, other.version
        ));
    }
    let changed = other
        .executables
        .iter()
        .find(|(name, digest)| one.executables.get(*name) != Some(digest));
    match changed {
        Some((name, _)) => Some(format!("the executable of `{name}` has changed")),
        None => (one != other).then(|| "the settings have changed".to_owned()),
    }
}

fn origin(exploration: &Exploration) -> Result<Origin, ExecutableError> {
    let target = &exploration.target;
    let executables = target.programs.iter().map(|start| {
        let path = start.executable(target)?;
        let digest = digest(&path).map_err(|error| ExecutableError::Unusable {
            program: start.command[0].clone(),
            reason: error.to_string(),
        })?;
        Ok((start.name.clone(), digest))
    });
    Ok(Origin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        executables: executables.collect::<Result<_, ExecutableError>>()?,
        settings: settings(exploration),
    })
}

/// Returns a hash of the settings. The environment is not among them: it tells the parts of
/// an exploration where they run.
fn settings(exploration: &Exploration) -> String {
    let target = &exploration.target;
    let faults = exploration.faults.iter().map(ToString::to_string);
    let expectations = serde_json::to_string(&exploration.expectations);
    let settings = format!(
        "{:?} {:?} {} {} {} {} {:?} {} {:?} {:?} {:?} {} {} {}",
        target.programs,
        target.working_dir,
        exploration.seed,
        exploration.strategy,
        exploration.memory,
        exploration.watches_threads,
        faults.collect::<Vec<_>>(),
        exploration.fault_pairs,
        exploration.limits,
        exploration.exhaust,
        exploration.scenario,
        exploration.every_step,
        exploration.check_output,
        expectations.expect("expectations have string keys only"),
    );
    hexadecimal(&Sha256::digest(settings))
}

/// Returns where an exploration is noted: the name depends on its settings, and on the part
/// that is performed.
fn path(exploration: &Exploration, directory: &Path) -> PathBuf {
    let programs = exploration.target.programs.iter();
    let names: Vec<&str> = programs.map(|start| start.name.as_str()).collect();
    let stem = plain(&names.join("-"));
    let settings = settings(exploration);
    let shard = exploration
        .shard
        .map(|shard| format!(".{}-of-{}", shard.number(), shard.count()));
    directory.join(format!(
        "{stem}-{}{}.{ENDING}",
        &settings[..8],
        shard.unwrap_or_default()
    ))
}
