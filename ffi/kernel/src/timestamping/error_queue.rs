//! The error queue of a socket: where transmit stamps arrive, among other things.
//!
//! It is one queue for two kinds of news. A transmit stamp is an "error" with `ee_errno = ENOMSG` and origin
//! `SO_EE_ORIGIN_TIMESTAMPING`; an ICMP error (only on sockets with `IP_RECVERR`) has its errno and origin
//! `SO_EE_ORIGIN_ICMP`. Both come with a stamp beside them, as any packet does: whoever looks only for a stamp takes
//! the arrival of a "port unreachable" for the departure of a Delay_Req. So the origin decides, and only the origin.
//! On a packet socket it is the same, under another name (`PACKET_TX_TIMESTAMP` instead of `IP_RECVERR`).
//!
//! Reading never blocks: `MSG_ERRQUEUE` returns `EAGAIN` at once even on a blocking socket (recv(2)). A socket with
//! something in its error queue polls as `POLLERR`, always and unasked, until the queue is empty: drain it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::KernelTime;
use crate::control::ExtendedError;
use crate::sys::{self, Envelope};
use crate::uapi::sock_extended_err as ee;

/// Room for one item of the error queue; made once, used for every read.
#[derive(Clone)]
pub struct ErrorQueueBuffer {
    envelope: Envelope,
}

impl ErrorQueueBuffer {
    /// An empty buffer, of a few hundred bytes and without an allocation.
    pub const fn new() -> Self {
        Self { envelope: Envelope::EMPTY }
    }
}

impl Default for ErrorQueueBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ErrorQueueBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorQueueBuffer").finish_non_exhaustive()
    }
}

/// When a sent message passed the driver or the NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxStamp {
    /// The key of the message: the sender's own or the kernel's count ([`super::TxKeying`]).
    pub key: u32,
    /// CLOCK_REALTIME when the stack handed the packet to the driver.
    pub software: Option<KernelTime>,
    /// The NIC's clock when the packet passed.
    pub hardware: Option<KernelTime>,
    /// The interface that it left by: the card's own, not one above it. Only of sockets that ask for it
    /// ([`tx_hardware_on_demand`](super::TimestampRequest::tx_hardware_on_demand)).
    pub interface_index: Option<u32>,
}

/// One item of the error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorQueueItem {
    /// A transmit stamp.
    TxStamp(TxStamp),
    /// An ICMP error came back for an earlier datagram.
    IcmpError {
        /// What it means, as errno(3): `ECONNREFUSED`, `EHOSTUNREACH`, ...
        errno: i32,
        /// Where that datagram was sent.
        destination: Option<SocketAddr>,
    },
    /// This host itself refused an earlier datagram, e.g. `EMSGSIZE` when it exceeds the path's MTU.
    LocalError {
        /// As errno(3).
        errno: i32,
        /// Where that datagram was sent.
        destination: Option<SocketAddr>,
    },
    /// Something that we never ask for (zero-copy completions, launch-time reports, stamps of other stages).
    Other {
        /// `ee_origin` of linux/errqueue.h; 0 also for an item without an extended error.
        origin: u8,
    },
}

/// Takes one item from the error queue; `None` if it is empty. Never blocks.
///
/// # Errors
/// Those of recvmsg(2) except `EAGAIN`.
pub fn read_error_queue(fd: impl AsFd, buffer: &mut ErrorQueueBuffer) -> io::Result<Option<ErrorQueueItem>> {
    let envelope = &mut buffer.envelope;
    // The payload, if there is one (an ICMP error brings its datagram back), is of no interest.
    match sys::recvmsg(fd.as_fd(), &mut [], envelope, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) {
        Ok(()) => Ok(Some(classify(envelope))),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn classify(envelope: &Envelope) -> ErrorQueueItem {
    let found = envelope.control.read();
    let Some(ExtendedError { errno, origin, info, data }) = found.error else {
        return ErrorQueueItem::Other { origin: 0 };
    };
    let destination = envelope.from.to_address();
    match origin {
        ee::ORIGIN_TIMESTAMPING if info == ee::INFO_SENT => {
            let interface_index = found.packet_info.and_then(|info| info.interface_index);
            let (software, hardware) = (found.software, found.hardware);
            ErrorQueueItem::TxStamp(TxStamp { key: data, software, hardware, interface_index })
        }
        ee::ORIGIN_ICMP | ee::ORIGIN_ICMP6 => ErrorQueueItem::IcmpError { errno, destination },
        ee::ORIGIN_LOCAL => ErrorQueueItem::LocalError { errno, destination },
        _ => ErrorQueueItem::Other { origin },
    }
}
