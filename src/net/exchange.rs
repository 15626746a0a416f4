//! The socket of one NTP request: its own, from a port that nobody can guess (RFC 9109), connected to the server, so that
//! the kernel lets nobody else in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};
use synchronome_kernel::socket::RecvBatch;
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, KernelTime, TimestampRequest, enable_software_timestamps, enable_timestamps,
    read_error_queue,
};

use super::stamps::software_stamp;
use crate::time::{Local, Stamp, Timestamp};

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

/// What the card says of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardArrival {
    /// Its clock when the frame began.
    pub at: Timestamp<Local>,
    /// The interface of the card, where its driver tells it.
    pub interface_index: Option<u32>,
    /// Octets of the frame without checksum.
    pub frame_length: u32,
}

/// When a request left, as far as that is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Departed {
    /// By the kernel: when it let go of it.
    pub kernel: Option<Stamp>,
    /// By the clock of the card.
    pub card: Option<Timestamp<Local>>,
}

fn local(time: KernelTime) -> Timestamp<Local> {
    Timestamp::from_parts(time.seconds, time.nanoseconds)
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

    /// Asks for the stamps of the card beside those of the kernel.
    ///
    /// # Errors
    /// setsockopt(2)'s; the kernel's stamps still come.
    pub fn ask_card(&self) -> io::Result<()> {
        let both = TimestampRequest {
            rx_software: true,
            tx_software: true,
            rx_hardware: true,
            tx_hardware: true,
            tx_software_beside_hardware: true,
            origin: true,
            ..TimestampRequest::default()
        };
        enable_timestamps(self.socket.as_fd(), both).map(drop)
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

    /// Hands out what has come, with when it came by the kernel, and by the card if that has stamped it.
    pub fn receive(
        &self,
        buffer: &mut ExchangeBuffer,
        mut arrived: impl FnMut(&[u8], Option<Stamp>, Option<CardArrival>),
    ) {
        // An error is that of an earlier datagram, which a message of the network has reported: nobody answers there.
        while let Ok(count @ 1..) = buffer.batch.recv(self.socket.as_fd()) {
            for received in buffer.batch.iter().filter(|received| !received.truncated) {
                let card = received.hardware.zip(received.origin).map(|(at, origin)| CardArrival {
                    at: local(at),
                    interface_index: origin.interface_index,
                    frame_length: origin.frame_length,
                });
                arrived(received.data, received.software.map(software_stamp), card);
            }
            if count < 4 {
                return;
            }
        }
    }

    /// Takes what the kernel and the card have said of when the request left.
    pub fn take_stamps(&self, buffer: &mut ExchangeBuffer, departed: &mut Departed) {
        while let Ok(Some(item)) = read_error_queue(self.socket.as_fd(), &mut buffer.errors) {
            if let ErrorQueueItem::TxStamp(stamp) = item {
                departed.kernel = stamp.software.map(software_stamp).or(departed.kernel);
                departed.card = stamp.hardware.map(local).or(departed.card);
            }
        }
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
        client.ask_card().unwrap();
        client.send(b"request").unwrap();
        let mut bytes = [0; 32];
        let (_, from) = server.recv_from(&mut bytes).unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"lie", from).unwrap();
        server.send_to(b"answer", from).unwrap();
        let mut buffer = ExchangeBuffer::default();
        let (mut sent, mut heard) = (Departed::default(), Vec::new());
        let begin = Instant::now();
        while (sent.kernel.is_none() || heard.is_empty()) && begin.elapsed() < Duration::from_secs(2) {
            client.take_stamps(&mut buffer, &mut sent);
            client.receive(&mut buffer, |bytes, stamp, card| {
                assert_eq!(card, None, "the loopback has no card");
                heard.push((bytes.to_vec(), stamp));
            });
            std::thread::sleep(Duration::from_millis(1));
        }
        let (answer, received) = heard.first().expect("an answer");
        assert_eq!((heard.len(), &answer[..]), (1, &b"answer"[..]));
        let round_trip = received.expect("a stamp").at - sent.kernel.expect("a stamp").at;
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
