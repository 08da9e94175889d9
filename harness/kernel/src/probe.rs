//! Asking the kernel whether a task sleeps, without stopping it.

use super::Tid;
use super::counter::Moment;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

/// Open files of `/proc` about one task: a `pread` costs a microsecond, opening
/// them anew would cost five.
#[derive(Debug)]
pub struct Probe {
    tid: Tid,
    syscall: Option<File>,
    stat: Option<File>,
}

impl Probe {
    /// Builds a probe, without opening anything before it is needed.
    pub fn new(tid: Tid) -> Probe {
        Probe {
            tid,
            syscall: None,
            stat: None,
        }
    }

    /// Tells whether the task is off its CPU and not about to return. For a task that was
    /// found asleep before, this alone tells whether it has been woken, because waking
    /// sets its state to running at once.
    pub fn is_inactive(&mut self) -> bool {
        let tid = self.tid;
        let file = self
            .syscall
            .get_or_insert_with_open(|| format!("/proc/{tid}/syscall"));
        let mut buffer = [0; 8];
        match file.map(|file| file.read_at(&mut buffer, 0)) {
            Some(Ok(count)) if count > 0 => buffer[0] != b'r',
            // Gone: its end is about to be reported.
            _ => false,
        }
    }

    /// Returns the state letter of proc_pid_stat(5); `X` for a task that is gone.
    pub fn state(&mut self) -> u8 {
        let tid = self.tid;
        let file = self
            .stat
            .get_or_insert_with_open(|| format!("/proc/{tid}/stat"));
        let mut buffer = [0; 64];
        let count = match file.map(|file| file.read_at(&mut buffer, 0)) {
            Some(Ok(count)) => count,
            _ => return b'X',
        };
        state_in(&buffer[..count]).unwrap_or(b'X')
    }
}

/// Returns the state letter in what proc_pid_stat(5) tells.
fn state_in(text: &[u8]) -> Option<u8> {
    // The name in parentheses may hold parentheses itself.
    let end = text.iter().rposition(|b| *b == b')')?;
    text.get(end + 2).copied()
}

/// Tells whether a process has ended, and its parent has not asked for its status.
pub fn is_zombie(pid: Tid) -> bool {
    Probe::new(pid).state() == b'Z'
}

/// Time after which a task that has been given up is no longer waited for.
const RELEASED: Duration = Duration::from_secs(10);

/// Waits until a task that has been given up is gone.
///
/// Who dies makes the kernel reap its zombies, unless others become their parents. Their
/// numbers are free only after the tracer has learned of that death (`exit_notify` in
/// kernel/exit.c): kill(2) finds such a task, in state X, for a moment.
pub fn await_release(tid: Tid) {
    // Such a task, unlike one that is gone, still has a directory.
    let path = format!("/proc/{tid}/stat");
    let is_released = || match std::fs::read(&path) {
        Ok(text) => state_in(&text) != Some(b'X'),
        Err(_) => true,
    };
    // The one who dies may need this processor, which yielding might not leave to it.
    let end = Moment::now().after(RELEASED);
    while !is_released() && !end.is_past() {
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// Returns the time that a task has been on a processor (`schedstat` in the kernel's
/// documentation, sched-stats.rst).
pub fn processor_time(tid: Tid) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/schedstat")).ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

trait OpenOnce {
    fn get_or_insert_with_open(&mut self, path: impl FnOnce() -> String) -> Option<&File>;
}

impl OpenOnce for Option<File> {
    fn get_or_insert_with_open(&mut self, path: impl FnOnce() -> String) -> Option<&File> {
        if self.is_none() {
            *self = File::open(path()).ok();
        }
        self.as_ref()
    }
}

/// Returns whether a process has a controlling terminal (`tty_nr` of proc_pid_stat(5)).
pub fn has_terminal(tid: Tid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    // The name, in parentheses, may contain anything.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    fields
        .split(' ')
        .nth(4)
        .is_none_or(|terminal| terminal != "0")
}

/// Tells whether a task has a handler for a signal.
pub fn handles(tid: Tid, signal: i32) -> bool {
    holds(sets(tid, ["SigCgt:"])[0], signal)
}

/// Returns the signals for which a task has a handler, as bits from signal 1.
pub fn handled(tid: Tid) -> u64 {
    sets(tid, ["SigCgt:"])[0]
}

/// Returns the signals that a task blocks, those that it ignores and those for which it has a
/// handler, as bits from signal 1.
pub fn decided(tid: Tid) -> [u64; 3] {
    sets(tid, ["SigBlk:", "SigIgn:", "SigCgt:"])
}

/// Tells whether a task may use a capability, by its number (capabilities(7)).
pub fn has_capability(tid: Tid, number: u32) -> bool {
    sets(tid, ["CapEff:"])[0] >> number & 1 == 1
}

/// Tells whether a task blocks a signal.
pub fn blocks(tid: Tid, signal: i32) -> bool {
    holds(sets(tid, ["SigBlk:"])[0], signal)
}

/// Tells whether a signal waits to be delivered to a task, or to its process.
pub fn is_pending(tid: Tid, signal: i32) -> bool {
    let [own, shared] = sets(tid, ["SigPnd:", "ShdPnd:"]);
    holds(own | shared, signal)
}

/// Tells whether any signal waits to be delivered to a task, or to its process.
pub fn has_pending(tid: Tid) -> bool {
    sets(tid, ["SigPnd:", "ShdPnd:"]) != [0, 0]
}

/// Tells whether a process has children, ended ones included that it has yet to wait for; true
/// where the kernel does not say so (proc_tid_children(5)).
pub fn has_children(tid: Tid) -> bool {
    let list = std::fs::read(format!("/proc/{tid}/task/{tid}/children"));
    list.map_or(true, |list| !list.is_empty())
}

/// Returns the CPU time that a task has used, in ticks of a hundredth of a second
/// (proc_pid_stat(5)).
pub fn cpu_time(tid: Tid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/task/{tid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the limits on a process's CPU time in seconds, the soft one and the hard one;
/// `None` for none (getrlimit(2)).
pub fn cpu_limits(pid: Tid) -> (Option<u64>, Option<u64>) {
    limits(pid, libc::RLIMIT_CPU)
}

/// Returns the highest real-time priority that a process may ask for without a privilege
/// (getrlimit(2), `RLIMIT_RTPRIO`).
pub fn limit_on_priority(pid: Tid) -> u64 {
    limits(pid, libc::RLIMIT_RTPRIO).0.unwrap_or(u64::MAX)
}

/// Returns the limit on the size of a process's core file, in bytes (getrlimit(2)).
pub fn limit_on_core(pid: Tid) -> u64 {
    limits(pid, libc::RLIMIT_CORE).0.unwrap_or(u64::MAX)
}

/// Tells whether the files of a process in `/proc` belong to its user, as those of one do that
/// others may look into (`PR_SET_DUMPABLE` in proc_pid(5)).
pub fn is_open_to_owner(pid: Tid) -> bool {
    let owner = std::fs::metadata(format!("/proc/{pid}")).map(|data| data.uid());
    let user = users(pid).map(|(_, effective)| effective);
    owner.ok() == user
}

/// Returns the nice value of a task (setpriority(2)).
pub fn niceness(tid: Tid) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    // Field 19 of proc_pid_stat(5); the name is field 2.
    let niceness = fields.split_whitespace().nth(16);
    niceness
        .and_then(|field| field.parse().ok())
        .unwrap_or_default()
}

/// Returns the number of filters that a task has for its system calls (seccomp(2)).
pub fn filters(tid: Tid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let mut lines = status.lines();
    let number = lines.find_map(|line| line.strip_prefix("Seccomp_filters:"));
    number
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// Returns the real and the effective user of a task; `None` if it is gone.
pub fn users(tid: Tid) -> Option<(u32, u32)> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let mut ids = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace();
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

fn limits(pid: Tid, resource: libc::__rlimit_resource_t) -> (Option<u64>, Option<u64>) {
    use nix::libc::{RLIM_INFINITY, prlimit, rlimit};
    let mut limit = rlimit {
        rlim_cur: RLIM_INFINITY,
        rlim_max: RLIM_INFINITY,
    };
    // SAFETY: a null pointer changes nothing; the kernel writes one rlimit. A process that
    // is gone has no limits.
    unsafe { prlimit(pid, resource, std::ptr::null(), &raw mut limit) };
    let finite = |limit: u64| (limit != RLIM_INFINITY).then_some(limit);
    (finite(limit.rlim_cur), finite(limit.rlim_max))
}

/// Tells whether a task ignores a signal: explicitly, or by the signal's default action
/// (signal(7)).
pub fn ignores(tid: Tid, signal: i32) -> bool {
    let [ignored, caught] = sets(tid, ["SigIgn:", "SigCgt:"]);
    is_ignored(signal, ignored, caught)
}

/// Tells whether the kernel throws a signal away that is sent to a task: it is ignored, and not
/// blocked.
pub fn discards(tid: Tid, signal: i32) -> bool {
    let [blocked, ignored, caught] = decided(tid);
    !holds(blocked, signal) && is_ignored(signal, ignored, caught)
}

fn is_ignored(signal: i32, ignored: u64, caught: u64) -> bool {
    let by_default = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT];
    holds(ignored, signal) || by_default.contains(&signal) && !holds(caught, signal)
}

fn holds(set: u64, signal: i32) -> bool {
    set >> (signal - 1) & 1 == 1
}

/// Sets of signals, or of capabilities, in proc_pid_status(5); empty ones of a task that is gone.
fn sets<const COUNT: usize>(tid: Tid, names: [&str; COUNT]) -> [u64; COUNT] {
    // The kernel makes the whole file for the first read, which is all there is to it.
    let mut buffer = [0; 8192];
    let count = File::open(format!("/proc/{tid}/status"))
        .and_then(|file| file.read_at(&mut buffer, 0))
        .unwrap_or(0);
    let status = String::from_utf8_lossy(&buffer[..count]);
    names.map(|name| {
        let set = status.lines().find_map(|line| line.strip_prefix(name));
        set.and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
            .unwrap_or(0)
    })
}

/// Yields the CPU to any other thread that can run on it.
pub fn yield_cpu() {
    std::thread::yield_now();
}
