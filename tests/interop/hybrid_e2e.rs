//! Hybrid E2E beside ptp4l's: Sync to all, Delay_Req and its answer to one.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration as Timeout, Instant};

use synchronome::observe::Status;

use super::daemon::{Daemon, Options, assert_bound_held, port};
use super::lab::Lab;
use super::ntp::{Closed, chronyd_server};
use super::running::{Capture, dissect, ptp4l, ptp4l_slave};
use super::{COMPLAINTS, ptp4l_identity};

pub fn count(status: &Status, name: &str) -> u64 {
    let counters = &port(status).counters;
    counters.iter().find(|(known, _)| known.as_str() == name).map_or(0, |(_, count)| *count)
}

/// To whom messages of a type go from an address, and their unicastFlag.
pub fn destinations(capture: &Path, from: &str, message_type: u8) -> BTreeSet<String> {
    let filter = format!("ptp.v2.messagetype == {message_type} && ip.src == {from}");
    dissect(capture, &filter, &["ip.dst", "ptp.v2.flags.unicast"]).into_iter().collect()
}

pub const HYBRID: &str = "hybrid = true\ndelay_req_interval = -3";

#[test]
fn where_the_master_cannot_be_reached_alone_the_group_is_asked() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let _closed = Closed::ports(&master, "input", "319 ip daddr 10.71.0.1");
    let options = ["--hybrid_e2e=1", "--priority1=10", "--logAnnounceInterval=0"];
    let _ptp4l = ptp4l(&lab, &master, "va", &options);
    let mut daemon = Daemon::start(&lab, &slave, Options { port: HYBRID, ..Options::default() });
    let start = Instant::now();
    let status = daemon.wait_for_lock(&ptp4l_identity(1));
    println!("hybrid E2E, closed: LOCKED after {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(count(&status, "hybrid_fallback"), 1, "{status:#?}");
    assert!(count(&status, "received_delay_resp") > 0, "{status:#?}");
    assert_bound_held(&status);
    daemon.end();
}

#[test]
fn a_slave_of_ptp4l_in_hybrid_mode_is_answered_by_our_master_alone() {
    let mut lab = Lab::beside_others();
    let (top, between, inside) = lab.row();
    inside.ip("link set vd address 02:00:0a:47:00:05");
    between.ip("address add 10.72.0.1/24 dev vc");
    inside.ip("address add 10.72.0.2/24 dev vd");
    let capture = Capture::start(&lab, &inside, "vd");
    let _upstream = chronyd_server(&lab, &top, "10.71.0.1");
    let role = "role = \"master\"\nannounce_interval = -2\nsync_interval = -3\ndelay_req_interval = -3";
    let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
    let mut daemon = Daemon::start(&lab, &between, Options { interface: "vc", port: role, more, ..Options::default() });
    let mut slave = ptp4l_slave(&lab, &inside, "vd", &["--hybrid_e2e=1"]);
    daemon.wait("the clock is served", |status| port(status).port_state == "MASTER");
    let start = Instant::now();
    while slave.printed().matches("master offset").count() < 8 {
        slave.assert_alive();
        assert!(start.elapsed() < Timeout::from_mins(1), "ptp4l measures nothing:\n{}", slave.printed());
        std::thread::sleep(Timeout::from_millis(100));
    }
    let status = daemon.status();
    println!("hybrid E2E as a master: {} requests answered to one", count(&status, "sent_delay_resp"));
    assert_bound_held(&status);
    daemon.end();
    drop(slave);
    // The slave's clockIdentity.
    let capture = capture.finish_after(&[0x02, 0x00, 0x0a, 0xff, 0xfe, 0x47, 0x00, 0x05]);
    assert_eq!(destinations(&capture, "10.72.0.2", 1), BTreeSet::from(["10.72.0.1|1".to_owned()]));
    assert_eq!(destinations(&capture, "10.72.0.1", 9), BTreeSet::from(["10.72.0.2|1".to_owned()]));
    let interval = dissect(&capture, "ptp.v2.messagetype == 9", &["ptp.v2.logmessageperiod"]);
    assert!(interval.len() >= 8 && interval.iter().all(|interval| interval == "127"), "{interval:?}");
    let complaints = dissect(&capture, &format!("ip.src == 10.72.0.1 && ({COMPLAINTS})"), &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
