//! What a clock that holds over knows, as a witness against the one source that is left.
//!
//! A source that is heard alone used to be followed whatever it said, as there was nobody to ask. For a host that has never known the time
//! that is right. But a clock that was steered until a moment ago knows where it is, to within its own bound: when three servers
//! were silent for a while and a known liar was left, it took the clock along by 5.6 s, and the bound with it.
//!
//! So the clock's own word counts as one source more, but only where it is needed: while exactly one source has a vote, and that is
//! not the one that steered last. If the two have no time in common that is a conflict of two as any other, and
//! [`Conflict`](super::Conflict) says what comes of it. Three limits to that:
//!
//! * It is the word of whoever steered last, as it was then, and grows with age. A source that comes back, or has stepped, is not held
//!   against its own old word: that is a matter of how a clock may be stepped.
//! * It has a vote only where that source would have one: not if it was found to be wrong, nor against one that is trusted if it was not.
//! * Two that are heard and agree outvote it, also where one of them had no vote any more.
//!
//! It counts as long as the clock is bounded at all. A jump or a setting of the clock ends it, as it does the bound; so does a new
//! start. Where the first source of all was the liar, the next one is therefore held against a lie: which of two is right nobody knows,
//! and that is what is said then.

use super::{Helm, Spans};
use crate::discipline::Span;
use crate::time::Duration;

impl Helm {
    /// Whether the only one that has a vote has no time in common with what the clock itself knows. `votes` are those that count,
    /// `heard` those too that have lost their vote.
    pub(super) fn is_against_memory(&self, votes: &Spans, heard: &Spans, memory: Option<Span<Duration>>) -> bool {
        let (Some(memory), Some(whose)) = (memory, self.row_of(self.remembered)) else { return false };
        let mut voters = (0..self.rows.len()).filter_map(|place| Some((place, votes[place]?)));
        let (Some((place, span)), None) = (voters.next(), voters.next()) else { return false };
        let witness = &self.rows[whose];
        let has_vote = !witness.is_quarantined && (witness.options.trust || !self.rows[place].options.trust);
        let mut others = (0..self.rows.len()).filter(|other| *other != place).filter_map(|other| heard[other]);
        let is_seconded = others.any(|other| meet(&other, &span));
        whose != place && has_vote && !meet(&memory, &span) && !is_seconded
    }
}

fn meet(a: &Span<Duration>, b: &Span<Duration>) -> bool {
    a.low <= b.high && b.low <= a.high
}
