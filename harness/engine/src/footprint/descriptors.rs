//! What tasks have open, and the touches of calls that work on descriptors.

use super::objects::{self, Descriptor, TableChange, made_pair};
use super::paths;
use crate::emulate::address::destination;
use crate::run::session::Session;
use crosswire_calls::{Does, Row, is_file_lock_command};
use crosswire_kernel::{Tid, memory};
use crosswire_model::{EVERYTHING, Touch};
use libc::{
    AF_UNIX, CLONE_PIDFD, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_GETLEASE, F_SETFD,
    F_SETLEASE, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, TIOCOUTQ, c_int,
};

/// In which way a call uses the descriptor that is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Nothing,
    /// Asks for size or state.
    Look,
    Read,
    ReadAt,
    Write,
    Seek,
    Lock,
    Close,
    List,
    /// Asks for a lease, or for none, which others may have to wait for (fcntl(2), F_SETLEASE).
    Lease,
    /// Changes it without moving its position.
    Change,
}

impl Session<'_> {
    /// Calls on a descriptor; everything else concerns everything.
    pub(super) fn of_descriptor(
        &mut self,
        tid: Tid,
        row: &Row,
        args: [u64; 6],
        touches: &mut Vec<Touch>,
    ) {
        let Some(how) = usage(row, &args).filter(|_| !names_socket(tid, row, &args)) else {
            return touches.push(Touch::everything());
        };
        if let Some(used) = self.descriptor(tid, args[0]) {
            self.of_use(row, how, &used, touches);
            if row.does == Does::CopyRange {
                touches.push(Touch::read(objects::writers(&used.name)));
            }
        }
        if row.does == Does::Send && destination(tid, row, &args) != 0 {
            // Any socket may have this address.
            touches.push(Touch::write(objects::SOCKETS));
        }
        let second = row.second_descriptor().map(|at| args[at]);
        let second = second.and_then(|number| self.descriptor(tid, number));
        touches.extend(second.into_iter().flat_map(|file| match row.does {
            Does::Duplicate => file.closed(),
            // Between file systems it fails; a file of the run that is opened for writing moves to
            // the upper one of its overlay.
            Does::CopyRange => vec![
                Touch::read(objects::writers(&file.name)),
                Touch::write(file.name),
            ],
            _ => vec![Touch::write(file.name)],
        }));
    }

    /// The use of what a descriptor leads to.
    fn of_use(&self, row: &Row, how: Use, used: &Descriptor, touches: &mut Vec<Touch>) {
        let Descriptor { name, seekable, .. } = used;
        if name == EVERYTHING {
            return touches.push(Touch::everything());
        }
        let file = |mode: fn(String) -> Touch| mode(name.clone());
        let locks = objects::locks(name);
        let position = objects::position(name);
        match (how, *seekable) {
            (Use::Nothing, _) => {}
            (Use::Look, _) => touches.extend(used.looked_at()),
            (Use::Read, true) => touches.extend([file(Touch::read), Touch::write(position)]),
            (Use::ReadAt, true) => touches.push(file(Touch::read)),
            (Use::Write, true) => touches.extend([file(Touch::write), Touch::write(position)]),
            (Use::Seek, true) => touches.extend([file(Touch::read), Touch::write(position)]),
            (Use::Lock, _) => touches.push(Touch::write(locks)),
            (Use::Close, _) => touches.extend(used.closed()),
            (Use::List, _) => {
                touches.extend([Touch::read(objects::entries(name)), Touch::write(position)]);
            }
            // Who has it open decides, and whoever opens it notices.
            (Use::Lease, _) => {
                touches.extend([file(Touch::write), Touch::write(locks)]);
                touches.push(Touch::read(objects::writers(name)));
                touches.extend(paths::permissions(name));
            }
            (Use::Change, true) if row.changes_permissions() => {
                touches.push(file(Touch::write));
                touches.extend(paths::permissions(name));
            }
            _ => touches.push(file(Touch::write)),
        }
    }

    pub(super) fn of_poll(&mut self, tid: Tid, args: [u64; 6], touches: &mut Vec<Touch>) {
        const MOST: u64 = 64;
        if args[1] > MOST {
            return touches.push(Touch::everything());
        }
        let mut list = vec![0; args[1] as usize * 8];
        if memory::read(tid, args[0], &mut list).is_err() {
            return touches.push(Touch::everything());
        }
        for entry in list.chunks_exact(8) {
            let number = i32::from_ne_bytes(entry[..4].try_into().expect("four bytes"));
            if let (true, Some(file)) = (number >= 0, self.descriptor(tid, number as u64)) {
                touches.push(Touch::read(file.name));
            }
        }
    }

    pub(crate) fn descriptor(&mut self, tid: Tid, number: u64) -> Option<Descriptor> {
        // The kernel takes an int.
        let number = u64::from(number as u32);
        self.footprints.objects.descriptor(tid, number)
    }

    /// Returns what a call of a task has changed of what its process has open.
    pub(crate) fn change_of_files(&self, index: usize, row: &Row, result: i64) -> TableChange {
        let task = &self.tasks[index];
        let number = |value: u64| u64::from(value as u32);
        match row.does {
            // Also if it fails, but for EBADF (close(2)).
            Does::Close => TableChange::Closed(number(task.entering.args[0])),
            Does::WaitChild | Does::Map(_) => TableChange::Opened(Vec::new()),
            Does::Fork if self.creation_flags(index, false) & CLONE_PIDFD as u64 == 0 => {
                TableChange::Opened(Vec::new())
            }
            Does::Open
            | Does::OpenQueue
            | Does::Duplicate
            | Does::Socket
            | Does::Accept
            | Does::EventCounter
            | Does::MemoryFile
            | Does::Epoll => {
                let opened = (result >= 0).then_some(number(result as u64));
                TableChange::Opened(opened.into_iter().collect())
            }
            Does::Pipe | Does::SocketPair if result == 0 => {
                match made_pair(task.tid, row, task.entering.args) {
                    pair if pair.is_empty() => TableChange::Any,
                    pair => TableChange::Opened(pair),
                }
            }
            _ => TableChange::Any,
        }
    }
}

/// Returns whether a call sends to a socket by its path, at which anything may be instead.
fn names_socket(tid: Tid, row: &Row, args: &[u64; 6]) -> bool {
    let address = match row.does {
        Does::Send => destination(tid, row, args),
        // Any of several.
        Does::SendMany => return true,
        _ => return false,
    };
    let mut start = [0; 3];
    let is_read = address != 0 && memory::read(tid, address, &mut start).is_ok();
    let family = u16::from_ne_bytes([start[0], start[1]]);
    // Abstract names begin with a NUL (unix(7)).
    is_read && i32::from(family) == AF_UNIX && start[2] != 0
}

/// Returns how a call uses its descriptor, if that is known.
pub(crate) fn usage(row: &Row, args: &[u64; 6]) -> Option<Use> {
    Some(match row.does {
        Does::Read => Use::Read,
        Does::ReadAt => Use::ReadAt,
        Does::Write | Does::Move | Does::CopyRange => Use::Write,
        Does::WriteAt
        | Does::Resize
        | Does::Change
        | Does::Notify
        | Does::Send
        | Does::SendMany
        | Does::Receive
        | Does::ReceiveMany
        | Does::ShutDown
        | Does::Listen
        | Does::Accept
        | Does::QueueSend
        | Does::QueueReceive
        | Does::SocketOption { .. } => Use::Change,
        Does::Inspect => Use::Look,
        Does::Seek => Use::Seek,
        Does::List => Use::List,
        Does::LockFile => Use::Lock,
        Does::Close => Use::Close,
        Does::Duplicate => Use::Nothing,
        Does::Device => match args[1] {
            FIOCLEX | FIONCLEX => Use::Nothing,
            FIONBIO => Use::Change,
            // Of a file, what is behind the position.
            FIONREAD | TIOCOUTQ => Use::Seek,
            _ if row.only_asks(args) => Use::Look,
            _ => return None,
        },
        Does::Control if is_file_lock_command(args[1]) => Use::Lock,
        Does::Control => match args[1] as c_int {
            F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD => Use::Nothing,
            F_GETFL => Use::Look,
            F_SETLEASE | F_GETLEASE => Use::Lease,
            _ => Use::Change,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosswire_calls::{number, row};

    #[test]
    fn what_is_not_known_has_no_usage() {
        let usage = |name| usage(row(number(name).unwrap()), &[0; 6]);
        assert_eq!(usage("pread64"), Some(Use::ReadAt));
        assert_eq!(usage("ioctl"), None);
    }
}
