//! How soon a clock is right that starts 1 s and 100 ppm off.
//!
//! Counted from selecting the parent (PTP: the first qualified Announce) or from the first request (NTP), not from the
//! start: waiting for Announce is no merit and no fault of a servo. A clock is below a limit from when on it stays there
//! until the end of the run.

use super::NTP_CELLS;
use crate::discipline::policy::StepRule;
use crate::discipline::servo::Kind;
use crate::sim::accuracy::CELLS;
use crate::sim::{Checker, NodeId, NtpWorld, World};
use crate::time::{Duration, FrequencyPpb, LogInterval, Mono, Timestamp};

/// The limits, from wide to narrow: 1 ms to 100 ns.
pub const CONVERGENCE_LIMITS_S: [f64; 5] = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/// How fine time is looked at.
const STEP: Duration = Duration::from_millis(25);

/// Whence and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// PTP, as in the cell of this number.
    Ptp(usize),
    /// The same, and the clock is never stepped; it starts 10 ms off.
    PtpSlewed(usize),
    /// NTP, as in the cell of this number, with a burst at the beginning.
    Ntp(usize),
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Convergence {
    /// Its name in tables and JSON.
    pub name: &'static str,
    way: Way,
    /// How long it is watched.
    watched: Duration,
}

const fn row(name: &'static str, way: Way, watched_s: i64) -> Convergence {
    Convergence { name, way, watched: Duration::from_secs(watched_s) }
}

/// The rows that have a target, and their neighbours.
pub const CONVERGENCES: [Convergence; 6] = [
    row("ptp_8_per_s_100ns", Way::Ptp(3), 120),
    row("ptp_1_per_s_100ns", Way::Ptp(2), 240),
    row("ptp_8_per_s_100ns_slew_only_from_10ms", Way::PtpSlewed(3), 240),
    row("ntp_iburst_poll_0_10us", Way::Ntp(0), 300),
    row("ntp_iburst_poll_4_100us", Way::Ntp(6), 900),
    row("ntp_iburst_poll_6_100us", Way::Ntp(7), 1_200),
];

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub struct ConvergenceRun {
    /// Seconds after which it stayed below each of [`CONVERGENCE_LIMITS_S`]; `None`: not within the run.
    pub below_s: [Option<f64>; CONVERGENCE_LIMITS_S.len()],
    /// The fastest that the clock's error changed between two looks without a step, in s/s.
    pub slew_max: f64,
    /// The greatest frequency correction that was commanded; the configuration limits it.
    pub correction_max: FrequencyPpb,
    /// What that limit is.
    pub correction_limit: FrequencyPpb,
    /// What the checker found, from the beginning.
    pub checker: Checker,
}

impl Convergence {
    /// Runs it once.
    pub fn run(&self, servo: Kind, seed: u64) -> ConvergenceRun {
        match self.way {
            Way::Ptp(cell) => self.ptp(cell, servo, seed, false),
            Way::PtpSlewed(cell) => self.ptp(cell, servo, seed, true),
            Way::Ntp(cell) => self.ntp(cell, servo, seed),
        }
    }

    fn ptp(&self, cell: usize, servo: Kind, seed: u64, is_slewed: bool) -> ConvergenceRun {
        let cell = CELLS[cell];
        let mut config = cell.slave(seed);
        config.steering.servo = servo;
        config.offset = if is_slewed { Duration::from_millis(10) } else { Duration::SECOND };
        if is_slewed {
            config.steering.step.first = StepRule::Never;
        }
        let (mut world, slave): (World, NodeId) = cell.world(&config, seed);
        let mut course = Course::default();
        let mut at = Duration::ZERO;
        while at < self.watched {
            at += STEP;
            world.run_until(at);
            course.see(at, world.true_error(slave), world.slave(slave).published().frequency);
        }
        let selected = world.slave(slave).parents().first().map_or(Timestamp::EPOCH, |(at, _)| *at);
        course.since(selected, config.steering.max_frequency, world.checker())
    }

    fn ntp(&self, cell: usize, servo: Kind, seed: u64) -> ConvergenceRun {
        let cell = NTP_CELLS[cell];
        let mut config = cell.config(servo, seed);
        config.offset = Duration::SECOND;
        config.client.iburst = true;
        config.client.poll_max = config.client.poll.max(LogInterval::new(6));
        let mut world = NtpWorld::new(config, seed, Duration::ZERO);
        let mut course = Course::default();
        let mut at = Duration::ZERO;
        while at < self.watched {
            at += STEP;
            world.run_until(at);
            course.see(at, world.true_error(), world.published().frequency);
        }
        course.since(Timestamp::EPOCH, config.steering.max_frequency, world.checker())
    }
}

/// When the error was last beyond each limit, and how fast it changed.
#[derive(Default)]
struct Course {
    last_beyond: [Duration; CONVERGENCE_LIMITS_S.len()],
    end: Duration,
    before: Option<Duration>,
    slew_max: f64,
    correction_max: FrequencyPpb,
}

impl Course {
    fn see(&mut self, at: Duration, error: Duration, correction: FrequencyPpb) {
        self.correction_max =
            if correction.abs() > self.correction_max { correction.abs() } else { self.correction_max };
        let seconds = error.abs().as_secs_f64();
        for (limit, last) in CONVERGENCE_LIMITS_S.iter().zip(&mut self.last_beyond) {
            if seconds > *limit {
                *last = at;
            }
        }
        if let Some(before) = self.before.replace(error) {
            let rate = (error - before).abs().as_secs_f64() / STEP.as_secs_f64();
            self.slew_max = if rate > self.slew_max { rate } else { self.slew_max };
        }
        self.end = at;
    }

    fn since(&self, selected: Timestamp<Mono>, limit: FrequencyPpb, checker: &Checker) -> ConvergenceRun {
        let waited = selected - Timestamp::EPOCH;
        let below =
            |last: Duration| (last < self.end).then(|| (last + STEP - waited).max(Duration::ZERO).as_secs_f64());
        ConvergenceRun {
            below_s: self.last_beyond.map(below),
            slew_max: self.slew_max,
            correction_max: self.correction_max,
            correction_limit: limit,
            checker: *checker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_may_not_be_stepped_is_slewed_no_faster_than_it_may_be() {
        let run = CONVERGENCES[2].run(Kind::Estimator, 1);
        // 500 ppm, and the oscillator's own 100 ppm.
        assert!(run.slew_max < 6.01e-4, "{}", run.slew_max);
        assert!(run.correction_max <= run.correction_limit, "{:?}", run.correction_max);
        assert_eq!(run.checker.violations(), 0, "{:?}", run.checker.first());
        assert!(run.below_s[0].is_some_and(|seconds| seconds > 15.0), "{:?}", run.below_s);
    }
}
