//! The state of the clock, as each surface tells it: one word, and one meaning.
//!
//! A discipline is brought into each state in turn; what it publishes then goes to all who tell somebody of it.

use super::report::served_status;
use crate::clock::{CascadeNotice, kernel_status};
use crate::config::{Config, load};
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::discipline::{self, Adjustment, DRAIN, Discipline, Effect, Input, Reference, Timescale};
use crate::engine::Engine;
use crate::ntp::server::ResponseConfig;
use crate::observe::health::{Code, Thresholds, verdict};
use crate::observe::metrics::metrics;
use crate::observe::render::{Style, headline, render};
use crate::observe::status::{ClockKind, NtpServerStatus};
use crate::observe::{Status, ntpq};
use crate::ptp::{AnnouncedQuality, Announcement, PtpClockConfig, Steered, has_time};
use crate::runtime::events::Event;
use crate::runtime::host::Host;
use crate::runtime::model::Model;
use crate::runtime::server::answer_to_anybody;
use crate::sharing::TimeSnapshot;
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId, Stamp,
    StampSource, SyncState, TaiUtc, Timestamp,
};
use crate::wire::ntp::Header;
use crate::wire::ptp::{ClockIdentity, TimeSource};

const SOURCE: SourceId = SourceId(0);
const T: Duration = Duration::from_millis(125);
const DELAY: Duration = Duration::from_micros(5);
const TAI_UTC: TaiUtc = TaiUtc(37);
/// What the master's clock is ahead of CLOCK_MONOTONIC, and ours at first.
const MASTER: Duration = Duration::from_secs(1_800_000_000);
const OURS: Duration = Duration::from_secs(1_799_999_998);
/// What the kernel says of a clock that nobody vouches for: 16 s (NTP_PHASE_LIMIT, linux/timex.h).
const UNKNOWN_US: i64 = 16_000_000;

/// What a state means.
struct Row {
    state: SyncState,
    /// Whether there is an error bound.
    is_bounded: bool,
    /// The exit code of `health`.
    health: Code,
    /// What NTP clients and ntpq are told: leap, stratum (0 on the wire, 16 by ntpq), reference ID.
    ntp: (LeapIndicator, u8, &'static str),
    /// The clockClass that PTP ports announce where a primary reference steered; `None`: none is master.
    class: Option<u8>,
    /// The kernel's STA_UNSYNC.
    unsync: bool,
}

const fn row(
    state: SyncState,
    is_bounded: bool,
    health: Code,
    ntp: (LeapIndicator, u8, &'static str),
    class: Option<u8>,
) -> Row {
    Row { state, is_bounded, health, ntp, class, unsync: class.is_none() }
}

const TABLE: [Row; 6] = [
    row(SyncState::NeverSynced, false, Code::Critical, (LeapIndicator::Unknown, 0, "INIT"), None),
    row(SyncState::Acquiring, true, Code::Critical, (LeapIndicator::Unknown, 0, "INIT"), None),
    row(SyncState::Locked, true, Code::Ok, (LeapIndicator::NoWarning, 1, "PTP"), Some(6)),
    row(SyncState::Holdover, true, Code::Warning, (LeapIndicator::NoWarning, 1, "PTP"), Some(7)),
    row(SyncState::Freerun, true, Code::Critical, (LeapIndicator::Unknown, 0, "XBND"), None),
    row(SyncState::Disrupted, false, Code::Critical, (LeapIndicator::Unknown, 0, "STEP"), None),
];

/// A clock that runs true and follows a master, with what the daemon's model hears of it.
struct World {
    discipline: Discipline,
    model: Model,
    config: Config,
    now: Timestamp<Mono>,
    /// What our clock is ahead of CLOCK_MONOTONIC.
    ahead: Duration,
    correction: FrequencyPpb,
    epoch: ClockEpoch,
    announced: AnnouncedQuality,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_secs(100);
        let config = discipline::Config {
            lock_limit: Duration::from_micros(100),
            max_drift: FrequencyPpb::from_ppm(1.0),
            max_frequency: FrequencyPpb::from_ppm(500.0),
            step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: None },
            servo: Kind::Pi,
            proportional: None,
            integral: None,
            hold: false,
            saved: None,
            drain: DRAIN,
        };
        let reading = now.read_as::<Local>() + OURS;
        Self {
            discipline: Discipline::new(config, now, reading, ClockEpoch(0), FrequencyPpb::ZERO),
            model: Model::new(Host::default(), now, Some(TAI_UTC), ClockKind::System),
            config: load("[[ptp]]\ninterface = 'eth0'\n", "test").unwrap().config,
            now,
            ahead: OURS,
            correction: FrequencyPpb::ZERO,
            epoch: ClockEpoch(0),
            announced: AnnouncedQuality::default(),
        }
    }

    /// Brought into this state by what leads there.
    fn in_state(state: SyncState) -> Self {
        let mut world = Self::new();
        if state == SyncState::NeverSynced {
            return world;
        }
        world.follow();
        let exchanges = if state == SyncState::Acquiring { 4 } else { 80 };
        (0..exchanges).for_each(|_| world.exchange());
        world.announce(Steered::Primary(TimeSource::GNSS));
        match state {
            SyncState::NeverSynced | SyncState::Acquiring | SyncState::Locked => {}
            SyncState::Holdover => world.pass_without_samples(Duration::from_secs(2)),
            SyncState::Freerun => {
                world.pass_without_samples(Duration::from_secs(2));
                world.pass_without_samples(Duration::from_secs(86_400));
            }
            SyncState::Disrupted => {
                world.ahead += Duration::from_secs(300);
                world.epoch = world.epoch.next();
                let (reading, epoch) = (world.reading(), world.epoch);
                world.step(Input::Disturbed { reading, epoch });
            }
        }
        world
    }

    fn reading(&self) -> Timestamp<Local> {
        self.now.read_as::<Local>() + self.ahead
    }

    fn follow(&mut self) {
        let reference = Reference {
            source: SOURCE,
            timescale: Timescale::Utc,
            tai_utc: Some(TAI_UTC),
            is_held_over: false,
            is_orphan: false,
            accuracy: Some(Duration::from_nanos(100)),
            ruler: None,
            proofs: 0,
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            reference_id: *b"PTP\0",
            selected_at: self.now,
            continues: false,
            clock: 1,
            path: 0,
        };
        self.step(Input::Reference(Some(reference)));
        self.step(Input::Interval(LogInterval::new(-3)));
    }

    fn pass_without_samples(&mut self, time: Duration) {
        self.now = self.now + time;
        self.ahead += self.correction.drift(time);
        self.step(Input::Tick { reading: self.reading() });
    }

    /// A Sync and a Delay_Req at one instant.
    fn exchange(&mut self) {
        let master = self.now.read_as::<Local>() + MASTER;
        let stamp = |at, clock, epoch| Stamp { at, clock, epoch, source: StampSource::Kernel, error: Duration::ZERO };
        let remote = |at| stamp(at, ClockId::Remote(SOURCE), ClockEpoch(0));
        for is_sync in [true, false] {
            let ours = stamp(self.reading(), ClockId::Disciplined, self.epoch);
            let (sent, received) =
                if is_sync { (remote(master - DELAY), ours) } else { (ours, remote(master + DELAY)) };
            let observation = Observation { source: SOURCE, sent, received, correction: Duration::ZERO, exchange: 0 };
            self.step(Input::Observation(&observation));
        }
        self.pass_without_samples(T);
    }

    fn step(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.discipline.step(self.now, input, &mut out);
        for effect in out {
            match effect {
                Effect::Notice(notice) => {
                    let event = Event::Clock(CascadeNotice::Discipline(ClockId::System, notice));
                    self.model.take(self.now, self.reading(), event);
                }
                Effect::Adjust(adjustment) => self.obey(adjustment),
            }
        }
    }

    fn obey(&mut self, adjustment: Adjustment) {
        let before = self.reading();
        match adjustment {
            Adjustment::Frequency(frequency) => self.correction = frequency,
            Adjustment::Step(by, frequency) => {
                self.ahead += by;
                self.correction = frequency;
                self.epoch = self.epoch.next();
            }
            Adjustment::Hold => {}
        }
        let (after, epoch, frequency) = (self.reading(), self.epoch, self.correction);
        self.step(Input::Adjusted { before, after, epoch, frequency });
    }

    fn snapshot(&self) -> TimeSnapshot {
        self.discipline.snapshot(self.now, self.reading(), self.reading(), self.correction)
    }

    /// What the PTP ports announce that are master, steered by this or by nobody any more.
    fn announce(&mut self, steered: Steered) -> Option<Announcement> {
        let (snapshot, config, identity) = (self.snapshot(), PtpClockConfig::default(), ClockIdentity([7; 8]));
        let by = (steered, Duration::ZERO, self.discipline.config().lock_limit);
        let announced = self.announced.announcement(self.now, config, identity, &snapshot, by);
        has_time(&snapshot).then_some(announced)
    }

    /// What the NTP server answers.
    fn reply(&self, snapshot: &TimeSnapshot) -> Header {
        answer_to_anybody(ResponseConfig::PLAIN, snapshot, self.reading()).expect("a request is answered")
    }

    /// The status as the daemon puts it together.
    fn status(&self, snapshot: &TimeSnapshot) -> Status {
        let served = Some(served_status(&self.reply(snapshot)));
        Status {
            ntp_server: Some(NtpServerStatus { served, ..NtpServerStatus::default() }),
            ..self.model.figures(&self.config, self.now, self.reading(), snapshot)
        }
    }
}

/// The state that the status is in: as text, as JSON, in the metrics, by `health`.
fn assert_status(row: &Row, status: &Status) {
    let state = row.state;
    let headline = headline(status);
    assert!(render(status, Style::default()).contains(&headline), "{state}: status: {headline}");
    for other in SyncState::ALL {
        assert_eq!(headline.contains(other.word()), other == state, "{state}: status: {headline}");
    }
    assert_eq!(headline.contains("not synchronised"), row.unsync, "{state}: status: {headline}");
    assert_eq!(status.clock.bound_s.is_some(), row.is_bounded, "{state}: status");
    let json = serde_json::to_value(status).expect("plain data");
    assert_eq!(json["state"], state.word(), "{state}: status --json");

    let (exposed, clock) = (metrics(status, &[]), status.clock.kind.word());
    for other in SyncState::ALL {
        let value = if other == state { "1.0" } else { "0.0" };
        let line = format!("synchronome_sync_state{{clock=\"{clock}\",state=\"{other}\"}} {value}");
        assert!(exposed.lines().any(|exposed| exposed == line), "{state}: metrics: no {line}");
    }
    let is_bounded = exposed.lines().any(|line| line.starts_with("synchronome_clock_error_bound_seconds{"));
    assert_eq!(is_bounded, row.is_bounded, "{state}: metrics");
    let line = format!("synchronome_health_code {}.0", row.health as u8);
    assert!(exposed.lines().any(|exposed| exposed == line), "{state}: metrics: no {line}");

    let verdict = verdict(status, &Thresholds::default());
    assert_eq!(verdict.code, row.health, "{state}: health: {}", verdict.line);
    assert!(verdict.line.ends_with(&headline), "{state}: health: {}", verdict.line);
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json(Some(status))).expect("its own");
    assert_eq!((&json["state"], &json["code"]), (&state.word().into(), &(row.health as u8).into()), "health --json");
}

/// What an NTP client is told.
fn assert_reply(row: &Row, reply: &Header, bound: Duration) {
    let state = row.state;
    let reference_id = String::from_utf8_lossy(&reply.reference_id).trim_end_matches('\0').to_owned();
    assert_eq!((reply.leap, reply.stratum, reference_id.as_str()), row.ntp, "{state}: NTP");
    let distance = reply.root_delay.to_duration().half() + reply.root_dispersion.to_duration();
    assert!(row.unsync || distance >= bound, "{state}: NTP: {distance} for a bound of {bound}");
}

/// What `ntpq -c rv` is told of the system.
fn assert_variables(row: &Row, status: &Status, now: Timestamp<Local>) {
    let question = [0x16, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    let answers = ntpq::answers(&question, status, now.read_as());
    let text: String = answers.iter().map(|answer| String::from_utf8_lossy(&answer[12..]).into_owned()).collect();
    let variable = |name: &str| {
        let mut pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    };
    let (leap, stratum, reference_id) = row.ntp;
    let stratum = if stratum == 0 { 16 } else { stratum };
    let found = (variable("leap"), variable("stratum"), variable("refid"));
    let expected = ((leap as u8).to_string(), stratum.to_string(), reference_id.to_owned());
    assert_eq!(found, (Some(expected.0), Some(expected.1), Some(expected.2)), "{}: ntpq: {text}", row.state);
    assert_eq!(variable("rootdist").is_none(), row.unsync, "{}: ntpq: {text}", row.state);
}

/// What PTP clocks are told.
fn assert_announced(row: &Row, announced: Option<Announcement>, bound: Duration) {
    let state = row.state;
    assert_eq!(announced.map(|announced| announced.quality.clock_class), row.class, "{state}: PTP");
    if let Some(announced) = announced {
        let accuracy = announced.quality.clock_accuracy.bound();
        assert!(accuracy.is_some_and(|accuracy| accuracy >= bound), "{state}: clockAccuracy {accuracy:?} for {bound}");
    }
}

/// What the kernel is told, and tells all who ask it by adjtimex(2).
fn assert_kernel(row: &Row, snapshot: &TimeSnapshot, bound: Duration) {
    let state = row.state;
    let told = kernel_status(snapshot, Some(TAI_UTC), snapshot.leap);
    assert_eq!(told.unsync, row.unsync, "{state}: STA_UNSYNC");
    assert_eq!(told.tai_utc, (!row.unsync).then_some(37), "{state}: the kernel's TAI offset");
    if row.unsync {
        assert_eq!((told.max_error_us, told.est_error_us), (UNKNOWN_US, UNKNOWN_US), "{state}: the kernel");
    } else {
        assert!(
            (bound.as_nanos() / 1_000..UNKNOWN_US).contains(&told.max_error_us),
            "{state}: maxerror {told:?} {bound}"
        );
        assert!(told.est_error_us <= told.max_error_us, "{state}: esterror {told:?}");
    }
}

#[test]
fn a_state_is_the_same_word_and_means_the_same_on_every_surface_at_once() {
    assert_eq!(TABLE.each_ref().map(|row| row.state), SyncState::ALL, "a row for each");
    for row in &TABLE {
        let mut world = World::in_state(row.state);
        let snapshot = world.snapshot();
        assert_eq!((snapshot.state, snapshot.is_bounded), (row.state, row.is_bounded), "what is published");
        let bound = snapshot.bound_at(world.reading()).greatest_error();
        let status = world.status(&snapshot);
        assert_status(row, &status);
        assert_reply(row, &world.reply(&snapshot), bound);
        assert_variables(row, &status, world.reading());
        assert_kernel(row, &snapshot, bound);
        let steered =
            if row.state == SyncState::Holdover { Steered::Nobody } else { Steered::Primary(TimeSource::GNSS) };
        assert_announced(row, world.announce(steered), bound);
    }
}
