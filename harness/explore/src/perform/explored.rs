//! What the runs of an exploration leave to those who go on with it.

use crate::Report;
use crate::keep::part::Position;
use crate::perform::worker::Work;
use std::sync::Arc;

/// The end of the runs of an exploration.
pub(crate) struct Explored {
    pub report: Report,
    pub work: Arc<Work>,
    /// Where another process goes on; `None` if that is not known.
    pub position: Option<Position>,
}
