//! Oscillators of known kinds, heard every few seconds by an estimator that is never wrong.

use super::*;
use crate::engine::Random;

const POLICY: FrequencyPpb = FrequencyPpb::new(1_000.0);
const DAY: i64 = 86_400;

/// Offset and frequency of an oscillator, each `step` seconds.
struct Run {
    at: i64,
    step: i64,
    offset: f64,
    frequency: f64,
    restless: f64,
    stability: Stability,
}

impl Run {
    fn new(step: i64) -> Self {
        Self { at: 0, step, offset: 0.0, frequency: 0.0, restless: 2.0, stability: Stability::default() }
    }

    fn go_on(&mut self, until: i64, mut frequency: impl FnMut(i64, f64) -> f64) {
        while self.at < until {
            let at = Timestamp::from_secs(self.at);
            self.stability.observe(
                at,
                Duration::from_secs_f64(self.offset),
                FrequencyPpb::from_ratio(self.frequency),
                self.restless,
            );
            self.offset += self.frequency * self.step as f64;
            self.at += self.step;
            self.frequency = frequency(self.at, self.frequency);
        }
    }
}

fn walk(wander: f64, step: i64, seed: u64) -> impl FnMut(i64, f64) -> f64 {
    let mut random = Random::seeded(seed);
    move |_, frequency| frequency + wander * (step as f64).sqrt() * random.normal()
}

#[test]
fn of_a_random_walk_an_hour_is_known_after_a_day_and_never_too_well() {
    let (mut total, seeds) = (0.0, 40);
    for seed in 0..seeds {
        let mut run = Run::new(8);
        run.go_on(DAY, walk(1e-9, 8, seed));
        let walk = run.stability.walk(POLICY).unwrap();
        assert!(walk.learnt() > Duration::from_secs(3_600));
        // Standard deviation W t^1.5 / sqrt 3: 124.7 us.
        let deviations = walk.strayed(3_600.0) / (1e-9 * 3_600.0_f64.powf(1.5) / 3.0_f64.sqrt());
        assert!((3.7..8.5).contains(&deviations), "seed {seed}: {deviations}");
        // Samples come each 8 s, which is the shortest lag that is learnt; a second is an eighth of that. From one sample to the
        // next this oscillator's frequency stands still.
        let (second, eight) = (walk.strayed(1.0), walk.strayed(8.0));
        assert!((8.0 * second - eight).abs() < 1e-15 && (eight - 8.0 * RATE_MIN).abs() < 1e-15, "{eight}");
        total += deviations;
    }
    let mean = total / seeds as f64;
    assert!((4.7..5.9).contains(&mean), "{mean}");
}

#[test]
fn nothing_is_learnt_before_it_was_seen_and_beyond_it_the_policy_rules() {
    let mut run = Run::new(1);
    assert_eq!(run.stability.walk(POLICY), None);
    run.go_on(600, walk(1e-9, 1, 3));
    // Four independent rehearsals of 64 s take 304 s, those of 128 s 608 s.
    let walk = run.stability.walk(POLICY).unwrap();
    assert_eq!(walk.learnt(), Duration::from_secs(64));
    // 1 ppm for what is beyond, and what was learnt goes on.
    let beyond = walk.strayed(164.0) - walk.strayed(64.0) * (164.0_f64 / 64.0).powf(1.5);
    assert!((beyond - 100e-6).abs() < 1e-9, "{beyond}");
}

#[test]
fn it_never_shrinks_with_time_and_has_no_gaps() {
    for seed in 0..10 {
        let mut run = Run::new(4);
        run.go_on(20_000, walk(1e-8, 4, seed));
        let walk = run.stability.walk(POLICY).unwrap();
        let mut before = 0.0;
        for step in 0..4_000 {
            let now = walk.strayed(f64::from(step) * 5.0);
            assert!(now >= before && now - before < 1e-4 + 0.2 * before, "{step}: {before} {now}");
            before = now;
        }
    }
}

#[test]
fn a_temperature_that_goes_up_and_down_is_learnt_at_its_own_scale() {
    // 100 ppb up and down in 40 minutes, for 12 hours.
    let period = 2_400.0;
    let cycle = move |at: f64| 1e-7 * (std::f64::consts::TAU * at / period).sin();
    let mut run = Run::new(4);
    run.go_on(DAY / 2, |at, _| cycle(at as f64));
    // Whenever the source is lost, the clock goes wrong by less than what is said, and that is not absurd.
    for age in [30.0, 100.0, 300.0, 1_000.0, 2_400.0, 3_600.0] {
        let allowed = run.stability.walk(POLICY).unwrap().strayed(age);
        let worst = (0..240).map(|start| {
            let start = f64::from(start) * 10.0;
            let moved: f64 = (0..400).map(|k| cycle(start + age * (f64::from(k) + 0.5) / 400.0) * age / 400.0).sum();
            (moved - cycle(start) * age).abs()
        });
        let worst = worst.fold(0.0, f64::max);
        assert!(allowed > worst && allowed < 12.0 * worst, "after {age} s: {allowed} for {worst}");
    }
}

#[test]
fn what_breaks_the_offset_is_not_the_oscillator_s() {
    let mut run = Run::new(1);
    run.go_on(5_000, walk(1e-10, 1, 1));
    run.stability.interrupt();
    run.offset += 1e-3;
    run.go_on(10_000, walk(1e-10, 1, 2));
    let learnt = run.stability.walk(POLICY).unwrap().strayed(1_000.0);
    assert!(learnt < 60.0 * 1e-10 * 1_000.0_f64.powf(1.5), "{learnt}");
}

#[test]
fn samples_that_come_each_minute_teach_the_longer_lags() {
    let mut run = Run::new(64);
    run.go_on(DAY, walk(1e-9, 64, 5));
    assert!(run.stability.walk(POLICY).unwrap().learnt() >= Duration::from_secs(4_096));
}

#[test]
fn an_oscillator_that_has_just_become_restless_is_not_taken_for_the_one_it_was() {
    let mut run = Run::new(1);
    run.go_on(20_000, walk(1e-10, 1, 1));
    let before = run.stability.walk(POLICY).unwrap().strayed(1_000.0);
    run.restless = 2.5;
    run.go_on(20_010, walk(3e-10, 1, 2));
    let little = run.stability.walk(POLICY).unwrap().strayed(1_000.0);
    assert!((little / before - 1.0).abs() < 0.2, "{little} {before}: that much is noise");
    run.restless = 3.0;
    run.go_on(20_020, walk(1e-9, 1, 3));
    let much = run.stability.walk(POLICY).unwrap().strayed(1_000.0);
    assert!(much > 9.0 * before, "{much} {before}");
}

#[test]
fn an_oscillator_that_refuted_what_was_learnt_is_allowed_more_for_some_hours() {
    let mut run = Run::new(1);
    run.go_on(20_000, walk(1e-10, 1, 1));
    let strayed = |run: &Run| run.stability.walk(POLICY).unwrap().strayed(100.0);
    let before = strayed(&run);
    run.stability.refuted();
    assert!((strayed(&run) / before - 2.0).abs() < 1e-9);
    run.go_on(20_000 + DAY / 4, walk(1e-10, 1, 2));
    assert!(strayed(&run) < 1.6 * before && strayed(&run) > 1.1 * before, "{} {before}", strayed(&run));
}

#[test]
fn between_two_lags_it_is_the_line_from_the_shorter_to_the_longer() {
    let learnt =
        Walk { strayed: std::array::from_fn(|index| (index * index) as f64 + 1.0), first: 1, last: 4, max_drift: 0.0 };
    let is = |age: f64, wanted: f64| {
        assert!((learnt.strayed(age) - wanted).abs() < 1e-12, "{age} s: {}", learnt.strayed(age));
    };
    is(0.0, 0.0);
    is(4.0, 1.0);
    is(8.0, 2.0);
    for index in 1..4 {
        let (from, until) = (seconds(index), seconds(index + 1));
        let (low, high) = (learnt.strayed[index], learnt.strayed[index + 1]);
        is(from, low);
        is(0.5 * (from + until), 0.5 * (low + high));
        is(until, high);
    }
    assert!(learnt.strayed(seconds(4) * (1.0 + f64::EPSILON)) >= learnt.strayed[4]);
}

#[test]
fn what_was_learnt_is_believed_after_a_restart_with_more_room_and_after_a_boot_with_more_still() {
    let mut run = Run::new(8);
    run.go_on(DAY, walk(1e-9, 8, 4));
    let saved = run.stability.remember().unwrap();
    assert!(saved.is_plausible(), "{saved:?}");
    let strays = |saved: &SavedStability| Stability::remembered(saved).walk(POLICY).unwrap().strayed(3_600.0);
    let before = run.stability.walk(POLICY).unwrap().strayed(3_600.0);
    assert!((strays(&saved) / before - 1.0).abs() < 1e-12, "nothing is lost");
    let (restarted, booted) = (strays(&saved.after_a_restart()) / before, strays(&saved.after_a_boot()) / before);
    assert!((2.0..2.4).contains(&restarted) && (4.0..5.0).contains(&booted), "{restarted} {booted}");
    // The longest lags need hours to be learnt, and are there at once.
    assert_eq!(
        Stability::remembered(&saved).walk(POLICY).unwrap().learnt(),
        run.stability.walk(POLICY).unwrap().learnt()
    );

    // Some hours of the same oscillator, and it is trusted as before.
    let mut again = Run::new(8);
    again.stability = Stability::remembered(&saved.after_a_boot());
    again.go_on(DAY, walk(1e-9, 8, 5));
    let later = again.stability.walk(POLICY).unwrap().strayed(3_600.0) / before;
    assert!((0.6..1.6).contains(&later), "{later}");
}

#[test]
fn what_was_learnt_of_another_oscillator_is_unlearnt() {
    let mut calm = Run::new(8);
    calm.go_on(DAY, walk(1e-10, 8, 6));
    let mut run = Run::new(8);
    run.stability = Stability::remembered(&calm.stability.remember().unwrap().after_a_boot());
    run.go_on(4 * 3_600, walk(1e-8, 8, 7));
    let mut fresh = Run::new(8);
    fresh.go_on(4 * 3_600, walk(1e-8, 8, 7));
    let strays = |run: &Run| run.stability.walk(POLICY).unwrap().strayed(300.0);
    let (found, own) = (strays(&run), strays(&fresh));
    assert!(found > 0.5 * own, "{found} {own}");
}

#[test]
fn before_anything_is_learnt_there_is_nothing_to_keep_and_odd_numbers_are_not_believed() {
    assert_eq!(Stability::default().remember(), None);
    let mut run = Run::new(8);
    run.go_on(DAY, walk(1e-9, 8, 4));
    let saved = run.stability.remember().unwrap();
    let with = |change: fn(&mut SavedStability)| {
        let mut changed = saved;
        change(&mut changed);
        changed
    };
    let broken = [
        with(|saved| saved.lags[3].0 = f64::NAN),
        with(|saved| saved.lags[3].0 = -1e-20),
        with(|saved| saved.lags[3].0 = 1.0),
        with(|saved| saved.lags[3].1 = 1e9),
        with(|saved| saved.restless.0 = f64::INFINITY),
        with(|saved| saved.restless.1 = -1.0),
        with(|saved| saved.caution = 0.0),
        with(|saved| saved.caution = 1e3),
    ];
    assert!(broken.iter().all(|broken| !broken.is_plausible()), "{broken:?}");
}
