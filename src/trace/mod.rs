//! L4'': what the engines heard and did, written down and repeated.
//!
//! A fault in the field is gone when somebody looks: the packets, the stamps and the state of the servo that made it. A log
//! has the sentence about it and a capture has the packets, but neither has the clock. Here every engine is a function of
//! its state and its inputs, so both are enough to have all of it again, on any machine: the same effects bit for bit, or,
//! with another servo, what that one would have done with the same oscillator and the same network.
//!
//! ```text
//! timing thread: engine::Taped<Port>        --records, ring of bytes--.
//! timing thread: engine::Taped<Discipline>  --records, ring of bytes--+--> Collector (control thread, or sim::World)
//!                                                                          the last megabytes, by segments
//!                                                                          -> Trace, a file -> replay, what_if
//! ```
//!
//! A **segment** begins with an engine's whole state, so that old segments can be forgotten and a recording can begin at any
//! moment. A state in the middle is at the same time the sharpest test: the repeated engine must have come to it.
//!
//! # The file, version 1
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SYNTRACE` |
//! | 2 | version, lowest byte first |
//! | 4 | CRC-32 (IEEE 802.3) of all that follows, lowest byte first |
//! | text | the version of the program that wrote it |
//! | [`Origin`] | a host, or a simulation, whose truth is known |
//! | sequence | the streams, one for each engine: name, [`EngineKind`](crate::engine::EngineKind), how many records, and each: how many bytes, and these |
//!
//! Values are as in [`coding`](crate::coding), records as in [`engine::Taped`](crate::engine::Taped). The checksum finds every
//! bit that flipped, and nothing may be missing or left over: whatever is read is what was written.
//!
//! # What is exact, and what is not
//!
//! [`replay()`] is exact: the same build, on any machine, must come to the same bytes. A build with another layout of an
//! engine cannot read that engine's state, and says so. [`what_if()`] is a simulation of one thing, the clock: the messages
//! are put on the clock as it would have run by itself (`V`, known exactly from the recorded commands), and the other
//! servo's commands are applied to that. Oscillator and network are the recorded ones; what is not repeated is what depends
//! on the clock being steered differently elsewhere (a hub's estimate that others follow, a Delay_Req at another instant).

mod collector;
mod course;
mod file;
mod replay;
mod what_if;

pub use collector::{Collector, STREAMS_MAX};
pub use course::{Course, Figures, Moment};
pub use file::{Origin, Stream, Trace, TraceError, VERSION};
pub use replay::{Difference, ReplayError, Replayed, replay};
pub use what_if::{WhatIf, what_if};
