//! Effects of calls that have come back, as far as another task could notice them.

use crate::{Arg, Does, Fact, Flow, Row, SystemV, Timer, commands};
use libc::*;

impl Row {
    /// The kind of System V object that the call names by its number, in its first argument.
    pub fn system_v_by_id(&self) -> Option<SystemV> {
        self.system_v()
            .filter(|_| self.args.first() == Some(&Arg::Int))
    }

    /// Returns whether the call may have changed something that another task, or the
    /// caller's own next call, could notice. In doubt it has.
    ///
    /// A call that fails changes nothing, as section 2 of the manual has it, except where
    /// it began something (`EINPROGRESS`), sent a signal (`EPIPE`) or may have taken what it
    /// could not hand over (`EFAULT`).
    ///
    /// ```
    /// let row = crosswire_calls::row(libc::SYS_flock as u32);
    /// assert!(row.has_effect(&[0; 6], 0));
    /// assert!(!row.has_effect(&[0; 6], -i64::from(libc::EWOULDBLOCK)));
    /// ```
    pub fn has_effect(&self, args: &[u64; 6], result: i64) -> bool {
        if (-4095..0).contains(&result) {
            let error = -result as c_int;
            let takes = || self.transfer().is_none_or(|it| it.flow == Flow::In);
            return matches!(error, EINPROGRESS | EPIPE) || error == EFAULT && takes();
        }
        match self.does {
            // The end of a directory.
            Does::List => result != 0,
            _ if self.only_asks(args) || self.tells_time() => false,
            // preadv2(2) reads on where it is.
            Does::ReadAt => result != 0 && args[3] as i64 == -1,
            Does::Poll
            | Does::Select
            | Does::SocketOption { sets: false }
            | Does::Sync
            | Does::Identity
            | Does::HostName
            | Does::Parent
            | Does::Sleep
            | Does::SleepByClock
            // What a task does about signals concerns itself alone.
            | Does::SignalMask
            | Does::SignalAction
            | Does::Schedule => false,
            Does::WaitChild if self.returns_no_child() => {
                let options = args[3] as c_int;
                result == 0 && options & (WNOHANG | WNOWAIT) == 0
            }
            Does::Anything => !self.is_asked_of(),
            // The end of a file; no child has ended; no task was woken; a child, process or
            // event that is not there.
            Does::Read
            | Does::WaitChild
            | Does::WaitEpoll
            | Does::Futex
            | Does::Random => result != 0,
            Does::Kill | Does::KillThread => self
                .argument(Arg::Signal)
                .is_none_or(|at| args[at] != 0),
            _ => true,
        }
    }

    /// Tells whether the call waits for a child and does not return which one it was: waitid(2).
    fn returns_no_child(&self) -> bool {
        self.does == Does::WaitChild && self.args.get(2) == Some(&Arg::Out)
    }

    /// Returns where the call says whether it has found a child, or 0 if nowhere, in case it may
    /// return at once and its result does not say so (waitid(2), "RETURN VALUE").
    pub fn child_found_at(&self, args: &[u64; 6]) -> Option<u64> {
        let options = args[3] as c_int;
        let may_find_none = options & WNOHANG != 0 && options & WNOWAIT == 0;
        (self.returns_no_child() && may_find_none).then_some(args[2])
    }

    /// Tells whether the call, of which no more is known, asks for something, and makes nothing.
    fn is_asked_of(&self) -> bool {
        let asks = |arg: &Arg| matches!(arg, Arg::Out | Arg::Pid);
        self.is(Fact::Looks) && !self.is(Fact::NoDescriptors) && self.args.iter().any(asks)
    }

    /// Tells whether the call sets something of another process: a limit (prlimit(2)).
    fn sets_of_other(&self, args: &[u64; 6]) -> bool {
        let is_there = |wanted| self.argument(wanted).is_some_and(|at| args[at] != 0);
        is_there(Arg::Pid) && is_there(Arg::Given)
    }

    /// Returns whether the call only asks for something: it changes nothing but the memory
    /// that it answers into, and the position of a directory.
    pub fn only_asks(&self, args: &[u64; 6]) -> bool {
        match self.does {
            Does::Nothing => !self.sets_of_other(args),
            Does::LookUp | Does::Inspect | Does::List | Does::WorkingDirectory => true,
            Does::Groups => self.is(Fact::Looks),
            Does::Control => commands::fcntl_only_asks(args[1]),
            Does::Device => commands::ioctl_only_asks(args[1]),
            Does::ControlSystemV(kind) => self
                .argument(Arg::ControlCommand)
                .is_some_and(|at| commands::control_only_asks(kind, args[at])),
            // mq_getsetattr(2) without new attributes.
            Does::Change => self.args.get(1) == Some(&Arg::Given) && args[1] == 0,
            _ => self.reads_clock(),
        }
    }

    /// Returns whether a call that gives files other names does so to the one whose name is this
    /// argument: the first of two, or each where they are exchanged (rename(2)).
    ///
    /// ```
    /// let row = crosswire_calls::row(libc::SYS_renameat2 as u32);
    /// let mut args = [0; 6];
    /// assert!(row.moves(&args, 1) && !row.moves(&args, 3));
    /// args[4] = u64::from(libc::RENAME_EXCHANGE);
    /// assert!(row.moves(&args, 3));
    /// ```
    pub fn moves(&self, args: &[u64; 6], at: usize) -> bool {
        let flags = self.args.iter().position(|arg| *arg == Arg::Bits);
        let exchanges = flags.is_some_and(|flags| args[flags] & u64::from(RENAME_EXCHANGE) != 0);
        let first = self.args.iter().position(|arg| *arg == Arg::Path);
        self.does == Does::Rename && (exchanges || first == Some(at))
    }

    /// Returns whether the call makes one more descriptor for what its first argument means, as
    /// dup(2) does (fcntl(2), `F_DUPFD`).
    pub fn copies_descriptor(&self, args: &[u64; 6]) -> bool {
        let copies = matches!(args[1] as c_int, F_DUPFD | F_DUPFD_CLOEXEC);
        self.does == Does::Duplicate || self.does == Does::Control && copies
    }

    /// Returns whether the call does the same to its own process however often it is repeated,
    /// and nothing to others: the working directory, the position in a file, say, are where they
    /// were after the first time.
    pub fn settles_own(&self, args: &[u64; 6]) -> bool {
        match self.does {
            Does::ChangeDirectory | Does::FileModes => true,
            Does::ProcessControl => !self.acts_later(args),
            Does::Seek => args[2] as c_int != SEEK_CUR,
            _ => false,
        }
    }

    /// Returns whether the call takes a lock of a file or gives one up: however often that is
    /// repeated, the file is locked afterwards as the call says.
    pub fn locks_file(&self, args: &[u64; 6]) -> bool {
        match self.does {
            Does::LockFile => true,
            Does::Control => commands::is_file_lock_command(args[1]),
            _ => false,
        }
    }

    /// Returns whether the call reads a clock.
    pub fn reads_clock(&self) -> bool {
        matches!(
            self.does,
            Does::ReadClock | Does::ReadTimeOfDay | Does::ReadSeconds
        )
    }

    /// Returns whether the call arranges that later calls of others send signals, wait for an
    /// answer, leave their children to the caller, or mean other files by the same names:
    /// fcntl(2), mq_notify(3), prctl(2), mount(2).
    pub fn acts_later(&self, args: &[u64; 6]) -> bool {
        match self.does {
            _ if self.is(Fact::Relocates) => true,
            Does::Control => commands::fcntl_acts_later(args[1]),
            Does::Device => commands::ioctl_acts_later(args[1]),
            Does::Notify => true,
            Does::ProcessControl => args[0] as c_int == PR_SET_CHILD_SUBREAPER,
            _ => false,
        }
    }

    /// Returns whether the call writes nothing to memory, whatever it is pointed to.
    pub fn leaves_words(&self, args: &[u64; 6]) -> bool {
        self.does == Does::Futex && commands::futex_leaves_words(args[1])
    }

    /// Returns whether the call's answer depends on the time, or on how much CPU time has been
    /// used.
    pub fn tells_time(&self) -> bool {
        self.reads_clock()
            || self.measures().is_some()
            || matches!(
                self.does,
                Does::Timer(Timer::GetInterval | Timer::Get | Timer::GetDescriptor)
            )
    }

    /// Returns whether the call waits for nothing but its timeout, if it has one: poll(2) and select(2)
    /// without descriptors, by which programs sleep, too. With a mask of signals they wait for one.
    pub fn only_sleeps(&self, args: &[u64; 6]) -> bool {
        let has_mask = |at: usize| self.args.len() > at && args[at] != 0;
        match self.does {
            Does::Sleep | Does::SleepByClock => true,
            Does::Poll => args[1] as u32 == 0 && !has_mask(3),
            Does::Select => (args[0] as u32 == 0 || args[1..4] == [0; 3]) && !has_mask(5),
            _ => false,
        }
    }

    /// Returns whether the call lets time pass: it sleeps, or lets others run.
    pub fn passes_time(&self) -> bool {
        matches!(self.does, Does::Sleep | Does::SleepByClock) || self.is(Fact::Yields)
    }
}

#[cfg(test)]
mod tests {
    use crate::row;

    fn has_effect(number: i64, args: [u64; 6], result: i64) -> bool {
        row(number as u32).has_effect(&args, result)
    }

    #[test]
    fn asking_changes_nothing() {
        let none = [0; 6];
        assert!(!has_effect(libc::SYS_sched_yield, none, 0));
        assert!(!has_effect(libc::SYS_clock_gettime, none, 0));
        assert!(!has_effect(libc::SYS_getpgid, none, 7));
        assert!(!has_effect(libc::SYS_kill, [42, 0, 0, 0, 0, 0], 0));
        assert!(!has_effect(libc::SYS_getpriority, [0, 42, 0, 0, 0, 0], 15));
        assert!(!has_effect(libc::SYS_getxattr, none, 1));
        assert!(
            !has_effect(libc::SYS_wait4, none, 0),
            "WNOHANG, and none has ended"
        );
        assert!(!has_effect(libc::SYS_read, none, 0), "the end of a file");
    }

    #[test]
    fn what_succeeds_may_be_noticed() {
        let none = [0; 6];
        assert!(has_effect(libc::SYS_kill, [42, 10, 0, 0, 0, 0], 0));
        assert!(has_effect(libc::SYS_wait4, none, 42));
        assert!(has_effect(libc::SYS_waitid, none, 0));
        assert!(has_effect(
            libc::SYS_preadv2,
            [0, 0, 0, -1_i64 as u64, 0, 0],
            1
        ));
        assert!(has_effect(libc::SYS_pidfd_open, none, 3));
        assert!(has_effect(libc::SYS_inotify_rm_watch, none, 0));
        assert!(has_effect(libc::SYS_read, none, 1));
        assert!(has_effect(libc::SYS_openat, none, 3));
        assert!(has_effect(libc::SYS_setsid, none, 7));
        assert!(has_effect(libc::SYS_futex, none, 1), "it woke a task");
    }

    #[test]
    fn what_fails_changes_nothing_with_exceptions() {
        let none = [0; 6];
        let fails = |number, error: i32| has_effect(number, none, -i64::from(error));
        assert!(!fails(libc::SYS_openat, libc::EEXIST));
        assert!(!fails(libc::SYS_connect, libc::ECONNREFUSED));
        assert!(fails(libc::SYS_connect, libc::EINPROGRESS));
        assert!(fails(libc::SYS_write, libc::EPIPE), "SIGPIPE");
        assert!(
            !fails(libc::SYS_nanosleep, libc::EINTR),
            "the signal had one"
        );
    }
}
