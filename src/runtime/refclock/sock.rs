//! A socket to which samples are sent, as to chrony.
//!
//! We make it, and whoever may write to it decides what time it is: only our own user, and root, may. One that an earlier run has left
//! is removed; something else at that path is not.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::{Driver, SAMPLES_PER_ROUND_MAX, Taken, sample_of};
use crate::refclock::ClockCounter;
use crate::wire::refclock::sock::{SIZE, parse};

#[derive(Debug)]
pub(super) struct Sock {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Sock {
    pub fn bind(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::from_raw_os_error(nix::libc::EEXIST)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { socket, path: path.to_owned() })
    }
}

impl Driver for Sock {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        // One more than a sample, so that what is longer is seen to be.
        let mut datagram = [0; SIZE + 1];
        for _ in 0..SAMPLES_PER_ROUND_MAX {
            let length = match self.socket.recv(&mut datagram) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let parsed = parse(&datagram[..length.min(datagram.len())]);
            take(parsed.map(|written| sample_of(&written)).map_err(ClockCounter::from));
        }
        Ok(())
    }
}

impl Drop for Sock {
    fn drop(&mut self) {
        // One that is not there any more is as good as removed.
        _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_ours_alone_replaces_one_that_was_left_and_goes_with_us() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chrony.pps0.sock");
        drop(UnixDatagram::bind(&path).unwrap());
        let mut sock = Sock::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixDatagram::unbound().unwrap().send_to(b"no sample", &path).unwrap();
        let mut taken = Vec::new();
        sock.read(&mut |one| taken.push(one)).unwrap();
        assert_eq!(taken, [Err(ClockCounter::Length)]);
        drop(sock);
        assert!(!path.exists());
        fs::write(&path, "somebody's file").unwrap();
        assert_eq!(Sock::bind(&path).unwrap_err().raw_os_error(), Some(nix::libc::EEXIST));
    }
}
