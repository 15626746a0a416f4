//! Type, length, value: what extends a message.

use super::ParseError;
use crate::wire::octets::Reader;

/// tlvType (IEEE 1588-2019 14.1.1, table 52).
#[doc(alias = "tlvType")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TlvType(pub u16);

impl TlvType {
    /// MANAGEMENT.
    pub const MANAGEMENT: Self = Self(0x0001);
    /// MANAGEMENT_ERROR_STATUS.
    pub const MANAGEMENT_ERROR_STATUS: Self = Self(0x0002);
    /// ORGANIZATION_EXTENSION.
    pub const ORGANIZATION_EXTENSION: Self = Self(0x0003);
    /// REQUEST_UNICAST_TRANSMISSION.
    pub const REQUEST_UNICAST_TRANSMISSION: Self = Self(0x0004);
    /// GRANT_UNICAST_TRANSMISSION.
    pub const GRANT_UNICAST_TRANSMISSION: Self = Self(0x0005);
    /// CANCEL_UNICAST_TRANSMISSION.
    pub const CANCEL_UNICAST_TRANSMISSION: Self = Self(0x0006);
    /// ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION.
    pub const ACKNOWLEDGE_CANCEL_UNICAST_TRANSMISSION: Self = Self(0x0007);
    /// PATH_TRACE: the clockIdentities that an Announce has passed.
    pub const PATH_TRACE: Self = Self(0x0008);
    /// ALTERNATE_TIME_OFFSET_INDICATOR.
    pub const ALTERNATE_TIME_OFFSET_INDICATOR: Self = Self(0x0009);
    /// ORGANIZATION_EXTENSION_PROPAGATE.
    pub const ORGANIZATION_EXTENSION_PROPAGATE: Self = Self(0x4000);
    /// ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE.
    pub const ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE: Self = Self(0x8000);
    /// PAD.
    pub const PAD: Self = Self(0x8008);

    /// Whether a boundary clock hands it on in its own Announce, if it was in its parent's (14.2.2.2, table 52).
    pub const fn is_propagated(self) -> bool {
        matches!(self, Self::PATH_TRACE | Self::ALTERNATE_TIME_OFFSET_INDICATOR | Self(0x4000..=0x7fff))
    }
}

/// One TLV. The value has an even length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tlv<'a> {
    /// What it is; unknown types are for the reader to skip.
    pub tlv_type: TlvType,
    /// The value, without type and length.
    pub value: &'a [u8],
}

/// The TLVs of a message, checked as a whole: iterating cannot fail.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tlvs<'a> {
    octets: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// None at all.
    pub const EMPTY: Self = Self { octets: &[] };

    /// Checks that the octets are TLVs to the last one, each of even length.
    ///
    /// # Errors
    /// [`ParseError::TlvTruncated`] or [`ParseError::TlvLengthOdd`].
    pub fn from_octets(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = octets;
        while !rest.is_empty() {
            let (tlv, after) = split_first(rest).ok_or(ParseError::TlvTruncated)?;
            if !tlv.value.len().is_multiple_of(2) {
                return Err(ParseError::TlvLengthOdd);
            }
            rest = after;
        }
        Ok(Self { octets })
    }

    /// As on the wire.
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// One after the other.
    pub const fn iter(self) -> TlvIter<'a> {
        TlvIter { rest: self.octets }
    }
}

impl<'a> IntoIterator for Tlvs<'a> {
    type Item = Tlv<'a>;
    type IntoIter = TlvIter<'a>;
    fn into_iter(self) -> TlvIter<'a> {
        self.iter()
    }
}

/// Walks the TLVs of a message in their order.
#[derive(Clone, Debug)]
pub struct TlvIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TlvIter<'a> {
    type Item = Tlv<'a>;
    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = split_first(self.rest)?;
        self.rest = rest;
        Some(tlv)
    }
}

/// The first TLV and what follows it; `None` if it is cut off. Always consumes at least the four octets of its header.
fn split_first(octets: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let mut reader = Reader::new(octets);
    let tlv_type = TlvType(reader.u16()?);
    let length = reader.u16()?;
    let value = reader.slice(usize::from(length))?;
    Some((Tlv { tlv_type, value }, reader.rest()))
}
