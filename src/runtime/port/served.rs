//! What the stamps of a port mean, as it is published by the discipline.

use crate::clock::ServedLine;
use crate::ptp::Line;
use crate::sharing::{PhcLines, SNAPSHOT_AGE_MAX, Seqlock, TimeSnapshot};
use crate::time::{ClockId, Mono, Timestamp};

/// Reads the served time, and turns it into a line over the clock of a port's stamps.
#[derive(Debug)]
pub struct Served {
    snapshot: Seqlock<TimeSnapshot>,
    lines: Seqlock<PhcLines>,
    line: ServedLine,
    /// What was looked at last: the numbers of what was published, for which clock, and until when that means the same.
    seen: Option<([u64; 2], ClockId, Timestamp<Mono>)>,
}

impl Served {
    /// By these.
    pub const fn new(snapshot: Seqlock<TimeSnapshot>, lines: Seqlock<PhcLines>) -> Self {
        Self { snapshot, lines, line: ServedLine::NEW, seen: None }
    }

    /// As [`ServedLine::news`]. While something is being written, what was said holds.
    pub fn news(&mut self, now: Timestamp<Mono>, clock: ClockId) -> Option<Option<Line>> {
        // Before what they number.
        let numbers = [self.snapshot.sequence(), self.lines.sequence()];
        if self.seen.is_some_and(|seen| seen.0 == numbers && seen.1 == clock && now <= seen.2) {
            return None;
        }
        let snapshot = self.snapshot.read().ok()?;
        self.seen = Some((numbers, clock, snapshot.anchor_mono + SNAPSHOT_AGE_MAX));
        self.line.news(now, clock, &snapshot, || self.lines.read().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::PhcLine;
    use crate::time::{ClockEpoch, Duration, FrequencyPpb, SyncState, TaiUtc};

    const SECOND: i64 = 1_767_225_600;
    const NOW: Timestamp<Mono> = Timestamp::EPOCH;

    fn snapshot() -> TimeSnapshot {
        TimeSnapshot {
            state: SyncState::Locked,
            tai_utc: Some(TaiUtc(37)),
            anchor_local: Timestamp::from_secs(SECOND),
            anchor_utc: Timestamp::from_secs(SECOND + 1),
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        }
    }

    #[test]
    fn a_stamp_of_the_kernel_means_what_the_served_line_says() {
        let (mut writer, reader) = Seqlock::new(&snapshot());
        let (_, lines) = Seqlock::new(&PhcLines::default());
        let mut served = Served::new(reader, lines);
        let line = served.news(NOW, ClockId::System).expect("news").expect("a line");
        assert_eq!(line.time_at(Timestamp::from_secs(SECOND + 2)), Some(Timestamp::from_secs(SECOND + 3)));
        assert_eq!(line.tai_utc, Some(TaiUtc(37)));
        assert_eq!(served.news(NOW, ClockId::System), None, "nothing new");
        writer.write(&TimeSnapshot { tai_utc: None, ..snapshot() });
        let line = served.news(NOW, ClockId::System).expect("news").expect("a line");
        assert_eq!(line.tai_utc, None);
        writer.write(&TimeSnapshot { state: SyncState::Disrupted, ..snapshot() });
        assert_eq!(served.news(NOW, ClockId::System), Some(None), "nothing that could be served");
        assert_eq!(served.news(NOW, ClockId::Phc(0)), None);
    }

    #[test]
    fn a_discipline_that_is_dead_or_starved_serves_nothing_by_ptp_either() {
        let (_, reader) = Seqlock::new(&snapshot());
        let (_, lines) = Seqlock::new(&PhcLines::default());
        let mut served = Served::new(reader, lines);
        assert!(served.news(NOW, ClockId::System).flatten().is_some());
        assert_eq!(served.news(NOW + SNAPSHOT_AGE_MAX, ClockId::System), None, "just young enough");
        assert_eq!(served.news(NOW + SNAPSHOT_AGE_MAX + Duration::from_nanos(1), ClockId::System), Some(None));
    }

    #[test]
    fn stamps_of_before_a_step_mean_nothing() {
        let (mut writer, reader) = Seqlock::new(&snapshot());
        let (_, lines) = Seqlock::new(&PhcLines::default());
        let mut served = Served::new(reader, lines);
        served.news(NOW, ClockId::System);
        let after = Timestamp::from_secs(SECOND + 1);
        writer.write(&TimeSnapshot { epoch: ClockEpoch(1), anchor_local: after, ..snapshot() });
        let line = served.news(NOW, ClockId::System).expect("news").expect("a line");
        assert_eq!(line.time_at(after - Duration::from_millis(1)), None);
        assert!(line.time_at(after).is_some());
    }

    #[test]
    fn a_stamp_of_a_card_means_what_its_own_line_says() {
        let (_, reader) = Seqlock::new(&snapshot());
        let mut lines = PhcLines::default();
        lines.0[2] = Some(PhcLine {
            anchor: Timestamp::from_secs(SECOND + 37),
            utc: Timestamp::from_secs(SECOND),
            rate: FrequencyPpb::ZERO,
            bound: Duration::ZERO,
            drift_rate: FrequencyPpb::ZERO,
            since: Timestamp::EPOCH,
        });
        let (_, lines) = Seqlock::new(&lines);
        let mut served = Served::new(reader, lines);
        let line = served.news(NOW, ClockId::Phc(2)).expect("news").expect("a line");
        let stamp = Timestamp::from_secs(SECOND + 38);
        assert_eq!(line.time_at(stamp), Some(Timestamp::from_secs(SECOND + 1)), "a card that counts TAI");
        assert!(line.is_of_card, "it may be what a Sync says that the card has written into");
        assert_eq!(served.news(NOW, ClockId::Phc(3)), Some(None), "a card that nobody knows");
    }
}
