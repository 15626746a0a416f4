//! What the tests on loopback share. Nothing here waits longer than it must: on loopback a datagram and its transmit
//! stamp are there when the send returns; the polls below are for the busy machine on which they are not.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use synchronome_kernel::socket::RecvBatch;
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, KernelTime, TxKeying, TxStamp, enable_software_timestamps, read_error_queue,
    send_timestamped,
};

pub fn loopback_v4() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the IPv4 loopback")
}

pub fn loopback_v6() -> UdpSocket {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("these tests need the IPv6 loopback (::1)")
}

pub fn realtime() -> KernelTime {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).expect("a clock");
    KernelTime { seconds: now.tv_sec(), nanoseconds: u32::try_from(now.tv_nsec()).expect("in range") }
}

pub fn close_to_now(stamp: KernelTime) -> bool {
    (realtime().seconds - stamp.seconds).abs() <= 1
}

pub fn linux_version() -> (u32, u32) {
    let release = nix::sys::utsname::uname().expect("uname").release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().expect("a number"));
    (numbers.next().expect("major"), numbers.next().expect("minor"))
}

/// A socket with transmit stamps, and how they are keyed.
pub struct Client {
    socket: UdpSocket,
    pub keying: TxKeying,
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Client {
    /// As this kernel offers.
    pub fn new(socket: UdpSocket) -> Self {
        let keying = enable_software_timestamps(&socket, true).expect("stamps");
        Self { socket, keying }
    }

    /// As a kernel without `SCM_TS_OPT_ID`.
    pub fn counting(socket: UdpSocket) -> Self {
        Self { keying: TxKeying::Counter, ..Self::new(socket) }
    }

    /// Sends under `key`, or under the next of the counter.
    pub fn send(&self, data: &[u8], to: SocketAddr, key: u32) -> io::Result<usize> {
        let key = (self.keying == TxKeying::PerMessage).then_some(key);
        send_timestamped(self, data, to, key)
    }
}

fn wait(fd: BorrowedFd<'_>, events: PollFlags, milliseconds: u16) {
    poll(&mut [PollFd::new(fd, events)], PollTimeout::from(milliseconds)).expect("polled");
}

/// The next item of the error queue; `None` if none comes within 50 ms.
pub fn next_item(fd: impl AsFd) -> Option<ErrorQueueItem> {
    wait(fd.as_fd(), PollFlags::empty(), 50);
    read_error_queue(fd, &mut ErrorQueueBuffer::new()).expect("a socket")
}

/// The next item of the error queue, which must be a stamp.
pub fn next_stamp(fd: impl AsFd) -> TxStamp {
    wait(fd.as_fd(), PollFlags::empty(), 2000);
    match next_item(fd) {
        Some(ErrorQueueItem::TxStamp(stamp)) => stamp,
        other => panic!("a transmit stamp was expected: {other:?}"),
    }
}

/// All stamps of the error queue, leaving out its errors.
pub fn drained(fd: impl AsFd) -> Vec<TxStamp> {
    let mut stamps = Vec::new();
    while let Some(item) = next_item(fd.as_fd()) {
        if let ErrorQueueItem::TxStamp(stamp) = item {
            stamps.push(stamp);
        }
    }
    stamps
}

/// On a busy machine the kernel delivers a burst on loopback from a thread of its own (ksoftirqd): gives it time to.
pub fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

/// Receives once there is something, and checks that it is as many datagrams as said.
pub fn receive(batch: &mut RecvBatch, fd: impl AsFd, count: usize) {
    wait(fd.as_fd(), PollFlags::POLLIN, 2000);
    if count > 1 {
        settle();
    }
    assert_eq!(batch.recv(fd).expect("a socket"), count, "datagrams received");
}
