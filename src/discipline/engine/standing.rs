//! Where the clock stands: its source, its state, and what changes them.

use super::{
    Discipline, Effect, JUDGED_FOR, LOCK_SAMPLES, Notice, OVERDUE_INTERVALS, SILENT_INTERVALS, USELESS_LIMITS,
};
use crate::discipline::{Adjustment, Reference, Ruler, Stability, StateEvent, Timeline, next};
use crate::engine::Sink;
use crate::time::{ClockEpoch, Duration, Local, LogInterval, Mono, SyncState, Timestamp};

impl Discipline {
    pub(super) fn silence(&self) -> Duration {
        self.interval.duration().times(SILENT_INTERVALS)
    }

    pub(super) fn transition(&mut self, now: Timestamp<Mono>, why: StateEvent, out: &mut impl Sink<Effect>) {
        let (from, to) = (self.state, next(self.state, why));
        if from == to {
            return;
        }
        self.state = to;
        self.state_since = now;
        if to == SyncState::Locked && self.lock_time.is_none() {
            self.lock_time = self.reference.map(|reference| now - reference.selected_at);
        }
        out.emit(Effect::Notice(Notice::State { from, to, why }));
    }

    pub(super) fn follow(&mut self, now: Timestamp<Mono>, reference: Option<Reference>, out: &mut impl Sink<Effect>) {
        let selected = |reference: Option<Reference>| {
            let ruler = |ruler: Ruler| (ruler.clock, ruler.since);
            reference.map(|r| (r.source, r.selected_at, r.timescale, r.clock, r.path, r.ruler.map(ruler)))
        };
        // A source whose time cannot be used is none: what is held of the one before it stays.
        let reference = reference.filter(|reference| reference.timescale.is_usable());
        let is_another = selected(reference) != selected(self.reference);
        let before = std::mem::replace(&mut self.reference, reference);
        let Some(reference) = reference else {
            // Who came to steer is gone before that was looked at.
            self.is_to_confirm = false;
            return;
        };
        if !is_another && before.map(|before| before.proofs) != Some(reference.proofs) {
            self.envelope.forget_offset();
            self.previous.forget_offset();
            self.begin_learnt_anew();
        }
        if is_another && (reference.is_orphan || self.held.is_some_and(|held| held.is_orphan)) {
            self.begin_in_another_time();
        }
        let has_changed_places = is_another && self.change_places(now, &reference, before);
        if has_changed_places {
            // What is known now was learnt without any.
            self.ruler = None;
            self.begin_learnt_anew();
            self.link.reset();
            self.gate.reset();
            self.samples_inside = 0;
            self.is_confirmed = false;
        } else if is_another && self.held.is_some() {
            // Another master's proofs say nothing about this one; our oscillator is the same. Until there are proofs by
            // the new one, those by the old one hold.
            // One that was disturbed has no proofs to hold, but the range of the frequency is its own, and no older one's.
            if self.envelope.last().is_some() {
                std::mem::swap(&mut self.envelope, &mut self.previous);
                self.previous_accuracy = self.held.and_then(|held| held.accuracy);
                self.envelope.begin_like(&self.previous);
            }
            self.begin_learnt_anew();
            self.link.reset();
            self.hand_over(reference);
            self.gate.reset();
            self.samples_inside = 0;
            self.is_confirmed = false;
        }
        self.lay(reference.ruler);
        self.held = Some(reference);
        if is_another {
            self.transition(now, StateEvent::SourceSelected, out);
        }
        if reference.is_orphan {
            self.follow_an_orphan(now, out);
        }
        self.is_to_confirm = has_changed_places;
    }

    /// Of two sources one has no source itself, and their times have nothing to do with each other: what was proven of one says nothing of the
    /// other, and the clock goes there at once. Its oscillator is the same.
    fn begin_in_another_time(&mut self) {
        for envelope in [&mut self.envelope, &mut self.previous, &mut self.learnt] {
            envelope.forget_offset();
        }
        self.known_frequency = self.oscillator_frequency().or(self.known_frequency);
        self.servo.restart();
        self.bank.lose_offset();
        self.is_bank_tracking = false;
        self.slew_ends = None;
        self.bias = Duration::ZERO;
        self.has_corrected = false;
    }

    /// What is proven from now on is about another time perhaps; so is what is likely, of the same oscillator.
    fn begin_learnt_anew(&mut self) {
        self.learnt.forget_offset();
        self.stability.interrupt();
        self.master_stepped = self.bank.stepped();
        self.proofs = self.proofs.wrapping_add(1);
    }

    /// Somebody changed the clock's rate for a while: what was proven is less sharp, and what is in flight is of no use.
    pub(super) fn slewed(&mut self, reading: Timestamp<Local>, ahead: Duration, behind: Duration) {
        self.slewed_until = Some(reading);
        self.widen(ahead, behind);
        if ahead != behind {
            self.bank.loosen_offset(ahead - behind);
        }
        self.stability.interrupt();
        self.link.interrupt();
        self.gate.reset();
    }

    /// All that is proven and learnt is of a clock that may have been put `ahead` (not negative) and `behind` (not positive) by so much since.
    pub(super) fn widen(&mut self, ahead: Duration, behind: Duration) {
        self.envelope.widen(ahead, behind);
        self.previous.widen(ahead, behind);
        self.widen_guards(ahead, behind);
        self.learnt.widen(ahead, behind);
    }

    pub(super) fn set_interval(&mut self, interval: LogInterval) {
        self.interval = interval.clamped().unwrap_or(self.interval);
        self.servo.set_interval(self.interval, self.ruler.map(|ruler| ruler.interval));
    }

    /// LOCKED or not, after a sample.
    pub(super) fn judge(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let limit = self.config.lock_limit;
        // A sample is noisier than the bound, which rests on the fastest of many messages: it need not lie inside that.
        let is_inside = self.last_offset.abs() <= limit;
        self.samples_inside = if is_inside { self.samples_inside.saturating_add(1) } else { 0 };
        if self.reference.is_some_and(|reference| reference.is_held_over) {
            self.hold_over_with_the_source(now, reading, out);
            return;
        }
        if self.reference.is_some_and(|reference| reference.is_orphan) {
            // Nobody bounds it.
            self.transition(now, StateEvent::MeasuredAgain, out);
            return self.follow_an_orphan(now, out);
        }
        if self.samples_inside >= LOCK_SAMPLES && self.errs_within(limit, reading) {
            self.is_confirmed = true;
            self.transition(now, StateEvent::LockReached, out);
        } else {
            self.check_bound(now, reading, out);
        }
    }

    /// The source itself has lost its own: its samples keep the two together, and prove nothing of the time.
    fn hold_over_with_the_source(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        self.transition(now, StateEvent::SourceHeldOver, out);
        let useless = self.config.lock_limit.times(USELESS_LIMITS);
        if self.state == SyncState::Holdover && !self.errs_within(useless, reading) {
            self.transition(now, StateEvent::BoundUseless, out);
        }
    }

    /// Who follows one that has no time itself is not synchronised, however near to it he is.
    fn follow_an_orphan(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        if self.state.is_synchronised() {
            self.transition(now, StateEvent::BoundUseless, out);
        }
    }

    /// Leaves LOCKED where the bound does not support it any more.
    pub(super) fn check_bound(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        let limit = self.config.lock_limit.times(2);
        if !self.errs_within(limit, reading) {
            self.transition(now, StateEvent::BoundExceeded, out);
        }
    }

    /// A clock that was disturbed is not DISRUPTED any more when something bounds its error again: it may be far off, and how far is known.
    pub(super) fn look_whether_it_is_measured_again(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        if self.state != SyncState::Disrupted || self.greatest_error(reading).is_none() {
            return;
        }
        // If no more comes, that is from now on.
        self.last_sample.get_or_insert(now);
        self.is_silent = false;
        self.transition(now, StateEvent::MeasuredAgain, out);
    }

    pub(super) fn tick(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, out: &mut impl Sink<Effect>) {
        if std::mem::take(&mut self.is_to_confirm) {
            self.confirm_at_once(now, reading, out);
        }
        self.look_whether_it_is_measured_again(now, reading, out);
        if self.has_slew_ended(now) {
            self.end_slew(now, reading, out);
        }
        let Some(last) = self.last_sample else {
            self.check_bound(now, reading, out);
            return;
        };
        if now - last < self.silence() {
            // A bound that has grown while the next sample was overdue is the lost source's, not that of bad samples.
            if self.state == SyncState::Locked && now - last >= self.interval.duration().scaled(OVERDUE_INTERVALS) {
                let limit = self.config.lock_limit.times(2);
                if !self.errs_within(limit, reading) {
                    self.transition(now, StateEvent::SamplesStopped, out);
                }
            } else if now - last >= self.interval.duration().scaled(JUDGED_FOR) {
                self.check_bound(now, reading, out);
            }
            return;
        }
        if !self.is_silent {
            self.is_silent = true;
            if self.servo.is_tracking() || self.is_bank_tracking {
                let frequency = if self.estimator().is_some() { -self.runs_off_by() } else { self.servo.hold_over() };
                self.command(Adjustment::Frequency(frequency), out);
            }
        }
        if matches!(self.state, SyncState::Locked | SyncState::Acquiring) {
            self.transition(now, StateEvent::SamplesStopped, out);
        }
        let useless = self.config.lock_limit.times(USELESS_LIMITS);
        if self.state == SyncState::Holdover && !self.errs_within(useless, reading) {
            self.transition(now, StateEvent::BoundUseless, out);
        }
    }

    pub(super) fn disturbed(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        epoch: ClockEpoch,
        out: &mut impl Sink<Effect>,
    ) {
        let frequency = self.timeline.frequency();
        self.timeline = Timeline::new(epoch, reading, frequency);
        self.since = now;
        self.epoch = epoch;
        self.slewed_until = None;
        self.envelope.forget_offset();
        self.learnt.forget_offset();
        self.previous.forget_offset();
        self.proofs = self.proofs.wrapping_add(1);
        self.disturb_guards();
        self.last_sample = None;
        self.link.reset();
        self.gate.reset();
        self.known_frequency = self.oscillator_frequency().or(self.known_frequency);
        self.servo.restart();
        self.bank.lose_offset();
        self.stability.interrupt();
        self.is_bank_tracking = false;
        self.slew_ends = None;
        self.samples_inside = 0;
        self.is_confirmed = false;
        // The jump was not ours, so what follows is a first correction again.
        self.has_corrected = false;
        self.transition(now, StateEvent::Disturbed, out);
    }

    /// As if somebody had set it; and what was proven and learnt of its oscillator, and of the path, was of others. Its rate is still the
    /// best guess that there is to begin with, for most who are paused wake up where they were.
    pub(super) fn replaced(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        epoch: ClockEpoch,
        out: &mut impl Sink<Effect>,
    ) {
        // Each keeps its frequency as a guess, while it is still there to be kept.
        self.bank.restart();
        self.replace_guards();
        self.disturbed(now, reading, epoch, out);
        for envelope in [&mut self.envelope, &mut self.learnt, &mut self.previous] {
            envelope.reset();
        }
        self.learnt.disbelieve();
        self.stability = Stability::default();
    }
}
