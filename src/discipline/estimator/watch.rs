//! Which transits are believed at once, and when something must have changed.
//!
//! The members assume one path with one base delay and a master that is right. A burst of queueing, a new route or a
//! master that steps would be believed: the hypothesis with the most wander would run after it and win on evidence.
//! So each transit is compared with what the whole bank foretold *before* it is used, one decision for all members:
//! it is usual, or it is late (a burst, perhaps), or it is early, which the model does not know at all.
//!
//! Four early ones in a row, or 32 late ones, mean that something changed. What it was needs both directions: a Sync that
//! comes early may be a shorter way or a clock that fell back, and only the Delay_Req tells. So nothing is concluded
//! before the other direction was heard too since the run began.

use super::member::Direction;
use crate::coding::Coded;

/// A transit may exceed what was foretold by this many tail means, and this many standard deviations.
pub const GATE_TAIL_MEANS: f64 = 8.0;
/// As above.
pub const GATE_DEVIATIONS: f64 = 5.0;
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

/// The runs of both directions.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Watch {
    late: [Run; 2],
    early: [Run; 2],
    /// Transits of each direction since the run began.
    heard: [u32; 2],
    gate: f64,
    greatest: f64,
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
        // While a run lasts the gate stays: the prediction grows uncertain without samples, and would let it in.
        if !self.is_running() {
            // Most transits pass any gate.
            if residual.abs() <= GATE_TAIL_MEANS * tail_mean {
                *self = Self::default();
                return Verdict::Usual;
            }
            *self = Self { gate: GATE_TAIL_MEANS * tail_mean + GATE_DEVIATIONS * deviation(), ..Self::default() };
        }
        let k = direction.index();
        if residual.abs() <= self.gate {
            self.late[k] = Run::default();
            self.early[k] = Run::default();
            self.heard[k] += 1;
            return Verdict::Usual;
        }
        self.greatest = self.greatest.max(residual.abs());
        self.heard[k] += 1;
        let (runs, others) =
            if residual > 0.0 { (&mut self.late, &mut self.early) } else { (&mut self.early, &mut self.late) };
        runs[k].extend(residual);
        others[k] = Run::default();
        let is_changed = |k: usize| self.late[k].length >= LATE_MAX || self.early[k].length >= EARLY_MAX;
        let is_heard = self.heard.iter().all(|heard| *heard >= HEARD_MIN);
        if is_heard && (is_changed(0) || is_changed(1)) { Verdict::Changed } else { Verdict::Unusual }
    }

    /// Whether some direction's last transit was unusual.
    pub fn is_running(&self) -> bool {
        self.late.iter().chain(&self.early).any(|run| run.length > 0)
    }

    /// Whether some direction's last transit was an early one.
    pub fn is_early(&self) -> bool {
        self.early.iter().any(|run| run.length > 0)
    }

    /// What the gate let through at most, either way (s).
    pub fn gate(&self) -> f64 {
        self.gate
    }

    /// The greatest residual since the run began, either way (s).
    pub fn greatest(&self) -> f64 {
        self.greatest
    }

    /// By how much the transits of a direction are late (or early, below zero) at least, if they are by now.
    pub fn moved(&self, direction: Direction) -> Option<f64> {
        let k = direction.index();
        [self.late[k], self.early[k]].into_iter().find(|run| run.length > 0).map(|run| run.least)
    }

    /// Forgets all runs.
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
}
