//! That somebody sets CLOCK_REALTIME, at the moment when it is done.
//!
//! The distance of CLOCK_REALTIME to CLOCK_MONOTONIC says whether the clock was set, and by how much ([`JumpDetector`](super::JumpDetector)); but only to who
//! looks. A timer on CLOCK_REALTIME that is cancelled when the clock is set (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`, Linux 3.0) wakes who sleeps. It does not
//! say who set the clock: our own steps, leap seconds that the kernel makes and a resume from suspend cancel it too. So it is a reason to look, and no
//! more; where there is no such timer, the next look finds out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// When the timer would go off: in the year 2242, less than the 2^63 ns at which the kernel's time ends.
const NEVER_S: i64 = 1 << 33;

/// Readable after CLOCK_REALTIME was set, until [`SetAlarm::take`].
#[derive(Debug)]
pub struct SetAlarm(TimerFd);

impl SetAlarm {
    /// Tells of what happens from now on.
    ///
    /// # Errors
    /// timerfd_create(2)'s and timerfd_settime(2)'s: no more descriptors, a sandbox without them.
    pub fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        timer.set(Expiration::OneShot(TimeSpec::new(NEVER_S, 0)), flags)?;
        Ok(Self(timer))
    }

    /// Whether the clock was set since the last call. It goes on waiting by itself.
    pub fn take(&self) -> bool {
        // ECANCELED: it was set. The number of times that the timer went off: a clock beyond 2242, which was not set by the hand.
        !matches!(nix::unistd::read(&self.0, &mut [0; 8]), Err(Errno::EAGAIN | Errno::EINTR))
    }
}

impl AsFd for SetAlarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_nobody_sets_the_clock_it_says_nothing() {
        // Nothing here sets the machine's clock: what it says when somebody does is shown in the lab (foreign-step).
        let alarm = SetAlarm::new().expect("Linux 3.0");
        assert!(!alarm.take());
        let fdinfo =
            std::fs::read_to_string(format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&alarm.as_fd())));
        let fdinfo = fdinfo.expect("proc(5)");
        // 03: absolute, and cancelled when the clock is set.
        assert!(fdinfo.contains("settime flags: 03") && fdinfo.contains("clockid: 0"), "{fdinfo}");
    }
}
