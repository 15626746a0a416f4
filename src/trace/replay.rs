//! The same engines, the same inputs: are the effects the same?
//!
//! A state that was recorded is sound. One that was forged need not be, however right its checksum: what no engine can be in is
//! malformed ([`Coded`]), and an engine that finds itself in such a state all the same says so by a panic, as it would in the
//! field. That ends the repetition of this trace and nothing else; of a trace from the field it is what was looked for.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::collector::Beginning;
use super::file::{Stream, Trace};
use crate::coding::{Coded, Decoder, Encoder, Malformed};
use crate::discipline::Discipline;
use crate::discipline::helm::Helm;
use crate::engine::{BEGINNING, Cause, EngineKind, RECORD_BYTES_MAX, Recordable, STEP, engine_layout};
use crate::ntp::client::Client;
use crate::ntp::server::Responder;
use crate::ptp::{Grandmaster, Port};
use crate::refclock::Refclock;
use crate::time::{Duration, Mono, Timestamp};

/// What became of one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// Its name.
    pub name: String,
    /// Which engine.
    pub kind: EngineKind,
    /// How many steps were repeated.
    pub steps: u64,
    /// How often the repeated engine was compared as a whole, and was the recorded one.
    pub states: u64,
    /// How often steps were missing, and the repetition went on from the next state.
    pub gaps: u64,
    /// The first and the last step.
    pub span: Option<(Timestamp<Mono>, Timestamp<Mono>)>,
    /// Where it went another way, if it did; nothing is repeated beyond that.
    pub difference: Option<Difference>,
}

/// The first step whose effects are not the recorded ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// When.
    pub at: Timestamp<Mono>,
    /// Which step, from 1.
    pub step: u64,
    /// What the engine heard.
    pub input: String,
    /// What it did then.
    pub recorded: String,
    /// What it does now.
    pub replayed: String,
}

/// Why a stream cannot be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    /// A record is of no such engine.
    Malformed {
        /// The stream.
        stream: String,
        /// The record, from 1.
        record: usize,
    },
    /// The engine panicked at this step: a fault of its own, or a state that it was never in.
    Panicked {
        /// The stream.
        stream: String,
        /// The record, from 1.
        record: usize,
        /// What it said.
        message: String,
    },
    /// The engine had other fields in the build that wrote it.
    Layout {
        /// The stream.
        stream: String,
        /// The version that wrote it.
        program: String,
    },
    /// There is no such stream, or none that this can be asked of.
    NoStream,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { stream, record } => write!(f, "{stream}: record {record} cannot be read"),
            Self::Panicked { stream, record, message } => {
                write!(f, "{stream}: the engine panics at record {record}: {message}")
            }
            Self::Layout { stream, program } => write!(
                f,
                "{stream}: the engine of this build has another layout than that which was recorded by version {program}; \
                 replay it with the build that recorded it"
            ),
            Self::NoStream => f.write_str("the trace has no such stream"),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Looks on while a stream is repeated.
pub(super) trait Watch<E: Recordable> {
    /// The engine as it was recorded, before the steps that follow.
    fn begin(&mut self, cause: Cause, now: Timestamp<Mono>, annotation: Duration, engine: &E);
    /// It has taken a step.
    fn step(&mut self, now: Timestamp<Mono>, input: &E::Input<'_>, engine: &E);
}

/// Sees nothing.
struct Blind;

impl<E: Recordable> Watch<E> for Blind {
    fn begin(&mut self, _: Cause, _: Timestamp<Mono>, _: Duration, _: &E) {}
    fn step(&mut self, _: Timestamp<Mono>, _: &E::Input<'_>, _: &E) {}
}

/// Repeats every stream.
///
/// # Errors
/// [`ReplayError`]: a stream that cannot be repeated at all.
pub fn replay(trace: &Trace) -> Result<Vec<Replayed>, ReplayError> {
    let repeat = |stream: &Stream| match stream.kind {
        EngineKind::PtpPort => repeat::<Port>(trace, stream, &mut Blind),
        EngineKind::Grandmaster => repeat::<Grandmaster>(trace, stream, &mut Blind),
        EngineKind::Discipline => repeat::<Discipline>(trace, stream, &mut Blind),
        EngineKind::NtpClient => repeat::<Client>(trace, stream, &mut Blind),
        EngineKind::Helm => repeat::<Helm>(trace, stream, &mut Blind),
        EngineKind::Refclock => repeat::<Refclock>(trace, stream, &mut Blind),
        EngineKind::NtpServer => repeat::<Responder>(trace, stream, &mut Blind),
    };
    trace.streams().iter().map(repeat).collect()
}

/// Repeats one stream, with somebody looking on.
pub(super) fn repeat<E: Recordable>(
    trace: &Trace,
    stream: &Stream,
    watch: &mut impl Watch<E>,
) -> Result<Replayed, ReplayError> {
    let mut repetition = Repetition::<E>::new(trace, stream);
    for (index, record) in trace.records(stream).enumerate() {
        // Nothing of the repetition is looked at after a panic.
        let taken = catch_unwind(AssertUnwindSafe(|| repetition.take(index, record, watch)));
        taken.unwrap_or_else(|payload| {
            let (stream, message) = (stream.name.clone(), message_of(&*payload));
            Err(ReplayError::Panicked { stream, record: index + 1, message })
        })?;
        if repetition.found.difference.is_some() {
            break;
        }
    }
    Ok(repetition.found)
}

/// What a panic said.
fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("nothing that can be shown").to_owned()
}

struct Repetition<'a, E: Recordable> {
    program: &'a str,
    engine: Option<E>,
    effects: Vec<E::Effect>,
    encoder: Encoder,
    found: Replayed,
}

impl<'a, E: Recordable> Repetition<'a, E> {
    fn new(trace: &'a Trace, stream: &Stream) -> Self {
        let found = Replayed {
            name: stream.name.clone(),
            kind: stream.kind,
            steps: 0,
            states: 0,
            gaps: 0,
            span: None,
            difference: None,
        };
        let encoder = Encoder::with_limit(RECORD_BYTES_MAX);
        Self { program: &trace.program, engine: None, effects: Vec::new(), encoder, found }
    }

    fn take(&mut self, index: usize, record: &[u8], watch: &mut impl Watch<E>) -> Result<(), ReplayError> {
        let result = match record.first() {
            Some(&BEGINNING) => self.begin(record, watch)?,
            Some(&STEP) => self.step(record, watch),
            _ => Err(Malformed),
        };
        result.map_err(|_| ReplayError::Malformed { stream: self.found.name.clone(), record: index + 1 })
    }

    fn begin(&mut self, record: &[u8], watch: &mut impl Watch<E>) -> Result<Result<(), Malformed>, ReplayError> {
        let Ok(beginning) = Beginning::of(record) else { return Ok(Err(Malformed)) };
        if beginning.kind != E::KIND {
            return Ok(Err(Malformed));
        }
        if beginning.layout != engine_layout::<E>() {
            let (stream, program) = (self.found.name.clone(), self.program.to_owned());
            return Err(ReplayError::Layout { stream, program });
        }
        if beginning.cause == Cause::Periodic
            && let Some(engine) = &self.engine
        {
            self.encoder.clear();
            engine.encode(&mut self.encoder);
            if self.encoder.written() != Some(beginning.state) {
                self.differs(beginning.now, "(its whole state)", "as recorded", "another one");
                return Ok(Ok(()));
            }
            self.found.states += 1;
        }
        self.found.gaps += u64::from(beginning.cause == Cause::Lost && self.engine.is_some());
        let mut from = Decoder::new(beginning.state);
        let engine = match E::decode(&mut from) {
            Ok(engine) if from.rest().is_empty() => engine,
            _ => return Ok(Err(Malformed)),
        };
        watch.begin(beginning.cause, beginning.now, beginning.annotation, &engine);
        self.engine = Some(engine);
        Ok(Ok(()))
    }

    fn step(&mut self, record: &[u8], watch: &mut impl Watch<E>) -> Result<(), Malformed> {
        let Self { engine: Some(engine), effects, encoder, found, .. } = self else { return Err(Malformed) };
        let mut from = Decoder::new(record);
        from.byte()?;
        let now = Timestamp::decode(&mut from)?;
        found.steps += 1;
        found.span = Some((found.span.map_or(now, |(first, _)| first), now));
        effects.clear();
        // An input may borrow from the record, so it lives only in here.
        let input = from;
        E::with_input(&mut from, |input| {
            engine.repeat(now, input, effects);
            watch.step(now, input, engine);
        })?;
        encoder.clear();
        for effect in effects.iter() {
            effect.encode(encoder);
        }
        if encoder.written() != Some(from.rest()) {
            let recorded = shown(&effects_of::<E>(from.rest())?);
            let replayed = shown(effects);
            let mut input = input;
            let input = E::with_input(&mut input, E::show)?;
            self.differs(now, &input, &recorded, &replayed);
        }
        Ok(())
    }

    fn differs(&mut self, at: Timestamp<Mono>, input: &str, recorded: &str, replayed: &str) {
        let [input, recorded, replayed] = [input, recorded, replayed].map(str::to_owned);
        self.found.difference = Some(Difference { at, step: self.found.steps, input, recorded, replayed });
    }
}

fn effects_of<E: Recordable>(bytes: &[u8]) -> Result<Vec<E::Effect>, Malformed> {
    let mut from = Decoder::new(bytes);
    let mut effects = Vec::new();
    while !from.rest().is_empty() {
        effects.push(E::Effect::decode(&mut from)?);
    }
    Ok(effects)
}

fn shown<T: fmt::Debug>(effects: &[T]) -> String {
    let shown: Vec<String> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join("; ") }
}
