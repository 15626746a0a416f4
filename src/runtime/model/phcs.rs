//! The hardware clocks, as the control thread knows them.

use synchronome_kernel::phc::CrossingMethod;

use super::notice::notice_change;
use super::reason::{disruption_text, disruption_word};
use super::utc::named_of;
use crate::clock::{CascadeNotice, ClockError, JumpedTo, LeapPolicy, PHCS_MAX, Tampering};
use crate::discipline::{Notice, SavedOscillator};
use crate::observe::event::FREQUENCY_SET;
use crate::observe::status::PhcStatus;
use crate::observe::{Change, EventKind, Events, Level, Topic};
use crate::runtime::events::PhcReport;
use crate::runtime::phcs::words;
use crate::runtime::rivals::Rival;
use crate::time::{ClockId, Duration, Mono, SyncState, TaiUtc, Timestamp, Utc};

/// When something happened.
type At = (Timestamp<Mono>, Timestamp<Utc>);

/// One PHC.
#[derive(Debug)]
struct PhcModel {
    name: String,
    device: String,
    report: Option<PhcReport>,
    oscillator: Option<SavedOscillator>,
    unreadable: Option<String>,
    /// Since when there has been no such device.
    gone_since: Option<Timestamp<Mono>>,
    refuses: Option<String>,
    /// By how much it jumped, until it is LOCKED again.
    jumped: Option<(Duration, JumpedTo)>,
    jumps: u64,
}

/// All of them, by our own numbers.
#[derive(Debug, Default)]
pub struct PhcsModel([Option<PhcModel>; PHCS_MAX]);

impl PhcsModel {
    /// A PHC came into use.
    pub fn add(&mut self, index: u8, name: &str, kernel_index: u32) {
        if let Some(place) = self.0.get_mut(usize::from(index)) {
            *place = Some(PhcModel {
                name: name.to_owned(),
                device: format!("/dev/ptp{kernel_index}"),
                report: None,
                oscillator: None,
                unreadable: None,
                gone_since: None,
                refuses: None,
                jumped: None,
                jumps: 0,
            });
        }
    }

    /// A PHC is in use no more.
    pub fn remove(&mut self, index: u8) {
        if let Some(place) = self.0.get_mut(usize::from(index)) {
            *place = None;
        }
    }

    /// How many are in use.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }

    fn get(&mut self, index: u8) -> Option<&mut PhcModel> {
        self.0.get_mut(usize::from(index))?.as_mut()
    }

    /// What the discipline says of a PHC once a second.
    pub fn report(&mut self, report: PhcReport) {
        if let Some(phc) = self.get(report.index) {
            phc.report = Some(report);
        }
    }

    /// What is known of the oscillator of a PHC.
    pub fn set_oscillator(&mut self, index: u8, oscillator: &SavedOscillator) {
        if let Some(phc) = self.get(index) {
            phc.oscillator = Some(*oscillator);
        }
    }

    /// The oscillators that are known, to be saved.
    pub fn oscillators(&self) -> impl Iterator<Item = (u8, SavedOscillator)> {
        let known = |(index, phc): (usize, &Option<PhcModel>)| Some((index as u8, phc.as_ref()?.oscillator?));
        self.0.iter().enumerate().filter_map(known)
    }

    /// The PHCs whose device has been gone for at least so long.
    pub fn gone_for(&self, now: Timestamp<Mono>, least: Duration) -> impl Iterator<Item = u8> {
        let is_gone = move |phc: &PhcModel| phc.gone_since.is_some_and(|since| now - since >= least);
        let index = move |(index, phc): (usize, &Option<PhcModel>)| {
            phc.as_ref().filter(|phc| is_gone(phc)).map(|_| index as u8)
        };
        self.0.iter().enumerate().filter_map(index)
    }

    /// Whether one of them hears the source.
    pub fn has_hub(&self) -> bool {
        self.hub().is_some()
    }

    fn hub(&self) -> Option<&PhcModel> {
        self.0.iter().flatten().find(|phc| phc.report.is_some_and(|report| report.is_hub))
    }

    /// What is wrong with the one that hears the source, as a clause.
    pub fn hub_trouble(&self) -> Option<String> {
        let hub = self.hub()?;
        let problem = hub.problem()?;
        // "it jumped" of which clock? Of this one.
        Some(format!("the clock of {} {}", hub.name, problem.strip_prefix("it ").unwrap_or(&problem)))
    }

    /// That the one that hears the source is not right yet, as a clause.
    pub fn hub_is_not_ready(&self) -> Option<String> {
        let hub = self.hub()?;
        let state = hub.report?.state;
        let is_ready = matches!(state, SyncState::Locked | SyncState::Holdover);
        (!is_ready).then(|| format!("the clock of {} hears one, and is {state} itself", hub.name))
    }

    /// The path to the master of a PHC that hears it.
    pub fn mean_path_delay(&self, index: Option<u8>) -> Option<Duration> {
        let report = self.0.get(usize::from(index?))?.as_ref()?.report?;
        report.is_hub.then_some(report.mean_path_delay)
    }

    /// What a PHC that hears a master is off from it by, as measured last.
    pub fn offset_from_master(&self, index: Option<u8>) -> Option<Duration> {
        let report = self.0.get(usize::from(index?))?.as_ref()?.report?;
        report.offset_from_master.filter(|_| report.is_hub)
    }

    /// A PHC cannot be read.
    pub fn crossing_failed(&mut self, events: &mut Events, at: At, index: u8, error: ClockError) {
        let Some(phc) = self.get(index) else { return };
        if error == ClockError::Failed(nix::libc::ENODEV) {
            phc.gone_since.get_or_insert(at.0);
        }
        phc.unreadable = Some(format!("it cannot be read ({})", words(error)));
        let text = format!("the clock of {} cannot be read ({}); trying again", phc.name, words(error));
        let change = Change::of(EventKind::Clock, &*phc.name).from_to("readable", "unreadable").because(words(error));
        events.record_change(at, (Level::Error, Topic::Clock), change, text, &[]);
    }

    /// A PHC can be read again.
    pub fn crossing_works(&mut self, events: &mut Events, at: At, index: u8) {
        let Some(phc) = self.get(index) else { return };
        phc.unreadable = None;
        phc.gone_since = None;
        let text = format!("the clock of {} can be read again", phc.name);
        let change = Change::of(EventKind::Clock, &*phc.name).from_to("unreadable", "readable");
        events.record_change(at, (Level::Info, Topic::Clock), change, text, &[]);
    }

    /// A PHC is read by another method.
    pub fn crossing_method(
        &mut self,
        events: &mut Events,
        at: At,
        index: u8,
        method: CrossingMethod,
        aside: Option<i32>,
    ) {
        let Some(phc) = self.get(index) else { return };
        let (name, method) = (&phc.name, method_word(method));
        let (level, text) = match aside {
            Some(errno) => {
                let why = words(ClockError::Failed(errno));
                (Level::Warn, format!("the clock of {name} is read by {method} crossings: better ones fail ({why})"))
            }
            None => (Level::Info, format!("the clock of {name} is read by {method} crossings")),
        };
        events.record(at, level, Topic::Clock, text, &[]);
    }

    /// Another program has set the frequency of a PHC.
    pub fn foreign(&mut self, events: &mut Events, at: At, index: u8, tampering: &Tampering, rivals: &[Rival]) {
        let Some(phc) = self.get(index) else { return };
        let suspects: Vec<_> = rivals.iter().filter(|rival| rival.steers_cards()).map(Rival::with_remedy).collect();
        let remedy = match &suspects[..] {
            [] => format!(
                "stop it (phc_ctl, a second ptp4l or ts2phc, in whatever container), or let clock.phc leave {} out",
                phc.name
            ),
            suspects => format!("stop {}", suspects.join(", ")),
        };
        let Tampering { found, ahead, behind } = tampering;
        let by = (*ahead).max(behind.abs());
        let text = format!(
            "{FREQUENCY_SET} the clock of {} to {found}, and moved it by up to {by} (the error bound is \
             as much wider): {remedy}",
            phc.name
        );
        let change = Change::of(EventKind::Foreign, &*phc.name).to(found);
        events.record_change(at, (Level::Error, Topic::Clock), change, text, &[]);
    }

    /// Takes in what the clocks say, and hands back what is of the system clock.
    pub fn cascade(
        &mut self,
        events: &mut Events,
        at: At,
        notice: CascadeNotice,
        tai_utc: Option<TaiUtc>,
    ) -> Option<Notice> {
        let mut change = Change::of(EventKind::Note, Topic::Clock.word());
        let (level, text) = match notice {
            CascadeNotice::Discipline(ClockId::Phc(index), notice) => {
                let phc = self.get(index)?;
                let (level, text) = phc.told(notice);
                change = notice_change(&phc.name, notice);
                (level, format!("clock of {}: {text}{}", phc.name, named_of(notice, tai_utc)))
            }
            CascadeNotice::Discipline(_, notice) => return Some(notice),
            CascadeNotice::Jumped(index, by, to) => {
                let phc = self.get(index)?;
                phc.jumps += 1;
                phc.jumped = Some((by, to));
                // The last report is of the time before.
                if let Some(report) = &mut phc.report {
                    (report.bound, report.offset_from_master) = (None, None);
                }
                change = Change::of(EventKind::PhcJump, &*phc.name).because(jump_text(to));
                change = change.to(format!("{by} off"));
                let text = format!("clock of {}: it jumped by {by} ({}); measuring again", phc.name, jump_text(to));
                (Level::Error, text)
            }
            CascadeNotice::StoodStill(by) => {
                change = Change::of(EventKind::Disruption, "machine").to("stood_still").because(format!("for {by}"));
                let text = format!(
                    "this machine stood still for {by}: its card has run on and agrees with the source; the system clock is measured again"
                );
                (Level::Warn, text)
            }
            CascadeNotice::Disrupted(disruption) => {
                let word = disruption_word(disruption);
                change = Change::of(EventKind::Disruption, "machine").to(word).because(disruption_text(disruption));
                let text = format!("{}: all clocks are measured again", disruption_text(disruption));
                (Level::Warn, text)
            }
            CascadeNotice::Hub(Some(ClockId::Phc(index))) => {
                let name = &self.get(index)?.name;
                (Level::Info, format!("the clock of {name} hears the source; the other clocks follow by it"))
            }
            CascadeNotice::Hub(_) => (Level::Info, "the system clock hears the source".to_owned()),
            CascadeNotice::Gate(is_open) => {
                let text = if is_open {
                    "the clock that hears the source is right: the other clocks follow it"
                } else {
                    "the clock that hears the source is not right: the other clocks do not follow it"
                };
                (if is_open { Level::Info } else { Level::Warn }, text.to_owned())
            }
            // Of no PHC: they count TAI, and are steered by whoever steers.
            CascadeNotice::Utc(_) | CascadeNotice::Helm { .. } | CascadeNotice::Verdict(..) => return None,
            CascadeNotice::Leap(tai_utc, how) => {
                change = Change::of(EventKind::Leap, "system").to("made").because(left_by(how));
                let level = if how == LeapPolicy::Ignore { Level::Warn } else { Level::Info };
                let now = tai_utc.map_or(String::new(), |tai_utc| format!("TAI - UTC is {} s now; ", tai_utc.0));
                (level, format!("leap second: {now}{}", left_by(how)))
            }
            CascadeNotice::LeapWorkedOff => {
                (Level::Info, "the leap second is slewed away: the clock shows UTC again".to_owned())
            }
        };
        events.record_change(at, (level, Topic::Clock), change, text, &[]);
        None
    }

    /// What the status shows.
    pub fn statuses(&self, now: Timestamp<Mono>) -> Vec<PhcStatus> {
        self.0.iter().flatten().map(|phc| phc.status(now)).collect()
    }
}

impl PhcModel {
    fn told(&mut self, notice: Notice) -> (Level, String) {
        if let Notice::Measured(frequency) = notice {
            self.oscillator = Some(SavedOscillator::of_frequency(frequency));
        }
        match notice {
            Notice::Refused { errno } => {
                self.refuses = Some(format!("it refuses to be adjusted ({})", words(errno.into())));
            }
            Notice::Obeys => self.refuses = None,
            Notice::State { to, .. } => {
                if to == SyncState::Locked {
                    self.jumped = None;
                }
                if let Some(report) = &mut self.report {
                    report.state = to;
                }
            }
            _ => {}
        }
        super::notice_text(notice)
    }

    /// What is wrong with it, a clause about "it", the worst alone.
    fn problem(&self) -> Option<String> {
        let jumped = |(by, to)| format!("it jumped by {by} ({}), and is being measured again", jump_text(to));
        self.unreadable.clone().or_else(|| self.refuses.clone()).or_else(|| self.jumped.map(jumped))
    }

    fn status(&self, now: Timestamp<Mono>) -> PhcStatus {
        let report = self.report;
        let seconds = |duration: Option<Duration>| duration.map(Duration::as_secs_f64);
        PhcStatus {
            name: self.name.clone(),
            device: self.device.clone(),
            state: report.map_or(SyncState::NeverSynced, |report| report.state),
            is_steered: report.is_some_and(|report| report.is_steered),
            is_hub: report.is_some_and(|report| report.is_hub),
            offset_from_master_s: seconds(report.and_then(|report| report.offset_from_master)),
            bound_s: seconds(report.and_then(|report| {
                let age = (now - report.at).max(Duration::ZERO);
                report.bound.map(|bound| bound + report.drift_rate.abs().drift(age))
            })),
            frequency_ppb: report.map(|report| report.frequency.ppb()),
            oscillator_frequency_ppb: self.oscillator.map(|oscillator| oscillator.frequency.ppb()),
            crossing_method: report.map_or("", |report| method_word(report.method)).to_owned(),
            crossing_window_s: report.map_or(0.0, |report| report.half_window.as_secs_f64()),
            problem: self.problem(),
            epoch: report.map_or(0, |report| report.epoch.0),
            jumps: self.jumps,
            last_sample_age_s: seconds(report.and_then(|report| report.last_sample).map(|last| now - last)),
            lock_time_s: seconds(report.and_then(|report| report.lock_time)),
        }
    }
}

/// What has made a clock jump, as far as its time shows.
fn jump_text(to: JumpedTo) -> &'static str {
    match to {
        JumpedTo::Zero => "a reset: it counts from 1970",
        JumpedTo::Utc => "its driver has started it anew, or another program: it shows UTC",
        JumpedTo::Elsewhere => "another program, or a reset",
    }
}

fn method_word(method: CrossingMethod) -> &'static str {
    match method {
        CrossingMethod::Precise => "precise",
        CrossingMethod::Extended => "extended",
        CrossingMethod::Basic => "basic",
    }
}
/// What a leap second has done to the clock.
const fn left_by(how: LeapPolicy) -> &'static str {
    match how {
        LeapPolicy::Kernel => "the kernel has set the clock",
        LeapPolicy::Step => "the clock was stepped by us",
        LeapPolicy::Slew => "the clock is a second off, which is slewed away (clock.leap = \"slew\")",
        LeapPolicy::Ignore => {
            "the clock was not set: it is a second off, which is corrected as any other offset (clock.leap)"
        }
    }
}
