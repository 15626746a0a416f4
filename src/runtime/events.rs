//! What timing threads tell the control thread.
//!
//! Timing threads do not format, log or allocate: they push these small values into a ring, and the control thread
//! turns them into sentences.

use synchronome_kernel::phc::CrossingMethod;

use super::ntp_client::NtpReport;
use super::refclock::RefclockReport;
use super::thread::Refusal;
use crate::clock::{CascadeNotice, ClockError, PageFault, Standing, Tampering};
use crate::discipline::SavedOscillator;
use crate::net::{Missing, StampingChange, TxTrouble};
use crate::ptp::{
    Announcement, ContractsWith, ForeignMasterStatus, IntervalsInForce, NeighborStatus, ParentInfo, PortState,
    RefusedMaster, StateReason, UnicastMasterStatus,
};
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, SyncState, Timestamp,
};
use crate::wire::ptp::{ClockIdentity, PortIdentity, PowerProfile, SynchronizationMetadata};

/// The events that fit into a ring until the control thread comes round.
pub const EVENTS_RING: usize = 256;
/// What an event may take, in bytes: each place of each ring has room for the greatest, and stays in memory.
const EVENT_BYTES_MAX: usize = 896;
const _: () = assert!(size_of::<Event>() <= EVENT_BYTES_MAX);

/// What is shown of the synchronization metadata of SMPTE ST 2059-2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetadataReport {
    /// defaultSystemFrameRate.
    pub frame_rate: [u32; 2],
    /// currentLocalOffset.
    pub current_local_offset_s: i32,
    /// jumpSeconds.
    pub jump_s: i32,
    /// timeOfNextJump; 0: none.
    pub time_of_next_jump_s: u64,
    /// timeOfNextJam; 0: none.
    pub time_of_next_jam_s: u64,
    /// masterLockingStatus.
    pub locking_status: u8,
    /// Of timeAddressFlags.
    pub drop_frame: bool,
    /// Of daylightSaving: now.
    pub daylight_saving: bool,
}

impl From<SynchronizationMetadata> for MetadataReport {
    fn from(said: SynchronizationMetadata) -> Self {
        Self {
            frame_rate: said.frame_rate,
            current_local_offset_s: said.current_local_offset_s,
            jump_s: said.jump_s,
            time_of_next_jump_s: said.time_of_next_jump_s,
            time_of_next_jam_s: said.time_of_next_jam_s,
            locking_status: said.locking_status,
            drop_frame: said.time_address_flags & 1 != 0,
            daylight_saving: said.daylight_saving & 1 != 0,
        }
    }
}

/// Foreign masters in a report.
pub const FOREIGN_REPORTED_MAX: usize = 4;

/// Others with whom there are contracts, in a report: all masters, and a few clients.
pub const CONTRACTS_REPORTED_MAX: usize = 12;

/// Clocks of the parent's path in a report.
pub const PATH_REPORTED_MAX: usize = 12;

/// Something that the control thread should know.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "goes through a ring by value, and a report is rare")]
pub enum Event {
    /// Of the clocks and their disciplines.
    Clock(CascadeNotice),
    /// A PHC, once a second.
    Phc(PhcReport),
    /// A PHC cannot be read.
    CrossingFailed {
        /// Our number of it.
        phc: u8,
        /// Why.
        error: ClockError,
    },
    /// A PHC can be read again.
    CrossingWorks {
        /// Our number of it.
        phc: u8,
    },
    /// A PHC is read by another method from now on.
    CrossingMethod {
        /// Our number of it.
        phc: u8,
        /// Which.
        method: CrossingMethod,
        /// The errno that the better one fails with.
        aside: Option<i32>,
    },
    /// Another program has set the frequency of a clock that we steer; told every ten seconds at most.
    Foreign(ClockId, Tampering),
    /// It had set that of the system clock, or slewed it, and by now a command of ours has taken that back: it was moved by this much. Told
    /// as often.
    ForeignIsOver(Duration),
    /// The kernel does not take what it is told of its time.
    VouchFailed(ClockError),
    /// Another program, or an earlier run of ours, has told the kernel of this leap second at the end of the UTC day, or has taken it back.
    KernelLeap(LeapIndicator),
    /// The hypervisor's page of time cannot be read; `None`: it can again.
    VmClock(Option<PageFault>),
    /// The discipline's thread runs so much later than it asked for: the machine stood still, or is very busy.
    Late(Duration),
    /// The discipline's thread saw the system clock being set.
    ClockSet {
        /// By this much; positive is ahead.
        by: Duration,
        /// What it showed afterwards.
        to: Timestamp<Local>,
    },
    /// What is known of a clock's oscillator, once a minute and at the end: worth saving.
    Oscillator(ClockId, SavedOscillator),
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
    /// What the clock says of itself by its ports that may be master, where it is the grandmaster; when that changes.
    Announced(Announcement),
    /// The port whose parent steers the clock, from now on.
    Followed {
        /// Its row in the configuration; `None`: no port has a parent.
        port: Option<u8>,
    },
    /// What an NTP client sees, once a second.
    Ntp(NtpReport),
    /// What there is to see of a reference clock, once a second.
    Refclock(RefclockReport),
    /// What is thought of one of several sources, once a second.
    Standing(Standing),
    /// The first Announce of any master was heard.
    FirstAnnounce(Timestamp<Mono>),
    /// The parent's Sync interval.
    SyncInterval {
        /// The port's row in the configuration.
        port: u8,
        /// The interval.
        interval: LogInterval,
    },
    /// A master of a port's table, and what of its signal fails, before each report of the port. By itself, since most ports have none, and a ring
    /// has room for the greatest event in each of its places.
    UnicastMaster {
        /// The port's row in the configuration.
        port: u8,
        /// Its place among them.
        place: u8,
        /// What it is.
        master: UnicastMasterStatus,
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

impl Event {
    /// Whether another program has had its hand on the system clock.
    pub const fn is_anothers_doing(&self) -> bool {
        matches!(self, Self::Foreign(..) | Self::ForeignIsOver(_) | Self::ClockSet { .. } | Self::KernelLeap(_))
    }

    /// Whether a card is given up that stamps no messages that are sent.
    pub const fn is_of_unstamped_messages(&self) -> bool {
        matches!(self, Self::Stamping { change: StampingChange { missing: Some(Missing::Transmit), .. }, .. })
    }
}

/// A PHC, as its discipline sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PhcReport {
    /// Our number of it.
    pub index: u8,
    /// The source is heard by it.
    pub is_hub: bool,
    /// It is steered, and not only read.
    pub is_steered: bool,
    /// How it is read beside the system clock.
    pub method: CrossingMethod,
    /// Half of the last reading's window.
    pub half_window: Duration,
    /// What it read beyond CLOCK_REALTIME.
    pub ahead: Duration,
    /// Its state.
    pub state: SyncState,
    /// Its last measured offset; `None` before the first.
    pub offset_from_master: Option<Duration>,
    /// When this was so.
    pub at: Timestamp<Mono>,
    /// How wrong it was at most.
    pub bound: Option<Duration>,
    /// How fast the bound has grown since.
    pub drift_rate: FrequencyPpb,
    /// The frequency correction in force.
    pub frequency: FrequencyPpb,
    /// The filtered one-way delay to what it follows.
    pub mean_path_delay: Duration,
    /// When its last usable sample came.
    pub last_sample: Option<Timestamp<Mono>>,
    /// From selecting the parent to LOCKED.
    pub lock_time: Option<Duration>,
    /// Counts its steps.
    pub epoch: ClockEpoch,
}

/// What a port sees.
#[derive(Clone, Copy, Debug)]
pub struct PortReport {
    /// portIdentity.
    pub identity: PortIdentity,
    /// The state.
    pub state: PortState,
    /// What it announces itself, as a master.
    pub announces: Option<Announcement>,
    /// The first clocks that the parent's Announce has passed, and how many there are.
    pub path: ([Option<ClockIdentity>; PATH_REPORTED_MAX], u8),
    /// What the grandmaster says by SMPTE ST 2059-2.
    pub metadata: Option<MetadataReport>,
    /// What the parent says by IEEE C37.238 of the time that it sends.
    pub power: Option<PowerProfile>,
    /// The last one that it heard and may not follow, if that was of late.
    pub refused_master: Option<RefusedMaster>,
    /// The least mean spacing of Delay_Req, as the master says.
    pub delay_req_interval: LogInterval,
    /// How often its messages come or go.
    pub intervals: IntervalsInForce,
    /// Who announces.
    pub foreign: [Option<ForeignMasterStatus>; FOREIGN_REPORTED_MAX],
    /// The domain and sdoId of the last message that was not for us, if that was of late.
    pub other_domain: Option<(u8, u16)>,
    /// Who is at the other end of the link; `None` without the peer delay mechanism.
    pub neighbor: Option<NeighborStatus>,
    /// Whether that says that it is capable of IEEE 802.1AS.
    pub is_neighbor_gptp_capable: bool,
    /// How many contracts clients have with it, and how many it has with masters.
    pub contracts: [u32; 2],
    /// Some of them.
    pub contracts_with: [Option<ContractsWith>; CONTRACTS_REPORTED_MAX],
}
