//! `synchronome status`: what the daemon is doing.

use std::path::PathBuf;
use std::process::ExitCode;

use super::STATUS_SOCKET;

/// Show what the running daemon is doing.
///
/// State, error bound, offset and frequency of the clock, the sources, the NTP server, each figure with its age. Any
/// user may ask.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome status
  synchronome status --json | jq .clock
  watch -n1 synchronome status

Exit codes:
  0  the daemon answered
  1  it did not: it is not running, or listens elsewhere (see --socket)
  2  wrong arguments")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and prints its answer.
pub fn run(args: &Args) -> ExitCode {
    let _ = args;
    eprintln!("synchronome status: not built yet");
    ExitCode::FAILURE
}
