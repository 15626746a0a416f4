//! The rules that hold after every event, whatever the scenario.
//!
//! | rule | what it says |
//! |---|---|
//! | [`Violation::Bound`] | the truth lies inside the published bound of the served time |
//! | [`Violation::PhcBound`] | and inside that of each PHC whose stamps are said to mean something |
//! | [`Violation::Backwards`] | served time does not go back, but for a step that is announced by another epoch |
//! | [`Violation::Line`] | a snapshot that was published just now is the clock |
//! | [`Violation::Frequency`] | the correction of each clock is a number, within its limit, and the one that it was told and that is published |
//! | [`Violation::Serving`] | stratum, leap indicator, bound and state say the same: no stratum below 16 without valid time |
//! | [`Violation::Table`] | nothing is lost for want of a place: in the ring while it is read, in the table of masters, in the effects of an input |
//! | [`Violation::Stranger`] | only a declared master is followed, and only what it sent is measured |
//!
//! **Whose truth.** A bound is about the master's time: nobody can know that his only source is wrong. So it is judged by
//! the truth plus the error of the master that is followed, as the world knows it; and by what that was before, and all between, for
//! [`GRACE`] after it has changed, until something was measured both ways, and while a clock has had no sample since: nobody
//! can know better. The error of a master that lies by its configuration the world does not know: that is found out here.
//!
//! **What is excused.** A clock that was set by a foreign hand, or runs at another rate by one, serves wrong time until the
//! daemon wakes up: for [`NOTICE`], and no longer. A machine that stood still with all its clocks finds no trace of that in
//! itself, and what it hears then is as if its master had stepped: it is excused until it has measured a first message, and for
//! [`GRACE`] then. If it was a card that stamped that message, which ran on, it is excused for [`NOTICE`] only; but not a card that was set or
//! reset meanwhile, or unseen just before, which has lost the only trace of the pause.

use super::{NodeId, ORPHAN_STRATUM};
use crate::sharing::{PhcLines, TimeSnapshot};
use crate::time::{ClockEpoch, Duration, FrequencyPpb, LeapIndicator, Local, Mono, SyncState, Timestamp, Utc};
use crate::wire::ptp::ClockIdentity;

/// A snapshot's line and the clock that it describes may differ by this: rounding of the line's own arithmetic.
const LINE_TOLERANCE: Duration = Duration::from_nanos(1);
/// Served time may go back by this: an oscillator that wanders by a part in 1e8 leaves the line that was published by a
/// nanosecond or two until the next one, and nobody can know that.
const BACKWARDS_TOLERANCE: Duration = Duration::from_nanos(10);
/// For so long after a master's time has changed the bound may still be about what it was.
pub const GRACE: Duration = Duration::from_secs(5);
/// What is measured within this time after such a change may be of before it: a stamp that came late.
pub(super) const UNDER_WAY: Duration = Duration::from_secs(3);
/// The kernel counts frequency in 2^-16 ppm, which rounds what is the greatest.
const FREQUENCY_TOLERANCE: FrequencyPpb = FrequencyPpb::new(1.0 / 65.536);
/// For so long after a foreign hand has set a clock the daemon may not have seen it.
pub const NOTICE: Duration = Duration::from_millis(1_250);

/// The time that a node should have, and so many less one that it had before.
pub(super) const JUDGES_MAX: usize = 4;

/// The rules, without what broke them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is said in the module's table, and at its violation")]
pub enum Rule {
    Bound,
    PhcBound,
    Backwards,
    Line,
    Frequency,
    Serving,
    Table,
    Stranger,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bound,
        Self::PhcBound,
        Self::Backwards,
        Self::Line,
        Self::Frequency,
        Self::Serving,
        Self::Table,
        Self::Stranger,
    ];
}

impl Violation {
    /// Which rule it breaks.
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Bound { .. } => Rule::Bound,
            Self::PhcBound { .. } => Rule::PhcBound,
            Self::Backwards(_) => Rule::Backwards,
            Self::Line(_) => Rule::Line,
            Self::Frequency(_) => Rule::Frequency,
            Self::Serving(_) => Rule::Serving,
            Self::Table(..) => Rule::Table,
            Self::Stranger(_) => Rule::Stranger,
        }
    }
}

/// What was found of one rule.
#[derive(Clone, Copy, Default, Debug)]
struct Found {
    violations: u64,
    first: Option<(Timestamp<Mono>, NodeId, Violation)>,
    /// A bit for each node; one that is beyond the last shares it.
    nodes: u128,
}

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Violation {
    /// The truth lies outside the published bound.
    Bound {
        /// The published time less the truth.
        error: Duration,
        /// The published bound.
        bound: Duration,
    },
    /// The truth lies outside the bound of a PHC's line.
    PhcBound {
        /// Our own number of it.
        index: u8,
        /// What its line says less the truth.
        error: Duration,
        /// The line's bound.
        bound: Duration,
    },
    /// Served time went back by this without another epoch.
    Backwards(Duration),
    /// A snapshot that was published just now is not the clock.
    Line(Duration),
    /// The frequency correction of a clock is no number, beyond its limit, or not the one that it was told.
    Frequency(FrequencyPpb),
    /// Stratum, leap indicator, bound and state do not say the same.
    Serving(SyncState),
    /// A ring or table with this many entries is beyond its limit.
    Table(&'static str, usize),
    /// Somebody who is no declared master is followed, or somebody else than the master was measured.
    Stranger(Option<ClockIdentity>),
}

/// Which times count as right at the moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Judges {
    /// What the followed master is ahead of the truth, now and before.
    pub errors: [Duration; JUDGES_MAX],
    /// Around a leap second a whole second more or less is nobody's fault.
    pub is_leaping: bool,
}

impl Judges {
    pub const EXACT: Self = Self { errors: [Duration::ZERO; JUDGES_MAX], is_leaping: false };

    /// The least error that a time has before any of them, or before one that lies between: what is measured while the master's
    /// time changes is partly of before, and nobody can know.
    fn error(&self, served: Timestamp<Utc>, truth: Timestamp<Utc>) -> Duration {
        let error = served - truth;
        if *self == Self::EXACT {
            return error;
        }
        let least = self.errors.into_iter().fold(Duration::MAX, Duration::min);
        let most = self.errors.into_iter().fold(Duration::MIN, Duration::max);
        let seconds: &[i64] = if self.is_leaping { &[0, 1, -1] } else { &[0] };
        let errors =
            seconds.iter().map(|s| error - Duration::from_secs(*s)).map(|error| error - error.clamp(least, most));
        errors.min_by_key(|error| error.abs()).unwrap_or(error)
    }
}

/// The frequency correction of a clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// What it does.
    pub in_force: FrequencyPpb,
    /// What it was told, and what is published of it; `None`: somebody else has changed it.
    pub told: Option<FrequencyPpb>,
    /// It does multiples of this, the next one below.
    pub quantum: FrequencyPpb,
    /// The most that it may be.
    pub max: FrequencyPpb,
}

/// What each card's clock reads, and its rate.
pub(super) type Cards = [Option<(Timestamp<Local>, Rate)>; crate::sharing::PHC_LINES_MAX];

/// A node at one instant, and what is right.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub now: Timestamp<Mono>,
    /// What its own CLOCK_MONOTONIC reads.
    pub mono: Timestamp<Mono>,
    pub truth: Timestamp<Utc>,
    pub judges: Judges,
    /// What the stamping clock of the served time reads.
    pub local: Timestamp<Local>,
    pub published: &'a TimeSnapshot,
    /// The served clock itself.
    pub reading: Timestamp<Local>,
    pub rate: Rate,
    /// The lines of PHCs, what these read, and their rates.
    pub phcs: Option<(&'a PhcLines, &'a Cards)>,
    /// Name, entries and limit of each ring and table.
    pub tables: [(&'static str, usize, usize); 3],
}

/// What is remembered of a node from one look to the next.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Watch {
    served: Option<(Timestamp<Utc>, ClockEpoch)>,
    /// Somebody else has set the clock; the daemon may not know until then.
    excused_until: Option<Timestamp<Mono>>,
    phc_excused_until: Option<Timestamp<Mono>>,
    /// It stood still, and nothing has told it so yet.
    awaits_message: bool,
    /// Since it did, or just before, a foreign hand has set its card.
    has_lost_trace: bool,
    /// When a pause ended or a foreign hand touched the clock, the last time, and until how long after it wrong time was served as right.
    disturbed: Option<(Timestamp<Mono>, Duration)>,
    /// At the last look it was.
    is_wrong: bool,
}

impl Watch {
    /// A foreign hand sets the served clock.
    pub fn excuse(&mut self, now: Timestamp<Mono>, time: Duration) {
        self.excused_until = Some(now + time).max(self.excused_until);
        self.served = None;
    }

    /// The daemon does not run until then: what it had not seen yet, it does not see until then.
    pub fn stalled(&mut self, now: Timestamp<Mono>, until: Timestamp<Mono>) {
        for excused in [&mut self.excused_until, &mut self.phc_excused_until] {
            if excused.is_some_and(|excused| now <= excused) {
                *excused = Some(until + NOTICE).max(*excused);
            }
        }
    }

    /// The machine stands still with its clocks.
    pub fn excuse_until_message(&mut self, now: Timestamp<Mono>) {
        self.awaits_message = true;
        // What a foreign hand has just done to the card has not been seen yet.
        self.has_lost_trace = self.phc_excused_until.is_some_and(|until| now <= until);
        self.served = None;
    }

    /// From `at` on the served time may be wrong, and how long that goes unnoticed is measured. Returns what was measured last.
    pub fn disturb(&mut self, at: Timestamp<Mono>) -> Option<(Timestamp<Mono>, Duration)> {
        self.is_wrong = false;
        self.disturbed.replace((at, Duration::ZERO))
    }

    /// The last time from which on the served time may have been wrong, and for how long it was without the daemon's knowing.
    pub fn unnoticed(&self) -> Option<(Timestamp<Mono>, Duration)> {
        self.disturbed
    }

    /// Whether wrong time is served as right at the moment; it is until the first look that finds that it is not.
    fn note(&mut self, now: Timestamp<Mono>, is_wrong: bool) {
        if let Some((at, lasted)) = self.disturbed.as_mut().filter(|(at, _)| now >= *at) {
            if is_wrong || self.is_wrong {
                *lasted = now - *at;
            }
            self.is_wrong = is_wrong;
        }
    }

    /// A message has been measured: if it was the first after a pause, it is to be understood in so much time.
    pub fn message(&mut self, now: Timestamp<Mono>, time: Duration) {
        if std::mem::take(&mut self.awaits_message) {
            let time = if std::mem::take(&mut self.has_lost_trace) { GRACE } else { time };
            self.excuse(now, time);
            self.excuse_phc(now, time);
        }
    }

    /// A foreign hand sets a PHC.
    pub fn excuse_phc(&mut self, now: Timestamp<Mono>, time: Duration) {
        self.has_lost_trace = self.awaits_message;
        self.phc_excused_until = Some(now + time).max(self.phc_excused_until);
    }
}

/// Looks at each slave, and keeps what it found.
#[derive(Clone, Copy, Default, Debug)]
pub struct Checker {
    checks: u64,
    bounded: u64,
    found: [Found; Rule::ALL.len()],
    tightest: f64,
}

impl Checker {
    /// How often a slave was looked at.
    pub fn checks(&self) -> u64 {
        self.checks
    }

    /// How often of those its time was bounded: a bound that is never published is never wrong.
    pub fn bounded(&self) -> u64 {
        self.bounded
    }

    /// How many rules were broken.
    pub fn violations(&self) -> u64 {
        self.found.iter().map(|found| found.violations).sum()
    }

    /// The first of them.
    pub fn first(&self) -> Option<(Timestamp<Mono>, NodeId, Violation)> {
        self.found.iter().filter_map(|found| found.first).min_by_key(|(at, ..)| *at)
    }

    /// How often this rule was broken.
    pub fn violations_of(&self, rule: Rule) -> u64 {
        self.found[rule as usize].violations
    }

    /// When this rule was broken first.
    pub fn first_of(&self, rule: Rule) -> Option<(Timestamp<Mono>, NodeId, Violation)> {
        self.found[rule as usize].first
    }

    /// Whether this rule was broken by this node.
    pub fn has_found(&self, rule: Rule, node: NodeId) -> bool {
        self.found[rule as usize].nodes & bit(node) != 0
    }

    /// The greatest share of a published bound that a true error took up while the time was served as synchronised:
    /// above 1 is a violation.
    pub fn tightest(&self) -> f64 {
        self.tightest
    }

    /// A rule was broken.
    pub(super) fn tell(&mut self, now: Timestamp<Mono>, node: NodeId, violation: Violation) {
        let found = &mut self.found[violation.rule() as usize];
        found.violations += 1;
        found.first.get_or_insert((now, node, violation));
        found.nodes |= bit(node);
    }

    /// One look at one node.
    pub(super) fn check(&mut self, node: NodeId, look: &Look<'_>, watch: &mut Watch) {
        self.checks += 1;
        let served = look.published.utc_at(look.local);
        let is_served = look.published.is_served_at(look.local);
        let is_excused = watch.awaits_message || watch.excused_until.is_some_and(|until| look.now <= until);
        if watch.disturbed.is_some() {
            let is_wrong = |bound| look.judges.error(served, look.truth).abs() > bound;
            watch.note(look.now, bound_of(look).is_some_and(is_wrong));
        }
        if !is_excused {
            watch.excused_until = None;
            if let Some(violation) = self.bound(look, served, is_served) {
                self.tell(look.now, node, violation);
            }
        }
        let rules = [
            backwards(look, watch, is_served && !is_excused, served),
            line(look, served).filter(|_| !is_excused),
            frequency(&look.rate),
            serving(look.published),
            tables(look),
        ];
        for violation in rules.into_iter().flatten() {
            self.tell(look.now, node, violation);
        }
        let Some((lines, phcs)) = look.phcs else { return };
        for violation in phcs.iter().flatten().filter_map(|(_, rate)| frequency(rate)) {
            self.tell(look.now, node, violation);
        }
        let is_phc_excused = watch.awaits_message || watch.phc_excused_until.is_some_and(|until| look.now <= until);
        if !is_phc_excused {
            for (index, (line, phc)) in (0..).zip(lines.0.iter().zip(phcs)) {
                if let (Some(line), Some((reading, _))) = (line, phc)
                    && let Some((utc, bound)) = line.utc_at(*reading)
                    && let error = look.judges.error(utc, look.truth)
                    && error.abs() > bound
                {
                    self.tell(look.now, node, Violation::PhcBound { index, error, bound });
                }
            }
        }
    }

    fn bound(&mut self, look: &Look<'_>, served: Timestamp<Utc>, is_served: bool) -> Option<Violation> {
        let bound = bound_of(look)?;
        self.bounded += 1;
        let error = look.judges.error(served, look.truth);
        if is_served {
            let share = error.abs().as_secs_f64() / bound.as_secs_f64();
            self.tightest = if share > self.tightest { share } else { self.tightest };
        }
        (error.abs() > bound).then_some(Violation::Bound { error, bound })
    }
}

/// The published bound; `None`: none is.
fn bound_of(look: &Look<'_>) -> Option<Duration> {
    look.published.is_bounded.then(|| look.published.bound_at(look.local).greatest_error())
}

const fn bit(node: NodeId) -> u128 {
    let last = u128::BITS as usize - 1;
    1 << if node.0 < last { node.0 } else { last }
}

fn backwards(look: &Look<'_>, watch: &mut Watch, is_judged: bool, served: Timestamp<Utc>) -> Option<Violation> {
    if !is_judged || look.judges.is_leaping {
        watch.served = None;
        return None;
    }
    let epoch = look.published.epoch;
    let before = watch.served.replace((served, epoch));
    let (before, epoch_before) = before?;
    let by = before - served;
    (epoch == epoch_before && by > BACKWARDS_TOLERANCE).then_some(Violation::Backwards(by))
}

fn line(look: &Look<'_>, served: Timestamp<Utc>) -> Option<Violation> {
    if look.published.anchor_mono != look.mono {
        return None;
    }
    let difference = served - look.reading.read_as();
    (difference.abs() > LINE_TOLERANCE).then_some(Violation::Line(difference))
}

fn frequency(rate: &Rate) -> Option<Violation> {
    let Rate { in_force, told, quantum, max } = *rate;
    let is_within = in_force.is_finite() && in_force.abs() <= max + FREQUENCY_TOLERANCE;
    let obeys = told.is_none_or(|told| (in_force - told).abs() <= quantum + FREQUENCY_TOLERANCE);
    (!(is_within && obeys)).then_some(Violation::Frequency(in_force))
}

fn serving(published: &TimeSnapshot) -> Option<Violation> {
    // Who follows one without a source is one stratum further, and vouches for nothing.
    let is_last_resort = published.stratum == ORPHAN_STRATUM + 1 && !published.is_bounded;
    let says_synchronised = published.stratum < 16 && !is_last_resort;
    let is_served = published.state.is_synchronised() && published.is_bounded;
    let is_right = says_synchronised == is_served
        && (published.leap != LeapIndicator::Unknown) == is_served
        && published.stratum >= 1
        && (!is_served || published.last_sample.is_some() && published.lock_time.is_some());
    (!is_right).then_some(Violation::Serving(published.state))
}

fn tables(look: &Look<'_>) -> Option<Violation> {
    let full = look.tables.iter().find(|(_, entries, limit)| entries > limit);
    full.map(|(name, entries, _)| Violation::Table(name, *entries))
}

#[cfg(test)]
mod tests;
