//! What a node asks.

use super::octets::{Put, Take};
use super::{Malformed, Packet, RequestKind, TimeVal, Timex};

/// What a node asks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Request<'a> {
    /// I am this node.
    Register {
        /// From 0.
        node: u32,
    },
    /// What does my clock read?
    GetTime {
        /// From 0, which is the main one: CLOCK_REALTIME.
        clock: u32,
    },
    /// Set my clock.
    SetTime {
        /// From 0.
        clock: u32,
        /// In seconds since the beginning of the simulation.
        seconds: f64,
    },
    /// clock_adjtime(2).
    AdjustTimex {
        /// From 0.
        clock: u32,
        /// What to change, and the values.
        timex: Timex,
    },
    /// adjtime(3), of the main clock.
    AdjustTime {
        /// What to slew by.
        by: TimeVal,
    },
    /// Wake me when so much time has passed on my CLOCK_MONOTONIC.
    Select {
        /// In seconds; negative is 0.
        timeout: f64,
        /// A packet wakes it, too.
        read: bool,
    },
    /// Send this; `peer` is the receiver.
    Send(Packet<'a>),
    /// Give me the packet that woke me; [`PacketKind::Nothing`](super::PacketKind::Nothing) if there is none.
    Receive,
    /// The last sample of the reference clock, which is taken each second from the first such request on.
    ReferenceSample,
    /// Some errors of the reference clock, for readings of it.
    ReferenceOffsets,
    /// I end.
    Deregister,
}

impl<'a> Request<'a> {
    /// Which of them it is.
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Register { .. } => RequestKind::Register,
            Self::GetTime { .. } => RequestKind::GetTime,
            Self::SetTime { .. } => RequestKind::SetTime,
            Self::AdjustTimex { .. } => RequestKind::AdjustTimex,
            Self::AdjustTime { .. } => RequestKind::AdjustTime,
            Self::Select { .. } => RequestKind::Select,
            Self::Send(_) => RequestKind::Send,
            Self::Receive => RequestKind::Receive,
            Self::ReferenceSample => RequestKind::ReferenceSample,
            Self::ReferenceOffsets => RequestKind::ReferenceOffsets,
            Self::Deregister => RequestKind::Deregister,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut take = Take::new(octets);
        let number = take.i32()?;
        take.skip(4)?;
        let kind = RequestKind::ALL.into_iter().find(|kind| *kind as i32 == number);
        let request = match kind.ok_or(Malformed::Request(number))? {
            RequestKind::Register => Self::Register { node: take.u32()? },
            RequestKind::GetTime => Self::GetTime { clock: take.u32()? },
            RequestKind::SetTime => {
                let clock = take.u32()?;
                take.skip(4)?;
                Self::SetTime { clock, seconds: take.f64()? }
            }
            RequestKind::AdjustTimex => {
                let clock = take.u32()?;
                take.skip(4)?;
                Self::AdjustTimex { clock, timex: Timex::take(&mut take)? }
            }
            RequestKind::AdjustTime => Self::AdjustTime { by: TimeVal::take(&mut take)? },
            RequestKind::Select => {
                let (timeout, read) = (take.f64()?, take.i32()? != 0);
                take.skip(4)?;
                Self::Select { timeout, read }
            }
            RequestKind::Send => Self::Send(Packet::take(&mut take)?),
            RequestKind::Receive => Self::Receive,
            RequestKind::ReferenceSample => Self::ReferenceSample,
            RequestKind::ReferenceOffsets => Self::ReferenceOffsets,
            RequestKind::Deregister => Self::Deregister,
        };
        take.end()?;
        Ok(request)
    }

    /// Writes it into an emptied buffer.
    ///
    /// # Panics
    /// If a packet has more than [`PAYLOAD_MAX`](super::PAYLOAD_MAX) octets.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut put = Put::new(out);
        put.words(&[self.kind() as u32, 0]);
        match *self {
            Self::Register { node } => put.words(&[node]),
            Self::GetTime { clock } => put.words(&[clock]),
            Self::SetTime { clock, seconds } => {
                put.words(&[clock, 0]);
                put.f64(seconds);
            }
            Self::AdjustTimex { clock, timex } => {
                put.words(&[clock, 0]);
                timex.put(&mut put);
            }
            Self::AdjustTime { by } => by.put(&mut put),
            Self::Select { timeout, read } => {
                put.f64(timeout);
                put.words(&[u32::from(read), 0]);
            }
            Self::Send(packet) => packet.put(&mut put),
            Self::Receive | Self::ReferenceSample | Self::ReferenceOffsets | Self::Deregister => {}
        }
    }
}
