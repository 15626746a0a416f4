//! What the NTP clients of the hosts and their servers say to each other.

use super::{Event, GRACE, Taken, World};
use crate::ntp::client::{Effect, Input, RequestToken};
use crate::ntp::server::ANSWER_LENGTH_MAX;
use crate::sim::node::{Role, Way, happens};
use crate::sim::{NodeId, Passage};
use crate::time::{ClockId, Duration, Stamp};
use crate::wire::ntp::HEADER_LENGTH;

/// The clients of a host are known by their place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    host: NodeId,
    place: usize,
    token: RequestToken,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum NtpEvent {
    /// A request arrives at a server.
    Request { whose: Whose, server: NodeId, frame: [u8; HEADER_LENGTH] },
    /// An answer arrives.
    Answer { whose: Whose, frame: [u8; ANSWER_LENGTH_MAX], stamp: Taken },
    /// The stamp of a request is known.
    Sent { whose: Whose, stamp: Option<Stamp> },
    /// The name that a client of a host asks by was looked up, or nobody answered.
    Found { host: NodeId, place: usize },
}

/// What a name server takes to answer,
const NAME_FOUND: Duration = Duration::from_millis(30);
/// and how long the resolver waits for one that does not (resolv.conf(5): twice five seconds).
const NAME_GIVEN_UP: Duration = Duration::from_secs(10);

impl NtpEvent {
    /// The host that must run for it.
    pub fn waits_for(&self) -> Option<NodeId> {
        match self {
            Self::Request { .. } => None,
            Self::Answer { whose, .. } | Self::Sent { whose, .. } => Some(whose.host),
            Self::Found { host, .. } => Some(*host),
        }
    }
}

impl World {
    pub(super) fn tick_clients(&mut self, host: NodeId) {
        let Role::Host(role) = &mut self.nodes[host.0].role else { return };
        let (clients, hurries, demand) = (role.clients(), role.take_hurry(), role.take_demand());
        for place in 0..clients {
            let Role::Host(role) = &self.nodes[host.0].role else { return };
            if hurries && role.asked(place).is_some() {
                self.step_client(host, place, Input::Hurry);
            }
            let Role::Host(role) = &self.nodes[host.0].role else { return };
            if let Some(demand) = demand.filter(|_| role.asked(place).is_some()) {
                self.step_client(host, place, Input::Demand(demand));
            }
            let Role::Host(role) = &mut self.nodes[host.0].role else { return };
            if role.looks_up(self.now, place) {
                let takes = if role.has_names() { NAME_FOUND } else { NAME_GIVEN_UP };
                self.push(self.now + takes, Event::Ntp(NtpEvent::Found { host, place }));
            }
            let Role::Host(role) = &self.nodes[host.0].role else { return };
            if role.is_client_due(self.now, place) {
                self.step_client(host, place, Input::Tick);
            }
        }
    }

    pub(super) fn handle_ntp(&mut self, event: NtpEvent) {
        match event {
            NtpEvent::Request { whose, server, frame } => self.serve(whose, server, &frame),
            NtpEvent::Answer { whose: Whose { host, place, token }, frame, stamp } => {
                let stamp = match stamp {
                    Taken::Before(stamp) => stamp,
                    Taken::NotYet => self.stamp_of_answer(host),
                };
                self.step_client(host, place, Input::Received { token, bytes: &frame, stamp });
            }
            NtpEvent::Found { host, place } => {
                if let Role::Host(role) = &mut self.nodes[host.0].role {
                    role.found(self.now, place);
                }
                self.settle(host);
                self.look_at_helm(host);
            }
            NtpEvent::Sent { whose: Whose { host, place, token }, stamp } => {
                self.step_client(host, place, Input::Sent { token, stamp });
            }
        }
    }

    /// The kernel stamps what comes in though nobody reads it; unless the whole machine stands still.
    pub(super) fn stamped_in_time(&mut self, event: NtpEvent, stamps_wait: bool) -> NtpEvent {
        match event {
            NtpEvent::Answer { whose, frame, stamp: Taken::NotYet } if !stamps_wait => {
                NtpEvent::Answer { whose, frame, stamp: Taken::Before(self.stamp_of_answer(whose.host)) }
            }
            other => other,
        }
    }

    fn stamp_of_answer(&mut self, host: NodeId) -> Option<Stamp> {
        let now = self.now;
        let node = &mut self.nodes[host.0];
        let is_lost = happens(node.stamps.rx_loss, &mut node.random);
        match &mut node.role {
            Role::Host(host) if !is_lost => Some(host.stamp_of_kernel(now, Way::In)),
            _ => None,
        }
    }

    /// One input of a client, and all that follows at once.
    fn step_client(&mut self, id: NodeId, place: usize, input: Input<'_>) {
        let now = self.now;
        let mut effects = Vec::new();
        let Role::Host(host) = &mut self.nodes[id.0].role else { return };
        host.step_client(now, place, input, &mut effects);
        let mut is_measured = false;
        for effect in &effects {
            if let Effect::Send { frame, token } = effect {
                self.ask_server(Whose { host: id, place, token: *token }, frame);
                continue;
            }
            let node = &mut self.nodes[id.0];
            let Role::Host(host) = &mut node.role else { return };
            host.apply_client(now, place, effect);
            if let Effect::Observe(observation) = effect {
                is_measured = true;
                if host.steered_by() == Some(observation.source) {
                    let direction = usize::from(matches!(observation.received.clock, ClockId::Remote(_)));
                    node.past.heard(now, node.role.stalled_for(now), direction);
                }
            }
        }
        if is_measured {
            self.nodes[id.0].watch.message(now, GRACE);
        }
        self.settle(id);
        self.look_at_helm(id);
    }

    fn ask_server(&mut self, whose: Whose, frame: &[u8; HEADER_LENGTH]) {
        let now = self.now;
        self.digest.bytes(frame);
        let Role::Host(host) = &mut self.nodes[whose.host.0].role else { return };
        let Some(server) = host.asked(whose.place) else { return };
        let stamp = host.stamp_of_kernel(now, Way::Out);
        let Self { links, queue, .. } = self;
        for link in links.iter_mut().filter(|link| (link.from, link.to) == (whose.host, server)) {
            for Passage { arrival, .. } in link.carry(now, frame).into_iter().flatten() {
                let event = Event::Ntp(NtpEvent::Request { whose, server, frame: *frame });
                queue.push(arrival, event).expect("no scenario has so many messages under way");
            }
        }
        let node = &mut self.nodes[whose.host.0];
        let (takes, comes) = node.stamps.tx.draw(&mut node.random);
        self.push(now + takes, Event::Ntp(NtpEvent::Sent { whose, stamp: comes.then_some(stamp) }));
    }

    fn serve(&mut self, whose: Whose, server: NodeId, frame: &[u8; HEADER_LENGTH]) {
        let (now, truth) = (self.now, self.truth);
        let Role::Server(role) = &mut self.nodes[server.0].role else { return };
        let Some((answer, leaves)) = role.answer(now, &truth, frame) else { return };
        self.digest.bytes(&answer);
        let Self { links, queue, .. } = self;
        for link in links.iter_mut().filter(|link| (link.from, link.to) == (server, whose.host)) {
            for Passage { arrival, .. } in link.carry(leaves, &answer).into_iter().flatten() {
                let event = Event::Ntp(NtpEvent::Answer { whose, frame: answer, stamp: Taken::NotYet });
                queue.push(arrival, event).expect("no scenario has so many messages under way");
            }
        }
    }
}
