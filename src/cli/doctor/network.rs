//! What is the matter with the network: a few requests to the configured servers, and PTP listened to for some seconds.
//!
//! Servers are asked by the daemon's own client, in a daemon that only observes and lives as long as this takes: what is then said of them
//! is what `why` says. PTP is only listened to.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration as Wait;

use super::checks::{Finding, NTP_ANSWER, PTP_PORT};
use super::daemon;
use super::heard::{Heard, Manner, Talker};
use crate::cli::set::observing;
use crate::cli::temporary::TemporaryDirectory;
use crate::clock::HostClock;
use crate::config::{Config, PtpConfig, PtpTransport, VmClock};
use crate::observe::Status;
use crate::observe::client::ask;
use crate::observe::status::SourceStatus;
use crate::observe::why::sources;
use crate::ptp::Role;
use crate::runtime::Daemon;
use crate::runtime::control::Control;
use crate::runtime::signals::{Asked, Signals};
use crate::time::{Duration, LogInterval};
use crate::wire::ptp::VERSION_PTP;

/// How often the daemon that asks is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// TCP ports that tell whether a host is there: also a refusal does.
const TCP_PORTS: [u16; 4] = [123, 22, 80, 443];
/// Who has not answered by then is not there.
const TCP_WAIT: Wait = Wait::from_secs(1);

/// Asks the servers and listens on the ports, both at once. `socket` is that of a daemon that may run beside.
pub fn look(config: &Config, during: Duration, socket: &Path) -> Vec<Finding> {
    std::thread::scope(|scope| {
        let ports = config.source_ports().filter(|(_, port)| is_by_multicast(port));
        let listening: Vec<_> = ports.map(|(_, port)| scope.spawn(move || listen(port, during, socket))).collect();
        let mut found = servers(config, during);
        for listening in listening {
            found.extend(listening.join().unwrap_or_default());
        }
        found
    })
}

/// Who asks his masters by unicast hears nothing unasked, and only the standard's ports are listened to.
fn is_by_multicast(port: &PtpConfig) -> bool {
    let is_asking = port.unicast_masters.iter().any(Option::is_some);
    let has_ports_of_its_own =
        port.transport != PtpTransport::Ethernet && (port.event_port, port.general_port) != (319, 320);
    !is_asking && !has_ports_of_its_own
}

fn listen(port: &PtpConfig, during: Duration, socket: &Path) -> Vec<Finding> {
    let before = delivered_to_daemon(socket, &port.interface);
    let mut heard = Heard::listen(&port.interface, during);
    if heard.delivered.is_none()
        && let (Some(before), Some(now)) = (before, delivered_to_daemon(socket, &port.interface))
    {
        heard.delivered = now.checked_sub(before);
    }
    let is_alone = heard.problem.is_none() && !heard.talkers.iter().any(Talker::is_master);
    let found = if port.role != Role::Slave && is_alone {
        vec![PTP_PORT.ok("no other master is heard: it would serve")]
    } else {
        let (transport, vlan, version) = (port.transport.word(), None, VERSION_PTP);
        heard.judge(&Manner { transport, vlan, version, domain: port.domain, sdo_id: port.sdo_id })
    };
    found.into_iter().map(|finding| finding.of(port.interface.clone())).collect()
}

/// What has come to a running daemon's port since it opened it, whatever became of it then.
fn delivered_to_daemon(socket: &Path, interface: &str) -> Option<u64> {
    let (_, status) = ask(socket).ok()?;
    let port = status.ptp.iter().find(|port| port.interface == interface && port.waiting_for.is_none())?;
    let is_of_arrival =
        |name: &str| name.starts_with("received_") || name.starts_with("malformed_") || name.ends_with("_mismatch");
    Some(port.counters.iter().filter(|(name, _)| is_of_arrival(name)).map(|(_, count)| count).sum())
}

/// Asks each configured server about once a second.
fn servers(config: &Config, during: Duration) -> Vec<Finding> {
    if config.ntp_sources.is_empty() {
        return Vec::new();
    }
    match observe(config, during) {
        Ok(status) => {
            let mut found: Vec<_> =
                sources(&status).iter().flat_map(|source| daemon::of_source(&status, source)).collect();
            found.extend(daemon::timescales(&status));
            beside_tcp(&status, &mut found);
            found
        }
        Err(problem) => vec![NTP_ANSWER.warn(problem, "The servers could not be asked.")],
    }
}

/// What a daemon that only observes says of the NTP servers after a while.
pub fn observe(config: &Config, during: Duration) -> Result<Status, String> {
    let directory = TemporaryDirectory::new("doctor").map_err(|error| format!("no temporary directory: {error}"))?;
    let mut config = observing(config.clone(), directory.path());
    (config.ptp, config.refclocks, config.clock.vmclock) = (Vec::new(), Vec::new(), VmClock::Off);
    for source in &mut config.ntp_sources {
        let second = LogInterval::new(0);
        (source.poll, source.poll_max, source.poll_longest, source.iburst) = (second, second, second, true);
    }
    let signals = Signals::block().map_err(|error| error.to_string())?;
    let daemon = Daemon::start(config).map_err(|error| error.to_string())?;
    let mut control = Control::new(daemon, signals)?;
    let until = HostClock.mono() + during;
    while HostClock.mono() < until {
        if control.turn(LOOK_EVERY).map_err(|error| error.to_string())? == Some(Asked::Stop) {
            break;
        }
    }
    let status = control.daemon().status();
    control.stop();
    Ok(status)
}

/// Adds to each server that does not answer whether its host does, by TCP.
pub fn beside_tcp(status: &Status, found: &mut [Finding]) {
    for finding in found.iter_mut().filter(|finding| finding.check == NTP_ANSWER.name) {
        let is_meant = |source: &&SourceStatus| Some(&source.name) == finding.about.as_ref();
        let Some(source) = status.sources.iter().find(is_meant) else { continue };
        if source.refusal.is_some() {
            continue;
        }
        let address = source.address.as_ref().and_then(|address| address.parse::<SocketAddr>().ok());
        let Some(address) = address else { continue };
        let reached = reached_by_tcp(address.ip());
        let count = |name| source.counters.get(name).copied().unwrap_or(0);
        let (sent, answered) = (count("requests"), count("answers"));
        finding.value = match reached {
            Some(port) => format!("sent {sent}, got {answered}; its TCP port {port} answers"),
            None => format!("sent {sent}, got {answered}; nor does TCP reach it"),
        };
        finding.message = String::from(match reached {
            Some(_) => "The host is there: UDP port 123 is blocked on the way, or no server runs.",
            None => "The host is not reached at all: it is down, or the way to it is closed.",
        });
    }
}

/// The first TCP port of a host that answers, be it by refusing.
fn reached_by_tcp(host: IpAddr) -> Option<u16> {
    let is_there = |port: u16| match TcpStream::connect_timeout(&(host, port).into(), TCP_WAIT) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    };
    std::thread::scope(|scope| {
        let asked = TCP_PORTS.map(|port| (port, scope.spawn(move || is_there(port))));
        let mut answered = asked.map(|(port, asked)| asked.join().is_ok_and(|there| there).then_some(port)).into_iter();
        answered.find_map(|port| port)
    })
}
