//! Other programs that steer the clocks that we steer: looked for at the start, and when one has shown itself.

use super::Daemon;
use crate::observe::status::ClockKind;
use crate::runtime::rivals::rivals;
use crate::time::{Duration, Mono, Timestamp};

/// How often it is looked whether they are gone.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(60);

impl Daemon {
    /// Looks who else steers the system clock while we do; whoever was found is looked for again until nobody is.
    ///
    /// Going through all processes takes milliseconds where there are many: not often, and never while all is well.
    pub(super) fn look_for_rivals(&mut self, now: Timestamp<Mono>) {
        if self.model.kind() != ClockKind::System {
            return;
        }
        self.model.rivals = rivals();
        self.look_for_rivals = (!self.model.rivals.is_empty()).then(|| now + LOOK_AGAIN_EVERY);
    }
}
