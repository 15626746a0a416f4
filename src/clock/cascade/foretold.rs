//! What is published of the star; and when a system clock that follows a card will be too wrong once the source is lost.

use super::{Cascade, Clock, ClockId};
use crate::clock::foretold::ExceededAt;
use crate::sharing::TimeSnapshot;
use crate::time::{LeapIndicator, Local, Mono, Timestamp};

impl<C: Clock> Cascade<C> {
    /// What to publish: the served time is that of the system clock.
    pub fn snapshot(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> TimeSnapshot {
        let mut snapshot = self.system.snapshot(now, local);
        snapshot.parts.drift += self.hub_in_doubt().unwrap_or_default();
        let exceeded_at =
            if snapshot.is_bounded { self.exceeded_at(now, local, &snapshot) } else { snapshot.exceeded_at };
        let leap = if snapshot.leap == LeapIndicator::Unknown { snapshot.leap } else { self.leap.indicator() };
        let tai_utc = self.leap.tai_utc().or(self.leap.known());
        TimeSnapshot { leap, tai_utc, exceeded_at, ..snapshot }
    }

    /// When the system clock's bound will exceed the limits. If it follows a PHC it goes wrong with that, for crossings keep the two
    /// together when the source is lost.
    fn exceeded_at(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, snapshot: &TimeSnapshot) -> ExceededAt {
        let hub = match self.hub {
            Some(ClockId::Phc(index)) => self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut),
            _ => None,
        };
        let Some(hub) = hub else { return self.system.exceeded_at(now, local, None) };
        let reading = hub.reading(now, &self.system);
        hub.steering.exceeded_at(now, reading, Some(snapshot.parts.total().greatest_error()))
    }
}
