//! A thread that runs much later than it asked for: a first sign that the machine stood still.
//!
//! Where a virtual machine is paused and CLOCK_MONOTONIC runs on meanwhile (by its counter, or because the hypervisor puts it forward as after a migration), the pause looks like this
//! and like nothing else: the system clock has gone on with it, by what the hypervisor thinks. A machine that is only busy looks the same. So it proves nothing of any clock, and
//! nothing is taken back for it: the sources are asked at once, and what they say decides. Where CLOCK_MONOTONIC stands still too, nothing is late: see the other files on pauses. A suspend
//! to memory is seen as the clock's being set, for CLOCK_REALTIME goes on and CLOCK_MONOTONIC does not.

use crate::time::{Duration, Mono, Timestamp};

/// Later than this by the scheduler alone is rare on a machine that keeps time.
const LATE_MIN: Duration = Duration::SECOND;
/// How often sources are asked for this reason: a machine that is always busy asks no more than a few more times.
const EVERY: Duration = Duration::from_secs(64);

/// Looks at when a thread wakes up.
#[derive(Clone, Copy, Default, Debug)]
pub struct Heartbeat {
    told: Option<Timestamp<Mono>>,
}

impl Heartbeat {
    /// It runs `now` and wanted to by `wanted` at the latest: how late it is, if that is a sign, and none was given of late.
    pub fn beat(&mut self, now: Timestamp<Mono>, wanted: Timestamp<Mono>) -> Option<Duration> {
        let late = now - wanted;
        let is_news = self.told.is_none_or(|told| now - told >= EVERY);
        if late < LATE_MIN || !is_news {
            return None;
        }
        self.told = Some(now);
        Some(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_late_is_a_sign_and_what_a_scheduler_does_is_none() {
        let at = |ms: i64| Timestamp::from_secs(100) + Duration::from_millis(ms);
        let mut heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.beat(at(0), at(500)), None, "earlier than it had to");
        assert_eq!(heartbeat.beat(at(999), at(0)), None);
        assert_eq!(heartbeat.beat(at(3_000), at(1_000)), Some(Duration::from_secs(2)));
        assert_eq!(heartbeat.beat(at(9_000), at(4_000)), None, "and not all the time on a machine that is busy");
        assert_eq!(heartbeat.beat(at(67_000), at(66_000)), Some(Duration::SECOND));
    }
}
