//! The programs that are run when something happens.

use super::Daemon;
use crate::observe::{Change, EventKind, Level, Topic};
use crate::runtime::hooks::Hooks;
use crate::time::{Local, Mono, Timestamp};

/// So many events are looked at in one turn; the next ones in the next.
const AT_ONCE_MAX: usize = 64;

impl Daemon {
    /// From now on these are run, for what has happened since the start too.
    pub fn run_hooks(&mut self, hooks: Hooks) {
        self.hooks = Some((hooks, 1));
    }

    /// Hands the events that have happened to the hooks, and tells how their runs ended.
    pub(super) fn look_after_hooks(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let Some((hooks, next)) = &mut self.hooks else { return };
        for event in self.model.events.since(*next, AT_ONCE_MAX, now) {
            *next = event.number + 1;
            hooks.tell(now, &event);
        }
        for (program, text) in hooks.news(now) {
            let change = Change::of(EventKind::Hook, program).because(&*text);
            self.model.events.record_change((now, local.read_as()), (Level::Warn, Topic::Daemon), change, text, &[]);
        }
    }
}
