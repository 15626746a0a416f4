//! What the threads that measure sources tell the discipline, and the ways between them.
//!
//! Those who ask NTP servers and those who read reference clocks say the same: a measurement, what the source says of itself, how
//! often it is measured. Their stamps are of the system clock, and say after how many steps of it they were taken: of a
//! measurement across one nothing is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::events::Event;
use super::wake::Sleeper;
use crate::clock::Disruption;
use crate::discipline::Reference;
use crate::ntp::client::Demand;
use crate::sharing::{Doorbell, Latch, Pulse, RingReader, RingWriter};
use crate::time::{ClockEpoch, ClockId, LogInterval, Observation, SourceId, Stamp};

/// Messages to the discipline that fit into a ring.
pub const MEASURED_RING: usize = 256;

/// What a thread that measures tells the discipline.
#[derive(Clone, Copy, Debug)]
pub enum SourceMessage {
    /// A measurement; its stamps have the number of steps as their epoch.
    Observation(Observation),
    /// What a source says of itself; `None`: it is gone.
    Reference(SourceId, Option<Reference>),
    /// How often it is measured.
    Interval(SourceId, LogInterval),
    /// A clock of the hypervisor's shows that this machine stood still, was moved or restored.
    Disrupted(Disruption),
}

/// The discipline's ends.
#[derive(Debug)]
pub struct SourceInlet {
    /// What is told.
    pub messages: RingReader<SourceMessage>,
    /// How often the system clock was stepped or set.
    pub steps: Arc<AtomicU32>,
    /// How often all that was known of the system clock became void.
    pub losses: Arc<AtomicU32>,
    /// A bit for each NTP server that is found to be a falseticker.
    pub falsetickers: Arc<AtomicU64>,
    /// How much is to be asked of NTP servers: the place of a [`Demand`] among all.
    pub demand: Arc<AtomicU8>,
    /// Wakes who measures.
    pub doorbell: Doorbell,
}

impl SourceInlet {
    /// The system clock was stepped or set: what is under way is of no use.
    pub fn stepped(&self) {
        self.steps.fetch_add(1, Ordering::AcqRel);
    }

    /// Nothing is known of the system clock any more, or there is a sign of that: somebody else has set it, or the machine stood still.
    pub fn lost(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
        // Else it would hear of it only when it goes round for another reason, a second later at the latest.
        self.doorbell.ring();
    }

    /// So much is to be asked of NTP servers. More than before is asked at once.
    pub fn demand(&self, demand: Demand) {
        let before = self.demand.swap(demand as u8, Ordering::AcqRel);
        if before != demand as u8 && demand == Demand::Full {
            self.doorbell.ring();
        }
    }

    /// Whether a measurement is of after the last step.
    pub fn is_of_now(&self, observation: &Observation) -> bool {
        let steps = ClockEpoch(self.steps.load(Ordering::Acquire));
        let is_ours = |stamp: &&Stamp| stamp.clock == ClockId::System;
        [&observation.sent, &observation.received].into_iter().filter(is_ours).all(|stamp| stamp.epoch == steps)
    }
}

/// The measuring thread's ends of everything that it shares.
#[derive(Debug)]
pub struct SourceLinks {
    /// To the discipline.
    pub to_discipline: RingWriter<SourceMessage>,
    /// To the control thread.
    pub events: RingWriter<Event>,
    /// How often the system clock was stepped or set.
    pub steps: Arc<AtomicU32>,
    /// How often all that was known of the system clock became void.
    pub losses: Arc<AtomicU32>,
    /// A bit for each NTP server that is found to be a falseticker.
    pub falsetickers: Arc<AtomicU64>,
    /// How much is to be asked of NTP servers: the place of a [`Demand`] among all.
    pub demand: Arc<AtomicU8>,
    /// A sign of life.
    pub pulse: Pulse,
    /// Asks it to end.
    pub stop: Latch,
    /// What wakes it.
    pub sleeper: Sleeper,
}

impl SourceLinks {
    /// How often the system clock was stepped or set, as the epoch of a stamp.
    pub fn steps(&self) -> ClockEpoch {
        ClockEpoch(self.steps.load(Ordering::Acquire))
    }

    /// How often all that was known of the system clock became void.
    pub fn losses(&self) -> u32 {
        self.losses.load(Ordering::Acquire)
    }

    /// How much is to be asked of NTP servers.
    pub fn demand(&self) -> Demand {
        Demand::ALL.get(usize::from(self.demand.load(Ordering::Acquire))).copied().unwrap_or_default()
    }

    /// Tells the discipline.
    pub fn tell(&mut self, message: SourceMessage) {
        self.to_discipline.push(message);
    }
}
