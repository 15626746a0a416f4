//! Where the effects of a port's engine go: to the discipline, to the control thread, or back to the port to be sent.

use super::{PortLinks, PortMessage};
use crate::net::Outgoing;
use crate::ptp::{Channel, Counter, Effect, FRAME_MAX, Forwarded, Frame, PortState, TxToken};
use crate::runtime::events::Event;
use crate::time::{ClockId, LogInterval, Mono, Observation, Timestamp};

/// The most messages of one batch of packets that arrived: a Signaling message can be answered by four, all others by one. What
/// is more is counted, and not sent.
pub(super) const SENDS_MAX: usize = 256;

/// A Follow_Up, or what a mechanism of its own follows with.
const TOLD_SENDS_MAX: usize = 4;

/// The effects of one step, or of several: sends wait here, everything else goes on at once.
pub(super) struct Effects {
    sends: Box<[(Outgoing, Option<TxToken>)]>,
    len: usize,
}

impl Default for Effects {
    fn default() -> Self {
        let frame = Frame::new([0; FRAME_MAX], 0);
        let none = (Outgoing { frame, channel: Channel::General, to: None }, None);
        Self { sends: vec![none; SENDS_MAX].into(), len: 0 }
    }
}

impl Effects {
    /// Whether there is room for what a step sends that is told of one message.
    pub fn have_room(&self) -> bool {
        self.len + TOLD_SENDS_MAX <= SENDS_MAX
    }

    /// What waits to be sent; it waits no more.
    pub fn take_sends(&mut self) -> &[(Outgoing, Option<TxToken>)] {
        &self.sends[..std::mem::take(&mut self.len)]
    }

    pub fn take(&mut self, effect: &Effect, outlet: &mut Outlet, now: Timestamp<Mono>) {
        let Effect::Send { frame, channel, token, to } = effect else { return outlet.take(effect, now) };
        let Some(place) = self.sends.get_mut(self.len) else {
            return outlet.links.counters.count(Counter::SendFailed);
        };
        *place = (Outgoing { frame: *frame, channel: *channel, to: *to }, *token);
        self.len += 1;
        outlet.asked += u32::from(token.is_some());
    }
}

/// What has been told, and what must still be.
pub(super) struct Outlet {
    pub links: PortLinks,
    /// The socket that is being read.
    pub channel: Channel,
    /// A Sync was measured since this was last set to false.
    pub has_forward: bool,
    /// Requests whose answers have not been read, as far as is known.
    asked: u32,
    /// The discipline was told something that it should look at now, since a round last said so.
    pub has_told: bool,
    /// The port has come to another state since this was last set to false.
    pub has_new_state: bool,
    /// The parent's Sync interval.
    pub sync_interval: LogInterval,
    clock: ClockId,
    is_slave: bool,
    is_master: bool,
    /// The last Sync that was measured became so by its Follow_Up.
    by_follow_up: bool,
    unsaid: Unsaid,
}

impl Outlet {
    /// A port whose stamps are of this clock.
    pub fn new(links: PortLinks, clock: ClockId) -> Self {
        let unsaid = Unsaid { clock: Some(PortMessage::Clock(clock)), ..Unsaid::default() };
        Self {
            links,
            channel: Channel::Event,
            has_forward: false,
            asked: 0,
            has_told: false,
            has_new_state: false,
            sync_interval: LogInterval::new(0),
            clock,
            is_slave: false,
            is_master: false,
            by_follow_up: false,
            unsaid,
        }
    }

    /// Another clock stamps from now on.
    pub fn set_clock(&mut self, clock: ClockId) {
        self.clock = clock;
        self.unsaid.clock = Some(PortMessage::Clock(clock));
        self.say();
    }

    /// The engine has thrown its halves away.
    pub fn flushed(&mut self, epoch: u32) {
        self.unsaid.flushed = Some(PortMessage::Flushed(epoch));
        self.say();
    }

    /// Whether the port follows a two-step master and is calibrated: nothing is urgent then but Follow_Up.
    pub fn is_two_step(&self) -> bool {
        self.is_slave && self.by_follow_up
    }

    /// Whether the port is master: what comes are mostly requests.
    pub fn is_master(&self) -> bool {
        self.is_master
    }

    /// Whether there may be an answer that has not been read.
    pub fn awaits_answers(&self) -> bool {
        self.asked > 0
    }

    /// Everything that has come has been read.
    pub fn all_is_read(&mut self) {
        self.asked = 0;
    }

    /// Says what could not be said before.
    pub fn say(&mut self) {
        self.has_told |= self.unsaid.say(&mut self.links);
    }

    fn take(&mut self, effect: &Effect, now: Timestamp<Mono>) {
        let port = self.links.port;
        match *effect {
            Effect::Send { .. } => {}
            Effect::Observe(observation) => self.observe(observation),
            Effect::SyncInterval(interval) => {
                self.sync_interval = interval;
                self.unsaid.interval = Some(PortMessage::SyncInterval(interval));
                self.say();
                self.links.events.push(Event::SyncInterval { port, interval });
            }
            Effect::Forward(forwarded) => {
                self.unsaid.forwarded = Some(forwarded);
                self.say();
            }
            Effect::Best(best) => {
                self.unsaid.best = Some(PortMessage::Best(best));
                self.say();
            }
            Effect::Parent(parent) => {
                self.unsaid.parent = Some(PortMessage::Parent(parent));
                self.say();
                self.links.events.push(Event::Parent { port, parent });
            }
            Effect::State { from, to, reason } => {
                self.is_slave = to == PortState::Slave;
                self.is_master = to == PortState::Master;
                self.has_new_state = true;
                self.links.events.push(Event::PortState { port, from, to, reason });
            }
            Effect::Count(counter) => {
                if counter == Counter::ReceivedAnnounce && self.links.counters.get(counter) == 0 {
                    self.links.events.push(Event::FirstAnnounce(now));
                }
                self.links.counters.count(counter);
            }
        }
    }

    fn observe(&mut self, observation: Observation) {
        let is_forward = matches!(observation.sent.clock, ClockId::Remote(_));
        if !is_forward {
            self.asked = self.asked.saturating_sub(1);
        }
        let stamp = if is_forward { observation.received } else { observation.sent };
        // A half that has waited since before a change of the clock.
        if stamp.clock != self.clock {
            return;
        }
        // One that finds the ring full is lost, and counted; the next one says as much.
        self.say();
        let Some(ring) = &mut self.links.to_discipline else { return };
        if is_forward {
            self.has_forward = true;
            self.by_follow_up = self.channel == Channel::General;
        }
        // The path's delay is the less urgent half: of a calibrated port it waits for the next Sync.
        if is_forward || !self.is_slave {
            ring.push(PortMessage::Observation(observation));
            self.has_told = true;
        } else {
            ring.push_quietly(PortMessage::Observation(observation));
        }
    }
}

impl PortLinks {
    /// Tells the discipline; false if its ring is full. A grandmaster has nobody to tell.
    fn say(&mut self, message: PortMessage) -> bool {
        self.to_discipline.as_mut().is_none_or(|ring| ring.push(message))
    }

    /// The same, of what is handed on.
    fn forward(&mut self, forwarded: Forwarded) -> bool {
        self.forwards.as_mut().is_none_or(|ring| ring.push(forwarded))
    }
}

/// What the discipline must hear in the end, however full its ring was: the latest of each, as the message itself.
#[derive(Default)]
struct Unsaid {
    flushed: Option<PortMessage>,
    clock: Option<PortMessage>,
    best: Option<PortMessage>,
    parent: Option<PortMessage>,
    interval: Option<PortMessage>,
    forwarded: Option<Forwarded>,
}

impl Unsaid {
    /// Whether anything could be said.
    fn say(&mut self, links: &mut PortLinks) -> bool {
        let mut has_said = false;
        if self.forwarded.is_some_and(|forwarded| links.forward(forwarded)) {
            self.forwarded = None;
        }
        for unsaid in [&mut self.flushed, &mut self.clock, &mut self.best, &mut self.parent, &mut self.interval] {
            if unsaid.is_some_and(|message| links.say(message)) {
                *unsaid = None;
                has_said = true;
            }
        }
        has_said
    }
}
