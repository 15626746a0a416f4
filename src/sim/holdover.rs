//! A source that is lost after a long time of lock: how wrong the clock goes, and what it says of that meanwhile.

use super::{Cell, Checker, LinkModel, NodeId, StampModel, World, master_config};
use crate::discipline::servo::Kind;
use crate::sharing::{LIMITS, LIMITS_COUNT};
use crate::time::{Duration, LogInterval, SyncState};

/// How often the clock is looked at while it holds over.
const LOOK: Duration = Duration::SECOND;
/// The share of messages that are lost then.
const LOST: f64 = 1.0;

/// The physics, and how long each part lasts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HoldoverCase {
    /// W: random-walk FM in s/s per sqrt(s).
    pub wander: f64,
    /// J: mean of the exponential part of each one-way delay, in seconds.
    pub jitter_s: f64,
    /// How long the source is followed.
    pub followed: Duration,
    /// How long it is gone.
    pub lost: Duration,
}

/// What one seed gave.
#[derive(Clone, Debug)]
pub struct HoldoverRun {
    /// The true error at the end of the holdover, in seconds.
    pub error_s: f64,
    /// The published bound then.
    pub bound_s: f64,
    /// For each limit, in seconds from the loss: when the bound was foretold to exceed it, just before.
    pub foretold_s: [f64; LIMITS_COUNT],
    /// When the bound did; `None`: not meanwhile.
    pub bound_exceeded_s: [Option<f64>; LIMITS_COUNT],
    /// When the true error did.
    pub error_exceeded_s: [Option<f64>; LIMITS_COUNT],
    /// What it was called at the end.
    pub state: SyncState,
    /// What the checker found, from the beginning.
    pub checker: Checker,
}

impl HoldoverCase {
    /// Runs it once.
    pub fn run(&self, seed: u64) -> HoldoverRun {
        let (mut world, master, node) = self.world(seed);
        world.run_until(self.followed);
        let now = world.slave(node).published().anchor_mono;
        let foretold_s =
            world.slave(node).published().exceeded_at.map(|at| at.map_or(0.0, |at| (at - now).as_secs_f64().max(0.0)));
        for (from, to) in [(master, node), (node, master)] {
            world.change_link(from, to, |link| link.loss = LOST);
        }
        let (mut bound_exceeded_s, mut error_exceeded_s) = ([None; LIMITS_COUNT], [None; LIMITS_COUNT]);
        let end = self.followed + self.lost;
        while world.elapsed() < end {
            let next = (world.elapsed() + LOOK).min(end);
            world.run_until(next);
            let since = (next - self.followed).as_secs_f64();
            let (bound, error) = (bound_of(&world, node), world.true_error(node).abs());
            for (index, limit) in LIMITS.iter().enumerate() {
                if bound > *limit {
                    bound_exceeded_s[index].get_or_insert(since);
                }
                if error > *limit {
                    error_exceeded_s[index].get_or_insert(since);
                }
            }
        }
        HoldoverRun {
            error_s: world.true_error(node).as_secs_f64(),
            bound_s: bound_of(&world, node).as_secs_f64(),
            foretold_s,
            bound_exceeded_s,
            error_exceeded_s,
            state: world.slave(node).published().state,
            checker: *world.checker(),
        }
    }

    fn world(&self, seed: u64) -> (World, NodeId, NodeId) {
        let interval = LogInterval::new(0);
        let physics = Cell { wander: self.wander, jitter_s: self.jitter_s, interval, ..super::CELLS[0] };
        let mut slave = physics.slave(seed);
        slave.steering.servo = Kind::Estimator;
        let mut world = World::new(seed);
        let master = world.add_master(master_config(1, interval, seed), StampModel::IDEAL, Duration::ZERO);
        let node = world.add_slave(&slave, StampModel::IDEAL);
        let way = LinkModel::new(Duration::from_nanos(100), Duration::from_secs_f64(self.jitter_s));
        world.connect(master, node, way, way);
        (world, master, node)
    }
}

/// The published bound at this instant.
fn bound_of(world: &World, node: NodeId) -> Duration {
    let published = world.slave(node).published();
    let age = crate::time::Timestamp::EPOCH + world.elapsed() - published.anchor_mono;
    published.bound_after(age).greatest_error()
}
