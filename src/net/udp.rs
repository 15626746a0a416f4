//! PTP over UDP: IPv4 (IEEE 1588-2019 Annex C) and IPv6 (Annex D).
//!
//! A socket of either family is bound to its interface, hears the group of the primary messages there, with the peer delay
//! mechanism that of its messages too, and nothing that other sockets joined elsewhere. To a group it sends with a hop limit
//! of 1, unless told another ([`Marks`]): else PTP passes no router but by unicast.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use synchronome_kernel::socket::{BATCH_MAX, RecvBatch, SendBatch, set_multicast_all, set_multicast_interface_v4};
use synchronome_kernel::timestamping::send_timestamped;

use super::sockets::{BATCH, Beside, Queued, is_to_neighbor};
use super::{Marks, OpenError, Outgoing, SocketOptions, Transport};
use crate::ptp::{Address, Channel, FRAME_MAX};

/// The longest datagram that is looked at: the largest PTP messages with TLVs are far below it.
const DATAGRAM_MAX: usize = 1_024;

/// 224.0.1.129: all messages but those of the peer delay mechanism (C.3).
pub(super) const PTP_PRIMARY_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);

/// FF0X::181: the same by IPv6, where X is the scope (D.3; RFC 4291 section 2.7).
pub(super) const fn ptp_primary_v6(scope: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xff00 | scope as u16, 0, 0, 0, 0, 0, 0, 0x181)
}

/// 224.0.0.107: the messages of the peer delay mechanism, which no switch forwards that knows it (C.3).
pub(super) const PTP_PDELAY_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 107);
/// FF02::6B: the same by IPv6 (D.3).
pub(super) const PTP_PDELAY_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x6b);

/// Octets that follow each message over IPv6, beyond its messageLength: a transparent clock on the way that changes the
/// correctionField makes the UDP checksum right by them (D.2).
const V6_TRAILER: [u8; 2] = [0; 2];

/// The two UDP sockets of a port, and where their messages go.
#[derive(Debug)]
pub(super) struct UdpSockets {
    event: Socket,
    general: Socket,
    /// To everybody, and to the neighbour.
    event_to: [SocketAddr; 2],
    general_to: [SocketAddr; 2],
    interface_index: u32,
    has_trailer: bool,
    batch: RecvBatch,
    event_out: SendBatch,
    general_out: SendBatch,
}

impl UdpSockets {
    pub fn open(options: &SocketOptions, interface_index: u32) -> Result<Self, OpenError> {
        let SocketOptions { interface, transport, event_port, general_port, peer_delay, marks, .. } = options;
        let open = |port, dscp| {
            let socket = open((*transport, *peer_delay), interface, interface_index, port)?;
            mark(&socket, *transport, (marks, dscp))?;
            Ok(socket)
        };
        let groups = |port| [false, true].map(|is_peer| group(*transport, port, is_peer, interface_index));
        let [of_events, of_others] = marks.dscp;
        let (event, general) = (open(*event_port, of_events)?, open(*general_port, of_others)?);
        let room = || SendBatch::new(BATCH_MAX, FRAME_MAX + V6_TRAILER.len());
        let (event_out, mut general_out) = (room(), room());
        general_out.make_rows(&general);
        Ok(Self {
            event,
            general,
            event_to: groups(*event_port),
            general_to: groups(*general_port),
            interface_index,
            has_trailer: matches!(transport, Transport::Udp6 { .. }),
            batch: RecvBatch::new(BATCH, DATAGRAM_MAX),
            event_out,
            general_out,
        })
    }

    pub fn fd(&self, channel: Channel) -> BorrowedFd<'_> {
        match channel {
            Channel::Event => self.event.as_fd(),
            Channel::General => self.general.as_fd(),
        }
    }

    pub fn send(&self, outgoing: &Outgoing, key: Option<u32>) -> io::Result<()> {
        let Outgoing { frame, channel, to } = outgoing;
        self.send_octets::<{ FRAME_MAX + V6_TRAILER.len() }>(frame.as_bytes(), *channel, *to, key)
    }

    /// Takes a message into the batch of its socket.
    ///
    /// # Errors
    /// There is no way to that address.
    pub fn push(
        &mut self,
        message: &[u8],
        (channel, to): (Channel, Option<Address>),
        key: Option<u32>,
    ) -> io::Result<Queued> {
        let to = self.receiver(message, channel, to)?;
        let trailer: &[u8] = if self.has_trailer { &V6_TRAILER } else { &[] };
        let batch = self.batch_of(channel);
        if batch.push_pieces(&[message, trailer], to).is_err() {
            return Ok(Queued::Full);
        }
        if let Some(key) = key {
            batch.key_last(key);
        }
        Ok(Queued::Taken)
    }

    /// Sends the batch of a socket, and tells of each message by its place what became of it.
    ///
    /// # Errors
    /// As [`SendBatch::flush_each`].
    pub fn flush(&mut self, channel: Channel, told: impl FnMut(usize, Option<i32>)) -> io::Result<()> {
        match channel {
            Channel::Event => self.event_out.flush_each(&self.event, told),
            Channel::General => self.general_out.flush_each(&self.general, told),
        }
    }

    const fn batch_of(&mut self, channel: Channel) -> &mut SendBatch {
        match channel {
            Channel::Event => &mut self.event_out,
            Channel::General => &mut self.general_out,
        }
    }

    /// A message of at most `ROOM` octets less the two that may follow it.
    pub fn send_octets<const ROOM: usize>(
        &self,
        message: &[u8],
        channel: Channel,
        only: Option<Address>,
        key: Option<u32>,
    ) -> io::Result<()> {
        let to = self.receiver(message, channel, only)?;
        let mut datagram = [0; ROOM];
        let length = self.fill(&mut datagram, message);
        send_timestamped(self.fd(channel), &datagram[..length], to, key).map(drop)
    }

    /// A message and what follows it; returns its length.
    fn fill(&self, datagram: &mut [u8], message: &[u8]) -> usize {
        datagram[..message.len()].copy_from_slice(message);
        message.len() + if self.has_trailer { V6_TRAILER.len() } else { 0 }
    }

    fn receiver(&self, message: &[u8], channel: Channel, only: Option<Address>) -> io::Result<SocketAddr> {
        let to = match channel {
            Channel::Event => &self.event_to,
            Channel::General => &self.general_to,
        };
        match only {
            Some(address) => self.address(address, to[0].port()),
            None => Ok(to[usize::from(is_to_neighbor(message))]),
        }
    }

    /// One receiver; an IPv6 address that holds on the link only is one of the port's own link.
    fn address(&self, address: Address, port: u16) -> io::Result<SocketAddr> {
        match address.ip() {
            Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => {
                Ok(SocketAddrV6::new(ip, port, 0, self.interface_index).into())
            }
            Some(ip) => Ok((ip, port).into()),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Takes one datagram, or a batch; returns how many there were. Those that are too long are not handed out.
    pub fn receive(
        &mut self,
        channel: Channel,
        count_max: usize,
        mut arrived: impl FnMut(&[u8], Beside),
    ) -> io::Result<usize> {
        let socket = match channel {
            Channel::Event => &self.event,
            Channel::General => &self.general,
        };
        let count = if count_max == 1 { self.batch.recv_one(socket)? } else { self.batch.recv(socket)? };
        for received in self.batch.iter_stamped() {
            let from = Some(Address::from(received.from.ip()));
            arrived(received.data, Beside { software: received.software, hardware: received.hardware, from });
        }
        Ok(count)
    }
}

/// Where messages of this transport go.
fn group(transport: Transport, port: u16, is_peer: bool, interface_index: u32) -> SocketAddr {
    match (transport, is_peer) {
        (Transport::Udp6 { scope }, false) => SocketAddrV6::new(ptp_primary_v6(scope), port, 0, interface_index).into(),
        (Transport::Udp6 { .. }, true) => SocketAddrV6::new(PTP_PDELAY_V6, port, 0, interface_index).into(),
        (Transport::Udp4 | Transport::Ethernet, false) => SocketAddrV4::new(PTP_PRIMARY_V4, port).into(),
        (Transport::Udp4 | Transport::Ethernet, true) => SocketAddrV4::new(PTP_PDELAY_V4, port).into(),
    }
}

/// Opens one of the two sockets of a port.
fn open(
    (transport, peer_delay): (Transport, bool),
    interface: &str,
    interface_index: u32,
    port: u16,
) -> Result<Socket, OpenError> {
    let other = |step| move |error| OpenError::Other(step, error);
    let (domain, any) = match transport {
        Transport::Udp6 { .. } => (Domain::IPV6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        Transport::Udp4 | Transport::Ethernet => (Domain::IPV4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))
        .map_err(other("opening a UDP socket"))?;
    if domain == Domain::IPV6 {
        // The two families have ports of their own: udp4 and udp6 on one interface do not disturb each other.
        socket.set_only_v6(true).map_err(other("IPV6_V6ONLY"))?;
    }
    socket.set_reuse_address(true).map_err(other("SO_REUSEADDR"))?;
    // Before bind: two ports of one daemon have the same UDP ports on different interfaces.
    socket.bind_device(Some(interface.as_bytes())).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => OpenError::NoInterface(interface.to_owned()),
        Some(libc::EPERM) => OpenError::Permission(interface.to_owned(), transport, port),
        _ => OpenError::Other("SO_BINDTODEVICE", error),
    })?;
    socket.bind(&any.into()).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Permission(interface.to_owned(), transport, port),
        io::ErrorKind::AddrInUse => OpenError::PortBusy(port),
        _ => OpenError::Other("binding the UDP port", error),
    })?;
    set_multicast_all(socket.as_fd(), false).map_err(other("hearing one's own groups only"))?;
    let not_ready = |error| OpenError::NotReady(interface.to_owned(), transport, error);
    // Only on the loopback device are other ends on this host meant to hear us.
    let is_looped = interface == "lo";
    if let Transport::Udp6 { scope } = transport {
        socket.set_multicast_if_v6(interface_index).map_err(not_ready)?;
        socket.join_multicast_v6(&ptp_primary_v6(scope), interface_index).map_err(not_ready)?;
        if peer_delay {
            socket.join_multicast_v6(&PTP_PDELAY_V6, interface_index).map_err(not_ready)?;
        }
        socket.set_multicast_loop_v6(is_looped).map_err(other("IPV6_MULTICAST_LOOP"))?;
    } else {
        set_multicast_interface_v4(socket.as_fd(), interface_index).map_err(not_ready)?;
        let interface = InterfaceIndexOrAddress::Index(interface_index);
        socket.join_multicast_v4_n(&PTP_PRIMARY_V4, &interface).map_err(not_ready)?;
        if peer_delay {
            socket.join_multicast_v4_n(&PTP_PDELAY_V4, &interface).map_err(not_ready)?;
        }
        socket.set_multicast_loop_v4(is_looped).map_err(other("IP_MULTICAST_LOOP"))?;
    }
    Ok(socket)
}

/// Sets what all that the socket sends carries. The DSCP first: it sets the kernel's priority too, which then may be another one.
fn mark(socket: &Socket, transport: Transport, (marks, dscp): (&Marks, u8)) -> Result<(), OpenError> {
    let other = |step| move |error| OpenError::Other(step, error);
    // The upper six of eight bits (RFC 2474 3).
    let class = u32::from(dscp) << 2;
    let hops = u32::from(marks.hop_limit);
    if let Transport::Udp6 { .. } = transport {
        socket.set_multicast_hops_v6(hops).map_err(other("IPV6_MULTICAST_HOPS"))?;
        socket.set_tclass_v6(class).map_err(other("IPV6_TCLASS (ptp.dscp_event, ptp.dscp_general)"))?;
    } else {
        socket.set_multicast_ttl_v4(hops).map_err(other("IP_MULTICAST_TTL"))?;
        socket.set_tos_v4(class).map_err(other("IP_TOS (ptp.dscp_event, ptp.dscp_general)"))?;
    }
    set_priority(socket.as_fd(), marks.priority)
}

/// The kernel's priority of what a socket sends; 0 leaves it as it is.
pub(super) fn set_priority(socket: BorrowedFd<'_>, priority: u8) -> Result<(), OpenError> {
    if priority == 0 {
        return Ok(());
    }
    SockRef::from(&socket)
        .set_priority(priority.into())
        .map_err(|error| OpenError::Other("SO_PRIORITY (ptp.socket_priority; above 6 it needs CAP_NET_ADMIN)", error))
}

/// Checks that an interface is up and has an address of the transport's family. A socket opens without both, and then
/// sends nothing.
pub(super) fn assert_can_send(interface: &str, transport: Transport) -> io::Result<()> {
    let has_needed = |entry: &InterfaceAddress| match transport {
        Transport::Udp4 => entry.address.as_ref().is_some_and(|address| address.as_sockaddr_in().is_some()),
        Transport::Udp6 { .. } => entry.address.as_ref().is_some_and(|address| address.as_sockaddr_in6().is_some()),
        Transport::Ethernet => true,
    };
    let (mut is_up, mut is_equipped) = (false, false);
    for entry in getifaddrs()?.filter(|entry| entry.interface_name == interface) {
        is_up |= entry.flags.contains(InterfaceFlags::IFF_UP);
        is_equipped |= has_needed(&entry);
    }
    match (is_up, is_equipped, transport) {
        (true, true, _) => Ok(()),
        (false, ..) => Err(io::Error::new(io::ErrorKind::NetworkDown, "it is down")),
        (true, false, Transport::Udp6 { .. }) => {
            Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no IPv6 address"))
        }
        (true, false, _) => Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no IPv4 address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_are_those_of_the_annexes() {
        assert_eq!(group(Transport::Udp4, 319, false, 7).to_string(), "224.0.1.129:319");
        assert_eq!(group(Transport::Udp4, 319, true, 7).to_string(), "224.0.0.107:319");
        assert_eq!(group(Transport::Udp6 { scope: 0xe }, 320, false, 7).to_string(), "[ff0e::181%7]:320");
        assert_eq!(group(Transport::Udp6 { scope: 0xe }, 320, true, 7).to_string(), "[ff02::6b%7]:320");
        assert_eq!(ptp_primary_v6(2).to_string(), "ff02::181");
    }
}
