//! NTP packets, versions 1 to 4: RFC 5905 7.3, with the extension fields of RFC 7822.
//!
//! ```text
//! | header 48 | extension field | extension field | ... | MAC 4, 20 or 24 |    version 4
//! | header 48 | MAC 4, 20 to 68, or 72 |                                       version 3
//! | header 48 | (ignored) |                                                   versions 1 and 2
//! ```
//!
//! Nothing in a packet says where its extension fields end and its MAC begins. One could try both readings, but then two
//! programs disagree on what was signed. RFC 7822 decides by what is left at each step: 4 zero octets are a crypto-NAK,
//! 20 or 24 octets are a MAC, and anything else is an extension field; so a last extension field without a MAC must be
//! longer than a MAC could be.
//!
//! Version 3 has no extension fields. Digests longer than version 4 allows are in use with it, and so are Microsoft's
//! two authenticators (MS-SNTP), requests with a zero digest. Modes 6 and 7 (control, private) have another layout
//! altogether, and are refused as such; the little of mode 6 that this host's own tools ask for is [`ControlRequest`].

mod control;
mod error;
mod extension;
mod header;
mod packet;
mod smear;
#[cfg(test)]
mod tests;

pub use control::{CONTROL_DATA_MAX, CONTROL_HEADER_LENGTH, ControlError, ControlRequest, Operation, is_control};
pub use error::ParseError;
pub use extension::{ExtensionField, ExtensionFieldIter, ExtensionFieldType, ExtensionFields};
pub use header::{HEADER_LENGTH, Header, Mode};
pub use packet::{Mac, Packet, parse, write};
pub use smear::{smear_of, smear_reference_id};
