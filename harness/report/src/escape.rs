//! Text of a program under test must not steer the terminal.

use std::fmt::Write;

/// Returns the text with control characters, and those that reverse or hide what follows,
/// replaced by escapes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            c if c.is_control() && c.is_ascii() => {
                write!(escaped, "\\x{:02x}", c as u32).expect("strings accept everything");
            }
            c if c.is_control() || is_invisible(c) => {
                write!(escaped, "\\u{{{:x}}}", c as u32).expect("strings accept everything");
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Line and paragraph separators, directional marks and zero-width characters.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Returns a word of a command line as a shell takes it.
pub fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    match !word.is_empty() && word.chars().all(harmless) {
        true => word.to_owned(),
        false => format!("'{}'", escape(&word.replace('\'', "'\\''"))),
    }
}

/// Returns the beginning of a text, at most this number of characters wide.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(escape("a\x1b[2Jb\n"), "a\\x1b[2Jb\\n");
        assert_eq!(escape("\u{9b}1m\u{202e}x"), "\\u{9b}1m\\u{202e}x");
        assert_eq!(escape("größe → 3"), "größe → 3");
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("/tmp/a.json"), "/tmp/a.json");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("größe", 5), "größe");
        assert_eq!(shorten("größer", 5), "größ…");
    }
}
