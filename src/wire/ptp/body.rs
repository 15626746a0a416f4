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

/// Pdelay_Req (IEEE 1588-2019 13.9, table 47). Ten reserved octets follow: it is as long as its answer, so that both take
/// equally long on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PdelayReq {
    /// An estimate or zero; nobody needs it.
    pub origin_timestamp: WireTimestamp,
}

/// Pdelay_Resp (IEEE 1588-2019 13.10, table 48).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PdelayResp {
    /// When the Pdelay_Req of the same sequenceId arrived; zero where the correctionFields say all.
    pub request_receipt_timestamp: WireTimestamp,
    /// Whose Pdelay_Req it was.
    pub requesting_port_identity: PortIdentity,
}

/// Pdelay_Resp_Follow_Up (IEEE 1588-2019 13.11, table 49).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PdelayRespFollowUp {
    /// When the Pdelay_Resp of the same sequenceId left; zero where the correctionFields say all.
    pub response_origin_timestamp: WireTimestamp,
    /// Whose Pdelay_Req it was.
    pub requesting_port_identity: PortIdentity,
}

/// Signaling (IEEE 1588-2019 13.12, table 50): what it is about is in its TLVs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signaling {
    /// For whom it is; all ones stand for any clock, any port.
    pub target_port_identity: PortIdentity,
}

/// Management (IEEE 1588-2019 15.4.1, table 56): one TLV follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Management {
    /// For whom it is; all ones stand for any clock, any port.
    pub target_port_identity: PortIdentity,
    /// What boundaryHops was when it was sent first.
    pub starting_boundary_hops: u8,
    /// How many boundary clocks may still forward it.
    pub boundary_hops: u8,
    /// What is wanted, or what this answers.
    pub action: Action,
}

/// actionField (IEEE 1588-2019 15.4.1.6, table 57): 4 bits.
#[doc(alias = "actionField")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Action(u8);

impl Action {
    /// What is it now?
    pub const GET: Self = Self(0);
    /// It shall be this.
    pub const SET: Self = Self(1);
    /// The answer to a GET or SET.
    pub const RESPONSE: Self = Self(2);
    /// Do it.
    pub const COMMAND: Self = Self(3);
    /// The answer to a COMMAND.
    pub const ACKNOWLEDGE: Self = Self(4);

    /// From the low nibble of an octet; 5 and more are reserved.
    pub const fn from_bits(octet: u8) -> Self {
        Self(octet & 0x0f)
    }

    /// The nibble.
    pub const fn to_bits(self) -> u8 {
        self.0
    }
}

/// The body of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
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
    /// Pdelay_Req.
    PdelayReq(PdelayReq),
    /// Pdelay_Resp.
    PdelayResp(PdelayResp),
    /// Pdelay_Resp_Follow_Up.
    PdelayRespFollowUp(PdelayRespFollowUp),
    /// Signaling.
    Signaling(Signaling),
    /// Management.
    Management(Management),
}

impl Body {
    /// Which message it belongs to.
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Announce(_) => MessageType::Announce,
            Self::Sync(_) => MessageType::Sync,
            Self::FollowUp(_) => MessageType::FollowUp,
            Self::DelayReq(_) => MessageType::DelayReq,
            Self::DelayResp(_) => MessageType::DelayResp,
            Self::PdelayReq(_) => MessageType::PdelayReq,
            Self::PdelayResp(_) => MessageType::PdelayResp,
            Self::PdelayRespFollowUp(_) => MessageType::PdelayRespFollowUp,
            Self::Signaling(_) => MessageType::Signaling,
            Self::Management(_) => MessageType::Management,
        }
    }

    pub(super) fn read(octets: &[u8], message_type: MessageType) -> Result<Self, ParseError> {
        let reader = &mut Reader::new(octets);
        let port = |reader: &mut Reader<'_>| PortIdentity::read(reader).ok_or(ParseError::MessageLengthBelowBody);
        Ok(match message_type {
            MessageType::Announce => Self::Announce(Announce::read(reader)?),
            MessageType::Sync => Self::Sync(Sync { origin_timestamp: WireTimestamp::read(reader)? }),
            MessageType::DelayReq => Self::DelayReq(DelayReq { origin_timestamp: WireTimestamp::read(reader)? }),
            MessageType::FollowUp => {
                Self::FollowUp(FollowUp { precise_origin_timestamp: WireTimestamp::read(reader)? })
            }
            MessageType::DelayResp => Self::DelayResp(DelayResp {
                receive_timestamp: WireTimestamp::read(reader)?,
                requesting_port_identity: port(reader)?,
            }),
            MessageType::PdelayReq => Self::PdelayReq(PdelayReq { origin_timestamp: WireTimestamp::read(reader)? }),
            MessageType::PdelayResp => Self::PdelayResp(PdelayResp {
                request_receipt_timestamp: WireTimestamp::read(reader)?,
                requesting_port_identity: port(reader)?,
            }),
            MessageType::PdelayRespFollowUp => Self::PdelayRespFollowUp(PdelayRespFollowUp {
                response_origin_timestamp: WireTimestamp::read(reader)?,
                requesting_port_identity: port(reader)?,
            }),
            MessageType::Signaling => Self::Signaling(Signaling { target_port_identity: port(reader)? }),
            MessageType::Management => {
                Self::Management(Management::read(reader).ok_or(ParseError::MessageLengthBelowBody)?)
            }
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
            Self::PdelayReq(pdelay_req) => {
                pdelay_req.origin_timestamp.write(writer);
                writer.octets(&[0; 10]);
            }
            Self::PdelayResp(pdelay_resp) => {
                pdelay_resp.request_receipt_timestamp.write(writer);
                pdelay_resp.requesting_port_identity.write(writer);
            }
            Self::PdelayRespFollowUp(follow_up) => {
                follow_up.response_origin_timestamp.write(writer);
                follow_up.requesting_port_identity.write(writer);
            }
            Self::Signaling(signaling) => signaling.target_port_identity.write(writer),
            Self::Management(management) => management.write(writer),
        }
    }
}

impl Management {
    /// `None` if the reader ends too early.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let target_port_identity = PortIdentity::read(reader)?;
        let (starting_boundary_hops, boundary_hops) = (reader.u8()?, reader.u8()?);
        let action = Action::from_bits(reader.u8()?);
        let _reserved = reader.u8()?;
        Some(Self { target_port_identity, starting_boundary_hops, boundary_hops, action })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        self.target_port_identity.write(writer);
        writer.u8(self.starting_boundary_hops);
        writer.u8(self.boundary_hops);
        writer.u8(self.action.to_bits());
        writer.u8(0);
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
