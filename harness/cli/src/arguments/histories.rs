//! The options of `check`, which judges histories.

use super::shared::OutputOptions;
use crosswire::check::history::text::Limits;
use crosswire::check::history::{BUDGET, Object};
use std::path::PathBuf;

/// Options of `crosswire check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A text of histories has one operation per line: the times of the call and of the answer (- if
there was none), process, action, arguments, and the answer after `=`.

  crosswire-histories 1
  history overtaken
  as fifo
  processes producer consumer
  1 2 producer send 1
  3 4 producer send 2
  5 6 consumer recv = 2
  7 8 consumer recv = 1
  end

A history that is damaged or cannot be judged is refused by name, and the others are judged. The
exit status is 1 if a history has a violation, else 2 if one was refused, else 4 if one is
undecided.

The module crosswire::check::history::text documents the actions of each object;
fixtures/histories holds examples of all.")]
pub struct CheckOptions {
    /// Judge the histories as those of OBJECT [default: the object that the file names]
    #[arg(long = "as", value_name = "OBJECT", value_parser = object)]
    pub object: Option<Object>,
    /// Files of histories; `-` for standard input [default: standard input]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Compare with the `expect` lines of the file: pass if each verdict is as expected
    #[arg(long)]
    pub expected: bool,
    /// Maximum number of operations in all histories together
    #[arg(long, value_name = "N", default_value_t = Limits::default().operations)]
    pub limit_operations: u64,
    /// Maximum number of configurations to search, for objects that need a search
    #[arg(long, value_name = "N", default_value_t = BUDGET)]
    pub search_budget: u64,
    /// Options of the output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Returns the object of this name.
fn object(name: &str) -> Result<Object, String> {
    Object::named(name).ok_or_else(|| {
        let known: Vec<&str> = Object::all().map(Object::name).collect();
        format!("unknown object; known are {}", known.join(", "))
    })
}
