//! From messages to samples, and from samples to commands.

use super::{
    CORRECTED_FROM, CORRECTION_ERROR, CORRECTION_RATE, Config, Discipline, ESTIMATE_DEVIATION_MAX,
    ESTIMATE_MESSAGES_MIN, Effect, Notice, OVERDUE_INTERVALS, SLEW_BY_SYNC_MAX, SLEW_MARGIN, SLEW_OWN, SLEW_OWN_PART,
    SLEW_WORTH, SLEW_WORTH_BY_RULER, SLEW_WORTH_DEVIATIONS, SLEW_WORTH_FROM, SPIKE_FLOOR, STAMP_RESOLUTION,
    STAMP_RESOLUTION_FINE, STEP_WAITS_FOR, SYNC_IS_NEAR, UNPROVEN_DEVIATIONS, UNPROVEN_MAX, USED_EVERY, WOBBLE_FADES,
};
use crate::discipline::envelope::{Contradiction, Span};
use crate::discipline::estimator::{Bank, Direction, Estimate};
use crate::discipline::policy::StepRule;
use crate::discipline::servo::Verdict;
use crate::discipline::{Adjustment, Envelope, Reference, Ruler, StateEvent};
use crate::engine::Sink;
use crate::time::{
    ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Mono, Observation, Stamp, StampSource, Timestamp,
};

impl Discipline {
    pub(super) fn observe(&mut self, now: Timestamp<Mono>, observation: &Observation, out: &mut impl Sink<Effect>) {
        let is_ours = |stamp: &Stamp| stamp.clock == ClockId::Disciplined;
        let is_slewed = |stamp: &Stamp| stamp.epoch == self.epoch && self.slewed_until.is_some_and(|at| stamp.at < at);
        if [&observation.sent, &observation.received].into_iter().any(|stamp| is_ours(stamp) && is_slewed(stamp)) {
            // How far the clock had been moved by then is not known.
            return;
        }
        let Some(reference) = self.reference.filter(|reference| reference.source == observation.source) else {
            return self.observe_beside(observation);
        };
        if is_ours(&observation.received) {
            self.observe_forward(now, observation, reference, out);
            self.look_whether_it_is_measured_again(now, observation.received.at, out);
        } else if is_ours(&observation.sent) {
            self.observe_backward(now, observation, reference, out);
            self.look_whether_it_is_measured_again(now, observation.sent.at, out);
        }
    }

    /// A Sync: the master's stamp, then ours.
    pub(super) fn observe_forward(
        &mut self,
        now: Timestamp<Mono>,
        observation: &Observation,
        reference: Reference,
        out: &mut impl Sink<Effect>,
    ) {
        let received = &observation.received;
        let (Some(free), Some(sent)) =
            (self.timeline.free_at(received), reference.timescale.to_utc(observation.sent.at))
        else {
            return;
        };
        let transit = free - sent - observation.correction;
        if self.may_leave_out(free, transit) {
            self.last_sample = Some(now);
            return;
        }
        self.note_stamps(observation);
        let limit = transit + self.stamp_error;
        let proof = self.envelope.not_above(free, limit);
        self.check_proof(proof, out);
        if self.estimator().is_some() {
            let learnt = self.learnt.not_above(free, limit);
            self.check_learnt(learnt, proof);
        }
        if proof.is_err() && !self.guards.is_empty() {
            // Where there are others, it is for them to say whether this one is still right.
            return;
        }
        let sample = self.link.forward(free, transit);
        // A crossing is read, not stamped.
        if self.ruler.is_none() && received.source == StampSource::Hardware {
            let by_stamps = received.at - observation.sent.at - observation.correction;
            let is_fine = self.grain.note(received.epoch, by_stamps);
            self.bank.set_resolution(if is_fine { STAMP_RESOLUTION_FINE } else { STAMP_RESOLUTION });
        }
        let by_ruler = transit - self.ruler.map_or(Duration::ZERO, |ruler| ruler.offset);
        self.note_scatter(Direction::Forward, free, by_ruler);
        self.bank.forward(free, by_ruler);
        self.watch_the_master();
        self.hold_to_the_proof(free);
        if self.estimator().is_some() {
            self.rehearse();
            self.steer_by_estimate(now, free, received.at, out);
            return;
        }
        if !self.servo.is_tracking() {
            self.measure(free, transit, sample.map(|sample| sample.offset), received.at, out);
            return;
        }
        let Some(sample) = sample else { return };
        let (later, reading) = self.timeline.since_last_command(free, received.at);
        let offset = sample.offset + self.runs_off_by().drift(later - free) + (reading - later) - self.bias_at(now);
        self.sampled(now, free, offset, reading, out);
    }

    /// Whether a Sync need not be used: all is so quiet that the offset is known to less than stamps resolve, the last one that was used came a moment
    /// ago, and this one says what was foretold. To use it would tell that offset better by a part of what cannot be seen, and cost as much as the first.
    fn may_leave_out(&self, free: Timestamp<Local>, transit: Duration) -> bool {
        if (free - self.used_from).abs() >= USED_EVERY || !self.leaves_out() {
            return false;
        }
        let transit = transit - self.ruler.map_or(Duration::ZERO, |ruler| ruler.offset);
        self.bank.is_as_foretold(free, transit)
    }

    /// Whether there are more Syncs than are used.
    fn leaves_out(&self) -> bool {
        self.interval.duration() < USED_EVERY
            && self.is_bank_tracking
            && !self.is_panicking
            && !self.is_silent
            && self.is_calm()
    }

    /// What lies between two Syncs that are used.
    pub(super) fn spacing(&self) -> Duration {
        let interval = self.interval.duration();
        if !self.leaves_out() {
            return interval;
        }
        let rounded_up = (USED_EVERY.ticks() - 1) / interval.ticks() + 1;
        interval.times(rounded_up as i64)
    }

    /// A Delay_Req: our stamp, then the master's.
    pub(super) fn observe_backward(
        &mut self,
        now: Timestamp<Mono>,
        observation: &Observation,
        reference: Reference,
        out: &mut impl Sink<Effect>,
    ) {
        let (Some(free), Some(received)) =
            (self.timeline.free_at(&observation.sent), reference.timescale.to_utc(observation.received.at))
        else {
            return;
        };
        let transit = received - free - observation.correction;
        self.note_stamps(observation);
        let limit = -transit - self.stamp_error;
        let proof = self.envelope.not_below(free, limit);
        self.check_proof(proof, out);
        if self.estimator().is_some() {
            let learnt = self.learnt.not_below(free, limit);
            self.check_learnt(learnt, proof);
        }
        if proof.is_err() && !self.guards.is_empty() {
            return;
        }
        self.link.backward(free, transit, self.runs_off_by());
        let by_ruler = transit + self.ruler.map_or(Duration::ZERO, |ruler| ruler.offset);
        self.note_scatter(Direction::Backward, free, by_ruler);
        self.bank.backward(free, by_ruler);
        self.watch_the_master();
        if self.unproven > 0 {
            self.hold_to_the_proof(free);
        }
        if self.estimator().is_some() {
            self.correct_by_request(now, free, observation.sent.at, out);
        }
    }

    pub(super) fn note_stamps(&mut self, observation: &Observation) {
        self.stamp_error = error_of(observation);
    }

    pub(super) fn check_proof(&mut self, proof: Result<(), Contradiction>, out: &mut impl Sink<Effect>) {
        if proof.is_err() {
            self.previous.forget_offset();
            self.link.reset();
            self.gate.reset();
            self.samples_inside = 0;
            self.proofs = self.proofs.wrapping_add(1);
            self.learnt.reset();
            self.stability.interrupt();
            out.emit(Effect::Notice(Notice::Contradiction));
        }
    }

    /// What is not possible by what was learnt, though it is by what is proven, is the oscillator's doing.
    fn check_learnt(&mut self, learnt: Result<(), Contradiction>, proof: Result<(), Contradiction>) {
        if learnt.is_err() && proof.is_ok() {
            self.stability.refuted();
        }
    }

    /// A master that steps by less than a round trip contradicts no proof: old and new ones share a little, which holds neither time.
    /// The estimator sees it; until it knows, either may be right, and then nothing of before is. Who sees the source through this clock is told so
    /// both times: what he knows is of before.
    fn watch_the_master(&mut self) {
        let (stepped, surprised_after) = (self.bank.stepped(), self.bank.surprised_after());
        if let Some(at) = stepped.filter(|_| stepped != self.master_stepped) {
            self.envelope.forget_before(at);
            self.learnt.forget_before(at);
            self.previous.forget_offset();
            self.stability.interrupt();
            self.proofs = self.proofs.wrapping_add(1);
        }
        self.master_stepped = stepped;
        let was_of_two_times = self.envelope.is_of_two_times();
        self.envelope.hold(surprised_after);
        if self.envelope.is_of_two_times() && !was_of_two_times {
            self.proofs = self.proofs.wrapping_add(1);
        }
        self.learnt.hold(surprised_after);
    }

    /// What the oscillator is thought to run off by at the moment, for the step or the pair at hand.
    pub(super) fn runs_off_by(&self) -> FrequencyPpb {
        self.estimated_frequency().unwrap_or_else(|| self.servo.runs_off_by())
    }

    /// After a Sync: the estimate is the sample. Its offset is to be gone by the next one.
    fn steer_by_estimate(
        &mut self,
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        // By a path whose delay is not known yet nothing was learnt of the offset.
        let Some(estimate) = self.estimate_worth_using().filter(|_| self.knows_delay()) else { return };
        let (offset, reading) = self.present_offset(now, &estimate, free, reading);
        if self.is_bank_tracking || self.config.hold {
            self.sampled(now, free, offset, reading, out);
        } else {
            self.begin_by_estimate(estimate, offset, out);
        }
    }

    /// What the clock is ahead by as estimated, and its reading then: at a stamp, or at the last command if that came later. A
    /// stamp that becomes known late says nothing of what was corrected meanwhile, which must not be corrected once more.
    pub(super) fn present_offset(
        &self,
        now: Timestamp<Mono>,
        estimate: &Estimate,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
    ) -> (Duration, Timestamp<Local>) {
        let (later, reading) = self.timeline.since_last_command(free, reading);
        // A request may have been heard since: what is estimated is of then.
        let since = later - self.bank.at();
        (estimate.offset + estimate.frequency.drift(since) + (reading - later) - self.bias_at(now), reading)
    }

    /// After a Delay_Req. The first correction need not wait for the next Sync; nor is what a request has taught left unused
    /// until then: we are awake anyway.
    fn correct_by_request(
        &mut self,
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        // Corrections since a stamp that came late are not in `reading`.
        let is_late = self.bank.at() != free;
        if is_late || self.config.hold || self.is_panicking {
            return;
        }
        let interval = self.spacing();
        let is_sync_soon = interval <= SLEW_BY_SYNC_MAX || self.goes_by_steps();
        let is_sync_near = is_sync_soon && self.until_sync(now, interval) <= interval.scaled(SYNC_IS_NEAR);
        if self.is_bank_tracking && is_sync_near {
            return;
        }
        let Some(estimate) = self.estimate_worth_using().filter(|_| self.knows_delay()) else { return };
        let (offset, reading) = self.present_offset(now, &estimate, free, reading);
        if self.is_bank_tracking {
            self.slew_away(now, self.held_near(self.proven(reading), now, offset), out);
        } else {
            self.begin_by_estimate(estimate, offset, out);
        }
    }

    /// Statistics do not outvote a proof: an estimate that stays outside of the proven interval is begun anew. Looked at after each
    /// Sync, and after each message once it is outside.
    fn hold_to_the_proof(&mut self, free: Timestamp<Local>) {
        if hold_to_proof((&mut self.bank, self.ruler), &self.envelope, &mut self.unproven, free) {
            self.stability.interrupt();
        }
    }

    fn knows_delay(&self) -> bool {
        self.bank.knows_delay()
    }

    /// What is believed, if it is good enough for a first correction.
    pub(super) fn estimate_worth_using(&self) -> Option<Estimate> {
        let bank = self.estimator()?;
        let is_sure = |estimate: &Estimate| estimate.deviation <= ESTIMATE_DEVIATION_MAX;
        self.estimate().filter(|estimate| bank.heard() >= ESTIMATE_MESSAGES_MIN || is_sure(estimate))
    }

    pub(super) fn begin_by_estimate(&mut self, estimate: Estimate, offset: Duration, out: &mut impl Sink<Effect>) {
        self.is_bank_tracking = true;
        out.emit(Effect::Notice(Notice::Measured(estimate.frequency)));
        self.first_correction(offset, estimate.frequency, out);
    }

    /// How long it is until the next Sync that is used, if that comes in time, and `spacing` lies between two.
    fn until_sync(&self, now: Timestamp<Mono>, spacing: Duration) -> Duration {
        self.last_sample.map_or(spacing, |_| spacing - (now - self.used_at))
    }

    /// Commands a frequency that takes the offset away, soon, and when that is to end.
    fn slew_away(&mut self, now: Timestamp<Mono>, offset: Duration, out: &mut impl Sink<Effect>) {
        let interval = self.spacing();
        let left = self.until_sync(now, interval).clamp(interval.scaled(SLEW_MARGIN), interval);
        if self.take_away_by_steps(now, offset, left, out) {
            return;
        }
        // The next Sync ends it, or, if that is lost, the clock.
        let longest = left + interval.scaled(SLEW_MARGIN);
        let own = -self.runs_off_by();
        let ends_by_itself = interval > SLEW_BY_SYNC_MAX || self.is_worth_an_awakening(offset);
        let within = if ends_by_itself { SLEW_OWN.min(interval.scaled(SLEW_OWN_PART)).min(left) } else { left };
        let wanted = FrequencyPpb::from_ratio(-offset.as_secs_f64() / within.as_secs_f64()) + own;
        let wanted = wanted.clamp(self.correction_max);
        let rate = (wanted - own).abs().ratio();
        // Longer than `within` where the limit makes it slower.
        let takes = if rate > 0.0 { offset.abs().as_secs_f64() / rate } else { 0.0 };
        let takes = if ends_by_itself { Duration::from_secs_f64(takes).min(longest) } else { longest };
        self.slew_ends = Some(now + takes);
        self.command(Adjustment::Frequency(wanted), out);
    }

    /// Whether an offset should be gone before the next Sync, though somebody must wake up to end the slew.
    fn is_worth_an_awakening(&self, offset: Duration) -> bool {
        let sure = |estimate: Estimate| offset.abs() > estimate.deviation.scaled(SLEW_WORTH_DEVIATIONS);
        let worth = if self.ruler.is_some() { SLEW_WORTH_BY_RULER } else { SLEW_WORTH };
        self.interval.duration() >= SLEW_WORTH_FROM && offset.abs() > worth && self.bank.estimate().is_some_and(sure)
    }

    /// Before the first correction: what does the clock run off by?
    pub(super) fn measure(
        &mut self,
        free: Timestamp<Local>,
        transit: Duration,
        offset: Option<Duration>,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        let frequency = match (self.known_frequency, self.servo.measure(free, transit)) {
            (Some(known), _) => known,
            (None, Verdict::Measured(measured)) => measured,
            (None, _) => return,
        };
        // The path's delay may still be missing; measuring goes on until it is there.
        let Some(offset) = offset else { return };
        if self.config.hold {
            return;
        }
        out.emit(Effect::Notice(Notice::Measured(frequency)));
        self.known_frequency = Some(frequency);
        self.servo.begin_tracking(frequency);
        // Delays were computed as if the clock ran true.
        let offset = self.link.correct_delays(frequency).map_or(offset, |sample| sample.offset);
        self.first_correction(offset + (reading - free), frequency, out);
    }

    fn first_correction(&mut self, offset: Duration, frequency: FrequencyPpb, out: &mut impl Sink<Effect>) {
        let rule = if self.has_corrected { self.config.step.later } else { self.config.step.first };
        self.has_corrected = true;
        let correction = -frequency;
        if may_step(rule, offset) {
            self.command(Adjustment::Step(-offset, correction), out);
            out.emit(Effect::Notice(Notice::Stepped(-offset)));
        } else {
            self.command(Adjustment::Frequency(correction), out);
        }
    }

    /// A sample of the clock's offset while the servo tracks it.
    pub(super) fn sampled(
        &mut self,
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        offset: Duration,
        reading: Timestamp<Local>,
        out: &mut impl Sink<Effect>,
    ) {
        self.drain_bias(now);
        let was_silent = self.is_silent || self.last_sample.is_some_and(|last| now - last >= self.silence());
        self.last_sample = Some(now);
        self.used_at = now;
        self.used_from = free;
        self.is_silent = false;
        self.reference_time = reading.read_as();
        if was_silent {
            self.transition(now, StateEvent::SamplesResumed, out);
        }
        // An estimate that something has put far off is slewed towards until it is begun anew; what cannot be taken back is bound to the proof.
        let proven = self.proven(reading);
        let possible = proven.map_or(offset, |span| offset.clamp(span.low, span.high.max(span.low)));
        if self.config.step.panic.is_some_and(|limit| possible.abs() > limit) {
            if !self.is_panicking {
                out.emit(Effect::Notice(Notice::Panic(possible)));
            }
            self.is_panicking = true;
            self.last_offset = offset;
            self.judge(now, reading, out);
            return;
        }
        self.is_panicking = false;
        // The estimator has judged its messages itself.
        if self.estimator().is_none() && !self.gate.passes(offset, SPIKE_FLOOR + self.stamp_error) {
            return;
        }
        self.last_offset = offset;
        self.wobble = offset.abs().max(self.wobble.scaled(WOBBLE_FADES));
        // The present master's proofs stand by themselves once both directions were heard.
        if self.envelope.is_proven() {
            self.previous.forget_offset();
        }
        self.judge(now, reading, out);
        if self.config.step.later != StepRule::Never
            && may_step(self.config.step.later, possible)
            && (possible == offset || self.interval.duration() > STEP_WAITS_FOR)
            && self.is_far_off(reading)
        {
            self.command(Adjustment::Step(-possible, -self.runs_off_by()), out);
            out.emit(Effect::Notice(Notice::Stepped(-possible)));
            self.gate.reset();
        } else if self.estimator().is_some() {
            self.slew_away(now, self.held_near(proven, now, offset), out);
        } else if let Verdict::Track(frequency) = self.servo.track(free, offset, self.interval.duration()) {
            // What answers this offset has done so after an interval; without a next Sync it would go on to the other side.
            self.slew_ends = Some(now + self.interval.duration().scaled(OVERDUE_INTERVALS));
            self.command(Adjustment::Frequency(frequency), out);
        }
    }

    /// The offset to slew away, where this is estimated. An estimate that is hardly outside of what is proven may be better than the proof, but none is by
    /// more than the interval is wide; and what is not steered to yet of a change of the source is no error of the estimate.
    fn held_near(&self, proven: Option<Span<Duration>>, now: Timestamp<Mono>, offset: Duration) -> Duration {
        let Some(span) = proven else { return offset };
        let (margin, bias) = ((span.high - span.low).max(Duration::ZERO), self.bias_at(now));
        (offset + bias).clamp(span.low - margin, span.high.max(span.low) + margin) - bias
    }

    /// Whether even the proven interval does not contain zero: only then is a later step more than noise.
    pub(super) fn is_far_off(&self, reading: Timestamp<Local>) -> bool {
        self.proven(reading).is_some_and(|span| span.low > Duration::ZERO || span.high < Duration::ZERO)
    }

    /// What the clock is proven to be ahead by, when it reads `reading`.
    fn proven(&self, reading: Timestamp<Local>) -> Option<Span<Duration>> {
        let correction = self.timeline.correction(reading);
        self.envelope.at(self.timeline.free_now(reading)).map(|span| span.shifted(correction))
    }

    pub(super) fn command(&mut self, adjustment: Adjustment, out: &mut impl Sink<Effect>) {
        let most = self.correction_max;
        let adjustment = match adjustment {
            Adjustment::Frequency(frequency) => Adjustment::Frequency(frequency.clamp(most)),
            Adjustment::Step(by, frequency) => Adjustment::Step(by, frequency.clamp(most)),
            Adjustment::Hold => Adjustment::Hold,
        };
        let is_unheld = self.runs_off_by().abs() >= most;
        if is_unheld && !self.is_unheld {
            out.emit(Effect::Notice(Notice::Unheld { most }));
        }
        self.is_unheld = is_unheld;
        if let Adjustment::Frequency(frequency) | Adjustment::Step(_, frequency) = adjustment {
            self.commanded = frequency;
        }
        if !self.config.hold {
            out.emit(Effect::Adjust(adjustment));
        }
    }

    pub(super) fn obeyed(
        &mut self,
        before: Timestamp<Local>,
        after: Timestamp<Local>,
        epoch: ClockEpoch,
        frequency: FrequencyPpb,
        out: &mut impl Sink<Effect>,
    ) {
        self.timeline.adjusted(before, after, epoch, frequency);
        self.epoch = epoch;
        // A clock may round to its own quantum, but not do something else.
        let tolerance = FrequencyPpb::new(1_000.0);
        if (frequency - self.commanded).abs() > tolerance {
            out.emit(Effect::Notice(Notice::Ineffective { commanded: self.commanded, found: frequency }));
        }
    }
}

/// How far off what a message says may be: its stamps, and what transparent clocks say that they took.
pub(super) fn error_of(observation: &Observation) -> Duration {
    let correction = observation.correction.abs();
    let of_correction =
        if correction < CORRECTED_FROM { Duration::ZERO } else { CORRECTION_ERROR + CORRECTION_RATE.drift(correction) };
    observation.sent.error + observation.received.error + of_correction
}

/// An estimator for this oscillator.
pub(super) fn new_bank(config: &Config) -> Bank {
    let mut bank = Bank::new(config.max_frequency, STAMP_RESOLUTION);
    if let Some(saved) = &config.saved {
        bank.expect(saved);
    }
    bank
}

/// See [`Discipline::hold_to_the_proof`]; what the bank knows may be by a ruler, and `unproven` counts. Whether the estimate is
/// begun anew.
pub(super) fn hold_to_proof(
    (bank, ruler): (&mut Bank, Option<Ruler>),
    envelope: &Envelope,
    unproven: &mut u32,
    free: Timestamp<Local>,
) -> bool {
    let Some(span) = envelope.at(free) else { return false };
    let Some(own) = bank.estimate() else { return false };
    let estimate = ruler.map_or(own, |ruler| ruler.from_source(own, bank.at()));
    let offset = estimate.offset + estimate.frequency.drift(free - bank.at());
    // One that doubts itself by more than is proven may not be off by more for that.
    let margin = estimate.deviation.scaled(UNPROVEN_DEVIATIONS).min(span.high - span.low);
    let is_outside = offset < span.low - margin || offset > span.high + margin;
    *unproven = if is_outside { *unproven + 1 } else { 0 };
    if *unproven >= UNPROVEN_MAX {
        *unproven = 0;
        bank.forget();
        return true;
    }
    false
}

fn may_step(rule: StepRule, offset: Duration) -> bool {
    match rule {
        StepRule::Any => true,
        StepRule::Never => false,
        StepRule::Above(threshold) => offset.abs() > threshold,
    }
}
