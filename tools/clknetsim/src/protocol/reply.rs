//! What the server answers.

use super::octets::{Put, Take};
use super::{Malformed, OFFSETS_MAX, Packet, RequestKind, TimeVal, Times, Timex};

/// Why a node was woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// Its time is up.
    Timeout = 0,
    /// There is a packet for it.
    Packet = 1,
    /// There is a packet for everybody.
    Broadcast = 2,
    /// The simulation is over.
    Terminate = 3,
}

/// The answer to a select.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Selected {
    /// Why the node was woken.
    pub wake: Wake,
    /// What is said of the packet, without its octets: so that the node knows which socket it is for. Zeros if there is none.
    pub packet: [u32; 5],
    /// The main clock.
    pub times: Times,
}

/// What the server answers.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply<'a> {
    /// The node's time has begun.
    Registered {
        /// How many networks there are.
        subnets: u32,
        /// How many clocks each node has.
        clocks: u32,
    },
    /// To [`Request::GetTime`](super::Request::GetTime).
    Times(Times),
    /// To [`Request::AdjustTimex`](super::Request::AdjustTimex).
    AdjustedTimex {
        /// What clock_adjtime(2) returns: TIME_OK and so on, or -1.
        state: i32,
        /// All values that hold now.
        timex: Timex,
    },
    /// To [`Request::AdjustTime`](super::Request::AdjustTime): what was left of the last one.
    AdjustedTime(TimeVal),
    /// To [`Request::Select`](super::Request::Select).
    Selected(Selected),
    /// To [`Request::Receive`](super::Request::Receive); `peer` is the sender.
    Received(Packet<'a>),
    /// To [`Request::ReferenceSample`](super::Request::ReferenceSample).
    ReferenceSample {
        /// The main clock when it was taken, in seconds.
        seconds: f64,
        /// What the main clock was ahead of the reference clock.
        offset: f64,
        /// Whether there is one.
        is_valid: bool,
    },
    /// To [`Request::ReferenceOffsets`](super::Request::ReferenceOffsets), in seconds.
    ReferenceOffsets(Vec<f64>),
}

impl<'a> Reply<'a> {
    /// Reads the answer to a request of this kind.
    ///
    /// # Errors
    /// [`Malformed`]; [`Malformed::Length`] too if such a request has no answer.
    pub fn parse(to: RequestKind, octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut take = Take::new(octets);
        let reply = match to {
            RequestKind::Register => Self::Registered { subnets: take.u32()?, clocks: take.u32()? },
            RequestKind::GetTime => Self::Times(Times::take(&mut take)?),
            RequestKind::AdjustTimex => {
                let state = take.i32()?;
                take.skip(4)?;
                Self::AdjustedTimex { state, timex: Timex::take(&mut take)? }
            }
            RequestKind::AdjustTime => Self::AdjustedTime(TimeVal::take(&mut take)?),
            RequestKind::Select => {
                let wake = match take.i32()? {
                    0 => Wake::Timeout,
                    1 => Wake::Packet,
                    2 => Wake::Broadcast,
                    3 => Wake::Terminate,
                    other => return Err(Malformed::Wake(other)),
                };
                Self::Selected(Selected { wake, packet: take.words()?, times: Times::take(&mut take)? })
            }
            RequestKind::Receive => Self::Received(Packet::take(&mut take)?),
            RequestKind::ReferenceSample => {
                let (seconds, offset, is_valid) = (take.f64()?, take.f64()?, take.i32()? != 0);
                take.skip(4)?;
                Self::ReferenceSample { seconds, offset, is_valid }
            }
            RequestKind::ReferenceOffsets => {
                let len = take.u32()? as usize;
                take.skip(4)?;
                if len > OFFSETS_MAX {
                    return Err(Malformed::Length);
                }
                Self::ReferenceOffsets((0..len).map(|_| take.f64()).collect::<Result<_, _>>()?)
            }
            RequestKind::SetTime | RequestKind::Send | RequestKind::Deregister => return Err(Malformed::Length),
        };
        take.end()?;
        Ok(reply)
    }

    /// Writes it into an emptied buffer.
    ///
    /// # Panics
    /// If a packet has more than [`PAYLOAD_MAX`](super::PAYLOAD_MAX) octets, or there are more than [`OFFSETS_MAX`](super::OFFSETS_MAX) offsets.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut put = Put::new(out);
        match self {
            Self::Registered { subnets, clocks } => put.words(&[*subnets, *clocks]),
            Self::Times(times) => times.put(&mut put),
            Self::AdjustedTimex { state, timex } => {
                put.words(&[state.cast_unsigned(), 0]);
                timex.put(&mut put);
            }
            Self::AdjustedTime(left) => left.put(&mut put),
            Self::Selected(Selected { wake, packet, times }) => {
                put.words(&[*wake as u32]);
                put.words(packet);
                times.put(&mut put);
            }
            Self::Received(packet) => packet.put(&mut put),
            Self::ReferenceSample { seconds, offset, is_valid } => {
                put.f64(*seconds);
                put.f64(*offset);
                put.words(&[u32::from(*is_valid), 0]);
            }
            Self::ReferenceOffsets(offsets) => {
                assert!(offsets.len() <= OFFSETS_MAX, "{} offsets", offsets.len());
                put.words(&[offsets.len() as u32, 0]);
                for offset in offsets {
                    put.f64(*offset);
                }
            }
        }
    }
}
