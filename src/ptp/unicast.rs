//! Unicast negotiation: who sends what to whom, how often and for how long (IEEE 1588-2019 16.1).
//!
//! Where no group reaches, a slave has a table of masters and asks each for Announce; of the one that the best master clock
//! algorithm then prefers it asks for Sync and Delay_Resp too. Each is a contract of its own, and ends by itself unless it is
//! renewed: what nobody wants any more is not sent for ever.
//!
//! | file | whose side |
//! |---|---|
//! | `client` | of the one that asks |
//! | `fitness` | whom of those that it asks it may follow |
//! | `server` | of the one that is asked |
//! | `contracts` | who has which contract, and which is due next |
//! | `signal` | what of a master's signal fails |
//! | `told` | what people are told of them |

pub(super) mod client;
mod contracts;
mod fitness;
pub(super) mod server;
pub(super) mod signal;
pub(super) mod told;

use super::gate::frame;
use super::{Address, Channel, Effect};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::time::LogInterval;
use crate::wire::ptp::{ClockIdentity, Extension, MessageType, PortIdentity, Sender, Tlvs};

/// The most masters that a port can be told to ask.
pub const UNICAST_MASTERS_MAX: usize = 8;
/// How often a master is asked that does not answer, at first (logQueryInterval).
pub const UNICAST_LOG_QUERY_INTERVAL: LogInterval = LogInterval::new(0);
/// The longest TLV of a negotiation, its type and length included: GRANT_UNICAST_TRANSMISSION.
const TLV_MAX: usize = 12;
/// So many of them go into one message.
const TLVS_MAX: usize = 2;
/// The most TLVs of one message that are heeded.
pub const HEEDED_MAX: usize = 8;

/// What can be asked for, in the order in which contracts are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub(super) enum Service {
    Announce,
    Sync,
    DelayResp,
}

impl Service {
    pub const ALL: [Self; 3] = [Self::Announce, Self::Sync, Self::DelayResp];

    /// The one of this messageType; Pdelay_Resp has its neighbour anyway.
    pub const fn of(message_type: MessageType) -> Option<Self> {
        match message_type {
            MessageType::Announce => Some(Self::Announce),
            MessageType::Sync => Some(Self::Sync),
            MessageType::DelayResp => Some(Self::DelayResp),
            _ => None,
        }
    }

    pub const fn message_type(self) -> MessageType {
        match self {
            Self::Announce => MessageType::Announce,
            Self::Sync => MessageType::Sync,
            Self::DelayResp => MessageType::DelayResp,
        }
    }
}

/// The contracts with somebody, by service: how often, and until when.
pub(super) type ContractsOf<End> = (Address, [Option<(LogInterval, End)>; Service::ALL.len()]);

/// For any port of any clock: who it is will be known by the answer.
pub(super) const ANYBODY: PortIdentity =
    PortIdentity { clock_identity: ClockIdentity::WILDCARD, port_number: u16::MAX };

/// A Signaling message to one receiver that is being filled; it is sent whenever it is full, and at the end.
pub(super) struct Signaling<'a> {
    sender: &'a Sender,
    target: PortIdentity,
    to: Address,
    sequence_id: &'a mut u16,
    octets: [u8; TLVS_MAX * TLV_MAX],
    length: usize,
    count: usize,
}

impl<'a> Signaling<'a> {
    pub const fn new(sender: &'a Sender, target: PortIdentity, to: Address, sequence_id: &'a mut u16) -> Self {
        Self { sender, target, to, sequence_id, octets: [0; TLVS_MAX * TLV_MAX], length: 0, count: 0 }
    }

    pub fn add(&mut self, tlv: &Extension<'_>, out: &mut impl Sink<Effect>) {
        if self.count == TLVS_MAX {
            self.send(out);
        }
        match tlv.write(&mut self.octets[self.length..]) {
            Ok(length) => self.length += length,
            Err(too_small) => unreachable!("the TLVs of a negotiation fit: {too_small}"),
        }
        self.count += 1;
    }

    pub fn send(&mut self, out: &mut impl Sink<Effect>) {
        let tlvs = Tlvs::from_octets(&self.octets[..self.length]).unwrap_or_default();
        if self.count > 0 {
            let message = self.sender.signaling(*self.sequence_id, self.target, tlvs);
            *self.sequence_id = self.sequence_id.wrapping_add(1);
            count(out, Counter::SentSignaling);
            out.emit(Effect::Send {
                frame: frame(&message),
                channel: Channel::General,
                token: None,
                to: Some(self.to),
            });
        }
        (self.length, self.count) = (0, 0);
    }
}
