//! The cells of "NTP": one client, one server, exponential jitter `J` each way, polls of 1 to 64 s.
//!
//! 100 us base delay in each direction (10 ms where `J` is that much); the client's clock starts 0.1 s and 100 ppm off,
//! and its frequency takes a normal step of `W` each second. The true error is sampled once a second, whatever the poll:
//! a clock is read between polls, too. A client is the production one with its +-2 % of spread, no bursts.

use super::Span;
use crate::clock::OscillatorModel;
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::ntp::client;
use crate::sim::{BoundStatistics, Checker, LinkModel, NtpConfig, NtpWorld, SlaveConfig, Statistics};
use crate::time::{Duration, FrequencyPpb, LogInterval, SourceId};

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NtpCell {
    /// W: random-walk FM in s/s per sqrt(s).
    pub wander: f64,
    /// J: mean of the exponential part of each one-way delay, in seconds.
    pub jitter_s: f64,
    /// The poll interval.
    pub interval: LogInterval,
    /// RMS true error of the best daemon known in this cell, in seconds: chrony in its best variant, or ntpd.
    pub best_daemon_rms_s: f64,
    /// The same of a Kalman filter that knows W and weighs each exchange by its excess round trip: a figure to approach.
    pub limit_rms_s: f64,
}

const fn cell(wander: f64, jitter_s: f64, poll: i8, others: [f64; 2]) -> NtpCell {
    let [best_daemon_rms_s, limit_rms_s] = others;
    NtpCell { wander, jitter_s, interval: LogInterval::new(poll), best_daemon_rms_s, limit_rms_s }
}

/// chrony 8f2db83 and ntpsec 1.2.2 in clknetsim 134028f, three seeds each: the best of them, and the limit.
pub const NTP_CELLS: [NtpCell; 32] = [
    cell(1e-9, 1e-5, 0, [1e-6, 3.64e-7]),
    cell(1e-9, 1e-5, 2, [1.06e-6, 7.09e-7]),
    cell(1e-9, 1e-5, 4, [2.34e-6, 1.33e-6]),
    cell(1e-9, 1e-5, 6, [5.66e-6, 2.81e-6]),
    cell(1e-9, 1e-4, 0, [5.01e-6, 1.9e-6]),
    cell(1e-9, 1e-4, 2, [9.44e-6, 3.51e-6]),
    cell(1e-9, 1e-4, 4, [1.16e-5, 6.3e-6]),
    cell(1e-9, 1e-4, 6, [2.03e-5, 1.29e-5]),
    cell(1e-9, 1e-3, 0, [2.71e-5, 1.01e-5]),
    cell(1e-9, 1e-3, 2, [6.2e-5, 1.67e-5]),
    cell(1e-9, 1e-3, 4, [6.26e-5, 3.08e-5]),
    cell(1e-9, 1e-3, 6, [6.58e-5, 6.12e-5]),
    cell(1e-9, 1e-2, 0, [3.01e-4, 4.81e-5]),
    cell(1e-9, 1e-2, 2, [9.45e-4, 8.31e-5]),
    cell(1e-9, 1e-2, 4, [9.48e-4, 1.34e-4]),
    cell(1e-9, 1e-2, 6, [9.9e-4, 3.09e-4]),
    cell(1e-8, 1e-5, 0, [1.2e-6, 7.66e-7]),
    cell(1e-8, 1e-5, 2, [2.85e-6, 1.5e-6]),
    cell(1e-8, 1e-5, 4, [5.87e-6, 2.97e-6]),
    cell(1e-8, 1e-5, 6, [1.42e-5, 6.91e-6]),
    cell(1e-8, 1e-4, 0, [9.9e-6, 3.64e-6]),
    cell(1e-8, 1e-4, 2, [1.04e-5, 7.09e-6]),
    cell(1e-8, 1e-4, 4, [2.36e-5, 1.33e-5]),
    cell(1e-8, 1e-4, 6, [5.53e-5, 2.81e-5]),
    cell(1e-8, 1e-3, 0, [4.65e-5, 1.9e-5]),
    cell(1e-8, 1e-3, 2, [6.2e-5, 3.51e-5]),
    cell(1e-8, 1e-3, 4, [7.37e-5, 6.3e-5]),
    cell(1e-8, 1e-3, 6, [1.91e-4, 1.29e-4]),
    cell(1e-8, 1e-2, 0, [3.23e-4, 1.01e-4]),
    cell(1e-8, 1e-2, 2, [9.4e-4, 1.67e-4]),
    cell(1e-8, 1e-2, 4, [1.09e-3, 3.08e-4]),
    cell(1e-8, 1e-2, 6, [1e-3, 6.12e-4]),
];

/// The bound is half of the path's delay at least, and that is 10 ms in some cells; a clock that is LOCKED is served, and
/// then more of the checker's rules are about it. It does not steer.
const LOCK_LIMIT: Duration = Duration::from_millis(100);

/// What a run of a cell gave.
#[derive(Clone, Debug)]
pub struct NtpRun {
    /// True errors of the settled part.
    pub statistics: Statistics,
    /// The bounds that were published meanwhile.
    pub bounds: BoundStatistics,
    /// What the checker found, from the beginning.
    pub checker: Checker,
    /// Simulated events.
    pub events: u64,
    /// Hash of the run.
    pub digest: u64,
}

impl NtpCell {
    /// How long the runs of the table were at this poll, and how much of their beginning does not count.
    pub fn span(&self) -> Span {
        let (settling, total) = match self.interval.log2_seconds() {
            ..=1 => (2_000, 12_000),
            2..=3 => (4_000, 20_000),
            4..=5 => (8_000, 40_000),
            6.. => (20_000, 80_000),
        };
        Span { settling: Duration::from_secs(settling), total: Duration::from_secs(total) }
    }

    /// Client, clock and way of this cell.
    pub fn config(&self, servo: Kind, seed: u64) -> NtpConfig {
        let base = if self.jitter_s > 5e-3 { Duration::from_millis(10) } else { Duration::from_micros(100) };
        let way = LinkModel::new(base, Duration::from_secs_f64(self.jitter_s));
        let mut steering = SlaveConfig::new(2, seed).steering;
        steering.servo = servo;
        steering.lock_limit = LOCK_LIMIT;
        NtpConfig {
            client: client::Config {
                poll: self.interval,
                poll_max: self.interval,
                iburst: false,
                ..client::Config::new(SourceId(0), seed)
            },
            steering,
            offset: Duration::from_millis(100),
            oscillator: OscillatorModel {
                frequency: FrequencyPpb::from_ppm(100.0),
                wander: self.wander,
                seed,
                ..OscillatorModel::PERFECT
            },
            there: way,
            back: way,
            departs_late: Duration::ZERO,
        }
    }

    /// Runs it once.
    pub fn run(&self, servo: Kind, seed: u64, span: Span) -> NtpRun {
        let phase = self.interval.duration().scaled(Random::seeded(seed).branch(99).unit());
        measure(NtpWorld::new(self.config(servo, seed), seed, phase), span)
    }
}

/// Runs a world of a cell.
pub(super) fn measure(mut world: NtpWorld, span: Span) -> NtpRun {
    world.sample(Duration::SECOND);
    world.run_until(span.settling);
    world.clear_statistics();
    world.run_until(span.total);
    NtpRun {
        statistics: world.statistics().clone(),
        bounds: world.bounds().clone(),
        checker: *world.checker(),
        events: world.events(),
        digest: world.digest(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntp::client::ClientCounter;

    /// A server in whose kernel an answer waits for 50 us on the mean after it was stamped; J = 1 us, a poll a second.
    fn late_server(interleaved: bool, seed: u64) -> NtpWorld {
        let cell =
            NTP_CELLS.iter().find(|cell| cell.interval == LogInterval::new(0)).expect("a cell of one poll a second");
        let mut config = cell.config(Kind::Estimator, seed);
        config.client.interleaved = interleaved;
        config.departs_late = Duration::from_micros(50);
        let way = LinkModel::new(Duration::from_micros(100), Duration::from_micros(1));
        (config.there, config.back) = (way, way);
        NtpWorld::new(config, seed, Duration::ZERO)
    }

    fn settled_rms(world: &mut NtpWorld) -> f64 {
        world.run_until(Duration::from_secs(600));
        world.sample(Duration::SECOND);
        world.run_until(Duration::from_secs(2_400));
        assert_eq!(world.checker().violations(), 0);
        world.statistics().rms()
    }

    #[test]
    fn interleaved_mode_measures_by_when_an_answer_left_and_not_by_when_it_was_to() {
        for seed in 1..=3 {
            let (mut basic, mut interleaved) = (late_server(false, seed), late_server(true, seed));
            let (of_basic, of_interleaved) = (settled_rms(&mut basic), settled_rms(&mut interleaved));
            assert!(of_interleaved < 0.2 * of_basic, "seed {seed}: {of_interleaved} beside {of_basic}");
            assert_eq!(basic.count(ClientCounter::Interleaved), 0);
            assert!(interleaved.count(ClientCounter::Interleaved) > 2_300);
            // All but the first, which was measured at once, and the last, which waits.
            let missing = interleaved.count(ClientCounter::Answers) - interleaved.count(ClientCounter::Measured);
            assert!(missing <= 2, "{missing}");
        }
    }

    #[test]
    fn interleaved_mode_survives_lost_messages_and_a_server_that_forgets_and_measures_nothing_twice() {
        let mut world = late_server(true, 4);
        for way in world.ways() {
            way.loss = 0.1;
        }
        for round in 1..=10 {
            world.run_until(Duration::from_secs(240 * round));
            world.restart_server();
        }
        let [answers, interleaved, measured, unused] = [
            ClientCounter::Answers,
            ClientCounter::Interleaved,
            ClientCounter::Measured,
            ClientCounter::InterleavedUnused,
        ]
        .map(|counter| world.count(counter));
        assert!(interleaved > answers * 9 / 10 && interleaved < answers, "{interleaved} of {answers}");
        assert!(measured <= answers && measured + unused >= answers - 12, "{measured} {unused} of {answers}");
        assert_eq!(world.checker().violations(), 0);
        let error = world.true_error().abs();
        assert!(error < Duration::from_micros(5), "{error}");
    }

    #[test]
    fn an_oscillator_that_goes_further_than_the_bound_assumes_is_found_out() {
        let mut config = NTP_CELLS[27].config(Kind::Estimator, 1);
        config.oscillator.wander = 1e-5;
        config.steering.max_drift = FrequencyPpb::ZERO;
        let mut world = NtpWorld::new(config, 1, Duration::ZERO);
        world.run_until(Duration::from_secs(2_000));
        assert!(world.checker().bounded() > 0 && world.checker().violations() > 0, "{:?}", world.checker());
    }

    #[test]
    fn a_run_means_the_same_bytes_every_time_and_another_seed_other_ones() {
        let span = Span { settling: Duration::from_secs(200), total: Duration::from_secs(600) };
        let run = |seed| NTP_CELLS[4].run(Kind::Estimator, seed, span);
        let (first, again, other) = (run(1), run(1), run(2));
        assert_eq!((first.digest, first.events), (again.digest, again.events));
        assert_eq!(first.statistics.rms().to_bits(), again.statistics.rms().to_bits());
        assert_ne!(first.digest, other.digest);
        assert_eq!(first.statistics.len(), 400);
        assert!(first.statistics.rms() < 1e-4, "{}", first.statistics.rms());
    }
}
