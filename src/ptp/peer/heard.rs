//! The Syncs that have come, and which of them came early.

use super::Followed;
use crate::coding::Coded;
use crate::time::{ClockEpoch, Duration, Local, Stamp, Timestamp};
use crate::wire::ptp::PortIdentity;

/// Syncs that are remembered, from how many on something is said of them, and of how many the earliest is turned round.
const SYNCS_KEPT: usize = 16;
const SYNCS_MIN: usize = 4;
const EARLIEST_OF: usize = 8;

/// The last Syncs of one parent by one clock: when each came, and what it took by that clock.
#[derive(Clone, Copy, Debug, Coded)]
#[coded(sound)]
pub(super) struct Heard {
    parent: PortIdentity,
    epoch: ClockEpoch,
    last: Stamp,
    transits: [(Timestamp<Local>, Duration); SYNCS_KEPT],
    pub len: usize,
    next: usize,
}

impl Heard {
    pub const fn new(followed: Followed, last: Stamp) -> Self {
        let Followed { parent, epoch } = followed;
        Self { parent, epoch, last, transits: [(Timestamp::EPOCH, Duration::ZERO); SYNCS_KEPT], len: 0, next: 0 }
    }

    const fn is_sound(&self) -> bool {
        self.len <= SYNCS_KEPT && self.next < SYNCS_KEPT
    }

    /// Of this parent, and by the clock of this stamp.
    pub fn is_of(&self, followed: Followed, stamp: &Stamp) -> bool {
        let is_its = self.parent == followed.parent && self.epoch == followed.epoch;
        is_its && (self.last.clock, self.last.epoch) == (stamp.clock, stamp.epoch)
    }

    /// The latest first.
    pub fn latest(&self) -> impl Iterator<Item = (Timestamp<Local>, Duration)> + '_ {
        (1..=self.len).map(|age| self.transits[(self.next + SYNCS_KEPT - age) % SYNCS_KEPT])
    }

    pub fn take(&mut self, received: Stamp, transit: Duration) {
        self.last = received;
        self.transits[self.next] = (received.at, transit);
        self.next = (self.next + 1) % SYNCS_KEPT;
        self.len = (self.len + 1).min(SYNCS_KEPT);
    }

    /// Whether the last one is the earliest of [`EARLIEST_OF`], what the clocks part by taken off: the slope of least squares
    /// through those before it. Its own part in the slope would speak against it.
    pub fn is_early(&self) -> bool {
        let Some((now, transit)) = self.latest().next().filter(|_| self.len > SYNCS_MIN) else { return false };
        // Seconds from the last one.
        let before =
            || self.latest().skip(1).map(|(at, took)| ((at - now).as_secs_f64(), (took - transit).as_secs_f64()));
        let count = (self.len - 1) as f64;
        let (x, y) = before().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
        let (xy, xx) = before().fold((0.0, 0.0), |(xy, xx), point| {
            (xy + (point.0 - x) * (point.1 - y), xx + (point.0 - x) * (point.0 - x))
        });
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        before().take(EARLIEST_OF - 1).all(|point| point.1 >= slope * point.0)
    }
}
