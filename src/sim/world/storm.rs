//! Somebody on a segment who sends Announce of clocks that there are not, as many as he likes.

use super::{Event, NodeId, Plug, Taken, World};
use crate::engine::Random;
use crate::ptp::{Channel, FRAME_MAX, Frame, TimeProperties};
use crate::sim::{Plugged, StampModel, master_config};
use crate::time::{Duration, LogInterval, Mono, Timestamp};
use crate::wire::ptp::{
    self, Announce, ClockAccuracy, ClockIdentity, ClockQuality, PortIdentity, Sender, WireTimestamp,
};

/// He who forges never speaks for himself.
const NEVER: Duration = Duration::from_secs(1_000_000_000);

/// What is forged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StormModel {
    /// From one Announce to the next.
    pub every: Duration,
    /// For how long.
    pub lasts: Duration,
    /// priority1 of all of them.
    pub priority1: u8,
    /// So many clocks take turns; 0: each Announce is of another one.
    pub clocks: u64,
}

#[derive(Debug)]
pub(super) struct Storm {
    model: StormModel,
    plugs: Vec<Plug>,
    from: NodeId,
    until: Timestamp<Mono>,
    random: Random,
    sent: u64,
}

impl World {
    /// A storm of forged Announce that these ports hear, from now on.
    pub fn add_storm(&mut self, model: StormModel, plugs: &[Plugged]) {
        let forger = master_config(0xff, LogInterval::new(0), 0);
        let from = self.add_stranger(forger, StampModel::IDEAL, NEVER);
        let plugs = plugs.iter().map(|(node, port)| Plug { node: *node, port: *port }).collect();
        let random = self.random.branch(50_000 + self.storms.len() as u64);
        self.push(self.now, Event::Storm(self.storms.len()));
        self.storms.push(Storm { model, plugs, from, until: self.now + model.lasts, random, sent: 0 });
    }

    /// How many forged Announce there were.
    pub fn forged(&self) -> u64 {
        self.storms.iter().map(|storm| storm.sent).sum()
    }

    pub(super) fn storm(&mut self, index: usize) {
        let now = self.now;
        let storm = &mut self.storms[index];
        if now >= storm.until {
            return;
        }
        let frame = storm.forge();
        let (plugs, from, next) = (storm.plugs.clone(), storm.from, now + storm.model.every);
        for to in plugs {
            let (frame, channel) = (Box::new(frame), Channel::General);
            self.push(now, Event::Arrival { from, to, frame, channel, stamp: Taken::NotYet });
        }
        self.push(next, Event::Storm(index));
    }
}

impl Storm {
    /// The next one: one of a few clocks goes on where it was, and one of many says what it likes.
    fn forge(&mut self) -> Frame {
        let turn = self.sent.checked_rem(self.model.clocks).unwrap_or_else(|| self.random.next_u64());
        let sequence_id = self.sent.checked_div(self.model.clocks).unwrap_or_else(|| self.random.next_u64()) as u16;
        self.sent += 1;
        let mut octets = turn.to_be_bytes();
        // No clock of the world is called so.
        octets[0] = 0xee;
        let identity = ClockIdentity(octets);
        let sender = Sender {
            sdo_id: 0,
            minor_version_ptp: 1,
            domain_number: 0,
            source_port_identity: PortIdentity { clock_identity: identity, port_number: 1 },
        };
        let quality =
            ClockQuality { clock_class: 6, clock_accuracy: ClockAccuracy(0x20), offset_scaled_log_variance: 0x4e5d };
        let properties: TimeProperties = master_config(1, LogInterval::new(0), 0).time_properties;
        let announce = Announce {
            origin_timestamp: WireTimestamp::ZERO,
            current_utc_offset: 37,
            grandmaster_priority1: self.model.priority1,
            grandmaster_clock_quality: quality,
            grandmaster_priority2: 128,
            grandmaster_identity: identity,
            steps_removed: 0,
            time_source: properties.time_source,
        };
        let message = sender.announce(sequence_id, LogInterval::new(0), properties.flags(), announce);
        let mut bytes = [0; FRAME_MAX];
        let len = ptp::write(&message, &mut bytes).expect("an Announce fits a frame");
        Frame::new(bytes, len)
    }
}
