//! The world of one run: module, namespaces, knobs, and the truth about all its clocks.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::time::{ClockId, clock_gettime};
use phclab::judge::drift_ppb;
use phclab::scenario::{Knobs, Leap, Scenario};

use super::clocks;
use super::process::{call, ip};
use super::{LAB, Outcome, because};

/// Where the module shows its knobs.
pub const DEBUG: &str = "/sys/kernel/debug/phcveth";
/// The namespace of the master and of all even ports.
pub const MASTER_SIDE: &str = "A";
/// The namespace of the contender and of all odd ports.
pub const CONTENDER_SIDE: &str = "B";

/// TAI - UTC at the start, in seconds.
pub const TAI_UTC: i64 = 37;
/// The usual oscillators: the two sides are 35 ppm apart.
const OSCILLATORS_PPB: [i64; 2] = [20_000, -15_000];
/// For how long the free-running clocks are watched.
const FREE_RUN: Duration = Duration::from_secs(1);
/// UTC is left out of the judgement so close to the moment when the kernel makes the leap second: it does so in its tick.
const LEAP_BLUR_PS: i128 = 50_000_000_000;
const PS_PER_S: i128 = 1_000_000_000_000;

/// A world; [`World::end`] takes it apart.
pub struct World {
    pairs: u32,
    /// TAI at the end of the UTC day in ps since 1970, and what the leap second is.
    midnight: i128,
    leap: Leap,
    /// How fast the contender's PHCs drift off the master's while nobody steers, the slowest of them, and how fast the system
    /// clock does, in ppb.
    pub free_drift_ppb: [f64; 2],
}

/// All clocks at one instant, each in ps since its epoch.
pub struct Truth {
    /// CLOCK_MONOTONIC_RAW.
    pub raw: i128,
    /// CLOCK_REALTIME.
    pub real: i128,
    /// The PHCs, in the order of the ports.
    pub phcs: Vec<i128>,
}

impl Truth {
    /// Reads all clocks at one instant.
    ///
    /// # Errors
    /// That the module is not there or speaks another language.
    pub fn read() -> Outcome<Self> {
        let text = fs::read_to_string(Path::new(DEBUG).join("truth")).map_err(because("truth"))?;
        Self::parse(&text).ok_or_else(|| format!("truth: `{}`", text.trim()))
    }

    /// `raw real phc0 phc1 ...`, each in ns with an optional fraction of three digits.
    fn parse(text: &str) -> Option<Self> {
        let ps = |word: &str| {
            let (whole, fraction) = word.split_once('.').unwrap_or((word, "000"));
            Some(whole.parse::<i128>().ok()? * 1_000 + fraction.parse::<i128>().ok()?)
        };
        let words: Option<Vec<_>> = text.split_whitespace().map(ps).collect();
        let [raw, real, phcs @ ..] = &words?[..] else { return None };
        Some(Self { raw: *raw, real: *real, phcs: phcs.to_vec() })
    }

    /// All PHCs from `phv1` on, ahead of the master's, in ns: those of the odd ports are the contender's.
    pub fn phc_errors_ns(&self) -> impl Iterator<Item = f64> {
        self.phcs.iter().skip(1).map(|phc| (phc - self.phcs[0]) as f64 / 1e3)
    }

    /// The second PHC ahead of the first, in ns.
    pub fn phc_error_ns(&self) -> f64 {
        (self.phcs[1] - self.phcs[0]) as f64 / 1e3
    }
}

/// Turns a knob.
///
/// # Errors
/// That the module refuses the value.
pub fn turn(port: &str, knob: &str, value: i64) -> Outcome<()> {
    fs::write(knob_path(port, knob), value.to_string()).map_err(because(format!("{port}.{knob} = {value}")))
}

/// The value of a knob.
///
/// # Errors
/// That it cannot be read.
pub fn value_of(port: &str, knob: &str) -> Outcome<i64> {
    let text = fs::read_to_string(knob_path(port, knob)).map_err(because(format!("{port}.{knob}")))?;
    text.trim().parse().map_err(|error| format!("{port}.{knob}: {error}"))
}

/// Turns knobs.
///
/// # Errors
/// As [`turn`].
pub fn turn_all(knobs: &Knobs) -> Outcome<()> {
    knobs.iter().try_for_each(|(port, knobs)| knobs.iter().try_for_each(|(knob, value)| turn(port, knob, *value)))
}

fn knob_path(port: &str, knob: &str) -> PathBuf {
    [DEBUG, port, knob].iter().collect()
}

/// The counters of a port: `name=value ...`.
///
/// # Errors
/// That they cannot be read.
pub fn stat(port: &str, name: &str) -> Outcome<i64> {
    let text = fs::read_to_string(knob_path(port, "stats")).map_err(because(format!("{port}.stats")))?;
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    let value = words.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok());
    value.ok_or_else(|| format!("{port}.stats has no {name}: {text}"))
}

impl World {
    /// Loads the module, makes the namespaces, sets all clocks and lets them run free for a moment.
    ///
    /// # Errors
    /// What could not be done.
    pub fn make(scenario: &Scenario) -> Outcome<Self> {
        clocks::reset_system(scenario.epoch())?;
        let pairs = scenario.pairs;
        let module = format!("{LAB}/phcveth.ko");
        call("insmod", &[&module, &format!("pairs={pairs}"), &format!("seed={}", scenario.seed)])?;
        for side in [MASTER_SIDE, CONTENDER_SIDE] {
            ip(&format!("netns add {side}"))?;
            let no_dad = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up";
            call("ip", &["netns", "exec", side, "sh", "-c", no_dad])?;
        }
        for (number, port) in scenario.ports().enumerate() {
            turn(&port, "osc_ppb", OSCILLATORS_PPB[number % 2])?;
            connect(scenario, number)?;
        }
        if scenario.bond {
            bond(scenario)?;
        }
        turn_all(&scenario.knobs)?;
        let days = scenario.epoch().div_euclid(86_400) + 1;
        let midnight = i128::from(days * 86_400 + TAI_UTC) * PS_PER_S;
        let mut world = Self { pairs, midnight, leap: scenario.master.leap, free_drift_ppb: [0.0; 2] };
        set_phcs(0)?;
        let first = Truth::read()?;
        sleep(FREE_RUN);
        let last = Truth::read()?;
        let seconds = |truth: &Truth| truth.raw as f64 / 1e12;
        let drift = |before, after| drift_ppb((seconds(&first), before), (seconds(&last), after));
        let phcs =
            first.phc_errors_ns().zip(last.phc_errors_ns()).step_by(2).map(|(before, after)| drift(before, after));
        let slowest = phcs.min_by(|one, other| one.abs().total_cmp(&other.abs())).unwrap_or(0.0);
        let system = |truth: &Truth| world.system_error_ns(truth).unwrap_or(0.0);
        world.free_drift_ppb = [slowest, drift(system(&first), system(&last))];
        Ok(world)
    }

    /// Where the clocks stand when the contender starts.
    ///
    /// # Errors
    /// What could not be done.
    pub fn set_clocks(phc_ns: i64, real_ns: i64) -> Outcome<()> {
        let utc_ns = |truth: &Truth| truth.phcs[0] / 1_000 - i128::from(TAI_UTC) * 1_000_000_000;
        let ahead_ns = real_ns - clamp(Truth::read().map(|truth| truth.real / 1_000 - utc_ns(&truth))?);
        clocks::shift_system(ahead_ns)?;
        set_phcs(phc_ns)
    }

    /// How long it is until the leap second begins, or would, by the master's PHC.
    ///
    /// # Errors
    /// As [`Truth::read`].
    pub fn seconds_to_leap(&self) -> Outcome<f64> {
        Ok((self.switch() - Truth::read()?.phcs[0]) as f64 / PS_PER_S as f64)
    }

    /// TAI from which TAI - UTC is another, in ps. An insertion repeats the last second of the day, so UTC is back by one
    /// from midnight on; a deletion leaves the last second out.
    const fn switch(&self) -> i128 {
        match self.leap {
            Leap::Delete => self.midnight - PS_PER_S,
            Leap::None | Leap::Insert => self.midnight,
        }
    }

    /// CLOCK_REALTIME ahead of the UTC of the master's PHC, in ns; `None` while the kernel makes the leap second.
    pub fn system_error_ns(&self, truth: &Truth) -> Option<f64> {
        let tai = truth.phcs[0];
        let switch = self.switch();
        let leap = if tai >= switch { self.leap.seconds() } else { 0 };
        let utc = tai - i128::from(TAI_UTC + leap) * PS_PER_S;
        let is_blurred = self.leap != Leap::None && (tai - switch).abs() < LEAP_BLUR_PS;
        (!is_blurred).then_some((truth.real - utc) as f64 / 1e3)
    }

    /// Takes the world apart; all processes in it must have ended.
    ///
    /// # Errors
    /// What could not be done: the guest is then of no more use.
    pub fn end(self) -> Outcome<()> {
        for side in [MASTER_SIDE, CONTENDER_SIDE] {
            ip(&format!("netns del {side}"))?;
        }
        // The ports come back to the first namespace in the background.
        for _ in 0..50 {
            let links = ip("-o link")?;
            if (0..self.pairs * 2).all(|number| links.contains(&format!(" phv{number}: "))) {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        call("rmmod", &["phcveth"]).map(drop)
    }
}

/// Gives a port that has just come into being to its side, with an address, and brings it up.
///
/// # Errors
/// What could not be done.
pub fn connect(scenario: &Scenario, number: usize) -> Outcome<()> {
    let (side, port) = (side_of(number), format!("phv{number}"));
    ip(&format!("link set {port} netns {side}"))?;
    let interface = scenario.interface(number as u32);
    if let Some(vlan) = scenario.vlan {
        ip(&format!("-n {side} link add link {port} name {interface} type vlan id {vlan}"))?;
    }
    ip(&format!("-n {side} addr add 10.0.{}.{}/24 dev {interface}", number / 2, number % 2 + 1))?;
    ip(&format!("-n {side} link set {port} up"))?;
    ip(&format!("-n {side} link set {interface} up"))?;
    Ok(())
}

/// Makes the contender's ports the members of `bond0`, which has the address of the first; by LACP the master's are those of the bond at
/// its other end. The cable is looked at every 100 ms.
fn bond(scenario: &Scenario) -> Outcome<()> {
    call("modprobe", &["bonding", "max_bonds=0"])?;
    let mode = if scenario.lacp { "802.3ad lacp_rate fast" } else { "active-backup" };
    let make = |side: &str, name: &str, first: usize| -> Outcome<()> {
        let ip = |arguments: &str| ip(&format!("-n {side} {arguments}"));
        ip(&format!("link add {name} type bond mode {mode} miimon 100"))?;
        for port in scenario.ports().skip(first).step_by(2) {
            ip(&format!("addr flush dev {port}"))?;
            ip(&format!("link set {port} down"))?;
            ip(&format!("link set {port} master {name}"))?;
        }
        ip(&format!("addr add 10.0.0.{}/24 dev {name}", first + 1))?;
        ip(&format!("link set {name} up")).map(drop)
    };
    if scenario.lacp {
        make(MASTER_SIDE, "bond1", 0)?;
    }
    make(CONTENDER_SIDE, "bond0", 1)?;
    if scenario.lacp { agreed(scenario.pairs) } else { Ok(()) }
}

/// Waits until both ends of a bond by LACP have all ports in one aggregator.
fn agreed(ports: u32) -> Outcome<()> {
    let mut said = String::new();
    for _ in 0..100 {
        said = call("ip", &["netns", "exec", CONTENDER_SIDE, "cat", "/proc/net/bonding/bond0"])?;
        if said.lines().any(|line| line.trim() == format!("Number of ports: {ports}")) {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    Err(format!("LACP does not agree on one aggregator: {said}"))
}

/// Sets all odd PHCs to the master's plus `phc_ns`, exactly; the master's was set when the world was made.
fn set_phcs(phc_ns: i64) -> Outcome<()> {
    let truth = Truth::read()?;
    let tai = truth.real + i128::from(TAI_UTC) * PS_PER_S;
    // The first time: the module starts its PHCs on UTC.
    let is_new = (truth.phcs[0] - truth.real).abs() < PS_PER_S;
    let master = if is_new { tai } else { truth.phcs[0] };
    for (number, phc) in truth.phcs.iter().enumerate() {
        let wanted = if number % 2 == 0 { master } else { master + i128::from(phc_ns) * 1_000 };
        if number > 0 || is_new {
            turn(&format!("phv{number}"), "jump_ns", clamp((wanted - phc) / 1_000))?;
        }
    }
    Ok(())
}

/// The namespace of a port.
pub const fn side_of(number: usize) -> &'static str {
    if number.is_multiple_of(2) { MASTER_SIDE } else { CONTENDER_SIDE }
}

/// Does something in a network namespace, on a thread of its own, which ends with it.
///
/// # Errors
/// There is no such namespace.
pub fn within<T: Send>(namespace: &str, what: impl FnOnce() -> T + Send) -> Outcome<T> {
    let path = format!("/run/netns/{namespace}");
    let enter = || {
        let file = File::open(&path).map_err(because(&path))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|error| format!("{path}: {error}"))
    };
    let there = || enter().map(|()| what());
    thread::scope(|scope| scope.spawn(there).join()).unwrap_or_else(|_| Err(format!("{path}: we panicked there")))
}

/// CLOCK_MONOTONIC in seconds: the clock of the logs.
pub fn monotonic() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("it always works");
    now.tv_sec() as f64 + now.tv_nsec() as f64 / 1e9
}

fn clamp(ns: i128) -> i64 {
    ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tai_s: i128, real_s: i128) -> Truth {
        Truth { raw: 0, real: real_s * PS_PER_S, phcs: vec![tai_s * PS_PER_S, tai_s * PS_PER_S + 1_500] }
    }

    #[test]
    fn the_truth_is_read_with_its_fraction() {
        let truth = Truth::parse("12 34 1000.250 1001.750\n").unwrap();
        assert_eq!((truth.raw, truth.real), (12_000, 34_000));
        assert!((truth.phc_error_ns() - 1.5).abs() < 1e-12);
        let two = Truth::parse("0 0 1000 1001.500 1000 998\n").unwrap();
        assert_eq!(two.phc_errors_ns().map(|error| (error * 10.0) as i64).collect::<Vec<_>>(), [15, 0, -20]);
        assert!(Truth::parse("12\n").is_none() && Truth::parse("1 x 3 4").is_none());
    }

    #[test]
    fn utc_goes_through_the_leap_second() {
        let world = |leap| World { pairs: 1, midnight: 1_037 * PS_PER_S, leap, free_drift_ppb: [0.0; 2] };
        let error = |leap, tai, real| world(leap).system_error_ns(&at(tai, real));
        for (leap, tai, real) in [
            (Leap::None, 1_036, 999),
            (Leap::None, 1_037, 1_000),
            (Leap::Insert, 1_036, 999),
            (Leap::Insert, 1_038, 1_000),
            (Leap::Delete, 1_035, 998),
            (Leap::Delete, 1_037, 1_001),
        ] {
            assert_eq!(error(leap, tai, real), Some(0.0), "{leap:?} {tai}");
        }
        assert_eq!(error(Leap::Insert, 1_037, 1_000), None);
        assert_eq!(error(Leap::Delete, 1_036, 999), None);
    }
}
