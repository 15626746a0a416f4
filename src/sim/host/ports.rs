//! The PTP ports of a host: on their threads, and as the discipline sees them.

use super::{GNSS_SOURCE, Host, HostConfig, Message, RING_MAX, TELL_PORT_EVERY};
use crate::clock::{KnownPort, PortPlace, ServedLine, ToServe, choose_port, decide_for_all};
use crate::engine::{Engine, Taped};
use crate::ptp::{Announcement, ClockReport, Config, Decision, Effect, Input, Port, PortView, Role, Steered, has_time};
use crate::sim::NTP_SOURCE;
use crate::sim::node::Effects;
use crate::time::{ClockId, Duration, Local, Mono, SourceId, Timestamp};
use crate::wire::ptp::TimeSource;

/// One port.
#[derive(Debug)]
pub(super) struct HostPort {
    pub engine: Taped<Port>,
    /// What the discipline knows of it.
    pub known: KnownPort,
    /// What it knows of the served time.
    served: ServedLine,
}

/// All ports of a host.
pub(super) fn all(config: &HostConfig) -> Vec<HostPort> {
    let configs = std::iter::once(&config.ptp).chain(&config.more_ports).enumerate();
    configs
        .map(|(place, port)| {
            let first = &config.ptp;
            let number = first.port_number + place as u16;
            let source = SourceId(first.source.0 + place as u16);
            let port = Config { identity: first.identity, port_number: number, source, ..*port };
            let seat = PortPlace {
                identity: port.port_identity(),
                domain: (port.domain, port.sdo_id),
                role: port.role,
                comparison: port.comparison,
            };
            let mut known = KnownPort::new(seat, config.arb);
            known.clock = config.stamping(place);
            HostPort { engine: Taped::new(Port::new(port)), known, served: ServedLine::NEW }
        })
        .collect()
}

/// What the discipline tells a port.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Order {
    /// What it has done to the clock.
    Clock(ClockReport),
    /// What the port is to be.
    Decision(Box<Decision>),
}

impl Order {
    /// As the port is told it.
    pub fn input(self) -> Input<'static> {
        match self {
            Self::Clock(report) => Input::Clock(report),
            Self::Decision(decision) => Input::Decision(*decision),
        }
    }
}

impl Host {
    /// All ports, in their order.
    pub fn ports(&self) -> impl ExactSizeIterator<Item = &Port> {
        self.ports.iter().map(|port| &*port.engine)
    }

    /// What it says of itself as a grandmaster; `None`: no port may be master.
    pub fn own(&self) -> Option<&Announcement> {
        self.own.as_ref()
    }

    /// Whether the stamps of its first port mean anything.
    pub fn can_serve(&self) -> bool {
        match self.ports[0].known.clock {
            ClockId::Phc(index) => self.lines.0[usize::from(index)].is_some(),
            _ => true,
        }
    }

    /// The port whose parent steers.
    pub fn followed(&self) -> Option<usize> {
        self.followed
    }

    /// Its priority1 is another one from now on.
    pub(in crate::sim) fn set_priority1(&mut self, priority1: u8) {
        self.config.ptp_clock.priority1 = priority1;
        self.publish_at = self.ticked_at;
    }

    // ---- The ports' threads ----

    /// The clock that stamps a port, and what that reads.
    pub(in crate::sim) fn stamping(&mut self, now: Timestamp<Mono>, port: u8) -> (ClockId, Timestamp<Local>) {
        let clock = self.config.stamping(usize::from(port));
        let reading = match clock {
            ClockId::Phc(index) => self.phc(index, now).map(|phc| phc.reading()),
            _ => None,
        };
        (clock, reading.unwrap_or_else(|| self.system(now).reading()))
    }

    /// Whether a timer of a port is due.
    pub(in crate::sim) fn is_port_due(&self, now: Timestamp<Mono>, port: u8) -> bool {
        let due = self.ports[usize::from(port)].engine.deadline();
        due.is_some_and(|at| at <= self.mono(now))
    }

    pub(super) fn ports_deadline(&self) -> Option<Timestamp<Mono>> {
        self.ports.iter().filter_map(|port| port.engine.deadline()).min()
    }

    pub(in crate::sim) fn step(&mut self, now: Timestamp<Mono>, port: u8, input: Input<'_>, out: &mut Effects) {
        let mono = self.mono(now);
        let Self { ports, published, lines, .. } = self;
        let HostPort { engine, known, served } = &mut ports[usize::from(port)];
        if known.place.role != Role::Slave
            && let Some(line) = served.news(mono, known.clock, published, || Some(*lines))
        {
            engine.step(mono, Input::Line(line), out);
        }
        engine.step(mono, input, out);
        if let Input::Clock(ClockReport { stepped: true, epoch, .. }) = input {
            self.tell_discipline(now, Message::Flushed(usize::from(port), epoch));
        }
    }

    pub(in crate::sim) fn apply(&mut self, now: Timestamp<Mono>, port: u8, effect: &Effect) {
        let of = usize::from(port);
        match effect {
            Effect::Observe(observation) => self.tell_discipline(now, Message::Observation(of, *observation)),
            Effect::Parent(parent) => {
                self.record.follows(now, parent.map(|parent| parent.grandmaster));
                self.tell_discipline(now, Message::Parent(of, *parent));
            }
            Effect::SyncInterval(interval) => self.tell_discipline(now, Message::SyncInterval(of, *interval)),
            Effect::Best(best) => self.tell_discipline(now, Message::Best(of, *best)),
            Effect::Forward(forwarded) => self.tell_discipline(now, Message::Forward(of, *forwarded)),
            Effect::Count(counter) => self.record.counted(*counter),
            // Sent by the world; the state of the port is read from the port.
            Effect::Send { .. } | Effect::State { .. } => {}
        }
    }

    pub(super) fn tell_discipline(&mut self, now: Timestamp<Mono>, message: Message) {
        if self.ring.len() < RING_MAX * self.ports.len() {
            self.ring.push_back(message);
        } else {
            self.overflows += 1;
            self.overflows_awake += u64::from(now >= self.stalled_until);
        }
    }

    /// What the ports are to be told.
    pub(in crate::sim) fn take_orders(&mut self) -> std::vec::Drain<'_, (u8, Order)> {
        self.orders.drain(..)
    }

    // ---- The discipline's thread ----

    /// Whether what a port measures counts.
    pub(super) fn heeds(&self, port: usize) -> bool {
        let is_followed = self.followed == Some(port) || self.cascade.has_helm() || self.ports.len() == 1;
        is_followed && !self.ports[port].known.is_of_before()
    }

    /// Something is new of what a port follows.
    pub(super) fn choose(&mut self, now: Timestamp<Mono>, port: usize) {
        let fallback = self.cascade.leap().known();
        let heard = |host: &Self, port: usize| host.ports[port].known.heard(SourceId(port as u16), fallback);
        if self.cascade.has_helm() {
            let KnownPort { clock, sync_interval, .. } = self.ports[port].known;
            let reference = heard(self, port).map(|(_, reference, _)| reference);
            self.introduce(now, (SourceId(port as u16), clock), reference, sync_interval);
            return;
        }
        if self.followed.is_some_and(|followed| followed != port) {
            return;
        }
        let usable = |port: usize| heard(self, port).map(|(_, reference, _)| reference.timescale.is_usable());
        self.followed = choose_port(self.ports.len(), self.followed, usable);
        let heard = self.followed.and_then(|port| heard(self, port));
        self.steer(now, |cascade, local, notices| {
            let mut tell = |notice| notices.push(notice);
            match heard {
                Some((clock, reference, interval)) => {
                    cascade.follow(now, local, Some(clock), Some(reference), interval, &mut tell);
                }
                None => cascade.follow(now, local, None, None, None, &mut tell),
            }
        });
    }

    /// Which port steers, where the helm chooses.
    pub(super) fn look_at_followed(&mut self) {
        if self.cascade.has_helm() {
            let steers = self.cascade.steered_by().map(|source| usize::from(source.0));
            self.followed = steers.filter(|port| *port < self.ports.len());
        }
    }

    /// A clock was stepped: what its ports measure is of before until they have thrown it away.
    pub(super) fn stepped(&mut self, clock: ClockId) {
        if !self.ports.iter().any(|port| port.known.clock == clock) {
            return;
        }
        self.steps = self.steps.wrapping_add(1);
        for (place, port) in (0..).zip(&mut self.ports).filter(|(_, port)| port.known.clock == clock) {
            port.known.stepped(self.steps);
            let report = ClockReport { stepped: true, epoch: self.steps, ..ClockReport::default() };
            self.orders.push((place, Order::Clock(report)));
        }
    }

    pub(super) fn tell_ports(&mut self, now: Timestamp<Mono>) {
        let (locked, calm) = (self.cascade.is_hub_locked(), self.cascade.is_hub_calm());
        if (locked, calm) != self.told || now >= self.tell_at {
            self.told = (locked, calm);
            self.tell_at = now + TELL_PORT_EVERY;
            for place in 0..self.ports.len() {
                // Only the port that steers has calibrated the clock.
                let is_his = self.ports.len() == 1 || self.followed == Some(place);
                let report = ClockReport { locked: locked && is_his, calm: calm && is_his, ..ClockReport::default() };
                self.orders.push((place as u8, Order::Clock(report)));
            }
        }
    }

    /// Decides anew what each port is to be, by what has just been published.
    pub(super) fn look_at_masters(&mut self, now: Timestamp<Mono>) {
        if self.ports.iter().all(|port| port.known.place.role == Role::Slave) {
            return;
        }
        let bound = |port: &HostPort| match port.known.clock {
            ClockId::Phc(index) => Some((*self.lines.0.get(usize::from(index))?)?.bound),
            _ => None,
        };
        let serving = self.ports.iter().filter(|port| port.known.place.role != Role::Slave);
        let widest = serving.filter_map(bound).max().unwrap_or(Duration::ZERO);
        self.look_at_followed();
        let (steered, lock_limit) = (self.steered_as(), self.cascade.lock_limit());
        let by = (steered, widest, lock_limit);
        let (config, identity) = (self.config.ptp_clock, self.config.ptp.identity);
        let own = self.quality.announcement(now, config, identity, &self.published, by);
        self.own = Some(own);
        let steers = self.followed.filter(|_| steered == Steered::Ptp);
        let mut views: Vec<Option<PortView>> = vec![None; self.ports.len()];
        let (has_time, lines) = (has_time(&self.published), Some(&self.lines));
        let serve = ToServe { now, own: &own, has_time, lines, steers };
        let orders = &mut self.orders;
        decide_for_all(&mut self.ports, known_of, &mut views, &serve, |place, _, decision| {
            orders.push((place as u8, Order::Decision(Box::new(*decision))));
            true
        });
    }

    /// By what the clock is steered.
    fn steered_as(&self) -> Steered {
        if !self.cascade.has_helm() {
            return self.followed.map_or(Steered::Nobody, |_| Steered::Ptp);
        }
        match self.cascade.steered_by() {
            None => Steered::Nobody,
            Some(source) if source < NTP_SOURCE => Steered::Ptp,
            Some(source) if source < GNSS_SOURCE => Steered::Ntp,
            Some(_) => Steered::Primary(TimeSource::GNSS),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the daemon's places may be empty")]
fn known_of(port: &mut HostPort) -> Option<&mut KnownPort> {
    Some(&mut port.known)
}
