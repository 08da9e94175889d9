//! Options that verbs have in common.

use clap::{Args, ValueEnum};
use crosswire::engine::FAILURES;
use std::path::PathBuf;

/// Format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object on standard output.
    Json,
    /// Text, and each finding as an annotation of GitHub Actions, beside its line.
    Github,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct OutputOptions {
    /// Format of the results on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Print no progress on standard error
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of every exploration.
#[derive(Debug, Clone, Args)]
pub struct ExploreOptions {
    /// Seed that determines every schedule and fault
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Number of runs to perform in parallel [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Directory for replay files
    #[arg(long, value_name = "DIR", default_value = FAILURES)]
    pub output_dir: PathBuf,
}
