//! L1: bytes to values and back.
//!
//! Everything in here reads what a stranger sent. So each parser is a total function: any slice of bytes gives a value
//! or an error that says why, without a panic, an allocation, a loop that the sender can prolong beyond the datagram,
//! or a judgement. Whether a message is *wanted* (its domain, its sender, its sequence number) is the engines'
//! business one floor up; here it is only well formed or not.
//!
//! The obvious codec is a `#[repr(C)]` struct over the buffer. It fails on alignment and byte order, and it hides which
//! lengths were checked. Ours reads octet by octet in the order of the standard's tables ([`octets`]), which a reader can
//! follow with the table beside it.
//!
//! | module | format |
//! |---|---|
//! | [`ptp`] | IEEE 1588-2019 clauses 13 to 15: header, ten bodies, TLVs, management |
//! | [`ntp`] | RFC 5905 7.3 and RFC 7822: header of versions 1 to 4, extension fields, MAC |
//! | [`refclock`] | what reference clocks write on this machine: shared memory, sockets |
//! | [`uevent`] | what the kernel tells of its devices, as far as it is that the machine is another one |
//! | [`vmclock`] | the hypervisor's page of time: what tells that the machine was paused, moved or restored |
//!
//! Round trip, fuzzed: what `parse` accepts, `write` writes so that it parses to the same value. Reserved octets are
//! written as zero, and whatever follows the message in the datagram is dropped.

pub mod ntp;
pub mod octets;
pub mod ptp;
pub mod refclock;
pub mod uevent;
pub mod vmclock;

pub use octets::BufferTooSmall;
