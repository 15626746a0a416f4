//! One filter: offset, frequency and base delay, with one-sided measurement noise.
//!
//! State `s = (x, f, b)`: offset of `V` from the master (s), its rate of change (s/s), base delay (s). Between messages
//! the frequency walks at random by `W`; a message measures `h s` with noise `Exp(j) + N(0, g^2)`:
//!
//! ```text
//! Sync       transit = b + x + noise    h = ( 1, 0, 1)
//! Delay_Req  transit = b - x + noise    h = (-1, 0, 1)
//! ```
//!
//! A message that is heard late, because its stamp came late, measured the offset of then: `x - f * ago`, so the middle
//! of `h` is `-ago` or `ago`.
//!
//! The posterior of a Gaussian prior under that noise is no Gaussian, but its first two moments are known in closed
//! form (the noise is an exponentially modified Gaussian), and the filter goes on with the Gaussian that has them
//! (assumed-density filtering). With `j` the tail's mean, `S = h P h' + g^2` the variance, `c = z - h m` how late the
//! message is, `a = c / sqrt S - sqrt S / j` and the inverse
//! Mills ratio `l` at `a`:
//!
//! ```text
//! m += P h' (1/j - l / sqrt S)        P -= P h' h P l (a + l) / S
//! ln Z = -ln j - c/j + S / (2 j^2) + ln Phi(a)
//! ```
//!
//! `j << g` is the Kalman update; `g -> 0` is the hard cut of the prior at the edge.

use super::special::tail;
use crate::coding::Coded;

/// Variances never fall below this: a filter that is certain learns nothing any more.
const VARIANCE_MIN: f64 = 1e-40;

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Direction {
    /// From the master.
    Forward,
    /// To the master.
    Backward,
}

impl Direction {
    /// The sign of the offset in the transit time.
    const fn sign(self) -> f64 {
        match self {
            Self::Forward => 1.0,
            Self::Backward => -1.0,
        }
    }

    /// 0 or 1, for tables.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The mean and covariance of `(x, f, b)`, in seconds and s/s.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Member {
    /// The mean.
    pub mean: [f64; 3],
    /// The covariance; symmetric.
    pub covariance: [[f64; 3]; 3],
}

impl Member {
    /// Offset and base delay known to within `uncertainty` (s), the frequency to within `frequency` (s/s).
    pub fn new(offset: f64, delay: f64, uncertainty: f64, frequency: (f64, f64)) -> Self {
        let mut covariance = [[0.0; 3]; 3];
        covariance[0][0] = uncertainty * uncertainty;
        covariance[1][1] = frequency.1 * frequency.1;
        covariance[2][2] = uncertainty * uncertainty;
        Self { mean: [offset, frequency.0, delay], covariance }
    }

    /// Only the delay and the frequency are known, and a transit of `transit` seconds in `direction` is, to within `spread`: the
    /// offset is what makes both true.
    pub fn place(&mut self, direction: Direction, transit: f64, spread: f64) {
        let sign = direction.sign();
        self.mean[0] = sign * (transit - self.mean[2]);
        let p = &mut self.covariance;
        p[0] = [p[2][2] + spread * spread, -sign * p[1][2], -sign * p[2][2]];
        p[1][0] = p[0][1];
        p[2][0] = p[0][2];
    }

    /// `elapsed` seconds pass while the frequency walks by `wander` (s/s per sqrt(s)): `P <- F P F' + Q`, with
    /// `Q_xx = W^2 t^3 / 3`, `Q_xf = W^2 t^2 / 2`, `Q_ff = W^2 t`.
    pub fn predict(&mut self, elapsed: f64, wander: f64) {
        let (t, q) = (elapsed, wander * wander);
        self.mean[0] += self.mean[1] * t;
        let p = &mut self.covariance;
        let (xx, xf, ff) = (p[0][0], p[0][1], p[1][1]);
        p[0][0] = xx + 2.0 * t * xf + t * t * ff + q * t * t * t / 3.0;
        p[0][1] = xf + t * ff + q * t * t / 2.0;
        p[1][1] = ff + q * t;
        p[0][2] += t * p[1][2];
        p[1][0] = p[0][1];
        p[2][0] = p[0][2];
    }

    /// What a transit in `direction` should have taken, `ago` seconds before the state's instant.
    pub fn expected(&self, direction: Direction, ago: f64) -> f64 {
        self.mean[2] + direction.sign() * (self.mean[0] - self.mean[1] * ago)
    }

    /// A transit of `transit` seconds, `ago` seconds before the state's instant, with noise of an exponential of mean `tail_mean` and a normal of `spread`.
    /// Returns the logarithm of its probability density: how well it was foretold.
    pub fn observe(&mut self, direction: Direction, ago: f64, transit: f64, tail_mean: f64, spread: f64) -> f64 {
        let late = transit - self.expected(direction, ago);
        let h = [direction.sign(), -direction.sign() * ago, 1.0];
        let p = &mut self.covariance;
        let ph = [0, 1, 2].map(|i| p[i][0] * h[0] + p[i][1] * h[1] + p[i][2] * h[2]);
        let variance = (ph[0] * h[0] + ph[1] * h[1] + ph[2] * h[2]).max(0.0) + spread * spread;
        let sigma = variance.sqrt();
        let tail = tail(late / sigma - sigma / tail_mean);
        let gain = 1.0 / tail_mean - tail.mills / sigma;
        let shrink = tail.shrink / variance;
        for i in 0..3 {
            self.mean[i] += ph[i] * gain;
            for k in 0..3 {
                p[i][k] -= ph[i] * ph[k] * shrink;
            }
            p[i][i] = p[i][i].max(VARIANCE_MIN);
        }
        tail.ln_phi - libm::log(tail_mean) - late / tail_mean + variance / (2.0 * tail_mean * tail_mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * a.abs().max(b.abs())
    }

    #[test]
    fn prediction_is_the_textbook_s() {
        let mut member = Member::new(1e-3, 1e-6, 1e-4, (2e-5, 3e-6));
        member.predict(2.0, 1e-7);
        assert!(close(member.mean[0], 1e-3 + 4e-5, 1e-14));
        // P_xx = 1e-8 + 4 * 9e-12 + 1e-14 * 8 / 3.
        assert!(close(member.covariance[0][0], 1e-8 + 3.6e-11 + 1e-14 * 8.0 / 3.0, 1e-12));
        assert!(close(member.covariance[0][1], 2.0 * 9e-12 + 1e-14 * 2.0, 1e-12));
        assert!(close(member.covariance[1][1], 9e-12 + 2e-14, 1e-12));
    }

    #[test]
    fn what_places_the_offset_makes_the_transit_true_and_shares_the_delays_doubt() {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut member = Member::new(7.0, 1e-6, 1e-8, (2e-5, 3e-6));
            member.place(direction, 5e-6, 3e-8);
            assert!(close(member.expected(direction, 0.0), 5e-6, 1e-12));
            // The transit is known to 30 ns, whatever the delay is: 10 ns either way.
            let [offset, _, delay] = [0, 1, 2].map(|i| member.covariance[i]);
            let of_transit = offset[0] + delay[2] + 2.0 * direction.sign() * offset[2];
            assert!(close(of_transit, 9e-16, 1e-9) && close(offset[0], 1e-15, 1e-9), "{of_transit}");
        }
    }

    #[test]
    fn with_a_short_tail_it_is_the_kalman_filter() {
        let mut member = Member::new(0.0, 0.0, 1e-5, (0.0, 1e-6));
        let (spread, transit) = (1e-6, 4e-6);
        member.observe(Direction::Forward, 0.0, transit, 1e-11, spread);
        // x and b share the innovation: K = 1e-10 / (2e-10 + 1e-12).
        let gain = 1e-10 / (2e-10 + 1e-12);
        assert!(close(member.mean[0], gain * transit, 1e-4), "{:?}", member.mean);
        assert!(close(member.covariance[0][0], 1e-10 * (1.0 - gain), 1e-4));
    }

    #[test]
    fn with_a_sharp_edge_it_is_the_truncated_normal() {
        // A prior N(0, 1 us) on the delay alone; a message of 0.5 us cuts it: b <= 0.5 us, weighted by exp(b / j).
        let (sigma, edge, j) = (1e-6, 5e-7, 1e-3);
        let mut member = Member { mean: [0.0; 3], covariance: [[0.0; 3]; 3] };
        member.covariance[2][2] = sigma * sigma;
        member.observe(Direction::Forward, 0.0, edge, j, 1e-12);
        let (mut mass, mut mean) = (0.0, 0.0);
        for step in -600_000..50_000_i32 {
            let b = f64::from(step) * 1e-11;
            let density = (-0.5 * (b / sigma).powi(2) + b / j).exp();
            mass += density;
            mean += density * b;
        }
        assert!((member.mean[2] - mean / mass).abs() < 1e-11, "{} {}", member.mean[2], mean / mass);
    }

    #[test]
    fn the_evidence_is_a_probability_density() {
        let (j, spread) = (2e-6, 5e-7);
        let mut mass = 0.0;
        for step in -2_000..20_000_i32 {
            let transit = f64::from(step) * 2e-9;
            let mut member = Member::new(0.0, 0.0, 3e-7, (0.0, 1e-9));
            mass += member.observe(Direction::Backward, 0.0, transit, j, spread).exp() * 2e-9;
        }
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
    }

    #[test]
    fn the_covariance_stays_positive_under_any_messages() {
        let mut random = crate::engine::Random::seeded(3);
        let mut member = Member::new(0.0, 0.0, 1e-3, (0.0, 5e-4));
        for _ in 0..20_000 {
            member.predict(random.unit(), 1e-9);
            let direction = if random.below(2) == 0 { Direction::Forward } else { Direction::Backward };
            let ago = random.unit();
            let transit = member.expected(direction, ago) + 1e-4 * (random.unit() - 0.4);
            let evidence = member.observe(direction, ago, transit, 1e-5, 1e-8);
            assert!(evidence.is_finite() || evidence == f64::NEG_INFINITY);
            assert!((0..3).all(|i| member.covariance[i][i] > 0.0 && member.mean[i].is_finite()));
        }
    }
}
