//! The demo's own NTP client: what anyone gets who asks the server.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::clock::HostClock;
use crate::time::{Duration, NtpTimestamp, Timestamp, Utc};
use crate::wire::ntp::{Header, Mode, Packet, parse, write};

/// Longer than a round trip on loopback ever takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

/// What a server said.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answer {
    /// How far its clock is ahead of this host's CLOCK_REALTIME (RFC 5905 8: theta).
    pub offset: Duration,
    /// Its stratum; 0 while it is not synchronised.
    pub stratum: u8,
    /// root delay / 2 + root dispersion.
    pub root_distance: Duration,
}

/// Asks once; `None` without a valid answer.
pub fn ask(server: SocketAddr) -> Option<Answer> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let now = || HostClock.stamping().read_as::<Utc>();
    let t1 = now();
    let header = Header { mode: Mode::Client, transmit_timestamp: NtpTimestamp::from_utc(t1), ..Header::default() };
    let mut buffer = [0; 128];
    let length = write(&Packet::plain(header), &mut buffer).ok()?;
    socket.send_to(&buffer[..length], server).ok()?;
    let (length, from) = socket.recv_from(&mut buffer).ok()?;
    let t4 = now();
    let reply = parse(&buffer[..length]).ok()?.header;
    (from == server && reply.mode == Mode::Server && reply.origin_timestamp == header.transmit_timestamp).then(|| {
        let (t2, t3) = (reply.receive_timestamp.to_utc(t1), reply.transmit_timestamp.to_utc(t1));
        Answer {
            offset: offset(t1, t2, t3, t4),
            stratum: reply.stratum,
            root_distance: reply.root_delay.to_duration().half() + reply.root_dispersion.to_duration(),
        }
    })
}

/// `((t2 - t1) + (t3 - t4)) / 2`.
fn offset(t1: Timestamp<Utc>, t2: Timestamp<Utc>, t3: Timestamp<Utc>, t4: Timestamp<Utc>) -> Duration {
    ((t2 - t1) + (t3 - t4)).half()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_that_of_rfc_5905() {
        let at = |ms: i64| Timestamp::from_secs(100) + Duration::from_millis(ms);
        // 10 ms there, 30 ms at the server, 10 ms back; the server is 500 ms ahead.
        assert_eq!(offset(at(0), at(510), at(540), at(50)), Duration::from_millis(500));
    }
}
