//! A live view of the daemon in a terminal: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    synchronome_top::run()
}
