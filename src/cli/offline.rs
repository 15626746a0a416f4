//! `synchronome offline`: NTP servers are not asked for a while.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::CONTROL_SOCKET;
use crate::observe::client::order;

/// Ask an NTP server no more, until `synchronome online` or a restart of the daemon.
///
/// Nothing of it counts meanwhile, and nothing is held against it. For a line that is paid by the packet, or for works on the network. Without a
/// network the daemon does the same by itself, and asks again as soon as there is one.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome offline
  synchronome offline ntp1.example.net

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

/// Tells the daemon which servers it shall not ask.
pub fn run(args: &Args) -> ExitCode {
    tell("offline", args.source.as_deref(), &args.socket)
}

/// For both ways.
pub(super) fn tell(word: &str, source: Option<&str>, socket: &Path) -> ExitCode {
    let request = source.map_or(word.to_owned(), |source| format!("{word} {source}"));
    match order(socket, &request) {
        Ok(sources) => {
            println!("{word}: {}", String::from_utf8_lossy(&sources));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("synchronome {word}: {error}");
            ExitCode::FAILURE
        }
    }
}
