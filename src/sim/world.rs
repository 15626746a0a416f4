//! Virtual time, and who is told what.

use super::checker::{GRACE, Judges, NOTICE, Watch};
use super::digest::Digest;
use super::host::Order;
use super::lateness::Waking;
use super::node::{Effects, Role, Way, happens};
use super::statistics::BoundStatistics;
use super::truth::Truth;
use super::{
    Checker, ClientConfig, Host, HostConfig, Link, LinkModel, Master, NodeId, Queue, Server, ServerConfig, Slave,
    SlaveConfig, StampModel, Statistics,
};
use crate::engine::{EngineKind, Random};
use crate::ptp::{
    Address, Channel, DELAY_OUTSTANDING_MAX, Effect, Frame, GrandmasterConfig, Input, SYNC_PENDING_MAX, TxToken,
};
use crate::sharing::TimeSnapshot;
use crate::time::{ClockId, Duration, Mono, SourceId, Stamp, Timestamp};
use crate::trace::{Collector, Origin};
use crate::wire::ptp::ClockIdentity;

mod exchange;
mod faults;
mod look;
mod past;
mod storm;
mod tree;
mod who;

use exchange::NtpEvent;
use past::Past;

pub use faults::Stall;
use storm::Storm;
pub use storm::StormModel;
pub use tree::{Part, Placed, Plugged, TreeFault};

/// Frames that wait in the sockets of a thread that does not run; what does not fit is lost.
pub const HELD_MAX: usize = 256;
/// Effects of one input: a port that loses its parent counts every request and every Sync that waited for its other half.
const EFFECTS_MAX: usize = DELAY_OUTSTANDING_MAX + SYNC_PENDING_MAX + 8;

/// Whether the receive stamp of a message was taken already.
#[derive(Clone, Copy, Debug)]
enum Taken {
    /// It is when it is handled.
    NotYet,
    /// It was when the message came; `None`: it has none.
    Before(Option<Stamp>),
}

/// A port of a node, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Plug {
    node: NodeId,
    port: u8,
}

/// What happens at an instant.
#[derive(Clone, Debug)]
enum Event {
    /// A message arrives.
    Arrival { from: NodeId, to: Plug, frame: Box<Frame>, channel: Channel, stamp: Taken },
    /// A transmit stamp comes back, or is given up.
    TxStamp { of: Plug, token: TxToken, stamp: Option<Stamp> },
    /// The discipline tells a port what it did, or what to be.
    Report { to: Plug, order: Order },
    /// What an NTP client of a host and its server say to each other.
    Ntp(NtpEvent),
    /// A node wanted to be called.
    Wake(NodeId),
    /// The next forged Announce of a storm is due.
    Storm(usize),
    /// The true errors are sampled.
    Sample(Duration),
}

impl Event {
    /// The node that something happens to, if it is one.
    fn concerns(&self) -> Option<NodeId> {
        match self {
            Self::Arrival { to, .. } | Self::Report { to, .. } => Some(to.node),
            Self::TxStamp { of, .. } => Some(of.node),
            Self::Wake(node) => Some(*node),
            Self::Ntp(event) => event.waits_for(),
            Self::Sample(_) | Self::Storm(_) => None,
        }
    }
}

#[derive(Debug)]
struct Node {
    role: Role,
    stamps: StampModel,
    random: Random,
    /// When its next `Wake` that counts will come.
    wake: Option<Timestamp<Mono>>,
    /// If its thread wakes up late.
    waking: Option<Waking>,
    /// Its port's thread does not run until then; whether stamps wait as well.
    stalled: Option<(Timestamp<Mono>, bool)>,
    /// Frames that wait meanwhile.
    held: usize,
    /// What the master that it follows is ahead of the truth by.
    judge: Duration,
    /// Its daemon did not run when a leap second came, and can have made it by then.
    leaps_by: Option<Timestamp<Mono>>,
    past: Past,
    watch: Watch,
    /// All but the last that the watch has measured.
    disturbances: Vec<(Timestamp<Mono>, Duration)>,
    statistics: Statistics,
    bounds: BoundStatistics,
    /// Of each PHC.
    phc_statistics: Vec<Statistics>,
    /// A master that nobody should follow.
    is_stranger: bool,
    /// What arrives before, it does not hear.
    starts: Timestamp<Mono>,
    /// Who of several sources steers it.
    steered: Option<SourceId>,
}

/// See the module's text.
#[derive(Debug)]
pub struct World {
    now: Timestamp<Mono>,
    truth: Truth,
    queue: Queue<Event>,
    nodes: Vec<Node>,
    links: Vec<Link>,
    random: Random,
    checker: Checker,
    is_sampling: bool,
    /// Whether any master's time has ever been wrong.
    has_wrong_masters: bool,
    digest: Digest,
    events: u64,
    /// How many nodes may send Announce.
    announcers: usize,
    /// When each grandmaster was announced last, by anybody.
    announced: Vec<(ClockIdentity, Timestamp<Mono>)>,
    storms: Vec<Storm>,
    effects: Effects,
    effects_most: usize,
    collector: Option<Collector>,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        Self::with_truth(seed, Truth::default())
    }

    /// An empty world at a certain time.
    pub fn with_truth(seed: u64, truth: Truth) -> Self {
        Self {
            now: Timestamp::EPOCH,
            truth,
            queue: Queue::default(),
            nodes: Vec::new(),
            links: Vec::new(),
            random: Random::seeded(seed),
            checker: Checker::default(),
            is_sampling: false,
            has_wrong_masters: false,
            digest: Digest::default(),
            events: 0,
            announcers: 0,
            announced: Vec::new(),
            storms: Vec::new(),
            effects: Effects::new(),
            effects_most: 0,
            collector: None,
        }
    }

    /// A grandmaster that begins `delay` from now.
    pub fn add_master(&mut self, config: GrandmasterConfig, stamps: StampModel, delay: Duration) -> NodeId {
        self.add(Role::Master(Box::new(Master::new(config))), stamps, delay)
    }

    /// A grandmaster that nobody has declared: whoever follows it breaks a rule.
    pub fn add_stranger(&mut self, config: GrandmasterConfig, stamps: StampModel, delay: Duration) -> NodeId {
        let id = self.add_master(config, stamps, delay);
        self.nodes[id.0].is_stranger = true;
        id
    }

    /// A slave that begins now.
    pub fn add_slave(&mut self, config: &SlaveConfig, stamps: StampModel) -> NodeId {
        let slave = Slave::new(config, self.truth, self.now);
        self.add(Role::Slave(Box::new(slave)), stamps, Duration::ZERO)
    }

    /// A machine with real clocks that begins now.
    pub fn add_host(&mut self, config: HostConfig, stamps: StampModel) -> NodeId {
        let phcs = config.phcs.len();
        let random = self.random.branch(500 + self.nodes.len() as u64);
        let host = Host::new(config, self.truth, self.now, random);
        let id = self.add(Role::Host(Box::new(host)), stamps, Duration::ZERO);
        self.nodes[id.0].phc_statistics = vec![Statistics::default(); phcs];
        id
    }

    fn add(&mut self, role: Role, stamps: StampModel, delay: Duration) -> NodeId {
        let id = NodeId(self.nodes.len());
        let random = self.random.branch(id.0 as u64);
        self.nodes.push(Node {
            role,
            stamps,
            random,
            wake: None,
            waking: None,
            stalled: None,
            held: 0,
            judge: Duration::ZERO,
            leaps_by: None,
            past: Past::default(),
            watch: Watch::default(),
            disturbances: Vec::new(),
            statistics: Statistics::default(),
            bounds: BoundStatistics::default(),
            phc_statistics: Vec::new(),
            is_stranger: false,
            steered: None,
            starts: self.now + delay,
        });
        self.announcers += usize::from(self.nodes[id.0].serving_identity().is_some());
        self.wake(id, self.now + delay);
        id
    }

    /// An NTP server that begins `delay` from now.
    pub fn add_server(&mut self, config: ServerConfig, delay: Duration) -> NodeId {
        let random = self.random.branch(600 + self.nodes.len() as u64);
        let server = Server::new(config, self.now + delay, random);
        self.has_wrong_masters |= config.error != Duration::ZERO;
        self.add(Role::Server(Box::new(server)), StampModel::IDEAL, delay)
    }

    /// A host asks a server, by links that are there already or come.
    pub fn ask(&mut self, host: NodeId, server: NodeId, config: ClientConfig) {
        if let Role::Host(host) = &mut self.nodes[host.0].role {
            host.ask(self.now, &[server], false, config);
        }
        self.wake(host, self.now);
    }

    /// A host asks one of these servers, which it knows by one name and has to look up: the first one, and another one when that does not answer.
    pub fn ask_by_name(&mut self, host: NodeId, servers: &[NodeId], config: ClientConfig) {
        if let Role::Host(host) = &mut self.nodes[host.0].role {
            host.ask(self.now, servers, true, config);
        }
        self.wake(host, self.now);
    }

    /// Connects two nodes by their first ports, each direction with its own model.
    pub fn connect(&mut self, a: NodeId, b: NodeId, from_a: LinkModel, from_b: LinkModel) {
        self.connect_ports((a, 0), (b, 0), from_a, from_b);
    }

    /// Connects two ports, which are counted from 0, each direction with its own model.
    pub fn connect_ports(&mut self, a: (NodeId, u8), b: (NodeId, u8), from_a: LinkModel, from_b: LinkModel) {
        for ((from, from_port), (to, to_port), model) in [(a, b, from_a), (b, a, from_b)] {
            let random = self.random.branch(1_000 + self.links.len() as u64);
            self.links.push(Link::new(from, to, model, random).between((from_port, to_port)));
        }
    }

    /// Samples the true error of every clock each `interval`, aligned to the world's beginning.
    pub fn sample(&mut self, interval: Duration) {
        assert!(!self.is_sampling, "one sampling grid at a time");
        self.is_sampling = true;
        self.push(self.now + interval, Event::Sample(interval));
    }

    /// Forgets the samples up to now.
    pub fn clear_statistics(&mut self) {
        for node in &mut self.nodes {
            node.statistics = Statistics::default();
            node.bounds = BoundStatistics::default();
            node.phc_statistics.fill(Statistics::default());
        }
    }

    /// Records the engines of all nodes that follow from now on, the last `bytes_max` bytes or so: see [`World::trace`].
    pub fn record(&mut self, bytes_max: usize) {
        let mut collector = Collector::new(bytes_max);
        let now = self.now;
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let mut stream = |name: &str, kind: EngineKind| collector.stream(&format!("node-{index} {name}"), kind);
            match &mut node.role {
                Role::Master(master) => master.record_by(stream("grandmaster", EngineKind::Grandmaster)),
                Role::Server(_) => {}
                Role::Slave(slave) => {
                    let port = stream("port", EngineKind::PtpPort);
                    slave.record_by(port, stream("clock", EngineKind::Discipline));
                }
                Role::Host(host) => host.record_by(now, stream),
            }
        }
        collector.start();
        self.collector = Some(collector);
    }

    /// What was recorded, as the bytes of a trace file; `None` if nothing is recorded.
    ///
    /// It says the truth at a reading of CLOCK_MONOTONIC, unless a machine has stood still: then there is no such line.
    pub fn trace(&self) -> Option<Vec<u8>> {
        let was_paused = |node: &Node| matches!(&node.role, Role::Host(host) if host.paused() > Duration::ZERO);
        let origin = if self.nodes.iter().any(was_paused) {
            Origin::Host
        } else {
            Origin::Simulation { truth: self.truth.local(Timestamp::EPOCH) }
        };
        self.collector.as_ref().map(|collector| collector.file(origin))
    }

    /// Runs until `time` since the world's beginning.
    pub fn run_until(&mut self, time: Duration) {
        let until = Timestamp::EPOCH + time;
        while let Some((at, event)) = self.queue.pop(until) {
            self.now = at;
            self.events += 1;
            let concerned = event.concerns();
            self.handle(event);
            self.check(concerned);
            self.collector.iter_mut().for_each(Collector::collect);
        }
        self.now = until;
        self.check(None);
    }

    /// Time since the world's beginning.
    pub fn elapsed(&self) -> Duration {
        self.now - Timestamp::EPOCH
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A hash of all events, effects and published snapshots so far.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// What the checker found.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// A slave; anything else is our own bug.
    pub fn slave(&self, node: NodeId) -> &Slave {
        match &self.nodes[node.0].role {
            Role::Slave(slave) => slave,
            Role::Master(_) | Role::Host(_) | Role::Server(_) => panic!("node {} is no slave", node.0),
        }
    }

    /// A host; anything else is our own bug.
    pub fn host(&self, node: NodeId) -> &Host {
        match &self.nodes[node.0].role {
            Role::Host(host) => host,
            Role::Master(_) | Role::Slave(_) | Role::Server(_) => panic!("node {} is no host", node.0),
        }
    }

    /// What a node publishes; `None` of a grandmaster.
    pub fn published(&self, node: NodeId) -> Option<&TimeSnapshot> {
        match &self.nodes[node.0].role {
            Role::Master(_) | Role::Server(_) => None,
            Role::Slave(slave) => Some(slave.published()),
            Role::Host(host) => Some(host.published()),
        }
    }

    /// What a node's served clock reads less the truth: of a host the system clock.
    pub fn true_error(&mut self, node: NodeId) -> Duration {
        let (now, truth) = (self.now, self.truth);
        match &mut self.nodes[node.0].role {
            Role::Slave(slave) => slave.true_error(now),
            Role::Host(host) => host.system(now).reading().read_as() - truth.utc(now),
            Role::Master(master) => master.error(),
            Role::Server(server) => server.error(),
        }
    }

    /// What a PHC of a host reads less the truth.
    pub fn phc_error(&mut self, node: NodeId, index: u8) -> Option<Duration> {
        let (now, truth) = (self.now, self.truth);
        match &mut self.nodes[node.0].role {
            Role::Host(host) => host.phc(index, now).map(|phc| phc.reading() - truth.tai(now)),
            Role::Master(_) | Role::Slave(_) | Role::Server(_) => None,
        }
    }

    /// When each pause of a node with its clocks ended, and when a foreign hand touched its system clock; and for how long since then wrong time
    /// was served as right.
    pub fn unnoticed(&self, node: NodeId) -> Vec<(Timestamp<Mono>, Duration)> {
        let Node { disturbances, watch, .. } = &self.nodes[node.0];
        disturbances.iter().copied().chain(watch.unnoticed()).collect()
    }

    /// The samples of a node's true error.
    pub fn statistics(&self, node: NodeId) -> &Statistics {
        &self.nodes[node.0].statistics
    }

    /// The bounds that a node published, sampled with its true errors.
    pub fn bounds(&self, node: NodeId) -> &BoundStatistics {
        &self.nodes[node.0].bounds
    }

    /// The samples of the true error of a host's PHC; `None` if it has none of this number.
    pub fn phc_statistics(&self, node: NodeId, index: u8) -> Option<&Statistics> {
        self.nodes[node.0].phc_statistics.get(usize::from(index))
    }

    fn push(&mut self, at: Timestamp<Mono>, event: Event) {
        self.queue.push(at, event).expect("no scenario has so many events under way");
    }

    fn wake(&mut self, id: NodeId, at: Timestamp<Mono>) {
        let at = at.max(self.now);
        let node = &mut self.nodes[id.0];
        let at = match &mut node.waking {
            Some(waking) => {
                let Some(at) = waking.wakes(at) else { return };
                at
            }
            None => at,
        };
        if node.wake != Some(at) {
            node.wake = Some(at);
            self.push(at, Event::Wake(id));
        }
    }

    fn handle(&mut self, event: Event) {
        self.digest.word(self.now.ticks() as u64);
        let Some(event) = self.held_back(event) else { return };
        match event {
            // It has not begun yet.
            Event::Arrival { to, .. } if self.now < self.nodes[to.node.0].starts => {}
            Event::Arrival { from, to, frame, channel, stamp } => {
                let stamp = match stamp {
                    Taken::Before(stamp) => stamp,
                    Taken::NotYet => self.receive_stamp(to, channel),
                };
                let (bytes, sender) = (frame.as_bytes(), Some(address_of(from)));
                self.step(to, Some(from), Input::Received { bytes, channel, stamp, from: sender });
            }
            Event::TxStamp { of, token, stamp } => self.step(of, None, Input::Sent { token, stamp }),
            Event::Report { to, order } => self.step(to, None, order.input()),
            Event::Wake(id) => {
                let node = &mut self.nodes[id.0];
                if node.wake == Some(self.now) {
                    node.wake = None;
                    node.waking.iter_mut().for_each(Waking::woke);
                    for port in 0..node.role.ports().max(1) {
                        self.tick(Plug { node: id, port });
                    }
                    self.tick_clients(id);
                }
            }
            Event::Ntp(event) => self.handle_ntp(event),
            Event::Storm(index) => self.storm(index),
            Event::Sample(interval) => {
                self.take_samples();
                self.push(self.now + interval, Event::Sample(interval));
            }
        }
    }

    /// A node wanted to be called: the first port always hears it, and so goes round the discipline.
    fn tick(&mut self, plug: Plug) {
        let role = &mut self.nodes[plug.node.0].role;
        if plug.port == 0 || matches!(role, Role::Host(host) if host.is_port_due(self.now, plug.port)) {
            let (_, local) = role.stamping(&self.truth, self.now, plug.port);
            self.step(plug, None, Input::Tick { local });
        }
    }

    /// The receive stamp is of this instant, whatever stands in the queue of the socket.
    fn receive_stamp(&mut self, to: Plug, channel: Channel) -> Option<Stamp> {
        let node = &mut self.nodes[to.node.0];
        if channel != Channel::Event || happens(node.stamps.rx_loss, &mut node.random) {
            return None;
        }
        let reading = node.role.stamping(&self.truth, self.now, to.port);
        Some(node.stamps.stamp(Way::In, reading, &mut node.random))
    }

    /// What a thread that does not run has to deal with when it runs again; `None`: it waits, or is lost.
    fn held_back(&mut self, event: Event) -> Option<Event> {
        let id = match event {
            Event::Arrival { to, .. } | Event::Report { to, .. } => to.node,
            Event::TxStamp { of, .. } => of.node,
            Event::Wake(id) => id,
            Event::Ntp(ntp) => match ntp.waits_for() {
                Some(host) => host,
                None => return Some(event),
            },
            Event::Sample(_) | Event::Storm(_) => return Some(event),
        };
        let Some((until, stamps_wait)) = self.nodes[id.0].stalled else { return Some(event) };
        if self.now >= until {
            self.nodes[id.0].stalled = None;
            self.nodes[id.0].held = 0;
            return Some(event);
        }
        let waits = match event {
            Event::Arrival { .. } | Event::Ntp(_) if self.nodes[id.0].held >= HELD_MAX => return None,
            Event::Ntp(ntp) => {
                self.nodes[id.0].held += 1;
                Event::Ntp(self.stamped_in_time(ntp, stamps_wait))
            }
            Event::Arrival { from, to, frame, channel, stamp } => {
                self.nodes[id.0].held += 1;
                let stamp = match stamp {
                    Taken::NotYet if !stamps_wait => Taken::Before(self.receive_stamp(to, channel)),
                    other => other,
                };
                Event::Arrival { from, to, frame, channel, stamp }
            }
            Event::Wake(id) => {
                // Only one that counts.
                if self.nodes[id.0].wake == Some(self.now) {
                    self.nodes[id.0].wake = None;
                    let next = self.round_without_port(id).unwrap_or(until);
                    self.wake(id, next.min(until));
                }
                return None;
            }
            other => other,
        };
        self.push(until, waits);
        None
    }

    /// One input of a port, and all that follows at once.
    fn step(&mut self, plug: Plug, from: Option<NodeId>, input: Input<'_>) {
        let (now, Plug { node: id, port }) = (self.now, plug);
        let mut effects = std::mem::take(&mut self.effects);
        self.nodes[id.0].role.step(now, port, input, &mut effects);
        self.effects_most = self.effects_most.max(effects.len());
        for effect in &effects {
            match effect {
                Effect::Send { frame, channel, token, to } => self.transmit(plug, frame, *channel, *token, *to),
                other => {
                    self.look_at_stranger(plug, from, other);
                    if let Effect::Observe(observation) = other {
                        let direction = usize::from(matches!(observation.received.clock, ClockId::Remote(_)));
                        let node = &mut self.nodes[id.0];
                        // What a port beside the source that steers hears tells nothing of that one's time.
                        let is_beside = matches!(&node.role, Role::Host(host) if host.config().helm.is_some()
                            && host.steered_by() != Some(observation.source));
                        if !is_beside {
                            node.past.heard(now, node.role.stalled_for(now), direction);
                        }
                    }
                    self.nodes[id.0].role.apply(now, port, other);
                }
            }
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Observe(_))) {
            // A card that has run on tells at once that it was the machine that stood still.
            let is_by_card =
                matches!(&self.nodes[id.0].role, Role::Host(host) if matches!(host.config().hub(), ClockId::Phc(_)));
            self.nodes[id.0].watch.message(now, if is_by_card { NOTICE } else { GRACE });
        }
        let is_other_parent = effects.iter().any(|effect| matches!(effect, Effect::Parent(_)));
        effects.clear();
        self.effects = effects;
        if is_other_parent && self.has_wrong_masters {
            self.look_at_masters();
        }
        self.settle(id);
        self.look_at_helm(id);
    }

    /// The discipline's thread of a host goes round while its port's does not run; when it wants to be called next.
    fn round_without_port(&mut self, id: NodeId) -> Option<Timestamp<Mono>> {
        let now = self.now;
        let Self { nodes, queue, digest, .. } = self;
        let Role::Host(host) = &mut nodes[id.0].role else { return None };
        host.round(now);
        digest.snapshot(host.published());
        for (port, order) in host.take_orders() {
            queue.push(now, Event::Report { to: Plug { node: id, port }, order }).expect("a few reports");
        }
        let next = host.discipline_deadline(now);
        self.look_at_helm(id);
        Some(next)
    }

    /// What the rest of the node makes of it, and when it wants to be called next.
    fn settle(&mut self, id: NodeId) {
        let now = self.now;
        let Self { nodes, queue, digest, .. } = self;
        match &mut nodes[id.0].role {
            Role::Master(_) | Role::Server(_) => {}
            Role::Slave(slave) => {
                digest.snapshot(slave.published());
                if let Some(report) = slave.take_report() {
                    let (to, order) = (Plug { node: id, port: 0 }, Order::Clock(report));
                    queue.push(now, Event::Report { to, order }).expect("one report");
                }
            }
            Role::Host(host) => {
                host.round(now);
                digest.snapshot(host.published());
                for (port, order) in host.take_orders() {
                    queue.push(now, Event::Report { to: Plug { node: id, port }, order }).expect("a few reports");
                }
            }
        }
        if let Some(deadline) = self.nodes[id.0].role.deadline(now) {
            self.wake(id, deadline);
        }
    }

    /// A message leaves over every link of the port, or of one receiver over that to it.
    fn transmit(
        &mut self,
        plug: Plug,
        frame: &Frame,
        channel: Channel,
        token: Option<TxToken>,
        receiver: Option<Address>,
    ) {
        let (now, Plug { node: id, port }) = (self.now, plug);
        self.digest.bytes(frame.as_bytes());
        self.note_announce(frame.as_bytes());
        let Self { links, queue, nodes, .. } = self;
        let is_meant = |to: NodeId| receiver.is_none_or(|receiver| receiver == address_of(to));
        let hears = |to: NodeId| !matches!(nodes[to.0].role, Role::Server(_)) && is_meant(to);
        for link in links.iter_mut().filter(|link| link.from == id && link.ports.0 == port && hears(link.to)) {
            for passage in link.carry(now, frame.as_bytes()).into_iter().flatten() {
                // A transparent clock touches only what is stamped (10.2.2).
                let frame = if channel == Channel::Event { corrected(frame, passage.correction) } else { *frame };
                let (frame, to) = (Box::new(frame), Plug { node: link.to, port: link.ports.1 });
                let event = Event::Arrival { from: id, to, frame, channel, stamp: Taken::NotYet };
                queue.push(passage.arrival, event).expect("no scenario has so many messages under way");
            }
        }
        if let Some(token) = token {
            let node = &mut self.nodes[id.0];
            let (takes, comes) = node.stamps.tx.draw(&mut node.random);
            let reading = node.role.stamping(&self.truth, now, port);
            let stamp = node.stamps.stamp(Way::Out, reading, &mut node.random);
            self.push(now + takes, Event::TxStamp { of: plug, token, stamp: comes.then_some(stamp) });
        }
    }
}

/// The address of a node, by which it is sent to alone.
pub const fn address_of(NodeId(number): NodeId) -> Address {
    Address::V4([10, (number >> 16) as u8, (number >> 8) as u8, number as u8])
}

/// A frame with more in its correctionField (octets 8 to 15, units of 2^-16 ns; 13.3.2.9).
fn corrected(frame: &Frame, by: Duration) -> Frame {
    if by == Duration::ZERO {
        return *frame;
    }
    let bytes = frame.as_bytes();
    let mut whole = [0; crate::ptp::FRAME_MAX];
    whole[..bytes.len()].copy_from_slice(bytes);
    let mut field = [0; 8];
    field.copy_from_slice(&whole[8..16]);
    let sum = i64::from_be_bytes(field).saturating_add(by.ticks() as i64);
    whole[8..16].copy_from_slice(&sum.to_be_bytes());
    Frame::new(whole, bytes.len())
}

#[cfg(test)]
mod tests;
