//! Golden messages both ways, every truncation, and the facts that toy codecs get wrong.

use super::*;
use crate::time::{Duration, Local, LogInterval, Timestamp};
use crate::wire::BufferTooSmall;

mod extensions;
mod properties;

/// From ptp4l 3.1.1 (grandmaster with path trace, and a slave) on a veth pair.
const ANNOUNCE: &str = "0b02004c00000000000000000000000000000000020000fffe0000010001000a0500\
     00000000000000000000 0025 00 0a f8feffff 80 020000fffe000001 0000 a0 00080008 020000fffe000001";
const SYNC: &str = "0002002c00000200000000000000000000000000020000fffe0000010001001300ff 00000000000000000000";
const FOLLOW_UP: &str = "0802002c00000000000000000000000000000000020000fffe0000010001001302ff 00006b03216e1082fd2f";
const DELAY_REQ: &str = "0102002c00000000000000000000000000000000020000fffe0000020001000d017f 00000000000000000000";
const DELAY_RESP: &str = "0902003600000000000000000000000000000000020000fffe0000010001000d03ff\
     00006b03216d379fae8e 020000fffe0000020001";

/// By hand from tables 47 to 50 and 56, the header as ptp4l writes it.
const PDELAY_REQ: &str = "0202003600000000000000000000000000000000020000fffe00000200011234057f\
     00000000000000000000 00000000000000000000";
const PDELAY_RESP: &str = "0302003600000200000000000000000000000000020000fffe00000100011234057f\
     0000000 06b030d107a29 020000fffe0000020001";
const PDELAY_RESP_FOLLOW_UP: &str = "0a02003600000000000000000000000000000000020000fffe00000100011234057f\
     0000000 06b030d110203 020000fffe0000020001";
const SIGNALING: &str = "0c02003600000400000000000000000000000000020000fffe00000200010001057f\
     020000fffe0000010001 00040006 b001 0000012c";
const MANAGEMENT: &str = "0d02003600000000000000000000000000000000020000fffe0000020001000704 7f\
     ffffffffffffffffffff 03 02 00 00 00010002 2000";

/// By hand from tables 35 and 43: every field with a value of its own, 2019 minor version, sdoId 0x1A5.
const ANNOUNCE_BY_HAND: &str = "1b 12 0040 7f a5 043f ffffffffffff8000 00000000 001b21fffeaabbcc fffe ffff 05 81 \
     ffffffffffff 3b9ac9ff ff85 00 01 06 21 4e5d 02 8001020304050607 00fe 20";

const GOLDEN: [&str; 11] = [
    ANNOUNCE,
    SYNC,
    FOLLOW_UP,
    DELAY_REQ,
    DELAY_RESP,
    ANNOUNCE_BY_HAND,
    PDELAY_REQ,
    PDELAY_RESP,
    PDELAY_RESP_FOLLOW_UP,
    SIGNALING,
    MANAGEMENT,
];

const GRANDMASTER: ClockIdentity = ClockIdentity([2, 0, 0, 0xff, 0xfe, 0, 0, 1]);
const MASTER_PORT: PortIdentity = PortIdentity { clock_identity: GRANDMASTER, port_number: 1 };
const SLAVE_PORT: PortIdentity =
    PortIdentity { clock_identity: ClockIdentity([2, 0, 0, 0xff, 0xfe, 0, 0, 2]), port_number: 1 };
const MASTER: Sender = Sender { sdo_id: 0, minor_version_ptp: 0, domain_number: 0, source_port_identity: MASTER_PORT };
const SLAVE: Sender = Sender { source_port_identity: SLAVE_PORT, ..MASTER };

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn written(message: &Message<'_>) -> Vec<u8> {
    let mut out = vec![0xee; message.length()];
    assert_eq!(write(message, &mut out), Ok(out.len()));
    out
}

/// `hex` with some octets replaced.
fn changed(hex: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut octets = octets(hex);
    for (at, octet) in changes {
        octets[*at] = *octet;
    }
    octets
}

/// A Sync with these octets for TLVs, its messageLength right.
fn with_tlvs(tlvs: &[u8]) -> Vec<u8> {
    let length = (44 + tlvs.len()) as u16;
    let [high, low] = length.to_be_bytes();
    [changed(SYNC, &[(2, high), (3, low)]), tlvs.to_vec()].concat()
}

#[test]
fn what_ptp4l_sends_is_what_the_builders_write() {
    let announce = Announce {
        origin_timestamp: WireTimestamp::ZERO,
        current_utc_offset: 37,
        grandmaster_priority1: 10,
        grandmaster_clock_quality: ClockQuality {
            clock_class: 248,
            clock_accuracy: ClockAccuracy::UNKNOWN,
            offset_scaled_log_variance: 0xffff,
        },
        grandmaster_priority2: 128,
        grandmaster_identity: GRANDMASTER,
        steps_removed: 0,
        time_source: TimeSource::INTERNAL_OSCILLATOR,
    };
    let path_trace = octets("00080008 020000fffe000001");
    let tlvs = Tlvs::from_octets(&path_trace).unwrap();
    let half_a_second = LogInterval::new(-1);
    let left = Timestamp::from_parts(0x6b03_216e, 0x1082_fd2f);
    let arrived = Timestamp::from_parts(0x6b03_216d, 0x379f_ae8e);
    let request = SLAVE.delay_req(13, Duration::ZERO);

    let mut built = MASTER.announce(10, LogInterval::new(0), Flags::NONE, announce);
    built.tlvs = tlvs;
    built.header.message_length += 12;
    let pairs = [
        (ANNOUNCE, built),
        (SYNC, MASTER.two_step_sync(19, half_a_second)),
        (FOLLOW_UP, MASTER.follow_up(19, half_a_second, left).unwrap()),
        (DELAY_REQ, request),
        (DELAY_RESP, MASTER.delay_resp(&request.header, half_a_second, arrived).unwrap()),
    ];
    for (hex, message) in pairs {
        let golden = octets(hex);
        assert_eq!(written(&message), golden);
        assert_eq!(parse(&golden), Ok(message));
    }
}

#[test]
fn every_field_of_the_tables_is_where_the_standard_puts_it() {
    let golden = octets(ANNOUNCE_BY_HAND);
    let message = parse(&golden).unwrap();
    let header = message.header;
    assert_eq!(header.sdo_id, 0x1a5);
    assert_eq!((header.version_ptp, header.minor_version_ptp), (2, 1));
    assert_eq!((header.message_type, header.message_length, header.domain_number), (MessageType::Announce, 64, 127));
    let flags = header.flags;
    assert!(flags.unicast() && !flags.two_step() && !flags.alternate_master());
    assert!(flags.leap61() && flags.leap59() && flags.current_utc_offset_valid() && flags.ptp_timescale());
    assert!(flags.time_traceable() && flags.frequency_traceable() && !flags.synchronization_uncertain());
    assert_eq!(header.correction_field.to_duration(), Some(Duration::from_ticks(-0x8000)));
    assert_eq!(header.source_port_identity.to_string(), "001b21.fffe.aabbcc-65534");
    assert_eq!(header.sequence_id, 0xffff);
    assert_eq!(header.log_message_interval, LogInterval::new(-127));
    let announce = Announce {
        origin_timestamp: WireTimestamp::MAX,
        current_utc_offset: -123,
        grandmaster_priority1: 1,
        grandmaster_clock_quality: ClockQuality {
            clock_class: 6,
            clock_accuracy: ClockAccuracy(0x21),
            offset_scaled_log_variance: 0x4e5d,
        },
        grandmaster_priority2: 2,
        grandmaster_identity: ClockIdentity([0x80, 1, 2, 3, 4, 5, 6, 7]),
        steps_removed: 254,
        time_source: TimeSource::GNSS,
    };
    assert_eq!(message.body, Body::Announce(announce));
    assert_eq!(written(&message), golden);
}

#[test]
fn every_truncation_of_every_message_is_an_error() {
    for hex in GOLDEN {
        let golden = octets(hex);
        for length in 0..golden.len() {
            let expected = if length < HEADER_LENGTH {
                ParseError::HeaderTruncated
            } else {
                ParseError::MessageLengthAboveDatagram
            };
            assert_eq!(parse(&golden[..length]), Err(expected), "{length} octets of {hex}");
        }
    }
}

#[test]
fn every_buffer_that_is_too_small_is_refused() {
    for hex in GOLDEN {
        let golden = octets(hex);
        let message = parse(&golden).unwrap();
        for length in 0..golden.len() {
            let needed = golden.len();
            assert_eq!(write(&message, &mut vec![0; length]), Err(BufferTooSmall { needed }), "{length}");
        }
        let mut larger = vec![0xee; golden.len() + 3];
        assert_eq!(write(&message, &mut larger), Ok(golden.len()));
        assert_eq!(larger[golden.len()..], [0xee; 3], "not an octet is written beyond the message");
    }
}

#[test]
fn the_major_version_must_be_2_and_the_minor_is_ignored() {
    for versions in 0..=0xff {
        let datagram = changed(SYNC, &[(1, versions)]);
        match parse(&datagram) {
            Ok(message) => assert_eq!((versions & 0x0f, versions >> 4), (2, message.header.minor_version_ptp)),
            Err(error) => assert_eq!((error, versions & 0x0f == 2), (ParseError::Version, false)),
        }
    }
}

#[test]
fn all_twelve_bits_of_sdo_id_and_any_domain_are_read_and_not_judged() {
    for (sdo_id, domain) in [(0_u16, 0_u8), (0x100, 128), (0x001, 255), (0xfff, 4), (0xa5c, 77)] {
        let [high, low] = sdo_id.to_be_bytes();
        let datagram = changed(SYNC, &[(0, high << 4), (4, domain), (5, low)]);
        let message = parse(&datagram).unwrap();
        assert_eq!((message.header.sdo_id, message.header.domain_number), (sdo_id, domain));
        assert_eq!(written(&message), datagram);
    }
}

#[test]
fn pad_beyond_message_length_is_tolerated() {
    for hex in GOLDEN {
        let golden = octets(hex);
        for pad in [1, 2, 16, 1000] {
            let padded = [golden.clone(), vec![0xff; pad]].concat();
            assert_eq!(parse(&padded), parse(&golden));
        }
    }
}

#[test]
fn message_length_below_the_body_is_refused_for_every_type() {
    for message_type in MessageType::ALL {
        let least = HEADER_LENGTH + message_type.body_length();
        for message_length in 0..least {
            let [high, low] = (message_length as u16).to_be_bytes();
            let mut datagram = changed(SYNC, &[(0, message_type as u8), (2, high), (3, low)]);
            datagram.resize(100, 0);
            assert_eq!(parse(&datagram), Err(ParseError::MessageLengthBelowBody), "{message_type:?} {message_length}");
        }
    }
}

#[test]
fn reserved_message_types_are_refused() {
    for message_type in [4, 5, 6, 7, 14, 15] {
        assert_eq!(parse(&changed(SYNC, &[(0, message_type)])), Err(ParseError::MessageType));
    }
}

#[test]
fn peer_delay_messages_are_where_tables_47_to_49_put_them() {
    let (receipt, left) = (Timestamp::from_parts(0x6b03, 0x0d10_7a29), Timestamp::from_parts(0x6b03, 0x0d11_0203));
    let request = SLAVE.pdelay_req(0x1234, Duration::ZERO);
    let asked = PeerRequest::of(&request.header);
    let pairs = [
        (PDELAY_REQ, request),
        (PDELAY_RESP, MASTER.pdelay_resp(&asked, receipt).unwrap()),
        (PDELAY_RESP_FOLLOW_UP, MASTER.pdelay_resp_follow_up(&asked, left).unwrap()),
    ];
    for (hex, message) in pairs {
        let golden = octets(hex);
        assert_eq!(written(&message), golden);
        assert_eq!(parse(&golden), Ok(message));
    }
}

#[test]
fn what_the_requester_adds_up_is_the_turnaround_to_the_last_tick() {
    let asymmetry = Duration::from_ticks(-7);
    let mut request = SLAVE.pdelay_req(9, asymmetry).header;
    assert_eq!(request.correction_field.to_duration(), Some(-asymmetry), "subtracted before sending (11.6.4)");
    request.correction_field = CorrectionField::from_bits(1_000);
    let request = PeerRequest::of(&request);
    let receipt = Timestamp::<Local>::from_parts(100, 9) + Duration::from_ticks(3);
    let left = Timestamp::<Local>::from_parts(100, 500) + Duration::from_ticks(65_000);
    let answer = MASTER.pdelay_resp(&request, receipt).unwrap();
    let follow_up = MASTER.pdelay_resp_follow_up(&request, left).unwrap();
    let (Body::PdelayResp(resp), Body::PdelayRespFollowUp(fup)) = (answer.body, follow_up.body) else { panic!() };
    assert!(answer.header.flags.two_step());
    assert_eq!((resp.requesting_port_identity, answer.header.sequence_id), (SLAVE_PORT, 9));
    assert_eq!((fup.requesting_port_identity, follow_up.header.sequence_id), (SLAVE_PORT, 9));
    let corrections = [answer, follow_up].map(|message| message.header.correction_field.to_duration().unwrap());
    let by_fields = fup.response_origin_timestamp.to_timestamp() - resp.request_receipt_timestamp.to_timestamp();
    assert_eq!(by_fields + corrections[0] + corrections[1], left - receipt + Duration::from_ticks(1_000));
    assert_eq!(MASTER.pdelay_resp(&request, Timestamp::from_ticks(-1)), None);
    let request = PeerRequest { correction_field: CorrectionField::TOO_BIG, ..request };
    let follow_up = MASTER.pdelay_resp_follow_up(&request, left).unwrap();
    assert_eq!(follow_up.header.correction_field, CorrectionField::TOO_BIG);
}

#[test]
fn a_one_step_answer_repeats_the_requests_correction_as_it_came_for_the_card_to_add_to() {
    let request = PeerRequest::of(&SLAVE.pdelay_req(0x1234, Duration::ZERO).header);
    let latencies = Duration::from_nanos(80);
    // As it was sent, as a card has left it that subtracts what its clock reads, and on the wrong side of what may be said.
    let read = (1_772_366_400_000_000_123_i64).wrapping_shl(16);
    for bits in [0, 1_000, 0_i64.wrapping_sub(read), i64::MAX, i64::MIN] {
        let request = PeerRequest { correction_field: CorrectionField::from_bits(bits), ..request };
        let answer = MASTER.pdelay_resp_for_the_card(&request, latencies);
        let said = answer.header.correction_field.to_bits();
        assert_eq!(said.wrapping_sub(bits), 80 << 16, "{bits}");
        let mut expected = octets(PDELAY_RESP);
        expected[6..8].fill(0);
        expected[8..16].copy_from_slice(&said.to_be_bytes());
        expected[34..44].fill(0);
        assert_eq!(written(&answer), expected, "no flag, no time");
    }
}

#[test]
fn signaling_and_management_name_their_target() {
    let golden = octets(SIGNALING);
    let message = parse(&golden).unwrap();
    assert_eq!(message.body, Body::Signaling(Signaling { target_port_identity: MASTER_PORT }));
    assert_eq!((written(&message), message.tlvs.iter().count()), (golden, 1));

    let golden = octets(MANAGEMENT);
    let message = parse(&golden).unwrap();
    let everybody = PortIdentity { clock_identity: ClockIdentity::WILDCARD, port_number: 0xffff };
    let body = Management {
        target_port_identity: everybody,
        starting_boundary_hops: 3,
        boundary_hops: 2,
        action: Action::GET,
    };
    assert_eq!(message.body, Body::Management(body));
    assert_eq!((written(&message), message.tlvs.iter().count()), (golden, 1));
    // The upper nibble beside the action is reserved.
    let reserved = changed(MANAGEMENT, &[(46, 0xf4)]);
    let Body::Management(body) = parse(&reserved).unwrap().body else { panic!() };
    assert_eq!(body.action, Action::ACKNOWLEDGE);
    assert_eq!(written(&parse(&reserved).unwrap())[46], 4);
}

#[test]
fn tlvs_are_walked_to_the_last_one_and_unknown_ones_are_kept() {
    let tlvs = octets("7fff0000 00080008 0102030405060708 80080002 aabb");
    let datagram = with_tlvs(&tlvs);
    let message = parse(&datagram).unwrap();
    let expected = [
        Tlv { tlv_type: TlvType(0x7fff), value: &[] },
        Tlv { tlv_type: TlvType::PATH_TRACE, value: &[1, 2, 3, 4, 5, 6, 7, 8] },
        Tlv { tlv_type: TlvType(0x8008), value: &[0xaa, 0xbb] },
    ];
    assert!(message.tlvs.iter().eq(expected));
    assert_eq!(written(&message), datagram);
}

#[test]
fn a_bad_tlv_anywhere_refuses_the_message() {
    let good = "00080008 0102030405060708";
    let cases = [
        ("0008", ParseError::TlvTruncated),
        ("000800", ParseError::TlvTruncated),
        ("00080002", ParseError::TlvTruncated),
        ("0008000201", ParseError::TlvTruncated),
        ("0008ffff 0102", ParseError::TlvTruncated),
        ("00080001 01", ParseError::TlvLengthOdd),
        ("00080003 010203 00080000", ParseError::TlvLengthOdd),
    ];
    for (bad, error) in cases {
        assert_eq!(parse(&with_tlvs(&octets(bad))), Err(error), "{bad}");
        assert_eq!(parse(&with_tlvs(&octets(&[good, bad].concat()))), Err(error), "after a good one: {bad}");
    }
}

#[test]
fn a_negative_correction_is_legal_and_kept_to_2_to_the_minus_16_ns() {
    for bits in [-1_i64, i64::MIN, 1, -65_537] {
        let mut datagram = octets(SYNC);
        datagram[8..16].copy_from_slice(&bits.to_be_bytes());
        let message = parse(&datagram).unwrap();
        assert_eq!(message.header.correction_field.to_duration(), Some(Duration::from_ticks(i128::from(bits))));
        assert_eq!(written(&message), datagram);
    }
}

#[test]
fn a_correction_that_is_too_big_is_no_duration() {
    let mut datagram = octets(SYNC);
    datagram[8..16].copy_from_slice(&octets("7fffffffffffffff"));
    assert_eq!(parse(&datagram).unwrap().header.correction_field.to_duration(), None);
}

#[test]
fn a_billion_nanoseconds_are_refused_in_every_timestamp() {
    for hex in GOLDEN.into_iter().filter(|hex| ![SIGNALING, MANAGEMENT].contains(hex)) {
        let datagram = changed(hex, &[(40, 0x3b), (41, 0x9a), (42, 0xca), (43, 0x00)]);
        assert_eq!(parse(&datagram), Err(ParseError::Nanoseconds));
        assert!(parse(&changed(hex, &[(40, 0x3b), (41, 0x9a), (42, 0xc9), (43, 0xff)])).is_ok());
    }
}

#[test]
fn control_field_is_written_per_type_and_ignored_on_receipt() {
    for (hex, control_field) in [(ANNOUNCE, 5), (SYNC, 0), (FOLLOW_UP, 2), (DELAY_REQ, 1), (DELAY_RESP, 3)] {
        let datagram = changed(hex, &[(32, 0xee)]);
        let message = parse(&datagram).unwrap();
        assert_eq!(written(&message)[32], control_field);
    }
}

#[test]
fn delay_resp_echoes_the_request_and_carries_its_correction() {
    let mut request = SLAVE.delay_req(0xfffe, Duration::ZERO).header;
    request.correction_field = CorrectionField::from_bits(-5);
    let rest = Duration::from_ticks(7);
    let arrived = Timestamp::<Local>::from_parts(100, 9) + rest;
    let answer = MASTER.delay_resp(&request, LogInterval::new(-3), arrived).unwrap();
    let Body::DelayResp(body) = answer.body else { panic!("{answer:?}") };
    assert_eq!(body.requesting_port_identity, SLAVE_PORT);
    assert_eq!(answer.header.sequence_id, 0xfffe);
    assert_eq!(answer.header.log_message_interval, LogInterval::new(-3));
    // What the slave computes, t4 - correction, is the arrival to the last tick, less the request's correction.
    let correction = answer.header.correction_field.to_duration().unwrap();
    assert_eq!(body.receive_timestamp.to_timestamp() - correction, arrived + Duration::from_ticks(5));
    assert_eq!(correction, Duration::from_ticks(-12), "negative is what the standard makes of it");

    request.correction_field = CorrectionField::TOO_BIG;
    let answer = MASTER.delay_resp(&request, LogInterval::new(-3), arrived).unwrap();
    assert_eq!(answer.header.correction_field, CorrectionField::TOO_BIG);
}

#[test]
fn delay_resp_to_a_unicast_request_is_unicast_with_interval_0x7f() {
    let mut request = SLAVE.delay_req(1, Duration::ZERO).header;
    request.flags = Flags::UNICAST;
    let answer = MASTER.delay_resp(&request, LogInterval::new(-3), Timestamp::EPOCH).unwrap();
    assert!(answer.header.flags.unicast());
    assert_eq!(answer.header.log_message_interval, LogInterval::UNSTATED);
}

#[test]
fn delay_req_has_interval_0x7f_and_the_asymmetry_subtracted() {
    let asymmetry = Duration::from_nanos(40);
    let request = SLAVE.delay_req(1, asymmetry);
    assert_eq!(request.header.log_message_interval, LogInterval::UNSTATED);
    assert_eq!(request.header.correction_field.to_duration(), Some(-asymmetry));
}

#[test]
fn the_part_below_a_nanosecond_goes_into_the_correction() {
    let left = Timestamp::<Local>::from_parts(1_700_000_000, 999_999_999) + Duration::from_ticks(12_345);
    let sum = |message: Message<'_>| {
        let at = match message.body {
            Body::Sync(sync) => sync.origin_timestamp,
            Body::FollowUp(follow_up) => follow_up.precise_origin_timestamp,
            other => panic!("{other:?}"),
        };
        at.to_timestamp() + message.header.correction_field.to_duration().unwrap()
    };
    let one_step = MASTER.one_step_sync(1, LogInterval::new(0), left).unwrap();
    assert!(!one_step.header.flags.two_step());
    assert_eq!(sum(one_step), left);
    assert_eq!(sum(MASTER.follow_up(1, LogInterval::new(0), left).unwrap()), left);
    let before_the_epoch = Timestamp::from_ticks(-1);
    assert_eq!(MASTER.follow_up(1, LogInterval::new(0), before_the_epoch), None);
}

#[test]
fn a_message_beyond_65535_octets_is_not_written() {
    let huge = [vec![0, 8, 0xff, 0xfe], vec![0; 0xfffe]].concat();
    let mut message = MASTER.two_step_sync(1, LogInterval::new(0));
    message.tlvs = Tlvs::from_octets(&huge).unwrap();
    let needed = 44 + huge.len();
    assert_eq!(write(&message, &mut vec![0; 70_000]), Err(BufferTooSmall { needed }));
}

#[test]
fn every_reason_has_its_own_counter_and_name() {
    for (index, error) in ParseError::ALL.into_iter().enumerate() {
        assert_eq!(error.index(), index);
        assert!(error.name().bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
        assert_eq!(ParseError::ALL.iter().filter(|other| other.name() == error.name()).count(), 1);
    }
}
