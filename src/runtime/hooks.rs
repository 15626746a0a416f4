//! Programs that are run when something happens.
//!
//! The obvious way, fork and exec from the control thread, fails twice: the child would have our rights (or our filters, and
//! then it can do nothing), and a fork of a process with locked memory and real-time threads costs them time. So, before there
//! is a second thread and before any right is given up, the daemon starts one small process, its own binary, that does nothing
//! else: the [`spawner`]. It gives up all capabilities by itself, is told once what the configuration names, and from then on
//! only *which* of these to run: who takes over the daemon cannot make it run anything else.
//!
//! ```text
//! control thread --(which, and the event)--> spawner --fork, exec--> program
//!                <--(how it ended)----------
//! ```
//!
//! What is limited: runs at once, runs a minute, the time of a run, what is kept of what it prints. What is left out is counted
//! and told with the next run.

mod gate;
mod message;
pub mod spawner;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use self::gate::Gate;
use self::message::{Instructions, Order, Outcome, Report, Task};
use super::privileges::user;
use crate::config::{Config, HookConfig};
use crate::observe::status::{EventRecord, HookStatus};
use crate::time::{Mono, Timestamp};

/// The subcommand under which our own binary is the spawner.
pub const SPAWNER: &str = "hook-spawner";
/// The longest message of the spawner.
const REPORT_BYTES_MAX: usize = 4_096;
/// The longest message to it: beyond, an event is not told to programs.
const ORDER_BYTES_MAX: usize = 32_768;

/// One hook, and what became of its runs.
#[derive(Debug)]
struct Hook {
    config: HookConfig,
    gate: Gate,
    status: HookStatus,
}

/// All hooks, and the way to the spawner.
#[derive(Debug)]
pub struct Hooks {
    all: Vec<Hook>,
    socket: OwnedFd,
    /// Not waited for: it ends when the socket does.
    _spawner: Child,
    is_gone: bool,
}

impl Hooks {
    /// Starts the spawner, if there is something to run. Before any thread, and while we may still do what it will have to give up.
    ///
    /// # Errors
    /// The spawner cannot be started, or the user is not known: a sentence.
    pub fn start(config: &Config) -> Result<Option<Self>, String> {
        // As whom the daemon will run.
        let user = user::wanted(&config.security)?.map(|user| user.name);
        Self::spawn(&config.hooks, user).map_err(|error| error.to_string())
    }

    fn spawn(configs: &[HookConfig], user: Option<String>) -> io::Result<Option<Self>> {
        if configs.is_empty() {
            return Ok(None);
        }
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let spawner = Command::new("/proc/self/exe")
            .arg(SPAWNER)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        let tasks: Vec<_> = configs
            .iter()
            .map(|hook| Task {
                exec: hook.exec.clone(),
                timeout_ms: hook.timeout.as_nanos().unsigned_abs() / 1_000_000,
            })
            .collect();
        send(ours.as_raw_fd(), &message::encode(&Instructions { user, tasks }), MsgFlags::MSG_NOSIGNAL)?;
        let hook = |config: &HookConfig| Hook {
            config: config.clone(),
            gate: Gate::new(config.running_max, config.rate_max),
            status: HookStatus {
                program: config.exec.first().cloned().unwrap_or_default(),
                events: config.events.iter().map(|kind| (*kind).to_owned()).collect(),
                ..HookStatus::default()
            },
        };
        Ok(Some(Self { all: configs.iter().map(hook).collect(), socket: ours, _spawner: spawner, is_gone: false }))
    }

    /// Has the programs run that ask for this event.
    pub fn tell(&mut self, now: Timestamp<Mono>, event: &EventRecord) {
        for (number, hook) in self.all.iter_mut().enumerate() {
            if self.is_gone || !hook.config.events.contains(&event.kind.as_str()) {
                continue;
            }
            let left_out = hook.gate.left_out();
            if !hook.gate.admit(now) {
                hook.status.left_out += 1;
                continue;
            }
            let order = message::encode(&Order { hook: number, left_out, event: event.clone() });
            let is_sent = order.len() <= ORDER_BYTES_MAX
                && send(self.socket.as_raw_fd(), &order, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT).is_ok();
            if !is_sent {
                hook.gate.give_back();
                hook.status.left_out += 1;
            }
        }
    }

    /// What there is to say of runs that have ended, and of what was left out: one sentence each.
    pub fn news(&mut self, now: Timestamp<Mono>) -> Vec<(String, String)> {
        let mut news = Vec::new();
        let mut bytes = [0; REPORT_BYTES_MAX];
        while !self.is_gone {
            let report = match recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => None,
                Ok(length) => message::decode::<Report>(&bytes[..length]),
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => break,
                Err(_) => None,
            };
            let Some(report) = report else {
                self.is_gone = true;
                let text = "hooks are not run any more: the process that starts them has ended; restart the daemon";
                news.push((SPAWNER.to_owned(), text.to_owned()));
                break;
            };
            let Some(hook) = self.all.get_mut(report.hook) else { continue };
            hook.gate.ended();
            match report.outcome {
                Outcome::Succeeded => hook.status.succeeded += 1,
                Outcome::Failed => hook.status.failed += 1,
                Outcome::Killed => hook.status.killed += 1,
            }
            if report.outcome != Outcome::Succeeded {
                let program = hook.status.program.clone();
                news.push((program.clone(), format!("hook {program}: {}", report.text)));
            }
        }
        for hook in &mut self.all {
            if let Some(left_out) = hook.gate.news(now) {
                let program = hook.status.program.clone();
                let text = format!(
                    "hook {program}: it was not run for {left_out} events: too much happened at once (hook.running, hook.rate)"
                );
                news.push((program, text));
            }
        }
        news
    }

    /// What the status shows.
    pub fn statuses(&self) -> Vec<HookStatus> {
        let status = |hook: &Hook| HookStatus { running: hook.gate.running(), ..hook.status.clone() };
        self.all.iter().map(status).collect()
    }
}

impl AsFd for Hooks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::options::EVENT_KINDS;
    use crate::observe::EventKind;

    #[test]
    fn a_hook_can_ask_for_every_kind_of_event_but_those_of_hooks() {
        let kinds: Vec<_> =
            EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Hook).map(EventKind::word).collect();
        assert_eq!(EVENT_KINDS, kinds);
    }
}
