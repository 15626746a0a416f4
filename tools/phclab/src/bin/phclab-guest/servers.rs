//! NTP servers that know the truth.
//!
//! All programs of a guest have one CLOCK_REALTIME, and a server that has it too could only tell a client what that thinks already. So these have UTC of
//! the master's PHC, by [`Truth`]. There is a thread for each address.

use std::net::UdpSocket;
use std::thread::{self, JoinHandle};

use phclab::scenario::Scenario;

use super::process::ip;
use super::world::{MASTER_SIDE, TAI_UTC, Truth, within};
use super::{Outcome, because};

/// The octets of a request and of an answer (RFC 5905 7.3), without extensions.
const PACKET: usize = 48;
/// Where the request's transmit timestamp is, which comes back as the origin.
const TRANSMIT: std::ops::Range<usize> = 40..48;
/// No leap second, version 4, mode 4; stratum 1; poll 6; precision 2^-20 s; root delay 0; root dispersion 2^-12 s, within which a
/// packet is looked at; "LAB".
const HEAD: [u8; 16] = [0x24, 1, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 16, b'L', b'A', b'B', 0];
/// From 1900 to 1970, in seconds.
const ERA: i128 = 2_208_988_800;

/// Those of a run; they end with this.
pub struct Servers(Vec<(UdpSocket, JoinHandle<()>)>);

impl Servers {
    /// Gives the servers their addresses and starts them.
    ///
    /// # Errors
    /// What could not be done.
    pub fn start(scenario: &Scenario) -> Outcome<Self> {
        let mut servers = Self(Vec::new());
        for address in scenario.ntp_servers() {
            ip(&format!("-n {MASTER_SIDE} addr add {address}/24 dev phv0"))?;
            let place = format!("{address}:123");
            let socket = within(MASTER_SIDE, || UdpSocket::bind(&place))?.map_err(because(&place))?;
            let ours = socket.try_clone().map_err(because(&place))?;
            servers.0.push((ours, thread::spawn(move || serve(&socket))));
        }
        Ok(servers)
    }
}

impl Drop for Servers {
    /// A namespace with a socket in it would not go.
    fn drop(&mut self) {
        for (socket, thread) in self.0.drain(..) {
            if socket.local_addr().and_then(|own| socket.send_to(&[], own)).is_ok() {
                let _ = thread.join();
            }
        }
    }
}

/// Answers until an empty packet comes.
fn serve(socket: &UdpSocket) {
    let mut packet = [0; PACKET];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if length == 0 {
            return;
        }
        if let Some(answer) = Truth::read().ok().filter(|_| length == PACKET).and_then(|now| answer(&packet, &now)) {
            // A client that is gone by now does not miss it.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// `None` if that is no request.
fn answer(request: &[u8; PACKET], now: &Truth) -> Option<[u8; PACKET]> {
    let is_request = request[0] & 7 == 3;
    let utc = now.phcs.first()? - i128::from(TAI_UTC) * 1_000_000_000_000;
    // 32 bits of seconds and 32 of their fraction.
    let time = (((utc + ERA * 1_000_000_000_000) << 32) / 1_000_000_000_000) as u64;
    let mut answer = [0; PACKET];
    answer[..16].copy_from_slice(&HEAD);
    answer[24..32].copy_from_slice(&request[TRANSMIT]);
    for at in [16, 32, 40] {
        answer[at..at + 8].copy_from_slice(&time.to_be_bytes());
    }
    is_request.then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_time_of_the_master_and_what_the_client_sent() {
        let mut request = [0; PACKET];
        (request[0], request[47]) = (0x23, 7);
        let now =
            Truth { raw: 0, real: 0, phcs: vec![(i128::from(TAI_UTC) + 1) * 1_000_000_000_000 + 500_000_000_000] };
        let answer = answer(&request, &now).unwrap();
        assert_eq!(answer[..2], [0x24, 1]);
        assert_eq!(answer[24..32], request[TRANSMIT]);
        let second = (ERA as u32 + 1).to_be_bytes();
        assert_eq!(
            (&answer[32..36], &answer[40..48]),
            (&second[..], &[second[0], second[1], second[2], second[3], 0x80, 0, 0, 0][..])
        );
        request[0] = 0x24;
        assert_eq!(super::answer(&request, &now), None);
    }
}
