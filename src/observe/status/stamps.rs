//! How late transmit stamps come.

use serde::{Deserialize, Serialize};

/// How long after their messages the transmit stamps of a port came, since it was first opened.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct StampWaitsStatus {
    /// Stamps that came of those whose arrival was watched.
    pub count: u64,
    /// All their times together.
    pub sum_s: f64,
    /// The longest.
    pub max_s: f64,
    /// Pairs of a limit in seconds and how many took no longer, in rising order; of the first, 0, those that were there as soon as they were looked
    /// for.
    pub within: Vec<(f64, u64)>,
}

impl StampWaitsStatus {
    /// The least of the limits that so much of them keep, 0 to 1; the longest where that is less. `None` where none came.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let needed = (self.count as f64 * share).ceil();
        let (limit, _) = self.within.iter().find(|(_, n)| *n > 0 && *n as f64 >= needed)?;
        Some(limit.min(self.max_s))
    }

    /// How many took longer than this, which should be one of the limits.
    pub fn later_than(&self, limit_s: f64) -> u64 {
        let within = self.within.iter().rev().find(|(limit, _)| *limit <= limit_s).map_or(0, |(_, n)| *n);
        self.count.saturating_sub(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_limits_that_were_kept_and_never_more_than_the_longest() {
        let within = vec![(0.0, 60), (0.01, 90), (0.05, 100)];
        let waits = StampWaitsStatus { count: 100, sum_s: 0.5, max_s: 0.031, within };
        assert_eq!([0.5, 0.9, 0.99].map(|share| waits.quantile(share)), [Some(0.0), Some(0.01), Some(0.031)]);
        assert_eq!((waits.later_than(0.01), waits.later_than(0.02), waits.later_than(0.05)), (10, 10, 0));
        assert_eq!(StampWaitsStatus::default().quantile(0.5), None);
    }
}
