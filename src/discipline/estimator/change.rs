//! What changed: each hypothesis is opened in turn, and the transits say which one explains them.
//!
//! When the [watch](super::watch) says that something must have changed, one of these happened:
//!
//! | hypothesis | what is opened | by |
//! |---|---|---|
//! | a burst | nothing | |
//! | the master, or the clock under ours, stepped | the offset | the greatest residual `r` |
//! | the oscillator shifted | the frequency | `r` over how long it took |
//! | both at once | both | |
//! | a new path, both ways alike | the base delay | `r` |
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
//! the transits, at the price of a burst's.
//!
//! A rule that looks only at signs and run lengths is not enough: PTP's Sync and Delay_Req come when they like, and four
//! early Delay_Req beside two late Sync, the picture of an oscillator that shifted, were once taken for a shorter way.
//! The constant that this adds is a wrong offset for good.

use super::member::Direction;
use super::mixture::{Mixture, Noise};
use super::watch::{GATE_DEVIATIONS, GATE_TAIL_MEANS, Watch};
use crate::coding::Coded;
use crate::time::{Local, Timestamp};

/// The most transits that are kept; what the watch wants to see of both directions fits in several times.
const TRANSITS_MAX: usize = 256;
/// The density of a transit that is left out as a burst's: `exp(-12)` over the tail's mean.
const LN_BURST: f64 = -12.0;
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

    /// How many of the first transits may be left out.
    const fn under_way_max(self) -> usize {
        match self {
            Self::Step | Self::StepAndShift => UNDER_WAY_MAX,
            _ => 0,
        }
    }
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

    /// The hypothesis that explains best what came, and what is believed then. `None` if it has not begun. `longer` is what
    /// one way and the other are longer by than the base delay already, together (s).
    ///
    /// No way there and back is shorter than nothing, whatever the clocks say: one way alone cannot have become shorter by more than
    /// both took.
    pub fn explain(&self, watch: &Watch, longer: f64) -> Option<(Hypothesis, Believed)> {
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
        let without_first = |hypothesis: Hypothesis| (0..=hypothesis.under_way_max()).map(move |n| (hypothesis, n));
        for (hypothesis, under_way) in hypotheses.into_iter().flatten().flat_map(without_first) {
            let mut believed = before.clone();
            self.open(hypothesis, watch, *noise, &mut believed);
            let evidence = self.replay(hypothesis, under_way, *noise, &mut believed) + hypothesis.ln_prior();
            if best.as_ref().is_none_or(|(greatest, ..)| evidence > *greatest) {
                best = Some((evidence, hypothesis, believed));
            }
        }
        best.map(|(_, hypothesis, believed)| (hypothesis, believed))
    }

    /// Enlarges the variances of what a hypothesis leaves open.
    fn open(&self, hypothesis: Hypothesis, watch: &Watch, noise: Noise, believed: &mut Believed) {
        let Some(last) = self.transits.last() else { return };
        let elapsed = (last.at - believed.at).as_secs_f64().max(1e-9);
        let (by, gate, tail) = (square(watch.greatest()), square(watch.gate()), square(noise.tail_mean(0.0)));
        let rate = by / square(elapsed);
        believed.members.widen(match hypothesis {
            // What is open of a way is so below: offset and delay at once.
            Hypothesis::Burst | Hypothesis::Way(..) => [0.0; 3],
            Hypothesis::Step => [by, 0.0, tail / 4.0],
            // It began before the gate saw it.
            Hypothesis::Shift => [gate, rate, 0.0],
            Hypothesis::StepAndShift => [by, rate, tail / 4.0],
            Hypothesis::Path => [tail / 4.0, 0.0, by],
        });
        if let Hypothesis::Way(direction, _) = hypothesis {
            believed.members.widen_way(direction, tail);
        }
    }

    /// Takes all transits again but the first, which came while it was `under_way`. Returns the logarithm of their density.
    fn replay(&self, hypothesis: Hypothesis, under_way: usize, noise: Noise, believed: &mut Believed) -> f64 {
        let tail_mean = noise.tail_mean(0.0);
        let ln_left_out = LN_BURST - libm::log(tail_mean);
        let under_way = under_way.min(self.transits.len());
        let mut evidence = ln_left_out * under_way as f64;
        for transit in &self.transits[under_way..] {
            let moved = match hypothesis {
                Hypothesis::Way(direction, by) if direction == transit.direction => by,
                _ => 0.0,
            };
            let seconds = transit.seconds - moved;
            let ago = believed.predict(transit.at);
            let members = &mut believed.members;
            let gate = GATE_TAIL_MEANS * tail_mean + GATE_DEVIATIONS * members.deviation_of_transit(0.0);
            if members.residual(transit.direction, -ago, seconds) > gate {
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
                return record.explain(&watch, 0.0);
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
        assert!(record.explain(&Watch::default(), 0.0).is_none(), "it never began");
        let nothing = Belief { mean: [0.0; 3], deviation: [1.0; 3] };
        record.begin(&Believed { members: Mixture::new(nothing), at }, NOISE);
        (0..1_000).for_each(|_| record.keep(Direction::Forward, at, 0.0));
        assert!(record.is_full() && record.transits.len() == TRANSITS_MAX);
    }
}
