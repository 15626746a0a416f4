//! `synchronome sources`: all sources side by side.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::STATUS_SOCKET;
use crate::observe::client::ask;
use crate::observe::render::sources_table;
use crate::observe::status::{SCHEMA, SourceStatus};
use crate::observe::why::sources;

/// Show all sources side by side: who steers, who guards, and the interval in which each puts our clock's offset.
///
/// `synchronome why SOURCE` says why one of them is not used.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome sources
  synchronome sources --json | jq '.sources[].verdict'

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

/// Asks the daemon and prints its sources.
pub fn run(args: &Args) -> ExitCode {
    let status = match ask(&args.socket) {
        Ok((_, status)) => status,
        Err(error) => {
            eprintln!("synchronome sources: {error}");
            return ExitCode::FAILURE;
        }
    };
    let sources = sources(&status);
    let text = if args.json { to_json(&sources) + "\n" } else { sources_table(&sources) };
    // Whoever closed the pipe early has what he wanted.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn to_json(sources: &[SourceStatus]) -> String {
    #[derive(Serialize)]
    struct Json<'a> {
        schema: u32,
        sources: &'a [SourceStatus],
    }
    serde_json::to_string(&Json { schema: SCHEMA, sources }).expect("plain data")
}
