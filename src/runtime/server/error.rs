//! What can go wrong at the start, by what the operator can do about it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;

use super::worker_name;
use crate::config::LISTEN_MAX;
use crate::time::Duration;

/// Why the server does not serve, or not on one address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerError {
    /// The port is below 1024 and we lack CAP_NET_BIND_SERVICE.
    Permission(SocketAddr),
    /// Another program listens there.
    Busy(SocketAddr),
    /// No interface has the address at the moment, or the host does not speak its IP version.
    Absent(SocketAddr),
    /// An interface has the address, but it cannot be used yet: IPv6 looks first whether another host has it (RFC 4862 5.4).
    Tentative(SocketAddr),
    /// There is no interface of this name, or it has no address.
    NoInterface(String),
    /// All places are taken, of [`LISTEN_MAX`](crate::config::LISTEN_MAX).
    Full(SocketAddr),
    /// Another failure of a socket: the call and its error.
    Socket {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The system call, or its option.
        call: &'static str,
        /// errno(3).
        errno: Errno,
    },
    /// A thread, or what it needs, could not be made.
    Thread {
        /// What could not be made.
        what: &'static str,
        /// errno(3).
        errno: Errno,
    },
    /// A worker did not finish its preparations in time.
    Unready,
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

impl ServerError {
    pub(super) fn socket(address: SocketAddr, call: &'static str, error: &io::Error) -> Self {
        match errno_of(error) {
            Errno::EACCES if call == "bind" => Self::Permission(address),
            Errno::EADDRINUSE => Self::Busy(address),
            // EAFNOSUPPORT: a kernel without IPv6. ENODEV: the scope of a link-local address.
            Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT | Errno::ENODEV => Self::Absent(address),
            errno => Self::Socket { address, call, errno },
        }
    }

    pub(super) fn thread(what: &'static str, error: &io::Error) -> Self {
        Self::Thread { what, errno: errno_of(error) }
    }

    /// Whether it may pass by itself, when an interface comes up: worth waiting for.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(address) => write!(
                f,
                "NTP server: may not listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE \
                 (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or set another port in ntp.server.listen"
            ),
            Self::Busy(address) => write!(
                f,
                "NTP server: {address} is in use: another NTP server runs here (`ss -ulpn 'sport = :{}'` names it); \
                 stop it, or set another port in ntp.server.listen",
                address.port()
            ),
            Self::Absent(address) => write!(
                f,
                "NTP server: no interface of this host has the address {} yet; \
                 it is served as soon as one has (if it is a typing error: ntp.server.listen)",
                address.ip()
            ),
            Self::Tentative(address) => write!(
                f,
                "NTP server: the address {} is not ready yet (IPv6 looks whether another host has it); it is served as soon as it is",
                address.ip()
            ),
            Self::NoInterface(name) => write!(
                f,
                "NTP server: no interface {name} with an address yet; it is served as soon as there is one (if it is a \
                 typing error: ntp.server.listen)"
            ),
            Self::Full(address) => write!(
                f,
                "NTP server: {address} is not served: it listens on {LISTEN_MAX} addresses already, which is the most; \
                 leave some out by ntp.server.listen_except"
            ),
            Self::Socket { address, call, errno } => {
                write!(f, "NTP server: cannot listen on {address}: {call}: {}", errno.desc())
            }
            Self::Thread { what, errno } => write!(f, "NTP server: cannot make a worker: {what}: {}", errno.desc()),
            Self::Unready => f.write_str("NTP server: a worker was not ready in time: the machine is overloaded"),
        }
    }
}

impl std::error::Error for ServerError {}

/// What an operator should know although the server goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerNotice {
    /// It listens there now.
    Listening(SocketAddr),
    /// It listens there no more: the interface has the address no more.
    Left(SocketAddr),
    /// It does not listen on an address yet, and tries again.
    Waiting(ServerError),
    /// A worker runs, but not pinned to its core.
    NotPinned {
        /// The core that was asked for.
        core: usize,
        /// errno(3).
        errno: Errno,
    },
    /// A worker runs, but with the ordinary scheduler.
    NotRealtime {
        /// The priority that was asked for.
        priority: u8,
        /// errno(3).
        errno: Errno,
    },
    /// The kernel does not give requests to the worker of the core that received them: it spreads them by address.
    NotSteered {
        /// Where.
        address: SocketAddr,
        /// errno(3).
        errno: Errno,
    },
    /// The workers look for requests to an address without sleeping, but the kernel does not look into the card's queue for them.
    NoBusyPoll {
        /// Where.
        address: SocketAddr,
        /// errno(3).
        errno: Errno,
    },
    /// A worker has ended unasked; its requests go to the others meanwhile.
    WorkerEnded {
        /// Its place among the workers.
        worker: usize,
        /// What it could not receive from its socket for; `None`: it panicked.
        errno: Option<Errno>,
        /// When another one is started in its place.
        again_after: Duration,
    },
    /// Another worker runs in its place.
    WorkerReplaced {
        /// Its place among the workers.
        worker: usize,
        /// So many clients it knows from the one before.
        clients: usize,
        /// So many entries of what that one remembered were damaged, and are forgotten.
        forgotten: usize,
    },
    /// The kernel does not stamp the requests of an address: the workers do, a little late.
    NoKernelStamps {
        /// Where.
        address: SocketAddr,
        /// errno(3).
        errno: Errno,
    },
}

impl ServerNotice {
    pub(super) fn not_realtime(priority: u8, error: &io::Error) -> Self {
        Self::NotRealtime { priority, errno: errno_of(error) }
    }

    pub(super) fn no_kernel_stamps(address: SocketAddr, error: &io::Error) -> Self {
        Self::NoKernelStamps { address, errno: errno_of(error) }
    }

    pub(super) fn no_busy_poll(address: SocketAddr, error: &io::Error) -> Self {
        Self::NoBusyPoll { address, errno: errno_of(error) }
    }

    pub(super) fn not_steered(address: SocketAddr, error: &io::Error) -> Self {
        Self::NotSteered { address, errno: errno_of(error) }
    }

    /// Whether something is worse than it was configured to be.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Listening(_) | Self::Left(_) | Self::WorkerReplaced { .. })
    }
}

impl fmt::Display for ServerNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(address) => write!(f, "NTP server listens on {address}"),
            Self::Left(address) => write!(f, "NTP server listens on {address} no more: the address has gone"),
            Self::Waiting(error) => fmt::Display::fmt(error, f),
            Self::NotPinned { core, errno } => write!(
                f,
                "NTP server: a worker is not pinned to core {core}: {} (`taskset -p $$` shows which cores this process \
                 may use)",
                errno.desc()
            ),
            Self::NotRealtime { priority, errno } => write!(
                f,
                "NTP server: a worker runs without SCHED_FIFO {priority}: {} (it needs CAP_SYS_NICE or LimitRTPRIO=)",
                errno.desc()
            ),
            Self::NotSteered { address, errno } => write!(
                f,
                "NTP server: requests to {address} do not go to the worker of the core that received them: {}",
                errno.desc()
            ),
            Self::NoBusyPoll { address, errno } => write!(
                f,
                "NTP server: the network card's queue is not looked into for requests to {address}: {} (ntp.server.busy_poll needs CAP_NET_ADMIN \
                 for that, or net.core.busy_read as long); the workers look at their sockets only",
                errno.desc()
            ),
            Self::WorkerEnded { worker, errno, again_after } => {
                let name = worker_name(*worker);
                match errno {
                    Some(errno) => {
                        write!(f, "NTP server: the worker {name} has ended: its socket fails: {}", errno.desc())?;
                    }
                    None => write!(f, "NTP server: the worker {name} has ended by a fault of ours (please report it)")?,
                }
                match *again_after {
                    Duration::ZERO => f.write_str("; another one is started"),
                    after => write!(f, "; another one is started in {after}"),
                }
            }
            Self::WorkerReplaced { worker, clients, forgotten } => {
                let name = worker_name(*worker);
                write!(
                    f,
                    "NTP server: another worker runs in the place of {name}, and knows {clients} clients from before"
                )?;
                match forgotten {
                    0 => Ok(()),
                    _ => write!(f, " ({forgotten} entries were damaged, and are forgotten)"),
                }
            }
            Self::NoKernelStamps { address, errno } => write!(
                f,
                "NTP server: the kernel does not stamp the requests to {address}: {}; the workers do, a little late",
                errno.desc()
            ),
        }
    }
}
