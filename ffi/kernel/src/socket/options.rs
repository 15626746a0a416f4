//! Socket options that neither `socket2` nor `nix` offers in this form: by interface index, for either family.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::sys;
use crate::uapi::{self, ip_mreqn};

/// Whether this is an IPv6 socket (`SO_DOMAIN`, socket(7)).
fn is_v6(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut domain = [0; size_of::<c_int>()];
    sys::option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, &mut domain)?;
    match c_int::from_ne_bytes(domain) {
        libc::AF_INET => Ok(false),
        libc::AF_INET6 => Ok(true),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a socket of IPv4 or IPv6")),
    }
}

/// Multicast datagrams of an IPv4 socket leave by this interface, whatever the routing table says.
///
/// `IP_MULTICAST_IF` with a `struct ip_mreqn` (ip(7)). The form with an address, which is what libraries offer, fails
/// on an interface without an address and is ambiguous when two share one. The index 0 returns to the routing table.
///
/// # Errors
/// `EADDRNOTAVAIL` if there is no such interface; `ENOPROTOOPT` on a socket of another family.
pub fn set_multicast_interface_v4(fd: impl AsFd, interface_index: u32) -> io::Result<()> {
    let mut request = [0; ip_mreqn::SIZE];
    request[ip_mreqn::IFINDEX..].copy_from_slice(&interface_index.to_ne_bytes());
    sys::set_option(fd.as_fd(), libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// Whether the socket hears every group that *any* socket of this host has joined on any interface.
///
/// `true` is Linux's default and surprises everyone: a PTP port bound to `0.0.0.0:319` hears the Sync messages of the
/// other ports' interfaces too. `false`: only what this socket joined, where it joined it. `IP_MULTICAST_ALL` (Linux
/// 2.6.31, ip(7)), `IPV6_MULTICAST_ALL` (Linux 4.20, ipv6(7)).
pub fn set_multicast_all(fd: impl AsFd, all: bool) -> io::Result<()> {
    let fd = fd.as_fd();
    if is_v6(fd)? {
        sys::set_flag(fd, libc::IPPROTO_IPV6, uapi::IPV6_MULTICAST_ALL, all)
    } else {
        sys::set_flag(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, all)
    }
}

/// Received datagrams say which address and interface they came in by ([`super::Received::local`]).
///
/// `IP_PKTINFO` (ip(7)) or `IPV6_RECVPKTINFO` (ipv6(7)); on a dual-stack IPv6 socket IPv4 addresses are told in their
/// mapped form. Datagrams that were queued before this call say nothing.
pub fn enable_packet_info(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd();
    if is_v6(fd)? {
        sys::set_flag(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, true)
    } else {
        sys::set_flag(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, true)
    }
}

/// When nothing is there to be received, the socket's queue of the network card is looked at for so long, instead of waiting for the card's
/// interrupt; for a call that does not wait: once (`SO_BUSY_POLL`, socket(7); 0 switches it off). Where the kernel can, it also leaves the queue to
/// those who look (`SO_PREFER_BUSY_POLL`, Linux 5.11).
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN` for more than `net.core.busy_read` says; `ENOPROTOOPT` of a kernel without `CONFIG_NET_RX_BUSY_POLL`.
pub fn set_busy_poll(fd: impl AsFd, microseconds: u32) -> io::Result<()> {
    let fd = fd.as_fd();
    let value = i32::try_from(microseconds).unwrap_or(i32::MAX);
    sys::set_option(fd, libc::SOL_SOCKET, libc::SO_BUSY_POLL, &value.to_ne_bytes())?;
    // It is a wish beside the first: kernels before do not know of it.
    let _ = sys::set_flag(fd, libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, value > 0);
    Ok(())
}

/// For how long the socket's queue is looked at, in microseconds ([`set_busy_poll`]).
///
/// # Errors
/// Those of getsockopt(2).
pub fn busy_poll(fd: impl AsFd) -> io::Result<u32> {
    let mut value = [0; 4];
    sys::option(fd.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL, &mut value)?;
    Ok(u32::from_ne_bytes(value))
}

/// A filled error queue polls as `POLLPRI` too (`SO_SELECT_ERR_QUEUE`, Linux 3.10), not only as `POLLERR`.
///
/// For pollers that cannot tell `POLLERR` of a transmit stamp from that of a failed socket, or that wake for `POLLPRI`
/// alone because somebody else reads the data.
pub fn set_select_error_queue(fd: impl AsFd, enabled: bool) -> io::Result<()> {
    sys::set_flag(fd.as_fd(), libc::SOL_SOCKET, uapi::SO_SELECT_ERR_QUEUE, enabled)
}

/// Datagrams for a group of sockets with `SO_REUSEPORT` go to the socket of the CPU that received them: the first of the group, in the order
/// in which they were bound, is that of the first CPU here. What comes in on any other CPU is spread over all of them.
///
/// Said of one socket, it holds for the whole group, and for those that join it later. When a socket of the group is closed the last one takes its
/// place: say it again then, or bind all of them anew. Without this the kernel spreads by the addresses, and every datagram may be handed from one CPU
/// to another, with its cache lines.
///
/// # Errors
/// `EINVAL` on a socket without `SO_REUSEPORT`, and for no CPU or more than a classic program has room for (2,000).
pub fn steer_by_cpu(fd: impl AsFd, cpus: &[usize]) -> io::Result<()> {
    // The CPU that receives, which is no part of the packet.
    const CPU: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let count = u32::try_from(cpus.len()).ok().filter(|count| (1..=2_000).contains(count)).ok_or_else(invalid)?;
    let step =
        |code: u32, jump_if_false: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: jump_if_false, k };
    let answer = |code: u32, k: u32| step(libc::BPF_RET | code, 0, k);
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, CPU)];
    for (place, cpu) in cpus.iter().enumerate() {
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, u32::try_from(*cpu).map_err(|_| invalid())?));
        program.push(answer(libc::BPF_K, place as u32));
    }
    program.push(step(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, 0, count));
    program.push(answer(libc::BPF_A, 0));
    sys::attach_reuseport_program(fd.as_fd(), &program)
}
