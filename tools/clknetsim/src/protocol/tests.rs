//! The codec against what clknetsim's own two ends said to each other (`fixtures/README.md`).

use std::collections::BTreeSet;

use super::*;
use crate::record::{Speaker, messages};

const RECORDS: [(&str, &[u8]); 3] = [
    ("chronyd", include_bytes!("../../fixtures/chronyd.rec")),
    ("ptp4l", include_bytes!("../../fixtures/ptp4l.rec")),
    ("setclock", include_bytes!("../../fixtures/setclock.rec")),
];

/// The octets of padding in a request to set the time; the library sends there what it finds in memory.
const SET_TIME_PADDING: std::ops::Range<usize> = 12..16;

/// What was read from a message; the kind of the request that an answer belongs to.
enum Read<'a> {
    Request(Request<'a>),
    Reply(RequestKind, Reply<'a>),
}

fn read<'a>(speaker: Speaker, asked: &mut Option<RequestKind>, message: &'a [u8]) -> Result<Read<'a>, Malformed> {
    match speaker {
        Speaker::Node => {
            let request = Request::parse(message)?;
            *asked = Some(request.kind());
            Ok(Read::Request(request))
        }
        Speaker::Server => {
            let to = asked.expect("somebody has asked");
            Ok(Read::Reply(to, Reply::parse(to, message)?))
        }
    }
}

/// All messages of all records.
fn for_each_message(mut judge: impl FnMut(&str, Speaker, &[u8], Option<RequestKind>, &Read<'_>)) {
    for (name, record) in RECORDS {
        let mut asked = None;
        for (speaker, message) in messages(record).expect("a record") {
            let before = asked;
            let found =
                read(speaker, &mut asked, message).unwrap_or_else(|why| panic!("{name}: {why:?}: {message:02x?}"));
            judge(name, speaker, message, before, &found);
        }
    }
}

fn requests(name: &str) -> Vec<Request<'static>> {
    let (_, record) = RECORDS.into_iter().find(|(other, _)| *other == name).expect("there is such a record");
    let all = messages(record).expect("a record").into_iter();
    all.filter(|(speaker, _)| *speaker == Speaker::Node)
        .map(|(_, message)| Request::parse(message).expect("one"))
        .collect()
}

#[test]
fn every_recorded_message_is_written_back_octet_by_octet() {
    let mut written = Vec::new();
    let mut seen = 0;
    for_each_message(|name, _, message, _, found| {
        seen += 1;
        match found {
            Read::Request(request) => request.write(&mut written),
            Read::Reply(_, reply) => reply.write(&mut written),
        }
        let mut message = message.to_vec();
        if matches!(found, Read::Request(Request::SetTime { .. })) {
            message[SET_TIME_PADDING].fill(0);
        }
        assert_eq!(written, message, "{name}: message {seen}");
    });
    assert!(seen > 300, "{seen} messages");
}

#[test]
fn the_records_have_every_request_and_every_answer() {
    let mut asked = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for_each_message(|_, _, _, _, found| match found {
        Read::Request(request) => _ = asked.insert(request.kind()),
        Read::Reply(to, _) => _ = answered.insert(*to),
    });
    assert_eq!(asked, RequestKind::ALL.into_iter().collect());
    assert_eq!(answered, RequestKind::ALL.into_iter().filter(|kind| kind.is_answered()).collect());
}

#[test]
fn every_truncation_and_every_octet_too_many_is_refused() {
    for_each_message(|name, speaker, message, before, _| {
        let refused = |octets: &[u8]| read(speaker, &mut before.clone(), octets).is_err();
        for len in 0..message.len() {
            assert!(refused(&message[..len]), "{name}: {len} octets of {message:02x?}");
        }
        assert!(refused(&[message, &[0]].concat()), "{name}: one more than {message:02x?}");
    });
}

#[test]
fn unknown_numbers_are_named() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(Request::parse(&words(&[12, 0])), Err(Malformed::Request(12)));
    assert_eq!(Request::parse(&words(&[7, 0, 9, 0, 0, 0, 0, 0])), Err(Malformed::PacketKind(9)));
    assert_eq!(Reply::parse(RequestKind::Select, &words(&[4; 16])), Err(Malformed::Wake(4)));
    let too_long = words(&[1, 0, 0, 0, 0, PAYLOAD_MAX as u32 + 1]);
    assert_eq!(
        Reply::parse(RequestKind::Receive, &[too_long, vec![0; PAYLOAD_MAX + 1]].concat()),
        Err(Malformed::Length)
    );
    let too_many = [words(&[OFFSETS_MAX as u32 + 1, 0]), vec![0; 8 * (OFFSETS_MAX + 1)]].concat();
    assert_eq!(Reply::parse(RequestKind::ReferenceOffsets, &too_many), Err(Malformed::Length));
    for kind in RequestKind::ALL.into_iter().filter(|kind| !kind.is_answered()) {
        assert_eq!(Reply::parse(kind, &[]), Err(Malformed::Length));
    }
}

#[test]
fn chronyd_registers_steps_its_clock_and_asks_for_the_time() {
    let requests = requests("chronyd");
    assert_eq!(requests.first(), Some(&Request::Register { node: 1 }));
    assert_eq!(requests.last(), Some(&Request::Deregister));
    // It begins with a step by nothing, to see whether it can.
    let steps = requests.iter().filter_map(|request| match request {
        Request::AdjustTimex { clock: 0, timex } if timex.modes & Timex::SET_OFFSET != 0 => Some(timex.time),
        _ => None,
    });
    let step = steps.into_iter().find(|by| *by != TimeVal::default());
    // It was 0.1 s ahead, and gained 100 ppm for about a second.
    let TimeVal { seconds, fraction } = step.expect("a step");
    assert_eq!(seconds, -1);
    assert!((899_800_000..900_000_000).contains(&fraction), "{fraction}");
    let sent: Vec<_> =
        requests.iter().filter_map(|request| if let Request::Send(p) = request { Some(p) } else { None }).collect();
    assert!(sent.len() >= 4);
    for packet in sent {
        assert_eq!((packet.kind, packet.subnet, packet.peer, packet.to_port), (PacketKind::Udp, 0, 0, 123));
        assert_eq!((packet.data.len(), packet.data[0] & 0x3f), (48, 0x23), "NTP version 4, from a client");
    }
}

#[test]
fn ptp4l_sends_its_events_to_everybody() {
    let requests = requests("ptp4l");
    let events: Vec<_> = requests
        .iter()
        .filter_map(|request| if let Request::Send(packet) = request { Some(packet) } else { None })
        .filter(|packet| packet.to_port == 319)
        .collect();
    assert!(!events.is_empty());
    for packet in events {
        assert_eq!((packet.peer, packet.from_port), (EVERYBODY, 319));
        let message = synchronome::wire::ptp::parse(packet.data).expect("a PTP message");
        assert_eq!(message.header.message_length, 44, "a Delay_Req");
    }
}

#[test]
fn a_clock_is_set_and_slewed_by_what_was_asked() {
    let (mut asked, mut times, mut left) = (None, Vec::new(), Vec::new());
    for (speaker, message) in messages(RECORDS[2].1).expect("a record") {
        match read(speaker, &mut asked, message).expect("one") {
            Read::Request(Request::SetTime { clock, seconds }) => {
                assert_eq!(clock, 0);
                // Three seconds more than it had read, and what the library adds at the beginning to look imprecise.
                assert!((3.0..3.000_001).contains(&seconds), "{seconds}");
            }
            Read::Reply(_, Reply::Times(read)) => times.push(read),
            Read::Reply(_, Reply::AdjustedTime(value)) => left.push(value),
            _ => {}
        }
    }
    assert_eq!(times.first().map(|times| (times.real, times.network)), Some((0.0, 0.0)));
    // 500 us of 2500 us in each of two seconds.
    assert_eq!(left[1], TimeVal { seconds: 0, fraction: -1_500 });
}
