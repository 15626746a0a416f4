//! The normal distribution's tail, where it matters.

/// `1 / sqrt(2 pi)`.
const PHI_0: f64 = 0.398_942_280_401_432_7;
/// `ln sqrt(2 pi)`.
const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_8;
/// Below this the asymptotic series is exact to 1e-9, and the direct way would underflow soon.
const FAR: f64 = -12.0;

/// What a filter with one-sided noise needs to know of the normal distribution at `a`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tail {
    /// `ln Phi(a)`.
    pub ln_phi: f64,
    /// The inverse Mills ratio `lambda = phi(a) / Phi(a)`: the mean of a normal that is cut off at `a`, from above.
    pub mills: f64,
    /// `lambda (a + lambda)`, in 0..=1: how much of its variance the cut takes away.
    pub shrink: f64,
}

/// The tail at `a`; exact to about 1e-9, total for all finite `a`.
pub fn tail(a: f64) -> Tail {
    if a < FAR {
        // Phi(a) = phi(a) / -a * (1 - 1/a^2 + 3/a^4 - 15/a^6 ...), nested.
        let i = 1.0 / (a * a);
        let mills = -a / (1.0 - i * (1.0 - 3.0 * i * (1.0 - 5.0 * i)));
        let shrink = 1.0 - i * (1.0 - 6.0 * i);
        return Tail { ln_phi: -0.5 * a * a - LN_SQRT_2_PI - libm::log(mills), mills, shrink };
    }
    let phi = PHI_0 * libm::exp(-0.5 * a * a);
    let cumulative = 0.5 * libm::erfc(-a * std::f64::consts::FRAC_1_SQRT_2);
    let mills = phi / cumulative;
    Tail { ln_phi: libm::log(cumulative), mills, shrink: (mills * (a + mills)).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_the_values_of_the_tables() {
        let at_zero = tail(0.0);
        assert!((at_zero.ln_phi - 0.5_f64.ln()).abs() < 1e-15);
        assert!((at_zero.mills - 0.797_884_560_802_865).abs() < 1e-14);
        // Abramowitz and Stegun, table 26.1: Phi(-3) = 0.0013498980316301, phi(3) = 0.0044318484119380.
        let at_three = tail(-3.0);
        assert!((at_three.ln_phi - 0.001_349_898_031_630_1_f64.ln()).abs() < 1e-12);
        assert!((at_three.mills - 0.004_431_848_411_938_0 / 0.001_349_898_031_630_1).abs() < 1e-11);
        assert!(tail(40.0).mills < 1e-300 && tail(40.0).ln_phi.abs() < 1e-300);
    }

    #[test]
    fn the_two_ways_meet_without_a_step() {
        let (near, far) = (tail(FAR + 1e-9), tail(FAR - 1e-9));
        assert!((near.ln_phi - far.ln_phi).abs() < 1e-6, "{near:?} {far:?}");
        assert!((near.mills / far.mills - 1.0).abs() < 1e-6);
        assert!((near.shrink - far.shrink).abs() < 1e-4);
    }

    #[test]
    fn it_is_finite_and_in_range_everywhere() {
        let mut a = -1e6;
        while a < 1e6 {
            let Tail { ln_phi, mills, shrink } = tail(a);
            assert!(ln_phi <= 0.0 && ln_phi.is_finite() && mills >= 0.0 && mills.is_finite(), "{a}");
            assert!((0.0..=1.0).contains(&shrink), "{a}: {shrink}");
            a += 0.37 + a.abs() * 0.01;
        }
    }
}
