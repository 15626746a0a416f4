//! L5: the command line, one file per subcommand.
//!
//! Each subcommand is an `Args` and a `run` that takes it and gives the exit code. What `--help` says is part of the
//! product: what the command does, an example, the exit codes.

pub mod check;
pub mod clients;
pub mod demo;
pub mod doctor;
pub mod events;
pub mod health;
pub mod import;
mod log;
pub mod offline;
pub mod online;
pub mod phc;
pub mod probe;
pub mod ptp;
pub mod record;
pub mod replay;
pub mod run;
pub mod set;
pub mod simulate;
pub mod sources;
pub mod status;
mod temporary;
pub mod wait_sync;
pub mod why;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::quantity::{QuantityError, parse_duration, parse_frequency};
use crate::observe::Status;
use crate::observe::client::ask;
use crate::runtime::hooks::{SPAWNER, spawner};
use crate::time::{Duration, FrequencyPpb};

/// Where the daemon's status is asked for unless `--socket` says otherwise.
pub const STATUS_SOCKET: &str = "/run/synchronome/status.sock";

/// Where the daemon's owner talks to it unless `--socket` says otherwise.
pub const CONTROL_SOCKET: &str = "/run/synchronome/control.sock";

/// Exit code where a daemon should have been asked and does not answer, and that is another thing than a bad answer.
pub const EXIT_UNKNOWN: u8 = 3;

/// Exit code of wrong arguments and of a wrong configuration.
pub const EXIT_USAGE: u8 = 2;

/// One daemon that owns every clock of a Linux server: PTP and NTP in, a disciplined clock with an error bound, PTP and NTP out.
#[derive(Parser, Debug)]
#[command(name = "synchronome", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Start here:
  synchronome demo --for 20s             see it work: no root, no network card, no configuration
  synchronome probe                      what this machine could have the time from, as a configuration
  synchronome check FILE --explain       what a configuration means
  synchronome doctor [FILE]              what is wrong with the time on this machine, and what to do
  synchronome run --config FILE          the daemon
  synchronome import FILE                chrony.conf, ntp.conf and others as a configuration
  synchronome set SERVER                 set the system clock once, without a daemon
  synchronome status                     what it is doing; live in a terminal: synchronome-top
  synchronome wait-sync                  wait until the system clock is right
  synchronome sources, why SOURCE        whom it has the time from, and why not from another
  synchronome offline, online [SOURCE]   ask NTP servers no more for a while, and again
  synchronome events --follow            what happens, as it happens: also as JSON
  synchronome clients                    who asks the NTP server
  synchronome ptp                        the data sets of the PTP clocks, as pmc shows them
  synchronome phc list                   the hardware clocks of this machine
  synchronome record, replay             what the engines heard and did, and whether it was right
`synchronome COMMAND --help` explains each command.";

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::Args),
    Set(set::Args),
    Demo(demo::Args),
    Check(check::Args),
    Doctor(doctor::Args),
    Probe(probe::Args),
    Status(status::Args),
    Sources(sources::Args),
    Why(why::Args),
    Clients(clients::Args),
    Events(events::Args),
    Health(health::Args),
    WaitSync(wait_sync::Args),
    Import(import::Args),
    Offline(offline::Args),
    Online(online::Args),
    Ptp(ptp::Args),
    Phc(phc::Args),
    Simulate(simulate::Args),
    Record(record::Args),
    Replay(replay::Args),
}

/// The command with all its subcommands, for who writes about it: manual pages, completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the arguments name; the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    // No command for people: the daemon starts itself by it.
    if arguments.get(1).is_some_and(|command| command == SPAWNER) {
        return spawner::run();
    }
    match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command }) => match command {
            Command::Run(args) => run::run(&args),
            Command::Set(args) => set::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Probe(args) => probe::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Sources(args) => sources::run(&args),
            Command::Why(args) => why::run(&args),
            Command::Clients(args) => clients::run(&args),
            Command::Events(args) => events::run(&args),
            Command::Health(args) => health::run(&args),
            Command::WaitSync(args) => wait_sync::run(&args),
            Command::Import(args) => import::run(&args),
            Command::Offline(args) => offline::run(&args),
            Command::Online(args) => online::run(&args),
            Command::Ptp(args) => ptp::run(&args),
            Command::Phc(args) => phc::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Record(args) => record::run(&args),
            Command::Replay(args) => replay::run(&args),
        },
        Err(error) => {
            // Help and version go to stdout and are no error. Nothing is left to do if that is closed.
            let _ = error.print();
            if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
        }
    }
}

/// For clap: a duration above zero.
///
/// # Errors
/// What is wrong with it, and an example.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration > Duration::ZERO => Ok(duration),
        Ok(_) => Err("must be more than nothing".to_owned()),
        Err(error) => Err(with_example(&error, "20s")),
    }
}

/// For clap: a duration of either sign.
pub(crate) fn signed_duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| with_example(&error, "-1.5ms"))
}

/// For clap: a frequency of either sign.
pub(crate) fn signed_frequency(text: &str) -> Result<FrequencyPpb, String> {
    parse_frequency(text).map_err(|error| with_example(&error, "40ppm"))
}

/// Prints; whoever closed the pipe early has what he wanted.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// What the daemon at this socket says of itself; `None` if it does not answer, which is told on stderr.
fn status_of(command: &str, socket: &Path) -> Option<Status> {
    match ask(socket) {
        Ok((_, status)) => Some(status),
        Err(error) => {
            eprintln!("synchronome {command}: {error}");
            None
        }
    }
}

fn with_example(error: &QuantityError, example: &str) -> String {
    format!("{error}; write it like {example}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_with_an_example_and_its_exit_codes() {
        for command in Arguments::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
            assert!(help.contains("Exit codes"), "{help}");
        }
    }

    #[test]
    fn the_status_socket_lies_in_the_default_runtime_directory() {
        let directory = Config::default().observe.runtime_directory;
        assert_eq!(directory.join("status.sock").to_str(), Some(STATUS_SOCKET));
        let control = directory.join(crate::runtime::control::CONTROL_SOCKET);
        assert_eq!(control.to_str(), Some(CONTROL_SOCKET));
    }

    #[test]
    fn the_demo_takes_its_options() {
        let line = "synchronome demo --for 20s --offset -2s --frequency -40ppm --ptp-ports 10,20 --seed 7 --json";
        let parsed = Arguments::try_parse_from(line.split(' ')).unwrap();
        let Command::Demo(args) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(args.duration, Some(Duration::from_secs(20)));
        assert_eq!(args.offset, Duration::from_secs(-2));
        assert_eq!(args.frequency, FrequencyPpb::from_ppm(-40.0));
        assert_eq!((args.ptp_ports.event, args.ptp_ports.general), (10, 20));
        assert_eq!((args.seed, args.json, args.ntp_port), (7, true, 11_123));
        for wrong in ["--for 20", "--for -1s", "--ptp-ports 10,10", "--ptp-ports 10", "--ntp-port 0", "--seed x"] {
            let line = format!("synchronome demo {wrong}");
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
    }

    #[test]
    fn run_takes_its_file_in_either_way_and_not_in_both() {
        let file = |line: &str| match Arguments::try_parse_from(line.split(' ')) {
            Ok(Arguments { command: Command::Run(args) }) => args.given().map(|path| path.display().to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(file("synchronome run a.toml").as_deref(), Some("a.toml"));
        assert_eq!(file("synchronome run --config a.toml").as_deref(), Some("a.toml"));
        assert_eq!(file("synchronome run"), None);
        assert!(Arguments::try_parse_from("synchronome run a.toml --config b.toml".split(' ')).is_err());
    }
}
