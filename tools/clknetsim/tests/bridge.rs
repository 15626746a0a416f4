//! The scenarios against the real clknetsim, where it is installed, with the real daemons.
//!
//! No Debian package has clknetsim, so a machine without it says so and passes: the codec is tested against recorded exchanges in
//! any case. `CLKNETSIM_PATH` names the folder with `clknetsim` and `clknetsim.so`.

use std::io::{self, Write};
use std::process::Command;

use serde_json::Value;

/// Nothing to run with, in the tool's exit codes.
const NOTHING_TO_RUN: i32 = 2;

/// The JSON objects that a run of scenarios prints; `None` if something is not installed.
fn run(arguments: &[&str]) -> Option<Vec<Value>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_synchronome-clknetsim"));
    command.arg("run").args(arguments).args(["--short", "--json", "--results"]).arg(folder.path());
    let output = command.output().expect("our own program runs");
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    if output.status.code() == Some(NOTHING_TO_RUN) {
        assert!(said.contains(" is not here"), "{said}");
        // Past the test harness, which keeps what tests that pass print.
        writeln!(io::stderr(), "NOT RUN: {}: {}", arguments.join(" "), said.trim()).expect("stderr can be written");
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {said}{printed}");
    Some(printed.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect())
}

/// Runs one scenario once; all of its own demands hold then.
fn scenario(name: &str) -> Option<Value> {
    let runs = run(&[name])?;
    assert_eq!(runs.len(), 1);
    let run = runs[0].clone();
    assert_eq!((run["scenario"].as_str(), run["unmet"].as_array().map(Vec::len)), (Some(name), Some(0)));
    Some(run)
}

#[test]
fn our_slave_follows_ptp4l_and_the_truth_is_inside_its_bound() {
    let Some(run) = scenario("ptp-slave") else { return };
    assert_eq!(run["ours"]["port_state"], "Slave");
    assert_eq!(run["ours"]["steps"], 1);
}

#[test]
fn ptp4l_follows_our_grandmaster() {
    let Some(run) = scenario("ptp-master") else { return };
    assert_eq!(run["judged"], "ptp4l");
}

#[test]
fn chronyd_follows_our_ntp_server() {
    let Some(run) = scenario("ntp-server") else { return };
    assert_eq!(run["judged"], "chronyd");
    assert_eq!(run["ours"]["dropped"], Value::Object(serde_json::Map::new()));
}

#[test]
fn our_ntp_client_follows_chronyd_and_the_truth_is_inside_its_bound() {
    let Some(run) = scenario("ntp-client") else { return };
    assert_eq!(run["ours"]["client_state"], "Reachable");
    // Nothing that chronyd says is refused.
    assert_eq!(run["ours"]["counts"]["measured"], run["ours"]["counts"]["answers"]);
}

#[test]
fn our_simulator_and_clknetsim_agree_about_our_slave_and_our_client() {
    let Some(runs) = run(&["ptp-both", "ntp-both", "--seeds", "3", "--compare"]) else { return };
    let ratios: Vec<_> = runs.iter().filter_map(|line| line["ratio"].as_f64()).collect();
    assert_eq!(ratios.len(), 2, "{runs:?}");
    assert!(ratios.iter().all(|ratio| (0.8..1.25).contains(ratio)), "{ratios:?}");
}
