//! Whether the others follow the hub.
//!
//! It must be right, which is proven, and as sure of the time as the others are, which is thought: a hub that has just begun
//! is right to within its bound of some microseconds, while a clock that followed the one before it, or itself before it
//! jumped, knows the time to nanoseconds, and goes on knowing it for a while.

use super::{CROSSING_FAST, Cascade, CascadeNotice, Clock, ClockId, Crossing, PHCS_MAX, READING_ERROR, of};
use crate::time::{Duration, Local, Mono, SyncState, Timestamp};

/// The others follow a hub that is right after so long, though it is less sure of the time than they are.
const HOLD_MAX: Duration = Duration::from_secs(8);
/// The same if it is another master's time, which is theirs only if the two agree.
const HOLD_OTHER_MAX: Duration = Duration::from_secs(2);
/// No message between a card and its master is on its way for longer.
const PATH_MAX: Duration = Duration::from_secs(1);

impl<C: Clock> Cascade<C> {
    pub(super) fn look_at_gate(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        if self.hub_in_doubt().is_some() {
            return self.close_gate(now, local, notify);
        }
        let is_open = self.is_gate_open;
        let hub = self.hub.and_then(|hub| self.steering_of(hub, now, local));
        let Some((steering, reading)) = hub else { return self.close_gate(now, local, notify) };
        let is_lost = matches!(steering.state(), SyncState::NeverSynced | SyncState::Freerun | SyncState::Disrupted);
        if is_open && !is_lost {
            return;
        }
        let is_right = steering.is_right(reading);
        let sureness = steering.deviation(reading);
        if is_right && !is_open {
            let right_since = *self.right_since.get_or_insert(now);
            let longest = if self.is_other_time { HOLD_OTHER_MAX } else { HOLD_MAX };
            if self.is_sure_enough(local, sureness) || now - right_since >= longest {
                self.is_gate_open = true;
                self.right_since = None;
                self.is_other_time = false;
                notify(CascadeNotice::Gate(true));
            }
        } else if is_lost && !is_right {
            self.close_gate(now, local, notify);
        }
    }

    /// While the hub, which was crossed, is not followed, it may show all the same that the system clock does not know the time: if what is
    /// proven of both contradicts each other. Who of the two is wrong is not known yet, so that each may be right: a machine that stood still while
    /// its card was reset has no other trace of that. It is so from the first message on, be the card itself right or in 1970: a machine that stood
    /// still is behind, and no Sync comes before it was sent.
    pub(super) fn hold_against_hub(&mut self, index: u8, crossing: &Crossing) {
        if self.is_gate_open || self.hub != Some(ClockId::Phc(index)) || self.is_ambiguous(crossing.after) {
            return;
        }
        let Some(leaf) = self.phcs[usize::from(index)].as_mut() else { return };
        let reading = leaf.steering.reading(crossing.device);
        let hub = leaf.steering.own_ends(crossing.device);
        let own = self.system.own_span(crossing.after);
        let (Some(own), Some(tai_utc)) = (own, self.leap.tai_utc()) else { return };
        let tai = tai_utc.duration() - self.system.ahead().duration();
        let system_less_hub = self.system.reading(crossing.after) + tai - reading;
        let slack = crossing.window + crossing.slack + READING_ERROR;
        // Of one direction the end that is not known is beyond the other by what the path may take.
        let low = hub.low.or(hub.high.map(|high| high - PATH_MAX)).map(|low| low + system_less_hub - slack);
        let high = hub.high.or(hub.low.map(|low| low + PATH_MAX)).map(|high| high + system_less_hub + slack);
        let (Some(low), Some(high)) = (low, high) else { return };
        if high < own.low {
            self.system.slewed(crossing.mono, crossing.after, Duration::ZERO, low - own.low);
        } else if low > own.high {
            self.system.slewed(crossing.mono, crossing.after, high - own.high, Duration::ZERO);
        }
    }

    /// Whether the hub, whose time is known to within `deviation`, knows about as much as the system clock, if that follows.
    fn is_sure_enough(&mut self, local: Timestamp<Local>, deviation: Option<Duration>) -> bool {
        let is_follower = self.hub != Some(ClockId::System) && self.system.state().is_synchronised();
        let is_less_sure = |deviation: Duration| deviation > self.holdover_deviation(local) + READING_ERROR;
        !(is_follower && deviation.is_some_and(is_less_sure))
    }

    /// How sure the system clock is of the time while it follows nobody, one standard deviation.
    pub(super) fn holdover_deviation(&mut self, local: Timestamp<Local>) -> Duration {
        self.system.deviation(local).unwrap_or_else(|| self.known_to + self.system.wobble())
    }

    pub(super) fn close_gate(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        self.right_since = None;
        if !std::mem::take(&mut self.is_gate_open) {
            return;
        }
        notify(CascadeNotice::Gate(false));
        self.paces = [CROSSING_FAST; PHCS_MAX];
        if self.hub != Some(ClockId::System) {
            self.system.follow(now, local, None, &mut of(ClockId::System, notify));
        }
        let hub = self.hub;
        for (index, leaf) in self.phcs.iter_mut().enumerate() {
            let id = ClockId::Phc(index as u8);
            if let Some(leaf) = leaf.as_mut().filter(|_| hub != Some(id)) {
                let reading = leaf.reading(now, &self.system);
                leaf.steering.follow(now, reading, None, &mut of(id, notify));
            }
        }
    }
}
