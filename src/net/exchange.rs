//! The socket of one NTP request: its own, from a port that nobody can guess (RFC 9109), connected to the server, so that
//! the kernel lets nobody else in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};
use synchronome_kernel::socket::RecvBatch;
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, enable_software_timestamps, read_error_queue,
};

use super::stamps::software_stamp;
use crate::time::Stamp;

/// The longest answer that is looked at.
const DATAGRAM_MAX: usize = 1_024;

/// Room for what comes in; made once for all exchanges.
#[derive(Debug)]
pub struct ExchangeBuffer {
    batch: RecvBatch,
    errors: ErrorQueueBuffer,
}

impl Default for ExchangeBuffer {
    fn default() -> Self {
        Self { batch: RecvBatch::new(4, DATAGRAM_MAX), errors: ErrorQueueBuffer::new() }
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct ExchangeSocket {
    socket: Socket,
}

impl ExchangeSocket {
    /// A socket to this server, whose messages are stamped both ways.
    ///
    /// # Errors
    /// socket(2)'s and connect(2)'s: no route, no descriptors.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        enable_software_timestamps(socket.as_fd(), true)?;
        socket.connect(&to.into())?;
        Ok(Self { socket })
    }

    /// Sends the request.
    ///
    /// # Errors
    /// send(2)'s.
    pub fn send(&self, request: &[u8]) -> io::Result<()> {
        self.socket.send(request).map(drop)
    }

    /// The address of ours that the request leaves from.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Hands out what has come, with when it came.
    pub fn receive(&self, buffer: &mut ExchangeBuffer, mut arrived: impl FnMut(&[u8], Option<Stamp>)) {
        // An error is that of an earlier datagram, which a message of the network has reported: nobody answers there.
        while let Ok(count @ 1..) = buffer.batch.recv(self.socket.as_fd()) {
            for received in buffer.batch.iter().filter(|received| !received.truncated) {
                arrived(received.data, received.software.map(software_stamp));
            }
            if count < 4 {
                return;
            }
        }
    }

    /// When the request left, once the kernel has said so.
    pub fn take_stamp(&self, buffer: &mut ExchangeBuffer) -> Option<Stamp> {
        let mut found = None;
        while let Ok(Some(item)) = read_error_queue(self.socket.as_fd(), &mut buffer.errors) {
            if let ErrorQueueItem::TxStamp(stamp) = item {
                found = stamp.software.map(software_stamp).or(found);
            }
        }
        found
    }
}

impl AsFd for ExchangeSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn both_messages_of_an_exchange_are_stamped_and_strangers_are_not_heard() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        // The kernel begins to stamp a moment after somebody has asked for it.
        let _keeper = ExchangeSocket::open(server.local_addr().unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let client = ExchangeSocket::open(server.local_addr().unwrap()).unwrap();
        client.send(b"request").unwrap();
        let mut bytes = [0; 32];
        let (_, from) = server.recv_from(&mut bytes).unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"lie", from).unwrap();
        server.send_to(b"answer", from).unwrap();
        let mut buffer = ExchangeBuffer::default();
        let (mut sent, mut heard) = (None, Vec::new());
        let begin = Instant::now();
        while (sent.is_none() || heard.is_empty()) && begin.elapsed() < Duration::from_secs(2) {
            sent = sent.or(client.take_stamp(&mut buffer));
            client.receive(&mut buffer, |bytes, stamp| heard.push((bytes.to_vec(), stamp)));
            std::thread::sleep(Duration::from_millis(1));
        }
        let (answer, received) = heard.first().expect("an answer");
        assert_eq!((heard.len(), &answer[..]), (1, &b"answer"[..]));
        let round_trip = received.expect("a stamp").at - sent.expect("a stamp").at;
        assert!(!round_trip.is_negative() && round_trip < crate::time::Duration::SECOND, "{round_trip}");
    }

    #[test]
    fn two_requests_leave_from_two_ports() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let ports: std::collections::BTreeSet<_> = (0..8)
            .map(|_| ExchangeSocket::open(to).unwrap())
            .map(|socket| socket.local_address().unwrap().port())
            .collect();
        assert!(ports.len() >= 2, "{ports:?}");
    }
}
