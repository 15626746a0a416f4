//! Metrics in Prometheus' text exposition format 0.0.4.
//!
//! Base units, seconds above all. What is not known has no series: no zero, no huge number. Ages stand beside the
//! figures: `last_update_timestamp_seconds` for alerts by arithmetic, `last_sample_age_seconds` for eyes. The three
//! that matter: `clock_offset_seconds` (measured), `clock_error_bound_seconds` (guaranteed), `sync_state`.

mod dialects;
mod exposition;

pub use dialects::Dialect;
use exposition::{Exposition, Kind, Label, Word};

use super::change::{DISRUPTIONS, EventKind};
use super::event::parse_rfc3339;
use super::health::{Thresholds, code};
use super::status::{
    BoundPartsStatus, ClockStatus, HookStatus, NtpServerStatus, PhcStatus, PortStatus, SourceStatus, Status,
    TruthStatus,
};
use crate::ptp::SignalFail;
use crate::time::{Duration, SyncState, Timestamp};

/// The content type of [`metrics`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// portState, in the order of IEEE 1588-2019 table 20; other words get a series of their own.
const PORT_STATES: [&str; 9] =
    ["INITIALIZING", "FAULTY", "DISABLED", "LISTENING", "PRE_MASTER", "MASTER", "PASSIVE", "UNCALIBRATED", "SLAVE"];

/// The status as metrics, under our names and those of these others.
pub fn metrics(status: &Status, also: &[Dialect]) -> String {
    let mut out = Exposition::default();
    daemon(&mut out, status);
    let rows = rows(status);
    state(&mut out, status, &rows);
    clocks(&mut out, status, &rows);
    served_clock(&mut out, status);
    lock(&mut out, status);
    phcs(&mut out, &status.phcs);
    sources(&mut out, &status.sources);
    ports(&mut out, &status.ptp);
    missing_stamps(&mut out, &status.ptp);
    grandmasters(&mut out, &status.ptp);
    if let Some(server) = &status.ntp_server {
        ntp_server(&mut out, server);
    }
    threads(&mut out, status);
    if let Some(truth) = &status.truth {
        truth_of(&mut out, &status.clock, truth);
    }
    happenings(&mut out, status);
    hooks(&mut out, &status.hooks);
    for dialect in also {
        dialect.write(&mut out, status);
    }
    out.finish()
}

/// What has happened since the start.
fn happenings(out: &mut Exposition, status: &Status) {
    let kind = status.clock.kind.word();
    let of = |event: EventKind| status.event_counts.get(event.word()).copied().unwrap_or_default() as f64;
    let mut family = out.family("events_total", Kind::Counter, "Events, by kind as `synchronome events` names them.");
    for event in EventKind::ALL {
        family.sample(&[("kind", &Word(event.word()))], Some(of(event)));
    }
    let help = "How often another program was seen to change a frequency that is ours to set.";
    out.family("foreign_adjustments_total", Kind::Counter, help).sample(&[], Some(of(EventKind::Foreign)));
    let help = "How often the machine was paused, moved, restored or stood still.";
    let mut family = out.family("vm_disruptions_total", Kind::Counter, help);
    for word in DISRUPTIONS {
        let count = status.disruption_counts.get(word).copied().unwrap_or_default();
        family.sample(&[("kind", &Word(word))], Some(count as f64));
    }
    let help = "Steps of the clock, by who made them.";
    let mut family = out.family("steps_total", Kind::Counter, help);
    family.sample(&[("clock", &Word(kind)), ("author", &Word("synchronome"))], Some(status.clock.steps as f64));
    family.sample(&[("clock", &Word(kind)), ("author", &Word("somebody"))], Some(of(EventKind::ClockSet)));
    let help = "Time until the list of leap seconds expires; negative once it has; absent without a list.";
    gauge(out, "leap_list_expires_seconds", help, status.leap_list_expires_in_s);
}

/// What became of the runs of hooks. Several hooks may run one program: they are numbered as the configuration has them.
fn hooks(out: &mut Exposition, hooks: &[HookStatus]) {
    let help = "Runs of a hook's program, by what became of them.";
    let mut family = out.family("hook_runs_total", Kind::Counter, help);
    for (number, hook) in hooks.iter().enumerate() {
        for (outcome, count) in [("succeeded", hook.succeeded), ("failed", hook.failed), ("killed", hook.killed)] {
            let labels: [(&str, &dyn Label); 3] =
                [("hook", &number), ("program", &hook.program), ("outcome", &outcome)];
            family.sample(&labels, Some(count as f64));
        }
    }
    let help = "Events for which a hook was not run: too much happened at once.";
    let mut family = out.family("hook_left_out_total", Kind::Counter, help);
    for (number, hook) in hooks.iter().enumerate() {
        family.sample(&[("hook", &number), ("program", &hook.program)], Some(hook.left_out as f64));
    }
}

/// A family of one gauge without labels, if it is known.
fn gauge(out: &mut Exposition, name: &str, help: &str, value: Option<f64>) {
    out.family(name, Kind::Gauge, help).sample(&[], value);
}

fn daemon(out: &mut Exposition, status: &Status) {
    out.family("build_info", Kind::Gauge, "Version of the daemon; always 1.")
        .sample(&[("version", &status.version), ("schema", &status.schema)], Some(1.0));
    gauge(out, "uptime_seconds", "Time since the daemon started.", Some(status.uptime_s));
    let code = code(status, &Thresholds::default()) as u8;
    let help = "The verdict with its default limits: 0 OK, 1 WARNING, 2 CRITICAL.";
    gauge(out, "health_code", help, Some(f64::from(code)));
    let help = "How many capabilities, devices or addresses are missing; `synchronome status` names them.";
    gauge(out, "lacks", help, Some(status.lacks.len() as f64));
    let help = "Records lost because the ring between two threads was full.";
    let mut family = out.family("ring_dropped_total", Kind::Counter, help);
    for (ring, dropped) in &status.rings_dropped {
        family.sample(&[("ring", ring)], Some(*dropped as f64));
    }
}

/// What is said of each clock, whichever it is; `name` is the value of the label `clock`.
struct Row<'a> {
    name: &'a str,
    state: SyncState,
    last_sample_age_s: Option<f64>,
    offset_from_master_s: Option<f64>,
    bound_s: Option<f64>,
    frequency_ppb: Option<f64>,
    oscillator_frequency_ppb: Option<f64>,
    epoch: u32,
}

/// The system clock, or what stands for it, then the PHCs.
fn rows(status: &Status) -> Vec<Row<'_>> {
    let clock = &status.clock;
    let served = Row {
        name: clock.kind.word(),
        state: status.state,
        last_sample_age_s: clock.last_sample_age_s,
        offset_from_master_s: clock.offset_from_master_s,
        bound_s: clock.bound_s,
        frequency_ppb: clock.frequency_ppb,
        oscillator_frequency_ppb: clock.oscillator_frequency_ppb,
        epoch: clock.epoch,
    };
    let phcs = status.phcs.iter().map(|phc| Row {
        name: &phc.name,
        state: phc.state,
        last_sample_age_s: phc.last_sample_age_s,
        offset_from_master_s: phc.offset_from_master_s,
        bound_s: phc.bound_s,
        frequency_ppb: phc.frequency_ppb,
        oscillator_frequency_ppb: phc.oscillator_frequency_ppb,
        epoch: phc.epoch,
    });
    std::iter::once(served).chain(phcs).collect()
}

fn state(out: &mut Exposition, status: &Status, rows: &[Row<'_>]) {
    let mut family = out.family("sync_state", Kind::Gauge, "1 for the state that the clock is in, 0 for the others.");
    for row in rows {
        for state in SyncState::ALL {
            let is = if state == row.state { 1.0 } else { 0.0 };
            family.sample(&[("clock", &row.name), ("state", &Word(state.word()))], Some(is));
        }
    }
    out.family("sync_state_age_seconds", Kind::Gauge, "Time since the clock entered its state.")
        .sample(&[("clock", &Word(status.clock.kind.word()))], Some(status.state_since_s));
    let help = "Age of the last usable sample; absent if none ever came.";
    let mut family = out.family("last_sample_age_seconds", Kind::Gauge, help);
    for row in rows {
        family.sample(&[("clock", &row.name)], row.last_sample_age_s);
    }
    let at = parse_rfc3339(&status.generated_at);
    let help = "When the last usable sample came: the time of clock_offset_seconds; absent if none ever came.";
    let mut family = out.family("last_update_timestamp_seconds", Kind::Gauge, help);
    for row in rows {
        let at = at
            .zip(row.last_sample_age_s)
            .map(|(at, age)| (at - Duration::from_secs_f64(age) - Timestamp::EPOCH).as_secs_f64());
        family.sample(&[("clock", &row.name)], at);
    }
}

fn clocks(out: &mut Exposition, status: &Status, rows: &[Row<'_>]) {
    let source = status.followed().map_or("", |port| port.interface.as_str());
    let help = "Last measured offset from the master; positive is ahead.";
    let mut family = out.family("clock_offset_seconds", Kind::Gauge, help);
    for row in rows {
        family.sample(&[("clock", &row.name), ("source", &source)], row.offset_from_master_s);
    }
    let mut per_clock = |name: &str, help: &str, value: fn(&Row<'_>) -> Option<f64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for row in rows {
            family.sample(&[("clock", &row.name)], value(row));
        }
    };
    let help = "The time is wrong by at most this, now; absent while nothing is known.";
    per_clock("clock_error_bound_seconds", help, |row| row.bound_s);
    let help = "Frequency correction in force, in parts per million.";
    per_clock("frequency_ppm", help, |row| row.frequency_ppb.map(|ppb| ppb / 1e3));
    let help = "Estimated frequency of the oscillator by itself, in parts per million; positive runs fast.";
    per_clock("oscillator_frequency_ppm", help, |row| row.oscillator_frequency_ppb.map(|ppb| ppb / 1e3));
    per_clock("clock_epoch", "Steps of the clock, by whomever.", |row| Some(f64::from(row.epoch)));
}

/// What is known of the served clock alone.
fn served_clock(out: &mut Exposition, status: &Status) {
    let (clock, kind) = (&status.clock, status.clock.kind.word());
    let mut per_clock = |name: &str, help: &str, value: Option<f64>| {
        out.family(name, Kind::Gauge, help).sample(&[("clock", &Word(kind))], value);
    };
    let help = "How fast the error bound grows while no sample comes, in seconds per second.";
    per_clock("clock_error_bound_growth_ratio", help, clock.bound_growth_ppb.map(|ppb| ppb * 1e-9));
    let help = "Time until the error bound exceeds a limit if no sample comes any more; 0 if it does.";
    let mut family = out.family("clock_holdover_seconds", Kind::Gauge, help);
    for holdover in &clock.holdover {
        family.sample(&[("clock", &Word(kind)), ("limit", &holdover.limit_s)], Some(holdover.exceeded_in_s));
    }
    let mut per_clock = |name: &str, help: &str, value: Option<f64>| {
        out.family(name, Kind::Gauge, help).sample(&[("clock", &Word(kind))], value);
    };
    per_clock("clock_lock_limit_seconds", "LOCKED means an error bound of at most this.", Some(clock.lock_limit_s));
    let help = "TAI - UTC, from a source that vouches for it.";
    per_clock("tai_utc_offset_seconds", help, clock.tai_utc_s.map(|offset| offset as f64));
    per_clock("clock_path_delay_seconds", "Filtered one-way delay to the master.", clock.mean_path_delay_s);
    let mut family = out.family(
        "clock_error_bound_part_seconds",
        Kind::Gauge,
        "What the error bound is made of; the sum is the bound.",
    );
    for (part, value) in clock.bound_parts.iter().flat_map(BoundPartsStatus::named) {
        family.sample(&[("clock", &Word(kind)), ("part", &Word(part))], Some(value));
    }
    let mut family =
        out.family("leap_second", Kind::Gauge, "1 for what happens at the end of this UTC day; absent if not known.");
    if let Some(leap) = &clock.leap {
        for kind in ["none", "insert", "delete"] {
            family.sample(&[("leap", &Word(kind))], Some(if kind == leap { 1.0 } else { 0.0 }));
        }
    }
}

fn lock(out: &mut Exposition, status: &Status) {
    let (clock, kind) = (&status.clock, status.clock.kind.word());
    let help = "Time to LOCKED, by where it is counted from; absent before the first.";
    let mut family = out.family("lock_time_seconds", Kind::Gauge, help);
    family.sample(&[("clock", &Word(kind)), ("since", &Word("parent"))], clock.lock_time_s);
    family
        .sample(&[("clock", &Word(kind)), ("since", &Word("first_announce"))], clock.lock_time_since_first_announce_s);
    family.sample(&[("clock", &Word(kind)), ("since", &Word("start"))], clock.lock_time_since_start_s);
    for phc in &status.phcs {
        family.sample(&[("clock", &phc.name), ("since", &Word("parent"))], phc.lock_time_s);
    }
}

/// What only hardware clocks have.
fn phcs(out: &mut Exposition, phcs: &[PhcStatus]) {
    let mut family = out.family("phc_info", Kind::Gauge, "The device of a hardware clock at this moment; always 1.");
    for phc in phcs {
        family.sample(&[("clock", &phc.name), ("device", &phc.device)], Some(1.0));
    }
    let mut per_phc = |name: &str, help: &str, value: fn(&PhcStatus) -> bool| {
        let mut family = out.family(name, Kind::Gauge, help);
        for phc in phcs {
            family.sample(&[("clock", &phc.name)], Some(f64::from(u8::from(value(phc)))));
        }
    };
    per_phc("clock_is_steered", "1 if the hardware clock is steered, 0 if it is only read.", |phc| phc.is_steered);
    let help = "1 if the source is heard by this hardware clock, and the others follow it.";
    per_phc("clock_is_hub", help, |phc| phc.is_hub);
    let help = "1 while the hardware clock cannot be read or adjusted, or has jumped; `synchronome status` says why.";
    per_phc("clock_has_problem", help, |phc| phc.problem.is_some());
    let help = "How often the clock jumped without us: another program, a reset.";
    let mut family = out.family("clock_jumps_total", Kind::Counter, help);
    for phc in phcs {
        family.sample(&[("clock", &phc.name)], Some(phc.jumps as f64));
    }
    let help = "Half of the time that the last reading beside the system clock took: what it hides.";
    let mut family = out.family("clock_crossing_window_seconds", Kind::Gauge, help);
    for phc in phcs.iter().filter(|phc| !phc.crossing_method.is_empty()) {
        family.sample(&[("clock", &phc.name), ("method", &phc.crossing_method)], Some(phc.crossing_window_s));
    }
}

/// What tells the port of a series from others.
/// Name, help and value of a figure of a source.
type SourceFigure = (&'static str, &'static str, fn(&SourceStatus) -> Option<f64>);

/// Several sources, where they are judged.
fn sources(out: &mut Exposition, sources: &[SourceStatus]) {
    const VERDICTS: [&str; 4] = ["agrees", "falseticker", "undecided", "silent"];
    let name = |source: &SourceStatus| source.address.clone().unwrap_or_else(|| source.name.clone());
    let mut family = out.family("source_verdict", Kind::Gauge, "1 for what is thought of a source, 0 for the rest.");
    for source in sources {
        for verdict in VERDICTS {
            let is = f64::from(u8::from(source.verdict == verdict));
            let labels: [(&str, &dyn Label); 3] =
                [("kind", &source.kind), ("source", &name(source)), ("verdict", &Word(verdict))];
            family.sample(&labels, Some(is));
        }
    }
    let figures: [SourceFigure; 7] = [
        ("source_steering", "1 for the source that steers.", |source| Some(f64::from(u8::from(source.is_steering)))),
        ("source_offset_seconds", "The clock's offset as a source has it.", |source| source.offset_s),
        ("source_distance_seconds", "How wrong that may be.", |source| source.distance_s),
        ("source_reach", "Of the last eight requests, which were answered.", |source| source.reach.map(f64::from)),
        ("source_reachability_ratio", "Of the last eight requests, the part that was answered.", |source| {
            source.reach.map(reachability)
        }),
        ("source_last_sample_age_seconds", "Time since it was measured.", |source| source.last_sample_age_s),
        ("source_round_trip_seconds", "The last round trip to a server.", |source| source.round_trip_s),
    ];
    for (metric, help, value) in figures {
        let mut family = out.family(metric, Kind::Gauge, help);
        for source in sources {
            family.sample(&[("kind", &source.kind), ("source", &name(source))], value(source));
        }
    }
    let help = "Samples of a reference clock, by what became of them.";
    let mut family = out.family("refclock_samples_total", Kind::Counter, help);
    for source in sources.iter().filter(|source| source.kind == "refclock") {
        for (outcome, count) in &source.counters {
            let labels: [(&str, &dyn Label); 2] = [("source", &source.name), ("outcome", outcome)];
            family.sample(&labels, Some(*count as f64));
        }
    }
}

/// The part of the last eight polls that was answered.
fn reachability(reach: u8) -> f64 {
    f64::from(reach.count_ones()) / 8.0
}

fn port_labels(port: &PortStatus) -> [(&'static str, &dyn Label); 2] {
    [("port", &port.interface), ("domain", &port.domain)]
}

fn ports(out: &mut Exposition, ports: &[PortStatus]) {
    let mut family =
        out.family("port_state", Kind::Gauge, "1 for the state that the PTP port is in, 0 for the others.");
    for port in ports {
        let unlisted = Some(port.port_state.as_str()).filter(|state| !PORT_STATES.contains(state));
        for state in PORT_STATES.into_iter().chain(unlisted) {
            let [name, domain] = port_labels(port);
            let is = if state == port.port_state { 1.0 } else { 0.0 };
            family.sample(&[name, domain, ("state", &state)], Some(is));
        }
    }
    let mut per_port = |name: &str, help: &str, value: fn(&PortStatus) -> Option<f64>| {
        let mut family = out.family(name, Kind::Gauge, help);
        for port in ports {
            family.sample(&port_labels(port), value(port));
        }
    };
    let help = "1 while the PTP port waits for something, like its interface.";
    per_port("port_waiting", help, |port| Some(f64::from(u8::from(port.waiting_for.is_some()))));
    per_port("path_delay_seconds", "Filtered one-way delay to the master.", |port| port.mean_path_delay_s);
    let help = "What the link to the neighbour takes, one way, by the peer delay mechanism.";
    per_port("link_delay_seconds", help, |port| port.neighbor.as_ref().map(|neighbor| neighbor.mean_link_delay_s));
    per_port("sync_interval_seconds", "The master's interval between two Syncs.", |port| port.sync_interval_s);
    let help = "Age of the last Sync; absent if none ever came.";
    per_port("last_sync_age_seconds", help, |port| port.last_sync_age_s);
    let help = "Contracts for messages by unicast: those of clients with the PTP port, and its own with masters.";
    let mut family = out.family("unicast_contracts", Kind::Gauge, help);
    for port in ports {
        let Some(unicast) = &port.unicast else { continue };
        for (with, count) in [("clients", unicast.for_clients), ("masters", unicast.by_masters)] {
            let [name, domain] = port_labels(port);
            family.sample(&[name, domain, ("with", &Word(with))], Some(f64::from(count)));
        }
    }
    let help = "1 while the signal of a master that the PTP port asks fails in this way (ITU-T G.8265.1), 0 while it does not.";
    let mut family = out.family("unicast_signal_fail", Kind::Gauge, help);
    for port in ports {
        for master in port.unicast.iter().flat_map(|unicast| &unicast.masters) {
            for fail in SignalFail::ALL {
                let is = master.signal_fails.iter().any(|known| known == fail.name());
                let [name, domain] = port_labels(port);
                let fail = fail.name().trim_start_matches("PTSF-");
                let labels = [name, domain, ("master", &master.address as &dyn Label), ("fail", &fail)];
                family.sample(&labels, Some(f64::from(u8::from(is))));
            }
        }
    }
    let help = "Whose time stamps the PTP port uses, and of which device; always 1.";
    let mut family = out.family("port_timestamps_info", Kind::Gauge, help);
    for port in ports {
        let [name, domain] = port_labels(port);
        let device = port.phc.as_deref().unwrap_or("");
        let info = port.timestamps.as_ref().map(|_| 1.0);
        let timestamps = port.timestamps.as_deref().unwrap_or("");
        family.sample(&[name, domain, ("timestamps", &timestamps), ("device", &device)], info);
    }
    let mut family = out.family("port_events_total", Kind::Counter, "Messages of the PTP port, and drops by reason.");
    for port in ports {
        for (event, n) in &port.counters {
            let [name, domain] = port_labels(port);
            family.sample(&[name, domain, ("event", event)], Some(*n as f64));
        }
    }
}

/// Time stamps of a port's own messages and of those of others that never came.
fn missing_stamps(out: &mut Exposition, ports: &[PortStatus]) {
    let help = "Time stamps that never came, by the direction of the message: `tx` sent, `rx` received.";
    let mut family = out.family("timestamps_missing_total", Kind::Counter, help);
    for port in ports.iter().filter(|port| port.timestamps.is_some()) {
        for (direction, counter) in [("tx", "tx_stamp_missing"), ("rx", "rx_stamp_missing")] {
            let [name, domain] = port_labels(port);
            let count = port.counters.get(counter).copied().unwrap_or_default();
            family.sample(&[name, domain, ("direction", &Word(direction))], Some(count as f64));
        }
    }
}

fn grandmasters(out: &mut Exposition, ports: &[PortStatus]) {
    let known = || ports.iter().filter_map(|port| Some((port, port.grandmaster.as_ref()?)));
    let mut family = out.family("gm_info", Kind::Gauge, "The grandmaster as its Announce says; always 1.");
    for (port, gm) in known() {
        let [name, domain] = port_labels(port);
        let labels: [(&str, &dyn Label); 6] = [
            name,
            domain,
            ("id", &gm.identity),
            ("class", &gm.class),
            ("accuracy", &gm.accuracy),
            ("time_source", &gm.time_source),
        ];
        family.sample(&labels, Some(1.0));
    }
    let mut family = out.family("gm_steps_removed", Kind::Gauge, "Boundary clocks between the grandmaster and us.");
    for (port, gm) in known() {
        family.sample(&port_labels(port), Some(f64::from(gm.steps_removed)));
    }
    let mut family = out.family("gm_clock_class", Kind::Gauge, "clockClass of the grandmaster.");
    for (port, gm) in known() {
        family.sample(&port_labels(port), Some(f64::from(gm.class)));
    }
}

fn ntp_server(out: &mut Exposition, server: &NtpServerStatus) {
    let help = "Stratum as served; absent while what is served is \"not synchronised\".";
    gauge(out, "ntp_stratum", help, server.stratum.map(f64::from));
    let help = "Stratum with which a time is served that nobody vouches for; absent while it is not.";
    gauge(out, "ntp_local_stratum", help, server.local_stratum.map(f64::from));
    let help = "NTP packets that were answered with a time that nobody vouches for.";
    out.family("ntp_answered_local_total", Kind::Counter, help).sample(&[], Some(server.answered_local as f64));
    let help = "What the served time is ahead of UTC while a leap second is smeared; absent while none is.";
    gauge(out, "ntp_smear_offset_seconds", help, server.smeared_s);
    gauge(out, "ntp_workers", "Threads that answer NTP.", Some(f64::from(server.workers)));
    out.family("ntp_requests_total", Kind::Counter, "NTP packets that came.").sample(&[], Some(server.requests as f64));
    out.family("ntp_answered_total", Kind::Counter, "NTP packets that were answered.")
        .sample(&[], Some(server.answered as f64));
    let mut family = out.family("ntp_dropped_total", Kind::Counter, "NTP packets that were not answered, by reason.");
    for (reason, n) in &server.dropped {
        family.sample(&[("reason", reason)], Some(*n as f64));
    }
    let help = "Workers of the NTP server that were started in the place of one that had ended unasked.";
    out.family("ntp_worker_restarts_total", Kind::Counter, help).sample(&[], Some(server.worker_restarts as f64));
    let help = "Questions of mode 6 from this host that were answered.";
    out.family("ntp_questions_answered_total", Kind::Counter, help).sample(&[], Some(server.questions.answered as f64));
    let help = "Questions of mode 6 from this host that were not answered, by reason.";
    let mut family = out.family("ntp_questions_dropped_total", Kind::Counter, help);
    for (reason, n) in &server.questions.dropped {
        family.sample(&[("reason", reason)], Some(*n as f64));
    }
    let help = "NTP answers, by who took their receive stamp: the network card or the kernel.";
    let mut family = out.family("ntp_receive_stamps_total", Kind::Counter, help);
    for (source, n) in [("hardware", server.hardware_stamps), ("software", server.software_stamps)] {
        family.sample(&[("source", &source)], Some(n as f64));
    }
    let help = "NTP answers of interleaved mode of which it is known when they left, by who said it: the network card or the kernel.";
    let mut family = out.family("ntp_transmit_stamps_total", Kind::Counter, help);
    let by_kernel = server.departures.saturating_sub(server.hardware_departures);
    for (source, n) in [("hardware", server.hardware_departures), ("software", by_kernel)] {
        family.sample(&[("source", &source)], Some(n as f64));
    }
    out.family("ntp_hardware_stamps_rejected_total", Kind::Counter, "Stamps of the card that were not believed.")
        .sample(&[], Some(server.hardware_stamps_rejected as f64));
    let help = "Answers in interleaved mode: with the time at which the one before really left.";
    out.family("ntp_interleaved_total", Kind::Counter, help).sample(&[], Some(server.interleaved as f64));
    let help = "Answers with an order in the place of the time (kiss code).";
    let mut kisses = out.family("ntp_kisses_total", Kind::Counter, help);
    for (code, n) in [("DENY", server.denied), ("RATE", server.rate_kisses)] {
        kisses.sample(&[("code", &code)], Some(n as f64));
    }
    if let Some(latency) = &server.latency {
        let help = "How long answers took, from the kernel's receive stamp to the return of the call that sent them.";
        let mut family = out.family("ntp_response_seconds", Kind::Histogram, help);
        family.histogram(&latency.within, latency.sum_s, latency.count);
    }
    let help = "Clients that are remembered.";
    out.family("ntp_clients", Kind::Gauge, help).sample(&[], Some(server.clients as f64));
}

fn threads(out: &mut Exposition, status: &Status) {
    let help = "Time since the thread last said that it is alive.";
    let mut family = out.family("thread_alive_age_seconds", Kind::Gauge, help);
    for thread in &status.threads {
        family.sample(&[("thread", &thread.name)], thread.alive_age_s);
    }
    let help = "Allocations of the thread since its start-up ended; absent if not counted.";
    let mut family = out.family("thread_allocations_total", Kind::Counter, help);
    for thread in &status.threads {
        family.sample(&[("thread", &thread.name)], thread.allocations.map(|n| n as f64));
    }
}

fn truth_of(out: &mut Exposition, clock: &ClockStatus, truth: &TruthStatus) {
    let kind = clock.kind.word();
    let mut family = out.family("truth_error_seconds", Kind::Gauge, "True error of the simulated clock, by statistic.");
    for (statistic, value) in
        [("last", truth.error_s), ("rms", truth.rms_s), ("p99", truth.p99_s), ("max", truth.max_s)]
    {
        family.sample(&[("clock", &Word(kind)), ("statistic", &statistic)], value);
    }
    out.family("truth_violations_total", Kind::Counter, "How often the true error left the claimed bound.")
        .sample(&[("clock", &Word(kind))], Some(truth.violations as f64));
    out.family("truth_samples_total", Kind::Counter, "How often the true error was looked at.")
        .sample(&[("clock", &Word(kind))], Some(truth.samples as f64));
}

#[cfg(test)]
mod tests;
