//! `cargo xtask clients`: NTP clients that cargo can build, against our server.
//!
//! What Debian packages is asked by the tests (chronyd, ntpdig, ntpq). These are built once, into `target/peers`, which takes some minutes the
//! first time: ntpd-rs's `ntp-daemon` and rtimed's `rtime`. The server is the demo's, 12.5 s ahead of this machine's clock, so that a client
//! that is right can be told from one that has measured nothing. None of them has the right to set a clock; `ntp-daemon` does not run without one, and is
//! given one that it can only read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

/// The programs: a package of cargo, and what it installs.
const PEERS: [(&str, &str); 2] = [("ntpd@1.9.0", "ntp-daemon"), ("rtimed@0.15.1", "rtime")];
/// Where the demo serves.
const SERVER: &str = "127.0.0.1:11323";
/// The demo's grandmaster is ahead of this machine's clock by this.
const AHEAD_S: f64 = 12.5;
/// What a client may be off by on a busy machine.
const TOLERANCE_S: f64 = 5e-3;
/// Whatever is waited for comes within this.
const PATIENCE: Duration = Duration::from_secs(40);

/// Builds them if need be, lets each ask, and compares what it says with the truth.
///
/// Exit codes: 0 each was right, 1 one was not, or could not be built.
#[derive(Args)]
pub struct Options {}

pub fn run(_: &Options) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tools/xtask lies two below the root");
    let built = crate::build(&["synchronome"]).and_then(|()| build(root));
    match built.and_then(|peers| ask(root, &peers)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("clients: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Builds what is not there yet; returns the folder of the programs.
///
/// # Errors
/// What cargo could not do.
pub fn build(root: &Path) -> Result<PathBuf, String> {
    let peers = root.join("target/peers");
    for (package, program) in PEERS {
        if peers.join("bin").join(program).exists() {
            continue;
        }
        println!("clients: building {package}");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["install", "--quiet", "--locked", "--debug", package, "--root"]).arg(&peers);
        cargo.arg("--target-dir").arg(peers.join("build")).env("CARGO_PROFILE_DEV_DEBUG", "0");
        let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err(format!("{package} cannot be built: {status}"));
        }
    }
    Ok(peers.join("bin"))
}

/// A program that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program without the right to set a clock.
fn harmless(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Lets each ask our server.
///
/// # Errors
/// What went wrong, or which client was.
pub fn ask(root: &Path, peers: &Path) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("synchronome-clients-{}", std::process::id()));
    fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let outcome = serve(root, &folder).and_then(|_demo| {
        report("rtime", rtime(&peers.join("rtime"))?)?;
        report("ntp-daemon", ntp_daemon(peers, &folder)?)
    });
    // What cannot be removed is in a temporary directory.
    let _ = fs::remove_dir_all(&folder);
    outcome
}

fn report(client: &str, offset_s: f64) -> Result<(), String> {
    println!("clients: {client} says that the server is {offset_s:.6} s ahead; it is {AHEAD_S} s");
    if (offset_s - AHEAD_S).abs() < TOLERANCE_S { Ok(()) } else { Err(format!("{client} is wrong")) }
}

/// Starts the demo, and returns when it is LOCKED.
fn serve(root: &Path, folder: &Path) -> Result<Running, String> {
    let program = root.join("target/release/synchronome");
    let log = folder.join("demo.json");
    let out = fs::File::create(&log).map_err(|error| error.to_string())?;
    let port = SERVER.rsplit(':').next().unwrap_or_default();
    let mut command = harmless(&program);
    command.args(["demo", "--for", "120s", "--json", "--ptp-ports", "10519,10520", "--ntp-port", port]).stdout(out);
    let demo = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let demo = Running(demo);
    wait("the demo to lock", || fs::read_to_string(&log).ok().filter(|log| log.contains("\"LOCKED\"")))?;
    Ok(demo)
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Ok(found);
        }
        sleep(Duration::from_millis(200));
    }
    Err(format!("waited in vain for {what}"))
}

/// What it says of the fastest of four queries.
fn rtime(program: &Path) -> Result<f64, String> {
    let output = harmless(program).args(["-s", SERVER, "-n", "4", "--no-discipline"]).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let queries = text.lines().filter_map(|line| {
        let offset = number_after(line, "] offset: ")?;
        Some((number_after(line, "delay: ")?, offset / 1e3))
    });
    let fastest = queries.min_by(|a, b| a.0.total_cmp(&b.0));
    fastest.map(|(_, offset)| offset).ok_or_else(|| format!("rtime measured nothing:\n{text}"))
}

/// What it has of its source once it has measured for some seconds. With two sources wanted and one there it never corrects anything.
fn ntp_daemon(peers: &Path, folder: &Path) -> Result<f64, String> {
    let config = folder.join("ntp.toml");
    let text = format!(
        "[observability]\nobservation-path = \"{}\"\n[[source]]\nmode = \"server\"\naddress = \"{SERVER}\"\n\
         [source-defaults]\npoll-interval-limits = {{ min = 0, max = 4 }}\ninitial-poll-interval = 0\n\
         [synchronization]\nminimum-agreeing-sources = 2\n",
        folder.join("observe").display()
    );
    fs::write(&config, text).map_err(|error| error.to_string())?;
    let clock = folder.join("no_clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clients/no_clock.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&clock).arg(source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return Err("cc cannot compile no_clock.c".to_owned());
    }
    let mut command = harmless(&peers.join("ntp-daemon"));
    command.arg("-c").arg(&config).env("LD_PRELOAD", &clock).stdout(Stdio::null()).stderr(Stdio::null());
    let _daemon = Running(command.spawn().map_err(|error| format!("ntp-daemon: {error}"))?);
    wait("ntp-daemon to measure", || {
        let output = harmless(&peers.join("ntp-ctl")).arg("-c").arg(&config).arg("status").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let offset = text.lines().find_map(|line| number_after(line.trim_start(), "Offset:"))?;
        (offset != 0.0).then_some(offset)
    })
}

/// The first number after a piece of text.
fn number_after(text: &str, before: &str) -> Option<f64> {
    let after = text.split_once(before)?.1.trim_start();
    let end = after.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_after_its_name() {
        let line = "[2/4] offset: -0.949ms, delay: 1.930ms, stratum: 2";
        assert_eq!(number_after(line, "] offset: "), Some(-0.949));
        assert_eq!(number_after(line, "delay: "), Some(1.93));
        assert_eq!(number_after("Offset:\t\t\t-0.000015", "Offset:"), Some(-0.000_015));
        assert_eq!(number_after(line, "jitter: "), None);
    }
}
