//! The grandmaster of the demo and of tests: the master half on a thread of its own.

use std::thread::JoinHandle;

use super::daemon::events_to_nobody;
use super::port::{OwnThread, PortLinks, PortLoop, spawn_port};
use super::wake::Sleeper;
use crate::clock::HostClock;
use crate::config::ThreadConfig;
use crate::net::{PtpSockets, SocketOptions};
use crate::ptp::{Grandmaster, GrandmasterConfig};
use crate::sharing::{Counters, Doorbell, Flag, Latch, Pulse};

/// A running grandmaster; ends when it is dropped.
#[derive(Debug)]
pub struct GrandmasterThread {
    thread: Option<JoinHandle<()>>,
    stop: Latch,
    doorbell: Doorbell,
}

impl GrandmasterThread {
    /// Opens the sockets and starts.
    ///
    /// # Errors
    /// What failed and what to do, in a sentence.
    pub fn start(options: &SocketOptions, config: GrandmasterConfig) -> Result<Self, String> {
        let sockets = PtpSockets::open(options).map_err(|error| error.to_string())?;
        let system = |error: std::io::Error| error.to_string();
        let sleeper = Sleeper::new().map_err(system)?;
        let doorbell = sleeper.doorbell();
        let stop = Latch::default();
        // Nobody listens to its events: the ring fills up and drops them.
        let (events, _) = events_to_nobody().map_err(system)?;
        let links = PortLinks {
            port: 0,
            to_discipline: None,
            forwards: None,
            from_discipline: None,
            served: None,
            management: None,
            events,
            counters: Counters::default(),
            link: Flag::new(true),
        };
        let port = PortLoop::new(Grandmaster::new(config), sockets, links);
        let own = OwnThread { pulse: Pulse::new(HostClock.mono()), stop: stop.clone(), sleeper };
        let thread = spawn_port("grandmaster", ThreadConfig::default(), port, own).map_err(system)?;
        Ok(Self { thread: Some(thread), stop, doorbell })
    }
}

impl Drop for GrandmasterThread {
    fn drop(&mut self) {
        self.stop.set();
        self.doorbell.ring();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has printed itself already.
            let _ = thread.join();
        }
    }
}
