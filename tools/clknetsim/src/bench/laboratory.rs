//! The processes of a run: started in a folder of its own, ended by their numbers, with a limit on the time that they may take.
//!
//! A daemon of somebody else's steers clocks of clknetsim's, by the library that is loaded before its own. Should that fail, it
//! must find nothing to steer and nobody to talk to: it has no right to set the machine's clock, and no network.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::scenario::{Clocks, Player};
use super::{Outcome, Scenario, Span, figures_of};

/// The longest that a run may take.
const RUN_MAX: Duration = Duration::from_mins(5);
/// The longest that a node may take to end after the server has.
const END_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether a process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is not installed.
#[derive(Debug)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Laboratory {
    server: PathBuf,
    library: PathBuf,
    /// This program.
    ours: PathBuf,
    folder: PathBuf,
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Running {
    /// Whether it ended well within so long; `None`: it did not end.
    fn ends_within(&mut self, limit: Duration) -> Option<bool> {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Some(status.success());
            }
            if start.elapsed() > limit {
                return None;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// The folders in which programs are looked for.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect()
}

fn found(program: &str) -> Option<PathBuf> {
    search_path().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

impl Laboratory {
    /// Looks for clknetsim: in the folder that `CLKNETSIM_PATH` names, else in PATH, with its library beside it. Logs go to a folder
    /// of each run in `folder`.
    ///
    /// # Errors
    /// What is missing, and where it comes from.
    pub fn find(ours: &Path, folder: &Path) -> Result<Self, Missing> {
        let named = std::env::var_os("CLKNETSIM_PATH").map(|folder| PathBuf::from(folder).join("clknetsim"));
        let server = named.or_else(|| found("clknetsim")).and_then(|path| fs::canonicalize(path).ok());
        let library = server.as_ref().map(|server| server.with_file_name("clknetsim.so"));
        match (server, library) {
            (Some(server), Some(library)) if server.is_file() && library.is_file() => {
                Ok(Self { server, library, ours: ours.to_owned(), folder: folder.to_owned() })
            }
            _ => Err(Missing(
                "clknetsim is not here: no Debian package has it. Get it at https://github.com/mlichvar/clknetsim, run `make`, and let \
                 CLKNETSIM_PATH name the folder with `clknetsim` and `clknetsim.so`"
                    .to_owned(),
            )),
        }
    }

    /// Whether all daemons of a scenario are installed.
    ///
    /// # Errors
    /// What is missing, and where it comes from.
    pub fn has(&self, scenario: &Scenario) -> Result<(), Missing> {
        for player in scenario.players {
            let package = match player {
                Player::Ours(_) => continue,
                Player::Ptp4l(_) => "linuxptp",
                Player::Chronyd(_) => "chrony",
            };
            if found(player.program()).is_none() {
                return Err(Missing(format!("{} is not here: Debian's package {package} has it", player.program())));
            }
        }
        Ok(())
    }

    /// Runs a scenario once.
    ///
    /// # Errors
    /// What went wrong, if there are no figures.
    pub fn run(&self, scenario: &Scenario, seed: u64, span: Span) -> Result<Outcome, String> {
        let folder = self.folder.join(format!("{}-{seed}", scenario.name));
        let problem = |what: &str| format!("{what}; see {}", folder.display());
        // Of an earlier run: its socket would be in the way.
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).map_err(|error| problem(&format!("{name}: {error}")))
        };
        write("physics", scenario.physics(seed))?;
        let mut server = start(&folder, "server", self.server_command(scenario, seed, span))?;
        let mut nodes = Vec::new();
        for (index, player) in scenario.players.into_iter().enumerate() {
            let name = format!("node{}", index + 1);
            if let Some(settings) = Scenario::settings(player) {
                write(&format!("{name}.conf"), settings)?;
            }
            let command = self.node_command(scenario, player, &name, index + 1, seed);
            nodes.push(start(&folder, &name, command)?);
        }
        match server.ends_within(RUN_MAX) {
            Some(true) => {}
            Some(false) => return Err(problem("clknetsim's server failed")),
            None => return Err(problem(&format!("it took more than {} s", RUN_MAX.as_secs()))),
        }
        for (index, node) in nodes.iter_mut().enumerate() {
            let is_ours = matches!(scenario.players[index], Player::Ours(_));
            // A daemon that had to be ended, or says that it was, has done its part all the same.
            if node.ends_within(END_MAX) != Some(true) && is_ours {
                return Err(problem(&format!("our node {} failed", index + 1)));
            }
        }
        let read =
            |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| problem(&format!("{name}: {error}")));
        let figures =
            figures_of(&read("server.out")?).ok_or_else(|| problem("clknetsim's server printed no figures"))?;
        if figures.len() != 2 * scenario.clocks_each() {
            return Err(problem("clknetsim's server printed figures of other clocks"));
        }
        let said = read(&format!("node{}.out", scenario.reporter() + 1))?;
        let ours: Value =
            serde_json::from_str(&said).map_err(|error| problem(&format!("our node's report: {error}")))?;
        Ok(Outcome::new(scenario, seed, figures, ours))
    }

    fn server_command(&self, scenario: &Scenario, seed: u64, span: Span) -> Command {
        let mut command = Command::new(&self.server);
        let Span { settling_s, total_s } = span;
        command.args(["-l", &total_s.to_string(), "-r", &settling_s.to_string()]);
        command.args(["-c", &scenario.clocks_each().to_string(), "-s", "socket", "physics", "2"]);
        command.env("CLKNETSIM_RANDOM_SEED", seed.to_string());
        command
    }

    fn node_command(&self, scenario: &Scenario, player: Player, name: &str, number: usize, seed: u64) -> Command {
        let number = number.to_string();
        let mut arguments: Vec<OsString> = match player {
            Player::Ours(arguments) => {
                let mut command = Command::new(&self.ours);
                command.args(arguments).args(["--node", &number, "--socket", "socket", "--seed", &seed.to_string()]);
                return command;
            }
            Player::Ptp4l(_) => vec!["ptp4l".into(), "-m".into(), "-i".into(), "eth0".into(), "-f".into()],
            Player::Chronyd(_) => vec!["chronyd".into(), "-d".into(), "-f".into()],
        };
        arguments.push(format!("{name}.conf").into());
        let mut command = confined();
        // The library only for the daemon, and not for what starts it.
        let mut preload = OsString::from("LD_PRELOAD=");
        preload.push(&self.library);
        command.arg("env").arg(preload).args(arguments);
        let path = std::env::join_paths(search_path()).unwrap_or_default();
        command.env_clear().env("PATH", path);
        command.env("CLKNETSIM_NODE", &number).env("CLKNETSIM_SOCKET", "socket");
        // Zero would be taken for "none".
        command.env("CLKNETSIM_RANDOM_SEED", (seed + 1).to_string());
        if scenario.clocks == Clocks::Card {
            command.env("CLKNETSIM_CLOCKS", "REALTIME,eth0").env("CLKNETSIM_TIMESTAMPING", "2");
        }
        command
    }
}

/// Starts a process whose output goes to files.
fn start(folder: &Path, name: &str, mut command: Command) -> Result<Running, String> {
    let log = |suffix: &str| {
        let path = folder.join(format!("{name}.{suffix}"));
        File::create(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(log("out")?).stderr(log("log")?);
    let child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    Ok(Running(child))
}

/// A command whose first argument is the program to be run without the right to set clocks and without a network. Who is not root has no
/// such right, and cannot give up its network either.
fn confined() -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new("env");
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"].map(OsStr::new));
    command
}
