//! The control thread's loop: it waits for signals, questions and events at once.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Daemon;
use super::hooks::Hooks;
use super::host::is_own_name;
use super::links::LinkNews;
use super::management::{ManagementSocket, TRY_AGAIN_EVERY};
use super::signals::{Asked, Signals};
use crate::clock::HostClock;
use crate::observe::history::Past;
use crate::observe::metrics::Dialect;
use crate::observe::{Answers, BindError, EventRecord, Level, Observers, Order, Status, Topic, WakeToken};
use crate::time::{Duration, Mono, Timestamp};

/// The daemon is looked after at least this often.
const TURN_MAX: Duration = Duration::SECOND;

/// How often an address that was taken or absent is tried again.
const RETRY_EVERY: Duration = Duration::SECOND;

/// The control socket's name in the runtime directory.
pub const CONTROL_SOCKET: &str = "control.sock";

impl Answers for Daemon {
    fn status(&mut self) -> Status {
        Self::status(self)
    }

    fn figures(&mut self) -> Status {
        Self::figures(self)
    }

    fn dialects(&mut self) -> Vec<Dialect> {
        self.config().observe.compat_metrics.iter().filter_map(|word| Dialect::of(word)).collect()
    }

    fn is_called(&mut self, name: &str) -> bool {
        self.config().observe.allowed_hosts.iter().any(|allowed| allowed.covers(name)) || is_own_name(name)
    }

    fn events_since(&mut self, number: u64, most: usize) -> Vec<EventRecord> {
        Self::events_since(self, number, most)
    }

    fn event_count(&mut self) -> u64 {
        Self::event_count(self)
    }

    fn history(&mut self) -> Vec<Past> {
        Self::history(self)
    }

    fn obey(&mut self, order: Order) -> Result<Vec<u8>, String> {
        match order {
            Order::Record(milliseconds) => {
                let now = HostClock.mono();
                self.traces().ask(now, Duration::from_millis(i64::from(milliseconds)));
                Ok(Vec::new())
            }
            Order::Fetch if self.traces().is_on() => Ok(self.traces().fetch()),
            Order::SetSimulated(milliseconds) => {
                self.set_simulated(Duration::from_millis(milliseconds)).map(|()| Vec::new())
            }
            Order::Online { is_online, source } => {
                self.ask_online(is_online, source.as_deref()).map(String::into_bytes)
            }
            Order::Fetch => Err("nothing is recorded: ask to record first".to_owned()),
        }
    }
}

/// By which it is known what has ended a wait: only that is read.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    signalled: WakeToken,
    rung: WakeToken,
}

/// The daemon with everything that its control thread waits for.
#[derive(Debug)]
pub struct Control {
    daemon: Daemon,
    signals: Signals,
    observers: Observers,
    tokens: Tokens,
    /// What the kernel tells of interfaces; without it they are looked at from time to time only.
    links: Option<(LinkNews, WakeToken)>,
    /// Where pmc asks; and whether requests may be waiting there that the last turn left.
    management: Option<(ManagementSocket, WakeToken)>,
    has_more_requests: bool,
    socket: Option<PathBuf>,
    /// HTTP's address, while it cannot be opened yet.
    http_missing: Option<SocketAddr>,
    retry_at: Timestamp<Mono>,
}

impl Control {
    /// Opens the status socket and HTTP. One that cannot be opened is named in the log, and the daemon does without.
    ///
    /// # Errors
    /// Another daemon answers on the status socket: two would fight over everything. Or the system has no descriptors.
    pub fn new(mut daemon: Daemon, signals: Signals) -> Result<Self, String> {
        let observe = &daemon.config().observe;
        let socket = observe.runtime_directory.join("status.sock");
        let http = observe.http;
        let mut observers = Observers::new().map_err(|error| error.to_string())?;
        let answers = observers.open_socket(&socket);
        if let Err(running @ BindError::Running(_)) = &answers {
            return Err(running.to_string());
        }
        let is_answering = answers.is_ok();
        let control = observers.open_control(&observe.runtime_directory.join(CONTROL_SOCKET));
        let answers_http = http.map_or(Ok(()), |http| observers.open_http(http));
        let http_missing = http.filter(|_| matches!(answers_http, Err(BindError::InUse(_) | BindError::Absent(_))));
        for problem in [answers.err(), control.err(), answers_http.err()].into_iter().flatten() {
            daemon.record(Level::Warn, Topic::Daemon, problem.to_string());
        }
        let watched = [observers.watch(&signals), observers.watch(daemon.sleeper())];
        let [signalled, rung] = watched.map(|token| token.map_err(|error| error.to_string()));
        let tokens = Tokens { signalled: signalled?, rung: rung? };
        let links = LinkNews::new().and_then(|news| observers.watch(&news).map(|token| (news, token))).ok();
        if links.is_some() {
            daemon.hears_of_links();
        }
        let management = daemon.config().observe.ptp_management.clone().and_then(|path| {
            let opened = ManagementSocket::bind(&path).and_then(|socket| {
                let token = observers.watch(&socket).map_err(|error| error.to_string())?;
                Ok((socket, token))
            });
            opened.inspect_err(|problem| daemon.record(Level::Warn, Topic::Ptp, problem.clone())).ok()
        });
        let retry_at = HostClock.mono() + RETRY_EVERY;
        Ok(Self {
            daemon,
            signals,
            observers,
            tokens,
            links,
            management,
            has_more_requests: false,
            socket: is_answering.then_some(socket),
            http_missing,
            retry_at,
        })
    }

    /// From now on these are run when something happens.
    ///
    /// # Errors
    /// The spawner's socket cannot be watched: our own bug.
    pub fn run_hooks(&mut self, hooks: Hooks) -> io::Result<()> {
        // It wakes the thread; what it has to say is looked for in each turn.
        self.observers.watch(&hooks)?;
        self.daemon.run_hooks(hooks);
        Ok(())
    }

    /// The status socket, if it could be opened.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Where HTTP is served; `None`: nowhere, or not yet.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.observers.http_address()
    }

    /// The daemon.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Waits at most `timeout` for something to do, and does it; returns what a signal asks for.
    ///
    /// # Errors
    /// epoll_wait(2)'s: our own bugs.
    pub fn turn(&mut self, timeout: Duration) -> io::Result<Option<Asked>> {
        self.daemon.sleeper().arm();
        let has_waiting = self.management.as_ref().is_some_and(|(socket, _)| socket.has_waiting());
        let timeout = if self.daemon.has_news() || self.has_more_requests {
            Duration::ZERO
        } else {
            timeout.min(if has_waiting { TRY_AGAIN_EVERY } else { TURN_MAX })
        };
        let daemon = &mut self.daemon;
        let woken = self.observers.poll(Some(timeout.to_std()), daemon)?;
        if let Some((news, token)) = &self.links
            && woken.contains(token)
            && news.take()
        {
            self.daemon.links_have_changed();
        }
        let [is_signalled, is_rung] = [self.tokens.signalled, self.tokens.rung].map(|token| woken.contains(&token));
        self.daemon.sleeper().disarm(is_rung);
        let is_asked = has_waiting
            || self.has_more_requests
            || self.management.as_ref().is_some_and(|(_, token)| woken.contains(token));
        self.daemon.turn();
        if let Some((socket, _)) = self.management.as_mut().filter(|_| is_asked) {
            self.has_more_requests = self.daemon.answer_management(socket);
        }
        if let Some((socket, _)) = &mut self.management {
            self.daemon.tell_subscribers(socket);
        }
        self.retry_http();
        if self.observers.http_address().is_some() {
            self.daemon.keep_history();
        }
        self.observers.push_events(&mut self.daemon);
        Ok(if is_signalled { self.signals.take() } else { None })
    }

    fn retry_http(&mut self) {
        let now = HostClock.mono();
        let Some(http) = self.http_missing.filter(|_| now >= self.retry_at) else { return };
        self.retry_at = now + RETRY_EVERY;
        if self.observers.open_http(http).is_ok() {
            self.http_missing = None;
            self.daemon.record(Level::Info, Topic::Daemon, format!("HTTP: listens on {http} now"));
        }
    }

    /// Ends all threads.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }
}
