//! L2: reference clocks: from samples of a device to observations, without I/O, clock or ambient randomness.
//!
//! A reference clock is no exchange: it does not answer, it says "now it is T", and somebody has noted what the system clock
//! read then. So one sample says both "we are at most so far ahead" and "at least so far", each to within what the device says of
//! itself. To tell the estimator both would be to tell it the same twice: it learns how noisy a source is by how messages one way differ from
//! those the other way, and two that are one reading never differ. So samples take turns: one is a message from the reference, the
//! next one to it. Only a reading between two of the system clock is both, as there the two differ.
//!
//! | what | who |
//! |---|---|
//! | reads the device, stamps | a driver, one floor up |
//! | which sample counts, the median of several, what is refused and why | here |
//! | which second a pulse begins | the cascade, by the other sources |
//!
//! Read: the manuals of chrony (`refclock`) and ntpd (drivers 22, 28, 46) for what people expect of the options.

mod counters;
mod recorded;
#[cfg(test)]
mod tests;

pub use counters::ClockCounter;

use crate::coding::Coded;
use crate::engine::{Engine, Sink};
use crate::time::{
    ClockEpoch, ClockId, Duration, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId, Stamp, StampSource,
    Timestamp, Utc,
};

/// The most samples of which a median is taken.
pub const SAMPLES_MAX: usize = 64;
/// A sample that was taken longer ago is not about the present.
pub const AGE_MAX: Duration = Duration::from_secs(4);
/// A stamp may be this much ahead of us: it was taken on another CPU a moment ago.
const AHEAD_MAX: Duration = Duration::from_millis(1);
/// A sample may be early by this part of the poll interval.
const EARLY: f64 = 0.25;
/// And late by this part.
const LATE: f64 = 0.5;
/// The first measurement is the median of so many samples at least: what a device says just after it was opened, or has found its
/// satellites, is late as often as not, and the first correction is made by it.
const FIRST_SAMPLES: usize = 3;
/// So many polls in a row without a sample, and it is silent.
const MISSED_MAX: u32 = 4;

/// How a clock is measured.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Config {
    /// The row that observations are of.
    pub source: SourceId,
    /// How often a measurement is wanted.
    pub poll: LogInterval,
    /// Of so many samples the median is a measurement; 1 to [`SAMPLES_MAX`].
    pub samples: u8,
    /// What is added to its time.
    pub offset: Duration,
    /// How far off a sample may be: what holds instead of the sample's own word.
    pub precision: Option<Duration>,
    /// What holds where neither says it.
    pub precision_unsaid: Duration,
    /// Its samples are pulses: only the fraction of their second means anything.
    pub is_pulse: bool,
    /// A time that has passed for certain, as the day of the build: no clock that is right shows less.
    pub not_before: Timestamp<Utc>,
}

impl Config {
    /// A measurement each second from each sample, which is right to a millisecond if it does not say.
    pub const fn new(source: SourceId) -> Self {
        Self {
            source,
            poll: LogInterval::new(0),
            samples: 1,
            offset: Duration::ZERO,
            precision: None,
            precision_unsaid: Duration::from_millis(1),
            is_pulse: false,
            not_before: Timestamp::from_secs(1_767_225_600), // 2026-01-01
        }
    }

    /// How often the discipline has a message of each direction.
    pub fn interval(&self, is_between: bool) -> LogInterval {
        if is_between { self.poll } else { LogInterval::new(self.poll.log2_seconds() + 1) }
    }
}

/// What a driver has read.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Sample {
    /// What the system clock read just before,
    pub before: Timestamp<Local>,
    /// and just after; the same where one stamp was taken at the instant.
    pub after: Timestamp<Local>,
    /// The reference's time at an instant in between. Of a pulse only the fraction counts.
    pub reference: Timestamp<Local>,
    /// How far off it may be by its own word.
    pub error: Option<Duration>,
    /// Its leap warning; unknown: it has no time.
    pub leap: LeapIndicator,
    /// Only the fraction of the second means anything.
    pub is_pulse: bool,
    /// Who took the stamps.
    pub stamped: StampSource,
}

impl Sample {
    fn middle(&self) -> Timestamp<Local> {
        self.before + (self.after - self.before).half()
    }

    /// What the system clock is ahead by.
    fn offset(&self) -> Duration {
        self.middle() - self.reference
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, Coded)]
pub enum Input {
    /// A sample was read, while the system clock read `local`.
    Sample {
        /// What.
        sample: Sample,
        /// The present.
        local: Timestamp<Local>,
    },
    /// The device gave something that is no sample.
    Refused(ClockCounter),
    /// The system clock was stepped: so often by now. What was read before is of no use.
    Stepped(ClockEpoch),
    /// Time has passed.
    Tick,
}

/// Where a clock stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum ClockState {
    /// Nothing usable was ever read.
    Waiting,
    /// It gives samples.
    Delivering,
    /// It gave some, and does not any more.
    Silent,
}

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Effect {
    /// A measurement.
    Observe(Observation),
    /// It has time, with this leap warning; a reading of it is between two of the system clock.
    Says {
        /// Its warning.
        leap: LeapIndicator,
        /// Each reading is a message of both directions.
        is_between: bool,
    },
    /// One more of these.
    Count(ClockCounter),
}

/// One reference clock. See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Refclock {
    config: Config,
    steps: ClockEpoch,
    /// The samples since the last measurement, at most as many as there are in a median.
    window: Vec<Sample>,
    /// When the latest sample was taken.
    latest: Option<Timestamp<Local>>,
    /// When the next measurement is wanted.
    due: Timestamp<Mono>,
    /// The next message is one from the reference.
    is_from: bool,
    state: ClockState,
    reach: u8,
    missed: u32,
    said: Option<(LeapIndicator, bool)>,
    /// What the last measurement said that the system clock is ahead by.
    offset: Option<Duration>,
    exchange: u32,
}

impl Refclock {
    /// Nothing is known of it yet.
    pub fn new(config: Config, now: Timestamp<Mono>) -> Self {
        Self {
            config,
            steps: ClockEpoch::default(),
            window: Vec::with_capacity(SAMPLES_MAX),
            latest: None,
            due: now,
            is_from: false,
            state: ClockState::Waiting,
            reach: 0,
            missed: 0,
            said: None,
            offset: None,
            exchange: 0,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> ClockState {
        self.state
    }

    /// Of the last eight polls, which had a measurement; the latest in the lowest bit.
    pub fn reach(&self) -> u8 {
        self.reach
    }

    /// What the last measurement said that the system clock is ahead by. Of a pulse: of the nearest second.
    pub fn offset(&self) -> Option<Duration> {
        self.offset
    }

    fn sample(&mut self, now: Timestamp<Mono>, sample: Sample, local: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        if let Some(refused) = self.refusal(&sample, local) {
            return out.emit(Effect::Count(refused));
        }
        out.emit(Effect::Count(ClockCounter::Samples));
        self.latest = Some(sample.after);
        let reference = sample.reference + self.config.offset;
        let sample =
            Sample { reference: if self.config.is_pulse { self.second_of(&sample) } else { reference }, ..sample };
        let wanted = self.samples_wanted();
        if self.window.len() >= wanted {
            self.window.remove(0);
        }
        self.window.push(sample);
        let early = self.config.poll.duration().scaled(EARLY);
        let is_time = self.state != ClockState::Delivering || now + early >= self.due;
        if self.window.len() >= wanted && is_time {
            self.measure(now, out);
        }
    }

    /// Of how many samples the next measurement is the median.
    fn samples_wanted(&self) -> usize {
        let samples = usize::from(self.config.samples);
        if self.state == ClockState::Delivering { samples } else { samples.max(FIRST_SAMPLES) }
    }

    fn refusal(&self, sample: &Sample, local: Timestamp<Local>) -> Option<ClockCounter> {
        let is_early = sample.reference + self.config.offset < self.config.not_before.read_as();
        if sample.is_pulse != self.config.is_pulse {
            Some(ClockCounter::OtherKind)
        } else if sample.leap == LeapIndicator::Unknown {
            Some(ClockCounter::Unsynchronised)
        } else if sample.after > local + AHEAD_MAX || sample.before > sample.after {
            Some(ClockCounter::Future)
        } else if local - sample.before > AGE_MAX {
            Some(ClockCounter::Stale)
        } else if self.latest.is_some_and(|latest| sample.after <= latest) {
            Some(ClockCounter::Repeated)
        } else if is_early && !sample.is_pulse {
            Some(ClockCounter::Implausible)
        } else {
            None
        }
    }

    /// A pulse begins a second: which one, others know. Here it is taken for the one that the system clock is nearest to; of several
    /// in a window the first one says which side of the half second they are on.
    fn second_of(&self, sample: &Sample) -> Timestamp<Local> {
        // The offset of the pulse's own fraction and of the configuration: what its edge is behind of the second.
        let fraction = Duration::from_nanos(i64::from(sample.reference.subsec_nanos())) + self.config.offset;
        let expected = self.window.last().map_or(Duration::ZERO, Sample::offset);
        let instant = sample.middle() - fraction - expected;
        let up = i64::from(instant.subsec_nanos() >= 500_000_000);
        Timestamp::from_secs(instant.seconds() + up) + fraction
    }

    fn measure(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let mut order: [usize; SAMPLES_MAX] = std::array::from_fn(|place| place);
        let order = &mut order[..self.window.len()];
        order.sort_unstable_by_key(|place| (self.window[*place].offset(), *place));
        let Some(median) = order.get((order.len().max(1) - 1) / 2) else { return };
        let sample = self.window[*median];
        self.window.clear();
        // In step with the device.
        self.due = now + self.config.poll.duration();
        self.reach = self.reach << 1 | 1;
        self.missed = 0;
        self.state = ClockState::Delivering;
        self.offset = Some(sample.offset());
        let is_between = sample.before != sample.after;
        if self.said != Some((sample.leap, is_between)) {
            self.said = Some((sample.leap, is_between));
            out.emit(Effect::Says { leap: sample.leap, is_between });
        }
        self.observe(&sample, is_between, out);
    }

    fn observe(&mut self, sample: &Sample, is_between: bool, out: &mut impl Sink<Effect>) {
        let source = self.config.source;
        let error = self.config.precision.or(sample.error).unwrap_or(self.config.precision_unsaid);
        let theirs = Stamp {
            at: sample.reference,
            clock: ClockId::Remote(source),
            epoch: ClockEpoch::default(),
            source: StampSource::Message,
            error,
        };
        let ours =
            |at| Stamp { at, clock: ClockId::System, epoch: self.steps, source: sample.stamped, error: Duration::ZERO };
        self.exchange = self.exchange.wrapping_add(1);
        let edge = |sent, received| Observation {
            source,
            sent,
            received,
            correction: Duration::ZERO,
            exchange: self.exchange,
        };
        // The one to the reference first, so that the other finds the delay.
        if is_between || !self.is_from {
            out.emit(Effect::Observe(edge(ours(sample.before), theirs)));
        }
        if is_between || self.is_from {
            out.emit(Effect::Observe(edge(theirs, ours(sample.after))));
        }
        out.emit(Effect::Count(ClockCounter::Measured));
        self.is_from = !self.is_from;
    }

    /// A poll has passed without enough samples.
    fn tick(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if now < self.overdue() {
            return;
        }
        if !self.window.is_empty() && self.state == ClockState::Delivering {
            return self.measure(now, out);
        }
        let poll = self.config.poll.duration();
        self.due = if now - self.due < poll.times(2) { self.due + poll } else { now };
        self.reach <<= 1;
        self.missed = self.missed.saturating_add(1);
        if self.missed >= MISSED_MAX && self.state == ClockState::Delivering {
            self.state = ClockState::Silent;
        }
    }

    fn overdue(&self) -> Timestamp<Mono> {
        self.due + self.config.poll.duration().scaled(LATE)
    }
}

impl Engine for Refclock {
    type Input<'a> = Input;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input, out: &mut impl Sink<Effect>) {
        match input {
            Input::Sample { sample, local } => self.sample(now, sample, local, out),
            Input::Refused(why) => out.emit(Effect::Count(why)),
            Input::Stepped(steps) => {
                self.steps = steps;
                self.window.clear();
                self.latest = None;
            }
            Input::Tick => self.tick(now, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        Some(self.overdue())
    }
}
