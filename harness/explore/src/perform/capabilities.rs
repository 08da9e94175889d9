//! Capabilities of this machine.

use crosswire_engine::{Engine, FAILURES, Start, Target};
use crosswire_kernel::sandbox::{self, Sandbox, Settings};
use crosswire_model::{End, Plan};
use serde::Serialize;
use std::path::Path;

/// One thing that the engine wants from the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// Name of the capability.
    pub name: String,
    /// Description of the test.
    pub test: String,
    /// Why it is not there, if it is not.
    pub missing: Option<String>,
    /// Consequences of its absence.
    pub lost: String,
    /// True if nothing can be run without it.
    pub needed: bool,
}

/// Tries everything that the engine wants from the machine, for programs that run
/// in this directory.
pub fn capabilities(working_dir: &Path) -> Vec<Capability> {
    let mut all = sandbox_capabilities(working_dir);
    all.push(tracing(working_dir));
    all
}

fn sandbox_capabilities(working_dir: &Path) -> Vec<Capability> {
    let settings = Settings {
        working_dir: working_dir.to_owned(),
        hidden: FAILURES,
        isolation: sandbox::Isolation::Auto,
        executables: Vec::new(),
        disk_mib: Settings::DISK_MIB,
    };
    let sandbox = match Sandbox::start(&settings) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            return vec![Capability {
                name: "sandbox".to_owned(),
                test: "started one".to_owned(),
                missing: Some(error.to_string()),
                lost: "nothing can be run".to_owned(),
                needed: true,
            }];
        }
    };
    let capabilities = sandbox.capabilities().iter().map(|capability| Capability {
        name: capability.feature.name().to_owned(),
        test: capability.feature.test().to_owned(),
        missing: capability
            .outcome
            .as_ref()
            .err()
            .map(|loss| loss.reason.clone()),
        lost: match &capability.outcome {
            Ok(()) => capability.feature.consequence().to_owned(),
            Err(loss) => loss.consequence.clone(),
        },
        needed: false,
    });
    capabilities.collect()
}

/// Tells whether a program can be traced from beginning to end.
fn tracing(working_dir: &Path) -> Capability {
    let program = Start {
        name: "true".to_owned(),
        command: vec!["/bin/true".to_owned()],
    };
    let target = Target::new(vec![program], working_dir);
    let run = Engine::start(&target, None).and_then(|mut engine| engine.run(&Plan::default()));
    let missing = match run {
        Err(error) => Some(error.to_string()),
        Ok(run) => match run.trace.end {
            End::Finished => None,
            End::Invalid(reason) => Some(reason),
            other => Some(format!("/bin/true did not finish: {other:?}")),
        },
    };
    Capability {
        name: "tracing".to_owned(),
        test: "ran /bin/true step by step".to_owned(),
        missing,
        lost: "nothing can be run".to_owned(),
        needed: true,
    }
}
