//! Clocks that leave, return and change their priority at random; and whether the tree is right each time after that.
//!
//! Time is divided into rounds. At the beginning of each some changes are made at once; then the tree is looked at again and again,
//! and must be what the data sets say ([`World::tree`](crate::sim::World::tree)) from `settle` on until the next round. What they say changes by itself
//! too, where two grandmasters are as good as each other but for what they measure: the time to settle begins once more then. The
//! time before the first round counts as one too.

use super::run::Run;
use super::scenario::{HostPlan, maybe_duration, maybe_text};
use super::segments::members_of;
use crate::config::Reader;
use crate::engine::Random;
use crate::sim::{NodeId, Placed, TreeFault};
use crate::time::{Duration, Timestamp};

/// How often the tree is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A clock that changes its priority1 takes one of so many, from this on.
const PRIORITIES: (u8, u64) = (126, 40);

/// What is to change.
#[derive(Clone, Debug)]
pub struct ChurnPlan {
    /// When the first round begins.
    pub from: Duration,
    /// How long a round is.
    pub every: Duration,
    /// When the tree must be right again, at most.
    pub settle: Duration,
    /// How many changes a round has.
    pub changes: u64,
    /// Whose cables are pulled and whose priorities change, by their places among all hosts.
    pub who: Vec<usize>,
    /// Whether cables are pulled, and whether priorities change.
    pub what: (bool, bool),
}

/// What came of one round.
#[derive(Clone, Debug)]
pub struct Round {
    /// When it began.
    pub at: Duration,
    /// What was changed.
    pub changes: Vec<String>,
    /// When it changed for the last time what the tree should be.
    pub moved: Duration,
    /// How long after that the tree was wrong for the last time.
    pub settled: Duration,
    /// How often it was looked at after the time to settle.
    pub judged: u32,
    /// The most ports that were MASTER on one segment after the time to settle.
    pub masters: usize,
    /// What was wrong after it.
    pub fault: Option<(Duration, String)>,
    /// How long the name of a clock that left was announced by others still.
    pub echo: Option<Duration>,
}

impl Round {
    fn new(at: Duration, changes: Vec<String>) -> Self {
        let settled = Duration::ZERO;
        Self { at, changes, moved: at, settled, judged: 0, masters: 0, fault: None, echo: None }
    }
}

/// A churn on its way.
#[derive(Debug)]
pub(super) struct Churning {
    random: Random,
    look_at: Duration,
    next_round: Duration,
    /// Whose cables are pulled, by their places among all hosts.
    pub gone: Vec<bool>,
    /// Those that left in this round.
    left: Vec<usize>,
    /// What the tree should be, as it was at the last look.
    tree: Vec<Placed>,
    pub rounds: Vec<Round>,
}

impl Churning {
    pub fn new(plan: &ChurnPlan, hosts: usize, random: Random) -> Self {
        let rounds = vec![Round::new(Duration::ZERO, vec!["the start".to_owned()])];
        let (look_at, next_round, left, tree) = (LOOK_EVERY, plan.from, Vec::new(), Vec::new());
        Self { random, look_at, next_round, gone: vec![false; hosts], left, tree, rounds }
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Duration {
        self.look_at.min(self.next_round)
    }
}

/// The plan of a scenario, if it has one.
pub(super) fn plan(read: &Reader<'_>, hosts: &[HostPlan]) -> Option<ChurnPlan> {
    let every = maybe_duration(read, "churn", "every")?;
    let named = maybe_text(read, "churn", "who").map(|text| members_of(&text));
    let is_wanted = |host: &HostPlan| named.as_ref().is_none_or(|named| named.contains(&host.name));
    let who = hosts.iter().enumerate().filter(|(_, host)| is_wanted(host)).map(|(place, _)| place).collect();
    Some(ChurnPlan {
        from: read.duration("churn", "from"),
        every,
        settle: read.duration("churn", "settle"),
        changes: read.integer("churn", "changes").unsigned_abs(),
        who,
        what: match read.word("churn", "what") {
            "leave" => (true, false),
            "priority" => (false, true),
            _ => (true, true),
        },
    })
}

impl Run<'_> {
    /// Looks at the tree, and begins a round where it is time to.
    pub(super) fn churn(&mut self, now: Duration) {
        let (Some(plan), Some(mut churning)) = (&self.scenario.churn, self.churning.take()) else { return };
        if now >= churning.look_at {
            churning.look_at = now + LOOK_EVERY;
            self.look_at_tree(plan, &mut churning, now);
        }
        if now >= churning.next_round {
            self.look_at_tree(plan, &mut churning, now);
            self.look_at_echo(&mut churning);
            churning.next_round = now + plan.every;
            churning.left.clear();
            let changes = (0..plan.changes).map(|_| self.change(plan, &mut churning)).collect();
            churning.rounds.push(Round::new(now, changes));
            self.churning = Some(churning);
            self.lay_ways();
            for host in 0..self.hosts.len() {
                self.plug(self.masters.len() + host);
            }
            return;
        }
        self.churning = Some(churning);
    }

    pub(super) fn segments(&self) -> Vec<Vec<(NodeId, u8)>> {
        let plugged = |(place, port): &(usize, u8)| (self.node(*place), *port);
        self.scenario.segments.iter().map(|segment| segment.members.iter().map(plugged).collect()).collect()
    }

    fn look_at_tree(&self, plan: &ChurnPlan, churning: &mut Churning, now: Duration) {
        let segments = self.segments();
        let is_away = |node: NodeId| {
            let host = self.hosts.iter().position(|host| *host == node);
            host.is_some_and(|host| churning.gone[host] || self.is_pulled(self.masters.len() + host))
        };
        let tree = self.world.tree(&segments, is_away);
        let fault = self.world.tree_faults(&tree).into_iter().next();
        let masters = segments.iter().map(|segment| self.world.masters_on(segment)).max().unwrap_or(0);
        let is_first = churning.rounds.len() == 1;
        let has_moved = std::mem::replace(&mut churning.tree, tree) != churning.tree;
        let Some(round) = churning.rounds.last_mut() else { return };
        if has_moved {
            (round.moved, round.settled) = (now, Duration::ZERO);
        }
        let passed = now - round.moved;
        let is_late = if is_first { now >= plan.from } else { passed >= plan.settle };
        if is_late {
            round.judged += 1;
            round.masters = round.masters.max(masters);
        }
        if let Some(fault) = fault {
            round.settled = passed;
            if is_late {
                round.fault.get_or_insert_with(|| (now, self.in_words(&fault)));
            }
        }
    }

    /// How long the names of those that left were announced still.
    fn look_at_echo(&self, churning: &mut Churning) {
        let Some(round) = churning.rounds.last_mut() else { return };
        let since = Timestamp::EPOCH + round.at;
        let echoes = churning.left.iter().filter(|host| churning.gone[**host]).filter_map(|host| {
            let identity = self.world.host(self.hosts[*host]).config().ptp.identity;
            self.world.announced_last(identity).map(|at| at - since)
        });
        round.echo = echoes.filter(|echo| *echo > Duration::ZERO).max();
    }

    fn change(&mut self, plan: &ChurnPlan, churning: &mut Churning) -> String {
        let random = &mut churning.random;
        let host = plan.who[random.below(plan.who.len() as u64) as usize];
        let name = &self.scenario.hosts[host].name;
        let (leaves, priorities) = plan.what;
        let leaves = leaves && (churning.gone[host] || !priorities || random.unit() < 0.5);
        if leaves {
            churning.gone[host] = !churning.gone[host];
            if churning.gone[host] {
                churning.left.push(host);
                return format!("{name} leaves");
            }
            return format!("{name} returns");
        }
        let priority1 = PRIORITIES.0 + random.below(PRIORITIES.1) as u8;
        self.world.set_priority1(self.hosts[host], priority1);
        format!("{name} has priority1 {priority1}")
    }

    fn in_words(&self, fault: &TreeFault) -> String {
        let TreeFault { segment, plug, part, state, parent } = fault;
        let all = self.masters.iter().chain(&self.hosts);
        let names = self.scenario.masters.iter().map(|master| &master.name);
        let names = names.chain(self.scenario.hosts.iter().map(|host| &host.name));
        let name = all.zip(names).find(|(node, _)| **node == plug.0).map_or("?", |(_, name)| name);
        let of = parent.map_or(String::new(), |parent| format!(" of {parent}"));
        format!("{name}, port {} on segment {}: {state}{of} where it should be {part:?}", plug.1 + 1, segment + 1)
    }
}
