use crate::engine::Engine;
use crate::ptp::script::{Script, config, render};
use crate::ptp::{
    Address, ComparisonRule, Config, Effect, PortState, Role, SignalConfig, UnicastClientConfig, UnicastServerConfig,
};
use crate::time::{Duration, LogInterval};
use crate::wire::ptp;

const ASKED: &str = "send Signaling [ask Announce each 2^0 for 300] to 10.0.0.1; \
                     send Signaling [ask Announce each 2^0 for 300] to 10.0.0.2";

/// A port with the masters 10.0.0.1 and 10.0.0.2.
fn asking() -> Config {
    let mut masters = UnicastClientConfig::NOBODY.masters;
    masters[0] = Some(Address::V4([10, 0, 0, 1]));
    masters[1] = Some(Address::V4([10, 0, 0, 2]));
    let intervals = [LogInterval::new(0); 3];
    Config { unicast: UnicastClientConfig { masters, intervals, ..UnicastClientConfig::NOBODY }, ..config() }
}

/// It follows A at 10.0.0.1 since 2 s, with all contracts, and knows B at 10.0.0.2.
fn following() -> Script {
    let mut script = Script::new(asking());
    script.play(&format!(
        "0 link up => state INITIALIZING->LISTENING (started)
         0 tick => {ASKED}
         0.1 grant A from=1 what=announce => unicast_granted
         0.1 grant B from=2 what=announce => unicast_granted"
    ));
    for second in 0..3 {
        script.line(&format!("{second}.5 announce A from=1 unicast seq={second} p1=10 int=127"));
        script.line(&format!("{second}.5 announce B from=2 unicast seq={second} p1=20 int=127"));
    }
    script.play(
        "2.5 tick => send Signaling [ask Sync each 2^0 for 300] [ask Delay_Resp each 2^0 for 300] to 10.0.0.1
         2.6 grant A from=1 what=sync each=-3 => unicast_granted
         2.6 grant A from=1 what=resp each=-2 => unicast_granted",
    );
    assert_eq!(script.port.state(), PortState::Uncalibrated);
    script
}

/// What it sends until then, A and B being heard four times a second.
fn run(script: &mut Script, from_second: u32, to_second: u32, heard: &str) -> Vec<String> {
    let mut sent = Vec::new();
    for quarter in from_second * 4..to_second * 4 {
        let at = f64::from(quarter) / 4.0;
        let mut effects = script.line(&format!("{at} run"));
        for master in heard.chars() {
            let from = if master == 'A' { 1 } else { 2 };
            let (p1, seq) = (from * 10, 100 + quarter);
            effects.extend(script.line(&format!("{at} announce {master} from={from} unicast seq={seq} p1={p1}")));
            if master == 'A' {
                effects.extend(script.line(&format!("{at} sync A from=1 unicast seq={seq} t1={at} t2={at}")));
            }
        }
        let negotiates = |effect: &&Effect| match effect {
            Effect::Send { frame, .. } => frame.as_bytes()[0] & 0x0f == 0xc,
            _ => false,
        };
        sent.extend(effects.iter().filter(negotiates).map(|effect| format!("{at} {}", render(&[*effect]))));
    }
    sent
}

#[test]
fn all_masters_are_asked_for_announce_and_the_best_one_for_the_rest() {
    let mut script = following();
    assert_eq!(script.port.parent().map(|parent| parent.port), Some(crate::ptp::script::letter("A")));
    let held = script
        .port
        .contracts(script.now)
        .map(|with| (with.address, with.is_client, with.contracts.map(|one| one.is_some())));
    let master = |number| Address::V4([10, 0, 0, number]);
    assert_eq!(held.collect::<Vec<_>>(), [(master(1), false, [true; 3]), (master(2), false, [true, false, false])]);
    assert_eq!(script.port.unicast_contracts(), [0, 4]);
    let effects = script.line("2.7 sync A from=1 unicast seq=1 t1=1 t2=2 int=127");
    assert_eq!(render(&effects), "sync_interval -3; sync 1 -> 2 corr=0 epoch=1", "the interval is the granted one");
    assert_eq!(script.port.delay_req_interval(), LogInterval::new(-2));
}

#[test]
fn delay_req_go_to_the_parent_only_and_not_before_it_has_granted_answers() {
    let mut script = following();
    let sent: Vec<_> =
        script.line("6 run").into_iter().filter(|e| matches!(e, Effect::Send { token: Some(_), .. })).collect();
    assert!(sent.len() > 3);
    for effect in sent {
        let Effect::Send { frame, to, .. } = effect else { unreachable!() };
        let header = ptp::parse(frame.as_bytes()).unwrap().header;
        assert_eq!((to, header.flags.unicast()), (Some(Address::V4([10, 0, 0, 1])), true));
        assert_eq!(header.log_message_interval, LogInterval::UNSTATED);
    }
    let mut without = Script::new(asking());
    for second in 0..4 {
        without.line(&format!("{second} announce A from=1 unicast seq={second} p1=10"));
    }
    assert_eq!(without.port.state(), PortState::Uncalibrated);
    assert!(without.line("5.9 run").iter().all(|effect| !matches!(effect, Effect::Send { token: Some(_), .. })));
}

#[test]
fn only_what_was_asked_for_is_used_and_only_from_its_masters_address_and_identity() {
    following().play(
        "2.7 sync A from=3 unicast seq=1 t1=1 t2=2     => unicast_stranger
         2.7 sync A unicast seq=1 t1=1 t2=2            => unicast_stranger
         2.7 sync A from=1 seq=1 t1=1 t2=2             => unicast_unwanted
         2.7 sync C from=1 unicast seq=1 t1=1 t2=2     => unicast_stranger
         2.7 announce C from=3 unicast seq=1 p1=1      => unicast_stranger
         2.7 grant A from=3 what=sync                  => unicast_stranger
         2.7 grant A from=1 what=sync                  => unicast_unwanted
         # B was asked for Announce alone: it is told, but not more than once a second.
         2.7 sync B from=2 unicast seq=1 t1=1 t2=2     => unicast_unwanted; send Signaling [cancel Sync] to 10.0.0.2
         2.8 sync B from=2 unicast seq=2 t1=1 t2=2     => unicast_unwanted
         3.8 sync B from=2 unicast seq=3 t1=1 t2=2     => unicast_unwanted; send Signaling [cancel Sync] to 10.0.0.2",
    );
}

#[test]
fn a_contract_is_renewed_when_half_of_it_is_over_and_three_times_at_most() {
    let mut script = following();
    let sent = run(&mut script, 3, 310, "AB");
    let of_sync: Vec<_> = sent.iter().filter(|line| line.contains("ask Sync")).collect();
    // Granted at 2.6 s for 300 s: at 152.6, 202.6 and 252.6 s; after its end as at first, at 302.6, 303.6, 305.6 and 309.6 s.
    let seconds: Vec<f64> =
        of_sync.iter().map(|line| line.split_once(' ').unwrap().0.parse::<f64>().unwrap()).collect();
    assert_eq!(seconds, [152.75, 202.75, 252.75, 302.75, 303.75, 305.75, 309.75]);
    // One that is granted again goes on from there.
    let mut script = following();
    run(&mut script, 3, 153, "AB");
    script.play("153 grant A from=1 what=sync each=-3 => unicast_granted");
    let sent = run(&mut script, 153, 310, "AB");
    let of_sync: Vec<_> = sent.iter().filter(|line| line.contains("ask Sync")).collect();
    assert!(of_sync.len() == 1 && of_sync[0].starts_with("303 "), "{of_sync:?}");
}

#[test]
fn who_refuses_or_is_silent_is_asked_ever_more_rarely() {
    let mut script = Script::new(asking());
    script.line("0 link up");
    let mut asked = Vec::new();
    for second in 0..60 {
        for effect in script.line(&format!("{second} run")) {
            let shown = render(&[effect]);
            if shown.contains("to 10.0.0.1") {
                asked.push(second);
            }
        }
        script.line(&format!("{second} grant A from=1 what=announce for=0"));
    }
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 47]);
}

#[test]
fn a_refusal_and_a_grant_without_a_request_change_nothing() {
    let mut script = following();
    script.play(
        "2.7 grant A from=1 what=announce for=0 => unicast_unwanted
         2.7 grant A from=1 what=announce for=300 => unicast_unwanted
         2.7 sync A from=1 unicast seq=1 t1=1 t2=2 => sync_interval -3; sync 1 -> 2 corr=0 epoch=1",
    );
}

#[test]
fn what_a_master_cancels_is_acknowledged_and_asked_for_again() {
    let mut script = following();
    script.play(
        "2.7 cancel B from=1 what=sync => unicast_stranger
         2.7 cancel A from=1 what=sync => unicast_cancelled; send Signaling [acknowledge Sync] to 10.0.0.1",
    );
    let sent = run(&mut script, 3, 6, "AB");
    assert_eq!(
        sent,
        [
            "3.75 send Signaling [ask Sync each 2^0 for 300] to 10.0.0.1",
            "4.75 send Signaling [ask Sync each 2^0 for 300] to 10.0.0.1"
        ]
    );
}

#[test]
fn a_master_that_has_forgotten_its_contracts_is_asked_again() {
    let mut script = following();
    run(&mut script, 3, 5, "AB");
    // Announce comes, Sync no more: after 2 s both contracts with it are asked for anew.
    let mut sent = Vec::new();
    for second in 5..8 {
        sent.extend(script.line(&format!("{second} announce A from=1 unicast seq={} p1=10", 200 + second)));
        sent.extend(script.line(&format!("{second}.9 run")));
    }
    let shown = render(&sent);
    assert!(shown.contains("unicast_forgotten; send Signaling [ask Sync each 2^0 for 300] [ask Delay_Resp each 2^0 for 300] to 10.0.0.1"), "{shown}");
}

/// Who is followed.
fn parent(script: &Script) -> Option<char> {
    let parent = script.port.parent()?.port;
    "ABC".chars().find(|name| parent == crate::ptp::script::letter(&name.to_string()))
}

/// It grants what it is asked for, and sends a Sync.
fn serves(script: &mut Script, at: f64, master: char) {
    let from = if master == 'A' { 1 } else { 2 };
    for what in ["sync", "resp"] {
        script.line(&format!("{at} grant {master} from={from} what={what}"));
    }
    let seq = (at * 4.0) as u32;
    script.line(&format!("{at} sync {master} from={from} unicast seq={seq} t1={at} t2={at}"));
}

#[test]
fn a_master_that_announces_itself_and_refuses_sync_is_left_for_the_next_one_of_the_table_for_a_while() {
    let mut script = following();
    serves(&mut script, 2.7, 'A');
    script.line("2.7 cancel A from=1 what=sync");
    let mut left_at = None;
    for quarter in 11..120 {
        let at = f64::from(quarter) / 4.0;
        let asks = |effects: &[Effect]| render(effects).contains("[ask Sync each 2^0 for 300] to 10.0.0.1");
        if asks(&script.line(&format!("{at} run"))) {
            script.line(&format!("{at} grant A from=1 what=sync for=0"));
        }
        serves(&mut script, at, 'B');
        for (master, from) in [("A", 1), ("B", 2)] {
            script.line(&format!("{at} announce {master} from={from} unicast seq={} p1={}", 100 + quarter, from * 10));
        }
        match (parent(&script), left_at) {
            (Some('B'), None) => left_at = Some(at),
            (Some('A'), Some(left)) => {
                assert!((16.0..17.0).contains(&(at - left)), "left at {left} s, tried again at {at} s");
                break;
            }
            _ => {}
        }
    }
    // Cancelled at 2.7 s, asked at 3.7, 4.7, 6.7 and 10.7 s.
    let left = left_at.expect("it is left");
    assert!((10.0..12.0).contains(&left), "{left}");
    assert_eq!(parent(&script), Some('A'), "later it may serve again");
}

#[test]
fn a_master_that_grants_sync_and_sends_none_is_left_too_and_the_only_one_never() {
    for masters in ["AB", "A"] {
        let mut script = following();
        let mut unfit = 0;
        for quarter in 11..100 {
            let at = f64::from(quarter) / 4.0;
            let shown = render(&script.line(&format!("{at} run")));
            unfit += shown.matches("unicast_unfit").count();
            for what in ["sync", "resp"] {
                script.line(&format!("{at} grant A from=1 what={what}"));
            }
            for master in masters.chars() {
                let from = if master == 'A' { 1 } else { 2 };
                script.line(&format!("{at} announce {master} from={from} unicast seq={} p1={from}0", 100 + quarter));
            }
            if parent(&script) == Some('B') {
                break;
            }
        }
        assert!(unfit >= 1, "{masters}");
        assert_eq!(parent(&script), masters.chars().last());
    }
}

#[test]
fn a_master_that_fell_silent_waits_to_be_restored_once_it_is_back() {
    let mut script = following();
    run(&mut script, 3, 5, "AB");
    for second in 5..12 {
        run(&mut script, second, second + 1, "B");
        serves(&mut script, f64::from(second) + 0.9, 'B');
    }
    assert_eq!(parent(&script), Some('B'));
    script.line("12 grant A from=1 what=announce");
    for second in 12..30 {
        run(&mut script, second, second + 1, "AB");
        serves(&mut script, f64::from(second) + 0.9, 'B');
        assert_eq!(parent(&script), Some(if second < 28 { 'B' } else { 'A' }), "{second}");
    }
    assert_eq!(parent(&script), Some('A'));
    // Where nobody else is there, nobody waits.
    let mut alone = following();
    run(&mut alone, 3, 5, "A");
    run(&mut alone, 5, 12, "");
    assert_eq!(parent(&alone), None);
    alone.line("12 grant A from=1 what=announce");
    run(&mut alone, 12, 14, "A");
    assert_eq!(parent(&alone), Some('A'));
}

/// What A and B say of their frequency: each a second, from 1 on.
fn levels(script: &mut Script, seconds: std::ops::Range<u32>, [a, b]: [u8; 2]) -> String {
    let mut shown = String::new();
    for second in seconds {
        for (master, from, class) in [("A", 1, a), ("B", 2, b)] {
            let line =
                format!("{second} announce {master} from={from} unicast seq={} class={class} p1=1", 500 + second);
            shown.push_str(&render(&script.line(&line)));
        }
        script.line(&format!("{second}.5 run"));
        serves(script, f64::from(second) + 0.6, 'A');
        serves(script, f64::from(second) + 0.6, 'B');
    }
    shown
}

#[test]
fn by_g8265_1_the_best_level_is_followed_then_the_first_of_the_table_and_a_level_that_says_not_to_is_left_at_once() {
    let mut script = Script::new(Config { comparison: ComparisonRule::G8265, ..asking() });
    script.play(&format!(
        "0 link up => state INITIALIZING->LISTENING (started)
         0 tick => {ASKED}
         0.1 grant A from=1 what=announce => unicast_granted
         0.1 grant B from=2 what=announce => unicast_granted"
    ));
    levels(&mut script, 1..5, [84, 84]);
    assert_eq!(parent(&script), Some('A'), "the first of two that are alike");
    levels(&mut script, 5..6, [90, 84]);
    assert_eq!(parent(&script), Some('B'), "a better level");
    levels(&mut script, 6..7, [84, 84]);
    assert_eq!(parent(&script), Some('A'), "it has not failed, and is the first again");
    let shown = levels(&mut script, 7..8, [110, 104]);
    assert_eq!(parent(&script), Some('B'), "anything rather than what is not to be used");
    assert!(shown.contains("quality_level_refused"), "{shown}");
    levels(&mut script, 8..23, [84, 104]);
    assert_eq!(parent(&script), Some('B'), "A waits to be restored");
    levels(&mut script, 23..26, [84, 104]);
    assert_eq!(parent(&script), Some('A'));
    levels(&mut script, 26..30, [110, 248]);
    assert_eq!(parent(&script), None, "nobody is left");
    assert_eq!(script.port.state(), PortState::Listening);
}

#[test]
fn without_reversion_who_is_followed_stays_until_it_fails_or_another_has_a_better_level() {
    let followed = |reverts: bool| {
        let signal = SignalConfig { hold_off: Duration::ZERO, delay_variation_max: None, reverts };
        let wait_to_restore = Duration::from_secs(4);
        let unicast = UnicastClientConfig { signal: Some(signal), wait_to_restore, ..asking().unicast };
        let mut script = Script::new(Config { comparison: ComparisonRule::G8265, unicast, ..asking() });
        script.play(&format!(
            "0 link up => state INITIALIZING->LISTENING (started)
             0 tick => {ASKED}
             0.1 grant A from=1 what=announce => unicast_granted
             0.1 grant B from=2 what=announce => unicast_granted"
        ));
        // Both alike; A fails, and is restored; A is better; A fails, and is restored.
        let stages = [
            (1..5, [84, 84]),
            (5..6, [110, 84]),
            (6..14, [84, 84]),
            (14..16, [80, 84]),
            (16..17, [110, 84]),
            (17..24, [84, 84]),
        ];
        let mut answered = 0;
        let parents = stages.into_iter().map(|(seconds, classes)| {
            for second in seconds {
                levels(&mut script, second..second + 1, classes);
                let followed = parent(&script).unwrap_or('A');
                let from = if followed == 'A' { 1 } else { 2 };
                for request in answered..script.requests.len() {
                    let at = format!("{second}.7");
                    script.line(&format!("{at} resp {followed} from={from} unicast req={request} t4={at}"));
                }
                answered = script.requests.len();
            }
            parent(&script).expect("one of them")
        });
        parents.collect::<String>()
    };
    assert_eq!(followed(true), "ABAABA");
    assert_eq!(followed(false), "ABBABB");
}

#[test]
fn when_the_best_master_is_silent_the_next_one_is_asked_and_the_other_cancelled() {
    let mut script = following();
    run(&mut script, 3, 5, "AB");
    let sent = run(&mut script, 5, 10, "B");
    let first =
        |what: &str| sent.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {sent:?}"));
    first("[cancel Sync] [cancel Delay_Resp] to 10.0.0.1");
    first("[ask Announce each 2^0 for 300] to 10.0.0.1");
    let second = first("[ask Sync each 2^0 for 300] [ask Delay_Resp each 2^0 for 300] to 10.0.0.2");
    assert!(sent[second].split_once(' ').unwrap().0.parse::<f64>().unwrap() <= 9.25, "{sent:?}");
    assert_eq!(script.port.parent().map(|parent| parent.port), Some(crate::ptp::script::letter("B")));
}

#[test]
fn a_master_that_was_replaced_by_another_clock_grants_anew() {
    let mut script = following();
    run(&mut script, 3, 5, "AB");
    run(&mut script, 5, 12, "B");
    // At 10.0.0.1 there is C now: its identity is that of its grant.
    let asked = run(&mut script, 12, 30, "B");
    assert!(asked.iter().any(|line| line.contains("ask Announce each 2^0 for 300] to 10.0.0.1")), "{asked:?}");
    script.play("30 announce C from=1 unicast seq=1 p1=1 => unicast_stranger");
    script.play("30 grant C from=1 what=announce => unicast_granted");
    for quarter in 121..140 {
        let at = f64::from(quarter) / 4.0;
        script.line(&format!("{at} announce C from=1 unicast seq={quarter} p1=1"));
        script.line(&format!("{at} announce B from=2 unicast seq={quarter} p1=20"));
    }
    assert_eq!(script.port.parent().map(|parent| parent.port), Some(crate::ptp::script::letter("C")));
}

#[test]
fn without_a_link_nobody_is_asked_and_with_it_all_are() {
    let mut script = following();
    script.line("3 link down");
    assert_eq!(script.port.deadline(), None);
    assert_eq!(
        render(&script.line("100 link up")),
        "state FAULTY->INITIALIZING (link up); state INITIALIZING->LISTENING (link up)"
    );
    script.play(&format!("100 tick => {ASKED}"));
}

#[test]
fn a_master_of_the_table_may_ask_us_too() {
    let unicast_server = UnicastServerConfig { clients_max: 4, ..UnicastServerConfig::NOBODY };
    let mut script = Script::new(Config { unicast_server, role: Role::Auto, ..asking() });
    script.line("0 link up");
    script.line("0 tick");
    // No master yet, so the answer is a refusal; and what A grants is still heard.
    let answer = render(&script.line("0.1 ask A from=1 what=announce"));
    assert!(answer.starts_with("unicast_refused; send Signaling [grant Announce"), "{answer}");
    assert_eq!(render(&script.line("0.2 grant A from=1 what=announce")), "unicast_granted");
}

/// A and this port have each other in their tables; A has got Announce from us at 103 s, and asked by us.
fn mutual() -> Script {
    let unicast_server = UnicastServerConfig { clients_max: 4, ..UnicastServerConfig::NOBODY };
    let mut script = Script::new(Config { unicast_server, role: Role::Auto, ..asking() });
    script.line("0 link up");
    script.line("0 tick");
    script.line("1 decide m1 gm=us");
    script.line("100 run");
    assert_eq!(script.port.state(), PortState::Master);
    script.play(
        "103 ask A from=1 what=announce => unicast_served; send Signaling [grant Announce each 2^0 for 300] to 10.0.0.1",
    );
    script
}

#[test]
fn what_a_master_of_the_table_no_more_wants_of_us_it_gets_no_more() {
    let mut script = mutual();
    assert_eq!(script.port.unicast_contracts()[0], 1);
    script.play("104 leave A from=1 what=announce => unicast_left; send Signaling [acknowledge Announce] to 10.0.0.1");
    assert_eq!(script.port.unicast_contracts()[0], 0);
}

#[test]
fn one_message_may_ask_and_grant() {
    let mut script = mutual();
    let effects = render(&script.line("104 ask+grant A from=1 what=announce"));
    assert!(effects.contains("unicast_served") && effects.contains("unicast_granted"), "{effects}");
    assert_eq!(script.port.unicast_contracts(), [1, 1]);
    // Each side's end is its own.
    script.play(
        "105 cancel A from=1 what=announce => unicast_cancelled; send Signaling [acknowledge Announce] to 10.0.0.1",
    );
    assert_eq!(script.port.unicast_contracts(), [1, 0]);
}
