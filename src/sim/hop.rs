//! A switch on the way: a queue with other traffic in it, and perhaps a transparent clock.
//!
//! The other traffic is packets that come at random and take an exponential time each, so what a message waits is what
//! the queue holds just then (M/M/1): nothing for a share of `1 - load` of them, else exponential with mean
//! `packet / (1 - load)`. Two messages close together find nearly the same queue, so its content is carried on packet by
//! packet over short gaps; over long ones it has forgotten, and is drawn anew.

use super::link::Passage;
use crate::engine::Random;
use crate::time::{Duration, Mono, Timestamp};

/// A queue has forgotten what it held after so many relaxation times.
const MEMORY: f64 = 8.0;
/// The greatest load: beyond, a queue has no mean.
pub const LOAD_MAX: f64 = 0.95;

/// A transparent clock: it adds what it took to forward a message to the message's correctionField (IEEE 1588-2019 10.2).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TransparentModel {
    /// What it says is off by up to this, to either side.
    pub error: Duration,
}

/// A switch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HopModel {
    /// The share of the time for which the way out is busy with other traffic, 0 to [`LOAD_MAX`].
    pub load: f64,
    /// The mean time that one packet of it takes: 12 us for 1500 octets at 1 Gbit/s.
    pub packet: Duration,
    /// What forwarding takes without any queue.
    pub residence: Duration,
    /// Whether it is a transparent clock.
    pub transparent: Option<TransparentModel>,
}

impl HopModel {
    /// Not there at all.
    pub const WIRE: Self = Self { load: 0.0, packet: Duration::ZERO, residence: Duration::ZERO, transparent: None };
}

/// A switch on the way in one direction.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    random: Random,
    /// What the queue held, and when.
    backlog: Duration,
    at: Timestamp<Mono>,
}

impl Hop {
    pub fn new(random: Random) -> Self {
        Self { random, backlog: Duration::ZERO, at: Timestamp::EPOCH }
    }

    /// A message that arrives here leaves later, and with a correction if the switch makes one.
    pub fn pass(&mut self, model: &HopModel, passage: &mut Passage) {
        let waits = self.backlog_at(model, passage.arrival);
        let takes = model.residence + waits;
        passage.arrival = passage.arrival + takes;
        if let Some(TransparentModel { error }) = model.transparent {
            passage.correction += takes + error.scaled(2.0 * self.random.unit() - 1.0);
        }
    }

    fn backlog_at(&mut self, model: &HopModel, now: Timestamp<Mono>) -> Duration {
        if model.load <= 0.0 {
            return Duration::ZERO;
        }
        let packet_s = model.packet.as_secs_f64();
        let root = 1.0 - model.load.sqrt();
        let forgets_s = MEMORY * packet_s / (root * root);
        // A message that was overtaken before it came here: the queue is taken as it was found last.
        let gap = (now - self.at).max(Duration::ZERO);
        if gap.as_secs_f64() >= forgets_s {
            let is_idle = self.random.unit() >= model.load;
            let mean = model.packet.scaled(1.0 / (1.0 - model.load));
            self.backlog = if is_idle { Duration::ZERO } else { mean.scaled(self.random.exponential()) };
        } else {
            let apart = model.packet.scaled(1.0 / model.load);
            let mut left = gap;
            loop {
                let next = apart.scaled(self.random.exponential());
                if next >= left {
                    break;
                }
                left -= next;
                self.backlog = (self.backlog - next).max(Duration::ZERO);
                self.backlog += model.packet.scaled(self.random.exponential());
            }
            self.backlog = (self.backlog - left).max(Duration::ZERO);
        }
        self.at = self.at.max(now);
        self.backlog
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: HopModel =
        HopModel { load: 0.6, packet: Duration::from_micros(12), residence: Duration::ZERO, transparent: None };

    fn waits(apart: Duration, count: i64) -> Vec<f64> {
        let mut hop = Hop::new(Random::seeded(4));
        let wait = |index: i64| {
            let mut passage =
                Passage { arrival: Timestamp::EPOCH + apart.times(1 + index), correction: Duration::ZERO };
            let came = passage.arrival;
            hop.pass(&MODEL, &mut passage);
            (passage.arrival - came).as_secs_f64()
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn it_is_idle_as_often_and_as_long_as_theory_says_whether_carried_on_or_drawn_anew() {
        // M/M/1: idle for 1 - load, the mean wait is load / (1 - load) * packet.
        for (apart, count) in [(Duration::SECOND, 40_000), (Duration::from_micros(400), 120_000)] {
            let waits = waits(apart, count);
            let idle = waits.iter().filter(|wait| **wait == 0.0).count() as f64 / waits.len() as f64;
            let mean = waits.iter().sum::<f64>() / waits.len() as f64;
            assert!((idle - 0.4).abs() < 0.02, "{idle} idle at {apart}");
            assert!((mean * 1e6 - 18.0).abs() < 1.0, "{mean} s at {apart}");
        }
    }

    #[test]
    fn who_comes_just_behind_another_waits_as_long_and_does_not_overtake() {
        let waits = waits(Duration::from_micros(1), 10_000);
        for pair in waits.windows(2) {
            assert!(pair[1] - pair[0] > -1.001e-6, "{pair:?}");
        }
    }
}
