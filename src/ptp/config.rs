//! What a port and a grandmaster need to be told.

use crate::coding::Coded;
use crate::ptp::{
    ComparisonRule, IntervalConfig, Role, ServingConfig, TimeProperties, UnicastClientConfig, UnicastServerConfig,
};
use crate::time::{Duration, LeapIndicator, LogInterval, SourceId};
use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, PortIdentity, TimeSource};

/// The greatest |correctionField| that is believed, unless configured: beyond it some bridge is broken.
pub const CORRECTION_MAX: Duration = Duration::from_secs(10);

/// The most grandmasters that a port can be told to choose from.
pub const GRANDMASTERS_MAX: usize = 8;

/// The most ports of masters that a port can be told to choose from.
pub const ACCEPTABLE_MASTERS_MAX: usize = 8;

/// A port whose Announce are heeded (17.5: AcceptableMaster).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct AcceptableMaster {
    /// acceptablePortIdentity: who sends the Announce.
    pub port: PortIdentity,
    /// What counts instead of the priority1 of the grandmaster that it announces; 0: that one.
    pub alternate_priority1: u8,
}

/// Who was heard and may not be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum RefusedMaster {
    /// A grandmaster that is not in [`Config::grandmasters`].
    Grandmaster(ClockIdentity),
    /// A port that is not in [`Config::acceptable_masters`].
    Port(PortIdentity),
}

/// The clockIdentity of a clock from the MAC address of one of its interfaces: the EUI-48 followed by two octets that
/// its owner may choose, here zero (7.5.2.2.2.2).
///
/// One clock takes one address for all its ports, and the same one after every start. The FF-FE in the middle that the
/// edition of 2008 put there makes an EUI-64 that may belong to somebody else.
pub const fn clock_identity(mac: [u8; 6]) -> ClockIdentity {
    let mut octets = [0; 8];
    octets.split_at_mut(mac.len()).0.copy_from_slice(&mac);
    ClockIdentity(octets)
}

/// The peer delay mechanism of a port (11.4).
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct PeerDelayConfig {
    /// logMinPdelayReqInterval.
    pub log_min_pdelay_req_interval: LogInterval,
    /// No link takes longer: an answer that says so is not believed (802.1AS: meanLinkDelayThresh).
    pub neighbor_delay_max: Duration,
    /// No shorter delay of the link is believed, less what the stamps may be off by; from 0.
    pub neighbor_delay_min: Duration,
    /// A neighbour that has not shown that it measures the link is not believed, and not served (802.1AS: asCapable).
    pub as_capable: bool,
    /// The card writes into each Pdelay_Resp without twoStepFlag how long the neighbour's request was here (11.4.2, one-step).
    pub one_step: bool,
}

impl Default for PeerDelayConfig {
    /// One request a second, and 20 ms.
    fn default() -> Self {
        Self {
            log_min_pdelay_req_interval: LogInterval::new(0),
            neighbor_delay_max: Duration::from_millis(20),
            neighbor_delay_min: Duration::ZERO,
            as_capable: false,
            one_step: false,
        }
    }
}

/// What a port says of IEEE 802.1AS, and wants its neighbour to have said (802.1AS-2020 10.4).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct GptpCapableConfig {
    /// How often it says that it is capable, as log2 of seconds (-3 to 7); `None`: never.
    pub interval: Option<LogInterval>,
    /// With asCapable a neighbour that does not say so is not believed, and not served.
    pub is_required: bool,
}

/// A role that the configuration says and no Announce: none is sent, and none heeded (automotive profile of the Avnu Alliance). A
/// [`Role::Slave`] follows who sends Sync, and a [`Role::Master`] asks no neighbour how long the link takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct StaticRole {
    /// What a slave takes the time for, since nobody says it: TAI, or that of an ARB timescale.
    pub ptp_timescale: bool,
}

/// A port: defaultDS and portDS as far as it needs them (8.2.1, 8.2.15).
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Config {
    /// Whose observations these are.
    pub source: SourceId,
    /// clockIdentity of this PTP instance.
    pub identity: ClockIdentity,
    /// portNumber, from 1.
    pub port_number: u16,
    /// What it may become.
    pub role: Role,
    /// How it serves, if it may be master.
    pub serving: ServingConfig,
    /// domainNumber.
    pub domain: u8,
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// minorVersionPTP of what we send; 0 for equipment that drops messages of minor 1. Ignored on receipt.
    pub minor_version: u8,
    /// logAnnounceInterval, used for a master that does not state its own (or an absurd one).
    pub log_announce_interval: LogInterval,
    /// The grandmasters of which Announce are heeded; none at all: any.
    pub grandmasters: [Option<ClockIdentity>; GRANDMASTERS_MAX],
    /// The ports whose Announce are heeded; none at all: any (17.5, acceptable master table).
    pub acceptable_masters: [Option<AcceptableMaster>; ACCEPTABLE_MASTERS_MAX],
    /// How masters are compared.
    pub comparison: ComparisonRule,
    /// The masters that are asked for what they send; with one of them nobody else is heard, and no Delay_Req goes to all.
    pub unicast: UnicastClientConfig,
    /// pathTraceDS.enable: Announce say which clocks they have passed, and those that have passed us are thrown away (16.2).
    pub path_trace: bool,
    /// Delay_Req go to the master alone, as long as it answers them.
    pub hybrid: bool,
    /// Its role is fixed, and there is no Announce.
    pub static_role: Option<StaticRole>,
    /// To whom it sends what it is asked for, if it may be master, and nothing to all.
    pub unicast_server: UnicastServerConfig,
    /// What it asks its neighbour's intervals to be, and lets itself be asked for (IEEE 802.1AS-2020 10.6.4.3).
    pub intervals: IntervalConfig,
    /// Whether it says that it is capable of IEEE 802.1AS, and wants its neighbour to.
    pub gptp_capable: GptpCapableConfig,
    /// announceReceiptTimeout, in announce intervals, from 2.
    pub announce_receipt_timeout: u8,
    /// logMinDelayReqInterval until the master has stated its own.
    pub log_min_delay_req_interval: LogInterval,
    /// The delay of the link is measured, and no Delay_Req sent.
    pub peer_delay: Option<PeerDelayConfig>,
    /// delayAsymmetry: positive when the way from the master takes longer than the way to it.
    pub delay_asymmetry: Duration,
    /// From the connector to where receive stamps are taken; subtracted from them.
    pub ingress_latency: Duration,
    /// From where transmit stamps are taken to the connector; added to them.
    pub egress_latency: Duration,
    /// The greatest |correctionField| that is believed.
    pub correction_max: Duration,
    /// Of the random spacing of Delay_Req and timeouts, and of the first sequenceIds.
    pub seed: u64,
}

impl Config {
    /// The default profile (annex I.3): domain 0, announceReceiptTimeout 3, one Delay_Req a second.
    pub fn new(source: SourceId, identity: ClockIdentity, seed: u64) -> Self {
        Self {
            source,
            identity,
            port_number: 1,
            role: Role::Slave,
            serving: ServingConfig::DEFAULT,
            domain: 0,
            sdo_id: 0,
            minor_version: 1,
            log_announce_interval: LogInterval::new(1),
            grandmasters: [None; GRANDMASTERS_MAX],
            acceptable_masters: [None; ACCEPTABLE_MASTERS_MAX],
            comparison: ComparisonRule::Ieee1588,
            unicast: UnicastClientConfig::NOBODY,
            path_trace: false,
            hybrid: false,
            static_role: None,
            unicast_server: UnicastServerConfig::NOBODY,
            intervals: IntervalConfig::default(),
            gptp_capable: GptpCapableConfig::default(),
            announce_receipt_timeout: 3,
            log_min_delay_req_interval: LogInterval::new(0),
            peer_delay: None,
            delay_asymmetry: Duration::ZERO,
            ingress_latency: Duration::ZERO,
            egress_latency: Duration::ZERO,
            correction_max: CORRECTION_MAX,
            seed,
        }
    }

    /// portIdentity.
    pub fn port_identity(&self) -> PortIdentity {
        PortIdentity { clock_identity: self.identity, port_number: self.port_number }
    }
}

/// A grandmaster with one port that is always master.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct GrandmasterConfig {
    /// clockIdentity.
    pub identity: ClockIdentity,
    /// portNumber, from 1.
    pub port_number: u16,
    /// domainNumber.
    pub domain: u8,
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// minorVersionPTP of what we send.
    pub minor_version: u8,
    /// priority1.
    pub priority1: u8,
    /// priority2.
    pub priority2: u8,
    /// clockQuality.
    pub quality: ClockQuality,
    /// timePropertiesDS. Without a currentUtcOffset the field is sent as 0 and marked as not valid.
    pub time_properties: TimeProperties,
    /// logAnnounceInterval.
    pub log_announce_interval: LogInterval,
    /// logSyncInterval.
    pub log_sync_interval: LogInterval,
    /// logMinDelayReqInterval.
    pub log_min_delay_req_interval: LogInterval,
    /// The delay of the link is measured, and the neighbour answered.
    pub peer_delay: Option<PeerDelayConfig>,
    /// Send Follow_Up with the transmit stamp; otherwise the origin of a Sync is the reading of the clock at its
    /// [`Tick`](crate::ptp::Input::Tick), which is as late as the way to the wire is long.
    pub two_step: bool,
    /// The grandmaster's time is the reading of its stamping clock plus this.
    pub time_offset: Duration,
    /// Subtracted from receive stamps.
    pub ingress_latency: Duration,
    /// Added to transmit stamps.
    pub egress_latency: Duration,
    /// The greatest |correctionField| of a Delay_Req that is answered.
    pub correction_max: Duration,
    /// Of the first sequenceIds.
    pub seed: u64,
}

impl GrandmasterConfig {
    /// The default profile (annex I.3) with a clock of which nothing is known: class 248, timescale ARB.
    pub fn new(identity: ClockIdentity, seed: u64) -> Self {
        Self {
            identity,
            port_number: 1,
            domain: 0,
            sdo_id: 0,
            minor_version: 1,
            priority1: 128,
            priority2: 128,
            quality: ClockQuality {
                clock_class: 248,
                clock_accuracy: ClockAccuracy::UNKNOWN,
                offset_scaled_log_variance: 0xffff,
            },
            time_properties: TimeProperties {
                current_utc_offset: None,
                leap: LeapIndicator::NoWarning,
                ptp_timescale: false,
                time_traceable: false,
                frequency_traceable: false,
                time_source: TimeSource::INTERNAL_OSCILLATOR,
            },
            log_announce_interval: LogInterval::new(1),
            log_sync_interval: LogInterval::new(0),
            log_min_delay_req_interval: LogInterval::new(0),
            peer_delay: None,
            two_step: true,
            time_offset: Duration::ZERO,
            ingress_latency: Duration::ZERO,
            egress_latency: Duration::ZERO,
            correction_max: CORRECTION_MAX,
            seed,
        }
    }

    /// portIdentity.
    pub fn port_identity(&self) -> PortIdentity {
        PortIdentity { clock_identity: self.identity, port_number: self.port_number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_identity_is_the_eui_48_followed_by_two_octets() {
        let identity = clock_identity([0x00, 0x1b, 0x21, 0xaa, 0xbb, 0xcc]);
        assert_eq!(identity.to_string(), "001b21.aabb.cc0000");
    }
}
