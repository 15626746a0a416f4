//! How much the delay of Sync varies: whether a clock can be steered by them at all (ITU-T G.8261.1, G.8260).
//!
//! The mean or the greatest delay says little: of a thousand packets all but ten may be late, and the ten are enough. So the
//! measure is the floor packet percentage: of all Sync in 200 s at least 1 % must have come within so much of the soonest. It needs neither
//! the way's length nor the time, and hardly a clock that runs right: one that drifts by 10 ppm meanwhile moves the floor by 2 ms, and 7 %
//! of the Sync still come within 150 us of it.
//!
//! ```text
//! floor packet percentage = |{Sync: delay - soonest <= variation}| / |{Sync}| >= 1 %
//! spread                  = the least variation that it would hold for: what is shown
//! ```
//!
//! One percent of N is the k-th smallest of them, k = N / 100 rounded up: only so many are kept, in their order.

use crate::coding::Coded;
use crate::time::{Duration, Mono, Timestamp};

/// Over how long Sync are judged together.
const WINDOW: Duration = Duration::from_secs(200);
/// Fewer of them are not judged.
const SYNCS_MIN: u32 = 100;
/// One in so many must have come soon.
const ONE_IN: u32 = 100;
/// The smallest that are kept: 1 % of what comes at 128 a second.
const KEPT: usize = 256;
/// A clock that was set, by a leap second or by somebody, begins anew: no way varies by so much.
const SET_BY: Duration = Duration::from_millis(500);

/// What the Sync of a window were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// So much longer than the soonest one in a hundred took at most.
    pub spread: Duration,
    /// That is no more than it may be.
    pub is_usable: bool,
}

/// The Sync of one master since its window began.
#[derive(Clone, Debug, Coded)]
pub struct DelayVariation {
    max: Duration,
    since: Option<Timestamp<Mono>>,
    count: u32,
    /// The smallest delays, in ns, the least first; each with all that is between two clocks.
    smallest: [i64; KEPT],
}

impl DelayVariation {
    /// One in a hundred must come within this of the soonest.
    pub const fn new(max: Duration) -> Self {
        Self { max, since: None, count: 0, smallest: [i64::MAX; KEPT] }
    }

    /// Another master, or another time: what was measured before says nothing.
    pub const fn forget(&mut self) {
        self.since = None;
        self.count = 0;
    }

    /// A Sync has taken so long, by two clocks that may be anything apart; at the end of a window, what it was.
    pub fn hear(&mut self, now: Timestamp<Mono>, delay: Duration) -> Option<Judged> {
        let delay = delay.as_nanos();
        let kept = KEPT.min(self.count as usize);
        if kept > 0 && delay.abs_diff(self.smallest[0]) > SET_BY.as_nanos().unsigned_abs() {
            self.forget();
        }
        let since = *self.since.get_or_insert(now);
        let judged = (now - since >= WINDOW).then(|| self.judge());
        if judged.is_some() {
            self.forget();
            self.since = Some(now);
        }
        let kept = KEPT.min(self.count as usize);
        let place = self.smallest[..kept].partition_point(|smaller| *smaller <= delay);
        if place < KEPT {
            self.smallest.copy_within(place..kept.min(KEPT - 1), place + 1);
            self.smallest[place] = delay;
        }
        self.count += 1;
        judged.flatten()
    }

    fn judge(&self) -> Option<Judged> {
        if self.count < SYNCS_MIN {
            return None;
        }
        let of_these = (self.count.div_ceil(ONE_IN) as usize).min(KEPT);
        let spread = Duration::from_nanos(self.smallest[of_these - 1].saturating_sub(self.smallest[0]));
        Some(Judged { spread, is_usable: spread <= self.max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    const MAX: Duration = Duration::from_micros(150);

    /// The delays, in us, of 16 Sync a second for 200 s, as they are judged.
    fn judged(mut delay_us: impl FnMut(i64) -> f64) -> Option<Judged> {
        let mut variation = DelayVariation::new(MAX);
        let mut judged = None;
        for n in 0..=3_200_i64 {
            let now = Timestamp::from_secs(1_000) + Duration::from_micros(62_500 * n);
            let delay = Duration::from_nanos((delay_us(n) * 1e3) as i64) - Duration::from_secs(37);
            let said = variation.hear(now, delay);
            assert_eq!(said.is_some(), n == 3_200, "at the end and not before");
            judged = judged.or(said);
        }
        judged
    }

    #[test]
    fn one_in_a_hundred_that_comes_soon_is_enough_and_fewer_are_not() {
        // 32 of 3,200, the soonest among them.
        let soon = |every: i64| judged(move |n| if n % every == 0 { 500.0 } else { 20_000.0 + (n % 7) as f64 });
        assert_eq!(soon(100).map(|judged| judged.is_usable), Some(true));
        assert_eq!(soon(104).map(|judged| judged.is_usable), Some(false));
        assert!(judged(|_| 500.0).is_some_and(|judged| judged.is_usable && judged.spread == Duration::ZERO));
    }

    #[test]
    fn the_spread_is_that_of_the_soonest_hundredth() {
        // Of delays between 1 and 41 ms, all alike likely, one in a hundred is within 0.4 ms of the soonest.
        let mut random = Random::seeded(7);
        let uniform = judged(|_| 1_000.0 + random.below(40_000_000) as f64 / 1e3).unwrap();
        assert!(!uniform.is_usable && (0.3..0.5).contains(&(uniform.spread.as_secs_f64() * 1e3)), "{uniform:?}");
        let mut random = Random::seeded(7);
        let narrow = judged(|_| 1_000.0 + random.below(4_000_000) as f64 / 1e3).unwrap();
        assert!(narrow.is_usable, "{narrow:?}");
        // A clock that drifts by 10 ppm is no delay that varies.
        assert!(judged(|n| 1_000.0 + 0.625 * n as f64).unwrap().is_usable);
    }

    #[test]
    fn a_clock_that_is_set_begins_anew_and_too_few_are_not_judged() {
        let mut variation = DelayVariation::new(MAX);
        let mut hear = |second: i64, delay_ms: i64| {
            variation.hear(Timestamp::from_secs(1_000 + second), Duration::from_millis(delay_ms))
        };
        assert!((0..150).all(|second| hear(second, 1).is_none()));
        assert!((150..350).all(|second| hear(second, 1_001).is_none()), "a second less: 200 s from there on");
        assert_eq!(hear(350, 1_001).map(|judged| judged.is_usable), Some(true));
        assert!((1..100).all(|n| hear(350 + 4 * n, 1_001).is_none()), "one in four seconds");
    }

    #[test]
    fn of_more_than_are_kept_the_smallest_are() {
        let mut variation = DelayVariation::new(MAX);
        let mut last = None;
        for n in 0..=25_600_u32 {
            let now = Timestamp::EPOCH + Duration::from_nanos(i64::from(n) * 7_812_500);
            // From long to short: each is a new soonest, 1 us less than the one before.
            last = last.or(variation.hear(now, Duration::from_micros(i64::from(30_000 - n))));
        }
        assert_eq!(last, Some(Judged { spread: Duration::from_micros(255), is_usable: false }));
    }
}
