//! The equations of the filter beside what they stand for, integrated numerically.
//!
//! Nothing here uses the closed forms: the noise's density is the convolution of an exponential and a normal, summed up; the
//! posterior is prior times density on a grid of all three states. Where jitter is all tail or all edge the simple limits
//! are tested elsewhere; here the two are of one size, and so is what is not known.

use super::member::{Direction, Members, Spread};
use super::mixture::Noise;
use super::special::tail;

const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Backward];

/// Mean and covariance of `(x, f, b)`, and the probability density of what came.
#[derive(Clone, Copy, Debug)]
struct Moments {
    mean: [f64; 3],
    covariance: [[f64; 3]; 3],
    density: f64,
}

fn normal(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// The sum of `f` at steps of `step` from `from` to `to`, ends halved.
fn integral(from: f64, to: f64, steps: u32, f: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / f64::from(steps);
    let inner: f64 = (1..steps).map(|k| f(from + step * f64::from(k))).sum();
    step * (inner + f64::midpoint(f(from), f(to)))
}

/// Density at `late` of an exponential number of mean `tail_mean` plus a normal one of deviation `spread`.
fn noise_density(late: f64, tail_mean: f64, spread: f64) -> f64 {
    // By what the normal part was: it is smooth there, and the exponential part is cut at zero by the limit of the sum.
    let most = late / spread;
    if most < -8.5 {
        return 0.0;
    }
    let of = |n: f64| normal(n) * (-(late - n * spread) / tail_mean).exp() / tail_mean;
    integral(-8.5, most.min(8.5), 1_000, of)
}

/// The density at any lateness, from a table: linear in between.
struct Table {
    from: f64,
    step: f64,
    values: Vec<f64>,
}

impl Table {
    fn new(from: f64, to: f64, tail_mean: f64, spread: f64) -> Self {
        const ENTRIES: u32 = 2_000;
        let step = (to - from) / f64::from(ENTRIES);
        let values = (0..=ENTRIES).map(|k| noise_density(from + step * f64::from(k), tail_mean, spread)).collect();
        Self { from, step, values }
    }

    fn at(&self, late: f64) -> f64 {
        let place = ((late - self.from) / self.step).clamp(0.0, (self.values.len() - 2) as f64);
        let (index, share) = (place as usize, place.fract());
        self.values[index] * (1.0 - share) + self.values[index + 1] * share
    }
}

/// The prior of the tests, in units of a microsecond: everything is related to everything.
const MEAN: [f64; 3] = [0.3, -0.2, 2.0];
/// Its covariance is `LOWER LOWER'`.
const LOWER: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.5, 0.3, 0.6]];

fn prior_covariance() -> [[f64; 3]; 3] {
    let mut covariance = [[0.0; 3]; 3];
    for (i, row) in covariance.iter_mut().enumerate() {
        for (k, cell) in row.iter_mut().enumerate() {
            *cell = (0..3).map(|n| LOWER[i][n] * LOWER[k][n]).sum();
        }
    }
    covariance
}

fn expected(direction: Direction, ago: f64, [x, f, b]: [f64; 3]) -> f64 {
    match direction {
        Direction::Forward => b + (x - f * ago),
        Direction::Backward => b - (x - f * ago),
    }
}

/// The posterior on a grid of prior's deviations, -6 to 6 in each of three independent directions.
fn integrated(direction: Direction, ago: f64, transit: f64, tail_mean: f64, spread: f64) -> Moments {
    const STEPS: i32 = 24;
    let table = Table::new(-30.0, 30.0, tail_mean, spread);
    let unit = 6.0 / f64::from(STEPS);
    let (mut mass, mut first, mut second) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
    let axis: Vec<(f64, f64)> = (-STEPS..=STEPS).map(|k| f64::from(k) * unit).map(|u| (u, unit * normal(u))).collect();
    for (u, of_u) in &axis {
        for (v, of_v) in &axis {
            for (w, of_w) in &axis {
                let mut state = MEAN;
                for (value, row) in state.iter_mut().zip(LOWER) {
                    *value += row[0] * u + row[1] * v + row[2] * w;
                }
                let part = of_u * of_v * of_w * table.at(transit - expected(direction, ago, state));
                mass += part;
                for i in 0..3 {
                    first[i] += part * state[i];
                    for k in 0..3 {
                        second[i][k] += part * state[i] * state[k];
                    }
                }
            }
        }
    }
    let mean = first.map(|sum| sum / mass);
    let mut covariance = second;
    for (i, row) in covariance.iter_mut().enumerate() {
        for (k, cell) in row.iter_mut().enumerate() {
            *cell = *cell / mass - mean[i] * mean[k];
        }
    }
    Moments { mean, covariance, density: mass }
}

fn updated(direction: Direction, ago: f64, transit: f64, tail_mean: f64, spread: f64) -> Moments {
    let [xs, fs, bs] = prior_covariance();
    let [x, f, b] = MEAN.map(|value| [value]);
    let (xx, xf, xb, ff, fb, bb) = ([xs[0]], [xs[1]], [xs[2]], [fs[1]], [fs[2]], [bs[2]]);
    let mut member = Members { x, f, b, xx, xf, xb, ff, fb, bb };
    let density = member.observe(direction, ago, transit, Spread { tail_mean, spread });
    let Members { x: [x], f: [f], b: [b], xx: [xx], xf: [xf], xb: [xb], ff: [ff], fb: [fb], bb: [bb] } = member;
    Moments {
        mean: [x, f, b],
        covariance: [[xx, xf, xb], [xf, ff, fb], [xb, fb, bb]],
        density: density.factor[0] * density.exponent[0].exp(),
    }
}

#[test]
fn the_update_has_the_moments_and_the_density_of_the_exact_posterior() {
    // Early, in the middle, late; tail and edge of one size, and one or the other three times as large.
    for (transit, tail_mean, spread, ago) in
        [(0.5, 1.0, 1.0, 0.0), (3.0, 1.0, 1.0, 0.5), (6.0, 1.0, 0.5, 0.0), (4.0, 3.0, 1.0, 1.0), (1.0, 0.6, 1.8, 0.0)]
    {
        for direction in DIRECTIONS {
            let exact = integrated(direction, ago, transit, tail_mean, spread);
            let ours = updated(direction, ago, transit, tail_mean, spread);
            let what = format!("{direction:?}, {transit} of {tail_mean} and {spread}: {ours:?} {exact:?}");
            assert!((ours.density / exact.density - 1.0).abs() < 2e-4, "{what}");
            for i in 0..3 {
                assert!((ours.mean[i] - exact.mean[i]).abs() < 5e-4, "{what}");
                for k in 0..3 {
                    assert!((ours.covariance[i][k] - exact.covariance[i][k]).abs() < 1e-3, "{what}");
                }
            }
        }
    }
}

#[test]
fn the_cut_normal_has_the_mean_and_variance_that_the_tail_says() {
    for a in [-6.0, -3.0, -1.0, -0.2, 0.0, 0.7, 2.0, 4.0] {
        // A standard normal that is cut off at `a`, from above.
        let mass = integral(a - 14.0, a, 40_000, normal);
        let mean = integral(a - 14.0, a, 40_000, |x| x * normal(x)) / mass;
        let variance = integral(a - 14.0, a, 40_000, |x| (x - mean) * (x - mean) * normal(x)) / mass;
        let tail = tail(a);
        assert!((tail.mills + mean).abs() < 1e-6 * (1.0 + mean.abs()), "{a}: {tail:?}, mean {mean}");
        assert!((1.0 - tail.shrink - variance).abs() < 1e-5, "{a}: {tail:?}, variance {variance}");
    }
}

/// Where a distribution function reaches `share`.
fn quantile(share: f64, below: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-20.0, 40.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(middle) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[test]
fn the_tail_is_read_from_the_interquartile_range_of_two_delays() {
    let range = |below: &dyn Fn(f64) -> f64| quantile(0.75, below) - quantile(0.25, below);
    // Two exponentials of mean 1 add up to a gamma distribution of shape 2.
    let two_tails = range(&|x| if x > 0.0 { 1.0 - (1.0 + x) * (-x).exp() } else { 0.0 });
    assert!((Noise { range: two_tails, resolution: 1e-9 }.tail_mean(0.0) - 1.0).abs() < 1e-3, "{two_tails}");
    // Two standard normals to one of deviation sqrt 2; where the edge is all of the noise it is its share of the tail.
    let below = |x: f64| integral(-12.0, x.max(-12.0), 4_000, |n| normal(n / 2.0_f64.sqrt()) / 2.0_f64.sqrt());
    let two_edges = range(&below);
    let shape = 1_000.0;
    let spread = shape * Noise { range: two_edges, resolution: 1e-9 }.tail_mean(shape);
    assert!((spread - 1.0).abs() < 1e-3, "{two_edges}");
}
