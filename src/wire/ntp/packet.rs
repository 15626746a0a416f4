//! Whole packets: parse and write.

use super::extension::{EXTENSION_FIELD_LENGTH_MIN, split_first};
use super::{ExtensionFields, HEADER_LENGTH, Header, Mode, ParseError};
use crate::wire::octets::{BufferTooSmall, Reader, Writer};

/// The shortest last extension field that no MAC follows (RFC 7822 7.5.1.2).
const LAST_EXTENSION_FIELD_LENGTH_MIN: usize = 28;

/// Octets of a key identifier with a digest of 16 octets (MD5, AES-CMAC): the shortest MAC.
const MAC_LENGTH_MIN: usize = 20;

/// Octets of a key identifier with the longest digest that version 4 allows (RFC 7822 7.5).
const MAC_LENGTH_MAX_VERSION_4: usize = 24;

/// Octets of a key identifier with the longest digest in use, SHA-512. Version 3 only.
const MAC_LENGTH_MAX_VERSION_3: usize = 68;

/// Octets of Microsoft's ExtendedAuthenticator (MS-SNTP 2.2.2).
const MS_SNTP_EXTENDED_LENGTH: usize = 72;

/// What authenticates the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mac<'a> {
    /// Four zero octets: the server could not verify the request (RFC 5905 7.3).
    CryptoNak,
    /// A digest under a shared key; 16 or 20 octets, in version 3 up to 64.
    Symmetric {
        /// Which key.
        key_id: u32,
        /// The digest.
        digest: &'a [u8],
    },
    /// A request of MS-SNTP: a key identifier and 16 zero octets (MS-SNTP 2.2.1). Version 3 only.
    MsSntp {
        /// The relative identifier of the machine's account.
        key_id: u32,
    },
    /// A request of MS-SNTP in its extended form: 72 octets, the last 64 zero (MS-SNTP 2.2.2). Version 3 only.
    MsSntpExtended {
        /// The relative identifier of the machine's account.
        key_id: u32,
        /// Reserved, Flags, ClientHashIDHints and SignatureHashID.
        hints: [u8; 4],
    },
}

impl<'a> Mac<'a> {
    /// Octets on the wire.
    const fn length(&self) -> usize {
        match self {
            Self::CryptoNak => 4,
            Self::Symmetric { digest, .. } => 4 + digest.len(),
            Self::MsSntp { .. } => MAC_LENGTH_MIN,
            Self::MsSntpExtended { .. } => MS_SNTP_EXTENDED_LENGTH,
        }
    }

    /// All that follows the header in version 3, where no extension fields are.
    fn of_version_3(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let key_id = reader.u32()?;
        let rest = reader.rest();
        let is_zero = |octets: &[u8]| octets.iter().all(|octet| *octet == 0);
        match octets.len() {
            4 if key_id == 0 => Some(Self::CryptoNak),
            MAC_LENGTH_MIN if key_id != 0 && is_zero(rest) => Some(Self::MsSntp { key_id }),
            MAC_LENGTH_MIN..=MAC_LENGTH_MAX_VERSION_3 if octets.len().is_multiple_of(4) => {
                Some(Self::Symmetric { key_id, digest: rest })
            }
            MS_SNTP_EXTENDED_LENGTH if key_id != 0 => {
                let hints = reader.array()?;
                is_zero(reader.rest()).then_some(Self::MsSntpExtended { key_id, hints })
            }
            _ => None,
        }
    }

    /// The rest of a packet of version 4, if it is a MAC by its length.
    fn of_version_4(rest: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(rest);
        let key_id = reader.u32()?;
        match rest.len() {
            4 if key_id == 0 => Some(Self::CryptoNak),
            MAC_LENGTH_MIN | MAC_LENGTH_MAX_VERSION_4 => Some(Self::Symmetric { key_id, digest: reader.rest() }),
            _ => None,
        }
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::CryptoNak => writer.u32(0),
            Self::Symmetric { key_id, digest } => {
                writer.u32(*key_id);
                writer.octets(digest);
            }
            Self::MsSntp { key_id } => {
                writer.u32(*key_id);
                writer.octets(&[0; 16]);
            }
            Self::MsSntpExtended { key_id, hints } => {
                writer.u32(*key_id);
                writer.octets(hints);
                writer.octets(&[0; 64]);
            }
        }
    }
}

/// An NTP packet, borrowing from the datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// The header.
    pub header: Header,
    /// The extension fields; version 4 only.
    pub extension_fields: ExtensionFields<'a>,
    /// The MAC, if there is one.
    pub mac: Option<Mac<'a>>,
}

impl<'a> Packet<'a> {
    /// A header and nothing after it.
    pub const fn plain(header: Header) -> Self {
        Self { header, extension_fields: ExtensionFields::EMPTY, mac: None }
    }

    /// Octets on the wire.
    pub const fn length(&self) -> usize {
        let mac_length = match &self.mac {
            Some(mac) => mac.length(),
            None => 0,
        };
        HEADER_LENGTH + self.extension_fields.octets().len() + mac_length
    }

    fn of_version_4(header: Header, after_header: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = after_header;
        let mut last_length = None;
        let mac = loop {
            if rest.is_empty() {
                break None;
            }
            if let Some(mac) = Mac::of_version_4(rest) {
                break Some(mac);
            }
            if rest.len() < EXTENSION_FIELD_LENGTH_MIN {
                return Err(ParseError::MacLength);
            }
            let (field, after) = split_first(rest).ok_or(ParseError::ExtensionFieldLength)?;
            last_length = Some(4 + field.value.len());
            rest = after;
        };
        if mac.is_none() && last_length.is_some_and(|length| length < LAST_EXTENSION_FIELD_LENGTH_MIN) {
            return Err(ParseError::LastExtensionFieldTooShort);
        }
        let fields = &after_header[..after_header.len() - rest.len()];
        Ok(Self { header, extension_fields: ExtensionFields::from_octets(fields)?, mac })
    }
}

/// Reads a datagram's payload.
///
/// # Errors
/// [`ParseError`]: the first reason found, in the order mode, length, version, what follows the header.
pub fn parse(datagram: &[u8]) -> Result<Packet<'_>, ParseError> {
    let first = *datagram.first().ok_or(ParseError::HeaderTruncated)?;
    if matches!(Mode::from_bits(first), Mode::Control | Mode::Private) {
        return Err(ParseError::ControlMode);
    }
    let header = Header::parse(datagram)?;
    let after_header = datagram.get(HEADER_LENGTH..).ok_or(ParseError::HeaderTruncated)?;
    match header.version {
        1 | 2 => Ok(Packet::plain(header)),
        3 if after_header.is_empty() => Ok(Packet::plain(header)),
        3 => {
            let mac = Mac::of_version_3(after_header).ok_or(ParseError::MacLength)?;
            Ok(Packet { mac: Some(mac), ..Packet::plain(header) })
        }
        4 => Packet::of_version_4(header, after_header),
        _ => Err(ParseError::Version),
    }
}

/// Writes a packet at the start of `out` and returns its length.
///
/// # Errors
/// [`BufferTooSmall`].
pub fn write(packet: &Packet<'_>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
    let length = packet.length();
    let mut writer = Writer::new(out, length)?;
    packet.header.write(&mut writer);
    writer.octets(packet.extension_fields.octets());
    if let Some(mac) = &packet.mac {
        mac.write(&mut writer);
    }
    assert_eq!(writer.remaining(), 0, "the length of a packet is the sum of its parts");
    Ok(length)
}
