//! A leap second that comes: when it is due, who makes it, and what follows from it.

use super::{Cascade, CascadeNotice, Clock};
use crate::time::{Duration, Local, Mono, Timestamp};

impl<C: Clock> Cascade<C> {
    /// Makes the leap second of a system clock that the kernel does not set: UTC is then what we say.
    pub fn make_leap(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(CascadeNotice)) {
        let Some(leap) = self.leap.pending() else { return };
        // A clock that refuses is off by the second, and is found to be.
        if self.system.make_leap(now, local, leap.after).is_err() {
            self.system.leap(leap.after);
        }
        self.leap_is_made(now, local, leap, notify);
    }

    pub(super) fn leap_is_made(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        leap: crate::clock::Leap,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        self.leap.done();
        self.system.leap(leap.after);
        notify(CascadeNotice::Leap(leap.after));
        let (hub, reference) = (self.hub, self.reference);
        self.follow(now, local, hub, reference, None, notify);
        self.refresh_guards(now, local, None);
    }

    /// Whether a leap second is due, and not made yet.
    pub fn is_leap_due(&mut self, local: Timestamp<Local>) -> bool {
        let utc = self.utc(local);
        self.leap.is_due(utc)
    }

    /// How long after its instant a leap second that is due has not been made; zero if none is.
    pub fn leap_is_late_by(&mut self, local: Timestamp<Local>) -> Duration {
        let utc = self.utc(local);
        self.leap.pending().map_or(Duration::ZERO, |leap| (utc - leap.at).max(Duration::ZERO))
    }
}
