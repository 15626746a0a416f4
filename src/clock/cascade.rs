//! All the clocks of one host, steered as a star.
//!
//! ```text
//!                      master
//!                        |  Sync, Delay_Req: stamped by the hub
//!                       hub             a PHC, or the system clock where the kernel stamps
//!                    /   |   \  crossings: the hub read between two readings of the other
//!                system PHC  PHC
//! ```
//!
//! The obvious way is a chain: the PHC follows the master, the system clock follows the PHC (ptp4l, then phc2sys). Then the
//! second servo filters the noise that the first one has put into its clock. Here each clock has one servo, and all are
//! steered against the master as the hub's discipline estimates it: a crossing is compared with the hub's reading less
//! what the hub is thought to be ahead of the master. Their estimators measure on the hub's oscillator, which goes on whatever is
//! thought of the master ([`Ruler`](crate::discipline::Ruler)).
//!
//! The gate: the others follow the hub only while it is right. It opens when the hub's bound and its last few samples are
//! inside the lock limit, a moment before it is called LOCKED; while the hub holds over
//! they go on with it, and say so; when its time is disturbed (a jump, a reset), or it is given another master, it closes at once.
//!
//! With several sources ([`Cascade::judge_by`]) the helm says which one makes its clock the hub (see the file `sources`).
//!
//! When another hub takes over, or one comes back, the time is known already: each clock keeps what it has learnt of the same
//! master, as sure as both were, and learns the new path's delay. The others do not chase what a new hub believes at first:
//! they hold their course until it is as sure of the time as they are.

pub use self::jumped::JumpedTo;
use self::leaf::Leaf;
use self::reason::{KeptBack, but_contradictions};
use self::sources::Sources;
pub use self::sources::Standing;
use super::continuity::{Continuity, Proof};
use super::disruption::Disruption;
use super::leap::{HostUtc, LeapPolicy, LeapWatch, UtcNews, UtcPolicy, UtcWord};
use super::{Clock, Counts, Steering, SteeringConfig};
use crate::discipline::helm::{HELM_SOURCES_MAX, Verdict, Why};
use crate::discipline::servo::Kind;
use crate::discipline::{Notice, Reference, SavedOscillator, Timescale};
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Observation, SourceId,
    SyncState, TaiUtc, Timestamp, Utc,
};

/// The most PHCs of one host that are steered.
pub const PHCS_MAX: usize = 8;
/// The row of the crossings of a PHC that follows, beyond all rows of the configuration. That of the system clock's crossings with
/// PHC `n`, its hub, is `n + 1` further: each is another path.
pub const CROSSING_SOURCE: SourceId = SourceId(0xff00);
/// The interval of crossings while a clock is not locked.
pub const CROSSING_FAST: LogInterval = LogInterval::new(-4);
/// The interval of crossings of a clock that has settled.
pub const CROSSING_STEADY: LogInterval = LogInterval::new(-2);
/// The same of one with a PI servo where the hardware latches both clocks: such crossings have no noise that more of them would
/// average out.
pub const CROSSING_STEADY_PI: LogInterval = LogInterval::new(-1);
/// How much later than planned a crossing of a settled clock may be, and how much earlier any: parts of its interval.
const PATIENCE: f64 = 0.125;
/// As above.
const HASTE: f64 = 0.25;
/// The same where the system clock is commanded multiples of the step in which its rate goes.
const HASTE_BY_STEPS: f64 = 0.016;
/// A clock has settled when it has been locked for so long.
const SETTLED: Duration = Duration::from_secs(4);
/// What a hardware clock's reading is off by beside its window: it counts whole nanoseconds.
const READING_ERROR: Duration = Duration::from_nanos(1);
/// LOCKED asks for a bound of at most this where hardware stamps, if the configuration does not say.
pub const LOCK_LIMIT_HARDWARE: Duration = Duration::from_micros(10);
/// LOCKED asks for a bound of at most this where the kernel stamps, if the configuration does not say.
pub const LOCK_LIMIT_SOFTWARE: Duration = Duration::from_micros(100);
/// LOCKED asks for a bound of at most this where an NTP server steers, if the configuration does not say: half of the round trip
/// to a distant one, and what that says of itself.
pub const LOCK_LIMIT_NTP: Duration = Duration::from_millis(100);
/// No clock runs further off than this from CLOCK_MONOTONIC.
const RATE_MAX: FrequencyPpb = FrequencyPpb::new(1_500_000.0);

/// One reading of a PHC between two of the system clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crossing {
    /// CLOCK_REALTIME just before.
    pub before: Timestamp<Local>,
    /// The PHC.
    pub device: Timestamp<Local>,
    /// CLOCK_REALTIME just after; the same as `before` where the hardware latches both.
    pub after: Timestamp<Local>,
    /// CLOCK_MONOTONIC_RAW when the PHC was read, to within `window`.
    pub raw: Timestamp<Local>,
    /// CLOCK_MONOTONIC when the PHC was read.
    pub mono: Timestamp<Mono>,
    /// How long reading took: the PHC was read at an unknown moment of it.
    pub window: Duration,
    /// How far `raw` may be off beside that, as `mono` may: an interrupt may have come between two readings. Zero where the kernel
    /// reads `raw` at the same instant.
    pub slack: Duration,
}

/// What is worth telling, and of which clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CascadeNotice {
    /// Of the discipline of a clock.
    Discipline(ClockId, Notice),
    /// A PHC did not run on as a clock does: by how much, and what it shows since.
    Jumped(u8, Duration, JumpedTo),
    /// The whole machine stood still for so long, with its system clock, which is measured anew.
    StoodStill(Duration),
    /// The hypervisor says that the whole machine was paused, moved or restored: all clocks are measured anew.
    Disrupted(Disruption),
    /// The clock that hears the source is another one from now on.
    Hub(Option<ClockId>),
    /// The hub is right: the others follow it; or it is not any more, and they do not.
    Gate(bool),
    /// A leap second is past: TAI - UTC is this now, if it is known, and the clock has gone through it like that.
    Leap(Option<TaiUtc>, LeapPolicy),
    /// What a leap second had put the clock off by has been slewed away.
    LeapWorkedOff,
    /// Of several sources another one steers, or none.
    Helm {
        /// Who steered.
        from: Option<SourceId>,
        /// Who steers.
        to: Option<SourceId>,
        /// Why.
        why: Why,
        /// When the one before was measured last.
        heard: Option<Timestamp<Mono>>,
    },
    /// Something else is thought of a source.
    Verdict(SourceId, Verdict),
    /// What a source says of TAI - UTC is not what is known, or is again.
    Utc(UtcNews),
}

/// How the clocks are steered.
#[derive(Clone, Copy, Debug)]
pub struct CascadeConfig {
    /// As for a single clock; its lock limit is that of `lock_limit`, or by who stamps.
    pub steering: SteeringConfig,
    /// The lock limit, if the configuration says it.
    pub lock_limit: Option<Duration>,
    /// What the host knows of TAI - UTC: for where the source does not say it, and to hold its word against.
    pub utc: HostUtc,
    /// Whose word counts if they contradict each other.
    pub utc_policy: UtcPolicy,
    /// How the system clock goes through a leap second.
    pub leap: LeapPolicy,
}

impl CascadeConfig {
    /// For a clock whose hub stamps like this.
    fn of(&self, hub: Option<ClockId>) -> SteeringConfig {
        let automatic = if matches!(hub, Some(ClockId::Phc(_))) { LOCK_LIMIT_HARDWARE } else { LOCK_LIMIT_SOFTWARE };
        SteeringConfig { lock_limit: self.lock_limit.unwrap_or(automatic), ..self.steering }
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Cascade<C> {
    config: CascadeConfig,
    system: Steering<C>,
    /// Boxed: each is tens of kilobytes, and most places stay empty.
    phcs: [Option<Box<Leaf<C>>>; PHCS_MAX],
    hub: Option<ClockId>,
    reference: Option<Reference>,
    /// The last one, which the others follow through a hub that holds over.
    last_reference: Option<Reference>,
    is_gate_open: bool,
    /// How far from its source the hub was seen when the others followed it last.
    known_to: Duration,
    /// When a hub was first found to be right again, though not sure enough.
    right_since: Option<Timestamp<Mono>>,
    /// Since the others followed the hub last it has been given another master: what they know of the time is not about that one's.
    is_other_time: bool,
    contradictions: KeptBack,
    /// When the machine was found to have stood still the last time, and for how long.
    stood_still: Option<(Timestamp<Mono>, Duration)>,
    leap: LeapWatch,
    /// What another program has told the kernel of the leap second at the end of the UTC day, and the end of that day.
    kernel_leap: Option<(LeapIndicator, Timestamp<Utc>)>,
    /// When it is looked for again, without a word of anybody.
    look_for_leap_at: Timestamp<Mono>,
    /// When the leap second is due, by the last tick.
    leap_at: Option<Timestamp<Mono>>,
    /// The system clock is off by a leap second that is being slewed away.
    works_off_leap: bool,
    /// Of the system clock, and the epoch that it is of.
    continuity: (Continuity, ClockEpoch),
    paces: [LogInterval; PHCS_MAX],
    /// If there are several.
    sources: Option<Box<Sources>>,
}

impl<C: Clock> Cascade<C> {
    /// With the system clock alone, when the stamping clock reads `local`.
    pub fn new(system: C, config: CascadeConfig, now: Timestamp<Mono>, local: Timestamp<Local>) -> Self {
        Self {
            system: Steering::new(system, Counts::Utc, config.of(None), now, local),
            phcs: std::array::from_fn(|_| None),
            hub: None,
            reference: None,
            last_reference: None,
            is_gate_open: false,
            known_to: Duration::ZERO,
            right_since: None,
            is_other_time: false,
            contradictions: KeptBack::default(),
            stood_still: None,
            leap: LeapWatch::new(config.utc, config.utc_policy),
            kernel_leap: None,
            look_for_leap_at: now,
            leap_at: None,
            works_off_leap: false,
            continuity: (Continuity::of_the_same_oscillator(), ClockEpoch::default()),
            paces: [CROSSING_FAST; PHCS_MAX],
            sources: None,
            config,
        }
    }

    /// Takes in a PHC, whose first crossing is this.
    /// `saved` is its oscillator as an earlier run has left it.
    pub fn add_phc(&mut self, index: u8, clock: C, crossing: &Crossing, saved: Option<SavedOscillator>) {
        let Some(place) = self.phcs.get_mut(usize::from(index)) else { return };
        let config = SteeringConfig { saved, ..self.config.of(Some(ClockId::Phc(index))) };
        let epoch = clock.epoch();
        let mut steering = Steering::new(clock, Counts::Tai, config, crossing.mono, crossing.device);
        if self.sources.is_some() {
            steering.reserve_guards(HELM_SOURCES_MAX - 1);
        }
        *place = Some(Box::new(Leaf::new(steering, epoch, crossing, &self.system)));
    }

    /// A PHC is gone.
    pub fn remove_phc(&mut self, index: u8) -> Option<C> {
        if self.hub == Some(ClockId::Phc(index)) {
            self.hub = None;
            self.is_gate_open = false;
            self.paces = [CROSSING_FAST; PHCS_MAX];
        }
        self.contradictions.drop(ClockId::Phc(index));
        let leaf = self.phcs.get_mut(usize::from(index))?.take()?;
        Some(leaf.steering.into_clock())
    }

    /// Other limits, policies and gains.
    pub fn configure(&mut self, config: CascadeConfig) {
        self.config = config;
        self.leap.configure(config.utc, config.utc_policy);
        self.apply_limits();
    }

    /// A message between the source's clock and the clock that stamped it.
    pub fn observe(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        observation: &Observation,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let stamps = [observation.sent.clock, observation.received.clock];
        let Some(stamped_by) = stamps.into_iter().find(|clock| !matches!(clock, ClockId::Remote(_))) else { return };
        if Some(stamped_by) != self.hub && self.sources.is_none() {
            return;
        }
        if stamped_by == ClockId::System && self.is_ambiguous(local) {
            return;
        }
        let Some(observation) = &self.numbered(now, local, observation) else { return };
        // The later the last crossing, the less is known of what the clock reads now: a stamp says more.
        let slack = self.since_crossing(stamped_by, now).map_or(Duration::ZERO, |age| RATE_MAX.drift(age));
        let system_local = local;
        let Some((_, local)) = self.steering_of(stamped_by, now, local) else { return };
        let stamps = [observation.sent, observation.received].into_iter().filter(|stamp| stamp.clock == stamped_by);
        let latest = stamps.map(|stamp| stamp.at).max().unwrap_or(local);
        let is_foretold = latest <= local + slack;
        let local = if is_foretold { local.max(latest) } else { local };
        if let ClockId::Phc(index) = stamped_by {
            if !is_foretold && let Some(leaf) = self.phcs[usize::from(index)].as_mut() {
                // It jumped, or we stood still: how far it is now is to be known at once.
                leaf.crossing_at = now;
            }
            if !self.settle(index, (now, system_local), observation, notify) {
                return;
            }
        }
        let Some((steering, _)) = self.steering_of(stamped_by, now, system_local) else { return };
        let mut contradicts = false;
        steering.observe(now, local, observation, &mut but_contradictions(stamped_by, &mut contradicts, notify));
        if contradicts {
            self.keep_back(stamped_by, now);
        }
        self.was_heard(now, system_local, observation.source, contradicts, notify);
    }

    fn since_crossing(&self, clock: ClockId, now: Timestamp<Mono>) -> Option<Duration> {
        let ClockId::Phc(index) = clock else { return None };
        self.phcs.get(usize::from(index))?.as_ref().map(|leaf| leaf.since_crossing(now))
    }

    /// The source is this one from now on, heard by clock `hub`; `sync_interval` is how often it sends.
    pub fn follow(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        hub: Option<ClockId>,
        reference: Option<Reference>,
        sync_interval: Option<LogInterval>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        if hub.is_some() && hub != self.hub {
            self.change_hub(now, local, hub, notify);
        } else if self.sources.is_none()
            && reference.zip(self.last_reference).is_some_and(|(new, last)| new.clock != last.clock)
        {
            // What the hub says of another master's time is not worth much at first.
            self.close_gate(now, local, notify);
            self.is_other_time = true;
        }
        self.reference = reference.map(|reference| self.hear(local, reference, notify));
        self.last_reference = self.reference.or(self.last_reference);
        let Some(hub) = self.hub else { return };
        let heard = self.reference;
        let Some((steering, reading)) = self.steering_of(hub, now, local) else { return };
        steering.follow(now, reading, heard, &mut of(hub, notify));
        if let Some(interval) = sync_interval {
            steering.set_interval(now, reading, interval, &mut of(hub, notify));
        }
    }

    /// What the source says of TAI - UTC and leap seconds, guarded.
    fn hear(
        &mut self,
        local: Timestamp<Local>,
        reference: Reference,
        notify: &mut impl FnMut(CascadeNotice),
    ) -> Reference {
        let utc = self.utc(local);
        let stated = match reference.timescale {
            Timescale::Tai(tai_utc) => Some(tai_utc),
            Timescale::Utc | Timescale::TaiWithoutUtc | Timescale::Refused => reference.tai_utc,
        };
        // Before anything is known, the system clock's date is nobody's word for which day it is.
        let warning = self.voted_leap(reference.leap);
        let word = UtcWord { clock: reference.clock, stated, warning };
        for news in [self.leap.hear(utc, word), self.leap.take_leap_news()].into_iter().flatten() {
            notify(CascadeNotice::Utc(news));
        }
        let timescale = match (reference.timescale, self.leap.tai_utc()) {
            (Timescale::Tai(_) | Timescale::TaiWithoutUtc, Some(tai_utc)) => Timescale::Tai(tai_utc),
            (Timescale::Tai(_), None) => Timescale::TaiWithoutUtc,
            (timescale, _) => timescale,
        };
        Reference { timescale, tai_utc: self.leap.tai_utc(), leap: self.leap.indicator(), ..reference }
    }

    fn change_hub(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        hub: Option<ClockId>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        self.close_gate(now, local, notify);
        if let Some(before) = self.hub
            && let Some((steering, reading)) = self.steering_of(before, now, local)
        {
            steering.follow(now, reading, None, &mut of(before, notify));
        }
        self.hub = hub;
        if self.sources.is_some() {
            self.apply_limits();
        } else {
            let of_system = self.limits_of_system();
            self.system.configure(of_system);
        }
        notify(CascadeNotice::Hub(hub));
    }

    /// A crossing of PHC `index`: is the PHC a clock still, and what does it say to those that follow?
    pub fn crossing(&mut self, index: u8, crossing: &Crossing, notify: &mut impl FnMut(CascadeNotice)) {
        let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut) else { return };
        let now = crossing.mono;
        let free = leaf.was_crossed(crossing, &self.system);
        if let Some(by) = leaf.continuity.check(crossing.raw, free, crossing.window + crossing.slack) {
            let readings = (now, crossing.device, crossing.after);
            if !self.doubt(index, by, readings, notify) {
                self.jumped(index, by, readings, notify);
            }
            return;
        }
        if self.is_in_doubt(index, (now, crossing.after), notify) {
            return;
        }
        self.contradictions.tell(ClockId::Phc(index), notify);
        self.see_through(index, crossing);
        self.hold_against_hub(index, crossing);
        self.look_at_gate(now, crossing.after, notify);
        // A card that comes while nobody hears the source is put right by the system clock, which holds over.
        let is_orphaned = self.hub.is_none() && self.system.state().is_synchronised();
        if !(self.is_gate_open || is_orphaned) || self.is_ambiguous(crossing.after) {
            return;
        }
        match self.hub {
            Some(ClockId::Phc(hub)) if hub == index => self.steer_system(index, crossing, notify),
            Some(ClockId::Phc(_)) if self.system.state().is_synchronised() => self.steer_phc(index, crossing, notify),
            None | Some(ClockId::System) => self.steer_phc(index, crossing, notify),
            _ => {}
        }
    }

    /// Whether the system clock has run as it was told since the last crossing: CLOCK_MONOTONIC_RAW, which nobody steers, says so
    /// without the kernel being asked. What stays unseen then is less than what its oscillator may do by itself.
    pub fn system_proof(&mut self, crossing: &Crossing) -> Proof {
        let epoch = self.system.clock().epoch();
        let (continuity, seen) = &mut self.continuity;
        if std::mem::replace(seen, epoch) != epoch {
            continuity.restart();
        }
        let middle = crossing.before + (crossing.after - crossing.before).half();
        let drift = self.config.steering.max_drift;
        continuity.proof(crossing.raw, self.system.free(middle), crossing.window + crossing.slack, drift)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(CascadeNotice)) {
        self.contradictions.tell_old(now, notify);
        self.judge_if_due(now, local, notify);
        self.foresee_leap(now, local, notify);
        self.system.tick(now, local, &mut of(ClockId::System, notify));
        for (index, leaf) in self.phcs.iter_mut().enumerate() {
            if let Some(leaf) = leaf {
                let reading = leaf.reading(now, &self.system);
                leaf.steering.tick(now, reading, &mut of(ClockId::Phc(index as u8), notify));
            }
        }
    }

    /// The system clock, which reads `local` now, was set by somebody by `by`: by the kernel, if a leap second is due.
    pub fn system_was_set(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        by: Duration,
        notify: &mut impl FnMut(CascadeNotice),
    ) -> bool {
        let utc = self.utc(local - by);
        if let Some(leap) = self.leap.pending()
            && (utc - leap.at).abs() <= super::leap::AMBIGUOUS
            && (by - (leap.before.duration() - leap.after.duration())).abs() < Duration::from_millis(100)
        {
            let ahead = self.ahead_after(leap);
            self.system.leap(ahead);
            self.leap_is_past(now, local, LeapPolicy::Kernel, notify);
            return false;
        }
        self.forget_the_accord();
        self.contradictions.drop(ClockId::System);
        if self.hub == Some(ClockId::System) {
            self.close_gate(now, local, notify);
        }
        self.system.disturbed(now, local, &mut of(ClockId::System, notify));
        true
    }

    /// The hypervisor says that the machine was paused, moved to another host or restored: its counter, and so all that we know of any
    /// clock, is of before. That a card has run on cannot be told from one that stood still with the machine: it is measured anew too.
    pub fn machine_was_disrupted(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        disruption: Disruption,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        notify(CascadeNotice::Disrupted(disruption));
        self.close_gate(now, local, notify);
        self.contradictions = KeptBack::default();
        self.continuity.0 = Continuity::of_the_same_oscillator();
        self.paces = [CROSSING_FAST; PHCS_MAX];
        self.system.replaced(now, local, &mut of(ClockId::System, notify));
        for (index, leaf) in self.phcs.iter_mut().enumerate() {
            let Some(leaf) = leaf else { continue };
            let reading = leaf.reading(now, &self.system);
            leaf.continuity = Continuity::default();
            leaf.doubt = None;
            leaf.crossing_at = now;
            leaf.steering.replaced(now, reading, &mut of(ClockId::Phc(index as u8), notify));
        }
        self.forget_what_was_seen();
        self.judge(now, local, notify);
    }

    /// Another program has changed the system clock's rate for a while: see [`Steering::slewed`].
    pub fn system_was_slewed(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        ahead: Duration,
        behind: Duration,
    ) {
        self.system.slewed(now, local, ahead, behind);
    }

    /// UTC by the system clock, as its discipline has it.
    fn utc(&mut self, local: Timestamp<Local>) -> Timestamp<crate::time::Utc> {
        (self.system.reading(local) - self.system.ahead().duration()).read_as()
    }

    fn is_ambiguous(&mut self, local: Timestamp<Local>) -> bool {
        let utc = self.utc(local);
        self.leap.is_ambiguous(utc)
    }

    /// When it wants to be called after its last tick at `now`, for a tick or a crossing: what was due by then was seen to.
    pub fn deadline(&self, now: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        let phcs = || self.phcs.iter().flatten();
        let ticks = phcs().filter_map(|leaf| leaf.steering.deadline());
        let latest =
            |(leaf, pace): (&Option<Box<Leaf<C>>>, &LogInterval)| Some(leaf.as_ref()?.crossing_at + patience(*pace));
        let crossings = self.phcs.iter().zip(&self.paces).filter_map(latest);
        let helm = self.helm_deadline();
        let all = self.system.deadline().into_iter().chain(ticks).chain(crossings).chain(helm).chain(self.leap_at);
        all.filter(|at| *at > now).min()
    }

    /// The PHCs whose crossing is due at `now`; a little early is fine if one is awake anyway.
    pub fn is_crossing_due(&self, index: u8, now: Timestamp<Mono>) -> bool {
        let leaf = self.phcs.get(usize::from(index)).and_then(Option::as_ref);
        // Who commands a clock by steps is awake in between, and wants cycles of one length.
        let haste = if self.system.goes_by_steps() { HASTE_BY_STEPS } else { HASTE };
        let early = self.paces[usize::from(index)].duration().scaled(haste);
        leaf.is_some_and(|leaf| now + early >= leaf.crossing_at)
    }

    /// Whether nobody was awake at `now` for long after the crossing of PHC `index` was due: what its messages say that have waited since is
    /// told only once it is known that it still is the same clock, and what it reads.
    pub fn is_crossing_overdue(&self, index: u8, now: Timestamp<Mono>) -> bool {
        let leaf = self.phcs.get(usize::from(index)).and_then(Option::as_ref);
        leaf.is_some_and(|leaf| now > leaf.crossing_at + self.paces[usize::from(index)].duration())
    }

    /// The crossing of PHC `index` was taken or has failed at `now`: when is the next?
    pub fn schedule_crossing(&mut self, index: u8, now: Timestamp<Mono>) {
        let pace = self.paces[usize::from(index)].duration();
        if let Some(leaf) = self.phcs.get_mut(usize::from(index)).and_then(Option::as_mut) {
            leaf.crossing_at = now + pace;
        }
    }

    /// Crossings are many until the clock that follows by them has settled, then fewer.
    fn set_pace(
        &mut self,
        index: u8,
        follower: ClockId,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let is_latched = self.phcs[usize::from(index)].as_ref().is_some_and(|leaf| leaf.window == Duration::ZERO);
        let is_pi = self.config.steering.servo == Kind::Pi;
        let Some((steering, reading)) = self.steering_of(follower, now, local) else { return };
        let is_plain = is_latched && (is_pi || steering.goes_by_steps());
        let has_settled = steering.state() == SyncState::Locked && now - steering.state_since() >= SETTLED;
        let pace = match (has_settled, is_plain) {
            (false, _) => CROSSING_FAST,
            (true, false) => CROSSING_STEADY,
            (true, true) => CROSSING_STEADY_PI,
        };
        steering.set_interval(now, reading, pace, &mut of(follower, notify));
        self.paces[usize::from(index)] = pace;
    }

    fn steering_of(
        &mut self,
        clock: ClockId,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
    ) -> Option<(&mut Steering<C>, Timestamp<Local>)> {
        match clock {
            ClockId::System => Some((&mut self.system, local)),
            ClockId::Phc(index) => {
                let leaf = self.phcs.get_mut(usize::from(index))?.as_mut()?;
                let reading = leaf.reading(now, &self.system);
                Some((&mut leaf.steering, reading))
            }
            ClockId::Disciplined | ClockId::Remote(_) => None,
        }
    }

    /// How many commands all clocks together have obeyed.
    pub fn commands(&self) -> u64 {
        self.phcs.iter().flatten().fold(self.system.commands(), |sum, leaf| sum.wrapping_add(leaf.steering.commands()))
    }

    /// The clock that hears the source.
    pub fn hub(&self) -> Option<ClockId> {
        self.hub
    }

    /// Whether the hub is LOCKED by samples of the source that is followed now.
    pub fn is_hub_locked(&self) -> bool {
        self.hub_steering().is_some_and(Steering::is_locked_to_source)
    }

    /// Whether the hub's source may be asked seldom.
    pub fn is_hub_calm(&self) -> bool {
        self.hub_steering().is_some_and(Steering::is_calm)
    }

    fn hub_steering(&self) -> Option<&Steering<C>> {
        match self.hub? {
            ClockId::System => Some(&self.system),
            ClockId::Phc(index) => self.phcs.get(usize::from(index))?.as_ref().map(|hub| &hub.steering),
            _ => None,
        }
    }

    /// The system clock with its discipline.
    pub fn system(&mut self) -> &mut Steering<C> {
        &mut self.system
    }

    /// A PHC with its discipline, its reading at `now` and half of its last window.
    pub fn phc(&mut self, index: u8, now: Timestamp<Mono>) -> Option<(&mut Steering<C>, Timestamp<Local>, Duration)> {
        let leaf = self.phcs.get_mut(usize::from(index))?.as_mut()?;
        let (reading, window) = (leaf.reading(now, &self.system), leaf.window);
        Some((&mut leaf.steering, reading, window))
    }

    /// The leap second to come and TAI - UTC.
    pub fn leap(&self) -> &LeapWatch {
        &self.leap
    }
}

/// How much later than planned a crossing may be. One that is not urgent waits a moment for the next Sync, which is likely to
/// come about then and wakes us anyway.
fn patience(pace: LogInterval) -> Duration {
    if pace == CROSSING_FAST { Duration::ZERO } else { pace.duration().scaled(PATIENCE) }
}

fn of(clock: ClockId, notify: &mut impl FnMut(CascadeNotice)) -> impl FnMut(Notice) {
    move |notice| notify(CascadeNotice::Discipline(clock, notice))
}

mod doubt;
mod follow;
mod foretold;
mod gate;
mod jumped;
mod leaf;
mod leap;
mod line;
mod reason;
mod sources;
#[cfg(test)]
mod tests;
