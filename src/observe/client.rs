//! Asking a running daemon over its unix socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::status::{SCHEMA, Status};

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

/// Asks for the status; returns it as it came, one line of JSON, and as a value.
///
/// # Errors
/// Why there is no answer, and what to do.
pub fn ask(socket: &Path) -> Result<(String, Status), AskError> {
    let garbled = |why: String| AskError::Garbled { path: socket.to_owned(), why };
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(socket.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::Denied(socket.to_owned()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::Silent(socket.to_owned()),
        _ => garbled(error.to_string()),
    };
    let mut stream = UnixStream::connect(socket).map_err(|error| failed(&error))?;
    let timeouts = stream.set_read_timeout(Some(ANSWER_TIME_MAX)).and(stream.set_write_timeout(Some(ANSWER_TIME_MAX)));
    timeouts.map_err(|error| failed(&error))?;
    let mut lines = BufReader::new(stream.try_clone().map_err(|error| failed(&error))?.take(LINE_BYTES_MAX));
    let mut read_line = || {
        let mut line = String::new();
        lines.read_line(&mut line).map_err(|error| failed(&error))?;
        if line.ends_with('\n') { Ok(line) } else { Err(garbled("it ends in the middle of a line".to_owned())) }
    };
    let hello: Hello = serde_json::from_str(&read_line()?).map_err(|error| garbled(format!("its hello: {error}")))?;
    if hello.schema != SCHEMA {
        return Err(AskError::Schema { version: hello.synchronome, schema: hello.schema });
    }
    stream.write_all(b"status\n").map_err(|error| failed(&error))?;
    let line = read_line()?;
    let status = serde_json::from_str(&line).map_err(|error| garbled(format!("its status: {error}")))?;
    Ok((line.trim_end().to_owned(), status))
}
