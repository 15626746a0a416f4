//! The one table of what a scenario may say: names, ranges, defaults and help.
//!
//! As the daemon's own options, and checked by the same walk; the manual's chapter on the simulator has it as a table, made
//! from here.

use crate::config::options::{Default, Kind, OptionSpec, OptionTable, Section, option};
use crate::time::Duration;

/// The most masters, hosts, windows and events of each kind in one file.
pub const REPEATED_MAX: usize = 64;

/// What a scenario may say.
pub static SCENARIO: OptionTable =
    OptionTable { options: OPTIONS, sections: SECTIONS, later: &[], repeated_max: REPEATED_MAX };

const YEAR: Duration = Duration::from_secs(366 * 86_400);
const MINUS_YEAR: Duration = Duration::from_secs(-366 * 86_400);
const ZERO: Duration = Duration::ZERO;

/// A time of the run.
const TIME: Kind = Kind::Duration { min: ZERO, max: YEAR, or: &[] };
const SPAN: Kind = Kind::Duration { min: Duration::from_millis(1), max: YEAR, or: &[] };
const SHIFT: Kind = Kind::Duration { min: MINUS_YEAR, max: YEAR, or: &[] };
const DELAY: Kind = Kind::Duration { min: ZERO, max: Duration::from_secs(10), or: &[] };
const NEAR: Kind = Kind::Duration { min: ZERO, max: Duration::from_millis(10), or: &[] };
const SIGNED: Kind = Kind::Duration { min: Duration::from_secs(-10), max: Duration::from_secs(10), or: &[] };
const LIMIT: Kind = Kind::Duration { min: Duration::from_nanos(1), max: YEAR, or: &[] };
const LATER: Kind = Kind::Duration { min: Duration::from_nanos(1), max: YEAR, or: &["any", "never"] };
const SHARE: Kind = Kind::Float { min: 0.0, max: 1.0 };
const LOAD: Kind = Kind::Float { min: 0.0, max: 0.95 };
const NOISE: Kind = Kind::Float { min: 0.0, max: 1e-6 };
const PPM: f64 = 1_000.0;
const FREQUENCY: Kind = Kind::Frequency { min_ppb: -1_000.0 * PPM, max_ppb: 1_000.0 * PPM };
const WIDTH: Kind = Kind::Frequency { min_ppb: 0.0, max_ppb: 100_000.0 * PPM };
const LOG_INTERVAL: Kind = Kind::Integer { min: -7, max: 6 };
const NAME: Kind = Kind::Text { bytes_max: 32 };
const UTC_OFFSET: Kind = Kind::Integer { min: -1_000, max: 1_000 };

const SERVO: &[&str] = &["estimator", "pi"];
const STAMPS: &[&str] = &["hardware", "kernel"];
const SHAPE: &[&str] = &["exponential", "erlang2", "gaussian", "lognormal"];
const CONFLICT: &[&str] = &["hold", "prefer"];
const ARB: &[&str] = &["auto", "utc", "tai", "refuse"];
const LEAP_LIST: &[&str] = &["none", "insert", "delete", "expired"];
const LEAP_MODE: &[&str] = &["kernel", "step", "slew", "ignore"];
const LEAP: &[&str] = &["none", "insert", "delete"];
const THREAD: &[&str] = &["port", "discipline", "machine", "clocks"];
const MESSAGE: &[&str] = &["announce", "sync", "follow_up", "delay_req", "delay_resp"];
const STATE: &[&str] = &["LOCKED", "HOLDOVER", "FREERUN", "ACQUIRING", "NEVER_SYNCED", "DISRUPTED", "any"];
const CHURN: &[&str] = &["leave", "priority", "both"];

/// The rules that a scenario can break; whoever breaks that of the system clock breaks that of the card with it.
const RULE: &[&str] = &["Bound", "PhcBound"];

/// What can happen during a run.
pub const EVENTS: &[&str] = &[
    "link_down",
    "names_gone",
    "path",
    "block",
    "master_step",
    "server_step",
    "source_lost",
    "announce",
    "stall",
    "set_clock",
    "set_frequency",
    "phc_jump",
    "phc_reset",
    "nic",
];

const AS_IT_WAS: Default = Default::Unset("as it was");
const AS_THERE: Default = Default::Unset("as in [master.path]");
const AS_THERE_NTP: Default = Default::Unset("as in [ntp.path]");
const NO_LIMIT: Default = Default::Unset("no limit");
const ON: Default = Default::Toml("true");
const OFF: Default = Default::Toml("false");
const NONE: Default = Default::Toml("0.0");
const AT_ONCE: Default = Default::Toml("\"0s\"");

/// The sections, in the order of the manual.
#[rustfmt::skip] // one row, one section
pub const SECTIONS: &[Section] = &[
    Section { path: "master", repeated: true, help: "A grandmaster: its clock is true time, plus its error; the best one by its Announce is followed." },
    Section { path: "master.path", repeated: false, help: "The network between this master and every host, alike in both directions unless said otherwise." },
    Section { path: "master.back", repeated: false, help: "What is different on the way from the hosts to this master." },
    Section { path: "ntp", repeated: true, help: "An NTP server, which every host asks: with one of these, all sources are judged together, the port among them." },
    Section { path: "ntp.path", repeated: false, help: "The network between this server and every host, alike in both directions unless said otherwise." },
    Section { path: "ntp.back", repeated: false, help: "What is different on the way from the hosts to this server." },
    Section { path: "host", repeated: true, help: "A server that follows: the daemon's own engines with simulated clocks." },
    Section { path: "host.system", repeated: false, help: "Its system clock." },
    Section { path: "host.phc", repeated: false, help: "The clock of its network card, with stamps = \"hardware\"." },
    Section { path: "host.nic", repeated: false, help: "How its packets are stamped." },
    Section { path: "host.bus", repeated: false, help: "How the card's clock is read between two readings of the system clock." },
    Section { path: "segment", repeated: true, help: "A shared segment: each of its members hears all others of it, and a host that is on two segments is a boundary clock." },
    Section { path: "segment.path", repeated: false, help: "The network between any two of its members, alike in both directions." },
    Section { path: "churn", repeated: false, help: "Rounds of changes at random, after each of which the ports on the segments must make the tree that the data sets say." },
    Section { path: "storm", repeated: true, help: "Somebody on a segment who sends Announce of clocks that there are not." },
    Section { path: "event", repeated: true, help: "Something that happens." },
    Section { path: "window", repeated: true, help: "A part of the run whose figures are made; those with a limit must keep it, on every host." },
    Section { path: "limits", repeated: false, help: "What must hold of the whole run, on every host." },
];

/// Every key, in the order of the manual.
#[rustfmt::skip] // one row, one key
pub const OPTIONS: &[OptionSpec] = &[
    option("about", Kind::Text { bytes_max: 200 }, Default::Required, "What this scenario shows, one sentence."),
    option("duration", SPAN, Default::Required, "How long the run is, in virtual time.").unit("min"),
    option("sample", Kind::Duration { min: Duration::from_millis(1), max: Duration::from_secs(60), or: &[] }, Default::Toml("\"125ms\""), "How often the true error is sampled, on a grid of true time.").unit("ms"),
    option("seed", Kind::Integer { min: 0, max: i64::MAX }, Default::Toml("1"), "Seed of all that is random, unless the command line says another."),
    option("seeds", Kind::Integer { min: 1, max: 1_000 }, Default::Toml("1"), "How many seeds, from this one on, `cargo xtask scenarios` runs it with."),
    option("date", Kind::Text { bytes_max: 10 }, Default::Unset("2026-09-21, or the end of that month where there is a leap second"), "The UTC day on which the run begins, as YYYY-MM-DD."),
    option("midnight", SPAN, Default::Unset("9 h 46 min after the beginning"), "When the UTC day ends, from the beginning of the run.").unit("min"),
    option("leap", Kind::Word(LEAP), Default::Toml("\"none\""), "The leap second at the end of that day, the last of its month."),

    option("master.name", NAME, Default::Required, "Its name, for the events."),
    option("master.priority1", Kind::Integer { min: 0, max: 255 }, Default::Toml("128"), "The lower, the better: who is followed."),
    option("master.clock_class", Kind::Integer { min: 0, max: 255 }, Default::Toml("6"), "Its clockClass: 6 is locked to GNSS."),
    option("master.two_step", Kind::Switch, ON, "Whether the time of a Sync follows in a Follow_Up."),
    option("master.sync_interval", LOG_INTERVAL, Default::Toml("-3"), "Interval of Sync and of Delay_Req, as the logarithm to base 2 of seconds: -3 is 8 a second."),
    option("master.announce_interval", LOG_INTERVAL, Default::Toml("0"), "Interval of Announce, likewise."),
    option("master.starts", TIME, AT_ONCE, "When it begins.").unit("s"),
    option("master.error", SHIFT, AT_ONCE, "What its clock is ahead of the truth by at the beginning: its hosts are judged by its time.").unit("us"),
    option("master.lie", SHIFT, AT_ONCE, "The same, and nobody is to know: the checker finds the hosts wrong.").unit("us"),
    option("master.ptp_timescale", Kind::Switch, ON, "Whether its clock counts TAI; otherwise it is ARB, and counts UTC."),
    option("master.utc_offset", UTC_OFFSET, Default::Unset("the right one"), "TAI - UTC as it announces it."),
    option("master.utc_offset_valid", Kind::Switch, ON, "Whether it says that this is valid."),
    option("master.resolution", DELAY, Default::Toml("\"1ns\""), "Its stamps are rounded down to multiples of this.").unit("ns"),

    option("master.path.delay", DELAY, Default::Toml("\"2us\""), "The least delay of one way.").unit("us"),
    option("master.path.asymmetry", SIGNED, AT_ONCE, "What the way from the master is longer by than the way back: half of it is added to the one and taken from the other.").unit("us"),
    option("master.path.jitter", DELAY, Default::Toml("\"100ns\""), "Standard deviation of the random delay on top; of an exponential one that is its mean.").unit("us"),
    option("master.path.shape", Kind::Word(SHAPE), Default::Toml("\"exponential\""), "How it is distributed."),
    option("master.path.loss", SHARE, NONE, "The share of messages that are lost."),
    option("master.path.duplication", SHARE, NONE, "The share of messages that arrive twice."),
    option("master.path.replay", SPAN, Default::Unset("nobody does"), "Somebody records what the master sends, and sends each message once more so much later.").unit("s"),
    option("master.path.keeps_order", Kind::Switch, Default::Toml("false"), "Whether no message overtakes another."),
    option("master.path.burst_every", SPAN, Default::Unset("no bursts"), "Mean time between bursts of more jitter.").unit("s"),
    option("master.path.burst_lasts", SPAN, Default::Toml("\"1s\""), "Mean length of a burst.").unit("s"),
    option("master.path.burst_jitter", DELAY, Default::Toml("\"100us\""), "The jitter meanwhile.").unit("us"),
    option("master.path.switches", Kind::Integer { min: 0, max: 8 }, Default::Toml("0"), "How many switches there are on the way, each with a queue."),
    option("master.path.load", LOAD, NONE, "The share of the time for which the way out of each switch is busy with other traffic."),
    option("master.path.packet", DELAY, Default::Toml("\"12us\""), "Mean time of one packet of that traffic: 12 us is 1500 octets at 1 Gbit/s.").unit("us"),
    option("master.path.residence", DELAY, Default::Toml("\"2us\""), "What forwarding takes in each switch without any queue.").unit("us"),
    option("master.path.transparent", Kind::Switch, Default::Toml("false"), "Whether the switches are transparent clocks, which say what they took."),
    option("master.path.transparent_error", DELAY, Default::Toml("\"10ns\""), "What each of them says is off by up to this.").unit("ns"),

    option("master.back.jitter", DELAY, AS_THERE, "Standard deviation of the random delay.").unit("us"),
    option("master.back.shape", Kind::Word(SHAPE), AS_THERE, "How it is distributed."),
    option("master.back.loss", SHARE, AS_THERE, "The share of messages that are lost."),
    option("master.back.load", LOAD, AS_THERE, "The share of the time for which each queue is busy."),

    option("ntp.name", NAME, Default::Required, "Its name, for the events and the limits."),
    option("ntp.starts", TIME, AT_ONCE, "When it begins to answer.").unit("s"),
    option("ntp.error", SHIFT, AT_ONCE, "What its clock is ahead of the truth by at the beginning: whoever follows it is judged by its time.").unit("ms"),
    option("ntp.lie", SHIFT, AT_ONCE, "The same, and nobody is to know: the checker finds those wrong who follow it.").unit("ms"),
    option("ntp.stratum", Kind::Integer { min: 1, max: 15 }, Default::Toml("1"), "Its stratum."),
    option("ntp.root_dispersion", DELAY, Default::Toml("\"20us\""), "How wrong it says that it may be.").unit("us"),
    option("ntp.leap", Kind::Word(LEAP), Default::Unset("the one of the world, on its day"), "The leap second that it announces."),
    option("ntp.departs_late", DELAY, AT_ONCE, "Mean of an exponential time for which an answer is in the server after it was stamped.").unit("us"),
    option("ntp.by_name", Kind::Switch, OFF, "Whether the hosts know it by a name only, which they have to look up."),
    option("ntp.behind", NAME, Default::Unset("a server of its own"), "It is another address behind the name of that server, and asked in its place only."),
    option("ntp.poll", Kind::Integer { min: -4, max: 10 }, Default::Toml("4"), "How often it is asked, as the logarithm to base 2 of seconds."),
    option("ntp.poll_max", Kind::Integer { min: -4, max: 17 }, Default::Unset("always poll; 10 by RATE"), "As ntp.source.poll_max of the daemon."),
    option("ntp.iburst", Kind::Switch, ON, "Whether it is asked more often at first."),
    option("ntp.interleaved", Kind::Switch, Default::Toml("false"), "Whether it is asked when its answer before really left."),
    option("ntp.prefer", Kind::Switch, OFF, "It steers before all that are not preferred, if it agrees."),
    option("ntp.trust", Kind::Switch, OFF, "Only those that are trusted have a vote, while one of them is heard."),
    option("ntp.require", Kind::Switch, OFF, "Nobody steers unless one of those that are required agrees."),
    option("ntp.noselect", Kind::Switch, OFF, "It neither steers nor votes."),
    option("ntp.max_distance", LIMIT, Default::Toml("\"3s\""), "An interval with more than this on each side of its middle does not count.").unit("s"),

    option("ntp.path.delay", DELAY, Default::Toml("\"200us\""), "The least delay of one way.").unit("us"),
    option("ntp.path.asymmetry", SIGNED, AT_ONCE, "What the way from the server is longer by than the way back: half of it is added to the one and taken from the other.").unit("us"),
    option("ntp.path.jitter", DELAY, Default::Toml("\"20us\""), "Standard deviation of the random delay on top; of an exponential one that is its mean.").unit("us"),
    option("ntp.path.shape", Kind::Word(SHAPE), Default::Toml("\"exponential\""), "How it is distributed."),
    option("ntp.path.loss", SHARE, NONE, "The share of messages that are lost."),
    option("ntp.path.duplication", SHARE, NONE, "The share of messages that arrive twice."),
    option("ntp.path.replay", SPAN, Default::Unset("nobody does"), "Somebody records what the server answers, and sends each answer once more so much later.").unit("s"),
    option("ntp.path.keeps_order", Kind::Switch, Default::Toml("false"), "Whether no message overtakes another."),
    option("ntp.path.burst_every", SPAN, Default::Unset("no bursts"), "Mean time between bursts of more jitter.").unit("s"),
    option("ntp.path.burst_lasts", SPAN, Default::Toml("\"1s\""), "Mean length of a burst.").unit("s"),
    option("ntp.path.burst_jitter", DELAY, Default::Toml("\"100us\""), "The jitter meanwhile.").unit("us"),
    option("ntp.path.switches", Kind::Integer { min: 0, max: 8 }, Default::Toml("0"), "How many switches there are on the way, each with a queue."),
    option("ntp.path.load", LOAD, NONE, "The share of the time for which the way out of each switch is busy with other traffic."),
    option("ntp.path.packet", DELAY, Default::Toml("\"12us\""), "Mean time of one packet of that traffic: 12 us is 1500 octets at 1 Gbit/s.").unit("us"),
    option("ntp.path.residence", DELAY, Default::Toml("\"2us\""), "What forwarding takes in each switch without any queue.").unit("us"),
    option("ntp.path.transparent", Kind::Switch, Default::Toml("false"), "Whether the switches are transparent clocks, which say what they took."),
    option("ntp.path.transparent_error", DELAY, Default::Toml("\"10ns\""), "What each of them says is off by up to this.").unit("ns"),

    option("ntp.back.jitter", DELAY, AS_THERE_NTP, "Standard deviation of the random delay.").unit("us"),
    option("ntp.back.shape", Kind::Word(SHAPE), AS_THERE_NTP, "How it is distributed."),
    option("ntp.back.loss", SHARE, AS_THERE_NTP, "The share of messages that are lost."),
    option("ntp.back.load", LOAD, AS_THERE_NTP, "The share of the time for which each queue is busy."),

    option("host.name", NAME, Default::Required, "Its name, for the events."),
    option("host.count", Kind::Integer { min: 1, max: 100 }, Default::Toml("1"), "So many of them, NAME-1, NAME-2 and so on, the frequency of each one's clocks drawn up to the given one either way."),
    option("host.stamps", Kind::Word(STAMPS), Default::Toml("\"hardware\""), "Who stamps: the card by its clock, or the kernel by the system clock."),
    option("host.servo", Kind::Word(SERVO), Default::Toml("\"estimator\""), "As servo.kind of the daemon."),
    option("host.lock_limit", LIMIT, Default::Unset("10 us where the card stamps, 100 us where the kernel does"), "As clock.lock_limit of the daemon.").unit("us"),
    option("host.max_drift", Kind::Frequency { min_ppb: 0.0, max_ppb: 1_000.0 * PPM }, Default::Toml("\"1ppm\""), "As clock.max_drift of the daemon.").unit("ppm"),
    option("host.max_frequency", Kind::Frequency { min_ppb: 1.0, max_ppb: 100_000.0 * PPM }, Default::Toml("\"500ppm\""), "As clock.max_frequency of the daemon.").unit("ppm"),
    option("host.step_later", LATER, Default::Toml("\"never\""), "As clock.step.later of the daemon."),
    option("host.panic", Kind::Duration { min: Duration::from_millis(1), max: YEAR, or: &["never"] }, Default::Toml("\"1000s\""), "As clock.step.panic of the daemon.").unit("s"),
    option("host.tai_utc", UTC_OFFSET, Default::Unset("not known"), "TAI - UTC as the kernel of the host knows it."),
    option("host.arb", Kind::Word(ARB), Default::Toml("\"auto\""), "As ptp.arb_timescale of the daemon."),
    option("host.delay_asymmetry", SIGNED, AT_ONCE, "As ptp.delay_asymmetry of the daemon.").unit("us"),
    option("host.priority1", Kind::Integer { min: 0, max: 255 }, Default::Toml("128"), "As clock.ptp.priority1 of the daemon, on segments."),
    option("host.priority2", Kind::Integer { min: 0, max: 255 }, Default::Toml("128"), "As clock.ptp.priority2 of the daemon."),
    option("host.sync_interval", LOG_INTERVAL, Default::Toml("-3"), "Interval of the Sync that it sends and of Delay_Req to it, as the logarithm to base 2 of seconds."),
    option("host.announce_interval", LOG_INTERVAL, Default::Toml("0"), "Interval of the Announce that it sends, likewise."),
    option("host.class", Kind::Integer { min: 6, max: 248 }, Default::Unset("by what steers it"), "As clock.ptp.class of the daemon."),
    option("host.asks", Kind::Text { bytes_max: 200 }, Default::Unset("it hears the group"), "The hosts of its segment that it asks by unicast and follows by ITU-T G.8265.1, the first one before others of its quality level, as in the members of a segment: it serves nobody, and they follow nobody."),
    option("host.wait_to_restore", Kind::Duration { min: ZERO, max: Duration::from_secs(720), or: &[] }, Default::Toml("\"300s\""), "With asks: as ptp.wait_to_restore of the daemon.").unit("s"),
    option("host.revertive", Kind::Switch, Default::Toml("true"), "With asks: as ptp.revertive of the daemon."),
    option("host.signal_hold_off", Kind::Duration { min: ZERO, max: Duration::from_secs(60), or: &[] }, Default::Toml("\"1s\""), "With asks: as ptp.hold_off of the daemon.").unit("s"),
    option("host.delay_variation_max", Kind::Duration { min: Duration::from_micros(1), max: Duration::from_millis(100), or: &["any"] }, Default::Toml("\"150us\""), "With asks: as ptp.delay_variation_max of the daemon.").unit("us"),
    option("host.receiver", Kind::Switch, OFF, "Whether it has a GNSS receiver, and is a grandmaster of class 6 while that knows the time."),
    option("host.leap", Kind::Word(LEAP_MODE), Default::Toml("\"kernel\""), "As clock.leap of the daemon."),
    option("host.leap_list", Kind::Word(LEAP_LIST), Default::Unset("there is none"), "What its list of leap seconds has for the end of that day; \"expired\" has none, and may lack one."),
    option("host.kernel_leaps", Kind::Switch, ON, "Whether its kernel makes a leap second that it was told of."),

    option("host.ntp_noise", DELAY, Default::Toml("\"2us\""), "Mean of an exponential part of the kernel's stamps of NTP packets: interrupts.").unit("us"),
    option("host.hold_off", TIME, Default::Toml("\"30s\""), "As selection.hold_off of the daemon.").unit("s"),
    option("host.conflict", Kind::Word(CONFLICT), Default::Toml("\"hold\""), "As selection.conflict of the daemon."),
    option("host.drain", Kind::Frequency { min_ppb: 1.0, max_ppb: 500.0 * PPM }, Default::Toml("\"10ppm\""), "As selection.drain of the daemon.").unit("ppm"),
    option("host.orphan", Kind::Switch, OFF, "As ntp.server.local.orphan of the daemon, at stratum 10: whom a server without a source is a last resort to."),
    option("host.prefer_ptp", Kind::Switch, OFF, "As prefer of a source, for the port."),

    option("host.system.offset", SHIFT, Default::Toml("\"1s\""), "What it is ahead of the truth by at the beginning.").unit("s"),
    option("host.system.frequency", FREQUENCY, Default::Toml("\"20ppm\""), "What its oscillator runs fast by.").unit("ppm"),
    option("host.system.wander", NOISE, Default::Toml("1e-9"), "Random-walk FM of its oscillator, in s/s per square root of a second."),
    option("host.system.white", NOISE, Default::Toml("1e-10"), "White FM: the Allan deviation that it makes at 1 s."),
    option("host.system.flicker", NOISE, Default::Toml("1e-10"), "Flicker FM: the Allan deviation of its floor."),
    option("host.system.ageing", FREQUENCY, Default::Toml("\"0ppb\""), "What its frequency gains in a day.").unit("ppb"),
    option("host.system.cycle", FREQUENCY, Default::Toml("\"0ppb\""), "Amplitude of a sine in its frequency: the temperature.").unit("ppb"),
    option("host.system.cycle_period", SPAN, Default::Toml("\"1h\""), "The period of that sine.").unit("h"),
    option("host.system.max_adjustment", WIDTH, Default::Toml("\"500ppm\""), "The greatest correction that it can do.").unit("ppm"),
    option("host.system.quantum", WIDTH, Default::Toml("\"0ppb\""), "It does multiples of this only, and does not say so.").unit("ppb"),
    option("host.system.step_error", DELAY, Default::Toml("\"0ns\""), "A step of it falls short by up to this.").unit("us"),
    option("host.phc.offset", SHIFT, Default::Toml("\"-2s\""), "What it is ahead of the truth by at the beginning.").unit("s"),
    option("host.phc.frequency", FREQUENCY, Default::Toml("\"-15ppm\""), "What its oscillator runs fast by.").unit("ppm"),
    option("host.phc.wander", NOISE, Default::Toml("1e-9"), "Random-walk FM of its oscillator, in s/s per square root of a second."),
    option("host.phc.white", NOISE, Default::Toml("1e-10"), "White FM: the Allan deviation that it makes at 1 s."),
    option("host.phc.flicker", NOISE, Default::Toml("1e-10"), "Flicker FM: the Allan deviation of its floor."),
    option("host.phc.ageing", FREQUENCY, Default::Toml("\"0ppb\""), "What its frequency gains in a day.").unit("ppb"),
    option("host.phc.cycle", FREQUENCY, Default::Toml("\"0ppb\""), "Amplitude of a sine in its frequency: the temperature.").unit("ppb"),
    option("host.phc.cycle_period", SPAN, Default::Toml("\"1h\""), "The period of that sine.").unit("h"),
    option("host.phc.max_adjustment", WIDTH, Default::Toml("\"500ppm\""), "The greatest correction that it can do.").unit("ppm"),
    option("host.phc.quantum", WIDTH, Default::Toml("\"0ppb\""), "It does multiples of this only, and does not say so.").unit("ppb"),
    option("host.phc.step_error", DELAY, Default::Toml("\"1us\""), "A step of it falls short by up to this.").unit("us"),

    option("host.nic.resolution", DELAY, Default::Toml("\"1ns\""), "Stamps are rounded down to multiples of this.").unit("ns"),
    option("host.nic.ingress", DELAY, AT_ONCE, "Receive stamps are too late by this.").unit("ns"),
    option("host.nic.egress", DELAY, AT_ONCE, "Transmit stamps are too early by this.").unit("ns"),
    option("host.nic.noise", DELAY, AT_ONCE, "Mean of an exponential part of both: interrupts, where the kernel stamps.").unit("ns"),
    option("host.nic.rx_loss", SHARE, NONE, "The share of messages that arrive without a stamp."),
    option("host.nic.tx_latency", DELAY, AT_ONCE, "How long a transmit stamp takes to come back.").unit("us"),
    option("host.nic.tx_late_share", SHARE, NONE, "The share of transmit stamps that take longer."),
    option("host.nic.tx_late_by", DELAY, Default::Toml("\"1s\""), "By how much.").unit("s"),
    option("host.nic.tx_loss", SHARE, NONE, "The share of transmit stamps that never come."),

    option("host.bus.window", DELAY, Default::Toml("\"1us\""), "The least time between the two readings of the system clock.").unit("us"),
    option("host.bus.jitter", DELAY, Default::Toml("\"100ns\""), "Mean of an exponential time on top, on each side.").unit("ns"),
    option("host.bus.position", SHARE, Default::Toml("0.5"), "Where in the least window the card is read: 0.5 in its middle."),
    option("host.bus.readings", Kind::Integer { min: 1, max: 25 }, Default::Toml("5"), "So many readings make one crossing: the sharpest edge of each side counts."),
    option("host.bus.loss", SHARE, NONE, "The share of readings that fail."),

    option("segment.members", Kind::Text { bytes_max: 200 }, Default::Required, "The names of masters and hosts, with spaces between them; `bc-2..5` are bc-2 to bc-5."),
    option("segment.path.delay", NEAR, Default::Toml("\"2us\""), "The least delay.").unit("us"),
    option("segment.path.jitter", NEAR, Default::Toml("\"100ns\""), "Mean of the exponential delay on top.").unit("us"),
    option("segment.path.loss", SHARE, NONE, "The share of messages that are lost."),

    option("churn.every", SPAN, Default::Unset("no churn"), "How long a round is.").unit("s"),
    option("churn.from", SPAN, Default::Toml("\"2min\""), "When the first round begins; until then the first tree must stand.").unit("s"),
    option("churn.settle", SPAN, Default::Toml("\"30s\""), "From when on the tree must be right in each round.").unit("s"),
    option("churn.changes", Kind::Integer { min: 1, max: 50 }, Default::Toml("1"), "How many changes each round begins with."),
    option("churn.who", Kind::Text { bytes_max: 200 }, Default::Unset("all hosts"), "To whom they can happen, as in the members of a segment."),
    option("churn.what", Kind::Word(CHURN), Default::Toml("\"both\""), "Cables are pulled and plugged in again, or priority1 changes."),

    option("storm.segment", Kind::Integer { min: 1, max: REPEATED_MAX as i64 }, Default::Required, "On which, counted from 1 in the order of the file."),
    option("storm.rate", Kind::Integer { min: 1, max: 100_000 }, Default::Toml("1000"), "How many Announce a second."),
    option("storm.from", TIME, Default::Toml("\"1min\""), "When it begins.").unit("min"),
    option("storm.for", SPAN, Default::Required, "How long it lasts.").unit("s"),
    option("storm.priority1", Kind::Integer { min: 0, max: 255 }, Default::Toml("0"), "priority1 of all those clocks."),
    option("storm.clocks", Kind::Integer { min: 0, max: 1_000_000 }, Default::Toml("0"), "So many clocks take turns; with 0 each Announce is of another one."),

    option("event.at", TIME, Default::Required, "When.").unit("min"),
    option("event.what", Kind::Word(EVENTS), Default::Required, "What happens; the table below says which keys go with it."),
    option("event.who", NAME, Default::Required, "The name of the master, server or host that it happens to."),
    option("event.for", SPAN, Default::Unset("for good"), "How long it lasts, with link_down, names_gone, source_lost, path, block, announce, stall and nic.").unit("s"),
    option("event.by", SHIFT, Default::Unset("nothing"), "By how much, with master_step, server_step, source_lost, set_clock and phc_jump.").unit("s"),
    option("event.thread", Kind::Word(THREAD), Default::Toml("\"discipline\""), "With stall: the thread that does not run; \"machine\" is all of them, \"clocks\" is a paused virtual machine."),
    option("event.message", Kind::Word(MESSAGE), Default::Toml("\"announce\""), "With block: the kind of message that does not pass, either way."),
    option("event.frequency", FREQUENCY, Default::Toml("\"0ppb\""), "With set_frequency: the correction that somebody else sets.").unit("ppm"),
    option("event.delay", DELAY, AS_IT_WAS, "With path: the least delay of one way.").unit("us"),
    option("event.asymmetry", SIGNED, AS_IT_WAS, "With path: what the way from the master or server is longer by.").unit("us"),
    option("event.jitter", DELAY, AS_IT_WAS, "With path: the random delay.").unit("us"),
    option("event.loss", SHARE, AS_IT_WAS, "With path: the share of messages that are lost."),
    option("event.load", LOAD, AS_IT_WAS, "With path: the load of the switches."),
    option("event.utc_offset", UTC_OFFSET, AS_IT_WAS, "With announce: TAI - UTC as the master says it."),
    option("event.utc_offset_valid", Kind::Switch, AS_IT_WAS, "With announce: whether it says that this is valid."),
    option("event.leap", Kind::Word(LEAP), AS_IT_WAS, "With announce: the leap second that it announces."),
    option("event.clock_class", Kind::Integer { min: 0, max: 255 }, AS_IT_WAS, "With announce: its clockClass."),
    option("event.rx_loss", SHARE, AS_IT_WAS, "With nic: the share of messages that arrive without a stamp."),
    option("event.tx_loss", SHARE, AS_IT_WAS, "With nic: the share of transmit stamps that never come."),
    option("event.tx_late_share", SHARE, AS_IT_WAS, "With nic: the share of transmit stamps that come late."),

    option("window.name", NAME, Default::Unset("its number"), "Its name in the report."),
    option("window.from", TIME, Default::Toml("\"60s\""), "Its beginning.").unit("min"),
    option("window.until", TIME, Default::Unset("the end of the run"), "Its end.").unit("min"),
    option("window.rms", LIMIT, NO_LIMIT, "RMS of the true error of the system clock, mean not removed.").unit("us"),
    option("window.p99", LIMIT, NO_LIMIT, "What 99 % of the true errors do not exceed.").unit("us"),
    option("window.max", LIMIT, NO_LIMIT, "The greatest true error.").unit("us"),
    option("window.moved", LIMIT, NO_LIMIT, "The greatest true error less the least, signs counted: what the clock moved by.").unit("us"),
    option("window.phc_rms", LIMIT, NO_LIMIT, "RMS of the true error of the card's clock.").unit("us"),
    option("window.phc_max", LIMIT, NO_LIMIT, "The greatest true error of the card's clock.").unit("us"),
    option("window.bound_median", LIMIT, NO_LIMIT, "The median of the published bounds.").unit("us"),
    option("window.bound_max", LIMIT, NO_LIMIT, "The greatest published bound.").unit("us"),
    option("window.bounded", SHARE, NO_LIMIT, "At least this share of the time there is a bound."),

    option("limits.lock_time", LIMIT, NO_LIMIT, "From selecting the first parent to LOCKED.").unit("s"),
    option("limits.steps", Kind::Integer { min: 0, max: 1_000 }, NO_LIMIT, "Steps of the system clock that the daemon makes, at most."),
    option("limits.jumps_found", Kind::Integer { min: 0, max: 1_000 }, NO_LIMIT, "Jumps of the card's clock that the daemon finds, exactly."),
    option("limits.sets_found", Kind::Integer { min: 0, max: 1_000 }, NO_LIMIT, "Times that the daemon finds its system clock set by somebody else, exactly."),
    option("limits.parents", Kind::Integer { min: 0, max: 1_000 }, NO_LIMIT, "Times that a master is selected, by each host that may follow one, exactly."),
    option("limits.handovers", Kind::Integer { min: 0, max: 1_000 }, NO_LIMIT, "Times that another source steers than before, the first choice not counted, exactly."),
    option("limits.handover_time", LIMIT, NO_LIMIT, "From the last message of a source that is lost or found to be wrong until another steers, at most.").unit("s"),
    option("limits.veto_time", LIMIT, NO_LIMIT, "From when a source begins, or something last happens to its time, to its path or to the host's own clock, until it is found to be a falseticker, at most.").unit("s"),
    option("limits.notice_time", LIMIT, NO_LIMIT, "From the end of a pause of the machine with its clocks, or from when somebody else sets the system clock or its frequency, until the served time is inside its bound again or has none, at most.").unit("s"),
    option("limits.alarm_time", LIMIT, NO_LIMIT, "From when a source begins, or something last happens to the time or the path of any, or to the host's own clock, until `health` says that sources contradict each other, at most; and it must say so at least once.").unit("s"),
    option("limits.alarm", Kind::Switch, NO_LIMIT, "Whether `health` says at the end that sources contradict each other."),
    option("limits.steered_by", NAME, Default::Unset("anybody"), "Who steers at the end: \"ptp\", the name of a server, or \"nobody\"."),
    option("limits.never_by", NAME, Default::Unset("nobody"), "Who never steers."),
    option("limits.falsetickers", Kind::Text { bytes_max: 200 }, NO_LIMIT, "Those that are found to be falsetickers, and nobody else: names with spaces between them, or \"none\"."),
    option("limits.pi_ratio", Kind::Float { min: 0.0, max: 1_000.0 }, NO_LIMIT, "The RMS of the last host's true error in the last window, in terms of what it is in the same world with servo = \"pi\" on all hosts, at most."),
    option("limits.end_state", Kind::Word(STATE), Default::Toml("\"LOCKED\""), "The state of the served time at the end."),
    option("limits.found_out", Kind::Word(RULE), Default::Unset("none"), "This rule is broken on every host, and the checker must find it: the scenario shows what nobody can know."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_lie_in_a_section() {
        for (row, option) in OPTIONS.iter().enumerate() {
            assert!(OPTIONS[..row].iter().all(|other| other.path != option.path), "{} twice", option.path);
            if let Some((section, _)) = option.path.rsplit_once('.') {
                assert!(SECTIONS.iter().any(|known| known.path == section), "{}", option.path);
            }
        }
    }

    #[test]
    fn every_help_is_one_sentence() {
        let helps = OPTIONS.iter().map(|option| option.help).chain(SECTIONS.iter().map(|section| section.help));
        for help in helps {
            assert!(help.ends_with('.') && !help.contains(". "), "{help}");
        }
    }
}
