//! Which messages are let in, whatever the port then makes of them.

use super::counters::{Counter, count};
use super::recent::Recent;
use super::{Channel, Effect, FRAME_MAX, Frame};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::{
    self, CorrectionField, Header, Message, MessageType, ParseError, PlainDelayReq, PortIdentity, Sender,
};

/// Whose messages we hear, and what the others were that we heard last: for the operator who asks why nothing comes.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Gate {
    own: PortIdentity,
    domain: u8,
    sdo_id: u16,
    correction_max: Duration,
    /// domainNumber and sdoId of one that is not for us.
    pub foreign_domain: Recent<(u8, u16)>,
    /// The major versionPTP of one that we do not speak.
    pub foreign_version: Recent<u8>,
}

impl Gate {
    /// For the port that sends by this `sender`.
    pub const fn new(sender: &Sender, correction_max: Duration) -> Self {
        Self {
            own: sender.source_port_identity,
            domain: sender.domain_number,
            sdo_id: sender.sdo_id,
            correction_max,
            foreign_domain: Recent::NONE,
            foreign_version: Recent::NONE,
        }
    }

    /// The message, if it is one of PTP version 2, of our domain and sdoId, of another clock, by the right channel;
    /// or an Announce of another port of our clock with a lower number.
    /// The minor version is nobody's business.
    pub fn admit<'a>(
        &mut self,
        now: Timestamp<Mono>,
        bytes: &'a [u8],
        channel: Channel,
        out: &mut impl Sink<Effect>,
    ) -> Option<Message<'a>> {
        let message = match ptp::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                if error == ParseError::Version
                    && let Some(octet) = bytes.get(1)
                {
                    self.foreign_version.hear(now, octet & 0x0f);
                }
                count(out, Counter::Malformed(error));
                return None;
            }
        };
        let header = &message.header;
        let refused = if header.sdo_id != self.sdo_id {
            self.foreign_domain.hear(now, (header.domain_number, header.sdo_id));
            Some(Counter::SdoIdMismatch)
        } else if header.domain_number != self.domain {
            self.foreign_domain.hear(now, (header.domain_number, header.sdo_id));
            Some(Counter::DomainMismatch)
        } else if header.source_port_identity.clock_identity == self.own.clock_identity
            && !self.is_of_a_port_before(header)
        {
            Some(Counter::OwnMessage)
        } else if header.message_type.is_event() && channel != Channel::Event {
            Some(Counter::WrongChannel)
        } else {
            None
        };
        count(out, refused.unwrap_or(Counter::received(header.message_type)));
        refused.is_none().then_some(message)
    }

    /// An Announce of another port of our clock, which goes before us on the link that we share (9.5.2.3).
    fn is_of_a_port_before(&self, header: &Header) -> bool {
        header.message_type == MessageType::Announce
            && (1..self.own.port_number).contains(&header.source_port_identity.port_number)
    }

    /// Whether [`Gate::admit`] lets in a Delay_Req that came by the channel of the event messages.
    pub fn admits_plain(&self, request: PlainDelayReq<'_>) -> bool {
        request.sdo_id() == self.sdo_id
            && request.domain_number() == self.domain
            && request.clock_identity() != self.own.clock_identity
    }

    /// A correctionField that can be used. Negative is legal; too big, or beyond the limit, is not.
    pub fn correction(&self, field: CorrectionField, out: &mut impl Sink<Effect>) -> Option<Duration> {
        self.usable(field).map_err(|reason| count(out, reason)).ok()
    }

    /// As [`Gate::correction`], with the reason if it is not.
    pub fn usable(&self, field: CorrectionField) -> Result<Duration, Counter> {
        let correction = field.to_duration().ok_or(Counter::CorrectionTooBig)?;
        if correction.abs() > self.correction_max { Err(Counter::CorrectionExcessive) } else { Ok(correction) }
    }
}

/// The bytes of a message of ours, all of which fit a frame.
pub(super) fn frame(message: &Message<'_>) -> Frame {
    let mut bytes = [0; FRAME_MAX];
    match ptp::write(message, &mut bytes) {
        Ok(len) => Frame::new(bytes, len),
        Err(too_small) => unreachable!("our own messages fit a frame: {too_small}"),
    }
}
