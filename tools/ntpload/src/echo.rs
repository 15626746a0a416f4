//! The least that a server on sockets can do.
//!
//! As a server of NTP it asks for receive stamps and for the address that was asked, takes and sends in batches, and sends from that
//! address; it looks at nothing. What a server costs beyond this is its own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};
use synchronome_kernel::socket::{RecvBatch, SendBatch, enable_packet_info};
use synchronome_kernel::timestamping::enable_software_timestamps;
use synchronome_ntpload::pin;

const BATCH: usize = 32;
const DATAGRAM_MAX: usize = 1_472;
const BUFFER: usize = 1 << 20;

#[derive(clap::Args)]
pub struct Options {
    /// Where to listen.
    listen: SocketAddr,
    /// The CPU to run on.
    #[arg(long)]
    core: Option<usize>,
}

/// Echoes until it is killed.
///
/// # Errors
/// The system's.
pub fn run(options: &Options) -> io::Result<()> {
    pin(options.core)?;
    let domain = Domain::for_address(options.listen);
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    enable_packet_info(&socket)?;
    enable_software_timestamps(&socket, false)?;
    let _ = socket.set_recv_buffer_size(BUFFER);
    socket.bind(&options.listen.into())?;
    let (mut requests, mut answers) = (RecvBatch::new(BATCH, DATAGRAM_MAX), SendBatch::new(BATCH, DATAGRAM_MAX));
    eprintln!("ntpload: echoing on {}", options.listen);
    loop {
        poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
        while let Ok(count @ 1..) = requests.recv(&socket) {
            for index in 0..count {
                let request = requests.get(index);
                // One that cannot be answered is not the next one's fault.
                let _ = answers.push(request.data, request.from, request.local, None);
            }
            answers.flush(&socket)?;
            if count < BATCH {
                break;
            }
        }
    }
}
