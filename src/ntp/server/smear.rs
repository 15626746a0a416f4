//! A leap second, spread over a day.
//!
//! At a leap second UTC repeats a second or leaves one out. Programs that take the system clock for a line do not survive that
//! well, so some networks would rather be wrong by half a second for a while: the clock that is served runs a little slower (or
//! faster) from some hours before until some hours after, and there is no leap at all.
//!
//! ```text
//!   served - UTC     begin: from - D/2             from            end: from + D/2
//!     +0.5 s                                       .
//!                                                  |'.                                   of a second inserted;
//!      0     -----------------.                    |   '.----------                      deleted: the other way up
//!                               ' .                |
//!     -0.5 s                        ' . . . . . . .'
//! ```
//!
//! The obvious way, an offset by what the clock reads, is ambiguous in the very second that matters. TAI is not: the served time is
//! a function of TAI alone,
//!
//! `served(tai) = tai - before - (after - before) * f((tai - begin) / (end - begin))`
//!
//! where `before` and `after` are TAI - UTC on the two sides and f goes from 0 to 1: a line, or half a cosine. So it does not matter
//! who makes the leap second, the kernel or we, nor when. And it depends on nothing but the list of leap seconds, and so is the same in
//! every server with the same settings, whenever it was started: what sources announce, some of them wrongly and some not at all, has no
//! part in it. Noon to noon by a line is what the large public services do.
//!
//! All times of an answer are shifted by it. Its leap indicator is never a warning: who is told of the leap second and served the
//! smear would do both. And while it is under way, the reference ID says so ([`smear_reference_id`](crate::wire::ntp::smear_reference_id)).

use crate::coding::Coded;
use crate::time::{Duration, LeapStep, TaiUtc, Timestamp, Utc};

/// How the served clock gets from one side to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum SmearShape {
    /// At one rate.
    Linear,
    /// Slowly at both ends, and in the middle by pi/2 faster than the line.
    Cosine,
}

impl SmearShape {
    /// How much of it is over when this much of the time is; both 0 to 1.
    fn share(self, time: f64) -> f64 {
        match self {
            Self::Linear => time,
            Self::Cosine => (1.0 - libm::cos(std::f64::consts::PI * time)) / 2.0,
        }
    }
}

/// How leap seconds are smeared, and which is the next one, or was the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Smear {
    /// How it goes.
    pub shape: SmearShape,
    /// How long it takes by the served clock; one half before the leap second.
    pub duration: Duration,
    /// The leap second; `None`: none is near, as far as the list knows.
    pub step: Option<LeapStep>,
}

impl Smear {
    /// What the served time is ahead of UTC at `at`, which counts with this TAI - UTC; `None`: nothing is smeared then.
    pub fn ahead_at(&self, at: Timestamp<Utc>, tai_utc: Option<TaiUtc>) -> Option<Duration> {
        let (step, tai_utc) = (self.step?, tai_utc?);
        if tai_utc != step.before && tai_utc != step.after {
            return None;
        }
        let (tai, half) = (tai_utc.to_tai(at), self.duration.half());
        let (begin, end) = (step.before.to_tai(step.from - half), step.after.to_tai(step.from + half));
        if tai < begin || tai >= end {
            return None;
        }
        let time = (tai - begin).ticks() as f64 / (end - begin).ticks() as f64;
        let change = step.after.duration() - step.before.duration();
        Some(tai_utc.duration() - step.before.duration() - change.scaled(self.shape.share(time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Tai;

    const DAY: Duration = Duration::from_secs(86_400);
    const BEFORE: TaiUtc = TaiUtc(37);

    fn smear(shape: SmearShape, change: i16) -> Smear {
        let step = LeapStep { from: Timestamp::from_secs(1_798_761_600), before: BEFORE, after: TaiUtc(37 + change) };
        Smear { shape, duration: DAY, step: Some(step) }
    }

    const ALL: [(SmearShape, i16); 4] =
        [(SmearShape::Linear, 1), (SmearShape::Linear, -1), (SmearShape::Cosine, 1), (SmearShape::Cosine, -1)];

    /// TAI at the end of the leap second, whichever it is.
    fn midnight(smear: &Smear) -> Timestamp<Tai> {
        let step = smear.step.expect("one");
        step.after.to_tai(step.from)
    }

    /// What is served at `tai`, where UTC is counted with this TAI - UTC.
    fn served(smear: &Smear, tai: Timestamp<Tai>, tai_utc: TaiUtc) -> Timestamp<Utc> {
        let utc = tai_utc.to_utc(tai);
        utc + smear.ahead_at(utc, Some(tai_utc)).unwrap_or_default()
    }

    #[test]
    fn it_begins_and_ends_with_utc_and_is_half_a_second_apart_at_midnight() {
        for (shape, change) in ALL {
            let smear = smear(shape, change);
            let step = smear.step.expect("one");
            let noon = step.from - DAY.half();
            assert_eq!(smear.ahead_at(noon - Duration::from_nanos(1), Some(BEFORE)), None);
            assert_eq!(smear.ahead_at(noon, Some(BEFORE)), Some(Duration::ZERO));
            let last = smear.ahead_at(step.from + DAY.half() - Duration::from_nanos(1), Some(step.after));
            assert!(last.expect("not over").abs() < Duration::from_nanos(1), "{last:?}");
            assert_eq!(smear.ahead_at(step.from + DAY.half(), Some(step.after)), None);
            // The middle is in the middle of the leap second; midnight is half of one after it.
            let at_midnight = smear.ahead_at(step.from, Some(step.after)).expect("under way");
            let expected = Duration::from_millis(500).times(change.into());
            assert!((at_midnight - expected).abs() < Duration::from_micros(10), "{shape:?} {change}: {at_midnight}");
        }
    }

    #[test]
    fn six_hours_from_noon_a_line_has_gone_a_quarter_and_a_cosine_a_seventh() {
        for (shape, millis) in [(SmearShape::Linear, -250.0), (SmearShape::Cosine, -146.447)] {
            let smear = smear(shape, 1);
            let at = smear.step.expect("one").from - Duration::from_secs(6 * 3_600);
            let ahead = smear.ahead_at(at, Some(BEFORE)).expect("under way").as_secs_f64() * 1e3;
            assert!((ahead - millis).abs() < 0.01, "{shape:?}: {ahead} ms");
        }
    }

    #[test]
    fn what_is_served_is_continuous_and_its_rate_is_that_of_the_smear() {
        for (shape, change) in ALL {
            let smear = smear(shape, change);
            let midnight = midnight(&smear);
            let step = smear.step.expect("one");
            let most = if shape == SmearShape::Linear { 11.6e-6 } else { 18.3e-6 };
            // Coarsely over the whole, finely around the leap second and both ends.
            let far = (-90_000..90_000).step_by(97).map(Duration::from_secs);
            let centres = [Duration::ZERO - DAY.half(), Duration::ZERO, DAY.half()];
            let near =
                centres.into_iter().flat_map(|centre| (-300..300).map(move |n| centre + Duration::from_millis(10 * n)));
            let mut times: Vec<_> = far.chain(near).map(|after| midnight + after).collect();
            times.sort();
            let tai_utc = |tai| if tai < midnight { step.before } else { step.after };
            for pair in times.windows(2).filter(|pair| pair[0] < pair[1]) {
                let [one, two] = [pair[0], pair[1]].map(|tai| served(&smear, tai, tai_utc(tai)));
                let rate = (two - one).as_secs_f64() / (pair[1] - pair[0]).as_secs_f64() - 1.0;
                let with = -rate * f64::from(change);
                assert!((-1e-9..most).contains(&with), "{shape:?} {change}: {rate} at {}", pair[0] - midnight);
            }
        }
    }

    #[test]
    fn it_does_not_matter_when_the_leap_second_is_made() {
        for (shape, change) in ALL {
            let smear = smear(shape, change);
            let after = smear.step.expect("one").after;
            for seconds in [-3, -1, 0, 1, 3] {
                let tai = midnight(&smear) + Duration::from_secs(seconds);
                assert_eq!(served(&smear, tai, BEFORE), served(&smear, tai, after), "{shape:?} {change}, {seconds} s");
            }
        }
    }

    #[test]
    fn what_is_not_known_or_counted_otherwise_is_not_smeared() {
        let smear = smear(SmearShape::Linear, 1);
        let at = smear.step.expect("one").from - Duration::from_secs(3_600);
        assert!(smear.ahead_at(at, Some(BEFORE)).is_some());
        assert_eq!(smear.ahead_at(at, None), None);
        assert_eq!(smear.ahead_at(at, Some(TaiUtc(36))), None);
        assert_eq!(Smear { step: None, ..smear }.ahead_at(at, Some(BEFORE)), None);
    }
}
