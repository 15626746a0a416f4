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

/// See the module's text.
#[derive(Clone, Copy, Default, Debug)]
pub struct Continuity {
    last: Option<Reading>,
    /// Where the present measurement of the rate began.
    origin: Option<Reading>,
    rate: Option<Rate>,
}

impl Continuity {
    /// A reading: `free` is `V` when CLOCK_MONOTONIC_RAW read `raw`, to within `window`. Returns by how much the clock
    /// jumped since the last one, if it did.
    pub fn check(&mut self, raw: Timestamp<Local>, free: Timestamp<Local>, window: Duration) -> Option<Duration> {
        let reading = Reading { raw, free, window };
        let Some(last) = self.last.replace(reading) else {
            self.origin = Some(reading);
            return None;
        };
        let elapsed = raw - last.raw;
        let Rate { rate, uncertainty } =
            self.rate.unwrap_or(Rate { rate: FrequencyPpb::ZERO, uncertainty: RATE_UNKNOWN });
        let surprise = (free - last.free) - elapsed - rate.drift(elapsed);
        let allowed = JUMP_FLOOR + window + last.window + (uncertainty + RATE_CHANGE).drift(elapsed).abs();
        if surprise.abs() > allowed {
            // What the rate was, it is still: only the reading changed.
            self.origin = Some(reading);
            return Some(surprise);
        }
        self.learn(reading);
        None
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
            uncertainty: per_span(reading.window + origin.window),
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

    #[test]
    fn before_the_rate_is_known_only_a_gross_jump_is_told() {
        assert!(first_alarm(300.0, Duration::from_millis(10), 1).is_some());
        assert_eq!(first_alarm(300.0, Duration::from_micros(5), 1), None);
    }
}
