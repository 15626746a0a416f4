//! How fine a card's stamps are, as they show it themselves.
//!
//! Stamps that are cut off to whole nanoseconds are off by 0.41 ns (1 ns / sqrt 6, the difference of two), and a restless oscillator is
//! followed best by an estimator that knows so. But no card says what it resolves, and one that counts in steps of 8 ns shows no
//! noise at all while its clock lies between two of them: it must not be taken for a fine one.
//!
//! It cannot show a change of one nanosecond either. So stamps are taken to be fine once what a message took by its two stamps
//! differs from what the one before took by one nanosecond again and again, and hardly ever by much more. (Coarse stamps
//! that are cut off at random differ by one nanosecond now and then, and by much more often.)

use crate::coding::Coded;
use crate::time::{ClockEpoch, Duration};

/// So many differences are judged together.
const MESSAGES: u8 = 64;
/// At least so many of them are a nanosecond,
const BY_ONE_MIN: u8 = 16;
/// and at most so many are larger than steps of a nanosecond and the clock's own restlessness make them.
const BY_MORE_MAX: u8 = 6;
/// A nanosecond is what lies between these,
const ONE: [Duration; 2] = [Duration::from_ticks(32_768), Duration::from_ticks(98_304)];
/// and larger is more than this.
const MORE: Duration = Duration::from_nanos(3);

/// See the module's text.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Grain {
    last: Option<(ClockEpoch, Duration)>,
    messages: u8,
    by_one: u8,
    by_more: u8,
    is_fine: bool,
}

impl Grain {
    /// A message took `transit` by its two stamps, ours in `epoch`. Whether stamps are fine, by the last window of messages that was full.
    pub fn note(&mut self, epoch: ClockEpoch, transit: Duration) -> bool {
        let before = self.last.replace((epoch, transit)).filter(|before| before.0 == epoch);
        let Some((_, before)) = before else { return self.is_fine };
        let by = (transit - before).abs();
        self.messages += 1;
        self.by_one += u8::from(by > ONE[0] && by < ONE[1]);
        self.by_more += u8::from(by > MORE);
        if self.messages >= MESSAGES {
            let is_fine = self.by_one >= BY_ONE_MIN && self.by_more <= BY_MORE_MAX;
            *self = Self { last: self.last, is_fine, ..Self::default() };
        }
        self.is_fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    /// Whether stamps that count so many nanoseconds at a time are found to be fine, while a clock wanders by `wander` ns between two
    /// messages, and `jitter` ns late at most.
    fn is_fine(step: f64, wander: f64, jitter: f64) -> bool {
        let mut random = Random::seeded(5);
        let mut grain = Grain::default();
        let (mut error, mut is_fine) = (0.0, false);
        for second in 0..1_000_u32 {
            error = 0.7 * error + wander * 2.0 * (random.unit() - 0.5);
            let sent = f64::from(second) * 1e6 + 1e3 * random.unit();
            let received = sent + 1_000.3 + error + jitter * random.unit();
            let cut = |at: f64| (at / step).floor() * step;
            let transit = cut(received) - cut(sent);
            is_fine = grain.note(ClockEpoch(0), Duration::from_nanos(transit as i64));
        }
        is_fine
    }

    #[test]
    fn stamps_of_whole_nanoseconds_are_fine_and_no_coarser_ones() {
        assert!(is_fine(1.0, 1.0, 0.0));
        for step in [4.0, 8.0, 40.0] {
            for jitter in [0.0, 1.0, 20.0] {
                assert!(!is_fine(step, 1.0, jitter), "{step} ns, {jitter} ns of jitter");
            }
        }
        assert!(!is_fine(1.0, 1.0, 50.0), "by such a path nobody can tell");
    }

    #[test]
    fn stamps_that_never_differ_have_shown_nothing() {
        let mut grain = Grain::default();
        assert!((0..1_000).all(|_| !grain.note(ClockEpoch(0), Duration::from_nanos(1_000))));
    }

    #[test]
    fn a_step_of_the_clock_is_no_difference() {
        let mut grain = Grain::default();
        let noted = (0..640_u32)
            .map(|n| grain.note(ClockEpoch(n / 10), Duration::from_nanos(i64::from(n % 2 + n / 10 * 1_000))));
        assert!(noted.last().unwrap());
    }
}
