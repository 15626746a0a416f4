//! The status: one value that holds all that the daemon says of itself.
//!
//! Plain data, made by the control thread, read by everybody else as JSON. Units are the last part of a name: `_s`
//! seconds, `_ppb` parts per 10^9. What is not known is `None`, `null` in JSON: never zero, never a huge number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::event::{EventRecord, HookStatus};
pub use self::neighbor::{MetadataStatus, NeighborStatus, PowerStatus};
pub use self::ptp_clock::{CurrentDs, DefaultDs, ParentDs, PortDs, PtpClockStatus, Quality, TimePropertiesDs};
pub use self::security::{RefusalOfCall, SecurityStatus, ThreadRights};
pub use self::stamps::StampWaitsStatus;
pub use self::unicast::{ContractStatus, UnicastMasterStatus, UnicastStatus};
use crate::sharing::BoundParts;
use crate::time::{Duration, ErrorBound, SyncState};

mod event;
mod neighbor;
mod ptp_clock;
mod security;
mod stamps;
mod state_word;
mod unicast;

/// Number of the model; rises when a field changes its meaning or goes. New fields do not change it.
pub const SCHEMA: u32 = 1;
/// How a line of [`PortStatus::heard`] begins that tells of an Announce.
pub const HEARD_ANNOUNCE: &str = "Announce ";
/// How it ends for a master of whom too few Announce were heard so far.
pub const NOT_QUALIFIED: &str = "not qualified yet";
/// How one begins that tells of another domain or sdoId, whose numbers follow.
pub const HEARD_OTHER_DOMAIN: &str = "messages of domain ";

/// How a line of [`Status::lacks`] begins of a daemon that is told to steer the system clock, and may not.
pub const LACKS_STEERING: &str = "the right to steer the system clock";

/// All that the daemon says of itself at one moment.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct Status {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Version of the daemon.
    pub version: String,
    /// Name of the host.
    pub host: String,
    /// Process of the daemon.
    pub pid: u32,
    /// Since the daemon started.
    pub uptime_s: f64,
    /// When this was made, by CLOCK_REALTIME of the host; RFC 3339 in UTC.
    pub generated_at: String,
    /// The word for the state of the clock.
    #[serde(with = "state_word")]
    pub state: SyncState,
    /// Since when it is so.
    pub state_since_s: f64,
    /// Why it is so: one sentence, without its full stop.
    pub reason: String,
    /// The clock that is disciplined or observed.
    pub clock: ClockStatus,
    /// The hardware clocks of the ports.
    #[serde(default)]
    pub phcs: Vec<PhcStatus>,
    /// All sources, where several are judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceStatus>,
    /// The PTP ports, in the order of the configuration.
    #[serde(default)]
    pub ptp: Vec<PortStatus>,
    /// The PTP clocks that these are, by their data sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ptp_clocks: Vec<PtpClockStatus>,
    /// The NTP server; `None` if it is not configured.
    pub ntp_server: Option<NtpServerStatus>,
    /// The threads of the daemon.
    #[serde(default)]
    pub threads: Vec<ThreadStatus>,
    /// The true error; only simulated clocks have one.
    pub truth: Option<TruthStatus>,
    /// What is missing (a capability, a device, an address), and what works without it: one sentence each.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// What it may do; `None` where nothing was given up.
    #[serde(default)]
    pub security: Option<SecurityStatus>,
    /// What happened of late, the latest last; at most [`EVENTS_MAX`](super::EVENTS_MAX).
    #[serde(default)]
    pub events: Vec<EventRecord>,
    /// How many events there were of each kind since the start.
    #[serde(default)]
    pub event_counts: BTreeMap<String, u64>,
    /// What is run when something happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookStatus>,
    /// How many disruptions there were, by what has become of the machine.
    #[serde(default)]
    pub disruption_counts: BTreeMap<String, u64>,
    /// When the list of leap seconds expires, from now; negative if it has. `None` without a list.
    #[serde(default)]
    pub leap_list_expires_in_s: Option<f64>,
    /// What was lost because a ring between two threads was full, by the name of the ring.
    #[serde(default)]
    pub rings_dropped: BTreeMap<String, u64>,
}

/// One of several sources, and what is thought of it.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct SourceStatus {
    /// `ptp`, `ntp` or `refclock`.
    pub kind: String,
    /// Its interface, or the server's or the clock's name as configured.
    pub name: String,
    /// The server's address; `None` while it is not known, and of a port.
    pub address: Option<String>,
    /// Whether it steers.
    pub is_steering: bool,
    /// `agrees`, `falseticker`, `undecided` or `silent`.
    pub verdict: String,
    /// Why, one sentence without its full stop.
    pub reason: String,
    /// The middle of the interval in which our clock's offset lies as it has it; positive is ahead.
    pub offset_s: Option<f64>,
    /// Half of its width: how wrong the source may be, the way to it included.
    pub distance_s: Option<f64>,
    /// Of the last eight requests which were answered, or of the last eight polls which had a measurement; the latest in the lowest bit.
    pub reach: Option<u8>,
    /// How often it is measured.
    pub interval_s: Option<f64>,
    /// When it was last.
    pub last_sample_age_s: Option<f64>,
    /// The last round trip.
    pub round_trip_s: Option<f64>,
    /// The server's stratum.
    pub stratum: Option<u8>,
    /// How wrong the server says that it may be.
    pub root_distance_s: Option<f64>,
    /// Whom the server follows: an IPv4 address, or four letters at stratum 1.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// `waiting`, `reachable`, `denied` or `offline`; of a reference clock `absent`, `waiting`, `delivering` or `silent`.
    #[serde(default)]
    pub client_state: Option<String>,
    /// Why its name could not be looked up the last time, in the resolver's words.
    #[serde(default)]
    pub name_error: Option<String>,
    /// It is asked nowhere because its name has so many addresses, and all of them are asked already.
    #[serde(default)]
    pub all_asked: Option<u8>,
    /// When its name is looked up again, while it has no address.
    #[serde(default)]
    pub look_up_in_s: Option<f64>,
    /// Why the latest request could not be sent.
    #[serde(default)]
    pub send_error: Option<String>,
    /// Who stamps the exchanges with a server: `hardware` or `software`.
    #[serde(default)]
    pub stamps: Option<String>,
    /// Whose stamps these are, or why they are not the card's.
    #[serde(default)]
    pub stamps_reason: Option<String>,
    /// How many requests in a row were not answered, the present one included.
    #[serde(default)]
    pub unanswered: Option<u32>,
    /// Why nothing was measured by its latest answer.
    #[serde(default)]
    pub refusal: Option<RefusalStatus>,
    /// Beyond what all of the majority allows by so much, of a falseticker; positive: by it we are further ahead than we can be.
    #[serde(default)]
    pub beyond_s: Option<f64>,
    /// How much may be open on either side.
    #[serde(default)]
    pub max_distance_s: Option<f64>,
    /// For how long it could have steered without a break.
    #[serde(default)]
    pub good_for_s: Option<f64>,
    /// For how long it must, to take over from another one.
    #[serde(default)]
    pub hold_off_s: Option<f64>,
    /// What the configuration says of it: `prefer`, `trust`, `require`, `noselect`.
    #[serde(default)]
    pub options: Vec<String>,
    /// What is counted of it, by name, without zeros: by its client, or what became of the samples of a reference clock.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

/// An answer that was of no use, and what it said.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct RefusalStatus {
    /// The name of the counter that counts such answers.
    pub reason: String,
    /// Its leap indicator: `none`, `insert`, `delete` or `unknown`.
    pub leap: String,
    /// Its stratum.
    pub stratum: u8,
    /// Whom it follows.
    pub reference_id: String,
    /// Its round trip to its primary source.
    pub root_delay_s: f64,
    /// Its error relative to that.
    pub root_dispersion_s: f64,
}

/// What is done to the clock.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// CLOCK_REALTIME is measured and never touched.
    #[default]
    Observe,
    /// A clock in software is disciplined.
    Simulated,
    /// CLOCK_REALTIME is disciplined.
    System,
}

impl ClockKind {
    /// The word, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Simulated => "simulated",
            Self::System => "system",
        }
    }
}

/// The clock.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct ClockStatus {
    /// What is done to it.
    pub kind: ClockKind,
    /// The last measured offset from the master; positive is ahead. `None` before the first sample.
    pub offset_from_master_s: Option<f64>,
    /// How wrong the time may be at most, now; `None` while nothing is known.
    pub bound_s: Option<f64>,
    /// What the bound is made of; `None` while there is none.
    pub bound_parts: Option<BoundPartsStatus>,
    /// How fast the bound grows while no sample comes.
    pub bound_growth_ppb: Option<f64>,
    /// When the bound will exceed certain limits if no sample comes any more; empty while there is none.
    #[serde(default)]
    pub holdover: Vec<HoldoverStatus>,
    /// The correction that is in force, added to what the oscillator does.
    pub frequency_ppb: Option<f64>,
    /// What the oscillator does by itself, as estimated; positive runs fast.
    pub oscillator_frequency_ppb: Option<f64>,
    /// Counts the steps of the clock, ours and those of others.
    pub epoch: u32,
    /// How often we stepped it.
    pub steps: u64,
    /// How long ago the last usable sample came; `None` if none ever did.
    pub last_sample_age_s: Option<f64>,
    /// From selecting the parent to LOCKED; `None` if it was never locked.
    pub lock_time_s: Option<f64>,
    /// From the start of the daemon to LOCKED.
    pub lock_time_since_start_s: Option<f64>,
    /// From the first Announce that was heard to LOCKED.
    pub lock_time_since_first_announce_s: Option<f64>,
    /// LOCKED means that the bound is at most this.
    pub lock_limit_s: f64,
    /// How the source's time is read, like `timescale ARB, taken as UTC`.
    pub timescale: Option<String>,
    /// TAI - UTC in seconds, as known from a source that vouches for it.
    pub tai_utc_s: Option<i64>,
    /// The leap second at the end of this UTC day: `none`, `insert` or `delete`; `None` if not known.
    pub leap: Option<String>,
    /// How long ago the last leap second was made, while the daemon ran.
    #[serde(default)]
    pub leap_age_s: Option<f64>,
    /// What sources announce of it against the list of leap seconds, in words; absent where they agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leap_dispute: Option<String>,
    /// The filtered one-way delay to the master.
    pub mean_path_delay_s: Option<f64>,
}

/// How long the clock stays right without its source.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct HoldoverStatus {
    /// The limit.
    pub limit_s: f64,
    /// From now until the bound exceeds it; 0 if it does; a month stands for a month or more.
    pub exceeded_in_s: f64,
}

/// What the bound is made of; the sum is the bound.
#[derive(Clone, Copy, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct BoundPartsStatus {
    /// What the source says of itself.
    pub source_s: f64,
    /// What an asymmetry of the path can hide.
    pub path_s: f64,
    /// What the noise of the samples leaves open.
    #[serde(default)]
    pub noise_s: f64,
    /// How far we believe to be off.
    pub offset_s: f64,
    /// Errors of the stamps.
    pub stamps_s: f64,
    /// What the clock may have drifted since.
    pub drift_s: f64,
}

impl BoundPartsStatus {
    /// The parts at their anchor, with what was added to the bound since then counted as drift.
    pub fn aged(parts: &BoundParts, growth: Duration) -> Self {
        Self {
            source_s: parts.source.as_secs_f64(),
            path_s: parts.path.as_secs_f64(),
            noise_s: parts.noise.as_secs_f64(),
            offset_s: parts.offset.as_secs_f64(),
            stamps_s: parts.stamps.as_secs_f64(),
            drift_s: (parts.drift + growth.max(Duration::ZERO)).as_secs_f64(),
        }
    }

    /// The parts with their names, in the order in which they are shown.
    pub const fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("path", self.path_s),
            ("noise", self.noise_s),
            ("offset", self.offset_s),
            ("source", self.source_s),
            ("stamps", self.stamps_s),
            ("drift", self.drift_s),
        ]
    }
}

/// A bound in seconds; `None` if unbounded.
pub fn bound_s(bound: ErrorBound) -> Option<f64> {
    bound.is_bounded().then(|| bound.greatest_error().as_secs_f64())
}

/// A PTP hardware clock.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct PhcStatus {
    /// The interface that brought it in.
    pub name: String,
    /// The device of this moment, like `/dev/ptp0`.
    pub device: String,
    /// The word for its state.
    #[serde(with = "state_word")]
    pub state: SyncState,
    /// Whether it is steered; if not it is only read.
    pub is_steered: bool,
    /// Whether the source is heard by it: the other clocks then follow by crossings with it.
    pub is_hub: bool,
    /// The last measured offset from the master; positive is ahead. `None` before the first sample.
    pub offset_from_master_s: Option<f64>,
    /// How wrong it may be at most; `None` while nothing is known.
    pub bound_s: Option<f64>,
    /// The correction that is in force.
    pub frequency_ppb: Option<f64>,
    /// What its oscillator does by itself, as estimated; positive runs fast.
    pub oscillator_frequency_ppb: Option<f64>,
    /// How it is read beside the system clock: `precise`, `extended` or `basic`.
    pub crossing_method: String,
    /// Half of the time that the last reading took: what that reading hides.
    pub crossing_window_s: f64,
    /// Why it cannot be read or adjusted at the moment, or that it jumped and is not LOCKED again, as a clause about
    /// "it"; `None` if all is well.
    pub problem: Option<String>,
    /// Counts its steps, ours and those of others.
    pub epoch: u32,
    /// How often it jumped without us.
    pub jumps: u64,
    /// How long ago the last usable sample came.
    pub last_sample_age_s: Option<f64>,
    /// From selecting the parent to LOCKED; `None` if it was never locked.
    pub lock_time_s: Option<f64>,
}

/// A PTP port.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct PortStatus {
    /// The network interface.
    pub interface: String,
    /// What it may become: `slave`.
    pub role: String,
    /// portState, the word of the standard (IEEE 1588-2019 9.2.5): `LISTENING`, `UNCALIBRATED`, `SLAVE`...
    pub port_state: String,
    /// domainNumber.
    pub domain: u8,
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// portIdentity, like `001b21.fffe.aabbcc-1`; `None` while there is no socket yet.
    pub identity: Option<String>,
    /// What carries the messages: `udp4`, `udp6` or `ethernet`.
    #[serde(default)]
    pub transport: String,
    /// Who takes the stamps: `hardware` or `software`; `None` while there is no socket yet.
    pub timestamps: Option<String>,
    /// Why they are not the card's, a clause; `None` if they are.
    #[serde(default)]
    pub timestamps_reason: Option<String>,
    /// The device of this moment whose stamps they are, like `/dev/ptp0`; `None` for stamps in software.
    #[serde(default)]
    pub phc: Option<String>,
    /// portIdentity of the master that is followed.
    pub parent: Option<String>,
    /// The clock at the root.
    pub grandmaster: Option<GrandmasterStatus>,
    /// What the port announces as a master.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announces: Option<GrandmasterStatus>,
    /// The clocks that the parent's Announce has passed, the grandmaster first; empty where nobody says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// What the grandmaster says for television (SMPTE ST 2059-2); `None` if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataStatus>,
    /// What the parent says by IEEE C37.238 of the time that it sends; `None` if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerStatus>,
    /// The last time that it was another one than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grandmaster_change: Option<GrandmasterChangeStatus>,
    /// The master's interval between two Syncs.
    pub sync_interval_s: Option<f64>,
    /// The filtered one-way delay to the master.
    pub mean_path_delay_s: Option<f64>,
    /// Who is at the other end of the link; `None` without the peer delay mechanism, or while nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor: Option<NeighborStatus>,
    /// Contracts for messages by unicast; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unicast: Option<UnicastStatus>,
    /// How late the stamps of what it sends come; `None` before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_stamp_waits: Option<StampWaitsStatus>,
    /// How long ago the last Sync came; `None` if none ever did.
    pub last_sync_age_s: Option<f64>,
    /// What it waits for, like `interface vb0 does not exist yet`; `None` if it runs.
    pub waiting_for: Option<String>,
    /// Who else is heard, and why that one is not followed: one sentence each.
    #[serde(default)]
    pub heard: Vec<String>,
    /// Messages and reasons of drops, by name.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

/// A port came to follow another grandmaster.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct GrandmasterChangeStatus {
    /// grandmasterIdentity of the one before.
    pub from: String,
    /// And of the one after.
    pub to: String,
    /// How long ago.
    pub age_s: f64,
}

/// The clock at the root, as its Announce says.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct GrandmasterStatus {
    /// grandmasterIdentity, like `001b21.fffe.aabbcc`.
    pub identity: String,
    /// clockClass.
    pub class: u8,
    /// clockAccuracy in words, like `within 25 ns` or `unknown`.
    pub accuracy: String,
    /// grandmasterPriority1.
    pub priority1: u8,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// How many boundary clocks are between it and us.
    pub steps_removed: u16,
    /// timeSource in words, like `GNSS`.
    pub time_source: String,
    /// synchronizationUncertain: whoever announces it, or a clock before it, does not follow yet, or no more.
    #[serde(default)]
    pub synchronization_uncertain: bool,
}

/// The NTP server.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NtpServerStatus {
    /// Where it listens, `address:port`.
    pub listen: Vec<String>,
    /// How many threads answer.
    pub workers: u32,
    /// Workers that were started in the place of one that had ended unasked.
    #[serde(default)]
    pub worker_restarts: u64,
    /// As served: 1 to 15; `None` while what is served is "not synchronised".
    pub stratum: Option<u8>,
    /// With this stratum the clock's own time is served, for which nobody vouches (`ntp.server.local`); `None` while it is not.
    #[serde(default)]
    pub local_stratum: Option<u8>,
    /// What the served time is ahead of UTC while a leap second is smeared; `None` while none is.
    #[serde(default)]
    pub smeared_s: Option<f64>,
    /// Packets that came.
    pub requests: u64,
    /// Packets that were answered.
    pub answered: u64,
    /// Those of them that were answered with a time that nobody vouches for.
    #[serde(default)]
    pub answered_local: u64,
    /// Packets that were not answered, by reason.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Answers with a receive stamp of the network card.
    #[serde(default)]
    pub hardware_stamps: u64,
    /// Answers with a receive stamp of the kernel.
    #[serde(default)]
    pub software_stamps: u64,
    /// Answers that were asked for in interleaved mode, and of which it is known when they left.
    #[serde(default)]
    pub departures: u64,
    /// Those of them of which the network card has said it.
    #[serde(default)]
    pub hardware_departures: u64,
    /// Stamps of the card that were not believed: the kernel's was used.
    #[serde(default)]
    pub hardware_stamps_rejected: u64,
    /// Answers in interleaved mode.
    #[serde(default)]
    pub interleaved: u64,
    /// Answers that say "you are not served" (DENY).
    #[serde(default)]
    pub denied: u64,
    /// Answers that say "you ask too often" (RATE).
    #[serde(default)]
    pub rate_kisses: u64,
    /// How long answers took; `None` before the first one was measured.
    #[serde(default)]
    pub latency: Option<NtpLatencyStatus>,
    /// How many clients are remembered.
    #[serde(default)]
    pub clients: u64,
    /// Those who have asked most, the busiest first, as of when the status was asked for the time before.
    #[serde(default)]
    pub busiest: Vec<NtpClientStatus>,
    /// What a client is told now; `None` only in a status of an older version.
    #[serde(default)]
    pub served: Option<NtpServedStatus>,
    /// Questions of mode 6 (`ntpq`, `ntpstat`), from this host; they are none of the requests.
    #[serde(default)]
    pub questions: NtpQuestionsStatus,
}

/// What is in an answer beside its stamps.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NtpServedStatus {
    /// The leap indicator: 0 to 3.
    pub leap: u8,
    /// As on the wire: 0 is "not synchronised".
    pub stratum: u8,
    /// Letters at stratum 1, else an IPv4 address or what looks like one.
    pub reference_id: String,
    /// The root delay.
    pub root_delay_s: f64,
    /// The root dispersion.
    pub root_dispersion_s: f64,
}

/// What became of questions of mode 6.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NtpQuestionsStatus {
    /// Answered, if only by what is wrong with them.
    pub answered: u64,
    /// Not answered, by reason.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
}

/// How long answers took since the start: from the kernel's receive stamp to the return of the call that sent them, as of a second ago.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NtpLatencyStatus {
    /// Answers measured.
    pub count: u64,
    /// The sum of their latencies.
    pub sum_s: f64,
    /// Half of them took no longer; like those below at most 1 % above the truth.
    pub p50_s: f64,
    /// 90 % of them took no longer.
    pub p90_s: f64,
    /// 99 % of them took no longer.
    pub p99_s: f64,
    /// 99.9 % of them took no longer.
    pub p999_s: f64,
    /// The longest.
    pub max_s: f64,
    /// Pairs of a limit in seconds and how many took no longer, in rising order.
    pub within: Vec<(f64, u64)>,
}

/// A client of the NTP server.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NtpClientStatus {
    /// Its address; of IPv6 the first of its network of 64 bits.
    pub address: String,
    /// Its requests, as far as they are remembered.
    pub requests: u64,
    /// Those that were too many and got no time.
    pub limited: u64,
    /// The mean of its intervals.
    pub interval_s: Option<f64>,
    /// How long ago it asked last.
    pub last_age_s: f64,
    /// The version of NTP that it speaks.
    pub version: u8,
}

/// A thread of the daemon.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct ThreadStatus {
    /// Its name.
    pub name: String,
    /// The CPU that it is pinned to.
    pub core: Option<u32>,
    /// Its SCHED_FIFO priority; `None`: the ordinary scheduler.
    pub priority: Option<u8>,
    /// How long ago it last said that it is alive.
    pub alive_age_s: Option<f64>,
    /// What it has allocated since its start-up ended; `None` if that is not counted.
    pub allocations: Option<u64>,
}

/// The true error of a simulated clock, from the first published bound.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct TruthStatus {
    /// How often it was looked at.
    pub samples: u64,
    /// Root of the mean square.
    pub rms_s: Option<f64>,
    /// The greatest.
    pub max_s: Option<f64>,
    /// 99 of 100 are below.
    pub p99_s: Option<f64>,
    /// How often it lay outside the claimed bound.
    pub violations: u64,
    /// The last; positive is ahead.
    pub error_s: Option<f64>,
    /// The bound that was claimed at that moment.
    pub bound_s: Option<f64>,
}

impl Status {
    /// The port that is followed: the first SLAVE, else the first with a parent.
    pub fn followed(&self) -> Option<&PortStatus> {
        let slave = self.ptp.iter().find(|port| port.port_state == "SLAVE");
        slave.or_else(|| self.ptp.iter().find(|port| port.parent.is_some()))
    }

    /// The grandmaster that is followed.
    pub fn grandmaster(&self) -> Option<&GrandmasterStatus> {
        self.followed()?.grandmaster.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_null_and_comes_back_as_none() {
        let status = Status { state: SyncState::Holdover, ..Status::default() };
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["state"], "HOLDOVER");
        assert_eq!(json["clock"]["kind"], "observe");
        assert!(json["clock"]["bound_s"].is_null() && json["truth"].is_null());
        assert_eq!(serde_json::from_value::<Status>(json).unwrap(), status);
    }

    #[test]
    fn unbounded_is_none_and_never_a_huge_number() {
        assert_eq!(bound_s(ErrorBound::UNBOUNDED), None);
        assert_eq!(bound_s(ErrorBound::new(Duration::from_millis(500))), Some(0.5));
    }

    #[test]
    fn a_state_of_another_version_is_refused() {
        let mut json = serde_json::to_value(Status::default()).unwrap();
        json["state"] = "SOMEWHAT_LOCKED".into();
        assert!(serde_json::from_value::<Status>(json).unwrap_err().to_string().contains("SOMEWHAT_LOCKED"));
    }

    #[test]
    fn growth_since_the_anchor_counts_as_drift() {
        let parts = BoundParts { drift: Duration::from_millis(1), ..BoundParts::default() };
        let aged = BoundPartsStatus::aged(&parts, Duration::from_millis(2));
        assert!((aged.drift_s - 0.003).abs() < 1e-12);
        let aged = BoundPartsStatus::aged(&parts, Duration::from_millis(-2));
        assert!((aged.drift_s - 0.001).abs() < 1e-12, "never less than it was");
    }
}
