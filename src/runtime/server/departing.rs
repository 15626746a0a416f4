//! Answers of interleaved mode under way: the kernel says when each has left, and this knows which it was.

use std::os::fd::AsFd;

use synchronome_kernel::timestamping::{ErrorQueueBuffer, ErrorQueueItem, read_error_queue, reset_tx_counter};

use super::worker::local_time;
use crate::ntp::server::Departures;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Local, NtpTimestamp, Timestamp};

/// Answers of one socket that can be under way; the oldest is given up for a new one.
const UNDER_WAY_MAX: usize = 256;

/// A stamp that says that the answer left so long after it was written is another one's.
const LATE_MAX: Duration = Duration::SECOND;

/// One answer that is stamped.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    key: u32,
    /// Its receive stamp, by which the client will ask for it.
    receive: NtpTimestamp,
    /// The clock when it was written: it cannot have left earlier.
    written: Timestamp<Local>,
}

/// Those of one socket. The kernel counts the messages that ask for a stamp, and so does this.
#[derive(Debug)]
pub(super) struct Departing {
    next_key: u32,
    under_way: Box<[Option<UnderWay>]>,
    waiting: usize,
    buffer: ErrorQueueBuffer,
}

impl Default for Departing {
    fn default() -> Self {
        let under_way = vec![None; UNDER_WAY_MAX].into();
        Self { next_key: 0, under_way, waiting: 0, buffer: ErrorQueueBuffer::new() }
    }
}

impl Departing {
    /// One more is in the batch that is about to be sent.
    pub(super) fn leaves(&mut self, receive: NtpTimestamp, written: Timestamp<Local>) {
        let key = self.next_key;
        self.next_key = key.wrapping_add(1);
        let place = &mut self.under_way[key as usize % UNDER_WAY_MAX];
        self.waiting += usize::from(place.is_none());
        *place = Some(UnderWay { key, receive, written });
    }

    /// A send failed: whether it was counted is not known, so the count begins anew and what is under way is given up. Its stamps may still
    /// come, and are told by their time: nothing leaves before it was written.
    pub(super) fn send_failed(&mut self, socket: impl AsFd) {
        if self.next_key == 0 {
            return;
        }
        // Without transmit stamps there is no counter, and nothing to be confused.
        let _ = reset_tx_counter(socket);
        self.next_key = 0;
        self.under_way.fill(None);
        self.waiting = 0;
    }

    /// Takes what the kernel has said since, and hands each departure to those who will be asked for it.
    pub(super) fn collect(&mut self, socket: impl AsFd, snapshot: &TimeSnapshot, departures: &mut Departures) {
        while let Ok(Some(item)) = read_error_queue(&socket, &mut self.buffer) {
            let ErrorQueueItem::TxStamp(stamp) = item else { continue };
            let place = &mut self.under_way[stamp.key as usize % UNDER_WAY_MAX];
            let (Some(known), Some(left)) = (place.filter(|known| known.key == stamp.key), stamp.software) else {
                continue;
            };
            let left = local_time(left);
            if left < known.written || left - known.written > LATE_MAX {
                continue;
            }
            *place = None;
            self.waiting -= 1;
            departures.departed(known.receive, NtpTimestamp::from_utc(snapshot.utc_at(left)));
        }
    }

    /// Whether a stamp is to be expected.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }
}
