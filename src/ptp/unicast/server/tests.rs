use super::*;
use crate::engine::Engine;
use crate::ptp::script::{Script, config, letter, render};
use crate::ptp::{Config, ContractStatus, ContractsWith, Input, Port, Role, ServingConfig};
use crate::time::{Duration, LogInterval};
use crate::wire::ptp::{self, Tlvs};

/// Room for two clients, at most 60 s and 16 messages a second.
fn asked() -> Config {
    let serving = ServingConfig {
        log_announce_interval: LogInterval::new(4),
        log_sync_interval: LogInterval::new(4),
        ..ServingConfig::DEFAULT
    };
    let unicast_server =
        UnicastServerConfig { clients_max: 2, duration_max_s: 60, intervals_min: [LogInterval::new(-4); 3] };
    Config { role: Role::Master, serving, unicast_server, ..config() }
}

/// It is master since 0 s, and has told so.
fn master() -> Script {
    let mut script = Script::new(asked());
    script.line("0 link up");
    script.line("0 line ahead=0");
    script.line("0 decide m1");
    script.line("0.1 run");
    script
}

/// What it sends to one receiver until then, with when.
fn to_one(script: &mut Script, until: f64) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(due) = script.port.deadline().filter(|due| (*due - Timestamp::EPOCH).as_secs_f64() <= until) {
        let mut out = Vec::new();
        script.now = script.now.max(due);
        script.port.step(script.now, Input::Tick { local: script.now.read_as() }, &mut out);
        let at = (script.now - Timestamp::EPOCH).as_secs_f64();
        let single = out.iter().filter(|effect| matches!(effect, Effect::Send { to: Some(_), .. }));
        let to_all = out.iter().filter(|effect| matches!(effect, Effect::Send { to: None, .. })).count();
        assert_eq!(to_all, 0, "nothing goes to all");
        all.extend(single.map(|effect| format!("{at:.3} {}", render(&[*effect]))));
    }
    all
}

#[test]
fn what_is_asked_for_is_granted_capped_and_sent() {
    let mut script = master();
    script.play(
        "1 ask C from=5 what=announce each=0 for=300 => unicast_served; send Signaling [grant Announce each 2^0 for 60] to 10.0.0.5
         1 ask C from=5 what=sync each=-1 for=10 => unicast_served; send Signaling [grant Sync each 2^-1 for 10] to 10.0.0.5
         # Too often, never, and what cannot be asked for.
         1 ask C from=5 what=resp each=-5 for=60 => unicast_refused; send Signaling [grant Delay_Resp each 2^-5 for 0] to 10.0.0.5
         1 ask C from=5 what=resp each=5 for=60 => unicast_refused; send Signaling [grant Delay_Resp each 2^5 for 0] to 10.0.0.5
         1 ask C from=5 what=resp each=0 for=0 => unicast_refused; send Signaling [grant Delay_Resp each 2^0 for 0] to 10.0.0.5
         1 ask C from=5 what=pdelay each=0 for=60 => unicast_refused; send Signaling [grant Pdelay_Resp each 2^0 for 0] to 10.0.0.5",
    );
    assert_eq!(script.port.unicast_contracts(), [2, 0]);
    let told: Vec<_> = script.port.contracts(script.now + Duration::from_secs(4)).collect();
    let contract = |log, left_s| Some(ContractStatus { interval: LogInterval::new(log), left_s });
    let expected = ContractsWith {
        address: Address::V4([10, 0, 0, 5]),
        is_client: true,
        contracts: [contract(0, 56), contract(-1, 6), None],
    };
    assert_eq!(told, [expected], "by when they end");
    let sent = to_one(&mut script, 3.0);
    let syncs: Vec<_> = sent.iter().filter(|line| line.contains("Sync")).collect();
    assert_eq!(syncs.len(), 5, "{sent:?}");
    assert!(syncs[1].starts_with("1.5") && syncs[1].ends_with("send Sync to 10.0.0.5"), "{syncs:?}");
    assert_eq!(sent.iter().filter(|line| line.contains("Announce")).count(), 3, "{sent:?}");
    // Ten seconds later there is no Sync any more, and a minute later nothing.
    assert!(to_one(&mut script, 11.0).iter().any(|line| line.contains("Sync")));
    assert!(!to_one(&mut script, 20.0).iter().any(|line| line.contains("Sync")));
    to_one(&mut script, 62.0);
    assert_eq!(script.port.unicast_contracts(), [0, 0]);
}

#[test]
fn sync_has_its_follow_up_to_the_same_client_and_both_state_no_interval() {
    let mut script = master();
    script.line("1 ask C from=5 what=sync each=0 for=10");
    let effects = script.line("1 run");
    let Some(Effect::Send { frame, to, token: Some(token), .. }) =
        effects.iter().find(|effect| matches!(effect, Effect::Send { to: Some(_), .. }))
    else {
        panic!("{effects:?}")
    };
    let sync = ptp::parse(frame.as_bytes()).unwrap().header;
    let mut out = Vec::new();
    let stamp = Some(crate::ptp::script::stamp(Timestamp::from_secs(100)));
    script.port.step(script.now, Input::Sent { token: *token, stamp }, &mut out);
    let Some(Effect::Send { frame, to: follow_up_to, .. }) = out.last() else { panic!("{out:?}") };
    let follow_up = ptp::parse(frame.as_bytes()).unwrap().header;
    assert_eq!((to, follow_up_to), (&Some(Address::V4([10, 0, 0, 5])), &Some(Address::V4([10, 0, 0, 5]))));
    assert_eq!(sync.sequence_id, follow_up.sequence_id);
    for header in [sync, follow_up] {
        assert!(header.flags.unicast() && header.log_message_interval == LogInterval::UNSTATED, "{header:?}");
    }
}

#[test]
fn a_delay_req_by_unicast_is_answered_to_who_has_a_contract_and_one_to_all_as_ever() {
    let mut script = master();
    script.play(
        "1 req C from=5 unicast seq=7 t2=100 => unicast_no_contract
         1 ask C from=5 what=resp each=0 for=10 => unicast_served; send Signaling [grant Delay_Resp each 2^0 for 10] to 10.0.0.5
         2 req C from=5 unicast seq=8 t2=100 => send Delay_Resp to 10.0.0.5
         2 req D from=5 unicast seq=9 t2=100 => unicast_no_contract
         2 req D from=6 seq=9 t2=100 => send Delay_Resp
         11.5 req C from=5 unicast seq=9 t2=100 => unicast_no_contract",
    );
}

#[test]
fn a_full_table_refuses_and_a_place_is_free_when_somebody_cancels() {
    let mut script = master();
    script.play(
        "1 ask C from=5 what=sync each=0 for=60 => unicast_served; send Signaling [grant Sync each 2^0 for 60] to 10.0.0.5
         1 ask D from=6 what=sync each=0 for=60 => unicast_served; send Signaling [grant Sync each 2^0 for 60] to 10.0.0.6
         1 ask E from=7 what=sync each=0 for=60 => unicast_refused; send Signaling [grant Sync each 2^0 for 0] to 10.0.0.7
         # One who has nothing, and one who is somebody else, cancel nothing.
         2 leave E from=7 what=sync => -
         2 cancel C from=5 what=sync => -
         2 leave E from=5 what=sync => -
         2 leave C from=5 what=sync => unicast_left; send Signaling [acknowledge Sync] to 10.0.0.5
         2 ask E from=7 what=sync each=0 for=60 => unicast_served; send Signaling [grant Sync each 2^0 for 60] to 10.0.0.7",
    );
}

#[test]
fn who_is_no_master_grants_nothing_and_cancels_what_it_had_granted() {
    let mut script = Script::new(asked());
    script.line("0 link up");
    script.play("1 ask C from=5 what=sync each=0 for=60 => unicast_refused; send Signaling [grant Sync each 2^0 for 0] to 10.0.0.5");
    let mut script = master();
    script.line("1 ask C from=5 what=sync each=0 for=60");
    script.line("1 ask C from=5 what=resp each=0 for=60");
    assert_eq!(to_one(&mut script, 2.5).len(), 2);
    script.line("2.6 decide silent");
    let sent = to_one(&mut script, 20.0);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].ends_with("[cancel Sync] to 10.0.0.5") && sent[1].ends_with("[cancel Delay_Resp] to 10.0.0.5"));
    assert_eq!(script.port.unicast_contracts(), [0, 0]);
}

/// A request for one message.
fn request(source: PortIdentity, service: Service, log_interval: i8) -> Vec<u8> {
    let sender = Sender { sdo_id: 0, minor_version_ptp: 1, domain_number: 0, source_port_identity: source };
    let request = RequestUnicast {
        message_type: service.message_type(),
        log_inter_message_period: LogInterval::new(log_interval),
        duration_s: 300,
    };
    let mut octets = [0; 16];
    let length = Extension::RequestUnicast(request).write(&mut octets).unwrap();
    let message = sender.signaling(1, letter("us"), Tlvs::from_octets(&octets[..length]).unwrap());
    let mut bytes = vec![0; 64];
    let length = ptp::write(&message, &mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

#[test]
fn a_hundred_thousand_contracts_are_each_sent_when_they_are_due() {
    const CLIENTS: u32 = 33_334;
    let unicast_server = UnicastServerConfig { clients_max: CLIENTS, ..asked().unicast_server };
    let mut port = Port::new(Config { unicast_server, ..asked() });
    let now = Timestamp::from_secs(1);
    let mut out = Vec::new();
    let mut step = |port: &mut Port, at, input: Input<'_>| {
        out.clear();
        port.step(at, input, &mut out);
        let sent = out.iter().filter(|effect| matches!(effect, Effect::Send { to: Some(_), .. })).count();
        assert!(sent <= UNICAST_BATCH_MAX, "a batch is bounded");
        sent
    };
    step(&mut port, now, Input::Link { up: true });
    step(&mut port, now, Input::Line(Some(crate::ptp::Line::ahead_by(crate::time::Duration::ZERO))));
    let decision = crate::ptp::script::decided_m1();
    step(&mut port, now, Input::Decision(decision));
    for client in 0..CLIENTS {
        let source = PortIdentity {
            clock_identity: ptp::ClockIdentity((u64::from(client) << 16 | 7).to_be_bytes()),
            port_number: 1,
        };
        for service in Service::ALL {
            let bytes = request(source, service, 0);
            let from = Some(Address::V4(client.to_be_bytes()));
            let input = Input::Received { bytes: &bytes, channel: crate::ptp::Channel::General, stamp: None, from };
            // They come spread over a second.
            let at = now + crate::time::Duration::from_micros(i64::from(client) * 30);
            assert_eq!(step(&mut port, at, input), 1);
        }
    }
    assert_eq!(port.unicast_contracts(), [3 * CLIENTS, 0]);
    // A second of it: each Announce and Sync once.
    let (mut sent, mut at) = (0, now + crate::time::Duration::SECOND);
    let end = at + crate::time::Duration::SECOND;
    while step(&mut port, at, Input::Tick { local: at.read_as() }) > 0 {}
    while let Some(due) = port.deadline().filter(|due| *due <= end) {
        at = at.max(due);
        sent += step(&mut port, at, Input::Tick { local: at.read_as() });
    }
    let expected = 2 * CLIENTS as usize;
    assert!(sent.abs_diff(expected) < expected / 50, "{sent} of {expected}");
}
