//! Safe wrappers over the Linux interfaces that Synchronome needs and that `nix` and `socket2` do not offer.
//!
//! All `unsafe` of the project lives under `ffi/`. The rule that keeps it small: **the kernel's structs are read and
//! written as bytes.** The textbook way walks a control buffer with `CMSG_NXTHDR` and casts each payload to a struct,
//! which is a pointer per line and a promise about alignment each. Here a control buffer is a byte slice, a record in
//! it is a range, and a field is `from_ne_bytes` at an offset. What is left as unsafe are the system calls
//! themselves, one to a block; and the offsets, which safe code can get wrong just as well, are compared with what
//! the C compiler says of the kernel's headers (`uapi`, its tests).
//!
//! Three promises hold for everything here:
//! - no raw pointer crosses the boundary, and none outlives the call that made it, but that of a [`page::Page`], which lives as
//!   long as it is in our address space;
//! - "no stamp" is `None`: the kernel says zero, and zero ends at this crate;
//! - only [`phc`], [`steer`] and [`rtc`] can set a clock, the first two only through a value that someone asked for: an open
//!   [`phc::Phc`] or the one [`steer::SystemClock`]. Everything else reads ([`adjtimex`] with `modes = 0`).
//!
//! Reading order: [`timestamping`] (the heart), [`socket`] (batches and options), [`phc`] and [`steer`] (the clocks),
//! [`nic`] (whose card it is), [`doorman`] and [`refusal`] (what is left when the rights are given up), then the small ones.
//!
//! What others do well is not wrapped again: eventfd, signalfd, ppoll, `clock_gettime` (`nix`); `SO_REUSEPORT`,
//! multicast membership (`socket2`).

#![cfg(target_os = "linux")]
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

pub mod adjtimex;
#[cfg(feature = "count-allocations")]
pub mod alloc;
pub mod counter;
pub mod doorman;
pub mod memory;
pub mod nic;
pub mod page;
pub mod phc;
pub mod pps;
pub mod refusal;
pub mod rtc;
pub mod sched;
pub mod shed;
pub mod socket;
pub mod steer;
pub mod timestamping;

mod address;
mod control;
mod sys;
mod timex;
mod uapi;
