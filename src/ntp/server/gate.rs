//! Who is answered: by the access list, then by how often he has asked.

use std::net::SocketAddr;

use super::access::{Access, AccessList};
use super::clients::{Clients, Pace};
use super::{Answer, DropReason, Request, ResponseConfig, Stamps, answer_mode};
use crate::sharing::TimeSnapshot;
use crate::time::{LeapIndicator, Mono, NtpShort, NtpTimestamp, Timestamp};
use crate::wire::ntp::{Header, Packet, parse, write};

/// An order to a client, in the place of the time (RFC 5905 7.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kiss {
    /// It is not served.
    Deny,
    /// It asks too often.
    Rate,
}

impl Kiss {
    const fn code(self) -> [u8; 4] {
        match self {
            Self::Deny => *b"DENY",
            Self::Rate => *b"RATE",
        }
    }
}

/// What is done with a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It is answered, if it is a request.
    Answer,
    /// It is answered with an order.
    Kiss(Kiss),
    /// It is not answered.
    Drop(DropReason),
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Gate {
    access: AccessList,
    clients: Clients,
}

impl Gate {
    /// With nobody remembered yet.
    pub const fn new(access: AccessList, clients: Clients) -> Self {
        Self { access, clients }
    }

    /// A datagram came from there.
    pub fn admit(&mut self, now: Timestamp<Mono>, from: SocketAddr, data: &[u8]) -> Admission {
        match self.access.of(from.ip()) {
            Access::Ignore => return Admission::Drop(DropReason::Ignored),
            Access::Deny => return Admission::Kiss(Kiss::Deny),
            Access::Allow => {}
        }
        let version = data.first().map_or(0, |first| first >> 3 & 7);
        match self.clients.heard(now, from.ip(), version) {
            Pace::Answer => Admission::Answer,
            Pace::Kiss => Admission::Kiss(Kiss::Rate),
            Pace::Drop => Admission::Drop(DropReason::TooOften),
        }
    }

    /// Who has asked, for another one's gate.
    pub fn into_clients(self) -> Clients {
        self.clients
    }

    /// Who has asked.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }
}

/// Writes an order as the answer to a request. Its time is not to be used, and says so: leap 3, stratum 0.
///
/// # Errors
/// The [`DropReason`] of what is no request; nothing is to be sent then.
///
/// # Panics
/// If `out` is shorter than [`ANSWER_LENGTH_MAX`](super::ANSWER_LENGTH_MAX).
pub fn refuse(
    request: &Request<'_>,
    kiss: Kiss,
    snapshot: &TimeSnapshot,
    config: ResponseConfig,
    out: &mut [u8],
) -> Result<Answer, DropReason> {
    let asked = parse(request.data)?.header;
    let mode = answer_mode(&asked, request.from_port)?;
    let stamps = Stamps::new(snapshot.utc_at(request.received), snapshot.utc_at(request.now), asked.transmit_timestamp);
    let answer = Header {
        leap: LeapIndicator::Unknown,
        version: asked.version,
        mode,
        stratum: 0,
        poll: asked.poll.max(config.poll_min),
        precision: config.precision,
        root_delay: NtpShort::default(),
        root_dispersion: NtpShort::MAX,
        reference_id: kiss.code(),
        reference_timestamp: NtpTimestamp::UNSET,
        origin_timestamp: asked.transmit_timestamp,
        receive_timestamp: stamps.receive,
        transmit_timestamp: stamps.transmit,
    };
    let length = write(&Packet::plain(answer), out).expect("room for the longest answer");
    Ok(Answer { length, is_synchronised: false, is_local: false })
}

#[cfg(test)]
mod tests {
    use super::super::clients::RateLimit;
    use super::*;
    use crate::ntp::server::ANSWER_LENGTH_MAX;
    use crate::time::{Duration, Local};
    use crate::wire::ntp::Mode;

    const NOW: Timestamp<Mono> = Timestamp::from_secs(1_000);

    fn gate() -> Gate {
        let access = AccessList::new(&[], &["192.0.2.0/24".parse().unwrap()], &["198.51.100.0/24".parse().unwrap()]);
        let limit = RateLimit { interval: Duration::SECOND, burst: 1 };
        Gate::new(access, Clients::new(64, Some(limit), 3))
    }

    fn from(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn request(mode: Mode, data: &mut [u8; ANSWER_LENGTH_MAX]) {
        let asked = Header { mode, transmit_timestamp: NtpTimestamp::from_bits(77), poll: 3, ..Header::default() };
        write(&Packet::plain(asked), data).unwrap();
    }

    #[test]
    fn the_list_comes_before_the_pace() {
        let mut gate = gate();
        let mut data = [0; ANSWER_LENGTH_MAX];
        request(Mode::Client, &mut data);
        let mut admit = |text| gate.admit(NOW, from(text), &data);
        assert_eq!(admit("192.0.2.1:5000"), Admission::Kiss(Kiss::Deny));
        assert_eq!(admit("198.51.100.1:5000"), Admission::Drop(DropReason::Ignored));
        assert_eq!(admit("203.0.113.1:5000"), Admission::Answer);
        let again: Vec<_> = (0..200).map(|_| admit("203.0.113.1:5000")).collect();
        for wanted in [Admission::Answer, Admission::Kiss(Kiss::Rate), Admission::Drop(DropReason::TooOften)] {
            assert!(again.contains(&wanted), "{wanted:?}");
        }
        assert_eq!(gate.clients().busiest(&mut []), 1, "who may not ask is not counted");
    }

    #[test]
    fn an_order_carries_no_time_and_returns_the_origin() {
        let mut data = [0; ANSWER_LENGTH_MAX];
        request(Mode::Client, &mut data);
        let now = Timestamp::<Local>::from_secs(1_790_000_000);
        let asked = Request { data: &data, from_port: 5_000, received: now, hardware: None, now };
        let snapshot = TimeSnapshot::unsynchronised(NOW);
        for (kiss, code) in [(Kiss::Deny, *b"DENY"), (Kiss::Rate, *b"RATE")] {
            let mut out = [0; ANSWER_LENGTH_MAX];
            let answer =
                refuse(&asked, kiss, &snapshot, ResponseConfig { poll_min: 6, ..ResponseConfig::PLAIN }, &mut out);
            assert_eq!(
                answer,
                Ok(Answer { length: data.len(), is_synchronised: false, is_local: false }),
                "never longer than its request"
            );
            let header = parse(&out).unwrap().header;
            assert_eq!((header.stratum, header.leap, header.reference_id), (0, LeapIndicator::Unknown, code));
            assert_eq!((header.mode, header.poll), (Mode::Server, 6));
            assert_eq!(header.origin_timestamp, NtpTimestamp::from_bits(77));
        }
    }

    #[test]
    fn what_is_no_request_gets_no_order_either() {
        let mut data = [0; ANSWER_LENGTH_MAX];
        request(Mode::Server, &mut data);
        let now = Timestamp::<Local>::from_secs(1_790_000_000);
        let asked = Request { data: &data, from_port: 123, received: now, hardware: None, now };
        let snapshot = TimeSnapshot::unsynchronised(NOW);
        let mut out = [0; ANSWER_LENGTH_MAX];
        let answer = refuse(&asked, Kiss::Deny, &snapshot, ResponseConfig::default(), &mut out);
        assert_eq!(answer, Err(DropReason::Mode));
    }
}
