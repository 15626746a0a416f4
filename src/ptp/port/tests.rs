use crate::engine::Engine;
use crate::ptp::script::{Script, config, mono, render, stamp};
use crate::ptp::{
    Channel, Config, Counter, Effect, Input, NeighborStatus, PeerDelayConfig, Port, PortState, RefusedMaster,
    TimeProperties, TxToken,
};
use crate::time::{Duration, LeapIndicator, LogInterval, TaiUtc, Timestamp};
use crate::wire::ptp::{self, ClockIdentity, CorrectionField, MessageType, ParseError, TimeSource};

fn following() -> Script {
    Script::following(config())
}

/// At 4 s exactly one Delay_Req is outstanding, `req=0`.
fn one_request(script: &mut Script) {
    script.line("4 run");
    for surplus in 1..script.requests.len() {
        script.line(&format!("4 failed {surplus}"));
    }
}

// ---- Headers ----

#[test]
fn another_domain_is_refused_and_the_last_one_remembered() {
    let mut script = following();
    script.play(
        "2 sync A seq=1 t2=100 domain=24    => domain_mismatch
         2 announce B seq=1 domain=127      => domain_mismatch",
    );
    let at = |seconds| Timestamp::from_secs(seconds);
    assert_eq!(script.port.foreign_domain(at(2)), Some((127, 0)));
    assert_eq!(script.port.foreign_domain(at(66)), Some((127, 0)));
    assert_eq!(script.port.foreign_domain(at(67)), None, "it is no reason for a silence of now");
    script.play("70 sync A seq=1 t2=100 domain=24 => domain_mismatch");
    assert_eq!(script.port.foreign_domain(at(70)), Some((24, 0)));
}

#[test]
fn all_twelve_bits_of_the_sdo_id_must_match() {
    let mut script = following();
    script.play(
        "2 sync A seq=1 t2=100 sdo=256      => sdo_id_mismatch
         2 sync A seq=1 t2=100 sdo=1        => sdo_id_mismatch",
    );
    assert_eq!(script.port.foreign_domain(Timestamp::from_secs(66)), Some((0, 1)));
    assert_eq!(script.port.foreign_domain(Timestamp::from_secs(67)), None, "it is no reason for a silence of now");
    let mut script = Script::following(Config { sdo_id: 0x1a5, ..config() });
    script.play(
        "2 sync A seq=1 t2=100 sdo=421      => sync_interval 0; sync 0 -> 100 corr=0 epoch=1
         2 sync A seq=2 t2=100 sdo=256      => sdo_id_mismatch
         2 sync A seq=2 t2=100 sdo=165      => sdo_id_mismatch",
    );
}

#[test]
fn the_minor_version_is_ignored_on_receipt() {
    following().play(
        "2 sync A seq=1 t2=100 minor=0      => sync_interval 0; sync 0 -> 100 corr=0 epoch=1
         2 sync A seq=2 t2=101 minor=15     => sync 0 -> 101 corr=0 epoch=1",
    );
}

#[test]
fn another_major_version_is_counted_and_remembered() {
    let mut script = following();
    let mut bytes = [0_u8; 44];
    bytes[1] = 0x01;
    let mut out = Vec::new();
    let input = Input::Received { bytes: &bytes, channel: Channel::Event, stamp: None, from: None };
    script.port.step(script.now, input, &mut out);
    assert_eq!(out, [Effect::Count(Counter::Malformed(ParseError::Version))]);
    assert_eq!(script.port.foreign_version(Timestamp::from_secs(2)), Some(1));
}

#[test]
fn own_messages_that_come_back_are_discarded() {
    following().play(
        "2 req us seq=1 t2=100              => own_message
         2 sync _7 seq=1 t2=100             => own_message",
    );
}

#[test]
fn an_event_message_on_the_general_channel_is_refused() {
    following().play("2 sync A seq=1 t2=100 general => wrong_channel");
}

#[test]
fn the_minor_version_of_what_is_sent_is_configurable() {
    for minor_version in [0, 1] {
        let mut script = Script::following(Config { minor_version, ..config() });
        let effects = script.line("4 run");
        let frame = effects.iter().find_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(*frame),
            _ => None,
        });
        assert_eq!(ptp::parse(frame.unwrap().as_bytes()).unwrap().header.minor_version_ptp, minor_version);
    }
}

// ---- Who is heard, and when ----

#[test]
fn sync_follow_up_and_delay_resp_must_come_from_the_parent_port_not_from_its_grandmaster_or_clock() {
    let mut script = following();
    script.play("4 run");
    script.play(
        "4 sync A2 seq=1 t2=100             => not_from_parent
         4 sync B seq=1 t2=100              => not_from_parent
         4 fup A2 seq=1 t1=100              => not_from_parent
         4 resp A2 req=0 t4=100             => not_from_parent
         4 resp B req=0 t4=100              => not_from_parent",
    );
    // B tells of grandmaster C: what comes from C itself is not from the parent.
    let mut script = Script::new(config());
    script.play(
        "0 announce B gm=C seq=1 steps=1
         1 announce B gm=C seq=2 steps=1
         2 announce B gm=C seq=3 steps=1
         2 sync C seq=1 t2=100              => not_from_parent
         2 sync B seq=1 t2=100              => sync_interval 0; sync 0 -> 100 corr=0 epoch=1",
    );
    assert_eq!(script.port.parent().unwrap().steps_removed, 2);
}

#[test]
fn a_delay_resp_must_name_our_own_port_identity() {
    let mut script = following();
    script.play("4 run");
    script.play(
        "4 sent 0 t3=100                    => -
         4 resp A req=0 t4=100 to=B         => delay_resp_for_other
         4 resp A req=0 t4=100 to=_2        => delay_resp_for_other
         4 resp A req=0 t4=101              => delay 100 -> 101 corr=0 epoch=1",
    );
}

#[test]
fn event_messages_are_processed_only_in_uncalibrated_and_slave() {
    let mut script = Script::new(config());
    script.play(
        "0 link up
         0 sync A seq=1 t2=100              => wrong_state
         0 fup A seq=1 t1=100               => wrong_state
         0 resp A seq=0 t4=100              => wrong_state
         0 announce A seq=1
         1 announce A seq=2
         2 announce A seq=3
         2 sync A seq=2 t2=100              => sync_interval 0; sync 0 -> 100 corr=0 epoch=1
         2 clock locked                     => state UNCALIBRATED->SLAVE (clock locked)
         2 sync A seq=3 t2=101              => sync 0 -> 101 corr=0 epoch=1",
    );
}

#[test]
fn sync_with_the_alternate_master_flag_is_not_used() {
    following().play("2 sync A seq=1 t2=100 alternate => alternate_master");
}

#[test]
fn a_slave_only_port_answers_no_delay_req_and_sends_nothing_but_delay_req() {
    let mut script = following();
    let mut sent = Vec::new();
    for second in 2..20 {
        let mut effects = script.line(&format!("{second} announce A seq={second} p1=10"));
        effects.extend(script.line(&format!("{second} req B seq={second} t2=100")));
        effects.extend(script.line(&format!("{second}.9 run")));
        sent.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { frame, channel, token, .. } => Some((frame, channel, token)),
            _ => None,
        }));
    }
    assert!(sent.len() > 5);
    for (frame, channel, token) in sent {
        let message = ptp::parse(frame.as_bytes()).unwrap();
        assert_eq!(message.header.message_type, MessageType::DelayReq);
        assert_eq!(message.header.log_message_interval, LogInterval::UNSTATED, "0x7F");
        assert_eq!(message.header.source_port_identity, config().port_identity());
        assert_eq!((channel, token.is_some()), (Channel::Event, true));
    }
}

#[test]
fn the_first_delay_req_to_a_parent_does_not_wait_for_an_interval_that_is_not_known_yet() {
    for seed in 0..50 {
        let mut script = Script::new(Config { seed, ..config() });
        script.play(
            "0 link up
             0 announce A seq=0 p1=10
             1 announce A seq=1 p1=10
             2 announce A seq=2 p1=10",
        );
        assert!(script.port.parent().is_some() && script.requests.is_empty());
        script.line("2.25 run");
        assert!(!script.requests.is_empty(), "seed {seed}");
    }
}

/// How many requests are sent within 100 s from `second` on, if the master wants 4 a second at most and this is reported each second.
fn requests_within_100_s(script: &mut Script, second: u32, report: &str) -> usize {
    let before = script.requests.len();
    for second in second..second + 100 {
        script.line(&format!("{second} announce A seq={second} p1=10"));
        script.line(&format!("{second} clock {report}"));
        script.line(&format!("{second}.99 run"));
    }
    script.requests.len() - before
}

fn asked_by_four_a_second() -> Script {
    let mut script = following();
    one_request(&mut script);
    script.line("4 sent 0 t3=100");
    script.line("4 resp A req=0 t4=100 int=-2");
    assert_eq!(script.port.delay_req_interval(), LogInterval::new(-2));
    script
}

#[test]
fn in_a_calm_one_request_a_second_is_sent_and_never_more_than_the_master_wants() {
    let mut script = asked_by_four_a_second();
    let usual = requests_within_100_s(&mut script, 5, "locked");
    assert!((320..480).contains(&usual), "{usual}");
    let calm = requests_within_100_s(&mut script, 105, "locked calm");
    assert!((90..115).contains(&calm), "{calm}");
    let again = requests_within_100_s(&mut script, 205, "locked");
    assert!((320..480).contains(&again), "{again}");
    // A master that wants one in four seconds at most gets no more.
    let last = script.requests.len() - 1;
    script.line(&format!("305 sent {last} t3=100"));
    script.line(&format!("305 resp A req={last} t4=100 int=2"));
    let seldom = requests_within_100_s(&mut script, 306, "locked calm");
    assert!((12..40).contains(&seldom), "{seldom}");
}

#[test]
fn a_calm_that_ends_is_followed_by_a_request_at_once_and_so_is_another_clock() {
    for end in ["clock locked", "announce A seq=9 p1=10 gm=B"] {
        let mut script = asked_by_four_a_second();
        script.line("5 announce A seq=5 p1=10");
        script.line("5 clock locked calm");
        script.line("7 run");
        let before = script.requests.len();
        script.line(&format!("7 {end}"));
        script.line("7.51 run");
        assert!(script.requests.len() > before, "{end}");
    }
}

// ---- correctionField, asymmetry, latencies ----

#[test]
fn a_negative_correction_is_legal_and_kept_to_a_65536th_of_a_nanosecond() {
    let mut script = following();
    script.play("2 sync A seq=1 t2=100 cfbits=-1");
    let effects = script.line("2 sync A seq=2 t2=101 cfbits=-65537");
    let Some(Effect::Observe(observation)) = effects.last() else { panic!("{effects:?}") };
    assert_eq!(observation.correction, Duration::from_ticks(-65_537));
}

#[test]
fn a_correction_that_is_too_big_is_dropped() {
    let mut script = following();
    script.play("4 run");
    script.play(
        "4 sync A seq=1 t2=100 cfbits=9223372036854775807       => correction_too_big
         4 fup A seq=1 t1=100 cfbits=9223372036854775807        => correction_too_big
         4 resp A req=0 t4=100 cfbits=9223372036854775807       => correction_too_big",
    );
}

#[test]
fn a_correction_of_more_than_ten_seconds_on_either_side_is_dropped() {
    following().play(
        "2 sync A seq=1 t2=100 cf=10000000001   => correction_excessive
         2 sync A seq=1 t2=100 cf=-10000000001  => correction_excessive
         2 fup A seq=1 t1=100 cf=-10000000001   => correction_excessive
         2 sync A seq=1 t2=100 cf=-10000000000  => sync_interval 0; sync 0 -> 100 corr=-10000000000 epoch=1",
    );
}

#[test]
fn the_delay_asymmetry_is_added_to_sync_and_subtracted_from_delay_req() {
    let mut script = Script::following(Config { delay_asymmetry: Duration::from_nanos(40), ..config() });
    script.play(
        "2 sync A seq=1 two t2=100 cf=1  => sync_interval 0
         2 fup A seq=1 t1=99 cf=2        => sync 99 -> 100 corr=43 epoch=1
         4 run",
    );
    let correction = script.requests[0].2;
    assert_eq!(correction, CorrectionField::from_duration(Duration::from_nanos(-40)));
    // The master copies it, so it comes back in the answer.
    script.play(
        "4 sent 0 t3=200
         4 resp A req=0 t4=200.5 cf=-40  => delay 200 -> 200.5 corr=-40 epoch=1",
    );
}

/// `offset = ((t2 - t1 - c1) - (t4 - t3 - c2)) / 2` and `delay = ((t2 - t1 - c1) + (t4 - t3 - c2)) / 2`.
#[test]
fn with_the_asymmetry_configured_the_offset_of_an_asymmetric_path_comes_out_right() {
    let mut script = Script::following(Config { delay_asymmetry: Duration::from_micros(30), ..config() });
    // To us 130 us, back 70 us: a mean of 100 us, asymmetry 30 us. We are 5 us ahead.
    let sync = script.line("2 sync A seq=1 t1=100 t2=100.000135");
    script.line("4 run");
    script.line("4 sent 0 t3=104.000005");
    let delay = script.line("4 resp A req=0 t4=104.00007 cf=-30000");
    let edge = |effects: &[Effect]| match effects.last() {
        Some(Effect::Observe(o)) => o.received.at - o.sent.at - o.correction,
        other => panic!("{other:?}"),
    };
    let (there, back) = (edge(&sync), edge(&delay));
    assert_eq!((there - back).half(), Duration::from_micros(5));
    assert_eq!((there + back).half(), Duration::from_micros(100));
}

#[test]
fn ingress_latency_is_subtracted_from_t2_and_egress_latency_added_to_t3() {
    let latencies = (Duration::from_nanos(300), Duration::from_nanos(70));
    let mut script =
        Script::following(Config { ingress_latency: latencies.0, egress_latency: latencies.1, ..config() });
    script.play(
        "2 sync A seq=1 t1=99 t2=100     => sync_interval 0; sync 99 -> 99.9999997 corr=0 epoch=1
         4 run
         4 sent 0 t3=200
         4 resp A req=0 t4=200.5         => delay 200.00000007 -> 200.5 corr=0 epoch=1",
    );
}

// ---- Timeouts, parents, states ----

#[test]
fn the_announce_receipt_timeout_is_a_random_time_between_three_and_four_intervals() {
    let mut timeouts = Vec::new();
    for seed in 0..50 {
        let mut script = Script::following(Config { seed, ..config() });
        let silent_since = script.now;
        let mut lost_at = None;
        while lost_at.is_none() {
            let due = script.port.deadline().expect("a port with a parent has a timer");
            let mut out = Vec::new();
            script.port.step(due, Input::Tick { local: Timestamp::EPOCH }, &mut out);
            lost_at = out.contains(&Effect::Parent(None)).then_some(due);
        }
        timeouts.push(lost_at.unwrap() - silent_since);
    }
    assert!(timeouts.iter().all(|t| (Duration::from_secs(3)..Duration::from_secs(4)).contains(t)), "{timeouts:?}");
    let (least, most) = (timeouts.iter().min().unwrap(), timeouts.iter().max().unwrap());
    assert!(*most - *least > Duration::from_millis(700), "random: {least:?} to {most:?}");
}

#[test]
fn a_parent_that_falls_silent_is_lost_and_the_port_listens() {
    let mut script = following();
    let effects = script.line("6.1 run");
    let shown: Vec<String> =
        render(&effects).split("; ").filter(|e| !e.contains("Delay_Req")).map(Into::into).collect();
    let [flushed @ .., timeout, none, state] = &shown[..] else { panic!("{shown:?}") };
    assert!(timeout == "announce_receipt_timeout" || flushed.iter().any(|e| e == "announce_receipt_timeout"));
    assert_eq!(none, "parent none");
    assert_eq!(state, "state SLAVE->LISTENING (announce receipt timeout)");
    assert_eq!((script.port.parent(), script.port.deadline()), (None, None), "no timer runs while it listens");
    script.play(
        "7 sync A seq=1 t2=100 => wrong_state
         # Ebest was cleared: A begins anew.
         7 announce A seq=8 p1=10 => -
         8 announce A seq=9 p1=10 => -
         9 announce A seq=10 p1=10 => parent_changed; parent A gm=A steps=1; state LISTENING->UNCALIBRATED (parent selected)",
    );
}

#[test]
fn announce_of_the_parent_puts_its_timeout_off_for_ever() {
    let mut script = following();
    for second in 3..100 {
        let effects = script.line(&format!("{second} run"));
        assert!(!render(&effects).contains("timeout"));
        script.line(&format!("{second} announce A seq={second} p1=10"));
    }
    assert_eq!(script.port.state(), PortState::Slave);
}

#[test]
fn the_next_best_qualified_master_is_chosen_at_once_when_the_parent_falls_silent() {
    let mut script = following();
    script.play(
        "2.0 announce B seq=1 p1=20
         2.1 announce C seq=1 p1=30
         3.0 announce B seq=2 p1=20
         3.1 announce C seq=2 p1=30
         4.0 announce B seq=3 p1=20 => -
         4.1 announce C seq=3 p1=30 => -
         4.9 announce B seq=4 p1=20 => -",
    );
    let effects = script.line("6.1 run");
    let shown = render(&effects);
    assert!(
        shown.contains("announce_receipt_timeout")
            && shown.contains("parent B gm=B steps=1; state SLAVE->UNCALIBRATED (parent changed)"),
        "{shown}"
    );
    assert!(!shown.contains("parent none"));
}

#[test]
fn a_better_master_becomes_the_parent_with_a_new_remote_epoch_and_the_old_one_is_no_longer_heard() {
    following().play(
        "2 sync A seq=1 t2=100           => sync_interval 0; sync 0 -> 100 corr=0 epoch=1
         2 sync A seq=2 two t2=101       => -
         2 announce B seq=1 p1=5
         3 announce B seq=2 p1=5
         4 announce B seq=3 p1=5         => half_flushed; parent_changed; parent B gm=B steps=1; state SLAVE->UNCALIBRATED (parent changed)
         4 sync A seq=3 t2=102           => not_from_parent
         4 sync B seq=9 t2=102 int=-3    => sync_interval -3; sync 0 -> 102 corr=0 epoch=2",
    );
}

#[test]
fn another_grandmaster_behind_the_same_parent_is_another_clock() {
    let mut script = following();
    one_request(&mut script);
    script.play(
        "4 sync A seq=1 two t2=100       => sync_interval 0
         4 announce A gm=Z seq=9 p1=10 steps=2  => half_flushed; half_flushed; parent_changed; parent A gm=Z steps=3; state SLAVE->UNCALIBRATED (grandmaster changed)
         4 fup A seq=1 t1=100            => -
         4 resp A req=0 t4=100           => delay_resp_unexpected
         4 sync A seq=2 t2=101           => follow_up_unpaired; sync 0 -> 101 corr=0 epoch=2",
    );
}

#[test]
fn another_timescale_of_the_same_grandmaster_is_another_clock() {
    following().play(
        "3 announce A seq=3 p1=10 ptp    => parent_changed; parent A gm=A steps=1; state SLAVE->UNCALIBRATED (grandmaster changed)
         3 sync A seq=2 t2=101           => sync_interval 0; sync 0 -> 101 corr=0 epoch=2",
    );
}

#[test]
fn a_property_of_the_parent_that_changes_is_told_without_a_new_epoch() {
    let mut script = following();
    script.play(
        "3 announce A seq=3 p1=10 class=7 => parent A gm=A steps=1
         3 announce A seq=4 p1=10 class=7 => -
         3 sync A seq=2 t2=101            => sync_interval 0; sync 0 -> 101 corr=0 epoch=1",
    );
    let parent = script.port.parent().unwrap();
    assert_eq!((parent.quality.clock_class, parent.selected_at), (7, mono("2")));
}

#[test]
fn current_utc_offset_counts_only_with_its_valid_flag() {
    let mut script = following();
    let properties = |script: &Script| script.port.parent().unwrap().time_properties;
    script.line("3 announce A seq=3 p1=10 ptp utc=37");
    assert_eq!(properties(&script).current_utc_offset, None);
    script.line("4 announce A seq=4 p1=10 ptp utc=37 valid traceable leap61 source=32");
    assert_eq!(
        properties(&script),
        TimeProperties {
            current_utc_offset: Some(TaiUtc(37)),
            leap: LeapIndicator::Insert,
            ptp_timescale: true,
            time_traceable: true,
            frequency_traceable: false,
            time_source: TimeSource::GNSS,
        }
    );
    script.line("5 announce A seq=5 p1=10 ptp leap59");
    assert_eq!(properties(&script).leap, LeapIndicator::Delete);
    script.line("6 announce A seq=6 p1=10 ptp leap59 leap61");
    assert_eq!(properties(&script).leap, LeapIndicator::NoWarning, "both at once is nonsense");
}

#[test]
fn uncalibrated_becomes_slave_only_on_servo_lock_and_goes_back_without_it() {
    let mut script = following();
    script.play(
        "2 clock locked                  => -
         2 clock                         => state SLAVE->UNCALIBRATED (clock unlocked)
         2 clock                         => -
         2 clock locked                  => state UNCALIBRATED->SLAVE (clock locked)",
    );
    Script::new(config()).play(
        "0 link up
         0 clock locked                  => -",
    );
}

#[test]
fn a_step_of_the_clock_takes_the_port_back_and_flushes_pairs_and_outstanding_requests() {
    let mut script = following();
    one_request(&mut script);
    script.play(
        "4 sync A seq=1 two t2=100       => sync_interval 0
         4 clock locked stepped          => half_flushed; half_flushed; state SLAVE->UNCALIBRATED (clock stepped)
         4 fup A seq=1 t1=100            => -
         4 sent 0 t3=100                 => tx_stamp_unexpected
         4 resp A req=0 t4=100           => delay_resp_unexpected
         4 clock locked                  => state UNCALIBRATED->SLAVE (clock locked)",
    );
}

#[test]
fn the_sync_interval_is_told_when_it_changes_and_never_when_unstated() {
    following().play(
        "2 sync A seq=1 t2=100 int=127   => sync 0 -> 100 corr=0 epoch=1
         2 sync A seq=2 t2=101 int=-3    => sync_interval -3; sync 0 -> 101 corr=0 epoch=1
         2 sync A seq=3 t2=102 int=-3    => sync 0 -> 102 corr=0 epoch=1
         2 sync A seq=4 t2=103 int=1     => sync_interval 1; sync 0 -> 103 corr=0 epoch=1
         2 sync A seq=5 t2=104 int=-128  => sync_interval -10; sync 0 -> 104 corr=0 epoch=1",
    );
}

#[test]
fn a_link_that_goes_down_is_a_fault_and_comes_back_through_initializing() {
    let mut script = following();
    let shown = render(&script.line("2 link down"));
    assert_eq!(shown, "parent none; state SLAVE->FAULTY (link down)");
    script.play(
        "2 announce A seq=3 p1=10        => wrong_state
         9 run                           => -
         9 link down                     => -
         9 link up                       => state FAULTY->INITIALIZING (link up); state INITIALIZING->LISTENING (link up)
         9 link up                       => -",
    );
    assert_eq!(script.port.foreign_masters(script.now).count(), 0);
}

#[test]
fn the_first_input_starts_the_port() {
    let mut port = Port::new(config());
    assert!(port.deadline().is_some(), "it wants to be called");
    let mut out = Vec::new();
    port.step(Timestamp::EPOCH, Input::Tick { local: Timestamp::EPOCH }, &mut out);
    assert_eq!(render(&out), "state INITIALIZING->LISTENING (started)");
    let mut out = Vec::new();
    let mut port = Port::new(config());
    port.step(Timestamp::EPOCH, Input::Link { up: false }, &mut out);
    assert_eq!(render(&out), "state INITIALIZING->FAULTY (link down)");
    assert_eq!(port.deadline(), None);
}

#[test]
fn stamps_for_tokens_that_were_never_given_out_are_counted() {
    let mut script = following();
    let mut out = Vec::new();
    let token = TxToken(77);
    script.port.step(script.now, Input::Sent { token, stamp: Some(stamp(Timestamp::EPOCH)) }, &mut out);
    script.port.step(script.now, Input::Sent { token, stamp: None }, &mut out);
    script.port.step(script.now, Input::SendFailed { token: Some(token) }, &mut out);
    script.port.step(script.now, Input::SendFailed { token: None }, &mut out);
    assert_eq!(render(&out), "tx_stamp_unexpected; tx_stamp_missing; send_failed; send_failed");
}

#[test]
fn the_same_inputs_and_seed_give_the_same_effects() {
    let play = |seed| {
        let mut script = Script::following(Config { seed, ..config() });
        let mut all = Vec::new();
        for second in 3..30 {
            all.extend(script.line(&format!("{second} run")));
            all.extend(script.line(&format!("{second} announce A seq={second} p1=10")));
            all.extend(script.line(&format!("{second} sync A seq={second} t2=100 t1=99")));
        }
        all
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}

#[test]
fn a_message_of_a_type_that_is_not_used_is_counted_and_left() {
    let mut script = following();
    let mut bytes = script.bytes("announce A seq=3 p1=10");
    let unused = [
        (MessageType::Signaling, Counter::ReceivedSignaling),
        (MessageType::Management, Counter::ReceivedOther),
        (MessageType::PdelayReq, Counter::ReceivedPdelayReq),
        (MessageType::PdelayResp, Counter::ReceivedPdelayResp),
        (MessageType::PdelayRespFollowUp, Counter::ReceivedPdelayRespFollowUp),
    ];
    for (message_type, counter) in unused {
        bytes[0] = message_type as u8;
        bytes[2..4].copy_from_slice(&(34 + message_type.body_length() as u16).to_be_bytes());
        assert_eq!(ptp::parse(&bytes).unwrap().body.message_type(), message_type);
        let mut out = Vec::new();
        let input = Input::Received { bytes: &bytes, channel: Channel::Event, stamp: None, from: None };
        script.port.step(script.now, input, &mut out);
        assert_eq!(out, [Effect::Count(counter)]);
    }
}

#[test]
fn padding_behind_a_message_is_tolerated() {
    let mut script = following();
    let mut bytes = script.bytes("sync A seq=1 t1=99");
    bytes.extend([0; 18]);
    let mut out = Vec::new();
    let stamp = Some(stamp(Timestamp::from_secs(100)));
    script.port.step(
        script.now,
        Input::Received { bytes: &bytes, channel: Channel::Event, stamp, from: None },
        &mut out,
    );
    assert_eq!(render(&out), "sync_interval 0; sync 99 -> 100 corr=0 epoch=1");
}

/// A port with the peer delay mechanism.
fn peering() -> Script {
    Script::new(Config { peer_delay: Some(PeerDelayConfig::default()), ..config() })
}

#[test]
fn with_peer_delay_the_neighbour_is_asked_from_the_start_and_no_delay_req_is_ever_sent() {
    let mut script = peering();
    script.play(
        "0 link up => state INITIALIZING->LISTENING (started)
         0 run => send Pdelay_Req
         0 announce A seq=0 p1=10
         1 announce A seq=1 p1=10
         2 announce A seq=2 p1=10 => parent_changed; parent A gm=A steps=1; state LISTENING->UNCALIBRATED (parent selected)",
    );
    let sent = script.line("20 run");
    let types = sent.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => Some(ptp::parse(frame.as_bytes()).unwrap().header.message_type),
        _ => None,
    });
    let types: Vec<_> = types.collect();
    assert!(types.len() > 10 && types.iter().all(|sent| *sent == MessageType::PdelayReq), "{types:?}");
}

#[test]
fn with_peer_delay_a_request_to_the_parent_is_observed_in_place_of_a_delay_req() {
    let mut script = peering();
    script.play(
        "0 link up
         0 announce A seq=0 p1=10
         1 announce A seq=1 p1=10
         2 announce A seq=2 p1=10
         2 sync A seq=7 t1=100 t2=100.5 => sync_interval 0; sync 100 -> 100.5 corr=0 epoch=1",
    );
    let before = script.requests.len();
    script.line("2.2 run");
    assert!(script.requests.len() > before);
    let last = script.requests.len() - 1;
    // 2 us there and back, half a second apart.
    script.play(&format!(
        "2.3 sent {last} t3=100.7 => -
         2.3 presp A req={last} two at=100.200002 t2=100.700104 => -
         2.3 pfup A req={last} at=100.200102 => delay 100.7 -> 100.200002 corr=0 epoch=1",
    ));
    let Some(NeighborStatus::Known { mean_link_delay, .. }) = script.port.neighbor() else { panic!() };
    assert_eq!(mean_link_delay, Duration::from_micros(2));
}

#[test]
fn the_neighbour_is_answered_in_every_state_but_those_that_send_nothing() {
    let mut script = peering();
    script.play(
        "0 link up
         1 preq B seq=5 t2=100 => send Pdelay_Resp",
    );
    let answer = script.requests.len() - 1;
    script.play(&format!(
        "1 sent {answer} t3=100.5 => send Pdelay_Resp_Follow_Up
         2 announce A seq=0 p1=10
         3 announce A seq=1 p1=10
         4 announce A seq=2 p1=10
         4 preq B seq=6 t2=104 => send Pdelay_Resp
         5 link down
         5 preq B seq=7 t2=105 => wrong_state
         6 link up
         6 preq B seq=8 t2=106 => send Pdelay_Resp",
    ));
}

#[test]
fn only_grandmasters_of_the_list_are_heeded_whoever_announces_them() {
    let mut grandmasters = config().grandmasters;
    grandmasters[3] = Some(ClockIdentity([b'C'; 8]));
    let mut script = Script::new(Config { grandmasters, ..config() });
    script.play(
        "0 announce A seq=1                 => state INITIALIZING->LISTENING (started); grandmaster_refused
         1 announce A seq=2                 => grandmaster_refused
         2 announce A seq=3                 => grandmaster_refused
         2 announce B gm=C seq=1 steps=1    => -
         3 announce B gm=C seq=2 steps=1    => -
         4 announce B gm=C seq=3 steps=1    => parent_changed; parent B gm=C steps=2; state LISTENING->UNCALIBRATED (parent selected)",
    );
    assert_eq!(
        script.port.refused_master(Timestamp::from_secs(4)),
        Some(RefusedMaster::Grandmaster(ClockIdentity([b'A'; 8])))
    );
    // Its parent is one of the list; what that follows later is not.
    script.play("5 announce B gm=A seq=4 steps=1 => grandmaster_refused");
}
