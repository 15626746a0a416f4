//! How far the oscillator strays once nobody corrects it: learnt by rehearsing.
//!
//! Without a source the clock runs on by the frequency that was estimated last, and the error grows by what the oscillator
//! does that nobody foresaw. The obvious way is to assume a figure, so many ppm (`max_drift`): a figure that holds for the worst
//! crystal is a hundred times too wide for this one. The next is a model: random-walk FM of a level that the estimator has
//! learnt at the scale of seconds, continued to an hour by `t^1.5`. But crystals do other things at other scales: flicker,
//! the temperature of the room, ageing.
//!
//! So it is measured at each scale by itself. While samples come, holdovers are rehearsed: an estimate of offset and frequency
//! is put aside, and when `lag` has passed it is compared with what is known then. What a real holdover would have been wrong
//! by after `lag` is
//!
//! ```text
//! e = x(t + lag) - x(t) - f(t) lag
//! ```
//!
//! with the oscillator's and the estimator's errors in it. Lags double from 4 s to a day and a half; four rehearsals of each
//! overlap. Of each lag the mean of `e^2 / lag^3` is kept (constant for random-walk FM), over about a day or the last sixteen
//! independent ones, whichever is longer.
//!
//! An oscillator that has begun to wander much more than it did while this was learnt shows first in the estimator's own
//! figure: from four times as much on, what was learnt is multiplied by the ratio.
//!
//! All of that takes hours and days, so it is kept from one run to the next ([`SavedStability`]): believed at once within one boot, and with much more
//! head-room after one, until some hours have shown that the oscillator is what it was.
//!
//! What was never seen is not foretold: a lag counts as learnt after [`RUNS_MIN`] independent rehearsals, with head-room for
//! how few they were, and beyond the longest learnt lag the frequency may change by `max_drift` as it pleases.

use super::estimator::decimal_power;
use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// The shortest lag.
pub const LAG_MIN: Duration = Duration::from_secs(4);
/// The same in seconds.
const LAG_MIN_S: f64 = (LAG_MIN.as_nanos() / 1_000_000_000) as f64;
/// How many lags, each twice the one before: the longest is 36 h.
pub const LAGS: usize = 16;
/// So many rehearsals of one lag overlap.
const OVERLAP: usize = 4;
/// Independent rehearsals after which a lag is learnt.
const RUNS_MIN: f64 = 4.0;
/// What is learnt of is this long ago at most, where that is [`RUNS_KEPT_MIN`] or more.
const MEMORY_S: f64 = 86_400.0;
/// Independent rehearsals that are remembered, however long they take.
const RUNS_KEPT_MIN: f64 = 16.0;
/// A rehearsal whose sample comes later than this many lags is given up.
const LATE_MAX: f64 = 1.5;
/// How many standard deviations the truth may be off.
const DEVIATIONS: f64 = 4.5;
/// And for the shortest lags, up to a minute or two.
const DEVIATIONS_SHORT: f64 = 6.0;
const SHORT_LAGS: usize = 6;
/// A frequency is never known better than this: what a driver rounds without a word (s/s).
const RATE_MIN: f64 = 2e-9;
/// The most that is allowed for after refutations.
const CAUTION_MAX: f64 = 64.0;
/// They are forgotten within about this.
const CAUTION_S: f64 = 21_600.0;
/// And more while they were few: `1 + FEW / n` times as many for `n` independent ones.
const FEW: f64 = 2.0;
/// A restlessness that is greater by so many decades than usual is believed: a factor of 4.
const DECADES_IGNORED: f64 = 0.6;
/// A restlessness is a decimal logarithm of a wander, in units of the least: not beyond this.
const RESTLESS_MAX: f64 = 12.0;
/// A policy's frequency is good for so long; beyond that it walks, with the root of the time.
const WINDOW_S: f64 = 128.0;

/// What was learnt in an earlier run counts for so many independent rehearsals at most: what is seen now has more weight.
const REMEMBERED_RUNS: f64 = 16.0;
/// And for so many after a boot.
const REMEMBERED_RUNS_AFTER_A_BOOT: f64 = 8.0;
/// By how much more is allowed at first, for nobody has seen what the oscillator did meanwhile;
const CAUTION_AFTER_A_RESTART: f64 = 2.0;
/// and after a boot, when a machine was perhaps off, and is cold.
const CAUTION_AFTER_A_BOOT: f64 = 4.0;
/// No lag's `e^2 / lag^3` is more: a second after four.
const MEAN_MAX: f64 = 1.0 / 64.0;

/// What was learnt of an oscillator, to be kept from one run to the next.
#[derive(Clone, Copy, PartialEq, Default, Debug, Coded)]
pub struct SavedStability {
    /// Of each lag, from the shortest, the mean of `e^2 / lag^3` (1/s), and how many rehearsals that is the mean of.
    pub lags: [(f64, f64); LAGS],
    /// How restless the oscillator was on average meanwhile, and by how many seconds that is known.
    pub restless: (f64, f64),
    /// By how much more was allowed since something was refuted; 1 or more.
    pub caution: f64,
}

impl SavedStability {
    /// Whether all of it are numbers that can have been learnt.
    pub fn is_plausible(&self) -> bool {
        let is_level = |(mean, count): &(f64, f64)| {
            (0.0..=MEAN_MAX).contains(mean) && (0.0..=OVERLAP as f64 * MEMORY_S / LAG_MIN_S).contains(count)
        };
        let (restless, averaged) = self.restless;
        self.lags.iter().all(is_level)
            && restless.abs() <= RESTLESS_MAX
            && (0.0..=MEMORY_S).contains(&averaged)
            && (1.0..=CAUTION_MAX).contains(&self.caution)
    }

    /// The same after nobody has looked for a while.
    #[must_use]
    pub fn after_a_restart(self) -> Self {
        self.less_sure(REMEMBERED_RUNS, CAUTION_AFTER_A_RESTART)
    }

    /// The same after a boot.
    #[must_use]
    pub fn after_a_boot(self) -> Self {
        self.less_sure(REMEMBERED_RUNS_AFTER_A_BOOT, CAUTION_AFTER_A_BOOT)
    }

    fn less_sure(mut self, runs: f64, caution: f64) -> Self {
        for (_, count) in &mut self.lags {
            *count = count.min(OVERLAP as f64 * runs);
        }
        let more = if self.caution > caution { self.caution } else { caution };
        Self { caution: more, ..self }
    }
}

/// An estimate put aside.
#[derive(Clone, Copy, Debug, Coded)]
struct Rehearsal {
    at: Timestamp<Local>,
    offset: Duration,
    frequency: FrequencyPpb,
}

/// One lag.
#[derive(Clone, Copy, Debug, Coded)]
struct Level {
    running: [Option<Rehearsal>; OVERLAP],
    begins: Option<Timestamp<Local>>,
    /// Nothing of it ends or begins before this; the long ones are seldom looked at.
    next: Option<Timestamp<Local>>,
    /// Mean of `e^2 / lag^3`.
    mean: f64,
    /// How many rehearsals it is the mean of, at most as many as are remembered.
    count: f64,
}

/// See the module's text. All on `V` (see [`Timeline`](super::Timeline)).
#[derive(Clone, Debug, Coded)]
pub struct Stability {
    levels: [Level; LAGS],
    /// Nothing is to do before this.
    next: Option<Timestamp<Local>>,
    /// How restless the oscillator is now, and was on average of late, by how many seconds; as decimal logarithms.
    restless: f64,
    restless_average: f64,
    averaged: f64,
    /// By how much more is allowed since something was refuted; 1 or more.
    caution: f64,
    last: Option<Timestamp<Local>>,
}

/// How far an oscillator may stray from where its frequency takes it, by age: as learnt, and beyond that by policy.
///
/// A line through a point for each lag that is learnt, with `(0, 0)` before the first: above the `t^1.5` of a random walk and
/// the `t` of a wrong frequency.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Walk {
    /// At each lag from the first to the last that is learnt (s).
    strayed: [f64; LAGS],
    first: u32,
    last: u32,
    max_drift: f64,
}

impl Walk {
    /// How far the oscillator may have strayed after `age` seconds; never less for a longer age (s).
    pub fn strayed(&self, age: f64) -> f64 {
        let (first, last) = (self.first as usize, self.last as usize);
        if age <= seconds(first) {
            return self.strayed[first] * age / seconds(first);
        }
        let until = doublings(age / LAG_MIN_S);
        if until <= last {
            let (from, before) = (seconds(until - 1), self.strayed[until - 1]);
            return before + (self.strayed[until] - before) * (age - from) / from;
        }
        let (from, before) = (seconds(last), self.strayed[last]);
        // The frequency that the oscillator had at the end of what is learnt goes on, and changes.
        let (longer, beyond) = (age / from, age - from);
        before * longer * longer.sqrt() + self.max_drift * beyond * (beyond / WINDOW_S).sqrt().max(1.0)
    }

    /// The longest age that is learnt.
    pub fn learnt(&self) -> Duration {
        lag(self.last as usize)
    }
}

impl Default for Stability {
    fn default() -> Self {
        let level = Level { running: [None; OVERLAP], begins: None, next: None, mean: 0.0, count: 0.0 };
        Self {
            levels: [level; LAGS],
            next: None,
            restless: 0.0,
            restless_average: 0.0,
            averaged: 0.0,
            caution: 1.0,
            last: None,
        }
    }
}

impl Stability {
    /// With what was learnt in an earlier run.
    pub fn remembered(saved: &SavedStability) -> Self {
        let mut stability = Self::default();
        for (level, (mean, count)) in stability.levels.iter_mut().zip(saved.lags) {
            (level.mean, level.count) = (mean, count);
        }
        let (restless, averaged) = saved.restless;
        // Until something is heard it is as restless as it was.
        Self { restless, restless_average: restless, averaged, caution: saved.caution, ..stability }
    }

    /// What is to be kept for a later run; `None` while no lag is learnt.
    pub fn remember(&self) -> Option<SavedStability> {
        self.levels.iter().any(Level::is_learnt).then(|| SavedStability {
            lags: self.levels.each_ref().map(|level| (level.mean, level.count)),
            restless: (self.restless_average, self.averaged),
            caution: self.caution,
        })
    }

    /// What is known at `at`: the offset from the master, what the oscillator runs off by, and the decimal logarithm of how
    /// restless it is, in any unit. Returns whether [`Stability::walk`] may say more than before.
    pub fn observe(&mut self, at: Timestamp<Local>, offset: Duration, frequency: FrequencyPpb, restless: f64) -> bool {
        self.note_restlessness(at, restless);
        if self.next.is_some_and(|next| at < next) {
            return self.is_restless();
        }
        let now = Rehearsal { at, offset, frequency };
        let mut next = None;
        for (index, level) in self.levels.iter_mut().enumerate() {
            if level.next.is_none_or(|next| at >= next) {
                level.observe(lag(index), now);
                level.next = level.next_of(lag(index));
            }
            next = next.into_iter().chain(level.next).min();
        }
        self.next = next;
        true
    }

    fn note_restlessness(&mut self, at: Timestamp<Local>, restless: f64) {
        let elapsed = self.last.map_or(0.0, |last| (at - last).as_secs_f64().max(0.0));
        self.last = Some(at);
        self.restless = restless;
        self.caution -= (self.caution - 1.0) * (elapsed / CAUTION_S).min(1.0);
        self.averaged = (self.averaged + elapsed).min(MEMORY_S);
        if self.averaged > 0.0 {
            self.restless_average += (restless - self.restless_average) * (elapsed / self.averaged).min(1.0);
        }
    }

    /// By how much more the oscillator wanders than while it was learnt: 1, or 4 and more.
    fn worse(&self) -> f64 {
        if self.is_restless() { decimal_power(self.restless - self.restless_average) } else { 1.0 }
    }

    fn is_restless(&self) -> bool {
        self.restless - self.restless_average > DECADES_IGNORED
    }

    /// The offset was broken by something that is not the oscillator: what is being rehearsed means nothing.
    pub fn interrupt(&mut self) {
        for level in &mut self.levels {
            level.running = [None; OVERLAP];
            level.begins = None;
            level.next = None;
        }
        self.next = None;
    }

    /// What is learnt, with `max_drift` beyond it; `None` while nothing is.
    pub fn walk(&self, max_drift: FrequencyPpb) -> Option<Walk> {
        // Lags that are shorter than the interval of the samples are never learnt.
        let first = self.levels.iter().position(Level::is_learnt)?;
        let count = self.levels[first..].iter().take_while(|level| level.is_learnt()).count();
        let more = self.worse() * self.caution;
        let mut strayed = [0.0; LAGS];
        let mut most = 0.0_f64;
        for (index, level) in self.levels.iter().enumerate().skip(first).take(count) {
            let lag = seconds(index);
            most = most.max(more * level.deviations(index) * (level.mean * lag * lag * lag).sqrt());
            most = most.max(RATE_MIN * seconds(first));
            strayed[index] = most;
        }
        let (first, last) = (first as u32, (first + count - 1) as u32);
        Some(Walk { strayed, first, last, max_drift: max_drift.abs().ratio() })
    }

    /// The oscillator did what it cannot do by what was learnt: for some hours it is allowed twice as much.
    pub fn refuted(&mut self) {
        self.caution = (2.0 * self.caution).min(CAUTION_MAX);
        self.interrupt();
    }
}

fn seconds(index: usize) -> f64 {
    LAG_MIN_S * f64::from(1_u32 << index)
}

/// How often 1 must be doubled not to be less than `ratio`, which is 1 or more: the exponent, rounded up.
fn doublings(ratio: f64) -> usize {
    const MANTISSA: u64 = (1 << 52) - 1;
    const BIAS: usize = 1_023;
    ((ratio.to_bits() + MANTISSA) >> 52) as usize - BIAS
}

fn lag(index: usize) -> Duration {
    LAG_MIN.times(1 << index)
}

impl Level {
    fn independent(&self) -> f64 {
        self.count / OVERLAP as f64
    }

    fn is_learnt(&self) -> bool {
        self.independent() >= RUNS_MIN
    }

    /// How many standard deviations the truth may be off: the shorter the lag, the more often it is put to the test.
    fn deviations(&self, index: usize) -> f64 {
        let deviations = if index < SHORT_LAGS { DEVIATIONS_SHORT } else { DEVIATIONS };
        deviations * (1.0 + FEW / self.independent())
    }

    fn next_of(&self, lag: Duration) -> Option<Timestamp<Local>> {
        self.running.iter().flatten().map(|running| running.at + lag).chain(self.begins).min()
    }

    fn observe(&mut self, lag: Duration, now: Rehearsal) {
        let Self { running, mean, count, .. } = self;
        for place in running.iter_mut() {
            let Some(rehearsal) = *place else { continue };
            let elapsed = now.at - rehearsal.at;
            if elapsed < lag {
                continue;
            }
            *place = None;
            if elapsed > lag.scaled(LATE_MAX) {
                continue;
            }
            let error = (now.offset - rehearsal.offset - rehearsal.frequency.drift(elapsed)).as_secs_f64();
            let seconds = elapsed.as_secs_f64();
            let kept = (OVERLAP as f64 * MEMORY_S / lag.as_secs_f64()).max(OVERLAP as f64 * RUNS_KEPT_MIN);
            *count = (*count + 1.0).min(kept);
            *mean += (error * error / (seconds * seconds * seconds) - *mean) / *count;
        }
        if self.begins.is_none_or(|begins| now.at >= begins)
            && let Some(place) = self.running.iter_mut().find(|place| place.is_none())
        {
            *place = Some(now);
            self.begins = Some(now.at + lag.scaled(1.0 / OVERLAP as f64));
        }
    }
}

#[cfg(test)]
mod tests;
