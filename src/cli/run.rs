//! `synchronome run`: the daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::{Config, ConfigErrors, load_file};

/// The configuration that is read when none is named.
pub const DEFAULT_CONFIG: &str = "/etc/synchronome/synchronome.toml";

/// Run the daemon in the foreground.
///
/// It follows PTP, disciplines the clock that the configuration names and serves NTP. Interfaces that are absent are
/// waited for. Without a configuration it listens on the interfaces that it finds, says what it hears, and touches no
/// clock. SIGTERM and SIGINT end it; SIGHUP reads the configuration again. Log lines go to stderr.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome run                                     /etc/synchronome/synchronome.toml, else built-in defaults
  synchronome run --config ./simulated.toml           no root needed: unprivileged ports, a simulated clock

Exit codes:
  0  ended by a signal
  1  it could not start or had to stop
  2  wrong arguments or configuration; nothing was started")]
pub struct Args {
    /// The configuration [default: /etc/synchronome/synchronome.toml if it exists, else built-in defaults]
    #[arg(value_name = "CONFIG", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same as CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Args {
    /// The file that the user named.
    pub fn given(&self) -> Option<&Path> {
        self.file.as_deref().or(self.config.as_deref())
    }

    /// The configuration to run with, and the file that it came from.
    ///
    /// # Errors
    /// The file's faults. A file that was not named and does not exist is none.
    pub fn load(&self) -> Result<(Config, Option<PathBuf>), ConfigErrors> {
        let default = Path::new(DEFAULT_CONFIG);
        match self.given().or_else(|| default.exists().then_some(default)) {
            Some(file) => Ok((load_file(file)?.config, Some(file.to_owned()))),
            None => Ok((Config::default(), None)),
        }
    }
}

/// Runs the daemon until a signal ends it.
pub fn run(args: &Args) -> ExitCode {
    let _ = args;
    eprintln!("synchronome run: not built yet");
    ExitCode::FAILURE
}
