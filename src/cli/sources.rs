//! `synchronome sources`: all sources side by side.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::{STATUS_SOCKET, print, status_of};
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
    let Some(status) = status_of("sources", &args.socket) else { return ExitCode::FAILURE };
    let sources = sources(&status);
    let text = if args.json { to_json(&sources) + "\n" } else { sources_table(&sources) };
    print(&text);
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
