//! The state of the disciplined clock: one pure table.

use crate::coding::Coded;
use crate::time::SyncState;

/// What can change the state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum StateEvent {
    /// A source was selected.
    SourceSelected,
    /// The bound is inside the limit, and so are the last samples.
    LockReached,
    /// The bound exceeds twice the limit while samples still come.
    BoundExceeded,
    /// No sample came for four intervals, or the source is gone.
    SamplesStopped,
    /// Samples still come, of a source that has lost its own.
    SourceHeldOver,
    /// Samples come again.
    SamplesResumed,
    /// The bound is beyond use.
    BoundUseless,
    /// Time itself was disturbed.
    Disturbed,
    /// It was measured again since, and its error is bounded.
    MeasuredAgain,
}

impl StateEvent {
    /// All events.
    pub const ALL: [Self; 9] = [
        Self::SourceSelected,
        Self::LockReached,
        Self::BoundExceeded,
        Self::SamplesStopped,
        Self::SourceHeldOver,
        Self::SamplesResumed,
        Self::BoundUseless,
        Self::Disturbed,
        Self::MeasuredAgain,
    ];

    /// Why the state changed, in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SourceSelected => "a source was selected",
            Self::LockReached => "the bound is inside the limit",
            Self::BoundExceeded => "the bound exceeds twice the limit",
            Self::SamplesStopped => "no sample for four intervals",
            Self::SourceHeldOver => "the clock that it follows has lost its source",
            Self::SamplesResumed => "samples come again",
            Self::BoundUseless => "the bound is beyond use",
            Self::Disturbed => "the clock was set by somebody else, or stood still",
            Self::MeasuredAgain => "it was measured again, and its error is bounded",
        }
    }
}

/// The state after an event.
pub const fn next(state: SyncState, event: StateEvent) -> SyncState {
    use StateEvent as E;
    use SyncState as S;
    match state {
        S::NeverSynced => match event {
            E::SourceSelected | E::SamplesResumed => S::Acquiring,
            E::LockReached => S::Locked,
            E::BoundExceeded
            | E::SamplesStopped
            | E::SourceHeldOver
            | E::BoundUseless
            | E::Disturbed
            | E::MeasuredAgain => S::NeverSynced,
        },
        S::Acquiring => match event {
            E::LockReached => S::Locked,
            E::Disturbed => S::Disrupted,
            E::BoundUseless | E::SamplesStopped => S::Freerun,
            E::SourceSelected | E::BoundExceeded | E::SourceHeldOver | E::SamplesResumed | E::MeasuredAgain => {
                S::Acquiring
            }
        },
        S::Locked => match event {
            E::BoundExceeded => S::Acquiring,
            E::SamplesStopped | E::SourceHeldOver => S::Holdover,
            E::BoundUseless => S::Freerun,
            E::Disturbed => S::Disrupted,
            E::SourceSelected | E::LockReached | E::SamplesResumed | E::MeasuredAgain => S::Locked,
        },
        S::Holdover => match event {
            E::LockReached => S::Locked,
            E::BoundUseless => S::Freerun,
            E::Disturbed => S::Disrupted,
            E::SourceSelected
            | E::BoundExceeded
            | E::SamplesStopped
            | E::SourceHeldOver
            | E::SamplesResumed
            | E::MeasuredAgain => S::Holdover,
        },
        S::Freerun => match event {
            E::SourceSelected | E::SamplesResumed => S::Acquiring,
            E::LockReached => S::Locked,
            E::Disturbed => S::Disrupted,
            E::BoundExceeded | E::SamplesStopped | E::SourceHeldOver | E::BoundUseless | E::MeasuredAgain => S::Freerun,
        },
        S::Disrupted => match event {
            E::MeasuredAgain => S::Acquiring,
            E::LockReached => S::Locked,
            // Who steers now does not say how far off the clock is.
            E::SourceSelected
            | E::BoundExceeded
            | E::SamplesStopped
            | E::SourceHeldOver
            | E::SamplesResumed
            | E::BoundUseless
            | E::Disturbed => S::Disrupted,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_table_of_states_and_events_is_as_written_here() {
        // A row per state, a column per event: SourceSelected LockReached BoundExceeded SamplesStopped SourceHeldOver
        // SamplesResumed BoundUseless Disturbed MeasuredAgain. N A L H F D are the states' first letters.
        let expected = "N: A L N N N A N N N\nA: A L A F A A F D A\nL: L L A H H L F D L\nH: H L H H H H F D H\nF: A L F F F A F D F\nD: D L D D D D D D A\n";
        let letter = |state: SyncState| state.word().chars().next().unwrap();
        let mut table = String::new();
        for state in SyncState::ALL {
            let row: Vec<_> = StateEvent::ALL.iter().map(|event| letter(next(state, *event)).to_string()).collect();
            writeln!(table, "{}: {}", letter(state), row.join(" ")).unwrap();
        }
        assert_eq!(table, expected);
    }

    #[test]
    fn nothing_but_a_reached_lock_leads_to_locked() {
        for state in SyncState::ALL.into_iter().filter(|state| *state != SyncState::Locked) {
            for event in StateEvent::ALL.into_iter().filter(|event| *event != StateEvent::LockReached) {
                assert_ne!(next(state, event), SyncState::Locked, "{state:?} {event:?}");
            }
        }
    }
}
