//! TLVs by what they hold: where the tables put each field, both ways, and what cannot be.

use proptest::prelude::*;

use super::*;

fn read(hex: &str) -> Result<Vec<u8>, TlvError> {
    let octets = octets(hex);
    let tlvs = Tlvs::from_octets(&octets).unwrap();
    let tlv = tlvs.iter().next().unwrap();
    tlv.extension().map(|extension| encoded(&extension))
}

fn encoded(extension: &Extension<'_>) -> Vec<u8> {
    let mut out = vec![0xee; extension.length()];
    assert_eq!(extension.write(&mut out), Ok(out.len()));
    assert!(out.len().is_multiple_of(2));
    if let Some(short) = out.len().checked_sub(1) {
        assert_eq!(extension.write(&mut vec![0; short]), Err(BufferTooSmall { needed: out.len() }));
    }
    out
}

fn text(text: &str) -> PtpText<'_> {
    PtpText::new(text.as_bytes()).unwrap()
}

fn management<'a>(data: &ManagementData<'a>) -> Extension<'a> {
    let management_id = data.management_id().expect("data that tells its id");
    Extension::Management(ManagementTlv { management_id, data: *data })
}

/// By hand from the tables of clauses 14 to 16, and from what linuxptp's header says of its own.
fn golden() -> Vec<(&'static str, Extension<'static>)> {
    let quality =
        ClockQuality { clock_class: 6, clock_accuracy: ClockAccuracy(0x21), offset_scaled_log_variance: 0x4e5d };
    let time_properties = TimePropertiesDataSet {
        current_utc_offset: 37,
        flags: Flags::CURRENT_UTC_OFFSET_VALID | Flags::PTP_TIMESCALE,
        time_source: TimeSource::GNSS,
    };
    let interval = TimeInterval::from_bits;
    let stats = PortStatsNp { port_identity: MASTER_PORT, received: [1; 16], sent: [0x0102; 16] };
    vec![
        (
            "00080010 020000fffe000001 020000fffe000002",
            Extension::PathTrace(PathTrace::new(&[[2, 0, 0, 0xff, 0xfe, 0, 0, 1], [2, 0, 0, 0xff, 0xfe, 0, 0, 2]])),
        ),
        (
            "00040006 b001 0000012c",
            Extension::RequestUnicast(RequestUnicast {
                message_type: MessageType::Announce,
                log_inter_message_period: LogInterval::new(1),
                duration_s: 300,
            }),
        ),
        (
            "00050008 90fc 0000003c 0001",
            Extension::GrantUnicast(GrantUnicast {
                message_type: MessageType::DelayResp,
                log_inter_message_period: LogInterval::new(-4),
                duration_s: 60,
                renewal_invited: true,
            }),
        ),
        (
            "00060002 0100",
            Extension::CancelUnicast(CancelUnicast {
                message_type: MessageType::Sync,
                maintain_request: true,
                maintain_grant: false,
            }),
        ),
        (
            "00070002 b200",
            Extension::AcknowledgeCancelUnicast(CancelUnicast {
                message_type: MessageType::Announce,
                maintain_request: false,
                maintain_grant: true,
            }),
        ),
        (
            "0009 0014 01 00000e10 fffffff1 000065000000 0343455400",
            Extension::AlternateTimeOffset(AlternateTimeOffset {
                key_field: 1,
                current_offset_s: 3_600,
                jump_s: -15,
                time_of_next_jump_s: 0x6500_0000,
                display_name: text("CET"),
            }),
        ),
        (
            "0003001c 0080c2 000001 fffffffe 0007 ffffffffffffffffffffff9c 00000005",
            Extension::Organization(OrganizationExtension::FollowUpInformation(FollowUpInformation {
                cumulative_scaled_rate_offset: -2,
                gm_time_base_indicator: 7,
                last_gm_phase_change: ScaledNs::from_ticks(-100).unwrap(),
                scaled_last_gm_freq_change: 5,
            })),
        ),
        (
            "0003000c 0080c2 000002 7f fd 80 03 0000",
            Extension::Organization(OrganizationExtension::MessageIntervalRequest(MessageIntervalRequest {
                link_delay_interval: LogInterval::new(127),
                time_sync_interval: LogInterval::new(-3),
                announce_interval: LogInterval::new(-128),
                flags: 3,
            })),
        ),
        (
            "8000000c 0080c2 000004 03 00 00000000",
            Extension::Organization(OrganizationExtension::GptpCapable(GptpCapable {
                message_interval: LogInterval::new(3),
            })),
        ),
        (
            "8000000a 0080c2 000005 01020304",
            Extension::Other(Tlv {
                tlv_type: TlvType::ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE,
                value: &[0, 0x80, 0xc2, 0, 0, 5, 1, 2, 3, 4],
            }),
        ),
        (
            "00030012 1c129d 000002 00fe 00000000 000003e8 0000",
            Extension::Organization(OrganizationExtension::PowerProfile(PowerProfile {
                grandmaster_id: 254,
                total_time_inaccuracy: 1_000,
            })),
        ),
        (
            "00030030 6897e8 000001 00007530 000003e9 04 03 ffff571b 00000e10 000065000000 000065000001 000065000002 \
             ffff652b 02 01",
            Extension::Organization(OrganizationExtension::SynchronizationMetadata(SynchronizationMetadata {
                frame_rate: [30_000, 1_001],
                locking_status: 4,
                time_address_flags: 3,
                current_local_offset_s: -43_237,
                jump_s: 3_600,
                time_of_next_jump_s: 0x6500_0000,
                time_of_next_jam_s: 0x6500_0001,
                time_of_previous_jam_s: 0x6500_0002,
                previous_jam_local_offset_s: -39_637,
                daylight_saving: 2,
                leap_second_jump: 1,
            })),
        ),
        (
            "0003000a 1c129d 000001 01020304",
            Extension::Organization(OrganizationExtension::Other(Organization {
                organization_id: [0x1c, 0x12, 0x9d],
                organization_sub_type: [0, 0, 1],
                data: &[1, 2, 3, 4],
            })),
        ),
        ("80080004 00000000", Extension::Pad(4)),
        ("7fff0002 0809", Extension::Other(Tlv { tlv_type: TlvType(0x7fff), value: &[8, 9] })),
        ("00010002 2000", Extension::Management(ManagementTlv::without_data(ManagementId::DEFAULT_DATA_SET))),
        (
            "00010004 c003 0102",
            Extension::Management(ManagementTlv {
                management_id: ManagementId::SUBSCRIBE_EVENTS_NP,
                data: ManagementData::Other(&[1, 2]),
            }),
        ),
        (
            "0002000c 0006 2008 00000000 026e6f00",
            Extension::ManagementErrorStatus(ManagementErrorStatus {
                management_error_id: ManagementErrorId::NOT_SUPPORTED,
                management_id: ManagementId::SLAVE_ONLY,
                display_data: Some(text("no")),
            }),
        ),
        (
            "00020008 0002 5000 00000000",
            Extension::ManagementErrorStatus(ManagementErrorStatus {
                management_error_id: ManagementErrorId::NO_SUCH_ID,
                management_id: ManagementId(0x5000),
                display_data: None,
            }),
        ),
        (
            "00010034 0001 8000 0a494545452038 30322e33 0006 02000a470001 0001 0004 0a470001 000000 00 03613b62 \
             03313b32 026d65 001b19000100",
            management(&ManagementData::ClockDescription(ClockDescription {
                clock_type: 0x8000,
                physical_layer_protocol: text("IEEE 802.3"),
                physical_address: &[2, 0, 0x0a, 0x47, 0, 1],
                network_protocol: 1,
                protocol_address: &[10, 71, 0, 1],
                manufacturer_identity: [0; 3],
                product_description: text("a;b"),
                revision_data: text("1;2"),
                user_description: text("me"),
                profile_identity: [0x00, 0x1b, 0x19, 0x00, 0x01, 0x00],
            })),
        ),
        ("00010006 0002 026d6500", management(&ManagementData::UserDescription(text("me")))),
        (
            "00010016 2000 03 00 0001 80 06214e5d 7f 020000fffe000001 18 00",
            management(&ManagementData::DefaultDataSet(DefaultDataSet {
                two_step: true,
                slave_only: true,
                number_ports: 1,
                priority1: 128,
                clock_quality: quality,
                priority2: 127,
                clock_identity: GRANDMASTER,
                domain_number: 24,
            })),
        ),
        (
            "00010014 2001 0002 ffffffffffff0000 0000000000640000",
            management(&ManagementData::CurrentDataSet(CurrentDataSet {
                steps_removed: 2,
                offset_from_master: interval(-65_536),
                mean_path_delay: interval(100 << 16),
            })),
        ),
        (
            "00010022 2002 020000fffe0000010001 01 00 ffff 7fffffff 80 06214e5d 7f 020000fffe000001",
            management(&ManagementData::ParentDataSet(ParentDataSet {
                parent_port_identity: MASTER_PORT,
                parent_stats: true,
                observed_parent_offset_scaled_log_variance: 0xffff,
                observed_parent_clock_phase_change_rate: 0x7fff_ffff,
                grandmaster_priority1: 128,
                grandmaster_clock_quality: quality,
                grandmaster_priority2: 127,
                grandmaster_identity: GRANDMASTER,
            })),
        ),
        ("00010006 2003 0025 0c 20", management(&ManagementData::TimePropertiesDataSet(time_properties))),
        (
            "0001001c 2004 020000fffe0000010001 09 fd 0000000000640000 01 03 fc 02 00 02",
            management(&ManagementData::PortDataSet(PortDataSet {
                port_identity: MASTER_PORT,
                port_state: 9,
                log_min_delay_req_interval: LogInterval::new(-3),
                peer_mean_path_delay: interval(100 << 16),
                log_announce_interval: LogInterval::new(1),
                announce_receipt_timeout: 3,
                log_sync_interval: LogInterval::new(-4),
                delay_mechanism: 2,
                log_min_pdelay_req_interval: LogInterval::new(0),
                version_number: 2,
            })),
        ),
        ("00010004 2005 8000", management(&ManagementData::Priority1(128))),
        ("00010004 2006 7f00", management(&ManagementData::Priority2(127))),
        ("00010004 2007 1800", management(&ManagementData::Domain(24))),
        ("00010004 2008 0100", management(&ManagementData::SlaveOnly(true))),
        ("00010004 2009 ff00", management(&ManagementData::LogAnnounceInterval(LogInterval::new(-1)))),
        ("00010004 200a 0300", management(&ManagementData::AnnounceReceiptTimeout(3))),
        ("00010004 200b fc00", management(&ManagementData::LogSyncInterval(LogInterval::new(-4)))),
        ("00010004 200c 0200", management(&ManagementData::VersionNumber(2))),
        (
            "0001000c 200f 000065000000 3b9ac9ff",
            management(&ManagementData::Time(WireTimestamp::new(0x6500_0000, 999_999_999).unwrap())),
        ),
        ("00010004 2010 2100", management(&ManagementData::ClockAccuracy(ClockAccuracy(0x21)))),
        (
            "00010006 2011 0025 0500",
            management(&ManagementData::UtcProperties(37, Flags::LEAP61 | Flags::CURRENT_UTC_OFFSET_VALID)),
        ),
        (
            "00010004 2012 3000",
            management(&ManagementData::TraceabilityProperties(Flags::TIME_TRACEABLE | Flags::FREQUENCY_TRACEABLE)),
        ),
        (
            "00010004 2013 0820",
            management(&ManagementData::TimescaleProperties(Flags::PTP_TIMESCALE, TimeSource::GNSS)),
        ),
        ("00010004 6000 0200", management(&ManagementData::DelayMechanism(2))),
        ("00010004 6001 0000", management(&ManagementData::LogMinPdelayReqInterval(LogInterval::new(0)))),
        (
            "00010034 c000 fffffffffffffff6 17979cfe362a0000 00000001 00000002 0003 000000000000000000040000 00000001 \
             020000fffe000001",
            management(&ManagementData::TimeStatusNp(TimeStatusNp {
                master_offset_ns: -10,
                ingress_time_ns: 1_700_000_000_000_000_000,
                cumulative_scaled_rate_offset: 1,
                scaled_last_gm_phase_change: 2,
                gm_time_base_indicator: 3,
                last_gm_phase_change: ScaledNs::from_ticks(4 << 16).unwrap(),
                gm_present: true,
                gm_identity: GRANDMASTER,
            })),
        ),
        (
            "0001000a c001 06214e5d 0025 0c 20",
            management(&ManagementData::GrandmasterSettingsNp(GrandmasterSettingsNp {
                clock_quality: quality,
                time_properties,
            })),
        ),
        (
            "0001000a c002 01312d00 00000001",
            management(&ManagementData::PortDataSetNp(PortDataSetNp {
                neighbor_prop_delay_thresh_ns: 20_000_000,
                as_capable: true,
            })),
        ),
        (
            "00010012 c004 020000fffe0000010001 06 01 0265 74 00",
            management(&ManagementData::PortPropertiesNp(PortPropertiesNp {
                port_identity: MASTER_PORT,
                port_state: 6,
                timestamping: 1,
                interface: text("et"),
            })),
        ),
        (
            "0001010c c005 020000fffe0000010001 \
             0100000000000000 0100000000000000 0100000000000000 0100000000000000 \
             0100000000000000 0100000000000000 0100000000000000 0100000000000000 \
             0100000000000000 0100000000000000 0100000000000000 0100000000000000 \
             0100000000000000 0100000000000000 0100000000000000 0100000000000000 \
             0201000000000000 0201000000000000 0201000000000000 0201000000000000 \
             0201000000000000 0201000000000000 0201000000000000 0201000000000000 \
             0201000000000000 0201000000000000 0201000000000000 0201000000000000 \
             0201000000000000 0201000000000000 0201000000000000 0201000000000000",
            management(&ManagementData::PortStatsNp(stats)),
        ),
    ]
}

#[test]
fn every_extension_is_where_the_tables_put_it_both_ways() {
    for (hex, extension) in golden() {
        let expected = octets(hex);
        assert_eq!(encoded(&extension), expected, "{extension:?}");
        let tlvs = Tlvs::from_octets(&expected).unwrap();
        let tlv = tlvs.iter().next().unwrap();
        assert_eq!(tlv.extension(), Ok(extension), "{hex}");
    }
}

#[test]
fn an_extension_that_is_two_octets_longer_or_shorter_is_wrong_in_length_and_never_another_value() {
    for (hex, extension) in golden() {
        let is_any_length = matches!(extension, Extension::Pad(_) | Extension::Other(_))
            || matches!(extension, Extension::Organization(OrganizationExtension::Other(_)))
            || matches!(extension, Extension::Management(management)
                if matches!(management.data, ManagementData::Empty | ManagementData::Other(_)));
        let whole = octets(hex);
        for length in (0..whole.len() - 4).step_by(2).chain([whole.len() - 2]) {
            let mut value = whole[4..].to_vec();
            value.resize(length, 0);
            let tlv = Tlv { tlv_type: extension.tlv_type(), value: &value };
            match tlv.extension() {
                Err(error) => assert_eq!(error, TlvError::WrongLength, "{hex} cut to {length}"),
                // A management TLV that ends behind its id asks; an error status may have no text; a path may be shorter.
                Ok(other) => {
                    let may_be_short = length == 2 || extension.tlv_type() == TlvType::MANAGEMENT_ERROR_STATUS;
                    let is_path = extension.tlv_type() == TlvType::PATH_TRACE && length % 8 == 0;
                    // Whose it is stands in the first six.
                    let is_others = length < 6 && matches!(other, Extension::Other(_));
                    assert!(is_any_length || may_be_short || is_path || is_others, "{hex} cut to {length}: {other:?}");
                }
            }
        }
    }
}

#[test]
fn values_that_cannot_be_are_wrong_values() {
    let cases = [
        "00040006 4001 0000012c",
        "00050008 f0fc 0000003c 0001",
        "00060002 7100",
        "0001000c 200f 000065000000 3b9aca00",
    ];
    for hex in cases {
        assert_eq!(read(hex), Err(TlvError::WrongValue), "{hex}");
    }
    assert_eq!(ManagementErrorId::from(TlvError::WrongValue), ManagementErrorId::WRONG_VALUE);
    assert_eq!(ManagementErrorId::from(TlvError::WrongLength), ManagementErrorId::WRONG_LENGTH);
}

#[test]
fn reserved_bits_are_ignored_and_written_as_zero() {
    let cases = [
        ("00010004 2005 80ff", "00010004 2005 8000"),
        ("00010004 200c f2ff", "00010004 200c 0200"),
        ("00050008 90fc 0000003c fffe", "00050008 90fc 0000003c 0000"),
        ("00060002 0cff", "00060002 0000"),
        ("80080002 aabb", "80080002 0000"),
        ("00010006 0002 026d65ff", "00010006 0002 026d6500"),
        ("8000000c 0080c2 000004 fd ff ffffffff", "8000000c 0080c2 000004 fd 00 00000000"),
        // As some send it.
        ("0003000c 0080c2 000004 03 00 00000000", "8000000c 0080c2 000004 03 00 00000000"),
    ];
    for (hex, again) in cases {
        assert_eq!(read(hex), Ok(octets(again)), "{hex}");
    }
}

#[test]
fn a_scaled_ns_has_96_bits() {
    for ticks in [0, 1, -1, (1 << 95) - 1, -(1 << 95)] {
        assert_eq!(ScaledNs::from_ticks(ticks).map(ScaledNs::ticks), Some(ticks));
    }
    assert_eq!(ScaledNs::from_ticks(1 << 95), None);
    assert_eq!(ScaledNs::from_ticks(-(1 << 95) - 1), None);
}

#[test]
fn texts_longer_than_255_octets_are_none() {
    assert!(PtpText::new(&[b'x'; 255]).is_some());
    assert!(PtpText::new(&[b'x'; 256]).is_none());
}

#[test]
fn management_ids_have_the_names_that_pmc_has() {
    assert_eq!(ManagementId::TIME_STATUS_NP.name(), Some("TIME_STATUS_NP"));
    assert_eq!(ManagementId(0x2011).name(), Some("UTC_PROPERTIES"));
    assert_eq!(ManagementId(0x2fff).name(), None);
}

#[test]
fn extensions_one_after_the_other_are_the_tlvs_of_a_message() {
    let mut room = [0; 4_096];
    let mut length = 0;
    for (_, extension) in golden() {
        length += extension.write(&mut room[length..]).unwrap();
    }
    let message =
        Message { tlvs: Tlvs::from_octets(&room[..length]).unwrap(), ..MASTER.two_step_sync(1, LogInterval::new(0)) };
    let datagram = written(&message);
    let again = parse(&datagram).unwrap();
    assert!(
        again.tlvs.iter().map(|tlv| tlv.extension().unwrap()).eq(golden().into_iter().map(|(_, extension)| extension))
    );
}

proptest! {
    #[test]
    fn whatever_value_is_read_is_written_back_to_the_same_value(
        which in 0..golden().len(),
        changes in proptest::collection::vec((4..300_usize, any::<u8>()), 0..6),
        length in proptest::option::of(0..150_usize),
    ) {
        let (hex, extension) = golden()[which];
        let mut value = octets(hex).split_off(4);
        if let Some(length) = length {
            value.resize(length * 2, 0);
        }
        for (at, octet) in changes {
            if let Some(place) = value.get_mut(at - 4) {
                *place = octet;
            }
        }
        let tlv = Tlv { tlv_type: extension.tlv_type(), value: &value };
        if let Ok(extension) = tlv.extension() {
            let again = encoded(&extension);
            prop_assert_eq!(again.len(), 4 + value.len());
            let tlvs = Tlvs::from_octets(&again).unwrap();
            prop_assert_eq!(tlvs.iter().next().unwrap().extension(), Ok(extension));
        }
    }

    #[test]
    fn no_octets_of_any_type_make_it_panic(
        tlv_type in prop_oneof![0_u16..10, Just(0x8008), any::<u16>()],
        id in prop_oneof![0x2000_u16..0x2022, 0xc000_u16..0xc006, 0_u16..3, 0x6000_u16..0x6002, any::<u16>()],
        value in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let value = [id.to_be_bytes().to_vec(), value].concat();
        let value = &value[..value.len() / 2 * 2];
        if let Ok(extension) = (Tlv { tlv_type: TlvType(tlv_type), value }).extension() {
            prop_assert_eq!(encoded(&extension).len(), 4 + value.len());
        }
    }
}
