//! What timing threads tell the control thread.
//!
//! Timing threads do not format, log or allocate: they push these small values into a ring, and the control thread
//! turns them into sentences.

use super::thread::Refusal;
use crate::discipline::Notice;
use crate::net::{StampingChange, TxTrouble};
use crate::ptp::{ForeignMasterStatus, ParentInfo, PortState, StateReason};
use crate::time::{Duration, FrequencyPpb, LogInterval, Mono, Timestamp};
use crate::wire::ptp::PortIdentity;

/// The events that fit into a ring until the control thread comes round.
pub const EVENTS_RING: usize = 512;
/// Foreign masters in a report.
pub const FOREIGN_REPORTED_MAX: usize = 4;

/// Something that the control thread should know.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Of the discipline.
    Notice(Notice),
    /// The discipline's thread saw the system clock being set, by this much.
    ClockSet(Duration),
    /// The oscillator's frequency error, once a minute and at the end: worth saving.
    Oscillator(FrequencyPpb),
    /// A port changed its state.
    PortState {
        /// Its row in the configuration.
        port: u8,
        /// Before.
        from: PortState,
        /// Now.
        to: PortState,
        /// Why.
        reason: StateReason,
    },
    /// A port selected, changed or lost its parent.
    Parent {
        /// Its row in the configuration.
        port: u8,
        /// The parent now.
        parent: Option<ParentInfo>,
    },
    /// The port whose parent steers the clock, from now on.
    Followed {
        /// Its row in the configuration; `None`: no port has a parent.
        port: Option<u8>,
    },
    /// The first Announce of any master was heard.
    FirstAnnounce(Timestamp<Mono>),
    /// The parent's Sync interval.
    SyncInterval {
        /// The port's row in the configuration.
        port: u8,
        /// The interval.
        interval: LogInterval,
    },
    /// What a port sees, once a second.
    Report {
        /// Its row in the configuration.
        port: u8,
        /// What it sees.
        report: PortReport,
    },
    /// A thread did not get what the configuration asks for it.
    Refused {
        /// The thread.
        thread: &'static str,
        /// What.
        what: Refusal,
    },
    /// A port uses the stamps of another clock.
    Stamping {
        /// Its row in the configuration.
        port: u8,
        /// Which, and why.
        change: StampingChange,
    },
    /// A transmit stamp came late or never; told once a minute.
    TxTrouble {
        /// The port's row in the configuration.
        port: u8,
        /// Which.
        trouble: TxTrouble,
    },
    /// Stamps of the card begin to be missing: its configuration should be looked at.
    StampsMissing {
        /// The port's row in the configuration.
        port: u8,
    },
    /// A send failed; once for each run of failures.
    SendFailed {
        /// Its row in the configuration.
        port: u8,
        /// errno.
        errno: i32,
    },
}

/// What a port sees.
#[derive(Clone, Copy, Debug)]
pub struct PortReport {
    /// portIdentity.
    pub identity: PortIdentity,
    /// The state.
    pub state: PortState,
    /// Who announces.
    pub foreign: [Option<ForeignMasterStatus>; FOREIGN_REPORTED_MAX],
    /// The domain and sdoId of the last message that was not for us.
    pub other_domain: Option<(u8, u16)>,
}
