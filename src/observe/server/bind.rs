//! Opening the sockets, and saying why one does not open.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::geteuid;

/// The mode of a socket for everybody.
pub(super) const EVERYBODY: u32 = 0o666;
/// The mode of a socket for its owner.
pub(super) const OWNER: u32 = 0o600;

/// Why a socket does not open.
#[derive(Debug)]
pub enum BindError {
    /// A daemon that runs answers on the unix socket.
    Running(PathBuf),
    /// There is something else where the unix socket should be.
    Occupied(PathBuf),
    /// We may not make the unix socket or its directory.
    SocketDenied(PathBuf),
    /// Another process has the address.
    InUse(SocketAddr),
    /// The address is not one of this host, at the moment.
    Absent(SocketAddr),
    /// Ports below 1024 need a capability.
    PortDenied(SocketAddr),
    /// Anything else.
    Other {
        /// What was to be opened.
        what: String,
        /// What the system said.
        error: io::Error,
    },
}

impl BindError {
    pub(super) fn other(what: impl fmt::Display, error: io::Error) -> Self {
        Self::Other { what: what.to_string(), error }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(path) => write!(
                f,
                "cannot listen on {}: a running daemon answers there; stop it, or give this one another \
                 `observe.runtime_directory`",
                path.display()
            ),
            Self::Occupied(path) => write!(
                f,
                "cannot listen on {}: there is something that is no socket; move it away, or set \
                 `observe.runtime_directory`",
                path.display()
            ),
            Self::SocketDenied(path) => write!(
                f,
                "cannot listen on {}: permission denied; make its directory writable for this user, or set \
                 `observe.runtime_directory`",
                path.display()
            ),
            Self::InUse(address) => write!(
                f,
                "cannot serve HTTP on {address}: another process has the address (`ss -ltnp` names it); set \
                 `observe.http` to another one"
            ),
            Self::Absent(address) => write!(
                f,
                "cannot serve HTTP on {address}: this host has no such address; set `observe.http` to one that it has"
            ),
            Self::PortDenied(address) => {
                write!(f, "cannot serve HTTP on {address}: permission denied; set `observe.http` to a port above 1023")
            }
            Self::Other { what, error } => write!(f, "cannot listen on {what}: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

/// The listening unix socket; its file goes with it.
#[derive(Debug)]
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, so that we never remove that of a successor.
    file: (u64, u64),
}

impl UnixSocket {
    /// Opens it for whom `mode` says. A socket file on which nobody answers is left over from a daemon that was
    /// killed, and is replaced.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<Self, BindError> {
        let sorted = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                BindError::SocketDenied(path.to_owned())
            }
            _ => BindError::other(path.display(), error),
        };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(sorted)?;
        }
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(path)?;
                UnixListener::bind(path)
            }
            result => result,
        };
        let listener = listener.map_err(sorted)?;
        // From here on the file is removed if anything fails.
        let mut socket = Self { listener, path: path.to_owned(), file: (0, 0) };
        let metadata = fs::symlink_metadata(path).map_err(sorted)?;
        socket.file = (metadata.dev(), metadata.ino());
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(sorted)?;
        Ok(socket)
    }

    pub(super) const fn listener(&mut self) -> &mut UnixListener {
        &mut self.listener
    }

    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept()?.0)
    }

    /// Accepts our own user and root; whoever else comes is sent away, as if he had gone by himself. The file's mode keeps him out, unless
    /// somebody has changed it.
    pub(super) fn accept_the_owner(&self) -> io::Result<UnixStream> {
        let stream = self.accept()?;
        let user = getsockopt(&stream, PeerCredentials)?.uid();
        if user == 0 || user == geteuid().as_raw() { Ok(stream) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if ours {
            // Nothing can be done about a failure, and the next start replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket file on which nobody answers.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let metadata = fs::symlink_metadata(path).map_err(|error| BindError::other(path.display(), error))?;
    if !metadata.file_type().is_socket() {
        return Err(BindError::Occupied(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(BindError::SocketDenied(path.to_owned()))
            }
            // Gone already is as good.
            _ => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(BindError::SocketDenied(path.to_owned())),
        // Also when its queue is full: then somebody listens, if slowly.
        _ => Err(BindError::Running(path.to_owned())),
    }
}

/// The listening TCP socket.
#[derive(Debug)]
pub(super) struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpListener {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            io::ErrorKind::AddrNotAvailable => BindError::Absent(address),
            io::ErrorKind::PermissionDenied => BindError::PortDenied(address),
            _ => BindError::other(address, error),
        })?;
        let address = listener.local_addr().map_err(|error| BindError::other(address, error))?;
        Ok(Self { listener, address })
    }

    pub(super) const fn listener(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn accept(&self) -> io::Result<TcpStream> {
        Ok(self.listener.accept()?.0)
    }
}
