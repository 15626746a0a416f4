//! A node's connection to the server.
//!
//! One request at a time, and its answer. Nothing here is the node's own time: a request that the server does not answer soon is one
//! whose time has not come.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::protocol::{MESSAGE_MAX, Malformed, Packet, Reply, Request, RequestKind, Selected, Times, Timex};

const _: () = assert!(
    cfg!(all(target_endian = "little", target_pointer_width = "64")),
    "the messages are written as little-endian machines with 64-bit `long` have them"
);

/// The server may not be listening yet: so often it is tried again, as clknetsim's own nodes do.
const ATTEMPTS: u32 = 100;
/// The pause between two attempts.
const ATTEMPT_EVERY: Duration = Duration::from_millis(100);

/// Why a node cannot go on.
#[derive(Debug)]
pub enum Fault {
    /// The socket: most often the server is gone.
    Socket(io::Error),
    /// The server's answer is none.
    Malformed(RequestKind, Malformed),
    /// The server has fewer clocks or networks than the node was told to use.
    Missing(&'static str),
    /// A file that was to be written or read.
    File(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(error) => write!(f, "clknetsim's server: {error}"),
            Self::Malformed(kind, why) => {
                write!(f, "clknetsim's server answers {kind:?} by what is no answer: {why:?}")
            }
            Self::Missing(what) => write!(f, "clknetsim's server has no such {what}"),
            Self::File(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

/// A socket that is connected to the server's at `path`, which may take some seconds to come into being.
///
/// # Errors
/// The last attempt's.
pub fn connect(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let mut attempts = 0;
    loop {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        match socket.connect(&address) {
            Ok(()) => return Ok(socket),
            Err(error) if attempts == ATTEMPTS => return Err(error),
            Err(_) => thread::sleep(ATTEMPT_EVERY),
        }
        attempts += 1;
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    request: Vec<u8>,
    reply: Vec<u8>,
    /// How many networks there are.
    subnets: u32,
    /// How many clocks each node has.
    clocks: u32,
}

impl Connection {
    /// Registers as `node`, from 0, and waits for the node's time to begin.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn register(path: &Path, node: u32) -> Result<Self, Fault> {
        let socket = connect(path)?;
        let mut connection =
            Self { socket, request: Vec::new(), reply: vec![0; MESSAGE_MAX + 1], subnets: 0, clocks: 0 };
        match connection.ask(Request::Register { node })? {
            Reply::Registered { subnets, clocks } => (connection.subnets, connection.clocks) = (subnets, clocks),
            _ => unreachable!("answers are parsed by their requests"),
        }
        Ok(connection)
    }

    /// How many networks there are.
    pub const fn subnets(&self) -> u32 {
        self.subnets
    }

    /// How many clocks each node has.
    pub const fn clocks(&self) -> u32 {
        self.clocks
    }

    fn tell(&mut self, request: Request<'_>) -> Result<(), Fault> {
        request.write(&mut self.request);
        // A packet of this socket goes out whole or not at all.
        self.socket.send(&self.request)?;
        Ok(())
    }

    fn ask(&mut self, request: Request<'_>) -> Result<Reply<'_>, Fault> {
        self.tell(request)?;
        let kind = request.kind();
        let len = io::Read::read(&mut &self.socket, &mut self.reply)?;
        if len == 0 {
            return Err(Fault::Socket(io::ErrorKind::UnexpectedEof.into()));
        }
        Reply::parse(kind, &self.reply[..len]).map_err(|why| Fault::Malformed(kind, why))
    }

    /// What a clock reads.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn times(&mut self, clock: u32) -> Result<Times, Fault> {
        match self.ask(Request::GetTime { clock })? {
            Reply::Times(times) => Ok(times),
            _ => unreachable!("answers are parsed by their requests"),
        }
    }

    /// clock_adjtime(2) of a clock: what it returns, and the values in force.
    ///
    /// # Errors
    /// [`Fault`]; a value out of range is the answer -1.
    pub fn adjust(&mut self, clock: u32, timex: Timex) -> Result<(i32, Timex), Fault> {
        match self.ask(Request::AdjustTimex { clock, timex })? {
            Reply::AdjustedTimex { state, timex } => Ok((state, timex)),
            _ => unreachable!("answers are parsed by their requests"),
        }
    }

    /// Lets time go on, for `timeout` seconds of the main clock or until a packet comes.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn select(&mut self, timeout: f64) -> Result<Selected, Fault> {
        match self.ask(Request::Select { timeout, read: true })? {
            Reply::Selected(selected) => Ok(selected),
            _ => unreachable!("answers are parsed by their requests"),
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// [`Fault`]; that a packet is lost on its way is none.
    pub fn send(&mut self, packet: Packet<'_>) -> Result<(), Fault> {
        self.tell(Request::Send(packet))
    }

    /// The packet that has woken this node.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn receive(&mut self) -> Result<Packet<'_>, Fault> {
        match self.ask(Request::Receive)? {
            Reply::Received(packet) => Ok(packet),
            _ => unreachable!("answers are parsed by their requests"),
        }
    }

    /// Ends: nothing may follow it but the end of the connection.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn deregister(mut self) -> Result<(), Fault> {
        self.tell(Request::Deregister)
    }
}
