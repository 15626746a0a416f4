//! How a sleeping thread is woken: an eventfd behind a [`Doorbell`], and for who wants to know it the setting of the clock.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use crate::clock::SetAlarm;
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::sharing::{Doorbell, Wake};
use crate::time::{Duration, Mono, Timestamp};

struct Eventfd(Arc<EventFd>);

impl Wake for Eventfd {
    fn wake(&self) {
        // Fails only when the counter is full, and then the sleeper is awake.
        let _ = self.0.write(1);
    }
}

/// What a descriptor has after a sleep.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ready {
    /// Something can be read.
    pub readable: bool,
    /// The error queue holds something, or the socket as a whole has an error.
    pub failed: bool,
}

impl Ready {
    fn of(found: PollFlags) -> Self {
        Self {
            readable: found.contains(PollFlags::POLLIN),
            failed: found.intersects(PollFlags::POLLERR | PollFlags::POLLPRI | PollFlags::POLLHUP),
        }
    }

    /// Whether there is anything.
    pub fn any(self) -> bool {
        self.readable || self.failed
    }
}

/// The sleeper's side of a doorbell.
#[derive(Debug)]
pub struct Sleeper {
    doorbell: Doorbell,
    eventfd: Arc<EventFd>,
    alarm: Option<SetAlarm>,
    was_set: Cell<bool>,
}

impl Sleeper {
    /// A new eventfd and its doorbell.
    ///
    /// # Errors
    /// eventfd(2)'s: too many open files.
    pub fn new() -> io::Result<Self> {
        let eventfd = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let doorbell = Doorbell::new(Eventfd(Arc::clone(&eventfd)));
        Ok(Self { doorbell, eventfd, alarm: None, was_set: Cell::new(false) })
    }

    /// From now on it also wakes when somebody sets CLOCK_REALTIME.
    pub fn heed(&mut self, alarm: SetAlarm) {
        self.alarm = Some(alarm);
    }

    /// Whether CLOCK_REALTIME was set, by whomever, during the sleeps since the last call; `false` without an alarm.
    pub fn take_set(&self) -> bool {
        self.was_set.take()
    }

    /// For those who wake this thread.
    pub fn doorbell(&self) -> Doorbell {
        self.doorbell.clone()
    }

    /// Sleeps until `deadline`, until one of the two descriptors has something, or until the doorbell rings; not at all
    /// if `has_work` says so after the doorbell was armed. Never allocates.
    ///
    /// Says of each descriptor what there is. One that is left out is not looked at, also not for errors, which poll(2)
    /// reports unasked: whoever has no use for them now is not woken by them.
    pub fn sleep(
        &self,
        first: BorrowedFd<'_>,
        second: Option<BorrowedFd<'_>>,
        now: Timestamp<Mono>,
        deadline: Timestamp<Mono>,
        has_work: impl FnOnce() -> bool,
    ) -> [Ready; 2] {
        let interest = PollFlags::POLLIN | PollFlags::POLLPRI;
        let second_fd = PollFd::new(second.unwrap_or(first), interest);
        let mut fds = [self.bell(), PollFd::new(first, interest), second_fd, self.bell()];
        let count = if second.is_some() { 3 } else { 2 };
        self.sleep_on(&mut fds, count, now, deadline, has_work);
        let ready = |fd: &PollFd<'_>| fd.revents().map_or(Ready::default(), Ready::of);
        [ready(&fds[1]), if second.is_some() { ready(&fds[2]) } else { Ready::default() }]
    }

    /// As [`Sleeper::sleep`], with nothing but the doorbell to wait for.
    pub fn sleep_on_the_bell(&self, now: Timestamp<Mono>, deadline: Timestamp<Mono>, has_work: impl FnOnce() -> bool) {
        self.sleep_on(&mut [self.bell(), self.bell()], 1, now, deadline, has_work);
    }

    /// Sleeps until then, whatever rings or comes: for a moment only.
    pub fn nap(now: Timestamp<Mono>, until: Timestamp<Mono>) {
        // An interrupted nap is a short one.
        _ = ppoll(&mut [], Some(timeout(now, until)), None);
    }

    /// As [`Sleeper::sleep`], with as many descriptors as there may be NTP servers; who has something is seen by looking.
    pub fn sleep_on_many<'f, F: AsFd + 'f>(
        &self,
        sockets: impl Iterator<Item = &'f F>,
        now: Timestamp<Mono>,
        deadline: Timestamp<Mono>,
        has_work: impl FnOnce() -> bool,
    ) {
        let mut fds: [PollFd<'_>; HELM_SOURCES_MAX + 2] = std::array::from_fn(|_| self.bell());
        let mut count = 1;
        for (place, socket) in fds[1..=HELM_SOURCES_MAX].iter_mut().zip(sockets) {
            *place = PollFd::new(socket.as_fd(), PollFlags::POLLIN | PollFlags::POLLPRI);
            count += 1;
        }
        self.sleep_on(&mut fds, count, now, deadline, has_work);
    }

    fn bell(&self) -> PollFd<'_> {
        PollFd::new(self.eventfd.as_fd(), PollFlags::POLLIN)
    }

    /// The first `count` are waited for, of which the very first is the bell; behind them is room for the alarm.
    fn sleep_on<'f>(
        &'f self,
        fds: &mut [PollFd<'f>],
        count: usize,
        now: Timestamp<Mono>,
        deadline: Timestamp<Mono>,
        has_work: impl FnOnce() -> bool,
    ) {
        let all = count + usize::from(self.alarm.is_some());
        if let Some(alarm) = &self.alarm {
            fds[count] = PollFd::new(alarm.as_fd(), PollFlags::POLLIN);
        }
        let fds = &mut fds[..all];
        self.arm();
        let mut is_rung = false;
        if !has_work() {
            // An interrupted or failed wait is a short one, in which nothing was found ready.
            let is_ok = ppoll(fds, Some(timeout(now, deadline)), None).is_ok();
            is_rung = is_ok && fds[0].any() != Some(false);
            if let Some(alarm) = self.alarm.as_ref().filter(|_| is_ok && fds[count].any() != Some(false)) {
                self.was_set.set(self.was_set.get() | alarm.take());
            }
        }
        self.doorbell.awake();
        // Packets and deadlines wake us far more often than the bell: only when that rang is there anything to read. A
        // ring that comes too late to be seen here ends the next sleep at once.
        if is_rung {
            let _ = self.eventfd.read();
        }
    }

    /// For a thread that waits by other means, with this as one of its descriptors: from now on producers ring.
    pub fn arm(&self) {
        self.doorbell.going_to_sleep();
    }

    /// Awake again; `is_rung` if the descriptor was found ready.
    pub fn disarm(&self, is_rung: bool) {
        self.doorbell.awake();
        if is_rung {
            let _ = self.eventfd.read();
        }
    }
}

fn timeout(now: Timestamp<Mono>, until: Timestamp<Mono>) -> TimeSpec {
    TimeSpec::from_duration((until - now).max(Duration::ZERO).to_std())
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HostClock;

    /// How long it slept, of a second.
    fn slept(sleeper: &Sleeper) -> Duration {
        let before = HostClock.mono();
        sleeper.sleep_on_the_bell(before, before + Duration::SECOND, || false);
        HostClock.mono() - before
    }

    #[test]
    fn a_ring_ends_one_sleep_and_not_the_next() {
        let sleeper = Sleeper::new().unwrap();
        let doorbell = sleeper.doorbell();
        let ringing = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            doorbell.ring();
        });
        assert!(slept(&sleeper) < Duration::SECOND);
        ringing.join().unwrap();
        assert!(slept(&sleeper) >= Duration::SECOND);
    }

    #[test]
    fn a_sleeper_is_told_which_descriptor_has_something_and_is_not_woken_by_one_left_out() {
        let (quiet, loud) = (std::net::UdpSocket::bind("127.0.0.1:0"), std::net::UdpSocket::bind("127.0.0.1:0"));
        let (quiet, loud) = (quiet.unwrap(), loud.unwrap());
        loud.send_to(b"x", loud.local_addr().unwrap()).unwrap();
        let sleeper = Sleeper::new().unwrap();
        let sleep = |second| {
            let now = HostClock.mono();
            let ready = sleeper.sleep(quiet.as_fd(), second, now, now + Duration::from_millis(300), || false);
            (ready.map(|ready| ready.readable), HostClock.mono() - now < Duration::from_millis(300))
        };
        assert_eq!(sleep(Some(loud.as_fd())), ([false, true], true));
        assert_eq!(sleep(None), ([false, false], false));
    }

    #[test]
    fn a_ring_between_arming_and_sleeping_is_not_lost_and_not_kept_for_ever() {
        let sleeper = Sleeper::new().unwrap();
        let doorbell = sleeper.doorbell();
        let now = HostClock.mono();
        // There is work: no sleep. The bell rings meanwhile.
        sleeper.sleep_on_the_bell(now, now + Duration::SECOND, || {
            doorbell.ring();
            true
        });
        assert!(slept(&sleeper) < Duration::SECOND, "what rang too late to be seen ends the next sleep");
        assert!(slept(&sleeper) >= Duration::SECOND, "and only that");
    }
}
