//! The rules of RFC 9769 for a client, against a server whose answers a test can bend.

use super::super::bench::{Bench, config, counts, observations};
use super::super::{ClientCounter, Config};
use super::*;
use crate::wire::ntp::Header;

/// A client in interleaved mode, answered once in basic mode, which is measured.
fn interleaved() -> (Bench, Header) {
    let mut bench = Bench::new(Config { interleaved: true, ..config() });
    bench.poll();
    let (_, asked) = bench.request.expect("a request");
    assert!(asked.origin_timestamp.is_unset() && asked.receive_timestamp.is_unset(), "the first one is a basic one");
    bench.sent();
    let answer = bench.answer();
    assert_eq!(observations(&bench.deliver(answer)).len(), 2);
    (bench, answer)
}

/// How much later than it was to an answer leaves.
const LATE: Duration = Duration::from_micros(300);

/// One more request, and the interleaved answer to it: it left [`LATE`], as the one before.
fn asked(bench: &mut Bench, before: &Header) -> Header {
    bench.poll();
    bench.sent();
    let (_, asked) = bench.request.expect("a request");
    let planned = before.transmit_timestamp.to_utc(bench.stamp().at.read_as());
    let answer = bench.answer();
    Header {
        origin_timestamp: asked.receive_timestamp,
        transmit_timestamp: NtpTimestamp::from_utc(planned + LATE),
        ..answer
    }
}

#[test]
fn an_interleaved_request_names_the_answer_before_and_is_random_otherwise() {
    let (mut bench, first) = interleaved();
    bench.poll();
    let (_, asked) = bench.request.expect("a request");
    assert_eq!(asked.origin_timestamp, first.receive_timestamp);
    assert!(!asked.receive_timestamp.is_unset() && asked.receive_timestamp != asked.transmit_timestamp);
    assert!(asked.reference_timestamp.is_unset());
}

#[test]
fn an_exchange_is_measured_by_the_next_answer_with_the_stamp_of_its_departure() {
    let (mut bench, first) = interleaved();
    let second = asked(&mut bench, &first);
    let effects = bench.deliver(second);
    assert!(observations(&effects).is_empty(), "the first one was measured, and the second one waits");
    assert_eq!(
        counts(&effects),
        [ClientCounter::Answers, ClientCounter::Interleaved, ClientCounter::InterleavedUnused]
    );
    let receive = second.receive_timestamp;
    let planned = NtpTimestamp::from_utc(receive.to_utc(bench.stamp().at.read_as()) + Duration::from_millis(1));
    let third = asked(&mut bench, &Header { transmit_timestamp: planned, ..second });
    let effects = bench.deliver(third);
    let [request, answer] = observations(&effects)[..] else { panic!("{effects:?}") };
    let pivot = bench.stamp().at.read_as();
    assert_eq!(request.received.at, receive.to_utc(pivot).read_as(), "of the second exchange");
    assert_eq!(answer.sent.at, third.transmit_timestamp.to_utc(pivot).read_as());
    let residence = answer.sent.at - request.received.at;
    assert!((residence - Duration::from_millis(1) - LATE).abs() < Duration::from_nanos(2), "{residence}");
}

#[test]
fn a_basic_answer_is_measured_at_once_and_what_waited_is_given_up() {
    let (mut bench, first) = interleaved();
    let second = asked(&mut bench, &first);
    bench.deliver(second);
    bench.poll();
    bench.sent();
    let third = bench.answer();
    let measured = observations(&bench.deliver(third));
    assert_eq!(measured.len(), 2);
    assert_eq!(measured[1].sent.at, third.transmit_timestamp.to_utc(bench.stamp().at.read_as()).read_as());
    let fourth = asked(&mut bench, &third);
    assert!(observations(&bench.deliver(fourth)).is_empty(), "the third one is not measured twice");
}

#[test]
fn after_a_lost_answer_the_same_departure_is_asked_for_again() {
    let (mut bench, first) = interleaved();
    for _ in 0..UNANSWERED_INTERLEAVED_MAX {
        bench.poll();
        bench.sent();
        assert_eq!(bench.request.expect("a request").1.origin_timestamp, first.receive_timestamp);
    }
    bench.poll();
    assert!(bench.request.expect("a request").1.origin_timestamp.is_unset(), "it asks in basic mode again");
}

#[test]
fn an_answer_that_left_before_its_request_came_is_not_measured() {
    let (mut bench, first) = interleaved();
    let second = asked(&mut bench, &first);
    bench.deliver(second);
    let third = asked(&mut bench, &first);
    let effects = bench.deliver(third);
    assert!(observations(&effects).is_empty());
    assert!(counts(&effects).contains(&ClientCounter::AnswerBeforeRequest), "{:?}", counts(&effects));
}

#[test]
fn whoever_returns_neither_number_is_not_the_server() {
    let (mut bench, _) = interleaved();
    let effects = bench.bent(|header| header.origin_timestamp = NtpTimestamp::from_bits(1));
    assert_eq!(counts(&effects)[..], [ClientCounter::OriginMismatch]);
}
