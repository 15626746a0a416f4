//! A doorman: a process beside ours that opens what we may no longer open ourselves, and hands it in.
//!
//! Who gives up its rights for good cannot open a device again that was pulled out and put back, when that is root's. To keep the right for
//! that one case keeps it for all cases. So a child is forked before anything is given up: it has that right and none else, knows by heart
//! what it may open, and passes the descriptor over a socket (`SCM_RIGHTS`, unix(7)).
//!
//! It lives as long as we do: when our end of the socket is closed it ends, and it is killed when the thread that forked it ends.
//!
//! One question at a time, and an answer within [`ANSWER_MAX`]; questions and answers are numbered, so that a late answer is nobody else's.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, setsockopt,
    socketpair, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::{ForkResult, Pid};

/// How long an answer may take; opening a device takes microseconds.
pub const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The longest question, in octets.
pub const QUESTION_MAX: usize = 4_200;
/// Octets of the number before each question and answer.
const NUMBER: usize = 4;
/// Answers to questions that were given up, at most, before the one that is waited for.
const LATE_MAX: usize = 64;

/// Our end of the socket, and the number of the last question.
#[derive(Debug)]
struct Door {
    socket: OwnedFd,
    asked: u32,
}

static DOOR: OnceLock<Mutex<Door>> = OnceLock::new();

/// Forks the doorman, once in the life of a process that has no second thread yet.
///
/// In the child `prepare` runs first, which gives up what it does not need; then `open` for each question. The child never returns from here:
/// it ends by `_exit(2)`.
///
/// # Errors
/// socketpair(2)'s and fork(2)'s; `EEXIST` if there is one already.
pub fn start(
    name: &str,
    prepare: impl FnOnce() -> io::Result<()>,
    mut open: impl FnMut(&[u8]) -> io::Result<OwnedFd>,
) -> io::Result<Pid> {
    if DOOR.get().is_some() {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let parent = nix::unistd::getpid();
    // SAFETY: fork(2); the caller has one thread, so that no lock is held by a thread that the child does not have.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => {
            drop(theirs);
            let timeout = TimeVal::new(ANSWER_MAX.as_secs() as _, 0);
            setsockopt(&ours, sockopt::ReceiveTimeout, &timeout)?;
            setsockopt(&ours, sockopt::SendTimeout, &timeout)?;
            let _ = DOOR.set(Mutex::new(Door { socket: ours, asked: 0 }));
            Ok(child)
        }
        ForkResult::Child => {
            drop(ours);
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            // It has died before that: nobody will ask.
            let is_orphan = nix::unistd::getppid() != parent;
            let name: Vec<u8> = name.bytes().take(15).chain([0]).collect();
            if let Ok(name) = std::ffi::CStr::from_bytes_until_nul(&name) {
                let _ = prctl::set_name(name);
            }
            if !is_orphan && prepare().is_ok() {
                serve(&theirs, &mut open);
            }
            // SAFETY: _exit(2) takes no pointer; nothing of the parent's is flushed or removed.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Answers until nobody can ask any more.
fn serve(socket: &OwnedFd, open: &mut impl FnMut(&[u8]) -> io::Result<OwnedFd>) {
    let mut question = [0; NUMBER + QUESTION_MAX];
    loop {
        let length = match nix::sys::socket::recv(socket.as_raw_fd(), &mut question, MsgFlags::empty()) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(length) if length >= NUMBER => length,
            _ => return,
        };
        let opened = open(&question[NUMBER..length]);
        let errno = opened.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        let number = &question[..NUMBER];
        let errno = errno.to_ne_bytes();
        let descriptor = opened.ok();
        let raw: Vec<_> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
        let with = [ControlMessage::ScmRights(&raw)];
        let with: &[_] = if raw.is_empty() { &[] } else { &with };
        let answer = [IoSlice::new(number), IoSlice::new(&errno)];
        if sendmsg::<()>(socket.as_raw_fd(), &answer, with, MsgFlags::MSG_NOSIGNAL, None).is_err() {
            return;
        }
    }
}

/// Whether there is a doorman.
pub fn is_there() -> bool {
    DOOR.get().is_some()
}

/// Asks the doorman; `None` without one.
///
/// # Errors
/// What it said; `EPIPE` or `ECONNRESET` if it is gone, `ETIMEDOUT` if it does not answer.
pub fn ask(question: &[u8]) -> Option<io::Result<OwnedFd>> {
    let door = DOOR.get()?;
    Some(door.lock().map_err(|_| io::Error::from_raw_os_error(libc::EPIPE)).and_then(|mut door| door.ask(question)))
}

impl Door {
    fn ask(&mut self, question: &[u8]) -> io::Result<OwnedFd> {
        self.asked = self.asked.wrapping_add(1);
        let number = self.asked.to_ne_bytes();
        let socket = self.socket.as_raw_fd();
        sendmsg::<()>(socket, &[IoSlice::new(&number), IoSlice::new(question)], &[], MsgFlags::MSG_NOSIGNAL, None)?;
        for _ in 0..LATE_MAX {
            let mut answer = [0; 2 * NUMBER];
            let mut room = cmsg_space!([std::os::fd::RawFd; 1]);
            let mut data = [IoSliceMut::new(&mut answer)];
            let received = match recvmsg::<()>(socket, &mut data, Some(&mut room), MsgFlags::MSG_CMSG_CLOEXEC) {
                Err(nix::errno::Errno::EAGAIN) => return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
                received => received?,
            };
            let mut descriptor = None;
            for message in received.cmsgs()? {
                if let ControlMessageOwned::ScmRights(passed) = message {
                    for raw in passed {
                        // SAFETY: the kernel has made this descriptor for us with this very message (unix(7)), and nobody else knows of it.
                        descriptor = Some(unsafe { OwnedFd::from_raw_fd(raw) });
                    }
                }
            }
            let length = received.bytes;
            if length == 0 {
                return Err(io::Error::from_raw_os_error(libc::EPIPE));
            }
            if answer[..NUMBER] != number {
                continue;
            }
            let errno = i32::from_ne_bytes([answer[4], answer[5], answer[6], answer[7]]);
            return descriptor.ok_or_else(|| io::Error::from_raw_os_error(if errno == 0 { libc::EIO } else { errno }));
        }
        Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
    }
}

/// The first octet of a question for a device: whether it is to be written too.
pub const READ: u8 = b'r';
/// See [`READ`].
pub const READ_AND_WRITE: u8 = b'w';

/// Opens a device: by the doorman where there is one, else ourselves. Symbolic links are followed here, by us.
///
/// # Errors
/// open(2)'s; `EPERM` for what the doorman does not open.
pub fn open_device(path: &Path, is_written: bool) -> io::Result<File> {
    if !is_there() {
        return OpenOptions::new().read(true).write(is_written).open(path);
    }
    let path = path.canonicalize()?;
    let how = if is_written { READ_AND_WRITE } else { READ };
    let question: Vec<u8> = [how].into_iter().chain(path.as_os_str().as_bytes().iter().copied()).collect();
    match ask(&question) {
        Some(opened) => opened.map(File::from),
        None => Err(io::Error::from_raw_os_error(libc::EPIPE)),
    }
}
