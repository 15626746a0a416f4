//! TAI - UTC, through a leap second.
//!
//! A leap second is the one moment at which nobody agrees on the time: the kernel sets its clock back at midnight, a
//! grandmaster says the new currentUtcOffset up to two announce intervals later (IEEE 1588-2019 9.4), some say it
//! early, and leap flags linger. So the change is ours: it was announced during the day, it is made at midnight, and what
//! is said to the contrary within [`GUARD`] of it is not listened to.
//!
//! At any other moment TAI - UTC does not change. A source that says another value than before, without a midnight in
//! between, was wrong or is wrong now, and following it would move every clock by a second on its word: what was in force
//! stays in force, and the contradiction is told. Unless the host knew the other value from the beginning: then two say so.

use crate::time::{Duration, LeapIndicator, TaiUtc, Timestamp, Utc};

/// For so long before and after a leap second what sources say of TAI - UTC is not listened to.
pub const GUARD: Duration = Duration::from_secs(60);
/// For so long before and after it readings of a clock that counts UTC are ambiguous.
pub const AMBIGUOUS: Duration = Duration::from_millis(1_500);

const DAY_S: i64 = 86_400;

/// A leap second to come, or just past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leap {
    /// The UTC, counted on with TAI - UTC of before, at which it happens.
    pub at: Timestamp<Utc>,
    /// TAI - UTC before.
    pub before: TaiUtc,
    /// TAI - UTC after.
    pub after: TaiUtc,
}

/// See the module's text. UTC here is counted on with [`LeapWatch::tai_utc`].
#[derive(Clone, Copy, Default, Debug)]
pub struct LeapWatch {
    tai_utc: Option<TaiUtc>,
    leap: Option<Leap>,
    is_done: bool,
    /// What the host knew.
    host: Option<TaiUtc>,
    /// When a source has last said what is in force.
    confirmed: Option<Timestamp<Utc>>,
    /// What is said against it.
    disputed: Option<TaiUtc>,
}

impl LeapWatch {
    /// Starts with what the host knows.
    pub fn new(tai_utc: Option<TaiUtc>) -> Self {
        Self { tai_utc, host: tai_utc, ..Self::default() }
    }

    /// TAI - UTC in force.
    pub fn tai_utc(&self) -> Option<TaiUtc> {
        self.tai_utc
    }

    /// The leap second to come; `None` if there is none, or it is past.
    pub fn pending(&self) -> Option<Leap> {
        self.leap.filter(|_| !self.is_done)
    }

    /// The warning of the current UTC day.
    pub fn indicator(&self) -> LeapIndicator {
        match self.pending() {
            Some(leap) if leap.after > leap.before => LeapIndicator::Insert,
            Some(_) => LeapIndicator::Delete,
            None => LeapIndicator::NoWarning,
        }
    }

    /// What the source says of TAI - UTC, if that cannot be, and is not followed therefore.
    pub fn disputed(&self) -> Option<TaiUtc> {
        self.disputed
    }

    /// Whether what was in force may have become `said` by a leap second that nobody has announced to us.
    fn may_have_become(&self, said: TaiUtc, now: Timestamp<Utc>) -> bool {
        let (Some(known), Some(confirmed)) = (self.tai_utc, self.confirmed) else { return true };
        let day = |utc: Timestamp<Utc>| utc.seconds().div_euclid(DAY_S);
        said == known || self.host == Some(said) || day(confirmed) != day(now)
    }

    /// A source says this at `now`.
    pub fn hear(&mut self, now: Timestamp<Utc>, tai_utc: Option<TaiUtc>, warning: LeapIndicator) {
        if self.is_guarded(now) {
            return;
        }
        self.disputed = tai_utc.filter(|said| !self.may_have_become(*said, now));
        if self.disputed.is_some() {
            return;
        }
        self.confirmed = tai_utc.map(|_| now).or(self.confirmed);
        self.leap = None;
        self.is_done = false;
        self.tai_utc = tai_utc.or(self.tai_utc);
        let Some(before) = self.tai_utc else { return };
        let midnight = Timestamp::from_secs((now.seconds().div_euclid(DAY_S) + 1) * DAY_S);
        let (at, after) = match warning {
            LeapIndicator::Insert => (midnight, before.0 + 1),
            LeapIndicator::Delete => (midnight - Duration::SECOND, before.0 - 1),
            LeapIndicator::NoWarning | LeapIndicator::Unknown => return,
        };
        self.leap = Some(Leap { at, before, after: TaiUtc(after) });
    }

    /// Whether the leap second is due at `now`.
    pub fn is_due(&self, now: Timestamp<Utc>) -> bool {
        self.pending().is_some_and(|leap| now >= leap.at)
    }

    /// It has happened.
    pub fn done(&mut self) {
        if let Some(leap) = self.pending() {
            self.tai_utc = Some(leap.after);
            self.is_done = true;
            self.confirmed = Some(leap.at);
        }
    }

    /// Whether a reading of UTC at `now` may be of before or after the leap second.
    pub fn is_ambiguous(&self, now: Timestamp<Utc>) -> bool {
        self.distance(now).is_some_and(|distance| distance <= AMBIGUOUS)
    }

    fn is_guarded(&self, now: Timestamp<Utc>) -> bool {
        self.distance(now).is_some_and(|distance| distance <= GUARD)
    }

    fn distance(&self, now: Timestamp<Utc>) -> Option<Duration> {
        self.leap.map(|leap| (now - leap.at).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-31, so many seconds before midnight.
    fn before_midnight(seconds: i64) -> Timestamp<Utc> {
        Timestamp::from_secs(1_798_761_600 - seconds)
    }

    #[test]
    fn an_inserted_second_changes_the_offset_at_midnight() {
        let mut watch = LeapWatch::default();
        watch.hear(before_midnight(7_200), Some(TaiUtc(37)), LeapIndicator::Insert);
        assert_eq!(watch.pending().unwrap().at, before_midnight(0));
        assert_eq!(watch.indicator(), LeapIndicator::Insert);
        assert!(!watch.is_due(before_midnight(1)) && watch.is_due(before_midnight(0)));
        watch.done();
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(38)), LeapIndicator::NoWarning));
        assert!(!watch.is_due(before_midnight(-1)));
    }

    #[test]
    fn a_deleted_second_changes_it_a_second_earlier() {
        let mut watch = LeapWatch::new(Some(TaiUtc(37)));
        watch.hear(before_midnight(7_200), None, LeapIndicator::Delete);
        assert!(!watch.is_due(before_midnight(2)) && watch.is_due(before_midnight(1)));
        watch.done();
        assert_eq!(watch.tai_utc(), Some(TaiUtc(36)));
    }

    #[test]
    fn near_the_leap_second_nobody_is_listened_to() {
        let mut watch = LeapWatch::default();
        watch.hear(before_midnight(7_200), Some(TaiUtc(37)), LeapIndicator::Insert);
        // One that changes early, and takes its warning back.
        watch.hear(before_midnight(3), Some(TaiUtc(38)), LeapIndicator::NoWarning);
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(37)), LeapIndicator::Insert));
        watch.done();
        // One that is late, with a warning that lingers.
        watch.hear(before_midnight(-3), Some(TaiUtc(37)), LeapIndicator::Insert);
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(38)), LeapIndicator::NoWarning));
        watch.hear(before_midnight(-61), Some(TaiUtc(38)), LeapIndicator::NoWarning);
        assert_eq!(watch.tai_utc(), Some(TaiUtc(38)));
        assert!(!watch.is_ambiguous(before_midnight(-61)));
    }

    #[test]
    fn a_second_that_no_midnight_explains_is_disputed_and_not_followed() {
        let mut watch = LeapWatch::new(Some(TaiUtc(35)));
        let hear = |watch: &mut LeapWatch, before, said| {
            watch.hear(before_midnight(before), Some(TaiUtc(said)), LeapIndicator::NoWarning);
            (watch.tai_utc(), watch.disputed())
        };
        assert_eq!(hear(&mut watch, 40_000, 37), (Some(TaiUtc(37)), None), "a source comes before the kernel");
        assert_eq!(hear(&mut watch, 39_000, 38), (Some(TaiUtc(37)), Some(TaiUtc(38))));
        assert_eq!(hear(&mut watch, 38_000, 0), (Some(TaiUtc(37)), Some(TaiUtc(0))));
        assert_eq!(hear(&mut watch, 1, 37), (Some(TaiUtc(37)), None));
        assert_eq!(hear(&mut watch, 0, 38), (Some(TaiUtc(38)), None), "a leap second that nobody announced");
        watch.hear(before_midnight(-10), None, LeapIndicator::NoWarning);
        assert_eq!((watch.tai_utc(), watch.disputed()), (Some(TaiUtc(38)), None), "it says nothing any more");
    }

    #[test]
    fn what_the_host_knew_outvotes_a_source_that_was_wrong_first() {
        let mut watch = LeapWatch::new(Some(TaiUtc(37)));
        for (said, in_force) in [(36, 36), (35, 36), (37, 37), (36, 37)] {
            watch.hear(before_midnight(40_000), Some(TaiUtc(said)), LeapIndicator::NoWarning);
            assert_eq!(watch.tai_utc(), Some(TaiUtc(in_force)), "after {said}");
        }
    }

    #[test]
    fn a_warning_of_who_is_disputed_is_no_warning() {
        let mut watch = LeapWatch::default();
        watch.hear(before_midnight(7_200), Some(TaiUtc(37)), LeapIndicator::NoWarning);
        watch.hear(before_midnight(7_100), Some(TaiUtc(36)), LeapIndicator::Insert);
        assert_eq!((watch.indicator(), watch.disputed()), (LeapIndicator::NoWarning, Some(TaiUtc(36))));
    }

    #[test]
    fn a_warning_that_is_taken_back_in_time_is_gone() {
        let mut watch = LeapWatch::new(Some(TaiUtc(37)));
        watch.hear(before_midnight(7_200), None, LeapIndicator::Insert);
        watch.hear(before_midnight(7_100), None, LeapIndicator::NoWarning);
        assert_eq!(watch.pending(), None);
    }

    #[test]
    fn without_a_known_offset_nothing_is_prepared() {
        let mut watch = LeapWatch::default();
        watch.hear(before_midnight(100), None, LeapIndicator::Insert);
        assert_eq!(watch.indicator(), LeapIndicator::NoWarning);
    }
}
