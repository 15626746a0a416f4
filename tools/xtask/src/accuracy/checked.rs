//! What the simulator's checker found in the runs of a row: any broken rule fails it, and so does a bound that was not there.

use synchronome::sim::Checker;

/// Of all looks at a run's clock its time must have been bounded in so many: a bound that is never published is never wrong.
const BOUNDED_SHARE_MIN: f64 = 0.5;

/// Of one run, or of all runs of a row.
#[derive(Clone, Default, Debug)]
pub struct Checked {
    pub violations: u64,
    /// The first rule that was broken: seed, when, which.
    first: Option<String>,
    /// The share of looks at which the time was bounded; the least of all runs.
    bounded_share: f64,
    /// The greatest share of its bound that a true error took up.
    pub tightest: f64,
}

impl Checked {
    /// What the checker of the run with this seed found.
    pub fn new(seed: u64, checker: &Checker) -> Self {
        Self {
            violations: checker.violations(),
            first: checker.first().map(|first| format!("seed {seed}: {first:?}")),
            bounded_share: checker.bounded() as f64 / checker.checks().max(1) as f64,
            tightest: checker.tightest(),
        }
    }

    /// Of all runs together.
    pub fn all<'a>(runs: impl IntoIterator<Item = &'a Self>) -> Self {
        let none = Self { violations: 0, first: None, bounded_share: 1.0, tightest: 0.0 };
        runs.into_iter().fold(none, |all, run| Self {
            violations: all.violations + run.violations,
            first: all.first.or_else(|| run.first.clone()),
            bounded_share: all.bounded_share.min(run.bounded_share),
            tightest: all.tightest.max(run.tightest),
        })
    }

    /// Why a row called `name` is not good enough.
    pub fn faults(&self, name: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(first) = &self.first {
            faults.push(format!("{name}: {} rules broken, first {first}", self.violations));
        }
        if self.bounded_share < BOUNDED_SHARE_MIN {
            faults.push(format!("{name}: bounded at {:.3} of all looks, not {BOUNDED_SHARE_MIN}", self.bounded_share));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(violations: u64, bounded_share: f64) -> Checked {
        let first = (violations > 0).then(|| format!("of {violations}"));
        Checked { violations, first, bounded_share, tightest: 0.5 }
    }

    #[test]
    fn one_run_with_a_broken_rule_or_without_a_bound_fails_its_row() {
        assert!(Checked::all([&checked(0, 1.0), &checked(0, 0.9)]).faults("row").is_empty());
        assert_eq!(Checked::all([&checked(0, 1.0), &checked(3, 0.9), &checked(1, 0.9)]).violations, 4);
        assert_eq!(
            Checked::all([&checked(0, 1.0), &checked(3, 0.9)]).faults("row"),
            ["row: 3 rules broken, first of 3"]
        );
        assert_eq!(Checked::all([&checked(0, 1.0), &checked(0, 0.0)]).faults("row").len(), 1);
    }
}
