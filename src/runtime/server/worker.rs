//! One worker: what it prepares, and the loop that answers.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::unistd::Pid;
use synchronome_kernel::sched;
use synchronome_kernel::socket::{Received, RecvBatch, SendBatch};
use synchronome_kernel::timestamping::KernelTime;

use super::card::Cards;
use super::departing::{CardPace, Departing, Leaving, Told};
use super::latency::Latencies;
use super::listen::{Change, Listener};
use super::questions::Asking;
use super::{BusiestClients, ServedTime, ServerNotice, WorkerFigures};
use crate::clock::HostClock;
use crate::config::LISTEN_MAX;
use crate::engine::{Recorder, Taped};
use crate::ntp::server::{
    ANSWER_LENGTH_MAX, Admission, Answer, Clients, Departures, DropReason, Gate, InterleavedAnswer, Kiss, Request,
    Responder, ResponseConfig, ServerCounter, interleave, is_clock_set, refuse, respond_interleaved, respond_on_tape,
};
use crate::sharing::{Counters, Latch, Pulse, TimeSnapshot};
use crate::time::{Duration, Local, Mono, SyncState, Timestamp};

/// Requests per system call. More cost the first one of a batch the time that the others take.
const BATCH: usize = 32;

/// Requests that are received one by one until it is looked again whether more have come at once.
const SINGLES: u32 = 15;

/// A worker that has waited so long was not kept from waiting by a request that was there already, as it would be where they come in numbers.
const SLEPT: Duration = Duration::from_micros(20);

/// Octets of the longest request: what fits an Ethernet frame.
const REQUEST_LENGTH_MAX: usize = 1472;

/// A socket that could not be received from so many times in a row is broken.
const RECEIVE_FAILURES_MAX: u32 = 1_000;

/// Batches of one socket before the next one has its turn.
const BATCHES_PER_TURN_MAX: usize = 8;

/// A round takes no longer than this, if nothing comes: for the pulse, and for a latch that was set without a wake-up.
pub(super) const ROUND_MAX: Duration = Duration::from_millis(100);

/// What a worker of the ordinary class runs before others have their turn, in ns: the least there is. Its rounds are shorter; and when it wakes it
/// does not wait for the end of somebody's turn of some milliseconds.
const SLICE_NS: u64 = 100_000;

/// While a worker looks for requests without sleeping, it looks for everything else each so many rounds: new sockets, stamps, the end.
const ROUNDS_PER_LOOK: u32 = 16;

/// Pairs of readings to measure the precision with.
const PRECISION_READINGS: usize = 100;

/// What a worker is made of.
pub(super) struct WorkerSetup {
    pub(super) core: Option<usize>,
    pub(super) priority: Option<u8>,
    /// So long after a request it does not sleep.
    pub(super) busy_poll: Duration,
    pub(super) config: ResponseConfig,
    pub(super) time: ServedTime,
    pub(super) stop: Latch,
    pub(super) figures: WorkerFigures,
    pub(super) pulse: Pulse,
    pub(super) wake: Arc<EventFd>,
    pub(super) sockets: Receiver<Change>,
    /// Takes its answers, if somebody asks.
    pub(super) recorder: Option<Recorder>,
    /// Who is answered.
    pub(super) gate: Gate,
    /// Takes questions of mode 6.
    pub(super) questions: Option<Asking>,
    /// Takes empty lists of the busiest clients,
    pub(super) lists_wanted: Receiver<Box<BusiestClients>>,
    /// and gives them back filled.
    pub(super) lists_made: Sender<Box<BusiestClients>>,
    /// Takes empty histograms,
    pub(super) blanks: Receiver<Box<Latencies>>,
    /// and gives them back filled.
    pub(super) filled: Sender<Box<Latencies>>,
}

/// What a worker says when it is ready.
pub(super) struct Prepared {
    pub(super) thread_id: u32,
    pub(super) notices: Vec<ServerNotice>,
}

/// What a worker remembers of those who ask. It outlives the worker: [`Ended`].
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) clients: Clients,
    pub(super) departures: Departures,
}

impl Memory {
    /// What cannot be right is forgotten. Returns how many entries that were.
    pub(super) fn forget_damaged(&mut self, now: Timestamp<Mono>) -> usize {
        self.clients.forget_damaged(now) + self.departures.forget_damaged()
    }
}

/// What a thread leaves that has served.
#[derive(Debug)]
pub(super) struct Ended {
    /// What its socket was broken by; `None`: it was told to end, or it panicked.
    pub(super) errno: Option<Errno>,
    pub(super) memory: Memory,
}

/// The state of a worker's thread.
pub(super) struct Worker {
    setup: WorkerSetup,
    clock: HostClock,
    listeners: Vec<(Listener, Departing)>,
    requests: RecvBatch,
    answers: SendBatch,
    /// The last snapshot that could be read.
    snapshot: TimeSnapshot,
    /// CLOCK_MONOTONIC when that was read.
    now: Timestamp<Mono>,
    departures: Departures,
    card_pace: CardPace,
    latencies: Latencies,
    /// Until then it does not sleep.
    awake_until: Timestamp<Mono>,
    /// Rounds in which it has not slept, in a row.
    sleepless: u32,
    /// So many requests are received one by one yet.
    singles: u32,
    /// By the sockets' places: so many times in a row nothing could be received although there was something.
    failures: [u32; LISTEN_MAX],
    /// The same once more, for who records what is answered from it.
    tape: Taped<Responder>,
}

/// What is known of the answers in the outgoing batch.
#[derive(Clone, Copy, Default)]
struct Outgoing {
    synchronised: u64,
    local: u64,
    unsynchronised: u64,
    stamped: usize,
    /// How many have a receive stamp of the card, and how many of the kernel.
    by_card: u64,
    by_kernel: u64,
}

impl Worker {
    /// Takes everything that the loop will need.
    pub(super) fn prepare(mut setup: WorkerSetup, departures: Departures, ready: &Sender<Prepared>) -> Self {
        let clock = HostClock;
        let notices = scheduling(setup.core, setup.priority);
        let snapshot = setup.time.snapshot.read().unwrap_or_else(|_| TimeSnapshot::unsynchronised(clock.mono()));
        let mut tape = Taped::new(Responder { snapshot, config: setup.config });
        if let Some(recorder) = setup.recorder.take() {
            tape.record_by(recorder);
        }
        let worker = Self {
            clock,
            listeners: Vec::with_capacity(LISTEN_MAX),
            requests: RecvBatch::new(BATCH, REQUEST_LENGTH_MAX),
            answers: SendBatch::new(BATCH, ANSWER_LENGTH_MAX),
            snapshot,
            now: clock.mono(),
            departures,
            card_pace: CardPace::new(clock.mono()),
            latencies: Latencies::default(),
            awake_until: clock.mono(),
            sleepless: 0,
            singles: 0,
            failures: [0; LISTEN_MAX],
            tape,
            setup,
        };
        // The receiver waits; if it gave up, the latch is set and the loop ends at once.
        let _ = ready.send(Prepared { thread_id: sched::thread_id(), notices });
        worker
    }

    /// Serves until the latch is set, or a fault of ours ends it: the panic hook has told of that then.
    ///
    /// What it remembers is whole all the same. An entry is made elsewhere and stored at once, and nothing between its first octet and its last
    /// can panic; no index is kept beside the entries that could disagree with them.
    pub(super) fn run(mut self) -> Ended {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.serve_until_told()));
        let Self { setup, departures, .. } = self;
        Ended {
            errno: outcome.ok().and_then(Result::err),
            memory: Memory { clients: setup.gate.into_clients(), departures },
        }
    }

    /// # Errors
    /// A socket is broken: this is what it says.
    fn serve_until_told(&mut self) -> Result<(), Errno> {
        // A counted thread's name must live for ever; there are few of them.
        #[cfg(feature = "count-allocations")]
        let name: &'static str = std::thread::current().name().unwrap_or_default().to_owned().leak();
        #[cfg(feature = "count-allocations")]
        let _slot = synchronome_kernel::alloc::register_thread(name);
        while !self.setup.stop.is_set() {
            let now = self.clock.mono();
            self.setup.pulse.beat(now);
            let ready = self.find_work(now);
            if ready.woken {
                self.take_sockets();
            }
            for index in 0..self.listeners.len() {
                if ready.readable & 1 << index != 0 {
                    self.serve(index, now)?;
                    self.collect_departures(index, ready.failing & 1 << index != 0);
                }
            }
            self.list_clients();
            self.hand_over_latencies();
        }
        Ok(())
    }

    /// Sleeps until there is work; with a busy poll only if there was none for so long.
    fn find_work(&mut self, now: Timestamp<Mono>) -> Ready {
        if now >= self.awake_until {
            self.sleepless = 0;
            return self.wait(ROUND_MAX);
        }
        self.sleepless = self.sleepless.wrapping_add(1);
        if self.sleepless.is_multiple_of(ROUNDS_PER_LOOK) {
            // Whoever else wants this core, as the kernel's thread that receives may, has his turn.
            std::thread::yield_now();
            return Ready { readable: self.all_listeners(), ..self.wait(Duration::ZERO) };
        }
        // Receiving looks into the card's queue, where waiting would not.
        Ready { readable: self.all_listeners(), ..Ready::default() }
    }

    /// One bit each.
    fn all_listeners(&self) -> u32 {
        (0..self.listeners.len()).fold(0, |bits, index| bits | 1 << index)
    }

    fn wait(&self, timeout: Duration) -> Ready {
        let wake = self.setup.wake.as_fd();
        let mut fds: [PollFd<'_>; LISTEN_MAX + 1] = std::array::from_fn(|index| match index.checked_sub(1) {
            None => PollFd::new(wake, PollFlags::POLLIN),
            Some(listener) => {
                PollFd::new(self.listeners.get(listener).map_or(wake, |(socket, _)| socket.as_fd()), PollFlags::POLLIN)
            }
        });
        let used = &mut fds[..=self.listeners.len()];
        // EINTR, the only error to expect, is an empty round.
        if ppoll(used, Some(TimeSpec::from(timeout.to_std())), None).is_err() {
            return Ready::default();
        }
        let has_event = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        let is_failing = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
        let those = |is_one: &dyn Fn(&PollFd<'_>) -> bool| {
            used[1..].iter().enumerate().filter(|(_, fd)| is_one(fd)).fold(0, |bits, (index, _)| bits | 1 << index)
        };
        Ready { woken: has_event(&used[0]), readable: those(&has_event), failing: those(&is_failing) }
    }

    fn take_sockets(&mut self) {
        let _ = self.setup.wake.read();
        while let Ok(change) = self.setup.sockets.try_recv() {
            match change {
                Change::Take(listener) => {
                    self.failures[listener.place] = 0;
                    self.listeners.push((listener, Departing::default()));
                }
                // What was found readable before now has another number: it is found again in the next round.
                Change::Leave(place) => self.listeners.retain(|(listener, _)| listener.place != place),
            }
        }
    }

    /// When answers of interleaved mode have left; mostly the kernel knows it when the sending call returns. `is_failing`: something is in
    /// the socket's error queue, and wakes us until it is taken, whether it is still waited for or not.
    fn collect_departures(&mut self, index: usize, is_failing: bool) {
        let (socket, departing) = &mut self.listeners[index];
        if is_failing || departing.is_waiting() {
            let counts = &self.setup.figures.counts;
            let cards = Cards::unread(&self.setup.time, counts);
            let departures = &mut self.departures;
            let (snapshot, config) = (&self.snapshot, &self.setup.config);
            departing.collect(&*socket, &mut Told { snapshot, config, cards, departures, counts });
        }
    }

    /// Who asks most, for whoever wants to know.
    fn list_clients(&mut self) {
        let Ok(mut list) = self.setup.lists_wanted.try_recv() else { return };
        list.all = self.setup.gate.clients().busiest(&mut list.busiest);
        // Only if nobody took the one before: then nobody waits for this one either.
        let _ = self.setup.lists_made.try_send(list);
    }

    /// How long answers took, for whoever keeps it.
    fn hand_over_latencies(&mut self) {
        let Ok(mut blank) = self.setup.blanks.try_recv() else { return };
        std::mem::swap(&mut *blank, &mut self.latencies);
        // There is only this one, and so room for it.
        let _ = self.setup.filled.try_send(blank);
    }

    /// Answers what waits on one socket, a few batches of it.
    ///
    /// A batch costs a look for a second request, which in vain costs half of what the first did. So where a batch had but one, the next ones
    /// are received one by one, as long as the worker sleeps between them.
    fn serve(&mut self, index: usize, round: Timestamp<Mono>) -> Result<(), Errno> {
        let place = self.listeners[index].0.place;
        if self.singles > 0 {
            self.singles -= 1;
            match self.requests.recv_one(&self.listeners[index].0) {
                Ok(0) => {}
                Ok(_) => {
                    self.failures[place] = 0;
                    self.answer_batch(index);
                    self.awake_until = self.now + self.setup.busy_poll;
                    if self.now - round < SLEPT {
                        self.singles = 0;
                    }
                }
                Err(error) => self.receive_failed(place, &error)?,
            }
            return Ok(());
        }
        for _ in 0..BATCHES_PER_TURN_MAX {
            match self.requests.recv(&self.listeners[index].0) {
                Ok(0) => break,
                Ok(count) => {
                    self.failures[place] = 0;
                    self.answer_batch(index);
                    self.awake_until = self.now + self.setup.busy_poll;
                    if count == 1 && self.now - round >= SLEPT {
                        self.singles = SINGLES;
                    }
                    if count < BATCH {
                        break;
                    }
                }
                Err(error) => {
                    self.receive_failed(place, &error)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// It has failed so often in a row that the socket is broken.
    fn receive_failed(&mut self, place: usize, error: &std::io::Error) -> Result<(), Errno> {
        self.setup.figures.counts.count(ServerCounter::ReceiveFailed);
        self.failures[place] += 1;
        if self.failures[place] >= RECEIVE_FAILURES_MAX {
            return Err(error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw));
        }
        Ok(())
    }

    fn answer_batch(&mut self, index: usize) {
        self.read_snapshot();
        let is_heard = self.tape.is_heard();
        if is_heard {
            let now = Responder { snapshot: self.snapshot, config: self.setup.config };
            if *self.tape != now {
                self.tape.change(|responder| *responder = now);
            }
        }
        let mut stamps = [Timestamp::<Local>::EPOCH; BATCH];
        let mut outgoing = Outgoing::default();
        let mut cards = Cards::unread(&self.setup.time, &self.setup.figures.counts);
        let mut questions = 0;
        for number in 0..self.requests.len() {
            let received = self.requests.get(number);
            if self
                .setup
                .questions
                .as_ref()
                .is_some_and(|asking| asking.takes(&received, self.listeners[index].0.place))
            {
                questions += 1;
                continue;
            }
            let tape = is_heard.then_some(&mut self.tape);
            let office = Office {
                snapshot: &self.snapshot,
                now: self.now,
                clock: self.clock,
                config: self.setup.config,
                counts: &self.setup.figures.counts,
            };
            let means = Means {
                gate: &mut self.setup.gate,
                departures: &mut self.departures,
                tape,
                cards: &mut cards,
                card_pace: self.listeners[index].0.takes_card_stamps.then_some(&mut self.card_pace),
            };
            match answer(&received, &office, means, &mut self.answers) {
                Ok(Answered { answer, stamp, is_by_card, awaited }) => {
                    if let Some(leaving) = awaited {
                        self.listeners[index].1.leaves(&leaving);
                    }
                    outgoing.synchronised += u64::from(answer.is_synchronised);
                    outgoing.local += u64::from(answer.is_local);
                    outgoing.unsynchronised += u64::from(!answer.is_synchronised && !answer.is_local);
                    outgoing.by_card += u64::from(is_by_card);
                    outgoing.by_kernel += u64::from(!is_by_card && stamp.is_some());
                    if let Some(stamp) = stamp {
                        stamps[outgoing.stamped] = stamp;
                        outgoing.stamped += 1;
                    }
                }
                Err(Unanswered::Dropped(reason)) => self.setup.figures.drops.count(reason),
                Err(Unanswered::NoWayBack) => self.setup.figures.counts.count(ServerCounter::SendFailed),
            }
        }
        // Questions of mode 6 have counters of their own.
        self.setup.figures.counts.add(ServerCounter::Requests, self.requests.len() as u64 - questions);
        self.send(index, outgoing, &stamps);
    }

    /// Reads the clock's state once for a batch: all of its answers come from one line.
    fn read_snapshot(&mut self) {
        match self.setup.time.snapshot.read() {
            Ok(snapshot) => {
                self.departures.in_epoch(snapshot.epoch);
                self.snapshot = snapshot;
            }
            // The copy ages, and its age shows in the answers.
            Err(_) => self.setup.figures.counts.count(ServerCounter::SnapshotTorn),
        }
        if let Some(smear) = &mut self.setup.config.smear
            && let Ok(step) = self.setup.time.leap.read()
        {
            smear.step = step;
        }
        let (mono, local, window) = self.clock.both();
        self.now = mono;
        if is_clock_set(&self.snapshot, mono, local, window) && self.snapshot.state.is_synchronised() {
            self.setup.figures.counts.count(ServerCounter::ClockSet);
            self.snapshot.state = SyncState::Disrupted;
        }
    }

    fn send(&mut self, index: usize, outgoing: Outgoing, stamps: &[Timestamp<Local>; BATCH]) {
        if self.answers.is_empty() {
            return;
        }
        let counts = &self.setup.figures.counts;
        let (socket, departing) = &mut self.listeners[index];
        let failed = match self.answers.flush(&*socket) {
            Ok(report) => report.failed as u64,
            Err(_) => outgoing.synchronised + outgoing.local + outgoing.unsynchronised,
        };
        let sent_at = self.clock.stamping();
        if failed > 0 {
            departing.send_failed(&*socket);
        }
        counts.add(ServerCounter::SendFailed, failed);
        counts.add(ServerCounter::HardwareStamps, outgoing.by_card);
        counts.add(ServerCounter::SoftwareStamps, outgoing.by_kernel);
        // The kernel says how many failed, not which: those of a mixed batch are taken off the synchronised ones first.
        let mut failed = failed;
        for (counter, made) in [
            (ServerCounter::Answers, outgoing.synchronised),
            (ServerCounter::AnswersLocal, outgoing.local),
            (ServerCounter::AnswersUnsynchronised, outgoing.unsynchronised),
        ] {
            counts.add(counter, made.saturating_sub(failed));
            failed = failed.saturating_sub(made);
        }
        for stamp in &stamps[..outgoing.stamped] {
            self.latencies.record(sent_at - *stamp);
        }
    }
}

/// What a round has to do.
#[derive(Clone, Copy, Default)]
struct Ready {
    woken: bool,
    /// One bit per listener: something has come, or is in its error queue.
    readable: u32,
    /// One bit per listener: something is in its error queue.
    failing: u32,
}

const _: () = assert!(LISTEN_MAX <= u32::BITS as usize, "one bit per listener");

/// Why a datagram is not in the outgoing batch.
enum Unanswered {
    Dropped(DropReason),
    NoWayBack,
}

/// An answer in the outgoing batch.
struct Answered {
    answer: Answer,
    /// The kernel's stamp, if there was one.
    stamp: Option<Timestamp<Local>>,
    /// The card's stamp was sent.
    is_by_card: bool,
    /// It is to be known when it leaves.
    awaited: Option<Leaving>,
}

/// What a batch is answered from.
struct Office<'a> {
    snapshot: &'a TimeSnapshot,
    now: Timestamp<Mono>,
    clock: HostClock,
    config: ResponseConfig,
    counts: &'a Counters<ServerCounter>,
}

/// What answering changes.
struct Means<'a, 'c> {
    gate: &'a mut Gate,
    departures: &'a mut Departures,
    tape: Option<&'a mut Taped<Responder>>,
    cards: &'a mut Cards<'c>,
    /// How often cards may be asked for stamps of answers; `None`: never.
    card_pace: Option<&'a mut CardPace>,
}

/// Puts the answer to one datagram into the batch.
fn answer(
    received: &Received<'_>,
    office: &Office<'_>,
    means: Means<'_, '_>,
    answers: &mut SendBatch,
) -> Result<Answered, Unanswered> {
    if received.truncated {
        return Err(Unanswered::Dropped(DropReason::TooLong));
    }
    // For a group or a broadcast the address to answer from is another one, or none.
    if received.destination.is_some() && received.destination != received.local {
        return Err(Unanswered::Dropped(DropReason::NotUnicast));
    }
    let kiss = match means.gate.admit(office.now, received.from, received.data) {
        Admission::Answer => None,
        Admission::Kiss(kiss) => Some(kiss),
        Admission::Drop(reason) => return Err(Unanswered::Dropped(reason)),
    };
    let stamp = received.software.map(local_time);
    let now = office.clock.stamping();
    if stamp.is_none() {
        office.counts.count(ServerCounter::StampMissing);
    }
    let arrived = stamp.unwrap_or(now);
    let hardware = means.cards.stamp(received, arrived, office.snapshot).filter(|_| kiss.is_none());
    let request = Request { data: received.data, from_port: received.from.port(), received: arrived, hardware, now };
    let mut out = [0; ANSWER_LENGTH_MAX];
    let made = match (kiss, means.tape) {
        (Some(kiss), _) => {
            let made = refuse(&request, kiss, office.snapshot, office.config, &mut out);
            made.map(|answer| InterleavedAnswer { answer, is_interleaved: false, awaited: None })
        }
        (None, Some(tape)) => respond_on_tape(tape, &request, &mut out)
            .and_then(|answer| interleave(&request, answer, means.departures, &mut out)),
        (None, None) => respond_interleaved(&request, office.snapshot, office.config, means.departures, &mut out),
    };
    let InterleavedAnswer { answer, is_interleaved, awaited } = made.map_err(Unanswered::Dropped)?;
    answers.push(&out[..answer.length], received.from, received.local, None).map_err(|_| Unanswered::NoWayBack)?;
    let awaited = awaited.map(|receive| {
        // A card that stamped the request has a PHC of ours; the answer most likely leaves by it.
        let is_by_card = hardware.is_some() && means.card_pace.is_some_and(|pace| pace.take(office.now));
        if is_by_card {
            answers.stamp_last_by_card();
        } else {
            answers.stamp_last();
        }
        Leaving { receive, written: now, is_by_card }
    });
    let of_a_kind = match kiss {
        Some(Kiss::Deny) => Some(ServerCounter::Denied),
        Some(Kiss::Rate) => Some(ServerCounter::RateKisses),
        None => is_interleaved.then_some(ServerCounter::Interleaved),
    };
    if let Some(counter) = of_a_kind {
        office.counts.count(counter);
    }
    Ok(Answered { answer, stamp, is_by_card: hardware.is_some(), awaited })
}

pub(super) fn local_time(time: KernelTime) -> Timestamp<Local> {
    Timestamp::from_parts(time.seconds, time.nanoseconds)
}

/// Pins the calling thread and puts it into its class; what fails is told, and no reason to stop.
fn scheduling(core: Option<usize>, priority: Option<u8>) -> Vec<ServerNotice> {
    let mut notices = Vec::new();
    if let Some(core) = core {
        let mut set = CpuSet::new();
        if let Err(errno) = set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)) {
            notices.push(ServerNotice::NotPinned { core, errno });
        }
    }
    let is_realtime = priority.is_some_and(|priority| match sched::set_fifo(priority) {
        Ok(()) => true,
        Err(error) => {
            notices.push(ServerNotice::not_realtime(priority, &error));
            false
        }
    });
    if !is_realtime {
        // Only a courtesy of the kernel is lost if this fails.
        let _ = sched::set_slice(SLICE_NS);
    }
    notices
}

/// log2 of the seconds by which two readings of the clock differ at least: what it resolves, or takes to read.
pub(super) fn measured_precision(clock: HostClock) -> i8 {
    let shortest = (0..PRECISION_READINGS)
        .map(|_| {
            let before = clock.stamping();
            clock.stamping() - before
        })
        .filter(|step| *step > Duration::ZERO)
        .min()
        .unwrap_or(Duration::from_nanos(1));
    let mut precision = -29;
    while precision < -6 && Duration::from_ticks(Duration::SECOND.ticks() >> -precision) < shortest {
        precision += 1;
    }
    precision as i8
}
