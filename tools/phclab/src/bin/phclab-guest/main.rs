//! The part of the lab that runs inside the guest.
//!
//! It runs the scenarios that it is given, one after the other, each contender in a world of its own: module freshly
//! loaded, namespaces freshly made, the kernel's clock as after boot. What it finds out goes to the console, one
//! [`REPORT_MARK`] line a scenario, and in full to the results folder.
//!
//! It sets clocks and unloads modules, so it looks for the lab's word on the kernel command line first.

mod clocks;
mod contender;
mod course;
mod daemon;
mod module;
mod process;
mod servers;
mod world;

use std::fs;
use std::io::{Error, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use phclab::GUEST_WORD;
use phclab::linux::Linux;
use phclab::report::{Check, END_MARK, REPORT_MARK, RunReport, ScenarioReport};
use phclab::scenario::{Contender, Kind, Scenario};
use phclab::verdict;

/// What went wrong, with what was being done.
type Outcome<T> = Result<T, String>;

/// Where the host puts the scenarios and what they need.
const LAB: &str = "/lab";

fn main() -> ExitCode {
    let words = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    if !words.split_whitespace().any(|word| word == GUEST_WORD) {
        eprintln!("phclab-guest: this is no guest of the lab; nothing was done");
        return ExitCode::from(2);
    }
    match run_all(&PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "/run/out".to_owned()))) {
        Ok(()) => {
            println!("{END_MARK}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("phclab-guest: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// `context: error` from an error.
fn because(context: impl std::fmt::Display) -> impl FnOnce(Error) -> String {
    move |error| format!("{context}: {error}")
}

fn run_all(results: &Path) -> Outcome<()> {
    let list = read(&Path::new(LAB).join("plan"))?;
    let mut lines = list.lines();
    let only: Vec<_> = lines.next().unwrap_or_default().split_whitespace().filter_map(Contender::named).collect();
    let release = read(Path::new("/proc/sys/kernel/osrelease"))?;
    let kernel = Linux::of_release(&release).ok_or_else(|| format!("the kernel is called {release}"))?;
    for name in lines {
        let text = read(&Path::new(LAB).join("scenarios").join(format!("{name}.toml")))?;
        let mut scenario = Scenario::parse(name, &text)?;
        scenario.on(kernel);
        scenario.contenders.retain(|contender| only.is_empty() || only.contains(contender));
        let folder = results.join(name);
        fs::create_dir_all(&folder).map_err(because(folder.display()))?;
        let report = run(&scenario, &folder);
        let json = serde_json::to_string(&report).map_err(|error| error.to_string())?;
        fs::write(folder.join("report.json"), &json).map_err(because("report.json"))?;
        println!("{REPORT_MARK}{json}");
        stdout().flush().map_err(because("the console"))?;
    }
    Ok(())
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(because(path.display()))
}

fn run(scenario: &Scenario, folder: &Path) -> ScenarioReport {
    let begin = Instant::now();
    let mut runs = Vec::new();
    let mut checks = Vec::new();
    match scenario.kind {
        Kind::Module => checks = module::checks(scenario, folder),
        Kind::Race => {
            for contender in &scenario.contenders {
                match race(scenario, *contender, &folder.join(contender.name())) {
                    Ok(run) => runs.push(run),
                    Err(problem) => checks.push(Check::new(false, format!("{contender}: {problem}"))),
                }
            }
            checks.extend(verdict::checks(scenario, &runs));
        }
    }
    let unmade = verdict::unmade_ratios(scenario, &runs);
    ScenarioReport { name: scenario.name.clone(), seconds: begin.elapsed().as_secs_f64(), runs, checks, unmade }
}

fn race(scenario: &Scenario, contender: Contender, folder: &Path) -> Outcome<RunReport> {
    fs::create_dir_all(folder).map_err(because(folder.display()))?;
    let world = world::World::make(scenario)?;
    let outcome = course::run(scenario, contender, &world, folder);
    world.end()?;
    outcome
}
