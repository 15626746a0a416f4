//! `synchronome check`: what a configuration says, and what is wrong with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use synchronome_kernel::nic::is_bond;

use super::simulate::scenario;
use super::{EXIT_USAGE, print};
use crate::config::{
    Config, ConfigErrors, Loaded, Origin, PtpTransport, Setting, SystemClock, TimestampMode, load_file, read_text,
};
use crate::net::{Transport, cannot_stamp};
use crate::runtime::host::{CAP_SYS_TIME, has_capability};
use crate::runtime::rivals::{Rival, rivals};

mod refclocks;
mod rights;

/// Check a configuration, or a scenario of the simulator, without starting anything.
///
/// Prints every error at once, with its line, what is allowed and what was probably meant. What the configuration
/// names and this machine does not have (an interface, a CPU, an address, a card that stamps, the right to steer the
/// system clock) is a warning: the daemon waits for it, or does without. So is another program that steers the clock.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome check /etc/synchronome/synchronome.toml
  synchronome check FILE --explain       each option's value, and where it came from

Exit codes:
  0  it can be run (there may be warnings)
  2  it has errors, or cannot be read")]
pub struct Args {
    /// The configuration
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print each option with its value and where that came from
    #[arg(long)]
    pub explain: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What this machine has, as far as a configuration can name it.
#[derive(Default, Debug)]
pub(super) struct Machine {
    interfaces: BTreeSet<String>,
    /// Interfaces with an IPv4 address.
    with_ipv4: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// CPUs online; empty if unknown.
    cpus: BTreeSet<usize>,
    /// Whether this process may adjust the system clock.
    may_set_time: bool,
    /// Other programs that steer clocks.
    rivals: Vec<Rival>,
}

/// Something that the daemon would have to wait for or do without.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Warning {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// Checks a file and prints the findings: faults to stderr, all else to stdout.
pub fn run(args: &Args) -> ExitCode {
    let file = args.file.display().to_string();
    if let Ok(text) = read_text(&args.file)
        && scenario::is_meant(&text)
    {
        return check_scenario(args, &file, &text);
    }
    let loaded = load_file(&args.file);
    let (output, complaints, good) = match &loaded {
        Ok(loaded) => {
            let warnings = warnings(&loaded.config, &Machine::read());
            if args.json {
                (success_json(&file, loaded, &warnings, args.explain), String::new(), true)
            } else {
                (success_text(&file, loaded, &warnings, args.explain), String::new(), true)
            }
        }
        Err(errors) if args.json => (errors_json(errors), String::new(), false),
        Err(errors) => (String::new(), errors_text(errors), false),
    };
    eprint!("{complaints}");
    print(&output);
    if good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) }
}

/// A world for the simulator, and no configuration of the daemon.
fn check_scenario(args: &Args, file: &str, text: &str) -> ExitCode {
    let (output, is_good) = match scenario::load(text, file) {
        Ok(scenario) if args.json => {
            let object = json!({"file": file, "ok": true, "scenario": scenario.about, "errors": [], "warnings": []});
            (format!("{object}\n"), true)
        }
        Ok(scenario) => (format!("{file}: good: a scenario for `synchronome simulate`: {}\n", scenario.about), true),
        Err(errors) if args.json => (errors_json(&errors), false),
        Err(errors) => {
            eprint!("{}", errors_text(&errors));
            (String::new(), false)
        }
    };
    let _ = std::io::stdout().write_all(output.as_bytes());
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) }
}

fn errors_text(errors: &ConfigErrors) -> String {
    let count = errors.errors.len();
    format!("{errors}{}: {count} error{}\n", errors.file, if count == 1 { "" } else { "s" })
}

fn errors_json(errors: &ConfigErrors) -> String {
    format!("{}\n", json!({"file": errors.file, "ok": false, "errors": errors.errors, "warnings": []}))
}

fn success_text(file: &str, loaded: &Loaded, warnings: &[Warning], explain: bool) -> String {
    let mut text = String::new();
    if explain {
        let width = |column: fn(&Setting) -> String, most: usize| {
            loaded.origins.iter().map(|setting| column(setting).len()).max().unwrap_or(0).min(most)
        };
        let (paths, values) = (width(|setting| setting.path.clone(), 60), width(ToString::to_string, 40));
        for setting in &loaded.origins {
            let origin = match setting.origin {
                Origin::Default => "default".to_owned(),
                Origin::Profile(word) => format!("profile {word}"),
                Origin::File { line, .. } => format!("{file}:{line}"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:paths$} = {:values$}  # {origin}", setting.path, setting.to_string());
        }
    }
    if explain {
        text += &rights::text(&loaded.config);
    }
    for Warning { path, message, remedy } in warnings {
        let _ = writeln!(text, "{file}: warning: {path}: {message}\n    {remedy}");
    }
    let _ = writeln!(text, "{file}: good: {}", summary(&loaded.config));
    text
}

fn success_json(file: &str, loaded: &Loaded, warnings: &[Warning], explain: bool) -> String {
    let warnings: Vec<Json> = warnings
        .iter()
        .map(|warning| json!({"path": warning.path, "message": warning.message, "remedy": warning.remedy}))
        .collect();
    let mut object = json!({"file": file, "ok": true, "errors": [], "warnings": warnings});
    if explain {
        object["options"] = loaded.origins.iter().map(setting_json).collect();
        object["rights"] = rights::json(&loaded.config);
    }
    format!("{object}\n")
}

fn setting_json(setting: &Setting) -> Json {
    let mut object = json!({
        "path": setting.path,
        "value": setting.value.as_ref().map(ToString::to_string),
        "help": setting.option.help,
    });
    match setting.origin {
        Origin::Default => object["origin"] = json!("default"),
        Origin::Profile(word) => {
            object["origin"] = json!("profile");
            object["profile"] = json!(word);
        }
        Origin::File { line, column } => {
            object["origin"] = json!("file");
            object["line"] = json!(line);
            object["column"] = json!(column);
        }
    }
    object
}

/// The whole in one line.
fn summary(config: &Config) -> String {
    let clock = match config.clock.system {
        SystemClock::Discipline => "the system clock is disciplined",
        SystemClock::Observe => "the system clock is observed",
        SystemClock::Simulated(_) => "a simulated clock is disciplined",
    };
    let ports: Vec<_> = config.ptp.iter().map(|port| format!("{} domain {}", port.interface, port.domain)).collect();
    let ptp = if ports.is_empty() { "no PTP port".to_owned() } else { format!("PTP on {}", ports.join(", ")) };
    let count = |count: usize, what: &str| match count {
        0 => String::new(),
        1 => format!("; one {what}"),
        many => format!("; {many} {what}s"),
    };
    let sources = count(config.refclocks.len(), "reference clock") + &count(config.ntp_sources.len(), "NTP source");
    let ntp = config.ntp_server.as_ref().map_or("no NTP server".to_owned(), |server| {
        let all: Vec<_> = server.listen.iter().map(ToString::to_string).collect();
        format!("NTP on {}", all.join(", "))
    });
    format!("{clock}; {ptp}{sources}; {ntp}")
}

impl Machine {
    /// Looks; what cannot be found out stays empty.
    pub(super) fn read() -> Self {
        let mut machine = Self::default();
        for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
            let ip = entry.address.as_ref().and_then(|address| {
                let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
            });
            if ip.is_some_and(|ip| ip.is_ipv4()) {
                machine.with_ipv4.insert(entry.interface_name.clone());
            }
            machine.addresses.extend(ip);
            machine.interfaces.insert(entry.interface_name);
        }
        let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
        machine.cpus = cpu_list(&online);
        machine.may_set_time = has_capability(CAP_SYS_TIME);
        machine.rivals = rivals();
        machine
    }
}

/// Reads the kernel's list of CPUs, `0-3,8`; empty if it is not one.
fn cpu_list(text: &str) -> BTreeSet<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// What the configuration names and the machine lacks, and who is in the daemon's way.
fn warnings(config: &Config, machine: &Machine) -> Vec<Warning> {
    let mut warnings = lacks(config, machine);
    let mut warn = |path: String, message: String, remedy: String| warnings.push(Warning { path, message, remedy });
    if matches!(config.clock.system, SystemClock::Discipline) {
        let path = || "clock.system".to_owned();
        if !machine.may_set_time {
            let remedy = "`run` then observes it and serves the right time all the same; run it as root, or give it the \
                          right with `setcap cap_sys_time+ep` on the binary or AmbientCapabilities= in its unit";
            let message = "this user may not adjust the system clock (CAP_SYS_TIME is missing)";
            warn(path(), message.to_owned(), remedy.to_owned());
        }
        for rival in &machine.rivals {
            if rival.is_occasional() {
                let remedy = format!("harmless where it does not; else `{}`", rival.stop_with());
                warn(path(), format!("{rival} may set the clock now and then: {}", rival.habit()), remedy);
                continue;
            }
            let remedy = format!("two programs that steer one clock fight: stop it with `{}`", rival.stop_with());
            warn(path(), format!("{rival} runs and may steer the same clocks"), remedy);
        }
    }
    warnings
}

/// What the configuration names and the machine lacks, whoever runs the daemon and beside whom.
pub(super) fn lacks(config: &Config, machine: &Machine) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |path: String, message: String, remedy: String| warnings.push(Warning { path, message, remedy });
    for (index, port) in config.ptp.iter().enumerate() {
        let name = &port.interface;
        let path = format!("ptp[{index}].interface");
        if !machine.interfaces.contains(name) {
            let known: Vec<_> = machine.interfaces.iter().map(String::as_str).collect();
            let remedy = format!("`run` waits for it; this machine has: {}", known.join(", "));
            warn(path, format!("no interface `{name}` on this machine"), remedy);
            continue;
        }
        if port.transport == PtpTransport::Udp4 && !machine.with_ipv4.contains(name) {
            let remedy = format!("`run` waits for one; give it with `ip address add ADDRESS/PREFIX dev {name}`");
            warn(path, format!("`{name}` has no IPv4 address, which transport \"udp4\" needs"), remedy);
        }
        let transport = match port.transport {
            PtpTransport::Udp4 => Transport::Udp4,
            PtpTransport::Udp6 => Transport::Udp6 { scope: port.udp6_scope },
            PtpTransport::Ethernet => Transport::Ethernet,
        };
        if port.timestamps == TimestampMode::Auto && is_bond(name) {
            let remedy = "name its members instead, each in a [[ptp]] section of its own with transport = \"ethernet\"";
            let message = format!("`{name}` is a bond: the kernel stamps there, and none of its cards");
            warn(format!("ptp[{index}].interface"), message, remedy.to_owned());
        }
        if port.timestamps == TimestampMode::Hardware
            && let Some(reason) = cannot_stamp(name, transport)
        {
            let remedy = "`run` waits for a card that does; \"auto\" takes the kernel's stamps meanwhile".to_owned();
            warn(format!("ptp[{index}].timestamps"), format!("\"hardware\" cannot be had: {reason}"), remedy);
        }
    }
    for address in config.ntp_server.iter().flat_map(|server| &server.listen).chain(&config.observe.http) {
        let here =
            address.ip().is_unspecified() || address.ip().is_loopback() || machine.addresses.contains(&address.ip());
        if !here {
            let path = if config.observe.http == Some(*address) { "observe.http" } else { "ntp.server.listen" };
            let remedy = "`run` waits for it; \"0.0.0.0\" and \"[::]\" are every address".to_owned();
            warn(path.to_owned(), format!("{} is not an address of this machine", address.ip()), remedy);
        }
    }
    for (index, clock) in config.refclocks.iter().enumerate() {
        if let Some((key, message, remedy)) = refclocks::lacking(&clock.device) {
            warn(format!("refclock[{index}].{key}"), message, remedy);
        }
    }
    let threads = &config.threads;
    let pinned = [("ptp", &threads.ptp), ("discipline", &threads.discipline), ("server", &threads.server)];
    let pinned = pinned.iter().filter_map(|(name, thread)| Some((format!("threads.{name}.core"), thread.core?)));
    let workers = config.ntp_server.iter().flat_map(|server| &server.cores);
    for (path, core) in pinned.chain(workers.map(|core| ("ntp.server.cores".to_owned(), *core))) {
        if !machine.cpus.is_empty() && !machine.cpus.contains(&core) {
            let last = machine.cpus.last().copied().unwrap_or(0);
            let remedy = format!("its thread will run unpinned; the last CPU here is {last}");
            warn(path, format!("CPU {core} is not online on this machine"), remedy);
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn machine() -> Machine {
        Machine {
            interfaces: ["lo", "eth0", "bare0"].map(str::to_owned).into(),
            with_ipv4: ["lo", "eth0"].map(str::to_owned).into(),
            addresses: [IpAddr::from([192, 0, 2, 1])].into(),
            cpus: cpu_list("0-1,3\n"),
            may_set_time: true,
            rivals: Vec::new(),
        }
    }

    fn paths(text: &str) -> Vec<String> {
        let config = load(text, "test").unwrap().config;
        warnings(&config, &machine()).into_iter().map(|warning| warning.path).collect()
    }

    #[test]
    fn what_the_machine_has_gives_no_warning() {
        let good = "ptp = [{ interface = 'eth0' }]\nthreads.ptp.core = 3\n\
                    ntp.server = { listen = ['0.0.0.0:123', '[::1]:123', '192.0.2.1:123'], cores = [0, 1] }\n";
        assert_eq!(paths(good), [""; 0]);
    }

    #[test]
    fn each_absent_thing_is_named_with_its_option() {
        assert_eq!(paths("ptp = [{ interface = 'eth0' }, { interface = 'eth9' }]"), ["ptp[1].interface"]);
        assert_eq!(paths("ptp = [{ interface = 'bare0' }]"), ["ptp[0].interface"]);
        assert_eq!(paths("ntp.server.listen = ['192.0.2.2:123']"), ["ntp.server.listen"]);
        assert_eq!(paths("observe.http = '192.0.2.2:80'"), ["observe.http"]);
        assert_eq!(paths("ntp.server = { listen = ['[::]:123'], cores = [1, 2] }"), ["ntp.server.cores"]);
        assert_eq!(paths("threads.discipline.core = 4"), ["threads.discipline.core"]);
    }

    #[test]
    fn hardware_stamps_are_asked_for_only_where_they_are_demanded() {
        let port = |timestamps: &str| format!("ptp = [{{ interface = 'lo', timestamps = '{timestamps}' }}]");
        let config = load(&port("hardware"), "test").unwrap().config;
        let found = warnings(&config, &machine());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "ptp[0].timestamps");
        assert_eq!(found[0].message, "\"hardware\" cannot be had: interface lo has no PTP hardware clock");
        assert_eq!(paths(&port("auto")), [""; 0]);
        assert_eq!(paths(&port("software")), [""; 0]);
    }

    #[test]
    fn only_udp4_needs_an_ipv4_address() {
        assert_eq!(paths("ptp = [{ interface = 'bare0', transport = 'ethernet' }]"), [""; 0]);
        assert_eq!(paths("ptp = [{ interface = 'bare0', transport = 'udp6' }]"), [""; 0]);
    }

    #[test]
    fn whoever_steers_the_system_clock_must_be_allowed_to_and_alone() {
        let rival = Rival { program: "chronyd".to_owned(), pid: Some(812), unit: Some("chrony.service".to_owned()) };
        let tools = Rival { program: "vmtoolsd".to_owned(), pid: Some(9), unit: None };
        let machine = Machine { may_set_time: false, rivals: vec![rival, tools], ..machine() };
        let config = |word: &str| load(&format!("clock.system = '{word}'"), "test").unwrap().config;
        let found = warnings(&config("discipline"), &machine);
        assert_eq!(found.len(), 3);
        assert!(found[2].message.starts_with("vmtoolsd (pid 9) may set the clock now and then: if "), "{found:?}");
        assert!(found[2].remedy.starts_with("harmless where it does not; else `vmware-toolbox-cmd"), "{found:?}");
        assert!(found[0].message.contains("CAP_SYS_TIME") && found[0].path == "clock.system");
        assert!(found[1].message.contains("chronyd (pid 812)"));
        assert!(found[1].remedy.contains("systemctl disable --now chrony.service"));
        assert_eq!(warnings(&config("observe"), &machine), [], "who only looks disturbs nobody");
    }

    #[test]
    fn this_machine_has_a_cpu_and_an_interface() {
        let machine = Machine::read();
        assert!(!machine.interfaces.is_empty());
        assert!(!machine.cpus.is_empty());
    }
}
