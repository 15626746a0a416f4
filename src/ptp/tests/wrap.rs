//! More than a whole round of every sequenceId: a master and a slave that send and hear more than 2^16 of each message, on a wire on which halves
//! overtake each other, in virtual time.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::ptp::script::{config, decided_m1, stamp};
use crate::ptp::{
    Channel, ClockReport, Config, Counter, Effect, Input, Line, NeighborStatus, PeerDelayConfig, Port, PortState, Role,
    ServingConfig, TxToken,
};
use crate::sharing::CounterSet;
use crate::time::{ClockId, Duration, LogInterval, Mono, Observation, Timestamp};
use crate::wire::ptp::{ClockIdentity, MessageType};

/// 128 a second, of all.
const EACH: LogInterval = LogInterval::new(-7);
/// A message takes so long, either way.
const WAY: Duration = Duration::from_micros(10);
/// The slave's clock reads the master's plus this.
const AHEAD: Duration = Duration::from_millis(1_500);
const ROUND: u32 = 1 << 16;

const MASTER: usize = 0;
const SLAVE: usize = 1;

/// What comes to a port when it is due.
enum Due {
    Message { bytes: Vec<u8>, channel: Channel, arrived: Timestamp<Mono> },
    TxStamp { token: TxToken, left: Timestamp<Mono> },
}

/// How many, and with which sequenceIds.
struct Sent {
    count: u32,
    ids: Vec<bool>,
}

struct Wire {
    ports: [Box<Port>; 2],
    now: Timestamp<Mono>,
    /// By when it is due, and by the order in which it was sent.
    due: BTreeMap<(Timestamp<Mono>, u64), (usize, Due)>,
    messages: u64,
    /// Messages of each messageType that each port has sent since the slave is SLAVE.
    sent: [[Sent; 16]; 2],
    /// Observations since then, of messages from the master and to it.
    observed: [u32; 2],
    /// Whatever was counted since then but messages.
    counted: BTreeMap<&'static str, u32>,
    is_measuring: bool,
}

impl Wire {
    fn new(serving: ServingConfig, [of_master, of_slave]: [Option<PeerDelayConfig>; 2]) -> Self {
        let slave = Config { peer_delay: of_slave, ..config() };
        let master = Config {
            identity: ClockIdentity([0x41; 8]),
            role: Role::Master,
            serving,
            peer_delay: of_master,
            seed: 7,
            ..slave
        };
        let mut wire = Self {
            ports: [Box::new(Port::new(master)), Box::new(Port::new(slave))],
            now: Timestamp::from_secs(100),
            due: BTreeMap::new(),
            messages: 0,
            sent: std::array::from_fn(|_| std::array::from_fn(|_| Sent { count: 0, ids: vec![false; ROUND as usize] })),
            observed: [0; 2],
            counted: BTreeMap::new(),
            is_measuring: false,
        };
        for input in
            [Input::Link { up: true }, Input::Line(Some(Line::ahead_by(Duration::ZERO))), Input::Decision(decided_m1())]
        {
            wire.step(MASTER, input);
        }
        wire.step(SLAVE, Input::Link { up: true });
        wire.run(Duration::from_secs(6));
        wire.step(SLAVE, Input::Clock(ClockReport { locked: true, ..ClockReport::default() }));
        assert_eq!(wire.ports[SLAVE].state(), PortState::Slave);
        wire.is_measuring = true;
        wire
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let due = self.due.first_key_value().map(|((at, _), _)| *at);
            let deadlines = self.ports.each_ref().map(|port| port.deadline());
            let Some(next) = deadlines.into_iter().flatten().chain(due).min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            for whose in [MASTER, SLAVE] {
                if deadlines[whose].is_some_and(|deadline| deadline <= self.now) {
                    self.step(whose, Input::Tick { local: self.now.read_as() });
                }
            }
            while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= self.now) {
                let (whose, what) = first.remove();
                match what {
                    Due::Message { bytes, channel, arrived } => {
                        let stamp = Some(stamp(arrived.read_as() + Self::ahead(whose)));
                        self.step(whose, Input::Received { bytes: &bytes, channel, stamp, from: None });
                    }
                    Due::TxStamp { token, left } => {
                        let stamp = Some(stamp(left.read_as() + Self::ahead(whose)));
                        self.step(whose, Input::Sent { token, stamp });
                    }
                }
            }
        }
        self.now = end;
    }

    const fn ahead(whose: usize) -> Duration {
        if whose == SLAVE { AHEAD } else { Duration::ZERO }
    }

    fn step(&mut self, whose: usize, input: Input<'_>) {
        let mut effects = Vec::new();
        self.ports[whose].step(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send { frame, channel, token, .. } => {
                    let bytes = frame.as_bytes().to_vec();
                    self.messages += 1;
                    if let Some(token) = token {
                        let due = Due::TxStamp { token, left: self.now };
                        self.due.insert((self.now + Duration::from_micros(100), self.messages), (whose, due));
                    }
                    let (message, id) = (bytes[0] & 0x0f, u16::from_be_bytes([bytes[30], bytes[31]]));
                    if self.is_measuring {
                        let sent = &mut self.sent[whose][usize::from(message)];
                        sent.count += 1;
                        sent.ids[usize::from(id)] = true;
                    }
                    let arrived = self.now + WAY;
                    let due = Due::Message { bytes, channel, arrived };
                    self.due.insert((arrived + lateness(message, id), self.messages), (1 - whose, due));
                }
                Effect::Observe(observation) => self.observe(&observation),
                Effect::Count(counter) if self.is_measuring => self.count(counter),
                _ => {}
            }
        }
    }

    /// A half that was taken for that of another one is off by an interval and more.
    fn observe(&mut self, observation: &Observation) {
        let is_of_sync = matches!(observation.sent.clock, ClockId::Remote(_));
        let took = observation.received.at - observation.sent.at - observation.correction;
        assert_eq!(took, if is_of_sync { WAY + AHEAD } else { WAY - AHEAD }, "{observation:?}");
        if self.is_measuring {
            self.observed[usize::from(!is_of_sync)] += 1;
        }
    }

    fn count(&mut self, counter: Counter) {
        let name = counter.name();
        if !["received_", "sent_"].iter().any(|prefix| name.starts_with(prefix)) {
            *self.counted.entry(name).or_default() += 1;
        }
    }

    /// How many of these a port has sent: with each sequenceId, and more.
    fn sent(&self, whose: usize, message: MessageType) -> u32 {
        let Sent { count, ids } = &self.sent[whose][message as usize];
        let missing = ids.iter().filter(|is_sent| !**is_sent).count();
        assert!(*count > ROUND && missing == 0, "{count} of {message:?}, {missing} sequenceIds missing");
        *count
    }
}

/// How long a message lies about before it is read. Of some pairs the Follow_Up comes first, of others after the next Sync; of
/// Delay_Req and Pdelay_Req the next one is asked before the answer to the last one is there.
const fn lateness(message: u8, sequence_id: u16) -> Duration {
    const SYNC: u8 = MessageType::Sync as u8;
    const FOLLOW_UP: u8 = MessageType::FollowUp as u8;
    const DELAY_RESP: u8 = MessageType::DelayResp as u8;
    const PDELAY_RESP: u8 = MessageType::PdelayResp as u8;
    const PDELAY_RESP_FOLLOW_UP: u8 = MessageType::PdelayRespFollowUp as u8;
    Duration::from_micros(match message {
        SYNC if sequence_id.is_multiple_of(3) => 2_000,
        FOLLOW_UP if sequence_id % 5 == 1 => 8_000,
        FOLLOW_UP => 500,
        DELAY_RESP | PDELAY_RESP => 12_000,
        PDELAY_RESP_FOLLOW_UP => 11_000,
        _ => 0,
    })
}

/// A round and a bit more: Delay_Req are sent at random, with that mean.
fn more_than_a_round() -> Duration {
    EACH.duration().times(i64::from(ROUND) + 3_000)
}

#[test]
fn sync_follow_up_announce_and_delay_req_go_through_a_round_of_sequence_ids_without_the_loss_of_one() {
    let serving = ServingConfig {
        log_announce_interval: EACH,
        log_sync_interval: EACH,
        log_min_delay_req_interval: EACH,
        ..ServingConfig::DEFAULT
    };
    let mut wire = Wire::new(serving, [None; 2]);
    wire.run(more_than_a_round());
    assert_eq!(wire.counted, BTreeMap::new());
    assert_eq!(wire.ports[SLAVE].state(), PortState::Slave);
    let _ = wire.sent(MASTER, MessageType::Announce);
    let [of_sync, of_delay_req] = wire.observed;
    // But for those that were on their way at the beginning and at the end.
    let is_all = |sent: u32, observed: u32, on_the_way: u32| sent.abs_diff(observed) <= on_the_way;
    assert!(is_all(wire.sent(MASTER, MessageType::Sync), of_sync, 2), "{of_sync}");
    assert!(is_all(wire.sent(MASTER, MessageType::FollowUp), of_sync, 2), "{of_sync}");
    assert!(is_all(wire.sent(SLAVE, MessageType::DelayReq), of_delay_req, 8), "{of_delay_req}");
    assert!(is_all(wire.sent(MASTER, MessageType::DelayResp), of_delay_req, 8), "{of_delay_req}");
}

#[test]
fn pdelay_req_go_through_a_round_of_sequence_ids_without_the_loss_of_one() {
    let peer_delay = PeerDelayConfig { log_min_pdelay_req_interval: EACH, ..PeerDelayConfig::default() };
    let serving = ServingConfig { log_announce_interval: LogInterval::new(0), ..ServingConfig::DEFAULT };
    let mut wire = Wire::new(serving, [Some(PeerDelayConfig::default()), Some(peer_delay)]);
    wire.run(more_than_a_round());
    assert_eq!(wire.counted, BTreeMap::new());
    let asked = wire.sent(SLAVE, MessageType::PdelayReq);
    for answer in [MessageType::PdelayResp, MessageType::PdelayRespFollowUp] {
        assert!(asked.abs_diff(wire.sent(MASTER, answer)) <= 2, "{answer:?}");
    }
    // The neighbour is the parent: each exchange of the slave's is one to the clock.
    assert!(asked.abs_diff(wire.observed[1]) <= 4, "{asked} {:?}", wire.observed);
    for port in &wire.ports {
        let Some(NeighborStatus::Known { mean_link_delay, .. }) = port.neighbor() else { panic!("nobody answers") };
        assert_eq!(mean_link_delay, WAY);
    }
}
