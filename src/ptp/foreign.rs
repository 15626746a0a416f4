//! Who announces, and who has earned a hearing (foreignMasterDS, IEEE 1588-2019 9.3.2.4).
//!
//! One stray Announce must not move a slave. So a master is a candidate only after two Announce within four of its
//! announce intervals, the one that made us remember it not counted. The parent is different: it stays a candidate
//! until its announce receipt timeout, or a little loss would make the port flap between two masters.
//!
//! The table is bounded, and Announce is not authenticated: whoever can send can fill it. The obvious policies lose
//! to a flood of invented masters: first come keeps out the real one, newest wins throws it out. Here a newcomer takes
//! a place only from one that is worse by the data set comparison: from those not yet qualified first, from a qualified
//! one only if all are, from the parent never. A flood of worse masters so changes nothing, and a flood of better ones,
//! which would win the election anyway, costs one qualified place at most until it qualifies itself.

use super::bmca::{DataSet, compare};
use super::counters::{Counter, count};
use super::{Effect, ParentInfo, TimeProperties};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::time::{Duration, LeapIndicator, LogInterval, Mono, TaiUtc, Timestamp};
use crate::wire::ptp::{Announce, Flags, PortIdentity};

/// Places in the table; the standard asks for at least 5.
pub const FOREIGN_MASTER_MAX: usize = 8;

/// FOREIGN_MASTER_TIME_WINDOW, in announce intervals.
const FOREIGN_MASTER_TIME_WINDOW: i64 = 4;

/// FOREIGN_MASTER_THRESHOLD: how many Announce qualify a master within the window.
const FOREIGN_MASTER_THRESHOLD: usize = 2;

/// The longest announce interval that a master can make us wait for: 16 s, the upper end of the default profile's range.
pub const LOG_ANNOUNCE_INTERVAL_MAX: LogInterval = LogInterval::new(4);

/// What one Announce says, and by whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub(super) struct Announced {
    pub data: DataSet,
    pub time_properties: TimeProperties,
    pub synchronization_uncertain: bool,
    pub sequence_id: u16,
    /// The sender's announce interval, at most [`LOG_ANNOUNCE_INTERVAL_MAX`].
    pub interval: LogInterval,
}

impl Announced {
    /// As the properties of a parent.
    pub fn parent(&self, selected_at: Timestamp<Mono>) -> ParentInfo {
        ParentInfo {
            port: self.data.sender,
            grandmaster: self.data.grandmaster,
            quality: self.data.quality,
            priority1: self.data.priority1,
            priority2: self.data.priority2,
            steps_removed: self.data.steps_removed.saturating_add(1),
            time_properties: self.time_properties,
            synchronization_uncertain: self.synchronization_uncertain,
            selected_at,
        }
    }

    fn window(&self) -> Duration {
        self.interval.duration().times(FOREIGN_MASTER_TIME_WINDOW)
    }
}

impl TimeProperties {
    /// timePropertiesDS as an Announce states it (table 41).
    pub(super) fn announced(flags: Flags, announce: &Announce) -> Self {
        Self {
            current_utc_offset: flags.current_utc_offset_valid().then_some(TaiUtc(announce.current_utc_offset)),
            leap: match (flags.leap61(), flags.leap59()) {
                (true, false) => LeapIndicator::Insert,
                (false, true) => LeapIndicator::Delete,
                (false, false) | (true, true) => LeapIndicator::NoWarning,
            },
            ptp_timescale: flags.ptp_timescale(),
            time_traceable: flags.time_traceable(),
            frequency_traceable: flags.frequency_traceable(),
            time_source: announce.time_source,
        }
    }
}

/// A master that we have heard of.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct ForeignMaster {
    pub last: Announced,
    heard_at: Timestamp<Mono>,
    /// When the last ones that count were heard, the latest first.
    counted: [Option<Timestamp<Mono>>; FOREIGN_MASTER_THRESHOLD],
    /// If the next old sequenceId is this one, the sender has begun anew.
    restart: Option<u16>,
}

impl ForeignMaster {
    fn new(now: Timestamp<Mono>, announced: Announced) -> Self {
        Self { last: announced, heard_at: now, counted: [None; FOREIGN_MASTER_THRESHOLD], restart: None }
    }

    pub fn is_qualified(&self, now: Timestamp<Mono>) -> bool {
        self.counted.iter().all(|at| at.is_some_and(|at| now - at <= self.last.window()))
    }

    fn is_expired(&self, now: Timestamp<Mono>) -> bool {
        now - self.heard_at > self.last.window()
    }

    /// Takes a further Announce of this master; `false` if it is not newer than the last one.
    ///
    /// A master that restarts begins its sequenceId anew, which looks like up to 2^15 old messages. So a second old one
    /// that continues the first is taken as a restart.
    fn update(&mut self, now: Timestamp<Mono>, announced: Announced) -> bool {
        let is_newer = (announced.sequence_id.wrapping_sub(self.last.sequence_id) as i16) > 0;
        if !is_newer && self.restart != Some(announced.sequence_id) {
            self.restart = Some(announced.sequence_id.wrapping_add(1));
            return false;
        }
        self.restart = None;
        self.last = announced;
        self.heard_at = now;
        self.counted.rotate_right(1);
        self.counted[0] = Some(now);
        true
    }
}

/// The table of all masters that we have heard of lately.
#[derive(Clone, Debug, Default, Coded)]
pub(super) struct ForeignMasters {
    entries: [Option<ForeignMaster>; FOREIGN_MASTER_MAX],
}

impl ForeignMasters {
    /// Takes an Announce whose header was accepted; `true` if it was newer than what we knew.
    pub fn hear(
        &mut self,
        now: Timestamp<Mono>,
        announced: Announced,
        parent: Option<PortIdentity>,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        self.expire(now, parent, out);
        let sender = announced.data.sender;
        if let Some(known) = self.entries.iter_mut().flatten().find(|known| known.last.data.sender == sender) {
            let is_newer = known.update(now, announced);
            if !is_newer {
                count(out, Counter::AnnounceNotNewer);
            }
            return is_newer;
        }
        let newcomer = Some(ForeignMaster::new(now, announced));
        if let Some(place) = self.entries.iter_mut().find(|entry| entry.is_none()) {
            *place = newcomer;
        } else if let Some(place) = self.displaced_by(now, &announced.data, parent) {
            self.entries[place] = newcomer;
            count(out, Counter::ForeignMasterDisplaced);
        } else {
            count(out, Counter::ForeignMasterRefused);
            return false;
        }
        true
    }

    /// Whose place a newcomer takes when the table is full: see the module's header.
    fn displaced_by(&self, now: Timestamp<Mono>, newcomer: &DataSet, parent: Option<PortIdentity>) -> Option<usize> {
        let worst = |qualified: bool| {
            let mut worst: Option<(usize, &ForeignMaster)> = None;
            for (place, entry) in self.entries.iter().enumerate() {
                let Some(entry) = entry else { continue };
                if Some(entry.last.data.sender) == parent || entry.is_qualified(now) != qualified {
                    continue;
                }
                if worst.is_none_or(|(_, worst)| compare(&worst.last.data, &entry.last.data).is_better()) {
                    worst = Some((place, entry));
                }
            }
            worst
        };
        let (place, worst) = worst(false).or_else(|| worst(true))?;
        compare(newcomer, &worst.last.data).is_better().then_some(place)
    }

    /// Forgets those who have been silent for a window. The parent's silence is its own timeout's business.
    pub fn expire(&mut self, now: Timestamp<Mono>, parent: Option<PortIdentity>, out: &mut impl Sink<Effect>) {
        for entry in &mut self.entries {
            if entry.is_some_and(|e| Some(e.last.data.sender) != parent && e.is_expired(now)) {
                *entry = None;
                count(out, Counter::ForeignMasterExpired);
            }
        }
    }

    /// Ebest: the best of those who are qualified, and of the parent.
    pub fn best(&self, now: Timestamp<Mono>, parent: Option<PortIdentity>) -> Option<Announced> {
        self.best_of(now, parent, |_| true)
    }

    /// The same of those that this holds for.
    pub fn best_of(
        &self,
        now: Timestamp<Mono>,
        parent: Option<PortIdentity>,
        holds: impl Fn(PortIdentity) -> bool,
    ) -> Option<Announced> {
        let mut best: Option<Announced> = None;
        for entry in self.entries.iter().flatten().filter(|entry| holds(entry.last.data.sender)) {
            if !entry.is_qualified(now) && Some(entry.last.data.sender) != parent {
                continue;
            }
            if best.is_none_or(|best| compare(&entry.last.data, &best.data).is_better()) {
                best = Some(entry.last);
            }
        }
        best
    }

    /// Forgets one.
    pub fn remove(&mut self, port: PortIdentity) {
        for entry in &mut self.entries {
            if entry.is_some_and(|entry| entry.last.data.sender == port) {
                *entry = None;
            }
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries = [None; FOREIGN_MASTER_MAX];
    }

    /// All that are in the table.
    pub fn iter(&self) -> impl Iterator<Item = &ForeignMaster> {
        self.entries.iter().flatten()
    }
}

#[cfg(test)]
mod tests;
