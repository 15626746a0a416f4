//! Why a packet is refused.

use std::fmt;

use crate::coding::Coded;

/// Why a datagram is not an NTP packet. Each reason has its own counter, at [`ParseError::index`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
#[repr(u8)]
pub enum ParseError {
    /// Fewer than 48 octets.
    HeaderTruncated = 0,
    /// Mode 6 (control) or 7 (private), which are other protocols on the same port.
    ControlMode = 1,
    /// A version that is not 1 to 4.
    Version = 2,
    /// What is left at the end is neither an extension field nor a MAC.
    MacLength = 3,
    /// An extension field is below 16 octets, not a multiple of 4, or longer than the packet (RFC 7822 7.5).
    ExtensionFieldLength = 4,
    /// The last extension field, without a MAC after it, is below 28 octets (RFC 7822 7.5.1.2).
    LastExtensionFieldTooShort = 5,
}

impl ParseError {
    /// All reasons, in the order of their indices.
    pub const ALL: [Self; 6] = [
        Self::HeaderTruncated,
        Self::ControlMode,
        Self::Version,
        Self::MacLength,
        Self::ExtensionFieldLength,
        Self::LastExtensionFieldTooShort,
    ];

    /// The reason's place in a table of counters of length `ALL.len()`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeaderTruncated => "header_truncated",
            Self::ControlMode => "control_mode",
            Self::Version => "version",
            Self::MacLength => "mac_length",
            Self::ExtensionFieldLength => "extension_field_length",
            Self::LastExtensionFieldTooShort => "last_extension_field_too_short",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::error::Error for ParseError {}
