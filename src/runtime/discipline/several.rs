//! Several sources: what the ports, the NTP clients and the reference clocks say goes to the helm.

use std::sync::atomic::Ordering;

use super::super::events::Event;
use super::super::measured::{SourceInlet, SourceMessage};
use super::{DisciplineThread, telling};
use crate::clock::{AnyClock, Cascade, Recording};
use crate::config::NTP_SOURCE;
use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions, Verdict};
use crate::engine::Recorder;
use crate::time::{ClockId, Local, Mono, SourceId, Timestamp};

/// Several sources, and how they are judged.
#[derive(Debug)]
pub struct Judged {
    /// How.
    pub helm: HelmConfig,
    /// Each of them, by its row.
    pub sources: Vec<(SourceId, SourceOptions)>,
    /// Who numbers the seconds of whose pulses, where that is said.
    pub locks: Vec<(SourceId, SourceId)>,
    /// Takes the steps of the judge, if somebody asks.
    pub recorder: Recorder,
}

impl Judged {
    /// From now on they are judged.
    pub(super) fn begin(self, cascade: &mut Cascade<Recording<AnyClock>>, now: Timestamp<Mono>) {
        cascade.judge_by(self.helm, now);
        for (source, options) in &self.sources {
            cascade.add_source(*source, *options);
        }
        for (pulse, by) in self.locks {
            cascade.number_by(pulse, by);
        }
        cascade.record_helm_by(self.recorder);
    }
}

impl DisciplineThread {
    /// Among several sources the helm chooses: it hears of what a port follows.
    pub(super) fn introduce(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, port: usize) {
        let heard = self.inlets.heard(port, self.cascade.leap().known());
        let source = SourceId(port as u16);
        let (clock, reference, interval) = match heard {
            Some((clock, reference, interval)) => (clock, Some(reference), interval),
            None => (ClockId::System, None, None),
        };
        let events = &mut self.links.events;
        self.cascade.introduce(now, local, (source, clock), reference, interval, &mut telling(events));
        self.look_at_helm();
    }

    /// Which port steers, if one does.
    pub(super) fn look_at_helm(&mut self) {
        if !self.cascade.has_helm() {
            return;
        }
        if self.cascade.take_hurry() {
            self.links.sources.iter().for_each(SourceInlet::lost);
        }
        let port = self.cascade.steered_by().map(|source| usize::from(source.0));
        let followed = port.filter(|port| *port < self.inlets.len());
        if followed != self.followed {
            self.followed = followed;
            self.links.events.push(Event::Followed { port: followed.map(|port| port as u8) });
        }
    }

    /// What the NTP clients and the reference clocks have measured and heard.
    pub(super) fn take_measured(&mut self) -> bool {
        let mut is_changed = false;
        for place in 0..self.links.sources.len() {
            while let Some(message) = self.links.sources[place].messages.pop() {
                is_changed = true;
                self.take_message(place, message);
            }
        }
        if is_changed {
            self.look_at_helm();
        }
        is_changed
    }

    fn take_message(&mut self, place: usize, message: SourceMessage) {
        let (now, local) = self.moments.now();
        self.look_at_rate(local);
        let events = &mut self.links.events;
        match message {
            SourceMessage::Observation(observation) => {
                if self.links.sources[place].is_of_now(&observation) {
                    self.cascade.observe(now, local, &observation, &mut telling(events));
                }
            }
            SourceMessage::Reference(source, reference) => {
                let whom = (source, ClockId::System);
                self.cascade.introduce(now, local, whom, reference, None, &mut telling(events));
            }
            SourceMessage::Interval(source, interval) => {
                self.cascade.is_heard_each(now, local, source, interval, &mut telling(events));
            }
            SourceMessage::Disrupted(disruption) => self.clock_shows_disruption(now, local, disruption),
        }
        self.look_at_steps();
        self.tell_truth();
    }

    /// What is thought of each source; nobody waits for this. Who asks the NTP servers hears which are wrong.
    pub(super) fn tell_standings(&mut self) {
        let mut falsetickers = 0_u64;
        for standing in self.cascade.standings() {
            let place = standing.source.0.checked_sub(NTP_SOURCE.0).filter(|_| standing.kind == SourceKind::Ntp);
            if let (Some(place), Verdict::Falseticker { .. }) = (place, standing.verdict) {
                falsetickers |= 1_u64.checked_shl(place.into()).unwrap_or(0);
            }
            self.links.events.push_quietly(Event::Standing(standing));
        }
        for inlet in &self.links.sources {
            inlet.falsetickers.store(falsetickers, Ordering::Release);
        }
    }

    /// Whether NTP servers are asked more often than it is worth, or not often enough.
    pub(super) fn tell_demand(&mut self, local: Timestamp<Local>) {
        if self.links.sources.is_empty() {
            return;
        }
        let demand = self.cascade.demand(local);
        self.links.sources.iter().for_each(|inlet| inlet.demand(demand));
    }
}
