//! The tests: first all that may run side by side, then the ones that measure real time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Outcome, Run, show_lines};

/// Files of `tests/` whose tests measure real time: a neighbour on the CPU would show in their figures.
const REALTIME: [&str; 2] = ["interop", "realtime"];

/// Those of tests/interop that measure microseconds, CPU time or what a server can do. All others wait for seconds, and may do so at the same time.
const ALONE: [&str; 2] = ["alone::", "load::"];
/// Mostly they sleep.
const SIDE_BY_SIDE: &str = "--test-threads=8";

/// How many tests ran.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Adds a line of cargo test like `test result: ok. 3 passed; 0 failed; 1 ignored; ..`; other lines count nothing.
    fn hear(&mut self, line: &str) {
        let Some((_, figures)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for figure in figures.split("; ") {
            match figure.split_once(' ').map(|(number, what)| (number.parse::<u64>(), what)) {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                Some((Ok(number), "ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    /// Worded unlike cargo's lines, so that whoever adds those up does not count twice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        let Self { passed, failed, ignored } = self;
        write!(f, "; tests in all: passed {passed}, failed {failed}, ignored {ignored}")
    }
}

/// How long the tests of each module took: each ends with its line. Of those that run side by side it is the time since the one before.
#[derive(Default)]
struct Modules {
    took: BTreeMap<String, Duration>,
    last: Duration,
}

impl Modules {
    /// Takes a line in that was printed so long after the start.
    fn hear(&mut self, line: &str, at: Duration) {
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")).map(|(name, _)| name) {
            let module = name.rsplit_once("::").map_or("others", |(module, _)| module);
            *self.took.entry(module.to_owned()).or_default() += at.saturating_sub(self.last);
        }
        self.last = at;
    }
}

impl fmt::Display for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.took.iter().map(|(module, took)| format!("{module} {:.0} s", took.as_secs_f64()));
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

pub fn run(run: &mut Run) -> Outcome {
    let names = integration_tests(run)?;
    let mut arguments = vec!["test", "--workspace", "--all-features", "--no-fail-fast", "--lib", "--bins"];
    for name in names.iter().filter(|name| !REALTIME.contains(&name.as_str())) {
        arguments.extend(["--test", name]);
    }
    cargo_test(run, &arguments, |_| {})?;
    cargo_test(run, &["test", "--workspace", "--all-features", "--doc"], |_| {})
}

pub fn run_realtime(run: &mut Run) -> Outcome {
    let (start, mut modules) = (Instant::now(), Modules::default());
    let mut some = |file: &str, which: &[&str]| {
        let arguments = ["test", "--workspace", "--all-features", "--no-fail-fast", "--test", file, "--"];
        cargo_test(run, &[&arguments, which].concat(), |line| modules.hear(line, start.elapsed()))
    };
    let skipped: Vec<_> = ALONE.iter().flat_map(|module| ["--skip", module]).collect();
    // All, whatever comes of the first.
    let beside = some("interop", &[&skipped[..], &[SIDE_BY_SIDE]].concat());
    let alone = some("interop", &[&ALONE[..], &["--test-threads=1"]].concat());
    // Those of the threads take turns by themselves where they have to.
    let threads = some("realtime", &[SIDE_BY_SIDE]);
    println!("ci: realtime by modules: {modules}");
    beside.and(alone).and(threads)
}

fn cargo_test(run: &mut Run, arguments: &[&str], mut hear: impl FnMut(&str)) -> Outcome {
    let mut command = run.cargo(arguments);
    let mut heard = Tally::default();
    let outcome = show_lines(&mut command, |line| {
        heard.hear(line);
        hear(line);
    });
    run.tally.passed += heard.passed;
    run.tally.failed += heard.failed;
    run.tally.ignored += heard.ignored;
    outcome
}

/// The names of all test targets of the workspace, each once.
fn integration_tests(run: &Run) -> Result<Vec<String>, String> {
    let output = run
        .cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut names: Vec<String> = children(&metadata["packages"])
        .flat_map(|package| children(&package["targets"]))
        .filter(|target| children(&target["kind"]).any(|kind| kind == "test"))
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { Err("cargo metadata names no test".to_owned()) } else { Ok(names) }
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_cargo_test_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s",
            "test result_is_passed ... ok",
        ] {
            tally.hear(line);
        }
        assert_eq!(tally, Tally { passed: 5, failed: 4, ignored: 1 });
    }

    #[test]
    fn what_each_module_took_is_added_up_by_the_lines_that_end_its_tests() {
        let mut modules = Modules::default();
        let lines = [
            ("   Compiling synchronome", 30.0),
            ("running 3 tests", 31.0),
            ("test ntp::a_closed_port ... ok", 41.0),
            ("test hybrid::who_steers ... ok", 61.0),
            ("test ntp::another ... FAILED", 66.0),
            ("test alone ... ok", 68.0),
            ("test result: ok. 3 passed; 0 failed", 68.5),
        ];
        for (line, at) in lines {
            modules.hear(line, Duration::from_secs_f64(at));
        }
        assert_eq!(modules.to_string(), "hybrid 20 s, ntp 15 s, others 2 s");
    }
}
