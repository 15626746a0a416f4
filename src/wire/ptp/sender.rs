//! Builders of the messages that a port sends.

use super::{Announce, Body, DelayReq, DelayResp, FollowUp, PdelayReq, PdelayResp, PdelayRespFollowUp};
use super::{CorrectionField, Flags, Header, Message, MessageType, PortIdentity, WireTimestamp};
use super::{Signaling, Sync, Tlvs, VERSION_PTP};
use crate::coding::Coded;
use crate::time::{Duration, Local, LogInterval, Timestamp};

/// A Pdelay_Req, as far as its answers repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct PeerRequest {
    /// Whose it is.
    pub source_port_identity: PortIdentity,
    /// sequenceId.
    pub sequence_id: u16,
    /// correctionField.
    pub correction_field: CorrectionField,
}

impl PeerRequest {
    /// The one of this header.
    pub const fn of(header: &Header) -> Self {
        let Header { source_port_identity, sequence_id, correction_field, .. } = *header;
        Self { source_port_identity, sequence_id, correction_field }
    }
}

/// Whether an sdoId (12 bits) is of IEEE 802.1AS: majorSdoId 1 (IEEE 1588-2019 7.1.4, table 2).
pub const fn is_gptp(sdo_id: u16) -> bool {
    sdo_id >> 8 == 1
}

/// What a port writes into every header. Its methods build the messages; all fields can still be changed after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Sender {
    /// 12 bits.
    pub sdo_id: u16,
    /// 1, or 0 towards receivers that refuse messages of 2019.
    pub minor_version_ptp: u8,
    /// The domain.
    pub domain_number: u8,
    /// The port.
    pub source_port_identity: PortIdentity,
}

impl Sender {
    /// An Announce; `flags` are those of the time properties.
    pub fn announce(
        &self,
        sequence_id: u16,
        log_announce_interval: LogInterval,
        flags: Flags,
        announce: Announce,
    ) -> Message<'static> {
        let body = Body::Announce(announce);
        complete(Header { flags, ..self.header(sequence_id, log_announce_interval) }, body)
    }

    /// A Sync that a Follow_Up will complete: originTimestamp zero, twoStepFlag set.
    pub fn two_step_sync(&self, sequence_id: u16, log_sync_interval: LogInterval) -> Message<'static> {
        let header = Header { flags: Flags::TWO_STEP, ..self.header(sequence_id, log_sync_interval) };
        complete(header, Body::Sync(Sync { origin_timestamp: WireTimestamp::ZERO }))
    }

    /// A Sync that says itself when it leaves. The part below a nanosecond goes into correctionField.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn one_step_sync(
        &self,
        sequence_id: u16,
        log_sync_interval: LogInterval,
        origin: Timestamp<Local>,
    ) -> Option<Message<'static>> {
        let (origin_timestamp, rest) = WireTimestamp::from_timestamp(origin)?;
        let header = self.header(sequence_id, log_sync_interval);
        let header = Header { correction_field: CorrectionField::from_duration(rest), ..header };
        Some(complete(header, Body::Sync(Sync { origin_timestamp })))
    }

    /// A Sync into which the card writes the reading of its clock as it leaves: originTimestamp zero, and what the time is `ahead` of
    /// that clock in correctionField (9.5.9.3: origin and correction together are the time).
    ///
    /// No estimate in originTimestamp, which would spare slaves a Sync of 1970 where the card does not write: every other master sends
    /// zero there, and what a card makes of another value (it may reckon the UDP checksum from zero) nobody has tried.
    pub fn sync_for_the_card(
        &self,
        sequence_id: u16,
        log_sync_interval: LogInterval,
        ahead: Duration,
    ) -> Message<'static> {
        let correction_field = CorrectionField::from_duration(ahead);
        let header = Header { correction_field, ..self.header(sequence_id, log_sync_interval) };
        complete(header, Body::Sync(Sync { origin_timestamp: WireTimestamp::ZERO }))
    }

    /// The Follow_Up of the Sync of this sequenceId. The part below a nanosecond goes into correctionField.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn follow_up(
        &self,
        sequence_id: u16,
        log_sync_interval: LogInterval,
        precise_origin: Timestamp<Local>,
    ) -> Option<Message<'static>> {
        let (precise_origin_timestamp, rest) = WireTimestamp::from_timestamp(precise_origin)?;
        let header = self.header(sequence_id, log_sync_interval);
        let header = Header { correction_field: CorrectionField::from_duration(rest), ..header };
        Some(complete(header, Body::FollowUp(FollowUp { precise_origin_timestamp })))
    }

    /// A Delay_Req: originTimestamp zero, logMessageInterval 0x7F (IEEE 1588-2019 13.3.2.14).
    ///
    /// `delay_asymmetry` is subtracted from correctionField (11.6.3): positive when master to slave takes longer.
    pub fn delay_req(&self, sequence_id: u16, delay_asymmetry: Duration) -> Message<'static> {
        let header = Header {
            correction_field: CorrectionField::from_duration(-delay_asymmetry),
            ..self.header(sequence_id, LogInterval::UNSTATED)
        };
        complete(header, Body::DelayReq(DelayReq { origin_timestamp: WireTimestamp::ZERO }))
    }

    /// The answer to a Delay_Req that arrived at `receive` (IEEE 1588-2019 11.3.2 c).
    ///
    /// Echoes sequenceId and requester. correctionField is the request's, less the part of `receive` below a
    /// nanosecond, since the slave computes `t4 = receiveTimestamp - correctionField`. To a unicast request the answer
    /// is unicast and its logMessageInterval unstated.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn delay_resp(
        &self,
        request: &Header,
        log_min_delay_req_interval: LogInterval,
        receive: Timestamp<Local>,
    ) -> Option<Message<'static>> {
        let (receive_timestamp, rest) = WireTimestamp::from_timestamp(receive)?;
        let unicast = request.flags.unicast();
        let interval = if unicast { LogInterval::UNSTATED } else { log_min_delay_req_interval };
        let header = Header {
            flags: Flags::NONE.with(Flags::UNICAST, unicast),
            correction_field: request.correction_field.plus(-rest),
            ..self.header(request.sequence_id, interval)
        };
        let body = DelayResp { receive_timestamp, requesting_port_identity: request.source_port_identity };
        Some(complete(header, Body::DelayResp(body)))
    }

    /// A Pdelay_Req: originTimestamp zero, logMessageInterval 0x7F (IEEE 1588-2019 13.3.2.14).
    ///
    /// `delay_asymmetry` is subtracted from correctionField (11.6.4): positive when the neighbour's messages to us take longer
    /// than ours to it.
    pub fn pdelay_req(&self, sequence_id: u16, delay_asymmetry: Duration) -> Message<'static> {
        let header = Header {
            correction_field: CorrectionField::from_duration(-delay_asymmetry),
            ..self.header(sequence_id, LogInterval::UNSTATED)
        };
        complete(header, Body::PdelayReq(PdelayReq { origin_timestamp: WireTimestamp::ZERO }))
    }

    /// The two-step answer to a Pdelay_Req that arrived at `receipt` (IEEE 1588-2019 11.4.2 c).
    ///
    /// Echoes sequenceId and requester. The part of `receipt` below a nanosecond goes into correctionField with the sign that
    /// makes `t2 = requestReceiptTimestamp - correctionField`: the requester takes all corrections from
    /// `(t4 - t1) - (t3 - t2)`.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn pdelay_resp(&self, request: &PeerRequest, receipt: Timestamp<Local>) -> Option<Message<'static>> {
        let (request_receipt_timestamp, rest) = WireTimestamp::from_timestamp(receipt)?;
        let header = Header {
            flags: Flags::TWO_STEP,
            correction_field: CorrectionField::from_duration(-rest),
            ..self.header(request.sequence_id, LogInterval::UNSTATED)
        };
        let body = PdelayResp { request_receipt_timestamp, requesting_port_identity: request.source_port_identity };
        Some(complete(header, Body::PdelayResp(body)))
    }

    /// The one-step answer to a Pdelay_Req, into which the card writes what it took (IEEE 1588-2019 11.4.2 c): requestReceiptTimestamp zero, and
    /// in correctionField that of the request and `more`.
    ///
    /// The request's is added to as 64 bits, whatever they say: some cards have subtracted from it when the request arrived, which
    /// is far out of its range, and add when the answer leaves.
    pub fn pdelay_resp_for_the_card(&self, request: &PeerRequest, more: Duration) -> Message<'static> {
        let more = CorrectionField::from_duration(more).to_bits();
        let header = Header {
            correction_field: CorrectionField::from_bits(request.correction_field.to_bits().wrapping_add(more)),
            ..self.header(request.sequence_id, LogInterval::UNSTATED)
        };
        let body = PdelayResp {
            request_receipt_timestamp: WireTimestamp::ZERO,
            requesting_port_identity: request.source_port_identity,
        };
        complete(header, Body::PdelayResp(body))
    }

    /// What follows a Pdelay_Resp that left at `origin`: correctionField is the request's, and the part of `origin` below
    /// a nanosecond.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn pdelay_resp_follow_up(&self, request: &PeerRequest, origin: Timestamp<Local>) -> Option<Message<'static>> {
        let (response_origin_timestamp, rest) = WireTimestamp::from_timestamp(origin)?;
        let header = Header {
            correction_field: request.correction_field.plus(rest),
            ..self.header(request.sequence_id, LogInterval::UNSTATED)
        };
        let requesting_port_identity = request.source_port_identity;
        let body = PdelayRespFollowUp { response_origin_timestamp, requesting_port_identity };
        Some(complete(header, Body::PdelayRespFollowUp(body)))
    }

    /// A Signaling message to one receiver: logMessageInterval 0x7F.
    pub fn signaling<'a>(&self, sequence_id: u16, target_port_identity: PortIdentity, tlvs: Tlvs<'a>) -> Message<'a> {
        let header = Header { flags: Flags::UNICAST, ..self.header(sequence_id, LogInterval::UNSTATED) };
        let mut message = Message { tlvs, ..complete(header, Body::Signaling(Signaling { target_port_identity })) };
        message.header.message_length = message.length() as u16;
        message
    }

    /// A header without flags and correction; type and length are filled in by [`complete`].
    fn header(&self, sequence_id: u16, log_message_interval: LogInterval) -> Header {
        Header {
            sdo_id: self.sdo_id,
            message_type: MessageType::Sync,
            version_ptp: VERSION_PTP,
            minor_version_ptp: self.minor_version_ptp,
            message_length: 0,
            domain_number: self.domain_number,
            flags: Flags::NONE,
            correction_field: CorrectionField::ZERO,
            source_port_identity: self.source_port_identity,
            sequence_id,
            log_message_interval,
        }
    }
}

/// The message, its header agreeing with its body.
fn complete(header: Header, body: Body) -> Message<'static> {
    let mut message = Message { header, body, tlvs: Tlvs::EMPTY };
    message.header.message_type = body.message_type();
    message.header.message_length = message.length() as u16;
    message
}
