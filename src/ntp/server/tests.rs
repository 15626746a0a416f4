//! Each rule of the answer, golden octets, and the two promises for any octets at all.

use proptest::prelude::*;

use super::*;
use crate::sharing::{BoundParts, CounterSet};
use crate::time::{ErrorBound, FrequencyPpb, LeapStep, TICKS_PER_S, TaiUtc};
use crate::wire::ntp::{ParseError, smear_of};

/// A request as chronyd 4.3 sends it, and the answer by hand from RFC 5905 figure 8.
const REQUEST: &str = "23000020 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000\
     2ab516f9c775f197";
const ANSWER: &str = "240200ec 00000002 00000004 50545000 e8fe6f8b00000000 2ab516f9c775f197 e8fe6f8cc0000001\
     e8fe6f8d00000000";
/// The same from a server that never was synchronised: its clock is the host's.
const ANSWER_UNSYNCHRONISED: &str = "e40000ec 00000000 ffffffff 494e4954 0000000000000000 2ab516f9c775f197\
     e8fe6f8040000001 e8fe6f8080000000";

const CONFIG: ResponseConfig = ResponseConfig::PLAIN;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// 2^-16 s, the unit of root delay and root dispersion.
const UNIT: Duration = Duration::from_ticks(TICKS_PER_S >> 16);

fn anchor() -> Timestamp<Local> {
    Timestamp::from_secs(1_700_000_000)
}

/// 12.5 s ahead of the stamping clock; path 1 unit, offset 3 units.
fn snapshot() -> TimeSnapshot {
    TimeSnapshot {
        state: SyncState::Locked,
        leap: LeapIndicator::NoWarning,
        stratum: 2,
        reference_id: *b"PTP\0",
        anchor_local: anchor(),
        anchor_utc: Timestamp::from_secs(1_700_000_012) + Duration::from_millis(500),
        parts: BoundParts { path: UNIT, offset: UNIT.times(3), ..BoundParts::default() },
        is_bounded: true,
        reference_time: Timestamp::from_secs(1_700_000_011),
        last_sample: Some(Timestamp::from_secs(76)),
        ..TimeSnapshot::unsynchronised(Timestamp::from_secs(77))
    }
}

/// Came in 250 ms after the anchor, answered 250 ms later.
fn request(data: &[u8]) -> Request<'_> {
    let (received, now) = (anchor() + Duration::from_millis(250), anchor() + Duration::from_millis(500));
    Request { data, from_port: 50_000, received, hardware: None, now }
}

fn answered(request: &Request<'_>, snapshot: &TimeSnapshot) -> Result<Header, DropReason> {
    let mut out = [0xee; 64];
    let answer = respond(request, snapshot, CONFIG, &mut out)?;
    assert_eq!((answer.length, &out[answer.length..]), (48, &[0xee; 16][..]));
    let packet = parse(&out[..48]).expect("our own answer parses");
    assert_eq!(packet, Packet::plain(packet.header));
    assert_eq!(answer.is_synchronised, packet.header.stratum != 0);
    Ok(packet.header)
}

/// The answer to chronyd's request.
fn answer_of(snapshot: &TimeSnapshot) -> Header {
    answered(&request(&octets(REQUEST)), snapshot).expect("an answer")
}

/// chronyd's request in another version and mode.
fn asked(version: u8, mode: u8) -> Vec<u8> {
    let mut data = octets(REQUEST);
    data[0] = version << 3 | mode;
    data
}

fn refused(header: &Header, reference_id: [u8; 4]) {
    assert_eq!((header.leap, header.stratum), (LeapIndicator::Unknown, 0));
    assert_eq!((header.root_dispersion, header.reference_id), (NtpShort::MAX, reference_id));
}

#[test]
fn golden_octets_of_an_answer() {
    let mut out = [0; 48];
    respond(&request(&octets(REQUEST)), &snapshot(), CONFIG, &mut out).unwrap();
    assert_eq!(out[..], octets(ANSWER));
}

#[test]
fn golden_octets_of_an_unsynchronised_answer() {
    let mut out = [0; 48];
    let unsynchronised = TimeSnapshot::unsynchronised(Timestamp::from_secs(77));
    respond(&request(&octets(REQUEST)), &unsynchronised, CONFIG, &mut out).unwrap();
    assert_eq!(out[..], octets(ANSWER_UNSYNCHRONISED));
}

#[test]
fn clients_of_versions_1_to_4_are_answered_in_their_version_and_in_server_mode() {
    for version in 1..=4 {
        let header = answered(&request(&asked(version, 3)), &snapshot()).unwrap();
        assert_eq!((header.version, header.mode), (version, Mode::Server));
    }
}

#[test]
fn symmetric_peers_of_versions_1_to_4_are_answered_in_passive_mode() {
    for version in 1..=4 {
        let header = answered(&request(&asked(version, 1)), &snapshot()).unwrap();
        assert_eq!((header.version, header.mode), (version, Mode::SymmetricPassive));
    }
}

#[test]
fn mode_0_is_a_client_of_version_1_unless_it_comes_from_port_123() {
    let data = asked(1, 0);
    assert_eq!(answered(&request(&data), &snapshot()).unwrap().mode, Mode::Server);
    let from_a_server = Request { from_port: NTP_PORT, ..request(&data) };
    assert_eq!(answered(&from_a_server, &snapshot()), Err(DropReason::Mode));
    for version in 2..=4 {
        assert_eq!(answered(&request(&asked(version, 0)), &snapshot()), Err(DropReason::Mode));
    }
}

#[test]
fn a_client_or_a_peer_may_send_from_port_123() {
    for mode in [1, 3] {
        let data = asked(4, mode);
        assert!(answered(&Request { from_port: NTP_PORT, ..request(&data) }, &snapshot()).is_ok());
    }
}

#[test]
fn answers_and_broadcasts_are_never_answered() {
    for version in 1..=4 {
        for mode in [2, 4, 5] {
            assert_eq!(answered(&request(&asked(version, mode)), &snapshot()), Err(DropReason::Mode));
        }
    }
}

#[test]
fn control_and_private_modes_and_other_versions_are_malformed_by_name() {
    for mode in [6, 7] {
        let expected = Err(DropReason::Malformed(ParseError::ControlMode));
        assert_eq!(answered(&request(&asked(4, mode)), &snapshot()), expected);
    }
    for version in [0, 5, 6, 7] {
        let expected = Err(DropReason::Malformed(ParseError::Version));
        assert_eq!(answered(&request(&asked(version, 3)), &snapshot()), expected);
    }
}

#[test]
fn every_truncation_of_a_request_is_dropped() {
    let data = octets(REQUEST);
    for length in 0..data.len() {
        let expected = Err(DropReason::Malformed(ParseError::HeaderTruncated));
        assert_eq!(answered(&request(&data[..length]), &snapshot()), expected, "{length}");
    }
}

#[test]
fn port_0_gets_no_answer() {
    let data = octets(REQUEST);
    let nowhere = Request { from_port: 0, ..request(&data) };
    assert_eq!(answered(&nowhere, &snapshot()), Err(DropReason::SourcePort));
}

#[test]
fn a_request_with_extension_fields_or_a_mac_gets_a_plain_answer() {
    let field = [vec![0x01, 0x04, 0x00, 0x24], vec![0xa5; 32]].concat();
    let mac = vec![0x11; 20];
    for rest in [field.clone(), mac.clone(), [field, mac].concat()] {
        let data = [octets(REQUEST), rest].concat();
        // `answered` checks that nothing follows the header.
        assert_eq!(answered(&request(&data), &snapshot()), Ok(answer_of(&snapshot())));
    }
}

#[test]
fn the_poll_interval_is_echoed_but_not_below_our_shortest() {
    let config = ResponseConfig { poll_min: 3, ..CONFIG };
    for (poll, expected) in [(6, 6), (3, 3), (2, 3), (-4, 3), (i8::MIN, 3), (17, 17)] {
        let mut data = octets(REQUEST);
        data[2] = poll as u8;
        let mut out = [0; 48];
        respond(&request(&data), &snapshot(), config, &mut out).unwrap();
        assert_eq!(out[2] as i8, expected);
    }
}

#[test]
fn the_origin_is_the_clients_transmit_timestamp_bit_by_bit() {
    for bits in [0_u64, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
        let mut data = octets(REQUEST);
        data[40..].copy_from_slice(&bits.to_be_bytes());
        let header = answered(&request(&data), &snapshot()).unwrap();
        assert_eq!(header.origin_timestamp.to_bits(), bits);
    }
}

#[test]
fn both_stamps_lie_on_the_line_of_the_snapshot() {
    let mut snapshot = snapshot();
    snapshot.rate = FrequencyPpb::from_ppm(100.0);
    let header = answer_of(&snapshot);
    let expected = |local_ms: i64, gained_us: i64| {
        snapshot.anchor_utc + Duration::from_millis(local_ms) + Duration::from_micros(gained_us)
    };
    let pivot = snapshot.anchor_utc;
    for (stamp, at) in [(header.receive_timestamp, expected(250, 25)), (header.transmit_timestamp, expected(500, 50))] {
        assert!((stamp.to_utc(pivot) - at).abs() <= Duration::from_nanos(1));
    }
}

#[test]
fn the_stamps_of_one_exchange_all_differ_and_none_is_zero() {
    let at = Timestamp::<Utc>::from_secs(1_700_000_000);
    let bits = NtpTimestamp::from_utc(at).to_bits();
    for origin in [0, bits, bits | 1, bits.wrapping_add(2), bits.wrapping_add(3)] {
        let stamps = Stamps::new(at, at, NtpTimestamp::from_bits(origin));
        let (receive, transmit) = (stamps.receive.to_bits(), stamps.transmit.to_bits());
        assert_eq!((receive & 1, transmit & 1), (1, 0));
        assert!(transmit > receive && transmit - receive <= 5, "{receive:x} {transmit:x}");
        assert!(receive != origin && transmit != origin && transmit != 0);
    }
}

#[test]
fn era_1_begins_in_2036_without_a_seam() {
    let first_of_era_1 = Timestamp::<Utc>::from_secs(2_085_978_496);
    let mut snapshot = snapshot();
    snapshot.anchor_utc = first_of_era_1 - Duration::from_millis(375);
    snapshot.reference_time = first_of_era_1 - Duration::SECOND;
    let header = answer_of(&snapshot);
    assert_eq!(header.reference_timestamp.to_bits(), 0xffff_ffff_0000_0000);
    assert_eq!(header.receive_timestamp.to_bits(), 0xffff_ffff_e000_0001);
    assert_eq!(header.transmit_timestamp.to_bits(), 0x0000_0000_2000_0000);
    let processing = header.transmit_timestamp.since(header.receive_timestamp);
    assert!((processing - Duration::from_millis(250)).abs() <= Duration::from_nanos(1));

    // The era's first instant reads as "unset": the stamps avoid it.
    let zero = Stamps::new(first_of_era_1, first_of_era_1, NtpTimestamp::from_bits(2));
    assert_eq!((zero.receive.to_bits(), zero.transmit.to_bits()), (1, 4));

    snapshot.anchor_utc = Timestamp::from_secs(4_000_000_000);
    snapshot.reference_time = snapshot.anchor_utc;
    let late = answer_of(&snapshot).transmit_timestamp.to_utc(Timestamp::from_secs(3_900_000_000));
    assert!((late - snapshot.anchor_utc - Duration::from_millis(500)).abs() <= Duration::from_nanos(1));
}

#[test]
fn stratum_reference_id_leap_and_precision_are_those_of_the_server() {
    for leap in [LeapIndicator::NoWarning, LeapIndicator::Insert, LeapIndicator::Delete] {
        let header = answer_of(&TimeSnapshot { leap, stratum: 15, reference_id: [10, 0, 0, 1], ..snapshot() });
        assert_eq!((header.leap, header.stratum, header.reference_id), (leap, 15, [10, 0, 0, 1]));
        assert_eq!(header.precision, -20);
    }
    let holdover = answer_of(&TimeSnapshot { state: SyncState::Holdover, ..snapshot() });
    assert_eq!(holdover.stratum, 2, "holdover serves within its bound");
}

#[test]
fn a_stamp_of_the_card_is_sent_as_it_is_and_its_error_is_covered() {
    let data = octets(REQUEST);
    let by_kernel = answered(&request(&data), &snapshot()).unwrap();
    let arrived = snapshot().utc_at(request(&data).received) - Duration::from_micros(8);
    let with = |bound| {
        let hardware = Some(HardwareStamp { at: arrived, bound });
        answered(&Request { hardware, ..request(&data) }, &snapshot()).unwrap()
    };
    let better = with(Duration::from_nanos(40));
    assert!((better.receive_timestamp.to_bits() - NtpTimestamp::from_utc(arrived).to_bits()) <= 1);
    assert_eq!(
        Header { receive_timestamp: by_kernel.receive_timestamp, ..better },
        by_kernel,
        "nothing else is of the card, and the sent stamp's bound stays"
    );
    let worse = with(UNIT.times(100));
    let covered = worse.root_delay.to_duration().half() + worse.root_dispersion.to_duration();
    assert!(covered >= UNIT.times(100), "{covered}");
    let useless = Request { hardware: Some(HardwareStamp { at: arrived, bound: ROOT_DISTANCE_MAX }), ..request(&data) };
    refused(&answered(&useless, &snapshot()).unwrap(), *b"XBND");
}

#[test]
fn the_root_dispersion_grows_with_age() {
    let snapshot = TimeSnapshot { drift_rate: FrequencyPpb::from_ppm(1000.0), ..snapshot() };
    let data = octets(REQUEST);
    let dispersion_at = |age_ms: i64| {
        let now = anchor() + Duration::from_millis(age_ms);
        answered(&Request { received: now, now, ..request(&data) }, &snapshot).unwrap().root_dispersion.to_duration()
    };
    let growth = dispersion_at(3_000) - dispersion_at(1_000);
    assert!((growth - Duration::from_millis(2)).abs() <= UNIT, "{growth}");
}

#[test]
fn the_reference_timestamp_is_unset_before_the_first_sample_and_never_later_than_the_answer() {
    let never = TimeSnapshot { last_sample: None, ..snapshot() };
    assert!(answer_of(&never).reference_timestamp.is_unset());
    let ahead = TimeSnapshot { reference_time: Timestamp::from_secs(1_800_000_000), ..snapshot() };
    let header = answer_of(&ahead);
    assert_eq!(header.reference_timestamp, header.transmit_timestamp);
}

#[test]
fn unsynchronised_states_say_leap_3_and_stratum_0() {
    for (state, code) in [
        (SyncState::NeverSynced, *b"INIT"),
        (SyncState::Acquiring, *b"INIT"),
        (SyncState::Disrupted, *b"STEP"),
        (SyncState::Freerun, *b"XBND"),
    ] {
        refused(&answer_of(&TimeSnapshot { state, ..snapshot() }), code);
    }
}

#[test]
fn stratum_16_is_sent_as_0() {
    for stratum in [0, 16, 17, 255] {
        refused(&answer_of(&TimeSnapshot { stratum, ..snapshot() }), *b"XBND");
    }
}

#[test]
fn a_leap_indicator_of_unknown_is_never_sent_with_a_stratum() {
    refused(&answer_of(&TimeSnapshot { leap: LeapIndicator::Unknown, ..snapshot() }), *b"XBND");
}

#[test]
fn an_unbounded_snapshot_or_a_bound_beyond_16_s_is_not_served() {
    refused(&answer_of(&TimeSnapshot { is_bounded: false, ..snapshot() }), *b"XBND");
    let with_offset = |offset| {
        let parts = BoundParts { offset, ..BoundParts::default() };
        answer_of(&TimeSnapshot { parts, ..snapshot() })
    };
    assert_eq!(with_offset(Duration::from_millis(15_999)).stratum, 2);
    refused(&with_offset(Duration::from_secs(16)), *b"XBND");
    refused(&with_offset(Duration::MAX), *b"XBND");
}

#[test]
fn a_snapshot_that_nobody_renews_is_not_served_after_4_s() {
    let data = octets(REQUEST);
    let at = |seconds| {
        let now = anchor() + Duration::from_secs(seconds);
        answered(&Request { received: now, now, ..request(&data) }, &snapshot()).unwrap()
    };
    assert_eq!(at(4).stratum, 2);
    refused(&at(5), *b"XOLD");
    refused(&at(-5), *b"XOLD");
}

#[test]
fn a_receive_stamp_later_than_the_clock_or_too_old_is_dropped() {
    let data = octets(REQUEST);
    let after =
        |waited| answered(&Request { now: anchor(), received: anchor() - waited, ..request(&data) }, &snapshot());
    assert!(after(Duration::ZERO).is_ok() && after(AGE_MAX).is_ok());
    assert_eq!(after(Duration::from_nanos(-1)), Err(DropReason::Age));
    assert_eq!(after(AGE_MAX + Duration::from_nanos(1)), Err(DropReason::Age));
}

#[test]
fn a_clock_that_was_set_is_noticed() {
    let snapshot = snapshot();
    let noticed = |elapsed_ms: i64, extra_ms: i64, window_ms: i64| {
        let mono = snapshot.anchor_mono + Duration::from_millis(elapsed_ms);
        let local = snapshot.anchor_local + Duration::from_millis(elapsed_ms + extra_ms);
        is_clock_set(&snapshot, mono, local, Duration::from_millis(window_ms))
    };
    assert!(!noticed(1_000, 0, 0) && !noticed(1_000, 2, 0) && !noticed(1_000, -2, 0));
    assert!(noticed(1_000, 3, 0) && noticed(1_000, -3, 0) && noticed(0, 2_000, 0));
    assert!(!noticed(1_000, 20, 20), "the readings were that far apart");
}

#[test]
fn every_reason_and_every_counter_has_its_own_place_and_name() {
    fn check<K: CounterSet + PartialEq>() {
        for (index, kind) in K::ALL.iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert!(kind.name().bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
            assert_eq!(K::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1, "{}", kind.name());
        }
    }
    check::<DropReason>();
    check::<ServerCounter>();
}

/// Octets that begin like a request more often than chance has it.
fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![Just(0x23_u8), Just(0x1b), Just(0x21), Just(0x08), any::<u8>()];
    (first, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

fn any_snapshot() -> impl Strategy<Value = TimeSnapshot> {
    let nanos = 0..20_000_000_000_i64;
    let parts = (nanos.clone(), nanos.clone(), nanos).prop_map(|(path, offset, drift)| BoundParts {
        path: Duration::from_nanos(path),
        offset: Duration::from_nanos(offset / 1_000),
        drift: Duration::from_nanos(drift / 1_000_000),
        ..BoundParts::default()
    });
    (parts, 0_u8..=6, 0_u8..=17, -5_000_i64..5_000, 0.0..1e6_f64).prop_map(
        |(parts, state, stratum, anchor_ms, drift)| TimeSnapshot {
            parts,
            state: SyncState::from_number(state),
            stratum,
            anchor_local: anchor() + Duration::from_millis(anchor_ms),
            drift_rate: FrequencyPpb::new(drift),
            ..snapshot()
        },
    )
}

proptest! {
    #[test]
    fn no_octets_panic_and_no_answer_is_longer_than_its_request(
        data in any_datagram(),
        from_port in any::<u16>(),
        snapshot in any_snapshot(),
    ) {
        let mut out = [0; ANSWER_LENGTH_MAX];
        if let Ok(answer) = respond(&Request { from_port, ..request(&data) }, &snapshot, CONFIG, &mut out) {
            prop_assert!(answer.length <= data.len());
            prop_assert_eq!(&out[24..32], &data[40..48]);
            prop_assert!(matches!(Mode::from_bits(out[0]), Mode::Server | Mode::SymmetricPassive));
        }
    }

    #[test]
    fn the_root_distance_is_never_below_the_bound_at_either_stamp(snapshot in any_snapshot()) {
        let header = answer_of(&snapshot);
        if header.stratum == 0 {
            refused(&header, header.reference_id);
        } else {
            let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
            let data = octets(REQUEST);
            let Request { received, now, .. } = request(&data);
            let bound: ErrorBound = snapshot.bound_at(received).max(snapshot.bound_at(now));
            let needed = bound.greatest_error() + CONFIG.resolution();
            // `to_duration` rounds down to 2^-16 ns, twice.
            prop_assert!(claimed >= needed - Duration::from_ticks(2), "{claimed} < {needed}");
            prop_assert!(claimed <= needed + UNIT.times(2), "{claimed} is wasteful for {needed}");
        }
    }
}

const LOCAL: LocalService = LocalService { stratum: 10, distance: Duration::SECOND, is_orphan: false };

fn answered_locally(local: LocalService, snapshot: &TimeSnapshot) -> (Header, Answer) {
    let mut out = [0; 48];
    let config = ResponseConfig { local: Some(local), ..CONFIG };
    let answer = respond(&request(&octets(REQUEST)), snapshot, config, &mut out).expect("an answer");
    (parse(&out).expect("our own answer parses").header, answer)
}

/// A daemon that has never heard of a source, and looks after its clock.
fn alone() -> TimeSnapshot {
    let (anchor_local, anchor_utc) = (anchor(), anchor().read_as());
    TimeSnapshot { anchor_local, anchor_utc, ..TimeSnapshot::unsynchronised(Timestamp::from_secs(77)) }
}

#[test]
fn a_local_clock_is_served_with_its_stratum_and_never_counts_as_synchronised() {
    let (header, answer) = answered_locally(LOCAL, &alone());
    assert_eq!((answer.is_synchronised, answer.is_local), (false, true));
    assert_eq!((header.leap, header.stratum), (LeapIndicator::NoWarning, 10));
    assert_eq!(header.reference_id, [127, 127, 1, 1]);
    assert_eq!(header.reference_timestamp, header.transmit_timestamp);
    let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
    assert!(claimed > LOCAL.distance && claimed < LOCAL.distance + UNIT.times(2), "{claimed}");
    let (header, _) = answered_locally(LocalService { stratum: 1, ..LOCAL }, &alone());
    assert_eq!((header.stratum, &header.reference_id), (1, b"LOCL"));
}

#[test]
fn who_follows_a_host_without_a_source_is_one_stratum_further_and_no_surer_than_that() {
    let follows = TimeSnapshot {
        state: SyncState::Acquiring,
        stratum: 11,
        reference_id: [10, 71, 0, 1],
        mean_path_delay: Duration::from_millis(3),
        ..alone()
    };
    let orphan = LocalService { is_orphan: true, ..LOCAL };
    let (header, answer) = answered_locally(orphan, &follows);
    assert_eq!((answer.is_synchronised, answer.is_local), (false, true));
    assert_eq!((header.leap, header.stratum, header.reference_id), (LeapIndicator::NoWarning, 11, [10, 71, 0, 1]));
    let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
    assert!(claimed >= LOCAL.distance + Duration::from_millis(3), "{claimed}");
    let (header, _) = answered_locally(orphan, &alone());
    assert_eq!((header.stratum, header.reference_id), (10, [127, 127, 1, 1]), "who leads serves his own clock");
}

#[test]
fn a_local_clock_takes_over_when_the_bound_exceeds_its_distance_and_claims_no_more() {
    let with_bound = |millis| {
        let parts = BoundParts { offset: Duration::from_millis(millis), ..BoundParts::default() };
        answered_locally(LOCAL, &TimeSnapshot { state: SyncState::Holdover, parts, ..snapshot() })
    };
    let (header, answer) = with_bound(999);
    assert_eq!((answer.is_synchronised, answer.is_local, header.stratum), (true, false, 2));
    let (header, answer) = with_bound(1_001);
    assert_eq!((answer.is_synchronised, answer.is_local, header.stratum), (false, true, 10));
    assert!(header.root_dispersion.to_duration() < LOCAL.distance + UNIT.times(2));
    // A bound that is known is claimed as it is, although nobody vouches for it.
    let free = TimeSnapshot { state: SyncState::Freerun, ..snapshot() };
    let (header, answer) = answered_locally(LOCAL, &free);
    assert!(answer.is_local && header.root_dispersion.to_duration() < UNIT.times(6), "{:?}", header.root_dispersion);
}

#[test]
fn a_local_clock_is_not_served_when_nobody_looks_after_it_or_it_was_just_set() {
    let stale = TimeSnapshot { anchor_local: anchor() - Duration::from_secs(10), ..alone() };
    let (header, answer) = answered_locally(LOCAL, &stale);
    assert!(!answer.is_local && !answer.is_synchronised);
    refused(&header, *b"INIT");
    let (header, answer) = answered_locally(LOCAL, &TimeSnapshot { state: SyncState::Disrupted, ..alone() });
    assert!(!answer.is_local && !answer.is_synchronised);
    refused(&header, *b"STEP");
    let answer = answer_of(&alone());
    refused(&answer, *b"INIT");
}

/// The leap second at the end of 2026, if there were one, smeared from noon to noon.
fn smear(shape: SmearShape, change: i16) -> (ResponseConfig, LeapStep) {
    let step = LeapStep { from: Timestamp::from_secs(1_798_761_600), before: TaiUtc(37), after: TaiUtc(37 + change) };
    let smear = Smear { shape, duration: Duration::from_secs(86_400), step: Some(step) };
    (ResponseConfig { smear: Some(smear), ..CONFIG }, step)
}

/// Of a clock that counts TAI. The leap second is made a second and a half late.
fn snapshot_at(tai: Timestamp<Local>, step: LeapStep) -> TimeSnapshot {
    let made_at = step.after.to_tai(step.from) + Duration::from_millis(1_500);
    let is_made = tai.read_as() >= made_at;
    let tai_utc = if is_made { step.after } else { step.before };
    let warning = if step.after > step.before { LeapIndicator::Insert } else { LeapIndicator::Delete };
    let anchor_utc = tai_utc.to_utc(tai.read_as());
    TimeSnapshot {
        leap: if is_made { LeapIndicator::NoWarning } else { warning },
        tai_utc: Some(tai_utc),
        anchor_local: tai,
        anchor_utc,
        reference_time: anchor_utc - Duration::from_millis(700),
        ..snapshot()
    }
}

fn smeared_answer(tai: Timestamp<Local>, step: LeapStep, config: ResponseConfig) -> Header {
    let mut out = [0; 48];
    let data = octets(REQUEST);
    let request = Request { received: tai - Duration::from_micros(80), now: tai, ..request(&data) };
    respond(&request, &snapshot_at(tai, step), config, &mut out).expect("an answer");
    parse(&out).expect("our own answer parses").header
}

#[test]
fn through_a_smeared_leap_second_all_stamps_of_an_answer_run_on_and_none_announces_it() {
    for shape in [SmearShape::Linear, SmearShape::Cosine] {
        for change in [1, -1] {
            let (config, step) = smear(shape, change);
            let midnight: Timestamp<Local> = step.after.to_tai(step.from).read_as();
            let coarse = (-44_000..44_000).step_by(499).map(Duration::from_secs);
            let fine = (-400..400).map(|n| Duration::from_millis(10 * n));
            let mut times: Vec<_> = coarse.chain(fine).map(|after| midnight + after).collect();
            times.sort();
            times.dedup();
            let answers: Vec<_> = times.iter().map(|tai| (*tai, smeared_answer(*tai, step, config))).collect();
            for pair in answers.windows(2) {
                let [(at, one), (later, two)] = [pair[0], pair[1]];
                let passed = (later - at).as_secs_f64();
                for (one, two) in
                    [(one.receive_timestamp, two.receive_timestamp), (one.transmit_timestamp, two.transmit_timestamp)]
                {
                    let wrong = two.since(one).as_secs_f64() - passed;
                    assert!(wrong.abs() < 19e-6 * passed + 2e-9, "{shape:?} {change}: {wrong} at {}", at - midnight);
                }
            }
            for (tai, answer) in answers {
                assert_eq!(answer.leap, LeapIndicator::NoWarning);
                let held = answer.transmit_timestamp.since(answer.receive_timestamp);
                assert!((held - Duration::from_micros(80)).abs() < Duration::from_nanos(5), "{held}");
                assert!(!answer.transmit_timestamp.since(answer.reference_timestamp).is_negative());
                let utc = snapshot_at(tai, step).anchor_utc;
                let ahead = answer.transmit_timestamp.to_utc(utc) - utc;
                match smear_of(answer.reference_id) {
                    Some(told) => assert!((told - ahead).abs() < Duration::from_nanos(130), "{told}, it is {ahead}"),
                    None => assert!(ahead.abs() < Duration::from_nanos(1), "{ahead} without a sign"),
                }
                let is_within = (tai - midnight).abs() < Duration::from_secs(43_199);
                assert!(!is_within || smear_of(answer.reference_id).is_some());
            }
        }
    }
}

#[test]
fn without_a_leap_second_near_a_server_that_smears_answers_like_any_other() {
    let (config, _) = smear(SmearShape::Linear, 1);
    let mut out = [0; 48];
    let counted = TimeSnapshot { tai_utc: Some(TaiUtc(37)), ..snapshot() };
    respond(&request(&octets(REQUEST)), &counted, config, &mut out).unwrap();
    assert_eq!(out[..], octets(ANSWER));
}

#[test]
fn in_interleaved_mode_the_departure_is_smeared_like_all_else() {
    let (config, step) = smear(SmearShape::Linear, 1);
    let midnight: Timestamp<Local> = step.after.to_tai(step.from).read_as();
    let snapshot = snapshot_at(midnight - Duration::from_secs(3_600), step);
    let utc = snapshot.anchor_utc + Duration::from_micros(15);
    let (served, ahead) = config.served(utc, &snapshot);
    let departure = Departure::new(served, Duration::ZERO).transmit();
    let answer = smeared_answer(snapshot.anchor_local, step, config);
    let after = departure.since(answer.transmit_timestamp);
    assert!((after - Duration::from_micros(15)).abs() < Duration::from_nanos(2), "{after}");
    assert!(
        ahead.is_some_and(|ahead| (ahead + Duration::from_millis(458)).abs() < Duration::from_millis(1)),
        "{ahead:?}"
    );
}
