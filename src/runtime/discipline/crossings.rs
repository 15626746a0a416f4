//! The readings of PHCs: when each is taken, and what is told of those that fail.

use super::{DisciplineThread, telling};
use crate::clock::{AnyClock, Cascade, ClockError, PHCS_MAX, Recording};
use crate::runtime::events::Event;
use crate::time::{Mono, Timestamp};

impl DisciplineThread {
    /// Reads the PHCs whose time it is.
    pub(super) fn take_crossings(
        &mut self,
        now: Timestamp<Mono>,
        is_due: impl Fn(&Cascade<Recording<AnyClock>>, u8, Timestamp<Mono>) -> bool,
    ) -> bool {
        let mut is_changed = false;
        for index in 0..PHCS_MAX as u8 {
            if self.readers[usize::from(index)].is_none() {
                continue;
            }
            if !is_due(&self.cascade, index, now) {
                continue;
            }
            self.look_at_rate_of(index, now);
            let Some(place) = self.readers[usize::from(index)].as_mut() else { continue };
            let read = place.phc.cross();
            self.tell_reading(index, read.err());
            if let Ok(crossing) = read {
                self.look_at_rate_by(&crossing);
                self.cascade.crossing(index, &crossing, &mut telling(&mut self.links.events));
                is_changed = true;
            }
            self.cascade.schedule_crossing(index, now);
            self.look_at_steps();
        }
        is_changed
    }

    /// Tells of a reading that failed, or works again, or is made by another method.
    fn tell_reading(&mut self, index: u8, failed: Option<ClockError>) {
        let Some(place) = self.readers[usize::from(index)].as_mut() else { return };
        let events = &mut self.links.events;
        if failed != place.failed {
            place.failed = failed;
            events.push(match failed {
                Some(error) => Event::CrossingFailed { phc: index, error },
                None => Event::CrossingWorks { phc: index },
            });
        }
        // A failure that was bridged is nothing to tell; a method that was left aside, or is back, is.
        let told = (place.phc.method(), place.phc.aside());
        if told.1 != place.told_method.1 {
            place.told_method = told;
            events.push(Event::CrossingMethod { phc: index, method: told.0, aside: told.1 });
        }
    }
}
