//! One directory that programs may write to without the host noticing. Runs in
//! process 1, so it allocates nothing (see [`super::raw`]).

use std::ffi::{CStr, c_int};

use super::plan::{OverlayPlan, Plan};
use super::raw::{self, Errno, Fd, Text};
use super::shared_block::OverlayKind;
use super::sweep;

pub(super) const READ_DIR: c_int = libc::O_RDONLY | libc::O_DIRECTORY;

/// A directory and what overlays it. Descriptors are -1 where there is nothing.
#[derive(Clone, Copy)]
pub(super) struct Overlaid {
    pub kind: OverlayKind,
    /// The directory as the host has it.
    pub lower: Fd,
    /// Directory that receives what programs write.
    pub written: Fd,
    /// The directory as programs see it.
    pub merged: Fd,
    /// Each overlay needs directories of its own: processes that still use an
    /// older one keep its directories busy.
    generation: u32,
    /// State of `written` when nothing was written.
    pub empty: libc::stat,
}

/// Returns the attribute of an upper directory that hides the lower one.
pub(super) fn opaque_attribute(plan: &Plan) -> &'static CStr {
    if plan.trusted_attributes {
        c"trusted.overlay.opaque"
    } else {
        c"user.overlay.opaque"
    }
}

impl Overlaid {
    pub(super) const NONE: Self = Self {
        kind: OverlayKind::None,
        lower: -1,
        written: -1,
        merged: -1,
        generation: 0,
        // SAFETY: all zeroes is a valid `stat`.
        empty: unsafe { std::mem::zeroed() },
    };

    /// Overlays the directory; on failure call [`close`](Self::close).
    pub(super) fn mount(
        &mut self,
        kind: OverlayKind,
        storage: Fd,
        plan: &Plan,
        wanted: &OverlayPlan,
        index: usize,
    ) -> Result<(), Errno> {
        self.close();
        self.kind = kind;
        self.generation = self.generation.wrapping_add(1);
        if kind == OverlayKind::Overlay {
            self.mount_overlay(storage, plan, wanted, index)?;
            self.merged = raw::open(&wanted.mount_point, READ_DIR)?;
        } else {
            let flags = libc::MS_NOSUID | libc::MS_NODEV;
            let options = Some(plan.storage_options.as_c_str());
            raw::mount(
                Some(c"tmpfs"),
                &wanted.mount_point,
                Some(c"tmpfs"),
                flags,
                options,
            )?;
            self.merged = raw::open(&wanted.mount_point, READ_DIR)?;
            self.written = raw::open(&wanted.mount_point, READ_DIR)?;
            raw::imitate(self.merged, c".", &self.empty);
        }
        self.empty = raw::fstat(self.written)?;
        Ok(())
    }

    fn mount_overlay(
        &mut self,
        storage: Fd,
        plan: &Plan,
        wanted: &OverlayPlan,
        index: usize,
    ) -> Result<(), Errno> {
        if storage < 0 || self.lower < 0 {
            return Err(libc::ENOENT);
        }
        let mut upper = self.part(index, b"/upper");
        let mut work = self.part(index, b"/work");
        raw::mkdirat(storage, self.part(index, b"").c_str(), 0o755)?;
        raw::mkdirat(storage, upper.c_str(), 0o755)?;
        raw::mkdirat(storage, work.c_str(), 0o755)?;
        // The root of an overlay has the attributes of its upper directory.
        raw::imitate(storage, upper.c_str(), &self.empty);

        // Descriptors, because mounts hide these directories from each other, and
        // because ':' and ',' in a path would need quoting.
        let mask = self.mask(storage, wanted, index)?;
        let mut options: Text<512> = Text::of(b"lowerdir=");
        if mask >= 0 {
            options.push(raw::fd_path(mask).bytes());
            options.push(b":");
        }
        options.push(raw::fd_path(self.lower).bytes());
        for (option, path) in [(&b",upperdir="[..], &upper), (b",workdir=", &work)] {
            options.push(option);
            options.push(raw::fd_path(storage).bytes());
            options.push(b"/");
            options.push(path.bytes());
        }
        if !plan.trusted_attributes {
            options.push(b",userxattr");
        }
        // Numbers of files tell what made them: the host, or the run (overlayfs.rst,
        // "Inode properties").
        options.push(b",xino=on");
        let options = Some(options.c_str());
        let mounted = raw::mount(
            Some(c"overlay"),
            &wanted.mount_point,
            Some(c"overlay"),
            0,
            options,
        );
        raw::close(mask);
        mounted?;
        self.written = raw::openat(storage, upper.c_str(), READ_DIR, 0)?;
        Ok(())
    }

    /// Returns a layer between the host's directory and what programs write, in which
    /// there is nothing but what hides one name; -1 if there is none to hide.
    fn mask(&self, storage: Fd, wanted: &OverlayPlan, index: usize) -> Result<Fd, Errno> {
        let Some((hidden, parents)) = wanted.hidden.split_last() else {
            return Ok(-1);
        };
        let mut name = self.part(index, b"/mask");
        raw::mkdirat(storage, name.c_str(), 0o755)?;
        let mask = raw::openat(storage, name.c_str(), READ_DIR, 0)?;
        let fill = || {
            for parent in parents {
                raw::mkdirat(mask, parent, 0o755)?;
            }
            raw::make_whiteout(mask, hidden)?;
            // A directory in several layers has the attributes of the highest. Its times change
            // with its entries, so this comes last.
            for parent in parents {
                raw::imitate(mask, parent, &raw::fstatat(self.lower, parent, 0)?);
            }
            Ok(())
        };
        let filled: Result<(), Errno> = fill();
        if filled.is_err() {
            raw::close(mask);
        }
        filled.map(|()| mask)
    }

    pub(super) fn close(&mut self) {
        raw::close(self.merged);
        raw::close(self.written);
        self.merged = -1;
        self.written = -1;
    }

    /// Replaces the overlay by a new, clean one. Processes that have the directory
    /// open, or work in it, keep the old one.
    pub(super) fn renew(
        &mut self,
        storage: Fd,
        plan: &Plan,
        wanted: &OverlayPlan,
        index: usize,
    ) -> Result<(), Errno> {
        self.close();
        raw::detach(&wanted.mount_point)?;
        if self.kind == OverlayKind::Overlay {
            sweep::remove_tree(storage, self.part(index, b"").c_str());
        }
        self.mount(self.kind, storage, plan, wanted, index)
    }

    /// Returns the name in the storage of this overlay's directory, or of a part of it.
    fn part(&self, index: usize, name: &[u8]) -> Text<64> {
        let mut path = Text::of(b"c");
        path.push_number(index as u64);
        path.push(b"g");
        path.push_number(self.generation.into());
        path.push(name);
        path
    }
}
