//! Lock-free plumbing between threads, in safe code.
//!
//! One writer per fact, and no thread ever waits for another one:
//!
//! | what | from -> to | type |
//! |---|---|---|
//! | the time, as served | discipline -> server workers, control, clients | [`Seqlock`]`<`[`TimeSnapshot`]`>` |
//! | what a card's stamp means | discipline, control -> server workers | [`Seqlock`]`<`[`PhcLines`]`>`, [`Seqlock`]`<`[`StampingInterfaces`]`>` |
//! | observations, events | one timing thread -> one other | [`Ring`] (SPSC), with a [`Doorbell`] for a consumer that sleeps |
//! | records of a trace | timing threads -> control | [`ByteRing`] (SPSC), asked for by a [`Request`] |
//! | figures | one thread -> control | [`Counters`], relaxed atomics |
//! | "I am alive" | each timing thread -> control | [`Pulse`] |
//! | clean shutdown | control -> all | [`Latch`] |
//!
//! Commands to timing threads go by bounded `crossbeam-channel`, with `try_send` and `try_recv` only.

mod bytes;
mod counters;
mod latch;
mod leap;
mod lines;
mod pulse;
mod request;
mod ring;
mod seqlock;
mod snapshot;
mod words;

pub use bytes::{ByteReader, ByteRing, ByteWriter};
pub use counters::{CounterSet, Counters};
pub use latch::{Flag, Latch};
pub use lines::{
    PHC_LINE_AGE_MAX, PHC_LINES_MAX, PhcLine, PhcLines, STAMPING_INTERFACES_MAX, StampingInterface, StampingInterfaces,
};
pub use pulse::Pulse;
pub use request::Request;
pub use ring::{Doorbell, Drops, Ring, RingReader, RingWriter, Wake};
pub use seqlock::{Seqlock, SeqlockWriter, Torn, Words};
pub use snapshot::{BoundParts, LIMITS, LIMITS_COUNT, SNAPSHOT_AGE_MAX, TimeSnapshot};
