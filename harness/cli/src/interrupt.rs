//! Ctrl-C and SIGTERM.

use crate::exit;
use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Returns a flag that the first signal sets; the work then ends with a summary. A second
/// signal ends the command at once, and the kernel then ends the processes under test.
pub fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag set by the first.
        flag::register_conditional_shutdown(signal, i32::from(exit::INTERRUPTED), stop.clone())
            .and_then(|_| flag::register(signal, stop.clone()))
            .map_err(|error| {
                Failure::invalid(format!(
                    "cannot install handlers for SIGINT and SIGTERM: {error}"
                ))
            })?;
    }
    Ok(stop)
}
