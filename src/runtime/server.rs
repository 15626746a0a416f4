//! The NTP server's threads.
//!
//! One worker per core, and nothing shared but the snapshot: each worker has a socket of its own for every address
//! (`SO_REUSEPORT`; where each worker has a core of its own a request goes to the one of the core that received it), and answers with what the
//! seqlock says. The obvious server, one socket and a pool of threads, has a queue and a lock in the middle; here a
//! worker waits for nobody, so that a second core doubles what is served.
//!
//! ```text
//! control thread                          worker (one per core)
//! opens all sockets, names what failed -> preparations: core, SCHED_FIFO, memory
//!                                         ppoll(eventfd, sockets)
//! retry_missing, each second ---------->    eventfd: take new sockets, or end
//!                                           socket: recvmmsg -> snapshot -> respond -> sendmmsg, a few times over
//! figures, pulse <----------------------    counts, beats
//! answers <-----------------------------    questions of mode 6, from this host
//! ```
//!
//! A request that a network card has stamped with a PHC of ours is answered with that stamp
//! ([`hardware_stamp`](crate::ntp::server::hardware_stamp)), if the discipline says at the moment what it means; every other one
//! with the kernel's. The same goes for the departure of its answer, where interleaved mode asks for it. The cards are set up by the ports that use them, not by the server.
//!
//! A worker that ends unasked is replaced ([`Server::look_after_workers`]).
//!
//! After its preparations a worker does not allocate, lock, log or format.
//!
//! An address that this host has not (yet) is not an error: it may come with an interface that is still down. It is
//! kept, and [`Server::retry_missing`] tries again. A busy port or a missing privilege is an error, with its remedy.
//! The addresses of an interface are looked up at the same occasion.

mod card;
mod departing;
mod error;
mod figures;
mod following;
mod latency;
mod listen;
mod questions;
mod restart;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration as Timeout;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use nix::sys::eventfd::{EfdFlags, EventFd};

pub use error::{ServerError, ServerNotice};
pub use figures::WorkerFigures;
pub use latency::Latencies;
pub use questions::QuestionCounter;

use super::host::random_bits;
use super::privileges::{ThreadKind, confine};
use crate::clock::HostClock;
use crate::config::{CLIENTS_REMEMBERED, LISTEN_MAX, ListenException, ListenInterface, SERVER_CORES_MAX};
use crate::engine::Recorder;
use crate::ntp::server::{
    ANSWER_LENGTH_MAX, AccessList, Client, Clients, Departures, DropReason, Gate, LocalService, RateLimit, Request,
    ResponseConfig, ServerCounter, Smear, SmearShape, respond,
};
use crate::sharing::{
    CounterSet, Counters, Doorbell, Latch, PhcLines, Pulse, Seqlock, StampingInterfaces, TimeSnapshot,
};
use crate::time::{Duration, LeapStep, Local, Timestamp};
use crate::wire::ntp::{HEADER_LENGTH, Header, parse};
use following::{Following, InterfaceAddress, present};
use listen::{Change, Group, Opened};
use questions::{Answering, Asking};
use restart::{Comeback, Farewell};
use worker::{Ended, Memory, Worker, WorkerSetup};

/// How long a worker may take over its preparations.
const PREPARATIONS_MAX: Timeout = Timeout::from_secs(10);

/// The stack of a worker: its largest values are a batch's stamps and a poll table.
const STACK_SIZE: usize = 256 * 1024;

/// The first octet of a client's request: no leap indicator, version 4, mode 3.
const PLAIN_REQUEST: u8 = 0x23;

/// A port of such a client, as good as any but 0 and 123.
const PLAIN_PORT: u16 = 49_152;

/// Changes of what is listened on that a worker may have before it: all addresses leave and others come, twice.
const CHANGES_MAX: usize = 4 * LISTEN_MAX;

/// The name of a worker's thread, by its place among [`Server::workers`]: as in `ps -L`, the status and the log.
pub fn worker_name(index: usize) -> String {
    format!("ntp-{index}")
}

/// What the server is told to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerOptions {
    /// Where it listens; at most [`LISTEN_MAX`]. Port 0 takes a free port, the same for all workers.
    pub listen: Vec<SocketAddr>,
    /// And on all addresses that these interfaces have.
    pub interfaces: Vec<ListenInterface>,
    /// What is left out of these, and of all addresses (0.0.0.0, ::) where `listen` has them.
    pub except: Vec<ListenException>,
    /// One worker pinned to each; empty: one worker, not pinned. At most [`SERVER_CORES_MAX`].
    pub cores: Vec<usize>,
    /// So long after a request a worker looks for the next one without sleeping; zero: it sleeps at once.
    pub busy_poll: Duration,
    /// SCHED_FIFO priority of the workers, 1 ..= 99; `None`: the ordinary scheduler.
    pub priority: Option<u8>,
    /// Who may ask.
    pub access: AccessList,
    /// How often; `None`: as often as they like.
    pub limit: Option<RateLimit>,
    /// So many clients are remembered by each worker.
    pub clients: usize,
    /// What is served while nobody vouches for the time.
    pub local: Option<LocalService>,
    /// How leap seconds are smeared, and for how long.
    pub smear: Option<(SmearShape, Duration)>,
}

impl Default for ServerOptions {
    /// Nowhere; one worker, for everybody.
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            interfaces: Vec::new(),
            except: Vec::new(),
            cores: Vec::new(),
            busy_poll: Duration::ZERO,
            priority: None,
            access: AccessList::default(),
            limit: None,
            clients: CLIENTS_REMEMBERED,
            local: None,
            smear: None,
        }
    }
}

/// Those clients of a worker who have asked most.
#[derive(Clone, Debug, Default)]
pub struct BusiestClients {
    /// So many it remembers.
    pub all: usize,
    /// The busiest first.
    pub busiest: [Option<Client>; BUSIEST_MAX],
}

/// As many clients are listed.
pub const BUSIEST_MAX: usize = 32;

/// Where the workers read what they serve.
#[derive(Clone, Debug)]
pub struct ServedTime {
    /// The time, over the clock that the kernel stamps with.
    pub snapshot: Seqlock<TimeSnapshot>,
    /// The time over the clocks that cards stamp with.
    pub lines: Seqlock<PhcLines>,
    /// Whose stamps are of which of these clocks.
    pub interfaces: Seqlock<StampingInterfaces>,
    /// The leap second that is near, for smearing.
    pub leap: Seqlock<Option<LeapStep>>,
}

/// The running server: the control thread's end of it.
#[derive(Debug)]
pub struct Server {
    stop: Latch,
    workers: Vec<WorkerHandle>,
    /// What new workers are made by, and where they read what they serve.
    options: ServerOptions,
    time: ServedTime,
    bell: Option<Doorbell>,
    restarts: u64,
    listening: Vec<SocketAddr>,
    /// The sockets of each of these.
    groups: Vec<Group>,
    following: Following,
    missing: Vec<(SocketAddr, ServerError)>,
    notices: Vec<ServerNotice>,
    latencies: Latencies,
    precision: i8,
    local: Option<LocalService>,
    smear: Option<Smear>,
    /// Questions of mode 6, where somebody answers them.
    questions: Option<(Asking, Answering)>,
}

/// One worker, seen from outside.
#[derive(Debug)]
pub struct WorkerHandle {
    core: Option<usize>,
    figures: WorkerFigures,
    pulse: Pulse,
    thread_id: u32,
    wake: Arc<EventFd>,
    sockets: Sender<Change>,
    lists_wanted: Sender<Box<BusiestClients>>,
    lists_made: Receiver<Box<BusiestClients>>,
    list: BusiestClients,
    blanks: Sender<Box<Latencies>>,
    filled: Receiver<Box<Latencies>>,
    /// Set when its thread ends, however it does.
    ended: Latch,
    comeback: Comeback,
    thread: Option<JoinHandle<Ended>>,
    /// What it has left to the next one in its place.
    left: Option<Memory>,
}

impl WorkerHandle {
    /// The core that it was asked to run on.
    pub fn core(&self) -> Option<usize> {
        self.core
    }

    /// What it has counted so far.
    pub fn figures(&self) -> &WorkerFigures {
        &self.figures
    }

    /// Its sign of life: a beat at least each 100 ms, if it gets the processor.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The kernel's number of its thread, as in `/proc/self/task`.
    pub fn thread_id(&self) -> u32 {
        self.thread_id
    }

    /// Whether its thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn tell(&self, change: Change) {
        match self.sockets.try_send(change) {
            // A worker that has ended serves no more: its socket closes, the kernel gives its clients to the others.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => panic!("more changes than there is room for"),
        }
        self.wake();
    }

    fn wake(&self) {
        // The counter of an eventfd is full only when it is long overdue to be read: the worker wakes anyway.
        let _ = self.wake.write(1);
    }
}

impl Server {
    /// Opens the sockets, starts the workers, and returns when all of them serve.
    ///
    /// The workers end when `stop` is set, at most 200 ms later; at once with [`Server::stop`]. The calling thread's
    /// signal mask is theirs too.
    ///
    /// # Errors
    /// [`ServerError`]; nothing runs then. Addresses that this host has not are in [`Server::missing`] instead.
    ///
    /// # Panics
    /// If there are more addresses than [`LISTEN_MAX`] or more cores than [`SERVER_CORES_MAX`].
    pub fn spawn(options: &ServerOptions, time: &ServedTime, stop: Latch) -> Result<Self, ServerError> {
        Self::spawn_attended(options, time, stop, None, &mut |_| None)
    }

    /// As [`Server::spawn`]; `recorders` makes the recorder of each worker, by its name. With a bell that wakes the control thread this host's
    /// questions of mode 6 are kept for [`Server::answer_questions`].
    ///
    /// # Errors
    /// As [`Server::spawn`].
    ///
    /// # Panics
    /// As [`Server::spawn`].
    pub fn spawn_attended(
        options: &ServerOptions,
        time: &ServedTime,
        stop: Latch,
        bell: Option<Doorbell>,
        recorders: &mut dyn FnMut(&str) -> Option<Recorder>,
    ) -> Result<Self, ServerError> {
        assert!(options.listen.len() <= LISTEN_MAX, "{} addresses to listen on", options.listen.len());
        assert!(options.cores.len() <= SERVER_CORES_MAX, "{} cores for the server", options.cores.len());
        let cores: Vec<Option<usize>> =
            if options.cores.is_empty() { vec![None] } else { options.cores.iter().copied().map(Some).collect() };
        let (following, fixed) = Following::new(&options.listen, &options.interfaces, &options.except);
        let mut opened = Vec::new();
        let mut missing = Vec::new();
        let followed = following.wanted(&if following.is_idle() { Vec::new() } else { present() });
        // All of them before the first is opened: one's wildcard covers another.
        for address in fixed.iter().chain(&followed) {
            listen::assert_free(*address)?;
        }
        for address in &fixed {
            match listen::open(*address, &cores, options.busy_poll) {
                Ok(sockets) => opened.push(sockets),
                Err(error) if error.is_absent() => missing.push((*address, error)),
                Err(error) => return Err(error),
            }
        }
        let notices = missing.iter().map(|(_, error)| ServerNotice::Waiting(error.clone())).collect();
        let mut server = Self {
            stop,
            workers: Vec::new(),
            options: options.clone(),
            time: time.clone(),
            bell: bell.clone(),
            restarts: 0,
            listening: Vec::new(),
            groups: Vec::new(),
            following,
            missing,
            notices,
            latencies: Latencies::default(),
            precision: worker::measured_precision(HostClock),
            local: options.local,
            smear: options.smear.map(|(shape, duration)| Smear { shape, duration, step: None }),
            questions: bell.map(Answering::pair),
        };
        for (index, core) in cores.into_iter().enumerate() {
            let pulse = Pulse::new(HostClock.mono());
            let recorder = recorders(&worker_name(index));
            let worker = server.start_worker(index, core, WorkerFigures::default(), pulse, recorder, None)?;
            server.workers.push(worker);
        }
        for sockets in opened {
            server.hand_out(sockets);
        }
        match server.follow() {
            Some(error) => Err(error),
            None => Ok(server),
        }
    }

    /// Starts a thread for the worker of this place, and waits until it is prepared.
    fn start_worker(
        &mut self,
        index: usize,
        core: Option<usize>,
        figures: WorkerFigures,
        pulse: Pulse,
        recorder: Option<Recorder>,
        left: Option<Memory>,
    ) -> Result<WorkerHandle, ServerError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| ServerError::thread("eventfd", &errno.into()))?;
        let wake = Arc::new(wake);
        let (sockets, incoming) = bounded(CHANGES_MAX);
        let ((lists_wanted, wanted), (made, lists_made)) = (bounded(1), bounded(1));
        let ((blanks, blank), (fill, filled)) = (bounded(1), bounded(1));
        // The only one there is: it goes to the worker and comes back.
        let _ = blanks.try_send(Box::<Latencies>::default());
        let Memory { clients, departures } = left.unwrap_or_else(|| Memory {
            clients: Clients::new(self.options.clients, self.options.limit, random_bits()),
            departures: Departures::default(),
        });
        let now = HostClock.mono();
        pulse.beat(now);
        let setup = WorkerSetup {
            core,
            busy_poll: self.options.busy_poll,
            priority: self.options.priority,
            config: self.response_config(None),
            time: self.time.clone(),
            stop: self.stop.clone(),
            figures: figures.clone(),
            pulse: pulse.clone(),
            wake: Arc::clone(&wake),
            sockets: incoming,
            recorder,
            gate: Gate::new(self.options.access.clone(), clients),
            questions: self.questions.as_ref().map(|(asking, _)| asking.clone()),
            lists_wanted: wanted,
            lists_made: made,
            blanks: blank,
            filled: fill,
        };
        let (ready, prepared) = bounded(1);
        let ended = Latch::default();
        let farewell = Farewell { ended: ended.clone(), bell: self.bell.clone() };
        let body = move || {
            // Let go of last: the worker's own ends of everything are closed by then.
            let _farewell = farewell;
            let worker = Worker::prepare(setup, departures, &ready);
            confine(ThreadKind::NtpServer);
            worker.run()
        };
        let thread = std::thread::Builder::new()
            .name(worker_name(index))
            .stack_size(STACK_SIZE)
            .spawn(body)
            .map_err(|error| ServerError::thread("thread", &error))?;
        let prepared = prepared.recv_timeout(PREPARATIONS_MAX).map_err(|_| ServerError::Unready)?;
        self.notices.extend(prepared.notices);
        Ok(WorkerHandle {
            core,
            figures,
            pulse,
            thread_id: prepared.thread_id,
            wake,
            sockets,
            lists_wanted,
            lists_made,
            list: BusiestClients::default(),
            blanks,
            filled,
            ended,
            comeback: Comeback::new(now),
            thread: Some(thread),
            left: None,
        })
    }

    /// Questions of mode 6 are answered from a worker's socket.
    fn lend(&mut self) {
        let Some((_, answering)) = &mut self.questions else { return };
        for group in &self.groups {
            if let Some((_, socket)) = group.sockets().next() {
                answering.set(group.place, socket.lent());
            }
        }
    }

    /// Gives each worker its socket. There must be a place for it.
    fn hand_out(&mut self, opened: Opened) {
        let is_free = |place: &usize| !self.groups.iter().any(|group| group.place == *place);
        let place = (0..LISTEN_MAX).find(is_free).expect("fewer addresses than places");
        let Opened { mut group, notices } = opened;
        self.notices.extend(notices);
        self.notices.push(ServerNotice::Listening(group.address));
        group.put(place);
        let cores = self.cores();
        for (index, worker) in self.workers.iter().enumerate() {
            // One that is to be replaced joins when that is done.
            if worker.thread.is_none() {
                group.leave(index);
                self.notices.extend(group.steer(&cores));
            }
        }
        for (worker, socket) in group.sockets() {
            self.workers[worker].tell(Change::Take(socket.clone()));
        }
        self.listening.push(group.address);
        self.groups.push(group);
        self.lend();
    }

    /// Closes what is served under this number of [`Server::listening`].
    fn leave(&mut self, index: usize) {
        let (address, group) = (self.listening.remove(index), self.groups.remove(index));
        for worker in &self.workers {
            worker.tell(Change::Leave(group.place));
        }
        self.notices.push(ServerNotice::Left(address));
    }

    /// Listens on the addresses that the followed interfaces have now, and on those no more that they have lost. Returns what keeps the server
    /// from an address, if it is more than that it must be waited for; the first of these.
    fn follow(&mut self) -> Option<ServerError> {
        // A worker that takes nothing does not run at the moment: nothing is heaped up for it.
        let is_attended = |worker: &WorkerHandle| worker.sockets.len() + 2 * LISTEN_MAX <= CHANGES_MAX;
        if self.following.is_idle() || !self.workers.iter().all(is_attended) {
            return None;
        }
        let present: Vec<InterfaceAddress> = present();
        let wanted = self.following.wanted(&present);
        for address in self.following.lost(&wanted) {
            if let Some(index) = self.listening.iter().position(|one| *one == address) {
                self.leave(index);
            }
        }
        let mut grave = None;
        let mut waiting: Vec<ServerError> = self.following.without_address(&present);
        for address in wanted {
            if self.listening.contains(&address) {
                continue;
            }
            match self.open_followed(address) {
                Ok(opened) => {
                    self.following.took(address);
                    self.hand_out(opened);
                }
                Err(error) => {
                    let is_grave = matches!(error, ServerError::Permission(_) | ServerError::Busy(_));
                    grave = grave.or_else(|| is_grave.then(|| error.clone()));
                    waiting.push(error);
                }
            }
        }
        self.notices.extend(self.following.news(waiting).into_iter().map(ServerNotice::Waiting));
        grave
    }

    fn open_followed(&self, address: SocketAddr) -> Result<Opened, ServerError> {
        if self.groups.len() + self.missing.len() >= LISTEN_MAX {
            return Err(ServerError::Full(address));
        }
        let covers = |one: &SocketAddr| {
            one.ip().is_unspecified() && one.is_ipv4() == address.is_ipv4() && one.port() == address.port()
        };
        if !self.listening.iter().any(covers) {
            listen::assert_free(address)?;
        }
        listen::open(address, &self.cores(), self.options.busy_poll).map_err(|error| match error {
            // The interface has it: the kernel told us so.
            ServerError::Absent(address) => ServerError::Tentative(address),
            other => other,
        })
    }

    /// How answers are made while this leap second is near.
    fn response_config(&self, step: Option<LeapStep>) -> ResponseConfig {
        let smear = self.smear.map(|smear| Smear { step, ..smear });
        let poll_min = self.options.limit.map_or(ResponseConfig::PLAIN.poll_min, RateLimit::poll_min);
        ResponseConfig { precision: self.precision, poll_min, local: self.local, smear }
    }

    /// What a client that asks when the stamping clock reads `now` is told; its stamps mean nothing.
    pub fn served(&self, step: Option<LeapStep>, snapshot: &TimeSnapshot, now: Timestamp<Local>) -> Option<Header> {
        answer_to_anybody(self.response_config(step), snapshot, now)
    }

    /// What became of questions of mode 6.
    pub fn questions(&self) -> Option<&Counters<QuestionCounter>> {
        self.questions.as_ref().map(|(_, answering)| answering.counts())
    }

    /// Whether this host has asked something in mode 6.
    pub fn is_asked(&self) -> bool {
        self.questions.as_ref().is_some_and(|(_, answering)| answering.is_asked())
    }

    /// Answers what was asked in mode 6: `answers` makes the datagrams.
    pub fn answer_questions(&self, answers: impl FnMut(&[u8]) -> Vec<Vec<u8>>) {
        if let Some((_, answering)) = &self.questions {
            answering.answer(answers);
        }
    }

    /// Tries the missing addresses again, and looks which ones the interfaces have: for the control thread, about once a second. Returns whether something
    /// changed; [`Server::take_notices`] then says what.
    pub fn retry_missing(&mut self) -> bool {
        let before = self.notices.len();
        // What keeps it from an address is among the notices.
        let _ = self.follow();
        for (address, old) in std::mem::take(&mut self.missing) {
            match listen::open(address, &self.cores(), self.options.busy_poll) {
                Ok(opened) => self.hand_out(opened),
                Err(error) => {
                    if error != old {
                        self.notices.push(ServerNotice::Waiting(error.clone()));
                    }
                    self.missing.push((address, error));
                }
            }
        }
        self.notices.len() != before
    }

    fn cores(&self) -> Vec<Option<usize>> {
        self.workers.iter().map(WorkerHandle::core).collect()
    }

    /// The addresses that are served, with the port taken where 0 was asked for.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// The addresses that are not served yet, and why.
    pub fn missing(&self) -> impl Iterator<Item = (SocketAddr, &ServerError)> {
        self.missing.iter().map(|(address, error)| (*address, error))
    }

    /// What an operator should know, once each, since the last call.
    pub fn take_notices(&mut self) -> Vec<ServerNotice> {
        std::mem::take(&mut self.notices)
    }

    /// The workers, in the order of their cores.
    pub fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// A counter, summed over the workers.
    pub fn count(&self, counter: ServerCounter) -> u64 {
        self.workers.iter().map(|worker| worker.figures.counts.get(counter)).sum()
    }

    /// The drops for one reason, summed over the workers.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.workers.iter().map(|worker| worker.figures.drops.get(reason)).sum()
    }

    /// All drops.
    pub fn dropped_total(&self) -> u64 {
        DropReason::ALL.iter().map(|reason| self.dropped(*reason)).sum()
    }

    /// Takes from the workers what they have measured since, and offers them room for more: for the control thread, about once a second.
    /// A worker hands it over at the end of its round, and nobody is woken for it: what is known is as of the call before.
    pub fn gather_latencies(&mut self) {
        for worker in &self.workers {
            if let Ok(mut filled) = worker.filled.try_recv() {
                self.latencies.add(&filled);
                filled.clear();
                // Only a worker that has ended does not take it.
                let _ = worker.blanks.try_send(filled);
            }
        }
    }

    /// From the receive stamp to the end of the sending call, over all workers, as of the latest [`Server::gather_latencies`].
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// The stratum with which the clock's own time is served, if it is when the stamping clock reads `now`.
    pub fn local_stratum(&self, snapshot: &TimeSnapshot, now: Timestamp<Local>) -> Option<u8> {
        self.local.filter(|local| local.is_served_at(snapshot, now)).map(|local| local.stratum)
    }

    /// What the served time is ahead of UTC when the stamping clock reads `now`, if this leap second is being smeared.
    pub fn smeared_by(
        &self,
        step: Option<LeapStep>,
        snapshot: &TimeSnapshot,
        now: Timestamp<Local>,
    ) -> Option<Duration> {
        let smear = Smear { step, ..self.smear? };
        smear.ahead_at(snapshot.utc_at(now), snapshot.tai_utc)
    }

    /// Those who ask most, of all workers, and how many are remembered in all. As the workers had it when this was called the time before:
    /// none of them is waited for.
    pub fn busiest_clients(&mut self) -> (usize, Vec<Client>) {
        let mut all = 0;
        let mut busiest: Vec<Client> = Vec::new();
        for worker in &mut self.workers {
            if let Ok(list) = worker.lists_made.try_recv() {
                worker.list = *list;
            }
            if worker.lists_wanted.try_send(Box::default()).is_ok() {
                worker.wake();
            }
            all += worker.list.all;
            busiest.extend(worker.list.busiest.iter().flatten());
        }
        busiest.sort_by_key(|client| std::cmp::Reverse(client.requests)); // stable
        busiest.truncate(BUSIEST_MAX);
        (all, busiest)
    }

    /// Sets the latch, wakes the workers and waits for their end: at most some milliseconds each.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.set();
        for worker in &self.workers {
            worker.wake();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A worker's panic was reported by the panic hook; the others shall still be waited for.
                let _ = thread.join();
            }
        }
    }
}

/// As [`Server::stop`]: the latch is set.
impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a client that asks when the stamping clock reads `now` is told; its stamps mean nothing. `None`: nothing.
pub(super) fn answer_to_anybody(
    config: ResponseConfig,
    snapshot: &TimeSnapshot,
    now: Timestamp<Local>,
) -> Option<Header> {
    let mut asked = [0; HEADER_LENGTH];
    asked[0] = PLAIN_REQUEST;
    let request = Request { data: &asked, from_port: PLAIN_PORT, received: now, hardware: None, now };
    let mut out = [0; ANSWER_LENGTH_MAX];
    let answer = respond(&request, snapshot, config, &mut out).ok()?;
    parse(&out[..answer.length]).ok().map(|packet| packet.header)
}

#[cfg(test)]
mod tests;
