//! `synchronome why`: why a source is used, or not.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EXIT_UNKNOWN, EXIT_USAGE, STATUS_SOCKET, print, status_of};
use crate::observe::why::{Explanation, explain, named, render, sources, to_json};

/// Say why a source is used, or why not: the first test that it fails, its value, the limit, and what would change it.
///
/// A source is named as in the configuration: a server's name or address, a port's interface. Without a name all are explained.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome why ntp1.example.net
  synchronome why eth0
  synchronome why --json

Exit codes:
  0  each of them steers, or guards the one that does
  1  one of them does not count
  2  wrong arguments, or there is no such source
  3  the daemon does not answer")]
pub struct Args {
    /// The source: a server's name or address, or a port's interface
    pub source: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and explains its answer.
pub fn run(args: &Args) -> ExitCode {
    let Some(status) = status_of("why", &args.socket) else { return ExitCode::from(EXIT_UNKNOWN) };
    let all = sources(&status);
    let meant = match &args.source {
        Some(name) => named(&all, name),
        None => all.iter().collect(),
    };
    if meant.is_empty() {
        let known: Vec<_> = all.iter().map(|source| source.name.as_str()).collect();
        let known =
            if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
        eprintln!("synchronome why: no source is called {}; {known}", args.source.as_deref().unwrap_or("anything"));
        return ExitCode::from(EXIT_USAGE);
    }
    let explanations: Vec<Explanation> = meant.into_iter().map(|source| explain(&status, source)).collect();
    let text = if args.json {
        to_json(&explanations) + "\n"
    } else {
        explanations.iter().map(render).collect::<Vec<_>>().join("\n")
    };
    print(&text);
    let all_count = explanations.iter().all(|explanation| explanation.failed().is_none());
    if all_count { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
