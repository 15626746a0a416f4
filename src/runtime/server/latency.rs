//! How long answers take: a histogram for each worker, and one of all for whoever asks.
//!
//! What is measured begins with the kernel's receive stamp and ends when the call that sent the answer returns: by then the
//! kernel has handed the packet to the driver; a transmit stamp of each answer would say nearly the same, and cost more than
//! asking the clock once for a batch. All answers of a batch end together. A request without a kernel stamp is not measured, nor is one that was dropped.
//!
//! A shared histogram would be a locked instruction or three for every answer. So each worker has one of its own that nobody
//! else sees, in plain memory of a fixed size; once a second the control thread offers an empty one, the worker
//! takes it at the end of its round and hands back what it has filled. Neither waits.

use std::fmt;

use hdrhistogram::Histogram;

use crate::ntp::server::AGE_MAX;
use crate::time::Duration;

/// The shortest latency that is told from a shorter one: no system call is so short.
const RESOLUTION_NS: u64 = 64;

/// Two digits: a figure is at most 1 % above what it stands for. With the range that is 21 kB.
const DIGITS: u8 = 2;

/// Latencies since the start, or since they were last handed over.
#[derive(Clone)]
pub struct Latencies {
    /// In nanoseconds. Does not grow.
    histogram: Histogram<u64>,
    sum_ns: u64,
    /// Exactly, where the histogram rounds.
    max_ns: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        let longest = AGE_MAX.as_nanos() as u64;
        let histogram = Histogram::new_with_bounds(RESOLUTION_NS, longest, DIGITS).expect("constant bounds are valid");
        Self { histogram, sum_ns: 0, max_ns: 0 }
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut figures = f.debug_struct("Latencies");
        figures.field("count", &self.count()).field("mean", &self.mean()).field("max", &self.max()).finish()
    }
}

impl Latencies {
    /// One more answer took so long. Longer than [`AGE_MAX`] counts as that, and less than nothing (the clock was set back) as nothing.
    pub(super) fn record(&mut self, latency: Duration) {
        let nanos = latency.as_nanos().max(0) as u64;
        self.histogram.saturating_record(nanos);
        self.sum_ns = self.sum_ns.saturating_add(nanos);
        self.max_ns = self.max_ns.max(nanos);
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all have the same range");
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    pub(super) fn clear(&mut self) {
        self.histogram.reset();
        (self.sum_ns, self.max_ns) = (0, 0);
    }

    /// Answers measured.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// All of their latencies together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns as i64)
    }

    /// The mean; `None` before the first answer.
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_ticks(self.sum().ticks() / i128::from(self.count())))
    }

    /// The longest of them; zero before the first answer.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns as i64)
    }

    /// What this share of the answers (0 to 1) was not slower than, rounded up by 1 % at most; `None` before the first answer.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let nanos = self.histogram.value_at_quantile(share).min(self.max_ns);
        (self.count() > 0).then(|| Duration::from_nanos(nanos as i64))
    }

    /// How many answers took no longer than this, or than 1 % more.
    pub fn count_within(&self, limit: Duration) -> u64 {
        self.histogram.count_between(0, limit.as_nanos().max(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: i64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn latencies_of_two_workers_add_up_and_the_longest_stays() {
        let (mut all, mut one, mut two) = (Latencies::default(), Latencies::default(), Latencies::default());
        assert_eq!((all.mean(), all.quantile(0.5), all.max()), (None, None, Duration::ZERO));
        one.record(micros(10));
        one.record(micros(30));
        two.record(micros(80));
        all.add(&one);
        all.add(&two);
        assert_eq!((all.count(), all.max(), all.mean()), (3, micros(80), Some(micros(40))));
        one.clear();
        all.add(&one);
        assert_eq!((all.count(), one.count(), one.max()), (3, 0, Duration::ZERO));
    }

    #[test]
    fn a_quantile_is_right_to_a_hundredth_over_the_whole_range() {
        for scale in [1, 100, 10_000] {
            let mut latencies = Latencies::default();
            for n in 1..=100 {
                latencies.record(micros(n * scale));
            }
            for share in [0.5, 0.9, 0.99] {
                let exact = micros((share * 100.0_f64).round() as i64 * scale);
                let found = latencies.quantile(share).expect("answers were measured");
                let limit = exact.as_nanos() * 101 / 100;
                assert!(found >= exact && found.as_nanos() <= limit, "{share}: {found} instead of {exact}");
            }
            assert_eq!(latencies.quantile(1.0), Some(micros(100 * scale)));
            assert_eq!(latencies.count_within(micros(50 * scale)), 50);
        }
    }

    #[test]
    fn what_is_out_of_range_is_counted_at_its_ends_and_takes_no_memory() {
        let mut latencies = Latencies::default();
        let places = latencies.histogram.distinct_values();
        latencies.record(micros(-5));
        latencies.record(Duration::from_secs(3_600));
        assert_eq!((latencies.count(), latencies.max()), (2, Duration::from_secs(3_600)));
        assert_eq!(latencies.count_within(Duration::ZERO), 1);
        assert_eq!(latencies.histogram.distinct_values(), places);
        assert!(places * size_of::<u64>() < 32 * 1024, "{places} places");
        assert!(!latencies.histogram.is_auto_resize());
    }
}
