//! Management messages that ask the daemon: from `pmc` of this machine, and over the network where a port allows it.
//!
//! Who sends one request to a group gets at most one response of each port, and all together no more than a budget allows:
//! a flood of requests does not become one of responses, which are longer.

use super::Daemon;
use super::ports::RunningPort;
use crate::config::PtpConfig;
use crate::observe::{Level, Topic};
use crate::ptp::{Asker, MANAGEMENT_MAX, ManagedClock, Setting, asks_for_addresses, forwarded, manage};
use crate::runtime::host::{addresses_of, mac_of};
use crate::runtime::management::{LocalRequest, ManagementSocket, REQUEST_MAX, Subscribers};
use crate::runtime::model::Moment;
use crate::runtime::port::ManagementPacket;
use crate::sharing::{RingReader, RingWriter};
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::{ClockIdentity, Message, parse, write};

/// Requests that one turn answers, so that a flood leaves the thread time for its work.
const REQUESTS_MAX: usize = 64;

/// Messages over the network that are answered or forwarded at once by a port.
const BURST: u32 = 64;
/// And one more each time that this has passed.
const EVERY: Duration = Duration::from_micros(31_250);

/// What a port hears of management, and what it is given to send.
#[derive(Debug)]
pub(super) struct NetworkManagement {
    requests: RingReader<ManagementPacket>,
    responses: RingWriter<ManagementPacket>,
    /// How many more may be answered now, and since when that is so.
    budget: u32,
    counted_at: Timestamp<Mono>,
}

impl NetworkManagement {
    pub(super) fn new(
        now: Timestamp<Mono>,
        requests: RingReader<ManagementPacket>,
        responses: RingWriter<ManagementPacket>,
    ) -> Self {
        Self { requests, responses, budget: BURST, counted_at: now }
    }

    pub(super) fn is_asked(&self) -> bool {
        !self.requests.is_empty()
    }

    /// The next message that is within the budget; the others are thrown away.
    fn next(&mut self, now: Timestamp<Mono>) -> Option<ManagementPacket> {
        while self.budget < BURST && self.counted_at + EVERY <= now {
            self.budget += 1;
            self.counted_at = self.counted_at + EVERY;
        }
        if self.budget == BURST {
            self.counted_at = now;
        }
        while let Some(packet) = self.requests.pop() {
            if self.budget > 0 {
                self.budget -= 1;
                return Some(packet);
            }
        }
        None
    }
}

/// By which way a message came.
pub(super) enum Way<'a> {
    /// Over the network, by the port of this row.
    Port(usize),
    /// By the socket of this machine; those who are told by it.
    Socket(&'a LocalRequest, &'a mut Subscribers),
}

impl Daemon {
    /// Answers the management messages that the ports have heard, and forwards those of others.
    pub(super) fn answer_network(&mut self, now: Timestamp<Mono>) {
        for row in 0..self.ports.len() {
            let next = |port: &mut Option<RunningPort>| port.as_mut()?.management.as_mut()?.next(now);
            while let Some(packet) = next(&mut self.ports[row]) {
                let Ok(message) = parse(packet.octets()) else { continue };
                let is_unicast = message.header.flags.unicast();
                let mut responses = Vec::new();
                let by = Asker::Network { port: self.config.ptp_port_number(row) };
                let is_of_this_port = |config: &PtpConfig| {
                    (config.domain, config.sdo_id) == (message.header.domain_number, message.header.sdo_id)
                };
                if !is_of_this_port(&self.config.ptp[row]) {
                    continue;
                }
                self.manage(&message, by, Way::Port(row), &mut |response| {
                    responses.extend(ManagementPacket::new(response, packet.peer.filter(|_| is_unicast)));
                });
                for response in responses {
                    self.send_management(row, &response);
                }
                if !is_unicast {
                    self.forward(row, &message);
                }
            }
        }
    }

    /// To the other ports of the clock, with one hop less; from and to those that are part of the tree of masters and slaves,
    /// which has no loop.
    fn forward(&mut self, from: usize, message: &Message<'_>) {
        let clocks = self.ptp_clocks();
        let number = |row: usize| self.config.ptp_port_number(row);
        let forwards = |clock: &ManagedClock, row: usize| self.is_of(clock, row) && clock.forwards(number(row));
        let Some(clock) = clocks.iter().find(|clock| forwards(clock, from)) else { return };
        let Some(message) = forwarded(message, clock.default_ds.clock_identity) else { return };
        let mut octets = [0; MANAGEMENT_MAX];
        let Ok(length) = write(&message, &mut octets) else { return };
        let Some(packet) = ManagementPacket::new(&octets[..length], None) else { return };
        let others: Vec<_> = (0..self.ports.len()).filter(|row| *row != from && forwards(clock, *row)).collect();
        for row in others {
            self.send_management(row, &packet);
        }
    }

    fn send_management(&mut self, row: usize, packet: &ManagementPacket) {
        if let Some(management) = self.ports[row].as_mut().and_then(|port| port.management.as_mut()) {
            management.responses.push(*packet);
        }
    }

    /// Whether the port of this row is one of this clock's.
    fn is_of(&self, clock: &ManagedClock, row: usize) -> bool {
        let config = &self.config.ptp[row];
        let identity = config.clock_identity.map(ClockIdentity).or(self.identity);
        (config.domain, config.sdo_id) == (clock.default_ds.domain_number, clock.sdo_id)
            && identity == Some(clock.default_ds.clock_identity)
    }

    /// The data sets of the PTP clocks, as of now.
    pub(super) fn ptp_clocks(&mut self) -> Vec<ManagedClock> {
        let snapshot = self.snapshot();
        let at = Moment { now: self.host.mono(), local: self.host.stamping(), snapshot: &snapshot };
        self.model.ptp_clocks(&self.config, self.identity, at)
    }

    /// Answers what `pmc` of this machine asks; whether there may be more.
    pub(in crate::runtime) fn answer_management(&mut self, socket: &mut ManagementSocket) -> bool {
        let mut buffer = [0; REQUEST_MAX];
        let now = self.host.mono();
        socket.try_again(now);
        for _ in 0..REQUESTS_MAX {
            let request = match socket.receive(&mut buffer) {
                Ok(Some(request)) => request,
                Ok(None) => return false,
                Err(error) => {
                    self.record(Level::Warn, Topic::Ptp, format!("PTP management cannot be read: {error}"));
                    return false;
                }
            };
            let Ok(message) = parse(&buffer[..request.length]) else { continue };
            let mut failed = None;
            let by = Asker::Local { is_owner: request.is_owner };
            let mut subscribers = std::mem::take(&mut socket.subscribers);
            self.manage(&message, by, Way::Socket(&request, &mut subscribers), &mut |response| {
                failed = failed.take().or(socket.respond(now, &request, response));
            });
            socket.subscribers = subscribers;
            if let Some(error) = failed {
                let text = format!("PTP management: the answer to {} cannot be sent: {error}", request.name());
                self.record(Level::Warn, Topic::Ptp, text);
            }
        }
        true
    }

    /// Tells those who have subscribed by the socket what has changed.
    pub(in crate::runtime) fn tell_subscribers(&mut self, socket: &mut ManagementSocket) {
        if !socket.subscribers.is_empty() {
            socket.tell(self.host.mono(), self.ptp_clocks());
        }
    }

    /// Answers a management message for each clock that it is for, and does what the owner has set. Who is on this machine may subscribe.
    pub(super) fn manage(&mut self, message: &Message<'_>, by: Asker, mut way: Way<'_>, send: &mut impl FnMut(&[u8])) {
        let wants_addresses = asks_for_addresses(message);
        let (now, who) = (self.host.mono(), message.header.source_port_identity);
        for mut clock in self.ptp_clocks() {
            // What a port hears is for the clock that it is of.
            if matches!(way, Way::Port(row) if !self.is_of(&clock, row)) {
                continue;
            }
            for port in clock.ports.iter_mut().filter(|_| wants_addresses) {
                port.physical_address = mac_of(&port.interface).map(Vec::from).unwrap_or_default();
                let (v4, v6) = addresses_of(&port.interface).unwrap_or_default();
                port.protocol_address = match port.network_protocol {
                    1 => v4.map(|address| address.octets().to_vec()),
                    2 => v6.map(|address| address.octets().to_vec()),
                    _ => Some(port.physical_address.clone()),
                }
                .unwrap_or_default();
            }
            if let Way::Socket(_, subscribers) = &way {
                clock.subscription = subscribers.of(&clock, who, now);
                clock.may_subscribe = subscribers.has_room(&clock, who, now);
            }
            match manage(&mut clock, message, by, send) {
                Some(Setting::Priority1(priority)) => self.config.clock.ptp.priority1 = priority,
                Some(Setting::Priority2(priority)) => self.config.clock.ptp.priority2 = priority,
                Some(Setting::Subscription(wanted)) => {
                    if let Way::Socket(request, all) = &mut way {
                        all.put(&clock, who, request, wanted, now);
                    }
                    continue;
                }
                None => continue,
            }
            let own = self.config.clock.ptp;
            let (first, second) = (own.priority1, own.priority2);
            let text = format!("PTP management: priority1 is {first} and priority2 {second} from now on");
            self.record(Level::Info, Topic::Ptp, text);
            self.tell_host_utc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::port::MANAGEMENT_RING;
    use crate::runtime::wake::Sleeper;
    use crate::sharing::Ring;

    #[test]
    fn a_flood_is_answered_as_far_as_the_budget_goes_which_grows_again() {
        let doorbell = Sleeper::new().unwrap().doorbell();
        let (mut asker, requests) = Ring::with_capacity(MANAGEMENT_RING, doorbell.clone());
        let (responses, _answers) = Ring::with_capacity(MANAGEMENT_RING, doorbell);
        let start = Timestamp::from_secs(100);
        let mut management = NetworkManagement::new(start, requests, responses);
        let packet = ManagementPacket::new(b"request", None).unwrap();
        let mut answered = |at: Timestamp<Mono>, asked: usize| {
            let mut answered = 0;
            for _ in 0..asked {
                asker.push(packet);
                answered += u32::from(management.next(at).is_some());
            }
            answered
        };
        assert_eq!(answered(start, 1_000), BURST);
        assert_eq!(answered(start + Duration::SECOND, 1_000), 32, "a second later as many as it stands for");
        assert_eq!(answered(start + Duration::from_secs(3_600), 1_000), BURST, "and never more than at first");
    }
}
