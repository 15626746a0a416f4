//! Who stood still: the clocks of the machine, or none of them?
//!
//! A virtual machine that is paused stands still with its own clocks, CLOCK_MONOTONIC_RAW among them, and finds no trace of that in
//! itself. A card that was passed through to it runs on. So whoever wakes up sees a card that is ahead, by as much as the pause was
//! long: just what is seen of a card that was set by another program. But then it is the system clock that is wrong, and it
//! would go on to be served as right until the card has been measured again.
//!
//! So a hub whose time was known to much less than it seems to have jumped ahead is in doubt first, and is not touched. Nobody follows it, and
//! the system clock is bounded as if it were the one that is behind. The next message that the card stamps settles it: one that comes when it was
//! foretold says that the card is right, and the system clock is measured anew, at the next crossing, as if somebody had set it
//! back by the pause; one that comes late by the jump says that the card has jumped. If no message comes, nobody knows of either; nor if
//! the hub's time was not known well enough to be asked: then the card has to be measured anew, and until it is, the system clock may be behind.

use super::{CROSSING_FAST, Cascade, CascadeNotice, Clock, JumpedTo, PHCS_MAX, RATE_MAX, of};
use crate::clock::continuity::JUMP_FLOOR;
use crate::time::{ClockId, Duration, Local, Mono, Observation, Stamp, Timestamp};

/// No machine is paused for less; a clock that jumped by less is told at once.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// No machine is paused for longer: a card that goes ahead by more was set, as one is that counted from 1970.
const PAUSE_MAX: Duration = Duration::from_secs(365 * 86_400);
/// A hub can tell the two from each other if its time is known to within such a part of the jump.
const KNOWN_TO: f64 = 0.25;
/// Two cards that are ahead by the same pause were read so far apart at most.
const SAME_PAUSE: Duration = Duration::from_millis(500);
/// A doubt lasts so long at most,
const DOUBT_MAX: Duration = Duration::from_secs(2);
/// or for so many of the source's intervals.
const DOUBT_INTERVALS_MAX: i64 = 4;

/// A card that seems to have jumped ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    by: Duration,
    since: Timestamp<Mono>,
    /// What it read when that was seen: what it has stamped since was stamped after the jump, or the pause.
    reading: Timestamp<Local>,
}

impl Doubt {
    /// The longest pause that looks like that: the card's oscillator has run on at its own rate.
    fn longest(&self) -> Duration {
        self.by + RATE_MAX.drift(self.by) + JUMP_FLOOR
    }
}

impl<C: Clock> Cascade<C> {
    /// PHC `index`, which reads `device`, seems to have jumped `by`. Whether it is given the benefit of the doubt: so is a hub whose time
    /// was known, and who jumps with it.
    pub(super) fn doubt(
        &mut self,
        index: u8,
        by: Duration,
        (now, device, local): (Timestamp<Mono>, Timestamp<Local>, Timestamp<Local>),
        notify: &mut impl FnMut(CascadeNotice),
    ) -> bool {
        if by < PAUSE_MIN {
            return false;
        }
        let is_hub = self.hub == Some(ClockId::Phc(index));
        let is_contradicted = self.contradictions.is_kept(ClockId::Phc(index));
        let hub_is_in_doubt = self.hub_in_doubt().is_some();
        let has_stood_still =
            self.stood_still.is_some_and(|(at, pause)| now - at < DOUBT_MAX && (by - pause).abs() < SAME_PAUSE);
        let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut) else { return false };
        if leaf.doubt.is_some() || is_contradicted {
            return false;
        }
        if !is_hub && has_stood_still {
            return true;
        }
        let bound = leaf.steering.bound(device).map(|parts| parts.total().greatest_error());
        let is_known = bound.is_some_and(|bound| bound <= by.scaled(KNOWN_TO));
        let doubt = Doubt { by, since: now, reading: device };
        if !(is_hub && is_known || !is_hub && hub_is_in_doubt) {
            // Of another card while a hub goes on as before it is known that the machine did not stand still.
            if (is_hub || self.hub.is_none()) && by <= PAUSE_MAX {
                self.system.slewed(now, local, Duration::ZERO, -doubt.longest());
            }
            return false;
        }
        leaf.doubt = Some(doubt);
        if is_hub {
            self.close_gate(now, local, notify);
            // Whether all cards are ahead is known once all have been read.
            self.paces = [CROSSING_FAST; PHCS_MAX];
            self.phcs.iter_mut().flatten().for_each(|leaf| leaf.crossing_at = now);
        }
        true
    }

    /// How far the system clock may be behind, beside all that bounds it, if it was the machine that stood still.
    pub fn hub_in_doubt(&self) -> Option<Duration> {
        let Some(ClockId::Phc(index)) = self.hub else { return None };
        self.phc_in_doubt(index)
    }

    /// How far PHC `index` may have jumped ahead, if that is not known yet.
    pub fn phc_in_doubt(&self, index: u8) -> Option<Duration> {
        let leaf = self.phcs.get(usize::from(index)).and_then(Option::as_ref);
        leaf.and_then(|leaf| leaf.doubt).map(|doubt| doubt.longest())
    }

    /// A message that was stamped by PHC `index`, which is in doubt. Whether the message may be used.
    pub(super) fn settle(
        &mut self,
        index: u8,
        (now, local): (Timestamp<Mono>, Timestamp<Local>),
        observation: &Observation,
        notify: &mut impl FnMut(CascadeNotice),
    ) -> bool {
        let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut) else { return false };
        let Some(doubt) = leaf.doubt else { return true };
        let is_its_own = |stamp: &Stamp| stamp.clock == ClockId::Phc(index);
        let Some(stamp) = [observation.sent, observation.received].into_iter().find(is_its_own) else { return true };
        if self.hub != Some(ClockId::Phc(index)) || stamp.at < doubt.reading {
            return false;
        }
        let Some(late) = leaf.steering.surprise(observation) else { return false };
        if late.abs() < doubt.by.half() {
            leaf.doubt = None;
            self.machine_stood_still(now, local, doubt.by, notify);
            return true;
        }
        self.jumped(index, doubt.by, (now, stamp.at, local), notify);
        true
    }

    fn machine_stood_still(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        by: Duration,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        self.stood_still = Some((now, by));
        for leaf in self.phcs.iter_mut().flatten() {
            leaf.crossing_at = now;
            if leaf.doubt.is_some_and(|doubt| (doubt.by - by).abs() < SAME_PAUSE) {
                leaf.doubt = None;
            }
        }
        notify(CascadeNotice::StoodStill(by));
        self.contradictions.drop(ClockId::System);
        self.system.disturbed(now, local, &mut of(ClockId::System, notify));
    }

    /// PHC `index` is read again: is it still in doubt? If that has lasted too long, or the hub has not jumped, it is over.
    pub(super) fn is_in_doubt(
        &mut self,
        index: u8,
        (now, local): (Timestamp<Mono>, Timestamp<Local>),
        notify: &mut impl FnMut(CascadeNotice),
    ) -> bool {
        let Some(leaf) = self.phcs.get(usize::from(index)).and_then(Option::as_ref) else { return false };
        let Some(doubt) = leaf.doubt else { return false };
        let device = leaf.reading(now, &self.system);
        let is_hub = self.hub == Some(ClockId::Phc(index));
        let longest = DOUBT_MAX.max(leaf.steering.interval().duration().times(DOUBT_INTERVALS_MAX));
        let is_over = if is_hub { now - doubt.since >= longest } else { self.hub_in_doubt().is_none() };
        if is_over {
            if is_hub {
                // It may have been the one or the other.
                self.system.slewed(now, local, Duration::ZERO, -doubt.longest());
            }
            self.jumped(index, doubt.by, (now, device, local), notify);
        }
        true
    }

    /// PHC `index` has jumped: nothing is known of its time any more but what is stamped from its reading `device` on.
    pub(super) fn jumped(
        &mut self,
        index: u8,
        by: Duration,
        (now, device, local): (Timestamp<Mono>, Timestamp<Local>, Timestamp<Local>),
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let id = ClockId::Phc(index);
        self.contradictions.drop(id);
        let known = self.leap.known();
        let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut) else { return };
        notify(CascadeNotice::Jumped(index, by, JumpedTo::of(device, local, known)));
        leaf.doubt = None;
        leaf.steering.disturbed(now, device, &mut of(id, notify));
        leaf.continuity.restart();
        self.paces[usize::from(index)] = CROSSING_FAST;
        if self.hub == Some(id) {
            self.close_gate(now, local, notify);
        }
    }
}
