//! Which transits are believed at once, and when something must have changed.
//!
//! The members assume one path with one base delay and a master that is right. A burst of queueing, a new route or a
//! master that steps would be believed: the hypothesis with the most wander would run after it and win on evidence.
//! So each transit is compared with what the whole bank foretold *before* it is used, one decision for all members:
//! it is usual, or it is late (a burst, perhaps), or it is early, which the model does not know at all.
//!
//! How early a transit may be the tail does not say alone: where the last ones of its way had a [floor](super::floor), one far below that is early
//! though it is not by the tail.
//!
//! Four early ones in a row, or 32 late ones, mean that something changed. What it was needs both directions: a Sync that
//! comes early may be a shorter way or a clock that fell back, and only the Delay_Req tells. So nothing is concluded
//! before the other direction was heard too since the run began.

use super::floor::Floor;
use super::member::Direction;
use crate::coding::Coded;

/// A transit may exceed what was foretold by this many tail means, and this many standard deviations.
pub const GATE_TAIL_MEANS: f64 = 8.0;
/// As above.
pub const GATE_DEVIATIONS: f64 = 5.0;
/// One that is early by the floor is so by this part of the tail mean at least.
const EARLY_TAIL_MEANS: f64 = 0.5;
/// And by this (s): cards stamp on grids of up to 8 ns, against which the clocks drift, and a floor of a few nanoseconds moves with that.
const EARLY_MIN: f64 = 32e-9;
/// Where the tail's mean is no longer than this part of that, what comes no earlier and no later than that is nearly all that comes.
const QUIET_PART: f64 = 0.25;
/// So many late ones in a row are no burst.
const LATE_MAX: u32 = 32;
/// So many early ones in a row are no accident.
const EARLY_MAX: u32 = 4;
/// The other direction must have been heard so often meanwhile.
const HEARD_MIN: u32 = 3;
/// The first of a run of late ones may be an unrelated outlier: its least value counts from the ninth on.
const LATE_SKIP: u32 = 8;

/// A run of transits on one side of the gate.
#[derive(Clone, Copy, PartialEq, Default, Debug, Coded)]
struct Run {
    length: u32,
    /// The least residual of it (s).
    least: f64,
}

impl Run {
    fn extend(&mut self, residual: f64) {
        self.length += 1;
        let is_fresh = self.length == 1 || self.length == LATE_SKIP + 1;
        self.least = if is_fresh { residual } else { self.least.min(residual) };
    }
}

/// What a transit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Use it.
    Usual,
    /// Leave it out.
    Unusual,
    /// Leave it out, and find out what changed.
    Changed,
}

/// What is unusual since when.
#[derive(Clone, Copy, Default, Debug, Coded)]
struct Runs {
    late: [Run; 2],
    early: [Run; 2],
    /// Transits of each direction since the run began.
    heard: [u32; 2],
    /// One may differ by this (s).
    gate: f64,
    /// One of each direction may be early by this (s).
    early_gates: [f64; 2],
    greatest: f64,
}

/// The runs of both directions.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Watch {
    runs: Runs,
    floors: [Floor; 2],
}

impl Watch {
    /// Judges a transit that differs by `residual` (s) from what the bank foretold with standard deviation `deviation`,
    /// where the delays' tail has the mean `tail_mean`.
    pub fn judge(
        &mut self,
        direction: Direction,
        residual: f64,
        deviation: impl FnOnce() -> f64,
        tail_mean: f64,
    ) -> Verdict {
        let k = direction.index();
        // While a run lasts the gates stay: the prediction grows uncertain without samples, and would let it in.
        if !self.is_running() {
            // Most transits pass any gate.
            if residual.abs() <= EARLY_TAIL_MEANS * tail_mean
                || (residual > 0.0 && residual <= GATE_TAIL_MEANS * tail_mean)
            {
                self.floors[k].note(residual);
                self.runs = Runs::default();
                return Verdict::Usual;
            }
            let uncertain = GATE_DEVIATIONS * deviation();
            let gate = GATE_TAIL_MEANS * tail_mean + uncertain;
            let early_gates = self.floors.map(|floor| {
                let least = floor.limit().map_or(f64::INFINITY, |limit| uncertain - limit);
                least.max((EARLY_TAIL_MEANS * tail_mean).max(EARLY_MIN) + uncertain).min(gate)
            });
            self.runs = Runs { gate, early_gates, ..Runs::default() };
        }
        let runs = &mut self.runs;
        if residual <= runs.gate && residual >= -runs.early_gates[k] {
            runs.late[k] = Run::default();
            runs.early[k] = Run::default();
            runs.heard[k] += 1;
            self.floors[k].note(residual);
            return Verdict::Usual;
        }
        runs.greatest = runs.greatest.max(residual.abs());
        runs.heard[k] += 1;
        let (own, others) =
            if residual > 0.0 { (&mut runs.late, &mut runs.early) } else { (&mut runs.early, &mut runs.late) };
        own[k].extend(residual);
        others[k] = Run::default();
        let is_changed = |k: usize| runs.late[k].length >= LATE_MAX || runs.early[k].length >= EARLY_MAX;
        let is_heard = runs.heard.iter().all(|heard| *heard >= HEARD_MIN);
        if is_heard && (is_changed(0) || is_changed(1)) { Verdict::Changed } else { Verdict::Unusual }
    }

    /// Whether a transit that differs by `residual` (s) from what was foretold is so usual that nothing is lost if it is left out,
    /// where the delays' tail has the mean `tail_mean` (s): whoever leaves out
    /// only such ones has the same mean of the rest, since hardly one of them all lies outside.
    pub fn is_commonplace(&self, residual: f64, tail_mean: f64) -> bool {
        let is_quiet = tail_mean <= QUIET_PART * EARLY_MIN;
        is_quiet && !self.is_running() && residual.abs() <= EARLY_MIN
    }

    /// Whether some direction's last transit was unusual.
    pub fn is_running(&self) -> bool {
        self.runs.late.iter().chain(&self.runs.early).any(|run| run.length > 0)
    }

    /// Whether some direction's last transit was an early one.
    pub fn is_early(&self) -> bool {
        self.runs.early.iter().any(|run| run.length > 0)
    }

    /// What the gate let through at most, either way (s).
    pub fn gate(&self) -> f64 {
        self.runs.gate
    }

    /// The greatest residual since the run began, either way (s).
    pub fn greatest(&self) -> f64 {
        self.runs.greatest
    }

    /// By how much the transits of a direction are late (or early, below zero) at least, if they are by now.
    pub fn moved(&self, direction: Direction) -> Option<f64> {
        let k = direction.index();
        [self.runs.late[k], self.runs.early[k]].into_iter().find(|run| run.length > 0).map(|run| run.least)
    }

    /// Forgets all runs, and how early transits come.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const J: f64 = 1e-6;

    fn feed(watch: &mut Watch, forward: f64, backward: f64, times: u32) -> bool {
        let mut is_changed = false;
        for _ in 0..times {
            is_changed |= watch.judge(Direction::Forward, forward, || 1e-7, J) == Verdict::Changed;
            is_changed |= watch.judge(Direction::Backward, backward, || 1e-7, J) == Verdict::Changed;
        }
        is_changed
    }

    #[test]
    fn a_burst_is_left_out_and_then_forgotten() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(Direction::Forward, 30.0 * J, || 1e-7, J), Verdict::Unusual);
        assert!(!feed(&mut watch, 30.0 * J, 0.0, 20));
        assert_eq!(watch.moved(Direction::Forward), Some(30.0 * J));
        assert_eq!(watch.judge(Direction::Forward, 0.0, || 1e-7, J), Verdict::Usual);
        assert!(!watch.is_running());
    }

    #[test]
    fn four_early_ones_or_thirty_two_late_ones_are_a_change() {
        assert!(!feed(&mut Watch::default(), -40.0 * J, 0.0, 3));
        assert!(feed(&mut Watch::default(), -40.0 * J, 0.0, 4));
        assert!(!feed(&mut Watch::default(), 0.0, 40.0 * J, 31));
        assert!(feed(&mut Watch::default(), 0.0, 40.0 * J, 32));
    }

    #[test]
    fn nothing_is_concluded_from_one_direction() {
        let mut watch = Watch::default();
        for _ in 0..100 {
            assert_eq!(watch.judge(Direction::Forward, -40.0 * J, || 1e-7, J), Verdict::Unusual);
        }
        assert_eq!(watch.judge(Direction::Backward, 40.0 * J, || 1e-7, J), Verdict::Unusual);
        assert_eq!(watch.judge(Direction::Backward, 40.0 * J, || 1e-7, J), Verdict::Unusual);
        assert_eq!(watch.judge(Direction::Backward, 40.0 * J, || 1e-7, J), Verdict::Changed);
    }

    #[test]
    fn the_gate_stays_while_a_run_lasts() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(Direction::Forward, 20.0 * J, || 0.0, J), Verdict::Unusual);
        assert_eq!(watch.judge(Direction::Forward, 20.0 * J, || 100.0 * J, J), Verdict::Unusual);
        assert_eq!(watch.judge(Direction::Forward, 0.0, || 100.0 * J, J), Verdict::Usual);
        assert_eq!(watch.judge(Direction::Forward, 20.0 * J, || 100.0 * J, J), Verdict::Usual);
    }

    #[test]
    fn where_late_ones_are_usual_one_that_is_early_by_less_than_they_are_is_not() {
        // Every third waits in a queue, up to six tail means; the others come within a hundredth of one.
        let queued = |k: u32| if k.is_multiple_of(3) { 6.0 * J } else { 0.01 * J * f64::from(k % 7) };
        let mut watch = Watch::default();
        for k in 0..100 {
            for direction in [Direction::Forward, Direction::Backward] {
                assert_eq!(watch.judge(direction, queued(k), || 1e-8, J), Verdict::Usual, "{k}");
            }
        }
        let verdict = { watch }.judge(Direction::Forward, -0.4 * J, || 1e-8, J);
        assert_eq!(verdict, Verdict::Usual, "what is foretold is no better than that");
        // A master that steps by what a queue takes: one way is early, however long some of it waits, and the other one late.
        for waited in [0.0, 2.0, 5.0] {
            assert_eq!(watch.judge(Direction::Forward, (waited - 6.0) * J, || 1e-8, J), Verdict::Unusual, "{waited}");
            assert_eq!(watch.judge(Direction::Backward, 6.0 * J, || 1e-8, J), Verdict::Usual, "late as others before");
            assert!(watch.is_early());
        }
        assert_eq!(watch.judge(Direction::Forward, -6.0 * J, || 1e-8, J), Verdict::Changed);
    }
}
