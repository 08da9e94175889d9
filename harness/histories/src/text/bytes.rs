//! Bytes in a word: printable ones as they are, others as `\xHH`, and `\\` for a
//! backslash.

/// Returns the bytes of a word.
pub(super) fn read(word: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        match rest {
            [b'\\', after @ ..] => {
                bytes.push(b'\\');
                rest = after;
            }
            [b'x', high, low, after @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                    return Err("`\\x` is not followed by two hexadecimal digits".to_owned());
                };
                bytes.push((16 * high + low) as u8);
                rest = after;
            }
            _ => return Err("a backslash is followed by `\\` or `xHH` only".to_owned()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_byte_can_be_written() {
        assert_eq!(read("ab").unwrap(), b"ab");
        assert_eq!(read(r"a\x20\\\xff").unwrap(), b"a \\\xff");
        for wrong in [r"\", r"\n", r"\x", r"\x1", r"\xg0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
