//! The helm: who of several sources steers.
//!
//! Each source claims an interval in which the offset of one clock of ours lies: what its messages prove, and on both sides how
//! wrong it says that it may be. [`select`](super::select) finds who can be right. Among those the narrowest claim steers; the others guard it. Three things are
//! to be had at once, and pull in different directions:
//!
//! * *Leave at once.* A source that is silent, contradicts itself, or is found to be a falseticker loses the helm with the very message
//!   that shows it, if another one agrees with the majority.
//! * *Return late.* A source that comes, or comes back, must agree for a hold-off and for some messages. Each time that it loses the helm
//!   soon after, the hold-off doubles: who comes and goes is not followed to and fro.
//! * *Do not rest on one.* Where two contradict each other and there is no third, nobody knows who lies. The default is to follow neither,
//!   hold the clock and say so; the configuration may prefer one.
//!
//! Who was found to be wrong has no vote until he agrees again, as long as others are heard: a known liar does not make a conflict of what is left
//! when the others go. And alone he has none for a hold-off after that: he does not take the helm in a moment in which the others are silent.
//!
//! A source alone is followed whatever it says if the clock has never known the time, as there is nobody to ask. A clock that was steered
//! knows where it is to within its own bound, and that is held against a source that is left alone (see the file `memory`).
//!
//! Read: ADR 12; RFC 5905 11.2.

use super::Span;
use super::select::{select, verdict};
use crate::coding::Coded;
use crate::engine::{AnySink, Engine, Sink};
use crate::time::{Duration, LogInterval, Mono, SourceId, Timestamp};

pub use super::select::Verdict;

mod memory;
mod recorded;
#[cfg(test)]
mod tests;
mod words;

/// The most sources of one host.
pub const HELM_SOURCES_MAX: usize = 8;
/// A PTP master is lost when nothing was measured for so many of its intervals,
pub const PTP_LOST_INTERVALS: i64 = 3;
/// and for so long.
const PTP_LOST_MIN: Duration = Duration::from_millis(500);
/// An NTP server, for so many of its polls: one lost answer is nothing.
const NTP_LOST_INTERVALS: i64 = 4;
/// As above.
const NTP_LOST_MIN: Duration = Duration::from_secs(4);
/// A reference clock, for so many of the intervals in which it is a message of each direction,
const REFCLOCK_LOST_INTERVALS: i64 = 2;
/// and for so long.
const REFCLOCK_LOST_MIN: Duration = Duration::from_secs(3);
/// Another source is better if its claim is narrower than this part of that of the one that steers.
const BETTER: f64 = 0.5;
/// At the beginning the hold-off is this part of what it is later: enough for the claims to become as narrow as they are going to be.
const EARLY: f64 = 0.25;
/// The hold-off doubles so often at most.
const DOUBLINGS_MAX: u32 = 5;
/// Who has steered for so many hold-offs has come to stay.
const STAYED: i64 = 16;

/// What kind of source it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum SourceKind {
    /// A PTP port with its parent.
    Ptp,
    /// An NTP server.
    Ntp,
    /// A reference clock that says the time.
    Refclock,
    /// A reference clock that says when a second begins, and not which.
    Pulse,
}

impl SourceKind {
    /// How long nothing is heard of a source with this interval until it is lost.
    pub fn lost_after(self, interval: LogInterval) -> Duration {
        match self {
            Self::Ptp => interval.duration().times(PTP_LOST_INTERVALS).max(PTP_LOST_MIN),
            Self::Ntp => interval.duration().times(NTP_LOST_INTERVALS).max(NTP_LOST_MIN),
            Self::Refclock | Self::Pulse => interval.duration().times(REFCLOCK_LOST_INTERVALS).max(REFCLOCK_LOST_MIN),
        }
    }
}

/// What the operator says of a source.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct SourceOptions {
    /// What it is.
    pub kind: SourceKind,
    /// It steers before all that are not preferred, if it agrees.
    pub prefer: bool,
    /// Only those that are trusted have a vote, while one of them is heard.
    pub trust: bool,
    /// Nobody steers unless one of those that are required agrees.
    pub require: bool,
    /// It neither steers nor votes, and is only watched.
    pub noselect: bool,
    /// A claim with more than this on each side of its middle does not count.
    pub max_distance: Duration,
}

impl SourceOptions {
    /// Nothing special, and up to three seconds on each side.
    pub const fn of(kind: SourceKind) -> Self {
        Self {
            kind,
            prefer: false,
            trust: false,
            require: false,
            noselect: false,
            max_distance: Duration::from_secs(3),
        }
    }
}

/// What to do where the sources contradict each other and there is no majority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Conflict {
    /// Follow nobody.
    Hold,
    /// Follow the one that is preferred.
    Prefer,
}

/// While more than half of the sources have said nothing yet, the first choice waits so many times as long.
const ALONE_AT_FIRST: i64 = 4;

/// How to judge.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct HelmConfig {
    /// A source must agree for so long before it takes the helm from another one.
    pub hold_off: Duration,
    /// And have been measured so often meanwhile.
    pub messages: u32,
    /// The first choice waits so long for those that have not claimed anything yet.
    pub patience: Duration,
    /// Two against each other, or one against what the clock knows.
    pub conflict: Conflict,
}

impl Default for HelmConfig {
    fn default() -> Self {
        Self { hold_off: Duration::from_secs(30), messages: 8, patience: Duration::SECOND, conflict: Conflict::Hold }
    }
}

/// What a source claims at the moment.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Claim {
    /// The offset of our clock lies in here; `None`: it is heard and cannot say yet, or has just contradicted itself.
    pub span: Option<Span<Duration>>,
    /// When it was measured last.
    pub heard: Timestamp<Mono>,
    /// How often it is measured.
    pub interval: LogInterval,
    /// Counts its messages.
    pub messages: u32,
    /// It serves its own clock, and where it stands among those who do: the least is followed, by who has nobody else.
    pub orphan: Option<u64>,
}

/// The claims of all sources, by their rows.
pub type Claims = [Option<Claim>; HELM_SOURCES_MAX];
/// Where the offset of our clock lies as each row has it.
type Spans = [Option<Span<Duration>>; HELM_SOURCES_MAX];

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// It is to be judged who is right.
    Judge {
        /// This is claimed now.
        claims: &'a Claims,
        /// Our clock's offset lies in here by what it knows itself of the time, from whoever steered it last; `None`: nothing bounds it.
        memory: Option<Span<Duration>>,
    },
}

/// Why another source steers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Why {
    /// Nobody did.
    First,
    /// Nothing was measured of the one before for too long, or it is gone.
    Lost,
    /// The one before contradicted itself.
    Contradiction,
    /// The one before is outside of what the majority has in common.
    Falseticker,
    /// The one before claims too wide an interval, or nobody who is required agrees.
    Unfit,
    /// This one claims a narrower interval, or is preferred.
    Better,
    /// Sources contradict each other, or the only one what the clock knows, and there is no majority.
    Conflict,
}

impl Why {
    /// In words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::First => "nobody steered",
            Self::Lost => "the one before is silent",
            Self::Contradiction => "the one before contradicted itself",
            Self::Falseticker => "the one before is outside of what the majority has in common",
            Self::Unfit => "the one before cannot be relied on",
            Self::Better => "its claim is better",
            Self::Conflict => "the sources contradict each other or what the clock knows, and there is no majority",
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Effect {
    /// Steer by this one.
    Steer {
        /// Who steered.
        from: Option<SourceId>,
        /// Who steers.
        to: Option<SourceId>,
        /// Why.
        why: Why,
        /// When the one before was measured last.
        heard: Option<Timestamp<Mono>>,
    },
    /// Something else is thought of a source.
    Verdict {
        /// The source.
        source: SourceId,
        /// What.
        verdict: Verdict,
    },
}

/// One source, in the order of the configuration.
#[derive(Clone, Copy, Debug, Coded)]
struct Row {
    source: SourceId,
    options: SourceOptions,
    verdict: Verdict,
    /// It was found to be wrong, and has not agreed since.
    is_quarantined: bool,
    /// Since when it could steer without a break, and how many messages there had been then.
    good: Option<(Timestamp<Mono>, u32)>,
    /// Since when it was better than the one that steers, without a break.
    better: Option<Timestamp<Mono>>,
    /// How often it lost the helm soon after it had taken it.
    lapses: u32,
    heard: Option<Timestamp<Mono>>,
}

/// How a row stands at the moment.
#[derive(Clone, Copy, Debug)]
struct Standing {
    is_alive: bool,
    is_fit: bool,
    is_settled: bool,
    width: Duration,
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Helm {
    config: HelmConfig,
    rows: Vec<Row>,
    steering: Option<SourceId>,
    /// Who steers, or did last.
    remembered: Option<SourceId>,
    steers_since: Timestamp<Mono>,
    /// When somebody could have steered for the first time.
    first_at: Option<Timestamp<Mono>>,
    common: Option<Span<Duration>>,
    /// When somebody who was not found to be wrong had a vote last.
    honest_at: Timestamp<Mono>,
    next: Option<Timestamp<Mono>>,
}

impl Helm {
    /// Without any source.
    pub fn new(config: HelmConfig, now: Timestamp<Mono>) -> Self {
        let rows = Vec::with_capacity(HELM_SOURCES_MAX);
        let (steering, remembered) = (None, None);
        Self {
            config,
            rows,
            steering,
            remembered,
            steers_since: now,
            first_at: None,
            common: None,
            honest_at: now,
            next: None,
        }
    }

    /// One more source; its row, or `None` if there is no place.
    pub fn add(&mut self, source: SourceId, options: SourceOptions) -> Option<usize> {
        if self.rows.len() >= HELM_SOURCES_MAX {
            return None;
        }
        self.rows.push(Row {
            source,
            options,
            verdict: Verdict::Silent,
            is_quarantined: false,
            good: None,
            better: None,
            lapses: 0,
            heard: None,
        });
        Some(self.rows.len() - 1)
    }

    /// Who steers.
    pub fn steering(&self) -> Option<SourceId> {
        self.steering
    }

    /// What is thought of a row.
    pub fn verdict(&self, row: usize) -> Verdict {
        self.rows.get(row).map_or(Verdict::Silent, |row| row.verdict)
    }

    /// Since when a row could have steered without a break; `None`: it could not now.
    pub fn good_since(&self, row: usize) -> Option<Timestamp<Mono>> {
        self.rows.get(row)?.good.map(|(since, _)| since)
    }

    /// How long a row must agree before it takes the helm from another one.
    pub fn hold_off(&self, row: usize) -> Duration {
        self.rows.get(row).map_or(self.config.hold_off, |row| row.hold_off(&self.config))
    }

    /// The row that steers, while nothing is open: it agrees, and none of the others is undecided or about to take its place.
    pub fn in_accord(&self) -> Option<usize> {
        let steering = self.row_of(self.steering).filter(|place| self.rows[*place].verdict == Verdict::Agrees)?;
        let is_open = |row: &Row| row.better.is_some() || row.verdict == Verdict::Undecided;
        (!self.rows.iter().any(is_open)).then_some(steering)
    }

    /// Whether the first of two claims is narrower by so much that its source is better.
    pub fn is_narrower(claim: &Span<Duration>, than: &Span<Duration>) -> bool {
        is_narrower(half_width(claim), half_width(than))
    }

    /// When something changes though nothing comes and the one that steers is not lost: another has waited long enough.
    pub fn turns_at(&self, now: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        let first_at = self.first_at.filter(|_| self.steering.is_none());
        let patience = first_at.into_iter().flat_map(|at| {
            [1, ALONE_AT_FIRST].map(|times| at + self.config.patience.times(times)).into_iter().filter(|at| *at > now)
        });
        let settles = self.rows.iter().filter(|row| Some(row.source) != self.steering);
        let settles = settles.filter_map(|row| Some(row.good?.0 + row.hold_off(&self.config)));
        let is_quarantined = |row: &Row| row.is_quarantined && row.verdict != Verdict::Silent;
        let pardon = self.rows.iter().any(is_quarantined).then(|| self.honest_at + self.config.hold_off);
        patience.chain(settles).chain(pardon).filter(|at| *at > now).min()
    }

    /// What the majority has in common.
    pub fn common(&self) -> Option<Span<Duration>> {
        self.common
    }

    fn judge(
        &mut self,
        now: Timestamp<Mono>,
        claims: &Claims,
        memory: Option<Span<Duration>>,
        out: &mut impl Sink<Effect>,
    ) {
        let alive = |row: &Row, claim: Option<Claim>| {
            claim.filter(|claim| now - claim.heard < row.options.kind.lost_after(claim.interval))
        };
        let spans: Spans = std::array::from_fn(|place| {
            let row = self.rows.get(place)?;
            let span = alive(row, claims[place])?.span?;
            (half_width(&span) <= row.options.max_distance).then_some(span)
        });
        let spans = self.without_orphans(&spans, claims);
        let is_trusted = |place: usize| spans[place].is_some() && self.rows[place].options.trust;
        let has_trusted = (0..self.rows.len()).any(is_trusted);
        let votes = |with_quarantined: bool| -> Spans {
            std::array::from_fn(|place| {
                let row = self.rows.get(place)?;
                let has_vote = !row.options.noselect && (row.options.trust || !has_trusted);
                spans[place].filter(|_| has_vote && (with_quarantined || !row.is_quarantined))
            })
        };
        let heard = votes(true);
        let mut votes = votes(false);
        if votes.iter().any(Option::is_some) {
            self.honest_at = now;
        } else if heard.iter().flatten().count() > 1 || now - self.honest_at >= self.config.hold_off {
            votes = heard;
        }
        let is_against_memory = self.is_against_memory(&votes, &heard, memory);
        self.common = select(&votes).common.filter(|_| !is_against_memory);
        let is_conflict = self.common.is_none() && (is_against_memory || votes.iter().flatten().count() > 1);
        for (place, row) in self.rows.iter_mut().enumerate() {
            let found = verdict(spans[place], self.common);
            if std::mem::discriminant(&found) != std::mem::discriminant(&row.verdict) {
                out.emit(Effect::Verdict { source: row.source, verdict: found });
            }
            row.verdict = found;
            match found {
                Verdict::Falseticker { .. } => row.is_quarantined = true,
                Verdict::Agrees => row.is_quarantined = false,
                Verdict::Silent | Verdict::Undecided => {}
            }
            row.heard = claims[place].map(|claim| claim.heard).or(row.heard);
        }
        let lacks_required = self.lacks_required();
        let standings: [Standing; HELM_SOURCES_MAX] = std::array::from_fn(|place| {
            let (Some(row), claim) = (self.rows.get_mut(place), claims[place]) else { return Standing::NONE };
            let claim = alive(row, claim);
            let is_fit = row.verdict == Verdict::Agrees && !row.options.noselect && !lacks_required;
            row.good = claim.filter(|_| is_fit).map(|claim| row.good.unwrap_or((now, claim.messages)));
            Standing {
                is_alive: claim.is_some(),
                is_fit,
                is_settled: row.is_settled(&self.config, now, claim, self.first_at),
                width: spans[place].map_or(Duration::MAX, |span| half_width(&span)),
            }
        });
        let chosen = self.choose(now, is_conflict, &standings);
        self.steer(now, is_conflict, chosen, claims, &standings, out);
        self.next = self.look_again(now, claims);
    }

    /// Who serves nothing but its own clock does not count beside one that has a source, nor beside the first of its kind.
    fn without_orphans(&self, spans: &Spans, claims: &Claims) -> Spans {
        let order = |place: usize| claims[place].and_then(|claim| claim.orphan);
        let is_heard = |place: &usize| spans[*place].is_some() && !self.rows[*place].options.noselect;
        let heard = || (0..self.rows.len()).filter(is_heard);
        let has_source = heard().any(|place| order(place).is_none());
        let first = heard().filter_map(order).min().filter(|_| !has_source);
        std::array::from_fn(|place| spans[place].filter(|_| order(place).is_none() || order(place) == first))
    }

    fn lacks_required(&self) -> bool {
        let mut required = self.rows.iter().filter(|row| row.options.require).peekable();
        required.peek().is_some() && !required.any(|row| row.verdict == Verdict::Agrees)
    }

    fn row_of(&self, source: Option<SourceId>) -> Option<usize> {
        self.rows.iter().position(|row| Some(row.source) == source)
    }

    /// Whether `a` is better than `b`, and by enough to change for it.
    fn is_better(&self, standings: &[Standing; HELM_SOURCES_MAX], a: usize, b: usize) -> bool {
        match (self.rows[a].options.prefer, self.rows[b].options.prefer) {
            (true, false) => true,
            (false, true) => false,
            _ => is_narrower(standings[a].width, standings[b].width),
        }
    }

    /// The row that should steer.
    fn choose(
        &mut self,
        now: Timestamp<Mono>,
        is_conflict: bool,
        standings: &[Standing; HELM_SOURCES_MAX],
    ) -> Option<usize> {
        let current = self.row_of(self.steering);
        for place in 0..self.rows.len() {
            let is_better = |current| standings[place].is_fit && self.is_better(standings, place, current);
            let is_better = current.is_some_and(is_better);
            let better = &mut self.rows[place].better;
            *better = is_better.then(|| better.unwrap_or(now));
        }
        if is_conflict {
            let is_preferred = |place: &usize| self.rows[*place].options.prefer && standings[*place].is_alive;
            let all = 0..self.rows.len();
            return all.filter(|_| self.config.conflict == Conflict::Prefer).find(is_preferred);
        }
        let fit = |place: &usize| standings[*place].is_fit;
        // The first of those that are alike.
        let rank = |place: &usize| {
            let standing = &standings[*place];
            (self.rows[*place].options.prefer, standing.is_settled, std::cmp::Reverse(standing.width))
        };
        let best = (0..self.rows.len()).rev().filter(fit).max_by_key(rank);
        match current {
            Some(current) if standings[current].is_fit => {
                let lasts = |row: &Row| row.is_lastingly_better(&self.config, now, self.first_at);
                let challenges = |place: &usize| standings[*place].is_settled && lasts(&self.rows[*place]);
                (0..self.rows.len()).rev().filter(fit).filter(challenges).max_by_key(rank).or(Some(current))
            }
            // Nobody else can, and it was not found to be wrong.
            Some(current) if best.is_none() => {
                let is_wrong = matches!(self.rows[current].verdict, Verdict::Falseticker { .. });
                Some(current).filter(|_| standings[current].is_alive && !is_wrong)
            }
            Some(_) => best,
            // Who steered last goes on: that two who contradict each other share a moment, half of an exchange of one who has begun anew, is no
            // reason to go over to the other one.
            None => {
                let last = self.row_of(self.remembered).filter(fit).or(best);
                last.filter(|_| self.is_time_for_the_first(now, standings))
            }
        }
    }

    /// The first choice waits a moment for those who have said nothing yet: a longer one while less than half of them have, for then whoever
    /// was first is chosen by nobody, and may be the one that lies.
    fn is_time_for_the_first(&mut self, now: Timestamp<Mono>, standings: &[Standing; HELM_SOURCES_MAX]) -> bool {
        let first_at = *self.first_at.get_or_insert(now);
        let silent = |(_, standing): &(&Row, &Standing)| standing.width == Duration::MAX;
        let votes = || self.rows.iter().zip(standings).filter(|(row, _)| !row.options.noselect);
        let silent = votes().filter(silent).count();
        let patience = if silent * 2 > votes().count() {
            self.config.patience.times(ALONE_AT_FIRST)
        } else {
            self.config.patience
        };
        silent == 0 || now - first_at >= patience
    }

    fn steer(
        &mut self,
        now: Timestamp<Mono>,
        is_conflict: bool,
        chosen: Option<usize>,
        claims: &Claims,
        standings: &[Standing; HELM_SOURCES_MAX],
        out: &mut impl Sink<Effect>,
    ) {
        let to = chosen.map(|place| self.rows[place].source);
        if to == self.steering {
            return;
        }
        let current = self.row_of(self.steering);
        let why = match current {
            _ if is_conflict => Why::Conflict,
            None => Why::First,
            Some(current) if standings[current].is_fit => Why::Better,
            Some(current) if !standings[current].is_alive => Why::Lost,
            Some(current) if matches!(self.rows[current].verdict, Verdict::Falseticker { .. }) => Why::Falseticker,
            Some(current) if claims[current].is_some_and(|claim| claim.span.is_none()) => Why::Contradiction,
            Some(_) => Why::Unfit,
        };
        if let Some(current) = current.filter(|current| !standings[*current].is_fit) {
            let has_stayed = now - self.steers_since >= self.config.hold_off.times(STAYED);
            let row = &mut self.rows[current];
            row.lapses = if has_stayed { 1 } else { row.lapses.saturating_add(1) };
            row.good = None;
        }
        let from = std::mem::replace(&mut self.steering, to);
        self.remembered = to.or(self.remembered);
        self.steers_since = now;
        let heard = current.and_then(|current| self.rows[current].heard);
        out.emit(Effect::Steer { from, to, why, heard });
    }

    /// When something changes though nothing comes: the one that steers is lost, or another has waited long enough.
    fn look_again(&self, now: Timestamp<Mono>, claims: &Claims) -> Option<Timestamp<Mono>> {
        let lost = self.row_of(self.steering).and_then(|place| {
            let claim = claims[place]?;
            Some(claim.heard + self.rows[place].options.kind.lost_after(claim.interval))
        });
        lost.filter(|at| *at > now).into_iter().chain(self.turns_at(now)).min()
    }
}

impl Standing {
    const NONE: Self = Self { is_alive: false, is_fit: false, is_settled: false, width: Duration::MAX };
}

impl Row {
    fn hold_off(&self, config: &HelmConfig) -> Duration {
        config.hold_off.times(1 << self.lapses.saturating_sub(1).min(DOUBLINGS_MAX))
    }

    /// At the beginning, whoever was first is not yet somebody to be left with care.
    fn is_settled(
        &self,
        config: &HelmConfig,
        now: Timestamp<Mono>,
        claim: Option<Claim>,
        first_at: Option<Timestamp<Mono>>,
    ) -> bool {
        let Some((since, messages)) = self.good else { return false };
        let enough = claim.is_some_and(|claim| claim.messages.wrapping_sub(messages) >= config.messages);
        enough && now - since >= self.hold_off_at(config, now, first_at)
    }

    fn hold_off_at(&self, config: &HelmConfig, now: Timestamp<Mono>, first_at: Option<Timestamp<Mono>>) -> Duration {
        let is_early = self.lapses == 0 && first_at.is_none_or(|first_at| now - first_at < config.hold_off);
        if is_early { config.hold_off.scaled(EARLY) } else { self.hold_off(config) }
    }

    /// Claims grow with their age: who is better only now and then is not better.
    fn is_lastingly_better(
        &self,
        config: &HelmConfig,
        now: Timestamp<Mono>,
        first_at: Option<Timestamp<Mono>>,
    ) -> bool {
        self.better.is_some_and(|since| now - since >= self.hold_off_at(config, now, first_at))
    }
}

impl Engine for Helm {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, out: &mut impl Sink<Effect>) {
        let Input::Judge { claims, memory } = input;
        self.judge(now, claims, memory, &mut AnySink(out));
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.next
    }
}

fn is_narrower(width: Duration, than: Duration) -> bool {
    width < than.scaled(BETTER)
}

fn half_width(span: &Span<Duration>) -> Duration {
    span.half_width().abs()
}

/// What a difference of at most a second most likely is on the day of a leap second, or the day after.
pub fn mistaken_at_a_leap(beyond: Duration) -> Option<&'static str> {
    let is_smeared = beyond.abs() <= Duration::from_millis(1_250);
    is_smeared.then_some("a leap second is near: a smeared and an unsmeared source differ like this")
}

/// What a difference of whole seconds between two sources most likely is, if it is one of those that people make.
pub fn mistaken_for(beyond: Duration) -> Option<&'static str> {
    let near = |seconds: i64| (beyond.abs() - Duration::from_secs(seconds)).abs() < Duration::from_millis(250);
    [
        (37, "37 s: TAI is taken for UTC, or the other way round"),
        (36, "36 s: TAI is taken for UTC, with a leap second missing"),
        (18, "18 s: GPS time is taken for UTC"),
        (19, "19 s: GPS time is taken for TAI"),
        (1, "1 s: a leap second is missing, or was made twice"),
    ]
    .into_iter()
    .find_map(|(seconds, words)| near(seconds).then_some(words))
}
