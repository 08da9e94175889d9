//! What steps touch, as far as other processes are concerned.
//!
//! A step whose objects are not known by name touches everything. Where that would make
//! choices of all steps of real programs, this looks closer than footprints do, which serve
//! proofs: files outside the run's directories count as one, and how much time a step takes is
//! left out of account.

use super::descriptors::{self, Use};
use super::kernel_files::OUTSIDE;
use super::objects::{self, SOCKETS};
use crate::emulate::address::{self, destination};
use crate::run::session::Session;
use crate::run::task::{At, Process, State, Task};
use crosswire_calls::{Arg, Does, Fact, Mapping, Row, Timer};
use crosswire_kernel::descriptor;
use crosswire_model::{EVERYTHING, Touch};
use libc::{FIOCLEX, FIONBIO, FIONCLEX, FIONREAD};
use std::rc::Rc;

/// Request of ioctl_ficlone(2) (linux/fs.h).
const FICLONE: u64 = 0x4004_9409;
/// The kind of the requests of ioctl(2) that concern terminals (asm-generic/ioctls.h).
const TERMINALS: u64 = b'T' as u64;
/// Object of what epoll instances watch: which is which is not looked into.
const INSTANCES: &str = "anon_inode:[eventpoll]";
/// Object of the clocks that several processes read.
const CLOCKS: &str = "clocks";

impl Session<'_> {
    /// Returns what the next step of a task touches, as far as other processes are concerned.
    pub fn concern(&mut self, index: usize) -> Rc<[Touch]> {
        if let Some(known) = &self.tasks[index].ahead {
            return known.clone();
        }
        let mut touches = match self.tasks[index].state {
            _ if self.is_dying(&self.tasks[index]) => {
                let mut touches = self.concern_of_exit(index);
                touches.extend(self.course_of(self.tasks[index].process));
                touches
            }
            State::Ready(At::Entry, _) => self.concern_of_call(index),
            _ => self.about_to_touch(index),
        };
        let process = self.tasks[index].process;
        if self.setup.plan.watches_threads {
            self.tell_threads_apart(index, &mut touches);
        }
        if self.has_live_children(process) {
            touches.push(self.handled_ends(process));
        }
        self.name_processes(&mut touches);
        let touches: Rc<[Touch]> = touches.into();
        self.tasks[index].ahead = Some(touches.clone());
        self.tasks[index].ahead_since = self.recorder.len();
        touches
    }

    /// Where the memory of threads is watched, a step is one of its thread and not of its whole
    /// process. In calls, threads may notice each other by what their process has: the numbers of
    /// descriptors, the directory, how signals are handled.
    fn tell_threads_apart(&self, index: usize, touches: &mut Vec<Touch>) {
        let task = &self.tasks[index];
        let whole = self.process_of(task.id);
        touches.retain(|touch| touch.object != whole.object);
        touches.push(self.thread(index));
        let row = task.entering.row();
        let is_call = matches!(task.state, State::Ready(At::Entry, _));
        let is_alone = matches!(row.does, Does::Futex | Does::Exit { process: false })
            || row.is(Fact::Yields)
            || row.passes_time();
        if is_call && !is_alone {
            let leader = self.processes[task.process].leader;
            touches.push(Touch::write(format!("calls of {leader}")));
        }
        if is_call && row.ends_threads() {
            let others = self.tasks.other_threads(index);
            touches.extend(others.map(|other| self.thread(other)));
        }
    }

    /// Returns the touch of a thread: a signal or the end of its process may change its course.
    pub(super) fn thread(&self, index: usize) -> Touch {
        Touch::write(format!("thread {}", self.tasks[index].id))
    }

    /// What a process is, to one that may change its course: all of its threads, if these are told
    /// apart.
    pub(super) fn course_of(&self, process: usize) -> Vec<Touch> {
        let whole = self.process_of(self.processes[process].leader);
        let is_part = |task: &&Task| task.process == process && !task.is_gone();
        let threads = self.tasks.iter().filter(is_part);
        let threads = threads.map(|task| self.thread(task.id.index()));
        match self.setup.plan.watches_threads {
            true => threads.chain([whole]).collect(),
            false => vec![whole],
        }
    }

    /// Calls processes by their names, which are the same under every schedule, unlike their
    /// numbers.
    pub(super) fn name_processes(&self, touches: &mut [Touch]) {
        for touch in touches {
            let numbered = touch.object.rsplit_once('#');
            let number = numbered.and_then(|(_, number)| number.parse::<usize>().ok());
            let task = number.filter(|number| *number < self.tasks.len());
            if let (Some((kind, _)), Some(task)) = (numbered, task) {
                touch.object = format!("{kind}`{}`", self.name_of(task));
            }
        }
    }

    /// Returns the name of a task: that of its process, and which further thread it is.
    fn name_of(&self, index: usize) -> String {
        let process = self.tasks[index].process;
        let Process { name, leader, .. } = &self.processes[process];
        if leader.index() == index {
            return name.clone();
        }
        let before = self.tasks.iter().take(index);
        let number = before.filter(|task| task.process == process).count();
        format!("{name}:t{number}")
    }

    fn concern_of_call(&mut self, index: usize) -> Vec<Touch> {
        let entering = self.tasks[index].entering;
        let (row, args) = (entering.row(), entering.args);
        let own = self.process_of(self.tasks[index].id);
        if self.recorder.has_unwatched() || self.footprints.unfollowed {
            return vec![own, Touch::everything()];
        }
        let mut touches = match row.does {
            _ if row.is(Fact::Own) => Vec::new(),
            // What a process is asked about itself is no step.
            Does::Nothing | Does::Schedule if row.named_process(&args).is_some() => {
                self.concern_of_named(index)
            }
            _ if row.reads_clock() => self.concern_of_clocks().into_iter().collect(),
            Does::Timer(Timer::SetDescriptor | Timer::GetDescriptor) => {
                let file = self.descriptor(self.tasks[index].tid, args[0]);
                file.map(|file| Touch::write(file.name))
                    .into_iter()
                    .collect()
            }
            Does::ControlEpoll => vec![Touch::write(INSTANCES)],
            Does::Timer(_)
            | Does::Schedule
            | Does::Restart
            | Does::Segment
            | Does::Filter
            | Does::Epoll
            | Does::SleepByClock
            | Does::Map(
                Mapping::Unmap
                | Mapping::Move
                | Mapping::Protect
                | Mapping::Advise
                | Mapping::Remap
                | Mapping::Break,
            )
            | Does::Refused(_) => Vec::new(),
            Does::Select => vec![Touch::read(EVERYTHING)],
            Does::WaitEpoll => self.concern_of_epoll(index),
            Does::CloseRange => {
                let mut touches = Vec::new();
                self.of_closing_all(self.tasks[index].tid, &mut touches);
                touches
            }
            Does::Device => self.concern_of_device(index),
            Does::Kill | Does::KillThread | Does::QueueSignal => self.concern_of_kill(index),
            Does::Exit { .. } => self.concern_of_exit(index),
            Does::Connect | Does::Bind | Does::Accept | Does::Listen | Does::Send => {
                self.concern_of_address(index)
            }
            Does::SendMany => vec![Touch::write(SOCKETS), Touch::read(EVERYTHING)],
            // What happens before is not told: to a file, or to one in a directory.
            _ if row.is(Fact::Watches) => vec![Touch::read(EVERYTHING)],
            _ if row.paths().next().is_some() => self.concern_of_names(index),
            Does::Anything if row.is(Fact::Looks) => vec![self.looked_at(index)],
            _ => match self.kernel_file(index, row, args[0]) {
                Some(touches) => touches,
                None => {
                    let mut touches = Vec::new();
                    self.of_call(index, &mut touches);
                    touches
                }
            },
        };
        if row.does != Does::Futex {
            touches.extend(self.pointed_to(index, &args));
        }
        touches.extend(self.of_fences(index));
        let process = self.tasks[index].process;
        if row.descriptor() == Some(0) && self.has_alone(process, args[0]) {
            // No other process has a position in it, or could mean it if it has no name. What an
            // epoll instance watches may be theirs.
            let is_own = |touch: &Touch| match row.does {
                Does::WaitEpoll => touch.object == INSTANCES,
                _ => objects::is_known_by_descriptor(&touch.object),
            };
            touches.retain(|touch| !is_own(touch));
        }
        // Closing a file gives up locks, if there are any.
        let gives_up = (row.does == Does::Close).then(|| std::mem::take(&mut touches));
        self.footprints.add_related(&mut touches);
        if let Some(mut gives_up) = gives_up {
            self.footprints.in_flight.add(&mut gives_up);
            touches.extend(gives_up);
        }
        touches.push(own);
        touches
    }

    /// Who reads a clock first gets the earlier time. In runs in which readings take no steps it
    /// is not looked into.
    fn concern_of_clocks(&self) -> Option<Touch> {
        let plan = self.setup.plan;
        let is_looked_into = !plan.clocks_are_free && !plan.ignores_clock_order;
        is_looked_into.then(|| Touch::write(CLOCKS))
    }

    /// The watched memory that the arguments of a call point to: the kernel may write there.
    fn pointed_to(&self, index: usize, args: &[u64; 6]) -> Vec<Touch> {
        let borrowed = &self.tasks[index].borrowed;
        let own = (0..args.len()).map(|at| borrowed.own(at, args[at]));
        let regions = own.filter_map(|argument| self.space(index).at(argument));
        regions
            .map(|region| Touch::write(self.memory_object(region.object)))
            .collect()
    }

    /// What a call asks whose answer may be about anything: about a file that tells of the machine,
    /// nothing else.
    fn looked_at(&mut self, index: usize) -> Touch {
        let (tid, entering) = (self.tasks[index].tid, self.tasks[index].entering);
        let asked = entering.row().descriptor();
        let file = asked.and_then(|at| self.descriptor(tid, entering.args[at]));
        match file.is_some_and(|file| file.name == OUTSIDE) {
            true => Touch::read(OUTSIDE),
            false => Touch::read(EVERYTHING),
        }
    }

    /// What a call touches on a descriptor through which the kernel tells of its objects.
    fn kernel_file(&mut self, index: usize, row: &Row, number: u64) -> Option<Vec<Touch>> {
        let how = descriptors::usage(row, &self.tasks[index].entering.args)?;
        let tid = self.tasks[index].tid;
        self.descriptor(tid, number)
            .filter(|file| file.name == EVERYTHING)?;
        let path = descriptor::target(tid, number).unwrap_or_default();
        Some(match how {
            Use::Read | Use::ReadAt | Use::List => self.asked_of_kernel(index, &path),
            Use::Write => self.told_to_kernel(index, &path).into_iter().collect(),
            Use::Change | Use::Lease => vec![Touch::everything()],
            Use::Seek | Use::Lock if !self.has_alone(self.tasks[index].process, number) => {
                vec![Touch::everything()]
            }
            _ => Vec::new(),
        })
    }

    /// Another process that a call names, to change what is its own or to ask for it.
    fn concern_of_named(&self, index: usize) -> Vec<Touch> {
        let named = self.named_other(index);
        let task = named.and_then(|pid| self.tasks.inside(pid));
        task.map(|task| self.process_of(task.id))
            .into_iter()
            .collect()
    }

    /// What one epoll instance shows: the state of what it watches.
    fn concern_of_epoll(&mut self, index: usize) -> Vec<Touch> {
        let (tid, number) = (self.tasks[index].tid, self.tasks[index].entering.args[0]);
        let Some(watched) = descriptor::watched_by_epoll(tid, number) else {
            return vec![Touch::read(EVERYTHING)];
        };
        let instance = Touch::read(INSTANCES);
        let files = watched.into_iter().map(|watched| {
            // Closed under this number, it may still be open elsewhere (epoll(7), Q6).
            self.descriptor(tid, watched.number)
                .map_or(Touch::read(EVERYTHING), |file| Touch::read(file.name))
        });
        files.chain([instance]).collect()
    }

    fn concern_of_device(&mut self, index: usize) -> Vec<Touch> {
        let (tid, args) = (self.tasks[index].tid, self.tasks[index].entering.args);
        let row = self.tasks[index].entering.row();
        let Some(file) = self.descriptor(tid, args[0]) else {
            return Vec::new();
        };
        match args[1] {
            FIOCLEX | FIONCLEX => Vec::new(),
            FIONBIO if file.name != EVERYTHING => vec![Touch::write(file.name)],
            FIONREAD if file.name != EVERYTHING => vec![Touch::read(file.name)],
            // What is asked of terminals, files refuse (tty_ioctl(4)).
            request if file.seekable && request >> 8 == TERMINALS => Vec::new(),
            _ if file.name == EVERYTHING => vec![Touch::everything()],
            // ioctl_ficlone(2).
            FICLONE => {
                let source = self.descriptor(tid, args[2]);
                let copied = source.map(|source| Touch::read(source.name));
                let replaced = [Touch::write(file.name)];
                replaced.into_iter().chain(copied).collect()
            }
            _ if row.only_asks(&args) => vec![Touch::read(file.name)],
            _ => vec![Touch::everything()],
        }
    }

    /// The other processes to which a task is about to send a signal.
    fn signalled(&self, index: usize) -> Vec<usize> {
        let target = self.tasks[index].entering.args[0] as i32;
        let own = self.tasks[index].process;
        let found = self.tasks.inside(target).filter(|_| target > 0);
        let mut targets: Vec<usize> = match found.map(|task| task.process) {
            Some(process) => vec![process],
            // A process group, or a child that nobody knows yet.
            None => (0..self.processes.len()).collect(),
        };
        targets.retain(|process| *process != own);
        targets
    }

    /// The processes that the signal which a task is about to send, if it does, may end.
    pub fn targets_of_signal(&self, index: usize) -> Vec<usize> {
        let row = self.tasks[index].entering.row();
        if !matches!(row.does, Does::Kill | Does::KillThread | Does::QueueSignal)
            || self.asks_by_signal(index)
        {
            return Vec::new();
        }
        let mut targets = self.signalled(index);
        targets.retain(|process| !self.has_ended(&self.processes[*process]));
        targets
    }

    /// Tells whether a signal is none, but the question whether there is its target (kill(2)).
    fn asks_by_signal(&self, index: usize) -> bool {
        let entering = self.tasks[index].entering;
        let signal = entering.row().argument(Arg::Signal);
        signal.is_some_and(|at| entering.args[at] == 0)
    }

    /// A signal may end its targets, which then close what they have open.
    fn concern_of_kill(&mut self, index: usize) -> Vec<Touch> {
        let is_question = self.asks_by_signal(index);
        let mut touches = Vec::new();
        for process in self.signalled(index) {
            let parent = self.processes[process].parent;
            touches.extend(parent.map(|parent| self.mourners(parent)));
            let leader = self.processes[process].leader;
            touches.extend(self.course_of(process));
            if !is_question && !self.has_ended(&self.processes[process]) {
                touches.extend(self.concern_of_exit(leader.index()));
            }
        }
        touches
    }

    /// What the end of a process touches. If its parent has a handler for the signal that tells
    /// it, that may run before each step which the parent takes as long as it has children.
    pub(super) fn concern_of_exit(&mut self, index: usize) -> Vec<Touch> {
        let mut touches = Vec::new();
        self.of_exit(index, &mut touches);
        if let Some(parent) = self.processes[self.tasks[index].process].parent {
            let own = self.process_of(self.processes[parent].leader);
            let told = self.handled_ends(parent);
            for touch in touches.iter_mut().filter(|touch| **touch == own) {
                *touch = told.clone();
            }
        }
        for child in self.tied_to(self.tasks[index].process) {
            let leader = self.processes[child].leader;
            touches.extend(self.course_of(child));
            touches.extend(self.concern_of_exit(leader.index()));
        }
        touches
    }

    /// What the end of a child touches whose parent has a handler for that, and each step of the
    /// parent before it.
    fn handled_ends(&self, parent: usize) -> Touch {
        let leader = self.processes[parent].leader;
        Touch::write(format!("handled ends of children of {leader}"))
    }

    fn has_live_children(&self, process: usize) -> bool {
        let mut children = self.processes.iter();
        children.any(|other| other.parent == Some(process) && !self.has_ended(other))
    }

    /// What a call touches that gives a socket an address, or names one to connect or send to.
    fn concern_of_address(&mut self, index: usize) -> Vec<Touch> {
        let task = &self.tasks[index];
        let (tid, args, row) = (task.tid, task.entering.args, task.entering.row());
        let address = match row.socket_address() {
            Some((address, _)) => args[address],
            None if row.does == Does::Send => destination(tid, row, &args),
            None => 0,
        };
        let mut touches = vec![Touch::write(SOCKETS)];
        if let Some(path) = address::path(tid, address).filter(|_| address != 0) {
            touches.extend(self.footprints.objects.of_socket_at(tid, &path));
        }
        touches
    }
}
