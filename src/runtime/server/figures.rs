//! What a worker counts for others to read.

use crate::ntp::server::{DropReason, ServerCounter};
use crate::sharing::Counters;

/// The figures of one worker; cheap to clone, all clones are the same figures.
#[derive(Clone, Debug, Default)]
pub struct WorkerFigures {
    /// Requests, answers and accidents.
    pub counts: Counters<ServerCounter>,
    /// Drops by reason.
    pub drops: Counters<DropReason>,
}
