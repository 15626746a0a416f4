use std::collections::{BTreeMap, BTreeSet};

use super::super::examples::{hardware, holdover, lacking, locked, never_synced, several, waiting, well};
use super::*;
use crate::observe::status::{UnicastMasterStatus, UnicastStatus};

/// What a strict reader makes of an exposition: families in order with their type, and every series with its value.
#[derive(Default, Debug)]
struct Parsed {
    families: BTreeMap<String, String>,
    series: BTreeMap<(String, Labels), f64>,
}

impl Parsed {
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.series.get(&(format!("synchronome_{name}"), labels)).copied()
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

type Labels = Vec<(String, String)>;

/// Reads `name="value",...}` up to the brace; returns the labels and what follows.
fn parse_labels(mut text: &str) -> Result<(Labels, &str), String> {
    let mut labels = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"").ok_or("label without a value")?;
        if !is_name(name) || name.starts_with("__") {
            return Err(format!("label name {name:?}"));
        }
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().ok_or("label without an end")? {
                (at, '"') => break at,
                (_, '\n') => return Err("line feed in a label".to_owned()),
                (_, '\\') => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('"' | '\\'))) => c,
                    other => return Err(format!("escape {other:?}")),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        let rest = &rest[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return Ok((labels, rest.strip_prefix('}').ok_or("no brace at the end of the labels")?)),
        }
    }
}

/// A strict reader of the text format 0.0.4: each family once, whole, with HELP and TYPE before its samples.
fn parse(text: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut family = String::new();
    let mut lines = text.strip_suffix('\n').ok_or("no line feed at the end")?.split('\n');
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').ok_or("HELP without a text")?;
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).ok_or("no TYPE after HELP")?;
            let (same, kind) = kind.split_once(' ').ok_or("TYPE without a type")?;
            if same != name || !is_name(name) || text.is_empty() || !["gauge", "counter", "histogram"].contains(&kind) {
                return Err(format!("family {line}"));
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err(format!("counters, and they alone, end in _total: {name}"));
            }
            if parsed.families.insert(name.to_owned(), kind.to_owned()).is_some() {
                return Err(format!("family {name} twice"));
            }
            name.clone_into(&mut family);
            continue;
        }
        let end = line.find(['{', ' ']).ok_or("sample without a value")?;
        let (name, rest) = line.split_at(end);
        let is_histogram = parsed.families.get(&family).is_some_and(|kind| kind == "histogram");
        let suffixes: &[&str] = if is_histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        if !suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(&family)) {
            return Err(format!("{name} in family {family}"));
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(labels) => parse_labels(labels)?,
            None => (Vec::new(), rest),
        };
        if labels.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len() != labels.len() {
            return Err(format!("a label twice: {line}"));
        }
        let value: f64 = rest.strip_prefix(' ').ok_or("no blank")?.parse().map_err(|_| format!("value of {line}"))?;
        if !value.is_finite() || value.abs() >= 4_294_967_295.0 {
            return Err(format!("a sentinel: {line}"));
        }
        if parsed.series.insert((name.to_owned(), labels), value).is_some() {
            return Err(format!("series twice: {line}"));
        }
    }
    Ok(parsed)
}

#[test]
fn every_status_gives_a_valid_exposition() {
    for status in [locked(), holdover(), never_synced(), waiting(), lacking(), hardware(), Status::default()] {
        let text = metrics(&status, &[]);
        let parsed = parse(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
        assert!(parsed.series.len() > 10, "{parsed:?}");
        for name in parsed.families.keys() {
            assert!(name.starts_with("synchronome_"));
            let is_of_it = |series: &str| series.strip_suffix("_count").unwrap_or(series) == name;
            assert!(parsed.series.keys().any(|(series, _)| is_of_it(series)), "{name} has no series");
        }
    }
}

#[test]
fn the_strict_reader_refuses_what_is_invalid() {
    let header = "# HELP a b\n# TYPE a gauge\n";
    assert!(parse(&format!("{header}a{{x=\"1\"}} 1\na{{x=\"2\"}} 1\n")).is_ok());
    for wrong in [
        "a 1\na 2\n",
        "a 1",
        "b 1\n",
        "a{x=\"1} 1\n",
        "a{x=\"\\t\"} 1\n",
        "a NaN\n",
        "a 4294967295\n",
        "a{X=\"\"} 1\n",
        "a{x=\"1\",x=\"1\"} 1\n",
    ] {
        assert!(parse(&format!("{header}{wrong}")).is_err(), "{wrong}");
    }
    let histogram = "# HELP a b\n# TYPE a histogram\n";
    assert!(parse(&format!("{histogram}a_bucket{{le=\"+Inf\"}} 1\na_sum 2\na_count 1\n")).is_ok());
    assert!(parse(&format!("{histogram}a 1\n")).is_err() && parse(&format!("{header}a_sum 1\n")).is_err());
    assert!(parse("a 1\n").is_err(), "no header");
    assert!(parse(&format!("{header}a 1\n{header}a 2\n")).is_err(), "a family twice");
}

#[test]
fn the_figures_that_matter_are_there_with_their_time() {
    let parsed = parse(&metrics(&locked(), &[])).unwrap();
    let clock = [("clock", "simulated")];
    assert_eq!(parsed.value("clock_offset_seconds", &[clock[0], ("source", "vb0")]), Some(-120e-9));
    assert_eq!(parsed.value("clock_error_bound_seconds", &clock), Some(840e-9));
    assert_eq!(parsed.value("clock_error_bound_part_seconds", &[clock[0], ("part", "path")]), Some(540e-9));
    assert_eq!(parsed.value("clock_error_bound_part_seconds", &[clock[0], ("part", "noise")]), Some(70e-9));
    assert_eq!(parsed.value("clock_holdover_seconds", &[clock[0], ("limit", "0.0001")]), Some(3_130.0));
    assert_eq!(parsed.value("sync_state", &[clock[0], ("state", "LOCKED")]), Some(1.0));
    assert_eq!(parsed.value("sync_state", &[clock[0], ("state", "HOLDOVER")]), Some(0.0));
    assert_eq!(parsed.value("last_sample_age_seconds", &clock), Some(0.3));
    let at = parsed.value("last_update_timestamp_seconds", &clock).unwrap();
    assert!((at - (1_772_323_199.0 - 0.3)).abs() < 1e-5, "{at}");
    let port = [("port", "vb0"), ("domain", "0")];
    assert_eq!(parsed.value("port_state", &[port[0], port[1], ("state", "SLAVE")]), Some(1.0));
    assert_eq!(parsed.value("port_events_total", &[port[0], port[1], ("event", "sync_received")]), Some(92_000.0));
    assert_eq!(parsed.value("gm_clock_class", &port), Some(248.0));
    assert_eq!(parsed.value("ntp_answered_total", &[]), Some(1_040.0));
    assert_eq!(parsed.value("ntp_answered_local_total", &[]), Some(6.0));
    assert_eq!(parsed.value("ntp_worker_restarts_total", &[]), Some(0.0));
    assert_eq!(parsed.value("ntp_receive_stamps_total", &[("source", "hardware")]), Some(1_020.0));
    assert_eq!(parsed.value("ntp_receive_stamps_total", &[("source", "software")]), Some(20.0));
    assert_eq!(parsed.value("ntp_transmit_stamps_total", &[("source", "hardware")]), Some(525.0));
    assert_eq!(parsed.value("ntp_transmit_stamps_total", &[("source", "software")]), Some(5.0));
    assert_eq!(parsed.value("ntp_hardware_stamps_rejected_total", &[]), Some(3.0));
    for (limit, n) in [("0.00002", 850.0), ("0.00005", 1_015.0), ("0.001", 1_019.0), ("+Inf", 1_020.0)] {
        assert_eq!(parsed.value("ntp_response_seconds_bucket", &[("le", limit)]), Some(n), "{limit}");
    }
    assert_eq!(parsed.value("ntp_response_seconds_sum", &[]), Some(0.016_3));
    assert_eq!(parsed.value("ntp_response_seconds_count", &[]), Some(1_020.0));
    assert_eq!(parsed.value("lock_time_seconds", &[clock[0], ("since", "start")]), Some(10.2));
    assert_eq!(parsed.value("health_code", &[]), Some(0.0));
}

#[test]
fn what_fails_of_each_unicast_master_is_there() {
    let mut status = locked();
    let master = |address: &str, fails: &[&str]| UnicastMasterStatus {
        address: address.to_owned(),
        signal_fails: fails.iter().map(|fail| (*fail).to_owned()).collect(),
        ..UnicastMasterStatus::default()
    };
    let masters = vec![master("192.0.2.1", &["PTSF-lossSync"]), master("192.0.2.2", &[])];
    status.ptp[0].unicast = Some(UnicastStatus { masters, ..UnicastStatus::default() });
    let parsed = parse(&metrics(&status, &[])).unwrap();
    let of = |master, fail| {
        parsed.value("unicast_signal_fail", &[("port", "vb0"), ("domain", "0"), ("master", master), ("fail", fail)])
    };
    assert_eq!([of("192.0.2.1", "lossSync"), of("192.0.2.1", "unusable")], [Some(1.0), Some(0.0)]);
    assert_eq!([of("192.0.2.2", "lossSync"), of("192.0.2.2", "lossAnnounce")], [Some(0.0); 2]);
}

#[test]
fn each_hardware_clock_has_the_figures_of_a_clock_and_its_own() {
    let parsed = parse(&metrics(&hardware(), &[])).unwrap();
    let (eth0, eth1) = (("clock", "eth0"), ("clock", "eth1"));
    assert_eq!(parsed.value("clock_offset_seconds", &[eth0, ("source", "eth0")]), Some(-12e-9));
    assert_eq!(parsed.value("clock_error_bound_seconds", &[eth0]), Some(210e-9));
    assert_eq!(parsed.value("clock_error_bound_seconds", &[("clock", "system")]), Some(840e-9));
    assert_eq!(parsed.value("frequency_ppm", &[eth0]), Some(-12.3));
    assert_eq!(parsed.value("sync_state", &[eth1, ("state", "ACQUIRING")]), Some(1.0));
    assert_eq!(parsed.value("sync_state", &[eth1, ("state", "LOCKED")]), Some(0.0));
    assert_eq!(parsed.value("clock_epoch", &[eth1]), Some(2.0));
    assert_eq!(parsed.value("clock_jumps_total", &[eth1]), Some(1.0));
    assert_eq!(parsed.value("clock_crossing_window_seconds", &[eth0, ("method", "extended")]), Some(420e-9));
    assert_eq!([eth0, eth1].map(|clock| parsed.value("clock_is_hub", &[clock])), [Some(1.0), Some(0.0)]);
    assert_eq!([eth0, eth1].map(|clock| parsed.value("clock_has_problem", &[clock])), [Some(0.0), Some(1.0)]);
    assert_eq!(parsed.value("phc_info", &[eth1, ("device", "/dev/ptp1")]), Some(1.0));
    assert_eq!(parsed.value("lock_time_seconds", &[eth0, ("since", "parent")]), Some(1.92));
    assert_eq!(parsed.value("lock_time_seconds", &[eth1, ("since", "parent")]), None, "it never was");
    let port = [("port", "eth0"), ("domain", "0"), ("timestamps", "hardware"), ("device", "/dev/ptp0")];
    assert_eq!(parsed.value("port_timestamps_info", &port), Some(1.0));
}

#[test]
fn without_hardware_clocks_there_are_none_of_their_families() {
    let parsed = parse(&metrics(&locked(), &[])).unwrap();
    let families = ["phc_info", "clock_is_hub", "clock_jumps_total", "clock_crossing_window_seconds"];
    assert!(families.iter().all(|name| !parsed.families.contains_key(&format!("synchronome_{name}"))), "{parsed:?}");
    let port = [("port", "vb0"), ("domain", "0"), ("timestamps", "software"), ("device", "")];
    assert_eq!(parsed.value("port_timestamps_info", &port), Some(1.0));
}

#[test]
fn what_is_not_known_has_no_series() {
    let parsed = parse(&metrics(&never_synced(), &[])).unwrap();
    for absent in [
        "clock_offset_seconds",
        "clock_error_bound_seconds",
        "clock_error_bound_part_seconds",
        "last_sample_age_seconds",
        "last_update_timestamp_seconds",
        "gm_info",
        "lock_time_seconds",
        "ntp_stratum",
        "ntp_local_stratum",
        "leap_second",
        "truth_error_seconds",
    ] {
        assert!(!parsed.families.contains_key(&format!("synchronome_{absent}")), "{absent}");
    }
}

#[test]
fn labels_are_escaped_and_duplicates_dropped() {
    let mut status = locked();
    let odd = "a\"b\\c\nd";
    status.ptp[0].interface = odd.to_owned();
    status.ptp.push(status.ptp[0].clone());
    status.ptp[0].port_state = "A_NEW_STATE".to_owned();
    let parsed = parse(&metrics(&status, &[])).unwrap();
    let port = [("port", odd), ("domain", "0")];
    assert_eq!(parsed.value("port_state", &[port[0], port[1], ("state", "A_NEW_STATE")]), Some(1.0));
    assert_eq!(parsed.value("port_state", &[port[0], port[1], ("state", "SLAVE")]), Some(0.0), "the first one stays");
}

#[test]
fn figures_that_are_no_numbers_have_no_series() {
    let mut status = locked();
    status.clock.frequency_ppb = Some(f64::NAN);
    status.clock.offset_from_master_s = Some(f64::INFINITY);
    let parsed = parse(&metrics(&status, &[])).unwrap();
    assert!(!parsed.families.contains_key("synchronome_frequency_ppm"));
    assert!(!parsed.families.contains_key("synchronome_clock_offset_seconds"));
}

/// Each name that boards and alerts may use, with its type: a name goes only with a line in the changelog.
#[test]
fn the_names_that_stay_are_there_with_their_types() {
    let gauges = "sync_state clock_offset_seconds clock_error_bound_seconds clock_lock_limit_seconds \
         last_update_timestamp_seconds last_sample_age_seconds frequency_ppm oscillator_frequency_ppm port_state gm_info \
         gm_clock_class path_delay_seconds source_verdict source_offset_seconds source_reachability_ratio \
         source_steering clock_holdover_seconds tai_utc_offset_seconds leap_list_expires_seconds clock_has_problem \
         thread_alive_age_seconds health_code uptime_seconds build_info";
    let counters = "timestamps_missing_total steps_total foreign_adjustments_total vm_disruptions_total events_total \
         clock_jumps_total hook_runs_total hook_left_out_total port_events_total ntp_requests_total ntp_answered_total \
         ntp_dropped_total";
    let parsed = parse(&metrics(&well(), &[])).unwrap();
    for (kind, names) in [("gauge", gauges), ("counter", counters), ("histogram", "ntp_response_seconds")] {
        for name in names.split_whitespace() {
            let found = parsed.families.get(&format!("synchronome_{name}")).map(String::as_str);
            assert_eq!(found, Some(kind), "{name}");
        }
    }
}

#[test]
fn what_has_happened_is_counted_by_kind() {
    let mut status = well();
    status.event_counts = [("foreign".to_owned(), 2), ("clock_set".to_owned(), 3)].into();
    status.ptp[0].counters.insert("tx_stamp_missing".to_owned(), 4);
    status.sources[1].reach = Some(0b1101_0000);
    let parsed = parse(&metrics(&status, &[])).unwrap();
    assert_eq!(parsed.value("events_total", &[("kind", "foreign")]), Some(2.0));
    assert_eq!(parsed.value("events_total", &[("kind", "step")]), Some(0.0), "a counter is there before its first");
    assert_eq!(parsed.value("foreign_adjustments_total", &[]), Some(2.0));
    assert_eq!(parsed.value("steps_total", &[("clock", "system"), ("author", "somebody")]), Some(3.0));
    assert_eq!(parsed.value("steps_total", &[("clock", "system"), ("author", "synchronome")]), Some(1.0));
    assert_eq!(parsed.value("vm_disruptions_total", &[("kind", "paused_or_moved")]), Some(1.0));
    let missing = |direction| [("port", "eth0"), ("domain", "0"), ("direction", direction)];
    assert_eq!(parsed.value("timestamps_missing_total", &missing("tx")), Some(4.0));
    assert_eq!(parsed.value("timestamps_missing_total", &missing("rx")), Some(0.0));
    let source = [("kind", "ntp"), ("source", "192.0.2.1:123")];
    assert_eq!(parsed.value("source_reachability_ratio", &source), Some(0.375));
    let hook = [("hook", "0"), ("program", "/usr/local/bin/tell"), ("outcome", "succeeded")];
    assert_eq!(parsed.value("hook_runs_total", &hook), Some(3.0));
}

/// Under the names of others; the file is also what the alerts of `config/prometheus` are tried with.
#[test]
fn a_scrape_with_all_names_is_the_recorded_one() {
    let dialects = ["chrony", "openshift", "vm"].map(|word| Dialect::of(word).unwrap());
    let scrape = metrics(&well(), &dialects);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prometheus/scrape.prom");
    if std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some() {
        std::fs::write(file, &scrape).unwrap();
    }
    let recorded = std::fs::read_to_string(file).unwrap();
    for (line, (is, was)) in scrape.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(is, was, "line {}; SYNCHRONOME_WRITE_MANUAL=1 writes it anew", line + 1);
    }
    assert_eq!(scrape.lines().count(), recorded.lines().count());
}

#[test]
fn the_names_of_others_are_there_only_where_they_are_asked_for() {
    let has = |dialects: &[Dialect], name: &str| metrics(&well(), dialects).contains(&format!("\n{name}"));
    for (dialect, name) in
        [(Dialect::Chrony, "chrony_"), (Dialect::OpenShift, "openshift_ptp_"), (Dialect::Vm, "vm_time_drift ")]
    {
        assert!(has(&[dialect], name) && !has(&[], name), "{name}");
    }
    // A falseticker and a silent source, in chronyd's words.
    let scrape = metrics(&several(), &[Dialect::Chrony]);
    let state = |address: &str, name: &str, state: &str, mode: &str| {
        format!(
            "chrony_sources_state_info{{source_address=\"{address}\",source_name=\"{name}\",source_state=\"{state}\",source_mode=\"{mode}\"}} 1.0"
        )
    };
    for expected in [
        state("vb0", "vb0", "sync", "ref"),
        state("192.0.2.1", "ntp1.example.net", "candidate", "client"),
        state("198.51.100.7", "198.51.100.7", "falseticker", "client"),
        state("ntp9.example.net", "ntp9.example.net", "unreach", "client"),
    ] {
        assert!(scrape.lines().any(|line| line == expected), "{expected} in\n{scrape}");
    }
    // Nothing is known: no series, and no zero.
    let scrape = metrics(&never_synced(), &[Dialect::Chrony, Dialect::OpenShift, Dialect::Vm]);
    for absent in ["chrony_tracking_last_offset", "chrony_tracking_info", "openshift_ptp_offset_ns", "vm_time_drift"] {
        assert!(!scrape.contains(absent), "{absent} in\n{scrape}");
    }
}
