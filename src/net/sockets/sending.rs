//! How messages go out: one by itself, many in a batch.
//!
//! A message that carries its own key may go in a batch with others, whatever becomes of these. Where the kernel counts the
//! messages of the event socket, one that fails may or may not have been counted, and the next would be taken for
//! another: there event messages go one by one. So they do on a card that can hold one stamp.

use std::io;

use synchronome_kernel::socket::BATCH_MAX;
use synchronome_kernel::timestamping::{TxKeying, reset_tx_counter};

use super::{Gone, Ledger, Outgoing, PtpSockets, Stamps, Wire};
use crate::ptp::{Address, Channel, MANAGEMENT_MAX, PlainAnswer, TxToken};
use crate::time::{Duration, Mono, Timestamp};

/// For so long a message waits until the stamp of the one before it has come, on such a card.
pub(super) const SLOT_WAIT_MAX: Duration = Duration::from_millis(250);

/// A message that waits until the card has room for its stamp.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub message: Outgoing,
    pub token: TxToken,
    pub since: Timestamp<Mono>,
}

/// Whether a message is in the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::net) enum Queued {
    Taken,
    /// Not before that has been sent.
    Full,
}

/// A message that was not sent, or left without the stamp that it wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undelivered {
    /// It was sent, or one before it, and there will be no stamp.
    Gone(Gone),
    /// It was not sent.
    Failed {
        /// Its name, if it has one.
        token: Option<TxToken>,
        /// errno(3); 0 if there is none.
        errno: i32,
    },
}

/// An event message in the batch.
#[derive(Clone, Copy, Default, Debug)]
struct Waiting {
    key: u32,
    token: Option<TxToken>,
    to: Option<Address>,
}

/// The event messages in the batch.
#[derive(Debug)]
pub(super) struct Queue {
    events: [Waiting; BATCH_MAX],
    count: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { events: [Waiting::default(); BATCH_MAX], count: 0 }
    }
}

/// Whether a send failed before the kernel has counted it: there is no way to the receiver, or it is not allowed
/// (`ip_route_output_flow` and `ip6_dst_lookup_flow` come before `__ip_append_data`, which counts).
fn is_uncounted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES))
}

/// A message has left, and the card owes its stamp if one is wanted; not if it may never have reached the wire.
fn owes_stamp(stamps: &mut Stamps, ledger: &mut Ledger<TxToken>, Waiting { key, token, to }: Waiting) {
    if let (Some(judge), Some(_)) = (stamps.judge(), token)
        && !judge.sent(to)
    {
        ledger.excuse(key);
    }
}

impl PtpSockets {
    /// Sends messages, in as few system calls as may be; `told` is told of those that were not sent, or will get no stamp.
    ///
    /// A single one goes as by [`PtpSockets::send`].
    pub fn send_all(
        &mut self,
        messages: &[(Outgoing, Option<TxToken>)],
        now: Timestamp<Mono>,
        mut told: impl FnMut(Undelivered),
    ) {
        for (message, token) in messages {
            let goes_alone = messages.len() == 1
                || message.channel == Channel::Event
                    && (self.keying != TxKeying::PerMessage || self.ledger.holds_one_stamp());
            let result = if goes_alone {
                self.send(message, *token, now, |gone| told(Undelivered::Gone(gone)))
            } else {
                self.queue(message, *token, now, &mut told)
            };
            if let Err(error) = result {
                told(Undelivered::Failed { token: *token, errno: error.raw_os_error().unwrap_or_default() });
            }
        }
        if messages.len() > 1 {
            self.flush(Channel::Event, &mut told);
            self.flush(Channel::General, &mut told);
        }
    }

    fn queue(
        &mut self,
        message: &Outgoing,
        token: Option<TxToken>,
        now: Timestamp<Mono>,
        told: &mut impl FnMut(Undelivered),
    ) -> io::Result<()> {
        let is_event = message.channel == Channel::Event;
        let key = is_event.then(|| self.ledger.next_key());
        self.take_into_batch(message.frame.as_bytes(), (message.channel, message.to), key, told)?;
        if let Some(key) = key {
            self.queue.events[self.queue.count] = Waiting { key, token, to: message.to };
            self.queue.count += 1;
            self.watch(key, token, now);
            if let Some(token) = self.ledger.sent(token, now) {
                told(Undelivered::Gone(Gone { token, stamp: None }));
            }
        }
        Ok(())
    }

    /// Sends answers, in as few system calls as may be; `told` is told of those that were not sent.
    pub fn send_answers(&mut self, answers: &[PlainAnswer], mut told: impl FnMut(Undelivered)) {
        for PlainAnswer { octets, to } in answers {
            if let Err(error) = self.take_into_batch(octets, (Channel::General, *to), None, &mut told) {
                told(Undelivered::Failed { token: None, errno: error.raw_os_error().unwrap_or_default() });
            }
        }
        self.flush(Channel::General, &mut told);
    }

    /// Takes a message into the batch of its socket, which is sent before if it is full.
    fn take_into_batch(
        &mut self,
        message: &[u8],
        by: (Channel, Option<Address>),
        key: Option<u32>,
        told: &mut impl FnMut(Undelivered),
    ) -> io::Result<()> {
        if self.wire.push(message, by, key)? == Queued::Full {
            self.flush(by.0, told);
            self.wire.push(message, by, key)?;
        }
        Ok(())
    }

    /// Sends a batch.
    fn flush(&mut self, channel: Channel, told: &mut impl FnMut(Undelivered)) {
        let Self { wire, queue, ledger, stamps, .. } = self;
        let is_event = channel == Channel::Event;
        let mut tried = 0;
        let mut outcome = |number: usize, errno: Option<i32>| {
            if !is_event && errno.is_none() {
                return;
            }
            let Waiting { key, token, to } = if is_event { queue.events[number] } else { Waiting::default() };
            match errno {
                None => owes_stamp(stamps, ledger, Waiting { key, token, to }),
                Some(errno) => {
                    // Unless it had to make room meanwhile, and has been told of.
                    let was_told = token.is_some() && !ledger.unsend(key);
                    told(Undelivered::Failed { token: token.filter(|_| !was_told), errno });
                }
            }
        };
        let flushed = wire.flush(channel, |number, errno| {
            tried = number + 1;
            outcome(number, errno);
        });
        if let Err(error) = flushed {
            // The descriptor is no socket any more.
            let count = if is_event { queue.count } else { 0 };
            (tried..count).for_each(|number| outcome(number, error.raw_os_error().or(Some(0))));
        }
        if is_event {
            queue.count = 0;
        }
    }

    /// Sends a message; with a token its transmit stamp will come by [`PtpSockets::drain_stamps`].
    ///
    /// On a card that can hold one stamp only, it may wait a moment until the one before it has its stamp.
    ///
    /// # Errors
    /// The system call's. The token is then free again; those in flight that `gone` is told of are given up.
    pub fn send(
        &mut self,
        message: &Outgoing,
        token: Option<TxToken>,
        now: Timestamp<Mono>,
        gone: impl FnMut(Gone),
    ) -> io::Result<()> {
        if message.channel == Channel::General {
            return self.wire.send(message, None);
        }
        if let Some(token) = token
            && self.held.is_none()
            && self.slot_free_at().is_some_and(|free| free > now)
        {
            self.held = Some(Held { message: *message, token, since: now });
            return Ok(());
        }
        self.send_event(message, token, now, gone)
    }

    /// Sends a management message: to everybody on the link, or to one.
    ///
    /// # Errors
    /// The system call's.
    pub fn send_management(&self, message: &[u8], to: Option<Address>) -> io::Result<()> {
        match &self.wire {
            Wire::Udp(sockets) => sockets.send_octets::<{ MANAGEMENT_MAX + 2 }>(message, Channel::General, to, None),
            Wire::Ethernet(sockets) => {
                sockets.send_octets::<{ MANAGEMENT_MAX + 14 }>(message, Channel::General, to, None)
            }
        }
    }

    fn send_event(
        &mut self,
        message: &Outgoing,
        token: Option<TxToken>,
        now: Timestamp<Mono>,
        mut gone: impl FnMut(Gone),
    ) -> io::Result<()> {
        let key = self.ledger.next_key();
        match self.wire.send(message, (self.keying == TxKeying::PerMessage).then_some(key)) {
            Ok(()) => {
                self.watch(key, token, now);
                if let Some(token) = self.ledger.sent(token, now) {
                    gone(Gone { token, stamp: None });
                }
                owes_stamp(&mut self.stamps, &mut self.ledger, Waiting { key, token, to: message.to });
                Ok(())
            }
            Err(error) => {
                if !(is_uncounted(&error) && matches!(self.wire, Wire::Udp(_))) && self.ledger.send_failed(now) {
                    // In flight are stamps with numbers that mean something else from now on.
                    let reset = reset_tx_counter(self.event_fd());
                    self.give_up_all(gone);
                    reset?;
                }
                Err(error)
            }
        }
    }

    fn watch(&mut self, key: u32, token: Option<TxToken>, now: Timestamp<Mono>) {
        if token.is_some() {
            self.watch.sent(key, now);
        }
    }

    pub(super) fn give_up_all(&mut self, mut gone: impl FnMut(Gone)) {
        while let Some(token) = self.ledger.take_any() {
            gone(Gone { token, stamp: None });
        }
    }

    /// On a card that holds one stamp only: when the next message may be sent.
    pub(super) fn slot_free_at(&self) -> Option<Timestamp<Mono>> {
        if !self.stamps.is_hardware() || !self.ledger.holds_one_stamp() {
            return None;
        }
        self.ledger.last_sent().map(|sent| sent + SLOT_WAIT_MAX)
    }

    pub(super) fn release_held(&mut self, now: Timestamp<Mono>, mut gone: impl FnMut(Gone)) {
        let Some(held) = self.held else { return };
        if self.slot_free_at().is_some_and(|free| free > now) && now - held.since < SLOT_WAIT_MAX {
            return;
        }
        self.held = None;
        if self.send_event(&held.message, Some(held.token), now, &mut gone).is_err() {
            gone(Gone { token: held.token, stamp: None });
        }
    }
}
