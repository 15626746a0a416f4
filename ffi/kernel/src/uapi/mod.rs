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
    pub(crate) const OPT_TSONLY: u32 = 1 << 11;
    pub(crate) const OPT_TX_SWHW: u32 = 1 << 14;
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

/// The ioctls of a PTP clock that read (linux/ptp_clock.h): their numbers, and the structs that they fill.
///
/// The header has a second number for each (`PTP_CLOCK_GETCAPS2`, ..., Linux 5.4). For these four both lead to the same
/// code (`ptp_ioctl` of drivers/ptp/ptp_chardev.c); only the ioctls that set something differ. So the first numbers
/// are used: they work on every kernel, and nothing has to be tried twice.
pub(crate) mod ptp {
    pub(crate) use libc::{
        PTP_CLOCK_GETCAPS as GETCAPS, PTP_SYS_OFFSET as SYS_OFFSET, PTP_SYS_OFFSET_EXTENDED as SYS_OFFSET_EXTENDED,
        PTP_SYS_OFFSET_PRECISE as SYS_OFFSET_PRECISE,
    };

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

/// Copies `N` bytes at `offset`, or nothing if the slice is too short.
pub(crate) fn field<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
