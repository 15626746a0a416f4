//! `synchronome wait-sync`: until the time is right.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use super::{EXIT_UNKNOWN, STATUS_SOCKET, positive_duration};
use crate::observe::Status;
use crate::observe::client::{AskError, ask};
use crate::observe::render::headline;
use crate::observe::status::ClockKind;
use crate::time::Duration;

/// How often the daemon is asked.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Wait until the system clock is right.
///
/// For what must not start with a wrong clock: synchronome-wait-sync.service does this before time-sync.target. A daemon that does not answer yet
/// is waited for. One that does not steer the system clock (clock.system) would be waited for in vain, and that is told at once.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome wait-sync
  synchronome wait-sync --max-bound 100ms --timeout 3min
  synchronome wait-sync --any-clock --socket /tmp/demo/status.sock

Exit codes:
  0  it is
  1  it is not, after this time; or it never will be, since the daemon does not steer the system clock
  2  wrong arguments
  3  no daemon has answered")]
pub struct Args {
    /// The greatest error bound that is right enough [default: the clock's lock_limit, with LOCKED or HOLDOVER]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub max_bound: Option<Duration>,
    /// Give up after this [default: never]
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    pub timeout: Option<Duration>,
    /// Be content with the time that the daemon serves, where it steers no system clock
    #[arg(long)]
    pub any_clock: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    Right,
    NotYet,
    /// The daemon does not steer the system clock.
    Never,
}

/// Asks the daemon until it says so, or for long enough.
pub fn run(args: &Args) -> ExitCode {
    let begin = Instant::now();
    loop {
        let answer = ask(&args.socket);
        match &answer {
            Ok((_, status)) => match progress(args, status) {
                Progress::Right => {
                    println!("{}", headline(status));
                    return ExitCode::SUCCESS;
                }
                Progress::NotYet => {}
                Progress::Never => {
                    eprintln!(
                        "synchronome wait-sync: the daemon does not steer the system clock (clock.system, or a right that it lacks): \
                         there is nothing to wait for; --any-clock waits for the time that it serves"
                    );
                    return ExitCode::FAILURE;
                }
            },
            Err(AskError::NotRunning(_) | AskError::Silent(_)) => {}
            Err(error) => {
                eprintln!("synchronome wait-sync: {error}");
                return ExitCode::from(EXIT_UNKNOWN);
            }
        }
        if args.timeout.is_some_and(|timeout| begin.elapsed() >= timeout.to_std()) {
            let (code, why) = match answer {
                Ok((_, status)) => (ExitCode::FAILURE, format!("{}: {}", headline(&status), status.reason)),
                Err(error) => (ExitCode::from(EXIT_UNKNOWN), error.to_string()),
            };
            eprintln!("synchronome wait-sync: given up: {why}");
            return code;
        }
        std::thread::sleep(ASK_EVERY.to_std());
    }
}

fn progress(args: &Args, status: &Status) -> Progress {
    if status.clock.kind != ClockKind::System && !args.any_clock {
        return Progress::Never;
    }
    let is_right = match (args.max_bound, status.clock.bound_s) {
        (Some(limit), Some(bound)) => Duration::from_secs_f64(bound) <= limit,
        (Some(_), None) => false,
        (None, _) => status.state.is_synchronised(),
    };
    if is_right { Progress::Right } else { Progress::NotYet }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::ClockStatus;
    use crate::time::SyncState;

    fn args(max_bound: Option<Duration>, any_clock: bool) -> Args {
        Args { max_bound, timeout: None, any_clock, socket: PathBuf::new() }
    }

    fn status(kind: ClockKind, state: SyncState, bound_s: Option<f64>) -> Status {
        Status { state, clock: ClockStatus { kind, bound_s, ..ClockStatus::default() }, ..Status::default() }
    }

    #[test]
    fn without_a_limit_the_state_counts_and_with_one_the_bound() {
        use Progress::{NotYet, Right};
        let limit = Some(Duration::from_millis(100));
        for (state, bound, by_state, by_bound) in [
            (SyncState::NeverSynced, None, NotYet, NotYet),
            (SyncState::Acquiring, Some(0.09), NotYet, Right),
            (SyncState::Locked, Some(0.1), Right, Right),
            (SyncState::Holdover, Some(0.11), Right, NotYet),
            (SyncState::Freerun, None, NotYet, NotYet),
        ] {
            let status = status(ClockKind::System, state, bound);
            assert_eq!(progress(&args(None, false), &status), by_state, "{state}");
            assert_eq!(progress(&args(limit, false), &status), by_bound, "{state}");
        }
    }

    #[test]
    fn a_clock_that_nobody_steers_is_not_waited_for_unless_any_will_do() {
        for kind in [ClockKind::Observe, ClockKind::Simulated] {
            let status = status(kind, SyncState::Locked, Some(1e-6));
            assert_eq!(progress(&args(None, false), &status), Progress::Never);
            assert_eq!(progress(&args(None, true), &status), Progress::Right);
        }
    }
}
