//! Statuses for the tests of what is shown.

use super::status::{
    BoundPartsStatus, ClockKind, ClockStatus, EventRecord, GrandmasterStatus, HoldoverStatus, HookStatus,
    NtpClientStatus, NtpLatencyStatus, NtpQuestionsStatus, NtpServedStatus, NtpServerStatus, PhcStatus, PortStatus,
    SCHEMA, SourceStatus, Status, ThreadStatus, TruthStatus,
};
use crate::time::SyncState;

/// A daemon that follows a grandmaster with a simulated clock.
pub(super) fn locked() -> Status {
    Status {
        ptp_clocks: Vec::new(),
        schema: SCHEMA,
        version: "0.1.0".to_owned(),
        host: "tick".to_owned(),
        pid: 4_242,
        uptime_s: 11_530.0,
        generated_at: "2026-02-28T23:59:59.000Z".to_owned(),
        state: SyncState::Locked,
        state_since_s: 11_520.0,
        reason: "the bound is inside the limit".to_owned(),
        clock: clock(),
        phcs: Vec::new(),
        sources: Vec::new(),
        ptp: vec![port()],
        ntp_server: Some(NtpServerStatus {
            listen: vec!["0.0.0.0:123".to_owned(), "[::]:123".to_owned()],
            workers: 2,
            worker_restarts: 0,
            stratum: Some(1),
            local_stratum: None,
            smeared_s: None,
            requests: 1_042,
            answered: 1_040,
            answered_local: 6,
            dropped: [("malformed".to_owned(), 2), ("wrong_mode".to_owned(), 0)].into(),
            hardware_stamps: 1_020,
            software_stamps: 20,
            departures: 530,
            hardware_departures: 525,
            hardware_stamps_rejected: 3,
            interleaved: 512,
            denied: 2,
            rate_kisses: 1,
            latency: Some(NtpLatencyStatus {
                count: 1_020,
                sum_s: 0.016_3,
                p50_s: 14e-6,
                p90_s: 21e-6,
                p99_s: 38e-6,
                p999_s: 410e-6,
                max_s: 1.2e-3,
                within: vec![(20e-6, 850), (50e-6, 1_015), (1e-3, 1_019)],
            }),
            served: Some(NtpServedStatus {
                leap: 0,
                stratum: 1,
                reference_id: "PTP".to_owned(),
                root_delay_s: 0.0,
                root_dispersion_s: 1.3e-6,
            }),
            questions: NtpQuestionsStatus { answered: 3, dropped: [("too_long".to_owned(), 1)].into() },
            clients: 17,
            busiest: vec![NtpClientStatus {
                address: "192.0.2.77".to_owned(),
                requests: 800,
                limited: 4,
                interval_s: Some(16.0),
                last_age_s: 3.2,
                version: 4,
            }],
        }),
        threads: vec![thread("ptp-vb0", Some(1), Some(40)), thread("discipline", None, None)],
        truth: Some(TruthStatus {
            samples: 1_000,
            rms_s: Some(210e-9),
            max_s: Some(700e-9),
            p99_s: Some(600e-9),
            violations: 0,
            error_s: Some(-90e-9),
            bound_s: Some(840e-9),
        }),
        lacks: Vec::new(),
        security: None,
        events: vec![EventRecord {
            at: "2026-02-28T20:47:59.000Z".to_owned(),
            age_s: 11_520.0,
            level: "info".to_owned(),
            topic: "clock".to_owned(),
            text: "LOCKED: the bound is inside the limit".to_owned(),
            fields: [("bound_s".to_owned(), "0.00009".to_owned())].into(),
            ..EventRecord::default()
        }],
        hooks: Vec::new(),
        disruption_counts: [("paused_or_moved".to_owned(), 1)].into(),
        leap_list_expires_in_s: Some(86_400.0 * 100.0),
        event_counts: [("state".to_owned(), 3), ("step".to_owned(), 1)].into(),
        rings_dropped: [("observations".to_owned(), 0)].into(),
    }
}

fn clock() -> ClockStatus {
    ClockStatus {
        kind: ClockKind::Simulated,
        offset_from_master_s: Some(-120e-9),
        bound_s: Some(840e-9),
        bound_parts: Some(BoundPartsStatus {
            source_s: 0.0,
            path_s: 540e-9,
            noise_s: 70e-9,
            offset_s: 120e-9,
            stamps_s: 60e-9,
            drift_s: 50e-9,
        }),
        bound_growth_ppb: Some(1_000.0),
        holdover: vec![
            HoldoverStatus { limit_s: 1e-6, exceeded_in_s: 21.0 },
            HoldoverStatus { limit_s: 100e-6, exceeded_in_s: 3_130.0 },
        ],
        frequency_ppb: Some(-40_012.0),
        oscillator_frequency_ppb: Some(40_011.0),
        epoch: 1,
        steps: 1,
        last_sample_age_s: Some(0.3),
        lock_time_s: Some(2.31),
        lock_time_since_start_s: Some(10.2),
        lock_time_since_first_announce_s: Some(4.4),
        lock_limit_s: 100e-6,
        timescale: Some("timescale ARB, taken as UTC".to_owned()),
        tai_utc_s: None,
        leap: Some("none".to_owned()),
        leap_age_s: None,
        leap_dispute: None,
        mean_path_delay_s: Some(1.22e-6),
    }
}

fn port() -> PortStatus {
    PortStatus {
        interface: "vb0".to_owned(),
        role: "slave".to_owned(),
        port_state: "SLAVE".to_owned(),
        domain: 0,
        sdo_id: 0,
        identity: Some("020000.fffe.000002-1".to_owned()),
        transport: "udp4".to_owned(),
        timestamps: Some("software".to_owned()),
        timestamps_reason: Some("interface vb0 has no PTP hardware clock".to_owned()),
        phc: None,
        parent: Some("001b21.fffe.aabbcc-1".to_owned()),
        grandmaster: Some(GrandmasterStatus {
            identity: "001b21.fffe.aabbcc".to_owned(),
            class: 248,
            accuracy: "unknown".to_owned(),
            priority1: 10,
            priority2: 128,
            steps_removed: 0,
            time_source: "internal oscillator".to_owned(),
            synchronization_uncertain: false,
        }),
        announces: None,
        path: Vec::new(),
        grandmaster_change: None,
        sync_interval_s: Some(0.125),
        mean_path_delay_s: Some(1.22e-6),
        metadata: None,
        power: None,
        neighbor: None,
        unicast: None,
        tx_stamp_waits: None,
        last_sync_age_s: Some(0.1),
        waiting_for: None,
        heard: vec!["0200aa.fffe.000001-1 in domain 44, which is not ours".to_owned()],
        counters: [("sync_received".to_owned(), 92_000), ("drop_other_domain".to_owned(), 17)].into(),
    }
}

fn thread(name: &str, core: Option<u32>, priority: Option<u8>) -> ThreadStatus {
    ThreadStatus { name: name.to_owned(), core, priority, alive_age_s: Some(0.2), allocations: Some(0) }
}

/// The master went silent 45 s ago.
pub(super) fn holdover() -> Status {
    let mut status = locked();
    status.state = SyncState::Holdover;
    status.state_since_s = 45.0;
    status.reason = "no sample for four intervals".to_owned();
    status.clock.last_sample_age_s = Some(45.6);
    status.clock.bound_s = Some(46.4e-6);
    status.clock.bound_parts = status.clock.bound_parts.map(|parts| BoundPartsStatus { drift_s: 45.61e-6, ..parts });
    (status.clock.holdover[0].exceeded_in_s, status.clock.holdover[1].exceeded_in_s) = (0.0, 640.0);
    let port = &mut status.ptp[0];
    (port.port_state, port.parent, port.grandmaster) = ("LISTENING".to_owned(), None, None);
    (port.last_sync_age_s, port.sync_interval_s, port.mean_path_delay_s) = (Some(45.6), None, None);
    status
}

/// Nothing was ever heard.
pub(super) fn never_synced() -> Status {
    let mut status = locked();
    status.state = SyncState::NeverSynced;
    (status.uptime_s, status.state_since_s) = (12.0, 12.0);
    status.reason = "no Announce was heard on vb0 in domain 0".to_owned();
    status.clock = ClockStatus {
        kind: ClockKind::Simulated,
        lock_limit_s: 100e-6,
        frequency_ppb: Some(0.0),
        ..ClockStatus::default()
    };
    status.ptp[0] = PortStatus {
        port_state: "LISTENING".to_owned(),
        parent: None,
        grandmaster: None,
        sync_interval_s: None,
        mean_path_delay_s: None,
        last_sync_age_s: None,
        heard: Vec::new(),
        ..port()
    };
    if let Some(server) = &mut status.ntp_server {
        server.stratum = None;
    }
    status.truth = None;
    status.events.clear();
    status
}

/// The interface of the only port does not exist.
pub(super) fn waiting() -> Status {
    let mut status = never_synced();
    status.reason = "no PTP port runs yet".to_owned();
    status.ptp[0] = PortStatus {
        interface: "vb0".to_owned(),
        role: "slave".to_owned(),
        port_state: "INITIALIZING".to_owned(),
        waiting_for: Some("interface vb0 does not exist yet".to_owned()),
        ..PortStatus::default()
    };
    status
}

/// Started by an ordinary user: it may not adjust the system clock.
pub(super) fn lacking() -> Status {
    let mut status = locked();
    status.clock.kind = ClockKind::Observe;
    status.clock.frequency_ppb = None;
    status.clock.steps = 0;
    status.truth = None;
    status.ntp_server = None;
    status.lacks = vec![
        "CAP_SYS_NICE is missing: the threads run at ordinary priority; give it with \
         `setcap cap_sys_nice+ep synchronome`"
            .to_owned(),
    ];
    status
}

/// A daemon that disciplines the clocks of two cards and the system clock; the second card does not obey.
pub(super) fn hardware() -> Status {
    let mut status = locked();
    status.truth = None;
    status.clock = ClockStatus {
        kind: ClockKind::System,
        lock_limit_s: 10e-6,
        timescale: Some("timescale PTP (TAI), TAI-UTC 37 s from the grandmaster".to_owned()),
        tai_utc_s: Some(37),
        ..clock()
    };
    status.phcs = vec![
        PhcStatus {
            name: "eth0".to_owned(),
            device: "/dev/ptp0".to_owned(),
            state: SyncState::Locked,
            is_steered: true,
            is_hub: true,
            offset_from_master_s: Some(-12e-9),
            bound_s: Some(210e-9),
            frequency_ppb: Some(-12_300.0),
            oscillator_frequency_ppb: Some(12_301.0),
            crossing_method: "extended".to_owned(),
            crossing_window_s: 420e-9,
            problem: None,
            epoch: 1,
            jumps: 0,
            last_sample_age_s: Some(0.1),
            lock_time_s: Some(1.92),
        },
        PhcStatus {
            name: "eth1".to_owned(),
            device: "/dev/ptp1".to_owned(),
            state: SyncState::Acquiring,
            is_steered: true,
            is_hub: false,
            offset_from_master_s: Some(31e-6),
            bound_s: Some(32e-6),
            frequency_ppb: Some(0.0),
            oscillator_frequency_ppb: None,
            crossing_method: "basic".to_owned(),
            crossing_window_s: 1.1e-6,
            problem: Some("it refuses to be adjusted (Device or resource busy)".to_owned()),
            epoch: 2,
            jumps: 1,
            last_sample_age_s: Some(0.2),
            lock_time_s: None,
        },
    ];
    let port = &mut status.ptp[0];
    (port.timestamps, port.timestamps_reason) = (Some("hardware".to_owned()), None);
    (port.interface, port.phc) = ("eth0".to_owned(), Some("/dev/ptp0".to_owned()));
    port.heard.clear();
    status
}

/// A port that steers, a server that guards it, one that lies and one that is not there.
pub(super) fn several() -> Status {
    let source = |kind: &str, name: &str, verdict: &str, reason: &str| SourceStatus {
        kind: kind.to_owned(),
        name: name.to_owned(),
        verdict: verdict.to_owned(),
        reason: reason.to_owned(),
        ..SourceStatus::default()
    };
    let heard = |offset_s: f64, distance_s: f64, source: SourceStatus| SourceStatus {
        offset_s: Some(offset_s),
        distance_s: Some(distance_s),
        last_sample_age_s: Some(0.1),
        interval_s: Some(0.125),
        ..source
    };
    let asked = |address: &str, source: SourceStatus| SourceStatus {
        address: Some(address.to_owned()),
        stratum: Some(1),
        reach: Some(0o377),
        interval_s: Some(64.0),
        last_sample_age_s: Some(12.0),
        round_trip_s: Some(420e-6),
        root_distance_s: Some(30e-6),
        ..source
    };
    let good = "it agrees with the majority";
    let steers = SourceStatus { is_steering: true, ..heard(-90e-9, 840e-9, source("ptp", "vb0", "agrees", good)) };
    let guard = asked("192.0.2.1:123", heard(2e-6, 240e-6, source("ntp", "ntp1.example.net", "agrees", good)));
    let lies = "it is 49.7 ms ahead of all that the majority allows";
    let liar = heard(-0.05, 260e-6, source("ntp", "198.51.100.7", "falseticker", lies));
    let absent = source("ntp", "ntp9.example.net", "silent", "its name cannot be looked up");
    Status { sources: vec![steers, guard, asked("198.51.100.7:123", liar), absent], ..locked() }
}

/// A daemon with all that there can be, and all is well.
pub(super) fn well() -> Status {
    let mut status = hardware();
    status.sources = several().sources;
    status.sources.truncate(2);
    status.sources[0].name = "eth0".to_owned();
    let (eth0, eth1) = (status.phcs[0].clone(), &mut status.phcs[1]);
    *eth1 = PhcStatus { name: "eth1".to_owned(), device: "/dev/ptp1".to_owned(), is_hub: false, ..eth0 };
    status.ptp.push(PortStatus {
        interface: "eth1".to_owned(),
        port_state: "MASTER".to_owned(),
        timestamps: Some("hardware".to_owned()),
        phc: Some("/dev/ptp1".to_owned()),
        ..PortStatus::default()
    });
    status.hooks.push(HookStatus {
        program: "/usr/local/bin/tell".to_owned(),
        events: vec!["step".to_owned()],
        succeeded: 3,
        ..HookStatus::default()
    });
    status
}
