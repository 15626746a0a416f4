//! Seeded pseudo-random numbers, the same on every machine.

use crate::coding::Coded;

/// The generator xoshiro256**, seeded through SplitMix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", 2018). For jitter and for simulation, not for secrets.
#[derive(Clone, Debug, Coded)]
#[coded(sound)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Every seed gives its own sequence, also 0.
    pub fn seeded(seed: u64) -> Self {
        let mut z = seed;
        let mut split_mix = || {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        Self { state: [split_mix(), split_mix(), split_mix(), split_mix()] }
    }

    /// A generator of its own for part `index` of a whole, so that one part's draws do not shift another's.
    #[must_use]
    pub fn branch(&self, index: u64) -> Self {
        let mut parent = self.clone();
        Self::seeded(parent.next_u64() ^ index.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A generator that is all zero says nothing else for ever.
    fn is_sound(&self) -> bool {
        self.state != [0; 4]
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in (0, 1), never 0 or 1, so that its logarithm is finite.
    pub fn unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normal with mean 0 and variance 1 (Marsaglia's polar method, one value of each pair).
    ///
    /// The logarithm is `libm`'s, so that a seed means the same bytes on every machine.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Lognormal, the exponential of a normal number, scaled to variance 1.
    pub fn lognormal(&mut self) -> f64 {
        // The variance of exp(normal) is e (e - 1).
        const DEVIATION: f64 = 2.161_197_415_895_087_6;
        libm::exp(self.normal()) / DEVIATION
    }

    /// Lognormal with mean 1, the exponential of a normal number of this deviation.
    pub fn lognormal_of(&mut self, deviation: f64) -> f64 {
        libm::exp(deviation * self.normal() - deviation * deviation / 2.0)
    }

    /// Uniform in `0..below`; 0 if `below` is 0.
    pub fn below(&mut self, below: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(below)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_numbers_everywhere() {
        let mut random = Random::seeded(0);
        let drawn = [random.next_u64(), random.next_u64(), random.next_u64()];
        assert_eq!(drawn, [0x99ec_5f36_cb75_f2b4, 0xbf6e_1f78_4956_452a, 0x1a5f_849d_4933_e6e0]);
    }

    /// The logarithm and the exponential are in these. The first four are also those of another implementation.
    #[test]
    fn a_seed_means_the_same_samples_everywhere() {
        let mut random = Random::seeded(1);
        let first = [random.unit(), random.normal(), random.exponential(), random.lognormal()];
        let bits = [0x3fe6_7e55_eda1_f8e2, 0x3fe7_484a_e0a4_5021, 0x3fee_05cc_10bc_aa64, 0x3fe6_f3a6_31fd_dd5f];
        assert_eq!(first.map(f64::to_bits), bits);
        let mut all = 0_u64;
        for _ in 0..10_000 {
            for drawn in [random.normal(), random.exponential(), random.lognormal()] {
                all = all.rotate_left(5) ^ drawn.to_bits();
            }
        }
        assert_eq!(all, 0xb0ae_bc21_8b0d_bc16);
    }

    #[test]
    fn the_unit_interval_is_open_and_its_mean_is_a_half() {
        let mut random = Random::seeded(7);
        let mut sum = 0.0;
        for _ in 0..100_000 {
            let u = random.unit();
            assert!(u > 0.0 && u < 1.0);
            sum += u;
        }
        assert!((sum / 1e5 - 0.5).abs() < 0.005, "{sum}");
    }

    #[test]
    fn the_samplers_have_their_moments() {
        let mut random = Random::seeded(3);
        let (mut n, mut n2, mut e) = (0.0, 0.0, 0.0);
        for _ in 0..100_000 {
            let x = random.normal();
            n += x;
            n2 += x * x;
            e += random.exponential();
        }
        assert!((n / 1e5).abs() < 0.015 && (n2 / 1e5 - 1.0).abs() < 0.02 && (e / 1e5 - 1.0).abs() < 0.015);
    }

    #[test]
    fn branches_differ_and_do_not_disturb_the_trunk() {
        let trunk = Random::seeded(1);
        let (mut a, mut b) = (trunk.branch(0), trunk.branch(1));
        assert_ne!(a.next_u64(), b.next_u64());
        assert_eq!(trunk.branch(0).next_u64(), trunk.branch(0).next_u64());
    }
}
