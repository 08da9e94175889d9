//! A check of the user's own.

use super::{Check, Unjudgeable};
use crosswire_model::{Kind, Run, Violation};
use std::sync::Arc;

/// Builds a check of a promise that `keeps` finds kept, or describes in a sentence how it
/// was broken. It does not judge runs that a limit cut off.
///
/// ```
/// use crosswire_check::promise;
/// let greets = promise("greets", |run| match run.stdout.as_slice() {
///     b"hello\n" => Ok(()),
///     other => Err(format!("it said {:?}", String::from_utf8_lossy(other))),
/// });
/// assert_eq!(greets.name(), "greets");
/// ```
pub fn promise(
    name: impl Into<String>,
    keeps: impl Fn(&Run) -> Result<(), String> + Send + Sync + 'static,
) -> Arc<dyn Check> {
    Arc::new(Promise {
        name: name.into(),
        keeps,
    })
}

struct Promise<F> {
    name: String,
    keeps: F,
}

impl<F: Fn(&Run) -> Result<(), String> + Send + Sync> Check for Promise<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self, run: &Run) -> Result<Vec<Violation>, Unjudgeable> {
        Ok(match (self.keeps)(run) {
            Ok(()) => Vec::new(),
            Err(sentence) => vec![Violation {
                kind: Kind::Broken(self.name.clone()),
                sentence,
                tasks: Vec::new(),
                steps: Vec::new(),
                details: Vec::new(),
            }],
        })
    }
}
