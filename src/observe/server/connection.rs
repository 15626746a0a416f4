//! One who asks: a request, an answer, the end.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token, event};

use super::{Asked, http, line};

/// The longest request in bytes, its headers included.
pub const REQUEST_BYTES_MAX: usize = 4_096;
/// From the connection to the end of the request; drops of a byte each second do not extend it.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(3);
/// How long the answer may take to be fetched.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long we wait after the answer for the asker to close. A close from our side while he still sends would be a
/// reset, which takes away the answer that he has not read yet (RFC 9112 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// What he may send in that time.
const LINGER_BYTES_MAX: usize = 1 << 16;

/// So many events are written at once; the next ones only when these have left.
const EVENTS_AT_ONCE_MAX: usize = 16;
/// Who follows the events may be silent for as long as he likes.
const FOLLOW_TIME_MAX: Duration = Duration::from_hours(365 * 24);

/// Either kind of stream; what is spoken on it differs too.
#[derive(Debug)]
pub(super) enum Stream {
    /// The line protocol.
    Unix(UnixStream),
    /// HTTP.
    Tcp(TcpStream),
    /// The line protocol of the control socket.
    Control(UnixStream),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn end_output(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl event::Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.register(registry, token, interests),
            Self::Tcp(stream) => stream.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.reregister(registry, token, interests),
            Self::Tcp(stream) => stream.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Unix(stream) | Self::Control(stream) => stream.deregister(registry),
            Self::Tcp(stream) => stream.deregister(registry),
        }
    }
}

/// What a protocol makes of the bytes so far.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// The request has not ended.
    More,
    /// The answer.
    Done(Vec<u8>),
    /// The events from a number on; and then those to come, or the end.
    Events {
        /// The number.
        next: u64,
        /// Whether those to come are waited for.
        goes_on: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Request,
    Events { next: u64, goes_on: bool },
    Answer,
    Linger,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    phase: Phase,
    deadline: Instant,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    lingered: usize,
}

impl Connection {
    /// A connection that was just accepted.
    pub(super) fn new(stream: Stream, now: Instant) -> Self {
        let output = match stream {
            Stream::Unix(_) => line::hello(),
            Stream::Control(_) => line::hello_of_control(),
            Stream::Tcp(_) => Vec::new(),
        };
        let deadline = now + REQUEST_TIME_MAX;
        Self { stream, phase: Phase::Request, deadline, input: Vec::new(), output, written: 0, lingered: 0 }
    }

    /// When it ends at the latest, as it stands.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it is handed events as they happen.
    pub(super) const fn follows(&self) -> bool {
        matches!(self.phase, Phase::Events { goes_on: true, .. })
    }

    /// Reads and writes what can be without blocking; false when it has ended.
    pub(super) fn turn(&mut self, now: Instant, asked: &mut Asked<'_>) -> bool {
        match self.proceed(now, asked) {
            Ok(()) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Goes on until the end (`Ok`) or an error, WouldBlock above all.
    ///
    /// The loop is bounded: each read takes from what a request or a linger may bring, and there are only so many events.
    fn proceed(&mut self, now: Instant, asked: &mut Asked<'_>) -> io::Result<()> {
        loop {
            self.flush()?;
            match self.phase {
                Phase::Request => {
                    let Some(answer) = self.read_request(asked)? else { return Ok(()) };
                    match answer {
                        Reply::More => {}
                        Reply::Done(answer) => {
                            self.output.extend(answer);
                            self.enter(Phase::Answer, now + ANSWER_TIME_MAX);
                        }
                        Reply::Events { next, goes_on } => {
                            let time = if goes_on { FOLLOW_TIME_MAX } else { ANSWER_TIME_MAX };
                            self.enter(Phase::Events { next, goes_on }, now + time);
                        }
                    }
                }
                // What he has not taken yet waits among the events that are kept, and not here.
                Phase::Events { mut next, goes_on } => {
                    let events = asked.answers.events_since(next, EVENTS_AT_ONCE_MAX);
                    self.output = line::events(&mut next, &events);
                    self.written = 0;
                    self.phase =
                        if events.is_empty() && !goes_on { Phase::Answer } else { Phase::Events { next, goes_on } };
                    if events.is_empty() && goes_on {
                        return self.wait_for_the_end();
                    }
                }
                Phase::Answer => {
                    self.stream.end_output()?;
                    self.enter(Phase::Linger, now + LINGER);
                }
                Phase::Linger => {
                    let mut buffer = [0; REQUEST_BYTES_MAX];
                    let read = self.read(&mut buffer)?;
                    self.lingered += read;
                    if read == 0 || self.lingered > LINGER_BYTES_MAX {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase, deadline: Instant) {
        self.phase = phase;
        self.deadline = deadline;
    }

    /// Reads once; `None` if he closed before his request had ended.
    fn read_request(&mut self, asked: &mut Asked<'_>) -> io::Result<Option<Reply>> {
        let mut buffer = [0; REQUEST_BYTES_MAX];
        let space = REQUEST_BYTES_MAX - self.input.len();
        let read = self.read(&mut buffer[..space])?;
        if read == 0 {
            return Ok(None);
        }
        self.input.extend_from_slice(&buffer[..read]);
        let is_full = self.input.len() == REQUEST_BYTES_MAX;
        let (reply, too_long): (_, fn() -> Vec<u8>) = match self.stream {
            Stream::Unix(_) => (line::reply(&self.input, asked), line::too_long),
            Stream::Control(_) => (line::reply_of_control(&self.input, asked), line::too_long),
            Stream::Tcp(_) => (http::reply(&self.input, asked), http::too_long),
        };
        Ok(Some(if is_full && reply == Reply::More { Reply::Done(too_long()) } else { reply }))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Who follows has no more to say: `Ok` when he has closed, else WouldBlock.
    fn wait_for_the_end(&mut self) -> io::Result<()> {
        let mut buffer = [0; REQUEST_BYTES_MAX];
        while self.lingered <= LINGER_BYTES_MAX {
            match self.read(&mut buffer)? {
                0 => return Ok(()),
                read => self.lingered += read,
            }
        }
        Ok(())
    }

    /// Writes what is to be written.
    fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
