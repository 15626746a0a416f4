//! Many datagrams, each with its stamp and the address that it came to, in one call.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use super::assert_shape;
use crate::sys::{self, Envelope};
use crate::timestamping::{KernelTime, StampOrigin};

/// A received datagram; borrowed from the [`RecvBatch`] until its next `recv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// The payload, as far as it fitted.
    pub data: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// Our address to answer from: the one that was asked; for a group or a broadcast by IPv4 the one that the kernel
    /// would choose (`ipi_spec_dst`), by IPv6 `None`. `None` also without [`super::enable_packet_info`].
    pub local: Option<IpAddr>,
    /// The destination in the packet: our address, a group, or a broadcast address.
    pub destination: Option<IpAddr>,
    /// The interface that it came in by; `None` without [`super::enable_packet_info`].
    pub interface_index: Option<u32>,
    /// The datagram was longer than the room for it (`MSG_TRUNC`).
    pub truncated: bool,
    /// CLOCK_REALTIME when the driver handed it to the stack.
    pub software: Option<KernelTime>,
    /// The NIC's clock when it passed.
    pub hardware: Option<KernelTime>,
    /// Which NIC that was; `None` unless the socket asks for it ([`crate::timestamping::TimestampRequest::origin`]).
    pub origin: Option<StampOrigin>,
}

/// A received datagram, as far as those care who asked for stamps and nothing else; borrowed as [`Received`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// CLOCK_REALTIME when the driver handed it to the stack.
    pub software: Option<KernelTime>,
    /// The NIC's clock when it passed.
    pub hardware: Option<KernelTime>,
}

/// Room for a batch of datagrams: all memory is taken at construction.
pub struct RecvBatch {
    size: usize,
    data: Box<[u8]>,
    envelopes: Box<[Envelope]>,
    count: usize,
}

impl std::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecvBatch")
            .field("capacity", &self.envelopes.len())
            .field("size", &self.size)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl RecvBatch {
    /// Room for `capacity` datagrams of at most `size` bytes each.
    ///
    /// # Panics
    /// Unless `capacity` is in 1..=[`super::BATCH_MAX`] and `size` in 1..=[`super::DATAGRAM_MAX`].
    pub fn new(capacity: usize, size: usize) -> Self {
        assert_shape(capacity, size);
        Self {
            size,
            data: vec![0; capacity * size].into(),
            envelopes: vec![Envelope::EMPTY; capacity].into(),
            count: 0,
        }
    }

    /// Receives what is there, at most the capacity, instead of what the batch held; never waits. Returns the count:
    /// 0 if nothing is there; the capacity means that there may be more.
    ///
    /// # Errors
    /// Those of recvmmsg(2) except `EAGAIN` and `EINTR`; `InvalidData` on a socket that is not of IPv4 or IPv6.
    /// With `IP_RECVERR`, or on a connected socket, an ICMP error is reported here once: call again.
    pub fn recv(&mut self, fd: impl AsFd) -> io::Result<usize> {
        let received = sys::recvmmsg(fd.as_fd(), &mut self.data, self.size, &mut self.envelopes);
        self.arrived(received)
    }

    /// As [`RecvBatch::recv`], but at most one datagram.
    ///
    /// For a socket that was found readable and mostly holds one: recvmmsg(2) looks for a second one before it returns,
    /// which costs as much again.
    pub fn recv_one(&mut self, fd: impl AsFd) -> io::Result<usize> {
        let data = &mut self.data[..self.size];
        let received = sys::recvmsg(fd.as_fd(), data, &mut self.envelopes[0], libc::MSG_DONTWAIT);
        self.arrived(received.map(|()| 1))
    }

    fn arrived(&mut self, received: io::Result<usize>) -> io::Result<usize> {
        self.count = 0;
        let received = match received {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error),
        };
        if self.envelopes[..received].iter().any(|envelope| !envelope.from.is_of_ip()) {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        self.count = received;
        Ok(received)
    }

    /// How many datagrams the last `recv` brought.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the last `recv` brought none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The datagram number `index` of the last `recv`, in the order of arrival.
    ///
    /// # Panics
    /// If `index` is not less than [`RecvBatch::len`].
    pub fn get(&self, index: usize) -> Received<'_> {
        let envelope = &self.envelopes[..self.count][index];
        let ancillary = envelope.control.read();
        let info = ancillary.packet_info;
        Received {
            data: &self.data[index * self.size..][..envelope.length],
            from: envelope.from.to_address().expect("recv has looked at each"),
            local: info.and_then(|info| info.local),
            destination: info.map(|info| info.destination),
            interface_index: info.and_then(|info| info.interface_index),
            truncated: envelope.flags & libc::MSG_TRUNC != 0,
            software: ancillary.software,
            hardware: ancillary.hardware,
            origin: ancillary.origin,
        }
    }

    /// The datagrams of the last `recv`, in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Received<'_>> {
        (0..self.count).map(|index| self.get(index))
    }

    /// The datagrams of the last `recv` that fitted their room, in the order of arrival, with their stamps.
    #[inline]
    pub fn iter_stamped(&self) -> impl Iterator<Item = Stamped<'_>> {
        let arrived = self.envelopes[..self.count].iter().zip(self.data.chunks_exact(self.size));
        arrived.filter(|(envelope, _)| envelope.flags & libc::MSG_TRUNC == 0).map(|(envelope, data)| {
            let [software, hardware] = envelope.control.stamps();
            let from = envelope.from.to_address().expect("recv has looked at each");
            Stamped { data: &data[..envelope.length], from, software, hardware }
        })
    }
}
