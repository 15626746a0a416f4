//! Why the sockets of a port could not be opened.

use std::fmt;
use std::io;

use super::Transport;

/// Why the sockets could not be opened: what, where, and what to do.
#[derive(Debug)]
pub enum OpenError {
    /// There is no such interface (yet).
    NoInterface(String),
    /// The interface is down, or lacks (yet) what the transport needs of it.
    NotReady(String, Transport, io::Error),
    /// Not allowed: the UDP port, the packet socket, or the binding to the interface.
    Permission(String, Transport, u16),
    /// Something else has the UDP port for itself.
    PortBusy(u16),
    /// Hardware stamps are demanded, and there are none (yet); says why.
    NoHardwareStamps(String),
    /// Anything else, with the step that failed.
    Other(&'static str, io::Error),
}

impl OpenError {
    /// Whether waiting may mend it.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoInterface(_) | Self::NotReady(..) | Self::PortBusy(_) | Self::NoHardwareStamps(_))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface(name) => {
                write!(f, "interface {name} does not exist yet; `ip link` lists those that do")
            }
            Self::NotReady(name, transport, error) => {
                let needs = match transport {
                    Transport::Udp4 => "up and to have an IPv4 address",
                    Transport::Udp6 { .. } => "up and to have an IPv6 address",
                    Transport::Ethernet => "an Ethernet interface and up",
                };
                write!(f, "interface {name} cannot send yet ({error}); it needs to be {needs}")
            }
            Self::Permission(name, Transport::Ethernet, _) => {
                write!(f, "not allowed to open a packet socket on {name}; that needs CAP_NET_RAW (or root)")
            }
            Self::Permission(name, _, port) => write!(
                f,
                "not allowed to open UDP port {port} on {name}; ports below 1024 need CAP_NET_BIND_SERVICE (or root)"
            ),
            Self::PortBusy(port) => write!(
                f,
                "UDP port {port} is taken by another program (`ss -ulpn sport = :{port}` names it); ptp4l and others must be stopped"
            ),
            Self::NoHardwareStamps(reason) => write!(f, "ptp.timestamps demands hardware stamps: {reason}"),
            Self::Other(step, error) => write!(f, "{step}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}
