//! The reference clocks: one thread that reads the devices of all of them.
//!
//! ```text
//! device -> Driver: opened, read, stamped -> refclock::Refclock, one a clock --SourceMessage ring--> discipline
//! ```
//!
//! A device that is absent is waited for, and opened again when it fails. None of them blocks the thread: what has a descriptor is waited for by
//! that, what has none is looked at as often as its samples may come. The stamps are taken by who writes the samples or by the
//! kernel, so that it does not matter when we come to read them.

mod extts;
mod gpsd;
mod phc;
mod pps;
mod shm;
mod sock;
mod vmclock;

use std::io;
use std::os::fd::BorrowedFd;
use std::thread::JoinHandle;

use self::extts::{Extts, STAMP_ERROR};
use self::gpsd::Gpsd;
use self::phc::Phc;
use self::pps::Pps;
use self::shm::Shm;
use self::sock::Sock;
use self::vmclock::VmClockPage;
pub use self::vmclock::vmclock_remedy;
use super::events::Event;
use super::measured::{SourceLinks, SourceMessage};
use super::privileges::ThreadKind;
use super::thread::spawn_timing;
use crate::clock::{ClockError, ClockWords, Disruption, HostClock, VmScale, reference_of_clock};
use crate::config::{REFCLOCK_SOURCE, RefclockConfig, RefclockDevice, ThreadConfig};
use crate::engine::{Engine, Recorder, Taped};
use crate::refclock::{ClockCounter, ClockState, Config, Effect, Input, Refclock, Sample};
use crate::sharing::CounterSet;
use crate::time::{ClockEpoch, Duration, LeapIndicator, LogInterval, Mono, SourceId, StampSource, Timestamp};
use crate::wire;
use crate::wire::vmclock::Smearing;

/// The thread goes round at least this often.
const ROUND_MAX: Duration = Duration::SECOND;
/// How often it reports what it sees.
const REPORT_EVERY: Duration = Duration::SECOND;
/// A device that cannot be opened is tried again after so long.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// A device without a descriptor is looked at so many times for each sample that is wanted: it writes when it likes.
const LOOKS: i64 = 2;
/// But not more often than this,
const LOOK_EVERY_MIN: Duration = Duration::from_millis(5);
/// and not more rarely.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(500);
/// How late an interrupt's handler stamps a pulse, as a rule.
const PULSE_PRECISION: Duration = Duration::from_micros(10);
/// How wrong a hardware clock may be that does not say.
const PHC_PRECISION: Duration = Duration::from_micros(1);
/// The most samples of one device in one round: who sends more is heard again in the next one.
pub(super) const SAMPLES_PER_ROUND_MAX: usize = 64;

/// What a driver hands on: a sample, or why it is none.
pub(super) type Taken = Result<Sample, ClockCounter>;

/// A device that is open.
pub(super) trait Driver: Send {
    /// What tells that there is something to read; `None`: it is looked at now and then.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Hands on what there is; never blocks.
    ///
    /// # Errors
    /// The device's, which is opened anew then.
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()>;

    /// What the device shows of this machine, that it stood still, was moved or restored; told once.
    fn disruption(&mut self) -> Option<Disruption> {
        None
    }

    /// What it counts, if it says that itself.
    fn scale(&self) -> Option<VmScale> {
        None
    }

    /// What it says the clocks around do at a leap second.
    fn smearing(&self) -> Smearing {
        Smearing::Strict
    }
}

/// What a clock refuses, as the system's errors are.
pub(super) fn failed(error: ClockError) -> io::Error {
    match error {
        ClockError::Failed(errno) => io::Error::from_raw_os_error(errno),
        ClockError::OutOfRange => io::Error::from_raw_os_error(libc::ERANGE),
    }
}

/// What the samples of clocks of one kind are like.
fn engine_config(source: SourceId, config: &RefclockConfig) -> Config {
    let usual = Config::new(source);
    Config {
        poll: config.poll,
        samples: config.samples,
        offset: config.offset,
        precision: config.precision,
        precision_unsaid: match config.device {
            RefclockDevice::Pps { .. } => PULSE_PRECISION,
            RefclockDevice::Extts { .. } => STAMP_ERROR,
            RefclockDevice::Phc { .. } => PHC_PRECISION,
            _ => usual.precision_unsaid,
        },
        is_pulse: config.device.is_pulse(),
        ..usual
    }
}

fn open(device: &RefclockDevice) -> io::Result<Box<dyn Driver>> {
    Ok(match device {
        RefclockDevice::Shm { unit } => Box::new(Shm::attach(*unit)?),
        RefclockDevice::Sock { path } => Box::new(Sock::bind(path)?),
        RefclockDevice::Gpsd { address, device } => Box::new(Gpsd::connect(*address, device.as_deref())?),
        RefclockDevice::Pps { path, is_clear } => Box::new(Pps::open(path, *is_clear)?),
        RefclockDevice::Extts { clock, pin, channel, is_clear } => {
            Box::new(Extts::open(clock, pin.as_deref(), *channel, *is_clear)?)
        }
        RefclockDevice::Phc { name } => Box::new(Phc::open(name)?),
        RefclockDevice::VmClock { path } => Box::new(VmClockPage::open(path)?),
    })
}

/// A sample as it stands in memory or in a datagram: one stamp, taken by who wrote it.
pub fn sample_of(written: &wire::refclock::Sample) -> Sample {
    Sample {
        before: written.received,
        after: written.received,
        reference: written.reference,
        error: written.precision.map(|precision| LogInterval::new(precision).exact()),
        leap: written.leap,
        is_pulse: written.is_pulse,
        stamped: StampSource::Program,
    }
}

/// The time that a line of gpsd's JSON says, if it is one that does.
pub fn sample_in_json(line: &[u8]) -> Option<Sample> {
    gpsd::time_in(line).map(|written| sample_of(&written))
}

/// What there is to see of one reference clock.
#[derive(Clone, Copy, Debug)]
pub struct RefclockReport {
    /// Its row among the reference clocks.
    pub place: u8,
    /// errno of opening or reading its device; `None`: it is open.
    pub absent: Option<i32>,
    /// Where it stands.
    pub state: ClockState,
    /// Of the last eight polls, which had a measurement.
    pub reach: u8,
    /// Why the latest sample was refused, if it was.
    pub refused: Option<ClockCounter>,
    /// What it says the clocks around do at a leap second.
    pub smearing: Smearing,
    /// What was counted.
    pub counts: [u32; ClockCounter::ALL.len()],
}

/// A reference clock that is to be read.
#[derive(Debug)]
pub struct WantedClock {
    /// Which, and how.
    pub config: RefclockConfig,
    /// Takes the steps of its engine, if somebody asks.
    pub recorder: Recorder,
}

/// Starts the thread.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_refclocks(wanted: Vec<WantedClock>, links: SourceLinks) -> io::Result<JoinHandle<()>> {
    let thread = ThreadConfig { core: None, priority: None };
    spawn_timing("refclock", ThreadKind::Refclock, thread, move |_| {
        let now = HostClock.mono();
        let clocks = wanted.into_iter().enumerate().map(|(place, wanted)| Read::new(place, wanted, now)).collect();
        let mut thread = RefclockThread { clocks, links, report_at: now };
        while !thread.links.stop.is_set() {
            thread.round();
            thread.sleep();
        }
    })
}

struct RefclockThread {
    clocks: Vec<Read>,
    links: SourceLinks,
    report_at: Timestamp<Mono>,
}

impl RefclockThread {
    fn round(&mut self) {
        let now = HostClock.mono();
        self.links.pulse.beat(now);
        for clock in &mut self.clocks {
            clock.round(HostClock.mono(), &mut self.links);
        }
        if now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            for clock in &self.clocks {
                self.links.events.push_quietly(Event::Refclock(clock.report()));
            }
        }
    }

    fn sleep(&self) {
        let now = HostClock.mono();
        let deadline = self.clocks.iter().map(Read::deadline).fold(now + ROUND_MAX, Timestamp::min);
        let open = self.clocks.iter().filter_map(|clock| clock.driver.as_ref());
        let readable: Vec<_> = open.filter_map(|driver| driver.descriptor()).collect();
        self.links.sleeper.sleep_on_many(readable.iter(), now, deadline, || false);
    }
}

/// One of them.
struct Read {
    place: usize,
    config: RefclockConfig,
    engine: Taped<Refclock>,
    driver: Option<Box<dyn Driver>>,
    absent: Option<i32>,
    open_at: Timestamp<Mono>,
    look_every: Duration,
    look_at: Timestamp<Mono>,
    steps: ClockEpoch,
    since: Option<Timestamp<Mono>>,
    /// What its device says that it counts.
    scale: Option<VmScale>,
    said: Option<(LeapIndicator, bool)>,
    refused: Option<ClockCounter>,
    counts: [u32; ClockCounter::ALL.len()],
    taken: Vec<Taken>,
    effects: Vec<Effect>,
}

impl Read {
    fn new(place: usize, wanted: WantedClock, now: Timestamp<Mono>) -> Self {
        let WantedClock { config, recorder } = wanted;
        let source = SourceId(REFCLOCK_SOURCE.0 + place as u16);
        let mut engine = Taped::new(Refclock::new(engine_config(source, &config), now));
        engine.record_by(recorder);
        let wanted = config.poll.duration().as_secs_f64() / f64::from(config.samples) / LOOKS as f64;
        let look_every = Duration::from_secs_f64(wanted).max(LOOK_EVERY_MIN).min(LOOK_EVERY_MAX);
        Self {
            place,
            engine,
            config,
            driver: None,
            absent: None,
            open_at: now,
            look_every,
            look_at: now,
            steps: ClockEpoch::default(),
            since: None,
            scale: None,
            said: None,
            refused: None,
            counts: [0; ClockCounter::ALL.len()],
            taken: Vec::with_capacity(SAMPLES_PER_ROUND_MAX),
            effects: Vec::with_capacity(8),
        }
    }

    fn source(&self) -> SourceId {
        SourceId(REFCLOCK_SOURCE.0 + self.place as u16)
    }

    fn deadline(&self) -> Timestamp<Mono> {
        let device = match &self.driver {
            None => Some(self.open_at),
            Some(driver) if driver.descriptor().is_none() => Some(self.look_at),
            Some(_) => None,
        };
        device.into_iter().chain(self.engine.deadline()).min().unwrap_or(self.look_at)
    }

    fn round(&mut self, now: Timestamp<Mono>, links: &mut SourceLinks) {
        if self.driver.is_none() && now >= self.open_at {
            match open(&self.config.device) {
                Ok(driver) => (self.driver, self.absent) = (Some(driver), None),
                Err(error) => self.is_absent(now, &error),
            }
        }
        let is_waited_for = self.driver.as_ref().is_some_and(|driver| driver.descriptor().is_some());
        if is_waited_for || now >= self.look_at {
            self.look_at = now + self.look_every;
            self.read(now, links);
        }
        if self.engine.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(now, Input::Tick, links);
        }
    }

    fn is_absent(&mut self, now: Timestamp<Mono>, error: &io::Error) {
        self.driver = None;
        self.absent = Some(error.raw_os_error().unwrap_or(0));
        self.open_at = now + RETRY_EVERY;
    }

    fn read(&mut self, now: Timestamp<Mono>, links: &mut SourceLinks) {
        let Some(driver) = &mut self.driver else { return };
        let mut taken = std::mem::take(&mut self.taken);
        taken.clear();
        let read = driver.read(&mut |one| taken.push(one));
        let disruption = driver.disruption();
        let scale = driver.scale();
        if let Some(disruption) = disruption {
            links.tell(SourceMessage::Disrupted(disruption));
        }
        // What was written before the system clock was stepped cannot be told from what was written after it.
        let steps = links.steps();
        let is_stepped = std::mem::replace(&mut self.steps, steps) != steps;
        let scale_before = std::mem::replace(&mut self.scale, scale);
        let counts = |scale: Option<VmScale>| scale.map(|scale| scale.is_tai);
        if is_stepped || disruption.is_some() || counts(scale_before) != counts(scale) {
            self.step(now, Input::Stepped(steps), links);
        }
        if let Some((leap, is_between)) = self.said.filter(|_| scale_before != scale) {
            self.says(now, leap, is_between, links);
        }
        for one in &taken {
            let input = match one {
                Ok(_) if is_stepped => Input::Refused(ClockCounter::Stepped),
                Ok(sample) => Input::Sample { sample: *sample, local: HostClock.stamping() },
                Err(why) => Input::Refused(*why),
            };
            self.step(now, input, links);
        }
        self.taken = taken;
        if let Err(error) = read {
            self.is_absent(now, &error);
        }
    }

    fn step(&mut self, now: Timestamp<Mono>, input: Input, links: &mut SourceLinks) {
        let mut effects = std::mem::take(&mut self.effects);
        effects.clear();
        self.engine.step(now, input, &mut effects);
        for effect in &effects {
            match effect {
                Effect::Observe(observation) => links.tell(SourceMessage::Observation(*observation)),
                Effect::Says { leap, is_between } => {
                    self.said = Some((*leap, *is_between));
                    self.says(now, *leap, *is_between, links);
                }
                Effect::Count(what) => {
                    self.counts[what.index()] = self.counts[what.index()].wrapping_add(1);
                    let is_good = matches!(what, ClockCounter::Samples | ClockCounter::Measured);
                    self.refused = Some(*what).filter(|_| !is_good);
                }
            }
        }
        self.effects = effects;
    }

    fn says(&mut self, now: Timestamp<Mono>, leap: LeapIndicator, is_between: bool, links: &mut SourceLinks) {
        let source = self.source();
        let words = ClockWords {
            is_tai: self.scale.map_or(self.config.is_tai, |scale| scale.is_tai),
            tai_utc: self.scale.and_then(|scale| scale.tai_utc),
            accuracy: self.config.delay.half(),
            leap,
            stratum: self.config.stratum,
            reference_id: self.config.reference_id,
        };
        let since = *self.since.get_or_insert(now);
        links.tell(SourceMessage::Reference(source, Some(reference_of_clock(source, &words, since))));
        let interval = engine_config(source, &self.config).interval(is_between);
        links.tell(SourceMessage::Interval(source, interval));
    }

    fn report(&self) -> RefclockReport {
        RefclockReport {
            place: self.place as u8,
            absent: self.absent,
            state: self.engine.state(),
            reach: self.engine.reach(),
            refused: self.refused,
            smearing: self.driver.as_ref().map(|driver| driver.smearing()).unwrap_or_default(),
            counts: self.counts,
        }
    }
}
