//! A master, two PHCs and a system clock in virtual time: software clocks, whose truth is known.

use super::follow::local_stamp;
use super::*;
use crate::clock::{HostUtc, LeapPolicy, OscillatorModel, Ruling, SoftwareClock, UtcDispute, UtcPolicy};
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::discipline::servo::Kind;
use crate::sharing::{PhcLine, PhcLines};
use crate::time::{FrequencyPpb, LeapIndicator};

mod disruption;
mod doubt;

const PORT: SourceId = SourceId(0);
const TAI_UTC: TaiUtc = TaiUtc(37);
const DELAY: Duration = Duration::from_micros(1);
const A_MOMENT: Duration = Duration::from_micros(1);
const MAX: FrequencyPpb = FrequencyPpb::new(500_000.0);

/// The stamping clocks all read the true time (the PHCs TAI, the system clock UTC); the clocks over them are wrong.
struct World {
    cascade: Cascade<SoftwareClock>,
    now: Timestamp<Mono>,
    start: Timestamp<Local>,
    notices: Vec<CascadeNotice>,
    /// What PHC 0 has been set by behind our back.
    phc_set_by: Duration,
    reference: Option<Reference>,
    /// How long the machine has stood still.
    paused: Duration,
    /// What a leap second has added to UTC, which the stamping clock has not gone through.
    leapt: Duration,
    /// What the master's clock is ahead of the truth.
    master_ahead: Duration,
    hub: ClockId,
    phcs: u8,
    window: Duration,
    /// Of the network, exponential, each way.
    jitter: Duration,
    /// A Delay_Req goes with each so many Syncs.
    request_every: i64,
    ticks: i64,
    seed: u64,
    /// The greatest error of each of [`ALL`] since it was cleared.
    greatest: [Duration; 3],
}

pub(super) fn steering(kind: Kind) -> SteeringConfig {
    SteeringConfig {
        lock_limit: Duration::from_micros(10),
        max_drift: FrequencyPpb::from_ppm(1.0),
        max_frequency: MAX,
        step: StepPolicy { first: StepRule::Any, later: StepRule::Never, panic: None },
        servo: kind,
        proportional: None,
        integral: None,
        hold: false,
        saved: None,
        drain: crate::discipline::DRAIN,
    }
}

fn software(start: Timestamp<Local>, offset: Duration, ppm: f64) -> SoftwareClock {
    limited(start, offset, ppm, MAX)
}

fn limited(start: Timestamp<Local>, offset: Duration, ppm: f64, most: FrequencyPpb) -> SoftwareClock {
    let model = OscillatorModel { frequency: FrequencyPpb::from_ppm(ppm), ..OscillatorModel::PERFECT };
    SoftwareClock::new(start, offset, model, most)
}

impl World {
    fn new(hub: ClockId, kind: Kind) -> Self {
        Self::at(hub, kind, Timestamp::from_secs(1_800_000_000))
    }

    fn at(hub: ClockId, kind: Kind, start: Timestamp<Local>) -> Self {
        Self::corrected_by(hub, kind, start, MAX)
    }

    /// Whose clocks take corrections of up to `most`.
    fn corrected_by(hub: ClockId, kind: Kind, start: Timestamp<Local>, most: FrequencyPpb) -> Self {
        let now = Timestamp::from_secs(500);
        let config = CascadeConfig {
            steering: SteeringConfig { max_frequency: most, ..steering(kind) },
            lock_limit: None,
            utc: HostUtc::default(),
            utc_policy: UtcPolicy::Check,
            leap: LeapPolicy::Kernel,
        };
        let system = limited(start, Duration::from_millis(3), 32.0, most);
        let cascade = Cascade::new(system, config, now, start);
        let reference = Reference {
            source: PORT,
            timescale: Timescale::Tai(TAI_UTC),
            tai_utc: Some(TAI_UTC),
            is_held_over: false,
            is_orphan: false,
            accuracy: Some(Duration::from_nanos(100)),
            ruler: None,
            proofs: 0,
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            reference_id: *b"PTP\0",
            selected_at: now,
            continues: false,
            clock: 1,
            path: 0,
        };
        let mut world = Self {
            cascade,
            now,
            start,
            notices: Vec::new(),
            phc_set_by: Duration::ZERO,
            paused: Duration::ZERO,
            leapt: Duration::ZERO,
            reference: Some(reference),
            master_ahead: Duration::ZERO,
            hub,
            phcs: 0,
            window: Duration::from_nanos(400),
            jitter: Duration::ZERO,
            request_every: 1,
            ticks: 0,
            seed: 1,
            greatest: [Duration::ZERO; 3],
        };
        for (index, ppm) in [(0, -35.0), (1, 12.0)] {
            let crossing = world.crossing(index);
            let clock = limited(crossing.device, Duration::from_secs(-40), ppm, most).on(ClockId::Phc(index));
            world.cascade.add_phc(index, clock, &crossing, None);
            world.phcs += 1;
        }
        world.follow();
        world
    }

    /// By the machine's own clock.
    fn utc(&self) -> Timestamp<Local> {
        self.start + (self.now - Timestamp::from_secs(500))
    }

    fn tai(&self) -> Timestamp<Local> {
        self.utc() + self.paused + TAI_UTC.duration()
    }

    /// What PHC `index` itself reads, before the software clock over it.
    fn raw_phc(&self, index: u8) -> Timestamp<Local> {
        self.tai() + if index == 0 { self.phc_set_by } else { Duration::ZERO }
    }

    /// 0 to 1, the same on every machine.
    fn random(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 40) as f64 / f64::from(1 << 24)
    }

    fn crossing(&mut self, index: u8) -> Crossing {
        let before = self.window.scaled(self.random());
        let after = self.window - before;
        Crossing {
            before: self.utc() - before,
            device: self.raw_phc(index),
            after: self.utc() + after,
            raw: self.now.read_as(),
            mono: self.now,
            window: self.window,
            slack: Duration::ZERO,
        }
    }

    fn follow(&mut self) {
        let (now, local, hub, reference) = (self.now, self.utc(), self.hub, self.reference);
        let notices = &mut self.notices;
        let interval = Some(LogInterval::new(-2));
        self.cascade.follow(now, local, Some(hub), reference, interval, &mut |notice| notices.push(notice));
    }

    /// A Sync, or a Delay_Req.
    fn message(&mut self, is_sync: bool) {
        let ours = match self.hub {
            ClockId::Phc(index) => local_stamp(self.raw_phc(index), self.hub),
            _ => local_stamp(self.utc(), self.hub),
        };
        let theirs = self.tai() + self.master_ahead;
        let source = self.reference.map_or(PORT, |reference| reference.source);
        let remote = |at| local_stamp(at, ClockId::Remote(source));
        let delay = DELAY - self.jitter.scaled(libm::log(1.0 - self.random()));
        let (sent, received) = if is_sync { (remote(theirs - delay), ours) } else { (ours, remote(theirs + delay)) };
        let edge = Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 };
        let (now, local, notices) = (self.now, self.utc(), &mut self.notices);
        self.cascade.observe(now, local, &edge, &mut |notice| notices.push(notice));
    }

    /// Lets time pass: an exchange each 250 ms while there is a reference, crossings when they are due.
    fn run(&mut self, seconds: i64) {
        self.run_ticks(seconds * 64);
    }

    /// As above, for some sixty-fourths of a second.
    fn run_ticks(&mut self, ticks: i64) {
        const STEP: Duration = Duration::from_micros(15_625);
        for _ in 0..ticks {
            self.now = self.now + STEP;
            self.ticks += 1;
            let step = self.ticks;
            if self.reference.is_some() && step % 16 == 0 {
                self.message(true);
            }
            if self.reference.is_some() && step % (16 * self.request_every) == 5 {
                self.message(false);
            }
            for index in 0..self.phcs {
                if self.cascade.is_crossing_due(index, self.now) {
                    let crossing = self.crossing(index);
                    let notices = &mut self.notices;
                    self.cascade.crossing(index, &crossing, &mut |notice| notices.push(notice));
                    self.cascade.schedule_crossing(index, self.now);
                }
            }
            let (now, local, notices) = (self.now, self.utc(), &mut self.notices);
            self.cascade.tick(now, local, &mut |notice| notices.push(notice));
            self.assert_bounds();
            self.note_errors();
        }
    }

    fn note_errors(&mut self) {
        for (index, clock) in ALL.into_iter().enumerate() {
            let is_there = !matches!(clock, ClockId::Phc(index) if self.cascade.phc(index, self.now).is_none());
            if is_there {
                self.greatest[index] = self.greatest[index].max(self.error(clock).abs());
            }
        }
    }

    /// Of a clock a moment after the last command, from the truth.
    fn error(&mut self, clock: ClockId) -> Duration {
        let (now, utc, tai) = (self.now, self.utc() + A_MOMENT, self.tai() + A_MOMENT);
        match clock {
            ClockId::Phc(index) => {
                let raw = self.raw_phc(index) + A_MOMENT;
                let (steering, ..) = self.cascade.phc(index, now).unwrap();
                steering.clock().line(raw).0 - tai
            }
            _ => self.cascade.system().clock().line(utc).0 - utc - self.paused - self.leapt,
        }
    }

    /// The truth lies inside what is claimed, for each clock that claims anything, while the master is right.
    fn assert_bounds(&mut self) {
        if self.master_ahead != Duration::ZERO {
            return;
        }
        let (now, utc) = (self.now, self.utc() + A_MOMENT);
        let doubt = self.cascade.hub_in_doubt();
        let is_seen = |notice: &CascadeNotice| matches!(notice, CascadeNotice::StoodStill(_));
        if self.paused != Duration::ZERO && doubt.is_none() && !self.notices.iter().any(is_seen) {
            // Nothing in the machine shows it.
            return;
        }
        let doubt = doubt.unwrap_or_default();
        let system = self.cascade.system().bound(utc).map(|parts| parts.total().greatest_error() + doubt);
        let error = self.error(ClockId::System).abs();
        assert!(system.is_none_or(|bound| error <= bound), "system off by {error}, claims {system:?}");
        for index in 0..self.phcs {
            if index == 0 && self.phc_set_by != Duration::ZERO {
                continue;
            }
            let raw = self.raw_phc(index) + A_MOMENT;
            let Some((steering, ..)) = self.cascade.phc(index, now) else { continue };
            let bound = steering.bound(raw).map(|parts| parts.total().greatest_error());
            let error = self.error(ClockId::Phc(index)).abs();
            assert!(bound.is_none_or(|bound| error <= bound), "PHC {index} off by {error}, claims {bound:?}");
        }
    }

    fn state(&mut self, clock: ClockId) -> SyncState {
        let now = self.now;
        match clock {
            ClockId::Phc(index) => self.cascade.phc(index, now).unwrap().0.state(),
            _ => self.cascade.system().state(),
        }
    }
}

const ALL: [ClockId; 3] = [ClockId::Phc(0), ClockId::Phc(1), ClockId::System];

#[test]
fn all_clocks_are_right_whoever_hears_the_source() {
    for kind in [Kind::Pi, Kind::Estimator] {
        for hub in ALL {
            let mut world = World::new(hub, kind);
            world.run(20);
            for clock in ALL {
                assert_eq!(world.state(clock), SyncState::Locked, "{clock:?} of hub {hub:?}");
                let error = world.error(clock);
                assert!(error.abs() < Duration::from_nanos(500), "{clock:?} of hub {hub:?} is off by {error}");
            }
        }
    }
}

#[test]
fn by_crossings_at_one_instant_of_which_most_are_told_by_half_the_system_clock_is_as_right() {
    let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
    world.window = Duration::ZERO;
    world.run(30);
    let told = |world: &World| world.cascade.phcs[0].as_ref().map(|leaf| leaf.halves);
    let mut halves = std::collections::BTreeSet::new();
    for _ in 0..600 {
        world.run_ticks(1);
        halves.extend(told(&world));
        world.assert_bounds();
        let error = world.error(ClockId::System).abs();
        assert!(error < Duration::from_nanos(20), "{error}");
    }
    assert_eq!(halves.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3], "each fourth one is told whole");
    // Where there is a window, both edges say something of their own.
    let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
    world.run(60);
    assert_eq!(told(&world), Some(0));
}

#[test]
fn the_system_clock_waits_until_the_phc_is_right() {
    let mut world = World::new(ClockId::Phc(0), Kind::Pi);
    world.run(20);
    let position = |wanted: &dyn Fn(&CascadeNotice) -> bool| world.notices.iter().position(wanted);
    let gate = position(&|notice| *notice == CascadeNotice::Gate(true)).expect("the gate opens");
    let is_step = |notice: &CascadeNotice, clock| matches!(notice, CascadeNotice::Discipline(of, Notice::Stepped(_)) if *of == clock);
    let phc = position(&|notice| is_step(notice, ClockId::Phc(0))).expect("the PHC is stepped");
    let system = position(&|notice| is_step(notice, ClockId::System)).expect("the system clock is stepped");
    assert!(phc < gate && gate < system);
}

#[test]
fn a_phc_that_jumps_stops_steering_at_once_and_comes_back() {
    for by in [Duration::from_micros(50), Duration::SECOND, Duration::from_secs(-1_800_000_000)] {
        let mut world = World::new(ClockId::Phc(0), Kind::Pi);
        world.run(20);
        let before = world.error(ClockId::System);
        world.notices.clear();
        world.phc_set_by = by;
        world.run(1);
        let told = world.notices.iter().find_map(|notice| match notice {
            CascadeNotice::Jumped(0, told, _) => Some(*told),
            _ => None,
        });
        let told = told.expect("an alarm");
        // Its size is told on the oscillator's own scale, some ppm apart from that of the jump.
        let tolerance = Duration::from_micros(5) + by.abs().scaled(1e-4);
        assert!((told - by).abs() < tolerance, "a jump of {by} was told as {told}");
        let moved = world.error(ClockId::System) - before;
        assert!(moved.abs() < Duration::from_micros(1), "the system clock went along by {moved}");
        world.run(20);
        for clock in ALL {
            assert_eq!(world.state(clock), SyncState::Locked, "{clock:?} after a jump of {by}");
            let error = world.error(clock);
            assert!(error.abs() < Duration::from_nanos(500), "{clock:?} is off by {error} after a jump of {by}");
        }
    }
}

/// Who was said to contradict himself.
fn accused(world: &World) -> Vec<ClockId> {
    let contradicts = |notice: &CascadeNotice| match notice {
        CascadeNotice::Discipline(clock, Notice::Contradiction) => Some(*clock),
        _ => None,
    };
    world.notices.iter().filter_map(contradicts).collect()
}

#[test]
fn a_clock_that_jumps_is_told_and_nobody_says_that_the_master_contradicts_himself() {
    for kind in [Kind::Pi, Kind::Estimator] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.run(20);
        world.notices.clear();
        // The crossings are four a second, as the Syncs are: here a Sync comes first.
        while world.cascade.is_crossing_due(0, world.now + Duration::from_millis(60)) {
            world.run_ticks(1);
        }
        world.phc_set_by = Duration::from_micros(50);
        world.message(true);
        world.run(10);
        assert!(world.notices.iter().any(|notice| matches!(notice, CascadeNotice::Jumped(0, ..))), "{kind:?}");
        assert_eq!(accused(&world), [], "{kind:?}");
    }
}

#[test]
fn a_master_that_steps_is_told_once_and_no_clock_is() {
    for kind in [Kind::Pi, Kind::Estimator] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.run(20);
        world.notices.clear();
        world.master_ahead = Duration::from_micros(50);
        world.run(20);
        assert!(!world.notices.iter().any(|notice| matches!(notice, CascadeNotice::Jumped(..))), "{kind:?}");
        assert_eq!(accused(&world), [ClockId::Phc(0)], "{kind:?}");
    }
}

#[test]
fn while_the_hub_holds_over_the_others_go_with_it_and_say_so() {
    let mut world = World::new(ClockId::Phc(0), Kind::Pi);
    world.run(20);
    world.reference = None;
    world.follow();
    world.run(10);
    assert_eq!(world.state(ClockId::Phc(0)), SyncState::Holdover);
    assert_eq!(world.state(ClockId::System), SyncState::Holdover);
    let apart = world.error(ClockId::System) - world.error(ClockId::Phc(0));
    assert!(apart.abs() < Duration::from_nanos(500), "{apart}");
}

#[test]
fn another_hub_takes_over_without_a_step() {
    let mut world = World::new(ClockId::Phc(0), Kind::Pi);
    world.run(20);
    world.notices.clear();
    world.hub = ClockId::Phc(1);
    let selected_at = world.now;
    world.reference = world.reference.map(|reference| Reference { source: SourceId(1), selected_at, ..reference });
    world.follow();
    world.run(1);
    world.reference = world.reference.map(|reference| Reference { source: PORT, ..reference });
    world.follow();
    world.run(20);
    let steps = world.notices.iter().filter(|n| matches!(n, CascadeNotice::Discipline(_, Notice::Stepped(_)))).count();
    assert_eq!(steps, 0);
    for clock in ALL {
        assert_eq!(world.state(clock), SyncState::Locked, "{clock:?}");
        assert!(world.error(clock).abs() < Duration::from_nanos(500), "{clock:?}");
    }
}

#[test]
fn a_leap_second_moves_utc_and_disturbs_nobody() {
    // 30 s before the end of 2026, with a warning.
    let mut world = World::at(ClockId::Phc(0), Kind::Pi, Timestamp::from_secs(1_798_761_600 - 30));
    world.reference = world.reference.map(|reference| Reference { leap: LeapIndicator::Insert, ..reference });
    world.follow();
    world.run(20);
    assert_eq!(world.cascade.snapshot(world.now, world.utc()).leap, LeapIndicator::Insert);
    world.run(8);
    world.notices.clear();
    let local = world.utc();
    assert!(!world.cascade.leap().is_due(local.read_as()));
    world.run(2);
    let (now, local) = (world.now, world.utc());
    assert!(world.cascade.leap().is_due((local + Duration::from_millis(10)).read_as()));
    // The kernel sets its clock back; nobody else has said anything yet.
    world.start = world.start - Duration::SECOND;
    let was_foreign = world.cascade.system_was_set(now, local - Duration::SECOND, -Duration::SECOND, &mut |_| {});
    assert!(!was_foreign);
    let snapshot = world.cascade.snapshot(now, world.utc());
    assert_eq!(snapshot.leap, LeapIndicator::NoWarning);
    assert_eq!(world.cascade.leap().tai_utc(), Some(TaiUtc(38)));
}

/// The line of a PHC now, if it has one.
fn line_of(world: &mut World, index: u8) -> Option<PhcLine> {
    world.cascade.lines(world.now, world.utc()).0[usize::from(index)]
}

#[test]
fn a_phcs_line_says_utc_within_its_bound_once_the_gate_is_open() {
    for hub in ALL {
        let mut world = World::new(hub, Kind::Pi);
        assert_eq!(world.cascade.lines(world.now, world.utc()), PhcLines::default(), "nothing is known yet");
        let mut lines = 0;
        for _ in 0..20 {
            world.run(1);
            for index in 0..2 {
                let Some(line) = line_of(&mut world, index) else { continue };
                lines += 1;
                // What it says of a stamp a little later, when the clock in software has been corrected again perhaps.
                let later = Duration::from_millis(15);
                let (utc, bound) = line.utc_at(world.raw_phc(index) + later).expect("within reach");
                let error = utc.read_as() - (world.utc() + later);
                assert!(error.abs() <= bound, "PHC {index} of hub {hub:?} is off by {error}, claims {bound}");
            }
        }
        assert!(lines > 20, "hub {hub:?}: {lines} lines");
        let (utc, _) = line_of(&mut world, 0).and_then(|line| line.utc_at(world.raw_phc(0))).expect("settled");
        let error = utc.read_as() - world.utc();
        assert!(error.abs() < Duration::from_nanos(500), "off by {error}");
    }
}

#[test]
fn a_phc_that_jumped_or_is_not_crossed_any_more_has_no_line() {
    let mut world = World::new(ClockId::Phc(0), Kind::Pi);
    world.run(20);
    assert!(line_of(&mut world, 0).is_some() && line_of(&mut world, 1).is_some());
    let later = world.now + Duration::from_millis(1_300);
    let lines = world.cascade.lines(later, world.utc() + Duration::from_millis(1_300));
    assert_eq!(lines, PhcLines::default(), "nobody reads it: it may be anywhere");

    let epochs = world.cascade.phc_epochs();
    world.phc_set_by = Duration::from_micros(50);
    let crossing = world.crossing(0);
    world.cascade.crossing(0, &crossing, &mut |_| ());
    assert_ne!(world.cascade.phc_epochs(), epochs, "to be published at once");
    assert_eq!(line_of(&mut world, 0), None);
    assert_eq!(line_of(&mut world, 1), None, "it followed the one that jumped: the gate is closed");
    world.run(20);
    let line = line_of(&mut world, 0).expect("it is right again");
    assert_eq!(line.utc_at(line.since - A_MOMENT), None, "stamps of before the jump mean nothing");
}

#[test]
fn around_a_leap_second_no_line_says_which_utc_it_is() {
    let start = Timestamp::from_secs(1_798_761_600 - 30);
    assert_eq!(start.seconds() % 86_400, 86_400 - 30);
    let mut world = World::at(ClockId::Phc(0), Kind::Pi, start);
    world.reference = world.reference.map(|reference| Reference { leap: LeapIndicator::Insert, ..reference });
    world.follow();
    world.run(25);
    assert!(line_of(&mut world, 0).is_some());
    world.run(4);
    assert_eq!(line_of(&mut world, 0), None);
}

#[test]
fn a_leap_second_that_nobody_makes_is_made_in_the_served_time() {
    let mut world = World::at(ClockId::Phc(0), Kind::Pi, Timestamp::from_secs(1_798_761_600 - 30));
    world.reference = world.reference.map(|reference| Reference { leap: LeapIndicator::Insert, ..reference });
    world.follow();
    world.run(31);
    // The kernel has not made it: its clock is a second ahead from here on, and ours must not be.
    let (now, local) = (world.now, world.utc());
    let served = |world: &mut World| world.cascade.snapshot(world.now, world.utc() + A_MOMENT);
    let before = served(&mut world);
    assert!(!world.cascade.look_at_leap(now - Duration::SECOND, local - Duration::from_secs(2), false, &mut |_| {}));
    assert!(world.cascade.look_at_leap(now, local, false, &mut |_| {}));
    let after = served(&mut world);
    let moved = after.anchor_utc - before.anchor_utc;
    assert!((moved + Duration::SECOND).abs() < Duration::from_micros(1), "{moved}");
    assert!(after.state.is_synchronised());
    assert_eq!(world.cascade.leap().tai_utc(), Some(TaiUtc(38)));
}

/// The source says this of TAI - UTC from now on, or is another clock that does.
fn says(world: &mut World, clock: u64, tai_utc: i16) {
    let timescale = Timescale::Tai(TaiUtc(tai_utc));
    world.notices.clear();
    world.reference = world.reference.map(|reference| Reference { timescale, clock, ..reference });
    world.follow();
}

fn disputes(world: &World) -> Vec<(i16, Ruling)> {
    let dispute = |notice: &CascadeNotice| match notice {
        CascadeNotice::Utc(UtcNews::Disputed(UtcDispute { stated, ruling, .. })) => Some((stated.0, *ruling)),
        _ => None,
    };
    world.notices.iter().filter_map(dispute).collect()
}

#[test]
fn a_change_of_tai_utc_in_mid_day_moves_no_clock() {
    for hub in [ClockId::System, ClockId::Phc(0)] {
        let mut world = World::new(hub, Kind::Pi);
        world.run(20);
        let clock = world.reference.expect("a source").clock;
        says(&mut world, clock, 38);
        assert_eq!(disputes(&world), [(38, Ruling::Ignored)]);
        world.run(10);
        for clock in [ClockId::System, ClockId::Phc(0)] {
            assert_eq!(world.state(clock), SyncState::Locked, "{clock:?} of hub {hub:?}");
            assert!(world.error(clock).abs() < Duration::from_nanos(500), "{clock:?} of hub {hub:?}");
        }
        says(&mut world, clock, 37);
        assert!(world.notices.contains(&CascadeNotice::Utc(UtcNews::Settled(TAI_UTC))));
    }
}

#[test]
fn utc_is_not_taken_from_a_source_that_counts_tai_as_utc_and_tai_is() {
    let mut world = World::new(ClockId::Phc(0), Kind::Pi);
    world.run(20);
    let clock = world.reference.expect("a source").clock;
    says(&mut world, clock + 1, 0);
    assert_eq!(disputes(&world), [(0, Ruling::Refused)]);
    world.run(10);
    assert_eq!((world.state(ClockId::Phc(0)), world.state(ClockId::System)), (SyncState::Locked, SyncState::Holdover));
    assert!(world.error(ClockId::System).abs() < Duration::from_micros(10), "it runs on, and is moved by no second");
    assert_eq!(world.cascade.snapshot(world.now, world.utc()).leap, LeapIndicator::NoWarning);
    says(&mut world, clock + 1, 37);
    world.run(10);
    assert_eq!(world.state(ClockId::System), SyncState::Locked);
}

mod handover;
mod pulses;
mod scales;
mod votes;

mod leap;
