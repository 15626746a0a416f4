//! Unicast negotiation with ptp4l: our daemon as the slave of masters that it asks, and as the master that is asked.

use std::time::{Duration as Timeout, Instant};

use nix::sys::signal::Signal;
use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, port, print_figures, truth};
use super::lab::{Lab, Space};
use super::masters::{judge, second_cable, wait_for_offsets};
use super::ntp::{Closed, chronyd_server};
use super::running::{Running, always_master, ptp4l, ptp4l_slave, unique_path};
use super::{bridged, ptp4l_identity};

/// Both ways, the steering clock's error is that of software stamps on a busy machine.
const ERROR_MAX_S: f64 = 2e-3;
/// Three announce intervals of a quarter of a second, and up to one more; the rest is what a busy machine adds.
const HANDED_OVER: Timeout = Timeout::from_secs(4);

fn count(status: &Status, name: &str) -> u64 {
    port(status).counters.iter().find(|(known, _)| known.as_str() == name).map_or(0, |(_, count)| *count)
}

/// A ptp4l that grants what it is asked for, and sends nothing to the group.
fn master(lab: &Lab, space: &Space, family: &str, priority1: u8) -> Running {
    let priority1 = format!("--priority1={priority1}");
    let options =
        [family, "--unicast_listen=1", "--inhibit_multicast_service=1", "--logAnnounceInterval=-2", &priority1];
    ptp4l(lab, space, "va", &[&options[..], &[always_master()]].concat())
}

fn follows_by_unicast(transport: &str, family: &str, addresses: [&str; 2]) {
    let mut lab = Lab::beside_others();
    let [first, second, slave] = bridged(&mut lab);
    for (space, interface, address) in [(&first, "va", addresses[0]), (&second, "va", addresses[1])] {
        if address.contains(':') {
            space.ip(&format!("address add {address}/64 dev {interface} nodad"));
        }
    }
    if transport == "udp6" {
        slave.ip("address add fd71::2/64 dev vb nodad");
    }
    let best = master(&lab, &first, family, 10);
    let _other = master(&lab, &second, family, 20);
    // The shortest contract that can be asked for: it is renewed twice while we look.
    let options = format!(
        "transport = \"{transport}\"\nunicast_masters = [\"{}\", \"{}\"]\nunicast_duration = \"10s\"\n\
         announce_interval = -2\nsync_interval = -3\ndelay_req_interval = -3\n",
        addresses[0], addresses[1]
    );
    let mut daemon = Daemon::start(&lab, &slave, Options { port: &options, ..Options::default() });
    let locked = daemon.wait_for_lock(&ptp4l_identity(1));
    assert_eq!(count(&locked, "unicast_denied"), 0);
    let start = Instant::now();
    // One Announce of each, Sync and Delay_Resp of the one: four contracts, and each twice more.
    let renewed = daemon.wait("the contracts are renewed", |status| {
        count(status, "unicast_granted") >= 12 && start.elapsed() > Timeout::from_secs(11)
    });
    print_figures(&format!("unicast over {transport}"), &renewed);
    for name in ["unicast_expired", "unicast_forgotten", "unicast_cancelled", "announce_receipt_timeout"] {
        assert_eq!(count(&renewed, name), 0, "{name}: {renewed:#?}");
    }
    assert!(truth(&renewed).rms_s.expect("samples") < ERROR_MAX_S);
    assert!(count(&renewed, "received_sync") > 80, "{renewed:#?}");

    best.signal(Signal::SIGKILL);
    let killed = Instant::now();
    let status = daemon.wait("the other master is followed", |status| {
        super::daemon::follows(status, &ptp4l_identity(3)) && port(status).port_state == "SLAVE"
    });
    let took = killed.elapsed();
    println!(
        "unicast over {transport}: the other master is followed {:.2} s after the first was killed",
        took.as_secs_f64()
    );
    assert!(took < HANDED_OVER, "{took:?}");
    assert_eq!(count(&status, "announce_receipt_timeout"), 1);

    // A master that is back is asked again, and preferred again.
    let _best = master(&lab, &first, family, 10);
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    assert!(truth(&status).max_s.expect("samples") < 1.5, "{status:#?}");
    assert_bound_held(&status);
    daemon.end();
}

#[test]
fn a_slave_asks_ptp4l_over_udp4_renews_and_goes_to_the_other_master_of_its_table() {
    follows_by_unicast("udp4", "-4", ["10.71.0.1", "10.71.0.3"]);
}

#[test]
fn a_slave_asks_ptp4l_over_udp6_renews_and_goes_to_the_other_master_of_its_table() {
    follows_by_unicast("udp6", "-6", ["fd71::1", "fd71::3"]);
}

#[test]
fn a_master_that_does_not_answer_or_grants_and_sends_no_sync_is_left_for_the_next_one_of_the_table() {
    let mut lab = Lab::beside_others();
    let [first, second, slave] = bridged(&mut lab);
    // Better, and without `unicast_listen`: it heeds no request.
    let deaf = ptp4l(&lab, &first, "va", &["--priority1=10", "--logAnnounceInterval=-2", always_master()]);
    let _other = master(&lab, &second, "-4", 20);
    let options = "unicast_masters = [\"10.71.0.1\", \"10.71.0.3\"]\nannounce_interval = -2\nsync_interval = -3\n\
                   delay_req_interval = -3\n";
    let mut daemon = Daemon::start(&lab, &slave, Options { port: options, ..Options::default() });
    let status = daemon.wait_for_lock(&ptp4l_identity(3));
    assert!(count(&status, "unicast_stranger") + count(&status, "unicast_unwanted") > 0, "its Announce go to all");
    assert_eq!(count(&status, "unicast_unfit"), 0, "nobody has failed who has granted nothing: {status:#?}");
    drop(deaf);

    // It grants all that it is asked for, and its event messages do not arrive.
    let closed = Closed::ports(&slave, "input", "319 ip saddr 10.71.0.1");
    let _best = master(&lab, &first, "-4", 10);
    let follows = |status: &Status, host| super::daemon::follows(status, &ptp4l_identity(host));
    daemon.wait("the better one is followed", |status| follows(status, 1));
    let began = Instant::now();
    daemon.wait("it is left", |status| count(status, "unicast_unfit") == 1 && follows(status, 3));
    println!("unicast: without Sync the better one is left after {:.1} s", began.elapsed().as_secs_f64());
    assert!(began.elapsed() < Timeout::from_secs(12), "{:?}", began.elapsed());
    let failed = |line: &String| line.contains(&ptp4l_identity(1)) && line.contains("it has failed");
    daemon.wait("and it is said why", |status| port(status).heard.iter().any(failed));
    let status = daemon.wait_for_lock(&ptp4l_identity(3));
    assert_bound_held(&status);
    drop(closed);
    // And followed when it has waited.
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    assert!((10.0..30.0).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    assert_bound_held(&status);
    daemon.end();
}

/// A ptp4l that follows whom it asks: the slave-only side of its unicast.
fn asking_ptp4l(lab: &Lab, space: &Space, family: &str, master: &str) -> Running {
    let file = unique_path(lab, "unicast", "cfg");
    let table = if family == "-6" { "UDPv6" } else { "UDPv4" };
    let text = format!(
        "[global]\n[unicast_master_table]\ntable_id 1\nlogQueryInterval 0\n{table} {master}\n[vd]\nunicast_master_table 1\n\
         unicast_req_duration 10\n"
    );
    std::fs::write(&file, text).expect("a file");
    let file = format!("{}", file.display());
    let options = ["-f", &file, family, "--logAnnounceInterval=-2", "--inhibit_multicast_service=1"];
    ptp4l_slave(lab, space, "vd", &options)
}

fn serves_by_unicast(transport: &str, family: &str) {
    let mut lab = Lab::beside_others();
    let (top, between) = lab.pair();
    let inside = second_cable(&mut lab, &between);
    between.ip("address add fd72::1/64 dev vc nodad");
    inside.ip("address add fd72::2/64 dev vd nodad");
    let _upstream = chronyd_server(&lab, &top, "10.71.0.1");
    let options = format!(
        "role = \"master\"\ntransport = \"{transport}\"\nannounce_interval = -2\nsync_interval = 1\ndelay_req_interval = -3\n\
         unicast_clients = 4\n"
    );
    let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
    let mut daemon =
        Daemon::start(&lab, &between, Options { interface: "vc", port: &options, more, ..Options::default() });
    let address = if family == "-6" { "fd72::1" } else { "10.72.0.1" };
    let mut slave = asking_ptp4l(&lab, &inside, family, address);
    daemon.wait("the clock is LOCKED and served", |status| {
        status.state == SyncState::Locked && port(status).port_state == "MASTER"
    });
    wait_for_offsets(&mut slave, 14);
    let status = daemon.status();
    print_figures(&format!("a unicast master over {transport}"), &status);
    judge(&format!("behind a unicast master over {transport}"), &slave, 4, &status);
    // ptp4l asks for one Sync a second; contracts of 10 s are renewed.
    assert!(count(&status, "sent_sync") >= 14, "{status:#?}");
    assert!(count(&status, "unicast_served") >= 6, "{status:#?}");
    for name in ["unicast_ended", "tx_stamp_missing", "unicast_malformed"] {
        assert_eq!(count(&status, name), 0, "{name}: {status:#?}");
    }
    assert!(count(&status, "sent_delay_resp") >= 14, "{status:#?}");
    assert_bound_held(&status);
    daemon.end();
}

#[test]
fn ptp4l_asks_our_daemon_over_udp4_and_udp6_and_is_as_right_as_we_claim() {
    serves_by_unicast("udp4", "-4");
    serves_by_unicast("udp6", "-6");
}
