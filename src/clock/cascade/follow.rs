//! Those that do not hear the source, by crossings with one that is right.

use super::reason::but_contradictions;
use super::{CROSSING_SOURCE, Cascade, CascadeNotice, Clock, Crossing, READING_ERROR, Steering, of};
use crate::discipline::{Notice, Reference, Ruler, Timescale, Whereabouts};
use crate::time::{
    ClockEpoch, ClockId, Duration, Local, Mono, Observation, SourceId, Stamp, StampSource, SyncState, Timestamp,
};

/// Of crossings at one instant, whose two halves say the same, so many in a row are told by the half that steers alone. The other one
/// costs as much, and shows that the two still agree.
const HALVES: u32 = 3;

impl<C: Clock> Cascade<C> {
    /// The system clock by its hub, a PHC.
    pub(super) fn steer_system(&mut self, index: u8, crossing: &Crossing, notify: &mut impl FnMut(CascadeNotice)) {
        let Some(leaf) = self.phcs[usize::from(index)].as_mut() else { return };
        let (now, local) = (crossing.mono, crossing.after);
        let believed = leaf.steering.whereabouts(crossing.device);
        let reading = leaf.steering.reading(crossing.device);
        let wobble = leaf.steering.wobble();
        let is_held_over = leaf.steering.state() == SyncState::Holdover;
        let (Some(reference), Some(Whereabouts { offset, error, proofs })) = (self.last_reference, believed) else {
            return;
        };
        let ruler = leaf.steering.ruler(ClockId::Phc(index), crossing.device, offset);
        let is_at_one_instant = crossing.before == crossing.after;
        let is_half = is_at_one_instant && leaf.halves < HALVES && self.system.state() == SyncState::Locked;
        leaf.halves = if is_half { leaf.halves + 1 } else { 0 };
        let reference = self.crossing_reference(Reference { proofs, ..reference }, ruler, is_held_over);
        let source = SourceId(CROSSING_SOURCE.0 + 1 + u16::from(index));
        let reference = Reference { source, ..reference };
        self.known_to = wobble;
        let theirs = remote(reading - offset, reference.source, READING_ERROR + error);
        let ours = |at| local_stamp(at, ClockId::System);
        let pair = ((ours(crossing.before), theirs), (theirs, ours(crossing.after)));
        self.system.follow(now, local, Some(reference), &mut of(ClockId::System, notify));
        let mut contradicts = false;
        let (system, mut tell) = (&mut self.system, but_contradictions(ClockId::System, &mut contradicts, notify));
        observe_pair(system, now, local, reference.source, pair, is_half, &mut tell);
        drop(tell);
        if contradicts {
            self.keep_back(ClockId::System, now);
        }
        self.set_pace(index, ClockId::System, now, local, notify);
    }

    /// A PHC that is not the hub by the system clock.
    pub(super) fn steer_phc(&mut self, index: u8, crossing: &Crossing, notify: &mut impl FnMut(CascadeNotice)) {
        let (now, local) = (crossing.mono, crossing.after);
        let believed = self.system.whereabouts(local);
        let is_held_over = self.system.state() == SyncState::Holdover;
        let wobble = if is_held_over { self.holdover_deviation(local) } else { self.system.wobble() };
        let (Some(reference), Some(Whereabouts { offset, error, proofs }), Some(tai_utc)) =
            (self.last_reference, believed, self.leap.tai_utc())
        else {
            return;
        };
        let ruler = self.system.ruler(ClockId::System, local, offset);
        let reference = self.crossing_reference(Reference { proofs, ..reference }, ruler, is_held_over);
        let (before, after) = (self.system.reading(crossing.before), self.system.reading(crossing.after));
        // The system clock counts UTC, whatever its discipline adds to it.
        let tai = tai_utc.duration() - self.system.ahead().duration() - offset;
        let theirs = |at| remote(at + tai, CROSSING_SOURCE, READING_ERROR + error);
        if self.hub == Some(ClockId::System) {
            self.known_to = wobble;
        }
        let Some(leaf) = self.phcs[usize::from(index)].as_mut() else { return };
        let device = local_stamp(crossing.device, ClockId::Phc(index));
        let pair = ((device, theirs(after)), (theirs(before), device));
        let id = ClockId::Phc(index);
        leaf.steering.follow(now, crossing.device, Some(reference), &mut of(id, notify));
        observe_pair(&mut leaf.steering, now, crossing.device, CROSSING_SOURCE, pair, false, &mut of(id, notify));
        self.set_pace(index, id, now, local, notify);
    }

    /// The master, as the others see it through the hub. How right the hub is at each crossing is said with that crossing: what
    /// it knew less well before stays as good as it was then.
    fn crossing_reference(&self, reference: Reference, ruler: Option<Ruler>, is_held_over: bool) -> Reference {
        let timescale = self.leap.tai_utc().map_or(Timescale::TaiWithoutUtc, Timescale::Tai);
        Reference {
            source: CROSSING_SOURCE,
            timescale,
            accuracy: Some(Duration::ZERO),
            ruler,
            is_held_over,
            leap: self.leap.indicator(),
            continues: self.sources.is_some(),
            // A crossing is a path of its own, whoever is heard through it.
            path: 0,
            ..reference
        }
    }
}

pub(super) fn local_stamp(at: Timestamp<Local>, clock: ClockId) -> Stamp {
    Stamp { at, clock, epoch: ClockEpoch::default(), source: StampSource::Program, error: Duration::ZERO }
}

fn remote(at: Timestamp<Local>, source: SourceId, error: Duration) -> Stamp {
    Stamp { error, ..local_stamp(at, ClockId::Remote(source)) }
}

/// An edge from us to the hub, and one from it to us: the first one first, so that the second finds the delay. Or only the second one.
fn observe_pair<C: Clock>(
    steering: &mut Steering<C>,
    now: Timestamp<Mono>,
    local: Timestamp<Local>,
    source: SourceId,
    (to_hub, from_hub): ((Stamp, Stamp), (Stamp, Stamp)),
    is_second_alone: bool,
    notify: &mut impl FnMut(Notice),
) {
    let epoch = steering.clock().epoch();
    for (sent, received) in [to_hub, from_hub].into_iter().skip(usize::from(is_second_alone)) {
        // The first one has had the clock stepped: the second one's stamp, and `local`, are of before that.
        if steering.clock().epoch() != epoch {
            break;
        }
        let edge = Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 };
        steering.observe(now, local, &edge, notify);
    }
}
