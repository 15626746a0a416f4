//! The sockets on which the daemon answers: status over a unix socket, HTTP for metrics and probes.
//!
//! All on the control thread, without blocking: [`Observers`] owns the thread's one `epoll`, and the thread's other
//! descriptors (signals, the doorbell of its rings) are watched by the same wait. Nobody who asks can hold more than a
//! slot: connections, the bytes of a request and the time for each phase are limited, one request is one connection,
//! and who finds all slots taken waits in the kernel's queue. The two servers have slots of their own, so that a flood
//! over HTTP does not shut out the operator's `status`.
//!
//! Whoever may reach a socket may read: the status holds no secret. The control socket is another matter: what it answers
//! are the packets of others, so that it is there for the owner alone.

mod authority;
mod bind;
mod connection;
mod http;
mod line;
mod page;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Token};

pub use bind::BindError;
use bind::{EVERYBODY, HttpListener, OWNER, UnixSocket};
use connection::{Connection, Stream};
pub use connection::{REQUEST_BYTES_MAX, REQUEST_TIME_MAX};

use super::history::Past;
use super::metrics::Dialect;
use super::status::{EventRecord, Status};

/// The most connections at a time of each of the three servers; more wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 32;
/// The most connections that one turn accepts of each server, so that a flood leaves the thread time for its work.
const ACCEPTS_MAX: usize = 2 * CONNECTIONS_MAX;
/// How soon a failed accept (no descriptors left) is tried again.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// The most connections at a time that follow the events; the slots that are left are for who asks for the status.
pub const FOLLOWERS_MAX: usize = 8;
/// The most descriptors of the caller's that are watched.
pub const WATCHED_MAX: usize = 32;

const UNIX: usize = 0;
const HTTP: usize = 1;
const CONTROL: usize = 2;
/// How many servers there are.
const SERVERS: usize = 3;
const FIRST_SLOT: usize = SERVERS;
const FIRST_WATCHED: usize = FIRST_SLOT + SERVERS * CONNECTIONS_MAX;

/// Where to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObserversConfig {
    /// The unix socket; its directory is made if it does not exist.
    pub socket: PathBuf,
    /// HTTP; `None`: nowhere.
    pub http: Option<SocketAddr>,
}

/// A descriptor of the caller's that is watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WakeToken(usize);

/// The control thread's one place to wait: the servers of the status, and what else the thread waits for.
#[derive(Debug)]
pub struct Observers {
    poll: mio::Poll,
    ready: mio::Events,
    unix: Option<UnixSocket>,
    http: Option<HttpListener>,
    control: Option<UnixSocket>,
    /// Those of the unix socket, then those of HTTP, then those of the control socket.
    slots: Vec<Option<Connection>>,
    /// How many of them are taken: as a rule none, and nothing is looked for then.
    taken: usize,
    /// Whether connections may be waiting to be accepted, of each server.
    waiting: [bool; SERVERS],
    /// Whether the last accept failed for want of resources.
    starved: bool,
    watched: usize,
    woken: Vec<WakeToken>,
}

/// What the owner can ask for over the control socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Record what the engines do for so many milliseconds.
    Record(u32),
    /// What was recorded, as a trace file.
    Fetch,
    /// As if another program had set the clock by so many milliseconds: of a simulated clock only, for tests.
    SetSimulated(i64),
    /// Ask NTP servers (again), or do not.
    Online {
        /// Whether they are asked.
        is_online: bool,
        /// Which, by name or address; `None`: all.
        source: Option<String>,
    },
}

/// Who knows the answers.
pub trait Answers {
    /// The status of now.
    fn status(&mut self) -> Status;

    /// The same without what is text for people and goes through files of the kernel's: what metrics and the verdict are made of, and no more.
    fn figures(&mut self) -> Status {
        self.status()
    }

    /// Under whose names metrics are shown beside our own.
    fn dialects(&mut self) -> Vec<Dialect> {
        Vec::new()
    }

    /// Whether this machine is called so, beside localhost: in lower case, without a final dot. Who asks for the page by another name is sent away.
    fn is_called(&mut self, _name: &str) -> bool {
        false
    }

    /// At most `most` of the events from this number on, the oldest first; those that are kept no more are left out.
    fn events_since(&mut self, _number: u64, _most: usize) -> Vec<EventRecord> {
        Vec::new()
    }

    /// The number of the latest event; 0 before the first.
    fn event_count(&mut self) -> u64 {
        0
    }

    /// The last minutes of the clock, the oldest first.
    fn history(&mut self) -> Vec<Past> {
        Vec::new()
    }

    /// Does what the owner asks; the bytes are part of the answer.
    ///
    /// # Errors
    /// Why not, for people.
    fn obey(&mut self, order: Order) -> Result<Vec<u8>, String>;
}

/// Whoever knows the status and nothing else.
impl<F: FnMut() -> Status> Answers for F {
    fn status(&mut self) -> Status {
        self()
    }

    fn obey(&mut self, _: Order) -> Result<Vec<u8>, String> {
        Err("nothing is recorded here".to_owned())
    }
}

/// The status, made when the first of a turn asks for it.
struct Asked<'a> {
    answers: &'a mut dyn Answers,
    made: Option<Status>,
    figures: Option<Status>,
    /// How many connections follow the events.
    followers: usize,
}

impl Asked<'_> {
    fn status(&mut self) -> &Status {
        self.made.get_or_insert_with(|| self.answers.status())
    }

    /// What metrics and the verdict are made of.
    fn figures(&mut self) -> &Status {
        match &self.made {
            Some(made) => made,
            None => self.figures.get_or_insert_with(|| self.answers.figures()),
        }
    }
}

impl Observers {
    /// Opens both sockets.
    ///
    /// # Errors
    /// What could not be opened, by name, and what to do.
    pub fn bind(config: &ObserversConfig) -> Result<Self, BindError> {
        let mut observers = Self::new()?;
        observers.open_socket(&config.socket)?;
        config.http.map_or(Ok(()), |http| observers.open_http(http))?;
        Ok(observers)
    }

    /// Answers nobody yet.
    ///
    /// # Errors
    /// epoll_create1(2)'s.
    pub fn new() -> Result<Self, BindError> {
        Ok(Self {
            poll: mio::Poll::new().map_err(|error| BindError::other("epoll", error))?,
            ready: mio::Events::with_capacity(FIRST_WATCHED + WATCHED_MAX),
            unix: None,
            http: None,
            control: None,
            slots: std::iter::repeat_with(|| None).take(SERVERS * CONNECTIONS_MAX).collect(),
            taken: 0,
            waiting: [false; SERVERS],
            starved: false,
            watched: 0,
            woken: Vec::new(),
        })
    }

    /// Opens the unix socket; its directory is made if it does not exist.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn open_socket(&mut self, path: &Path) -> Result<(), BindError> {
        self.unix = Some(self.open_unix(path, UNIX, EVERYBODY)?);
        Ok(())
    }

    /// Opens the control socket, for the owner alone; its directory is made if it does not exist.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn open_control(&mut self, path: &Path) -> Result<(), BindError> {
        self.control = Some(self.open_unix(path, CONTROL, OWNER)?);
        Ok(())
    }

    fn open_unix(&self, path: &Path, server: usize, mode: u32) -> Result<UnixSocket, BindError> {
        let mut unix = UnixSocket::bind(path, mode)?;
        let register = self.poll.registry().register(unix.listener(), Token(server), Interest::READABLE);
        register.map_err(|error| BindError::other(path.display(), error))?;
        Ok(unix)
    }

    /// Opens HTTP.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn open_http(&mut self, address: SocketAddr) -> Result<(), BindError> {
        let mut http = HttpListener::bind(address)?;
        let register = self.poll.registry().register(http.listener(), Token(HTTP), Interest::READABLE);
        register.map_err(|error| BindError::other(address, error))?;
        self.http = Some(http);
        Ok(())
    }

    /// Where HTTP is served; the port is the real one even if 0 was asked for.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpListener::address)
    }

    /// Watches a descriptor of the caller's for input: [`Observers::poll`] returns its token.
    ///
    /// Edge-triggered: after a wake the caller reads until EAGAIN, or is not woken again by what was left. Data that is
    /// there already wakes the next poll. A descriptor that is closed is no longer watched.
    ///
    /// # Errors
    /// That of epoll_ctl(2); ENOSPC's kind beyond [`WATCHED_MAX`].
    pub fn watch(&mut self, fd: &impl AsFd) -> io::Result<WakeToken> {
        if self.watched == WATCHED_MAX {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "too many watched descriptors"));
        }
        let token = Token(FIRST_WATCHED + self.watched);
        self.poll.registry().register(&mut SourceFd(&fd.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        self.watched += 1;
        Ok(WakeToken(token.0))
    }

    /// Waits for at most `timeout` (`None`: for ever), answers who asks, and returns which watched descriptors are
    /// ready: none after the timeout, a signal, or when only questions were answered.
    ///
    /// The status is asked for at most once, and only if somebody wants it.
    ///
    /// # Errors
    /// Those of epoll_wait(2), all of them our own bugs. What befalls a connection ends that connection only.
    pub fn poll(&mut self, timeout: Option<Duration>, answers: &mut dyn Answers) -> io::Result<&[WakeToken]> {
        self.woken.clear();
        let wait = self.wait(timeout, Instant::now());
        match self.poll.poll(&mut self.ready, wait) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(&self.woken),
            result => result?,
        }
        let now = Instant::now();
        let mut asked = Asked { answers, made: None, figures: None, followers: self.followers() };
        let ready: Vec<usize> = self.ready.iter().map(|event| event.token().0).collect();
        for token in ready {
            match token {
                UNIX | HTTP | CONTROL => self.waiting[token] = true,
                FIRST_SLOT..FIRST_WATCHED => self.turn(token - FIRST_SLOT, now, &mut asked),
                _ => self.woken.push(WakeToken(token)),
            }
        }
        self.end_the_late(now);
        self.starved = false;
        for server in [UNIX, HTTP, CONTROL] {
            self.accept(server, now, &mut asked);
        }
        Ok(&self.woken)
    }

    /// Hands the events that have happened to who follows them: to be called when some may have.
    pub fn push_events(&mut self, answers: &mut dyn Answers) {
        let followers = self.followers();
        let mut asked = Asked { answers, made: None, figures: None, followers };
        let now = Instant::now();
        for slot in 0..if followers == 0 { 0 } else { CONNECTIONS_MAX } {
            if self.slots[slot].as_ref().is_some_and(Connection::follows) {
                self.turn(slot, now, &mut asked);
            }
        }
    }

    /// All that there are.
    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().flatten().take(self.taken)
    }

    /// Those that follow the events; all of the unix socket, and nobody else can.
    fn followers(&self) -> usize {
        self.connections().filter(|connection| connection.follows()).count()
    }

    fn end(&mut self, slot: usize) {
        self.taken -= usize::from(self.slots[slot].take().is_some());
    }

    /// Ends those whose time is up.
    fn end_the_late(&mut self, now: Instant) {
        for slot in 0..if self.taken == 0 { 0 } else { self.slots.len() } {
            if self.slots[slot].as_ref().is_some_and(|connection| connection.deadline() <= now) {
                self.end(slot);
            }
        }
    }

    /// How long to wait: not past a connection's deadline, and not at all while somebody could be accepted.
    fn wait(&self, timeout: Option<Duration>, now: Instant) -> Option<Duration> {
        let deadlines = self.connections().map(|connection| connection.deadline().saturating_duration_since(now));
        let acceptable = (0..SERVERS).any(|server| self.waiting[server] && self.free_slot(server).is_some());
        let accept = acceptable.then_some(if self.starved { ACCEPT_RETRY } else { Duration::ZERO });
        deadlines.chain(accept).chain(timeout).min()
    }

    fn free_slot(&self, server: usize) -> Option<usize> {
        let first = server * CONNECTIONS_MAX;
        (first..first + CONNECTIONS_MAX).find(|slot| self.slots[*slot].is_none())
    }

    /// Lets a connection go on; forgets it when it has ended.
    fn turn(&mut self, slot: usize, now: Instant, asked: &mut Asked<'_>) {
        let Some(connection) = &mut self.slots[slot] else { return };
        let followed = connection.follows();
        if !connection.turn(now, asked) {
            // His place is free for who is accepted in this same turn.
            asked.followers -= usize::from(followed);
            self.end(slot);
        }
    }

    /// Accepts who waits, as far as there are slots.
    fn accept(&mut self, server: usize, now: Instant, asked: &mut Asked<'_>) {
        for _ in 0..ACCEPTS_MAX {
            if !self.waiting[server] {
                return;
            }
            let Some(slot) = self.free_slot(server) else { return };
            let stream = match server {
                UNIX => self.unix.as_ref().map(|unix| unix.accept().map(Stream::Unix)),
                HTTP => self.http.as_ref().map(|http| http.accept().map(Stream::Tcp)),
                _ => self.control.as_ref().map(|control| control.accept_the_owner().map(Stream::Control)),
            };
            let Some(stream) = stream else { return };
            match stream {
                Ok(mut stream) => {
                    let token = Token(FIRST_SLOT + slot);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if self.poll.registry().register(&mut stream, token, interest).is_ok() {
                        self.slots[slot] = Some(Connection::new(stream, now));
                        self.taken += 1;
                        self.turn(slot, now, asked);
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.waiting[server] = false,
                    // He went away while he waited.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => {
                        self.starved = true;
                        return;
                    }
                },
            }
        }
    }
}
