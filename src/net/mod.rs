//! L3: sockets, stamps, and the ledger that pairs messages with their transmit stamps.
//!
//! | file | what it owns |
//! |---|---|
//! | `sockets` | the two sockets of a port, over whichever transport |
//! | `udp` | how UDP sockets are opened (IEEE 1588-2019 Annexes C and D) |
//! | `ethernet` | packet sockets and their frames (Annex E) |
//! | `listener` | all PTP on an interface, heard without being heard |
//! | `exchange` | the socket of one NTP request |
//! | `card` | what the network card is told to stamp |
//! | `stamps` | which stamps are used, and whether the card keeps its word |
//! | `ledger` | which transmit stamp belongs to which message |
//! | `waits` | how late transmit stamps come |
//! | `trial` | whether transmit stamps come at all, before somebody relies on them |

mod card;
mod error;
mod ethernet;
mod exchange;
mod ledger;
mod listener;
mod sockets;
mod stamps;
mod trial;
mod udp;
mod waits;

pub use card::{
    Card, Found, InWords, LOOK_EVERY, OneStep, cannot_stamp, card_behind, clocks_to_select, device_below, phc_behind,
    phc_for, stamps_ntp,
};
pub use error::OpenError;
pub use exchange::{CardArrival, Departed, ExchangeBuffer, ExchangeSocket};
pub use ledger::{LEDGER_MAX, Ledger, STAMP_WAIT_MAX};
pub use listener::{Carried, Listener};
pub use sockets::{
    Arrived, BATCH, Gone, Marks, Outgoing, PtpSockets, SocketOptions, StampMode, Stamping, StampingChange, Transport,
    Undelivered,
};
pub use stamps::{Missing, TxTrouble, software_stamp};
pub use trial::{SENDS, StampTrial, Waits, try_stamps};
pub use waits::{StampWaits, WAIT_LIMITS, WaitCounts};
