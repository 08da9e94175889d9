//! Writing the trace.

use crate::footprint::objects::TableChange;
use crate::run::session::Session;
use crosswire_calls::{Arg, Does, Fact, Row, SystemV};
use crosswire_kernel::Tid;
use crosswire_model::{Call, Event, TaskId, What};

impl Session<'_> {
    /// Adds an event of the current step.
    pub fn record(&mut self, index: usize, what: What) {
        match &what {
            What::Call { call, result, .. } | What::Wake { call, result } => {
                self.follow_files(index, Some((call.row(), *result)));
                self.note_changes(index, call.row(), *result);
                self.note_read_into(index, call.row(), *result);
                self.note_written_out(index, call.row(), *result);
                self.note_time_namespace(index, call.row(), *result);
                self.note_relations(index, call.row(), *result);
                self.note_system_v_times(index, call.row(), *result);
            }
            What::Exec(_) => {
                self.follow_files(index, None);
                self.note_closed(index);
                self.files.open.clear();
            }
            What::Spawn(child) => {
                self.note_spawned(index, child.index());
                self.files.open.clear();
            }
            What::Access(access) | What::Delay { access, .. } => self.note_pages(index, access),
            _ => {}
        }
        self.note_round(index, &what);
        self.recorder.events.push(Event {
            step: self.turn.step(),
            task: TaskId(index as u32),
            time: self.clock.now(),
            what,
        });
        if self.setup.watched {
            self.watch(index);
        }
    }

    /// A call of a task has come back, or an exec: takes note of what it may have changed of open
    /// files and mappings.
    fn follow_files(&mut self, index: usize, call: Option<(&Row, i64)>) {
        if call.is_some_and(|(row, _)| row.leaves_files()) {
            return;
        }
        let change = match call {
            Some((row, result)) => self.change_of_files(index, row, result),
            None => TableChange::Any,
        };
        let process = self.tasks[index].process;
        let of_process = self.tasks.iter().filter(|task| task.process == process);
        let tids: Vec<Tid> = of_process.map(|task| task.tid).collect();
        let call = call.map(|(row, _)| row);
        self.footprints.follow(call, &tids, &change);
    }

    /// Adds the event of a call that has begun and ended.
    pub fn record_call(&mut self, index: usize, result: i64) {
        if result == 0 && self.tasks[index].entering.row().does == Does::Pipe {
            self.give_usual_capacity(index);
        }
        let row = self.tasks[index].entering.row();
        if let Some(kind) = row
            .system_v()
            .filter(|_| row.gets_system_v() && result >= 0)
        {
            self.note_system_v(kind, result);
        }
        let result = self.stable_result(index, result);
        let task = &self.tasks[index];
        let what = What::Call {
            call: Call(task.entering.call),
            args: self.stable_args(index),
            path: task.path.clone(),
            result,
        };
        self.record(index, what);
    }

    /// Returns the result as the trace holds it. Without a pid namespace the kernel hands
    /// out other pids in every run; the trace numbers them as a namespace would.
    pub fn stable_result(&self, index: usize, result: i64) -> i64 {
        let row = self.tasks[index].entering.row();
        match row.system_v() {
            _ if !self.setup.pids_vary || result < 0 => result,
            Some(kind) if row.gets_system_v() => self.ipc.ids.stable(kind, result),
            _ if row.is(Fact::ReturnsPid) => self.stable_pid(result),
            _ => result,
        }
    }

    pub fn stable_args(&self, index: usize) -> [u64; 6] {
        let entering = self.tasks[index].entering;
        let borrowed = &self.tasks[index].borrowed;
        let own = std::array::from_fn(|i| borrowed.own(i, entering.args[i]));
        let args = Call(entering.call).used(own);
        if !self.setup.pids_vary {
            return args;
        }
        let row = entering.row();
        let mut stable = std::array::from_fn(|at| match row.args.get(at) {
            // A futex may hold a process id, and is waited at by its value.
            Some(Arg::Int) if row.does == Does::Futex => self.stable_words(args[at]),
            _ if names_process(row, &args, at) => self.stable_name(args[at]),
            _ => args[at],
        });
        let by_id = row.system_v_by_id().filter(|_| args[0] as i64 >= 0);
        if let Some(kind) = by_id {
            stable[0] = self.ipc.ids.stable(kind, args[0] as i64) as u64;
        }
        stable
    }

    /// Returns an argument that names a process, or by a negative number a group, as the trace
    /// holds it.
    fn stable_name(&self, value: u64) -> u64 {
        let pid = value as i32;
        if pid == 0 {
            return value;
        }
        let stable = self.stable_pid(pid.unsigned_abs().into()) as i32;
        value & !u64::from(u32::MAX) | u64::from(stable.wrapping_mul(pid.signum()) as u32)
    }

    /// Takes note of a System V object whose number the machine has chosen.
    fn note_system_v(&mut self, kind: SystemV, id: i64) {
        if self.setup.pids_vary {
            self.ipc.ids.note(kind, id);
        }
    }

    /// See [`Session::stable_result`].
    pub fn stable_pid(&self, pid: i64) -> i64 {
        let known = self
            .tasks
            .iter()
            .position(|t| i64::from(t.tid_inside) == pid);
        match known {
            Some(index) if self.setup.pids_vary => i64::from(crate::RUN_PID) + index as i64,
            // The parent of those that were started.
            None if self.setup.pids_vary && pid == i64::from(self.setup.sandbox.init_pid()) => 1,
            _ => pid,
        }
    }

    /// Adds the event of a call that has begun only.
    pub fn record_block(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        if std::mem::replace(&mut task.block_recorded, true) {
            return;
        }
        let what = What::Block {
            call: Call(task.entering.call),
            path: task.path.clone(),
            args: self.stable_args(index),
        };
        self.record(index, what);
    }
}

/// Tells whether an argument is the number of a process. Flags and lengths may be as small as
/// pids are in a container.
fn names_process(row: &Row, args: &[u64; 6], at: usize) -> bool {
    match row.args.get(at) {
        // A program may make the key of an object of its pid, so that it is its own.
        Some(Arg::Pid | Arg::Key) => true,
        Some(Arg::FcntlArgument) => args[1] as i32 == libc::F_SETOWN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_a_process_is_taken_for_a_pid() {
        let named = |name: &str, args: [u64; 6]| -> Vec<usize> {
            let call: Call = name.parse().expect("a call");
            let all = 0..args.len();
            all.filter(|at| names_process(call.row(), &args, *at))
                .collect()
        };
        assert_eq!(named("tgkill", [66; 6]), [0, 1]);
        assert_eq!(named("waitid", [66; 6]), [1]);
        assert_eq!(named("semget", [66; 6]), [0]);
        assert_eq!(named("openat", [66; 6]), [0; 0]);
        assert_eq!(named("write", [66; 6]), [0; 0]);
        let command = |command: i32| named("fcntl", [66, command as u64, 66, 0, 0, 0]);
        assert_eq!(command(libc::F_SETOWN), [2]);
        assert_eq!(command(libc::F_SETFL), [0; 0]);
    }
}
