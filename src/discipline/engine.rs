//! The discipline of one clock by one source, with others beside it.

use self::guards::Guard;
use self::steps::Steps;
use super::estimator::{Bank, SavedOscillator};
use super::grain::Grain;
use super::policy::StepPolicy;
use super::servo::{Kind, Pi};
use super::{Adjustment, Envelope, Link, Reference, Ruler, SpikeGate, Stability, StateEvent, Timeline};
use crate::coding::Coded;
use crate::engine::{AnySink, Engine, Sink};
use crate::sharing::{LIMITS_COUNT, TimeSnapshot};
use crate::time::{
    ClockEpoch, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId, Stamp,
    SyncState, Timestamp, Utc,
};

/// How fast what a new source and the one before disagree by is slewed away, if nobody says otherwise.
pub const DRAIN: FrequencyPpb = FrequencyPpb::new(10_000.0);
/// LOCKED needs this many last samples inside the lock limit.
pub const LOCK_SAMPLES: u32 = 8;
/// A clock is right when so many last samples are inside the lock limit.
pub const RIGHT_SAMPLES: u32 = 2;
/// No sample for this many intervals: the samples have stopped.
const SILENT_INTERVALS: i64 = 4;
/// What a sample has shown to be inside of its limit is not looked at again for this part of an interval.
const JUDGED_FOR: f64 = 0.125;
/// A sample that has not come for this many intervals is overdue.
const OVERDUE_INTERVALS: f64 = 1.5;
/// The bound is beyond use at this many times the lock limit: FREERUN.
const USELESS_LIMITS: i64 = 100;
/// The estimator's first correction waits for so many messages, three exchanges, unless the first one says enough.
const ESTIMATE_MESSAGES_MIN: u32 = 6;
/// An estimate as sure as this is worth a first correction: what is left is slewed away in two seconds.
const ESTIMATE_DEVIATION_MAX: Duration = Duration::from_millis(1);
/// An estimate that is outside of what is proven after so many messages in a row is wrong.
const UNPROVEN_MAX: u32 = 16;
/// A later step waits for a possible estimate where messages come so often at least: of rarer ones that would take minutes.
const STEP_WAITS_FOR: Duration = Duration::from_millis(500);
/// Outside is: by more than so many of its own standard deviations.
const UNPROVEN_DEVIATIONS: f64 = 4.0;
/// What an oscillator does is learnt after so many messages: the first estimates are not its fault.
const STRAYING_AFTER: u32 = 128;
/// A Sync may be late by this part of its interval before a slew ends without it.
const SLEW_MARGIN: f64 = 0.125;
/// Up to this interval the next Sync ends a slew, unless what is to go is worth an awakening.
const SLEW_BY_SYNC_MAX: Duration = Duration::from_millis(250);
/// A slew that ends by itself: what is known to be wrong should not stay for a second.
const SLEW_OWN: Duration = Duration::from_millis(125);
/// At shorter intervals it takes this part of the interval.
const SLEW_OWN_PART: f64 = 0.25;
/// An offset is worth an awakening that is more than this, about half of what stamps resolve,
const SLEW_WORTH: Duration = Duration::from_ticks(26_000);
/// or, of a clock that is seen through another one of this host, what reading it resolves,
const SLEW_WORTH_BY_RULER: Duration = Duration::from_nanos(1);
/// and more than so many of its standard deviations. Not many: its mean is right, however unsure it is.
const SLEW_WORTH_DEVIATIONS: f64 = 0.5;
/// From this interval on: at shorter ones the next Sync is near.
const SLEW_WORTH_FROM: Duration = Duration::from_millis(250);
/// A Delay_Req that comes when less than this part of the interval is left leaves the correction to the Sync that is about to
/// come. (That is also the other half of a crossing, or of an exchange.)
const SYNC_IS_NEAR: f64 = 0.25;
/// What stamps can resolve at best. The difference of two that are cut off to whole nanoseconds is off by 0.41 ns only (1 ns / sqrt 6, one standard
/// deviation); but stamps are coarser than they say, and with less than this a clock between two steps of 8 ns is taken for one without noise.
const STAMP_RESOLUTION: Duration = Duration::from_nanos(1);
/// What those can that have shown that they are as fine as they say.
const STAMP_RESOLUTION_FINE: Duration = Duration::from_ticks(26_755);
/// A correction below this is what a stamp of whole nanoseconds leaves over; from here on somebody has measured it,
const CORRECTED_FROM: Duration = Duration::from_nanos(1);
/// and may be off by this: all transparent clocks of a path together, or one of class A (ITU-T G.8273.3),
const CORRECTION_ERROR: Duration = Duration::from_nanos(50);
/// and by what their oscillators run off by.
const CORRECTION_RATE: FrequencyPpb = FrequencyPpb::new(100_000.0);
/// While requests are rare the last one is as old as this on average, and a second and a half at most;
const REQUESTED_WITHIN: Duration = Duration::from_millis(500);
/// and what the clock may have done since, so that the bound is wider by it, is no more than this part of what the path makes of it.
const WIDER_BY_REQUESTS: f64 = 0.2;
/// Samples are frequent enough while the estimate becomes less sure by this factor from one to the next.
const LESS_SURE: f64 = 1.25;
/// And while the bound becomes wider by no more than this part of it.
const WIDER_BY_WAITING: f64 = 0.5;
/// In a calm so much lies between two Syncs that are used, at least: those between say what was foretold.
pub const USED_EVERY: Duration = Duration::from_millis(200);
/// What is left of the greatest of the last offsets after one more sample.
const WOBBLE_FADES: f64 = 0.9;
/// Offsets below this are never a spike, whatever the scatter: what one cache miss can do.
const SPIKE_FLOOR: Duration = Duration::from_micros(2);

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message between the source's clock and ours, our end located on the disciplined clock.
    Observation(&'a Observation),
    /// The source is this one from now on; `None`: there is none.
    Reference(Option<Reference>),
    /// A source beside the one that steers says this of itself; `None`: it is gone.
    Guard(SourceId, Option<Reference>),
    /// The source sends at this interval.
    Interval(LogInterval),
    /// The clock obeyed: it read `before`, then `after`.
    Adjusted {
        /// Just before it obeyed.
        before: Timestamp<Local>,
        /// Just after.
        after: Timestamp<Local>,
        /// The epoch that holds now.
        epoch: ClockEpoch,
        /// The correction in force, read back.
        frequency: FrequencyPpb,
    },
    /// The clock refused; what was commanded did not happen.
    Refused,
    /// Somebody else set the clock under ours, which reads `reading` in `epoch` now.
    Disturbed {
        /// What our clock reads now.
        reading: Timestamp<Local>,
        /// Its epoch now.
        epoch: ClockEpoch,
    },
    /// The machine was paused, moved to another host or restored, and this is another clock in the place of ours, as far as anybody
    /// knows: it reads `reading` in `epoch` now. Neither its time nor its rate is known.
    Replaced {
        /// What our clock reads now.
        reading: Timestamp<Local>,
        /// Its epoch now.
        epoch: ClockEpoch,
    },
    /// Somebody else changed the clock's rate for a while, until it read `reading`. It may have been put so far ahead and
    /// behind by that.
    Slewed {
        /// What our clock reads now that the rate is ours again.
        reading: Timestamp<Local>,
        /// Not negative.
        ahead: Duration,
        /// Not positive.
        behind: Duration,
    },
    /// It is not known exactly when the clock obeyed the last command: by that it may be ahead or behind by so much.
    Unsure {
        /// Not negative.
        by: Duration,
    },
    /// Time has passed; the disciplined clock reads `reading`.
    Tick {
        /// What our clock reads now.
        reading: Timestamp<Local>,
    },
}

/// What is worth telling.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Notice {
    /// The state changed.
    State {
        /// The state before.
        from: SyncState,
        /// The state now.
        to: SyncState,
        /// What changed it.
        why: StateEvent,
    },
    /// The oscillator's frequency error was measured, before the first correction.
    Measured(FrequencyPpb),
    /// A step was commanded.
    Stepped(Duration),
    /// The offset exceeds the panic limit: nothing is corrected.
    Panic(Duration),
    /// The proofs contradicted each other: the master stepped, or a stamp lies.
    Contradiction,
    /// The clock refused a command, and goes on as it did; told once for each errno (0: out of its range).
    Refused {
        /// Why, errno(3).
        errno: i32,
    },
    /// The clock obeys again.
    Obeys,
    /// What the oscillator runs off by is more than the clock can be corrected by: it is not held. Told once.
    Unheld {
        /// The largest correction.
        most: FrequencyPpb,
    },
    /// The clock does not do what it was told.
    Ineffective {
        /// What it was told.
        commanded: FrequencyPpb,
        /// What it does.
        found: FrequencyPpb,
    },
}

/// What it wants.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Effect {
    /// Tell the clock.
    Adjust(Adjustment),
    /// Tell people.
    Notice(Notice),
}

/// How to discipline.
#[derive(Clone, Copy, Debug, Coded)]
pub struct Config {
    /// LOCKED is: the bound is at most this.
    pub lock_limit: Duration,
    /// How fast the frequency may change unseen (see [`Envelope`]).
    pub max_drift: FrequencyPpb,
    /// The largest correction, and the most that the oscillator may be off.
    pub max_frequency: FrequencyPpb,
    /// When to step.
    pub step: StepPolicy,
    /// The servo.
    pub servo: Kind,
    /// Gains that replace the table's.
    pub proportional: Option<f64>,
    /// As above.
    pub integral: Option<f64>,
    /// Measure, never correct.
    pub hold: bool,
    /// The oscillator as an earlier run has left it.
    pub saved: Option<SavedOscillator>,
    /// How fast what a new source and the one before disagree by is slewed away.
    pub drain: FrequencyPpb,
}

/// See the module's text.
#[derive(Debug, Coded)]
pub struct Discipline {
    config: Config,
    timeline: Timeline,
    envelope: Envelope,
    /// The same with what was learnt of the oscillator, where that is what is believed of it. Only an estimator learns.
    learnt: Envelope,
    /// What was proven of the master before this one.
    previous: Envelope,
    /// How right that master was.
    previous_accuracy: Option<Duration>,
    /// The other sources, and room for them.
    guards: Vec<Guard>,
    /// What the estimate by the present source is not steered to, as of then.
    bias: Duration,
    bias_since: Timestamp<Mono>,
    /// A guard has come to steer, and nobody has looked yet whether the clock is as good as before.
    is_to_confirm: bool,
    link: Link,
    gate: SpikeGate,
    servo: Pi,
    /// The estimator. Where the servo is a PI loop it steers nothing, and watches the source as it does a guard's.
    bank: Bank,
    /// How fine the stamps of its messages are.
    grain: Grain,
    /// The clock of this host that the source is seen through.
    ruler: Option<Ruler>,
    /// When `V` was begun.
    since: Timestamp<Mono>,
    /// Messages in a row after which its estimate was outside of what is proven.
    unproven: u32,
    /// What the oscillator does over hours.
    stability: Stability,
    /// When the estimator found that the master stepped, the last time.
    master_stepped: Option<Timestamp<Local>>,
    /// How often what was proven has begun anew.
    proofs: u32,
    /// The estimator has made its first correction.
    is_bank_tracking: bool,
    /// When the offset that was found last will have been slewed away.
    slew_ends: Option<Timestamp<Mono>>,
    /// If it is known in which steps the clock's rate goes.
    steps: Option<Steps>,
    state: SyncState,
    state_since: Timestamp<Mono>,
    reference: Option<Reference>,
    /// The reference, kept when it is lost: what we hold over from.
    held: Option<Reference>,
    known_frequency: Option<FrequencyPpb>,
    has_corrected: bool,
    is_panicking: bool,
    /// The samples have stopped, and what there is to do about that is done.
    is_silent: bool,
    commanded: FrequencyPpb,
    /// Stamps of before this were taken while somebody else changed the rate.
    slewed_until: Option<Timestamp<Local>>,
    /// The largest correction that the clock obeys.
    correction_max: FrequencyPpb,
    /// It is not enough, and that was told.
    is_unheld: bool,
    interval: LogInterval,
    /// When a message was heard that says where the clock is, used or not.
    last_sample: Option<Timestamp<Mono>>,
    /// When one was used.
    used_at: Timestamp<Mono>,
    /// When the last Sync that was used had come, by the clock as it would be without us.
    used_from: Timestamp<Local>,
    reference_time: Timestamp<Utc>,
    last_offset: Duration,
    /// The greatest of the last offsets, fading.
    wobble: Duration,
    samples_inside: u32,
    /// LOCKED by samples of the present source, not by those of one before it.
    is_confirmed: bool,
    stamp_error: Duration,
    lock_time: Option<Duration>,
    epoch: ClockEpoch,
}

impl Discipline {
    /// For a clock that reads `reading` in `epoch`, with correction `frequency` in force.
    pub fn new(
        config: Config,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        epoch: ClockEpoch,
        frequency: FrequencyPpb,
    ) -> Self {
        // Only an estimator rehearses.
        let remembered = config.saved.filter(|_| config.servo == Kind::Estimator).and_then(|saved| saved.stability);
        let stability = remembered.map_or_else(Stability::default, |saved| Stability::remembered(&saved));
        let mut learnt = Envelope::new(config.max_frequency, config.max_drift);
        if let Some(walk) = stability.walk(config.max_drift) {
            learnt.believe(walk);
        }
        Self {
            timeline: Timeline::new(epoch, reading, frequency),
            envelope: Envelope::new(config.max_frequency, config.max_drift),
            learnt,
            previous: Envelope::new(config.max_frequency, config.max_drift),
            previous_accuracy: None,
            guards: Vec::new(),
            bias: Duration::ZERO,
            bias_since: now,
            is_to_confirm: false,
            link: Link::default(),
            gate: SpikeGate::default(),
            servo: Pi::new(config.max_frequency, config.proportional, config.integral),
            bank: samples::new_bank(&config),
            grain: Grain::default(),
            ruler: None,
            since: now,
            unproven: 0,
            stability,
            master_stepped: None,
            proofs: 0,
            is_bank_tracking: false,
            slew_ends: None,
            steps: None,
            state: SyncState::NeverSynced,
            state_since: now,
            reference: None,
            held: None,
            known_frequency: config.saved.map(|saved| saved.frequency),
            has_corrected: false,
            is_panicking: false,
            is_silent: false,
            commanded: frequency,
            slewed_until: None,
            correction_max: config.max_frequency.abs(),
            is_unheld: false,
            interval: LogInterval::new(0),
            last_sample: None,
            used_at: now,
            used_from: Timestamp::EPOCH,
            reference_time: Timestamp::EPOCH,
            last_offset: Duration::ZERO,
            wobble: Duration::ZERO,
            samples_inside: 0,
            is_confirmed: false,
            stamp_error: Duration::ZERO,
            lock_time: None,
            epoch,
            config,
        }
    }

    /// Takes over other limits, policies and gains; what is measured stays, and so do the servo and the frequency limit.
    pub fn configure(&mut self, config: Config) {
        self.servo.override_gains(config.proportional, config.integral);
        self.servo.set_interval(self.interval, self.ruler.map(|ruler| ruler.interval));
        let Config { max_frequency, servo, .. } = self.config;
        self.envelope.set_max_drift(config.max_drift);
        self.learnt.set_max_drift(config.max_drift);
        self.previous.set_max_drift(config.max_drift);
        self.guards.iter_mut().for_each(|guard| guard.set_max_drift(config.max_drift));
        self.config = Config { max_frequency, servo, ..config };
    }

    /// The clock obeys no correction beyond `limit`. What its oscillator may run off by is no smaller for that.
    pub fn limit_corrections(&mut self, limit: FrequencyPpb) {
        let most = self.config.max_frequency.abs();
        self.correction_max = if limit.abs() < most { limit.abs() } else { most };
        self.servo.limit_commands(self.correction_max);
    }

    /// The estimator, if that is the servo.
    fn estimator(&self) -> Option<&Bank> {
        (self.config.servo == Kind::Estimator).then_some(&self.bank)
    }

    /// The state of the clock.
    pub fn state(&self) -> SyncState {
        self.state
    }

    /// Whether it is LOCKED, by samples of the source that is followed now.
    pub fn is_locked_to_source(&self) -> bool {
        self.state == SyncState::Locked && self.is_confirmed
    }

    /// Whether requests to the source may be rare: its path and the oscillator are known, nothing changes, more of them would tell less
    /// than stamps can, and the bound is hardly wider for it that the last one is older.
    pub fn is_calm(&self) -> bool {
        if !self.estimator().is_some_and(Bank::is_calm) || !self.is_locked_to_source() || !self.learnt.is_by_belief() {
            return false;
        }
        let bound = self.link.mean_path_delay().unwrap_or_default() + self.stamp_error;
        self.learnt.strays_within(REQUESTED_WITHIN) <= bound.scaled(WIDER_BY_REQUESTS)
    }

    /// Whether samples that are so far apart would do, when the clock reads `reading`: it is LOCKED, what its oscillator does is known, and
    /// meanwhile the estimate becomes hardly less sure than a sample leaves it, which is by the path's noise, and the bound hardly wider.
    pub fn is_enough(&self, apart: Duration, reading: Timestamp<Local>) -> bool {
        let Some(bank) = self.estimator().filter(|_| self.is_locked_to_source() && self.learnt.is_by_belief()) else {
            return false;
        };
        let deviation = |at| bank.deviation_at(at).unwrap_or(Duration::MAX);
        let is_sure = deviation(bank.at() + apart) <= deviation(bank.at()).scaled(LESS_SURE);
        let bound = self.greatest_error(reading).unwrap_or_default();
        is_sure && self.learnt.strays_within(apart) <= bound.scaled(WIDER_BY_WAITING)
    }

    /// What the oscillator is thought to run off by; `None` before it was measured. Worth saving.
    pub fn oscillator_frequency(&self) -> Option<FrequencyPpb> {
        match self.estimator() {
            Some(_) => self.estimate().filter(|_| self.is_bank_tracking).map(|estimate| estimate.frequency),
            None => self.servo.is_tracking().then(|| self.servo.runs_off_by_on_average()),
        }
    }

    /// The same with how sure that is, and how it wanders, for a later run.
    pub fn oscillator(&self) -> Option<SavedOscillator> {
        let frequency = self.oscillator_frequency()?;
        let alone = SavedOscillator::of_frequency(frequency);
        let stability = self.stability.remember();
        Some(self.estimator().map_or(alone, |bank| SavedOscillator { stability, ..bank.remember(frequency) }))
    }

    /// When the state began.
    pub fn state_since(&self) -> Timestamp<Mono> {
        self.state_since
    }

    /// `V` when the clock reads `reading`: with all our corrections taken out.
    pub fn free(&self, reading: Timestamp<Local>) -> Timestamp<Local> {
        self.timeline.free_now(reading)
    }

    /// `V` at a stamp of the clock; `None` if that is before all that is remembered.
    pub fn free_at(&self, stamp: &Stamp) -> Option<Timestamp<Local>> {
        self.timeline.free_at(stamp)
    }

    /// How it disciplines.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Who is followed.
    pub fn reference(&self) -> Option<Reference> {
        self.reference
    }

    /// The frequency correction in force.
    pub fn frequency(&self) -> FrequencyPpb {
        self.timeline.frequency()
    }

    /// The filtered one-way delay to the source.
    pub fn mean_path_delay(&self) -> Option<Duration> {
        self.link.mean_path_delay()
    }

    /// How often the source sends.
    pub fn interval(&self) -> LogInterval {
        self.interval
    }

    /// Whether it is right already, though not for long enough to be called LOCKED: its bound is inside the limit, and so
    /// were the last few samples.
    pub fn is_right(&self, reading: Timestamp<Local>) -> bool {
        let bound = self.greatest_error(reading);
        self.samples_inside >= RIGHT_SAMPLES && bound.is_some_and(|bound| bound <= self.config.lock_limit)
    }

    /// Whether it has followed nobody yet.
    pub fn is_virgin(&self) -> bool {
        self.held.is_none()
    }

    /// How far what it says of its source's time may be off while nothing is wrong: the standard deviation of what the
    /// estimator believes; else the greatest of the last offsets, fading.
    pub fn wobble(&self) -> Duration {
        let estimate = self.estimate().filter(|_| self.is_bank_tracking);
        estimate.map_or(self.wobble, |estimate| estimate.deviation)
    }

    /// What the clock is thought to be ahead of its source when it reads `reading`, or of what it is steered to if that
    /// differs; `None` while an estimator knows nothing of that source's time. The PI servo keeps no estimate beside what it steers by: zero.
    pub fn estimated_offset(&self, reading: Timestamp<Local>) -> Option<Duration> {
        if self.estimator().is_none() {
            return Some(Duration::ZERO);
        }
        let free = self.timeline.free_now(reading);
        self.estimate_at(free).filter(|_| self.is_bank_tracking).map(|offset| offset + (reading - free) - self.bias)
    }

    /// How sure the estimate of the offset still is when the clock reads `reading`, one standard deviation; `None` without an
    /// estimator, or before it knows anything.
    pub fn deviation(&self, reading: Timestamp<Local>) -> Option<Duration> {
        self.deviation_at(self.timeline.free_now(reading)).filter(|_| self.is_bank_tracking)
    }

    /// When it was measured last.
    pub fn last_sample(&self) -> Option<Timestamp<Mono>> {
        self.last_sample
    }

    /// What to publish when the stamping clock reads `local`, ours `reading`, at `rate` relative to it; but for when the limits will be
    /// exceeded, which is asked for by itself ([`Discipline::time_until`]).
    pub fn snapshot(
        &self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        reading: Timestamp<Local>,
        rate: FrequencyPpb,
    ) -> TimeSnapshot {
        let (bound, drift_rate) = self.bound_to_publish(reading);
        let served = self.state.is_synchronised() && bound.is_some();
        let orphan = self.reference.filter(|reference| reference.is_orphan && !self.is_silent);
        let reference = self.held.filter(|_| served).or(orphan);
        TimeSnapshot {
            state: self.state,
            leap: reference.filter(|_| served).map_or(LeapIndicator::Unknown, |reference| reference.leap),
            tai_utc: self.held.and_then(|reference| reference.tai_utc),
            stratum: reference.map_or(16, |reference| reference.stratum),
            reference_id: reference.map_or(*b"INIT", |reference| reference.reference_id),
            anchor_local: local,
            anchor_utc: reading.read_as(),
            anchor_mono: now,
            rate,
            parts: bound.unwrap_or_default(),
            is_bounded: bound.is_some(),
            drift_rate,
            stale_rate: self.stale_rate(),
            exceeded_at: [None; LIMITS_COUNT],
            reference_time: self.reference_time,
            last_sample: self.last_sample,
            state_since: self.state_since,
            offset_from_master: self.last_offset,
            mean_path_delay: self.link.mean_path_delay().unwrap_or_default(),
            frequency: self.timeline.frequency(),
            epoch: self.epoch,
            lock_time: self.lock_time,
        }
    }
}

impl Engine for Discipline {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        let out = &mut AnySink(out);
        match input {
            Input::Observation(observation) => self.observe(now, observation, out),
            Input::Reference(reference) => self.follow(now, reference, out),
            Input::Guard(source, reference) => self.guard(source, reference),
            Input::Interval(interval) => self.set_interval(interval),
            Input::Adjusted { before, after, epoch, frequency } => {
                self.obeyed(before, after, epoch, frequency, out);
            }
            Input::Refused => self.commanded = self.timeline.frequency(),
            Input::Disturbed { reading, epoch } => self.disturbed(now, reading, epoch, out),
            Input::Replaced { reading, epoch } => self.replaced(now, reading, epoch, out),
            Input::Slewed { reading, ahead, behind } => self.slewed(reading, ahead, behind),
            Input::Unsure { by } => self.widen(by, -by),
            Input::Tick { reading } => self.tick(now, reading, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        let silent = self.last_sample.filter(|_| !self.is_silent).map(|last| last + self.silence());
        [silent, self.slew_ends].into_iter().flatten().min()
    }
}

mod bounding;
pub use bounding::Whereabouts;
mod guards;
mod samples;
mod standing;
mod steps;
#[cfg(test)]
mod tests;
mod through;
