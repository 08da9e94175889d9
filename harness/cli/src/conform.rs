//! `crosswire conform`: a program against the contract of a mechanism.

use crate::arguments::ConformOptions;
use crate::failure::Failure;
use crate::main_job::main_job;

/// Tries whatever the contract promises with the adapter in the mechanism's place.
pub fn conform(options: &ConformOptions) -> Result<u8, Failure> {
    let cells = crosswire_scenarios::adapter_cells(&options.contract, &options.command);
    let unknown = || {
        Failure::usage(format!(
            "no adapter can be held to a contract `{}`; `crosswire list` names the mechanisms, of \
             which all but services have one",
            options.contract
        ))
    };
    main_job(&cells.ok_or_else(unknown)?, &options.job)
}
