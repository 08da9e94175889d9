//! Lines of a report, folded to its width.

use super::escape::shorten;
use super::timeline::WIDTH;
use std::fmt::Write;

/// Appends a line, folded at spaces where it is wider than a report; a word that
/// has no room in any line is cut. Escape sequences count as characters: such lines
/// are merely folded early.
pub(super) fn line(text: &mut String, content: &str) {
    let indent: String = content.chars().take_while(|c| *c == ' ').collect();
    let mut rest = content;
    let mut begin = "";
    while rest.chars().count() + begin.len() > WIDTH {
        let limit = rest
            .char_indices()
            .nth(WIDTH - begin.len())
            .map_or(rest.len(), |(at, _)| at);
        let fold = rest[..limit].rfind(' ').filter(|at| *at > indent.len());
        let end = match fold {
            Some(end) => end,
            // The word goes on where the next one begins, if there is one.
            None => rest[limit..].find(' ').map_or(rest.len(), |at| limit + at),
        };
        let part = shorten(&rest[..end], WIDTH - begin.len());
        writeln!(text, "{begin}{part}").expect("strings accept everything");
        rest = rest[end..].trim_start();
        if rest.is_empty() {
            return;
        }
        begin = if indent.is_empty() { "  " } else { "    " };
    }
    writeln!(text, "{begin}{rest}").expect("strings accept everything");
}
