//! What organizations add: ORGANIZATION_EXTENSION (IEEE 1588-2019 14.3), and those that are known here: three of IEEE 802.1AS, and those of
//! IEEE C37.238 and SMPTE ST 2059-2.

use super::metadata::SynchronizationMetadata;
use super::text::exactly;
use super::{TlvError, TlvType};
use crate::time::LogInterval;
use crate::wire::octets::{Reader, Writer};

/// An extension as its organization defines it. The data has an even length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Organization<'a> {
    /// An OUI or CID.
    pub organization_id: [u8; 3],
    /// Which of its extensions.
    pub organization_sub_type: [u8; 3],
    /// What follows.
    pub data: &'a [u8],
}

/// The OUI of IEEE 802.1.
const IEEE_802_1: [u8; 3] = [0x00, 0x80, 0xc2];
const FOLLOW_UP_INFORMATION: [u8; 3] = [0, 0, 1];
const MESSAGE_INTERVAL_REQUEST: [u8; 3] = [0, 0, 2];
const GPTP_CAPABLE: [u8; 3] = [0, 0, 4];

/// The OUI of IEEE C37.238, and the TLV of its edition of 2017.
const IEEE_C37_238: [u8; 3] = [0x1c, 0x12, 0x9d];
const POWER_PROFILE: [u8; 3] = [0, 0, 2];

/// The OUI of SMPTE, and its SM TLV.
const SMPTE: [u8; 3] = [0x68, 0x97, 0xe8];
const SYNCHRONIZATION_METADATA: [u8; 3] = [0, 0, 1];

/// ScaledNs: 2^-16 ns, 96 bits, signed (IEEE 802.1AS-2020 6.4.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ScaledNs([u8; 12]);

impl ScaledNs {
    /// `None` beyond 96 bits: 1.2e6 years.
    pub fn from_ticks(ticks: i128) -> Option<Self> {
        let fits = ticks >> 95 == 0 || ticks >> 95 == -1;
        let [_, _, _, _, low @ ..] = ticks.to_be_bytes();
        fits.then_some(Self(low))
    }

    /// In 2^-16 ns.
    pub const fn ticks(self) -> i128 {
        let mut octets = [0; 16];
        let mut index = 0;
        while index < self.0.len() {
            octets[index] = self.0[index];
            index += 1;
        }
        i128::from_be_bytes(octets) >> 32
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.array().map(Self)
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.octets(&self.0);
    }
}

/// The Follow_Up information TLV (IEEE 802.1AS-2020 11.4.4.3): what a gPTP master says of the grandmaster's rate and phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowUpInformation {
    /// The grandmaster's frequency to the sender's, less 1, times 2^41.
    pub cumulative_scaled_rate_offset: i32,
    /// Counts the changes of the grandmaster's source of time.
    pub gm_time_base_indicator: u16,
    /// By how much the phase changed at the last of them.
    pub last_gm_phase_change: ScaledNs,
    /// By how much the frequency changed then, times 2^41.
    pub scaled_last_gm_freq_change: i32,
}

/// The message interval request TLV (IEEE 802.1AS-2020 10.6.4.3), in a Signaling. 127 asks to stop, 126 for the initial
/// interval, -128 for no change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageIntervalRequest {
    /// Between Pdelay_Req.
    pub link_delay_interval: LogInterval,
    /// Between Sync.
    pub time_sync_interval: LogInterval,
    /// Between Announce.
    pub announce_interval: LogInterval,
    /// Table 10-18, as on the wire.
    pub flags: u8,
}

/// The gPTP-capable TLV (IEEE 802.1AS-2020 10.6.4.4), in a Signaling: the sender speaks 802.1AS in this domain. Of its flags none is defined.
///
/// It is an ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE; some send it as an ORGANIZATION_EXTENSION, which is read too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GptpCapable {
    /// logGptpCapableMessageInterval: how often it says so.
    pub message_interval: LogInterval,
}

/// The TLV of IEEE C37.238-2017 in an Announce: whose time it is, and how wrong it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowerProfile {
    /// grandmasterID, by which an operator knows the grandmaster; 0 is none.
    pub grandmaster_id: u16,
    /// totalTimeInaccuracy: the greatest error of what the sender says, in nanoseconds; `u32::MAX` is unknown.
    pub total_time_inaccuracy: u32,
}

/// What an ORGANIZATION_EXTENSION holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrganizationExtension<'a> {
    /// IEEE 802.1, subtype 1.
    FollowUpInformation(FollowUpInformation),
    /// IEEE 802.1, subtype 2.
    MessageIntervalRequest(MessageIntervalRequest),
    /// IEEE 802.1, subtype 4.
    GptpCapable(GptpCapable),
    /// IEEE C37.238, subtype 2.
    PowerProfile(PowerProfile),
    /// SMPTE, subtype 1.
    SynchronizationMetadata(SynchronizationMetadata),
    /// Another's.
    Other(Organization<'a>),
}

impl<'a> OrganizationExtension<'a> {
    pub(super) const fn tlv_type(&self) -> TlvType {
        match self {
            Self::GptpCapable(_) => TlvType::ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE,
            Self::FollowUpInformation(_)
            | Self::MessageIntervalRequest(_)
            | Self::PowerProfile(_)
            | Self::SynchronizationMetadata(_)
            | Self::Other(_) => TlvType::ORGANIZATION_EXTENSION,
        }
    }

    pub(super) const fn length(&self) -> usize {
        match self {
            Self::FollowUpInformation(_) => 28,
            Self::MessageIntervalRequest(_) | Self::GptpCapable(_) => 12,
            Self::PowerProfile(_) => 18,
            Self::SynchronizationMetadata(_) => 6 + SynchronizationMetadata::LENGTH,
            Self::Other(organization) => 6 + organization.data.len(),
        }
    }

    pub(super) fn read(value: &'a [u8]) -> Result<Self, TlvError> {
        let mut reader = Reader::new(value);
        let mut three = || reader.array::<3>().ok_or(TlvError::WrongLength);
        let (organization_id, organization_sub_type) = (three()?, three()?);
        let data = reader.rest();
        Ok(match (organization_id, organization_sub_type) {
            (IEEE_802_1, FOLLOW_UP_INFORMATION) => Self::FollowUpInformation(exactly(data, FollowUpInformation::read)?),
            (IEEE_802_1, MESSAGE_INTERVAL_REQUEST) => {
                Self::MessageIntervalRequest(exactly(data, MessageIntervalRequest::read)?)
            }
            (IEEE_802_1, GPTP_CAPABLE) => Self::GptpCapable(exactly(data, GptpCapable::read)?),
            (IEEE_C37_238, POWER_PROFILE) => Self::PowerProfile(exactly(data, PowerProfile::read)?),
            (SMPTE, SYNCHRONIZATION_METADATA) => {
                Self::SynchronizationMetadata(exactly(data, SynchronizationMetadata::read)?)
            }
            _ => Self::Other(Organization { organization_id, organization_sub_type, data }),
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::FollowUpInformation(information) => {
                writer.octets(&IEEE_802_1);
                writer.octets(&FOLLOW_UP_INFORMATION);
                writer.u32(information.cumulative_scaled_rate_offset as u32);
                writer.u16(information.gm_time_base_indicator);
                information.last_gm_phase_change.write(writer);
                writer.u32(information.scaled_last_gm_freq_change as u32);
            }
            Self::MessageIntervalRequest(request) => {
                writer.octets(&IEEE_802_1);
                writer.octets(&MESSAGE_INTERVAL_REQUEST);
                for interval in [request.link_delay_interval, request.time_sync_interval, request.announce_interval] {
                    writer.u8(interval.log2_seconds() as u8);
                }
                writer.octets(&[request.flags, 0, 0]);
            }
            Self::GptpCapable(capable) => {
                writer.octets(&IEEE_802_1);
                writer.octets(&GPTP_CAPABLE);
                writer.u8(capable.message_interval.log2_seconds() as u8);
                writer.octets(&[0; 5]);
            }
            Self::PowerProfile(profile) => {
                writer.octets(&IEEE_C37_238);
                writer.octets(&POWER_PROFILE);
                writer.u16(profile.grandmaster_id);
                writer.u32(0);
                writer.u32(profile.total_time_inaccuracy);
                writer.u16(0);
            }
            Self::SynchronizationMetadata(metadata) => {
                writer.octets(&SMPTE);
                writer.octets(&SYNCHRONIZATION_METADATA);
                metadata.write(writer);
            }
            Self::Other(organization) => {
                writer.octets(&organization.organization_id);
                writer.octets(&organization.organization_sub_type);
                writer.octets(organization.data);
            }
        }
    }
}

impl FollowUpInformation {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            cumulative_scaled_rate_offset: reader.u32()? as i32,
            gm_time_base_indicator: reader.u16()?,
            last_gm_phase_change: ScaledNs::read(reader)?,
            scaled_last_gm_freq_change: reader.u32()? as i32,
        })
    }
}

impl MessageIntervalRequest {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut interval = || reader.i8().map(LogInterval::new);
        let (link_delay_interval, time_sync_interval, announce_interval) = (interval()?, interval()?, interval()?);
        let flags = reader.u8()?;
        let _reserved = reader.u16()?;
        Some(Self { link_delay_interval, time_sync_interval, announce_interval, flags })
    }
}

impl GptpCapable {
    /// Whether a value is of this extension, however long it is.
    pub(super) fn is_head_of(value: &[u8]) -> bool {
        value.strip_prefix(&IEEE_802_1).is_some_and(|rest| rest.starts_with(&GPTP_CAPABLE))
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let message_interval = LogInterval::new(reader.i8()?);
        let _flags_and_reserved = reader.array::<5>()?;
        Some(Self { message_interval })
    }
}

impl PowerProfile {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let grandmaster_id = reader.u16()?;
        let _reserved = reader.u32()?;
        let total_time_inaccuracy = reader.u32()?;
        let _reserved = reader.u16()?;
        Some(Self { grandmaster_id, total_time_inaccuracy })
    }
}
