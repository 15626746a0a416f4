//! What happens to a world from outside, at the instant that it is at.

use super::{Plug, World};
use crate::ptp::{Input, TimeProperties};
use crate::sim::checker::NOTICE;
use crate::sim::lateness::{Lateness, Waking};
use crate::sim::node::{Role, StampModel};
use crate::sim::{LinkModel, NodeId};
use crate::time::{ClockId, Duration, FrequencyPpb, Timestamp};
use crate::wire::ptp::ClockQuality;

/// Which of a host's threads do not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stall {
    /// The port's: messages wait in its sockets, with the stamps that they got when they came.
    Port,
    /// The discipline's: measurements wait in the ring.
    Discipline,
    /// The whole machine: the kernel's stamps are of when it runs again.
    Machine,
    /// The whole machine, and its clocks with it, as a virtual machine that is paused: also CLOCK_MONOTONIC, so that nothing
    /// in it tells that it was. The clocks of its cards run on.
    Clocks,
}

impl World {
    /// Changes the link from one node to another.
    pub fn change_link(&mut self, from: NodeId, to: NodeId, change: impl Fn(&mut LinkModel)) {
        for link in self.links.iter_mut().filter(|link| (link.from, link.to) == (from, to)) {
            change(&mut link.model);
        }
    }

    /// Changes the links between two ports, which are counted from 0: from the first to the second, and back.
    pub fn change_cable(&mut self, one: (NodeId, u8), other: (NodeId, u8), ways: [LinkModel; 2]) {
        for (from, to, way) in [(one, other, ways[0]), (other, one, ways[1])] {
            let ends = (from.0, to.0, (from.1, to.1));
            for link in self.links.iter_mut().filter(|link| (link.from, link.to, link.ports) == ends) {
                link.model = way;
            }
        }
    }

    /// Changes how a node's packets are stamped.
    pub fn change_stamps(&mut self, node: NodeId, change: impl FnOnce(&mut StampModel)) {
        change(&mut self.nodes[node.0].stamps);
    }

    /// A slave is late from now on.
    pub fn set_lateness(&mut self, node: NodeId, lateness: Lateness) {
        let random = self.random.branch(700 + node.0 as u64);
        let place = &mut self.nodes[node.0];
        place.waking = Some(Waking::new(lateness.wake, random.branch(0)));
        if let Role::Slave(slave) = &mut place.role {
            slave.report_late(lateness.command, random.branch(1));
        }
    }

    /// The name server of a host is gone, or back.
    pub fn set_names(&mut self, node: NodeId, there: bool) {
        if let Role::Host(host) = &mut self.nodes[node.0].role {
            host.set_names(there);
        }
    }

    /// A node's cable is pulled, or plugged in again.
    pub fn set_link(&mut self, node: NodeId, up: bool) {
        for port in 0..self.nodes[node.0].role.ports() {
            self.step(Plug { node, port }, None, Input::Link { up });
        }
    }

    /// A host has another priority1 from now on.
    pub fn set_priority1(&mut self, node: NodeId, priority1: u8) {
        if let Role::Host(host) = &mut self.nodes[node.0].role {
            host.set_priority1(priority1);
        }
        self.wake(node, self.now);
    }

    /// The oscillator of a slave wanders differently from now on, as in its model.
    pub fn set_wander(&mut self, node: NodeId, wander: f64) {
        if let Role::Slave(slave) = &mut self.nodes[node.0].role {
            slave.set_wander(wander);
        }
    }

    /// A master's clock steps.
    pub fn step_master(&mut self, node: NodeId, by: Duration) {
        if let Role::Master(master) = &mut self.nodes[node.0].role {
            master.step_by(by);
            self.has_wrong_masters = true;
            self.look_at_masters();
        }
    }

    /// The clock of an NTP server steps.
    pub fn step_server(&mut self, node: NodeId, by: Duration) {
        if let Role::Server(server) = &mut self.nodes[node.0].role {
            server.step_by(by);
            self.has_wrong_masters = true;
            self.look_at_masters();
        }
    }

    /// An NTP server has lost its source, and serves its own clock, which is ahead by so much from then on; or has one again.
    pub fn set_orphan(&mut self, node: NodeId, orphan: Option<Duration>) {
        if let Role::Server(server) = &mut self.nodes[node.0].role {
            server.set_orphan(orphan);
        }
    }

    /// A master says something else of itself from its next Announce on, whatever the truth is.
    pub fn announce_as(&mut self, node: NodeId, change: impl FnOnce(&mut ClockQuality, &mut TimeProperties)) {
        if let Role::Master(master) = &mut self.nodes[node.0].role {
            master.announce_as(change);
        }
    }

    /// Threads of a host do not run for some time.
    pub fn stall(&mut self, node: NodeId, what: Stall, time: Duration) {
        let (now, until) = (self.now, self.now + time);
        let place = &mut self.nodes[node.0];
        let Role::Host(host) = &mut place.role else { return };
        if what != Stall::Port {
            host.stall(until);
            place.past.stalled(now, until);
            place.watch.stalled(now, until);
        }
        let is_stamped_by_kernel = host.config().hub() == ClockId::System;
        if what != Stall::Discipline {
            // Who stands still already does so until the later end of both.
            let (before, waited) = place.stalled.filter(|(until, _)| *until > now).unwrap_or((now, false));
            let stamps_wait = what != Stall::Port && is_stamped_by_kernel;
            place.stalled = Some((until.max(before), stamps_wait || waited));
        }
        if what == Stall::Clocks {
            host.pause(now, until);
            place.watch.excuse_until_message(now);
            place.disturbances.extend(place.watch.disturb(until));
        }
        if let Some(deadline) = self.nodes[node.0].role.deadline(now) {
            self.wake(node, deadline);
        }
    }

    /// A foreign hand sets a host's system clock (clock_settime(2)).
    pub fn set_system(&mut self, node: NodeId, by: Duration) {
        let now = self.now;
        let place = &mut self.nodes[node.0];
        if let Role::Host(host) = &mut place.role {
            host.system(now).set(by);
            // Who does not run sees nothing; what he has published grows stale by itself.
            let stalled = host.stalled_for(now);
            place.watch.excuse(now, stalled + NOTICE);
            place.disturbances.extend(place.watch.disturb(now + stalled));
        }
    }

    /// A foreign hand changes the frequency of a host's system clock.
    pub fn detune_system(&mut self, node: NodeId, to: FrequencyPpb) {
        let now = self.now;
        let place = &mut self.nodes[node.0];
        if let Role::Host(host) = &mut place.role {
            host.system(now).detune(to);
            let stalled = host.stalled_for(now);
            place.watch.excuse(now, stalled + NOTICE);
            place.disturbances.extend(place.watch.disturb(now + stalled));
        }
    }

    /// A PHC of a host jumps.
    pub fn set_phc(&mut self, node: NodeId, index: u8, by: Duration) {
        self.touch_phc(node, index, |phc| phc.set(by));
    }

    /// A PHC of a host starts anew, at 1970 and without its frequency correction.
    pub fn reset_phc(&mut self, node: NodeId, index: u8) {
        self.touch_phc(node, index, |phc| phc.reset(Timestamp::EPOCH));
    }

    fn touch_phc(&mut self, node: NodeId, index: u8, touch: impl FnOnce(&mut crate::sim::Device)) {
        let now = self.now;
        let place = &mut self.nodes[node.0];
        if let Role::Host(host) = &mut place.role {
            let stalled = host.stalled_for(now);
            if let Some(phc) = host.phc(index, now) {
                touch(phc);
                place.watch.excuse_phc(now, stalled + NOTICE);
            }
        }
    }
}
