//! Stacks of tasks, innermost call first. Captured in runs that will be shown to a
//! reader, and never compared.

use super::TaskId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A task in the moment in which it was looked at, as plain memory: enough to find out
/// later which calls it was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The task.
    pub task: TaskId,
    /// In which step.
    pub step: u64,
    /// Reason why it was looked at.
    pub moment: Moment,
    /// The instruction, the stack and the frame pointer.
    pub registers: [u64; 3],
    /// The memory from the stack pointer on.
    pub stack: Vec<u8>,
    /// Files mapped into its memory.
    pub mappings: Vec<Mapping>,
}

/// Part of a file in a task's memory, as proc_pid_maps(5) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The first address after it.
    pub end: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// The file.
    pub path: String,
}

/// Reason why a task was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A fault killed its process there.
    Killed,
    /// A signal that it caused itself ended its process there.
    Signal,
    /// It ended its process with a status other than 0.
    Exit,
    /// It can never run again.
    Stuck,
}

/// The calls that a task was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The task.
    pub task: TaskId,
    /// In which step.
    pub step: u64,
    /// Reason why it was looked at.
    pub moment: Moment,
    /// The calls, innermost first.
    pub frames: Vec<Frame>,
}

impl Stack {
    /// Returns the innermost call of the program's own whose source line is known: what the
    /// program was doing, where a standard library only did it for it. If no line is known, the
    /// innermost function of its own, else the innermost call of all.
    pub fn source(&self) -> Option<&Frame> {
        let own = || self.frames.iter().filter(|frame| !frame.is_of_library());
        let line = own().find(|frame| frame.line.is_some());
        let function = || own().find(|frame| frame.function.is_some());
        line.or_else(function).or(self.frames.first())
    }

    /// Returns the calls as far as the main function, which the same ones lead to in
    /// every program, without those inside standard libraries if there are others.
    pub fn told(&self) -> Vec<&Frame> {
        let is_main = |frame: &Frame| {
            let function = frame.function.as_deref().unwrap_or_default();
            function == "main" || function.ends_with("::main")
        };
        let main = self.frames.iter().position(is_main);
        let frames = &self.frames[..main.map_or(self.frames.len(), |main| main + 1)];
        let is_own = |frame: &&Frame| !frame.is_of_library();
        let own: Vec<&Frame> = frames.iter().filter(is_own).collect();
        // An address without a name says less than the library's function.
        match own.iter().any(|frame| frame.function.is_some()) {
            true => own,
            false => frames.iter().collect(),
        }
    }
}

/// Files of the standard libraries, and of the loader, without what follows the name.
const LIBRARIES: &[&str] = &[
    "libc",
    "libpthread",
    "librt",
    "libm",
    "libstdc++",
    "libc++",
    "libgcc_s",
    "ld-linux",
    "ld-linux-x86",
    "ld-musl",
    "ld-musl-x86_64",
];

/// Parts of the paths of their sources: the Rust compiler's build, headers of C++, glibc's
/// places for what a static program has of it.
const SOURCES: &[&str] = &[
    "/rustc/",
    "/rustlib/src/rust/library/",
    "/include/c++/",
    "/sysdeps/unix/",
    "./nptl/",
    "../nptl/",
];

/// Beginnings of the names of their functions, where the sources are not told.
const NAMESPACES: &[&str] = &[
    "std::",
    "<std::",
    "core::",
    "<core::",
    "alloc::",
    "<alloc::",
    "__gnu_cxx::",
    "__libc_",
    "__pthread_",
    "__GI_",
];

/// A place in a program, as far as its symbols tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Frame {
    /// The executable or library; empty for code that is in memory only.
    pub module: String,
    /// The address as the module's own tables count, which `addr2line` and `objdump`
    /// understand; in memory only, the address there.
    pub address: u64,
    /// The function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The source file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Frame {
    /// Tells whether the frame belongs to the standard library of C, C++ or Rust, which does
    /// what a program asks for: the program's own line is where to look.
    pub fn is_of_library(&self) -> bool {
        let module = self.module.rsplit('/').next().unwrap_or_default();
        let is_module = |name: &&str| {
            let rest = module.strip_prefix(*name);
            rest.is_some_and(|rest| rest.starts_with(['.', '-']))
        };
        // Compiled into the program: its generic and its inlined functions.
        let file = self.file.as_deref().unwrap_or_default();
        let is_compiled_in = SOURCES.iter().any(|part| file.contains(part));
        let function = self.function.as_deref().unwrap_or_default();
        let is_named = NAMESPACES.iter().any(|name| function.starts_with(name));
        LIBRARIES.iter().any(is_module) || is_compiled_in || is_named
    }
}

impl fmt::Display for Frame {
    /// `update (record.c:42)`, `write (libc.so.6)`, or `app+0x1139`: as much as is known,
    /// without directories.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let module = match &self.module[..] {
            "" => "memory".to_owned(),
            path => base(path),
        };
        match (&self.function, &self.file, self.line) {
            (Some(function), Some(file), Some(line)) => {
                write!(f, "{function} ({}:{line})", base(file))
            }
            (None, Some(file), Some(line)) => write!(f, "{}:{line}", base(file)),
            (Some(function), ..) => write!(f, "{function} ({module})"),
            (None, ..) => write!(f, "{module}+{:#x}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: Option<&str>, line: Option<u32>) -> Frame {
        Frame {
            module: "/usr/lib/app".into(),
            address: 0x1139,
            function: function.map(str::to_owned),
            file: line.map(|_| "/src/record.c".into()),
            line,
        }
    }

    #[test]
    fn a_frame_says_as_much_as_is_known() {
        assert_eq!(
            frame(Some("update"), Some(42)).to_string(),
            "update (record.c:42)"
        );
        assert_eq!(frame(Some("write"), None).to_string(), "write (app)");
        assert_eq!(frame(None, None).to_string(), "app+0x1139");
    }

    #[test]
    fn the_source_is_the_innermost_known_line() {
        let stack = Stack {
            task: TaskId(0),
            step: 1,
            moment: Moment::Killed,
            frames: vec![frame(Some("write"), None), frame(Some("save"), Some(7))],
        };
        assert_eq!(stack.source().unwrap().line, Some(7));
    }

    #[test]
    fn standard_libraries_give_way_to_the_program() {
        let of = |module: &str, function: &str, file: Option<&str>| Frame {
            module: module.into(),
            address: 1,
            function: Some(function.into()),
            file: file.map(str::to_owned),
            line: file.map(|_| 3),
        };
        let library = [
            of("/lib/libc.so.6", "write", None),
            of("/lib/ld-linux-x86-64.so.2", "_dl_start", None),
            of("/usr/lib/libstdc++.so.6", "x", None),
            of("/app", "f<int>", Some("/usr/include/c++/12/mutex")),
            of("/app", "core::ptr::read", None),
            of("/app", "lock", Some("/rustc/abc/library/std/src/io.rs")),
        ];
        let own = [
            of("/app", "save", None),
            of("/lib/libcurl.so.4", "curl", None),
            of("/app", "standard", Some("/src/c++/main.cc")),
        ];
        assert!(library.iter().all(Frame::is_of_library));
        assert!(!own.iter().any(Frame::is_of_library));
        let mut stack = Stack {
            task: TaskId(0),
            step: 1,
            moment: Moment::Stuck,
            frames: library.iter().chain(&own[..1]).cloned().collect(),
        };
        assert_eq!(stack.source(), Some(&own[0]));
        assert_eq!(stack.told(), [&own[0]]);
        stack.frames.pop();
        assert_eq!(stack.told().len(), library.len());
    }
}
