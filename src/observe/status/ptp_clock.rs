//! The data sets of a PTP clock, as `synchronome ptp` shows them and management messages tell them.

use serde::{Deserialize, Serialize};

use crate::ptp::{ManagedClock, ManagedPort, PortState};
use crate::wire::ptp::{ClockQuality, TimeInterval};

/// A PTP clock: the ports of one domain that have one clockIdentity.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct PtpClockStatus {
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// defaultDS.
    pub default_ds: DefaultDs,
    /// currentDS.
    pub current_ds: CurrentDs,
    /// parentDS.
    pub parent_ds: ParentDs,
    /// timePropertiesDS.
    pub time_properties_ds: TimePropertiesDs,
    /// portDS of each port, in the order of their numbers.
    pub ports: Vec<PortDs>,
}

/// clockQuality.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct Quality {
    /// clockClass.
    pub clock_class: u8,
    /// clockAccuracy as a number: table 5 of IEEE 1588-2019.
    pub clock_accuracy: u8,
    /// What that promises; `None`: nothing.
    pub accuracy_s: Option<f64>,
    /// offsetScaledLogVariance.
    pub offset_scaled_log_variance: u16,
}

/// defaultDS (IEEE 1588-2019 8.2.1).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct DefaultDs {
    /// clockIdentity.
    pub clock_identity: String,
    /// domainNumber.
    pub domain_number: u8,
    /// numberPorts.
    pub number_ports: u16,
    /// clockQuality.
    pub clock_quality: Quality,
    /// priority1.
    pub priority1: u8,
    /// priority2.
    pub priority2: u8,
    /// slaveOnly.
    pub slave_only: bool,
}

/// currentDS (8.2.2).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct CurrentDs {
    /// stepsRemoved.
    pub steps_removed: u16,
    /// offsetFromMaster; positive is ahead. `None`: beyond the 39 hours that its format holds.
    pub offset_from_master_s: Option<f64>,
    /// meanDelay.
    pub mean_delay_s: Option<f64>,
}

/// parentDS (8.2.3).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct ParentDs {
    /// parentPortIdentity; of the clock itself with port 0 where it has no parent.
    pub parent_port_identity: String,
    /// grandmasterIdentity.
    pub grandmaster_identity: String,
    /// grandmasterClockQuality.
    pub grandmaster_clock_quality: Quality,
    /// grandmasterPriority1.
    pub grandmaster_priority1: u8,
    /// grandmasterPriority2.
    pub grandmaster_priority2: u8,
}

/// timePropertiesDS (8.2.4).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct TimePropertiesDs {
    /// currentUtcOffset; `None` where currentUtcOffsetValid is false.
    pub current_utc_offset_s: Option<i16>,
    /// leap61.
    pub leap61: bool,
    /// leap59.
    pub leap59: bool,
    /// ptpTimescale: it counts TAI.
    pub ptp_timescale: bool,
    /// timeTraceable.
    pub time_traceable: bool,
    /// frequencyTraceable.
    pub frequency_traceable: bool,
    /// timeSource in words, like `GNSS`.
    pub time_source: String,
}

/// portDS (8.2.15).
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct PortDs {
    /// The network interface.
    pub interface: String,
    /// portIdentity.
    pub port_identity: String,
    /// portState.
    pub port_state: String,
    /// masterOnly.
    pub master_only: bool,
    /// delayMechanism: `e2e` or `p2p`.
    pub delay_mechanism: String,
    /// meanLinkDelay; `None` while it is not measured.
    pub mean_link_delay_s: Option<f64>,
    /// logAnnounceInterval.
    pub log_announce_interval: i8,
    /// announceReceiptTimeout, in announce intervals.
    pub announce_receipt_timeout: u8,
    /// logSyncInterval.
    pub log_sync_interval: i8,
    /// logMinDelayReqInterval; of a port that follows its master's.
    pub log_min_delay_req_interval: i8,
    /// logMinPdelayReqInterval.
    pub log_min_pdelay_req_interval: i8,
}

impl Quality {
    fn of(quality: ClockQuality) -> Self {
        Self {
            clock_class: quality.clock_class,
            clock_accuracy: quality.clock_accuracy.0,
            accuracy_s: quality.clock_accuracy.bound().map(crate::time::Duration::as_secs_f64),
            offset_scaled_log_variance: quality.offset_scaled_log_variance,
        }
    }
}

fn interval_s(interval: TimeInterval) -> Option<f64> {
    interval.to_duration().map(crate::time::Duration::as_secs_f64)
}

impl PtpClockStatus {
    /// The same as management messages tell.
    pub fn of(clock: &ManagedClock) -> Self {
        let (own, parent, time) = (&clock.default_ds, &clock.parent_ds, &clock.time_properties_ds);
        Self {
            sdo_id: clock.sdo_id,
            default_ds: DefaultDs {
                clock_identity: own.clock_identity.to_string(),
                domain_number: own.domain_number,
                number_ports: own.number_ports,
                clock_quality: Quality::of(own.clock_quality),
                priority1: own.priority1,
                priority2: own.priority2,
                slave_only: own.slave_only,
            },
            current_ds: CurrentDs {
                steps_removed: clock.current_ds.steps_removed,
                offset_from_master_s: interval_s(clock.current_ds.offset_from_master),
                mean_delay_s: interval_s(clock.current_ds.mean_path_delay),
            },
            parent_ds: ParentDs {
                parent_port_identity: parent.parent_port_identity.to_string(),
                grandmaster_identity: parent.grandmaster_identity.to_string(),
                grandmaster_clock_quality: Quality::of(parent.grandmaster_clock_quality),
                grandmaster_priority1: parent.grandmaster_priority1,
                grandmaster_priority2: parent.grandmaster_priority2,
            },
            time_properties_ds: TimePropertiesDs {
                current_utc_offset_s: time.flags.current_utc_offset_valid().then_some(time.current_utc_offset),
                leap61: time.flags.leap61(),
                leap59: time.flags.leap59(),
                ptp_timescale: time.flags.ptp_timescale(),
                time_traceable: time.flags.time_traceable(),
                frequency_traceable: time.flags.frequency_traceable(),
                time_source: time.time_source.to_string(),
            },
            ports: clock.ports.iter().map(PortDs::of).collect(),
        }
    }
}

impl PortDs {
    fn of(port: &ManagedPort) -> Self {
        let set = &port.port_ds;
        let is_peer_delay = set.delay_mechanism == ManagedPort::delay_mechanism(true);
        let state = PortState::ALL.into_iter().find(|state| *state as u8 == set.port_state);
        Self {
            interface: port.interface.clone(),
            port_identity: set.port_identity.to_string(),
            port_state: state.map_or_else(|| set.port_state.to_string(), |state| state.to_string()),
            master_only: port.master_only,
            delay_mechanism: if is_peer_delay { "p2p" } else { "e2e" }.to_owned(),
            mean_link_delay_s: interval_s(set.peer_mean_path_delay).filter(|delay| is_peer_delay && *delay != 0.0),
            log_announce_interval: set.log_announce_interval.log2_seconds(),
            announce_receipt_timeout: set.announce_receipt_timeout,
            log_sync_interval: set.log_sync_interval.log2_seconds(),
            log_min_delay_req_interval: set.log_min_delay_req_interval.log2_seconds(),
            log_min_pdelay_req_interval: set.log_min_pdelay_req_interval.log2_seconds(),
        }
    }
}
