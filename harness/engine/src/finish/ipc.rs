//! What a run has done with System V objects and POSIX message queues.

use super::ids::Ids;
use super::ipc_times::SystemVTimes;
use crosswire_calls::{Does, Row};
use crosswire_kernel::Tid;
use std::fs::File;

/// The objects of a run that have names or numbers of their own.
#[derive(Debug, Default)]
pub(crate) struct Ipc {
    system_v: bool,
    message_queues: bool,
    namespace: Option<File>,
    /// As the trace has them, if they are the machine's.
    pub ids: Ids,
    pub times: SystemVTimes,
}

impl Ipc {
    /// A task makes a call; `leaves`: it may be elsewhere than in the run's ipc namespace
    /// afterwards. Keeps hold of that if it matters, so that what is left in it can be found when
    /// all processes have ended. What is in another one ends with that (ipc_namespaces(7)).
    pub fn note_call(&mut self, row: &Row, leaves: bool, tid: Tid) {
        let (system_v, queues) = (row.gets_system_v(), row.does == Does::OpenQueue);
        self.system_v |= system_v;
        self.message_queues |= queues;
        if (system_v || queues || leaves) && self.namespace.is_none() {
            self.namespace = File::open(format!("/proc/{tid}/ns/ipc")).ok();
        }
    }

    /// Returns whether the run has used System V objects.
    pub fn uses_system_v(&self) -> bool {
        self.system_v
    }

    /// Returns whether the run has used message queues.
    pub fn uses_message_queues(&self) -> bool {
        self.message_queues
    }

    /// The ipc namespace of the run, once it matters, and the numbers of its objects.
    pub fn into_parts(self) -> (Option<File>, Ids) {
        (self.namespace, self.ids)
    }
}
