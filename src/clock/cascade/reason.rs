//! Why the messages that a clock stamps contradict each other.
//!
//! They do when the master has stepped, and when the clock has that stamps them. The first to see it is the message; that it was
//! the clock, the next crossing tells (or whoever watches the system clock). To say at once that the master's messages
//! contradict each other, and a moment later that the clock has jumped, accuses the wrong one first. So that word is kept back
//! until the clock has been looked at, which is then done at once, and is not said where the clock was the reason.

use super::{Cascade, CascadeNotice, Clock, ClockId, PHCS_MAX};
use crate::discipline::Notice;
use crate::time::{Duration, Mono, Timestamp};

/// Whoever sets the system clock is found out within this time.
const FOUND_OUT: Duration = Duration::from_millis(1_500);

/// The contradictions that have not been told yet: when they came up, of each PHC, and of the system clock last.
#[derive(Debug, Default)]
pub(super) struct KeptBack([Option<Timestamp<Mono>>; PHCS_MAX + 1]);

impl KeptBack {
    fn of(&mut self, clock: ClockId) -> Option<&mut Option<Timestamp<Mono>>> {
        match clock {
            ClockId::Phc(index) => self.0[..PHCS_MAX].get_mut(usize::from(index)),
            ClockId::System => self.0.last_mut(),
            ClockId::Disciplined | ClockId::Remote(_) => None,
        }
    }

    /// Whether there is one of this clock.
    pub fn is_kept(&mut self, clock: ClockId) -> bool {
        self.of(clock).is_some_and(|kept| kept.is_some())
    }

    /// The clock was the reason, or is gone: nothing is told.
    pub fn drop(&mut self, clock: ClockId) {
        self.of(clock).and_then(Option::take);
    }

    /// The clock is as it was: the master's messages do contradict each other.
    pub fn tell(&mut self, clock: ClockId, notify: &mut impl FnMut(CascadeNotice)) {
        if self.of(clock).and_then(Option::take).is_some() {
            notify(CascadeNotice::Discipline(clock, Notice::Contradiction));
        }
    }

    /// Tells what is older than anybody needs to find out.
    pub fn tell_old(&mut self, now: Timestamp<Mono>, notify: &mut impl FnMut(CascadeNotice)) {
        let clocks = (0..PHCS_MAX as u8).map(ClockId::Phc).chain([ClockId::System]);
        for clock in clocks {
            if self.of(clock).is_some_and(|since| since.is_some_and(|since| now - since >= FOUND_OUT)) {
                self.tell(clock, notify);
            }
        }
    }
}

/// Passes on what the discipline of a clock tells, but a contradiction, which is noted.
pub(super) fn but_contradictions(
    clock: ClockId,
    contradicts: &mut bool,
    notify: &mut impl FnMut(CascadeNotice),
) -> impl FnMut(Notice) {
    move |notice| match notice {
        Notice::Contradiction => *contradicts = true,
        notice => notify(CascadeNotice::Discipline(clock, notice)),
    }
}

impl<C: Clock> Cascade<C> {
    /// What a clock has stamped contradicts what it stamped before.
    pub(super) fn keep_back(&mut self, clock: ClockId, now: Timestamp<Mono>) {
        if let Some(kept) = self.contradictions.of(clock) {
            kept.get_or_insert(now);
        }
        if let ClockId::Phc(index) = clock
            && let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut)
        {
            leaf.crossing_at = now;
        }
    }
}
