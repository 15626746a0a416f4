#![cfg_attr(not(test), no_main)]
//! Any octets as datagrams of several hosts to one server, with the time between them: who is answered, in which mode, and questions of mode 6.
//!
//! ```text
//! datagram: from u8 | wait u8, its square in ms | options u8 | length u8 | its octets
//!   options: 1 it is known when the answer left, 2 the origin is the last answer's receive stamp, 4 its receive stamp is unlike the
//!            transmit stamp, 8 our clock was stepped before, 16 a question's answer is one octet longer than a fragment takes
//! ```

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use synchronome::ntp::server::{
    ANSWER_LENGTH_MAX, AccessList, Admission, CLIENTS_MIN, Clients, Departure, Departures, Gate, Kiss, RateLimit,
    Request, ResponseConfig, refuse, respond_interleaved,
};
use synchronome::sharing::TimeSnapshot;
use synchronome::time::{ClockEpoch, Duration, LeapIndicator, Local, Mono, NtpTimestamp, SyncState, Timestamp};
use synchronome::wire::ntp::{
    CONTROL_DATA_MAX, CONTROL_HEADER_LENGTH, ControlError, ControlRequest, Header, Mode, is_control, parse,
};

synchronome_fuzz::target!(check);

/// Local time when the monotonic clock shows zero.
const START: Timestamp<Local> = Timestamp::from_secs(1_790_000_000);

struct World {
    gate: Gate,
    departures: Departures,
    /// Of the answers whose departure is known: their receive stamp, and when they left.
    departed: Vec<(NtpTimestamp, NtpTimestamp)>,
    /// The receive stamp of the last answer.
    receive: NtpTimestamp,
    now: Timestamp<Mono>,
    epoch: ClockEpoch,
}

/// One of the hosts: the first eight octets are of those that are denied and ignored.
fn host(from: u8) -> SocketAddr {
    let address = match from {
        0..4 => IpAddr::from([192, 0, 2, from]),
        4..8 => IpAddr::from([198, 51, 100, from]),
        8..128 => IpAddr::from([10, 0, 0, from]),
        _ => IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(from & 7), 0, 0, 0, u16::from(from))),
    };
    SocketAddr::new(address, 123 + u16::from(from & 64) * 100)
}

impl World {
    fn new() -> Self {
        let prefix = |text: &str| text.parse().expect("a prefix");
        let access = AccessList::new(&[], &[prefix("192.0.2.0/24")], &[prefix("198.51.100.0/24")]);
        let limit = RateLimit { interval: Duration::SECOND, burst: 2 };
        Self {
            gate: Gate::new(access, Clients::new(CLIENTS_MIN, Some(limit), 3)),
            departures: Departures::default(),
            departed: Vec::new(),
            receive: NtpTimestamp::UNSET,
            now: Timestamp::from_secs(1),
            epoch: ClockEpoch(0),
        }
    }

    fn snapshot(&self) -> TimeSnapshot {
        TimeSnapshot {
            state: SyncState::Locked,
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            anchor_local: START,
            anchor_utc: START.read_as(),
            is_bounded: true,
            last_sample: Some(self.now),
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        }
    }

    fn hear(&mut self, from: SocketAddr, is_departure_known: bool, data: &[u8]) {
        let local = START + (self.now - Timestamp::EPOCH);
        let request = Request {
            data,
            from_port: from.port(),
            received: local,
            hardware: None,
            now: local + Duration::from_nanos(9),
        };
        let (snapshot, config, mut out) = (self.snapshot(), ResponseConfig::default(), [0; ANSWER_LENGTH_MAX]);
        let admission = self.gate.admit(self.now, from, data);
        match from.ip() {
            IpAddr::V4(ip) if ip.octets()[0] == 192 => assert_eq!(admission, Admission::Kiss(Kiss::Deny)),
            IpAddr::V4(ip) if ip.octets()[0] == 198 => assert!(matches!(admission, Admission::Drop(_))),
            _ => assert_ne!(admission, Admission::Kiss(Kiss::Deny)),
        }
        match admission {
            Admission::Drop(_) => {}
            Admission::Kiss(kiss) => {
                let Ok(answer) = refuse(&request, kiss, &snapshot, config, &mut out) else { return };
                let header = answered(data, &out[..answer.length]);
                assert!(header.stratum == 0 && header.leap == LeapIndicator::Unknown && !answer.is_synchronised);
                assert!([*b"DENY", *b"RATE"].contains(&header.reference_id));
            }
            Admission::Answer => {
                let departures = &mut self.departures;
                let Ok(made) = respond_interleaved(&request, &snapshot, config, departures, &mut out) else { return };
                let header = answered(data, &out[..made.answer.length]);
                let asked = parse(data).expect("it was answered").header;
                if made.is_interleaved {
                    let left = (asked.origin_timestamp, header.transmit_timestamp);
                    assert!(self.departed.contains(&left), "that answer left then");
                    assert_eq!(header.origin_timestamp, asked.receive_timestamp);
                } else {
                    assert_eq!(header.origin_timestamp, asked.transmit_timestamp);
                }
                if let Some(receive) = made.awaited {
                    assert_eq!(receive, header.receive_timestamp);
                    if is_departure_known {
                        let departure = Departure::new(request.now.read_as(), Duration::from_nanos(40));
                        self.departures.departed(receive, departure);
                        self.departed.push((receive, departure.transmit()));
                    }
                }
                self.receive = header.receive_timestamp;
            }
        }
    }
}

/// An answer of any kind: whole, of the right mode, no longer than what was asked.
fn answered(data: &[u8], answer: &[u8]) -> Header {
    assert!(answer.len() <= data.len());
    let header = parse(answer).expect("our own answer parses").header;
    assert!(matches!(header.mode, Mode::Server | Mode::SymmetricPassive));
    header
}

/// The fragments of a question's answer make the answer again, and each fits.
fn ask(octets: &[u8], length: usize) {
    let Some(question) = ControlRequest::parse(octets) else { return };
    let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
    let mut joined = Vec::new();
    for fragment in question.answer(0x0615, &data) {
        assert!(is_control(&fragment) && fragment.len() <= CONTROL_HEADER_LENGTH + CONTROL_DATA_MAX);
        assert_eq!(ControlRequest::parse(&fragment), None, "an answer is no question");
        let word = |at: usize| usize::from(u16::from_be_bytes([fragment[at], fragment[at + 1]]));
        assert_eq!(word(8), joined.len());
        joined.extend_from_slice(&fragment[CONTROL_HEADER_LENGTH..][..word(10)]);
    }
    assert_eq!(joined, data);
    assert_eq!(question.refuse(ControlError::Operation).len(), CONTROL_HEADER_LENGTH);
}

/// One datagram from the front of the octets; `None` where they end.
fn feed_one(world: &mut World, octets: &mut &[u8]) -> Option<()> {
    let ([from, wait, options, length], rest) = octets.split_first_chunk()?;
    let (datagram, rest) = rest.split_at_checked(usize::from(*length))?;
    *octets = rest;
    world.now = world.now + Duration::from_millis(i64::from(*wait) * i64::from(*wait)) + Duration::from_micros(1);
    if options & 8 != 0 {
        world.epoch = ClockEpoch(world.epoch.0.wrapping_add(1));
        world.departed.clear();
    }
    world.departures.in_epoch(world.epoch);
    let mut datagram = datagram.to_vec();
    if options & 2 != 0 && datagram.len() >= 48 {
        datagram[24..32].copy_from_slice(&world.receive.to_bits().to_be_bytes());
    }
    if options & 4 != 0 && datagram.len() >= 48 {
        datagram[32..40].copy_from_slice(&[7; 8]);
    }
    if is_control(&datagram) {
        ask(&datagram, if options & 16 != 0 { CONTROL_DATA_MAX + 1 } else { usize::from(*from) * 8 });
    }
    world.hear(host(*from), options & 1 != 0, &datagram);
    Some(())
}

fn check(mut octets: &[u8]) {
    let mut world = World::new();
    while feed_one(&mut world, &mut octets).is_some() {}
    let mut top = [None; CLIENTS_MIN];
    assert!(world.gate.clients().busiest(&mut top) <= CLIENTS_MIN);
}
