//! `synchronome probe`: what this machine could have the time from, and a configuration that takes it.
//!
//! A first configuration is mostly a matter of facts that the machine knows itself: which card hears a master, in which domain and by which
//! transport; whether its card stamps; which servers answer. So they are looked for, and written down as a configuration with
//! what was found beside it. Clocks are only read, cards are not told to stamp, and what other programs use is left alone. What a card claims is
//! put to the test only where that is asked for: it takes messages that leave the host.

mod found;
mod json;
mod servers;
mod stamps;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use self::found::Found;
use super::{EXIT_USAGE, positive_duration, print};
use crate::time::Duration;

/// Find out what this machine could have the time from, and print a configuration that takes it.
///
/// It lists the interfaces, the hardware clocks and what stamps they offer, a hypervisor's clock, other programs that set the time, the PTP
/// that is heard, and which NTP servers answer: those given here, and those of configurations of chrony, ntpd and systemd-timesyncd
/// on this machine. What was found is a comment in the configuration; it may be printed to a file, or written by --write. Nothing is sent to
/// PTP's groups and no card is told anything, except by --self-test.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome probe
  synchronome probe ntp1.example.net ntp2.example.net > synchronome.toml
  synchronome probe --json | jq -r '.servers[] | select(.answers) | .name'
  synchronome probe --write /etc/synchronome/synchronome.toml
  synchronome probe --self-test          also whether the cards stamp, and how late

Exit codes:
  0  a configuration was printed, or written
  1  the file is there already, or cannot be written
  2  wrong arguments")]
pub struct Args {
    /// NTP servers to ask beside those that are found
    #[arg(value_name = "SERVER")]
    pub servers: Vec<String>,
    /// Write the configuration to a file that does not exist yet
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Print one JSON object: what was found, and the configuration as `toml`
    #[arg(long, conflicts_with = "write")]
    pub json: bool,
    /// Send 20 PTP messages on each interface, to the neighbour alone and in a domain of nobody's, and see whose stamps come and how late; a card
    /// that stamps nothing at the time is told to for the moment
    #[arg(long)]
    pub self_test: bool,
    /// Listen and ask for so long
    #[arg(long = "for", value_name = "DURATION", default_value = "8s", value_parser = positive_duration)]
    pub duration: Duration,
}

/// Looks, and writes it down.
pub fn run(args: &Args) -> ExitCode {
    // Before seconds are spent on it.
    if let Some(file) = args.write.as_ref().filter(|file| file.exists()) {
        eprintln!("synchronome probe: {} is there already: it is not overwritten", file.display());
        return ExitCode::FAILURE;
    }
    let found = Found::look(&args.servers, args.duration, args.self_test);
    if args.json {
        print(&format!("{}\n", json::object(&found)));
        return ExitCode::SUCCESS;
    }
    let text = found.configuration();
    let Some(file) = &args.write else {
        print(&text);
        return ExitCode::SUCCESS;
    };
    let written = OpenOptions::new().write(true).create_new(true).open(file);
    match written.and_then(|mut open| open.write_all(text.as_bytes())) {
        Ok(()) => {
            println!("{} is written; `synchronome check {0} --explain` says what it means", file.display());
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("synchronome probe: there is no directory for {}", file.display());
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            eprintln!("synchronome probe: {} cannot be written: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
