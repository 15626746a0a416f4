//! A worker that has ended unasked is replaced.
//!
//! A worker has no reason to end but the latch. If it does all the same (a fault of ours, a socket that the kernel has broken) its core would go
//! unserved: the program that steers still gives that core's requests to a socket that nobody reads. So the control thread, which is woken by
//! the end, closes its sockets, has the others serve its core, and starts another worker with new sockets: at once, and if that does not live long
//! either, after a time that doubles. Those who ask notice a lost request at most.

use crate::sharing::{Doorbell, Latch};
use crate::time::{Duration, Mono, Timestamp};

/// A worker that has lived so long is not held to be one that ends soon.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// The longest time until the next one is started is this many doublings of a second.
const DOUBLINGS_MAX: u32 = 6;

/// When the next worker of one place is started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comeback {
    started: Timestamp<Mono>,
    /// So many in a row have ended soon.
    in_a_row: u32,
    due: Option<Timestamp<Mono>>,
}

impl Comeback {
    /// The first one has been started.
    pub(super) fn new(now: Timestamp<Mono>) -> Self {
        Self { started: now, in_a_row: 0, due: None }
    }

    /// It has ended, or could not be started. Returns after what time the next one is due.
    pub(super) fn ended(&mut self, now: Timestamp<Mono>) -> Duration {
        if now - self.started >= STEADY_AFTER {
            self.in_a_row = 0;
        }
        let after = match self.in_a_row.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => Duration::SECOND.times(1 << doublings.min(DOUBLINGS_MAX)),
        };
        self.in_a_row += 1;
        self.due = Some(now + after);
        after
    }

    /// Whether the next one is due.
    pub(super) fn is_due(&self, now: Timestamp<Mono>) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    /// The next one has been started.
    pub(super) fn started(&mut self, now: Timestamp<Mono>) {
        (self.started, self.due) = (now, None);
    }
}

/// Held by a worker's thread, and let go of when it ends, however it does.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) ended: Latch,
    /// Wakes the control thread.
    pub(super) bell: Option<Doorbell>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.ended.set();
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn the_next_worker_is_started_at_once_and_then_after_times_that_double() {
        let mut comeback = Comeback::new(at(0));
        assert!(!comeback.is_due(at(1_000)), "it runs");
        let mut now = at(1_000);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let after = comeback.ended(now);
            assert!(comeback.is_due(now + after) && (after == Duration::ZERO || !comeback.is_due(now)));
            now = now + after;
            comeback.started(now);
            assert!(!comeback.is_due(at(1_000_000)));
            waits.push(after.as_nanos() / 1_000_000_000);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(comeback.ended(now + STEADY_AFTER), Duration::ZERO, "this one had lived long");
    }
}
