//! What would another servo have done?
//!
//! A recording cannot simply be fed to another servo: the stamps in it are of a clock that obeyed the first one. But what
//! that one commanded is recorded too, so each stamp can be put on `V`, the clock as it would have run by itself
//! (see [`Timeline`](crate::discipline::Timeline)). Over `V` a clock in software obeys the other servo, and the messages are
//! stamped anew by that. What the network did and how the oscillator ran is thus what it was; and the other servo
//! begins as after a restart of the daemon, with a clock that reads what it read then.
//!
//! When somebody set the clock, `V` jumps with it: by what the clock read more, or less, than it would have.

use super::course::{Course, Moment};
use super::file::{Origin, Stream, Trace};
use super::replay::{ReplayError, Replayed, Watch, repeat};
use crate::clock::{Clock, OscillatorModel, SoftwareClock};
use crate::discipline::{Config, Discipline, Effect, Input, Timescale};
use crate::engine::{Cause, Engine, EngineKind};
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Mono, Observation, Stamp, Timestamp};

/// The answer for one clock.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// The repetition of what was recorded.
    pub replayed: Replayed,
    /// How the clock went.
    pub recorded: Course,
    /// How it would have gone, if another configuration was asked for.
    pub otherwise: Option<Course>,
}

/// Repeats the discipline of a stream and draws its course; with `change`, also that of another configuration.
///
/// # Errors
/// [`ReplayError`].
pub fn what_if(trace: &Trace, stream: &Stream, change: Option<&dyn Fn(&mut Config)>) -> Result<WhatIf, ReplayError> {
    if stream.kind != EngineKind::Discipline {
        return Err(ReplayError::NoStream);
    }
    let mut watch = Recorded {
        origin: trace.origin,
        annotation: Duration::ZERO,
        course: Course::default(),
        change,
        free: Free::default(),
        other: None,
        otherwise: Course::default(),
    };
    let replayed = repeat::<Discipline>(trace, stream, &mut watch)?;
    let otherwise = watch.other.is_some().then_some(watch.otherwise);
    Ok(WhatIf { replayed, recorded: watch.course, otherwise })
}

/// The rate of `V` is learnt over at least so long; a reading of one clock beside another is off by microseconds.
const RATE_SPAN_MIN: Duration = Duration::from_secs(1);

/// A recorded reading of the clock.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    now: Timestamp<Mono>,
    free: Timestamp<Local>,
    reading: Timestamp<Local>,
}

/// `V`, from one recorded reading of the clock to the next.
#[derive(Clone, Copy, Default, Debug)]
struct Free {
    anchor: Option<Anchor>,
    /// Where the measurement of its rate began.
    origin: Option<Anchor>,
    /// How much faster than CLOCK_MONOTONIC it runs.
    rate: FrequencyPpb,
    /// What is added to the recorded `V`, so that it goes on where the discipline began anew.
    shift: Duration,
}

impl Free {
    /// A recorded reading of the clock at `now`.
    fn read(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>, engine: &Discipline) -> Timestamp<Local> {
        let anchor = Anchor { now, free: engine.free(reading) + self.shift, reading };
        self.anchor = Some(anchor);
        let origin = *self.origin.get_or_insert(anchor);
        let span = now - origin.now;
        if span >= RATE_SPAN_MIN {
            let gained = (anchor.free - origin.free) - span;
            self.rate = FrequencyPpb::from_ratio(gained.as_secs_f64() / span.as_secs_f64());
            self.origin = Some(anchor);
        }
        anchor.free
    }

    /// `V` at `now`, by its rate since the last reading: that moves the moment at which a command acts, and no stamp.
    fn at(&self, now: Timestamp<Mono>) -> Option<Timestamp<Local>> {
        let Anchor { now: then, free, .. } = self.anchor?;
        Some(free + (now - then) + self.rate.drift(now - then))
    }

    /// Somebody set the clock, which reads `reading` now and is `V` from here on.
    fn set(&mut self, now: Timestamp<Mono>, reading: Timestamp<Local>) -> Timestamp<Local> {
        let jumped = self.anchor.map_or(Duration::ZERO, |anchor| reading - (anchor.reading + (now - anchor.now)));
        let free = self.at(now).unwrap_or(reading) + jumped;
        self.shift = free - reading;
        self.anchor = Some(Anchor { now, free, reading });
        self.origin = None;
        free
    }
}

/// The recorded discipline, and the other one beside it.
struct Recorded<'a> {
    origin: Origin,
    annotation: Duration,
    course: Course,
    change: Option<&'a dyn Fn(&mut Config)>,
    free: Free,
    other: Option<Other>,
    otherwise: Course,
}

impl Recorded<'_> {
    /// What the clock would read if it were right.
    fn truth(&self, now: Timestamp<Mono>) -> Option<Timestamp<Local>> {
        match self.origin {
            Origin::Host => None,
            Origin::Simulation { truth } => Some(truth + (now - Timestamp::EPOCH) + self.annotation),
        }
    }

    /// The other servo begins when the recorded clock was read for the first time.
    fn begin_other(
        &mut self,
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
        engine: &Discipline,
    ) {
        if let (None, Some(change)) = (&self.other, self.change) {
            self.other = Some(Other::new(now, free, reading, engine, change));
        }
    }

    /// Where both clocks stand after a message.
    fn note(&mut self, now: Timestamp<Mono>, heard: &Observation, engine: &Discipline) {
        let offset = measured(heard, engine, engine);
        let reading = heard.received.at;
        self.course.0.extend(offset.map(|offset| moment(now, Some(offset), reading, None, engine)));
        let Some(other) = &mut self.other else { return };
        let Some(located) = other.located(heard, engine, self.free.shift) else { return };
        let offset = measured(&located, engine, &other.engine);
        let reading = located.received.at;
        self.otherwise.0.extend(offset.map(|offset| moment(now, Some(offset), reading, None, &other.engine)));
    }

    /// Where both clocks stand at a tick, when the recorded one read `reading` and `V` `free`: so the truth is exact.
    fn note_tick(
        &mut self,
        now: Timestamp<Mono>,
        reading: Timestamp<Local>,
        free: Timestamp<Local>,
        engine: &Discipline,
    ) {
        let truth = self.truth(now);
        self.course.0.push(moment(now, None, reading, truth, engine));
        if let Some(other) = &mut self.other {
            let reading = other.clock.line(free).0;
            self.otherwise.0.push(moment(now, None, reading, truth, &other.engine));
        }
    }
}

/// What a Sync says of the clock that received it. The delay is the recorded one for all, so that two servos are judged alike.
fn measured(heard: &Observation, recorded: &Discipline, engine: &Discipline) -> Option<Duration> {
    let timescale = engine.reference().map(|reference| reference.timescale)?;
    let sent = timescale.to_utc(heard.sent.at).filter(|_| timescale != Timescale::Refused)?;
    let is_sync = heard.received.clock == ClockId::Disciplined;
    let delay = recorded.mean_path_delay().filter(|_| is_sync)?;
    Some(heard.received.at - sent - heard.correction - delay)
}

fn moment(
    at: Timestamp<Mono>,
    offset: Option<Duration>,
    reading: Timestamp<Local>,
    truth: Option<Timestamp<Local>>,
    engine: &Discipline,
) -> Moment {
    Moment {
        at,
        offset,
        true_error: truth.map(|truth| reading - truth),
        bound: engine.bound(reading).map(|parts| parts.total().greatest_error()),
        frequency: engine.frequency(),
        state: engine.state(),
    }
}

impl Watch<Discipline> for Recorded<'_> {
    fn begin(&mut self, cause: Cause, now: Timestamp<Mono>, annotation: Duration, engine: &Discipline) {
        self.annotation = annotation;
        if let (Cause::Changed, Some(other), Some(change)) = (cause, &mut self.other, self.change) {
            let mut config = *engine.config();
            change(&mut config);
            other.engine.configure(config);
        }
        _ = now;
    }

    fn step(&mut self, now: Timestamp<Mono>, input: &Input<'_>, engine: &Discipline) {
        match *input {
            Input::Observation(heard) => {
                if let (Some(other), Some(free)) = (&mut self.other, self.free.at(now)) {
                    other.catch_up(now, free);
                    if let Some(located) = other.located(heard, engine, self.free.shift) {
                        other.step(now, free, Input::Observation(&located));
                    }
                }
                self.note(now, heard, engine);
            }
            Input::Reference(_) | Input::Guard(..) | Input::Interval(_) => {
                if let (Some(other), Some(free)) = (&mut self.other, self.free.at(now)) {
                    other.catch_up(now, free);
                    other.step(now, free, *input);
                }
            }
            // What the recorded clock did of the recorded servo's commands is in `V` already.
            Input::Adjusted { after, .. } => {
                let free = self.free.read(now, after, engine);
                self.begin_other(now, free, after, engine);
            }
            // Nor when it did that.
            Input::Refused | Input::Unsure { .. } => {}
            Input::Disturbed { reading, .. } | Input::Replaced { reading, .. } => {
                let free = self.free.set(now, reading);
                if let Some(other) = &mut self.other {
                    other.disturbed(now, free, matches!(input, Input::Replaced { .. }));
                }
            }
            // The other clock stands on the same `V`, which somebody moved.
            Input::Slewed { reading, ahead, behind } => {
                let free = self.free.read(now, reading, engine);
                if let Some(other) = &mut self.other {
                    other.catch_up(now, free);
                    other.slewed(now, free, ahead, behind);
                }
            }
            Input::Tick { reading } => {
                let free = self.free.read(now, reading, engine);
                if let Some(other) = &mut self.other {
                    other.catch_up(now, free);
                    other.tick(now, free);
                }
                self.begin_other(now, free, reading, engine);
                self.note_tick(now, reading, free, engine);
            }
        }
    }
}

/// The other servo with its clock over `V`.
struct Other {
    engine: Discipline,
    clock: SoftwareClock,
    effects: Vec<Effect>,
}

impl Other {
    /// As after a restart at `now`, when the clock read `reading`.
    fn new(
        now: Timestamp<Mono>,
        free: Timestamp<Local>,
        reading: Timestamp<Local>,
        recorded: &Discipline,
        change: &dyn Fn(&mut Config),
    ) -> Self {
        let mut config = *recorded.config();
        config.saved = recorded.oscillator().or(config.saved);
        change(&mut config);
        let mut clock = SoftwareClock::new(free, reading - free, OscillatorModel::PERFECT, config.max_frequency);
        // Within the limit, as it is in force: refused only if another limit was asked for, and then nothing is.
        _ = clock.adjust(free, crate::discipline::Adjustment::Frequency(recorded.frequency()));
        let mut engine = Discipline::new(config, now, reading, clock.epoch(), clock.frequency());
        engine.reserve_guards(recorded.guards());
        let mut other = Self { engine, clock, effects: Vec::new() };
        other.step(now, free, Input::Interval(recorded.interval()));
        other.step(now, free, Input::Reference(recorded.reference()));
        other
    }

    /// A message as this clock would have stamped it; `None` if it is of before all that is known.
    fn located(&mut self, heard: &Observation, recorded: &Discipline, shift: Duration) -> Option<Observation> {
        let mut located = *heard;
        for stamp in [&mut located.sent, &mut located.received] {
            if stamp.clock == ClockId::Disciplined {
                let at = recorded.free_at(stamp)? + shift;
                let on_free = Stamp { at, clock: ClockId::System, epoch: ClockEpoch::default(), ..*stamp };
                *stamp = self.clock.locate(&on_free)?;
            }
        }
        Some(located)
    }

    /// Takes a step, and the clock obeys.
    fn step(&mut self, now: Timestamp<Mono>, free: Timestamp<Local>, input: Input<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.engine.step(now, input, &mut effects);
        for effect in effects.drain(..) {
            let Effect::Adjust(command) = effect else { continue };
            let answer = match self.clock.adjust(free, command) {
                Ok(done) => Input::Adjusted {
                    before: done.before,
                    after: done.after,
                    epoch: done.epoch,
                    frequency: done.frequency,
                },
                Err(_) => Input::Refused,
            };
            self.engine.step(now, answer, &mut self.effects);
            self.effects.clear();
        }
        self.effects = effects;
    }

    fn tick(&mut self, now: Timestamp<Mono>, free: Timestamp<Local>) {
        let reading = self.clock.line(free).0;
        self.step(now, free, Input::Tick { reading });
    }

    /// Somebody changed the rate for a while, until now.
    fn slewed(&mut self, now: Timestamp<Mono>, free: Timestamp<Local>, ahead: Duration, behind: Duration) {
        let reading = self.clock.line(free).0;
        self.step(now, free, Input::Slewed { reading, ahead, behind });
    }

    /// The ticks that it would have asked for since its last step; `free` is `V` at `now`.
    fn catch_up(&mut self, now: Timestamp<Mono>, free: Timestamp<Local>) {
        while let Some(deadline) = self.engine.deadline().filter(|deadline| *deadline < now) {
            self.tick(deadline, free - (now - deadline));
            if self.engine.deadline() == Some(deadline) {
                return;
            }
        }
    }

    /// Somebody set the clock under this one, or it is another one: it reads `free` now.
    fn disturbed(&mut self, now: Timestamp<Mono>, free: Timestamp<Local>, is_another: bool) {
        let epoch = self.clock.restart(free);
        let reading = self.clock.line(free).0;
        let input = if is_another { Input::Replaced { reading, epoch } } else { Input::Disturbed { reading, epoch } };
        self.step(now, free, input);
    }
}
