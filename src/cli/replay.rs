//! `synchronome replay`: a trace once more, and what another servo would have done.

mod grid;
mod report;
mod setting;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EXIT_USAGE, print};
use crate::engine::EngineKind;
use crate::trace::{Trace, replay, what_if};
use report::{Clock, Report};
use setting::Settings;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 31;

/// Repeat a trace with the same engines, and say whether they do the same; or what another servo would have done.
///
/// A trace comes from `synchronome record`, from a fault (see trace.keep), from `demo --record` or from the simulator.
/// Without --with the repetition must come to the recorded effects bit for bit. With it, the clock is simulated: the
/// messages are put on the clock as it would have run by itself, known exactly from the recorded commands, and the other
/// configuration steers that. Oscillator and network are the recorded ones. It begins as after a restart of the daemon.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome replay demo.trace
  synchronome replay demo.trace --with servo.kind=pi --plot pi.svg
  synchronome replay demo.trace --with servo.kind=pi --with servo.proportional=0.3 --json

Settings for --with: servo.kind, servo.proportional, servo.integral, servo.hold, clock.lock_limit, clock.max_drift,
clock.step.first, clock.step.later, clock.step.panic.

Exit codes:
  0  every effect is the recorded one
  1  one is not, or the file cannot be read
  2  wrong arguments")]
pub struct Args {
    /// The trace
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What would have been with this setting? As in the configuration; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub with: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw offset, bound and frequency over time (SVG)
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// Repeats the trace and prints the report.
pub fn run(args: &Args) -> ExitCode {
    let settings = match Settings::parse(&args.with) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("synchronome replay: {problem}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let report = match report(args, &settings) {
        Ok(report) => report,
        Err(problem) => {
            eprintln!("synchronome replay: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let text = if args.json { format!("{}\n", report.json()) } else { report.text() };
    print(&text);
    if let Some(path) = &args.plot
        && let Err(error) = std::fs::write(path, report.picture())
    {
        eprintln!("synchronome replay: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if report.is_identical() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(args: &Args, settings: &Settings) -> Result<Report, String> {
    let of_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", args.file.display());
    let length = std::fs::metadata(&args.file).map_err(|error| of_file(&error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(of_file(&"too long for a trace"));
    }
    let bytes = std::fs::read(&args.file).map_err(|error| of_file(&error))?;
    let trace = Trace::read(bytes).map_err(|error| of_file(&error))?;
    let replayed = replay(&trace).map_err(|error| of_file(&error))?;
    let mut clocks = Vec::new();
    for stream in trace.streams().iter().filter(|stream| stream.kind == EngineKind::Discipline) {
        let change = |config: &mut _| settings.apply(config);
        let change: Option<&dyn Fn(&mut _)> = if settings.is_empty() { None } else { Some(&change) };
        let answer = what_if(&trace, stream, change).map_err(|error| of_file(&error))?;
        clocks.push(Clock { name: stream.name.clone(), recorded: answer.recorded, otherwise: answer.otherwise });
    }
    Ok(Report { program: trace.program.clone(), origin: trace.origin, replayed, clocks, with: args.with.clone() })
}
