//! A leap second that comes: when it is due, who makes it, and what follows from it.
//!
//! On the discipline's scale, TAI, nothing happens at a leap second that is made: what the clock reads and what is added to it change by a
//! second each. Where nobody sets the clock ([`LeapPolicy::Slew`], [`LeapPolicy::Ignore`]) only what is added changes. Then the
//! discipline is told that its clock is a second off from now on, as if somebody had stepped it by a known amount: that is in
//! the published bound from the first moment, and no source is needed to find it out.

use super::{Cascade, CascadeNotice, Clock};
use crate::clock::{Leap, LeapPolicy, SteeringConfig};
use crate::discipline::policy::{StepPolicy, StepRule};
use crate::time::{Duration, LeapIndicator, Local, Mono, TaiUtc, Timestamp};

/// A leap second that the kernel has not made by then is made by us.
const LATE_MAX: Duration = Duration::SECOND;
/// How often a leap second is looked for of which nobody says anything new.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const DAY_S: i64 = 86_400;
/// What a leap second puts a clock off by that nobody sets.
const OFF_BY: Duration = Duration::SECOND;

impl<C: Clock> Cascade<C> {
    /// Sees to a leap second that is due, unless that is left to the kernel, of which `has_kernel` says whether it sets this clock at all.
    /// True: it is past, and stamps that are under way are of before.
    pub fn look_at_leap(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        has_kernel: bool,
        notify: &mut impl FnMut(CascadeNotice),
    ) -> bool {
        let utc = self.utc(local);
        let Some(leap) = self.leap.pending().filter(|leap| utc >= leap.at) else { return false };
        match self.config.leap {
            // It is given its time to make it, on its own clock.
            LeapPolicy::Kernel if has_kernel && utc - leap.at < LATE_MAX => return false,
            LeapPolicy::Kernel | LeapPolicy::Step => self.make_leap(now, local, leap, notify),
            how @ (LeapPolicy::Slew | LeapPolicy::Ignore) => self.pass_leap(now, local, leap, how, notify),
        }
        true
    }

    /// UTC is then what we say.
    fn make_leap(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        leap: Leap,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let ahead = self.ahead_after(leap);
        // A clock that refuses is off by the second, and is known to be.
        if self.system.make_leap(now, local, ahead).is_err() {
            return self.pass_leap(now, local, leap, LeapPolicy::Ignore, notify);
        }
        self.leap_is_past(now, local, LeapPolicy::Step, notify);
    }

    fn pass_leap(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        leap: Leap,
        how: LeapPolicy,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        // One that was not right before is corrected like any that is not.
        self.works_off_leap = how == LeapPolicy::Slew && self.system.state().is_synchronised();
        let ahead = self.ahead_after(leap);
        self.system.pass_leap(now, local, ahead);
        self.apply_limits_of_system();
        self.leap_is_past(now, local, how, notify);
    }

    /// What the scale of the system clock's discipline will be ahead of UTC. That is not TAI - UTC where it has first followed a source that
    /// counts UTC: its scale was UTC then, and only what changes by the leap second is added.
    pub(super) fn ahead_after(&self, leap: Leap) -> TaiUtc {
        TaiUtc(self.system.ahead().0 + (leap.after.0 - leap.before.0))
    }

    /// The discipline of the system clock has been told.
    pub(super) fn leap_is_past(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        how: LeapPolicy,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        self.leap.done();
        self.leap_at = None;
        notify(CascadeNotice::Leap(self.leap.known(), how));
        let (hub, reference) = (self.hub, self.reference);
        self.follow(now, local, hub, reference, None, notify);
        self.refresh_guards(now, local, None);
    }

    /// With each tick: when is it due, and is what the last one has left slewed away?
    pub(super) fn foresee_leap(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let utc = self.utc(local);
        if now >= self.look_for_leap_at {
            self.look_for_leap_at = now + LOOK_EVERY;
            self.look_for_leap(local, notify);
        }
        self.leap_at = self.leap.pending().filter(|leap| leap.at > utc).map(|leap| now + (leap.at - utc));
        if !self.works_off_leap {
            return;
        }
        // A clock that has lost its bound has lost the second too.
        let may_be_right =
            |span: crate::discipline::Span<Duration>| span.low <= Duration::ZERO && span.high >= Duration::ZERO;
        if self.system.own_span(local).is_none_or(may_be_right) {
            self.works_off_leap = false;
            self.apply_limits_of_system();
            notify(CascadeNotice::LeapWorkedOff);
        }
    }

    /// Another program has told the kernel that there is this leap second at the end of the UTC day, or none after all. It counts as the word of one source
    /// more, on the side of others that say the same ([`Cascade::judge_by`]); where one source is followed, that one's word counts alone.
    pub fn kernel_was_told(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, warning: LeapIndicator) {
        let day = self.utc(local).seconds().div_euclid(DAY_S);
        let is_warning = matches!(warning, LeapIndicator::Insert | LeapIndicator::Delete);
        self.kernel_leap = is_warning.then_some((warning, Timestamp::from_secs((day + 1) * DAY_S)));
        self.look_for_leap_at = now;
    }

    /// Another day may have begun, with what was announced long ago or stands in the list; and others may agree than when somebody said
    /// something last.
    fn look_for_leap(&mut self, local: Timestamp<Local>, notify: &mut impl FnMut(CascadeNotice)) {
        // The date of a clock that was never right is nobody's word.
        if self.system.bound(local).is_none() {
            return;
        }
        let utc = self.utc(local);
        self.kernel_leap = self.kernel_leap.filter(|(_, until)| utc < *until);
        if let Some(said) = self.leap.announced() {
            self.leap.announce(self.voted_leap(said));
        }
        self.leap.look(utc);
        self.leap.take_leap_news().into_iter().for_each(|news| notify(CascadeNotice::Utc(news)));
    }

    /// The leap second of which the kernel is to be told: none that is not its own to make.
    pub fn leap_for_the_kernel(&self) -> LeapIndicator {
        match self.config.leap {
            LeapPolicy::Kernel => self.leap.indicator(),
            LeapPolicy::Step | LeapPolicy::Slew | LeapPolicy::Ignore => LeapIndicator::NoWarning,
        }
    }

    /// The system clock's limits: while a leap second is slewed away it is never stepped, and LOCKED although it is off by that.
    pub(super) fn limits_of_system(&self) -> SteeringConfig {
        let limits = self.limits_of(self.hub);
        if !self.works_off_leap {
            return limits;
        }
        let step = StepPolicy { later: StepRule::Never, panic: None, ..limits.step };
        SteeringConfig { lock_limit: limits.lock_limit + OFF_BY, step, ..limits }
    }

    fn apply_limits_of_system(&mut self) {
        let limits = self.limits_of_system();
        self.system.configure(limits);
    }
}
