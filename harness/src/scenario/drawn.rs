//! A value that was drawn, by what it takes to draw it again.

use crosswire_model::Record;
use proptest::strategy::ValueTree;
use std::fmt;
use std::str::FromStr;

/// Tells the processes which value they have been given.
pub(super) const WORKLOAD: &str = "CROSSWIRE_WORKLOAD";

/// A value that proptest has drawn: from which seed, and how it was made simpler since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawn {
    pub seed: u64,
    pub steps: Vec<Step>,
}

/// Operations of a [`ValueTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Simplify,
    Complicate,
}

impl Step {
    pub fn take(self, tree: &mut impl ValueTree) -> bool {
        match self {
            Step::Simplify => tree.simplify(),
            Step::Complicate => tree.complicate(),
        }
    }
}

impl Drawn {
    /// Builds it as it was drawn.
    pub fn new(seed: u64) -> Drawn {
        Drawn {
            seed,
            steps: Vec::new(),
        }
    }

    /// Returns the value that a recording was made with.
    pub fn in_record(record: &Record) -> Option<Drawn> {
        let told = record
            .environment
            .iter()
            .find(|(name, _)| name == WORKLOAD)?;
        told.1.parse().ok()
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seed)?;
        self.steps.iter().try_for_each(|step| {
            f.write_str(match step {
                Step::Simplify => "s",
                Step::Complicate => "c",
            })
        })
    }
}

impl FromStr for Drawn {
    type Err = String;

    fn from_str(text: &str) -> Result<Drawn, String> {
        let malformed = || format!("`{text}` is not a workload, as in 7:ssc");
        let (seed, steps) = text.split_once(':').ok_or_else(malformed)?;
        let step = |letter| match letter {
            's' => Ok(Step::Simplify),
            'c' => Ok(Step::Complicate),
            _ => Err(malformed()),
        };
        Ok(Drawn {
            seed: seed.parse().map_err(|_| malformed())?,
            steps: steps.chars().map(step).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_has_a_text_form() {
        for text in ["0:", "7:ssc", "18446744073709551615:c"] {
            assert_eq!(text.parse::<Drawn>().unwrap().to_string(), text);
        }
        for text in ["", "7", ":s", "7:x", "-1:"] {
            assert!(text.parse::<Drawn>().is_err(), "{text}");
        }
    }
}
