//! A daemon in this process, with its grandmaster, on loopback ports of its own.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use synchronome::config;
use synchronome::net::SocketOptions;
use synchronome::observe::Status;
use synchronome::ptp::GrandmasterConfig;
use synchronome::runtime::Daemon;
use synchronome::runtime::grandmaster::GrandmasterThread;
use synchronome::runtime::host::random_identity;
use synchronome::runtime::truth::{Truth, TruthReport};
use synchronome::time::LogInterval;
use synchronome::time::SyncState;
use tempfile::TempDir;

use crate::child::{PATIENCE, free_ports};

/// See the module's text. This thread is the control thread: the daemon is looked after by [`Live::turn`].
pub struct Live {
    pub daemon: Daemon,
    pub event_port: u16,
    pub general_port: u16,
    pub ntp_port: u16,
    _grandmaster: GrandmasterThread,
    _directory: TempDir,
}

impl Live {
    /// Starts both; `more` is added to the configuration.
    pub fn start(more: &str) -> Self {
        let [event_port, general_port, ntp_port] = free_ports();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().display();
        let text = format!(
            "clock.system = {{ simulated = {{ offset = '2s', frequency = '40ppm', wander = 1e-9, seed = 1 }} }}\n\
             ntp.server.listen = ['127.0.0.1:{ntp_port}']\nobserve.runtime_directory = '{path}'\n\
             observe.state_directory = '{path}'\n{more}\n[[ptp]]\ninterface = 'lo'\nevent_port = {event_port}\n\
             general_port = {general_port}\n"
        );
        let config = config::load(&text, "test").unwrap_or_else(|errors| panic!("{errors}")).config;
        let sockets = SocketOptions::new("lo", event_port, general_port);
        let identity = random_identity(u64::from(event_port) << 32 | u64::from(std::process::id()));
        let grandmaster = GrandmasterConfig {
            log_announce_interval: LogInterval::new(-2),
            log_sync_interval: LogInterval::new(-3),
            log_min_delay_req_interval: LogInterval::new(-3),
            ..GrandmasterConfig::new(identity, 1)
        };
        let grandmaster = GrandmasterThread::start(&sockets, grandmaster).expect("a grandmaster");
        let daemon = Daemon::start(config).expect("a daemon");
        Self { daemon, event_port, general_port, ntp_port, _grandmaster: grandmaster, _directory: directory }
    }

    /// What the control thread does once a round.
    pub fn turn(&mut self) {
        self.daemon.turn();
        std::thread::sleep(Duration::from_millis(5));
    }

    /// Goes round until the condition holds; whether it did in time.
    pub fn until(&mut self, mut condition: impl FnMut(&Status) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            self.turn();
            if condition(&self.daemon.status()) {
                return true;
            }
        }
        false
    }

    /// Goes round until the clock is locked and the port is a slave.
    pub fn until_locked(&mut self) {
        let is_locked = self.until(is_locked);
        assert!(is_locked, "{:#?}", self.daemon.status());
    }

    pub fn truth(&self) -> TruthReport {
        self.daemon.truth().map(Truth::report).expect("the clock is simulated")
    }

    /// A client of the NTP server.
    #[cfg_attr(
        not(feature = "count-allocations"),
        expect(dead_code, reason = "asked only while allocations are counted")
    )]
    pub fn ntp_client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        socket.connect(("127.0.0.1", self.ntp_port)).expect("a route");
        socket.set_nonblocking(true).expect("a socket");
        socket
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.daemon.stop();
    }
}

pub fn is_locked(status: &Status) -> bool {
    status.state == SyncState::Locked && status.ptp[0].port_state == "SLAVE"
}

/// The kernel's numbers of the threads of a process, by their names.
pub fn threads_of(process: impl std::fmt::Display) -> BTreeMap<String, i32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process that runs");
    let named = tasks.flatten().filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        Some((name.trim().to_owned(), task.file_name().to_str()?.parse().ok()?))
    });
    named.collect()
}

/// The names of the timing threads of a daemon with one worker and one port, which is the discipline's guest.
pub const TIMING: [&str; 2] = ["discipline", "ntp-0"];

/// The same where the port has a place of its own: a configuration that asks for one, and the names.
#[cfg(feature = "count-allocations")]
pub fn apart() -> (String, [&'static str; 3]) {
    let cpus = synchronome_kernel::sched::available_cpus().expect("a thread runs somewhere");
    (format!("threads.ptp.core = {}", cpus[0]), ["ptp-0", "discipline", "ntp-0"])
}
