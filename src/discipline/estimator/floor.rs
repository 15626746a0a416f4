//! How early the transits of one way come, when nothing is unusual.
//!
//! The tail says how late one may be. It says little of how early: queues that make every third message late have a long
//! tail, and yet all others come as fast as the path lets them. A master that steps by less than that tail makes *all* of
//! one way early, by more than any has ever been. So the earliest of the last ones are kept, with how far they lie apart:
//! where there is a floor, they lie close together on it.

use crate::coding::Coded;

/// Transits kept.
pub const FLOOR_SAMPLES: usize = 32;
/// The earliest one is compared with the one of this rank.
const FLOOR_RANK: usize = 3;
/// One below all of them by so many times how far these two lie apart was no chance: with a hard floor one in
/// `33 (1 + 8)^3` = 24,000, and fewer where the floor is soft.
const FLOOR_SPREADS: f64 = 8.0;

/// The residuals (s) of the last usual transits of one way.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Floor {
    residuals: [f64; FLOOR_SAMPLES],
    heard: u32,
}

impl Floor {
    /// A usual transit.
    pub fn note(&mut self, residual: f64) {
        self.residuals[self.heard as usize % FLOOR_SAMPLES] = residual;
        // Once all places are taken, only where the next one goes matters.
        let taken = self.heard + 1;
        self.heard = if taken < 2 * FLOOR_SAMPLES as u32 { taken } else { FLOOR_SAMPLES as u32 };
    }

    /// The residual below which none would come by chance (s); `None` until enough were heard.
    pub fn limit(&self) -> Option<f64> {
        if (self.heard as usize) < FLOOR_SAMPLES {
            return None;
        }
        let mut residuals = self.residuals;
        let (earlier, ranked, _) = residuals.select_nth_unstable_by(FLOOR_RANK, f64::total_cmp);
        let least = earlier.iter().copied().fold(*ranked, f64::min);
        Some(least - FLOOR_SPREADS * (*ranked - least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(residuals: impl Iterator<Item = f64>) -> Floor {
        let mut floor = Floor::default();
        residuals.for_each(|residual| floor.note(residual));
        floor
    }

    #[test]
    fn the_limit_lies_below_the_earliest_by_how_far_the_earliest_lie_apart() {
        assert_eq!(heard((0..31).map(f64::from)).limit(), None, "too few");
        // 0, 1, 2, 3: three apart.
        assert_eq!(heard((0..32).map(f64::from)).limit(), Some(-24.0));
        assert_eq!(heard((0..32).rev().map(f64::from)).limit(), Some(-24.0), "in whatever order");
        assert_eq!(heard([1.0; 32].into_iter()).limit(), Some(1.0));
    }

    #[test]
    fn only_the_last_ones_count() {
        for more in [32, 33, 63, 64, 65, 1_000] {
            let floor = heard((0..32).map(|_| -100.0).chain((0..more).map(|k| f64::from(k % 4))));
            assert!(floor.limit().unwrap() >= -8.0, "{more}: {:?}", floor.limit());
        }
    }
}
