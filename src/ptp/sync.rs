//! Pairs of Sync and Follow_Up (IEEE 1588-2019 9.5.4, 11.2).
//!
//! A two-step Sync says that it was, its Follow_Up when. They take different ways through switches, sockets and queues,
//! so the Follow_Up may come first, and the next Sync before it. Both halves wait in one small table under their
//! sequenceId; the second one completes the pair. Whether a Sync is two-step is told by that Sync and nothing else: a
//! transparent clock on the way may change it. A one-step Sync is complete by itself, and makes what waits worthless.
//!
//! Who records a master and sends that again later says the time of then, in its name. So what does not continue the sequenceIds is
//! refused, be it behind them or far ahead. But a master that restarts begins anew, anywhere: some in a row, of which each continues
//! the one before and between which comes none that continues the sequence, are a restart. As long as the master itself
//! is heard a recording of it is none, but for one of a whole round of 2^16 Sync.

use super::Effect;
use super::counters::{Counter, count};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::time::{Duration, Local, Mono, Stamp, Timestamp};

/// Halves that wait for their other one.
pub const SYNC_PENDING_MAX: usize = 4;

/// How long a half waits. A master that stamps late may need a second; sequenceIds come again after 2^16 Sync.
const PENDING_AGE_MAX: Duration = Duration::from_secs(5);

/// How far behind the last one a sequenceId is late, never that of a restarted master.
const LATE_MAX: u16 = 16;

/// How far ahead of the last one a sequenceId continues the sequence: so many Sync may be lost, 8 s of them at 128 a second.
const AHEAD_MAX: u16 = 1_024;

/// So many in a row that do not continue it begin anew.
const RESTART: u8 = 3;

/// t1 and t2 of one Sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SyncPair {
    pub sequence_id: u16,
    /// t1: originTimestamp or preciseOriginTimestamp.
    pub origin: Timestamp<Local>,
    /// t2.
    pub received: Stamp,
    /// The sum of the correctionFields.
    pub correction: Duration,
}

#[derive(Clone, Copy, Debug, Coded)]
enum Half {
    Sync { received: Stamp, correction: Duration },
    FollowUp { origin: Timestamp<Local>, correction: Duration },
}

#[derive(Clone, Copy, Debug, Coded)]
struct Pending {
    sequence_id: u16,
    since: Timestamp<Mono>,
    half: Half,
}

/// The halves that wait, and the last pair that was complete.
#[derive(Clone, Debug, Default, Coded)]
pub(super) struct SyncPairs {
    pending: [Option<Pending>; SYNC_PENDING_MAX],
    last: Option<u16>,
    /// The last of those in a row that do not continue the sequence, and how many there have been.
    other: Option<(u16, u8)>,
}

impl SyncPairs {
    /// A Sync with its twoStepFlag set.
    pub fn two_step(
        &mut self,
        now: Timestamp<Mono>,
        sequence_id: u16,
        (received, correction): (Stamp, Duration),
        out: &mut impl Sink<Effect>,
    ) -> Option<SyncPair> {
        self.second_half(now, Pending { sequence_id, since: now, half: Half::Sync { received, correction } }, out)
    }

    /// A Follow_Up.
    pub fn follow_up(
        &mut self,
        now: Timestamp<Mono>,
        sequence_id: u16,
        (origin, correction): (Timestamp<Local>, Duration),
        out: &mut impl Sink<Effect>,
    ) -> Option<SyncPair> {
        self.second_half(now, Pending { sequence_id, since: now, half: Half::FollowUp { origin, correction } }, out)
    }

    /// A Sync without twoStepFlag.
    pub fn one_step(&mut self, pair: SyncPair, out: &mut impl Sink<Effect>) -> Option<SyncPair> {
        if self.is_late(pair.sequence_id) {
            count(out, Counter::SyncNotNewer);
            return None;
        }
        self.give_up(out, |_| true);
        Some(self.complete(pair, out))
    }

    /// Throws the waiting halves away: the stamps in them are of another epoch, or of another master.
    pub fn flush(&mut self, out: &mut impl Sink<Effect>) {
        for half in &mut self.pending {
            if half.take().is_some() {
                count(out, Counter::HalfFlushed);
            }
        }
    }

    /// Throws everything away, also what the last sequenceId was.
    pub fn reset(&mut self, out: &mut impl Sink<Effect>) {
        self.flush(out);
        (self.last, self.other) = (None, None);
    }

    /// Whether a message does not continue what was used last, and is not of a restarted master.
    fn is_late(&mut self, sequence_id: u16) -> bool {
        let Some(last) = self.last else { return false };
        let ahead = |of: u16| sequence_id.wrapping_sub(of);
        if last.wrapping_sub(sequence_id) < LATE_MAX {
            return true;
        }
        if ahead(last) <= AHEAD_MAX {
            self.other = None;
            return false;
        }
        let in_a_row = match self.other {
            // The other half.
            Some((seen, count)) if seen == sequence_id => count,
            // Some of them may have been lost.
            Some((seen, count)) if ahead(seen) < LATE_MAX => count.saturating_add(1),
            _ => 1,
        };
        self.other = Some((sequence_id, in_a_row));
        in_a_row < RESTART
    }

    fn second_half(&mut self, now: Timestamp<Mono>, arrived: Pending, out: &mut impl Sink<Effect>) -> Option<SyncPair> {
        self.give_up(out, |waiting| now - waiting.since > PENDING_AGE_MAX);
        let sequence_id = arrived.sequence_id;
        let same = |waiting: &Option<Pending>| waiting.is_some_and(|w| w.sequence_id == sequence_id);
        if self.is_late(sequence_id) {
            count(out, Counter::SyncNotNewer);
            return None;
        }
        let Some(place) = self.pending.iter().position(same) else {
            self.wait(arrived, out);
            return None;
        };
        let (origin, received, correction) = match (self.pending[place].map(|w| w.half), arrived.half) {
            (Some(Half::Sync { received, correction: a }), Half::FollowUp { origin, correction: b })
            | (Some(Half::FollowUp { origin, correction: a }), Half::Sync { received, correction: b }) => {
                (origin, received, a + b)
            }
            // The same half once more: the first one stays.
            (Some(Half::Sync { .. } | Half::FollowUp { .. }) | None, _) => {
                count(out, Counter::SyncNotNewer);
                return None;
            }
        };
        self.pending[place] = None;
        let pair = self.complete(SyncPair { sequence_id, origin, received, correction }, out);
        self.give_up_late(out);
        Some(pair)
    }

    fn wait(&mut self, arrived: Pending, out: &mut impl Sink<Effect>) {
        if self.pending.iter().all(Option::is_some) {
            let oldest = self.pending.iter().flatten().map(|w| w.since).min();
            let mut first = true;
            self.give_up(out, |waiting| Some(waiting.since) == oldest && std::mem::take(&mut first));
        }
        if let Some(place) = self.pending.iter_mut().find(|waiting| waiting.is_none()) {
            *place = Some(arrived);
        }
    }

    fn complete(&mut self, pair: SyncPair, out: &mut impl Sink<Effect>) -> SyncPair {
        let gap = self.last.map_or(1, |last| pair.sequence_id.wrapping_sub(last));
        if (2..=AHEAD_MAX).contains(&gap) {
            count(out, Counter::SyncGap);
        }
        (self.last, self.other) = (Some(pair.sequence_id), None);
        pair
    }

    /// Gives up the halves that a newer pair has overtaken.
    fn give_up_late(&mut self, out: &mut impl Sink<Effect>) {
        let last = self.last;
        self.give_up(out, |w| last.is_some_and(|last| last.wrapping_sub(w.sequence_id) < LATE_MAX));
    }

    fn give_up(&mut self, out: &mut impl Sink<Effect>, mut which: impl FnMut(&Pending) -> bool) {
        for place in &mut self.pending {
            let Some(waiting) = place.take_if(|waiting| which(waiting)) else { continue };
            count(
                out,
                match waiting.half {
                    Half::Sync { .. } => Counter::SyncUnpaired,
                    Half::FollowUp { .. } => Counter::FollowUpUnpaired,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests;
