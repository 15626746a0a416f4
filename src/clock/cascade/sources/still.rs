//! When this daemon itself stood still.
//!
//! After a pause of the machine, or of the thread, messages of many seconds are read one after the other. Whoever's is read first would be heard alone
//! for a moment, and all others taken for silent: one that was contradicted until then, and whom nobody followed, took the clock along within a
//! bound of his own. So the time in which nobody listened is nobody's silence.

use super::Sources;
use crate::time::{Duration, Mono, SourceId, Timestamp};

/// The cascade is told of the time at least once a second; later than this by no fault of its sources.
const REGULARLY: Duration = Duration::from_millis(1_250);

/// See the file's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Still {
    awake_at: Timestamp<Mono>,
    /// From when to when the last time.
    last: Option<(Timestamp<Mono>, Timestamp<Mono>)>,
}

impl Still {
    pub(super) fn new(now: Timestamp<Mono>) -> Self {
        Self { awake_at: now, last: None }
    }

    /// It runs; until it is told of the time, what it reads may be of before.
    pub(super) fn runs(&mut self, now: Timestamp<Mono>) {
        if now - self.awake_at > REGULARLY {
            self.last = Some((self.awake_at, now));
        }
    }

    /// It is told of the time, and has read what had come.
    pub(super) fn is_told(&mut self, now: Timestamp<Mono>) {
        self.runs(now);
        self.awake_at = now;
    }

    /// When one that was heard then would have been heard if it had stood still later.
    pub(super) fn excuse(&self, heard: Timestamp<Mono>) -> Timestamp<Mono> {
        let missed = self.last.map_or(Duration::ZERO, |(from, until)| until - from.max(heard));
        heard + missed.max(Duration::ZERO)
    }
}

impl Sources {
    /// When a source was heard last, but for the time in which nobody listened.
    pub(super) fn heard(&self, source: SourceId) -> Option<Timestamp<Mono>> {
        let row = self.rows.iter().find(|row| row.source == source)?;
        row.heard.map(|heard| self.still.excuse(heard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(1_000) + Duration::from_millis(ms)
    }

    #[test]
    fn what_it_did_not_hear_while_it_stood_still_is_nobodys_silence() {
        let mut still = Still::new(at(0));
        still.is_told(at(1_000));
        assert_eq!(still.excuse(at(400)), at(400), "a second is as usual");
        still.runs(at(21_000));
        assert_eq!(still.excuse(at(400)), at(20_400), "600 ms of silence before it");
        assert_eq!(still.excuse(at(21_000)), at(21_000));
        // What it reads next is read at the same time or a little later.
        still.runs(at(21_002));
        assert_eq!(still.excuse(at(1_000)), at(21_002));
        still.is_told(at(21_003));
        assert_eq!(still.excuse(at(-9_000)), at(11_003), "who was silent before stays so");
        assert_eq!(still.excuse(at(21_001)), at(21_003));
        still.is_told(at(22_003));
        assert_eq!(still.excuse(at(22_000)), at(22_000));
        assert_eq!(still.excuse(at(400)), at(20_403), "also later on");
    }
}
