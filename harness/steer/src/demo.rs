//! Programs that are shown with a text of the user's.

use crosswire_engine::Target;
use std::fmt;
use std::rc::Rc;

/// Programs that a text is given to. What each does before its first mark is passed over.
#[derive(Clone)]
pub struct Demo {
    /// The text.
    pub data: String,
    /// How the names of the processes begin whose work is compared, without the hyphen behind.
    pub sides: Vec<String>,
    /// Returns the programs for a text.
    pub target: Rc<dyn Fn(&str) -> Target>,
}

impl Demo {
    /// Returns the programs for the present text.
    pub fn target(&self) -> Target {
        (self.target)(&self.data)
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo")
            .field("data", &self.data)
            .field("sides", &self.sides)
            .finish_non_exhaustive()
    }
}
