//! The discipline thread: the only one that adjusts the clock and writes the time snapshot.

use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::Receiver;

use super::events::Event;
use super::port::PortMessage;
use super::thread::spawn_timing;
use super::wake::Sleeper;
use crate::clock::{
    ArbPolicy, Clock, Counts, HostClock, JumpDetector, Recorded, Recording, Steering, SteeringConfig, reference_of,
};
use crate::config::{PTP_PORTS_MAX, ThreadConfig};
use crate::discipline::{Notice, Reference};
use crate::ptp::{ClockReport, ParentInfo};
use crate::sharing::{Latch, Pulse, RingReader, RingWriter, SeqlockWriter, TimeSnapshot};
use crate::time::{Duration, Local, LogInterval, Mono, SourceId, TaiUtc, Timestamp};

/// Commands from the control thread that may wait.
pub const COMMANDS_MAX: usize = 32;
/// The snapshot is renewed at least this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How often ports are told that the clock is (still) locked.
const TELL_PORTS_EVERY: Duration = Duration::SECOND;
/// How often the oscillator's frequency is told, to be saved.
const TELL_FREQUENCY_EVERY: Duration = Duration::from_secs(60);

/// A port, as the discipline sees it.
#[derive(Debug)]
pub struct PortInlet {
    /// From the port.
    pub messages: RingReader<PortMessage>,
    /// To the port.
    pub reports: RingWriter<ClockReport>,
    /// How its ARB time is read.
    pub arb_timescale: ArbPolicy,
    parent: Option<ParentInfo>,
    sync_interval: Option<LogInterval>,
}

impl PortInlet {
    /// A port that has just started.
    pub fn new(messages: RingReader<PortMessage>, reports: RingWriter<ClockReport>, arb_timescale: ArbPolicy) -> Self {
        Self { messages, reports, arb_timescale, parent: None, sync_interval: None }
    }
}

/// What the control thread can ask for.
#[derive(Debug)]
pub enum Command {
    /// A port thread was started (again).
    AddPort(usize, PortInlet),
    /// A port thread has ended.
    RemovePort(usize),
    /// Other limits, from a reloaded configuration.
    Configure(SteeringConfig),
}

/// The thread's ends of everything that it shares.
#[derive(Debug)]
pub struct DisciplineLinks {
    /// From the control thread.
    pub commands: Receiver<Command>,
    /// To the control thread.
    pub events: RingWriter<Event>,
    /// What is served.
    pub snapshot: SeqlockWriter<TimeSnapshot>,
    /// Where every adjustment is told, if somebody watches the truth.
    pub truth: Option<RingWriter<Recorded>>,
    /// A sign of life.
    pub pulse: Pulse,
    /// Asks it to end.
    pub stop: Latch,
    /// What wakes it.
    pub sleeper: Sleeper,
    /// TAI - UTC where the source does not say it: the kernel's.
    pub tai_utc: Option<TaiUtc>,
}

/// Starts the thread with a clock.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_discipline<C: Clock + Send + 'static>(
    thread: ThreadConfig,
    clock: C,
    config: SteeringConfig,
    links: DisciplineLinks,
) -> io::Result<JoinHandle<()>> {
    spawn_timing("discipline", thread, move |refused| {
        let host = HostClock;
        let (now, local, _) = host.both();
        let steering = Steering::new(Recording::new(clock), Counts::Utc, config, now, local);
        let mut thread = DisciplineThread {
            steering,
            links,
            host,
            ports: std::array::from_fn(|_| None),
            jumps: JumpDetector::default(),
            followed: None,
            told_locked: false,
            tell_ports_at: now,
            publish_at: now,
            tell_frequency_at: now + TELL_FREQUENCY_EVERY,
        };
        for what in refused.iter().flatten() {
            thread.links.events.push(Event::Refused { thread: "discipline", what: *what });
        }
        while !thread.links.stop.is_set() {
            thread.round();
        }
        thread.tell_frequency();
    })
}

struct DisciplineThread<C> {
    steering: Steering<Recording<C>>,
    links: DisciplineLinks,
    host: HostClock,
    ports: [Option<PortInlet>; PTP_PORTS_MAX],
    jumps: JumpDetector,
    /// The port whose parent steers.
    followed: Option<usize>,
    told_locked: bool,
    tell_ports_at: Timestamp<Mono>,
    publish_at: Timestamp<Mono>,
    tell_frequency_at: Timestamp<Mono>,
}

impl<C: Clock> DisciplineThread<C> {
    fn round(&mut self) {
        let (now, local, window) = self.host.both();
        self.links.pulse.beat(now);
        if let Some(by) = self.jumps.jump(now, local, window) {
            self.clock_was_set(now, local, by);
        }
        while let Ok(command) = self.links.commands.try_recv() {
            self.obey(now, local, command);
        }
        let mut is_changed = false;
        for port in 0..self.ports.len() {
            while let Some(message) = self.ports[port].as_mut().and_then(|inlet| inlet.messages.pop()) {
                self.take(port, message);
                is_changed = true;
            }
        }
        // Read anew: what the messages led to was done at instants after the round's beginning.
        let (now, local, _) = self.host.both();
        let events = &mut self.links.events;
        self.steering.tick(now, local, &mut |notice| _ = events.push(Event::Notice(notice)));
        self.tell_truth();
        self.tell_ports(now);
        if is_changed || now >= self.publish_at {
            self.publish();
        }
        if now >= self.tell_frequency_at {
            self.tell_frequency_at = now + TELL_FREQUENCY_EVERY;
            self.tell_frequency();
        }
        let now = self.host.mono();
        // A deadline that has passed was met by the tick above.
        let deadline = self.steering.deadline().filter(|at| *at > now).unwrap_or(self.publish_at).min(self.publish_at);
        let (ports, commands) = (&self.ports, &self.links.commands);
        self.links.sleeper.sleep_on_the_bell(now, deadline.max(now), || {
            !commands.is_empty() || ports.iter().flatten().any(|inlet| !inlet.messages.is_empty())
        });
    }

    /// One message of a port. Each is taken at its own instant: an adjustment acts from when it is made.
    fn take(&mut self, port: usize, message: PortMessage) {
        let (now, local) = (self.host.mono(), self.host.stamping());
        let events = &mut self.links.events;
        let mut notify = |notice: Notice| _ = events.push(Event::Notice(notice));
        match message {
            PortMessage::Observation(observation) => self.steering.observe(now, local, &observation, &mut notify),
            PortMessage::SyncInterval(interval) => {
                if let Some(inlet) = &mut self.ports[port] {
                    inlet.sync_interval = Some(interval);
                }
                if self.followed == Some(port) {
                    self.steering.set_interval(now, local, interval, &mut notify);
                }
            }
            PortMessage::Parent(parent) => {
                if let Some(inlet) = &mut self.ports[port] {
                    inlet.parent = parent;
                }
                if self.followed.is_none_or(|followed| followed == port) {
                    self.choose(now, local);
                }
            }
            PortMessage::Clock(_) | PortMessage::Flushed(_) => {}
        }
        self.tell_truth();
    }

    /// The port that steers keeps on while it has a parent; else the first one that has, of usable time if there is one.
    /// (Selection among sources comes later.)
    fn choose(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let reference = |port: usize| self.reference(port);
        let with_parent = |port: &usize| reference(*port).is_some();
        let usable = |port: &usize| reference(*port).is_some_and(|reference| reference.timescale.is_usable());
        let kept = self.followed.filter(with_parent);
        let first = || (0..self.ports.len()).find(usable).or_else(|| (0..self.ports.len()).find(with_parent));
        let followed = kept.or_else(first);
        let reference = followed.and_then(reference);
        let interval = followed.and_then(|port| self.ports[port].as_ref()?.sync_interval);
        let events = &mut self.links.events;
        if followed != self.followed {
            self.followed = followed;
            events.push(Event::Followed { port: followed.map(|port| port as u8) });
        }
        let mut notify = |notice: Notice| _ = events.push(Event::Notice(notice));
        self.steering.follow(now, local, reference, &mut notify);
        if let Some(interval) = interval {
            self.steering.set_interval(now, local, interval, &mut notify);
        }
    }

    fn reference(&self, port: usize) -> Option<Reference> {
        let inlet = self.ports[port].as_ref()?;
        let parent = inlet.parent.as_ref()?;
        Some(reference_of(SourceId(port as u16), parent, inlet.arb_timescale, self.links.tai_utc))
    }

    fn obey(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, command: Command) {
        match command {
            Command::AddPort(port, inlet) => {
                if let Some(place) = self.ports.get_mut(port) {
                    *place = Some(inlet);
                }
            }
            Command::RemovePort(port) => {
                if let Some(place) = self.ports.get_mut(port) {
                    *place = None;
                }
                self.choose(now, local);
            }
            Command::Configure(config) => self.steering.configure(config),
        }
    }

    fn clock_was_set(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, by: Duration) {
        let events = &mut self.links.events;
        events.push(Event::ClockSet(by));
        self.steering.disturbed(now, local, &mut |notice| _ = events.push(Event::Notice(notice)));
        // What is in flight has one stamp from before and one from after.
        for inlet in self.ports.iter_mut().flatten() {
            inlet.reports.push(ClockReport { stepped: true, ..ClockReport::default() });
        }
        self.told_locked = false;
        self.publish();
    }

    /// UNCALIBRATED becomes SLAVE when the clock is locked, and back.
    ///
    /// Told when it changes, and once a second, since a port that has changed its parent waits to hear it again.
    fn tell_ports(&mut self, now: Timestamp<Mono>) {
        let locked = self.steering.is_locked_to_source();
        if locked == self.told_locked && now < self.tell_ports_at {
            return;
        }
        self.told_locked = locked;
        self.tell_ports_at = now + TELL_PORTS_EVERY;
        for (port, inlet) in self.ports.iter_mut().enumerate() {
            if let Some(inlet) = inlet {
                // Only the port that steers has calibrated the clock.
                let locked = locked && self.followed == Some(port);
                inlet.reports.push(ClockReport { locked, ..ClockReport::default() });
            }
        }
    }

    fn tell_truth(&mut self) {
        let recorded = self.steering.clock().take();
        if let (Some(truth), Some(recorded)) = (&mut self.links.truth, recorded) {
            truth.push(recorded);
        }
    }

    fn publish(&mut self) {
        self.tell_truth();
        let (now, local, _) = self.host.both();
        let snapshot = self.steering.snapshot(now, local);
        self.links.snapshot.write(&snapshot);
        self.publish_at = now + PUBLISH_EVERY;
    }

    fn tell_frequency(&mut self) {
        if let Some(frequency) = self.steering.oscillator_frequency() {
            self.links.events.push(Event::Oscillator(frequency));
        }
    }
}
