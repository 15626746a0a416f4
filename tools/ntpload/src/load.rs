//! The simulated clients.
//!
//! One thread with a few sockets. A request is known by the number in its transmit timestamp, which the answer brings back as its origin;
//! so no table of addresses is needed, and a client is a number.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Protocol, Socket, Type};
use synchronome::time::NtpTimestamp;
use synchronome::wire::ntp::{HEADER_LENGTH, Header, Mode as NtpMode, Packet, parse, write};
use synchronome_kernel::socket::{RecvBatch, SendBatch};
use synchronome_kernel::timestamping::enable_software_timestamps;

use crate::report::{Report, Tally};
use crate::{Mode, Target};

/// Requests in one system call.
const BATCH: usize = 32;
/// Requests that can be under way.
const UNDER_WAY: usize = 1 << 20;
/// How long the last answers are waited for, unless [`Load::patient`] says otherwise.
const PATIENCE: Duration = Duration::from_millis(300);
/// Room for the answers that come while requests are sent, in bytes.
const BUFFER: usize = 4 << 20;

/// A request under way.
#[derive(Clone, Copy)]
struct UnderWay {
    number: u32,
    client: u32,
    /// When it was due, and when it was handed to the kernel; ns since the start.
    due: u64,
    sent: u64,
}

/// Clients, ready to ask.
pub struct Load {
    server: SocketAddr,
    mode: Mode,
    clients: u32,
    sources: Option<IpAddr>,
    sockets: Vec<Socket>,
    requests: SendBatch,
    answers: RecvBatch,
    under_way: Vec<Option<UnderWay>>,
    /// Of each client the receive timestamp of its last answer.
    last_received: Vec<u64>,
    next_number: u32,
    next_client: u32,
    patience: Duration,
}

/// Both clocks at one instant: stamps of the kernel are of the one, the schedule of the other.
#[derive(Clone, Copy)]
struct Start {
    steady: Instant,
    civil: Duration,
}

impl Start {
    fn now() -> Self {
        let civil = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { steady: Instant::now(), civil }
    }

    fn elapsed(&self) -> u64 {
        self.steady.elapsed().as_nanos() as u64
    }
}

impl Load {
    /// Opens the sockets.
    ///
    /// # Errors
    /// The system's.
    pub fn new(target: &Target) -> io::Result<Self> {
        let any: SocketAddr = match target.server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let open = |_| -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(any), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
            // Addresses that are only routed here, and on no interface.
            if any.is_ipv4() {
                socket.set_freebind_v4(true)?;
            } else {
                socket.set_freebind_v6(true)?;
            }
            let _ = socket.set_recv_buffer_size(BUFFER);
            enable_software_timestamps(&socket, false)?;
            socket.bind(&any.into())?;
            Ok(socket)
        };
        Ok(Self {
            server: target.server,
            mode: target.mode,
            clients: target.clients.max(1),
            sources: target.sources,
            sockets: (0..target.sockets.max(1)).map(open).collect::<io::Result<_>>()?,
            requests: SendBatch::new(BATCH, HEADER_LENGTH),
            answers: RecvBatch::new(BATCH, 512),
            under_way: vec![None; UNDER_WAY],
            last_received: vec![0; target.clients.max(1) as usize],
            next_number: 1,
            next_client: 0,
            patience: PATIENCE,
        })
    }

    /// The last answers are waited for so long.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks `rate` times a second for so long, evenly.
    ///
    /// # Errors
    /// The system's, of receiving.
    pub fn run(&mut self, rate: f64, span: Duration) -> io::Result<Report> {
        let mut tally = Tally::default();
        let start = Start::now();
        let span_ns = span.as_nanos() as u64;
        let all = (rate * span.as_secs_f64()) as u64;
        let mut made = 0;
        loop {
            let now = start.elapsed();
            let due = due_by(now.min(span_ns), rate).min(all);
            if made < due {
                let count = (due - made).min(BATCH as u64);
                tally.sent += self.send(&start, (made..made + count).map(|number| due_at(number, rate)))?;
                made += count;
            }
            self.receive(&start, &mut tally)?;
            let is_over = now > span_ns && made == all && tally.are_all_answered();
            if is_over || now > span_ns + self.patience.as_nanos() as u64 {
                break;
            }
        }
        Ok(tally.report(rate, span))
    }

    /// One batch, all by one socket; those that the kernel takes.
    fn send(&mut self, start: &Start, dues: impl Iterator<Item = u64>) -> io::Result<u64> {
        let socket = (self.next_number as usize / BATCH) % self.sockets.len();
        for due in dues {
            let (number, client) = (self.next_number, self.next_client);
            self.next_number = self.next_number.wrapping_add(1);
            self.next_client = (self.next_client + 1) % self.clients;
            let frame = self.request(number, client);
            let source = self.sources.map(|first| address(first, client));
            self.requests.push(&frame, self.server, source, None).map_err(io::Error::other)?;
            let sent = start.elapsed();
            self.under_way[number as usize % UNDER_WAY] = Some(UnderWay { number, client, due, sent });
        }
        Ok(self.requests.flush(&self.sockets[socket])?.sent as u64)
    }

    fn request(&self, number: u32, client: u32) -> [u8; HEADER_LENGTH] {
        // No number is "unset", and in interleaved mode the two of a request differ.
        let name = |bit: u64| NtpTimestamp::from_bits(0x5a5a_0000_0000_0000 | u64::from(number) << 1 | bit);
        let (origin, receive) = match self.mode {
            Mode::Basic => (NtpTimestamp::UNSET, NtpTimestamp::UNSET),
            Mode::Interleaved => (NtpTimestamp::from_bits(self.last_received[client as usize]), name(0)),
        };
        let header = Header {
            mode: NtpMode::Client,
            poll: 0,
            precision: 32,
            origin_timestamp: origin,
            receive_timestamp: receive,
            transmit_timestamp: name(1),
            ..Header::default()
        };
        let mut frame = [0; HEADER_LENGTH];
        write(&Packet::plain(header), &mut frame).expect("room for a header");
        frame
    }

    fn receive(&mut self, start: &Start, tally: &mut Tally) -> io::Result<()> {
        for socket in &self.sockets {
            let count = match self.answers.recv(socket) {
                Ok(count) => count,
                // Nobody listens there: those requests are lost.
                Err(error) if error.raw_os_error() == Some(111) => 0,
                Err(error) => return Err(error),
            };
            for index in 0..count {
                let received = self.answers.get(index);
                let now = start.elapsed();
                let arrived = received
                    .software
                    .map_or(now, |stamp| (stamp.total_nanoseconds() - start.civil.as_nanos() as i128).max(0) as u64);
                let Ok(packet) = parse(received.data) else {
                    tally.strange += 1;
                    continue;
                };
                // An echo has everything where we put it.
                let is_echo = packet.header.mode == NtpMode::Client;
                let header = &packet.header;
                let origin = if is_echo { header.transmit_timestamp } else { header.origin_timestamp }.to_bits();
                let number = (origin >> 1) as u32;
                let place = &mut self.under_way[number as usize % UNDER_WAY];
                let is_known = origin >> 33 == 0x5a5a_0000_0000_0000 >> 33;
                let Some(known) = place.take_if(|known| is_known && known.number == number) else {
                    tally.strange += 1;
                    continue;
                };
                self.last_received[known.client as usize] = packet.header.receive_timestamp.to_bits();
                tally.answered(&packet.header, origin & 1 == 0, known.due, known.sent, arrived, start.civil);
            }
        }
        Ok(())
    }
}

/// When a request is due, by its number from 0, in ns since the start.
fn due_at(number: u64, rate: f64) -> u64 {
    (number as f64 * 1e9 / rate) as u64
}

/// So many requests are due so many ns after the start: the first one at once.
fn due_by(now: u64, rate: f64) -> u64 {
    // Half a ns more, for what the other one cuts off.
    ((now as f64 + 0.5) * rate / 1e9) as u64 + 1
}

/// The address of a client.
fn address(first: IpAddr, client: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(client)).into(),
        // A network of its own for each, as servers count them.
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().wrapping_add(u128::from(client) << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Or each latency would be one interval too long.
    #[test]
    fn a_request_leaves_when_it_is_due_and_not_when_the_next_one_is() {
        for rate in [0.5, 7.0, 1_000.0, 48_123.4] {
            for number in [0, 1, 2, 10, 999, 123_456] {
                let due = due_at(number, rate);
                assert!((number + 1..=number + 2).contains(&due_by(due + 1, rate)), "{number} at {rate}/s");
                assert!(due == 0 || due_by(due - 1, rate) <= number, "{number} at {rate}/s");
            }
        }
    }

    #[test]
    fn clients_follow_each_other_by_address_and_of_ipv6_by_network() {
        assert_eq!(address("10.99.0.255".parse().unwrap(), 1), "10.99.1.0".parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8::1".parse().unwrap(), 2), "2001:db8:0:2::1".parse::<IpAddr>().unwrap());
    }
}
