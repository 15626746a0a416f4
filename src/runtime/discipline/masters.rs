//! The ports that may be master: what they are told to be, and what the clock says of itself by them.

use super::DisciplineThread;
use crate::config::{NTP_SOURCE, REFCLOCK_SOURCE};
use crate::ptp::{PtpClockConfig, Steered, has_time};
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Local, Mono, Timestamp};

impl DisciplineThread {
    /// Decides anew, by what has just been published.
    pub(super) fn look_at_masters(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, snapshot: &TimeSnapshot) {
        if !self.inlets.may_serve() {
            return;
        }
        let lines = self.cascade.lines(now, local);
        let bounds = self.inlets.serving_phcs().filter_map(|index| lines.0.get(index).copied().flatten());
        let widest = bounds.map(|line| line.bound).max().unwrap_or(Duration::ZERO);
        let limit = self.cascade.lock_limit();
        let config: PtpClockConfig = self.links.ptp_clock;
        let steered = self.steered(snapshot);
        let identity = self.inlets.identity();
        let own = self.announced.announcement(now, config, identity, snapshot, (steered, widest, limit));
        self.inlets.decide(&own, has_time(snapshot), self.followed.filter(|_| steered == Steered::Ptp));
    }

    fn steered(&self, snapshot: &TimeSnapshot) -> Steered {
        if !self.cascade.has_helm() {
            return self.followed.map_or(Steered::Nobody, |_| Steered::Ptp);
        }
        match self.cascade.steered_by() {
            None => Steered::Nobody,
            Some(source) if source.0 < NTP_SOURCE.0 => Steered::Ptp,
            Some(source) if source.0 < REFCLOCK_SOURCE.0 => Steered::Ntp,
            Some(_) if snapshot.stratum == 1 => Steered::Primary,
            Some(_) => Steered::Refclock,
        }
    }
}
