//! Who answers at the other end of the link, and what was measured of it.

use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};
use crate::wire::ptp::PortIdentity;

/// Round trips that are remembered: the delay is their median.
pub const ROUND_TRIPS_KEPT: usize = 8;
/// A rate beyond this is none: one of the clocks was set.
const RATE_MAX: FrequencyPpb = FrequencyPpb::new(1_000_000.0);

/// Who answers, and what has been measured.
#[derive(Clone, Copy, Debug, Coded)]
#[coded(sound)]
pub(super) struct Neighbor {
    pub identity: PortIdentity,
    round_trips: [Duration; ROUND_TRIPS_KEPT],
    /// t3 and t4 of the same exchanges, where t3 is said.
    pub marks: [Option<(Timestamp<Local>, Timestamp<Local>)>; ROUND_TRIPS_KEPT],
    /// It says t2 and t3.
    pub says_when: bool,
    pub len: usize,
    next: usize,
}

impl Neighbor {
    pub const fn new(identity: PortIdentity) -> Self {
        Self {
            identity,
            round_trips: [Duration::ZERO; ROUND_TRIPS_KEPT],
            marks: [None; ROUND_TRIPS_KEPT],
            says_when: true,
            len: 0,
            next: 0,
        }
    }

    const fn is_sound(&self) -> bool {
        self.len <= ROUND_TRIPS_KEPT && self.next < ROUND_TRIPS_KEPT
    }

    pub fn take(&mut self, round_trip: Duration, mark: Option<(Timestamp<Local>, Timestamp<Local>)>) {
        self.round_trips[self.next] = round_trip;
        self.marks[self.next] = mark;
        self.next = (self.next + 1) % ROUND_TRIPS_KEPT;
        self.len = (self.len + 1).min(ROUND_TRIPS_KEPT);
    }

    pub fn sorted(&self) -> ([Duration; ROUND_TRIPS_KEPT], usize) {
        let mut sorted = self.round_trips;
        sorted[..self.len].sort_unstable();
        (sorted, self.len)
    }

    /// The median of the round trips, halved.
    pub fn mean_link_delay(&self) -> Option<Duration> {
        let (sorted, len) = self.sorted();
        let (lower, upper) = (sorted.get(len.checked_sub(1)? / 2)?, sorted.get(len / 2)?);
        Some((*lower + *upper).half().half())
    }

    /// The least and the greatest of the round trips.
    pub fn round_trips(&self) -> Option<(Duration, Duration)> {
        let (sorted, len) = self.sorted();
        Some((*sorted[..len].first()?, *sorted[..len].last()?))
    }

    /// neighborRateRatio less 1: what the neighbour's clock gains on ours, from the oldest exchange that is kept to the last.
    pub fn rate(&self) -> Option<FrequencyPpb> {
        // From the oldest to the newest.
        let mut marks = (0..ROUND_TRIPS_KEPT).filter_map(|age| self.marks[(self.next + age) % ROUND_TRIPS_KEPT]);
        let oldest = marks.next()?;
        let newest = marks.next_back()?;
        let (theirs, ours) = (newest.0 - oldest.0, newest.1 - oldest.1);
        if ours <= Duration::ZERO {
            return None;
        }
        let rate = FrequencyPpb::from_ratio((theirs - ours).as_secs_f64() / ours.as_secs_f64());
        (rate.abs() <= RATE_MAX).then_some(rate)
    }
}
