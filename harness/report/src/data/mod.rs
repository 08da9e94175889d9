//! Reports for programs: JSON, and traces for viewers.

pub(crate) mod explained;
pub mod json;
pub(crate) mod perfetto;
