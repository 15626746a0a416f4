//! What others need of a core, told by what is left.
//!
//! The CPU time of a process leaves out what the kernel does for it in interrupts and threads of its own, and with packets that is most. So
//! a loop counts on the same core in the class SCHED_IDLE, which gets what nobody else wants: what it loses beside a quiet core is what
//! everything else there took.

use std::io;
use std::time::{Duration, Instant};

use synchronome_ntpload::pin;

/// Turns between two looks at the clock.
const TURNS: u64 = 1_000;

#[derive(clap::Args)]
pub struct Options {
    /// The CPU to count on.
    #[arg(long)]
    core: usize,
    /// For how many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: f64,
}

/// Counts, and prints how many turns a second there were.
///
/// # Errors
/// The system's.
pub fn run(options: &Options) -> io::Result<()> {
    pin(Some(options.core))?;
    synchronome_kernel::sched::set_idle()?;
    let span = Duration::from_secs_f64(options.seconds);
    let start = Instant::now();
    let mut turns = 0_u64;
    while start.elapsed() < span {
        for _ in 0..TURNS {
            turns = std::hint::black_box(turns + 1);
        }
    }
    println!("{}", turns as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
