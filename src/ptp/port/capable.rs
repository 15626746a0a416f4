//! Who of a link is capable of IEEE 802.1AS (802.1AS-2020 10.4, 11.2.2): what we say of ourselves, and what we want of the neighbour.
//!
//! Since the edition of 2020 each end says so in a Signaling message with the gPTP-capable TLV, whatever its role, every few seconds and for as
//! long as its link is up. Who takes it for true is another matter: in domain 0 a neighbour of the edition of 2011, which knows no
//! such message, is asked for nothing but that it measures the link.

use super::{Port, Timer};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::gate::frame;
use crate::ptp::peer::NeighborStatus;
use crate::ptp::unicast::{ANYBODY, HEEDED_MAX};
use crate::ptp::{Channel, Effect};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::{Extension, Flags, GptpCapable, Message, OrganizationExtension, PortIdentity, Tlvs};

/// gPtpCapableReceiptTimeout: so many of its intervals may pass before what a neighbour has said counts no more (10.7.3.3).
const RECEIPT_TIMEOUT: i64 = 9;
/// Octets of the longest TLV that is sent to the neighbour, its type and length included.
const TLV_LENGTH: usize = 16;

/// Who has said last that it is capable, and until when that counts.
#[derive(Clone, Copy, Debug, Default, Coded)]
pub(super) struct SaidCapable(Option<(PortIdentity, Timestamp<Mono>)>);

impl SaidCapable {
    fn is_of(self, now: Timestamp<Mono>, neighbor: PortIdentity) -> bool {
        self.0.is_some_and(|(who, until)| who == neighbor && now <= until)
    }
}

impl Port {
    /// Whether what comes by the link may be believed, and the time served to it: with asCapable (11.2.2) while the neighbour answers,
    /// alone, the link takes no longer than is allowed, and it says that it is capable where that is wanted.
    pub(super) fn is_capable(&self, now: Timestamp<Mono>) -> bool {
        let asks = self.config.peer_delay.is_some_and(|peer_delay| peer_delay.as_capable);
        !asks
            || matches!(self.neighbor(), Some(NeighborStatus::Known { identity, .. })
                if !self.config.gptp_capable.is_required || self.said_capable.is_of(now, identity))
    }

    /// neighborGptpCapable: whether the neighbour that answers says that it speaks IEEE 802.1AS in this domain.
    pub fn is_neighbor_gptp_capable(&self, now: Timestamp<Mono>) -> bool {
        matches!(self.neighbor(), Some(NeighborStatus::Known { identity, .. }) if self.said_capable.is_of(now, identity))
    }

    /// The link is up: what we say of ourselves is said at once.
    pub(super) fn start_saying_capable(&mut self, now: Timestamp<Mono>) {
        if self.config.gptp_capable.interval.is_some() {
            self.timers.set(Timer::GptpCapable, now);
        }
    }

    /// There is no link: whoever is there when it is back has said nothing.
    pub(super) fn stop_saying_capable(&mut self) {
        self.timers.clear(Timer::GptpCapable);
        self.said_capable = SaidCapable::default();
    }

    /// gPtpCapableTransmit (10.4.1).
    pub(super) fn say_capable(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let Some(message_interval) = self.config.gptp_capable.interval else { return };
        self.timers.set(Timer::GptpCapable, now + message_interval.duration());
        self.signal_to_neighbor(OrganizationExtension::GptpCapable(GptpCapable { message_interval }), out);
    }

    /// gPtpCapableReceive (10.4.2).
    pub(super) fn hear_capable(&mut self, now: Timestamp<Mono>, message: &Message<'_>) {
        let said = message.tlvs.iter().take(HEEDED_MAX).find_map(|tlv| match tlv.extension() {
            Ok(Extension::Organization(OrganizationExtension::GptpCapable(said))) => Some(said),
            _ => None,
        });
        let Some(GptpCapable { message_interval }) = said else { return };
        let who = message.header.source_port_identity;
        // Whoever else is heard on the link takes nothing from what the neighbour has said.
        if matches!(self.neighbor(), Some(NeighborStatus::Known { identity, .. }) if identity != who)
            && self.is_neighbor_gptp_capable(now)
        {
            return;
        }
        let until = now + message_interval.duration().times(RECEIPT_TIMEOUT);
        self.said_capable = SaidCapable(Some((who, until)));
    }

    /// A Signaling, sent to the group, as all of 802.1AS is.
    pub(super) fn signal_to_neighbor(&mut self, extension: OrganizationExtension<'_>, out: &mut impl Sink<Effect>) {
        let mut octets = [0; TLV_LENGTH];
        let Ok(length) = Extension::Organization(extension).write(&mut octets) else {
            unreachable!("no TLV of 802.1AS in a Signaling is longer")
        };
        let tlvs = Tlvs::from_octets(&octets[..length]).unwrap_or_default();
        let mut message = self.sender.signaling(self.signaling_sequence_id, ANYBODY, tlvs);
        self.signaling_sequence_id = self.signaling_sequence_id.wrapping_add(1);
        message.header.flags = message.header.flags.with(Flags::UNICAST, false);
        count(out, Counter::SentSignaling);
        out.emit(Effect::Send { frame: frame(&message), channel: Channel::General, token: None, to: None });
    }
}

#[cfg(test)]
mod tests;
