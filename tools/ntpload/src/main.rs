//! `ntpload`: what an NTP server does under load.
//!
//! An *open-loop* generator: requests leave when they are due, whether the ones before were answered or not, as those of many
//! independent clients do. A closed loop, which waits for each answer, slows down with the server and so measures a server that
//! is never late. For the same reason a latency counts from when its request was *due*, not from when a busy generator got round to it.
//!
//! | command | what it does |
//! |---|---|
//! | `run` | one rate for a while: answered, lost, latencies, the offsets that the clients see |
//! | `sweep` | rising rates until the server does not keep up: its saturation |
//! | `echo` | the least that a server on sockets can do: every datagram back, with a receive stamp |
//! | `idle` | counts in a loop at the lowest priority on one core: what it loses is what others need there |

mod echo;
mod idle;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use synchronome_ntpload::{Load, Target, pin};

/// What an NTP server does under load.
#[derive(Parser)]
#[command(name = "ntpload", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask at one rate for a while.
    Run(Run),
    /// Ask at rising rates until the server does not keep up.
    Sweep(Sweep),
    /// Send every datagram back: the floor that sockets allow.
    Echo(echo::Options),
    /// Count in a loop at the lowest priority on one core.
    Idle(idle::Options),
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    target: Target,
    /// Requests per second.
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// For how many seconds.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
}

#[derive(Args)]
struct Sweep {
    #[command(flatten)]
    target: Target,
    /// The lowest rate, per second.
    #[arg(long, default_value_t = 10_000.0)]
    from: f64,
    /// The highest.
    #[arg(long, default_value_t = 1_000_000.0)]
    to: f64,
    /// Each rate is so many times the one before.
    #[arg(long, default_value_t = 1.25)]
    factor: f64,
    /// For how many seconds each.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,
    /// It keeps up while less than this part is lost.
    #[arg(long, default_value_t = 0.01)]
    loss: f64,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(run) => one(&run),
        Command::Sweep(sweep) => many(&sweep),
        Command::Echo(options) => echo::run(&options),
        Command::Idle(options) => idle::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ntpload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn one(run: &Run) -> std::io::Result<()> {
    pin(run.target.core)?;
    let mut load = Load::new(&run.target)?;
    let report = load.run(run.rate, Duration::from_secs_f64(run.seconds))?;
    println!("{}", if run.target.json { report.to_json() } else { report.to_text() });
    Ok(())
}

fn many(sweep: &Sweep) -> std::io::Result<()> {
    pin(sweep.target.core)?;
    let mut load = Load::new(&sweep.target)?;
    let (mut rate, mut saturation) = (sweep.from, None);
    while rate <= sweep.to {
        let report = load.run(rate, Duration::from_secs_f64(sweep.seconds))?;
        eprintln!("{}", report.to_line());
        // A generator that cannot keep up says nothing of the server.
        if report.loss() > sweep.loss || report.sent_per_s < 0.95 * rate {
            break;
        }
        saturation = Some(report.answered_per_s);
        rate *= sweep.factor;
    }
    if sweep.target.json {
        println!("{}", serde_json::json!({ "saturation_per_s": saturation }));
    } else {
        println!(
            "saturation: {} answers per second",
            saturation.map_or("none".to_owned(), |rate| format!("{rate:.0}"))
        );
    }
    Ok(())
}
