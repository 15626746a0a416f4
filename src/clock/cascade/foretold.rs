//! What is published of the star; and when a system clock that follows a card will be too wrong once the source is lost.

use super::{Cascade, Clock, ClockId};
use crate::sharing::{LIMITS, LIMITS_COUNT, TimeSnapshot};
use crate::time::{Duration, LeapIndicator, Local, Mono, Timestamp};

/// How often it is foretold anew.
const FORETELL_EVERY: Duration = Duration::SECOND;

/// What was foretold.
#[derive(Debug, Default)]
pub(super) struct Foretold {
    anew_at: Option<Timestamp<Mono>>,
    exceeded_at: [Option<Timestamp<Mono>>; LIMITS_COUNT],
}

impl<C: Clock> Cascade<C> {
    /// What to publish: the served time is that of the system clock.
    pub fn snapshot(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> TimeSnapshot {
        let mut snapshot = self.system.snapshot(now, local);
        snapshot.parts.drift += self.hub_in_doubt().unwrap_or_default();
        let exceeded_at = self.through_hub(now, &snapshot).unwrap_or(snapshot.exceeded_at);
        let leap = if snapshot.leap == LeapIndicator::Unknown { snapshot.leap } else { self.leap.indicator() };
        TimeSnapshot { leap, exceeded_at, ..snapshot }
    }

    /// A system clock that follows a PHC goes wrong with it, for crossings keep the two together when the source is lost: when it
    /// will. `None` if it follows none, or has no bound.
    fn through_hub(
        &mut self,
        now: Timestamp<Mono>,
        snapshot: &TimeSnapshot,
    ) -> Option<[Option<Timestamp<Mono>>; LIMITS_COUNT]> {
        let hub = match self.hub {
            Some(ClockId::Phc(index)) => self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut),
            _ => None,
        };
        let hub = hub.filter(|_| snapshot.is_bounded)?;
        let reading = hub.reading(now);
        if self.foretold.anew_at.is_none_or(|at| now >= at) {
            let hubs = hub.steering.bound(reading).map_or(Duration::ZERO, |parts| parts.total().greatest_error());
            let own = (snapshot.parts.total().greatest_error() - hubs).max(Duration::ZERO);
            let exceeded_at = LIMITS.map(|limit| Some(now + hub.steering.time_until(reading, limit - own)?));
            self.foretold = Foretold { anew_at: Some(now + FORETELL_EVERY), exceeded_at };
        }
        Some(self.foretold.exceeded_at)
    }
}
