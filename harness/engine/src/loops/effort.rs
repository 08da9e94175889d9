//! How much of a loop is worth following: an instruction that is followed takes as long as some
//! steps, and a loop that computes is not to take many times as long as it does anyway.

use super::path::{FIRST, MOST};

/// Rounds that are examined as one, after so many examinations in vain. An allocator that hands
/// out what it was given last makes each round unlike the one before, but like the second or third
/// before.
const TOGETHER: [usize; 4] = [1, 2, 6, 12];

/// What examinations of a loop have taken, and come to.
#[derive(Debug, Default)]
pub(super) struct Effort {
    /// Instructions of a round that are worth following.
    followed: usize,
    /// The length of the round that was examined last.
    period: usize,
    /// The states before and after that round could not be compared.
    is_incomparable: bool,
    /// Steps of the loop before it is worth following once more.
    rest: usize,
    /// Place in `TOGETHER`.
    together: usize,
}

impl Effort {
    /// Tells whether a loop with rounds of this length is worth examining, after so many rounds
    /// in vain.
    pub fn is_due(&self, period: usize, in_vain: u32) -> bool {
        let steps = in_vain as usize * period;
        self.is_another(period) || in_vain.is_power_of_two() && steps >= self.rest
    }

    /// Tells whether rounds of this length are longer than those examined.
    pub fn is_another(&self, period: usize) -> bool {
        period > self.period
    }

    /// A round of this length is to be examined. Returns how many of its instructions are to be
    /// followed.
    pub fn begin(&mut self, period: usize) -> usize {
        if self.is_another(period) {
            (self.is_incomparable, self.rest, self.together) = (false, 0, 0);
        }
        // Also if there is too much to be examined: it would be so in the next round.
        self.period = period;
        // A step of a compiled program takes some tens of instructions.
        let likely = 32 * period;
        match self.is_incomparable {
            // Without states that can be compared, instructions say nothing.
            true => 0,
            false => self.followed.max(likely).clamp(FIRST, MOST),
        }
    }

    /// So many instructions of a round have been followed. If there were more, twice as many are
    /// the next time, up to a limit.
    pub fn end(
        &mut self,
        followed: usize,
        is_comparable: bool,
        there_were_more: bool,
        in_vain: u32,
    ) {
        self.is_incomparable = !is_comparable;
        if followed == 0 {
            return;
        }
        let steps = in_vain as usize * self.period;
        self.rest = match there_were_more {
            true if followed >= MOST => usize::MAX,
            true => 0,
            false if followed <= FIRST => 0,
            false => steps + 2 * followed,
        };
        if there_were_more {
            self.followed = 2 * followed;
        }
    }

    /// Returns how many rounds are examined as one.
    pub fn rounds(&self) -> usize {
        TOGETHER[self.together]
    }

    /// An examination has not told whether the loop ends: the next one takes more rounds together,
    /// if they can be followed.
    pub fn in_doubt(&mut self, followed: usize) {
        let of_one = followed / self.rounds();
        let further = self.together + 1;
        let is_short = |rounds: &usize| followed > 0 && of_one * rounds < MOST;
        if TOGETHER.get(further).is_some_and(is_short) {
            self.together = further;
            self.followed = self.followed.max(2 * of_one * self.rounds());
            self.rest = 0;
        }
    }

    /// Tells whether a round has more instructions than are ever followed.
    pub fn is_beyond(&self) -> bool {
        self.rest == usize::MAX
    }

    /// Tells whether the next examination takes no longer than a few steps.
    pub fn is_small(&self) -> bool {
        self.followed <= 2 * FIRST
    }

    /// The loop is known to go round no more.
    pub fn forget(&mut self) {
        *self = Effort::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of instructions that were to be followed each time, of rounds in vain of
    /// `period` steps and `length` instructions.
    fn followed(rounds: u32, period: usize, length: usize, is_comparable: bool) -> Vec<usize> {
        let mut effort = Effort::default();
        let mut all = Vec::new();
        for in_vain in (1..=rounds).filter(|n| n.is_power_of_two()) {
            if effort.is_due(period, in_vain) {
                let most = effort.begin(period);
                let there_were_more = length >= most;
                effort.end(length.min(most), is_comparable, there_were_more, in_vain);
                all.push(most);
            }
        }
        all
    }

    #[test]
    fn a_short_round_is_followed_again_and_again() {
        assert_eq!(followed(128, 1, 500, true), [FIRST; 8]);
    }

    #[test]
    fn following_takes_a_share_of_the_time_only() {
        let long = followed(100_000, 1, 10_000, true);
        assert_eq!(long[..4], [2_000, 4_000, 8_000, 16_000]);
        assert_eq!(long.len(), 6, "after 20,008 steps, and then after 52,768");
    }

    #[test]
    fn what_is_too_long_is_given_up() {
        let told = followed(1_000_000, 1, 1_000_000, true);
        assert_eq!(told, [2_000, 4_000, 8_000, 16_000, 32_000, 64_000]);
        assert_eq!(followed(64, 1, 1_000_000, false), [FIRST, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn longer_rounds_are_another_loop() {
        let mut effort = Effort::default();
        effort.begin(1);
        effort.end(FIRST, false, true, 1);
        assert_eq!(effort.begin(1), 0);
        assert_eq!(effort.begin(100), 4_000);
    }
}
