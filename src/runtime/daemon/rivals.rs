//! Other programs that steer the clocks that we steer: looked for at the start, and when one has shown itself.

use super::Daemon;
use crate::observe::status::ClockKind;
use crate::runtime::rivals::{Rival, rivals};
use crate::time::{Duration, Mono, Timestamp};

/// How often it is looked whether they are gone.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(60);

impl Daemon {
    /// Looks who else steers the system clock while we do; whoever was found is looked for again until nobody is.
    ///
    /// Going through all processes takes milliseconds where there are many: not often, and never while all is well.
    pub(super) fn look_for_rivals(&mut self, now: Timestamp<Mono>) {
        if self.model.kind() == ClockKind::System || !self.model.rivals.is_empty() {
            self.find_rivals(now);
        }
    }

    /// A clock, or its frequency, was set by another program: who may that be?
    pub(super) fn find_rivals(&mut self, now: Timestamp<Mono>) {
        let found = rivals();
        self.model.suspects.clone_from(&found);
        self.model.rivals = found;
        if self.model.kind() != ClockKind::System {
            // Whoever steers the system clock alone is welcome to it.
            self.model.rivals.retain(Rival::steers_cards);
            // So is who goes by what our socket says, where there is one card.
            if let Some(socket) = self.config.observe.ptp_management.as_ref().filter(|_| self.model.phcs.count() < 2) {
                self.model.rivals.retain(|rival| !rival.asks_at(socket));
            }
        }
        // A hypervisor's tools are there for good.
        let is_disturbed = !self.model.rivals.iter().all(Rival::is_occasional);
        self.look_for_rivals = is_disturbed.then(|| now + LOOK_AGAIN_EVERY);
    }
}
