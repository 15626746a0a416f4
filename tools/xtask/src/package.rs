//! `cargo xtask package`: what is installed, as a tree, a deb and an rpm.
//!
//! There is one list of what is installed where ([`tree`]); each format takes the tree as it is. The tools that know a format best pack it:
//! `dpkg-deb` and `rpmbuild`. Nothing of this is in the daemon.

mod booted;
mod breakages;
mod deb;
mod man;
pub mod proof;
mod rpm;
#[cfg(test)]
mod tests;
mod tree;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};

/// Build what is installed: manual pages, completions, a deb, an rpm. Exit codes: 0 all were made, 1 one was not.
#[derive(Args)]
pub struct Options {
    /// What to make
    #[arg(value_enum, default_values_t = [Format::Deb, Format::Rpm])]
    formats: Vec<Format>,
    /// Where to [default: target/package]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The tree alone, as `make install DESTDIR=` would have it
    Tree,
    /// For Debian and what comes from it
    Deb,
    /// For Fedora, RHEL, SUSE and their like
    Rpm,
}

/// The name of the package, its version, and what it is.
const NAME: &str = "synchronome";
/// The programs in it, each of the crate of its name. Each is built by itself: what one needs of a library is none of the other's.
const PROGRAMS: [&str; 2] = [NAME, "synchronome-top"];
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SUMMARY: &str = "daemon that owns every clock: PTP, NTP and hardware clocks";
const DESCRIPTION: &str = "\
Synchronome follows PTP (IEEE 1588) with the time stamps of the network card
and NTP servers beside it, steers the cards' clocks and the system clock,
publishes an error bound that holds, and serves that time by NTP and PTP.

It takes the place of ptp4l, phc2sys and chronyd with one process, one
configuration and one answer to how wrong the clock can be.";
/// Who answers for the package; whoever builds one of his own says so in DEBEMAIL, as with Debian's tools.
const MAINTAINER: &str = "Synchronome maintainers <maintainers@synchronome.example.org>";

pub fn run(options: &Options) -> ExitCode {
    let root = crate::root();
    let out = options.out.as_ref().map_or_else(|| crate::target().join("package"), |out| root.join(out));
    match crate::build(&PROGRAMS).and_then(|()| make(root, &out, &options.formats)) {
        Ok(made) => {
            for path in made {
                println!("{}", path.display());
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("package: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Makes these of the release binaries; returns what was made.
fn make(root: &Path, out: &Path, formats: &[Format]) -> Result<Vec<PathBuf>, String> {
    let mut made = Vec::new();
    for format in formats {
        made.push(match format {
            Format::Tree => tree::lay(root, &fresh(&out.join("tree"))?, tree::Distribution::Debian)?,
            Format::Deb => deb::pack(root, out)?,
            Format::Rpm => rpm::pack(root, out)?,
        });
    }
    Ok(made)
}

fn maintainer() -> String {
    std::env::var("DEBEMAIL").unwrap_or_else(|_| MAINTAINER.to_owned())
}

/// The same inputs give the same packages: the time in them is that of the last change, in seconds since 1970.
fn source_date(root: &Path) -> Result<String, String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let by_git = said(Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"]));
    // Sources without their history have a date too.
    let by_file = || said(Command::new("stat").current_dir(root).args(["--format=%Y", "CHANGELOG.md"]));
    by_git.or_else(|_| by_file()).map(|text| text.trim().to_owned())
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<PathBuf, String> {
    let problem = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(problem)?;
    }
    fs::create_dir_all(folder).map_err(problem)?;
    Ok(folder.to_owned())
}

/// Runs a command; returns what it says on stdout.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{name}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)))
    }
}

/// A file that everybody may read, whatever the builder's umask.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = fs::write(path, text).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o644)));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
