use super::*;

fn at(millis: i64) -> Timestamp<Mono> {
    Timestamp::from_secs(50) + Duration::from_millis(millis)
}

fn reading(nanoseconds: u32) -> KernelTime {
    KernelTime { seconds: 7, nanoseconds }
}

/// Syncs every `every` milliseconds from `from` on, each with a receive stamp or not; the first verdict and its time.
fn syncs(judge: &mut Judge, from: i64, every: i64, stamped: &[bool]) -> Option<(i64, Verdict)> {
    for (n, has_stamp) in (0_i64..).zip(stamped) {
        judge.arrived(*has_stamp);
        if let Some(verdict) = judge.review(at(from + n * every)) {
            return Some((from + n * every, verdict));
        }
    }
    None
}

#[test]
fn a_filter_that_lies_is_found_out_by_the_first_sync() {
    let mut judge = Judge::default();
    let verdict = syncs(&mut judge, 0, 250, &[false; 5]);
    assert_eq!(verdict, Some((0, Verdict::Degrade(Missing::Receive))));
    assert!(judge.is_degraded());
}

#[test]
fn a_card_that_can_may_lose_some_stamps_and_a_burst_but_not_twelve_in_a_row_within_two_seconds() {
    let mut judge = Judge::default();
    let every_second = std::array::from_fn::<bool, 100, _>(|n| n % 2 == 0);
    assert_eq!(syncs(&mut judge, 0, 250, &every_second), None);
    let burst = |lost| std::array::from_fn::<bool, 20, _>(|n| n == 0 || n > lost);
    assert_eq!(syncs(&mut judge, 30_000, 250, &burst(11)), None, "2.75 s of 4 a second");
    assert_eq!(syncs(&mut judge, 36_000, 125, &burst(16)), None, "2 s of 8 a second");
    // At 128 a second twelve are gone in no time.
    let verdict = syncs(&mut judge, 40_000, 8, &[false; 2_000]);
    assert_eq!(verdict, Some((42_000, Verdict::Degrade(Missing::Receive))));
}

#[test]
fn a_card_that_stops_to_stamp_is_given_up_within_three_seconds_or_eight_where_messages_are_few() {
    for (every, until) in [(62, 2_046), (125, 2_000), (250, 2_750), (500, 5_500), (1_000, 8_000), (2_000, 14_000)] {
        let mut judge = Judge::default();
        judge.arrived(true);
        let verdict = syncs(&mut judge, 0, every, &[false; 99]);
        assert_eq!(verdict, Some((until, Verdict::Degrade(Missing::Receive))), "every {every} ms");

        let mut judge = Judge::default();
        judge.left();
        let verdict = (0..99).find_map(|n| {
            judge.sent(None);
            judge.review(at(n * every)).map(|verdict| (n * every, verdict))
        });
        assert_eq!(verdict, Some((until, Verdict::Degrade(Missing::Transmit))), "every {every} ms");
    }
}

#[test]
fn a_card_that_loses_three_stamps_in_ten_is_kept_for_hours() {
    let mut random = crate::engine::Random::seeded(1);
    let mut judge = Judge::default();
    judge.arrived(true);
    for message in 0..3 * 3_600 * 8_i64 {
        judge.arrived(random.unit() >= 0.3);
        assert_eq!(judge.review(at(message * 125)), None, "after {message} messages");
    }
}

#[test]
fn a_card_that_never_stamps_what_is_sent_is_degraded_after_three_requests_and_two_seconds() {
    let mut judge = Judge::default();
    for second in 0..2 {
        judge.sent(None);
        assert_eq!(judge.review(at(second * 1_000)), None);
    }
    judge.sent(None);
    assert_eq!(judge.review(at(2_000)), Some(Verdict::Degrade(Missing::Transmit)));

    let mut judge = Judge::default();
    for n in 0..16 {
        judge.sent(None);
        assert_eq!(judge.review(at(n * 125)), None, "many requests prove nothing in so short a time");
    }
}

#[test]
fn stamps_that_are_late_are_no_stamps_that_are_missing() {
    let mut judge = Judge::default();
    // Eight requests a second, each stamp 1.5 s late.
    for n in 0..200 {
        judge.sent(None);
        if n >= 12 {
            judge.left();
        }
        assert_eq!(judge.review(at(n * 125)), None);
    }
}

#[test]
fn after_its_time_and_four_stamps_each_way_the_card_is_believed_again_and_less_easily_each_time() {
    let mut judge = Judge::default();
    assert!(syncs(&mut judge, 500, 250, &[false; 3]).is_some());
    let good = |judge: &mut Judge| {
        for _ in 0..4 {
            judge.sent(None);
            judge.left();
            judge.arrived(true);
        }
    };
    good(&mut judge);
    assert_eq!(judge.review(at(2_400)), None, "too early");
    judge.arrived(false);
    assert_eq!(judge.review(at(2_600)), None, "not four in a row");
    good(&mut judge);
    assert_eq!(judge.review(at(2_600)), Some(Verdict::Restore));
    assert!(!judge.is_degraded());
    assert_eq!(syncs(&mut judge, 70_000, 1_000, &[false; 9]).map(|(at, _)| at), Some(78_000));
    good(&mut judge);
    assert_eq!(judge.review(at(81_000)), None, "twice as long");
    assert_eq!(judge.review(at(82_000)), Some(Verdict::Restore));
    good(&mut judge);
    assert_eq!(syncs(&mut judge, 700_000, 1_000, &[false; 9]).map(|(at, _)| at), Some(708_000));
    good(&mut judge);
    assert_eq!(judge.review(at(710_000)), Some(Verdict::Restore), "it was good for ten minutes");
}

fn address(number: u8) -> Address {
    Address::V4([192, 0, 2, number])
}

/// The first verdict on a card while a Sync goes to each of these each second, of whom the first is heard as often, for an hour.
fn serving(
    judge: &mut Judge,
    clients: &[u8],
    heard: &[u8],
    is_stamped: impl Fn(u8, i64) -> bool,
) -> Option<(i64, Verdict)> {
    (0..3_600).find_map(|second| {
        for client in clients {
            if heard.contains(client) {
                judge.heard(address(*client));
            }
            judge.sent(Some(address(*client)));
            if is_stamped(*client, second) {
                judge.left();
            }
        }
        judge.review(at(second * 1_000)).map(|verdict| (second, verdict))
    })
}

#[test]
fn a_client_that_cannot_be_reached_says_nothing_of_the_card() {
    assert_eq!(serving(&mut Judge::default(), &[1], &[], |_, _| false), None, "it asked, and has gone");
    // It has gone after a minute.
    let mut judge = Judge::default();
    assert_eq!(serving(&mut judge, &[1], &[1], |_, _| true), None);
    assert_eq!(serving(&mut judge, &[1], &[], |_, _| false), None);
    assert!(!judge.take_suspicion());
    // Beside one that is there.
    assert_eq!(serving(&mut judge, &[1, 2], &[2], |client, _| client == 2), None);
}

#[test]
fn a_card_that_stamps_nothing_for_clients_that_are_there_is_given_up_and_comes_back_without_any_sync() {
    let mut judge = Judge::default();
    let verdict = serving(&mut judge, &[1, 2], &[1], |_, _| false);
    assert_eq!(verdict, Some((2, Verdict::Degrade(Missing::Transmit))));
    let verdict = serving(&mut judge, &[1, 2], &[1], |_, second| second >= 60);
    assert_eq!(verdict, Some((61, Verdict::Restore)), "four stamps: nothing is owed of what arrives");
}

#[test]
fn late_and_lost_stamps_are_told_once_a_minute_each() {
    let mut complaints = Complaints::default();
    complaints.waited(at(0), Duration::from_millis(9));
    assert_eq!(complaints.take(), None);
    complaints.waited(at(10), Duration::from_millis(30));
    complaints.lost(at(20));
    complaints.waited(at(500), Duration::from_millis(40));
    assert_eq!(complaints.take(), Some(TxTrouble::Late(Duration::from_millis(30))));
    assert_eq!((complaints.take(), complaints.take()), (Some(TxTrouble::Lost), None));
    complaints.lost(at(60_010));
    complaints.waited(at(60_010), Duration::from_millis(200));
    assert_eq!(
        complaints.take().map(|trouble| trouble.to_string()).as_deref(),
        Some("a transmit stamp came 200 ms late; it is used all the same")
    );
    assert_eq!(complaints.take(), None);
}

#[test]
fn missing_stamps_make_suspicious_once_until_they_come_again() {
    let mut judge = Judge::default();
    judge.arrived(true);
    judge.arrived(false);
    assert!(!judge.take_suspicion());
    judge.arrived(false);
    assert!(judge.take_suspicion() && !judge.take_suspicion());
    judge.arrived(true);
    assert!(!judge.take_suspicion());
    for _ in 0..3 {
        judge.sent(None);
    }
    assert!(judge.take_suspicion());
}

#[test]
fn a_missing_hardware_stamp_is_never_replaced_by_a_software_stamp() {
    let mut stamps = Stamps::software();
    assert_eq!(stamps.pick(Some(reading(5)), Some(reading(8))).map(|stamp| stamp.clock), Some(ClockId::System));
    stamps.use_card(ClockId::Phc(3));
    assert_eq!(stamps.pick(Some(reading(5)), None), None);
    let stamp = stamps.pick(Some(reading(5)), Some(reading(8))).expect("a hardware stamp");
    assert_eq!((stamp.clock, stamp.source, stamp.at.nanos()), (ClockId::Phc(3), StampSource::Hardware, 7_000_000_008));
    let judge = stamps.judge().expect("a card");
    for n in 0..3 {
        judge.arrived(false);
        judge.review(at(n));
    }
    assert_eq!(stamps.clock(), ClockId::System);
    assert_eq!(stamps.pick(None, Some(reading(8))), None, "nor the other way round");
    assert_eq!(stamps.pick(Some(reading(5)), Some(reading(8))).map(|stamp| stamp.source), Some(StampSource::Kernel));
}

#[test]
fn the_step_of_a_clock_is_learned_from_its_readings() {
    let mut quantum = Quantum::default();
    assert_eq!(quantum.step(), Duration::from_nanos(40), "unknown yet");
    for n in 0..16 {
        quantum.learn(n * n * 8 + 123_456);
    }
    assert_eq!(quantum.step(), Duration::from_nanos(8));
    quantum.learn(12_345_679);
    assert_eq!(quantum.step(), Duration::from_nanos(1), "one reading off the grid, and it is none");
    let mut frozen = Quantum::default();
    (0..16).for_each(|_| frozen.learn(0));
    assert_eq!(frozen.step(), Duration::from_nanos(1), "whole seconds only: no divisor at all");
}

#[test]
fn a_coarse_clock_has_a_wider_error() {
    let mut stamps = Stamps::software();
    stamps.use_card(ClockId::Phc(0));
    let last = (0..40).filter_map(|n| stamps.pick(None, Some(reading(n * 80 + 16)))).last();
    assert_eq!(last.map(|stamp| stamp.error), Some(Duration::from_nanos(17)));
}
