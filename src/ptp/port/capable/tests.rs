use crate::ptp::script::{Script, config, letter, render};
use crate::ptp::{Config, Effect, GptpCapableConfig, PeerDelayConfig, Role};
use crate::time::{LogInterval, Timestamp};
use crate::wire::ptp::{MessageType, parse};

/// A port of 802.1AS that says each 8 s that it is capable.
fn port(role: Role, is_required: bool) -> Script {
    let peer_delay = PeerDelayConfig { as_capable: true, ..PeerDelayConfig::default() };
    let gptp_capable = GptpCapableConfig { interval: Some(LogInterval::new(3)), is_required };
    let mut script =
        Script::new(Config { sdo_id: 0x100, peer_delay: Some(peer_delay), gptp_capable, role, ..config() });
    script.line("0 link up");
    script
}

/// The neighbour B answers the last request.
fn is_answered(script: &mut Script, at: &str) {
    let last = script.requests.len() - 1;
    script.line(&format!("{at} sent {last} t3=100.7"));
    script.line(&format!("{at} presp B req={last} two at=100.200002 t2=100.700104 sdo=256"));
    script.line(&format!("{at} pfup B req={last} at=100.200102 sdo=256"));
}

/// When it has said that it is capable, and with which sequenceIds, from now to then; by whole seconds. The neighbour answers all along.
fn said(script: &mut Script, seconds: std::ops::Range<i64>) -> Vec<(i64, u16)> {
    let mut said = Vec::new();
    for second in seconds {
        for effect in script.line(&format!("{second} run")) {
            let Effect::Send { frame, .. } = effect else { continue };
            let header = parse(frame.as_bytes()).expect("ours").header;
            if header.message_type == MessageType::Signaling {
                assert_eq!((header.sdo_id, header.flags.unicast()), (0x100, false));
                assert_eq!(render(&[effect]), "send Signaling [gptp capable each 2^3]");
                said.push((second, header.sequence_id));
            }
        }
    }
    said
}

#[test]
fn a_port_says_each_eight_seconds_that_it_is_capable_whatever_its_role_and_whoever_is_there() {
    for role in [Role::Slave, Role::Master, Role::Auto] {
        let mut script = port(role, true);
        let told = said(&mut script, 0..30);
        let first = told[0].1;
        let expected: Vec<_> = (0..4).map(|nth| (8 * i64::from(nth), first.wrapping_add(nth))).collect();
        assert_eq!(told, expected, "{role:?}");
        script.line("30 link down");
        assert_eq!(said(&mut script, 30..40), [], "{role:?}");
        script.line("40 link up");
        assert_eq!(said(&mut script, 40..45), [(40, first.wrapping_add(4))], "{role:?}");
    }
}

#[test]
fn a_neighbour_that_measures_the_link_is_believed_only_once_it_has_said_that_it_is_capable_where_that_is_wanted() {
    for (is_required, before) in [(true, "not_capable"), (false, "-")] {
        let mut script = port(Role::Slave, is_required);
        script.line("1 run");
        is_answered(&mut script, "1.3");
        script.play(&format!("1.5 announce B seq=2 p1=10 sdo=256 => {before}"));
        assert!(!script.port.is_neighbor_gptp_capable(script.now));
        // Another one is not the neighbour, and another domain's word is not of this one.
        script.play(&format!(
            "1.6 capable C each=3 sdo=256               => -
             1.7 announce B seq=3 p1=10 sdo=256         => {before}
             1.8 capable B each=3 sdo=256 domain=1      => domain_mismatch"
        ));
        assert!(!script.port.is_neighbor_gptp_capable(script.now));
        script.play(
            "1.9 capable B each=3 sdo=256               => -
             2.0 announce B seq=4 p1=10 sdo=256
             2.1 announce B seq=5 p1=10 sdo=256
             2.2 announce B seq=6 p1=10 sdo=256",
        );
        assert!(script.port.is_neighbor_gptp_capable(script.now));
        script.play("2.3 capable C each=3 sdo=256               => -");
        assert!(script.port.is_neighbor_gptp_capable(script.now), "C has said nothing for B, nor against it");
        assert_eq!(script.port.parent().map(|parent| parent.port), Some(letter("B")));
    }
}

#[test]
fn what_a_neighbour_has_said_counts_for_nine_of_its_own_intervals_and_while_the_link_is_up() {
    let mut script = port(Role::Slave, true);
    let announce = |script: &mut Script, at: f64| render(&script.line(&format!("{at} announce B seq=1 sdo=256")));
    // Asked each second, it answers at once.
    let answer_until = |script: &mut Script, until: i64| {
        for second in script.now.seconds() + 1..=until {
            script.line(&format!("{second} run"));
            is_answered(script, &format!("{second}.1"));
        }
    };
    answer_until(&mut script, 2);
    // Each half a second: 4.5 s.
    script.line("2.2 capable B each=-1 sdo=256");
    answer_until(&mut script, 6);
    assert_eq!(announce(&mut script, 6.7), "-");
    assert_eq!(announce(&mut script, 6.71), "not_capable");
    // Each second: 9 s.
    script.line("7 capable B each=0 sdo=256");
    answer_until(&mut script, 15);
    assert_eq!(announce(&mut script, 16.0), "foreign_master_expired", "it is believed");
    assert!(script.port.is_neighbor_gptp_capable(Timestamp::from_secs(16)));
    assert!(!script.port.is_neighbor_gptp_capable(Timestamp::from_secs(17)));
    script.line("16.2 capable B each=0 sdo=256");
    script.line("16.3 link down");
    script.line("16.4 link up");
    answer_until(&mut script, 18);
    assert_eq!(announce(&mut script, 18.5), "not_capable", "a neighbour of now has not said so");
}

#[test]
fn a_link_whose_neighbour_has_not_said_that_it_is_capable_is_not_served_where_that_is_wanted() {
    let mut script = port(Role::Master, true);
    script.play(
        "0 line ahead=5
         0 decide m2",
    );
    let serves = |script: &mut Script, until: f64| render(&script.line(&format!("{until} run"))).contains("send Sync");
    script.line("1 run");
    is_answered(&mut script, "1.3");
    assert!(!serves(&mut script, 3.0));
    script.line("3 capable B each=3 sdo=256");
    assert!(serves(&mut script, 4.2));
}
