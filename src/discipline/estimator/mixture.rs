//! The members together: weights by how well each foretold, and what all of them say.
//!
//! At each message every member is predicted, updated and weighed: that is what the estimator costs. So the members stand side
//! by side, and no step has a branch or a call for a single one; and what only matters now and then is not done at
//! each message: mixing, and how uncertain a transit was.

use super::member::{Belief, Densities, Direction, Members, Spread};
use super::special::exp_below_zero;
use crate::coding::Coded;

/// Random-walk FM of the oscillator, s/s per sqrt(s), by decades: an ovenised one to a bad one in the sun.
pub const WANDERS: [f64; 6] = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6];
/// How blunt the edge of the delays is: the normal part as a share of the exponential one.
const SHAPES: [f64; 3] = [0.001, 0.3, 4.0];
/// Members of one shape stand side by side, a lane for each wander.
pub const LANES: usize = WANDERS.len();
/// And there is such a row for each shape.
const ROWS: usize = SHAPES.len();
/// The members are mixed at every so manieth Sync: at each one, with a quarter of the shares, nothing is more exact.
const MIX_EVERY: u32 = 4;
/// So much of a member's weight goes to each neighbour in wander then.
const TO_OTHER_WANDER: f64 = 1.5e-4 * MIX_EVERY as f64;
/// And so much to each neighbour in shape.
const TO_OTHER_SHAPE: f64 = 5e-4 * MIX_EVERY as f64;
/// A member whose own share of its new weight is larger than this is not mixed.
const UNMIXED: f64 = 0.99;
/// What was learnt in an earlier run counts for so much of the weights; the rest is shared alike, for what may have changed.
const REMEMBERED: f64 = 0.9;
/// No weight falls below this.
const WEIGHT_MIN: f64 = 1e-12;
/// No member is found less likely than this part of the likeliest: `exp(-50)`.
const LIKELIHOOD_MIN: f64 = 1.928_749_847_963_917_8e-22;
/// Members with less than this do not count for how uncertain a transit is.
const WEIGHT_THAT_MATTERS: f64 = 0.01;
/// The interquartile range of the sum of two exponentials of mean 1.
const IQR_OF_TWO_EXPONENTIALS: f64 = 1.731;
/// That of the sum of two standard normals: 1.349 sqrt 2.
const IQR_OF_TWO_NORMALS: f64 = 1.908;

/// The noise of the transits, as their round trips show it.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Noise {
    /// Interquartile range of the round trips (s).
    pub range: f64,
    /// What stamps resolve at best (s).
    pub resolution: f64,
}

impl Noise {
    /// The mean of the delays' tail, for a shape: the round trips' spread is that of two exponentials and two normals.
    pub fn tail_mean(&self, shape: f64) -> f64 {
        let of_two = square(IQR_OF_TWO_EXPONENTIALS) + square(IQR_OF_TWO_NORMALS * shape);
        (self.range / of_two.sqrt()).max(self.resolution)
    }

    /// The deviation of the normal part, for a shape.
    fn spread(&self, shape: f64) -> f64 {
        (shape * self.tail_mean(shape)).max(self.resolution)
    }

    /// Mean and standard deviation of one delay's noise, for a shape.
    fn moments(&self, shape: f64) -> (f64, f64) {
        let tail_mean = self.tail_mean(shape);
        (tail_mean, (square(tail_mean) + square(self.spread(shape))).sqrt())
    }

    /// Of purely exponential delays with this mean.
    pub fn of_tail_mean(tail_mean: f64, resolution: f64) -> Self {
        Self { range: tail_mean * IQR_OF_TWO_EXPONENTIALS, resolution }
    }
}

/// A member for each wander and shape.
#[derive(Clone, Debug, Coded)]
pub struct Mixture {
    /// A row for each shape, a lane for each wander.
    rows: [Members<LANES>; ROWS],
    weights: [[f64; LANES]; ROWS],
    /// The mean of all, of `(x, f, b)`: it is asked for often.
    mean: [f64; 3],
    /// The standard deviation of the offset at the members' instant, once it has been summed up: as often.
    deviation_now: Option<f64>,
    /// Syncs since the members were mixed.
    unmixed: u32,
}

/// How well each member foretold a transit.
pub type Foretold = [Densities<LANES>; ROWS];

/// How well all members together foretold one: `factor * exp(exponent)`, a density.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Evidence {
    factor: f64,
    exponent: f64,
}

impl Evidence {
    /// Its logarithm.
    pub fn natural_log(self) -> f64 {
        libm::log(self.factor) + self.exponent
    }
}

impl Mixture {
    /// Every member alike, and each as likely.
    pub fn new(belief: Belief) -> Self {
        Self {
            rows: [Members::alike(belief); ROWS],
            weights: [[1.0 / (LANES * ROWS) as f64; LANES]; ROWS],
            mean: belief.mean,
            deviation_now: None,
            unmixed: 0,
        }
    }

    /// How likely each wander is, whatever the shape.
    pub fn wanders(&self) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        for row in &self.weights {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
        }
        sums
    }

    /// Each wander is as likely as it was in an earlier run, nearly.
    pub fn expect_wanders(&mut self, wanders: &[f64; LANES]) {
        for row in &mut self.weights {
            for (weight, share) in row.iter_mut().zip(wanders) {
                *weight = (REMEMBERED * share + (1.0 - REMEMBERED) / LANES as f64) / ROWS as f64;
            }
        }
    }

    /// Every member believes the same; the weights stay.
    pub fn set(&mut self, belief: Belief) {
        self.rows = [Members::alike(belief); ROWS];
        self.mean = belief.mean;
        self.deviation_now = None;
    }

    /// Enlarges each member's variances of `(x, f, b)` by these.
    pub fn widen(&mut self, by: [f64; 3]) {
        self.rows.iter_mut().for_each(|row| row.widen(by));
        self.deviation_now = None;
    }

    /// The delay in `direction` alone is longer by something of this variance (s^2).
    pub fn widen_way(&mut self, direction: Direction, variance: f64) {
        self.rows.iter_mut().for_each(|row| row.widen_way(direction, variance));
        self.deviation_now = None;
    }

    /// The delay in `direction` alone is counted `longer` seconds less than it is from now on.
    pub fn shift_way(&mut self, direction: Direction, longer: f64) {
        self.rows.iter_mut().for_each(|row| row.shift_way(direction, longer));
        self.sum_up();
    }

    /// Every member's frequency is more by so much.
    pub fn shift_frequency(&mut self, by: f64) {
        self.rows.iter_mut().flat_map(|row| &mut row.f).for_each(|frequency| *frequency += by);
        self.mean[1] += by;
    }

    /// The offset is what makes a transit of this length true, by each member's own delay and noise.
    pub fn place(&mut self, direction: Direction, transit: f64, noise: Noise) {
        for (row, shape) in self.rows.iter_mut().zip(SHAPES) {
            let (late, spread) = noise.moments(shape);
            row.place(direction, transit - late, spread);
        }
        self.sum_up();
    }

    /// The delay is what makes a transit of this length true, which was `ago` seconds before the members' instant, by each member's own
    /// offset and noise.
    pub fn place_delay(&mut self, direction: Direction, ago: f64, transit: f64, noise: Noise) {
        for (row, shape) in self.rows.iter_mut().zip(SHAPES) {
            let (late, spread) = noise.moments(shape);
            row.place_delay(direction, ago, transit - late, spread);
        }
        self.sum_up();
    }

    /// The delay is `delay` (s), as uncertain as itself.
    pub fn set_delay(&mut self, delay: f64) {
        self.rows.iter_mut().for_each(|row| row.set_delay(delay));
        self.sum_up();
    }

    /// The decimal logarithm of the wander that the members stand for on average, from the least one's on.
    pub fn restlessness(&self) -> f64 {
        // Each stands for ten times as much as the one before.
        self.weights.iter().flat_map(|row| row.iter().enumerate()).map(|(k, weight)| k as f64 * weight).sum()
    }

    /// Goes on by `elapsed` seconds, each member with its own wander.
    pub fn predict(&mut self, elapsed: f64) {
        self.rows.iter_mut().for_each(|row| row.predict(elapsed, &WANDERS));
        self.mean[0] += elapsed * self.mean[1];
        self.deviation_now = None;
    }

    /// A transit, `ago` seconds before the members' instant.
    pub fn observe(&mut self, direction: Direction, ago: f64, transit: f64, noise: Noise) -> Foretold {
        let foretold = self.observe_each(direction, ago, transit, noise);
        self.sum_up();
        foretold
    }

    /// The same, and a member's weight is multiplied by how probable it found what came (Bayes). Returns how probable
    /// all found it.
    pub fn weigh(&mut self, direction: Direction, ago: f64, transit: f64, noise: Noise) -> Evidence {
        let foretold = self.observe_each(direction, ago, transit, noise);
        let evidence = self.judge(&foretold);
        self.sum_up();
        evidence
    }

    fn observe_each(&mut self, direction: Direction, ago: f64, transit: f64, noise: Noise) -> Foretold {
        let mut shapes = SHAPES.iter();
        self.rows.each_mut().map(|row| {
            let shape = *shapes.next().expect("a row for each shape");
            let (tail_mean, spread) = (noise.tail_mean(shape), noise.spread(shape));
            row.observe(direction, ago, transit, Spread { tail_mean, spread })
        })
    }

    fn judge(&mut self, foretold: &Foretold) -> Evidence {
        // Relative to the greatest exponent nothing overflows, and what underflows has no say.
        let exponent = foretold.iter().flat_map(|row| row.exponent).fold(f64::NEG_INFINITY, greater);
        let mut likelihoods = foretold.map(|row| row.factor);
        for (likelihoods, row) in likelihoods.iter_mut().zip(foretold) {
            for (likelihood, own) in likelihoods.iter_mut().zip(row.exponent) {
                *likelihood *= exp_below_zero(own - exponent);
            }
        }
        let least = LIKELIHOOD_MIN * likelihoods.iter().flatten().copied().fold(0.0, greater);
        let mut sums = [0.0; LANES];
        for (weights, likelihoods) in self.weights.iter_mut().zip(&likelihoods) {
            for k in 0..LANES {
                weights[k] *= greater(likelihoods[k], least);
                sums[k] += weights[k];
            }
        }
        let sum: f64 = sums.iter().sum();
        let share = 1.0 / sum;
        for weight in self.weights.iter_mut().flatten() {
            *weight = greater(*weight * share, WEIGHT_MIN);
        }
        Evidence { factor: sum, exponent }
    }

    /// Interacting multiple models: weights flow to the neighbours, and a member that got most of its weight from them
    /// takes over their state too, so that hopeless hypotheses are dragged along instead of diverging.
    pub fn mix(&mut self) {
        self.unmixed += 1;
        if self.unmixed < MIX_EVERY {
            return;
        }
        self.unmixed = 0;
        self.deviation_now = None;
        let old = self.clone();
        for row in 0..ROWS {
            let own = &old.rows[row];
            let (sharper, blunter) = (row.saturating_sub(1), (row + 1).min(ROWS - 1));
            let weights = &old.weights;
            let given = [weights[row], lower(&weights[row]), upper(&weights[row]), weights[sharper], weights[blunter]];
            let mut parts = SHARES[row];
            let mut sums = [0.0; LANES];
            for (parts, given) in parts.iter_mut().zip(&given) {
                for k in 0..LANES {
                    parts[k] *= given[k];
                    sums[k] += parts[k];
                }
            }
            self.weights[row] = sums;
            let is_mixed: [bool; LANES] = std::array::from_fn(|k| parts[0][k] < UNMIXED * sums[k]);
            if !is_mixed.contains(&true) {
                continue;
            }
            let per_sum = sums.map(|sum| 1.0 / sum);
            for parts in &mut parts {
                for k in 0..LANES {
                    parts[k] *= per_sum[k];
                }
            }
            let (less, more) = (own.each(lower), own.each(upper));
            let sources = [own, &less, &more, &old.rows[sharper], &old.rows[blunter]];
            let mixed = Members::mixed(&sources, &parts);
            for k in (0..LANES).filter(|k| is_mixed[*k]) {
                self.rows[row].copy(&mixed, k);
            }
        }
    }

    /// The mean of `(x, f, b)`.
    pub fn mean(&self) -> [f64; 3] {
        self.mean
    }

    /// What all say together, after what each says has changed.
    fn sum_up(&mut self) {
        self.mean = self.mean_of_all();
        self.deviation_now = Some(self.deviation_of_all());
    }

    fn mean_of_all(&self) -> [f64; 3] {
        let mut sums = [[0.0; LANES]; 4];
        for (row, weights) in self.rows.iter().zip(&self.weights) {
            for k in 0..LANES {
                sums[0][k] += weights[k] * row.x[k];
                sums[1][k] += weights[k] * row.f[k];
                sums[2][k] += weights[k] * row.b[k];
                sums[3][k] += weights[k];
            }
        }
        let [x, f, b, weight] = sums.map(|lanes| lanes.iter().sum::<f64>());
        let per_weight = 1.0 / weight;
        [x * per_weight, f * per_weight, b * per_weight]
    }

    /// The standard deviation of the offset, `elapsed` seconds after the members' instant if that is later.
    pub fn deviation(&self, elapsed: f64) -> f64 {
        let t = greater(elapsed, 0.0);
        if t <= 0.0 {
            return self.deviation_now.unwrap_or_else(|| self.deviation_of_all());
        }
        let mean = self.mean[0] + t * self.mean[1];
        let mut sums = [[0.0; LANES]; 2];
        for (row, weights) in self.rows.iter().zip(&self.weights) {
            for k in 0..LANES {
                let walked = row.ff[k] + square(WANDERS[k]) * t / 3.0;
                let variance = row.xx[k] + t * (2.0 * row.xf[k] + t * walked);
                sums[0][k] += weights[k] * (variance + square(row.x[k] + t * row.f[k] - mean));
                sums[1][k] += weights[k];
            }
        }
        let [variance, weight] = sums.map(|lanes| lanes.iter().sum::<f64>());
        (variance / weight).sqrt()
    }

    /// [`Mixture::deviation`] at the members' instant.
    fn deviation_of_all(&self) -> f64 {
        let mean = self.mean[0];
        let mut sums = [[0.0; LANES]; 2];
        for (row, weights) in self.rows.iter().zip(&self.weights) {
            for k in 0..LANES {
                sums[0][k] += weights[k] * (row.xx[k] + square(row.x[k] - mean));
                sums[1][k] += weights[k];
            }
        }
        let [variance, weight] = sums.map(|lanes| lanes.iter().sum::<f64>());
        (variance / weight).sqrt()
    }

    /// The standard deviation of the frequency.
    pub fn frequency_deviation(&self) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, weights) in self.rows.iter().zip(&self.weights) {
            for (k, weight) in weights.iter().enumerate() {
                sum += weight * (row.ff[k] + square(row.f[k] - self.mean[1]));
                total += weight;
            }
        }
        (sum / total).sqrt()
    }

    /// How much longer than foretold a transit was, `elapsed` seconds after the members' instant (before it: below zero).
    pub fn residual(&self, direction: Direction, elapsed: f64, transit: f64) -> f64 {
        let [x, f, b] = self.mean;
        transit - (b + direction.sign() * (x + f * elapsed))
    }

    /// The standard deviation of what is foretold, by the members that matter, `elapsed` seconds after their instant. What
    /// is heard late does not turn the time back.
    pub fn deviation_of_transit(&self, elapsed: f64) -> f64 {
        let [x, f, b] = self.mean;
        let t = greater(elapsed, 0.0);
        let x = x + f * t;
        let mut sums = [[0.0; LANES]; 2];
        for (row, weights) in self.rows.iter().zip(&self.weights) {
            for k in 0..LANES {
                let walked = row.ff[k] + square(WANDERS[k]) * t / 3.0;
                let variance = row.xx[k] + t * (2.0 * row.xf[k] + t * walked) + row.bb[k];
                let apart = square(row.x[k] + t * row.f[k] - x) + square(row.b[k] - b);
                let weight = if weights[k] > WEIGHT_THAT_MATTERS { weights[k] } else { 0.0 };
                sums[0][k] += weight * (variance + apart).sqrt();
                sums[1][k] += weight;
            }
        }
        let [deviation, weight] = sums.map(|lanes| lanes.iter().sum::<f64>());
        deviation / (weight + 1e-300)
    }
}

/// The greater of two, neither of which is a NaN.
#[inline]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Who gives a member its weight: itself, the neighbours in wander, those in shape.
const SOURCES: usize = 5;
/// How much of their own each of them gives, by rows and lanes.
const SHARES: [[[f64; LANES]; SOURCES]; ROWS] = shares();

const fn shares() -> [[[f64; LANES]; SOURCES]; ROWS] {
    let mut shares = [[[0.0; LANES]; SOURCES]; ROWS];
    let mut row = 0;
    while row < ROWS {
        let mut k = 0;
        while k < LANES {
            let less = if k > 0 { TO_OTHER_WANDER } else { 0.0 };
            let more = if k + 1 < LANES { TO_OTHER_WANDER } else { 0.0 };
            let sharper = if row > 0 { TO_OTHER_SHAPE } else { 0.0 };
            let blunter = if row + 1 < ROWS { TO_OTHER_SHAPE } else { 0.0 };
            let of = [1.0 - less - more - sharper - blunter, less, more, sharper, blunter];
            let mut source = 0;
            while source < SOURCES {
                shares[row][source][k] = of[source];
                source += 1;
            }
            k += 1;
        }
        row += 1;
    }
    shares
}

/// What the neighbour in the lane below has, and the first lane itself.
fn lower(lanes: &[f64; LANES]) -> [f64; LANES] {
    std::array::from_fn(|k| lanes[k.saturating_sub(1)])
}

/// What the neighbour in the lane above has, and the last lane itself.
fn upper(lanes: &[f64; LANES]) -> [f64; LANES] {
    std::array::from_fn(|k| lanes[(k + 1).min(LANES - 1)])
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_mixed_weight_add_up_to_one() {
        // Each member's weight alone: what all get of it is all of it.
        for given in 0..LANES * ROWS {
            let mut mixture = Mixture::new(Belief { mean: [0.0; 3], deviation: [1.0; 3] });
            mixture.weights = [[0.0; LANES]; ROWS];
            mixture.weights[given / LANES][given % LANES] = 1.0;
            (0..MIX_EVERY).for_each(|_| mixture.mix());
            let sum: f64 = mixture.weights.iter().flatten().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{given}: {sum}");
        }
    }

    #[test]
    fn a_member_without_weight_of_its_own_has_the_moments_of_its_neighbours() {
        let mut mixture = Mixture::new(Belief { mean: [9.0; 3], deviation: [7.0; 3] });
        mixture.weights = [[0.0; LANES]; ROWS];
        // The neighbours of the middle row's second: 3 and 1 parts, by 3 and -1.
        (mixture.weights[1][0], mixture.weights[1][2]) = (0.25, 0.75);
        (mixture.rows[1].x[0], mixture.rows[1].x[2]) = (3.0, -1.0);
        (mixture.rows[1].b[0], mixture.rows[1].b[2]) = (5.0, 9.0);
        let untouched = mixture.rows[1].x[0];
        (0..MIX_EVERY).for_each(|_| mixture.mix());
        let row = &mixture.rows[1];
        // Means 0.25 * 3 - 0.75 = 0, 0.25 * 5 + 0.75 * 9 = 8; variance 49 + 0.25 * 9 + 0.75 * 1 = 52.
        assert!(row.x[1].abs() < 1e-14 && (row.b[1] - 8.0).abs() < 1e-14, "{row:?}");
        assert!((row.xx[1] - 52.0).abs() < 1e-12 && (row.ff[1] - 49.0).abs() < 1e-12);
        // 0.25 * 3 * -3 + 0.75 * -1 * 1.
        assert!((row.xb[1] + 3.0).abs() < 1e-12 && row.xf[1].abs() < 1e-12);
        assert_eq!(row.x[0].to_bits(), untouched.to_bits(), "whose weight is its own keeps its state");
    }

    #[test]
    fn the_tail_is_read_from_the_round_trips_spread() {
        let noise = Noise::of_tail_mean(2e-6, 1e-9);
        assert!((noise.tail_mean(0.0) - 2e-6).abs() < 1e-18);
        assert!(noise.tail_mean(4.0) < 0.5e-6, "a wide normal part leaves little for the tail");
        assert!((Noise { range: 0.0, resolution: 1e-9 }.tail_mean(0.3) - 1e-9).abs() < 1e-24);
    }

    #[test]
    fn the_weights_follow_the_evidence() {
        let mut mixture = Mixture::new(Belief { mean: [0.0; 3], deviation: [1e-9, 1e-12, 1e-9] });
        let noise = Noise::of_tail_mean(1e-6, 1e-9);
        // Always at the edge, and never before it: a sharp one.
        for _ in 0..60 {
            mixture.weigh(Direction::Forward, 0.0, 1e-9, noise);
            mixture.weigh(Direction::Backward, 0.0, 1e-9, noise);
        }
        let sharp: f64 = mixture.weights[0].iter().sum();
        assert!(sharp > 0.99, "{sharp}");
    }

    #[test]
    fn what_is_foretold_for_later_is_what_the_members_say_then() {
        let mut mixture = Mixture::new(Belief { mean: [1e-6, 2e-6, 3e-6], deviation: [1e-7, 3e-8, 2e-7] });
        mixture.weights[2][5] = 0.4;
        mixture.rows[2].x[5] = 2e-6;
        mixture.rows[2].f[5] = 1e-6;
        mixture.mean = mixture.mean_of_all();
        let at = |mixture: &Mixture, elapsed| {
            let residual = mixture.residual(Direction::Backward, elapsed, 1e-5);
            [residual, mixture.deviation_of_transit(elapsed), mixture.deviation(elapsed)]
        };
        let before = at(&mixture, 2.0);
        mixture.predict(2.0);
        let then = at(&mixture, 0.0);
        assert!((0..3).all(|of| (before[of] - then[of]).abs() < 1e-19), "{before:?} {then:?}");
        let mean = mixture.mean_of_all();
        assert!((mean[0] - mixture.mean()[0]).abs() < 1e-19, "{mean:?}");
    }

    #[test]
    fn the_likelihood_of_all_is_the_weighted_mean_and_no_member_is_ruled_out() {
        let mut mixture = Mixture::new(Belief { mean: [0.0; 3], deviation: [1e-9; 3] });
        let mut foretold = mixture.clone().observe(Direction::Forward, 0.0, 0.0, Noise::of_tail_mean(1e-6, 1e-9));
        for row in &mut foretold {
            (row.factor, row.exponent) = ([1.0; LANES], [-1e9; LANES]);
        }
        (foretold[1].factor[3], foretold[1].exponent[3]) = (2.0, -30.0);
        let evidence = mixture.judge(&foretold);
        assert!((evidence.natural_log() - (2.0_f64 / 18.0).ln() + 30.0).abs() < 1e-12, "{evidence:?}");
        assert!((mixture.weights[1][3] - 1.0).abs() < 1e-9);
        assert!(mixture.weights.iter().flatten().all(|weight| *weight >= WEIGHT_MIN));
    }
}
