//! The ports, as the discipline sees them.

use crate::clock::{ArbPolicy, reference_of};
use crate::config::PTP_PORTS_MAX;
use crate::discipline::Reference;
use crate::ptp::{
    Announcement, ClockReport, ComparisonRule, DataSet, Decision, Forwarded, ParentInfo, PortView, Role, decide_for,
};
use crate::runtime::port::{PortMessage, PortOrder};
use crate::sharing::{RingReader, RingWriter};
use crate::time::{ClockId, LogInterval, Observation, SourceId, StampSource, TaiUtc};
use crate::wire::ptp::{ClockIdentity, PortIdentity};

/// Where a port stands among the others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PortPlace {
    /// portIdentity.
    pub identity: PortIdentity,
    /// domainNumber and sdoId.
    pub domain: (u8, u16),
    /// What it may become.
    pub role: Role,
    /// How masters are compared.
    pub comparison: ComparisonRule,
}

/// A port, as the discipline sees it.
#[derive(Debug)]
pub struct PortInlet {
    /// From the port.
    pub messages: RingReader<PortMessage>,
    /// From the port: what is handed on of its parent's Announce.
    pub forwards: RingReader<Forwarded>,
    /// To the port.
    pub reports: RingWriter<PortOrder>,
    /// Who it is, in which domain, and what it may become.
    place: PortPlace,
    /// How its ARB time is read; `None`: by who takes its stamps.
    pub arb_timescale: Option<ArbPolicy>,
    /// The clock of its stamps.
    clock: ClockId,
    parent: Option<ParentInfo>,
    /// The best master that it hears, if it may be slave or master.
    best: Option<DataSet>,
    /// What it was told to be.
    decision: Option<Decision>,
    sync_interval: Option<LogInterval>,
    forwarded: Forwarded,
    /// The step that it must still be told.
    untold: Option<u32>,
    /// The step whose halves of measurements it has not yet thrown away: what it measures is of before that.
    unflushed: Option<u32>,
}

impl PortInlet {
    /// A port that has just started.
    pub fn new(
        (messages, forwards): (RingReader<PortMessage>, RingReader<Forwarded>),
        reports: RingWriter<PortOrder>,
        place: PortPlace,
        arb_timescale: Option<ArbPolicy>,
    ) -> Self {
        Self {
            messages,
            forwards,
            reports,
            place,
            arb_timescale,
            clock: ClockId::System,
            parent: None,
            best: None,
            decision: None,
            sync_interval: None,
            forwarded: Forwarded::NONE,
            untold: None,
            unflushed: None,
        }
    }

    /// As the decision sees it. A port that can only follow hears its parent and nobody else.
    fn view(&self, steers: bool) -> PortView {
        let PortPlace { identity, domain, role, comparison } = self.place;
        let of_parent = |parent: ParentInfo| DataSet {
            priority1: parent.priority1,
            grandmaster: parent.grandmaster,
            quality: parent.quality,
            priority2: parent.priority2,
            steps_removed: parent.steps_removed.saturating_sub(1),
            sender: parent.port,
            receiver: identity,
            local_priority: comparison.of_heard(),
        };
        let heard = if role == Role::Slave { self.parent.map(of_parent) } else { self.best };
        let counts_tai =
            self.parent.is_some_and(|parent| parent.time_properties.ptp_timescale) || self.policy() == ArbPolicy::Tai;
        let (parent, forwarded) = (self.parent, self.forwarded);
        PortView { identity, domain, role, comparison, heard, parent, steers, counts_tai, forwarded }
    }

    fn policy(&self) -> ArbPolicy {
        let stamps = if self.clock == ClockId::System { StampSource::Kernel } else { StampSource::Hardware };
        self.arb_timescale.unwrap_or(ArbPolicy::automatic(stamps))
    }
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
        match message {
            PortMessage::Observation(_) if inlet.unflushed.is_some() => Taken::Nothing,
            PortMessage::Observation(observation) => Taken::Observation(observation),
            PortMessage::Flushed(step) => {
                if inlet.unflushed == Some(step) {
                    inlet.unflushed = None;
                }
                Taken::Nothing
            }
            PortMessage::Clock(clock) => {
                inlet.clock = clock;
                Taken::Changed
            }
            PortMessage::SyncInterval(interval) => {
                inlet.sync_interval = Some(interval);
                Taken::Changed
            }
            PortMessage::Best(best) => {
                // What follows from it is decided with what is published after this round.
                inlet.best = best;
                Taken::Nothing
            }
            PortMessage::Parent(parent) => {
                inlet.parent = parent;
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
        let inlet = self.ports[port].as_ref()?;
        let parent = inlet.parent.as_ref()?;
        let reference = reference_of(SourceId(port as u16), parent, inlet.policy(), fallback);
        Some((inlet.clock, reference, inlet.sync_interval))
    }

    /// Which port to follow: the one that is, while it has a parent; else the first with a parent of usable time; else the
    /// first with a parent.
    pub(super) fn choose(&self, followed: Option<usize>, fallback: Option<TaiUtc>) -> Option<usize> {
        let with_parent = |port: &usize| self.heard(*port, fallback).is_some();
        let usable =
            |port: &usize| self.heard(*port, fallback).is_some_and(|(_, reference, _)| reference.timescale.is_usable());
        let kept = followed.filter(with_parent);
        let first = || (0..self.len()).find(usable).or_else(|| (0..self.len()).find(with_parent));
        kept.or_else(first)
    }

    /// A clock was stepped: what its ports measure is of before until they have thrown it away.
    pub(super) fn stepped(&mut self, clock: ClockId) {
        self.steps = self.steps.wrapping_add(1);
        for inlet in self.ports.iter_mut().flatten().filter(|inlet| inlet.clock == clock) {
            inlet.untold = Some(self.steps);
            inlet.unflushed = Some(self.steps);
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
        self.ports.iter().flatten().any(|inlet| inlet.place.role != Role::Slave)
    }

    /// The identity of the first of the ports that may be master: the clock's.
    pub(super) fn identity(&self) -> ClockIdentity {
        let serving = self.ports.iter().flatten().find(|inlet| inlet.place.role != Role::Slave);
        serving.map_or_else(ClockIdentity::default, |inlet| inlet.place.identity.clock_identity)
    }

    /// The PHCs whose stamps the ports serve by.
    pub(super) fn serving_phcs(&self) -> impl Iterator<Item = usize> + '_ {
        let serving = self.ports.iter().flatten().filter(|inlet| inlet.place.role != Role::Slave);
        serving.filter_map(|inlet| if let ClockId::Phc(index) = inlet.clock { Some(usize::from(index)) } else { None })
    }

    /// Says to each port that may be master what to be, if that is another thing than it was told; a full ring is tried
    /// again. `steers` is the port whose parent steers the clock.
    pub(super) fn decide(&mut self, own: &Announcement, has_time: bool, steers: Option<usize>) {
        for inlet in self.ports.iter_mut().flatten() {
            while let Some(forwarded) = inlet.forwards.pop() {
                inlet.forwarded = forwarded;
            }
        }
        let views: [Option<PortView>; PTP_PORTS_MAX] = std::array::from_fn(|port| {
            let inlet = self.ports[port].as_ref()?;
            Some(inlet.view(steers == Some(port)))
        });
        for (inlet, view) in self.ports.iter_mut().zip(&views) {
            let (Some(inlet), Some(view)) = (inlet, view) else { continue };
            if view.role == Role::Slave {
                continue;
            }
            let own = Announcement { grandmaster: view.identity.clock_identity, ..*own };
            let decision = decide_for(view, &views, &own, has_time);
            if inlet.decision != Some(decision) && inlet.reports.push(PortOrder::Decision(decision)) {
                inlet.decision = Some(decision);
            }
        }
    }
}
