//! When the time is published anew.
//!
//! What was published says how fast its bound grows until the next time, so that it stays right meanwhile. To publish at each Sync, eight times a second
//! and more, is dear, and makes the bound of those who read it narrower by no more than what the oscillator may do in an eighth of a second. So
//! a quarter of a second may pass, and in a calm half a second, but not if what was said is not true any more: the state is another one, the
//! clock was stepped or runs at another rate, or the bound has become greater than it was to become. Nor where somebody goes by the line of a
//! clock: a clock in software is on another one after each command, and so is a card whose stamps somebody serves by.

use super::DisciplineThread;
use crate::clock::Clock as _;
use crate::sharing::TimeSnapshot;
use crate::time::{ClockEpoch, Duration, FrequencyPpb, Local, Mono, SyncState, Timestamp};

/// What is new is published not later than this after what was published before.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// The same in a calm.
const NEWS_EVERY_CALM: Duration = Duration::from_millis(500);
/// The next message is not waited for when so much of that is left: it may come as late as that.
const NEARLY: Duration = Duration::from_millis(30);
/// With a command of the system clock so much earlier already: the commands come four times a second as a rule, and have brought what the kernel is
/// asked for before it is told how good the time is.
const WITH_COMMANDS_BEFORE: Duration = Duration::from_millis(150);
/// What a clock gains by another rate within half a second, if the rate differs by less, is nothing beside any bound.
const RATE_TOLERANCE: FrequencyPpb = FrequencyPpb::new(40.0);

/// What was published last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    at: Timestamp<Mono>,
    state: SyncState,
    epoch: ClockEpoch,
    rate: FrequencyPpb,
    /// Another bound than none, and how fast it grows.
    bound: Option<(Duration, FrequencyPpb)>,
    /// How many commands all clocks had obeyed, and how many the system clock.
    commands: (u64, u64),
}

impl Published {
    pub(super) fn of(snapshot: &TimeSnapshot, commands: (u64, u64)) -> Self {
        let bound = || (snapshot.parts.total().greatest_error(), snapshot.drift_rate.abs());
        Self {
            at: snapshot.anchor_mono,
            state: snapshot.state,
            epoch: snapshot.epoch,
            rate: snapshot.frequency,
            bound: snapshot.is_bounded.then(bound),
            commands,
        }
    }

    /// Whether some clock has obeyed a command since, if all together have obeyed so many.
    pub(super) fn is_before(&self, commands: u64) -> bool {
        commands != self.commands.0
    }

    /// Whether the bound is not greater at `now` than it was to become: `None`, there is none.
    fn covers(&self, now: Timestamp<Mono>, bound: Option<Duration>) -> bool {
        match (self.bound, bound) {
            (None, None) => true,
            (Some((told, rate)), Some(bound)) => bound <= told + rate.drift(now - self.at),
            _ => false,
        }
    }
}

impl DisciplineThread {
    /// Whether to publish at the end of a round, in which something `is_changed`.
    pub(super) fn is_to_publish(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, is_changed: bool) -> bool {
        let commands = (self.cascade.commands(), self.cascade.system().commands());
        let is_commanded = commands != self.published.commands;
        if now >= self.publish_at {
            return true;
        }
        if !is_changed && !is_commanded {
            return false;
        }
        let is_served = self.links.lines.is_some() || self.inlets.may_serve();
        let is_calm = self.cascade.is_hub_calm();
        let due_at = self.published.at + if is_calm { NEWS_EVERY_CALM } else { NEWS_EVERY };
        let system = self.cascade.system();
        let told = &self.published;
        // Of two multiples of a step that are commanded in turn each is only a part of what the clock does.
        let in_turn = system.clock().rate_step().filter(|_| system.goes_by_steps());
        let is_with_command =
            commands.1 != told.commands.1 && now + WITH_COMMANDS_BEFORE >= due_at && in_turn.is_none();
        if is_served || !system.clock().is_stamping() || is_with_command || now + NEARLY >= due_at {
            return true;
        }
        let rate_changed =
            (system.clock().frequency() - told.rate).abs() > RATE_TOLERANCE + in_turn.unwrap_or_default();
        let is_doubted = self.cascade.hub_in_doubt().is_some() != self.is_in_doubt;
        let system = self.cascade.system();
        let is_another = is_doubted || (system.state(), system.clock().epoch()) != (told.state, told.epoch);
        let bound = system.own_span(local).map(|span| span.low.abs().max(span.high.abs()));
        is_another || rate_changed || !told.covers(now, bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::BoundParts;

    #[test]
    fn what_was_said_of_the_bound_covers_what_it_was_to_become_and_no_more() {
        let (at, us) = (Timestamp::from_secs(100), Duration::from_micros);
        let snapshot = TimeSnapshot {
            is_bounded: true,
            parts: BoundParts { path: us(10), ..BoundParts::default() },
            drift_rate: FrequencyPpb::from_ppm(2.0),
            ..TimeSnapshot::unsynchronised(at)
        };
        let told = Published::of(&snapshot, (0, 0));
        let later = at + Duration::from_millis(500);
        assert!(told.covers(at, Some(us(10))) && told.covers(later, Some(us(11))));
        assert!(!told.covers(at, Some(us(11))) && !told.covers(later, Some(us(12))));
        assert!(!told.covers(at, None), "that there is none any more is said at once");
        let none = Published::of(&TimeSnapshot::unsynchronised(at), (0, 0));
        assert!(none.covers(later, None) && !none.covers(later, Some(us(1))));
    }
}
