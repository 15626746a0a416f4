//! What a worker counts for others to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ntp::server::{DropReason, ServerCounter};
use crate::sharing::Counters;
use crate::time::Duration;

/// The figures of one worker; cheap to clone, all clones are the same figures.
#[derive(Clone, Debug, Default)]
pub struct WorkerFigures {
    /// Requests, answers and accidents.
    pub counts: Counters<ServerCounter>,
    /// Drops by reason.
    pub drops: Counters<DropReason>,
    latency: Arc<Latency>,
}

#[derive(Debug, Default)]
struct Latency {
    count: AtomicU64,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

/// From the kernel's receive stamp to the end of the call that sent the answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LatencyFigures {
    /// Answers measured.
    pub count: u64,
    /// The sum of their latencies.
    pub sum: Duration,
    /// The longest of them since the start.
    pub max: Duration,
}

impl LatencyFigures {
    /// The mean; `None` before the first answer.
    pub fn mean(self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_ticks(self.sum.ticks() / i128::from(self.count)))
    }

    /// Of two workers together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum, max: self.max.max(other.max) }
    }
}

impl WorkerFigures {
    /// Called by the worker alone.
    pub(super) fn answered_after(&self, latency: Duration) {
        let nanos = latency.as_nanos().max(0) as u64;
        self.latency.count.fetch_add(1, Ordering::Relaxed);
        self.latency.sum_ns.fetch_add(nanos, Ordering::Relaxed);
        self.latency.max_ns.fetch_max(nanos, Ordering::Relaxed);
    }

    /// How long answers took.
    pub fn latency(&self) -> LatencyFigures {
        let nanos = |atomic: &AtomicU64| Duration::from_nanos(atomic.load(Ordering::Relaxed) as i64);
        LatencyFigures {
            count: self.latency.count.load(Ordering::Relaxed),
            sum: nanos(&self.latency.sum_ns),
            max: nanos(&self.latency.max_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_two_workers_add_up_and_the_longest_stays() {
        let (one, two) = (WorkerFigures::default(), WorkerFigures::default());
        assert_eq!(one.latency().mean(), None);
        for micros in [10, 30] {
            one.clone().answered_after(Duration::from_micros(micros));
        }
        two.answered_after(Duration::from_micros(80));
        let both = one.latency().and(two.latency());
        assert_eq!((both.count, both.max), (3, Duration::from_micros(80)));
        assert_eq!(both.mean(), Some(Duration::from_micros(40)));
    }
}
