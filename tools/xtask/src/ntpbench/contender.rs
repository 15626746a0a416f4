//! The servers that take turns.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::space::{Bench, CLIENT, Load, SERVER};

/// How long a server may take until it answers with time.
const PATIENCE: Duration = Duration::from_secs(40);

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    Ours,
    Chronyd,
    Ntpd,
    Echo,
}

impl Contender {
    pub const ALL: [Self; 4] = [Self::Ours, Self::Chronyd, Self::Ntpd, Self::Echo];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Chronyd => "chronyd",
            Self::Ntpd => "ntpd",
            Self::Echo => "echo",
        }
    }

    /// Its program.
    ///
    /// # Errors
    /// What to install.
    pub fn program(self) -> Result<PathBuf, String> {
        match self {
            Self::Ours => Ok(built("synchronome")),
            Self::Echo => Ok(built("ntpload")),
            Self::Chronyd => installed("chronyd", "chrony"),
            // Its package cannot be installed beside chrony, but its program can be anywhere.
            Self::Ntpd => match std::env::var_os("NTPD") {
                Some(path) if Path::new(&path).exists() => Ok(path.into()),
                Some(path) => Err(format!("NTPD={} is not there", path.display())),
                None => installed("ntpd", "ntpsec").map_err(|why| {
                    format!("{why}; beside chrony: `apt-get download ntpsec`, `dpkg -x`, and NTPD=.../usr/sbin/ntpd")
                }),
            },
        }
    }

    /// What it is started with; it may write files there.
    fn command(self, bench: &Bench) -> std::io::Result<(Vec<String>, Option<String>)> {
        let (directory, core, busy_poll) = (bench.directory(), bench.server_core(), bench.busy_poll());
        let config = directory.join(format!("{}.conf", self.name()));
        let path = config.display().to_string();
        let directory = directory.display();
        let (arguments, text) = match self {
            Self::Ours => (
                vec!["run".to_owned(), path],
                format!(
                    "[clock]\nsystem = \"observe\"\n[[ntp.source]]\naddress = \"{CLIENT}\"\npoll = 0\n[ntp.server]\nlisten = [\"{SERVER}:123\"]\n\
                     cores = [{core}]\nbusy_poll = \"{busy_poll}\"\n[observe]\nhttp = \"off\"\nruntime_directory = \"{directory}\"\nstate_directory = \"{directory}\"\n\
                     [threads]\nlock_memory = false\n"
                ),
            ),
            Self::Chronyd => (
                ["-x", "-d", "-u", "root", "-f", &path].map(str::to_owned).to_vec(),
                format!(
                    "local stratum 2\nallow\nbindaddress {SERVER}\ncmdport 0\nbindcmdaddress /\npidfile {directory}/chronyd.pid\n"
                ),
            ),
            Self::Ntpd => (
                ["-n", "-g", "-c", &path].map(str::to_owned).to_vec(),
                // Its own clock, which it cannot set for lack of the capability; with `disable ntp` it would tell no time at all. As it comes it
                // limits how often each address may ask, and after some twenty requests of one says nothing more.
                "tos orphan 5 orphanwait 1\nunrestrict default limited kod\n".to_owned(),
            ),
            Self::Echo => {
                let address = format!("{SERVER}:123");
                return Ok((vec!["echo".to_owned(), address, "--core".to_owned(), core.to_string()], None));
            }
        };
        std::fs::write(&config, text)?;
        Ok((arguments, Some(directory.to_string())))
    }
}

/// A program that this workspace has built for release.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(name)
}

/// A program of the system.
///
/// # Errors
/// What to install.
pub fn installed(program: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut found = places.map(|place| place.join(program)).filter(|path| path.exists());
    found.next().ok_or_else(|| format!("{program} is not installed (apt-get install {package})"))
}

/// A server that answers; ends when it is dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts it on the server's core, and waits until it answers with time.
    ///
    /// # Errors
    /// It does not.
    pub fn start(bench: &Bench, contender: Contender) -> Result<Self, String> {
        let (arguments, _) = contender.command(bench).map_err(|error| format!("a file: {error}"))?;
        let mut command: Command = bench.server_command(&contender.program()?);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("{}: {error}", contender.name()))?;
        let mut running = Self { child };
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(format!("{} has ended: {status}", contender.name()));
            }
            let asked = bench.load(&Load { rate: 20.0, seconds: 0.5, clients: 1 })?;
            if asked.answered > 0 && (asked.refused == 0 || contender == Contender::Echo) {
                return Ok(running);
            }
        }
        Err(format!("{} does not answer with time", contender.name()))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        // What we started became it: each program on the way executes the next one.
        self.child.id()
    }

    /// Its resident memory.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident_bytes(&self) -> Result<u64, String> {
        resident_bytes(self.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or does now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident memory of a process: proc_pid_status(5).
///
/// # Errors
/// It has ended.
pub fn resident_bytes(process: u32) -> Result<u64, String> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1_024).ok_or_else(|| format!("{path} has no VmRSS"))
}
