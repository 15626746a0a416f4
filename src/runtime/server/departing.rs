//! Answers of interleaved mode under way: the kernel says when each has left, and perhaps the card too, and this knows which it was.

use std::os::fd::AsFd;

use synchronome_kernel::timestamping::{ErrorQueueBuffer, ErrorQueueItem, TxStamp, read_error_queue, reset_tx_counter};

use super::card::Cards;
use super::worker::local_time;
use crate::ntp::server::{Departure, Departures, ResponseConfig, ServerCounter};
use crate::sharing::{Counters, TimeSnapshot};
use crate::time::{Duration, Local, Mono, NtpTimestamp, Timestamp, Utc};

/// Answers of one socket that can be under way; the oldest is given up for a new one.
const UNDER_WAY_MAX: usize = 256;

/// A stamp that says that the answer left so long after it was written is another one's.
const LATE_MAX: Duration = Duration::SECOND;

/// Answers that a card is asked to stamp one after the other,
const CARD_STAMPS_BURST: u32 = 16;

/// and one more each time that this has passed.
const CARD_STAMP_EVERY: Duration = Duration::from_millis(1);

/// How often a card is asked for the stamp of an answer.
///
/// Many cards hold one transmit stamp at a time, or a few, and a PTP port wants those of its Delay_Req. Clients of interleaved mode can be as many
/// as they like: so they may have a thousand stamps a second. With 50 us for each that leaves the port 95 % of the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct CardPace {
    left: u32,
    /// What was filled up until then.
    filled: Timestamp<Mono>,
}

impl CardPace {
    pub(super) fn new(now: Timestamp<Mono>) -> Self {
        Self { left: CARD_STAMPS_BURST, filled: now }
    }

    /// Whether the card may be asked now; if so, it is.
    pub(super) fn take(&mut self, now: Timestamp<Mono>) -> bool {
        while self.left < CARD_STAMPS_BURST && now - self.filled >= CARD_STAMP_EVERY {
            self.left += 1;
            self.filled = self.filled + CARD_STAMP_EVERY;
        }
        if self.left == CARD_STAMPS_BURST {
            self.filled = now;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }
}

/// One answer that is stamped.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    key: u32,
    /// Its receive stamp, by which the client will ask for it.
    receive: NtpTimestamp,
    /// The clock when it was written: it cannot have left earlier.
    written: Timestamp<Local>,
    /// The card was asked as well.
    is_by_card: bool,
    /// The clock when the kernel let go of it, if it has said so.
    kernel: Option<Timestamp<Local>>,
}

/// An answer that is about to leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    /// Its receive stamp.
    pub(super) receive: NtpTimestamp,
    /// The clock when it was written.
    pub(super) written: Timestamp<Local>,
    /// The card is asked for its stamp, beside the kernel.
    pub(super) is_by_card: bool,
}

/// Where departures are told, and what they are told by.
pub(super) struct Told<'a, 'c> {
    pub(super) snapshot: &'a TimeSnapshot,
    pub(super) config: &'a ResponseConfig,
    pub(super) cards: Cards<'c>,
    pub(super) departures: &'a mut Departures,
    pub(super) counts: &'a Counters<ServerCounter>,
}

impl Told<'_, '_> {
    /// As what is served says it.
    fn departed(&mut self, receive: NtpTimestamp, at: Timestamp<Utc>, error: Duration) {
        let (at, _) = self.config.served(at, self.snapshot);
        self.departures.departed(receive, Departure::new(at, error));
    }
}

/// Those of one socket. The kernel counts the messages that ask for a stamp, and so does this.
#[derive(Debug)]
pub(super) struct Departing {
    next_key: u32,
    under_way: Box<[Option<UnderWay>]>,
    /// Those of which the kernel has not said it yet. Nobody waits for a card: what it says wakes us.
    waiting: usize,
    buffer: ErrorQueueBuffer,
}

impl Default for Departing {
    fn default() -> Self {
        let under_way = vec![None; UNDER_WAY_MAX].into();
        Self { next_key: 0, under_way, waiting: 0, buffer: ErrorQueueBuffer::new() }
    }
}

fn is_awaited(place: Option<&UnderWay>) -> bool {
    place.is_some_and(|known| known.kernel.is_none())
}

impl Departing {
    /// One more is in the batch that is about to be sent.
    pub(super) fn leaves(&mut self, leaving: &Leaving) {
        let key = self.next_key;
        self.next_key = key.wrapping_add(1);
        let &Leaving { receive, written, is_by_card } = leaving;
        self.put(key, Some(UnderWay { key, receive, written, is_by_card, kernel: None }));
    }

    fn put(&mut self, key: u32, known: Option<UnderWay>) {
        let place = &mut self.under_way[key as usize % UNDER_WAY_MAX];
        self.waiting -= usize::from(is_awaited(place.as_ref()));
        self.waiting += usize::from(is_awaited(known.as_ref()));
        *place = known;
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
    pub(super) fn collect(&mut self, socket: impl AsFd, told: &mut Told<'_, '_>) {
        while let Ok(Some(item)) = read_error_queue(&socket, &mut self.buffer) {
            if let ErrorQueueItem::TxStamp(stamp) = item {
                self.take(&stamp, told);
            }
        }
    }

    /// The kernel's stamp and the card's come one by one, mostly in this order. Where the card's comes first, it is the last word.
    fn take(&mut self, stamp: &TxStamp, told: &mut Told<'_, '_>) {
        let place = self.under_way[stamp.key as usize % UNDER_WAY_MAX];
        let Some(mut known) = place.filter(|known| known.key == stamp.key) else { return };
        if let Some(left) = stamp.software.map(local_time) {
            if left < known.written || left - known.written > LATE_MAX {
                return;
            }
            known.kernel = Some(left);
            let error = told.snapshot.bound_at(left).greatest_error();
            told.departed(known.receive, told.snapshot.utc_at(left), error);
            told.counts.count(ServerCounter::Departures);
        }
        let mut is_over = known.kernel.is_some() && !known.is_by_card;
        if let (true, Some(at), Some(interface)) = (known.is_by_card, stamp.hardware, stamp.interface_index) {
            let not_before = known.kernel.unwrap_or(known.written);
            let by_card = told.cards.departure(at, interface, not_before, told.snapshot);
            if let Some(by_card) = by_card {
                told.departed(known.receive, by_card.at, by_card.bound);
                told.counts.count(ServerCounter::HardwareDepartures);
                told.counts.add(ServerCounter::Departures, known.kernel.is_none().into());
            }
            is_over = by_card.is_some() || known.kernel.is_some();
        }
        self.put(stamp.key, (!is_over).then_some(known));
    }

    /// Whether a stamp is to be expected.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }
}

#[cfg(test)]
mod tests;
