use super::*;
use crate::engine::Engine;
use crate::ptp::script::{Script, config, render};

/// A slave that has sent `n` requests, which are still outstanding.
fn asked(n: usize) -> Script {
    let mut script = Script::following(config());
    let mut at = 2.0;
    while script.requests.len() < n {
        at += 0.01;
        script.line(&format!("{at:.2} run"));
        if (at * 100.0) as i64 % 100 == 0 {
            script.line(&format!("{at:.2} announce A seq={} p1=10", at as i64 + 1));
        }
    }
    script.requests.truncate(n);
    script
}

/// The time of the script, for the next line.
fn now(script: &Script) -> String {
    script.now.to_string()
}

fn say(script: &mut Script, line: &str) -> String {
    let line = format!("{} {line}", now(script));
    render(&script.line(&line))
}

#[test]
fn a_response_completes_the_exchange_of_its_request() {
    let mut script = asked(1);
    assert_eq!(say(&mut script, "sent 0 t3=200"), "-");
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5"), "delay 200 -> 200.5 corr=0 epoch=1");
}

#[test]
fn a_response_before_the_transmit_stamp_still_completes_its_exchange() {
    let mut script = asked(1);
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5 cf=7"), "-");
    assert_eq!(say(&mut script, "sent 0 t3=200"), "delay 200 -> 200.5 corr=7 epoch=1");
}

#[test]
fn several_requests_may_be_outstanding_and_answered_in_any_order() {
    let mut script = asked(3);
    assert_eq!(say(&mut script, "sent 2 t3=202"), "-");
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5"), "-");
    assert_eq!(say(&mut script, "resp A req=2 t4=202.5"), "delay 202 -> 202.5 corr=0 epoch=1");
    assert_eq!(say(&mut script, "sent 1 t3=201"), "-");
    assert_eq!(say(&mut script, "sent 0 t3=200"), "delay 200 -> 200.5 corr=0 epoch=1");
    assert_eq!(say(&mut script, "resp A req=1 t4=201.5"), "delay 201 -> 201.5 corr=0 epoch=1");
}

#[test]
fn a_missing_transmit_stamp_costs_that_exchange_only() {
    let mut script = asked(2);
    assert_eq!(say(&mut script, "sent 0"), "tx_stamp_missing");
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5"), "delay_resp_unexpected");
    assert_eq!(say(&mut script, "sent 1 t3=201"), "-");
    assert_eq!(say(&mut script, "resp A req=1 t4=201.5"), "delay 201 -> 201.5 corr=0 epoch=1");
}

#[test]
fn a_failed_send_costs_that_exchange_only() {
    let mut script = asked(2);
    assert_eq!(say(&mut script, "failed 0"), "send_failed");
    assert_eq!(say(&mut script, "sent 0 t3=200"), "tx_stamp_unexpected");
    assert_eq!(say(&mut script, "sent 1 t3=201"), "-");
    assert_eq!(say(&mut script, "resp A req=1 t4=201.5"), "delay 201 -> 201.5 corr=0 epoch=1");
}

#[test]
fn a_response_that_comes_twice_counts_once() {
    let mut script = asked(1);
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5"), "-");
    assert_eq!(say(&mut script, "resp A req=0 t4=999"), "delay_resp_unexpected");
    assert_eq!(say(&mut script, "sent 0 t3=200"), "delay 200 -> 200.5 corr=0 epoch=1");
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5"), "delay_resp_unexpected");
    assert_eq!(say(&mut script, "sent 0 t3=200"), "tx_stamp_unexpected");
}

#[test]
fn a_response_with_another_sequence_id_answers_nothing() {
    let mut script = asked(1);
    let other = script.requests[0].1.wrapping_add(1);
    say(&mut script, "sent 0 t3=200");
    assert_eq!(say(&mut script, &format!("resp A seq={other} t4=200.5")), "delay_resp_unexpected");
}

#[test]
fn outstanding_requests_are_bounded_and_the_oldest_gives_way() {
    let mut requests = DelayRequests::new(65_530);
    let mut out = Vec::new();
    for token in 0..DELAY_OUTSTANDING_MAX as u32 + 2 {
        let sequence_id = requests.open(Timestamp::from_nanos(i128::from(token)), TxToken(token), &mut out);
        assert_eq!(sequence_id, 65_530_u16.wrapping_add(token as u16), "one more each time, modulo 2^16");
    }
    assert_eq!(render(&out), "delay_resp_missing; delay_resp_missing");
    let answer = Answer { arrived: Timestamp::EPOCH, correction: Duration::ZERO };
    assert_eq!(requests.answered(65_531, answer), Answered::Unexpected);
    assert_eq!(requests.answered(65_532, answer), Answered::Waiting);
}

#[test]
fn what_is_missing_of_an_old_request_is_named() {
    let mut requests = DelayRequests::new(0);
    let mut out = Vec::new();
    requests.open(Timestamp::from_secs(0), TxToken(0), &mut out);
    requests.open(Timestamp::from_secs(1), TxToken(1), &mut out);
    requests.answered(1, Answer { arrived: Timestamp::EPOCH, correction: Duration::ZERO });
    requests.open(Timestamp::from_secs(7), TxToken(2), &mut out);
    assert_eq!(render(&out), "delay_resp_missing; tx_stamp_missing");
}

#[test]
fn the_spacing_is_uniform_between_zero_and_twice_the_interval() {
    let mut random = Random::seeded(5);
    for log in [-7, 0, 3] {
        let interval = LogInterval::new(log);
        let limit = interval.duration().times(2);
        let mut tenths = [0_u32; 10];
        for _ in 0..20_000 {
            let drawn = spacing(interval, &mut random);
            assert!(!drawn.is_negative() && drawn < limit);
            tenths[(drawn.ticks() * 10 / limit.ticks()) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (1_800..2_200).contains(count)), "{tenths:?}");
    }
}

#[test]
fn requests_are_never_sent_at_a_fixed_period() {
    let script = &mut Script::following(config());
    let mut sent_at = Vec::new();
    for second in 2..60 {
        script.line(&format!("{second} announce A seq={second} p1=10"));
        for step in 0..100 {
            let before = script.requests.len();
            script.line(&format!("{second}.{step:02} run"));
            sent_at.extend((before..script.requests.len()).map(|_| second * 100 + step));
        }
    }
    let gaps: std::collections::BTreeSet<i32> = sent_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((40..80).contains(&sent_at.len()), "mean spacing of 1 s: {}", sent_at.len());
    assert!(gaps.len() > 25 && *gaps.last().unwrap() <= 200, "{gaps:?}");
}

#[test]
fn the_interval_of_the_master_is_honoured_but_not_when_unstated() {
    let mut script = asked(2);
    say(&mut script, "resp A req=0 t4=200.5 int=127");
    assert_eq!(script.port.delay_req_interval(), LogInterval::new(0), "0x7F says nothing");
    assert_eq!(say(&mut script, "resp A req=1 t4=200.5 int=-4"), "-");
    assert_eq!(script.port.delay_req_interval(), LogInterval::new(-4));
    let at = script.now + Duration::from_millis(125);
    let Some(deadline) = script.port.deadline() else { panic!("no timer runs") };
    assert!(deadline < at, "the request that was planned is brought forward");
}

#[test]
fn an_absurd_interval_of_the_master_is_limited_and_counted() {
    let mut script = asked(2);
    assert_eq!(say(&mut script, "resp A req=0 t4=200.5 int=22"), "delay_req_interval_limited");
    assert_eq!(script.port.delay_req_interval(), LOG_DELAY_REQ_INTERVAL_MAX);
    assert_eq!(say(&mut script, "resp A req=1 t4=200.5 int=-100"), "delay_req_interval_limited");
    assert_eq!(script.port.delay_req_interval(), LogInterval::MIN);
    assert_eq!(honoured(LogInterval::UNSTATED), None);
}

#[test]
fn a_response_that_answers_nothing_does_not_change_the_interval() {
    let mut script = asked(1);
    let other = script.requests[0].1.wrapping_add(9);
    say(&mut script, &format!("resp A seq={other} t4=200.5 int=8"));
    assert_eq!(script.port.delay_req_interval(), LogInterval::new(0));
}
