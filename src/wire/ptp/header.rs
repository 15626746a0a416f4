//! The 34 octets that every message begins with.

use super::{ClockIdentity, Flags, ParseError, PortIdentity};
use crate::coding::Coded;
use crate::time::{Duration, LogInterval};
use crate::wire::octets::{Reader, Writer};

/// Octets of the header (IEEE 1588-2019 13.3.1, table 35).
pub const HEADER_LENGTH: usize = 34;

/// The major version that this is.
pub const VERSION_PTP: u8 = 2;

/// messageType (IEEE 1588-2019 13.3.2.3, table 36). Those below 8 are event messages, which are stamped.
#[doc(alias = "messageType")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum MessageType {
    /// Master to slaves: now.
    Sync = 0x0,
    /// Slave to master, to measure the way back.
    DelayReq = 0x1,
    /// To the neighbour, to measure the link.
    PdelayReq = 0x2,
    /// The neighbour's answer.
    PdelayResp = 0x3,
    /// When the Sync before it really left.
    FollowUp = 0x8,
    /// When the Delay_Req came in.
    DelayResp = 0x9,
    /// When the Pdelay_Resp before it really left.
    PdelayRespFollowUp = 0xa,
    /// What the sender's grandmaster is.
    Announce = 0xb,
    /// Requests between ports, such as unicast negotiation.
    Signaling = 0xc,
    /// Reading and setting data sets.
    Management = 0xd,
}

impl MessageType {
    /// All that are defined, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Sync,
        Self::DelayReq,
        Self::PdelayReq,
        Self::PdelayResp,
        Self::FollowUp,
        Self::DelayResp,
        Self::PdelayRespFollowUp,
        Self::Announce,
        Self::Signaling,
        Self::Management,
    ];

    /// From the low nibble of an octet; `None` for the reserved values.
    pub const fn from_bits(octet: u8) -> Option<Self> {
        Some(match octet & 0x0f {
            0x0 => Self::Sync,
            0x1 => Self::DelayReq,
            0x2 => Self::PdelayReq,
            0x3 => Self::PdelayResp,
            0x8 => Self::FollowUp,
            0x9 => Self::DelayResp,
            0xa => Self::PdelayRespFollowUp,
            0xb => Self::Announce,
            0xc => Self::Signaling,
            0xd => Self::Management,
            _ => return None,
        })
    }

    /// Whether its departure and arrival are stamped.
    pub const fn is_event(self) -> bool {
        (self as u8) < 0x8
    }

    /// Whether it is of the peer delay mechanism: those messages go no further than to the neighbour, by an address of their own.
    pub const fn is_peer_delay(self) -> bool {
        matches!(self, Self::PdelayReq | Self::PdelayResp | Self::PdelayRespFollowUp)
    }

    /// Octets between header and TLVs (IEEE 1588-2019 13.5 to 13.13 and 15.4.1).
    pub const fn body_length(self) -> usize {
        match self {
            Self::Sync | Self::DelayReq | Self::FollowUp | Self::Signaling => 10,
            Self::PdelayReq | Self::PdelayResp | Self::DelayResp | Self::PdelayRespFollowUp => 20,
            Self::Announce => 30,
            Self::Management => 14,
        }
    }

    /// controlField, which only PTP version 1 needed (IEEE 1588-2019 13.3.2.13, table 42). Written, never read.
    pub(super) const fn control_field(self) -> u8 {
        match self {
            Self::Sync => 0,
            Self::DelayReq => 1,
            Self::FollowUp => 2,
            Self::DelayResp => 3,
            Self::Management => 4,
            Self::PdelayReq | Self::PdelayResp | Self::PdelayRespFollowUp | Self::Announce | Self::Signaling => 5,
        }
    }

    /// The standard's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "Sync",
            Self::DelayReq => "Delay_Req",
            Self::PdelayReq => "Pdelay_Req",
            Self::PdelayResp => "Pdelay_Resp",
            Self::FollowUp => "Follow_Up",
            Self::DelayResp => "Delay_Resp",
            Self::PdelayRespFollowUp => "Pdelay_Resp_Follow_Up",
            Self::Announce => "Announce",
            Self::Signaling => "Signaling",
            Self::Management => "Management",
        }
    }
}

/// correctionField: 2^-16 ns, signed (IEEE 1588-2019 13.3.2.9).
///
/// Negative is legal: asymmetry, or the part of a Delay_Req's arrival that is below a nanosecond.
#[doc(alias = "correctionField")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Coded)]
pub struct CorrectionField(i64);

impl CorrectionField {
    /// Nothing to correct.
    pub const ZERO: Self = Self(0);
    /// All ones but the first: the correction does not fit. A message with it is useless.
    pub const TOO_BIG: Self = Self(i64::MAX);

    /// From the 64 bits on the wire.
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// The 64 bits on the wire.
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// The correction, exact, within about 39 hours on either side; `None` if it is [`TOO_BIG`](Self::TOO_BIG).
    pub fn to_duration(self) -> Option<Duration> {
        (self != Self::TOO_BIG).then(|| Duration::from_ticks(i128::from(self.0)))
    }

    /// From a correction, exact; beyond the format on either side it is [`TOO_BIG`](Self::TOO_BIG).
    ///
    /// On the negative side as well: the standard has no other way to say it, and a limited number would be a lie.
    pub fn from_duration(correction: Duration) -> Self {
        i64::try_from(correction.ticks()).map_or(Self::TOO_BIG, Self)
    }

    /// With `more` added; too big stays too big.
    #[must_use]
    pub fn plus(self, more: Duration) -> Self {
        self.to_duration().map_or(Self::TOO_BIG, |correction| Self::from_duration(correction + more))
    }
}

/// The header of every message (IEEE 1588-2019 13.3.1, table 35).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// 12 bits: majorSdoId (the high nibble) and minorSdoId.
    #[doc(alias = "sdoId")]
    pub sdo_id: u16,
    /// Which body follows.
    pub message_type: MessageType,
    /// The major version, 2 in everything that was parsed.
    pub version_ptp: u8,
    /// The minor version: 0 for 2008, 1 for 2019. No reason to refuse.
    pub minor_version_ptp: u8,
    /// Octets of header, body and TLVs as received; on writing the length comes from the message itself.
    pub message_length: u16,
    /// The domain.
    pub domain_number: u8,
    /// The flags.
    pub flags: Flags,
    /// What to add to the message's time.
    pub correction_field: CorrectionField,
    /// Who sent it.
    pub source_port_identity: PortIdentity,
    /// Counts the messages of one type of one port; wraps.
    pub sequence_id: u16,
    /// How often such messages come.
    pub log_message_interval: LogInterval,
}

impl Header {
    /// Reads the header alone, at the start of a datagram, whatever follows.
    ///
    /// # Errors
    /// [`ParseError::HeaderTruncated`], [`ParseError::Version`], [`ParseError::MessageType`].
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let reader = &mut Reader::new(octets.get(..HEADER_LENGTH).ok_or(ParseError::HeaderTruncated)?);
        Self::fields(reader).ok_or(ParseError::HeaderTruncated)?
    }

    /// `None` if the reader ends too early.
    fn fields(reader: &mut Reader<'_>) -> Option<Result<Self, ParseError>> {
        let sdo_and_type = reader.u8()?;
        let versions = reader.u8()?;
        if versions & 0x0f != VERSION_PTP {
            return Some(Err(ParseError::Version));
        }
        let Some(message_type) = MessageType::from_bits(sdo_and_type) else {
            return Some(Err(ParseError::MessageType));
        };
        let message_length = reader.u16()?;
        let domain_number = reader.u8()?;
        let minor_sdo_id = reader.u8()?;
        let flags = Flags(reader.u16()?);
        let correction_field = CorrectionField(reader.i64()?);
        let _message_type_specific = reader.u32()?;
        let source_port_identity = PortIdentity::read(reader)?;
        let sequence_id = reader.u16()?;
        let _control_field = reader.u8()?;
        let log_message_interval = LogInterval::new(reader.i8()?);
        Some(Ok(Self {
            sdo_id: u16::from(sdo_and_type >> 4) << 8 | u16::from(minor_sdo_id),
            message_type,
            version_ptp: versions & 0x0f,
            minor_version_ptp: versions >> 4,
            message_length,
            domain_number,
            flags,
            correction_field,
            source_port_identity,
            sequence_id,
            log_message_interval,
        }))
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>, message_type: MessageType, message_length: u16) {
        let [sdo_high, sdo_low] = self.sdo_id.to_be_bytes();
        writer.u8(sdo_high << 4 | message_type as u8);
        writer.u8(self.minor_version_ptp << 4 | self.version_ptp & 0x0f);
        writer.u16(message_length);
        writer.u8(self.domain_number);
        writer.u8(sdo_low);
        writer.u16(self.flags.0);
        writer.u64(self.correction_field.0 as u64);
        writer.u32(0);
        self.source_port_identity.write(writer);
        writer.u16(self.sequence_id);
        writer.u8(message_type.control_field());
        writer.u8(self.log_message_interval.log2_seconds() as u8);
    }
}

impl PortIdentity {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { clock_identity: ClockIdentity(reader.array()?), port_number: reader.u16()? })
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.octets(&self.clock_identity.0);
        writer.u16(self.port_number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_beyond_the_format_is_too_big_on_both_sides() {
        let ticks = |ticks: i128| CorrectionField::from_duration(Duration::from_ticks(ticks));
        assert_eq!(ticks(i128::from(i64::MAX)), CorrectionField::TOO_BIG);
        assert_eq!(ticks(i128::from(i64::MAX) + 1), CorrectionField::TOO_BIG);
        assert_eq!(ticks(i128::from(i64::MIN) - 1), CorrectionField::TOO_BIG);
        assert_eq!(CorrectionField::from_duration(Duration::MIN), CorrectionField::TOO_BIG);
        assert_eq!(CorrectionField::TOO_BIG.to_duration(), None);
        assert_eq!(CorrectionField::TOO_BIG.plus(-Duration::SECOND), CorrectionField::TOO_BIG);
        for fits in [i64::MAX - 1, 0, -1, i64::MIN] {
            assert_eq!(ticks(i128::from(fits)).to_bits(), fits);
        }
    }

    #[test]
    fn message_types_come_back_from_their_nibble() {
        for message_type in MessageType::ALL {
            assert_eq!(MessageType::from_bits(0xf0 | message_type as u8), Some(message_type));
        }
        for reserved in [4, 5, 6, 7, 14, 15] {
            assert_eq!(MessageType::from_bits(reserved), None);
        }
    }
}
