//! `synchronome online`: NTP servers are asked again.

use std::path::PathBuf;
use std::process::ExitCode;

use super::CONTROL_SOCKET;
use super::offline::tell;

/// Ask an NTP server again that was taken offline.
///
/// At once, and with a burst as at the start.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome online
  synchronome online ntp1.example.net

Exit codes:
  0  it is so from now on
  1  the daemon does not answer or refuses, or there is no such server
  2  wrong arguments")]
pub struct Args {
    /// The server's name or address; without it all of them
    pub source: Option<String>,
    /// The daemon's control socket
    #[arg(long, value_name = "PATH", default_value = CONTROL_SOCKET)]
    pub socket: PathBuf,
}

/// Tells the daemon which servers it shall ask again.
pub fn run(args: &Args) -> ExitCode {
    tell("online", args.source.as_deref(), &args.socket)
}
