//! After a restart, with what was learnt of the oscillator before.

use super::*;
use crate::discipline::{LAGS, WANDER_LEVELS};

#[test]
fn a_saved_frequency_saves_the_measurement() {
    let saved = Config { saved: Some(SavedOscillator::of_frequency(FrequencyPpb::from_ppm(40.0))), ..config() };
    let mut bench = Bench::new(saved, Duration::from_secs(2), 40.0);
    (0..3).for_each(|_| bench.exchange(Duration::ZERO));
    assert!(bench.offset.abs() < Duration::from_micros(30), "{}", bench.offset);
}

#[test]
fn what_was_saved_of_another_oscillator_does_no_harm() {
    let mut wanders = [0.0; WANDER_LEVELS];
    wanders[0] = 1.0;
    for wrong_ppm in [-5.0, 40.0] {
        let frequency = FrequencyPpb::from_ppm(40.0 + wrong_ppm);
        let saved = SavedOscillator { frequency, deviation: FrequencyPpb::new(20.0), wanders, stability: None };
        let mut bench = Bench::new(
            Config { saved: Some(saved), ..Config { servo: Kind::Estimator, ..config() } },
            Duration::from_secs(2),
            40.0,
        );
        for _ in 0..400 {
            bench.exchange(Duration::ZERO);
            assert!(bench.bound().is_none_or(|bound| bench.offset.abs() <= bound), "{wrong_ppm} ppm: {}", bench.offset);
        }
        assert_eq!(bench.discipline.state(), SyncState::Locked, "{wrong_ppm} ppm");
        assert!(bench.offset.abs() < Duration::from_micros(2), "{wrong_ppm} ppm: {}", bench.offset);
        let oscillator = bench.discipline.oscillator().unwrap();
        assert!((oscillator.frequency.ppm() - 40.0).abs() < 0.1 && oscillator.is_plausible(), "{oscillator:?}");
    }
}

/// What a run of ten minutes has learnt of an oscillator, 3 ppm off.
fn learnt() -> SavedOscillator {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_secs(2), 3.0);
    (0..4_800).for_each(|_| bench.exchange(Duration::ZERO));
    bench.discipline.oscillator().expect("it is tracked")
}

/// The bound five minutes after the source is lost, which is a minute and a half after a start.
fn bound_of_five_minutes_alone(saved: &SavedOscillator) -> Duration {
    let saved = Some(*saved);
    let mut bench = Bench::new(Config { servo: Kind::Estimator, saved, ..config() }, Duration::from_secs(2), 3.0);
    (0..720).for_each(|_| bench.exchange(Duration::ZERO));
    let foretold = bench.discipline.time_until(bench.reading(), Duration::from_micros(20));
    for _ in 0..300 {
        bench.pass(Duration::SECOND);
        bench.step(Input::Tick { reading: bench.reading() });
        assert!(bench.bound().is_some_and(|bound| bench.offset.abs() <= bound), "{} {:?}", bench.offset, bench.bound());
    }
    let bound = bench.bound().expect("it holds over");
    let is_beyond = bound > Duration::from_micros(20);
    assert_eq!(foretold.is_some_and(|foretold| foretold < Duration::from_secs(300)), is_beyond, "{foretold:?} {bound}");
    bound
}

#[test]
fn a_clock_that_is_left_alone_soon_after_a_restart_holds_by_what_was_learnt_before() {
    let saved = learnt();
    let mut stability = saved.stability.expect("ten minutes teach the shortest lags");
    assert!(saved.is_plausible(), "{saved:?}");
    // A week teaches the others: the frequency walks by 1e-10 in a second.
    stability.lags = [(1e-20 / 3.0, 64.0); LAGS];
    let saved = SavedOscillator { stability: Some(stability), ..saved };
    let without = bound_of_five_minutes_alone(&SavedOscillator { stability: None, ..saved });
    let with = bound_of_five_minutes_alone(&saved.aged(Duration::from_secs(600)));
    let booted = bound_of_five_minutes_alone(&saved.after_a_boot());
    println!("five minutes alone: {without} without, {with} with what was learnt, {booted} after a boot");
    assert!(with < without.scaled(0.25) && with < booted && booted < without, "{without} {with} {booted}");
    assert_eq!(stability.after_a_restart().after_a_restart(), stability.after_a_restart());
}

#[test]
fn what_was_learnt_of_a_calmer_oscillator_does_no_harm() {
    let saved = Some(learnt().aged(Duration::ZERO));
    let mut bench = Bench::new(Config { servo: Kind::Estimator, saved, ..config() }, Duration::from_secs(2), 3.0);
    let mut random = Random::seeded(7);
    for second in 0..600 {
        // It walks by 100 ppb in a second now, and wanders a thousand times as much as what was learnt.
        bench.ppm += 0.1 * random.normal();
        // Heard for ten seconds, and left alone for two.
        for _ in 0..8 {
            if second % 12 < 10 {
                bench.exchange(Duration::ZERO);
            } else {
                bench.pass(T);
                bench.step(Input::Tick { reading: bench.reading() });
            }
            assert!(
                bench.bound().is_none_or(|bound| bench.offset.abs() <= bound),
                "{second}: {} {:?}",
                bench.offset,
                bench.bound()
            );
        }
    }
}

#[test]
fn a_sync_that_is_told_late_teaches_nothing_else_of_the_oscillator() {
    let strays = |late: bool| {
        let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_millis(3), 35.0);
        bench.jitter = 1e-9;
        for number in 0..800 {
            // Every eleventh, and none of those from which the estimator begins.
            bench.tells_late = late && number > 160 && number % 11 == 0;
            bench.exchange(Duration::ZERO);
        }
        let walk =
            bench.discipline.stability.walk(FrequencyPpb::from_ppm(1.0)).expect("a minute and a half teach something");
        walk.strayed(8.0)
    };
    let (in_time, late) = (strays(false), strays(true));
    assert!(in_time < 1e-7 && late < 2.0 * in_time, "{in_time} {late}");
}
