//! The exchange that a master repeats thousands of times a second, without the general case around it.
//!
//! Nearly every Delay_Req is the same 44 octets but for who asks, the number, and the correction; and its answer repeats these. The types of
//! this chapter read and write a message of any kind, and pay for it: a fifth of what an answer costs a master. What is here is
//! the same by construction of the octets, and its tests hold it against [`parse`](super::parse) and [`Sender::delay_resp`]. Whatever is
//! not so plain is no [`PlainDelayReq`], and takes the long way.

use super::{ClockIdentity, CorrectionField, Flags, HEADER_LENGTH, MessageType, Sender, VERSION_PTP, WireTimestamp};
use crate::time::{Local, LogInterval, Timestamp};

/// Octets of a Delay_Req without TLVs (IEEE 1588-2019 13.6).
const DELAY_REQ_LENGTH: usize = HEADER_LENGTH + MessageType::DelayReq.body_length();
/// Octets of a Delay_Resp without TLVs (IEEE 1588-2019 13.8).
pub const DELAY_RESP_LENGTH: usize = HEADER_LENGTH + MessageType::DelayResp.body_length();

/// A Delay_Req without TLVs, in its octets; what may follow it is pad.
#[derive(Clone, Copy, Debug)]
pub struct PlainDelayReq<'a>(&'a [u8; DELAY_REQ_LENGTH]);

impl<'a> PlainDelayReq<'a> {
    /// `None` for everything else: other messages, those with TLVs, and those that [`parse`](super::parse) refuses.
    pub fn read(datagram: &'a [u8]) -> Option<Self> {
        let octets: &[u8; DELAY_REQ_LENGTH] = datagram.first_chunk()?;
        let [sdo_and_type, versions, length_high, length_low, ..] = *octets;
        let is_plain = sdo_and_type & 0x0f == MessageType::DelayReq as u8
            && versions & 0x0f == VERSION_PTP
            && u16::from_be_bytes([length_high, length_low]) == DELAY_REQ_LENGTH as u16;
        let request = Self(octets);
        (is_plain && u32::from_be_bytes(request.field(40)) <= WireTimestamp::MAX.nanoseconds()).then_some(request)
    }

    /// The `N` octets from this place on.
    fn field<const N: usize>(self, at: usize) -> [u8; N] {
        self.0[at..].first_chunk().copied().expect("all places are within the message")
    }

    /// sdoId.
    pub fn sdo_id(self) -> u16 {
        u16::from(self.0[0] >> 4) << 8 | u16::from(self.0[5])
    }

    /// domainNumber.
    pub fn domain_number(self) -> u8 {
        self.0[4]
    }

    /// flagField.
    pub fn flags(self) -> Flags {
        Flags(u16::from_be_bytes(self.field(6)))
    }

    /// correctionField.
    pub fn correction_field(self) -> CorrectionField {
        CorrectionField::from_bits(i64::from_be_bytes(self.field(8)))
    }

    /// clockIdentity of sourcePortIdentity.
    pub fn clock_identity(self) -> ClockIdentity {
        ClockIdentity(self.field(20))
    }
}

impl Sender {
    /// The octets of [`Sender::delay_resp`] to such a request, which is unicast if it goes to one receiver, whatever the request's flag.
    ///
    /// `None` if the time does not fit the wire: before the epoch, or 2^48 s and later.
    pub fn plain_delay_resp(
        &self,
        request: PlainDelayReq<'_>,
        log_min_delay_req_interval: LogInterval,
        receive: Timestamp<Local>,
        is_unicast: bool,
    ) -> Option<[u8; DELAY_RESP_LENGTH]> {
        let (receive_timestamp, rest) = WireTimestamp::from_timestamp(receive)?;
        let interval = if is_unicast { LogInterval::UNSTATED } else { log_min_delay_req_interval };
        let flags = Flags::NONE.with(Flags::UNICAST, is_unicast);
        let [sdo_high, sdo_low] = self.sdo_id.to_be_bytes();
        let own = self.source_port_identity;
        let mut octets = [0; DELAY_RESP_LENGTH];
        octets[0] = sdo_high << 4 | MessageType::DelayResp as u8;
        octets[1] = self.minor_version_ptp << 4 | VERSION_PTP;
        octets[2..4].copy_from_slice(&(DELAY_RESP_LENGTH as u16).to_be_bytes());
        octets[4] = self.domain_number;
        octets[5] = sdo_low;
        octets[6..8].copy_from_slice(&flags.0.to_be_bytes());
        octets[8..16].copy_from_slice(&request.correction_field().plus(-rest).to_bits().to_be_bytes());
        octets[20..28].copy_from_slice(&own.clock_identity.0);
        octets[28..30].copy_from_slice(&own.port_number.to_be_bytes());
        // What repeats the request: sequenceId, and behind the time sourcePortIdentity.
        octets[30..32].copy_from_slice(&request.0[30..32]);
        octets[32] = MessageType::DelayResp.control_field();
        octets[33] = interval.log2_seconds() as u8;
        octets[34..40].copy_from_slice(&receive_timestamp.seconds().to_be_bytes()[2..]);
        octets[40..44].copy_from_slice(&receive_timestamp.nanoseconds().to_be_bytes());
        octets[44..].copy_from_slice(&request.0[20..30]);
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Duration;
    use crate::wire::ptp::{Body, Header, PortIdentity, parse, write};

    const US: Sender = Sender {
        sdo_id: 0x1a5,
        minor_version_ptp: 1,
        domain_number: 24,
        source_port_identity: PortIdentity { clock_identity: ClockIdentity([7; 8]), port_number: 3 },
    };

    /// A Delay_Req of anybody, with some of its octets changed, cut or padded.
    fn datagrams() -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec((0..44_usize, any::<u8>()), 0..4);
        (any::<[u8; 40]>(), changes, 0..80_usize, any::<bool>()).prop_map(|(fields, changes, length, is_whole)| {
            let mut octets = vec![0; 80];
            octets[4..40].copy_from_slice(&fields[4..]);
            (octets[0], octets[1], octets[3]) = (fields[0] & 0xf0 | 1, fields[1] & 0xf0 | 2, 44);
            for (place, octet) in changes {
                octets[place] = octet;
            }
            octets.truncate(if is_whole { length.max(44) } else { length });
            octets
        })
    }

    proptest! {
        #[test]
        fn what_is_plain_is_what_the_long_way_makes_of_it(octets in datagrams()) {
            let parsed = parse(&octets).ok();
            let expected = parsed.filter(|m| matches!(m.body, Body::DelayReq(_)) && m.tlvs.octets().is_empty());
            let plain = PlainDelayReq::read(&octets);
            prop_assert_eq!(plain.is_some(), expected.is_some());
            if let (Some(plain), Some(message)) = (plain, expected) {
                let Header { sdo_id, domain_number, flags, correction_field, source_port_identity, .. } = message.header;
                prop_assert_eq!((plain.sdo_id(), plain.domain_number(), plain.flags()), (sdo_id, domain_number, flags));
                prop_assert_eq!(plain.correction_field(), correction_field);
                prop_assert_eq!(plain.clock_identity(), source_port_identity.clock_identity);
            }
        }

        #[test]
        fn an_answer_has_the_octets_of_the_long_way(
            fields in any::<[u8; 40]>(),
            ticks in prop_oneof![-(1_i128 << 64)..1_i128 << 96, any::<i128>()],
            interval in -8_i8..8,
            is_unicast in any::<bool>(),
        ) {
            let mut octets = [0; 44];
            octets[4..40].copy_from_slice(&fields[4..]);
            (octets[0], octets[1], octets[3]) = (1, 2, 44);
            let plain = PlainDelayReq::read(&octets).expect("a Delay_Req");
            let (interval, receive) = (LogInterval::new(interval), Timestamp::from_ticks(ticks));
            let header = Header::parse(&octets).expect("a header");
            let header = Header { flags: header.flags.with(Flags::UNICAST, is_unicast), ..header };
            let expected = US.delay_resp(&header, interval, receive).map(|message| {
                let mut out = [0; DELAY_RESP_LENGTH];
                prop_assert_eq!(write(&message, &mut out), Ok(DELAY_RESP_LENGTH));
                Ok(out)
            });
            prop_assert_eq!(US.plain_delay_resp(plain, interval, receive, is_unicast), expected.transpose()?);
        }
    }

    #[test]
    fn the_part_below_a_nanosecond_is_taken_off_the_correction() {
        let mut octets = [0; 44];
        (octets[0], octets[1], octets[3], octets[15]) = (1, 2, 44, 9);
        let plain = PlainDelayReq::read(&octets).expect("a Delay_Req");
        let receive = Timestamp::from_parts(1_700_000_000, 5) + Duration::from_ticks(65_535);
        let answer = US.plain_delay_resp(plain, LogInterval::new(0), receive, false).expect("a time of the wire");
        assert_eq!(i64::from_be_bytes(*answer[8..].first_chunk().expect("a field")), 9 - 65_535);
        assert_eq!(answer[34..44], [0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 5]);
    }
}
