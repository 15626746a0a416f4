//! The figures of one clock in one window.

use crate::sim::stability::{allan_deviation, mtie, time_deviation};
use crate::time::Duration;

/// The intervals of ADEV, TDEV and MTIE, in seconds.
pub const INTERVALS_S: [f64; 4] = [1.0, 10.0, 100.0, 1_000.0];

/// Samples of a clock, at equal distances.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// When the interval before the first sample begins.
    pub begins: Duration,
    /// How far the samples are apart.
    pub sample: Duration,
    /// The true errors in seconds.
    pub errors: &'a [f64],
    /// The published bounds in seconds; infinite: none.
    pub bounds: &'a [f64],
    /// The true errors of the card's clock in seconds, if there is one.
    pub phc_errors: Option<&'a [f64]>,
}

/// The greatest of a series, and when it was.
#[derive(Clone, Copy, Default, Debug)]
pub struct Greatest {
    /// Its magnitude.
    pub value: f64,
    /// Since the beginning of the run.
    pub at: Duration,
}

/// Of the card's clock.
#[derive(Clone, Copy, Default, Debug)]
pub struct PhcFigures {
    /// Root mean square of its true error, mean not removed.
    pub rms: f64,
    /// The greatest magnitude of its true error.
    pub max: Greatest,
}

/// See the module's text. All in seconds; a share is of one.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Samples.
    pub samples: usize,
    /// Root mean square of the true error, mean not removed.
    pub rms: f64,
    /// Its mean.
    pub mean: f64,
    /// What 99 % of its magnitudes do not exceed.
    pub p99: f64,
    /// What 99.9 % of its magnitudes do not exceed.
    pub p999: f64,
    /// Its greatest magnitude.
    pub max: Greatest,
    /// The greatest less the least, signs counted.
    pub moved: f64,
    /// Interval, ADEV, TDEV, MTIE; as far as the window is long enough.
    pub stability: Vec<(f64, f64, f64, f64)>,
    /// The share of samples at which a bound was published.
    pub bounded: f64,
    /// The median of those bounds; 0 of none.
    pub bound_median: f64,
    /// The greatest of them.
    pub bound_max: Greatest,
    /// Of the card's clock, if there is one.
    pub phc: Option<PhcFigures>,
}

fn rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn rms(errors: &[f64]) -> f64 {
    let squares: f64 = errors.iter().map(|x| x * x).sum();
    if errors.is_empty() { 0.0 } else { (squares / errors.len() as f64).sqrt() }
}

/// The greatest less the least.
fn spread(values: &[f64]) -> f64 {
    let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    if values.is_empty() { 0.0 } else { most - least }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<_> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

impl Series<'_> {
    /// The first of the greatest of these that are numbers.
    fn greatest(&self, values: &[f64]) -> Greatest {
        let mut greatest = Greatest { value: 0.0, at: self.begins };
        for (index, value) in (1..).zip(values) {
            if value.is_finite() && value.abs() > greatest.value {
                greatest = Greatest { value: value.abs(), at: self.begins + self.sample.times(index) };
            }
        }
        greatest
    }
}

impl Figures {
    /// Of the samples of a window.
    pub fn of(series: &Series<'_>) -> Self {
        let Series { errors, bounds, phc_errors, .. } = *series;
        let magnitudes = sorted(errors.iter().map(|x| x.abs()));
        let published = sorted(bounds.iter().copied().filter(|bound| bound.is_finite()));
        let tau0 = series.sample.as_secs_f64();
        let stability = INTERVALS_S.iter().filter_map(|tau| {
            let n = (tau / tau0).round() as usize;
            Some((*tau, allan_deviation(errors, tau0, n)?, time_deviation(errors, n)?, mtie(errors, n)?))
        });
        let count = errors.len().max(1) as f64;
        Self {
            samples: errors.len(),
            rms: rms(errors),
            mean: errors.iter().sum::<f64>() / count,
            p99: rank(&magnitudes, 0.99),
            p999: rank(&magnitudes, 0.999),
            max: series.greatest(errors),
            moved: spread(errors),
            stability: stability.collect(),
            bounded: published.len() as f64 / count,
            bound_median: rank(&published, 0.5),
            bound_max: series.greatest(bounds),
            phc: phc_errors.map(|errors| PhcFigures { rms: rms(errors), max: series.greatest(errors) }),
        }
    }

    /// How wide the bound is against what it has to cover: its median over the 99.9th percentile of the true error.
    pub fn tightness(&self) -> Option<f64> {
        (self.bound_median > 0.0 && self.p999 > 0.0).then(|| self.bound_median / self.p999)
    }

    /// By the name of a limit, and when that was where it was at one instant; `None` if there was nothing to make it of.
    pub fn by_name(&self, name: &str) -> Option<(f64, Option<Duration>)> {
        let at = |greatest: Greatest| (greatest.value, Some(greatest.at));
        let (is_sampled, is_bounded) = (self.samples > 0, self.bounded > 0.0);
        match name {
            "rms" => is_sampled.then_some((self.rms, None)),
            "p99" => is_sampled.then_some((self.p99, None)),
            "max" => is_sampled.then(|| at(self.max)),
            "moved" => is_sampled.then_some((self.moved, None)),
            "phc_rms" => self.phc.filter(|_| is_sampled).map(|phc| (phc.rms, None)),
            "phc_max" => self.phc.filter(|_| is_sampled).map(|phc| at(phc.max)),
            "bound_median" => is_bounded.then_some((self.bound_median, None)),
            "bound_max" => is_bounded.then(|| at(self.bound_max)),
            other => unreachable!("{other} is no figure"),
        }
    }
}

/// Seconds as people write them: `12.3 ns`.
pub fn written(seconds: f64) -> String {
    let magnitude = seconds.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")];
    let (unit, name) = units.into_iter().find(|(unit, _)| magnitude >= *unit).unwrap_or((1e-12, "ps"));
    format!("{:.3} {name}", seconds / unit).replacen(".000 ", " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_their_definitions() {
        let errors: Vec<f64> = (0..1_000).map(|i| if i % 2 == 0 { 3e-9 } else { -1e-9 }).collect();
        let bounds: Vec<f64> =
            (0..1_000).map(|i| if i < 100 { f64::INFINITY } else { 1e-6 + f64::from(i) * 1e-9 }).collect();
        let begins = Duration::from_secs(60);
        let (sample, phc_errors) = (Duration::SECOND, Some(&errors[..2]));
        let figures = Figures::of(&Series { begins, sample, errors: &errors, bounds: &bounds, phc_errors });
        assert!((figures.rms - 5.0_f64.sqrt() * 1e-9).abs() < 1e-15 && (figures.mean - 1e-9).abs() < 1e-15);
        assert!((figures.max.value - 3e-9).abs() < 1e-15 && (figures.bounded - 0.9).abs() < 1e-9);
        assert!((figures.bound_median - 1.55e-6).abs() < 2e-9 && (figures.bound_max.value - 1.999e-6).abs() < 1e-12);
        assert_eq!(figures.stability.len(), 3, "1000 s is longer than a third of the window");
        assert!((figures.stability[0].3 - 4e-9).abs() < 1e-15);
        let (phc_max, at) = figures.by_name("phc_max").unwrap();
        assert_eq!((phc_max.to_bits(), at), (3e-9_f64.to_bits(), Some(Duration::from_secs(61))), "the first of equals");
        assert_eq!(figures.by_name("bound_max").unwrap().1, Some(Duration::from_secs(1_060)));
    }

    #[test]
    fn of_nothing_there_are_no_figures() {
        let nothing = Series {
            begins: Duration::ZERO,
            sample: Duration::SECOND,
            errors: &[],
            bounds: &[],
            phc_errors: Some(&[]),
        };
        let figures = Figures::of(&nothing);
        for name in ["rms", "p99", "max", "phc_rms", "phc_max", "bound_median", "bound_max"] {
            assert!(figures.by_name(name).is_none(), "{name}");
        }
        let unbounded = Figures::of(&Series { errors: &[1e-6], bounds: &[f64::INFINITY], phc_errors: None, ..nothing });
        for (name, is_there) in [("rms", true), ("bound_median", false), ("bound_max", false), ("phc_max", false)] {
            assert_eq!(unbounded.by_name(name).is_some(), is_there, "{name}");
        }
    }

    #[test]
    fn seconds_are_written_with_the_unit_that_fits() {
        for (seconds, text) in
            [(1.5e-8, "15 ns"), (-2.25e-6, "-2.250 us"), (0.1, "100 ms"), (0.0, "0"), (2e-12, "2 ps")]
        {
            assert_eq!(written(seconds), text);
        }
    }
}
