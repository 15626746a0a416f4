//! How late a machine is: threads that wake up late, and commands that act at another instant than is thought.

use crate::engine::Random;
use crate::time::{Duration, Mono, Timestamp};

/// The mean of an exponential time, of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lateness {
    /// From when a thread asked to be woken until it runs.
    pub wake: Duration,
    /// Between when a command acts and when who gave it thinks that it did: where a slew ended is known to within that.
    pub command: Duration,
}

/// How late a thread is, each time.
#[derive(Clone, Debug)]
pub(super) struct Waking {
    mean: Duration,
    random: Random,
    /// What was asked for last.
    asked: Option<Timestamp<Mono>>,
}

impl Waking {
    pub fn new(mean: Duration, random: Random) -> Self {
        Self { mean, random, asked: None }
    }

    /// When a thread wakes up that asked for `at`; `None` if it has asked for that before.
    pub fn wakes(&mut self, at: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        if self.asked == Some(at) {
            return None;
        }
        self.asked = Some(at);
        Some(at + self.mean.scaled(self.random.exponential()))
    }

    /// It is awake.
    pub fn woke(&mut self) {
        self.asked = None;
    }
}
