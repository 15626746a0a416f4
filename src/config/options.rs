//! The one table of options: names, ranges, defaults and help.
//!
//! Everything that is said about an option elsewhere (errors, the reference manual, `check --explain`) is made from its
//! row here, and so cannot be out of date.

use super::{ALLOWED_HOSTS_MAX, CORES_MAX, LISTEN_MAX, PHCS_MAX, PTP_PORTS_MAX, SERVER_CORES_MAX};
use crate::ntp::server::{CLIENTS_MAX, CLIENTS_MIN, PREFIXES_MAX};
use crate::ptp::{ACCEPTABLE_MASTERS_MAX, GRANDMASTERS_MAX, UNICAST_MASTERS_MAX};
use crate::time::Duration;

/// What values an option takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number, both ends allowed.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number, both ends allowed.
    Float {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// A duration with its unit, both ends allowed; or one of some words.
    Duration {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// Words that stand for what no duration says.
        or: &'static [&'static str],
    },
    /// A frequency with its unit, both ends allowed, in ppb.
    Frequency {
        /// The lowest.
        min_ppb: f64,
        /// The highest.
        max_ppb: f64,
    },
    /// One of some words.
    Word(&'static [&'static str]),
    /// One of some words, or a list of names of hardware clocks: of interfaces, or `clock_name`s.
    WordOrClocks {
        /// The words.
        words: &'static [&'static str],
        /// The most names.
        count_max: usize,
    },
    /// A list of some words, no two alike.
    Words {
        /// The words.
        words: &'static [&'static str],
    },
    /// A list: an absolute path of a program, then its arguments.
    Command {
        /// The most elements.
        count_max: usize,
    },
    /// The name of a network interface.
    Interface,
    /// An absolute path.
    Directory,
    /// One of these words, or an absolute path.
    PathOr(&'static [&'static str]),
    /// Text on one line.
    Text {
        /// The most octets.
        bytes_max: usize,
    },
    /// Sixteen hexadecimal digits.
    ClockIdentity,
    /// A list of sixteen hexadecimal digits each, no two alike.
    ClockIdentities {
        /// The most of them.
        count_max: usize,
    },
    /// A list of ports of PTP clocks, no two alike, each with what its priority1 is taken for.
    AcceptableMasters {
        /// The most of them.
        count_max: usize,
    },
    /// A list of IP addresses, no two alike.
    Addresses {
        /// The most of them.
        count_max: usize,
    },
    /// An IP address with a port, or `"off"`.
    AddressOrOff,
    /// An IP address with a port.
    Address,
    /// The name of a hardware clock: of an interface, or a `clock_name`.
    Clock,
    /// A list of names of hosts, or of all below a domain, no two alike.
    HostNames {
        /// The most of them.
        count_max: usize,
    },
    /// A list of IP addresses with ports and of interfaces, no two alike.
    Places {
        /// The most of them.
        count_max: usize,
    },
    /// A list of interfaces, IP addresses and prefixes, no two alike.
    Exceptions {
        /// The most of them.
        count_max: usize,
    },
    /// A list of IP addresses and prefixes, no two alike.
    Prefixes {
        /// The most of them.
        count_max: usize,
    },
    /// A list of CPU numbers, no two alike.
    Cores {
        /// The most of them.
        count_max: usize,
    },
}

/// What holds where the file says nothing.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// The file must say it.
    Required,
    /// Nothing; says what happens then.
    Unset(&'static str),
    /// This value, as TOML.
    Toml(&'static str),
}

/// One option.
#[derive(Debug)]
pub struct OptionSpec {
    /// Sections and name, `clock.step.first`; for every `[[ptp]]` alike `ptp.domain`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// The unit in which people think of it: offered when a unit is missing. Empty for plain numbers and words.
    pub unit: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
    /// The standard's or the system's own name for it; may be empty.
    pub term: &'static str,
}

/// A section, as its header stands in the file.
#[derive(Debug)]
pub struct Section {
    /// Its path, `ntp.server`.
    pub path: &'static str,
    /// Whether it stands in double brackets, any number of times.
    pub repeated: bool,
    /// What it is about, one sentence.
    pub help: &'static str,
}

/// A row without a unit and a term.
pub const fn option(path: &'static str, kind: Kind, default: Default, help: &'static str) -> OptionSpec {
    OptionSpec { path, kind, default, unit: "", help, term: "" }
}
impl OptionSpec {
    /// The same with the unit in which people think of it.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
    #[must_use]
    const fn term(mut self, term: &'static str) -> Self {
        self.term = term;
        self
    }
    /// The name without its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }
}

const YEARS: Duration = Duration::from_secs(100_000 * 3_600);
const MINUS_YEARS: Duration = Duration::from_secs(-100_000 * 3_600);
const SHIFT: Kind = Kind::Duration { min: MINUS_YEARS, max: YEARS, or: &[] };
const STEP: Kind = Kind::Duration { min: Duration::from_nanos(1), max: YEARS, or: &["any", "never"] };
const PANIC: Kind = Kind::Duration { min: Duration::from_millis(1), max: YEARS, or: &["never"] };
const LIMIT: Kind = Kind::Duration { min: Duration::from_nanos(1), max: Duration::SECOND, or: &[] };
const LATENCY: Kind = Kind::Duration { min: Duration::from_secs(-1), max: Duration::SECOND, or: &[] };
const POLL: Kind = Kind::Integer { min: -4, max: 17 };
const OFF: Default = Default::Toml("false");
const CONFLICT: &[&str] = &["hold", "prefer"];
const PREFIXES: Kind = Kind::Prefixes { count_max: PREFIXES_MAX };
const REFCLOCK: &[&str] = &["shm", "sock", "gpsd", "pps", "phc", "vmclock"];
const RTC: &[&str] = &["kernel", "exit", "off"];
const DITHER: &[&str] = &["kernel", "daemon"];
const EDGE: &[&str] = &["assert", "clear"];
const SCALE: &[&str] = &["utc", "tai"];
const DISTANCE: Kind = Kind::Duration { min: Duration::from_micros(1), max: Duration::from_secs(16), or: &[] };
const UNSURE: Kind = Kind::Duration { min: Duration::ZERO, max: Duration::SECOND, or: &[] };
const UNICAST_DURATION: Kind =
    Kind::Duration { min: Duration::from_secs(10), max: Duration::from_secs(1_000), or: &[] };
const DSCP: Kind = Kind::Integer { min: 0, max: 63 };
const UDP_PORT: Kind = Kind::Integer { min: 1, max: 65_535 };
const CORE: Kind = Kind::Integer { min: 0, max: CORES_MAX as i64 - 1 };
const PRIORITY: Kind = Kind::Integer { min: 1, max: 99 };
const GAIN: Kind = Kind::Float { min: 0.0, max: 100.0 };
const PPM: f64 = 1_000.0;

const SYSTEM: &[&str] = &["observe", "discipline"];
const PHC: &[&str] = &["auto", "all", "none"];
const SERVO: &[&str] = &["pi", "estimator"];
const ROLE: &[&str] = &["slave", "master", "auto"];
const TRANSPORT: &[&str] = &["udp4", "udp6", "ethernet"];
const ETHERNET_GROUP: &[&str] = &["forwardable", "link"];
const GPTP_CAPABLE: &[&str] = &["off", "tell", "require"];
const COMPARISON: &[&str] = &["ieee1588", "g8275", "g8265"];
const HOLD_OFF: Kind = Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(60), or: &[] };
const VARIATION: Kind = Kind::Duration { min: Duration::from_micros(1), max: Duration::from_millis(100), or: &["any"] };
const WAIT_TO_RESTORE: Kind = Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(720), or: &[] };
const PROFILE: &[&str] = &[
    "default-e2e",
    "default-p2p",
    "gptp",
    "g8275.1",
    "g8275.2",
    "iec61850-9-3",
    "c37.238",
    "enterprise",
    "smpte2059-2",
    "aes67",
    "automotive",
    "g8265.1",
];
const DELAY: &[&str] = &["e2e", "p2p"];
const TIMESTAMPS: &[&str] = &["auto", "hardware", "software"];
const FAMILIES: &[&str] = &["any", "4", "6", "prefer4", "prefer6"];
const ARB: &[&str] = &["auto", "utc", "tai", "refuse"];
const LEAP: &[&str] = &["kernel", "step", "slew", "ignore"];
const UTC_OFFSET: &[&str] = &["check", "source", "host"];
/// Whose names metrics can have beside ours.
pub const COMPAT: &[&str] = &["chrony", "openshift", "vm"];
/// The kinds of events, as `synchronome events` has them; not those of hooks themselves.
pub const EVENT_KINDS: &[&str] = &[
    "state",
    "step",
    "panic",
    "clock_set",
    "foreign",
    "handover",
    "falseticker",
    "verdict",
    "disruption",
    "phc_jump",
    "port",
    "master",
    "stamps",
    "source",
    "leap",
    "thread",
    "clock",
    "note",
];
const HOOK_TIMEOUT: Kind = Kind::Duration { min: Duration::from_millis(100), max: Duration::from_secs(3_600), or: &[] };
const LOG: &[&str] = &["error", "warn", "info", "debug", "trace"];

const SECCOMP: &[&str] = &["enforce", "log", "off"];

const NO_CORE: Default = Default::Unset("wherever the kernel likes");
const NO_PRIORITY: Default = Default::Unset("the ordinary scheduler");
const GAIN_TABLE: Default = Default::Unset("from the table of gains, by the sync interval");

/// The sections, in the order of the manual.
pub const SECTIONS: &[Section] = &[
    Section { path: "clock", repeated: false, help: "Which clock is ours, and what may be done to it." },
    Section {
        path: "clock.system.simulated",
        repeated: false,
        help: "A clock in software, a function of the system clock: for trials, without any privilege. Usually written \
               `system = { simulated = { offset = \"2s\", frequency = \"40ppm\" } }` in `[clock]`.",
    },
    Section { path: "clock.step", repeated: false, help: "When the clock may be stepped instead of slewed." },
    Section {
        path: "clock.ptp",
        repeated: false,
        help: "What the clock says of itself by the ports that may be master. Its accuracy is measured: the error bound.",
    },
    Section { path: "servo", repeated: false, help: "The loop that corrects the clock." },
    Section { path: "ptp", repeated: true, help: "A PTP port: one network interface in one domain." },
    Section {
        path: "ntp.source",
        repeated: true,
        help: "An NTP server that is asked, or several behind one name. With one of these all sources are judged together, PTP ports among them.",
    },
    Section {
        path: "refclock",
        repeated: true,
        help: "A reference clock: a receiver, a pulse or a clock of this machine that is read. With one of these all sources are judged together.",
    },
    Section { path: "selection", repeated: false, help: "How several sources are judged." },
    Section { path: "ntp.server", repeated: false, help: "Serves the clock's time to NTP clients." },
    Section {
        path: "ntp.server.local",
        repeated: false,
        help: "The clock's own time, served while nobody vouches for it.",
    },
    Section { path: "threads", repeated: false, help: "How the daemon's threads run." },
    Section {
        path: "threads.ptp",
        repeated: false,
        help: "The threads of the PTP ports. A single port that is asked for the same place as the discipline shares its thread.",
    },
    Section { path: "threads.discipline", repeated: false, help: "The thread that steers the clock." },
    Section { path: "threads.server", repeated: false, help: "The NTP server's workers." },
    Section { path: "observe", repeated: false, help: "Logs, metrics and directories." },
    Section { path: "security", repeated: false, help: "What the daemon may do once it runs." },
    Section {
        path: "hook",
        repeated: true,
        help: "A program that is run when certain things happen. It gets no right that the daemon has; the chapter `watching` says what it is told.",
    },
    Section { path: "trace", repeated: false, help: "What the engines hear and do, kept to be replayed." },
];

/// Options and sections that are planned and not built, with what they are.
pub const LATER: &[(&str, &str)] = &[("ptp.authentication", "authentication of PTP messages")];

/// Every option, in the order of the manual.
#[rustfmt::skip] // one row, one option
pub const OPTIONS: &[OptionSpec] = &[
    option("clock.system", Kind::Word(SYSTEM), Default::Toml("\"observe\""), "The clock that is ours: \"discipline\" steers the system clock; \"observe\" measures it and never touches it; { simulated = {} } makes one in software and disciplines that.").term("CLOCK_REALTIME"),
    option("clock.phc", Kind::WordOrClocks { words: PHC, count_max: PHCS_MAX }, Default::Toml("\"auto\""), "Which hardware clocks we steer: \"all\" those of the ports below, or \"none\" (they are then only read); \"auto\" is \"all\" where the system clock is disciplined; or a list of interfaces and clock_names, of which those without a port follow.").term("PHC"),
    option("clock.utc_offset", Kind::Word(UTC_OFFSET), Default::Toml("\"check\""), "Whose TAI - UTC counts where a grandmaster's is not the one that is known: \"check\" takes no UTC from it, \"source\" believes it, \"host\" goes on with what is known.").term("timePropertiesDS.currentUtcOffset"),
    option("clock.leap", Kind::Word(LEAP), Default::Toml("\"kernel\""), "How the system clock goes through a leap second: \"kernel\" has it made by the kernel, at midnight; \"step\" steps the clock itself then; with \"slew\" it is a second off from then on, which is slewed away at clock.max_frequency (2000 s at 500 ppm), and says so; \"ignore\" does nothing, and what the clock is then off by is corrected as any other offset (clock.step.later).").term("STA_INS, STA_DEL"),
    option("clock.leap_file", Kind::Directory, Default::Toml("\"/usr/share/zoneinfo/leap-seconds.list\""), "The list of leap seconds (IERS, NIST) against which TAI - UTC is checked; one that is not there is done without."),
    option("clock.vmclock", Kind::PathOr(&["auto", "off"]), Default::Toml("\"auto\""), "The hypervisor's page of time, which tells that this machine was paused, moved or restored: \"auto\" is /dev/vmclock0 where that exists, and what the kernel tells of snapshots where the page does not; \"off\" hears neither.").term("vmclock"),
    option("clock.rtc", Kind::Word(RTC), Default::Toml("\"kernel\""), "Who writes the time into the machine's RTC while the system clock is steered: \"kernel\" leaves it to the kernel, every eleven minutes; \"exit\" sets it to UTC at our end too, if the clock is synchronised and off by 100 ms at most; \"off\" keeps the kernel from it as well, which then never says that the clock is synchronised.").term("rtcsync"),
    option("clock.dither", Kind::Word(DITHER), Default::Toml("\"kernel\""), "Who makes up for what lies between two of the steps in which the kernel can set the system clock's rate (often 0.12 ppm): \"kernel\" leaves it to the kernel, which does it whenever it is awake, so that an idle machine's clock is off by some nanoseconds more; \"daemon\" commands multiples of the step in turn where samples show that this is better, and wakes up four times a second more for it."),
    option("clock.lock_limit", LIMIT, Default::Unset("10 us where the card takes the time stamps, 100 us where the kernel does"), "A clock is LOCKED while its error bound is at most this.").unit("us"),
    option("clock.max_drift", Kind::Frequency { min_ppb: 0.0, max_ppb: 1_000.0 * PPM }, Default::Toml("\"1ppm\""), "The frequency error that may appear unseen: error bounds grow by this as they age, or by less where the estimator has watched the oscillator for long enough.").unit("ppm").term("PHI (RFC 5905)"),
    option("clock.max_frequency", Kind::Frequency { min_ppb: 1.0, max_ppb: 100_000.0 * PPM }, Default::Toml("\"500ppm\""), "The largest frequency correction, in either direction.").unit("ppm").term("max_adj"),

    option("clock.system.simulated.offset", SHIFT, Default::Toml("\"0s\""), "What the simulated clock is ahead of the system clock at the start.").unit("s"),
    option("clock.system.simulated.frequency", Kind::Frequency { min_ppb: -1_000.0 * PPM, max_ppb: 1_000.0 * PPM }, Default::Toml("\"0ppm\""), "What the simulated clock runs fast by.").unit("ppm"),
    option("clock.system.simulated.wander", Kind::Float { min: 0.0, max: 1e-6 }, Default::Toml("0.0"), "Random walk of its frequency, in s/s per square root of a second."),
    option("clock.system.simulated.seed", Kind::Integer { min: 0, max: i64::MAX }, Default::Toml("1"), "Seed of the random walk: the same seed gives the same walk."),
    option("clock.system.simulated.reference_offset", SHIFT, Default::Toml("\"0s\""), "What the source's clock is ahead of this host's system clock, to judge the true error by.").unit("s"),

    option("clock.step.first", STEP, Default::Toml("\"any\""), "Whether the first correction may be a step: always, never, or when the offset is larger than this."),
    option("clock.step.later", STEP, Default::Toml("\"never\""), "Whether later corrections may be steps: always, never, or when the offset is larger than this."),
    option("clock.step.panic", PANIC, Default::Toml("\"1000s\""), "A clock that has been corrected once and is then off by more than this is reported, and not corrected.").unit("s"),

    option("clock.ptp.priority1", Kind::Integer { min: 0, max: 255 }, Default::Toml("128"), "What the best master clock algorithm compares first; lower is better.").term("defaultDS.priority1"),
    option("clock.ptp.priority2", Kind::Integer { min: 0, max: 255 }, Default::Toml("128"), "What it compares after the quality; lower is better.").term("defaultDS.priority2"),
    option("clock.ptp.local_priority", Kind::Integer { min: 1, max: 255 }, Default::Toml("128"), "What this clock ranks by itself after priority2, at ports with ptp.comparison \"g8275\"; lower is better.").term("defaultDS.localPriority"),
    option("clock.ptp.class", Kind::Integer { min: 6, max: 248 }, Default::Unset("6 while a receiver or pulse of stratum 0 steers, 7 and later 187 without it, else 248"), "The class that the clock announces while it is synchronised.").term("defaultDS.clockQuality.clockClass"),

    option("servo.kind", Kind::Word(SERVO), Default::Toml("\"estimator\""), "The servo: \"pi\" is a proportional-integral loop, \"estimator\" learns the noise of path and oscillator and needs no tuning."),
    option("servo.proportional", GAIN, GAIN_TABLE, "The proportional gain, in 1/s."),
    option("servo.integral", GAIN, GAIN_TABLE, "The integral gain, in 1/s^2."),
    option("servo.hold", Kind::Switch, Default::Toml("false"), "Measure and never correct: shows how the clock drifts by itself."),

    option("ptp.interface", Kind::Interface, Default::Required, "The network interface; one that is absent is waited for."),
    option("ptp.profile", Kind::Word(PROFILE), Default::Unset("the option table's defaults: those of the default profile"), "The PTP profile whose values the other options of the section have where they are not written.").term("PTP profile"),
    option("ptp.role", Kind::Word(ROLE), Default::Toml("\"slave\""), "What the port may become: a \"slave\" follows and never sends Announce or Sync; a \"master\" serves the clock's time as soon as that is known, and follows nobody; \"auto\" does what the best master clock algorithm says.").term("portDS.portState"),
    option("ptp.domain", Kind::Integer { min: 0, max: 255 }, Default::Toml("0"), "The PTP domain.").term("defaultDS.domainNumber"),
    option("ptp.sdo_id", Kind::Integer { min: 0, max: 4_095 }, Default::Toml("0"), "The standards organisation's part of the domain, 12 bits: majorSdoId and minorSdoId.").term("defaultDS.sdoId"),
    option("ptp.transport", Kind::Word(TRANSPORT), Default::Toml("\"udp4\""), "What carries the messages: UDP over IPv4, UDP over IPv6, or Ethernet frames.").term("networkProtocol"),
    option("ptp.udp6_scope", Kind::Integer { min: 1, max: 15 }, Default::Toml("14"), "With transport \"udp6\" the scope of the group's address FF0x::181: 2 is the link, 5 the site, 14 (hexadecimal E) global."),
    option("ptp.ethernet_group", Kind::Word(ETHERNET_GROUP), Default::Toml("\"forwardable\""), "With transport \"ethernet\" the group that messages are sent to: \"forwardable\" is 01-1B-19-00-00-00, \"link\" is 01-80-C2-00-00-0E, which no bridge forwards."),
    option("ptp.hop_limit", Kind::Integer { min: 1, max: 255 }, Default::Toml("1"), "How many hops messages to the group go over IP, for networks that route groups: with 1 no router forwards them; those to one receiver have the kernel's.").term("TTL, hop limit"),
    option("ptp.dscp_event", DSCP, Default::Toml("0"), "The DSCP of event messages over IP, which are stamped when they pass: Sync, Delay_Req; 46 is \"expedited forwarding\".").term("DSCP (RFC 2474)"),
    option("ptp.dscp_general", DSCP, Default::Toml("0"), "The DSCP of general messages over IP: Announce, Follow_Up, Delay_Resp.").term("DSCP (RFC 2474)"),
    option("ptp.socket_priority", Kind::Integer { min: 0, max: 15 }, Default::Toml("0"), "The kernel's priority of what is sent, which a VLAN interface's `egress-qos-map` makes the priority in the tag, and mqprio or taprio a queue of the card; 0: by the DSCP.").term("SO_PRIORITY"),
    option("ptp.delay", Kind::Word(DELAY), Default::Toml("\"e2e\""), "How the path delay is measured: \"e2e\" is the way to the master and back, by Delay_Req; \"p2p\" the link to the neighbour, by Pdelay_Req: then every device on the way to the master must do so.").term("portDS.delayMechanism"),
    option("ptp.pdelay_req_interval", Kind::Integer { min: -7, max: 7 }, Default::Toml("0"), "With delay \"p2p\" how often the neighbour is asked: each 2^n s.").term("portDS.logMinPdelayReqInterval"),
    option("ptp.neighbor_delay_max", UNSURE, Default::Toml("\"20ms\""), "With delay \"p2p\" the longest delay of the link that is believed.").unit("ms").term("meanLinkDelayThresh"),
    option("ptp.neighbor_delay_min", UNSURE, Default::Toml("\"0ns\""), "With delay \"p2p\" the shortest delay of the link that is believed, less what stamps may be off by.").unit("ns"),
    option("ptp.as_capable", Kind::Switch, OFF, "With delay \"p2p\" whether nothing is believed of, and no time served to, a link whose neighbour has not shown that it measures it within neighbor_delay_max (IEEE 802.1AS).").term("asCapable"),
    option("ptp.timestamps", Kind::Word(TIMESTAMPS), Default::Toml("\"auto\""), "Who takes the time stamps: \"hardware\" is the card and else nobody, \"software\" the kernel, \"auto\" the card where it can and else the kernel."),
    option("ptp.frequency_quantum", Kind::Frequency { min_ppb: 0.01, max_ppb: 10_000.0 }, Default::Unset("what is known of the driver, else that it can be set finely"), "The step in which the frequency of the card's clock can be set (119 ppb on some): it then alternates between two of them.").unit("ppb"),
    option("ptp.delay_asymmetry", LATENCY, Default::Toml("\"0ns\""), "Half of what the way from the master is longer than the way back.").unit("ns").term("delayAsymmetry"),
    option("ptp.ingress_latency", LATENCY, Default::Toml("\"0ns\""), "What the stamp of an arriving message is too late by.").unit("ns").term("ingressLatency"),
    option("ptp.egress_latency", LATENCY, Default::Toml("\"0ns\""), "What the stamp of a leaving message is too early by.").unit("ns").term("egressLatency"),
    option("ptp.arb_timescale", Kind::Word(ARB), Default::Toml("\"auto\""), "How to read a grandmaster that does not use the PTP timescale; \"auto\" is \"utc\" with software stamps and \"refuse\" with the card's.").term("timePropertiesDS.ptpTimescale"),
    option("ptp.announce_interval", Kind::Integer { min: -4, max: 4 }, Default::Toml("1"), "How often a master announces itself, as the logarithm to base 2 of seconds.").term("portDS.logAnnounceInterval"),
    option("ptp.sync_interval", Kind::Integer { min: -7, max: 4 }, Default::Toml("0"), "How often a master sends Sync, as the logarithm to base 2 of seconds: -3 is 8 a second.").term("portDS.logSyncInterval"),
    option("ptp.two_step", Kind::Switch, Default::Toml("true"), "As a master say when a Sync has left in a Follow_Up (two-step); false: the card writes its time into the Sync as it leaves (one-step), and with delay \"p2p\" into a Pdelay_Resp what that took, where it can, and else two-step.").term("twoStepFlag"),
    option("ptp.delay_req_interval", Kind::Integer { min: -7, max: 5 }, Default::Toml("0"), "How often the slaves of a master may send Delay_Req, as the logarithm to base 2 of seconds.").term("portDS.logMinDelayReqInterval"),
    option("ptp.announce_receipt_timeout", Kind::Integer { min: 2, max: 255 }, Default::Toml("3"), "After how many announce intervals of silence a master is given up.").term("portDS.announceReceiptTimeout"),
    option("ptp.grandmasters", Kind::ClockIdentities { count_max: GRANDMASTERS_MAX }, Default::Toml("[]"), "The grandmasters that may be followed, by their clockIdentity, which keeps out a device that was plugged in by mistake, and nobody who forges its Announce; empty: any."),
    option("ptp.acceptable_masters", Kind::AcceptableMasters { count_max: ACCEPTABLE_MASTERS_MAX }, Default::Toml("[]"), "The ports whose Announce are heeded, as \"001b21fffeaabbcc-1\": a clockIdentity and the portNumber, whatever grandmaster they announce; with \"001b21fffeaabbcc-1 priority1=10\" that counts, and is announced, instead of the grandmaster's own priority1; empty: any.").term("acceptableMasterTable, alternatePriority1"),
    option("ptp.comparison", Kind::Word(COMPARISON), Default::Toml("\"ieee1588\""), "How masters are compared: \"ieee1588\" by priority1, quality, priority2 and identity; \"g8275\" by quality, priority2 and local_priority, and those of class 127 and better then by who is nearer (ITU-T G.8275.1, alternate BMCA); \"g8265\" by the quality level of their frequency, which is in the class (80 to 109, others are not followed), and then by their order in unicast_masters (ITU-T G.8265.1).").term("data set comparison"),
    option("ptp.local_priority", Kind::Integer { min: 1, max: 255 }, Default::Toml("128"), "With comparison \"g8275\" what masters that are heard by this port rank by after priority2; lower is better.").term("portDS.localPriority"),
    option("ptp.unicast_masters", Kind::Addresses { count_max: UNICAST_MASTERS_MAX }, Default::Toml("[]"), "The masters that are asked for what they send, by their IP addresses, as often as announce_interval, sync_interval and delay_req_interval say: then nobody else is heard, and nothing is sent to all.").term("unicastMasterTable"),
    option("ptp.unicast_duration", UNICAST_DURATION, Default::Toml("\"300s\""), "For how long a unicast master is asked; it is asked again when half of that is over.").unit("s").term("durationField"),
    option("ptp.wait_to_restore", WAIT_TO_RESTORE, Default::Toml("\"16s\""), "For how long a unicast master that has failed (it fell silent, refuses Sync or Delay_Resp, grants them and sends nothing, or said that it is not to be used) is followed only where there is no other.").unit("s").term("waitToRestore"),
    option("ptp.hold_off", HOLD_OFF, Default::Toml("\"1s\""), "With comparison \"g8265\" how long the Sync or Delay_Resp of the master that is followed must have failed to come, or its quality level have been a worse one, before that counts.").unit("s").term("hold-off time"),
    option("ptp.delay_variation_max", VARIATION, Default::Toml("\"150us\""), "With comparison \"g8265\": of the Sync of 200 s one in a hundred must have come within this of the soonest (floor packet percentage, ITU-T G.8261.1), or that master has failed; \"any\": that is not judged.").unit("us").term("PTSF-unusable"),
    option("ptp.revertive", Kind::Switch, Default::Toml("true"), "With comparison \"g8265\" whether a master that has waited to be restored is followed again where it comes before the one that is followed in unicast_masters; false: that one stays while none has a better quality level, and until it fails itself.").term("non-reversion"),
    option("ptp.path_trace", Kind::Switch, OFF, "As a master name the clocks that an Announce has passed, our own the last, and throw those away that have passed us: for finding and breaking loops.").term("pathTraceDS.enable"),
    option("ptp.hybrid", Kind::Switch, OFF, "As a slave send Delay_Req to the master alone, by unicast, each 2^delay_req_interval s unless it says another; while it answers none of them, to the group."),
    option("ptp.static_role", Kind::Switch, OFF, "Whether the role is fixed, with no Announce sent or heeded: a slave follows who sends Sync, and a master asks no neighbour for the delay (automotive profile).").term("inhibit_announce"),
    option("ptp.unicast_clients", Kind::Integer { min: 0, max: 100_000 }, Default::Toml("0"), "To how many clients a master sends what they ask for, and then nothing to all; 0: it sends to all.").term("unicast negotiation"),
    option("ptp.unicast_duration_max", UNICAST_DURATION, Default::Toml("\"300s\""), "The longest contract that they are granted.").unit("s").term("durationField"),
    option("ptp.unicast_interval_min", Kind::Integer { min: -7, max: 4 }, Default::Toml("-4"), "How often each message is sent to one client at most, as the logarithm to base 2 of seconds: -4 is 16 a second.").term("logInterMessagePeriod"),
    option("ptp.interval_requests", Kind::Switch, OFF, "Whether the neighbour may say how often it is sent Sync and Announce, and asked for the delay (message interval requests, IEEE 802.1AS).").term("message interval request TLV"),
    option("ptp.interval_request_min", Kind::Integer { min: -7, max: 4 }, Default::Toml("-5"), "How often each of these is sent at most for that, as the logarithm to base 2 of seconds: -5 is 32 a second."),
    option("ptp.oper_sync_interval", Kind::Integer { min: -7, max: 4 }, Default::Unset("what the master sends by itself: it is asked for nothing"), "How often a slave that has been LOCKED for 16 s asks its master to send Sync, as the logarithm to base 2 of seconds; until then, and when the lock is lost, as often as the master does by itself.").term("operLogSyncInterval"),
    option("ptp.oper_pdelay_req_interval", Kind::Integer { min: -7, max: 7 }, Default::Unset("pdelay_req_interval"), "With delay \"p2p\" how often such a slave asks its neighbour, as the logarithm to base 2 of seconds.").term("operLogPdelayReqInterval"),
    option("ptp.gptp_capable", Kind::Word(GPTP_CAPABLE), Default::Toml("\"off\""), "With delay \"p2p\": \"tell\" the neighbour that this port speaks IEEE 802.1AS (gPTP-capable TLV, edition of 2020); \"require\" the same of it, too: with as_capable one that has not said so, or not for nine of its intervals, is not believed and not served, which the standard wants in every domain but 0, though ptp4l never says it.").term("gPTP-capable TLV, neighborGptpCapable"),
    option("ptp.gptp_capable_interval", Kind::Integer { min: -3, max: 7 }, Default::Toml("3"), "How often it is told, as the logarithm to base 2 of seconds: 3 is each 8 s.").term("logGptpCapableMessageInterval"),
    option("ptp.power_tlv", Kind::Switch, OFF, "As a master say in each Announce by how much the time may be wrong that is sent, in nanoseconds: the error bound (TLV of IEEE C37.238).").term("IEEE_C37_238 TLV, totalTimeInaccuracy"),
    option("ptp.power_grandmaster_id", Kind::Integer { min: 0, max: 65_535 }, Default::Toml("0"), "With power_tlv the number by which the operator knows this grandmaster; 0: none.").term("grandmasterID"),
    option("ptp.event_port", UDP_PORT, Default::Toml("319"), "The UDP port of event messages: Sync, Delay_Req."),
    option("ptp.general_port", UDP_PORT, Default::Toml("320"), "The UDP port of general messages: Announce, Follow_Up, Delay_Resp."),
    option("ptp.management", Kind::Switch, OFF, "Whether GET of management messages is answered by this port over the network, and such messages are forwarded between the ports of a clock that say so; SET never is."),
    option("ptp.minor_version", Kind::Integer { min: 0, max: 1 }, Default::Toml("1"), "What we send: 0 is PTP 2.0 (IEEE 1588-2008), 1 is PTP 2.1 (2019).").term("minorVersionPTP"),
    option("ptp.clock_identity", Kind::ClockIdentity, Default::Unset("made from the interface's address"), "The identity of our clock.").term("defaultDS.clockIdentity"),

    option("ptp.prefer", Kind::Switch, OFF, "It steers before all that are not preferred, if it agrees with the majority."),
    option("ptp.trust", Kind::Switch, OFF, "Only sources that are trusted have a vote, while one of them is heard."),

    option("ntp.source.address", Kind::Text { bytes_max: 255 }, Default::Required, "The server: a name or an address, with \":port\" if that is not 123; a name is looked up again when nobody answers there."),
    option("ntp.source.pool", Kind::Integer { min: 1, max: 7 }, Default::Toml("1"), "So many of the addresses behind that name are asked; one that does not answer is replaced by another, and so is one that is a falseticker, or too far from the true time (max_distance), at eight polls in a row; where there are fewer addresses, the members that are left over wait for one."),
    option("ntp.source.iburst", Kind::Switch, Default::Toml("true"), "Ask more often at first."),
    option("ntp.source.burst", Kind::Switch, OFF, "Ask eight times, 2 s apart, at each poll (RFC 5905), of a server that is yours or allows it; one that has said RATE is asked once.").term("burst"),
    option("ntp.source.poll", POLL, Default::Toml("6"), "How often it is asked, as the logarithm to base 2 of seconds: -4 is 16 a second, 6 each 64 s.").term("minpoll"),
    option("ntp.source.poll_max", POLL, Default::Unset("always poll; 10 where the server asks for it by RATE"), "The longest interval: while the clock is LOCKED, all servers agree, and more answers would say little that is new, it doubles with each eight exchanges up to this, and is poll again at the first sign of trouble.").term("maxpoll"),
    option("ntp.source.interleaved", Kind::Switch, OFF, "Ask when the answer before really left, where the server knows.").term("RFC 9769"),
    option("ntp.source.family", Kind::Word(FAMILIES), Default::Toml("\"any\""), "Which addresses of the name are asked: \"4\" those of IPv4 alone, \"6\" those of IPv6, \"any\" all, the first one first, in the order in which the resolver names them (gai.conf); \"prefer4\" and \"prefer6\" are all too, those of the one family first."),
    option("ntp.source.timestamps", Kind::Word(TIMESTAMPS), Default::Toml("\"auto\""), "Who takes the time stamps: \"auto\" the card where it stamps all packets already, as it mostly does for a PTP port on it, \"hardware\" tells the card to, and \"software\" is the kernel; where the card gives none the kernel's are used.").term("hwtimestamp"),
    option("ntp.source.prefer", Kind::Switch, OFF, "It steers before all that are not preferred, if it agrees with the majority."),
    option("ntp.source.trust", Kind::Switch, OFF, "Only sources that are trusted have a vote, while one of them is heard."),
    option("ntp.source.require", Kind::Switch, OFF, "Nobody steers unless one of those that are required agrees."),
    option("ntp.source.noselect", Kind::Switch, OFF, "It neither steers nor votes, and is only watched."),
    option("ntp.source.max_distance", DISTANCE, Default::Toml("\"3s\""), "Where it leaves more than this open on either side, it does not count.").unit("s").term("MAXDIST"),
    option("ntp.source.time_offset", LATENCY, Default::Toml("\"0ns\""), "What is taken off the server's time: what it is known to be ahead by.").unit("us"),
    option("ntp.source.delay_asymmetry", LATENCY, Default::Toml("\"0ns\""), "Half of what the way from the server is longer than the way back.").unit("us"),

    option("refclock.kind", Kind::Word(REFCLOCK), Default::Required, "What it is: \"shm\" is a segment of shared memory as gpsd and ntpd write it, \"sock\" a socket to which samples are sent as to chrony, \"gpsd\" gpsd itself, \"pps\" pulses that the kernel stamps, \"phc\" a hardware clock that somebody else keeps right, \"vmclock\" the time in the hypervisor's page, by this CPU's counter.").term("refclock"),
    option("refclock.unit", Kind::Integer { min: 0, max: 255 }, Default::Toml("0"), "Of \"shm\" the unit: its key is 0x4e545030 and this."),
    option("refclock.path", Kind::Directory, Default::Unset("/dev/pps0 of \"pps\", /dev/vmclock0 of \"vmclock\""), "Of \"sock\" the socket, which we make (gpsd looks for /run/chrony.ttyS0.sock); of \"pps\" and \"vmclock\" the device."),
    option("refclock.phc", Kind::Clock, Default::Unset("none"), "Of \"pps\" the network card at whose input the pulses come, instead of a device: an interface, or the clock_name of its clock, which stamps them."),
    option("refclock.pin", Kind::Text { bytes_max: 63 }, Default::Unset("the one that is the input already"), "Of \"pps\" with phc the card's pin that becomes the input, by its name (SDP0) or number; of a card without pins nothing."),
    option("refclock.channel", Kind::Integer { min: 0, max: 255 }, Default::Toml("0"), "Of \"pps\" with phc the card's channel of external time stamps."),
    option("refclock.address", Kind::Address, Default::Toml("\"127.0.0.1:2947\""), "Of \"gpsd\" where it listens."),
    option("refclock.device", Kind::Text { bytes_max: 255 }, Default::Unset("any"), "Of \"gpsd\" the receiver that counts, /dev/ttyS0."),
    option("refclock.edge", Kind::Word(EDGE), Default::Toml("\"assert\""), "Of \"pps\" the edge that begins the second.").term("clear"),
    option("refclock.lock", Kind::Text { bytes_max: 32 }, Default::Unset("the majority of the others"), "Of \"pps\" the name of the reference clock that says which second a pulse begins; it must leave 0.4 s open at most.").term("lock"),
    option("refclock.clock", Kind::Clock, Default::Unset("none"), "Of \"phc\" the clock: an interface that it stamps for, or its clock_name."),
    option("refclock.name", Kind::Text { bytes_max: 32 }, Default::Unset("made from its kind and device"), "What it is called in the status and the log."),
    option("refclock.poll", Kind::Integer { min: -4, max: 6 }, Default::Toml("0"), "How often it is measured, as the logarithm to base 2 of seconds.").term("poll"),
    option("refclock.samples", Kind::Integer { min: 1, max: 64 }, Default::Toml("1"), "Each measurement is the median of so many of the samples since the one before, if there are so many.").term("filter"),
    option("refclock.offset", LATENCY, Default::Toml("\"0ns\""), "What is added to its time: what it is known to be behind by.").unit("us").term("offset"),
    option("refclock.delay", UNSURE, Default::Toml("\"0ns\""), "The longest that its signal may take on a way that is not known: half of it is left open on either side, and counts in what it may be wrong by.").unit("us").term("delay"),
    option("refclock.precision", UNSURE, Default::Unset("what a sample says, else 1 ms, of pulses 10 us (a card's stamps: 100 ns), of hardware clocks 1 us"), "How far off a single sample may be, in either direction.").unit("us").term("precision"),
    option("refclock.scale", Kind::Word(SCALE), Default::Toml("\"utc\""), "What it counts: \"utc\", or \"tai\", which becomes UTC by what the host knows of TAI - UTC.").term("tai"),
    option("refclock.stratum", Kind::Integer { min: 0, max: 14 }, Default::Toml("0"), "Its stratum; ours is one more while it steers.").term("stratum"),
    option("refclock.refid", Kind::Text { bytes_max: 4 }, Default::Unset("by its kind: SHM0, SOCK, GPSD, PPS, PHC, VMC"), "The reference ID that we serve while it steers.").term("refid"),
    option("refclock.prefer", Kind::Switch, OFF, "It steers before all that are not preferred, if it agrees with the majority."),
    option("refclock.trust", Kind::Switch, OFF, "Only sources that are trusted have a vote, while one of them is heard."),
    option("refclock.require", Kind::Switch, OFF, "Nobody steers unless one of those that are required agrees."),
    option("refclock.noselect", Kind::Switch, OFF, "It neither steers nor votes, and is only watched."),
    option("refclock.max_distance", DISTANCE, Default::Toml("\"3s\""), "Where it leaves more than this open on either side, it does not count.").unit("s").term("MAXDIST"),

    option("selection.hold_off", Kind::Duration { min: Duration::SECOND, max: Duration::from_secs(3_600), or: &[] }, Default::Toml("\"30s\""), "A source must agree for so long before it takes over from another one; longer each time that it is lost again soon.").unit("s"),
    option("selection.conflict", Kind::Word(CONFLICT), Default::Toml("\"hold\""), "Where sources contradict each other and there is no majority: \"hold\" follows none of them, \"prefer\" the one that is preferred."),
    option("selection.drain", Kind::Frequency { min_ppb: 1.0, max_ppb: 500.0 * PPM }, Default::Toml("\"10ppm\""), "How fast what two sources disagree by is slewed away after a hand-over.").unit("ppm"),

    option("ntp.server.listen", Kind::Places { count_max: LISTEN_MAX }, Default::Toml("[]"), "Where NTP requests are answered: on addresses, and on all addresses that an interface has at the time (\"eth0\" is \"eth0:123\"); without any the server is off."),
    option("ntp.server.listen_except", Kind::Exceptions { count_max: PREFIXES_MAX }, Default::Toml("[]"), "Interfaces and addresses that are left out where ntp.server.listen names an interface, or all addresses."),
    option("ntp.server.cores", Kind::Cores { count_max: SERVER_CORES_MAX }, Default::Toml("[]"), "The CPUs to run one worker on each; empty: one worker, wherever the kernel likes."),
    option("ntp.server.busy_poll", Kind::Duration { min: Duration::from_micros(1), max: Duration::SECOND, or: &["off"] }, Default::Toml("\"off\""), "So long after a request a worker keeps looking for the next one instead of sleeping: sooner answers, for a core that is never idle.").unit("us").term("SO_BUSY_POLL"),
    option("ntp.server.allow", PREFIXES, Default::Toml("[]"), "Who may ask, as addresses or prefixes like \"10.0.0.0/8\"; empty: everybody; of several that fit the longest counts."),
    option("ntp.server.deny", PREFIXES, Default::Toml("[]"), "Who may not ask, and is told so.").term("kiss code DENY"),
    option("ntp.server.ignore", PREFIXES, Default::Toml("[]"), "Who gets no answer."),
    option("ntp.server.rate_interval", Kind::Duration { min: Duration::from_millis(1), max: Duration::from_secs(3_600), or: &["off"] }, Default::Toml("\"off\""), "Each address, or /64 of IPv6, may ask once in this on average; of what is too much one in sixteen is answered, and one told so.").unit("s").term("kiss code RATE"),
    option("ntp.server.rate_burst", Kind::Integer { min: 1, max: 1_000 }, Default::Toml("8"), "So many requests at once are within rate_interval."),
    option("ntp.server.clients", Kind::Integer { min: CLIENTS_MIN as i64, max: CLIENTS_MAX as i64 }, Default::Toml("16384"), "So many clients are remembered by each worker, with how often they ask; 96 octets each."),
    option("ntp.server.smear", Kind::Word(&["none", "linear", "cosine"]), Default::Toml("\"none\""), "How leap seconds are spread over a time instead of being announced and made; by the list in clock.leap_file."),
    option("ntp.server.smear_duration", Kind::Duration { min: Duration::from_secs(2 * 3_600), max: Duration::from_secs(48 * 3_600), or: &[] }, Default::Toml("\"24h\""), "How long that takes, one half before the leap second and one after it.").unit("h"),
    option("ntp.server.local.stratum", Kind::Integer { min: 1, max: 15 }, Default::Unset("that the time is not known"), "What is served while nobody vouches for the time: the clock's own, with this stratum."),
    option("ntp.server.local.distance", Kind::Duration { min: Duration::from_millis(1), max: Duration::from_secs(15), or: &[] }, Default::Toml("\"1s\""), "The error bound beyond which ntp.server.local takes over, and the root distance that it claims at most.").unit("s").term("root distance"),
    option("ntp.server.local.orphan", Kind::Switch, OFF, "Whether several servers that serve their clocks at this stratum, and ask each other, agree on the one with the least address while none of them has a source.").term("orphan"),

    option("threads.lock_memory", Kind::Switch, Default::Toml("true"), "Keep all memory resident; where that is not permitted, a warning says so.").term("mlockall"),
    option("threads.ptp.core", CORE, NO_CORE, "The CPU that the threads are pinned to."),
    option("threads.ptp.priority", PRIORITY, NO_PRIORITY, "The real-time priority.").term("SCHED_FIFO"),
    option("threads.discipline.core", CORE, NO_CORE, "The CPU that the thread is pinned to."),
    option("threads.discipline.priority", PRIORITY, NO_PRIORITY, "The real-time priority.").term("SCHED_FIFO"),
    option("threads.server.core", CORE, NO_CORE, "The CPU of the one worker, where ntp.server.cores is not set."),
    option("threads.server.priority", PRIORITY, NO_PRIORITY, "The real-time priority.").term("SCHED_FIFO"),

    option("observe.http", Kind::AddressOrOff, Default::Toml("\"127.0.0.1:9319\""), "Where a page for a browser, metrics and health are served over HTTP."),
    option("observe.allowed_hosts", Kind::HostNames { count_max: ALLOWED_HOSTS_MAX }, Default::Toml("[]"), "Further names of this machine by which the page and /status may be asked for, as \"time.example.net\" or \"*.example.net\"; addresses, localhost and its own name need none, and /metrics and /healthz answer by any.").term("Host"),
    option("observe.log", Kind::Word(LOG), Default::Toml("\"info\""), "The least important messages that are logged."),
    option("observe.runtime_directory", Kind::Directory, Default::Toml("\"/run/synchronome\""), "Where the status socket is."),
    option("observe.ptp_management", Kind::PathOr(&["off"]), Default::Toml("\"off\""), "The datagram socket on which pmc of this machine is answered (pmc -u -s PATH): GET for everybody, SET of the priorities for root and the daemon's user.").term("uds_address"),
    option("observe.state_directory", Kind::Directory, Default::Toml("\"/var/lib/synchronome\""), "Where what was learnt of the oscillators is kept across restarts: their frequency, how sure that is, how they wander, and how far they stray without a source."),
    option("observe.compat_metrics", Kind::Words { words: COMPAT }, Default::Toml("[]"), "Under whose names metrics are shown beside our own: those of chrony_exporter, of OpenShift's linuxptp-daemon, and three short ones for virtual machines."),

    option("security.user", Kind::Text { bytes_max: 32 }, Default::Unset("\"synchronome\" if there is such a user, else whoever started it"), "The user that it runs as from the start on, where root starts it; \"root\" stays root, with the few capabilities that are needed all the same.").term("setuid"),
    option("security.landlock", Kind::Switch, Default::Toml("true"), "Whether files can be opened only where the daemon has something to do: its own directories to write, /etc, /proc, /sys, /run and /usr to read."),
    option("security.seccomp", Kind::Word(SECCOMP), Default::Toml("\"enforce\""), "What becomes of a system call that a thread has no business with: \"enforce\" refuses it and tells which it was; \"log\" lets it through and has the kernel log it; \"off\" lets it through."),

    option("hook.events", Kind::Words { words: EVENT_KINDS }, Default::Required, "The kinds of events that it is run for, as `synchronome events` names them."),
    option("hook.exec", Kind::Command { count_max: 16 }, Default::Required, "The program, by its absolute path, and its arguments; no shell reads them."),
    option("hook.timeout", HOOK_TIMEOUT, Default::Toml("\"10s\""), "A run that takes longer is killed, with all that it has started in its process group.").unit("s"),
    option("hook.running", Kind::Integer { min: 1, max: 16 }, Default::Toml("2"), "So many runs of it are under way at once at most; what happens meanwhile is left out and counted."),
    option("hook.rate", Kind::Integer { min: 1, max: 6_000 }, Default::Toml("30"), "So many runs of it begin in a minute at most; what is more is left out and counted."),

    option("trace.keep", Kind::Integer { min: 0, max: 1_024 }, Default::Toml("0"), "How many MiB of the engines' last steps are kept in memory, to be replayed; 0 keeps none."),
    option("trace.on_fault", Kind::Switch, Default::Toml("true"), "Whether what is kept is written to a file when a clock loses its lock, a proof contradicts or a port fails."),
    option("trace.directory", Kind::Directory, Default::Toml("\"/var/lib/synchronome/traces\""), "Where these files go, at most 16 of a run and one in ten minutes."),
];

/// The most `[[…]]` sections of one kind: only PTP ports are repeated.
pub const REPEATED_MAX: usize = PTP_PORTS_MAX;

/// What a configuration of the daemon may say.
pub static DAEMON: OptionTable =
    OptionTable { options: OPTIONS, sections: SECTIONS, later: LATER, repeated_max: REPEATED_MAX };

/// All that one kind of file may say.
#[derive(Debug)]
pub struct OptionTable {
    /// Every option, in the order of the manual.
    pub options: &'static [OptionSpec],
    /// The sections, in the order of the manual.
    pub sections: &'static [Section],
    /// What is planned and not built, with what it would do.
    pub later: &'static [(&'static str, &'static str)],
    /// The most `[[…]]` sections of one kind.
    pub repeated_max: usize,
}

impl OptionTable {
    /// The option at a path, `ptp.domain`.
    pub fn find(&self, path: &str) -> Option<&'static OptionSpec> {
        self.options.iter().find(|option| option.path == path)
    }

    /// The section at a path; also one that only holds others (`ntp`, or `clock.system` as a table).
    pub fn section_exists(&self, path: &str) -> bool {
        self.sections.iter().any(|section| below(section.path, path).is_some() || section.path == path)
    }

    /// Whether a section stands in double brackets.
    pub fn is_repeated(&self, path: &str) -> bool {
        self.sections.iter().any(|section| section.path == path && section.repeated)
    }

    /// What a planned option or section would do.
    pub fn planned(&self, path: &str) -> Option<&'static str> {
        self.later.iter().find(|(later, _)| *later == path).map(|(_, what)| *what)
    }

    /// Names of the options and sections directly in a section (`""`: the file itself), in the order of the manual.
    pub fn names_in(&self, section: &str) -> Vec<&'static str> {
        let options = self.options.iter().map(|option| option.path);
        let paths = options.chain(self.sections.iter().map(|section| section.path));
        let mut names = Vec::new();
        for path in paths {
            let inside = if section.is_empty() { Some(path) } else { below(path, section) };
            let Some(name) = inside.and_then(|inside| inside.split('.').next()) else { continue };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// What an option allows; the one that may also be a table says so.
    pub fn allowed(&self, option: &OptionSpec) -> String {
        let tables = if matches!(option.kind, Kind::Word(_)) { self.names_in(option.path) } else { Vec::new() };
        let tables = tables.iter().map(|name| format!(", {{ {name} = {{ ... }} }}"));
        std::iter::once(option.kind.allowed()).chain(tables).collect()
    }
}

/// What follows a section in a path.
fn below<'p>(path: &'p str, section: &str) -> Option<&'p str> {
    path.strip_prefix(section)?.strip_prefix('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_lie_in_a_section() {
        for (row, option) in OPTIONS.iter().enumerate() {
            assert!(OPTIONS[..row].iter().all(|other| other.path != option.path), "{} twice", option.path);
            let section = option.path.rsplit_once('.').unwrap().0;
            assert!(SECTIONS.iter().any(|known| known.path == section), "{}", option.path);
        }
        assert!(
            LATER.iter().all(|(path, _)| DAEMON.find(path).is_none() && !DAEMON.section_exists(path)),
            "built, and still planned"
        );
    }

    #[test]
    fn every_help_is_one_sentence() {
        for option in OPTIONS {
            assert!(option.help.ends_with('.') && !option.help.contains(". "), "{}: {}", option.path, option.help);
        }
    }

    #[test]
    fn sections_list_their_names() {
        assert_eq!(
            DAEMON.names_in(""),
            [
                "clock",
                "servo",
                "ptp",
                "ntp",
                "refclock",
                "selection",
                "threads",
                "observe",
                "security",
                "hook",
                "trace"
            ]
        );
        assert_eq!(DAEMON.names_in("clock.system"), ["simulated"]);
        let clock = [
            "system",
            "phc",
            "utc_offset",
            "leap",
            "leap_file",
            "vmclock",
            "rtc",
            "dither",
            "lock_limit",
            "max_drift",
            "max_frequency",
            "step",
            "ptp",
        ];
        assert_eq!(DAEMON.names_in("clock"), clock);
        assert_eq!(DAEMON.names_in("ntp"), ["source", "server"]);
        assert!(DAEMON.section_exists("ntp") && !DAEMON.section_exists("nt"));
    }
}
