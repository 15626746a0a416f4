//! What a network does to a message on its way in one direction.

use super::NodeId;
use crate::engine::Random;
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::MessageType;

/// One direction of a path. Every message's delay is drawn anew when it is sent, independent of all others, so messages
/// overtake each other unless [`keeps_order`](Self::keeps_order).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkModel {
    /// The least delay.
    pub base: Duration,
    /// Mean of the exponential delay on top of it.
    pub jitter: Duration,
    /// The share of messages that are lost, 0 to 1.
    pub loss: f64,
    /// The share of messages that arrive twice, each with its own delay, 0 to 1.
    pub duplication: f64,
    /// A message arrives no earlier than the one that was sent before it.
    pub keeps_order: bool,
    /// Messages of this type are lost, all of them.
    pub blocked: Option<MessageType>,
}

impl LinkModel {
    /// Loses nothing.
    pub const fn new(base: Duration, jitter: Duration) -> Self {
        Self { base, jitter, loss: 0.0, duplication: 0.0, keeps_order: false, blocked: None }
    }
}

/// A link between two nodes, in one direction.
#[derive(Clone, Debug)]
pub struct Link {
    /// Who sends.
    pub from: NodeId,
    /// Who receives.
    pub to: NodeId,
    /// What it is like now.
    pub model: LinkModel,
    random: Random,
    last_arrival: Timestamp<Mono>,
}

impl Link {
    /// A link with its own randomness.
    pub fn new(from: NodeId, to: NodeId, model: LinkModel, random: Random) -> Self {
        Self { from, to, model, random, last_arrival: Timestamp::EPOCH }
    }

    /// When a message that is sent now arrives: never, once or twice.
    pub fn carry(&mut self, now: Timestamp<Mono>, message: &[u8]) -> [Option<Timestamp<Mono>>; 2] {
        // messageType is the low nibble of the first octet (13.3.2.3).
        let is_blocked = self.model.blocked.is_some_and(|kind| message.first().is_some_and(|o| o & 0xf == kind as u8));
        let is_lost = self.happens(self.model.loss);
        if is_lost || is_blocked {
            return [None; 2];
        }
        let first = self.arrival(now);
        let second = self.happens(self.model.duplication).then(|| self.arrival(now));
        [Some(first), second]
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.unit() < share
    }

    fn arrival(&mut self, now: Timestamp<Mono>) -> Timestamp<Mono> {
        let jitter = self.model.jitter.scaled(self.random.exponential());
        let mut arrival = now + self.model.base + jitter;
        if self.model.keeps_order {
            arrival = arrival.max(self.last_arrival);
            self.last_arrival = arrival;
        }
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: [u8; 1] = [0];
    const ANNOUNCE: [u8; 1] = [0xb];

    fn link(model: LinkModel) -> Link {
        Link::new(NodeId(0), NodeId(1), model, Random::seeded(5))
    }

    fn model() -> LinkModel {
        LinkModel::new(Duration::from_micros(10), Duration::from_micros(2))
    }

    #[test]
    fn delays_are_the_base_and_an_exponential_part() {
        let mut link = link(model());
        let now = Timestamp::from_secs(7);
        let mut sum = Duration::ZERO;
        for _ in 0..10_000 {
            let [Some(arrival), None] = link.carry(now, &SYNC) else { panic!() };
            assert!(arrival - now >= Duration::from_micros(10));
            sum += arrival - now;
        }
        let mean = sum.scaled(1e-4);
        assert!((mean - Duration::from_micros(12)).abs() < Duration::from_nanos(100), "{mean}");
    }

    #[test]
    fn loss_and_duplication_are_the_shares_that_were_asked_for() {
        let mut link = link(LinkModel { loss: 0.3, duplication: 0.2, ..model() });
        let (mut lost, mut doubled) = (0, 0);
        for _ in 0..10_000 {
            match link.carry(Timestamp::EPOCH, &SYNC) {
                [None, _] => lost += 1,
                [Some(_), Some(_)] => doubled += 1,
                [Some(_), None] => {}
            }
        }
        assert!((2_800..3_200).contains(&lost) && (1_250..1_550).contains(&doubled), "{lost} {doubled}");
    }

    #[test]
    fn a_blocked_type_never_arrives_and_the_others_do() {
        let mut link = link(LinkModel { blocked: Some(MessageType::Announce), ..model() });
        assert_eq!(link.carry(Timestamp::EPOCH, &ANNOUNCE), [None; 2]);
        assert!(link.carry(Timestamp::EPOCH, &SYNC)[0].is_some());
    }

    #[test]
    fn messages_overtake_each_other_unless_the_link_keeps_order() {
        for keeps_order in [false, true] {
            let mut link = link(LinkModel { keeps_order, ..model() });
            let arrivals: Vec<_> = (0..100)
                .filter_map(|n| link.carry(Timestamp::EPOCH + Duration::from_nanos(n * 100), &SYNC)[0])
                .collect();
            assert_eq!(arrivals.is_sorted(), keeps_order);
        }
    }
}
