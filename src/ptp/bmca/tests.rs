use super::*;
use crate::wire::ptp::ClockAccuracy;

fn port(clock: u8, port_number: u16) -> PortIdentity {
    PortIdentity { clock_identity: ClockIdentity([clock; 8]), port_number }
}

fn set() -> DataSet {
    DataSet {
        priority1: 128,
        grandmaster: ClockIdentity([0x50; 8]),
        quality: ClockQuality {
            clock_class: 248,
            clock_accuracy: ClockAccuracy(0x25),
            offset_scaled_log_variance: 0x4000,
        },
        priority2: 128,
        steps_removed: 1,
        sender: port(0x50, 1),
        receiver: port(0x70, 1),
        local_rank: LocalRank::None,
    }
}

/// Sets that differ in each thing that is compared, on either side of [`set`], and a few combinations.
fn table() -> Vec<DataSet> {
    let mut table = vec![set()];
    let mut add = |change: &dyn Fn(&mut DataSet)| {
        let mut changed = set();
        change(&mut changed);
        table.push(changed);
    };
    for value in [0, 127, 129, 255] {
        add(&|d| d.priority1 = value);
        add(&|d| (d.priority1, d.grandmaster) = (value, ClockIdentity([0x52, value, 0, 0, 0, 0, 0, 0])));
        add(&|d| (d.priority2, d.grandmaster) = (value, ClockIdentity([0x51, value, 0, 0, 0, 0, 0, 0])));
        add(&|d| (d.quality.clock_class, d.grandmaster) = (value, ClockIdentity([0x4f, value, 0, 0, 0, 0, 0, 0])));
    }
    add(&|d| (d.quality.clock_accuracy, d.grandmaster) = (ClockAccuracy(0x20), ClockIdentity([0x60; 8])));
    add(&|d| (d.quality.offset_scaled_log_variance, d.grandmaster) = (0x3fff, ClockIdentity([0x61; 8])));
    for clock in [0x00, 0x7f, 0x80, 0xff] {
        add(&|d| d.grandmaster = ClockIdentity([clock; 8]));
        for steps in [0, 1, 2, 3, 254] {
            for sender_port in [1, 2] {
                add(&|d| (d.steps_removed, d.sender) = (steps, port(clock, sender_port)));
            }
        }
    }
    for receiver_port in [2, 3] {
        add(&|d| d.receiver = port(0x70, receiver_port));
    }
    table
}

/// The same as they are compared by G.8275, with and without traceable classes.
fn table_of_g8275() -> Vec<DataSet> {
    let by = |local_priority| move |set| DataSet { local_rank: LocalRank::G8275(local_priority), ..set };
    let mut table: Vec<_> = table().into_iter().flat_map(|set| [by(128)(set), by(127)(set)]).collect();
    let traceable = table.clone().into_iter().map(|mut set| {
        set.quality.clock_class = 6;
        set
    });
    table.extend(traceable.collect::<Vec<_>>());
    table
}

#[test]
fn the_comparison_is_antisymmetric_over_all_pairs() {
    for table in [table(), table_of_g8275()] {
        for a in &table {
            for b in &table {
                assert_eq!(compare(a, b), compare(b, a).reversed(), "{a:?} {b:?}");
                if a == b {
                    assert_eq!(compare(a, b), Comparison::Same);
                }
            }
        }
    }
}

fn telecom(clock_class: u8, grandmaster: u8) -> DataSet {
    let quality = ClockQuality { clock_class, ..set().quality };
    DataSet { quality, grandmaster: ClockIdentity([grandmaster; 8]), local_rank: LocalRank::G8275(128), ..set() }
}

#[test]
fn by_g8275_class_accuracy_variance_priority2_local_priority_and_identity_decide_in_this_order_and_priority1_never() {
    type Change = fn(&mut DataSet);
    let worse: [Change; 6] = [
        |d| d.quality.clock_class += 1,
        |d| d.quality.clock_accuracy.0 += 1,
        |d| d.quality.offset_scaled_log_variance += 1,
        |d| d.priority2 += 1,
        |d| d.local_rank = LocalRank::G8275(129),
        |d| d.grandmaster.0[7] += 2,
    ];
    for (place, change) in worse.iter().enumerate() {
        let (mut a, mut b) = (telecom(248, 0x50), telecom(248, 0x50));
        (b.grandmaster.0[7], b.steps_removed, b.priority1) = (b.grandmaster.0[7] + 1, 0, 0);
        change(&mut b);
        worse[place + 1..].iter().for_each(|change| change(&mut a));
        assert_eq!(compare(&a, &b), Comparison::Better, "{place}");
    }
}

#[test]
fn by_g8275_traceable_grandmasters_that_are_equal_are_compared_by_the_way_and_others_by_identity() {
    let near = |clock_class| DataSet { steps_removed: 1, ..telecom(clock_class, 0x51) };
    let far = |clock_class| DataSet { steps_removed: 3, ..telecom(clock_class, 0x50) };
    assert_eq!(compare(&near(6), &far(6)), Comparison::Better, "any of class 6 will do");
    assert_eq!(compare(&near(127), &far(127)), Comparison::Better);
    assert_eq!(compare(&near(128), &far(128)), Comparison::Worse, "the identity before the way");
    let same = |steps_removed| DataSet { steps_removed, ..telecom(248, 0x50) };
    assert_eq!(compare(&same(1), &same(3)), Comparison::Better, "of one grandmaster the nearer");
}

#[test]
fn by_g8265_1_the_level_decides_then_the_place_in_the_table_and_nothing_else() {
    let of = |clock_class, place| DataSet { local_rank: LocalRank::G8265(place), ..telecom(clock_class, 0x50) };
    assert_eq!(compare(&of(84, 7), &of(90, 0)), Comparison::Better);
    assert_eq!(compare(&of(84, 0), &of(84, 1)), Comparison::Better);
    let mut ahead = DataSet { priority1: 0, priority2: 0, steps_removed: 0, ..of(84, 1) };
    (ahead.quality.clock_accuracy, ahead.quality.offset_scaled_log_variance) = (ClockAccuracy(0x20), 0);
    assert_eq!(compare(&of(84, 0), &ahead), Comparison::Better);
    assert_eq!(compare(&ahead, &of(84, 0)), Comparison::Worse);
}

#[test]
fn the_comparison_is_transitive_over_all_triples() {
    // One grandmaster has one set of properties: a table in which the same one is told of in two ways has no order.
    let consistent: Vec<DataSet> =
        table().into_iter().filter(|d| d.grandmaster != set().grandmaster || d.priority1 == 128).collect();
    assert!(consistent.len() > 40);
    for a in &consistent {
        for b in &consistent {
            for c in &consistent {
                if compare(a, b).is_better() && compare(b, c).is_better() {
                    assert!(compare(a, c).is_better(), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

#[test]
fn different_grandmasters_compare_by_priority1_class_accuracy_variance_priority2_identity_in_this_order() {
    type Change = fn(&mut DataSet);
    let worse: [Change; 6] = [
        |d| d.priority1 += 1,
        |d| d.quality.clock_class += 1,
        |d| d.quality.clock_accuracy.0 += 1,
        |d| d.quality.offset_scaled_log_variance += 1,
        |d| d.priority2 += 1,
        |d| d.grandmaster.0[7] += 2,
    ];
    // Worse in one thing, better in everything that is asked after it.
    for (place, change) in worse.iter().enumerate() {
        let (a, mut b) = (set(), set());
        b.grandmaster.0[7] += 1;
        b.steps_removed = 0;
        change(&mut b);
        let mut a = DataSet { steps_removed: 9, ..a };
        worse[place + 1..].iter().for_each(|change| change(&mut a));
        assert_eq!(compare(&a, &b), Comparison::Better, "{place}");
        assert_eq!(compare(&b, &a), Comparison::Worse, "{place}");
    }
}

#[test]
fn one_grandmaster_is_compared_by_its_ways_before_anything_else() {
    let near = DataSet { priority1: 255, steps_removed: 0, ..set() };
    let far = DataSet { priority1: 0, steps_removed: 2, ..set() };
    assert_eq!(compare(&near, &far), Comparison::Better);
}

#[test]
fn steps_removed_that_differ_by_more_than_one_decide() {
    let near = DataSet { steps_removed: 1, sender: port(0xff, 9), ..set() };
    let far = DataSet { steps_removed: 3, sender: port(0x00, 1), ..set() };
    assert_eq!(compare(&near, &far), Comparison::Better);
    assert_eq!(compare(&far, &near), Comparison::Worse);
}

#[test]
fn steps_removed_that_differ_by_one_compare_receiver_and_sender_of_the_farther_one() {
    let near = set();
    let far = |sender| DataSet { steps_removed: 2, sender, receiver: port(0x70, 1), ..set() };
    assert_eq!(compare(&near, &far(port(0x71, 1))), Comparison::Better, "receiver < sender");
    assert_eq!(compare(&near, &far(port(0x6f, 1))), Comparison::BetterByTopology, "receiver > sender");
    assert_eq!(compare(&far(port(0x6f, 1)), &near), Comparison::WorseByTopology);
    assert_eq!(compare(&near, &far(port(0x70, 1))), Comparison::FromSelf, "error-1");
    assert_eq!(compare(&far(port(0x70, 1)), &near), Comparison::FromSelf);
}

#[test]
fn equal_steps_compare_the_whole_port_identity_of_the_senders_and_then_the_receiving_port() {
    let way = |sender, receiver| DataSet { sender, receiver: port(0x70, receiver), ..set() };
    let a = way(port(0x50, 1), 2);
    assert_eq!(compare(&a, &way(port(0x51, 1), 1)), Comparison::BetterByTopology, "clock of the sender");
    assert_eq!(compare(&a, &way(port(0x50, 2), 1)), Comparison::BetterByTopology, "port of the sender");
    assert_eq!(compare(&a, &way(port(0x50, 1), 1)), Comparison::WorseByTopology, "port of the receiver");
    assert_eq!(compare(&a, &a), Comparison::Same, "error-2");
}

#[test]
fn identities_compare_as_unsigned_octets() {
    let low = DataSet { grandmaster: ClockIdentity([0x7f; 8]), ..set() };
    let high = DataSet { grandmaster: ClockIdentity([0x80; 8]), ..set() };
    assert_eq!(compare(&low, &high), Comparison::Better);
}
