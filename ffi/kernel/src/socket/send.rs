//! Many datagrams out in one call, each from the address that was asked, and no failure in the way of the next.
//!
//! sendmmsg(2) stops at the first message that fails, and tells its error only if it was the first of the call: one
//! client behind a closed route would take the answers of all behind it in the batch along. So the batch goes on after
//! it. And the error that stops it may not even be its own: on a socket with a pending ICMP error (`IP_RECVERR`, or
//! connected) the kernel fails the next send, whatever it is, with the error of an earlier one. The error is then
//! cleared; so each message gets one second try.
//!
//! Messages of one length to one group follow each other when many ask at once. The kernel can take such a row as one, and
//! cut it at the far end of its stack (`UDP_SEGMENT`, Linux 4.18; udp(7)): the way through the stack, most of what a
//! message costs, is gone once. On the wire they are the same datagrams.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use super::assert_shape;
use crate::address::AddressBytes;
use crate::control::SendControl;
use crate::sys::{self, Outgoing};

/// Why a message was not taken into a [`SendBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRefused {
    /// The batch is full: flush it.
    Full,
    /// The message is longer than the batch has room for.
    TooLong,
    /// The source address and the destination are not of one family.
    Family,
}

impl fmt::Display for SendRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the batch is full",
            Self::TooLong => "the message is longer than the batch has room for",
            Self::Family => "the source and the destination are not of one address family",
        })
    }
}

impl std::error::Error for SendRefused {}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Messages that the kernel took.
    pub sent: usize,
    /// Messages that it refused, and those behind a full send buffer.
    pub failed: usize,
    /// The error of the last one that failed, as errno(3).
    pub last_errno: Option<i32>,
}

/// So many messages alike at least are handed over as one; a capture at the sender shows them as one too.
const ROW_MIN: usize = 4;

/// Messages that follow each other and are alike; a single one, unless rows are made.
#[derive(Clone, Copy)]
struct Run {
    to: AddressBytes,
    control: SendControl,
    /// Of the first of them in the batch's data.
    start: usize,
    /// Octets of each.
    length: usize,
    /// The place of the first in the order of pushes.
    first: usize,
    count: usize,
}

impl Run {
    const EMPTY: Self =
        Self { to: AddressBytes::EMPTY, control: SendControl::EMPTY, start: 0, length: 0, first: 0, count: 0 };

    /// The place behind the last.
    const fn end(&self) -> usize {
        self.first + self.count
    }

    /// Whether such a message may go on in a row with these.
    fn goes_on_with(&self, length: usize, to: &AddressBytes, control: &SendControl) -> bool {
        let are_bare = self.control.as_bytes().is_empty() && control.as_bytes().is_empty();
        are_bare && length > 0 && self.length == length && self.to.as_bytes() == to.as_bytes()
    }
}

/// Messages that go to the kernel as one.
#[derive(Clone, Copy, Default)]
struct Row {
    /// The place of the run that they are of.
    run: usize,
    first: usize,
    count: usize,
}

/// Room for a batch of messages: all memory is taken at construction.
pub struct SendBatch {
    size: usize,
    data: Box<[u8]>,
    /// Octets of `data` that are in use.
    filled: usize,
    runs: Box<[Run]>,
    run_count: usize,
    /// Messages.
    count: usize,
    makes_rows: bool,
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("capacity", &self.runs.len())
            .field("size", &self.size)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl SendBatch {
    /// Room for `capacity` messages of at most `size` bytes each.
    ///
    /// # Panics
    /// Unless `capacity` is in 1..=[`super::BATCH_MAX`] and `size` in 1..=[`super::DATAGRAM_MAX`].
    pub fn new(capacity: usize, size: usize) -> Self {
        assert_shape(capacity, size);
        let (data, runs) = (vec![0; capacity * size].into(), vec![Run::EMPTY; capacity].into());
        Self { size, data, filled: 0, runs, run_count: 0, count: 0, makes_rows: false }
    }

    /// From now on messages alike are handed to the kernel as one and cut by it, if it can do that for this UDP socket; see
    /// the module header. Messages that are to be stamped, or leave from an address of their own, go by themselves.
    pub fn make_rows(&mut self, fd: impl AsFd) {
        // Setting no length changes nothing: it says whether the option is known. A kernel that does not know it would send
        // a row as one long datagram.
        self.makes_rows = sys::set_option(fd.as_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, &0_i32.to_ne_bytes()).is_ok();
    }

    /// Messages waiting for [`SendBatch::flush`].
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes a copy of a message for `to`, to leave from the address `source` (`None`: as the kernel chooses).
    ///
    /// With `interface_index` it leaves by that interface, whatever the routes say; an answer to a request rarely wants
    /// that, a group does. `source` may be an IPv4 address in its mapped form where the destination is, and vice versa.
    ///
    /// # Errors
    /// [`SendRefused`]; the batch is unchanged then.
    pub fn push(
        &mut self,
        data: &[u8],
        to: SocketAddr,
        source: Option<IpAddr>,
        interface_index: Option<u32>,
    ) -> Result<(), SendRefused> {
        let control = leaving_from(to, source, interface_index.unwrap_or(0))?;
        self.take(&[data], AddressBytes::from_address(to), control)
    }

    /// Takes a copy of a message for `to` that is in pieces, to leave as the kernel chooses.
    ///
    /// # Errors
    /// [`SendRefused`]; the batch is unchanged then.
    #[inline]
    pub fn push_pieces(&mut self, pieces: &[&[u8]], to: SocketAddr) -> Result<(), SendRefused> {
        self.take(pieces, AddressBytes::from_address(to), SendControl::EMPTY)
    }

    /// Takes a copy of a whole frame, in pieces, for a packet socket that is bound to its interface.
    ///
    /// # Errors
    /// [`SendRefused`]; the batch is unchanged then.
    pub fn push_frame(&mut self, pieces: &[&[u8]]) -> Result<(), SendRefused> {
        self.take(pieces, AddressBytes::EMPTY, SendControl::EMPTY)
    }

    #[inline]
    fn take(&mut self, pieces: &[&[u8]], to: AddressBytes, control: SendControl) -> Result<(), SendRefused> {
        if self.count == self.runs.len() {
            return Err(SendRefused::Full);
        }
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > self.size {
            return Err(SendRefused::TooLong);
        }
        let mut room = &mut self.data[self.filled..][..length];
        for piece in pieces {
            let (place, rest) = room.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            room = rest;
        }
        match self.runs[..self.run_count].last_mut() {
            Some(last) if self.makes_rows && last.goes_on_with(length, &to, &control) => last.count += 1,
            _ => {
                let (start, first) = (self.filled, self.count);
                self.runs[self.run_count] = Run { to, control, start, length, first, count: 1 };
                self.run_count += 1;
            }
        }
        self.filled += length;
        self.count += 1;
        Ok(())
    }

    /// The message that was pushed last, as a run of its own.
    fn last_alone(&mut self) -> &mut Run {
        let place = self.run_count.checked_sub(1).expect("a message waits");
        let run = &mut self.runs[place];
        if run.count == 1 {
            return &mut self.runs[place];
        }
        run.count -= 1;
        let alone = Run { start: run.start + run.count * run.length, first: run.end(), count: 1, ..*run };
        self.run_count += 1;
        self.runs[place + 1] = alone;
        &mut self.runs[place + 1]
    }

    /// The transmit stamp of the message that was pushed last shall be reported under this key: as with
    /// [`send_timestamped`](crate::timestamping::send_timestamped), also in when to give one.
    ///
    /// # Panics
    /// If nothing waits, or it is called twice for one message.
    pub fn key_last(&mut self, key: u32) {
        self.last_alone().control.push_key(key);
    }

    /// The message that was pushed last shall be stamped by the kernel when it leaves: for a socket with
    /// [`tx_on_demand`](crate::timestamping::TimestampRequest::tx_on_demand). Such messages alone are counted; after a failed send see
    /// [`crate::timestamping`].
    ///
    /// # Panics
    /// If nothing waits, or it is called twice for one message.
    pub fn stamp_last(&mut self) {
        self.request_stamp(false);
    }

    /// As [`SendBatch::stamp_last`], and by the card as well: for a socket with
    /// [`tx_hardware_on_demand`](crate::timestamping::TimestampRequest::tx_hardware_on_demand). On another one the card's stamp would come in
    /// the place of the kernel's, and not be delivered.
    ///
    /// # Panics
    /// As [`SendBatch::stamp_last`].
    pub fn stamp_last_by_card(&mut self) {
        self.request_stamp(true);
    }

    fn request_stamp(&mut self, by_card: bool) {
        self.last_alone().control.push_stamp_request(by_card);
    }

    /// Sends everything that waits, without waiting, and empties the batch.
    ///
    /// A message that fails is tried once more (see the module header), then skipped and counted; the rest goes. Where the
    /// send buffer is full the rest fails with it: an answer that waits is no answer.
    ///
    /// # Errors
    /// `EBADF` or `ENOTSOCK`: the descriptor is not a socket, nothing was sent.
    pub fn flush(&mut self, fd: impl AsFd) -> io::Result<SendReport> {
        let mut report = SendReport::default();
        self.flush_each(fd, |_, errno| {
            if errno.is_none() {
                report.sent += 1;
            } else {
                report.failed += 1;
                report.last_errno = errno;
            }
        })?;
        Ok(report)
    }

    /// As [`SendBatch::flush`], and `told` is told of each message what became of it: its place in the order of pushes, and
    /// the errno(3) if it was not sent.
    ///
    /// # Errors
    /// As [`SendBatch::flush`]; nobody was told of those that were not tried.
    pub fn flush_each(&mut self, fd: impl AsFd, mut told: impl FnMut(usize, Option<i32>)) -> io::Result<()> {
        let fd = fd.as_fd();
        let (count, run_count) = (std::mem::take(&mut self.count), std::mem::take(&mut self.run_count));
        self.filled = 0;
        let (mut next, mut tried, mut makes_rows) = (0, None, self.makes_rows);
        while next < count {
            let mut rows = [Row::default(); super::BATCH_MAX];
            let rows = self.rows(run_count, next, makes_rows, &mut rows);
            let error = match self.send(fd, rows) {
                Ok(sent) => {
                    let end = rows[..sent].last().map_or(next, |row| row.first + row.count);
                    (next..end).for_each(|number| told(number, None));
                    next = end;
                    continue;
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EBADF | libc::ENOTSOCK) => return Err(error),
                // A signal before the first message: not this message's fault, and rare enough not to be bounded.
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => {
                    (next..count).for_each(|number| told(number, Some(libc::EAGAIN)));
                    break;
                }
                // One of a row may be to blame, or that it is one.
                Some(errno) if rows[0].count > 1 => {
                    makes_rows = false;
                    self.makes_rows = !matches!(errno, libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP);
                }
                _ if tried != Some(next) => tried = Some(next),
                errno => {
                    told(next, errno.or(Some(libc::EIO)));
                    next += 1;
                }
            }
        }
        Ok(())
    }

    /// How those of the first `run_count` runs go to the kernel that are at `next` and behind it. Rows are of one length only: that of
    /// the first of them.
    fn rows<'r>(
        &self,
        run_count: usize,
        next: usize,
        makes_rows: bool,
        rows: &'r mut [Row; super::BATCH_MAX],
    ) -> &'r [Row] {
        let (mut made, mut length) = (0, None);
        for (place, run) in self.runs[..run_count].iter().enumerate().filter(|(_, run)| run.end() > next) {
            let mut first = run.first.max(next);
            let waiting = run.end() - first;
            let is_row = makes_rows && waiting >= ROW_MIN && length.is_none_or(|length| length == run.length);
            if is_row {
                length = Some(run.length);
            }
            let count = if is_row { waiting } else { 1 };
            while first < run.end() {
                rows[made] = Row { run: place, first, count };
                made += 1;
                first += count;
            }
        }
        &rows[..made]
    }

    /// Sends rows up to the first that fails; that one's error only if it is the first.
    fn send(&self, fd: BorrowedFd<'_>, rows: &[Row]) -> io::Result<usize> {
        let mut cut = SendControl::EMPTY;
        if let Some(row) = rows.iter().find(|row| row.count > 1) {
            cut.push_segment(self.runs[row.run].length as u16);
        }
        let outgoing = rows.iter().map(|row| {
            let run = &self.runs[row.run];
            let start = run.start + (row.first - run.first) * run.length;
            Outgoing {
                data: &self.data[start..][..run.length * row.count],
                to: &run.to,
                control: if row.count > 1 { &cut } else { &run.control },
            }
        });
        sys::sendmmsg(fd, outgoing)
    }
}

/// The control message for a source address and an interface, in the family of the destination.
///
/// A mapped destination (`::ffff:192.0.2.1`, on a dual-stack socket) is sent by IPv4, and the kernel then takes an
/// `in6_pktinfo` with a mapped source (ip_cmsg_send, Linux 3.16); an unset mapped source is written `::ffff:0.0.0.0`.
fn leaving_from(to: SocketAddr, source: Option<IpAddr>, interface_index: u32) -> Result<SendControl, SendRefused> {
    let mut control = SendControl::EMPTY;
    if source.is_none() && interface_index == 0 {
        return Ok(control);
    }
    match to {
        SocketAddr::V4(_) => {
            let source = match source.map(|source| source.to_canonical()) {
                None => Ipv4Addr::UNSPECIFIED,
                Some(IpAddr::V4(source)) => source,
                Some(IpAddr::V6(_)) => return Err(SendRefused::Family),
            };
            control.push_source_v4(source, interface_index);
        }
        SocketAddr::V6(to) => {
            let mapped = to.ip().to_ipv4_mapped().is_some();
            let source = match source {
                None if mapped => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
                None => Ipv6Addr::UNSPECIFIED,
                Some(IpAddr::V4(source)) => source.to_ipv6_mapped(),
                Some(IpAddr::V6(source)) => source,
            };
            if source.to_ipv4_mapped().is_some() != mapped {
                return Err(SendRefused::Family);
            }
            control.push_source_v6(source, interface_index);
        }
    }
    Ok(control)
}
