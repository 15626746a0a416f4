//! The tests of a reference clock: its device is open, and gives samples that can be used.

use super::super::status::SourceStatus;
use super::Chain;

impl Chain {
    pub(super) fn clock(&mut self, source: &SourceStatus) {
        let reach = source.reach.unwrap_or(0);
        match source.client_state.as_deref() {
            Some("absent") => {
                return self.fail("device", &source.reason, "open", "it is tried again every two seconds");
            }
            _ => self.ok("device", "open"),
        }
        let usable = source.counters.get("samples").copied().unwrap_or(0);
        let refused = source.counters.iter().filter(|(name, _)| !matches!(name.as_str(), "samples" | "measured"));
        let refused: Vec<_> = refused.map(|(name, count)| format!("{name} {count}")).collect();
        let refused = if refused.is_empty() { String::new() } else { format!("; refused: {}", refused.join(", ")) };
        if source.client_state.as_deref() == Some("delivering") {
            self.ok("samples", format!("{usable} usable, reach {reach:03o}{refused}"));
        } else {
            let value = format!("{}{refused}", source.reason);
            self.fail("samples", value, "one each poll (refclock.poll)", "look at whoever writes them");
        }
    }
}
