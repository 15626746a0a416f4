//! PTP directly over Ethernet (IEEE 1588-2019 Annex E): frames of ethertype 88F7 to one group address, or to a second one with the
//! peer delay mechanism.
//!
//! UDP has two ports, so that a slave can look at the messages that are stamped and at the others apart. Ethernet has
//! not: here the kernel's packet filter tells them apart by the messageType. And it can do better than the two ports: Announce
//! and Delay_Resp, which nobody has to be woken for while Sync and Follow_Up come, are queued with the event messages.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use synchronome_kernel::nic::{mac_address, master_index};
use synchronome_kernel::socket::packet::{
    ETHERNET_HEADER, FirstOctets, FrameBatch, join_link_group, open_packet_socket, send_frame,
};
use synchronome_kernel::socket::{BATCH_MAX, SendBatch};

use super::sockets::{BATCH, Beside, Queued, SocketOptions, is_to_neighbor};
use super::udp::set_priority;
use super::{OpenError, Outgoing, Transport};
use crate::ptp::{Address, Channel, FRAME_MAX};
use crate::wire::ptp::MessageType;

/// E.2.
pub(super) const ETHERTYPE: u16 = 0x88f7;
/// 01-1B-19-00-00-00: all messages but those of the peer delay mechanism (E.3).
pub(super) const PTP_PRIMARY: [u8; 6] = [0x01, 0x1b, 0x19, 0, 0, 0];
/// 01-80-C2-00-00-0E: the messages of the peer delay mechanism, which no bridge forwards, and by some profiles all (E.3).
pub(super) const PTP_PDELAY: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0x0e];
/// The bit of messageType that tells general messages from event messages (13.3.2.3).
const GENERAL_BIT: u8 = 0x08;
/// The messageTypes of the general socket: all general messages but Delay_Resp and Announce (table 36).
const GENERAL: u16 = 0xff00 & !(1 << MessageType::DelayResp as u16) & !(1 << MessageType::Announce as u16);
/// Octets of a VLAN tag, where the card and the kernel have left one in the frame.
const TAG: usize = 4;
/// The longest frame that is looked at.
pub(super) const FRAME_ROOM: usize = 1_536;

/// The two packet sockets of a port.
#[derive(Debug)]
pub(super) struct EthernetSockets {
    event: OwnedFd,
    general: OwnedFd,
    /// The header of what we send.
    header: [u8; ETHERNET_HEADER],
    batch: FrameBatch,
    event_out: SendBatch,
    general_out: SendBatch,
}

impl EthernetSockets {
    pub fn open(options: &SocketOptions, interface_index: u32) -> Result<Self, OpenError> {
        let SocketOptions { interface, link_group, marks, .. } = options;
        let failed = |error: io::Error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => OpenError::Permission(interface.to_owned(), Transport::Ethernet, 0),
            Some(libc::ENODEV | libc::ENXIO) => OpenError::NoInterface(interface.to_owned()),
            Some(libc::ENETDOWN) => OpenError::NotReady(interface.to_owned(), Transport::Ethernet, error),
            _ => OpenError::Other("opening a packet socket", error),
        };
        let master = master_index(interface);
        let open = |first| -> Result<OwnedFd, OpenError> {
            let socket = open_packet_socket(interface_index, master, ETHERTYPE, first).map_err(failed)?;
            // Both, whichever is sent to: by ITU-T G.8275.1 either may be used, and each end must hear both.
            for group in [PTP_PRIMARY, PTP_PDELAY] {
                join_link_group(&socket, interface_index, group).map_err(failed)?;
            }
            set_priority(socket.as_fd(), marks.priority)?;
            Ok(socket)
        };
        let source = mac_address(interface)
            .map_err(|error| OpenError::NotReady(interface.to_owned(), Transport::Ethernet, error))?;
        let mut header = [0; ETHERNET_HEADER];
        header[..6].copy_from_slice(if *link_group { &PTP_PDELAY } else { &PTP_PRIMARY });
        header[6..12].copy_from_slice(&source);
        header[12..].copy_from_slice(&ETHERTYPE.to_be_bytes());
        let room = || SendBatch::new(BATCH_MAX, ETHERNET_HEADER + FRAME_MAX);
        Ok(Self {
            event: open(FirstOctets(!GENERAL))?,
            general: open(FirstOctets(GENERAL))?,
            header,
            batch: FrameBatch::new(BATCH, FRAME_ROOM),
            event_out: room(),
            general_out: room(),
        })
    }

    pub fn fd(&self, channel: Channel) -> BorrowedFd<'_> {
        match channel {
            Channel::Event => self.event.as_fd(),
            Channel::General => self.general.as_fd(),
        }
    }

    /// Takes a message into the batch of its socket.
    pub fn push(&mut self, message: &[u8], (channel, to): (Channel, Option<Address>), key: Option<u32>) -> Queued {
        let header = self.header(message, to);
        let batch = match channel {
            Channel::Event => &mut self.event_out,
            Channel::General => &mut self.general_out,
        };
        if batch.push_frame(&[&header, message]).is_err() {
            return Queued::Full;
        }
        if let Some(key) = key {
            batch.key_last(key);
        }
        Queued::Taken
    }

    /// Sends the batch of a socket, and tells of each message by its place what became of it.
    ///
    /// # Errors
    /// As [`SendBatch::flush_each`].
    pub fn flush(&mut self, channel: Channel, told: impl FnMut(usize, Option<i32>)) -> io::Result<()> {
        match channel {
            Channel::Event => self.event_out.flush_each(&self.event, told),
            Channel::General => self.general_out.flush_each(&self.general, told),
        }
    }

    /// The header of a message to all, to the neighbour, or to one.
    fn header(&self, message: &[u8], to: Option<Address>) -> [u8; ETHERNET_HEADER] {
        let mut header = self.header;
        if let Some(Address::Ethernet(address)) = to {
            header[..address.len()].copy_from_slice(&address);
        } else if is_to_neighbor(message) {
            header[..PTP_PDELAY.len()].copy_from_slice(&PTP_PDELAY);
        }
        header
    }

    pub fn send(&self, outgoing: &Outgoing, key: Option<u32>) -> io::Result<()> {
        let Outgoing { frame, channel, to } = outgoing;
        self.send_octets::<{ ETHERNET_HEADER + FRAME_MAX }>(frame.as_bytes(), *channel, *to, key)
    }

    /// A message of at most `ROOM` octets less the header's.
    pub fn send_octets<const ROOM: usize>(
        &self,
        message: &[u8],
        channel: Channel,
        to: Option<Address>,
        key: Option<u32>,
    ) -> io::Result<()> {
        let mut bytes = [0; ROOM];
        bytes[..ETHERNET_HEADER].copy_from_slice(&self.header(message, to));
        bytes[ETHERNET_HEADER..][..message.len()].copy_from_slice(message);
        send_frame(self.fd(channel), &bytes[..ETHERNET_HEADER + message.len()], key).map(drop)
    }

    /// Takes one frame from a socket, or a batch; `arrived` is told of each that can be a message, and of its own channel. Returns how
    /// many frames there were.
    pub fn receive(
        &mut self,
        channel: Channel,
        count_max: usize,
        mut arrived: impl FnMut(Channel, &[u8], Beside),
    ) -> io::Result<usize> {
        let socket = match channel {
            Channel::Event => &self.event,
            Channel::General => &self.general,
        };
        let count = if count_max == 1 { self.batch.recv_one(socket)? } else { self.batch.recv(socket)? };
        for (received, frame) in self.batch.iter().filter(|(received, _)| !received.truncated) {
            if let Some(message) = message_in(frame) {
                let (software, hardware, from) = (received.software, received.hardware, source_of(frame));
                arrived(channel_of(message), message, Beside { software, hardware, from });
            }
        }
        Ok(count)
    }
}

/// By which channel a message would have come, had it one of its own.
fn channel_of(message: &[u8]) -> Channel {
    let is_general = message.first().is_some_and(|octet| octet & GENERAL_BIT != 0);
    if is_general { Channel::General } else { Channel::Event }
}

/// Who sent a frame.
fn source_of(frame: &[u8]) -> Option<Address> {
    let (_, rest) = frame.split_first_chunk::<6>()?;
    rest.first_chunk().map(|source| Address::Ethernet(*source))
}

/// What follows the header, and the tag if there is one.
fn message_in(frame: &[u8]) -> Option<&[u8]> {
    let is_ptp = |at: usize| frame.get(at..at + 2) == Some(&ETHERTYPE.to_be_bytes()[..]);
    let at = [ETHERNET_HEADER, ETHERNET_HEADER + TAG].into_iter().find(|at| is_ptp(at - 2))?;
    frame.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_must_be_woken_for_is_queued_with_the_event_messages_and_keeps_its_channel() {
        let wakes = |kind: MessageType| GENERAL & (1 << kind as u16) != 0;
        assert!(wakes(MessageType::FollowUp) && wakes(MessageType::Management) && wakes(MessageType::Signaling));
        let quiet = [MessageType::Sync, MessageType::DelayReq, MessageType::DelayResp, MessageType::Announce];
        assert!(!quiet.into_iter().any(wakes));
        let channels = quiet.map(|kind| channel_of(&[0x10 | kind as u8]));
        assert_eq!(channels, [Channel::Event, Channel::Event, Channel::General, Channel::General]);
    }

    #[test]
    fn a_message_is_found_behind_a_header_with_or_without_a_tag() {
        let bare = [&[0; 12][..], &[0x88, 0xf7, 1, 2, 3]].concat();
        let tagged = [&[0; 12][..], &[0x81, 0, 0, 5, 0x88, 0xf7, 1, 2, 3]].concat();
        assert_eq!(message_in(&bare), Some(&[1, 2, 3][..]));
        assert_eq!(message_in(&tagged), Some(&[1, 2, 3][..]));
        for length in 0..14 {
            assert_eq!(message_in(&bare[..length]), None);
        }
        assert_eq!(message_in(&[0; 60]), None);
    }
}
