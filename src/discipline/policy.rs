//! When a clock may be stepped instead of slewed: plain data, set by the configuration, judged by the discipline.

use crate::coding::Coded;
use crate::time::Duration;

/// Whether a correction of a given size may be a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum StepRule {
    /// A step of any size is fine.
    Any,
    /// Never step: slew, however long that takes.
    Never,
    /// Step when the offset is larger than this (either sign), slew otherwise.
    Above(Duration),
}

/// The step rules of one clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct StepPolicy {
    /// For the first correction after the start.
    pub first: StepRule,
    /// For every correction after the first.
    pub later: StepRule,
    /// An offset larger than this (either sign), once the clock has been corrected, is a fault to report and not an
    /// error to correct. `None`: no limit.
    pub panic: Option<Duration>,
}
