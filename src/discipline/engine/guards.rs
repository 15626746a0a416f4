//! The sources beside the one that steers.
//!
//! A guard is measured on the same `V` as the source that steers, and steers nothing: an envelope that proves where our offset
//! from it lies, and an estimator that is warm when it is needed. When a guard comes to steer, the two change places; what
//! they disagree by at that moment is the bias, which is taken off what the new one says, so that nothing moves, and drains
//! at [`Config::drain`]. No bound knows of it: that is the new source's proof, wherever the clock lies in it. Only where the clock lies far
//! outside of that proof, and would for longer than [`DRAINS_WITHIN`], was the source before wrong, or the clock stood still: then that
//! is an offset like any other.

use super::samples::{error_of, hold_to_proof, new_bank};
use super::{Config, Discipline, Effect, LOCK_SAMPLES, UNPROVEN_DEVIATIONS};
use crate::coding::Coded;
use crate::discipline::estimator::Bank;
use crate::discipline::{Envelope, Reference, Span, StateEvent};
use crate::engine::Sink;
use crate::time::{ClockId, Duration, FrequencyPpb, Local, Mono, Observation, SourceId, Timestamp};

#[cfg(test)]
mod tests;

/// What the clock lies outside of the new source's proof by is drained in this time, or it is corrected at once.
const DRAINS_WITHIN: Duration = Duration::from_secs(60);

/// What is known of a source beside the one that steers, or a place for one.
#[derive(Debug, Coded)]
pub(super) struct Guard {
    reference: Option<Reference>,
    envelope: Envelope,
    bank: Bank,
    unproven: u32,
    /// When its estimator found that it stepped, the last time.
    stepped: Option<Timestamp<Local>>,
}

impl Guard {
    fn new(config: &Config) -> Self {
        Self {
            reference: None,
            envelope: Envelope::new(config.max_frequency, config.max_drift),
            bank: new_bank(config),
            unproven: 0,
            stepped: None,
        }
    }

    fn is_of(&self, source: SourceId) -> bool {
        self.reference.is_some_and(|reference| reference.source == source)
    }

    pub(super) fn set_max_drift(&mut self, max_drift: FrequencyPpb) {
        self.envelope.set_max_drift(max_drift);
    }

    fn clear(&mut self, reference: Option<Reference>) {
        self.reference = reference;
        self.envelope.reset();
        self.bank.restart();
        self.unproven = 0;
        self.stepped = self.bank.stepped();
    }

    /// As [`Discipline::watch_the_master`]: a source that steps by less than a round trip contradicts no proof of its own.
    fn watch(&mut self) {
        let stepped = self.bank.stepped();
        if let Some(at) = stepped.filter(|_| stepped != self.stepped) {
            self.envelope.forget_before(at);
        }
        self.stepped = stepped;
        self.envelope.hold(self.bank.surprised_after());
    }

    /// As much of a bias as leaves a clock in what this source proves, or near enough to it.
    fn possible(&self, bias: Duration, drain: FrequencyPpb) -> Duration {
        let at = self.bank.at();
        let (Some(estimated), Some(span)) = (self.bank.estimate_at(at), self.envelope.at(at)) else { return bias };
        let accuracy = self.reference.and_then(|reference| reference.accuracy).unwrap_or_default();
        let around = accuracy + drain.abs().drift(DRAINS_WITHIN);
        // The clock is at `estimated - bias`.
        let least = estimated - span.high - around;
        bias.clamp(least, least.max(estimated - span.low + around))
    }

    /// Whether it can steer from one moment to the next: its estimator knows the time that its messages prove, not one of before a
    /// step of the source.
    fn is_warm(&self) -> bool {
        let known = self.bank.estimate().zip(self.envelope.at(self.bank.at()));
        known.is_some_and(|(estimate, span)| {
            let margin = estimate.deviation.scaled(UNPROVEN_DEVIATIONS);
            estimate.offset >= span.low - margin && estimate.offset <= span.high + margin
        })
    }
}

/// Whether two references are the same clock by the same way, without a break in between.
fn is_same(a: &Reference, b: &Reference) -> bool {
    (a.source, a.selected_at, a.timescale, a.clock) == (b.source, b.selected_at, b.timescale, b.clock)
}

impl Discipline {
    /// Room for so many sources beside the one that steers. Allocates; nothing later does.
    pub fn reserve_guards(&mut self, count: usize) {
        let config = self.config;
        self.guards.resize_with(count, || Guard::new(&config));
    }

    /// For how many sources beside the one that steers there is room.
    pub fn guards(&self) -> usize {
        self.guards.len()
    }

    /// How far our clock lies from a source's time at most, when it reads `reading`: the proof, and on both sides what the source says
    /// of its own error. `None`: nothing is known of it.
    pub fn span_of(&self, source: SourceId, reading: Timestamp<Local>) -> Option<Span<Duration>> {
        let now = self.timeline.free_now(reading);
        let guard = self.guards.iter().find(|guard| guard.is_of(source));
        let active = || self.held.filter(|held| held.source == source).map(|held| (held, &self.envelope));
        let (reference, envelope) = match guard {
            Some(guard) => (guard.reference?, &guard.envelope),
            None => active()?,
        };
        let accuracy = reference.accuracy.unwrap_or_default();
        let span = envelope.at(now)?.shifted(reading - now);
        Some(Span { low: span.low - accuracy, high: span.high + accuracy })
    }

    /// What the estimate of the steering source is off from where it is steered to.
    pub fn bias(&self) -> Duration {
        self.bias
    }

    /// A source beside the one that steers says this of itself, or is gone.
    pub(super) fn guard(&mut self, source: SourceId, reference: Option<Reference>) {
        let reference = reference.filter(|reference| reference.timescale.is_usable());
        if self.reference.is_some_and(|steering| steering.source == source) {
            return;
        }
        let is_held = |reference: &Reference| {
            self.held.is_some_and(|held| {
                (held.source, held.clock, held.timescale) == (source, reference.clock, reference.timescale)
            })
        };
        let place = self.guards.iter().position(|guard| guard.is_of(source));
        if let (None, Some(reference)) = (place, reference.filter(is_held)) {
            // It steered last, and is beside now. Our clock holds over by what it knew then, whatever is measured from now on.
            return self.park(reference);
        }
        match (place, reference) {
            (Some(place), Some(reference)) => {
                let guard = &mut self.guards[place];
                if guard.reference.is_some_and(|before| is_same(&before, &reference)) {
                    guard.reference = Some(reference);
                } else {
                    guard.clear(Some(reference));
                }
            }
            (Some(place), None) => self.guards[place].clear(None),
            (None, Some(reference)) => {
                if let Some(guard) = self.guards.iter_mut().find(|guard| guard.reference.is_none()) {
                    guard.clear(Some(reference));
                }
            }
            (None, None) => {}
        }
    }

    /// A message of a source that does not steer.
    pub(super) fn observe_beside(&mut self, observation: &Observation) {
        let source = observation.source;
        let is_forward = observation.received.clock == ClockId::Disciplined;
        let (ours, theirs) = if is_forward {
            (&observation.received, &observation.sent)
        } else {
            (&observation.sent, &observation.received)
        };
        if ours.clock != ClockId::Disciplined {
            return;
        }
        let Some(free) = self.timeline.free_at(ours) else { return };
        let error = error_of(observation);
        let Some(guard) = self.guards.iter_mut().find(|guard| guard.is_of(source)) else { return };
        let Some(at) = guard.reference.and_then(|reference| reference.timescale.to_utc(theirs.at)) else { return };
        let Guard { envelope, bank, unproven, .. } = guard;
        // A proof that contradicts those before it begins anew by itself; and the time is another one.
        if is_forward {
            let transit = free - at - observation.correction;
            if envelope.not_above(free, transit + error).is_err() {
                bank.change_time();
            }
            bank.forward(free, transit);
        } else {
            let transit = at - free - observation.correction;
            if envelope.not_below(free, -transit - error).is_err() {
                bank.change_time();
            }
            bank.backward(free, transit);
        }
        _ = hold_to_proof((bank, None), envelope, unproven, free);
        guard.watch();
    }

    /// Another source steers. If it was a guard and is warm, it and the one before change places: `true`. Otherwise, what is known of the one
    /// before is kept beside, if it is still wanted there.
    pub(super) fn change_places(
        &mut self,
        now: Timestamp<Mono>,
        reference: &Reference,
        before: Option<Reference>,
    ) -> bool {
        if self.guards.is_empty() {
            return false;
        }
        // A clock of this host is no source of its own.
        let kept = before.filter(|kept| kept.source != reference.source && kept.ruler.is_none());
        let of_new = self.guards.iter().position(|guard| guard.is_of(reference.source));
        if let Some(place) = of_new.filter(|place| self.guards[*place].is_warm()) {
            let bias = self.bias_at(now) + self.disagreement(place);
            let bias = self.guards[place].possible(bias, self.config.drain);
            let guard = &mut self.guards[place];
            std::mem::swap(&mut guard.envelope, &mut self.envelope);
            std::mem::swap(&mut guard.bank, &mut self.bank);
            guard.unproven = std::mem::take(&mut self.unproven);
            guard.stepped = guard.bank.stepped();
            guard.reference = kept;
            if kept.is_none() {
                guard.clear(None);
            }
            self.previous.forget_offset();
            self.bias = if self.has_corrected { bias } else { Duration::ZERO };
            self.bias_since = now;
            return true;
        }
        if let Some(place) = of_new {
            self.guards[place].clear(None);
        }
        if let Some(kept) = kept {
            self.park(kept);
        }
        false
    }

    /// What is known of the source that has steered until now goes on as that of a guard; we ourselves keep what it has told us of the
    /// time.
    fn park(&mut self, reference: Reference) {
        let Some(guard) = self.guards.iter_mut().find(|guard| guard.reference.is_none()) else { return };
        guard.reference = Some(reference);
        guard.unproven = std::mem::take(&mut self.unproven);
        guard.envelope.copy_from(&self.envelope);
        std::mem::swap(&mut guard.bank, &mut self.bank);
        self.bank.begin_like(&guard.bank);
        guard.stepped = guard.bank.stepped();
    }

    /// What a guard says of our offset more than the source that steered.
    fn disagreement(&self, place: usize) -> Duration {
        let guard = &self.guards[place];
        let at = guard.bank.at().max(self.estimator().map_or(guard.bank.at(), Bank::at));
        let centre = |envelope: &Envelope| envelope.at(at).map(|span| span.centre());
        let steered = match self.estimator() {
            Some(_) => self.estimate_at(at),
            None => centre(&self.envelope),
        };
        guard.bank.estimate_at(at).zip(steered).map_or(Duration::ZERO, |(new, old)| new - old)
    }

    /// What of the bias is left at `now`.
    pub(super) fn bias_at(&self, now: Timestamp<Mono>) -> Duration {
        let drained = self.config.drain.abs().drift(now - self.bias_since);
        let left = (self.bias.abs() - drained).max(Duration::ZERO);
        if self.bias.is_negative() { -left } else { left }
    }

    pub(super) fn drain_bias(&mut self, now: Timestamp<Mono>) {
        if self.bias != Duration::ZERO {
            self.bias = self.bias_at(now);
            self.bias_since = now;
        }
    }

    /// A guard has come to steer, and is known as well as a source that was followed all the time: the clock need not be called
    /// anything else for it.
    pub(super) fn confirm_at_once(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        let free = self.timeline.free_now(reading);
        let estimate = self.estimate_worth_using().filter(|_| !self.is_bank_tracking && !self.config.hold);
        if let Some(estimate) = estimate {
            // The next message may be a minute away.
            let (offset, _) = self.present_offset(now, &estimate, free, reading);
            self.begin_by_estimate(estimate, offset, out);
        }
        let bound = self.bound(reading).map(|parts| parts.total().greatest_error());
        let is_known = self.estimator().is_none_or(|bank| bank.heard() >= LOCK_SAMPLES);
        if is_known && bound.is_some_and(|bound| bound <= self.config.lock_limit) && self.state.is_synchronised() {
            self.samples_inside = LOCK_SAMPLES;
            self.is_confirmed = true;
            self.transition(now, StateEvent::LockReached, out);
        }
    }

    pub(super) fn widen_guards(&mut self, ahead: Duration, behind: Duration) {
        self.guards.iter_mut().for_each(|guard| guard.envelope.widen(ahead, behind));
    }

    pub(super) fn disturb_guards(&mut self) {
        for guard in &mut self.guards {
            guard.envelope.forget_offset();
            guard.bank.lose_offset();
        }
        self.bias = Duration::ZERO;
    }

    /// The clock is another one: neither its time nor its rate is known.
    pub(super) fn replace_guards(&mut self) {
        for guard in &mut self.guards {
            guard.envelope.reset();
            guard.bank.restart();
        }
    }
}
