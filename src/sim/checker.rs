//! The rules that hold after every event, whatever the scenario.

use super::node::local_at;
use super::{NodeId, Slave};
use crate::time::{Duration, FrequencyPpb, LeapIndicator, Mono, SyncState, Timestamp};

/// A snapshot's line and the clock that it describes may differ by this: rounding of the line's own arithmetic.
const LINE_TOLERANCE: Duration = Duration::from_nanos(1);

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
    /// A snapshot that was published just now is not the clock.
    Line(Duration),
    /// The frequency correction is no number, or beyond its limit.
    Frequency(FrequencyPpb),
    /// Stratum, leap indicator, bound and state do not say the same.
    Serving(SyncState),
}

/// Looks at each slave, and keeps what it found.
#[derive(Clone, Copy, Default, Debug)]
pub struct Checker {
    checks: u64,
    bounded: u64,
    violations: u64,
    first: Option<(Timestamp<Mono>, NodeId, Violation)>,
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
        self.violations
    }

    /// The first of them.
    pub fn first(&self) -> Option<(Timestamp<Mono>, NodeId, Violation)> {
        self.first
    }

    /// The greatest share of a published bound that a true error took up while the time was served as synchronised:
    /// above 1 is a violation.
    pub fn tightest(&self) -> f64 {
        self.tightest
    }

    /// One look at one slave.
    pub(super) fn check(&mut self, now: Timestamp<Mono>, node: NodeId, slave: &mut Slave) {
        self.checks += 1;
        let rules = [self.bound(now, slave), line(now, slave), frequency(slave), serving(slave)];
        for violation in rules.into_iter().flatten() {
            self.violations += 1;
            self.first.get_or_insert((now, node, violation));
        }
    }

    fn bound(&mut self, now: Timestamp<Mono>, slave: &Slave) -> Option<Violation> {
        let local = local_at(now);
        let published = slave.published();
        if !published.is_bounded {
            return None;
        }
        self.bounded += 1;
        // True time counts UTC.
        let error = published.utc_at(local) - local.read_as();
        let bound = published.bound_at(local).greatest_error();
        if published.is_served_at(local) {
            let share = error.abs().as_secs_f64() / bound.as_secs_f64();
            self.tightest = if share > self.tightest { share } else { self.tightest };
        }
        (error.abs() > bound).then_some(Violation::Bound { error, bound })
    }
}

fn line(now: Timestamp<Mono>, slave: &mut Slave) -> Option<Violation> {
    let published = *slave.published();
    if published.anchor_mono != now {
        return None;
    }
    let (reading, _) = slave.line(now);
    let difference = published.utc_at(local_at(now)) - reading.read_as();
    (difference.abs() > LINE_TOLERANCE).then_some(Violation::Line(difference))
}

fn frequency(slave: &mut Slave) -> Option<Violation> {
    let limit = slave.config().steering.max_frequency;
    let frequency = slave.frequency();
    let is_right = frequency.is_finite() && frequency.abs() <= limit && slave.published().frequency == frequency;
    (!is_right).then_some(Violation::Frequency(frequency))
}

fn serving(slave: &Slave) -> Option<Violation> {
    let published = slave.published();
    let says_synchronised = published.stratum < 16;
    let is_served = published.state.is_synchronised() && published.is_bounded;
    let is_right = says_synchronised == is_served
        && (published.leap != LeapIndicator::Unknown) == is_served
        && published.stratum >= 1
        && (!is_served || published.last_sample.is_some() && published.lock_time.is_some());
    (!is_right).then_some(Violation::Serving(published.state))
}
