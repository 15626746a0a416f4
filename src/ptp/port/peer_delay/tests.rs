use crate::ptp::script::{Script, config};
use crate::ptp::{Config, Effect, PeerDelayConfig, Role};
use crate::sharing::CounterSet;
use crate::time::Timestamp;
use crate::wire::ptp::{Body, MessageType, parse};

fn capable(role: Role) -> Script {
    let peer_delay = PeerDelayConfig { as_capable: true, ..PeerDelayConfig::default() };
    Script::new(Config { peer_delay: Some(peer_delay), role, ..config() })
}

/// The neighbour B answers the last request: 2 us each way.
fn is_answered(script: &mut Script, at: &str) {
    let last = script.requests.len() - 1;
    script.line(&format!("{at} sent {last} t3=100.7"));
    script.line(&format!("{at} presp B req={last} two at=100.200002 t2=100.700104"));
    script.line(&format!("{at} pfup B req={last} at=100.200102"));
}

fn types(effects: &[Effect]) -> Vec<MessageType> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => Some(parse(frame.as_bytes()).expect("ours").header.message_type),
        _ => None,
    });
    sent.filter(|sent| *sent != MessageType::PdelayReq).collect()
}

#[test]
fn of_a_link_whose_neighbour_is_not_capable_nothing_is_believed() {
    let mut script = capable(Role::Slave);
    script.play(
        "0 link up
         0 run
         0 announce B seq=0 p1=10 => not_capable
         1 announce B seq=1 p1=10 => not_capable",
    );
    is_answered(&mut script, "1.3");
    script.play(
        "1.5 announce B seq=2 p1=10 => -
         2 announce B seq=3 p1=10 => -
         2.5 announce B seq=4 p1=10 => parent_changed; parent B gm=B steps=1; state LISTENING->UNCALIBRATED (parent selected)
         2.5 sync B seq=7 t1=100 t2=100.5 => sync_interval 0; sync 100 -> 100.5 corr=0 epoch=1",
    );
    // It falls silent: three requests stay without an answer.
    script.line("9 run");
    script.play("9 sync B seq=8 t1=106 t2=106.5 => not_capable");
}

#[test]
fn a_link_whose_neighbour_is_not_capable_is_not_served() {
    let mut script = capable(Role::Master);
    script.play(
        "0 link up
         0 line ahead=5
         0 decide m2",
    );
    assert_eq!(types(&script.line("3 run")), []);
    is_answered(&mut script, "3.1");
    let served = types(&script.line("6 run"));
    assert!(served.contains(&MessageType::Announce) && served.contains(&MessageType::Sync), "{served:?}");
}

/// What a master whose time is 5 s ahead of its stamps answers a request that arrived at 100.5, and left again at 100.6, when its time was so many
/// seconds ahead: t2 and t3 in ms.
fn answered(sdo_id: u16, ahead_then: f64) -> [i64; 2] {
    let peer_delay = Some(PeerDelayConfig::default());
    let mut script = Script::new(Config { peer_delay, role: Role::Master, sdo_id, ..config() });
    script.line("0 link up");
    script.line("0 line ahead=5");
    let before = script.requests.len();
    let mut effects = script.line(&format!("1 preq B seq=7 t2=100.5 sdo={sdo_id}"));
    script.line(&format!("1.05 line ahead={ahead_then}"));
    effects.extend(script.line(&format!("1.1 sent {before} t3=100.6")));
    let mut said = effects.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => match parse(frame.as_bytes()).expect("ours").body {
            Body::PdelayResp(resp) => Some(resp.request_receipt_timestamp),
            Body::PdelayRespFollowUp(follow_up) => Some(follow_up.response_origin_timestamp),
            _ => None,
        },
        _ => None,
    });
    [said.next(), said.next()].map(|at| {
        let since_epoch = at.expect("both").to_timestamp() - Timestamp::EPOCH;
        (since_epoch.as_secs_f64() * 1e3).round() as i64
    })
}

#[test]
fn an_answer_says_the_time_that_is_served_and_by_802_1as_that_of_the_stamps() {
    assert_eq!(answered(0, 5.0), [105_500, 105_600]);
    assert_eq!(answered(0x100, 5.0), [100_500, 100_600]);
    // Moved between the two, which is none of the time that it took to answer.
    assert_eq!(answered(0, 5.025), [105_500, 105_600]);
}

#[test]
fn an_answer_whose_halves_would_be_of_two_clocks_is_left_out() {
    let mut script =
        Script::new(Config { peer_delay: Some(PeerDelayConfig::default()), role: Role::Master, ..config() });
    script.line("0 link up");
    let before = script.requests.len();
    script.line("1 preq B seq=7 t2=100.5");
    script.line("1 line ahead=5");
    script.play(&format!("1.1 sent {before} t3=100.6 => half_flushed"));
}

#[test]
fn a_card_that_completes_answers_may_write_into_requests_what_it_likes() {
    let answers = |one_step: bool, line: &str| {
        let peer_delay = Some(PeerDelayConfig { one_step, ..PeerDelayConfig::default() });
        let mut script = Script::new(Config { peer_delay, role: Role::Master, ..config() });
        script.line("0 link up");
        let effects = script.line(line);
        (types(&effects), counted(&effects))
    };
    // What its clock read has been subtracted: 100.5 s.
    let (of_the_card, usual) = ("1 preq B seq=7 t2=100.5 cf=-100500000000", "1 preq B seq=7 t2=100.5");
    assert_eq!(answers(true, of_the_card), (vec![MessageType::PdelayResp], vec![]));
    assert_eq!(answers(false, of_the_card), (vec![], vec!["correction_excessive"]));
    assert_eq!(answers(false, usual), (vec![MessageType::PdelayResp], vec![]));
    // It knows when the request arrived, and need not tell.
    assert_eq!(answers(true, "1 preq B seq=7"), (vec![MessageType::PdelayResp], vec![]));
    assert_eq!(answers(false, "1 preq B seq=7"), (vec![], vec!["rx_stamp_missing"]));
}

fn counted(effects: &[Effect]) -> Vec<&'static str> {
    let names = effects.iter().filter_map(|effect| match effect {
        Effect::Count(counter) => Some(counter.name()),
        _ => None,
    });
    names.filter(|name| !name.starts_with("sent_") && !name.starts_with("received_")).collect()
}
