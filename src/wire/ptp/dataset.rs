//! What management messages carry: the data sets of IEEE 1588-2019 15.5.3, and those of linuxptp that `pmc` asks for.

use super::organization::ScaledNs;
use super::text::{PtpText, even, exactly, padded};
use super::{
    ClockAccuracy, ClockIdentity, ClockQuality, CorrectionField, Flags, ManagementId, PortIdentity, TimeSource,
    TlvError, WireTimestamp,
};
use crate::time::LogInterval;
use crate::wire::octets::{Reader, Writer};

/// TimeInterval: 2^-16 ns, signed, as in the correctionField (5.3.2).
pub type TimeInterval = CorrectionField;

/// CLOCK_DESCRIPTION (15.5.3.1.2, table 62).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockDescription<'a> {
    /// A bit for each kind of clock that it is: 0x8000 ordinary, 0x4000 boundary, 0x2000 P2P and 0x1000 E2E transparent, 0x0800 management node.
    pub clock_type: u16,
    /// Such as `IEEE 802.3`.
    pub physical_layer_protocol: PtpText<'a>,
    /// Such as a MAC address.
    pub physical_address: &'a [u8],
    /// networkProtocol: 1 UDP/IPv4, 2 UDP/IPv6, 3 Ethernet (table 3).
    pub network_protocol: u16,
    /// An address of that protocol.
    pub protocol_address: &'a [u8],
    /// OUI of the manufacturer.
    pub manufacturer_identity: [u8; 3],
    /// Manufacturer, model and instance, separated by semicolons.
    pub product_description: PtpText<'a>,
    /// Revisions of hardware, firmware and software, separated by semicolons.
    pub revision_data: PtpText<'a>,
    /// What the operator calls it.
    pub user_description: PtpText<'a>,
    /// profileIdentifier.
    pub profile_identity: [u8; 6],
}

/// DEFAULT_DATA_SET (15.5.3.3.1, table 68).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefaultDataSet {
    /// twoStepFlag.
    pub two_step: bool,
    /// slaveOnly.
    pub slave_only: bool,
    /// numberPorts.
    pub number_ports: u16,
    /// priority1.
    pub priority1: u8,
    /// clockQuality.
    pub clock_quality: ClockQuality,
    /// priority2.
    pub priority2: u8,
    /// clockIdentity.
    pub clock_identity: ClockIdentity,
    /// domainNumber.
    pub domain_number: u8,
}

/// CURRENT_DATA_SET (15.5.3.4.1, table 73).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CurrentDataSet {
    /// stepsRemoved.
    pub steps_removed: u16,
    /// offsetFromMaster.
    pub offset_from_master: TimeInterval,
    /// meanDelay.
    pub mean_path_delay: TimeInterval,
}

/// PARENT_DATA_SET (15.5.3.5.1, table 74).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParentDataSet {
    /// parentPortIdentity.
    pub parent_port_identity: PortIdentity,
    /// parentStats: the two that follow were computed.
    pub parent_stats: bool,
    /// observedParentOffsetScaledLogVariance.
    pub observed_parent_offset_scaled_log_variance: u16,
    /// observedParentClockPhaseChangeRate.
    pub observed_parent_clock_phase_change_rate: i32,
    /// grandmasterPriority1.
    pub grandmaster_priority1: u8,
    /// grandmasterClockQuality.
    pub grandmaster_clock_quality: ClockQuality,
    /// grandmasterPriority2.
    pub grandmaster_priority2: u8,
    /// grandmasterIdentity.
    pub grandmaster_identity: ClockIdentity,
}

/// TIME_PROPERTIES_DATA_SET (15.5.3.6.1, table 75), and linuxptp's view of its own grandmaster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimePropertiesDataSet {
    /// currentUtcOffset, in seconds.
    pub current_utc_offset: i16,
    /// The low octet of flagField: leap seconds, validity, timescale, traceability.
    pub flags: Flags,
    /// timeSource.
    pub time_source: TimeSource,
}

/// PORT_DATA_SET (15.5.3.7.1, table 82).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortDataSet {
    /// portIdentity.
    pub port_identity: PortIdentity,
    /// portState, numbered as in table 20.
    pub port_state: u8,
    /// logMinDelayReqInterval.
    pub log_min_delay_req_interval: LogInterval,
    /// meanLinkDelay.
    pub peer_mean_path_delay: TimeInterval,
    /// logAnnounceInterval.
    pub log_announce_interval: LogInterval,
    /// announceReceiptTimeout.
    pub announce_receipt_timeout: u8,
    /// logSyncInterval.
    pub log_sync_interval: LogInterval,
    /// delayMechanism: 1 end to end, 2 peer to peer, 0xFE none.
    pub delay_mechanism: u8,
    /// logMinPdelayReqInterval.
    pub log_min_pdelay_req_interval: LogInterval,
    /// versionNumber, 4 bits.
    pub version_number: u8,
}

/// TIME_STATUS_NP of linuxptp: what the clock is off by now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeStatusNp {
    /// In nanoseconds.
    pub master_offset_ns: i64,
    /// When the last Sync came, in nanoseconds.
    pub ingress_time_ns: i64,
    /// As in gPTP's Follow_Up.
    pub cumulative_scaled_rate_offset: i32,
    /// As in gPTP's Follow_Up.
    pub scaled_last_gm_phase_change: i32,
    /// As in gPTP's Follow_Up.
    pub gm_time_base_indicator: u16,
    /// As in gPTP's Follow_Up.
    pub last_gm_phase_change: ScaledNs,
    /// There is a grandmaster that is another clock.
    pub gm_present: bool,
    /// Which.
    pub gm_identity: ClockIdentity,
}

/// GRANDMASTER_SETTINGS_NP of linuxptp: what this clock says of itself where it is the grandmaster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrandmasterSettingsNp {
    /// clockQuality.
    pub clock_quality: ClockQuality,
    /// Offset, flags and source.
    pub time_properties: TimePropertiesDataSet,
}

/// PORT_DATA_SET_NP of linuxptp: the peer delay mechanism of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortDataSetNp {
    /// The longest delay of a link that can do gPTP, in nanoseconds.
    pub neighbor_prop_delay_thresh_ns: u32,
    /// asCapable.
    pub as_capable: bool,
}

/// PORT_PROPERTIES_NP of linuxptp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortPropertiesNp<'a> {
    /// Which port.
    pub port_identity: PortIdentity,
    /// portState.
    pub port_state: u8,
    /// 0 software, 1 hardware, 2 legacy hardware, 3 one-step, 4 one-step also for peer delay.
    pub timestamping: u8,
    /// The interface's name.
    pub interface: PtpText<'a>,
}

/// PORT_STATS_NP of linuxptp: messages by their messageType.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortStatsNp {
    /// Which port.
    pub port_identity: PortIdentity,
    /// Received.
    pub received: [u64; 16],
    /// Sent.
    pub sent: [u64; 16],
}

/// The data of a MANAGEMENT TLV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManagementData<'a> {
    /// None: a GET, a COMMAND without, or NULL_PTP_MANAGEMENT.
    Empty,
    /// CLOCK_DESCRIPTION.
    ClockDescription(ClockDescription<'a>),
    /// USER_DESCRIPTION.
    UserDescription(PtpText<'a>),
    /// DEFAULT_DATA_SET.
    DefaultDataSet(DefaultDataSet),
    /// CURRENT_DATA_SET.
    CurrentDataSet(CurrentDataSet),
    /// PARENT_DATA_SET.
    ParentDataSet(ParentDataSet),
    /// TIME_PROPERTIES_DATA_SET.
    TimePropertiesDataSet(TimePropertiesDataSet),
    /// PORT_DATA_SET.
    PortDataSet(PortDataSet),
    /// PRIORITY1.
    Priority1(u8),
    /// PRIORITY2.
    Priority2(u8),
    /// DOMAIN.
    Domain(u8),
    /// SLAVE_ONLY.
    SlaveOnly(bool),
    /// LOG_ANNOUNCE_INTERVAL.
    LogAnnounceInterval(LogInterval),
    /// ANNOUNCE_RECEIPT_TIMEOUT.
    AnnounceReceiptTimeout(u8),
    /// LOG_SYNC_INTERVAL.
    LogSyncInterval(LogInterval),
    /// VERSION_NUMBER: 4 bits.
    VersionNumber(u8),
    /// TIME.
    Time(WireTimestamp),
    /// CLOCK_ACCURACY.
    ClockAccuracy(ClockAccuracy),
    /// UTC_PROPERTIES: currentUtcOffset, and leap61, leap59 and currentUtcOffsetValid.
    UtcProperties(i16, Flags),
    /// TRACEABILITY_PROPERTIES: timeTraceable and frequencyTraceable.
    TraceabilityProperties(Flags),
    /// TIMESCALE_PROPERTIES: ptpTimescale, and timeSource.
    TimescaleProperties(Flags, TimeSource),
    /// DELAY_MECHANISM: 1 end to end, 2 peer to peer, 0xFE none.
    DelayMechanism(u8),
    /// LOG_MIN_PDELAY_REQ_INTERVAL.
    LogMinPdelayReqInterval(LogInterval),
    /// TIME_STATUS_NP.
    TimeStatusNp(TimeStatusNp),
    /// GRANDMASTER_SETTINGS_NP.
    GrandmasterSettingsNp(GrandmasterSettingsNp),
    /// PORT_DATA_SET_NP.
    PortDataSetNp(PortDataSetNp),
    /// PORT_PROPERTIES_NP.
    PortPropertiesNp(PortPropertiesNp<'a>),
    /// PORT_STATS_NP.
    PortStatsNp(PortStatsNp),
    /// Of an id whose data is not known here.
    Other(&'a [u8]),
}

impl<'a> ManagementData<'a> {
    /// The id that it belongs to; `None` for those that tell nothing of it.
    pub const fn management_id(&self) -> Option<ManagementId> {
        Some(match self {
            Self::Empty | Self::Other(_) => return None,
            Self::ClockDescription(_) => ManagementId::CLOCK_DESCRIPTION,
            Self::UserDescription(_) => ManagementId::USER_DESCRIPTION,
            Self::DefaultDataSet(_) => ManagementId::DEFAULT_DATA_SET,
            Self::CurrentDataSet(_) => ManagementId::CURRENT_DATA_SET,
            Self::ParentDataSet(_) => ManagementId::PARENT_DATA_SET,
            Self::TimePropertiesDataSet(_) => ManagementId::TIME_PROPERTIES_DATA_SET,
            Self::PortDataSet(_) => ManagementId::PORT_DATA_SET,
            Self::Priority1(_) => ManagementId::PRIORITY1,
            Self::Priority2(_) => ManagementId::PRIORITY2,
            Self::Domain(_) => ManagementId::DOMAIN,
            Self::SlaveOnly(_) => ManagementId::SLAVE_ONLY,
            Self::LogAnnounceInterval(_) => ManagementId::LOG_ANNOUNCE_INTERVAL,
            Self::AnnounceReceiptTimeout(_) => ManagementId::ANNOUNCE_RECEIPT_TIMEOUT,
            Self::LogSyncInterval(_) => ManagementId::LOG_SYNC_INTERVAL,
            Self::VersionNumber(_) => ManagementId::VERSION_NUMBER,
            Self::Time(_) => ManagementId::TIME,
            Self::ClockAccuracy(_) => ManagementId::CLOCK_ACCURACY,
            Self::UtcProperties(..) => ManagementId::UTC_PROPERTIES,
            Self::TraceabilityProperties(_) => ManagementId::TRACEABILITY_PROPERTIES,
            Self::TimescaleProperties(..) => ManagementId::TIMESCALE_PROPERTIES,
            Self::DelayMechanism(_) => ManagementId::DELAY_MECHANISM,
            Self::LogMinPdelayReqInterval(_) => ManagementId::LOG_MIN_PDELAY_REQ_INTERVAL,
            Self::TimeStatusNp(_) => ManagementId::TIME_STATUS_NP,
            Self::GrandmasterSettingsNp(_) => ManagementId::GRANDMASTER_SETTINGS_NP,
            Self::PortDataSetNp(_) => ManagementId::PORT_DATA_SET_NP,
            Self::PortPropertiesNp(_) => ManagementId::PORT_PROPERTIES_NP,
            Self::PortStatsNp(_) => ManagementId::PORT_STATS_NP,
        })
    }

    pub(super) fn read(id: ManagementId, data: &'a [u8]) -> Result<Self, TlvError> {
        if data.is_empty() {
            return Ok(Self::Empty);
        }
        // One octet, and a reserved one.
        let octet = || exactly(data, Reader::array::<2>).map(|[octet, _]| octet);
        let interval = || octet().map(|octet| LogInterval::new(octet as i8));
        Ok(match id {
            ManagementId::CLOCK_DESCRIPTION => Self::ClockDescription(padded(data, ClockDescription::read)?),
            ManagementId::USER_DESCRIPTION => Self::UserDescription(padded(data, PtpText::read)?),
            ManagementId::DEFAULT_DATA_SET => Self::DefaultDataSet(exactly(data, DefaultDataSet::read)?),
            ManagementId::CURRENT_DATA_SET => Self::CurrentDataSet(exactly(data, CurrentDataSet::read)?),
            ManagementId::PARENT_DATA_SET => Self::ParentDataSet(exactly(data, ParentDataSet::read)?),
            ManagementId::TIME_PROPERTIES_DATA_SET => {
                Self::TimePropertiesDataSet(exactly(data, TimePropertiesDataSet::read)?)
            }
            ManagementId::PORT_DATA_SET => Self::PortDataSet(exactly(data, PortDataSet::read)?),
            ManagementId::PRIORITY1 => Self::Priority1(octet()?),
            ManagementId::PRIORITY2 => Self::Priority2(octet()?),
            ManagementId::DOMAIN => Self::Domain(octet()?),
            ManagementId::SLAVE_ONLY => Self::SlaveOnly(octet()? & 1 != 0),
            ManagementId::LOG_ANNOUNCE_INTERVAL => Self::LogAnnounceInterval(interval()?),
            ManagementId::ANNOUNCE_RECEIPT_TIMEOUT => Self::AnnounceReceiptTimeout(octet()?),
            ManagementId::LOG_SYNC_INTERVAL => Self::LogSyncInterval(interval()?),
            ManagementId::VERSION_NUMBER => Self::VersionNumber(octet()? & 0x0f),
            ManagementId::TIME => Self::Time(timestamp(data)?),
            ManagementId::CLOCK_ACCURACY => Self::ClockAccuracy(ClockAccuracy(octet()?)),
            ManagementId::UTC_PROPERTIES => {
                let (offset, [flags, _]) = exactly(data, |from| Some((from.i16()?, from.array()?)))?;
                Self::UtcProperties(offset, low_flags(flags))
            }
            ManagementId::TRACEABILITY_PROPERTIES => Self::TraceabilityProperties(low_flags(octet()?)),
            ManagementId::TIMESCALE_PROPERTIES => {
                let [flags, source] = exactly(data, Reader::array)?;
                Self::TimescaleProperties(low_flags(flags), TimeSource(source))
            }
            ManagementId::DELAY_MECHANISM => Self::DelayMechanism(octet()?),
            ManagementId::LOG_MIN_PDELAY_REQ_INTERVAL => Self::LogMinPdelayReqInterval(interval()?),
            ManagementId::TIME_STATUS_NP => Self::TimeStatusNp(exactly(data, TimeStatusNp::read)?),
            ManagementId::GRANDMASTER_SETTINGS_NP => {
                let (clock_quality, time_properties) =
                    exactly(data, |from| Some((quality(from)?, TimePropertiesDataSet::read(from)?)))?;
                Self::GrandmasterSettingsNp(GrandmasterSettingsNp { clock_quality, time_properties })
            }
            ManagementId::PORT_DATA_SET_NP => {
                let (neighbor_prop_delay_thresh_ns, capable) = exactly(data, |from| Some((from.u32()?, from.u32()?)))?;
                Self::PortDataSetNp(PortDataSetNp { neighbor_prop_delay_thresh_ns, as_capable: capable != 0 })
            }
            ManagementId::PORT_PROPERTIES_NP => Self::PortPropertiesNp(padded(data, PortPropertiesNp::read)?),
            ManagementId::PORT_STATS_NP => Self::PortStatsNp(exactly(data, PortStatsNp::read)?),
            _ => Self::Other(data),
        })
    }

    /// Octets on the wire; even, with a pad octet where it needs one.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::ClockDescription(description) => even(description.length()),
            Self::UserDescription(text) => even(text.length()),
            Self::DefaultDataSet(_) => 20,
            Self::CurrentDataSet(_) => 18,
            Self::ParentDataSet(_) => 32,
            Self::TimePropertiesDataSet(_) | Self::UtcProperties(..) => 4,
            Self::PortDataSet(_) => 26,
            Self::Priority1(_)
            | Self::Priority2(_)
            | Self::Domain(_)
            | Self::SlaveOnly(_)
            | Self::LogAnnounceInterval(_)
            | Self::AnnounceReceiptTimeout(_)
            | Self::LogSyncInterval(_)
            | Self::VersionNumber(_)
            | Self::ClockAccuracy(_)
            | Self::TraceabilityProperties(_)
            | Self::TimescaleProperties(..)
            | Self::DelayMechanism(_)
            | Self::LogMinPdelayReqInterval(_) => 2,
            Self::Time(_) => WireTimestamp::LENGTH,
            Self::TimeStatusNp(_) => 50,
            Self::GrandmasterSettingsNp(_) | Self::PortDataSetNp(_) => 8,
            Self::PortPropertiesNp(properties) => even(12 + properties.interface.length()),
            Self::PortStatsNp(_) => 10 + 2 * 16 * 8,
            Self::Other(octets) => even(octets.len()),
        }
    }

    /// Without the pad octet that may follow.
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Empty => {}
            Self::ClockDescription(description) => description.write(writer),
            Self::UserDescription(text) => text.write(writer),
            Self::DefaultDataSet(set) => set.write(writer),
            Self::CurrentDataSet(set) => set.write(writer),
            Self::ParentDataSet(set) => set.write(writer),
            Self::TimePropertiesDataSet(set) => set.write(writer),
            Self::PortDataSet(set) => set.write(writer),
            Self::Priority1(octet)
            | Self::Priority2(octet)
            | Self::Domain(octet)
            | Self::AnnounceReceiptTimeout(octet)
            | Self::VersionNumber(octet)
            | Self::ClockAccuracy(ClockAccuracy(octet))
            | Self::DelayMechanism(octet) => writer.octets(&[octet, 0]),
            Self::SlaveOnly(slave_only) => writer.octets(&[u8::from(slave_only), 0]),
            Self::LogAnnounceInterval(interval)
            | Self::LogSyncInterval(interval)
            | Self::LogMinPdelayReqInterval(interval) => writer.octets(&[interval.log2_seconds() as u8, 0]),
            Self::Time(time) => time.write(writer),
            Self::UtcProperties(offset, flags) => {
                writer.u16(offset as u16);
                writer.octets(&[low_octet(flags), 0]);
            }
            Self::TraceabilityProperties(flags) => writer.octets(&[low_octet(flags), 0]),
            Self::TimescaleProperties(flags, source) => writer.octets(&[low_octet(flags), source.0]),
            Self::TimeStatusNp(status) => status.write(writer),
            Self::GrandmasterSettingsNp(settings) => {
                write_quality(settings.clock_quality, writer);
                settings.time_properties.write(writer);
            }
            Self::PortDataSetNp(set) => {
                writer.u32(set.neighbor_prop_delay_thresh_ns);
                writer.u32(u32::from(set.as_capable));
            }
            Self::PortPropertiesNp(properties) => properties.write(writer),
            Self::PortStatsNp(stats) => stats.write(writer),
            Self::Other(octets) => writer.octets(octets),
        }
    }
}

/// An octet of flags is the low one of flagField (tables 37 and 75).
const fn low_flags(octet: u8) -> Flags {
    Flags(octet as u16)
}

const fn low_octet(flags: Flags) -> u8 {
    flags.0 as u8
}

fn timestamp(data: &[u8]) -> Result<WireTimestamp, TlvError> {
    let (seconds, nanoseconds) = exactly(data, |from| Some((from.u48()?, from.u32()?)))?;
    WireTimestamp::new(seconds, nanoseconds).ok_or(TlvError::WrongValue)
}

fn quality(reader: &mut Reader<'_>) -> Option<ClockQuality> {
    Some(ClockQuality {
        clock_class: reader.u8()?,
        clock_accuracy: ClockAccuracy(reader.u8()?),
        offset_scaled_log_variance: reader.u16()?,
    })
}

fn write_quality(quality: ClockQuality, writer: &mut Writer<'_>) {
    writer.octets(&[quality.clock_class, quality.clock_accuracy.0]);
    writer.u16(quality.offset_scaled_log_variance);
}

fn identity(reader: &mut Reader<'_>) -> Option<ClockIdentity> {
    reader.array().map(ClockIdentity)
}

fn interval(reader: &mut Reader<'_>) -> Option<TimeInterval> {
    reader.i64().map(TimeInterval::from_bits)
}

fn write_interval(interval: TimeInterval, writer: &mut Writer<'_>) {
    writer.u64(interval.to_bits() as u64);
}

fn log_interval(reader: &mut Reader<'_>) -> Option<LogInterval> {
    reader.i8().map(LogInterval::new)
}

impl<'a> ClockDescription<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let address = |reader: &mut Reader<'a>| {
            let length = reader.u16()?;
            reader.slice(usize::from(length))
        };
        let clock_type = reader.u16()?;
        let physical_layer_protocol = PtpText::read(reader)?;
        let physical_address = address(reader)?;
        let network_protocol = reader.u16()?;
        let protocol_address = address(reader)?;
        let manufacturer_identity = reader.array()?;
        let _reserved = reader.u8()?;
        Some(Self {
            clock_type,
            physical_layer_protocol,
            physical_address,
            network_protocol,
            protocol_address,
            manufacturer_identity,
            product_description: PtpText::read(reader)?,
            revision_data: PtpText::read(reader)?,
            user_description: PtpText::read(reader)?,
            profile_identity: reader.array()?,
        })
    }

    const fn length(&self) -> usize {
        let texts = self.physical_layer_protocol.length()
            + self.product_description.length()
            + self.revision_data.length()
            + self.user_description.length();
        2 + texts + 2 + self.physical_address.len() + 4 + self.protocol_address.len() + 4 + 6
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.clock_type);
        self.physical_layer_protocol.write(writer);
        writer.u16(self.physical_address.len() as u16);
        writer.octets(self.physical_address);
        writer.u16(self.network_protocol);
        writer.u16(self.protocol_address.len() as u16);
        writer.octets(self.protocol_address);
        writer.octets(&self.manufacturer_identity);
        writer.u8(0);
        self.product_description.write(writer);
        self.revision_data.write(writer);
        self.user_description.write(writer);
        writer.octets(&self.profile_identity);
    }
}

impl DefaultDataSet {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [flags, _] = reader.array()?;
        let set = Self {
            two_step: flags & 1 != 0,
            slave_only: flags & 2 != 0,
            number_ports: reader.u16()?,
            priority1: reader.u8()?,
            clock_quality: quality(reader)?,
            priority2: reader.u8()?,
            clock_identity: identity(reader)?,
            domain_number: reader.u8()?,
        };
        let _reserved = reader.u8()?;
        Some(set)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.octets(&[u8::from(self.two_step) | u8::from(self.slave_only) << 1, 0]);
        writer.u16(self.number_ports);
        writer.u8(self.priority1);
        write_quality(self.clock_quality, writer);
        writer.u8(self.priority2);
        writer.octets(&self.clock_identity.0);
        writer.octets(&[self.domain_number, 0]);
    }
}

impl CurrentDataSet {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            steps_removed: reader.u16()?,
            offset_from_master: interval(reader)?,
            mean_path_delay: interval(reader)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.steps_removed);
        write_interval(self.offset_from_master, writer);
        write_interval(self.mean_path_delay, writer);
    }
}

impl ParentDataSet {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let parent_port_identity = PortIdentity::read(reader)?;
        let [flags, _] = reader.array()?;
        Some(Self {
            parent_port_identity,
            parent_stats: flags & 1 != 0,
            observed_parent_offset_scaled_log_variance: reader.u16()?,
            observed_parent_clock_phase_change_rate: reader.u32()? as i32,
            grandmaster_priority1: reader.u8()?,
            grandmaster_clock_quality: quality(reader)?,
            grandmaster_priority2: reader.u8()?,
            grandmaster_identity: identity(reader)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.parent_port_identity.write(writer);
        writer.octets(&[u8::from(self.parent_stats), 0]);
        writer.u16(self.observed_parent_offset_scaled_log_variance);
        writer.u32(self.observed_parent_clock_phase_change_rate as u32);
        writer.u8(self.grandmaster_priority1);
        write_quality(self.grandmaster_clock_quality, writer);
        writer.u8(self.grandmaster_priority2);
        writer.octets(&self.grandmaster_identity.0);
    }
}

impl TimePropertiesDataSet {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let current_utc_offset = reader.i16()?;
        let [flags, source] = reader.array()?;
        Some(Self { current_utc_offset, flags: low_flags(flags), time_source: TimeSource(source) })
    }

    fn write(self, writer: &mut Writer<'_>) {
        writer.u16(self.current_utc_offset as u16);
        writer.octets(&[low_octet(self.flags), self.time_source.0]);
    }
}

impl PortDataSet {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            port_identity: PortIdentity::read(reader)?,
            port_state: reader.u8()?,
            log_min_delay_req_interval: log_interval(reader)?,
            peer_mean_path_delay: interval(reader)?,
            log_announce_interval: log_interval(reader)?,
            announce_receipt_timeout: reader.u8()?,
            log_sync_interval: log_interval(reader)?,
            delay_mechanism: reader.u8()?,
            log_min_pdelay_req_interval: log_interval(reader)?,
            version_number: reader.u8()? & 0x0f,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.port_identity.write(writer);
        writer.u8(self.port_state);
        writer.u8(self.log_min_delay_req_interval.log2_seconds() as u8);
        write_interval(self.peer_mean_path_delay, writer);
        writer.u8(self.log_announce_interval.log2_seconds() as u8);
        writer.u8(self.announce_receipt_timeout);
        writer.u8(self.log_sync_interval.log2_seconds() as u8);
        writer.u8(self.delay_mechanism);
        writer.u8(self.log_min_pdelay_req_interval.log2_seconds() as u8);
        writer.u8(self.version_number & 0x0f);
    }
}

impl TimeStatusNp {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            master_offset_ns: reader.i64()?,
            ingress_time_ns: reader.i64()?,
            cumulative_scaled_rate_offset: reader.u32()? as i32,
            scaled_last_gm_phase_change: reader.u32()? as i32,
            gm_time_base_indicator: reader.u16()?,
            last_gm_phase_change: ScaledNs::read(reader)?,
            gm_present: reader.u32()? != 0,
            gm_identity: identity(reader)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.master_offset_ns as u64);
        writer.u64(self.ingress_time_ns as u64);
        writer.u32(self.cumulative_scaled_rate_offset as u32);
        writer.u32(self.scaled_last_gm_phase_change as u32);
        writer.u16(self.gm_time_base_indicator);
        self.last_gm_phase_change.write(writer);
        writer.u32(u32::from(self.gm_present));
        writer.octets(&self.gm_identity.0);
    }
}

impl<'a> PortPropertiesNp<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            port_identity: PortIdentity::read(reader)?,
            port_state: reader.u8()?,
            timestamping: reader.u8()?,
            interface: PtpText::read(reader)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.port_identity.write(writer);
        writer.octets(&[self.port_state, self.timestamping]);
        self.interface.write(writer);
    }
}

/// The counts are little-endian, unlike everything else on this wire: so linuxptp has it.
impl PortStatsNp {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let port_identity = PortIdentity::read(reader)?;
        let mut counts = || {
            let mut counts = [0; 16];
            for count in &mut counts {
                *count = u64::from_le_bytes(reader.array()?);
            }
            Some(counts)
        };
        Some(Self { port_identity, received: counts()?, sent: counts()? })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.port_identity.write(writer);
        for count in self.received.iter().chain(&self.sent) {
            writer.octets(&count.to_le_bytes());
        }
    }
}
