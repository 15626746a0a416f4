//! The hardware clocks: where they stand on the way that time takes, and their figures below each.
//!
//! The system clock hangs below the hub as the last one, so the followers come before it.

use super::super::status::{PhcStatus, Status};
use super::super::units::{count, ppb, seconds, span};
use super::{NAME_WIDTH, Page, Tone, short};

impl Page {
    /// The clock that hears the source; returns how deep those are that follow it.
    pub(super) fn hub(&mut self, status: &Status, depth: usize) -> usize {
        let hub = status.phcs.iter().find(|phc| phc.is_hub);
        if let Some(hub) = hub {
            self.phc(hub, self.glyph("└─ ", "`- "), depth);
        }
        depth + usize::from(hub.is_some())
    }

    /// The clocks that follow.
    pub(super) fn followers(&mut self, status: &Status, depth: usize) {
        for phc in status.phcs.iter().filter(|phc| !phc.is_hub) {
            self.phc(phc, self.glyph("├─ ", "|- "), depth);
        }
    }

    fn phc(&mut self, phc: &PhcStatus, twig: &str, depth: usize) {
        let about = [
            phc.device.as_str(),
            if phc.is_steered { "steered" } else { "only read" },
            if phc.is_hub { "hub: it hears the source" } else { "follower" },
        ];
        let name = format!("phc {} {}", phc.name, phc.state);
        self.branch(twig, depth, &name, Tone::of(phc.state), &about.join(", "));
        let mut figures = Vec::new();
        figures.extend(phc.offset_from_master_s.map(|offset| format!("offset {}", seconds(offset))));
        figures.push(phc.bound_s.map_or("bound unknown".to_owned(), |bound| format!("bound {}", seconds(bound))));
        figures.extend(phc.frequency_ppb.map(|frequency| format!("correction {}", ppb(frequency))));
        figures.extend(phc.oscillator_frequency_ppb.map(|frequency| format!("oscillator {}", ppb(frequency))));
        self.line(&format!("  {:NAME_WIDTH$} {}", "", figures.join(", ")));
        let mut reading = Vec::new();
        if !phc.crossing_method.is_empty() {
            reading.push(format!("{} crossings to within {}", phc.crossing_method, seconds(phc.crossing_window_s)));
        }
        reading.extend(phc.last_sample_age_s.map(|age| format!("last sample {} ago", span(age))));
        reading.extend(phc.lock_time_s.map(|time| format!("locked in {}", short(time))));
        reading.push(count(phc.jumps, "jump"));
        self.line(&format!("  {:NAME_WIDTH$} {}", "", reading.join(", ")));
    }
}
