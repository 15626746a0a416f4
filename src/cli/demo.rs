//! `synchronome demo`: everything on one machine, with the truth beside the claim.

mod ask;
mod draw;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use super::temporary::TemporaryDirectory;
use super::{positive_duration, signed_duration, signed_frequency};
use crate::clock::HostClock;
use crate::config::{
    self, ClockConfig, Config, NtpServerConfig, ObserveConfig, PtpConfig, SecurityConfig, ServoConfig, Simulated,
    SystemClock, ThreadsConfig, TraceConfig,
};
use crate::discipline::servo::Kind;
use crate::net::SocketOptions;
use crate::ntp::server::ServerCounter;
use crate::observe::Level;
use crate::ptp::GrandmasterConfig;
use crate::runtime::Daemon;
use crate::runtime::control::Control;
use crate::runtime::grandmaster::GrandmasterThread;
use crate::runtime::host::{random_bits, random_identity};
use crate::runtime::privileges::{self, ThreadKind};
use crate::runtime::signals::{Asked, Signals};
use crate::runtime::truth::Truth;
use crate::time::{Duration, FrequencyPpb, LogInterval, Mono, SyncState, Timestamp};
use crate::wire::ptp::{ClockAccuracy, ClockQuality};
use draw::{Screen, Summary, View};

/// Show the whole path at work: no root, no network card, no configuration.
///
/// An embedded grandmaster sends real PTP over loopback; a slave follows it and disciplines a simulated clock that
/// starts wrong; an NTP server answers from that clock. Because the clock is simulated, the truth is known: the true
/// error is shown beside the bound that the daemon claims. No clock of this machine is touched.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome demo                                    until Ctrl-C
  synchronome demo --for 20s                          ends with a summary
  synchronome demo --for 20s --json                   a line a second, the summary as the last object
  synchronome demo --http-port 9319                   with a page: http://127.0.0.1:9319/
  synchronome demo --offset -5ms --frequency -100ppm  another clock
  synchronome demo --for 20s --record demo.trace      what happened, for synchronome replay

Exit codes:
  0  it locked, and the truth stayed inside the claimed bound
  1  it did not, or could not start (a port is in use: see --ptp-ports, --ntp-port, --http-port)
  2  wrong arguments")]
pub struct Args {
    /// End after this long [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = positive_duration)]
    pub duration: Option<Duration>,
    /// Print JSON objects, one a line
    #[arg(long)]
    pub json: bool,
    /// UDP ports of PTP's event and general messages
    #[arg(long, value_name = "E,G", default_value = "10319,10320")]
    pub ptp_ports: PtpPorts,
    /// UDP port of the NTP server
    #[arg(long, value_name = "PORT", default_value_t = 11_123, value_parser = clap::value_parser!(u16).range(1..))]
    pub ntp_port: u16,
    /// Serve a page for a browser, and metrics, on this TCP port of 127.0.0.1
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: Option<u16>,
    /// Write what its engines heard and did to this file at the end: for `synchronome replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Seed of all that is random; the same seed gives the same oscillator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The servo: a plain PI loop, or the estimator that learns its own noise
    #[arg(long, value_name = "KIND", default_value = "estimator")]
    pub servo: Servo,
    /// What the simulated clock is ahead at the start
    #[arg(long, value_name = "DURATION", default_value = "2s", allow_hyphen_values = true, value_parser = signed_duration)]
    pub offset: Duration,
    /// What it runs fast by
    #[arg(long, value_name = "PPM", default_value = "40ppm", allow_hyphen_values = true, value_parser = signed_frequency)]
    pub frequency: FrequencyPpb,
}

/// `servo.kind` of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum, Debug)]
pub enum Servo {
    /// A proportional-integral loop.
    Pi,
    /// The estimator.
    Estimator,
}

/// The two UDP ports of PTP; never the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PtpPorts {
    /// Event messages.
    pub event: u16,
    /// General messages.
    pub general: u16,
}

impl FromStr for PtpPorts {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
        match text.split_once(',').and_then(|(event, general)| Some((port(event)?, port(general)?))) {
            Some((event, general)) if event != general => Ok(Self { event, general }),
            Some(_) => Err("the two ports must differ".to_owned()),
            None => Err("two ports of 1 to 65535 with a comma between, like 10319,10320".to_owned()),
        }
    }
}

/// What the embedded grandmaster is ahead of this host's CLOCK_REALTIME: nobody can mistake one for the other.
const GRANDMASTER_OFFSET: Duration = Duration::from_millis(12_500);
/// Random-walk FM of the slave's oscillator, s/s per sqrt(s): a cheap crystal.
const WANDER: f64 = 1e-9;
/// The most that `--record` writes: a day or two.
const RECORD_BYTES_MAX: usize = 256 << 20;
/// How often the view is renewed.
const VIEW_EVERY: Duration = Duration::SECOND;

/// Runs the demo.
pub fn run(args: &Args) -> ExitCode {
    match demonstrate(args) {
        Ok(summary) if summary.is_success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("synchronome demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(args: &Args) -> Result<Summary, String> {
    let directory = TemporaryDirectory::new("demo").map_err(|error| format!("no temporary directory: {error}"))?;
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let config = configuration(args, directory.path())?;
    // Before the rights are given up with which it can be made.
    let record = args
        .record
        .as_ref()
        .map(|path| File::create(path).map(|file| (path, file)).map_err(|error| of_file(path, &error)));
    let record = record.transpose()?;
    for (_, text) in privileges::enter(&config, None)?.into_iter().filter(|(level, _)| *level != Level::Info) {
        eprintln!("{text}");
    }
    let sockets = SocketOptions::new("lo", args.ptp_ports.event, args.ptp_ports.general);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, args.ntp_port));
    let _grandmaster = GrandmasterThread::start(&sockets, grandmaster(args))
        .map_err(|problem| format!("{problem}; other ports: --ptp-ports"))?;
    let daemon = Daemon::start(config).map_err(|error| format!("{error}; another port: --ntp-port"))?;
    let mut control = Control::new(daemon, signals)?;
    if args.http_port.is_some() && control.http_address().is_none() {
        return Err("the port of the page cannot be had; another one: --http-port".to_owned());
    }
    privileges::confine(ThreadKind::Control);
    if !args.json {
        introduce(args, control.socket().unwrap_or(directory.path()));
        if let Some(address) = control.http_address() {
            println!("Look at it:           http://{address}/\n");
        }
    }
    let summary = watch(args, &mut control, server);
    control.stop();
    if let Some((path, mut file)) = record {
        let trace = control.daemon().traces().fetch();
        file.write_all(&trace).map_err(|error| of_file(path, &error))?;
    }
    let summary = summary.map_err(|error| error.to_string())?;
    println!("{}", if args.json { summary.json() } else { format!("\n{}", summary.text()) });
    Ok(summary)
}

fn of_file(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn introduce(args: &Args, socket: &Path) {
    println!(
        "An embedded grandmaster, {GRANDMASTER_OFFSET} ahead of this host's clock, and a slave whose simulated clock starts\n\
         {} and {} off that. Real sockets, real kernel stamps, the real servo; no clock of this machine is touched.\n\
         Ask it for the time:  ntpdig 127.0.0.1 -p {} (or any NTP client)\n\
         Ask it how it is:     synchronome status --socket {}\n",
        args.offset,
        args.frequency,
        args.ntp_port,
        socket.display()
    );
}

/// Shows a view each second until the time is over or a signal comes.
fn watch(args: &Args, control: &mut Control, server: SocketAddr) -> io::Result<Summary> {
    let host = HostClock;
    let start = host.mono();
    let end = args.duration.map(|duration| start + duration);
    let mut screen = Screen::new(args.json);
    let mut next_view = start + VIEW_EVERY;
    loop {
        let now = host.mono();
        let until = end.map_or(next_view, |end| end.min(next_view));
        let asked = control.turn(until - now)?;
        let now = host.mono();
        let is_over = asked == Some(Asked::Stop) || end.is_some_and(|end| now >= end);
        if now >= next_view || is_over {
            next_view = next_view + VIEW_EVERY;
            let view = view(control, server, start);
            screen.show(&view, now)?;
            if is_over {
                return Ok(Summary { view, lock_since_start: lock_since_start(&view, start) });
            }
        }
    }
}

fn view(control: &mut Control, server: SocketAddr, start: Timestamp<Mono>) -> View {
    let answer = ask::ask(server);
    let daemon = control.daemon();
    let ntp_requests = daemon
        .server()
        .map_or(0, |server| server.count(ServerCounter::Answers) + server.count(ServerCounter::AnswersUnsynchronised));
    let truth = daemon.truth().map(Truth::report).unwrap_or_default();
    View { elapsed: HostClock.mono() - start, snapshot: daemon.snapshot(), truth, ntp_requests, answer }
}

/// Configuration of the slave.
fn configuration(args: &Args, directory: &Path) -> Result<Config, String> {
    let port =
        config::load("[[ptp]]\ninterface = \"lo\"\n", "built in").map_err(|errors| errors.to_string())?.config.ptp;
    let simulated = Simulated {
        offset: GRANDMASTER_OFFSET + args.offset,
        frequency: args.frequency,
        wander: WANDER,
        seed: args.seed,
        reference_offset: GRANDMASTER_OFFSET,
    };
    let defaults = Config::default();
    Ok(Config {
        clock: ClockConfig { system: SystemClock::Simulated(simulated), ..defaults.clock },
        ptp: port
            .into_iter()
            .map(|port| PtpConfig {
                event_port: args.ptp_ports.event,
                general_port: args.ptp_ports.general,
                clock_identity: Some(random_identity(random_bits()).0),
                ..port
            })
            .collect(),
        ntp_sources: Vec::new(),
        refclocks: Vec::new(),
        selection: defaults.selection,
        hooks: defaults.hooks,
        ntp_server: Some(NtpServerConfig::open(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, args.ntp_port))])),
        threads: ThreadsConfig { lock_memory: false, ..defaults.threads },
        observe: ObserveConfig {
            http: args.http_port.map(|port| (Ipv4Addr::LOCALHOST, port).into()),
            runtime_directory: directory.to_owned(),
            state_directory: directory.to_owned(),
            ..defaults.observe
        },
        servo: ServoConfig {
            kind: match args.servo {
                Servo::Pi => Kind::Pi,
                Servo::Estimator => Kind::Estimator,
            },
            ..defaults.servo
        },
        // Its directory is removed at the end, and that is in a directory of everybody's.
        security: SecurityConfig { landlock: false, ..defaults.security },
        trace: TraceConfig {
            keep_bytes: if args.record.is_some() { RECORD_BYTES_MAX } else { 0 },
            on_fault: false,
            ..defaults.trace
        },
    })
}

/// The master half: Announce 4/s, Sync 8/s. It is right by definition, and says so.
fn grandmaster(args: &Args) -> GrandmasterConfig {
    let defaults = GrandmasterConfig::new(random_identity(random_bits()), args.seed);
    GrandmasterConfig {
        quality: ClockQuality { clock_class: 13, clock_accuracy: ClockAccuracy(0x20), ..defaults.quality },
        log_announce_interval: LogInterval::new(-2),
        log_sync_interval: LogInterval::new(-3),
        log_min_delay_req_interval: LogInterval::new(-3),
        time_offset: GRANDMASTER_OFFSET,
        ..defaults
    }
}

/// From the start to LOCKED, from the time at which the state began, if it is still locked.
fn lock_since_start(view: &View, start: Timestamp<Mono>) -> Option<Duration> {
    (view.snapshot.state == SyncState::Locked).then(|| view.snapshot.state_since - start)
}
