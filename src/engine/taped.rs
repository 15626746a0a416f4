//! An engine whose steps are written down as they happen.
//!
//! An engine is a function of its state and its inputs, so whoever has both can repeat it anywhere, and see what it did and
//! why. [`Taped`] stands between an engine and its caller and is an engine itself. Nobody listens as a rule: then a step
//! costs one load and one branch more. While somebody does, each step becomes one record; and since nobody can keep the
//! records of a month, the whole state becomes a record too, whenever it is asked for: a repetition begins at any of them.
//!
//! | record | bytes |
//! |---|---|
//! | beginning | 1, [`EngineKind`], [`Cause`], the layout (8 bytes), `now`, the annotation, the state |
//! | step | 2, `now`, the input, the effects to the end of the record |
//!
//! Timing threads call this, so it neither allocates nor locks: a record is made in a buffer that is there from the start,
//! and handed to a [`Tape`]. A record that the tape has no room for is lost, and the next one is a beginning.

use std::fmt::Debug;

use super::{Emit, Engine, Sink};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::time::{Duration, Mono, Timestamp};

/// The longest record in bytes: a state. The longest is that of a discipline, some 60 KB when its history is full.
pub const RECORD_BYTES_MAX: usize = 1 << 18;

/// First byte of a beginning.
pub const BEGINNING: u8 = 1;
/// First byte of a step.
pub const STEP: u8 = 2;

/// Which engine a record is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum EngineKind {
    /// The slave port of PTP.
    PtpPort,
    /// The grandmaster of PTP.
    Grandmaster,
    /// The discipline of one clock.
    Discipline,
    /// The NTP server's answers.
    NtpServer,
    /// The NTP client of one server.
    NtpClient,
    /// The judge of several sources.
    Helm,
    /// What a reference clock's samples make of it.
    Refclock,
}

/// Why a state was written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Cause {
    /// The recording begins.
    First,
    /// It goes on: the state is the one that the steps before lead to.
    Periodic,
    /// The engine was changed by something else than a step: it was configured anew.
    Changed,
    /// Steps were lost.
    Lost,
}

/// An engine that can be written down and repeated.
pub trait Recordable: Engine<Effect: Coded + Debug> + Coded {
    /// Which it is.
    const KIND: EngineKind;
    /// As [`Coded::LAYOUT`], of its inputs.
    const INPUT_LAYOUT: u64;

    /// Appends the bytes of an input.
    fn encode_input(input: &Self::Input<'_>, out: &mut Encoder);

    /// A step by an input that is lent: inputs are copied, and may be looked at once more.
    fn repeat(&mut self, now: Timestamp<Mono>, input: &Self::Input<'_>, out: &mut Vec<Self::Effect>);

    /// An input for people.
    fn show(input: &Self::Input<'_>) -> String;

    /// Takes an input back, and gives it to `act`: an input may borrow from the record.
    ///
    /// # Errors
    /// [`Malformed`]: these bytes are of no input.
    fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Self::Input<'_>) -> R) -> Result<R, Malformed>;
}

/// The layout of all that is recorded of an engine.
pub const fn engine_layout<E: Recordable>() -> u64 {
    layout("engine", &[("state", E::LAYOUT), ("input", E::INPUT_LAYOUT), ("effect", E::Effect::LAYOUT)])
}

/// After a state found no room, so many steps go by before it is tried again: a state costs more than a step.
const REST_STEPS: u32 = 256;

/// What a tape wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    /// Nothing: nobody listens.
    Nothing,
    /// The steps, beginning with a state.
    Beginning(Cause),
    /// The further steps.
    Steps,
}

/// Where records go. Called by timing threads: must not wait.
pub trait Tape: Send + Debug {
    /// What it wants now. [`Asks::Beginning`] is said once.
    fn asks(&mut self) -> Asks;

    /// Takes a record, or loses it: `false`.
    fn write(&mut self, record: &[u8]) -> bool;
}

/// The tape of one engine, and the buffer in which records are made.
#[derive(Debug)]
pub struct Recorder {
    tape: Box<dyn Tape>,
    encoder: Encoder,
    begins: Option<Cause>,
    rests: u32,
}

impl Recorder {
    /// Allocates its buffer; what is never written to is never resident.
    pub fn new(tape: Box<dyn Tape>) -> Self {
        Self { tape, encoder: Encoder::with_limit(RECORD_BYTES_MAX), begins: None, rests: 0 }
    }

    /// Whether somebody listens.
    fn listens(&mut self) -> bool {
        match self.tape.asks() {
            Asks::Nothing => return false,
            Asks::Beginning(cause) => self.begins = Some(self.begins.unwrap_or(cause)),
            Asks::Steps => {}
        }
        true
    }

    fn begin<E: Recordable>(&mut self, now: Timestamp<Mono>, annotation: Duration, engine: &E) {
        let Some(cause) = self.begins else { return };
        if self.rests > 0 {
            self.rests -= 1;
            return;
        }
        self.encoder.clear();
        self.encoder.byte(BEGINNING);
        E::KIND.encode(&mut self.encoder);
        cause.encode(&mut self.encoder);
        self.encoder.raw(&const { engine_layout::<E>() }.to_le_bytes());
        now.encode(&mut self.encoder);
        annotation.encode(&mut self.encoder);
        engine.encode(&mut self.encoder);
        if self.end() {
            self.begins = None;
        } else {
            self.rests = REST_STEPS;
        }
    }

    fn open<E: Recordable>(&mut self, now: Timestamp<Mono>, input: &E::Input<'_>) {
        self.encoder.clear();
        self.encoder.byte(STEP);
        now.encode(&mut self.encoder);
        E::encode_input(input, &mut self.encoder);
    }

    fn end(&mut self) -> bool {
        let is_written = self.encoder.written().is_some_and(|record| self.tape.write(record));
        if !is_written {
            self.begins = Some(Cause::Lost);
        }
        is_written
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Taped<E> {
    engine: E,
    annotation: Duration,
    recorder: Option<Recorder>,
}

impl<E> Taped<E> {
    /// Nobody listens.
    pub const fn new(engine: E) -> Self {
        Self { engine, annotation: Duration::ZERO, recorder: None }
    }

    /// From now on this one may listen.
    pub fn record_by(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Whether somebody listens at the moment.
    pub fn is_heard(&mut self) -> bool {
        self.recorder.as_mut().is_some_and(Recorder::listens)
    }

    /// Changes the engine by something else than a step.
    pub fn change(&mut self, act: impl FnOnce(&mut E)) {
        act(&mut self.engine);
        self.has_changed();
    }

    /// Writes this beside the state: what the clock of a discipline is ahead of UTC by its scale.
    pub fn annotate(&mut self, annotation: Duration) {
        if annotation != self.annotation {
            self.annotation = annotation;
            self.has_changed();
        }
    }

    fn has_changed(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.begins = Some(recorder.begins.unwrap_or(Cause::Changed));
        }
    }
}

impl<E> std::ops::Deref for Taped<E> {
    type Target = E;
    fn deref(&self) -> &E {
        &self.engine
    }
}

impl<E: Recordable> Engine for Taped<E> {
    type Input<'a> = E::Input<'a>;
    type Effect = E::Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: E::Input<'_>, out: &mut impl Sink<E::Effect>) {
        let Self { engine, annotation, recorder } = self;
        let Some(recorder) = recorder else { return engine.step(now, input, out) };
        if !recorder.listens() {
            return engine.step(now, input, out);
        }
        recorder.begin(now, *annotation, engine);
        if recorder.begins.is_some() {
            // No room for the state: without it the steps mean nothing.
            return engine.step(now, input, out);
        }
        recorder.open::<E>(now, &input);
        let encoder = &mut recorder.encoder;
        engine.step(
            now,
            input,
            &mut Emit(|effect: E::Effect| {
                effect.encode(encoder);
                out.emit(effect);
            }),
        );
        recorder.end();
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.engine.deadline()
    }
}
