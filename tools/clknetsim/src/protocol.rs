//! What clknetsim's server and its nodes say to each other, as bytes.
//!
//! Each message is one packet of a UNIX SOCK_SEQPACKET socket, laid out as the C compiler lays out a struct: octets in the
//! machine's order, `double` and 64-bit `long` on multiples of eight. Both ends are on one machine, so there is no other form; here it
//! is that of little-endian machines with 64-bit `long`.
//!
//! A node asks, the server answers. Time stands still while any node is awake: only [`Request::Select`] lets it go on.
//!
//! | request | body (after the number of the request and four octets of nothing) | answer |
//! |---|---|---|
//! | 1 register | u32 node, from 0 | u32 subnets, u32 clocks of each node; comes when the node's start time has |
//! | 2 get time | u32 clock | five f64, see [`Times`] |
//! | 3 set time | u32 clock, 4 octets, f64 | none |
//! | 4 adjtimex | u32 clock, 4 octets, `struct timex` | i32 state, 4 octets, `struct timex` |
//! | 5 adjtime | `struct timeval` | `struct timeval` |
//! | 6 select | f64 timeout on the node's CLOCK_MONOTONIC, i32 whether packets wake it too, 4 octets | see [`Selected`] |
//! | 7 send | six u32, see [`Packet`]; its octets | none |
//! | 8 receive | - | as in send |
//! | 9 reference sample | - | f64 time, f64 offset, i32 valid, 4 octets |
//! | 10 reference offsets | - | u32 how many, 4 octets, so many f64 |
//! | 11 deregister | - | none; the node closes its socket |
//!
//! Both directions are read and written here, though a node needs half of it: what was recorded between clknetsim's own two ends is
//! the test.

mod octets;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod timex;

use octets::{Put, Take};
pub use reply::{Reply, Selected, Wake};
pub use request::Request;
pub use timex::{TimeVal, Timex};

/// The most octets of a packet's payload.
pub const PAYLOAD_MAX: usize = 4_000;
/// The most reference offsets in one answer.
pub const OFFSETS_MAX: usize = 1_024;
/// The longest message of all: an answer with [`OFFSETS_MAX`] offsets.
pub const MESSAGE_MAX: usize = 8 + 8 * OFFSETS_MAX;
/// As the receiver of a packet: every other node.
pub const EVERYBODY: u32 = u32::MAX;

/// Why octets are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// There are more or fewer of them than the message has.
    Length,
    /// There is no such request.
    Request(i32),
    /// There is no such kind of packet.
    PacketKind(u32),
    /// There is no such reason to wake up.
    Wake(i32),
}

/// The request that an answer belongs to; the number is clknetsim's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RequestKind {
    /// See [`Request::Register`], and so on.
    Register = 1,
    /// See [`Request::GetTime`].
    GetTime = 2,
    /// See [`Request::SetTime`].
    SetTime = 3,
    /// See [`Request::AdjustTimex`].
    AdjustTimex = 4,
    /// See [`Request::AdjustTime`].
    AdjustTime = 5,
    /// See [`Request::Select`].
    Select = 6,
    /// See [`Request::Send`].
    Send = 7,
    /// See [`Request::Receive`].
    Receive = 8,
    /// See [`Request::ReferenceSample`].
    ReferenceSample = 9,
    /// See [`Request::ReferenceOffsets`].
    ReferenceOffsets = 10,
    /// See [`Request::Deregister`].
    Deregister = 11,
}

impl RequestKind {
    /// All of them, by their numbers.
    pub const ALL: [Self; 11] = [
        Self::Register,
        Self::GetTime,
        Self::SetTime,
        Self::AdjustTimex,
        Self::AdjustTime,
        Self::Select,
        Self::Send,
        Self::Receive,
        Self::ReferenceSample,
        Self::ReferenceOffsets,
        Self::Deregister,
    ];

    /// Whether the server answers it.
    pub const fn is_answered(self) -> bool {
        !matches!(self, Self::SetTime | Self::Send | Self::Deregister)
    }
}

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketKind {
    /// There is none.
    Nothing = 0,
    /// A UDP datagram.
    Udp = 1,
    /// The beginning of a TCP connection, from either side.
    TcpConnect = 2,
    /// Octets of a TCP stream.
    TcpData = 3,
    /// The end of a TCP connection.
    TcpDisconnect = 4,
}

impl PacketKind {
    const fn from_number(number: u32) -> Result<Self, Malformed> {
        match number {
            0 => Ok(Self::Nothing),
            1 => Ok(Self::Udp),
            2 => Ok(Self::TcpConnect),
            3 => Ok(Self::TcpData),
            4 => Ok(Self::TcpDisconnect),
            other => Err(Malformed::PacketKind(other)),
        }
    }
}

/// A packet on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: PacketKind,
    /// The network, from 0.
    pub subnet: u32,
    /// Of one that is sent: the receiver, or [`EVERYBODY`]. Of one that was received: the sender. From 0.
    pub peer: u32,
    /// The sender's port.
    pub from_port: u32,
    /// The receiver's port.
    pub to_port: u32,
    /// At most [`PAYLOAD_MAX`] octets.
    pub data: &'a [u8],
}

/// What the clocks of a node read, in seconds since the beginning of the simulation.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Times {
    /// The clock that was asked for: CLOCK_REALTIME, or a PHC. Programs add the date at which the simulation begins.
    pub real: f64,
    /// The same without steps: CLOCK_MONOTONIC.
    pub monotonic: f64,
    /// The same without any adjustment: CLOCK_MONOTONIC_RAW.
    pub raw: f64,
    /// The truth.
    pub network: f64,
    /// How much faster than the truth the clock runs now, as a ratio.
    pub frequency_error: f64,
}

impl<'a> Packet<'a> {
    fn take(take: &mut Take<'a>) -> Result<Self, Malformed> {
        let kind = PacketKind::from_number(take.u32()?)?;
        let [subnet, peer, from_port, to_port, len] = take.words()?;
        let len = usize::try_from(len).ok().filter(|len| *len <= PAYLOAD_MAX).ok_or(Malformed::Length)?;
        Ok(Self { kind, subnet, peer, from_port, to_port, data: take.slice(len)? })
    }

    fn put(&self, put: &mut Put<'_>) {
        assert!(self.data.len() <= PAYLOAD_MAX, "a packet of {} octets", self.data.len());
        let Self { kind, subnet, peer, from_port, to_port, data } = *self;
        put.words(&[kind as u32, subnet, peer, from_port, to_port, data.len() as u32]);
        put.slice(data);
    }
}

impl Times {
    fn take(take: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            real: take.f64()?,
            monotonic: take.f64()?,
            raw: take.f64()?,
            network: take.f64()?,
            frequency_error: take.f64()?,
        })
    }

    fn put(&self, put: &mut Put<'_>) {
        for figure in [self.real, self.monotonic, self.raw, self.network, self.frequency_error] {
            put.f64(figure);
        }
    }
}
