//! `synchronome record`: what the running daemon's engines hear and do, as a file.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CONTROL_SOCKET, positive_duration};
use crate::observe::client::order;
use crate::runtime::recorder::ASKED_TIME_MAX;
use crate::time::Duration;

/// Record what the running daemon's engines hear and do, for `synchronome replay`.
///
/// Every packet, stamp, reading and command of the time that is recorded, beginning with the whole state of each engine;
/// and what the daemon has kept from before (see trace.keep). The daemon goes on as it is. Its owner alone may ask: the
/// file has the packets of others in it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome record --for 5m --out lab.trace
  synchronome record --kept --out before.trace    what the daemon has kept, at once
  synchronome replay lab.trace

Exit codes:
  0  the file was written
  1  the daemon does not answer or refuses, or the file cannot be written
  2  wrong arguments")]
pub struct Args {
    /// How long, at most an hour
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = positive_duration)]
    pub duration: Duration,
    /// Only what the daemon has kept so far, without waiting
    #[arg(long, conflicts_with = "duration")]
    pub kept: bool,
    /// The file; an old one is replaced
    #[arg(long, value_name = "FILE", default_value = "synchronome.trace")]
    pub out: PathBuf,
    /// The daemon's control socket
    #[arg(long, value_name = "PATH", default_value = CONTROL_SOCKET)]
    pub socket: PathBuf,
}

/// Asks, waits, fetches and writes.
pub fn run(args: &Args) -> ExitCode {
    match record(args) {
        Ok(bytes) => {
            println!("{}: {bytes} bytes; synchronome replay {}", args.out.display(), args.out.display());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("synchronome record: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn record(args: &Args) -> Result<usize, String> {
    if !args.kept {
        if args.duration > ASKED_TIME_MAX {
            return Err(format!("a recording lasts at most {ASKED_TIME_MAX}"));
        }
        let milliseconds = args.duration.as_nanos() / 1_000_000;
        order(&args.socket, &format!("record {milliseconds}")).map_err(|error| error.to_string())?;
        std::thread::sleep(args.duration.to_std());
    }
    let trace = order(&args.socket, "fetch").map_err(|error| error.to_string())?;
    write(&args.out, &trace).map_err(|error| format!("{}: {error}", args.out.display()))?;
    Ok(trace.len())
}

fn write(path: &Path, trace: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(trace)
}
