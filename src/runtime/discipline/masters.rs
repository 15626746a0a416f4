//! The ports that may be master: what they are told to be, and what the clock says of itself by them.

use super::DisciplineThread;
use crate::clock::{CascadeConfig, ToServe};
use crate::config::{NTP_SOURCE, REFCLOCK_SOURCE};
use crate::ptp::{AnnouncedQuality, Announcement, PtpClockConfig, Steered, has_time};
use crate::runtime::events::Event;
use crate::sharing::{PhcLines, TimeSnapshot};
use crate::time::{Duration, Mono, Timestamp};

/// What the clock says of itself by the ports that are master, and what of it the control thread was told last.
#[derive(Default)]
pub(super) struct Announcing {
    quality: AnnouncedQuality,
    told: Option<Announcement>,
}

impl DisciplineThread {
    /// Decides anew, by what has just been published.
    pub(super) fn look_at_masters(&mut self, now: Timestamp<Mono>, snapshot: &TimeSnapshot, lines: Option<&PhcLines>) {
        if !self.inlets.may_serve() {
            return;
        }
        let line_of = |index: usize| lines.and_then(|lines| *lines.0.get(index)?);
        let bounds = self.inlets.serving_phcs().filter_map(line_of).map(|line| line.bound);
        let by = (self.steered(), bounds.max().unwrap_or(Duration::ZERO), self.cascade.lock_limit());
        let identity = self.inlets.identity();
        let own = self.announcing.quality.announcement(now, self.links.ptp_clock, identity, snapshot, by);
        if self.announcing.told != Some(own) && self.links.events.push_quietly(Event::Announced(own)) {
            self.announcing.told = Some(own);
        }
        let steers = self.followed.filter(|_| by.0 == Steered::Ptp);
        self.inlets.decide(&ToServe { now, own: &own, has_time: has_time(snapshot), lines, steers });
    }

    /// Other limits, and what the clock says of itself from now on.
    pub(super) fn configure(&mut self, cascade: &CascadeConfig, ptp_clock: PtpClockConfig) {
        self.links.ptp_clock = ptp_clock;
        self.cascade.configure(*cascade);
    }

    fn steered(&self) -> Steered {
        if !self.cascade.has_helm() {
            return self.followed.map_or(Steered::Nobody, |_| Steered::Ptp);
        }
        let Some(source) = self.cascade.steered_by() else { return Steered::Nobody };
        let primary = self.links.primary_references.iter().find(|(reference, _)| *reference == source);
        match primary {
            Some((_, what)) => Steered::Primary(*what),
            None if source.0 < NTP_SOURCE.0 => Steered::Ptp,
            None if source.0 < REFCLOCK_SOURCE.0 => Steered::Ntp,
            None => Steered::Refclock,
        }
    }
}
