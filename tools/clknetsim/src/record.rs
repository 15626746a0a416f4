//! What was said between a node and the server, as a file; and the go-between that writes it down.
//!
//! | octets | what |
//! |---|---|
//! | 1 | `>` from the node, `<` from the server |
//! | 4 | how many octets follow, little-endian |
//! | so many | the message |

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::connection::connect;
use crate::protocol::MESSAGE_MAX;

/// Who said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaker {
    /// The node: a request.
    Node,
    /// The server: an answer.
    Server,
}

impl Speaker {
    const fn mark(self) -> u8 {
        match self {
            Self::Node => b'>',
            Self::Server => b'<',
        }
    }
}

/// The messages of a record; `None` if it is no record.
pub fn messages(mut record: &[u8]) -> Option<Vec<(Speaker, &[u8])>> {
    let mut found = Vec::new();
    while let Some((mark, rest)) = record.split_first() {
        let speaker = [Speaker::Node, Speaker::Server].into_iter().find(|speaker| speaker.mark() == *mark)?;
        let (len, rest) = rest.split_first_chunk()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        found.push((speaker, message));
        record = rest;
    }
    Some(found)
}

/// Stands between one node, which connects to `listen`, and the server at `server`, and writes down the first `most` messages.
/// Ends when either of them has closed its connection.
///
/// # Errors
/// Those of the sockets and of `out`.
pub fn relay(listen: &Path, server: &Path, most: usize, out: &mut impl Write) -> io::Result<()> {
    let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    listener.bind(&SockAddr::unix(listen)?)?;
    listener.listen(1)?;
    let (node, _) = listener.accept()?;
    let server = connect(server)?;
    let mut buffer = vec![0; MESSAGE_MAX + 1];
    let mut written = 0;
    loop {
        let mut ends = [&node, &server].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        poll(&mut ends, PollTimeout::NONE)?;
        let is_ready = ends.map(|end| end.any().unwrap_or(true));
        let ways = [(&node, &server, Speaker::Node), (&server, &node, Speaker::Server)];
        for ((from, to, speaker), _) in ways.into_iter().zip(is_ready).filter(|(_, is_ready)| *is_ready) {
            let len = (&mut &*from).read(&mut buffer)?;
            if len == 0 {
                return Ok(());
            }
            if written < most {
                out.write_all(&[speaker.mark()])?;
                out.write_all(&(len as u32).to_le_bytes())?;
                out.write_all(&buffer[..len])?;
                written += 1;
            }
            to.send(&buffer[..len])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_record_that_was_cut_off_is_none() {
        let record = b">\x02\0\0\0ab<\x01\0\0\0c";
        assert_eq!(messages(record), Some(vec![(Speaker::Node, &b"ab"[..]), (Speaker::Server, &b"c"[..])]));
        for len in (1..record.len()).filter(|len| *len != 7) {
            assert_eq!(messages(&record[..len]), None, "{len}");
        }
        assert_eq!(messages(b"?\0\0\0\0"), None);
    }

    #[test]
    fn the_go_between_passes_all_on_and_writes_down_the_first_ones() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (near, far) = (folder.path().join("near"), folder.path().join("far"));
        let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket");
        listener.bind(&SockAddr::unix(&far).expect("an address")).expect("a free name");
        listener.listen(1).expect("a listener");
        let mut written = Vec::new();
        thread::scope(|scope| {
            let between = scope.spawn(|| relay(&near, &far, 3, &mut written));
            let node = connect(&near).expect("the go-between");
            let (server, _) = listener.accept().expect("the go-between again");
            let mut heard = [0; 8];
            for round in 0..2 {
                node.send(&[round; 2]).expect("it goes out");
                assert_eq!((&server).read(&mut heard).expect("it comes"), 2);
                assert_eq!(heard[..2], [round; 2]);
                server.send(&[9, 8, 7, round]).expect("it goes out");
                assert_eq!((&node).read(&mut heard).expect("it comes"), 4);
                assert_eq!(heard[..4], [9, 8, 7, round]);
            }
            drop(node);
            between.join().expect("no panic").expect("no error");
        });
        let expected = [(Speaker::Node, &[0, 0][..]), (Speaker::Server, &[9, 8, 7, 0]), (Speaker::Node, &[1, 1])];
        assert_eq!(messages(&written), Some(expected.to_vec()));
    }
}
