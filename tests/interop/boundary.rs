//! A boundary clock of several ports, and what it hands on from one to the others.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Instant;

use nix::sys::signal::Signal;
use synchronome::observe::Status;
use synchronome::time::{LogInterval, SyncState};
use synchronome::wire::ptp::{
    Announce, ClockAccuracy, ClockIdentity, ClockQuality, Extension, Flags, Message, PathTrace, PortIdentity, Sender,
    TimeSource, Tlvs, WireTimestamp, write,
};

use super::daemon::{Daemon, Options, assert_bound_held};
use super::lab::{End, Lab, connect};
use super::masters::{of, offsets, wait_for_offsets};
use super::ntp::chronyd_server;
use super::running::{Capture, Running, dissect, ptp4l, ptp4l_slave};
use super::{COMPLAINTS, bridged, ptp4l_identity, ptp4l_octets};

fn count(status: &Status, interface: &str, name: &str) -> u64 {
    let counters = &of(status, interface).counters;
    counters.iter().find(|(known, _)| known.as_str() == name).map_or(0, |(_, count)| *count)
}

fn states(status: &Status) -> [&str; 2] {
    ["vb", "vc"].map(|interface| of(status, interface).port_state.as_str())
}

/// Waits for so many offsets of ptp4l's more.
fn wait_for_more(slave: &mut Running, count: usize) {
    let known = offsets(slave, 0).len();
    wait_for_offsets(slave, known + count);
}

/// Two ports of one daemon and a slave of ptp4l's on one bridge.
fn two_ports_on_one_link(transport: &str, ptp4l_option: &str) {
    let mut lab = Lab::beside_others();
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
    wait_for_more(&mut slave, 2);
    let before = daemon.status();
    wait_for_more(&mut slave, 5);
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
    wait_for_more(&mut slave, 3);
    ours.ip("link set vb up");
    daemon.wait("the first serves again", |status| states(status) == ["MASTER", "PASSIVE"]);
    wait_for_more(&mut slave, 3);
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

/// What the Announce of ours have in a field: each distinct value, in the order of their first appearance.
fn announced(capture: &Path, address: &str, field: &str) -> Vec<String> {
    let filter = format!("ptp.v2.messagetype == 11 && eth.src == {address}");
    let mut seen = Vec::new();
    for value in dissect(capture, &filter, &[field]) {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

/// An Announce of a clock of class 6, which says that it has passed the clock of this identity.
fn looped_announce(passed: &str) -> Vec<u8> {
    let octets = |at: usize| u8::from_str_radix(&passed.replace('.', "")[2 * at..2 * at + 2], 16).expect("hexadecimal");
    let grandmaster_identity = ClockIdentity([0x11; 8]);
    let path = [grandmaster_identity.0, std::array::from_fn(octets)];
    let sender = Sender {
        sdo_id: 0,
        minor_version_ptp: 1,
        domain_number: 0,
        source_port_identity: PortIdentity { clock_identity: ClockIdentity([0x22; 8]), port_number: 1 },
    };
    let announce = Announce {
        origin_timestamp: WireTimestamp::ZERO,
        current_utc_offset: 37,
        grandmaster_priority1: 1,
        grandmaster_clock_quality: ClockQuality {
            clock_class: 6,
            clock_accuracy: ClockAccuracy(0x21),
            offset_scaled_log_variance: 0x4e5d,
        },
        grandmaster_priority2: 1,
        grandmaster_identity,
        steps_removed: 2,
        time_source: TimeSource::GNSS,
    };
    let mut tlvs = [0; 64];
    let length = Extension::PathTrace(PathTrace::new(&path)).write(&mut tlvs).expect("it fits");
    let tlvs = Tlvs::from_octets(&tlvs[..length]).expect("whole");
    let mut octets = vec![0; 256];
    let message = sender.announce(1, LogInterval::new(0), Flags::NONE, announce);
    let length = write(&Message { tlvs, ..message }, &mut octets).expect("it fits");
    octets.truncate(length);
    octets
}

#[test]
fn a_path_is_traced_from_ptp4l_through_us_to_ptp4l_and_what_has_passed_us_is_refused() {
    let mut lab = Lab::beside_others();
    let (top, between, inside) = lab.row();
    between.ip("link set vc address 02:00:0a:47:00:04");
    between.ip("address add 10.72.0.1/24 dev vc");
    inside.ip("address add 10.72.0.2/24 dev vd");
    let capture = Capture::start(&lab, &inside, "vd");
    let options = ["--priority1=10", "--logAnnounceInterval=-1", "--path_trace_enabled=1"];
    let mut grandmaster = ptp4l(&lab, &top, "va", &options);
    let fast = "announce_interval = -2\nsync_interval = -3\ndelay_req_interval = -3\n";
    let traced = format!("role = \"auto\"\npath_trace = true\n{fast}");
    let port = format!("{traced}[[ptp]]\ninterface = \"vc\"\n{traced}");
    let mut daemon = Daemon::start(&lab, &between, Options { port: &port, ..Options::default() });
    let mut slave = ptp4l_slave(&lab, &inside, "vd", &["--path_trace_enabled=1", "--logAnnounceInterval=-2"]);
    let status = daemon.wait("the grandmaster's time is handed on", |status| {
        status.state == SyncState::Locked && states(status) == ["SLAVE", "MASTER"]
    });
    assert_eq!(of(&status, "vb").path, [ptp4l_identity(1)], "{status:#?}");
    wait_for_more(&mut slave, 4);
    let (printed, _) = daemon.command(&["status"]);
    assert!(printed.contains(&format!("path {}", ptp4l_identity(1))), "{printed}");

    // Our own Announce come back to the other port: round a loop, as the path says.
    let ours = of(&status, "vb").identity.clone().expect("it runs");
    let ours = ours.rsplit_once('-').expect("a port").0.to_owned();
    assert_eq!(count(&daemon.status(), "vb", "path_trace_loop"), 0);
    let looped = looped_announce(&ours);
    let socket = top.inside(|| UdpSocket::bind("10.71.0.1:0")).expect("a socket");
    socket.send_to(&looped, "10.71.0.2:320").expect("the cable is there");
    daemon.wait("what has passed us is refused", |status| count(status, "vb", "path_trace_loop") == 1);
    assert!(of(&daemon.status(), "vb").heard.is_empty());

    // Without the grandmaster the path begins with us.
    assert!(grandmaster.end_by(Signal::SIGTERM).success());
    daemon.wait("both are MASTER, and there is no path", |status| {
        states(status) == ["MASTER", "MASTER"] && of(status, "vb").path.is_empty()
    });
    wait_for_more(&mut slave, 4);
    daemon.end();
    drop(slave);
    let capture = capture.finish_after(ptp4l_octets());
    let paths = announced(&capture, "02:00:0a:47:00:04", "ptp.v2.an.pathsequence");
    let octets = |identity: &str| format!("0x{}", identity.replace('.', ""));
    println!("paths of our Announce: {paths:?}; we are {ours}");
    assert_eq!(paths.last(), Some(&octets(&ours)));
    assert!(paths.contains(&format!("{},{}", octets(&ptp4l_identity(1)), octets(&ours))), "{paths:?}");
    // LOCKED at first, and held over at the end.
    let uncertain = announced(&capture, "02:00:0a:47:00:04", "ptp.v2.flags.synchronizationUncertain");
    assert_eq!(uncertain.len(), 2, "{uncertain:?}");
    let complaints =
        dissect(&capture, &format!("eth.src == 02:00:0a:47:00:04 && ({COMPLAINTS})"), &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn by_c37_238_the_grandmasters_number_is_handed_on_and_the_inaccuracy_grows_on_the_way() {
    const TOTAL: &str = "ptp.v2.an.oe.totalTimeInaccuracy";
    const NUMBER: &str = "ptp.v2.an.oe.grandmasterID";
    let mut lab = Lab::beside_others();
    let (top, between, inside) = lab.row();
    between.ip("link set vc address 02:00:0a:47:00:04");
    let [before, behind] = [Capture::start(&lab, &top, "va"), Capture::start(&lab, &inside, "vd")];
    let _upstream = chronyd_server(&lab, &top, "127.0.0.1");
    let port = "role = \"master\"\nprofile = \"c37.238\"\npower_grandmaster_id = 7\nannounce_interval = -2\n";
    let more = "[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n";
    let grandmaster = Daemon::start(&lab, &top, Options { interface: "va", port, more, ..Options::default() });
    let ours = "profile = \"c37.238\"\npower_grandmaster_id = 9\nannounce_interval = -2\n";
    let port = format!("{ours}[[ptp]]\ninterface = \"vc\"\nrole = \"master\"\n{ours}");
    let mut daemon = Daemon::start(&lab, &between, Options { port: &port, ..Options::default() });
    let status = daemon.wait("the grandmaster's time is handed on", |status| {
        states(status) == ["SLAVE", "MASTER"] && count(status, "vc", "sent_announce") >= 8
    });
    let power = of(&status, "vb").power.clone().expect("the parent says so");
    assert!(power.grandmaster_id == 7 && power.total_time_inaccuracy_s.is_some_and(|total| total > 0.0), "{power:?}");
    assert_eq!(of(&status, "vc").power, None);
    daemon.end();
    grandmaster.end();
    // What the kernel still holds when a capture ends is lost.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let [before, behind] = [before, behind].map(|capture| capture.finish_after(&[0x1c, 0x12, 0x9d, 0, 0, 2, 0, 7]));
    let announced_of = |capture: &Path, address| {
        announced(capture, address, TOTAL).into_iter().map(|total| total.parse::<u32>().expect("ns"))
    };
    let said: Vec<u32> = announced_of(&before, "02:00:0a:47:00:01").collect();
    let ours: Vec<u32> = announced_of(&behind, "02:00:0a:47:00:04").collect();
    println!("the grandmaster says {said:?} ns, and the clock behind it {ours:?} ns");
    assert_eq!(announced(&before, "02:00:0a:47:00:01", NUMBER), ["7"]);
    assert_eq!(announced(&behind, "02:00:0a:47:00:04", NUMBER).last().map(String::as_str), Some("7"));
    let least = said.iter().min().expect("it says so");
    assert!(ours.last().is_some_and(|total| total > least && *total < u32::MAX), "{ours:?}");
}
