//! What was told of a PHC, and whether it still goes by that.

use crate::time::{Duration, FrequencyPpb, Mono, Timestamp};

/// A PHC whose correction has changed by less goes on by what was told of it until the next second.
const RATE_TOLERANCE: FrequencyPpb = FrequencyPpb::new(1_000.0);
/// And so does one that was moved by less since: a bound has hundreds of nanoseconds as a rule.
const MOVED_TOLERANCE: Duration = Duration::from_nanos(20);

/// The corrections that a PHC had when it was told of last: what it reads then, and at what rate it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToldLine {
    pub(super) at: Timestamp<Mono>,
    /// All corrections together: what it reads less what it would read without any.
    pub(super) correction: Duration,
    pub(super) rate: FrequencyPpb,
}

impl ToldLine {
    /// Whether the clock still is where it would be by what was told, if its corrections are `present`: a slew may have begun and
    /// ended since, and leaves the rate as it was.
    pub(super) fn holds(&self, present: &Self) -> bool {
        let expected = self.correction + self.rate.drift(present.at - self.at);
        (present.rate - self.rate).abs() <= RATE_TOLERANCE && (present.correction - expected).abs() <= MOVED_TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FrequencyPpb = FrequencyPpb::new(35_000.0);

    fn line(after: Duration, correction: Duration, rate: FrequencyPpb) -> ToldLine {
        ToldLine { at: Timestamp::EPOCH + after, correction, rate }
    }

    #[test]
    fn a_clock_that_runs_as_told_need_not_be_told_again() {
        let told = line(Duration::ZERO, Duration::from_millis(-250), RATE);
        let after = Duration::from_millis(500);
        assert!(told.holds(&line(after, told.correction + RATE.drift(after), RATE)));
    }

    #[test]
    fn one_that_is_being_slewed_is_told() {
        let told = line(Duration::ZERO, Duration::ZERO, RATE);
        let at_once = line(Duration::ZERO, Duration::ZERO, RATE + FrequencyPpb::new(10_000.0));
        assert!(!told.holds(&at_once));
    }

    #[test]
    fn one_whose_slew_has_ended_is_told_though_it_runs_as_before() {
        let told = line(Duration::ZERO, Duration::ZERO, RATE);
        let after = Duration::from_millis(500);
        assert!(!told.holds(&line(after, RATE.drift(after) - Duration::from_micros(3), RATE)));
    }
}
