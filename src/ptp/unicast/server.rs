//! The side that is asked: who is sent what (IEEE 1588-2019 16.1).
//!
//! What is granted is capped: how often, for how long, and to how many. What is asked for beyond that is refused (a grant of 0 s),
//! but for the duration, of which less is granted. Nobody is granted anything while the port is no master, and what was granted
//! then ends by a cancellation when it would have been due.

use super::contracts::{Contracts, Due, LOG_INTERVAL_MAX, LOG_INTERVAL_MIN, Slot};
use super::{Address, ContractsOf, Effect, HEEDED_MAX, Service, Signaling};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::serving::Serving;
use crate::time::{Local, LogInterval, Mono, Timestamp};
use crate::wire::ptp::{CancelUnicast, Extension, GrantUnicast, Message, PortIdentity, RequestUnicast, Sender};

/// The most messages that are sent by one step: what is due beyond that follows by the next, which is due at once.
pub const UNICAST_BATCH_MAX: usize = 16;

/// To how many, how often and for how long a port sends what it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct UnicastServerConfig {
    /// The most clients, each with up to three contracts; 0: nobody is heard.
    pub clients_max: u32,
    /// The longest contract in seconds: durationField (16.1.4.2), 10 ..= 1,000.
    pub duration_max_s: u32,
    /// The shortest intervals of Announce, Sync and Delay_Resp: logInterMessagePeriod (16.1.4.1), -7 ..= 4.
    pub intervals_min: [LogInterval; 3],
}

impl UnicastServerConfig {
    /// Nobody is heard.
    pub const NOBODY: Self = Self { clients_max: 0, duration_max_s: 300, intervals_min: [LOG_INTERVAL_MIN; 3] };
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Server {
    config: UnicastServerConfig,
    sender: Sender,
    contracts: Contracts,
    sequence_id: u16,
}

impl Server {
    /// `None` if nobody is heard. `key` is known to nobody outside.
    pub fn new(config: UnicastServerConfig, sender: Sender, key: u64) -> Option<Self> {
        let contracts = || Contracts::new(config.clients_max, key);
        (config.clients_max > 0).then(|| Self { config, sender, contracts: contracts(), sequence_id: 0 })
    }

    /// How many contracts there are.
    pub const fn contracts(&self) -> u32 {
        self.contracts.granted()
    }

    /// As [`Contracts::first_clients`].
    pub fn first_clients(&self, places: usize) -> impl Iterator<Item = ContractsOf<Slot>> + '_ {
        self.contracts.first_clients(places)
    }

    /// No message can pass.
    pub fn stop(&mut self) {
        self.contracts.clear();
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.contracts.deadline()
    }

    /// Whether this one's Delay_Req are answered by unicast.
    pub fn answers(&self, now: Timestamp<Mono>, from: Address, identity: PortIdentity) -> bool {
        self.contracts.has(from, identity, Service::DelayResp, Slot::of(now))
    }

    /// What a client asks for or cancels. What is not for this side, and what is malformed, is passed over.
    pub fn signaling(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        from: Address,
        is_master: bool,
        out: &mut impl Sink<Effect>,
    ) {
        let source = message.header.source_port_identity;
        let Self { config, sender, contracts, sequence_id } = self;
        let mut answer = Signaling::new(sender, source, from, sequence_id);
        for tlv in message.tlvs.iter().take(HEEDED_MAX) {
            match tlv.extension() {
                Ok(Extension::RequestUnicast(request)) => {
                    let duration_s =
                        if is_master { granted(config, contracts, now, request, (from, source)) } else { 0 };
                    count(out, if duration_s > 0 { Counter::UnicastServed } else { Counter::UnicastRefused });
                    let RequestUnicast { message_type, log_inter_message_period, .. } = request;
                    let renewal_invited = duration_s > 0;
                    let grant = GrantUnicast { message_type, log_inter_message_period, duration_s, renewal_invited };
                    answer.add(&Extension::GrantUnicast(grant), out);
                }
                Ok(Extension::CancelUnicast(cancel)) if !cancel.maintain_request => {
                    let Some(service) = Service::of(cancel.message_type) else { continue };
                    // Who has nothing is told nothing: that would be an echo for anybody.
                    if contracts.cancel(from, source, service) {
                        count(out, Counter::UnicastLeft);
                        answer.add(&Extension::AcknowledgeCancelUnicast(cancel), out);
                    }
                }
                _ => {}
            }
        }
        answer.send(out);
    }

    /// Sends what is due, at most [`UNICAST_BATCH_MAX`] of it.
    pub fn tick(
        &mut self,
        (now, local): (Timestamp<Mono>, Timestamp<Local>),
        serving: Option<&mut Serving>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        let slot = Slot::of(now);
        let mut serving = serving;
        for _ in 0..UNICAST_BATCH_MAX {
            let Some(due) = self.contracts.take_due(slot) else { break };
            if due.is_over {
                count(out, Counter::UnicastEnded);
                self.contracts.end(due.id);
                continue;
            }
            let Some(serving) = serving.as_deref_mut() else {
                self.withdraw(&due, out);
                continue;
            };
            match due.id.service() {
                Service::DelayResp => {}
                Service::Announce => {
                    let sequence_id = self.contracts.next_sequence_id(due.id);
                    serving.announce_to(due.to, sequence_id, due.interval, out);
                }
                Service::Sync => {
                    let sequence_id = self.contracts.next_sequence_id(due.id);
                    serving.sync_to(due.to, sequence_id, local, next_token, out);
                }
            }
        }
    }

    /// The port is no master any more.
    fn withdraw(&mut self, due: &Due, out: &mut impl Sink<Effect>) {
        self.contracts.end(due.id);
        let message_type = due.id.service().message_type();
        let cancel = CancelUnicast { message_type, maintain_request: true, maintain_grant: false };
        let mut message = Signaling::new(&self.sender, due.identity, due.to, &mut self.sequence_id);
        message.add(&Extension::CancelUnicast(cancel), out);
        message.send(out);
    }
}

/// For how many seconds a request is granted; 0 refuses.
fn granted(
    config: &UnicastServerConfig,
    contracts: &mut Contracts,
    now: Timestamp<Mono>,
    request: RequestUnicast,
    client: (Address, PortIdentity),
) -> u32 {
    let Some(service) = Service::of(request.message_type) else { return 0 };
    let interval = request.log_inter_message_period;
    let duration_s = request.duration_s.min(config.duration_max_s);
    let shortest = config.intervals_min[service as usize].max(LOG_INTERVAL_MIN);
    if duration_s == 0 || interval < shortest || interval > LOG_INTERVAL_MAX {
        return 0;
    }
    let slot = Slot::of(now);
    if contracts.grant(client, service, interval, slot, slot.after_s(duration_s)) { duration_s } else { 0 }
}

#[cfg(test)]
mod tests;
