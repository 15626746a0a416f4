//! Asking a running daemon over its unix socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Take, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::status::{EventRecord, SCHEMA, Status};

/// The longest line that a daemon may send, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 22;

/// How long the daemon may take for each of its two lines.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens on the socket.
    NotRunning(PathBuf),
    /// We may not connect to it.
    Denied(PathBuf),
    /// The daemon accepts and does not answer.
    Silent(PathBuf),
    /// The daemon's model is another one than ours.
    Schema {
        /// Its version.
        version: String,
        /// Its schema.
        schema: u32,
    },
    /// The daemon says no.
    Refused(String),
    /// Whoever answers is no daemon of this kind.
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What is wrong with the answer.
        why: String,
    },
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(path) => write!(
                f,
                "the daemon is not running: nobody answers on {}\nstart it with `synchronome run`; if it runs with \
                 another observe.runtime_directory (an ordinary user's must), name its socket with --socket",
                path.display()
            ),
            Self::Denied(path) => write!(
                f,
                "not allowed to connect to {}\nthe socket is open to all users; its directory must be so too \
                 (chmod a+x)",
                path.display()
            ),
            Self::Silent(path) => write!(
                f,
                "the daemon accepts on {} and does not answer\nit is stopped, or its control thread hangs: look at \
                 its log",
                path.display()
            ),
            Self::Schema { version, schema } => write!(
                f,
                "the daemon (version {version}) speaks schema {schema}, this command (version {}) schema {SCHEMA}\n\
                 restart the daemon after an upgrade, or use the command of its version",
                env!("CARGO_PKG_VERSION")
            ),
            Self::Refused(why) => write!(f, "the daemon says: {why}"),
            Self::Garbled { path, why } => {
                write!(
                    f,
                    "whoever answers on {} is no such daemon: {why}\nname its socket with --socket",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for AskError {}

/// The daemon's first line.
#[derive(Deserialize)]
struct Hello {
    synchronome: String,
    schema: u32,
}

/// The longest trace that a daemon may send, in bytes.
const TRACE_BYTES_MAX: u64 = 1 << 31;

/// Asks for the status; returns it as it came, one line of JSON, and as a value.
///
/// # Errors
/// Why there is no answer, and what to do.
pub fn ask(socket: &Path) -> Result<(String, Status), AskError> {
    let mut connection = Connection::open(socket)?;
    let line = connection.request("status")?;
    let status = serde_json::from_str(&line).map_err(|error| connection.garbled(format!("its status: {error}")))?;
    Ok((line.trim_end().to_owned(), status))
}

/// What there is of the events beside themselves.
#[derive(Deserialize)]
struct Aside {
    error: Option<String>,
    lost: Option<u64>,
}

/// One line of what is said of the events.
#[derive(Debug)]
pub enum Told {
    /// An event.
    Event(Box<EventRecord>),
    /// So many were lost: they were taken too late.
    Lost(u64),
}

/// Which events to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// All that are kept.
    Kept,
    /// Those to come.
    Coming,
    /// All that are kept, and those to come.
    KeptAndComing,
}

/// Asks for events, and hands on each line as it came, and as a value, until `each` says that it is enough. `Ok` at the end: of
/// those to come that is when the daemon ends.
///
/// # Errors
/// Why there is no answer, and what to do.
pub fn events(socket: &Path, asked: Ask, mut each: impl FnMut(&str, Told) -> bool) -> Result<(), AskError> {
    let mut connection = Connection::open(socket)?;
    if asked != Ask::Kept {
        let patient = connection.stream.set_read_timeout(None);
        patient.map_err(|error| connection.failed(&error))?;
    }
    connection.send(match asked {
        Ask::Kept => "events",
        Ask::Coming => "follow",
        Ask::KeptAndComing => "follow 0",
    })?;
    loop {
        connection.lines.get_mut().set_limit(LINE_BYTES_MAX);
        let mut line = String::new();
        let read = connection.lines.read_line(&mut line).map_err(|error| connection.failed(&error))?;
        let line = line.trim_end();
        let said = |error: serde_json::Error| connection.garbled(format!("an event: {error}"));
        let told = match serde_json::from_str(line) {
            _ if read == 0 => return Ok(()),
            Ok(Aside { error: Some(error), .. }) => return Err(AskError::Refused(error)),
            Ok(Aside { lost: Some(lost), .. }) => Told::Lost(lost),
            _ => Told::Event(serde_json::from_str(line).map_err(said)?),
        };
        if !each(line, told) {
            return Ok(());
        }
    }
}

/// What the control socket answers beside bytes.
#[derive(Deserialize)]
struct Said {
    error: Option<String>,
    trace_bytes: Option<u64>,
    sources: Option<String>,
}

/// Asks over the control socket; returns the bytes of the answer, if it has any.
///
/// # Errors
/// Why there is no answer, and what to do.
pub fn order(socket: &Path, request: &str) -> Result<Vec<u8>, AskError> {
    let mut connection = Connection::open(socket)?;
    let line = connection.request(request)?;
    let said: Said = serde_json::from_str(&line).map_err(|error| connection.garbled(format!("its answer: {error}")))?;
    if let Some(refusal) = said.error {
        return Err(AskError::Refused(refusal));
    }
    if let Some(sources) = said.sources {
        return Ok(sources.into_bytes());
    }
    let Some(expected) = said.trace_bytes else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    connection.lines.get_mut().set_limit(TRACE_BYTES_MAX);
    let read = connection.lines.read_to_end(&mut bytes);
    read.map_err(|error| connection.failed(&error))?;
    if bytes.len() as u64 == expected { Ok(bytes) } else { Err(connection.garbled("it ends too soon".to_owned())) }
}

/// A conversation of one request.
struct Connection<'p> {
    path: &'p Path,
    stream: UnixStream,
    lines: BufReader<Take<UnixStream>>,
}

impl<'p> Connection<'p> {
    /// Connects, and hears that it is a daemon of our schema.
    fn open(path: &'p Path) -> Result<Self, AskError> {
        let failed = |error: io::Error| failure(path, &error);
        let stream = UnixStream::connect(path).map_err(failed)?;
        let timeouts =
            stream.set_read_timeout(Some(ANSWER_TIME_MAX)).and(stream.set_write_timeout(Some(ANSWER_TIME_MAX)));
        timeouts.map_err(failed)?;
        let lines = BufReader::new(stream.try_clone().map_err(failed)?.take(LINE_BYTES_MAX));
        let mut connection = Self { path, stream, lines };
        let line = connection.read_line()?;
        let hello: Hello =
            serde_json::from_str(&line).map_err(|error| connection.garbled(format!("its hello: {error}")))?;
        if hello.schema != SCHEMA {
            return Err(AskError::Schema { version: hello.synchronome, schema: hello.schema });
        }
        Ok(connection)
    }

    /// Sends a request, and reads the line that answers it.
    fn request(&mut self, request: &str) -> Result<String, AskError> {
        self.send(request)?;
        self.read_line()
    }

    fn send(&mut self, request: &str) -> Result<(), AskError> {
        let line = format!("{request}\n");
        self.stream.write_all(line.as_bytes()).map_err(|error| self.failed(&error))
    }

    fn read_line(&mut self) -> Result<String, AskError> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        read.map_err(|error| self.failed(&error))?;
        if line.ends_with('\n') { Ok(line) } else { Err(self.garbled("it ends in the middle of a line".to_owned())) }
    }

    fn failed(&self, error: &io::Error) -> AskError {
        failure(self.path, error)
    }

    fn garbled(&self, why: String) -> AskError {
        AskError::Garbled { path: self.path.to_owned(), why }
    }
}

fn failure(path: &Path, error: &io::Error) -> AskError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(path.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::Denied(path.to_owned()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::Silent(path.to_owned()),
        _ => AskError::Garbled { path: path.to_owned(), why: error.to_string() },
    }
}
