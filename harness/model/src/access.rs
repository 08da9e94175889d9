//! Accesses to memory that processes share: which instruction touched what, and
//! which values it saw and left.

use serde::{Deserialize, Serialize};

/// Effect of an instruction on the memory it accesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessKind {
    /// It only reads.
    Read,
    /// It only writes.
    Write,
    /// It reads and may write, such as a compare-and-exchange.
    Update,
}

impl AccessKind {
    /// Tells whether the access may change the memory.
    pub fn may_write(self) -> bool {
        self != AccessKind::Read
    }
}

/// One access of one instruction to shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    /// The memory: an index into [`Trace::objects`](super::Trace::objects).
    pub object: u32,
    /// Offset in it, in bytes.
    pub offset: u64,
    /// Number of bytes.
    pub size: u32,
    /// Kind of the access.
    pub kind: AccessKind,
    /// The bytes before, as a little-endian number; of larger accesses the first
    /// eight. `None` if they cannot be read: the file is shorter than its mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The same afterwards. `None` also if the process died there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The step in which a store was executed that has waited in a store buffer and becomes
    /// visible now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The instruction: an index into [`Trace::places`](super::Trace::places).
    pub place: u32,
}

impl Access {
    /// Tells whether two accesses have a byte in common.
    pub fn overlaps(&self, other: &Access) -> bool {
        self.object == other.object
            && self.offset < other.offset + u64::from(other.size)
            && other.offset < self.offset + u64::from(self.size)
    }

    /// Tells whether the order of two accesses matters: they overlap, and one may write.
    pub fn conflicts_with(&self, other: &Access) -> bool {
        self.overlaps(other) && (self.kind.may_write() || other.kind.may_write())
    }
}

/// Shared memory as a trace knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SharedObject {
    /// Its name as in `/proc/PID/maps` (proc_pid_maps(5)): a path, `/memfd:NAME`,
    /// `/SYSVKEY`, or `/dev/zero` for memory without a name. Private memory of a process is called
    /// by what it holds.
    pub name: String,
    /// Variables in it that the run has touched, as far as their names are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
}

/// A variable in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Where in its object it begins, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its name in the symbol table of the program.
    pub name: String,
}

impl SharedObject {
    /// Returns an object in which no variables are known.
    pub fn named(name: &str) -> SharedObject {
        SharedObject {
            name: name.to_owned(),
            variables: Vec::new(),
        }
    }

    /// Returns the name of a place: that of its variable, or that of the object and the offset.
    ///
    /// ```
    /// use crosswire_model::{SharedObject, Variable};
    /// let mut object = SharedObject::named("/dev/shm/q");
    /// assert_eq!(object.place(0x40), "/dev/shm/q+0x40");
    /// object.variables.push(Variable { offset: 0x40, size: 8, name: "slots".to_owned() });
    /// assert_eq!(object.place(0x40), "slots");
    /// assert_eq!(object.place(0x44), "slots+0x4");
    /// ```
    pub fn place(&self, offset: u64) -> String {
        let variable = self.variable(offset);
        variable.unwrap_or_else(|| format!("{}+{offset:#x}", self.name))
    }

    /// Returns the variable at a place, if one is known, and where in it.
    pub fn variable(&self, offset: u64) -> Option<String> {
        let holds = |variable: &&Variable| {
            (variable.offset..variable.offset + variable.size).contains(&offset)
        };
        let variable = self.variables.iter().find(holds)?;
        Some(match offset - variable.offset {
            0 => variable.name.clone(),
            within => format!("{}+{within:#x}", variable.name),
        })
    }
}

/// Source location of an instruction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The executable or library that holds it; empty for code in memory only.
    pub module: String,
    /// Its position in that file, in bytes; in memory only, its address.
    pub offset: u64,
    /// The instruction, as a disassembler prints it.
    pub instruction: String,
}
