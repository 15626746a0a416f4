//! What holds for any message and any octets.

use proptest::prelude::*;

use super::*;

fn any_timestamp() -> impl Strategy<Value = WireTimestamp> {
    (0..1_u64 << 48, 0..1_000_000_000_u32).prop_map(|(s, n)| WireTimestamp::new(s, n).unwrap())
}

fn any_port() -> impl Strategy<Value = PortIdentity> {
    any::<([u8; 8], u16)>()
        .prop_map(|(identity, port_number)| PortIdentity { clock_identity: ClockIdentity(identity), port_number })
}

fn any_announce() -> impl Strategy<Value = Announce> {
    (any_timestamp(), any::<(i16, u8, u8, u8, u16, u8, [u8; 8], u16, u8)>()).prop_map(|(origin_timestamp, f)| {
        Announce {
            origin_timestamp,
            current_utc_offset: f.0,
            grandmaster_priority1: f.1,
            grandmaster_clock_quality: ClockQuality {
                clock_class: f.2,
                clock_accuracy: ClockAccuracy(f.3),
                offset_scaled_log_variance: f.4,
            },
            grandmaster_priority2: f.5,
            grandmaster_identity: ClockIdentity(f.6),
            steps_removed: f.7,
            time_source: TimeSource(f.8),
        }
    })
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        any_announce().prop_map(Body::Announce),
        any_timestamp().prop_map(|origin_timestamp| Body::Sync(Sync { origin_timestamp })),
        any_timestamp().prop_map(|origin_timestamp| Body::DelayReq(DelayReq { origin_timestamp })),
        any_timestamp().prop_map(|at| Body::FollowUp(FollowUp { precise_origin_timestamp: at })),
        (any_timestamp(), any_port()).prop_map(|(receive_timestamp, requesting_port_identity)| Body::DelayResp(
            DelayResp { receive_timestamp, requesting_port_identity }
        )),
        any_timestamp().prop_map(|origin_timestamp| Body::PdelayReq(PdelayReq { origin_timestamp })),
        (any_timestamp(), any_port()).prop_map(|(request_receipt_timestamp, requesting_port_identity)| {
            Body::PdelayResp(PdelayResp { request_receipt_timestamp, requesting_port_identity })
        }),
        (any_timestamp(), any_port()).prop_map(|(response_origin_timestamp, requesting_port_identity)| {
            Body::PdelayRespFollowUp(PdelayRespFollowUp { response_origin_timestamp, requesting_port_identity })
        }),
        any_port().prop_map(|target_port_identity| Body::Signaling(Signaling { target_port_identity })),
        (any_port(), any::<[u8; 3]>()).prop_map(|(target_port_identity, [starting, hops, action])| {
            Body::Management(Management {
                target_port_identity,
                starting_boundary_hops: starting,
                boundary_hops: hops,
                action: Action::from_bits(action),
            })
        }),
    ]
}

fn any_tlvs() -> impl Strategy<Value = Vec<u8>> {
    let tlv = (any::<u16>(), proptest::collection::vec(any::<[u8; 2]>(), 0..8)).prop_map(|(tlv_type, value)| {
        let length = (value.len() * 2) as u16;
        [tlv_type.to_be_bytes().to_vec(), length.to_be_bytes().to_vec(), value.concat()].concat()
    });
    proptest::collection::vec(tlv, 0..4).prop_map(|tlvs| tlvs.concat())
}

proptest! {
    #[test]
    fn whatever_is_written_parses_to_itself(
        sender in (0..0x1000_u16, 0..16_u8, any::<u8>(), any_port()),
        fields in any::<(u16, i64, u16, i8)>(),
        body in any_body(),
        tlvs in any_tlvs(),
    ) {
        let tlvs = Tlvs::from_octets(&tlvs).unwrap();
        let header = Header {
            sdo_id: sender.0,
            message_type: body.message_type(),
            version_ptp: VERSION_PTP,
            minor_version_ptp: sender.1,
            message_length: 0,
            domain_number: sender.2,
            flags: Flags(fields.0),
            correction_field: CorrectionField::from_bits(fields.1),
            source_port_identity: sender.3,
            sequence_id: fields.2,
            log_message_interval: LogInterval::new(fields.3),
        };
        let mut message = Message { header, body, tlvs };
        message.header.message_length = message.length() as u16;
        let again = written(&message);
        prop_assert_eq!(parse(&again), Ok(message));
    }

    #[test]
    fn whatever_parses_is_written_back_to_the_same_value(
        which in 0..GOLDEN.len(),
        changes in proptest::collection::vec((0..80_usize, any::<u8>()), 0..6),
        pad in 0..40_usize,
    ) {
        let mut datagram = octets(GOLDEN[which]);
        datagram.resize(datagram.len() + pad, 0);
        for (at, octet) in changes {
            let length = datagram.len();
            datagram[at % length] = octet;
        }
        if let Ok(message) = parse(&datagram) {
            let again = written(&message);
            prop_assert_eq!(parse(&again), Ok(message));
        }
    }

    #[test]
    fn no_octets_make_it_panic(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = parse(&datagram) {
            prop_assert!(message.tlvs.iter().count() <= datagram.len() / 4);
        }
    }
}
