//! A ptp4l grandmaster beside three chronyd servers, one of which is off by its own configuration: who steers, when the others take over, and how wrong the clock is meanwhile.

use std::time::{Duration as Timeout, Instant};

use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, print_figures, truth};
use super::lab::{Lab, Space};
use super::ntp::{Closed, chronyd_off_by, chronyd_server, source};
use super::running::{Running, always_master, ptp4l};

/// At eight Syncs a second another source is to steer 2.5 s after the last one; the rest is what a busy machine adds.
const HANDED_OVER: Timeout = Timeout::from_millis(4_500);
/// Both ways, the steering clock's error is that of software stamps on a busy machine.
const ERROR_MAX_S: f64 = 2e-3;

/// From when a clock is set five minutes wrong until it is right again.
const RECOVERED: Timeout = Timeout::from_secs(6);

fn grandmaster(lab: &Lab, space: &Space) -> Running {
    ptp4l(lab, space, "va", &["--logAnnounceInterval=-1", always_master()])
}

fn steers(status: &Status, name: &str) -> bool {
    source(status, name).is_steering
}

fn ntp_steers(status: &Status) -> bool {
    steers(status, "10.71.0.1") || steers(status, "10.71.0.3")
}

/// Waits until a server steers that was none of PTP's, and says how long it took.
fn handed_over(daemon: &mut Daemon, why: &str) -> Status {
    let lost = Instant::now();
    let status = daemon.wait("a server steers", ntp_steers);
    let took = lost.elapsed();
    println!("hybrid: {why}: a server steers after {:.2} s, in {}", took.as_secs_f64(), status.state);
    assert!(took <= HANDED_OVER, "{why}: it took {took:?}");
    assert!(status.state.is_synchronised(), "{status:#?}");
    status
}

#[test]
fn ptp_steers_beside_real_servers_which_take_over_and_give_back_without_a_step() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair_with(&[3, 4]);
    let _servers = ["10.71.0.1", "10.71.0.3"].map(|address| chronyd_server(&lab, &master, address));
    // By 50 ms, and honest otherwise: leap, stratum and root distance are as they should be.
    let _wrong = chronyd_off_by(&lab, &master, "10.71.0.4", 0.05);
    let first = grandmaster(&lab, &master);
    let servers = [1, 3, 4].map(|host| format!("[[ntp.source]]\naddress = \"10.71.0.{host}\"\npoll = 0\n"));
    let more = format!("[selection]\nhold_off = \"2s\"\n{}", servers.concat());
    let mut daemon = Daemon::start(&lab, &slave, Options { more: &more, ..Options::default() });

    let before = daemon.wait("PTP steers, and the wrong server is found out", |status| {
        let wrong = source(status, "10.71.0.4").verdict == "falseticker";
        status.state == SyncState::Locked && steers(status, "vb") && wrong && truth(status).samples > 0
    });
    let wrong = source(&before, "10.71.0.4");
    println!("hybrid: {}; off by {:?} s to within {:?} s", wrong.reason, wrong.offset_s, wrong.distance_s);
    let off = wrong.offset_s.expect("it was measured").abs();
    assert!((off - 0.05).abs() < wrong.distance_s.expect("with its interval") && off > 0.03, "{wrong:#?}");
    assert_eq!(source(&before, "10.71.0.1").verdict, "agrees", "{before:#?}");

    // It dies, and is started again.
    drop(first);
    handed_over(&mut daemon, "the grandmaster is gone");
    std::thread::sleep(Timeout::from_secs(3));
    print_figures("hybrid: by the servers", &daemon.status());
    let back = Instant::now();
    let _again = grandmaster(&lab, &master);
    daemon.wait("PTP steers again", |status| steers(status, "vb") && status.state == SyncState::Locked);
    println!("hybrid: PTP steers again {:.1} s after it was started", back.elapsed().as_secs_f64());

    // A firewall closes PTP's ports, and opens them again.
    let closed = Closed::ports(&slave, "input", "319-320");
    handed_over(&mut daemon, "its ports are closed");
    drop(closed);
    daemon.wait("PTP steers once more", |status| steers(status, "vb") && status.state == SyncState::Locked);

    // And the servers': PTP goes on, and who does not answer has no vote.
    let closed = Closed::at(&slave, "output");
    daemon.wait("the servers are silent", |status| source(status, "10.71.0.1").verdict == "silent");
    let status = daemon.status();
    assert!(steers(&status, "vb") && status.state == SyncState::Locked, "{status:#?}");
    drop(closed);
    daemon.wait("they are judged as before", |status| {
        let agrees = |address| source(status, address).verdict == "agrees";
        agrees("10.71.0.1") && agrees("10.71.0.3") && source(status, "10.71.0.4").verdict == "falseticker"
    });

    let status = daemon.status_by_command();
    print_figures("hybrid", &status);
    assert_bound_held(&status);
    assert_eq!(status.clock.steps, before.clock.steps, "no hand-over is a step");
    assert!(truth(&status).max_s.is_some_and(|max| max < ERROR_MAX_S), "{status:#?}");
    daemon.end();
}

#[test]
fn a_clock_that_is_set_five_minutes_wrong_is_right_again_within_seconds_by_real_servers() {
    let mut lab = Lab::beside_others();
    let (master, slave) = lab.pair_with(&[3, 4]);
    let _servers = ["10.71.0.1", "10.71.0.3", "10.71.0.4"].map(|address| chronyd_server(&lab, &master, address));
    let servers = [1, 3, 4].map(|host| format!("[[ntp.source]]\naddress = \"10.71.0.{host}\"\npoll = 6\n"));
    let (clock, more) = ("step = { later = \"100ms\" }", servers.concat());
    let mut daemon = Daemon::start(&lab, &slave, Options { clock, more: &more, ..Options::default() });
    // Right, and known to be; LOCKED comes with the last message of the burst.
    let is_right = |status: &Status| {
        let is_near = truth(status).error_s.is_some_and(|error| error.abs() < ERROR_MAX_S);
        let is_known = status.clock.bound_s.is_some_and(|bound| bound < 10.0 * ERROR_MAX_S);
        is_near && is_known && status.sources.iter().any(|source| source.is_steering)
    };
    daemon.wait("it is right at first", is_right);
    for (times, by_ms) in [(1, 300_000), (2, -300_000)] {
        let before = daemon.status();
        let set = Instant::now();
        daemon.set_clock(by_ms);
        let told = |status: &Status, what: &str| status.events.iter().filter(|event| event.text.contains(what)).count();
        daemon.wait("it is seen", |status| told(status, "somebody set the system clock by ") == times);
        let seen = set.elapsed();
        let status =
            daemon.wait("it is right again", |status| is_right(status) && status.clock.steps > before.clock.steps);
        let took = set.elapsed();
        println!(
            "hybrid: set by {:+} s: seen after {:.2} s, right again to {:.1} us after {:.2} s, {} ({} step)",
            by_ms / 1_000,
            seen.as_secs_f64(),
            truth(&status).error_s.unwrap_or_default().abs() * 1e6,
            took.as_secs_f64(),
            status.state,
            status.clock.steps - before.clock.steps,
        );
        assert!(seen < Timeout::from_secs(1), "{seen:?}");
        assert!(took < RECOVERED, "{took:?}");
        assert_eq!(status.clock.steps, before.clock.steps + 1, "one step, and no slew of a week");
        assert!(truth(&status).violations <= truth(&before).violations + 1, "but for the moment before it was seen");
    }
    daemon.end();
}
