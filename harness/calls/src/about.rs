//! Processes, groups and objects that calls concern besides their caller.

use crate::{Arg, Does, Row, commands};

impl Row {
    /// Returns the process, thread or group that the call names by a number, in its first such
    /// argument: itself by 0 is none.
    ///
    /// ```
    /// let row = crosswire_calls::row(libc::SYS_clock_getres as u32);
    /// let of_7 = !7_i32 << 3 | 2;
    /// assert_eq!(row.named_process(&[of_7 as u64, 0, 0, 0, 0, 0]), Some(7));
    /// assert_eq!(row.named_process(&[libc::CLOCK_MONOTONIC as u64, 0, 0, 0, 0, 0]), None);
    /// ```
    pub fn named_process(&self, args: &[u64; 6]) -> Option<i32> {
        let mut named = self
            .args
            .iter()
            .zip(args)
            .filter_map(|(arg, value)| match arg {
                Arg::Pid => Some(*value as i32),
                Arg::Clock => clock_owner(*value as i32),
                _ => None,
            });
        named.next().filter(|pid| *pid != 0)
    }

    /// Returns whether the call tells where a symbolic link leads: readlink(2).
    pub fn reads_link(&self) -> bool {
        self.does == Does::LookUp && self.argument(Arg::Size).is_some()
    }

    /// Returns whether the call waits for children of a certain process group: wait4(2),
    /// waitid(2).
    pub fn waits_for_group(&self, args: &[u64; 6]) -> bool {
        let first = args[0] as libc::c_int;
        self.does == Does::WaitChild
            && match self.args.first() {
                Some(Arg::Pid) => first == 0 || first < -1,
                _ => first == libc::P_PGID as libc::c_int,
            }
    }

    /// Returns whether the call tells of a System V object that it does not name by its id, or of
    /// all: `MSG_STAT`, `IPC_INFO` and their relatives (msgctl(2), semctl(2), shmctl(2)).
    pub fn surveys_system_v(&self, args: &[u64; 6]) -> bool {
        let command = self.argument(Arg::ControlCommand).map(|at| args[at]);
        match (self.does, command) {
            (Does::ControlSystemV(kind), Some(command)) => {
                commands::surveys_system_v(kind, command)
            }
            _ => false,
        }
    }
}

/// Returns the process or thread whose CPU time a clock measures, 0 for the caller's own; `None`
/// if it measures something else (clock_getcpuclockid(3)).
///
/// ```
/// use crosswire_calls::clock_owner;
/// assert_eq!(clock_owner(libc::CLOCK_THREAD_CPUTIME_ID), Some(0));
/// assert_eq!(clock_owner(libc::CLOCK_MONOTONIC), None);
/// ```
pub fn clock_owner(clock: libc::c_int) -> Option<i32> {
    /// The two bits that say what is measured, of which one value means a device instead.
    const KIND: libc::c_int = 3;
    match clock {
        libc::CLOCK_PROCESS_CPUTIME_ID | libc::CLOCK_THREAD_CPUTIME_ID => Some(0),
        ..0 if clock & KIND != KIND => Some(!(clock >> 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::row;

    #[test]
    fn zero_is_the_caller_and_a_group_is_no_child() {
        let limit = row(libc::SYS_prlimit64 as u32);
        assert_eq!(limit.named_process(&[7; 6]), Some(7));
        assert_eq!(limit.named_process(&[0; 6]), None);
        let wait = row(libc::SYS_wait4 as u32);
        let for_group = |child: i64| wait.waits_for_group(&[child as u64; 6]);
        assert_eq!([-7, -1, 0, 7].map(for_group), [true, false, true, false]);
        let wait = row(libc::SYS_waitid as u32);
        assert!(wait.waits_for_group(&[u64::from(libc::P_PGID); 6]));
        assert!(!wait.waits_for_group(&[u64::from(libc::P_PID); 6]));
    }

    #[test]
    fn some_commands_tell_of_all_objects() {
        let queue = row(libc::SYS_msgctl as u32);
        let tells = |command: i32| queue.surveys_system_v(&[0, command as u64, 0, 0, 0, 0]);
        assert!(tells(libc::MSG_INFO) && tells(libc::MSG_STAT) && tells(libc::IPC_INFO));
        assert!(!tells(libc::IPC_STAT) && !tells(libc::IPC_RMID));
        let semaphores = row(libc::SYS_semctl as u32);
        assert!(!semaphores.surveys_system_v(&[0, 0, libc::GETALL as u64, 0, 0, 0]));
    }
}
