//! `crosswire conform`: tests a program against the contract of a mechanism.

use crate::arguments::{ConformOptions, MainJobOptions};
use crate::failure::Failure;
use crate::main_job::main_job;
use crosswire::engine::find_executable;
use std::num::NonZeroUsize;

/// Tests every promise of the contract with the adapter in the mechanism's place.
pub fn conform(options: &ConformOptions) -> Result<u8, Failure> {
    let most = |number: Option<NonZeroUsize>| number.map_or(usize::MAX, NonZeroUsize::get);
    let most = (most(options.senders), most(options.receivers));
    let cells = crosswire_scenarios::adapter_cells(&options.contract, most, &options.command);
    let unknown = || {
        Failure::usage(format!(
            "no contract `{}` for adapters; `crosswire list` names the mechanisms, and all except \
             services have such a contract",
            options.contract
        ))
    };
    let cells = cells.ok_or_else(unknown)?;
    // In a run, it would be the program's own failure.
    let program = options.command.first().map_or("", String::as_str);
    let here = std::env::current_dir().map_err(Failure::invalid)?;
    let path = std::env::var("PATH").map(|path| ("PATH".to_owned(), path));
    let environment: Vec<(String, String)> = path.into_iter().collect();
    find_executable(program, &here, &environment).map_err(Failure::usage)?;
    let job = MainJobOptions {
        held_to_contract: true,
        ..options.job.clone()
    };
    main_job(&cells, &job)
}
