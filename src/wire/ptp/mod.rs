//! IEEE 1588-2019 messages: clauses 13 (header and bodies), 14 and 16 (TLVs) and 15 (management).
//!
//! ```text
//! datagram  |<------------------- messageLength ------------------->| pad
//!           | header 34 | body, by messageType | TLV | TLV | ...    |
//! ```
//!
//! Three lengths have to agree, and each disagreement has an error of its own: the datagram may be longer than
//! messageLength (Ethernet pads to 60 octets, UDP/IPv6 adds two), messageLength may not be shorter than header and body,
//! and the TLVs must fill what is left exactly. A message with one bad TLV is refused whole: what follows cannot be found.
//!
//! Refused here as well: a major version other than 2, reserved message types, and nanoseconds of 10^9 or more. The
//! minor version is ignored, as is controlField. Domain and sdoId are for the port to judge.
//!
//! What a TLV holds is read when somebody asks ([`Tlv::extension`]): one that is wrong in itself is refused alone, and those
//! around it stand. Unknown ones keep their octets.
//!
//! [`Sender`] builds the messages of a port with the fields that the standard fixes already set.

mod body;
mod dataset;
mod error;
mod extension;
mod flags;
mod header;
mod identity;
mod management;
mod message;
mod metadata;
mod organization;
mod plain;
mod quality;
mod sender;
#[cfg(test)]
mod tests;
mod text;
mod timestamp;
mod tlv;
mod unicast;

pub use body::{Action, Announce, Body, DelayReq, DelayResp, FollowUp, Management};
pub use body::{PdelayReq, PdelayResp, PdelayRespFollowUp, Signaling, Sync};
pub use dataset::{
    ClockDescription, CurrentDataSet, DefaultDataSet, GrandmasterSettingsNp, ManagementData, ParentDataSet,
    PortDataSet, PortDataSetNp, PortPropertiesNp, PortStatsNp, TimeInterval, TimePropertiesDataSet, TimeStatusNp,
};
pub use error::ParseError;
pub use extension::{AlternateTimeOffset, Extension, PathTrace, TlvError};
pub use flags::Flags;
pub use header::{CorrectionField, HEADER_LENGTH, Header, MessageType, VERSION_PTP};
pub use identity::{ClockIdentity, PortIdentity};
pub use management::{ManagementErrorId, ManagementErrorStatus, ManagementId, ManagementTlv};
pub use message::{Message, PLAIN_MESSAGE_LENGTH_MAX, parse, write};
pub use metadata::SynchronizationMetadata;
pub use organization::{
    FollowUpInformation, GptpCapable, MessageIntervalRequest, Organization, OrganizationExtension, PowerProfile,
    ScaledNs,
};
pub use plain::{DELAY_RESP_LENGTH, PlainDelayReq};
pub use quality::{ClockAccuracy, ClockQuality, TimeSource};
pub use sender::{PeerRequest, Sender, is_gptp};
pub use text::PtpText;
pub use timestamp::WireTimestamp;
pub use tlv::{Tlv, TlvIter, TlvType, Tlvs};
pub use unicast::{CancelUnicast, GrantUnicast, RequestUnicast};
