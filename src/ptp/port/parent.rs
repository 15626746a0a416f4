//! Announce, and who the parent is (IEEE 1588-2019 9.3).

use super::{Port, Timer};
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::foreign::{Announced, LOG_ANNOUNCE_INTERVAL_MAX};
use crate::ptp::forward::has_passed;
use crate::ptp::frequency::may_be_used;
use crate::ptp::hybrid::Hybrid;
use crate::ptp::recent::Recent;
use crate::ptp::{
    DataSet, Effect, Event, Forwarded, ParentInfo, PortState, Recommendation, Role, StateReason, TimeProperties,
};
use crate::time::{Duration, LogInterval, Mono, Timestamp};
use crate::wire::ptp::{Announce, Extension, Header, Message, OrganizationExtension, PortIdentity, Tlv, Tlvs};

/// stepsRemoved from which an Announce is refused (9.3.2.5, maxStepsRemoved).
const STEPS_REMOVED_MAX: u16 = 255;
/// The mean time to the first Delay_Req to a new parent, if they are to be rarer. The interval between requests is the
/// master's to say (9.5.11.2), but before the first one there is none to keep to, and without it nothing is known of the
/// time. Random all the same: all slaves of a master select it at about the same moment.
pub(super) const FIRST_DELAY_REQ: LogInterval = LogInterval::new(-3);

impl Port {
    pub(super) fn announce(
        &mut self,
        now: Timestamp<Mono>,
        (header, tlvs): (&Header, Tlvs<'_>),
        announce: &Announce,
        out: &mut impl Sink<Effect>,
    ) {
        if header.source_port_identity.clock_identity == self.config.identity {
            return self.hear_own_port(now, header, out);
        }
        if header.flags.alternate_master() {
            return count(out, Counter::AlternateMaster);
        }
        if announce.steps_removed >= STEPS_REMOVED_MAX {
            return count(out, Counter::StepsRemovedExcessive);
        }
        if self.config.path_trace && has_passed(tlvs, self.config.identity) {
            return count(out, Counter::PathTraceLoop);
        }
        let sender = header.source_port_identity;
        let whose = (sender, announce.grandmaster_identity);
        let Some(priority1) = self.acceptable_priority1(now, whose, announce.grandmaster_priority1, out) else {
            return;
        };
        let place = self.client.as_ref().and_then(|client| client.place(sender));
        let announced = Announced {
            data: DataSet {
                priority1,
                grandmaster: announce.grandmaster_identity,
                quality: announce.grandmaster_clock_quality,
                priority2: announce.grandmaster_priority2,
                steps_removed: announce.steps_removed,
                sender: header.source_port_identity,
                receiver: self.config.port_identity(),
                local_rank: self.config.comparison.of_heard(place.unwrap_or(u8::MAX)),
            },
            time_properties: TimeProperties::announced(header.flags, announce),
            synchronization_uncertain: header.flags.synchronization_uncertain(),
            sequence_id: header.sequence_id,
            interval: self.announce_interval(header),
        };
        if !self.is_held_off(now, &announced, out) {
            self.announced(now, announced, tlvs, out);
        }
    }

    /// What a master says of itself counts.
    pub(super) fn announced(
        &mut self,
        now: Timestamp<Mono>,
        announced: Announced,
        tlvs: Tlvs<'_>,
        out: &mut impl Sink<Effect>,
    ) {
        let sender = announced.data.sender;
        if !may_be_used(self.config.comparison, announced.data.quality.clock_class) {
            count(out, Counter::QualityLevelRefused);
            return self.refuse(now, sender, out);
        }
        if !self.foreign.hear(now, announced, self.parent_port(), out) {
            return;
        }
        let is_heeded = match self.state {
            PortState::Passive => self.is_best(now, sender),
            _ => self.parent_port() == Some(sender),
        };
        if is_heeded {
            self.arm_announce_receipt(now, announced.interval);
        }
        self.tell_best(now, out);
        if self.recommended == Recommendation::Slave {
            self.follow_best(now, out);
        }
        if self.parent_port() == Some(sender) {
            self.hand_on(Forwarded::of(tlvs, out), out);
        }
    }

    /// Of the Management messages one is for all: the SM TLV of the grandmaster, by which a port does nothing but show it.
    pub(super) fn hear_metadata(&mut self, now: Timestamp<Mono>, message: &Message<'_>) {
        let source = message.header.source_port_identity.clock_identity;
        if self.parent.is_none_or(|parent| parent.grandmaster != source) {
            return;
        }
        let said = message.tlvs.iter().next().map(Tlv::extension);
        if let Some(Ok(Extension::Organization(OrganizationExtension::SynchronizationMetadata(metadata)))) = said {
            self.metadata.hear(now, metadata);
        }
    }

    /// What the other ports of the clock hand on.
    fn hand_on(&mut self, forwarded: Forwarded, out: &mut impl Sink<Effect>) {
        if forwarded != self.forwarded {
            self.forwarded = forwarded;
            out.emit(Effect::Forward(forwarded));
        }
    }

    /// The sender's announce interval; ours, if it states none or an absurd one.
    pub(super) fn announce_interval(&self, header: &Header) -> LogInterval {
        let granted = self.granted_announce_interval(header.source_port_identity);
        let stated = granted
            .or_else(|| header.log_message_interval.clamped())
            .filter(|stated| *stated <= LOG_ANNOUNCE_INTERVAL_MAX);
        stated.unwrap_or(self.config.log_announce_interval.min(LOG_ANNOUNCE_INTERVAL_MAX))
    }

    fn is_best(&self, now: Timestamp<Mono>, sender: PortIdentity) -> bool {
        self.erbest(now, None).is_some_and(|best| best.data.sender == sender)
    }

    /// Erbest: of those whom it asks, the best one that has not failed lately; where all have, the best one all the same.
    pub(super) fn erbest(&self, now: Timestamp<Mono>, parent: Option<PortIdentity>) -> Option<Announced> {
        let fit =
            self.client.as_ref().and_then(|client| self.foreign.best_of(now, parent, |it| client.is_fit(now, it)));
        let best = fit.or_else(|| self.foreign.best(now, parent))?;
        Some(self.stays_with(now, parent, &best).unwrap_or(best))
    }

    /// What the parent has said, if it stays although another one is better: by G.8265.1 without reversion, as long as that
    /// has no better quality level and the parent's signal has not failed.
    fn stays_with(&self, now: Timestamp<Mono>, parent: Option<PortIdentity>, best: &Announced) -> Option<Announced> {
        let parent = parent.filter(|_| self.config.unicast.signal.is_some_and(|signal| !signal.reverts))?;
        let said = self.foreign.iter().find(|known| known.last.data.sender == parent)?.last;
        let is_as_good = said.data.quality.clock_class <= best.data.quality.clock_class;
        let is_fit = self.client.as_ref().is_some_and(|client| client.is_fit(now, parent));
        (is_as_good && is_fit).then_some(said)
    }

    /// It says of itself that it is not to be followed.
    fn refuse(&mut self, now: Timestamp<Mono>, sender: PortIdentity, out: &mut impl Sink<Effect>) {
        self.foreign.remove(sender);
        self.client.iter_mut().for_each(|client| client.unusable(now, sender));
        if self.parent_port() == Some(sender) {
            self.leave_parent(now, StateReason::ParentRefused, out);
        }
    }

    /// As a slave: whoever is Erbest becomes or stays the parent (9.3.3, S1).
    pub(super) fn follow_best(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let Some(best) = self.erbest(now, self.parent_port()) else { return };
        match self.parent {
            Some(parent) if parent.port == best.data.sender => self.refresh(now, parent, &best, out),
            Some(_) => self.select(now, &best, StateReason::ParentChanged, out),
            None => self.select(now, &best, StateReason::ParentSelected, out),
        }
    }

    /// The parent has said something about itself.
    fn refresh(&mut self, now: Timestamp<Mono>, parent: ParentInfo, best: &Announced, out: &mut impl Sink<Effect>) {
        let info = best.parent(parent.selected_at);
        if info == parent {
            return;
        }
        let is_other_clock = info.grandmaster != parent.grandmaster
            || info.time_properties.ptp_timescale != parent.time_properties.ptp_timescale;
        if is_other_clock {
            self.metadata = Recent::NONE;
            self.remote_epoch = self.remote_epoch.next();
            self.flush(out);
            self.note_calm(now, false);
            count(out, Counter::ParentChanged);
        }
        self.parent = Some(info);
        out.emit(Effect::Parent(Some(info)));
        if is_other_clock {
            self.change_state(Event::RecommendedSlaveOfNewParent, StateReason::GrandmasterChanged, out);
        }
    }

    /// This one becomes the parent.
    pub(super) fn select(
        &mut self,
        now: Timestamp<Mono>,
        best: &Announced,
        reason: StateReason,
        out: &mut impl Sink<Effect>,
    ) {
        let info = best.parent(now);
        self.metadata = Recent::NONE;
        self.hand_on(Forwarded::NONE, out);
        self.hybrid.iter_mut().for_each(Hybrid::forget);
        self.remote_epoch = self.remote_epoch.next();
        self.syncs.reset(out);
        self.requests.flush(out);
        self.forget_signal();
        self.sync_interval = None;
        self.delay_req_interval = self.config.log_min_delay_req_interval;
        self.is_calm = false;
        self.parent = Some(info);
        count(out, Counter::ParentChanged);
        out.emit(Effect::Parent(Some(info)));
        self.change_state(Event::RecommendedSlaveOfNewParent, reason, out);
        self.arm_announce_receipt(now, best.interval);
        self.arm_delay_req(now, FIRST_DELAY_REQ.min(self.delay_req_interval));
    }

    /// There is no parent any more.
    pub(super) fn lose_parent(&mut self, out: &mut impl Sink<Effect>) {
        self.syncs.reset(out);
        self.requests.flush(out);
        self.forget_signal();
        self.sync_interval = None;
        self.timers.clear(Timer::AnnounceReceipt);
        self.timers.clear(Timer::DelayReq);
        self.hand_on(Forwarded::NONE, out);
        if self.parent.take().is_some() {
            out.emit(Effect::Parent(None));
        }
    }

    /// Throws away what waits, because its stamps no longer belong together.
    pub(super) fn flush(&mut self, out: &mut impl Sink<Effect>) {
        self.syncs.flush(out);
        self.signal.forget_delays();
        self.requests.flush(out);
        if let Some(peer) = &mut self.peer {
            peer.flush(out);
        }
    }

    pub(super) fn announce_receipt_timeout(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if self.state != PortState::Listening {
            count(out, Counter::AnnounceReceiptTimeout);
        }
        let silent = self.parent_port().or_else(|| self.best.map(|best| best.sender));
        if let Some(silent) = silent {
            self.foreign.remove(silent);
            self.client.iter_mut().for_each(|client| client.silent(now, silent, out));
        }
        self.leave_parent(now, StateReason::AnnounceReceiptTimeout, out);
    }

    /// The parent is none any more: the next one is followed, if there is any.
    fn leave_parent(&mut self, now: Timestamp<Mono>, reason: StateReason, out: &mut impl Sink<Effect>) {
        self.foreign.expire(now, None, out);
        self.tell_best(now, out);
        let best = self.erbest(now, None);
        if let Some(best) = best.filter(|_| self.recommended == Recommendation::Slave) {
            return self.select(now, &best, StateReason::ParentChanged, out);
        }
        self.lose_parent(out);
        if self.config.role == Role::Slave {
            self.change_state(Event::AnnounceReceiptTimeout, reason, out);
        } else {
            self.nobody_is_heard(now, out);
        }
    }

    /// announceReceiptTimeout intervals of the parent, and a random part of one more (9.2.6.12).
    pub(super) fn arm_announce_receipt(&mut self, now: Timestamp<Mono>, interval: LogInterval) {
        let interval = interval.duration();
        let more = Duration::from_ticks(i128::from(self.random.below(interval.ticks() as u64)));
        let timeout = interval.times(i64::from(self.config.announce_receipt_timeout)) + more;
        self.timers.set(Timer::AnnounceReceipt, now + timeout);
    }
}
