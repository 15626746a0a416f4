//! Extension fields (RFC 7822).

use super::ParseError;
use crate::wire::octets::Reader;

/// The shortest extension field, with its type and length (RFC 7822 7.5).
pub(super) const EXTENSION_FIELD_LENGTH_MIN: usize = 16;

/// The field type, from IANA's registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExtensionFieldType(pub u16);

impl ExtensionFieldType {
    /// NTS Unique Identifier (RFC 8915).
    pub const UNIQUE_IDENTIFIER: Self = Self(0x0104);
    /// NTS Cookie (RFC 8915).
    pub const NTS_COOKIE: Self = Self(0x0204);
    /// NTS Cookie Placeholder (RFC 8915).
    pub const NTS_COOKIE_PLACEHOLDER: Self = Self(0x0304);
    /// NTS Authenticator and Encrypted Extension Fields (RFC 8915).
    pub const NTS_AUTHENTICATOR: Self = Self(0x0404);
}

/// One extension field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionField<'a> {
    /// What it is; unknown types are for the reader to skip.
    pub field_type: ExtensionFieldType,
    /// The value with its padding, without type and length: 12 octets or more, a multiple of 4.
    pub value: &'a [u8],
}

/// The extension fields of a packet, checked as a whole: iterating cannot fail.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionFields<'a> {
    octets: &'a [u8],
}

impl<'a> ExtensionFields<'a> {
    /// None at all.
    pub const EMPTY: Self = Self { octets: &[] };

    /// Checks that the octets are extension fields to the last one. What follows in the packet is not judged here.
    ///
    /// # Errors
    /// [`ParseError::ExtensionFieldLength`].
    pub fn from_octets(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = octets;
        while !rest.is_empty() {
            (_, rest) = split_first(rest).ok_or(ParseError::ExtensionFieldLength)?;
        }
        Ok(Self { octets })
    }

    /// As on the wire.
    pub const fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// One after the other.
    pub const fn iter(self) -> ExtensionFieldIter<'a> {
        ExtensionFieldIter { rest: self.octets }
    }
}

impl<'a> IntoIterator for ExtensionFields<'a> {
    type Item = ExtensionField<'a>;
    type IntoIter = ExtensionFieldIter<'a>;
    fn into_iter(self) -> ExtensionFieldIter<'a> {
        self.iter()
    }
}

/// Walks the extension fields of a packet in their order.
#[derive(Clone, Debug)]
pub struct ExtensionFieldIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionFieldIter<'a> {
    type Item = ExtensionField<'a>;
    fn next(&mut self) -> Option<ExtensionField<'a>> {
        let (field, rest) = split_first(self.rest)?;
        self.rest = rest;
        Some(field)
    }
}

/// The first field and what follows it; `None` if its length is below 16, not a multiple of 4, or beyond the end.
pub(super) fn split_first(octets: &[u8]) -> Option<(ExtensionField<'_>, &[u8])> {
    let mut reader = Reader::new(octets);
    let field_type = ExtensionFieldType(reader.u16()?);
    let length = usize::from(reader.u16()?);
    if length < EXTENSION_FIELD_LENGTH_MIN || !length.is_multiple_of(4) {
        return None;
    }
    let value = reader.slice(length - 4)?;
    Some((ExtensionField { field_type, value }, reader.rest()))
}
