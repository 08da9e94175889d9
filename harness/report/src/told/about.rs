//! Estimates in words.

use crosswire_world::grouped;

/// From here on an estimate is told by its order of magnitude.
const LARGE: u64 = 100_000;

/// Returns an estimate in words, with no more digits than can be relied on: `17`, `1,300`,
/// `4·10^5`.
///
/// ```
/// assert_eq!(crosswire_report::about(412_345), "4·10^5");
/// ```
pub fn about(estimate: u64) -> String {
    let mut unit = 1;
    let mut power = 0;
    while estimate / unit >= 10 {
        unit *= 10;
        power += 1;
    }
    let rounded = |unit: u64| (estimate / unit) + u64::from(estimate % unit >= unit.div_ceil(2));
    if estimate < LARGE {
        // Two digits.
        let unit = (unit / 10).max(1);
        return grouped(rounded(unit) * unit);
    }
    match rounded(unit) {
        10 => format!("10^{}", power + 1),
        1 => format!("10^{power}"),
        digit => format!("{digit}·10^{power}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_have_two_digits_or_one_and_a_magnitude() {
        let told: Vec<String> = [0, 7, 17, 104, 1_349, 99_999, 149_999, 961_000, u64::MAX]
            .map(about)
            .to_vec();
        let wanted = [
            "0", "7", "17", "100", "1,300", "100,000", "10^5", "10^6", "2·10^19",
        ];
        assert_eq!(told, wanted);
    }
}
