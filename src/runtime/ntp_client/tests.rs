use super::super::wake::Sleeper;
use super::*;
use crate::ntp::client::{LOOK_UP_AGAIN, RETRY_MAX};
use crate::sharing::{Latch, Pulse, Ring, RingReader};
use crate::time::{LeapIndicator, NtpTimestamp, StampSource};
use crate::wire::ntp::{HEADER_LENGTH, Header, Mode, Packet, parse, write};

/// The one `[[ntp.source]]` of a configuration, with these lines.
fn source(lines: &str) -> NtpSourceConfig {
    let text = format!("[[ntp.source]]\naddress = \"pool.example.net\"\n{lines}");
    let loaded = crate::config::load(&text, "t.toml").expect("a good configuration");
    loaded.config.ntp_sources[0].clone()
}

/// A good answer to a request, or one that says RATE.
fn answer_to(frame: &[u8; HEADER_LENGTH], is_rate: bool) -> [u8; HEADER_LENGTH] {
    let asked = parse(frame).expect("what we send parses").header;
    let at = NtpTimestamp::from_utc(Timestamp::from_secs(1_790_000_000));
    let header = Header {
        leap: if is_rate { LeapIndicator::Unknown } else { LeapIndicator::NoWarning },
        mode: Mode::Server,
        stratum: if is_rate { 0 } else { 2 },
        reference_id: if is_rate { *b"RATE" } else { [192, 0, 2, 1] },
        poll: asked.poll,
        precision: -23,
        reference_timestamp: at,
        origin_timestamp: asked.transmit_timestamp,
        receive_timestamp: at,
        transmit_timestamp: at,
        ..Header::default()
    };
    let mut bytes = [0; HEADER_LENGTH];
    write(&Packet::plain(header), &mut bytes).expect("48 octets");
    bytes
}

/// How many requests a client with these lines sends in ten polls of 64 s to a server that answers all, or says RATE to the first.
fn requests_in_ten_polls(lines: &str, is_rate: bool) -> usize {
    let mut client = Client::new(client_config(&source(lines), 0, 7, None));
    let mut now = Timestamp::from_secs(100);
    let end = now + Duration::from_secs(640);
    let (mut sent, mut effects) = (0, Vec::new());
    while now < end {
        effects.clear();
        client.step(now, Input::Tick, &mut effects);
        let request = effects.iter().find_map(|effect| match effect {
            Effect::Send { frame, token } => Some((*frame, *token)),
            _ => None,
        });
        if let Some((frame, token)) = request {
            let bytes = answer_to(&frame, is_rate && sent == 0);
            client.step(now, Input::Received { token, bytes: &bytes, stamp: None }, &mut effects);
            sent += 1;
        }
        now = client.deadline().expect("it goes on asking").max(now);
    }
    sent
}

#[test]
fn a_server_gets_a_burst_at_each_poll_where_the_configuration_says_so_and_none_once_it_said_rate() {
    assert!((9..=11).contains(&requests_in_ten_polls("iburst = false", false)), "as it is without");
    let with = requests_in_ten_polls("iburst = false\nburst = true", false);
    assert!((72..=88).contains(&with), "eight each poll: {with}");
    let slowed = requests_in_ten_polls("iburst = false\nburst = true", true);
    // One, and after RATE one each 256 s.
    assert!((2..=4).contains(&slowed), "{slowed}");
}

fn outlet() -> Outlet {
    outlet_and_inbox().0
}

/// With what the discipline gets.
fn outlet_and_inbox() -> (Outlet, RingReader<SourceMessage>) {
    let sleeper = Sleeper::new().expect("an eventfd");
    let (to_discipline, inbox) = Ring::with_capacity(64, sleeper.doorbell());
    let (events, _) = Ring::with_capacity(64, sleeper.doorbell());
    let links = SourceLinks {
        to_discipline,
        events,
        steps: Arc::default(),
        losses: Arc::default(),
        falsetickers: Arc::default(),
        demand: Arc::default(),
        pulse: Pulse::new(Timestamp::EPOCH),
        stop: Latch::default(),
        sleeper,
    };
    (Outlet { links, cards: ClientCards::default() }, inbox)
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 123))
}

fn info(root_dispersion: Duration) -> SourceInfo {
    let root_delay = Duration::from_millis(10);
    SourceInfo { leap: LeapIndicator::NoWarning, stratum: 2, reference_id: [10, 0, 0, 1], root_delay, root_dispersion }
}

/// A pool of three, each asked once and answered.
fn pool(now: Timestamp<Mono>, outlet: &mut Outlet) -> Vec<Asked> {
    let wanted =
        |seed| Wanted { config: source("pool = 3"), seed, counters: Counters::default(), recorder: None, orphan: None };
    let mut all: Vec<_> = (0..3).map(|place| Asked::new(place, wanted(place as u64 + 1), now)).collect();
    for place in 0..3 {
        let taken: Vec<_> = all.iter().filter_map(|asked| asked.address).collect();
        all[place].found(now, &Ok(vec![address(1), address(2), address(3)]), &taken, outlet);
        answer_once(&mut all[place], now, outlet);
    }
    all
}

/// A request and its answer, without a network.
fn answer_once(asked: &mut Asked, now: Timestamp<Mono>, outlet: &mut Outlet) {
    let mut effects = Vec::new();
    asked.client.step(now, Input::Tick, &mut effects);
    let (frame, token) = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Send { frame, token } => Some((*frame, *token)),
            _ => None,
        })
        .expect("it asks at once");
    let bytes = answer_to(&frame, false);
    asked.step(now, Input::Received { token, bytes: &bytes, stamp: None }, outlet);
    assert_eq!(asked.client.state(), ClientState::Reachable);
}

#[test]
fn a_member_of_a_pool_that_is_wrong_at_eight_polls_in_a_row_is_replaced_by_another_address() {
    let (now, mut outlet) = (Timestamp::from_secs(100), outlet());
    let mut all = pool(now, &mut outlet);
    let later = now + Duration::from_secs(512);
    outlet.links.falsetickers.store(0b010, Ordering::Release);
    for poll in 0..UNFIT_MAX {
        assert_eq!(to_replace(&all, later), None, "after {poll}");
        for asked in &mut all {
            asked.says(later, Some(info(Duration::from_millis(1))), &mut outlet);
        }
    }
    assert_eq!(to_replace(&all, later), Some(1));
    let taken: Vec<_> = all.iter().filter_map(|asked| asked.address).collect();
    let behind = vec![address(1), address(2), address(3), address(4)];
    all[1].found(later, &Ok(behind), &taken, &mut outlet);
    assert_eq!(all[1].address, Some(address(4)));
    assert_eq!((all[0].address, all[2].address), (Some(address(1)), Some(address(3))));
    assert_eq!(to_replace(&all, later), None, "it begins anew");
}

#[test]
fn one_that_was_right_in_between_stays_and_one_that_is_too_far_away_does_not() {
    let (now, mut outlet) = (Timestamp::from_secs(100), outlet());
    let mut all = pool(now, &mut outlet);
    let later = now + Duration::from_secs(512);
    let far = info(Duration::from_secs(4));
    for poll in 0..2 * UNFIT_MAX {
        let said = if poll == UNFIT_MAX - 1 { info(Duration::from_millis(1)) } else { far };
        all[2].says(later, Some(said), &mut outlet);
        assert_eq!(to_replace(&all, later), (poll == 2 * UNFIT_MAX - 1).then_some(2), "{poll}");
    }
}

#[test]
fn of_several_that_are_wrong_one_at_a_time_is_replaced_and_none_where_no_other_is_good() {
    let (now, mut outlet) = (Timestamp::from_secs(100), outlet());
    let mut all = pool(now, &mut outlet);
    let later = now + Duration::from_secs(512);
    (all[0].unfit, all[1].unfit) = (UNFIT_MAX, UNFIT_MAX);
    assert_eq!(to_replace(&all, later), Some(0));
    all[0].name.looks_up();
    assert_eq!(to_replace(&all, later), None, "the first one's place is not filled yet");
    all[0].name = Name::new(now);
    all[2].unfit = 1;
    assert_eq!(to_replace(&all, later), None, "nobody good is left");
}

#[test]
fn a_name_that_nobody_knows_is_no_end_and_when_names_are_gone_the_address_stays_until_they_are_back() {
    let (start, mut outlet) = (Timestamp::from_secs(100), outlet());
    let wanted = Wanted { config: source(""), seed: 1, counters: Counters::default(), recorder: None, orphan: None };
    let mut asked = Asked::new(0, wanted, start);
    let nobody = Err(NoAddress::new("Temporary failure in name resolution"));
    assert!(asked.wants_lookup(start));
    asked.found(start, &nobody, &[], &mut outlet);
    assert_eq!((asked.address, asked.no_address), (None, nobody.as_ref().err().copied()));
    assert!(!asked.wants_lookup(start + Duration::SECOND), "it is tried again, and not at once");
    let back = start + Duration::from_secs(5);
    assert!(asked.wants_lookup(back));
    asked.found(back, &Ok(vec![address(1)]), &[], &mut outlet);
    assert_eq!((asked.address, asked.no_address), (Some(address(1)), None));
    // It never answers, and the name server is gone: the address that there is stays.
    let silent = back + LOOK_UP_AGAIN;
    assert!(asked.wants_lookup(silent));
    asked.found(silent, &nobody, &[address(1)], &mut outlet);
    assert_eq!((asked.address, asked.no_address), (Some(address(1)), nobody.as_ref().err().copied()));
    // Names are known again soon, and the server has another address.
    assert!(!asked.wants_lookup(silent + Duration::SECOND));
    let known = silent + Duration::from_secs(5);
    assert!(asked.wants_lookup(known), "it is not waited as long as for a server that does not answer");
    asked.found(known, &Ok(vec![address(1), address(2)]), &[address(1)], &mut outlet);
    assert_eq!((asked.address, asked.no_address), (Some(address(2)), None));
}

#[test]
fn a_member_for_whom_a_pool_has_no_address_says_so_and_takes_the_first_that_comes() {
    let (start, mut outlet) = (Timestamp::from_secs(100), outlet());
    let wanted =
        Wanted { config: source("pool = 3"), seed: 1, counters: Counters::default(), recorder: None, orphan: None };
    let mut spare = Asked::new(2, wanted, start);
    let said = |spare: &Asked, now| {
        let report = spare.report(now, &ClientCards::default());
        (report.address, report.all_asked, report.look_up_in)
    };
    assert_eq!(said(&spare, start), (None, None, Some(0)));
    let two = vec![address(1), address(2)];
    let (mut now, mut waits) = (start, Vec::new());
    while now < start + Duration::from_secs(300) {
        assert!(spare.wants_lookup(now));
        spare.found(now, &Ok(two.clone()), &two, &mut outlet);
        let (address, addresses, again) = said(&spare, now);
        assert_eq!((address, addresses), (None, Some(2)));
        let again = now + Duration::from_secs(again.expect("it is tried again").into());
        assert!(!spare.wants_lookup(again - Duration::from_millis(1)));
        waits.push((again - now).as_secs_f64());
        now = again;
    }
    assert_eq!(waits, [4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0, 64.0], "and not all the time");
    // The name server is away for once: that is the reason now, and no longer the other.
    assert!(spare.wants_lookup(now));
    spare.found(now, &Err(NoAddress::new("Temporary failure in name resolution")), &two, &mut outlet);
    assert_eq!((spare.name.left_over(), spare.no_address.is_some()), (None, true));
    now = now + RETRY_MAX;
    assert!(spare.wants_lookup(now));
    spare.found(now, &Ok(vec![address(1), address(2), address(3)]), &two, &mut outlet);
    assert_eq!(said(&spare, now), (Some(address(3)), None, None));
}

/// What an exchange with a server that is `ahead`, over ways of these lengths, says of our offset and of the delay, by a configuration with these lines.
fn measured(lines: &str, ahead: Duration, [forth, back]: [Duration; 2]) -> (Duration, Duration) {
    let now = Timestamp::from_secs(100);
    let (mut outlet, mut inbox) = outlet_and_inbox();
    let wanted = Wanted { config: source(lines), seed: 1, counters: Counters::default(), recorder: None, orphan: None };
    let mut asked = Asked::new(0, wanted, now);
    let (source, truth) = (asked.source(), Timestamp::from_secs(1_790_000_000));
    let stamp = |at, clock| Stamp {
        at,
        clock,
        epoch: ClockEpoch::default(),
        source: StampSource::Kernel,
        error: Duration::ZERO,
    };
    let ours = |at| stamp(at, ClockId::System);
    let theirs = |at| stamp(at + ahead, ClockId::Remote(source));
    let edge = |sent, received| Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 };
    asked.observe(edge(ours(truth), theirs(truth + forth)), &mut outlet);
    asked.observe(edge(theirs(truth + forth), ours(truth + forth + back)), &mut outlet);
    let mut transit = || match inbox.pop() {
        Some(SourceMessage::Observation(edge)) => edge.received.at - edge.sent.at - edge.correction,
        other => panic!("{other:?}"),
    };
    let (request, answer) = (transit(), transit());
    ((answer - request).half(), (answer + request).half())
}

#[test]
fn what_is_known_of_a_servers_error_and_of_the_way_to_it_is_taken_out_of_what_is_measured() {
    let us = Duration::from_micros;
    let ways = [us(200), us(400)];
    // Unknown, the server's being ahead makes us behind, and a longer way back makes us ahead by half of what it is longer.
    assert_eq!(measured("", us(3_000), ways), (us(100) - us(3_000), us(300)));
    assert_eq!(measured("time_offset = \"3ms\"", us(3_000), ways), (us(100), us(300)));
    assert_eq!(measured("delay_asymmetry = \"100us\"", Duration::ZERO, ways), (Duration::ZERO, us(300)));
    let both = "time_offset = \"3ms\"\ndelay_asymmetry = \"100us\"";
    assert_eq!(measured(both, us(3_000), ways), (Duration::ZERO, us(300)));
    assert_eq!(measured("delay_asymmetry = \"-100us\"", Duration::ZERO, [us(400), us(200)]), (Duration::ZERO, us(300)));
}
