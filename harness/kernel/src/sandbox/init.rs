//! Process 1 of a sandbox: builds the room, then serves requests until the
//! harness closes its end of the socket. Nothing here allocates (see
//! [`super::raw`]).

use std::ffi::{c_int, c_long, c_uint, c_ulong};

use super::child::{self, MAX_FDS, Origin};
use super::plan::Plan;
use super::raw::{self, Errno, Fd};
use super::room::Room;
use super::shared_block::{
    self, MESSAGE_BYTES, ProgramRecord, Request, ResetAnswer, SetUpReport, SharedBlock, SpawnStage,
    Step,
};

/// The life of process 1. `extern "C"`, so that a panic, which must not happen,
/// ends the process instead of unwinding into the copied stack of the harness.
pub(super) extern "C" fn live(plan: &Plan) -> ! {
    let umask = become_quiet(plan);
    // If the harness died before the line that ties this process to it, the
    // other end of the socket is closed and this is where the process ends.
    match receive(plan.socket, &mut Received::new()) {
        Some((Request::SetUp, _)) => {}
        _ => raw::exit(0),
    }
    let mut report = SetUpReport::BLANK;
    let mut room = if plan.namespaces == 0 {
        let subreaper = raw::prctl(libc::PR_SET_CHILD_SUBREAPER, [1, 0, 0, 0]);
        report.note(Step::Subreaper, subreaper.map(drop));
        None
    } else {
        Room::build(plan, &mut report)
    };
    report.note(Step::Addresses, raw::fix_addresses());
    report.note(Step::WorkingDir, raw::chdir(&plan.working_dir));
    plan.block.put_set_up(report);
    answer(plan.socket);

    let origin = Origin {
        inner: room.as_ref().map_or(-1, |room| room.inner),
        is_root: plan.is_root,
        die_with_parent: plan.namespaces & libc::CLONE_NEWPID == 0,
        umask,
    };
    let mut received = Received::new();
    while let Some((request, offset)) = receive(plan.socket, &mut received) {
        match request {
            Request::SetUp => {}
            Request::Spawn => {
                // The tracer is attached by now, and no program shall look in here.
                let _ = raw::prctl(libc::PR_SET_DUMPABLE, [0; 4]);
                spawn(plan.block, offset, received.fds(), &origin);
            }
            Request::Reset => {
                if let Some(room) = &mut room {
                    let ipc = received.fds().first().copied().unwrap_or(-1);
                    plan.block
                        .put_answer(room.reset(plan, &plan.block.request(), ipc));
                }
                answer(plan.socket);
            }
            Request::Show => {
                let _ = raw::prctl(libc::PR_SET_DUMPABLE, [offset.into(), 0, 0, 0]);
                answer(plan.socket);
            }
            Request::NextPid => {
                let given = match &room {
                    Some(room) => room.give_next_pid(offset as c_int),
                    None => Err(libc::ENOSYS),
                };
                plan.block.put_answer(ResetAnswer::of(given));
                answer(plan.socket);
            }
        }
        received.close();
    }
    if plan.namespaces == 0 {
        kill_children();
    }
    raw::exit(0)
}

/// Without a pid namespace, ends whatever programs are left when the harness has
/// gone. Those whose parent ends become children of this process, a subreaper, so
/// some rounds get all.
fn kill_children() {
    const ROUNDS: u32 = 100_000;
    let mut buffer = [0_u8; 4096];
    for _ in 0..ROUNDS {
        // proc_tid_children(5): pids, each followed by a space.
        let Ok(list) = raw::open(c"/proc/thread-self/children", libc::O_RDONLY) else {
            return;
        };
        let read = raw::read(list, &mut buffer).unwrap_or(0);
        raw::close(list);
        if read == 0 {
            return;
        }
        let mut pid: c_int = 0;
        for byte in buffer.get(..read).unwrap_or(&[]) {
            if byte.is_ascii_digit() {
                pid = pid
                    .wrapping_mul(10)
                    .wrapping_add(c_int::from(byte.wrapping_sub(b'0')));
            } else if pid > 1 {
                raw::kill(pid);
                pid = 0;
            }
        }
        raw::yield_now();
    }
}

/// Cuts the ties to the harness but for the socket and the block. Returns the
/// umask that programs are to have.
fn become_quiet(plan: &Plan) -> libc::mode_t {
    // Tied to the *thread* that cloned this process (PR_SET_PDEATHSIG(2const)).
    // Without a pid namespace this process must live on to end its programs.
    if plan.namespaces & libc::CLONE_NEWPID != 0 {
        let _ = raw::prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as c_ulong, 0, 0, 0]);
    }
    let socket = plan.socket as c_uint;
    if socket > 0 {
        raw::close_range(0, socket.wrapping_sub(1));
    }
    raw::close_range(socket.saturating_add(1), c_uint::MAX);
    // Otherwise an unprivileged harness could neither write this process's
    // identity maps nor trace it (PR_SET_DUMPABLE(2const)).
    let _ = raw::prctl(libc::PR_SET_DUMPABLE, [1, 0, 0, 0]);
    // SAFETY: no handler is installed; ignored children are reaped by the kernel.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    // SAFETY: no pointers.
    let _ = unsafe { raw::call(libc::SYS_setsid, [0; 5]) };
    raw::umask(0)
}

fn spawn(block: SharedBlock, offset: u32, fds: &[Fd], origin: &Origin) {
    let Some(program) = block.program(offset) else {
        return;
    };
    // SAFETY: the harness wrote the record before it sent the message, and leaves
    // it alone until the child has become the program or has ended.
    let program: &ProgramRecord = unsafe { program.as_ref() };
    // The kernel stores the pid before the child, or a tracer of it, runs.
    match fork(program.child.as_ptr()) {
        Ok(0) => child::become_program(program, fds, origin),
        Ok(_) => {}
        Err(error) => {
            child::report(program, SpawnStage::Fork, error);
            // A process that waits for the child waits for this process too: its end is
            // the one event that cannot be missed.
            raw::exit(1)
        }
    }
}

fn fork(pid: *mut c_int) -> Result<c_long, Errno> {
    let flags = (libc::CLONE_PARENT_SETTID | libc::SIGCHLD) as c_ulong;
    // SAFETY: like fork(2); `pid` points into the block. The order of the last two
    // arguments differs between processors, and both are 0.
    unsafe { raw::call(libc::SYS_clone, [flags, 0, pid as c_ulong, 0, 0]) }
}

/// The descriptors that came with a message.
struct Received {
    fds: [Fd; MAX_FDS],
    number: usize,
}

impl Received {
    fn new() -> Self {
        Self {
            fds: [-1; MAX_FDS],
            number: 0,
        }
    }

    fn fds(&self) -> &[Fd] {
        self.fds.get(..self.number).unwrap_or(&[])
    }

    fn push(&mut self, fd: Fd) {
        match self.fds.get_mut(self.number) {
            Some(place) => {
                *place = fd;
                self.number = self.number.wrapping_add(1);
            }
            None => raw::close(fd),
        }
    }

    fn close(&mut self) {
        for fd in self.fds() {
            raw::close(*fd);
        }
        self.number = 0;
    }
}

/// Waits for a message. `None` when the harness is gone.
fn receive(socket: Fd, received: &mut Received) -> Option<(Request, u32)> {
    const CONTROL_WORDS: usize = 160; // CMSG_SPACE(253 descriptors) is 1032 bytes
    let mut bytes = [0_u8; MESSAGE_BYTES];
    let mut control = [0_u64; CONTROL_WORDS];
    loop {
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: all zeroes is a valid `msghdr`.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(&control);
        // SAFETY: `header` describes buffers that live during the call.
        let read = unsafe {
            raw::call(
                libc::SYS_recvmsg,
                [
                    socket as c_ulong,
                    &raw mut header as c_ulong,
                    libc::MSG_CMSG_CLOEXEC as c_ulong,
                    0,
                    0,
                ],
            )
        };
        match read {
            Ok(read) if read as usize == MESSAGE_BYTES => {
                take_descriptors(&header, received);
                return shared_block::parse_message(bytes);
            }
            Err(libc::EINTR) => {}
            _ => return None,
        }
    }
}

fn take_descriptors(header: &libc::msghdr, received: &mut Received) {
    // SAFETY: the kernel filled the control buffer in; the CMSG functions stay
    // inside the length it reported (cmsg(3)).
    unsafe {
        let mut item = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = item.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_RIGHTS {
                let bytes = found.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(item).cast::<Fd>();
                for index in 0..bytes / size_of::<Fd>() {
                    received.push(data.add(index).read_unaligned());
                }
            }
            item = libc::CMSG_NXTHDR(header, item);
        }
    }
}

fn answer(socket: Fd) {
    reply(socket, 1);
}

fn reply(socket: Fd, byte: u8) {
    // If the harness is gone, the next `receive` says so.
    let _ = raw::write(socket, &[byte]);
}
