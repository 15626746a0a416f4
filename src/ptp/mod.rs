//! L2: the IEEE 1588-2019 engine, without I/O, clock or ambient randomness.
//!
//! Two engines speak the same [`Input`] and [`Effect`]:
//!
//! ```text
//!              Received, Sent, SendFailed, Clock, Decision, Line, Link, Tick
//!                     |                        |
//!   [`Port`]  slave, master or both       [`Grandmaster`]  of tests: follows nobody
//!                     |                        |
//!          Send, Observe, Parent, Best, Forward, SyncInterval, State, Count
//! ```
//!
//! The difficulty of a slave port is not the arithmetic (four stamps and a sum) but the order of events: Follow_Up
//! before Sync, Delay_Resp before the transmit stamp of its own request, a stamp that never comes, a master that is
//! replaced between two messages. The obvious way is to wait for the missing half; that stops the port for as long as
//! the network or the kernel pleases. Here nothing waits: halves lie in small tables, whichever half comes second
//! completes the measurement, and a half whose other one never comes costs that measurement only.
//!
//! | file | chapter |
//! |---|---|
//! | [`address`](self::Address) | who is at the other end |
//! | [`config`](self::Config) | what a port and a grandmaster need to be told |
//! | `gate` | which headers are let in (domain, sdoId, version; 7.1) |
//! | `state` | the state machine (9.2.5), as one pure function |
//! | `foreign` | foreignMasterDS (9.3.2.4): who announces, and who has earned a hearing |
//! | `forward` | which TLVs of the parent's Announce are handed on, and the path that it has come (14.2.2, 16.2) |
//! | `bmca` | the data set comparison (9.3.4), as pure functions |
//! | `decision` | what each port of a clock should be (9.3.3), as pure functions |
//! | `sync` | pairs of Sync and Follow_Up (9.5.4) |
//! | `delay` | outstanding Delay_Req (11.3), and when to send the next one (9.5.11.2) |
//! | `hybrid` | Delay_Req to the master alone |
//! | `peer` | the peer delay mechanism (11.4) |
//! | `unicast` | unicast negotiation (16.1) |
//! | `variation` | whether the delay of Sync varies too much to be used (ITU-T G.8261.1) |
//! | `own` | what the clock says of itself as a grandmaster (8.2.1, 8.2.4) |
//! | `serving` | what a master sends and answers (9.5, 11.3) |
//! | `port` | the port: headers in, chapters above, effects out |
//! | `master` | a grandmaster that follows nobody |
//! | `manage` | what management messages are answered (15) |
//! | `counters` | every figure that the engines count |
//! | `recorded` | the bytes of an input, for a trace |

mod address;
mod bmca;
mod config;
mod counters;
mod decision;
mod delay;
mod foreign;
mod forward;
mod frequency;
mod gate;
mod hybrid;
mod intervals;
mod manage;
mod master;
mod own;
mod peer;
mod port;
mod recent;
mod recorded;
mod serving;
mod state;
mod sync;
mod unicast;
mod variation;

pub use address::Address;
pub use bmca::{Comparison, ComparisonRule, DataSet, LocalRank, compare};
pub use config::{
    ACCEPTABLE_MASTERS_MAX, AcceptableMaster, CORRECTION_MAX, Config, GRANDMASTERS_MAX, GptpCapableConfig,
    GrandmasterConfig, PeerDelayConfig, RefusedMaster, StaticRole, clock_identity,
};
pub use counters::Counter;
pub use decision::{
    CLOCK_CLASS_NEVER_SLAVE_MAX, Decision, MasterBy, PortView, Recommendation, Role, decide_for, own_data_set,
};
pub use delay::{DELAY_OUTSTANDING_MAX, LOG_DELAY_REQ_INTERVAL_MAX};
pub use foreign::{FOREIGN_MASTER_MAX, LOG_ANNOUNCE_INTERVAL_MAX};
pub use forward::{ANNOUNCE_TLVS_MAX, FORWARDED_MAX, Forwarded};

pub use hybrid::{HYBRID_GROUP_FOR, HYBRID_UNANSWERED_MAX};
pub use intervals::IntervalConfig;
#[cfg(test)]
pub(crate) use manage::tests::clock as managed_clock;
pub use manage::{
    Asker, MANAGEMENT_MAX, ManagedClock, ManagedEvents, ManagedPort, ManagedUnicast, Setting, Subscription,
    asks_for_addresses, forwarded, manage, notify,
};
pub use master::Grandmaster;
pub use own::{AnnouncedQuality, IMPROVES_AFTER, PtpClockConfig, Steered, has_time};
pub use peer::{
    ALLOWED_LOST_RESPONSES, BAD_PEER_PAUSE, NeighborStatus, PDELAY_ANSWERS_MAX, PDELAY_OUTSTANDING_MAX,
    ROUND_TRIPS_KEPT,
};
pub use port::intervals::IntervalsInForce;
pub use port::{ForeignMasterStatus, Port};
pub use serving::{Announcement, FOLLOW_UP_PENDING_MAX, Line, PlainAnswer, ServingConfig, SyncOrigin};
pub use state::{Event, PortState, StateReason, next, next_slave_only};
pub use sync::SYNC_PENDING_MAX;
pub use unicast::client::UnicastClientConfig;
pub use unicast::server::{UNICAST_BATCH_MAX, UnicastServerConfig};
pub use unicast::signal::{SignalConfig, SignalFail, SignalFails};
pub use unicast::told::{CLIENTS_LOOKED_AT_MAX, CONTRACT_MESSAGES, ContractStatus, ContractsWith, UnicastMasterStatus};
pub use unicast::{UNICAST_LOG_QUERY_INTERVAL, UNICAST_MASTERS_MAX};
pub use variation::DelayVariation;

use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::time::{LeapIndicator, Local, LogInterval, Mono, Observation, Stamp, TaiUtc, Timestamp};
use crate::wire::ptp::{ClockIdentity, ClockQuality, PortIdentity, TimeSource};

/// The longest message that the engines send: an Announce, which has 64 octets, with TLVs.
pub const FRAME_MAX: usize = 256;

/// Which of the two sockets (UDP 319 or 320) a message came from or goes to. A transport that has only one, as
/// Ethernet has, says [`Channel::Event`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum Channel {
    /// Messages that are stamped when they pass: Sync, Delay_Req, Pdelay_Req, Pdelay_Resp.
    Event,
    /// The others: Announce, Follow_Up, Delay_Resp, Pdelay_Resp_Follow_Up.
    General,
}

/// Names one sent message until its transmit stamp comes back. Unique per engine until 2^32 have been sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct TxToken(pub u32);

/// What can happen to a port.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A packet came in.
    Received {
        /// The PTP message; octets beyond its messageLength (padding) are tolerated.
        bytes: &'a [u8],
        /// Where it came from.
        channel: Channel,
        /// When it arrived, on the clock that stamps this port; `None` if the stamp is missing.
        stamp: Option<Stamp>,
        /// Who sent it; `None` where that is not known.
        from: Option<Address>,
    },
    /// The transmit stamp of an earlier [`Effect::Send`] is known, or will never be.
    Sent {
        /// The token of that `Send`.
        token: TxToken,
        /// When it left; `None` if the ledger has given it up.
        stamp: Option<Stamp>,
    },
    /// An [`Effect::Send`] did not get out.
    SendFailed {
        /// The token of that `Send`, if it had one.
        token: Option<TxToken>,
    },
    /// What the discipline has done to the clock. To be said after every sample, not only when it changes: a port that
    /// has selected another parent waits in UNCALIBRATED for the next report.
    Clock(ClockReport),
    /// What the clock as a whole wants this port to be. One that can only follow, and one that follows nobody, do not ask.
    Decision(Decision),
    /// What stamps of this port mean from now on; `None`: nothing that could be served.
    Line(Option<Line>),
    /// The link, or the socket, went up or down.
    Link {
        /// Whether packets can pass.
        up: bool,
    },
    /// Time has passed: runs the timers that are due.
    Tick {
        /// What the stamping clock reads now. Only a one-step master uses it, as the origin of its Sync.
        local: Timestamp<Local>,
    },
}

/// What the discipline has done to the clock that this port feeds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct ClockReport {
    /// The servo is locked: UNCALIBRATED becomes SLAVE; not locked takes SLAVE back to UNCALIBRATED.
    pub locked: bool,
    /// The path and the clock are known so well that Delay_Req may be rare, until the next report.
    pub calm: bool,
    /// The clock was stepped since the last report: halves of measurements in flight are thrown away.
    pub stepped: bool,
    /// How many steps of the clock there have been, as the discipline counts them. The port says the number back when it
    /// has thrown the halves away: what it measured before that is of before the step.
    pub epoch: u32,
}

/// What a port wants done, in this order.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Effect {
    /// Send a message; one of the peer delay mechanism, as its first octet says, to the neighbour and no further.
    Send {
        /// Its bytes.
        frame: Frame,
        /// By which socket.
        channel: Channel,
        /// Present when the transmit stamp is wanted: answer with [`Input::Sent`] or [`Input::SendFailed`].
        token: Option<TxToken>,
        /// To this one only; `None`: to the group.
        to: Option<Address>,
    },
    /// A complete measurement. Of a Sync: `sent` is t1 on [`ClockId::Remote`](crate::time::ClockId::Remote), `received`
    /// t2 on ours. Of a Delay_Req, or what the peer delay mechanism has in its place: `sent` is t3 on ours, `received` t4 on
    /// the remote clock.
    Observe(Observation),
    /// The parent was selected or changed (also one of its properties), or lost (`None`).
    Parent(Option<ParentInfo>),
    /// The best master that this port hears, Erbest, became another one, or says something else. Told by a port that may be
    /// slave or master.
    Best(Option<DataSet>),
    /// What other ports of the clock hand on of the parent's Announce became something else.
    Forward(Forwarded),
    /// The parent's Sync interval became known or changed.
    SyncInterval(LogInterval),
    /// The port changed its state.
    State {
        /// The state before.
        from: PortState,
        /// The state now.
        to: PortState,
        /// Why.
        reason: StateReason,
    },
    /// One more of these.
    Count(Counter),
}

/// The bytes of one message to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    bytes: [u8; FRAME_MAX],
    len: u16,
}

impl Frame {
    /// The first `len` octets of `bytes`; longer than [`FRAME_MAX`] is our own bug.
    pub fn new(bytes: [u8; FRAME_MAX], len: usize) -> Self {
        assert!(len <= FRAME_MAX, "a message of {len} octets does not fit a frame");
        Self { bytes, len: len as u16 }
    }

    /// The message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Coded for Frame {
    const LAYOUT: u64 = layout("Frame", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self.as_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let message = from.bytes()?;
        let mut bytes = [0; FRAME_MAX];
        bytes.get_mut(..message.len()).ok_or(Malformed)?.copy_from_slice(message);
        Ok(Self { bytes, len: message.len() as u16 })
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frame(")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Whom this port follows: parentDS and timePropertiesDS (8.2.3, 8.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct ParentInfo {
    /// parentPortIdentity: who sends us Sync.
    pub port: PortIdentity,
    /// grandmasterIdentity.
    pub grandmaster: ClockIdentity,
    /// grandmasterClockQuality.
    pub quality: ClockQuality,
    /// grandmasterPriority1.
    pub priority1: u8,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// stepsRemoved of this clock: one more than in the parent's Announce.
    pub steps_removed: u16,
    /// What the grandmaster says of its timescale.
    pub time_properties: TimeProperties,
    /// synchronizationUncertain: the parent, or one before it, does not follow yet, or no more.
    pub synchronization_uncertain: bool,
    /// When this parent was selected; unchanged while only its properties change.
    pub selected_at: Timestamp<Mono>,
}

/// timePropertiesDS (8.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct TimeProperties {
    /// currentUtcOffset, only if currentUtcOffsetValid.
    pub current_utc_offset: Option<TaiUtc>,
    /// leap61 and leap59 as one word. Both at once is nonsense, and read as no warning.
    pub leap: LeapIndicator,
    /// The grandmaster's clock counts TAI. Otherwise it is ARB: an epoch of its own, and no UTC offset that means anything.
    pub ptp_timescale: bool,
    /// timeTraceable.
    pub time_traceable: bool,
    /// frequencyTraceable.
    pub frequency_traceable: bool,
    /// timeSource.
    pub time_source: TimeSource,
}

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
