//! The sockets of one address: one per worker.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use synchronome_kernel::socket::{enable_packet_info, set_busy_poll, steer_by_cpu};
use synchronome_kernel::timestamping::{TimestampRequest, enable_software_timestamps, enable_timestamps};

use super::super::host::packets_may_come_back;
use super::{ServerError, ServerNotice};
use crate::time::Duration;

/// Room for a burst that comes while the worker is away, in bytes; the kernel limits it (net.core.rmem_max).
const RECEIVE_BUFFER: usize = 1 << 20;

/// One worker's socket on one address.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    socket: Arc<UdpSocket>,
    /// The number of its address among those that are served, below `LISTEN_MAX`.
    pub(super) place: usize,
    /// Cards may be asked for stamps of answers.
    pub(super) takes_card_stamps: bool,
}

impl Listener {
    /// For who sends from it as long as the worker has it.
    pub(super) fn lent(&self) -> Weak<UdpSocket> {
        Arc::downgrade(&self.socket)
    }
}

#[cfg(test)]
impl Listener {
    /// One that always has something to say, and that nothing can be received from: a socket of TCP without a connection.
    pub(super) fn broken(place: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).expect("a socket");
        Self { socket: Arc::new(UdpSocket::from(socket)), place, takes_card_stamps: false }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What the control thread tells a worker.
#[derive(Debug)]
pub(super) enum Change {
    /// One address more.
    Take(Listener),
    /// One less: the one of this place.
    Leave(usize),
}

/// One address, open for all workers.
pub(super) struct Opened {
    pub(super) group: Group,
    pub(super) notices: Vec<ServerNotice>,
}

/// The sockets of one address: one of each worker that runs.
///
/// The kernel numbers them as they are bound, and gives the number of one that is closed to the last one (net/core/sock_reuseport.c). The program
/// that steers answers with such a number, so it must be made anew when a socket goes or comes; and to know the numbers none
/// may close but here: each is held here too, and a worker that ends does not close its own.
#[derive(Debug)]
pub(super) struct Group {
    /// With the port taken, where 0 was asked for.
    pub(super) address: SocketAddr,
    /// The number of the address among those that are served, below `LISTEN_MAX`.
    pub(super) place: usize,
    /// So long the card's queue is looked at where nothing has come; zero: not.
    busy_poll: Duration,
    /// By the kernel's numbers: whose it is, by its place among the workers.
    sockets: Vec<(usize, Listener)>,
}

impl Group {
    /// From now on it has this number.
    pub(super) fn put(&mut self, place: usize) {
        self.place = place;
        for (_, socket) in &mut self.sockets {
            socket.place = place;
        }
    }

    /// One worker more: opens its socket. Says what is worse than it should be.
    pub(super) fn join(&mut self, worker: usize) -> Result<Option<ServerNotice>, ServerError> {
        // The first one may have got its port from the kernel; the others join it there.
        let address = self.address;
        let socket = bind(address, true)?;
        let failed = |call| move |error: io::Error| ServerError::socket(address, call, &error);
        enable_packet_info(&socket).map_err(failed("IP_PKTINFO"))?;
        let mut notice = None;
        let takes_card_stamps = enable_stamps(&socket).unwrap_or_else(|error| {
            notice = Some(ServerNotice::no_kernel_stamps(address, &error));
            false
        });
        if self.busy_poll > Duration::ZERO {
            let microseconds = (self.busy_poll.as_nanos() / 1_000).max(1) as u32;
            if let Err(error) = set_busy_poll(&socket, microseconds) {
                notice = notice.or_else(|| Some(ServerNotice::no_busy_poll(address, &error)));
            }
        }
        // Less room than wished for costs a burst its tail, and no more.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        let socket = UdpSocket::from(socket);
        self.address = socket.local_addr().map_err(failed("getsockname"))?;
        let listener = Listener { socket: Arc::new(socket), place: self.place, takes_card_stamps };
        self.sockets.push((worker, listener));
        Ok(notice)
    }

    /// One worker less: its socket closes, if the worker has ended.
    pub(super) fn leave(&mut self, worker: usize) {
        if let Some(number) = self.sockets.iter().position(|(of, _)| *of == worker) {
            self.sockets.swap_remove(number);
        }
    }

    /// Gives each worker what came in on its core, if each has one of its own; what came in elsewhere is spread over them. Says if the kernel does not.
    pub(super) fn steer(&self, cores: &[Option<usize>]) -> Option<ServerNotice> {
        let pinned: Vec<usize> = self.sockets.iter().filter_map(|(worker, _)| cores[*worker]).collect();
        let (_, first) = self.sockets.first().filter(|_| cores.len() > 1 && !pinned.is_empty())?;
        // They are spread by address then: as right, and a little dearer.
        steer_by_cpu(first, &pinned).err().map(|error| ServerNotice::not_steered(self.address, &error))
    }

    /// The workers that have a socket, each with its own.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (usize, &Listener)> {
        self.sockets.iter().map(|(worker, socket)| (*worker, socket))
    }
}

/// Checks that nobody listens on an address yet: with `SO_REUSEPORT` we would share it with another process of our
/// user without a sign, and each would get half of the requests.
///
/// Not on a port that we listen on already ourselves: the wildcard address covers all others.
pub(super) fn assert_free(address: SocketAddr) -> Result<(), ServerError> {
    match bind(address, false) {
        Err(error @ ServerError::Busy(_)) => Err(error),
        // What else is wrong will be said by `open`.
        _ => Ok(()),
    }
}

/// Opens an address once for each worker, by the cores that they run on. A worker on a core of its own gets what came in on that core:
/// nothing of a request is handed from one core to another.
pub(super) fn open(address: SocketAddr, cores: &[Option<usize>], busy_poll: Duration) -> Result<Opened, ServerError> {
    let mut group = Group { address, place: 0, busy_poll, sockets: Vec::with_capacity(cores.len()) };
    let mut notices = Vec::new();
    for worker in 0..cores.len() {
        // What is so of one is so of all, and said once.
        notices = group.join(worker)?.into_iter().collect();
    }
    notices.extend(group.steer(cores));
    Ok(Opened { group, notices })
}

/// Those of the kernel, those of cards that make some, and of what is sent where it is asked for. Returns whether cards can be asked for
/// stamps of what is sent.
fn enable_stamps(socket: &Socket) -> io::Result<bool> {
    // Where it is not there, as in a namespace of its own, nobody has forbidden it.
    let is_forbidden = !packets_may_come_back();
    let all = TimestampRequest {
        rx_software: true,
        rx_hardware: true,
        origin: true,
        tx_on_demand: true,
        tx_hardware_on_demand: !is_forbidden,
        ..TimestampRequest::default()
    };
    match enable_timestamps(socket, all) {
        Ok(_) => Ok(all.tx_hardware_on_demand),
        // Better the kernel's alone than none.
        Err(_) => enable_software_timestamps(socket, false).map(|_| false),
    }
}

fn bind(address: SocketAddr, reuse_port: bool) -> Result<Socket, ServerError> {
    let failed = |call| move |error: io::Error| ServerError::socket(address, call, &error);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))
        .map_err(failed("socket"))?;
    if address.is_ipv6() {
        // 0.0.0.0 and :: stand beside each other in the configuration, each for its own.
        socket.set_only_v6(true).map_err(failed("IPV6_V6ONLY"))?;
    }
    socket.set_reuse_port(reuse_port).map_err(failed("SO_REUSEPORT"))?;
    socket.bind(&SockAddr::from(address)).map_err(failed("bind"))?;
    Ok(socket)
}
