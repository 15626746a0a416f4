//! How an oscillator wanders.
//!
//! Random-walk FM: the fractional frequency is constant within one step of a fixed grid and takes a normal step at
//! its end, `f(k) = f0 + sum of W * sqrt(grid) * normal`. Its Allan deviation is about `W * sqrt(tau / 3)`, the slope
//! that crystals show beyond some seconds. The simulated clock of real-time tests and the simulator share this code.

use crate::engine::Random;
use crate::time::{Duration, FrequencyPpb};

/// The grid on which the simulated clock's frequency changes, unless a scenario says otherwise.
pub const GRID: Duration = Duration::SECOND;

/// What an oscillator is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OscillatorModel {
    /// Frequency error at the start.
    pub frequency: FrequencyPpb,
    /// Random-walk FM: s/s per sqrt(s), 0 for none; a cheap crystal has 1e-9 to 1e-8.
    pub wander: f64,
    /// How often the frequency changes.
    pub grid: Duration,
    /// Seed of the walk.
    pub seed: u64,
}

impl OscillatorModel {
    /// An oscillator without error.
    pub const PERFECT: Self = Self { frequency: FrequencyPpb::ZERO, wander: 0.0, grid: GRID, seed: 0 };
}

/// An oscillator on its way along the grid.
#[derive(Clone, Debug)]
pub struct Oscillator {
    model: OscillatorModel,
    random: Random,
    frequency: FrequencyPpb,
    step_ppb: f64,
}

impl Oscillator {
    /// At the start of its first grid interval.
    pub fn new(model: OscillatorModel) -> Self {
        let step_ppb = model.wander * 1e9 * model.grid.as_secs_f64().sqrt();
        Self { model, random: Random::seeded(model.seed), frequency: model.frequency, step_ppb }
    }

    /// The frequency error of the present grid interval.
    pub fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    /// The length of a grid interval.
    pub fn grid(&self) -> Duration {
        self.model.grid
    }

    /// Whether the frequency ever changes.
    pub fn wanders(&self) -> bool {
        self.step_ppb != 0.0
    }

    /// Goes on to the next grid interval.
    pub fn advance(&mut self) {
        if self.wanders() {
            self.frequency = self.frequency + FrequencyPpb::new(self.step_ppb * self.random.normal());
        }
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
}
