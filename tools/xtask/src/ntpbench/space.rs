//! Two namespaces with a cable, a core for each, and what runs there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::contender::{Contender, installed};

/// The generator's address, and that of the server.
pub const CLIENT: &str = "10.72.0.1";
/// As above.
pub const SERVER: &str = "10.72.0.2";
/// Where the simulated clients are: a million addresses.
const CLIENTS: &str = "10.96.0.0";
const CLIENTS_PREFIX: &str = "10.96.0.0/12";

/// What to ask.
#[derive(Clone, Copy)]
pub struct Load {
    pub rate: f64,
    pub seconds: f64,
    pub clients: u32,
}

/// What `ntpload run --json` says, as far as it is used.
#[derive(Deserialize)]
pub struct Report {
    pub sent_per_s: f64,
    pub answered_per_s: f64,
    pub sent: u64,
    pub answered: u64,
    pub refused: u64,
    /// Of all requests; `None`: of a hundred more than one was not answered.
    pub latency_p99_s: Option<f64>,
    pub offset_min_s: Option<f64>,
    pub offset_max_s: Option<f64>,
    pub offset_p1_to_p99_s: Option<f64>,
}

impl Report {
    pub fn loss(&self) -> f64 {
        1.0 - self.answered as f64 / self.sent.max(1) as f64
    }
}

/// Both namespaces; removed when this is dropped.
pub struct Bench {
    client: String,
    server: String,
    directory: PathBuf,
    /// Gives our own server its time.
    source: Option<Child>,
    cores: [usize; 2],
    busy_poll: Option<String>,
}

impl Bench {
    /// Makes them.
    ///
    /// # Errors
    /// What is missing: root, programs, two cores.
    pub fn new(busy_poll: Option<String>) -> Result<Self, String> {
        let cores = available_cores()?;
        let name = |end: &str| format!("ntpbench-{}-{end}", std::process::id());
        let directory = std::env::temp_dir().join(name("files"));
        std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let mut bench = Self { client: name("c"), server: name("s"), directory, source: None, cores, busy_poll };
        for space in [&bench.client, &bench.server] {
            succeed(Command::new(installed("ip", "iproute2")?).args(["netns", "add", space]))?;
            ip(space, "link set lo up")?;
        }
        let join = format!("link add c0 type veth peer name s0 netns {}", bench.server);
        ip(&bench.client, &join)?;
        for (space, interface, address) in [(&bench.client, "c0", CLIENT), (&bench.server, "s0", SERVER)] {
            ip(space, &format!("address add {address}/24 dev {interface}"))?;
            ip(space, &format!("link set {interface} up"))?;
        }
        ip(&bench.client, &format!("route add local {CLIENTS_PREFIX} dev lo"))?;
        ip(&bench.server, &format!("route add {CLIENTS_PREFIX} via {CLIENT}"))?;
        // Each end receives in a thread of its own, on its own core.
        for (space, interface, core) in [(&bench.client, "c0", cores[0]), (&bench.server, "s0", cores[1])] {
            receive_on(space, interface, core)?;
        }
        bench.source = Some(bench.start_source()?);
        Ok(bench)
    }

    /// A chronyd in the generator's namespace, which our server follows.
    fn start_source(&self) -> Result<Child, String> {
        let config = self.directory.join("source.conf");
        let directory = self.directory.display();
        let text = format!(
            "local stratum 1\nallow\nbindaddress {CLIENT}\ncmdport 0\nbindcmdaddress /\npidfile {directory}/source.pid\n"
        );
        std::fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let mut command = command(&self.client, self.cores[0], &Contender::Chronyd.program()?);
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|error| format!("chronyd: {error}"))
    }

    /// A program at the server's end.
    pub fn server_command(&self, program: &Path) -> Command {
        command(&self.server, self.cores[1], program)
    }

    /// A program at the generator's end.
    pub fn client_command(&self, program: &Path) -> Command {
        command(&self.client, self.cores[0], program)
    }

    /// The name of the generator's namespace.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// The name of the server's.
    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn busy_poll(&self) -> &str {
        self.busy_poll.as_deref().unwrap_or("off")
    }

    pub fn server_core(&self) -> usize {
        self.cores[1]
    }

    fn ntpload(&self) -> Command {
        command(&self.client, self.cores[0], &Contender::Echo.program().unwrap_or_default())
    }

    fn asking(&self, load: &Load) -> Command {
        let mut command = self.ntpload();
        command.args(["run", &format!("{SERVER}:123"), "--json", "--sources", CLIENTS]);
        command.args(["--clients", &load.clients.to_string(), "--rate", &load.rate.to_string()]);
        command.args(["--for", &load.seconds.to_string()]);
        command
    }

    /// Asks, and says what became of it.
    ///
    /// # Errors
    /// The generator's.
    pub fn load(&self, load: &Load) -> Result<Report, String> {
        let text = output(&mut self.asking(load))?;
        serde_json::from_str(&text).map_err(|error| format!("ntpload says {text}: {error}"))
    }

    /// The most that the server answers.
    ///
    /// # Errors
    /// The generator's; it keeps up with no rate.
    pub fn saturation(&self) -> Result<f64, String> {
        let mut command = self.ntpload();
        command.args(["sweep", &format!("{SERVER}:123"), "--json", "--sources", CLIENTS]).stderr(Stdio::inherit());
        let text = output(&mut command)?;
        let found: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))?;
        found["saturation_per_s"].as_f64().ok_or_else(|| "the server keeps up with no rate".to_owned())
    }

    /// Turns a second of the idle loop on the server's core; `beside` runs meanwhile.
    ///
    /// # Errors
    /// The loop's.
    pub fn idle_turns(&self, seconds: f64, beside: Option<&Load>) -> Result<f64, String> {
        self.counted(seconds, beside).map(|(turns, _)| turns)
    }

    /// Asks, and counts what is left of the server's core.
    ///
    /// # Errors
    /// The generator's, the loop's.
    pub fn loaded(&self, load: &Load) -> Result<(f64, Report), String> {
        let (turns, report) = self.counted(load.seconds, Some(load))?;
        Ok((turns, report.ok_or("nothing was asked")?))
    }

    fn counted(&self, seconds: f64, beside: Option<&Load>) -> Result<(f64, Option<Report>), String> {
        let mut idle = self.server_command(&Contender::Echo.program()?);
        idle.args(["idle", "--core", &self.cores[1].to_string(), "--for", &seconds.to_string()]);
        let idle = idle.stdout(Stdio::piped()).spawn().map_err(|error| format!("the idle loop: {error}"))?;
        let report = beside.map(|load| self.load(load)).transpose()?;
        let counted = idle.wait_with_output().map_err(|error| format!("the idle loop: {error}"))?;
        let text = String::from_utf8_lossy(&counted.stdout);
        let turns = text.trim().parse().map_err(|error| format!("the idle loop says {text:?}: {error}"))?;
        Ok((turns, report))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(source) = &mut self.source {
            // It has ended already, or does now.
            let _ = source.kill();
            let _ = source.wait();
        }
        for space in [&self.client, &self.server] {
            let removed = Command::new("ip").args(["netns", "del", space]).status();
            if !removed.is_ok_and(|status| status.success()) {
                eprintln!("ntpbench: could not remove the namespace {space}: `ip netns del {space}` will");
            }
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Configures the network of a namespace.
///
/// # Errors
/// What `ip` says.
pub fn ip(space: &str, arguments: &str) -> Result<(), String> {
    succeed(Command::new(installed("ip", "iproute2")?).args(["-n", space]).args(arguments.split(' ')))
}

/// A program there on that core, which can set no clock. Each of these executes the next: it stays one process.
fn command(space: &str, core: usize, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space, "setpriv", "--pdeathsig", "KILL"]);
    command.args(["--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]);
    command.args(["taskset", "--cpu-list", &core.to_string()]).arg(program);
    command
}

/// One for the generator, one for the server.
fn available_cores() -> Result<[usize; 2], String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let range = |part: &str| -> Option<std::ops::RangeInclusive<usize>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let cores: Vec<usize> = list.trim().split(',').filter_map(range).flatten().collect();
    match cores[..] {
        [client, server, ..] => Ok([client, server]),
        _ => Err("two cores are needed".to_owned()),
    }
}

/// Receive work of an interface's end of the cable goes to one core: threaded NAPI, its thread pinned.
fn receive_on(space: &str, interface: &str, core: usize) -> Result<(), String> {
    let inside = |program: &str, arguments: &[&str]| -> Result<(), String> {
        succeed(Command::new("ip").args(["netns", "exec", space, program]).args(arguments))
    };
    // A veth has NAPI once it aggregates.
    installed("ethtool", "ethtool")?;
    inside("ethtool", &["-K", interface, "gro", "on"])?;
    inside("sh", &["-c", &format!("echo 1 > /sys/class/net/{interface}/threaded")])?;
    let thread = napi_thread(interface).ok_or_else(|| format!("{interface} has no NAPI thread"))?.to_string();
    succeed(Command::new("taskset").args(["--pid", "--cpu-list", &core.to_string(), &thread]))?;
    if interface == "c0" {
        // The generator never sleeps: an answer would wait for its stamp until the scheduler takes the core from it.
        succeed(Command::new("chrt").args(["--fifo", "--pid", "10", &thread]))?;
    }
    Ok(())
}

fn napi_thread(interface: &str) -> Option<u32> {
    let wanted = format!("napi/{interface}-");
    let of_process = |entry: std::fs::DirEntry| -> Option<u32> {
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        name.starts_with(&wanted).then(|| entry.file_name().to_str()?.parse().ok())?
    };
    // The latest is ours, if another bench has left one behind.
    std::fs::read_dir("/proc").ok()?.flatten().filter_map(of_process).max()
}

fn succeed(command: &mut Command) -> Result<(), String> {
    output(command).map(drop)
}

/// What a command prints.
///
/// # Errors
/// It cannot be started, or fails.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
