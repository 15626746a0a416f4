//! What `config/prometheus` and `config/grafana` say, tried with Prometheus' own promtool.
//!
//! Each alert is shown to fire on what it is for, and not on a daemon where all is well: series made of a recorded scrape
//! (`tests/prometheus/scrape.prom`, which a test of the metrics keeps true). promtool comes with Debian's package `prometheus`
//! (`.ci/run` unpacks it); where it is missing the tests fail and say so.

#[path = "realtime/child.rs"]
mod child;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use child::{Running, free_ports, get, status};
use serde_json::Value;

const RULES: &str = include_str!("../config/prometheus/synchronome.rules.yml");
const BOARD: &str = include_str!("../config/grafana/synchronome.json");
const SCRAPE: &str = include_str!("prometheus/scrape.prom");

/// How long the series are, in minutes.
const LENGTH: u32 = 40;

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("promtool (Debian: prometheus) is needed: {error}"));
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Names and labels of the recorded series, and their values.
fn recorded() -> Vec<(String, f64)> {
    let lines = SCRAPE.lines().filter(|line| !line.starts_with('#'));
    let series = lines.map(|line| line.rsplit_once(' ').expect("a value"));
    series.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect()
}

/// A series with the labels that Prometheus adds.
fn scraped(series: &str) -> String {
    let added = "instance=\"host:9319\",job=\"synchronome\"";
    match series.split_once('{') {
        Some((name, rest)) => format!("{name}{{{added},{rest}"),
        None => format!("{series}{{{added}}}"),
    }
}

/// What happens, for each alert: the beginning of recorded series, and what becomes of their values.
const FIRES: &[(&str, &[(&str, &str)])] = &[
    ("SynchronomeDown", &[("up", "0x40")]),
    (
        "SynchronomeNotSynchronised",
        &[
            ("synchronome_sync_state{clock=\"system\",state=\"LOCKED\"", "1x5 0x40"),
            ("synchronome_sync_state{clock=\"system\",state=\"FREERUN\"", "0x5 1x40"),
        ],
    ),
    ("SynchronomeBoundOverLimit", &[("synchronome_clock_error_bound_seconds{clock=\"system\"", "0.00002x40")]),
    ("SynchronomeHoldoverLong", &[HOLDOVER[0], HOLDOVER[1]]),
    (
        "SynchronomeHoldoverEnds",
        &[
            HOLDOVER[0],
            HOLDOVER[1],
            ("synchronome_clock_holdover_seconds{clock=\"system\",limit=\"0.0001\"", "1200x40"),
        ],
    ),
    ("SynchronomeStepped", &[("synchronome_steps_total{clock=\"system\",author=\"synchronome\"", "1x35 2x5")]),
    ("SynchronomeForeignAdjustments", &[("synchronome_foreign_adjustments_total", "0x35 1x5")]),
    (
        "SynchronomeFalseticker",
        &[("synchronome_source_verdict{kind=\"ntp\",source=\"192.0.2.1:123\",verdict=\"falseticker\"", "0x5 1x40")],
    ),
    (
        "SynchronomeNoMajority",
        &[("synchronome_source_verdict{kind=\"ntp\",source=\"192.0.2.1:123\",verdict=\"undecided\"", "0x5 1x40")],
    ),
    (
        "SynchronomeSourceLost",
        &[("synchronome_source_verdict{kind=\"ntp\",source=\"192.0.2.1:123\",verdict=\"silent\"", "0x5 1x40")],
    ),
    ("SynchronomePortDown", &[("synchronome_port_waiting{port=\"eth0\"", "1x40")]),
    (
        "SynchronomeStampsMissing",
        &[("synchronome_timestamps_missing_total{port=\"eth0\",domain=\"0\",direction=\"tx\"", "0+10x40")],
    ),
    ("SynchronomePhcJumped", &[("synchronome_clock_jumps_total{clock=\"eth1\"", "0x35 1x5")]),
    ("SynchronomeClockProblem", &[("synchronome_clock_has_problem{clock=\"eth1\"", "1x40")]),
    ("SynchronomeThreadStalled", &[("synchronome_thread_alive_age_seconds{thread=\"discipline\"", "0+60x40")]),
    ("SynchronomeDisrupted", &[("synchronome_vm_disruptions_total{kind=\"paused_or_moved\"", "1x35 2x5")]),
    ("SynchronomeLeapListExpires", &[("synchronome_leap_list_expires_seconds", "-5x40")]),
    (
        "SynchronomeHooksFail",
        &[("synchronome_hook_runs_total{hook=\"0\",program=\"/usr/local/bin/tell\",outcome=\"killed\"", "0x35 1x5")],
    ),
    ("SynchronomeHooksLeftOut", &[("synchronome_hook_left_out_total", "0x35 7x5")]),
];

const HOLDOVER: [(&str, &str); 2] = [
    ("synchronome_sync_state{clock=\"system\",state=\"LOCKED\"", "1x5 0x40"),
    ("synchronome_sync_state{clock=\"system\",state=\"HOLDOVER\"", "0x5 1x40"),
];

/// A case of `promtool test rules`: the recorded series with these changes, and how many alerts of which name fire at the end.
fn case(text: &mut String, name: &str, changes: &[(&str, &str)], expected: &[(&str, usize)]) {
    let _ = writeln!(text, "- name: {name}\n  interval: 1m\n  input_series:");
    let mut unused: BTreeSet<_> = changes.iter().map(|(beginning, _)| *beginning).collect();
    let up = ("up".to_owned(), 1.0);
    let ours = recorded().into_iter().filter(|(series, _)| series.starts_with("synchronome_"));
    for (series, value) in std::iter::once(up).chain(ours) {
        let change = changes.iter().find(|(beginning, _)| {
            series.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '}', '{']))
        });
        let values = change.map_or_else(|| format!("{value:?}x{LENGTH}"), |(_, values)| (*values).to_owned());
        if let Some((beginning, _)) = change {
            unused.remove(beginning);
        }
        let _ = writeln!(text, "  - series: '{}'\n    values: '{values}'", scraped(&series));
    }
    assert!(unused.is_empty(), "{name}: no series begins like {unused:?}");
    text.push_str("  promql_expr_test:\n");
    for (alert, count) in expected {
        let filter = if alert.is_empty() { String::new() } else { format!(",alertname=\"{alert}\"") };
        let _ = writeln!(
            text,
            "  - expr: 'count(ALERTS{{alertstate=\"firing\"{filter}}})'\n    eval_time: {}m\n    exp_samples:{}",
            LENGTH - 2,
            if *count == 0 { " []".to_owned() } else { format!("\n    - labels: '{{}}'\n      value: {count}") }
        );
    }
}

fn alerts() -> Vec<&'static str> {
    RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn every_alert_fires_on_what_it_is_for_and_none_where_all_is_well() {
    let directory = tempfile::tempdir().expect("a directory");
    let names: Vec<_> = FIRES.iter().map(|(alert, _)| *alert).collect();
    assert_eq!(names, alerts(), "each alert has its case, in the order of the file");
    let mut text = "rule_files:\n- rules.yml\nevaluation_interval: 1m\ntests:\n".to_owned();
    case(&mut text, "all is well", &[], &[("", 0)]);
    for (alert, changes) in FIRES {
        case(&mut text, alert, changes, &[(alert, 1)]);
    }
    std::fs::write(directory.path().join("rules.yml"), RULES).expect("written");
    let file = directory.path().join("tests.yml");
    std::fs::write(&file, text).expect("written");
    let output = promtool(&["test", "rules", file.to_str().expect("UTF-8")], "");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_rules_are_valid_and_each_says_what_to_do() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/synchronome.rules.yml");
    let output = promtool(&["check", "rules", "--lint-fatal", file], "");
    assert!(output.status.success(), "{}", said(&output));
    let count = |what: &str| RULES.lines().filter(|line| line.trim_start().starts_with(what)).count();
    for what in ["summary: ", "action: ", "labels: {severity: "] {
        assert_eq!(count(what), alerts().len(), "{what}");
    }
}

/// The names of our metrics in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    let ends = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let begins = text.match_indices("synchronome_").map(|(at, _)| &text[at..]);
    begins.map(|rest| &rest[..rest.find(ends).unwrap_or(rest.len())]).collect()
}

#[test]
fn each_metric_of_the_board_and_of_the_alerts_is_in_the_scrape() {
    let series = recorded();
    let known: BTreeSet<_> = series.iter().map(|(series, _)| series.split('{').next().unwrap_or_default()).collect();
    let board: Value = serde_json::from_str(BOARD).expect("JSON");
    let panels = board["panels"].as_array().expect("a list");
    assert!(panels.len() > 20 && panels.iter().all(|panel| panel["title"].as_str().is_some_and(|t| !t.is_empty())));
    let mut ids = BTreeSet::new();
    assert!(panels.iter().all(|panel| ids.insert(panel["id"].as_u64())), "a number twice");
    for text in [BOARD, RULES] {
        let names = names_in(text);
        assert!(names.len() > 15, "{names:?}");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

/// What promtool has against names that are OpenShift's.
fn is_of_others(line: &str) -> bool {
    line.starts_with("openshift_ptp_") && line.ends_with("_ns metric names should not contain abbreviated units")
}

fn assert_clean(scrape: &str) {
    let output = promtool(&["check", "metrics"], scrape);
    let text = said(&output);
    let complaints: Vec<_> = text.lines().filter(|line| !line.is_empty() && !is_of_others(line)).collect();
    assert!(complaints.is_empty() && output.status.code().is_some_and(|code| code == 0 || code == 3), "{text}");
}

#[test]
fn a_real_daemon_is_scraped_without_complaint_under_all_names() {
    assert_clean(SCRAPE);
    let directory = tempfile::tempdir().expect("a directory");
    let [event, general, http] = free_ports();
    let folder = directory.path().display();
    let text = format!(
        "clock.system = {{ simulated = {{ offset = '1s' }} }}\nthreads.lock_memory = false\n\
         [observe]\nhttp = '127.0.0.1:{http}'\nruntime_directory = '{folder}/run'\nstate_directory = '{folder}/state'\n\
         compat_metrics = ['chrony', 'openshift', 'vm']\n\
         [[ptp]]\ninterface = 'lo'\nevent_port = {event}\ngeneral_port = {general}\n"
    );
    let file = directory.path().join("synchronome.toml");
    std::fs::write(&file, text).expect("written");
    let running = Running::daemon(&file);
    status(&directory.path().join("run/status.sock"));
    let scrape = get(http, "/metrics");
    assert!(scrape.contains("\nchrony_up 1.0\n") && scrape.contains("\nsynchronome_build_info{"), "{scrape}");
    assert_clean(&scrape);
    running.end();
}
