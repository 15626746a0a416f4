//! Who is who: which clocks may be followed, and whom each follows.

use super::{Node, Plug, World};
use crate::ptp::{self, Effect, ParentInfo};
use crate::sim::node::Role;
use crate::sim::{Master, NodeId, Violation};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::{ClockIdentity, MessageType};

impl Node {
    /// The master of this identity, if it is that.
    pub(super) fn master(&self, identity: ClockIdentity) -> Option<&Master> {
        match &self.role {
            Role::Master(master) if master.identity() == identity => Some(&**master),
            _ => None,
        }
    }

    /// Its clockIdentity, if a port of it may be master.
    pub(super) fn serving_identity(&self) -> Option<ClockIdentity> {
        match &self.role {
            Role::Master(master) => Some(master.identity()),
            Role::Host(host) => {
                let serves = host.ports().any(|port| port.config().role != ptp::Role::Slave);
                serves.then_some(host.config().ptp.identity)
            }
            Role::Slave(_) | Role::Server(_) => None,
        }
    }
}

impl World {
    /// Only a declared master is followed, and only what the parent sent is measured.
    pub(super) fn look_at_stranger(&mut self, plug: Plug, from: Option<NodeId>, effect: &Effect) {
        let found = match effect {
            Effect::Parent(Some(parent)) => {
                (!self.is_declared(parent.grandmaster)).then_some(Violation::Stranger(Some(parent.grandmaster)))
            }
            Effect::Observe(_) => {
                let parent = self.parent_of(plug);
                let sender = from.and_then(|from| self.nodes[from.0].serving_identity());
                let is_right = parent.is_some_and(|parent| {
                    let is_of_parent = from.is_none() || sender == Some(parent.port.clock_identity);
                    is_of_parent && self.is_declared(parent.grandmaster)
                });
                (!is_right).then_some(Violation::Stranger(sender))
            }
            _ => None,
        };
        if let Some(violation) = found {
            self.checker.tell(self.now, plug.node, violation);
        }
    }

    pub(super) fn master(&self, identity: ClockIdentity) -> Option<&Master> {
        self.nodes.iter().find_map(|node| node.master(identity))
    }

    /// Whether this is a clock that may be followed.
    fn is_declared(&self, identity: ClockIdentity) -> bool {
        self.nodes.iter().any(|node| !node.is_stranger && node.serving_identity() == Some(identity))
    }

    /// Whom a node follows: by the port that steers, if it has several.
    pub(super) fn parent(&self, id: NodeId) -> Option<ClockIdentity> {
        let port = match &self.nodes[id.0].role {
            Role::Host(host) if host.ports().len() > 1 => host.followed()? as u8,
            _ => 0,
        };
        self.parent_of(Plug { node: id, port }).map(|parent| parent.grandmaster)
    }

    fn parent_of(&self, plug: Plug) -> Option<ParentInfo> {
        match &self.nodes[plug.node.0].role {
            Role::Master(_) | Role::Server(_) => None,
            Role::Slave(slave) => slave.port.parent(),
            Role::Host(host) => host.ports().nth(usize::from(plug.port))?.parent(),
        }
    }

    /// Which grandmaster a message names, if it is an Announce (octets 53 to 60; 13.5).
    pub(super) fn note_announce(&mut self, message: &[u8]) {
        let is_announce = message.first().is_some_and(|octet| octet & 0x0f == MessageType::Announce as u8);
        let Some(named) = message.get(53..61).and_then(|octets| octets.try_into().ok()).filter(|_| is_announce) else {
            return;
        };
        let (named, now) = (ClockIdentity(named), self.now);
        match self.announced.iter_mut().find(|(grandmaster, _)| *grandmaster == named) {
            Some((_, at)) => *at = now,
            None => self.announced.push((named, now)),
        }
    }

    /// When anybody announced this grandmaster last.
    pub fn announced_last(&self, grandmaster: ClockIdentity) -> Option<Timestamp<Mono>> {
        self.announced.iter().find(|(named, _)| *named == grandmaster).map(|(_, at)| *at)
    }
}
