//! How wrong the clock may be at most: what is proven, and what is likely beyond doubt.
//!
//! Two intervals hold the offset. That of the [`Envelope`](crate::discipline::Envelope) is proven, as long as the frequency
//! keeps `max_drift`; it is wide where the wander that it must allow for is far above the real one. The second is of the same
//! messages, moved to now by what this oscillator was seen to do ([`Stability`](crate::discipline::Stability)): it is narrow,
//! and as good as that is. Neither believes anything of the path. The truth lies in both, so in what they share; and if they
//! share nothing the oscillator is not what it was, and the proof stands alone.
//!
//! The published bound is the farthest point of that interval from what the clock reads, told in parts whose sum it is.

use super::{Discipline, STRAYING_AFTER};
use crate::discipline::estimator::Bank;
use crate::discipline::{Envelope, Span};
use crate::sharing::{BoundParts, SNAPSHOT_AGE_MAX};
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Nothing is foretold beyond this.
pub const FORETOLD_MAX: Duration = Duration::from_secs(30 * 86_400);
/// And nothing nearer than this.
const FORETOLD_MIN: Duration = Duration::from_millis(10);
/// Halvings of the logarithm of the time: to better than half a per cent.
const FORETELL_STEPS: usize = 13;

/// What an oscillator does within this is no part of a bound by itself: as a rule the last message came a moment ago.
const JUST_NOW: Duration = Duration::from_millis(1);
/// A snapshot is followed by another one within about this, in a calm within twice that.
const PUBLISHED_EVERY: Duration = Duration::from_millis(250);

/// Where a clock is thought to be, for those that follow it.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// How far it is ahead of its source.
    pub offset: Duration,
    /// How far from that the truth may be.
    pub error: Duration,
    /// By which proofs: another number is about another time perhaps, of a master that stepped, or of another one.
    pub proofs: u32,
}

/// The proofs that count.
#[derive(Clone, Copy)]
struct Proof<'a> {
    envelope: &'a Envelope,
    /// How right the master is that they are about.
    source: Duration,
    /// They are about the master before this one.
    is_of_before: bool,
}

/// What holds the offset of `V` at an instant.
#[derive(Clone, Copy)]
struct Known {
    span: Span<Duration>,
    /// Which of its ends are by what was learnt.
    is_likely: Span<bool>,
}

impl Known {
    const fn proven(span: Span<Duration>) -> Self {
        Self { span, is_likely: Span { low: false, high: false } }
    }
}

impl Discipline {
    /// What bounds the clock's error when it reads `reading`; `None` if nothing does.
    pub fn bound(&self, reading: Timestamp<Local>) -> Option<BoundParts> {
        let now = self.timeline.free_now(reading);
        let proof = self.proof()?;
        let known = self.known(proof, now)?;
        Some(self.parts(proof, known, (reading, now)))
    }

    /// The same to be published, and how fast it grows until the snapshot is too old at the latest: it is to be good until the
    /// next one, not just now.
    pub(super) fn bound_to_publish(&self, reading: Timestamp<Local>) -> (Option<BoundParts>, FrequencyPpb) {
        let now = self.timeline.free_now(reading);
        let known = self.proof().and_then(|proof| Some((proof, self.known_for_a_while(proof, (reading, now))?)));
        let Some((proof, (known, rate))) = known else { return (None, self.stale_rate()) };
        (Some(self.parts(proof, known, (reading, now))), rate)
    }

    fn parts(
        &self,
        proof: Proof<'_>,
        known: Known,
        (reading, now): (Timestamp<Local>, Timestamp<Local>),
    ) -> BoundParts {
        let half = known.span.half_width();
        // The same without what the oscillator may have done since the last message, if that is worth a part of its own.
        let last = proof.envelope.last().filter(|last| now - *last > JUST_NOW);
        let at_last = last.and_then(|last| self.ends(known.is_likely, proof, last));
        let fresh = at_last.map_or(half, |span| span.half_width().max(Duration::ZERO)).min(half);
        let stamps = self.stamp_error.min(fresh);
        let delay = self.estimator().and_then(Bank::estimate).map(|estimate| estimate.delay.max(Duration::ZERO));
        let path = delay.map_or(fresh, |delay| delay.min(fresh)).min(fresh - stamps);
        BoundParts {
            source: proof.source,
            path,
            noise: fresh - path - stamps,
            offset: known.span.shifted(self.timeline.correction(reading)).centre().abs(),
            stamps,
            drift: half - fresh,
        }
    }

    /// The sum of the parts.
    pub(super) fn greatest_error(&self, reading: Timestamp<Local>) -> Option<Duration> {
        self.own_span(reading).map(farthest)
    }

    /// Whether the sum of the parts is at most `limit`. The proof alone says so as a rule, and what was learnt need not be asked: all that this
    /// can do is to make the bound smaller.
    pub(super) fn errs_within(&self, limit: Duration, reading: Timestamp<Local>) -> bool {
        let correction = self.timeline.correction(reading);
        let proof = || self.proof().filter(|proof| !proof.is_of_before);
        let proven = proof().and_then(|proof| Some((proof.envelope.at(reading - correction)?, proof.source)));
        if proven.is_some_and(|(span, source)| farthest(span.shifted(correction)) + source <= limit) {
            return true;
        }
        self.greatest_error(reading).is_some_and(|bound| bound <= limit)
    }

    /// Where the clock's offset lies by all that it knows of the time when it reads `reading`, what its source says of its own error on both
    /// sides: the farther end is the published bound. `None`: nothing bounds it.
    pub fn own_span(&self, reading: Timestamp<Local>) -> Option<Span<Duration>> {
        let now = self.timeline.free_now(reading);
        let proof = self.proof()?;
        let span = self.known(proof, now)?.span.shifted(self.timeline.correction(reading));
        Some(Span { low: span.low - proof.source, high: span.high + proof.source })
    }

    /// The same, each end by itself: of a clock that has nothing to go by but the first messages of one direction, one is known.
    pub fn own_ends(&self, reading: Timestamp<Local>) -> Span<Option<Duration>> {
        if let Some(Span { low, high }) = self.own_span(reading) {
            return Span { low: Some(low), high: Some(high) };
        }
        let Some(held) = self.held.filter(|held| !held.is_orphan) else { return Span { low: None, high: None } };
        let source = held.accuracy.unwrap_or_default();
        let ends = self.envelope.ends_at(self.timeline.free_now(reading));
        let correction = self.timeline.correction(reading);
        Span {
            low: ends.low.map(|low| low + correction - source),
            high: ends.high.map(|high| high + correction + source),
        }
    }

    /// What the clock is thought to be ahead of its source when it reads `reading`, inside of what is possible; and how far from
    /// that the truth may be. `None` if nothing bounds it, or an estimator knows nothing of it.
    pub fn whereabouts(&self, reading: Timestamp<Local>) -> Option<Whereabouts> {
        let now = self.timeline.free_now(reading);
        let proof = self.proof()?;
        let span = self.known(proof, now)?.span.shifted(self.timeline.correction(reading));
        let bias = self.bias();
        // What is not steered to yet is no error of the estimate.
        let offset = (self.estimated_offset(reading)? + bias).clamp(span.low, span.high.max(span.low)) - bias;
        let error = proof.source + (span.high - offset).max(offset - span.low);
        Some(Whereabouts { offset, error, proofs: self.proofs.wrapping_mul(2) + u32::from(proof.is_of_before) })
    }

    /// The proofs that count. Of who serves nothing but its own clock there is none.
    fn proof(&self) -> Option<Proof<'_>> {
        let held = self.held.filter(|held| !held.is_orphan)?;
        let is_of_before = !self.envelope.is_any_held();
        let (envelope, accuracy) =
            if is_of_before { (&self.previous, self.previous_accuracy) } else { (&self.envelope, held.accuracy) };
        Some(Proof { envelope, source: accuracy.unwrap_or_default(), is_of_before })
    }

    /// What both say: each end by the one of the two that is sharper.
    fn known(&self, proof: Proof<'_>, now: Timestamp<Local>) -> Option<Known> {
        let (proven, likely) = self.both(proof, now)?;
        let Some(likely) = likely else { return Some(Known::proven(proven)) };
        let is_likely = Span { low: likely.low >= proven.low, high: likely.high <= proven.high };
        Some(Known { span: chosen(is_likely, likely, proven), is_likely })
    }

    /// The same for a snapshot, with how fast the bound grows, at most, until that is too old. The proof's ends are sharp just after a
    /// fast message, and run away from there; what is likely of an oscillator that has become restless runs away much faster. So
    /// those ends are taken by which the bound will be least when the next snapshot is due. Both sides' growth is convex: a straight line
    /// to where an end will be holds until then.
    fn known_for_a_while(
        &self,
        proof: Proof<'_>,
        (reading, now): (Timestamp<Local>, Timestamp<Local>),
    ) -> Option<(Known, FrequencyPpb)> {
        let (proven, likely) = self.both(proof, now)?;
        let at_last = now + SNAPSHOT_AGE_MAX;
        let Some((likely, likely_later)) = likely.and_then(|likely| Some((likely, self.likely(at_last)?))) else {
            return Some((Known::proven(proven), self.stale_rate()));
        };
        let correction = self.timeline.correction(reading);
        let (proven_moves, likely_moves) = (moves(proven, proof.envelope.at(at_last)?), moves(likely, likely_later));
        let by = |(low, high)| {
            let is_likely = Span { low, high };
            let span = chosen(is_likely, likely, proven);
            let rate = self.rate_of(chosen(is_likely, likely_moves, proven_moves));
            let soon = farthest(span.shifted(correction)) + rate.drift(PUBLISHED_EVERY);
            (soon, Known { span, is_likely }, rate)
        };
        // Of equals what was learnt.
        let choices = [(true, true), (true, false), (false, true), (false, false)];
        choices.map(by).into_iter().min_by_key(|(soon, ..)| *soon).map(|(_, known, rate)| (known, rate))
    }

    /// How fast the farther end runs away from a clock that is corrected as now, if the ends of `V`'s offset move like this.
    fn rate_of(&self, moves: Span<FrequencyPpb>) -> FrequencyPpb {
        let correction = self.timeline.frequency();
        let (up, down) = (moves.high + correction, -(moves.low + correction));
        FrequencyPpb::new(up.ppb().max(down.ppb()).max(0.0))
    }

    /// What is proven at `now`; and what is likely, if the two do not contradict each other.
    fn both(&self, proof: Proof<'_>, now: Timestamp<Local>) -> Option<(Span<Duration>, Option<Span<Duration>>)> {
        let proven = proof.envelope.at(now)?;
        // Of the master before, the proof is all that is kept.
        let likely = if proof.is_of_before { None } else { self.likely(now) };
        let do_meet = |likely: &Span<Duration>| likely.low <= proven.high && proven.low <= likely.high;
        Some((proven, likely.filter(do_meet)))
    }

    /// The ends by this choice.
    fn ends(&self, is_likely: Span<bool>, proof: Proof<'_>, at: Timestamp<Local>) -> Option<Span<Duration>> {
        let proven = proof.envelope.at(at)?;
        if !is_likely.low && !is_likely.high {
            return Some(proven);
        }
        Some(chosen(is_likely, self.likely(at)?, proven))
    }

    fn likely(&self, now: Timestamp<Local>) -> Option<Span<Duration>> {
        if self.learnt.is_by_belief() { self.learnt.at(now) } else { None }
    }

    /// The most that the clock may run off by while it is corrected as now: how fast the bound grows once nobody looks.
    pub(super) fn stale_rate(&self) -> FrequencyPpb {
        let range = self.envelope.frequency();
        let correction = self.timeline.frequency();
        let (low, high) = ((range.low + correction).abs(), (range.high + correction).abs());
        if low > high { low } else { high }
    }

    /// How long until the bound exceeds `limit` if no sample comes any more, when the clock reads `reading`; at most
    /// [`FORETOLD_MAX`]. `None`: there is no bound.
    pub fn time_until(&self, reading: Timestamp<Local>, limit: Duration) -> Option<Duration> {
        let now = self.timeline.free_now(reading);
        let proof = self.proof()?;
        let (correction, runs_off_by) = (self.timeline.correction(reading), self.runs_off_by());
        // Held over, the frequency is corrected by what is known of it, and the offset stays what it is.
        let exceeds = |after: Duration| {
            let known = self.known(proof, now + after)?;
            Some(proof.source + farthest(known.span.shifted(correction - runs_off_by.drift(after))) > limit)
        };
        if exceeds(FORETOLD_MIN)? {
            return Some(Duration::ZERO);
        }
        if !exceeds(FORETOLD_MAX)? {
            return Some(FORETOLD_MAX);
        }
        let (mut not_before, mut by) = (FORETOLD_MIN.as_secs_f64(), FORETOLD_MAX.as_secs_f64());
        for _ in 0..FORETELL_STEPS {
            let middle = (not_before * by).sqrt();
            if exceeds(Duration::from_secs_f64(middle))? {
                by = middle;
            } else {
                not_before = middle;
            }
        }
        Some(Duration::from_secs_f64(not_before))
    }

    /// The present estimate begins and ends rehearsals of a holdover.
    pub(super) fn rehearse(&mut self) {
        let Some(bank) = self.estimator().filter(|bank| bank.heard() >= STRAYING_AFTER) else { return };
        let Some(estimate) = self.estimate() else { return };
        // Not of when the last Sync came: what was heard before that may be of later.
        if self.stability.observe(bank.at(), estimate.offset, estimate.frequency, bank.restlessness())
            && let Some(walk) = self.stability.walk(self.config.max_drift)
        {
            self.learnt.believe(walk);
        }
    }
}

/// How fast the ends move on average from one place to another within the greatest age of a snapshot.
fn moves(from: Span<Duration>, to: Span<Duration>) -> Span<FrequencyPpb> {
    let of = |moved: Duration| FrequencyPpb::from_ratio(moved.as_secs_f64() / SNAPSHOT_AGE_MAX.as_secs_f64());
    Span { low: of(to.low - from.low), high: of(to.high - from.high) }
}

/// Each end by what was learnt, or by the proof.
fn chosen<T>(is_likely: Span<bool>, likely: Span<T>, proven: Span<T>) -> Span<T> {
    Span {
        low: if is_likely.low { likely.low } else { proven.low },
        high: if is_likely.high { likely.high } else { proven.high },
    }
}

pub(super) fn farthest(span: Span<Duration>) -> Duration {
    span.low.abs().max(span.high.abs())
}
