//! What follows the header.

use super::WireTimestamp;
use super::{ClockAccuracy, ClockIdentity, ClockQuality, MessageType, ParseError, PortIdentity, TimeSource};
use crate::wire::octets::{Reader, Writer};

/// Announce: what the sender's grandmaster is (IEEE 1588-2019 13.5, table 43).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announce {
    /// When it was sent, roughly, or zero.
    pub origin_timestamp: WireTimestamp,
    /// TAI - UTC in seconds; to be believed only with the currentUtcOffsetValid flag.
    #[doc(alias = "currentUtcOffset")]
    pub current_utc_offset: i16,
    /// The first thing that the best master clock algorithm compares; lower is better.
    pub grandmaster_priority1: u8,
    /// The quality of the grandmaster.
    pub grandmaster_clock_quality: ClockQuality,
    /// Compared after quality; lower is better.
    pub grandmaster_priority2: u8,
    /// The grandmaster.
    pub grandmaster_identity: ClockIdentity,
    /// How many boundary clocks lie between the grandmaster and the sender.
    pub steps_removed: u16,
    /// Where the grandmaster has its time from.
    pub time_source: TimeSource,
}

/// Sync (IEEE 1588-2019 13.6, table 44).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sync {
    /// When it left, if it is one-step; else an estimate or zero.
    pub origin_timestamp: WireTimestamp,
}

/// Delay_Req (IEEE 1588-2019 13.6, table 44).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DelayReq {
    /// An estimate or zero; nobody needs it.
    pub origin_timestamp: WireTimestamp,
}

/// Follow_Up (IEEE 1588-2019 13.7, table 45).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowUp {
    /// When the Sync of the same sequenceId left.
    pub precise_origin_timestamp: WireTimestamp,
}

/// Delay_Resp (IEEE 1588-2019 13.8, table 46).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DelayResp {
    /// When the Delay_Req of the same sequenceId arrived.
    pub receive_timestamp: WireTimestamp,
    /// Whose Delay_Req it was.
    pub requesting_port_identity: PortIdentity,
}

/// The body of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// Announce.
    Announce(Announce),
    /// Sync.
    Sync(Sync),
    /// Follow_Up.
    FollowUp(FollowUp),
    /// Delay_Req.
    DelayReq(DelayReq),
    /// Delay_Resp.
    DelayResp(DelayResp),
    /// The octets of a Pdelay_*, Signaling or Management body, which this codec does not read; the header says which.
    Other(&'a [u8]),
}

impl<'a> Body<'a> {
    /// Which message it belongs to; `None` for [`Body::Other`], where only the header knows.
    pub const fn message_type(&self) -> Option<MessageType> {
        match self {
            Self::Announce(_) => Some(MessageType::Announce),
            Self::Sync(_) => Some(MessageType::Sync),
            Self::FollowUp(_) => Some(MessageType::FollowUp),
            Self::DelayReq(_) => Some(MessageType::DelayReq),
            Self::DelayResp(_) => Some(MessageType::DelayResp),
            Self::Other(_) => None,
        }
    }

    /// Octets on the wire.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Announce(_) => MessageType::Announce.body_length(),
            Self::Sync(_) => MessageType::Sync.body_length(),
            Self::FollowUp(_) => MessageType::FollowUp.body_length(),
            Self::DelayReq(_) => MessageType::DelayReq.body_length(),
            Self::DelayResp(_) => MessageType::DelayResp.body_length(),
            Self::Other(octets) => octets.len(),
        }
    }

    pub(super) fn read(octets: &'a [u8], message_type: MessageType) -> Result<Self, ParseError> {
        let reader = &mut Reader::new(octets);
        Ok(match message_type {
            MessageType::Announce => Self::Announce(Announce::read(reader)?),
            MessageType::Sync => Self::Sync(Sync { origin_timestamp: WireTimestamp::read(reader)? }),
            MessageType::DelayReq => Self::DelayReq(DelayReq { origin_timestamp: WireTimestamp::read(reader)? }),
            MessageType::FollowUp => {
                Self::FollowUp(FollowUp { precise_origin_timestamp: WireTimestamp::read(reader)? })
            }
            MessageType::DelayResp => Self::DelayResp(DelayResp {
                receive_timestamp: WireTimestamp::read(reader)?,
                requesting_port_identity: PortIdentity::read(reader).ok_or(ParseError::MessageLengthBelowBody)?,
            }),
            MessageType::PdelayReq
            | MessageType::PdelayResp
            | MessageType::PdelayRespFollowUp
            | MessageType::Signaling
            | MessageType::Management => Self::Other(octets),
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Announce(announce) => announce.write(writer),
            Self::Sync(sync) => sync.origin_timestamp.write(writer),
            Self::FollowUp(follow_up) => follow_up.precise_origin_timestamp.write(writer),
            Self::DelayReq(delay_req) => delay_req.origin_timestamp.write(writer),
            Self::DelayResp(delay_resp) => {
                delay_resp.receive_timestamp.write(writer);
                delay_resp.requesting_port_identity.write(writer);
            }
            Self::Other(octets) => writer.octets(octets),
        }
    }
}

impl Announce {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let origin_timestamp = WireTimestamp::read(reader)?;
        Self::fields(reader, origin_timestamp).ok_or(ParseError::MessageLengthBelowBody)
    }

    /// `None` if the reader ends too early.
    fn fields(reader: &mut Reader<'_>, origin_timestamp: WireTimestamp) -> Option<Self> {
        let current_utc_offset = reader.i16()?;
        let _reserved = reader.u8()?;
        Some(Self {
            origin_timestamp,
            current_utc_offset,
            grandmaster_priority1: reader.u8()?,
            grandmaster_clock_quality: ClockQuality {
                clock_class: reader.u8()?,
                clock_accuracy: ClockAccuracy(reader.u8()?),
                offset_scaled_log_variance: reader.u16()?,
            },
            grandmaster_priority2: reader.u8()?,
            grandmaster_identity: ClockIdentity(reader.array()?),
            steps_removed: reader.u16()?,
            time_source: TimeSource(reader.u8()?),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.origin_timestamp.write(writer);
        writer.u16(self.current_utc_offset as u16);
        writer.u8(0);
        writer.u8(self.grandmaster_priority1);
        writer.u8(self.grandmaster_clock_quality.clock_class);
        writer.u8(self.grandmaster_clock_quality.clock_accuracy.0);
        writer.u16(self.grandmaster_clock_quality.offset_scaled_log_variance);
        writer.u8(self.grandmaster_priority2);
        writer.octets(&self.grandmaster_identity.0);
        writer.u16(self.steps_removed);
        writer.u8(self.time_source.0);
    }
}
