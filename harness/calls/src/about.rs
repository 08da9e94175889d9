//! What calls are about that do not concern their caller, or one object, alone.

use crate::{Arg, Does, Row, commands};

impl Row {
    /// Returns whether the call is about the process that its first argument names, rather than
    /// about its caller.
    pub fn names_other(&self, args: &[u64; 6]) -> bool {
        self.args.first() == Some(&Arg::Pid) && args[0] as libc::c_int != 0
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

#[cfg(test)]
mod tests {
    use crate::row;

    #[test]
    fn zero_is_the_caller_and_a_group_is_no_child() {
        let limit = row(libc::SYS_prlimit64 as u32);
        assert!(limit.names_other(&[7; 6]));
        assert!(!limit.names_other(&[0; 6]));
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
