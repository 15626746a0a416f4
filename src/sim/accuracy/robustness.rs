//! What a cell gives where the model behind a servo is wrong: other shapes of jitter, paths that change, a reference that
//! steps.
//!
//! Six cells of the two tables, each with one thing changed. Where it changes during the run, that is in its middle, and
//! the samples count from sixty intervals after it; with more wander they count from the change on, since learning it is
//! what is asked. The error is that of the clock to its reference: a step of that is to be followed.

use super::{CELLS, Cell, NTP_CELLS, NtpCell, Span};
use crate::clock::OscillatorModel;
use crate::discipline::policy::StepRule;
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::sim::{BurstModel, LinkModel, NodeId, NtpWorld, Shape, Statistics, World};
use crate::time::{Duration, FrequencyPpb};

/// Two messages make an exchange with a master, Sync and Follow_Up or Delay_Req and Delay_Resp: `1 - sqrt(0.7)` of the
/// messages are lost where 30 % of the exchanges are to be.
const MESSAGE_LOSS: f64 = 0.163_34;

/// What is changed in a cell whose jitter is `J`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variation {
    /// Nothing.
    Nominal,
    /// The sum of two exponentials, of the same deviation.
    Erlang2,
    /// Normal, of the same deviation, around 8 J at least.
    Gaussian,
    /// Lognormal, of the same deviation.
    Lognormal,
    /// One direction takes 2 J longer, which nobody can see.
    Asymmetry,
    /// A tenth of the time, in runs of about eight messages, 20 J more on the mean.
    Bursts,
    /// Ten times the wander from the middle on.
    WanderTen,
    /// A sine of 100 ppb in the frequency, each half hour: a room with air conditioning.
    Cycle,
    /// 30 % of the exchanges are lost.
    Loss,
    /// 30 % of all messages are lost, Announce among them: half of the exchanges, and again and again the master.
    MessageLoss,
    /// 30 J more, both ways, from the middle on.
    LongerPath,
    /// 30 J less, both ways, from the middle on.
    ShorterPath,
    /// The reference steps by 30 J in the middle.
    SmallStep,
    /// The reference steps by 10^4 J in the middle.
    ReferenceStep,
}

impl Variation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Nominal,
        Self::Erlang2,
        Self::Gaussian,
        Self::Lognormal,
        Self::Asymmetry,
        Self::Bursts,
        Self::WanderTen,
        Self::Cycle,
        Self::Loss,
        Self::LongerPath,
        Self::ShorterPath,
        Self::SmallStep,
        Self::ReferenceStep,
        Self::MessageLoss,
    ];

    /// How many of them, the first ones, the prototype was measured with as well.
    pub const OF_PROTOTYPE: usize = 13;

    /// The share of PTP's messages that are lost.
    const fn message_loss(self) -> f64 {
        match self {
            Self::Loss => MESSAGE_LOSS,
            Self::MessageLoss => 0.3,
            _ => 0.0,
        }
    }

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Erlang2 => "erlang2",
            Self::Gaussian => "gaussian",
            Self::Lognormal => "lognormal",
            Self::Asymmetry => "asymmetry_2j",
            Self::Bursts => "bursts",
            Self::WanderTen => "wander_x10",
            Self::Cycle => "temperature_cycle",
            Self::Loss => "loss_30_percent",
            Self::MessageLoss => "message_loss_30",
            Self::LongerPath => "path_plus_30j",
            Self::ShorterPath => "path_minus_30j",
            Self::SmallStep => "reference_step_30j",
            Self::ReferenceStep => "reference_step_10000j",
        }
    }

    const fn changes_midway(self) -> bool {
        matches!(self, Self::WanderTen | Self::LongerPath | Self::ShorterPath | Self::SmallStep | Self::ReferenceStep)
    }

    fn way(self, way: LinkModel, jitter: Duration, interval: Duration) -> LinkModel {
        match self {
            Self::Erlang2 => LinkModel { shape: Shape::Erlang2, ..way },
            Self::Gaussian => LinkModel { shape: Shape::Gaussian, base: way.base.max(jitter.times(8)), ..way },
            Self::Lognormal => LinkModel { shape: Shape::Lognormal, ..way },
            Self::Bursts => {
                let burst =
                    BurstModel { every: interval.times(72), lasts: interval.times(8), jitter: jitter.times(21) };
                LinkModel { burst: Some(burst), ..way }
            }
            Self::ShorterPath => LinkModel { base: way.base + jitter.times(30), ..way },
            _ => way,
        }
    }

    fn oscillator(self, model: OscillatorModel) -> OscillatorModel {
        match self {
            Self::Cycle => {
                OscillatorModel { cycle: FrequencyPpb::new(100.0), cycle_period: Duration::from_secs(1_800), ..model }
            }
            _ => model,
        }
    }
}

/// A cell that is varied.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RobustCell {
    /// Of the PTP table.
    Ptp(Cell),
    /// Of the NTP table.
    Ntp(NtpCell),
}

/// PTP at 1 and 8 a second with 100 ns of jitter, at 8 a second with 10 us; NTP polls of 1, 16 and 64 s.
pub const ROBUST_CELLS: [RobustCell; 6] = [
    RobustCell::Ptp(CELLS[2]),
    RobustCell::Ptp(CELLS[3]),
    RobustCell::Ptp(CELLS[7]),
    RobustCell::Ntp(NTP_CELLS[4]),
    RobustCell::Ntp(NTP_CELLS[6]),
    RobustCell::Ntp(NTP_CELLS[27]),
];

/// What a run gave.
#[derive(Clone, Debug)]
pub struct RobustRun {
    /// Errors to the reference, of the part that counts.
    pub statistics: Statistics,
    /// How often the truth was outside the published bound.
    pub violations: u64,
    /// The first of the rules that were broken, as text.
    pub first_violation: Option<String>,
}

/// Either world.
enum Body {
    Ptp { world: Box<World>, master: NodeId, slave: NodeId, stepped: Duration },
    Ntp(Box<NtpWorld>),
}

impl RobustCell {
    /// W, J and the interval in seconds.
    pub fn physics(&self) -> (f64, f64, f64) {
        let (wander, jitter_s, interval) = match self {
            Self::Ptp(cell) => (cell.wander, cell.jitter_s, cell.interval),
            Self::Ntp(cell) => (cell.wander, cell.jitter_s, cell.interval),
        };
        (wander, jitter_s, interval.duration().as_secs_f64())
    }

    /// Which table it is of.
    pub const fn table(&self) -> &'static str {
        match self {
            Self::Ptp(_) => "PTP",
            Self::Ntp(_) => "NTP",
        }
    }

    /// How long a run of the table is.
    pub fn span(&self) -> Span {
        match self {
            Self::Ptp(_) => Span::FULL,
            Self::Ntp(cell) => cell.span(),
        }
    }

    /// Runs it once.
    pub fn run(&self, variation: Variation, servo: Kind, seed: u64, span: Span) -> RobustRun {
        let (wander, jitter_s, interval_s) = self.physics();
        let jitter = Duration::from_secs_f64(jitter_s);
        let interval = Duration::from_secs_f64(interval_s);
        let mut body = self.body(variation, servo, seed);
        let middle = span.total.half();
        let from = match variation {
            Variation::WanderTen => middle,
            _ if variation.changes_midway() => middle + interval.times(60),
            _ => span.settling,
        };
        let mut statistics = Statistics::default();
        let grid = interval.min(Duration::SECOND);
        let (mut at, mut is_changed) = (Duration::ZERO, false);
        while at < span.total {
            at += grid;
            body.run_until(at);
            if at >= middle && !is_changed && variation.changes_midway() {
                is_changed = true;
                body.change(variation, jitter, wander);
            }
            let error = body.error();
            if at > from {
                statistics.push(error);
            }
        }
        RobustRun { statistics, violations: body.violations(), first_violation: body.first_violation() }
    }

    fn body(&self, variation: Variation, servo: Kind, seed: u64) -> Body {
        match self {
            Self::Ptp(cell) => {
                let mut config = cell.slave(seed);
                config.steering.servo = servo;
                config.steering.step.later = StepRule::Above(Duration::from_millis(1));
                config.oscillator = variation.oscillator(config.oscillator);
                let (mut world, slave) = cell.world(&config, seed);
                let (master, jitter) = (NodeId(0), Duration::from_secs_f64(cell.jitter_s));
                for (from, to, extra) in [(master, slave, 2), (slave, master, 0)] {
                    world.change_link(from, to, |way| {
                        *way = variation.way(*way, jitter, cell.interval.duration());
                        if variation == Variation::Asymmetry {
                            way.base += jitter.times(extra);
                        }
                        way.loss = variation.message_loss();
                    });
                }
                Body::Ptp { world: Box::new(world), master, slave, stepped: Duration::ZERO }
            }
            Self::Ntp(cell) => {
                let mut config = cell.config(servo, seed);
                config.steering.step.later = StepRule::Above(Duration::from_millis(1));
                config.oscillator = variation.oscillator(config.oscillator);
                let jitter = Duration::from_secs_f64(cell.jitter_s);
                let interval = cell.interval.duration();
                config.there = variation.way(config.there, jitter, interval);
                config.back = variation.way(config.back, jitter, interval);
                match variation {
                    Variation::Asymmetry => config.there.base += jitter.times(2),
                    Variation::Loss => config.there.loss = 0.3,
                    Variation::MessageLoss => {
                        config.there.loss = variation.message_loss();
                        config.back.loss = variation.message_loss();
                    }
                    _ => {}
                }
                let phase = interval.scaled(Random::seeded(seed).branch(99).unit());
                Body::Ntp(Box::new(NtpWorld::new(config, seed, phase)))
            }
        }
    }
}

impl Body {
    fn run_until(&mut self, time: Duration) {
        match self {
            Self::Ptp { world, .. } => world.run_until(time),
            Self::Ntp(world) => world.run_until(time),
        }
    }

    fn error(&mut self) -> Duration {
        match self {
            Self::Ptp { world, slave, stepped, .. } => world.true_error(*slave) - *stepped,
            Self::Ntp(world) => world.true_error(),
        }
    }

    fn violations(&self) -> u64 {
        match self {
            Self::Ptp { world, .. } => world.checker().violations(),
            Self::Ntp(world) => world.violations(),
        }
    }

    fn first_violation(&self) -> Option<String> {
        match self {
            Self::Ptp { world, .. } => world.checker().first().map(|first| format!("{first:?}")),
            Self::Ntp(_) => None,
        }
    }

    fn change(&mut self, variation: Variation, jitter: Duration, wander: f64) {
        match variation {
            Variation::WanderTen => match self {
                Self::Ptp { world, slave, .. } => world.set_wander(*slave, 10.0 * wander),
                Self::Ntp(world) => world.set_wander(10.0 * wander),
            },
            Variation::LongerPath => self.lengthen(jitter.times(30)),
            Variation::ShorterPath => self.lengthen(-jitter.times(30)),
            Variation::SmallStep => self.step_reference(jitter.times(30)),
            Variation::ReferenceStep => self.step_reference(jitter.times(10_000)),
            _ => {}
        }
    }

    fn lengthen(&mut self, by: Duration) {
        match self {
            Self::Ptp { world, master, slave, .. } => {
                for (from, to) in [(*master, *slave), (*slave, *master)] {
                    world.change_link(from, to, |way| way.base += by);
                }
            }
            Self::Ntp(world) => world.ways().into_iter().for_each(|way| way.base += by),
        }
    }

    fn step_reference(&mut self, by: Duration) {
        match self {
            Self::Ptp { world, master, stepped, .. } => {
                *stepped += by;
                world.step_master(*master, by);
            }
            Self::Ntp(world) => world.step_server(by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_steps_is_followed_and_a_longer_path_is_not() {
        let span = Span { settling: Duration::from_secs(100), total: Duration::from_secs(1_600) };
        for (variation, jitters) in [(Variation::SmallStep, 3.0), (Variation::LongerPath, 3.0)] {
            let run = ROBUST_CELLS[0].run(variation, Kind::Estimator, 1, span);
            let rms = run.statistics.rms();
            assert!(rms < jitters * 1e-7, "{}: {rms}", variation.name());
            assert_eq!(run.statistics.len(), 740);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_half_of_the_asymmetry() {
        let span = Span { settling: Duration::from_secs(500), total: Duration::from_secs(1_500) };
        let run = ROBUST_CELLS[0].run(Variation::Asymmetry, Kind::Estimator, 1, span);
        assert!((run.statistics.mean().abs() - 1e-7).abs() < 3e-8, "{}", run.statistics.mean());
    }
}
