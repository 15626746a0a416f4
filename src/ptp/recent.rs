//! What was heard and could not be used, for the operator who asks why nothing comes: no reason for a silence that began long after it.

use crate::coding::Coded;
use crate::time::{Duration, Mono, Timestamp};

/// It is spoken of for so long: four of the longest intervals in use between Announce.
const OF_LATE: Duration = Duration::from_secs(64);

/// The last one of its kind, and when it was heard.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Recent<T>(Option<(T, Timestamp<Mono>)>);

impl<T: Copy> Recent<T> {
    /// None was heard so far.
    pub const NONE: Self = Self(None);

    /// It is heard, in place of what was heard before.
    pub const fn hear(&mut self, now: Timestamp<Mono>, what: T) {
        self.0 = Some((what, now));
    }

    /// The last one, if that was at most 64 s ago.
    pub fn of_late(&self, now: Timestamp<Mono>) -> Option<T> {
        self.0.filter(|(_, heard)| now - *heard <= OF_LATE).map(|(what, _)| what)
    }
}
