//! What changed: each hypothesis is opened in turn, and the transits say which one explains them.
//!
//! When the [watch](super::watch) says that something must have changed, one of these happened:
//!
//! | hypothesis | what is opened | by |
//! |---|---|---|
//! | a burst | nothing | |
//! | the master, or the clock under ours, stepped | the offset | all of it |
//! | the oscillator shifted | the frequency | the greatest residual `r` over how long it took |
//! | both at once | both | |
//! | a new path, both ways alike | the base delay | all of it |
//! | one way changed | its constant | the least residual of its run |
//!
//! From the first unusual transit on all of them are kept, together with the members as they were before it. So each hypothesis is tried on what
//! really came: the members of then, with the variance in question enlarged, take all transits again, and the logarithms of the
//! densities add up to how well it explains them. Nothing is counted twice and nothing is lost: what the
//! best hypothesis has learnt is the new state. That a hypothesis with more freedom explains more is paid for by
//! its wider densities (Occam's factor), and by a prior.
//!
//! A clock that another program slews moves for a moment, and a message of that moment shows a part of it. As a part of a step it
//! fits nothing, and a path and a frequency that never were explain all of it better. So a step is also tried without the first of
//! the transits, at the price of a burst's. And a machine that was paused finds all that waited for it at once, each message stamped
//! at the end of the pause, and the longer ago it was sent the later: what another one of its way has overtaken since, by more than
//! an oscillator can have run, says nothing of a step.
//!
//! An offset of which nothing is known is not a variance of a second squared: beside noise of a nanosecond the difference of two
//! numbers of that size is rounding, and one message that does not fit has the filter run away. So the first transit
//! *places* what is open: that is the limit of an ever larger variance, and exact. Only the density still has the size of `r`.
//! The frequency is not opened by more than an oscillator may be off.
//!
//! A rule that looks only at signs and run lengths is not enough: PTP's Sync and Delay_Req come when they like, and four
//! early Delay_Req beside two late Sync, the picture of an oscillator that shifted, were once taken for a shorter way.
//! The constant that this adds is a wrong offset for good.

use super::member::Direction;
use super::mixture::{Mixture, Noise};
use super::special::PHI_0;
use super::watch::{GATE_DEVIATIONS, GATE_TAIL_MEANS, Watch};
use crate::coding::Coded;
use crate::time::{Local, Timestamp};

/// The most transits that are kept; what the watch wants to see of both directions fits in several times.
const TRANSITS_MAX: usize = 256;
/// The density of a transit that is left out as a burst's: `exp(-12)` over the tail's mean.
const LN_BURST: f64 = -12.0;
/// What explains worse than the best by no more than this (as the logarithm of a ratio) is as good: one in 400.
const LN_DOUBT: f64 = 6.0;
/// So many of the first transits may be of the moment in which a clock was being moved.
const UNDER_WAY_MAX: usize = 2;

/// What may have happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Hypothesis {
    /// Nothing: late transits are a burst's.
    Burst,
    /// The offset stepped.
    Step,
    /// The frequency shifted.
    Shift,
    /// Both at once.
    StepAndShift,
    /// The base delay moved, both ways alike.
    Path,
    /// One way's delay moved by this (s).
    Way(Direction, f64),
}

impl Hypothesis {
    /// The logarithm of how probable it is before anything is heard.
    const fn ln_prior(self) -> f64 {
        match self {
            Self::Burst => 0.0,
            Self::Step | Self::Shift | Self::Path => -4.0,
            Self::StepAndShift | Self::Way(..) => -8.0,
        }
    }

    /// Whether the offset is another one at once.
    const fn is_step(self) -> bool {
        matches!(self, Self::Step | Self::StepAndShift)
    }

    /// What the first transit tells, of which nothing is known before it.
    const fn opens(self) -> Option<Open> {
        match self {
            Self::Step | Self::StepAndShift => Some(Open::Offset),
            Self::Path => Some(Open::Delay),
            Self::Burst | Self::Shift | Self::Way(..) => None,
        }
    }

    /// How many of the first transits may be left out.
    const fn under_way_max(self) -> usize {
        if self.is_step() { UNDER_WAY_MAX } else { 0 }
    }
}

/// What explains best what came.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What happened, most likely.
    pub hypothesis: Hypothesis,
    /// What is believed then.
    pub believed: Believed,
    /// The offset stepped, by this hypothesis or by another one that explains it nearly as well: what was proven before is of another time, perhaps.
    pub may_have_stepped: bool,
}

/// What is not known at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    Offset,
    Delay,
}

#[derive(Clone, Copy, Debug, Coded)]
struct Transit {
    direction: Direction,
    at: Timestamp<Local>,
    seconds: f64,
}

/// The members at an instant.
#[derive(Clone, Debug, Coded)]
pub struct Believed {
    /// What they believe.
    pub members: Mixture,
    /// When.
    pub at: Timestamp<Local>,
}

impl Believed {
    /// Goes on to `at`, if that is later. Returns how long before the members' instant `at` is then (s): what is heard
    /// late does not turn the time back.
    pub fn predict(&mut self, at: Timestamp<Local>) -> f64 {
        let elapsed = (at - self.at).as_secs_f64();
        if elapsed <= 0.0 {
            return -elapsed;
        }
        self.at = at;
        self.members.predict(elapsed);
        0.0
    }
}

/// What came since the first unusual transit, and what was believed before it.
#[derive(Clone, Debug, Coded)]
pub struct Record {
    before: Option<(Believed, Noise)>,
    transits: Vec<Transit>,
}

impl Record {
    /// Nothing kept yet; room for all that ever will be.
    pub fn new() -> Self {
        Self { before: None, transits: Vec::with_capacity(TRANSITS_MAX) }
    }

    /// Begins: what is believed before the transit that is kept next.
    pub fn begin(&mut self, believed: &Believed, noise: Noise) {
        self.transits.clear();
        self.before = Some((believed.clone(), noise));
    }

    /// Whether it has begun.
    pub fn is_begun(&self) -> bool {
        self.before.is_some()
    }

    /// The last message before it began.
    pub fn begun(&self) -> Option<Timestamp<Local>> {
        self.before.as_ref().map(|(believed, _)| believed.at)
    }

    /// Whether the first unusual transit is of after `at`: a request that left then, and whose stamp has become known only now, says nothing of
    /// what changed, and nothing against it.
    pub fn began_after(&self, at: Timestamp<Local>) -> bool {
        self.transits.first().is_some_and(|first| at < first.at)
    }

    /// Whether no more transits fit.
    pub fn is_full(&self) -> bool {
        self.transits.len() >= TRANSITS_MAX
    }

    /// Keeps a transit; one that does not fit is dropped.
    pub fn keep(&mut self, direction: Direction, at: Timestamp<Local>, seconds: f64) {
        if self.is_begun() && !self.is_full() {
            self.transits.push(Transit { direction, at, seconds });
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.before = None;
        self.transits.clear();
    }

    /// What explains best what came. `None` if it has not begun. `longer` is what
    /// one way and the other are longer by than the base delay already, together (s); the oscillator is off by `frequency_max` at most
    /// (s/s).
    ///
    /// No way there and back is shorter than nothing, whatever the clocks say: one way alone cannot have become shorter by more than
    /// both took.
    pub fn explain(&self, watch: &Watch, longer: f64, frequency_max: f64) -> Option<Explanation> {
        let (before, noise) = self.before.as_ref()?;
        let both_ways = 2.0 * before.members.mean()[2] + longer;
        let way = |direction| {
            let possible = watch.moved(direction).filter(|by| both_ways + by > 0.0);
            possible.map(|by| Hypothesis::Way(direction, by))
        };
        let hypotheses = [
            Some(Hypothesis::Burst),
            Some(Hypothesis::Step),
            Some(Hypothesis::Shift),
            Some(Hypothesis::StepAndShift),
            Some(Hypothesis::Path),
            way(Direction::Forward),
            way(Direction::Backward),
        ];
        let mut best: Option<(f64, Hypothesis, Believed)> = None;
        let mut of_a_step = f64::NEG_INFINITY;
        let without_first = |hypothesis: Hypothesis| (0..=hypothesis.under_way_max()).map(move |n| (hypothesis, n));
        for (hypothesis, under_way) in hypotheses.into_iter().flatten().flat_map(without_first) {
            let mut believed = before.clone();
            self.open(hypothesis, watch, *noise, frequency_max, &mut believed);
            let replay = Replay { watch, noise: *noise, frequency_max, under_way };
            let evidence = self.replay(hypothesis, replay, &mut believed) + hypothesis.ln_prior();
            // Beside a shift a step as well can always be.
            if hypothesis == Hypothesis::Step {
                of_a_step = of_a_step.max(evidence);
            }
            if best.as_ref().is_none_or(|(greatest, ..)| evidence > *greatest) {
                best = Some((evidence, hypothesis, believed));
            }
        }
        best.map(|(evidence, hypothesis, believed)| Explanation {
            hypothesis,
            believed,
            may_have_stepped: hypothesis.is_step() || of_a_step >= evidence - LN_DOUBT,
        })
    }

    /// Enlarges the variances of what a hypothesis leaves open, but for what the first transit places.
    fn open(&self, hypothesis: Hypothesis, watch: &Watch, noise: Noise, frequency_max: f64, believed: &mut Believed) {
        let Some(last) = self.transits.last() else { return };
        let elapsed = (last.at - believed.at).as_secs_f64().max(1e-9);
        let (gate, tail) = (square(watch.gate()), square(noise.tail_mean(0.0)));
        let rate = square((watch.greatest() / elapsed).min(frequency_max));
        believed.members.widen(match hypothesis {
            // What is open of a way is so below: offset and delay at once.
            Hypothesis::Burst | Hypothesis::Way(..) => [0.0; 3],
            Hypothesis::Step => [0.0, 0.0, tail / 4.0],
            // It began before the gate saw it.
            Hypothesis::Shift => [gate, rate, 0.0],
            Hypothesis::StepAndShift => [0.0, rate, tail / 4.0],
            Hypothesis::Path => [tail / 4.0, 0.0, 0.0],
        });
        if let Hypothesis::Way(direction, _) = hypothesis {
            believed.members.widen_way(direction, tail);
        }
    }

    /// Takes all transits again but those that are left out. Returns the logarithm of their density.
    fn replay(&self, hypothesis: Hypothesis, replay: Replay<'_>, believed: &mut Believed) -> f64 {
        let Replay { watch, noise, under_way: mut left_out, .. } = replay;
        let tail_mean = noise.tail_mean(0.0);
        let ln_left_out = LN_BURST - libm::log(tail_mean);
        let mut open = hypothesis.opens();
        let mut evidence = 0.0;
        for (index, transit) in self.transits.iter().enumerate() {
            let moved = match hypothesis {
                Hypothesis::Way(direction, by) if direction == transit.direction => by,
                _ => 0.0,
            };
            if hypothesis.under_way_max() > 0 && self.is_overtaken(index, hypothesis, replay, believed) {
                evidence += ln_left_out;
                continue;
            }
            if left_out > 0 {
                left_out -= 1;
                evidence += ln_left_out;
                continue;
            }
            let seconds = transit.seconds - moved;
            let ago = believed.predict(transit.at);
            let members = &mut believed.members;
            let residual = members.residual(transit.direction, -ago, seconds);
            if let Some(open) = open.take() {
                let by = watch.greatest();
                evidence += libm::log(PHI_0 / by) - 0.5 * square(residual / by);
                match open {
                    Open::Offset => {
                        members.place(transit.direction, seconds, noise);
                        believed.at = transit.at;
                    }
                    Open::Delay => members.place_delay(transit.direction, ago, seconds, noise),
                }
                continue;
            }
            let gate = GATE_TAIL_MEANS * tail_mean + GATE_DEVIATIONS * members.deviation_of_transit(0.0);
            if residual > gate {
                evidence += ln_left_out;
                continue;
            }
            if transit.direction == Direction::Forward {
                members.mix();
            }
            evidence += members.weigh(transit.direction, ago, seconds, noise).natural_log();
        }
        evidence
    }

    /// Whether a later transit of the same way says that this one was late by more than the gate, however the oscillator runs by the
    /// hypothesis.
    fn is_overtaken(&self, index: usize, hypothesis: Hypothesis, replay: Replay<'_>, believed: &Believed) -> bool {
        let own = self.transits[index];
        let [_, frequency, _] = believed.members.mean();
        let shifts_by = if hypothesis == Hypothesis::StepAndShift { replay.frequency_max } else { 0.0 };
        let is_earlier = |later: &Transit| {
            let elapsed = (later.at - own.at).as_secs_f64();
            let run = own.direction.sign() * frequency * elapsed - shifts_by * elapsed.abs();
            later.direction == own.direction && later.seconds < own.seconds + run - replay.watch.gate()
        };
        self.transits[index + 1..].iter().any(is_earlier)
    }
}

/// How transits are taken again.
#[derive(Clone, Copy)]
struct Replay<'a> {
    watch: &'a Watch,
    noise: Noise,
    /// (s/s).
    frequency_max: f64,
    /// So many of the first that nothing has overtaken are left out.
    under_way: usize,
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discipline::estimator::member::Belief;
    use crate::discipline::estimator::watch::Verdict;
    use crate::time::Duration;

    const J: f64 = 1e-7;
    const NOISE: Noise = Noise { range: 1.731 * J, resolution: 1e-9 };

    /// Transits at 8 a second, by turns, of `forward` and `backward` (s) at each time (s), until a change is seen.
    fn explained(forward: impl Fn(f64) -> f64, backward: impl Fn(f64) -> f64) -> Option<(Hypothesis, Believed)> {
        explanation(forward, backward).map(|found| (found.hypothesis, found.believed))
    }

    fn explanation(forward: impl Fn(f64) -> f64, backward: impl Fn(f64) -> f64) -> Option<Explanation> {
        let start = Timestamp::from_secs(1_000);
        let known = Belief { mean: [0.0, 0.0, 1e-6], deviation: [J / 10.0, 1e-9, J / 10.0] };
        let mut believed = Believed { members: Mixture::new(known), at: start };
        let mut record = Record::new();
        let mut watch = Watch::default();
        record.begin(&believed, NOISE);
        for step in 0..120 {
            let t = f64::from(step) / 16.0;
            let at = start + Duration::from_secs_f64(t);
            let direction = if step % 2 == 0 { Direction::Forward } else { Direction::Backward };
            let late = if step % 2 == 0 { forward(t) } else { backward(t) };
            let jitter = J * [0.1, 0.7, 1.9, 0.3, 1.2][step as usize % 5];
            record.keep(direction, at, 1e-6 + late + jitter);
            let ago = believed.predict(at);
            let residual = believed.members.residual(direction, -ago, 1e-6 + late + jitter);
            let deviation = || believed.members.deviation_of_transit(0.0);
            if watch.judge(direction, residual, deviation, J) == Verdict::Changed {
                return record.explain(&watch, 0.0, 5e-4);
            }
        }
        None
    }

    #[test]
    fn a_step_is_told_from_a_shift_and_both_from_a_path() {
        let (step, believed) = explained(|_| 5e-6, |_| -5e-6).unwrap();
        assert_eq!(step, Hypothesis::Step);
        assert!((believed.members.mean()[0] - 5e-6).abs() < J, "{:?}", believed.members.mean());

        let (shift, believed) = explained(|t| 5e-6 * t, |t| -5e-6 * t).unwrap();
        assert_eq!(shift, Hypothesis::Shift);
        assert!((believed.members.mean()[1] - 5e-6).abs() < 5e-7, "{:?}", believed.members.mean());

        let (path, believed) = explained(|_| -3e-6, |_| -3e-6).unwrap();
        assert_eq!(path, Hypothesis::Path);
        assert!((believed.members.mean()[2] + 2e-6).abs() < J, "{:?}", believed.members.mean());
    }

    #[test]
    fn what_a_step_explains_nearly_as_well_may_have_been_one() {
        assert!(explanation(|_| 5e-6, |_| -5e-6).unwrap().may_have_stepped);
        assert!(!explanation(|t| 5e-6 * t, |t| -5e-6 * t).unwrap().may_have_stepped, "it grew for seconds");
        assert!(!explanation(|_| -3e-6, |_| -3e-6).unwrap().may_have_stepped, "both ways are shorter");
        // One that queues hide: early by what is left of the step after them, and late in the other way.
        let steps = |late: [f64; 5]| move |t: f64| late[(t * 8.0) as usize % 5];
        let found =
            explanation(steps([-9e-6, -8e-6, -4e-6, -6e-6, 0.0]), steps([9e-6, 13e-6, 10e-6, 7e-6, 9e-6])).unwrap();
        assert!(found.may_have_stepped, "{:?}", found.hypothesis);
    }

    #[test]
    fn a_step_is_found_where_the_first_message_came_while_it_was_under_way() {
        // It took 0.1 s, in which a transit of each way was measured.
        for moving in [[0.4, 1.0], [1.0, 0.4], [0.3, 0.7]] {
            for by in [1.8e-6, -1.8e-6, 2.3e-6, -2.3e-6, 40e-6] {
                let part = |t: f64, k: usize| by * if t < 0.1 { moving[k] } else { 1.0 };
                let (step, believed) = explained(|t| part(t, 0), |t| -part(t, 1)).unwrap();
                assert_eq!(step, Hypothesis::Step, "by {by:e}, at first {moving:?}");
                let [offset, frequency, delay] = believed.members.mean();
                assert!((offset - by).abs() < 2.0 * J, "{offset:e} of {by:e}, at first {moving:?}");
                assert!(frequency.abs() < 1e-6 && (delay - 1e-6).abs() < J, "{frequency:e} {delay:e}");
            }
        }
    }

    #[test]
    fn messages_that_waited_through_a_pause_of_the_machine_leave_a_step_of_just_its_length() {
        for (pause, j) in [(1.0, 5e-6), (60.0, 5e-6), (3_600.0, 1e-7), (3_600.0, 1e-9)] {
            let noise = Noise { range: 1.731 * j, resolution: 1e-9 };
            let at = Timestamp::from_secs(1_000);
            let known = Belief { mean: [0.0, 0.0, 1e-6], deviation: [j / 10.0, 1e-9, j / 10.0] };
            let before = Believed { members: Mixture::new(known), at };
            let (mut record, mut watch) = (Record::new(), Watch::default());
            record.begin(&before, noise);
            let mut keep = |direction: Direction, t: f64, late: f64| {
                let seconds = 1e-6 - direction.sign() * pause + late;
                record.keep(direction, at + Duration::from_secs_f64(t), seconds);
                watch.judge(direction, seconds - 1e-6, || 1e-7, j)
            };
            // Eight have waited, the first of them for a second; all are stamped at once.
            for k in 0..8 {
                assert_ne!(keep(Direction::Forward, 0.01, 0.94 - 0.125 * f64::from(k)), Verdict::Changed);
            }
            keep(Direction::Backward, 0.02, j);
            keep(Direction::Backward, 0.05, 0.3 * j);
            keep(Direction::Forward, 0.06, 0.7 * j);
            keep(Direction::Backward, 0.1, 1.2 * j);
            let Explanation { hypothesis: step, believed, .. } = record.explain(&watch, 0.0, 5e-4).unwrap();
            assert_eq!(step, Hypothesis::Step, "{pause} s");
            let [offset, frequency, delay] = believed.members.mean();
            assert!((offset + pause).abs() < 2.0 * j, "{pause} s: {offset}");
            assert!(frequency.abs() < 1e-8 && (delay - 1e-6).abs() < j, "{pause} s: {frequency:e} {delay:e}");
            assert!(believed.members.deviation(0.0) < 2.0 * j, "{pause} s: {}", believed.members.deviation(0.0));
        }
    }

    #[test]
    fn a_way_that_changed_alone_keeps_the_offset() {
        let (longer, believed) = explained(|_| 0.0, |_| 5e-6).unwrap();
        assert!(
            matches!(longer, Hypothesis::Way(Direction::Backward, by) if (by - 5e-6).abs() < 2.0 * J),
            "{longer:?}"
        );
        assert!(believed.members.mean()[0].abs() < J);
        let (shorter, _) = explained(|_| -1.7e-6, |_| 0.0).unwrap();
        assert!(
            matches!(shorter, Hypothesis::Way(Direction::Forward, by) if (by + 1.7e-6).abs() < 2.0 * J),
            "{shorter:?}"
        );
    }

    #[test]
    fn no_way_becomes_shorter_by_more_than_both_took() {
        let (other, _) = explained(|_| -2.6e-6, |_| 0.0).unwrap();
        assert!(!matches!(other, Hypothesis::Way(..)), "{other:?}");
    }

    #[test]
    fn a_queue_that_grows_in_one_direction_is_a_burst_however_long() {
        let queue = |t: f64| J * (10.0 + 20.0 * t);
        let (burst, believed) = explained(queue, |_| 0.0).unwrap();
        assert_eq!(burst, Hypothesis::Burst);
        assert!(believed.members.mean()[0].abs() < J);
    }

    #[test]
    fn what_does_not_fit_into_the_record_is_dropped() {
        let mut record = Record::new();
        let at = Timestamp::from_secs(1);
        record.keep(Direction::Forward, at, 0.0);
        assert!(record.explain(&Watch::default(), 0.0, 5e-4).is_none(), "it never began");
        let nothing = Belief { mean: [0.0; 3], deviation: [1.0; 3] };
        record.begin(&Believed { members: Mixture::new(nothing), at }, NOISE);
        (0..1_000).for_each(|_| record.keep(Direction::Forward, at, 0.0));
        assert!(record.is_full() && record.transits.len() == TRANSITS_MAX);
    }
}
