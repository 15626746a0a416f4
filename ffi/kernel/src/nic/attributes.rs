//! The attributes of netlink(7) messages: kind and payload, one behind the other, walked as byte ranges.

use crate::uapi::field;
use crate::uapi::rtnetlink::rtattr;

/// Appends an attribute, and what pads it.
pub(super) fn push(message: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    message.extend(((rtattr::SIZE + payload.len()) as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(payload);
    message.resize(message.len().next_multiple_of(rtattr::ALIGN), 0);
}

/// The attributes in `rest`: kind and payload. A length that lies ends the walk.
pub(super) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(field(rest, 0)?));
        let kind = u16::from_ne_bytes(field(rest, 2)?) & rtattr::TYPE_MASK;
        let payload = rest.get(rtattr::SIZE..length)?;
        rest = rest.get(length.next_multiple_of(rtattr::ALIGN)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The payload of the first attribute of a kind.
pub(super) fn attribute(within: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(within).find(|&(kind, _)| kind == wanted).map(|(_, payload)| payload)
}
