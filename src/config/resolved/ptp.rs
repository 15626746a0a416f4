//! One `[[ptp]]`, as plain values.

use std::net::IpAddr;

use super::{ArbTimescale, PtpTransport, TimestampMode};
use crate::ptp::{
    ACCEPTABLE_MASTERS_MAX, AcceptableMaster, ComparisonRule, GRANDMASTERS_MAX, GptpCapableConfig, IntervalConfig,
    Role, SignalConfig, UNICAST_MASTERS_MAX,
};
use crate::time::{Duration, FrequencyPpb, LogInterval};
use crate::wire::ptp::ClockIdentity;

/// One `[[ptp]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct PtpConfig {
    /// Name of the network interface; 1 ..= 15 bytes.
    pub interface: String,
    /// What the port may become.
    pub role: Role,
    /// domainNumber.
    pub domain: u8,
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// What carries the messages.
    pub transport: PtpTransport,
    /// Scope of the group's address with [`PtpTransport::Udp6`]; 1 ..= 15.
    pub udp6_scope: u8,
    /// Whom messages are sent to with [`PtpTransport::Ethernet`].
    pub ethernet_group: EthernetGroup,
    /// What messages carry for those who forward them.
    pub marks: PtpMarks,
    /// How the delay is measured.
    pub delay: DelayMechanism,
    /// logMinPdelayReqInterval with [`DelayMechanism::P2p`]; -7 ..= 7.
    pub log_min_pdelay_req_interval: i8,
    /// The shortest delay of a link that is believed with [`DelayMechanism::P2p`], less what stamps may be off by; 0 s ..= 1 s.
    pub neighbor_delay_min: Duration,
    /// The longest delay of a link that is believed with [`DelayMechanism::P2p`]; 0 s ..= 1 s.
    pub neighbor_delay_max: Duration,
    /// A neighbour must be capable of IEEE 802.1AS with [`DelayMechanism::P2p`].
    pub as_capable: bool,
    /// Who takes the stamps.
    pub timestamps: TimestampMode,
    /// The step in which the frequency of the card's clock can be set; `None`: fine. 0.01 ppb ..= 10,000 ppb.
    pub frequency_quantum: Option<FrequencyPpb>,
    /// delayAsymmetry: positive if the way from the master is the longer one; -1 s ..= 1 s.
    pub delay_asymmetry: Duration,
    /// What an ingress stamp is too late by; -1 s ..= 1 s.
    pub ingress_latency: Duration,
    /// What an egress stamp is too early by; -1 s ..= 1 s.
    pub egress_latency: Duration,
    /// It steers before others, where several sources are judged.
    pub prefer: bool,
    /// It has a vote where others have none.
    pub trust: bool,
    /// How the time of a grandmaster with ptpTimescale FALSE is read; `None`: by who takes the stamps.
    pub arb_timescale: Option<ArbTimescale>,
    /// logAnnounceInterval as a master, and what unicast masters are asked for; -4 ..= 4.
    pub log_announce_interval: LogInterval,
    /// logSyncInterval as a master, and what unicast masters are asked for; -7 ..= 4.
    pub log_sync_interval: LogInterval,
    /// logMinDelayReqInterval as a master, and what unicast masters are asked for; -7 ..= 5.
    pub log_min_delay_req_interval: LogInterval,
    /// The role is fixed, and there is no Announce.
    pub static_role: bool,
    /// As a master Follow_Up is sent, and no card writes its time into Sync.
    pub two_step: bool,
    /// Delay_Req go to the master alone.
    pub hybrid: bool,
    /// What it asks its neighbour's intervals to be, and lets itself be asked for.
    pub intervals: IntervalConfig,
    /// Whether it says that it is capable of IEEE 802.1AS, and wants its neighbour to.
    pub gptp_capable: GptpCapableConfig,
    /// Announce say which clocks they have passed.
    pub path_trace: bool,
    /// The grandmasters that may be followed; none at all: any.
    pub grandmasters: [Option<ClockIdentity>; GRANDMASTERS_MAX],
    /// The ports whose Announce are heeded; none at all: any.
    pub acceptable_masters: [Option<AcceptableMaster>; ACCEPTABLE_MASTERS_MAX],
    /// The masters that are asked for what they send; none at all: all are heard.
    pub unicast_masters: [Option<IpAddr>; UNICAST_MASTERS_MAX],
    /// For how many seconds they are asked; 10 ..= 1000.
    pub unicast_duration_s: u32,
    /// For how long a unicast master that has failed is followed only where there is no other, 0 to 720 s.
    pub wait_to_restore: Duration,
    /// When one is left since its signal fails; `None`: not before it has failed some times.
    pub signal: Option<SignalConfig>,
    /// To how many clients it sends what they ask for; 0 ..= 100,000.
    pub unicast_clients: u32,
    /// Their longest contract in seconds; 10 ..= 1000.
    pub unicast_duration_max_s: u32,
    /// How often each message is sent to one of them at most; -7 ..= 4.
    pub unicast_log_interval_min: LogInterval,
    /// announceReceiptTimeout, in announce intervals; 2 ..= 255.
    pub announce_receipt_timeout: u8,
    /// How masters are compared.
    pub comparison: ComparisonRule,
    /// Announce say how wrong the time may be (IEEE C37.238), with this grandmasterID; `None`: they do not.
    pub power_grandmaster_id: Option<u16>,
    /// UDP port of event messages.
    pub event_port: u16,
    /// UDP port of general messages; never that of event messages.
    pub general_port: u16,
    /// Management messages that GET are answered over the network, and forwarded.
    pub management: bool,
    /// minorVersionPTP of what we send: 0 for IEEE 1588-2008, 1 for 2019.
    pub minor_version: u8,
    /// clockIdentity; `None`: made from the interface's address.
    pub clock_identity: Option<[u8; 8]>,
}

/// What messages carry for those who forward them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PtpMarks {
    /// TTL, or hop limit, of what is sent to a group over IP; 1 ..= 255.
    pub hop_limit: u8,
    /// DSCP of event messages and of general ones over IP; 0 ..= 63.
    pub dscp: [u8; 2],
    /// The kernel's priority of all of them; 0 ..= 15, 0: by the DSCP.
    pub priority: u8,
}

/// The group that messages are sent to over Ethernet (IEEE 1588-2019 E.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EthernetGroup {
    /// 01-1B-19-00-00-00, which bridges forward.
    Forwardable,
    /// 01-80-C2-00-00-0E, which none does.
    Link,
}

impl EthernetGroup {
    /// Its address, in words.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Forwardable => "01-1B-19-00-00-00",
            Self::Link => "01-80-C2-00-00-0E",
        }
    }
}

/// How the path delay is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DelayMechanism {
    /// Delay request-response, end to end (IEEE 1588-2019 11.3).
    E2e,
    /// Peer delay, link by link (11.4).
    P2p,
}
