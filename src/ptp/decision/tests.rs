use super::*;
use crate::ptp::{LocalRank, TimeProperties};
use crate::time::{LeapIndicator, Timestamp};
use crate::wire::ptp::TimeSource;

const TIME: TimeProperties = TimeProperties {
    current_utc_offset: None,
    leap: LeapIndicator::NoWarning,
    ptp_timescale: true,
    time_traceable: false,
    frequency_traceable: false,
    time_source: TimeSource::OTHER,
};

fn port(clock: u8, port_number: u16) -> PortIdentity {
    PortIdentity { clock_identity: ClockIdentity([clock; 8]), port_number }
}

fn quality(clock_class: u8) -> ClockQuality {
    ClockQuality { clock_class, clock_accuracy: ClockAccuracy(0x25), offset_scaled_log_variance: 0x4000 }
}

/// Our clock, 0x50, of this class and priority1.
pub(in crate::ptp) fn own(priority1: u8, clock_class: u8) -> Announcement {
    Announcement {
        grandmaster: ClockIdentity([0x50; 8]),
        priority1,
        quality: quality(clock_class),
        priority2: 128,
        steps_removed: 0,
        time_properties: TIME,
        synchronization_uncertain: false,
    }
}

/// What our port hears of grandmaster `grandmaster` through the clock `sender`.
fn heard(at: u16, priority1: u8, grandmaster: u8, steps_removed: u16, sender: u8) -> DataSet {
    DataSet {
        priority1,
        grandmaster: ClockIdentity([grandmaster; 8]),
        quality: quality(248),
        priority2: 128,
        steps_removed,
        sender: port(sender, 1),
        receiver: port(0x50, at),
        local_rank: LocalRank::None,
    }
}

fn view(number: u16, role: Role, heard: Option<DataSet>) -> PortView {
    PortView {
        identity: port(0x50, number),
        domain: (0, 0),
        role,
        comparison: ComparisonRule::Ieee1588,
        heard,
        parent: None,
        steers: false,
        counts_tai: true,
        forwarded: Forwarded::NONE,
    }
}

fn follows(mut view: PortView) -> PortView {
    if let Some(heard) = view.heard {
        view.parent = Some(ParentInfo {
            port: heard.sender,
            grandmaster: heard.grandmaster,
            quality: heard.quality,
            priority1: heard.priority1,
            priority2: heard.priority2,
            steps_removed: heard.steps_removed + 1,
            time_properties: TIME,
            synchronization_uncertain: false,
            selected_at: Timestamp::EPOCH,
        });
        view.steers = true;
    }
    view
}

fn decisions(own: &Announcement, has_time: bool, ports: &[PortView]) -> Vec<Decision> {
    let all: Vec<_> = ports.iter().copied().map(Some).collect();
    ports.iter().map(|of| decide_for(of, &all, own, has_time)).collect()
}

fn recommended(own: &Announcement, ports: &[PortView]) -> Vec<Recommendation> {
    decisions(own, true, ports).iter().map(|decision| decision.recommendation).collect()
}

use MasterBy::{M1, M2, M3};
use Recommendation::{Master, Passive, Silent, Slave};

#[test]
fn a_clock_better_than_all_that_it_hears_is_grandmaster_on_every_port() {
    let ports = [view(1, Role::Auto, Some(heard(1, 128, 0x60, 0, 0x60))), view(2, Role::Auto, None)];
    let all = decisions(&own(10, 248), true, &ports);
    for decision in &all {
        assert_eq!(decision.recommendation, Master(M2));
        assert_eq!(decision.announcement, own(10, 248), "it announces itself");
        assert_eq!(decision.qualification_intervals(), 0, "there is nothing to wait for (9.2.6.11)");
    }
}

#[test]
fn the_port_that_hears_the_best_master_is_slave_and_the_others_hand_its_time_on() {
    let ports = [
        follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 2, 0x61)))),
        view(2, Role::Auto, None),
        view(3, Role::Auto, Some(heard(3, 20, 0x62, 0, 0x62))),
    ];
    assert_eq!(recommended(&own(128, 248), &ports), [Slave, Master(M3), Master(M3)]);
    let handed_on = decisions(&own(128, 248), true, &ports)[1];
    assert!(handed_on.counts_tai);
    assert_eq!(handed_on.announcement.grandmaster, ClockIdentity([0x60; 8]));
    assert_eq!((handed_on.announcement.priority1, handed_on.announcement.steps_removed), (10, 3));
    assert_eq!(handed_on.qualification_intervals(), 4, "one more than there are clocks before it");
}

#[test]
fn a_second_way_to_the_same_grandmaster_is_passive_only_by_topology() {
    // Both ports hear the same master on one link.
    let same_link = [
        follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60)))),
        view(2, Role::Auto, Some(heard(2, 10, 0x60, 0, 0x60))),
    ];
    assert_eq!(recommended(&own(128, 248), &same_link), [Slave, Passive]);
    // One step farther, by a clock that has its time from elsewhere: its sender's identity is the higher one.
    let from_elsewhere = [
        follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60)))),
        view(2, Role::Auto, Some(heard(2, 10, 0x60, 1, 0x40))),
    ];
    assert_eq!(recommended(&own(128, 248), &from_elsewhere), [Slave, Passive]);
    // Two steps farther: whoever is there is better served by us.
    let far = [
        follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60)))),
        view(2, Role::Auto, Some(heard(2, 10, 0x60, 2, 0x61))),
    ];
    assert_eq!(recommended(&own(128, 248), &far), [Slave, Master(M3)]);
}

#[test]
fn a_clock_of_class_127_and_below_never_becomes_a_slave() {
    for class in [6, 7, 127] {
        let mut better = heard(1, 10, 0x60, 0, 0x60);
        better.quality = quality(6);
        let ports = [view(1, Role::Auto, Some(better)), view(2, Role::Auto, None)];
        assert_eq!(recommended(&own(128, class), &ports), [Passive, Master(M1)], "class {class}");
    }
    let ports = [view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60))), view(2, Role::Auto, None)];
    assert_eq!(recommended(&own(128, 128), &ports), [Slave, Master(M3)], "class 128 does");
}

#[test]
fn a_clock_without_time_follows_whoever_there_is_and_serves_nothing() {
    // By its priorities it would be the best.
    let ports = [view(1, Role::Auto, Some(heard(1, 128, 0x60, 0, 0x60))), view(2, Role::Auto, None)];
    let all: Vec<_> = decisions(&own(1, 6), false, &ports).iter().map(|decision| decision.recommendation).collect();
    assert_eq!(all, [Slave, Silent]);
    let alone = [view(1, Role::Master, None)];
    assert_eq!(decisions(&own(1, 248), false, &alone)[0].recommendation, Silent);
    assert_eq!(decisions(&own(1, 248), true, &alone)[0].recommendation, Master(M2));
}

#[test]
fn fixed_roles_need_no_comparison() {
    // The parent is worse than we are, and is followed all the same: the configuration says so.
    let ports = [follows(view(1, Role::Slave, Some(heard(1, 200, 0x60, 0, 0x60)))), view(2, Role::Master, None)];
    let all = decisions(&own(10, 248), true, &ports);
    assert_eq!(all[1].recommendation, Master(M3));
    assert_eq!(all[1].announcement.grandmaster, ClockIdentity([0x60; 8]));
    // A master hears nobody.
    let ports = [view(1, Role::Master, Some(heard(1, 1, 0x60, 0, 0x60)))];
    assert_eq!(recommended(&own(128, 248), &ports), [Master(M2)]);
}

#[test]
fn a_parent_that_does_not_steer_lends_nobody_its_name() {
    let mut wrong = follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60))));
    wrong.steers = false;
    let ports = [wrong, view(2, Role::Auto, None)];
    let all = decisions(&own(128, 248), true, &ports);
    assert_eq!(all.iter().map(|decision| decision.recommendation).collect::<Vec<_>>(), [Slave, Master(M3)]);
    assert_eq!(all[1].announcement, own(128, 248), "NTP steers, say: we speak for ourselves");
}

#[test]
fn the_time_is_sent_on_in_the_parents_timescale() {
    let mut arb = follows(view(1, Role::Slave, Some(heard(1, 10, 0x60, 0, 0x60))));
    arb.counts_tai = false;
    let ports = [arb, view(2, Role::Master, None)];
    assert!(!decisions(&own(128, 248), true, &ports)[1].counts_tai, "though the clock itself knows TAI");
}

#[test]
fn ports_of_different_domains_do_not_know_of_each_other() {
    let mut other = view(2, Role::Auto, None);
    other.domain = (24, 0);
    let ports = [follows(view(1, Role::Auto, Some(heard(1, 10, 0x60, 0, 0x60)))), other];
    let all = decisions(&own(128, 248), true, &ports);
    assert_eq!(all.iter().map(|decision| decision.recommendation).collect::<Vec<_>>(), [Slave, Master(M2)]);
    assert_eq!(all[1].announcement, own(128, 248));
}

#[test]
fn behind_a_parent_that_is_uncertain_or_while_we_are_the_synchronization_is_uncertain() {
    for (parent, ours) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut slave = follows(view(1, Role::Auto, Some(heard(1, 10, 0x10, 0, 0x10))));
        slave.parent.as_mut().unwrap().synchronization_uncertain = parent;
        let own = Announcement { synchronization_uncertain: ours, ..own(128, 248) };
        let decided = decisions(&own, true, &[slave, view(2, Role::Auto, None)]);
        assert_eq!(decided[1].announcement.grandmaster, ClockIdentity([0x10; 8]));
        assert_eq!(decided[1].announcement.synchronization_uncertain, parent || ours);
    }
}
