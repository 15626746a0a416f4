//! What is kept of the clock as it was.

use super::{Model, measured_offset, state_of};
use crate::sharing::TimeSnapshot;
use crate::time::{Mono, SyncState, Timestamp};

impl Model {
    /// Keeps the clock as it is now for the history.
    pub fn keep_history(&mut self, now: Timestamp<Mono>, snapshot: &TimeSnapshot) {
        let state = state_of(now, snapshot);
        // In any other state the last one that was measured is old.
        let is_measured = matches!(state, SyncState::Acquiring | SyncState::Locked);
        let offset = measured_offset(snapshot).filter(|_| is_measured);
        self.history.record(now, state, offset, snapshot.bound_after(now - snapshot.anchor_mono));
    }
}
