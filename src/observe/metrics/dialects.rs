//! The same figures under the names of other programs, for boards and alerts that exist already.
//!
//! Names and labels are those of the programs; what they have and we do not (chronyd's running averages, OpenShift's restarts of
//! processes) has no series. Help texts are ours.

use super::exposition::{Exposition, Kind, Label};
use super::reachability;
use crate::observe::event::parse_rfc3339;
use crate::observe::status::{ClockKind, PortStatus, SourceStatus, Status};
use crate::time::{SyncState, Timestamp};

/// Whose names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// chrony_exporter.
    Chrony,
    /// linuxptp-daemon of OpenShift's PTP operator.
    OpenShift,
    /// Three short names that articles on virtual machines use.
    Vm,
}

impl Dialect {
    /// The dialect of an option's word.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "chrony" => Some(Self::Chrony),
            "openshift" => Some(Self::OpenShift),
            "vm" => Some(Self::Vm),
            _ => None,
        }
    }

    /// Writes its families.
    pub(super) fn write(self, out: &mut Exposition, status: &Status) {
        match self {
            Self::Chrony => {
                tracking(out, status);
                sources(out, &status.sources);
                server(out, status);
            }
            Self::OpenShift => openshift(out, status),
            Self::Vm => vm(out, status),
        }
    }
}

/// The source that steers, where several are judged.
fn steering(status: &Status) -> Option<&SourceStatus> {
    status.sources.iter().find(|source| source.is_steering)
}

/// The path, one way: what is not symmetric in it is the part of the bound.
fn path_s(status: &Status) -> Option<f64> {
    status.clock.bound_parts.map(|parts| parts.path_s)
}

/// `chronyc tracking`, as far as we have it. Positive offsets: we are ahead; but for `system_time`, which says what is still to be
/// added to the clock.
fn tracking(out: &mut Exposition, status: &Status) {
    let (clock, steers) = (&status.clock, steering(status));
    let mut gauge = |name: &str, help: &str, labels: &[(&str, &dyn Label)], value: Option<f64>| {
        out.foreign_family(format!("chrony_{name}"), Kind::Gauge, help).sample(labels, value);
    };
    gauge("up", "1: the daemon answers.", &[], Some(1.0));
    let followed = status.followed().filter(|port| port.parent.is_some());
    if steers.is_some() || followed.is_some() {
        let is_ntp = steers.is_some_and(|source| source.kind == "ntp");
        let address = steers.filter(|_| is_ntp).and_then(|source| source.address.as_deref());
        let address = address.map_or("0.0.0.0", without_port);
        let name = steers.map(|source| source.name.as_str()).or(followed.map(|port| port.interface.as_str()));
        let said = status.ntp_server.as_ref().and_then(|server| server.served.as_ref());
        let id = said.map_or(String::new(), |served| hexadecimal(&served.reference_id));
        let labels: [(&str, &dyn Label); 3] =
            [("tracking_address", &address), ("tracking_name", &name.unwrap_or_default()), ("tracking_refid", &id)];
        gauge("tracking_info", "The source that steers; always 1.", &labels, Some(1.0));
    }
    let is_remote = steers.is_none_or(|source| source.kind != "refclock") && clock.last_sample_age_s.is_some();
    let help = "1 if another host is followed, 0 if a clock of this one or none.";
    gauge("tracking_remote_reference", help, &[], Some(f64::from(u8::from(is_remote))));
    let offset = clock.offset_from_master_s;
    gauge("tracking_last_offset_seconds", "The last measured offset; positive is ahead.", &[], offset);
    gauge("tracking_system_time_seconds", "What the clock is behind by.", &[], offset.map(|offset| -offset));
    let at = parse_rfc3339(&status.generated_at).zip(clock.last_sample_age_s);
    let at = at.map(|(at, age)| (at - Timestamp::EPOCH).as_secs_f64() - age);
    gauge("tracking_reference_timestamp_seconds", "When the last usable sample came.", &[], at);
    let help = "Twice what the asymmetry of the path can hide.";
    gauge("tracking_root_delay_seconds", help, &[], path_s(status).map(|path| 2.0 * path));
    let dispersion = clock.bound_s.zip(path_s(status)).map(|(bound, path)| (bound - path).max(0.0));
    gauge("tracking_root_dispersion_seconds", "The rest of the error bound.", &[], dispersion);
    let oscillator = clock.oscillator_frequency_ppb.map(|ppb| ppb / 1e3);
    gauge("tracking_frequency_ppms", "What the oscillator runs fast by.", &[], oscillator);
    let residual = clock.oscillator_frequency_ppb.zip(clock.frequency_ppb).map(|(own, set)| (own + set) / 1e3);
    gauge("tracking_residual_frequency_ppms", "What of that is not corrected.", &[], residual);
    let skew = clock.bound_growth_ppb.map(|ppb| ppb / 1e3);
    gauge("tracking_skew_ppms", "How far off the frequency may be.", &[], skew);
    let interval = steers.and_then(|source| source.interval_s).or(followed.and_then(|port| port.sync_interval_s));
    gauge("tracking_update_interval_seconds", "The interval between two samples.", &[], interval);
    let stratum = status.ntp_server.as_ref().and_then(|server| server.stratum);
    let stratum = stratum.or(steers.and_then(|source| source.stratum).map(|stratum| stratum + 1));
    gauge("tracking_stratum", "Our stratum.", &[], stratum.or(followed.map(|_| 1)).map(f64::from));
}

/// An address as chronyd prints it, without a port and brackets.
fn without_port(address: &str) -> &str {
    address.parse::<std::net::SocketAddr>().map_or(address, |_| {
        let (host, _) = address.rsplit_once(':').unwrap_or((address, ""));
        host.trim_start_matches('[').trim_end_matches(']')
    })
}

/// A reference ID, letters or an IPv4 address, as eight hexadecimal digits.
fn hexadecimal(reference_id: &str) -> String {
    let number = reference_id.parse::<std::net::Ipv4Addr>().map_or_else(
        |_| {
            let mut bytes = [0; 4];
            bytes.iter_mut().zip(reference_id.bytes()).for_each(|(place, byte)| *place = byte);
            u32::from_be_bytes(bytes)
        },
        u32::from,
    );
    format!("{number:08X}")
}

/// Name without its prefix, help and value of a figure of a source.
type Figure = (&'static str, &'static str, fn(&SourceStatus) -> Option<f64>);

/// `chronyc sources`.
fn sources(out: &mut Exposition, sources: &[SourceStatus]) {
    const FIGURES: [Figure; 8] = [
        ("last_sample_age_seconds", "Time since it was measured.", |source| source.last_sample_age_s),
        ("last_sample_offset_seconds", "Our offset as it has it; positive is ahead.", |source| source.offset_s),
        ("last_sample_error_margin_seconds", "How wrong that may be.", |source| source.distance_s),
        ("polling_interval_seconds", "How often it is measured.", |source| source.interval_s),
        ("peer_delay_seconds", "The last round trip.", |source| source.round_trip_s),
        ("reachability_ratio", "The part of the last eight polls that was answered.", |source| {
            source.reach.map(reachability)
        }),
        ("reachability_success", "1 if the last poll was answered.", |source| {
            source.reach.map(|reach| f64::from(reach & 1))
        }),
        ("stratum", "Its stratum.", |source| source.stratum.map(f64::from)),
    ];
    let address = |source: &SourceStatus| {
        source.address.as_deref().map_or_else(|| source.name.clone(), |address| without_port(address).to_owned())
    };
    for (name, help, value) in FIGURES {
        let mut family = out.foreign_family(format!("chrony_sources_{name}"), Kind::Gauge, help);
        for source in sources {
            family.sample(&[("source_address", &address(source)), ("source_name", &source.name)], value(source));
        }
    }
    let help = "What is thought of a source, and what it is; always 1.";
    let mut family = out.foreign_family("chrony_sources_state_info".to_owned(), Kind::Gauge, help);
    for source in sources {
        // Without a majority chronyd calls all of them falsetickers.
        let state = match source.verdict.as_str() {
            _ if source.is_steering => "sync",
            "agrees" => "candidate",
            "falseticker" | "undecided" => "falseticker",
            _ => "unreach",
        };
        let mode = if source.kind == "ntp" { "client" } else { "ref" };
        let labels: [(&str, &dyn Label); 4] = [
            ("source_address", &address(source)),
            ("source_name", &source.name),
            ("source_state", &state),
            ("source_mode", &mode),
        ];
        family.sample(&labels, Some(1.0));
    }
}

/// `chronyc serverstats`.
fn server(out: &mut Exposition, status: &Status) {
    let Some(server) = &status.ntp_server else { return };
    let by_kernel = server.departures.saturating_sub(server.hardware_departures);
    for (name, help, count) in [
        ("ntp_packets_received", "NTP requests that came.", server.requests),
        ("ntp_packets_dropped", "NTP requests that were not answered.", server.dropped.values().sum()),
        ("interleaved_ntp_packets", "NTP requests in interleaved mode.", server.interleaved),
        ("ntp_kernel_rx_timestamps", "Requests with a stamp of the kernel.", server.software_stamps),
        ("ntp_kernel_tx_timestamps", "Answers with a stamp of the kernel.", by_kernel),
        ("ntp_hw_rx_timestamps", "Requests with a stamp of the card.", server.hardware_stamps),
        ("ntp_hw_tx_timestamps", "Answers with a stamp of the card.", server.hardware_departures),
    ] {
        out.foreign_family(format!("chrony_serverstats_{name}_total"), Kind::Counter, help)
            .sample(&[], Some(count as f64));
    }
}

/// The processes whose part is played here, as OpenShift labels them: ptp4l steers what hears the master, phc2sys the system clock.
const PTP4L: &str = "ptp4l";
const PHC2SYS: &str = "phc2sys";
/// Its configuration's name there.
const CONFIG: &str = "ptp4l.0.config";

/// A clock as OpenShift shows it.
struct Shown {
    from: &'static str,
    process: &'static str,
    interface: String,
    state: SyncState,
    offset_s: Option<f64>,
    frequency_ppb: Option<f64>,
    delay_s: Option<f64>,
}

/// The hardware clocks of the ports that follow, then the system clock.
fn shown(status: &Status) -> Vec<Shown> {
    let of_port = |port: &PortStatus| {
        let phc = status.phcs.iter().find(|phc| Some(&phc.device) == port.phc.as_ref());
        let clock = &status.clock;
        let (state, offset_s, frequency_ppb) = phc
            .map_or((status.state, clock.offset_from_master_s, clock.frequency_ppb), |phc| {
                (phc.state, phc.offset_from_master_s, phc.frequency_ppb)
            });
        let (interface, delay_s) = (masked(&port.interface), port.mean_path_delay_s);
        Shown { from: "master", process: PTP4L, interface, state, offset_s, frequency_ppb, delay_s }
    };
    let ports = status.ptp.iter().filter(|port| port.parent.is_some()).map(of_port);
    let system = (status.clock.kind == ClockKind::System).then(|| Shown {
        from: "phc",
        process: PHC2SYS,
        interface: "CLOCK_REALTIME".to_owned(),
        state: status.state,
        offset_s: status.clock.offset_from_master_s,
        frequency_ppb: status.clock.frequency_ppb,
        delay_s: status.phcs.iter().find(|phc| phc.is_hub).map(|phc| 2.0 * phc.crossing_window_s),
    });
    ports.chain(system).collect()
}

/// An interface as OpenShift labels it: the last figure of its name is an x, for all ports of a card alike.
fn masked(interface: &str) -> String {
    let end = interface.find('.').unwrap_or(interface.len());
    let (name, vlan) = interface.split_at(end);
    match name.char_indices().last() {
        Some((at, last)) if last.is_ascii_digit() => format!("{}x{vlan}", &name[..at]),
        _ => interface.to_owned(),
    }
}

/// Labels, and the value of their series.
type Labelled<'a> = (Vec<(&'a str, &'a dyn Label)>, Option<f64>);

fn openshift(out: &mut Exposition, status: &Status) {
    /// Name, help, value.
    type Figure = (&'static str, &'static str, fn(&Shown) -> Option<f64>);
    const NS: fn(f64) -> f64 = |seconds| seconds * 1e9;
    const FIGURES: [Figure; 4] = [
        ("offset_ns", "The last measured offset; positive is ahead.", |shown| shown.offset_s.map(NS)),
        ("max_offset_ns", "The same: each sample is shown.", |shown| shown.offset_s.map(NS)),
        ("frequency_adjustment_ns", "The correction in force, in nanoseconds a second.", |shown| shown.frequency_ppb),
        ("delay_ns", "The delay to what is followed.", |shown| shown.delay_s.map(NS)),
    ];
    let (all, node) = (shown(status), &status.host);
    for (name, help, value) in FIGURES {
        let mut family = out.foreign_family(format!("openshift_ptp_{name}"), Kind::Gauge, help);
        for shown in &all {
            let labels: [(&str, &dyn Label); 4] =
                [("from", &shown.from), ("process", &shown.process), ("node", node), ("iface", &shown.interface)];
            family.sample(&labels, value(shown));
        }
    }
    let mut gauge = |name: &str, help: &str, rows: Vec<Labelled<'_>>| {
        let mut family = out.foreign_family(format!("openshift_ptp_{name}"), Kind::Gauge, help);
        for (labels, value) in rows {
            family.sample(&labels, value);
        }
    };
    let states = all.iter().map(|shown| {
        let code = match shown.state {
            SyncState::Locked => 1.0,
            SyncState::Holdover => 2.0,
            SyncState::NeverSynced | SyncState::Acquiring | SyncState::Freerun | SyncState::Disrupted => 0.0,
        };
        let labels: Vec<(&str, &dyn Label)> =
            vec![("process", &shown.process), ("node", node), ("iface", &shown.interface)];
        (labels, Some(code))
    });
    gauge("clock_state", "0 FREERUN, 1 LOCKED, 2 HOLDOVER.", states.collect());
    let roles = status.ptp.iter().map(|port| {
        let code = match port.port_state.as_str() {
            "PASSIVE" => 0.0,
            "SLAVE" => 1.0,
            "MASTER" => 2.0,
            "FAULTY" => 3.0,
            "LISTENING" => 5.0,
            _ => 4.0,
        };
        let labels: Vec<(&str, &dyn Label)> = vec![("process", &PTP4L), ("node", node), ("iface", &port.interface)];
        (labels, Some(code))
    });
    let help = "0 PASSIVE, 1 SLAVE, 2 MASTER, 3 FAULTY, 4 UNKNOWN, 5 LISTENING.";
    gauge("interface_role", help, roles.collect());
    let grandmaster = status.grandmaster().or(status.ptp.iter().find_map(|port| port.announces.as_ref()));
    let class = grandmaster.map(|grandmaster| f64::from(grandmaster.class));
    let labels: Vec<(&str, &dyn Label)> = vec![("process", &PTP4L), ("config", &CONFIG), ("node", node)];
    gauge("clock_class", "clockClass of the grandmaster, our own where that is us.", vec![(labels, class)]);
    let limit = status.clock.lock_limit_s * 1e9;
    let thresholds = [("MaxOffsetThreshold", limit), ("MinOffsetThreshold", -limit)];
    let rows = thresholds.iter().map(|(name, value)| {
        let labels: Vec<(&str, &dyn Label)> = vec![("threshold", name), ("node", node), ("profile", &"synchronome")];
        (labels, Some(*value))
    });
    gauge("threshold", "The limit of LOCKED, in nanoseconds.", rows.collect());
    let processes = [PTP4L, PHC2SYS];
    let rows = processes.iter().map(|process| {
        let labels: Vec<(&str, &dyn Label)> = vec![("process", process), ("node", node), ("config", &CONFIG)];
        (labels, Some(1.0))
    });
    gauge("process_status", "1: this daemon runs, and plays its part.", rows.collect());
}

fn vm(out: &mut Exposition, status: &Status) {
    let round_trip = steering(status).and_then(|source| source.round_trip_s);
    let round_trip = round_trip.or(status.followed().and_then(|port| Some(2.0 * port.mean_path_delay_s?)));
    for (name, help, value) in [
        ("vm_time_drift", "What the clock is ahead of its source by, in seconds.", status.clock.offset_from_master_s),
        ("ntp_delay", "The last round trip to the source that steers, in seconds.", round_trip),
        (
            "clock_jitter",
            "What the noise of the samples leaves open, in seconds.",
            status.clock.bound_parts.map(|parts| parts.noise_s),
        ),
    ] {
        out.foreign_family(name.to_owned(), Kind::Gauge, help).sample(&[], value);
    }
}
