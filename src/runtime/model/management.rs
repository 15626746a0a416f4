//! The data sets of the PTP clocks, as management shows them: put together from what the threads have told.
//!
//! Ports of one domain with one clockIdentity are one clock. What a slave-only clock says of its quality is fixed (class
//! 255, table 4); what another one would announce is told by the discipline.

use super::{Model, PortModel};
use crate::config::{Config, DelayMechanism, PtpTransport};
use crate::ptp::{
    Announcement, Counter, ManagedClock, ManagedPort, ManagedUnicast, NeighborStatus, ParentInfo, Role, Subscription,
    TimeProperties, UNICAST_LOG_QUERY_INTERVAL, UNICAST_MASTERS_MAX, has_time,
};
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, LeapIndicator, Local, LogInterval, Mono, TaiUtc, Timestamp};
use crate::wire::ptp::{
    ClockAccuracy, ClockIdentity, ClockQuality, CurrentDataSet, DefaultDataSet, GrandmasterSettingsNp, MessageType,
    ParentDataSet, PortDataSet, PortDataSetNp, PortIdentity, ScaledNs, TimeInterval, TimePropertiesDataSet, TimeSource,
    TimeStatusNp, WireTimestamp,
};

/// versionNumber of portDS: IEEE 1588-2008 and 2019 have 2.
const VERSION: u8 = 2;
/// "Not computed" (8.2.3.3, 8.2.3.4).
const NO_VARIANCE: u16 = 0xffff;
const NO_PHASE_CHANGE_RATE: i32 = 0x7fff_ffff;

/// What a clock says of its quality that can only follow.
const SLAVE_ONLY: ClockQuality =
    ClockQuality { clock_class: 255, clock_accuracy: ClockAccuracy::UNKNOWN, offset_scaled_log_variance: 0xffff };

/// The moment that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// CLOCK_MONOTONIC.
    pub now: Timestamp<Mono>,
    /// The clock that stamps.
    pub local: Timestamp<Local>,
    /// What is served.
    pub snapshot: &'a TimeSnapshot,
}

impl Model {
    /// The PTP clocks, in the order of their first ports. `identity` is that of the ports that have none of their own.
    pub fn ptp_clocks(&self, config: &Config, identity: Option<ClockIdentity>, at: Moment<'_>) -> Vec<ManagedClock> {
        let mut keys: Vec<(u8, u16, ClockIdentity)> = Vec::new();
        let key_of = |port: &PortModel| {
            let configured = port.config.clock_identity.map(ClockIdentity);
            Some((port.config.domain, port.config.sdo_id, configured.or(identity)?))
        };
        for key in self.ports.iter().filter_map(key_of) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let clock_of = |key: &(u8, u16, ClockIdentity)| {
            let rows = self.ports.iter().enumerate().filter(|(_, port)| key_of(port) == Some(*key));
            self.ptp_clock(config, key.2, &rows.collect::<Vec<_>>(), at)
        };
        keys.iter().filter_map(clock_of).collect()
    }

    fn ptp_clock(
        &self,
        config: &Config,
        clock_identity: ClockIdentity,
        rows: &[(usize, &PortModel)],
        at: Moment<'_>,
    ) -> Option<ManagedClock> {
        let first = &rows.first()?.1.config;
        let slave_only = rows.iter().all(|(_, port)| port.config.role == Role::Slave);
        let own = self.own_announcement(config, clock_identity, slave_only);
        let following = self.following(rows);
        let parent = following.and_then(|(_, port)| port.parent);
        let steers = following.is_some_and(|(row, _)| self.followed == Some(row));
        let (offset, delay) = match following.filter(|_| steers) {
            Some((_, port)) => (
                self.phcs.offset_from_master(port.phc).unwrap_or(at.snapshot.offset_from_master),
                self.phcs.mean_path_delay(port.phc).unwrap_or(at.snapshot.mean_path_delay),
            ),
            None => (Duration::ZERO, Duration::ZERO),
        };
        let properties = parent.map_or(own.time_properties, |parent| parent.time_properties);
        let last_sample = at.snapshot.last_sample.filter(|_| steers).map(|last| at.local - (at.now - last));
        Some(ManagedClock {
            sdo_id: first.sdo_id,
            minor_version: first.minor_version,
            default_ds: DefaultDataSet {
                two_step: rows.iter().all(|(_, port)| !port.one_step),
                slave_only,
                number_ports: rows.len() as u16,
                priority1: own.priority1,
                clock_quality: own.quality,
                priority2: own.priority2,
                clock_identity,
                domain_number: first.domain,
            },
            current_ds: CurrentDataSet {
                steps_removed: parent.map_or(0, |parent| parent.steps_removed),
                offset_from_master: TimeInterval::from_duration(offset),
                mean_path_delay: TimeInterval::from_duration(delay),
            },
            parent_ds: parent_data_set(clock_identity, parent.as_ref(), &own),
            time_properties_ds: time_properties_data_set(&properties),
            time: time_of(&properties, at),
            time_status: TimeStatusNp {
                master_offset_ns: offset.as_nanos(),
                ingress_time_ns: last_sample.map_or(0, |last| i64::try_from(last.nanos()).unwrap_or(0)),
                cumulative_scaled_rate_offset: 0,
                scaled_last_gm_phase_change: 0,
                gm_time_base_indicator: 0,
                last_gm_phase_change: ScaledNs::default(),
                gm_present: parent.is_some(),
                gm_identity: parent.map_or(clock_identity, |parent| parent.grandmaster),
            },
            grandmaster_settings: GrandmasterSettingsNp {
                clock_quality: own.quality,
                time_properties: time_properties_data_set(&own.time_properties),
            },
            traces_path: rows.iter().any(|(_, port)| port.config.path_trace),
            path: following.map_or_else(|| Some(Vec::new()), |(_, port)| port.path()),
            subscription: Subscription::default(),
            may_subscribe: true,
            user_description: self.host.name.clone(),
            product_description: ";synchronome;".to_owned(),
            revision_data: concat!(";;", env!("CARGO_PKG_VERSION")).to_owned(),
            ports: rows.iter().map(|(row, port)| port.managed(config.ptp_port_number(*row), clock_identity)).collect(),
        })
    }

    /// The port of these whose parent is the clock's: the one that steers, else one that has any.
    fn following<'a>(&self, rows: &[(usize, &'a PortModel)]) -> Option<(usize, &'a PortModel)> {
        let mut with_parent = rows.iter().filter(|(_, port)| port.parent.is_some());
        let steering = with_parent.clone().find(|(row, _)| self.followed == Some(*row));
        steering.or_else(|| with_parent.next()).copied()
    }

    /// What the clock says of itself where it is the grandmaster, or would.
    fn own_announcement(&self, config: &Config, grandmaster: ClockIdentity, slave_only: bool) -> Announcement {
        let (priority1, priority2) = (config.clock.ptp.priority1, config.clock.ptp.priority2);
        let announced = self.announced.filter(|_| !slave_only);
        let quality = announced.map_or(SLAVE_ONLY, |announced| announced.quality);
        let time_properties = announced.map_or_else(|| self.own_time_properties(), |own| own.time_properties);
        Announcement {
            grandmaster,
            priority1,
            quality,
            priority2,
            steps_removed: 0,
            time_properties,
            synchronization_uncertain: false,
        }
    }

    fn own_time_properties(&self) -> TimeProperties {
        TimeProperties {
            current_utc_offset: self.tai_utc,
            leap: LeapIndicator::NoWarning,
            ptp_timescale: self.tai_utc.is_some(),
            time_traceable: false,
            frequency_traceable: false,
            time_source: TimeSource::INTERNAL_OSCILLATOR,
        }
    }
}

/// Without a parent the clock is its own, by port 0 (table 33).
fn parent_data_set(identity: ClockIdentity, parent: Option<&ParentInfo>, own: &Announcement) -> ParentDataSet {
    let itself = PortIdentity { clock_identity: identity, port_number: 0 };
    let (port, grandmaster, quality, priority1, priority2) = match parent {
        Some(parent) => (parent.port, parent.grandmaster, parent.quality, parent.priority1, parent.priority2),
        None => (itself, identity, own.quality, own.priority1, own.priority2),
    };
    ParentDataSet {
        parent_port_identity: port,
        parent_stats: false,
        observed_parent_offset_scaled_log_variance: NO_VARIANCE,
        observed_parent_clock_phase_change_rate: NO_PHASE_CHANGE_RATE,
        grandmaster_priority1: priority1,
        grandmaster_clock_quality: quality,
        grandmaster_priority2: priority2,
        grandmaster_identity: grandmaster,
    }
}

fn time_properties_data_set(properties: &TimeProperties) -> TimePropertiesDataSet {
    TimePropertiesDataSet {
        current_utc_offset: properties.current_utc_offset.map_or(0, |TaiUtc(seconds)| seconds),
        flags: properties.flags(),
        time_source: properties.time_source,
    }
}

/// The served time in the timescale of these properties: TAI, or UTC where it is ARB.
fn time_of(properties: &TimeProperties, at: Moment<'_>) -> Option<WireTimestamp> {
    if !has_time(at.snapshot) {
        return None;
    }
    let ahead = if properties.ptp_timescale {
        let TaiUtc(seconds) = at.snapshot.tai_utc.or(properties.current_utc_offset)?;
        Duration::from_secs(i64::from(seconds))
    } else {
        Duration::ZERO
    };
    let time = at.snapshot.utc_at(at.local).read_as::<Local>() + ahead;
    WireTimestamp::from_timestamp(time).map(|(time, _)| time)
}

impl PortModel {
    fn managed(&self, port_number: u16, clock_identity: ClockIdentity) -> ManagedPort {
        let config = &self.config;
        let is_peer_delay = config.delay == DelayMechanism::P2p;
        let link_delay = match self.report.and_then(|report| report.neighbor) {
            Some(NeighborStatus::Known { mean_link_delay, .. }) => Some(mean_link_delay),
            _ => None,
        };
        let says_capable = self.report.is_some_and(|report| report.is_neighbor_gptp_capable);
        let is_capable = link_delay.is_some() && (says_capable || !config.gptp_capable.is_required);
        let told = self.report.filter(|report| report.state.follows()).map(|report| report.delay_req_interval);
        let intervals = self.report.map(|report| report.intervals);
        let pdelay_req = intervals.and_then(|intervals| intervals.pdelay_req);
        ManagedPort {
            port_ds: PortDataSet {
                port_identity: PortIdentity { clock_identity, port_number },
                port_state: self.state as u8,
                log_min_delay_req_interval: told.unwrap_or(config.log_min_delay_req_interval),
                peer_mean_path_delay: TimeInterval::from_duration(link_delay.unwrap_or(Duration::ZERO)),
                log_announce_interval: intervals.map_or(config.log_announce_interval, |its| its.announce),
                announce_receipt_timeout: config.announce_receipt_timeout,
                log_sync_interval: intervals.map_or(config.log_sync_interval, |its| its.sync),
                delay_mechanism: ManagedPort::delay_mechanism(is_peer_delay),
                log_min_pdelay_req_interval: pdelay_req.unwrap_or(LogInterval::new(config.log_min_pdelay_req_interval)),
                version_number: VERSION,
            },
            master_only: config.role == Role::Master,
            interface: config.interface.clone(),
            physical_address: Vec::new(),
            network_protocol: match config.transport {
                PtpTransport::Udp4 => 1,
                PtpTransport::Udp6 => 2,
                PtpTransport::Ethernet => 3,
            },
            protocol_address: Vec::new(),
            timestamping: u8::from(self.timestamps().0 == "hardware"),
            phc_index: self.phc(),
            peer: PortDataSetNp {
                neighbor_prop_delay_thresh_ns: u32::try_from(config.neighbor_delay_max.as_nanos()).unwrap_or(u32::MAX),
                as_capable: !is_peer_delay || is_capable,
            },
            unicast: self.unicast(),
            acceptable_masters: config.acceptable_masters.iter().flatten().copied().collect(),
            received: self.by_type(&RECEIVED),
            sent: self.by_type(&SENT),
        }
    }

    /// The clocks that the parent's Announce has passed; `None`: more than are reported.
    fn path(&self) -> Option<Vec<ClockIdentity>> {
        let (clocks, count) = self.report.map(|report| report.path).unwrap_or_default();
        let clocks: Vec<_> = clocks.into_iter().flatten().collect();
        (clocks.len() == usize::from(count)).then_some(clocks)
    }

    /// What the port does of unicast, if it does.
    fn unicast(&self) -> Option<ManagedUnicast> {
        let config = &self.config;
        let masters: Vec<_> = config.unicast_masters.into_iter().flatten().collect();
        let takes_part = !masters.is_empty() || config.unicast_clients > 0;
        let masters_max = UNICAST_MASTERS_MAX as u16;
        takes_part.then_some(ManagedUnicast { log_query_interval: UNICAST_LOG_QUERY_INTERVAL, masters, masters_max })
    }

    fn by_type(&self, counters: &[(MessageType, Counter)]) -> [u64; 16] {
        let mut counts = [0; 16];
        for (message_type, counter) in counters {
            counts[*message_type as usize] = self.counters.get(*counter);
        }
        counts
    }
}

const RECEIVED: [(MessageType, Counter); 8] = [
    (MessageType::Sync, Counter::ReceivedSync),
    (MessageType::DelayReq, Counter::ReceivedDelayReq),
    (MessageType::PdelayReq, Counter::ReceivedPdelayReq),
    (MessageType::PdelayResp, Counter::ReceivedPdelayResp),
    (MessageType::FollowUp, Counter::ReceivedFollowUp),
    (MessageType::DelayResp, Counter::ReceivedDelayResp),
    (MessageType::PdelayRespFollowUp, Counter::ReceivedPdelayRespFollowUp),
    (MessageType::Announce, Counter::ReceivedAnnounce),
];

const SENT: [(MessageType, Counter); 8] = [
    (MessageType::Sync, Counter::SentSync),
    (MessageType::DelayReq, Counter::SentDelayReq),
    (MessageType::PdelayReq, Counter::SentPdelayReq),
    (MessageType::PdelayResp, Counter::SentPdelayResp),
    (MessageType::FollowUp, Counter::SentFollowUp),
    (MessageType::DelayResp, Counter::SentDelayResp),
    (MessageType::PdelayRespFollowUp, Counter::SentPdelayRespFollowUp),
    (MessageType::Announce, Counter::SentAnnounce),
];
