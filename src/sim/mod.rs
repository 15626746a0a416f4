//! L4': a deterministic world in virtual time, around the production engines.
//!
//! A time daemon's bugs hide in orders of events that a test on real sockets meets once a month. Here the order is
//! ours: one queue of events, one seed, no thread and no clock. The engines cannot tell the difference; the frames that
//! travel are real bytes; and since the world knows the truth, a checker looks after every event whether the truth
//! lies inside the bound that each clock publishes.
//!
//! ```text
//!            +-------- frames as bytes --------+
//!            |  link: delay, queues, loss ..   |
//!      ptp::Grandmaster                    ptp::Port
//!            |                                 | Observe, Parent, SyncInterval
//!        true time            Slave: clock::Steering<SoftwareClock>
//!        + its error           Host: clock::Cascade<Device>, the star of PHC and system clock
//!                                              | TimeSnapshot, PhcLines
//!                         checker, statistics <-+
//! ```
//!
//! **Truth.** [`Truth`] says what UTC and TAI are at any instant of virtual time. A grandmaster serves it plus its error. A
//! [`Slave`] is stamped by true time, and steers a [`SoftwareClock`](crate::clock::SoftwareClock), a function of it. A [`Host`]
//! is stamped by a clock that it steers, as a real one is: a [`Device`], on an oscillator of its own.
//!
//! **Same seed, same bytes.** Every link, port and oscillator has a random generator of its own, floats use + - * /
//! and sqrt only (the samplers `libm`), and events at one instant run in the order in which they were made. A
//! [`World::digest`] over all effects shows it.
//!
//! | file | owns |
//! |---|---|
//! | `truth` | what time it really is |
//! | `queue` | the events, by time and then by insertion |
//! | `link`, `hop` | what a network does to a message: jitter, bursts, loss; queues and transparent clocks |
//! | `lateness` | threads that wake up late, commands that act late |
//! | `node` | a grandmaster, how packets are stamped, what a node remembers |
//! | `slave` | a port and one clock in software |
//! | `host`, `device` | a machine with real clocks, and such a clock; with several ports a boundary clock |
//! | `server` | an NTP server, for hosts that have several sources |
//! | `ntp` | a world of two: an NTP client and its server |
//! | `world` | time, who is told what, and what happens from outside |
//! | `checker` | the rules that hold after every event |
//! | `holdover` | what a clock does, and says, when its source is lost |
//! | `statistics`, `stability` | true errors, sampled on a fixed grid; ADEV, TDEV, MTIE |
//! | `accuracy` | the cells that other daemons were measured in, and what goes beyond them |

mod accuracy;
mod checker;
mod device;
mod digest;
mod holdover;
mod hop;
mod host;
mod lateness;
mod link;
mod node;
mod ntp;
mod queue;
mod server;
mod slave;
pub mod stability;
mod statistics;
mod truth;
mod world;

pub use accuracy::{
    CELLS, CHAIN_CELLS, COMBINATIONS, CONVERGENCE_LIMITS_S, CONVERGENCES, Cell, CellRun, ChainCell, ChainRun,
    Combination, CombinationRun, CombinedSource, Convergence, ConvergenceRun, NTP_CELLS, NtpCell, NtpRun, ROBUST_CELLS,
    RobustCell, RobustRun, Span, Variation,
};
pub use checker::{Checker, GRACE, NOTICE, Rule, Violation};
pub use device::{Device, DeviceModel};
pub use holdover::{HoldoverCase, HoldoverRun};
pub use hop::{HopModel, LOAD_MAX, TransparentModel};
pub use host::{
    ClientConfig, CrossingModel, CrossingShape, GNSS_SOURCE, Host, HostConfig, NTP_SOURCE, RING_MAX, ReceiverModel,
    Steered,
};
pub use lateness::Lateness;
pub use link::{Blocked, BurstModel, HOPS_MAX, Link, LinkModel, Passage, Shape, SurgeModel};
pub use node::{Master, NodeId, RECORDS_MAX, Record, StampModel, TxStampModel, master_config};
pub use ntp::{NtpConfig, NtpWorld};
pub use queue::{EVENTS_MAX, Full, Queue};
pub use server::{ORPHAN_DISTANCE, ORPHAN_STRATUM, Server, ServerConfig};
pub use slave::{Slave, SlaveConfig};
pub use statistics::{BoundStatistics, SAMPLES_MAX, Statistics};
pub use truth::{LOCAL_EPOCH, TAI_UTC, Truth};
pub use world::{HELD_MAX, Part, Placed, Plugged, Stall, StormModel, TreeFault, World, address_of};
