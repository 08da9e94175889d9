//! Following the loading of a program from one call whose answer depends on the run to the
//! next.

use super::surroundings::Surroundings;
use super::{Followed, Former, Known, MOST_PLACES, Making, Moments, Reply, Stage, WORD, trial};
use crate::run::session::{Halt, Session};
use crosswire_calls::{Arg, Does, Fact, Measure, StatusForm};
use crosswire_kernel::tracee::Entering;
use crosswire_kernel::{Tid, memory, probe};
use crosswire_model::End;
use std::rc::Rc;

/// The number of calls that have to stop between two places for it to be worth keeping what the
/// program is like at the second.
const WORTHWHILE: u32 = 12;

/// The most calls of a loading whose answers depend on the run.
const MOST_REPLIES: usize = 64;

/// Bytes of `struct stat`.
const STATUS: usize = 144;

impl Session<'_> {
    /// Former a task runs code of a program that it has just executed: begins to follow its
    /// loading, if that can be done.
    pub fn follow_loading(&mut self, index: usize) -> Result<(), Halt> {
        let process = self.tasks[index].process;
        let Making::Executed(gadget) = self.processes[process].making else {
            return Ok(());
        };
        self.processes[process].making = Making::Nothing;
        if !self.may_put_together(index) {
            return Ok(());
        }
        let parent = self.processes[process].parent;
        let id_of = |process: usize| self.tasks[self.processes[process].leader.index()].tid_inside;
        let parent = parent.map_or(0, id_of);
        // A program may start one thread for each CPU.
        if self.tasks[index].scheduling.names_cpus() {
            return Ok(());
        }
        let tid = self.tasks[index].tid;
        let stopped = self.tasks[index].stopped()?;
        let surroundings = Surroundings::of(stopped, parent, self.reads_own_files())?;
        // The task stops by this signal, for which the kernel would take its handling away. And
        // a signal that waits may come in the middle of loading.
        let stops = 1 << (libc::SIGSEGV - 1);
        if surroundings.signals.iter().any(|set| set & stops != 0) || probe::has_pending(tid) {
            return Ok(());
        }
        let stage = Stage {
            surroundings: Rc::new(surroundings),
            readings_at_once: self.clock.readings_at_once(),
            replies: Vec::new(),
        };
        let in_trial = self.memory.knowledge_mut().images.begin_trial(&stage);
        if in_trial {
            self.put_time_forward();
        }
        let followed = Followed {
            gadget,
            stage,
            before: None,
            calls: 0,
            ticks: 0,
            began: Moments::of(self.clock),
            counter_readings: 0,
            varies: false,
            told: Vec::new(),
            in_trial,
        };
        self.come_to_place(index, followed)
    }

    /// A program has come to a place in its loading: it is put together as it will be at the
    /// next, if that is known.
    fn come_to_place(&mut self, index: usize, mut followed: Followed) -> Result<(), Halt> {
        let tid = self.tasks[index].tid;
        let stage = &followed.stage;
        let images = &mut self.memory.knowledge_mut().images;
        let is_full = images.known.len() >= MOST_PLACES || stage.replies.len() > MOST_REPLIES;
        let mut found = None;
        match images.known.get(stage) {
            Some(Known::Different) => return Ok(()),
            None if is_full => return Ok(()),
            _ if followed.in_trial => followed.before = Some(Former::of(tid)?),
            None => {
                images.known.insert(stage.clone(), Known::Loaded);
            }
            Some(Known::Loaded) => followed.before = Some(Former::of(tid)?),
            Some(Known::Impossible | Known::Doubtful(_)) => {}
            Some(Known::Kept { image, compared }) => found = Some((Rc::clone(image), *compared)),
        }
        if let Some((image, compared)) = found
            && self.finds_files_unchanged(&image)
        {
            followed.varies |= image.known.varies;
            self.turn_into(index, &followed, &image, compared)?;
        }
        (followed.calls, followed.ticks) = (0, 0);
        followed.counter_readings = self.clock.counter_readings();
        let process = self.tasks[index].process;
        self.processes[process].making = Making::Followed(Box::new(followed));
        Ok(())
    }

    /// A task stands at the entry of a call with which its program goes on loading, or does not.
    /// If the call's answer depends on the run, that is a place. Returns whether the answer is
    /// to be noted.
    pub fn come_to_call(&mut self, index: usize, is_loading: bool) -> Result<bool, Halt> {
        let process = self.tasks[index].process;
        let Making::Followed(followed) = &mut self.processes[process].making else {
            return Ok(false);
        };
        followed.calls += 1;
        let row = self.tasks[index].entering.row();
        // Whole seconds are the same in many runs.
        let reads_clock = row.reads_clock() && row.does != Does::ReadSeconds;
        if is_loading && (reads_clock || row.does == Does::Random) {
            followed.ticks += 1;
            followed.varies |= reads_clock;
            return Ok(false);
        }
        if is_loading && !self.depends_on_run(index) {
            return Ok(false);
        }
        let Making::Followed(mut followed) = std::mem::take(&mut self.processes[process].making)
        else {
            return Ok(false);
        };
        followed.varies |= self.clock.counter_readings() > followed.counter_readings;
        if let Some(before) = followed.before.take() {
            let image = match followed.calls < WORTHWHILE {
                true => None,
                false => self.image(index, &followed, &before)?,
            };
            let images = &mut self.memory.knowledge_mut().images;
            match followed.in_trial {
                true => images.compare(&followed.stage, image),
                false => images.keep(followed.stage.clone(), image),
            }
        }
        if followed.in_trial {
            self.put_time_right(true);
            let images = &self.memory.knowledge().images;
            if !is_loading && images.trials.are_over() {
                return Err(Halt::End(End::Invalid("a trial".to_owned())));
            }
        }
        // What is read of a file about the system is not looked at.
        let is_followed = is_loading && row.does != Does::Open;
        if is_followed {
            self.processes[process].making = Making::Followed(followed);
        }
        Ok(is_followed)
    }

    /// A task has come back from a call of its loading whose answer depends on the run.
    pub fn note_reply(&mut self, index: usize) -> Result<(), Halt> {
        let (task, process) = (&self.tasks[index], self.tasks[index].process);
        let Ok(stopped) = task.stopped() else {
            return Ok(());
        };
        let entering = task.entering;
        let result = stopped.result()?;
        let varying = trial::varying(entering.row(), result);
        let mut bytes = written(task.tid, &entering);
        for range in varying {
            bytes[range.clone()].fill(0);
        }
        let reply = Reply {
            call: entering.call,
            result,
            written: bytes,
        };
        let Making::Followed(followed) = std::mem::take(&mut self.processes[process].making) else {
            return Ok(());
        };
        let mut followed = *followed;
        followed.stage.replies.push(reply);
        followed.varies |= !varying.is_empty();
        if followed.in_trial {
            self.put_time_right(false);
            self.tell_something_else(index, varying)?;
        }
        let words = varying.iter().flat_map(|range| range.clone().step_by(WORD));
        let told = written(self.tasks[index].tid, &entering);
        followed.told.extend(words.map(|at| word_at(&told, at)));
        self.come_to_place(index, followed)
    }

    fn may_put_together(&self, index: usize) -> bool {
        let process = &self.processes[self.tasks[index].process];
        let plan = self.setup.plan;
        plan.start_up.loads_alike
            && !plan.footprints
            && !self.setup.in_template
            && !self.setup.watched
            && !self.setup.pids_vary
            && !process.filters_calls
            && process
                .parent
                .is_some_and(|parent| !self.has_ended(&self.processes[parent]))
            && self.is_alone(index)
    }

    /// Tells whether a task is the only one of its process.
    pub(super) fn is_alone(&self, index: usize) -> bool {
        self.tasks.other_threads(index).next().is_none()
    }

    /// Tells whether what a call of start-up gives can be another thing in another run,
    /// although the program was executed in the same surroundings and files have not changed.
    fn depends_on_run(&self, index: usize) -> bool {
        let entering = self.tasks[index].entering;
        let (row, args) = (entering.row(), entering.args);
        let is_standard = args[0] < 3;
        let tells_of_system = |at| {
            let path = self.path_at(index, at);
            path.is_none_or(|path| path.contains("proc") || path.contains("/sys"))
        };
        match row.does {
            Does::Identity
            | Does::HostName
            | Does::Random
            | Does::Futex
            | Does::WorkingDirectory => false,
            Does::Map(_) => false,
            Does::LookUp if row.asks_status_at() && is_standard => true,
            Does::Open | Does::LookUp => row.path().is_none_or(tells_of_system),
            Does::Device | Does::Control | Does::Close => is_standard,
            _ => is_standard || !row.is(Fact::Loads),
        }
    }
}

/// Returns a word of some bytes; 0 where there is none.
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let word = bytes
        .get(at..at + WORD)
        .and_then(|word| word.try_into().ok());
    word.map_or(0, u64::from_ne_bytes)
}

/// Returns what a call has written for its program, as far as that is of a known form; else what
/// is there.
fn written(tid: Tid, entering: &Entering) -> Vec<u8> {
    let row = entering.row();
    let mut args = row.args.iter().zip(entering.args);
    let Some((_, place)) = args.find(|(arg, _)| matches!(arg, Arg::Out | Arg::Given)) else {
        return Vec::new();
    };
    let length = match (row.status(), row.does) {
        (Some((StatusForm::Stat, _)), _) => STATUS,
        // The kernel's `struct termios`, which is larger than `struct winsize`.
        (None, Does::Device) => 36,
        (None, _) if row.measures() == Some(Measure::Machine) => 112,
        _ => 256,
    };
    let mut bytes = vec![0; length];
    // What cannot be read, it has not written.
    let _ = memory::read(tid, place, &mut bytes);
    bytes
}
