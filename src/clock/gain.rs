//! What a rate adds, for those who ask for it many times a second: a multiplication of whole numbers.

use crate::time::{Duration, FrequencyPpb};

/// Nanoseconds of [`A_WHILE`], as a power of two.
const A_WHILE_LOG2: u32 = 30;
const A_WHILE: Duration = Duration::from_nanos(1 << A_WHILE_LOG2);

/// What a rate adds in 2^30 ns, to 2^-16 ns.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Gain(Duration);

impl Gain {
    /// Of a clock that is so much too fast.
    pub fn of(rate: FrequencyPpb) -> Self {
        Self(rate.drift(A_WHILE))
    }

    /// In so much time, cut off to whole nanoseconds.
    pub fn over(self, elapsed: Duration) -> Duration {
        Duration::from_ticks((self.0.ticks() * i128::from(elapsed.as_nanos())) >> A_WHILE_LOG2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_rate_says() {
        for ppm in [-1_000.0, -35.3, 0.0, 0.001, 500.0] {
            let rate = FrequencyPpb::from_ppm(ppm);
            for millis in [-250, 0, 1, 62, 1_000, 3_600_000] {
                let elapsed = Duration::from_millis(millis);
                let off = Gain::of(rate).over(elapsed) - rate.drift(elapsed);
                let rounding = Duration::from_ticks(2 + i128::from(millis.abs()) / 1_000);
                assert!(off.abs() <= rounding, "{ppm} ppm, {millis} ms: {off}");
            }
        }
    }
}
