//! Our daemon beside ptp4l, in either role, over everything that carries PTP: a matrix, of which a cover of all pairs of values runs by
//! default, and every cell with `cargo xtask interop --full`.
//!
//! Several cells run at a time, each in namespaces of its own, so that what is asserted of the accuracy is wide: that the
//! truth stays inside the bound, and within 100 us. Those of the module `alone` measure finer.
//!
//! A cell of a profile has on the other end the configuration of the same name that comes with ptp4l, where there is one.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use synchronome::config::profile::PROFILES;
use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::automotive::TAI_UTC_NS;
use super::daemon::{Daemon, Options, assert_bound_held, port, truth};
use super::lab::{Lab, Space, side_by_side};
use super::masters::{offsets, wait_for_offsets};
use super::ntp::chronyd_server;
use super::running::{MEASURES, Running, installed_configuration, ptp4l_of_file, unique_path};
use super::{ptp4l_identity, settle};

/// Set to `full` by the task: every cell.
const SCOPE: &str = "SYNCHRONOME_MATRIX";
/// Where the task wants the cells as JSON.
const REPORT: &str = "SYNCHRONOME_MATRIX_REPORT";
/// The least number of cells that run by default.
const CELLS_MIN: usize = 40;
/// So many run at a time: they wait, mostly.
const AT_A_TIME: usize = 8;

/// Those that have nothing for all.
const UNICAST_PROFILES: [&str; 2] = ["g8275.2", "g8265.1"];

/// How wrong the time may be, on a machine that does eight such things at once.
const ERROR_MAX_S: f64 = 100e-6;

/// What the matrix cannot have, and why.
const IMPOSSIBLE: [(&str, &str); 4] = [
    ("domains above 127", "ptp4l 3.1.1 has none: profile c37.238 runs in domain 93 here"),
    (
        "one-step",
        "ptp4l refuses it with stamps of the kernel, which is what a namespace has; the PHC lab does it with its cards (one-step-master)",
    ),
    ("hybrid, unicast with p2p", "the peer delay mechanism is of the link, and has no request to a master"),
    ("unicast over Ethernet", "our tables hold IP addresses"),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ours {
    Slave,
    Master,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
struct Cell {
    ours: Ours,
    transport: &'static str,
    delay: &'static str,
    /// To all, or by contract.
    cast: &'static str,
    domain: u8,
    minor_version: u8,
    /// `None`: what a profile says is said by the other values.
    profile: Option<&'static str>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, transport, delay, cast, domain, minor_version, profile } = self;
        let ours = format!("{ours:?}").to_lowercase();
        let profile = profile.unwrap_or("-");
        write!(f, "{ours:6} {transport:8} {delay} {cast:9} domain {domain:<3} PTP 2.{minor_version} {profile:12}")
    }
}

/// How a cell went.
#[derive(Debug, Serialize)]
struct Outcome {
    #[serde(flatten)]
    cell: Cell,
    passed: bool,
    /// How far off the time was: RMS of the true error, or the median of what ptp4l measured.
    error_s: Option<f64>,
    /// What we claimed.
    bound_s: Option<f64>,
    took_s: f64,
    why: Option<String>,
}

#[derive(Serialize)]
struct Report<'o> {
    cells: &'o [Outcome],
    impossible: Vec<Impossible>,
}

#[derive(Serialize)]
struct Impossible {
    what: &'static str,
    why: &'static str,
}

/// Every cell.
fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for ours in [Ours::Slave, Ours::Master] {
        for transport in ["udp4", "udp6", "ethernet"] {
            for delay in ["e2e", "p2p"] {
                for cast in ["multicast", "hybrid", "unicast"] {
                    if cast != "multicast" && delay == "p2p" || cast == "unicast" && transport == "ethernet" {
                        continue;
                    }
                    for domain in [0, 24] {
                        for minor_version in [0, 1] {
                            cells.push(Cell { ours, transport, delay, cast, domain, minor_version, profile: None });
                        }
                    }
                }
            }
        }
        for profile in PROFILES {
            let preset = |name: &str, default| {
                let preset = profile.presets.iter().find(|(preset, _)| *preset == name);
                preset.map_or(default, |(_, value)| value.trim_matches('"'))
            };
            cells.push(Cell {
                ours,
                transport: preset("transport", "udp4"),
                delay: preset("delay", "e2e"),
                cast: match profile.word {
                    word if UNICAST_PROFILES.contains(&word) => "unicast",
                    "enterprise" => "hybrid",
                    _ => "multicast",
                },
                domain: if profile.word == "c37.238" { 93 } else { preset("domain", "0").parse().expect("a number") },
                minor_version: 1,
                profile: Some(profile.word),
            });
        }
    }
    cells
}

impl Cell {
    fn values(&self) -> [String; 7] {
        let Self { ours, transport, delay, cast, domain, minor_version, profile } = self;
        [
            format!("{ours:?}"),
            (*transport).to_owned(),
            (*delay).to_owned(),
            (*cast).to_owned(),
            format!("domain {domain}"),
            format!("minor {minor_version}"),
            format!("{profile:?}"),
        ]
    }

    fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let values = self.values();
        let pairs = (0..values.len()).flat_map(|one| (one + 1..7).map(move |other| (one, other)));
        pairs.map(|(one, other)| (values[one].clone(), values[other].clone())).collect::<Vec<_>>().into_iter()
    }
}

/// Cells in which each two values that occur together in any cell do so: the one with the most new pairs first. And others, from
/// all parts of the table, until there are enough.
fn cover() -> Vec<Cell> {
    let all = all();
    let mut open: BTreeSet<_> = all.iter().flat_map(Cell::pairs).collect();
    let mut chosen = BTreeSet::new();
    while !open.is_empty() {
        let gain = |cell: &&Cell| cell.pairs().filter(|pair| open.contains(pair)).count();
        // Of several that are as good the first.
        let best = *all.iter().rev().max_by_key(gain).expect("there are cells");
        best.pairs().for_each(|pair| _ = open.remove(&pair));
        chosen.insert(best);
    }
    let stride = 7; // no divisor of the number of cells: each comes once
    for number in 0..all.len() {
        if chosen.len() >= CELLS_MIN {
            break;
        }
        chosen.insert(all[number * stride % all.len()]);
    }
    chosen.into_iter().collect()
}

/// The configuration that comes with ptp4l for this cell's profile.
fn file_of(cell: &Cell) -> Option<String> {
    let name = match (cell.profile?, cell.ours) {
        ("default-e2e" | "default-p2p", _) => "default",
        ("gptp", _) => "gPTP",
        ("g8275.1", _) => "G.8275.1",
        ("g8275.2", _) => "G.8275.2",
        ("g8265.1", _) => "G.8265.1",
        ("automotive", Ours::Slave) => "automotive-master",
        ("automotive", Ours::Master) => "automotive-slave",
        _ => return None,
    };
    Some(installed_configuration(name))
}

/// What ptp4l is told beside its file, as the other end of this cell.
fn ptp4l_options(cell: &Cell) -> Vec<String> {
    let transport = match cell.transport {
        "udp4" => "-4",
        "udp6" => "-6",
        _ => "-2",
    };
    let delay = if cell.delay == "p2p" { "-P" } else { "-E" };
    let domain = format!("--domainNumber={}", cell.domain);
    let contract: &[&str] = match (cell.cast, cell.ours, cell.profile) {
        ("unicast", Ours::Slave, None) => &["--unicast_listen=1", "--inhibit_multicast_service=1"],
        ("unicast", Ours::Master, None) => &["--inhibit_multicast_service=1"],
        ("hybrid", ..) => &["--hybrid_e2e=1"],
        _ => &[],
    };
    let own: &[&str] = match cell.profile {
        None => &["--logAnnounceInterval=-1", "--logSyncInterval=-3", "--logMinDelayReqInterval=-3"],
        Some("enterprise") => &["--logAnnounceInterval=0", "--logSyncInterval=0", "--logMinDelayReqInterval=0"],
        // The link of two namespaces takes longer than 800 ns.
        Some("gptp" | "automotive") => &["--neighborPropDelayThresh=20000000"],
        // A primary reference clock, by what the profile makes of the class.
        Some("g8265.1") if cell.ours == Ours::Slave => &["--clockClass=84"],
        Some("default-e2e" | "default-p2p" | "g8275.1" | "g8275.2" | "g8265.1") => &[],
        Some("iec61850-9-3" | "c37.238") => &["--logAnnounceInterval=0", "--logSyncInterval=0"],
        Some("smpte2059-2") => &["--logAnnounceInterval=-2", "--logSyncInterval=-3", "--logMinDelayReqInterval=-3"],
        Some("aes67") => &["--logSyncInterval=-3", "--logMinDelayReqInterval=0"],
        Some(other) => panic!("what is {other} to ptp4l?"),
    };
    [transport, delay, &domain].iter().chain(own).chain(contract).map(|option| (*option).to_owned()).collect()
}

/// ptp4l as the other end of this cell, by its file and these options.
fn start_ptp4l(cell: &Cell, lab: &Lab, (space, interface): (&Space, &str), role: &[&str]) -> Running {
    let own = ptp4l_options(cell);
    // Who asks must be told whom, in a file.
    let asks = cell.cast == "unicast" && cell.ours == Ours::Master;
    let file = if asks { Some(master_table(cell, lab)) } else { file_of(cell) };
    let file: Vec<&str> = file.iter().flat_map(|file| ["-f", file]).collect();
    let options: Vec<&str> =
        file.into_iter().chain(role.iter().copied()).chain(own.iter().map(String::as_str)).collect();
    ptp4l_of_file(lab, space, interface, &options)
}

/// What our port is told.
fn our_options(cell: &Cell) -> String {
    let role = if cell.ours == Ours::Slave { "slave" } else { "master" };
    let Cell { transport, delay, domain, minor_version, .. } = cell;
    let master = if *transport == "udp6" { "fd71::1" } else { "10.71.0.1" };
    let masters = match (cell.cast, cell.ours) {
        ("unicast", Ours::Slave) => format!("unicast_masters = [\"{master}\"]\n"),
        ("unicast", Ours::Master) => "unicast_clients = 4\n".to_owned(),
        ("hybrid", Ours::Slave) if cell.profile.is_none() => "hybrid = true\n".to_owned(),
        _ => String::new(),
    };
    let own = match cell.profile {
        None => format!(
            "role = \"{role}\"\ntransport = \"{transport}\"\ndelay = \"{delay}\"\ndomain = {domain}\n\
             minor_version = {minor_version}\nannounce_interval = -1\nsync_interval = -3\ndelay_req_interval = -3\n"
        ),
        Some("gptp") => format!("role = \"{role}\"\nprofile = \"gptp\"\nneighbor_delay_max = \"20ms\"\n"),
        Some("automotive") => format!(
            "role = \"{role}\"\nprofile = \"automotive\"\nneighbor_delay_max = \"20ms\"\narb_timescale = \"utc\"\n"
        ),
        Some("c37.238") => format!("role = \"{role}\"\nprofile = \"c37.238\"\ndomain = {domain}\n"),
        // Its stamps are the kernel's, and so its timescale is ARB.
        Some("g8265.1") => format!("role = \"{role}\"\nprofile = \"g8265.1\"\narb_timescale = \"utc\"\n"),
        Some(profile) => format!("role = \"{role}\"\nprofile = \"{profile}\"\n"),
    };
    own + &masters
}

/// How wrong the time was, and what we claimed.
type Figures = (f64, f64);

/// How many packets a namespace has sent to groups by IP; `None` over Ethernet.
fn sent_to_groups(cell: &Cell, space: &Space) -> Option<u64> {
    // Of the thread: the process's own is another namespace's.
    let read = |file: &str| {
        space.inside(|| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect("procfs is there"))
    };
    match cell.transport {
        "udp4" => {
            let text = read("netstat");
            let mut rows = text.lines().filter_map(|line| line.strip_prefix("IpExt: ")).map(str::split_whitespace);
            let (names, mut values) = (rows.next()?, rows.next()?);
            let place = names.into_iter().position(|name| name == "OutMcastPkts")?;
            values.nth(place)?.parse().ok()
        }
        "udp6" => {
            let text = read("snmp6");
            let row = text.lines().find_map(|line| line.strip_prefix("Ip6OutMcastPkts"));
            row?.trim().parse().ok()
        }
        _ => None,
    }
}

/// What the kernel itself says to groups meanwhile: who is a member of them, and of IPv6 who is there. Requests would be some
/// 60 in the cells without a profile.
const MEMBERSHIPS_MAX: u64 = 4;

/// What went to groups meanwhile is what the cell says: nothing by contract or hybrid.
fn assert_casts(cell: &Cell, before: Option<u64>, after: Option<u64>) {
    let Some(sent) = after.zip(before).map(|(after, before)| after - before) else { return };
    match (cell.cast, cell.delay) {
        ("multicast", _) => assert!(sent > 0, "nothing went to all"),
        _ => assert!(sent <= MEMBERSHIPS_MAX, "{sent} packets went to all"),
    }
}

/// The port is what the cell says.
fn assert_is_told(cell: &Cell, status: &Status) {
    let (port, clock) = (port(status), &status.ptp_clocks[0]);
    assert_eq!((port.domain, port.transport.as_str()), (cell.domain, cell.transport));
    let asks_neighbor = cell.delay == "p2p" && (cell.profile, cell.ours) != (Some("automotive"), Ours::Master);
    assert_eq!(port.neighbor.is_some(), asks_neighbor);
    let count = |name: &str| port.counters.get(name).copied().unwrap_or(0);
    assert_eq!(count("hybrid_fallback"), 0);
    assert_eq!(count("unicast_granted") > 0, (cell.cast, cell.ours) == ("unicast", Ours::Slave));
    assert_eq!(count("unicast_served") > 0, (cell.cast, cell.ours) == ("unicast", Ours::Master));
    let Some(profile) = cell.profile.filter(|_| cell.ours == Ours::Master) else { return };
    let presets = PROFILES.iter().find(|known| known.word == profile).expect("it is one of ours").presets;
    let own = &clock.ports[0];
    for (name, is, by_default) in [
        ("announce_interval", own.log_announce_interval, "1"),
        ("sync_interval", own.log_sync_interval, "0"),
        ("delay_req_interval", own.log_min_delay_req_interval, "0"),
    ] {
        let preset = presets.iter().find(|(known, _)| *known == name).map_or(by_default, |(_, value)| value);
        assert_eq!(is.to_string(), preset, "{name} of {profile}");
    }
}

/// We follow ptp4l.
fn follow(cell: &Cell, lab: &Lab, [master, slave]: &[Space; 2]) -> Figures {
    let mut ptp4l = start_ptp4l(cell, lab, (master, "va"), &["--priority1=10"]);
    let mut daemon = Daemon::start(lab, slave, Options { port: &our_options(cell), ..Options::default() });
    daemon.wait_for_lock(&ptp4l_identity(1));
    let before = sent_to_groups(cell, slave);
    let status = settle(&mut daemon, 5);
    assert_casts(cell, before, sent_to_groups(cell, slave));
    assert_is_told(cell, &status);
    assert_eq!(status.state, SyncState::Locked, "{status:#?}");
    assert_bound_held(&status);
    ptp4l.assert_alive();
    daemon.end();
    (truth(&status).rms_s.expect("it was compared"), status.clock.bound_s.expect("it is LOCKED"))
}

/// A file that tells ptp4l whom to ask, behind what its profile's says.
fn master_table(cell: &Cell, lab: &Lab) -> String {
    let file = unique_path(lab, "unicast", "cfg");
    let of_profile = file_of(cell).map(|file| std::fs::read_to_string(file).expect("it is readable"));
    let start = of_profile.unwrap_or_else(|| "[global]\n".to_owned());
    let master = if cell.transport == "udp6" { "UDPv6 fd71::1" } else { "UDPv4 10.71.0.1" };
    let text = format!(
        "{start}\n[unicast_master_table]\ntable_id 1\nlogQueryInterval 0\n{master}\n[vb]\nunicast_master_table 1\n"
    );
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

/// ptp4l follows us, who have the time by NTP.
fn serve(cell: &Cell, lab: &Lab, [master, behind]: &[Space; 2]) -> Figures {
    let _upstream = chronyd_server(lab, master, "127.0.0.1");
    // By G.8265.1 a quality level that somebody vouches for.
    let level = if cell.profile == Some("g8265.1") { "[clock.ptp]\nclass = 90\n" } else { "" };
    let more = format!("{level}[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n");
    let options = Options { interface: "va", port: &our_options(cell), more: &more, ..Options::default() };
    let mut daemon = Daemon::start(lab, master, options);
    let mut slave = start_ptp4l(cell, lab, (behind, "vb"), &MEASURES);
    daemon.wait("the clock is LOCKED and served", |status| {
        status.state == SyncState::Locked && port(status).port_state == "MASTER"
    });
    // Whose requests go to all, and by contract the master's messages.
    let looked_at = if cell.cast == "hybrid" { behind } else { master };
    let before = sent_to_groups(cell, looked_at);
    // The first ones are of before the path is known.
    wait_for_offsets(&mut slave, 10);
    assert_casts(cell, before, sent_to_groups(cell, looked_at));
    let status = daemon.status();
    assert_is_told(cell, &status);
    assert_bound_held(&status);
    // Without Announce ptp4l does not know that what it is sent is TAI.
    let ahead = if cell.profile == Some("automotive") { TAI_UTC_NS } else { 0 };
    let mut errors: Vec<f64> = offsets(&slave, 3).iter().map(|ns| (ns + ahead).abs() as f64 * 1e-9).collect();
    errors.sort_by(f64::total_cmp);
    daemon.end();
    (errors[errors.len() / 2], status.clock.bound_s.expect("it is LOCKED"))
}

fn outcome(cell: Cell, done: Result<Figures, String>, took: Duration) -> Outcome {
    let (figures, why) = match done {
        Ok((error, bound)) if error > ERROR_MAX_S => (Some((error, bound)), Some(format!("{:.0} us off", error * 1e6))),
        Ok(figures) => (Some(figures), None),
        Err(why) => (None, Some(why)),
    };
    let (error_s, bound_s) = figures.unzip();
    Outcome { cell, passed: why.is_none(), error_s, bound_s, took_s: took.as_secs_f64(), why }
}

fn print(outcomes: &[Outcome]) {
    println!("ours   over     delay                                       profile           off    claimed");
    for Outcome { cell, passed, error_s, bound_s, took_s, why } in outcomes {
        let micros = |seconds: &Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{:.2} us", s * 1e6));
        let verdict = if *passed { "passed" } else { "FAILED" };
        let why = why.as_deref().unwrap_or_default();
        println!("{cell} {:>9}  {:>9}  {verdict} ({took_s:.0} s) {why}", micros(error_s), micros(bound_s));
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    println!("interop: {passed} of {} cells passed, of {} that there are", outcomes.len(), all().len());
    for (what, why) in IMPOSSIBLE {
        println!("interop: not there: {what}: {why}");
    }
}

#[test]
fn the_cells_pass() {
    let is_full = std::env::var(SCOPE).is_ok_and(|scope| scope == "full");
    let cells = if is_full { all() } else { cover() };
    let mut lab = Lab::beside_others();
    let work: Vec<_> = cells.iter().map(|cell| (*cell, lab.pair6())).collect();
    let done = side_by_side(&work, AT_A_TIME, |(cell, spaces)| match cell.ours {
        Ours::Slave => follow(cell, &lab, spaces),
        Ours::Master => serve(cell, &lab, spaces),
    });
    let mut outcomes: Vec<_> = cells.iter().zip(done).map(|(cell, (done, took))| outcome(*cell, done, took)).collect();
    outcomes.sort_by_key(|outcome| outcome.cell);
    print(&outcomes);
    if let Some(path) = std::env::var_os(REPORT) {
        let impossible = IMPOSSIBLE.iter().map(|(what, why)| Impossible { what, why }).collect();
        let report = serde_json::to_string(&Report { cells: &outcomes, impossible }).expect("plain values");
        std::fs::write(path, report).expect("a file");
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_cover_has_all_pairs_of_values_and_enough_cells() {
    let (all, cover) = (all(), cover());
    let pairs = |cells: &[Cell]| -> BTreeSet<_> { cells.iter().flat_map(Cell::pairs).collect() };
    assert_eq!(pairs(&all), pairs(&cover));
    assert!((CELLS_MIN..all.len()).contains(&cover.len()), "{} of {}", cover.len(), all.len());
}
