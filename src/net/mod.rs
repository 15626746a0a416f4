//! L3: sockets, and the ledger that pairs messages with their transmit stamps.

mod ledger;
mod udp;

pub use ledger::{LEDGER_MAX, Ledger, STAMP_WAIT_MAX};
pub use udp::{Arrived, Gone, OpenError, PtpSockets, SocketOptions, stamp_of};
