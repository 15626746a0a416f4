//! The two sockets of a PTP port: one for event messages, which are stamped when they pass, and one for the others.
//!
//! What carries the messages differs in how the sockets are opened, where messages go, and what surrounds them. All else
//! is the same for each transport and stands here: transmit stamps find their messages by the [`Ledger`], receive stamps
//! come beside the packets, and of the two clocks that may have stamped a message one is in use at a time ([`Stamps`]).

mod sending;

use std::io;
use std::os::fd::BorrowedFd;

use synchronome_kernel::socket::set_select_error_queue;
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, KernelTime, TimestampRequest, TxKeying, enable_timestamps, read_error_queue,
};

pub(super) use self::sending::Queued;
pub use self::sending::Undelivered;
use self::sending::{Held, Queue, SLOT_WAIT_MAX};
use super::ethernet::EthernetSockets;
use super::stamps::{Complaints, Judge, Stamps, TxTrouble, Verdict};
use super::udp::{UdpSockets, assert_can_send};
use super::waits::Watch;
use super::{Card, Ledger, Missing, OneStep, OpenError, StampWaits};
use crate::ptp::{Address, Channel, Frame, TxToken};
use crate::time::{ClockId, Mono, Stamp, Timestamp};
use crate::wire::ptp::MessageType;

/// Packets taken from a socket at once.
pub const BATCH: usize = 64;
/// Items taken from the error queue in one go; what is left polls again.
const ERRORS_MAX: usize = 64;
/// So many batches of packets at most are thrown away when the card begins to stamp: more than a socket holds.
const STALE_BATCHES_MAX: usize = 256;
/// The messageType of Sync (IEEE 1588-2019 table 36), and the versionPTP of what the filters of cards cover.
const SYNC: u8 = 0;
const VERSION_PTP: u8 = 2;

/// What carries the messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// UDP over IPv4 (IEEE 1588-2019 Annex C).
    Udp4,
    /// UDP over IPv6 (Annex D).
    Udp6 {
        /// Scope of the group's address, 1 ..= 15 (RFC 4291 section 2.7).
        scope: u8,
    },
    /// Directly over Ethernet (Annex E).
    Ethernet,
}

/// Whose stamps are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StampMode {
    /// The card's if it can, else the kernel's.
    Auto,
    /// The card's or none.
    Hardware,
    /// The kernel's.
    Software,
}

/// Whose stamps there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stamping {
    /// The kernel's, with the reason: a clause without its full stop.
    Software(String),
    /// The card's, in both directions.
    Hardware {
        /// The kernel's number of the card's clock (`/dev/ptpN`), of this moment: it changes when drivers come and go.
        phc_index: u32,
    },
}

/// Where and how to open the two sockets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// The interface's name.
    pub interface: String,
    /// What carries the messages.
    pub transport: Transport,
    /// UDP port of event messages, 319 by the standard.
    pub event_port: u16,
    /// UDP port of general messages, 320 by the standard.
    pub general_port: u16,
    /// Whose stamps are wanted.
    pub timestamps: StampMode,
    /// What the card is to write its time into ([`Card::one_step`]).
    pub one_step: OneStep,
    /// The messages of the peer delay mechanism are heard too.
    pub peer_delay: bool,
    /// Over Ethernet all messages are sent to the group that no bridge forwards.
    pub link_group: bool,
    /// What messages carry for those who forward them.
    pub marks: Marks,
}

/// What messages carry for those who forward them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marks {
    /// TTL (RFC 791), or hop limit (RFC 8200), of what is sent to a group over IP, from 1.
    pub hop_limit: u8,
    /// DSCP (RFC 2474) of event messages and of general ones over IP, 6 bits.
    pub dscp: [u8; 2],
    /// The kernel's priority (`SO_PRIORITY`, socket(7)); 0: by the DSCP.
    pub priority: u8,
}

impl Marks {
    /// One hop, and nothing else: best effort.
    pub const NONE: Self = Self { hop_limit: 1, dscp: [0; 2], priority: 0 };
}

impl SocketOptions {
    /// UDP over IPv4 with software stamps, on these two ports.
    pub fn new(interface: impl Into<String>, event_port: u16, general_port: u16) -> Self {
        let (transport, timestamps) = (Transport::Udp4, StampMode::Software);
        Self {
            interface: interface.into(),
            transport,
            event_port,
            general_port,
            timestamps,
            one_step: OneStep::Nothing,
            peer_delay: false,
            link_group: false,
            marks: Marks::NONE,
        }
    }
}

/// A packet that came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// The PTP message, and what may follow it (padding).
    pub bytes: &'a [u8],
    /// By which socket.
    pub channel: Channel,
    /// When, by the clock in use; `None` if that gave no stamp.
    pub stamp: Option<Stamp>,
    /// Who sent it.
    pub from: Option<Address>,
}

/// A message on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Its bytes.
    pub frame: Frame,
    /// By which socket.
    pub channel: Channel,
    /// To this one only; `None`: to the group.
    pub to: Option<Address>,
}

/// What became of a message that was sent with a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// The message.
    pub token: TxToken,
    /// When it left; `None` if the stamp never came.
    pub stamp: Option<Stamp>,
}

/// Another clock is in use from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StampingChange {
    /// Which.
    pub clock: ClockId,
    /// Why the card's is not, if it is not.
    pub missing: Option<Missing>,
}

/// What differs between the transports.
#[derive(Debug)]
enum Wire {
    Udp(Box<UdpSockets>),
    Ethernet(Box<EthernetSockets>),
}

impl Wire {
    fn fd(&self, channel: Channel) -> BorrowedFd<'_> {
        match self {
            Self::Udp(sockets) => sockets.fd(channel),
            Self::Ethernet(sockets) => sockets.fd(channel),
        }
    }

    fn send(&self, message: &Outgoing, key: Option<u32>) -> io::Result<()> {
        match self {
            Self::Udp(sockets) => sockets.send(message, key),
            Self::Ethernet(sockets) => sockets.send(message, key),
        }
    }

    fn push(&mut self, message: &[u8], by: (Channel, Option<Address>), key: Option<u32>) -> io::Result<Queued> {
        match self {
            Self::Udp(sockets) => sockets.push(message, by, key),
            Self::Ethernet(sockets) => Ok(sockets.push(message, by, key)),
        }
    }

    fn flush(&mut self, channel: Channel, told: impl FnMut(usize, Option<i32>)) -> io::Result<()> {
        match self {
            Self::Udp(sockets) => sockets.flush(channel, told),
            Self::Ethernet(sockets) => sockets.flush(channel, told),
        }
    }
}

/// The two sockets of a port, their buffers and the ledger of transmit stamps.
#[derive(Debug)]
pub struct PtpSockets {
    wire: Wire,
    interface_index: u32,
    errors: ErrorQueueBuffer,
    ledger: Ledger<TxToken>,
    keying: TxKeying,
    stamping: Stamping,
    card: Option<Card>,
    stamps: Stamps,
    complaints: Complaints,
    waits: StampWaits,
    watch: Watch,
    /// When the error queue was found empty last.
    emptied_at: Option<Timestamp<Mono>>,
    held: Option<Held>,
    queue: Queue,
}

impl PtpSockets {
    /// Opens both sockets, joins the group and asks for stamps.
    ///
    /// The stamps are the kernel's until [`PtpSockets::use_clock`] has said whose clock the card's are of.
    ///
    /// # Errors
    /// [`OpenError`], which says whether waiting may mend it.
    pub fn open(options: &SocketOptions) -> Result<Self, OpenError> {
        let name = options.interface.as_str();
        let interface_index =
            nix::net::if_::if_nametoindex(name).map_err(|_| OpenError::NoInterface(name.to_owned()))?;
        assert_can_send(name, options.transport)
            .map_err(|error| OpenError::NotReady(name.to_owned(), options.transport, error))?;
        let wire = match options.transport {
            Transport::Ethernet => Wire::Ethernet(Box::new(EthernetSockets::open(options, interface_index)?)),
            Transport::Udp4 | Transport::Udp6 { .. } => {
                Wire::Udp(Box::new(UdpSockets::open(options, interface_index)?))
            }
        };
        let event = wire.fd(Channel::Event);
        let keying = enable_timestamps(event, request(false, false))
            .map_err(|error| OpenError::Other("asking the kernel for software time stamps", error))?;
        set_select_error_queue(event, true).map_err(|error| OpenError::Other("SO_SELECT_ERR_QUEUE", error))?;
        // The card last: what fails before need not be taken back.
        let (stamping, card) = match options.timestamps {
            StampMode::Software => (Stamping::Software("ptp.timestamps is \"software\"".to_owned()), None),
            wanted => match Card::set_up(name, options.transport, options.one_step) {
                Ok(card) => (Stamping::Hardware { phc_index: card.phc_index() }, Some(card)),
                Err(reason) if wanted == StampMode::Hardware => return Err(OpenError::NoHardwareStamps(reason)),
                Err(reason) => (Stamping::Software(reason), None),
            },
        };
        Ok(Self {
            wire,
            interface_index,
            errors: ErrorQueueBuffer::new(),
            ledger: Ledger::new(keying == TxKeying::Counter),
            keying,
            stamping,
            card,
            stamps: Stamps::software(),
            complaints: Complaints::default(),
            waits: StampWaits::default(),
            watch: Watch::default(),
            emptied_at: None,
            held: None,
            queue: Queue::default(),
        })
    }

    /// The event socket, to wait on. Over Ethernet it holds Delay_Resp and Announce too.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        self.wire.fd(Channel::Event)
    }

    /// The general socket, to wait on.
    pub fn general_fd(&self) -> BorrowedFd<'_> {
        self.wire.fd(Channel::General)
    }

    /// The kernel's number of the interface that the sockets were opened on.
    pub fn interface_index(&self) -> u32 {
        self.interface_index
    }

    /// How late transmit stamps come is counted here from now on.
    pub fn count_waits(&mut self, waits: StampWaits) {
        self.waits = waits;
    }

    /// Whose stamps there are.
    pub fn stamping(&self) -> &Stamping {
        &self.stamping
    }

    /// The card that stamps, for whoever looks after its setting; once.
    pub fn take_card(&mut self) -> Option<Card> {
        self.card.take()
    }

    /// The card's stamps are those of this clock, and used from now on. Without effect where the card does not stamp.
    ///
    /// # Errors
    /// setsockopt(2)'s; the kernel's stamps stay in use then.
    pub fn use_clock(&mut self, clock: ClockId) -> io::Result<()> {
        if matches!(self.stamping, Stamping::Hardware { .. }) {
            self.keying = enable_timestamps(self.event_fd(), request(true, false))?;
            // What has come in before the card was told to stamp would count against it.
            for _ in 0..STALE_BATCHES_MAX {
                if !matches!(self.receive(Channel::Event, |_| {}), Ok(true)) {
                    break;
                }
            }
            self.ledger = Ledger::new(self.keying == TxKeying::Counter);
            self.stamps.use_card(clock);
        }
        Ok(())
    }

    /// The clock of the stamps in use: [`ClockId::System`] for the kernel's.
    pub fn clock(&self) -> ClockId {
        self.stamps.clock()
    }

    /// Judges the card by what it has delivered: whether another clock is in use from now on. To be called once a round.
    ///
    /// What is in flight at a change is given up: its stamps would be of the other clock.
    pub fn review(&mut self, now: Timestamp<Mono>, gone: impl FnMut(Gone)) -> Option<StampingChange> {
        let verdict = self.stamps.judge()?.review(now)?;
        let missing = match verdict {
            Verdict::Degrade(missing) => Some(missing),
            Verdict::Restore => None,
        };
        // While the card is not believed both stamps are asked for: the kernel's to use, the card's to see it mend.
        // An error leaves what was asked for before; both stamps of received packets come in any case.
        _ = enable_timestamps(self.event_fd(), request(true, missing.is_some()));
        self.ledger.start_again(now);
        self.give_up_all(gone);
        Some(StampingChange { clock: self.clock(), missing })
    }

    /// True once whenever stamps of the card begin to be missing: somebody should look at its configuration.
    pub fn take_suspicion(&mut self) -> bool {
        self.stamps.judge().is_some_and(Judge::take_suspicion)
    }

    /// What is to be told of single transmit stamps that came late or never.
    pub fn take_trouble(&mut self) -> Option<TxTrouble> {
        self.complaints.take()
    }

    /// Whether messages are in flight whose stamps are awaited.
    pub fn awaits_stamps(&self) -> bool {
        self.ledger.in_flight() > 0
    }

    /// Whether one of them is watched for, or was looked for in vain: the event socket polls when it comes.
    pub fn watches_for_stamps(&self) -> bool {
        let in_vain = |sent| self.emptied_at.is_some_and(|emptied_at| sent <= emptied_at);
        self.ledger.first_sent().is_some_and(|sent| self.watch.is_on() || in_vain(sent))
    }

    /// Takes the stamps that have come, and gives up those that are too old. Never blocks.
    ///
    /// `is_polled`: the error queue polls, and does so until it is empty; otherwise it is read until all that is awaited
    /// has come. False if it polled and held nothing: something else is the matter with the socket.
    pub fn drain_stamps(&mut self, now: Timestamp<Mono>, is_polled: bool, mut gone: impl FnMut(Gone)) -> bool {
        let mut found = !is_polled;
        for _ in 0..ERRORS_MAX {
            if !is_polled && !self.awaits_stamps() {
                break;
            }
            let item = read_error_queue(self.wire.fd(Channel::Event), &mut self.errors);
            let Ok(Some(item)) = item else {
                self.emptied_at = Some(now);
                break;
            };
            found = true;
            let ErrorQueueItem::TxStamp(stamp) = item else { continue };
            if stamp.hardware.is_some()
                && let Some(judge) = self.stamps.judge()
            {
                judge.left();
            }
            if let Some(picked) = self.stamps.pick(stamp.software, stamp.hardware)
                && let Some((token, sent_at)) = self.ledger.stamped_since(stamp.key)
            {
                let is_watched = self.watch.has_come(stamp.key);
                if is_watched {
                    self.waits.waited(now - sent_at);
                }
                if is_watched || self.emptied_at.is_some_and(|emptied_at| emptied_at > sent_at) {
                    self.complaints.waited(now, now - sent_at);
                }
                gone(Gone { token, stamp: Some(picked) });
            }
        }
        while let Some(token) = self.ledger.take_expired(now) {
            self.complaints.lost(now);
            gone(Gone { token, stamp: None });
        }
        self.release_held(now, gone);
        found
    }

    /// Takes up to one batch from a socket; returns whether there may be more. Never blocks.
    ///
    /// # Errors
    /// Those of recvmsg(2): of the socket as a whole, reported once.
    pub fn receive(&mut self, channel: Channel, arrived: impl FnMut(Arrived<'_>)) -> io::Result<bool> {
        self.receive_some(channel, BATCH, arrived).map(|count| count == BATCH)
    }

    /// As [`PtpSockets::receive`], but at most one: returns whether there was one.
    ///
    /// # Errors
    /// As [`PtpSockets::receive`].
    pub fn receive_one(&mut self, channel: Channel, arrived: impl FnMut(Arrived<'_>)) -> io::Result<bool> {
        self.receive_some(channel, 1, arrived).map(|count| count == 1)
    }

    fn receive_some(
        &mut self,
        channel: Channel,
        count_max: usize,
        mut arrived: impl FnMut(Arrived<'_>),
    ) -> io::Result<usize> {
        let stamps = &mut self.stamps;
        let mut arrived = |channel, bytes: &[u8], beside| arrived(taken(stamps, channel, bytes, beside));
        match &mut self.wire {
            Wire::Udp(sockets) => sockets.receive(channel, count_max, |bytes, beside| arrived(channel, bytes, beside)),
            Wire::Ethernet(sockets) => sockets.receive(channel, count_max, arrived),
        }
    }

    /// When [`PtpSockets::drain_stamps`] has something to give up or to send.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        let held = self.held.map(|held| self.slot_free_at().unwrap_or(held.since).min(held.since + SLOT_WAIT_MAX));
        self.ledger.deadline().into_iter().chain(held).min()
    }
}

/// What comes beside a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub software: Option<KernelTime>,
    pub hardware: Option<KernelTime>,
    pub from: Option<Address>,
}

/// A packet with the stamp of the clock in use. A Sync without the card's counts against the card.
fn taken<'a>(stamps: &mut Stamps, channel: Channel, bytes: &'a [u8], beside: Beside) -> Arrived<'a> {
    let Beside { software, hardware, from } = beside;
    if let (Some(judge), Some(from)) = (stamps.judge(), from) {
        judge.heard(from);
    }
    if channel == Channel::General {
        return Arrived { bytes, channel, stamp: None, from };
    }
    if let Some(judge) = stamps.judge().filter(|_| is_sync(bytes)) {
        judge.arrived(hardware.is_some());
    }
    Arrived { bytes, channel, stamp: stamps.pick(software, hardware), from }
}

/// Whether this is a Sync of version 2, which the card owes a stamp. Version 1 shares group and port with it (audio over IP
/// uses it to this day), and a card whose filter is for version 2 rightly passes it by.
fn is_sync(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == SYNC && second & 0x0f == VERSION_PTP)
}

/// Whether a message is for the neighbour alone, and so goes to another group.
pub(super) fn is_to_neighbor(message: &[u8]) -> bool {
    message.first().and_then(|octet| MessageType::from_bits(*octet)).is_some_and(MessageType::is_peer_delay)
}

/// What is asked of the kernel: of received packets both stamps, so that a card that fails can be replaced at once.
/// Of sent messages the kernel gives its own where the card gives none, and beside the card's only if told to.
fn request(hardware: bool, beside: bool) -> TimestampRequest {
    TimestampRequest {
        rx_software: true,
        tx_software: true,
        rx_hardware: hardware,
        tx_hardware: hardware,
        tx_software_beside_hardware: beside,
        ..TimestampRequest::default()
    }
}

#[cfg(test)]
mod tests;
