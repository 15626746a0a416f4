//! Golden packets both ways, every truncation, and the facts that toy codecs get wrong.

use proptest::prelude::*;

use super::*;
use crate::time::{Duration, LeapIndicator, NtpShort, NtpTimestamp};
use crate::wire::BufferTooSmall;

/// From chronyd 4.3 as client and server, and ntpdig, on a veth pair.
const REQUEST: &str = "23000020 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000\
     2ab516f9c775f197";
const ANSWER: &str = "240300e7 00000000 00000000 7f7f0101 eead9facb020283a 2ab516f9c775f197 eead9fae0a64e477\
     eead9fae0a6d458e";
const REQUEST_MD5: &str = "23000620 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000\
     ffe24fc98e98ef8b 00000001 4ee75d904926e4a4a038f7d964b1946f";
const ANSWER_SHA1: &str = "240306e7 00000000 00000000 7f7f0101 eead9facb020283a 8393319bfdc1aee7 eead9fae78525cb1\
     eead9fae7855fe8e 00000002 e15304b18c95b889d58e9a8aec6172e603058b56";
const REQUEST_VERSION_3: &str = "1b000620 00000000 00000000 00000000 0000000000000000 0000000000000000\
     0000000000000000 e0c5e5a1ea7db751";
const ANSWER_VERSION_3: &str = "1c0306e7 00000000 00000000 7f7f0101 eead9facb020283a e0c5e5a1ea7db751\
     eead9faeae0ab7e9 eead9faeae10463a";
const REQUEST_NTPDIG: &str = "e3000000 00000000 00000000 00000000 0000000000000000 0000000000000000\
     0000000000000000 eead9faef22a5000";
const ANSWER_EXTENDED: &str = "240306e7 00000000 00000000 7f7f0101 eead9facb020283a 5c4d079156275214\
     eead9faf2b42f33f eead9faf2b489970 f323001c f5bedd9a 0000000000000000 eead9faf2b42f34f e6191b8f";

/// By hand from RFC 5905 figure 8: every field with a value of its own.
const BY_HAND: &str = "5c 02 f6 e9 00010203 04050607 0a000001 0102030405060708 1112131415161718 2122232425262728\
     3132333435363738";

const GOLDEN: [&str; 9] = [
    REQUEST,
    ANSWER,
    REQUEST_MD5,
    ANSWER_SHA1,
    REQUEST_VERSION_3,
    ANSWER_VERSION_3,
    REQUEST_NTPDIG,
    ANSWER_EXTENDED,
    BY_HAND,
];

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn written(packet: &Packet<'_>) -> Vec<u8> {
    let mut out = vec![0xee; packet.length()];
    assert_eq!(write(packet, &mut out), Ok(out.len()));
    out
}

/// A request of a version, followed by `rest`.
fn request(version: u8, rest: &[u8]) -> Vec<u8> {
    let mut octets = octets(REQUEST);
    octets[0] = version << 3 | 3;
    [octets, rest.to_vec()].concat()
}

/// An extension field with its length right; `length` includes the four octets of type and length.
fn extension_field(field_type: u16, length: u16) -> Vec<u8> {
    let mut octets = [field_type.to_be_bytes(), length.to_be_bytes()].concat();
    octets.resize(usize::from(length), 0xa5);
    octets
}

fn mac(length: usize) -> Vec<u8> {
    (1..=length as u8).collect()
}

#[test]
fn what_chronyd_and_ntpdig_send_comes_back_octet_by_octet() {
    for hex in GOLDEN {
        let golden = octets(hex);
        assert_eq!(written(&parse(&golden).unwrap()), golden, "{hex}");
    }
}

#[test]
fn every_field_of_the_header_is_where_rfc_5905_puts_it() {
    let golden = octets(BY_HAND);
    let header = Header {
        leap: LeapIndicator::Insert,
        version: 3,
        mode: Mode::Server,
        stratum: 2,
        poll: -10,
        precision: -23,
        root_delay: NtpShort::from_bits(0x0001_0203),
        root_dispersion: NtpShort::from_bits(0x0405_0607),
        reference_id: [10, 0, 0, 1],
        reference_timestamp: NtpTimestamp::from_bits(0x0102_0304_0506_0708),
        origin_timestamp: NtpTimestamp::from_bits(0x1112_1314_1516_1718),
        receive_timestamp: NtpTimestamp::from_bits(0x2122_2324_2526_2728),
        transmit_timestamp: NtpTimestamp::from_bits(0x3132_3334_3536_3738),
    };
    assert_eq!(parse(&golden), Ok(Packet::plain(header)));
    assert_eq!(Header::parse(&golden), Ok(header));
}

#[test]
fn the_answer_of_chronyd_says_what_chronyd_meant() {
    let (asked, answered) = (octets(REQUEST), octets(ANSWER));
    let (asked, answered) = (parse(&asked).unwrap().header, parse(&answered).unwrap().header);
    assert_eq!((asked.mode, answered.mode), (Mode::Client, Mode::Server));
    assert_eq!(answered.origin_timestamp, asked.transmit_timestamp);
    assert_eq!((answered.leap, answered.stratum, answered.precision), (LeapIndicator::NoWarning, 3, -25));
    let processing = answered.transmit_timestamp.since(answered.receive_timestamp);
    assert_eq!(processing.as_nanos() / 1_000, 127);
}

#[test]
fn a_mac_of_20_or_24_octets_follows_the_header_or_the_extension_fields() {
    let cases = [(REQUEST_MD5, 1, 16), (ANSWER_SHA1, 2, 20)];
    for (hex, key, length) in cases {
        let golden = octets(hex);
        let Some(Mac::Symmetric { key_id, digest }) = parse(&golden).unwrap().mac else { panic!("{hex}") };
        assert_eq!((key_id, digest.len()), (key, length));
    }
    for length in [20, 24] {
        for field_length in [16, 28, 32] {
            let field = extension_field(0x0104, field_length);
            let datagram = request(4, &[field.clone(), mac(length)].concat());
            let packet = parse(&datagram).unwrap();
            assert_eq!(packet.extension_fields.octets(), field);
            let digest = &mac(length)[4..];
            assert_eq!(packet.mac, Some(Mac::Symmetric { key_id: 0x0102_0304, digest }));
            assert_eq!(written(&packet), datagram);
        }
    }
}

#[test]
fn four_zero_octets_are_a_crypto_nak_and_four_others_are_nothing() {
    for version in [3, 4] {
        let datagram = request(version, &[0; 4]);
        let packet = parse(&datagram).unwrap();
        assert_eq!(packet.mac, Some(Mac::CryptoNak));
        assert_eq!(written(&packet), datagram);
        assert_eq!(parse(&request(version, &[0, 0, 0, 1])), Err(ParseError::MacLength));
    }
    let after_a_field = request(4, &[extension_field(0x0104, 28), vec![0; 4]].concat());
    assert_eq!(parse(&after_a_field).unwrap().mac, Some(Mac::CryptoNak));
}

#[test]
fn extension_fields_are_walked_and_unknown_ones_are_kept() {
    let datagram = octets(ANSWER_EXTENDED);
    let packet = parse(&datagram).unwrap();
    let mut fields = packet.extension_fields.iter();
    let field = fields.next().unwrap();
    assert_eq!((field.field_type, field.value.len()), (ExtensionFieldType(0xf323), 24));
    assert_eq!((fields.next(), packet.mac), (None, None));

    let three = [extension_field(0x0104, 36), extension_field(0xbeef, 16), extension_field(0x0404, 28)].concat();
    let datagram = request(4, &three);
    let packet = parse(&datagram).unwrap();
    let seen: Vec<_> = packet.extension_fields.iter().map(|field| (field.field_type.0, field.value.len())).collect();
    assert_eq!(seen, [(0x0104, 32), (0xbeef, 12), (0x0404, 24)]);
    assert_eq!(written(&packet), datagram);
}

#[test]
fn extension_field_lengths_below_16_odd_or_beyond_the_packet_are_refused() {
    for stated in [0_u16, 4, 12, 15, 17, 30, 31, 33, 36, 0xfffc, 0xffff] {
        let mut field = extension_field(0x0104, 32);
        field[2..4].copy_from_slice(&stated.to_be_bytes());
        assert_eq!(parse(&request(4, &field)), Err(ParseError::ExtensionFieldLength), "{stated}");
        let after_a_good_one = [extension_field(0x0104, 16), field].concat();
        assert_eq!(parse(&request(4, &after_a_good_one)), Err(ParseError::ExtensionFieldLength), "{stated}");
    }
}

#[test]
fn the_last_extension_field_without_a_mac_has_at_least_28_octets() {
    let parsed = |length| parse(&request(4, &extension_field(0x0104, length))).map(|packet| packet.mac.is_some());
    assert_eq!(parsed(16), Err(ParseError::LastExtensionFieldTooShort));
    assert_eq!((parsed(20), parsed(24)), (Ok(true), Ok(true)), "these lengths are a MAC, whatever is inside");
    assert_eq!((parsed(28), parsed(32)), (Ok(false), Ok(false)));
}

#[test]
fn a_rest_that_is_neither_field_nor_mac_is_refused() {
    for length in [1, 2, 3, 5, 8, 12, 15] {
        assert_eq!(parse(&request(4, &mac(length))), Err(ParseError::MacLength), "{length}");
    }
}

#[test]
fn version_3_has_no_extension_fields() {
    let field = extension_field(0x0104, 32);
    let datagram = request(3, &field);
    let packet = parse(&datagram).unwrap();
    assert_eq!(packet.extension_fields, ExtensionFields::EMPTY);
    assert_eq!(
        packet.mac,
        Some(Mac::Symmetric { key_id: 0x0104_0020, digest: &field[4..] }),
        "a SHA-224 by its length"
    );
    for length in [8, 12, 16, 19, 21, 76, 100] {
        assert_eq!(parse(&request(3, &mac(length))), Err(ParseError::MacLength), "{length}");
    }
    for length in (20..=68).step_by(4) {
        let datagram = request(3, &mac(length));
        assert_eq!(written(&parse(&datagram).unwrap()), datagram);
    }
}

#[test]
fn ms_sntp_is_version_3_with_20_or_72_octets_and_a_zero_digest() {
    let short = [vec![0, 0, 4, 0xd2], vec![0; 16]].concat();
    let long = [vec![0, 0, 4, 0xd2], vec![0, 1, 2, 3], vec![0; 64]].concat();
    let cases =
        [(&short, Mac::MsSntp { key_id: 1234 }), (&long, Mac::MsSntpExtended { key_id: 1234, hints: [0, 1, 2, 3] })];
    for (rest, expected) in cases {
        let datagram = request(3, rest);
        let packet = parse(&datagram).unwrap();
        assert_eq!(packet.mac, Some(expected));
        assert_eq!(written(&packet), datagram);
    }
    let digest = &short[4..];
    assert_eq!(parse(&request(4, &short)).unwrap().mac, Some(Mac::Symmetric { key_id: 1234, digest }));
    assert_eq!(parse(&request(3, &[0; 20])).unwrap().mac, Some(Mac::Symmetric { key_id: 0, digest: &[0; 16] }));
    let mut signed = long;
    signed[71] = 1;
    assert_eq!(parse(&request(3, &signed)), Err(ParseError::MacLength));
}

#[test]
fn versions_1_and_2_are_a_header_whatever_follows() {
    for version in [1, 2] {
        for rest in [0, 1, 4, 12, 20, 100] {
            let datagram = request(version, &mac(rest));
            let packet = parse(&datagram).unwrap();
            assert_eq!(packet, Packet::plain(packet.header));
            assert_eq!(packet.header.version, version);
        }
    }
    let mut version_1 = request(1, &[]);
    version_1[0] = 1 << 3;
    assert_eq!(parse(&version_1).unwrap().header.mode, Mode::Reserved);
}

#[test]
fn other_versions_are_refused_but_their_header_can_be_read() {
    for version in [0, 5, 6, 7] {
        assert_eq!(parse(&request(version, &[])), Err(ParseError::Version));
        assert_eq!(Header::parse(&request(version, &[])).unwrap().version, version);
    }
}

#[test]
fn modes_6_and_7_are_refused_as_what_they_are_at_any_length() {
    for mode in [6, 7] {
        let mut datagram = request(2, &[]);
        datagram[0] = 2 << 3 | mode;
        for length in [1, 12, 48] {
            assert_eq!(parse(&datagram[..length]), Err(ParseError::ControlMode));
        }
    }
}

#[test]
fn every_truncation_below_the_header_is_an_error() {
    for hex in GOLDEN {
        let golden = octets(hex);
        for length in 0..HEADER_LENGTH {
            assert_eq!(parse(&golden[..length]), Err(ParseError::HeaderTruncated), "{length} octets of {hex}");
            assert_eq!(Header::parse(&golden[..length]), Err(ParseError::HeaderTruncated));
        }
    }
}

#[test]
fn every_truncation_of_what_follows_is_an_error_or_a_shorter_mac() {
    for hex in [REQUEST_MD5, ANSWER_SHA1, ANSWER_EXTENDED] {
        let golden = octets(hex);
        for length in HEADER_LENGTH + 1..golden.len() {
            let rest = length - HEADER_LENGTH;
            let parsed = parse(&golden[..length]);
            // No codec can tell: these lengths are a MAC by rule, and its digest is then wrong.
            let expected_ok = matches!(rest, 20 | 24);
            assert_eq!(parsed.is_ok(), expected_ok, "{length} octets of {hex}");
            assert!(parsed.is_err() || parsed.is_ok_and(|packet| packet.mac.is_some()));
        }
    }
}

#[test]
fn every_buffer_that_is_too_small_is_refused() {
    for hex in GOLDEN {
        let golden = octets(hex);
        let packet = parse(&golden).unwrap();
        let needed = golden.len();
        for length in 0..needed {
            assert_eq!(write(&packet, &mut vec![0; length]), Err(BufferTooSmall { needed }), "{length}");
        }
        let mut larger = vec![0xee; needed + 3];
        assert_eq!(write(&packet, &mut larger), Ok(needed));
        assert_eq!(larger[needed..], [0xee; 3], "not an octet is written beyond the packet");
    }
}

#[test]
fn extremes_of_every_field_survive() {
    for fill in [0x00, 0xff, 0x80, 0x7f] {
        let mut datagram = vec![fill; HEADER_LENGTH];
        datagram[0] = 0xe3;
        let packet = parse(&datagram).unwrap();
        assert_eq!(written(&packet), datagram);
        assert!(packet.header.root_delay.to_duration() >= Duration::ZERO);
    }
}

#[test]
fn every_reason_has_its_own_counter_and_name() {
    for (index, error) in ParseError::ALL.into_iter().enumerate() {
        assert_eq!(error.index(), index);
        assert!(error.name().bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
        assert_eq!(ParseError::ALL.iter().filter(|other| other.name() == error.name()).count(), 1);
    }
}

/// What may follow a header of version 4: fields, then nothing or one of the MACs.
fn any_rest() -> impl Strategy<Value = Vec<u8>> {
    let field = (any::<u16>(), 4..20_u16).prop_map(|(field_type, words)| extension_field(field_type, words * 4));
    let last = prop_oneof![Just(0_usize), Just(4), Just(20), Just(24)];
    (proptest::collection::vec(field, 0..4), last).prop_map(|(mut fields, last)| {
        if last == 0 {
            fields.push(extension_field(0x0104, 28));
        }
        let mac = if last == 4 { vec![0; 4] } else { mac(last) };
        [fields.concat(), mac].concat()
    })
}

proptest! {
    #[test]
    fn whatever_parses_is_written_back_octet_by_octet(
        header in proptest::collection::vec(any::<u8>(), HEADER_LENGTH),
        rest in any_rest(),
    ) {
        let mut datagram = [header, rest].concat();
        datagram[0] = datagram[0] & 0xc0 | 4 << 3 | datagram[0] & 7;
        match parse(&datagram) {
            Ok(packet) => prop_assert_eq!(written(&packet), datagram),
            // All other modes must parse: fields at whose end 20 or 24 octets are left read as a MAC, which is right too.
            Err(error) => prop_assert_eq!((error, datagram[0] & 7 >= 6), (ParseError::ControlMode, true)),
        }
    }

    #[test]
    fn no_octets_make_it_panic(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(packet) = parse(&datagram) {
            prop_assert!(packet.extension_fields.iter().count() <= datagram.len() / 16);
            let again = written(&packet);
            prop_assert_eq!(parse(&again), Ok(packet));
        }
    }
}
