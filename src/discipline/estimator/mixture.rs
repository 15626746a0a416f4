//! The members together: weights by how well each foretold, and what all of them say.

use super::member::{Direction, Member};
use crate::coding::Coded;

/// Random-walk FM of the oscillator, s/s per sqrt(s), by decades: an ovenised one to a bad one in the sun.
const WANDERS: [f64; 6] = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6];
/// How blunt the edge of the delays is: the normal part as a share of the exponential one.
const SHAPES: [f64; 3] = [0.001, 0.3, 4.0];
/// The members.
pub const MEMBERS: usize = WANDERS.len() * SHAPES.len();
/// At each Sync so much of a member's weight goes to each neighbour in wander.
const TO_OTHER_WANDER: f64 = 1.5e-4;
/// And so much to each neighbour in shape.
const TO_OTHER_SHAPE: f64 = 5e-4;
/// A member whose own share of its new weight is larger than this is not mixed.
const UNMIXED: f64 = 0.99;
/// No weight falls below this.
const WEIGHT_MIN: f64 = 1e-12;
/// No evidence counts for more than this against a member (natural logarithm).
const EVIDENCE_MAX: f64 = 50.0;
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

    /// Of purely exponential delays with this mean.
    pub fn of_tail_mean(tail_mean: f64, resolution: f64) -> Self {
        Self { range: tail_mean * IQR_OF_TWO_EXPONENTIALS, resolution }
    }
}

#[derive(Clone, Copy, Debug, Coded)]
struct Weighted {
    member: Member,
    weight: f64,
}

/// A member for each wander and shape.
#[derive(Clone, Debug, Coded)]
pub struct Mixture {
    members: [Weighted; MEMBERS],
}

impl Mixture {
    /// Every member alike, and each as likely.
    pub fn new(member: Member) -> Self {
        Self { members: [Weighted { member, weight: 1.0 / MEMBERS as f64 }; MEMBERS] }
    }

    /// Every member is `member`; the weights stay.
    pub fn set(&mut self, member: Member) {
        self.change(|old| *old = member);
    }

    /// The same change for each member.
    pub fn change(&mut self, change: impl Fn(&mut Member)) {
        for weighted in &mut self.members {
            change(&mut weighted.member);
        }
    }

    /// Goes on by `elapsed` seconds, each member with its own wander.
    pub fn predict(&mut self, elapsed: f64) {
        for (index, weighted) in self.members.iter_mut().enumerate() {
            weighted.member.predict(elapsed, WANDERS[index / SHAPES.len()]);
        }
    }

    /// A transit, `ago` seconds before the members' instant. Returns the logarithm of its probability density; the
    /// weights follow it (Bayes) only if `is_evidence`.
    pub fn observe(&mut self, direction: Direction, ago: f64, transit: f64, noise: Noise, is_evidence: bool) -> f64 {
        let mut evidence = [0.0; MEMBERS];
        let mut best = f64::NEG_INFINITY;
        for (index, weighted) in self.members.iter_mut().enumerate() {
            let shape = SHAPES[index % SHAPES.len()];
            let tail_mean = noise.tail_mean(shape);
            let spread = (shape * tail_mean).max(noise.resolution);
            evidence[index] = weighted.member.observe(direction, ago, transit, tail_mean, spread);
            best = best.max(evidence[index]);
        }
        if is_evidence { best + self.weigh(&evidence, best) } else { best }
    }

    /// A member's weight is multiplied by how probable it found what came. Returns the logarithm of how probable all
    /// found it, relative to `best`.
    fn weigh(&mut self, evidence: &[f64; MEMBERS], best: f64) -> f64 {
        let mut sum = 0.0;
        for (weighted, evidence) in self.members.iter_mut().zip(evidence) {
            weighted.weight *= libm::exp((evidence - best).max(-EVIDENCE_MAX));
            sum += weighted.weight;
        }
        for weighted in &mut self.members {
            weighted.weight = (weighted.weight / sum).max(WEIGHT_MIN);
        }
        libm::log(sum)
    }

    /// Interacting multiple models: weights flow to the neighbours, and a member that got most of its weight from them
    /// takes over their state too, so that hopeless hypotheses are dragged along instead of diverging.
    pub fn mix(&mut self) {
        let old = self.members;
        for index in 0..MEMBERS {
            let (sources, len) = sources(index);
            let sources = &sources[..len];
            let weight: f64 = sources.iter().map(|(from, share)| share * old[*from].weight).sum();
            self.members[index].weight = weight;
            let own = sources[0].1 * old[index].weight;
            if own < UNMIXED * weight {
                self.members[index].member = mixed(&old, sources, weight);
            }
        }
    }

    /// The mean of `(x, f, b)`.
    pub fn mean(&self) -> [f64; 3] {
        let mut mean = [0.0; 3];
        let mut sum = 0.0;
        for Weighted { member, weight } in &self.members {
            sum += weight;
            for (mean, value) in mean.iter_mut().zip(member.mean) {
                *mean += weight * value;
            }
        }
        mean.map(|value| value / sum)
    }

    /// The standard deviation of the offset.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        let (mut sum, mut weights) = (0.0, 0.0);
        for Weighted { member, weight } in &self.members {
            sum += weight * (member.covariance[0][0] + square(member.mean[0] - mean[0]));
            weights += weight;
        }
        (sum / weights).sqrt()
    }

    /// How much longer than foretold a transit was, `ago` seconds before the members' instant.
    pub fn residual(&self, direction: Direction, ago: f64, transit: f64) -> f64 {
        transit - Member { mean: self.mean(), covariance: [[0.0; 3]; 3] }.expected(direction, ago)
    }

    /// Of a transit, by the members that matter.
    pub fn deviation_of_transit(&self) -> f64 {
        let mean = self.mean();
        let (mut sum, mut weights) = (0.0, 1e-300);
        for Weighted { member, weight } in self.members.iter().filter(|w| w.weight > WEIGHT_THAT_MATTERS) {
            let (offset, delay) = (member.mean[0] - mean[0], member.mean[2] - mean[2]);
            let variance = member.covariance[0][0] + member.covariance[2][2] + square(offset) + square(delay);
            sum += weight * variance.sqrt();
            weights += weight;
        }
        sum / weights
    }
}

/// From whom a member gets its weight, itself first, and each one's share.
fn sources(index: usize) -> ([(usize, f64); 5], usize) {
    let shapes = SHAPES.len();
    let (wander, shape) = (index / shapes, index % shapes);
    let mut sources = [(index, 1.0); 5];
    let mut len = 1;
    let mut neighbour = |exists: bool, from: usize, share: f64| {
        if exists {
            sources[len] = (from, share);
            sources[0].1 -= share;
            len += 1;
        }
    };
    neighbour(wander > 0, index.wrapping_sub(shapes), TO_OTHER_WANDER);
    neighbour(wander + 1 < WANDERS.len(), index + shapes, TO_OTHER_WANDER);
    neighbour(shape > 0, index.wrapping_sub(1), TO_OTHER_SHAPE);
    neighbour(shape + 1 < shapes, index + 1, TO_OTHER_SHAPE);
    (sources, len)
}

/// The mixture of some members as one Gaussian with the same moments.
fn mixed(old: &[Weighted; MEMBERS], sources: &[(usize, f64)], weight: f64) -> Member {
    let mut mean = [0.0; 3];
    for (from, share) in sources {
        let part = share * old[*from].weight / weight;
        for (mean, value) in mean.iter_mut().zip(old[*from].member.mean) {
            *mean += part * value;
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for (from, share) in sources {
        let part = share * old[*from].weight / weight;
        let member = &old[*from].member;
        for (i, row) in covariance.iter_mut().enumerate() {
            for (k, cell) in row.iter_mut().enumerate() {
                let spread = (member.mean[i] - mean[i]) * (member.mean[k] - mean[k]);
                *cell += part * (member.covariance[i][k] + spread);
            }
        }
    }
    Member { mean, covariance }
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_mixed_weight_add_up_to_one() {
        let mut given = [0.0; MEMBERS];
        for index in 0..MEMBERS {
            let (sources, len) = sources(index);
            sources[..len].iter().for_each(|(from, share)| given[*from] += share);
        }
        assert!(given.iter().all(|sum| (sum - 1.0).abs() < 1e-12), "{given:?}");
    }

    #[test]
    fn a_mixed_member_has_the_moments_of_its_parts() {
        let at = |x: f64, weight: f64| Weighted { member: Member::new(x, 1.0, 2.0, (0.0, 1.0)), weight };
        let mut old = [at(0.0, 0.0); MEMBERS];
        (old[0], old[1]) = (at(3.0, 0.25), at(-1.0, 0.75));
        let member = mixed(&old, &[(0, 1.0), (1, 1.0)], 1.0);
        // Mean 0.25 * 3 - 0.75 = 0; variance 4 + 0.25 * 9 + 0.75 * 1 = 7.
        assert!(member.mean[0].abs() < 1e-15 && (member.covariance[0][0] - 7.0).abs() < 1e-12);
        assert!((member.covariance[2][2] - 4.0).abs() < 1e-12);
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
        let mut mixture = Mixture::new(Member::new(0.0, 0.0, 1e-9, (0.0, 1e-12)));
        let noise = Noise::of_tail_mean(1e-6, 1e-9);
        // Always at the edge, and never before it: a sharp one.
        for _ in 0..60 {
            mixture.observe(Direction::Forward, 0.0, 1e-9, noise, true);
            mixture.observe(Direction::Backward, 0.0, 1e-9, noise, true);
        }
        let sharp: f64 = mixture.members.iter().step_by(SHAPES.len()).map(|weighted| weighted.weight).sum();
        assert!(sharp > 0.99, "{sharp}");
    }
}
