//! A sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::{Duration, Mono, Timestamp};

/// When a thread last went round its loop; the watchdog on the control thread reads it.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<AtomicI64>);

impl Pulse {
    /// Alive at `now`.
    pub fn new(now: Timestamp<Mono>) -> Self {
        let pulse = Self(Arc::new(AtomicI64::new(0)));
        pulse.beat(now);
        pulse
    }

    /// Alive at `now`; called once per round of the thread's loop.
    pub fn beat(&self, now: Timestamp<Mono>) {
        self.0.store((now - Timestamp::EPOCH).as_nanos(), Ordering::Relaxed);
    }

    /// How long ago the last beat was; never negative.
    pub fn age(&self, now: Timestamp<Mono>) -> Duration {
        let last = Timestamp::EPOCH + Duration::from_nanos(self.0.load(Ordering::Relaxed));
        (now - last).max(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_thread_grows_old() {
        let pulse = Pulse::new(Timestamp::from_secs(1));
        pulse.clone().beat(Timestamp::from_secs(2));
        assert_eq!(pulse.age(Timestamp::from_secs(5)), Duration::from_secs(3));
        assert_eq!(pulse.age(Timestamp::from_secs(1)), Duration::ZERO);
    }
}
