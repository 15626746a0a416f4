//! The machinery of `ntpload`, for tests and benches that load a server: the simulated clients, what became of their requests, and a
//! server's thread held to a share of a core.

mod hold;
mod load;
mod report;

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};

pub use hold::{Held, Hold, Means};
pub use load::Load;
pub use report::Report;

/// Whom to ask, and as whom.
#[derive(Args, Clone)]
pub struct Target {
    /// The server: an address with a port.
    pub server: SocketAddr,
    /// How many clients there seem to be.
    #[arg(long, default_value_t = 1_000)]
    pub clients: u32,
    /// The first of their addresses, which must all be routed to this host; without it they share this host's own.
    #[arg(long)]
    pub sources: Option<IpAddr>,
    /// Sockets, each with a port of its own, that the clients are spread over.
    #[arg(long, default_value_t = 4)]
    pub sockets: usize,
    /// The mode of the requests.
    #[arg(long, value_enum, default_value = "basic")]
    pub mode: Mode,
    /// The CPU to run on.
    #[arg(long)]
    pub core: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// How a client asks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// RFC 5905.
    Basic,
    /// RFC 9769: when the answer before really left.
    Interleaved,
}

/// Binds this thread to one CPU, if one is given.
///
/// # Errors
/// There is no such CPU.
pub fn pin(core: Option<usize>) -> std::io::Result<()> {
    let Some(core) = core else { return Ok(()) };
    let mut set = nix::sched::CpuSet::new();
    set.set(core).and_then(|()| nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set))?;
    Ok(())
}
