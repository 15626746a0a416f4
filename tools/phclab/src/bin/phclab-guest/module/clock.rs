//! The PHC: its rate, its steps, its errors, its PPS, and how it is read beside the system clock.

use std::fs;
use std::path::PathBuf;

use super::super::Outcome;
use super::super::because;
use super::super::contender::phc_of_here;
use super::super::process::call;
use super::super::world::{Truth, stat, turn};
use super::bench::{Bench, EVENT_PORT, between, pause_ms, receive_knob};
use super::{Test, holds, is_about};

pub const TESTS: &[Test] = &[
    ("the oscillator's error is the rate against CLOCK_MONOTONIC_RAW", oscillator),
    ("adjfine adds what it is told", adjfine),
    ("adjfine is rounded to its quantum", adjfine_quantum),
    ("a wandering oscillator leaves its rate, a frozen one stands still", wander_and_freeze),
    ("a jump is exact and leaves the rate", jump),
    ("a reset goes back to 1970, and with 2 switches the stamps off", reset),
    ("all operations fail with the errno that is set", errors),
    ("the ways to cross-timestamp agree with the truth; without cross and extended there is only the basic one", cross),
    ("a read that is slow on one side is biased by half of it", slow_read),
    ("a PPS edge is at a whole second of the PHC", pps),
    ("the input stamps the edges of the peer's output, where a pin is the input", input),
];

/// The rate of the PHC of `phv1` against CLOCK_MONOTONIC_RAW over `ms`, in ppb.
fn rate_ppb(ms: u64) -> Outcome<f64> {
    let first = Truth::read()?;
    pause_ms(ms);
    let last = Truth::read()?;
    let (phc, raw) = (last.phcs[1] - first.phcs[1], last.raw - first.raw);
    Ok((phc - raw) as f64 / raw as f64 * 1e9)
}

fn oscillator(_: &Bench) -> Outcome<()> {
    is_about("the rate of a good oscillator", rate_ppb(500)?, 0.0, 0.005)?;
    for ppb in [35_000, -100_000_000, 1] {
        receive_knob("osc_ppb", ppb)?;
        is_about("the rate", rate_ppb(500)?, ppb as f64, 0.01)?;
    }
    Ok(())
}

fn command(scaled_ppm: i64) -> Outcome<()> {
    let device = phc_of_here("phv1")?;
    call("labclock", &["adjfine", &device, &scaled_ppm.to_string()]).map(drop)
}

fn adjfine(_: &Bench) -> Outcome<()> {
    for ppb in [35_000.0, -1_234.5, 0.1] {
        command((ppb * 65.536_f64).round() as i64)?;
        // The kernel counts in 2^-16 ppm, about 0.015 ppb.
        is_about("the rate", rate_ppb(500)?, ppb, 0.02)?;
    }
    command(0)?;
    receive_knob("osc_ppb", 20_000)?;
    command(-20_000 * 65_536 / 1_000)?;
    // (1 + 20 ppm)(1 - 20 ppm) - 1 = -0.4 ppb
    is_about("the rate of oscillator and adjfine together", rate_ppb(500)?, -0.4, 0.02)
}

fn adjfine_quantum(_: &Bench) -> Outcome<()> {
    receive_knob("adj_quantum_ppt", 119_000)?;
    for ppb in [100.0, 1_000.0, -59.0, -60.0] {
        command((ppb * 65.536_f64).round() as i64)?;
        let wanted = (ppb / 119.0_f64).round() * 119.0;
        is_about("adj_ppt", stat("phv1", "adj_ppt")? as f64, wanted * 1e3, 1.0)?;
        is_about("the rate", rate_ppb(200)?, wanted, 0.02)?;
    }
    Ok(())
}

fn wander_and_freeze(_: &Bench) -> Outcome<()> {
    receive_knob("wander_ppt", 1_000_000)?;
    pause_ms(1_000);
    let rate = rate_ppb(500)?;
    holds((1.0..100_000.0).contains(&rate.abs()), || format!("after 1 s at 1 ppm/sqrt(s): {rate} ppb"))?;
    receive_knob("freeze", 1)?;
    is_about("the rate of a frozen clock", rate_ppb(200)?, -1e9, 0.0)
}

fn jump(_: &Bench) -> Outcome<()> {
    let mut before = between()?;
    for ns in [50_000, -50_000, 1_000_000_000, 1] {
        receive_knob("jump_ns", ns)?;
        let after = between()?;
        is_about("the jump", after - before, ns as f64, 0.002)?;
        before = after;
    }
    is_about("the rate", rate_ppb(200)?, 0.0, 0.01)
}

fn reset(bench: &Bench) -> Outcome<()> {
    command(65_536)?;
    receive_knob("reset", 1)?;
    let phc = Truth::read()?.phcs[1];
    holds((0..1_000_000_000_000).contains(&phc), || format!("the PHC shows {phc} ps"))?;
    is_about("the rate", rate_ppb(200)?, 0.0, 0.01)?;
    let ends = bench.ends(EVENT_PORT)?;
    holds(ends.exchange()?.1.is_some(), || "1 has switched the stamps off".to_owned())?;
    receive_knob("reset", 2)?;
    holds(ends.exchange()?.1.is_none(), || "2 has not switched the stamps off".to_owned())
}

fn errors(_: &Bench) -> Outcome<()> {
    let device = phc_of_here("phv1")?;
    for errno in [16, 5, 19] {
        receive_knob("ioerr", errno)?;
        let wanted = format!("errno {errno}");
        let refused = call("labclock", &["adjfine", &device, "0"]);
        let problem = refused.err().ok_or_else(|| format!("adjfine worked in spite of {wanted}"))?;
        holds(problem.contains(&wanted), || problem)?;
        let said = call("labclock", &["cross", &device])?;
        // The ioctl for basic readings says EBUSY itself for a read that failed on some kernels: any error will do.
        let are_refused = said.lines().all(|line| line.contains("errno"));
        holds(are_refused && said.contains(&wanted), || said)?;
        holds(call("phc_ctl", &[&device, "set", "0"]).is_err() || rate_ppb(10).is_ok(), || "set worked".to_owned())?;
    }
    receive_knob("ioerr", 0)?;
    command(0)
}

/// PHC minus system clock by each way, in ns: name, window and difference.
fn readings(device: &str) -> Outcome<Vec<(String, f64, f64)>> {
    let said = call("labclock", &["cross", device])?;
    let parse = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| words.get(at)?.parse::<i64>().ok();
        Some((words[0].to_owned(), number(1)? as f64, (number(3)? - number(2)?) as f64))
    };
    Ok(said.lines().filter_map(parse).collect())
}

/// PHC of `phv1` minus the system clock at one instant, in ns: constant while neither is steered.
fn truth_ns() -> Outcome<f64> {
    Truth::read().map(|truth| (truth.phcs[1] - truth.real) as f64 / 1e3)
}

fn cross(_: &Bench) -> Outcome<()> {
    let device = phc_of_here("phv1")?;
    let (truth, all) = (truth_ns()?, readings(&device)?);
    let names: Vec<_> = all.iter().map(|reading| reading.0.as_str()).collect();
    holds(names == ["precise", "extended", "basic"], || format!("{names:?}"))?;
    is_about("PRECISE", all[0].2, truth, 2.0)?;
    for (name, window, difference) in &all[1..] {
        is_about(name, *difference, truth, window / 2.0 + 2.0)?;
    }
    holds(all[1].1 <= all[2].1, || format!("EXTENDED is wider than basic: {all:?}"))?;
    receive_knob("cross", 0)?;
    let all = readings(&device)?;
    holds(all.len() == 2 && all[0].0 == "extended", || format!("without cross: {all:?}"))?;
    receive_knob("extended", 0)?;
    let all = readings(&device)?;
    holds(all.len() == 1 && all[0].0 == "basic", || format!("without extended: {all:?}"))?;
    is_about("basic", all[0].2, truth_ns()?, all[0].1 / 2.0 + 2.0)
}

fn slow_read(_: &Bench) -> Outcome<()> {
    let device = phc_of_here("phv1")?;
    receive_knob("read_post_ns", 10_000)?;
    let (truth, all) = (truth_ns()?, readings(&device)?);
    let (_, window, difference) = &all[1];
    holds(*window >= 10_000.0, || format!("the window is {window} ns"))?;
    is_about("the bias", difference - truth, -window / 2.0, 500.0)?;
    receive_knob("read_pre_ns", 10_000)?;
    let (truth, all) = (truth_ns()?, readings(&device)?);
    is_about("the bias of a symmetric read", all[1].2 - truth, 0.0, 500.0)
}

/// What the input of a PHC has seen: its readings, in ns.
fn stamps_of(class: &str) -> Outcome<Vec<i64>> {
    let mut found = Vec::new();
    // One a reading, and an empty text when there are no more.
    loop {
        let text = fs::read_to_string(format!("{class}/fifo")).map_err(because("fifo"))?;
        let words: Vec<i64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [_, seconds, fraction] = words[..] else { return Ok(found) };
        found.push(seconds * 1_000_000_000 + fraction);
    }
}

fn input(_: &Bench) -> Outcome<()> {
    let class = |port| -> Outcome<String> {
        let device = phc_of_here(port)?;
        Ok(format!("/sys/class/ptp/{}", device.trim_start_matches("/dev/")))
    };
    let here = class("phv1")?;
    let number = fs::read_dir("/sys/class/ptp").map_err(because("/sys/class/ptp"))?.flatten();
    let name = |path: &PathBuf| fs::read_to_string(path.join("clock_name")).unwrap_or_default();
    let mut all = number.map(|entry| entry.path());
    let peer = all.find(|path| name(path).trim() == "phcveth0").ok_or("the peer has no PHC")?;
    let write = |path: String, text: &str| fs::write(&path, text).map_err(because(&path));
    let set = |on: &str| write(format!("{here}/extts_enable"), on);
    holds(set("0 1").is_err(), || "no pin is the input, and it is switched on".to_owned())?;
    write(format!("{here}/pins/SDP0"), "1 0")?;
    write(format!("{}/period", peer.display()), "0 0 0 1 0")?;
    for (edges, width_ns) in [(0, None), (2, Some(100_000_000_i64))] {
        receive_knob("extts_edges", edges)?;
        set("0 1")?;
        stamps_of(&here)?;
        let truth = Truth::read()?;
        pause_ms(3_000);
        let ahead = ((truth.phcs[1] - truth.phcs[0]) / 1_000) as i64;
        let found: Vec<i64> = stamps_of(&here)?.into_iter().map(|at| (at - ahead).rem_euclid(1_000_000_000)).collect();
        let expected = |part: i64| {
            let off = |of: i64| ((part - of + 500_000_000).rem_euclid(1_000_000_000) - 500_000_000).abs();
            off(0) < 20 || width_ns.is_some_and(|width| off(width) < 20)
        };
        // It takes a little longer than the pause, and there may be one more in it.
        let counts = if width_ns.is_some() { 6..=7 } else { 3..=4 };
        let are_right = counts.contains(&found.len()) && found.iter().all(|part| expected(*part));
        holds(are_right, || format!("stamps at {found:?} ns"))?;
        set("0 0")?;
    }
    receive_knob("extts_edges", 0)?;
    write(format!("{}/period", peer.display()), "0 0 0 0 0")?;
    write(format!("{here}/pins/SDP0"), "0 0")
}

/// The PPS device of a PHC: it bears its name.
fn pps_of(phc: &str) -> Outcome<PathBuf> {
    let entries = fs::read_dir("/sys/class/pps").map_err(because("/sys/class/pps"))?.flatten();
    let name = |path: &PathBuf| fs::read_to_string(path.join("name")).unwrap_or_default();
    let found = entries.map(|entry| entry.path()).find(|path| name(path).trim() == phc);
    found.ok_or_else(|| format!("{phc} has no PPS device"))
}

fn pps(_: &Bench) -> Outcome<()> {
    let device = phc_of_here("phv1")?;
    let class = format!("/sys/class/ptp/{}", device.trim_start_matches("/dev/"));
    fs::write(format!("{class}/pps_enable"), "1").map_err(because("pps_enable"))?;
    let first = Truth::read()?;
    pause_ms(2_200);
    let last = Truth::read()?;
    let pps = pps_of(device.trim_start_matches("/dev/"))?;
    let text = fs::read_to_string(pps.join("assert")).map_err(because("assert"))?;
    let parse = || {
        let (time, count) = text.trim().split_once('#')?;
        let (seconds, fraction) = time.split_once('.')?;
        Some((seconds.parse::<i64>().ok()? * 1_000_000_000 + fraction.parse::<i64>().ok()?, count.parse::<u32>().ok()?))
    };
    let (at, count) = parse().ok_or_else(|| format!("assert: {text}"))?;
    holds(count >= 2, || format!("{count} edges in 2.2 s"))?;
    // The system clock is slewed by some ppb even if nobody asks for it: what the PHC showed lies on a line between two
    // truths.
    let ahead = |truth: &Truth| truth.phcs[1] - truth.real;
    let part = (i128::from(at) * 1_000 - first.real) as f64 / (last.real - first.real) as f64;
    let phc = i128::from(at) * 1_000 + ahead(&first) + ((ahead(&last) - ahead(&first)) as f64 * part) as i128;
    let off_ns = ((phc + 500_000_000_000).rem_euclid(1_000_000_000_000) - 500_000_000_000) as f64 / 1e3;
    is_about("the PHC's part of a second at the edge", off_ns, 0.0, 20.0)?;
    turn("phv1", "pps_irq", 0)?;
    fs::write(format!("{class}/pps_enable"), "0").map_err(because("pps_enable"))
}
