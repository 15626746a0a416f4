//! A clock made of software: a pure function of the reading `r` of the clock that the kernel stamps packets with.
//!
//! Tests and the demo must steer a clock, and must never steer the machine's. The obvious way, a clock that reads
//! CLOCK_MONOTONIC and adds a correction, is biased: packets are stamped with CLOCK_REALTIME, and whatever else slews
//! that clock meanwhile shows as an error of ours. So this clock is `sim(r)`: initial offset, oscillator error and all
//! of our own steps and frequency changes, each at its own `r`. A stamp maps to it exactly, however late it arrives
//! (within [`HISTORY`]), and the truth of a test is `sim(r) - master(r)` at one `r`: no second clock is ever read.
//!
//! Without offset and oscillator it is what `system = "observe"` steers: the kernel's clock plus our corrections, so
//! that a daemon which may not adjust the system clock still knows, and serves, the right time.

use std::collections::VecDeque;

use super::{Adjusted, Clock, ClockError, Oscillator, OscillatorModel};
use crate::discipline::Adjustment;
use crate::engine::Random;
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Stamp, Timestamp};

/// How far back a stamp can be located: as late as a transmit stamp may come.
pub const HISTORY: Duration = Duration::from_secs(10);

/// A reading may have been taken so long before the command that followed it.
const A_MOMENT: Duration = Duration::from_millis(100);
/// The most segments that are kept: 10 s of a grid interval and 64 corrections a second each.
pub const SEGMENTS_MAX: usize = 1_024;

/// The clock from one change of rate or phase to the next.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: Timestamp<Local>,
    reading: Timestamp<Local>,
    rate: FrequencyPpb,
    epoch: ClockEpoch,
}

impl Segment {
    fn reading_at(&self, at: Timestamp<Local>) -> Timestamp<Local> {
        let elapsed = at - self.from;
        self.reading + elapsed + self.rate.drift(elapsed)
    }
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct SoftwareClock {
    oscillator: Oscillator,
    next_grid: Timestamp<Local>,
    segments: VecDeque<Segment>,
    frequency: FrequencyPpb,
    frequency_max: FrequencyPpb,
    epoch: ClockEpoch,
    /// The stamping clock that it is a function of.
    base: ClockId,
    late: Option<Late>,
}

/// How much later than they act commands are reported.
#[derive(Clone, Debug)]
struct Late {
    mean: Duration,
    random: Random,
    /// What was reported last.
    last: Option<Timestamp<Local>>,
}

impl Late {
    /// The reading that is reported of a command which acted at the reading `acted`: in the order of the commands.
    fn told(&mut self, acted: Timestamp<Local>, step: Duration) -> Timestamp<Local> {
        let told = (acted + self.mean.scaled(self.random.exponential())).max(self.last.unwrap_or(acted));
        self.last = Some(told + step);
        told
    }
}

impl SoftwareClock {
    /// A clock that is `offset` ahead of the stamping clock at its reading `start`.
    pub fn new(start: Timestamp<Local>, offset: Duration, model: OscillatorModel, frequency_max: FrequencyPpb) -> Self {
        let oscillator = Oscillator::new(model);
        let first = Segment {
            from: start,
            reading: start + offset,
            rate: oscillator.frequency(),
            epoch: ClockEpoch::default(),
        };
        let mut segments = VecDeque::with_capacity(SEGMENTS_MAX + 1);
        segments.push_back(first);
        Self {
            next_grid: start + oscillator.grid(),
            oscillator,
            segments,
            frequency: FrequencyPpb::ZERO,
            frequency_max,
            epoch: ClockEpoch::default(),
            base: ClockId::System,
            late: None,
        }
    }

    /// The same as a function of another stamping clock.
    #[must_use]
    pub fn on(self, base: ClockId) -> Self {
        Self { base, ..self }
    }

    /// From now on a command is reported as of somewhat later than it acted, by an exponential number of this mean: who
    /// reads a clock and commands it cannot do both at once.
    pub fn report_late(&mut self, mean: Duration, random: Random) {
        self.late = Some(Late { mean, random, last: None });
    }

    /// Its oscillator, which was brought to the last reading that was asked for.
    pub fn oscillator(&mut self) -> &mut Oscillator {
        &mut self.oscillator
    }

    /// The reading when the stamping clock reads `at`, if that is not further back than [`HISTORY`].
    pub fn reading_at(&mut self, at: Timestamp<Local>) -> Option<Timestamp<Local>> {
        self.advance(at);
        self.segment_at(at).map(|segment| segment.reading_at(at))
    }

    /// Somebody else sets it by `by` when the stamping clock reads `at`: as clock_settime(2) does to a real one. Nothing tells; who
    /// compares it with a clock that cannot be set finds out.
    pub fn set(&mut self, at: Timestamp<Local>, by: Duration) {
        let at = at.max(self.last().from);
        self.advance(at);
        self.begin_segment(at, by);
    }

    /// Brings the oscillator along its grid up to `at`.
    fn advance(&mut self, at: Timestamp<Local>) {
        if !self.oscillator.wanders() {
            return;
        }
        while self.next_grid <= at {
            let at_grid = self.next_grid;
            self.oscillator.advance();
            self.begin_segment(at_grid, Duration::ZERO);
            self.next_grid = at_grid + self.oscillator.grid();
        }
    }

    fn last(&self) -> Segment {
        *self.segments.back().expect("a clock always has a segment")
    }

    fn segment_at(&self, at: Timestamp<Local>) -> Option<Segment> {
        let after = self.segments.partition_point(|segment| segment.from <= at);
        after.checked_sub(1).map(|index| self.segments[index])
    }

    /// A new segment at `at`, with `step` added to the reading and the rate of now.
    fn begin_segment(&mut self, at: Timestamp<Local>, step: Duration) {
        let last = self.last();
        let own = self.oscillator.frequency();
        let product = FrequencyPpb::from_ratio(own.ratio() * self.frequency.ratio());
        let segment = Segment {
            from: at,
            reading: last.reading_at(at) + step,
            rate: own + self.frequency + product,
            epoch: self.epoch,
        };
        if at == last.from {
            self.segments.pop_back();
        }
        while self.segments.len() >= SEGMENTS_MAX
            || self.segments.get(1).is_some_and(|second| at - second.from > HISTORY)
        {
            self.segments.pop_front();
        }
        self.segments.push_back(segment);
    }
}

impl Clock for SoftwareClock {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        if raw.clock != self.base {
            return None;
        }
        self.advance(raw.at);
        let segment = self.segment_at(raw.at)?;
        Some(Stamp { at: segment.reading_at(raw.at), clock: ClockId::Disciplined, epoch: segment.epoch, ..*raw })
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        self.advance(at);
        // It is asked for now; a command that was given a moment ago counts, also if the clock was read just before.
        let last = self.last();
        let is_just_before = at < last.from && last.from - at < A_MOMENT;
        (last.reading_at(if is_just_before { last.from } else { at }), last.rate)
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError> {
        let (step, frequency) = match command {
            Adjustment::Hold => (Duration::ZERO, self.frequency),
            Adjustment::Frequency(frequency) => (Duration::ZERO, frequency),
            Adjustment::Step(step, frequency) => (step, frequency),
        };
        if !frequency.is_finite() || frequency.abs() > self.frequency_max {
            return Err(ClockError::OutOfRange);
        }
        // A command acts from now on, also if it was decided a moment before the clock was last read.
        let at = at.max(self.last().from);
        self.advance(at);
        self.frequency = frequency;
        if step != Duration::ZERO {
            self.epoch = self.epoch.next();
        }
        let acted = self.last().reading_at(at);
        self.begin_segment(at, step);
        let before = self.late.as_mut().map_or(acted, |late| late.told(acted, step));
        let after = before + step;
        Ok(Adjusted { before, after, epoch: self.epoch, frequency: self.frequency, between: None })
    }

    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch {
        let known = self.segment_at(at).or(self.segments.front().copied()).unwrap_or_else(|| self.last());
        self.epoch = self.epoch.next();
        let segment = Segment { from: at, reading: known.reading_at(at), rate: self.last().rate, epoch: self.epoch };
        self.segments.clear();
        self.segments.push_back(segment);
        self.next_grid = at + self.oscillator.grid();
        self.epoch
    }

    fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    fn epoch(&self) -> ClockEpoch {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::StampSource;

    const LIMIT: FrequencyPpb = FrequencyPpb::new(500_000.0);

    fn at(seconds: i64) -> Timestamp<Local> {
        Timestamp::from_secs(1_700_000_000 + seconds)
    }

    fn raw(at: Timestamp<Local>) -> Stamp {
        Stamp { at, clock: ClockId::System, epoch: ClockEpoch(0), source: StampSource::Kernel, error: Duration::ZERO }
    }

    fn close(a: Timestamp<Local>, b: Timestamp<Local>) -> bool {
        (a - b).abs() < Duration::from_nanos(1)
    }

    #[test]
    fn without_errors_it_is_the_stamping_clock() {
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, LIMIT);
        assert_eq!(clock.reading_at(at(3_600)), Some(at(3_600)));
    }

    #[test]
    fn offset_and_frequency_are_as_configured() {
        let model = OscillatorModel { frequency: FrequencyPpb::from_ppm(40.0), ..OscillatorModel::PERFECT };
        let mut clock = SoftwareClock::new(at(0), Duration::from_secs(2), model, LIMIT);
        let expected = at(102) + Duration::from_millis(4);
        assert!(close(clock.reading_at(at(100)).unwrap(), expected));
    }

    #[test]
    fn who_sets_it_moves_what_comes_after_and_leaves_the_epoch_that_we_know() {
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, LIMIT);
        let before = clock.locate(&raw(at(5))).unwrap();
        clock.set(at(6), Duration::from_secs(300));
        assert_eq!(clock.reading_at(at(7)), Some(at(307)));
        assert_eq!(clock.locate(&raw(at(5))), Some(before), "what was stamped before is of before");
        assert_eq!(clock.locate(&raw(at(8))).unwrap().epoch, before.epoch, "nobody has told us");
        clock.restart(at(9));
        assert_eq!(clock.reading_at(at(10)), Some(at(310)), "that it is seen moves it no more");
    }

    #[test]
    fn a_late_stamp_maps_as_if_it_had_been_on_time() {
        let model = OscillatorModel { wander: 1e-7, seed: 4, ..OscillatorModel::PERFECT };
        let mut clock = SoftwareClock::new(at(0), Duration::SECOND, model, LIMIT);
        let stamp = raw(at(5) + Duration::from_millis(300));
        let on_time = clock.locate(&stamp).unwrap();
        clock.adjust(at(6), Adjustment::Frequency(FrequencyPpb::from_ppm(9.0))).unwrap();
        let epoch = clock.adjust(at(7), Adjustment::Step(Duration::from_secs(-1), FrequencyPpb::ZERO)).unwrap().epoch;
        assert_eq!(clock.locate(&stamp), Some(on_time));
        assert_ne!(on_time.epoch, epoch);
        assert_eq!(clock.locate(&raw(at(8))).unwrap().epoch, epoch);
    }

    #[test]
    fn our_own_adjustments_act_from_their_instant_on() {
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, LIMIT);
        clock.adjust(at(10), Adjustment::Frequency(FrequencyPpb::from_ppm(-100.0))).unwrap();
        assert_eq!(clock.reading_at(at(10)), Some(at(10)));
        assert!(close(clock.reading_at(at(20)).unwrap(), at(20) - Duration::from_millis(1)));
        clock.adjust(at(20), Adjustment::Step(Duration::from_millis(1), FrequencyPpb::ZERO)).unwrap();
        assert!(close(clock.reading_at(at(30)).unwrap(), at(30)));
    }

    #[test]
    fn what_is_reported_late_acts_at_once_all_the_same() {
        let mut clock =
            SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, FrequencyPpb::from_ppm(500.0));
        clock.report_late(Duration::from_micros(5), Random::seeded(1));
        let (mut last, mut late) = (at(0), Duration::ZERO);
        for second in 1..200 {
            let command = Adjustment::Frequency(FrequencyPpb::from_ppm(if second % 2 == 0 { 100.0 } else { -100.0 }));
            let acted = clock.line(at(second)).0;
            let told = clock.adjust(at(second), command).unwrap();
            assert!(told.before >= acted && told.before > last && told.after == told.before);
            late += told.before - acted;
            last = told.before;
        }
        let mean = late.as_secs_f64() / 199.0;
        assert!((mean - 5e-6).abs() < 1.5e-6, "{mean}");
        assert!((clock.line(at(200)).0 - at(200)).abs() < Duration::from_micros(101));
    }

    #[test]
    fn what_it_forgot_is_none_and_its_memory_is_bounded() {
        let model = OscillatorModel { wander: 1e-9, ..OscillatorModel::PERFECT };
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, model, LIMIT);
        for tick in 0..4_000_i64 {
            let now = at(0) + Duration::from_millis(tick * 16);
            clock.adjust(now, Adjustment::Frequency(FrequencyPpb::new(tick as f64))).unwrap();
        }
        assert!(clock.segments.len() <= SEGMENTS_MAX);
        assert_eq!(clock.locate(&raw(at(1))), None);
        assert!(clock.locate(&raw(at(60))).is_some());
    }

    #[test]
    fn it_refuses_what_no_oscillator_can_do() {
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, LIMIT);
        for ppb in [f64::NAN, f64::INFINITY, 500_001.0, -500_001.0] {
            let refused = clock.adjust(at(1), Adjustment::Frequency(FrequencyPpb::new(ppb)));
            assert_eq!(refused, Err(ClockError::OutOfRange));
        }
        assert_eq!(clock.frequency(), FrequencyPpb::ZERO);
    }

    #[test]
    fn a_stamping_clock_that_is_set_starts_a_new_history_and_a_new_epoch() {
        let model =
            OscillatorModel { frequency: FrequencyPpb::from_ppm(10.0), wander: 1e-9, ..OscillatorModel::PERFECT };
        for set_to in [50, 5_000] {
            let mut clock = SoftwareClock::new(at(0), Duration::ZERO, model, LIMIT);
            let before = clock.adjust(at(100), Adjustment::Frequency(FrequencyPpb::from_ppm(1.0))).unwrap().epoch;
            let epoch = clock.restart(at(set_to));
            assert_ne!(epoch, before);
            assert_eq!(clock.locate(&raw(at(set_to - 1))), None, "a stamp from before");
            assert_eq!(clock.locate(&raw(at(set_to + 1))).unwrap().epoch, epoch);
            assert!((clock.reading_at(at(set_to)).unwrap() - at(set_to)).abs() < Duration::from_millis(100));
        }
    }

    #[test]
    fn a_command_decided_a_moment_ago_acts_from_now_on() {
        let mut clock = SoftwareClock::new(at(0), Duration::ZERO, OscillatorModel::PERFECT, LIMIT);
        clock.adjust(at(10), Adjustment::Step(Duration::SECOND, FrequencyPpb::ZERO)).unwrap();
        let just_before = at(10) - Duration::from_micros(50);
        clock.adjust(just_before, Adjustment::Frequency(FrequencyPpb::from_ppm(5.0))).unwrap();
        assert_eq!(clock.reading_at(at(5)), Some(at(5)), "the history is whole");
        assert!(close(clock.reading_at(at(20)).unwrap(), at(21) + Duration::from_micros(50)));
    }
}
