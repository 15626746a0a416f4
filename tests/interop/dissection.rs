//! What our codec writes, read by tshark: messages that no test's engine sends, each with all that it can carry.
//!
//! Two codecs of one author agree also where both are wrong. tshark's is another's, and it knows most of the tables.

use std::path::Path;

use synchronome::time::{Duration, LogInterval, Timestamp};
use synchronome::wire::ptp::{
    Action, AlternateTimeOffset, Announce, Body, CancelUnicast, ClockAccuracy, ClockDescription, ClockIdentity,
    ClockQuality, CurrentDataSet, DefaultDataSet, Extension, Flags, FollowUpInformation, GptpCapable,
    GrandmasterSettingsNp, GrantUnicast, Header, Management, ManagementData, ManagementErrorId, ManagementErrorStatus,
    ManagementId, ManagementTlv, Message, MessageIntervalRequest, MessageType, OrganizationExtension, ParentDataSet,
    PathTrace, PeerRequest, PortDataSet, PortDataSetNp, PortIdentity, PortPropertiesNp, PortStatsNp, PowerProfile,
    PtpText, RequestUnicast, ScaledNs, Sender, Signaling, SynchronizationMetadata, TimeInterval, TimePropertiesDataSet,
    TimeSource, TimeStatusNp, Tlvs, WireTimestamp, write,
};

use super::COMPLAINTS;
use super::lab::Lab;
use super::running::{dissect, unique_path};

const PORT: PortIdentity =
    PortIdentity { clock_identity: ClockIdentity([2, 0, 0, 0xff, 0xfe, 0, 0, 1]), port_number: 1 };
const OTHER: PortIdentity =
    PortIdentity { clock_identity: ClockIdentity([2, 0, 0, 0xff, 0xfe, 0, 0, 2]), port_number: 3 };
const SENDER: Sender = Sender { sdo_id: 0, minor_version_ptp: 1, domain_number: 24, source_port_identity: PORT };
/// 802.1AS.
const GPTP: Sender = Sender { sdo_id: 0x100, ..SENDER };
const QUALITY: ClockQuality =
    ClockQuality { clock_class: 6, clock_accuracy: ClockAccuracy(0x21), offset_scaled_log_variance: 0x4e5d };
const TIME_PROPERTIES: TimePropertiesDataSet = TimePropertiesDataSet {
    current_utc_offset: 37,
    flags: Flags(Flags::CURRENT_UTC_OFFSET_VALID.0 | Flags::PTP_TIMESCALE.0 | Flags::TIME_TRACEABLE.0),
    time_source: TimeSource::GNSS,
};

/// A message as octets, and what tshark must find in it.
struct Case {
    octets: Vec<u8>,
    fields: Vec<(&'static str, i128)>,
}

fn case(message: &Message<'_>, extensions: &[Extension<'_>], fields: &[(&'static str, i128)]) -> Case {
    let mut room = [0; 1_024];
    let mut length = 0;
    for extension in extensions {
        length += extension.write(&mut room[length..]).expect("there is room");
    }
    let tlvs = Tlvs::from_octets(&room[..length]).expect("TLVs one after the other");
    let message = Message { tlvs, ..*message };
    let mut octets = vec![0; message.length()];
    write(&message, &mut octets).expect("as long as it says");
    Case { octets, fields: fields.to_vec() }
}

/// The header of a message of this kind.
fn with_body(sender: &Sender, body: Body) -> Message<'static> {
    let header: Header = sender.pdelay_req(7, Duration::ZERO).header;
    Message { header, body, tlvs: Tlvs::EMPTY }
}

fn signaling(sender: &Sender, extensions: &[Extension<'_>], fields: &[(&'static str, i128)]) -> Case {
    case(&with_body(sender, Body::Signaling(Signaling { target_port_identity: OTHER })), extensions, fields)
}

fn managing(extension: &Extension<'_>, action: Action, fields: &[(&'static str, i128)]) -> Case {
    let body = Management { target_port_identity: OTHER, starting_boundary_hops: 4, boundary_hops: 3, action };
    let always = [
        ("ptp.v2.mm.targetportid", 3),
        ("ptp.v2.mm.startingboundaryhops", 4),
        ("ptp.v2.mm.boundaryhops", 3),
        ("ptp.v2.mm.action", i128::from(action.to_bits())),
    ];
    case(&with_body(&SENDER, Body::Management(body)), &[*extension], &[&always, fields].concat())
}

/// The answer that has this data.
fn answer(data: &ManagementData<'_>, fields: &[(&'static str, i128)]) -> Case {
    let management_id = data.management_id().expect("it tells");
    let id = ("ptp.v2.mm.managementId", i128::from(management_id.0));
    let tlv = Extension::Management(ManagementTlv { management_id, data: *data });
    managing(&tlv, Action::RESPONSE, &[&[id], fields].concat())
}

fn text(text: &str) -> PtpText<'_> {
    PtpText::new(text.as_bytes()).expect("it is short")
}

fn peer_delay() -> Vec<Case> {
    let request = SENDER.pdelay_req(7, Duration::from_nanos(-5));
    let asked = PeerRequest { source_port_identity: OTHER, ..PeerRequest::of(&request.header) };
    let resp = SENDER.pdelay_resp(&asked, Timestamp::from_parts(1_000, 77)).expect("after the epoch");
    let follow_up = SENDER.pdelay_resp_follow_up(&asked, Timestamp::from_parts(1_000, 99)).expect("after the epoch");
    vec![
        case(&request, &[], &[("ptp.v2.messagetype", 2), ("ptp.v2.sequenceid", 7), ("ptp.v2.correction.ns", 5)]),
        case(
            &resp,
            &[],
            &[
                ("ptp.v2.messagetype", 3),
                ("ptp.v2.pdrs.requestreceipttimestamp.seconds", 1_000),
                ("ptp.v2.pdrs.requestreceipttimestamp.nanoseconds", 77),
                ("ptp.v2.pdrs.requestingsourceportid", 3),
            ],
        ),
        case(
            &follow_up,
            &[],
            &[
                ("ptp.v2.messagetype", 10),
                ("ptp.v2.pdfu.responseorigintimestamp.seconds", 1_000),
                ("ptp.v2.pdfu.responseorigintimestamp.nanoseconds", 99),
                ("ptp.v2.pdfu.requestingsourceportid", 3),
                ("ptp.v2.correction.ns", 5),
            ],
        ),
    ]
}

fn unicast() -> Vec<Case> {
    let message_type = MessageType::Announce;
    let log_inter_message_period = LogInterval::new(-3);
    let cancel = CancelUnicast { message_type, maintain_request: false, maintain_grant: true };
    let kind = ("ptp.v2.sig.tlv.messageType", 0xb);
    let period = ("ptp.v2.sig.tlv.logInterMessagePeriod", -3);
    let duration = ("ptp.v2.sig.tlv.durationField", 300);
    vec![
        signaling(
            &SENDER,
            &[Extension::RequestUnicast(RequestUnicast { message_type, log_inter_message_period, duration_s: 300 })],
            &[("ptp.v2.sig.targetportid", 3), ("ptp.v2.sig.tlv.tlvType", 4), kind, period, duration],
        ),
        signaling(
            &SENDER,
            &[Extension::GrantUnicast(GrantUnicast {
                message_type,
                log_inter_message_period,
                duration_s: 300,
                renewal_invited: true,
            })],
            &[("ptp.v2.sig.tlv.tlvType", 5), kind, period, duration, ("ptp.v2.sig.tlv.renewalInvited", 1)],
        ),
        signaling(&SENDER, &[Extension::CancelUnicast(cancel)], &[("ptp.v2.sig.tlv.tlvType", 6), kind]),
        signaling(&SENDER, &[Extension::AcknowledgeCancelUnicast(cancel)], &[("ptp.v2.sig.tlv.tlvType", 7), kind]),
    ]
}

fn extended() -> Vec<Case> {
    let announce = Announce {
        origin_timestamp: WireTimestamp::ZERO,
        current_utc_offset: 37,
        grandmaster_priority1: 128,
        grandmaster_clock_quality: QUALITY,
        grandmaster_priority2: 127,
        grandmaster_identity: PORT.clock_identity,
        steps_removed: 1,
        time_source: TimeSource::GNSS,
    };
    let path = [PORT.clock_identity.0, OTHER.clock_identity.0];
    let information = FollowUpInformation {
        cumulative_scaled_rate_offset: -2,
        gm_time_base_indicator: 7,
        last_gm_phase_change: ScaledNs::from_ticks(0).expect("it fits"),
        scaled_last_gm_freq_change: 5,
    };
    let interval = MessageIntervalRequest {
        link_delay_interval: LogInterval::new(0),
        time_sync_interval: LogInterval::new(-3),
        announce_interval: LogInterval::new(1),
        flags: 0,
    };
    let follow_up = GPTP.follow_up(7, LogInterval::new(-3), Timestamp::from_parts(1_000, 99)).expect("after the epoch");
    vec![
        case(
            &SENDER.announce(7, LogInterval::new(1), Flags::PTP_TIMESCALE, announce),
            &[
                Extension::PathTrace(PathTrace::new(&path)),
                Extension::AlternateTimeOffset(AlternateTimeOffset {
                    key_field: 1,
                    current_offset_s: 3_600,
                    jump_s: -15,
                    time_of_next_jump_s: 0x6500_0000,
                    display_name: text("CET"),
                }),
                Extension::Organization(OrganizationExtension::PowerProfile(PowerProfile {
                    grandmaster_id: 254,
                    total_time_inaccuracy: 1_000,
                })),
                Extension::Pad(6),
            ],
            &[
                ("ptp.v2.an.oe.grandmasterID", 254),
                ("ptp.v2.an.oe.totalTimeInaccuracy", 1_000),
                ("ptp.v2.an.atoi.keyField", 1),
                ("ptp.v2.an.atoi.currentOffset", 3_600),
                ("ptp.v2.an.atoi.jumpSeconds", -15),
                // Its 48 bits are shown in hexadecimal, without a mark.
                ("ptp.v2.an.atoi.timeOfNextJump", 65_000_000),
                ("ptp.v2.an.atoi.displayName.length", 3),
            ],
        ),
        case(
            &follow_up,
            &[Extension::Organization(OrganizationExtension::FollowUpInformation(information))],
            &[
                ("ptp.as.fu.organizationSubType", 1),
                // Shown without its sign.
                ("ptp.as.fu.cumulativeScaledRateOffset", 0xffff_fffe),
                ("ptp.as.fu.gmTimeBaseIndicator", 7),
                ("ptp.as.fu.scaledLastGmFreqChange", 5),
            ],
        ),
        signaling(
            &GPTP,
            &[Extension::Organization(OrganizationExtension::MessageIntervalRequest(interval))],
            &[
                ("ptp.as.sig.tlv.organizationSubType", 2),
                ("ptp.as.sig.tlv.linkdelayinterval", 0),
                ("ptp.as.sig.tlv.timesyncinterval", -3),
                ("ptp.as.sig.tlv.announceinterval", 1),
            ],
        ),
        managing(
            &Extension::Organization(OrganizationExtension::SynchronizationMetadata(SynchronizationMetadata {
                frame_rate: [30_000, 1_001],
                locking_status: 4,
                time_address_flags: 1,
                current_local_offset_s: -18_035,
                jump_s: 3_600,
                time_of_next_jump_s: 1_700_000_000,
                time_of_next_jam_s: 1_700_000_001,
                time_of_previous_jam_s: 1_700_000_002,
                previous_jam_local_offset_s: -14_435,
                daylight_saving: 2,
                leap_second_jump: 1,
            })),
            Action::SET,
            &[
                ("ptp.v2.oe.smpte.SubType", 1),
                ("ptp.v2.oe.smpte.defaultsystemframerate.numerator", 30_000),
                ("ptp.v2.oe.smpte.defaultsystemframerate.denominator", 1_001),
                ("ptp.v2.oe.smpte.masterlockingstatus", 4),
                ("ptp.v2.oe.smpte.currentlocaloffset", -18_035),
                ("ptp.v2.oe.smpte.jumpseconds", 3_600),
                ("ptp.v2.oe.smpte.timeofnextjump", 1_700_000_000),
                ("ptp.v2.oe.smpte.timeofnextjam", 1_700_000_001),
                ("ptp.v2.oe.smpte.timeofpreviousjam", 1_700_000_002),
                ("ptp.v2.oe.smpte.previousjamlocaloffset", -14_435),
            ],
        ),
        signaling(
            &GPTP,
            &[Extension::Organization(OrganizationExtension::GptpCapable(GptpCapable {
                message_interval: LogInterval::new(-3),
            }))],
            &[("ptp.as.sig.tlv.organizationSubType", 4), ("ptp.as.sig.tlv.gptpcapablemessageinterval", -3)],
        ),
    ]
}

fn data_sets() -> Vec<Case> {
    let interval = |nanos: i64| TimeInterval::from_bits(nanos << 16);
    let log = LogInterval::new;
    vec![
        answer(
            &ManagementData::DefaultDataSet(DefaultDataSet {
                two_step: true,
                slave_only: false,
                number_ports: 2,
                priority1: 128,
                clock_quality: QUALITY,
                priority2: 127,
                clock_identity: PORT.clock_identity,
                domain_number: 24,
            }),
            &[
                ("ptp.v2.mm.twoStep", 1),
                ("ptp.v2.mm.SlavOnly", 0),
                ("ptp.v2.mm.numberPorts", 2),
                ("ptp.v2.mm.priority1", 128),
                ("ptp.v2.mm.clockclass", 6),
                ("ptp.v2.mm.clockaccuracy", 0x21),
                ("ptp.v2.mm.clockvariance", 0x4e5d),
                ("ptp.v2.mm.priority2", 127),
                ("ptp.v2.mm.domainNumber", 24),
            ],
        ),
        answer(
            &ManagementData::CurrentDataSet(CurrentDataSet {
                steps_removed: 2,
                offset_from_master: interval(5),
                mean_path_delay: interval(600),
            }),
            &[("ptp.v2.mm.stepsRemoved", 2), ("ptp.v2.mm.offset.ns", 5), ("ptp.v2.mm.pathDelay.ns", 600)],
        ),
        answer(
            &ManagementData::ParentDataSet(ParentDataSet {
                parent_port_identity: OTHER,
                parent_stats: true,
                observed_parent_offset_scaled_log_variance: 0xffff,
                observed_parent_clock_phase_change_rate: 0x7fff_ffff,
                grandmaster_priority1: 1,
                grandmaster_clock_quality: QUALITY,
                grandmaster_priority2: 2,
                grandmaster_identity: OTHER.clock_identity,
            }),
            &[
                ("ptp.v2.mm.parentsourceportid", 3),
                ("ptp.v2.mm.parentstats", 1),
                ("ptp.v2.mm.observedParentOffsetScaledLogVariance", 0xffff),
                ("ptp.v2.mm.observedParentClockPhaseChangeRate", 0x7fff_ffff),
                ("ptp.v2.mm.grandmasterPriority1", 1),
                ("ptp.v2.mm.grandmasterclockclass", 6),
                ("ptp.v2.mm.grandmasterclockaccuracy", 0x21),
                ("ptp.v2.mm.grandmasterclockvariance", 0x4e5d),
                ("ptp.v2.mm.grandmasterPriority2", 2),
            ],
        ),
        answer(
            &ManagementData::TimePropertiesDataSet(TIME_PROPERTIES),
            &[
                ("ptp.v2.mm.currentutcoffset", 37),
                ("ptp.v2.mm.li61", 0),
                ("ptp.v2.mm.CurrentUTCOffsetValid", 1),
                ("ptp.v2.mm.ptptimescale", 1),
                ("ptp.v2.mm.timeTraceable", 1),
                ("ptp.v2.mm.frequencyTraceable", 0),
                ("ptp.v2.mm.timesource", 0x20),
            ],
        ),
        answer(
            &ManagementData::PortDataSet(PortDataSet {
                port_identity: PORT,
                port_state: 9,
                log_min_delay_req_interval: log(-3),
                peer_mean_path_delay: interval(600),
                log_announce_interval: log(1),
                announce_receipt_timeout: 3,
                log_sync_interval: log(-4),
                delay_mechanism: 2,
                log_min_pdelay_req_interval: log(-1),
                version_number: 2,
            }),
            &[
                ("ptp.v2.mm.PortNumber", 1),
                ("ptp.v2.mm.portState", 9),
                ("ptp.v2.mm.logMinDelayReqInterval", -3),
                ("ptp.v2.mm.peerMeanPathDelay.ns", 600),
                ("ptp.v2.mm.logAnnounceInterval", 1),
                ("ptp.v2.mm.announceReceiptTimeout", 3),
                ("ptp.v2.mm.logSyncInterval", -4),
                ("ptp.v2.mm.delayMechanism", 2),
                ("ptp.v2.mm.logMinPdelayReqInterval", -1),
                ("ptp.v2.mm.versionNumber", 2),
            ],
        ),
        answer(
            &ManagementData::ClockDescription(ClockDescription {
                clock_type: 0x8000,
                physical_layer_protocol: text("IEEE 802.3"),
                physical_address: &[2, 0, 0x0a, 0x47, 0, 1],
                network_protocol: 1,
                protocol_address: &[10, 71, 0, 1],
                manufacturer_identity: [0, 0x1b, 0x19],
                product_description: text("a;b;"),
                revision_data: text(";1;2"),
                user_description: text("me"),
                profile_identity: [0x00, 0x1b, 0x19, 0x00, 0x01, 0x00],
            }),
            &[
                ("ptp.v2.mm.clockType.OC", 1),
                ("ptp.v2.mm.physicalLayerProtocol.length", 10),
                ("ptp.v2.mm.physicalAddressLength", 6),
                ("ptp.v2.mm.networkProtocol", 1),
                ("ptp.v2.mm.protocolAddress.length", 4),
                ("ptp.v2.mm.productDescription.length", 4),
                ("ptp.v2.mm.revisionData.length", 4),
                ("ptp.v2.mm.userDescription.length", 2),
            ],
        ),
        answer(&ManagementData::UserDescription(text("me")), &[("ptp.v2.mm.userDescription.length", 2)]),
        answer(
            &ManagementData::Time(WireTimestamp::new(1_000, 99).expect("it fits")),
            &[("ptp.v2.mm.currentTime.seconds", 1_000), ("ptp.v2.mm.currentTime.nanoseconds", 99)],
        ),
        answer(
            &ManagementData::UtcProperties(37, Flags::LEAP61 | Flags::CURRENT_UTC_OFFSET_VALID),
            &[
                ("ptp.v2.mm.currentutcoffset", 37),
                ("ptp.v2.mm.li61", 1),
                ("ptp.v2.mm.li59", 0),
                ("ptp.v2.mm.CurrentUTCOffsetValid", 1),
            ],
        ),
        answer(
            &ManagementData::TraceabilityProperties(Flags::FREQUENCY_TRACEABLE),
            &[("ptp.v2.mm.timeTraceable", 0), ("ptp.v2.mm.frequencyTraceable", 1)],
        ),
        answer(
            &ManagementData::TimescaleProperties(Flags::PTP_TIMESCALE, TimeSource::GNSS),
            &[("ptp.v2.mm.ptptimescale", 1), ("ptp.v2.mm.timesource", 0x20)],
        ),
    ]
}

fn single_values() -> Vec<Case> {
    let log = LogInterval::new;
    vec![
        answer(&ManagementData::Priority1(10), &[("ptp.v2.mm.priority1", 10)]),
        answer(&ManagementData::Priority2(11), &[("ptp.v2.mm.priority2", 11)]),
        answer(&ManagementData::Domain(24), &[("ptp.v2.mm.domainNumber", 24)]),
        answer(&ManagementData::SlaveOnly(true), &[("ptp.v2.mm.SlavOnly", 1)]),
        answer(&ManagementData::LogAnnounceInterval(log(-1)), &[("ptp.v2.mm.logAnnounceInterval", -1)]),
        answer(&ManagementData::AnnounceReceiptTimeout(3), &[("ptp.v2.mm.announceReceiptTimeout", 3)]),
        answer(&ManagementData::LogSyncInterval(log(-4)), &[("ptp.v2.mm.logSyncInterval", -4)]),
        answer(&ManagementData::VersionNumber(2), &[("ptp.v2.mm.versionNumber", 2)]),
        answer(&ManagementData::ClockAccuracy(ClockAccuracy(0x21)), &[("ptp.v2.mm.clockaccuracy", 0x21)]),
        answer(&ManagementData::DelayMechanism(2), &[("ptp.v2.mm.delayMechanism", 2)]),
        answer(&ManagementData::LogMinPdelayReqInterval(log(-1)), &[("ptp.v2.mm.logMinPdelayReqInterval", -1)]),
        managing(
            &Extension::Management(ManagementTlv::without_data(ManagementId::NULL_PTP_MANAGEMENT)),
            Action::GET,
            &[("ptp.v2.mm.managementId", 0)],
        ),
        managing(
            &Extension::Management(ManagementTlv::without_data(ManagementId::PORT_DATA_SET)),
            Action::GET,
            &[("ptp.v2.mm.managementId", 0x2004)],
        ),
        managing(
            &Extension::ManagementErrorStatus(ManagementErrorStatus {
                management_error_id: ManagementErrorId::NOT_SUPPORTED,
                management_id: ManagementId::PRIORITY1,
                display_data: Some(text("no")),
            }),
            Action::RESPONSE,
            &[("ptp.v2.mm.managementErrorId", 6), ("ptp.v2.mm.displayData.length", 2)],
        ),
        managing(
            &Extension::ManagementErrorStatus(ManagementErrorStatus {
                management_error_id: ManagementErrorId::WRONG_VALUE,
                management_id: ManagementId::PRIORITY1,
                display_data: None,
            }),
            Action::RESPONSE,
            &[("ptp.v2.mm.managementErrorId", 4)],
        ),
    ]
}

/// linuxptp's own, of which tshark knows no more than that they are somebody's.
fn of_linuxptp() -> Vec<Case> {
    vec![
        answer(
            &ManagementData::TimeStatusNp(TimeStatusNp {
                master_offset_ns: -10,
                ingress_time_ns: 1_700_000_000_000_000_000,
                cumulative_scaled_rate_offset: 1,
                scaled_last_gm_phase_change: 2,
                gm_time_base_indicator: 3,
                last_gm_phase_change: ScaledNs::default(),
                gm_present: true,
                gm_identity: PORT.clock_identity,
            }),
            &[],
        ),
        answer(
            &ManagementData::GrandmasterSettingsNp(GrandmasterSettingsNp {
                clock_quality: QUALITY,
                time_properties: TIME_PROPERTIES,
            }),
            &[],
        ),
        answer(
            &ManagementData::PortDataSetNp(PortDataSetNp { neighbor_prop_delay_thresh_ns: 20_000, as_capable: true }),
            &[],
        ),
        answer(
            &ManagementData::PortPropertiesNp(PortPropertiesNp {
                port_identity: PORT,
                port_state: 9,
                timestamping: 1,
                interface: text("eth0"),
            }),
            &[],
        ),
        answer(
            &ManagementData::PortStatsNp(PortStatsNp { port_identity: PORT, received: [1; 16], sent: [2; 16] }),
            &[],
        ),
    ]
}

/// Writes these messages over Ethernet to a file, in the format of libpcap (pcap-savefile(5)).
fn write_to_file(file: &Path, cases: &[Case]) {
    const LINKTYPE_ETHERNET: u32 = 1;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, LINKTYPE_ETHERNET]);
    let header = [&[0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 1][..], &[0x88, 0xf7]].concat();
    for (number, case) in cases.iter().enumerate() {
        let length = (header.len() + case.octets.len()) as u32;
        bytes.extend(words(&[number as u32, 0, length, length]));
        bytes.extend(&header);
        bytes.extend(&case.octets);
    }
    std::fs::write(file, bytes).expect("a file");
}

/// As tshark writes numbers: decimal or hexadecimal, true or false; the first of several.
fn number(text: &str) -> Option<i128> {
    let text = text.split(',').next()?.trim();
    match (text, text.strip_prefix("0x")) {
        ("True" | "true", _) => Some(1),
        ("False" | "false", _) => Some(0),
        (_, Some(digits)) => i128::from_str_radix(digits, 16).ok(),
        (decimal, None) => decimal.parse::<f64>().ok().map(|number| number as i128),
    }
}

#[test]
fn every_message_and_every_tlv_is_read_by_tshark_as_it_was_meant() {
    let lab = Lab::beside_others();
    let groups = [peer_delay(), unicast(), extended(), data_sets(), single_values(), of_linuxptp()];
    let cases: Vec<Case> = groups.into_iter().flatten().collect();
    let file = unique_path(&lab, "messages", "pcap");
    write_to_file(&file, &cases);
    let complaints = dissect(&file, COMPLAINTS, &["frame.number", "_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:#?}");

    let mut names: Vec<&str> = cases.iter().flat_map(|case| case.fields.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    let rows = dissect(&file, "ptp", &names);
    assert_eq!(rows.len(), cases.len());
    let (mut compared, mut wrong) = (0, Vec::new());
    for (place, (row, case)) in rows.iter().zip(&cases).enumerate() {
        let columns: Vec<&str> = row.split('|').collect();
        for (name, expected) in &case.fields {
            let column = names.binary_search(name).expect("it was asked for");
            let found = columns.get(column).copied().unwrap_or_default();
            compared += 1;
            if number(found) != Some(*expected) {
                wrong.push(format!("{name} is {found:?} in message {}, and not {expected}", place + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{compared} fields of {} messages", cases.len());
}
