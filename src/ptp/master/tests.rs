use super::*;
use crate::ptp::script::{render, stamp};
use crate::ptp::{FOLLOW_UP_PENDING_MAX, TxToken};
use crate::time::{Duration, LeapIndicator, Local, LogInterval, TaiUtc};
use crate::wire::ptp::{
    ClockIdentity, CorrectionField, DelayReq, Flags, Message, MessageType, PortIdentity, Tlvs, WireTimestamp, parse,
    write,
};

fn config() -> GrandmasterConfig {
    GrandmasterConfig::new(ClockIdentity([0x41; 8]), 7)
}

fn at(millis: i64) -> Timestamp<Mono> {
    Timestamp::EPOCH + Duration::from_millis(millis)
}

fn local(millis: i64) -> Timestamp<Local> {
    Timestamp::from_secs(1_000) + Duration::from_millis(millis)
}

/// Everything that is sent up to a time, with when.
fn run(master: &mut Grandmaster, until_ms: i64) -> Vec<(i64, Vec<u8>, Channel, Option<TxToken>)> {
    let mut sent = Vec::new();
    while let Some(due) = master.deadline().filter(|due| *due <= at(until_ms)) {
        let mut out = Vec::new();
        let elapsed = due - Timestamp::EPOCH;
        master.step(due, Input::Tick { local: local(0) + elapsed }, &mut out);
        sent.extend(out.into_iter().filter_map(|effect| match effect {
            Effect::Send { frame, channel, token, .. } => {
                Some((elapsed.as_nanos() / 1_000_000, frame.as_bytes().to_vec(), channel, token))
            }
            _ => None,
        }));
    }
    sent
}

fn only_message(out: &[Effect]) -> Option<Vec<u8>> {
    let mut frames = out.iter().filter_map(|effect| match effect {
        Effect::Send { frame, channel: Channel::General, token: None, .. } => Some(frame.as_bytes().to_vec()),
        _ => None,
    });
    frames.next().filter(|_| frames.next().is_none())
}

fn delay_req(change: impl Fn(&mut Header)) -> Vec<u8> {
    let sender = Sender {
        sdo_id: 0,
        minor_version_ptp: 1,
        domain_number: 0,
        source_port_identity: PortIdentity { clock_identity: ClockIdentity([0x55; 8]), port_number: 9 },
    };
    let mut message = sender.delay_req(0xfffe, Duration::ZERO);
    change(&mut message.header);
    message.body = Body::DelayReq(DelayReq { origin_timestamp: WireTimestamp::ZERO });
    message.tlvs = Tlvs::EMPTY;
    let mut bytes = vec![0; 64];
    let length = write(&message, &mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

fn ask(master: &mut Grandmaster, bytes: &[u8], stamp: Option<Stamp>) -> Vec<Effect> {
    let mut out = Vec::new();
    master.step(at(0), Input::Received { bytes, channel: Channel::Event, stamp, from: None }, &mut out);
    out
}

fn started(config: GrandmasterConfig) -> Grandmaster {
    let mut master = Grandmaster::new(config);
    master.step(at(0), Input::Link { up: true }, &mut Vec::new());
    master
}

#[test]
fn a_grandmaster_passes_pre_master_without_waiting() {
    let mut out = Vec::new();
    Grandmaster::new(config()).step(at(0), Input::Link { up: true }, &mut out);
    assert_eq!(
        render(&out),
        "state INITIALIZING->LISTENING (started); state LISTENING->PRE_MASTER (configured as master); \
         state PRE_MASTER->MASTER (configured as master)"
    );
}

#[test]
fn announce_and_sync_are_sent_at_their_intervals_with_a_sequence_id_each() {
    let mut master = started(GrandmasterConfig {
        log_announce_interval: LogInterval::new(-2),
        log_sync_interval: LogInterval::new(-3),
        ..config()
    });
    let sent = run(&mut master, 1_000);
    let of = |message_type| {
        let kind = |bytes: &[u8]| parse(bytes).unwrap().header;
        sent.iter()
            .map(|(ms, bytes, ..)| (*ms, kind(bytes)))
            .filter(|(_, h)| h.message_type == message_type)
            .collect::<Vec<_>>()
    };
    let (announces, syncs) = (of(MessageType::Announce), of(MessageType::Sync));
    assert_eq!(announces.iter().map(|a| a.0).collect::<Vec<_>>(), [0, 250, 500, 750, 1_000]);
    assert_eq!(syncs.iter().map(|s| s.0).collect::<Vec<_>>(), [0, 125, 250, 375, 500, 625, 750, 875, 1_000]);
    for messages in [&announces, &syncs] {
        for (nth, (_, header)) in messages.iter().enumerate() {
            assert_eq!(header.sequence_id, messages[0].1.sequence_id.wrapping_add(nth as u16));
        }
    }
    assert_eq!(announces[0].1.log_message_interval, LogInterval::new(-2));
    assert_eq!(syncs[0].1.log_message_interval, LogInterval::new(-3));
    assert_ne!(announces[0].1.sequence_id, syncs[0].1.sequence_id);
}

#[test]
fn a_pause_is_not_made_up_by_a_burst() {
    let mut master = started(config());
    run(&mut master, 1_000);
    let mut out = Vec::new();
    master.step(at(60_500), Input::Tick { local: local(60_500) }, &mut out);
    let sends = out.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
    assert_eq!(sends, 2, "one Announce, one Sync");
    assert_eq!(master.deadline(), Some(at(61_500)));
}

#[test]
fn a_two_step_sync_is_followed_up_by_its_transmit_stamp() {
    let mut master = started(GrandmasterConfig {
        egress_latency: Duration::from_nanos(10),
        time_offset: Duration::SECOND,
        ..config()
    });
    let sent = run(&mut master, 0);
    let (_, bytes, channel, token) = sent.iter().find(|(.., token)| token.is_some()).unwrap();
    let sync = parse(bytes).unwrap().header;
    assert_eq!(*channel, Channel::Event);
    assert!(sync.flags.two_step());
    let mut out = Vec::new();
    let departed = stamp(local(0) + Duration::from_ticks(5));
    master.step(at(1), Input::Sent { token: token.unwrap(), stamp: Some(departed) }, &mut out);
    let bytes = only_message(&out).unwrap();
    let follow_up = parse(&bytes).unwrap();
    assert_eq!(follow_up.header.sequence_id, sync.sequence_id);
    let Body::FollowUp(body) = follow_up.body else { panic!("{follow_up:?}") };
    assert_eq!(body.precise_origin_timestamp.to_timestamp(), local(0) + Duration::SECOND + Duration::from_nanos(10));
    assert_eq!(follow_up.header.correction_field.to_bits(), 5, "the part below a nanosecond");
}

#[test]
fn a_missing_transmit_stamp_costs_that_sync_only() {
    let mut master = started(config());
    let tokens: Vec<TxToken> = run(&mut master, 3_000).iter().filter_map(|(.., token)| *token).collect();
    let mut out = Vec::new();
    master.step(at(3_000), Input::Sent { token: tokens[0], stamp: None }, &mut out);
    master.step(at(3_000), Input::SendFailed { token: Some(tokens[1]) }, &mut out);
    assert_eq!(render(&out), "tx_stamp_missing; send_failed");
    out.clear();
    master.step(at(3_000), Input::Sent { token: tokens[1], stamp: Some(stamp(local(0))) }, &mut out);
    master.step(at(3_000), Input::Sent { token: tokens[2], stamp: Some(stamp(local(0))) }, &mut out);
    assert_eq!(render(&out), "tx_stamp_unexpected; send Follow_Up");
}

#[test]
fn awaited_transmit_stamps_are_bounded() {
    let mut master = started(config());
    let tokens: Vec<TxToken> = run(&mut master, 300_000).iter().filter_map(|(.., token)| *token).collect();
    assert_eq!(tokens.len(), 301);
    let mut out = Vec::new();
    for token in &tokens {
        master.step(at(300_000), Input::Sent { token: *token, stamp: Some(stamp(local(0))) }, &mut out);
    }
    let sends = out.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
    assert_eq!(sends, FOLLOW_UP_PENDING_MAX);
}

#[test]
fn a_one_step_sync_has_its_origin_and_no_follow_up() {
    let mut master = started(GrandmasterConfig { two_step: false, ..config() });
    let sent = run(&mut master, 0);
    let (_, bytes, ..) = sent.iter().find(|(_, _, channel, _)| *channel == Channel::Event).unwrap();
    let sync = parse(bytes).unwrap();
    let Body::Sync(body) = sync.body else { panic!("{sync:?}") };
    assert!(!sync.header.flags.two_step());
    assert_eq!(body.origin_timestamp.to_timestamp(), local(0));
    assert!(sent.iter().all(|(.., token)| token.is_none()), "no stamp is asked for");
}

#[test]
fn delay_resp_copies_the_correction_and_puts_the_rest_of_t4_below_a_nanosecond_into_it() {
    let mut master = started(GrandmasterConfig { ingress_latency: Duration::from_nanos(100), ..config() });
    let request = delay_req(|header| header.correction_field = CorrectionField::from_bits(3 << 16));
    let arrived = local(5) + Duration::from_ticks(7);
    let out = ask(&mut master, &request, Some(stamp(arrived)));
    let bytes = only_message(&out).unwrap();
    let response = parse(&bytes).unwrap();
    let Body::DelayResp(body) = response.body else { panic!("{response:?}") };
    assert_eq!(response.header.correction_field.to_bits(), (3 << 16) - 7);
    assert_eq!(response.header.sequence_id, 0xfffe, "echoed");
    assert_eq!(response.header.log_message_interval, config().log_min_delay_req_interval);
    assert_eq!(response.header.source_port_identity, config().port_identity());
    assert_eq!(body.requesting_port_identity, parse(&request).unwrap().header.source_port_identity);
    let t4 = body.receive_timestamp.to_timestamp() - response.header.correction_field.to_duration().unwrap();
    assert_eq!(t4, arrived - Duration::from_nanos(100) - Duration::from_nanos(3), "t4 - CF, exact");
}

#[test]
fn delay_req_without_a_stamp_or_with_a_senseless_correction_is_not_answered() {
    let mut master = started(config());
    assert_eq!(render(&ask(&mut master, &delay_req(|_| {}), None)), "rx_stamp_missing");
    let arrived = Some(stamp(local(0)));
    let too_big = delay_req(|header| header.correction_field = CorrectionField::TOO_BIG);
    assert_eq!(render(&ask(&mut master, &too_big, arrived)), "correction_too_big");
    let excessive = delay_req(|h| h.correction_field = CorrectionField::from_duration(Duration::from_secs(-11)));
    assert_eq!(render(&ask(&mut master, &excessive, arrived)), "correction_excessive");
    let foreign = delay_req(|header| header.domain_number = 1);
    assert_eq!(render(&ask(&mut master, &foreign, arrived)), "domain_mismatch");
}

#[test]
fn delay_req_is_answered_only_in_master() {
    let mut master = started(config());
    master.step(at(0), Input::Link { up: false }, &mut Vec::new());
    assert_eq!(render(&ask(&mut master, &delay_req(|_| {}), Some(stamp(local(0))))), "wrong_state");
    assert_eq!(master.deadline(), None, "nor is anything sent");
}

#[test]
fn times_before_the_epoch_are_counted_and_not_sent() {
    let mut master = started(GrandmasterConfig { time_offset: Duration::from_secs(-2_000), ..config() });
    let out = ask(&mut master, &delay_req(|_| {}), Some(stamp(local(0))));
    assert_eq!(render(&out), "time_not_representable");
}

#[test]
fn announce_tells_priorities_quality_and_time_properties_as_configured() {
    let mut master = started(config());
    let quality = ClockQuality { clock_class: 6, ..config().quality };
    let properties = TimeProperties {
        current_utc_offset: Some(TaiUtc(37)),
        leap: LeapIndicator::Delete,
        ptp_timescale: true,
        time_traceable: true,
        frequency_traceable: true,
        time_source: crate::wire::ptp::TimeSource::GNSS,
    };
    let first = run(&mut master, 0);
    master.announce_as(quality, properties);
    let second = run(&mut master, 2_000);
    let announced = |sent: &[(i64, Vec<u8>, Channel, Option<TxToken>)]| {
        sent.iter().find_map(|(_, bytes, ..)| match parse(bytes).unwrap() {
            Message { header, body: Body::Announce(announce), .. } => Some((header, announce)),
            _ => None,
        })
    };
    let (header, announce) = announced(&first).unwrap();
    assert_eq!((header.flags, announce.current_utc_offset), (Flags::NONE, 0), "ARB, no offset known");
    assert_eq!((announce.grandmaster_priority1, announce.steps_removed), (128, 0));
    let (header, announce) = announced(&second).unwrap();
    assert_eq!(TimeProperties::announced(header.flags, &announce), properties, "read back as it was meant");
    assert_eq!(announce.grandmaster_clock_quality, quality);
}
