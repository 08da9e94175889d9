//! Restarts a test so that the processes of a scenario run its closures.
//!
//! Closures cannot be sent to another program, and the explorer's own process is
//! no place to fork from: it has many threads. So the program is started again
//! under the engine, with arguments that lead it to the same scenario, and an
//! environment variable tells it that it is to perform the scenario there rather
//! than explore it.

use super::drawn::WORKLOAD;
use crosswire_engine::{Isolation, Start, Target};
use crosswire_explore::Environment;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

/// Names the scenario that the program has been started again for.
const SCENARIO: &str = "CROSSWIRE_SCENARIO";

/// Variables that speak about the test run rather than the test. The processes
/// get none of them: they would differ from one replay to the next.
const FOREIGN: &[&str] = &["CROSSWIRE_", "NEXTEST_", "RUST_TEST_", "__RUST_TEST_"];

/// The way back to one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reentry {
    /// The scenario's name, `#`, and which of that name it is.
    pub id: String,
    /// Arguments to start the program with.
    pub arguments: Vec<String>,
    /// The value that was drawn for the scenario, if one is.
    pub workload: Option<String>,
}

/// Role of this process when it reaches a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Explore it.
    Explorer,
    /// Perform it: the program has been started again for it.
    Performer,
    /// Pass by: the program has been started again for another one.
    Bystander,
}

impl Reentry {
    /// Returns the way to the scenario that the calling thread has reached. `given` are
    /// the arguments that the user says lead to it, `here` is the path of the function
    /// that names it.
    pub fn new(name: &str, given: Option<Vec<String>>, here: &str) -> Reentry {
        let told = given.is_some();
        let arguments = given.unwrap_or_else(|| arguments(here));
        let ordinal = if told { 0 } else { ordinal(name, &arguments) };
        Reentry {
            id: format!("{name}#{ordinal}"),
            arguments,
            workload: None,
        }
    }

    /// Returns the role of this process.
    pub fn role(&self) -> Role {
        match env::var(SCENARIO) {
            Ok(id) if id == self.id => Role::Performer,
            Ok(_) => Role::Bystander,
            Err(_) => Role::Explorer,
        }
    }

    /// Builds the target that the engine starts.
    ///
    /// # Panics
    /// If the program's own path or working directory cannot be found out.
    pub fn target(&self, name: &str, children: Vec<String>, environment: Environment) -> Target {
        let program = env::current_exe().expect("finding this program's own path");
        let mut command = vec![utf8(program)];
        command.extend(self.arguments.iter().cloned());
        Target {
            programs: vec![Start {
                name: name.to_owned(),
                command,
            }],
            working_dir: env::current_dir().expect("finding the working directory"),
            environment: environment.into_list(),
            isolation: Isolation::Auto,
            disk_mib: Target::DISK_MIB,
            children,
            successors: Vec::new(),
            listings: crosswire_engine::Listings::default(),
        }
    }

    /// Returns the environment that the processes get.
    pub fn environment(&self, passed_on: &[String]) -> Environment {
        let mut environment = environment(&self.id, passed_on);
        if let Some(workload) = &self.workload {
            environment.set(WORKLOAD, workload);
        }
        environment
    }

    /// Returns the test and the scenario in it.
    pub fn path(&self) -> String {
        match &self.arguments[..] {
            [exact, test, ..] if exact == "--exact" => format!("{test}: {}", self.id),
            _ => self.id.clone(),
        }
    }
}

fn utf8(path: PathBuf) -> String {
    path.into_os_string()
        .into_string()
        .unwrap_or_else(|path| panic!("the path {path:?} is not UTF-8, so no replay could name it"))
}

/// Arguments that lead to what the calling thread is doing.
fn arguments(here: &str) -> Vec<String> {
    let test = match thread::current().name() {
        // The main thread runs no tests: this is a program of the user's own.
        Some("main") => return env::args().skip(1).collect(),
        // The test runner calls a test's thread by the test's name.
        Some(name) => name.to_owned(),
        None => test_of(here),
    };
    let options = [
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
        "--quiet",
    ];
    let mut arguments = vec!["--exact".to_owned(), test];
    arguments.extend(options.map(str::to_owned));
    arguments
}

/// Returns the test that a local item belongs to: its path without the crate, without the
/// item itself and without the closures around it.
fn test_of(here: &str) -> String {
    let mut path: Vec<&str> = here.split("::").collect();
    path.pop();
    path.retain(|part| !part.starts_with('{'));
    path.get(1..).unwrap_or_default().join("::")
}

/// Returns the number of scenarios of this name that the same test has reached before.
fn ordinal(name: &str, arguments: &[String]) -> u32 {
    static REACHED: Mutex<BTreeMap<Vec<String>, u32>> = Mutex::new(BTreeMap::new());
    let mut reached = REACHED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let key = [&[name.to_owned()], arguments].concat();
    let count = reached.entry(key).or_default();
    *count += 1;
    *count - 1
}

/// This process's environment, as far as it concerns the program.
fn environment(id: &str, passed_on: &[String]) -> Environment {
    let is_foreign = |name: &OsString| {
        let name = name.to_string_lossy();
        FOREIGN.iter().any(|prefix| name.starts_with(prefix))
    };
    let own = env::vars_os().filter(|(name, _)| !is_foreign(name));
    let mut environment = Environment::of(own, passed_on);
    environment.set(SCENARIO, id);
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_is_called_like_the_test() {
        let reentry = Reentry::new("x", None, "");
        let name = "scenario::reentry::tests::the_thread_is_called_like_the_test";
        assert_eq!(reentry.arguments[..2], ["--exact", name]);
        assert_eq!(reentry.id, "x#0");
        assert_eq!(Reentry::new("x", None, "").id, "x#1");
        assert_eq!(Reentry::new("y", None, "").id, "y#0");
    }

    #[test]
    fn a_thread_without_a_name_is_found_by_its_function() {
        let here = "orders::queue::survives::{{closure}}::here";
        let reentry = thread::spawn(move || Reentry::new("x", None, here))
            .join()
            .unwrap();
        assert_eq!(reentry.arguments[1], "queue::survives");
    }

    #[test]
    fn given_arguments_lead_to_one_scenario() {
        let given = Some(vec!["__scenario".to_owned(), "pipe".to_owned()]);
        for _ in 0..2 {
            let reentry = Reentry::new("pipe", given.clone(), "");
            assert_eq!(reentry.id, "pipe#0");
            assert_eq!(reentry.role(), Role::Explorer);
        }
    }

    #[test]
    fn the_environment_is_sorted_and_names_the_scenario() {
        let environment = environment("orders#0", &[]).into_list();
        assert!(environment.is_sorted());
        assert!(environment.contains(&(SCENARIO.to_owned(), "orders#0".to_owned())));
    }
}
