//! What a network does to a message on its way in one direction.
//!
//! ```text
//! sender -- base delay + jitter (a burst: more of it) --> hop --> hop --> receiver
//!                                                          |
//!                          a queue with other traffic in it; a transparent clock says how long it took
//! ```
//!
//! Jitter of any shape is drawn anew for each message, independent of all others, so messages overtake each other. A queue
//! has a memory: whoever comes just behind another message finds what that one found, so within it nobody overtakes.

use super::NodeId;
use super::hop::{Hop, HopModel};
use crate::engine::Random;
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::MessageType;

/// The most switches on one path.
pub const HOPS_MAX: usize = 8;

/// How jitter is distributed. Its standard deviation is [`LinkModel::jitter`], or its mean where that is said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Shape {
    /// Many messages near the least delay: a lightly loaded network.
    #[default]
    Exponential,
    /// The sum of two such: fewer near the least delay.
    Erlang2,
    /// On both sides of the base delay (which it may not take below zero): a long path of many hops.
    Gaussian,
    /// A long tail: an overloaded or a wireless path.
    Lognormal,
    /// A longer one: lognormal with `sigma = 1.2`; `jitter` is its mean.
    HeavyTail,
    /// Six of ten messages find nothing in their way, and are late by a normal number of 0.02 `jitter`; the others by an
    /// exponential one whose mean is three times `jitter`.
    Mixed,
}

/// Times of more jitter, now and then.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BurstModel {
    /// From the end of one to the beginning of the next, the mean of an exponential distribution.
    pub every: Duration,
    /// How long it lasts, the mean of an exponential distribution.
    pub lasts: Duration,
    /// The jitter meanwhile.
    pub jitter: Duration,
}

/// Types of message that do not pass, a bit for each messageType (13.3.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Blocked(u16);

impl Blocked {
    /// Everything passes.
    pub const NOTHING: Self = Self(0);

    /// These, and messages of this type.
    #[must_use]
    pub const fn with(self, kind: MessageType) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// messageType is the low nibble of the first octet (13.3.2.3).
    fn stops(self, message: &[u8]) -> bool {
        message.first().is_some_and(|octet| self.0 >> (octet & 0xf) & 1 == 1)
    }
}

/// Runs of messages that are all late, in both directions of a path at the same times.
///
/// Time is divided into slots. With a chance of 1 in 72 a slot begins a run of eight, and each message within is later
/// by a uniform number; so a tenth of all are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SurgeModel {
    /// How long a slot is: the interval of the exchanges.
    pub slot: Duration,
    /// The most that a message is later by.
    pub most: Duration,
    /// Both directions have the same, and so the same runs.
    pub seed: u64,
}

/// The slots of a run.
const SURGE_SLOTS: u32 = 8;
/// The chance that a slot outside of a run begins one.
const SURGE_CHANCE: f64 = 0.1 / 0.9 / 8.0;

/// Where a link is in its slots.
#[derive(Clone, Debug)]
struct Surge {
    random: Random,
    /// The slot that was drawn last, by its number.
    slot: i128,
    /// Slots of the run that are left, this one included.
    left: u32,
}

impl Surge {
    fn new(model: &SurgeModel) -> Self {
        Self { random: Random::seeded(model.seed), slot: -1, left: 0 }
    }

    fn is_on(&mut self, now: Timestamp<Mono>, model: &SurgeModel) -> bool {
        let slot = (now - Timestamp::EPOCH).ticks() / model.slot.ticks().max(1);
        while self.slot < slot {
            self.slot += 1;
            if self.left > 0 {
                self.left -= 1;
            } else if self.random.unit() < SURGE_CHANCE {
                self.left = SURGE_SLOTS;
            }
        }
        self.left > 0
    }
}

/// One direction of a path.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkModel {
    /// The least delay.
    pub base: Duration,
    /// The standard deviation of the random delay on top of it; of an exponential one that is its mean.
    pub jitter: Duration,
    /// How that is distributed.
    pub shape: Shape,
    /// More jitter at times.
    pub burst: Option<BurstModel>,
    /// Later at times, both ways alike.
    pub surge: Option<SurgeModel>,
    /// The share of messages that are lost, 0 to 1.
    pub loss: f64,
    /// The share of messages that arrive twice, each with its own delay, 0 to 1.
    pub duplication: f64,
    /// Somebody records all that passes, and sends it once more so much later; zero: nobody.
    pub replay: Duration,
    /// A message arrives no earlier than the one that was sent before it.
    pub keeps_order: bool,
    /// Messages of these types are lost, all of them.
    pub blocked: Blocked,
    /// Whether nothing passes at all.
    pub is_down: bool,
    /// How many switches there are on the way.
    pub hops: usize,
    /// What each of them is like.
    pub hop: HopModel,
}

impl LinkModel {
    /// Loses nothing.
    pub const fn new(base: Duration, jitter: Duration) -> Self {
        Self {
            base,
            jitter,
            shape: Shape::Exponential,
            burst: None,
            surge: None,
            loss: 0.0,
            duplication: 0.0,
            replay: Duration::ZERO,
            keeps_order: false,
            blocked: Blocked::NOTHING,
            is_down: false,
            hops: 0,
            hop: HopModel::WIRE,
        }
    }
}

/// A message on its way: when it arrives, and what transparent clocks have added to its correctionField.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// When it arrives.
    pub arrival: Timestamp<Mono>,
    /// How long transparent clocks say that they kept it.
    pub correction: Duration,
}

/// A link between two nodes, in one direction.
#[derive(Clone, Debug)]
pub struct Link {
    /// Who sends.
    pub from: NodeId,
    /// Who receives.
    pub to: NodeId,
    /// By which port of theirs, counted from 0.
    pub ports: (u8, u8),
    /// What it is like now.
    pub model: LinkModel,
    random: Random,
    last_arrival: Timestamp<Mono>,
    hops: [Hop; HOPS_MAX],
    /// The burst that is going on, or the next one: from when until when.
    burst: Option<(Timestamp<Mono>, Timestamp<Mono>)>,
    surge: Option<Surge>,
}

impl Link {
    /// A link between their first ports, with its own randomness.
    pub fn new(from: NodeId, to: NodeId, model: LinkModel, random: Random) -> Self {
        let hops = std::array::from_fn(|index| Hop::new(random.branch(1 + index as u64)));
        Self { from, to, ports: (0, 0), model, random, last_arrival: Timestamp::EPOCH, hops, burst: None, surge: None }
    }

    /// The same between other ports.
    #[must_use]
    pub fn between(self, ports: (u8, u8)) -> Self {
        Self { ports, ..self }
    }

    /// When a message that is sent now arrives: never, once or twice, and when it is replayed.
    pub fn carry(&mut self, now: Timestamp<Mono>, message: &[u8]) -> [Option<Passage>; 3] {
        let is_blocked = self.model.blocked.stops(message);
        let is_lost = self.happens(self.model.loss);
        if is_lost || is_blocked || self.model.is_down {
            return [None; 3];
        }
        let first = self.passage(now);
        let second = self.happens(self.model.duplication).then(|| self.passage(now));
        let replay = self.model.replay;
        let third = (replay > Duration::ZERO).then(|| Passage { arrival: first.arrival + replay, ..first });
        [Some(first), second, third]
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.unit() < share
    }

    fn passage(&mut self, now: Timestamp<Mono>) -> Passage {
        let mut passage = Passage { arrival: now + self.model.base, correction: Duration::ZERO };
        let jitter = self.jitter(now);
        passage.arrival = (passage.arrival + jitter).max(now);
        for hop in self.hops.iter_mut().take(self.model.hops) {
            hop.pass(&self.model.hop, &mut passage);
        }
        if self.model.keeps_order {
            passage.arrival = passage.arrival.max(self.last_arrival);
            self.last_arrival = passage.arrival;
        }
        passage
    }

    fn jitter(&mut self, now: Timestamp<Mono>) -> Duration {
        let (calm, burst) = (self.model.jitter, self.model.burst);
        let deviation = burst.filter(|burst| self.is_in_burst(now, burst)).map_or(calm, |burst| burst.jitter);
        let random = &mut self.random;
        let drawn = match self.model.shape {
            Shape::Exponential => random.exponential(),
            Shape::Erlang2 => (random.exponential() + random.exponential()) / 2.0_f64.sqrt(),
            Shape::Gaussian => random.normal(),
            Shape::Lognormal => random.lognormal(),
            Shape::HeavyTail => random.lognormal_of(1.2),
            Shape::Mixed if random.unit() < 0.6 => 0.02 * random.normal().abs(),
            Shape::Mixed => 3.0 * random.exponential(),
        };
        let jitter = deviation.scaled(drawn);
        let Some(model) = self.model.surge else { return jitter };
        let is_on = self.surge.get_or_insert_with(|| Surge::new(&model)).is_on(now, &model);
        if is_on { jitter + model.most.scaled(self.random.unit()) } else { jitter }
    }

    fn is_in_burst(&mut self, now: Timestamp<Mono>, model: &BurstModel) -> bool {
        loop {
            let (from, until) = self.burst.unwrap_or((now, now));
            if self.burst.is_some() && now < until {
                return now >= from;
            }
            let begins = until + model.every.scaled(self.random.exponential());
            self.burst = Some((begins, begins + model.lasts.scaled(self.random.exponential())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::TransparentModel;

    const NODES: (NodeId, NodeId) = (NodeId(0), NodeId(1));

    #[test]
    fn what_is_blocked_does_not_pass_and_all_else_does() {
        let blocked = Blocked::NOTHING.with(MessageType::Sync).with(MessageType::DelayResp);
        let stopped: Vec<_> =
            MessageType::ALL.into_iter().filter(|kind| blocked.stops(&[0x10 | *kind as u8, 0x02])).collect();
        assert_eq!(stopped, [MessageType::Sync, MessageType::DelayResp]);
        assert!(!blocked.stops(&[]) && !Blocked::NOTHING.stops(&[0]));
    }

    fn link(model: &LinkModel) -> Link {
        Link::new(NODES.0, NODES.1, *model, Random::seeded(3))
    }

    fn delays(link: &mut Link, count: usize, apart: Duration) -> Vec<f64> {
        let mut now = Timestamp::EPOCH;
        let mut delays = Vec::new();
        for _ in 0..count {
            now = now + apart;
            for passage in link.carry(now, &[]).into_iter().flatten() {
                delays.push((passage.arrival - now).as_secs_f64());
            }
        }
        delays
    }

    fn mean_and_deviation(all: &[f64]) -> (f64, f64) {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn jitter_has_the_deviation_that_was_asked_for_in_every_shape() {
        let us = Duration::from_micros;
        for (shape, mean_us) in [
            (Shape::Exponential, 60.0),
            (Shape::Erlang2, 50.0 + 10.0 * 2.0_f64.sqrt()),
            (Shape::Gaussian, 50.0),
            (Shape::Lognormal, 50.0 + 10.0 / 1.310_832),
        ] {
            let mut link = link(&LinkModel { shape, ..LinkModel::new(us(50), us(10)) });
            let (mean, deviation) = mean_and_deviation(&delays(&mut link, 60_000, Duration::SECOND));
            assert!((mean * 1e6 - mean_us).abs() < 0.3, "{shape:?}: mean {mean}");
            assert!((deviation * 1e6 - 10.0).abs() < 0.6, "{shape:?}: deviation {deviation}");
        }
    }

    #[test]
    fn bursts_come_as_often_and_last_as_long_as_they_should() {
        let burst = BurstModel {
            every: Duration::from_secs(90),
            lasts: Duration::from_secs(10),
            jitter: Duration::from_millis(1),
        };
        let mut link = link(&LinkModel { burst: Some(burst), ..LinkModel::new(Duration::ZERO, Duration::ZERO) });
        let all = delays(&mut link, 100_000, Duration::SECOND);
        let share = all.iter().filter(|delay| **delay > 0.0).count() as f64 / all.len() as f64;
        assert!((share - 0.1).abs() < 0.02, "{share}");
    }

    #[test]
    fn a_surge_is_a_tenth_of_all_and_both_directions_have_it_at_once() {
        let surge = SurgeModel { slot: Duration::SECOND, most: Duration::from_millis(1), seed: 7 };
        let model = LinkModel { surge: Some(surge), ..LinkModel::new(Duration::ZERO, Duration::ZERO) };
        let (mut there, mut back) = (Link::new(NODES.0, NODES.1, model, Random::seeded(3)), link(&model));
        let late = |link: &mut Link| -> Vec<bool> {
            delays(link, 50_000, Duration::SECOND).iter().map(|delay| *delay > 0.0).collect()
        };
        let (there, back) = (late(&mut there), late(&mut back));
        assert_eq!(there, back);
        let share = there.iter().filter(|is_late| **is_late).count() as f64 / there.len() as f64;
        assert!((share - 0.1).abs() < 0.01, "{share}");
    }

    #[test]
    fn the_shapes_that_say_so_have_the_mean_that_was_asked_for() {
        let us = Duration::from_micros;
        // 0.6 * 0.02 * sqrt(2 / pi) + 0.4 * 3 = 1.2096.
        for (shape, mean_us) in [(Shape::HeavyTail, 10.0), (Shape::Mixed, 12.096)] {
            let mut link = link(&LinkModel { shape, ..LinkModel::new(us(50), us(10)) });
            let (mean, _) = mean_and_deviation(&delays(&mut link, 200_000, Duration::SECOND));
            assert!((mean * 1e6 - 50.0 - mean_us).abs() < 0.15, "{shape:?}: mean {mean}");
        }
    }

    #[test]
    fn a_transparent_clock_says_what_the_queue_took_to_within_its_error() {
        let error = Duration::from_nanos(20);
        let hop = HopModel {
            load: 0.8,
            packet: Duration::from_micros(12),
            residence: Duration::from_micros(3),
            transparent: Some(TransparentModel { error }),
        };
        let mut link = link(&LinkModel { hops: 2, hop, ..LinkModel::new(Duration::from_micros(7), Duration::ZERO) });
        let mut longest = Duration::ZERO;
        for second in 0..2_000 {
            let now = Timestamp::EPOCH + Duration::from_secs(second);
            let Some(passage) = link.carry(now, &[])[0] else { panic!("nothing is lost here") };
            let left = passage.arrival - now - passage.correction - Duration::from_micros(7);
            assert!(left.abs() <= error.times(2), "{left}");
            longest = longest.max(passage.arrival - now);
        }
        assert!(longest > Duration::from_micros(150), "there was a queue: {longest}");
    }
}
