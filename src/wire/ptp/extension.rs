//! TLVs by what they hold (IEEE 1588-2019 clause 14): those that are known here as values, the others as octets.

use super::organization::{GptpCapable, OrganizationExtension};
use super::text::even;
use super::text::{PtpText, exactly, padded};
use super::unicast::{CancelUnicast, GrantUnicast, RequestUnicast};
use super::{ClockIdentity, ManagementErrorStatus, ManagementTlv, Tlv, TlvType};
use crate::wire::octets::{BufferTooSmall, Reader, Writer};

/// Octets of a TLV's type and length.
const HEAD: usize = 4;

/// Why the value of a TLV means nothing; its type and length are in order, so that what follows it can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlvError {
    /// Its length is not that of its type: WRONG_LENGTH in an answer to management.
    WrongLength,
    /// A field holds what it must not: WRONG_VALUE in an answer to management.
    WrongValue,
}

impl std::fmt::Display for TlvError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::WrongLength => "wrong length",
            Self::WrongValue => "wrong value",
        })
    }
}

impl std::error::Error for TlvError {}

/// PATH_TRACE: who has passed on an Announce, the grandmaster first (IEEE 1588-2019 16.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PathTrace<'a>(&'a [[u8; 8]]);

impl<'a> PathTrace<'a> {
    /// Of these identities.
    pub const fn new(path_sequence: &'a [[u8; 8]]) -> Self {
        Self(path_sequence)
    }

    /// In their order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = ClockIdentity> + 'a {
        self.0.iter().map(|identity| ClockIdentity(*identity))
    }

    fn read(value: &'a [u8]) -> Result<Self, TlvError> {
        match value.as_chunks() {
            (identities, []) => Ok(Self(identities)),
            _ => Err(TlvError::WrongLength),
        }
    }
}

/// ALTERNATE_TIME_OFFSET_INDICATOR: what to add to get another timescale, such as local time (IEEE 1588-2019 16.3.3, table 134).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlternateTimeOffset<'a> {
    /// Which of several.
    pub key_field: u8,
    /// Seconds ahead of the timescale of the grandmaster.
    pub current_offset_s: i32,
    /// By how many seconds it jumps next.
    pub jump_s: i32,
    /// When, in seconds of the grandmaster's timescale: 48 bits.
    pub time_of_next_jump_s: u64,
    /// What it is called.
    pub display_name: PtpText<'a>,
}

impl<'a> AlternateTimeOffset<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            key_field: reader.u8()?,
            current_offset_s: reader.u32()? as i32,
            jump_s: reader.u32()? as i32,
            time_of_next_jump_s: reader.u48()?,
            display_name: PtpText::read(reader)?,
        })
    }

    const fn length(&self) -> usize {
        even(15 + self.display_name.length())
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u8(self.key_field);
        writer.u32(self.current_offset_s as u32);
        writer.u32(self.jump_s as u32);
        writer.u48(self.time_of_next_jump_s);
        self.display_name.write(writer);
    }
}

/// A TLV by what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "made on the stack, one at a time")]
pub enum Extension<'a> {
    /// MANAGEMENT.
    Management(ManagementTlv<'a>),
    /// MANAGEMENT_ERROR_STATUS.
    ManagementErrorStatus(ManagementErrorStatus<'a>),
    /// ORGANIZATION_EXTENSION, and what is known here of ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE.
    Organization(OrganizationExtension<'a>),
    /// REQUEST_UNICAST_TRANSMISSION.
    RequestUnicast(RequestUnicast),
    /// GRANT_UNICAST_TRANSMISSION.
    GrantUnicast(GrantUnicast),
    /// CANCEL_UNICAST_TRANSMISSION.
    CancelUnicast(CancelUnicast),
    /// ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION.
    AcknowledgeCancelUnicast(CancelUnicast),
    /// PATH_TRACE.
    PathTrace(PathTrace<'a>),
    /// ALTERNATE_TIME_OFFSET_INDICATOR.
    AlternateTimeOffset(AlternateTimeOffset<'a>),
    /// PAD: so many octets of value that mean nothing.
    Pad(u16),
    /// One that is not known here.
    Other(Tlv<'a>),
}

impl<'a> Tlv<'a> {
    /// What it holds.
    ///
    /// # Errors
    /// [`TlvError`] for a type that is known and a value that is none of it.
    pub fn extension(self) -> Result<Extension<'a>, TlvError> {
        let value = self.value;
        Ok(match self.tlv_type {
            TlvType::MANAGEMENT => Extension::Management(ManagementTlv::read(value)?),
            TlvType::MANAGEMENT_ERROR_STATUS => Extension::ManagementErrorStatus(ManagementErrorStatus::read(value)?),
            TlvType::ORGANIZATION_EXTENSION => Extension::Organization(OrganizationExtension::read(value)?),
            TlvType::ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE if GptpCapable::is_head_of(value) => {
                Extension::Organization(OrganizationExtension::read(value)?)
            }
            TlvType::REQUEST_UNICAST_TRANSMISSION => Extension::RequestUnicast(RequestUnicast::read(value)?),
            TlvType::GRANT_UNICAST_TRANSMISSION => Extension::GrantUnicast(GrantUnicast::read(value)?),
            TlvType::CANCEL_UNICAST_TRANSMISSION => Extension::CancelUnicast(CancelUnicast::read(value)?),
            TlvType::ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION => {
                Extension::AcknowledgeCancelUnicast(CancelUnicast::read(value)?)
            }
            TlvType::PATH_TRACE => Extension::PathTrace(PathTrace::read(value)?),
            TlvType::ALTERNATE_TIME_OFFSET_INDICATOR => {
                Extension::AlternateTimeOffset(padded(value, AlternateTimeOffset::read)?)
            }
            TlvType::PAD => Extension::Pad(exactly(value, |reader| {
                let length = reader.rest().len();
                reader.slice(length).map(|_| length as u16)
            })?),
            _ => Extension::Other(self),
        })
    }
}

impl Extension<'_> {
    /// Its tlvType.
    pub const fn tlv_type(&self) -> TlvType {
        match self {
            Self::Management(_) => TlvType::MANAGEMENT,
            Self::ManagementErrorStatus(_) => TlvType::MANAGEMENT_ERROR_STATUS,
            Self::Organization(organization) => organization.tlv_type(),
            Self::RequestUnicast(_) => TlvType::REQUEST_UNICAST_TRANSMISSION,
            Self::GrantUnicast(_) => TlvType::GRANT_UNICAST_TRANSMISSION,
            Self::CancelUnicast(_) => TlvType::CANCEL_UNICAST_TRANSMISSION,
            Self::AcknowledgeCancelUnicast(_) => TlvType::ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION,
            Self::PathTrace(_) => TlvType::PATH_TRACE,
            Self::AlternateTimeOffset(_) => TlvType::ALTERNATE_TIME_OFFSET_INDICATOR,
            Self::Pad(_) => TlvType::PAD,
            Self::Other(tlv) => tlv.tlv_type,
        }
    }

    /// Octets on the wire, type and length included; even.
    pub const fn length(&self) -> usize {
        let value = match self {
            Self::Management(management) => management.length(),
            Self::ManagementErrorStatus(status) => status.length(),
            Self::Organization(organization) => organization.length(),
            Self::RequestUnicast(_) => RequestUnicast::LENGTH,
            Self::GrantUnicast(_) => GrantUnicast::LENGTH,
            Self::CancelUnicast(_) | Self::AcknowledgeCancelUnicast(_) => CancelUnicast::LENGTH,
            Self::PathTrace(path) => path.0.len() * 8,
            Self::AlternateTimeOffset(offset) => offset.length(),
            Self::Pad(length) => *length as usize,
            Self::Other(tlv) => tlv.value.len(),
        };
        HEAD + even(value)
    }

    /// Writes it at the start of `out` and returns its length: written one after the other they are [`Tlvs`](super::Tlvs).
    ///
    /// # Errors
    /// [`BufferTooSmall`], also when the value has more than 65 535 octets.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let length = self.length();
        let value_length = u16::try_from(length - HEAD).map_err(|_| BufferTooSmall { needed: length })?;
        let mut writer = Writer::new(out, length)?;
        writer.u16(self.tlv_type().0);
        writer.u16(value_length);
        match self {
            Self::Management(management) => management.write(&mut writer),
            Self::ManagementErrorStatus(status) => status.write(&mut writer),
            Self::Organization(organization) => organization.write(&mut writer),
            Self::RequestUnicast(request) => request.write(&mut writer),
            Self::GrantUnicast(grant) => grant.write(&mut writer),
            Self::CancelUnicast(cancel) | Self::AcknowledgeCancelUnicast(cancel) => cancel.write(&mut writer),
            Self::PathTrace(path) => writer.octets(path.0.as_flattened()),
            Self::AlternateTimeOffset(offset) => offset.write(&mut writer),
            Self::Pad(_) => {}
            Self::Other(tlv) => writer.octets(tlv.value),
        }
        // A pad octet, or many.
        while writer.remaining() > 0 {
            writer.u8(0);
        }
        Ok(length)
    }
}
