//! Datagrams in batches, and the socket options that `socket2` lacks.
//!
//! A server that answers a million small requests a second spends most of its time on the way into the kernel and
//! back, so it takes many datagrams per system call: [`RecvBatch`] (recvmmsg(2)) and [`SendBatch`] (sendmmsg(2)).
//! Both get all their memory when they are made and neither allocates nor waits afterwards.
//!
//! The second thing they do is to answer *from the address that was asked*. A UDP socket bound to `0.0.0.0` on a host
//! with several addresses sends from the one that the routing table prefers; a client that asked another one drops the
//! answer as a stranger's (NTP: and rightly so). Binding a socket to each address misses those that come later. So the
//! receiver is told which address the request went to ([`enable_packet_info`], ip(7) `IP_PKTINFO`, RFC 3542 section
//! 6), and the answer says from which it shall leave.

pub mod packet;

mod options;
mod receive;
mod send;

pub use options::{
    busy_poll, enable_packet_info, set_busy_poll, set_multicast_all, set_multicast_interface_v4,
    set_select_error_queue, steer_by_cpu,
};
pub use receive::{Received, RecvBatch};
pub use send::{SendBatch, SendRefused, SendReport};

/// The largest capacity of a batch, in datagrams.
pub const BATCH_MAX: usize = crate::sys::BATCH_MAX;

/// The largest room for one datagram, in bytes: what UDP can carry.
pub const DATAGRAM_MAX: usize = 65_535;

/// Both batches take the same shape, and a wrong one is our own bug.
fn assert_shape(capacity: usize, size: usize) {
    assert!((1..=BATCH_MAX).contains(&capacity), "batch capacity {capacity} not in 1..={BATCH_MAX}");
    assert!((1..=DATAGRAM_MAX).contains(&size), "datagram size {size} not in 1..={DATAGRAM_MAX}");
}
