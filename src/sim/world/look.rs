//! What the checker and the statistics see of each node.

use super::{EFFECTS_MAX, Judges, Master, Node, World};
use crate::clock::AMBIGUOUS;
use crate::ptp::{Counter, FOREIGN_MASTER_MAX};
use crate::sharing::{PHC_LINES_MAX, TimeSnapshot};
use crate::sim::checker::NOTICE;
use crate::sim::checker::{Look, Rate};
use crate::sim::node::{Record, Role};
use crate::sim::statistics::Told;
use crate::sim::{Device, NTP_SOURCE, NodeId};
use crate::time::{Duration, FrequencyPpb, SyncState};

/// In a world of more nodes not each is looked at after every event.
const EACH_IS_CHECKED_MAX: usize = 8;

impl World {
    /// Each clock is looked at, after every event; in a world of many after what happened to it, and with the samples.
    pub(super) fn check(&mut self, concerned: Option<NodeId>) {
        let concerned = concerned.filter(|_| self.nodes.len() > EACH_IS_CHECKED_MAX);
        let all = concerned.map_or(0..self.nodes.len(), |node| node.0..node.0 + 1);
        for index in all {
            let judges = self.judges(NodeId(index));
            self.check_node(index, judges);
        }
    }

    fn check_node(&mut self, index: usize, judges: Judges) {
        let Self { now, truth, nodes, checker, effects_most, announcers, storms, .. } = self;
        let (now, truth) = (*now, *truth);
        let Node { role, watch, .. } = &mut nodes[index];
        let effects = ("effects of one input", *effects_most, EFFECTS_MAX);
        // Where there are more masters than places, somebody has to go.
        let left_out_max = if *announcers <= FOREIGN_MASTER_MAX && storms.is_empty() { 0 } else { usize::MAX };
        let left_out = |record: &Record| {
            let count = record.count(Counter::ForeignMasterRefused) + record.count(Counter::ForeignMasterDisplaced);
            ("foreign masters without a place", count as usize, left_out_max)
        };
        match role {
            Role::Master(_) | Role::Server(_) => {}
            Role::Slave(slave) => {
                let local = truth.local(now);
                let (reading, _) = slave.line(now);
                let rate = Rate {
                    in_force: slave.frequency(),
                    told: Some(slave.published().frequency),
                    quantum: FrequencyPpb::ZERO,
                    max: slave.config().steering.max_frequency,
                };
                let look = Look {
                    now,
                    mono: now,
                    truth: local.read_as(),
                    judges,
                    local,
                    reading,
                    rate,
                    phcs: None,
                    tables: [effects, left_out(slave.record()), ("messages lost in the ring", 0, 0)],
                    published: slave.published(),
                };
                checker.check(NodeId(index), &look, watch);
            }
            Role::Host(host) => {
                let local = host.system(now).reading();
                let max = host.config().cascade.steering.max_frequency;
                let mut phcs = [None; PHC_LINES_MAX];
                for (place, seen) in (0..host.config().phcs.len()).zip(&mut phcs) {
                    *seen = host.phc(place as u8, now).map(|phc| (phc.reading(), rate_of(phc, max)));
                }
                let mut rate = rate_of(host.system(now), max);
                let mono = host.mono(now);
                if host.published().anchor_mono == mono {
                    // What was published just now is what the clock does.
                    rate.told = rate.told.and(Some(host.published().frequency));
                }
                let look = Look {
                    now,
                    mono,
                    truth: truth.utc(now),
                    judges,
                    local,
                    reading: local,
                    rate,
                    phcs: Some((host.lines(), &phcs)),
                    tables: [
                        effects,
                        left_out(host.record()),
                        ("messages lost in the ring", host.lost_awake() as usize, 0),
                    ],
                    published: host.published(),
                };
                checker.check(NodeId(index), &look, watch);
            }
        }
    }

    /// By which times a node is judged: that of the master that it follows, and what that was while it cannot know better.
    fn judges(&mut self, id: NodeId) -> Judges {
        let is_leaping = self.is_leaping(id);
        let judges = Judges { is_leaping, ..Judges::EXACT };
        if !self.has_wrong_masters {
            return judges;
        }
        // What comes while a clock holds over with its source is no sample of the time.
        let follows = |published: &&TimeSnapshot| published.state != SyncState::Holdover;
        let last_sample = self.published(id).filter(follows).and_then(|published| published.last_sample);
        let Self { now, nodes, .. } = self;
        let node = &mut nodes[id.0];
        let paused = if let Role::Host(host) = &node.role { host.paused() } else { Duration::ZERO };
        node.past.sampled(*now, last_sample.map(|at| at + paused));
        Judges { errors: node.past.errors(*now, node.judge), ..judges }
    }

    /// Whether a second more or less is nobody's fault: a leap second is near, or the daemon did not run when it was, and makes it now.
    fn is_leaping(&mut self, id: NodeId) -> bool {
        let (now, node) = (self.now, &mut self.nodes[id.0]);
        let (Role::Host(host), Some(at)) = (&node.role, self.truth.leap_at()) else { return false };
        let is_near = (now - at).abs() <= AMBIGUOUS + Duration::SECOND;
        let stalled = host.stalled_for(now);
        if is_near && stalled > Duration::ZERO {
            node.leaps_by = Some(now + stalled + NOTICE);
        }
        is_near || node.leaps_by.is_some_and(|by| now >= at && now <= by)
    }

    /// Follows who is followed, and what his time is worth.
    pub(super) fn look_at_masters(&mut self) {
        for index in 0..self.nodes.len() {
            let followed = self.followed_error(NodeId(index));
            let now = self.now;
            let node = &mut self.nodes[index];
            if let Some(error) = followed
                && error != node.judge
            {
                node.past.changed(now, node.role.stalled_for(now), node.judge);
                node.judge = error;
            }
        }
    }

    /// What the source that steers a node is ahead of the truth by; `None`: nobody does.
    fn followed_error(&self, id: NodeId) -> Option<Duration> {
        let of_parent = || self.parent(id).and_then(|parent| self.master(parent)).map(Master::error);
        let Role::Host(host) = &self.nodes[id.0].role else { return of_parent() };
        if host.config().helm.is_none() {
            return of_parent();
        }
        let source = host.steered_by()?;
        let Some(place) = source.0.checked_sub(NTP_SOURCE.0) else { return of_parent() };
        match &self.nodes[host.asked(usize::from(place))?.0].role {
            Role::Server(server) => Some(server.error()),
            Role::Master(_) | Role::Slave(_) | Role::Host(_) => None,
        }
    }

    /// If another source steers a host than before, that one's time counts from now on.
    pub(super) fn look_at_helm(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        let Role::Host(host) = &node.role else { return };
        let steered = host.steered_by();
        if std::mem::replace(&mut node.steered, steered) != steered && self.has_wrong_masters {
            self.look_at_masters();
        }
    }

    pub(super) fn take_samples(&mut self) {
        for index in 0..self.nodes.len() {
            let (id, now) = (NodeId(index), self.now);
            let Some(published) = self.published(id).copied() else { continue };
            let error = self.true_error(id);
            let local = match &mut self.nodes[index].role {
                Role::Host(host) => host.system(now).reading(),
                Role::Master(_) | Role::Slave(_) | Role::Server(_) => self.truth.local(now),
            };
            let bound = published.is_bounded.then(|| published.bound_at(local).greatest_error());
            let (offset_from_master, frequency) = (published.offset_from_master, published.frequency);
            self.nodes[index].statistics.push_told(error, Told { bound, offset_from_master, frequency });
            self.nodes[index].bounds.push(&published, local);
            for phc in 0..self.nodes[index].phc_statistics.len() {
                if let Some(error) = self.phc_error(id, phc as u8) {
                    self.nodes[index].phc_statistics[phc].push(error);
                }
            }
        }
    }
}

/// What a clock does of what it was told; the daemon asks for no more than `max`, and a card does no more than it can.
fn rate_of(device: &Device, max: FrequencyPpb) -> Rate {
    let (in_force, told) = device.correction();
    let model = device.model();
    let max = if model.max_adjustment < max { model.max_adjustment } else { max };
    Rate { in_force, told, quantum: model.quantum, max }
}
