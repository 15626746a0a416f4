//! How late transmit stamps come, counted by the thread that takes them and read by others.
//!
//! A stamp that is there at the first look for it has come in time, whenever that was; how long one took that was looked for in vain is known,
//! since the socket polls when it comes. So lateness is never made of our own leisure.

use crate::sharing::{CounterSet, Counters};
use crate::time::Duration;

/// The limits of the counts, in rising order; nothing takes longer than [`STAMP_WAIT_MAX`](super::STAMP_WAIT_MAX).
pub const WAIT_LIMITS: [Duration; 12] = [
    Duration::ZERO,
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(4_000),
];
/// The sum of all, and the longest, in microseconds.
const SUM_US: Tally = Tally(WAIT_LIMITS.len());
const LONGEST_US: Tally = Tally(WAIT_LIMITS.len() + 1);
const TALLIES: usize = WAIT_LIMITS.len() + 2;

/// What is counted: as many as one of the [`WAIT_LIMITS`] and not the one before it allows, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tally(usize);

impl CounterSet for Tally {
    const ALL: &'static [Self] = &{
        let mut all = [Self(0); TALLIES];
        let mut place = 0;
        while place < TALLIES {
            all[place] = Self(place);
            place += 1;
        }
        all
    };

    fn index(self) -> usize {
        self.0
    }

    fn name(self) -> &'static str {
        match self {
            SUM_US => "sum_us",
            LONGEST_US => "longest_us",
            _ => "count",
        }
    }
}

/// How long the stamps of a port took since it was first opened; one thread counts.
#[derive(Clone, Default, Debug)]
pub struct StampWaits(Counters<Tally>);

/// What was counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct WaitCounts {
    /// How many took no longer than each of the [`WAIT_LIMITS`].
    pub within: [u64; WAIT_LIMITS.len()],
    /// All of them together.
    pub sum: Duration,
    /// The longest.
    pub longest: Duration,
}

impl StampWaits {
    /// A stamp was there at the first look.
    pub fn at_once(&self) {
        self.0.count(Tally(0));
    }

    /// One came so long after its message was sent, having been looked for in vain.
    pub fn waited(&self, by: Duration) {
        let place = WAIT_LIMITS.iter().position(|limit| by <= *limit).unwrap_or(WAIT_LIMITS.len() - 1);
        self.0.count(Tally(place.max(1)));
        let micros = u64::try_from(by.as_nanos() / 1_000).unwrap_or(0);
        self.0.add(SUM_US, micros);
        self.0.add(LONGEST_US, micros.saturating_sub(self.0.get(LONGEST_US)));
    }

    /// What was counted so far.
    pub fn counts(&self) -> WaitCounts {
        let mut all = 0;
        let within = std::array::from_fn(|place| {
            all += self.0.get(Tally(place));
            all
        });
        let micros = |tally| Duration::from_micros(i64::try_from(self.0.get(tally)).unwrap_or(i64::MAX));
        WaitCounts { within, sum: micros(SUM_US), longest: micros(LONGEST_US) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_below_its_limit_and_the_longest_is_remembered() {
        let waits = StampWaits::default();
        assert_eq!(waits.counts(), WaitCounts::default());
        (0..7).for_each(|_| waits.at_once());
        for micros in [0, 1_000, 1_001, 30_000, 9_000_000] {
            waits.waited(Duration::from_micros(micros));
        }
        let counts = waits.counts();
        assert_eq!(counts.within, [7, 9, 10, 10, 10, 10, 11, 11, 11, 11, 11, 12]);
        assert_eq!((counts.longest, counts.sum), (Duration::from_secs(9), Duration::from_micros(9_032_001)));
        waits.waited(Duration::from_millis(3));
        assert_eq!(waits.counts().longest, Duration::from_secs(9));
    }
}
