//! Whether a message can have changed what the judge found.
//!
//! Eight Syncs a second, and beside them four servers whose claims only grow until they answer again: to ask the judge at each message is a good part
//! of what a daemon costs that has nothing to do, and as a rule the answer is that of a moment ago. So what it found is kept, where all is well:
//!
//! * somebody steers and agrees, and nobody is undecided, about to take over, or serves nothing but his own clock;
//! * all that agree have a time in common, the core.
//!
//! A claim grows until the next message of the same source narrows it. So those who were not heard since still hold the core; if the claim of the one
//! who was heard touches it too, all of them have a time in common still, and no verdict has changed. Nor has the choice, unless his claim
//! became so narrow, or that of the one who steers so wide, that somebody is better now. Then, and at the message of anybody who does not
//! agree, has no claim any more, or has contradicted himself, the judge is asked at once, as he is when somebody's time is up.
//!
//! Four things are seen a little later so: that one who does not steer is silent, that one who was found to be wrong agrees with what the others claim
//! now, a contradiction that is smaller than what the clock was slewed by since, and that the claim of the one who steers has grown wider than
//! `max_distance`. So the judge is asked once a second ([`JUDGED_EVERY`]) in any case.

use super::{Row, Sources};
use crate::clock::Clock;
use crate::clock::cascade::Cascade;
use crate::discipline::Span;
use crate::discipline::helm::{Claims, Helm, Verdict};
use crate::engine::Engine;
use crate::time::{ClockId, Duration, Local, Mono, SourceId, Timestamp};

/// So often the judge is asked though nothing seems to have changed.
const JUDGED_EVERY: Duration = Duration::SECOND;

/// See the file's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accord {
    at: Timestamp<Mono>,
    /// All steps of the system clock together, then.
    stepped: Duration,
    /// What all that agree have in common.
    core: Span<Duration>,
    /// The row that steers.
    steering: usize,
    /// Its claim.
    steered_by: Span<Duration>,
    /// The narrowest claim of the others that agree.
    narrowest: Option<Span<Duration>>,
    /// When somebody's turn comes though nothing was heard, but for the loss of the one that steers.
    next: Option<Timestamp<Mono>>,
}

impl Accord {
    /// What the judge has found, by these claims; `None` where anything is open.
    pub(super) fn found(now: Timestamp<Mono>, helm: &Helm, claims: &Claims, stepped: Duration) -> Option<Self> {
        let steering = helm.in_accord()?;
        if claims.iter().flatten().any(|claim| claim.orphan.is_some()) {
            return None;
        }
        let agreeing = claims.iter().enumerate().filter(|(place, _)| helm.verdict(*place) == Verdict::Agrees);
        let spans = || agreeing.clone().filter_map(|(place, claim)| Some((place, claim.as_ref()?.span?)));
        let core =
            Span { low: spans().map(|(_, span)| span.low).max()?, high: spans().map(|(_, span)| span.high).min()? };
        let others = spans().filter(|(place, _)| *place != steering).map(|(_, span)| span);
        let narrowest = others.min_by_key(|span| span.high - span.low);
        let steered_by = claims[steering]?.span?;
        let next = helm.turns_at(now);
        (core.low <= core.high).then_some(Self { at: now, stepped, core, steering, steered_by, narrowest, next })
    }

    /// Whether it holds still when the row `place`, which agreed, claims this.
    fn holds(&self, now: Timestamp<Mono>, place: usize, claim: &Span<Duration>, stepped: Duration) -> bool {
        let has_time_in_common = claim.low <= self.core.high && self.core.low <= claim.high;
        let is_somebody_better = if place == self.steering {
            self.narrowest.is_some_and(|other| Helm::is_narrower(&other, claim))
        } else {
            Helm::is_narrower(claim, &self.steered_by)
        };
        stepped == self.stepped && now - self.at < JUDGED_EVERY && has_time_in_common && !is_somebody_better
    }
}

impl Sources {
    /// When the judge is to be asked though nobody is heard.
    pub(super) fn deadline(&self) -> Option<Timestamp<Mono>> {
        let Some(accord) = &self.accord else { return self.helm.deadline() };
        let row = &self.rows[accord.steering];
        let lost = self.heard(row.source).map(|heard| heard + row.kind.lost_after(row.interval));
        lost.into_iter().chain(accord.next).min()
    }
}

impl<C: Clock> Cascade<C> {
    /// Whether the judge would find what he found, though this source was just heard.
    pub(super) fn is_as_judged(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, source: SourceId) -> bool {
        let Self { sources: Some(sources), system, .. } = self else { return true };
        let Some(accord) = &sources.accord else { return false };
        let Some(place) = sources.rows.iter().position(|row| row.source == source) else { return false };
        if sources.helm.verdict(place) != Verdict::Agrees {
            return false;
        }
        let Row { stamped_by, seen, .. } = sources.rows[place];
        let claim = match stamped_by {
            ClockId::System => system.span_of(source, local),
            _ => seen.and_then(|seen| seen.at_present(now, system.stepped())),
        };
        claim.is_some_and(|claim| accord.holds(now, place, &claim, system.stepped()))
    }

    /// What the judge found is not to be relied on.
    pub(in crate::clock::cascade) fn forget_the_accord(&mut self) {
        self.sources.iter_mut().for_each(|sources| sources.accord = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discipline::helm::{Claim, Effect, HELM_SOURCES_MAX, HelmConfig, Input, SourceKind, SourceOptions};
    use crate::engine::Random;
    use crate::time::LogInterval;

    const PLACES: usize = 5;

    /// A judge of so many sources, what each claims in microseconds, and the time.
    struct Court {
        helm: Helm,
        claims: Claims,
        now: Timestamp<Mono>,
    }

    fn span(low: i64, high: i64) -> Span<Duration> {
        Span { low: Duration::from_micros(low), high: Duration::from_micros(high) }
    }

    impl Court {
        fn new(kinds: &[SourceKind]) -> Self {
            let now = Timestamp::from_secs(1_000);
            let mut helm = Helm::new(HelmConfig::default(), now);
            for (place, kind) in kinds.iter().enumerate() {
                helm.add(SourceId(place as u16), SourceOptions::of(*kind));
            }
            Self { helm, claims: [None; HELM_SOURCES_MAX], now }
        }

        fn claims(&mut self, place: usize, span: Option<Span<Duration>>) {
            let messages = self.claims[place].map_or(1, |claim| claim.messages + 1);
            let interval = LogInterval::new(3);
            self.claims[place] = Some(Claim { span, heard: self.now, interval, messages, orphan: None });
        }

        fn judge(&mut self) -> Vec<Effect> {
            let mut out = Vec::new();
            self.helm.step(self.now, Input::Judge { claims: &self.claims, memory: None }, &mut out);
            out
        }

        /// Everybody goes on with what he claims for so many seconds.
        fn run(&mut self, seconds: i64) {
            for _ in 0..seconds * 8 {
                self.now = self.now + Duration::from_millis(125);
                (0..HELM_SOURCES_MAX).for_each(|place| {
                    if let Some(claim) = self.claims[place] {
                        self.claims(place, claim.span);
                    }
                });
                self.judge();
            }
        }

        fn accord(&self) -> Option<Accord> {
            Accord::found(self.now, &self.helm, &self.claims, Duration::ZERO)
        }
    }

    fn three() -> Court {
        let mut court = Court::new(&[SourceKind::Ptp, SourceKind::Ntp, SourceKind::Ntp]);
        court.claims(0, Some(span(-5, 5)));
        court.claims(1, Some(span(-200, 300)));
        court.claims(2, Some(span(-300, 250)));
        court.run(60);
        court
    }

    #[test]
    fn a_claim_that_touches_what_all_have_in_common_changes_nothing_and_one_beside_it_does() {
        let court = three();
        let accord = court.accord().expect("all agree");
        let holds = |place, claim: Span<Duration>| accord.holds(court.now, place, &claim, Duration::ZERO);
        assert!(holds(0, span(-4, 4)) && holds(0, span(5, 9)) && holds(1, span(-100, 100)));
        assert!(!holds(0, span(6, 9)) && !holds(1, span(-90, -6)));
        assert!(!holds(1, span(-2, 2)), "it is better now than the one that steers");
        assert!(!holds(0, span(-1_000, 1_000)), "the others are");
        let later = |millis| court.now + Duration::from_millis(millis);
        assert!(accord.holds(later(999), 0, &span(-4, 4), Duration::ZERO));
        assert!(!accord.holds(later(1_000), 0, &span(-4, 4), Duration::ZERO), "once a second it is judged anew");
        assert!(!accord.holds(court.now, 0, &span(-4, 4), Duration::from_nanos(1)), "the clock was stepped");
    }

    #[test]
    fn there_is_none_while_anything_is_open() {
        let mut court = three();
        court.claims(0, Some(span(-600, 600)));
        court.judge();
        assert!(court.accord().is_none(), "another one is about to take over");
        let mut court = three();
        court.claims(2, Some(span(400, 500)));
        court.judge();
        assert!(court.accord().is_some(), "who is wrong stays so until he agrees");
        court.claims(1, Some(span(-90, -80)));
        court.judge();
        assert!(court.accord().is_none(), "everybody contradicts everybody");
        let mut court = three();
        let orphan = court.claims[1].map(|claim| Claim { orphan: Some(3), ..claim });
        court.claims[1] = orphan;
        assert!(court.accord().is_none(), "one serves nothing but his own clock");
        assert!(Court::new(&[SourceKind::Ptp]).accord().is_none(), "nobody steers");
    }

    #[test]
    fn where_it_holds_the_judge_would_change_nothing() {
        let (mut held, mut left) = (0, 0);
        for seed in 0..1_000 {
            let mut random = Random::seeded(seed);
            let mut any = |most: f64| (most * random.unit()) as i64;
            let mut court = Court::new(&[SourceKind::Ptp; PLACES]);
            for place in 0..2 + any(4.0) as usize {
                let (middle, half) = (any(60.0) - 30, 1 + any(80.0));
                court.claims(place, Some(span(middle - half, middle + half)));
            }
            court.run(40);
            let Some(accord) = court.accord() else { continue };
            for _ in 0..8 {
                let place = any(PLACES as f64) as usize;
                if court.helm.verdict(place) != Verdict::Agrees {
                    continue;
                }
                let (middle, half) = (any(100.0) - 50, 1 + any(100.0));
                let claim = span(middle - half, middle + half);
                let mut asked = Court { helm: court.helm.clone(), claims: court.claims, now: court.now };
                asked.claims(place, Some(claim));
                let verdicts: Vec<_> = (0..PLACES).map(|place| court.helm.verdict(place)).collect();
                let effects = asked.judge();
                let is_acquittal = |effect: &Effect| {
                    matches!(effect, Effect::Verdict { source, verdict: Verdict::Agrees }
                        if matches!(verdicts[usize::from(source.0)], Verdict::Falseticker { .. }))
                };
                let changes = !effects.iter().all(is_acquittal) || effects.is_empty() && asked.accord().is_none();
                if accord.holds(court.now, place, &claim, Duration::ZERO) {
                    assert!(!changes, "seed {seed}: {place} claims {claim:?} of {:?}", court.claims);
                    held += 1;
                } else {
                    left += 1;
                }
            }
        }
        assert!(held > 400 && left > 400, "{held} {left}");
    }
}
