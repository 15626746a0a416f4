//! Control messages (cmsg(3)) as byte ranges: written for a send, walked after a receive.
//!
//! A control buffer is a row of records, each a `cmsghdr` (length, level, type), its payload, and padding to the size
//! of a long. The C macros hand out pointers into it; this module hands out slices, so that a length that lies ends
//! the walk instead of reading past the end.

use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::timestamping::{KernelTime, StampOrigin};
use crate::uapi::{
    self, cmsghdr, field, in_pktinfo, in6_pktinfo, packet::auxdata, scm_timestamping64, scm_ts_pktinfo,
    sock_extended_err, sof,
};

/// A control buffer of fixed size, aligned as the kernel wants its first header.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Control<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// Enough for what we send: a key or the request of a stamp (24 bytes), and an `in6_pktinfo` (40).
pub(crate) type SendControl = Control<64>;

/// Enough for what we ask the kernel to tell: stamps (64), their origin (32), packet info (40), an extended error with its
/// offender (64), with room for an option that someone else switched on (`SO_RXQ_OVFL`, the hop limit, the traffic class).
pub(crate) type ReceiveControl = Control<256>;

const fn align(length: usize) -> usize {
    length.next_multiple_of(cmsghdr::ALIGN)
}

impl<const N: usize> Control<N> {
    pub(crate) const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// Appends one record.
    ///
    /// # Panics
    /// If it does not fit: what we send has a fixed shape, so that is our own bug.
    pub(crate) fn push(&mut self, level: c_int, kind: c_int, payload: &[u8]) {
        let record = &mut self.bytes[self.length..][..align(cmsghdr::SIZE + payload.len())];
        record[..cmsghdr::LEVEL].copy_from_slice(&(cmsghdr::SIZE + payload.len()).to_ne_bytes());
        record[cmsghdr::LEVEL..][..4].copy_from_slice(&level.to_ne_bytes());
        record[cmsghdr::TYPE..][..4].copy_from_slice(&kind.to_ne_bytes());
        record[cmsghdr::SIZE..][..payload.len()].copy_from_slice(payload);
        self.length += record.len();
    }

    /// Appends the key under which the transmit stamp of this message shall be reported.
    pub(crate) fn push_key(&mut self, key: u32) {
        self.push(libc::SOL_SOCKET, uapi::SCM_TS_OPT_ID, &key.to_ne_bytes());
    }

    /// This message shall be stamped by the kernel when it leaves, and `by_card` also by the card
    /// (Linux 4.7: Documentation/networking/timestamping.rst 1.3.4).
    pub(crate) fn push_stamp_request(&mut self, by_card: bool) {
        let flags = if by_card { sof::TX_SOFTWARE | sof::TX_HARDWARE } else { sof::TX_SOFTWARE };
        self.push(libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, &flags.to_ne_bytes());
    }

    /// This message is a row of datagrams of so many bytes each (udp(7), Linux 4.18).
    pub(crate) fn push_segment(&mut self, length: u16) {
        self.push(libc::SOL_UDP, libc::UDP_SEGMENT, &length.to_ne_bytes());
    }

    /// Appends the source address (and, unless 0, the interface) from which this message shall leave, by IPv4.
    pub(crate) fn push_source_v4(&mut self, source: Ipv4Addr, interface_index: u32) {
        let mut info = [0; in_pktinfo::SIZE];
        info[in_pktinfo::IFINDEX..][..4].copy_from_slice(&interface_index.to_ne_bytes());
        info[in_pktinfo::SPEC_DST..][..4].copy_from_slice(&source.octets());
        self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
    }

    /// Appends the source address (and, unless 0, the interface) from which this message shall leave, by IPv6.
    pub(crate) fn push_source_v6(&mut self, source: Ipv6Addr, interface_index: u32) {
        let mut info = [0; in6_pktinfo::SIZE];
        info[in6_pktinfo::ADDR..][..16].copy_from_slice(&source.octets());
        info[in6_pktinfo::IFINDEX..][..4].copy_from_slice(&interface_index.to_ne_bytes());
        self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The whole room, for the kernel to write into; say afterwards how much it wrote.
    pub(crate) fn room(&mut self) -> &mut [u8; N] {
        &mut self.bytes
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length.min(N);
    }

    /// The stamps of the kernel and of the NIC alone, for whoever asked for nothing else.
    #[inline]
    pub(crate) fn stamps(&self) -> [Option<KernelTime>; 2] {
        let is_stamps =
            |record: &Record<'_>| (record.level, record.kind) == (libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW);
        let payload = records(self.as_bytes()).find(is_stamps).map_or(&[][..], |record| record.payload);
        [scm_timestamping64::SOFTWARE, scm_timestamping64::RAW_HARDWARE].map(|offset| stamp(payload, offset))
    }

    /// Everything in this buffer that we understand.
    pub(crate) fn read(&self) -> Ancillary {
        let mut found = Ancillary::default();
        for record in records(self.as_bytes()) {
            found.take(&record);
        }
        found
    }
}

/// One control message.
struct Record<'a> {
    level: c_int,
    kind: c_int,
    payload: &'a [u8],
}

#[inline]
fn records(mut rest: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(field(rest, 0)?);
        let record = Record {
            level: c_int::from_ne_bytes(field(rest, cmsghdr::LEVEL)?),
            kind: c_int::from_ne_bytes(field(rest, cmsghdr::TYPE)?),
            // A length shorter than its own header, or past the end, ends the walk.
            payload: rest.get(cmsghdr::SIZE..length)?,
        };
        rest = rest.get(align(length)..).unwrap_or_default();
        Some(record)
    })
}

/// The address and interface by which a datagram came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketInfo {
    /// The destination in the packet's header: may be a group or a broadcast address.
    pub(crate) destination: IpAddr,
    /// Our address, fit to be the source of an answer.
    pub(crate) local: Option<IpAddr>,
    pub(crate) interface_index: Option<u32>,
}

/// `struct sock_extended_err`, the fields that we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtendedError {
    pub(crate) errno: i32,
    pub(crate) origin: u8,
    pub(crate) info: u32,
    pub(crate) data: u32,
}

/// What the control messages of one datagram, or of one item of the error queue, said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ancillary {
    pub(crate) software: Option<KernelTime>,
    pub(crate) hardware: Option<KernelTime>,
    pub(crate) origin: Option<StampOrigin>,
    pub(crate) packet_info: Option<PacketInfo>,
    pub(crate) error: Option<ExtendedError>,
    /// The number of the VLAN whose tag a frame had.
    pub(crate) vlan: Option<u16>,
}

impl Ancillary {
    fn take(&mut self, record: &Record<'_>) {
        match (record.level, record.kind) {
            (libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW) => {
                self.software = stamp(record.payload, scm_timestamping64::SOFTWARE);
                self.hardware = stamp(record.payload, scm_timestamping64::RAW_HARDWARE);
            }
            (libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_PKTINFO) => self.origin = stamp_origin(record.payload),
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => self.packet_info = packet_info_v4(record.payload),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                self.packet_info = packet_info_v6(record.payload);
            }
            (libc::IPPROTO_IP, libc::IP_RECVERR)
            | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            | (uapi::packet::SOL_PACKET, uapi::packet::TX_TIMESTAMP) => {
                self.error = extended_error(record.payload);
            }
            (uapi::packet::SOL_PACKET, uapi::packet::AUXDATA) => self.vlan = vlan(record.payload),
            _ => {}
        }
    }
}

/// The lower twelve bits of the tag are the number (IEEE 802.1Q).
fn vlan(payload: &[u8]) -> Option<u16> {
    let payload: &[u8; auxdata::SIZE] = payload.first_chunk()?;
    let is_tagged = u32::from_ne_bytes(field(payload, 0)?) & auxdata::VLAN_VALID != 0;
    let tag = u16::from_ne_bytes(field(payload, auxdata::VLAN_TCI)?);
    is_tagged.then_some(tag & 0x0fff)
}

#[inline]
fn stamp(payload: &[u8], offset: usize) -> Option<KernelTime> {
    let whole: &[u8; scm_timestamping64::SIZE] = payload.first_chunk()?;
    let seconds = i64::from_ne_bytes(field(whole, offset)?);
    let nanoseconds = i64::from_ne_bytes(field(whole, offset + scm_timestamping64::NANOSECONDS)?);
    KernelTime::from_stamp(seconds, nanoseconds)
}

fn interface_index(bytes: [u8; 4]) -> Option<u32> {
    // 0 is the kernel's "no interface" (netdevice(7)); it never is an index.
    Some(u32::from_ne_bytes(bytes)).filter(|&index| index != 0)
}

fn stamp_origin(payload: &[u8]) -> Option<StampOrigin> {
    let payload: &[u8; scm_ts_pktinfo::SIZE] = payload.first_chunk()?;
    Some(StampOrigin {
        interface_index: interface_index(field(payload, scm_ts_pktinfo::IF_INDEX)?),
        frame_length: u32::from_ne_bytes(field(payload, scm_ts_pktinfo::PKT_LENGTH)?),
    })
}

fn packet_info_v4(payload: &[u8]) -> Option<PacketInfo> {
    let payload: &[u8; in_pktinfo::SIZE] = payload.first_chunk()?;
    let spec_dst = Ipv4Addr::from(field::<4>(payload, in_pktinfo::SPEC_DST)?);
    Some(PacketInfo {
        destination: Ipv4Addr::from(field::<4>(payload, in_pktinfo::ADDR)?).into(),
        local: Some(spec_dst).filter(|ip| !ip.is_unspecified()).map(IpAddr::from),
        interface_index: interface_index(field(payload, in_pktinfo::IFINDEX)?),
    })
}

fn packet_info_v6(payload: &[u8]) -> Option<PacketInfo> {
    let payload: &[u8; in6_pktinfo::SIZE] = payload.first_chunk()?;
    let destination = Ipv6Addr::from(field::<16>(payload, in6_pktinfo::ADDR)?);
    // IPv6 has no spec_dst: for a group the kernel does not say which address of ours would answer. A group or a
    // broadcast can arrive here in its mapped form too (::ffff:224.0.1.129).
    let group = destination.is_multicast()
        || destination.to_ipv4_mapped().is_some_and(|v4| v4.is_multicast() || v4.is_broadcast());
    Some(PacketInfo {
        destination: destination.into(),
        local: (!group).then_some(destination.into()),
        interface_index: interface_index(field(payload, in6_pktinfo::IFINDEX)?),
    })
}

fn extended_error(payload: &[u8]) -> Option<ExtendedError> {
    let payload: &[u8; sock_extended_err::SIZE] = payload.first_chunk()?;
    Some(ExtendedError {
        errno: u32::from_ne_bytes(field(payload, sock_extended_err::ERRNO)?).cast_signed(),
        origin: payload[sock_extended_err::ORIGIN],
        info: u32::from_ne_bytes(field(payload, sock_extended_err::INFO)?),
        data: u32::from_ne_bytes(field(payload, sock_extended_err::DATA)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(software: (i64, i64), hardware: (i64, i64)) -> [u8; 48] {
        let mut payload = [0; 48];
        for (offset, (seconds, nanoseconds)) in [(0, software), (32, hardware)] {
            payload[offset..][..8].copy_from_slice(&seconds.to_ne_bytes());
            payload[offset + 8..][..8].copy_from_slice(&nanoseconds.to_ne_bytes());
        }
        payload
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        let mut control = ReceiveControl::EMPTY;
        control.push_source_v4(Ipv4Addr::new(192, 0, 2, 9), 4);
        control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW, &stamps((1, 2), (3, 4)));
        let found = control.read();
        assert_eq!(found.software, Some(KernelTime { seconds: 1, nanoseconds: 2 }));
        assert_eq!(found.hardware, Some(KernelTime { seconds: 3, nanoseconds: 4 }));
        assert_eq!(control.stamps(), [found.software, found.hardware]);
        let info = found.packet_info.expect("packet info");
        assert_eq!(info.local, Some(IpAddr::from([192, 0, 2, 9])));
        assert_eq!(info.interface_index, Some(4));
    }

    #[test]
    fn a_hardware_stamp_says_whose_it_is() {
        let payload = |index: u32, length: u32| [index, length, 0, 0].map(u32::to_ne_bytes).concat();
        for (index, interface_index) in [(7, Some(7)), (0, None)] {
            let mut control = ReceiveControl::EMPTY;
            control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_PKTINFO, &payload(index, 90));
            assert_eq!(control.read().origin, Some(StampOrigin { interface_index, frame_length: 90 }));
        }
        let mut control = ReceiveControl::EMPTY;
        control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_PKTINFO, &payload(7, 90)[..15]);
        assert_eq!(control.read().origin, None);
    }

    #[test]
    fn the_kernels_zero_is_no_stamp() {
        let mut control = ReceiveControl::EMPTY;
        control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW, &stamps((7, 0), (0, 0)));
        let found = control.read();
        assert_eq!(found.software, Some(KernelTime { seconds: 7, nanoseconds: 0 }));
        assert_eq!(found.hardware, None);
    }

    #[test]
    fn nanoseconds_out_of_range_are_no_stamp() {
        for nanoseconds in [-1, 1_000_000_000, i64::MAX] {
            let mut control = ReceiveControl::EMPTY;
            control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW, &stamps((7, nanoseconds), (0, 0)));
            assert_eq!(control.read().software, None);
        }
    }

    #[test]
    fn every_truncation_ends_the_walk_and_invents_nothing() {
        let mut control = ReceiveControl::EMPTY;
        control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW, &stamps((1, 2), (3, 4)));
        let whole = control.as_bytes().len();
        for length in 0..whole {
            let mut cut = control;
            cut.set_length(length);
            assert_eq!(cut.read(), Ancillary::default(), "{length} of {whole} bytes");
            assert_eq!(cut.stamps(), [None; 2]);
        }
    }

    #[test]
    fn a_length_that_lies_ends_the_walk() {
        for length in [0, 1, cmsghdr::SIZE - 1, 4096, usize::MAX] {
            let mut control = ReceiveControl::EMPTY;
            control.push(libc::SOL_SOCKET, uapi::SCM_TIMESTAMPING_NEW, &stamps((1, 2), (3, 4)));
            control.room()[..cmsghdr::LEVEL].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(control.read(), Ancillary::default());
        }
    }

    #[test]
    fn a_group_is_a_destination_but_no_source() {
        for (address, local) in [("ff02::6b", false), ("::ffff:224.0.1.129", false), ("::1", true)] {
            let address: Ipv6Addr = address.parse().expect("an address");
            let mut control = ReceiveControl::EMPTY;
            control.push_source_v6(address, 2);
            let info = control.read().packet_info.expect("packet info");
            assert_eq!(info.destination, IpAddr::from(address));
            assert_eq!(info.local, local.then_some(IpAddr::from(address)));
        }
    }
}
