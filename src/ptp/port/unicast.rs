//! A port that asks a table of masters instead of hearing a group (IEEE 1588-2019 16.1).

use super::Port;
use super::parent::FIRST_DELAY_REQ;
use crate::engine::Sink;
use crate::ptp::unicast::client::Client;
use crate::ptp::unicast::{ANYBODY, Service};
use crate::ptp::{Address, Effect};
use crate::time::{LogInterval, Mono, Timestamp};
use crate::wire::ptp::{Body, Message, PortIdentity};

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
        let Some(client) = self.client.as_mut().filter(|_| is_for_us) else { return };
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
    }
}

#[cfg(test)]
mod tests;
