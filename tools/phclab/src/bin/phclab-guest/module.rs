//! The tests of the module itself: each knob does what its line in the table says, and nothing else; and of `synchronome phc`
//! on its clocks.
//!
//! Each test gets a freshly loaded module with one pair of ports, both in the first namespace, and oscillators without
//! any error, so that the two PHCs stand still against each other and every stamp can be told in advance to the
//! nanosecond. Frames are PTP over UDP/IPv6, sent to a multicast address of the link.

mod bench;
mod clock;
mod stamps;
mod tool;
mod wire;

use std::fs;
use std::path::Path;

use phclab::report::Check;
use phclab::scenario::Scenario;

use super::Outcome;
use super::clocks::reset_system;
use super::process::call;
use bench::Bench;

/// A test and the sentence that it proves.
type Test = (&'static str, fn(&Bench) -> Outcome<()>);

/// What the kernel says when a module has done it harm.
const COMPLAINTS: [&str; 6] = ["BUG:", "WARNING:", "Oops", "Call Trace", "rcu: INFO", "unregister_netdevice: waiting"];

/// Runs all tests of the module.
pub fn checks(scenario: &Scenario, folder: &Path) -> Vec<Check> {
    // A scenario before this one may have left the system clock steered.
    if let Err(problem) = reset_system(scenario.epoch()) {
        return vec![Check::new(false, problem)];
    }
    let tests = [stamps::TESTS, clock::TESTS, wire::TESTS, tool::TESTS].concat();
    let mut checks: Vec<_> = tests.iter().map(|(name, test)| judged(name, in_bench(scenario.seed, test))).collect();
    checks.push(judged("two loads with one seed draw the same, with another seed not", wire::seeds(scenario.seed)));
    checks.push(judged("the kernel has nothing to complain of", complaints(folder)));
    checks
}

fn judged(name: &str, outcome: Outcome<()>) -> Check {
    match outcome {
        Ok(()) => Check::new(true, name),
        Err(problem) => Check::new(false, format!("{name}: {problem}")),
    }
}

fn in_bench<T>(seed: u32, test: impl Fn(&Bench) -> Outcome<T>) -> Outcome<T> {
    let bench = Bench::load(seed)?;
    let outcome = test(&bench);
    bench::unload()?;
    outcome
}

fn complaints(folder: &Path) -> Outcome<()> {
    let said = call("dmesg", &[])?;
    fs::write(folder.join("dmesg.txt"), &said).map_err(super::because("dmesg.txt"))?;
    let found: Vec<_> = said.lines().filter(|line| COMPLAINTS.iter().any(|word| line.contains(word))).collect();
    holds(found.is_empty(), || found.join(" | "))
}

/// An error unless a condition holds.
fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if condition { Ok(()) } else { Err(otherwise()) }
}

/// An error unless a figure is as wanted, give or take.
fn is_about(what: &str, value: f64, wanted: f64, tolerance: f64) -> Outcome<()> {
    holds((value - wanted).abs() <= tolerance, || format!("{what} is {value}, not {wanted} +- {tolerance}"))
}
