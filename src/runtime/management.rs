//! The socket on which `pmc` of this machine asks: PTP management messages as datagrams, as ptp4l has it.
//!
//! `pmc` binds a socket of its own and sends from it; the answer goes back there. Who it is the kernel says with each
//! datagram (`SCM_CREDENTIALS`, unix(7)): the mode of a socket's file would say only who may ask at all, and everybody may.
//!
//! A socket holds ten datagrams that have not been read (net.unix.max_dgram_qlen), and `pmc` may send many requests before
//! it reads. Waiting for it would make both wait for each other: what does not fit is kept and tried again, for a moment.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike as _, UnixAddr, UnixCredentials, recvmsg, sendto, setsockopt,
};

use crate::ptp::ManagedClock;
use crate::time::{Duration, Mono, Timestamp};

mod subscribers;

pub use subscribers::Subscribers;

/// Everybody may ask.
const MODE: u32 = 0o666;
/// The longest request that is read.
pub const REQUEST_MAX: usize = 1_500;

/// Responses that are kept; more are lost.
const WAITING_MAX: usize = 256;
/// How long a response is kept.
const KEPT_FOR: Duration = Duration::from_millis(500);
/// How often it is tried again.
pub const TRY_AGAIN_EVERY: Duration = Duration::from_millis(2);

/// A response that has found no room.
#[derive(Debug)]
struct Waiting {
    to: UnixAddr,
    response: Vec<u8>,
    until: Timestamp<Mono>,
}

/// The socket; its file goes with it.
#[derive(Debug)]
pub struct ManagementSocket {
    socket: UnixDatagram,
    path: PathBuf,
    /// Device and inode of the file, so that we never remove that of a successor.
    file: (u64, u64),
    user: u32,
    is_failing: bool,
    waiting: VecDeque<Waiting>,
    /// Who is told what changes.
    pub subscribers: Subscribers,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct LocalRequest {
    /// So many octets of the buffer.
    pub length: usize,
    /// Who asks: root, or the user that the daemon runs as.
    pub is_owner: bool,
    from: UnixAddr,
}

impl ManagementSocket {
    /// Opens it. A file on which nobody listens is left over from a daemon that was killed, and is replaced.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub fn bind(path: &Path) -> Result<Self, String> {
        let failed =
            |what: &str| format!("cannot answer PTP management on {} (observe.ptp_management): {what}", path.display());
        let system = |error: io::Error| failed(&error.to_string());
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(system)?;
        }
        let socket = match UnixDatagram::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
                if !is_socket {
                    return Err(failed("there is something that is no socket"));
                }
                match UnixDatagram::unbound().and_then(|probe| probe.connect(path)) {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(system(error)),
                    Ok(()) => return Err(failed("another program answers there, ptp4l perhaps")),
                }
                fs::remove_file(path).map_err(system)?;
                UnixDatagram::bind(path)
            }
            result => result,
        };
        let mut bound = Self {
            socket: socket.map_err(system)?,
            path: path.to_owned(),
            file: (0, 0),
            user: nix::unistd::geteuid().as_raw(),
            is_failing: false,
            waiting: VecDeque::new(),
            subscribers: Subscribers::default(),
        };
        let metadata = fs::symlink_metadata(path).map_err(system)?;
        bound.file = (metadata.dev(), metadata.ino());
        bound.socket.set_nonblocking(true).map_err(system)?;
        setsockopt(&bound.socket, PassCred, &true).map_err(|errno| system(errno.into()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(system)?;
        Ok(bound)
    }

    /// The next request, if there is one that can be answered: its sender has a name.
    ///
    /// # Errors
    /// recvmsg(2)'s.
    pub fn receive(&self, buffer: &mut [u8; REQUEST_MAX]) -> io::Result<Option<LocalRequest>> {
        loop {
            let mut envelope = cmsg_space!(UnixCredentials);
            let mut data = [IoSliceMut::new(buffer.as_mut_slice())];
            let received = recvmsg::<UnixAddr>(
                self.socket.as_raw_fd(),
                &mut data,
                Some(&mut envelope),
                MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC,
            );
            let received = match received {
                Err(Errno::EAGAIN) => return Ok(None),
                result => result?,
            };
            let mut is_owner = false;
            // Cut off: with something else than credentials beside it, descriptors say, which is no request.
            let Ok(messages) = received.cmsgs() else { continue };
            for message in messages {
                if let ControlMessageOwned::ScmCredentials(sender) = message {
                    is_owner = sender.uid() == 0 || sender.uid() == self.user;
                }
            }
            // One without a name has no length at all, which nix's other questions take for a bug.
            let has_name = |from: &UnixAddr| from.len() as usize > size_of::<nix::libc::sa_family_t>();
            let Some(from) = received.address.filter(has_name) else { continue };
            return Ok(Some(LocalRequest { length: received.bytes, is_owner, from }));
        }
    }

    /// Sends a response to who has asked, now or as soon as there is room; returns the first failure of a run of them:
    /// EACCES where who asked has made a socket into which this user may not write.
    pub fn respond(&mut self, now: Timestamp<Mono>, request: &LocalRequest, response: &[u8]) -> Option<io::Error> {
        let sent = send_or_keep(&self.socket, &mut self.waiting, now, request, response);
        let was_failing = std::mem::replace(&mut self.is_failing, sent.is_err());
        sent.err().filter(|_| !was_failing).map(io::Error::from)
    }

    /// Sends what has waited for room, each in its order; gives up what has waited for too long.
    pub fn try_again(&mut self, now: Timestamp<Mono>) {
        let Self { socket, waiting, .. } = self;
        let mut full: Vec<UnixAddr> = Vec::new();
        waiting.retain(|kept| {
            if full.contains(&kept.to) || send(socket, &kept.response, &kept.to) == Err(Errno::EAGAIN) {
                full.push(kept.to);
                return now < kept.until;
            }
            false
        });
    }

    /// Tells those who have subscribed what has changed in these clocks; who is not there any more is forgotten.
    pub fn tell(&mut self, now: Timestamp<Mono>, clocks: Vec<ManagedClock>) {
        let Self { socket, waiting, subscribers, .. } = self;
        subscribers.tell(clocks, now, |from, octets| send_or_keep(socket, waiting, now, from, octets).is_ok());
    }

    /// Whether [`ManagementSocket::try_again`] has something to do.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// Where there is no room now it is kept.
fn send_or_keep(
    socket: &UnixDatagram,
    waiting: &mut VecDeque<Waiting>,
    now: Timestamp<Mono>,
    request: &LocalRequest,
    response: &[u8],
) -> Result<(), Errno> {
    let is_behind_others = waiting.iter().any(|waiting| waiting.to == request.from);
    let sent = if is_behind_others { Err(Errno::EAGAIN) } else { send(socket, response, &request.from) };
    if sent != Err(Errno::EAGAIN) || waiting.len() >= WAITING_MAX {
        return sent;
    }
    waiting.push_back(Waiting { to: request.from, response: response.to_vec(), until: now + KEPT_FOR });
    Ok(())
}

fn send(socket: &UnixDatagram, response: &[u8], to: &UnixAddr) -> Result<(), Errno> {
    sendto(socket.as_raw_fd(), response, to, MsgFlags::MSG_DONTWAIT).map(|_| ())
}

impl LocalRequest {
    /// Where the answer goes, for people.
    pub fn name(&self) -> String {
        self.from.path().map_or_else(|| "an abstract socket".to_owned(), |path| path.display().to_string())
    }
}

impl AsFd for ManagementSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for ManagementSocket {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if is_ours {
            // Nothing can be done about a failure, and the next start replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use nix::sys::socket::{ControlMessage, sendmsg};

    use super::*;

    #[test]
    fn who_asks_is_known_and_answered_and_a_left_over_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ptp.sock");
        drop(UnixDatagram::bind(&path).unwrap());
        let mut socket = ManagementSocket::bind(&path).unwrap();
        assert!(ManagementSocket::bind(&path).unwrap_err().contains("another program"));
        let asker = UnixDatagram::bind(directory.path().join("asker")).unwrap();
        let nobody = UnixDatagram::unbound().unwrap();
        let mut buffer = [0; REQUEST_MAX];
        assert!(socket.receive(&mut buffer).unwrap().is_none());
        // Who has no name cannot be answered.
        nobody.send_to(b"nameless", &path).unwrap();
        // Nor is a request what has descriptors beside it, for which there is no room.
        let descriptors = [asker.as_raw_fd(); 8];
        let to = UnixAddr::new(&path).unwrap();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        sendmsg(asker.as_raw_fd(), &[IoSlice::new(b"rights")], &rights, MsgFlags::empty(), Some(&to)).unwrap();
        asker.send_to(b"request", &path).unwrap();
        let request = socket.receive(&mut buffer).unwrap().unwrap();
        assert_eq!((&buffer[..request.length], request.is_owner), (&b"request"[..], true), "it is this process");
        assert!(socket.respond(Timestamp::EPOCH, &request, b"response").is_none());
        let length = asker.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"response");
        drop(asker);
        assert!(socket.respond(Timestamp::EPOCH, &request, b"response").is_some(), "the first failure is told");
        assert!(socket.respond(Timestamp::EPOCH, &request, b"response").is_none());
        drop(socket);
        assert!(!path.exists(), "its file goes with it");
        fs::write(&path, "something").unwrap();
        assert!(ManagementSocket::bind(&path).unwrap_err().contains("no socket"));
    }

    #[test]
    fn responses_that_find_no_room_come_in_their_order_or_are_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ptp.sock");
        let mut socket = ManagementSocket::bind(&path).unwrap();
        let asker = UnixDatagram::bind(directory.path().join("asker")).unwrap();
        asker.set_nonblocking(true).unwrap();
        asker.send_to(b"request", &path).unwrap();
        let mut buffer = [0; REQUEST_MAX];
        let request = socket.receive(&mut buffer).unwrap().unwrap();
        let at = Timestamp::from_secs(100);
        // More than the kernel keeps for a socket, unless it has been told to keep very many.
        let responses: Vec<_> = (0..200_u8).map(|number| [number; 32]).collect();
        for response in &responses {
            assert!(socket.respond(at, &request, response).is_none());
        }
        assert!(socket.has_waiting(), "net.unix.max_dgram_qlen is more than 200");
        let mut come = Vec::new();
        while come.len() < responses.len() {
            let length = asker.recv(&mut buffer).unwrap();
            come.push(buffer[..length].to_vec());
            socket.try_again(at);
        }
        assert!(come.iter().zip(&responses).all(|(come, sent)| come == sent));
        assert!(!socket.has_waiting());
        for response in &responses {
            socket.respond(at, &request, response);
        }
        socket.try_again(at + KEPT_FOR);
        assert!(!socket.has_waiting(), "who does not read is not waited for");
    }
}
