//! Our daemon as a process of its own, asked over its status socket.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use synchronome::observe::Status;
use synchronome::observe::client::{ask, order};
use synchronome::observe::status::{PortStatus, TruthStatus};
use synchronome::time::SyncState;

use super::lab::{Lab, Space, text};
use super::running::{Running, unique_path};

/// The binary under test.
pub const SYNCHRONOME: &str = env!("CARGO_BIN_EXE_synchronome");

/// How long anything may take before it counts as not happening.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How often the status is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What differs between the tests' configurations.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub interface: &'a str,
    /// More options of the port.
    pub port: &'a str,
    /// What the grandmaster is ahead of the machine's clock.
    pub reference_offset: &'a str,
    /// What the simulated clock is ahead by at first.
    pub offset: &'a str,
    /// More options of the clock.
    pub clock: &'a str,
    /// Where it answers by HTTP.
    pub http: &'a str,
    /// More sections.
    pub more: &'a str,
    /// What it has in place of /etc/hosts, and no name server beside it.
    pub hosts: Option<&'a Path>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        let (interface, offset, http) = ("vb", "1s", "off");
        Self { interface, port: "", reference_offset: "0s", offset, clock: "", http, more: "", hosts: None }
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    process: Running,
    socket: PathBuf,
}

impl Daemon {
    /// Starts it with a simulated clock that is `offset` and 50 ppm wrong, and returns when it answers.
    pub fn start(lab: &Lab, space: &Space, options: Options<'_>) -> Self {
        let directory = unique_path(lab, "synchronome", "d");
        std::fs::create_dir(&directory).expect("a directory");
        let config = directory.join("synchronome.toml");
        let Options { interface, port, reference_offset, offset, clock, http, more, hosts } = options;
        let text = format!(
            "[clock]\n\
             system = {{ simulated = {{ offset = \"{offset}\", frequency = \"50ppm\", wander = 1e-9, seed = 1, \
             reference_offset = \"{reference_offset}\" }} }}\n\
             {clock}\n\
             [[ptp]]\n\
             interface = \"{interface}\"\n\
             {port}\n\
             [observe]\n\
             http = \"{http}\"\n\
             runtime_directory = \"{directory}\"\n\
             state_directory = \"{directory}\"\n\
             {more}\n",
            directory = directory.display()
        );
        std::fs::write(&config, text).expect("a file");
        let mut command = match hosts {
            None => space.command(SYNCHRONOME, "nothing: cargo builds it"),
            Some(hosts) => {
                let nobody = directory.join("resolv.conf");
                std::fs::write(&nobody, "nameserver 127.0.0.1\n").expect("a file");
                // `ip netns exec` has made a mount namespace, so that this is seen by nobody else.
                let mut command = space.command("sh", "dash");
                let script =
                    "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/resolv.conf && shift 2 && exec \"$@\"";
                command.args(["-c", script, "sh"]).args([hosts, &nobody]).arg(SYNCHRONOME);
                command
            }
        };
        let process = Running::start(lab, "synchronome", command.arg("run").arg(config));
        let mut daemon = Self { process, socket: directory.join("status.sock") };
        let start = Instant::now();
        while ask(&daemon.socket).is_err() {
            daemon.process.assert_alive();
            assert!(start.elapsed() < PATIENCE, "the daemon does not answer");
            std::thread::sleep(LOOK_EVERY);
        }
        daemon
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its status socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it says of itself now.
    pub fn status(&mut self) -> Status {
        self.process.assert_alive();
        match ask(&self.socket) {
            Ok((_, status)) => {
                let refused = status.events.iter().find(|event| event.text.contains("was refused the system call"));
                assert_eq!(refused, None, "its filters are too tight");
                status
            }
            Err(error) => panic!("the daemon does not answer: {error}"),
        }
    }

    /// What `synchronome status --json` prints.
    pub fn status_by_command(&mut self) -> Status {
        self.process.assert_alive();
        let output = Command::new(SYNCHRONOME).args(["status", "--json", "--socket"]).arg(&self.socket).output();
        let output = output.expect("our own binary runs");
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// What another subcommand says, and its exit code.
    pub fn command(&mut self, arguments: &[&str]) -> (String, i32) {
        self.process.assert_alive();
        let output = Command::new(SYNCHRONOME).args(arguments).arg("--socket").arg(&self.socket).output();
        let output = output.expect("our own binary runs");
        (text(&output), output.status.code().expect("no signal"))
    }

    /// What a subcommand of the owner's says, and its exit code.
    pub fn order(&mut self, arguments: &[&str]) -> (String, i32) {
        self.process.assert_alive();
        let socket = self.socket.with_file_name("control.sock");
        let output = Command::new(SYNCHRONOME).args(arguments).arg("--socket").arg(socket).output();
        let output = output.expect("our own binary runs");
        (text(&output), output.status.code().expect("no signal"))
    }

    /// The simulated clock is set, as another program would set a real one; the daemon is not told.
    pub fn set_clock(&mut self, milliseconds: i64) {
        self.process.assert_alive();
        let socket = self.socket.with_file_name("control.sock");
        order(&socket, &format!("set_simulated {milliseconds}")).expect("the clock is a simulated one");
    }

    /// It does not run for so long, and then goes on.
    pub fn stop_for(&mut self, time: Duration) {
        self.process.signal(Signal::SIGSTOP);
        std::thread::sleep(time);
        self.process.signal(Signal::SIGCONT);
    }

    /// Waits until the status shows something, and returns that status.
    pub fn wait(&mut self, what: &str, mut is_so: impl FnMut(&Status) -> bool) -> Status {
        let start = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it is not so that {what}; the status is\n{status:#?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until the clock is locked to the grandmaster of this identity, and says how wrong it may be.
    pub fn wait_for_lock(&mut self, grandmaster: &str) -> Status {
        self.wait(&format!("the clock is locked to {grandmaster}"), |status| {
            status.state == SyncState::Locked && status.clock.bound_s.is_some() && follows(status, grandmaster)
        })
    }

    /// Ends it as an operator would: it says so and exits with 0.
    pub fn end(mut self) {
        let status = self.process.end_by(Signal::SIGTERM);
        assert!(status.success(), "{status}");
    }
}

/// The one port of these tests.
pub fn port(status: &Status) -> &PortStatus {
    &status.ptp[0]
}

/// Whether the port follows the grandmaster of this identity.
pub fn follows(status: &Status, grandmaster: &str) -> bool {
    port(status).grandmaster.as_ref().is_some_and(|followed| followed.identity == grandmaster)
}

/// The truth, which every simulated clock has.
pub fn truth(status: &Status) -> &TruthStatus {
    status.truth.as_ref().expect("a simulated clock has a truth")
}

/// Fails if the truth was ever outside the claimed bound.
pub fn assert_bound_held(status: &Status) {
    assert_eq!(truth(status).violations, 0, "the truth left the bound: {status:#?}");
}

/// The figures of a run, to be read with `--nocapture`.
pub fn print_figures(what: &str, status: &Status) {
    let (truth, clock) = (truth(status), &status.clock);
    let micros = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2} us", value * 1e6));
    let secs = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2} s"));
    println!(
        "{what}: true error rms {}, p99 {}, max {} of {} samples, {} violations; bound {}, path delay {}; locked {} \
         after selecting the parent, {} after the start; {} step(s), {} {}",
        micros(truth.rms_s),
        micros(truth.p99_s),
        micros(truth.max_s),
        truth.samples,
        truth.violations,
        micros(clock.bound_s),
        micros(clock.mean_path_delay_s),
        secs(clock.lock_time_s),
        secs(clock.lock_time_since_start_s),
        clock.steps,
        status.state.word(),
        status.reason
    );
}
