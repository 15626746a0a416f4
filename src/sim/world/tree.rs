//! Which tree the clocks on segments should make, and which they make.
//!
//! The clocks compare Announce with Announce, each for itself, and know only what they hear. Here is the whole picture, and what
//! follows from it is worked out by another way: the best of all clocks is the root; how far each is from it is counted, segment by
//! segment; on each segment the nearest serves, of several that one with the lowest identity (IEEE 1588-2019 9.3). Nothing of the
//! comparison or the decision of the engines is used, so that both can be held against each other.

use super::World;
use crate::ptp::{CLOCK_CLASS_NEVER_SLAVE_MAX, Port, PortState, has_time};
use crate::sim::NodeId;
use crate::sim::node::Role;
use crate::wire::ptp::{ClockIdentity, ClockQuality, PortIdentity};

/// A port on a segment: its node, and which port of that, counted from 0.
pub type Plugged = (NodeId, u8);

/// On which segment, counted from 0, which port is to be what.
pub type Placed = (usize, Plugged, Part);

/// What a port should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// MASTER.
    Master,
    /// SLAVE of this one.
    Slave(PortIdentity),
    /// PASSIVE.
    Passive,
    /// Anything but MASTER: there is no time to serve.
    Silent,
}

/// A port is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeFault {
    /// On which segment, counted from 0.
    pub segment: usize,
    /// Which.
    pub plug: Plugged,
    /// What it should be.
    pub part: Part,
    /// What it is.
    pub state: PortState,
    /// Whom it follows, if it does.
    pub parent: Option<PortIdentity>,
}

/// The order of clocks: the lower, the better (9.3.4, figure 34).
type Rank = (u8, u8, u8, u16, u8, [u8; 8]);

fn rank(priority1: u8, quality: ClockQuality, priority2: u8, identity: ClockIdentity) -> Rank {
    let ClockQuality { clock_class, clock_accuracy, offset_scaled_log_variance } = quality;
    (priority1, clock_class, clock_accuracy.0, offset_scaled_log_variance, priority2, identity.0)
}

/// A clock that is there.
#[derive(Clone, Debug)]
struct Clock {
    node: NodeId,
    identity: ClockIdentity,
    rank: Rank,
    has_time: bool,
    /// Its ports, by their segments.
    ports: Vec<(usize, u8)>,
    /// How many clocks there are between it and the root of its tree, and itself.
    distance: Option<usize>,
    is_done: bool,
}

impl Clock {
    fn never_follows(&self) -> bool {
        self.rank.1 <= CLOCK_CLASS_NEVER_SLAVE_MAX
    }

    fn port_on(&self, segment: usize) -> Option<u8> {
        self.ports.iter().find(|(of, _)| *of == segment).map(|(_, port)| *port)
    }
}

impl World {
    /// What each port on these segments should be, by what the clocks are now. `is_away` are the clocks whose cables are pulled.
    pub fn tree(&self, segments: &[Vec<Plugged>], is_away: impl Fn(NodeId) -> bool) -> Vec<Placed> {
        let mut clocks: Vec<Clock> = Vec::new();
        for (segment, plug) in segments.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |plug| (at, plug)))
        {
            if is_away(plug.0) {
                continue;
            }
            match clocks.iter_mut().find(|clock| clock.node == plug.0) {
                Some(clock) => clock.ports.push((segment, plug.1)),
                None => {
                    clocks.extend(self.clock(plug.0).map(|clock| Clock { ports: vec![(segment, plug.1)], ..clock }));
                }
            }
        }
        parts(&mut clocks, segments.len())
    }

    /// The ports that are not what this tree has them be.
    pub fn tree_faults(&self, tree: &[Placed]) -> Vec<TreeFault> {
        let fault = |(segment, plug, part): &Placed| {
            let (state, parent) = self.part_of(*plug);
            let is_right = match part {
                Part::Master => state == PortState::Master,
                Part::Slave(of) => state.follows() && parent == Some(*of),
                Part::Passive => state == PortState::Passive,
                Part::Silent => state != PortState::Master,
            };
            (!is_right).then_some(TreeFault { segment: *segment, plug: *plug, part: *part, state, parent })
        };
        tree.iter().filter_map(fault).collect()
    }

    /// How many ports of a segment are MASTER.
    pub fn masters_on(&self, segment: &[Plugged]) -> usize {
        segment.iter().filter(|plug| self.part_of(**plug).0 == PortState::Master).count()
    }

    fn clock(&self, node: NodeId) -> Option<Clock> {
        let (identity, rank, has_time) = match &self.nodes[node.0].role {
            Role::Master(master) => {
                let config = master.config();
                let rank = rank(config.priority1, config.quality, config.priority2, config.identity);
                (config.identity, rank, true)
            }
            Role::Host(host) => {
                let (identity, own) = (host.config().ptp.identity, host.own());
                let has_time = own.is_some() && has_time(host.published()) && host.can_serve();
                let nothing = (u8::MAX, u8::MAX, u8::MAX, u16::MAX, u8::MAX, identity.0);
                let rank = own.map_or(nothing, |own| rank(own.priority1, own.quality, own.priority2, identity));
                (identity, if has_time { rank } else { nothing }, has_time)
            }
            Role::Slave(_) | Role::Server(_) => return None,
        };
        Some(Clock { node, identity, rank, has_time, ports: Vec::new(), distance: None, is_done: false })
    }

    fn part_of(&self, (node, port): Plugged) -> (PortState, Option<PortIdentity>) {
        match &self.nodes[node.0].role {
            Role::Master(_) => (PortState::Master, None),
            Role::Host(host) => {
                let port: Option<&Port> = host.ports().nth(usize::from(port));
                port.map_or((PortState::Disabled, None), |port| (port.state(), port.parent().map(|parent| parent.port)))
            }
            Role::Slave(_) | Role::Server(_) => (PortState::Disabled, None),
        }
    }
}

/// What each port should be.
fn parts(clocks: &mut [Clock], segments: usize) -> Vec<Placed> {
    let mut parts = Vec::new();
    loop {
        let best = clocks.iter().enumerate().filter(|(_, clock)| clock.has_time && !clock.is_done);
        let Some((root, _)) = best.min_by_key(|(_, clock)| clock.rank) else { break };
        tree(clocks, root, segments, &mut parts);
    }
    for clock in clocks.iter().filter(|clock| !clock.is_done) {
        parts.extend(clock.ports.iter().map(|(segment, port)| (*segment, (clock.node, *port), Part::Silent)));
    }
    parts
}

/// The tree under one root: everybody whom it reaches.
fn tree(clocks: &mut [Clock], root: usize, segments: usize, parts: &mut Vec<Placed>) {
    let mut near: Vec<Option<usize>> = vec![None; segments];
    let mut reached = vec![root];
    clocks[root].distance = Some(0);
    clocks[root].is_done = true;
    let mut next = 0;
    while let Some(from) = reached.get(next).copied() {
        next += 1;
        let Clock { distance: Some(distance), has_time: true, .. } = clocks[from] else { continue };
        if from != root && clocks[from].never_follows() {
            continue;
        }
        for (segment, _) in clocks[from].ports.clone() {
            if near[segment].is_some() {
                continue;
            }
            near[segment] = Some(distance);
            for (other, clock) in clocks.iter_mut().enumerate() {
                if !clock.is_done && clock.port_on(segment).is_some() {
                    clock.is_done = true;
                    clock.distance = Some(distance + 1);
                    reached.push(other);
                }
            }
        }
    }
    // On each segment the nearest serves; of several that with the lowest identity.
    let serves = |segment: usize| {
        let nearest = reached.iter().map(|index| &clocks[*index]);
        let candidates = nearest.filter(|clock| {
            let is_near = clock.distance == near[segment] && clock.has_time;
            is_near && clock.port_on(segment).is_some() && (clock.distance == Some(0) || !clock.never_follows())
        });
        candidates.min_by_key(|clock| clock.identity.0)
    };
    for index in &reached {
        let clock = &clocks[*index];
        if clock.distance != Some(0) && clock.never_follows() {
            parts.extend(clock.ports.iter().map(|(segment, port)| (*segment, (clock.node, *port), Part::Passive)));
            continue;
        }
        let nearer = |segment: usize| near[segment].map(|near| near + 1) == clock.distance;
        let up = clock.ports.iter().filter(|(segment, _)| nearer(*segment));
        let up = up.min_by_key(|(segment, port)| (serves(*segment).map(|master| master.identity.0), *port));
        for (segment, port) in &clock.ports {
            let master = serves(*segment);
            let part = match master {
                Some(master) if up == Some(&(*segment, *port)) => Part::Slave(PortIdentity {
                    clock_identity: master.identity,
                    port_number: u16::from(master.port_on(*segment).unwrap_or_default()) + 1,
                }),
                Some(master) if master.node == clock.node => Part::Master,
                Some(_) => Part::Passive,
                None => Part::Silent,
            };
            parts.push((*segment, (clock.node, *port), part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(number: u8, priority1: u8, segments: &[usize]) -> Clock {
        let identity = ClockIdentity([0, 0, 0, 0, 0, 0, 0, number]);
        Clock {
            node: NodeId(usize::from(number)),
            identity,
            rank: (priority1, 248, 0x21, 0, 128, identity.0),
            has_time: true,
            ports: segments.iter().copied().zip(0..).collect(),
            distance: None,
            is_done: false,
        }
    }

    fn of(clocks: &mut [Clock], segments: usize, number: usize) -> Vec<Part> {
        parts(clocks, segments).into_iter().filter(|(_, plug, _)| plug.0.0 == number).map(|(.., part)| part).collect()
    }

    fn slave_of(number: u8, port_number: u16) -> Part {
        Part::Slave(PortIdentity { clock_identity: ClockIdentity([0, 0, 0, 0, 0, 0, 0, number]), port_number })
    }

    #[test]
    fn a_ring_is_cut_at_its_far_side() {
        // 1 - 2 - 3 - 4 - 1, and 1 is the best.
        let ring = || [clock(1, 10, &[0, 3]), clock(2, 20, &[0, 1]), clock(3, 20, &[1, 2]), clock(4, 20, &[2, 3])];
        assert_eq!(of(&mut ring(), 4, 1), [Part::Master, Part::Master]);
        assert_eq!(of(&mut ring(), 4, 2), [slave_of(1, 1), Part::Master]);
        assert_eq!(
            of(&mut ring(), 4, 3),
            [slave_of(2, 2), Part::Passive],
            "of two at the same distance the lower identity"
        );
        assert_eq!(of(&mut ring(), 4, 4), [Part::Master, slave_of(1, 2)]);
    }

    #[test]
    fn who_never_follows_is_passive_beside_a_better_one_and_whoever_is_cut_off_has_a_tree_of_his_own() {
        let mut receiver = clock(2, 20, &[0]);
        receiver.rank.1 = 6;
        let mut silent = clock(4, 1, &[2]);
        silent.has_time = false;
        let all = || [clock(1, 10, &[0]), receiver.clone(), clock(3, 30, &[1]), silent.clone()];
        assert_eq!(of(&mut all(), 3, 1), [Part::Master]);
        assert_eq!(of(&mut all(), 3, 2), [Part::Passive]);
        assert_eq!(of(&mut all(), 3, 3), [Part::Master]);
        assert_eq!(of(&mut all(), 3, 4), [Part::Silent]);
    }
}
