//! News of the machine's network interfaces: that one came, went, or got or lost its link or an address.
//!
//! The kernel tells by rtnetlink(7), at once. What exactly it tells is not read: whoever hears that there is news looks
//! for himself, as he does from time to time anyway, since messages can be lost (`ENOBUFS`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

/// Messages read at once, at most; what is left is news of its own.
const MESSAGES_MAX: usize = 64;

/// Hears the news; polls as readable when there are some.
#[derive(Debug)]
pub struct LinkNews {
    socket: OwnedFd,
}

impl LinkNews {
    /// Listens from now on, in the network namespace of the caller.
    ///
    /// # Errors
    /// The system's: no more descriptors, or a sandbox without rtnetlink.
    pub fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups.cast_unsigned()))?;
        Ok(Self { socket })
    }

    /// Forgets what has been heard; whether there was anything.
    pub fn take(&self) -> bool {
        // Truncated: it is not looked at.
        let mut message = [0; 64];
        (0..MESSAGES_MAX).take_while(|_| recv(self.socket.as_raw_fd(), &mut message, MsgFlags::empty()).is_ok()).count()
            > 0
    }
}

impl AsFd for LinkNews {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_news_there_is_nothing_to_take() {
        let news = LinkNews::new().unwrap();
        while news.take() {}
        assert!(!news.take());
    }
}
