//! L4: threads, and what they own.
//!
//! ```text
//! ptp-N       sockets -> ptp::Port --PortMessage ring--> discipline --ClockReport ring--> ptp-N
//! discipline  Steering: the clock, the seqlock<TimeSnapshot>
//! ntp-N       sockets, answers from the snapshot
//! control     (the main thread) signals, status socket, HTTP, log, watchdog <--Event rings-- all of them
//! truth       only where the clock is simulated
//! ```
//!
//! Timing threads (`ptp-N`, `discipline`, `ntp-N`) neither allocate nor lock nor format after their start.

pub mod control;
pub mod daemon;
pub mod discipline;
pub mod events;
pub mod grandmaster;
pub mod host;
mod links;
pub mod memory;
pub mod model;
mod phcs;
pub mod port;
pub mod saved;
pub mod server;
pub mod signals;
pub mod thread;
pub mod truth;
pub mod wake;
pub mod watchdog;

pub use daemon::{Daemon, StartError};
