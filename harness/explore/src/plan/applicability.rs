//! Which faults make sense at which calls.

use crosswire_calls::{Does, Fact, Flow};
use crosswire_model::{Action, Call, Errno};

/// Returns whether injecting `action` at `call` (before it, or once it has blocked) is
/// something that can happen to a program on a real machine.
pub(crate) fn applies(action: Action, call: Call, blocked: bool) -> bool {
    let row = call.row();
    match action {
        Action::Kill => true,
        Action::ClockJump(_) => row.is(Fact::Dated),
        Action::Interrupt => blocked || row.is(Fact::Interruptible),
        _ if blocked => false,
        Action::Pause(_) => true,
        Action::LoseSignal | Action::DelaySignal(_) => false,
        Action::ShortIo(_) => row.is(Fact::Partial),
        Action::ReusePid => row.does == Does::Fork,
        Action::NoMemory => call == Call::MEMORY,
        Action::Full => moves(call, &[Flow::Out]),
        Action::Errno(errno) => can_fail_with(call, errno),
    }
}

fn moves(call: Call, flows: &[Flow]) -> bool {
    let transfer = call.row().transfer();
    transfer.is_some_and(|transfer| flows.contains(&transfer.flow))
}

/// Returns whether the call can fail with this error: whether its manual page lists it, or
/// the machine's state can cause it all the same. Errors of the caller's own making (EBADF,
/// EINVAL, …) are up to the user.
fn can_fail_with(call: Call, errno: Errno) -> bool {
    let row = call.row();
    let transfers = moves(call, &[Flow::In, Flow::Out]);
    let may_happen = match errno.0 {
        // Not even a listed one makes sense where no signal handler can come between.
        libc::EINTR => return row.is(Fact::Interruptible),
        libc::ENOSPC | libc::EDQUOT => row.is(Fact::NoSpace),
        libc::EMFILE | libc::ENFILE => row.is(Fact::NoDescriptors),
        libc::ENOMEM => row.is(Fact::NoMemory) || row.is(Fact::NoDescriptors),
        libc::ENOBUFS => moves(call, &[Flow::Out]),
        // A process too many for its user.
        libc::EAGAIN => transfers || row.does == Does::Fork,
        libc::EIO => transfers || row.does == Does::Sync,
        // "Other errors may occur, depending on the object connected to fd": read(2).
        _ => transfers,
    };
    may_happen || row.lists(&errno.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_never_cut_short() {
        let send = "mq_timedsend".parse().unwrap();
        assert!(!applies(Action::ShortIo(1), send, false));
        assert!(applies(Action::Full, send, false));
        assert!(!applies(Action::Full, send, true));
        assert!(applies(Action::Kill, send, true));
    }

    #[test]
    fn errors_strike_where_the_machine_can_cause_them() {
        let can = |errno, call: &str| can_fail_with(call.parse().unwrap(), Errno(errno));
        assert!(can(libc::EAGAIN, "fork") && !can(libc::EAGAIN, "close"));
        assert!(can(libc::EMFILE, "pipe2") && !can(libc::EMFILE, "read"));
        assert!(can(libc::EIO, "fsync") && !can(libc::EIO, "getpid"));
        assert!(can(libc::ENOMEM, "eventfd2") && can(libc::ENOMEM, "mmap"));
        assert!(can(libc::EPERM, "openat") && !can(libc::EPERM, "getpid"));
        assert!(can(libc::EPERM, "kill") && can(libc::EACCES, "bind"));
        assert!(can(libc::ECONNABORTED, "accept4") && can(libc::EXDEV, "renameat2"));
        assert!(!can(libc::EPERM, "pipe2") && !can(libc::EINTR, "close"));
    }
}
