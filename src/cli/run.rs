//! `synchronome run`: the daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::EXIT_USAGE;
use super::log::Log;
use crate::clock::HostClock;
use crate::config::options::COMPAT;
use crate::config::{self, Config, ConfigErrors, PTP_PORTS_MAX, PtpConfig, load_file};
use crate::observe::Level;
use crate::observe::status::ClockKind;
use crate::runtime::Daemon;
use crate::runtime::control::Control;
use crate::runtime::hooks::Hooks;
use crate::runtime::host::multicast_interfaces;
use crate::runtime::memory;
use crate::runtime::privileges::{self, ThreadKind};
use crate::runtime::signals::{Asked, Signals};
use crate::runtime::supervisor::Supervisor;
use crate::time::Duration;

/// The control thread goes round at least this often.
const TURN: Duration = Duration::SECOND;
/// Without a configuration, how often new interfaces are looked for.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(5);
/// So long after the start it is over: interfaces, servers and a first master are found by then.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// How often it is said what the ports hear, if that has changed.
const SAY_EVERY: Duration = Duration::from_secs(4);

/// The configuration that is read when none is named.
pub const DEFAULT_CONFIG: &str = "/etc/synchronome/synchronome.toml";

/// Run the daemon in the foreground.
///
/// It follows PTP, disciplines the clock that the configuration names and serves NTP. Interfaces that are absent are
/// waited for. Without a configuration it listens on the interfaces that it finds, says what it hears, and touches no
/// clock. SIGTERM and SIGINT end it; SIGHUP reads the configuration again. Log lines go to stderr.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome run                                     /etc/synchronome/synchronome.toml, else built-in defaults
  synchronome run --config ./simulated.toml           no root needed: unprivileged ports, a simulated clock
  synchronome run ./ptp-hardware.toml                 as root: a card's clock and the system clock are steered

Exit codes:
  0  ended by a signal
  1  it could not start or had to stop
  2  wrong arguments or configuration; nothing was started")]
pub struct Args {
    /// The configuration [default: /etc/synchronome/synchronome.toml if it exists, else built-in defaults]
    #[arg(value_name = "CONFIG", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same as CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Metrics under the names of others beside our own (observe.compat_metrics of the configuration)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(COMPAT))]
    pub compat_metrics: Vec<String>,
}

impl Args {
    /// The file that the user named.
    pub fn given(&self) -> Option<&Path> {
        self.file.as_deref().or(self.config.as_deref())
    }

    /// The configuration to run with, and the file that it came from.
    ///
    /// # Errors
    /// The file's faults. A file that was not named and does not exist is none.
    pub fn load(&self) -> Result<(Config, Option<PathBuf>), ConfigErrors> {
        let default = Path::new(DEFAULT_CONFIG);
        let (mut config, file) = match self.given().or_else(|| default.exists().then_some(default)) {
            Some(file) => (load_file(file)?.config, Some(file.to_owned())),
            None => (Config::default(), None),
        };
        if !self.compat_metrics.is_empty() {
            let is_named = |word: &&&str| self.compat_metrics.iter().any(|name| name == **word);
            config.observe.compat_metrics = COMPAT.iter().filter(is_named).copied().collect();
        }
        Ok((config, file))
    }
}

/// Runs the daemon until a signal ends it.
pub fn run(args: &Args) -> ExitCode {
    let (config, file) = match args.load() {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match serve(args, config, file.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            tracing::error!(target: "synchronome::daemon", "{problem}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args, mut config: Config, file: Option<&Path>) -> Result<(), String> {
    // Before all else: what hooks are started by has no part in what we set up for ourselves.
    let hooks = Hooks::start(&config).map_err(|error| format!("the process that runs hooks: {error}"))?;
    // Before any thread starts: none of them shall be interrupted.
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let log = Log::start(config.observe.log);
    let mut finds_interfaces = file.is_none() && config.ptp.is_empty();
    if finds_interfaces {
        config.ptp = found_ports();
    }
    // While sockets may be opened still.
    let mut supervisor = Supervisor::of_this_process().unwrap_or_else(|error| {
        tracing::warn!(target: "synchronome::daemon", "the supervisor that started us cannot be reached (NOTIFY_SOCKET): {error}");
        Supervisor::default()
    });
    for (level, text) in privileges::enter(&config, file)? {
        match level {
            Level::Info => tracing::info!(target: "synchronome::daemon", "{text}"),
            Level::Warn | Level::Error => tracing::warn!(target: "synchronome::daemon", "{text}"),
        }
    }
    let daemon = Daemon::start(config).map_err(|error| error.to_string())?;
    let mut control = Control::new(daemon, signals)?;
    if let Some(hooks) = hooks {
        control.run_hooks(hooks).map_err(|error| error.to_string())?;
    }
    privileges::confine(ThreadKind::Control);
    announce(&mut control, file);
    supervisor.hears(&control.daemon().in_words());
    supervisor.is_ready();
    let turn = supervisor.feed_every().map_or(TURN, |every| every.min(TURN));
    let mut look_again = HostClock.mono() + LOOK_AGAIN_EVERY;
    let mut say_at = HostClock.mono() + SAY_EVERY;
    let mut settled_at = Some(HostClock.mono() + SETTLED_AFTER);
    let mut said = Vec::new();
    loop {
        match control.turn(turn).map_err(|error| error.to_string())? {
            Some(Asked::Stop) => break,
            Some(Asked::Reload) => {
                supervisor.reloads(HostClock.mono());
                // With a file the interfaces are those that it names.
                finds_interfaces &= !reload(args, &mut control, &log);
                supervisor.is_ready();
            }
            None => {}
        }
        let now = HostClock.mono();
        if supervisor.is_there() {
            supervisor.hears(&control.daemon().in_words());
        }
        if control.daemon().all_go_round() {
            supervisor.lives(now);
        }
        if settled_at.take_if(|at| now >= *at).is_some() {
            memory::let_go_of_the_start();
        }
        if finds_interfaces && now >= look_again {
            look_again = now + LOOK_AGAIN_EVERY;
            add_new_ports(&mut control);
        }
        if now >= say_at {
            say_at = now + SAY_EVERY;
            say_what_is_heard(&mut control, &mut said);
        }
    }
    supervisor.stops();
    tracing::info!(target: "synchronome::daemon", "ending");
    control.stop();
    Ok(())
}

/// Says what runs, on what, and what it lacks.
fn announce(control: &mut Control, file: Option<&Path>) {
    let socket = control.socket().map(|socket| socket.display().to_string());
    let status = control.daemon().status();
    let from = file.map_or("no configuration: built-in defaults".to_owned(), |file| file.display().to_string());
    tracing::info!(target: "synchronome::daemon", "synchronome {} runs ({from})", status.version);
    // What is done, not what is configured: we may not be allowed to.
    let kind = match status.clock.kind {
        ClockKind::System => "the system clock is disciplined",
        ClockKind::Observe => "the system clock is observed and never touched",
        ClockKind::Simulated => "a simulated clock is disciplined; the system clock is never touched",
    };
    tracing::info!(target: "synchronome::daemon", "{kind}");
    if status.ptp.is_empty() && status.sources.is_empty() {
        let why = match file {
            None => "no interface can carry PTP: it needs to be up, with multicast and an IPv4 address; looking again",
            Some(_) => {
                "the configuration names no source: no [[ptp]], [[ntp.source]] or [[refclock]]; `synchronome probe` finds what there is"
            }
        };
        tracing::warn!(target: "synchronome::daemon", "{why}");
    }
    for port in &status.ptp {
        tracing::info!(target: "synchronome::daemon", "PTP on {}, domain {}", port.interface, port.domain);
    }
    for source in status.sources.iter().filter(|source| source.kind == "ntp") {
        tracing::info!(target: "synchronome::daemon", "NTP from {}", source.name);
    }
    for source in status.sources.iter().filter(|source| source.kind == "refclock") {
        tracing::info!(target: "synchronome::daemon", "reference clock {}", source.name);
    }
    for lack in &status.lacks {
        tracing::warn!(target: "synchronome::daemon", "without {lack}");
    }
    if let Some(socket) = socket {
        tracing::info!(target: "synchronome::daemon", "ask it: synchronome status --socket {socket}");
    }
}

/// A port on each interface that could carry PTP.
fn found_ports() -> Vec<PtpConfig> {
    let interfaces = multicast_interfaces().unwrap_or_default();
    interfaces.iter().take(PTP_PORTS_MAX).filter_map(|name| default_port(name)).collect()
}

/// A `[[ptp]]` of which nothing but the interface is said.
fn default_port(interface: &str) -> Option<PtpConfig> {
    let text = format!("[[ptp]]\ninterface = {interface:?}\n");
    config::load(&text, "built in").ok()?.config.ptp.pop()
}

fn add_new_ports(control: &mut Control) {
    for port in found_ports() {
        let known = &control.daemon().config().ptp;
        if known.len() < PTP_PORTS_MAX && known.iter().all(|other| other.interface != port.interface) {
            tracing::info!(target: "synchronome::daemon", "PTP on {}, which is new", port.interface);
            control.daemon().add_port(port);
        }
    }
}

/// Says what each port hears and does not follow, or that it hears nothing; `said` is what was said last.
fn say_what_is_heard(control: &mut Control, said: &mut Vec<Vec<String>>) {
    let daemon = control.daemon();
    said.resize(daemon.config().ptp.len(), Vec::new());
    for ((interface, heard), said) in daemon.heard().zip(said) {
        for sentence in heard.iter().filter(|sentence| !said.contains(sentence)) {
            tracing::info!(target: "synchronome::ptp", "port {interface}: hears {sentence}");
        }
        *said = heard;
    }
}

/// Takes over the configuration anew; returns whether a file is in force now.
fn reload(args: &Args, control: &mut Control, log: &Log) -> bool {
    match args.load() {
        Ok((_, None)) => tracing::info!(target: "synchronome::daemon", "SIGHUP: there is no configuration to read"),
        Ok((config, Some(file))) => {
            log.set_level(config.observe.log);
            let needs_restart = control.daemon().reload(&config);
            tracing::info!(target: "synchronome::daemon", "SIGHUP: {} is in force", file.display());
            for what in needs_restart {
                tracing::warn!(target: "synchronome::daemon", "{what} has changed: that needs a restart");
            }
            for right in privileges::lacking_for(&config) {
                tracing::warn!(target: "synchronome::daemon", "it needs {right}: that needs a restart");
            }
            return true;
        }
        Err(errors) => {
            tracing::error!(target: "synchronome::daemon", "SIGHUP: the configuration is wrong, the old one stays in force");
            eprintln!("{errors}");
        }
    }
    false
}
