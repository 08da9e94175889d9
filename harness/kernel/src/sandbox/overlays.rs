//! Selection of the directories that get a throw-away overlay.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::capabilities::Feature;
use super::plan::OverlayPlan;

/// The choice for one of the three directories.
#[derive(Debug)]
pub(super) enum Choice {
    /// Overlaid by the overlay of this number.
    By(usize),
    /// Not to be overlaid.
    Refused(String),
}

/// Directories to overlay, each with the feature that it serves.
#[derive(Debug, Default)]
pub(super) struct Overlays {
    pub paths: Vec<PathBuf>,
    pub choices: Vec<(Feature, Choice)>,
    may_hide: Vec<bool>,
    working_dir: PathBuf,
    hidden: Option<PathBuf>,
}

impl Overlays {
    /// `needed` are the files that must stay visible whatever happens.
    pub(super) fn choose(working_dir: &Path, hidden: &str, needed: &[PathBuf]) -> Self {
        let mounts = mount_points();
        let hidden = working_dir.join(hidden);
        let is_needed = needed.iter().any(|file| file.starts_with(&hidden));
        let mut overlays = Self {
            working_dir: working_dir.to_owned(),
            hidden: (!is_needed).then_some(hidden),
            ..Self::default()
        };
        overlays.add(Feature::WorkingDir, working_dir, &mounts, false);
        for (feature, dir) in [(Feature::Tmp, "/tmp"), (Feature::VarTmp, "/var/tmp")] {
            // Where there is no such directory, programs cannot write to it either.
            let Ok(dir) = fs::canonicalize(dir) else {
                continue;
            };
            let may_hide =
                !working_dir.starts_with(&dir) && !needed.iter().any(|file| file.starts_with(&dir));
            overlays.add(feature, &dir, &mounts, may_hide);
        }
        overlays
    }

    fn add(&mut self, feature: Feature, dir: &Path, mounts: &[PathBuf], may_hide: bool) {
        let choice = match self.paths.iter().position(|path| dir.starts_with(path)) {
            Some(index) => Choice::By(index),
            None => match obstacle(dir, mounts) {
                // An empty directory hides what is mounted below it, too.
                Some(reason) if !may_hide => Choice::Refused(reason),
                _ => {
                    self.insert(dir, may_hide);
                    Choice::By(self.paths.len() - 1)
                }
            },
        };
        self.choices.push((feature, choice));
    }

    /// Adds a overlay, which replaces those of directories below it: one overlay serves
    /// all, and files can be renamed between them.
    fn insert(&mut self, dir: &Path, may_hide: bool) {
        let below: Vec<bool> = self
            .paths
            .iter()
            .map(|path| path.starts_with(dir))
            .collect();
        let mut kept = 0;
        let moved: Vec<Option<usize>> = below
            .iter()
            .map(|&gone| {
                (!gone).then(|| {
                    kept += 1;
                    kept - 1
                })
            })
            .collect();
        for (_, choice) in &mut self.choices {
            if let Choice::By(index) = choice {
                *index = moved[*index].unwrap_or(kept);
            }
        }
        let mut keep = below.iter().map(|gone| !gone);
        self.paths.retain(|_| keep.next() == Some(true));
        let mut keep = below.iter().map(|gone| !gone);
        self.may_hide.retain(|_| keep.next() == Some(true));
        self.paths.push(dir.to_owned());
        self.may_hide.push(may_hide);
    }

    pub(super) fn plans(&self) -> Vec<OverlayPlan> {
        self.paths
            .iter()
            .zip(&self.may_hide)
            .map(|(path, &may_hide)| OverlayPlan {
                mount_point: c_string(path),
                may_hide,
                has_working_dir: self.working_dir.starts_with(path),
                hidden: self.hidden_below(path),
            })
            .collect()
    }

    fn hidden_below(&self, path: &Path) -> Vec<CString> {
        let hidden = self.hidden.as_deref();
        let Some(inside) = hidden.and_then(|hidden| hidden.strip_prefix(path).ok()) else {
            return Vec::new();
        };
        let mut steps: Vec<CString> = inside.ancestors().map(c_string).collect();
        // The last ancestor is the empty path.
        steps.pop();
        steps.reverse();
        steps
    }
}

/// Returns the reason why no overlay can be mounted on `dir`.
fn obstacle(dir: &Path, mounts: &[PathBuf]) -> Option<String> {
    if dir == Path::new("/") {
        return Some("it is the root directory".into());
    }
    // An overlay shows only the file system of its lower directory, and the kernel
    // refuses one that would uncover what lies below these mounts.
    let below = mounts
        .iter()
        .find(|mount| *mount != dir && mount.starts_with(dir))?;
    Some(format!(
        "another file system is mounted in it, at {}",
        below.display()
    ))
}

/// Returns every mount point of this process (proc_pid_mountinfo(5)).
fn mount_points() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| PathBuf::from(OsString::from_vec(unescape(field))))
        .collect()
}

/// Space, tab, newline and backslash appear as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, others)) = rest.split_first() {
        rest = others;
        match others {
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] if first == b'\\' => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => plain.push(first),
        }
    }
    plain
}

/// Returns a path that the kernel gave out, and so has no zero byte.
pub(super) fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(working_dir: &str, mounts: &[&str]) -> Overlays {
        let mounts: Vec<PathBuf> = mounts.iter().map(PathBuf::from).collect();
        let mut overlays = Overlays {
            working_dir: working_dir.into(),
            ..Overlays::default()
        };
        overlays.add(Feature::WorkingDir, Path::new(working_dir), &mounts, false);
        overlays.add(Feature::Tmp, Path::new("/tmp"), &mounts, false);
        overlays.add(Feature::VarTmp, Path::new("/var/tmp"), &mounts, false);
        overlays
    }

    #[test]
    fn a_working_dir_below_tmp_shares_its_overlay() {
        let overlays = choose("/tmp/project", &["/"]);
        assert_eq!(overlays.paths, [Path::new("/tmp"), Path::new("/var/tmp")]);
        assert!(matches!(overlays.choices[0].1, Choice::By(0)));
        assert!(matches!(overlays.choices[1].1, Choice::By(0)));
        assert!(matches!(overlays.choices[2].1, Choice::By(1)));
    }

    #[test]
    fn a_working_dir_above_var_tmp_serves_it() {
        let overlays = choose("/var", &["/"]);
        assert_eq!(overlays.paths, [Path::new("/var"), Path::new("/tmp")]);
        assert!(matches!(overlays.choices[2].1, Choice::By(0)));
    }

    #[test]
    fn no_overlay_over_the_root_or_over_mounts() {
        assert!(matches!(
            choose("/", &["/"]).choices[0].1,
            Choice::Refused(_)
        ));
        let overlays = choose("/home/me", &["/", "/home", "/home/me/cache"]);
        assert!(matches!(overlays.choices[0].1, Choice::Refused(_)));
        assert_eq!(overlays.paths, [Path::new("/tmp"), Path::new("/var/tmp")]);
    }

    #[test]
    fn mount_points_are_unescaped() {
        assert_eq!(unescape(br"/a\040b\134c"), br"/a b\c");
    }
}
