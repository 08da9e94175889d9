//! What the device numbers mean that files have in the sandbox.

use super::known;
use super::numbers::Inode;
use crosswire_kernel::Tid;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where the kernel's overlay says of which layer a number is, if it is of a lower one
/// (Documentation/filesystems/overlayfs.rst, "Inode properties").
const LAYER: u64 = 0xff << 56;

/// Devices of the sandbox, as programs see them: anonymous ones, and no other has such numbers.
const SHOWN: [u32; 4] = [1001, 1002, 1003, 1004];

/// Places of the sandbox that are mounted once.
const MOUNTED: [&str; 4] = ["/dev/shm", "/dev/mqueue", "/proc", "/dev/urandom"];

/// Returns the device of message queues, as programs see it.
pub(super) fn queues() -> u64 {
    libc::makedev(0, SHOWN[1])
}

/// A directory with a throw-away overlay.
#[derive(Debug, Clone)]
struct Overlay {
    path: PathBuf,
    device: u64,
    /// The device of the directory itself.
    below: u64,
}

/// Devices whose files get other numbers in every run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    overlays: Vec<Overlay>,
    /// Device, and as what programs see it.
    volatile: Vec<(u64, u64)>,
    /// The devices of pipes and of sockets.
    pipes: Option<u64>,
    sockets: Option<u64>,
    /// When the sandbox was built, in nanoseconds since 1970.
    began: u64,
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there before the run: device and number that Linux shows outside.
    Before(Inode),
    /// It belongs to the run, on a device that programs see as this one.
    Run(u64),
    /// Its device is one of the machine.
    Machine,
}

impl Places {
    /// Finds out about a sandbox with this process 1.
    pub fn new(init: Tid, overlaid: &[PathBuf], output: &fs::File, began: u64) -> Places {
        let mut places = Places {
            began,
            ..Places::default()
        };
        for (path, shown) in MOUNTED.iter().zip(SHOWN) {
            let inside = device(&inside(init, Path::new(path)));
            if inside != device(Path::new(path)) {
                let shown = libc::makedev(0, shown);
                places.volatile.extend(inside.map(|inside| (inside, shown)));
            }
        }
        let device_of = |file: BorrowedFd<'_>| nix::sys::stat::fstat(file).ok().map(|s| s.st_dev);
        places.pipes = std::io::pipe()
            .ok()
            .and_then(|(end, _)| device_of(end.as_fd()));
        let socket = UnixDatagram::unbound().ok();
        places.sockets = socket.and_then(|socket| device_of(socket.as_fd()));
        let of_kernel = [places.pipes, places.sockets, device_of(output.as_fd())];
        let of_kernel = of_kernel.into_iter().flatten();
        places
            .volatile
            .extend(of_kernel.map(|device| (device, device)));
        places.look_again(init, overlaid);
        places
    }

    /// Takes note of overlays that were mounted anew. Processes may still have files of an
    /// older one open.
    pub fn look_again(&mut self, init: Tid, overlaid: &[PathBuf]) {
        for path in overlaid {
            let devices = device(&inside(init, path)).zip(device(path));
            let Some((device, below)) = devices.filter(|(device, below)| device != below) else {
                continue;
            };
            if !self
                .overlays
                .iter()
                .any(|o| o.device == device && o.path == *path)
            {
                self.overlays.retain(|overlay| overlay.device != device);
                let path = path.clone();
                self.overlays.push(Overlay {
                    path,
                    device,
                    below,
                });
            }
        }
    }

    /// Tells where a file of this device and number comes from.
    pub fn origin(&self, (device, inode): Inode) -> Origin {
        if let Some(overlay) = self.overlay(device) {
            return match inode & LAYER {
                0 => Origin::Run(overlay.below),
                _ => Origin::Before((overlay.below, inode & !LAYER)),
            };
        }
        let volatile = self.volatile.iter().find(|(real, _)| *real == device);
        volatile.map_or(Origin::Machine, |(_, shown)| Origin::Run(*shown))
    }

    /// Returns whether programs see other numbers of the files on a device than the kernel's.
    pub fn is_volatile(&self, device: u64) -> bool {
        self.origin((device, 0)) != Origin::Machine
    }

    /// Returns the key of the directory of the machine that an overlay shows at this path, merged
    /// with what the run has made in it. The overlay gives such a directory a number of its own.
    pub fn below(&self, device: u64, path: &Path) -> Option<Inode> {
        self.overlay(device)?;
        let found = fs::symlink_metadata(path)
            .ok()
            .filter(fs::Metadata::is_dir)?;
        Some((found.dev(), found.ino()))
    }

    /// Returns the device of pipes or of sockets.
    pub fn device_of(&self, kind: &str) -> Option<u64> {
        match kind {
            "pipe" => self.pipes,
            _ => self.sockets,
        }
    }

    fn overlay(&self, device: u64) -> Option<&Overlay> {
        self.overlays
            .iter()
            .find(|overlay| overlay.device == device)
    }

    /// Returns whether the kernel may have written this time since the sandbox was built.
    pub fn is_of_run(&self, time: i64) -> bool {
        u64::try_from(time).is_ok_and(|time| (self.began..=known::now() + SLACK).contains(&time))
    }
}

/// The kernel's fine clock may be ahead of its coarse one.
const SLACK: u64 = 1_000_000_000;

fn inside(init: Tid, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{init}/root{}", path.display()))
}

fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.dev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_tells_files_of_the_run_from_those_of_before() {
        let places = Places {
            overlays: vec![Overlay {
                path: "/tmp".into(),
                device: 42,
                below: 65024,
            }],
            volatile: vec![(48, 1001)],
            ..Places::default()
        };
        assert_eq!(places.origin((42, 26)), Origin::Run(65024));
        assert_eq!(
            places.origin((42, 1 << 63 | 737)),
            Origin::Before((65024, 737))
        );
        assert_eq!(places.origin((48, 2)), Origin::Run(1001));
        assert_eq!(places.origin((65024, 737)), Origin::Machine);
    }
}
