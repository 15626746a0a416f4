//! The discipline thread: the only one that adjusts clocks and writes the time snapshot.
//!
//! A daemon with one port, which is asked to run where the discipline does, has it here as a guest: they share the thread
//! and nothing else. The port tells what it measures by the same ring as from a thread of its own, only that nobody needs
//! to be woken for it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};
use synchronome_kernel::phc::CrossingMethod;

use self::inlet::{Inlets, Taken};
pub use self::inlet::{PortInlet, PortPlace};
use self::published::Published;
pub use self::several::Judged;
use self::told::ToldLine;
use super::events::{Event, PhcReport};
use super::measured::SourceInlet;
use super::port::{PortLoop, PortMessage};
use super::privileges::ThreadKind;
use super::thread::spawn_timing;
use super::wake::Sleeper;
use crate::clock::{
    AnyClock, Cascade, CascadeConfig, CascadeNotice, Clock, ClockError, Crossing, DisruptionWatch, GenerationNews,
    Heartbeat, HostClock, JumpDetector, Moments, OscillatorModel, PHCS_MAX, PageFault, PhcClock, PhcReader, Recorded,
    Recording, SoftwareClock,
};
use crate::config::ThreadConfig;
use crate::discipline::{SavedOscillator, USED_EVERY};
use crate::engine::{Recorder, Taped};
use crate::ptp::{ClockReport, Port, PtpClockConfig};
use crate::sharing::{Latch, PhcLines, Pulse, RingWriter, SeqlockWriter, TimeSnapshot};
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Mono, SourceId, Timestamp};
use crate::wire::ptp::TimeSource;
use masters::Announcing;

mod crossings;
mod disruption;
mod inlet;
mod kernel;
mod masters;
mod published;
mod several;
mod told;

/// Commands from the control thread that may wait.
pub const COMMANDS_MAX: usize = 32;
/// The snapshot is renewed at least this often, and the kernel told how good the time is.
const PUBLISH_EVERY: Duration = Duration::SECOND;
/// How often ports are told that the clock is (still) locked.
const TELL_PORTS_EVERY: Duration = Duration::SECOND;
/// How often the oscillators' frequencies are told, to be saved.
const TELL_FREQUENCY_EVERY: Duration = Duration::from_secs(60);
/// How much earlier than a Sync can be used again in a calm one is awake at the earliest.
const AWAKE_BEFORE_USE: Duration = Duration::from_millis(10);

/// A PHC as the control thread hands it over.
#[derive(Debug)]
pub struct PhcInlet {
    /// Takes its crossings.
    pub reader: PhcReader,
    /// The first one, just taken.
    pub crossing: Crossing,
    /// What is steered; `None`: it is only read, and a clock in software over it is right.
    pub clock: Option<PhcClock>,
    /// The largest correction of a clock in software over it.
    pub frequency_max: FrequencyPpb,
    /// Its oscillator as an earlier run has left it.
    pub saved: Option<SavedOscillator>,
    /// Takes the steps of its discipline, if somebody asks.
    pub recorder: Option<Recorder>,
}

/// A port that goes round on this thread, and the way back to the control thread, which opens and closes it.
#[derive(Debug)]
pub struct Guest {
    /// Its row in the configuration.
    pub row: usize,
    /// The port. Sockets take their time to close: it is never dropped here.
    pub port: Box<PortLoop<Taped<Port>>>,
    /// Where it goes when it is asked for, or when it has panicked. There is room for it.
    pub back: Sender<Box<PortLoop<Taped<Port>>>>,
}

/// What the control thread can ask for.
#[derive(Debug)]
pub enum Command {
    /// A port was started (again).
    AddPort(usize, Box<PortInlet>),
    /// It goes round here.
    Host(Guest),
    /// A port has ended, or ends now if it goes round here.
    RemovePort(usize),
    /// A PHC, under our own number.
    AddPhc(u8, Box<PhcInlet>),
    /// A PHC that no port uses any more, or that is gone.
    RemovePhc(u8),
    /// Other limits, and what we say of ourselves as a PTP clock, from a reloaded configuration or set by the owner.
    Configure(Box<CascadeConfig>, PtpClockConfig),
    /// As if another program had set the system clock, if that is one in software: the discipline is not told, and has to see it.
    SetSimulated(Duration),
}

/// The thread's ends of everything that it shares.
#[derive(Debug)]
pub struct DisciplineLinks {
    /// From the control thread.
    pub commands: Receiver<Command>,
    /// To the control thread.
    pub events: RingWriter<Event>,
    /// From the NTP clients and the reference clocks, where there are any.
    pub sources: Vec<SourceInlet>,
    /// What is served.
    pub snapshot: SeqlockWriter<TimeSnapshot>,
    /// What the stamps of the PHCs mean; `None`: nobody serves by them.
    pub lines: Option<SeqlockWriter<PhcLines>>,
    /// Where every adjustment of the system's clock is told, if somebody watches the truth.
    pub truth: Option<RingWriter<Recorded>>,
    /// What the configuration says of us as a PTP clock.
    pub ptp_clock: PtpClockConfig,
    /// The reference clocks that are primary references, and what they are.
    pub primary_references: Vec<(SourceId, TimeSource)>,
    /// The hypervisor's page of time, where there is one.
    pub vmclock: Option<DisruptionWatch>,
    /// What the kernel tells of the machine's generation ID, where it does.
    pub generation: Option<GenerationNews>,
    /// A sign of life.
    pub pulse: Pulse,
    /// Asks it to end.
    pub stop: Latch,
    /// What wakes it.
    pub sleeper: Sleeper,
}

/// Starts the thread with the system's clock: the real one, or one in software over it. `recorder` takes the steps of its
/// discipline, if somebody asks; `judged` are the sources, if there are several.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_discipline(
    thread: ThreadConfig,
    clock: AnyClock,
    config: CascadeConfig,
    judged: Option<Judged>,
    recorder: Recorder,
    links: DisciplineLinks,
) -> io::Result<JoinHandle<()>> {
    spawn_timing("discipline", ThreadKind::Discipline, thread, move |refused| {
        let host = HostClock;
        let (now, local, _) = host.both();
        let mut cascade = Cascade::new(Recording::new(clock), config, now, local);
        cascade.system().record_by(recorder);
        if let Some(judged) = judged {
            judged.begin(&mut cascade, now);
        }
        let mut thread = DisciplineThread {
            cascade,
            links,
            host,
            moments: Moments::new(host),
            guest: None,
            inlets: Inlets::default(),
            readers: std::array::from_fn(|_| None),
            jumps: JumpDetector::default(),
            followed: None,
            announcing: Announcing::default(),
            told: (false, false),
            is_in_doubt: false,
            tell_ports_at: now,
            wake_at: now,
            publish_at: now,
            vouch_at: now,
            rate_looked_at: now,
            published: Published::of(&TimeSnapshot::unsynchronised(now), (0, 0)),
            told_lines: [None; PHCS_MAX],
            tell_frequency_at: now + TELL_FREQUENCY_EVERY,
            system_epoch: ClockEpoch::default(),
            phc_epochs: [None; PHCS_MAX],
            tell_foreign_at: now,
            tell_foreign_phc_at: [now; PHCS_MAX],
            is_vouching: true,
            set_by_others: Duration::ZERO,
            heartbeat: Heartbeat::default(),
            look_at_vmclock_at: now,
            disrupted_at: None,
            vmclock_fault: None,
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

/// The reader of a PHC, and what its last reading failed with.
#[derive(Debug)]
struct Reader {
    phc: PhcReader,
    failed: Option<ClockError>,
    /// The method that was told, and why it is not a better one.
    told_method: (CrossingMethod, Option<i32>),
}

struct DisciplineThread {
    cascade: Cascade<Recording<AnyClock>>,
    links: DisciplineLinks,
    host: HostClock,
    moments: Moments,
    guest: Option<Guest>,
    inlets: Inlets,
    readers: [Option<Reader>; PHCS_MAX],
    jumps: JumpDetector,
    /// The port whose parent steers.
    followed: Option<usize>,
    /// What the clock says of itself by the ports that are master.
    announcing: Announcing,
    /// What the ports were told: whether the clock is locked, and whether it is calm.
    told: (bool, bool),
    /// The hub may have jumped, or the machine may have stood still, as was told last.
    is_in_doubt: bool,
    tell_ports_at: Timestamp<Mono>,
    /// When there is something to do though nobody calls.
    wake_at: Timestamp<Mono>,
    publish_at: Timestamp<Mono>,
    vouch_at: Timestamp<Mono>,
    /// When the rate of the card that hears the source was looked at.
    rate_looked_at: Timestamp<Mono>,
    /// What was published last.
    published: Published,
    /// What was told of the PHCs last.
    told_lines: [Option<ToldLine>; PHCS_MAX],
    tell_frequency_at: Timestamp<Mono>,
    /// To see that one of ours was stepped.
    system_epoch: ClockEpoch,
    phc_epochs: [Option<ClockEpoch>; PHCS_MAX],
    /// Another program's change of the system clock's rate is told again not before this.
    tell_foreign_at: Timestamp<Mono>,
    /// The same of a PHC's.
    tell_foreign_phc_at: [Timestamp<Mono>; PHCS_MAX],
    /// The kernel takes what it is told of the time.
    is_vouching: bool,
    /// What others have set a clock in software by in all.
    set_by_others: Duration,
    heartbeat: Heartbeat,
    look_at_vmclock_at: Timestamp<Mono>,
    /// When the hypervisor told last that the machine was disrupted.
    disrupted_at: Option<Timestamp<Mono>>,
    /// What was told of the hypervisor's page.
    vmclock_fault: Option<PageFault>,
}

/// Hands notices on as events.
fn telling(events: &mut RingWriter<Event>) -> impl FnMut(CascadeNotice) {
    |notice| _ = events.push(Event::Clock(notice))
}

/// Whether a command waits, or a message of a port on another thread. A guest's ring fills while we are awake; the guest
/// itself says what of that is urgent.
fn is_called(links: &DisciplineLinks, inlets: &Inlets, guest_row: Option<usize>) -> bool {
    let of_sources = links.sources.iter().any(|inlet| !inlet.messages.is_empty());
    of_sources || !links.commands.is_empty() || inlets.have_messages(guest_row)
}

impl DisciplineThread {
    fn round(&mut self) {
        let now = self.host.mono();
        self.links.pulse.beat(now);
        self.feel_the_pulse(now, self.wake_at);
        let has_told = self.let_the_guest_go_round(now);
        // Most of what wakes a port concerns it alone.
        let guest_row = self.guest.as_ref().map(|guest| guest.row);
        let is_called = || is_called(&self.links, &self.inlets, guest_row);
        // Whether it was us who set the clock is found by looking.
        let was_set = self.links.sleeper.take_set();
        if has_told || was_set || guest_row.is_none() || now >= self.wake_at || is_called() {
            self.discipline(now);
        }
        self.sleep();
    }

    /// It runs `now` and wanted to by `wanted`: whether the machine stood still meanwhile.
    fn feel_the_pulse(&mut self, now: Timestamp<Mono>, wanted: Timestamp<Mono>) {
        if let Some(late) = self.heartbeat.beat(now, wanted) {
            self.links.events.push(Event::Late(late));
            self.links.sources.iter().for_each(SourceInlet::lost);
        }
    }

    /// Takes what has come in, adjusts the clocks, and tells what has become of it.
    fn discipline(&mut self, begun: Timestamp<Mono>) {
        let (now, local) = self.look_for_foreign_hands();
        self.look_at_vmclock(now, local);
        let mut is_changed = self.take_crossings(now, Cascade::is_crossing_overdue);
        while let Ok(command) = self.links.commands.try_recv() {
            self.obey(now, local, command);
            is_changed = true;
        }
        for port in 0..self.inlets.len() {
            while let Some(message) = self.inlets.pop(port) {
                self.take(port, message);
                is_changed = true;
            }
        }
        is_changed |= self.take_measured();
        is_changed |= self.take_crossings(now, Cascade::is_crossing_due);
        // Read anew: what the messages led to was done at instants after the round's beginning.
        let (now, local) = self.moments.now();
        // A round takes microseconds: who stood still in the midst of one wakes up in time for the next.
        self.feel_the_pulse(now, begun);
        self.look_at_leap(now, local);
        self.cascade.tick(now, local, &mut telling(&mut self.links.events));
        self.look_at_helm();
        self.look_at_steps();
        self.tell_truth();
        self.tell_ports(now);
        if self.is_to_publish(now, local, is_changed) {
            self.publish();
        } else if self.published.is_before(self.cascade.commands()) {
            // A card may be slewed by microseconds within a moment.
            self.tell_phcs(now, local, false);
        }
        if now >= self.tell_frequency_at {
            self.tell_frequency_at = now + TELL_FREQUENCY_EVERY;
            self.tell_frequency();
        }
        self.wake_at = self.cascade.deadline(now).map_or(self.publish_at, |at| at.min(self.publish_at));
    }

    fn sleep(&mut self) {
        let guest_row = self.guest.as_ref().map(|guest| guest.row);
        let (links, inlets) = (&self.links, &self.inlets);
        let has_work = || is_called(links, inlets, guest_row);
        if let Some(guest) = &mut self.guest {
            guest.port.sleep(&links.sleeper, self.wake_at, has_work);
        } else {
            let now = self.host.mono();
            links.sleeper.sleep_on_the_bell(now, self.wake_at.max(now), has_work);
        }
    }

    /// The port that is here goes round; what it tells us is in its ring afterwards. Whether something of that is urgent.
    fn let_the_guest_go_round(&mut self, now: Timestamp<Mono>) -> bool {
        let Some(guest) = &mut self.guest else { return false };
        // A panic of a port's would end a thread of its own, and the port would be started anew: so here.
        catch_unwind(AssertUnwindSafe(|| guest.port.round(now))).unwrap_or_else(|_| {
            self.give_back_the_guest();
            true
        })
    }

    fn give_back_the_guest(&mut self) {
        if let Some(Guest { port, back, .. }) = self.guest.take() {
            // It comes back at most once, so that there is room; if nobody waits any more, the daemon ends.
            _ = back.try_send(port);
        }
    }

    /// One message of a port. Each is taken at its own instant: an adjustment acts from when it is made.
    fn take(&mut self, port: usize, message: PortMessage) {
        let (now, local) = self.moments.now();
        match self.inlets.take(port, message) {
            Taken::Nothing => {}
            Taken::Observation(observation) => {
                if self.followed == Some(port) || self.cascade.has_helm() {
                    let is_sync = matches!(observation.sent.clock, ClockId::Remote(_));
                    match self.cascade.hub() {
                        Some(ClockId::System) => _ = self.look_at_rate(local),
                        // A request corrects nothing, or the clock looks itself; what it has said wrongly is made up for by the next look.
                        Some(ClockId::Phc(index)) if is_sync && self.is_worth_a_look(now) => {
                            self.rate_looked_at = now;
                            self.look_at_rate_of(index, now);
                        }
                        _ => {}
                    }
                    let events = &mut self.links.events;
                    self.cascade.observe(now, local, &observation, &mut telling(events));
                    self.look_at_steps();
                }
            }
            Taken::Changed => {
                if self.cascade.has_helm() {
                    self.introduce(now, local, port);
                } else if self.followed.is_none_or(|followed| followed == port) {
                    self.choose(now, local);
                }
            }
        }
        self.tell_truth();
    }

    /// Whether to look at the rate of the card that hears the source before a Sync of it is taken: not at each in a calm, where one that comes so soon
    /// after another is used only if it is not what was foretold; and even then nothing is concluded from one alone.
    fn is_worth_a_look(&self, now: Timestamp<Mono>) -> bool {
        let (_, is_calm) = self.told;
        !is_calm || now - self.rate_looked_at >= USED_EVERY - AWAKE_BEFORE_USE
    }

    /// The port that steers keeps on while it has a parent; else the first one that has, of usable time if there is one.
    /// (Selection among sources comes later.)
    fn choose(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        if self.cascade.has_helm() {
            (0..self.inlets.len()).for_each(|port| self.introduce(now, local, port));
            return;
        }
        let fallback = self.cascade.leap().known();
        let followed = self.inlets.choose(self.followed, fallback);
        let heard = followed.and_then(|port| self.inlets.heard(port, fallback));
        let events = &mut self.links.events;
        if followed != self.followed {
            self.followed = followed;
            events.push(Event::Followed { port: followed.map(|port| port as u8) });
        }
        let mut tell = telling(events);
        match heard {
            Some((clock, reference, interval)) => {
                self.cascade.follow(now, local, Some(clock), Some(reference), interval, &mut tell);
            }
            None => self.cascade.follow(now, local, None, None, None, &mut tell),
        }
    }

    fn obey(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, command: Command) {
        match command {
            Command::AddPort(port, inlet) => self.inlets.set(port, Some(*inlet)),
            Command::Host(guest) => self.guest = Some(guest),
            Command::RemovePort(port) => {
                if self.guest.as_ref().is_some_and(|guest| guest.row == port) {
                    self.give_back_the_guest();
                }
                self.inlets.set(port, None);
                self.choose(now, local);
            }
            Command::AddPhc(index, inlet) => self.add_phc(index, *inlet),
            Command::RemovePhc(index) => {
                self.cascade.remove_phc(index);
                if let Some(place) = self.readers.get_mut(usize::from(index)) {
                    *place = None;
                }
                self.choose(now, local);
            }
            Command::Configure(config, ptp_clock) => self.configure(&config, ptp_clock),
            Command::SetSimulated(by) => self.set_simulated(local, by),
        }
    }

    fn add_phc(&mut self, index: u8, inlet: PhcInlet) {
        let PhcInlet { reader, crossing, clock, frequency_max, saved, recorder } = inlet;
        let Some(place) = self.readers.get_mut(usize::from(index)) else { return };
        let software = || SoftwareClock::new(crossing.device, Duration::ZERO, OscillatorModel::PERFECT, frequency_max);
        let clock = match clock {
            Some(clock) => AnyClock::Phc(clock),
            None => AnyClock::Software(software().on(ClockId::Phc(index))),
        };
        self.cascade.add_phc(index, Recording::new(clock), &crossing, saved);
        if let (Some((steering, ..)), Some(recorder)) = (self.cascade.phc(index, crossing.mono), recorder) {
            steering.record_by(recorder);
        }
        let told_method = (reader.method(), reader.aside());
        *place = Some(Reader { phc: reader, failed: None, told_method });
        let (now, local) = self.moments.now();
        self.choose(now, local);
    }

    /// Whether somebody else has set the system clock since the last look. One in software that others set does not show it in the clock that it
    /// is a function of.
    fn look_for_foreign_hands(&mut self) -> (Timestamp<Mono>, Timestamp<Local>) {
        let (now, local, window) = self.moments.measure();
        if let Some(by) = self.jumps.jump(now, local + self.set_by_others, window) {
            self.clock_was_set(now, local, by);
        }
        (now, local)
    }

    /// Another hand sets a clock in software. It is looked for at once, as where the kernel's alarm rings for a real one.
    fn set_simulated(&mut self, local: Timestamp<Local>, by: Duration) {
        let clock = self.cascade.system().clock();
        let AnyClock::Software(software) = clock.inner() else { return };
        software.set(local, by);
        clock.was_set(local, by);
        self.tell_truth();
        self.set_by_others += by;
        self.look_for_foreign_hands();
    }

    fn clock_was_set(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, by: Duration) {
        let events = &mut self.links.events;
        let is_foreign = self.cascade.system_was_set(now, local, by, &mut telling(events));
        if is_foreign {
            events.push(Event::ClockSet { by, to: local + self.set_by_others });
            self.links.sources.iter().for_each(SourceInlet::lost);
        }
        // What is in flight has one stamp from before and one from after.
        self.inlets.stepped(ClockId::System);
        self.links.sources.iter().for_each(SourceInlet::stepped);
        self.told = (false, false);
        self.system_epoch = self.cascade.system().clock().epoch();
        self.vouch_at = now;
        self.publish();
    }

    /// A leap second that is due, and not the kernel's to make, or that it has not made.
    fn look_at_leap(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let has_kernel = matches!(self.cascade.system().clock().inner(), AnyClock::System(_));
        let events = &mut self.links.events;
        if self.cascade.look_at_leap(now, local, has_kernel, &mut telling(events)) {
            // What is in flight has one stamp from before and one from after.
            self.inlets.stepped(ClockId::System);
            self.links.sources.iter().for_each(SourceInlet::stepped);
            self.vouch_at = now;
            self.publish_at = now;
        }
    }

    /// Whether a clock of ours was stepped, and who must hear of it.
    ///
    /// A clock in software is a function of the stamps: they stay right. On a real clock those in flight are of before.
    fn look_at_steps(&mut self) {
        let system_epoch = self.cascade.system().clock().epoch();
        if system_epoch != self.system_epoch {
            self.system_epoch = system_epoch;
            if matches!(self.cascade.system().clock().inner(), AnyClock::System(_)) {
                self.jumps.restart();
                self.inlets.stepped(ClockId::System);
                self.links.sources.iter().for_each(SourceInlet::stepped);
                // The kernel has just forgotten what it was told.
                self.vouch_at = self.moments.measure().0;
                self.publish_at = self.vouch_at;
            }
        }
        if !self.cascade.are_phc_epochs(&self.phc_epochs) {
            let phc_epochs = self.cascade.phc_epochs();
            let before = std::mem::replace(&mut self.phc_epochs, phc_epochs);
            for (index, (before, after)) in before.into_iter().zip(phc_epochs).enumerate() {
                let is_stepped = before.is_some() && after.is_some() && before != after;
                if is_stepped && self.is_real(index as u8) {
                    self.inlets.stepped(ClockId::Phc(index as u8));
                }
            }
            // Now, and not with the next snapshot: stamps on the stepped clock are under way.
            let (now, local) = self.moments.now();
            _ = self.publish_lines(now, local);
        }
    }

    /// Whether a PHC itself is steered, and not a clock in software over it.
    fn is_real(&mut self, index: u8) -> bool {
        let now = self.host.mono();
        self.cascade.phc(index, now).is_some_and(|(steering, ..)| matches!(steering.clock().inner(), AnyClock::Phc(_)))
    }

    /// UNCALIBRATED becomes SLAVE when the clock is locked, and back.
    ///
    /// Told when it changes, and once a second, since a port that has changed its parent waits to hear it again.
    fn tell_ports(&mut self, now: Timestamp<Mono>) {
        self.inlets.tell_steps();
        let (locked, calm) = (self.cascade.is_hub_locked(), self.cascade.is_hub_calm());
        let is_news = (locked, calm) != self.told;
        if !is_news && now < self.tell_ports_at {
            return;
        }
        self.told = (locked, calm);
        self.tell_ports_at = now + TELL_PORTS_EVERY;
        // Only the port that steers has calibrated the clock.
        let followed = self.followed;
        self.inlets.tell(is_news, |port| ClockReport {
            locked: locked && followed == Some(port),
            calm: calm && followed == Some(port),
            ..ClockReport::default()
        });
    }

    fn tell_truth(&mut self) {
        let recorded = self.cascade.system().clock().take();
        if let (Some(truth), Some(recorded)) = (&mut self.links.truth, recorded) {
            truth.push(recorded);
        }
    }

    fn publish(&mut self) {
        self.tell_truth();
        let (now, local) = self.moments.now();
        let snapshot = self.cascade.snapshot(now, local);
        self.published = Published::of(&snapshot, (self.cascade.commands(), self.cascade.system().commands()));
        let is_in_doubt = self.cascade.hub_in_doubt().is_some();
        if std::mem::replace(&mut self.is_in_doubt, is_in_doubt) != is_in_doubt {
            // The kernel is told at once that its time may be far off, and that it is not.
            self.vouch_at = now;
        }
        let is_time_to_vouch = now >= self.vouch_at || self.is_to_be_told(&snapshot);
        // Whoever asks the kernel and us never hears from the kernel alone that the time is not right: it hears of good first, of bad last.
        let is_good = snapshot.state.is_synchronised();
        if is_time_to_vouch && is_good {
            self.vouch(&snapshot);
        }
        self.links.snapshot.write(&snapshot);
        let lines = self.publish_lines(now, local);
        self.look_at_masters(now, &snapshot, lines.as_ref());
        if is_time_to_vouch {
            if !is_good {
                self.vouch(&snapshot);
            }
            self.vouch_at = now + PUBLISH_EVERY;
            _ = self.tell_tampering();
        }
        // The kernel's word is due with the next message as a rule, and half a second later at the latest.
        self.publish_at = (now + PUBLISH_EVERY).min(self.vouch_at + PUBLISH_EVERY.half());
        self.tell_phcs(now, local, is_time_to_vouch);
        if is_time_to_vouch {
            self.tell_standings();
            self.tell_demand(local);
        }
    }

    /// What the stamps of the PHCs mean now, where somebody serves by them.
    fn publish_lines(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> Option<PhcLines> {
        let told = self.links.lines.as_mut()?;
        let lines = self.cascade.lines(now, local);
        told.write(&lines);
        Some(lines)
    }

    /// What is known of the PHCs: of all, or of those that are not where they would be by what was told, for a slew makes old
    /// words wrong within a moment.
    fn tell_phcs(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, all: bool) {
        for index in 0..PHCS_MAX as u8 {
            let is_hub = self.cascade.hub() == Some(ClockId::Phc(index));
            let Some(place) = &self.readers[usize::from(index)] else { continue };
            let method = place.phc.method();
            let doubt = self.cascade.phc_in_doubt(index).unwrap_or_default();
            let Some((steering, reading, half_window)) = self.cascade.phc(index, now) else { continue };
            let correction = steering.reading(reading) - steering.free(reading);
            let line = ToldLine { at: now, correction, rate: steering.clock().frequency() };
            let told = &mut self.told_lines[usize::from(index)];
            if !all && told.is_some_and(|told| told.holds(&line)) {
                continue;
            }
            *told = Some(line);
            let is_steered = matches!(steering.clock().inner(), AnyClock::Phc(_));
            let snapshot = steering.snapshot(now, reading);
            let bound = snapshot.is_bounded.then(|| snapshot.parts.total().greatest_error() + doubt);
            let report = PhcReport {
                index,
                is_hub,
                is_steered,
                method,
                half_window,
                ahead: reading - local,
                state: snapshot.state,
                offset_from_master: snapshot.last_sample.map(|_| snapshot.offset_from_master),
                at: now,
                bound,
                drift_rate: snapshot.drift_rate,
                frequency: snapshot.frequency,
                mean_path_delay: snapshot.mean_path_delay,
                last_sample: snapshot.last_sample,
                lock_time: snapshot.lock_time,
                epoch: snapshot.epoch,
            };
            // Nobody waits for this.
            self.links.events.push_quietly(Event::Phc(report));
        }
    }

    fn tell_frequency(&mut self) {
        if let Some(oscillator) = self.cascade.system().oscillator() {
            self.links.events.push(Event::Oscillator(ClockId::System, oscillator));
        }
        let now = self.host.mono();
        for index in 0..PHCS_MAX as u8 {
            let oscillator = self.cascade.phc(index, now).and_then(|(steering, ..)| steering.oscillator());
            if let Some(oscillator) = oscillator {
                self.links.events.push(Event::Oscillator(ClockId::Phc(index), oscillator));
            }
        }
    }
}
