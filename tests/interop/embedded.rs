//! Our own master half, run by the test in a namespace, and a client of our NTP server.

use std::net::UdpSocket;
use std::time::{Duration as Timeout, Instant};

use synchronome::net::SocketOptions;
use synchronome::ptp::GrandmasterConfig;
use synchronome::runtime::grandmaster::GrandmasterThread;
use synchronome::runtime::host::random_identity;
use synchronome::time::LogInterval;
use synchronome::wire::ntp::{Header, parse};
use synchronome::wire::ptp::{ClockAccuracy, ClockQuality};

use super::daemon::PATIENCE;
use super::lab::Space;

/// A grandmaster that runs until it is dropped.
#[derive(Debug)]
pub struct Embedded {
    /// Its clockIdentity, as the status writes it.
    pub identity: String,
    _thread: GrandmasterThread,
}

/// Announce four times a second, Sync eight times, and right by its own word: class 13, within 25 ns.
pub fn config(number: u64) -> GrandmasterConfig {
    let defaults = GrandmasterConfig::new(random_identity(number), number);
    GrandmasterConfig {
        quality: ClockQuality { clock_class: 13, clock_accuracy: ClockAccuracy(0x20), ..defaults.quality },
        log_announce_interval: LogInterval::new(-2),
        log_sync_interval: LogInterval::new(-3),
        log_min_delay_req_interval: LogInterval::new(-3),
        ..defaults
    }
}

impl Embedded {
    /// Starts it on an interface, on the standard ports.
    pub fn start(space: &Space, interface: &str, config: GrandmasterConfig) -> Self {
        let peer_delay = config.peer_delay.is_some();
        let sockets = SocketOptions { peer_delay, ..SocketOptions::new(interface, 319, 320) };
        let thread = space.inside(|| GrandmasterThread::start(&sockets, config));
        let thread = thread.unwrap_or_else(|problem| panic!("the embedded grandmaster: {problem}"));
        Self { identity: config.identity.to_string(), _thread: thread }
    }
}

/// Asks an NTP server for an answer to a request of this version and mode, which are 3 bits each.
pub fn ask_ntp(space: &Space, server: &str, version: u8, mode: u8) -> Header {
    let socket = space.inside(|| UdpSocket::bind(("0.0.0.0", 0)).expect("a socket"));
    socket.connect((server, 123)).expect("a route");
    socket.set_read_timeout(Some(Timeout::from_secs(1))).expect("a timeout");
    let mut request = [0; 48];
    request[0] = version << 3 | mode;
    request[40..].copy_from_slice(&0x1234_5678_9abc_def0_u64.to_be_bytes());
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        socket.send(&request).expect("the cable is there");
        let mut answer = [0; 512];
        if let Ok(length) = socket.recv(&mut answer) {
            return parse(&answer[..length]).expect("an NTP packet").header;
        }
    }
    panic!("{server} does not answer a request of version {version}, mode {mode}");
}
