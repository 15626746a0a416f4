//! The 48 octets that every packet begins with.

use super::ParseError;
use crate::coding::Coded;
use crate::time::{LeapIndicator, NtpShort, NtpTimestamp};
use crate::wire::octets::{Reader, Writer};

/// Octets of the header.
pub const HEADER_LENGTH: usize = 48;

/// The association mode (RFC 5905 figure 10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Coded)]
#[repr(u8)]
pub enum Mode {
    /// Reserved; clients of version 1 send it, since that version had no modes yet.
    Reserved = 0,
    /// Peer to peer, asking.
    SymmetricActive = 1,
    /// Peer to peer, answering.
    SymmetricPassive = 2,
    /// Client to server.
    #[default]
    Client = 3,
    /// Server to client.
    Server = 4,
    /// Server to all.
    Broadcast = 5,
    /// Control messages.
    Control = 6,
    /// Private use.
    Private = 7,
}

impl Mode {
    /// From the low three bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => Self::Reserved,
            1 => Self::SymmetricActive,
            2 => Self::SymmetricPassive,
            3 => Self::Client,
            4 => Self::Server,
            5 => Self::Broadcast,
            6 => Self::Control,
            _ => Self::Private,
        }
    }
}

/// The header of every packet (RFC 5905 7.3, figure 8).
///
/// The default is all zero with leap "unknown" in client mode of version 4: the start of an answer or a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Header {
    /// Leap second ahead, or not synchronised.
    pub leap: LeapIndicator,
    /// The version, 0 to 7 as received by [`Header::parse`], 1 to 4 in a packet.
    pub version: u8,
    /// The mode.
    pub mode: Mode,
    /// 1 primary, 2 to 15 secondary; 0 is "unspecified" or a kiss-o'-death.
    pub stratum: u8,
    /// log2 of the poll interval in seconds.
    pub poll: i8,
    /// log2 of the clock's precision in seconds.
    pub precision: i8,
    /// Round trip to the primary source.
    pub root_delay: NtpShort,
    /// Error relative to the primary source.
    pub root_dispersion: NtpShort,
    /// Whom the sender follows, or a kiss code.
    pub reference_id: [u8; 4],
    /// When the sender's clock was last set.
    pub reference_timestamp: NtpTimestamp,
    /// The transmit timestamp of the packet that this one answers.
    pub origin_timestamp: NtpTimestamp,
    /// When the packet that this one answers came in.
    pub receive_timestamp: NtpTimestamp,
    /// When this packet left.
    pub transmit_timestamp: NtpTimestamp,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            leap: LeapIndicator::Unknown,
            version: 4,
            mode: Mode::Client,
            stratum: 0,
            poll: 0,
            precision: 0,
            root_delay: NtpShort::default(),
            root_dispersion: NtpShort::default(),
            reference_id: [0; 4],
            reference_timestamp: NtpTimestamp::UNSET,
            origin_timestamp: NtpTimestamp::UNSET,
            receive_timestamp: NtpTimestamp::UNSET,
            transmit_timestamp: NtpTimestamp::UNSET,
        }
    }
}

impl Header {
    /// Reads the header alone, of any version and mode, whatever follows.
    ///
    /// # Errors
    /// [`ParseError::HeaderTruncated`] below 48 octets.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        Self::fields(&mut Reader::new(octets)).ok_or(ParseError::HeaderTruncated)
    }

    /// `None` if the reader ends too early.
    fn fields(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        Some(Self {
            leap: LeapIndicator::from_bits(first >> 6),
            version: first >> 3 & 7,
            mode: Mode::from_bits(first),
            stratum: reader.u8()?,
            poll: reader.i8()?,
            precision: reader.i8()?,
            root_delay: NtpShort::from_bits(reader.u32()?),
            root_dispersion: NtpShort::from_bits(reader.u32()?),
            reference_id: reader.array()?,
            reference_timestamp: NtpTimestamp::from_bits(reader.u64()?),
            origin_timestamp: NtpTimestamp::from_bits(reader.u64()?),
            receive_timestamp: NtpTimestamp::from_bits(reader.u64()?),
            transmit_timestamp: NtpTimestamp::from_bits(reader.u64()?),
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        writer.u8((self.leap as u8) << 6 | (self.version & 7) << 3 | self.mode as u8);
        writer.u8(self.stratum);
        writer.u8(self.poll as u8);
        writer.u8(self.precision as u8);
        writer.u32(self.root_delay.to_bits());
        writer.u32(self.root_dispersion.to_bits());
        writer.octets(&self.reference_id);
        writer.u64(self.reference_timestamp.to_bits());
        writer.u64(self.origin_timestamp.to_bits());
        writer.u64(self.receive_timestamp.to_bits());
        writer.u64(self.transmit_timestamp.to_bits());
    }
}
