//! `synchronome simulate`: the daemon's own engines in virtual time, in a world that a file describes.
//!
//! | file | owns |
//! |---|---|
//! | `keys` | the one table of what a scenario may say |
//! | `scenario`, `segments`, `wanted`, `rules` | from TOML to what the simulator is made of, and what does not fit together |
//! | `run`, `happenings`, `churn` | one run, from the beginning to the end, and what happens in it |
//! | `figures`, `alarms`, `limits` | what came of it, what an operator is told meanwhile, and which limits are broken |
//! | `report`, `points`, `plot` | text, JSON and a picture |
//! | `campaign` | random worlds |

pub mod alarms;
pub mod asking;
pub mod campaign;
pub mod churn;
pub mod figures;
mod happenings;
pub mod keys;
pub mod limits;
pub mod plot;
pub mod points;
pub mod report;
mod rules;
pub mod run;
pub mod scenario;
pub mod segments;
pub mod wanted;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use self::run::Outcome;
use self::scenario::Scenario;
use super::print;
use super::{EXIT_USAGE, positive_duration};
use crate::config::option_tables;
use crate::config::options::Default;
use crate::time::Duration;

/// `src/manual/simulator.md`, as it must be: what stands in `simulate/manual.md`, and every key.
pub fn manual() -> String {
    format!("{}{}", include_str!("simulate/manual.md"), scenario_tables())
}

/// Every key of a scenario, as tables.
fn scenario_tables() -> String {
    let top = keys::OPTIONS.iter().filter(|option| !option.path.contains('.'));
    let rows = top.map(|option| {
        let default = match option.default {
            Default::Required => "required".to_owned(),
            Default::Unset(meaning) => meaning.to_owned(),
            Default::Toml(text) => format!("`{text}`"),
        };
        format!("| `{}` | {default} | {} | {} |\n", option.path, keys::SCENARIO.allowed(option), option.help)
    });
    let rows: String = rows.collect();
    let head = "\n## At the top\n\n| Option | Default | Allowed | What it does |\n|---|---|---|---|\n";
    format!("{head}{rows}{}", option_tables(&keys::SCENARIO))
}

/// The most seeds of one call.
const SEEDS_MAX: u64 = 100_000;

/// Run the daemon's engines in a simulated world, and see how right the time is.
///
/// A scenario is a small TOML file: oscillators, network, cards and masters; what happens to them and when; and limits.
/// The truth is known, so the true error of each clock is told beside the bound that it published, and after every
/// event it is checked that the truth lies inside it. An hour takes seconds; the same seed gives the same run, bit by bit,
/// on any machine. `config/scenarios` has examples; the manual's chapter on the simulator has every key.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome simulate config/scenarios/quiet-lan.toml
  synchronome simulate FILE --seeds 1..20          twenty runs, and which of them break a limit
  synchronome simulate FILE --plot run.svg         error, bound, frequency and state over time
  synchronome simulate --campaign 200 --hours 2    two hundred random worlds of two hours each

A run that breaks a limit says which, when, and how to have the same again, and writes a trace until then (FILE.seed-N.trace)
that `synchronome replay` reads.

Exit codes:
  0  all limits were kept
  1  a limit was broken
  2  the file or the arguments are wrong")]
pub struct Args {
    /// The scenarios
    #[arg(value_name = "FILE", required_unless_present = "campaign", conflicts_with = "campaign")]
    pub files: Vec<PathBuf>,
    /// Seed of all that is random [default: the file's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// One run for each seed from FIRST to LAST
    #[arg(long, value_name = "FIRST..LAST", value_parser = seeds, conflicts_with = "seed")]
    pub seeds: Option<(u64, u64)>,
    /// Print one JSON object a run
    #[arg(long)]
    pub json: bool,
    /// Draw the run (the first one) as an SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Where traces, and the scenarios of failed random worlds, are written
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub out: PathBuf,
    /// Make N random worlds instead, with the seeds from --seed on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    #[arg(conflicts_with_all = ["seeds", "json", "plot"])]
    pub campaign: Option<u64>,
    /// How long each random world runs, in virtual hours
    #[arg(long, value_name = "HOURS", default_value_t = 1.0, requires = "campaign", value_parser = hours)]
    pub hours: f64,
    /// Stop a campaign before the first world after so much real time
    #[arg(long, value_name = "DURATION", requires = "campaign", value_parser = positive_duration)]
    pub within: Option<Duration>,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let wrong = || "write it like 1..100, both ends included".to_owned();
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    let (first, last) =
        (first.parse().map_err(|_| wrong())?, last.trim_start_matches('=').parse().map_err(|_| wrong())?);
    if first > last || last - first >= SEEDS_MAX {
        return Err(format!("the first must not be above the last, and there may be {SEEDS_MAX} at most"));
    }
    Ok((first, last))
}

fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| "write it like 1.5".to_owned())?;
    let allowed = campaign::HOURS_MIN..=campaign::HOURS_MAX;
    let says = || format!("must be {} to {}", campaign::HOURS_MIN, campaign::HOURS_MAX);
    if allowed.contains(&hours) { Ok(hours) } else { Err(says()) }
}

/// Runs what was asked for.
pub fn run(args: &Args) -> ExitCode {
    if let Some(worlds) = args.campaign {
        return campaign::run(args, worlds);
    }
    let mut scenarios = Vec::new();
    let mut is_wrong = false;
    for file in &args.files {
        match scenario::load_file(file) {
            Ok(scenario) => scenarios.push((file, scenario)),
            Err(errors) => {
                eprint!("{errors}");
                is_wrong = true;
            }
        }
    }
    if is_wrong {
        return ExitCode::from(EXIT_USAGE);
    }
    let mut is_good = true;
    let mut plot = args.plot.as_deref();
    for (file, scenario) in &scenarios {
        let (first, last) = args.seeds.unwrap_or_else(|| {
            let seed = args.seed.unwrap_or(scenario.seed);
            (seed, seed)
        });
        let name = file.display().to_string();
        let outcomes = run_all(last - first + 1, |index| run::run(scenario, first + index));
        for outcome in &outcomes {
            is_good &= outcome.broken.is_empty();
            show(args, &name, scenario, outcome, outcomes.len() > 1 || scenarios.len() > 1);
            if let Some(path) = plot.take()
                && let Err(error) = std::fs::write(path, plot::svg(scenario, outcome))
            {
                eprintln!("{}: cannot be written: {error}", path.display());
                return ExitCode::from(EXIT_USAGE);
            }
        }
        if outcomes.len() > 1 && !args.json {
            print(&report::summary(&name, scenario, &outcomes));
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(args: &Args, name: &str, scenario: &Scenario, outcome: &Outcome, is_one_of_many: bool) {
    if args.json {
        print(&format!("{}\n", report::to_json(name, scenario, outcome)));
    } else if is_one_of_many {
        print(&format!("{name}: {}", report::line(name, outcome)));
    } else {
        print(&report::text(name, scenario, outcome));
    }
    if !outcome.broken.is_empty() {
        let stem = Path::new(name).file_stem().map_or("run".into(), std::ffi::OsStr::to_string_lossy);
        write_trace(&args.out.join(format!("{stem}.seed-{}.trace", outcome.seed)), scenario, outcome);
    }
}

/// A trace up to just after the first limit or rule was broken.
fn write_trace(path: &Path, scenario: &Scenario, outcome: &Outcome) {
    let Some(bytes) = run::trace(scenario, outcome.seed, outcome) else { return };
    match std::fs::write(path, bytes) {
        Ok(()) => eprintln!("trace: {}", path.display()),
        Err(error) => eprintln!("{}: cannot be written: {error}", path.display()),
    }
}

/// All runs, on all CPUs, in their order; which CPU runs what makes no difference to any of them.
fn run_all<T: Send>(count: u64, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(count as usize);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if index >= count {
                        break;
                    }
                    let outcome = one(index);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests;
