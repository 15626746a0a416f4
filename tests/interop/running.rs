//! Programs that run beside the test, and the foreign ones among them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lab::{Lab, Space, installed, text};

/// How long a program may take to end after it was asked.
const ENDING_MAX: Duration = Duration::from_secs(10);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A program that runs until it is stopped or dropped; a test that fails shows what it printed.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it; what it prints goes to a file.
    pub fn start(lab: &Lab, name: &str, command: &mut Command) -> Self {
        let log = unique_path(lab, name, "log");
        let file = File::create(&log).expect("a log file");
        let errors = file.try_clone().expect("the same file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Fails if it has ended by itself.
    pub fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} has ended by itself ({status})", self.name);
        }
    }

    /// Waits until it has printed something.
    pub fn wait_until_printed(&mut self, what: &str) {
        let start = Instant::now();
        while !self.printed().contains(what) {
            self.assert_alive();
            assert!(start.elapsed() < Duration::from_secs(30), "{} does not print {what:?}", self.name);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).unwrap_or_else(|errno| panic!("{} cannot be sent {signal}: {errno}", self.name));
    }

    /// Asks it to end by a signal, and waits until it has.
    pub fn end_by(&mut self, signal: Signal) -> std::process::ExitStatus {
        self.signal(signal);
        self.wait_for_end()
    }

    /// Waits until it has ended.
    pub fn wait_for_end(&mut self) -> std::process::ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status;
            }
            assert!(start.elapsed() < ENDING_MAX, "{} does not end", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} printed:\n{}", self.name, self.printed());
        }
    }
}

/// A file of this lab that nobody else has.
pub fn unique_path(lab: &Lab, name: &str, extension: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    lab.directory().join(format!("{name}-{}.{extension}", NUMBER.fetch_add(1, Ordering::Relaxed)))
}

/// Starts ptp4l as a grandmaster on an interface: software stamps of the machine's clock, which it never touches.
///
/// Sync and Delay_Req eight times a second. `options` are long options of its own: `--domainNumber=24`.
pub fn ptp4l(lab: &Lab, space: &Space, interface: &str, options: &[&str]) -> Running {
    let fast = ["-4", "-E", "--logSyncInterval=-3", "--logMinDelayReqInterval=-3"];
    ptp4l_of_file(lab, space, interface, &[&fast, options].concat())
}

/// The same with nothing but what its file (`-f`) and `options` say.
pub fn ptp4l_of_file(lab: &Lab, space: &Space, interface: &str, options: &[&str]) -> Running {
    let mut command = space.command("ptp4l", "linuxptp");
    command.args(["-i", interface, "-S", "-m", "-q", "--free_running=1", "--tx_timestamp_timeout=1000"]);
    command.arg(format!("--uds_address={}", unique_path(lab, "ptp4l", "sock").display()));
    if ptp4l_version() >= 4 {
        command.arg(format!("--uds_ro_address={}", unique_path(lab, "ptp4l-ro", "sock").display()));
    }
    command.args(options);
    Running::start(lab, "ptp4l", &mut command)
}

/// Starts ptp4l as a slave that measures by the machine's clock, which it never touches, and prints an offset a second.
pub fn ptp4l_slave(lab: &Lab, space: &Space, interface: &str, options: &[&str]) -> Running {
    ptp4l(lab, space, interface, &[&MEASURES, options].concat())
}

/// As a slave that prints an offset a second.
pub const MEASURES: [&str; 3] = ["-s", "--freq_est_interval=0", "--summary_interval=-6"];

/// A configuration that Debian's linuxptp installs: `G.8275.1`, `gPTP`.
pub fn installed_configuration(name: &str) -> String {
    let file = format!("/usr/share/doc/linuxptp/configs/{name}.cfg");
    assert!(Path::new(&file).exists(), "{file} is in Debian's linuxptp");
    file
}

/// The option that makes ptp4l a master whatever it hears.
pub fn always_master() -> &'static str {
    if ptp4l_version() >= 4 { "--serverOnly=1" } else { "--masterOnly=1" }
}

/// 3 for 3.1.1.
fn ptp4l_version() -> u32 {
    let output = Command::new(installed("ptp4l", "linuxptp")).arg("-v").output().expect("ptp4l runs");
    let output = text(&output);
    let major = output.trim_start_matches('v').split('.').next().and_then(|major| major.trim().parse().ok());
    major.unwrap_or_else(|| panic!("`ptp4l -v` prints no version: {output}"))
}

/// What chronyd makes of a server: everything that it printed, and its log of measurements.
#[derive(Debug)]
pub struct Measured {
    pub printed: String,
    pub measurements: String,
}

/// Starts chronyd as a client that measures and never sets a clock; it ends after `seconds` at the latest.
pub fn start_chronyd(lab: &Lab, space: &Space, server: &str, seconds: u32) -> (Running, PathBuf) {
    let logs = unique_path(lab, "chronyd", "logs");
    std::fs::create_dir(&logs).expect("a directory");
    let mut command = space.command("chronyd", "chrony");
    command.args(["-U", "-u", "root", "-x", "-Q", "-t", &seconds.to_string()]);
    command.arg(format!("server {server} iburst maxsamples 4"));
    command.arg(format!("pidfile {}/chronyd.pid", logs.display()));
    command.arg(format!("logdir {}", logs.display()));
    command.args(["log rawmeasurements", "cmdport 0", "port 0", "bindcmdaddress /"]);
    (Running::start(lab, "chronyd", &mut command), logs.join("measurements.log"))
}

/// Waits until chronyd has ended by itself.
pub fn finish_chronyd((mut chronyd, log): (Running, PathBuf)) -> Measured {
    chronyd.child.wait().expect("our own child");
    Measured { printed: chronyd.printed(), measurements: std::fs::read_to_string(log).unwrap_or_default() }
}

/// One sample by ntpdig: whether it was taken, and everything that was printed.
pub fn ntpdig(space: &Space, server: &str) -> (bool, String) {
    let output = space.command("ntpdig", "ntpsec-ntpdig").args(["-j", "-p", "1", "-t", "5", server]).output();
    let output = output.expect("ntpdig runs");
    (output.status.success(), text(&output))
}

/// A capture of what passes an interface.
#[derive(Debug)]
pub struct Capture {
    dumpcap: Running,
    file: PathBuf,
}

impl Capture {
    /// Begins, and returns when nothing will be missed any more.
    pub fn start(lab: &Lab, space: &Space, interface: &str) -> Self {
        let file = unique_path(lab, interface, "pcapng");
        let mut command = space.command("dumpcap", "tshark");
        command.args(["-q", "-i", interface, "-w"]).arg(&file);
        let mut dumpcap = Running::start(lab, "dumpcap", &mut command);
        dumpcap.wait_until_printed("File: ");
        Self { dumpcap, file }
    }

    /// Ends it when a packet with these octets has been written: what the kernel still holds at the end is lost.
    pub fn finish_after(mut self, octets: &[u8]) -> PathBuf {
        let is_written = |file: &Vec<u8>| file.windows(octets.len()).any(|window| window == octets);
        let start = Instant::now();
        while !std::fs::read(&self.file).as_ref().is_ok_and(is_written) {
            assert!(start.elapsed() < Duration::from_secs(30), "the last packet was not captured");
            std::thread::sleep(LOOK_EVERY);
        }
        self.dumpcap.end_by(Signal::SIGINT);
        self.file.clone()
    }
}

/// The fields of the packets that pass a filter, a line for each packet, separated by `|`.
pub fn dissect(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new(installed("tshark", "tshark"));
    command.args(["-n", "-r"]).arg(file).args(["-Y", filter, "-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.env("LC_ALL", "C").output().expect("tshark runs");
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
