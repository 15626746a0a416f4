//! How an oscillator wanders.
//!
//! A crystal is not off by a number. It is off by a sum of things that live on different time scales, and a servo that
//! was only ever shown one of them is tuned to that one. Each is a fractional frequency here, constant within one step of
//! a fixed grid:
//!
//! | part | what it is | Allan deviation |
//! |---|---|---|
//! | random-walk FM | a normal step of `W sqrt(grid)` each step: temperature, stress | `W sqrt(tau / 3)` |
//! | white FM | a normal number of its own each step: the oscillator's electronics | `white / sqrt(tau)` |
//! | flicker FM | the floor between the two; a sum of six first-order processes, time constants 1 s to 9 h | `flicker`, at any tau |
//! | a cycle | a sine: the air conditioning, the day | |
//! | ageing | a straight line | |
//!
//! The simulated clock of real-time tests and the simulator share this code. The functions that are not + - * / and sqrt
//! are `libm`'s, so that a seed means the same oscillator on every machine.

use crate::engine::Random;
use crate::time::{Duration, FrequencyPpb};

/// The grid on which the simulated clock's frequency changes, unless a scenario says otherwise.
pub const GRID: Duration = Duration::SECOND;

/// The first-order processes that make up flicker FM.
const FLICKER_PARTS: usize = 6;
/// Each has a time constant so many times that of the one before; the first has 1 s.
const FLICKER_RATIO: f64 = 8.0;
/// The variance of each in terms of the floor's: `ln(ratio) / (2 ln 2)`.
///
/// Processes of variance `s^2`, spaced by `ratio`, add up to the spectral density `s^2 / (ln(ratio) f)`, and a density of
/// `h / f` is an Allan variance of `2 ln(2) h`.
const FLICKER_VARIANCE: f64 = 1.5;

const DAY: Duration = Duration::from_secs(86_400);

/// What an oscillator is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OscillatorModel {
    /// Frequency error at the start.
    pub frequency: FrequencyPpb,
    /// Random-walk FM: s/s per sqrt(s), 0 for none; a cheap crystal has 1e-9 to 1e-8.
    pub wander: f64,
    /// White FM: the Allan deviation that it makes at 1 s, 0 for none; a cheap crystal has 1e-10 to 1e-9.
    pub white: f64,
    /// Flicker FM: the Allan deviation of its floor, 0 for none; a cheap crystal has 1e-10 to 1e-9.
    pub flicker: f64,
    /// The amplitude of a sine in the frequency.
    pub cycle: FrequencyPpb,
    /// The period of that sine; above zero if there is one.
    pub cycle_period: Duration,
    /// What the frequency gains in a day.
    pub ageing: FrequencyPpb,
    /// How often the frequency changes.
    pub grid: Duration,
    /// Seed of all that is random in it.
    pub seed: u64,
}

impl OscillatorModel {
    /// An oscillator without error.
    pub const PERFECT: Self = Self {
        frequency: FrequencyPpb::ZERO,
        wander: 0.0,
        white: 0.0,
        flicker: 0.0,
        cycle: FrequencyPpb::ZERO,
        cycle_period: DAY,
        ageing: FrequencyPpb::ZERO,
        grid: GRID,
        seed: 0,
    };
}

/// Flicker FM, as a sum of first-order processes.
#[derive(Clone, Debug)]
struct Flicker {
    random: Random,
    /// Of each: its value, what is left of it after a step, and the deviation of what is added. In ppb.
    parts: [(f64, f64, f64); FLICKER_PARTS],
}

impl Flicker {
    fn new(floor_ppb: f64, grid: Duration, mut random: Random) -> Self {
        let deviation = floor_ppb * FLICKER_VARIANCE.sqrt();
        let mut time_constant = 1.0;
        let parts = std::array::from_fn(|_| {
            let kept = libm::exp(-grid.as_secs_f64() / time_constant);
            time_constant *= FLICKER_RATIO;
            // It has been running for ever.
            (deviation * random.normal(), kept, deviation * (1.0 - kept * kept).sqrt())
        });
        Self { random, parts }
    }

    fn advance(&mut self) -> f64 {
        let Self { random, parts } = self;
        let mut sum = 0.0;
        for (value, kept, added) in parts {
            *value = *value * *kept + *added * random.normal();
            sum += *value;
        }
        sum
    }
}

/// An oscillator on its way along the grid.
#[derive(Clone, Debug)]
pub struct Oscillator {
    model: OscillatorModel,
    random: Random,
    /// The start and the walk.
    walk: FrequencyPpb,
    step_ppb: f64,
    white: Random,
    white_ppb: f64,
    /// Boxed: most have none.
    flicker: Option<Box<Flicker>>,
    steps: i64,
    /// All parts together.
    frequency: FrequencyPpb,
}

impl Oscillator {
    /// At the start of its first grid interval.
    pub fn new(model: OscillatorModel) -> Self {
        let grid_s = model.grid.as_secs_f64();
        let random = Random::seeded(model.seed);
        let flicker = || Flicker::new(model.flicker * 1e9, model.grid, random.branch(2));
        Self {
            walk: model.frequency,
            step_ppb: model.wander * 1e9 * grid_s.sqrt(),
            white: random.branch(1),
            white_ppb: model.white * 1e9 / grid_s.sqrt(),
            flicker: (model.flicker != 0.0).then(flicker).map(Box::new),
            steps: 0,
            frequency: model.frequency,
            random,
            model,
        }
    }

    /// The frequency error of the present grid interval.
    pub fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    /// Its random walk takes steps of another size from now on, as [`OscillatorModel::wander`].
    pub fn set_wander(&mut self, wander: f64) {
        self.model.wander = wander;
        self.step_ppb = wander * 1e9 * self.model.grid.as_secs_f64().sqrt();
    }

    /// The length of a grid interval.
    pub fn grid(&self) -> Duration {
        self.model.grid
    }

    /// Whether the frequency ever changes.
    pub fn wanders(&self) -> bool {
        let Self { model, step_ppb, white_ppb, flicker, .. } = self;
        let is_steady = model.cycle == FrequencyPpb::ZERO && model.ageing == FrequencyPpb::ZERO;
        *step_ppb != 0.0 || *white_ppb != 0.0 || flicker.is_some() || !is_steady
    }

    /// Goes on to the next grid interval.
    pub fn advance(&mut self) {
        self.steps += 1;
        if self.step_ppb != 0.0 {
            self.walk = self.walk + FrequencyPpb::new(self.step_ppb * self.random.normal());
        }
        self.frequency = self.walk;
        if self.white_ppb != 0.0 {
            let white = self.white_ppb * self.white.normal();
            self.add(white);
        }
        if let Some(flicker) = &mut self.flicker {
            self.frequency = self.frequency + FrequencyPpb::new(flicker.advance());
        }
        let OscillatorModel { cycle, cycle_period, ageing, grid, .. } = self.model;
        let elapsed_s = grid.as_secs_f64() * self.steps as f64;
        if cycle != FrequencyPpb::ZERO {
            let turns = elapsed_s / cycle_period.as_secs_f64();
            self.add(cycle.ppb() * libm::sin(turns * std::f64::consts::TAU));
        }
        if ageing != FrequencyPpb::ZERO {
            self.add(ageing.ppb() * elapsed_s / DAY.as_secs_f64());
        }
    }

    fn add(&mut self, ppb: f64) {
        self.frequency = self.frequency + FrequencyPpb::new(ppb);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_has_the_variance_that_was_asked_for() {
        let mut sum = 0.0;
        for seed in 0..400 {
            let model =
                OscillatorModel { wander: 1e-9, grid: Duration::from_millis(250), seed, ..OscillatorModel::PERFECT };
            let mut oscillator = Oscillator::new(model);
            (0..400).for_each(|_| oscillator.advance());
            sum += oscillator.frequency().ppb() * oscillator.frequency().ppb();
        }
        // 100 s of 1 ppb per sqrt(s): variance 100 ppb^2.
        assert!((sum / 400.0 - 100.0).abs() < 25.0, "{}", sum / 400.0);
    }

    #[test]
    fn the_same_seed_walks_the_same_way() {
        let model = OscillatorModel { wander: 1e-8, seed: 9, ..OscillatorModel::PERFECT };
        let (mut a, mut b) = (Oscillator::new(model), Oscillator::new(model));
        for _ in 0..50 {
            a.advance();
            b.advance();
            assert_eq!(a.frequency().ppb().to_bits(), b.frequency().ppb().to_bits());
        }
    }

    /// Overlapping Allan deviation of the fractional frequency, in ppb, over `n` grid steps of 1 s.
    fn allan_deviation(frequencies: &[f64], n: usize) -> f64 {
        let mean = |at: usize| frequencies[at..at + n].iter().sum::<f64>() / n as f64;
        let pairs = frequencies.len() - 2 * n;
        let squares: f64 = (0..pairs).map(|at| mean(at + n) - mean(at)).map(|difference| difference * difference).sum();
        (squares / (2.0 * pairs as f64)).sqrt()
    }

    fn run(model: OscillatorModel, steps: usize) -> Vec<f64> {
        let mut oscillator = Oscillator::new(model);
        let step = |_| {
            oscillator.advance();
            oscillator.frequency().ppb()
        };
        (0..steps).map(step).collect()
    }

    #[test]
    fn white_fm_has_the_allan_deviation_that_was_asked_for_and_falls_with_the_root_of_tau() {
        let frequencies = run(OscillatorModel { white: 1e-9, seed: 3, ..OscillatorModel::PERFECT }, 20_000);
        for (n, expected) in [(1, 1.0), (16, 0.25), (64, 0.125)] {
            let found = allan_deviation(&frequencies, n);
            assert!((found / expected - 1.0).abs() < 0.1, "{found} at {n} s");
        }
    }

    #[test]
    fn flicker_fm_has_the_same_allan_deviation_at_every_tau() {
        let frequencies = run(OscillatorModel { flicker: 1e-9, seed: 5, ..OscillatorModel::PERFECT }, 60_000);
        for n in [4, 16, 64, 256, 1_024] {
            let found = allan_deviation(&frequencies, n);
            assert!((0.75..1.3).contains(&found), "{found} at {n} s");
        }
    }

    #[test]
    fn the_cycle_and_the_ageing_are_where_they_should_be() {
        let model = OscillatorModel {
            frequency: FrequencyPpb::new(50.0),
            cycle: FrequencyPpb::new(20.0),
            cycle_period: Duration::from_secs(400),
            ageing: FrequencyPpb::new(864.0),
            ..OscillatorModel::PERFECT
        };
        let frequencies = run(model, 400);
        for (second, expected) in [(100, 50.0 + 20.0 + 1.0), (300, 50.0 - 20.0 + 3.0), (400, 50.0 + 4.0)] {
            assert!((frequencies[second - 1] - expected).abs() < 1e-9, "{} after {second} s", frequencies[second - 1]);
        }
    }

    #[test]
    fn one_part_does_not_shift_the_draws_of_another() {
        let walk = OscillatorModel { wander: 1e-9, seed: 8, ..OscillatorModel::PERFECT };
        let both = OscillatorModel { ageing: FrequencyPpb::new(1.0), white: 1e-10, ..walk };
        let (walk, both) = (run(walk, 50), run(both, 50));
        assert!(walk.iter().zip(&both).all(|(a, b)| (1e-6..1.0).contains(&(a - b).abs())));
    }
}
