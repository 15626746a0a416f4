//! One discipline with one clock: what the discipline thread and the simulator both drive.

use super::Clock;
use crate::discipline::{Config, Discipline, Effect, Input, Notice, Reference};
use crate::engine::{Emit, Engine};
use crate::sharing::{BoundParts, TimeSnapshot};
use crate::time::{
    ClockId, Duration, FrequencyPpb, Local, LogInterval, Mono, Observation, Stamp, SyncState, Timestamp,
};

/// The discipline's configuration.
pub type SteeringConfig = Config;

/// A stamp may be this much ahead of the clock's reading: it was taken on another CPU a moment ago.
const STAMP_AHEAD_MAX: Duration = Duration::from_millis(1);

/// The most effects of one step.
const EFFECTS_MAX: usize = 8;

/// A clock and its discipline.
#[derive(Debug)]
pub struct Steering<C> {
    clock: C,
    discipline: Discipline,
}

impl<C: Clock> Steering<C> {
    /// Begins at `now`, when the stamping clock reads `local`.
    pub fn new(mut clock: C, config: Config, now: Timestamp<Mono>, local: Timestamp<Local>) -> Self {
        let (reading, _) = clock.line(local);
        let discipline = Discipline::new(config, now, reading, clock.epoch(), clock.frequency());
        Self { clock, discipline }
    }

    /// A message between the source's clock and the stamping clock.
    pub fn observe(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        observation: &Observation,
        notify: &mut impl FnMut(Notice),
    ) {
        let is_from_the_future = |stamp: &Stamp| stamp.clock == ClockId::System && stamp.at > local + STAMP_AHEAD_MAX;
        if is_from_the_future(&observation.sent) || is_from_the_future(&observation.received) {
            // Taken before somebody set the stamping clock back: it would map to an instant that has not come yet.
            return;
        }
        let mut located = *observation;
        for stamp in [&mut located.sent, &mut located.received] {
            if matches!(stamp.clock, ClockId::Remote(_)) {
                continue;
            }
            match self.clock.locate(stamp) {
                Some(on_our_clock) => *stamp = on_our_clock,
                None => return,
            }
        }
        self.step(now, local, Input::Observation(&located), notify);
    }

    /// The source is this one from now on.
    pub fn follow(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        reference: Option<Reference>,
        notify: &mut impl FnMut(Notice),
    ) {
        self.step(now, local, Input::Reference(reference), notify);
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
        let (reading, _) = self.clock.line(local);
        self.step(now, local, Input::Tick { reading }, notify);
    }

    /// Somebody set the stamping clock, which reads `local` now.
    pub fn disturbed(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, notify: &mut impl FnMut(Notice)) {
        let epoch = self.clock.restart(local);
        let (reading, _) = self.clock.line(local);
        self.step(now, local, Input::Disturbed { reading, epoch }, notify);
    }

    /// What to publish when the stamping clock reads `local`.
    pub fn snapshot(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) -> TimeSnapshot {
        let (reading, rate) = self.clock.line(local);
        self.discipline.snapshot(now, local, reading, rate)
    }

    /// The bound's parts when the stamping clock reads `local`.
    pub fn bound(&mut self, local: Timestamp<Local>) -> Option<BoundParts> {
        let (reading, _) = self.clock.line(local);
        self.discipline.bound(reading)
    }

    /// Takes over other limits, policies and gains; what is measured stays.
    pub fn configure(&mut self, config: Config) {
        self.discipline.configure(config);
    }

    /// When it wants a tick at the latest.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.discipline.deadline()
    }

    /// The state of the clock.
    pub fn state(&self) -> SyncState {
        self.discipline.state()
    }

    /// Whether it is LOCKED, by samples of the source that is followed now.
    pub fn is_locked_to_source(&self) -> bool {
        self.discipline.is_locked_to_source()
    }

    /// What the oscillator is thought to run off by, uncorrected.
    pub fn oscillator_frequency(&self) -> Option<FrequencyPpb> {
        self.discipline.oscillator_frequency()
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
        for effect in effects.into_iter().flatten() {
            match effect {
                Effect::Notice(notice) => notify(notice),
                Effect::Adjust(command) => {
                    let (before, _) = self.clock.line(local);
                    let answer = match self.clock.adjust(local, command) {
                        Ok(epoch) => {
                            let (after, _) = self.clock.line(local);
                            Input::Adjusted { before, after, epoch, frequency: self.clock.frequency() }
                        }
                        Err(_) => Input::Refused,
                    };
                    let mut told = Emit(|effect| {
                        if let Effect::Notice(notice) = effect {
                            notify(notice);
                        }
                    });
                    self.discipline.step(now, answer, &mut told);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
