//! A clock whose rate goes in steps.
//!
//! The kernel's clock runs at multiples of a step (see [`Clock::rate_step`](crate::clock::Clock::rate_step)). Told a rate between two, it takes now the
//! one and now the other, and changes its mind when it is awake: some hundred times a second on a busy machine, so that it is off by a fraction of
//! a nanosecond, but after 80 ms of sleep by up to 10 ns where nothing goes on. Nobody can read what it is off by, and the next sample sees it as noise.
//!
//! So here the two multiples are commanded themselves: from one sample to the next, or in cycles of a quarter of a second if those are further apart, first the
//! higher one for its part of the time, then the lower one.
//!
//! ```text
//! offset        /\        /\
//!   0    ------/--\------/--\---      height = part * (1 - part) * step * cycle:
//!             /    \    /    \        half of that is aimed at below the source's time, so that the mean is right
//!            /      \  /      \       RMS = height / sqrt 12, at most 2.2 ns for a step of 0.12 ppm
//! ```
//!
//! What the clock does is known at each moment then, however long the kernel sleeps, and a sample tells as much as its stamps do. The kernel's error is
//! greatest when a CPU wakes up, which is when somebody reads the clock; on a busy machine there is hardly any, and the kernel does it better. Which it is the samples say: they scatter by what the kernel does beside their own noise, and by their own noise alone where
//! multiples are commanded. Both are tried, and now and then again.

use super::{Discipline, Effect};
use crate::coding::Coded;
use crate::discipline::Adjustment;
use crate::discipline::estimator::Direction;
use crate::engine::Sink;
use crate::time::{Duration, FrequencyPpb, Local, Mono, SyncState, Timestamp};

/// A cycle is no longer than about this.
const CYCLE: Duration = Duration::from_millis(250);
/// A cycle that is no higher than this is not worth an awakening: the nearer multiple does for all of it.
const WORTH: Duration = Duration::from_nanos(1);
/// The end of a cycle, which changes nothing that would be urgent, may be so much later, and so much earlier if one is awake anyway.
const PATIENCE: Duration = Duration::from_millis(30);
/// As above. Less than what lies between the lower multiple and the end.
const HASTE: Duration = Duration::from_millis(8);
/// What comes sooner after another is of the same sample.
const APART: Duration = Duration::from_millis(10);
/// After a change of how the clock is commanded so many samples say nothing of it yet,
const SETTLING: u32 = 24;
/// and so many do then.
const MEASURED: u32 = 48;
/// After so many samples it is looked again whether the other way is better.
const AGAIN: u32 = 2_048;
/// Samples scatter by this factor more (of the variance) where the kernel makes up for what lies between two multiples, or it is nothing to see.
const VISIBLE: f64 = 1.5;

/// See the module's text.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Steps {
    step: FrequencyPpb,
    plan: Plan,
    /// When the next sample is due: cycles follow each other until then.
    due: Timestamp<Mono>,
    /// Whether multiples are commanded.
    is_on: bool,
    /// Samples since that was decided, and what those that count were off from what was foretold, squared, in ns^2.
    samples: u32,
    squares: f64,
    /// The mean of the squares while it was off, and on.
    scatter: [Option<f64>; 2],
}

/// What follows.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
enum Plan {
    /// Nothing, or the end of a slew.
    Other,
    /// The lower multiple, until the cycle ends then.
    Lower(FrequencyPpb, Timestamp<Mono>),
    /// The next cycle, from then on.
    Cycle(Timestamp<Mono>),
}

impl Steps {
    fn new(step: FrequencyPpb) -> Self {
        Self {
            step,
            plan: Plan::Other,
            due: Timestamp::EPOCH,
            is_on: false,
            samples: 0,
            squares: 0.0,
            scatter: [None; 2],
        }
    }

    fn begin(&mut self, is_on: bool) {
        *self = Self { is_on, samples: 0, squares: 0.0, ..*self };
    }

    /// A sample was so many ns off from what was foretold. `height` is that of a cycle, in ns.
    fn note(&mut self, residual: f64, height: f64) {
        self.samples += 1;
        if self.samples > SETTLING && self.samples <= SETTLING + MEASURED {
            self.squares += residual * residual;
        }
        if self.samples == SETTLING + MEASURED {
            self.scatter[usize::from(self.is_on)] = Some(self.squares / f64::from(MEASURED));
            let is_better = match self.scatter {
                [Some(off), Some(on)] => off > height * height / 12.0 && off > VISIBLE * on,
                [_, on] => on.is_none(),
            };
            if is_better != self.is_on {
                self.begin(is_better);
            }
        } else if self.samples >= AGAIN {
            self.begin(!self.is_on);
        }
    }
}

impl Discipline {
    /// The clock's rate is a multiple of this, as far as is known.
    pub fn set_rate_step(&mut self, step: Option<FrequencyPpb>) {
        self.steps = step.map(Steps::new);
    }

    /// What the clock's rate is a multiple of, as far as is known.
    pub fn rate_step(&self) -> Option<FrequencyPpb> {
        self.steps.map(|steps| steps.step)
    }

    /// Whether multiples of the step are commanded: between two samples nothing happens then that is not known.
    pub fn goes_by_steps(&self) -> bool {
        self.steps.is_some_and(|steps| steps.is_on)
    }

    /// A message that says where the clock is: by how much it is not there where it was foretold. Of two at one instant the first one says that.
    pub(super) fn note_scatter(&mut self, direction: Direction, at: Timestamp<Local>, transit: Duration) {
        if !self.may_go_by_steps() || at - self.bank.at() < APART {
            return;
        }
        let Some(residual) = self.bank.residual(direction, at, transit) else { return };
        let own = -self.runs_off_by();
        let cycle = self.spacing().min(CYCLE);
        if let Some(steps) = &mut self.steps {
            let height = height(own, steps.step, cycle);
            steps.note(residual * 1e9, height.as_secs_f64() * 1e9);
        }
    }

    /// Whether its samples come often and are sharp, being readings of another clock of this host.
    fn may_go_by_steps(&self) -> bool {
        self.steps.is_some() && self.ruler.is_some() && self.estimator().is_some() && self.state == SyncState::Locked
    }

    /// Takes an offset away by multiples of the step until the next sample, which is due in `left`; `false` if this is not the way.
    pub(super) fn take_away_by_steps(
        &mut self,
        now: Timestamp<Mono>,
        offset: Duration,
        left: Duration,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        let may = self.may_go_by_steps();
        let Some(steps) = &mut self.steps else { return false };
        steps.plan = Plan::Other;
        if !may || !steps.is_on || offset.abs() > steps.step.drift(left) {
            return false;
        }
        steps.due = now + left;
        self.begin_cycle(now, offset, out);
        true
    }

    /// A cycle that begins with this offset.
    fn begin_cycle(&mut self, now: Timestamp<Mono>, offset: Duration, out: &mut impl Sink<Effect>) {
        let own = -self.runs_off_by();
        let Some(steps) = &mut self.steps else { return };
        let left = steps.due - now;
        let cycles = (left.as_secs_f64() / CYCLE.as_secs_f64()).round().max(1.0);
        let cycle = left.scaled(1.0 / cycles);
        let below = offset + height(own, steps.step, cycle).half();
        let wanted = own.ratio() - below.as_secs_f64() / cycle.as_secs_f64();
        let parts = wanted / steps.step.ratio();
        let multiple = |n: f64| FrequencyPpb::from_ratio(n * steps.step.ratio());
        let end = now + cycle;
        let latest = end + PATIENCE;
        let after = if cycles > 1.0 { Plan::Cycle(end) } else { Plan::Other };
        let (frequency, plan, slew_ends) = if height(FrequencyPpb::from_ratio(wanted), steps.step, cycle) <= WORTH {
            (multiple(parts.round()), after, latest)
        } else {
            let lower = multiple(parts.floor());
            (multiple(parts.floor() + 1.0), Plan::Lower(lower, end), now + cycle.scaled(parts - parts.floor()))
        };
        steps.plan = plan;
        self.slew_ends = Some(slew_ends);
        self.command(Adjustment::Frequency(frequency), out);
    }

    /// Whether the slew that is under way has ended at `now`.
    pub(super) fn has_slew_ended(&self, now: Timestamp<Mono>) -> bool {
        let is_near = match self.steps.map(|steps| steps.plan) {
            Some(Plan::Cycle(end)) => now + HASTE >= end,
            _ => false,
        };
        self.slew_ends.is_some_and(|end| is_near || now >= end)
    }

    /// The slew has ended: what is next, when the clock reads `reading`?
    pub(super) fn end_slew(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        self.slew_ends = None;
        let plan = self.steps.as_mut().map_or(Plan::Other, |steps| std::mem::replace(&mut steps.plan, Plan::Other));
        let (frequency, plan, slew_ends) = match (plan, self.steps) {
            (Plan::Cycle(_), Some(steps))
                if now + CYCLE.half() < steps.due
                    && let Some(offset) = self.estimated_offset(reading) =>
            {
                return self.begin_cycle(now, offset, out);
            }
            (Plan::Lower(frequency, end), Some(steps)) => {
                let is_last = end + CYCLE.half() >= steps.due;
                let plan = if is_last { Plan::Other } else { Plan::Cycle(end) };
                (frequency, plan, Some(end + PATIENCE))
            }
            _ => (-self.runs_off_by(), Plan::Other, None),
        };
        if let Some(steps) = &mut self.steps {
            steps.plan = plan;
        }
        self.slew_ends = slew_ends;
        self.command(Adjustment::Frequency(frequency), out);
    }
}

/// How high a cycle is whose rate on average is this.
fn height(rate: FrequencyPpb, step: FrequencyPpb, cycle: Duration) -> Duration {
    let parts = rate.ppb() / step.ppb();
    let part = parts - parts.floor();
    step.drift(cycle).scaled(part * (1.0 - part))
}
