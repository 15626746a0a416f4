//! The program as a child process: started, read, signalled, ended.

#![allow(dead_code, reason = "several test programs use this file, each a part of it")]

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything may take on a busy machine before it counts as not happening.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_synchronome"))
}

/// The program with arguments, run to its end.
pub fn output(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program was built")
}

/// What an ended program printed on both of its outputs.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Different UDP ports that nobody has at the moment.
pub fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are known, so that none comes twice.
    let sockets: [UdpSocket; N] = std::array::from_fn(|_| UdpSocket::bind("0.0.0.0:0").expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("bound").port())
}

/// Whether it becomes true in time.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    condition()
}

/// What is at this path of a daemon's HTTP, without its head.
pub fn get(port: u16, path: &str) -> String {
    let (head, body) = get_as(port, path, "localhost");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body
}

/// The head and the body of the answer to who asks for this host.
pub fn get_as(port: u16, path: &str, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("HTTP");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// The status that a daemon gives on this socket; `None` while nobody answers.
pub fn try_status(socket: &Path) -> Option<Value> {
    let output = output(&["status", "--json", "--socket", socket.to_str().expect("a path of text")]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("one JSON object"))
}

/// The status that a daemon gives on this socket, as soon as it answers.
pub fn status(socket: &Path) -> Value {
    let mut status = None;
    eventually(|| {
        status = try_status(socket);
        status.is_some()
    });
    status.unwrap_or_else(|| panic!("nobody answers on {}", socket.display()))
}

/// Waits until the daemon on this socket is in this state; returns its status.
pub fn until_state(socket: &Path, state: &str) -> Value {
    let mut last = status(socket);
    eventually(|| {
        last = status(socket);
        last["state"] == state
    });
    assert_eq!(last["state"], state, "{last:#}");
    last
}

/// The texts of the events in a status.
pub fn events(status: &Value) -> Vec<String> {
    let events = status["events"].as_array().expect("a list of events");
    events.iter().map(|event| event["text"].as_str().expect("a text").to_owned()).collect()
}

/// A running program; killed when it is dropped.
pub struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts it, and collects what it prints.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::default();
        collect(child.stdout.take().expect("a pipe"), &lines);
        collect(child.stderr.take().expect("a pipe"), &lines);
        Self { child, lines }
    }

    /// `run` with a file.
    pub fn daemon(file: &Path) -> Self {
        Self::start(program().arg("run").arg(file))
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Everything that it has printed so far, on both outputs.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn line_with(&self, text: &str) -> Option<String> {
        self.lines().into_iter().find(|line| line.contains(text))
    }

    /// Waits for a line with this text.
    pub fn line(&self, text: &str) -> String {
        eventually(|| self.line_with(text).is_some());
        self.line_with(text).unwrap_or_else(|| panic!("no {text:?} in:\n{}", self.lines().join("\n")))
    }

    /// Whether there was such a line.
    pub fn has_said(&self, text: &str) -> bool {
        self.line_with(text).is_some()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Waits for its end; returns that and how long it took.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        let took = start.elapsed();
        // What is left in the pipes.
        std::thread::sleep(Duration::from_millis(20));
        (status.unwrap_or_else(|| panic!("it does not end:\n{}", self.lines().join("\n"))), took)
    }

    /// Ends it by SIGTERM; it must end in good order.
    pub fn end(mut self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        let (status, _) = self.wait();
        assert!(status.success(), "{status}:\n{}", self.lines().join("\n"));
        self.lines()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(from: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

/// A demo that runs until it is dropped, with its status socket.
pub struct Demo {
    pub running: Running,
    pub socket: PathBuf,
    pub ntp_port: u16,
    /// A demo that is killed leaves its own directory behind, in here.
    _directory: tempfile::TempDir,
}

impl Demo {
    /// Starts one on ports of its own, with a prefix before the program such as `taskset -c 0`.
    pub fn start(prefix: &[&str]) -> Self {
        let [event, general, ntp_port] = free_ports();
        let directory = tempfile::tempdir().expect("a directory");
        let mut words = prefix.iter().copied().chain([env!("CARGO_BIN_EXE_synchronome"), "demo"]);
        let mut command = Command::new(words.next().expect("a program"));
        command.env("TMPDIR", directory.path()).args(words).arg("--ptp-ports").arg(format!("{event},{general}"));
        let running = Running::start(command.arg("--ntp-port").arg(ntp_port.to_string()));
        let line = running.line("--socket ");
        let socket = line.rsplit_once("--socket ").expect("it was found").1.trim().into();
        Self { running, socket, ntp_port, _directory: directory }
    }
}

/// A directory that every user may use, with the program in it.
pub struct Open {
    pub directory: tempfile::TempDir,
    pub program: PathBuf,
}

impl Open {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(directory.path(), everybody).expect("ours");
        let program = directory.path().join("synchronome");
        std::fs::copy(env!("CARGO_BIN_EXE_synchronome"), &program).expect("room for the program");
        Self { directory, program }
    }

    /// The program as somebody without any capability: as `nobody` if we are root, else as ourselves.
    pub fn ordinary_user(&self) -> Command {
        let mut command = Command::new("setpriv");
        if nix::unistd::geteuid().is_root() && is_whole_user_namespace() {
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        }
        command.args(["--bounding-set", "-all", "--inh-caps", "-all"]).arg(&self.program);
        command.env("TMPDIR", self.directory.path());
        command
    }
}

/// Whether other users exist here: in a user namespace of an ordinary user there is but one.
fn is_whole_user_namespace() -> bool {
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295"))
}
