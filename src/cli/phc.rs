//! `synchronome phc`: the hardware clocks of this machine, listed, read and compared. Nothing here sets a clock.

mod compare;
mod list;
mod read;

use std::io;
use std::process::ExitCode;

use clap::Subcommand;
use synchronome_kernel::phc::CrossingMethod;

use crate::clock::inventory::{HardwareClock, hardware_clocks};
use crate::time::Duration;

/// Show the hardware clocks (PHC) of this machine, read them, compare them.
///
/// A clock is named by an interface that it stamps for, or by its clock_name; /dev/ptpN works too, for now: those numbers
/// change from boot to boot.
/// Clocks are only read. Reading needs access to /dev/ptpN: usually root.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome phc list
  synchronome phc read eth0
  synchronome phc compare eth0 system --count 50
  synchronome phc compare eth0 eth1 --json | jq .drift_ppb

Exit codes:
  0  done
  1  no such clock on this machine, or it cannot be read
  2  wrong arguments")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(list::Args),
    Read(read::Args),
    Compare(compare::Args),
}

/// Does what the arguments say.
pub fn run(args: &Args) -> ExitCode {
    let result = match &args.command {
        Command::List(args) => list::run(args),
        Command::Read(args) => read::run(args),
        Command::Compare(args) => compare::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("synchronome phc: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What ends a command: already in words.
type Told<T> = Result<T, String>;

const NO_PHC: &str = "\
no PHC on this machine: no network card with a hardware clock, or its driver is not loaded (`ethtool -T INTERFACE` shows \
what a card offers); in a virtual machine, try `modprobe ptp_kvm` or `modprobe ptp_vmclock`";

/// All clocks; an error if there is none.
fn clocks() -> Told<Vec<HardwareClock>> {
    match hardware_clocks() {
        Ok(clocks) if clocks.is_empty() => Err(NO_PHC.to_owned()),
        Ok(clocks) => Ok(clocks),
        Err(error) => Err(format!("the clocks cannot be listed: {error}")),
    }
}

/// An error of one clock, with its remedy where there is one.
fn trouble(clock: &HardwareClock, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => ": run it as root, or give this user access to the device",
        io::ErrorKind::NotFound => ": the kernel has the clock, but /dev does not (a container without the device?)",
        _ => "",
    };
    format!("{clock}: {error}{remedy}")
}

/// The method's name as the kernel's header has it, in lower case.
const fn word(method: CrossingMethod) -> &'static str {
    match method {
        CrossingMethod::Precise => "precise",
        CrossingMethod::Extended => "extended",
        CrossingMethod::Basic => "basic",
    }
}

/// A difference to the nanosecond: `+12 ns`, `-12345 ns`, from a millisecond on `+37.000000012 s`.
fn exactly(difference: Duration) -> String {
    let nanos = difference.as_nanos();
    if nanos.abs() < 1_000_000 {
        return format!("{nanos:+} ns");
    }
    let sign = if nanos < 0 { '-' } else { '+' };
    format!("{sign}{}.{:09} s", nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_keep_their_nanoseconds_and_their_sign() {
        for (nanos, text) in [
            (0, "+0 ns"),
            (12, "+12 ns"),
            (-999_999, "-999999 ns"),
            (-1_000_000, "-0.001000000 s"),
            (37_000_000_012, "+37.000000012 s"),
        ] {
            assert_eq!(exactly(Duration::from_nanos(nanos)), text);
        }
    }
}
