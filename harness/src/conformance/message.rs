//! Messages that show by themselves whether they came through whole.

/// Bytes of a message: it holds its value many times over.
const BYTES: usize = 400;

/// Value that no sender sends: the value of a message whose parts disagree.
pub(super) const TORN: i64 = -1;

/// Returns the message of a value.
pub(super) fn message(value: i64) -> Vec<u8> {
    value.to_le_bytes().repeat(BYTES / size_of::<i64>())
}

/// Returns the value of a message.
pub(super) fn value(message: &[u8]) -> i64 {
    let (parts, rest) = message.as_chunks();
    match parts {
        [first, others @ ..]
            if rest.is_empty()
                && message.len() == BYTES
                && others.iter().all(|part| part == first) =>
        {
            i64::from_le_bytes(*first)
        }
        _ => TORN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_whether_it_is_whole() {
        assert_eq!(value(&message(42)), 42);
        assert_eq!(value(&message(42)[8..]), TORN);
        let half = BYTES / 2;
        assert_eq!(
            value(&[&message(1)[..half], &message(2)[half..]].concat()),
            TORN
        );
        assert_eq!(value(&[]), TORN);
    }
}
