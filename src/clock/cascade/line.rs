//! What readings of the PHCs mean for those who only get stamps of them.

use super::{Cascade, Clock, Leaf, PHCS_MAX, Steering};
use crate::sharing::{PHC_LINES_MAX, PhcLine, PhcLines};
use crate::time::{ClockEpoch, Duration, Local, Mono, Timestamp};

const _: () = assert!(PHCS_MAX <= PHC_LINES_MAX, "a line for each PHC");

/// A PHC that was not crossed for longer than this may be anywhere: four crossings at the steady pace, two at a PI servo's.
const CROSSING_AGE_MAX: Duration = Duration::SECOND;

impl<C: Clock> Cascade<C> {
    /// The lines of all PHCs whose stamps may be believed at `now`, when the system clock reads `local`.
    pub fn lines(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> PhcLines {
        let mut lines = PhcLines::default();
        // A system clock that is off by a leap second stamps what leaves: what comes must not be stamped by better ones.
        let is_told = self.is_gate_open && !self.works_off_leap;
        let Some(tai_utc) = self.leap.tai_utc().filter(|_| is_told) else { return lines };
        // Around a leap second nobody knows which UTC a stamp is of.
        if self.is_ambiguous(local) {
            return lines;
        }
        for (line, leaf) in lines.0.iter_mut().zip(&mut self.phcs) {
            *line = leaf.as_mut().and_then(|leaf| leaf.line(now, tai_utc.duration(), &self.system));
        }
        lines
    }

    /// Whether [`Cascade::phc_epochs`] are still these: it is asked far more often than they change.
    pub fn are_phc_epochs(&mut self, seen: &[Option<ClockEpoch>; PHCS_MAX]) -> bool {
        let epoch = |leaf: &mut Box<Leaf<C>>| leaf.steering.clock().epoch();
        self.phcs.iter_mut().zip(seen).all(|(leaf, seen)| leaf.as_mut().map(epoch) == *seen)
    }

    /// Changes when any PHC is stepped, found to have jumped, or comes or goes: the lines of before do not hold.
    pub fn phc_epochs(&mut self) -> [Option<ClockEpoch>; PHCS_MAX] {
        std::array::from_fn(|index| self.phcs[index].as_mut().map(|leaf| leaf.steering.clock().epoch()))
    }
}

impl<C: Clock> Leaf<C> {
    /// `ahead` is what the PHC's time is ahead of UTC.
    fn line(&mut self, now: Timestamp<Mono>, ahead: Duration, system: &Steering<C>) -> Option<PhcLine> {
        let is_crossed = self.since_crossing(now) <= CROSSING_AGE_MAX;
        // Since a step it has not been seen to read what it should.
        let is_of_this_epoch = self.since.0 == self.steering.clock().epoch();
        if !is_crossed || !is_of_this_epoch || !self.steering.state().is_synchronised() {
            return None;
        }
        let reading = self.reading(now, system);
        let snapshot = self.steering.snapshot(now, reading);
        snapshot.is_bounded.then(|| PhcLine {
            anchor: snapshot.anchor_local,
            utc: snapshot.anchor_utc - ahead,
            rate: snapshot.rate,
            bound: snapshot.parts.total().greatest_error(),
            drift_rate: snapshot.drift_rate,
            since: self.since.1,
        })
    }
}
