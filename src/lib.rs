//! Synchronome: one daemon that owns every clock of a Linux server.
//!
//! # The map
//!
//! Layers point one way; `tests/architecture.rs` reads the sources and enforces it.
//!
//! | layer | modules | may do |
//! |---|---|---|
//! | L0 | [`time`], [`coding`], [`engine`], [`sharing`] | values, their bytes, the engine contract, lock-free plumbing |
//! | L1 | [`wire`] | bytes to values and back, total functions |
//! | L2 | [`ptp`], [`ntp`], [`refclock`], [`discipline`] | protocol engines and the servo: no I/O, no clock, no ambient randomness |
//! | L3 | [`clock`], [`net`], [`observe`], [`config`] | clocks, sockets, what is shown, what is configured |
//! | L4'' | [`trace`] | what engines heard and did, written down and repeated: the third caller |
//! | L4 | [`runtime`] or [`sim`] | threads, or virtual time: two callers of the same engines |
//! | L5 | [`cli`] | one file per subcommand |
//!
//! # The threads
//!
//! ```text
//!  ptp-N --observations (SPSC ring)--> discipline --seqlock<TimeSnapshot>--> ntp-N (one per core), control
//!    ^---------- clock reports --------'    |  |
//!                                           |  '-- adjusts and reads: the PHCs, the system clock (a star)
//!                                           '-- events (SPSC ring) --> control: signals, status, metrics, log
//! ```
//!
//! One thread steers every clock: the one that stamps the source's messages by these, all others by crossings with it
//! ([`clock::Cascade`]). Opening cards and clocks, and looking after their settings, is the control thread's.
//!
//! # Reading order
//!
//! [`time`] for the words; [`engine`] for the one contract; [`ptp::Port`] and [`discipline`] for the heart of the matter
//! ([`discipline::Envelope`] is where the error bound comes from); [`clock::Cascade`] for how many clocks become one time;
//! [`sharing`] for how threads meet; [`runtime::Daemon`] for how it all runs; [`sim`] for how it is proven;
//! [`trace`] for how a fault in the field is repeated. Decisions and their reasons are in the [`manual`].
#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod coding;
pub mod config;
pub mod discipline;
pub mod engine;
pub mod manual;
pub mod net;
pub mod ntp;
pub mod observe;
pub mod ptp;
pub mod refclock;
pub mod runtime;
pub mod sharing;
pub mod sim;
pub mod time;
pub mod trace;
pub mod wire;
