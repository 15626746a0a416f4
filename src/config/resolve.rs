//! checked -> resolved: defaults, the rules between options, and the plain structs.

use std::ops::Range;
use std::path::PathBuf;

use super::acceptable::Acceptable;
use super::error::{ConfigError, Fault, Source};
use super::options::{DAEMON, OPTIONS, OptionSpec};
use super::read::{Reader, default_value, profile_of};
use super::value::Value;
use super::walk::Checked;
use super::{
    AddressFamily, ArbTimescale, ClockConfig, Config, DelayMechanism, EthernetGroup, HookConfig, LeapMode, Listen,
    ListenException, LogLevel, NtpServerConfig, NtpSourceConfig, ObserveConfig, Origin, PhcChoice, PtpConfig,
    PtpTransport, RtcPolicy, SeccompMode, SecurityConfig, SelectionConfig, ServoConfig, Setting, Simulated,
    SystemClock, ThreadConfig, ThreadsConfig, TimestampMode, TraceConfig, UtcOffset, VmClock,
};
use crate::discipline::helm::{Conflict, HELM_SOURCES_MAX, HelmConfig, SourceKind, SourceOptions};
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::ntp::server::{AccessList, LocalService, RateLimit, SmearShape};
use crate::ptp::{ACCEPTABLE_MASTERS_MAX, ComparisonRule, GRANDMASTERS_MAX, PtpClockConfig, Role, UNICAST_MASTERS_MAX};
use crate::time::{Duration, LogInterval};
use crate::wire::ptp::ClockIdentity;

fn ntp_server(read: &Reader<'_>, places: Vec<Listen>, cores: Vec<usize>) -> NtpServerConfig {
    let (mut listen, mut interfaces) = (Vec::new(), Vec::new());
    for place in places {
        match place {
            Listen::Address(address) => listen.push(address),
            Listen::Interface(interface) => interfaces.push(interface),
        }
    }
    let prefixes = |name| read.prefixes("ntp.server", name);
    let limit = match read.value("ntp.server", "rate_interval") {
        Some(Value::Duration(interval)) => {
            Some(RateLimit { interval, burst: read.integer("ntp.server", "rate_burst") as u16 })
        }
        _ => None,
    };
    let busy_poll = match read.value("ntp.server", "busy_poll") {
        Some(Value::Duration(duration)) => duration,
        _ => Duration::ZERO,
    };
    NtpServerConfig {
        listen,
        interfaces,
        except: read.exceptions("ntp.server", "listen_except"),
        cores,
        busy_poll,
        access: AccessList::new(&prefixes("allow"), &prefixes("deny"), &prefixes("ignore")),
        limit,
        clients: read.integer("ntp.server", "clients") as usize,
        smear: match read.word("ntp.server", "smear") {
            "linear" => Some(SmearShape::Linear),
            "cosine" => Some(SmearShape::Cosine),
            _ => None,
        }
        .map(|shape| (shape, read.duration("ntp.server", "smear_duration"))),
        local: read.value("ntp.server.local", "stratum").map(|_| LocalService {
            stratum: read.integer("ntp.server.local", "stratum") as u8,
            distance: read.duration("ntp.server.local", "distance"),
            is_orphan: read.switch("ntp.server.local", "orphan"),
        }),
    }
}

mod capable;
mod hybrid;
mod intervals;
mod marks;
mod one_step;
mod refclock;
mod static_role;
mod unicast;

/// Makes the resolved configuration of a file without faults.
pub fn resolve(checked: &Checked) -> Config {
    let read = Reader::new(&DAEMON, checked);
    let listen = read.places("ntp.server", "listen");
    let cores = read.cores("ntp.server", "cores");
    Config {
        clock: clock(&read),
        servo: ServoConfig {
            kind: if read.word("servo", "kind") == "estimator" { Kind::Estimator } else { Kind::Pi },
            proportional: read.value("servo", "proportional").map(|_| read.float("servo", "proportional")),
            integral: read.value("servo", "integral").map(|_| read.float("servo", "integral")),
            hold: read.switch("servo", "hold"),
        },
        ptp: (0..checked.repeated("ptp").len()).map(|index| ptp(&read, &format!("ptp[{index}]"))).collect(),
        ntp_sources: (0..checked.repeated("ntp.source").len())
            .map(|index| ntp_source(&read, &format!("ntp.source[{index}]")))
            .collect(),
        refclocks: (0..checked.repeated("refclock").len())
            .map(|index| refclock::refclock(&read, &format!("refclock[{index}]")))
            .collect(),
        selection: SelectionConfig {
            helm: HelmConfig {
                hold_off: read.duration("selection", "hold_off"),
                conflict: if read.word("selection", "conflict") == "prefer" {
                    Conflict::Prefer
                } else {
                    Conflict::Hold
                },
                ..HelmConfig::default()
            },
            drain: read.frequency("selection", "drain"),
        },
        ntp_server: (!listen.is_empty()).then(|| ntp_server(&read, listen, cores)),
        threads: ThreadsConfig {
            ptp: thread(&read, "threads.ptp"),
            discipline: thread(&read, "threads.discipline"),
            server: thread(&read, "threads.server"),
            lock_memory: read.switch("threads", "lock_memory"),
        },
        observe: observe(&read),
        security: security(&read),
        hooks: (0..checked.repeated("hook").len()).map(|index| hook(&read, &format!("hook[{index}]"))).collect(),
        trace: TraceConfig {
            keep_bytes: (read.integer("trace", "keep").unsigned_abs() as usize) << 20,
            on_fault: read.switch("trace", "on_fault"),
            directory: PathBuf::from(read.text("trace", "directory")),
        },
    }
}

fn clock(read: &Reader<'_>) -> ClockConfig {
    const SIMULATED: &str = "clock.system.simulated";
    let rule = |name| match read.value("clock.step", name) {
        Some(Value::Word("any")) => StepRule::Any,
        Some(Value::Duration(above)) => StepRule::Above(above),
        _ => StepRule::Never,
    };
    let simulated = || Simulated {
        offset: read.duration(SIMULATED, "offset"),
        frequency: read.frequency(SIMULATED, "frequency"),
        wander: read.float(SIMULATED, "wander"),
        seed: read.integer(SIMULATED, "seed").unsigned_abs(),
        reference_offset: read.duration(SIMULATED, "reference_offset"),
    };
    let system = if read.checked().simulated {
        SystemClock::Simulated(simulated())
    } else if read.word("clock", "system") == "discipline" {
        SystemClock::Discipline
    } else {
        SystemClock::Observe
    };
    ClockConfig {
        phc: match read.value("clock", "phc") {
            Some(Value::Clocks(names)) => PhcChoice::Named(names),
            Some(Value::Word("all")) => PhcChoice::OfPorts,
            Some(Value::Word("none")) => PhcChoice::None,
            _ if system == SystemClock::Discipline => PhcChoice::OfPorts,
            _ => PhcChoice::None,
        },
        system,
        utc_offset: match read.word("clock", "utc_offset") {
            "source" => UtcOffset::Source,
            "host" => UtcOffset::Host,
            _ => UtcOffset::Check,
        },
        leap: match read.word("clock", "leap") {
            "step" => LeapMode::Step,
            "slew" => LeapMode::Slew,
            "ignore" => LeapMode::Ignore,
            _ => LeapMode::Kernel,
        },
        leap_file: PathBuf::from(read.text("clock", "leap_file")),
        vmclock: match read.value("clock", "vmclock") {
            Some(Value::Text(path)) => VmClock::Path(PathBuf::from(path)),
            Some(Value::Word("off")) => VmClock::Off,
            _ => VmClock::Auto,
        },
        rtc: match read.word("clock", "rtc") {
            "exit" => RtcPolicy::Exit,
            "off" => RtcPolicy::Off,
            _ => RtcPolicy::Kernel,
        },
        dithers_itself: read.word("clock", "dither") == "daemon",
        step: StepPolicy {
            first: rule("first"),
            later: rule("later"),
            panic: match read.value("clock.step", "panic") {
                Some(Value::Duration(limit)) => Some(limit),
                _ => None,
            },
        },
        lock_limit: read.value("clock", "lock_limit").map(|_| read.duration("clock", "lock_limit")),
        ptp: PtpClockConfig {
            priority1: read.integer("clock.ptp", "priority1") as u8,
            priority2: read.integer("clock.ptp", "priority2") as u8,
            class: read.value("clock.ptp", "class").map(|_| read.integer("clock.ptp", "class") as u8),
        },
        max_drift: read.frequency("clock", "max_drift"),
        max_frequency: read.frequency("clock", "max_frequency"),
    }
}

fn ptp(read: &Reader<'_>, section: &str) -> PtpConfig {
    PtpConfig {
        interface: read.text(section, "interface"),
        transport: match read.word(section, "transport") {
            "udp6" => PtpTransport::Udp6,
            "ethernet" => PtpTransport::Ethernet,
            _ => PtpTransport::Udp4,
        },
        udp6_scope: read.integer(section, "udp6_scope") as u8,
        ethernet_group: match read.word(section, "ethernet_group") {
            "link" => EthernetGroup::Link,
            _ => EthernetGroup::Forwardable,
        },
        marks: marks::resolved(read, section),
        role: match read.word(section, "role") {
            "master" => Role::Master,
            "auto" => Role::Auto,
            _ => Role::Slave,
        },
        log_announce_interval: LogInterval::new(read.integer(section, "announce_interval") as i8),
        log_sync_interval: LogInterval::new(read.integer(section, "sync_interval") as i8),
        log_min_delay_req_interval: LogInterval::new(read.integer(section, "delay_req_interval") as i8),
        delay: match read.word(section, "delay") {
            "p2p" => DelayMechanism::P2p,
            _ => DelayMechanism::E2e,
        },
        log_min_pdelay_req_interval: read.integer(section, "pdelay_req_interval") as i8,
        neighbor_delay_min: read.duration(section, "neighbor_delay_min"),
        neighbor_delay_max: read.duration(section, "neighbor_delay_max"),
        as_capable: read.switch(section, "as_capable"),
        domain: read.integer(section, "domain") as u8,
        sdo_id: read.integer(section, "sdo_id") as u16,
        timestamps: match read.word(section, "timestamps") {
            "software" => TimestampMode::Software,
            "hardware" => TimestampMode::Hardware,
            _ => TimestampMode::Auto,
        },
        frequency_quantum: read
            .value(section, "frequency_quantum")
            .map(|_| read.frequency(section, "frequency_quantum")),
        delay_asymmetry: read.duration(section, "delay_asymmetry"),
        ingress_latency: read.duration(section, "ingress_latency"),
        egress_latency: read.duration(section, "egress_latency"),
        prefer: read.switch(section, "prefer"),
        trust: read.switch(section, "trust"),
        // "auto" is by who takes the stamps, which is seen when the port runs.
        arb_timescale: match read.word(section, "arb_timescale") {
            "utc" => Some(ArbTimescale::Utc),
            "tai" => Some(ArbTimescale::Tai),
            "refuse" => Some(ArbTimescale::Refuse),
            _ => None,
        },
        grandmasters: {
            let mut places = [None; GRANDMASTERS_MAX];
            let listed = read.identities(section, "grandmasters").into_iter().map(ClockIdentity);
            places.iter_mut().zip(listed).for_each(|(place, identity)| *place = Some(identity));
            places
        },
        acceptable_masters: {
            let mut places = [None; ACCEPTABLE_MASTERS_MAX];
            let listed = read.masters(section, "acceptable_masters");
            places.iter_mut().zip(listed).for_each(|(place, Acceptable(master))| *place = Some(master));
            places
        },
        unicast_masters: {
            let mut places = [None; UNICAST_MASTERS_MAX];
            let listed = read.addresses(section, "unicast_masters");
            places.iter_mut().zip(listed).for_each(|(place, address)| *place = Some(address));
            places
        },
        unicast_clients: read.integer(section, "unicast_clients") as u32,
        unicast_duration_max_s: read.duration(section, "unicast_duration_max").as_secs_f64() as u32,
        unicast_log_interval_min: LogInterval::new(read.integer(section, "unicast_interval_min") as i8),
        unicast_duration_s: read.duration(section, "unicast_duration").as_secs_f64() as u32,
        two_step: read.switch(section, "two_step"),
        static_role: read.switch(section, "static_role"),
        wait_to_restore: read.duration(section, "wait_to_restore"),
        signal: unicast::signal(read, section),
        hybrid: read.switch(section, "hybrid"),
        intervals: intervals::resolved(read, section),
        gptp_capable: capable::resolved(read, section),
        path_trace: read.switch(section, "path_trace"),
        announce_receipt_timeout: read.integer(section, "announce_receipt_timeout") as u8,
        comparison: match read.word(section, "comparison") {
            "g8275" => ComparisonRule::G8275 {
                port: read.integer(section, "local_priority") as u8,
                clock: read.integer("clock.ptp", "local_priority") as u8,
            },
            "g8265" => ComparisonRule::G8265,
            _ => ComparisonRule::Ieee1588,
        },
        power_grandmaster_id: read
            .switch(section, "power_tlv")
            .then(|| read.integer(section, "power_grandmaster_id") as u16),
        event_port: read.integer(section, "event_port") as u16,
        general_port: read.integer(section, "general_port") as u16,
        management: read.switch(section, "management"),
        minor_version: read.integer(section, "minor_version") as u8,
        clock_identity: match read.value(section, "clock_identity") {
            Some(Value::Identity(bytes)) => Some(bytes),
            _ => None,
        },
    }
}

/// So long a server can make us wait if the configuration does not say.
const POLL_MAX_BY_RATE: LogInterval = LogInterval::new(10);

fn ntp_source(read: &Reader<'_>, section: &str) -> NtpSourceConfig {
    let switch = |name| read.switch(section, name);
    let poll = LogInterval::new(read.integer(section, "poll") as i8);
    let poll_max = match read.value(section, "poll_max") {
        Some(Value::Integer(poll_max)) => Some(LogInterval::new(poll_max as i8).max(poll)),
        _ => None,
    };
    let (host, port) = host_and_port(&read.text(section, "address"));
    NtpSourceConfig {
        host,
        port,
        pool: read.integer(section, "pool") as u8,
        poll,
        poll_max: poll_max.unwrap_or(POLL_MAX_BY_RATE.max(poll)),
        poll_longest: poll_max.unwrap_or(poll),
        iburst: switch("iburst"),
        burst: switch("burst"),
        interleaved: switch("interleaved"),
        family: match read.word(section, "family") {
            "4" => AddressFamily::V4,
            "6" => AddressFamily::V6,
            "prefer4" => AddressFamily::Prefer4,
            "prefer6" => AddressFamily::Prefer6,
            _ => AddressFamily::Any,
        },
        timestamps: match read.word(section, "timestamps") {
            "hardware" => TimestampMode::Hardware,
            "software" => TimestampMode::Software,
            _ => TimestampMode::Auto,
        },
        options: SourceOptions {
            prefer: switch("prefer"),
            trust: switch("trust"),
            require: switch("require"),
            noselect: switch("noselect"),
            max_distance: read.duration(section, "max_distance"),
            ..SourceOptions::of(SourceKind::Ntp)
        },
        time_offset: read.duration(section, "time_offset"),
        delay_asymmetry: read.duration(section, "delay_asymmetry"),
    }
}

/// `host`, `host:port`, `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]:port`.
fn host_and_port(address: &str) -> (String, u16) {
    const NTP_PORT: u16 = 123;
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        return (address.to_owned(), NTP_PORT);
    }
    let split = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = split.unwrap_or((address, NTP_PORT));
    (host.trim_matches(['[', ']']).to_owned(), port)
}

fn thread(read: &Reader<'_>, section: &str) -> ThreadConfig {
    ThreadConfig {
        core: read.value(section, "core").map(|_| read.integer(section, "core") as usize),
        priority: read.value(section, "priority").map(|_| read.integer(section, "priority") as u8),
    }
}

fn observe(read: &Reader<'_>) -> ObserveConfig {
    ObserveConfig {
        http: match read.value("observe", "http") {
            Some(Value::Address(address)) => Some(address),
            _ => None,
        },
        allowed_hosts: read.host_names("observe", "allowed_hosts"),
        log: match read.word("observe", "log") {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            "trace" => LogLevel::Trace,
            _ => LogLevel::Info,
        },
        runtime_directory: PathBuf::from(read.text("observe", "runtime_directory")),
        ptp_management: match read.value("observe", "ptp_management") {
            Some(Value::Text(path)) => Some(PathBuf::from(path)),
            _ => None,
        },
        state_directory: PathBuf::from(read.text("observe", "state_directory")),
        compat_metrics: read.words("observe", "compat_metrics"),
    }
}

fn hook(read: &Reader<'_>, section: &str) -> HookConfig {
    HookConfig {
        events: read.words(section, "events"),
        exec: read.command(section, "exec"),
        timeout: read.duration(section, "timeout"),
        running_max: read.integer(section, "running") as u32,
        rate_max: read.integer(section, "rate") as u32,
    }
}

fn security(read: &Reader<'_>) -> SecurityConfig {
    SecurityConfig {
        user: read.value("security", "user").map(|_| read.text("security", "user").clone()),
        landlock: read.switch("security", "landlock"),
        seccomp: match read.word("security", "seccomp") {
            "log" => SeccompMode::Log,
            "off" => SeccompMode::Off,
            _ => SeccompMode::Enforce,
        },
    }
}

/// The rules between options. Runs on what is right of a file that may have faults, so that these come at once too.
pub fn conflicts(source: &Source<'_>, checked: &Checked) -> Vec<ConfigError> {
    let read = Reader::new(&DAEMON, checked);
    let mut errors = Vec::new();
    let mut conflict = |path: String, span: &Range<usize>, message: String, suggestion: &str| {
        let place = Some(source.place(span));
        let suggestion = Some(suggestion.to_owned());
        errors.push(ConfigError { place, path, fault: Fault::Conflict, message, allowed: None, suggestion });
    };
    for (index, header) in checked.repeated("ptp").iter().enumerate() {
        let section = format!("ptp[{index}]");
        let [event, general] = udp_ports(&read, &section);
        if event == general {
            let (name, span) = ["general_port", "event_port"]
                .iter()
                .find_map(|name| Some((*name, read.span(&section, name)?)))
                .unwrap_or(("general_port", header.clone()));
            let message = format!("event messages and general messages cannot share port {event}");
            conflict(format!("{section}.{name}"), &span, message, "the standard's ports are 319 and 320");
        }
        unicast::conflicts(&read, &section, &mut conflict);
        hybrid::conflicts(&read, &section, &mut conflict);
        marks::conflicts(&read, &section, &mut conflict);
        one_step::conflicts(&read, index, &mut conflict);
        static_role::conflicts(&read, &section, &mut conflict);
        intervals::conflicts(&read, &section, &mut conflict);
        capable::conflicts(&read, &section, &mut conflict);
        let twin = (0..index).find(|other| same_place(&read, &section, &format!("ptp[{other}]")));
        if let Some(other) = twin {
            let line = source.line(checked.repeated("ptp")[other].start);
            let same = if is_udp(&read, &section) { "interface, domain and UDP port" } else { "interface and domain" };
            let message = format!("the same {same} as the [[ptp]] in line {line}");
            conflict(section.clone(), header, message, "remove one of them, or give it another domain");
        }
        let same = |other: &String, name| read.value(&section, name) == read.value(other, name);
        let is_compared_otherwise =
            |other: &String| same(other, "domain") && same(other, "sdo_id") && !same(other, "comparison");
        if let Some(other) = (0..index).find(|other| is_compared_otherwise(&format!("ptp[{other}]"))) {
            let line = source.line(checked.repeated("ptp")[other].start);
            let message =
                format!("masters are compared otherwise than by the [[ptp]] in line {line}, of the same domain");
            conflict(section.clone(), header, message, "give both the same `comparison`, or another domain");
        }
    }
    let cores = read.span("ntp.server", "cores").filter(|_| !read.cores("ntp.server", "cores").is_empty());
    if let (Some(span), Some(cores)) = (read.span("threads.server", "core"), cores) {
        let line = source.line(cores.start);
        let message = format!("ntp.server.cores in line {line} already says where the workers run");
        conflict("threads.server.core".to_owned(), &span, message, "remove one of them");
    }
    if let Some(span) = read.span("ntp.server", "listen") {
        for place in read.places("ntp.server", "listen") {
            let port = match place {
                Listen::Address(address) => address.port(),
                Listen::Interface(interface) => interface.port,
            };
            let taken = (0..checked.repeated("ptp").len()).find(|index| {
                let section = format!("ptp[{index}]");
                is_udp(&read, &section) && udp_ports(&read, &section).contains(&i64::from(port))
            });
            if let Some(index) = taken {
                let line = source.line(checked.repeated("ptp")[index].start);
                let message = format!("UDP port {port} is used for PTP by the [[ptp]] in line {line}");
                conflict("ntp.server.listen".to_owned(), &span, message, "NTP's port is 123");
            }
        }
    }
    left_out(&read, &mut conflict);
    for key in ["distance", "orphan"] {
        if let Some(span) = read.span("ntp.server.local", key)
            && read.span("ntp.server.local", "stratum").is_none()
        {
            let message = "without ntp.server.local.stratum nothing of the clock's own is served".to_owned();
            conflict(format!("ntp.server.local.{key}"), &span, message, "add stratum = 10, or remove it");
        }
    }
    if let Some(span) = read.span("ntp.server.local", "orphan").filter(|_| read.switch("ntp.server.local", "orphan")) {
        if checked.repeated("ntp.source").is_empty() {
            let message = "there is no other server to agree with".to_owned();
            let suggestion = "name each of the others in a [[ntp.source]]";
            conflict("ntp.server.local.orphan".to_owned(), &span, message, suggestion);
        }
        if read.span("ntp.server.local", "stratum").is_some() && read.integer("ntp.server.local", "stratum") > 14 {
            let message = "those who follow are one stratum further, and 15 is the last".to_owned();
            conflict("ntp.server.local.orphan".to_owned(), &span, message, "stratum = 10");
        }
    }
    let sections = ["refclock", "ntp.source"].into_iter().flat_map(|name| {
        checked.repeated(name).iter().enumerate().map(move |(index, header)| (format!("{name}[{index}]"), header))
    });
    let mut places = checked.repeated("ptp").len();
    for (section, header) in sections {
        let is_server = section.starts_with("ntp");
        places += if is_server { read.integer(&section, "pool").unsigned_abs() as usize } else { 1 };
        if places > HELM_SOURCES_MAX {
            let message =
                format!("there are {places} sources with this one, and at most {HELM_SOURCES_MAX} are judged");
            conflict(section, header, message, "take fewer servers, or a smaller pool");
            break;
        }
    }
    refclock::conflicts(source, checked, &mut errors);
    errors
}

/// Tells a conflict at the first of some options of a section that the file has; where it has none of them there is nothing to tell.
fn refusing(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) -> impl FnMut(&[&str], &str, &str) {
    move |names, message, suggestion| {
        if let Some((path, span)) = read.said_by(section, names) {
            conflict(path, &span, message.to_owned(), suggestion);
        }
    }
}

/// `ntp.server.listen_except` where it says the opposite of `listen`, or nothing.
fn left_out(read: &Reader<'_>, conflict: &mut impl FnMut(String, &Range<usize>, String, &str)) {
    let Some(span) = read.span("ntp.server", "listen_except") else { return };
    let exceptions = read.exceptions("ntp.server", "listen_except");
    if exceptions.is_empty() {
        return;
    }
    let path = || "ntp.server.listen_except".to_owned();
    let places = read.places("ntp.server", "listen");
    let is_wide = |place: &Listen| !matches!(place, Listen::Address(address) if !address.ip().is_unspecified());
    if !places.iter().any(is_wide) {
        let message = "ntp.server.listen has neither an interface nor all addresses to leave them out of".to_owned();
        conflict(path(), &span, message, "remove it");
        return;
    }
    for exception in exceptions {
        let contradicts = |place: &&Listen| match (place, &exception) {
            (Listen::Interface(interface), ListenException::Interface(name)) => interface.name == *name,
            (Listen::Address(address), ListenException::Addresses(prefix)) => {
                !address.ip().is_unspecified() && prefix.covers(address.ip())
            }
            _ => false,
        };
        if let Some(place) = places.iter().find(contradicts) {
            let message = format!("{exception} leaves out \"{place}\" of ntp.server.listen");
            conflict(path(), &span, message, "remove one of them");
        }
    }
}

fn udp_ports(read: &Reader<'_>, section: &str) -> [i64; 2] {
    [read.integer(section, "event_port"), read.integer(section, "general_port")]
}

fn is_udp(read: &Reader<'_>, section: &str) -> bool {
    read.word(section, "transport") != "ethernet"
}

/// Whether two ports would hear each other's messages: the same interface, transport, domain (number and sdoId) and,
/// where there are any, a UDP port.
fn same_place(read: &Reader<'_>, one: &str, other: &str) -> bool {
    let same = |name| read.value(one, name) == read.value(other, name);
    let named = read.span(one, "interface").is_some();
    let [event, general] = udp_ports(read, one);
    let shared = udp_ports(read, other);
    named
        && same("interface")
        && same("transport")
        && same("domain")
        && same("sdo_id")
        && (!is_udp(read, one) || shared.contains(&event) || shared.contains(&general))
}

/// Every option that applies to this file with its value and where that came from, in the order of the table.
pub fn settings(source: &Source<'_>, checked: &Checked) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut push = |option: &'static OptionSpec, path: String| {
        let section = path.rsplit_once('.').map_or("", |(section, _)| section);
        let profile = profile_of(checked, section).and_then(|profile| Some((profile.word, profile.preset(option)?)));
        let (value, origin) = match (checked.set.get(&path), profile) {
            (Some(set), _) => {
                let place = source.place(&set.span);
                (Some(set.value.clone()), Origin::File { line: place.line, column: place.column })
            }
            (None, Some((word, value))) => (Some(value), Origin::Profile(word)),
            (None, None) => (default_value(option), Origin::Default),
        };
        settings.push(Setting { path, value, origin, option });
    };
    let in_section = |path: &str, section: &str| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    // Of the word and the table that `clock.system` may be, the one that it is.
    let ordinary = |option: &&OptionSpec| match option.path {
        "clock.system" => !checked.simulated,
        path if in_section(path, "clock.system") => checked.simulated,
        path => !["ptp", "ntp.source", "refclock", "hook"].iter().any(|section| in_section(path, section)),
    };
    for option in OPTIONS.iter().filter(ordinary) {
        push(option, option.path.to_owned());
    }
    for section in ["ptp", "ntp.source", "hook"] {
        for index in 0..checked.repeated(section).len() {
            for option in OPTIONS.iter().filter(|option| in_section(option.path, section)) {
                push(option, format!("{section}[{index}].{}", option.name()));
            }
        }
    }
    let read = Reader::new(&DAEMON, checked);
    for index in 0..checked.repeated("refclock").len() {
        let section = format!("refclock[{index}]");
        let applies = |option: &&OptionSpec| {
            in_section(option.path, "refclock") && refclock::applies(&read, &section, option.name())
        };
        for option in OPTIONS.iter().filter(applies) {
            push(option, format!("{section}.{}", option.name()));
        }
    }
    settings
}
