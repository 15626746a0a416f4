//! L0: the one contract of everything that has behaviour.
//!
//! A protocol that reads the clock, sends on a socket and draws random numbers in the middle of its logic can be
//! tested only in real time, and never twice alike. So every engine here is one function: what time it is, what came
//! in, and a place for what should go out. The threads of `runtime`, the simulator and the replay are three callers
//! of the same code, which cannot tell them apart.
//!
//! ```text
//! step(now, input, &mut out)      now: CLOCK_MONOTONIC, or virtual time
//! deadline() -> when to call with Input::Tick (or the like) if nothing comes before
//! ```

mod random;
mod taped;
mod timers;

pub use random::Random;
pub use taped::{
    Asks, BEGINNING, Cause, EngineKind, RECORD_BYTES_MAX, Recordable, Recorder, STEP, Tape, Taped, engine_layout,
};
pub use timers::{TimerKind, TimerTable};

use crate::time::{Mono, Timestamp};

/// Where an engine puts its effects, in the order in which they are to happen.
pub trait Sink<E> {
    /// Takes one effect. Must not fail: a sink with a limit counts what it drops.
    fn emit(&mut self, effect: E);
}

impl<E> Sink<E> for Vec<E> {
    fn emit(&mut self, effect: E) {
        self.push(effect);
    }
}

/// Adapts a closure to a [`Sink`].
pub struct Emit<F>(pub F);

impl<E, F: FnMut(E)> Sink<E> for Emit<F> {
    fn emit(&mut self, effect: E) {
        (self.0)(effect);
    }
}

/// Some sink, whichever: an engine of many functions has them for this one alone, and not for each of its callers, of which there are dozens.
/// That is megabytes of code; what it costs is a call by a pointer for each effect.
pub struct AnySink<'a, E>(pub &'a mut dyn Sink<E>);

impl<E> Sink<E> for AnySink<'_, E> {
    fn emit(&mut self, effect: E) {
        self.0.emit(effect);
    }
}

/// A state machine without I/O, clock or ambient randomness.
pub trait Engine {
    /// What can happen to it; may borrow a packet.
    type Input<'a>;
    /// What it wants done.
    type Effect;

    /// Handles one input at `now`. Time never runs backwards between calls.
    fn step(&mut self, now: Timestamp<Mono>, input: Self::Input<'_>, out: &mut impl Sink<Self::Effect>);

    /// When it wants to be called again at the latest, even if nothing comes in.
    fn deadline(&self) -> Option<Timestamp<Mono>>;
}
