//! A master at work, and a crowd that asks it: real sockets, kernel stamps.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration as Wait, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::*;
use crate::clock::HostClock;
use crate::config::ThreadConfig;
use crate::net::{PtpSockets, SocketOptions};
use crate::ptp::{
    Announcement, Config, Counter, Decision, Forwarded, MasterBy, Port, Recommendation, Role, TimeProperties,
};
use crate::runtime::port::{
    FORWARDS_RING, OwnThread, PORT_RING, PortLinks, PortOrder, REPORT_RING, Served, spawn_port,
};
use crate::sharing::{Counters, Flag, Latch, PhcLines, Pulse, Ring, RingWriter, Seqlock, TimeSnapshot};
use crate::time::{LeapIndicator, Local, LogInterval, SourceId, SyncState, TaiUtc};
use crate::wire::ptp::{
    Announce, Body, ClockAccuracy, ClockIdentity, ClockQuality, Flags, PortIdentity, Sender, TimeSource, WireTimestamp,
    parse, write,
};

/// So many requests, one each so often: 2,500 a second.
const REQUESTS: u16 = 4_000;
const SPACING: Wait = Wait::from_micros(400);
/// What the master serves is ahead of the stamps by so much.
const AHEAD: Duration = Duration::from_secs(5);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);
const ANYBODY: Sender = Sender {
    sdo_id: 0,
    minor_version_ptp: 1,
    domain_number: 0,
    source_port_identity: PortIdentity { clock_identity: ClockIdentity([0x33; 8]), port_number: 1 },
};

fn announcement() -> Announcement {
    Announcement {
        grandmaster: ClockIdentity([8; 8]),
        priority1: 128,
        quality: ClockQuality {
            clock_class: 248,
            clock_accuracy: ClockAccuracy::UNKNOWN,
            offset_scaled_log_variance: 0xffff,
        },
        priority2: 128,
        steps_removed: 0,
        time_properties: TimeProperties {
            current_utc_offset: None,
            leap: LeapIndicator::NoWarning,
            ptp_timescale: true,
            time_traceable: false,
            frequency_traceable: false,
            time_source: TimeSource::INTERNAL_OSCILLATOR,
        },
        synchronization_uncertain: false,
    }
}

/// A port on a thread of its own, told to be master.
struct Master {
    ports: [u16; 2],
    counters: Counters<Counter>,
    stop: Latch,
    thread: Option<std::thread::JoinHandle<()>>,
    _orders: RingWriter<PortOrder>,
}

impl Master {
    fn start() -> Self {
        let free = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let ports = [free(), free()].map(|socket| socket.local_addr().unwrap().port());
        let options = SocketOptions::new("lo", ports[0], ports[1]);
        let (now, anchor_local) = (HostClock.mono(), HostClock.stamping());
        let snapshot = TimeSnapshot {
            state: SyncState::Locked,
            tai_utc: Some(TaiUtc(37)),
            anchor_local,
            anchor_utc: (anchor_local + AHEAD).read_as(),
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(now)
        };
        let (sleeper, ours) = (Sleeper::new().unwrap(), Sleeper::new().unwrap());
        let (to_discipline, _) = Ring::with_capacity(PORT_RING, ours.doorbell());
        let (forward, _) = Ring::with_capacity(FORWARDS_RING, ours.doorbell());
        let (mut orders, from_discipline) = Ring::with_capacity(REPORT_RING, sleeper.doorbell());
        let (events, _) = Ring::with_capacity(1, ours.doorbell());
        let (counters, stop) = (Counters::default(), Latch::default());
        let links = PortLinks {
            port: 0,
            to_discipline: Some(to_discipline),
            forwards: Some(forward),
            from_discipline: Some(from_discipline),
            served: Some(Served::new(Seqlock::new(&snapshot).1, Seqlock::new(&PhcLines::default()).1)),
            management: None,
            events,
            counters: counters.clone(),
            link: Flag::new(true),
        };
        let config = Config { role: Role::Master, ..Config::new(SourceId(0), ClockIdentity([8; 8]), 8) };
        let port = PortLoop::new(Port::new(config), PtpSockets::open(&options).unwrap(), links);
        let own = OwnThread { pulse: Pulse::new(now), stop: stop.clone(), sleeper };
        let thread = spawn_port("crowd-at-work", ThreadConfig::default(), port, own).unwrap();
        let recommendation = Recommendation::Master(MasterBy::M1);
        let (announcement, forwarded) = (announcement(), Forwarded::NONE);
        let decision = Decision { recommendation, announcement, counts_tai: false, forwarded };
        assert!(orders.push(PortOrder::Decision(decision)));
        Self { ports, counters, stop, thread: Some(thread), _orders: orders }
    }

    /// Hears what it sends to the group.
    fn listener(&self) -> UdpSocket {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.ports[1])).into()).unwrap();
        socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
        socket.set_recv_buffer_size(1 << 21).unwrap();
        socket.set_read_timeout(Some(Wait::from_millis(500))).unwrap();
        socket.into()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.stop.set();
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || std::thread::panicking());
    }
}

/// When each answer came, and what it says: by sequenceId.
fn answers(listener: &UdpSocket) -> BTreeMap<u16, (Instant, Timestamp<Local>)> {
    let (mut answers, mut octets) = (BTreeMap::new(), [0; 256]);
    while let Ok(length) = listener.recv(&mut octets) {
        let now = Instant::now();
        let message = parse(&octets[..length]).expect("a message");
        if let Body::DelayResp(body) = message.body {
            assert_eq!(body.requesting_port_identity, ANYBODY.source_port_identity);
            let said = body.receive_timestamp.to_timestamp();
            assert_eq!(answers.insert(message.header.sequence_id, (now, said)), None, "answered twice");
            if answers.len() == usize::from(REQUESTS) {
                break;
            }
        }
    }
    answers
}

/// An Announce of a worse master: it changes nothing, and is counted.
fn foreign_announce() -> Vec<u8> {
    let (announced, mut octets) = (announcement(), [0; 128]);
    let announce = Announce {
        origin_timestamp: WireTimestamp::ZERO,
        current_utc_offset: 37,
        grandmaster_priority1: 255,
        grandmaster_clock_quality: announced.quality,
        grandmaster_priority2: 255,
        grandmaster_identity: ANYBODY.source_port_identity.clock_identity,
        steps_removed: 0,
        time_source: TimeSource::INTERNAL_OSCILLATOR,
    };
    let message = ANYBODY.announce(1, LogInterval::new(0), Flags::NONE, announce);
    let length = write(&message, &mut octets).unwrap();
    octets[..length].to_vec()
}

#[test]
fn each_of_a_crowd_is_answered_in_a_moment_with_its_own_stamp_and_what_else_comes_is_seen_meanwhile() {
    let master = Master::start();
    let listener = master.listener();
    std::thread::sleep(Wait::from_millis(300));
    let asking = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (answers, asked, noticed) = std::thread::scope(|scope| {
        let answers = scope.spawn(|| answers(&listener));
        let (begin, mut octets, mut asked) = (Instant::now(), [0; 64], Vec::new());
        let (mut announced_at, mut noticed) = (None, None);
        for sequence_id in 0..REQUESTS {
            while begin.elapsed() < SPACING * u32::from(sequence_id) {
                std::thread::sleep(SPACING / 2);
            }
            let length = write(&ANYBODY.delay_req(sequence_id, Duration::ZERO), &mut octets).unwrap();
            let before = (Instant::now(), HostClock.stamping());
            asking.send_to(&octets[..length], ("127.0.0.1", master.ports[0])).unwrap();
            asked.push((before, HostClock.stamping()));
            if sequence_id == REQUESTS / 2 {
                announced_at = Some(Instant::now());
                asking.send_to(&foreign_announce(), ("127.0.0.1", master.ports[1])).unwrap();
            }
            if noticed.is_none() && master.counters.get(Counter::ReceivedAnnounce) > 0 {
                noticed = announced_at.map(|at| at.elapsed());
            }
        }
        (answers.join().unwrap(), asked, noticed)
    });
    let count = |counter| master.counters.get(counter);
    assert_eq!(count(Counter::SentDelayResp), answers.len() as u64);
    assert_eq!(count(Counter::ReceivedDelayReq), answers.len() as u64);
    assert_eq!(count(Counter::SendFailed), 0);
    // A machine that does not let the thread run for a tenth of a second has no room for what comes meanwhile.
    assert!(answers.len() * 20 > asked.len() * 19, "{} of {REQUESTS} were answered", answers.len());
    let mut latencies = Vec::new();
    for (sequence_id, (answered, said)) in answers {
        let ((sent, earliest), latest) = &asked[usize::from(sequence_id)];
        let arrived = said - AHEAD;
        assert!((*earliest..=*latest).contains(&arrived), "{sequence_id}: {arrived} of {earliest} to {latest}");
        latencies.push(answered - *sent);
    }
    latencies.sort();
    // Half of the time between two looks, were the machine not busy with other things.
    let median = latencies[latencies.len() / 2];
    assert!(median < Wait::from_millis(3), "{median:?}");
    assert!(median > Wait::from_micros(400), "a crowd is answered at set times: {median:?}");
    let noticed = noticed.expect("an Announce was counted");
    assert!(noticed < Wait::from_millis(200), "{noticed:?}");
}
