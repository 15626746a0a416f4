use super::*;
use crate::sharing::CounterSet;
use crate::time::{ClockEpoch, ClockId, StampSource};
use crate::wire::ptp::{self, Body, ClockIdentity, Flags, WireTimestamp};

const US: PortIdentity = PortIdentity { clock_identity: ClockIdentity([0x5f; 8]), port_number: 1 };
const NEIGHBOR: PortIdentity = PortIdentity { clock_identity: ClockIdentity([0x41; 8]), port_number: 2 };
const STRANGER: PortIdentity = PortIdentity { clock_identity: ClockIdentity([0x42; 8]), port_number: 1 };
const FOLLOWED: Option<Followed> = Some(Followed { parent: NEIGHBOR, epoch: ClockEpoch(1) });

fn config() -> PeerConfig {
    PeerConfig {
        interval: LogInterval::new(0),
        delay_asymmetry: Duration::ZERO,
        ingress_latency: Duration::ZERO,
        egress_latency: Duration::ZERO,
        neighbor_delay_max: Duration::from_millis(20),
        neighbor_delay_min: Duration::ZERO,
        one_step: false,
    }
}

fn sender(port: PortIdentity, sdo_id: u16) -> Sender {
    Sender { sdo_id, minor_version_ptp: 1, domain_number: 0, source_port_identity: port }
}

fn new(config: PeerConfig) -> PeerDelay {
    let mut peer = PeerDelay::new(config, sender(US, 0), 7);
    peer.start(mono(0));
    peer
}

fn mono(ms: i64) -> Timestamp<Mono> {
    Timestamp::from_secs(1_000) + Duration::from_millis(ms)
}

fn ns(nanos: i64) -> Duration {
    Duration::from_nanos(nanos)
}

/// On any clock: so many nanoseconds after its second 100.
fn at(nanos: i64) -> Timestamp<Local> {
    Timestamp::from_secs(100) + ns(nanos)
}

fn stamp(at: Timestamp<Local>) -> Stamp {
    Stamp { at, clock: ClockId::System, epoch: ClockEpoch(0), source: StampSource::Kernel, error: Duration::ZERO }
}

fn counted(out: &[Effect]) -> Vec<&'static str> {
    let names = out.iter().filter_map(|effect| match effect {
        Effect::Count(counter) => Some(counter.name()),
        _ => None,
    });
    names.filter(|name| !name.starts_with("sent_")).collect()
}

/// A message that was sent, as whoever hears it reads it.
fn sent(out: &[Effect]) -> Vec<(Vec<u8>, Channel, Option<TxToken>)> {
    let sends = out.iter().filter_map(|effect| match effect {
        Effect::Send { frame, channel, token, .. } => Some((frame.as_bytes().to_vec(), *channel, *token)),
        _ => None,
    });
    sends.collect()
}

/// Ticks, and gives the token and the sequenceId of the request that this sends.
fn ask(peer: &mut PeerDelay, now: Timestamp<Mono>) -> (TxToken, u16) {
    let mut out = Vec::new();
    let mut next = u32::from(peer.next_sequence_id);
    peer.tick(now, &mut next, &mut out);
    let sent = sent(&out);
    let [(bytes, Channel::Event, Some(token))] = &sent[..] else { panic!("{out:?}") };
    let message = ptp::parse(bytes).unwrap();
    assert_eq!(message.body.message_type(), ptp::MessageType::PdelayReq);
    (*token, message.header.sequence_id)
}

/// The transmit stamp of a request of ours: what its exchange says.
fn left(peer: &mut PeerDelay, token: TxToken, at: Timestamp<Local>, out: &mut Vec<Effect>) -> Option<Backward> {
    match peer.sent(token, Some(stamp(at)), FOLLOWED, out) {
        Departed::NotOurs => panic!("{token:?} is not known"),
        Departed::Taken => None,
        Departed::Says(backward) => Some(backward),
    }
}

/// What a neighbour says: t2 and t3 on its clock, t4 on ours, the corrections of both messages.
#[derive(Clone, Copy)]
struct Says {
    source: PortIdentity,
    to: PortIdentity,
    sequence_id: u16,
    t2: Timestamp<Local>,
    t3: Timestamp<Local>,
    t4: Timestamp<Local>,
    corrections: [Duration; 2],
    two_step: bool,
}

fn says(sequence_id: u16, t2: i64, t3: i64, t4: i64) -> Says {
    Says {
        source: NEIGHBOR,
        to: US,
        sequence_id,
        t2: at(t2),
        t3: at(t3),
        t4: at(t4),
        corrections: [Duration::ZERO; 2],
        two_step: true,
    }
}

impl Says {
    fn header(&self) -> Header {
        let mut header = sender(self.source, 0).pdelay_req(self.sequence_id, Duration::ZERO).header;
        header.flags = Flags::NONE.with(Flags::TWO_STEP, self.two_step);
        header
    }

    fn resp(&self, peer: &mut PeerDelay, now: Timestamp<Mono>, out: &mut Vec<Effect>) -> Option<Backward> {
        let wire = |at: Timestamp<Local>| WireTimestamp::from_timestamp(at).unwrap().0;
        let request_receipt_timestamp = if self.two_step { wire(self.t2) } else { WireTimestamp::ZERO };
        let body = PdelayResp { request_receipt_timestamp, requesting_port_identity: self.to };
        peer.resp(now, (&self.header(), self.corrections[0]), (&body, Some(stamp(self.t4))), FOLLOWED, out)
    }

    fn follow_up(&self, peer: &mut PeerDelay, now: Timestamp<Mono>, out: &mut Vec<Effect>) -> Option<Backward> {
        let response_origin_timestamp = WireTimestamp::from_timestamp(self.t3).unwrap().0;
        let body = PdelayRespFollowUp { response_origin_timestamp, requesting_port_identity: self.to };
        peer.resp_follow_up(now, (&self.header(), self.corrections[1]), &body, FOLLOWED, out)
    }
}

/// One whole exchange: t1 and t4 on our clock, t2 and t3 on the neighbour's.
fn exchange(peer: &mut PeerDelay, now: Timestamp<Mono>, t: [i64; 4]) -> Option<Backward> {
    let (token, sequence_id) = ask(peer, now);
    let mut out = Vec::new();
    let of_stamp = left(peer, token, at(t[0]), &mut out);
    let says = says(sequence_id, t[1], t[2], t[3]);
    let of_resp = says.resp(peer, now, &mut out);
    let of_follow_up = says.follow_up(peer, now, &mut out);
    assert_eq!(counted(&out), [""; 0]);
    of_stamp.or(of_resp).or(of_follow_up)
}

/// A Sync of the neighbour's that took so long by our clock.
fn sync(peer: &mut PeerDelay, received: i64, transit: i64) -> Option<Backward> {
    let received = stamp(at(received));
    let pair = SyncPair { sequence_id: 3, origin: received.at - ns(transit), received, correction: Duration::ZERO };
    peer.synced(&pair, FOLLOWED.unwrap())
}

#[test]
fn the_delay_is_half_of_the_round_trip_less_the_turnaround_and_comes_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut peer = new(config());
        let mut out = Vec::new();
        let (token, sequence_id) = ask(&mut peer, mono(0));
        // 600 ns there, 500 ns back, 10 us at the neighbour, whose clock is 1 ms ahead.
        let says = says(sequence_id, 1_000_600, 1_010_600, 11_100);
        for half in order {
            assert_eq!(peer.mean_link_delay(), None, "{order:?}");
            match half {
                0 => _ = left(&mut peer, token, at(0), &mut out),
                1 => _ = says.resp(&mut peer, mono(1), &mut out),
                _ => _ = says.follow_up(&mut peer, mono(1), &mut out),
            }
        }
        assert_eq!(peer.mean_link_delay(), Some(ns(550)), "{order:?}");
        assert_eq!(counted(&out), [""; 0]);
    }
}

#[test]
fn a_one_step_answer_is_complete_by_itself_and_its_correction_is_the_turnaround() {
    let mut peer = new(config());
    let mut out = Vec::new();
    let (token, sequence_id) = ask(&mut peer, mono(0));
    left(&mut peer, token, at(0), &mut out);
    let says = Says { two_step: false, corrections: [ns(10_000), ns(0)], ..says(sequence_id, 0, 0, 11_100) };
    assert_eq!(says.resp(&mut peer, mono(1), &mut out), None);
    assert_eq!(peer.mean_link_delay(), Some(ns(550)));
}

#[test]
fn corrections_are_subtracted_and_the_asymmetry_cancels() {
    let mut peer = new(PeerConfig { delay_asymmetry: ns(70), ..config() });
    let mut out = Vec::new();
    peer.tick(mono(0), &mut 5, &mut out);
    let header = ptp::parse(&sent(&out)[0].0).unwrap().header;
    assert_eq!(header.correction_field.to_duration(), Some(ns(-70)), "subtracted before sending");
    left(&mut peer, TxToken(5), at(0), &mut out);
    // The neighbour repeats the request's correction in its Follow_Up.
    let says = Says { corrections: [ns(-4), ns(-70 + 24)], ..says(header.sequence_id, 1_000_600, 1_010_600, 11_120) };
    says.resp(&mut peer, mono(1), &mut out);
    says.follow_up(&mut peer, mono(1), &mut out);
    assert_eq!(peer.mean_link_delay(), Some(ns(550)));
}

#[test]
fn latencies_are_taken_off_the_stamps() {
    let mut peer = new(PeerConfig { ingress_latency: ns(30), egress_latency: ns(50), ..config() });
    exchange(&mut peer, mono(0), [-50, 600, 10_600, 11_130]);
    assert_eq!(peer.mean_link_delay(), Some(ns(550)));
}

#[test]
fn an_answer_to_another_requester_or_to_no_request_or_a_second_one_is_not_used() {
    let mut peer = new(config());
    let (_, sequence_id) = ask(&mut peer, mono(0));
    let right = says(sequence_id, 600, 10_600, 11_100);
    let mut count = |says: Says| {
        let mut out = Vec::new();
        says.resp(&mut peer, mono(1), &mut out);
        says.follow_up(&mut peer, mono(1), &mut out);
        counted(&out).join(" ")
    };
    let other_port = PortIdentity { port_number: 2, ..US };
    let twice = |name: &str| format!("{name} {name}");
    assert_eq!(count(Says { to: other_port, ..right }), twice("pdelay_resp_for_other"));
    assert_eq!(count(Says { sequence_id: sequence_id.wrapping_sub(1), ..right }), twice("pdelay_resp_unexpected"));
    assert_eq!(count(right), "");
    assert_eq!(count(right), twice("pdelay_resp_unexpected"));
}

#[test]
fn two_that_answer_one_request_are_a_fault_and_no_average() {
    for late in [false, true] {
        let mut peer = new(config());
        exchange(&mut peer, mono(0), [0, 600, 10_600, 11_100]);
        let mut out = Vec::new();
        let sequence_id = if late {
            // After the exchange was complete.
            7
        } else {
            let (_, sequence_id) = ask(&mut peer, mono(200));
            says(sequence_id, 600, 10_600, 11_100).resp(&mut peer, mono(201), &mut out);
            sequence_id
        };
        Says { source: STRANGER, ..says(sequence_id, 900, 10_900, 11_300) }.resp(&mut peer, mono(202), &mut out);
        assert_eq!(counted(&out), ["peer_multiple"]);
        assert_eq!(peer.status(), NeighborStatus::Several);
        assert_eq!(sync(&mut peer, 20_000, 550), None, "nothing is said of the way back");
        assert_eq!(peer.deadline(), Some(mono(202) + BAD_PEER_PAUSE));
        ask(&mut peer, mono(202) + BAD_PEER_PAUSE);
        assert_eq!(peer.status(), NeighborStatus::Silent);
    }
}

#[test]
fn a_follow_up_of_another_than_the_answer_completes_nothing() {
    let mut peer = new(config());
    let mut out = Vec::new();
    let (token, sequence_id) = ask(&mut peer, mono(0));
    left(&mut peer, token, at(0), &mut out);
    let right = says(sequence_id, 600, 10_600, 11_100);
    right.resp(&mut peer, mono(1), &mut out);
    Says { source: STRANGER, ..right }.follow_up(&mut peer, mono(1), &mut out);
    assert_eq!((counted(&out), peer.mean_link_delay()), (vec!["peer_multiple"], None));
}

#[test]
fn a_neighbour_that_does_not_answer_three_times_is_lost_and_found_again() {
    let mut peer = new(config());
    exchange(&mut peer, mono(0), [0, 600, 10_600, 11_100]);
    let mut out = Vec::new();
    for second in 1..=3 {
        ask(&mut peer, mono(second * 1_000));
        assert!(peer.mean_link_delay().is_some(), "after {second}");
    }
    peer.tick(mono(4_000), &mut 99, &mut out);
    assert_eq!((counted(&out), peer.mean_link_delay()), (vec!["neighbor_lost"], None));
    exchange(&mut peer, mono(5_000), [0, 700, 10_700, 11_400]);
    let found = NeighborStatus::Known { identity: NEIGHBOR, mean_link_delay: ns(700), rate: None };
    assert_eq!(peer.status(), found, "nothing of before is left");
}

#[test]
fn requests_come_at_the_interval_after_a_few_at_once() {
    let mut peer = new(config());
    let mut at = Vec::new();
    for _ in 0..6 {
        let due = peer.deadline().unwrap();
        at.push((due - mono(0)).as_secs_f64());
        ask(&mut peer, due);
    }
    assert_eq!(at, [0.0, 0.125, 0.25, 0.375, 0.5, 1.5]);
    let mut out = Vec::new();
    peer.stop(&mut out);
    assert_eq!(peer.deadline(), None);
    peer.tick(mono(60_000), &mut 0, &mut out);
    assert!(sent(&out).is_empty());
}

#[test]
fn what_is_never_answered_costs_a_place_and_no_more() {
    let mut peer = new(config());
    let mut out = Vec::new();
    for second in 0..PDELAY_OUTSTANDING_MAX as i64 + 2 {
        peer.tick(mono(second * 1_000), &mut 0, &mut out);
    }
    assert_eq!(counted(&out), ["pdelay_resp_missing"; 2]);
}

#[test]
fn a_link_that_takes_too_long_or_less_than_nothing_is_not_believed() {
    let cases = [
        [0, 20_001_000, 20_001_000, 40_001_000],
        // 3 us less than nothing, where stamps and a turnaround of 10 us explain 1 us and 1 ns.
        [0, -10_000, 0, 7_000],
    ];
    for t in cases {
        let mut peer = new(config());
        let (token, sequence_id) = ask(&mut peer, mono(0));
        let mut out = Vec::new();
        left(&mut peer, token, at(t[0]), &mut out);
        let says = says(sequence_id, t[1], t[2], t[3]);
        says.resp(&mut peer, mono(1), &mut out);
        assert_eq!(says.follow_up(&mut peer, mono(1), &mut out), None);
        assert_eq!((counted(&out), peer.mean_link_delay()), (vec!["neighbor_delay_refused"], None));
    }
}

#[test]
fn a_link_that_takes_less_than_it_may_is_not_believed_and_one_that_takes_as_long_is() {
    // 5 us at least, where stamps and a turnaround of 10 us explain 1 us and 1 ns of the round trip.
    for (round_trip, is_believed) in [(8_998, false), (9_000, true), (10_000, true)] {
        let mut peer = new(PeerConfig { neighbor_delay_min: ns(5_000), ..config() });
        let (token, sequence_id) = ask(&mut peer, mono(0));
        let mut out = Vec::new();
        left(&mut peer, token, at(0), &mut out);
        let says = says(sequence_id, 500, 10_500, 10_000 + round_trip);
        says.resp(&mut peer, mono(1), &mut out);
        says.follow_up(&mut peer, mono(1), &mut out);
        let refused = counted(&out).contains(&"neighbor_delay_refused");
        assert_eq!((peer.mean_link_delay().is_some(), refused), (is_believed, !is_believed), "{round_trip} ns");
    }
}

#[test]
fn the_neighbours_rate_is_measured_and_taken_off_its_turnaround() {
    let mut peer = new(config());
    // It gains 100 ppm, and takes a tenth of a second to answer: 10 us of its own.
    let theirs = |ours: i64| ours + ours / 10_000;
    for second in 0..9 {
        let t1 = second * 1_000_000_000;
        let (t2, t3) = (theirs(t1 + 500), theirs(t1 + 100_000_500));
        exchange(&mut peer, mono(second * 1_000), [t1, t2, t3, t1 + 100_001_000]);
    }
    let rate = peer.neighbor_rate().unwrap();
    assert!((rate - FrequencyPpb::new(100_000.0)).abs() < FrequencyPpb::new(1.0), "{rate}");
    let delay = peer.mean_link_delay().unwrap();
    assert!((delay - ns(500)).abs() < ns(2), "{delay}");
}

#[test]
fn a_request_to_the_parent_is_a_message_to_its_clock_if_its_syncs_say_so() {
    let mut peer = new(config());
    assert_eq!(sync(&mut peer, -50_000, 1_000_500), None, "the delay is not known yet");
    // We are 1 ms behind.
    let backward = exchange(&mut peer, mono(0), [0, -999_400, -989_400, 11_100]).unwrap();
    assert_eq!((backward.sent.at, backward.received), (at(0), at(-999_400)));
    assert_eq!((backward.error, backward.correction), (Duration::ZERO, Duration::ZERO));
    assert_eq!(sync(&mut peer, 100_000_000, 1_000_500), None, "no need to turn a Sync round");
}

#[test]
fn the_correction_of_such_a_message_has_the_part_below_a_nanosecond_and_the_asymmetry() {
    let mut peer = new(PeerConfig { delay_asymmetry: ns(70), ..config() });
    sync(&mut peer, -50_000, 500);
    let mut out = Vec::new();
    let (token, sequence_id) = ask(&mut peer, mono(0));
    left(&mut peer, token, at(0), &mut out);
    let says = Says { corrections: [Duration::from_ticks(-9), ns(-70)], ..says(sequence_id, 600, 10_600, 11_100) };
    says.resp(&mut peer, mono(1), &mut out);
    let backward = says.follow_up(&mut peer, mono(1), &mut out).unwrap();
    assert_eq!(backward.correction, Duration::from_ticks(-9) - ns(70));
}

#[test]
fn stamps_that_are_not_of_the_parents_clock_are_found_out_and_syncs_turned_round_instead() {
    let mut peer = new(config());
    for second in 0..i64::from(FOREIGN_AFTER) {
        let t = second * 1_000_000_000;
        assert_eq!(sync(&mut peer, t, 550), None, "not yet known");
        // 30 ms ahead of what the Syncs say.
        let theirs = t + 30_000_000;
        let back = 11_100 + 100 * (second % 2);
        assert_eq!(exchange(&mut peer, mono(second * 1_000), [t, theirs + 600, theirs + 10_600, t + back]), None);
    }
    assert_eq!(sync(&mut peer, 9_000_000_000, 900), None, "a late one");
    let backward = sync(&mut peer, 9_100_000_000, 550).unwrap();
    // Round trips of 1,100 ns and 1,200 ns: 1,150 ns is their median.
    assert_eq!(backward.sent.at, at(9_100_000_000));
    assert!((backward.received - at(9_100_000_000 - 550 + 1_150)).abs() < ns(1), "{backward:?}");
    assert!((backward.error - ns(100)).abs() < ns(1), "what round trips differ by: {}", backward.error);
}

#[test]
fn stamps_that_no_link_explains_are_found_out_at_once() {
    let mut peer = new(config());
    for second in 0..5 {
        assert_eq!(sync(&mut peer, second * 1_000_000_000, 550), None);
    }
    for eighth in 0..4 {
        // 37 s ahead, as a clock of UTC that serves TAI.
        let t = 4_000_000_000 + eighth * 125_000_000;
        let theirs = t - 37_000_000_000;
        assert_eq!(exchange(&mut peer, mono(eighth * 125), [t, theirs + 600, theirs + 10_600, t + 11_100]), None);
        assert_eq!(peer.foreign, FOREIGN_AFTER);
    }
    assert!(sync(&mut peer, 5_000_000_000, 550).is_some());
}

#[test]
fn a_message_that_was_late_in_a_queue_is_no_other_clocks_on_a_link_that_must_be_short_either() {
    let mut peer = new(PeerConfig { neighbor_delay_max: ns(800), ..config() });
    for (second, late, foreign) in [(0, 30_000, 1), (1, 900_000, 2), (2, 0, 0), (3, 2_000_000, FOREIGN_AFTER)] {
        let t = second * 1_000_000_000;
        sync(&mut peer, t, 550);
        let theirs = t + late;
        exchange(&mut peer, mono(second * 1_000), [t, theirs + 600, theirs + 10_600, t + 11_100]);
        assert_eq!(peer.foreign, foreign, "{late} ns apart");
    }
}

/// A neighbour that is not the parent, and a round trip of 1,100 ns to it.
fn behind_another() -> PeerDelay {
    let mut peer = new(config());
    for second in 0..4 {
        let (token, sequence_id) = ask(&mut peer, mono(second * 1_000));
        let mut out = Vec::new();
        left(&mut peer, token, at(0), &mut out);
        let says = Says { source: STRANGER, ..says(sequence_id, 600, 10_600, 11_100) };
        says.resp(&mut peer, mono(second * 1_000), &mut out);
        assert_eq!(says.follow_up(&mut peer, mono(second * 1_000), &mut out), None);
    }
    peer
}

#[test]
fn of_another_neighbour_than_the_parent_syncs_are_turned_round_with_their_correction() {
    let mut peer = behind_another();
    let mut turned = None;
    for second in 0..5 {
        let received = stamp(at(second * 1_000_000_000));
        // A transparent clock on the way kept each for 5 us.
        let pair = SyncPair { sequence_id: 3, origin: received.at - ns(5_550), received, correction: ns(5_000) };
        turned = peer.synced(&pair, FOLLOWED.unwrap());
        assert_eq!(turned.is_some(), second == 4, "four are too few");
    }
    let backward = turned.unwrap();
    let received = at(4_000_000_000) - ns(5_550) + ns(1_100);
    assert_eq!((backward.received, backward.correction), (received, ns(-5_000)));
    assert_eq!(backward.error, Duration::ZERO);
}

#[test]
fn a_sync_that_is_late_is_not_turned_round_and_a_clock_that_runs_off_does_not_matter() {
    for ppm in [-100, 0, 100] {
        let mut peer = behind_another();
        // By 10 us more each tenth of a second at 100 ppm; each other Sync is late by up to 900 ns.
        let late = |n: i64| if n % 2 == 0 { 0 } else { 500 + 100 * (n % 5) };
        let turned = |n: &i64| sync(&mut peer, n * 100_000_000, 550 + late(*n) + n * 100 * ppm).is_some();
        let turned: Vec<i64> = (0..64).filter(turned).collect();
        assert!(turned.len() > 8 && turned.iter().all(|n| late(*n) == 0), "{ppm} ppm: {turned:?}");
    }
}

#[test]
fn another_parent_or_clock_begins_anew() {
    let mut peer = behind_another();
    for second in 0..5 {
        sync(&mut peer, second * 1_000_000_000, 550);
    }
    let received = stamp(at(5_000_000_000));
    let pair = SyncPair { sequence_id: 3, origin: received.at - ns(550), received, correction: Duration::ZERO };
    let other = Followed { epoch: ClockEpoch(2), ..FOLLOWED.unwrap() };
    assert_eq!(peer.synced(&pair, other), None);
    assert_eq!(peer.heard.unwrap().len, 1);
}

#[test]
fn a_step_of_our_clock_throws_halves_away_and_keeps_the_delay() {
    let mut peer = new(config());
    exchange(&mut peer, mono(0), [0, 600, 10_600, 11_100]);
    let (token, _) = ask(&mut peer, mono(200));
    let mut out = Vec::new();
    peer.flush(&mut out);
    assert_eq!(counted(&out), ["half_flushed"]);
    assert_eq!(peer.sent(token, Some(stamp(at(0))), FOLLOWED, &mut out), Departed::NotOurs);
    assert_eq!((peer.mean_link_delay(), peer.neighbor_rate()), (Some(ns(550)), None));
    assert_eq!(exchange(&mut peer, mono(400), [0, 600, 10_600, 11_100]), None, "no Sync since then");
}

#[test]
fn stamps_of_two_clocks_are_no_exchange() {
    let mut peer = new(config());
    let (token, sequence_id) = ask(&mut peer, mono(0));
    let mut out = Vec::new();
    let of_card = Stamp { clock: ClockId::Phc(0), ..stamp(at(0)) };
    peer.sent(token, Some(of_card), FOLLOWED, &mut out);
    let says = says(sequence_id, 600, 10_600, 11_100);
    says.resp(&mut peer, mono(1), &mut out);
    says.follow_up(&mut peer, mono(1), &mut out);
    assert_eq!((counted(&out), peer.mean_link_delay()), (vec!["half_flushed"], None));
}

#[test]
fn a_request_is_answered_at_once_and_completed_by_the_transmit_stamp() {
    let mut peer = new(PeerConfig { ingress_latency: ns(30), egress_latency: ns(50), ..config() });
    let mut request = sender(NEIGHBOR, 0).pdelay_req(0xabcd, ns(12)).header;
    request.message_length = 54;
    let mut out = Vec::new();
    peer.request(&request, Some(stamp(at(1_030)).into()), &mut 40, &mut out);
    let first = sent(&out);
    let [(bytes, Channel::Event, Some(token))] = &first[..] else { panic!("{out:?}") };
    let message = ptp::parse(bytes).unwrap();
    let Body::PdelayResp(body) = message.body else { panic!("{message:?}") };
    assert!(message.header.flags.two_step());
    assert_eq!((body.requesting_port_identity, message.header.sequence_id), (NEIGHBOR, 0xabcd));
    assert_eq!(body.request_receipt_timestamp.to_timestamp(), at(1_000));
    assert_eq!(message.header.correction_field.to_bits(), 0);

    let mut out = Vec::new();
    assert_eq!(peer.sent(*token, Some(stamp(at(9_950))), None, &mut out), Departed::Taken);
    let second = sent(&out);
    let [(bytes, Channel::General, None)] = &second[..] else { panic!("{out:?}") };
    let message = ptp::parse(bytes).unwrap();
    let Body::PdelayRespFollowUp(body) = message.body else { panic!("{message:?}") };
    assert_eq!((body.requesting_port_identity, message.header.sequence_id), (NEIGHBOR, 0xabcd));
    assert_eq!(body.response_origin_timestamp.to_timestamp(), at(10_000));
    assert_eq!(message.header.correction_field.to_duration(), Some(ns(-12)), "the request's");
    assert_eq!(peer.sent(*token, None, None, &mut out), Departed::NotOurs, "only once");

    let mut out = Vec::new();
    peer.request(&request, None, &mut 41, &mut out);
    assert_eq!(counted(&out), ["rx_stamp_missing"]);
    peer.request(&request, Some(stamp(at(0)).into()), &mut 41, &mut out);
    assert_eq!(peer.sent(TxToken(41), None, None, &mut out), Departed::Taken);
    assert_eq!(counted(&out), ["rx_stamp_missing", "tx_stamp_missing"]);
}

#[test]
fn an_answer_that_the_card_completes_awaits_no_stamp_and_is_followed_by_nothing() {
    let peer = new(PeerConfig { ingress_latency: ns(30), egress_latency: ns(50), one_step: true, ..config() });
    assert!(peer.answers_in_one_step() && !new(config()).answers_in_one_step());
    let request = sender(NEIGHBOR, 0).pdelay_req(0xabcd, ns(12)).header;
    let mut out = Vec::new();
    peer.answer_by_the_card(&request, &mut out);
    let [(bytes, Channel::Event, None)] = &sent(&out)[..] else { panic!("{out:?}") };
    let message = ptp::parse(bytes).unwrap();
    let Body::PdelayResp(body) = message.body else { panic!("{message:?}") };
    assert!(!message.header.flags.two_step());
    assert_eq!((body.requesting_port_identity, message.header.sequence_id), (NEIGHBOR, 0xabcd));
    assert_eq!(body.request_receipt_timestamp, WireTimestamp::ZERO);
    assert_eq!(message.header.correction_field.to_duration(), Some(ns(-12 + 80)), "the request's, and the latencies");
    // The card adds 10 us; who asked has 600 ns there and 500 ns back.
    let mut theirs = PeerDelay::new(config(), sender(NEIGHBOR, 0), 0xabcd);
    theirs.start(mono(0));
    let (token, _) = ask(&mut theirs, mono(0));
    left(&mut theirs, token, at(0), &mut out);
    let correction = message.header.correction_field.plus(ns(10_000 - 80 + 12)).to_duration().unwrap();
    theirs.resp(mono(1), (&message.header, correction), (&body, Some(stamp(at(11_100)))), None, &mut out);
    assert_eq!(theirs.mean_link_delay(), Some(ns(550)));
}

#[test]
fn a_flood_of_requests_fills_no_more_than_the_table() {
    let mut peer = new(config());
    let request = sender(NEIGHBOR, 0).pdelay_req(1, Duration::ZERO).header;
    let mut next = 0;
    let mut out = Vec::new();
    for _ in 0..PDELAY_ANSWERS_MAX + 5 {
        peer.request(&request, Some(stamp(at(0)).into()), &mut next, &mut out);
    }
    assert_eq!(counted(&out), ["tx_stamp_missing"; 5]);
}

/// Two of ours measure the link between them to the last tick, by either standard.
#[test]
fn what_is_below_a_nanosecond_is_not_lost_between_two_of_ours() {
    for sdo_id in [0, 0x100] {
        let mut ours = PeerDelay::new(config(), sender(US, sdo_id), 7);
        ours.start(mono(0));
        let mut theirs = PeerDelay::new(config(), sender(NEIGHBOR, sdo_id), 9);
        let ticks = |ns_part: i64, ticks: i128| at(ns_part) + Duration::from_ticks(ticks);
        let [t1, t2, t3, t4] = [ticks(0, 1_000), ticks(600, 40_000), ticks(10_600, 3), ticks(11_100, 65_535)];
        let mut out = Vec::new();
        ours.tick(mono(0), &mut 1, &mut out);
        let request = ptp::parse(&sent(&out)[0].0).unwrap().header;
        ours.sent(TxToken(1), Some(stamp(t1)), None, &mut out);

        let mut out = Vec::new();
        theirs.request(&request, Some(stamp(t2).into()), &mut 1, &mut out);
        theirs.sent(TxToken(1), Some(stamp(t3)), None, &mut out);
        let mut none = Vec::new();
        for (bytes, ..) in sent(&out) {
            let message = ptp::parse(&bytes).unwrap();
            let said = (&message.header, message.header.correction_field.to_duration().unwrap());
            match &message.body {
                Body::PdelayResp(body) => ours.resp(mono(1), said, (body, Some(stamp(t4))), None, &mut none),
                Body::PdelayRespFollowUp(body) => ours.resp_follow_up(mono(1), said, body, None, &mut none),
                other => panic!("{other:?}"),
            };
        }
        let round_trip = t4 - t1 - (t3 - t2);
        assert_eq!(ours.neighbor.unwrap().round_trips(), Some((round_trip, round_trip)), "sdoId {sdo_id:#x}");
    }
}
