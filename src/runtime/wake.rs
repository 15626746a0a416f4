//! How a sleeping thread is woken: an eventfd behind a [`Doorbell`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use crate::sharing::{Doorbell, Wake};
use crate::time::{Duration, Mono, Timestamp};

struct Eventfd(Arc<EventFd>);

impl Wake for Eventfd {
    fn wake(&self) {
        // Fails only when the counter is full, and then the sleeper is awake.
        let _ = self.0.write(1);
    }
}

/// The sleeper's side of a doorbell.
#[derive(Debug)]
pub struct Sleeper {
    doorbell: Doorbell,
    eventfd: Arc<EventFd>,
}

impl Sleeper {
    /// A new eventfd and its doorbell.
    ///
    /// # Errors
    /// eventfd(2)'s: too many open files.
    pub fn new() -> io::Result<Self> {
        let eventfd = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        Ok(Self { doorbell: Doorbell::new(Eventfd(Arc::clone(&eventfd))), eventfd })
    }

    /// For those who wake this thread.
    pub fn doorbell(&self) -> Doorbell {
        self.doorbell.clone()
    }

    /// Sleeps until `deadline`, until one of `fds` has something, or until the doorbell rings; not at all if
    /// `has_work` says so after the doorbell was armed. Never allocates.
    pub fn sleep(
        &self,
        fds: [BorrowedFd<'_>; 2],
        now: Timestamp<Mono>,
        deadline: Timestamp<Mono>,
        has_work: impl FnOnce() -> bool,
    ) {
        let interest = PollFlags::POLLIN | PollFlags::POLLPRI;
        let [a, b] = fds.map(|fd| PollFd::new(fd, interest));
        self.sleep_on(&mut [self.bell(), a, b], now, deadline, has_work);
    }

    /// As [`Sleeper::sleep`], with nothing but the doorbell to wait for.
    pub fn sleep_on_the_bell(&self, now: Timestamp<Mono>, deadline: Timestamp<Mono>, has_work: impl FnOnce() -> bool) {
        self.sleep_on(&mut [self.bell()], now, deadline, has_work);
    }

    fn bell(&self) -> PollFd<'_> {
        PollFd::new(self.eventfd.as_fd(), PollFlags::POLLIN)
    }

    fn sleep_on(
        &self,
        fds: &mut [PollFd<'_>],
        now: Timestamp<Mono>,
        deadline: Timestamp<Mono>,
        has_work: impl FnOnce() -> bool,
    ) {
        self.arm();
        if !has_work() {
            let timeout = TimeSpec::from_duration((deadline - now).max(Duration::ZERO).to_std());
            // An interrupted or failed wait is a short one: the caller looks at everything anyway.
            let _ = ppoll(fds, Some(timeout), None);
        }
        self.disarm();
    }

    /// For a thread that waits by other means, with this as one of its descriptors: from now on producers ring.
    pub fn arm(&self) {
        self.doorbell.going_to_sleep();
    }

    /// Awake again.
    pub fn disarm(&self) {
        self.doorbell.awake();
        // Non-blocking: an empty counter is an error that says nothing.
        let _ = self.eventfd.read();
    }
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}
