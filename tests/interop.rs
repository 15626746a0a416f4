//! The whole daemon against foreign programs: ptp4l, chronyd, ntpdig, tshark and Chromium, over real sockets.
//!
//! Each test makes network namespaces of its own and removes them; that needs root. The daemon's clock is a simulated
//! one, 1 s and 50 ppm wrong, so that its true error is known: the daemon itself compares it a hundred times a second
//! with the clock that the grandmaster's stamps are of. No clock of the machine is touched: everything runs without
//! CAP_SYS_TIME. What is missing makes a test fail and is named; nothing is skipped.
//!
//! Most of them wait for seconds, and do so side by side. Those in a module `alone`, and those of the load, measure finer: they take turns,
//! whatever `--test-threads` says.

#[path = "interop/alone.rs"]
mod alone;
#[path = "interop/automotive.rs"]
mod automotive;
#[path = "interop/boundary.rs"]
mod boundary;
#[path = "interop/browser.rs"]
mod browser;
#[path = "interop/capable.rs"]
mod capable;
#[path = "interop/daemon.rs"]
mod daemon;
#[path = "interop/dissection.rs"]
mod dissection;
#[path = "interop/doctor.rs"]
mod doctor;
#[path = "interop/domains.rs"]
mod domains;
#[path = "interop/embedded.rs"]
mod embedded;
#[path = "interop/events.rs"]
mod events;
#[path = "interop/fights.rs"]
mod fights;
#[path = "interop/hybrid.rs"]
mod hybrid;
#[path = "interop/hybrid_e2e.rs"]
mod hybrid_e2e;
#[path = "interop/lab.rs"]
mod lab;
#[path = "interop/load.rs"]
mod load;
#[path = "interop/management.rs"]
mod management;
#[path = "interop/masters.rs"]
mod masters;
#[path = "interop/matrix.rs"]
mod matrix;
#[path = "interop/ntp.rs"]
mod ntp;
#[path = "interop/orphans.rs"]
mod orphans;
#[path = "interop/page.rs"]
mod page;
#[path = "interop/peer_delay.rs"]
mod peer_delay;
#[path = "interop/privileges.rs"]
mod privileges;
#[path = "interop/profiles.rs"]
mod profiles;
#[path = "interop/refclock.rs"]
mod refclock;
#[path = "interop/running.rs"]
mod running;
#[path = "interop/tiers.rs"]
mod tiers;
#[path = "interop/unicast.rs"]
mod unicast;
#[path = "interop/vmclock.rs"]
mod vmclock;

use std::collections::BTreeSet;
use std::time::{Duration as Timeout, Instant};

use daemon::{Daemon, Options, PATIENCE, assert_bound_held, follows, port, print_figures, truth};
use embedded::{Embedded, ask_ntp};
use lab::{End, Lab, Space, connect, join_pair};
use running::{Capture, always_master, dissect, finish_chronyd, ntpdig, ptp4l, start_chronyd};
use synchronome::observe::Status;
use synchronome::ptp::GrandmasterConfig;
use synchronome::time::{Duration, LeapIndicator, SyncState};

/// The clockIdentity that ptp4l makes of the address of host N of the lab.
fn ptp4l_identity(host: u8) -> String {
    format!("02000a.fffe.4700{host:02x}")
}

/// Follows a run for some seconds of settled statistics and returns its last status.
fn settle(daemon: &mut Daemon, seconds: u64) -> Status {
    daemon.wait("the statistics begin, 2 s after the lock", |status| truth(status).samples > 0);
    std::thread::sleep(Timeout::from_secs(seconds));
    let status = daemon.status_by_command();
    let looks_a_second = truth(&status).samples / seconds;
    assert!(looks_a_second > 30, "the truth was looked at {looks_a_second} times a second: that shows little");
    status
}

#[test]
fn without_its_servo_the_clock_drifts_off_as_it_is_built_to() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let _ptp4l = ptp4l(&lab, &master, "va", &["--priority1=10", "--logAnnounceInterval=-1"]);
    let hold = Options { more: "[servo]\nhold = true", ..Options::default() };
    let mut daemon = Daemon::start(&lab, &slave, hold);
    let start = daemon.wait("the bound is known", |status| truth(status).error_s.is_some());
    std::thread::sleep(Timeout::from_secs(4));
    let end = daemon.status();
    let error = |status: &Status| truth(status).error_s.expect("known from now on");
    let drift = (error(&end) - error(&start)) / (end.uptime_s - start.uptime_s);
    println!("hold: true error {:.6} s, drifting by {:.2} us/s", error(&end), drift * 1e6);
    assert!((0.999..1.001).contains(&error(&end)), "{end:#?}");
    assert!((45e-6..55e-6).contains(&drift), "it drifts by {drift} s/s");
    assert!(end.clock.bound_s.is_some_and(|bound| bound > 1.0), "it knows how wrong it is: {end:#?}");
    assert_ne!(end.state, SyncState::Locked);
    assert_eq!((end.clock.steps, end.clock.frequency_ppb), (0, Some(0.0)));
    assert_bound_held(&end);
    daemon.end();
}

/// What every capture of a running ptp4l has at its end: the clockIdentity of host 1.
fn ptp4l_octets() -> &'static [u8] {
    &[0x02, 0x00, 0x0a, 0xff, 0xfe, 0x47, 0x00, 0x01]
}

/// Two masters and a slave on a bridge.
fn bridged(lab: &mut Lab) -> [Space; 3] {
    let hub = lab.space();
    hub.ip("link add br0 type bridge stp_state 0 mcast_snooping 0");
    hub.ip("link set br0 up");
    [(1, "va"), (3, "va"), (2, "vb")].map(|(host, interface)| {
        let space = lab.space();
        let to_hub = format!("h{host}");
        connect(
            End { space: &space, interface, host: Some(host) },
            End { space: &hub, interface: &to_hub, host: None },
        );
        hub.ip(&format!("link set {to_hub} master br0"));
        space
    })
}

#[test]
fn when_the_grandmaster_dies_the_next_one_is_followed_and_without_any_the_bound_still_holds() {
    const BETTER: [&str; 2] = ["--priority1=10", "--logAnnounceInterval=-1"];
    const WORSE: [&str; 2] = ["--priority1=20", "--logAnnounceInterval=-1"];
    /// Three announce intervals, and up to one more at random (IEEE 1588-2019 9.2.6.12).
    const ANNOUNCE_TIMEOUT: Timeout = Timeout::from_secs(2);
    /// What a busy machine may add, with the report of the port once a second.
    const MARGIN: Timeout = Timeout::from_millis(1_500);

    let mut lab = Lab::beside_others();
    let [first, second, slave] = bridged(&mut lab);
    let start = |space, options: [&str; 2]| ptp4l(&lab, space, "va", &[&options[..], &[always_master()]].concat());
    let better = start(&first, BETTER);
    let worse = start(&second, WORSE);
    let mut daemon = Daemon::start(&lab, &slave, Options::default());
    daemon.wait_for_lock(&ptp4l_identity(1));
    daemon.wait("the other is heard and known to be worse", |status| {
        port(status).heard.iter().any(|heard| heard.contains(&ptp4l_identity(3)) && heard.contains("not the best"))
    });
    let before = daemon.wait("the clock has settled", |status| truth(status).samples > 0);

    drop(better);
    let lost = Instant::now();
    daemon.wait("the other is followed", |status| follows(status, &ptp4l_identity(3)));
    let took = lost.elapsed();
    println!("the other grandmaster is followed after {took:?}");
    assert!(took <= ANNOUNCE_TIMEOUT + MARGIN, "it took {took:?}");
    let status = daemon.wait_for_lock(&ptp4l_identity(3));
    assert_bound_held(&status);
    assert_eq!(status.clock.steps, before.clock.steps, "a change of the master is no step");

    drop(worse);
    let start_of_holdover = daemon.wait("the clock holds over", |status| status.state == SyncState::Holdover);
    std::thread::sleep(Timeout::from_secs(3));
    let status = daemon.status();
    print_figures("holdover", &status);
    let bounds = [&start_of_holdover, &status].map(|status| status.clock.bound_s.expect("it is still known"));
    assert!(bounds[0] < bounds[1] && bounds[1] < 1e-3, "{bounds:?}");
    assert_eq!(status.state, SyncState::Holdover, "{status:#?}");
    assert!(port(&status).grandmaster.is_none(), "{status:#?}");
    assert_bound_held(&status);

    let _worse = start(&second, WORSE);
    daemon.wait_for_lock(&ptp4l_identity(3));
    let _better = start(&first, BETTER);
    let mut looks_without_bound = 0;
    let status = daemon.wait("the better one is followed again", |status| {
        looks_without_bound += u32::from(status.clock.bound_s.is_none());
        status.state == SyncState::Locked && status.clock.bound_s.is_some() && follows(status, &ptp4l_identity(1))
    });
    println!("{looks_without_bound} looks, 50 ms apart, found no bound at the change to a better grandmaster");
    print_figures("change of the grandmaster", &status);
    assert_bound_held(&status);
    assert_eq!(status.clock.steps, before.clock.steps, "coming back is no step");
    assert!(truth(&status).max_s.is_some_and(|max| max < 1e-3), "{status:#?}");
    daemon.end();
}

/// The seconds after a piece of text.
fn number_after(output: &str, before: &str) -> f64 {
    let after = output.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in:\n{output}")).trim_start();
    let end = after.find(|c: char| !"+-.e0123456789".contains(c)).unwrap_or(after.len());
    after[..end].parse().unwrap_or_else(|_| panic!("no number after {before:?}:\n{output}"))
}

/// What chronyd's log says of each packet that it took: `(offset, root distance, stratum, refid)`.
fn measurements(log: &str) -> Vec<(f64, f64, u8, String)> {
    let rows = log.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Date, time, address, leap, stratum, tests x 3, polls x 2, score, offset, peer delay and dispersion, root delay
    // and dispersion, reference ID, ...
    rows.filter(|row| row.len() >= 17 && row[2] == "10.71.0.2")
        .map(|row| {
            let number = |column: usize| row[column].parse::<f64>().expect("a number");
            let distance = number(12) / 2.0 + number(13) + number(14) / 2.0 + number(15);
            (number(11), distance, row[4].parse().expect("a stratum"), row[16].to_owned())
        })
        .collect()
}

#[test]
fn chronyd_and_ntpdig_see_the_served_clock_within_its_bound_and_refuse_it_before_it_is_known() {
    const OFFSET: f64 = 12.5;
    const SERVER: &str = "10.71.0.2";
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let serving =
        Options { reference_offset: "12.5s", more: "[ntp.server]\nlisten = [\"10.71.0.2:123\"]", ..Options::default() };
    let mut daemon = Daemon::start(&lab, &slave, serving);

    let chronyd = start_chronyd(&lab, &master, SERVER, 5);
    let (worked, output) = ntpdig(&master, SERVER);
    assert!(!worked && output.contains("no eligible servers"), "ntpdig believes it: {output}");
    let header = ask_ntp(&master, SERVER, 4, 3);
    assert_eq!((header.leap, header.stratum, &header.reference_id), (LeapIndicator::Unknown, 0, b"INIT"));
    let measured = finish_chronyd(chronyd);
    assert!(!measured.printed.contains("System clock wrong by"), "chronyd believes it: {}", measured.printed);
    let status = daemon.status();
    assert_eq!(status.state, SyncState::NeverSynced);
    let server = status.ntp_server.expect("it is configured");
    assert!(server.answered > 2 && server.stratum.is_none(), "chronyd and ntpdig were answered: {server:?}");

    let config = GrandmasterConfig { time_offset: Duration::from_millis(12_500), ..embedded::config(4) };
    let grandmaster = Embedded::start(&master, "va", config);
    daemon.wait_for_lock(&grandmaster.identity);
    let chronyd = start_chronyd(&lab, &master, SERVER, 10);
    let (worked, output) = ntpdig(&master, SERVER);
    println!("ntpdig: {}", output.trim());
    assert!(worked && output.contains("\"stratum\":1,\"leap\":\"no-leap\""), "{output}");
    // What ntpdig calls the precision is its root distance.
    let (offset, distance) = (number_after(&output, "\"offset\":"), number_after(&output, "\"precision\":"));
    assert!((offset - OFFSET).abs() <= distance && distance < 0.02, "{output}");

    let measured = finish_chronyd(chronyd);
    let printed = &measured.printed;
    let wrong_by = number_after(printed, "System clock wrong by ");
    println!("chronyd: system clock wrong by {wrong_by} s");
    assert!((wrong_by - OFFSET).abs() < 0.005, "{printed}");
    let rows = measurements(&measured.measurements);
    assert!(rows.len() >= 3, "chronyd measured too little:\n{}", measured.measurements);
    for (offset, distance, stratum, refid) in rows {
        let error = offset.abs() - OFFSET;
        assert!(error.abs() <= distance, "chronyd is {error} s off and believes in {distance} s: {measured:?}");
        assert_eq!((stratum, refid.as_str()), (1, "50545000"), "{measured:?}");
    }

    let header = ask_ntp(&master, SERVER, 4, 3);
    assert_eq!((header.leap, header.stratum, &header.reference_id), (LeapIndicator::NoWarning, 1, b"PTP\0"));
    let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
    assert!(claimed > Duration::ZERO && claimed < Duration::from_millis(10), "root distance {claimed}");
    let status = daemon.status_by_command();
    print_figures("NTP server", &status);
    assert_bound_held(&status);
    assert_eq!(status.ntp_server.and_then(|server| server.stratum), Some(1));
    daemon.end();
}

/// Requests of all versions and of both modes that are answered.
fn ask_in_all_ways(space: &Space, server: &str, stratum: u8) {
    for version in 1..=4 {
        for mode in [3, 1] {
            assert_eq!(ask_ntp(space, server, version, mode).stratum, stratum);
        }
    }
    // Version 1 as it was before there were modes (RFC 1059).
    assert_eq!(ask_ntp(space, server, 1, 0).stratum, stratum);
}

/// What tshark cannot read, or warns of.
const COMPLAINTS: &str = "_ws.malformed || _ws.expert.severity >= 6291456";

/// Values of a field, written in hexadecimal, in the packets from an address.
fn values(file: &std::path::Path, address: &str, field: &str) -> BTreeSet<u8> {
    let number = |text: &String| u8::from_str_radix(text.trim_start_matches("0x"), 16).expect("a hexadecimal number");
    dissect(file, &format!("ip.src == {address} && {field}"), &[field]).iter().map(number).collect()
}

#[test]
fn every_message_that_we_send_is_read_by_tshark_without_a_complaint() {
    const MASTER: &str = "10.71.0.1";
    const SLAVE: &str = "10.71.0.2";
    const HALF_A_SYNC: &[u8] = b"\x00\x12\x00\x2cis cut off here";
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let at_master = Capture::start(&lab, &master, "va");
    let at_slave = Capture::start(&lab, &slave, "vb");
    let serving = Options { more: "[ntp.server]\nlisten = [\"10.71.0.2:123\"]", ..Options::default() };
    let mut daemon = Daemon::start(&lab, &slave, serving);
    ask_in_all_ways(&master, SLAVE, 0);
    let two_step = Embedded::start(&master, "va", embedded::config(5));
    daemon.wait_for_lock(&two_step.identity);
    ask_in_all_ways(&master, SLAVE, 1);
    drop(two_step);
    let one_step = GrandmasterConfig { two_step: false, ..embedded::config(6) };
    let one_step = Embedded::start(&master, "va", one_step);
    daemon.wait_for_lock(&one_step.identity);
    assert_bound_held(&daemon.status());
    // The first half of a Sync, to see that tshark does complain.
    let broken = master.inside(|| std::net::UdpSocket::bind((MASTER, 0)).expect("a socket"));
    broken.send_to(HALF_A_SYNC, (SLAVE, 319)).expect("the cable is there");
    daemon.wait("the broken message is counted", |status| {
        port(status).counters.iter().any(|(name, count)| name.contains("malformed") && *count == 1)
    });
    daemon.end();
    let [at_master, at_slave] = [at_master, at_slave].map(|capture| capture.finish_after(HALF_A_SYNC));

    let complaint = ["ip.src", "udp.srcport", "udp.dstport", "_ws.expert.message"];
    let broken_port = broken.local_addr().expect("bound").port().to_string();
    let complaints = dissect(&at_slave, COMPLAINTS, &complaint);
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].starts_with(&format!("{MASTER}|{broken_port}|319|")), "{complaints:#?}");
    let complaints = dissect(&at_master, &format!("ip.src == {SLAVE} && ({COMPLAINTS})"), &complaint);
    assert!(complaints.is_empty(), "{complaints:#?}");

    // Sync, Follow_Up, Delay_Resp and Announce one way, Delay_Req the other.
    assert_eq!(values(&at_slave, MASTER, "ptp.v2.messagetype"), BTreeSet::from([0x0, 0x8, 0x9, 0xb]));
    assert_eq!(values(&at_master, SLAVE, "ptp.v2.messagetype"), BTreeSet::from([0x1]));
    let syncs = |two_step: u8| {
        let filter = format!("ptp.v2.messagetype == 0 && ptp.v2.flags.twostep == {two_step} && ip.src == {MASTER}");
        dissect(&at_slave, &filter, &["ptp.v2.sequenceid"]).len()
    };
    assert!(syncs(0) > 8 && syncs(1) > 8, "{} one-step, {} two-step", syncs(0), syncs(1));
    // Leap 0 and 3 (unsynchronised), versions 1 to 4, modes 4 and 2.
    let ways = [0, 3].into_iter().flat_map(|leap| (1..=4).map(move |version| leap << 6 | version << 3));
    let expected: BTreeSet<u8> = ways.flat_map(|way| [way | 4, way | 2]).collect();
    assert_eq!(values(&at_master, SLAVE, "ntp.flags"), expected);
}

#[test]
fn a_master_of_another_domain_or_sdo_id_is_named_and_not_followed() {
    let mut lab = Lab::beside_others();
    let cases = [
        (&["--domainNumber=24", "--logAnnounceInterval=-1"], "domain 24, sdoId 0x000"),
        (&["--transportSpecific=1", "--logAnnounceInterval=-1"], "domain 0, sdoId 0x100"),
    ];
    let pairs = cases.map(|case| (lab.pair(), case));
    let mut running = pairs.map(|((master, slave), (options, heard))| {
        (ptp4l(&lab, &master, "va", options), Daemon::start(&lab, &slave, Options::default()), heard)
    });
    for (_, daemon, heard) in &mut running {
        let status = daemon
            .wait(&format!("{heard} is heard"), |status| port(status).heard.iter().any(|line| line.contains(*heard)));
        assert_eq!((port(&status).port_state.as_str(), status.state), ("LISTENING", SyncState::NeverSynced));
    }
    // Long enough for what is announced twice a second to be followed, if it were.
    std::thread::sleep(Timeout::from_secs(2));
    for (_, daemon, _) in &mut running {
        let status = daemon.status();
        assert_eq!((port(&status).port_state.as_str(), status.state), ("LISTENING", SyncState::NeverSynced));
        assert!(port(&status).parent.is_none() && status.clock.steps == 0, "{status:#?}");
    }
}

#[test]
fn an_interface_that_comes_late_and_goes_away_is_waited_for() {
    const MASTER: [&str; 2] = ["--priority1=10", "--logAnnounceInterval=-1"];
    let mut lab = Lab::beside_others();
    let (master, slave) = (lab.space(), lab.space());
    let mut daemon = Daemon::start(&lab, &slave, Options::default());
    let is_missing = |status: &Status| {
        port(status).waiting_for.as_ref().is_some_and(|what| what.starts_with("interface vb does not exist yet"))
    };
    daemon.wait("it waits for the interface", is_missing);

    join_pair(&master, &slave);
    let first = ptp4l(&lab, &master, "va", &MASTER);
    let locked = daemon.wait_for_lock(&ptp4l_identity(1));
    assert_eq!(port(&locked).waiting_for, None);

    slave.ip("link del vb");
    drop(first);
    let status = daemon.wait("it waits for the interface again", is_missing);
    assert!(port(&status).parent.is_none(), "{status:#?}");
    let status = daemon.wait("the clock holds over", |status| status.state == SyncState::Holdover);
    assert!(status.clock.bound_s.is_some(), "{status:#?}");

    join_pair(&master, &slave);
    let _second = ptp4l(&lab, &master, "va", &MASTER);
    daemon.wait_for_lock(&ptp4l_identity(1));

    slave.ip("link set vb down");
    daemon.wait("the clock holds over", |status| status.state == SyncState::Holdover);
    slave.ip("link set vb up");
    let start = Instant::now();
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    println!("locked {:?} after the link was up again", start.elapsed());
    assert!(start.elapsed() < PATIENCE);
    print_figures("interface", &status);
    assert_bound_held(&status);
    assert_eq!(status.clock.steps, locked.clock.steps, "no step after the first");
    daemon.end();
}
