//! Several sources: what each of them claims of the system clock, and what the helm's word means for the star.
//!
//! A source's messages go to the discipline of the clock that stamps them, whether that steers by it or keeps it as a guard. For the helm all
//! claims are brought to the system clock: those that it stamps are of it already; those of a card by the last crossing,
//!
//! ```text
//! system - source = (system - card) + (card - source)
//! ```
//!
//! whose first part lies between the two readings around that of the card. Who is chosen makes the clock that hears him the hub.
//!
//! Beside the claims the helm is told where the system clock lies by its own bound: that is what it remembers of whoever steered it last, also
//! where his port is gone, and it is forgotten with the bound.

use super::{Cascade, CascadeNotice, Clock, Crossing, LOCK_LIMIT_NTP, READING_ERROR, SteeringConfig};
use crate::discipline::helm::{
    Claim, Claims, Effect, HELM_SOURCES_MAX, Helm, HelmConfig, Input, SourceKind, SourceOptions, Verdict, Why,
};
use crate::discipline::{Reference, Span, Timescale};
use crate::engine::{Emit, Engine, Recorder, Taped};
use crate::ntp::client::Demand;
use crate::time::{ClockId, Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, SourceId, Timestamp};

use accord::Accord;
use still::Still;

mod accord;
mod pulses;
mod still;

/// What was seen of a card's source by a crossing is good for so long.
const SEEN_FOR: Duration = Duration::from_secs(2);
/// One that serves its own clock is known for so long before it is followed: those who have a source answer meanwhile.
const ORPHAN_WAIT: Duration = Duration::from_secs(10);
/// Sources that contradict each other have all of them asked at once this often at most.
const HURRIES_EVERY: Duration = Duration::from_secs(64);
/// An interval stays while samples of this part of it would do: what has been enough just now is not given up for a little less.
const PATIENT: f64 = 0.75;
/// Meanwhile the system clock may run off from the card's source by so much.
const SEEN_DRIFT: FrequencyPpb = FrequencyPpb::new(10_000.0);

/// A source, in the order of the configuration.
#[derive(Clone, Copy, Debug)]
struct Row {
    source: SourceId,
    kind: SourceKind,
    stamped_by: ClockId,
    reference: Option<Reference>,
    interval: LogInterval,
    heard: Option<Timestamp<Mono>>,
    messages: u32,
    seen: Option<Seen>,
    /// It neither steers nor votes.
    is_watched: bool,
    /// Who says which second a pulse begins; `None`: the majority.
    numbered_by: Option<SourceId>,
    /// The last pulse could not be numbered.
    is_unnumbered: bool,
}

/// Where the system clock's offset from a card's source was at a crossing.
#[derive(Clone, Copy, Debug)]
struct Seen {
    span: Span<Duration>,
    at: Timestamp<Mono>,
    /// All steps of the system clock together, then.
    stepped: Duration,
}

/// All of them, and their judge.
#[derive(Debug)]
pub(super) struct Sources {
    helm: Taped<Helm>,
    rows: Vec<Row>,
    claims: Claims,
    /// What the judge has found, while a message can be seen to change nothing.
    accord: Option<Accord>,
    /// The lock limit is that of the less exact kind still.
    pub(super) is_lax: bool,
    /// All that can be are to be asked at once.
    hurries: bool,
    /// When that was so last.
    hurried: Option<Timestamp<Mono>>,
    still: Still,
}

impl Sources {
    fn row(&mut self, source: SourceId) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.source == source)
    }
}

/// What is thought of a source.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Standing {
    /// Which.
    pub source: SourceId,
    /// What it is.
    pub kind: SourceKind,
    /// Whether it steers.
    pub is_steering: bool,
    /// The judge's word.
    pub verdict: Verdict,
    /// Where the system clock's offset lies as it has it.
    pub span: Option<Span<Duration>>,
    /// When it was measured last.
    pub heard: Option<Timestamp<Mono>>,
    /// How often it is measured.
    pub interval: LogInterval,
    /// Nobody says which second its pulses begin.
    pub is_unnumbered: bool,
    /// It counts TAI, and nobody says how far UTC is behind that.
    pub lacks_utc: bool,
    /// Since when it could have steered without a break.
    pub good_since: Option<Timestamp<Mono>>,
    /// How long it must, to take over from another one.
    pub hold_off: Duration,
}

impl<C: Clock> Cascade<C> {
    /// From now on the clocks are steered by one of several sources, which are added then.
    pub fn judge_by(&mut self, config: HelmConfig, now: Timestamp<Mono>) {
        self.sources = Some(Box::new(Sources {
            helm: Taped::new(Helm::new(config, now)),
            rows: Vec::with_capacity(HELM_SOURCES_MAX),
            claims: [None; HELM_SOURCES_MAX],
            accord: None,
            is_lax: false,
            hurries: false,
            hurried: None,
            still: Still::new(now),
        }));
        self.system.reserve_guards(HELM_SOURCES_MAX - 1);
        for leaf in self.phcs.iter_mut().flatten() {
            leaf.steering.reserve_guards(HELM_SOURCES_MAX - 1);
        }
    }

    /// One more of them; `false` if there is no place.
    pub fn add_source(&mut self, source: SourceId, options: SourceOptions) -> bool {
        let Some(sources) = &mut self.sources else { return false };
        let mut place = None;
        sources.helm.change(|helm| place = helm.add(source, options));
        if place.is_some() {
            sources.rows.push(Row {
                source,
                kind: options.kind,
                stamped_by: ClockId::System,
                reference: None,
                interval: LogInterval::new(0),
                heard: None,
                messages: 0,
                seen: None,
                is_watched: options.noselect,
                numbered_by: None,
                is_unnumbered: false,
            });
        }
        place.is_some()
    }

    /// Whoever asks the recorder for them gets the steps of the helm.
    pub fn record_helm_by(&mut self, recorder: Recorder) {
        if let Some(sources) = &mut self.sources {
            sources.helm.record_by(recorder);
        }
    }

    /// Whether several sources are judged.
    pub fn has_helm(&self) -> bool {
        self.sources.is_some()
    }

    /// The bound up to which the system clock counts as LOCKED: the configuration's, or by what steers.
    pub fn lock_limit(&self) -> Duration {
        self.config.of(self.hub()).lock_limit
    }

    /// Who steers, of several.
    pub fn steered_by(&self) -> Option<SourceId> {
        self.sources.as_ref()?.helm.steering()
    }

    /// Whether all sources that can be asked are to be asked at once, told once. What contradicts the others may be a liar, or the first to tell that this
    /// machine stood still: then what the others said is of before.
    pub fn take_hurry(&mut self) -> bool {
        self.sources.as_mut().is_some_and(|sources| std::mem::take(&mut sources.hurries))
    }

    /// How much is to be asked of the NTP servers, when the stamping clock reads `local`: less while one of them steers, all agree that are heard, and
    /// fewer samples would do; all that is configured at the first sign of trouble.
    pub fn demand(&mut self, local: Timestamp<Local>) -> Demand {
        let Some(sources) = &self.sources else { return Demand::Full };
        let row = sources.helm.steering().and_then(|steering| sources.rows.iter().find(|row| row.source == steering));
        let Some(row) = row.filter(|row| row.kind == SourceKind::Ntp && row.stamped_by == ClockId::System) else {
            return Demand::Full;
        };
        let is_heard = |row: &Row| row.reference.is_some() && !row.is_watched;
        let is_right = |place: usize| sources.helm.verdict(place) == Verdict::Agrees;
        if sources.rows.iter().enumerate().any(|(place, row)| is_heard(row) && !is_right(place)) {
            return Demand::Full;
        }
        let apart = row.interval.duration();
        if self.system.is_enough(apart.times(2), local) {
            Demand::Less
        } else if self.system.is_enough(apart.scaled(PATIENT), local) {
            Demand::Same
        } else {
            Demand::Full
        }
    }

    /// What is thought of each source, in the order in which they were added.
    pub fn standings(&self) -> impl Iterator<Item = Standing> + '_ {
        let all =
            self.sources.iter().flat_map(|sources| sources.rows.iter().enumerate().map(move |row| (sources, row)));
        all.map(|(sources, (place, row))| Standing {
            source: row.source,
            kind: row.kind,
            is_steering: sources.helm.steering() == Some(row.source),
            verdict: sources.helm.verdict(place),
            span: sources.claims[place].and_then(|claim| claim.span),
            heard: row.heard,
            interval: row.interval,
            is_unnumbered: row.is_unnumbered,
            lacks_utc: self.leap.tai_utc().is_none()
                && row.reference.is_some_and(|reference| reference.timescale == Timescale::TaiWithoutUtc),
            good_since: sources.helm.good_since(place),
            hold_off: sources.helm.hold_off(place),
        })
    }

    /// A source says this of itself, and is stamped by this clock; `None`: it is gone.
    pub fn introduce(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        (source, stamped_by): (SourceId, ClockId),
        reference: Option<Reference>,
        interval: Option<LogInterval>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let Some(sources) = &mut self.sources else { return };
        let steering = sources.helm.steering();
        let Some(row) = sources.row(source) else { return };
        let selected = |r: Reference| (r.selected_at, r.clock);
        let warning = |reference: Option<Reference>| reference.map(|reference| reference.leap);
        let is_vote_changed = warning(row.reference) != warning(reference);
        let is_another = row.reference.map(selected) != reference.map(selected) || row.stamped_by != stamped_by;
        row.reference = reference;
        row.interval = interval.unwrap_or(row.interval);
        row.stamped_by = stamped_by;
        if is_another {
            // Whoever it is now, he is judged before he is followed.
            row.heard = None;
            row.seen = None;
            self.judge(now, local, notify);
        } else if steering == Some(source) {
            self.follow(now, local, Some(stamped_by), reference, interval, notify);
        } else if is_vote_changed && let Some(row) = steering.and_then(|steering| sources.row(steering)) {
            // Another vote on a leap second.
            let (stamped_by, reference) = (row.stamped_by, row.reference);
            self.follow(now, local, Some(stamped_by), reference, None, notify);
        }
        self.refresh_guards(now, local, None);
    }

    /// The leap second of this day: what more than half of the sources that agree on the time announce, whoever of them steers and says `said`.
    /// One server alone, with a wrong list or a stuck bit, makes none. A pulse or a reference clock that announces nothing has no vote. What another program has
    /// told the kernel is a vote more for what a source says too.
    pub(super) fn voted_leap(&self, said: LeapIndicator) -> LeapIndicator {
        let Some(sources) = &self.sources else { return said };
        let vote = |(place, row): (usize, &Row)| {
            let leap = row.reference?.leap;
            let is_clock = matches!(row.kind, SourceKind::Refclock | SourceKind::Pulse);
            let has_vote = sources.helm.verdict(place) == Verdict::Agrees
                && !row.is_watched
                && !(is_clock && leap == LeapIndicator::NoWarning);
            has_vote.then_some(leap)
        };
        let votes = || sources.rows.iter().enumerate().filter_map(vote);
        let of_kernel = self.kernel_leap.map(|(leap, _)| leap).filter(|leap| votes().any(|vote| vote == *leap));
        let votes = || votes().chain(of_kernel);
        let all = votes().count();
        let has_most = |leap: &LeapIndicator| votes().filter(|vote| vote == leap).count() * 2 > all;
        let warnings = [LeapIndicator::Insert, LeapIndicator::Delete];
        match warnings.into_iter().find(has_most) {
            Some(voted) => voted,
            None if all > 0 && warnings.contains(&said) => LeapIndicator::NoWarning,
            None => said,
        }
    }

    /// A source is measured at this interval from now on.
    pub fn is_heard_each(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        source: SourceId,
        interval: LogInterval,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let Some(row) = self.sources.as_mut().and_then(|sources| sources.row(source)) else { return };
        let (reference, stamped_by) = (row.reference, row.stamped_by);
        self.introduce(now, local, (source, stamped_by), reference, Some(interval), notify);
    }

    /// A message of a source was measured; `is_contradicted`: it contradicts those before.
    pub(super) fn was_heard(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        source: SourceId,
        is_contradicted: bool,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let Some(row) = self.sources.as_mut().and_then(|sources| sources.row(source)) else { return };
        row.heard = Some(now);
        row.messages = row.messages.wrapping_add(1);
        if is_contradicted {
            row.seen = None;
        }
        if is_contradicted || !self.is_as_judged(now, local, source) {
            self.judge(now, local, notify);
        }
    }

    /// A crossing says where the system clock is by each source of that card.
    pub(super) fn see_through(&mut self, index: u8, crossing: &Crossing) {
        let stepped = self.system.stepped();
        let (Some(sources), Some(Some(leaf))) = (&mut self.sources, self.phcs.get_mut(usize::from(index))) else {
            return;
        };
        let known = self.leap.tai_utc();
        for row in sources.rows.iter_mut().filter(|row| row.stamped_by == ClockId::Phc(index)) {
            let tai_utc = match row.reference.map(|reference| reference.timescale) {
                // Each by its own word: who says a wrong TAI - UTC is wrong.
                Some(Timescale::Tai(tai_utc)) => Some(tai_utc),
                _ => known,
            };
            let of_card = leaf.steering.span_of(row.source, crossing.device);
            row.seen = of_card.zip(tai_utc).map(|(of_card, tai_utc)| {
                let system_less_card = |system: Timestamp<Local>| system + tai_utc.duration() - crossing.device;
                let span = Span {
                    low: system_less_card(crossing.before) + of_card.low - READING_ERROR,
                    high: system_less_card(crossing.after) + of_card.high + READING_ERROR,
                };
                Seen { span, at: crossing.mono, stepped }
            });
        }
    }

    /// What the crossings have shown of the system clock was of before.
    pub(super) fn forget_what_was_seen(&mut self) {
        self.sources.iter_mut().flat_map(|sources| &mut sources.rows).for_each(|row| row.seen = None);
    }

    /// Asks the helm, if it is time.
    pub(super) fn judge_if_due(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        if self.helm_deadline().is_some_and(|at| at <= now) {
            self.judge(now, local, notify);
        }
        self.sources.iter_mut().for_each(|sources| sources.still.is_told(now));
        self.tighten(local);
    }

    pub(super) fn helm_deadline(&self) -> Option<Timestamp<Mono>> {
        self.sources.as_ref()?.deadline()
    }

    /// Asks the helm.
    pub(super) fn judge(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let Self { sources: Some(sources), system, .. } = self else { return };
        let Sources { helm, rows, claims, accord, hurries, hurried, still, .. } = &mut **sources;
        still.runs(now);
        let memory = system.own_span(local);
        // Whose proofs contradict each other has none for a moment.
        let mut is_contradicted = false;
        for (claim, row) in claims.iter_mut().zip(rows) {
            let had_span = claim.is_some_and(|claim| claim.span.is_some());
            let usable = row.reference.filter(|reference| reference.timescale != Timescale::Refused);
            let usable = usable.filter(|reference| !reference.is_orphan || is_needed(reference, now, memory));
            *claim = usable.and(row.heard).map(|heard| {
                let heard = still.excuse(heard);
                let span = match row.stamped_by {
                    ClockId::System => system.span_of(row.source, local),
                    _ => row.seen.and_then(|seen| seen.at_present(now, system.stepped())),
                };
                is_contradicted |= had_span && span.is_none() && row.stamped_by == ClockId::System;
                let orphan = row.reference.filter(|reference| reference.is_orphan).map(|reference| reference.clock);
                Claim { span, heard, interval: row.interval, messages: row.messages, orphan }
            });
        }
        let mut chosen = None;
        let mut take = |effect| match effect {
            Effect::Steer { from, to, why, heard } => {
                is_contradicted |= matches!(why, Why::Contradiction | Why::Falseticker);
                chosen = Some((from, to, why, heard));
            }
            Effect::Verdict { source, verdict } => {
                is_contradicted |= matches!(verdict, Verdict::Falseticker { .. });
                notify(CascadeNotice::Verdict(source, verdict));
            }
        };
        helm.step(now, Input::Judge { claims, memory }, &mut Emit(&mut take));
        *accord = Accord::found(now, helm, claims, system.stepped()).filter(|_| chosen.is_none());
        if is_contradicted && hurried.is_none_or(|at| now - at >= HURRIES_EVERY) {
            (*hurries, *hurried) = (true, Some(now));
        }
        if let Some((from, to, why, heard)) = chosen {
            notify(CascadeNotice::Helm { from, to, why, heard });
            self.steer_by(now, local, to, notify);
        }
    }

    fn steer_by(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        to: Option<SourceId>,
        notify: &mut impl FnMut(CascadeNotice),
    ) {
        let row = to.and_then(|to| self.sources.as_mut()?.row(to).copied());
        let Some((row, reference)) = row.and_then(|row| Some((row, row.reference?))) else {
            self.follow(now, local, None, None, None, notify);
            return self.refresh_guards(now, local, None);
        };
        if let Some(sources) = &mut self.sources {
            sources.is_lax |= matches!(row.kind, SourceKind::Ntp | SourceKind::Refclock);
        }
        if self.hub == Some(row.stamped_by) {
            self.apply_limits();
        } else {
            self.change_hub(now, local, Some(row.stamped_by), notify);
        }
        self.refresh_guards(now, local, to);
        let scale = self.system.ahead();
        self.follow(now, local, Some(row.stamped_by), Some(reference), Some(row.interval), notify);
        if self.system.ahead() != scale {
            // The first that steers counts TAI: what the others say is on another scale from now on.
            self.refresh_guards(now, local, to);
        }
    }

    /// Each discipline knows which sources there are beside the one that steers it; `coming` is about to.
    pub(super) fn refresh_guards(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, coming: Option<SourceId>) {
        let Some(sources) = &self.sources else { return };
        let steering = sources.helm.steering();
        let tai_utc = self.leap.tai_utc();
        for place in 0..sources.rows.len() {
            let Some(row) = self.sources.as_ref().map(|sources| sources.rows[place]) else { return };
            let is_steering = Some(row.source) == steering || Some(row.source) == coming;
            let guarded =
                row.reference.map(|reference| Reference { tai_utc: reference.tai_utc.or(tai_utc), ..reference });
            let of_phcs = (0..self.phcs.len()).map(|index| ClockId::Phc(index as u8));
            for clock in std::iter::once(ClockId::System).chain(of_phcs) {
                let is_here = row.stamped_by == clock;
                if is_here && is_steering {
                    continue;
                }
                if let Some((steering, reading)) = self.steering_of(clock, now, local) {
                    steering.guard(now, reading, row.source, guarded.filter(|_| is_here));
                }
            }
        }
    }

    /// The limits of each clock, as the kind of the source that steers has them.
    pub(super) fn limits_of(&self, hub: Option<ClockId>) -> SteeringConfig {
        let mut config = self.config.of(hub);
        if self.sources.as_ref().is_some_and(|sources| sources.is_lax) && self.config.lock_limit.is_none() {
            config.lock_limit = config.lock_limit.max(LOCK_LIMIT_NTP);
        }
        config
    }

    pub(super) fn apply_limits(&mut self) {
        let of_system = self.limits_of_system();
        self.system.configure(of_system);
        for index in 0..self.phcs.len() {
            let config = self.limits_of(Some(ClockId::Phc(index as u8)));
            if let Some(leaf) = &mut self.phcs[index] {
                leaf.steering.configure(config);
            }
        }
    }

    /// When a more exact source has brought the clock inside its own limit, that holds again.
    fn tighten(&mut self, local: Timestamp<Local>) {
        let Some(sources) = self.sources.as_mut().filter(|sources| sources.is_lax) else { return };
        let steering = sources.helm.steering();
        if steering.and_then(|source| sources.row(source)).is_none_or(|row| row.kind == SourceKind::Ntp) {
            return;
        }
        let strict = self.config.of(self.hub).lock_limit;
        let bound = self.system.bound(local).map(|parts| parts.total().greatest_error());
        if bound.is_some_and(|bound| bound <= strict)
            && let Some(sources) = &mut self.sources
        {
            sources.is_lax = false;
            self.apply_limits();
        }
    }
}

/// Whether one that serves nothing but its own clock may be followed: it was there for a while, and ours does not know the time as well as such
/// a clock may claim to.
fn is_needed(orphan: &Reference, now: Timestamp<Mono>, memory: Option<Span<Duration>>) -> bool {
    let limit = orphan.accuracy.unwrap_or_default();
    let is_lost = memory.is_none_or(|memory| memory.low.abs().max(memory.high.abs()) > limit);
    is_lost && now - orphan.selected_at >= ORPHAN_WAIT
}

impl Seen {
    fn at_present(&self, now: Timestamp<Mono>, stepped: Duration) -> Option<Span<Duration>> {
        let age = now - self.at;
        let drift = SEEN_DRIFT.drift(age).abs();
        let span = self.span.shifted(stepped - self.stepped);
        (age <= SEEN_FOR).then(|| Span { low: span.low - drift, high: span.high + drift })
    }
}
