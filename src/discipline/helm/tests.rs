use super::*;

const A: SourceId = SourceId(0);
const B: SourceId = SourceId(1);
const C: SourceId = SourceId(2);

fn at(millis: i64) -> Timestamp<Mono> {
    Timestamp::from_secs(1_000) + Duration::from_millis(millis)
}

/// A helm whose sources claim something all the time, each an eighth of a second. The clock knows of the time what the source that steers
/// claims, and goes on to know it when nobody does.
struct Bench {
    helm: Helm,
    now: i64,
    claims: Claims,
    memory: Option<Span<Duration>>,
    orphans: [Option<u64>; HELM_SOURCES_MAX],
    steered: Vec<(i64, Option<SourceId>, Why)>,
    verdicts: Vec<(SourceId, Verdict)>,
}

impl Bench {
    fn new(kinds: &[SourceKind]) -> Self {
        let options: Vec<_> = kinds.iter().map(|kind| SourceOptions::of(*kind)).collect();
        Self::with(HelmConfig::default(), &options)
    }

    fn with(config: HelmConfig, options: &[SourceOptions]) -> Self {
        let mut helm = Helm::new(config, at(0));
        for (source, options) in (0..).zip(options) {
            helm.add(SourceId(source), *options).expect("a place");
        }
        Self {
            helm,
            now: 0,
            claims: [None; HELM_SOURCES_MAX],
            memory: None,
            steered: Vec::new(),
            verdicts: Vec::new(),
            orphans: [None; HELM_SOURCES_MAX],
        }
    }

    /// From now on a source claims from `low` to `high`, in microseconds.
    fn claims(&mut self, source: SourceId, low: i64, high: i64) {
        let span = Some(Span { low: Duration::from_micros(low), high: Duration::from_micros(high) });
        let messages = self.claims[usize::from(source.0)].map_or(0, |claim| claim.messages);
        let interval = LogInterval::new(-3);
        self.claims[usize::from(source.0)] =
            Some(Claim { span, heard: at(self.now), interval, messages, orphan: self.orphans[usize::from(source.0)] });
    }

    fn silences(&mut self, source: SourceId) {
        self.claims[usize::from(source.0)] = None;
    }

    fn contradicts_itself(&mut self, source: SourceId) {
        if let Some(claim) = &mut self.claims[usize::from(source.0)] {
            claim.span = None;
        }
        self.judge();
    }

    fn judge(&mut self) {
        let mut out = Vec::new();
        self.helm.step(at(self.now), Input::Judge { claims: &self.claims, memory: self.memory }, &mut out);
        for effect in out {
            match effect {
                Effect::Steer { to, why, .. } => self.steered.push((self.now, to, why)),
                Effect::Verdict { source, verdict } => self.verdicts.push((source, verdict)),
            }
        }
        let by = self.helm.steering().and_then(|source| self.claims[usize::from(source.0)]?.span);
        self.memory = by.or(self.memory);
    }

    /// So many milliseconds go by; whoever claims something is measured each eighth of a second.
    fn run(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            self.now += 125;
            for claim in self.claims.iter_mut().flatten() {
                claim.heard = at(self.now);
                claim.messages += 1;
            }
            self.judge();
        }
    }

    fn last(&self) -> Option<(Option<SourceId>, Why)> {
        self.steered.last().map(|(_, to, why)| (*to, *why))
    }
}

const PTP_AND_TWO: [SourceKind; 3] = [SourceKind::Ptp, SourceKind::Ntp, SourceKind::Ntp];

/// The narrow one of three steers.
fn settled() -> Bench {
    let mut bench = Bench::new(&PTP_AND_TWO);
    bench.claims(A, -5, 5);
    bench.claims(B, -200, 300);
    bench.claims(C, -300, 250);
    bench.run(60_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
    bench
}

#[test]
fn the_narrowest_of_those_that_agree_steers() {
    assert_eq!(settled().steered.len(), 1);
}

#[test]
fn the_first_choice_waits_a_second_for_those_that_have_said_nothing() {
    let mut bench = Bench::new(&PTP_AND_TWO);
    bench.claims(A, -5, 5);
    bench.claims(B, -300, 400);
    bench.run(875);
    assert_eq!(bench.last(), None);
    bench.run(500);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
    let mut bench = Bench::new(&[SourceKind::Ptp]);
    bench.claims(A, -5, 5);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(A), Why::First)), "there is nobody to wait for");
}

#[test]
fn a_liar_is_not_chosen_at_the_start_and_vetoed_later_with_the_first_judgement() {
    let mut bench = Bench::new(&PTP_AND_TWO);
    bench.claims(A, 1_000, 1_005);
    bench.claims(B, -200, 300);
    bench.claims(C, -300, 250);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
    assert!(
        bench.verdicts.contains(&(A, Verdict::Falseticker { beyond: Duration::from_micros(750) })),
        "{:?}",
        bench.verdicts
    );

    let mut bench = settled();
    bench.claims(A, 1_000, 1_005);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::Falseticker)));
}

#[test]
fn a_source_that_contradicts_itself_loses_the_helm_at_once_unless_it_is_alone() {
    let mut bench = settled();
    bench.contradicts_itself(A);
    assert_eq!(bench.last(), Some((Some(B), Why::Contradiction)));
    let mut alone = Bench::new(&[SourceKind::Ptp]);
    alone.claims(A, -5, 5);
    alone.run(1_000);
    alone.contradicts_itself(A);
    assert_eq!(alone.steered.len(), 1);
}

#[test]
fn a_silent_master_is_lost_after_half_a_second_and_is_back_after_the_hold_off() {
    let mut bench = settled();
    let lost_at = bench.now;
    let last = bench.claims[0].take();
    bench.claims[0] = last;
    while bench.steered.len() == 1 {
        // The others go on.
        bench.now += 125;
        for claim in bench.claims[1..].iter_mut().flatten() {
            claim.heard = at(bench.now);
            claim.messages += 1;
        }
        bench.judge();
    }
    assert_eq!(bench.last(), Some((Some(B), Why::Lost)));
    assert_eq!(bench.now - lost_at, 500);
    bench.claims(A, -5, 5);
    let back_at = bench.now;
    bench.run(29_000);
    assert_eq!(bench.steered.len(), 2);
    bench.run(3_000);
    assert_eq!(bench.last(), Some((Some(A), Why::Better)));
    let took = bench.steered[2].0 - back_at;
    assert!((30_000..30_500).contains(&took), "{took} ms");
}

#[test]
fn who_comes_and_goes_is_not_followed_to_and_fro() {
    for seconds in [1, 5, 20] {
        let mut bench = settled();
        for _ in 0..40 {
            bench.silences(A);
            bench.run(1_000 * seconds);
            bench.claims(A, -5, 5);
            bench.run(1_000 * seconds);
        }
        assert_eq!(bench.steered.len(), 2, "each {seconds} s: {:?}", bench.steered);
    }
    // One that stays for longer than the hold-off is believed, each time less readily.
    let mut bench = settled();
    let begins = bench.now;
    while bench.now < begins + 3_600_000 {
        bench.silences(A);
        bench.run(50_000);
        bench.claims(A, -5, 5);
        bench.run(50_000);
    }
    assert!(bench.steered.len() <= 6, "{:?}", bench.steered);
}

#[test]
fn of_two_that_contradict_each_other_neither_steers_unless_one_is_preferred() {
    let kinds = [SourceKind::Ptp, SourceKind::Ntp];
    let mut bench = Bench::new(&kinds);
    bench.claims(A, -5, 5);
    bench.claims(B, -200, 300);
    bench.run(1_000);
    bench.claims(A, 1_000_000, 1_000_005);
    bench.run(1_000);
    assert_eq!(bench.last(), Some((None, Why::Conflict)));
    bench.claims(A, -5, 5);
    bench.run(1_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));

    let config = HelmConfig { conflict: Conflict::Prefer, ..HelmConfig::default() };
    let prefers = SourceOptions { prefer: true, ..SourceOptions::of(SourceKind::Ntp) };
    let mut bench = Bench::with(config, &[SourceOptions::of(SourceKind::Ptp), prefers]);
    bench.claims(A, 1_000_000, 1_000_005);
    bench.claims(B, -200, 300);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(B), Why::Conflict)));
}

#[test]
fn who_steered_before_a_conflict_goes_on_when_the_two_share_a_moment() {
    let mut bench = Bench::new(&[SourceKind::Ptp, SourceKind::Ntp]);
    bench.claims(B, -5_000, 5_000);
    bench.run(5_000);
    bench.claims(A, 5_300, 5_301);
    bench.run(60_000);
    assert_eq!(bench.last(), Some((None, Why::Conflict)));
    bench.claims(B, -8_000, 8_000);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)), "though the other's claim is narrower");
    bench.claims(B, -5_000, 5_000);
    bench.run(125);
    assert_eq!(bench.last(), Some((None, Why::Conflict)));
    bench.claims(B, -8_000, 8_000);
    bench.run(40_000);
    assert_eq!(bench.last(), Some((Some(A), Why::Better)), "after the hold-off");
}

#[test]
fn a_preferred_source_steers_though_its_claim_is_wider_and_one_not_to_be_selected_never_does() {
    let [ptp, ntp] = [SourceKind::Ptp, SourceKind::Ntp].map(SourceOptions::of);
    let mut bench = Bench::with(HelmConfig::default(), &[ptp, SourceOptions { prefer: true, ..ntp }]);
    bench.claims(A, -5, 5);
    bench.claims(B, -200, 300);
    bench.run(60_000);
    assert_eq!(bench.steered.len(), 1);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));

    let mut bench = Bench::with(HelmConfig::default(), &[SourceOptions { noselect: true, ..ptp }, ntp]);
    bench.claims(A, 1_000_000, 1_000_005);
    bench.claims(B, -200, 300);
    bench.run(60_000);
    assert_eq!(bench.last(), Some((Some(B), Why::First)), "nor does it vote");
    assert!(matches!(bench.helm.verdict(0), Verdict::Falseticker { .. }));
}

#[test]
fn while_a_trusted_source_is_heard_the_others_have_no_vote() {
    let ntp = SourceOptions::of(SourceKind::Ntp);
    let mut bench = Bench::with(HelmConfig::default(), &[ntp, ntp, SourceOptions { trust: true, ..ntp }]);
    bench.claims(A, 5_000, 5_500);
    bench.claims(B, 5_000, 5_600);
    bench.claims(C, -500, 500);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(C), Why::First)));
    bench.silences(C);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(A), Why::Lost)));
}

#[test]
fn nobody_steers_while_none_of_those_that_are_required_agrees() {
    let ntp = SourceOptions::of(SourceKind::Ntp);
    let mut bench = Bench::with(HelmConfig::default(), &[ntp, SourceOptions { require: true, ..ntp }]);
    bench.claims(A, -5, 5);
    bench.run(5_000);
    assert_eq!(bench.last(), None);
    bench.claims(B, -500, 500);
    bench.run(1_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
    bench.silences(B);
    bench.run(5_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)), "it goes on as long as it is heard");
}

#[test]
fn a_claim_that_is_too_wide_does_not_count() {
    let ntp = SourceOptions { max_distance: Duration::from_millis(1), ..SourceOptions::of(SourceKind::Ntp) };
    let mut bench = Bench::with(HelmConfig::default(), &[ntp, ntp]);
    bench.claims(A, -1_100, 1_100);
    bench.claims(B, -900, 900);
    bench.run(3_000);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
    assert_eq!(bench.helm.verdict(0), Verdict::Silent);
}

#[test]
fn a_narrower_claim_takes_over_only_if_it_is_half_as_wide_for_the_hold_off() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 2]);
    bench.claims(A, -500, 500);
    bench.run(2_000);
    bench.claims(B, -300, 300);
    bench.run(100_000);
    assert_eq!(bench.steered.len(), 1);
    bench.claims(B, -200, 200);
    bench.run(29_000);
    assert_eq!(bench.steered.len(), 1);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(B), Why::Better)));
}

#[test]
fn two_claims_that_are_narrow_in_turns_are_not_followed_to_and_fro() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 2]);
    for turn in 0..100 {
        let (a, b) = if turn % 2 == 0 { (500, 100) } else { (100, 500) };
        bench.claims(A, -a, a);
        bench.claims(B, -b, b);
        bench.run(16_000);
    }
    assert!(bench.steered.len() <= 2, "{:?}", bench.steered);
}

#[test]
fn differences_that_people_make_are_named() {
    assert!(mistaken_for(Duration::from_secs(-37)).unwrap().starts_with("37 s: TAI"));
    assert!(mistaken_for(Duration::from_secs(18) + Duration::from_millis(3)).unwrap().contains("GPS"));
    assert_eq!(mistaken_for(Duration::from_secs(5)), None);
    assert!(mistaken_at_a_leap(Duration::from_millis(-430)).unwrap().contains("a smeared and an unsmeared source"));
    assert_eq!(mistaken_at_a_leap(Duration::from_secs(2)), None);
}

#[test]
fn at_the_beginning_a_better_source_waits_for_a_quarter_of_the_hold_off() {
    let mut bench = Bench::new(&PTP_AND_TWO);
    bench.claims(B, -200, 300);
    bench.claims(C, -300, 250);
    bench.run(3_000);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
    bench.claims(A, -5, 5);
    bench.run(7_000);
    assert_eq!(bench.steered.len(), 1);
    bench.run(1_000);
    assert_eq!(bench.last(), Some((Some(A), Why::Better)));
}

#[test]
fn a_known_liar_has_no_vote_until_it_agrees_again_unless_nobody_else_is_left() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 3]);
    bench.claims(A, -200, 300);
    bench.claims(B, -300, 250);
    bench.claims(C, 50_000, 50_200);
    bench.run(5_000);
    bench.silences(B);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)), "two that contradict each other, and one of them is known");
    bench.silences(A);
    bench.run(2_000);
    assert_eq!(
        bench.last(),
        Some((None, Why::Lost)),
        "it does not take the helm in a moment in which the others are silent"
    );
    bench.run(30_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)), "after the hold-off the clock itself is left to ask");
    bench.memory = None;
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(C), Why::First)), "there is nobody to ask");
    bench.claims(A, -200, 300);
    bench.claims(B, -300, 250);
    bench.run(2_000);
    assert_eq!(bench.last(), Some((Some(A), Why::Falseticker)));
    bench.claims(C, -100, 100);
    bench.run(1_000);
    bench.silences(B);
    bench.claims(C, 50_000, 50_200);
    bench.run(1_000);
    assert_eq!(bench.last(), Some((None, Why::Conflict)), "it has agreed in between");
}

/// All but the last of some sources have steered, agreed and fallen silent.
fn left_with_one(config: HelmConfig, options: &[SourceOptions]) -> Bench {
    let mut bench = Bench::with(config, options);
    let last = options.len() - 1;
    for place in 0..last {
        bench.claims(SourceId(place as u16), -200, 300);
    }
    bench.run(5_000);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
    (0..last).for_each(|place| bench.silences(SourceId(place as u16)));
    bench.run(1_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)));
    bench
}

const NTP: SourceOptions = SourceOptions::of(SourceKind::Ntp);

#[test]
fn one_that_is_heard_alone_is_not_followed_where_the_clock_itself_contradicts_it() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 2]);
    bench.claims(B, 50_000, 50_200);
    bench.run(60_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)));
    assert_eq!(bench.helm.verdict(1), Verdict::Undecided);
    assert!(bench.verdicts.contains(&(B, Verdict::Undecided)), "it is told");

    // Where it is left at the very moment, that is why nobody steers any more.
    let mut bench = Bench::new(&[SourceKind::Ntp; 2]);
    bench.claims(A, -200, 300);
    bench.run(5_000);
    bench.silences(A);
    bench.claims(B, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((None, Why::Conflict)));
}

#[test]
fn one_that_is_heard_alone_and_agrees_with_what_the_clock_knows_is_followed() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 2]);
    bench.claims(B, 250, 900);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
}

#[test]
fn against_what_the_clock_knows_the_preferred_one_is_followed_if_that_is_configured() {
    let config = HelmConfig { conflict: Conflict::Prefer, ..HelmConfig::default() };
    let preferred = SourceOptions { prefer: true, ..NTP };
    let mut bench = left_with_one(config, &[NTP, preferred]);
    bench.claims(B, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::Conflict)));
    // And nobody, if it is the other one that is preferred.
    let mut bench = left_with_one(config, &[preferred, NTP]);
    bench.claims(B, 50_000, 50_200);
    bench.run(10_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)));
}

#[test]
fn two_that_are_heard_and_agree_outvote_what_the_clock_knows() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 3]);
    bench.claims(C, 50_000, 50_200);
    bench.run(5_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)));
    bench.claims(B, 50_100, 50_300);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)), "a tie: the first of them");
}

#[test]
fn one_that_lost_its_vote_can_still_second_another_one_against_what_the_clock_knows() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 4]);
    for place in 0..3 {
        bench.claims(SourceId(place), -200, 300);
    }
    bench.claims(SourceId(3), 50_000, 50_200);
    bench.run(5_000);
    (0..3).for_each(|place| bench.silences(SourceId(place)));
    bench.run(1_000);
    assert_eq!(bench.last(), Some((None, Why::Lost)));
    bench.claims(C, 50_100, 50_400);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(SourceId(3)), Why::First)), "its claim is the narrower one");
}

#[test]
fn a_source_that_comes_back_is_not_held_against_what_it_said_itself() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 2]);
    bench.claims(A, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
    // Nor where it is the only one that is configured.
    let mut bench = Bench::new(&[SourceKind::Ntp]);
    bench.claims(A, -200, 300);
    bench.run(1_000);
    bench.silences(A);
    bench.run(1_000);
    bench.claims(A, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(A), Why::First)));
}

#[test]
fn what_the_clock_knows_counts_as_long_as_it_is_bounded_and_grows_until_it_touches() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 2]);
    bench.claims(B, 50_000, 50_200);
    bench.memory = Some(Span { low: Duration::from_millis(-49), high: Duration::from_millis(49) });
    bench.run(125);
    assert_eq!(bench.helm.steering(), None);
    bench.memory = Some(Span { low: Duration::from_millis(-50), high: Duration::from_millis(50) });
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));

    let mut bench = left_with_one(HelmConfig::default(), &[NTP; 2]);
    bench.memory = None;
    bench.claims(B, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)), "the clock was set, or has never known the time");
}

#[test]
fn what_the_clock_knows_by_one_that_is_not_trusted_is_nothing_against_one_that_is() {
    let mut bench = left_with_one(HelmConfig::default(), &[NTP, SourceOptions { trust: true, ..NTP }]);
    bench.claims(B, 50_000, 50_200);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
}

#[test]
fn a_liar_that_answers_first_of_three_is_not_followed_before_the_others_have_had_their_time() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 3]);
    bench.claims(A, 50_000, 50_100);
    bench.run(3_500);
    assert_eq!(bench.last(), None, "nobody has seconded it");
    bench.claims(B, -100, 100);
    bench.run(125);
    assert_eq!(bench.last(), None, "one against one");
    bench.claims(C, -300, 400);
    bench.run(125);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
    assert!(matches!(bench.helm.verdict(0), Verdict::Falseticker { .. }));
}

#[test]
fn the_only_one_of_three_that_is_heard_at_all_is_followed_after_four_seconds() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 3]);
    bench.claims(B, -100, 100);
    bench.run(3_900);
    assert_eq!(bench.last(), None);
    bench.run(500);
    assert_eq!(bench.last(), Some((Some(B), Why::First)));
}

#[test]
fn of_those_without_a_source_the_first_is_followed_and_none_beside_one_that_has_a_source() {
    let mut bench = Bench::new(&[SourceKind::Ntp; 3]);
    bench.orphans = {
        let mut orphans = [None; HELM_SOURCES_MAX];
        (orphans[0], orphans[1]) = (Some(7), Some(5));
        orphans
    };
    // They are seconds apart, and two against one if it came to that.
    bench.claims(A, -1_000_000, 1_000_000);
    bench.claims(B, 9_000_000, 11_000_000);
    bench.run(10_000);
    assert_eq!(bench.helm.steering(), Some(B), "the least of them");
    assert_eq!(bench.helm.verdict(0), Verdict::Silent, "the other has no vote");

    bench.memory = None;
    bench.claims(C, -5_000_100, -5_000_000);
    bench.run(1_000);
    assert_eq!(bench.helm.steering(), Some(C), "it is no matter of a majority");
    assert_eq!([0, 1].map(|row| bench.helm.verdict(row)), [Verdict::Silent; 2]);
    bench.silences(C);
    bench.memory = None;
    bench.run(2_000);
    assert_eq!(bench.helm.steering(), Some(B));
}
