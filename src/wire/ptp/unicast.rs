//! Unicast negotiation: who sends what to whom, how often and for how long (IEEE 1588-2019 16.1).

use super::text::exactly;
use super::{MessageType, TlvError};
use crate::time::LogInterval;
use crate::wire::octets::{Reader, Writer};

/// REQUEST_UNICAST_TRANSMISSION (16.1.4.1, table 121).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestUnicast {
    /// What shall be sent.
    pub message_type: MessageType,
    /// How often.
    pub log_inter_message_period: LogInterval,
    /// For how many seconds.
    pub duration_s: u32,
}

/// GRANT_UNICAST_TRANSMISSION (16.1.4.2, table 122).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantUnicast {
    /// What will be sent.
    pub message_type: MessageType,
    /// How often.
    pub log_inter_message_period: LogInterval,
    /// For how many seconds; 0 refuses.
    pub duration_s: u32,
    /// The R flag: asking again before the end is likely to be granted.
    pub renewal_invited: bool,
}

/// CANCEL_UNICAST_TRANSMISSION and its acknowledgement (16.1.4.3 and 16.1.4.4, tables 123 and 124).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CancelUnicast {
    /// What is no longer sent.
    pub message_type: MessageType,
    /// The R flag: what the sender of this has asked for, it wants still.
    pub maintain_request: bool,
    /// The G flag: what the sender of this has granted, it sends still. Neither flag, as by IEEE 1588-2008: both end.
    pub maintain_grant: bool,
}

const RENEWAL_INVITED: u8 = 1 << 0;
const MAINTAIN_REQUEST: u8 = 1 << 0;
const MAINTAIN_GRANT: u8 = 1 << 1;

/// messageType is in the high nibble.
fn message_type(octet: u8) -> Result<MessageType, TlvError> {
    MessageType::from_bits(octet >> 4).ok_or(TlvError::WrongValue)
}

impl RequestUnicast {
    pub(super) const LENGTH: usize = 6;

    pub(super) fn read(value: &[u8]) -> Result<Self, TlvError> {
        let (what, period, duration_s) = exactly(value, |from| Some((from.u8()?, from.i8()?, from.u32()?)))?;
        let log_inter_message_period = LogInterval::new(period);
        Ok(Self { message_type: message_type(what)?, log_inter_message_period, duration_s })
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.u8((self.message_type as u8) << 4);
        writer.u8(self.log_inter_message_period.log2_seconds() as u8);
        writer.u32(self.duration_s);
    }
}

impl GrantUnicast {
    pub(super) const LENGTH: usize = 8;

    pub(super) fn read(value: &[u8]) -> Result<Self, TlvError> {
        let (what, period, duration_s, [_, flags]) =
            exactly(value, |from| Some((from.u8()?, from.i8()?, from.u32()?, from.array()?)))?;
        Ok(Self {
            message_type: message_type(what)?,
            log_inter_message_period: LogInterval::new(period),
            duration_s,
            renewal_invited: flags & RENEWAL_INVITED != 0,
        })
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        let Self { message_type, log_inter_message_period, duration_s, renewal_invited } = self;
        RequestUnicast { message_type, log_inter_message_period, duration_s }.write(writer);
        writer.octets(&[0, if renewal_invited { RENEWAL_INVITED } else { 0 }]);
    }
}

impl CancelUnicast {
    pub(super) const LENGTH: usize = 2;

    pub(super) fn read(value: &[u8]) -> Result<Self, TlvError> {
        let [what, _] = exactly(value, Reader::array)?;
        Ok(Self {
            message_type: message_type(what)?,
            maintain_request: what & MAINTAIN_REQUEST != 0,
            maintain_grant: what & MAINTAIN_GRANT != 0,
        })
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        let flags = flag(self.maintain_request, MAINTAIN_REQUEST) | flag(self.maintain_grant, MAINTAIN_GRANT);
        writer.octets(&[(self.message_type as u8) << 4 | flags, 0]);
    }
}
