//! What is put under test.

use std::path::PathBuf;

/// The processes that a run begins with, and their surroundings.
#[derive(Debug, Clone)]
pub struct Target {
    /// One root process each, started in this order.
    pub programs: Vec<Start>,
    /// Where they run. Writes below it stay in the run.
    pub working_dir: PathBuf,
    /// Their whole environment, sorted by name.
    pub environment: Vec<(String, String)>,
    /// How far they are kept from the rest of the machine.
    pub isolation: Isolation,
    /// For scenarios: the names of the root's children, in the order in which it
    /// forks them. Empty for programs that know nothing of Crosswire.
    pub children: Vec<String>,
}

/// One program to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Name of its process.
    pub name: String,
    /// The command: a path or a name looked up in `PATH`, and its arguments.
    pub command: Vec<String>,
}

/// How far the processes are kept from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All namespaces that the machine permits.
    #[default]
    Auto,
    /// None: as on a machine that permits none.
    None,
}
