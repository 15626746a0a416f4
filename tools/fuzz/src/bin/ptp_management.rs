#![cfg_attr(not(test), no_main)]
//! Any octets as a management message to a clock of two ports.

use synchronome::ptp::{
    AcceptableMaster, Asker, MANAGEMENT_MAX, ManagedClock, ManagedPort, ManagedUnicast, Setting, Subscription,
    forwarded, manage, notify,
};
use synchronome::time::LogInterval;
use synchronome::wire::ptp::{
    Action, Body, ClockAccuracy, ClockIdentity, ClockQuality, CurrentDataSet, DefaultDataSet, Flags,
    GrandmasterSettingsNp, ParentDataSet, PortDataSet, PortDataSetNp, PortIdentity, ScaledNs, TimeInterval,
    TimePropertiesDataSet, TimeSource, TimeStatusNp, WireTimestamp, parse,
};

synchronome_fuzz::target!(check);

const OURS: ClockIdentity = ClockIdentity([1; 8]);

/// A request gets at most one response of each port, each of them a whole message to who has asked; only the owner's SET
/// changes anything, who is on this machine may subscribe and is then told what has changed, and nothing is forwarded without a hop.
fn check(octets: &[u8]) {
    let Ok(message) = parse(octets) else { return };
    for (by, may_set) in [
        (Asker::Network { port: 1 }, false),
        (Asker::Local { is_owner: false }, false),
        (Asker::Local { is_owner: true }, true),
    ] {
        let mut clock = clock(message.header.domain_number, message.header.sdo_id);
        let before = clock.clone();
        let mut count = 0;
        let set = manage(&mut clock, &message, by, &mut |response| {
            count += 1;
            assert!(response.len() <= MANAGEMENT_MAX);
            let response = parse(response).expect("what is sent can be read");
            let Body::Management(answer) = response.body else { panic!("{response:?}") };
            assert_eq!(answer.target_port_identity, message.header.source_port_identity);
            assert_eq!(response.header.sequence_id, message.header.sequence_id);
            assert_eq!(response.header.source_port_identity.clock_identity, OURS);
            assert!(matches!(answer.action, Action::RESPONSE | Action::ACKNOWLEDGE));
            assert_eq!(answer.starting_boundary_hops, answer.boundary_hops);
            let mut tlvs = response.tlvs.iter();
            assert!(tlvs.next().is_some_and(|tlv| tlv.extension().is_ok()) && tlvs.next().is_none());
        });
        assert!(count <= clock.ports.len(), "{count} responses to {message:?}");
        if let Some(Setting::Subscription(wanted)) = set {
            assert!(matches!(by, Asker::Local { .. }));
            let (mut sequence_id, mut changed) = (0, before.clone());
            changed.parent_ds.grandmaster_priority1 -= 1;
            let to = message.header.source_port_identity;
            notify(&before, &changed, wanted.events, to, &mut sequence_id, &mut |told| {
                let Body::Management(told) = parse(told).expect("what is sent can be read").body else { panic!() };
                assert_eq!((told.target_port_identity, told.action), (to, Action::RESPONSE));
            });
            assert!(sequence_id <= 1);
            clock.subscription = before.subscription;
            assert_eq!(clock, before, "{message:?}");
        } else {
            assert!(may_set || set.is_none() && clock == before, "{message:?}");
        }
    }
    if let (Some(next), Body::Management(body)) = (forwarded(&message, OURS), message.body) {
        let Body::Management(forwarded) = next.body else { panic!("{next:?}") };
        assert_eq!(forwarded.boundary_hops + 1, body.boundary_hops);
        assert_ne!(message.header.source_port_identity.clock_identity, OURS);
    }
}

fn clock(domain_number: u8, sdo_id: u16) -> ManagedClock {
    let quality =
        ClockQuality { clock_class: 248, clock_accuracy: ClockAccuracy::UNKNOWN, offset_scaled_log_variance: 0xffff };
    let itself = PortIdentity { clock_identity: OURS, port_number: 0 };
    let time_properties_ds =
        TimePropertiesDataSet { current_utc_offset: 37, flags: Flags(0x3d), time_source: TimeSource::GNSS };
    ManagedClock {
        sdo_id,
        minor_version: 1,
        default_ds: DefaultDataSet {
            two_step: true,
            slave_only: false,
            number_ports: 2,
            priority1: 128,
            clock_quality: quality,
            priority2: 128,
            clock_identity: OURS,
            domain_number,
        },
        current_ds: CurrentDataSet {
            steps_removed: 0,
            offset_from_master: TimeInterval::ZERO,
            mean_path_delay: TimeInterval::TOO_BIG,
        },
        parent_ds: ParentDataSet {
            parent_port_identity: itself,
            parent_stats: false,
            observed_parent_offset_scaled_log_variance: 0xffff,
            observed_parent_clock_phase_change_rate: 0x7fff_ffff,
            grandmaster_priority1: 128,
            grandmaster_clock_quality: quality,
            grandmaster_priority2: 128,
            grandmaster_identity: OURS,
        },
        time_properties_ds,
        time: WireTimestamp::new(1, 2),
        time_status: TimeStatusNp {
            master_offset_ns: 0,
            ingress_time_ns: 0,
            cumulative_scaled_rate_offset: 0,
            scaled_last_gm_phase_change: 0,
            gm_time_base_indicator: 0,
            last_gm_phase_change: ScaledNs::default(),
            gm_present: false,
            gm_identity: OURS,
        },
        grandmaster_settings: GrandmasterSettingsNp { clock_quality: quality, time_properties: time_properties_ds },
        traces_path: true,
        path: Some(vec![OURS; 3]),
        subscription: Subscription::default(),
        may_subscribe: true,
        user_description: "host".to_owned(),
        product_description: ";p;".to_owned(),
        revision_data: ";;1".to_owned(),
        ports: [1, 2].map(port).into(),
    }
}

fn port(port_number: u16) -> ManagedPort {
    ManagedPort {
        port_ds: PortDataSet {
            port_identity: PortIdentity { clock_identity: OURS, port_number },
            port_state: 6,
            log_min_delay_req_interval: LogInterval::new(0),
            peer_mean_path_delay: TimeInterval::ZERO,
            log_announce_interval: LogInterval::new(1),
            announce_receipt_timeout: 3,
            log_sync_interval: LogInterval::new(0),
            delay_mechanism: 1,
            log_min_pdelay_req_interval: LogInterval::new(0),
            version_number: 2,
        },
        master_only: false,
        interface: "eth0".to_owned(),
        physical_address: vec![2; 6],
        network_protocol: 1,
        // The other port's description does not fit.
        protocol_address: vec![10; if port_number == 1 { 4 } else { 500 }],
        timestamping: 0,
        phc_index: (port_number == 2).then_some(3),
        peer: PortDataSetNp { neighbor_prop_delay_thresh_ns: 0, as_capable: true },
        unicast: (port_number == 1).then(|| ManagedUnicast {
            log_query_interval: LogInterval::new(0),
            masters: vec![[10, 0, 0, 1].into()],
            masters_max: 8,
        }),
        acceptable_masters: vec![
            AcceptableMaster {
                port: PortIdentity { clock_identity: ClockIdentity([port_number as u8; 8]), port_number },
                alternate_priority1: 7,
            };
            usize::from(port_number)
        ],
        received: [1; 16],
        sent: [2; 16],
    }
}
