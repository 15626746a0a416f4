//! Another program has changed the rate of a clock that is ours.
//!
//! The kernel says of each clock which frequency it was told last, whoever told it. So a rate that is not the one that we have
//! written is somebody else's. When it was changed cannot be seen, only that it was: it counts from the last look on. Two
//! changes between two looks that cancel each other stay unseen, as does what a driver or its hardware does by itself.

use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// What was seen so short a time ago need not be looked at again.
pub(super) const FRESH: Duration = Duration::from_millis(5);

/// What another program has done to a clock's rate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tampering {
    /// The frequency correction that was found.
    pub found: FrequencyPpb,
    /// By how much the clock may have been put ahead by that since it was last seen to be as we left it; not negative.
    pub ahead: Duration,
    /// The same, behind; not positive.
    pub behind: Duration,
}

impl Tampering {
    /// The most that it may have moved the clock by, to either side.
    pub fn most(&self) -> Duration {
        self.ahead.max(self.behind.abs())
    }
}

/// Sees that a rate is what we made it. `R` is a rate as the kernel counts it.
#[derive(Clone, Copy, Debug)]
pub struct Watch<R> {
    /// As last written or found.
    pub written: R,
    seen_at: Option<Timestamp<Local>>,
    tampering: Option<Tampering>,
}

impl<R: Copy + PartialEq> Watch<R> {
    /// Of a clock that was found, or set, like this.
    pub const fn new(written: R) -> Self {
        Self { written, seen_at: None, tampering: None }
    }

    /// From this reading of the clock on the rate counts as ours, if none was looked at before.
    pub fn begin(&mut self, at: Timestamp<Local>) {
        self.seen_at.get_or_insert(at);
    }

    /// The clock reads `at`, and has run as we left it until then: other evidence says so.
    pub fn trust(&mut self, at: Timestamp<Local>) {
        self.seen_at = Some(at);
    }

    /// Whether it was seen to be as we left it a moment before the clock reads `at`: another program has had no time to do harm.
    pub fn is_fresh(&self, at: Timestamp<Local>) -> bool {
        self.seen_at.is_some_and(|seen| (at - seen).abs() <= FRESH)
    }

    /// The clock was stepped: the time between two looks is what it was.
    pub fn stepped(&mut self, by: Duration) {
        self.seen_at = self.seen_at.map(|at| at + by);
    }

    /// The clock reads `at`, and its rate is `found`; whether that is another program's. `frequency` says what a rate is.
    pub fn look(&mut self, at: Timestamp<Local>, found: R, frequency: impl Fn(R) -> FrequencyPpb) -> bool {
        let since = self.seen_at.replace(at).unwrap_or(at);
        let written = std::mem::replace(&mut self.written, found);
        if found == written {
            return false;
        }
        let by = (frequency(found) - frequency(written)).drift((at - since).max(Duration::ZERO));
        let (ahead, behind) =
            self.tampering.map_or((Duration::ZERO, Duration::ZERO), |before| (before.ahead, before.behind));
        self.tampering = Some(Tampering {
            found: frequency(found),
            ahead: ahead + by.max(Duration::ZERO),
            behind: behind + by.min(Duration::ZERO),
        });
        true
    }

    /// What was seen since this was asked last.
    pub fn take(&mut self) -> Option<Tampering> {
        self.tampering.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<Local> {
        Timestamp::from_secs(1_000) + Duration::from_millis(millis)
    }

    /// Rates are whole ppm here.
    fn ppm(rate: i64) -> FrequencyPpb {
        FrequencyPpb::from_ppm(rate as f64)
    }

    #[test]
    fn a_rate_of_another_program_counts_from_the_last_look_on() {
        let (ours, theirs) = (20, 120);
        let mut watch = Watch::new(ours);
        assert!(!watch.look(at(0), ours, ppm) && !watch.look(at(250), ours, ppm));
        assert!(watch.look(at(500), theirs, ppm));
        // 100 ppm too fast for at most a quarter of a second.
        let told = watch.tampering.expect("it was seen");
        assert!((told.ahead - Duration::from_micros(25)).abs() < Duration::from_nanos(1), "{told:?}");
        assert!(told.behind == Duration::ZERO && (told.found.ppm() - 120.0).abs() < 0.001);
        // What was found is put back, and the look after that finds it so.
        watch.written = ours;
        assert!(!watch.look(at(750), ours, ppm));
        assert_eq!(watch.take(), Some(told));
        assert_eq!(watch.take(), None);
    }

    #[test]
    fn changes_both_ways_do_not_cancel_each_other() {
        let mut watch = Watch::new(0);
        watch.look(at(0), 0, ppm);
        watch.look(at(1_000), 10, ppm);
        watch.written = 0;
        watch.look(at(2_000), -100, ppm);
        let told = watch.take().expect("it was seen");
        assert!((told.ahead - Duration::from_micros(10)).abs() < Duration::from_nanos(1), "{told:?}");
        assert!((told.behind + Duration::from_micros(100)).abs() < Duration::from_nanos(1), "{told:?}");
    }

    #[test]
    fn a_step_of_our_own_does_not_change_how_long_nobody_looked() {
        for step in [Duration::from_secs(-37), Duration::from_secs(37)] {
            let mut watch = Watch::new(0);
            watch.look(at(0), 0, ppm);
            watch.stepped(step);
            watch.look(at(100) + step, 10, ppm);
            let told = watch.take().expect("it was seen");
            assert!((told.ahead - Duration::from_micros(1)).abs() < Duration::from_nanos(1), "{told:?}");
        }
    }
}
