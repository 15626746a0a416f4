//! Fixed roles beside ptp4l's own configurations of the automotive profile.

use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, port, print_figures, truth};
use super::lab::Lab;
use super::masters::{offsets, wait_for_offsets};
use super::ntp::chronyd_server;
use super::running::{Capture, dissect, installed_configuration, ptp4l, ptp4l_slave};
use super::{COMPLAINTS, ptp4l_identity, ptp4l_octets, settle};

/// TAI - UTC: what ptp4l, whose clock counts UTC here, is off by from a master that sends TAI and does not say so.
pub const TAI_UTC_NS: i64 = 37_000_000_000;

const OURS: &str = "profile = \"automotive\"\nneighbor_delay_max = \"20ms\"\narb_timescale = \"utc\"\n";

#[test]
fn a_slave_with_a_fixed_role_follows_ptp4l_with_its_automotive_master_configuration() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let capture = Capture::start(&lab, &slave, "vb");
    let file = installed_configuration("automotive-master");
    let mut ptp4l = ptp4l(&lab, &master, "va", &["-f", &file, "-2", "-P"]);
    let mut daemon = Daemon::start(&lab, &slave, Options { port: OURS, ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let status = settle(&mut daemon, 10);
    print_figures("automotive slave", &status);
    ptp4l.assert_alive();
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    assert!(truth(&status).rms_s.is_some_and(|rms| rms < 50e-6), "{status:#?}");
    assert!(!port(&status).counters.contains_key("received_announce"), "{status:#?}");
    // Once it has been LOCKED for a while it asks for a Sync a second, and is sent that. Whether it has asked for what it needs at first, too,
    // depends on whether it was LOCKED before it came to that.
    let asked = |status: &Status| port(status).counters.get("interval_asked").copied().unwrap_or(0);
    let heeded = daemon.wait("it is sent what it has asked for", |status| port(status).sync_interval_s == Some(1.0));
    let status = settle(&mut daemon, 8);
    assert_eq!(asked(&status), asked(&heeded), "what it asked for came: {status:#?}");
    assert!((1..=2).contains(&asked(&status)), "{status:#?}");
    let requests = asked(&status);
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    daemon.end();
    let capture = capture.finish_after(ptp4l_octets());
    let announces = dissect(&capture, "ptp.v2.messagetype == 0xb", &["frame.number"]);
    assert!(announces.is_empty(), "{announces:?}");
    let syncs = dissect(&capture, "ptp.v2.messagetype == 0x0", &["ptp.v2.logmessageperiod"]);
    assert!(syncs.first().is_some_and(|first| first.starts_with("-3")), "{syncs:?}");
    assert!(syncs.last().is_some_and(|last| last.starts_with('0')), "{syncs:?}");
    let of_asking = format!("ptp.v2.messagetype == 0xc && ({COMPLAINTS})");
    assert_eq!(dissect(&capture, "ptp.v2.messagetype == 0xc", &["frame.number"]).len() as u64, requests);
    assert!(dissect(&capture, &of_asking, &["_ws.expert.message"]).is_empty(), "it dissects cleanly");
}

#[test]
fn ptp4l_with_its_automotive_slave_configuration_follows_a_master_with_a_fixed_role() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair();
    let _upstream = chronyd_server(&lab, &master, "127.0.0.1");
    let more = "[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n";
    let options = format!("role = \"master\"\n{OURS}");
    let mut daemon =
        Daemon::start(&lab, &master, Options { interface: "va", port: &options, more, ..Options::default() });
    let capture = Capture::start(&lab, &slave, "vb");
    let file = installed_configuration("automotive-slave");
    let mut ptp4l = ptp4l_slave(&lab, &slave, "vb", &["-f", &file, "-2", "-P"]);
    daemon.wait("the clock is LOCKED and served", |status| {
        status.state == SyncState::Locked && port(status).port_state == "MASTER"
    });
    wait_for_offsets(&mut ptp4l, 20);
    let status = daemon.status();
    let mut errors: Vec<i64> = offsets(&ptp4l, 8).iter().map(|ns| (ns + TAI_UTC_NS).abs()).collect();
    errors.sort_unstable();
    let (median, bound) = (errors[errors.len() / 2] as f64 * 1e-9, status.clock.bound_s.expect("it is LOCKED"));
    println!("automotive master: {:.1} us median of {}; our bound {:.1} us", median * 1e6, errors.len(), bound * 1e6);
    assert!(median < bound + 50e-6, "{median} s of {bound} s");
    assert!(port(&status).neighbor.is_none() && port(&status).heard.is_empty(), "{status:#?}");
    daemon.end();
    let capture = capture.finish_after(&[0x02, 0x00, 0x0a, 0x47, 0x00, 0x01, 0x00, 0x00]);
    let ours = "eth.src == 02:00:0a:47:00:01";
    let kinds =
        |kind: &str| dissect(&capture, &format!("{ours} && ptp.v2.messagetype == {kind}"), &["frame.number"]).len();
    assert_eq!((kinds("0xb"), kinds("0x2")), (0, 0), "neither Announce nor Pdelay_Req");
    assert!(kinds("0x0") >= 8 && kinds("0x8") >= 8 && kinds("0x3") >= 1, "Sync, Follow_Up and Pdelay_Resp");
    let complaints = dissect(&capture, &format!("{ours} && ({COMPLAINTS})"), &["_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");
}
