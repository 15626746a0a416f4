use crate::ptp::script::{Script, config, render};
use crate::ptp::{Config, Effect, IntervalConfig, PeerDelayConfig, PortState, Role, ServingConfig, StaticRole};
use crate::time::LogInterval;
use crate::wire::ptp::{MessageType, parse};

fn log(interval: i8) -> LogInterval {
    LogInterval::new(interval)
}

/// A master that sends Sync and Announce each second, and does as it is told down to 2^-3 s.
fn master(peer_delay: Option<PeerDelayConfig>) -> Script {
    let serving = ServingConfig { log_announce_interval: log(0), log_sync_interval: log(0), ..ServingConfig::DEFAULT };
    let intervals = IntervalConfig { heeded_min: Some(log(-3)), ..IntervalConfig::default() };
    let mut script = Script::new(Config { role: Role::Master, serving, intervals, peer_delay, ..config() });
    script.line("0 link up");
    script.line("0 line ahead=5");
    script.line("0 decide m2");
    assert_eq!(script.port.state(), PortState::Master);
    script.line("0 run");
    script
}

/// How many messages of this type it sends until then, and the interval that the last of them states.
fn sent(script: &mut Script, until: f64, message_type: MessageType) -> (usize, Option<i8>) {
    let effects = script.line(&format!("{until} run"));
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => Some(parse(frame.as_bytes()).expect("ours").header),
        _ => None,
    });
    let intervals: Vec<i8> = sent
        .filter(|header| header.message_type == message_type)
        .map(|header| header.log_message_interval.log2_seconds())
        .collect();
    (intervals.len(), intervals.last().copied())
}

#[test]
fn a_master_sends_as_often_as_it_is_asked_to_and_no_more_often_than_it_may() {
    let mut script = master(None);
    assert_eq!(sent(&mut script, 10.5, MessageType::Sync), (10, Some(0)));
    script.play("10.5 intervals B sync=-2 => interval_heeded");
    // At once, and not when the long interval before is over.
    assert_eq!(sent(&mut script, 11.5, MessageType::Sync), (4, Some(-2)));
    script.play("11.5 intervals B sync=-24 => interval_heeded");
    assert_eq!(sent(&mut script, 12.5, MessageType::Sync), (8, Some(-3)));
    script.play("12.5 intervals B sync=126 announce=-1 => interval_heeded");
    // That it is rarer is said three times before it is.
    assert_eq!(sent(&mut script, 12.5 + 0.375, MessageType::Sync), (3, Some(0)));
    assert_eq!(sent(&mut script, 20.4, MessageType::Sync).0, 7);
    assert!((15..=17).contains(&sent(&mut script, 28.4, MessageType::Announce).0));
}

#[test]
fn a_master_stops_when_it_is_asked_to_and_begins_again() {
    let mut script = master(None);
    script.play("10.5 intervals B sync=127 => interval_heeded");
    assert_eq!(sent(&mut script, 10.5, MessageType::Sync).0, 0);
    assert_eq!(sent(&mut script, 100.0, MessageType::Sync).0, 0);
    script.play("100 intervals B sync=0 => interval_heeded");
    assert_eq!(sent(&mut script, 110.5, MessageType::Sync), (11, Some(0)));
    // Another grandmaster is announced at once, and Sync that are not wanted are sent all the same not.
    script.play("110.5 intervals B sync=127 => interval_heeded");
    script.line("110.6 decide m3 gm=B");
    assert_eq!(sent(&mut script, 110.7, MessageType::Sync).0, 0);
    // What was asked for ends with the role.
    script.line("111 link down");
    script.line("112 link up");
    script.line("112 decide m2");
    assert_eq!(sent(&mut script, 122.0, MessageType::Sync).1, Some(0));
}

#[test]
fn the_intervals_in_force_are_those_that_the_messages_state() {
    let in_force = |script: &Script| {
        let of = script.port.intervals();
        [of.announce, of.sync].map(LogInterval::log2_seconds)
    };
    let mut script = master(None);
    assert_eq!(in_force(&script), [0, 0]);
    script.play("10 intervals B sync=-2 announce=1 => interval_heeded");
    assert_eq!(in_force(&script), [1, -2]);
    script.play("11 intervals B sync=127 announce=127 => interval_heeded");
    assert_eq!(in_force(&script), [127, 127], "none is sent");
    script.line("12 link down");
    assert_eq!((in_force(&script), script.port.intervals().pdelay_req), ([0, 0], None));
    let mut script = slave();
    let pdelay_req = |script: &Script| script.port.intervals().pdelay_req;
    assert_eq!(pdelay_req(&script), Some(log(0)));
    follows(&mut script, 1..20, -3, "locked");
    assert_eq!((in_force(&script)[1], pdelay_req(&script)), (-3, Some(log(2))));
    script.line("21 link down");
    assert_eq!((in_force(&script)[1], pdelay_req(&script)), (0, Some(log(0))), "what it would send");
}

#[test]
fn who_is_no_master_or_not_the_neighbour_or_was_not_told_to_heeds_nothing() {
    // Nothing is served before the neighbour is known, and so each token is a Pdelay_Req's.
    let mut script = master(Some(PeerDelayConfig { as_capable: true, ..PeerDelayConfig::default() }));
    script.play("1 intervals B sync=-2 => interval_refused");
    script.line("1 run");
    let last = script.requests.len() - 1;
    script.line(&format!("1 sent {last} t3=100.7"));
    script.line(&format!("1 presp B req={last} two at=100.200002 t2=100.700104"));
    script.line(&format!("1 pfup B req={last} at=100.200102"));
    script.play(
        "1.1 intervals C sync=-2 => interval_refused
         1.1 intervals B sync=-2 => interval_heeded
         1.1 intervals B link=-2 => interval_heeded
         1.1 intervals B => interval_heeded
         1.1 intervals B link=127 => interval_refused",
    );
    sent(&mut script, 5.0, MessageType::PdelayReq);
    assert_eq!(sent(&mut script, 10.0, MessageType::PdelayReq).0, 20);
    let heeded_min = Some(log(-3));
    let intervals = IntervalConfig { heeded_min, ..IntervalConfig::default() };
    let mut listening = Script::new(Config { intervals, ..config() });
    listening.line("0 link up");
    listening.play("1 intervals B sync=-2 => interval_refused");
    let mut deaf = Script::new(config());
    deaf.line("0 link up");
    deaf.play("1 intervals B sync=-2 => -");
}

/// A static slave that asks for a Sync each second and then asks its neighbour each four.
fn slave() -> Script {
    let intervals = IntervalConfig { heeded_min: None, sync: Some(log(0)), pdelay_req: Some(log(2)) };
    let static_role = Some(StaticRole { ptp_timescale: true });
    let peer_delay = Some(PeerDelayConfig::default());
    let mut script = Script::new(Config { static_role, intervals, peer_delay, ..config() });
    script.line("0 link up");
    script
}

/// A Sync of A's each eighth of a second, or what it says, each of which the discipline hears; what is asked.
fn follows(script: &mut Script, seconds: std::ops::Range<u32>, interval: i8, report: &str) -> Vec<String> {
    let mut asked = Vec::new();
    for eighth in seconds.start * 8..seconds.end * 8 {
        let at = f64::from(eighth) / 8.0;
        script.line(&format!("{at} run"));
        script.line(&format!("{at} sync A seq={eighth} t1={at} t2={at} int={interval}"));
        let effects = render(&script.line(&format!("{at} clock {report}")));
        let said = effects.split("; ").find(|effect| effect.starts_with("send Signaling")).map(str::to_owned);
        asked.extend(said.map(|said| format!("{at} {said}")));
    }
    asked
}

#[test]
fn a_slave_asks_for_the_initial_interval_and_once_it_is_locked_for_a_while_for_the_operational_one() {
    let mut script = slave();
    assert_eq!(
        follows(&mut script, 1..3, -3, "unlocked"),
        ["1 send Signaling [intervals link=-128 sync=126 announce=-128]"]
    );
    assert_eq!(
        follows(&mut script, 3..20, -3, "locked"),
        ["19 send Signaling [intervals link=-128 sync=0 announce=-128]"]
    );
    assert_eq!(follows(&mut script, 20..30, 0, "locked"), [""; 0]);
    // Heeded, it is asked as if for the first time by who forgets it, each time.
    for from in [30, 36, 42] {
        let asked = follows(&mut script, from..from + 1, -3, "locked");
        assert_eq!(asked, [format!("{from} send Signaling [intervals link=-128 sync=0 announce=-128]")]);
        assert_eq!(follows(&mut script, from + 1..from + 6, 0, "locked"), [""; 0]);
    }
    // Its own requests are as rare.
    assert_eq!(sent(&mut script, 60.0, MessageType::PdelayReq).0, 3);
}

#[test]
fn a_slave_that_has_lost_its_master_measures_the_link_as_often_as_at_first() {
    let mut script = slave();
    follows(&mut script, 1..40, 0, "locked");
    assert_eq!(sent(&mut script, 40.5, MessageType::Sync).0, 0);
    let silent = sent(&mut script, 56.5, MessageType::PdelayReq).0;
    assert!((4..=5).contains(&silent), "{silent}, each four seconds until somebody says that the clock is not locked");
    assert_eq!(script.port.state(), PortState::Listening);
    script.line("56.5 clock unlocked");
    assert_eq!(sent(&mut script, 64.5, MessageType::PdelayReq).0, 8);
}

#[test]
fn a_slave_that_is_locked_no_more_asks_for_the_initial_intervals_again() {
    let mut script = slave();
    follows(&mut script, 1..3, -3, "unlocked");
    follows(&mut script, 3..20, -3, "locked");
    follows(&mut script, 20..22, 0, "locked");
    assert_eq!(
        follows(&mut script, 22..23, 0, "unlocked"),
        ["22 send Signaling [intervals link=-128 sync=126 announce=-128]"]
    );
    assert_eq!(sent(&mut script, 25.9, MessageType::PdelayReq).0, 3);
}
