//! Many datagrams out in one call, each from the address that was asked, and no failure in the way of the next.
//!
//! sendmmsg(2) stops at the first message that fails, and tells its error only if it was the first of the call: one
//! client behind a closed route would take the answers of all behind it in the batch along. So the batch goes on after
//! it. And the error that stops it may not even be its own: on a socket with a pending ICMP error (`IP_RECVERR`, or
//! connected) the kernel fails the next send, whatever it is, with the error of an earlier one. The error is then
//! cleared; so each message gets one second try.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use super::assert_shape;
use crate::address::AddressBytes;
use crate::control::SendControl;
use crate::sys::{self, Outgoing};

/// Why a message was not taken into a [`SendBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefused {
    /// The batch is full: flush it.
    Full,
    /// The message is longer than the batch has room for.
    TooLong,
    /// The source address and the destination are not of one family.
    Family,
}

impl fmt::Display for SendRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the batch is full",
            Self::TooLong => "the message is longer than the batch has room for",
            Self::Family => "the source and the destination are not of one address family",
        })
    }
}

impl std::error::Error for SendRefused {}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Messages that the kernel took.
    pub sent: usize,
    /// Messages that it refused, and those behind a full send buffer.
    pub failed: usize,
    /// The error of the last one that failed, as errno(3).
    pub last_errno: Option<i32>,
}

#[derive(Clone, Copy)]
struct Outbound {
    to: AddressBytes,
    control: SendControl,
    length: usize,
}

/// Room for a batch of messages: all memory is taken at construction.
pub struct SendBatch {
    size: usize,
    data: Box<[u8]>,
    messages: Box<[Outbound]>,
    count: usize,
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("capacity", &self.messages.len())
            .field("size", &self.size)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl SendBatch {
    /// Room for `capacity` messages of at most `size` bytes each.
    ///
    /// # Panics
    /// Unless `capacity` is in 1..=[`super::BATCH_MAX`] and `size` in 1..=[`super::DATAGRAM_MAX`].
    pub fn new(capacity: usize, size: usize) -> Self {
        assert_shape(capacity, size);
        let empty = Outbound { to: AddressBytes::EMPTY, control: SendControl::EMPTY, length: 0 };
        Self { size, data: vec![0; capacity * size].into(), messages: vec![empty; capacity].into(), count: 0 }
    }

    /// Messages waiting for [`SendBatch::flush`].
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes a copy of a message for `to`, to leave from the address `source` (`None`: as the kernel chooses).
    ///
    /// With `interface_index` it leaves by that interface, whatever the routes say; an answer to a request rarely wants
    /// that, a group does. `source` may be an IPv4 address in its mapped form where the destination is, and vice versa.
    ///
    /// # Errors
    /// [`SendRefused`]; the batch is unchanged then.
    pub fn push(
        &mut self,
        data: &[u8],
        to: SocketAddr,
        source: Option<IpAddr>,
        interface_index: Option<u32>,
    ) -> Result<(), SendRefused> {
        let message = self.messages.get_mut(self.count).ok_or(SendRefused::Full)?;
        if data.len() > self.size {
            return Err(SendRefused::TooLong);
        }
        let control = leaving_from(to, source, interface_index.unwrap_or(0))?;
        *message = Outbound { to: AddressBytes::from_address(to), control, length: data.len() };
        self.data[self.count * self.size..][..data.len()].copy_from_slice(data);
        self.count += 1;
        Ok(())
    }

    /// The message that was pushed last shall be stamped by the kernel when it leaves: for a socket with
    /// [`tx_on_demand`](crate::timestamping::TimestampRequest::tx_on_demand). Such messages alone are counted; after a failed send see
    /// [`crate::timestamping`].
    ///
    /// # Panics
    /// If nothing waits, or it is called twice for one message.
    pub fn stamp_last(&mut self) {
        self.request_stamp(false);
    }

    /// As [`SendBatch::stamp_last`], and by the card as well: for a socket with
    /// [`tx_hardware_on_demand`](crate::timestamping::TimestampRequest::tx_hardware_on_demand). On another one the card's stamp would come in
    /// the place of the kernel's, and not be delivered.
    ///
    /// # Panics
    /// As [`SendBatch::stamp_last`].
    pub fn stamp_last_by_card(&mut self) {
        self.request_stamp(true);
    }

    fn request_stamp(&mut self, by_card: bool) {
        let last = self.count.checked_sub(1).expect("a message waits");
        self.messages[last].control.push_stamp_request(by_card);
    }

    /// Sends everything that waits, without waiting, and empties the batch.
    ///
    /// A message that fails is tried once more (see the module header), then skipped and counted; the rest goes. Where the
    /// send buffer is full the rest fails with it: an answer that waits is no answer.
    ///
    /// # Errors
    /// `EBADF` or `ENOTSOCK`: the descriptor is not a socket, nothing was sent.
    pub fn flush(&mut self, fd: impl AsFd) -> io::Result<SendReport> {
        let fd = fd.as_fd();
        let mut report = SendReport::default();
        let count = std::mem::take(&mut self.count);
        let mut next = 0;
        let mut tried = None;
        while next < count {
            let waiting = self.messages[next..count].iter().zip(self.data.chunks_exact(self.size).skip(next));
            let outgoing = waiting.map(|(message, data)| Outgoing {
                data: &data[..message.length],
                to: &message.to,
                control: &message.control,
            });
            let error = match sys::sendmmsg(fd, outgoing) {
                Ok(sent) => {
                    next += sent;
                    report.sent += sent;
                    continue;
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EBADF | libc::ENOTSOCK) => return Err(error),
                // A signal before the first message: not this message's fault, and rare enough not to be bounded.
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => {
                    report.failed += count - next;
                    report.last_errno = Some(libc::EAGAIN);
                    break;
                }
                _ if tried != Some(next) => tried = Some(next),
                errno => {
                    report.failed += 1;
                    report.last_errno = errno;
                    next += 1;
                }
            }
        }
        Ok(report)
    }
}

/// The control message for a source address and an interface, in the family of the destination.
///
/// A mapped destination (`::ffff:192.0.2.1`, on a dual-stack socket) is sent by IPv4, and the kernel then takes an
/// `in6_pktinfo` with a mapped source (ip_cmsg_send, Linux 3.16); an unset mapped source is written `::ffff:0.0.0.0`.
fn leaving_from(to: SocketAddr, source: Option<IpAddr>, interface_index: u32) -> Result<SendControl, SendRefused> {
    let mut control = SendControl::EMPTY;
    if source.is_none() && interface_index == 0 {
        return Ok(control);
    }
    match to {
        SocketAddr::V4(_) => {
            let source = match source.map(|source| source.to_canonical()) {
                None => Ipv4Addr::UNSPECIFIED,
                Some(IpAddr::V4(source)) => source,
                Some(IpAddr::V6(_)) => return Err(SendRefused::Family),
            };
            control.push_source_v4(source, interface_index);
        }
        SocketAddr::V6(to) => {
            let mapped = to.ip().to_ipv4_mapped().is_some();
            let source = match source {
                None if mapped => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
                None => Ipv6Addr::UNSPECIFIED,
                Some(IpAddr::V4(source)) => source.to_ipv6_mapped(),
                Some(IpAddr::V6(source)) => source,
            };
            if source.to_ipv4_mapped().is_some() != mapped {
                return Err(SendRefused::Family);
            }
            control.push_source_v6(source, interface_index);
        }
    }
    Ok(control)
}
