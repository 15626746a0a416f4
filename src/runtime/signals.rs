//! Signals, as something to wait for.
//!
//! They are blocked in the main thread before any other starts, so that no system call of a timing thread is ever
//! interrupted, and read from a signalfd(2) by the control thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals of the daemon.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those that it starts.
    ///
    /// # Errors
    /// signalfd(2)'s: too many open files.
    pub fn block() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// What was asked for since this was called last; of several things the end. Leaves nothing pending: whoever waits
    /// for the next signal by its edge would wait in vain otherwise.
    pub fn take(&self) -> Option<Asked> {
        let mut asked = None;
        while let Ok(Some(info)) = self.0.read_signal() {
            let is_reload = info.ssi_signo == Signal::SIGHUP as u32 && asked != Some(Asked::Stop);
            asked = Some(if is_reload { Asked::Reload } else { Asked::Stop });
        }
        asked
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
