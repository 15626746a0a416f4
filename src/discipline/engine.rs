//! The discipline of one clock by one source.

use super::envelope::{Contradiction, Span};
use super::policy::{StepPolicy, StepRule};
use super::servo::{Pi, Verdict};
use super::{Adjustment, Envelope, Link, SpikeGate, StateEvent, Timeline, next};
use crate::engine::{Engine, Sink};
use crate::sharing::{BoundParts, TimeSnapshot};
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId, Stamp,
    SyncState, TaiUtc, Timestamp, Utc,
};

/// LOCKED needs this many last samples inside the lock limit.
pub const LOCK_SAMPLES: u32 = 8;
/// No sample for this many intervals: the samples have stopped.
const SILENT_INTERVALS: i64 = 4;
/// The bound is beyond use at this many times the lock limit: FREERUN.
const USELESS_LIMITS: i64 = 100;
/// Offsets below this are never a spike, whatever the scatter: what one cache miss can do.
const SPIKE_FLOOR: Duration = Duration::from_micros(2);

/// How the master's time becomes UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timescale {
    /// Its readings are UTC (or the ARB timescale, taken as UTC).
    Utc,
    /// Its readings are TAI.
    Tai(TaiUtc),
    /// Its readings are TAI and nobody says what UTC is: unusable.
    TaiWithoutUtc,
    /// ARB, and the configuration refuses it.
    Refused,
}

impl Timescale {
    /// Whether it becomes UTC at all.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Utc | Self::Tai(_))
    }

    fn to_utc(self, reading: Timestamp<Local>) -> Option<Timestamp<Local>> {
        match self {
            Self::Utc => Some(reading),
            Self::Tai(offset) => Some(reading - offset.duration()),
            Self::TaiWithoutUtc | Self::Refused => None,
        }
    }
}

/// Who is followed, and what it says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference {
    /// The source's row.
    pub source: SourceId,
    /// How its time becomes UTC.
    pub timescale: Timescale,
    /// How right it says it is; `None` if it does not.
    pub accuracy: Option<Duration>,
    /// Its leap warning.
    pub leap: LeapIndicator,
    /// The stratum that we serve while we follow it, 1..=15.
    pub stratum: u8,
    /// The reference ID that we serve while we follow it.
    pub reference_id: [u8; 4],
    /// When it was selected.
    pub selected_at: Timestamp<Mono>,
    /// Whose clock it is in the end (PTP: grandmasterIdentity): another one behind the same parent is another clock.
    pub clock: u64,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message between the source's clock and ours, our end located on the disciplined clock.
    Observation(&'a Observation),
    /// The source is this one from now on; `None`: there is none.
    Reference(Option<Reference>),
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
    /// The clock refused.
    Refused,
    /// Somebody else set the clock under ours, which reads `reading` in `epoch` now.
    Disturbed {
        /// What our clock reads now.
        reading: Timestamp<Local>,
        /// Its epoch now.
        epoch: ClockEpoch,
    },
    /// Time has passed; the disciplined clock reads `reading`.
    Tick {
        /// What our clock reads now.
        reading: Timestamp<Local>,
    },
}

/// What is worth telling.
#[derive(Clone, Copy, PartialEq, Debug)]
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
    /// The clock does not do what it was told.
    Ineffective {
        /// What it was told.
        commanded: FrequencyPpb,
        /// What it does.
        found: FrequencyPpb,
    },
}

/// What it wants.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Effect {
    /// Tell the clock.
    Adjust(Adjustment),
    /// Tell people.
    Notice(Notice),
}

/// How to discipline.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// LOCKED is: the bound is at most this.
    pub lock_limit: Duration,
    /// How fast the frequency may change unseen (see [`Envelope`]).
    pub max_drift: FrequencyPpb,
    /// The largest correction, and the most that the oscillator may be off.
    pub max_frequency: FrequencyPpb,
    /// When to step.
    pub step: StepPolicy,
    /// Gains that replace the table's.
    pub proportional: Option<f64>,
    /// As above.
    pub integral: Option<f64>,
    /// Measure, never correct.
    pub hold: bool,
    /// The oscillator's frequency error as it was saved by an earlier run.
    pub saved_frequency: Option<FrequencyPpb>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Discipline {
    config: Config,
    timeline: Timeline,
    envelope: Envelope,
    /// What was proven of the master before this one.
    previous: Envelope,
    link: Link,
    gate: SpikeGate,
    servo: Pi,
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
    interval: LogInterval,
    last_sample: Option<Timestamp<Mono>>,
    reference_time: Timestamp<Utc>,
    last_offset: Duration,
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
        Self {
            timeline: Timeline::new(epoch, reading, frequency),
            envelope: Envelope::new(config.max_frequency, config.max_drift),
            previous: Envelope::new(config.max_frequency, config.max_drift),
            link: Link::default(),
            gate: SpikeGate::default(),
            servo: Pi::new(config.max_frequency, config.proportional, config.integral),
            state: SyncState::NeverSynced,
            state_since: now,
            reference: None,
            held: None,
            known_frequency: config.saved_frequency,
            has_corrected: false,
            is_panicking: false,
            is_silent: false,
            commanded: frequency,
            interval: LogInterval::new(0),
            last_sample: None,
            reference_time: Timestamp::EPOCH,
            last_offset: Duration::ZERO,
            samples_inside: 0,
            is_confirmed: false,
            stamp_error: Duration::ZERO,
            lock_time: None,
            epoch,
            config,
        }
    }

    /// Takes over other limits, policies and gains; what is measured stays, and so does the frequency limit.
    pub fn configure(&mut self, config: Config) {
        self.servo.override_gains(config.proportional, config.integral, self.interval);
        let max_frequency = self.config.max_frequency;
        self.envelope.set_max_drift(config.max_drift);
        self.previous.set_max_drift(config.max_drift);
        self.config = Config { max_frequency, ..config };
    }

    /// The state of the clock.
    pub fn state(&self) -> SyncState {
        self.state
    }

    /// Whether it is LOCKED, by samples of the source that is followed now.
    pub fn is_locked_to_source(&self) -> bool {
        self.state == SyncState::Locked && self.is_confirmed
    }

    /// What the oscillator is thought to run off by; `None` before it was measured. Worth saving.
    pub fn oscillator_frequency(&self) -> Option<FrequencyPpb> {
        self.servo.is_tracking().then(|| self.servo.runs_off_by_on_average())
    }

    /// What bounds the clock's error when it reads `reading`; `None` if nothing does.
    pub fn bound(&self, reading: Timestamp<Local>) -> Option<BoundParts> {
        let reference = self.held?;
        let now = self.timeline.free_now(reading);
        let correction = self.timeline.correction(reading);
        let envelope = if self.envelope.at(now).is_some() { &self.envelope } else { &self.previous };
        let span = envelope.at(now)?.shifted(correction);
        let fresh = envelope.last().and_then(|last| envelope.at(last)).unwrap_or(span);
        let path = fresh.half_width().min(span.half_width());
        Some(BoundParts {
            source: reference.accuracy.unwrap_or_default(),
            path,
            offset: span.centre().abs(),
            stamps: self.stamp_error,
            drift: span.half_width() - path,
        })
    }

    /// What to publish when the stamping clock reads `local`, ours `reading`, at `rate` relative to it.
    pub fn snapshot(
        &self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        reading: Timestamp<Local>,
        rate: FrequencyPpb,
    ) -> TimeSnapshot {
        let bound = self.bound(reading);
        let served = self.state.is_synchronised() && bound.is_some();
        let reference = self.held.filter(|_| served);
        TimeSnapshot {
            state: self.state,
            leap: reference.map_or(LeapIndicator::Unknown, |reference| reference.leap),
            stratum: reference.map_or(16, |reference| reference.stratum),
            reference_id: reference.map_or(*b"INIT", |reference| reference.reference_id),
            anchor_local: local,
            anchor_utc: reading.read_as(),
            anchor_mono: now,
            rate,
            parts: bound.unwrap_or_default(),
            is_bounded: bound.is_some(),
            drift_rate: self.drift_rate(),
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
        match input {
            Input::Observation(observation) => self.observe(now, observation, out),
            Input::Reference(reference) => self.follow(now, reference, out),
            Input::Interval(interval) => self.set_interval(interval),
            Input::Adjusted { before, after, epoch, frequency } => {
                self.obeyed(before, after, epoch, frequency, out);
            }
            Input::Refused => {
                let found = self.timeline.frequency();
                out.emit(Effect::Notice(Notice::Ineffective { commanded: self.commanded, found }));
            }
            Input::Disturbed { reading, epoch } => self.disturbed(now, reading, epoch, out),
            Input::Tick { reading } => self.tick(now, reading, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.last_sample.filter(|_| !self.is_silent).map(|last| last + self.silence())
    }
}

impl Discipline {
    fn silence(&self) -> Duration {
        self.interval.duration().times(SILENT_INTERVALS)
    }

    /// How fast the bound grows: the most that the clock may run off by while it is corrected as now.
    fn drift_rate(&self) -> FrequencyPpb {
        let range = self.envelope.frequency();
        let correction = self.timeline.frequency();
        let (low, high) = ((range.low + correction).abs(), (range.high + correction).abs());
        if low > high { low } else { high }
    }

    fn transition(&mut self, now: Timestamp<Mono>, why: StateEvent, out: &mut impl Sink<Effect>) {
        let (from, to) = (self.state, next(self.state, why));
        if from == to {
            return;
        }
        self.state = to;
        self.state_since = now;
        if to == SyncState::Locked && self.lock_time.is_none() {
            self.lock_time = self.reference.map(|reference| now - reference.selected_at);
        }
        out.emit(Effect::Notice(Notice::State { from, to, why }));
    }

    fn follow(&mut self, now: Timestamp<Mono>, reference: Option<Reference>, out: &mut impl Sink<Effect>) {
        let selected =
            |reference: Option<Reference>| reference.map(|r| (r.source, r.selected_at, r.timescale, r.clock));
        // A source whose time cannot be used is none: what is held of the one before it stays.
        let reference = reference.filter(|reference| reference.timescale.is_usable());
        let is_another = selected(reference) != selected(self.reference);
        self.reference = reference;
        let Some(reference) = reference else { return };
        if is_another && self.held.is_some() {
            // Another master's proofs say nothing about this one; our oscillator is the same. Until there are proofs by
            // the new one, those by the old one hold.
            std::mem::swap(&mut self.envelope, &mut self.previous);
            self.envelope.begin_like(&self.previous);
            self.link.reset();
            self.gate.reset();
            self.samples_inside = 0;
            self.is_confirmed = false;
        }
        self.held = Some(reference);
        if is_another {
            self.transition(now, StateEvent::SourceSelected, out);
        }
    }

    fn set_interval(&mut self, interval: LogInterval) {
        self.interval = interval.clamped().unwrap_or(self.interval);
        self.servo.set_interval(self.interval);
    }

    fn observe(&mut self, now: Timestamp<Mono>, observation: &Observation, out: &mut impl Sink<Effect>) {
        let Some(reference) = self.reference.filter(|reference| reference.source == observation.source) else { return };
        let is_ours = |stamp: &Stamp| stamp.clock == ClockId::Disciplined;
        if is_ours(&observation.received) {
            self.observe_forward(now, observation, reference, out);
        } else if is_ours(&observation.sent) {
            self.observe_backward(observation, reference, out);
        }
    }

    /// A Sync: the master's stamp, then ours.
    fn observe_forward(
        &mut self,
        now: Timestamp<Mono>,
        observation: &Observation,
        reference: Reference,
        out: &mut impl Sink<Effect>,
    ) {
        let received = &observation.received;
        let (Some(free), Some(sent)) =
            (self.timeline.free_at(received), reference.timescale.to_utc(observation.sent.at))
        else {
            return;
        };
        let transit = free - sent - observation.correction;
        self.note_stamps(observation);
        let proof = self.envelope.not_above(free, transit + self.stamp_error);
        self.check_proof(proof, out);
        let sample = self.link.forward(free, transit);
        if !self.servo.is_tracking() {
            self.measure(free, transit, sample.map(|sample| sample.offset), received.at, out);
            return;
        }
        let Some(sample) = sample else { return };
        let offset = sample.offset + (received.at - free);
        self.sampled(now, free, offset, received.at, out);
    }

    /// A Delay_Req: our stamp, then the master's.
    fn observe_backward(&mut self, observation: &Observation, reference: Reference, out: &mut impl Sink<Effect>) {
        let (Some(free), Some(received)) =
            (self.timeline.free_at(&observation.sent), reference.timescale.to_utc(observation.received.at))
        else {
            return;
        };
        let transit = received - free - observation.correction;
        self.note_stamps(observation);
        let proof = self.envelope.not_below(free, -transit - self.stamp_error);
        self.check_proof(proof, out);
        self.link.backward(free, transit, self.servo.runs_off_by());
    }

    fn note_stamps(&mut self, observation: &Observation) {
        self.stamp_error = observation.sent.error + observation.received.error;
    }

    fn check_proof(&mut self, proof: Result<(), Contradiction>, out: &mut impl Sink<Effect>) {
        if proof.is_err() {
            self.previous.forget_offset();
            self.link.reset();
            self.gate.reset();
            self.samples_inside = 0;
            out.emit(Effect::Notice(Notice::Contradiction));
        }
    }

    /// Before the first correction: what does the clock run off by?
    fn measure(
        &mut self,
        free: Timestamp<Local>,
        transit: Duration,
        offset: Option<Duration>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        let frequency = match (self.known_frequency, self.servo.measure(free, transit)) {
            (Some(known), _) => known,
            (None, Verdict::Measured(measured)) => measured,
            (None, _) => return,
        };
        // The path's delay may still be missing; measuring goes on until it is there.
        let Some(offset) = offset else { return };
        if self.config.hold {
            return;
        }
        out.emit(Effect::Notice(Notice::Measured(frequency)));
        self.known_frequency = Some(frequency);
        self.servo.begin_tracking(frequency);
        // Delays were computed as if the clock ran true; they are measured anew.
        self.link.forget_delays();
        let offset = offset + (reading - free);
        let rule = if self.has_corrected { self.config.step.later } else { self.config.step.first };
        self.has_corrected = true;
        let correction = -frequency;
        if may_step(rule, offset) {
            self.command(Adjustment::Step(-offset, correction), out);
            out.emit(Effect::Notice(Notice::Stepped(-offset)));
        } else {
            self.command(Adjustment::Frequency(correction), out);
        }
    }

    /// A sample of the clock's offset while the servo tracks it.
    fn sampled(
        &mut self,
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        offset: Duration,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        let was_silent = self.is_silent || self.last_sample.is_some_and(|last| now - last >= self.silence());
        self.last_sample = Some(now);
        self.is_silent = false;
        self.reference_time = reading.read_as();
        if was_silent {
            self.transition(now, StateEvent::SamplesResumed, out);
        }
        if self.config.step.panic.is_some_and(|limit| offset.abs() > limit) {
            if !self.is_panicking {
                out.emit(Effect::Notice(Notice::Panic(offset)));
            }
            self.is_panicking = true;
            self.last_offset = offset;
            self.judge(now, reading, out);
            return;
        }
        self.is_panicking = false;
        if !self.gate.passes(offset, SPIKE_FLOOR + self.stamp_error) {
            return;
        }
        self.last_offset = offset;
        // The present master's proofs stand by themselves from here on.
        self.previous.forget_offset();
        self.judge(now, reading, out);
        if self.config.step.later != StepRule::Never
            && may_step(self.config.step.later, offset)
            && self.is_far_off(reading)
        {
            self.command(Adjustment::Step(-offset, -self.servo.runs_off_by()), out);
            out.emit(Effect::Notice(Notice::Stepped(-offset)));
            self.gate.reset();
        } else if let Verdict::Track(frequency) = self.servo.track(free, offset, self.interval.duration()) {
            self.command(Adjustment::Frequency(frequency), out);
        }
    }

    /// Whether even the proven interval does not contain zero: only then is a later step more than noise.
    fn is_far_off(&self, reading: Timestamp<Local>) -> bool {
        let now = self.timeline.free_now(reading);
        let correction = self.timeline.correction(reading);
        let zero_inside = |span: Span<Duration>| span.low <= Duration::ZERO && span.high >= Duration::ZERO;
        self.envelope.at(now).is_some_and(|span| !zero_inside(span.shifted(correction)))
    }

    /// LOCKED or not, after a sample.
    fn judge(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let bound = self.bound(reading).map(|parts| parts.total().greatest_error());
        let limit = self.config.lock_limit;
        // A sample is noisier than the bound, which rests on the fastest of many messages: it need not lie inside that.
        let is_inside = self.last_offset.abs() <= limit;
        self.samples_inside = if is_inside { self.samples_inside.saturating_add(1) } else { 0 };
        if bound.is_some_and(|bound| bound <= limit) && self.samples_inside >= LOCK_SAMPLES {
            self.is_confirmed = true;
            self.transition(now, StateEvent::LockReached, out);
        } else {
            self.check_bound(now, reading, out);
        }
    }

    /// Leaves LOCKED where the bound does not support it any more.
    fn check_bound(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let limit = self.config.lock_limit.times(2);
        if self.bound(reading).is_none_or(|parts| parts.total().greatest_error() > limit) {
            self.transition(now, StateEvent::BoundExceeded, out);
        }
    }

    fn tick(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let Some(last) = self.last_sample else {
            self.check_bound(now, reading, out);
            return;
        };
        if now - last < self.silence() {
            self.check_bound(now, reading, out);
            return;
        }
        if !self.is_silent {
            self.is_silent = true;
            if self.servo.is_tracking() {
                let frequency = self.servo.hold_over();
                self.command(Adjustment::Frequency(frequency), out);
            }
        }
        if matches!(self.state, SyncState::Locked | SyncState::Acquiring) {
            self.transition(now, StateEvent::SamplesStopped, out);
        }
        let useless = self.config.lock_limit.times(USELESS_LIMITS);
        let is_useless = self.bound(reading).is_none_or(|parts| parts.total().greatest_error() > useless);
        if is_useless && self.state == SyncState::Holdover {
            self.transition(now, StateEvent::BoundUseless, out);
        }
    }

    fn command(&mut self, adjustment: Adjustment, out: &mut impl Sink<Effect>) {
        if let Adjustment::Frequency(frequency) | Adjustment::Step(_, frequency) = adjustment {
            self.commanded = frequency;
        }
        if !self.config.hold {
            out.emit(Effect::Adjust(adjustment));
        }
    }

    fn obeyed(
        &mut self,
        before: Timestamp<Local>,
        after: Timestamp<Local>,
        epoch: ClockEpoch,
        frequency: FrequencyPpb,
        out: &mut impl Sink<Effect>,
    ) {
        self.timeline.adjusted(before, after, epoch, frequency);
        self.epoch = epoch;
        // A clock may round to its own quantum, but not do something else.
        let tolerance = FrequencyPpb::new(1_000.0);
        if (frequency - self.commanded).abs() > tolerance {
            out.emit(Effect::Notice(Notice::Ineffective { commanded: self.commanded, found: frequency }));
        }
    }

    fn disturbed(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        epoch: ClockEpoch,
        out: &mut impl Sink<Effect>,
    ) {
        let frequency = self.timeline.frequency();
        self.timeline = Timeline::new(epoch, reading, frequency);
        self.epoch = epoch;
        self.envelope.forget_offset();
        self.previous.forget_offset();
        self.last_sample = None;
        self.link.reset();
        self.gate.reset();
        self.known_frequency = self.oscillator_frequency().or(self.known_frequency);
        self.servo.restart();
        self.samples_inside = 0;
        self.is_confirmed = false;
        // The jump was not ours, so what follows is a first correction again.
        self.has_corrected = false;
        self.transition(now, StateEvent::Disturbed, out);
    }
}

fn may_step(rule: StepRule, offset: Duration) -> bool {
    match rule {
        StepRule::Any => true,
        StepRule::Never => false,
        StepRule::Above(threshold) => offset.abs() > threshold,
    }
}

#[cfg(test)]
mod tests;
