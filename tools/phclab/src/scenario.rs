//! A scenario: the physics, who competes on it, what breaks when, and what must come out.
//!
//! One TOML file each, in `tools/phclab/scenarios/`. Every name is checked when the file is read: a misspelt knob or
//! key is an error before anything boots. Times are seconds of virtual time after the contender's start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::clock::Clock;
pub use self::limits::{Bound, Cpu, Expect, Judge, Lock, Outage};
use crate::calendar::seconds_of;
use crate::linux::Linux;

mod clock;
mod limits;

/// The knobs of a port, as the module names them (`PARAMS` in `phcveth.c`).
pub const KNOBS: &[&str] = &[
    "osc_ppb",
    "wander_ppt",
    "freeze",
    "delay_ns",
    "jitter_ns",
    "jitter_exp",
    "fifo",
    "loss_ppm",
    "link",
    "tx_lat_ns",
    "rx_lat_ns",
    "ts_quantum_ns",
    "adj_quantum_ppt",
    "adj_trunc",
    "max_adj_ppb",
    "txts_delay_us",
    "txts_loss_ppm",
    "rxts_loss_ppm",
    "txts_slots",
    "tx_caps",
    "rx_lie",
    "rx_caps",
    "approx",
    "cross",
    "cross_err_ns",
    "extended",
    "read_pre_ns",
    "read_post_ns",
    "pps_irq",
    "pps_jitter_ns",
    "perout_width_ns",
    "extts_edges",
    "ioerr",
    "card",
    "jump_ns",
    "reset",
];

/// Knobs that do something when written and have no value to go back to.
pub const TRIGGERS: &[&str] = &["jump_ns", "reset"];

/// The most pairs of ports that the module makes.
pub const PAIRS_MAX: u32 = 32;

/// The most NTP servers: their addresses are 10.0.0.11 and on.
const NTP_SERVERS_MAX: u8 = 7;

/// System calls cost other than in the kernel of the limits, and what makes more of them is dearer by more.
const COST_ELSEWHERE: f64 = 1.1;

/// The longest run: a day and a bit.
const SECONDS_MAX: f64 = 100_000.0;

/// Knobs by port: `phv0 = { osc_ppb = 20000 }`.
pub type Knobs = BTreeMap<String, BTreeMap<String, i64>>;

/// A scenario as its file says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of the file without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// One sentence.
    pub about: String,
    /// What is done in the guest.
    #[serde(default)]
    pub kind: Kind,
    /// Not part of `all`: it takes too long.
    #[serde(default)]
    pub by_hand: bool,
    /// The first Linux that has what it is about, as "6.14"; absent: any.
    pub kernel_min: Option<Linux>,
    /// How long each contender runs.
    #[serde(default = "default_seconds")]
    pub seconds: f64,
    /// How often the truth is sampled. The default is no multiple of a message interval, so that all phases between two Syncs
    /// are seen; each sample costs emulation, so runs of hours take fewer.
    #[serde(default = "default_sample_every")]
    pub sample_every_s: f64,
    /// The kernel's maxerror may be so much greater than our bound, in us. It grows by 500 us at the turn of a second, is rewritten
    /// once a second, and says by then what the bound will be in another second: up to a hundred more after a change.
    #[serde(default = "default_maxerror_excess")]
    pub maxerror_excess_us: f64,
    /// Seed of the module's random draws, the same for all contenders.
    #[serde(default = "one")]
    pub seed: u32,
    /// Pairs of ports: `phv0`-`phv1`, `phv2`-`phv3`...; all even ones in namespace A, all odd ones in B.
    #[serde(default = "one")]
    pub pairs: u32,
    /// What CLOCK_REALTIME of the guest shows when the world is made, UTC.
    #[serde(default = "default_date")]
    pub date: String,
    /// What carries PTP.
    #[serde(default)]
    pub transport: Transport,
    /// The VLAN that all PTP goes through; absent: none.
    pub vlan: Option<u16>,
    /// The contender's ports are the members of `bond0`, of which one is active and the others are its spares.
    #[serde(default)]
    pub bond: bool,
    /// The bond is one by LACP (IEEE 802.1AX), with one of the masters' ports at its other end: both members carry.
    #[serde(default)]
    pub lacp: bool,
    /// The contender is a boundary clock: by the odd port of the last pair it serves a ptp4l slave on the even one. Our daemon's ports
    /// have the role "auto" then, ptp4l's are one clock, and phc2sys (with `steer = "phc"`) keeps their PHCs together.
    #[serde(default)]
    pub behind: bool,
    /// Which clocks the contenders steer.
    #[serde(default)]
    pub steer: Steer,
    /// So many NTP servers are in namespace A, which know the truth. Our daemon has them as sources, and so has chronyd beside phc2sys, each
    /// with a request every 64 s.
    #[serde(default)]
    pub ntp_servers: u8,
    /// How often what they measure is fetched: of our daemon by `GET /metrics`, of the others by `pmc` and `chronyc` as an exporter would; absent: never. The
    /// cost of who asks is not counted.
    pub scrape_every_s: Option<f64>,
    /// Who runs, in this order; empty: the usual ones for what is steered.
    #[serde(default)]
    pub contenders: Vec<Contender>,
    /// The state of the knobs at the start, beside the usual oscillators (+20 ppm and -15 ppm).
    #[serde(default)]
    pub knobs: Knobs,
    /// Where the contender's clocks stand when it starts.
    #[serde(default)]
    pub start: Start,
    /// The grandmaster in namespace A.
    #[serde(default)]
    pub master: Master,
    /// Options of the linuxptp contenders.
    #[serde(default)]
    pub linuxptp: Linuxptp,
    /// Options of our daemon.
    #[serde(default)]
    pub synchronome: Synchronome,
    /// What breaks, and when.
    #[serde(default)]
    pub fault: Vec<Fault>,
    /// Limits of true errors.
    #[serde(default)]
    pub judge: Vec<Judge>,
    /// Limits of the lock time.
    pub lock: Option<Lock>,
    /// Limits of the time outside.
    pub outage: Option<Outage>,
    /// Limits of the cost.
    pub cpu: Option<Cpu>,
    /// How the claimed bound is held against the truth.
    #[serde(default)]
    pub bound: Bound,
    /// What the daemon and the kernel must say, and when.
    #[serde(default)]
    pub expect: Vec<Expect>,
}

/// What is done in the guest.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Contenders follow a master.
    #[default]
    Race,
    /// The module itself is tested.
    Module,
}

/// What carries PTP.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// IEEE 802.3.
    #[default]
    Ethernet,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
}

impl Transport {
    /// The option of ptp4l.
    pub const fn of_ptp4l(self) -> &'static str {
        match self {
            Self::Ethernet => "-2",
            Self::Udp4 => "-4",
            Self::Udp6 => "-6",
        }
    }

    /// The word in our configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
        }
    }
}

/// Which clocks the contenders steer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Steer {
    /// The PHC of the port alone.
    #[default]
    Phc,
    /// The PHC and CLOCK_REALTIME.
    System,
}

/// Who competes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
pub enum Contender {
    /// ptp4l with its PI servo.
    #[serde(rename = "ptp4l")]
    Ptp4l,
    /// ptp4l with its linear regression.
    #[serde(rename = "ptp4l-linreg")]
    Ptp4lLinreg,
    /// ptp4l, and phc2sys for the system clock.
    #[serde(rename = "ptp4l+phc2sys")]
    Phc2sys,
    /// ptp4l, and chronyd with the PHC as its reference clock.
    #[serde(rename = "ptp4l+chrony")]
    Chrony,
    /// ptp4l, phc2sys for the system clock, and chronyd, which watches NTP servers and steers nothing.
    #[serde(rename = "ptp4l+phc2sys+chrony")]
    Phc2sysChrony,
    /// The daemon of this project.
    #[serde(rename = "synchronome")]
    Synchronome,
}

impl Contender {
    /// Every contender.
    pub const ALL: [Self; 6] =
        [Self::Ptp4l, Self::Ptp4lLinreg, Self::Phc2sys, Self::Chrony, Self::Phc2sysChrony, Self::Synchronome];

    /// The name, as in a scenario.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ptp4l => "ptp4l",
            Self::Ptp4lLinreg => "ptp4l-linreg",
            Self::Phc2sys => "ptp4l+phc2sys",
            Self::Chrony => "ptp4l+chrony",
            Self::Phc2sysChrony => "ptp4l+phc2sys+chrony",
            Self::Synchronome => "synchronome",
        }
    }

    /// The contender of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

    /// Whether it is the daemon of this project.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Synchronome)
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the contender's clocks stand when it starts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// The contender's PHC ahead of the master's.
    pub phc_ns: i64,
    /// CLOCK_REALTIME ahead of the master's UTC.
    pub real_ns: i64,
}

impl Default for Start {
    fn default() -> Self {
        Self { phc_ns: 250_000_000, real_ns: 0 }
    }
}

/// The grandmaster in namespace A: ptp4l on the even ports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Master {
    /// How long it runs before the contender starts; negative: it starts so long after.
    pub lead: f64,
    /// The leap second that it announces at the end of the UTC day.
    pub leap: Leap,
    /// Options of ptp4l beside the usual ones.
    pub options: Vec<String>,
}

impl Default for Master {
    fn default() -> Self {
        Self { lead: 20.0, leap: Leap::None, options: Vec::new() }
    }
}

/// A leap second at the end of the UTC day.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leap {
    /// None.
    #[default]
    None,
    /// The day is a second longer.
    Insert,
    /// The day is a second shorter.
    Delete,
}

impl Leap {
    /// What it adds to TAI - UTC.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Insert => 1,
            Self::Delete => -1,
        }
    }
}

/// Options of the linuxptp contenders, beside the usual ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Linuxptp {
    /// For ptp4l.
    pub ptp4l: Vec<String>,
    /// For phc2sys.
    pub phc2sys: Vec<String>,
    /// For the ptp4l slave behind a contender, ours or theirs.
    pub behind: Vec<String>,
    /// Whether its programs may end by themselves: some do when a clock goes.
    pub may_end: bool,
}

/// Options of our daemon.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synchronome {
    /// The whole configuration but `[observe]`; absent: made from what the scenario says.
    pub config: Option<String>,
    /// Lines for `[[ptp]]` of the made configuration.
    pub ptp: String,
    /// Lines for `[clock]` of the made configuration.
    pub clock: String,
    /// Lines for `[servo]` of the made configuration.
    pub servo: String,
    /// The options of a phc2sys beside our daemon, which asks its management socket as it would ask ptp4l's; empty: there is none.
    pub phc2sys: Vec<String>,
    /// A list of leap seconds: /run/leap-seconds.list in the guest, for a configuration that names it.
    pub leap_list: Option<String>,
    /// Command lines to run in the contender's namespace, split at blanks, once our daemon has ended: what it has left behind. Each must succeed.
    pub after: Vec<String>,
}

/// Something that breaks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub at: f64,
    /// For how long; absent: it stays. What was before comes back.
    #[serde(rename = "for")]
    pub lasts: Option<f64>,
    /// Knobs to turn.
    #[serde(default)]
    pub set: Knobs,
    /// A command line to run in the contender's namespace, split at blanks.
    pub run: Option<String>,
}

fn default_seconds() -> f64 {
    60.0
}

fn default_maxerror_excess() -> f64 {
    1_100.0
}

fn default_sample_every() -> f64 {
    0.097
}

const fn one() -> u32 {
    1
}

fn default_date() -> String {
    "2026-03-01T12:00:00Z".to_owned()
}

impl Scenario {
    /// Reads a scenario and checks every name and number in it.
    ///
    /// # Errors
    /// What is wrong, in words for the author of the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut scenario: Self = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        name.clone_into(&mut scenario.name);
        scenario.check().map_err(|what| format!("{name}: {what}"))?;
        if scenario.contenders.is_empty() {
            scenario.contenders = scenario.usual_contenders();
        }
        Ok(scenario)
    }

    /// Makes demands on a guest with this kernel of what is demanded of one with that of the limits.
    pub fn on(&mut self, kernel: Linux) {
        if let Some(cpu) = self.cpu.as_mut().filter(|_| kernel != Linux::OF_LIMITS) {
            cpu.ratio *= COST_ELSEWHERE;
        }
    }

    /// The ports that exist.
    pub fn ports(&self) -> impl Iterator<Item = String> {
        (0..self.pairs * 2).map(|number| format!("phv{number}"))
    }

    /// The interface on which PTP runs at a port: the port itself or its VLAN.
    pub fn interface(&self, number: u32) -> String {
        self.vlan.map_or_else(|| format!("phv{number}"), |vlan| format!("phv{number}.{vlan}"))
    }

    /// The addresses of the NTP servers.
    pub fn ntp_servers(&self) -> impl Iterator<Item = String> {
        (0..self.ntp_servers).map(|number| format!("10.0.0.{}", 11 + number))
    }

    /// Where the clocks stand at the start, UTC seconds since 1970.
    pub fn epoch(&self) -> i64 {
        seconds_of(&self.date).expect("checked when it was read")
    }

    /// Seconds of virtual time that all contenders take together, about.
    pub fn cost(&self) -> f64 {
        match self.kind {
            Kind::Module => 60.0,
            Kind::Race => self.contenders.len() as f64 * (self.seconds + self.master.lead.max(0.0) + 3.0),
        }
    }

    /// The clocks of which a bound must be claimed: those that are judged, and all that are steered where none is; not the system clock that phc2sys
    /// steers beside our daemon.
    pub fn claimed_clocks(&self) -> BTreeSet<Clock> {
        let judged = self.judge.iter().map(|judge| judge.clock);
        let is_theirs = |clock: Clock| clock == Clock::System && !self.synchronome.phc2sys.is_empty();
        let judged: BTreeSet<_> = judged.filter(|clock| !clock.is_behind() && !is_theirs(*clock)).collect();
        match self.steer {
            _ if !judged.is_empty() => judged,
            Steer::Phc => [Clock::PHC].into(),
            Steer::System => [Clock::PHC, Clock::System].into(),
        }
    }

    /// The clocks whose true error is known: the system clock, the PHC of each port of the contender, and of the slave behind it.
    fn has_clock(&self, clock: Clock) -> bool {
        match clock {
            Clock::Phc(port) => port < self.pairs * 2 && (port % 2 == 1 || self.behind && port + 2 == self.pairs * 2),
            Clock::System => true,
        }
    }

    fn usual_contenders(&self) -> Vec<Contender> {
        match (self.kind, self.steer) {
            (Kind::Module, _) => Vec::new(),
            (Kind::Race, Steer::Phc) => vec![Contender::Ptp4l, Contender::Synchronome],
            (Kind::Race, Steer::System) => vec![Contender::Phc2sys, Contender::Synchronome],
        }
    }

    fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(format!("{what} = {value}: {least} to {most}")) }
        };
        within("seconds", self.seconds, 1.0, SECONDS_MAX)?;
        within("master.lead", self.master.lead, -self.seconds, 600.0)?;
        within("maxerror_excess_us", self.maxerror_excess_us, 500.0, 1e6)?;
        within("sample_every_s", self.sample_every_s, 0.05, 60.0)?;
        within("bound.every_s", self.bound.every_s, 0.05, SECONDS_MAX)?;
        within("bound.grace_s", self.bound.grace_s, 0.0, self.seconds)?;
        within("pairs", f64::from(self.pairs), 1.0, f64::from(PAIRS_MAX))?;
        within("ntp_servers", f64::from(self.ntp_servers), 0.0, f64::from(NTP_SERVERS_MAX))?;
        within("scrape_every_s", self.scrape_every_s.unwrap_or(1.0), 0.5, SECONDS_MAX)?;
        within("vlan", f64::from(self.vlan.unwrap_or(1)), 1.0, 4094.0)?;
        if seconds_of(&self.date).is_none() {
            return Err(format!("date = \"{}\": write it like 2026-03-01T12:00:00Z", self.date));
        }
        if self.behind && self.pairs < 2 {
            return Err("who is behind needs a pair of its own: pairs = 2".to_owned());
        }
        if self.bond && (self.pairs < 2 || self.vlan.is_some()) {
            return Err("a bond has two members at least, and no VLAN here: pairs = 2".to_owned());
        }
        if self.lacp && !self.bond {
            return Err("lacp is of a bond: bond = true".to_owned());
        }
        self.check_knobs(&self.knobs)?;
        for fault in &self.fault {
            within("fault.at", fault.at, 0.0, self.seconds)?;
            within("fault.for", fault.lasts.unwrap_or(0.0), 0.0, self.seconds - fault.at)?;
            self.check_knobs(&fault.set)?;
            if fault.set.is_empty() && fault.run.is_none() {
                return Err(format!("the fault at {} s does nothing: give it `set` or `run`", fault.at));
            }
        }
        for judge in &self.judge {
            let (from, to) = judge.window(self.seconds);
            within("judge.from", from, 0.0, self.seconds)?;
            within("judge.to", to, from, self.seconds)?;
        }
        let judged = self.judge.iter().map(|judge| judge.clock);
        let wide = self.expect.iter().flat_map(|expect| expect.bound.iter().map(|width| width.clock));
        let timed = self.lock.iter().map(|lock| lock.clock).chain(self.outage.iter().map(|outage| outage.clock));
        if let Some(wrong) = judged.chain(wide).chain(timed).find(|clock| !self.has_clock(*clock)) {
            return Err(format!("the contender has no clock {wrong} among {} pair(s)", self.pairs));
        }
        for expect in &self.expect {
            within("expect.from", expect.from, 0.0, self.seconds)?;
            within("expect.to", expect.to, expect.from, self.seconds)?;
            let leaps = ["none", "insert", "delete"];
            if expect.leap.as_deref().is_some_and(|leap| !leaps.contains(&leap)) {
                return Err(format!("expect.leap is one of {}", leaps.join(", ")));
            }
        }
        if self.outage.is_some() && self.fault.is_empty() {
            return Err("an outage is counted from the first fault, and there is none".to_owned());
        }
        if self.kind == Kind::Race && self.judge.is_empty() && self.expect.is_empty() && self.cpu.is_none() {
            return Err("nothing is judged: give it a [[judge]], an [[expect]] or a [cpu]".to_owned());
        }
        Ok(())
    }

    fn check_knobs(&self, knobs: &Knobs) -> Result<(), String> {
        for (port, knobs) in knobs {
            if !self.ports().any(|known| known == *port) {
                return Err(format!("there is no port {port} among {} pair(s)", self.pairs));
            }
            if let Some(wrong) = knobs.keys().find(|knob| !KNOBS.contains(&knob.as_str())) {
                return Err(format!("{port} has no knob {wrong}; it has {}", KNOBS.join(", ")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
