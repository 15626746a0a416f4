//! Processes of the guest: started in a namespace, with a log, ended by their id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use phclab::report::{Cost, Memory, ThreadCost};

use super::{Outcome, because};

/// How long a process may take to end when it is asked to.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// Runs a program to its end; its output, if it succeeds.
///
/// # Errors
/// That it could not be started or failed, with what it said.
pub fn call(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let named = format!("{program} {}", arguments.join(" "));
    let output = output.map_err(because(&named))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{named}: {}: {} {}", output.status, text(&output.stderr), text(&output.stdout)))
}

/// Runs `ip` to its end.
///
/// # Errors
/// As [`call`].
pub fn ip(arguments: &str) -> Outcome<String> {
    call("ip", &arguments.split_whitespace().collect::<Vec<_>>())
}

/// A program that runs beside us.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `arguments` in a network namespace; stdout and stderr go to `folder`/`name`.log.
    ///
    /// # Errors
    /// That it could not be started.
    pub fn start(name: &str, namespace: &str, arguments: &[String], folder: &Path) -> Outcome<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).map_err(because(log.display()))?;
        let err = out.try_clone().map_err(because(log.display()))?;
        // `ip netns exec` becomes the program: one process, and its id is the program's.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).args(arguments).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(because(name))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// What it has written so far.
    pub fn said(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// A failure if it has ended by itself: with its last words.
    pub fn failure(&mut self) -> Option<String> {
        let status = self.ended()?;
        let said = self.said();
        let last: Vec<_> = said.lines().rev().take(4).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        Some(format!("{} ended by itself ({status}): {}", self.name, last.join(" | ")))
    }

    /// What each of its threads has cost so far, `seconds` into the run.
    pub fn costs(&self, seconds: f64) -> Vec<ThreadCost> {
        let threads = self.family().into_iter().flat_map(|id| fs::read_dir(format!("/proc/{id}/task")));
        threads.flatten().flatten().map(|thread| cost_of(&thread.path(), seconds)).collect()
    }

    /// What it and its children hold of the memory.
    pub fn memory(&self) -> Vec<Memory> {
        self.family().into_iter().map(|id| memory_of(&PathBuf::from(format!("/proc/{id}")))).collect()
    }

    /// Its id, and those of its children.
    fn family(&self) -> Vec<u32> {
        let own = self.child.id();
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_child = |id: &u32| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            field(&status, "PPid:") == u64::from(own)
        };
        std::iter::once(own).chain(ids.filter(is_child)).collect()
    }

    /// Ends it: asked first, then made to. Its log stays.
    ///
    /// # Errors
    /// That it would not end when it was asked.
    pub fn end(mut self) -> Outcome<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        let id = Pid::from_raw(self.child.id().cast_signed());
        kill(id, Signal::SIGTERM).map_err(|error| format!("{}: {error}", self.name))?;
        let begin = Instant::now();
        while begin.elapsed() < END_TIME_MAX {
            if self.ended().is_some() {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        Err(format!("{} did not end within {END_TIME_MAX:?} of SIGTERM", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a thread has cost so far, by its folder in procfs.
fn cost_of(folder: &Path, seconds: f64) -> ThreadCost {
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let status = text("status");
    let field = |name: &str| field(&status, name);
    let cost = Cost {
        seconds,
        cpu_ns: text("schedstat").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0),
        voluntary: field("voluntary_ctxt_switches:"),
        involuntary: field("nonvoluntary_ctxt_switches:"),
    };
    ThreadCost { id: field("Pid:"), name: text("comm").trim().to_owned(), cost }
}

/// What a process holds of the memory, by its folder in procfs.
fn memory_of(folder: &Path) -> Memory {
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    // Counted page by page; VmRSS of `status` is what the kernel keeps count of, roughly.
    let pages = text("smaps_rollup");
    let (rss_kb, pss_kb) = (field(&pages, "Rss:"), field(&pages, "Pss:"));
    Memory { name: text("comm").trim().to_owned(), rss_kb, pss_kb }
}

/// The number in a line `name: number` of procfs, whatever its unit; 0 if there is none.
fn field(text: &str, name: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
