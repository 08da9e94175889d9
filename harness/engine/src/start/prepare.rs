//! From a program on the disk to a template that runs are copied from.

use crate::start::launch::{self, Launched, machine};
use crate::start::template::Template;
use crate::{Engine, EngineError, Start, Target};
use crosswire_kernel::filter;
use crosswire_kernel::sandbox;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;

/// The seed of randomness that a program asks for while it is being loaded.
const LOADING_SEED: u64 = 0;

/// The descriptor under which a scenario finds its log, and the variable that says
/// so.
const LOG_DESCRIPTOR: i32 = 3;
const LOG_VARIABLE: &str = "CROSSWIRE_LOG_FD";

impl Engine {
    /// Starts a program and keeps it as a template.
    pub(crate) fn prepare(
        &mut self,
        target: &Target,
        start: &Start,
        executable: &Path,
    ) -> Result<(), EngineError> {
        let text = |bytes: &str| {
            CString::new(bytes).map_err(|_| EngineError::Start {
                program: start.name.clone(),
                reason: "an argument or variable contains a NUL byte".to_owned(),
            })
        };
        let log_variable = (LOG_VARIABLE.to_owned(), LOG_DESCRIPTOR.to_string());
        let log_variable = self.log.is_some().then_some(&log_variable);
        let environment = target.environment.iter().chain(log_variable);
        let program = sandbox::Program {
            path: text(&executable.to_string_lossy())?,
            argv: start
                .command
                .iter()
                .map(|a| text(a))
                .collect::<Result<_, _>>()?,
            envp: environment
                .map(|(name, value)| text(&format!("{name}={value}")))
                .collect::<Result<_, _>>()?,
            filter: filter::filter(),
            limits: Vec::new(),
        };
        let launched = self.launch(start, &program)?;
        let template = match target.children.is_empty() {
            true => Template::of_program(
                &start.name,
                launched,
                &self.bystanders,
                &self.private_dirs,
                &self.places,
                &self.listings,
                LOADING_SEED,
            )?,
            false => Some(Template::of_scenario(
                &start.name,
                launched,
                &self.bystanders,
            )?),
        };
        let template = match template {
            Some(template) => template,
            None => Template::at_exec(&start.name, self.launch(start, &program)?)?,
        };
        let loaded = self.knowledge.get_mut().note_loaded(template.tid);
        loaded.map_err(machine("keeping a template"))?;
        self.templates.push(template);
        Ok(())
    }

    fn launch(
        &mut self,
        start: &Start,
        program: &sandbox::Program,
    ) -> Result<Launched, EngineError> {
        let [stdout, stderr] = &self.outputs;
        let mut given = vec![(stdout.as_fd(), 1), (stderr.as_fd(), 2)];
        given.extend(self.log.as_ref().map(|log| (log.fd(), LOG_DESCRIPTOR)));
        launch::launch(&mut self.sandbox, start, program, &given)
    }
}
