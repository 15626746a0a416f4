//! What is so now, and how often it was: what was heard once, given up once, or late now and then.

use super::*;
use crate::observe::status::StampWaitsStatus;

/// So many stamps at once, within 10 ms and within 50 ms.
pub(super) fn waits(at_once: u64, in_time: u64, late: u64) -> StampWaitsStatus {
    let within = vec![(0.0, at_once), (0.01, at_once + in_time), (0.05, at_once + in_time + late)];
    StampWaitsStatus {
        count: at_once + in_time + late,
        sum_s: 0.1,
        max_s: if late > 0 { 0.031 } else { 0.004 },
        within,
    }
}

#[test]
fn who_started_a_daemon_that_keeps_all_its_rights_is_told_each_that_it_lacks() {
    // systemd's NoNewPrivileges= says nothing of what the daemon has given up.
    let root = Root::new().put("proc/77/status", &format!("{UNABLE}NoNewPrivs:\t1\n"));
    let found = root.machine(|machine| machine.daemon = Some(77));
    assert!(found.iter().filter(|finding| finding.check == "capabilities").count() > 1, "{found:#?}");
}

#[test]
fn a_daemon_that_may_not_steer_as_it_is_told_is_known_by_its_own_word_and_told_how_in_a_container() {
    let lacks = vec![format!("{LACKS_STEERING} (CAP_SYS_TIME; EPERM): it is observed")];
    let clock = ClockStatus { kind: ClockKind::Observe, ..ClockStatus::default() };
    let observes = Status { clock, ..Status::default() };
    assert!(!is_to_steer(&observes) && is_to_steer(&Status { lacks, ..observes }));
    let root = Root::new().put("proc/1/status", &format!("{UNABLE}NoNewPrivs:\t1\n")).put("run/.containerenv", "");
    let found = root.machine(|machine| {
        (machine.daemon, machine.has_given_up, machine.is_steered) = (Some(1), true, Some(true));
    });
    let found: Vec<_> = found.iter().filter(|finding| finding.check == "capabilities").collect();
    assert!(found.len() == 1 && found[0].status == Grade::Fail, "{found:#?}");
    assert!(found[0].remedy.contains("--cap-add SYS_TIME"), "{found:#?}");
}

#[test]
fn a_port_that_has_lost_its_master_is_told_what_it_hears_now_and_not_what_it_once_heard() {
    let lost_for = |age_s: f64, heard: &[&str]| {
        let found = with_port(|port| {
            (port.parent, port.port_state, port.last_sync_age_s) = (None, "LISTENING".to_owned(), Some(age_s));
            let counted =
                [("received_announce", 40), ("received_sync", 320), ("domain_mismatch", 3), ("parent_changed", 1)];
            port.counters = counters(&counted);
            port.heard = heard.iter().map(|line| (*line).to_owned()).collect();
        });
        found.into_iter().find(|finding| finding.check.starts_with("ptp-") && finding.status != Grade::Ok).unwrap()
    };
    let lost = |heard: &[&str]| lost_for(12.0, heard);
    let silence = lost(&["nothing: no PTP message has arrived"]);
    assert_eq!((silence.check, silence.value.as_str()), ("ptp-silence", "the last Sync came 12.0 s ago"));
    let domain = lost(&["messages of domain 24, sdoId 0x000: this port is in domain 0, sdoId 0x000"]);
    assert_eq!((domain.check, domain.limit.as_str()), ("ptp-domain", "domain 0"));
    assert_eq!(lost(&["messages of domain 0, sdoId 0x100: this port is in domain 0, sdoId 0x000"]).check, "ptp-sdo-id");
    let refused = lost(&["Announce of grandmaster 001b21.fffe.aabbcc: it is not among ptp.grandmasters"]);
    assert_eq!((refused.check, refused.status), ("ptp-not-followed", Grade::Fail));
    // Fast Announce are missed before Sync are.
    let just_now = lost_for(1.5, &["nothing: no PTP message has arrived"]);
    assert_eq!((just_now.check, just_now.status), ("ptp-no-announce", Grade::Fail));
    assert_eq!(just_now.value, "no Announce any more; the last Sync came 1.50 s ago");
    for age_s in [0.5, 12.0] {
        let back = lost_for(age_s, &["Announce from 001b21.fffe.aabbcc-1 (grandmaster x): not qualified yet"]);
        assert_eq!((back.check, back.status), ("ptp-not-followed", Grade::Warn), "it has just come back");
    }
}

#[test]
fn a_firewall_is_told_instead_of_what_the_card_hears_behind_it() {
    let judged = |delivered| {
        let heard = Heard { arrived: 24, delivered, ..heard(&[WIRE]) };
        heard.judge(&WIRE).iter().map(|finding| (finding.check, finding.status)).collect::<Vec<_>>()
    };
    assert_eq!(judged(None)[0], ("ptp-silence", Grade::Ok));
    assert_eq!(judged(Some(0))[0], ("ptp-firewall", Grade::Fail));
    assert_eq!(judged(Some(9))[..2], [("ptp-silence", Grade::Ok), ("ptp-firewall", Grade::Ok)]);
}

#[test]
fn of_late_stamps_the_distribution_is_told_and_what_it_points_to() {
    let found = |waits| {
        let found = with_port(|port| port.tx_stamp_waits = Some(waits));
        found.into_iter().find(|finding| finding.check == "stamps-late").unwrap()
    };
    let good = found(waits(700, 99, 1));
    assert_eq!(
        (good.status, good.value.as_str()),
        (Grade::Ok, "1 of 800 late; median at once, 99 % 10.0 ms, longest 31.0 ms")
    );
    let some = found(waits(600, 160, 40));
    assert!(
        some.status == Grade::Warn && some.value.starts_with("40 of 800 late; median at once, 99 % 31.0 ms"),
        "{some:?}"
    );
    assert!(some.message.contains("waits for a CPU") && some.remedy.contains("chrt"), "{some:?}");
    let all = found(waits(0, 10, 790));
    assert!(all.message.contains("always behind") && all.remedy.contains("phc2sys"), "{all:?}");
    assert!(!with_port(|_| ()).iter().any(|finding| finding.check == "stamps-late"), "nothing was sent");
}
