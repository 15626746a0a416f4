//! Management messages of a port: what arrives goes to the control thread as it is, which answers.

use crate::net::Arrived;
use crate::ptp::{Address, MANAGEMENT_MAX};
use crate::sharing::{RingReader, RingWriter};
use crate::wire::ptp::MessageType;

/// Messages that a ring holds.
pub const MANAGEMENT_RING: usize = 32;

/// A management message.
#[derive(Clone, Copy)]
pub struct ManagementPacket {
    octets: [u8; MANAGEMENT_MAX],
    length: u16,
    /// Who has sent it, or who alone is to have it.
    pub peer: Option<Address>,
}

impl ManagementPacket {
    /// `None` if it is longer than any of ours.
    pub fn new(message: &[u8], peer: Option<Address>) -> Option<Self> {
        let mut octets = [0; MANAGEMENT_MAX];
        octets.get_mut(..message.len())?.copy_from_slice(message);
        Some(Self { octets, length: message.len() as u16, peer })
    }

    /// The message.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for ManagementPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagementPacket")
            .field("length", &self.length)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The port's ends, where management is wanted of it.
#[derive(Debug)]
pub struct ManagementLinks {
    /// What has arrived.
    pub to_control: RingWriter<ManagementPacket>,
    /// What is to be sent.
    pub from_control: RingReader<ManagementPacket>,
}

impl ManagementLinks {
    /// Hands a message over, if it is one of management.
    pub fn take(&mut self, arrived: &Arrived<'_>) {
        let is_management = arrived.bytes.first().is_some_and(|octet| octet & 0x0f == MessageType::Management as u8);
        if is_management && let Some(packet) = ManagementPacket::new(arrived.bytes, arrived.from) {
            self.to_control.push(packet);
        }
    }
}
