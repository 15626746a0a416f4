//! L4': a deterministic world in virtual time, around the production engines.
//!
//! A time daemon's bugs hide in orders of events that a test on real sockets meets once a month. Here the order is
//! ours: one queue of events, one seed, no thread and no clock. The engines cannot tell the difference; the frames that
//! travel are real bytes; and since the world knows the truth, a checker looks after every event whether the truth
//! lies inside the bound that each clock publishes.
//!
//! ```text
//!            +-------- frames as bytes --------+
//!            |   link: delay, loss, reorder    |
//!      ptp::Grandmaster                    ptp::Port
//!            |                                 | Observe, Parent, SyncInterval
//!        true time                    clock::Steering<SoftwareClock>
//!                                              | TimeSnapshot
//!                         checker, statistics <-+
//! ```
//!
//! **Truth.** The clock that stamps packets *is* true time, of every node, and true time counts UTC. A grandmaster
//! serves it plus its configured offset; a slave steers a [`SoftwareClock`](crate::clock::SoftwareClock), a function
//! of it. So a slave's true error is its clock's reading less the stamping clock's, at any instant.
//!
//! **Same seed, same bytes.** Every link, port and oscillator has a random generator of its own, floats use + - * /
//! and sqrt only (the samplers `libm`), and events at one instant run in the order in which they were made. A
//! [`World::digest`] over all effects shows it.
//!
//! | file | owns |
//! |---|---|
//! | `queue` | the events, by time and then by insertion |
//! | `link` | what a network does to a message |
//! | `node` | a slave, a grandmaster, and how packets are stamped |
//! | `world` | time, and who is told what |
//! | `checker` | the rules that hold after every event |
//! | `ntp` | a world of two: an NTP client and its server |
//! | `statistics` | true errors, sampled on a fixed grid |
//! | `accuracy` | the PTP cells that other daemons were measured in |

mod accuracy;
mod checker;
mod digest;
mod link;
mod node;
mod ntp;
mod queue;
mod statistics;
mod world;

pub use accuracy::{CELLS, Cell, CellRun, NTP_CELLS, NtpCell, NtpRun, Span};
pub use checker::{Checker, Violation};
pub use link::{Link, LinkModel};
pub use node::{Master, NodeId, RECORDS_MAX, Slave, SlaveConfig, StampModel, TxStampModel, master_config};
pub use ntp::{NtpConfig, NtpWorld};
pub use queue::{EVENTS_MAX, Full, Queue};
pub use statistics::{BoundStatistics, SAMPLES_MAX, Statistics};
pub use world::{LOCAL_EPOCH, World};
