//! The thread of one PTP port: packets and stamps in, engine, packets and observations out.
//!
//! It owns its sockets, and nobody else touches them. A round drains the error queue and both sockets, runs the
//! engine's timers, and sleeps until a packet, a stamp, a word from the discipline or the next deadline.

use std::io;
use std::thread::JoinHandle;

use super::events::{Event, FOREIGN_REPORTED_MAX, PortReport};
use super::thread::{Refusal, spawn_timing};
use super::wake::Sleeper;
use crate::clock::HostClock;
use crate::config::ThreadConfig;
use crate::engine::{Emit, Engine};
use crate::net::{Gone, LEDGER_MAX, PtpSockets};
use crate::ptp::{Channel, ClockReport, Counter, Effect, Grandmaster, Input, ParentInfo, Port, TxToken};
use crate::sharing::{Counters, Flag, Latch, Pulse, RingReader, RingWriter};
use crate::time::{Duration, LogInterval, Mono, Observation, Timestamp};

/// Messages from a port to the discipline that fit into the ring: two seconds at 128 exchanges a second.
pub const PORT_RING: usize = 512;
/// Reports from the discipline to a port that fit into the ring.
pub const REPORT_RING: usize = 16;
/// A port looks at its latch at least this often.
const ROUND_MAX: Duration = Duration::from_millis(250);
/// How often it reports what it sees.
const REPORT_EVERY: Duration = Duration::SECOND;
/// Rounds of one socket before the other gets its turn.
const BATCHES_MAX: usize = 8;
/// The most effects of one step.
const EFFECTS_MAX: usize = 24;

/// What a port tells the discipline.
#[derive(Clone, Copy, Debug)]
pub enum PortMessage {
    /// A measurement.
    Observation(Observation),
    /// The parent now.
    Parent(Option<ParentInfo>),
    /// The parent's Sync interval.
    SyncInterval(LogInterval),
}

/// The two engines that can run on a port thread.
pub trait PtpEngine: for<'a> Engine<Input<'a> = Input<'a>, Effect = Effect> + Send + 'static {
    /// What it sees, for people; `None` for an engine that reports nothing.
    fn report(&self, now: Timestamp<Mono>) -> Option<PortReport>;
}

impl PtpEngine for Port {
    fn report(&self, now: Timestamp<Mono>) -> Option<PortReport> {
        let mut foreign = [None; FOREIGN_REPORTED_MAX];
        for (place, seen) in foreign.iter_mut().zip(self.foreign_masters(now)) {
            *place = Some(seen);
        }
        let config = self.config();
        let domain = self.last_foreign_domain();
        let sdo_id = self.last_foreign_sdo_id();
        let other_domain = (domain.is_some() || sdo_id.is_some())
            .then(|| (domain.unwrap_or(config.domain), sdo_id.unwrap_or(config.sdo_id)));
        Some(PortReport { identity: config.port_identity(), state: self.state(), foreign, other_domain })
    }
}

impl PtpEngine for Grandmaster {
    fn report(&self, _: Timestamp<Mono>) -> Option<PortReport> {
        None
    }
}

/// The port's ends of everything that it shares.
#[derive(Debug)]
pub struct PortLinks {
    /// Its row in the configuration.
    pub port: u8,
    /// To the discipline; a grandmaster has none.
    pub to_discipline: Option<RingWriter<PortMessage>>,
    /// From the discipline.
    pub from_discipline: Option<RingReader<ClockReport>>,
    /// To the control thread.
    pub events: RingWriter<Event>,
    /// What the engine counts.
    pub counters: Counters<Counter>,
    /// A sign of life.
    pub pulse: Pulse,
    /// Asks it to end.
    pub stop: Latch,
    /// Whether the interface has a link, as the control thread sees it.
    pub link: Flag,
    /// What wakes it.
    pub sleeper: Sleeper,
}

/// Starts the thread.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_port<E: PtpEngine>(
    name: &'static str,
    config: ThreadConfig,
    engine: E,
    sockets: PtpSockets,
    links: PortLinks,
) -> io::Result<JoinHandle<()>> {
    spawn_timing(name, config, move |refused: &[Option<Refusal>; 2]| {
        let mut thread = PortThread {
            engine,
            sockets,
            links,
            clock: HostClock,
            pending: [None; LEDGER_MAX + 2],
            pending_len: 0,
            report_at: Timestamp::EPOCH,
            is_failing: false,
            is_up: true,
            unsaid: Unsaid::default(),
        };
        for what in refused.iter().flatten() {
            thread.links.events.push(Event::Refused { thread: name, what: *what });
        }
        while !thread.links.stop.is_set() {
            thread.round();
        }
    })
}

/// What the engine must still be told: a message is gone, or its send failed.
#[derive(Clone, Copy, Debug)]
enum Told {
    Gone(Gone),
    SendFailed(Option<TxToken>),
}

struct PortThread<E> {
    engine: E,
    sockets: PtpSockets,
    links: PortLinks,
    clock: HostClock,
    pending: [Option<Told>; LEDGER_MAX + 2],
    pending_len: usize,
    report_at: Timestamp<Mono>,
    is_failing: bool,
    is_up: bool,
    unsaid: Unsaid,
}

impl<E: PtpEngine> PortThread<E> {
    fn round(&mut self) {
        let now = self.clock.mono();
        self.links.pulse.beat(now);
        self.unsaid.say(&mut self.links);
        if self.links.link.is_set() != self.is_up {
            self.is_up = !self.is_up;
            self.step(now, Input::Link { up: self.is_up });
        }
        self.take_stamps(now);
        // The general socket last: a Follow_Up is worth most when its Sync has been seen.
        for channel in [Channel::Event, Channel::General] {
            self.take_packets(channel, now);
        }
        while let Some(report) = self.links.from_discipline.as_mut().and_then(RingReader::pop) {
            self.step(now, Input::Clock(report));
        }
        if self.engine.deadline().is_none_or(|deadline| deadline <= now) {
            self.step(now, Input::Tick { local: self.clock.stamping() });
        }
        if now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            if let Some(report) = self.engine.report(now) {
                self.links.events.push(Event::Report { port: self.links.port, report });
            }
        }
        self.sleep();
    }

    fn sleep(&self) {
        let now = self.clock.mono();
        let deadlines = [self.engine.deadline(), self.sockets.deadline(), Some(now + ROUND_MAX)];
        let deadline = deadlines.into_iter().flatten().min().unwrap_or(now);
        let fds = [self.sockets.event_fd(), self.sockets.general_fd()];
        let inbox = &self.links.from_discipline;
        self.links.sleeper.sleep(fds, now, deadline, || inbox.as_ref().is_some_and(|inbox| !inbox.is_empty()));
    }

    fn take_stamps(&mut self, now: Timestamp<Mono>) {
        let (pending, len) = (&mut self.pending, &mut self.pending_len);
        self.sockets.drain_stamps(now, |gone| remember(pending, len, Told::Gone(gone)));
        self.tell_pending(now);
    }

    fn take_packets(&mut self, channel: Channel, now: Timestamp<Mono>) {
        for _ in 0..BATCHES_MAX {
            let (engine, links, unsaid) = (&mut self.engine, &mut self.links, &mut self.unsaid);
            let mut effects = Effects::default();
            let received = self.sockets.receive(channel, |arrived| {
                let input = Input::Received { bytes: arrived.bytes, channel: arrived.channel, stamp: arrived.stamp };
                engine.step(now, input, &mut Emit(|effect| effects.take(effect, links, unsaid, now)));
            });
            // What must be sent waits until the batch's buffer is free again.
            self.send_all(&effects, now);
            self.tell_pending(now);
            if !matches!(received, Ok(true)) {
                return;
            }
        }
    }

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>) {
        let mut effects = Effects::default();
        let (links, unsaid) = (&mut self.links, &mut self.unsaid);
        self.engine.step(now, input, &mut Emit(|effect| effects.take(effect, links, unsaid, now)));
        self.send_all(&effects, now);
        self.tell_pending(now);
    }

    /// Tells the engine what became of its messages, until there is nothing more to tell.
    fn tell_pending(&mut self, now: Timestamp<Mono>) {
        while self.pending_len > 0 {
            self.pending_len -= 1;
            let input = match self.pending[self.pending_len].take() {
                Some(Told::Gone(Gone { token, stamp })) => Input::Sent { token, stamp },
                Some(Told::SendFailed(token)) => Input::SendFailed { token },
                None => continue,
            };
            let mut effects = Effects::default();
            let (links, unsaid) = (&mut self.links, &mut self.unsaid);
            self.engine.step(now, input, &mut Emit(|effect| effects.take(effect, links, unsaid, now)));
            self.send_all(&effects, now);
        }
    }

    fn send_all(&mut self, effects: &Effects, now: Timestamp<Mono>) {
        for (frame, channel, token) in effects.sends.iter().flatten().copied() {
            let (pending, len) = (&mut self.pending, &mut self.pending_len);
            let sent = self.sockets.send(&frame, channel, token, now, |gone| remember(pending, len, Told::Gone(gone)));
            if let Err(error) = &sent {
                remember(&mut self.pending, &mut self.pending_len, Told::SendFailed(token));
                if !self.is_failing {
                    let errno = error.raw_os_error().unwrap_or_default();
                    self.links.events.push(Event::SendFailed { port: self.links.port, errno });
                }
            }
            self.is_failing = sent.is_err();
        }
    }
}

fn remember(pending: &mut [Option<Told>], len: &mut usize, told: Told) {
    if let Some(place) = pending.get_mut(*len) {
        *place = Some(told);
        *len += 1;
    }
}

type Outgoing = (crate::ptp::Frame, Channel, Option<TxToken>);

/// The effects of a step: sends wait here, everything else goes on at once.
#[derive(Default)]
struct Effects {
    sends: [Option<Outgoing>; EFFECTS_MAX],
    len: usize,
}

impl Effects {
    fn take(&mut self, effect: Effect, links: &mut PortLinks, unsaid: &mut Unsaid, now: Timestamp<Mono>) {
        match effect {
            Effect::Send { frame, channel, token } => {
                if let Some(place) = self.sends.get_mut(self.len) {
                    *place = Some((frame, channel, token));
                    self.len += 1;
                }
            }
            Effect::Observe(observation) => {
                // One that finds the ring full is lost, and counted; the next one says as much.
                unsaid.say(links);
                links.say(PortMessage::Observation(observation));
            }
            Effect::SyncInterval(interval) => {
                unsaid.interval = Some(PortMessage::SyncInterval(interval));
                unsaid.say(links);
                links.events.push(Event::SyncInterval { port: links.port, interval });
            }
            Effect::Parent(parent) => {
                unsaid.parent = Some(PortMessage::Parent(parent));
                unsaid.say(links);
                links.events.push(Event::Parent { port: links.port, parent });
            }
            Effect::State { from, to, reason } => {
                links.events.push(Event::PortState { port: links.port, from, to, reason });
            }
            Effect::Count(counter) => {
                if counter == Counter::ReceivedAnnounce && links.counters.get(counter) == 0 {
                    links.events.push(Event::FirstAnnounce(now));
                }
                links.counters.count(counter);
            }
        }
    }
}

impl PortLinks {
    /// Tells the discipline; false if its ring is full. A grandmaster has nobody to tell.
    fn say(&mut self, message: PortMessage) -> bool {
        self.to_discipline.as_mut().is_none_or(|ring| ring.push(message))
    }
}

/// What the discipline must hear in the end, however full its ring was: the latest of each, as the message itself.
#[derive(Default)]
struct Unsaid {
    parent: Option<PortMessage>,
    interval: Option<PortMessage>,
}

impl Unsaid {
    fn say(&mut self, links: &mut PortLinks) {
        for unsaid in [&mut self.parent, &mut self.interval] {
            if unsaid.is_some_and(|message| links.say(message)) {
                *unsaid = None;
            }
        }
    }
}
