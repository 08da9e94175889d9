//! From a program on the disk to a template that runs are copied from.

use crate::emulate::chance;
use crate::inside::remote;
use crate::run::setup::Setup;
use crate::start::copies::Namespaces;
use crate::start::launch::{self, Launched, machine};
use crate::start::prepared::{Executable, Prepared, Startable};
use crate::start::reads::EarlyReads;
use crate::start::template::{Kept, Template};
use crate::start::wrapper;
use crate::{Engine, EngineError, RUN_PID, Start, TEMPLATE_PID, Target};
use crosswire_kernel::filter;
use crosswire_kernel::sandbox::{self, Reset};
use crosswire_kernel::tracee::{self, Report};
use crosswire_model::{Plan, StartUp};
use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Pids between the templates of one start-up and those of the next.
const PIDS_OF_TEMPLATES: i32 = 1_000;

/// The descriptor under which a scenario finds its log, and the variable that says
/// so.
const LOG_DESCRIPTOR: i32 = 3;
const LOG_VARIABLE: &str = "CROSSWIRE_LOG_FD";

/// Milliseconds after which a program that is still being loaded is taken to be
/// looping.
const LOADING_MS: u64 = 60_000;

impl Engine {
    /// Makes ready to start a program.
    pub(crate) fn startable(
        &self,
        target: &Target,
        start: &Start,
        executable: &Path,
    ) -> Result<Startable, EngineError> {
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
            filter: Vec::new(),
            limits: Vec::new(),
        };
        Ok(Startable {
            start: start.clone(),
            program,
            executes: None,
        })
    }

    /// Returns the number of the templates for runs with this start-up, which are made if
    /// there are none.
    pub(crate) fn prepare(&mut self, start_up: &StartUp) -> Result<usize, EngineError> {
        let serves = |prepared: &Prepared| prepared.serves(start_up);
        let known = self.prepared.iter().position(serves);
        let number = known.unwrap_or(self.prepared.len());
        if let Some(known) = known {
            if !self.prepared[known].is_outdated() {
                return Ok(known);
            }
            self.discard(known)?;
        }
        self.sandbox.reset(&Reset {
            next_pid: TEMPLATE_PID + number as i32 * PIDS_OF_TEMPLATES,
            ..Reset::default()
        })?;
        let filter = filter::filter(|row| start_up.makes_fail(row));
        for program in &mut self.programs {
            program.program.filter = filter.clone();
        }
        let mut templates = Vec::new();
        let mut is_as_asked = true;
        for number in 0..self.programs.len() {
            let (template, is_shorter) = self.template(number, start_up)?;
            is_as_asked &= !is_shorter;
            let loaded = self.knowledge.get_mut().note_loaded(template.tid);
            loaded.map_err(machine("keeping a template"))?;
            self.template_pids.push(template.inside);
            templates.push(template);
        }
        let executables = templates.iter().map(|one| Executable::of(one.tid));
        let executables: io::Result<Vec<Executable>> = executables.collect();
        let prepared = Prepared {
            start_up: start_up.clone(),
            is_as_asked,
            early: templates.iter().map(|one| one.early.clone()).collect(),
            executables: executables.map_err(machine("keeping a template"))?,
            templates,
        };
        match known {
            Some(known) => self.prepared[known] = prepared,
            None => self.prepared.push(prepared),
        }
        self.empty_output()
            .map_err(machine("emptying the output"))?;
        self.reset(None, false, false)?;
        Ok(number)
    }

    /// Ends templates that are of no use, and those of what their programs execute.
    fn discard(&mut self, number: usize) -> Result<(), EngineError> {
        let outdated = std::mem::take(&mut self.prepared[number].templates);
        let programs = self.programs.iter_mut();
        let wrapped = programs.filter_map(|program| program.executes.take().flatten());
        for template in outdated.into_iter().chain(wrapped) {
            self.template_pids.retain(|pid| *pid != template.inside);
            tracee::kill(template.tid, libc::SIGKILL);
            let ended = loop {
                match remote::next(template.tid) {
                    Ok(Report::Ended(..)) => break Ok(()),
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
            };
            ended.map_err(machine("ending a template"))?;
        }
        Ok(())
    }

    /// Starts a program and keeps it as a template. One that cannot be kept after the
    /// longer start-up is kept after the shortest, or where its exec has left it; returns
    /// whether that was so.
    fn template(
        &mut self,
        number: usize,
        start_up: &StartUp,
    ) -> Result<(Template, bool), EngineError> {
        let name = self.programs[number].start.name.clone();
        if !self.children.is_empty() {
            let launched = self.launch(number)?;
            return Ok((
                Template::of_scenario(&name, launched, &self.bystanders)?,
                false,
            ));
        }
        let mut plan = Plan {
            seed: chance::OF_LOADING,
            start_up: start_up.clone(),
            // So that what each step touches is known by name.
            footprints: start_up.skips_wrappers,
            // What is done while loading comes before all that others do in a run.
            ignores_clock_order: true,
            ..Plan::default()
        };
        plan.limits.wall_ms = LOADING_MS;
        let shortest = start_up.shortest();
        let needed = match start_up.is_shortest() {
            true => &[&shortest][..],
            false => &[start_up, &shortest],
        };
        for &tried in needed {
            plan.start_up = tried.clone();
            if let Some(template) = self.kept_after(number, &plan)? {
                return Ok((template, tried != start_up));
            }
        }
        Ok((Template::at_exec(&name, self.launch(number)?)?, true))
    }

    /// Keeps a program after the start-up of a plan, if it can be kept there.
    fn kept_after(&mut self, number: usize, plan: &Plan) -> Result<Option<Template>, EngineError> {
        let name = self.programs[number].start.name.clone();
        self.look_for_wrapper(number, plan)?;
        let mut early = EarlyReads::default();
        let (mut most_made, mut held) = (u32::MAX, None);
        loop {
            let launched = match self.wrapped(number, &plan.start_up) {
                Some(wrapped) => {
                    let (stopped, tid_inside) = wrapped.copy(Namespaces::New(0), None)?;
                    Launched {
                        tid_inside,
                        stopped,
                        clock: wrapped.clock,
                        chance: wrapped.chance,
                    }
                }
                None => self.launch(number)?,
            };
            let setup = self.loading(number, plan, most_made);
            match Template::of_program(&name, launched, setup, &mut early, &held)? {
                Kept::At(mut template) => {
                    if let Some(wrapped) = self.wrapped(number, &plan.start_up) {
                        template.follow(wrapped);
                    }
                    return Ok(Some(*template));
                }
                // A program that keeps one is kept where it makes that: the last.
                Kept::Sharing(made) if made > 0 => (most_made, held) = (made - 1, None),
                Kept::Holding(places) if held.is_none() => held = Some(places),
                Kept::Sharing(_) | Kept::Holding(_) | Kept::Nowhere => return Ok(None),
            }
        }
    }

    /// Finds out whether a program only prepares another one, if the plan asks for that.
    fn look_for_wrapper(&mut self, number: usize, plan: &Plan) -> Result<(), EngineError> {
        let is_asked = plan.start_up.skips_wrappers && plan.start_up.reads_own_files;
        if !is_asked || self.programs[number].executes.is_some() {
            return Ok(());
        }
        let name = self.programs[number].start.name.clone();
        let launched = self.launch(number)?;
        let setup = Setup {
            until_executed: u32::MAX,
            ..self.loading(number, plan, u32::MAX)
        };
        let kept = match wrapper::count(&name, launched, setup)? {
            0 => None,
            until_executed => {
                let launched = self.launch(number)?;
                let setup = Setup {
                    until_executed,
                    ..self.loading(number, plan, u32::MAX)
                };
                wrapper::keep(&name, launched, setup)?
            }
        };
        (self.template_pids).extend(kept.as_ref().map(|template| template.inside));
        self.programs[number].executes = Some(kept);
        Ok(())
    }

    /// Returns the program with which a run begins instead of one that only prepares it, as long
    /// as that has not looked at anything that is known to be contested.
    fn wrapped(&self, number: usize, start_up: &StartUp) -> Option<&Template> {
        let is_asked = start_up.skips_wrappers && start_up.reads_own_files;
        let wrapped = self.programs[number].executes.as_ref()?.as_ref();
        wrapped.filter(|kept| {
            let is_free = start_up.comes_first || kept.early.is_disjoint(&start_up.contested);
            is_asked && is_free
        })
    }

    /// Returns the circumstances in which a program is loaded.
    fn loading<'a>(&'a self, number: usize, plan: &'a Plan, most_made: u32) -> Setup<'a> {
        Setup {
            plan,
            children: &[],
            successors: &[],
            sandbox: &self.sandbox,
            bystanders: &self.bystanders,
            strangers: &[],
            private_dirs: &self.private_dirs,
            places: &self.places,
            listings: &self.listings,
            outputs: &[],
            log: None,
            pids_vary: false,
            in_template: true,
            most_made,
            until_executed: 0,
            stop_before: None,
            early: &[],
            notes_changes: false,
            start_id: RUN_PID + number as i32,
            watched: false,
        }
    }

    fn launch(&mut self, number: usize) -> Result<Launched, EngineError> {
        let Startable { start, program, .. } = &self.programs[number];
        let [stdout, stderr] = &self.outputs;
        let mut given = vec![(stdout.as_fd(), 1), (stderr.as_fd(), 2)];
        given.extend(self.log.as_ref().map(|log| (log.fd(), LOG_DESCRIPTOR)));
        launch::launch(&mut self.sandbox, start, program, &given)
    }
}
