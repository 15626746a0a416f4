//! How late transmit stamps come, counted by the thread that takes them and read by others.
//!
//! Whoever waits for each stamp wakes for each. A port looks for them when it has other work, so that all it knows of most is that they had come by
//! then. The arrival of some is watched ([`Watch`]), all of the first ones and then one each [`WATCH_EVERY`]: these wake the port, and these alone
//! are counted. So lateness is never made of our own leisure, and the share of what is late is that of all.

use crate::sharing::{CounterSet, Counters};
use crate::time::{Duration, Mono, Timestamp};

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
    /// A stamp came so long after its message was sent.
    pub fn waited(&self, by: Duration) {
        let place = WAIT_LIMITS.iter().position(|limit| by <= *limit).unwrap_or(WAIT_LIMITS.len() - 1);
        self.0.count(Tally(place));
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

/// So many are watched after a port was opened, so that something is known soon.
const WATCHED_FIRST: u32 = 16;
/// And then one in so long a time.
pub const WATCH_EVERY: Duration = Duration::from_secs(8);

/// Which message's stamp is watched for.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    key: Option<u32>,
    begun: u32,
    next_at: Timestamp<Mono>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { key: None, begun: 0, next_at: Timestamp::EPOCH }
    }
}

impl Watch {
    /// A message that shall be stamped was sent under this key.
    pub fn sent(&mut self, key: u32, now: Timestamp<Mono>) {
        if now >= self.next_at || self.begun < WATCHED_FIRST && self.key.is_none() {
            self.key = Some(key);
            self.begun = self.begun.saturating_add(1);
            self.next_at = now + WATCH_EVERY;
        }
    }

    /// Whether one is watched for.
    pub const fn is_on(&self) -> bool {
        self.key.is_some()
    }

    /// The stamp of the message under this key has come; whether it was watched for.
    pub fn has_come(&mut self, key: u32) -> bool {
        self.key.take_if(|watched| *watched == key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_watched_one_after_the_other_and_then_one_in_eight_seconds() {
        let mut watch = Watch::default();
        let at = |tenths: i64| Timestamp::EPOCH + Duration::from_secs(100) + Duration::from_millis(100 * tenths);
        // Ten a second, each stamped before the next.
        let mut watched = Vec::new();
        for number in 0..400_u32 {
            watch.sent(number, at(i64::from(number)));
            assert!(!watch.has_come(number + 1), "that of another one");
            if watch.has_come(number) {
                watched.push(number);
            }
            assert!(!watch.is_on());
        }
        let expected: Vec<_> = (0..16).chain([95, 175, 255, 335]).collect();
        assert_eq!(watched, expected);
        // One that never comes is in the way of nobody for longer.
        watch.sent(1_000, at(1_000));
        watch.sent(1_001, at(1_001));
        assert!(watch.is_on() && !watch.has_come(1_001));
        watch.sent(1_002, at(1_080));
        assert!(watch.has_come(1_002) && !watch.is_on());
    }

    #[test]
    fn each_is_counted_below_its_limit_and_the_longest_is_remembered() {
        let waits = StampWaits::default();
        assert_eq!(waits.counts(), WaitCounts::default());
        (0..7).for_each(|_| waits.waited(Duration::ZERO));
        for micros in [0, 1_000, 1_001, 30_000, 9_000_000] {
            waits.waited(Duration::from_micros(micros));
        }
        let counts = waits.counts();
        assert_eq!(counts.within, [8, 9, 10, 10, 10, 10, 11, 11, 11, 11, 11, 12]);
        assert_eq!((counts.longest, counts.sum), (Duration::from_secs(9), Duration::from_micros(9_032_001)));
        waits.waited(Duration::from_millis(3));
        assert_eq!(waits.counts().longest, Duration::from_secs(9));
    }
}
