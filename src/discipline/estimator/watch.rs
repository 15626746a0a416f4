//! What to do when the model is wrong.
//!
//! The bank assumes one path with one base delay and a master that is right. A burst of queueing, a new route or a
//! master that steps would be believed: the hypothesis with the most wander would run after it and win on evidence.
//! So each transit is compared with what the whole bank foretold *before* it is used, one decision for all members:
//!
//! | transits of one direction | the other | meaning |
//! |---|---|---|
//! | late, up to 31 in a row | whatever | a burst: not used |
//! | early, 4 in a row | late | the master (or the clock under ours) stepped |
//! | late, 32 in a row, or early, 4 in a row | alike | a new path: the base delay moved, the offset is kept |
//! | the same | unchanged | one way moved: its own constant, and an asymmetry that nobody can see |

use super::member::Direction;
use crate::coding::Coded;

/// A transit may exceed what was foretold by this many tail means, and this many standard deviations.
const GATE_TAIL_MEANS: f64 = 8.0;
/// As above.
const GATE_DEVIATIONS: f64 = 5.0;
/// So many late ones in a row are a longer path.
const LATE_MAX: u32 = 32;
/// So many late ones support the other direction's finding.
const LATE_SUPPORT: u32 = 16;
/// So many early ones in a row are a shorter path: the model does not know early ones at all.
const EARLY_MAX: u32 = 4;
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

/// What a run means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Finding {
    /// Use the transit.
    Usual,
    /// Leave it out.
    Unusual,
    /// The offset moved by this (s).
    Stepped(f64),
    /// The base delay moved by this (s), both ways.
    NewPath(f64),
    /// One way's delay moved by this (s).
    NewWay(Direction, f64),
}

/// The runs of both directions.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Watch {
    late: [Run; 2],
    early: [Run; 2],
    gate: f64,
}

impl Watch {
    /// Judges a transit that differs by `residual` (s) from what the bank foretold with standard deviation `deviation`,
    /// where the delays' tail has the mean `tail_mean`.
    pub fn judge(&mut self, direction: Direction, residual: f64, deviation: f64, tail_mean: f64) -> Finding {
        // While a run lasts the gate stays: the prediction grows uncertain without samples, and would let it in.
        if self.late.iter().all(|run| run.length == 0) {
            self.gate = GATE_TAIL_MEANS * tail_mean + GATE_DEVIATIONS * deviation;
        }
        let k = direction.index();
        if residual > self.gate {
            self.late[k].extend(residual);
            self.early[k] = Run::default();
        } else if residual < -self.gate {
            self.early[k].extend(residual);
            self.late[k] = Run::default();
        } else {
            self.late[k] = Run::default();
            self.early[k] = Run::default();
            return Finding::Usual;
        }
        self.find(tail_mean)
    }

    /// Forgets all runs.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn find(&mut self, tail_mean: f64) -> Finding {
        let (late, early) = (self.late, self.early);
        for (there, back) in [(0, 1), (1, 0)] {
            // The messages alternate, so one direction's run may be one shorter.
            if early[there].length >= EARLY_MAX && late[back].length + 1 >= EARLY_MAX {
                let moved = (late[back].least - early[there].least) / 2.0;
                self.reset();
                // Forward transits grow with the offset.
                return Finding::Stepped(if there == 0 { -moved } else { moved });
            }
        }
        let is_found = |k: usize| late[k].length >= LATE_MAX || early[k].length >= EARLY_MAX;
        let Some(k) = (0..2).find(|k| is_found(*k)) else { return Finding::Unusual };
        let moved = |k: usize| {
            (late[k].length >= LATE_SUPPORT)
                .then_some(late[k].least)
                .or_else(|| (early[k].length >= EARLY_MAX / 2).then_some(early[k].least))
        };
        self.reset();
        let direction = if k == 0 { Direction::Forward } else { Direction::Backward };
        match (moved(k), moved(1 - k)) {
            (Some(a), Some(b)) if (a - b).abs() < 0.3 * a.abs().max(b.abs()) + 3.0 * tail_mean => {
                Finding::NewPath(f64::midpoint(a, b))
            }
            (Some(a), _) => Finding::NewWay(direction, a),
            (None, _) => Finding::Unusual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const J: f64 = 1e-6;

    fn feed(watch: &mut Watch, forward: f64, backward: f64, times: u32) -> Vec<Finding> {
        let mut findings = Vec::new();
        for _ in 0..times {
            findings.push(watch.judge(Direction::Forward, forward, 1e-7, J));
            findings.push(watch.judge(Direction::Backward, backward, 1e-7, J));
        }
        findings.retain(|finding| !matches!(finding, Finding::Usual | Finding::Unusual));
        findings
    }

    #[test]
    fn a_burst_is_left_out_and_then_forgotten() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(Direction::Forward, 30.0 * J, 1e-7, J), Finding::Unusual);
        assert_eq!(feed(&mut watch, 30.0 * J, 0.0, 20), []);
        assert_eq!(watch.judge(Direction::Forward, 0.0, 1e-7, J), Finding::Usual);
    }

    #[test]
    fn opposite_signs_are_a_step_of_the_offset() {
        let ahead = feed(&mut Watch::default(), 40.0 * J, -40.0 * J, 4);
        assert_eq!(ahead, [Finding::Stepped(40.0 * J)]);
        let behind = feed(&mut Watch::default(), -40.0 * J, 40.0 * J, 4);
        assert_eq!(behind, [Finding::Stepped(-40.0 * J)]);
    }

    #[test]
    fn equal_signs_are_a_new_path() {
        let longer = feed(&mut Watch::default(), 30.0 * J, 31.0 * J, 32);
        assert!(matches!(longer[..], [Finding::NewPath(moved)] if (moved - 30.5 * J).abs() < 1e-12), "{longer:?}");
        let shorter = feed(&mut Watch::default(), -30.0 * J, -30.0 * J, 4);
        assert!(matches!(shorter[..], [Finding::NewPath(moved)] if moved < 0.0), "{shorter:?}");
    }

    #[test]
    fn one_way_alone_gets_a_constant_of_its_own() {
        let found = feed(&mut Watch::default(), 0.0, 30.0 * J, 32);
        assert_eq!(found, [Finding::NewWay(Direction::Backward, 30.0 * J)]);
    }
}
