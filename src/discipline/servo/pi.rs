//! The PI servo: the plain choice.
//!
//! `frequency = -(proportional * offset + integral)`, `integral += ki * offset * elapsed`. The first correction needs a
//! frequency, or the integral would have to wind up over minutes: so the clock is watched first, for
//! [`MEASURE_MIN`], and the slope of its offset, by least squares, becomes the integral.
//!
//! What goes wrong in the field (USERS P9) is refused here: a sample that is not later than the one before gives no
//! interval to divide by; an offset that is not finite never reaches the clock; at the frequency limit the integral
//! stops (anti-windup).

use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb, Local, LogInterval, Timestamp};

/// The least time over which the frequency is measured before the first correction.
pub const MEASURE_MIN: Duration = Duration::from_millis(700);
/// The least number of samples for it.
pub const MEASURE_SAMPLES_MIN: u32 = 3;
/// The longest memory of the average frequency that is held over with.
pub const AVERAGE_TIME: Duration = Duration::from_secs(60);
/// Until then it remembers this part of the time since the first correction, so that the first guess is soon forgotten.
const AVERAGE_PART: f64 = 0.25;

/// How fast the loop of a clock is that follows another one, in terms of that one's.
const BEHIND: f64 = 0.6;

/// How strongly the servo acts.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Gains {
    /// Of the offset, per second.
    pub proportional: f64,
    /// Of the offset's integral, per second squared.
    pub integral: f64,
}

impl Gains {
    /// For a Sync interval: a trade between following the oscillator and not following the jitter, found in the
    /// simulator (`cargo xtask accuracy`). Longer intervals need gains that stay stable, `proportional * T < 1`.
    pub fn for_interval(interval: LogInterval) -> Self {
        let row = |proportional, integral| Self { proportional, integral };
        match interval.log2_seconds() {
            ..=-6 => row(2.8, 5.0),
            -5 => row(2.2, 3.0),
            -4 => row(1.6, 1.6),
            -3 => row(1.25, 0.8),
            -2 => row(1.0, 0.6),
            -1 => row(0.8, 0.4),
            0 => row(0.65, 0.24),
            slower => {
                let interval = LogInterval::new(slower).duration().as_secs_f64();
                row(0.65 / interval, 0.24 / (interval * interval))
            }
        }
    }
}

impl Gains {
    /// For a clock that follows one which is steered with the gains `hub`.
    ///
    /// That one's servo answers the noise of its samples with errors that last as long as its loop is slow. A loop that is
    /// faster goes along with all of them, and adds the noise of the crossings; one that is slower lets a part of both pass. How
    /// much slower, is again a trade, with what its own oscillator does meanwhile.
    fn behind(self, hub: Self) -> Self {
        Self {
            proportional: self.proportional.min(BEHIND * hub.proportional),
            integral: self.integral.min(BEHIND * BEHIND * hub.integral),
        }
    }
}

/// What the servo says to a sample.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Verdict {
    /// Still measuring the frequency.
    Measuring,
    /// Measured: this is what the clock runs off by; the first correction may be made.
    Measured(FrequencyPpb),
    /// Set the frequency correction to this.
    Track(FrequencyPpb),
    /// Not later than the sample before it, or no number.
    Refused,
}

/// Least squares over `(at, offset)`, relative to the first.
#[derive(Clone, Copy, Debug, Coded)]
struct Slope {
    origin: (Timestamp<Local>, Duration),
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Slope {
    fn new(at: Timestamp<Local>, offset: Duration) -> Self {
        Self { origin: (at, offset), n: 1.0, x: 0.0, y: 0.0, xx: 0.0, xy: 0.0 }
    }

    fn push(&mut self, at: Timestamp<Local>, offset: Duration) {
        let (x, y) = ((at - self.origin.0).as_secs_f64(), (offset - self.origin.1).as_secs_f64());
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    fn ratio(&self) -> f64 {
        (self.n * self.xy - self.x * self.y) / (self.n * self.xx - self.x * self.x)
    }
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Pi {
    overridden: (Option<f64>, Option<f64>),
    gains: Gains,
    /// The most that it commands.
    limit: FrequencyPpb,
    /// The most that an oscillator runs off by.
    prior: FrequencyPpb,
    slope: Option<Slope>,
    integral: FrequencyPpb,
    /// The integral's average over the last minute, or what there is of it.
    average: FrequencyPpb,
    /// How long it has been tracking.
    age: Duration,
    is_tracking: bool,
    last: Option<Timestamp<Local>>,
}

impl Pi {
    /// A servo that never commands more than `limit`; `overridden` gains replace the table's.
    pub fn new(limit: FrequencyPpb, proportional: Option<f64>, integral: Option<f64>) -> Self {
        let mut servo = Self {
            overridden: (proportional, integral),
            gains: Gains::for_interval(LogInterval::new(0)),
            limit: limit.abs(),
            prior: limit.abs(),
            slope: None,
            integral: FrequencyPpb::ZERO,
            average: FrequencyPpb::ZERO,
            age: Duration::ZERO,
            is_tracking: false,
            last: None,
        };
        servo.set_interval(LogInterval::new(0), None);
        servo
    }

    /// Other gains replace the table's (or none), from the next interval that it is told on.
    pub fn override_gains(&mut self, proportional: Option<f64>, integral: Option<f64>) {
        self.overridden = (proportional, integral);
    }

    /// Never commands more than this either.
    pub fn limit_commands(&mut self, limit: FrequencyPpb) {
        self.limit = if limit.abs() < self.prior { limit.abs() } else { self.prior };
    }

    /// The master sends at another interval. If it is a clock that is itself steered, by samples at interval `hub`, the loop is
    /// slower than that one's.
    pub fn set_interval(&mut self, interval: LogInterval, hub: Option<LogInterval>) {
        let table = Gains::for_interval(interval);
        let table = hub.map_or(table, |hub| table.behind(Gains::for_interval(hub)));
        self.gains = Gains {
            proportional: self.overridden.0.unwrap_or(table.proportional),
            integral: self.overridden.1.unwrap_or(table.integral),
        };
    }

    /// Measures again before the next correction.
    pub fn restart(&mut self) {
        self.slope = None;
        self.is_tracking = false;
        self.last = None;
    }

    /// Takes what the clock runs off by as known, and tracks from the next sample on.
    pub fn begin_tracking(&mut self, runs_off_by: FrequencyPpb) {
        self.integral = (-runs_off_by).clamp(self.limit);
        self.average = self.integral;
        self.age = Duration::ZERO;
        self.is_tracking = true;
        self.last = None;
    }

    /// Whether it corrects the clock.
    pub fn is_tracking(&self) -> bool {
        self.is_tracking
    }

    /// What the clock is thought to run off by, uncorrected.
    pub fn runs_off_by(&self) -> FrequencyPpb {
        -self.integral
    }

    /// The same, averaged over about [`AVERAGE_TIME`]: quieter, and later to notice a change.
    pub fn runs_off_by_on_average(&self) -> FrequencyPpb {
        -self.average
    }

    /// The samples have stopped: the correction to keep, and to go on from when they come again.
    ///
    /// The last command will not do: it answers the last sample's offset, which is mostly noise and is gone an interval
    /// later. 10 us at a gain of 1/s are 10 ppm, and 1 ms after two minutes.
    pub fn hold_over(&mut self) -> FrequencyPpb {
        self.integral = self.average;
        self.integral
    }

    /// A sample while measuring: `free_offset` is that of the uncorrected clock.
    pub fn measure(&mut self, at: Timestamp<Local>, free_offset: Duration) -> Verdict {
        if self.last.is_some_and(|last| at <= last) {
            return Verdict::Refused;
        }
        self.last = Some(at);
        let Some(slope) = &mut self.slope else {
            self.slope = Some(Slope::new(at, free_offset));
            return Verdict::Measuring;
        };
        slope.push(at, free_offset);
        if at - slope.origin.0 < MEASURE_MIN || slope.n < f64::from(MEASURE_SAMPLES_MIN) {
            return Verdict::Measuring;
        }
        let measured = FrequencyPpb::from_ratio(slope.ratio());
        if measured.is_finite() { Verdict::Measured(measured.clamp(self.prior)) } else { Verdict::Refused }
    }

    /// A sample while tracking: `offset` is that of the disciplined clock.
    pub fn track(&mut self, at: Timestamp<Local>, offset: Duration, interval: Duration) -> Verdict {
        if self.last.is_some_and(|last| at <= last) {
            return Verdict::Refused;
        }
        // After a gap the integral must not take a whole pause's worth of one sample.
        let elapsed = self.last.map_or(interval, |last| (at - last).min(interval.times(2)));
        self.last = Some(at);
        let seconds = offset.as_secs_f64();
        let change = FrequencyPpb::from_ratio(-self.gains.integral * seconds * elapsed.as_secs_f64());
        let proportional = FrequencyPpb::from_ratio(-self.gains.proportional * seconds);
        let wanted = self.integral + change + proportional;
        if !wanted.is_finite() {
            return Verdict::Refused;
        }
        let commanded = wanted.clamp(self.limit);
        if commanded == wanted {
            self.integral = (self.integral + change).clamp(self.limit);
        }
        self.learn(elapsed);
        Verdict::Track(commanded)
    }

    fn learn(&mut self, elapsed: Duration) {
        self.age += elapsed;
        let memory = self.age.scaled(AVERAGE_PART).min(AVERAGE_TIME).max(elapsed);
        let weight = elapsed.as_secs_f64() / memory.as_secs_f64();
        self.average = self.average + FrequencyPpb::new((self.integral - self.average).ppb() * weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    const LIMIT: FrequencyPpb = FrequencyPpb::new(500_000.0);
    const T: Duration = Duration::from_millis(125);

    fn at(n: i64) -> Timestamp<Local> {
        Timestamp::from_secs(9) + T.times(n)
    }

    #[test]
    fn the_first_command_is_the_closed_form() {
        let mut servo = Pi::new(LIMIT, Some(2.0), Some(0.8));
        servo.begin_tracking(FrequencyPpb::from_ppm(10.0));
        // -(2 * 1e-6 + 0.8 * 1e-6 * 0.125) - 10 ppm = -12.1 ppm.
        let Verdict::Track(command) = servo.track(at(1), Duration::from_micros(1), T) else { panic!() };
        assert!((command.ppm() + 12.1).abs() < 1e-9, "{command}");
    }

    #[test]
    fn who_follows_another_clock_is_slower_than_that_one() {
        let first = |hub: Option<LogInterval>| {
            let mut servo = Pi::new(LIMIT, None, None);
            servo.set_interval(LogInterval::new(-2), hub);
            servo.begin_tracking(FrequencyPpb::ZERO);
            let Verdict::Track(command) = servo.track(at(1), Duration::from_micros(1), Duration::from_millis(250))
            else {
                panic!()
            };
            command.ppm()
        };
        // -(1 + 0.6 * 0.25) alone; by a hub that hears its source once a second, of 0.65 and 0.24, 0.6 and 0.36 parts.
        assert!((first(None) + 1.15).abs() < 1e-9);
        assert!((first(Some(LogInterval::new(0))) + 0.39 + 0.0216).abs() < 1e-9);
        assert!((first(Some(LogInterval::new(-7))) + 1.15).abs() < 1e-9, "no faster than its own samples allow");
    }

    #[test]
    fn the_frequency_is_measured_before_anything_is_corrected() {
        let mut servo = Pi::new(LIMIT, None, None);
        let mut verdict = Verdict::Measuring;
        let mut samples = 0;
        while verdict == Verdict::Measuring {
            verdict =
                servo.measure(at(samples), Duration::SECOND + FrequencyPpb::from_ppm(40.0).drift(T.times(samples)));
            samples += 1;
        }
        let Verdict::Measured(frequency) = verdict else { panic!("{verdict:?}") };
        assert!((frequency.ppm() - 40.0).abs() < 1e-6);
        assert_eq!(samples, 7, "0.7 s at 8 samples a second");
    }

    #[test]
    fn a_sample_that_does_not_advance_is_refused_and_changes_nothing() {
        let mut servo = Pi::new(LIMIT, None, None);
        servo.begin_tracking(FrequencyPpb::ZERO);
        servo.track(at(1), Duration::from_micros(3), T);
        let before = servo.runs_off_by();
        assert_eq!(servo.track(at(1), Duration::from_micros(3), T), Verdict::Refused);
        assert_eq!(servo.track(at(0), Duration::from_micros(3), T), Verdict::Refused);
        assert_eq!(servo.runs_off_by(), before);
    }

    #[test]
    fn commands_stay_inside_the_limit_and_the_integral_does_not_wind_up() {
        let mut servo = Pi::new(LIMIT, None, None);
        servo.begin_tracking(FrequencyPpb::ZERO);
        for n in 0..1_000 {
            let Verdict::Track(command) = servo.track(at(n), Duration::from_secs(5), T) else { panic!() };
            assert_eq!(command, -LIMIT);
        }
        assert_eq!(servo.runs_off_by(), FrequencyPpb::ZERO);
    }

    #[test]
    fn any_sequence_of_offsets_gives_finite_bounded_commands() {
        let mut random = Random::seeded(11);
        let mut servo = Pi::new(LIMIT, None, None);
        servo.begin_tracking(FrequencyPpb::ZERO);
        for n in 0..20_000 {
            let offset = Duration::from_ticks(i128::from(random.next_u64() as i64) << random.below(60));
            if let Verdict::Track(command) = servo.track(at(n), offset, T) {
                assert!(command.is_finite() && command.abs() <= LIMIT);
            }
        }
    }

    #[test]
    fn holdover_keeps_the_average_frequency_and_not_the_answer_to_the_last_sample() {
        let mut random = Random::seeded(2);
        let mut servo = Pi::new(LIMIT, None, None);
        servo.set_interval(LogInterval::new(-3), None);
        // The first guess is 8 ppm off, as one over 0.7 s with a jitter of 5 us may be.
        servo.begin_tracking(FrequencyPpb::from_ppm(8.0));
        let mut offset = 0.0;
        for n in 0..8 * 60 {
            let seen = Duration::from_secs_f64(offset + 5e-6 * (random.exponential() - 1.0));
            let Verdict::Track(command) = servo.track(at(n), seen, T) else { panic!() };
            offset += command.ratio() * 0.125;
        }
        assert!(servo.hold_over().ppm().abs() < 0.5, "{}", servo.runs_off_by());
        assert_eq!(servo.runs_off_by(), servo.runs_off_by_on_average());
    }

    #[test]
    fn the_loop_settles_at_every_interval_of_the_table() {
        for log in -7..=4 {
            let interval = LogInterval::new(log);
            let mut servo = Pi::new(LIMIT, None, None);
            servo.set_interval(interval, None);
            servo.begin_tracking(FrequencyPpb::ZERO);
            // An oscillator 5 ppm off that the servo does not know of, 10 us ahead at the start.
            let (mut offset, mut now) = (1e-5, Timestamp::from_secs(1));
            for _ in 0..4_000 {
                now = now + interval.duration();
                let Verdict::Track(command) = servo.track(now, Duration::from_secs_f64(offset), interval.duration())
                else {
                    panic!()
                };
                offset += (5e-6 + command.ratio()) * interval.duration().as_secs_f64();
            }
            assert!(offset.abs() < 1e-11, "2^{log} s: {offset}");
            assert!((servo.runs_off_by().ppm() - 5.0).abs() < 1e-4);
        }
    }
}
