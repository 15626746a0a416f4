//! The normal distribution's tail, where it matters.
//!
//! With `phi` the density and `Phi` the distribution, the filter wants the inverse Mills ratio `lambda(a) = phi(a) / Phi(a)`, the
//! product `lambda (a + lambda)`, and `Phi(a)` itself as a factor of a density. `exp` and `erfc` would give all three, at the cost
//! of some hundred instructions and four branches for each; the bank asks for eighteen at each message.
//!
//! Below zero, where most of it happens, none of them is needed. Let `x = -a >= 0`. The function
//!
//! ```text
//! delta(x) = lambda(-x) - x = 1 / (x + 2 / (x + 3 / (x + ...)))       (Laplace 1805)
//! ```
//!
//! falls smoothly from `sqrt(2 / pi)` at 0 to `1 / x` far out, so `delta(x) (x + 3.5)` is a polynomial in `(x - 3.5) / (x + 3.5)`, on
//! the whole half line. From it follow `lambda = x + delta` and `lambda (a + lambda) = lambda delta`, without the
//! cancellation that this has otherwise. Above zero `Phi(a) = 1 - phi(a) / (a + delta(a))`, with one `exp`.
//!
//! All of it is straight lines without a branch, so that the compiler takes several members at once. Only + - * / are used, and bits:
//! the same everywhere.

/// `1 / sqrt(2 pi)`.
pub const PHI_0: f64 = 0.398_942_280_401_432_7;
/// Where the polynomial's middle is.
const MIDDLE: f64 = 3.5;
/// `delta(x) (x + MIDDLE)` by powers of `(x - MIDDLE) / (x + MIDDLE)`: its Chebyshev series as far as the 14th.
const DELTA: [f64; 15] = [
    1.759_738_855_134_112_7,
    -1.029_978_395_142_603_6,
    0.210_696_099_040_282_2,
    0.153_713_928_941_995_37,
    -0.100_786_417_434_473_34,
    -0.022_182_770_761_502_51,
    0.035_561_368_516_220_826,
    0.002_042_718_301_112_245,
    -0.011_755_221_675_461_058,
    0.000_240_511_414_679_289_71,
    0.003_622_584_525_695_416,
    -0.000_162_812_618_381_025_23,
    -0.000_907_197_622_151_19,
    0.000_028_838_870_790_082_183,
    0.000_127_911_913_153_866_4,
];

/// `10^decades`.
pub fn decimal_power(decades: f64) -> f64 {
    libm::exp10(decades)
}

/// What a filter with one-sided noise needs to know of the normal distribution at `a`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tail {
    /// The inverse Mills ratio `lambda = phi(a) / Phi(a)`: the mean of a normal that is cut off at `a`, from above.
    pub mills: f64,
    /// `lambda (a + lambda)`, in 0..=1: how much of its variance the cut takes away.
    pub shrink: f64,
    /// `Phi(a)`; below zero without its `exp(-a^2 / 2)`, which would underflow far out.
    pub factor: f64,
}

/// Several, number by number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tails<const N: usize> {
    /// As of [`Tail`], and so are the others.
    pub mills: [f64; N],
    /// As above.
    pub shrink: [f64; N],
    /// As above.
    pub factor: [f64; N],
}

/// The tails at several `a`. Where all are below zero, as they mostly are, the `exp` is left out.
#[inline]
pub fn tails<const N: usize>(a: &[f64; N]) -> Tails<N> {
    if a.iter().all(|a| *a < 0.0) { each(a, tail_below) } else { each(a, tail) }
}

#[inline]
fn each<const N: usize>(a: &[f64; N], tail: impl Fn(f64) -> Tail) -> Tails<N> {
    let mut tails = Tails { mills: [0.0; N], shrink: [0.0; N], factor: [0.0; N] };
    for (k, a) in a.iter().enumerate() {
        Tail { mills: tails.mills[k], shrink: tails.shrink[k], factor: tails.factor[k] } = tail(*a);
    }
    tails
}

/// The tail at `a`, which is below zero.
#[inline]
fn tail_below(a: f64) -> Tail {
    let x = a.abs();
    let delta = delta(x);
    let far = x + delta;
    let shrink = far * delta;
    Tail { mills: far, shrink: if shrink < 1.0 { shrink } else { 1.0 }, factor: PHI_0 / far }
}

/// `lambda(-x) - x` for `x >= 0`.
#[inline]
fn delta(x: f64) -> f64 {
    let scale = 1.0 / (x + MIDDLE);
    let t = (x - MIDDLE) * scale;
    let mut delta = DELTA[DELTA.len() - 1];
    for coefficient in DELTA.iter().rev().skip(1) {
        delta = delta * t + coefficient;
    }
    delta * scale
}

/// The tail at `a`; relative error at most 2e-9 below zero, total for all finite `a`.
#[inline]
pub fn tail(a: f64) -> Tail {
    let x = a.abs();
    let delta = delta(x);
    let far = x + delta;
    let per_far = PHI_0 / far;
    let phi = exp_below_zero(-0.5 * a * a);
    let cumulative = 1.0 - per_far * phi;
    let near = PHI_0 * phi / cumulative;
    // Both are computed, and one is taken.
    let is_below = a < 0.0;
    let mills = if is_below { far } else { near };
    let shrink = if is_below { far * delta } else { near * (a + near) };
    let shrink = if shrink < 1.0 { shrink } else { 1.0 };
    Tail { mills, shrink, factor: if is_below { per_far } else { cumulative } }
}

/// 1.5 * 2^52: a small number that is added to it is rounded to an integer, which its last bits hold.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// `ln 2` in two parts: the first has zeros enough at its end that its product with an exponent is exact.
const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
/// The least argument: `exp` of less is as good as zero.
const EXP_MIN: f64 = -700.0;
/// `1 / n!`, from 11 down to 0.
const EXP: [f64; 12] = [
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// `exp(y)` for `y <= 0`, relative error below 1e-13; `exp(-700)` below -700.
///
/// `y = k ln 2 + r` with `|r| <= ln 2 / 2`: `2^k` is put together from bits, `exp(r)` is a series.
#[inline]
pub fn exp_below_zero(y: f64) -> f64 {
    let y = if y > EXP_MIN { y } else { EXP_MIN };
    let shifted = y * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (y - k * LN_2[0]) - k * LN_2[1];
    let mut series = 0.0;
    for coefficient in EXP {
        series = series * r + coefficient;
    }
    // The last bits are `k`, shifted to the exponent's place; what stands before them is shifted out.
    let power = (shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits());
    series * f64::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the continued fraction, which needs very many terms only near zero, and by erfc there.
    fn delta_by_fraction(x: f64) -> f64 {
        if x < 1.5 {
            let cumulative = 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
            return PHI_0 * libm::exp(-0.5 * x * x) / cumulative - x;
        }
        1.0 / (2..400).rev().fold(x, |below, n| x + f64::from(n) / below)
    }

    #[test]
    fn the_tail_has_the_values_of_the_tables() {
        let at_zero = tail(0.0);
        assert!((at_zero.factor - 0.5).abs() < 1e-9);
        assert!((at_zero.mills - 0.797_884_560_802_865).abs() < 1e-9);
        // Abramowitz and Stegun, table 26.1: Phi(-3) = 0.0013498980316301, phi(3) = 0.0044318484119380.
        let at_three = tail(-3.0);
        assert!((at_three.factor * libm::exp(-4.5) / 0.001_349_898_031_630_1 - 1.0).abs() < 2e-9);
        assert!((at_three.mills / (0.004_431_848_411_938_0 / 0.001_349_898_031_630_1) - 1.0).abs() < 2e-9);
        // Phi(1) = 0.841344746068543, phi(1) = 0.241970724519143.
        assert!((tail(1.0).factor - 0.841_344_746_068_543).abs() < 1e-9);
        assert!((tail(1.0).mills - 0.241_970_724_519_143 / 0.841_344_746_068_543).abs() < 1e-9);
        assert!(tail(40.0).mills < 1e-300 && (tail(40.0).factor - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_polynomial_is_the_continued_fraction_on_the_whole_half_line() {
        let mut x = 1e-3;
        while x < 1e7 {
            let Tail { mills, shrink, factor } = tail(-x);
            let delta = delta_by_fraction(x);
            // The sum hides an error of the smaller part; the product does not.
            assert!((shrink / ((x + delta) * delta) - 1.0).abs() < 2e-9, "{x}: {shrink}");
            assert!((mills / (x + delta) - 1.0).abs() < 2e-9 && (factor * mills / PHI_0 - 1.0).abs() < 1e-14, "{x}");
            x *= 1.01;
        }
    }

    #[test]
    fn the_two_sides_meet_without_a_step() {
        let (below, above) = (tail(-1e-12), tail(0.0));
        assert!((below.factor - above.factor).abs() < 1e-9, "{below:?} {above:?}");
        assert!((below.mills / above.mills - 1.0).abs() < 1e-9);
        assert!((below.shrink - above.shrink).abs() < 1e-9);
    }

    #[test]
    fn several_tails_at_once_are_the_same_to_the_last_bit() {
        for all in [[-0.1, -3.0, -1e-9], [-2.0, 0.0, 1.0], [-7.0, -1e5, -0.5]] {
            assert_eq!(tails(&all), each(&all, tail));
        }
    }

    #[test]
    fn it_is_finite_and_in_range_everywhere() {
        let mut a = -1e6;
        while a < 1e6 {
            let Tail { mills, shrink, factor } = tail(a);
            assert!(factor > 0.0 && factor <= 1.0 && mills >= 0.0 && mills.is_finite(), "{a}");
            assert!((0.0..=1.0).contains(&shrink), "{a}: {shrink}");
            a += 0.37 + a.abs() * 0.01;
        }
    }

    #[test]
    fn the_exponential_is_the_library_s() {
        let mut y = 0.0;
        while y > EXP_MIN {
            assert!((exp_below_zero(y) / libm::exp(y) - 1.0).abs() < 1e-13, "{y}");
            y -= 0.001 + y.abs() * 1e-4;
        }
        assert_eq!(exp_below_zero(0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(exp_below_zero(f64::NEG_INFINITY).to_bits(), exp_below_zero(EXP_MIN).to_bits());
        assert!(exp_below_zero(EXP_MIN) < 1e-300);
    }
}
