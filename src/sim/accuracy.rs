//! The cells of "PTP, ideal hardware time stamps": the physics that other daemons were measured in, and our figures.
//!
//! One grandmaster, one slave; 100 ns base delay and exponential jitter `J` in each direction; the slave's clock starts
//! 0.1 s and 100 ppm off, and its frequency takes a normal step of `W` (`W / sqrt(8)` at 8 messages a second, each 1/8 s:
//! the same walk on a finer grid). Sync and Delay_Req at the cell's interval, the true error sampled once per interval
//! on whole multiples of it, the first 2000 s of 12000 s left out.
//!
//! When within the interval the Sync comes relative to the samples is drawn from the seed, as it is by a daemon's own
//! random timeouts: just after a correction the error is smaller than just before the next one.

mod chain;
mod combination;
mod convergence;
mod imperfect;
mod ntp;
mod robustness;

pub use chain::{CHAIN_CELLS, ChainCell, ChainRun};
pub use combination::{COMBINATIONS, Combination, CombinationRun, CombinedSource};
pub use convergence::{CONVERGENCE_LIMITS_S, CONVERGENCES, Convergence, ConvergenceRun};
pub use ntp::{NTP_CELLS, NtpCell, NtpRun};
pub use robustness::{ROBUST_CELLS, RobustCell, RobustRun, Variation};

use super::{BoundStatistics, Checker, LinkModel, NodeId, SlaveConfig, StampModel, Statistics, World, master_config};
use crate::clock::OscillatorModel;
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::time::{Duration, FrequencyPpb, LogInterval};

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cell {
    /// W: random-walk FM in s/s per sqrt(s).
    pub wander: f64,
    /// J: mean of the exponential part of each one-way delay, in seconds.
    pub jitter_s: f64,
    /// Interval of Sync and Delay_Req.
    pub interval: LogInterval,
    /// RMS true error of ptp4l with its PI servo, in seconds.
    pub ptp4l_pi_rms_s: f64,
    /// The same of the best daemon known in this cell: ptp4l with its best servo, or chrony at the same rate.
    pub best_daemon_rms_s: f64,
    /// The same of a Kalman filter that knows W and weighs each exchange by its excess round trip: a figure to approach.
    pub limit_rms_s: f64,
}

const fn cell(wander: f64, jitter_s: f64, log_interval: i8, others: [f64; 3]) -> Cell {
    let [ptp4l_pi_rms_s, best_daemon_rms_s, limit_rms_s] = others;
    let interval = LogInterval::new(log_interval);
    Cell { wander, jitter_s, interval, ptp4l_pi_rms_s, best_daemon_rms_s, limit_rms_s }
}

/// linuxptp f98cb5d and chrony 8f2db83 in clknetsim 134028f, three seeds each: ptp4l with its PI servo, the best daemon, and
/// the limit.
pub const CELLS: [Cell; 16] = [
    cell(1e-9, 1e-8, 0, [9.94e-9, 7.17e-9, 4.23e-9]),
    cell(1e-9, 1e-8, -3, [4.46e-9, 2.99e-9, 1.27e-9]),
    cell(1e-9, 1e-7, 0, [9.73e-8, 3.52e-8, 1.69e-8]),
    cell(1e-9, 1e-7, -3, [4.21e-8, 1.08e-8, 5.85e-9]),
    cell(1e-9, 1e-6, 0, [9.72e-7, 9.52e-8, 7.66e-8]),
    cell(1e-9, 1e-6, -3, [4.20e-7, 6.77e-8, 2.91e-8]),
    cell(1e-9, 1e-5, 0, [9.74e-6, 1.56e-6, 3.64e-7]),
    cell(1e-9, 1e-5, -3, [4.17e-6, 1.43e-6, 1.51e-7]),
    cell(1e-8, 1e-8, 0, [1.79e-8, 1.72e-8, 1.45e-8]),
    cell(1e-8, 1e-8, -3, [7.23e-9, 5.67e-9, 2.99e-9]),
    cell(1e-8, 1e-7, 0, [9.87e-8, 7.14e-8, 4.23e-8]),
    cell(1e-8, 1e-7, -3, [4.25e-8, 2.85e-8, 1.27e-8]),
    cell(1e-8, 1e-6, 0, [9.73e-7, 3.38e-7, 1.69e-7]),
    cell(1e-8, 1e-6, -3, [4.20e-7, 7.80e-8, 5.85e-8]),
    cell(1e-8, 1e-5, 0, [9.74e-6, 2.08e-6, 7.66e-7]),
    cell(1e-8, 1e-5, -3, [4.17e-6, 1.68e-6, 2.91e-7]),
];

/// How long a run is, and how much of its beginning does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Left out.
    pub settling: Duration,
    /// All of it.
    pub total: Duration,
}

impl Span {
    /// What the table was made with.
    pub const FULL: Self = Self { settling: Duration::from_secs(2_000), total: Duration::from_secs(12_000) };
    /// A quarter of it, for a test.
    pub const SHORT: Self = Self { settling: Duration::from_secs(500), total: Duration::from_secs(3_000) };
}

/// What a run of a cell gave.
#[derive(Clone, Debug)]
pub struct CellRun {
    /// True errors of the settled part.
    pub statistics: Statistics,
    /// The bounds that were published meanwhile.
    pub bounds: BoundStatistics,
    /// What the checker found, from the beginning.
    pub checker: Checker,
    /// From selecting the parent to LOCKED; `None`: never.
    pub lock_time: Option<Duration>,
    /// Simulated events.
    pub events: u64,
    /// Hash of the run.
    pub digest: u64,
}

impl CellRun {
    /// See [`BoundStatistics::tightness`].
    pub fn tightness(&self) -> f64 {
        self.bounds.tightness(&self.statistics)
    }

    /// See [`BoundStatistics::tightness_without_path`].
    pub fn tightness_without_path(&self) -> f64 {
        self.bounds.tightness_without_path(&self.statistics)
    }
}

impl Cell {
    /// The slave of this cell.
    pub fn slave(&self, seed: u64) -> SlaveConfig {
        let defaults = SlaveConfig::new(2, seed);
        SlaveConfig {
            offset: Duration::from_millis(100),
            oscillator: OscillatorModel {
                frequency: FrequencyPpb::from_ppm(100.0),
                // `wander` is per sqrt(s), so a step is W * sqrt(grid): W at 1 s, W / sqrt(8) at 1/8 s.
                wander: self.wander,
                grid: self.interval.duration(),
                seed,
                ..OscillatorModel::PERFECT
            },
            ..defaults
        }
    }

    /// The world of this cell, with its slave.
    pub fn world(&self, slave: &SlaveConfig, seed: u64) -> (World, NodeId) {
        let mut world = World::new(seed);
        let phase = self.interval.duration().scaled(Random::seeded(seed).branch(99).unit());
        let master = world.add_master(master_config(1, self.interval, seed), StampModel::IDEAL, phase);
        let slave = world.add_slave(slave, StampModel::IDEAL);
        world.connect(master, slave, self.way(), self.way());
        (world, slave)
    }

    /// Each direction.
    fn way(&self) -> LinkModel {
        LinkModel::new(Duration::from_nanos(100), Duration::from_secs_f64(self.jitter_s))
    }

    /// The figure that a servo is measured against: ptp4l's PI for ours, the best daemon for the estimator.
    pub fn rival_rms_s(&self, servo: Kind) -> f64 {
        match servo {
            Kind::Pi => self.ptp4l_pi_rms_s,
            Kind::Estimator => self.best_daemon_rms_s,
        }
    }

    /// Runs it once.
    pub fn run(&self, servo: Kind, seed: u64, span: Span) -> CellRun {
        let mut slave = self.slave(seed);
        slave.steering.servo = servo;
        let (world, slave) = self.world(&slave, seed);
        self.measure(world, slave, span)
    }

    fn measure(&self, mut world: World, slave: NodeId, span: Span) -> CellRun {
        world.sample(self.interval.duration());
        world.run_until(span.settling);
        world.clear_statistics();
        world.run_until(span.total);
        CellRun {
            statistics: world.statistics(slave).clone(),
            bounds: world.bounds(slave).clone(),
            checker: *world.checker(),
            lock_time: world.slave(slave).published().lock_time,
            events: world.events(),
            digest: world.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_means_the_same_bytes_every_time_and_another_seed_other_ones() {
        let span = Span { settling: Duration::from_secs(20), total: Duration::from_secs(60) };
        let run = |seed| CELLS[1].run(Kind::Estimator, seed, span);
        let (first, again, other) = (run(1), run(1), run(2));
        assert_eq!((first.digest, first.events), (again.digest, again.events));
        assert_eq!(first.statistics.rms().to_bits(), again.statistics.rms().to_bits());
        assert_ne!(first.digest, other.digest);
        assert_eq!(first.statistics.len(), 40 * 8);
    }
}
