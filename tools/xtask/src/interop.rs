//! `cargo xtask interop`: our daemon beside ptp4l, in either role, over everything that carries PTP.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use clap::Args;

/// Runs the matrix of the interop tests, as root: it makes network namespaces. Nothing may set a clock.
///
/// Exit codes: 0 all cells passed, 1 one failed or none ran.
#[derive(Args)]
pub struct Options {
    /// Every cell, and not only a cover of all pairs of values
    #[arg(long)]
    full: bool,
    /// Print one JSON object: {"cells": [{..., "passed": true}], "impossible": [...]}
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tools/xtask lies two below the root");
    let report = std::env::temp_dir().join(format!("synchronome-interop-{}.json", std::process::id()));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "-q", "--all-features", "--test", "interop", "--", "matrix::the_cells_pass", "--exact"]);
    cargo.arg("--nocapture").current_dir(root).stdin(Stdio::null());
    cargo.env("SYNCHRONOME_MATRIX", if options.full { "full" } else { "cover" });
    if options.json {
        cargo.env("SYNCHRONOME_MATRIX_REPORT", &report).stdout(Stdio::null());
    }
    let status = match cargo.status() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("cargo: {error}");
            return ExitCode::FAILURE;
        }
    };
    if options.json {
        let written = std::fs::read_to_string(&report);
        _ = std::fs::remove_file(&report);
        match written {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("no cell ran: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
