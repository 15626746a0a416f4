//! Listening to all PTP on an interface, whatever carries it, and without being heard.
//!
//! A port hears what it is told to: one transport, its domain, no VLAN. Whoever looks for the reason why it hears nothing must
//! hear all: so this is a packet socket, before the firewall and the ports of UDP. It joins the groups, since a switch
//! that watches IGMP would send nothing otherwise, and beyond that nothing leaves the host.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::net::if_::if_nametoindex;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use synchronome_kernel::nic::mac_address;
use synchronome_kernel::socket::packet::{ETHERNET_HEADER, FrameReceiver, join_link_group, open_ptp_listener};

use super::Transport;
use super::ethernet::{ETHERTYPE, FRAME_ROOM, PTP_PDELAY, PTP_PRIMARY};
use super::udp::{PTP_PDELAY_V4, PTP_PDELAY_V6, PTP_PRIMARY_V4, ptp_primary_v6};

/// UDP ports of event and general messages (IEEE 1588-2019 C.2).
const PORTS: [u16; 2] = [319, 320];
/// The scopes of IPv6 that are listened to: link-local and global.
const SCOPES: [u8; 2] = [0x2, 0xe];
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const UDP_HEADER: usize = 8;

/// A message, and what brought it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried<'a> {
    /// By what.
    pub transport: Transport,
    /// The VLAN whose tag it had; `None`: it had none.
    pub vlan: Option<u16>,
    /// The message, as far as it was in the frame.
    pub message: &'a [u8],
}

/// See the module's text.
#[derive(Debug)]
pub struct Listener {
    packets: OwnedFd,
    receiver: FrameReceiver,
    room: Box<[u8; FRAME_ROOM]>,
    /// What we send ourselves is not heard.
    own: Option<[u8; 6]>,
    /// Members of the groups, on ports of no meaning.
    _members: Vec<Socket>,
    /// On PTP's own ports, where nobody else has them: what the host delivers.
    delivery: Vec<Socket>,
}

impl Listener {
    /// Listens on an interface.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW; `ENODEV` without such an interface; `ENETDOWN` where it is down.
    pub fn open(interface: &str) -> io::Result<Self> {
        let index = if_nametoindex(interface)?;
        let packets = open_ptp_listener(index)?;
        let of_v4 = [PTP_PRIMARY_V4, PTP_PDELAY_V4].map(link_group_v4);
        // Whatever the scope.
        let of_v6 = [ptp_primary_v6(SCOPES[0]), PTP_PDELAY_V6].map(link_group_v6);
        for group in [PTP_PRIMARY, PTP_PDELAY].into_iter().chain(of_v4).chain(of_v6) {
            join_link_group(&packets, index, group)?;
        }
        // Without an address of a family there is no membership of it, and that is no fault.
        let members = [member(index, 0, true), member(index, 0, false)];
        let delivery: io::Result<Vec<_>> = PORTS.into_iter().map(|port| member(index, port, true)).collect();
        Ok(Self {
            packets,
            receiver: FrameReceiver::new(),
            room: Box::new([0; FRAME_ROOM]),
            own: mac_address(interface).ok(),
            _members: members.into_iter().flatten().collect(),
            delivery: delivery.unwrap_or_default(),
        })
    }

    /// Whether it is seen what the host delivers: PTP's ports were free, and may be opened.
    pub fn sees_delivery(&self) -> bool {
        !self.delivery.is_empty()
    }

    /// How many messages by UDP over IPv4 the host has delivered since this was asked last.
    pub fn take_delivered(&mut self) -> u64 {
        let mut room = [std::mem::MaybeUninit::uninit(); 64];
        let mut count = 0;
        for socket in &self.delivery {
            while socket.recv_from(&mut room).is_ok() {
                count += 1;
            }
        }
        count
    }

    /// Takes one frame; `heard` is told if there is a message in it. Whether there was a frame. Never waits.
    ///
    /// # Errors
    /// `ENETDOWN`, once, when the interface has gone down.
    pub fn receive(&mut self, heard: impl FnOnce(Carried<'_>)) -> io::Result<bool> {
        let Some(received) = self.receiver.receive(&self.packets, self.room.as_mut_slice())? else { return Ok(false) };
        let frame = &self.room[..received.length];
        let is_own = self.own.is_some() && frame.get(6..12) == self.own.as_ref().map(<[u8; 6]>::as_slice);
        if let Some((transport, message)) = message_in(frame).filter(|_| !is_own) {
            heard(Carried { transport, vlan: received.vlan, message });
        }
        Ok(true)
    }
}

/// 01-00-5E and the last 23 bits of the group (RFC 1112 6.4).
const fn link_group_v4(group: Ipv4Addr) -> [u8; 6] {
    let [_, a, b, c] = group.octets();
    [0x01, 0x00, 0x5e, a & 0x7f, b, c]
}

/// 33-33 and the last 32 bits of the group (RFC 2464 7).
const fn link_group_v6(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// A member of PTP's groups, on a port; 0 is any. Nobody who has the port is disturbed: it is not shared.
fn member(interface_index: u32, port: u16, is_v4: bool) -> io::Result<Socket> {
    let domain = if is_v4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if is_v4 {
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
        for group in [PTP_PRIMARY_V4, PTP_PDELAY_V4] {
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface_index))?;
        }
    } else {
        socket.set_only_v6(true)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        for group in SCOPES.map(ptp_primary_v6).into_iter().chain([PTP_PDELAY_V6]) {
            socket.join_multicast_v6(&group, interface_index)?;
        }
    }
    Ok(socket)
}

/// The message in a frame, and by what it came.
fn message_in(frame: &[u8]) -> Option<(Transport, &[u8])> {
    let number = |octets: &[u8], at: usize| Some(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?));
    let (ethertype, packet) = (number(frame, ETHERNET_HEADER - 2)?, frame.get(ETHERNET_HEADER..)?);
    let (transport, datagram) = match ethertype {
        ETHERTYPE => return Some((Transport::Ethernet, packet)),
        IPV4 => (Transport::Udp4, packet.get(usize::from(packet.first()? & 0x0f) * 4..)?),
        // The filter lets no extension headers through.
        IPV6 => (Transport::Udp6 { scope: packet.get(25)? & 0x0f }, packet.get(40..)?),
        _ => return None,
    };
    let length = usize::from(number(datagram, 4)?).min(datagram.len());
    PORTS.contains(&number(datagram, 2)?).then_some((transport, datagram.get(UDP_HEADER..length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header without a tag and what follows it.
    fn frame(ethertype: u16, rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET_HEADER - 2];
        frame.extend(ethertype.to_be_bytes());
        frame.extend(rest);
        frame
    }

    fn datagram(port: u16, message: &[u8]) -> Vec<u8> {
        let length = (UDP_HEADER + message.len()) as u16;
        let mut datagram: Vec<u8> = [319, port, length, 0].into_iter().flat_map(u16::to_be_bytes).collect();
        datagram.extend(message);
        datagram
    }

    #[test]
    fn the_groups_of_ip_have_theirs_of_the_link() {
        assert_eq!(link_group_v4(PTP_PRIMARY_V4), [0x01, 0x00, 0x5e, 0x00, 0x01, 0x81]);
        assert_eq!(link_group_v4(Ipv4Addr::new(239, 255, 1, 2)), [0x01, 0x00, 0x5e, 0x7f, 0x01, 0x02], "23 bits");
        assert_eq!(link_group_v6(ptp_primary_v6(0xe)), [0x33, 0x33, 0x00, 0x00, 0x01, 0x81]);
        assert_eq!(link_group_v6(PTP_PDELAY_V6), [0x33, 0x33, 0x00, 0x00, 0x00, 0x6b]);
    }

    #[test]
    fn a_message_is_found_in_each_of_its_envelopes_and_in_no_part_of_one() {
        let message = [7, 2, 1, 0];
        let v4 = [&[0x46][..], &[0; 23], &datagram(320, &message)].concat();
        let v6 = [&[0x60][..], &[0; 23], &[0xff, 0x0e], &[0; 14], &datagram(319, &message)].concat();
        let all = [
            (Transport::Ethernet, frame(ETHERTYPE, &message)),
            (Transport::Udp4, frame(IPV4, &v4)),
            (Transport::Udp6 { scope: 0xe }, frame(IPV6, &v6)),
        ];
        for (transport, frame) in &all {
            assert_eq!(message_in(frame), Some((*transport, &message[..])));
            for length in 0..frame.len() {
                let found = message_in(&frame[..length]).map_or(0, |(_, message)| message.len());
                assert!(found < message.len(), "{transport:?} {length}");
            }
        }
        assert_eq!(message_in(&frame(IPV4, &[&[0x45][..], &[0; 19], &datagram(123, &message)].concat())), None);
        assert_eq!(message_in(&frame(0x0806, &message)), None);
    }
}
