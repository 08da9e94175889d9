//! Plan of process 1, made before it is cloned.

use std::ffi::{CString, c_int};

use super::raw::Fd;
use super::shared_block::SharedBlock;

/// Data that process 1 needs, made before it is cloned.
pub(super) struct Plan {
    pub block: SharedBlock,
    /// Process 1's end of the socket.
    pub socket: Fd,
    /// The `CLONE_NEW*` flags it was cloned with.
    pub namespaces: c_int,
    pub working_dir: CString,
    pub is_root: bool,
    /// Overlays may use "trusted." attributes, which belong to the initial user
    /// namespace; others must do with "user." ones.
    pub trusted_attributes: bool,
    /// Options of the file system that holds what programs write.
    pub storage_options: CString,
    pub overlays: Vec<OverlayPlan>,
}

/// A directory that programs may write to without the host noticing.
pub(super) struct OverlayPlan {
    pub mount_point: CString,
    /// An empty directory may replace it if it cannot be overlaid.
    pub may_hide: bool,
    /// It contains the working directory.
    pub has_working_dir: bool,
    /// Path hidden from programs, relative to the mount point: the directories that lead
    /// to it, and the hidden name itself.
    pub hidden: Vec<CString>,
}
