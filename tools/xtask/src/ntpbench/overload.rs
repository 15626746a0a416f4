//! What our server does when it gets a fifth of a core and is asked for three times what it then answers.
//!
//! Only its worker is held, so that the rest of the daemon can be seen to go on as before: the thread that
//! steers must not wait for one that serves.

use std::fs;
use std::time::Duration;

use synchronome::observe::client::ask;
use synchronome_ntpload::{Held, Hold};

use super::contender::{Contender, Running};
use super::space::{Bench, Load};

/// The part of a core that the worker gets.
const SHARE: f64 = 0.2;
/// It is offered so many times what it answers.
const TIMES: f64 = 3.0;
/// How often the status is looked at, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS: usize = 100;

/// What was seen.
pub struct Overload {
    /// What holds it.
    pub held_by: String,
    /// What it answers with so much of a core.
    pub answered_per_s: f64,
    /// What it answers when it is asked for three times that.
    pub answered_per_s_overloaded: f64,
    /// The longest time without a sign of life of the thread that steers, before and meanwhile, in s.
    pub silent_s: [f64; 2],
    /// Resident memory before and after, in octets.
    pub resident_bytes: [u64; 2],
}

/// Measures it.
///
/// # Errors
/// Its worker cannot be held; the server's, the generator's.
pub fn measure(bench: &Bench, seconds: f64) -> Result<Overload, String> {
    let ours = Running::start(bench, Contender::Ours)?;
    let hold = Hold { process: ours.id(), thread: worker_of(ours.id())?, core: bench.server_core(), share: SHARE };
    let held = Held::new(hold).map_err(|error| format!("its worker cannot be held: {error}"))?;
    let held_by = held.means().to_string();
    let load = |rate: f64| Load { rate, seconds, clients: 1_000 };
    // What is offered beyond what it can do is not answered: that is what it can do.
    let able = bench.load(&load(100_000.0))?.answered_per_s;
    let before = (silence(bench)?, ours.resident_bytes()?);
    let (overloaded, meanwhile) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| bench.load(&load(TIMES * able)));
        let seen = silence(bench);
        (asked.join().expect("no panic"), seen)
    });
    let after = ours.resident_bytes()?;
    drop(held);
    Ok(Overload {
        held_by,
        answered_per_s: able,
        answered_per_s_overloaded: overloaded?.answered_per_s,
        silent_s: [before.0, meanwhile?],
        resident_bytes: [before.1, after],
    })
}

/// The longest that the thread which steers has not said that it is alive.
fn silence(bench: &Bench) -> Result<f64, String> {
    let socket = bench.directory().join("status.sock");
    let mut longest = 0.0_f64;
    for _ in 0..LOOKS {
        let (_, status) = ask(&socket).map_err(|error| error.to_string())?;
        let steers = status.threads.iter().find(|thread| thread.name == "discipline");
        longest = longest.max(steers.and_then(|thread| thread.alive_age_s).unwrap_or(f64::INFINITY));
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(longest)
}

/// The thread of the first worker.
fn worker_of(process: u32) -> Result<u32, String> {
    let tasks = format!("/proc/{process}/task");
    let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
    let named = |entry: fs::DirEntry| -> Option<u32> {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        (name.trim() == "ntp-0").then(|| entry.file_name().to_str()?.parse().ok())?
    };
    entries.flatten().find_map(named).ok_or_else(|| format!("{tasks} has no ntp-0"))
}
