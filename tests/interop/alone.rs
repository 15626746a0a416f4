//! What our slave is worth by itself: these measure microseconds, with no neighbour but those that the machine has anyway.

use std::collections::BTreeSet;

use synchronome::ptp::GrandmasterConfig;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, port, print_figures, truth};
use super::embedded::{self, Embedded};
use super::hybrid_e2e::{HYBRID, count, destinations};
use super::lab::Lab;
use super::running::{Capture, dissect, ptp4l};
use super::{COMPLAINTS, ptp4l_identity, ptp4l_octets, settle};

#[test]
fn a_slave_of_ptp4l_stays_within_10_us_and_inside_its_bound() {
    let mut lab = Lab::new();
    let (master, slave) = lab.pair();
    let _ptp4l = ptp4l(&lab, &master, "va", &["--priority1=10", "--logAnnounceInterval=-1"]);
    let mut daemon = Daemon::start(&lab, &slave, Options::default());
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    assert_eq!(status.clock.timescale.as_deref(), Some("timescale ARB, taken as UTC"));
    let grandmaster = port(&status).grandmaster.as_ref().expect("it is followed");
    assert_eq!((grandmaster.priority1, grandmaster.steps_removed), (10, 0), "{grandmaster:?}");
    assert_eq!(port(&status).parent, Some(format!("{}-1", ptp4l_identity(1))));

    let status = settle(&mut daemon, 15);
    print_figures("ptp4l", &status);
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 10e-6), "{status:#?}");
    daemon.end();
}

/// A slave of ptp4l over another transport than UDP/IPv4, of whose messages none is wrong.
fn follows_over(transport: &str, ptp4l_option: &str, message_filter: &str, length: (&str, &str)) {
    let mut lab = Lab::new();
    let (master, slave) = lab.pair();
    for (space, interface, address) in [(&master, "va", "fd71::1/64"), (&slave, "vb", "fd71::2/64")] {
        space.ip(&format!("address add {address} dev {interface} nodad"));
    }
    let capture = Capture::start(&lab, &slave, "vb");
    let _ptp4l = ptp4l(&lab, &master, "va", &["--priority1=10", "--logAnnounceInterval=-1", ptp4l_option]);
    let transport = format!("transport = \"{transport}\"");
    let mut daemon = Daemon::start(&lab, &slave, Options { port: &transport, ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let status = settle(&mut daemon, 6);
    print_figures(&transport, &status);
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 10e-6), "{status:#?}");
    assert!(transport.contains(&port(&status).transport), "{status:#?}");
    let stamps = (port(&status).timestamps.as_deref(), port(&status).timestamps_reason.as_deref());
    assert_eq!(stamps, (Some("software"), Some("interface vb has no PTP hardware clock")));
    // The sockets outlive an interface that is down for a while.
    slave.ip("link set vb down");
    daemon.wait("the port knows", |status| port(status).port_state == "FAULTY");
    slave.ip("link set vb up");
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    assert_eq!((status.clock.steps, port(&status).waiting_for.as_deref()), (1, None), "{status:#?}");
    daemon.end();
    let capture = capture.finish_after(ptp4l_octets());

    let delay_req = format!("{message_filter} && ptp.v2.messagetype == 1");
    let (field, expected) = length;
    let lengths: BTreeSet<_> = dissect(&capture, &delay_req, &[field]).into_iter().collect();
    assert_eq!(lengths, BTreeSet::from([expected.to_owned()]), "{field} of {delay_req}");
    let complaints = dissect(&capture, &format!("{message_filter} && ({COMPLAINTS})"), &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_slave_of_ptp4l_over_udp6_adds_two_octets_to_its_messages() {
    // Header 8, Delay_Req 44, and the two octets of Annex D.
    follows_over("udp6", "-6", "ipv6.src == fd71::2 && ipv6.dst == ff0e::181", ("udp.length", "54"));
}

#[test]
fn a_slave_of_ptp4l_over_ethernet() {
    let filter = "eth.src == 02:00:0a:47:00:02 && eth.dst == 01:1b:19:00:00:00 && eth.type == 0x88f7";
    follows_over("ethernet", "-2", filter, ("frame.len", "58"));
}

#[test]
fn one_step_sync_of_our_own_grandmaster_is_followed() {
    let mut lab = Lab::new();
    let space = lab.space();
    let config = GrandmasterConfig { two_step: false, ..embedded::config(3) };
    let grandmaster = Embedded::start(&space, "lo", config);
    let mut daemon = Daemon::start(&lab, &space, Options { interface: "lo", ..Options::default() });
    daemon.wait_for_lock(&grandmaster.identity);
    let status = settle(&mut daemon, 6);
    print_figures("one-step", &status);
    // The origin is read before the send: the way to the wire counts as the path's, and is an asymmetry of it.
    assert_bound_held(&status);
    // How long that way is, is this machine's scheduler's business: half of it is our error, and no more than the bound.
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 500e-6), "{status:#?}");
    let counters = &port(&status).counters;
    assert!(counters.iter().all(|(name, count)| !name.contains("follow_up") || *count == 0), "{counters:?}");
    daemon.end();
}

#[test]
fn a_slave_of_ptp4l_asks_it_alone_and_is_answered_alone() {
    let mut lab = Lab::new();
    let (master, slave) = lab.pair();
    let capture = Capture::start(&lab, &slave, "vb");
    let options = ["--hybrid_e2e=1", "--priority1=10", "--logAnnounceInterval=-1"];
    let mut ptp4l = ptp4l(&lab, &master, "va", &options);
    let mut daemon = Daemon::start(&lab, &slave, Options { port: HYBRID, ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let status = settle(&mut daemon, 8);
    print_figures("hybrid E2E", &status);
    ptp4l.assert_alive();
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 10e-6), "{status:#?}");
    assert_eq!(count(&status, "hybrid_fallback"), 0, "{status:#?}");
    assert!(count(&status, "sent_delay_req") >= 10, "{status:#?}");
    daemon.end();
    let capture = capture.finish_after(ptp4l_octets());
    assert_eq!(destinations(&capture, "10.71.0.2", 1), BTreeSet::from(["10.71.0.1|1".to_owned()]));
    assert_eq!(destinations(&capture, "10.71.0.1", 9), BTreeSet::from(["10.71.0.2|1".to_owned()]));
    let complaints = dissect(&capture, &format!("ip.src == 10.71.0.2 && ({COMPLAINTS})"), &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
