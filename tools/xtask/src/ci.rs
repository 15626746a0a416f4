//! `cargo xtask ci`: everything that must hold before a change goes in, one step after the other.
//!
//! `.ci/run` is this after an apt step. The cheap steps come first. The tests come last, and of them the ones in real
//! time at the very end, so that a log ends with cargo test's own closing lines and one line that adds them up.

mod beside;
mod demo;
mod fuzz;
mod steps;
mod suite;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use beside::Beside;
pub use suite::Tally;

/// Runs the steps in their order and stops at the first that fails.
///
/// Exit codes: 0 all passed, 1 one failed.
#[derive(Args)]
pub struct Options {
    /// Steps to run, in the order of --list [default: all]
    #[arg(value_name = "STEP", value_parser = steps::names())]
    steps: Vec<String>,
    /// Print the steps and what they do
    #[arg(long)]
    list: bool,
}

/// What a step says when it fails.
pub type Outcome = Result<(), String>;

/// One step.
pub struct Step {
    pub name: &'static str,
    /// What it does, for `--list`.
    pub about: &'static str,
    pub run: fn(&mut Run) -> Outcome,
    /// The step, before it, with which it begins: it leaves a core idle, and those from there on do nothing but compute.
    pub beside: Option<&'static str>,
}

impl Step {
    const fn new(name: &'static str, about: &'static str, run: fn(&mut Run) -> Outcome) -> Self {
        Self { name, about, run, beside: None }
    }

    const fn beside(self, other: &'static str) -> Self {
        Self { beside: Some(other), ..self }
    }
}

/// What the steps share.
pub struct Run {
    /// The root of the repository.
    pub root: PathBuf,
    /// The tests that ran so far.
    pub tally: Tally,
}

pub fn run(options: &Options) -> ExitCode {
    if options.list {
        for step in steps::STEPS {
            println!("{:<11} {}", step.name, step.about);
        }
        return ExitCode::SUCCESS;
    }
    let wanted = |step: &&Step| options.steps.is_empty() || options.steps.iter().any(|name| name == step.name);
    let mut begun = Vec::new();
    let mut run = Run { root: crate::root().to_owned(), tally: Tally::default() };
    let begin = Instant::now();
    let mut times = Vec::new();
    for step in steps::STEPS.iter().filter(wanted) {
        for other in steps::STEPS.iter().filter(wanted).filter(|other| other.beside == Some(step.name)) {
            println!("ci: {} begins beside", other.name);
            begun.push(Beside::begin(&run, other.name));
        }
        println!("ci: {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = match begun.iter().position(|beside| beside.is(step.name)) {
            Some(at) => begun.swap_remove(at).finish(),
            None => (step.run)(&mut run),
        };
        let took = seconds(start.elapsed());
        if let Err(problem) = outcome {
            println!("ci: {} FAILED after {took}: {problem}", step.name);
            return ExitCode::FAILURE;
        }
        println!("ci: {} passed in {took}", step.name);
        times.push(format!("{} {took}", step.name));
    }
    println!("ci: times: {}", times.join(", "));
    println!("ci: all steps passed in {}{}", seconds(begin.elapsed()), run.tally);
    ExitCode::SUCCESS
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

impl Run {
    /// A command in the root of the repository.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// `cargo` with arguments, by the cargo that runs us.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }
}

/// Runs a command with its output shown.
pub fn show(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{}: {error}", described(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", described(command))) }
}

/// Runs a command with its output shown, each line of stdout also given to `hear`.
pub fn show_lines(command: &mut Command, mut hear: impl FnMut(&str)) -> Outcome {
    let spawned = command.stdout(Stdio::piped()).spawn();
    let named = described(command);
    let problem = |error| format!("{named}: {error}");
    let mut child = spawned.map_err(problem)?;
    let stdout = child.stdout.take().expect("it was asked for");
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(problem)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        hear(&line);
    }
    let status = child.wait().map_err(problem)?;
    if status.success() { Ok(()) } else { Err(format!("{named}: {status}")) }
}

/// A command as one would type it.
fn described(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}
