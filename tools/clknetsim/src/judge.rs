//! The truth, held against what a node publishes, after every event of the node.

use serde_json::{Value, json};
use synchronome::sharing::TimeSnapshot;
use synchronome::time::{Duration, SyncState};

use crate::host::Instant;

/// The line that is published and the clock that it describes may differ by this: a clock is read in whole nanoseconds.
const LINE_TOLERANCE: Duration = Duration::from_nanos(2);

/// What was found.
#[derive(Clone, Default, Debug)]
pub struct Judge {
    looks: u64,
    bounded: u64,
    violations: u64,
    first: Option<String>,
    tightest: f64,
    greatest_locked: Duration,
}

impl Judge {
    /// One look.
    pub fn look(&mut self, instant: &Instant, published: &TimeSnapshot) {
        self.looks += 1;
        let error = instant.true_error();
        if published.state == SyncState::Locked {
            self.greatest_locked = self.greatest_locked.max(error.abs());
        }
        let line = published.utc_at(instant.local) - instant.local.read_as();
        if published.anchor_mono == instant.mono && line.abs() > LINE_TOLERANCE {
            self.broken(instant, &format!("published {line} away from the clock"));
        }
        if !published.is_bounded {
            return;
        }
        self.bounded += 1;
        let bound = published.bound_at(instant.local).greatest_error();
        if published.is_served_at(instant.local) {
            self.tightest = self.tightest.max(error.abs().as_secs_f64() / bound.as_secs_f64());
        }
        if error.abs() > bound {
            self.broken(instant, &format!("{error} off with a bound of {bound}"));
        }
    }

    fn broken(&mut self, instant: &Instant, what: &str) {
        self.violations += 1;
        self.first.get_or_insert_with(|| format!("{} s: {what}", instant.mono));
    }

    /// As figures.
    pub fn report(&self) -> Value {
        json!({
            "looks": self.looks,
            "bounded": self.bounded,
            "violations": self.violations,
            "first_violation": self.first,
            "greatest_share_of_bound": self.tightest,
            "greatest_error_locked_s": self.greatest_locked.as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synchronome::sharing::BoundParts;
    use synchronome::time::{FrequencyPpb, Local, Timestamp};

    fn at(error: Duration) -> Instant {
        let truth = Timestamp::<Local>::from_secs(1_300_000_000);
        let exact = truth + error;
        Instant { mono: Timestamp::from_secs(9), local: exact, exact, truth }
    }

    fn published(at: &Instant, bound: Duration) -> TimeSnapshot {
        let parts = BoundParts { path: bound, ..BoundParts::default() };
        TimeSnapshot {
            state: SyncState::Locked,
            anchor_local: at.local,
            anchor_utc: at.local.read_as(),
            anchor_mono: at.mono,
            drift_rate: FrequencyPpb::ZERO,
            parts,
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(at.mono)
        }
    }

    #[test]
    fn a_bound_that_the_truth_is_outside_of_is_a_violation_and_one_that_holds_is_not() {
        let mut judge = Judge::default();
        let instant = at(Duration::from_micros(-3));
        judge.look(&instant, &published(&instant, Duration::from_micros(4)));
        assert_eq!((judge.looks, judge.bounded, judge.violations), (1, 1, 0));
        assert!((judge.tightest - 0.75).abs() < 1e-6);
        judge.look(&instant, &published(&instant, Duration::from_micros(2)));
        assert_eq!(
            (judge.violations, judge.first.as_deref()),
            (1, Some("9.000000000 s: -3.00 us off with a bound of 2.00 us"))
        );
    }

    #[test]
    fn a_published_line_that_is_not_the_clock_is_a_violation() {
        let mut judge = Judge::default();
        let instant = at(Duration::ZERO);
        let mut snapshot = published(&instant, Duration::SECOND);
        snapshot.anchor_utc = snapshot.anchor_utc + Duration::from_micros(1);
        judge.look(&instant, &snapshot);
        assert_eq!(judge.violations, 1);
    }
}
