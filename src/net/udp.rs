//! PTP over UDP/IPv4 (IEEE 1588-2019 Annex C): an event and a general socket on one interface.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use synchronome_kernel::socket::{RecvBatch, set_multicast_all, set_multicast_interface_v4, set_select_error_queue};
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, KernelTime, TxKeying, enable_software_timestamps, read_error_queue,
    reset_tx_counter, send_timestamped,
};

use super::Ledger;
use crate::ptp::{Channel, Frame, TxToken};
use crate::time::{ClockEpoch, ClockId, Duration, Mono, Stamp, StampSource, Timestamp};

/// 224.0.1.129: all messages but those of the peer delay mechanism (Annex C.3).
const PTP_PRIMARY: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);
/// Datagrams taken from a socket at once.
const BATCH: usize = 16;
/// The longest datagram that is looked at: the largest PTP messages with TLVs are far below it.
const DATAGRAM_MAX: usize = 1_024;
/// What a stamp of the kernel is off by, beside the delay between wire and stack, which counts as the path's.
const KERNEL_STAMP_ERROR: Duration = Duration::from_nanos(1);

/// Where and how to open the two sockets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// The interface's name.
    pub interface: String,
    /// UDP port of event messages, 319 by the standard.
    pub event_port: u16,
    /// UDP port of general messages, 320 by the standard.
    pub general_port: u16,
}

/// Why the sockets could not be opened: what, where, and what to do.
#[derive(Debug)]
pub enum OpenError {
    /// There is no such interface (yet).
    NoInterface(String),
    /// The interface has no IPv4 address (yet), or is down.
    NotReady(String, io::Error),
    /// Not allowed: the port, or the binding to the interface.
    Permission(String, u16),
    /// Something else has the port for itself.
    PortBusy(u16),
    /// Anything else, with the step that failed.
    Other(&'static str, io::Error),
}

impl OpenError {
    /// Whether waiting may mend it.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoInterface(_) | Self::NotReady(..) | Self::PortBusy(_))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface(name) => {
                write!(f, "interface {name} does not exist yet; `ip link` lists those that do")
            }
            Self::NotReady(name, error) => {
                write!(f, "interface {name} cannot send yet ({error}); it needs to be up and to have an IPv4 address")
            }
            Self::Permission(name, port) => write!(
                f,
                "not allowed to open UDP port {port} on {name}; ports below 1024 need CAP_NET_BIND_SERVICE (or root)"
            ),
            Self::PortBusy(port) => write!(
                f,
                "UDP port {port} is taken by another program (`ss -ulpn sport = :{port}` names it); ptp4l and others must be stopped"
            ),
            Self::Other(step, error) => write!(f, "{step}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// A packet that came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// The UDP payload.
    pub bytes: &'a [u8],
    /// By which socket.
    pub channel: Channel,
    /// When, by the kernel; `None` if it gave no stamp.
    pub stamp: Option<Stamp>,
}

/// What became of a message that was sent with a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// The message.
    pub token: TxToken,
    /// When it left; `None` if the stamp never came.
    pub stamp: Option<Stamp>,
}

/// A stamp of the kernel's as one of ours.
pub fn stamp_of(time: KernelTime) -> Stamp {
    Stamp {
        at: Timestamp::from_parts(time.seconds, time.nanoseconds),
        clock: ClockId::System,
        epoch: ClockEpoch::default(),
        source: StampSource::Kernel,
        error: KERNEL_STAMP_ERROR,
    }
}

/// The two sockets of a port, their buffers and the ledger of transmit stamps.
#[derive(Debug)]
pub struct PtpSockets {
    event: Socket,
    general: Socket,
    event_to: SocketAddr,
    general_to: SocketAddr,
    interface_index: u32,
    batch: RecvBatch,
    errors: ErrorQueueBuffer,
    ledger: Ledger<TxToken>,
    keying: TxKeying,
}

impl PtpSockets {
    /// Opens both sockets, joins the group and asks for stamps.
    ///
    /// # Errors
    /// [`OpenError`], which says whether waiting may mend it.
    pub fn open(options: &SocketOptions) -> Result<Self, OpenError> {
        let name = options.interface.as_str();
        let interface_index =
            nix::net::if_::if_nametoindex(name).map_err(|_| OpenError::NoInterface(name.to_owned()))?;
        assert_can_send(name).map_err(|error| OpenError::NotReady(name.to_owned(), error))?;
        let event = open(name, interface_index, options.event_port)?;
        let general = open(name, interface_index, options.general_port)?;
        let keying = enable_software_timestamps(event.as_fd(), true)
            .map_err(|error| OpenError::Other("asking the kernel for software time stamps", error))?;
        set_select_error_queue(event.as_fd(), true).map_err(|error| OpenError::Other("SO_SELECT_ERR_QUEUE", error))?;
        let group = |port| SocketAddr::V4(SocketAddrV4::new(PTP_PRIMARY, port));
        Ok(Self {
            event,
            general,
            event_to: group(options.event_port),
            general_to: group(options.general_port),
            interface_index,
            batch: RecvBatch::new(BATCH, DATAGRAM_MAX),
            errors: ErrorQueueBuffer::new(),
            ledger: Ledger::new(keying == TxKeying::Counter),
            keying,
        })
    }

    /// The event socket, to wait on.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// The general socket, to wait on.
    pub fn general_fd(&self) -> BorrowedFd<'_> {
        self.general.as_fd()
    }

    /// The kernel's number of the interface that the sockets were opened on.
    pub fn interface_index(&self) -> u32 {
        self.interface_index
    }

    /// Sends a message; with a token its transmit stamp will come by [`PtpSockets::drain_stamps`].
    ///
    /// # Errors
    /// The system call's. The token is then free again; those in flight that `gone` is told of are given up.
    pub fn send(
        &mut self,
        frame: &Frame,
        channel: Channel,
        token: Option<TxToken>,
        now: Timestamp<Mono>,
        mut gone: impl FnMut(Gone),
    ) -> io::Result<()> {
        if channel == Channel::General {
            return self.general.send_to(frame.as_bytes(), &self.general_to.into()).map(drop);
        }
        let key = (self.keying == TxKeying::PerMessage).then(|| self.ledger.next_key());
        match send_timestamped(self.event.as_fd(), frame.as_bytes(), self.event_to, key) {
            Ok(_) => {
                if let Some(token) = self.ledger.sent(token, now) {
                    gone(Gone { token, stamp: None });
                }
                Ok(())
            }
            Err(error) => {
                if self.ledger.send_failed() {
                    reset_tx_counter(self.event.as_fd())?;
                    while let Some(token) = self.ledger.take_any() {
                        gone(Gone { token, stamp: None });
                    }
                }
                Err(error)
            }
        }
    }

    /// Takes everything from the error queue, and gives up what is too old. Never blocks.
    pub fn drain_stamps(&mut self, now: Timestamp<Mono>, mut gone: impl FnMut(Gone)) {
        while let Ok(Some(item)) = read_error_queue(self.event.as_fd(), &mut self.errors) {
            if let ErrorQueueItem::TxStamp(stamp) = item
                && let Some(time) = stamp.software
                && let Some(token) = self.ledger.stamped(stamp.key)
            {
                gone(Gone { token, stamp: Some(stamp_of(time)) });
            }
        }
        while let Some(token) = self.ledger.take_expired(now) {
            gone(Gone { token, stamp: None });
        }
    }

    /// Takes up to one batch from a socket; returns whether there may be more. Never blocks.
    pub fn receive(&mut self, channel: Channel, mut arrived: impl FnMut(Arrived<'_>)) -> io::Result<bool> {
        let socket = match channel {
            Channel::Event => &self.event,
            Channel::General => &self.general,
        };
        let count = self.batch.recv(socket.as_fd())?;
        for received in self.batch.iter() {
            if received.truncated || received.interface_index.is_some_and(|index| index != self.interface_index) {
                continue;
            }
            arrived(Arrived { bytes: received.data, channel, stamp: received.software.map(stamp_of) });
        }
        Ok(count == BATCH)
    }

    /// When [`PtpSockets::drain_stamps`] has something to give up.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.ledger.deadline()
    }
}

/// Checks that an interface is up and has an IPv4 address. A socket opens without both, and then sends nothing.
fn assert_can_send(interface: &str) -> io::Result<()> {
    let (mut is_up, mut has_address) = (false, false);
    for entry in getifaddrs()?.filter(|entry| entry.interface_name == interface) {
        is_up |= entry.flags.contains(InterfaceFlags::IFF_UP);
        has_address |= entry.address.as_ref().is_some_and(|address| address.as_sockaddr_in().is_some());
    }
    match (is_up, has_address) {
        (true, true) => Ok(()),
        (false, _) => Err(io::Error::new(io::ErrorKind::NetworkDown, "it is down")),
        (true, false) => Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no IPv4 address")),
    }
}

fn open(interface: &str, interface_index: u32, port: u16) -> Result<Socket, OpenError> {
    let other = |step| move |error| OpenError::Other(step, error);
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))
        .map_err(other("opening a UDP socket"))?;
    socket.set_reuse_address(true).map_err(other("SO_REUSEADDR"))?;
    // Before bind: two ports of one daemon have the same UDP ports on different interfaces.
    socket.bind_device(Some(interface.as_bytes())).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV) => OpenError::NoInterface(interface.to_owned()),
        Some(libc::EPERM) => OpenError::Permission(interface.to_owned(), port),
        _ => OpenError::Other("SO_BINDTODEVICE", error),
    })?;
    let any = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    socket.bind(&any.into()).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Permission(interface.to_owned(), port),
        io::ErrorKind::AddrInUse => OpenError::PortBusy(port),
        _ => OpenError::Other("binding the UDP port", error),
    })?;
    set_multicast_interface_v4(socket.as_fd(), interface_index)
        .map_err(|error| OpenError::NotReady(interface.to_owned(), error))?;
    set_multicast_all(socket.as_fd(), false).map_err(other("IP_MULTICAST_ALL"))?;
    socket
        .join_multicast_v4_n(&PTP_PRIMARY, &InterfaceIndexOrAddress::Index(interface_index))
        .map_err(|error| OpenError::NotReady(interface.to_owned(), error))?;
    socket.set_multicast_ttl_v4(1).map_err(other("IP_MULTICAST_TTL"))?;
    // Only on the loopback device are other ends on this host meant to hear us.
    socket.set_multicast_loop_v4(interface == "lo").map_err(other("IP_MULTICAST_LOOP"))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HostClock;
    use crate::ptp::FRAME_MAX;

    fn on_lo(event_port: u16) -> SocketOptions {
        SocketOptions { interface: "lo".to_owned(), event_port, general_port: event_port + 1 }
    }

    #[test]
    fn a_message_to_the_group_comes_back_on_loopback_with_both_stamps() {
        let mut sender = PtpSockets::open(&on_lo(41_319)).unwrap();
        let mut receiver = PtpSockets::open(&on_lo(41_319)).unwrap();
        let before = HostClock.stamping();
        let (mut seen, mut gone) = (Vec::new(), Vec::new());
        // The kernel turns its stamping on a moment after it was asked: the first packets may lack the stamp.
        for round in 0..200_u8 {
            let frame = Frame::new([round; FRAME_MAX], 44);
            sender.send(&frame, Channel::Event, Some(TxToken(u32::from(round))), HostClock.mono(), |_| {}).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
            sender.drain_stamps(HostClock.mono(), |g| gone.push(g));
            receiver.receive(Channel::Event, |a| seen.push((a.bytes.to_vec(), a.stamp))).unwrap();
            if seen.iter().any(|(_, stamp)| stamp.is_some()) && gone.len() > 2 {
                break;
            }
        }
        let (bytes, stamp) = seen.iter().rev().find(|(_, stamp)| stamp.is_some()).expect("a stamped arrival");
        assert_eq!(bytes.len(), 44);
        assert!(stamp.unwrap().at > before && stamp.unwrap().at < HostClock.stamping());
        let sent = gone.iter().find(|g| g.token == TxToken(u32::from(bytes[0]))).expect("its transmit stamp");
        assert!(sent.stamp.unwrap().at <= stamp.unwrap().at, "it left before it arrived");
    }

    #[test]
    fn an_absent_interface_is_named_and_may_come() {
        let error = PtpSockets::open(&SocketOptions { interface: "nope0".to_owned(), ..on_lo(41_329) }).unwrap_err();
        assert!(error.is_transient());
        assert!(error.to_string().contains("nope0"), "{error}");
    }
}
