//! L4: threads, and what they own.
//!
//! ```text
//! ptp-N       sockets -> ptp::Port --PortMessage ring--> discipline --ClockReport ring--> ptp-N
//! discipline  Cascade: the PHCs and the system clock, their crossings, the seqlock<TimeSnapshot>
//! ntp-client  a socket for each request -> ntp::client::Client, one a server --SourceMessage ring--> discipline
//! refclock    devices of reference clocks -> refclock::Refclock, one a clock --SourceMessage ring--> discipline
//! resolver    the names of NTP servers, for ntp-client: a lookup may take its time
//! ntp-N       sockets, answers from the snapshot
//! control     (the main thread) signals, status socket, HTTP, log, watchdog <--Event rings-- all of them;
//!             cards and PHCs are found, set up, opened and looked after here
//! truth       only where the clock is simulated
//! ```
//!
//! A single port that is asked for no other place is a guest on the discipline's thread, with the same rings and nothing else
//! in common; there is no `ptp-0` then.
//!
//! A PHC comes in with the port that it stamps for: the control thread opens it and hands it to the discipline, which alone
//! reads and steers it from then on; it goes with the last port that uses it.
//!
//! Timing threads (`ptp-N`, `discipline`, `ntp-N`) neither allocate nor lock nor format after their start.

pub mod control;
pub mod daemon;
pub mod discipline;
pub mod events;
pub mod grandmaster;
pub mod hooks;
pub mod host;
mod links;
mod management;
pub mod measured;
pub mod memory;
pub mod model;
pub mod ntp_client;
mod phcs;
pub mod port;
pub mod privileges;
pub mod recorder;
pub mod refclock;
pub mod rivals;
pub mod saved;
pub mod server;
pub mod signals;
pub mod supervisor;
pub mod thread;
pub mod truth;
pub mod wake;
pub mod watchdog;

pub use daemon::{Daemon, StartError};
