//! Holds back samples that arrived late through somebody's fault.
//!
//! With software stamps a preempted virtual CPU delays single messages by milliseconds. A PI servo would turn each into
//! an excursion of a second. Delay only ever adds: so a Sync whose offset is far *above* what its neighbours scatter is
//! held back. Not for ever: when several in a row say the same, it is the clock that moved, and they are believed.

use super::MovingMedian;
use crate::coding::Coded;
use crate::time::Duration;

/// A sample is late when it exceeds the typical scatter by this factor; an exponential jitter does so once in 1e4.
pub const SCATTER_FACTOR: i64 = 12;
/// After so many late ones in a row the next is believed.
pub const LATE_MAX: u32 = 4;
/// Until so many samples were seen nothing is held back.
pub const SAMPLES_MIN: usize = 8;

/// See the module's text.
#[derive(Clone, Debug, Default, Coded)]
pub struct SpikeGate {
    scatter: MovingMedian<32>,
    late: u32,
}

impl SpikeGate {
    /// Whether an offset (positive: the message came late, or we are ahead) may pass; `floor` is what stamps alone can do.
    pub fn passes(&mut self, offset: Duration, floor: Duration) -> bool {
        let typical = self.scatter.median().unwrap_or_default();
        let limit = typical.times(SCATTER_FACTOR).max(floor);
        if self.scatter.len() >= SAMPLES_MIN && offset > limit && self.late < LATE_MAX {
            self.late += 1;
            return false;
        }
        if self.late >= LATE_MAX {
            self.scatter.clear();
        }
        self.late = 0;
        self.scatter.push(offset.abs());
        true
    }

    /// Forgets what is typical: another master, a step.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warmed_up() -> SpikeGate {
        let mut gate = SpikeGate::default();
        for n in 0..32_i64 {
            assert!(gate.passes(Duration::from_nanos((n % 5 - 2) * 500), Duration::ZERO));
        }
        gate
    }

    #[test]
    fn a_single_late_sample_is_held_back() {
        let mut gate = warmed_up();
        assert!(!gate.passes(Duration::from_millis(1), Duration::ZERO));
        assert!(gate.passes(Duration::from_nanos(400), Duration::ZERO));
    }

    #[test]
    fn an_early_sample_is_never_held_back() {
        assert!(warmed_up().passes(Duration::from_millis(-1), Duration::ZERO));
    }

    #[test]
    fn several_in_a_row_are_believed() {
        let mut gate = warmed_up();
        let passed = (0..6).map(|_| gate.passes(Duration::from_millis(1), Duration::ZERO)).collect::<Vec<_>>();
        assert_eq!(passed, [false, false, false, false, true, true]);
    }
}
