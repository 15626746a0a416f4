//! Whole messages: parse and write.

use super::{Body, HEADER_LENGTH, Header, MessageType, ParseError, Tlvs};
use crate::wire::octets::{BufferTooSmall, Writer};

/// Octets of the longest message without TLVs: an Announce.
pub const PLAIN_MESSAGE_LENGTH_MAX: usize = HEADER_LENGTH + MessageType::Announce.body_length();

/// A PTP message, borrowing its TLVs from the datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// The header.
    pub header: Header,
    /// The body; it decides messageType on writing.
    pub body: Body,
    /// What follows the body.
    pub tlvs: Tlvs<'a>,
}

impl Message<'_> {
    /// Octets on the wire, without any pad.
    pub const fn length(&self) -> usize {
        HEADER_LENGTH + self.body.message_type().body_length() + self.tlvs.octets().len()
    }
}

/// Reads a datagram's payload. Octets beyond messageLength are pad and ignored.
///
/// # Errors
/// [`ParseError`]: the first reason found, in the order header, lengths, body, TLVs.
pub fn parse(datagram: &[u8]) -> Result<Message<'_>, ParseError> {
    let header = Header::parse(datagram)?;
    let body_length = header.message_type.body_length();
    let message_length = usize::from(header.message_length);
    if message_length < HEADER_LENGTH + body_length {
        return Err(ParseError::MessageLengthBelowBody);
    }
    let after_header = datagram.get(HEADER_LENGTH..message_length).ok_or(ParseError::MessageLengthAboveDatagram)?;
    let (body, tlvs) = after_header.split_at_checked(body_length).ok_or(ParseError::MessageLengthBelowBody)?;
    Ok(Message { header, body: Body::read(body, header.message_type)?, tlvs: Tlvs::from_octets(tlvs)? })
}

/// Writes a message at the start of `out` and returns its length. The two octets that UDP/IPv6 adds are the transport's.
///
/// messageLength and controlField come from the message, whatever the header holds; reserved fields are zero.
///
/// # Errors
/// [`BufferTooSmall`], also when the message has more than 65 535 octets.
pub fn write(message: &Message<'_>, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
    let length = message.length();
    let message_length = u16::try_from(length).map_err(|_| BufferTooSmall { needed: length })?;
    let message_type = message.body.message_type();
    let mut writer = Writer::new(out, length)?;
    message.header.write(&mut writer, message_type, message_length);
    message.body.write(&mut writer);
    writer.octets(message.tlvs.octets());
    assert_eq!(writer.remaining(), 0, "the length of a message is the sum of its parts");
    Ok(length)
}
