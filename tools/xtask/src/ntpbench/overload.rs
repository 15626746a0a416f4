//! What our server does when it gets a fifth of a core and is asked for three times what it then answers.
//!
//! Only its worker is held, by the CPU controller of control groups, so that the rest of the daemon can be seen to go on as before: the thread that
//! steers must not wait for one that serves.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use synchronome::observe::client::ask;

use super::contender::{Contender, Running};
use super::space::{Bench, Load};

/// The part of a core that the worker gets.
const SHARE: f64 = 0.2;
/// The period in which it gets that, in us.
const PERIOD_US: u32 = 20_000;
/// It is offered so many times what it answers.
const TIMES: f64 = 3.0;
/// How often the status is looked at, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS: usize = 100;

/// What was seen.
pub struct Overload {
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
/// There is no controller that could be used; the server's, the generator's.
pub fn measure(bench: &Bench, seconds: f64) -> Result<Overload, String> {
    let ours = Running::start(bench, Contender::Ours)?;
    let group = Group::hold(worker_of(ours.id())?)?;
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
    drop(group);
    Ok(Overload {
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

/// A control group with one thread in it; removed when this is dropped.
struct Group(PathBuf);

impl Group {
    /// Of the first version of control groups, where a thread can be alone in one whatever its process is in.
    fn hold(thread: u32) -> Result<Self, String> {
        let root = PathBuf::from("/sys/fs/cgroup/cpu");
        if !root.join("cpu.cfs_period_us").exists() {
            return Err("no CPU controller of version 1 at /sys/fs/cgroup/cpu".to_owned());
        }
        let group = Self(root.join(format!("ntpbench-{}", std::process::id())));
        let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
        fs::create_dir(&group.0).map_err(failed("a control group"))?;
        let quota = (f64::from(PERIOD_US) * SHARE) as u32;
        for (file, value) in [("cpu.cfs_period_us", PERIOD_US), ("cpu.cfs_quota_us", quota), ("tasks", thread)] {
            fs::write(group.0.join(file), value.to_string()).map_err(failed(file))?;
        }
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its thread goes back, or has ended; then the group is empty.
        let threads = fs::read_to_string(self.0.join("tasks")).unwrap_or_default();
        for thread in threads.lines() {
            let _ = fs::write("/sys/fs/cgroup/cpu/tasks", thread);
        }
        let _ = fs::remove_dir(&self.0);
    }
}
