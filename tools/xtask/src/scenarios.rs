//! `cargo xtask scenarios`: every scenario in config/scenarios, each with as many seeds as it wants, and what came of it on one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use serde::Serialize;
use synchronome::cli::simulate::figures::written;
use synchronome::cli::simulate::run::{HostOutcome, Outcome, run as run_once, trace};
use synchronome::cli::simulate::scenario::{Scenario, load_file};
use synchronome::time::Duration;

/// Exits with 0 if every limit was kept by every seed, 1 if one was broken, 2 if a file is wrong.
#[derive(Args)]
pub struct Options {
    /// Only these, by their names [default: all].
    names: Vec<String>,
    /// Each with so many seeds, from its own on, and not with as many as the file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: Option<u64>,
    /// No more seeds than this, whatever the file says.
    #[arg(long, value_name = "N", conflicts_with = "seeds", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    at_most: Option<u64>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

struct File {
    name: String,
    path: PathBuf,
    scenario: Scenario,
    seeds: u64,
}

/// What came of one seed.
struct Run {
    seed: u64,
    violations: u64,
    broken: Vec<String>,
    lock_time_s: Option<f64>,
    max_s: f64,
    handovers: usize,
    handover_s: Option<f64>,
    moved_s: Option<f64>,
    noticed_s: Option<f64>,
    vetoed_s: Option<f64>,
    alarm_s: Option<f64>,
}

/// What came of all seeds of a scenario: of each figure the worst.
#[derive(Serialize)]
struct Verdict {
    name: String,
    about: String,
    passed: bool,
    seeds: usize,
    failed_seeds: Vec<u64>,
    violations: u64,
    lock_time_s: Option<f64>,
    /// The greatest true error in any window.
    max_s: f64,
    handovers: usize,
    /// From the last message of a source that was lost or wrong until another one steered.
    handover_s: Option<f64>,
    /// What the clock moved by meanwhile.
    handover_moved_s: Option<f64>,
    /// For how long after a pause, or after somebody else had touched the clock, wrong time was served as right.
    noticed_s: Option<f64>,
    /// How long it took to find a falseticker.
    vetoed_s: Option<f64>,
    /// How long it took until health said that sources contradict each other.
    alarm_s: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    scenarios: Vec<Verdict>,
}

pub fn run(options: &Options) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tools/xtask of the project");
    let files = match files(root, options) {
        Ok(files) => files,
        Err(told) => {
            eprint!("{told}");
            return ExitCode::from(2);
        }
    };
    let verdicts = run_all(&files, &root.join("target"), |verdict| {
        if !options.json {
            print!("{}", line(verdict));
        }
    });
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    let runs: usize = verdicts.iter().map(|verdict| verdict.seeds).sum();
    if options.json {
        println!("{}", serde_json::to_string(&Report { scenarios: verdicts }).expect("numbers and text"));
    } else {
        println!("{} scenarios, {runs} runs: {}", files.len(), if failed == 0 { "all limits kept" } else { "FAILED" });
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All that were asked for, in the order of their names; what is wrong with them otherwise.
fn files(root: &Path, options: &Options) -> Result<Vec<File>, String> {
    let folder = root.join("config/scenarios");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}\n", folder.display()))?;
    let named = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned();
        Some((name, entry.path()))
    });
    let all: BTreeMap<String, PathBuf> = named.collect();
    if let Some(unknown) = options.names.iter().find(|name| !all.contains_key(*name)) {
        return Err(format!("{unknown}: there is no such file in {}\n", folder.display()));
    }
    let is_wanted = |name: &String| options.names.is_empty() || options.names.contains(name);
    let load = |(name, path): (String, PathBuf)| {
        let scenario = load_file(&path).map_err(|errors| errors.to_string())?;
        let seeds = options.seeds.unwrap_or(scenario.seeds.min(options.at_most.unwrap_or(u64::MAX)));
        Ok(File { name, path, scenario, seeds })
    };
    all.into_iter().filter(|(name, _)| is_wanted(name)).map(load).collect()
}

/// Runs everything on all CPUs, and tells of each file in their order as soon as that is known.
fn run_all(files: &[File], traces: &Path, mut tell: impl FnMut(&Verdict) + Send) -> Vec<Verdict> {
    let jobs: Vec<_> = files.iter().enumerate().flat_map(|(at, file)| (0..file.seeds).map(move |n| (at, n))).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new((files.iter().map(|_| Vec::new()).collect::<Vec<Vec<Run>>>(), Vec::new()));
    let tell = Mutex::new(&mut tell);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((at, number)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let made = one(&files[*at], files[*at].scenario.seed + number, traces);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    let (runs, verdicts): &mut (Vec<Vec<Run>>, Vec<Verdict>) = &mut done;
                    runs[*at].push(made);
                    while let Some(file) = files.get(verdicts.len())
                        && runs[verdicts.len()].len() as u64 == file.seeds
                    {
                        let verdict = verdict(file, &mut runs[verdicts.len()]);
                        tell.lock().unwrap_or_else(PoisonError::into_inner)(&verdict);
                        verdicts.push(verdict);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

fn one(file: &File, seed: u64, traces: &Path) -> Run {
    let outcome = run_once(&file.scenario, seed);
    if let Some(bytes) = trace(&file.scenario, seed, &outcome) {
        let path = traces.join(format!("{}.seed-{seed}.trace", file.name));
        match fs::write(&path, bytes) {
            Ok(()) => eprintln!("trace: {}", path.display()),
            Err(error) => eprintln!("{}: cannot be written: {error}", path.display()),
        }
    }
    of_outcome(&outcome)
}

fn of_outcome(outcome: &Outcome) -> Run {
    let handovers: Vec<_> = outcome.hosts.iter().flat_map(HostOutcome::handovers).collect();
    let figures = outcome.hosts.iter().flat_map(|host| &host.figures);
    let lock_times: Option<Vec<_>> = outcome.hosts.iter().map(|host| host.lock_time).collect();
    Run {
        seed: outcome.seed,
        violations: outcome.checker.violations(),
        broken: outcome.broken.iter().map(ToString::to_string).collect(),
        lock_time_s: lock_times.and_then(|all| all.into_iter().max()).map(Duration::as_secs_f64),
        max_s: figures.map(|figures| figures.max.value).fold(0.0, f64::max),
        handovers: handovers.len(),
        handover_s: handovers.iter().filter_map(|handover| handover.took).max().map(Duration::as_secs_f64),
        moved_s: handovers.iter().filter_map(|handover| handover.moved()).reduce(f64::max),
        noticed_s: outcome.hosts.iter().flat_map(HostOutcome::noticed_after).max().map(Duration::as_secs_f64),
        vetoed_s: outcome.hosts.iter().flat_map(HostOutcome::vetoed_after).max().map(Duration::as_secs_f64),
        alarm_s: outcome.hosts.iter().flat_map(HostOutcome::alarmed_after).max().map(Duration::as_secs_f64),
    }
}

fn verdict(file: &File, runs: &mut [Run]) -> Verdict {
    runs.sort_by_key(|run| run.seed);
    for run in runs.iter().filter(|run| !run.broken.is_empty()) {
        for broken in &run.broken {
            eprintln!("{}: seed {}: BROKEN {broken}", file.name, run.seed);
        }
        eprintln!("the same again: synchronome simulate {} --seed {}", file.path.display(), run.seed);
    }
    let failed_seeds: Vec<_> = runs.iter().filter(|run| !run.broken.is_empty()).map(|run| run.seed).collect();
    let most = |figure: fn(&Run) -> Option<f64>| runs.iter().filter_map(figure).reduce(f64::max);
    Verdict {
        name: file.name.clone(),
        about: file.scenario.about.clone(),
        passed: failed_seeds.is_empty(),
        seeds: runs.len(),
        failed_seeds,
        violations: runs.iter().map(|run| run.violations).sum(),
        // One that was never LOCKED has none.
        lock_time_s: most(|run| run.lock_time_s).filter(|_| runs.iter().all(|run| run.lock_time_s.is_some())),
        max_s: most(|run| Some(run.max_s)).unwrap_or_default(),
        handovers: runs.iter().map(|run| run.handovers).max().unwrap_or_default(),
        handover_s: most(|run| run.handover_s),
        handover_moved_s: most(|run| run.moved_s),
        noticed_s: most(|run| run.noticed_s),
        vetoed_s: most(|run| run.vetoed_s),
        alarm_s: most(|run| run.alarm_s),
    }
}

fn line(verdict: &Verdict) -> String {
    let maybe = |figure: Option<f64>, none: &str| figure.map_or_else(|| none.to_owned(), written);
    let mut text = format!(
        "{} {:<36} {:>3} seeds  LOCKED {:>10}  greatest error {:>10}  violations {}",
        if verdict.passed { "good  " } else { "FAILED" },
        verdict.name,
        verdict.seeds,
        maybe(verdict.lock_time_s, "-"),
        written(verdict.max_s),
        verdict.violations,
    );
    if verdict.handovers > 0 {
        let (took, moved) = (maybe(verdict.handover_s, "?"), maybe(verdict.handover_moved_s, "?"));
        // Writing to a String cannot fail.
        let _ = write!(text, "  hand-overs {}, after {took}, moved by {moved} at most", verdict.handovers);
    }
    for (what, after) in [("noticed", verdict.noticed_s), ("vetoed", verdict.vetoed_s), ("alarm", verdict.alarm_s)] {
        if let Some(after) = after {
            let _ = write!(text, "  {what} after {} at most", written(after));
        }
    }
    text.push('\n');
    text
}
