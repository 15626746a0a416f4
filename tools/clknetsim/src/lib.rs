//! A bridge to clknetsim (github.com/mlichvar/clknetsim), a simulator that runs unmodified time daemons in virtual time.
//!
//! Its library for LD_PRELOAD takes the place of the system calls of a daemon with one thread; a daemon with many threads cannot
//! live there. But our engines have no system calls: they are driven, here by clknetsim's server as elsewhere by threads or by our own
//! simulator. So they run beside the real chronyd and ptp4l, and the true errors of both are known.
//!
//! ```text
//!   clknetsim's server: true time, clocks, packets on their way
//!      | UNIX socket: `protocol`, `connection`            | the same, by clknetsim's library
//!   `host`: one node's clock and network               chronyd, ptp4l
//!      |
//!   `node`: ptp::Port + clock::Steering, ptp::Grandmaster, ntp::client, ntp::server
//!      |
//!   `judge`: the truth against the published bound
//! ```
//!
//! [`mod@bench`] makes whole scenarios of that. Everything here but `protocol` is small on purpose: what is tested is the engines.
//! clknetsim is licensed under the GPL; nothing of it is here but the facts of its protocol.

pub mod bench;
pub mod clock;
pub mod connection;
pub mod host;
pub mod judge;
pub mod node;
pub mod protocol;
pub mod record;
