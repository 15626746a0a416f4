//! The daemon: it starts the threads, hears what they say, watches over them and ends them.
//!
//! All of this runs on the control thread, which alone formats, logs, and touches files.

use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;

use self::one_step::OneStepCards;
use self::ports::RunningPort;
use self::privileges::PrivilegeWatch;
use self::smear::SmearWatch;
use self::sources::{Ends, SourceThread, judged_of};
use self::vmclock::{generation_of, vmclock_of};
use super::discipline::{COMMANDS_MAX, Command, DisciplineLinks, spawn_discipline};
use super::events::{EVENTS_RING, Event};
use super::hooks::Hooks;
use super::host::{Host, KnownUtc, host_utc, kernel_tai_utc};
use super::model::{Model, PortModel, SourcesModel};
use super::phcs::Phcs;
use super::privileges::rights::lacking;
use super::recorder::Traces;
use super::saved::{Moment, SavedFrequency};
use super::server::{ServedTime, Server, ServerOptions, worker_name};
use super::truth::{TRUTH_RING, Truth, spawn_truth};
use super::wake::Sleeper;
use super::watchdog::{Change, Watchdog};
use crate::clock::{
    AnyClock, CascadeConfig, HostClock, HostUtc, LOCK_LIMIT_SOFTWARE, LeapPolicy, OscillatorModel, SetAlarm,
    SoftwareClock, SteeringConfig, SystemClock as RealClock, UtcPolicy,
};
use crate::config::{Config, LeapMode, PHCS_MAX, PtpConfig, RtcPolicy, SystemClock, ThreadConfig, UtcOffset};
use crate::engine::{EngineKind, Random};
use crate::net::Card;
use crate::observe::status::{ClockKind, LACKS_STEERING};
use crate::observe::{Change as EventChange, EventKind, EventRecord, Level, Topic};
use crate::sharing::{
    Counters, Doorbell, Latch, PhcLines, Pulse, Ring, RingReader, RingWriter, Seqlock, SeqlockWriter,
    StampingInterfaces, TimeSnapshot,
};
use crate::time::{Duration, Local, Mono, Timestamp};
use crate::wire::ptp::ClockIdentity;

/// How often absent interfaces and addresses are looked for.
const RETRY_EVERY: Duration = Duration::SECOND;
/// How often it is seen whether virtual clocks were made on the hardware clocks, or taken from them: the kernel does not tell.
const VIRTUAL_CLOCKS_EVERY: Duration = Duration::from_secs(4);
/// How often the interfaces of running ports are looked at where nobody tells of changes.
const LOOK_AT_LINKS_EVERY: Duration = Duration::from_secs(5);
/// The same where somebody does: messages can be lost.
const MAKE_SURE_OF_LINKS_EVERY: Duration = Duration::from_secs(60);
/// The shortest time between two looks that news of interfaces have caused.
const NEWS_PAUSE: Duration = Duration::from_millis(100);
/// How often the oscillator's frequency is saved.
const SAVE_EVERY: Duration = Duration::from_secs(3_600);
/// How often the list of leap seconds is read: IERS announces one half a year before.
const READ_LEAP_LIST_EVERY: Duration = Duration::from_secs(3_600);
/// The discipline's thread and the ways to it.
#[derive(Debug)]
struct DisciplineThread {
    thread: Option<JoinHandle<()>>,
    doorbell: Doorbell,
    commands: Sender<Command>,
    events: RingReader<Event>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Daemon {
    config: Config,
    host: HostClock,
    model: Model,
    identity: Option<ClockIdentity>,
    random: Random,
    snapshot: Seqlock<TimeSnapshot>,
    /// What the stamps of the PHCs mean, where somebody serves by them.
    lines: Seqlock<PhcLines>,
    /// Tells the NTP server which interfaces stamp with which PHC.
    interfaces: SeqlockWriter<StampingInterfaces>,
    smear: SmearWatch,
    last_snapshot: TimeSnapshot,
    discipline: DisciplineThread,
    ports: Vec<Option<RunningPort>>,
    one_step: OneStepCards,
    measuring: Vec<SourceThread>,
    server: Option<Server>,
    truth: Option<(Truth, JoinHandle<()>)>,
    watchdog: Watchdog,
    saved: SavedFrequency,
    phcs: Phcs,
    /// What the PHCs are waited for that the configuration names.
    waiting_for_phcs: [Option<String>; PHCS_MAX],
    traces: Traces,
    /// What is run when something happens, and the number of the next event that it has not heard of.
    hooks: Option<(Hooks, u64)>,
    stop: Latch,
    sleeper: Sleeper,
    retry_at: Timestamp<Mono>,
    /// When the interfaces are looked at next, also where all ports run; and when they were last.
    look_at_links: Timestamp<Mono>,
    look_at_links_every: Duration,
    looked_at_links: Timestamp<Mono>,
    look_at_virtual_clocks: Timestamp<Mono>,
    save_at: Timestamp<Mono>,
    /// When it is looked again for other programs that steer; `None`: when one has shown itself.
    look_for_rivals: Option<Timestamp<Mono>>,
    /// It began with a system clock that nobody had set, and its time is not known yet.
    has_dead_clock: bool,
    /// What this host knows of TAI - UTC and leap seconds.
    known_utc: KnownUtc,
    /// When the list of leap seconds is read again.
    read_leap_list_at: Timestamp<Mono>,
    privileges: PrivilegeWatch,
}

/// Why the daemon could not start.
#[derive(Debug)]
pub enum StartError {
    /// The system has no room for threads or files.
    System(io::Error),
    /// The NTP server cannot run.
    Server(super::server::ServerError),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(error) => write!(f, "cannot start the threads: {error}"),
            Self::Server(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Daemon {
    /// Starts all threads. Absent interfaces and addresses are waited for.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let host = HostClock;
        let (now, local, _) = host.both();
        let stop = Latch::default();
        let sleeper = Sleeper::new()?;
        let known = host_utc(&config.clock.leap_file, kernel_tai_utc(), local.read_as());
        let (writer, snapshot) = Seqlock::new(&TimeSnapshot::unsynchronised(now));
        let (lines_writer, lines) = Seqlock::new(&PhcLines::default());
        let (interfaces, stamping) = Seqlock::new(&StampingInterfaces::default());
        let (leap_writer, leap) = Seqlock::new(&None);
        let mut traces = Traces::new(&config.trace, now);
        // The server first: it alone can refuse to start.
        let server = match &config.ntp_server {
            Some(server) => {
                let options = ServerOptions {
                    listen: server.listen.clone(),
                    interfaces: server.interfaces.clone(),
                    except: server.except.clone(),
                    cores: server::cores(&config),
                    busy_poll: server.busy_poll,
                    priority: config.threads.server.priority,
                    access: server.access.clone(),
                    limit: server.limit,
                    clients: server.clients,
                    local: server.local,
                    smear: server.smear,
                };
                let time = ServedTime { snapshot: snapshot.clone(), lines: lines.clone(), interfaces: stamping, leap };
                let mut recorder = |name: &str| Some(traces.stream(name, EngineKind::NtpServer));
                let server =
                    Server::spawn_attended(&options, &time, stop.clone(), Some(sleeper.doorbell()), &mut recorder);
                Some(server.map_err(StartError::Server)?)
            }
            None => None,
        };
        let clock = software_clock_of(&config, local);
        let mut lacks = lacking(&config);
        let (truth, truth_ring) = match &config.clock.system {
            SystemClock::Simulated(simulated) => {
                // Nobody needs to be woken: the truth thread looks by itself.
                let (to_truth, adjustments) = Ring::with_capacity(TRUTH_RING, Sleeper::new()?.doorbell());
                let offset = simulated.reference_offset;
                let truth = spawn_truth(clock.clone(), offset, adjustments, snapshot.clone(), stop.clone())?;
                (Some(truth), Some(to_truth))
            }
            SystemClock::Observe | SystemClock::Discipline => (None, None),
        };
        let (clock, kind) = system_clock_of(&config, clock, &mut lacks);
        let saved = SavedFrequency::new(&config.observe.state_directory, kind.word());
        let pulse = Pulse::new(now);
        let mut watchdog = Watchdog::default();
        watchdog.add("discipline", config.threads.discipline, pulse.clone());
        for (index, worker) in server.iter().flat_map(Server::workers).enumerate() {
            let asked = ThreadConfig { core: worker.core(), priority: config.threads.server.priority };
            watchdog.add(worker_name(index), asked, worker.pulse().clone());
        }
        let (events, inbox) = Ring::with_capacity(EVENTS_RING, sleeper.doorbell());
        let (commands, orders) = crossbeam_channel::bounded(COMMANDS_MAX);
        let mut discipline_sleeper = Sleeper::new()?;
        // Without one, the discipline finds out at its next look, within a second.
        if let Ok(alarm) = SetAlarm::new() {
            discipline_sleeper.heed(alarm);
        }
        let doorbell = discipline_sleeper.doorbell();
        let judged = judged_of(&config, &mut traces);
        let ends = Ends { discipline: &discipline_sleeper, control: &sleeper, stop: &stop };
        let (measuring, inlets) = ends.start_all(&config, &mut traces)?;
        for measuring in &measuring {
            let thread = ThreadConfig { core: None, priority: None };
            watchdog.add(measuring.name, thread, measuring.pulse.clone());
        }
        let (vmclock, vmclock_news) = match vmclock_of(&config.clock.vmclock) {
            Ok(Some((watch, path))) => {
                let text = format!(
                    "the hypervisor tells by {} when this machine was paused, moved or restored",
                    path.display()
                );
                (Some(watch), Some((Level::Info, text)))
            }
            Ok(None) => (None, None),
            Err(problem) => (None, Some((Level::Warn, problem))),
        };
        let (generation, generation_news) = generation_of(&config.clock.vmclock, vmclock.as_ref());
        let links = DisciplineLinks {
            sources: inlets,
            commands: orders,
            events,
            snapshot: writer,
            lines: (server.is_some() || config.serves_ptp()).then_some(lines_writer),
            ptp_clock: config.clock.ptp,
            primary_references: config.primary_references(),
            truth: truth_ring,
            vmclock,
            generation,
            pulse,
            stop: stop.clone(),
            sleeper: discipline_sleeper,
        };
        let is_dead = dead_clock::is_dead(local.read_as());
        let mut cascade = CascadeConfig { utc: known.utc, ..cascade_of(&config, &saved) };
        if is_dead {
            cascade.steering.step = dead_clock::rule_of_a_dead_clock(cascade.steering.step);
        }
        let recorder = traces.stream("system", EngineKind::Discipline);
        let thread = spawn_discipline(config.threads.discipline, clock, cascade, judged, recorder, links)?;
        let mut model = Model::new(Host::this(), now, known.utc.tai_utc, kind);
        model.lacks = lacks;
        model.knows_utc(known.utc.tai_utc, known.by);
        let counters: Vec<_> = measuring.iter().flat_map(|thread| thread.counters.iter().cloned()).collect();
        model.sources = SourcesModel::new(&config, &counters);
        let mut daemon = Self {
            model,
            host,
            identity: None,
            random: Random::seeded(now.ticks() as u64 ^ u64::from(std::process::id())),
            last_snapshot: TimeSnapshot::unsynchronised(now),
            snapshot,
            lines,
            interfaces,
            smear: SmearWatch::new(leap_writer, now),
            discipline: DisciplineThread { thread: Some(thread), doorbell, commands, events: inbox },
            ports: Vec::new(),
            one_step: OneStepCards::default(),
            measuring,
            server,
            truth,
            watchdog,
            saved,
            phcs: Phcs::new(&config),
            waiting_for_phcs: Default::default(),
            traces,
            hooks: None,
            stop,
            sleeper,
            retry_at: now,
            look_at_links: now,
            look_at_links_every: LOOK_AT_LINKS_EVERY,
            looked_at_links: now,
            look_at_virtual_clocks: now,
            save_at: now + SAVE_EVERY,
            look_for_rivals: None,
            has_dead_clock: is_dead,
            known_utc: known.clone(),
            read_leap_list_at: now + READ_LEAP_LIST_EVERY,
            privileges: PrivilegeWatch::default(),
            config: Config { ptp: Vec::new(), ..config.clone() },
        };
        if let Some(problem) = known.problem {
            daemon.record(Level::Warn, Topic::Clock, problem);
        }
        if is_dead {
            let text = dead_clock::words(local.read_as(), daemon.config.clock.step);
            daemon.record(Level::Warn, Topic::Clock, text);
        }
        if let Some(problem) = rtc::problem(daemon.config.clock.rtc, kind) {
            daemon.record(Level::Warn, Topic::Clock, problem);
        }
        for (level, text) in vmclock_news.into_iter().chain(generation_news) {
            daemon.record(level, Topic::Clock, text);
        }
        daemon.look_for_rivals(now);
        for port in config.ptp {
            daemon.add_port(port);
        }
        daemon.turn();
        Ok(daemon)
    }

    /// What wakes the control thread when a timing thread has something to say.
    pub fn sleeper(&self) -> &Sleeper {
        &self.sleeper
    }

    /// Whether a timing thread has said something that was not heard yet.
    pub fn has_news(&self) -> bool {
        let of_sources = self.measuring.iter().any(|thread| !thread.events.is_empty());
        of_sources
            || self.server.as_ref().is_some_and(|server| server.is_asked() || server.has_lost_a_worker())
            || !self.discipline.events.is_empty()
            || self.ports.iter().flatten().any(|port| !port.events.is_empty() || port.is_asked())
    }

    /// Logs an event of the control thread's own, and keeps it for the status.
    pub fn record(&mut self, level: Level, topic: Topic, text: String) {
        let at = (self.host.mono(), self.host.stamping().read_as());
        self.model.events.record(at, level, topic, text, &[]);
    }

    /// At most `most` of the events from this number on; those that are older than what is kept are left out.
    pub fn events_since(&self, number: u64, most: usize) -> Vec<EventRecord> {
        self.model.events.since(number, most, self.host.mono())
    }

    /// The number of the latest event.
    pub fn event_count(&self) -> u64 {
        self.model.events.count()
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The truth, where the clock is simulated.
    pub fn truth(&self) -> Option<&Truth> {
        self.truth.as_ref().map(|(truth, _)| truth)
    }

    /// The NTP server.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// The latest snapshot; if it cannot be read just now, the last one that could.
    pub fn snapshot(&mut self) -> TimeSnapshot {
        if let Ok(snapshot) = self.snapshot.read() {
            self.last_snapshot = snapshot;
        }
        self.last_snapshot
    }

    /// For tests and tools that read the served time themselves.
    pub fn snapshots(&self) -> Seqlock<TimeSnapshot> {
        self.snapshot.clone()
    }

    /// Adds a port; it starts as soon as its interface is there.
    pub fn add_port(&mut self, config: PtpConfig) {
        self.model.ports.push(PortModel::new(config.clone(), Counters::default()));
        self.config.ptp.push(config);
        self.ports.push(None);
        self.retry_at = self.host.mono();
    }

    /// Goes round once: hears the timing threads, starts what has become possible, watches, saves.
    pub fn turn(&mut self) {
        let (now, local) = (self.host.mono(), self.host.stamping());
        self.hear(now, local);
        self.look_after_cards(now, local);
        let is_missing = |port: &Option<RunningPort>| port.as_ref().is_none_or(|running| running.place.is_over());
        if now >= self.look_at_links || now >= self.retry_at && self.ports.iter().any(is_missing) {
            self.look_at_links = now + self.look_at_links_every;
            self.looked_at_links = now;
            self.look_after_ports(now, local);
        }
        if now >= self.retry_at {
            self.retry_at = now + RETRY_EVERY;
            self.look_after_phcs(now);
            if now >= self.look_at_virtual_clocks {
                self.look_at_virtual_clocks = now + VIRTUAL_CLOCKS_EVERY;
                self.look_after_virtual_clocks();
            }
            self.look_after_named_phcs();
            if let Some(server) = &mut self.server {
                server.retry_missing();
                server.gather_latencies();
            }
            self.look_after_smear(now, local);
            if now >= self.read_leap_list_at {
                self.look_after_leap_list(local);
            }
        }
        if self.has_dead_clock && self.snapshot().state.is_synchronised() {
            // The configuration's own rule for steps holds again.
            self.has_dead_clock = false;
            self.tell_host_utc();
        }
        self.look_after_server(now, local);
        self.answer_questions();
        self.answer_network(now);
        self.look_after_traces(now, local);
        self.watch(now, local);
        self.look_after_privileges();
        self.look_after_hooks(now, local);
        if self.look_for_rivals.is_some_and(|at| now >= at) {
            self.look_for_rivals(now);
        }
        if now >= self.save_at {
            self.save_at = now + SAVE_EVERY;
            self.save_frequency(now, local);
        }
    }

    /// Somebody listens to what the kernel tells of the interfaces, and will say so by [`Daemon::links_have_changed`].
    pub fn hears_of_links(&mut self) {
        self.look_at_links_every = MAKE_SURE_OF_LINKS_EVERY;
    }

    /// The kernel tells that something about the interfaces has changed: they are looked at, now or in a moment.
    pub fn links_have_changed(&mut self) {
        self.look_at_links = self.look_at_links.min(self.looked_at_links + NEWS_PAUSE);
        for port in self.ports.iter_mut().flatten() {
            port.look_at = port.look_at.min(self.look_at_links);
            port.card.iter_mut().for_each(Card::suspect_a_move);
        }
    }

    /// The discipline hears the configuration in force, and what this host knows of TAI - UTC by now.
    fn tell_host_utc(&mut self) {
        let local = self.host.stamping();
        let known = host_utc(&self.config.clock.leap_file, kernel_tai_utc(), local.read_as());
        if let Some(problem) = known.problem.clone().filter(|_| known.problem != self.known_utc.problem) {
            self.record(Level::Warn, Topic::Clock, problem);
        }
        self.known_utc = known.clone();
        self.read_leap_list_at = self.host.mono() + READ_LEAP_LIST_EVERY;
        self.model.knows_utc(known.utc.tai_utc, known.by);
        let mut cascade = CascadeConfig { utc: known.utc, ..cascade_of(&self.config, &self.saved) };
        if self.has_dead_clock {
            cascade.steering.step = dead_clock::rule_of_a_dead_clock(cascade.steering.step);
        }
        _ = self.command(Command::Configure(Box::new(cascade), self.config.clock.ptp));
    }

    /// The list may be another one by now, or have expired: a daemon runs for longer than a list is good.
    fn look_after_leap_list(&mut self, local: Timestamp<Local>) {
        self.read_leap_list_at = self.host.mono() + READ_LEAP_LIST_EVERY;
        let known = host_utc(&self.config.clock.leap_file, kernel_tai_utc(), local.read_as());
        if (known.utc.list, &known.problem) != (self.known_utc.utc.list, &self.known_utc.problem) {
            self.tell_host_utc();
        }
    }

    /// Ends all threads and waits for them; saves the frequency, and the time where the configuration wants that in the RTC.
    pub fn stop(&mut self) {
        let last = self.snapshot();
        self.stop.set();
        for port in 0..self.ports.len() {
            self.stop_port(port);
        }
        for measuring in self.measuring.drain(..) {
            measuring.doorbell.ring();
            join(measuring.name, measuring.thread);
        }
        self.discipline.doorbell.ring();
        if let Some(thread) = self.discipline.thread.take() {
            join("discipline", thread);
        }
        if let Some(server) = self.server.take() {
            server.stop();
        }
        if let Some((_, thread)) = self.truth.take() {
            join("truth", thread);
        }
        let (now, local) = (self.host.mono(), self.host.stamping());
        self.hear(now, local);
        self.save_frequency(now, local);
        match rtc::write(self.config.clock.rtc, self.model.kind(), &last) {
            Some(Ok(text)) => self.record(Level::Info, Topic::Clock, text),
            Some(Err(why)) => self.record(Level::Warn, Topic::Clock, format!("the RTC was not written: {why}")),
            None => {}
        }
    }

    fn hear(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        while let Some(event) = self.discipline.events.pop() {
            // So that it can be told who that is likely to be.
            if event.is_anothers_doing() {
                self.find_rivals(now);
            }
            // A clock that is gone is read in vain before its card is looked at by turns.
            if matches!(event, Event::CrossingFailed { .. }) {
                self.ports.iter_mut().flatten().for_each(|port| port.suspect_its_card(now));
            }
            self.traces.hear(now, &event);
            self.model.take(now, local, event);
        }
        for measuring in &mut self.measuring {
            while let Some(event) = measuring.events.pop() {
                self.model.take(now, local, event);
            }
        }
        for port in self.ports.iter_mut().flatten() {
            while let Some(event) = port.events.pop() {
                if matches!(event, Event::StampsMissing { .. }) {
                    port.suspect_its_card(now);
                }
                if event.is_of_unstamped_messages() {
                    port.is_unstamped = true;
                    port.suspect_its_card(now);
                }
                self.traces.hear(now, &event);
                self.model.take(now, local, event);
            }
        }
    }

    fn look_after_traces(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let at = (now, local.read_as());
        let Some(told) = self.traces.turn(now, at.1) else { return };
        let (level, text) = match told {
            Ok(text) => (Level::Info, text),
            Err(text) => (Level::Warn, text),
        };
        self.model.events.record(at, level, Topic::Daemon, text, &[]);
    }

    /// What is kept of what the engines do.
    pub fn traces(&mut self) -> &mut Traces {
        &mut self.traces
    }

    /// As if another program had set the clock by `by`, for who wants to see what comes of it.
    ///
    /// # Errors
    /// The clock is none in software: nobody sets a real one through us. Or the discipline is stalled.
    pub(super) fn set_simulated(&self, by: Duration) -> Result<(), String> {
        if !matches!(self.config.clock.system, SystemClock::Simulated(_)) {
            return Err("the clock is not a simulated one (clock.system.simulated)".to_owned());
        }
        if self.command(Command::SetSimulated(by)) { Ok(()) } else { Err("the discipline is stalled".to_owned()) }
    }

    /// False if the discipline has not taken so many commands that there is no room: it is stalled.
    fn command(&self, command: Command) -> bool {
        let is_sent = self.discipline.commands.try_send(command).is_ok();
        self.discipline.doorbell.ring();
        is_sent
    }

    fn watch(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let events = &mut self.model.events;
        self.watchdog.look(now, |name, change| {
            let (level, text) = match change {
                Change::Stalled(age) => (Level::Error, format!("thread {name} has not gone round for {age}")),
                Change::Recovered => (Level::Info, format!("thread {name} goes round again")),
            };
            let of_thread = EventChange::of(EventKind::Thread, name);
            let of_thread = match change {
                Change::Stalled(age) => {
                    of_thread.from_to("alive", "stalled").because(format!("not gone round for {age}"))
                }
                Change::Recovered => of_thread.from_to("stalled", "alive"),
            };
            events.record_change((now, local.read_as()), (level, Topic::Daemon), of_thread, text, &[("thread", &name)]);
        });
    }

    fn save_frequency(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        if self.config.servo.hold {
            return;
        }
        let system = self.model.oscillator().map(|oscillator| self.saved.save(&oscillator, &Moment::now()));
        let phcs: Vec<_> = self.model.phcs.oscillators().map(|(phc, found)| self.phcs.save(phc, &found)).collect();
        for error in system.into_iter().chain(phcs).filter_map(Result::err) {
            let text = format!("cannot save an oscillator's frequency: {error}");
            self.model.events.record((now, local.read_as()), Level::Warn, Topic::Daemon, text, &[]);
        }
    }
}

mod cards;
mod dead_clock;
mod hardware;
mod hooks;
mod management;
mod one_step;
mod ports;
mod privileges;
mod reload;
mod report;
mod rivals;
mod rtc;
mod server;
mod smear;
mod sources;
#[cfg(test)]
mod surfaces;
mod vmclock;

fn join(name: &str, thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!(target: "synchronome::daemon", "thread {name} panicked");
    }
}

/// The system's clock that is steered, and what is done to it: the real one only where the configuration says so and
/// we may.
fn system_clock_of(config: &Config, software: SoftwareClock, lacks: &mut Vec<String>) -> (AnyClock, ClockKind) {
    match config.clock.system {
        SystemClock::Observe => (AnyClock::Software(software), ClockKind::Observe),
        SystemClock::Simulated(_) => (AnyClock::Software(software), ClockKind::Simulated),
        SystemClock::Discipline => match RealClock::acquire(config.clock.max_frequency) {
            Ok(clock) => {
                let is_kept = config.clock.rtc == RtcPolicy::Off;
                let clock = if is_kept { clock.kept_from_the_rtc() } else { clock };
                let clock = if config.clock.dithers_itself { clock.telling_its_rate_step() } else { clock };
                (AnyClock::System(clock), ClockKind::System)
            }
            Err(error) => {
                // It says the same, of all clocks and less exactly.
                lacks.retain(|lack| !lack.starts_with("CAP_SYS_TIME"));
                lacks.push(format!(
                    "{LACKS_STEERING} (CAP_SYS_TIME; {error}): it is observed, and the right time is served all the same"
                ));
                (AnyClock::Software(software), ClockKind::Observe)
            }
        },
    }
}

/// A clock in software over the system clock, which it never touches.
fn software_clock_of(config: &Config, local: Timestamp<Local>) -> SoftwareClock {
    let limit = config.clock.max_frequency;
    match &config.clock.system {
        SystemClock::Observe | SystemClock::Discipline => {
            SoftwareClock::new(local, Duration::ZERO, OscillatorModel::PERFECT, limit)
        }
        SystemClock::Simulated(simulated) => {
            let model = OscillatorModel {
                frequency: simulated.frequency,
                wander: simulated.wander,
                seed: simulated.seed,
                ..OscillatorModel::PERFECT
            };
            SoftwareClock::new(local, simulated.offset, model, limit)
        }
    }
}

fn cascade_of(config: &Config, saved: &SavedFrequency) -> CascadeConfig {
    let steering = SteeringConfig {
        lock_limit: config.clock.lock_limit.unwrap_or(LOCK_LIMIT_SOFTWARE),
        max_drift: config.clock.max_drift,
        max_frequency: config.clock.max_frequency,
        step: config.clock.step,
        servo: config.servo.kind,
        proportional: config.servo.proportional,
        integral: config.servo.integral,
        hold: config.servo.hold,
        saved: saved.load(&Moment::now()),
        drain: config.selection.drain,
    };
    let utc_policy = match config.clock.utc_offset {
        UtcOffset::Check => UtcPolicy::Check,
        UtcOffset::Source => UtcPolicy::Source,
        UtcOffset::Host => UtcPolicy::Host,
    };
    let leap = match config.clock.leap {
        LeapMode::Kernel => LeapPolicy::Kernel,
        LeapMode::Step => LeapPolicy::Step,
        LeapMode::Slew => LeapPolicy::Slew,
        LeapMode::Ignore => LeapPolicy::Ignore,
    };
    CascadeConfig { steering, lock_limit: config.clock.lock_limit, utc: HostUtc::default(), utc_policy, leap }
}

/// A ring's writer for threads that are not the daemon's own, as the demo's grandmaster.
pub(crate) fn events_to_nobody() -> io::Result<(RingWriter<Event>, RingReader<Event>)> {
    Ok(Ring::with_capacity(EVENTS_RING, Sleeper::new()?.doorbell()))
}
