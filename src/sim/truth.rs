//! What time it really is.

use crate::time::{Duration, LeapIndicator, Local, Mono, TaiUtc, Timestamp, Utc, civil_from_days};

/// What the time is at the world's beginning, CLOCK_MONOTONIC 0: a date in 2026. The two scales are far
/// apart on purpose, so that taking one for the other shows.
pub const LOCAL_EPOCH: Timestamp<Local> = Timestamp::from_secs(1_790_000_000);

/// TAI - UTC at the beginning.
pub const TAI_UTC: TaiUtc = TaiUtc(37);

const DAY_S: i64 = 86_400;

/// True time over virtual time: a line, and UTC beside it, which may have a leap second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Truth {
    start: Timestamp<Local>,
    leap: LeapIndicator,
}

impl Default for Truth {
    fn default() -> Self {
        Self { start: LOCAL_EPOCH, leap: LeapIndicator::NoWarning }
    }
}

impl Truth {
    /// A world that begins `before` the end of a UTC day of 2026, which has a leap second, or none. One that has is the last of its month.
    pub fn before_midnight(before: Duration, leap: LeapIndicator) -> Self {
        let first = LOCAL_EPOCH.seconds().div_euclid(DAY_S);
        let is_last = |day: &i64| leap == LeapIndicator::NoWarning || civil_from_days(day + 1).2 == 1;
        let day = (first..first + 31).find(is_last).expect("a month has 31 days at most");
        Self::before_the_end_of(Timestamp::from_secs(day * DAY_S), before, leap)
    }

    /// A world that begins `before` the end of the UTC day that begins at `day`.
    pub fn before_the_end_of(day: Timestamp<Utc>, before: Duration, leap: LeapIndicator) -> Self {
        let midnight = Timestamp::from_secs((day.seconds().div_euclid(DAY_S) + 1) * DAY_S);
        Self { start: midnight - before, leap }
    }

    /// UTC, counted on without leap seconds: what the clock reads that stamps for masters and for clocks in software.
    pub fn local(&self, now: Timestamp<Mono>) -> Timestamp<Local> {
        self.start + (now - Timestamp::EPOCH)
    }

    /// What a clock reads that counts TAI.
    pub fn tai(&self, now: Timestamp<Mono>) -> Timestamp<Local> {
        self.local(now) + TAI_UTC.duration()
    }

    /// UTC. While a second is inserted it reads the second before again, as the kernel does it.
    pub fn utc(&self, now: Timestamp<Mono>) -> Timestamp<Utc> {
        (self.local(now) + self.leapt(now)).read_as()
    }

    /// What leap seconds have added to UTC by now.
    fn leapt(&self, now: Timestamp<Mono>) -> Duration {
        let is_past = self.leap_at().is_some_and(|at| now >= at);
        match self.leap {
            LeapIndicator::Insert if is_past => -Duration::SECOND,
            LeapIndicator::Delete if is_past => Duration::SECOND,
            _ => Duration::ZERO,
        }
    }

    /// When the leap second happens, if there is one.
    pub fn leap_at(&self) -> Option<Timestamp<Mono>> {
        let before = match self.leap {
            LeapIndicator::Insert => Duration::ZERO,
            LeapIndicator::Delete => Duration::SECOND,
            LeapIndicator::NoWarning | LeapIndicator::Unknown => return None,
        };
        let midnight = (self.start.seconds().div_euclid(DAY_S) + 1) * DAY_S;
        Some(Timestamp::EPOCH + (Timestamp::from_secs(midnight) - before - self.start))
    }

    /// The end of the UTC day in which it begins.
    pub fn midnight(&self) -> Timestamp<Utc> {
        Timestamp::from_secs((self.start.seconds().div_euclid(DAY_S) + 1) * DAY_S)
    }

    /// TAI - UTC now.
    pub fn tai_utc(&self, now: Timestamp<Mono>) -> TaiUtc {
        TaiUtc(TAI_UTC.0 - (self.leapt(now).as_nanos() / 1_000_000_000) as i16)
    }

    /// The leap second of the present day, as a good master announces it.
    pub fn warning(&self, now: Timestamp<Mono>) -> LeapIndicator {
        let is_ahead = self.leap_at().is_some_and(|at| now < at);
        if is_ahead { self.leap } else { LeapIndicator::NoWarning }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_and_tai_minus_utc_leap_together() {
        for (leap, before_s, tai_utc) in [(LeapIndicator::Insert, 100, 38), (LeapIndicator::Delete, 99, 36)] {
            let truth = Truth::before_midnight(Duration::from_secs(100), leap);
            let leaps_at = truth.leap_at().unwrap();
            assert_eq!(leaps_at, Timestamp::EPOCH + Duration::from_secs(before_s));
            let just_before = leaps_at - Duration::from_nanos(1);
            assert_eq!((truth.tai_utc(just_before), truth.warning(just_before)), (TAI_UTC, leap));
            assert_eq!((truth.tai_utc(leaps_at).0, truth.warning(leaps_at)), (tai_utc, LeapIndicator::NoWarning));
            for now in [just_before, leaps_at] {
                let utc = truth.utc(now).read_as::<Local>();
                assert_eq!(truth.tai(now) - utc, truth.tai_utc(now).duration());
            }
            assert_eq!(truth.utc(leaps_at).seconds() % DAY_S, if tai_utc == 38 { DAY_S - 1 } else { 0 });
        }
    }

    #[test]
    fn a_leap_second_is_at_the_end_of_a_month() {
        let truth = Truth::before_midnight(Duration::from_secs(100), LeapIndicator::Insert);
        let midnight = truth.local(Timestamp::EPOCH + Duration::from_secs(100));
        assert_eq!(civil_from_days(midnight.seconds().div_euclid(DAY_S)), (2026, 10, 1));
    }

    #[test]
    fn without_a_leap_second_utc_is_a_line() {
        let truth = Truth::default();
        let later = Timestamp::EPOCH + Duration::from_secs(100_000);
        assert_eq!(truth.utc(later).read_as(), LOCAL_EPOCH + Duration::from_secs(100_000));
        assert_eq!((truth.leap_at(), truth.tai_utc(later)), (None, TAI_UTC));
    }
}
