//! Fights over who is master: three and five clocks on one bridge, ours and ptp4l's. They must end in the tree that the data sets
//! say, also after the best has gone, and when it comes back.

use std::time::{Duration as Timeout, Instant};

use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, PATIENCE, assert_bound_held, port};
use super::lab::{End, Lab, Space, connect};
use super::ntp::chronyd_server;
use super::ptp4l_identity;
use super::running::{Running, ptp4l};

/// Each announce interval: a timeout is three of them, and up to one more at random.
const ANNOUNCE_INTERVAL: i8 = -2;
/// How often everybody is looked at.
const LOOK_EVERY: Timeout = Timeout::from_millis(200);

/// The last octet of a clock's address is its priority1 too: the lower number is the better clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Clock {
    Ours(u8),
    Ptp4l(u8),
}

impl Clock {
    const fn host(self) -> u8 {
        match self {
            Self::Ours(host) | Self::Ptp4l(host) => host,
        }
    }

    /// As each of the two makes it of the address.
    fn identity(self) -> String {
        match self {
            Self::Ours(host) => format!("02000a.4700.{host:02x}0000"),
            Self::Ptp4l(host) => ptp4l_identity(host),
        }
    }
}

enum Fighter {
    Ours(Daemon),
    Ptp4l(Running),
}

/// A clock that takes part, or could.
struct Corner {
    clock: Clock,
    space: Space,
    /// `None`: it has gone.
    fighter: Option<Fighter>,
}

/// What a clock says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stand {
    Master,
    Follows(String),
    Undecided,
}

impl Corner {
    fn enter(&mut self, lab: &Lab) {
        let interval = format!("--logAnnounceInterval={ANNOUNCE_INTERVAL}");
        self.fighter = Some(match self.clock {
            Clock::Ptp4l(host) => {
                Fighter::Ptp4l(ptp4l(lab, &self.space, "va", &[&format!("--priority1={host}"), &interval]))
            }
            Clock::Ours(host) => {
                let port = format!(
                    "role = \"auto\"\nannounce_interval = {ANNOUNCE_INTERVAL}\nsync_interval = -3\ndelay_req_interval = -3\n"
                );
                let more =
                    format!("[clock.ptp]\npriority1 = {host}\n[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n");
                let options = Options { interface: "va", port: &port, more: &more, ..Options::default() };
                Fighter::Ours(Daemon::start(lab, &self.space, options))
            }
        });
    }

    fn stand(&mut self) -> Option<Stand> {
        Some(match self.fighter.as_mut()? {
            Fighter::Ours(daemon) => {
                let status = daemon.status();
                let has_time = matches!(status.state, SyncState::Locked | SyncState::Acquiring | SyncState::Holdover);
                match port(&status).port_state.as_str() {
                    "MASTER" => Stand::Master,
                    "SLAVE" | "UNCALIBRATED" if has_time => followed(&status).map_or(Stand::Undecided, Stand::Follows),
                    _ => Stand::Undecided,
                }
            }
            Fighter::Ptp4l(running) => {
                running.assert_alive();
                stand_of(&running.printed())
            }
        })
    }
}

fn followed(status: &Status) -> Option<String> {
    port(status).grandmaster.as_ref().map(|grandmaster| grandmaster.identity.clone())
}

/// Where ptp4l stands, by what it has printed.
fn stand_of(printed: &str) -> Stand {
    let mut changes = printed.lines().filter_map(|line| line.split_once("port 1: ")?.1.split_once(" to "));
    let state = changes.next_back().and_then(|(_, to)| to.split_whitespace().next());
    let mut chosen = printed.lines().filter_map(|line| line.split_once("selected best master clock "));
    match (state, chosen.next_back()) {
        (Some("MASTER" | "GRAND_MASTER"), _) => Stand::Master,
        (Some("SLAVE" | "UNCALIBRATED"), Some((_, identity))) => Stand::Follows(identity.trim().to_owned()),
        _ => Stand::Undecided,
    }
}

/// Waits until the best of those that are there is the only master, and all others follow it; then that it stays so.
fn settle(what: &str, corners: &mut [Corner]) {
    let began = Instant::now();
    let best = corners.iter().filter(|corner| corner.fighter.is_some()).map(|corner| corner.clock);
    let best = best.min_by_key(|clock| clock.host()).expect("somebody is there");
    let wanted = |clock: Clock| if clock == best { Stand::Master } else { Stand::Follows(best.identity()) };
    let mut is_so_since = None;
    loop {
        let stands: Vec<_> = corners.iter_mut().map(|corner| (corner.clock, corner.stand())).collect();
        let is_so = stands.iter().all(|(clock, stand)| stand.as_ref().is_none_or(|stand| *stand == wanted(*clock)));
        is_so_since = is_so_since.filter(|_| is_so).or_else(|| is_so.then(Instant::now));
        if let Some(since) = is_so_since
            && since.elapsed() > Timeout::from_secs(3)
        {
            println!("{what}: {best:?} is the only master {:.1} s later", (since - began).as_secs_f64());
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {best:?} should be the only master: {stands:#?}");
        std::thread::sleep(LOOK_EVERY);
    }
}

fn fight(clocks: &[Clock]) {
    let mut lab = Lab::beside_others();
    let hub = lab.space();
    hub.ip("link add br0 type bridge stp_state 0 mcast_snooping 0");
    hub.ip("link set br0 up");
    let mut corners: Vec<_> = clocks
        .iter()
        .map(|clock| {
            let (space, host) = (lab.space(), clock.host());
            let to_hub = format!("h{host}");
            connect(
                End { space: &space, interface: "va", host: Some(host) },
                End { space: &hub, interface: &to_hub, host: None },
            );
            hub.ip(&format!("link set {to_hub} master br0"));
            Corner { clock: *clock, space, fighter: None }
        })
        .collect();
    // Ours have a time to serve: else they would have nothing to say.
    let ours = corners.iter().filter(|corner| matches!(corner.clock, Clock::Ours(_)));
    let _upstreams: Vec<_> = ours.map(|corner| chronyd_server(&lab, &corner.space, "127.0.0.1")).collect();
    for corner in &mut corners {
        corner.enter(&lab);
    }
    let many = clocks.len();
    settle(&format!("{many} clocks"), &mut corners);
    for gone in 1..many {
        let best =
            corners.iter_mut().filter(|corner| corner.fighter.is_some()).min_by_key(|corner| corner.clock.host());
        let best = best.expect("somebody is there");
        if let Some(Fighter::Ours(daemon)) = &mut best.fighter {
            assert_bound_held(&daemon.status());
        }
        best.fighter = None;
        settle(&format!("{many} clocks without the best {gone}"), &mut corners);
    }
    corners[0].enter(&lab);
    settle(&format!("{many} clocks, the first of which is back"), &mut corners);
}

#[test]
fn three_clocks_agree_on_the_best_and_on_the_next_when_it_has_gone() {
    fight(&[Clock::Ours(10), Clock::Ptp4l(20), Clock::Ours(30)]);
}

#[test]
fn five_clocks_agree_on_the_best_and_on_the_next_when_it_has_gone() {
    fight(&[Clock::Ptp4l(10), Clock::Ours(20), Clock::Ptp4l(30), Clock::Ours(40), Clock::Ours(50)]);
}
