//! The system calls on sockets and devices: the only place of that code which makes pointers.
//!
//! Each function takes slices and arrays, builds the kernel's structs on its own stack, makes one call, and copies
//! the lengths back. So no pointer outlives a call, nothing allocates, and the types stay `Send` by themselves.

use std::ffi::c_int;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use crate::address::AddressBytes;
use crate::control::{ReceiveControl, SendControl};
use crate::uapi::{field, interface as uapi, pps};

/// Datagrams per `recvmmsg` or `sendmmsg`. The headers stand on the stack, 80 bytes each; the kernel's own limit is
/// 1024 (`UIO_MAXIOV`).
pub(crate) const BATCH_MAX: usize = 64;

fn done(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(crate) fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    // SAFETY: setsockopt(2) reads `value.len()` bytes at `value`, which lives through the call.
    done(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), value.len() as libc::socklen_t)
    })
}

/// A classic BPF program that chooses among the sockets of a `SO_REUSEPORT` group (`SO_ATTACH_REUSEPORT_CBPF`, Linux 4.5).
pub(crate) fn attach_reuseport_program(fd: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let length = program.len().try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: setsockopt(2) reads one struct sock_fprog and the instructions that it points to (`bpf_prog_create_from_user`
    // copies them and changes nothing); both live through the call.
    done(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    })
}

pub(crate) fn set_flag(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: bool) -> io::Result<()> {
    set_option(fd, level, name, &c_int::from(value).to_ne_bytes())
}

/// Fills `value`, and says how many bytes of it the kernel wrote.
pub(crate) fn option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &mut [u8]) -> io::Result<usize> {
    let mut length = value.len() as libc::socklen_t;
    // SAFETY: getsockopt(2) writes at most `length` bytes at `value`, and the length back into `length`.
    done(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length) })?;
    Ok((length as usize).min(value.len()))
}

/// The argument of an ioctl, as bytes: `N` is the size of the kernel's struct, and its alignment is no more than 8.
#[derive(Clone)]
#[repr(C, align(8))]
pub(crate) struct Argument<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Argument<N> {
    pub(crate) const ZERO: Self = Self([0; N]);
}

/// An ioctl whose argument is a struct without pointers, its size in the request (ioctl(2); asm-generic/ioctl.h).
///
/// # Panics
/// If `request` is for a struct of another size: our own bug.
pub(crate) fn ioctl<const N: usize>(
    fd: BorrowedFd<'_>,
    request: libc::Ioctl,
    argument: &mut Argument<N>,
) -> io::Result<()> {
    // `_IOC_SIZE`: 14 bits from bit 16, and 13 bits on a few architectures: enough for every struct here.
    assert_eq!((request >> 16) & 0x1fff, N as libc::Ioctl, "the size in the ioctl's number");
    // SAFETY: ioctl(2) with such a request reads and writes at most `N` bytes at the pointer, which lives through the
    // call; the struct there has no pointers (linux/ptp_clock.h).
    done(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument.0.as_mut_ptr()) })
}

/// An ioctl of a PPS source: its number has the size of a pointer, whatever that points to (linux/pps.h).
///
/// # Panics
/// If `argument` is not of the size that belongs to the request: our own bug.
pub(crate) fn pps_ioctl<const N: usize>(
    fd: BorrowedFd<'_>,
    request: libc::Ioctl,
    argument: &mut Argument<N>,
) -> io::Result<()> {
    let size = match request {
        pps::GETCAP => 4,
        pps::GETPARAMS | pps::SETPARAMS => pps::kparams::SIZE,
        pps::FETCH => pps::fdata::SIZE,
        other => panic!("the request {other:#x} is not one of ours"),
    };
    assert_eq!(N, size, "the size of the request's struct");
    // SAFETY: ioctl(2) with these requests reads and writes at most the `N` bytes that were compared above, which live through the
    // call; the structs there have no pointers (linux/pps.h). Another device answers ENOTTY.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument.0.as_mut_ptr()) })
}

/// Room for a name of an interface with its zero (`IFNAMSIZ`).
const INTERFACE_NAME_SIZE: usize = 16;

/// Asks an interface's driver: ioctl(2) with a `struct ifreq`, the interface's name and a pointer to `argument` in it
/// (netdevice(7)). `fd` is any socket; the interface is looked up in its network namespace.
///
/// # Panics
/// If `argument` is not of the size that belongs to the request: our own bug.
pub(crate) fn interface_ioctl<const N: usize>(
    fd: BorrowedFd<'_>,
    request: libc::Ioctl,
    interface: &str,
    argument: &mut Argument<N>,
) -> io::Result<()> {
    let command = || field(&argument.0, 0).map(u32::from_ne_bytes);
    let size = match request {
        uapi::SIOCGHWTSTAMP | uapi::SIOCSHWTSTAMP => uapi::hwtstamp_config::SIZE,
        uapi::SIOCETHTOOL => match command() {
            Some(uapi::ETHTOOL_GET_TS_INFO) => uapi::ts_info::SIZE,
            Some(uapi::ETHTOOL_GDRVINFO) => uapi::drvinfo::SIZE,
            Some(uapi::ETHTOOL_GLINKSETTINGS) => uapi::link_settings::SIZE,
            other => panic!("the ethtool command {other:?} is not one of ours"),
        },
        other => panic!("the request {other:#x} is not one of ours"),
    };
    assert_eq!(N, size, "the size of the request's struct");
    // SAFETY: struct ifreq of netdevice(7) is bytes, integers and a pointer in a union; zero is valid for all of them.
    let mut ifreq: libc::ifreq = unsafe { mem::zeroed() };
    if interface.is_empty() || interface.len() >= INTERFACE_NAME_SIZE {
        // What the kernel says of a name that no interface can have.
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in ifreq.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    ifreq.ifr_ifru.ifru_data = argument.0.as_mut_ptr().cast();
    // SAFETY: ioctl(2) with these requests reads and writes the ifreq and behind its pointer at most the `N` bytes that
    // were compared above (for ETHTOOL_GLINKSETTINGS the header and three masks of at most 127 words, a signed byte);
    // both live through the call.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut ifreq) })
}

/// Binds a socket to an address given as the kernel's bytes.
pub(crate) fn bind(fd: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    // SAFETY: bind(2) reads `address.len()` bytes at `address`, which lives through the call.
    done(unsafe { libc::bind(fd.as_raw_fd(), address.as_ptr().cast(), address.len() as libc::socklen_t) })
}

fn empty_header() -> libc::msghdr {
    // SAFETY: struct msghdr of recvmsg(2) is integers and pointers; null and 0 are valid for all of them (and some C
    // libraries have private padding, so that there is no literal for it).
    unsafe { mem::zeroed() }
}

fn empty_headers() -> [libc::mmsghdr; BATCH_MAX] {
    // SAFETY: as for `empty_header`: struct mmsghdr of recvmmsg(2) is a msghdr and an integer.
    unsafe { mem::zeroed() }
}

const EMPTY_IOVEC: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };

/// One datagram to send.
pub(crate) struct Outgoing<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) to: &'a AddressBytes,
    pub(crate) control: &'a SendControl,
}

impl Outgoing<'_> {
    /// `sendmsg` and `sendmmsg` only read through these pointers, whatever their types say (send(2)).
    fn header(&self, iovec: &mut libc::iovec) -> libc::msghdr {
        *iovec = libc::iovec { iov_base: self.data.as_ptr().cast_mut().cast(), iov_len: self.data.len() };
        let mut header = empty_header();
        header.msg_iov = iovec;
        header.msg_iovlen = 1;
        header.msg_name = self.to.as_bytes().as_ptr().cast_mut().cast();
        header.msg_namelen = self.to.as_bytes().len() as libc::socklen_t;
        if !self.control.as_bytes().is_empty() {
            header.msg_control = self.control.as_bytes().as_ptr().cast_mut().cast();
            header.msg_controllen = self.control.as_bytes().len() as _;
        }
        header
    }
}

pub(crate) fn sendmsg(fd: BorrowedFd<'_>, message: &Outgoing<'_>, flags: c_int) -> io::Result<usize> {
    let mut iovec = EMPTY_IOVEC;
    let header = message.header(&mut iovec);
    // SAFETY: sendmsg(2) reads the header and what it points to: `message` and `iovec` live through the call.
    let sent = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags | libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sends messages, at most [`BATCH_MAX`], up to the first that fails; that one's error only if it is the first.
///
/// One alone goes by sendmsg(2), without the headers of a batch.
pub(crate) fn sendmmsg<'a>(
    fd: BorrowedFd<'_>,
    mut messages: impl ExactSizeIterator<Item = Outgoing<'a>>,
) -> io::Result<usize> {
    if messages.len() == 1
        && let Some(only) = messages.next()
    {
        return sendmsg(fd, &only, libc::MSG_DONTWAIT).map(|_| 1);
    }
    let mut iovecs = [EMPTY_IOVEC; BATCH_MAX];
    let mut headers = empty_headers();
    let mut count = 0;
    for ((message, iovec), slot) in messages.zip(&mut iovecs).zip(&mut headers) {
        slot.msg_hdr = message.header(iovec);
        count += 1;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: sendmmsg(2) reads `count` headers, all initialised above, and what they point to, which lives for 'a or
    // in `iovecs`; it writes only `msg_len` of each.
    let sent = unsafe { libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Where one incoming datagram goes, apart from its data.
#[derive(Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) from: AddressBytes,
    pub(crate) control: ReceiveControl,
    /// Bytes of data written.
    pub(crate) length: usize,
    /// `msg_flags`: `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_ERRQUEUE`.
    pub(crate) flags: c_int,
}

impl Envelope {
    pub(crate) const EMPTY: Self =
        Self { from: AddressBytes::EMPTY, control: ReceiveControl::EMPTY, length: 0, flags: 0 };

    fn header(&mut self, data: &mut [u8], iovec: &mut libc::iovec) -> libc::msghdr {
        *iovec = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
        let mut header = empty_header();
        header.msg_iov = iovec;
        header.msg_iovlen = 1;
        header.msg_name = self.from.room().as_mut_ptr().cast();
        header.msg_namelen = self.from.room().len() as libc::socklen_t;
        header.msg_control = self.control.room().as_mut_ptr().cast();
        header.msg_controllen = self.control.room().len() as _;
        header
    }

    fn filled(&mut self, header: &libc::msghdr, length: usize) {
        self.from.set_length(header.msg_namelen as usize);
        #[expect(clippy::unnecessary_cast, reason = "socklen_t in some C libraries, size_t in others")]
        self.control.set_length(header.msg_controllen as usize);
        self.flags = header.msg_flags;
        self.length = length;
    }
}

pub(crate) fn recvmsg(fd: BorrowedFd<'_>, data: &mut [u8], envelope: &mut Envelope, flags: c_int) -> io::Result<()> {
    receive(fd, data, envelope, flags, true)
}

/// As [`recvmsg`] for whoever does not care from whom it is: the kernel need not say it.
pub(crate) fn recvmsg_from_anybody(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    envelope: &mut Envelope,
    flags: c_int,
) -> io::Result<()> {
    receive(fd, data, envelope, flags, false)
}

fn receive(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    envelope: &mut Envelope,
    flags: c_int,
    is_named: bool,
) -> io::Result<()> {
    let mut iovec = EMPTY_IOVEC;
    let room = data.len();
    let mut header = envelope.header(data, &mut iovec);
    if !is_named {
        (header.msg_name, header.msg_namelen) = (ptr::null_mut(), 0);
    }
    // SAFETY: recvmsg(2) writes into the header and into what it points to, within the lengths given there; `data`,
    // `envelope` and `iovec` are borrowed mutably through the call.
    let received = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    let length = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    envelope.filled(&header, length.min(room));
    Ok(())
}

/// Receives what is there without waiting, at most one datagram per envelope and [`BATCH_MAX`] in all.
///
/// `data` is as many pieces of `size` bytes as there are envelopes.
pub(crate) fn recvmmsg(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    size: usize,
    envelopes: &mut [Envelope],
) -> io::Result<usize> {
    let mut iovecs = [EMPTY_IOVEC; BATCH_MAX];
    let mut headers = empty_headers();
    let mut count = 0;
    let pieces = data.chunks_exact_mut(size).zip(envelopes.iter_mut());
    for (((piece, envelope), iovec), slot) in pieces.zip(&mut iovecs).zip(&mut headers) {
        slot.msg_hdr = envelope.header(piece, iovec);
        count += 1;
    }
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: recvmmsg(2) writes into `count` headers, all initialised above, and into what they point to, within the
    // lengths given there; `data`, `envelopes` and `iovecs` are borrowed mutably through the call. A null timeout
    // is "none".
    let received = unsafe { libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags as _, ptr::null_mut()) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (envelope, slot) in envelopes.iter_mut().zip(&headers).take(received) {
        envelope.filled(&slot.msg_hdr, (slot.msg_len as usize).min(size));
    }
    Ok(received)
}
