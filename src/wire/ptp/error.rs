//! Why a message is refused.

use std::fmt;

use crate::coding::Coded;

/// Why a datagram is not a PTP message. Each reason has its own counter, at [`ParseError::index`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
#[repr(u8)]
pub enum ParseError {
    /// The datagram ends before the header does: fewer than 34 octets.
    HeaderTruncated = 0,
    /// The major versionPTP is not 2; PTP version 1 is among these.
    Version = 1,
    /// messageType is one of the reserved values 4 to 7, 14 and 15.
    MessageType = 2,
    /// messageLength is less than header and body of this messageType.
    MessageLengthBelowBody = 3,
    /// messageLength is more than the datagram has.
    MessageLengthAboveDatagram = 4,
    /// A timestamp's nanosecondsField is 10^9 or more (IEEE 1588-2019 5.3.3).
    Nanoseconds = 5,
    /// A TLV's type, length or value goes beyond messageLength.
    TlvTruncated = 6,
    /// A TLV's lengthField is odd (IEEE 1588-2019 14.1.1).
    TlvLengthOdd = 7,
}

impl ParseError {
    /// All reasons, in the order of their indices.
    pub const ALL: [Self; 8] = [
        Self::HeaderTruncated,
        Self::Version,
        Self::MessageType,
        Self::MessageLengthBelowBody,
        Self::MessageLengthAboveDatagram,
        Self::Nanoseconds,
        Self::TlvTruncated,
        Self::TlvLengthOdd,
    ];

    /// The reason's place in a table of counters of length `ALL.len()`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeaderTruncated => "header_truncated",
            Self::Version => "version",
            Self::MessageType => "message_type",
            Self::MessageLengthBelowBody => "message_length_below_body",
            Self::MessageLengthAboveDatagram => "message_length_above_datagram",
            Self::Nanoseconds => "nanoseconds",
            Self::TlvTruncated => "tlv_truncated",
            Self::TlvLengthOdd => "tlv_length_odd",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::error::Error for ParseError {}
