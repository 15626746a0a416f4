//! Our daemon as a PTP master between a grandmaster and a slave of ptp4l's; alone it is one in the matrix.
//!
//! The machine's clock is the truth: ptp4l's grandmaster serves it, and its slave, which may not set it, measures by it
//! what our daemon serves from its simulated clock.

use std::time::{Duration as Timeout, Instant};

use nix::sys::signal::Signal;
use synchronome::observe::Status;
use synchronome::observe::status::PortStatus;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, print_figures};
use super::lab::{Lab, Space};
use super::ptp4l_identity;
use super::running::{Running, ptp4l, ptp4l_slave};

/// The address of the port that serves, and of what is behind it.
pub fn second_cable(lab: &mut Lab, between: &Space) -> Space {
    let inside = lab.behind(between);
    between.ip("address add 10.72.0.1/24 dev vc");
    inside.ip("address add 10.72.0.2/24 dev vd");
    inside
}

pub fn of<'a>(status: &'a Status, interface: &str) -> &'a PortStatus {
    status.ptp.iter().find(|port| port.interface == interface).expect("a port")
}

/// The offsets that ptp4l printed after its first `skip` ones, in ns.
pub fn offsets(slave: &Running, skip: usize) -> Vec<i64> {
    let printed = slave.printed();
    let offsets = printed.lines().filter_map(|line| {
        let (_, rest) = line.split_once("master offset")?;
        rest.split_whitespace().next()?.parse().ok()
    });
    offsets.skip(skip).collect()
}

/// Waits until ptp4l follows us, and a few measurements more.
pub fn wait_for_offsets(slave: &mut Running, count: usize) {
    let start = Instant::now();
    while offsets(slave, 0).len() < count {
        slave.assert_alive();
        assert!(start.elapsed() < Timeout::from_mins(1), "ptp4l measures nothing:\n{}", slave.printed());
        std::thread::sleep(Timeout::from_millis(100));
    }
}

pub fn judge(what: &str, slave: &Running, skip: usize, status: &Status) {
    let mut errors: Vec<f64> = offsets(slave, skip).iter().map(|ns| ns.abs() as f64 * 1e-9).collect();
    errors.sort_by(f64::total_cmp);
    assert!(errors.len() >= 8, "{what}: {errors:?}");
    let (median, greatest) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    let bound = status.clock.bound_s.expect("it is synchronised");
    println!(
        "{what}: {} offsets of ptp4l's: {:.1} us median, {:.1} us at most; our bound {:.1} us",
        errors.len(),
        median * 1e6,
        greatest * 1e6,
        bound * 1e6
    );
    // What ptp4l measures has its own noise, of software stamps on a shared machine; half of its offsets have little of it.
    assert!(median < bound + 50e-6, "{what}: {median} s of {bound} s");
}

#[test]
fn a_boundary_clock_between_two_ptp4l_hands_its_grandmasters_time_on_and_takes_over_when_that_is_gone() {
    let mut lab = Lab::beside_others();
    let (top, between) = lab.pair();
    let inside = second_cable(&mut lab, &between);
    let mut grandmaster = ptp4l(&lab, &top, "va", &["--priority1=10", "--logAnnounceInterval=-1"]);
    let port = "role = \"auto\"\n[[ptp]]\ninterface = \"vc\"\nrole = \"auto\"\nannounce_interval = -2\nsync_interval = -3\ndelay_req_interval = -3\n";
    let mut daemon = Daemon::start(&lab, &between, Options { port, ..Options::default() });
    let mut slave = ptp4l_slave(&lab, &inside, "vd", &[]);

    let status = daemon.wait("the clock is LOCKED and served", |status| {
        status.state == SyncState::Locked && of(status, "vc").port_state == "MASTER"
    });
    assert_eq!(of(&status, "vb").port_state, "SLAVE");
    wait_for_offsets(&mut slave, 14);
    let status = daemon.status();
    print_figures("the boundary clock", &status);
    judge("behind a boundary clock", &slave, 4, &status);
    assert!(slave.printed().contains("selected best master clock"), "{}", slave.printed());

    // Without the grandmaster we are one ourselves: the slave hears of nobody's silence, and goes on.
    assert!(grandmaster.end_by(Signal::SIGTERM).success());
    let ended = Instant::now();
    daemon.wait("both ports are MASTER", |status| {
        ["vb", "vc"].iter().all(|name| of(status, name).port_state == "MASTER")
    });
    println!("both ports are MASTER {:.1} s after the grandmaster has ended", ended.elapsed().as_secs_f64());
    let known = offsets(&slave, 0).len();
    wait_for_offsets(&mut slave, known + 10);
    let status = daemon.status();
    assert_eq!(status.state, SyncState::Holdover);
    judge("behind it, held over", &slave, known, &status);
    assert!(!slave.printed().contains("FAULT_DETECTED"), "{}", slave.printed());

    // And slave again when a better one comes.
    let _grandmaster = ptp4l(&lab, &top, "va", &["--priority1=10", "--logAnnounceInterval=-1"]);
    let status = daemon
        .wait("it follows again", |status| status.state == SyncState::Locked && of(status, "vb").port_state == "SLAVE");
    assert_eq!(of(&status, "vc").port_state, "MASTER");
    let grandmaster = of(&status, "vb").grandmaster.as_ref().expect("it follows one");
    assert_eq!(grandmaster.identity, ptp4l_identity(1));
    assert_bound_held(&status);
    daemon.end();
}
