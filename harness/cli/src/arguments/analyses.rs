//! The options of `analyses`, which repeats the analyses of libraries.

use super::shared::OutputOptions;
use std::path::PathBuf;

/// Options of `crosswire analyses`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each analysis is a directory with an `analysis.toml`: a library, its version, how to install it,
and promises, each with the command line of `crosswire run` or `crosswire crash` that tries it and
the result that is expected.

Exit status:
  0 every row came out as its analysis expects, and rests on at least as many runs as recorded
  1 a row differs, or a finding did not reproduce natively   2 an analysis cannot be read, or is not
  installed   3 nothing differs but runs that Crosswire could not perform   130 interrupted

The manual (crosswire::manual::validating) explains how to add one.")]
pub struct AnalysesOptions {
    /// Analyses to repeat [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Install the libraries first, each in a directory of its own below --cache
    #[arg(long)]
    pub install: bool,
    /// Perform N runs of each promise that `crosswire run` tries, instead of those it asks for
    #[arg(long, value_name = "N", conflicts_with = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Record the results, and write the page about all of them
    #[arg(long)]
    pub write: bool,
    /// Write the page from what is recorded, and repeat nothing
    #[arg(long, conflicts_with_all = ["write", "install", "runs", "names"])]
    pub page: bool,
    /// Number of runs to perform in parallel [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Directory of the analyses
    #[arg(long, value_name = "DIR", default_value = "scenarios/analyses")]
    pub directory: PathBuf,
    /// Directory in which libraries are installed and replay files written
    #[arg(long, value_name = "DIR", default_value = "target/analyses")]
    pub cache: PathBuf,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}
