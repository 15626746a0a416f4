//! The peer delay mechanism beside ptp4l's: each end measures the link and answers the other.

use std::collections::BTreeSet;

use synchronome::observe::Status;
use synchronome::ptp::{GrandmasterConfig, PeerDelayConfig};
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, port, print_figures, truth};
use super::embedded::{self, Embedded};
use super::lab::{Lab, Space};
use super::ntp::chronyd_server;
use super::running::{Capture, dissect, ptp4l};
use super::{COMPLAINTS, bridged, ptp4l_identity, ptp4l_octets, settle};

/// What passes without a fault.
const FAULTS: [&str; 5] =
    ["peer_multiple", "neighbor_lost", "neighbor_delay_refused", "pdelay_resp_for_other", "wrong_channel"];

fn count(status: &Status, name: &str) -> u64 {
    let counters = &port(status).counters;
    counters.iter().find(|(known, _)| known.contains(name)).map_or(0, |(_, count)| *count)
}

/// Message types in packets that pass a filter.
fn types(capture: &std::path::Path, filter: &str) -> BTreeSet<u8> {
    let number = |text: String| u8::from_str_radix(text.trim_start_matches("0x"), 16).expect("a hexadecimal number");
    dissect(capture, &format!("({filter}) && ptp"), &["ptp.v2.messagetype"]).into_iter().map(number).collect()
}

/// The median of how long a Pdelay_Req of ptp4l's waits for our answer.
fn turnaround_s(capture: &std::path::Path) -> f64 {
    let said = |kind: u8, host: u8| -> Vec<(String, f64)> {
        let filter = format!("ptp.v2.messagetype == {kind} && eth.src == 02:00:0a:47:00:{host:02x}");
        let rows = dissect(capture, &filter, &["ptp.v2.sequenceid", "frame.time_epoch"]);
        let rows = rows.iter().filter_map(|row| row.split_once('|'));
        rows.map(|(sequence, at)| (sequence.to_owned(), at.parse().expect("seconds"))).collect()
    };
    let (requests, answers) = (said(2, 1), said(3, 2));
    let answer = |sequence: &String| answers.iter().find(|answer| answer.0 == *sequence).map(|answer| answer.1);
    let mut all: Vec<f64> = requests.iter().filter_map(|(sequence, at)| Some(answer(sequence)? - at)).collect();
    assert!(all.len() >= 10, "{} answers to {} requests", all.len(), requests.len());
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A slave of ptp4l over a transport. `primary` and `neighbor` are filters of what we send to the two groups.
fn follows_by_peer_delay(transport: &str, ptp4l_option: &str, [primary, neighbor]: [&str; 2]) {
    let mut lab = Lab::beside_others();
    let (master, slave): (Space, Space) = lab.pair();
    for (space, interface, address) in [(&master, "va", "fd71::1/64"), (&slave, "vb", "fd71::2/64")] {
        space.ip(&format!("address add {address} dev {interface} nodad"));
    }
    let capture = Capture::start(&lab, &slave, "vb");
    let options = ["--delay_mechanism=P2P", "--priority1=10", "--logAnnounceInterval=0", ptp4l_option];
    let mut ptp4l = ptp4l(&lab, &master, "va", &options);
    let options = format!("transport = \"{transport}\"\ndelay = \"p2p\"");
    let mut daemon = Daemon::start(&lab, &slave, Options { port: &options, ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let status = settle(&mut daemon, 12);
    print_figures(&format!("p2p, {transport}"), &status);
    ptp4l.assert_alive();
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 50e-6), "{status:#?}");
    assert!(status.clock.bound_s.is_some_and(|bound| bound < 1e-3), "{status:#?}");
    assert_eq!(status.clock.steps, 1, "{status:#?}");
    let link = port(&status).neighbor.as_ref().expect("it answers");
    assert_eq!(link.identity, format!("{}-1", ptp4l_identity(1)));
    assert!(link.mean_link_delay_s > 0.0 && link.mean_link_delay_s < 100e-6, "{link:?}");
    // Both stamp by the clock of this machine.
    assert!(link.rate_ppb.is_some_and(|rate| rate.abs() < 20_000.0), "{link:?}");
    // Both ask once a second and are answered.
    for name in ["received_pdelay_resp_follow_up", "sent_pdelay_resp_follow_up"] {
        assert!(count(&status, name) >= 10, "{name}: {status:#?}");
    }
    for name in FAULTS {
        assert_eq!(count(&status, name), 0, "{name}: {status:#?}");
    }
    assert_eq!(count(&status, "sent_delay_req"), 0, "{status:#?}");
    daemon.end();
    let printed = ptp4l.printed();
    assert!(!printed.contains("multiple") && !printed.contains("FAULTY"), "{printed}");

    let capture = capture.finish_after(ptp4l_octets());
    assert_eq!(types(&capture, neighbor), BTreeSet::from([0x2, 0x3, 0xa]));
    assert_eq!(types(&capture, primary), BTreeSet::new(), "a slave has nothing to say to all");
    let turnaround = turnaround_s(&capture);
    println!("p2p, {transport}: we answer ptp4l within {:.0} us (median)", turnaround * 1e6);
    assert!(turnaround < 5e-3, "half of what two crystals part by meanwhile is in what it measures: {turnaround}");
    let ours = format!("({neighbor}) && ({COMPLAINTS})");
    let complaints = dissect(&capture, &ours, &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_slave_of_ptp4l_with_peer_delay_over_udp4() {
    let filter = |group: &str| format!("ip.src == 10.71.0.2 && ip.dst == {group} && ip.ttl == 1");
    follows_by_peer_delay("udp4", "-4", [&filter("224.0.1.129"), &filter("224.0.0.107")]);
}

#[test]
fn a_slave_of_ptp4l_with_peer_delay_over_udp6() {
    let filter =
        |group: &str| format!("ipv6.src && eth.src == 02:00:0a:47:00:02 && ipv6.dst == {group} && ipv6.hlim == 1");
    follows_by_peer_delay("udp6", "-6", [&filter("ff0e::181"), &filter("ff02::6b")]);
}

#[test]
fn a_slave_of_ptp4l_with_peer_delay_over_ethernet() {
    let filter = |group: &str| format!("eth.src == 02:00:0a:47:00:02 && eth.dst == {group} && eth.type == 0x88f7");
    follows_by_peer_delay("ethernet", "-2", [&filter("01:1b:19:00:00:00"), &filter("01:80:c2:00:00:0e")]);
}

#[test]
fn two_neighbours_on_one_link_are_a_fault_and_nothing_is_believed_of_it() {
    let mut lab = Lab::beside_others();
    let [first, second, slave] = bridged(&mut lab);
    let options = ["--delay_mechanism=P2P", "--logAnnounceInterval=-1"];
    let first = ptp4l(&lab, &first, "va", &[&options[..], &["--priority1=10"]].concat());
    let mut daemon = Daemon::start(&lab, &slave, Options { port: "delay = \"p2p\"", ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let one = daemon.wait("the clock has settled", |status| truth(status).samples > 0);
    assert_eq!(count(&one, "peer_multiple"), 0, "{one:#?}");
    let second = ptp4l(&lab, &second, "va", &[&options[..], &["--priority1=20"]].concat());
    let two = daemon.wait("two have answered", |status| count(status, "peer_multiple") == 1);
    std::thread::sleep(std::time::Duration::from_secs(8));
    let later = daemon.status();
    // For 16 s nobody is asked.
    assert_eq!(count(&later, "sent_pdelay_req"), count(&two, "sent_pdelay_req"), "{later:#?}");
    assert!(port(&later).neighbor.is_none(), "{later:#?}");
    assert!(port(&later).heard.iter().any(|line| line.contains("two answers to one Pdelay_Req")), "{later:#?}");
    assert_bound_held(&later);
    print_figures("p2p, two neighbours", &later);
    drop((first, second));
    daemon.end();
}

/// The numbers behind a word in what ptp4l prints, in nanoseconds.
fn printed_after(printed: &str, word: &str) -> Vec<i64> {
    let behind = printed.split(word).skip(1);
    behind.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
}

#[test]
fn ptp4l_measures_the_link_to_our_own_grandmaster_and_follows_it() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let config = GrandmasterConfig { peer_delay: Some(PeerDelayConfig::default()), ..embedded::config(7) };
    let _grandmaster = Embedded::start(&master, "va", config);
    let options = ["--delay_mechanism=P2P", "--slaveOnly=1", "--summary_interval=-3"];
    let mut ptp4l = ptp4l(&lab, &slave, "vb", &options);
    ptp4l.wait_until_printed("path delay");
    std::thread::sleep(std::time::Duration::from_secs(6));
    ptp4l.assert_alive();
    let printed = ptp4l.printed();
    assert!(!printed.contains("multiple") && !printed.contains("FAULTY"), "{printed}");
    let mut delays = printed_after(&printed, "path delay");
    let mut offsets = printed_after(&printed, "master offset");
    assert!(delays.len() >= 3 && offsets.len() == delays.len(), "{printed}");
    delays.sort_unstable();
    offsets.sort_unstable();
    let (delay, offset) = (delays[delays.len() / 2], offsets[offsets.len() / 2]);
    println!("p2p, our grandmaster: ptp4l measures {delay} ns, and is {offset} ns off (medians of {})", delays.len());
    assert!((100..100_000).contains(&delay), "{printed}");
    // Both stamp by the clock of this machine.
    assert!(offset.abs() < 50_000, "{printed}");
}

/// What a master serves is half a second ahead of the clock that stamps for it.
#[test]
fn a_slave_of_ours_behind_a_master_of_ours_whose_time_is_not_what_it_stamps_with_is_locked_within_seconds() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let _upstream = chronyd_server(&lab, &master, "127.0.0.1");
    let more = "[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\ntime_offset = \"-500ms\"\n";
    let (interface, reference_offset) = ("va", "500ms");
    let options = "role = \"master\"\ndelay = \"p2p\"\nannounce_interval = 0\n";
    let options = Options { interface, port: options, more, reference_offset, ..Options::default() };
    let mut serving = Daemon::start(&lab, &master, options);
    serving.wait("the clock is LOCKED and served", |status| {
        status.state == SyncState::Locked && port(status).port_state == "MASTER"
    });
    let options = Options { port: "delay = \"p2p\"\n", reference_offset, ..Options::default() };
    let mut daemon = Daemon::start(&lab, &slave, options);
    let status = daemon.wait("the clock is LOCKED", |status| status.state == SyncState::Locked);
    print_figures("p2p, our own master", &status);
    assert!(status.clock.lock_time_s.is_some_and(|took| took < 12.0), "at one Sync a second: {status:#?}");
    let status = settle(&mut daemon, 5);
    assert_bound_held(&status);
    assert_bound_held(&serving.status());
    daemon.end();
    serving.end();
}
