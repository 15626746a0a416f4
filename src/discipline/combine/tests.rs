//! The combination in closed form, and on estimators that hear one clock over different paths.

use super::*;
use crate::discipline::estimator::Bank;
use crate::engine::Random;
use crate::time::{FrequencyPpb, Local, Timestamp};

const SECOND: Duration = Duration::SECOND;

fn says(offset_ns: i64, deviation_ns: i64) -> Opinion {
    Opinion { offset: Duration::from_nanos(offset_ns), deviation: Duration::from_nanos(deviation_ns) }
}

fn close(a: Duration, b: Duration) -> bool {
    (a - b).abs() < Duration::from_nanos(1)
}

#[test]
fn the_mean_is_weighed_by_the_inverse_variances() {
    // Weights 1 and 1/4: (100 + 200 / 4) / 1.25 = 120, and 10 / sqrt(1.25) = 8.94.
    let both = weighed([says(100, 10), says(200, 20)]).unwrap();
    assert!(close(both.offset, Duration::from_nanos(120)), "{both:?}");
    assert!(close(both.deviation, Duration::from_nanos(9)), "{both:?}");
    let alike = weighed([says(-30, 40), says(50, 40), says(10, 40), says(10, 40)]).unwrap();
    assert!(close(alike.offset, Duration::from_nanos(10)) && close(alike.deviation, Duration::from_nanos(20)));
    assert_eq!(weighed([]), None);
    assert_eq!(weighed([says(7, 3)]).map(|one| one.offset), Some(Duration::from_nanos(7)));
}

#[test]
fn constants_are_taken_out_and_a_source_that_comes_or_goes_is_no_step() {
    let mut combiner = Combiner::default();
    let leader = Some(says(0, 10));
    let other = Some(says(5_000, 12));
    let mut last = combiner.combine(SECOND, &[leader, None, None, None]).unwrap().offset;
    for second in 0..2_000 {
        let heard = if second % 700 < 400 { other } else { None };
        let gone = second > 1_500;
        let opinions = [if gone { None } else { leader }, if gone { other } else { heard }, None, None];
        let now = combiner.combine(SECOND, &opinions).unwrap().offset;
        // After the leader has gone the other's constant fades in, within half a minute, not at once.
        let step = if gone { Duration::from_nanos(200) } else { Duration::from_nanos(1) };
        assert!((now - last).abs() <= step, "{now} after {last} at {second} s");
        last = now;
    }
    assert_eq!(combiner.leader(), Some(1));
    assert!((last - Duration::from_nanos(5_000)).abs() < Duration::from_nanos(10), "{last}");
}

#[test]
fn a_source_that_is_less_sure_than_it_says_does_not_count_as_it_says() {
    let mut combiner = Combiner::default();
    let mut random = Random::seeded(4);
    let (mut alone, mut together) = (0.0, 0.0);
    for _ in 0..4_000 {
        let (good, bad) = (10.0 * random.normal(), 200.0 * random.normal());
        let opinions = [Some(says(good as i64, 10)), Some(says(bad as i64, 20)), None, None];
        let both = combiner.combine(SECOND, &opinions).unwrap().offset.as_secs_f64();
        alone += good * good;
        together += both * both * 1e18;
    }
    let ratio = (together / alone).sqrt();
    assert!(ratio < 1.05, "{ratio}");
}

#[test]
fn a_source_that_was_exchanged_is_learnt_anew() {
    let mut combiner = Combiner::default();
    for _ in 0..100 {
        combiner.combine(SECOND, &[Some(says(0, 10)), Some(says(900, 10)), None, None]);
    }
    combiner.forget(1);
    let both = combiner.combine(SECOND, &[Some(says(0, 10)), Some(says(-900, 10)), None, None]).unwrap();
    assert_eq!(both.offset, Duration::ZERO, "it does not count yet");
    combiner.forget(0);
    assert_eq!(combiner.leader(), None);
}

/// A path to a master of its own.
struct Path {
    bank: Bank,
    jitter: f64,
    interval: f64,
    asymmetry: f64,
    /// When its next message comes, and whether it is a Sync.
    next: (f64, bool),
}

/// The RMS error of the best source alone and of all together, in seconds, constants taken out. With more seeds, in whole
/// simulated worlds, it is a part of `cargo xtask accuracy`.
fn rms(paths: &[(f64, f64)], seed: u64) -> (f64, f64) {
    let mut random = Random::seeded(seed);
    let (mut t, mut offset, mut frequency, wander) = (0.0, 0.2, 20e-6, 1e-9);
    let asymmetries = [0.0, 3e-6, -2e-6, 7e-6];
    let mut paths: Vec<Path> = paths
        .iter()
        .zip(asymmetries)
        .map(|(&(jitter, interval), asymmetry)| Path {
            bank: Bank::new(FrequencyPpb::from_ppm(500.0), Duration::from_nanos(1)),
            jitter,
            interval,
            asymmetry,
            next: (0.1 * interval, true),
        })
        .collect();
    let mut combiner = Combiner::default();
    let (mut alone, mut together, mut n) = (vec![0.0; paths.len()], 0.0, 0.0);
    let at = |t: f64, offset: f64| Timestamp::<Local>::from_secs(1_000) + Duration::from_secs_f64(t + offset);
    for second in 1..4_000 {
        let end = f64::from(second);
        loop {
            let place = |a: &(usize, &Path), b: &(usize, &Path)| a.1.next.0.total_cmp(&b.1.next.0);
            let (index, due) =
                paths.iter().enumerate().min_by(place).map(|(index, path)| (index, path.next.0)).unwrap();
            let until = due.min(end);
            offset += frequency * (until - t);
            t = until;
            if due >= end {
                break;
            }
            let path = &mut paths[index];
            let transit = 1e-5 + path.jitter * random.exponential();
            if path.next.1 {
                path.bank.forward(at(t, offset), Duration::from_secs_f64(transit + path.asymmetry + offset));
            } else {
                path.bank.backward(at(t, offset), Duration::from_secs_f64(transit - path.asymmetry - offset));
            }
            path.next = (t + path.interval / 2.0, !path.next.1);
        }
        frequency += wander * random.normal();
        let mut opinions = [None; SOURCES_MAX];
        for (opinion, path) in opinions.iter_mut().zip(&paths) {
            let now = path.bank.estimate_at(at(t, offset));
            *opinion = path
                .bank
                .estimate()
                .zip(now)
                .map(|(estimate, offset)| Opinion { offset, deviation: estimate.deviation });
        }
        let Some(all) = combiner.combine(SECOND, &opinions) else { continue };
        if second < 1_000 {
            continue;
        }
        let constant = combiner.leader().map_or(0.0, |leader| asymmetries[leader]);
        n += 1.0;
        let error = all.offset.as_secs_f64() - offset - constant;
        together += error * error;
        for ((alone, opinion), constant) in alone.iter_mut().zip(&opinions).zip(asymmetries) {
            let error = opinion.unwrap().offset.as_secs_f64() - offset - constant;
            *alone += error * error;
        }
    }
    let best = alone.iter().copied().fold(f64::INFINITY, f64::min);
    ((best / n).sqrt(), (together / n).sqrt())
}

#[test]
fn sources_of_different_quality_are_as_good_as_the_best_of_them() {
    for paths in [
        &[(1e-7, 0.125), (1e-6, 1.0)][..],
        &[(1e-6, 1.0), (3e-6, 1.0), (1e-5, 1.0)],
        &[(1e-7, 1.0), (2e-7, 0.5), (1e-6, 0.125), (1e-4, 16.0)],
    ] {
        let (best, all) = rms(paths, 1);
        assert!(all <= 1.05 * best, "{paths:?}: {all} beside {best}");
    }
}

#[test]
fn sources_that_are_alike_are_better_together() {
    for (paths, limit) in [(&[(1e-6, 1.0); 2][..], 0.95), (&[(1e-6, 1.0); 4], 0.9), (&[(1e-7, 0.125); 3], 0.9)] {
        let (best, all) = rms(paths, 1);
        assert!(all <= limit * best, "{} alike: {all} beside {best}", paths.len());
    }
}
