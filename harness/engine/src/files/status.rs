//! The status of a file, as stat(2) and statx(2) tell it.

use super::numbers::Inode;
use super::places::Origin;
use super::{Sight, path_of};
use crate::run::session::{Halt, Session};
use crosswire_calls::{Row, StatusForm};
use crosswire_kernel::{Tid, memory};
use libc::{S_IFDIR, S_IFMT};

/// Places of the fields in a form of the status: for each its first byte and its length.
struct Layout {
    length: usize,
    device: &'static [(usize, usize)],
    inode: usize,
    links: (usize, usize),
    mode: (usize, usize),
    size: usize,
    blocks: usize,
    read: usize,
    written: usize,
    changed: usize,
    born: Option<usize>,
}

/// `struct stat` of the kernel (asm/stat.h).
const STAT: Layout = Layout {
    length: 144,
    device: &[(0, 8)],
    inode: 8,
    links: (16, 8),
    mode: (24, 4),
    size: 48,
    blocks: 64,
    read: 72,
    written: 88,
    changed: 104,
    born: None,
};

/// `struct statx` (linux/stat.h).
const STATX: Layout = Layout {
    length: 256,
    device: &[(136, 4), (140, 4)],
    inode: 32,
    links: (16, 4),
    mode: (28, 2),
    size: 40,
    blocks: 48,
    read: 64,
    written: 112,
    changed: 96,
    born: Some(80),
};

/// Of `struct statx`: which fields count, and the number of the mount, which differs from run to
/// run and for which there is a bit of its own.
const MASK: usize = 0;
const MOUNT: usize = 144;
const MOUNT_BITS: u64 = 0x1000 | 0x4000;

/// Bytes and blocks of a directory of the run: as of most directories on a disk. How the kernel
/// keeps the files of a run must not show.
const DIRECTORY: (u64, u64) = (4096, 8);

/// A status in the form in which the program has asked for it.
struct Status {
    bytes: Vec<u8>,
    layout: &'static Layout,
}

impl Status {
    fn number(&self, (at, length): (usize, usize)) -> u64 {
        let mut word = [0; 8];
        word[..length].copy_from_slice(&self.bytes[at..at + length]);
        u64::from_le_bytes(word)
    }

    fn set(&mut self, (at, length): (usize, usize), value: u64) {
        self.bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
    }

    fn device(&self) -> u64 {
        match self.layout.device {
            [major, minor] => libc::makedev(
                self.number(*major) as libc::c_uint,
                self.number(*minor) as libc::c_uint,
            ),
            whole => self.number(whole[0]),
        }
    }

    fn set_device(&mut self, device: u64) {
        match self.layout.device {
            [major, minor] => {
                self.set(*major, libc::major(device).into());
                self.set(*minor, libc::minor(device).into());
            }
            whole => self.set(whole[0], device),
        }
    }

    /// A time in nanoseconds since 1970.
    fn time(&self, at: usize) -> i64 {
        let seconds = self.number((at, 8)) as i64;
        let rest = self.number((at + 8, 4)) as i64;
        seconds.saturating_mul(1_000_000_000).saturating_add(rest)
    }

    fn set_time(&mut self, at: usize, time: i64) {
        self.set((at, 8), time.div_euclid(1_000_000_000) as u64);
        self.set((at + 8, 4), time.rem_euclid(1_000_000_000) as u64);
    }
}

impl Session<'_> {
    /// Corrects the status of a file of which a task has just asked.
    pub fn correct_status(&mut self, index: usize, result: i64) -> Result<(), Halt> {
        let task = &self.tasks[index];
        let (tid, row, args) = (task.tid, task.entering.row(), task.entering.args);
        let Some((form, buffer)) = row.status().filter(|_| result == 0) else {
            return Ok(());
        };
        let layout = match form {
            StatusForm::Stat => &STAT,
            StatusForm::Statx => &STATX,
        };
        let mut bytes = vec![0; layout.length];
        if memory::read(tid, args[buffer], &mut bytes)? < layout.length {
            return Ok(());
        }
        let mut status = Status { bytes, layout };
        let before = status.bytes.clone();
        if let Some(sight) = sight(tid, row, &args) {
            self.correct(tid, &mut status, &sight);
        }
        if form == StatusForm::Statx {
            let mask = status.number((MASK, 4));
            status.set((MASK, 4), mask & !MOUNT_BITS);
            status.set((MOUNT, 8), 0);
        }
        if status.bytes != before {
            memory::write(tid, args[buffer], &status.bytes)?;
        }
        Ok(())
    }

    fn correct(&mut self, tid: Tid, status: &mut Status, sight: &Sight) {
        let layout = status.layout;
        let inode = status.number((layout.inode, 8));
        let key = self.files.first_key((status.device(), inode));
        let origin = self.origin(key);
        let changed = status.time(layout.changed);
        let is_touched = self.files.times.has(key);
        let made_here = origin == Origin::Machine && self.was_made_by_run(tid, changed, sight);
        if origin == Origin::Machine && !made_here && !is_touched {
            return;
        }
        self.footprints.times.look(key);
        let is_directory = status.number(layout.mode) as u32 & S_IFMT == S_IFDIR;
        // A directory with several layers has one link.
        let merged = is_directory && status.number(layout.links) == 1;
        let shown = self.shown_key(tid, key, merged, sight, made_here);
        status.set_device(shown.0);
        status.set((layout.inode, 8), shown.1);
        if is_directory && !matches!(origin, Origin::Machine) {
            status.set((layout.size, 8), DIRECTORY.0);
            status.set((layout.blocks, 8), DIRECTORY.1);
        }
        let is_of_machine = merged || is_directory && matches!(origin, Origin::Before(_));
        self.correct_times(status, key, is_of_machine);
    }

    fn correct_times(&self, status: &mut Status, key: Inode, is_directory_of_machine: bool) {
        let (layout, times) = (status.layout, self.files.times.of(key));
        let fields = [
            (Some(layout.read), times.read),
            (Some(layout.written), times.written),
            (Some(layout.changed), times.changed),
            (layout.born, times.born),
        ];
        // Queues have times in full seconds, which may be those before the run began.
        let is_queue = self.files.queues == Some(key.0);
        let is_of_run = |time: i64| is_queue || self.setup.places.is_of_run(time);
        for (at, noted) in fields {
            if let Some(at) = at.filter(|at| is_of_run(status.time(*at))) {
                status.set_time(at, noted.unwrap_or_else(Self::first_file_time));
            }
        }
        if !is_directory_of_machine {
            return;
        }
        // An earlier run may have given the directory a layer, which has these times of its own,
        // and whoever lists it outside sets the time at which it was read.
        let written = status.time(layout.written);
        if times.changed.is_none() {
            status.set_time(layout.changed, written);
        }
        if times.read.is_none() {
            status.set_time(layout.read, written);
        }
        if let Some(born) = layout.born {
            let mask = status.number((MASK, 4));
            status.set((MASK, 4), mask & !u64::from(libc::STATX_BTIME));
            status.set_time(born, 0);
        }
    }
}

/// Returns how a call names the file of which it asks for the status.
fn sight(tid: Tid, row: &Row, args: &[u64; 6]) -> Option<Sight> {
    let Some((directory, name)) = row.paths().next() else {
        return Some(Sight::Descriptor(args[row.descriptor()?]));
    };
    let directory = directory.map(|at| args[at] as i32);
    // Either may be null with AT_EMPTY_PATH (Linux 6.11).
    let name = match args[name] {
        0 => String::new(),
        address => memory::read_string(tid, address, 4096)?,
    };
    match (name.is_empty(), directory) {
        (true, Some(number @ 0..)) => Some(Sight::Descriptor(number as u64)),
        _ => path_of(tid, directory, &name).map(Sight::Path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_kernel_puts_them() {
        let mut status = Status {
            bytes: vec![0; STATX.length],
            layout: &STATX,
        };
        status.set_device(libc::makedev(254, 3));
        assert_eq!(status.bytes[136], 254);
        assert_eq!(status.bytes[140], 3);
        assert_eq!(status.device(), libc::makedev(254, 3));
        status.set_time(STATX.written, -1);
        assert_eq!(status.time(STATX.written), -1);
        let mut status = Status {
            bytes: vec![0; STAT.length],
            layout: &STAT,
        };
        status.set_device(libc::makedev(254, 3));
        assert_eq!(status.bytes[..2], [3, 254]);
        status.set((STAT.inode, 8), 7);
        assert_eq!(status.bytes[8], 7);
    }
}
