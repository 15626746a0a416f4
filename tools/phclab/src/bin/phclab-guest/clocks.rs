//! The guest's system clock: set back to where every run starts.
//!
//! The kernel's part (frequency, status, TAI offset) is written by `labclock`, a small C program that refuses to work
//! anywhere but in a guest of the lab: the project keeps all `unsafe` Rust in `ffi/`, and a crate there would be one
//! more way to set a host's clock.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

use super::Outcome;
use super::process::call;

const NS_PER_S: i64 = 1_000_000_000;

/// Sets CLOCK_REALTIME to a second and the kernel's clock to what it is after boot.
///
/// # Errors
/// What the kernel refused.
pub fn reset_system(epoch: i64) -> Outcome<()> {
    call("labclock", &["reset"])?;
    set(epoch, 0)
}

/// Shifts CLOCK_REALTIME, within some microseconds.
///
/// # Errors
/// What the kernel refused.
pub fn shift_system(by_ns: i64) -> Outcome<()> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).map_err(|error| error.to_string())?;
    let wanted = now.tv_sec() * NS_PER_S + now.tv_nsec() + by_ns;
    set(wanted.div_euclid(NS_PER_S), wanted.rem_euclid(NS_PER_S))
}

fn set(seconds: i64, nanoseconds: i64) -> Outcome<()> {
    let time = TimeSpec::new(seconds, nanoseconds);
    clock_settime(ClockId::CLOCK_REALTIME, time).map_err(|error| format!("setting CLOCK_REALTIME: {error}"))
}
