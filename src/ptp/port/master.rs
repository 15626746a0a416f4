//! What the clock as a whole wants a port to be, and what becomes of that (IEEE 1588-2019 9.3.3, 9.2.6).
//!
//! A port that may be master tells the best master that it hears and is told what to be. Between the two the network
//! goes on: what a port is told may rest on an Announce that is no longer its last one. Nothing is lost by that, since
//! each change is told, and answered, anew.

use super::{Port, Timer};
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::{
    Address, Decision, Effect, Event, MasterBy, PlainAnswer, PortState, Recommendation, Role, StateReason,
};
use crate::time::{Mono, Stamp, Timestamp};
use crate::wire::ptp::{Header, PlainDelayReq, PortIdentity};

impl Port {
    /// Whether it tells whom it hears, and is told what to be.
    const fn is_decided_for(&self) -> bool {
        matches!(self.config.role, Role::Auto)
    }

    /// A Delay_Req has come. A port that is no master answers none: those of its neighbours are none of its business. Nor does
    /// one whose neighbours measure the link.
    pub(super) fn delay_req(
        &self,
        header: &Header,
        (stamp, from): (Option<Stamp>, Option<Address>),
        out: &mut impl Sink<Effect>,
    ) {
        let is_answered =
            self.state == PortState::Master && self.serving.announcement().is_some() && self.peer.is_none();
        if is_answered && self.gate.correction(header.correction_field, out).is_some() {
            self.serving.answer(header, (stamp, from), out);
        }
    }

    /// The answer to a Delay_Req that came by the channel of the event messages, where that takes nothing but the message and its stamp. A
    /// step by it would send the same, count it as received and as sent, and change nothing. `None`: it is for a step.
    pub fn plain_answer(&self, bytes: &[u8], stamp: Option<Stamp>, from: Option<Address>) -> Option<PlainAnswer> {
        let serves = self.state == PortState::Master && self.serving.announcement().is_some();
        if !serves || self.peer.is_some() || self.client.is_some() {
            return None;
        }
        let request = PlainDelayReq::read(bytes).filter(|request| self.gate.admits_plain(*request))?;
        self.gate.usable(request.correction_field()).ok()?;
        let to = from.filter(|_| request.flags().unicast());
        // Who asks for contracts is answered by them.
        if to.is_some() && self.server.is_some() { None } else { self.serving.plain_answer(request, stamp, to) }
    }

    /// It begins to listen: for a whole timeout, if it may become master after it (9.2.6.12).
    pub(super) fn listen(&mut self, now: Timestamp<Mono>) {
        if self.is_decided_for() {
            self.arm_announce_receipt(now, self.config.serving.log_announce_interval);
            self.timers.set(Timer::StateDecision, now + self.config.serving.log_announce_interval.duration());
        }
    }

    /// Tells whom it hears, if that has changed and anybody asks: of a port that can only follow the parent says it.
    pub(super) fn tell_best(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if !self.is_decided_for() {
            return;
        }
        let best = self.erbest(now, self.parent_port()).map(|best| best.data);
        if best != self.best {
            self.best = best;
            out.emit(Effect::Best(best));
        }
    }

    /// Once in an announce interval: who has fallen silent is forgotten.
    pub(super) fn review(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        self.timers.set(Timer::StateDecision, now + self.config.serving.log_announce_interval.duration());
        let heeded: Option<PortIdentity> = match self.state {
            // Whose silence is the announce receipt timeout's business.
            PortState::Passive => self.best.map(|best| best.sender),
            _ => self.parent_port(),
        };
        self.foreign.expire(now, heeded, out);
        self.tell_best(now, out);
    }

    /// Nobody is heard any more, or was ever: the port is master, if the clock has time to serve (9.2.6.12). Until the clock
    /// has said what to announce, which it does now, nothing is sent.
    pub(super) fn nobody_is_heard(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if self.recommended == Recommendation::Silent {
            return self.fall_silent(now, StateReason::AnnounceReceiptTimeout, out);
        }
        if self.own_port_serves() {
            return self.leave_the_link_to_the_own_port(out);
        }
        self.change_state(Event::AnnounceReceiptTimeout, StateReason::AnnounceReceiptTimeout, out);
        if !matches!(self.recommended, Recommendation::Master(_)) {
            self.serving.announce_as(None);
        }
        self.serving.start(now);
    }

    /// What the clock says that this port should be.
    pub(super) fn decided(&mut self, now: Timestamp<Mono>, decision: &Decision, out: &mut impl Sink<Effect>) {
        if self.config.role == Role::Slave {
            return;
        }
        let before = self.serving.announcement().map(|announcement| announcement.grandmaster);
        self.recommended = decision.recommendation;
        let is_master = matches!(decision.recommendation, Recommendation::Master(_));
        self.serving.announce_as(is_master.then_some(decision.announcement));
        self.serving.count_tai(decision.counts_tai);
        self.serving.hand_on(decision.forwarded);
        if before.is_some_and(|before| before != decision.announcement.grandmaster) && self.state == PortState::Master {
            // Those behind us hear of another grandmaster now and not at the next interval.
            self.serving.start(now);
        }
        self.qualification = decision.qualification_intervals();
        self.be_as_recommended(now, out);
    }

    /// Becomes what it was told to be, as far as it is not.
    pub(super) fn be_as_recommended(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if matches!(self.state, PortState::Initializing | PortState::Faulty | PortState::Disabled) {
            return;
        }
        match self.recommended {
            Recommendation::Silent => self.fall_silent(now, StateReason::NoTime, out),
            Recommendation::Slave => {
                self.serving.stop();
                self.timers.clear(Timer::Qualification);
                self.follow_best(now, out);
            }
            Recommendation::Passive => {
                if self.state != PortState::Passive {
                    self.be_passive(StateReason::BetterHeard, out);
                }
                if self.timers.get(Timer::AnnounceReceipt).is_none() {
                    self.arm_announce_receipt(now, self.config.serving.log_announce_interval);
                }
            }
            Recommendation::Master(_) if self.own_port_serves() => self.leave_the_link_to_the_own_port(out),
            Recommendation::Master(by) => self.be_master(now, by, out),
        }
    }

    pub(super) fn be_passive(&mut self, reason: StateReason, out: &mut impl Sink<Effect>) {
        self.lose_parent(out);
        self.serving.stop();
        self.timers.clear(Timer::Qualification);
        self.change_state(Event::RecommendedPassive, reason, out);
    }

    fn be_master(&mut self, now: Timestamp<Mono>, by: MasterBy, out: &mut impl Sink<Effect>) {
        let is_still_listening = self.state == PortState::Listening && self.is_decided_for() && self.best.is_none();
        if matches!(self.state, PortState::Master | PortState::PreMaster) || is_still_listening {
            return;
        }
        self.lose_parent(out);
        let reason = match (self.config.role, by) {
            (Role::Master, _) => StateReason::ConfiguredMaster,
            (_, MasterBy::M3) => StateReason::HandsOn,
            (_, MasterBy::M1 | MasterBy::M2) => StateReason::BestClock,
        };
        self.change_state(Event::RecommendedMaster, reason, out);
        let wait = self.config.serving.log_announce_interval.duration().times(i64::from(self.qualification));
        if self.qualification == 0 {
            self.qualified(now, out);
        } else {
            self.timers.set(Timer::Qualification, now + wait);
        }
    }

    /// Nobody better has spoken up.
    pub(super) fn qualified(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if self.state == PortState::PreMaster {
            let reason = match self.recommended {
                Recommendation::Master(MasterBy::M3) => StateReason::HandsOn,
                _ if self.config.role == Role::Master => StateReason::ConfiguredMaster,
                _ => StateReason::BestClock,
            };
            self.change_state(Event::QualificationTimeout, reason, out);
            self.serving.start(now);
        }
    }

    /// The clock has no time to serve: whoever was master listens, as after its start.
    fn fall_silent(&mut self, now: Timestamp<Mono>, reason: StateReason, out: &mut impl Sink<Effect>) {
        self.serving.stop();
        self.timers.clear(Timer::Qualification);
        if self.state != PortState::Listening {
            count(out, Counter::Silenced);
            self.lose_parent(out);
            self.change_state(Event::Initialize, reason, out);
            self.change_state(Event::Initialized, reason, out);
            self.listen(now);
        } else if self.timers.get(Timer::AnnounceReceipt).is_none() && self.is_decided_for() {
            self.arm_announce_receipt(now, self.config.serving.log_announce_interval);
        }
    }
}

#[cfg(test)]
mod tests;
