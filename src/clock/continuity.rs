//! Does a hardware clock run on as a clock does?
//!
//! A PHC can jump under us: another program set it, the driver reset it to 1970 with the link, a firmware update swapped
//! it. What it says then is not wrong by a little; and whatever is steered by it follows. So every reading is compared
//! with CLOCK_MONOTONIC_RAW, which nobody steers. Not the PHC's own reading is compared, though, since we steer that: its
//! reading with all our corrections taken out (`V`, see [`Timeline`](crate::discipline::Timeline)) runs at the
//! oscillator's own rate, which is learned.

use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// The least change that is called a jump, beside what the windows of the readings can hide.
pub const JUMP_FLOOR: Duration = Duration::from_micros(2);
/// What two oscillators may run apart by before their rates are learned: twice the worst that is sold.
const RATE_UNKNOWN: FrequencyPpb = FrequencyPpb::new(1_000_000.0);
/// What the learned rate may change by from one reading to the next: a cold start, a fan.
const RATE_CHANGE: FrequencyPpb = FrequencyPpb::new(2_000.0);
/// What a reading may be off by whose window is zero: it comes in whole nanoseconds, of two clocks that the kernel rounds each by itself. Over the
/// tenth of a millisecond between two cards that are read one after the other that is much of a rate.
const RESOLUTION: Duration = Duration::from_nanos(10);
/// The rate is measured over at most so long, so that it follows the temperature.
const RATE_SPAN_MAX: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug)]
struct Reading {
    raw: Timestamp<Local>,
    free: Timestamp<Local>,
    window: Duration,
}

/// The rate of `V` against CLOCK_MONOTONIC_RAW, and how far it may be from that.
#[derive(Clone, Copy, Debug)]
struct Rate {
    rate: FrequencyPpb,
    uncertainty: FrequencyPpb,
}

/// What may be beside the windows of the readings.
#[derive(Clone, Copy, Debug)]
struct Tolerance {
    /// At each reading.
    floor: Duration,
    /// How much the rate may change from one to the next.
    rate_change: FrequencyPpb,
}

/// Whether a clock has run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// It has.
    Given,
    /// The readings do not say: they are too few, too near to each other or too wide.
    Lacking,
    /// It has not: somebody or something moved it by this.
    Contrary(Duration),
}

/// What a reading says beside the one before.
#[derive(Clone, Copy, Debug)]
struct Finding {
    /// By how much it is not what was foretold.
    surprise: Duration,
    /// Less than that is nothing.
    allowed: Duration,
    elapsed: Duration,
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Continuity {
    tolerance: Tolerance,
    last: Option<Reading>,
    /// Where the present measurement of the rate began.
    origin: Option<Reading>,
    rate: Option<Rate>,
}

impl Default for Continuity {
    /// Of another oscillator than that of CLOCK_MONOTONIC_RAW.
    fn default() -> Self {
        Self::within(Tolerance { floor: JUMP_FLOOR, rate_change: RATE_CHANGE })
    }
}

impl Continuity {
    /// Of CLOCK_REALTIME, which counts by the same oscillator: only what the kernel was told comes between them, and its rounding,
    /// on an idle CPU up to 60 ns in half a second.
    pub fn of_the_same_oscillator() -> Self {
        let (floor, rate_change) = (Duration::from_nanos(100), FrequencyPpb::new(500.0));
        Self::within(Tolerance { floor, rate_change })
    }

    fn within(tolerance: Tolerance) -> Self {
        Self { tolerance, last: None, origin: None, rate: None }
    }

    /// A reading: `free` is `V` when CLOCK_MONOTONIC_RAW read `raw`, to within `window`. Returns by how much the clock
    /// jumped since the last one, if it did.
    pub fn check(&mut self, raw: Timestamp<Local>, free: Timestamp<Local>, window: Duration) -> Option<Duration> {
        let found = self.take(Reading { raw, free, window })?;
        (found.surprise.abs() > found.allowed).then_some(found.surprise)
    }

    /// As [`Continuity::check`]: does a reading prove that the clock has run on since the last one, but for what a change of its
    /// frequency by `drift` does?
    pub fn proof(
        &mut self,
        raw: Timestamp<Local>,
        free: Timestamp<Local>,
        window: Duration,
        drift: FrequencyPpb,
    ) -> Proof {
        let Some(found) = self.take(Reading { raw, free, window }) else { return Proof::Lacking };
        if found.surprise.abs() > found.allowed {
            Proof::Contrary(found.surprise)
        } else if found.allowed <= drift.drift(found.elapsed) {
            Proof::Given
        } else {
            Proof::Lacking
        }
    }

    /// What a reading says; nothing if it is the first.
    fn take(&mut self, reading: Reading) -> Option<Finding> {
        let Some(last) = self.last.replace(reading) else {
            self.origin = Some(reading);
            return None;
        };
        let elapsed = reading.raw - last.raw;
        let Rate { rate, uncertainty } =
            self.rate.unwrap_or(Rate { rate: FrequencyPpb::ZERO, uncertainty: RATE_UNKNOWN });
        let surprise = (reading.free - last.free) - elapsed - rate.drift(elapsed);
        let Tolerance { floor, rate_change } = self.tolerance;
        let allowed = floor + reading.window + last.window + (uncertainty + rate_change).drift(elapsed).abs();
        if surprise.abs() > allowed {
            // What the rate was, it is still: only the reading changed.
            self.origin = Some(reading);
        } else {
            self.learn(reading);
        }
        Some(Finding { surprise, allowed, elapsed })
    }

    /// What `V` gains on what it is compared with, as far as that is learned.
    pub fn rate(&self) -> FrequencyPpb {
        self.rate.map_or(FrequencyPpb::ZERO, |known| known.rate)
    }

    /// Forgets the readings: the next one begins anew.
    pub fn restart(&mut self) {
        self.last = None;
        self.origin = None;
    }

    fn learn(&mut self, reading: Reading) {
        let Some(origin) = self.origin else { return };
        let span = reading.raw - origin.raw;
        if span <= Duration::ZERO {
            return;
        }
        let per_span = |duration: Duration| FrequencyPpb::from_ratio(duration.as_secs_f64() / span.as_secs_f64());
        let measured = Rate {
            rate: per_span(reading.free - origin.free - span),
            uncertainty: per_span(reading.window + origin.window + RESOLUTION),
        };
        if self.rate.is_none_or(|known| measured.uncertainty <= known.uncertainty) || span >= RATE_SPAN_MAX {
            self.rate = Some(measured);
        }
        if span >= RATE_SPAN_MAX {
            self.origin = Some(reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_micros(3);

    /// Readings every 62.5 ms of a clock that runs `ppm` fast, with a jump before reading `jump_at`.
    fn first_alarm(ppm: f64, jump: Duration, jump_at: i64) -> Option<(i64, Duration)> {
        let mut continuity = Continuity::default();
        let rate = FrequencyPpb::from_ppm(ppm);
        (0..400).find_map(|n| {
            let elapsed = Duration::from_micros(62_500).times(n);
            let noise = Duration::from_nanos((n * 977) % 3_000 - 1_500);
            let jumped = if n >= jump_at { jump } else { Duration::ZERO };
            let raw = Timestamp::from_secs(50) + elapsed;
            let free = Timestamp::from_secs(1_800_000_000) + elapsed + rate.drift(elapsed) + noise + jumped;
            continuity.check(raw, free, WINDOW).map(|by| (n, by))
        })
    }

    #[test]
    fn a_clock_that_runs_on_is_never_accused() {
        for ppm in [-500.0, -35.0, 0.0, 100.0, 500.0] {
            assert_eq!(first_alarm(ppm, Duration::ZERO, 0), None, "{ppm} ppm");
        }
    }

    #[test]
    fn a_jump_is_told_at_the_first_reading_after_it_with_its_size() {
        for jump in [
            Duration::from_micros(50),
            Duration::from_micros(-50),
            Duration::SECOND,
            Duration::from_secs(-1_700_000_000),
        ] {
            let (at, by) = first_alarm(100.0, jump, 200).expect("an alarm");
            assert_eq!(at, 200, "{jump}");
            assert!((by - jump).abs() < Duration::from_micros(10), "{jump} told as {by}");
        }
    }

    /// What is proven of the last quarter of a second of CLOCK_REALTIME, after eight seconds in which it ran as it was told.
    fn proof(tampered_ppm: f64, window: Duration) -> Proof {
        let mut continuity = Continuity::of_the_same_oscillator();
        let quarter = Duration::from_millis(250);
        let mut proof = Proof::Lacking;
        for n in 0..=33 {
            let (elapsed, rounding) = (quarter.times(n), Duration::from_nanos((n * 37) % 30));
            let by = if n == 33 { FrequencyPpb::from_ppm(tampered_ppm).drift(quarter) } else { Duration::ZERO };
            let free = Timestamp::from_secs(1_800_000_000) + elapsed + rounding + by;
            proof = continuity.proof(Timestamp::from_secs(50) + elapsed, free, window, FrequencyPpb::from_ppm(1.0));
        }
        proof
    }

    #[test]
    fn that_a_rate_is_ours_is_proven_by_the_clock_that_nobody_steers() {
        assert_eq!((proof(0.0, Duration::ZERO), proof(0.5, Duration::ZERO)), (Proof::Given, Proof::Given));
        for ppm in [-100.0, -1.5, 1.5, 100.0] {
            let Proof::Contrary(by) = proof(ppm, Duration::ZERO) else { panic!("{ppm} ppm went unseen") };
            assert!(
                (by - FrequencyPpb::from_ppm(ppm).drift(Duration::from_millis(250))).abs() < Duration::from_nanos(60)
            );
        }
        assert_eq!(proof(0.0, WINDOW), Proof::Lacking, "wide windows hide more than an oscillator may do by itself");
        let at = Timestamp::from_secs(50);
        let first = Continuity::of_the_same_oscillator().proof(at, at, Duration::ZERO, FrequencyPpb::from_ppm(1.0));
        assert_eq!(first, Proof::Lacking, "one reading proves nothing");
    }

    #[test]
    fn two_cards_that_are_read_one_after_the_other_accuse_nobody_by_a_nanosecond() {
        let mut continuity = Continuity::of_the_same_oscillator();
        let (quarter, between) = (Duration::from_millis(250), Duration::from_micros(90));
        for n in 0..400_i64 {
            for card in 0..2 {
                let elapsed = quarter.times(n) + between.times(card);
                let rounding = Duration::from_nanos((n * 7 + card * 2) % 3 - 1);
                let free = Timestamp::from_secs(1_800_000_000) + elapsed + rounding;
                let raw = Timestamp::from_secs(50) + elapsed;
                let proof = continuity.proof(raw, free, Duration::ZERO, FrequencyPpb::from_ppm(1.0));
                assert!(!matches!(proof, Proof::Contrary(_)), "reading {n} of card {card}: {proof:?}");
            }
        }
    }

    #[test]
    fn before_the_rate_is_known_only_a_gross_jump_is_told() {
        assert!(first_alarm(300.0, Duration::from_millis(10), 1).is_some());
        assert_eq!(first_alarm(300.0, Duration::from_micros(5), 1), None);
    }
}
