//! The command `synchronome`.

use std::process::ExitCode;

fn main() -> ExitCode {
    synchronome::cli::run(std::env::args_os())
}
