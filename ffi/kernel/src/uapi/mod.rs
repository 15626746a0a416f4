//! The kernel's numbers: constants and byte offsets, each checked against the C compiler by this module's tests.
//!
//! `libc` follows the C library and is years behind the kernel; what it has is used, what it lacks is written here
//! with the kernel version in which it appeared. Offsets are given instead of `repr(C)` structs because the crate
//! parses bytes (see the crate's header).

use std::ffi::c_int;

/// `SO_TIMESTAMPING_NEW`: stamps as 64-bit seconds on every architecture (linux/asm-generic/socket.h, Linux 5.1).
pub(crate) const SO_TIMESTAMPING_NEW: c_int = libc::SO_TIMESTAMPING_NEW;
/// The stamps' control message has the number of the option that asked for them.
pub(crate) const SCM_TIMESTAMPING_NEW: c_int = SO_TIMESTAMPING_NEW;
/// `SCM_TS_OPT_ID`: the caller's own key for one message (asm-generic/socket.h, Linux 6.13).
pub(crate) const SCM_TS_OPT_ID: c_int = 81;
/// `SCM_TIMESTAMPING_PKTINFO`: which interface made a hardware stamp (asm-generic/socket.h, Linux 4.13).
pub(crate) const SCM_TIMESTAMPING_PKTINFO: c_int = 58;
/// `SO_SELECT_ERR_QUEUE`: POLLPRI as well as POLLERR for a filled error queue (Linux 3.10).
pub(crate) const SO_SELECT_ERR_QUEUE: c_int = 45;
/// `MSG_PROBE`: do everything but send (linux/socket.h of the kernel, in no header for programs).
pub(crate) const MSG_PROBE: c_int = 0x10;
/// `IPV6_MULTICAST_ALL` (linux/in6.h, Linux 4.20).
pub(crate) const IPV6_MULTICAST_ALL: c_int = 29;

/// `enum` of linux/net_tstamp.h: what to stamp, and what to report.
pub(crate) mod sof {
    pub(crate) const TX_HARDWARE: u32 = 1 << 0;
    pub(crate) const TX_SOFTWARE: u32 = 1 << 1;
    pub(crate) const RX_HARDWARE: u32 = 1 << 2;
    pub(crate) const RX_SOFTWARE: u32 = 1 << 3;
    pub(crate) const SOFTWARE: u32 = 1 << 4;
    pub(crate) const RAW_HARDWARE: u32 = 1 << 6;
    pub(crate) const OPT_ID: u32 = 1 << 7;
    pub(crate) const OPT_CMSG: u32 = 1 << 10;
    pub(crate) const OPT_TSONLY: u32 = 1 << 11;
    /// Linux 4.13.
    pub(crate) const OPT_PKTINFO: u32 = 1 << 13;
    pub(crate) const OPT_TX_SWHW: u32 = 1 << 14;
    /// Linux 5.15.
    pub(crate) const BIND_PHC: u32 = 1 << 15;
}

/// `struct cmsghdr` (bits/socket.h; cmsg(3)): the kernel's length is a `size_t`.
pub(crate) mod cmsghdr {
    pub(crate) const SIZE: usize = size_of::<usize>() + 8;
    pub(crate) const LEVEL: usize = size_of::<usize>();
    pub(crate) const TYPE: usize = size_of::<usize>() + 4;
    /// Records start at multiples of this (`CMSG_ALIGN`).
    pub(crate) const ALIGN: usize = size_of::<usize>();
}

/// `struct scm_timestamping64` (linux/errqueue.h): three `__kernel_timespec`: software, (unused), raw hardware.
pub(crate) mod scm_timestamping64 {
    pub(crate) const SIZE: usize = 48;
    pub(crate) const SOFTWARE: usize = 0;
    pub(crate) const RAW_HARDWARE: usize = 32;
    /// `struct __kernel_timespec`: offset of the nanoseconds, themselves 64 bits wide.
    pub(crate) const NANOSECONDS: usize = 8;
}

/// `struct scm_ts_pktinfo` (linux/net_tstamp.h): the interface of the card, and the length of the frame.
pub(crate) mod scm_ts_pktinfo {
    pub(crate) const SIZE: usize = 16;
    pub(crate) const IF_INDEX: usize = 0;
    pub(crate) const PKT_LENGTH: usize = 4;
}

/// `struct sock_extended_err` (linux/errqueue.h, ip(7) under `IP_RECVERR`).
pub(crate) mod sock_extended_err {
    pub(crate) const SIZE: usize = 16;
    pub(crate) const ERRNO: usize = 0;
    pub(crate) const ORIGIN: usize = 4;
    pub(crate) const INFO: usize = 8;
    pub(crate) const DATA: usize = 12;

    pub(crate) const ORIGIN_LOCAL: u8 = 1;
    pub(crate) const ORIGIN_ICMP: u8 = 2;
    pub(crate) const ORIGIN_ICMP6: u8 = 3;
    pub(crate) const ORIGIN_TIMESTAMPING: u8 = 4;

    /// `SCM_TSTAMP_SND` in `ee_info`: the stamp of the driver or the hardware, not of the queue before it.
    pub(crate) const INFO_SENT: u32 = 0;
}

/// `struct in_pktinfo` (linux/in.h, ip(7) under `IP_PKTINFO`).
pub(crate) mod in_pktinfo {
    pub(crate) const SIZE: usize = 12;
    pub(crate) const IFINDEX: usize = 0;
    pub(crate) const SPEC_DST: usize = 4;
    pub(crate) const ADDR: usize = 8;
}

/// `struct in6_pktinfo` (linux/ipv6.h, RFC 3542 section 6).
pub(crate) mod in6_pktinfo {
    pub(crate) const SIZE: usize = 20;
    pub(crate) const ADDR: usize = 0;
    pub(crate) const IFINDEX: usize = 16;
}

/// `struct ip_mreqn` (linux/in.h, ip(7) under `IP_MULTICAST_IF`).
pub(crate) mod ip_mreqn {
    pub(crate) const SIZE: usize = 12;
    pub(crate) const IFINDEX: usize = 8;
}

/// `struct sockaddr_in` (ip(7)).
pub(crate) mod sockaddr_in {
    pub(crate) const SIZE: usize = 16;
    pub(crate) const PORT: usize = 2;
    pub(crate) const ADDR: usize = 4;
}

/// `struct sockaddr_in6` (ipv6(7)).
pub(crate) mod sockaddr_in6 {
    pub(crate) const SIZE: usize = 28;
    pub(crate) const PORT: usize = 2;
    pub(crate) const FLOWINFO: usize = 4;
    pub(crate) const ADDR: usize = 8;
    pub(crate) const SCOPE_ID: usize = 24;
}

/// `_IO*('p', number, size)`, which PPS sources and RTCs share: direction, octets, type, number (asm-generic/ioctl.h).
const fn ioctl_of_p(direction: libc::Ioctl, size: usize, number: libc::Ioctl) -> libc::Ioctl {
    direction << 30 | (size as libc::Ioctl) << 16 | (b'p' as libc::Ioctl) << 8 | number
}

/// The ioctls of a PPS source and their structs (linux/pps.h).
pub(crate) mod pps {
    /// The header names a pointer to each struct, so that the size is a pointer's.
    const fn request(direction: libc::Ioctl, number: libc::Ioctl) -> libc::Ioctl {
        super::ioctl_of_p(direction, size_of::<usize>(), number)
    }

    pub(crate) const GETPARAMS: libc::Ioctl = request(2, 0xa1);
    pub(crate) const SETPARAMS: libc::Ioctl = request(1, 0xa2);
    pub(crate) const GETCAP: libc::Ioctl = request(2, 0xa3);
    pub(crate) const FETCH: libc::Ioctl = request(3, 0xa4);

    pub(crate) const API_VERSION: i32 = 1;
    pub(crate) const CAPTUREASSERT: i32 = 0x01;
    pub(crate) const CAPTURECLEAR: i32 = 0x02;
    pub(crate) const TSFMT_TSPEC: i32 = 0x1000;

    /// `struct pps_ktime`: 64-bit seconds, nanoseconds, flags.
    pub(crate) mod ktime {
        pub(crate) const NSEC: usize = 8;
    }

    /// `struct pps_kparams`.
    pub(crate) mod kparams {
        pub(crate) const SIZE: usize = 40;
        pub(crate) const MODE: usize = 4;
    }

    /// `struct pps_fdata`: `struct pps_kinfo info`, then `struct pps_ktime timeout`.
    pub(crate) mod fdata {
        pub(crate) const SIZE: usize = 64;
        pub(crate) const ASSERT_SEQUENCE: usize = 0;
        pub(crate) const CLEAR_SEQUENCE: usize = 4;
        pub(crate) const ASSERT: usize = 8;
        pub(crate) const CLEAR: usize = 24;
    }
}

/// The ioctls of an RTC (linux/rtc.h).
pub(crate) mod rtc {
    pub(crate) const RD_TIME: libc::Ioctl = super::ioctl_of_p(2, time::SIZE, 0x09);
    pub(crate) const SET_TIME: libc::Ioctl = super::ioctl_of_p(1, time::SIZE, 0x0a);

    /// What `tm_year` counts from.
    pub(crate) const YEAR_ZERO: i32 = 1900;

    /// `struct rtc_time`, all of `int`: second, minute, hour, day, month from 0, year, and three that are not asked for.
    pub(crate) mod time {
        pub(crate) const SIZE: usize = 36;
    }
}

/// The ioctls of a PTP clock (linux/ptp_clock.h): their numbers, and the structs that they read and fill.
///
/// The header has a second number for each (`PTP_CLOCK_GETCAPS2`, ..., Linux 5.4). For the four that read clocks both lead to the same
/// code (`ptp_ioctl` of drivers/ptp/ptp_chardev.c); only the ioctls that set something differ. So the first numbers
/// are used: they work on every kernel, and nothing has to be tried twice.
pub(crate) mod ptp {
    pub(crate) use libc::{
        PTP_CLOCK_GETCAPS as GETCAPS, PTP_SYS_OFFSET as SYS_OFFSET, PTP_SYS_OFFSET_EXTENDED as SYS_OFFSET_EXTENDED,
        PTP_SYS_OFFSET_PRECISE as SYS_OFFSET_PRECISE,
    };
    /// Of external stamps both numbers are used: the second is told exactly which edges are wanted, the first is there on every kernel.
    pub(crate) use libc::{
        PTP_EXTTS_REQUEST as EXTTS_REQUEST, PTP_EXTTS_REQUEST2 as EXTTS_REQUEST2, PTP_PIN_GETFUNC as PIN_GETFUNC,
        PTP_PIN_SETFUNC as PIN_SETFUNC,
    };

    /// Flags of `struct ptp_extts_request`.
    pub(crate) const ENABLE_FEATURE: u32 = 1;
    pub(crate) const RISING_EDGE: u32 = 2;
    pub(crate) const FALLING_EDGE: u32 = 4;
    /// `enum ptp_pin_function`.
    pub(crate) const PF_EXTTS: u32 = 1;

    /// `struct ptp_extts_request`.
    pub(crate) mod extts_request {
        pub(crate) const SIZE: usize = 16;
        pub(crate) const FLAGS: usize = 4;
    }

    /// `struct ptp_extts_event`: a `struct ptp_clock_time`, then this.
    pub(crate) mod extts_event {
        pub(crate) const SIZE: usize = 32;
        pub(crate) const INDEX: usize = 16;
    }

    /// `struct ptp_pin_desc`: a name, then words.
    pub(crate) mod pin_desc {
        pub(crate) const SIZE: usize = 96;
        pub(crate) const NAME_SIZE: usize = 64;
        pub(crate) const INDEX: usize = 64;
        pub(crate) const FUNC: usize = 68;
        pub(crate) const CHAN: usize = 72;
    }

    /// `PTP_MAX_SAMPLES`: readings that one call can ask for.
    pub(crate) const SAMPLES_MAX: usize = libc::PTP_MAX_SAMPLES as usize;

    /// `struct ptp_clock_time`: 64-bit seconds, then 32-bit nanoseconds.
    pub(crate) mod clock_time {
        pub(crate) const SIZE: usize = 16;
        pub(crate) const NANOSECONDS: usize = 8;
    }

    /// `struct ptp_clock_caps`, all of `int`.
    pub(crate) mod clock_caps {
        pub(crate) const SIZE: usize = 80;
        pub(crate) const MAX_ADJ: usize = 0;
        pub(crate) const N_ALARM: usize = 4;
        pub(crate) const N_EXT_TS: usize = 8;
        pub(crate) const N_PER_OUT: usize = 12;
        pub(crate) const PPS: usize = 16;
        pub(crate) const N_PINS: usize = 20;
        pub(crate) const CROSS_TIMESTAMPING: usize = 24;
        pub(crate) const ADJUST_PHASE: usize = 28;
    }

    /// `struct ptp_sys_offset`: system, device, system, ..., system.
    pub(crate) mod sys_offset {
        pub(crate) const SIZE: usize = TS + (2 * super::SAMPLES_MAX + 1) * super::clock_time::SIZE;
        pub(crate) const N_SAMPLES: usize = 0;
        pub(crate) const TS: usize = 16;
    }

    /// `struct ptp_sys_offset_extended`: per sample system, device, system.
    pub(crate) mod sys_offset_extended {
        pub(crate) const SIZE: usize = TS + super::SAMPLES_MAX * 3 * super::clock_time::SIZE;
        pub(crate) const N_SAMPLES: usize = 0;
        pub(crate) const TS: usize = 16;
    }

    /// `struct ptp_sys_offset_precise`.
    pub(crate) mod sys_offset_precise {
        pub(crate) const SIZE: usize = 64;
        pub(crate) const DEVICE: usize = 0;
        pub(crate) const SYS_REALTIME: usize = 16;
        pub(crate) const SYS_MONORAW: usize = 32;
    }
}

/// What an interface's driver is asked through `struct ifreq` (netdevice(7)): a request, and the struct behind its pointer.
pub(crate) mod interface {
    pub(crate) const SIOCETHTOOL: libc::Ioctl = 0x8946;
    pub(crate) const SIOCSHWTSTAMP: libc::Ioctl = 0x89b0;
    pub(crate) const SIOCGHWTSTAMP: libc::Ioctl = 0x89b1;

    /// Commands of `SIOCETHTOOL` (linux/ethtool.h); each is the first word of its struct.
    pub(crate) const ETHTOOL_GDRVINFO: u32 = 0x03;
    pub(crate) const ETHTOOL_GET_TS_INFO: u32 = 0x41;
    pub(crate) const ETHTOOL_GLINKSETTINGS: u32 = 0x4c;

    /// `struct hwtstamp_config` (linux/net_tstamp.h), all of `int`.
    pub(crate) mod hwtstamp_config {
        pub(crate) const SIZE: usize = 12;
        pub(crate) const TX_TYPE: usize = 4;
        pub(crate) const RX_FILTER: usize = 8;

        pub(crate) const TX_OFF: i32 = 0;
        pub(crate) const TX_ON: i32 = 1;
        pub(crate) const TX_ONESTEP_SYNC: i32 = 2;
        pub(crate) const TX_ONESTEP_P2P: i32 = 3;

        pub(crate) const FILTER_NONE: i32 = 0;
        pub(crate) const FILTER_ALL: i32 = 1;
        pub(crate) const FILTER_NTP_ALL: i32 = 15;
        pub(crate) const FILTER_PTP_V2_L4_EVENT: i32 = 6;
        pub(crate) const FILTER_PTP_V2_L2_EVENT: i32 = 9;
        pub(crate) const FILTER_PTP_V2_EVENT: i32 = 12;
    }

    /// `struct ethtool_ts_info` (linux/ethtool.h).
    pub(crate) mod ts_info {
        pub(crate) const SIZE: usize = 44;
        pub(crate) const SO_TIMESTAMPING: usize = 4;
        pub(crate) const PHC_INDEX: usize = 8;
        pub(crate) const TX_TYPES: usize = 12;
        pub(crate) const RX_FILTERS: usize = 28;
    }

    /// `struct ethtool_drvinfo` (linux/ethtool.h): texts of 32 bytes, ended by a zero.
    pub(crate) mod drvinfo {
        pub(crate) const SIZE: usize = 196;
        pub(crate) const DRIVER: usize = 4;
        pub(crate) const VERSION: usize = 36;
        pub(crate) const BUS_INFO: usize = 100;
        pub(crate) const TEXT: usize = 32;
    }

    /// `struct ethtool_link_settings` (linux/ethtool.h, Linux 4.6), with room for the most words of masks that it can
    /// announce: three times 127.
    pub(crate) mod link_settings {
        pub(crate) const SIZE: usize = LINK_MODE_MASKS + 3 * 127 * 4;
        pub(crate) const SPEED: usize = 4;
        pub(crate) const LINK_MODE_MASKS_NWORDS: usize = 15;
        pub(crate) const LINK_MODE_MASKS: usize = 48;
    }
}

/// Packet sockets (linux/if_packet.h, packet(7)).
pub(crate) mod packet {
    pub(crate) use libc::{PACKET_ADD_MEMBERSHIP, SOL_PACKET};

    /// `PACKET_AUXDATA`: the option, and the type of the control message that it asks for.
    pub(crate) const AUXDATA: std::ffi::c_int = 8;

    /// `PACKET_TX_TIMESTAMP`: the type of the control message in a packet socket's error queue.
    pub(crate) const TX_TIMESTAMP: std::ffi::c_int = 16;
    /// `PACKET_MR_MULTICAST`.
    pub(crate) const MR_MULTICAST: u16 = 0;

    /// `struct tpacket_auxdata`.
    pub(crate) mod auxdata {
        /// `TP_STATUS_VLAN_VALID`: there was a tag.
        pub(crate) const VLAN_VALID: u32 = 1 << 4;
        pub(crate) const SIZE: usize = 20;
        pub(crate) const VLAN_TCI: usize = 16;
    }

    /// `struct sockaddr_ll`.
    pub(crate) mod sockaddr_ll {
        pub(crate) const SIZE: usize = 20;
        pub(crate) const PROTOCOL: usize = 2;
        pub(crate) const IFINDEX: usize = 4;
    }

    /// `struct packet_mreq`.
    pub(crate) mod mreq {
        pub(crate) const SIZE: usize = 16;
        pub(crate) const IFINDEX: usize = 0;
        pub(crate) const TYPE: usize = 4;
        pub(crate) const ALEN: usize = 6;
        pub(crate) const ADDRESS: usize = 8;
    }
}

/// Questions about one interface (linux/rtnetlink.h, linux/if_link.h, rtnetlink(7)).
pub(crate) mod rtnetlink {
    pub(crate) use libc::{NLM_F_REQUEST, NLMSG_ERROR, RTM_GETLINK, RTM_NEWLINK};

    /// `struct nlmsghdr`: length, type, flags, sequence, port.
    pub(crate) mod nlmsghdr {
        pub(crate) const SIZE: usize = 16;
        pub(crate) const TYPE: usize = 4;
        pub(crate) const FLAGS: usize = 6;
    }

    /// `struct ifinfomsg`.
    pub(crate) mod ifinfomsg {
        pub(crate) const SIZE: usize = 16;
    }

    /// `struct rtattr`: length and type, then the payload, padded to 4 bytes.
    pub(crate) mod rtattr {
        pub(crate) const SIZE: usize = 4;
        pub(crate) const ALIGN: usize = 4;
        /// `NLA_TYPE_MASK`: without the flags for nesting and byte order.
        pub(crate) const TYPE_MASK: u16 = 0x3fff;
    }

    pub(crate) const IFLA_ADDRESS: u16 = 1;
    pub(crate) const IFLA_IFNAME: u16 = 3;
    pub(crate) const IFLA_LINK: u16 = 5;
    pub(crate) const IFLA_MASTER: u16 = 10;
    pub(crate) const IFLA_LINKINFO: u16 = 18;
    pub(crate) const IFLA_EXT_MASK: u16 = 29;
    pub(crate) const IFLA_LINK_NETNSID: u16 = 37;
    pub(crate) const IFLA_INFO_KIND: u16 = 1;
    pub(crate) const IFLA_INFO_DATA: u16 = 2;
    pub(crate) const IFLA_BOND_ACTIVE_SLAVE: u16 = 2;
    /// `RTEXT_FILTER_SKIP_STATS`: the answer shall leave out the counters.
    pub(crate) const SKIP_STATS: u32 = 1 << 3;
}

/// Questions to the netlink family of ethtool (linux/genetlink.h, linux/ethtool_netlink.h, Documentation/networking/ethtool-netlink.rst).
pub(crate) mod ethtool_netlink {
    pub(crate) use libc::{
        CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_ID_CTRL, NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE,
    };

    /// `ETHTOOL_GENL_NAME`, with its zero.
    pub(crate) const FAMILY: &[u8] = b"ethtool\0";

    /// `struct genlmsghdr`: command, version, two bytes of nothing.
    pub(crate) mod genlmsghdr {
        pub(crate) const SIZE: usize = 4;
    }

    pub(crate) const MSG_TSINFO_GET: u8 = 25;
    /// Linux 6.14, as all below it.
    pub(crate) const MSG_TSCONFIG_GET: u8 = 46;
    pub(crate) const MSG_TSCONFIG_SET: u8 = 47;

    /// `ETHTOOL_A_TSINFO_HEADER`, and of all other messages of ours.
    pub(crate) const HEADER: u16 = 1;
    pub(crate) const HEADER_DEV_NAME: u16 = 2;
    pub(crate) const HEADER_FLAGS: u16 = 3;
    pub(crate) const FLAG_COMPACT_BITSETS: u32 = 1;

    pub(crate) const BITSET_VALUE: u16 = 4;

    pub(crate) const TSINFO_TIMESTAMPING: u16 = 2;
    pub(crate) const TSINFO_TX_TYPES: u16 = 3;
    pub(crate) const TSINFO_RX_FILTERS: u16 = 4;
    pub(crate) const TSINFO_HWTSTAMP_PROVIDER: u16 = 7;
    pub(crate) const TSINFO_HWTSTAMP_SOURCE: u16 = 8;
    pub(crate) const TSINFO_HWTSTAMP_PHYINDEX: u16 = 9;

    pub(crate) const TSCONFIG_HWTSTAMP_PROVIDER: u16 = 2;

    pub(crate) const PROVIDER_INDEX: u16 = 1;
    pub(crate) const PROVIDER_QUALIFIER: u16 = 2;

    /// `enum hwtstamp_source`.
    pub(crate) const SOURCE_PHYLIB: u32 = 2;
}

/// Copies `N` bytes at `offset`, or nothing if the slice is too short.
pub(crate) fn field<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
