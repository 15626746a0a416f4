//! The control thread's loop: signals, questions, events.

use std::io;
use std::path::{Path, PathBuf};

use super::Daemon;
use super::signals::{Asked, Signals};
use crate::clock::HostClock;
use crate::time::Duration;

/// The daemon with everything that its control thread waits for.
#[derive(Debug)]
pub struct Control {
    daemon: Daemon,
    signals: Signals,
    socket: PathBuf,
}

/// The daemon is looked after at least this often.
const TURN_MAX: Duration = Duration::from_millis(500);

impl Control {
    /// Opens the status socket and HTTP.
    pub fn new(daemon: Daemon, signals: Signals) -> io::Result<Self> {
        let socket = daemon.config().observe.runtime_directory.join("status.sock");
        Ok(Self { daemon, signals, socket })
    }

    /// The status socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Waits at most `timeout` for something to do, and does it; returns what a signal asks for.
    pub fn turn(&mut self, timeout: Duration) -> io::Result<Option<Asked>> {
        use std::os::fd::AsFd;
        let now = HostClock.mono();
        let fd = self.signals.as_fd();
        self.daemon.sleeper().sleep([fd, fd], now, now + timeout.min(TURN_MAX), || false);
        self.daemon.turn();
        Ok(self.signals.take())
    }

    /// Ends all threads.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }
}
