//! Reports for programs: JSON, and traces for viewers.

pub mod coverage;
pub(crate) mod explained;
pub mod github;
pub mod json;
pub(crate) mod perfetto;
