//! Kernel time stamps of datagrams: asking for them, and keeping a sent message and its stamp together.
//!
//! # The problem
//! A time daemon wants to know when a packet passed the wire, not when a thread got round to it. On receive the kernel
//! hands the stamp over beside the data. On transmit it cannot: when `sendmsg` returns, the packet may not have left
//! yet. The stamp comes later, through the socket's *error queue*, and the question is whose it is.
//!
//! # The obvious ideas, and why they fail
//! - *The next stamp belongs to the last packet.* A stamp may be late or never come (the packet was dropped on its
//!   way, the NIC's only stamp register was busy); one that is lost then shifts all that follow.
//! - *Compare the bytes* of the looped packet with what was sent: it needs `CAP_NET_RAW` or
//!   `net.core.tstamp_allow_data=1`, and two equal packets stay equal.
//! - *Count*: `SOF_TIMESTAMPING_OPT_ID` (Linux 3.17) numbers the sends of a socket 0, 1, 2, ... and puts the number
//!   beside the stamp. But the number is never told at the send, one has to count along, and what a failed send does
//!   to the count depends on where it failed and on the kernel (see below).
//!
//! # What we do
//! From Linux 6.13 the sender names the key itself, per message, in a control message (`SCM_TS_OPT_ID`):
//! [`TxKeying::PerMessage`]. Nothing is counted, a failed send costs nothing. Before that, [`TxKeying::Counter`]:
//! the key of the n-th successful send since [`enable_timestamps`] or [`reset_tx_counter`] is n, starting at 0, *as
//! long as no send fails*. After a failed send the next key is unknown:
//!
//! | the send fails | Linux | the kernel's counter |
//! |---|---|---|
//! | before the packet is built: longer than 65,507 bytes, no route, a broadcast not permitted | all | stays |
//! | while it is built: over the MTU with DF, send buffer full, a pending ICMP error | up to 6.8 | has advanced |
//! | the same | from 6.9 | stays (6.9 made it so: "make sk_tskey more predictable in error path") |
//! | after it was built: a firewall's or a traffic shaper's refusal | all | has advanced |
//!
//! So after *any* failed send in this mode call [`reset_tx_counter`]: it puts the count back to 0. Stamps of earlier
//! sends may still be under way with small numbers that now mean something else: give up the exchanges in flight, and
//! let the stamps that come within their expiry go by, before the next send that matters. A send that succeeds counts
//! always, also when its packet is dropped later and no stamp ever comes.
//!
//! The stamps are asked for with `SO_TIMESTAMPING_NEW` (Linux 5.1), whose seconds are 64 bits wide everywhere, and
//! with `OPT_TSONLY` (Linux 4.0): the stamp comes without a copy of the packet, which needs no privilege.
//!
//! Software stamps are readings of CLOCK_REALTIME: on receive when the driver hands the packet to the stack, on
//! transmit when the stack hands it to the driver (skb_tx_timestamp). The kernel begins to stamp received packets a
//! moment *after* the first socket asked for it (a static key, flipped by a work queue): the first ones may have none.
//! And "sent" is not "received": the loopback stamps what no one listens to, and a link without carrier drops packets whose
//! send succeeded, without a stamp.
//!
//! Read: the kernel's Documentation/networking/timestamping.rst; socket(7); ip(7) under `IP_RECVERR`; cmsg(3).

mod error_queue;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

pub use error_queue::{ErrorQueueBuffer, ErrorQueueItem, TxStamp, read_error_queue};

use crate::address::AddressBytes;
use crate::control::SendControl;
use crate::sys::{self, Outgoing};
use crate::uapi::{self, sof};

/// A reading of a kernel clock: `struct timespec` with its range checked.
///
/// Of CLOCK_REALTIME for software stamps, of the NIC's clock for hardware stamps; since that clock's epoch either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelTime {
    /// Seconds since the clock's epoch (negative before 1970).
    pub seconds: i64,
    /// Nanoseconds after that second, 0 to 999,999,999.
    pub nanoseconds: u32,
}

impl KernelTime {
    /// The stamp in a `struct __kernel_timespec`: the kernel's zero, and what no clock can say, are no stamp.
    #[inline]
    pub(crate) fn from_stamp(seconds: i64, nanoseconds: i64) -> Option<Self> {
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&ns| ns < 1_000_000_000)?;
        (seconds != 0 || nanoseconds != 0).then_some(Self { seconds, nanoseconds })
    }

    /// The reading of a clock, which may well be 0; `None` for what no clock can say.
    pub(crate) fn from_reading(seconds: i64, nanoseconds: i64) -> Option<Self> {
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&ns| ns < 1_000_000_000)?;
        Some(Self { seconds, nanoseconds })
    }

    /// Nanoseconds since the clock's epoch.
    pub const fn total_nanoseconds(self) -> i128 {
        self.seconds as i128 * 1_000_000_000 + self.nanoseconds as i128
    }
}

/// Who made the hardware stamp of a received packet: `struct scm_ts_pktinfo` (linux/net_tstamp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampOrigin {
    /// The interface of the NIC itself, not one above it; `None` where its driver does not tell (it does not use NAPI).
    pub interface_index: Option<u32>,
    /// Octets of the frame, from its destination address to the end of the payload: without padding, without a VLAN tag that
    /// the NIC or the kernel has taken off, without the checksum.
    pub frame_length: u32,
}

/// Which stamps a socket shall deliver.
///
/// Hardware stamps come only if the interface has been told to make them too (`SIOCSHWTSTAMP`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimestampRequest {
    /// Stamp received packets with CLOCK_REALTIME.
    pub rx_software: bool,
    /// Stamp sent packets with CLOCK_REALTIME.
    pub tx_software: bool,
    /// Deliver the NIC's stamps of received packets.
    pub rx_hardware: bool,
    /// Deliver the NIC's stamps of sent packets.
    pub tx_hardware: bool,
    /// Deliver stamps of those sent packets that ask for one themselves ([`crate::socket::SendBatch::stamp_last`]), and count only
    /// those; instead of `tx_software` and `tx_hardware`, which are about all packets.
    pub tx_on_demand: bool,
    /// With `tx_on_demand`: messages may ask for the card's stamp too ([`crate::socket::SendBatch::stamp_last_by_card`]). It comes beside
    /// the kernel's, as two items of the error queue with one key, and each says by which interface the message left
    /// ([`TxStamp::interface_index`]), for which the kernel brings the message back with its stamp (`OPT_CMSG`, Linux 4.10): that needs
    /// packet info, and `net.core.tstamp_allow_data` or `CAP_NET_RAW`; without these no stamp of a sent message comes at all.
    pub tx_hardware_on_demand: bool,
    /// With both kinds for sent packets: deliver the software stamp although a hardware stamp will come. They come as
    /// two items of the error queue with one key (`OPT_TX_SWHW`, Linux 4.14).
    pub tx_software_beside_hardware: bool,
    /// Beside each hardware stamp of a received packet: which interface made it, and how long the frame was
    /// (`OPT_PKTINFO`, Linux 4.13).
    pub origin: bool,
    /// Deliver hardware stamps on the scale of this virtual clock (N of `/dev/ptpN`) of the interface's PHC, instead of
    /// the PHC's own (`BIND_PHC`, Linux 5.15). The socket must be bound to the interface by `SO_BINDTODEVICE`, a packet
    /// socket too.
    pub bind_phc: Option<u32>,
}

impl TimestampRequest {
    fn transmits(self) -> bool {
        self.tx_software || self.tx_hardware || self.tx_on_demand
    }

    fn flags(self) -> u32 {
        let mut flags = 0;
        for (wanted, flag) in [
            (self.rx_software, sof::RX_SOFTWARE | sof::SOFTWARE),
            (self.tx_software, sof::TX_SOFTWARE | sof::SOFTWARE),
            (self.rx_hardware, sof::RX_HARDWARE | sof::RAW_HARDWARE),
            (self.tx_hardware, sof::TX_HARDWARE | sof::RAW_HARDWARE),
            (self.tx_on_demand, sof::SOFTWARE),
            (self.tx_hardware_on_demand, sof::RAW_HARDWARE | sof::OPT_CMSG),
            (self.transmits(), sof::OPT_ID),
            (self.transmits() && !self.tx_hardware_on_demand, sof::OPT_TSONLY),
            (self.tx_software_beside_hardware || self.tx_hardware_on_demand, sof::OPT_TX_SWHW),
            (self.origin, sof::OPT_PKTINFO),
            (self.bind_phc.is_some(), sof::BIND_PHC),
        ] {
            if wanted {
                flags |= flag;
            }
        }
        flags
    }

    /// The option's value: `struct so_timestamping`, flags and PHC. Without a PHC only the flags, which is all that kernels
    /// before Linux 5.15 take.
    fn value(self) -> ([u8; 8], usize) {
        let mut value = [0; 8];
        value[..4].copy_from_slice(&self.flags().to_ne_bytes());
        value[4..].copy_from_slice(&self.bind_phc.unwrap_or(0).to_ne_bytes());
        (value, if self.bind_phc.is_some() { 8 } else { 4 })
    }
}

/// How the stamp of a sent message is matched with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxKeying {
    /// Transmit stamps were not asked for; none will come.
    Off,
    /// The sender names the key of each message: pass it to [`send_timestamped`] (Linux 6.13).
    PerMessage,
    /// The kernel counts the sends from 0; see the module header for what failures do to the count.
    Counter,
}

/// Asks for software stamps on receive and, if `tx`, on transmit.
///
/// # Errors
/// As [`enable_timestamps`].
pub fn enable_software_timestamps(fd: impl AsFd, tx: bool) -> io::Result<TxKeying> {
    let request = TimestampRequest { rx_software: true, tx_software: tx, ..TimestampRequest::default() };
    enable_timestamps(fd, request)
}

/// Asks for the stamps of `request`, instead of what was asked before, and sets the transmit counter to 0.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 5.1, `EINVAL` for a flag that the kernel does not know and for a PHC that is no virtual clock of
/// the interface's; `EOPNOTSUPP` for a PHC on a socket that is bound to no interface. What was asked before then stays asked,
/// with its transmit counter at 0.
pub fn enable_timestamps(fd: impl AsFd, request: TimestampRequest) -> io::Result<TxKeying> {
    let fd = fd.as_fd();
    let keying = match request.transmits() {
        false => TxKeying::Off,
        true if kernel_takes_keys((Ipv4Addr::LOCALHOST, DISCARD_PORT).into())? => TxKeying::PerMessage,
        true => TxKeying::Counter,
    };
    let mut before = [0; 8];
    let before_length = sys::option(fd, libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, &mut before)?;
    // The counter starts again only when OPT_ID goes from off to on.
    set_flags(fd, 0)?;
    let (value, length) = request.value();
    let set = |value: &[u8]| sys::set_option(fd, libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, value);
    match set(&value[..length]) {
        Ok(()) => Ok(keying),
        Err(error) => {
            // What worked before works again; if it did not, the first error still says why.
            _ = set(&before[..before_length]);
            Err(error)
        }
    }
}

fn set_flags(fd: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    sys::set_option(fd, libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, &flags.to_ne_bytes())
}

/// Nothing is sent there; only a route to it is looked up.
const DISCARD_PORT: u16 = 9;

/// Whether this kernel knows `SCM_TS_OPT_ID` (Linux 6.13).
///
/// Asked of the kernel, not of its version number: vendors port features back. A kernel that does not know a control
/// message of `SOL_SOCKET` refuses the send with `EINVAL` before it looks at anything else. The trial runs on a socket
/// of its own and sends nothing: with `MSG_PROBE` an empty message to `to` goes as far as the route and no further.
/// The answer is kept: a thread that changes what it has asked for may not be one that may open a socket any more.
fn kernel_takes_keys(to: SocketAddr) -> io::Result<bool> {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    if let Some(answer) = ANSWER.get() {
        return Ok(*answer);
    }
    let answer = try_key(to)?;
    Ok(*ANSWER.get_or_init(|| answer))
}

fn try_key(to: SocketAddr) -> io::Result<bool> {
    let trial = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    set_flags(trial.as_fd(), sof::OPT_ID)?;
    let mut control = SendControl::EMPTY;
    control.push_key(0);
    let message = Outgoing { data: &[], to: &AddressBytes::from_address(to), control: &control };
    let flags = libc::MSG_DONTWAIT | libc::MSG_CONFIRM | uapi::MSG_PROBE;
    match sys::sendmsg(trial.as_fd(), &message, flags) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        // Any other failure (no route, as in a namespace without its loopback) comes after the key was accepted.
        _ => Ok(true),
    }
}

/// Sends one datagram without waiting; with a key, its transmit stamp is reported under that key.
///
/// Give a key with [`TxKeying::PerMessage`] only: elsewhere it makes the send fail with `EINVAL`. In that mode a
/// message sent without a key is counted as in the other, so that its key may collide with one of yours.
///
/// # Errors
/// Those of sendmsg(2). On a socket with `IP_RECVERR`, or a connected one, the error may be that of an *earlier* datagram
/// (an ICMP message came back): the kernel then reports it once and has not sent this one.
pub fn send_timestamped(fd: impl AsFd, data: &[u8], to: SocketAddr, key: Option<u32>) -> io::Result<usize> {
    let mut control = SendControl::EMPTY;
    if let Some(key) = key {
        control.push_key(key);
    }
    let to = AddressBytes::from_address(to);
    let message = Outgoing { data, to: &to, control: &control };
    sys::sendmsg(fd.as_fd(), &message, libc::MSG_DONTWAIT)
}

/// Puts the transmit counter back: the key of the next send is 0 ([`TxKeying::Counter`]).
///
/// Everything else that was asked for stays. Stamps under way keep their old numbers: see the module header.
///
/// # Errors
/// `InvalidInput` if transmit stamps are not enabled on this socket: there is no counter then.
pub fn reset_tx_counter(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd();
    // The option's value is its flags, from Linux 5.15 followed by the index of a bound PHC: kept as it is.
    let mut value = [0; 8];
    let length = sys::option(fd, libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, &mut value)?;
    let flags = uapi::field(&value, 0).map_or(0, u32::from_ne_bytes);
    if flags & sof::OPT_ID == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no transmit counter to reset: transmit stamps are not enabled on this socket",
        ));
    }
    for flags in [flags & !sof::OPT_ID, flags] {
        value[..4].copy_from_slice(&flags.to_ne_bytes());
        sys::set_option(fd, libc::SOL_SOCKET, uapi::SO_TIMESTAMPING_NEW, &value[..length])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::socket::RecvBatch;

    #[test]
    fn asking_whether_the_kernel_takes_keys_sends_nothing() {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
        let to = receiver.local_addr().expect("bound");
        let takes = try_key(to).expect("a socket");
        let mut batch = RecvBatch::new(1, 16);
        assert_eq!(batch.recv(&receiver).expect("a socket"), 0);
        // The same question as a real message gives the same answer.
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback");
        enable_software_timestamps(&sender, true).expect("stamps");
        assert_eq!(send_timestamped(&sender, b"x", to, Some(1)).is_ok(), takes);
    }

    #[test]
    fn each_stamp_that_is_asked_for_is_also_reported() {
        let request = |rx_software, tx_software, rx_hardware, tx_hardware| {
            let request = TimestampRequest { rx_software, tx_software, rx_hardware, tx_hardware, ..Default::default() };
            assert_eq!(request.value().1, 4);
            request.flags()
        };
        assert_eq!(request(false, false, false, false), 0);
        assert_eq!(request(true, false, false, false), sof::RX_SOFTWARE | sof::SOFTWARE);
        assert_eq!(request(false, false, true, false), sof::RX_HARDWARE | sof::RAW_HARDWARE);
        let keyed = sof::OPT_ID | sof::OPT_TSONLY;
        let on_demand = TimestampRequest { tx_on_demand: true, ..TimestampRequest::default() };
        assert_eq!(on_demand.flags(), sof::SOFTWARE | keyed, "delivered, and none made by itself");
        let by_card = TimestampRequest { tx_hardware_on_demand: true, ..on_demand }.flags();
        let both = sof::SOFTWARE | sof::RAW_HARDWARE | sof::OPT_TX_SWHW;
        assert_eq!(by_card, both | sof::OPT_ID | sof::OPT_CMSG, "with the interface, which an empty packet has not");
        assert_eq!(request(false, true, false, false), sof::TX_SOFTWARE | sof::SOFTWARE | keyed);
        assert_eq!(request(false, false, false, true), sof::TX_HARDWARE | sof::RAW_HARDWARE | keyed);
    }

    #[test]
    fn a_phc_goes_behind_the_flags() {
        let request = TimestampRequest { rx_hardware: true, bind_phc: Some(3), ..TimestampRequest::default() };
        let (value, length) = request.value();
        assert_eq!(length, 8);
        let flags = sof::RX_HARDWARE | sof::RAW_HARDWARE | sof::BIND_PHC;
        assert_eq!(value, *[flags.to_ne_bytes(), 3_u32.to_ne_bytes()].as_flattened());
    }

    #[test]
    fn kernel_time_is_none_for_zero_and_for_what_no_clock_can_say() {
        assert_eq!(KernelTime::from_stamp(0, 0), None);
        assert_eq!(KernelTime::from_stamp(1, 1_000_000_000), None);
        assert_eq!(KernelTime::from_stamp(1, -1), None);
        assert_eq!(KernelTime::from_stamp(0, 1), Some(KernelTime { seconds: 0, nanoseconds: 1 }));
        assert_eq!(KernelTime::from_stamp(-1, 999_999_999).map(|time| time.seconds), Some(-1));
    }
}
