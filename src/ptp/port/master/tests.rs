use crate::engine::Engine;
use crate::ptp::script::{Script, config, decided_m1, stamp};
use crate::ptp::{
    Address, Config, Effect, Forwarded, Input, Line, PeerDelayConfig, PortState, Role, ServingConfig, SyncOrigin,
    TxToken, UnicastServerConfig,
};
use crate::time::{Duration, FrequencyPpb, LogInterval, Timestamp};
use crate::wire::ptp::{
    Body, ClockAccuracy, Extension, Message, MessageType, OrganizationExtension, PowerProfile, Tlvs, parse,
};

/// One Announce a second; two Sync.
fn port(role: Role) -> Config {
    let serving = ServingConfig {
        log_announce_interval: LogInterval::new(0),
        log_sync_interval: LogInterval::new(-1),
        ..ServingConfig::DEFAULT
    };
    Config { role, serving, ..config() }
}

fn auto() -> Script {
    Script::new(port(Role::Auto))
}

/// A port that is master by M2, with time to serve 5 s ahead of its stamps.
fn master() -> Script {
    let mut script = Script::new(port(Role::Master));
    script.play(
        "0 link up          => state INITIALIZING->LISTENING (started)
         0 line ahead=5     => -
         0 decide m2        => state LISTENING->PRE_MASTER (configured as master); state PRE_MASTER->MASTER (configured as master)",
    );
    script
}

fn sent(effects: &[Effect]) -> impl Iterator<Item = Message<'_>> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Send { frame, .. } => Some(parse(frame.as_bytes()).expect("our own messages parse")),
        _ => None,
    })
}

/// Whether a request takes the short way; [`Script::line`] compares that with a step.
fn is_plain(script: &mut Script, line: &str) -> bool {
    let (message, rest) = line.split_once(" | ").unwrap_or((line, ""));
    let stamp = (!rest.contains("unstamped")).then(|| stamp(Timestamp::from_secs(100)));
    let from = Address::V4([10, 0, 0, 7]);
    let answer = script.port.plain_answer(&script.bytes(message), stamp, Some(from));
    let effects = script.line(&format!("{} {message} from=7{}", "2", if stamp.is_some() { " t2=100" } else { "" }));
    assert!(answer.is_none() || sent(&effects).count() == 1, "{line}: {effects:?}");
    if let Some(answer) = answer {
        assert_eq!(answer.to, message.contains("unicast").then_some(from), "{line}");
    }
    answer.is_some()
}

#[test]
fn a_plain_delay_req_is_answered_as_by_a_step_and_what_is_not_so_plain_by_one() {
    let mut script = master();
    for plain in ["req B seq=7", "req B seq=65535 cf=-0.25", "req C9 seq=1 unicast", "req B seq=2 minor=0"] {
        assert!(is_plain(&mut script, plain), "{plain}");
    }
    for not_plain in [
        "req B seq=7 | unstamped",
        "req B seq=7 domain=1",
        "req B seq=7 sdo=256",
        "req us seq=7",
        "req B seq=7 cfbits=9223372036854775807",
        "req B seq=7 cf=11000000000",
        "sync B seq=7",
        "preq B seq=7",
    ] {
        assert!(!is_plain(&mut script, not_plain), "{not_plain}");
    }
    script.line("2 line none");
    assert!(!is_plain(&mut script, "req B seq=7"), "no time to tell");
    script.line("2 line ahead=5");
    script.line("2 decide silent");
    assert!(!is_plain(&mut script, "req B seq=7"), "no master");
    assert!(!is_plain(&mut auto(), "req B seq=7"), "nor is this one");
}

#[test]
fn of_a_port_with_contracts_those_to_all_are_plain_and_with_the_peer_delay_mechanism_none() {
    let unicast_server = UnicastServerConfig { clients_max: 4, ..UnicastServerConfig::NOBODY };
    let of = |config| {
        let mut script = Script::new(config);
        script.play("0 link up\n0 line ahead=5\n0 decide m2");
        assert_eq!(script.port.state(), PortState::Master);
        script
    };
    let mut script = of(Config { unicast_server, ..port(Role::Master) });
    assert!(is_plain(&mut script, "req B seq=7"));
    assert!(!is_plain(&mut script, "req B seq=7 unicast"), "it has no contract");
    let mut script = of(Config { peer_delay: Some(PeerDelayConfig::default()), ..port(Role::Master) });
    assert!(!is_plain(&mut script, "req B seq=7"));
}

#[test]
fn a_port_that_may_be_master_listens_for_a_timeout_and_is_master_then() {
    let mut script = auto();
    // Three announce intervals of 1 s, and a random part of one more.
    script.play(
        "0 link up          => state INITIALIZING->LISTENING (started)
         0 decide m2        => -
         0 line ahead=5     => -
         2.9 run            => -",
    );
    let effects = script.line("4 run");
    assert_eq!(script.port.state(), PortState::Master, "{effects:?}");
    assert!(sent(&effects).any(|message| matches!(message.body, Body::Announce(_))), "it says so at once");
}

#[test]
fn a_clock_without_time_is_never_master_and_sends_nothing() {
    let mut script = auto();
    script.play("0 link up => state INITIALIZING->LISTENING (started)");
    assert_eq!(sent(&script.line("60 run")).count(), 0);
    assert_eq!(script.port.state(), PortState::Listening);
    script.play(
        "60 decide m2       => -
         60 line ahead=5    => -",
    );
    script.line("65 run");
    assert_eq!(script.port.state(), PortState::Master, "as soon as it has time, after the next timeout");
}

#[test]
fn a_master_whose_clock_has_lost_its_time_falls_silent() {
    let mut script = master();
    script.line("1 run");
    script.play(
        "1 line none        => -
         1 decide silent    => silenced; state MASTER->INITIALIZING (the clock has no time to serve); state INITIALIZING->LISTENING (the clock has no time to serve)
         9 run              => -
         9 req A seq=4 t2=100 => -
         9 line ahead=5     => -
         9 decide m2        => state LISTENING->PRE_MASTER (configured as master); state PRE_MASTER->MASTER (configured as master)",
    );
}

#[test]
fn without_a_line_nothing_is_announced_and_no_message_names_a_time() {
    let mut script = master();
    script.line("0 line none");
    script.play(
        "3 run                  => -
         3 req A seq=4 t2=100   => time_not_representable
         3 line ahead=5         => -",
    );
    assert!(sent(&script.line("4 run")).any(|message| matches!(message.body, Body::Announce(_))));
}

#[test]
fn stamps_are_put_on_the_served_time() {
    let mut script = master();
    script.play("0 tick => send Announce; send Sync");
    let effects = script.line("0.1 sent 0 t3=100.000000007");
    let messages: Vec<_> = sent(&effects).collect();
    let Body::FollowUp(follow_up) = messages[0].body else { panic!("{messages:?}") };
    assert_eq!(follow_up.precise_origin_timestamp.to_timestamp().to_string(), "105.000000007");
    let effects = script.line("0.2 req A seq=4 t2=100.25");
    let messages: Vec<_> = sent(&effects).collect();
    let Body::DelayResp(answer) = messages[0].body else { panic!("{messages:?}") };
    assert_eq!(answer.receive_timestamp.to_timestamp().to_string(), "105.250000000");
    assert_eq!(messages[0].header.sequence_id, 4);
}

#[test]
fn a_delay_req_is_answered_by_a_master_only() {
    let mut script = Script::following(port(Role::Slave));
    script.play("2 req B seq=1 t2=100 => -");
    let mut script = auto();
    script.play(
        "0 link up          => state INITIALIZING->LISTENING (started)
         0 decide m2        => -
         0 line ahead=5     => -
         1 req B seq=1 t2=100 => -",
    );
}

#[test]
fn who_hands_time_on_waits_in_pre_master_for_one_interval_more_than_there_are_clocks_before_it() {
    let mut script = Script::new(port(Role::Master));
    script.play(
        "0 link up          => state INITIALIZING->LISTENING (started)
         0 line ahead=5     => -
         0 decide m3 gm=A steps=2 => state LISTENING->PRE_MASTER (configured as master)
         2.9 run            => -",
    );
    assert_eq!(script.port.state(), PortState::PreMaster);
    let effects = script.line("3 run");
    assert_eq!(script.port.state(), PortState::Master);
    let announce = sent(&effects).find_map(|message| match message.body {
        Body::Announce(announce) => Some(announce),
        _ => None,
    });
    let announce = announce.expect("it announces itself at once");
    assert_eq!((announce.grandmaster_identity.0, announce.steps_removed), ([b'A'; 8], 2));
}

#[test]
fn a_port_tells_the_best_master_that_it_hears_and_follows_it_when_told_to() {
    let mut script = auto();
    script.play(
        "0 link up          => state INITIALIZING->LISTENING (started)
         0 announce A seq=1 p1=10 => -
         1 announce A seq=2 p1=10 => -
         2 announce A seq=3 p1=10 => best A
         2 decide slave     => parent_changed; parent A gm=A steps=1; state LISTENING->UNCALIBRATED (parent selected)
         2 clock locked     => state UNCALIBRATED->SLAVE (clock locked)
         2.5 sync A seq=1 t2=100 => sync_interval 0; sync 0 -> 100 corr=0 epoch=1",
    );
    // Its parent falls silent: the timeout makes it master, which says nothing before the clock has said what.
    let effects = script.line("8 run");
    assert_eq!(script.port.state(), PortState::Master);
    assert!(sent(&effects).all(|message| matches!(message.body, Body::DelayReq(_))), "{effects:?}");
    script.play("8 decide m2 => -");
    script.line("8 line ahead=5");
    assert!(sent(&script.line("10 run")).any(|message| matches!(message.body, Body::Announce(_))));
}

#[test]
fn a_better_master_makes_a_master_its_slave() {
    let mut script = auto();
    script.line("0 link up");
    script.line("0 line ahead=5");
    script.line("0 decide m2");
    script.line("5 run");
    assert_eq!(script.port.state(), PortState::Master);
    script.play(
        "5 announce A seq=1 p1=10 => -
         5.2 announce A seq=2 p1=10 => -
         5.4 announce A seq=3 p1=10 => best A
         5.4 decide slave   => parent_changed; parent A gm=A steps=1; state MASTER->UNCALIBRATED (parent selected)",
    );
    assert!(sent(&script.line("6 run")).all(|message| matches!(message.body, Body::DelayReq(_))));
}

#[test]
fn a_passive_port_is_silent_and_takes_over_when_the_better_one_is_gone() {
    let mut script = auto();
    script.line("0 link up");
    script.line("0 line ahead=5");
    for second in 0..3 {
        script.line(&format!("{second} announce A seq={second} p1=10"));
    }
    script.play("2 decide passive => state LISTENING->PASSIVE (a better master is heard)");
    script.play("3 announce A seq=3 p1=10 => -");
    script.play("4 announce A seq=4 p1=10 => -");
    script.play("5 announce A seq=5 p1=10 => -");
    assert_eq!(sent(&script.line("7.9 run")).count(), 0);
    assert_eq!(script.port.state(), PortState::Passive, "it still tracks Announce");
    let effects = script.line("9 run");
    assert!(effects.contains(&Effect::Best(None)), "{effects:?}");
    assert_eq!(script.port.state(), PortState::Master);
    assert_eq!(sent(&effects).count(), 0, "the clock has not said yet what to announce");
}

#[test]
fn a_link_that_goes_takes_the_port_through_faulty_and_back_to_what_it_was_told_to_be() {
    let mut script = master();
    script.line("1 run");
    script.play(
        "1 link down        => state MASTER->FAULTY (link down)
         5 run              => -
         5 link up          => state FAULTY->INITIALIZING (link up); state INITIALIZING->LISTENING (link up); state LISTENING->PRE_MASTER (configured as master); state PRE_MASTER->MASTER (configured as master)",
    );
}

#[test]
fn another_grandmaster_is_announced_at_once() {
    let mut script = master();
    script.line("1.1 run");
    script.play("1.1 decide m3 gm=B steps=1 => -");
    let announce = script.port.deadline();
    assert_eq!(announce, Some(script.now));
}

#[test]
fn a_slave_port_is_not_told_what_to_be() {
    let mut script = Script::following(port(Role::Slave));
    script.play("2 decide m2 => -");
    assert_eq!(script.port.state(), PortState::Slave);
}

#[test]
fn a_follow_up_of_802_1as_says_how_much_faster_the_served_time_is_than_the_clock_that_stamps() {
    let mut script = Script::new(Config { sdo_id: 0x100, ..port(Role::Master) });
    script.play(
        "0 link up
         0 line ahead=5
         0 decide m2",
    );
    let effects = script.line("0 run");
    let types: Vec<_> = sent(&effects).map(|message| message.header.message_type).collect();
    assert!(types.contains(&MessageType::Sync), "{types:?}");
    let last = script.requests.len() - 1;
    let effects = script.line(&format!("0.1 sent {last} t3=100"));
    let follow_up = sent(&effects).next().expect("the stamp is there");
    assert_eq!(follow_up.header.message_length, 76);
    let tlv = follow_up.tlvs.iter().next().expect("it is not plain").extension().expect("it is whole");
    let Extension::Organization(OrganizationExtension::FollowUpInformation(information)) = tlv else {
        panic!("{tlv:?}")
    };
    assert_eq!((information.cumulative_scaled_rate_offset, information.gm_time_base_indicator), (0, 0));
}

#[test]
fn a_master_whose_clock_is_uncertain_says_so_but_not_by_the_edition_of_2008() {
    for (minor_version, is_said) in [(1, true), (0, false)] {
        let mut script = Script::new(Config { minor_version, ..port(Role::Master) });
        script.play("0 link up\n 0 line ahead=5\n 0 decide m2 uncertain");
        let effects = script.line("0.1 run");
        let announce = sent(&effects).find(|message| matches!(message.body, Body::Announce(_))).expect("at once");
        assert_eq!(announce.header.flags.synchronization_uncertain(), is_said);
    }
}

#[test]
fn a_parent_that_becomes_uncertain_is_told_of_and_followed_as_before() {
    let mut script = Script::following(config());
    script.play(
        "3 announce A seq=3 p1=10 uncertain => parent A gm=A steps=1
         4 announce A seq=4 p1=10 uncertain => -
         4.1 announce B seq=1 p1=20
         4.2 announce B seq=2 p1=20
         4.3 announce B seq=3 p1=20         => -
         5 announce A seq=5 p1=10           => parent A gm=A steps=1",
    );
    assert!(!script.port.parent().expect("it follows").synchronization_uncertain);
}

/// A master whose card writes its time into Sync and counts what `line` says of it, and its first Sync: the twoStepFlag,
/// originTimestamp in seconds, correctionField, and whether a stamp is asked for.
fn first_sync_of_card(line: Line) -> (bool, i128, Duration, bool, String) {
    let config = port(Role::Master);
    let serving = ServingConfig { origin: SyncOrigin::Card, ..config.serving };
    let mut script = Script::new(Config { serving, egress_latency: Duration::from_nanos(30), ..config });
    script.line("0 link up");
    script.port.step(Timestamp::EPOCH, Input::Line(Some(line)), &mut Vec::new());
    script.line("0 decide m2");
    let effects = script.line("0.4 run");
    let (message, token): (Message<'_>, Option<TxToken>) = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Send { frame, token, .. } => {
                let message = parse(frame.as_bytes()).expect("ours");
                matches!(message.body, Body::Sync(_)).then_some((message, *token))
            }
            _ => None,
        })
        .expect("a Sync");
    let Body::Sync(sync) = message.body else { unreachable!() };
    let origin = (sync.origin_timestamp.to_timestamp() - Timestamp::EPOCH).ticks();
    let correction = message.header.correction_field.to_duration().expect("small");
    (message.header.flags.two_step(), origin, correction, token.is_some(), crate::ptp::script::render(&effects))
}

/// The clock of a card that counts the served time.
fn card() -> Line {
    let (anchor, time) = (Timestamp::from_secs(1_000), Timestamp::from_secs(1_000));
    Line { anchor, time, reach: Duration::from_secs(2), is_of_card: true, ..Line::ahead_by(Duration::ZERO) }
}

#[test]
fn a_one_step_sync_leaves_its_origin_to_the_card_and_no_stamp_of_it_is_awaited() {
    let (two_step, origin, correction, token, effects) = first_sync_of_card(card());
    assert_eq!((two_step, origin, token), (false, 0, false), "{effects}");
    assert_eq!(correction, Duration::from_nanos(30), "what the stamp is too early by");
    assert!(!effects.contains("Follow_Up") && !effects.contains("one_step_unfit"), "{effects}");
}

#[test]
fn what_the_served_time_is_ahead_of_the_card_goes_into_the_correction_of_a_one_step_sync() {
    let line = Line { time: card().time + Duration::from_micros(5), ..card() };
    assert_eq!(first_sync_of_card(line).2, Duration::from_nanos(5_030));
}

#[test]
fn sync_is_two_step_where_what_the_card_would_write_is_not_the_served_time() {
    let utc = Line { anchor: card().time + Duration::from_secs(37), ..card() };
    let only_read = Line { rate: FrequencyPpb::from_ppm(-40.0), ..card() };
    let of_the_system_clock = Line { is_of_card: false, ..card() };
    for (why, line) in [("37 s", utc), ("another rate", only_read), ("another clock", of_the_system_clock)] {
        let (two_step, _, correction, token, effects) = first_sync_of_card(line);
        assert_eq!((two_step, token, correction), (true, true, Duration::ZERO), "{why}: {effects}");
        assert!(effects.contains("one_step_unfit"), "{why}: {effects}");
    }
}

/// The TLV of IEEE C37.238 in the first Announce of a master that is told its grandmasterID, the error of the time, and what to announce: how
/// far from the grandmaster, how right that is, and what the parent says in its own TLV.
fn power_profile(
    told: Option<u16>,
    error: Duration,
    (steps_removed, accuracy): (u16, ClockAccuracy),
    of_parent: Option<PowerProfile>,
) -> Option<(u16, u32)> {
    let config = port(Role::Master);
    let serving = ServingConfig { power: told, ..config.serving };
    let mut script = Script::new(Config { serving, ..config });
    script.line("0 link up");
    let mut decision = decided_m1();
    decision.announcement.steps_removed = steps_removed;
    decision.announcement.quality.clock_accuracy = accuracy;
    let mut octets = [0; 32];
    let said = of_parent.map(|power| Extension::Organization(OrganizationExtension::PowerProfile(power)));
    let length = said.map_or(0, |said| said.write(&mut octets).expect("it fits"));
    let tlvs = Tlvs::from_octets(&octets[..length]).expect("it is one");
    decision.forwarded = Forwarded::of(tlvs, &mut Vec::<Effect>::new());
    let line = Line { error, ..Line::ahead_by(Duration::ZERO) };
    for input in [Input::Line(Some(line)), Input::Decision(decision)] {
        script.port.step(Timestamp::EPOCH, input, &mut Vec::new());
    }
    let effects = script.line("0.1 run");
    let announce = sent(&effects).find(|message| matches!(message.body, Body::Announce(_))).expect("it is master");
    let mut said = announce.tlvs.iter().filter_map(|tlv| match tlv.extension() {
        Ok(Extension::Organization(OrganizationExtension::PowerProfile(power))) => {
            Some((power.grandmaster_id, power.total_time_inaccuracy))
        }
        _ => None,
    });
    let first = said.next();
    assert_eq!(said.next(), None, "the parent's is not handed on beside ours");
    first
}

#[test]
fn an_announce_of_the_power_profile_says_how_wrong_the_time_may_be_in_nanoseconds() {
    let (good, unknown) = (ClockAccuracy(0x23), ClockAccuracy::UNKNOWN);
    let error = Duration::from_nanos(1_233) + Duration::from_ticks(1);
    assert_eq!(power_profile(None, error, (0, good), None), None);
    assert_eq!(power_profile(Some(254), error, (0, good), None), Some((254, 1_234)), "rounded up");
    assert_eq!(power_profile(Some(254), Duration::from_nanos(1_233), (0, good), None), Some((254, 1_233)));
    assert_eq!(power_profile(Some(254), error, (2, good), None), Some((0, 1_234)), "another's number is not known");
    assert_eq!(power_profile(Some(254), error, (2, unknown), None), Some((0, u32::MAX)), "nor how wrong that one is");
    assert_eq!(
        power_profile(Some(1), Duration::from_secs(5), (0, good), None),
        Some((1, u32::MAX)),
        "beyond the field"
    );
}

#[test]
fn a_boundary_clock_of_the_power_profile_names_its_parents_grandmaster_and_adds_its_own_part_of_the_error() {
    let parent = |total| Some(PowerProfile { grandmaster_id: 7, total_time_inaccuracy: total });
    // 100 ns of the error are what the grandmaster says of itself.
    let (accuracy, unknown) = (ClockAccuracy(0x21), ClockAccuracy::UNKNOWN);
    let error = Duration::from_nanos(130) + Duration::from_ticks(1);
    assert_eq!(power_profile(Some(254), error, (1, accuracy), parent(250)), Some((7, 281)), "rounded up");
    assert_eq!(power_profile(Some(254), error, (1, accuracy), parent(40)), Some((7, 71)));
    assert_eq!(
        power_profile(Some(254), error, (1, unknown), parent(40)),
        Some((7, 171)),
        "none of it is the grandmaster's"
    );
    let less = Duration::from_nanos(90);
    assert_eq!(
        power_profile(Some(254), less, (1, accuracy), parent(40)),
        Some((7, 40)),
        "never less than the parent says"
    );
    assert_eq!(
        power_profile(Some(254), error, (1, accuracy), parent(u32::MAX)),
        Some((7, u32::MAX)),
        "unknown stays so"
    );
    assert_eq!(
        power_profile(Some(254), error, (1, accuracy), parent(u32::MAX - 30)),
        Some((7, u32::MAX)),
        "and what is beyond the field"
    );
    assert_eq!(
        power_profile(Some(254), error, (0, accuracy), parent(250)),
        Some((254, 131)),
        "it is the grandmaster itself"
    );
    assert_eq!(power_profile(None, error, (1, accuracy), parent(250)), None, "it is not told to say so");
}
