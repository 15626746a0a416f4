//! The ports, as the discipline sees them.

use crate::clock::{ArbPolicy, KnownPort, ToServe, choose_port, decide_for_all};
use crate::config::PTP_PORTS_MAX;
use crate::discipline::Reference;
use crate::ptp::{ClockReport, Forwarded, PortView, Role};
use crate::runtime::port::{PortMessage, PortOrder};
use crate::sharing::{RingReader, RingWriter};
use crate::time::{ClockId, LogInterval, Observation, SourceId, TaiUtc};
use crate::wire::ptp::ClockIdentity;

pub use crate::clock::PortPlace;

/// A port, as the discipline sees it.
#[derive(Debug)]
pub struct PortInlet {
    /// From the port.
    pub messages: RingReader<PortMessage>,
    /// From the port: what is handed on of its parent's Announce.
    pub forwards: RingReader<Forwarded>,
    /// To the port.
    pub reports: RingWriter<PortOrder>,
    /// What is known of it.
    known: KnownPort,
    /// The step that it must still be told.
    untold: Option<u32>,
}

impl PortInlet {
    /// A port that has just started.
    pub fn new(
        (messages, forwards): (RingReader<PortMessage>, RingReader<Forwarded>),
        reports: RingWriter<PortOrder>,
        place: PortPlace,
        arb_timescale: Option<ArbPolicy>,
    ) -> Self {
        Self { messages, forwards, reports, known: KnownPort::new(place, arb_timescale), untold: None }
    }
}

fn known_of(port: &mut Option<PortInlet>) -> Option<&mut KnownPort> {
    port.as_mut().map(|inlet| &mut inlet.known)
}

/// What a message of a port means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taken {
    /// Nothing to do.
    Nothing,
    /// A measurement that counts.
    Observation(Observation),
    /// Its parent, interval or clock is another one.
    Changed,
}

/// All of them, by their rows in the configuration.
#[derive(Debug, Default)]
pub(super) struct Inlets {
    ports: [Option<PortInlet>; PTP_PORTS_MAX],
    /// Counts the steps of any clock.
    steps: u32,
}

impl Inlets {
    pub(super) fn len(&self) -> usize {
        self.ports.len()
    }

    pub(super) fn set(&mut self, port: usize, inlet: Option<PortInlet>) {
        if let Some(place) = self.ports.get_mut(port) {
            *place = inlet;
        }
    }

    /// Whether a port has said something, `except` this one.
    pub(super) fn have_messages(&self, except: Option<usize>) -> bool {
        let others = self.ports.iter().enumerate().filter(|(row, _)| Some(*row) != except);
        others.filter_map(|(_, port)| port.as_ref()).any(|inlet| !inlet.messages.is_empty())
    }

    pub(super) fn pop(&mut self, port: usize) -> Option<PortMessage> {
        self.ports[port].as_mut()?.messages.pop()
    }

    pub(super) fn take(&mut self, port: usize, message: PortMessage) -> Taken {
        let Some(inlet) = &mut self.ports[port] else { return Taken::Nothing };
        let known = &mut inlet.known;
        match message {
            PortMessage::Observation(_) if known.is_of_before() => Taken::Nothing,
            PortMessage::Observation(observation) => Taken::Observation(observation),
            PortMessage::Flushed(step) => {
                known.flushed(step);
                Taken::Nothing
            }
            PortMessage::Clock(clock) => {
                known.clock = clock;
                Taken::Changed
            }
            PortMessage::SyncInterval(interval) => {
                known.sync_interval = Some(interval);
                Taken::Changed
            }
            PortMessage::Best(best) => {
                // What follows from it is decided with what is published after this round.
                known.best = best;
                Taken::Nothing
            }
            PortMessage::Parent(parent) => {
                known.parent = parent;
                Taken::Changed
            }
        }
    }

    /// The clock that hears a port's parent, what that parent is, and how often it sends; `None` without a parent.
    pub(super) fn heard(
        &self,
        port: usize,
        fallback: Option<TaiUtc>,
    ) -> Option<(ClockId, Reference, Option<LogInterval>)> {
        self.ports[port].as_ref()?.known.heard(SourceId(port as u16), fallback)
    }

    /// Which port to follow, as [`choose_port`].
    pub(super) fn choose(&self, followed: Option<usize>, fallback: Option<TaiUtc>) -> Option<usize> {
        choose_port(self.len(), followed, |port| {
            self.heard(port, fallback).map(|(_, reference, _)| reference.timescale.is_usable())
        })
    }

    /// A clock was stepped: what its ports measure is of before until they have thrown it away.
    pub(super) fn stepped(&mut self, clock: ClockId) {
        self.steps = self.steps.wrapping_add(1);
        for inlet in self.ports.iter_mut().flatten().filter(|inlet| inlet.known.clock == clock) {
            inlet.untold = Some(self.steps);
            inlet.known.stepped(self.steps);
        }
        self.tell_steps();
    }

    /// Tells ports of a step that they have not heard of; a full ring is tried again.
    pub(super) fn tell_steps(&mut self) {
        for inlet in self.ports.iter_mut().flatten() {
            let Some(epoch) = inlet.untold else { continue };
            let report = ClockReport { stepped: true, epoch, ..ClockReport::default() };
            if inlet.reports.push(PortOrder::Clock(report)) {
                inlet.untold = None;
            }
        }
    }

    /// Tells each port something; one that is no news does not wake it.
    pub(super) fn tell(&mut self, is_news: bool, report: impl Fn(usize) -> ClockReport) {
        for (port, inlet) in self.ports.iter_mut().enumerate() {
            if let Some(inlet) = inlet {
                let order = PortOrder::Clock(report(port));
                _ = if is_news { inlet.reports.push(order) } else { inlet.reports.push_quietly(order) };
            }
        }
    }

    /// Whether there is a port that may be master.
    pub(super) fn may_serve(&self) -> bool {
        self.ports.iter().flatten().any(|inlet| inlet.known.place.role != Role::Slave)
    }

    /// The identity of the first of the ports that may be master: the clock's.
    pub(super) fn identity(&self) -> ClockIdentity {
        let serving = self.ports.iter().flatten().find(|inlet| inlet.known.place.role != Role::Slave);
        serving.map_or_else(ClockIdentity::default, |inlet| inlet.known.place.identity.clock_identity)
    }

    /// The PHCs whose stamps the ports serve by.
    pub(super) fn serving_phcs(&self) -> impl Iterator<Item = usize> + '_ {
        let serving = self.ports.iter().flatten().filter(|inlet| inlet.known.place.role != Role::Slave);
        serving.filter_map(
            |inlet| if let ClockId::Phc(index) = inlet.known.clock { Some(usize::from(index)) } else { None },
        )
    }

    /// Says to each port that may be master what to be, if that is another thing than it was told; a full ring is tried
    /// again. `steers` is the port whose parent steers the clock.
    pub(super) fn decide(&mut self, serve: &ToServe<'_>) {
        for inlet in self.ports.iter_mut().flatten() {
            while let Some(forwarded) = inlet.forwards.pop() {
                inlet.known.forwarded = forwarded;
            }
        }
        let mut views: [Option<PortView>; PTP_PORTS_MAX] = [None; PTP_PORTS_MAX];
        decide_for_all(&mut self.ports, known_of, &mut views, serve, |_, port, decision| {
            port.as_mut().is_some_and(|inlet| inlet.reports.push(PortOrder::Decision(*decision)))
        });
    }
}
