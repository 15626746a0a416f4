//! The process that runs the programs of hooks, and nothing else.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::{Pid, User};
use synchronome_kernel::shed;

use super::super::privileges::user;
use super::message::{Instructions, Order, Outcome, Report, Task, decode, encode};
use super::{ORDER_BYTES_MAX, REPORT_BYTES_MAX};
use crate::observe::status::EventRecord;

/// Where a program finds others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of what a program prints on its standard error.
const PRINTED_BYTES_MAX: usize = 512;
/// How often runs are looked at while there are any.
const LOOK_EVERY_MS: u16 = 50;

/// A program that runs.
struct Run {
    hook: usize,
    child: Child,
    /// When it is killed, and how long it then took.
    deadline: Instant,
    timeout: Duration,
    printed: Vec<u8>,
}

/// Runs what the daemon asks for, until it has gone.
pub fn run() -> ExitCode {
    // Ours alone: a program gets another standard input.
    let begun = shed::descriptors_from(3).and_then(|()| std::io::stdin().as_fd().try_clone_to_owned());
    let Ok(socket) = begun else { return ExitCode::FAILURE };
    let mut bytes = vec![0; ORDER_BYTES_MAX];
    let told = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty());
    let Some(Instructions { user, tasks }) = told.ok().and_then(|length| decode(&bytes[..length])) else {
        eprintln!("synchronome {}: this is started by the daemon itself", super::SPAWNER);
        return ExitCode::FAILURE;
    };
    if let Err(why) = shed_all(user.as_deref()) {
        eprintln!("synchronome: hooks are not run: their process cannot give up its rights: {why}");
        return ExitCode::FAILURE;
    }
    let mut runs: Vec<Run> = Vec::new();
    loop {
        let timeout = if runs.is_empty() { PollTimeout::NONE } else { PollTimeout::from(LOOK_EVERY_MS) };
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, timeout);
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(length) if length > 0 => {
                if let Some(order) = decode::<Order>(&bytes[..length])
                    && let Some(task) = tasks.get(order.hook)
                {
                    match begin(task, &order) {
                        Ok(run) => runs.push(run),
                        Err(error) => {
                            report(&socket, order.hook, Outcome::Failed, format!("it cannot be run: {error}"));
                        }
                    }
                }
            }
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
            // The daemon has ended.
            Ok(_) | Err(_) => break,
        }
        runs.retain_mut(|run| match run.look() {
            None => true,
            Some((outcome, text)) => {
                report(&socket, run.hook, outcome, text);
                false
            }
        });
    }
    runs.iter_mut().for_each(Run::kill);
    ExitCode::SUCCESS
}

/// Becomes the user that the daemon will be, and keeps no right.
fn shed_all(name: Option<&str>) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    shed::bounding_set();
    if let Some(name) = name {
        let user = User::from_name(name).ok().flatten();
        user::become_user(&user.ok_or_else(|| format!("there is no user {name:?}"))?)?;
    }
    shed::capabilities().and_then(|()| shed::signals()).and_then(|()| std::env::set_current_dir("/")).map_err(said)
}

fn report(socket: &OwnedFd, hook: usize, outcome: Outcome, mut text: String) {
    let mut end = text.len().min(REPORT_BYTES_MAX / 4);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    let _ = send(socket.as_raw_fd(), &encode(&Report { hook, outcome, text }), MsgFlags::MSG_NOSIGNAL);
}

/// What a program is told, by name.
fn environment(order: &Order) -> Vec<(String, String)> {
    let EventRecord { number, at, level, topic, kind, subject, old, new, reason, text, .. } = &order.event;
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let told = [
        ("NUMBER", number.to_string()),
        ("AT", at.clone()),
        ("LEVEL", level.clone()),
        ("TOPIC", topic.clone()),
        ("KIND", kind.clone()),
        ("SUBJECT", subject.clone()),
        ("OLD", optional(old)),
        ("NEW", optional(new)),
        ("REASON", optional(reason)),
        ("TEXT", text.clone()),
        ("LEFT_OUT", order.left_out.to_string()),
    ];
    let told = told.into_iter().map(|(name, value)| (format!("SYNCHRONOME_EVENT_{name}"), value.replace('\0', "")));
    std::iter::once(("PATH".to_owned(), PATH.to_owned())).chain(told).collect()
}

/// Starts a program; it has the event as JSON on its standard input.
fn begin(task: &Task, order: &Order) -> std::io::Result<Run> {
    let Some((program, arguments)) = task.exec.split_first() else { return Err(std::io::ErrorKind::NotFound.into()) };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment(order))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        let mut json = encode(&order.event);
        json.push(b'\n');
        // It fits into the pipe; a program that does not read it has closed its end, and that is its right.
        let _ = input.write_all(&json);
    }
    if let Some(errors) = &child.stderr {
        let _ = fcntl(errors, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    }
    let timeout = Duration::from_millis(task.timeout_ms);
    Ok(Run { hook: order.hook, child, deadline: Instant::now() + timeout, timeout, printed: Vec::new() })
}

impl Run {
    /// How it has ended, if it has.
    fn look(&mut self) -> Option<(Outcome, String)> {
        self.take_printed();
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => Some((Outcome::Succeeded, String::new())),
            Ok(Some(status)) => {
                self.take_printed();
                Some((Outcome::Failed, self.with_printed(&in_words(status))))
            }
            Ok(None) if Instant::now() < self.deadline => None,
            Ok(None) => {
                self.kill();
                Some((
                    Outcome::Killed,
                    self.with_printed(&format!("it was killed: it took longer than {:?}", self.timeout)),
                ))
            }
            Err(error) => Some((Outcome::Failed, error.to_string())),
        }
    }

    /// Kills it with all that it has started in its process group.
    fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has printed is taken away, so that it does not wait; the beginning is kept.
    fn take_printed(&mut self) {
        let Some(errors) = &mut self.child.stderr else { return };
        let mut buffer = [0; 4_096];
        // A pipe's worth at a time, however much it prints.
        for _ in 0..16 {
            let Ok(read @ 1..) = errors.read(&mut buffer) else { return };
            let space = PRINTED_BYTES_MAX - self.printed.len();
            self.printed.extend_from_slice(&buffer[..read.min(space)]);
        }
    }

    fn with_printed(&self, text: &str) -> String {
        let printed = String::from_utf8_lossy(&self.printed);
        let lines: Vec<_> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { text.to_owned() } else { format!("{text}: {}", lines.join("; ")) }
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
