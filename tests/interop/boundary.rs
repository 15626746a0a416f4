//! A boundary clock of several ports, and what it hands on from one to the others.

use std::time::{Duration as Timeout, Instant};

use synchronome::observe::Status;
use synchronome::observe::status::PortStatus;
use synchronome::time::SyncState;

use super::bridged;
use super::daemon::{Daemon, Options, assert_bound_held};
use super::lab::{End, Lab, connect};
use super::ntp::chronyd_server;
use super::running::{Running, ptp4l_slave};

fn of<'a>(status: &'a Status, interface: &str) -> &'a PortStatus {
    status.ptp.iter().find(|port| port.interface == interface).expect("a port")
}

fn count(status: &Status, interface: &str, name: &str) -> u64 {
    let counters = &of(status, interface).counters;
    counters.iter().find(|(known, _)| known.as_str() == name).map_or(0, |(_, count)| *count)
}

fn states(status: &Status) -> [&str; 2] {
    ["vb", "vc"].map(|interface| of(status, interface).port_state.as_str())
}

/// How many offsets ptp4l has printed.
fn offsets(slave: &Running) -> usize {
    slave.printed().matches("master offset").count()
}

fn wait_for_offsets(slave: &mut Running, count: usize) {
    let start = Instant::now();
    let known = offsets(slave);
    while offsets(slave) < known + count {
        slave.assert_alive();
        assert!(start.elapsed() < Timeout::from_mins(1), "ptp4l measures nothing:\n{}", slave.printed());
        std::thread::sleep(Timeout::from_millis(100));
    }
}

/// Two ports of one daemon and a slave of ptp4l's on one bridge.
fn two_ports_on_one_link(transport: &str, ptp4l_option: &str) {
    let mut lab = Lab::new();
    let [clocks, slave, ours] = bridged(&mut lab);
    // The second cable goes to the bridge by the first namespace, which has a bridge of its own.
    clocks.ip("link add br1 type bridge stp_state 0 mcast_snooping 0");
    clocks.ip("link set br1 up");
    clocks.ip("address flush dev va");
    clocks.ip("address add 10.71.0.1/24 dev br1");
    clocks.ip("link set va master br1");
    connect(End { space: &ours, interface: "vc", host: Some(4) }, End { space: &clocks, interface: "h4", host: None });
    clocks.ip("link set h4 master br1");
    // Else the kernel drops packets from an address of its own that come in by another interface.
    for interface in ["vb", "vc"] {
        let path = format!("/proc/sys/net/ipv4/conf/{interface}/accept_local");
        ours.inside(|| std::fs::write(path, "1")).expect("it is the namespace's own");
    }
    let _upstream = chronyd_server(&lab, &clocks, "10.71.0.1");
    let serving = format!(
        "role = \"auto\"\ntransport = \"{transport}\"\nannounce_interval = -2\nsync_interval = -3\ndelay_req_interval = -3\n"
    );
    let port = format!("{serving}[[ptp]]\ninterface = \"vc\"\n{serving}");
    let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
    let mut daemon = Daemon::start(&lab, &ours, Options { port: &port, more, ..Options::default() });
    let mut slave = ptp4l_slave(&lab, &slave, "va", &[ptp4l_option, "--logAnnounceInterval=-2"]);
    daemon.wait("one of two serves", |status| {
        status.state == SyncState::Locked && states(status) == ["MASTER", "PASSIVE"]
    });
    wait_for_offsets(&mut slave, 2);
    let before = daemon.status();
    wait_for_offsets(&mut slave, 5);
    let after = daemon.status();
    assert_eq!(states(&after), ["MASTER", "PASSIVE"]);
    let sent = |interface, name| count(&after, interface, name) - count(&before, interface, name);
    println!(
        "two ports over {transport}: {} Syncs by the first and {} by the second, which heard {} Announce of the first",
        sent("vb", "sent_sync"),
        sent("vc", "sent_sync"),
        sent("vc", "own_port_heard")
    );
    assert!(sent("vb", "sent_sync") >= 30, "{after:#?}");
    assert_eq!((sent("vc", "sent_sync"), sent("vc", "sent_announce")), (0, 0), "{after:#?}");
    assert!(sent("vc", "own_port_heard") >= 15, "{after:#?}");

    // Without the first the second serves, until that is back.
    ours.ip("link set vb down");
    let lost = Instant::now();
    daemon.wait("the second serves", |status| states(status) == ["FAULTY", "MASTER"]);
    println!(
        "two ports over {transport}: the second serves {:.2} s after the first has gone",
        lost.elapsed().as_secs_f64()
    );
    wait_for_offsets(&mut slave, 3);
    ours.ip("link set vb up");
    daemon.wait("the first serves again", |status| states(status) == ["MASTER", "PASSIVE"]);
    wait_for_offsets(&mut slave, 3);
    assert_bound_held(&daemon.status());
    daemon.end();
}

#[test]
fn of_two_ports_of_one_daemon_on_one_bridge_one_serves_ptp4l_and_the_other_is_passive_over_ethernet() {
    two_ports_on_one_link("ethernet", "-2");
}

#[test]
fn of_two_ports_of_one_daemon_on_one_bridge_one_serves_ptp4l_and_the_other_is_passive_over_udp4() {
    two_ports_on_one_link("udp4", "-4");
}
