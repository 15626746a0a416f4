//! A port that asks a table of masters instead of hearing a group, or is asked (IEEE 1588-2019 16.1).

use super::Port;
use super::parent::FIRST_DELAY_REQ;
use crate::engine::{Random, Sink};
use crate::ptp::counters::{Counter, count};
use crate::ptp::unicast::client::Client;
use crate::ptp::unicast::server::Server;
use crate::ptp::unicast::{ANYBODY, HEEDED_MAX, Service};
use crate::ptp::{Address, Config, Effect, PortState};
use crate::time::{Local, LogInterval, Mono, Stamp, Timestamp};
use crate::wire::ptp::{Body, Header, Message, PortIdentity, Sender};

/// The side of a port that is asked. Its key is drawn beside all else that the port draws.
pub(super) fn server(config: &Config, sender: Sender) -> Option<Server> {
    let key = Random::seeded(config.seed).branch(KEY_BRANCH).next_u64();
    Server::new(config.unicast_server, sender, key)
}

/// Of the port's seed.
const KEY_BRANCH: u64 = 0x0c;

impl Port {
    /// Whether a message is to be looked at. Without a table everything is; with one, of those that a master sends only
    /// what was asked for.
    pub(super) fn is_asked_for(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        from: Option<Address>,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        let Some(client) = &mut self.client else { return true };
        match message.body {
            Body::Announce(_) | Body::Sync(_) | Body::FollowUp(_) | Body::DelayResp(_) => {
                client.admit(now, &message.header, from, out)
            }
            _ => true,
        }
    }

    /// What is said of contracts.
    pub(super) fn signaling(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        from: Option<Address>,
        out: &mut impl Sink<Effect>,
    ) {
        let Body::Signaling(signaling) = message.body else { return };
        let (own, target) = (self.config.port_identity(), signaling.target_port_identity);
        let is_for_us = [own.clock_identity, ANYBODY.clock_identity].contains(&target.clock_identity)
            && [own.port_number, ANYBODY.port_number].contains(&target.port_number);
        if !is_for_us {
            return;
        }
        self.heed_intervals(now, message, out);
        self.hear_capable(now, message);
        let is_master = self.serves_contracts(now);
        if self.client.is_some() || self.server.is_some() {
            let heeded = message.tlvs.iter().take(HEEDED_MAX);
            heeded.filter(|tlv| tlv.extension().is_err()).for_each(|_| count(out, Counter::UnicastMalformed));
        }
        // Of two clocks that each have the other in their table each is a client too, and one message may speak to both sides.
        if let (Some(server), Some(from)) = (&mut self.server, from) {
            server.signaling(now, message, from, is_master, out);
            if !self.client.as_ref().is_some_and(|client| client.knows(from)) {
                return;
            }
        }
        let Some(client) = &mut self.client else { return };
        let before = client.granted(Service::DelayResp);
        client.signaling(now, message, from, out);
        let granted = client.granted(Service::DelayResp);
        if let Some(interval) = granted.filter(|_| granted != before) {
            self.delay_req_interval = interval;
            if before.is_none() {
                self.arm_delay_req(now, FIRST_DELAY_REQ.min(interval));
            }
        }
    }

    /// Whether it has a time to serve by contracts.
    fn serves_contracts(&self, now: Timestamp<Mono>) -> bool {
        self.state == PortState::Master && self.serving.announcement().is_some() && self.is_capable(now)
    }

    /// Whether a Delay_Req is one for which contracts count, and so is answered here or not at all.
    pub(super) fn is_contracted(
        &self,
        now: Timestamp<Mono>,
        header: &Header,
        from: Option<Address>,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        let (Some(server), Some(from)) = (&self.server, from) else { return false };
        if !header.flags.unicast() || !self.serves_contracts(now) {
            return false;
        }
        if !server.answers(now, from, header.source_port_identity) {
            count(out, Counter::UnicastNoContract);
        } else if self.gate.correction(header.correction_field, out).is_some() {
            self.serving.answer(header, (stamp, Some(from)), out);
        }
        true
    }

    /// Sends what contracts want by now.
    pub(super) fn serve_contracts(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        let is_master = self.serves_contracts(now);
        if let Some(server) = &mut self.server {
            let serving = is_master.then_some(&mut self.serving);
            server.tick((now, local), serving, &mut self.next_token, out);
        }
    }

    /// The side of the port that asks, if it does.
    pub(in crate::ptp) const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// The side that is asked.
    pub(in crate::ptp) const fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// The Sync interval that was granted.
    pub(super) fn granted_sync_interval(&self) -> Option<LogInterval> {
        self.client.as_ref().and_then(|client| client.granted(Service::Sync))
    }

    /// The announce interval that this master has granted.
    pub(super) fn granted_announce_interval(&self, master: PortIdentity) -> Option<LogInterval> {
        self.client.as_ref().and_then(|client| client.announce_interval(master))
    }

    /// The contracts are with the parent, and those with others end.
    pub(super) fn keep_contracts(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let parent: Option<PortIdentity> = self.parent_port();
        if let Some(client) = &mut self.client {
            client.follow(now, parent, out);
        }
    }

    /// Messages can pass.
    pub(super) fn start_asking(&mut self, now: Timestamp<Mono>) {
        self.client.iter_mut().for_each(|client| client.start(now));
    }

    /// No message can pass.
    pub(super) fn stop_asking(&mut self) {
        self.client.iter_mut().for_each(Client::stop);
        self.server.iter_mut().for_each(Server::stop);
    }
}

#[cfg(test)]
mod tests;
