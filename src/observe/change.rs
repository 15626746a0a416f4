//! What an event is: its kind, and what has become what.
//!
//! The sentence of an event is for people and may be worded anew at any time. Programs (`synchronome events --json`, hooks, the
//! metric `synchronome_events_total`) go by the words here, which stay.

/// What kind of thing has happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// A clock is in another state.
    State,
    /// A clock was stepped by us.
    Step,
    /// The offset exceeds the panic limit: nothing is corrected.
    Panic,
    /// Somebody else set the system clock.
    ClockSet,
    /// Another program changes the frequency of a clock of ours.
    Foreign,
    /// Another source steers.
    Handover,
    /// A source contradicts the majority.
    Falseticker,
    /// Another thing than before is thought of a source.
    Verdict,
    /// The machine was paused, moved, restored, or stood still.
    Disruption,
    /// A hardware clock jumped without us.
    PhcJump,
    /// A PTP port is in another state.
    Port,
    /// A PTP port follows another master, or none.
    Master,
    /// Other time stamps are used than before, or some are missing.
    Stamps,
    /// A source answers, does not any more, or is asked elsewhere.
    Source,
    /// Of a leap second.
    Leap,
    /// A thread of the daemon has stalled, or goes on.
    Thread,
    /// A clock cannot be read or adjusted, or can again.
    Clock,
    /// A hook failed, or some were left out.
    Hook,
    /// Anything else.
    Note,
}

impl EventKind {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 19] = [
        Self::State,
        Self::Step,
        Self::Panic,
        Self::ClockSet,
        Self::Foreign,
        Self::Handover,
        Self::Falseticker,
        Self::Verdict,
        Self::Disruption,
        Self::PhcJump,
        Self::Port,
        Self::Master,
        Self::Stamps,
        Self::Source,
        Self::Leap,
        Self::Thread,
        Self::Clock,
        Self::Hook,
        Self::Note,
    ];

    /// The word, which stays.
    pub const fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Step => "step",
            Self::Panic => "panic",
            Self::ClockSet => "clock_set",
            Self::Foreign => "foreign",
            Self::Handover => "handover",
            Self::Falseticker => "falseticker",
            Self::Verdict => "verdict",
            Self::Disruption => "disruption",
            Self::PhcJump => "phc_jump",
            Self::Port => "port",
            Self::Master => "master",
            Self::Stamps => "stamps",
            Self::Source => "source",
            Self::Leap => "leap",
            Self::Thread => "thread",
            Self::Clock => "clock",
            Self::Hook => "hook",
            Self::Note => "note",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What an event of kind `disruption` says has become of the machine.
pub const DISRUPTIONS: [&str; 5] = ["paused_or_moved", "restored", "host_ran_on", "stood_still", "late"];

/// What has become what, of whom, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What kind of thing has happened.
    pub kind: EventKind,
    /// Of what: a clock, a port, a source, a thread, by its name.
    pub subject: String,
    /// What it was before, where that can be said.
    pub old: Option<String>,
    /// What it is now, where that can be said.
    pub new: Option<String>,
    /// Why, where that is known: a clause without its full stop.
    pub reason: Option<String>,
}

impl Change {
    /// That something happened to this, without more.
    pub fn of(kind: EventKind, subject: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), old: None, new: None, reason: None }
    }

    /// From what to what.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "words, states and durations alike, made for this call")]
    pub fn from_to(mut self, old: impl ToString, new: impl ToString) -> Self {
        (self.old, self.new) = (Some(old.to_string()), Some(new.to_string()));
        self
    }

    /// What it is now; what it was is not known, or nothing.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "words, states and durations alike, made for this call")]
    pub fn to(mut self, new: impl ToString) -> Self {
        self.new = Some(new.to_string());
        self
    }

    /// Why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own_and_is_found_by_it() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::of(kind.word()), Some(kind));
        }
        assert_eq!(EventKind::of("nothing of the kind"), None);
    }
}
