//! The table: one row a system call, with the calls that every architecture has. What
//! only x86-64 has stands in `table_x86_64.rs`; how a row is written, in `rows.rs`.

use crate::Does::*;
use crate::Mapping::{self as M};
use crate::SystemV::*;
use crate::Timer::{self as T};
use crate::rows::rows;
use crate::{Arg, Facts, Row};
use syscalls::Sysno;

/// The row of a number that has none.
static UNKNOWN: Row = Row {
    number: u32::MAX,
    name: "",
    args: &[Arg::Plain; 6],
    shown: 0,
    does: Anything,
    facts: Facts(0),
};

const ENOSYS: i32 = libc::ENOSYS;

static COMMON: &[Row] = rows! {
    // Bytes by descriptor.
    read (Fd Buffer Size) Read, Interruptible Partial Dated SameFiles Untouched Loads;
    write (Fd Bytes Size) Write, Interruptible Partial NoSpace SameFiles;
    readv (Fd BufferVector Size) Read, Interruptible Partial SameFiles Untouched;
    writev (Fd BytesVector Size) Write, Interruptible Partial NoSpace SameFiles;
    pread64 (Fd Buffer Size Int) ReadAt, WakesWatchers Interruptible Partial SameFiles Loads;
    pwrite64 (Fd Bytes Size Int) WriteAt, WakesWatchers Interruptible Partial NoSpace SameFiles;
    preadv (; Fd BufferVector Size Int Int) ReadAt, Interruptible Partial;
    pwritev (; Fd BytesVector Size Int Int) WriteAt, Interruptible Partial NoSpace;
    preadv2 (; Fd BufferVector Size Int Int Bits) ReadAt, Interruptible Partial;
    pwritev2 (; Fd BytesVector Size Int Int Bits) WriteAt, Interruptible Partial NoSpace;
    sendfile (Fd Fd Given Size) Move, Interruptible Partial NoSpace;
    splice (Fd Given Sink Given Size Bits) Move, Interruptible Partial NoSpace;
    tee (Fd Sink Size Bits) Move, Interruptible Partial;
    vmsplice (; Fd BytesVector Size Bits) Move, Interruptible Partial;
    copy_file_range (; Fd Given Sink Given Size Bits) CopyRange;
    lseek (Fd Int Int) Seek, Routine Brief SameFiles Loads;
    readahead (; Fd Int Size) Nothing;
    fadvise64 (; Fd Int Int Int) Nothing, Loads;
    fsync (Fd) Sync, NoSpace WritesOut;
    fdatasync (; Fd) Sync, NoSpace WritesOut;
    sync_file_range (; Fd Int Int Bits) Anything, Looks;
    syncfs (; Fd) Anything, Looks WritesOut;
    sync () Anything, Looks WritesOut;
    cachestat (; Fd Given Out Bits) Anything, Looks;

    // Descriptors and open files.
    close (Fd) Close, SameMaps ReleasesLocks Loads;
    close_range (; Plain Plain Bits) CloseRange, ReleasesLocks;
    dup (Fd) Duplicate, Brief NoDescriptors SameMaps;
    dup3 (Fd Fd DescriptorFlags) Duplicate, SameMaps ReleasesLocks;
    fcntl (Fd FcntlCommand FcntlArgument) Control, NoMemory SameMaps ReleasesLocks;
    ioctl (Fd Request; Given) Device, Routine SameMaps;
    flock (Fd FlockOp) LockFile, Interruptible NoMemory SameFiles ReleasesLocks Untouched;
    fstat (; Fd Out) Inspect, Routine Brief SameFiles Loads;
    fstatfs (; Fd Out) Anything, Brief Looks;
    ftruncate (Fd Size) Resize, WakesWatchers;
    fallocate (; Fd Bits Int Size) Resize, NoSpace Reserves;
    fchmod (; Fd Mode) Change, WakesWatchers;
    fchown (; Fd Int Int) Change, WakesWatchers;
    fchdir (; Fd) ChangeDirectory, Brief;
    getdents64 (; Fd Out Size) List, Routine WakesWatchers SameMaps Loads;
    fsetxattr (; Fd Text Given Size Bits) Anything;
    fgetxattr (; Fd Text Out Size) Anything, Looks;
    flistxattr (; Fd Out Size) Anything, Looks;
    fremovexattr (; Fd Text) Anything;
    pidfd_open (Pid Bits) Anything, NoDescriptors Looks;
    pidfd_getfd (; Fd Int Bits) Anything, NoDescriptors;
    kcmp (; Pid Pid Int Int Int) Anything, Looks;

    // Files by name.
    openat (Dir Path OpenFlags; Mode) Open, NoSpace NoDescriptors NoMemory SameMaps;
    openat2 (; Dir Path Given Size) Open, NoSpace NoDescriptors;
    newfstatat (Dir Path; Out Bits) LookUp, Brief;
    statx (; Dir Path Bits Bits Out) LookUp, Routine Brief;
    faccessat (; Dir Path Mode) LookUp, Brief;
    faccessat2 (; Dir Path Mode Bits) LookUp, Brief;
    readlinkat (; Dir Path Out Size) LookUp, Routine Brief;
    statfs (; Path Out) Anything, Routine Brief Looks;
    unlinkat (Dir Path; Bits) Remove, WakesWatchers;
    renameat (; Dir Path Dir Path) Rename, WakesWatchers NoSpace;
    renameat2 (Dir Path Dir Path Bits) Rename, WakesWatchers NoSpace;
    linkat (; Dir Path Dir Path Bits) Link, WakesWatchers NoSpace;
    symlinkat (; Text Dir Path) Symlink, WakesWatchers NoSpace;
    mkdirat (; Dir Path Mode) MakeDirectory, WakesWatchers NoSpace;
    mknodat (Dir Path Mode; Int) MakeNode, NoSpace;
    fchmodat (; Dir Path Mode) ChangeFile, WakesWatchers;
    fchmodat2 (; Dir Path Mode Bits) ChangeFile, WakesWatchers;
    fchownat (; Dir Path Int Int Bits) ChangeFile, WakesWatchers;
    utimensat (; Dir Path Given Bits) ChangeFile, WakesWatchers;
    truncate (; Path Size) ChangeFile;
    chdir (; Path) ChangeDirectory, Brief;
    getcwd (; Out Size) WorkingDirectory, Routine Brief SameFiles;
    umask (; Mode) FileModes, Routine Brief Alike;
    setxattr (; Path Text Given Size Bits) ChangeFile;
    lsetxattr (; Path Text Given Size Bits) ChangeFile;
    setxattrat (; Dir Path Bits Text Given Size) ChangeFile;
    getxattr (; Path Text Out Size) Anything, Looks;
    lgetxattr (; Path Text Out Size) Anything, Looks;
    getxattrat (; Dir Path Bits Text Given Size) Anything, Looks;
    listxattr (; Path Out Size) Anything, Looks;
    llistxattr (; Path Out Size) Anything, Looks;
    listxattrat (; Dir Path Bits Out Size) Anything, Looks;
    removexattr (; Path Text) ChangeFile;
    lremovexattr (; Path Text) ChangeFile;
    removexattrat (; Dir Path Bits Text) ChangeFile;
    file_getattr (; Dir Path Out Size Bits) Anything, Looks;
    file_setattr (; Dir Path Given Size Bits) Anything;
    name_to_handle_at (; Dir Path Given Out Bits) Anything, Looks;
    open_by_handle_at (; Fd Given Bits) Anything;
    inotify_init1 (; Bits) Anything, NoDescriptors Looks;
    inotify_add_watch (; Fd Path Bits) Anything, NoSpace Looks Watches;
    inotify_rm_watch (; Fd Int) Anything, Looks;
    fanotify_init (; Bits Bits) Anything;
    fanotify_mark (; Fd Bits Bits Dir Path) Anything, Watches;

    // Pipes, sockets, and descriptors that are events.
    pipe2 (Pair DescriptorFlags) Pipe, Brief NoDescriptors SameMaps;
    socket (Family SocketType; Plain) Socket, Brief NoDescriptors SameMaps;
    socketpair (Family SocketType Plain Pair) SocketPair, Brief NoDescriptors SameMaps;
    bind (Fd SocketAddress; Size) Bind, WakesWatchers NoMemory;
    listen (Fd Int) Listen, WakesWatchers NoMemory;
    accept (Fd; Out Out) Accept, Interruptible NoDescriptors SameMaps Untouched;
    accept4 (Fd Out Out Bits) Accept, Interruptible NoDescriptors SameMaps Untouched;
    connect (Fd SocketAddress; Size) Connect, Interruptible NoMemory SameMaps;
    shutdown (Fd Int) ShutDown;
    sendto (Fd Bytes Size Bits; Given Size) Send, Interruptible Partial SameFiles;
    recvfrom (Fd Buffer Size Bits; Out Out) Receive, Interruptible Partial Dated SameFiles Untouched;
    sendmsg (Fd BytesMessage Bits) Send, Interruptible Partial SameMaps;
    recvmsg (Fd BufferMessage Bits) Receive, Interruptible Partial SameMaps Untouched;
    sendmmsg (; Fd BytesMessages Size Bits) SendMany, Interruptible;
    recvmmsg (; Fd BufferMessages Size Bits Given) ReceiveMany, Interruptible;
    getsockname (; Fd Out Out) Inspect, Brief;
    getpeername (; Fd Out Out) Inspect, Brief;
    setsockopt (; Fd Int Int Given Size) SocketOption { sets: true }, WakesWatchers NoMemory;
    getsockopt (; Fd Int Int Out Out) SocketOption { sets: false }, Brief;
    eventfd2 (Size Bits) EventCounter, Brief NoDescriptors SameMaps;
    signalfd4 (Fd Given Size Bits) Anything, Brief NoDescriptors Looks;
    memfd_create (Text Bits) MemoryFile, Brief NoDescriptors;
    memfd_secret (; Bits) Anything;
    ppoll (Polled; Plain Timeout Given Size) Poll, Interruptible NoMemory Dated SameFiles Untouched;
    pselect6 (Int; Given Given Given Timeout Given) Select, Interruptible SameFiles;
    epoll_create1 (Bits) Epoll, Brief NoDescriptors;
    epoll_ctl (Fd EpollOp Fd; Given) ControlEpoll, WakesWatchers NoSpace NoMemory;
    epoll_pwait (Fd Out Int Milliseconds; Given Size) WaitEpoll, Interruptible EndsWithStop SameFiles Untouched;
    epoll_pwait2 (; Fd Out Int Timeout Given Size) WaitEpoll, Interruptible EndsWithStop;

    // POSIX message queues.
    mq_open (QueueName OpenFlags; Mode Given) OpenQueue, NoSpace NoDescriptors NoMemory;
    mq_unlink (QueueName) RemoveQueue;
    // The kernel copies the message as for msgsnd(2), which lists ENOMEM.
    mq_timedsend (Fd Bytes Size Int; Deadline) QueueSend, Interruptible NoMemory Dated SameFiles Untouched;
    mq_timedreceive (Fd Buffer Size; Out Deadline) QueueReceive, Interruptible Dated SameFiles Untouched;
    mq_notify (Fd; Given) Notify;
    mq_getsetattr (; Fd Given Out) Change;

    // System V.
    msgget (Key GetFlags) Get(Queue), Brief NoSpace NoMemory;
    msgsnd (Int SystemVMessage Size; Bits) SystemVSend, Interruptible NoMemory SameFiles Untouched;
    msgrcv (Int SystemVBuffer Size Int; Bits) SystemVReceive, Interruptible Dated SameFiles ReleasesLocks Untouched;
    msgctl (Int ControlCommand; Given) ControlSystemV(Queue), ReleasesLocks;
    semget (Key Int GetFlags) Get(Semaphores), Brief NoSpace NoMemory;
    semop (Int SemaphoreOps; Size) SemaphoreOperation, Interruptible EndsWithStop NoMemory SameFiles Untouched;
    semtimedop (Int SemaphoreOps; Size Timeout) SemaphoreOperation, Interruptible EndsWithStop NoMemory Dated SameFiles Untouched;
    semctl (Int Int ControlCommand Int) ControlSystemV(Semaphores);
    shmget (Key Size GetFlags) Get(Memory), Brief NoSpace NoMemory;
    shmat (Int Address Bits) Map(M::Attach), NoMemory OwnAddresses;
    shmdt (Address) Map(M::Detach), OwnAddresses;
    shmctl (Int ControlCommand; Given) ControlSystemV(Memory);

    // Memory.
    mmap (Hint Size Protection MapFlags Fd; Int) Map(M::Map), NoMemory OwnAddresses;
    munmap (Address Size) Map(M::Unmap), Private OwnAddresses;
    mremap (; Address Size Size Bits Address) Map(M::Move), Private NoMemory OwnAddresses;
    mprotect (; Address Size Protection) Map(M::Protect), Private OwnAddresses;
    madvise (; Address Size Int) Map(M::Advise), Private;
    process_madvise (; Fd Given Size Int Bits) Anything;
    process_mrelease (; Fd Bits) Anything;
    pkey_mprotect (; Address Size Protection Int) Anything, Own;
    pkey_alloc (; Bits Bits) Anything, Own;
    pkey_free (; Int) Anything, Own;
    remap_file_pages (; Address Size Protection Plain Bits) Map(M::Remap), OwnAddresses;
    msync (; Address Size Bits) Anything, Looks WritesOut;
    mincore (; Address Size Out) Nothing, Private;
    brk (; Address) Map(M::Break), Private OwnAddresses;
    mlock (; Address Size) Anything, Own;
    mlock2 (; Address Size Bits) Anything, Own;
    munlock (; Address Size) Nothing, Private;
    mlockall (; Bits) Anything, Own;
    munlockall () Anything, Own;
    mseal (; Address Size Bits) Anything, Own;
    map_shadow_stack (; Address Size Bits) Anything, Own;
    membarrier (; Int Bits Int) Anything, Own Fences;
    futex (Word FutexOp Int; Timeout Word Int) Futex, Interruptible Dated SameFiles Untouched;
    futex_waitv (; Given Plain Bits Timeout Plain) Refused(ENOSYS), Interruptible;
    futex_wake (; Word Bits Int Bits) Anything;
    futex_wait (; Word Int Bits Bits Given Plain) Anything;
    futex_requeue (; Given Bits Int Int) Anything;
    get_mempolicy (; Out Out Plain Address Bits) Nothing, Private;
    set_mempolicy (; Int Given Plain) Anything, Own;
    set_mempolicy_home_node (; Address Size Int Bits) Anything;
    mbind (; Address Size Int Given Plain Bits) Anything, Own;
    migrate_pages (; Pid Plain Given Given) Anything;
    move_pages (; Pid Plain Given Given Out Bits) Anything;
    process_vm_readv (; Pid BufferVector Size Given Size Bits) Anything, Looks;
    process_vm_writev (; Pid BytesVector Size Given Size Bits) Anything;
    userfaultfd (; Bits) Refused(ENOSYS);

    // Processes.
    clone (; Bits Address Out Out Address) Fork, Routine NoMemory ReturnsPid OwnAddresses;
    clone3 (; Given Size) Fork, Routine NoMemory ReturnsPid OwnAddresses;
    execve (Path; Given Given) Execute, NoMemory;
    execveat (; Dir Path Given Given Bits) Execute;
    exit (Int) Exit { process: false }, Routine SameMaps;
    exit_group (Int) Exit { process: true }, Routine SameMaps;
    wait4 (Pid Status; Bits Out) WaitChild, Interruptible SameFiles ReturnsPid;
    waitid (Int Pid; Out Bits Out) WaitChild, Interruptible;
    getpid () Identity, Routine Brief SameFiles ReturnsPid;
    gettid () Identity, Routine Brief SameFiles ReturnsPid;
    getppid () Parent, Routine Brief SameFiles ReturnsPid;
    getpgid (; Pid) Groups, Brief SameMaps ReturnsPid Looks;
    setpgid (; Pid Pid) Groups, WakesWatchers SameMaps;
    getsid (; Pid) Groups, Brief Looks;
    setsid () Groups, Brief ReturnsPid;
    prctl (; Int Plain Plain Plain Plain) ProcessControl, Routine;
    seccomp (; Int Bits Given) Filter;
    ptrace (; Int Pid Address Given) Refused(libc::EPERM);
    unshare (; Bits) Anything, Relocates;
    setns (; Fd Bits) Anything, Relocates;
    set_tid_address (; Address) Nothing, Private;
    set_robust_list (; Address Size) Nothing, Private;
    get_robust_list (; Pid Out Out) Nothing, Private;
    rseq (; Address Size Bits Plain) Nothing, Private;
    getuid () Nothing, Private;
    geteuid () Nothing, Private;
    getgid () Nothing, Private;
    getegid () Nothing, Private;
    getgroups (; Size Out) Nothing, Private;
    getresuid (; Out Out Out) Nothing, Private;
    getresgid (; Out Out Out) Nothing, Private;
    setuid (; Int) Anything, Own;
    setgid (; Int) Anything, Own;
    setreuid (; Int Int) Anything, Own;
    setregid (; Int Int) Anything, Own;
    setresuid (; Int Int Int) Anything, Own;
    setresgid (; Int Int Int) Anything, Own;
    setgroups (; Size Given) Anything, Own;
    setfsuid (; Int) Anything, Own;
    setfsgid (; Int) Anything, Own;
    capget (; Given Out) Anything, Own;
    capset (; Given Given) Anything, Own;
    getrlimit (; Int Out) Nothing, Private;
    setrlimit (; Int Given) Anything, Own;
    prlimit64 (; Pid Int Given Out) Nothing, Private;
    getrusage (; Int Out) Anything, Own;
    getpriority (; Int Pid) Anything, Looks;
    setpriority (; Int Pid Int) Anything;
    ioprio_get (; Int Pid) Anything, Looks;
    ioprio_set (; Int Pid Int) Anything;
    personality (; Bits) Anything, Own;
    landlock_create_ruleset (; Given Size Bits) Anything, Own;
    landlock_add_rule (; Fd Int Given Bits) Anything, Own;
    landlock_restrict_self (; Fd Bits) Anything, Own;
    lsm_get_self_attr (; Int Out Out Bits) Anything, Looks;
    lsm_set_self_attr (; Int Given Size Bits) Anything;
    lsm_list_modules (; Out Out Bits) Anything, Own;
    add_key (; Text Text Given Size Int) Refused(ENOSYS);
    request_key (; Text Text Text Int) Refused(ENOSYS);
    keyctl (; Int Plain Plain Plain Plain) Refused(ENOSYS);

    // CPUs and priorities.
    sched_yield () Nothing, Routine Brief SameFiles Yields;
    sched_setaffinity (; Pid Size Given) Schedule;
    sched_setscheduler (; Pid Int Given) Schedule;
    sched_setattr (; Pid Given Bits) Schedule;
    sched_setparam (; Pid Given) Schedule;
    sched_getaffinity (; Pid Size Out) Schedule, Looks Alike;
    sched_getparam (; Pid Out) Schedule, Looks;
    sched_getscheduler (; Pid) Schedule, Looks;
    sched_getattr (; Pid Out Size Bits) Schedule, Looks;
    sched_get_priority_max (; Int) Anything, Own;
    sched_get_priority_min (; Int) Anything, Own;
    sched_rr_get_interval (; Pid Out) Anything, Own;
    getcpu (; Out Out Plain) Nothing, Private;

    // Signals.
    kill (Pid Signal) Kill, SameFiles;
    tkill (Pid Signal) KillThread;
    tgkill (Pid Pid Signal) KillThread, SameFiles;
    rt_sigqueueinfo (Pid Signal; Given) QueueSignal;
    rt_tgsigqueueinfo (; Pid Pid Signal Given) QueueSignal;
    pidfd_send_signal (Fd Signal; Given Bits) QueueSignal;
    rt_sigaction (Signal; Given Out Plain) SignalAction, Private SameFiles;
    rt_sigprocmask (; Int Given Out Plain) SignalMask, Private SameFiles;
    rt_sigreturn () Nothing, Private OwnAddresses;
    rt_sigpending (; Out Plain) Nothing;
    rt_sigsuspend (SignalSet; Plain) Pause, Interruptible;
    rt_sigtimedwait (SignalSet; Out Timeout Plain) TakeSignal, Interruptible EndsWithStop Dated Untouched;
    sigaltstack (; Given Out) SignalStack, Private;
    restart_syscall () Restart;

    // Time and chance.
    nanosleep (Duration; Out) Sleep, Interruptible SameFiles Yields;
    clock_nanosleep (Plain Plain Duration; Out) SleepByClock, Interruptible Dated SameFiles Yields;
    clock_gettime (; Clock Out) ReadClock, Routine Dated Alike;
    gettimeofday (; Out Out) ReadTimeOfDay, Routine Dated Alike;
    clock_getres (; Clock Out) Nothing, Private;
    clock_settime (; Int Given) Anything;
    clock_adjtime (; Int Given) Anything;
    adjtimex (; Given) Anything;
    settimeofday (; Given Given) Anything;
    setitimer (; Int Given Out) Timer(T::SetInterval);
    getitimer (; Int Out) Timer(T::GetInterval);
    timer_create (; Int Given Out) Timer(T::Create);
    timer_settime (; Int Bits Given Out) Timer(T::Set), Dated;
    timer_gettime (; Int Out) Timer(T::Get);
    timer_getoverrun (; Int) Timer(T::Overrun);
    timer_delete (; Int) Timer(T::Delete);
    timerfd_create (Int Bits) Timer(T::CreateDescriptor), NoDescriptors;
    timerfd_settime (Fd Bits; Given Out) Timer(T::SetDescriptor), Dated;
    timerfd_gettime (; Fd Out) Timer(T::GetDescriptor);
    getrandom (; Out Size Bits) Random, Routine Alike;
    times (; Out) Anything, Own;
    sysinfo (; Out) Anything, Routine Alike Own;
    uname (; Out) HostName, Routine Brief;

    // Work that the kernel does on its own cannot be scheduled.
    io_uring_setup (; Plain Given) Refused(ENOSYS);
    io_uring_enter (; Fd Plain Plain Bits Given Plain) Anything;
    io_uring_register (; Fd Plain Given Plain) Anything;
    io_setup (; Plain Given) Refused(ENOSYS);
    io_destroy (; Plain) Anything;
    io_getevents (; Plain Int Int Out Given) Anything;
    io_pgetevents (; Plain Int Int Out Given Given) Anything;
    io_submit (; Plain Int Given) Anything;
    io_cancel (; Plain Given Out) Anything;

    // The system.
    mount (; Text Path Text Bits Given) Anything, Relocates;
    umount2 (; Path Bits) Anything, Relocates;
    pivot_root (; Path Path) Anything, Relocates;
    chroot (; Path) Anything, Relocates;
    open_tree (; Dir Path Bits) Anything;
    open_tree_attr (; Dir Path Bits Given Size) Anything;
    move_mount (; Dir Path Dir Path Bits) Anything, Relocates;
    fsopen (; Text Bits) Anything;
    fsconfig (; Fd Int Text Given Int) Anything;
    fsmount (; Fd Bits Bits) Anything;
    fspick (; Dir Path Bits) Anything;
    mount_setattr (; Dir Path Bits Given Size) Anything, Relocates;
    statmount (; Given Out Size Bits) Anything, Looks;
    listmount (; Given Out Size Bits) Anything, Looks;
    swapon (; Path Bits) Anything;
    swapoff (; Path) Anything;
    quotactl (; Int Path Int Given) Anything;
    quotactl_fd (; Fd Int Int Given) Anything;
    acct (; Path) Anything;
    reboot (; Int Int Int Given) Anything;
    sethostname (; Text Size) Anything;
    setdomainname (; Text Size) Anything;
    init_module (; Given Size Text) Anything;
    finit_module (; Fd Text Bits) Anything;
    delete_module (; Text Bits) Anything;
    kexec_load (; Address Plain Given Bits) Anything;
    kexec_file_load (; Fd Fd Size Text Bits) Anything;
    syslog (; Int Out Size) Anything;
    vhangup () Anything;
    bpf (; Int Given Size) Anything;
    perf_event_open (; Given Pid Int Fd Bits) Anything;
    lookup_dcookie (; Plain Out Size) Anything;
    nfsservctl (; Int Given Out) Anything;
};

/// More than any number of a call.
const NUMBERS: usize = 1024;

/// The index of each call's row by its number; 0 for none, else one more.
static INDEX: [u16; NUMBERS] = index();

const fn index() -> [u16; NUMBERS] {
    let mut index = [0; NUMBERS];
    let mut row = 0;
    while row < COMMON.len() + LEGACY.len() {
        let number = nth(row).number as usize;
        assert!(index[number] == 0, "a call has two rows");
        index[number] = row as u16 + 1;
        row += 1;
    }
    index
}

const fn nth(row: usize) -> &'static Row {
    match row < COMMON.len() {
        true => &COMMON[row],
        false => &LEGACY[row - COMMON.len()],
    }
}

#[cfg(target_arch = "x86_64")]
use crate::table_x86_64::LEGACY;

#[cfg(not(target_arch = "x86_64"))]
static LEGACY: &[Row] = &[];

pub(crate) fn find(number: u32) -> &'static Row {
    match INDEX.get(number as usize) {
        None | Some(0) => &UNKNOWN,
        Some(row) => nth(usize::from(*row) - 1),
    }
}

pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    let known = INDEX.iter().filter(|row| **row != 0);
    known.map(|row| nth(usize::from(*row) - 1))
}

#[cfg(test)]
mod tests;
