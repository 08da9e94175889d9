//! Writing the trace.

use crate::run::session::Session;
use crosswire_calls::{Does, Fact, Row, SystemV};
use crosswire_kernel::Tid;
use crosswire_model::{Call, Event, TaskId, What};

impl Session<'_> {
    /// Adds an event of the current step.
    pub fn record(&mut self, index: usize, what: What) {
        match &what {
            What::Call { call, result, .. } | What::Wake { call, result } => {
                self.forget_after(index, Some(call.row()));
                self.note_changes(index, call.row(), *result);
                self.note_relations(index, call.row(), *result);
            }
            What::Exec(_) => {
                self.forget_after(index, None);
                self.files.open.clear();
            }
            What::Spawn(child) => {
                let child = self.tasks[child.index()].tid;
                self.footprints.hand_down(self.tasks[index].tid, child);
                self.files.open.clear();
            }
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

    /// Forgets what a call of a task, or an exec, may have changed of open files and mappings.
    fn forget_after(&mut self, index: usize, call: Option<&Row>) {
        if call.is_some_and(Row::leaves_files) {
            return;
        }
        let process = self.tasks[index].process;
        let of_process = self.tasks.iter().filter(|task| task.process == process);
        let tids: Vec<Tid> = of_process.map(|task| task.tid).collect();
        self.footprints.forget_after(call, &tids);
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
        match self.setup.pids_vary {
            // A futex may hold a process id, and is waited at by its value.
            true if entering.row().does == Does::Futex => {
                args.map(|value| self.stable_words(value))
            }
            true => {
                let id = entering
                    .row()
                    .system_v_by_id()
                    .filter(|_| args[0] as i64 >= 0);
                let id = id.map(|kind| self.ipc.ids.stable(kind, args[0] as i64) as u64);
                let mut args = args.map(|value| self.stable_pid(value as i64) as u64);
                args[0] = id.unwrap_or(args[0]);
                args
            }
            false => args,
        }
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
