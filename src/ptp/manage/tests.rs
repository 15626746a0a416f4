use super::*;
use crate::time::Duration;
use crate::wire::ptp::{ClockAccuracy, ClockQuality, ScaledNs, TimeInterval, TimeSource, parse};

const OURS: ClockIdentity = ClockIdentity([1; 8]);
const THEIRS: PortIdentity = PortIdentity { clock_identity: ClockIdentity([9; 8]), port_number: 7 };
const OWNER: Asker = Asker::Local { is_owner: true };
const EVERYBODY: PortIdentity = PortIdentity { clock_identity: ClockIdentity::WILDCARD, port_number: ALL_PORTS };

fn port(port_number: u16) -> ManagedPort {
    ManagedPort {
        port_ds: PortDataSet {
            port_identity: PortIdentity { clock_identity: OURS, port_number },
            port_state: 9,
            log_min_delay_req_interval: LogInterval::new(-3),
            peer_mean_path_delay: TimeInterval::ZERO,
            log_announce_interval: LogInterval::new(1),
            announce_receipt_timeout: 3,
            log_sync_interval: LogInterval::new(-4),
            delay_mechanism: E2E,
            log_min_pdelay_req_interval: LogInterval::new(0),
            version_number: 2,
        },
        master_only: port_number == 2,
        interface: format!("eth{port_number}"),
        physical_address: vec![2, 0, 0, 0, 0, port_number as u8],
        network_protocol: 1,
        protocol_address: vec![10, 0, 0, port_number as u8],
        timestamping: 1,
        phc_index: (port_number == 2).then_some(3),
        peer: PortDataSetNp { neighbor_prop_delay_thresh_ns: 20_000_000, as_capable: true },
        unicast: (port_number == 2).then(|| ManagedUnicast {
            log_query_interval: LogInterval::new(-1),
            masters: vec!["10.1.2.3".parse().unwrap(), "fd71::5".parse().unwrap()],
            masters_max: 8,
        }),
        acceptable_masters: if port_number == 2 { ACCEPTABLE.to_vec() } else { ACCEPTABLE[..1].to_vec() },
        received: [port_number.into(); 16],
        sent: [3; 16],
    }
}

/// Whom port 1 heeds, and whom port 2 does too.
const ACCEPTABLE: [AcceptableMaster; 2] = [
    AcceptableMaster {
        port: PortIdentity { clock_identity: ClockIdentity([6; 8]), port_number: 1 },
        alternate_priority1: 0,
    },
    AcceptableMaster {
        port: PortIdentity { clock_identity: ClockIdentity([5; 8]), port_number: 0x0102 },
        alternate_priority1: 9,
    },
];

pub fn clock() -> ManagedClock {
    let quality = ClockQuality {
        clock_class: 6,
        clock_accuracy: ClockAccuracy::covering(Duration::from_nanos(90)),
        offset_scaled_log_variance: 0x4321,
    };
    let time_properties_ds =
        TimePropertiesDataSet { current_utc_offset: 37, flags: Flags(0x003d), time_source: TimeSource::GNSS };
    let parent = PortIdentity { clock_identity: ClockIdentity([5; 8]), port_number: 4 };
    ManagedClock {
        sdo_id: 0,
        minor_version: 1,
        default_ds: DefaultDataSet {
            two_step: true,
            slave_only: false,
            number_ports: 2,
            priority1: 100,
            clock_quality: quality,
            priority2: 101,
            clock_identity: OURS,
            domain_number: 24,
        },
        current_ds: CurrentDataSet {
            steps_removed: 2,
            offset_from_master: TimeInterval::from_duration(Duration::from_nanos(-12)),
            mean_path_delay: TimeInterval::from_duration(Duration::from_nanos(345)),
        },
        parent_ds: ParentDataSet {
            parent_port_identity: parent,
            parent_stats: false,
            observed_parent_offset_scaled_log_variance: 0xffff,
            observed_parent_clock_phase_change_rate: 0x7fff_ffff,
            grandmaster_priority1: 99,
            grandmaster_clock_quality: quality,
            grandmaster_priority2: 98,
            grandmaster_identity: ClockIdentity([6; 8]),
        },
        time_properties_ds,
        time: WireTimestamp::new(1_800_000_000, 5),
        time_status: TimeStatusNp {
            master_offset_ns: -12,
            ingress_time_ns: 1_799_999_999_000_000_000,
            cumulative_scaled_rate_offset: 0,
            scaled_last_gm_phase_change: 0,
            gm_time_base_indicator: 0,
            last_gm_phase_change: ScaledNs::default(),
            gm_present: true,
            gm_identity: ClockIdentity([6; 8]),
        },
        grandmaster_settings: GrandmasterSettingsNp { clock_quality: quality, time_properties: time_properties_ds },
        traces_path: true,
        path: Some(vec![ClockIdentity([6; 8]), ClockIdentity([5; 8])]),
        subscription: Subscription { duration_s: 90, events: ManagedEvents::PARENT_DATA_SET },
        may_subscribe: true,
        user_description: "ä".repeat(100),
        product_description: ";synchronome;".to_owned(),
        revision_data: ";;1.0".to_owned(),
        ports: vec![port(1), port(2)],
    }
}

/// A request, as octets.
#[derive(Clone, Copy)]
struct Asked<'a> {
    target: PortIdentity,
    action: Action,
    id: ManagementId,
    data: &'a [u8],
    hops: (u8, u8),
    domain: u8,
    from: PortIdentity,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        let id = ManagementId::DEFAULT_DATA_SET;
        Self { target: EVERYBODY, action: Action::GET, id, data: &[], hops: (1, 1), domain: 24, from: THEIRS }
    }
}

impl Asked<'_> {
    fn octets(&self) -> Vec<u8> {
        let mut tlv = [0; 400];
        let data = if self.data.is_empty() { ManagementData::Empty } else { ManagementData::Other(self.data) };
        let written = Extension::Management(ManagementTlv { management_id: self.id, data }).write(&mut tlv).unwrap();
        self.with_tlvs(&tlv[..written])
    }

    fn with_tlvs(&self, tlvs: &[u8]) -> Vec<u8> {
        let (starting_boundary_hops, boundary_hops) = self.hops;
        let body = Management {
            target_port_identity: self.target,
            starting_boundary_hops,
            boundary_hops,
            action: self.action,
        };
        let header = Header {
            sdo_id: 0,
            message_type: MessageType::Management,
            version_ptp: VERSION_PTP,
            minor_version_ptp: 0,
            message_length: 0,
            domain_number: self.domain,
            flags: Flags::NONE,
            correction_field: CorrectionField::ZERO,
            source_port_identity: self.from,
            sequence_id: 4_711,
            log_message_interval: LogInterval::UNSTATED,
        };
        let mut octets = vec![0; 600];
        let message = Message { header, body: Body::Management(body), tlvs: Tlvs::from_octets(tlvs).unwrap() };
        let length = write(&message, &mut octets).unwrap();
        octets.truncate(length);
        octets
    }
}

fn send(clock: &mut ManagedClock, octets: &[u8], by: Asker) -> (Vec<Vec<u8>>, Option<Setting>) {
    let mut responses = Vec::new();
    let setting = manage(clock, &parse(octets).unwrap(), by, &mut |octets: &[u8]| responses.push(octets.to_vec()));
    (responses, setting)
}

fn ask(asked: Asked<'_>, by: Asker) -> Vec<Vec<u8>> {
    send(&mut clock(), &asked.octets(), by).0
}

/// The one TLV of a response, and who sent it.
fn held(octets: &[u8]) -> (Extension<'_>, Header, Management) {
    let message = parse(octets).unwrap();
    let Body::Management(body) = message.body else { panic!("{message:?}") };
    let mut tlvs = message.tlvs.iter();
    let (Some(tlv), None) = (tlvs.next(), tlvs.next()) else { panic!("one TLV: {message:?}") };
    (tlv.extension().unwrap(), message.header, body)
}

fn error_of(octets: &[u8]) -> ManagementErrorId {
    match held(octets).0 {
        Extension::ManagementErrorStatus(status) => status.management_error_id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_response_repeats_the_request_and_says_how_far_it_came() {
    let responses = ask(Asked { hops: (9, 7), ..Asked::default() }, Asker::Network { port: 2 });
    let (extension, header, body) = held(&responses[0]);
    let Extension::Management(tlv) = extension else { panic!("{extension:?}") };
    assert_eq!(tlv.data, ManagementData::DefaultDataSet(clock().default_ds));
    assert_eq!((header.sequence_id, header.domain_number), (4_711, 24));
    assert_eq!(header.source_port_identity, PortIdentity { clock_identity: OURS, port_number: 2 });
    assert_eq!(body.target_port_identity, THEIRS);
    assert_eq!((body.starting_boundary_hops, body.boundary_hops, body.action), (2, 2, Action::RESPONSE));
    assert_eq!(responses.len(), 1, "one of the clock, however many ports it has");
    // More hops left than there were at first: of a broken clock.
    let responses = ask(Asked { hops: (1, 7), ..Asked::default() }, OWNER);
    assert_eq!(held(&responses[0]).2.boundary_hops, 0);
}

#[test]
fn every_data_set_comes_back_by_its_own_id_as_it_is() {
    let clock = clock();
    let ids = (0..=0xffff).map(ManagementId).filter(|id| !matches!(Scope::of(*id), Scope::Refused(_)));
    let mut count = 0;
    for id in ids {
        for octets in ask(Asked { id, ..Asked::default() }, OWNER) {
            let Extension::Management(tlv) = held(&octets).0 else { panic!("{id:?}") };
            assert_eq!(tlv.management_id, id);
            assert!(tlv.data.management_id().is_none_or(|of_data| of_data == id), "{id:?}: {:?}", tlv.data);
            count += 1;
        }
    }
    assert_eq!(count, 22 + 18 * clock.ports.len(), "one of the clock for each of its ids, one of each port for theirs");
    let only = |id| {
        let responses = ask(Asked { id, ..Asked::default() }, OWNER);
        let Extension::Management(tlv) = held(&responses[0]).0 else { panic!("{id:?}") };
        format!("{:?}", tlv.data)
    };
    assert_eq!(only(ManagementId::CURRENT_DATA_SET), format!("{:?}", ManagementData::CurrentDataSet(clock.current_ds)));
    assert_eq!(only(ManagementId::PARENT_DATA_SET), format!("{:?}", ManagementData::ParentDataSet(clock.parent_ds)));
    assert_eq!(only(ManagementId::TIME_STATUS_NP), format!("{:?}", ManagementData::TimeStatusNp(clock.time_status)));
    assert_eq!(only(ManagementId::TRACEABILITY_PROPERTIES), "TraceabilityProperties(Flags(0x0030))");
    assert_eq!(only(ManagementId::UTC_PROPERTIES), "UtcProperties(37, Flags(0x0005))");
    assert_eq!(
        only(ManagementId::TIMESCALE_PROPERTIES),
        format!("TimescaleProperties(Flags(0x0008), {:?})", TimeSource::GNSS)
    );
    assert_eq!(only(ManagementId::PRIORITY2), "Priority2(101)");
    // 128 octets at most, and no half of a character.
    assert_eq!(only(ManagementId::USER_DESCRIPTION), format!("UserDescription({:?})", "ä".repeat(64)));
}

#[test]
fn a_get_of_a_port_is_answered_by_each_that_is_meant_in_its_own_name() {
    let id = ManagementId::PORT_DATA_SET;
    let of = |clock_identity, port_number| PortIdentity { clock_identity, port_number };
    let who = |target| {
        let responses = ask(Asked { target, id, ..Asked::default() }, Asker::Network { port: 1 });
        let ports = responses.iter().map(|octets| held(octets).1.source_port_identity.port_number);
        ports.collect::<Vec<_>>()
    };
    assert_eq!(who(EVERYBODY), [1, 2]);
    assert_eq!(who(of(OURS, ALL_PORTS)), [1, 2]);
    assert_eq!(who(of(ClockIdentity::WILDCARD, 2)), [2]);
    assert_eq!(who(of(OURS, 1)), [1]);
    let absent = ask(Asked { target: of(OURS, 3), id, ..Asked::default() }, Asker::Network { port: 1 });
    assert_eq!((absent.len(), error_of(&absent[0])), (1, ManagementErrorId::WRONG_VALUE));
}

#[test]
fn what_is_for_others_or_is_no_request_gets_no_answer() {
    let of_another = PortIdentity { clock_identity: ClockIdentity([8; 8]), port_number: ALL_PORTS };
    let itself = PortIdentity { clock_identity: OURS, port_number: 2 };
    for asked in [
        Asked { target: of_another, ..Asked::default() },
        Asked { domain: 0, ..Asked::default() },
        Asked { from: itself, ..Asked::default() },
        Asked { action: Action::RESPONSE, ..Asked::default() },
        Asked { action: Action::ACKNOWLEDGE, ..Asked::default() },
        Asked { action: Action::from_bits(9), ..Asked::default() },
    ] {
        assert!(ask(asked, OWNER).is_empty(), "{:?}", asked.octets());
    }
    // None, two, of another type, without a whole managementId: one MANAGEMENT TLV is a request.
    for tlvs in [&[][..], &[0, 1, 0, 2, 0x20, 0, 0, 1, 0, 2, 0x20, 0], &[0, 3, 0, 2, 0x20, 0], &[0, 1, 0, 0]] {
        let (responses, _) = send(&mut clock(), &Asked::default().with_tlvs(tlvs), OWNER);
        assert!(responses.is_empty(), "{tlvs:?}");
    }
}

#[test]
fn what_is_refused_says_why_by_the_book() {
    use ManagementErrorId as Error;
    use ManagementId as Id;
    let one = [5, 0];
    let network = Asker::Network { port: 1 };
    let stranger = Asker::Local { is_owner: false };
    for (action, id, data, by, why) in [
        (Action::GET, Id(0x1234), &[][..], OWNER, Error::NO_SUCH_ID),
        (Action::GET, Id(0xdead), &[], OWNER, Error::NO_SUCH_ID),
        (Action::GET, Id::FAULT_LOG, &[], OWNER, Error::NOT_SUPPORTED),
        (Action::SET, Id::SUBSCRIBE_EVENTS_NP, &one, OWNER, Error::WRONG_LENGTH),
        (Action::SET, Id::SUBSCRIBE_EVENTS_NP, &[], OWNER, Error::WRONG_LENGTH),
        (Action::SET, Id::SUBSCRIBE_EVENTS_NP, &[1; subscription::LENGTH], network, Error::NOT_SUPPORTED),
        (Action::SET, Id::PATH_TRACE_ENABLE, &one, OWNER, Error::NOT_SETABLE),
        (Action::SET, Id::DOMAIN, &one, OWNER, Error::NOT_SETABLE),
        (Action::SET, Id::CURRENT_DATA_SET, &one, network, Error::NOT_SETABLE),
        (Action::SET, Id::PRIORITY1, &one, network, Error::NOT_SUPPORTED),
        (Action::SET, Id::PRIORITY1, &one, stranger, Error::NOT_SUPPORTED),
        (Action::SET, Id::PRIORITY1, &[], OWNER, Error::WRONG_LENGTH),
        (Action::SET, Id::PRIORITY2, &[5, 0, 0, 0], OWNER, Error::WRONG_LENGTH),
        (Action::COMMAND, Id::INITIALIZE, &one, OWNER, Error::NOT_SUPPORTED),
        (Action::COMMAND, Id::DEFAULT_DATA_SET, &[], OWNER, Error::NOT_SUPPORTED),
        (Action::COMMAND, Id::ENABLE_PORT, &[], OWNER, Error::NOT_SUPPORTED),
    ] {
        let mut clock = clock();
        let (responses, setting) = send(&mut clock, &Asked { action, id, data, ..Asked::default() }.octets(), by);
        assert_eq!((responses.len(), setting), (1, None), "{id:?}");
        let (extension, header, body) = held(&responses[0]);
        let Extension::ManagementErrorStatus(status) = extension else { panic!("{extension:?}") };
        assert_eq!((status.management_error_id, status.management_id), (why, id));
        let answers = if action == Action::COMMAND { Action::ACKNOWLEDGE } else { Action::RESPONSE };
        assert_eq!((body.action, header.sequence_id), (answers, 4_711));
        assert_eq!(clock, super::tests::clock(), "{id:?}");
    }
    let mut unknown = ManagedClock { time: None, ..clock() };
    let (responses, _) = send(&mut unknown, &Asked { id: Id::TIME, ..Asked::default() }.octets(), OWNER);
    assert_eq!(error_of(&responses[0]), Error::UNPOPULATED);
    let mut wordy = clock();
    wordy.ports[0].physical_address = vec![0; 500];
    let (responses, _) = send(&mut wordy, &Asked { id: Id::CLOCK_DESCRIPTION, ..Asked::default() }.octets(), OWNER);
    assert_eq!(error_of(&responses[0]), Error::RESPONSE_TOO_BIG);
    assert_eq!(responses.len(), 2, "the other port's fits");
}

#[test]
fn the_owner_sets_the_priorities_and_is_told_the_new_ones() {
    for (id, setting) in
        [(ManagementId::PRIORITY1, Setting::Priority1(5)), (ManagementId::PRIORITY2, Setting::Priority2(5))]
    {
        let mut clock = clock();
        let (responses, set) =
            send(&mut clock, &Asked { action: Action::SET, id, data: &[5, 0], ..Asked::default() }.octets(), OWNER);
        assert_eq!(set, Some(setting));
        let (Extension::Management(tlv), ..) = held(&responses[0]) else { panic!("{responses:?}") };
        assert!(matches!(tlv.data, ManagementData::Priority1(5) | ManagementData::Priority2(5)), "{tlv:?}");
    }
}

/// The data of the answers to a GET, one of each port or one of the clock.
fn octets_of(clock: &ManagedClock, id: ManagementId) -> Vec<Vec<u8>> {
    let responses = send(&mut clock.clone(), &Asked { id, ..Asked::default() }.octets(), OWNER).0;
    let octets = |response: &Vec<u8>| match held(response).0 {
        Extension::Management(ManagementTlv { data: ManagementData::Other(octets), .. }) => octets.to_vec(),
        Extension::Management(ManagementTlv { data: ManagementData::Empty, .. }) => Vec::new(),
        other => panic!("{other:?}"),
    };
    responses.iter().map(octets).collect()
}

#[test]
fn the_path_is_the_list_of_the_clocks_that_it_goes_through() {
    assert_eq!(octets_of(&clock(), ManagementId::PATH_TRACE_LIST), [[[6; 8], [5; 8]].concat()]);
    assert_eq!(octets_of(&clock(), ManagementId::PATH_TRACE_ENABLE), [[1, 0]]);
    let alone = ManagedClock { path: Some(Vec::new()), traces_path: false, ..clock() };
    assert_eq!(octets_of(&alone, ManagementId::PATH_TRACE_LIST), [[0; 0]]);
    assert_eq!(octets_of(&alone, ManagementId::PATH_TRACE_ENABLE), [[0, 0]]);
    let mut long = ManagedClock { path: None, ..clock() };
    let asked = Asked { id: ManagementId::PATH_TRACE_LIST, ..Asked::default() };
    let responses = send(&mut long, &asked.octets(), OWNER).0;
    assert_eq!(error_of(&responses[0]), ManagementErrorId::RESPONSE_TOO_BIG, "half of it would be another path");
}

#[test]
fn a_port_says_which_hardware_clock_stamps_for_it() {
    let none = [&[1; 8][..], &[0, 1, 255, 255, 255, 255, 0, 0]].concat();
    let third = [&[1; 8][..], &[0, 2, 0, 0, 0, 3, 0, 0]].concat();
    assert_eq!(octets_of(&clock(), ManagementId::PORT_HWCLOCK_NP), [none, third]);
}

#[test]
fn a_port_says_which_masters_it_asks() {
    assert_eq!(octets_of(&clock(), ManagementId::UNICAST_NEGOTIATION_ENABLE), [[0, 0], [1, 0]]);
    assert_eq!(octets_of(&clock(), ManagementId::UNICAST_MASTER_MAX_TABLE_SIZE), [[0, 0], [0, 8]]);
    let (four, six) = ([0, 1, 0, 4, 10, 1, 2, 3], [0, 2, 0, 16, 0xfd, 0x71]);
    // 3 + 8 + 20 octets, and one to make them even.
    let table = [&[255, 0, 2][..], &four, &six, &[0; 13], &[5, 0]].concat();
    assert_eq!(octets_of(&clock(), ManagementId::UNICAST_MASTER_TABLE), [vec![0, 0, 0, 0], table]);
}

#[test]
fn who_is_on_this_machine_subscribes_and_is_told_what_it_has_subscribed_to() {
    let own = [&[0, 90, 4][..], &[0; 63]].concat();
    assert_eq!(octets_of(&clock(), ManagementId::SUBSCRIBE_EVENTS_NP), [own]);
    // Three minutes of what there is, and of something that there is not.
    let data = [&[0, 180, 0x0f][..], &[0; 62], &[1]].concat();
    let (action, id) = (Action::SET, ManagementId::SUBSCRIBE_EVENTS_NP);
    for is_owner in [true, false] {
        let asked = Asked { action, id, data: &data, ..Asked::default() };
        let (responses, set) = send(&mut clock(), &asked.octets(), Asker::Local { is_owner });
        let Some(Setting::Subscription(subscription)) = set else { panic!("{set:?}") };
        assert_eq!((subscription.duration_s, subscription.events.contains(ManagedEvents::TIME_SYNC)), (180, true));
        let (Extension::Management(tlv), ..) = held(&responses[0]) else { panic!("{responses:?}") };
        assert_eq!(tlv.data, ManagementData::Other(&[&[0, 180, 7][..], &[0; 63]].concat()));
    }
    // Who finds no room is refused, but may have the subscription ended that it does not have.
    let mut full = ManagedClock { may_subscribe: false, ..clock() };
    let (responses, set) = send(&mut full, &Asked { action, id, data: &data, ..Asked::default() }.octets(), OWNER);
    assert_eq!((error_of(&responses[0]), set), (ManagementErrorId::GENERAL_ERROR, None));
    let (_, set) = send(&mut full, &Asked { action, id, data: &[0; 66], ..Asked::default() }.octets(), OWNER);
    assert_eq!(set, Some(Setting::Subscription(Subscription::default())));
    let now = crate::time::Timestamp::from_secs(1_000);
    let ends_at = Subscription { duration_s: 180, ..Subscription::default() }.ends_at(now);
    let later = now + Duration::from_millis(60_500);
    assert_eq!(Subscription::left(ManagedEvents::PORT_STATE, ends_at, later).duration_s, 120);
    assert_eq!(Subscription { duration_s: u16::MAX, ..Subscription::default() }.ends_at(now), None);
    assert_eq!(Subscription::left(ManagedEvents::PORT_STATE, None, later).duration_s, u16::MAX);
}

#[test]
fn what_has_changed_is_told_by_the_data_set_that_has() {
    let before = clock();
    let told = |events: u8, clock: &ManagedClock| {
        let mut sequence_id = 65_535;
        let mut told = Vec::new();
        let data = [&[0, 180, events][..], &[0; 63]].concat();
        let events = Subscription::read(&ManagementData::Other(&data)).unwrap().events;
        notify(&before, clock, events, THEIRS, &mut sequence_id, &mut |octets| {
            let (extension, header, body) = held(octets);
            let Extension::Management(tlv) = extension else { panic!("{extension:?}") };
            assert_eq!((body.target_port_identity, body.action), (THEIRS, Action::RESPONSE));
            told.push((tlv.management_id, header.source_port_identity.port_number, header.sequence_id));
        });
        assert_eq!(sequence_id, 65_535_u16.wrapping_add(told.len() as u16));
        told
    };
    assert_eq!(told(7, &before), [], "nothing has");
    let mut read_again = clock();
    read_again.time_status.ingress_time_ns -= 200_000;
    assert_eq!(told(7, &read_again), [], "no Sync has come: the same one is said of two clocks");
    let mut changed = clock();
    changed.ports[1].port_ds.port_state = 6;
    changed.ports.push(port(3));
    changed.parent_ds.grandmaster_priority1 = 1;
    changed.time_status.ingress_time_ns += 7_812_500;
    let ports = [(ManagementId::PORT_DATA_SET, 2, 65_535), (ManagementId::PORT_DATA_SET, 3, 0)];
    assert_eq!(told(1, &changed), ports);
    assert_eq!(told(2, &changed), [(ManagementId::TIME_STATUS_NP, 0, 65_535)]);
    assert_eq!(told(4, &changed), [(ManagementId::PARENT_DATA_SET, 0, 65_535)]);
    assert_eq!(told(7, &changed).len(), 4);
    // Nobody was compared with.
    changed.time_status.gm_present = false;
    assert_eq!(told(2, &changed), []);
}

#[test]
fn a_get_with_the_octets_of_its_answer_is_a_get() {
    for data in [&[0; 20][..], &[0; 2], &[0; 266]] {
        let responses = ask(Asked { data, ..Asked::default() }, OWNER);
        assert!(matches!(held(&responses[0]).0, Extension::Management(_)), "{}", data.len());
    }
}

#[test]
fn messages_go_on_while_they_have_hops_left_and_not_if_they_are_ours() {
    let next = |asked: Asked<'_>| {
        let octets = asked.octets();
        let message = parse(&octets).unwrap();
        forwarded(&message, OURS).map(|message| match message.body {
            Body::Management(body) => (body.starting_boundary_hops, body.boundary_hops),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(next(Asked { hops: (3, 2), ..Asked::default() }), Some((3, 1)));
    assert_eq!(next(Asked { hops: (3, 1), ..Asked::default() }), Some((3, 0)));
    assert_eq!(next(Asked { hops: (3, 0), ..Asked::default() }), None);
    let ours = PortIdentity { clock_identity: OURS, port_number: 1 };
    assert_eq!(next(Asked { target: ours, hops: (3, 2), ..Asked::default() }), None, "it has arrived");
    assert_eq!(next(Asked { from: ours, hops: (3, 2), ..Asked::default() }), None, "it has come back");
    assert_eq!(next(Asked { action: Action::RESPONSE, hops: (2, 2), ..Asked::default() }), Some((2, 1)));
}

#[test]
fn only_ports_of_the_tree_forward_or_two_links_side_by_side_would_be_a_loop() {
    let mut clock = clock();
    let forwards = PortState::ALL.into_iter().filter(|state| {
        clock.ports[1].port_ds.port_state = *state as u8;
        clock.forwards(2)
    });
    let forwards: Vec<_> = forwards.collect();
    assert_eq!(forwards, [PortState::PreMaster, PortState::Master, PortState::Uncalibrated, PortState::Slave]);
    assert!(!clock.forwards(3) && clock.port(3).is_none(), "there is none");
}

#[test]
fn the_acceptable_master_table_is_of_the_clock_and_each_port_says_whether_it_heeds_one() {
    let data = |id: ManagementId, clock: &mut ManagedClock| {
        let (responses, _) = send(clock, &Asked { id, ..Asked::default() }.octets(), OWNER);
        let data = responses.iter().map(|response| match held(response).0 {
            Extension::Management(ManagementTlv { data: ManagementData::Other(octets), .. }) => octets.to_vec(),
            other => panic!("{other:?}"),
        });
        data.collect::<Vec<_>>()
    };
    let mut clock = clock();
    // What both heed is there once.
    let expected = [&[0, 2][..], &[6; 8], &[0, 1, 0], &[5; 8], &[1, 2, 9]].concat();
    assert_eq!(data(ManagementId::ACCEPTABLE_MASTER_TABLE, &mut clock), [expected]);
    assert_eq!(data(ManagementId::ACCEPTABLE_MASTER_MAX_TABLE_SIZE, &mut clock), [[0, 16]]);
    clock.ports[0].acceptable_masters.clear();
    assert_eq!(data(ManagementId::ACCEPTABLE_MASTER_TABLE_ENABLED, &mut clock), [[0, 0], [1, 0]]);
    clock.ports[1].acceptable_masters.pop();
    // An odd length, and a pad octet.
    let expected = [&[0, 1][..], &[6; 8], &[0, 1, 0, 0]].concat();
    assert_eq!(data(ManagementId::ACCEPTABLE_MASTER_TABLE, &mut clock), [expected]);
    let set =
        Asked { id: ManagementId::ACCEPTABLE_MASTER_TABLE, action: Action::SET, data: &[0, 0], ..Asked::default() };
    assert_eq!(error_of(&ask(set, OWNER)[0]), ManagementErrorId::NOT_SETABLE);
}
