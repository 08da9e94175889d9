//! Files of proc(5) that hold numbers of files: `maps`, `fdinfo`, and the links in `fd` and `ns`.

use crate::memory::space::OWN;
use crate::run::session::{Halt, Session};
use crosswire_kernel::arch::Register;
use crosswire_kernel::{Tid, memory};
use std::ops::Range;
use std::path::Path;

/// Column at which the kernel puts the path of a mapping (fs/proc/task_mmu.c).
const PATH_COLUMN: usize = 73;

/// What the kernel maps for calls that take no system call: programs are to find none.
const HIDDEN: [&str; 3] = ["[vdso]", "[vvar]", "[vvar_vclock]"];

/// Returns the addresses of a mapping.
fn bounds(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    Some(address(start)?..address(end)?)
}

/// Returns the length of a mapping that programs are not to see, else 0.
pub(super) fn hidden_length(line: &str) -> u64 {
    let bounds = bounds(line).unwrap_or_default();
    let is_own = OWN.iter().any(|own| own.contains(&bounds.start));
    let is_hidden = is_own || HIDDEN.iter().any(|name| line.ends_with(name));
    match is_hidden {
        true => bounds.end - bounds.start,
        false => 0,
    }
}

/// Returns how much memory of a task programs are not to see, in bytes.
pub(super) fn hidden_memory(tid: Tid) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{tid}/maps")).unwrap_or_default();
    maps.lines().map(hidden_length).sum()
}

impl Session<'_> {
    /// `maps`: a line a mapping (proc_pid_maps(5)).
    pub(super) fn maps(&mut self, of: usize, text: &str) -> String {
        let lines = text.lines().filter(|line| hidden_length(line) == 0);
        let corrected = lines.map(|line| self.mapping(of, line).unwrap_or_else(|| line.to_owned()));
        corrected.map(|line| line + "\n").collect()
    }

    fn mapping(&mut self, of: usize, line: &str) -> Option<String> {
        let mut fields = line.splitn(6, ' ');
        let mut next = || fields.next();
        let (range, rights, offset) = (next()?, next()?, next()?);
        let (device, inode, path) = (next()?, next()?.parse().ok()?, next().unwrap_or(""));
        let (major, minor) = device.split_once(':')?;
        let number = |digits| u32::from_str_radix(digits, 16).ok();
        let device = libc::makedev(number(major)?, number(minor)?);
        if (device, inode) == (0, 0) {
            return None;
        }
        let path = path.trim_start();
        let tid = self.tasks[of].tid;
        let (device, inode) = self.shown_of_path(tid, (device, inode), Path::new(path));
        let (major, minor) = (libc::major(device), libc::minor(device));
        let mut line = format!("{range} {rights} {offset} {major:02x}:{minor:02x} {inode} ");
        if !path.is_empty() {
            line = format!("{line:<PATH_COLUMN$}{path}");
        }
        Some(line)
    }

    /// `fdinfo` of a descriptor (proc_pid_fdinfo(5)).
    pub(super) fn descriptor_info(&mut self, tid: Tid, number: u64, text: &str) -> String {
        let shown = self.shown_of_descriptor(tid, number);
        let lines = text.lines().map(|line| match line.split_once(":\t") {
            Some(("ino", _)) => shown.map_or_else(|| line.to_owned(), |n| format!("ino:\t{}", n.1)),
            // It differs from run to run.
            Some(("mnt_id", _)) => "mnt_id:\t0".to_owned(),
            _ => line.to_owned(),
        });
        lines.map(|line| line + "\n").collect()
    }

    /// Returns whether a symbolic link may lead to a pipe, a socket or another object without a
    /// path.
    pub fn may_name_object(&self, index: usize) -> bool {
        let path = self.tasks[index].path.as_deref();
        path.is_none_or(|path| {
            let is_number = path.bytes().all(|byte| byte.is_ascii_digit());
            is_number || path.contains("fd/") || path.contains("ns/")
        })
    }

    /// Corrects what a task has just read of a symbolic link: `pipe:[1234]`.
    pub fn correct_link(&mut self, index: usize, result: i64) -> Result<i64, Halt> {
        let task = &self.tasks[index];
        let (tid, args) = (task.tid, task.entering.args);
        let Some(at) = task.entering.row().link_text().filter(|_| result > 0) else {
            return Ok(result);
        };
        let mut bytes = vec![0; result as usize];
        memory::read(tid, args[at], &mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let corrected = match text.split_once(":[") {
            Some((kind, rest)) => self.link_to_object(tid, kind, rest),
            None => self.link_to_nameless(index, &text),
        };
        let Some(corrected) = corrected else {
            return Ok(result);
        };
        let mut text = corrected.into_bytes();
        text.truncate(args[at + 1] as usize);
        memory::write(tid, args[at], &text)?;
        let stopped = self.tasks[index].stopped()?;
        stopped.poke(Register::Result, text.len() as u64)?;
        Ok(text.len() as i64)
    }

    fn link_to_object(&mut self, tid: Tid, kind: &str, rest: &str) -> Option<String> {
        let inode = rest.strip_suffix(']')?.parse().ok()?;
        let inode = self.shown_of_kind(tid, kind, inode);
        Some(format!("{kind}:[{inode}]"))
    }

    /// A file that `O_TMPFILE` made without a name is shown by its number: `/tmp/#1234 (deleted)`.
    fn link_to_nameless(&mut self, index: usize, text: &str) -> Option<String> {
        let (directory, number) = text.strip_suffix(" (deleted)")?.rsplit_once("/#")?;
        number.parse::<u64>().ok()?;
        let task = &self.tasks[index];
        let (tid, path) = (task.tid, task.path.as_deref()?);
        let descriptor = path.strip_prefix("/proc/self/fd/")?.parse().ok()?;
        let (_, inode) = self.shown_of_descriptor(tid, descriptor)?;
        Some(format!("{directory}/#{inode} (deleted)"))
    }
}
