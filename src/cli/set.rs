//! `synchronome set`: the system clock is set once, without a daemon.
//!
//! The whole daemon runs for some seconds and observes: every source, the selection and the bound are those of `run`, and the clock is
//! not touched. What it has found out is then done in one go, by this command alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::log::Log;
use super::run::DEFAULT_CONFIG;
use super::temporary::TemporaryDirectory;
use super::{EXIT_USAGE, positive_duration};
use crate::clock::{Correction, HostClock, SystemClock as RealClock};
use crate::config::{
    self, Config, ConfigErrors, LogLevel, ObserveConfig, PhcChoice, RtcPolicy, SystemClock, load_file,
};
use crate::observe::client::ask;
use crate::observe::status::{ClockKind, SourceStatus, Status};
use crate::observe::why::{explain, sources};
use crate::runtime::Daemon;
use crate::runtime::control::Control;
use crate::runtime::host::{random_bits, random_identity};
use crate::runtime::rivals::rivals;
use crate::runtime::signals::{Asked, Signals};
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Local, SyncState, Timestamp};

/// How often it is seen whether the time is known.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Once the time is known for so long it is not waited for better, nor for a source that was not heard yet and may contradict.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// What the kernel slews by in a second (adjtime(3)).
const SLEWED_A_SECOND: Duration = Duration::from_micros(500);
/// When the time is up, a time that is known to within this is better than none: NTP's own limit is 1.5 s (RFC 5905 11.2.1).
const GOOD_ENOUGH: Duration = Duration::SECOND;
/// The exit code if it is further off than may be corrected.
const EXIT_TOO_FAR: u8 = 3;

/// Set the system clock once, and end.
///
/// The sources are asked as the daemon asks them (several, if there are several: a liar is found out), and the system clock is put
/// right in one step, or slewed by the kernel. The sources are the servers given here, or those of the configuration: its PTP ports, NTP
/// servers and reference clocks. It needs CAP_SYS_TIME; `--dry-run` does not, and touches nothing.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome set ntp1.example.net ntp2.example.net ntp3.example.net
  synchronome set --dry-run pool.ntp.org              how far off is this clock?
  synchronome set --config ./ptp-hardware.toml --timeout 10s

Exit codes:
  0  the clock was set, or is being slewed; with --dry-run: it was measured
  1  no source could be used in time, or it may not be set: nothing was changed
  2  wrong arguments or configuration
  3  it is off by more than clock.step.panic (1000 s): see --allow-large-step")]
pub struct Args {
    /// NTP servers; without any the sources of the configuration are used
    #[arg(value_name = "SERVER", conflicts_with = "config")]
    pub servers: Vec<String>,
    /// The configuration [default: /etc/synchronome/synchronome.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Measure, and leave the clock alone
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Let the kernel slew instead of a step: 500 us a second, which goes on after the command has ended
    #[arg(long)]
    pub slew: bool,
    /// Correct it also if it is off by more than clock.step.panic
    #[arg(long)]
    pub allow_large_step: bool,
    /// Give up after this long
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = positive_duration)]
    pub timeout: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What the sources say of the clock.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// What is to be added to the clock.
    correction: Duration,
    /// How wrong that may be.
    bound: Duration,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Nothing: it was only measured.
    Measured,
    /// One step.
    Stepped,
    /// The kernel slews.
    Slewing,
    /// Nothing: it is too far off.
    Refused,
}

impl Args {
    fn action(&self, measured: &Measured, limit: Option<Duration>) -> Action {
        let is_too_far = limit.is_some_and(|limit| measured.correction.abs() > limit);
        match (self.dry_run, self.slew) {
            (true, _) => Action::Measured,
            _ if is_too_far && !self.allow_large_step => Action::Refused,
            (_, true) => Action::Slewing,
            _ => Action::Stepped,
        }
    }

    /// Whether nobody said whom to ask, and there is no configuration in its place.
    fn is_without_a_file(&self) -> bool {
        self.servers.is_empty() && self.config.is_none() && !Path::new(DEFAULT_CONFIG).exists()
    }

    /// What the daemon shall run with, apart from where its sockets are.
    fn load(&self) -> Result<Config, ConfigErrors> {
        if !self.servers.is_empty() {
            let rows = self.servers.iter().map(|server| format!("[[ntp.source]]\naddress = {server:?}\npoll = 0\n"));
            return Ok(config::load(&rows.collect::<String>(), "the servers given")?.config);
        }
        let file = self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        Ok(load_file(file)?.config)
    }
}

/// Nobody's but the sources are left of it.
pub(super) fn observing(config: Config, directory: &Path) -> Config {
    let mut config = Config {
        ntp_server: None,
        observe: ObserveConfig {
            ptp_management: None,
            http: None,
            allowed_hosts: Vec::new(),
            log: LogLevel::Error,
            runtime_directory: directory.to_owned(),
            state_directory: directory.to_owned(),
            compat_metrics: Vec::new(),
        },
        hooks: Vec::new(),
        ..config
    };
    config.clock.system = SystemClock::Observe;
    config.clock.phc = PhcChoice::None;
    config.clock.rtc = RtcPolicy::Kernel;
    config.trace.keep_bytes = 0;
    config.threads.lock_memory = false;
    for port in &mut config.ptp {
        // Answers to a daemon that runs beside this are not ours.
        port.clock_identity = Some(random_identity(random_bits()).0);
    }
    config
}

/// Measures and sets.
pub fn run(args: &Args) -> ExitCode {
    let config = match args.load() {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            if args.is_without_a_file() {
                eprintln!(
                    "synchronome set: without a configuration give servers: `synchronome set SERVER...`, or a file: \
                     `synchronome set --config FILE`; nothing was changed"
                );
            }
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if config.ptp.is_empty() && config.ntp_sources.is_empty() && config.refclocks.is_empty() {
        eprintln!("synchronome set: the configuration names no source; give a server: synchronome set SERVER");
        return ExitCode::from(EXIT_USAGE);
    }
    match set(args, config) {
        Ok(Action::Refused) => ExitCode::from(EXIT_TOO_FAR),
        Ok(_) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("synchronome set: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn set(args: &Args, config: Config) -> Result<Action, String> {
    if !args.dry_run
        && let Ok((_, status)) = ask(&config.observe.runtime_directory.join("status.sock"))
        && status.clock.kind == ClockKind::System
    {
        return Err(format!("the daemon runs (pid {}) and steers the system clock: nothing was changed", status.pid));
    }
    // Before anything is measured: without the right to set it that would be in vain.
    let clock = if args.dry_run { None } else { Some(acquire(&config)?) };
    let limit = config.clock.step.panic;
    let measured = measure(args, config)?;
    let action = args.action(&measured, limit);
    let done = match (action, &clock) {
        (Action::Stepped, Some(clock)) => clock.correct(Correction::Step(measured.correction)),
        (Action::Slewing, Some(clock)) => clock.correct(Correction::Slew(measured.correction)),
        _ => Ok(()),
    };
    done.map_err(|error| format!("the kernel refuses to set the clock: {error:?}"))?;
    println!("{}", if args.json { json(action, &measured) } else { text(action, &measured, limit) });
    if action != Action::Measured {
        for rival in rivals().iter().filter(|rival| !rival.is_occasional()) {
            eprintln!("synchronome set: {rival} steers this clock too; `{}` stops it", rival.stop_with());
        }
    }
    Ok(action)
}

fn acquire(config: &Config) -> Result<RealClock, String> {
    RealClock::acquire(config.clock.max_frequency).map_err(|error| {
        format!("may not set the system clock (it needs CAP_SYS_TIME; {error}); --dry-run only measures: nothing was changed")
    })
}

/// Lets a daemon observe until it knows the time well, or the time is up.
fn measure(args: &Args, config: Config) -> Result<Measured, String> {
    let directory = TemporaryDirectory::new("set").map_err(|error| format!("no temporary directory: {error}"))?;
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let _log = Log::start(LogLevel::Error);
    let daemon = Daemon::start(observing(config, directory.path())).map_err(|error| error.to_string())?;
    let mut control = Control::new(daemon, signals)?;
    let until = HostClock.mono() + args.timeout;
    let mut known_since = None;
    let measured = loop {
        if control.turn(LOOK_EVERY).map_err(|error| error.to_string())? == Some(Asked::Stop) {
            break Err("ended by a signal: nothing was changed".to_owned());
        }
        let now = HostClock.mono();
        let snapshot = control.daemon().snapshot();
        let is_known = found(&snapshot, HostClock.stamping()).is_some();
        known_since = is_known.then(|| known_since.unwrap_or(now));
        if !is_known && now < until {
            continue;
        }
        let status = control.daemon().status();
        let is_settled = known_since.is_some_and(|since| now - since >= SETTLED_AFTER);
        let is_locked = snapshot.state == SyncState::Locked && has_heard_all(&status);
        if now >= until || is_locked || is_settled {
            let found = found(&snapshot, HostClock.stamping());
            break found.ok_or_else(|| unknown(&status, args.timeout));
        }
    };
    control.stop();
    measured
}

fn has_heard_all(status: &Status) -> bool {
    status.sources.iter().all(|source| source.verdict != "silent")
}

/// What the clock, which reads `local`, is off by; `None` while that is not known.
fn found(snapshot: &TimeSnapshot, local: Timestamp<Local>) -> Option<Measured> {
    let bound = snapshot.bound_after(local - snapshot.anchor_local);
    let is_known = bound.is_bounded() && bound.greatest_error() <= GOOD_ENOUGH && snapshot.last_sample.is_some();
    is_known.then(|| Measured { correction: snapshot.utc_at(local) - local.read_as(), bound: bound.greatest_error() })
}

/// Why nothing is known: the state's reason, and the first test that each source fails.
fn unknown(status: &Status, after: Duration) -> String {
    let all = sources(status);
    let is_conflict = all.iter().any(|source| source.verdict == "undecided");
    let reason = if is_conflict { "the sources contradict each other" } else { &status.reason };
    let mut text = format!("no time after {after}: {reason}; nothing was changed");
    for source in all {
        if let Some(test) = explain(status, &source).failed() {
            let SourceStatus { kind, name, .. } = &source;
            let _ = write!(text, "\n  {kind} {name}: {}: {} ({})", test.test, test.value, test.limit);
        }
    }
    text
}

fn json(action: Action, measured: &Measured) -> String {
    let object = serde_json::json!({
        "action": action,
        "offset_s": -measured.correction.as_secs_f64(),
        "bound_s": measured.bound.as_secs_f64(),
    });
    object.to_string()
}

fn text(action: Action, measured: &Measured, limit: Option<Duration>) -> String {
    let Measured { correction, bound } = *measured;
    let side = if correction.is_negative() { "ahead" } else { "behind" };
    let off =
        format!("the system clock {} {} {side}, give or take {bound}", was(action), exactly(correction.abs(), bound));
    match action {
        Action::Measured => off,
        Action::Stepped => format!("{off}; it was stepped"),
        Action::Slewing => {
            let seconds = correction.abs().as_secs_f64() / SLEWED_A_SECOND.as_secs_f64();
            format!("{off}; the kernel slews it, which takes {}", Duration::from_secs_f64(seconds.max(1.0)))
        }
        Action::Refused => {
            let limit = limit.unwrap_or(Duration::MAX);
            format!(
                "{off}: more than {limit} (clock.step.panic), so it was left alone; if that is right: synchronome set --allow-large-step"
            )
        }
    }
}

const fn was(action: Action) -> &'static str {
    match action {
        Action::Stepped => "was",
        Action::Measured | Action::Slewing | Action::Refused => "is",
    }
}

/// As many digits as the bound lets mean something.
fn exactly(offset: Duration, bound: Duration) -> String {
    let digits = (1..=9).find(|digits| bound.as_secs_f64() >= 10_f64.powi(-digits)).unwrap_or(9);
    if offset < Duration::SECOND {
        offset.to_string()
    } else {
        format!("{:.*} s", digits as usize, offset.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::BoundParts;

    fn args(line: &str) -> Args {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        Line::try_parse_from(format!("set {line}").trim().split(' ')).expect("right arguments").args
    }

    fn behind(seconds: f64) -> Measured {
        Measured { correction: Duration::from_secs_f64(seconds), bound: Duration::from_micros(300) }
    }

    const LIMIT: Option<Duration> = Some(Duration::from_secs(1_000));

    #[test]
    fn it_steps_unless_told_otherwise_and_not_too_far() {
        assert_eq!(args("a").action(&behind(-300.0), LIMIT), Action::Stepped);
        assert_eq!(args("--slew a").action(&behind(0.1), LIMIT), Action::Slewing);
        for seconds in [1_001.0, -1_001.0] {
            assert_eq!(args("a").action(&behind(seconds), LIMIT), Action::Refused);
            assert_eq!(args("--slew a").action(&behind(seconds), LIMIT), Action::Refused);
            assert_eq!(args("--allow-large-step a").action(&behind(seconds), LIMIT), Action::Stepped);
            assert_eq!(args("a").action(&behind(seconds), None), Action::Stepped);
            assert_eq!(args("-n a").action(&behind(seconds), LIMIT), Action::Measured);
        }
    }

    #[test]
    fn nothing_is_done_by_a_time_that_is_not_known_well() {
        let local = Timestamp::from_secs(1_000);
        let good = TimeSnapshot {
            anchor_local: local,
            anchor_utc: Timestamp::from_secs(1_300),
            is_bounded: true,
            last_sample: Some(Timestamp::from_secs(5)),
            parts: BoundParts { path: Duration::from_millis(2), ..BoundParts::default() },
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        };
        let measured = found(&good, local).expect("it is known");
        assert_eq!((measured.correction, measured.bound), (Duration::from_secs(300), Duration::from_millis(2)));
        assert!(found(&TimeSnapshot { is_bounded: false, ..good }, local).is_none());
        assert!(found(&TimeSnapshot { last_sample: None, ..good }, local).is_none());
        let wide = BoundParts { path: Duration::from_secs(2), ..BoundParts::default() };
        assert!(found(&TimeSnapshot { parts: wide, ..good }, local).is_none());
    }

    #[test]
    fn it_says_what_was_done_with_as_many_digits_as_are_known() {
        let said = text(Action::Stepped, &behind(300.012_345_6), LIMIT);
        assert_eq!(said, "the system clock was 300.0123 s behind, give or take 300 us; it was stepped");
        let said = text(Action::Slewing, &behind(-0.012), LIMIT);
        assert!(said.contains("is 12.0 ms ahead") && said.contains("takes 24.0 s"), "{said}");
        let said = text(Action::Refused, &behind(5_000.0), LIMIT);
        assert!(said.contains("--allow-large-step") && said.contains("1000 s"), "{said}");
    }

    #[test]
    fn a_server_is_a_source_like_any_other_and_the_clock_is_only_observed() {
        let config = observing(args("ntp1.example.net 192.0.2.7").load().expect("right"), Path::new("/nowhere"));
        assert_eq!(config.ntp_sources.len(), 2);
        assert!(config.ntp_sources.iter().all(|source| source.poll.log2_seconds() == 0));
        assert_eq!((config.clock.system, config.clock.phc), (SystemClock::Observe, PhcChoice::None));
        assert!(config.ntp_server.is_none() && config.observe.http.is_none());
    }
}
