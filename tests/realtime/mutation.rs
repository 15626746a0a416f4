//! Messages as they are, and what a bad network, a bad implementation or a bad person makes of them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use synchronome::engine::Random;
use synchronome::net::{PtpSockets, SocketOptions};
use synchronome::ptp::Channel;
use synchronome::wire::ptp::{ClockIdentity, MessageType, parse};

use crate::live::Live;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);
/// Where sourcePortIdentity.clockIdentity is in a header (IEEE 1588-2019 13.3).
const IDENTITY: std::ops::Range<usize> = 20..28;
/// Octets of the longest datagram that is sent.
const LENGTH_MAX: usize = 300;

/// Valid messages of all types that go over the network of a daemon.
pub struct Captured {
    messages: Vec<Vec<u8>>,
    identities: Vec<ClockIdentity>,
}

impl Captured {
    /// Listens until there is something of everything.
    pub fn from(live: &mut Live) -> Self {
        let (event_port, general_port) = (live.event_port, live.general_port);
        let options = SocketOptions::new("lo", event_port, general_port);
        let mut sockets = PtpSockets::open(&options).expect("beside the others");
        let mut messages: Vec<Vec<u8>> = Vec::new();
        let wanted = [
            MessageType::Announce,
            MessageType::Sync,
            MessageType::FollowUp,
            MessageType::DelayReq,
            MessageType::DelayResp,
        ];
        let has_all = |messages: &[Vec<u8>]| {
            let has = |wanted: &MessageType| messages.iter().any(|message| kind(message) == Some(*wanted));
            messages.len() >= 50 && wanted.iter().all(has)
        };
        let complete = live.until(|_| {
            for channel in [Channel::Event, Channel::General] {
                sockets.receive(channel, |arrived| messages.push(arrived.bytes.to_vec())).ok();
            }
            has_all(&messages)
        });
        assert!(complete, "{} messages", messages.len());
        let senders = messages.iter().filter_map(|message| parse(message).ok());
        let mut identities: Vec<_> =
            senders.map(|message| message.header.source_port_identity.clock_identity).collect();
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), 2, "a grandmaster and a slave");
        Self { messages, identities }
    }

    /// Whether somebody who is known here seems to have sent it, in a message that can be read.
    fn is_forged(&self, datagram: &[u8]) -> bool {
        parse(datagram)
            .is_ok_and(|message| self.identities.contains(&message.header.source_port_identity.clock_identity))
    }

    /// A damaged message: malformed, or from somebody who is never heard again. (A stranger who is heard twice may
    /// qualify and be the better master: that is the protocol, and no damage.)
    pub fn damaged(&self, random: &mut Random) -> Vec<u8> {
        let mut datagram = self.mutated(random);
        if parse(&datagram).is_ok() {
            datagram[IDENTITY].copy_from_slice(&random.next_u64().to_be_bytes());
        }
        datagram
    }

    /// A well-formed message with wrong content, in the name of somebody who is known here.
    pub fn forged(&self, random: &mut Random) -> Vec<u8> {
        loop {
            let datagram = self.mutated(random);
            if self.is_forged(&datagram) {
                return datagram;
            }
        }
    }

    fn mutated(&self, random: &mut Random) -> Vec<u8> {
        let mut datagram = self.messages[below(random, self.messages.len())].clone();
        match random.below(8) {
            0 => datagram.truncate(below(random, datagram.len())),
            1 => {
                let more = below(random, LENGTH_MAX - datagram.len());
                datagram.extend((0..more).map(|_| random.next_u64() as u8));
            }
            2 => datagram.iter_mut().for_each(|octet| *octet = random.next_u64() as u8),
            // What tells a message's type, version and length.
            3 => datagram[below(random, 4)] = random.next_u64() as u8,
            _ => {
                for _ in 0..=random.below(8) {
                    let place = below(random, datagram.len());
                    datagram[place] ^= 1 << random.below(8);
                }
            }
        }
        datagram
    }
}

fn kind(datagram: &[u8]) -> Option<MessageType> {
    parse(datagram).ok().map(|message| message.header.message_type)
}

fn below(random: &mut Random, below: usize) -> usize {
    random.below(below as u64) as usize
}

/// Throws datagrams at the group, to both ports in turn, so many a second, while the daemon is looked after.
pub fn throw(live: &mut Live, count: usize, a_second: usize, mut make: impl FnMut() -> Vec<u8>) {
    let socket = sender();
    let start = Instant::now();
    for number in 0..count {
        let port = if number % 2 == 0 { live.event_port } else { live.general_port };
        let to = SocketAddr::from(SocketAddrV4::new(GROUP, port));
        // A full buffer of loopback loses the datagram, and no harm is done.
        let _ = socket.send_to(&make(), to);
        let due = Duration::from_secs(number as u64) / a_second as u32;
        while start.elapsed() < due {
            live.turn();
        }
    }
}

fn sender() -> UdpSocket {
    let udp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
    udp.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("lo");
    udp.set_multicast_loop_v4(true).expect("a socket");
    udp.into()
}
