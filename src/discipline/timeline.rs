//! The clock as it would run by itself.
//!
//! A clock under steering is a bad ruler: its rate changes with every sample. But every one of those changes is our
//! own and exactly known. So samples are kept on `V`, the clock's reading with all our corrections taken out: `V` runs
//! at the oscillator's own, nearly constant rate, and old samples stay right whatever the servo did since.
//!
//! With `C` the disciplined reading and `f` the frequency correction, `dV = dC / (1 + f)` between two commands.

use std::collections::VecDeque;

use crate::coding::Coded;
use crate::time::{ClockEpoch, Duration, FrequencyPpb, Local, Stamp, Timestamp};

/// The most commands that are remembered; at 128 a second they reach back 10 s.
pub const TIMELINE_MAX: usize = 1_280;

#[derive(Clone, Copy, Debug, Coded)]
struct Segment {
    epoch: ClockEpoch,
    from: Timestamp<Local>,
    free: Timestamp<Local>,
    frequency: FrequencyPpb,
}

impl Segment {
    fn free_at(&self, reading: Timestamp<Local>) -> Timestamp<Local> {
        let elapsed = reading - self.from;
        let f = self.frequency.ratio();
        self.free + elapsed - elapsed.scaled(f / (1.0 + f))
    }
}

/// Maps readings of the disciplined clock to `V`.
#[derive(Clone, Debug, Coded)]
#[coded(sound)]
pub struct Timeline {
    segments: VecDeque<Segment>,
}

impl Timeline {
    /// At reading `from`, before any correction of ours; `frequency` may already be in force.
    pub fn new(epoch: ClockEpoch, from: Timestamp<Local>, frequency: FrequencyPpb) -> Self {
        let mut segments = VecDeque::with_capacity(TIMELINE_MAX + 1);
        segments.push_back(Segment { epoch, from, free: from, frequency });
        Self { segments }
    }

    /// The clock obeyed a command: it read `before`, and then `after` in `epoch` with correction `frequency`.
    pub fn adjusted(
        &mut self,
        before: Timestamp<Local>,
        after: Timestamp<Local>,
        epoch: ClockEpoch,
        frequency: FrequencyPpb,
    ) {
        let free = self.last().free_at(before);
        if self.segments.len() >= TIMELINE_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(Segment { epoch, from: after, free, frequency });
    }

    fn is_sound(&self) -> bool {
        (1..=TIMELINE_MAX).contains(&self.segments.len())
    }

    fn last(&self) -> Segment {
        *self.segments.back().expect("a timeline always has a segment")
    }

    /// `V` at a stamp of the disciplined clock; `None` if that is before all that is remembered.
    pub fn free_at(&self, stamp: &Stamp) -> Option<Timestamp<Local>> {
        let same = |segment: &&Segment| segment.epoch == stamp.epoch && segment.from <= stamp.at;
        self.segments.iter().rev().find(same).map(|segment| segment.free_at(stamp.at))
    }

    /// `V` when the disciplined clock reads `reading` in the present epoch.
    pub fn free_now(&self, reading: Timestamp<Local>) -> Timestamp<Local> {
        self.last().free_at(reading)
    }

    /// `V` and the reading of the clock at a stamp; or at the last command, if that came after the stamp.
    ///
    /// A stamp that became known late says nothing of what was corrected since.
    pub fn since_last_command(
        &self,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
    ) -> (Timestamp<Local>, Timestamp<Local>) {
        let last = self.last();
        if free < last.free { (last.free, last.from) } else { (free, reading) }
    }

    /// All corrections together, `C - V`, when the clock reads `reading` in the present epoch.
    pub fn correction(&self, reading: Timestamp<Local>) -> Duration {
        reading - self.free_now(reading)
    }

    /// The frequency correction in force.
    pub fn frequency(&self) -> FrequencyPpb {
        self.last().frequency
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ClockId, StampSource};

    fn stamp(epoch: u32, nanos: i128) -> Stamp {
        Stamp {
            at: Timestamp::from_nanos(nanos),
            clock: ClockId::Disciplined,
            epoch: ClockEpoch(epoch),
            source: StampSource::Kernel,
            error: Duration::ZERO,
        }
    }

    #[test]
    fn corrections_come_out_again_exactly() {
        let second = |s: i64| Timestamp::<Local>::from_secs(s);
        let mut timeline = Timeline::new(ClockEpoch(0), second(0), FrequencyPpb::ZERO);
        let f = FrequencyPpb::from_ppm(500.0);
        timeline.adjusted(second(10), second(10), ClockEpoch(0), f);
        // 10 s of V later the clock has gained 5 ms; then it is stepped back by 1 s.
        let before = second(20) + Duration::from_millis(5);
        timeline.adjusted(before, before - Duration::SECOND, ClockEpoch(1), FrequencyPpb::ZERO);
        let close = |a: Timestamp<Local>, b: Timestamp<Local>| (a - b).abs() < Duration::from_ticks(100);
        assert!(close(timeline.free_at(&stamp(0, 5_000_000_000)).unwrap(), second(5)));
        assert!(close(timeline.free_at(&stamp(0, 20_005_000_000)).unwrap(), second(20)));
        assert!(close(timeline.free_at(&stamp(1, 20_005_000_000)).unwrap(), second(21)));
        assert_eq!(timeline.correction(second(30)), Duration::from_millis(5) - Duration::SECOND);
    }

    #[test]
    fn a_stamp_of_before_the_last_command_is_taken_to_that() {
        let second = |n| Timestamp::<Local>::from_secs(n);
        let mut timeline = Timeline::new(ClockEpoch(0), second(1), FrequencyPpb::ZERO);
        timeline.adjusted(second(5), second(9), ClockEpoch(1), FrequencyPpb::ZERO);
        assert_eq!(timeline.since_last_command(second(3), second(3)), (second(5), second(9)));
        assert_eq!(timeline.since_last_command(second(6), second(10)), (second(6), second(10)));
    }

    #[test]
    fn a_stamp_from_before_its_memory_is_none() {
        let mut timeline = Timeline::new(ClockEpoch(0), Timestamp::from_secs(0), FrequencyPpb::ZERO);
        for second in 1..2_000 {
            let at = Timestamp::from_secs(second);
            timeline.adjusted(at, at, ClockEpoch(0), FrequencyPpb::ZERO);
        }
        assert_eq!(timeline.free_at(&stamp(0, 1_000_000_000)), None);
        assert_eq!(timeline.free_at(&stamp(7, 1_999_000_000_000)), None, "an epoch that never was");
    }
}
