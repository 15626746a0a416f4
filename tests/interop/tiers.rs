//! Two tiers: an upstream server, our daemon that follows and serves, and clients behind it.
//!
//! The machine's clock is the truth. Upstream serves it; the clock of the middle is simulated, and so is the inner daemon's. A chronyd that only
//! measures (`-x`, `noselect`: it corrects nothing, not even in its head) sees by the machine's clock what the middle serves, so that each of its
//! samples is a true error beside the bound that the middle claims.

use std::path::PathBuf;
use std::time::{Duration as Timeout, Instant};

use nix::sys::signal::Signal;
use synchronome::observe::Status;
use synchronome::observe::status::NtpServedStatus;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held, print_figures};
use super::lab::{Lab, Space};
use super::ntp::{chronyd_server, source};
use super::running::{Running, unique_path};

/// The middle, as its clients know it.
const MIDDLE: &str = "10.72.0.1";

/// A chronyd that measures a server once a second, and the file in which it writes down how.
fn watcher(lab: &Lab, space: &Space, server: &str) -> (Running, PathBuf) {
    let logs = unique_path(lab, "chronyd", "logs");
    std::fs::create_dir(&logs).expect("a directory");
    let mut command = space.command("chronyd", "chrony");
    command.args(["-U", "-u", "root", "-x", "-d"]);
    command.arg(format!("server {server} noselect minpoll 0 maxpoll 0"));
    command.arg(format!("pidfile {}/chronyd.pid", logs.display()));
    command.arg(format!("logdir {}", logs.display()));
    command.args(["log rawmeasurements", "cmdport 0", "port 0", "bindcmdaddress /"]);
    (Running::start(lab, "chronyd", &mut command), logs.join("measurements.log"))
}

/// An answer of the middle, as chronyd wrote it down.
#[derive(Debug)]
struct Answer {
    leap: String,
    stratum: u8,
    /// The middle's true error, to within half of `delay_s`.
    error_s: f64,
    delay_s: f64,
    root_delay_s: f64,
    root_dispersion_s: f64,
    reference_id: String,
}

impl Answer {
    fn root_distance_s(&self) -> f64 {
        self.root_delay_s / 2.0 + self.root_dispersion_s
    }
}

/// Date, time, address, leap, stratum, three words of tests, two polls, score, offset, peer delay and dispersion, root delay and dispersion,
/// reference ID, ...
fn answers(log: &PathBuf) -> Vec<Answer> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() >= 17 && row[2] == MIDDLE)
        .map(|row| {
            let number = |column: usize| row[column].parse::<f64>().expect("a number");
            Answer {
                leap: row[3].to_owned(),
                stratum: row[4].parse().expect("a stratum"),
                error_s: number(11),
                delay_s: number(12),
                root_delay_s: number(14),
                root_dispersion_s: number(15),
                reference_id: row[16].to_owned(),
            }
        })
        .collect()
}

fn served(status: &Status) -> &NtpServedStatus {
    status.ntp_server.as_ref().and_then(|server| server.served.as_ref()).expect("it serves")
}

/// Leap 0, the stratum, the reference ID; its root distance covers what the one above claims.
fn assert_serves(status: &Status, stratum: u8, reference_id: &str, above_s: f64) {
    let served = served(status);
    let said = (served.leap, served.stratum, served.reference_id.as_str());
    assert_eq!(said, (0, stratum, reference_id), "{status:#?}");
    let distance = served.root_delay_s / 2.0 + served.root_dispersion_s;
    assert!(distance >= above_s && distance < 0.1, "{distance} s over {above_s} s: {status:#?}");
}

fn daemon(lab: &Lab, space: &Space, interface: &str, server: &str, listens: &str) -> Daemon {
    let more =
        format!("[[ntp.source]]\naddress = \"{server}\"\npoll = 0\n[ntp.server]\nlisten = [\"{listens}:123\"]\n");
    Daemon::start(lab, space, Options { interface, more: &more, ..Options::default() })
}

/// What it holds against each other are intervals, which a busy machine makes wider.
mod beside {
    use super::*;

    #[test]
    fn a_client_behind_our_server_knows_how_wrong_it_is_also_when_the_server_has_lost_its_own() {
        let mut lab = Lab::beside_others();
        let (top, between, inside) = lab.row();
        between.ip(&format!("address add {MIDDLE}/24 dev vc"));
        inside.ip("address add 10.72.0.2/24 dev vd");

        let mut upstream = chronyd_server(&lab, &top, "10.71.0.1");
        let mut middle = daemon(&lab, &between, "vb", "10.71.0.1", MIDDLE);
        middle.wait("the middle serves", |status| status.state.is_synchronised());
        let mut inner = daemon(&lab, &inside, "vd", MIDDLE, "10.72.0.2");
        middle.wait("the middle is LOCKED", |status| status.state == SyncState::Locked);
        let (mut chronyd, log) = watcher(&lab, &inside, MIDDLE);
        let status = inner.wait("the client behind it is LOCKED", |status| status.state == SyncState::Locked);
        println!("tiers: the client behind is LOCKED {:.1} s after its start", status.uptime_s);
        std::thread::sleep(Timeout::from_secs(4));

        // Each is one stratum further, names the one above, and is less sure than that.
        let (above, below) = (middle.status(), inner.status());
        print_figures("the middle", &above);
        print_figures("behind it", &below);
        let claimed = source(&above, "10.71.0.1").root_distance_s.expect("chronyd says it");
        assert_serves(&above, 2, "10.71.0.1", claimed);
        let claimed = source(&below, MIDDLE).root_distance_s.expect("the middle says it");
        assert_serves(&below, 3, MIDDLE, claimed);
        assert_eq!(source(&below, MIDDLE).stratum, Some(2));
        assert_eq!(source(&below, MIDDLE).reference_id.as_deref(), Some("10.71.0.1"));
        let known = answers(&log).len();

        assert!(upstream.end_by(Signal::SIGTERM).success());
        let ended = Instant::now();
        middle.wait("the middle holds over", |status| status.state == SyncState::Holdover);
        println!("tiers: HOLDOVER {:.1} s after upstream has ended", ended.elapsed().as_secs_f64());
        let before = served(&middle.status()).root_dispersion_s;
        std::thread::sleep(Timeout::from_secs(8));
        let (above, below) = (middle.status(), inner.status());
        print_figures("the middle, held over", &above);
        print_figures("behind it", &below);
        assert!(served(&above).root_dispersion_s > before, "{above:#?}");
        // The client goes on with it, and knows what it knows.
        assert_serves(&above, 2, "10.71.0.1", 0.0);
        assert_serves(&below, 3, MIDDLE, source(&below, MIDDLE).root_distance_s.expect("the middle says it"));
        assert!(source(&below, MIDDLE).is_steering && below.state.is_synchronised(), "{below:#?}");
        assert_bound_held(&above);
        assert_bound_held(&below);
        assert_eq!(below.clock.steps, 1, "{below:#?}");

        assert!(chronyd.end_by(Signal::SIGTERM).success());
        judge(&answers(&log), known);
        inner.end();
        middle.end();
    }
}

/// What chronyd saw of the middle; `known` answers came while it had its source.
fn judge(all: &[Answer], known: usize) {
    assert!(known >= 5 && all.len() >= known + 8, "{known} of {} answers:\n{all:#?}", all.len());
    let greatest = |of: &dyn Fn(&Answer) -> f64| all.iter().map(of).fold(0.0, f64::max);
    println!(
        "tiers: {} answers of the middle: {:.1} us off at most, of {:.1} us claimed at least; root dispersion from {:.1} us to {:.1} us",
        all.len(),
        greatest(&|answer| answer.error_s.abs()) * 1e6,
        all.iter().map(Answer::root_distance_s).fold(f64::INFINITY, f64::min) * 1e6,
        all[known - 1].root_dispersion_s * 1e6,
        all[all.len() - 1].root_dispersion_s * 1e6,
    );
    for answer in all {
        assert_eq!((answer.leap.as_str(), answer.stratum), ("N", 2), "{answer:#?}");
        assert_eq!(answer.reference_id, "0A470001", "{answer:#?}");
        assert!(answer.error_s.abs() <= answer.root_distance_s() + answer.delay_s / 2.0, "{answer:#?}");
    }
    // Without its source it is never surer again, and less sure in the end: on the wire that goes by steps of 15 us.
    let lost = &all[known..];
    assert!(lost.windows(2).all(|two| two[1].root_dispersion_s >= two[0].root_dispersion_s), "{lost:#?}");
    assert!(lost[lost.len() - 1].root_dispersion_s > lost[0].root_dispersion_s, "{lost:#?}");
}
