//! Errors that depend on what a call is made on: its manual page lists them for all.

use crate::run::session::Session;
use crosswire_calls::{Arg, Does, Flow};
use crosswire_kernel::descriptor::{self, FileType};
use crosswire_kernel::probe;
use libc::{
    EAGAIN, ECONNRESET, EDQUOT, EFBIG, EINTR, EIO, ENOBUFS, ENOSPC, EPIPE, MSG_DONTWAIT,
    MSG_WAITALL, c_int,
};

impl Session<'_> {
    /// Tells whether the call that a task is about to make can fail with an error, on the file that
    /// it names: only files on disks are full or broken, only streams have another end.
    pub fn can_fail_with(&mut self, index: usize, errno: c_int) -> bool {
        if errno == EINTR {
            // Where no handler runs that ends the call, nothing interrupts it (signal(7)), and
            // files on disks do not wait.
            let task = &self.tasks[index];
            let ends = !task.interrupters.is_empty();
            return ends && !self.moves_plainly(index);
        }
        let row = self.tasks[index].entering.row();
        if row.does == Does::Close && matches!(errno, ENOSPC | EDQUOT) {
            // There was no room for what had been written before (close(2), "ERRORS").
            let file = self.file(index, 0);
            return file.is_none_or(|file| descriptor::is_on_disk(&file));
        }
        let Some(transfer) = row.transfer() else {
            return true;
        };
        let Some(file) = self.file(index, transfer.descriptor) else {
            return true;
        };
        let kind = descriptor::file_type(&file);
        match errno {
            ENOSPC | EDQUOT | EFBIG => kind == FileType::Regular,
            // A terminal, or a device, too.
            EIO => matches!(kind, FileType::Regular | FileType::Other),
            EPIPE => {
                matches!(kind, FileType::Pipe | FileType::Stream) && transfer.flow == Flow::Out
            }
            ECONNRESET | ENOBUFS => matches!(kind, FileType::Stream | FileType::Datagram),
            EAGAIN => {
                let asks = self.message_flags(index) & MSG_DONTWAIT != 0;
                kind != FileType::Regular && (asks || descriptor::is_non_blocking(&file))
            }
            _ => true,
        }
    }

    /// Tells whether a task is about to receive exactly as many bytes as it asks for: fewer come
    /// only if a signal is caught, or there will be no more (recv(2), `MSG_WAITALL`).
    pub(super) fn receives_all(&self, index: usize) -> bool {
        self.message_flags(index) & MSG_WAITALL != 0 && probe::handled(self.tasks[index].tid) == 0
    }

    /// The flags of a call that sends or receives (send(2), recv(2)); 0 for others.
    fn message_flags(&self, index: usize) -> c_int {
        let entering = self.tasks[index].entering;
        let row = entering.row();
        match row.does {
            Does::Receive | Does::Send => {
                let flags = row.argument(Arg::Bits);
                flags.map_or(0, |argument| entering.args[argument] as c_int)
            }
            _ => 0,
        }
    }
}
