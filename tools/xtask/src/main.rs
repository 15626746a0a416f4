//! Tasks of the project's own, run as `cargo xtask TASK`.

mod accuracy;
mod ci;
mod clients;
mod holdover;
mod interop;
mod ntpbench;
mod package;
mod ptpbench;
mod scenarios;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// Tasks of the project's own.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the PTP cells that ptp4l was measured in, and compare the true errors.
    Accuracy(accuracy::Options),
    /// Run days of lock that end with the source lost for an hour, and judge what is then said of the time.
    Holdover(holdover::Options),
    /// Run our daemon beside ptp4l in every combination of transport, delay mechanism, role and profile.
    Interop(interop::Options),
    /// Run every scenario in config/scenarios with its seeds, and print how each one went.
    Scenarios(scenarios::Options),
    /// Measure what an NTP answer costs, beside other servers and the least that sockets allow.
    Ntpbench(ntpbench::Options),
    /// Measure what a Delay_Req costs a master, beside ptp4l.
    Ptpbench(ptpbench::Options),
    /// The generator of `ptpbench`.
    #[command(hide = true)]
    Ptpload(ptpbench::GeneratorOptions),
    /// Let NTP clients that cargo can build ask our server: ntpd-rs and rtimed.
    Clients(clients::Options),
    /// Build what is installed: manual pages, completions, a deb, an rpm.
    Package(package::Options),
    /// Everything that must hold before a change goes in.
    Ci(ci::Options),
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tools/xtask lies two below the root")
}

/// Where cargo builds to.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target))
}

/// Builds programs of this workspace for release, where a task runs them.
///
/// # Errors
/// What cargo could not do.
fn build(packages: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With us, so that what all depend on has the features that it was built with for us, and nothing is built twice.
    cargo.args(["build", "-q", "--release", "-p", "xtask"]).args(packages.iter().flat_map(|package| ["-p", package]));
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} cannot be built: {status}", packages.join(", "))) }
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Accuracy(options) => accuracy::run(&options),
        Task::Holdover(options) => holdover::run(&options),
        Task::Interop(options) => interop::run(&options),
        Task::Scenarios(options) => scenarios::run(&options),
        Task::Ntpbench(options) => ntpbench::run(&options),
        Task::Ptpbench(options) => ptpbench::run(&options),
        Task::Ptpload(options) => ptpbench::generate(&options),
        Task::Clients(options) => clients::run(&options),
        Task::Package(options) => package::run(&options),
        Task::Ci(options) => ci::run(&options),
    }
}
