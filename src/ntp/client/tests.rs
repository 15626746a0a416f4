//! Each rule of the client, against a server whose answers a test can bend.

use proptest::prelude::*;

use super::bench::{AHEAD, Bench, SOURCE, WAY, config, counts, is_closed, log, observations};
use super::*;
use crate::time::NtpShort;

// ---- The exchange ----

#[test]
fn an_exchange_is_two_edges_whose_sum_is_the_offset_and_the_delay() {
    let mut bench = Bench::new(config());
    bench.poll();
    let effects = bench.exchange();
    let [request, answer] = observations(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((request.sent.clock, request.received.clock), (ClockId::System, ClockId::Remote(SOURCE)));
    assert_eq!((answer.sent.clock, answer.received.clock), (ClockId::Remote(SOURCE), ClockId::System));
    assert_eq!((request.source, request.exchange), (answer.source, answer.exchange));
    assert_eq!((request.correction, answer.correction), (Duration::ZERO, Duration::ZERO));
    let there = request.received.at - request.sent.at;
    let back = answer.received.at - answer.sent.at;
    let close = |a: Duration, b: Duration| (a - b).abs() < Duration::from_nanos(2);
    assert!(close((there - back).half(), AHEAD), "{there} {back}");
    assert!(close(there + back, WAY.times(2)), "{there} {back}");
    // 2^-23 s.
    assert!(close(answer.sent.error, Duration::from_nanos(119)));
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::Measured]);
    assert!(is_closed(&effects));
}

#[test]
fn the_stamp_of_the_request_may_come_after_the_answer() {
    let mut bench = Bench::new(config());
    bench.poll();
    let (token, stamp) = (bench.request.expect("a request").0, Some(bench.stamp()));
    let answer = bench.answer();
    let effects = bench.deliver(answer);
    assert!(observations(&effects).is_empty() && !is_closed(&effects), "the socket still has a stamp to give");
    let effects = bench.step(Input::Sent { token, stamp });
    assert_eq!(observations(&effects).len(), 2);
    assert!(is_closed(&effects));
}

#[test]
fn a_stamp_that_never_comes_costs_its_exchange_and_nothing_else() {
    let mut bench = Bench::new(config());
    bench.poll();
    let token = bench.request.expect("a request").0;
    bench.step(Input::Sent { token, stamp: None });
    let answer = bench.answer();
    let effects = bench.deliver(answer);
    assert!(observations(&effects).is_empty());
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Source(Some(_)))),
        "what it says is true all the same"
    );
    bench.poll();
    assert_eq!(counts(&bench.effects).iter().filter(|c| **c == ClientCounter::TxStampMissing).count(), 2);
    assert_eq!(observations(&bench.exchange()).len(), 2);
}

#[test]
fn an_answer_without_a_stamp_is_no_measurement() {
    let mut bench = Bench::new(config());
    bench.poll();
    bench.sent();
    let answer = bench.answer();
    let mut bytes = [0; HEADER_LENGTH];
    write(&Packet::plain(answer), &mut bytes).expect("48 octets");
    let token = bench.request.expect("a request").0;
    let effects = bench.step(Input::Received { token, bytes: &bytes, stamp: None });
    assert!(counts(&effects).contains(&ClientCounter::RxStampMissing) && is_closed(&effects));
    assert!(observations(&effects).is_empty());
}

#[test]
fn a_stamp_of_a_request_that_is_over_is_counted() {
    let mut bench = Bench::answered(config());
    assert_eq!(counts(&bench.sent()), [ClientCounter::TxStampUnexpected]);
}

#[test]
fn a_step_of_our_clock_between_the_stamps_makes_the_exchange_useless() {
    let mut bench = Bench::answered(config());
    bench.poll();
    bench.sent();
    let answer = bench.answer();
    bench.epoch = bench.epoch.next();
    let effects = bench.deliver(answer);
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::ClockStepped]);
    assert!(observations(&effects).is_empty());
}

#[test]
fn a_request_that_did_not_get_out_is_over_and_the_next_one_comes_in_time() {
    let mut bench = Bench::answered(config());
    bench.poll();
    let token = bench.request.expect("a request").0;
    let effects = bench.step(Input::SendFailed { token });
    assert_eq!(counts(&effects), [ClientCounter::SendFailed]);
    assert!(is_closed(&effects));
    bench.poll();
    assert_eq!(observations(&bench.exchange()).len(), 2);
}

// ---- Requests ----

#[test]
fn a_request_says_nothing_but_its_version_mode_poll_and_random_bits() {
    let mut bench = Bench::new(config());
    bench.poll();
    let first = bench.request.expect("a request").1;
    let rest = Header { transmit_timestamp: NtpTimestamp::UNSET, ..first };
    let expected = Header { leap: LeapIndicator::NoWarning, poll: 6, precision: 32, ..Header::default() };
    assert_eq!(rest, expected);
    bench.exchange();
    bench.poll();
    let second = bench.request.expect("a request").1;
    assert_eq!(Header { transmit_timestamp: NtpTimestamp::UNSET, ..second }, expected);
    assert_ne!(first.transmit_timestamp, second.transmit_timestamp);
    let now = bench.wire_time();
    assert!(second.transmit_timestamp.since(now).abs() > Duration::from_secs(1_000_000), "not the time of day");
}

#[test]
fn each_request_has_its_own_socket_which_is_closed_before_the_next_one_is_opened() {
    let mut bench = Bench::new(config());
    let mut open = None;
    for round in 0..20 {
        bench.poll();
        if round % 3 != 0 {
            bench.exchange();
        }
    }
    for effect in &bench.effects {
        match effect {
            Effect::Send { token, .. } => assert_eq!(open.replace(*token), None),
            Effect::Close(token) => assert_eq!(open.take(), Some(*token)),
            _ => {}
        }
    }
}

#[test]
fn polls_come_at_the_interval_with_two_percent_of_spread() {
    let mut bench = Bench::new(Config { poll: log(-4), ..config() });
    for _ in 0..100 {
        bench.poll();
        bench.exchange();
    }
    for pair in bench.asked.windows(2) {
        let spacing = (pair[1] - pair[0]).as_secs_f64() * 16.0;
        assert!((0.98..1.02).contains(&spacing), "{spacing}");
    }
}

#[test]
fn a_new_server_gets_a_burst_of_eight_that_fades_out_and_each_interval_is_told() {
    let mut bench = Bench::new(Config { iburst: true, ..config() });
    for _ in 0..24 {
        bench.poll();
        bench.exchange();
    }
    let spacing = |index: usize| (bench.asked[index + 1] - bench.asked[index]).as_secs_f64();
    assert!((0..7).all(|index| (1.96..2.04).contains(&spacing(index))));
    assert!((3.4..3.6).contains(&spacing(7)), "{}", spacing(7));
    assert!((62.7..65.3).contains(&spacing(22)), "{}", spacing(22));
    let told = bench.effects.iter().filter_map(|effect| match effect {
        Effect::Interval(interval) => Some(interval.log2_seconds()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_server_that_was_away_gets_a_burst_again() {
    let mut bench = Bench::answered(Config { iburst: true, ..config() });
    for _ in 0..30 {
        bench.poll();
    }
    let before = bench.asked.len();
    bench.exchange();
    for _ in 0..7 {
        bench.poll();
        bench.exchange();
    }
    let took = bench.asked[before + 6] - bench.asked[before];
    assert!(took < Duration::from_secs(13), "{took}");
}

#[test]
fn a_silent_server_is_lost_after_eight_requests_and_comes_back_with_its_first_answer() {
    let mut bench = Bench::answered(Config { poll: log(0), ..config() });
    bench.effects.clear();
    for _ in 0..8 {
        bench.poll();
        assert_eq!(bench.client.state(), ClientState::Reachable);
    }
    assert_eq!(bench.client.reach(), 0);
    bench.poll();
    assert_eq!(bench.client.state(), ClientState::Waiting);
    let sources = |effects: &[Effect]| effects.iter().filter(|effect| matches!(effect, Effect::Source(None))).count();
    assert_eq!(sources(&bench.effects), 1);
    assert_eq!(bench.client.interval(), log(1), "and is asked less often");
    bench.exchange();
    assert_eq!((bench.client.state(), bench.client.reach()), (ClientState::Reachable, 1));
    assert_eq!(bench.client.interval(), log(0));
}

#[test]
fn an_answer_is_waited_for_four_seconds_and_not_longer() {
    let mut bench = Bench::answered(config());
    bench.poll();
    bench.sent();
    let answer = bench.answer();
    bench.now = bench.asked[1] + ANSWER_AGE_MAX;
    let effects = bench.step(Input::Tick);
    assert_eq!(counts(&effects), [ClientCounter::Unanswered]);
    assert!(is_closed(&effects));
    assert_eq!(counts(&bench.deliver(answer)), [ClientCounter::Unexpected]);
}

#[test]
fn nothing_is_sent_without_a_network_and_with_it_all_begins_anew() {
    let mut bench = Bench::answered(config());
    bench.poll();
    let effects = bench.step(Input::Online(false));
    assert!(is_closed(&effects) && effects.contains(&Effect::Source(None)));
    assert_eq!((bench.client.state(), bench.client.deadline()), (ClientState::Offline, None));
    assert_eq!(bench.step(Input::Online(false)), []);
    bench.now = bench.now + Duration::from_secs(1_000);
    bench.step(Input::Online(true));
    assert_eq!(bench.client.deadline(), Some(bench.now));
    bench.poll();
    assert_eq!(observations(&bench.exchange()).len(), 2);
}

#[test]
fn who_has_lost_its_clock_asks_at_once_and_in_a_burst_but_not_again_within_a_minute() {
    let mut bench = Bench::answered(Config { poll: LogInterval::new(6), iburst: true, ..config() });
    for _ in 0..40 {
        bench.poll();
        bench.exchange();
    }
    let until_next = |bench: &Bench| (bench.client.deadline().unwrap() - bench.now).as_secs_f64();
    assert!(until_next(&bench) > 60.0);
    assert_eq!(bench.step(Input::Hurry), []);
    assert_eq!(bench.client.deadline(), Some(bench.now));
    for _ in 1..BURST_REQUESTS {
        bench.poll();
        bench.exchange();
        assert!((1.9..2.1).contains(&until_next(&bench)), "{}", until_next(&bench));
    }
    bench.step(Input::Hurry);
    assert!(until_next(&bench) > 1.9, "it has just hurried");
}

#[test]
fn who_said_that_it_is_asked_too_often_is_never_hurried() {
    let mut bench = Bench::answered(config());
    bench.bent(kiss(*b"RATE"));
    let deadline = bench.client.deadline();
    bench.step(Input::Hurry);
    assert_eq!(bench.client.deadline(), deadline);
}

// ---- Whose answer it is ----

#[test]
fn only_the_latest_request_is_answered() {
    let mut bench = Bench::answered(Config { poll: log(-4), ..config() });
    bench.poll();
    bench.sent();
    let late = bench.answer();
    let old = bench.request.expect("a request").0;
    bench.poll();
    bench.sent();
    assert_eq!(counts(&bench.deliver(late)), [ClientCounter::OriginMismatch]);
    let mut bytes = [0; HEADER_LENGTH];
    write(&Packet::plain(late), &mut bytes).expect("48 octets");
    let stamp = Some(bench.stamp());
    let effects = bench.step(Input::Received { token: old, bytes: &bytes, stamp });
    assert_eq!(counts(&effects), [ClientCounter::Unexpected], "its socket is closed");
    let answer = bench.answer();
    assert_eq!(observations(&bench.deliver(answer)).len(), 2, "and the right one still counts");
}

#[test]
fn an_origin_that_we_did_not_send_is_refused_and_so_is_none_at_all() {
    let mut bench = Bench::answered(config());
    bench.poll();
    bench.sent();
    let answer = bench.answer();
    let forged = Header { origin_timestamp: bench.wire_time(), ..answer };
    assert_eq!(counts(&bench.deliver(forged)), [ClientCounter::OriginMismatch]);
    let unset = Header { origin_timestamp: NtpTimestamp::UNSET, ..answer };
    assert_eq!(counts(&bench.deliver(unset)), [ClientCounter::OriginUnset]);
    assert_eq!(observations(&bench.deliver(answer)).len(), 2);
}

#[test]
fn a_zero_origin_is_refused_also_when_no_request_waits() {
    let mut bench = Bench::answered(config());
    let answer = Header { origin_timestamp: NtpTimestamp::UNSET, ..bench.answer() };
    assert_eq!(counts(&bench.deliver(answer)), [ClientCounter::OriginUnset]);
}

#[test]
fn an_answer_counts_once() {
    let mut bench = Bench::answered(config());
    bench.poll();
    bench.sent();
    let answer = bench.answer();
    assert_eq!(observations(&bench.deliver(answer)).len(), 2);
    assert_eq!(counts(&bench.deliver(answer)), [ClientCounter::Duplicate]);
    let second = Header { transmit_timestamp: bench.wire_time(), ..answer };
    assert_eq!(counts(&bench.deliver(second)), [ClientCounter::Unexpected]);
}

#[test]
fn an_answer_that_waits_for_its_stamp_is_not_replaced_by_another_one() {
    let mut bench = Bench::answered(config());
    bench.poll();
    let answer = bench.answer();
    bench.deliver(answer);
    let second = Header { stratum: 1, ..answer };
    assert_eq!(counts(&bench.deliver(second)), [ClientCounter::Duplicate]);
}

#[test]
fn only_answers_of_a_server_are_answers() {
    for mode in [Mode::Reserved, Mode::SymmetricActive, Mode::SymmetricPassive, Mode::Client, Mode::Broadcast] {
        let mut bench = Bench::answered(config());
        assert_eq!(counts(&bench.bent(|answer| answer.mode = mode)), [ClientCounter::Mode]);
        bench.poll();
        assert_eq!(observations(&bench.exchange()).len(), 2, "and the client goes on");
    }
    let mut bench = Bench::answered(config());
    let control = counts(&bench.bent(|answer| answer.mode = Mode::Control));
    assert_eq!(control, [ClientCounter::Malformed(crate::wire::ntp::ParseError::ControlMode)]);
}

#[test]
fn a_crypto_nak_is_no_answer() {
    let mut bench = Bench::answered(config());
    bench.poll();
    bench.sent();
    let packet = Packet { mac: Some(Mac::CryptoNak), ..Packet::plain(bench.answer()) };
    let mut bytes = [0; HEADER_LENGTH + 4];
    write(&packet, &mut bytes).expect("52 octets");
    let (token, stamp) = (bench.request.expect("a request").0, Some(bench.stamp()));
    let effects = bench.step(Input::Received { token, bytes: &bytes, stamp });
    assert_eq!(counts(&effects), [ClientCounter::CryptoNak]);
}

// ---- Kisses ----

fn kiss(code: [u8; 4]) -> impl Fn(&mut Header) {
    move |answer| {
        answer.leap = LeapIndicator::Unknown;
        answer.stratum = 0;
        answer.reference_id = code;
    }
}

#[test]
fn rate_makes_the_interval_four_times_as_long_and_its_time_is_not_used() {
    let mut bench = Bench::answered(Config { poll: log(2), ..config() });
    let effects = bench.bent(kiss(*b"RATE"));
    assert_eq!(counts(&effects), [ClientCounter::KissRate]);
    assert!(observations(&effects).is_empty() && is_closed(&effects));
    assert_eq!(bench.client.interval(), log(4));
    assert_eq!(bench.client.state(), ClientState::Reachable);
    bench.poll();
    let waited = (bench.asked[2] - bench.asked[1]).as_secs_f64();
    assert!(waited > 16.0, "{waited}");
    bench.exchange();
    assert_eq!(bench.client.interval(), log(4), "for good");
}

#[test]
fn a_kiss_with_another_origin_is_not_obeyed() {
    for code in [*b"RATE", *b"DENY", *b"RSTR"] {
        let mut bench = Bench::answered(config());
        for _ in 0..2 * DENIALS_MAX {
            let effects = bench.bent(|answer| {
                kiss(code)(answer);
                answer.origin_timestamp = NtpTimestamp::from_bits(0x1234);
            });
            assert_eq!(counts(&effects), [ClientCounter::OriginMismatch]);
        }
        assert_eq!((bench.client.interval(), bench.client.state()), (log(6), ClientState::Reachable));
    }
}

#[test]
fn a_server_that_denies_three_times_in_a_row_is_not_asked_any_more() {
    for (code, counter) in [(*b"DENY", ClientCounter::KissDeny), (*b"RSTR", ClientCounter::KissRestrict)] {
        let mut bench = Bench::answered(config());
        for _ in 1..DENIALS_MAX {
            assert_eq!(counts(&bench.bent(kiss(code))), [counter]);
            assert_ne!(bench.client.state(), ClientState::Denied);
        }
        bench.bent(kiss(code));
        assert_eq!((bench.client.state(), bench.client.deadline()), (ClientState::Denied, None));
        bench.step(Input::Online(false));
        bench.step(Input::Online(true));
        assert_eq!(bench.client.deadline(), Some(bench.now), "a new network is a new beginning");
    }
}

#[test]
fn denials_with_answers_between_them_do_not_add_up() {
    let mut bench = Bench::answered(config());
    for _ in 0..3 * DENIALS_MAX {
        bench.bent(kiss(*b"DENY"));
        bench.poll();
        bench.exchange();
    }
    assert_eq!(bench.client.state(), ClientState::Reachable);
}

#[test]
fn other_codes_only_say_that_there_is_no_time() {
    for code in [*b"INIT", *b"STEP", *b"XOLD"] {
        let mut bench = Bench::answered(config());
        let effects = bench.bent(kiss(code));
        assert_eq!(counts(&effects), [ClientCounter::Unsynchronised]);
        assert!(effects.contains(&Effect::Source(None)));
        assert_eq!(bench.client.interval(), log(6));
        bench.poll();
        let again = bench.exchange();
        assert!(again.iter().any(|effect| matches!(effect, Effect::Source(Some(_)))));
    }
}

#[test]
fn why_the_latest_answer_was_of_no_use_is_known_until_one_is_measured_or_nothing_comes() {
    let mut bench = Bench::answered(config());
    assert_eq!(bench.client.refusal(), None);
    bench.bent(kiss(*b"INIT"));
    let refusal = bench.client.refusal().expect("a reason");
    assert_eq!((refusal.reason, refusal.said.reference_id), (ClientCounter::Unsynchronised, *b"INIT"));
    bench.poll();
    bench.exchange();
    assert_eq!(bench.client.refusal(), None, "this one was measured");
    bench.bent(|answer| answer.stratum = 16);
    assert_eq!(bench.client.refusal().map(|refusal| refusal.said.stratum), Some(16));
    bench.poll();
    bench.poll();
    assert_eq!(bench.client.refusal(), None, "the latest one was not answered at all");
    assert_eq!(bench.client.unanswered(), 3);
}

// ---- Fitness ----

#[test]
fn what_the_server_says_of_itself_is_passed_on_with_each_answer() {
    let mut bench = Bench::new(config());
    bench.poll();
    let effects = bench.exchange();
    let source = effects.iter().find_map(|effect| match effect {
        Effect::Source(source) => *source,
        _ => None,
    });
    let source = source.expect("it has time");
    assert_eq!((source.leap, source.stratum, source.reference_id), (LeapIndicator::NoWarning, 2, [192, 0, 2, 1]));
    let distance = source.root_distance();
    assert!((distance - Duration::from_millis(7)).abs() < Duration::from_micros(31), "{distance}");
    bench.poll();
    assert!(bench.exchange().iter().any(|effect| matches!(effect, Effect::Source(Some(_)))));
}

type Bend = fn(&mut Header);

#[test]
fn each_reason_against_an_answer_is_found_and_the_source_is_lost_once() {
    let second = Duration::SECOND;
    let bends: [(Bend, ClientCounter); 9] = [
        (|a| a.leap = LeapIndicator::Unknown, ClientCounter::Unsynchronised),
        (|a| a.stratum = 0, ClientCounter::Unsynchronised),
        (|a| a.stratum = 16, ClientCounter::StratumExcessive),
        (|a| a.root_delay = NtpShort::from_bits(32 << 16), ClientCounter::RootDistanceExcessive),
        (|a| a.root_dispersion = NtpShort::from_bits(16 << 16), ClientCounter::RootDistanceExcessive),
        (|a| a.receive_timestamp = NtpTimestamp::UNSET, ClientCounter::TimestampUnset),
        (|a| a.transmit_timestamp = NtpTimestamp::UNSET, ClientCounter::TimestampUnset),
        (|a| std::mem::swap(&mut a.receive_timestamp, &mut a.transmit_timestamp), ClientCounter::AnswerBeforeRequest),
        (
            |a| a.reference_timestamp = NtpTimestamp::from_bits(a.transmit_timestamp.to_bits() + 1),
            ClientCounter::ReferenceLater,
        ),
    ];
    for (bend, reason) in bends {
        let mut bench = Bench::answered(config());
        let effects = bench.bent(bend);
        assert_eq!(counts(&effects), [reason]);
        assert!(effects.contains(&Effect::Source(None)) && is_closed(&effects));
        let again = bench.bent(bend);
        assert!(!again.contains(&Effect::Source(None)), "said once");
        assert_eq!(bench.client.reach() & 3, 0);
        bench.now = bench.now + second;
    }
}

#[test]
fn the_stamps_of_a_quick_server_are_out_of_order_by_no_more_than_its_precision() {
    let early = |by: u64| {
        let mut bench = Bench::answered(config());
        // 2^-25 s are 128 units of 2^-32 s.
        counts(&bench.bent(|a| {
            a.precision = -25;
            a.transmit_timestamp = NtpTimestamp::from_bits(a.receive_timestamp.to_bits() - by);
            a.reference_timestamp = NtpTimestamp::UNSET;
        }))
    };
    assert_eq!(early(128), early(0), "as one that has taken no time");
    assert!(!early(128).contains(&ClientCounter::AnswerBeforeRequest));
    assert_eq!(early(129), [ClientCounter::AnswerBeforeRequest]);
}

#[test]
fn the_edges_of_fitness_are_fit() {
    let mut bench = Bench::answered(config());
    let effects = bench.bent(|a| {
        a.stratum = 15;
        a.root_delay = NtpShort::from_bits(31 << 16);
        a.root_dispersion = NtpShort::from_bits(32_767);
        a.reference_timestamp = a.transmit_timestamp;
    });
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::Measured]);
    let effects = bench.bent(|a| a.reference_timestamp = NtpTimestamp::UNSET);
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::Measured]);
}

#[test]
fn a_server_that_follows_one_of_our_addresses_is_not_followed() {
    let mut own = OwnIdentity::default();
    own.reference_ids[3] = Some([192, 0, 2, 1]);
    let mut bench = Bench::answered(config());
    bench.step(Input::Identity(own));
    assert_eq!(counts(&bench.bent(|_| ())), [ClientCounter::FollowsUs]);
    let effects = bench.bent(|a| a.stratum = 1);
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::Measured], "a name that looks like us");
}

#[test]
fn of_servers_without_a_source_the_least_is_followed_and_nobody_who_follows_another() {
    // The address of the server, and ours.
    for (server, ours, is_first) in [(5, 7, true), (7, 5, false), (5, 5, false)] {
        let orphan = Orphan { stratum: 10, server: [10, 0, 0, server] };
        let mut bench = Bench::answered(Config { orphan: Some(orphan), ..config() });
        let mut own = OwnIdentity::default();
        own.reference_ids[0] = Some([10, 0, 0, ours]);
        bench.step(Input::Identity(own));
        let good = [ClientCounter::Answers, ClientCounter::Measured];
        assert_eq!(counts(&bench.bent(|a| a.stratum = 9)), good, "it has a source");
        let found = counts(&bench.bent(|a| a.stratum = 10));
        assert_eq!(found, if is_first { good.to_vec() } else { vec![ClientCounter::OrphanAfterUs] }, "{server} {ours}");
        assert_eq!(counts(&bench.bent(|a| a.stratum = 11)), [ClientCounter::OrphanFollows]);
    }
    let mut bench = Bench::answered(Config { orphan: Some(Orphan { stratum: 10, server: [1; 4] }), ..config() });
    assert_eq!(
        counts(&bench.bent(|a| a.stratum = 10)),
        [ClientCounter::OrphanAfterUs],
        "not before we know our own address"
    );
    assert_eq!(
        counts(&Bench::answered(config()).bent(|a| a.stratum = 10)).len(),
        2,
        "and whoever agrees with nobody follows it"
    );
}

#[test]
fn our_own_server_is_recognised_by_what_it_serves() {
    let mut bench = Bench::answered(config());
    let reference_timestamp = bench.wire_time();
    let root_delay = NtpShort::from_bits(655);
    let served = Served { stratum: 3, reference_id: [198, 51, 100, 4], reference_timestamp, root_delay };
    bench.step(Input::Identity(OwnIdentity { served: Some(served), ..OwnIdentity::default() }));
    let ours = move |answer: &mut Header| {
        answer.stratum = 3;
        answer.reference_id = served.reference_id;
        answer.reference_timestamp = reference_timestamp;
        answer.root_delay = root_delay;
    };
    assert_eq!(counts(&bench.bent(ours)), [ClientCounter::OurselvesAnswered]);
    let another = |answer: &mut Header| {
        ours(answer);
        answer.reference_timestamp = NtpTimestamp::from_bits(reference_timestamp.to_bits() - 1);
    };
    assert_eq!(counts(&bench.bent(another)), [ClientCounter::Answers, ClientCounter::Measured]);
}

#[test]
fn a_server_that_held_the_request_longer_than_the_exchange_took_lies() {
    let mut bench = Bench::answered(config());
    let effects = bench.bent(|answer| {
        let later = NtpTimestamp::from_bits(answer.transmit_timestamp.to_bits() + (1 << 26));
        answer.transmit_timestamp = later; // 15.6 ms; the exchange took 11 ms.
    });
    assert_eq!(counts(&effects), [ClientCounter::Answers, ClientCounter::RoundTripNegative]);
    assert!(observations(&effects).is_empty());
}

// ---- Eras ----

#[test]
fn answers_of_era_one_are_read_as_such() {
    // 2036-02-07 06:28:16 UTC, and a day in 2045.
    for second in [2_085_978_496 - 1_000, 2_085_978_496, 2_371_000_000] {
        let mut bench = Bench::new(config());
        bench.clock = Timestamp::from_secs(second);
        bench.poll();
        let effects = bench.exchange();
        let [request, _] = observations(&effects)[..] else { panic!("{effects:?}") };
        let there = request.received.at - request.sent.at;
        assert!((there - AHEAD - WAY).abs() < Duration::from_nanos(2), "{there}");
    }
}

#[test]
fn a_clock_that_reads_less_than_the_day_of_the_build_does_not_choose_the_era() {
    let mut bench = Bench::new(config());
    bench.clock = Timestamp::from_secs(0);
    bench.poll();
    bench.sent();
    let mut answer = bench.answer();
    let right: Timestamp<Utc> = Timestamp::from_secs(2_371_000_000);
    answer.receive_timestamp = NtpTimestamp::from_utc(right);
    answer.transmit_timestamp = NtpTimestamp::from_utc(right + Duration::from_millis(1));
    answer.reference_timestamp = NtpTimestamp::UNSET;
    let effects = bench.deliver(answer);
    let [request, _] = observations(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(request.received.at.seconds(), 2_371_000_000);
}

// ---- Any octets ----

proptest! {
    #[test]
    fn no_datagram_without_our_random_bits_makes_an_observation_or_changes_the_interval(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        mode_server in any::<bool>(),
    ) {
        let mut bench = Bench::answered(config());
        bench.poll();
        bench.sent();
        let mut octets = octets;
        if let (true, Some(first)) = (mode_server, octets.first_mut()) {
            *first = 0x24;
        }
        let (token, stamp) = (bench.request.expect("a request").0, Some(bench.stamp()));
        let effects = bench.step(Input::Received { token, bytes: &octets, stamp });
        prop_assert_eq!(effects.len(), 1);
        prop_assert!(matches!(effects[0], Effect::Count(_)));
        bench.now = bench.now + WAY;
        let answer = bench.answer();
        prop_assert_eq!(observations(&bench.deliver(answer)).len(), 2);
    }
}
