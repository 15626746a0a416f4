//! `synchronome health`: one line and an exit code for monitoring.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{STATUS_SOCKET, positive_duration};
use crate::observe::client::ask;
use crate::observe::health::{Thresholds, Verdict, verdict};
use crate::time::Duration;

/// Say in one line whether the time is good, with the exit code of a monitoring plugin.
///
/// Good means: synchronised, the error bound inside the limit, the last sample not too old. The line ends with the
/// figures as performance data. HOLDOVER is a warning, and critical once the last sample is older than --max-age.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome health
  synchronome health --warn 100us --crit 1ms --max-age 30s
  synchronome health --json

Exit codes:
  0  OK
  1  WARNING: the bound exceeds --warn, or the clock is in holdover
  2  CRITICAL: the bound exceeds --crit, the clock is not synchronised, the last sample is too old, of several
     sources none is heard, or a thread of the daemon is stalled
  3  UNKNOWN: the daemon does not answer")]
pub struct Args {
    /// Warn when the error bound exceeds this [default: the clock's lock_limit]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub warn: Option<Duration>,
    /// Critical when the error bound exceeds this [default: ten times the warning limit]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub crit: Option<Duration>,
    /// Critical when the last sample is older than this
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = positive_duration)]
    pub max_age: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and judges its answer.
pub fn run(args: &Args) -> ExitCode {
    let thresholds = Thresholds { warn: args.warn, crit: args.crit, max_age: args.max_age };
    let (verdict, status) = match ask(&args.socket) {
        Ok((_, status)) => (verdict(&status, &thresholds), Some(status)),
        Err(error) => (Verdict::unknown(&error.to_string()), None),
    };
    let line = if args.json { verdict.to_json(status.as_ref()) } else { verdict.plugin_line() };
    // Whoever closed the pipe early has what he wanted.
    let _ = writeln!(std::io::stdout(), "{line}");
    ExitCode::from(verdict.code as u8)
}
