//! One discipline with one clock: what the discipline thread and the simulator both drive.
//!
//! A discipline knows nothing of timescales and leap seconds: it compares readings. So the scale is settled here. A PHC
//! counts TAI, and is compared with TAI. The system clock counts UTC, which has jumps that no oscillator makes: once
//! TAI - UTC is known it is added to each reading, and the discipline sees a clock that counts TAI. A leap second then
//! changes the reading and what is added to it by one second each, and nothing else.

use super::foretold::{ExceededAt, Foretold};
use super::gain::Gain;
use super::{Adjusted, Clock, ClockError};
use crate::discipline::{
    Adjustment, Config, Discipline, Effect, Input, Notice, Reference, Ruler, SavedOscillator, Span, Timescale,
    Whereabouts,
};
use crate::engine::{Emit, Engine, Recorder, Taped};
use crate::sharing::{BoundParts, TimeSnapshot};
use crate::time::{
    ClockId, Duration, FrequencyPpb, Local, LogInterval, Mono, Observation, SourceId, Stamp, SyncState, TaiUtc,
    Timestamp,
};

/// The discipline's configuration.
pub type SteeringConfig = Config;

/// A stamp may be this much ahead of the clock's reading: it was taken on another CPU a moment ago.
const STAMP_AHEAD_MAX: Duration = Duration::from_millis(1);

/// What a clock may have been moved by for not knowing exactly when it obeyed: less than an eighth of a nanosecond is not worth a word, for
/// commands that change the rate by so much that it matters are rare.
const UNSURE_MIN: Duration = Duration::from_ticks(1 << 13);

/// The most effects of one step.
const EFFECTS_MAX: usize = 8;

/// What the stamping clock counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// UTC, as CLOCK_REALTIME does.
    Utc,
    /// TAI, as a PHC that we steer does.
    Tai,
}

/// A clock and its discipline.
#[derive(Debug)]
pub struct Steering<C> {
    clock: C,
    discipline: Taped<Discipline>,
    counts: Counts,
    /// What the discipline's scale is ahead of what the clock counts: TAI - UTC of a clock that counts UTC, once known.
    ahead: TaiUtc,
    /// What the last command was refused with.
    refused: Option<i32>,
    dither_at: Timestamp<Mono>,
    /// All steps together.
    stepped: Duration,
    turned: Turned,
    /// How often it has obeyed.
    obeyed: u64,
    foretold: Foretold,
}

/// What corrections of the rate have added to the stamping clock.
#[derive(Clone, Copy, Debug)]
struct Turned {
    by: Duration,
    until: Timestamp<Mono>,
    /// By CLOCK_MONOTONIC since then.
    gain: Gain,
}

/// What this correction adds to the stamping clock by CLOCK_MONOTONIC.
fn turning<C: Clock>(clock: &C, correction: FrequencyPpb) -> Gain {
    if clock.turns_mono() {
        let ratio = correction.ratio();
        Gain::of(FrequencyPpb::from_ratio(ratio / (1.0 + ratio)))
    } else if clock.is_stamping() {
        Gain::of(correction)
    } else {
        Gain::default()
    }
}

impl Turned {
    fn by(&self, now: Timestamp<Mono>) -> Duration {
        self.by + self.gain.over(now - self.until)
    }
}

impl<C: Clock> Steering<C> {
    /// Begins at `now`, when the stamping clock reads `local`.
    pub fn new(mut clock: C, counts: Counts, config: Config, now: Timestamp<Mono>, local: Timestamp<Local>) -> Self {
        let (reading, _) = clock.line(local);
        let turned = Turned { by: Duration::ZERO, until: now, gain: turning(&clock, clock.frequency()) };
        let mut discipline = Discipline::new(config, now, reading, clock.epoch(), clock.frequency());
        if let Some(limit) = clock.frequency_max() {
            discipline.limit_corrections(limit);
        }
        let discipline = Taped::new(discipline);
        Self {
            clock,
            discipline,
            counts,
            ahead: TaiUtc(0),
            refused: None,
            dither_at: now,
            stepped: Duration::ZERO,
            turned,
            obeyed: 0,
            foretold: Foretold::default(),
        }
    }

    /// A message between the source's clock and the stamping clock.
    pub fn observe(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        observation: &Observation,
        notify: &mut impl FnMut(Notice),
    ) {
        let is_from_the_future =
            |stamp: &Stamp| !matches!(stamp.clock, ClockId::Remote(_)) && stamp.at > local + STAMP_AHEAD_MAX;
        if is_from_the_future(&observation.sent) || is_from_the_future(&observation.received) {
            // Taken before somebody set the stamping clock back: it would map to an instant that has not come yet.
            return;
        }
        if let Some(located) = self.located(observation) {
            self.step(now, local, Input::Observation(&located), notify);
        }
    }

    /// The same with our stamp on the discipline's scale.
    fn located(&mut self, observation: &Observation) -> Option<Observation> {
        let mut located = *observation;
        for stamp in [&mut located.sent, &mut located.received] {
            if matches!(stamp.clock, ClockId::Remote(_)) {
                continue;
            }
            let on_our_clock = self.clock.locate(stamp)?;
            *stamp = Stamp { at: on_our_clock.at + self.ahead.duration(), ..on_our_clock };
        }
        Some(located)
    }

    /// How much later a message came than it should by all that is known, or left earlier; `None` if too little is.
    pub fn surprise(&mut self, observation: &Observation) -> Option<Duration> {
        let located = self.located(observation)?;
        self.discipline.surprise(&located)
    }

    /// Whether the clock is commanded multiples of the step in which its rate goes.
    pub fn goes_by_steps(&self) -> bool {
        self.discipline.goes_by_steps()
    }

    /// How often the source sends.
    pub fn interval(&self) -> LogInterval {
        self.discipline.interval()
    }

    /// The source is this one from now on.
    pub fn follow(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        reference: Option<Reference>,
        notify: &mut impl FnMut(Notice),
    ) {
        let reference = reference.map(|reference| self.on_our_scale(now, local, reference, notify));
        self.step(now, local, Input::Reference(reference), notify);
    }

    /// Room for so many sources beside the one that steers.
    pub fn reserve_guards(&mut self, count: usize) {
        self.discipline.change(|discipline| discipline.reserve_guards(count));
    }

    /// A source beside the one that steers says this of itself; `None`: it is gone, or not heard by this clock.
    pub fn guard(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        source: SourceId,
        reference: Option<Reference>,
    ) {
        let (counts, ahead) = (self.counts, self.ahead);
        let scaled = |reference: Reference| {
            // Another source may know what this one does not say.
            let timescale = match (counts, reference.timescale, reference.tai_utc) {
                (Counts::Utc, Timescale::TaiWithoutUtc, Some(tai_utc)) => Timescale::Tai(tai_utc),
                _ => reference.timescale,
            };
            let timescale = scale_of(counts, ahead, Reference { timescale, ..reference });
            Reference { timescale, ..reference }
        };
        self.step(now, local, Input::Guard(source, reference.map(scaled)), &mut |_| ());
    }

    /// Where the clock's offset from a source lies, when the stamping clock reads `local`.
    pub fn span_of(&mut self, source: SourceId, local: Timestamp<Local>) -> Option<Span<Duration>> {
        let reading = self.reading(local);
        self.discipline.span_of(source, reading)
    }

    /// Where the clock's offset lies by all that it knows itself, when the stamping clock reads `local`; `None` if nothing bounds it.
    pub fn own_span(&mut self, local: Timestamp<Local>) -> Option<Span<Duration>> {
        let reading = self.reading(local);
        self.discipline.own_span(reading)
    }

    /// The same, each end by itself; what nothing is known of is `None`.
    pub fn own_ends(&mut self, local: Timestamp<Local>) -> Span<Option<Duration>> {
        let reading = self.reading(local);
        self.discipline.own_ends(reading)
    }

    /// A reference whose timescale says how its readings become the discipline's scale.
    fn on_our_scale(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        reference: Reference,
        notify: &mut impl FnMut(Notice),
    ) -> Reference {
        if let (Counts::Utc, Timescale::Tai(tai_utc)) = (self.counts, reference.timescale)
            && self.discipline.is_virgin()
            && tai_utc != self.ahead
        {
            self.leap(tai_utc);
            let reading = self.reading(local);
            self.step(now, local, Input::Disturbed { reading, epoch: self.clock.epoch() }, notify);
        }
        let timescale = scale_of(self.counts, self.ahead, reference);
        let at = self.free(local);
        Reference { timescale, ruler: reference.ruler.map(|ruler| Ruler { at, ..ruler }), ..reference }
    }

    /// The discipline's scale is ahead of UTC by this from now on, and the clock that counts UTC was set accordingly: by the kernel, or by
    /// nobody if it is a software clock, whose UTC then is what this says. A leap second changes it by a second; it is not TAI - UTC where the
    /// first source counted UTC.
    pub fn leap(&mut self, tai_utc: TaiUtc) {
        self.ahead = tai_utc;
        self.discipline.annotate(tai_utc.duration());
    }

    /// Whoever asks the recorder for them gets the steps of the discipline.
    pub fn record_by(&mut self, recorder: Recorder) {
        self.discipline.record_by(recorder);
    }

    /// What the discipline's scale is ahead of what the clock counts.
    pub fn ahead(&self) -> TaiUtc {
        self.ahead
    }

    /// What all steps of ours together have added to the stamping clock.
    pub fn stepped(&self) -> Duration {
        self.stepped
    }

    /// What all corrections of its rate since the beginning have added to the stamping clock by `now`, to 2^-16 ns; negative if they slowed it.
    pub fn turned(&self, now: Timestamp<Mono>) -> Duration {
        self.turned.by(now)
    }

    /// The same to CLOCK_MONOTONIC: nothing, unless that goes with this clock.
    pub fn turned_mono(&self, now: Timestamp<Mono>) -> Duration {
        if self.clock.turns_mono() { self.turned(now) } else { Duration::ZERO }
    }

    /// As [`Steering::leap`] where nobody sets the clock: it is stepped by us, which the discipline does not see.
    ///
    /// # Errors
    /// The clock's; nothing has changed then.
    pub fn make_leap(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        tai_utc: TaiUtc,
    ) -> Result<(), ClockError> {
        let before = self.ahead.duration();
        let step = Adjustment::Step(before - tai_utc.duration(), self.clock.frequency());
        let adjusted = self.clock.adjust(local, step)?;
        self.leap(tai_utc);
        let told = Input::Adjusted {
            before: adjusted.before + before,
            after: adjusted.after + tai_utc.duration(),
            epoch: adjusted.epoch,
            frequency: adjusted.frequency,
        };
        self.discipline.step(now, told, &mut Emit(|_| ()));
        Ok(())
    }

    /// As [`Steering::leap`] where nobody sets the clock, nor is it stepped: from now on it is off by the change, and the discipline
    /// knows by how much.
    pub fn pass_leap(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, tai_utc: TaiUtc) {
        let before = self.reading(local);
        let by = tai_utc.duration() - self.ahead.duration();
        self.leap(tai_utc);
        if self.clock.is_stamping() {
            // To whoever remembers where it was, it is as if it had been stepped.
            self.stepped += by;
        }
        let (epoch, frequency) = (self.clock.epoch(), self.clock.frequency());
        let told = Input::Adjusted { before, after: before + by, epoch, frequency };
        self.discipline.step(now, told, &mut Emit(|_| ()));
    }

    /// The clock's reading on the discipline's scale, when the stamping clock reads `local`.
    pub fn reading(&mut self, local: Timestamp<Local>) -> Timestamp<Local> {
        self.clock.line(local).0 + self.ahead.duration()
    }

    /// The source sends at this interval.
    pub fn set_interval(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        interval: LogInterval,
        notify: &mut impl FnMut(Notice),
    ) {
        self.step(now, local, Input::Interval(interval), notify);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(Notice)) {
        if let Some(every) = self.clock.dither_every()
            && now >= self.dither_at
        {
            self.dither_at = now + every;
            if let Some(adjusted) = self.clock.dither(local) {
                self.obeyed(now, adjusted, notify);
            }
        }
        let reading = self.reading(local);
        self.step(now, local, Input::Tick { reading }, notify);
    }

    /// Somebody set the stamping clock, which reads `local` now.
    pub fn disturbed(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(Notice)) {
        let epoch = self.clock.restart(local);
        let reading = self.reading(local);
        self.step(now, local, Input::Disturbed { reading, epoch }, notify);
    }

    /// Another clock is in its place, as far as anybody knows: neither its time nor its rate is known. It reads `local` now.
    pub fn replaced(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(Notice)) {
        let epoch = self.clock.restart(local);
        let reading = self.reading(local);
        self.step(now, local, Input::Replaced { reading, epoch }, notify);
    }

    /// Another program has changed the clock's rate for a while, until the stamping clock read `local`: the clock may have been
    /// put `ahead` (not negative) and `behind` (not positive) by so much.
    pub fn slewed(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, ahead: Duration, behind: Duration) {
        let reading = self.reading(local);
        self.discipline.step(now, Input::Slewed { reading, ahead, behind }, &mut Emit(|_| ()));
    }

    /// What is known when the stamping clock reads `local`, but for what is foretold.
    pub fn snapshot(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> TimeSnapshot {
        let (counted, rate) = self.clock.line(local);
        let snapshot = self.discipline.snapshot(now, local, counted + self.ahead.duration(), rate);
        let reference_time = match snapshot.last_sample {
            Some(_) => snapshot.reference_time - self.ahead.duration(),
            None => snapshot.reference_time,
        };
        TimeSnapshot { anchor_utc: counted.read_as(), reference_time, ..snapshot }
    }

    /// The clock, when the stamping clock reads `local` and it is thought to be ahead of its source by `offset`, as the ruler of
    /// those who see the source through it; `None` while its estimator knows nothing.
    pub fn ruler(&mut self, clock: ClockId, local: Timestamp<Local>, offset: Duration) -> Option<Ruler> {
        let reading = self.reading(local);
        self.discipline.ruler(clock, reading, offset)
    }

    /// Whether it is right already, though not for long enough to be called LOCKED.
    pub fn is_right(&mut self, local: Timestamp<Local>) -> bool {
        let reading = self.reading(local);
        self.discipline.is_right(reading)
    }

    /// How many commands of its discipline the clock has obeyed: when this changes, so has the line that it is on.
    pub fn commands(&self) -> u64 {
        self.obeyed
    }

    /// How far the clock was seen from its source of late, noise included; never negative.
    pub fn wobble(&self) -> Duration {
        self.discipline.wobble()
    }

    /// What the clock is thought to be ahead of its source when the stamping clock reads `local`, and how far from that the truth
    /// may be; `None` if nothing bounds it.
    pub fn whereabouts(&mut self, local: Timestamp<Local>) -> Option<Whereabouts> {
        let reading = self.reading(local);
        self.discipline.whereabouts(reading)
    }

    /// How sure that still is, one standard deviation; `None` if the servo keeps no estimate, or has none yet.
    pub fn deviation(&mut self, local: Timestamp<Local>) -> Option<Duration> {
        let reading = self.reading(local);
        self.discipline.deviation(reading)
    }

    /// The bound's parts when the stamping clock reads `local`.
    pub fn bound(&mut self, local: Timestamp<Local>) -> Option<BoundParts> {
        let reading = self.reading(local);
        self.discipline.bound(reading)
    }

    /// When the bound will exceed the limits if no sample comes any more: that of this clock, or of one that follows it and whose
    /// greatest error is `follower` now. The stamping clock reads `local`.
    pub(super) fn exceeded_at(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        follower: Option<Duration>,
    ) -> ExceededAt {
        let last_sample = self.discipline.last_sample();
        if let Some(told) = self.foretold.told(now, last_sample) {
            return told;
        }
        let reading = self.reading(local);
        let own = self.discipline.bound(reading).map_or(Duration::ZERO, |parts| parts.total().greatest_error());
        let beside = follower.map_or(Duration::ZERO, |error| (error - own).max(Duration::ZERO));
        let until = |limit| self.discipline.time_until(reading, limit - beside);
        self.foretold.foretell(now, last_sample, until)
    }

    /// As [`Steering::snapshot`], with when the bound will exceed the limits.
    pub fn published(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> TimeSnapshot {
        let snapshot = self.snapshot(now, local);
        if !snapshot.is_bounded {
            return snapshot;
        }
        TimeSnapshot { exceeded_at: self.exceeded_at(now, local, None), ..snapshot }
    }

    /// Takes over other limits, policies and gains; what is measured stays.
    pub fn configure(&mut self, config: Config) {
        self.discipline.change(|discipline| discipline.configure(config));
    }

    /// When it wants a tick at the latest.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        let dither = self.clock.dither_every().map(|_| self.dither_at);
        self.discipline.deadline().into_iter().chain(dither).min()
    }

    /// The state of the clock.
    pub fn state(&self) -> SyncState {
        self.discipline.state()
    }

    /// Whether it is LOCKED, by samples of the source that is followed now.
    pub fn is_locked_to_source(&self) -> bool {
        self.discipline.is_locked_to_source()
    }

    /// Whether requests to the source may be rare.
    pub fn is_calm(&self) -> bool {
        self.discipline.is_calm()
    }

    /// Whether samples that are so far apart would do.
    pub fn is_enough(&mut self, apart: Duration, local: Timestamp<Local>) -> bool {
        let reading = self.reading(local);
        self.discipline.is_enough(apart, reading)
    }

    /// What the oscillator is thought to run off by, uncorrected.
    pub fn oscillator_frequency(&self) -> Option<FrequencyPpb> {
        self.discipline.oscillator_frequency()
    }

    /// The same with how sure that is, and how it wanders, for a later run.
    pub fn oscillator(&self) -> Option<SavedOscillator> {
        self.discipline.oscillator()
    }

    /// When the state began.
    pub fn state_since(&self) -> Timestamp<Mono> {
        self.discipline.state_since()
    }

    /// The clock's reading with all our corrections taken out, when the stamping clock reads `local`.
    pub fn free(&mut self, local: Timestamp<Local>) -> Timestamp<Local> {
        let reading = self.reading(local);
        self.discipline.free(reading)
    }

    /// Ends the discipline, and gives the clock back as it is.
    pub fn into_clock(self) -> C {
        self.clock
    }

    /// The clock.
    pub fn clock(&mut self) -> &mut C {
        &mut self.clock
    }

    fn step(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        input: Input<'_>,
        notify: &mut impl FnMut(Notice),
    ) {
        let mut effects = [None; EFFECTS_MAX];
        let mut len = 0;
        let mut keep = Emit(|effect| {
            effects[len] = Some(effect);
            len += 1;
        });
        self.discipline.step(now, input, &mut keep);
        for effect in effects[..len].iter().flatten() {
            match *effect {
                Effect::Notice(notice) => notify(notice),
                Effect::Adjust(command) => match self.clock.adjust(local, command) {
                    Ok(adjusted) => {
                        self.obeyed += 1;
                        let step = self.clock.rate_step();
                        if step != self.discipline.rate_step() {
                            self.discipline.change(|discipline| discipline.set_rate_step(step));
                        }
                        self.obeyed(now, adjusted, notify);
                        if self.refused.take().is_some() {
                            notify(Notice::Obeys);
                        }
                    }
                    Err(error) => {
                        let errno = match error {
                            ClockError::OutOfRange => 0,
                            ClockError::Failed(errno) => errno,
                        };
                        if self.refused.replace(errno) != Some(errno) {
                            notify(Notice::Refused { errno });
                        }
                        self.discipline.step(now, Input::Refused, &mut Emit(|_| ()));
                    }
                },
            }
        }
    }

    fn obeyed(&mut self, now: Timestamp<Mono>, adjusted: Adjusted, notify: &mut impl FnMut(Notice)) {
        let Adjusted { before, after, epoch, frequency, between } = adjusted;
        let was = self.discipline.frequency();
        let (late, doubt) = between.map_or((Duration::ZERO, Duration::ZERO), |between| middle(now, between));
        let late = late + was.drift(late);
        let (before, after) = (before + late, after + late);
        if self.clock.is_stamping() {
            self.stepped += after - before;
        }
        let until = now + late;
        self.turned = Turned { by: self.turned.by(until), until, gain: turning(&self.clock, frequency) };
        let ahead = self.ahead.duration();
        let answer = Input::Adjusted { before: before + ahead, after: after + ahead, epoch, frequency };
        let mut told = Emit(|effect| {
            if let Effect::Notice(notice) = effect {
                notify(notice);
            }
        });
        self.discipline.step(now, answer, &mut told);
        let by = (frequency - was).drift(doubt).abs();
        if by >= UNSURE_MIN {
            self.discipline.step(now, Input::Unsure { by }, &mut told);
        }
    }
}

/// How much later than `now` the middle of an interval is, and how far from that its ends are.
fn middle(now: Timestamp<Mono>, (from, until): (Timestamp<Mono>, Timestamp<Mono>)) -> (Duration, Duration) {
    let doubt = (until - from).half();
    (from + doubt - now, doubt)
}

/// A reference's timescale, on the scale of a discipline whose clock counts this, and to whose readings `ahead` is added.
fn scale_of(counts: Counts, ahead: TaiUtc, reference: Reference) -> Timescale {
    let less = |seconds: i16| if seconds == 0 { Timescale::Utc } else { Timescale::Tai(TaiUtc(seconds)) };
    match (counts, reference.timescale) {
        (_, Timescale::Refused) => Timescale::Refused,
        (Counts::Tai, Timescale::Tai(_) | Timescale::TaiWithoutUtc) => less(0),
        (Counts::Tai, Timescale::Utc) => reference.tai_utc.map_or(Timescale::Refused, |tai_utc| less(-tai_utc.0)),
        (Counts::Utc, Timescale::TaiWithoutUtc) => Timescale::TaiWithoutUtc,
        (Counts::Utc, Timescale::Utc) => less(-ahead.0),
        (Counts::Utc, Timescale::Tai(tai_utc)) => less(tai_utc.0 - ahead.0),
    }
}

#[cfg(test)]
mod tests;
