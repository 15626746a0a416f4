//! `synchronome status`: what the daemon is doing.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use super::{STATUS_SOCKET, print};
use crate::observe::client::{AskError, ask};
use crate::observe::render::{Style, render};

/// Show what the running daemon is doing.
///
/// State, error bound, offset and frequency of the clock, the sources, the NTP server, each figure with its age. Any
/// user may ask.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome status
  synchronome status --json | jq .clock
  synchronome status --watch

Exit codes:
  0  the daemon answered
  1  it did not: it is not running, or listens elsewhere (see --socket)
  2  wrong arguments")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Show it again each second, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and prints its answer.
pub fn run(args: &Args) -> ExitCode {
    if args.watch { watch(args) } else { once(args) }
}

fn once(args: &Args) -> ExitCode {
    match answer(args) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("synchronome status: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows it once a second, on a terminal in place; goes on while the daemon is away. Ends when nobody reads any more.
fn watch(args: &Args) -> ExitCode {
    let mut stdout = std::io::stdout();
    let in_place = stdout.is_terminal() && !args.json;
    loop {
        let text = answer(args)
            .unwrap_or_else(|error| if args.json { String::new() } else { format!("synchronome status: {error}\n") });
        let text = if in_place { redrawn(&text) } else { text };
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// The text over what a terminal shows: from the home position, the rest of each line and of the screen cleared.
fn redrawn(text: &str) -> String {
    format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))
}

fn answer(args: &Args) -> Result<String, AskError> {
    let (line, status) = ask(&args.socket)?;
    Ok(if args.json { line + "\n" } else { render(&status, style()) })
}

/// How standard output is written: in colour on a terminal unless NO_COLOR says no (<https://no-color.org>); with more than ASCII where the
/// locale has it.
pub fn style() -> Style {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default().to_ascii_lowercase();
    let is_dumb = variable("TERM").is_none_or(|term| term == "dumb");
    Style {
        colour: std::io::stdout().is_terminal() && variable("NO_COLOR").is_none() && !is_dumb,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redrawing_leaves_nothing_of_the_longer_text_before() {
        assert_eq!(redrawn("a\nb\n"), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
    }
}
