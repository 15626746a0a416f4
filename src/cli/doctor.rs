//! `synchronome doctor`: what is wrong with the time on this machine, and what to do.
//!
//! Four places are looked at: the machine, the configuration if one is given, the running daemon, and the network. Whatever the daemon
//! or `check` judge already is judged by the same code here; what is new is that it is all in one place, with a remedy each.

mod checks;
mod configuration;
mod daemon;
pub(super) mod heard;
mod machine;
pub(super) mod network;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use self::checks::{DAEMON, Finding, Grade};
use self::machine::Machine;
use super::{STATUS_SOCKET, check, positive_duration, print};
use crate::clock::HostClock;
use crate::config::{Config, PtpTransport, SystemClock, load_file};
use crate::net::phc_behind;
use crate::observe::Status;
use crate::observe::client::{AskError, ask};
use crate::observe::status::{ClockKind, LACKS_STEERING, SCHEMA};
use crate::runtime::host::kernel_tai_utc;
use crate::time::Duration;

/// Find out what is wrong with the time on this machine, and say what to do.
///
/// It looks at the machine (other programs that steer clocks, the hypervisor's tools, rights, devices, the list of leap seconds), at the
/// configuration if one is given, and at what the running daemon says of itself, its ports and its sources. Where a configuration is given
/// and no daemon runs, its NTP servers are asked about once a second, hosts that do not answer are tried by TCP, and its PTP ports
/// are listened to, all for some seconds. Nothing is changed. The chapter `troubleshooting` of the manual has the table of all checks.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome doctor
  synchronome doctor /etc/synchronome/synchronome.toml
  synchronome doctor --probe FILE        also where the daemon runs: the network is asked beside it
  synchronome doctor --json | jq '.findings[] | select(.status != \"OK\")'

Exit codes:
  0  all is well
  1  something should be looked at: at least one WARN
  2  something does not work: at least one FAIL; or wrong arguments")]
pub struct Args {
    /// The configuration that is, or will be, run with
    #[arg(value_name = "CONFIG")]
    pub config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Only what is not as it should be
    #[arg(long, short)]
    pub quiet: bool,
    /// Ask the network beside a running daemon too
    #[arg(long, requires = "config")]
    pub probe: bool,
    /// Send nothing and listen to nothing
    #[arg(long, conflicts_with = "probe")]
    pub no_probe: bool,
    /// Ask and listen for so long
    #[arg(long = "for", value_name = "DURATION", default_value = "8s", value_parser = positive_duration)]
    pub duration: Duration,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
    /// Look at the machine whose /proc, /sys, /dev and /usr are below this directory
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// Looks, and says what was found.
pub fn run(args: &Args) -> ExitCode {
    let loaded = args.config.as_deref().map(load_file);
    let config = loaded.as_ref().and_then(|loaded| loaded.as_ref().ok()).map(|loaded| &loaded.config);
    let socket = socket_of(args, config);
    let (about_daemon, status) = daemon_of(args, &socket);
    let asks_network = args.probe || status.is_none() && !args.no_probe;
    let on_the_network = config.filter(|_| asks_network).map(|config| network::look(config, args.duration, &socket));
    // Seconds have passed, and the daemon may have seen more.
    let status = status.and_then(|before| ask(&socket).map_or(Some(before), |(_, now)| Some(now)));
    let default = Config::default();
    let mut found = machine_of(args, config, &default.clock.leap_file, status.as_ref()).findings();
    if let Some(loaded) = &loaded {
        let loaded = loaded.as_ref().map(|loaded| &loaded.config);
        found.extend(configuration::findings(loaded, &check::Machine::read()));
    }
    found.push(about_daemon);
    if let Some(status) = &status {
        found.extend(daemon::findings(status, &phc_behind));
        if !args.no_probe {
            network::beside_tcp(status, &mut found);
        }
    }
    found.extend(on_the_network.into_iter().flatten());
    print(&if args.json { json(&found) } else { text(&found, args.quiet) });
    match worst(&found) {
        Grade::Ok => ExitCode::SUCCESS,
        Grade::Warn => ExitCode::from(1),
        Grade::Fail => ExitCode::from(2),
    }
}

fn machine_of<'a>(
    args: &'a Args,
    config: Option<&'a Config>,
    leap_file: &'a Path,
    status: Option<&Status>,
) -> Machine<'a> {
    let is_this = args.root == Path::new("/");
    let by_config = config.map(|config| config.clock.system == SystemClock::Discipline);
    let by_daemon = status.map(is_to_steer);
    Machine {
        root: &args.root,
        daemon: status.map(|status| status.pid),
        config,
        has_given_up: status.is_some_and(|status| status.security.is_some()),
        is_steered: by_config.filter(|is| *is).or(by_daemon).or(by_config),
        ports: config.map(udp_ports),
        leap_file: config.map_or(leap_file, |config| &config.clock.leap_file),
        kernel_tai_utc: if is_this { kernel_tai_utc() } else { None },
        now: HostClock.stamping().read_as(),
    }
}

/// Whether a daemon was told to steer the system clock: one that may not observes it.
fn is_to_steer(status: &Status) -> bool {
    status.clock.kind == ClockKind::System || status.lacks.iter().any(|lack| lack.starts_with(LACKS_STEERING))
}

/// The UDP ports that the daemon opens.
fn udp_ports(config: &Config) -> Vec<u16> {
    let listens = config.ntp_server.iter().flat_map(|server| {
        let addresses = server.listen.iter().map(std::net::SocketAddr::port);
        addresses.chain(server.interfaces.iter().map(|interface| interface.port))
    });
    let by_udp = config.ptp.iter().filter(|port| port.transport != PtpTransport::Ethernet);
    let mut ports: Vec<_> = listens.chain(by_udp.flat_map(|port| [port.event_port, port.general_port])).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Where the daemon is asked: where it is said to be, or where the configuration has it.
fn socket_of(args: &Args, config: Option<&Config>) -> PathBuf {
    let configured =
        config.filter(|_| is_default(args)).map(|config| config.observe.runtime_directory.join("status.sock"));
    configured.unwrap_or_else(|| args.socket.clone())
}

fn is_default(args: &Args) -> bool {
    args.socket == Path::new(STATUS_SOCKET)
}

/// Whether the daemon answers, and what it says.
fn daemon_of(args: &Args, socket: &Path) -> (Finding, Option<Status>) {
    match ask(socket) {
        Ok((_, status)) => (DAEMON.ok(format!("version {}, pid {}", status.version, status.pid)), Some(status)),
        Err(AskError::NotRunning(_)) if !socket.exists() && is_default(args) => (DAEMON.ok("it does not run"), None),
        Err(error) => {
            let said = error.to_string();
            let (value, remedy) = said.split_once('\n').unwrap_or((&said, DAEMON.remedy));
            (DAEMON.fail(value, "Nobody can say what the daemon does.").remedy(remedy), None)
        }
    }
}

fn worst(found: &[Finding]) -> Grade {
    found.iter().map(|finding| finding.status).max().unwrap_or(Grade::Ok)
}

fn json(found: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Json<'a> {
        schema: u32,
        status: Grade,
        findings: &'a [Finding],
    }
    serde_json::to_string(&Json { schema: SCHEMA, status: worst(found), findings: found }).expect("plain data") + "\n"
}

/// A line for each, and beneath it what to do; the last line counts them.
fn text(found: &[Finding], quiet: bool) -> String {
    let mut text = String::new();
    let width = found.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    for finding in found {
        let Finding { check, status, about, value, limit, message, remedy } = finding;
        let about = about.as_ref().map_or(String::new(), |about| format!("{about}: "));
        // Writing to a String cannot fail.
        if *status == Grade::Ok {
            if !quiet {
                let _ = writeln!(text, "{} {check:<width$}  {about}{value}", status.mark());
            }
            continue;
        }
        let _ = writeln!(text, "{} {check:<width$}  {about}{value}; must be: {limit}", status.mark());
        let _ = writeln!(text, "       {:<width$}  {message}", "");
        if !remedy.is_empty() {
            let _ = writeln!(text, "       {:<width$}  -> {remedy}", "");
        }
    }
    let count = |grade: Grade| found.iter().filter(|finding| finding.status == grade).count();
    let (ok, warn, fail) = (count(Grade::Ok), count(Grade::Warn), count(Grade::Fail));
    let _ = writeln!(text, "{} findings: {ok} OK, {warn} WARN, {fail} FAIL", found.len());
    text
}
