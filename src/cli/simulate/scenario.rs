//! A scenario: physics, then what happens, then limits; from TOML to what the simulator is made of.

use std::path::Path;

use super::asking::{self, AskPlan};
use super::churn::{self, ChurnPlan};
use super::keys::SCENARIO;
use super::rules::conflicts;
use super::segments::{SegmentPlan, StormPlan, names_of, segments, serving, storms};
pub use super::wanted::{Limits, Window};
use super::wanted::{limits, window};
use crate::clock::{ArbPolicy, LeapList, LeapPolicy, OscillatorModel};
use crate::config::{ConfigErrors, Reader, Value, check, read_text};
use crate::discipline::helm::{Conflict, HelmConfig, SourceKind, SourceOptions};
use crate::discipline::policy::StepRule;
use crate::discipline::servo::Kind;
use crate::ntp::client;
use crate::observe::parse_rfc3339;
use crate::ptp::GrandmasterConfig;
use crate::sim::{
    BurstModel, ClientConfig, CrossingModel, DeviceModel, HopModel, HostConfig, LOCAL_EPOCH, LinkModel, NTP_SOURCE,
    ReceiverModel, ServerConfig, Shape, Stall, StampModel, TAI_UTC, TransparentModel, Truth, TxStampModel,
    master_config,
};
use crate::time::{Duration, FrequencyPpb, LeapIndicator, LeapStep, LogInterval, StampSource, TaiUtc, Timestamp, Utc};
use crate::wire::ptp::MessageType;

/// A receiver that numbers the seconds of its pulse, which the kernel stamps.
const RECEIVER: ReceiverModel = ReceiverModel { error: Duration::from_nanos(100), noise: Duration::from_nanos(25) };

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    /// How long it is.
    pub duration: Duration,
    /// How often the true error is sampled.
    pub sample: Duration,
    /// Its seed, unless another one is asked for.
    pub seed: u64,
    /// With how many seeds, from that one on, it is judged.
    pub seeds: u64,
    /// What time it really is.
    pub truth: Truth,
    /// The grandmasters.
    pub masters: Vec<MasterPlan>,
    /// Those that follow.
    pub hosts: Vec<HostPlan>,
    /// The NTP servers.
    pub servers: Vec<ServerPlan>,
    /// The segments; none at all: every master is connected to every host.
    pub segments: Vec<SegmentPlan>,
    /// Clocks that leave, return and change their priority.
    pub churn: Option<ChurnPlan>,
    /// Forged Announce.
    pub storms: Vec<StormPlan>,
    /// What happens, by its time.
    pub events: Vec<EventPlan>,
    /// The parts whose figures are made.
    pub windows: Vec<Window>,
    /// What must hold of the whole.
    pub limits: Limits,
}

/// A grandmaster and the way to it.
#[derive(Clone, Debug)]
pub struct MasterPlan {
    /// Its name.
    pub name: String,
    /// What it says and does, all seeds 0.
    pub config: GrandmasterConfig,
    /// Its stamps.
    pub stamps: StampModel,
    /// When it begins.
    pub starts: Duration,
    /// What it is ahead of the truth by.
    pub error: Duration,
    /// Whether what it announces follows the leap second.
    pub knows_leaps: bool,
    /// From it, and back to it.
    pub links: [LinkModel; 2],
}

/// An NTP server and the way to it.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// Its name.
    pub name: String,
    /// What it says.
    pub config: ServerConfig,
    /// When it begins.
    pub starts: Duration,
    /// Whether its name has to be looked up.
    pub by_name: bool,
    /// The place of the server behind whose name it is too, if it is not asked for itself.
    pub behind: Option<usize>,
    /// How the hosts ask it and judge it, all seeds 0.
    pub client: ClientConfig,
    /// From it, and back to it.
    pub links: [LinkModel; 2],
}

/// A host.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// Its name.
    pub name: String,
    /// What it is made of, all seeds 0.
    pub config: HostConfig,
    /// Its stamps.
    pub stamps: StampModel,
    /// Whether it follows a server without a source where there is no other.
    pub orphan: bool,
    /// Whether it is one of many alike, whose frequencies are drawn.
    pub is_one_of_many: bool,
    /// Whom it asks by unicast; `None`: it hears the group.
    pub asks: Option<AskPlan>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct EventPlan {
    /// When.
    pub at: Duration,
    /// For how long, if not for good.
    pub lasts: Option<Duration>,
    /// To which master, host or server, by its place among all masters, then all hosts and then all servers.
    pub who: usize,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// The cable is pulled.
    LinkDown,
    /// The host's name server does not answer.
    NamesGone,
    /// The way to a master changes.
    Path(PathChange),
    /// Messages of a kind do not pass.
    Block(MessageType),
    /// A master's clock steps.
    MasterStep(Duration),
    /// A server's clock steps.
    ServerStep(Duration),
    /// A server has no source, and its clock is ahead by so much more.
    SourceLost(Duration),
    /// A master says something else.
    Announce(AnnounceChange),
    /// Threads do not run.
    Stall(Stall),
    /// Somebody sets the system clock.
    SetClock(Duration),
    /// Somebody sets its frequency.
    SetFrequency(FrequencyPpb),
    /// The card's clock jumps.
    PhcJump(Duration),
    /// The card's clock starts anew.
    PhcReset,
    /// Stamps fail.
    Nic {
        /// The share of receive stamps that are missing.
        rx_loss: Option<f64>,
        /// The share of transmit stamps that never come.
        tx_loss: Option<f64>,
        /// The share that comes late.
        tx_late_share: Option<f64>,
    },
}

/// What changes of a way; `None`: as it was.
#[derive(Clone, Copy, Default, Debug)]
pub struct PathChange {
    /// The least delay.
    pub delay: Option<Duration>,
    /// What the way from the master is longer by.
    pub asymmetry: Option<Duration>,
    /// The random part.
    pub jitter: Option<Duration>,
    /// The share that is lost.
    pub loss: Option<f64>,
    /// The load of the switches.
    pub load: Option<f64>,
}

/// What changes of an Announce; `None`: as it was.
#[derive(Clone, Copy, Default, Debug)]
pub struct AnnounceChange {
    /// TAI - UTC.
    pub utc_offset: Option<TaiUtc>,
    /// Whether that is valid.
    pub is_valid: Option<bool>,
    /// The leap second.
    pub leap: Option<LeapIndicator>,
    /// clockClass.
    pub clock_class: Option<u8>,
}

/// Reads a scenario; `file_name` is for the messages.
///
/// # Errors
/// All that is wrong with it, in the order of the file.
pub fn load(text: &str, file_name: &str) -> Result<Scenario, ConfigErrors> {
    let checked = check(&SCENARIO, text, file_name, conflicts)?;
    Ok(resolve(&Reader::new(&SCENARIO, &checked)))
}

/// Reads a scenario file.
///
/// # Errors
/// As [`load`]; and if the file cannot be read.
pub fn load_file(path: &Path) -> Result<Scenario, ConfigErrors> {
    load(&read_text(path)?, &path.display().to_string())
}

/// Whether a text means to be a scenario, and not a configuration of the daemon.
pub fn is_meant(text: &str) -> bool {
    text.lines().any(|line| matches!(line.trim(), "[[host]]" | "[[master]]" | "[[ntp]]" | "[[segment]]" | "[[window]]"))
}

fn resolve(read: &Reader<'_>) -> Scenario {
    let count = |section: &str| read.checked().repeated(section).len();
    let duration = read.duration("", "duration");
    let leap = leap_of(read.word("", "leap"));
    let midnight = maybe_duration(read, "", "midnight").unwrap_or_else(next_midnight);
    let truth = match maybe_text(read, "", "date").and_then(|date| day_of(&date)) {
        Some(day) => Truth::before_the_end_of(day, midnight, leap),
        None => Truth::before_midnight(midnight, leap),
    };
    let masters: Vec<_> = (0..count("master")).map(|index| master(read, index, &truth)).collect();
    let servers: Vec<_> = (0..count("ntp")).map(|index| server(read, index)).collect();
    let with_segments = count("segment") > 0;
    let mut hosts = Vec::new();
    for index in 0..count("host") {
        let section = format!("host[{index}]");
        for name in names_of(&read.text(&section, "name"), read.integer(&section, "count").unsigned_abs() as usize) {
            let mut plan = host(read, &section, hosts.len(), name);
            plan.config.receiver = read.switch(&section, "receiver").then_some(RECEIVER);
            if !servers.is_empty() || plan.config.receiver.is_some() {
                plan.config.helm = Some(helm(read, &section, !masters.is_empty() || with_segments));
            }
            plan.config.cascade.utc.list = leap_list(read, &section, &truth);
            hosts.push(plan);
        }
    }
    let segments = segments(read, &masters, &mut hosts);
    asking::put(masters.len(), &mut hosts);
    let names = masters.iter().map(|master| &master.name).chain(hosts.iter().map(|host| &host.name));
    let names: Vec<_> = names.chain(servers.iter().map(|server| &server.name)).collect();
    let mut events: Vec<_> = (0..count("event"))
        .map(|index| {
            let section = format!("event[{index}]");
            let name = read.text(&section, "who");
            let who = names.iter().position(|other| **other == name).unwrap_or_default();
            event(read, &section, who)
        })
        .collect();
    events.sort_by_key(|event| event.at);
    let mut windows: Vec<_> = (0..count("window")).map(|index| window(read, index, duration)).collect();
    if windows.is_empty() {
        let from = Duration::from_secs(60).min(duration.half());
        windows.push(Window { name: "all".to_owned(), span: (from, duration), most: Vec::new(), bounded: None });
    }
    Scenario {
        about: read.text("", "about"),
        duration,
        sample: read.duration("", "sample"),
        seed: read.integer("", "seed").unsigned_abs(),
        seeds: read.integer("", "seeds").unsigned_abs(),
        truth,
        masters,
        servers,
        churn: churn::plan(read, &hosts),
        storms: storms(read),
        segments,
        hosts,
        events,
        windows,
        limits: limits(read),
    }
}

/// The beginning of a UTC day that is given as YYYY-MM-DD; `None` if there is no such day.
pub(super) fn day_of(date: &str) -> Option<Timestamp<Utc>> {
    parse_rfc3339(&format!("{date}T00:00:00.000Z"))
}

/// From the beginning of a world without a midnight of its own.
fn next_midnight() -> Duration {
    const DAY_S: i64 = 86_400;
    Duration::from_secs(DAY_S - LOCAL_EPOCH.seconds().rem_euclid(DAY_S))
}

/// One typed read of what may be unset for each kind of value.
macro_rules! optional_reads {
    ($($name:ident: $variant:ident -> $type:ty;)*) => {
        $(pub(super) fn $name(read: &Reader<'_>, section: &str, name: &str) -> Option<$type> {
            match read.value(section, name) {
                Some(Value::$variant(value)) => Some(value),
                _ => None,
            }
        })*
    };
}

optional_reads! {
    maybe_duration: Duration -> Duration;
    maybe_integer: Integer -> i64;
    maybe_float: Float -> f64;
    maybe_switch: Switch -> bool;
    maybe_word: Word -> &'static str;
    maybe_text: Text -> String;
}

fn leap_of(word: &str) -> LeapIndicator {
    match word {
        "insert" => LeapIndicator::Insert,
        "delete" => LeapIndicator::Delete,
        _ => LeapIndicator::NoWarning,
    }
}

/// What a host's list of leap seconds says of the end of the world's day.
fn leap_list(read: &Reader<'_>, host: &str, truth: &Truth) -> Option<LeapList> {
    let midnight = truth.midnight();
    let change = match maybe_word(read, host, "leap_list")? {
        "expired" => return Some(LeapList { next: None, good_until: Some(midnight - Duration::SECOND) }),
        "insert" => 1,
        "delete" => -1,
        _ => return Some(LeapList { next: None, good_until: Some(midnight) }),
    };
    let next = LeapStep { from: midnight, before: TAI_UTC, after: TaiUtc(TAI_UTC.0 + change) };
    Some(LeapList { next: Some(next), good_until: Some(midnight) })
}

fn tai_utc(number: i64) -> TaiUtc {
    TaiUtc(number as i16)
}

fn master(read: &Reader<'_>, index: usize, truth: &Truth) -> MasterPlan {
    let section = format!("master[{index}]");
    let interval = LogInterval::new(read.integer(&section, "sync_interval") as i8);
    let mut config = master_config(index as u8 + 1, interval, 0);
    config.priority1 = read.integer(&section, "priority1") as u8;
    config.quality.clock_class = read.integer(&section, "clock_class") as u8;
    config.two_step = read.switch(&section, "two_step");
    config.log_announce_interval = LogInterval::new(read.integer(&section, "announce_interval") as i8);
    let is_tai = read.switch(&section, "ptp_timescale");
    config.time_offset = if is_tai { TAI_UTC.duration() } else { Duration::ZERO } + read.duration(&section, "lie");
    let said = maybe_integer(read, &section, "utc_offset").map(tai_utc);
    let properties = &mut config.time_properties;
    properties.ptp_timescale = is_tai;
    properties.current_utc_offset = read.switch(&section, "utc_offset_valid").then_some(said.unwrap_or(TAI_UTC));
    properties.leap = truth.warning(Timestamp::EPOCH);
    let knows_leaps = said.is_none() && properties.current_utc_offset.is_some();
    MasterPlan {
        name: read.text(&section, "name"),
        config,
        stamps: StampModel { resolution: read.duration(&section, "resolution"), ..StampModel::IDEAL },
        starts: read.duration(&section, "starts"),
        error: read.duration(&section, "error"),
        knows_leaps,
        links: links(read, &section),
    }
}

fn server(read: &Reader<'_>, index: usize) -> ServerPlan {
    let section = format!("ntp[{index}]");
    let (duration, switch) = (|name| read.duration(&section, name), |name| read.switch(&section, name));
    let poll = LogInterval::new(read.integer(&section, "poll") as i8);
    let poll_max = maybe_integer(read, &section, "poll_max").map(|poll_max| LogInterval::new(poll_max as i8).max(poll));
    let client = client::Config {
        poll,
        poll_max: poll_max.unwrap_or(poll.max(LogInterval::new(10))),
        poll_longest: poll_max.unwrap_or(poll),
        iburst: switch("iburst"),
        interleaved: switch("interleaved"),
        ..client::Config::new(NTP_SOURCE, 0)
    };
    let options = SourceOptions {
        prefer: switch("prefer"),
        trust: switch("trust"),
        require: switch("require"),
        noselect: switch("noselect"),
        max_distance: duration("max_distance"),
        ..SourceOptions::of(SourceKind::Ntp)
    };
    ServerPlan {
        name: read.text(&section, "name"),
        config: ServerConfig {
            stratum: read.integer(&section, "stratum") as u8,
            root_dispersion: duration("root_dispersion"),
            error: duration("error"),
            lie: duration("lie"),
            leap: maybe_word(read, &section, "leap").map(leap_of),
            departs_late: duration("departs_late"),
        },
        starts: duration("starts"),
        by_name: switch("by_name"),
        behind: maybe_text(read, &section, "behind")
            .and_then(|name| (0..index).find(|other| read.text(&format!("ntp[{other}]"), "name") == name)),
        client: ClientConfig { client, options },
        links: links(read, &section),
    }
}

/// How a host judges its sources, and its port if there are masters.
fn helm(read: &Reader<'_>, host: &str, has_masters: bool) -> (HelmConfig, Option<SourceOptions>) {
    let is_preferring = read.word(host, "conflict") == "prefer";
    let config = HelmConfig {
        hold_off: read.duration(host, "hold_off"),
        conflict: if is_preferring { Conflict::Prefer } else { Conflict::Hold },
        ..HelmConfig::default()
    };
    let port = SourceOptions { prefer: read.switch(host, "prefer_ptp"), ..SourceOptions::of(SourceKind::Ptp) };
    (config, has_masters.then_some(port))
}

fn shape(word: &str) -> Shape {
    match word {
        "erlang2" => Shape::Erlang2,
        "gaussian" => Shape::Gaussian,
        "lognormal" => Shape::Lognormal,
        _ => Shape::Exponential,
    }
}

fn links(read: &Reader<'_>, master: &str) -> [LinkModel; 2] {
    let (path, back) = (format!("{master}.path"), format!("{master}.back"));
    let float = |name| read.float(&path, name);
    let duration = |name| read.duration(&path, name);
    let burst = maybe_duration(read, &path, "burst_every").map(|every| BurstModel {
        every,
        lasts: duration("burst_lasts"),
        jitter: duration("burst_jitter"),
    });
    let transparent = read.switch(&path, "transparent");
    let hop = HopModel {
        load: float("load"),
        packet: duration("packet"),
        residence: duration("residence"),
        transparent: transparent.then(|| TransparentModel { error: duration("transparent_error") }),
    };
    let half = duration("asymmetry").half();
    let there = LinkModel {
        base: duration("delay") + half,
        shape: shape(read.word(&path, "shape")),
        burst,
        loss: float("loss"),
        duplication: float("duplication"),
        replay: maybe_duration(read, &path, "replay").unwrap_or(Duration::ZERO),
        keeps_order: read.switch(&path, "keeps_order"),
        hops: read.integer(&path, "switches") as usize,
        hop,
        ..LinkModel::new(Duration::ZERO, duration("jitter"))
    };
    let other = LinkModel {
        base: duration("delay") - half,
        jitter: maybe_duration(read, &back, "jitter").unwrap_or(there.jitter),
        shape: maybe_word(read, &back, "shape").map_or(there.shape, shape),
        replay: Duration::ZERO,
        loss: maybe_float(read, &back, "loss").unwrap_or(there.loss),
        hop: HopModel { load: maybe_float(read, &back, "load").unwrap_or(hop.load), ..hop },
        ..there
    };
    [there, other]
}

fn device(read: &Reader<'_>, section: &str) -> DeviceModel {
    let (duration, frequency) = (|name| read.duration(section, name), |name| read.frequency(section, name));
    let float = |name| read.float(section, name);
    DeviceModel {
        offset: duration("offset"),
        oscillator: OscillatorModel {
            frequency: frequency("frequency"),
            wander: float("wander"),
            white: float("white"),
            flicker: float("flicker"),
            cycle: frequency("cycle"),
            cycle_period: duration("cycle_period"),
            ageing: frequency("ageing"),
            ..OscillatorModel::PERFECT
        },
        max_adjustment: frequency("max_adjustment"),
        quantum: frequency("quantum"),
        step_error: duration("step_error"),
    }
}

fn host(read: &Reader<'_>, section: &str, index: usize, name: String) -> HostPlan {
    let (nic, bus) = (format!("{section}.nic"), format!("{section}.bus"));
    let mut config = HostConfig::new(index as u8 + 1, 0);
    let is_hardware = read.word(section, "stamps") == "hardware";
    config.system = device(read, &format!("{section}.system"));
    config.phcs = if is_hardware { vec![device(read, &format!("{section}.phc"))] } else { Vec::new() };
    config.crossing = CrossingModel {
        window: read.duration(&bus, "window"),
        jitter: read.duration(&bus, "jitter"),
        position: read.float(&bus, "position"),
        readings: read.integer(&bus, "readings") as u32,
        loss: read.float(&bus, "loss"),
        ..CrossingModel::PCIE
    };
    config.ntp_noise = read.duration(section, "ntp_noise");
    config.cascade.leap = match read.word(section, "leap") {
        "step" => LeapPolicy::Step,
        "slew" => LeapPolicy::Slew,
        "ignore" => LeapPolicy::Ignore,
        _ => LeapPolicy::Kernel,
    };
    config.kernel_leaps = read.switch(section, "kernel_leaps");
    config.ptp.delay_asymmetry = read.duration(section, "delay_asymmetry");
    config.ptp.serving = serving(read, section);
    config.ptp.log_announce_interval = config.ptp.serving.log_announce_interval;
    config.ptp_clock.priority1 = read.integer(section, "priority1") as u8;
    config.ptp_clock.priority2 = read.integer(section, "priority2") as u8;
    config.ptp_clock.class = maybe_integer(read, section, "class").map(|class| class as u8);
    config.arb = match read.word(section, "arb") {
        "utc" => Some(ArbPolicy::Utc),
        "tai" => Some(ArbPolicy::Tai),
        "refuse" => Some(ArbPolicy::Refuse),
        _ => None,
    };
    config.cascade.lock_limit = maybe_duration(read, section, "lock_limit");
    config.cascade.utc.tai_utc = maybe_integer(read, section, "tai_utc").map(tai_utc);
    let steering = &mut config.cascade.steering;
    steering.servo = if read.word(section, "servo") == "pi" { Kind::Pi } else { Kind::Estimator };
    steering.max_drift = read.frequency(section, "max_drift");
    steering.max_frequency = read.frequency(section, "max_frequency");
    steering.drain = read.frequency(section, "drain");
    steering.step.panic = match read.value(section, "panic") {
        Some(Value::Duration(limit)) => Some(limit),
        _ => None,
    };
    steering.step.later = match read.value(section, "step_later") {
        Some(Value::Word("any")) => StepRule::Any,
        Some(Value::Duration(above)) => StepRule::Above(above),
        _ => StepRule::Never,
    };
    let stamps = StampModel {
        source: if is_hardware { StampSource::Hardware } else { StampSource::Kernel },
        resolution: read.duration(&nic, "resolution"),
        ingress: read.duration(&nic, "ingress"),
        egress: read.duration(&nic, "egress"),
        noise: read.duration(&nic, "noise"),
        rx_loss: read.float(&nic, "rx_loss"),
        tx: TxStampModel {
            latency: read.duration(&nic, "tx_latency"),
            late_share: read.float(&nic, "tx_late_share"),
            late_by: read.duration(&nic, "tx_late_by"),
            loss: read.float(&nic, "tx_loss"),
        },
    };
    let (orphan, is_one_of_many) = (read.switch(section, "orphan"), read.integer(section, "count") > 1);
    HostPlan { name, config, stamps, orphan, is_one_of_many, asks: asking::plan(read, section) }
}

fn event(read: &Reader<'_>, section: &str, who: usize) -> EventPlan {
    let by = maybe_duration(read, section, "by").unwrap_or(Duration::ZERO);
    let float = |name| maybe_float(read, section, name);
    let what = match read.word(section, "what") {
        "path" => What::Path(PathChange {
            delay: maybe_duration(read, section, "delay"),
            asymmetry: maybe_duration(read, section, "asymmetry"),
            jitter: maybe_duration(read, section, "jitter"),
            loss: float("loss"),
            load: float("load"),
        }),
        "block" => What::Block(match read.word(section, "message") {
            "sync" => MessageType::Sync,
            "follow_up" => MessageType::FollowUp,
            "delay_req" => MessageType::DelayReq,
            "delay_resp" => MessageType::DelayResp,
            _ => MessageType::Announce,
        }),
        "master_step" => What::MasterStep(by),
        "server_step" => What::ServerStep(by),
        "source_lost" => What::SourceLost(by),
        "announce" => What::Announce(AnnounceChange {
            utc_offset: maybe_integer(read, section, "utc_offset").map(tai_utc),
            is_valid: maybe_switch(read, section, "utc_offset_valid"),
            leap: maybe_word(read, section, "leap").map(leap_of),
            clock_class: maybe_integer(read, section, "clock_class").map(|class| class as u8),
        }),
        "stall" => What::Stall(match read.word(section, "thread") {
            "port" => Stall::Port,
            "machine" => Stall::Machine,
            "clocks" => Stall::Clocks,
            _ => Stall::Discipline,
        }),
        "set_clock" => What::SetClock(by),
        "set_frequency" => What::SetFrequency(read.frequency(section, "frequency")),
        "phc_jump" => What::PhcJump(by),
        "phc_reset" => What::PhcReset,
        "names_gone" => What::NamesGone,
        "nic" => {
            What::Nic { rx_loss: float("rx_loss"), tx_loss: float("tx_loss"), tx_late_share: float("tx_late_share") }
        }
        _ => What::LinkDown,
    };
    EventPlan { at: read.duration(section, "at"), lasts: maybe_duration(read, section, "for"), who, what }
}
