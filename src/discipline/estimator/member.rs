//! The filter: offset, frequency and base delay, with one-sided measurement noise.
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
//! message is, `a = c / sqrt S - sqrt S / j` and the inverse Mills ratio `l` at `a`:
//!
//! ```text
//! m += P h' (1/j - l / sqrt S)        P -= P h' h P l (a + l) / S
//! Z = Phi(a) / j exp(-c/j + S / (2 j^2))
//! ```
//!
//! `j << g` is the Kalman update; `g -> 0` is the hard cut of the prior at the edge.
//!
//! Where `a < 0` the density `Z` is a product of something that underflows and something that overflows. But
//! `a^2 / 2 = c^2 / (2 S) - c/j + S / (2 j^2)`, so `Z = (Phi(a) exp(a^2 / 2)) / j exp(-c^2 / (2 S))`, and both are harmless.
//!
//! The members of a bank do the same arithmetic on different numbers. [`Members`] is `N` of them side by side, number by
//! number, so that the compiler can take several at once; each lane is computed as if it were alone.

use super::special::tails;
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
    pub const fn sign(self) -> f64 {
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

/// What a member may be told to believe: a mean (s, s/s, s), and how sure that is, nothing of it related.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Belief {
    /// Of `(x, f, b)`.
    pub mean: [f64; 3],
    /// The standard deviation of each.
    pub deviation: [f64; 3],
}

/// `N` members: their means and covariances, in seconds and s/s.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Members<const N: usize> {
    /// Offset.
    pub x: [f64; N],
    /// Frequency.
    pub f: [f64; N],
    /// Base delay.
    pub b: [f64; N],
    /// The covariance is symmetric: six numbers of nine.
    pub xx: [f64; N],
    /// As above.
    pub xf: [f64; N],
    /// As above.
    pub xb: [f64; N],
    /// As above.
    pub ff: [f64; N],
    /// As above.
    pub fb: [f64; N],
    /// As above.
    pub bb: [f64; N],
}

/// How well a message was foretold: its probability density is `factor * exp(exponent)`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Densities<const N: usize> {
    /// Per second.
    pub factor: [f64; N],
    /// Not positive.
    pub exponent: [f64; N],
}

/// The noise of a message: an exponential of mean `tail_mean` (s), and a normal of deviation `spread` (s).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// Above zero.
    pub tail_mean: f64,
    /// Above zero.
    pub spread: f64,
}

impl<const N: usize> Members<N> {
    /// All believe the same.
    pub fn alike(belief: Belief) -> Self {
        let Belief { mean: [x, f, b], deviation: [dx, df, db] } = belief;
        Self {
            x: [x; N],
            f: [f; N],
            b: [b; N],
            xx: [dx * dx; N],
            xf: [0.0; N],
            xb: [0.0; N],
            ff: [df * df; N],
            fb: [0.0; N],
            bb: [db * db; N],
        }
    }

    /// Enlarges the variances of `(x, f, b)` by these.
    pub fn widen(&mut self, by: [f64; 3]) {
        for (variances, by) in [&mut self.xx, &mut self.ff, &mut self.bb].into_iter().zip(by) {
            for variance in variances {
                *variance += by;
            }
        }
    }

    /// The delay in `direction` alone is `u` longer, of which nothing is known but the variance (s^2). In `h s` it is half a longer
    /// delay and half an offset, exactly: so both are as uncertain as `u / 2` and wholly related.
    pub fn widen_way(&mut self, direction: Direction, variance: f64) {
        for k in 0..N {
            self.xx[k] += variance / 4.0;
            self.bb[k] += variance / 4.0;
            self.xb[k] += direction.sign() * variance / 4.0;
        }
    }

    /// The delay in `direction` alone is counted `longer` seconds less than it is from now on, so that `h s` is the same.
    pub fn shift_way(&mut self, direction: Direction, longer: f64) {
        let half = longer / 2.0;
        for k in 0..N {
            self.x[k] += direction.sign() * half;
            self.b[k] += half;
        }
    }

    /// Only the delay and the frequency are known, and a transit of `transit` seconds in `direction` is, to within `spread`: the
    /// offset is what makes both true.
    pub fn place(&mut self, direction: Direction, transit: f64, spread: f64) {
        let sign = direction.sign();
        for k in 0..N {
            self.x[k] = sign * (transit - self.b[k]);
            self.xx[k] = self.bb[k] + spread * spread;
            self.xf[k] = -sign * self.fb[k];
            self.xb[k] = -sign * self.bb[k];
        }
    }

    /// Only the offset and the frequency are known, and a transit of `transit` seconds in `direction` is, to within `spread`, `ago` seconds
    /// before the state's instant: the delay is what makes both true.
    pub fn place_delay(&mut self, direction: Direction, ago: f64, transit: f64, spread: f64) {
        let (hx, hf) = (direction.sign(), -direction.sign() * ago);
        for k in 0..N {
            self.b[k] = transit - (self.x[k] * hx + self.f[k] * hf);
            self.xb[k] = -(self.xx[k] * hx + self.xf[k] * hf);
            self.fb[k] = -(self.xf[k] * hx + self.ff[k] * hf);
            self.bb[k] = spread * spread - (self.xb[k] * hx + self.fb[k] * hf);
        }
    }

    /// The delay is not known by what was, but `delay` (s), and as uncertain as itself.
    pub fn set_delay(&mut self, delay: f64) {
        (self.b, self.bb) = ([delay; N], [delay * delay; N]);
        (self.xb, self.fb) = ([0.0; N], [0.0; N]);
    }

    /// `elapsed` seconds pass while the frequency walks by `wanders` (s/s per sqrt(s)): `P <- F P F' + Q`, with
    /// `Q_xx = W^2 t^3 / 3`, `Q_xf = W^2 t^2 / 2`, `Q_ff = W^2 t`.
    pub fn predict(&mut self, elapsed: f64, wanders: &[f64; N]) {
        let t = elapsed;
        for (k, wander) in wanders.iter().enumerate() {
            let q = wander * wander * t;
            self.x[k] += t * self.f[k];
            self.xx[k] += t * (2.0 * self.xf[k] + t * (self.ff[k] + q / 3.0));
            self.xf[k] += t * (self.ff[k] + q / 2.0);
            self.ff[k] += q;
            self.xb[k] += t * self.fb[k];
        }
    }

    /// A transit of `transit` seconds in `direction`, `ago` seconds before the state's instant.
    pub fn observe(&mut self, direction: Direction, ago: f64, transit: f64, noise: Spread) -> Densities<N> {
        let (hx, hf) = (direction.sign(), -direction.sign() * ago);
        let (per_tail, normal) = (1.0 / noise.tail_mean, noise.spread * noise.spread);
        let mut densities = Densities { factor: [0.0; N], exponent: [0.0; N] };
        // P h', and what follows from it.
        let [mut xs, mut fs, mut bs, mut per_sigmas, mut by_sigmas, mut edges, mut at] = [[0.0; N]; 7];
        for k in 0..N {
            xs[k] = self.xx[k] * hx + self.xf[k] * hf + self.xb[k];
            fs[k] = self.xf[k] * hx + self.ff[k] * hf + self.fb[k];
            bs[k] = self.xb[k] * hx + self.fb[k] * hf + self.bb[k];
            let foretold = xs[k] * hx + fs[k] * hf + bs[k];
            let variance = if foretold > 0.0 { foretold + normal } else { normal };
            let sigma = variance.sqrt();
            per_sigmas[k] = 1.0 / sigma;
            let late = transit - (self.b[k] + self.x[k] * hx + self.f[k] * hf);
            (by_sigmas[k], edges[k]) = (late * per_sigmas[k], sigma * per_tail);
            at[k] = by_sigmas[k] - edges[k];
        }
        let tails = tails(&at);
        for k in 0..N {
            let (x, f, b, per_sigma) = (xs[k], fs[k], bs[k], per_sigmas[k]);
            let (a, by_sigma, edge) = (at[k], by_sigmas[k], edges[k]);
            let gain = per_tail - tails.mills[k] * per_sigma;
            let shrink = tails.shrink[k] * per_sigma * per_sigma;
            self.x[k] += x * gain;
            self.f[k] += f * gain;
            self.b[k] += b * gain;
            self.xx[k] = at_least(self.xx[k] - x * x * shrink);
            self.xf[k] -= x * f * shrink;
            self.xb[k] -= x * b * shrink;
            self.ff[k] = at_least(self.ff[k] - f * f * shrink);
            self.fb[k] -= f * b * shrink;
            self.bb[k] = at_least(self.bb[k] - b * b * shrink);
            densities.factor[k] = tails.factor[k] * per_tail;
            densities.exponent[k] = if a < 0.0 { -0.5 * by_sigma * by_sigma } else { edge * (0.5 * edge - by_sigma) };
        }
        densities
    }
}

/// The mixture of several as one Gaussian each, with the same moments; by lanes.
impl<const N: usize> Members<N> {
    /// The same done to each of the nine numbers of all.
    pub fn each(&self, map: impl Fn(&[f64; N]) -> [f64; N]) -> Self {
        Self {
            x: map(&self.x),
            f: map(&self.f),
            b: map(&self.b),
            xx: map(&self.xx),
            xf: map(&self.xf),
            xb: map(&self.xb),
            ff: map(&self.ff),
            fb: map(&self.fb),
            bb: map(&self.bb),
        }
    }

    /// In lane `k` the mixture of the lanes `k` of `sources` by `parts`, which add up to 1.
    pub fn mixed<const S: usize>(sources: &[&Self; S], parts: &[[f64; N]; S]) -> Self {
        let mut out = Self::alike(Belief { mean: [0.0; 3], deviation: [0.0; 3] });
        for (of, part) in sources.iter().zip(parts) {
            for (k, part) in part.iter().enumerate() {
                out.x[k] += part * of.x[k];
                out.f[k] += part * of.f[k];
                out.b[k] += part * of.b[k];
            }
        }
        for (of, part) in sources.iter().zip(parts) {
            for (k, part) in part.iter().enumerate() {
                let (x, f, b) = (of.x[k] - out.x[k], of.f[k] - out.f[k], of.b[k] - out.b[k]);
                out.xx[k] += part * (of.xx[k] + x * x);
                out.xf[k] += part * (of.xf[k] + x * f);
                out.xb[k] += part * (of.xb[k] + x * b);
                out.ff[k] += part * (of.ff[k] + f * f);
                out.fb[k] += part * (of.fb[k] + f * b);
                out.bb[k] += part * (of.bb[k] + b * b);
            }
        }
        out
    }

    /// Lane `k` becomes that of `other`.
    pub fn copy(&mut self, other: &Self, k: usize) {
        self.x[k] = other.x[k];
        self.f[k] = other.f[k];
        self.b[k] = other.b[k];
        self.xx[k] = other.xx[k];
        self.xf[k] = other.xf[k];
        self.xb[k] = other.xb[k];
        self.ff[k] = other.ff[k];
        self.fb[k] = other.fb[k];
        self.bb[k] = other.bb[k];
    }
}

/// A variance that is not too small.
#[inline]
fn at_least(variance: f64) -> f64 {
    if variance > VARIANCE_MIN { variance } else { VARIANCE_MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * a.abs().max(b.abs())
    }

    fn member(mean: [f64; 3], deviation: [f64; 3]) -> Members<1> {
        Members::alike(Belief { mean, deviation })
    }

    fn density(densities: &Densities<1>) -> f64 {
        densities.factor[0] * libm::exp(densities.exponent[0])
    }

    #[test]
    fn prediction_is_the_textbook_s() {
        let mut member = member([1e-3, 2e-5, 1e-6], [1e-4, 3e-6, 1e-4]);
        member.predict(2.0, &[1e-7]);
        assert!(close(member.x[0], 1e-3 + 4e-5, 1e-14));
        // P_xx = 1e-8 + 4 * 9e-12 + 1e-14 * 8 / 3.
        assert!(close(member.xx[0], 1e-8 + 3.6e-11 + 1e-14 * 8.0 / 3.0, 1e-12));
        assert!(close(member.xf[0], 2.0 * 9e-12 + 1e-14 * 2.0, 1e-12));
        assert!(close(member.ff[0], 9e-12 + 2e-14, 1e-12));
    }

    #[test]
    fn what_places_the_offset_makes_the_transit_true_and_shares_the_delays_doubt() {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut member = member([7.0, 2e-5, 1e-6], [1e-8, 3e-6, 1e-8]);
            member.place(direction, 5e-6, 3e-8);
            assert!(close(member.b[0] + direction.sign() * member.x[0], 5e-6, 1e-12));
            // The transit is known to 30 ns, whatever the delay is: 10 ns either way.
            let of_transit = member.xx[0] + member.bb[0] + 2.0 * direction.sign() * member.xb[0];
            assert!(close(of_transit, 9e-16, 1e-9) && close(member.xx[0], 1e-15, 1e-9), "{of_transit}");
        }
    }

    #[test]
    fn what_places_the_delay_makes_the_transit_true_and_is_the_limit_of_knowing_nothing_of_it() {
        for direction in [Direction::Forward, Direction::Backward] {
            let known = member([7e-6, 2e-5, 1e-6], [1e-8, 3e-6, 1e-4]);
            let (mut placed, mut told) = (known, known);
            placed.place_delay(direction, 1e-3, 5e-6, 3e-8);
            let foretold = placed.b[0] + direction.sign() * (placed.x[0] - 1e-3 * placed.f[0]);
            assert!(close(foretold, 5e-6, 1e-12), "{placed:?}");
            // A delay of which nothing is known to 0.1 ms, and a message with 30 ns of normal noise.
            told.observe(direction, 1e-3, 5e-6, Spread { tail_mean: 1e-12, spread: 3e-8 });
            for (placed, told) in [
                (placed.b, told.b),
                (placed.xx, told.xx),
                (placed.xb, told.xb),
                (placed.fb, told.fb),
                (placed.bb, told.bb),
            ] {
                assert!(close(placed[0], told[0], 1e-3), "{placed:?} {told:?}");
            }
        }
    }

    #[test]
    fn what_is_longer_one_way_is_half_a_delay_and_half_an_offset() {
        for direction in [Direction::Forward, Direction::Backward] {
            let foretold = |member: &Members<1>, direction: Direction| member.b[0] + direction.sign() * member.x[0];
            let of_transit = |member: &Members<1>, direction: Direction| {
                member.xx[0] + member.bb[0] + 2.0 * direction.sign() * member.xb[0]
            };
            let other = if direction == Direction::Forward { Direction::Backward } else { Direction::Forward };
            let mut member = member([3e-6, 0.0, 5e-6], [1e-7, 1e-9, 2e-7]);
            let before = [direction, other].map(|way| foretold(&member, way));
            member.shift_way(direction, -4e-7);
            member.widen_way(direction, 9e-14);
            assert!(close(foretold(&member, direction), before[0] - 4e-7, 1e-12), "{member:?}");
            assert!(close(foretold(&member, other), before[1], 1e-12), "{member:?}");
            // Both variances of before add up, and only one way is 300 ns more uncertain.
            assert!(close(of_transit(&member, direction), 5e-14 + 9e-14, 1e-9), "{member:?}");
            assert!(close(of_transit(&member, other), 5e-14, 1e-9), "{member:?}");
        }
    }

    #[test]
    fn with_a_short_tail_it_is_the_kalman_filter() {
        let mut member = member([0.0; 3], [1e-5, 1e-6, 1e-5]);
        let (spread, transit) = (1e-6, 4e-6);
        member.observe(Direction::Forward, 0.0, transit, Spread { tail_mean: 1e-11, spread });
        // x and b share the innovation: K = 1e-10 / (2e-10 + 1e-12).
        let gain = 1e-10 / (2e-10 + 1e-12);
        assert!(close(member.x[0], gain * transit, 1e-4), "{:?}", member.x);
        assert!(close(member.xx[0], 1e-10 * (1.0 - gain), 1e-4));
        assert!(close(member.xb[0], -1e-10 * gain, 1e-4), "what is too much in one is missing in the other");
    }

    #[test]
    fn with_a_sharp_edge_it_is_the_truncated_normal() {
        // A prior N(0, 1 us) on the delay alone; a message of 0.5 us cuts it: b <= 0.5 us, weighted by exp(b / j).
        let (sigma, edge, j) = (1e-6, 5e-7, 1e-3);
        let mut member = member([0.0; 3], [0.0, 0.0, sigma]);
        member.observe(Direction::Forward, 0.0, edge, Spread { tail_mean: j, spread: 1e-12 });
        let (mut mass, mut mean) = (0.0, 0.0);
        for step in -600_000..50_000_i32 {
            let b = f64::from(step) * 1e-11;
            let density = (-0.5 * (b / sigma).powi(2) + b / j).exp();
            mass += density;
            mean += density * b;
        }
        assert!((member.b[0] - mean / mass).abs() < 1e-11, "{} {}", member.b[0], mean / mass);
    }

    #[test]
    fn what_was_heard_late_is_about_the_offset_of_then() {
        let mut late = member([1e-5, 2e-6, 0.0], [1e-6, 1e-6, 1e-6]);
        // Ten seconds ago the offset was -1e-5: just what this message says, so that only the base delay is in doubt.
        late.observe(Direction::Forward, 10.0, -1e-5, Spread { tail_mean: 1e-12, spread: 1e-6 });
        assert!((late.x[0] - 1e-5).abs() < 1e-11 && (late.f[0] - 2e-6).abs() < 1e-11, "{late:?}");
        // Which of offset and frequency it was is not known: P h' = (1, -10, 1) 1e-12, S = 103e-12.
        assert!(close(late.xf[0], 10.0 / 103.0 * 1e-12, 1e-4), "{late:?}");
    }

    #[test]
    fn the_evidence_is_a_probability_density() {
        let noise = Spread { tail_mean: 2e-6, spread: 5e-7 };
        let mut mass = 0.0;
        for step in -2_000..20_000_i32 {
            let transit = f64::from(step) * 2e-9;
            let mut member = member([0.0; 3], [3e-7, 1e-9, 3e-7]);
            mass += density(&member.observe(Direction::Backward, 0.0, transit, noise)) * 2e-9;
        }
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
    }

    #[test]
    fn lanes_know_nothing_of_each_other() {
        let mut random = crate::engine::Random::seeded(4);
        let one = member([1e-5, 1e-6, 1e-6], [1e-6, 1e-7, 1e-6]);
        let (mut alone, mut among) = ([one; 6], Members::<6>::alike(Belief { mean: [0.0; 3], deviation: [0.0; 3] }));
        let wanders = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6];
        for k in 0..6 {
            (among.x[k], among.f[k], among.b[k]) = (one.x[0], one.f[0], one.b[0]);
            (among.xx[k], among.ff[k], among.bb[k]) = (one.xx[0], one.ff[0], one.bb[0]);
        }
        for _ in 0..100 {
            let (elapsed, transit) = (random.unit(), 1e-5 * random.unit());
            let noise = Spread { tail_mean: 1e-6, spread: 1e-7 };
            among.predict(elapsed, &wanders);
            let densities = among.observe(Direction::Forward, 0.0, transit, noise);
            for (k, alone) in alone.iter_mut().enumerate() {
                alone.predict(elapsed, &[wanders[k]]);
                let density = alone.observe(Direction::Forward, 0.0, transit, noise);
                assert_eq!(alone.x[0].to_bits(), among.x[k].to_bits());
                assert_eq!(alone.xb[0].to_bits(), among.xb[k].to_bits());
                assert_eq!(density.exponent[0].to_bits(), densities.exponent[k].to_bits());
            }
        }
    }

    #[test]
    fn the_covariance_stays_positive_under_any_messages() {
        let mut random = crate::engine::Random::seeded(3);
        let mut member = member([0.0; 3], [1e-3, 5e-4, 1e-3]);
        for _ in 0..20_000 {
            member.predict(random.unit(), &[1e-9]);
            let direction = if random.below(2) == 0 { Direction::Forward } else { Direction::Backward };
            let ago = random.unit();
            let expected = member.b[0] + direction.sign() * (member.x[0] - member.f[0] * ago);
            let transit = expected + 1e-4 * (random.unit() - 0.4);
            let density = member.observe(direction, ago, transit, Spread { tail_mean: 1e-5, spread: 1e-8 });
            assert!(density.factor[0] > 0.0 && density.exponent[0].is_finite() && density.exponent[0] <= 0.0);
            assert!([member.xx[0], member.ff[0], member.bb[0]].iter().all(|variance| *variance > 0.0));
            assert!([member.x[0], member.f[0], member.b[0]].iter().all(|mean| mean.is_finite()));
        }
    }
}
