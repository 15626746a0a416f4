//! What is proven about the offset: the interval that holds the truth.
//!
//! The usual error estimate is statistics over past offsets: small exactly when the samples agree, whatever they agree
//! on. Here the bound rests on physics: a message cannot arrive before it was sent. With `x` our offset from the
//! master, a Sync says `received - sent = delay + x`, so `x <= received - sent`; a Delay_Req says `x >= sent -
//! received`, the same with the roles changed. Every message thus cuts the line on one side, whatever the path's
//! asymmetry, and one fast message in each direction gives a width of one round trip.
//!
//! An edge that is some time old is moved by what the oscillator may have done since. How fast that is, is again
//! proven: the offsets at two instants lie in two intervals, so the frequency between them lies in a range, and the
//! range narrows as the instants lie further apart. Only how much the frequency itself may have changed within the
//! window is assumed (`max_drift`, chrony's maxclockerror).
//!
//! The same with what was learnt of the oscillator ([`Walk`]) in the place of `max_drift` is a second envelope, kept apart
//! (`engine::bounding`): of the path it still believes nothing but that no message arrives before it was sent.
//!
//! All on `V` (see [`Timeline`](super::Timeline)), where our own steering does not show.

use std::collections::VecDeque;

use super::Walk;
use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Edges kept in each direction.
pub const EDGES_MAX: usize = 32;
/// Intervals kept to prove the frequency's range.
pub const ANCHORS_MAX: usize = 16;
/// The shortest spacing of those intervals; it doubles as time goes on.
pub const ANCHOR_SPACING_MIN: Duration = Duration::from_millis(250);
/// The longest spacing: the window is then 16 times 8 s.
pub const ANCHOR_SPACING_MAX: Duration = Duration::from_secs(8);

/// After so many messages the sharpest edges are looked for among all that are kept; in between each new one is compared with
/// the sharpest so far. Between two searches the order changes only as the frequency's range does, which is slow.
const SEARCH_EVERY: u32 = 8;
/// The frequency's range, which is the dearest to ask for and the slowest to change, is asked for at such a search, and after this time
/// at the latest (s).
const NARROW_EVERY_S: f64 = 1.0;
/// The first messages are all searched for: while the frequency's range narrows, the order of the edges changes at each.
const EAGER_MESSAGES: u32 = 128;

/// How far back the frequency's range reaches, in seconds.
const WINDOW_S: f64 = (ANCHOR_SPACING_MAX.times(ANCHORS_MAX as i64).as_nanos() / 1_000_000_000) as f64;

/// One side's proof: at `at` the offset was not beyond `limit`.
#[derive(Clone, Copy, Debug, Coded)]
struct Edge {
    at: Timestamp<Local>,
    limit: Duration,
    /// Both in seconds from the first edge: to find the sharpest edge of many. What is then said of it is said exactly.
    near: (f64, f64),
}

/// What was proven of the offset at one instant; all in seconds from the first edge. What this loses, 0.1 ns in a week, is
/// nothing beside what the frequency is allowed to change by between two of them.
#[derive(Clone, Copy, Debug, Coded)]
struct Anchor {
    at: f64,
    low: f64,
    high: f64,
}

/// Two numbers that hold a third between them.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Span<T> {
    /// The truth is not below this.
    pub low: T,
    /// The truth is not above this.
    pub high: T,
}

impl Span<Duration> {
    /// The middle.
    pub fn centre(&self) -> Duration {
        self.low + (self.high - self.low).half()
    }

    /// Half of the width, rounded up.
    pub fn half_width(&self) -> Duration {
        (self.high - self.low + Duration::from_ticks(1)).half()
    }

    /// The same, moved.
    #[must_use]
    pub fn shifted(&self, by: Duration) -> Self {
        Self { low: self.low + by, high: self.high + by }
    }
}

/// What was proven before something that is not understood yet.
#[derive(Clone, Copy, Debug, Coded)]
struct Held {
    before: (Edge, Edge),
    /// The last message before anything was unusual.
    usual: Timestamp<Local>,
    /// The first message that is not understood.
    from: Timestamp<Local>,
    /// What the messages from then on prove by themselves.
    since: Option<(Edge, Edge)>,
}

/// The proofs contradict each other: the master stepped, a stamp lies, or the clock was disturbed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contradiction;

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Envelope {
    prior: FrequencyPpb,
    max_drift: FrequencyPpb,
    /// What is believed of the oscillator instead of `max_drift`.
    walk: Option<Walk>,
    highs: VecDeque<Edge>,
    lows: VecDeque<Edge>,
    anchors: VecDeque<Anchor>,
    spacing: Duration,
    frequency: Span<FrequencyPpb>,
    /// When that was found, in seconds from the first edge.
    narrowed: f64,
    last: Option<Timestamp<Local>>,
    /// The first edge.
    origin: Option<(Timestamp<Local>, Duration)>,
    /// The sharpest edges at the last message, below and above: they stay so, or nearly, until the next one.
    sharpest: Option<(Edge, Edge)>,
    /// Something is not understood yet.
    held: Option<Held>,
    /// Those of before the last message.
    before: Option<(Edge, Edge)>,
    /// Messages since these were looked for among all.
    unsearched: u32,
    /// How many are still searched for, each of them.
    eager: u32,
}

impl Envelope {
    /// An oscillator that is at most `prior` off, and whose frequency changes by at most `max_drift` within two minutes.
    pub fn new(prior: FrequencyPpb, max_drift: FrequencyPpb) -> Self {
        let prior = prior.abs();
        Self {
            prior,
            max_drift: max_drift.abs(),
            walk: None,
            highs: VecDeque::with_capacity(EDGES_MAX + 1),
            lows: VecDeque::with_capacity(EDGES_MAX + 1),
            anchors: VecDeque::with_capacity(ANCHORS_MAX + 1),
            spacing: ANCHOR_SPACING_MIN,
            frequency: Span { low: -prior, high: prior },
            narrowed: 0.0,
            last: None,
            origin: None,
            sharpest: None,
            held: None,
            before: None,
            unsearched: 0,
            eager: EAGER_MESSAGES,
        }
    }

    /// Forgets everything: another master, or a disturbance.
    pub fn reset(&mut self) {
        self.forget_offset();
        self.frequency = Span { low: -self.prior, high: self.prior };
    }

    /// Forgets the offset and keeps the frequency's range: another master on the same oscillator.
    pub fn forget_offset(&mut self) {
        self.highs.clear();
        self.lows.clear();
        self.anchors.clear();
        self.spacing = ANCHOR_SPACING_MIN;
        self.narrowed = 0.0;
        self.last = None;
        self.origin = None;
        self.sharpest = None;
        self.held = None;
        self.before = None;
        self.eager = EAGER_MESSAGES;
    }

    /// Forgets what was proven by messages of `at` and before: the master's time has stepped since.
    pub fn forget_before(&mut self, at: Timestamp<Local>) {
        self.highs.retain(|edge| edge.at > at);
        self.lows.retain(|edge| edge.at > at);
        self.anchors.clear();
        self.spacing = ANCHOR_SPACING_MIN;
        self.held = None;
        self.before = None;
        self.eager = EAGER_MESSAGES;
        let latest =
            self.highs.back().into_iter().chain(self.lows.back()).map(|edge| edge.near.0).max_by(f64::total_cmp);
        self.search(latest.unwrap_or_default());
    }

    /// Messages that nobody understands yet may be about another time, and two intervals about two times may share a little that holds neither. While it
    /// is on, the truth is where it was proven to be before the last message, or where the messages from that one on prove it to be by themselves: `at`
    /// holds both. What came since `usual` and was late, which is no surprise, stands in for the way that was not heard since. Once it is off, all
    /// are about one time.
    pub fn hold(&mut self, usual: Option<Timestamp<Local>>) {
        let begins = |usual| Some(Held { before: self.before?, usual, from: self.last?, since: None });
        let held = usual.and_then(|usual| self.held.or_else(|| begins(usual)));
        self.held = held.map(|held| Held { since: self.sharpest_since(&held), ..held });
    }

    /// Whether the truth is by one of two proofs, which may be about two times.
    pub fn is_of_two_times(&self) -> bool {
        self.held.is_some_and(|held| held.since.is_some())
    }

    /// The sharpest edges of messages that may be of another time, if there are some on both sides.
    fn sharpest_since(&self, held: &Held) -> Option<(Edge, Edge)> {
        let (last, (origin, _)) = (self.last?, self.origin?);
        let now = (last - origin).as_secs_f64();
        let side = |is_high| {
            let fresh = self.sharpest(is_high, now, |edge| edge.at >= held.from);
            fresh.or_else(|| self.sharpest(is_high, now, |edge| edge.at > held.usual))
        };
        side(false).zip(side(true))
    }

    /// Begins anew for another master, with what `other` knows of the same oscillator.
    pub fn begin_like(&mut self, other: &Self) {
        self.forget_offset();
        self.frequency = other.frequency;
        self.max_drift = other.max_drift;
    }

    /// What `other` has proven, taken over; allocates nothing where there was room before.
    pub fn copy_from(&mut self, other: &Self) {
        self.highs.clone_from(&other.highs);
        self.lows.clone_from(&other.lows);
        self.anchors.clone_from(&other.anchors);
        self.prior = other.prior;
        self.max_drift = other.max_drift;
        self.walk = other.walk;
        self.spacing = other.spacing;
        self.frequency = other.frequency;
        self.narrowed = other.narrowed;
        self.last = other.last;
        self.origin = other.origin;
        self.sharpest = other.sharpest;
        self.held = other.held;
        self.before = other.before;
        self.unsearched = other.unsearched;
        self.eager = other.eager;
    }

    /// The clock was moved by somebody else by an unknown amount between `behind` (not positive) and `ahead` (not negative):
    /// all that was proven before holds for it to within that.
    pub fn widen(&mut self, ahead: Duration, behind: Duration) {
        let wider = |edge: &mut Edge, by: Duration| {
            edge.limit += by;
            edge.near.1 += by.as_secs_f64();
        };
        self.highs.iter_mut().for_each(|edge| wider(edge, ahead));
        self.lows.iter_mut().for_each(|edge| wider(edge, behind));
        let held = self.held.iter_mut().flat_map(|held| held.since.iter_mut().chain([&mut held.before]));
        for (low, high) in self.sharpest.iter_mut().chain(held).chain(&mut self.before) {
            wider(low, behind);
            wider(high, ahead);
        }
        for anchor in &mut self.anchors {
            anchor.low += behind.as_secs_f64();
            anchor.high += ahead.as_secs_f64();
        }
    }

    /// From now on the oscillator is believed to do what was learnt of it. What is said then is no proof.
    pub fn believe(&mut self, walk: Walk) {
        self.walk = Some(walk);
    }

    /// What was learnt is not believed any more: it was of another oscillator.
    pub fn disbelieve(&mut self) {
        self.walk = None;
    }

    /// Whether it rests on what was learnt.
    pub fn is_by_belief(&self) -> bool {
        self.walk.is_some()
    }

    /// Another limit for the unseen change of frequency.
    pub fn set_max_drift(&mut self, max_drift: FrequencyPpb) {
        self.max_drift = max_drift.abs();
    }

    /// A message from the master: the offset at `at` is at most `limit`.
    ///
    /// # Errors
    /// [`Contradiction`]: nothing of the past is left then, and `limit` is the first proof anew.
    pub fn not_above(&mut self, at: Timestamp<Local>, limit: Duration) -> Result<(), Contradiction> {
        self.take(at, limit, true)
    }

    /// A message to the master: the offset at `at` is at least `limit`.
    ///
    /// # Errors
    /// As [`Envelope::not_above`].
    pub fn not_below(&mut self, at: Timestamp<Local>, limit: Duration) -> Result<(), Contradiction> {
        self.take(at, limit, false)
    }

    fn take(&mut self, at: Timestamp<Local>, limit: Duration, is_high: bool) -> Result<(), Contradiction> {
        self.before = self.sharpest;
        self.keep(at, limit, is_high);
        if self.consider(at).is_ok() {
            return Ok(());
        }
        self.reset();
        self.last = Some(at);
        self.keep(at, limit, is_high);
        Err(Contradiction)
    }

    /// Keeps an edge, and sees whether it is the sharpest.
    fn keep(&mut self, at: Timestamp<Local>, limit: Duration, is_high: bool) {
        let (origin, zero) = *self.origin.get_or_insert((at, limit));
        let edge = Edge { at, limit, near: ((at - origin).as_secs_f64(), (limit - zero).as_secs_f64()) };
        push(if is_high { &mut self.highs } else { &mut self.lows }, edge);
        self.unsearched += 1;
        self.eager = self.eager.saturating_sub(1);
        let Some((low, high)) = self.sharpest.filter(|_| self.eager == 0 && self.unsearched < SEARCH_EVERY) else {
            return self.search(edge.near.0);
        };
        let incumbent = if is_high { high } else { low };
        let reached = self.reach(&incumbent, edge.near.0, is_high);
        let is_sharper = if is_high { edge.near.1 <= reached } else { edge.near.1 >= reached };
        if is_sharper {
            self.sharpest = Some(if is_high { (low, edge) } else { (edge, high) });
        }
    }

    /// Whether both directions were heard: there is an interval that holds the offset.
    pub fn is_proven(&self) -> bool {
        self.sharpest.is_some()
    }

    /// The interval that holds the offset at `at`; `None` until both directions were heard.
    pub fn at(&self, at: Timestamp<Local>) -> Option<Span<Duration>> {
        let Some(held) = &self.held else { return Some(self.between(self.sharpest.as_ref()?, at)) };
        let before = self.between(&held.before, at);
        let Some(since) = held.since.map(|since| self.between(&since, at)) else { return Some(before) };
        Some(Span { low: before.low.min(since.low), high: before.high.max(since.high) })
    }

    /// Each end of that interval by itself: one direction proves one of them.
    pub fn ends_at(&self, at: Timestamp<Local>) -> Span<Option<Duration>> {
        if let Some(Span { low, high }) = self.at(at) {
            return Span { low: Some(low), high: Some(high) };
        }
        let end = |is_high| {
            let now = (at - self.origin?.0).as_secs_f64();
            let edge = self.sharpest(is_high, now, |_| true)?;
            Some(edge.limit + self.travel(at - edge.at, is_high))
        };
        Span { low: end(false), high: end(true) }
    }

    /// Whether [`Envelope::at`] has an answer.
    pub fn is_any_held(&self) -> bool {
        self.held.is_some() || self.sharpest.is_some()
    }

    fn between(&self, (low, high): &(Edge, Edge), at: Timestamp<Local>) -> Span<Duration> {
        Span { low: low.limit + self.travel(at - low.at, false), high: high.limit + self.travel(at - high.at, true) }
    }

    /// Looks for the sharpest edges at `now`, in seconds from the first edge. Any edge is a proof, so that those of a moment
    /// ago are still right.
    fn search(&mut self, now: f64) {
        self.unsearched = 0;
        self.sharpest = self.sharpest(false, now, |_| true).zip(self.sharpest(true, now, |_| true));
    }

    /// The sharpest edge of a side at `now`, in seconds from the first edge, of those that count.
    fn sharpest(&self, is_high: bool, now: f64, counts: impl Fn(&Edge) -> bool) -> Option<Edge> {
        let (side, edges) = if is_high { (1.0, &self.highs) } else { (-1.0, &self.lows) };
        let mut best: Option<(f64, &Edge)> = None;
        // The latest has strayed least: most of the others lose to it by where the frequency takes them alone.
        for edge in edges.iter().rev().filter(|edge| counts(edge)) {
            let age = now - edge.near.0;
            let moved = self.moved(age, is_high);
            if best.is_some_and(|(least, _)| least < side * (edge.near.1 + moved)) {
                continue;
            }
            let reached = side * (edge.near.1 + (moved + side * self.strayed(age.abs())));
            // Of equals the oldest.
            if best.is_none_or(|(least, _)| reached <= least) {
                best = Some((reached, edge));
            }
        }
        best.map(|(_, edge)| *edge)
    }

    /// What an edge says at `now`; both in seconds from the first edge.
    fn reach(&self, edge: &Edge, now: f64, is_high: bool) -> f64 {
        edge.near.1 + self.travel_seconds(now - edge.near.0, is_high)
    }

    /// The range that holds the oscillator's frequency, `max_drift` on each side included.
    pub fn frequency(&self) -> Span<FrequencyPpb> {
        self.frequency
    }

    /// How far the offset may have moved upwards (or downwards) within `age`; also for an age below zero.
    ///
    /// The range of the frequency is good for the window that it was proven over. Beyond it the frequency walks on, as a
    /// random walk does: with the root of the age.
    fn travel(&self, age: Duration, upwards: bool) -> Duration {
        Duration::from_secs_f64(self.travel_seconds(age.as_secs_f64(), upwards))
    }

    /// As [`Envelope::travel`], in seconds.
    fn travel_seconds(&self, age: f64, upwards: bool) -> f64 {
        let (moved, strayed) = (self.moved(age, upwards), self.strayed(age.abs()));
        if upwards { moved + strayed } else { moved - strayed }
    }

    /// The part of it that the range of the frequency allows.
    fn moved(&self, age: f64, upwards: bool) -> f64 {
        let is_fast = upwards == (age >= 0.0);
        let known = if is_fast { self.frequency.high } else { self.frequency.low };
        known.ratio() * age
    }

    /// And how much more, to either side, the change of the frequency does within `age` seconds, which is not negative.
    fn strayed(&self, age: f64) -> f64 {
        if let Some(walk) = &self.walk {
            return walk.strayed(age);
        }
        let windows = age / WINDOW_S;
        if windows <= 1.0 { 0.0 } else { self.max_drift.ratio() * age * (windows.sqrt() - 1.0) }
    }

    /// How far the offset may have strayed within `age` from where the middle of the frequency's range takes it.
    pub fn strays_within(&self, age: Duration) -> Duration {
        (self.travel(age, true) - self.travel(age, false)).half()
    }

    /// When the last proof came.
    pub fn last(&self) -> Option<Timestamp<Local>> {
        self.last
    }

    fn consider(&mut self, at: Timestamp<Local>) -> Result<(), Contradiction> {
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        let (Some(sharpest), Some((origin, zero))) = (&self.sharpest, self.origin) else { return Ok(()) };
        let span = self.between(sharpest, at);
        if span.low > span.high {
            return Err(Contradiction);
        }
        if self.held.is_some() {
            return Ok(());
        }
        let from_zero = |limit: Duration| (limit - zero).as_secs_f64();
        let found = Anchor { at: (at - origin).as_secs_f64(), low: from_zero(span.low), high: from_zero(span.high) };
        let has_searched = self.unsearched == 0;
        if has_searched || found.at - self.narrowed >= NARROW_EVERY_S {
            self.narrow_frequency(&found)?;
            self.narrowed = found.at;
        }
        self.anchor(found);
        Ok(())
    }

    /// Two offsets in two intervals: the frequency between them is in a range.
    fn narrow_frequency(&mut self, found: &Anchor) -> Result<(), Contradiction> {
        if self.anchors.is_empty() {
            return Ok(());
        }
        let (prior, max_drift) = (self.prior.ratio(), self.max_drift.ratio());
        let (mut low, mut high) = (-prior, prior);
        for anchor in &self.anchors {
            let elapsed = found.at - anchor.at;
            if elapsed <= 0.0 {
                continue;
            }
            let per_second = 1.0 / elapsed;
            let (least, most) = ((found.low - anchor.high) * per_second, (found.high - anchor.low) * per_second);
            if least <= low && most >= high {
                // It would say nothing even if the frequency never changed.
                continue;
            }
            let drift = self.walk.as_ref().map_or(max_drift, |walk| walk.strayed(elapsed) * per_second);
            let (least, most) = (least - drift, most + drift);
            low = if least > low { least } else { low };
            high = if most < high { most } else { high };
        }
        if low > high {
            return Err(Contradiction);
        }
        self.frequency = Span { low: FrequencyPpb::from_ratio(low), high: FrequencyPpb::from_ratio(high) };
        Ok(())
    }

    fn anchor(&mut self, found: Anchor) {
        let spacing = self.spacing.as_secs_f64();
        if self.anchors.back().is_some_and(|last| found.at - last.at < spacing) {
            return;
        }
        if self.anchors.len() >= ANCHORS_MAX {
            if self.spacing < ANCHOR_SPACING_MAX {
                self.spacing = self.spacing.times(2);
                let mut index = 0;
                self.anchors.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
            } else {
                self.anchors.pop_front();
            }
        }
        self.anchors.push_back(found);
    }
}

fn push(edges: &mut VecDeque<Edge>, edge: Edge) {
    if edges.len() >= EDGES_MAX {
        edges.pop_front();
    }
    edges.push_back(edge);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    const PRIOR: FrequencyPpb = FrequencyPpb::new(500_000.0);
    const DRIFT: FrequencyPpb = FrequencyPpb::new(1_000.0);

    fn at(nanos: i64) -> Timestamp<Local> {
        Timestamp::from_secs(1_000) + Duration::from_nanos(nanos)
    }

    #[test]
    fn one_exchange_bounds_the_offset_by_its_round_trip() {
        let mut envelope = Envelope::new(PRIOR, DRIFT);
        // Offset 100 us; 10 us there, 30 us back.
        envelope.not_above(at(0), Duration::from_micros(110)).unwrap();
        assert_eq!(envelope.at(at(0)), None);
        assert_eq!(envelope.ends_at(at(0)), Span { low: None, high: Some(Duration::from_micros(110)) });
        envelope.not_below(at(0), Duration::from_micros(70)).unwrap();
        let span = envelope.at(at(0)).unwrap();
        assert_eq!((span.low, span.high), (Duration::from_micros(70), Duration::from_micros(110)));
        assert_eq!(span.half_width(), Duration::from_micros(20));
        assert_eq!(envelope.ends_at(at(0)), Span { low: Some(span.low), high: Some(span.high) });
    }

    #[test]
    fn the_truth_stays_inside_for_any_delays_and_any_constant_frequency() {
        for seed in 0..40 {
            let mut random = Random::seeded(seed);
            let ppm = 400.0 * (random.unit() - 0.5);
            let jitter = [1e-8, 1e-6, 1e-4][seed as usize % 3];
            let truth =
                |nanos: i64| Duration::from_millis(3) + FrequencyPpb::from_ppm(ppm).drift(Duration::from_nanos(nanos));
            let mut envelope = Envelope::new(PRIOR, DRIFT);
            for step in 0..4_000_i64 {
                let nanos = step * 125_000_000;
                let delay = |random: &mut Random| Duration::from_secs_f64(1e-6 + jitter * random.exponential());
                let (forth, back) = (delay(&mut random), delay(&mut random));
                envelope.not_above(at(nanos), truth(nanos) + forth).unwrap();
                envelope.not_below(at(nanos + 40_000_000), truth(nanos + 40_000_000) - back).unwrap();
                let later = nanos + 120_000_000;
                let span = envelope.at(at(later)).unwrap();
                assert!(span.low <= truth(later) && truth(later) <= span.high, "seed {seed} step {step}");
            }
            let range = envelope.frequency();
            assert!(range.low.ppm() <= ppm && ppm <= range.high.ppm());
            assert!((range.high - range.low).ppm() < 2.1 + 4e6 * jitter, "seed {seed}: {range:?}");
        }
    }

    #[test]
    fn a_master_that_steps_is_a_contradiction_and_starts_anew() {
        let mut envelope = Envelope::new(PRIOR, DRIFT);
        envelope.not_above(at(0), Duration::from_micros(10)).unwrap();
        envelope.not_below(at(0), Duration::from_micros(-10)).unwrap();
        assert_eq!(envelope.not_above(at(1_000_000), Duration::from_millis(-5)), Err(Contradiction));
        envelope.not_below(at(1_000_000), Duration::from_millis(-6)).unwrap();
        assert!(envelope.at(at(1_000_000)).is_some());
    }

    #[test]
    fn two_times_that_share_a_little_are_not_taken_for_one() {
        let us = Duration::from_micros;
        let mut envelope = Envelope::new(PRIOR, DRIFT);
        let exchange = |envelope: &mut Envelope, nanos: i64, truth: Duration| {
            envelope.not_above(at(nanos), truth + us(50)).unwrap();
            envelope.not_below(at(nanos + 1_000), truth - us(50)).unwrap();
        };
        (0..40).for_each(|step| exchange(&mut envelope, step * 125_000_000, Duration::ZERO));
        let stepped = 40 * 125_000_000;
        let mut naive = envelope.clone();
        exchange(&mut naive, stepped, us(-70));
        let usual = Some(at(stepped - 1));
        envelope.not_above(at(stepped), us(-20)).unwrap();
        envelope.hold(usual);
        envelope.not_below(at(stepped + 1_000), us(-120)).unwrap();
        envelope.hold(usual);
        // What both allow is neither: -50 us to -20 us.
        let within = |envelope: &Envelope, truth: Duration| {
            let span = envelope.at(at(stepped)).unwrap();
            span.low <= truth && truth <= span.high
        };
        assert!(!within(&naive, us(-70)) && !within(&naive, Duration::ZERO));
        assert!(within(&envelope, Duration::ZERO) && within(&envelope, us(-70)), "it may be either");
        envelope.forget_before(at(stepped - 1));
        assert!(within(&envelope, us(-70)) && !within(&envelope, Duration::ZERO));
        envelope.hold(None);
        assert!(within(&envelope, us(-70)));
    }

    #[test]
    fn a_message_that_was_late_before_the_first_early_one_stands_in_for_its_way() {
        let us = Duration::from_micros;
        let mut envelope = Envelope::new(PRIOR, DRIFT);
        for step in 0..40 {
            envelope.not_above(at(step * 125_000_000), us(50)).unwrap();
            envelope.not_below(at(step * 125_000_000 + 1_000), us(-50)).unwrap();
        }
        // 70 us ahead: Sync is late, which may be a queue, and only Delay_Req is early.
        let stepped = 40 * 125_000_000;
        envelope.not_above(at(stepped), us(120)).unwrap();
        envelope.hold(None);
        envelope.not_below(at(stepped + 1_000), us(20)).unwrap();
        envelope.hold(Some(at(stepped - 1)));
        let span = envelope.at(at(stepped + 1_000)).unwrap();
        assert!(span.low <= Duration::ZERO && span.high >= us(70), "{span:?}");
    }

    #[test]
    fn what_was_proven_of_a_clock_that_somebody_moved_holds_to_within_that() {
        let (ahead, behind) = (Duration::from_micros(50), Duration::from_micros(-20));
        for moved in [50, 10, -20] {
            let mut envelope = Envelope::new(PRIOR, DRIFT);
            let truth = |step: i64| Duration::from_micros(if step < 100 { 0 } else { moved });
            for step in 0..200_i64 {
                let nanos = step * 125_000_000;
                if step == 100 {
                    envelope.widen(ahead, behind);
                    let span = envelope.at(at(nanos)).unwrap();
                    assert!(span.low < Duration::from_micros(-20) && span.high > Duration::from_micros(50));
                }
                envelope.not_above(at(nanos), truth(step) + Duration::from_micros(1)).unwrap();
                envelope.not_below(at(nanos), truth(step) - Duration::from_micros(1)).unwrap();
                let span = envelope.at(at(nanos)).unwrap();
                assert!(span.low <= truth(step) && truth(step) <= span.high, "{moved} step {step}");
            }
            assert!(envelope.frequency().low.ppb() <= 0.0 && envelope.frequency().high.ppb() >= 0.0);
        }
    }

    #[test]
    fn without_proofs_the_interval_grows_with_the_frequency_that_is_left_open() {
        let mut envelope = Envelope::new(PRIOR, DRIFT);
        for step in 0..200_i64 {
            let nanos = step * 1_000_000_000;
            envelope.not_above(at(nanos), Duration::from_micros(1)).unwrap();
            envelope.not_below(at(nanos), Duration::from_micros(-1)).unwrap();
        }
        let hour = envelope.at(at(199_000_000_000 + 3_600_000_000_000)).unwrap();
        // 1 ppm for the first two minutes, and the root of the age in windows after that: 1 ppm * sqrt(28) * 3600 s.
        let growth = hour.half_width();
        assert!(growth > Duration::from_millis(17) && growth < Duration::from_millis(21), "{growth}");
    }
}
