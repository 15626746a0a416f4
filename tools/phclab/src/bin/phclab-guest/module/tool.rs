//! `synchronome phc` and `probe --self-test`: what they say of clocks and cards whose truth is known.

use serde_json::Value;

use super::super::process::call;
use super::super::world::Truth;
use super::super::{LAB, Outcome};
use super::bench::{Bench, receive_knob, send_knob};
use super::{Test, holds, is_about};

pub const TESTS: &[Test] = &[
    ("synchronome phc list has each clock once, with its interface and the ways to read it", list),
    ("what synchronome phc read says is true within its uncertainty, in each way, also of a slow bus", read),
    ("what synchronome phc compare says is true within its uncertainty, and so is the drift", compare),
    ("synchronome phc names the error of a clock that fails", failure),
    ("synchronome probe --self-test says how late a card's stamps come, and that they are lost", self_test),
];

/// What the tool says as JSON.
fn phc(arguments: &[&str]) -> Outcome<Value> {
    let all = [&["phc"], arguments, &["--json"]].concat();
    let said = call(&format!("{LAB}/synchronome"), &all)?;
    serde_json::from_str(&said).map_err(|error| format!("phc {}: {error}: {said}", arguments.join(" ")))
}

fn number(object: &Value, name: &str) -> Outcome<f64> {
    object[name].as_f64().ok_or_else(|| format!("{name} is no number: {object}"))
}

fn list(_: &Bench) -> Outcome<()> {
    receive_knob("cross", 0)?;
    let said = phc(&["list"])?;
    let clocks = said["phcs"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (port, crossings) in [("phv0", &["precise", "extended", "basic"][..]), ("phv1", &["extended", "basic"])] {
        let mine: Vec<_> = clocks.iter().filter(|clock| clock["interfaces"] == serde_json::json!([port])).collect();
        let is_it = |clock: &&Value| clock["crossings"] == serde_json::json!(crossings) && clock["writable"] == true;
        holds(mine.len() == 1 && mine.iter().all(is_it), || format!("{port}: {said}"))?;
    }
    holds(clocks.len() == 2, || format!("{} clocks: {said}", clocks.len()))
}

/// Each way to read a clock, by the knobs that leave it as the best.
const WAYS: [(&str, i64, i64); 3] = [("precise", 1, 1), ("extended", 0, 1), ("basic", 0, 0)];

fn read(_: &Bench) -> Outcome<()> {
    receive_knob("jump_ns", -12_345)?;
    for (way, cross, extended) in WAYS {
        receive_knob("cross", cross)?;
        receive_knob("extended", extended)?;
        for slow_ns in [0, 5_000] {
            receive_knob("read_post_ns", slow_ns)?;
            let said = phc(&["read", "phv1"])?;
            let reading = &said["readings"][0];
            holds(reading["method"] == way && reading["scale"] == "UTC", || format!("{way}: {said}"))?;
            // The system clock drifts by some ppb while the tool runs.
            let (uncertainty, truth) = (number(reading, "uncertainty_ns")?, Truth::read()?);
            let truth_ns = (truth.phcs[1] - truth.real) as f64 / 1e3;
            is_about(way, number(reading, "offset_from_realtime_ns")?, truth_ns, uncertainty + 5.0)?;
            holds(uncertainty < 50_000.0, || format!("{way}: an uncertainty of {uncertainty} ns says nothing"))?;
        }
        receive_knob("read_post_ns", 0)?;
    }
    Ok(())
}

fn compare(_: &Bench) -> Outcome<()> {
    receive_knob("jump_ns", 98_765)?;
    for (way, cross, extended) in WAYS {
        for knob in [receive_knob, send_knob] {
            knob("cross", cross)?;
            knob("extended", extended)?;
        }
        let said = phc(&["compare", "phv1", "phv0", "--interval", "10ms"])?;
        let ways = [&said["first"]["method"], &said["second"]["method"]];
        holds(ways.iter().all(|method| **method == way), || format!("{way}: {said}"))?;
        let truth_ns = Truth::read()?.phc_error_ns();
        is_about(way, number(&said, "offset_ns")?, truth_ns, number(&said, "uncertainty_ns")? + 2.0)?;
    }
    receive_knob("osc_ppb", 35_000)?;
    let said = phc(&["compare", "phv1", "system", "--count", "20", "--interval", "50ms"])?;
    let error = number(&said, "drift_error_ppb")?;
    holds(error < 1_000.0, || format!("a drift to {error} ppb says nothing"))?;
    is_about("the drift", number(&said, "drift_ppb")?, 35_000.0, 4.0 * error + 20.0)
}

fn failure(_: &Bench) -> Outcome<()> {
    receive_knob("ioerr", 5)?;
    let problem = phc(&["compare", "phv1", "phv0"]).err().ok_or("it compared a clock that fails")?;
    holds(problem.contains("phv1") && problem.contains("Input/output error"), || problem.clone())?;
    let said = call(&format!("{LAB}/synchronome"), &["phc", "read", "--json"]);
    let problem = said.err().ok_or("reading all was a success, though one fails")?;
    holds(problem.contains("Input/output error") && problem.contains("offset_from_realtime_ns"), || problem.clone())
}

fn self_test(_: &Bench) -> Outcome<()> {
    // Interfaces without one are not looked at.
    let address = |action| call("ip", &["address", action, "192.0.2.1/32", "dev", "phv0"]);
    address("add")?;
    let outcome = stamps_are_as_late_as_told();
    address("del").map(drop).and(outcome)
}

fn stamps_are_as_late_as_told() -> Outcome<()> {
    let trial = || -> Outcome<Value> {
        let said = call(&format!("{LAB}/synchronome"), &["probe", "--self-test", "--for", "100ms", "--json"])?;
        let said: Value = serde_json::from_str(&said).map_err(|error| format!("probe: {error}: {said}"))?;
        let mut ports = said["interfaces"].as_array().into_iter().flatten();
        let port = ports.find(|port| port["name"] == "phv0").ok_or_else(|| format!("no phv0: {said}"))?;
        Ok(port["self_test"].clone())
    };
    for late_us in [0, 30_000] {
        send_knob("txts_delay_us", late_us)?;
        let said = trial()?;
        holds(said["hardware"]["count"] == 20 && said["sent"] == 20, || format!("{late_us} us late: {said}"))?;
        holds(said["is_lent"] == false, || format!("the card was set: {said}"))?;
        let (median, late) = (number(&said["hardware"], "median_s")?, late_us as f64 / 1e6);
        holds((late..late + 0.015).contains(&median), || format!("{late_us} us late: {said}"))?;
    }
    send_knob("txts_loss_ppm", 1_000_000)?;
    let said = trial()?;
    holds(said["hardware"]["count"] == 0 && said["sent"] == 20, || format!("all are lost: {said}"))
}
