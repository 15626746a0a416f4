//! What a cell gives where the model behind a servo is wrong: other shapes of jitter, paths that change, a reference that
//! steps.
//!
//! Six cells of the two tables, each with one thing changed: the rows that the prototype of the estimator was measured in,
//! with its shapes and its bursts. Where something changes during the run, that is in its middle, and the samples count
//! from sixty intervals after it; where the wander does, they count from the change on, since learning it is what is
//! asked. The error is that of the clock to its reference: a step of that is to be followed.
//!
//! The daemon's configuration is the default but for two things, neither of which the estimator sees. Where the reference
//! steps by ten thousand jitters (1 ms to 10 s) the clock may be stepped at any time: slewing it would be right and take
//! hours. And where an oscillator wanders by 1e-7 the bound has to be told so (`clock.max_drift`): the default allows for
//! 1 ppm that nobody sees, which such a one does between two polls.

use super::{CELLS, Cell, NTP_CELLS, NtpCell, Span};
use crate::clock::{OscillatorModel, SteeringConfig};
use crate::discipline::policy::StepRule;
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::sim::{Checker, LinkModel, NodeId, NtpWorld, Shape, Statistics, SurgeModel, World};
use crate::time::{Duration, FrequencyPpb};

/// Two messages make an exchange with a master, Sync and Follow_Up or Delay_Req and Delay_Resp: `1 - sqrt(0.7)` of the
/// messages are lost where 30 % of the exchanges are to be.
const MESSAGE_LOSS: f64 = 0.163_34;

/// With more random-walk FM than this an oscillator goes further than the default of `clock.max_drift` while nobody looks.
const WANDER_OF_DRIFT_MAX: f64 = 5e-8;

/// What is changed in a cell whose jitter is `J`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variation {
    /// Nothing.
    Nominal,
    /// The sum of two exponentials, of the same deviation.
    Erlang2,
    /// Normal, of the same deviation, around 8 J at least.
    Gaussian,
    /// Lognormal with `sigma = 1.2`, of the same mean.
    Lognormal,
    /// Six of ten messages find an empty way, the others wait for 3 J.
    Mixed,
    /// What comes from the master has 5 J of jitter.
    Backward,
    /// One direction takes 2 J longer, which nobody can see.
    Asymmetry,
    /// A tenth of the time, in runs of eight exchanges, up to 40 J more, both ways.
    Bursts,
    /// Ten times the wander from the middle on.
    WanderTen,
    /// Ten times the wander until the middle.
    WanderTenth,
    /// A sine of 100 ppb in the frequency, each half hour: a room with air conditioning.
    Cycle,
    /// 30 % of the exchanges are lost.
    Loss,
    /// The cycle, bursts and loss together.
    CycleBurstsLoss,
    /// 30 J more, both ways, from the middle on.
    LongerPath,
    /// 30 J less, both ways, from the middle on.
    ShorterPath,
    /// The reference steps by 10^4 J in the middle.
    ReferenceStep,
    /// 30 J more, one way, from the middle on.
    LongerWay,
    /// 30 J less, one way, from the middle on: until then half of that is an error that nobody can see.
    ShorterWay,
    /// The reference steps by 30 J in the middle.
    SmallStep,
    /// 30 % of all messages are lost, Announce among them: half of the exchanges, and again and again the master.
    MessageLoss,
}

impl Variation {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Nominal,
        Self::Erlang2,
        Self::Gaussian,
        Self::Lognormal,
        Self::Mixed,
        Self::Backward,
        Self::Asymmetry,
        Self::Bursts,
        Self::WanderTen,
        Self::WanderTenth,
        Self::Cycle,
        Self::Loss,
        Self::CycleBurstsLoss,
        Self::LongerPath,
        Self::ShorterPath,
        Self::ReferenceStep,
        Self::LongerWay,
        Self::ShorterWay,
        Self::SmallStep,
        Self::MessageLoss,
    ];

    /// How many of them, the first ones, the prototype was measured with as well.
    pub const OF_PROTOTYPE: usize = 19;

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Erlang2 => "erlang2",
            Self::Gaussian => "gaussian",
            Self::Lognormal => "lognormal",
            Self::Mixed => "empty_60_percent",
            Self::Backward => "backward_5j",
            Self::Asymmetry => "asymmetry_2j",
            Self::Bursts => "bursts",
            Self::WanderTen => "wander_x10",
            Self::WanderTenth => "wander_tenth",
            Self::Cycle => "temperature_cycle",
            Self::Loss => "loss_30_percent",
            Self::CycleBurstsLoss => "cycle_bursts_loss",
            Self::LongerPath => "path_plus_30j",
            Self::ShorterPath => "path_minus_30j",
            Self::ReferenceStep => "reference_step_10000j",
            Self::LongerWay => "one_way_plus_30j",
            Self::ShorterWay => "one_way_minus_30j",
            Self::SmallStep => "reference_step_30j",
            Self::MessageLoss => "message_loss_30",
        }
    }

    const fn changes_midway(self) -> bool {
        self.changes_wander()
            || matches!(self, Self::LongerPath | Self::ShorterPath | Self::LongerWay | Self::ShorterWay)
            || matches!(self, Self::SmallStep | Self::ReferenceStep)
    }

    const fn changes_wander(self) -> bool {
        matches!(self, Self::WanderTen | Self::WanderTenth)
    }

    /// The share of PTP's messages that are lost.
    const fn message_loss(self) -> f64 {
        match self {
            Self::Loss | Self::CycleBurstsLoss => MESSAGE_LOSS,
            Self::MessageLoss => 0.3,
            _ => 0.0,
        }
    }

    /// The shares of NTP's requests and answers that are lost.
    const fn losses(self) -> [f64; 2] {
        match self {
            Self::Loss | Self::CycleBurstsLoss => [0.3, 0.0],
            Self::MessageLoss => [0.3, 0.3],
            _ => [0.0, 0.0],
        }
    }

    /// What a run begins with, as a multiple of the cell's wander.
    const fn wander(self) -> f64 {
        if matches!(self, Self::WanderTenth) { 10.0 } else { 1.0 }
    }

    /// Both ways, there and back, seen from who is to be right.
    fn ways(self, ways: &[LinkModel; 2], jitter: Duration, interval: Duration, seed: u64) -> [LinkModel; 2] {
        let [there, back] = ways.each_ref().map(|way| match self {
            Self::Erlang2 => LinkModel { shape: Shape::Erlang2, ..*way },
            Self::Gaussian => LinkModel { shape: Shape::Gaussian, base: way.base.max(jitter.times(8)), ..*way },
            Self::Lognormal => LinkModel { shape: Shape::HeavyTail, ..*way },
            Self::Mixed => LinkModel { shape: Shape::Mixed, ..*way },
            Self::Bursts | Self::CycleBurstsLoss => {
                let seed = Random::seeded(seed).branch(98).next_u64();
                LinkModel { surge: Some(SurgeModel { slot: interval, most: jitter.times(40), seed }), ..*way }
            }
            Self::ShorterPath => LinkModel { base: way.base + jitter.times(30), ..*way },
            _ => *way,
        });
        match self {
            Self::Backward => [there, LinkModel { jitter: jitter.times(5), ..back }],
            Self::Asymmetry => [LinkModel { base: there.base + jitter.times(2), ..there }, back],
            Self::ShorterWay => [LinkModel { base: there.base + jitter.times(30), ..there }, back],
            _ => [there, back],
        }
    }

    fn oscillator(self, model: OscillatorModel) -> OscillatorModel {
        let model = OscillatorModel { wander: model.wander * self.wander(), ..model };
        match self {
            Self::Cycle | Self::CycleBurstsLoss => {
                OscillatorModel { cycle: FrequencyPpb::new(100.0), cycle_period: Duration::from_secs(1_800), ..model }
            }
            _ => model,
        }
    }

    fn adapt(self, steering: &mut SteeringConfig, wander: f64) {
        if self == Self::ReferenceStep {
            steering.step.later = StepRule::Above(Duration::from_millis(1));
        }
        if self.changes_wander() && 10.0 * wander > WANDER_OF_DRIFT_MAX {
            steering.max_drift = FrequencyPpb::from_ppm(10.0);
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
    /// What the checker found, from the beginning.
    pub checker: Checker,
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
            _ if variation.changes_wander() => middle,
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
        RobustRun { statistics, checker: *body.checker() }
    }

    fn body(&self, variation: Variation, servo: Kind, seed: u64) -> Body {
        match self {
            Self::Ptp(cell) => {
                let mut config = cell.slave(seed);
                variation.adapt(&mut config.steering, cell.wander);
                config.steering.servo = servo;
                config.oscillator = variation.oscillator(config.oscillator);
                let (mut world, slave) = cell.world(&config, seed);
                let (master, jitter) = (NodeId(0), Duration::from_secs_f64(cell.jitter_s));
                let [there, back] = variation.ways(&[cell.way(); 2], jitter, cell.interval.duration(), seed);
                for (from, to, way) in [(slave, master, there), (master, slave, back)] {
                    let loss = variation.message_loss();
                    world.change_link(from, to, |link| *link = LinkModel { loss, ..way });
                }
                Body::Ptp { world: Box::new(world), master, slave, stepped: Duration::ZERO }
            }
            Self::Ntp(cell) => {
                let mut config = cell.config(servo, seed);
                variation.adapt(&mut config.steering, cell.wander);
                config.oscillator = variation.oscillator(config.oscillator);
                let (jitter, interval) = (Duration::from_secs_f64(cell.jitter_s), cell.interval.duration());
                [config.there, config.back] = variation.ways(&[config.there, config.back], jitter, interval, seed);
                [config.there.loss, config.back.loss] = variation.losses();
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

    fn checker(&self) -> &Checker {
        match self {
            Self::Ptp { world, .. } => world.checker(),
            Self::Ntp(world) => world.checker(),
        }
    }

    fn change(&mut self, variation: Variation, jitter: Duration, wander: f64) {
        let far = jitter.times(30);
        match variation {
            Variation::WanderTen => self.set_wander(10.0 * wander),
            Variation::WanderTenth => self.set_wander(wander),
            Variation::LongerPath => self.lengthen([far; 2]),
            Variation::ShorterPath => self.lengthen([-far; 2]),
            Variation::LongerWay => self.lengthen([far, Duration::ZERO]),
            Variation::ShorterWay => self.lengthen([-far, Duration::ZERO]),
            Variation::SmallStep => self.step_reference(far),
            Variation::ReferenceStep => self.step_reference(jitter.times(10_000)),
            _ => {}
        }
    }

    fn set_wander(&mut self, wander: f64) {
        match self {
            Self::Ptp { world, slave, .. } => world.set_wander(*slave, wander),
            Self::Ntp(world) => world.set_wander(wander),
        }
    }

    /// The way there, and the way back.
    fn lengthen(&mut self, [there, back]: [Duration; 2]) {
        match self {
            Self::Ptp { world, master, slave, .. } => {
                for (from, to, by) in [(*slave, *master, there), (*master, *slave, back)] {
                    world.change_link(from, to, |way| way.base += by);
                }
            }
            Self::Ntp(world) => world.ways().into_iter().zip([there, back]).for_each(|(way, by)| way.base += by),
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
