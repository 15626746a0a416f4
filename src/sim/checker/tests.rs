//! Each rule is broken once, so that it is seen that it can be.

use super::*;
use crate::sharing::{PHC_LINES_MAX, PhcLine};
use crate::sim::LOCAL_EPOCH;

const NOW: Timestamp<Mono> = Timestamp::from_secs(100);
const NODE: NodeId = NodeId(1);

/// A clock that is LOCKED, right to the tick, with a bound of 1 us.
fn good() -> TimeSnapshot {
    let mut snapshot = TimeSnapshot::unsynchronised(NOW);
    snapshot.state = SyncState::Locked;
    snapshot.leap = LeapIndicator::NoWarning;
    snapshot.stratum = 1;
    snapshot.is_bounded = true;
    snapshot.parts.path = Duration::from_micros(1);
    (snapshot.anchor_local, snapshot.anchor_utc) = (LOCAL_EPOCH, LOCAL_EPOCH.read_as());
    (snapshot.last_sample, snapshot.lock_time) = (Some(NOW), Some(Duration::SECOND));
    snapshot
}

fn look(published: &TimeSnapshot) -> Look<'_> {
    Look {
        now: NOW,
        mono: NOW,
        truth: LOCAL_EPOCH.read_as(),
        judges: Judges::EXACT,
        local: LOCAL_EPOCH,
        published,
        reading: LOCAL_EPOCH,
        rate: STILL,
        phcs: None,
        tables: [("ring", 3, 4); 3],
    }
}

const STILL: Rate = Rate {
    in_force: FrequencyPpb::ZERO,
    told: Some(FrequencyPpb::ZERO),
    quantum: FrequencyPpb::ZERO,
    max: FrequencyPpb::new(500_000.0),
};

fn found(look: &Look<'_>, watch: &mut Watch) -> Option<Violation> {
    let mut checker = Checker::default();
    checker.check(NODE, look, watch);
    assert_eq!(checker.first().is_some(), checker.violations() > 0);
    checker.first().map(|(_, _, violation)| violation)
}

#[test]
fn a_good_clock_breaks_no_rule() {
    assert_eq!(found(&look(&good()), &mut Watch::default()), None);
}

#[test]
fn a_truth_outside_the_bound_is_found() {
    let mut snapshot = good();
    snapshot.anchor_utc = snapshot.anchor_utc + Duration::from_micros(2);
    let look = Look { reading: LOCAL_EPOCH + Duration::from_micros(2), ..look(&snapshot) };
    let (error, bound) = (Duration::from_micros(2), Duration::from_micros(1));
    assert_eq!(found(&look, &mut Watch::default()), Some(Violation::Bound { error, bound }));

    let wrong_master = Judges {
        errors: [Duration::from_micros(3), Duration::from_micros(3), Duration::ZERO, Duration::from_micros(3)],
        is_leaping: false,
    };
    assert_eq!(
        found(&Look { judges: wrong_master, ..look }, &mut Watch::default()),
        None,
        "on its way from one to the other"
    );
    let wrong_master =
        Judges { errors: [Duration::from_micros(-3), Duration::ZERO, Duration::ZERO, Duration::ZERO], ..wrong_master };
    let violation = Some(Violation::Bound { error, bound });
    assert_eq!(found(&Look { judges: wrong_master, ..look }, &mut Watch::default()), violation, "beyond both");
}

#[test]
fn a_clock_that_was_set_is_excused_for_as_long_as_it_takes_to_see_it() {
    let mut snapshot = good();
    snapshot.anchor_utc = snapshot.anchor_utc + Duration::SECOND;
    let mut watch = Watch::default();
    watch.excuse(NOW, NOTICE);
    assert_eq!(found(&look(&snapshot), &mut watch), None);
    let later = Look { now: NOW + NOTICE + Duration::from_nanos(1), ..look(&snapshot) };
    assert!(matches!(found(&later, &mut watch), Some(Violation::Bound { .. })));
}

#[test]
fn a_second_more_or_less_is_right_at_a_leap_second_only() {
    let mut snapshot = good();
    snapshot.anchor_utc = snapshot.anchor_utc - Duration::SECOND;
    snapshot.anchor_mono = NOW - Duration::SECOND;
    let leaping = Judges { is_leaping: true, ..Judges::EXACT };
    assert_eq!(found(&Look { judges: leaping, ..look(&snapshot) }, &mut Watch::default()), None);
    assert!(matches!(found(&look(&snapshot), &mut Watch::default()), Some(Violation::Bound { .. })));
}

/// A card's line that reads the truth, to within 300 ns.
fn phc_line() -> PhcLine {
    PhcLine {
        anchor: LOCAL_EPOCH,
        utc: LOCAL_EPOCH.read_as(),
        rate: FrequencyPpb::ZERO,
        bound: Duration::from_nanos(300),
        drift_rate: FrequencyPpb::ZERO,
        since: LOCAL_EPOCH - Duration::from_secs(50),
    }
}

#[test]
fn a_phc_whose_line_lies_is_found() {
    let snapshot = good();
    let mut lines = PhcLines::default();
    lines.0[2] = Some(phc_line());
    let mut readings = [None; PHC_LINES_MAX];
    let at = |nanos: i64| Some(LOCAL_EPOCH + Duration::from_nanos(nanos));
    for (reading, is_right) in [(at(300), true), (at(301), false), (at(-301), false), (None, true)] {
        readings[2] = reading.map(|reading| (reading, STILL));
        let look = Look { phcs: Some((&lines, &readings)), ..look(&snapshot) };
        let found = found(&look, &mut Watch::default());
        assert_eq!(found.is_none(), is_right, "{found:?}");
        assert!(is_right || matches!(found, Some(Violation::PhcBound { index: 2, .. })));
    }
}

#[test]
fn served_time_that_goes_back_is_found_unless_a_step_is_announced() {
    let (snapshot, mut watch) = (good(), Watch::default());
    assert_eq!(found(&look(&snapshot), &mut watch), None);
    let mut back = snapshot;
    back.anchor_utc = back.anchor_utc - Duration::from_nanos(100);
    back.anchor_mono = NOW - Duration::SECOND;
    let mut again = watch;
    assert_eq!(found(&look(&back), &mut again), Some(Violation::Backwards(Duration::from_nanos(100))));
    back.epoch = back.epoch.next();
    assert_eq!(found(&look(&back), &mut watch), None);
}

#[test]
fn a_snapshot_that_is_not_the_clock_is_found() {
    let mut snapshot = good();
    snapshot.anchor_mono = NOW;
    let off = Duration::from_nanos(5);
    let look = Look { reading: LOCAL_EPOCH - off, ..look(&snapshot) };
    assert_eq!(found(&look, &mut Watch::default()), Some(Violation::Line(off)));
}

#[test]
fn a_frequency_that_is_no_number_too_great_or_not_the_one_that_is_told_is_found() {
    let ppb = FrequencyPpb::new;
    let rows = [
        (f64::NAN, Some(f64::NAN), true),
        (500_001.0, Some(500_001.0), true),
        (-500_001.0, Some(-500_001.0), true),
        (1.0, Some(2.0), true),
        (500_001.0, None, true),
        (8.0, Some(15.9), false),
        (8.0, Some(16.1), true),
        (7.0, None, false),
    ];
    for (in_force, told, is_wrong) in rows {
        let (snapshot, quantum) = (good(), if told == Some(2.0) { ppb(0.0) } else { ppb(8.0) });
        let rate = Rate { in_force: ppb(in_force), told: told.map(ppb), quantum, ..STILL };
        let is_found = |look: &Look<'_>| matches!(found(look, &mut Watch::default()), Some(Violation::Frequency(_)));
        assert_eq!(is_found(&Look { rate, ..look(&snapshot) }), is_wrong, "{in_force} of {told:?}");
        let mut phcs = [None; PHC_LINES_MAX];
        phcs[1] = Some((LOCAL_EPOCH, rate));
        let lines = PhcLines::default();
        let of_a_card = Look { phcs: Some((&lines, &phcs)), ..look(&snapshot) };
        assert_eq!(is_found(&of_a_card), is_wrong, "of a card, {in_force} of {told:?}");
    }
}

#[test]
fn a_machine_that_stood_still_is_excused_until_a_message_tells_and_a_moment_longer() {
    let mut snapshot = good();
    snapshot.anchor_utc = snapshot.anchor_utc - Duration::SECOND;
    let mut watch = Watch::default();
    watch.excuse_until_message(NOW);
    let hours_later = NOW + Duration::from_secs(7_200);
    let at = |now| Look { now, ..look(&snapshot) };
    assert_eq!(found(&at(hours_later), &mut watch), None);
    watch.message(hours_later, NOTICE);
    assert_eq!(found(&at(hours_later + NOTICE), &mut watch), None);
    watch.message(hours_later + NOTICE, NOTICE);
    let late = hours_later + NOTICE + Duration::from_nanos(1);
    assert!(matches!(found(&at(late), &mut watch), Some(Violation::Bound { .. })), "a second message excuses nothing");
}

#[test]
fn who_follows_a_server_without_a_source_says_its_stratum_and_vouches_for_nothing() {
    let resort = TimeSnapshot {
        state: SyncState::Freerun,
        leap: LeapIndicator::Unknown,
        stratum: ORPHAN_STRATUM + 1,
        is_bounded: false,
        ..good()
    };
    assert_eq!(found(&look(&resort), &mut Watch::default()), None);
    for wrong in [
        TimeSnapshot { stratum: 2, ..resort },
        TimeSnapshot { leap: LeapIndicator::NoWarning, ..resort },
        TimeSnapshot { is_bounded: true, ..resort },
    ] {
        assert!(matches!(found(&look(&wrong), &mut Watch::default()), Some(Violation::Serving(_))), "{wrong:?}");
    }
}

#[test]
fn how_long_wrong_time_was_served_as_right_is_measured_while_it_is_excused() {
    let (right, mut wrong, mut unknown, mut watch) = (good(), good(), good(), Watch::default());
    wrong.anchor_utc = wrong.anchor_utc - Duration::SECOND;
    (unknown.is_bounded, unknown.stratum, unknown.state) = (false, 16, SyncState::Disrupted);
    unknown.leap = LeapIndicator::Unknown;
    assert_eq!(watch.unnoticed(), None);
    assert_eq!(watch.disturb(NOW + Duration::SECOND), None);
    watch.excuse(NOW, Duration::from_secs(60));
    let mut at = |millis, published| {
        let now = NOW + Duration::from_millis(millis);
        assert_eq!(found(&Look { now, ..look(published) }, &mut watch), None);
        watch.unnoticed().unwrap().1
    };
    assert_eq!(at(500, &wrong), Duration::ZERO, "the pause still lasts");
    assert_eq!(at(1_200, &wrong), Duration::from_millis(200));
    // It was wrong until this look, as far as is known.
    assert_eq!(at(1_300, &unknown), Duration::from_millis(300));
    assert_eq!(at(1_400, &unknown), Duration::from_millis(300));
    assert_eq!(at(2_000, &wrong), Duration::SECOND, "wrong again");
    assert_eq!(at(2_100, &right), Duration::from_millis(1_100));
    assert_eq!(at(9_000, &right), Duration::from_millis(1_100));
    let before = (NOW + Duration::SECOND, Duration::from_millis(1_100));
    assert_eq!(watch.disturb(NOW + Duration::from_secs(10)), Some(before));
}

#[test]
fn a_card_that_was_reset_while_the_machine_stood_still_or_just_before_tells_nothing_of_it() {
    let mut snapshot = good();
    snapshot.anchor_utc = snapshot.anchor_utc - Duration::SECOND;
    let later = NOW + Duration::from_secs(60);
    let at = |now| Look { now, ..look(&snapshot) };
    for (reset, paused, is_lost) in [
        (NOW, NOW - Duration::SECOND, true),
        (NOW - Duration::SECOND, NOW, true),
        (NOW, NOW + Duration::from_secs(2), false),
    ] {
        let mut watch = Watch::default();
        if reset <= paused {
            watch.excuse_phc(reset, NOTICE);
            watch.excuse_until_message(paused);
        } else {
            watch.excuse_until_message(paused);
            watch.excuse_phc(reset, NOTICE);
        }
        watch.message(later, NOTICE);
        let is_excused = |watch: &mut Watch, after| found(&at(later + after), watch).is_none();
        assert!(is_excused(&mut watch, NOTICE));
        assert_eq!(is_excused(&mut watch, GRACE), is_lost);
        assert!(!is_excused(&mut watch, GRACE + Duration::from_nanos(1)));
    }
}

#[test]
fn a_stratum_without_valid_time_is_found() {
    let spoil: [fn(&mut TimeSnapshot); 5] = [
        |snapshot| snapshot.state = SyncState::Freerun,
        |snapshot| snapshot.is_bounded = false,
        |snapshot| snapshot.leap = LeapIndicator::Unknown,
        |snapshot| snapshot.stratum = 16,
        |snapshot| snapshot.last_sample = None,
    ];
    for (index, spoil) in spoil.into_iter().enumerate() {
        let mut snapshot = good();
        spoil(&mut snapshot);
        assert!(matches!(found(&look(&snapshot), &mut Watch::default()), Some(Violation::Serving(_))), "{index}");
    }
}

/// Every kind of violation, by an exhaustive match: a new rule does not compile before it is in the list, and the test below
/// fails before it is broken.
const fn place(violation: &Violation) -> usize {
    match violation {
        Violation::Bound { .. } => 0,
        Violation::PhcBound { .. } => 1,
        Violation::Backwards(_) => 2,
        Violation::Line(_) => 3,
        Violation::Frequency(_) => 4,
        Violation::Serving(_) => 5,
        Violation::Table(..) => 6,
        Violation::Stranger(_) => 7,
    }
}
const RULES: usize = 8;

#[test]
fn a_look_that_is_wrong_in_one_thing_breaks_that_rule_and_no_other() {
    let right = good();
    let mut broken = [false; RULES];
    let mut breaks = |look: &Look<'_>, watch: &mut Watch| {
        let mut checker = Checker::default();
        checker.check(NODE, look, watch);
        assert_eq!(checker.violations(), 1, "{:?}", checker.first());
        let (at, node, violation) = checker.first().expect("it is kept");
        assert_eq!((at, node), (look.now, NODE));
        assert!(!std::mem::replace(&mut broken[place(&violation)], true), "{violation:?} twice");
    };
    let earlier = TimeSnapshot { anchor_mono: NOW - Duration::SECOND, ..right };
    let off = |by: i64| TimeSnapshot { anchor_utc: right.anchor_utc + Duration::from_nanos(by), ..earlier };
    let (outside, back, line, serving) = (off(1_001), off(-100), off(5), TimeSnapshot { stratum: 16, ..right });
    breaks(&look(&outside), &mut Watch::default());
    let mut watch = Watch::default();
    assert_eq!(found(&look(&right), &mut watch), None);
    breaks(&look(&back), &mut watch);
    let line = TimeSnapshot { anchor_mono: NOW, ..line };
    breaks(&look(&line), &mut Watch::default());
    breaks(&Look { rate: Rate { told: Some(FrequencyPpb::new(1.0)), ..STILL }, ..look(&right) }, &mut Watch::default());
    breaks(&look(&serving), &mut Watch::default());
    breaks(&Look { tables: [("ring", 5, 4); 3], ..look(&right) }, &mut Watch::default());
    let mut lines = PhcLines::default();
    lines.0[0] = Some(phc_line());
    let mut readings = [None; PHC_LINES_MAX];
    readings[0] = Some((LOCAL_EPOCH + Duration::from_nanos(301), STILL));
    breaks(&Look { phcs: Some((&lines, &readings)), ..look(&right) }, &mut Watch::default());
    // The last one is not looked for by a look, but at each effect of a port: see `sim::world`.
    assert_eq!(broken.iter().filter(|is_broken| !**is_broken).count(), 1, "{broken:?}");
    assert!(!broken[place(&Violation::Stranger(None))]);
}

#[test]
fn a_table_beyond_its_limit_is_found() {
    let snapshot = good();
    let look = Look { tables: [("ring", 4, 4), ("effects", 17, 16), ("masters", 0, 8)], ..look(&snapshot) };
    assert_eq!(found(&look, &mut Watch::default()), Some(Violation::Table("effects", 17)));
}
