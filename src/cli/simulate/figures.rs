//! The figures of one clock in one window.

use crate::sim::stability::{allan_deviation, mtie, time_deviation};
use crate::time::Duration;

/// The intervals of ADEV, TDEV and MTIE, in seconds.
pub const INTERVALS_S: [f64; 4] = [1.0, 10.0, 100.0, 1_000.0];

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
    pub max: f64,
    /// Interval, ADEV, TDEV, MTIE; as far as the window is long enough.
    pub stability: Vec<(f64, f64, f64, f64)>,
    /// The share of samples at which a bound was published.
    pub bounded: f64,
    /// The median of those bounds.
    pub bound_median: f64,
    /// The greatest of them.
    pub bound_max: f64,
    /// RMS and greatest magnitude of the true error of the card's clock.
    pub phc: Option<(f64, f64)>,
}

fn rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn rms(errors: &[f64]) -> f64 {
    let squares: f64 = errors.iter().map(|x| x * x).sum();
    if errors.is_empty() { 0.0 } else { (squares / errors.len() as f64).sqrt() }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<_> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

impl Figures {
    /// Of true errors and bounds (infinite: none) `sample` apart.
    pub fn of(errors: &[f64], bounds: &[f64], phc: Option<&[f64]>, sample: Duration) -> Self {
        let magnitudes = sorted(errors.iter().map(|x| x.abs()));
        let published = sorted(bounds.iter().copied().filter(|bound| bound.is_finite()));
        let tau0 = sample.as_secs_f64();
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
            max: magnitudes.last().copied().unwrap_or_default(),
            stability: stability.collect(),
            bounded: published.len() as f64 / count,
            bound_median: rank(&published, 0.5),
            bound_max: published.last().copied().unwrap_or_default(),
            phc: phc.map(|errors| (rms(errors), errors.iter().fold(0.0, |most, x| x.abs().max(most)))),
        }
    }

    /// How wide the bound is against what it has to cover: its median over the 99.9th percentile of the true error.
    pub fn tightness(&self) -> Option<f64> {
        (self.bound_median > 0.0 && self.p999 > 0.0).then(|| self.bound_median / self.p999)
    }

    /// By the name of a limit.
    pub fn by_name(&self, name: &str) -> f64 {
        match name {
            "rms" => self.rms,
            "p99" => self.p99,
            "max" => self.max,
            "phc_rms" => self.phc.map_or(0.0, |(rms, _)| rms),
            "phc_max" => self.phc.map_or(0.0, |(_, max)| max),
            "bound_median" => self.bound_median,
            "bound_max" => self.bound_max,
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
        let figures = Figures::of(&errors, &bounds, Some(&errors[..2]), Duration::SECOND);
        assert!((figures.rms - 5.0_f64.sqrt() * 1e-9).abs() < 1e-15 && (figures.mean - 1e-9).abs() < 1e-15);
        assert!((figures.max - 3e-9).abs() < 1e-15 && (figures.bounded - 0.9).abs() < 1e-9);
        assert!((figures.bound_median - 1.55e-6).abs() < 2e-9 && (figures.bound_max - 1.999e-6).abs() < 1e-12);
        assert_eq!(figures.stability.len(), 3, "1000 s is longer than a third of the window");
        assert!((figures.stability[0].3 - 4e-9).abs() < 1e-15);
        assert_eq!(figures.by_name("phc_max").to_bits(), 3e-9_f64.to_bits());
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
