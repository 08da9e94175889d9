//! Colours for terminals.

/// Styles of the parts of a report. The caller decides whether to use colour: the library
/// never inspects the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    good: &'static str,
    bad: &'static str,
    doubtful: &'static str,
    strong: &'static str,
    faint: &'static str,
    end: &'static str,
}

impl Palette {
    /// No colour: for files, pipes and tests.
    pub const PLAIN: Palette = Palette {
        good: "",
        bad: "",
        doubtful: "",
        strong: "",
        faint: "",
        end: "",
    };

    /// Escape sequences of ECMA-48, as every terminal understands them.
    pub const ANSI: Palette = Palette {
        good: "\x1b[1;32m",
        bad: "\x1b[1;31m",
        doubtful: "\x1b[1;33m",
        strong: "\x1b[1m",
        faint: "\x1b[2m",
        end: "\x1b[0m",
    };

    /// Returns a pass.
    pub fn good(self, text: &str) -> String {
        self.paint(self.good, text)
    }

    /// Returns a violation, an injected fault.
    pub fn bad(self, text: &str) -> String {
        self.paint(self.bad, text)
    }

    /// Returns an `Inconclusive` or `Invalid` result.
    pub fn doubtful(self, text: &str) -> String {
        self.paint(self.doubtful, text)
    }

    /// Something to be found at a glance.
    pub fn strong(self, text: &str) -> String {
        self.paint(self.strong, text)
    }

    /// Something that may be overlooked.
    pub fn faint(self, text: &str) -> String {
        self.paint(self.faint, text)
    }

    fn paint(self, begin: &str, text: &str) -> String {
        format!("{begin}{text}{}", self.end)
    }
}
