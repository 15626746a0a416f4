//! Packet sockets: whole Ethernet frames of one protocol on one interface (packet(7)), for PTP without IP.
//!
//! A packet socket is open to everything from the moment it exists, and a filter set later does not reach back. So the
//! socket is made for *no* protocol, gets its filter, and is bound to interface and protocol last: nothing else is ever
//! queued.
//!
//! A VLAN tag on an incoming frame is gone by then: the card or the kernel has taken it off (`skb_vlan_untag`), and the
//! frame counts by the protocol inside. A frame that a VLAN interface claims belongs to that from there on, and yet it is given
//! to sockets on the interface below too (`orig_dev` in `__netif_receive_skb_core`, net/core/dev.c): two networks would be
//! one. So the filter asks whose the frame is. Those of the interface itself pass, among them tagged ones that no VLAN
//! interface claims; and those of its master, since of a bond's members each still hears what came in by itself. Frames with
//! a tag still in them are let through too (the outer of two tags).
//!
//! What is sent on such a socket does not come back to it. Transmit stamps are asked for and read as on any other socket
//! ([`crate::timestamping`]).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, SockFilter, Socket, Type};

use super::assert_shape;
use crate::address::AddressBytes;
use crate::control::SendControl;
use crate::sys::{self, Envelope, Outgoing};
use crate::timestamping::KernelTime;
use crate::uapi::packet::{self as at, mreq, sockaddr_ll};

/// An Ethernet header without a tag: two addresses and the ethertype.
pub const ETHERNET_HEADER: usize = 14;

const ETHERTYPE_OFFSET: u32 = 12;
/// Behind an Ethernet header (RFC 791 3.1, RFC 8200 3): the protocol, the fragment's offset, and an IPv6 header's end.
const IPV4_PROTOCOL_OFFSET: u32 = ETHERNET_HEADER as u32 + 9;
const IPV4_FRAGMENT_OFFSET: u32 = ETHERNET_HEADER as u32 + 6;
const IPV6_PROTOCOL_OFFSET: u32 = ETHERNET_HEADER as u32 + 6;
const IPV6_END: u32 = ETHERNET_HEADER as u32 + 40;
/// Of a UDP header (RFC 768).
const DESTINATION_PORT_OFFSET: u32 = 2;
const ETHERTYPE_VLAN: u32 = 0x8100;
const ETHERTYPE_QINQ: u32 = 0x88a8;

/// Which frames of an ethertype a socket shall hear, by the lower four bits of the first octet behind the header: those
/// with the value `n` if bit `n` is set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstOctets(pub u16);

impl FirstOctets {
    /// All frames.
    pub const ALL: Self = Self(u16::MAX);
}

/// Lets frames of one ethertype pass that belong to one of two interfaces, bare or behind one VLAN tag, as a program for the
/// kernel's filter machine (linux/filter.h, Documentation/networking/filter.rst).
fn frame_filter(ethertype: u16, first: FirstOctets, owners: [u32; 2]) -> [SockFilter; 19] {
    // The interface that has the frame, which is no part of it.
    const OWNER: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_IFINDEX) as u32;
    let load_word = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let load = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    let load_octet = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let has_bits = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    let and = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    let to_x = (libc::BPF_MISC | libc::BPF_TAX) as u16;
    let number = (libc::BPF_LD | libc::BPF_IMM) as u16;
    let shift_by_x = (libc::BPF_ALU | libc::BPF_LSH | libc::BPF_X) as u16;
    let jump = (libc::BPF_JMP | libc::BPF_JA) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    [
        SockFilter::new(load_word, 0, 0, OWNER),
        SockFilter::new(equal, 1, 0, owners[0]),
        SockFilter::new(equal, 0, 15, owners[1]),
        SockFilter::new(load, 0, 0, ETHERTYPE_OFFSET),
        SockFilter::new(equal, 6, 0, ethertype.into()),
        SockFilter::new(equal, 1, 0, ETHERTYPE_VLAN),
        SockFilter::new(equal, 0, 11, ETHERTYPE_QINQ),
        SockFilter::new(load, 0, 0, ETHERTYPE_OFFSET + 4),
        SockFilter::new(equal, 0, 9, ethertype.into()),
        SockFilter::new(load_octet, 0, 0, ETHERTYPE_OFFSET + 6),
        SockFilter::new(jump, 0, 0, 1),
        SockFilter::new(load_octet, 0, 0, ETHERTYPE_OFFSET + 2),
        SockFilter::new(and, 0, 0, 0x0f),
        SockFilter::new(to_x, 0, 0, 0),
        SockFilter::new(number, 0, 0, 1),
        SockFilter::new(shift_by_x, 0, 0, 0),
        SockFilter::new(has_bits, 0, 1, first.0.into()),
        // How many bytes of the frame to keep: all.
        SockFilter::new(answer, 0, 0, u32::MAX),
        SockFilter::new(answer, 0, 0, 0),
    ]
}

/// A non-blocking packet socket for the frames of one ethertype on one interface, or for some of them. `master_index` is that
/// of the bond or bridge that the interface is a member of.
///
/// # Errors
/// `EPERM` without CAP_NET_RAW; `ENODEV` without such an interface; `ENETDOWN` where it is down.
pub fn open_packet_socket(
    interface_index: u32,
    master_index: Option<u32>,
    ethertype: u16,
    first: FirstOctets,
) -> io::Result<OwnedFd> {
    // socket2 makes it non-blocking and close-on-exec; protocol 0 receives nothing.
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
    let owners = [interface_index, master_index.unwrap_or(interface_index)];
    socket.attach_filter(&frame_filter(ethertype, first, owners))?;
    bind(&socket, interface_index, ethertype)?;
    Ok(socket.into())
}

/// Lets PTP pass, whatever carries it: frames of ethertype 88F7, and UDP to port 319 or 320 by IPv4 (no later fragments) and IPv6
/// (no extension headers).
fn ptp_filter() -> [SockFilter; 20] {
    const UDP: u32 = 17;
    const PORTS: [u32; 2] = [319, 320];
    const NOT_FIRST_FRAGMENT: u32 = 0x1fff;
    let load = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    let load_octet = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    // Four times the lower half of that octet, into the index register.
    let header_length = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
    let load_behind = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let has_bits = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    [
        SockFilter::new(load, 0, 0, ETHERTYPE_OFFSET),
        SockFilter::new(equal, 17, 0, 0x88f7),
        SockFilter::new(equal, 2, 0, libc::ETH_P_IP as u32),
        SockFilter::new(equal, 9, 0, libc::ETH_P_IPV6 as u32),
        SockFilter::new(answer, 0, 0, 0),
        // IPv4: the protocol, the fragment's offset, the port behind the header.
        SockFilter::new(load_octet, 0, 0, IPV4_PROTOCOL_OFFSET),
        SockFilter::new(equal, 0, 11, UDP),
        SockFilter::new(load, 0, 0, IPV4_FRAGMENT_OFFSET),
        SockFilter::new(has_bits, 9, 0, NOT_FIRST_FRAGMENT),
        SockFilter::new(header_length, 0, 0, ETHERNET_HEADER as u32),
        SockFilter::new(load_behind, 0, 0, ETHERNET_HEADER as u32 + DESTINATION_PORT_OFFSET),
        SockFilter::new(equal, 7, 0, PORTS[0]),
        SockFilter::new(equal, 6, 5, PORTS[1]),
        // IPv6: the next header, the port.
        SockFilter::new(load_octet, 0, 0, IPV6_PROTOCOL_OFFSET),
        SockFilter::new(equal, 0, 3, UDP),
        SockFilter::new(load, 0, 0, IPV6_END + DESTINATION_PORT_OFFSET),
        SockFilter::new(equal, 2, 0, PORTS[0]),
        SockFilter::new(equal, 1, 0, PORTS[1]),
        SockFilter::new(answer, 0, 0, 0),
        SockFilter::new(answer, 0, 0, u32::MAX),
    ]
}

/// A non-blocking packet socket that hears all PTP on one interface, with and without a VLAN tag, before any firewall; also what this
/// host sends there.
///
/// # Errors
/// Those of [`open_packet_socket`].
pub fn open_ptp_listener(interface_index: u32) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
    socket.attach_filter(&ptp_filter())?;
    sys::set_flag(socket.as_fd(), at::SOL_PACKET, at::AUXDATA, true)?;
    bind(&socket, interface_index, libc::ETH_P_ALL as u16)?;
    Ok(socket.into())
}

fn bind(socket: &Socket, interface_index: u32, ethertype: u16) -> io::Result<()> {
    let mut address = [0; sockaddr_ll::SIZE];
    address[..2].copy_from_slice(&(libc::AF_PACKET as u16).to_ne_bytes());
    address[sockaddr_ll::PROTOCOL..][..2].copy_from_slice(&ethertype.to_be_bytes());
    address[sockaddr_ll::IFINDEX..][..4].copy_from_slice(&interface_index.to_ne_bytes());
    sys::bind(socket.as_fd(), &address)
}

/// The interface shall hear a multicast address (`PACKET_ADD_MEMBERSHIP`), for as long as the socket is open.
///
/// # Errors
/// `ENODEV` without such an interface.
pub fn join_link_group(fd: impl AsFd, interface_index: u32, group: [u8; 6]) -> io::Result<()> {
    let mut request = [0; mreq::SIZE];
    request[mreq::IFINDEX..][..4].copy_from_slice(&interface_index.to_ne_bytes());
    request[mreq::TYPE..][..2].copy_from_slice(&at::MR_MULTICAST.to_ne_bytes());
    request[mreq::ALEN..][..2].copy_from_slice(&(group.len() as u16).to_ne_bytes());
    request[mreq::ADDRESS..][..group.len()].copy_from_slice(&group);
    sys::set_option(fd.as_fd(), at::SOL_PACKET, at::PACKET_ADD_MEMBERSHIP, &request)
}

/// Sends one frame, its header included, by the socket's interface without waiting; with a key, its transmit stamp is
/// reported under that key (as with [`crate::timestamping::send_timestamped`], also in when to give one).
///
/// A frame of less than 60 bytes is padded by the driver or the card.
///
/// # Errors
/// Those of sendmsg(2): `EAGAIN` for a full send buffer, `ENOBUFS` for a full queue of the interface, `ENETDOWN`, `EMSGSIZE`
/// above the interface's MTU; `EINVAL` for less than a header.
pub fn send_frame(fd: impl AsFd, frame: &[u8], key: Option<u32>) -> io::Result<usize> {
    let mut control = SendControl::EMPTY;
    if let Some(key) = key {
        control.push_key(key);
    }
    let message = Outgoing { data: frame, to: &AddressBytes::EMPTY, control: &control };
    sys::sendmsg(fd.as_fd(), &message, libc::MSG_DONTWAIT)
}

/// A received frame, whose bytes are in the buffer that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// Bytes of the buffer that are the frame, its header included; no checksum, and possibly padding.
    pub length: usize,
    /// The frame was longer than the buffer.
    pub truncated: bool,
    /// CLOCK_REALTIME when the driver handed the packet to the stack.
    pub software: Option<KernelTime>,
    /// The NIC's clock when the packet passed.
    pub hardware: Option<KernelTime>,
    /// The VLAN whose tag it had; only sockets of [`open_ptp_listener`] say it.
    pub vlan: Option<u16>,
}

/// Room for what comes beside a frame; made once, used for every read.
#[derive(Clone)]
pub struct FrameReceiver {
    envelope: Envelope,
}

impl FrameReceiver {
    /// Empty room, of a few hundred bytes and without an allocation.
    pub const fn new() -> Self {
        Self { envelope: Envelope::EMPTY }
    }

    /// Receives one frame into `buffer`; `None` if none is there. Never waits.
    ///
    /// # Errors
    /// Those of recvmsg(2) except `EAGAIN`: `ENETDOWN`, once, when the interface has gone down.
    pub fn receive(&mut self, fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<ReceivedFrame>> {
        let received = sys::recvmsg_from_anybody(fd.as_fd(), buffer, &mut self.envelope, libc::MSG_DONTWAIT);
        Ok(if_any(received)?.map(|()| read(&self.envelope)))
    }
}

/// `None` if nothing is there.
fn if_any<T>(received: io::Result<T>) -> io::Result<Option<T>> {
    match received {
        Ok(received) => Ok(Some(received)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(envelope: &Envelope) -> ReceivedFrame {
    let found = envelope.control.read();
    ReceivedFrame {
        length: envelope.length,
        truncated: envelope.flags & libc::MSG_TRUNC != 0,
        software: found.software,
        hardware: found.hardware,
        vlan: found.vlan,
    }
}

/// Room for a batch of frames: all memory is taken at construction.
pub struct FrameBatch {
    size: usize,
    data: Box<[u8]>,
    envelopes: Box<[Envelope]>,
    count: usize,
}

impl FrameBatch {
    /// Room for `capacity` frames of at most `size` bytes each, their headers included.
    ///
    /// # Panics
    /// Unless `capacity` is in 1..=[`super::BATCH_MAX`] and `size` in 1..=[`super::DATAGRAM_MAX`].
    pub fn new(capacity: usize, size: usize) -> Self {
        assert_shape(capacity, size);
        let (data, envelopes) = (vec![0; capacity * size].into(), vec![Envelope::EMPTY; capacity].into());
        Self { size, data, envelopes, count: 0 }
    }

    /// Receives what is there, at most the capacity, instead of what the batch held; never waits. Returns the count:
    /// 0 if nothing is there; the capacity means that there may be more.
    ///
    /// # Errors
    /// As [`FrameReceiver::receive`].
    pub fn recv(&mut self, fd: impl AsFd) -> io::Result<usize> {
        self.count = 0;
        self.count = if_any(sys::recvmmsg(fd.as_fd(), &mut self.data, self.size, &mut self.envelopes))?.unwrap_or(0);
        Ok(self.count)
    }

    /// As [`FrameBatch::recv`], but at most one frame.
    ///
    /// # Errors
    /// As [`FrameReceiver::receive`].
    pub fn recv_one(&mut self, fd: impl AsFd) -> io::Result<usize> {
        self.count = 0;
        let (data, envelope) = (&mut self.data[..self.size], &mut self.envelopes[0]);
        let received = if_any(sys::recvmsg_from_anybody(fd.as_fd(), data, envelope, libc::MSG_DONTWAIT))?;
        self.count = usize::from(received.is_some());
        Ok(self.count)
    }

    /// The frames of the last `recv`, in the order of arrival, with what comes beside each.
    pub fn iter(&self) -> impl Iterator<Item = (ReceivedFrame, &[u8])> {
        let pieces = self.envelopes.iter().zip(self.data.chunks_exact(self.size)).take(self.count);
        pieces.map(|(envelope, piece)| (read(envelope), &piece[..envelope.length]))
    }
}

impl std::fmt::Debug for FrameBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameBatch")
            .field("capacity", &self.envelopes.len())
            .field("size", &self.size)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Default for FrameReceiver {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FrameReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReceiver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a filter lets a frame pass: the kernel runs it on what comes out of a pair of sockets as on a frame.
    fn passes(filter: &[SockFilter], frame: &[u8]) -> bool {
        let (sender, receiver) =
            Socket::pair(Domain::UNIX, Type::DGRAM.nonblocking(), None).expect("a pair of sockets");
        receiver.attach_filter(filter).expect("a program that the kernel takes");
        sender.send(frame).expect("room for a frame");
        let mut room = [std::mem::MaybeUninit::uninit(); 128];
        match receiver.recv(&mut room) {
            Ok(length) => {
                assert_eq!(length, frame.len(), "all of it");
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                false
            }
        }
    }

    fn frame(ethertype: u16, rest: &[u8]) -> Vec<u8> {
        [&[0xee; ETHERNET_HEADER - 2][..], &ethertype.to_be_bytes(), rest].concat()
    }

    /// A UDP header and some octets of a message.
    fn datagram(source: u16, destination: u16) -> Vec<u8> {
        let header = [source, destination, 12, 0].map(u16::to_be_bytes).concat();
        [&header[..], &[0, 2, 0, 44]].concat()
    }

    /// With so many words of options.
    fn ipv4(options: u8, protocol: u8, fragment: u16, rest: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 20 + usize::from(options) * 4];
        header[0] = 0x45 + options;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[9] = protocol;
        frame(0x0800, &[&header[..], rest].concat())
    }

    fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = [0; 40];
        (header[0], header[6]) = (0x60, next);
        frame(0x86dd, &[&header[..], rest].concat())
    }

    #[test]
    fn the_listeners_filter_lets_ptp_pass_in_each_of_its_envelopes_and_nothing_else() {
        const UDP: u8 = 17;
        const TCP: u8 = 6;
        let filter = ptp_filter();
        let (event, general) = (datagram(40_000, 319), datagram(40_000, 320));
        let heard = [
            ("ethernet", frame(0x88f7, &[0, 2])),
            ("ipv4 event", ipv4(0, UDP, 0, &event)),
            ("ipv4 general", ipv4(0, UDP, 0, &general)),
            ("ipv4 with options", ipv4(10, UDP, 0, &general)),
            ("ipv4, not to be fragmented", ipv4(0, UDP, 0x4000, &event)),
            ("ipv4, the first fragment", ipv4(0, UDP, 0x2000, &event)),
            ("ipv6 event", ipv6(UDP, &event)),
            ("ipv6 general", ipv6(UDP, &general)),
        ];
        for (name, frame) in &heard {
            assert!(passes(&filter, frame), "{name}");
        }
        let other = [
            ("arp", frame(0x0806, &[0; 60])),
            ("ipv4 from the port", ipv4(0, UDP, 0, &datagram(319, 123))),
            ("ipv4, the ports beside", ipv4(0, UDP, 0, &datagram(320, 318))),
            ("ipv4, the ports beside", ipv4(0, UDP, 0, &datagram(319, 321))),
            ("ipv4 tcp", ipv4(0, TCP, 0, &event)),
            ("ipv4, a later fragment", ipv4(0, UDP, 1, &event)),
            ("ipv4, the last fragment", ipv4(0, UDP, 0x1fff, &event)),
            ("ipv4, cut", ipv4(0, UDP, 0, &event[..3])),
            ("ipv6 from the port", ipv6(UDP, &datagram(319, 123))),
            ("ipv6 with an extension header", ipv6(0, &event)),
            ("ipv6, cut", ipv6(UDP, &event[..3])),
            ("no header", vec![0; ETHERNET_HEADER - 1]),
        ];
        for (name, frame) in &other {
            assert!(!passes(&filter, frame), "{name}");
        }
    }
}
