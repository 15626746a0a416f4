//! What happens to the world of a run.
//!
//! What lasts is not undone when it ends: of two that overlap, the first to end would undo the other. The way of each pair,
//! and how each host is stamped, is made anew from the plan and from all that is in force, in the order in which it began; so
//! of two that want the same thing differently the later one has its will, and when that is over, the earlier one again.

use super::run::{ANNOUNCED_AFTER, Action, Run};
use super::scenario::{AnnounceChange, EventPlan, PathChange, What};
use crate::ptp::TimeProperties;
use crate::sim::{LinkModel, NodeId, StampModel};
use crate::time::{Duration, LeapIndicator, Timestamp};
use crate::wire::ptp::ClockQuality;

impl Run<'_> {
    pub(super) fn node(&self, who: usize) -> NodeId {
        self.masters.iter().chain(&self.hosts).chain(&self.servers).copied().nth(who).expect("the file was checked")
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Begin(index) => self.begin(index),
            Action::End(index) => {
                self.in_force.retain(|other| *other != index);
                self.put_in_force(&self.scenario.events[index]);
            }
            Action::Storm(index) => {
                let plan = &self.scenario.storms[index];
                let segment = self.segments().swap_remove(plan.segment);
                self.world.add_storm(plan.model, &segment);
            }
            Action::Leap => (0..self.masters.len()).for_each(|master| self.announce(master)),
        }
    }

    fn begin(&mut self, index: usize) {
        let event = &self.scenario.events[index];
        let (node, world) = (self.node(event.who), &mut self.world);
        match &event.what {
            What::LinkDown
            | What::NamesGone
            | What::SourceLost(_)
            | What::Path(_)
            | What::Block(_)
            | What::Nic { .. }
            | What::Announce(_) => {
                self.in_force.push(index);
                self.put_in_force(event);
            }
            What::MasterStep(by) => world.step_master(node, *by),
            What::ServerStep(by) => world.step_server(node, *by),
            What::Stall(what) => world.stall(node, *what, event.lasts.unwrap_or(Duration::SECOND)),
            What::SetClock(by) => world.set_system(node, *by),
            What::SetFrequency(to) => world.detune_system(node, *to),
            What::PhcJump(by) => world.set_phc(node, 0, *by),
            What::PhcReset => world.reset_phc(node, 0),
        }
    }

    /// An event that lasts has begun or ended: the part of the world that it touches is as all that is in force says.
    fn put_in_force(&mut self, event: &EventPlan) {
        match &event.what {
            What::LinkDown => {
                self.lay_ways();
                self.plug(event.who);
            }
            What::NamesGone => {
                let is_gone = |other: &EventPlan| other.who == event.who && matches!(other.what, What::NamesGone);
                let there = !self.lasting().any(is_gone);
                self.world.set_names(self.node(event.who), there);
            }
            What::SourceLost(_) => {
                let lost = self.lasting().filter(|other| other.who == event.who).find_map(|other| match other.what {
                    What::SourceLost(by) => Some(by),
                    _ => None,
                });
                self.world.set_orphan(self.node(event.who), lost);
            }
            What::Path(_) | What::Block(_) => self.lay_ways(),
            What::Nic { .. } => {
                let mut stamps = self.scenario.hosts[event.who - self.masters.len()].stamps;
                self.lasting()
                    .filter(|other| other.who == event.who)
                    .for_each(|other| change_stamps(&mut stamps, other));
                self.world.change_stamps(self.node(event.who), |model| *model = stamps);
            }
            What::Announce(_) => self.announce(event.who),
            What::MasterStep(_)
            | What::ServerStep(_)
            | What::Stall(_)
            | What::SetClock(_)
            | What::SetFrequency(_)
            | What::PhcJump(_)
            | What::PhcReset => {}
        }
    }

    /// What a master says of itself: as planned, as the leap second that was made has made it, and then its lies.
    fn announce(&mut self, master: usize) {
        let plan = &self.scenario.masters[master];
        let (mut quality, mut properties) = (plan.config.quality, plan.config.time_properties);
        let (now, truth) = (Timestamp::EPOCH + self.world.elapsed(), self.scenario.truth);
        if plan.knows_leaps && truth.leap_at().is_some_and(|at| now >= at + ANNOUNCED_AFTER) {
            properties.current_utc_offset = Some(truth.tai_utc(now));
            properties.leap = LeapIndicator::NoWarning;
        }
        for event in self.lasting().filter(|event| event.who == master) {
            if let What::Announce(change) = event.what {
                change_announce(&mut quality, &mut properties, change);
            }
        }
        self.world.announce_as(self.masters[master], |as_it_is, with| (*as_it_is, *with) = (quality, properties));
    }

    /// The cable of one of the masters, hosts and servers is in its place, unless an event or a churn has pulled it.
    pub(super) fn plug(&mut self, place: usize) {
        let is_in = !self.is_gone(place) && !self.is_pulled(place);
        self.world.set_link(self.node(place), is_in);
    }

    /// Whether an event has pulled the cable.
    pub(super) fn is_pulled(&self, place: usize) -> bool {
        self.lasting().any(|event| event.who == place && matches!(event.what, What::LinkDown))
    }

    /// Whether one of the masters or hosts has left.
    fn is_gone(&self, place: usize) -> bool {
        let host = place.checked_sub(self.masters.len());
        self.churning.as_ref().zip(host).is_some_and(|(churning, host)| churning.gone[host])
    }

    fn lasting(&self) -> impl Iterator<Item = &EventPlan> {
        self.in_force.iter().map(|index| &self.scenario.events[*index])
    }

    /// The ways between every master or server and every host, there and back.
    pub(super) fn lay_ways(&mut self) {
        for segment in &self.scenario.segments {
            for pair in segment.pairs() {
                let mut ways = [segment.link; 2];
                let is_gone = pair.iter().any(|(place, _)| self.is_gone(*place));
                for way in &mut ways {
                    way.is_down = is_gone;
                }
                self.lasting().for_each(|event| change_ways(&mut ways, event, pair.map(|(place, _)| place)));
                let [one, other] = pair.map(|(place, port)| (self.node(place), port));
                self.world.change_cable(one, other, ways);
            }
        }
        let is_star = self.scenario.segments.is_empty();
        for (master, plan) in self.scenario.masters.iter().enumerate().filter(|_| is_star) {
            for host in 0..self.hosts.len() {
                let mut ways = plan.links;
                let ends = [master, self.masters.len() + host];
                self.lasting().for_each(|event| change_ways(&mut ways, event, ends));
                let (from, to) = (self.masters[master], self.hosts[host]);
                self.world.change_link(from, to, |way| *way = ways[0]);
                self.world.change_link(to, from, |way| *way = ways[1]);
            }
        }
        let first = self.masters.len() + self.hosts.len();
        for (server, plan) in self.scenario.servers.iter().enumerate() {
            for host in 0..self.hosts.len() {
                let mut ways = plan.links;
                let ends = [first + server, self.masters.len() + host];
                self.lasting().for_each(|event| change_ways(&mut ways, event, ends));
                let (from, to) = (self.servers[server], self.hosts[host]);
                self.world.change_link(from, to, |way| *way = ways[0]);
                self.world.change_link(to, from, |way| *way = ways[1]);
            }
        }
    }
}

/// What an event makes of the ways between a master or a server and a host, there and back; `ends` are both, by their place.
fn change_ways(ways: &mut [LinkModel; 2], event: &EventPlan, ends: [usize; 2]) {
    let is_of_master = event.who == ends[0];
    match &event.what {
        What::LinkDown if ends.contains(&event.who) => ways.iter_mut().for_each(|way| way.is_down = true),
        What::Path(change) if is_of_master => {
            for (way, is_from_master) in ways.iter_mut().zip([true, false]) {
                change_path(way, change, is_from_master);
            }
        }
        What::Block(kind) if is_of_master => ways.iter_mut().for_each(|way| way.blocked = way.blocked.with(*kind)),
        _ => {}
    }
}

fn change_path(way: &mut LinkModel, change: &PathChange, is_from_master: bool) {
    way.base = change.delay.unwrap_or(way.base);
    if let Some(asymmetry) = change.asymmetry {
        let half = asymmetry.half();
        way.base = if is_from_master { way.base + half } else { way.base - half };
    }
    way.jitter = change.jitter.unwrap_or(way.jitter);
    way.loss = change.loss.unwrap_or(way.loss);
    way.hop.load = change.load.unwrap_or(way.hop.load);
}

fn change_stamps(stamps: &mut StampModel, event: &EventPlan) {
    if let What::Nic { rx_loss, tx_loss, tx_late_share } = &event.what {
        stamps.rx_loss = rx_loss.unwrap_or(stamps.rx_loss);
        stamps.tx.loss = tx_loss.unwrap_or(stamps.tx.loss);
        stamps.tx.late_share = tx_late_share.unwrap_or(stamps.tx.late_share);
    }
}

fn change_announce(quality: &mut ClockQuality, properties: &mut TimeProperties, change: AnnounceChange) {
    quality.clock_class = change.clock_class.unwrap_or(quality.clock_class);
    properties.leap = change.leap.unwrap_or(properties.leap);
    properties.current_utc_offset = change.utc_offset.or(properties.current_utc_offset);
    if change.is_valid == Some(false) {
        properties.current_utc_offset = None;
    } else if change.is_valid == Some(true) && properties.current_utc_offset.is_none() {
        properties.current_utc_offset = Some(crate::sim::TAI_UTC);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cli::simulate::scenario::{Scenario, load};
    use crate::wire::ptp::MessageType;

    const EVENTS: &str = "about = \"Overlapping.\"\nduration = \"1min\"\n\
        [[master]]\nname = \"gm\"\n[master.path]\ndelay = \"2us\"\n[[host]]\nname = \"server\"\n\
        [[event]]\nat = \"1s\"\nwho = \"gm\"\nwhat = \"path\"\ndelay = \"10us\"\nfor = \"10s\"\n\
        [[event]]\nat = \"2s\"\nwho = \"gm\"\nwhat = \"path\"\ndelay = \"20us\"\nloss = 0.5\nfor = \"3s\"\n\
        [[event]]\nat = \"3s\"\nwho = \"gm\"\nwhat = \"block\"\nmessage = \"sync\"\nfor = \"10s\"\n\
        [[event]]\nat = \"4s\"\nwho = \"gm\"\nwhat = \"block\"\nmessage = \"announce\"\nfor = \"3s\"\n\
        [[event]]\nat = \"20s\"\nwho = \"server\"\nwhat = \"nic\"\nrx_loss = 0.2\nfor = \"10s\"\n\
        [[event]]\nat = \"21s\"\nwho = \"server\"\nwhat = \"nic\"\nrx_loss = 0.4\ntx_loss = 0.3\nfor = \"3s\"\n\
        [[event]]\nat = \"30s\"\nwho = \"server\"\nwhat = \"link_down\"\nfor = \"9s\"\n\
        [[event]]\nat = \"31s\"\nwho = \"gm\"\nwhat = \"link_down\"\nfor = \"3s\"\n";

    fn scenario() -> Scenario {
        load(EVENTS, "t.toml").unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// The ways after these have begun.
    fn ways(in_force: &[usize]) -> [LinkModel; 2] {
        let scenario = scenario();
        let mut ways = scenario.masters[0].links;
        for index in in_force {
            change_ways(&mut ways, &scenario.events[*index], [0, 1]);
        }
        ways
    }

    #[test]
    fn of_two_changes_the_later_has_its_will_and_then_the_earlier_again() {
        let way = |in_force: &[usize]| (ways(in_force)[0].base.as_nanos(), (100.0 * ways(in_force)[1].loss) as u32);
        assert_eq!(way(&[0]), (10_000, 0));
        assert_eq!(way(&[0, 1]), (20_000, 50));
        assert_eq!(way(&[1]), (20_000, 50));
        assert_eq!(way(&[]), (2_000, 0));
        let stopped = |in_force: &[usize]| ways(in_force)[0].blocked;
        assert_eq!(stopped(&[2, 3]), stopped(&[2]).with(MessageType::Announce));
        assert!(ways(&[6])[1].is_down && ways(&[7])[0].is_down && !ways(&[0])[0].is_down);
    }

    #[test]
    fn a_lie_about_utc_ends_and_a_leap_second_meanwhile_is_not_forgotten() {
        let text = "about = \"Lies.\"\nduration = \"1min\"\nmidnight = \"30s\"\nleap = \"insert\"\n\
            [[master]]\nname = \"gm\"\n[[host]]\nname = \"server\"\n\
            [[event]]\nat = \"20s\"\nwho = \"gm\"\nwhat = \"announce\"\nutc_offset = 30\nfor = \"20s\"\n\
            [[event]]\nat = \"25s\"\nwho = \"gm\"\nwhat = \"announce\"\nclock_class = 248\nfor = \"10s\"\n";
        let scenario = load(text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let mut run = Run::new(&scenario, 1);
        let rows = [
            (10, 37, LeapIndicator::Insert, 6),
            (22, 30, LeapIndicator::Insert, 6),
            (27, 30, LeapIndicator::Insert, 248),
            (33, 30, LeapIndicator::NoWarning, 248),
            (37, 30, LeapIndicator::NoWarning, 6),
            (45, 38, LeapIndicator::NoWarning, 6),
        ];
        for (at_s, utc_offset, leap, clock_class) in rows {
            run.go_on_until(Duration::from_secs(at_s));
            let said = Cell::new(None);
            run.world.announce_as(NodeId(0), |quality, properties| {
                said.set(Some((
                    properties.current_utc_offset.map(|offset| offset.0),
                    properties.leap,
                    quality.clock_class,
                )));
            });
            assert_eq!(said.get(), Some((Some(utc_offset), leap, clock_class)), "after {at_s} s");
        }
    }

    #[test]
    fn what_ends_does_not_undo_what_still_lasts() {
        let scenario = scenario();
        let mut run = Run::new(&scenario, 1);
        let looks: Vec<(i64, Vec<usize>)> = vec![
            (3, vec![0, 1, 2]),
            (6, vec![0, 2, 3]),
            (9, vec![0, 2]),
            (12, vec![2]),
            (22, vec![4, 5]),
            (25, vec![4]),
            (32, vec![6, 7]),
            (35, vec![6]),
            (50, vec![]),
        ];
        for (at_s, in_force) in looks {
            run.go_on_until(Duration::from_secs(at_s));
            assert_eq!(run.in_force, in_force, "after {at_s} s");
            let (way, rx_loss) = (Cell::new(None), Cell::new(0.0));
            run.world.change_link(NodeId(0), NodeId(1), |link| way.set(Some(*link)));
            run.world.change_stamps(NodeId(1), |stamps| rx_loss.set(stamps.rx_loss));
            assert_eq!(way.get(), Some(ways(&in_force)[0]), "after {at_s} s");
            let expected = if in_force.contains(&5) { 40 } else { 20 * u32::from(in_force.contains(&4)) };
            assert_eq!((100.0 * rx_loss.get()) as u32, expected, "after {at_s} s");
        }
    }
}
