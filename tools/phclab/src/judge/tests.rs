#![expect(clippy::float_cmp, reason = "these figures have no rounding")]

use super::*;

fn samples(errors: &[f64]) -> Vec<Sample> {
    let sample = |(at, error): (usize, &f64)| Sample { at: at as f64, phcs_ns: vec![*error], system_ns: None };
    errors.iter().enumerate().map(sample).collect()
}

#[test]
fn the_statistics_of_a_window_are_those_of_its_samples() {
    let stats = Stats::in_window(&samples(&[100.0, 3.0, -4.0, 0.0, 100.0]), Clock::PHC, (1.0, 3.0), 0.0);
    assert_eq!((stats.samples, stats.max_ns), (3, 4.0));
    assert!((stats.mean_ns + 1.0 / 3.0).abs() < 1e-12 && (stats.rms_ns - (25.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    let about = Stats::in_window(&samples(&[-499.0, -501.0]), Clock::PHC, (0.0, 9.0), -500.0);
    assert_eq!((about.mean_ns, about.rms_ns, about.max_ns), (0.0, 1.0, 1.0));
}

#[test]
fn an_error_that_is_not_known_is_no_sample() {
    assert_eq!(Stats::in_window(&samples(&[1.0, 2.0]), Clock::System, (0.0, 9.0), 0.0).samples, 0);
    assert_eq!(Stats::in_window(&samples(&[1.0, 2.0]), Clock::Phc(3), (0.0, 9.0), 0.0).samples, 0);
    assert_eq!(Stats::of(std::iter::empty()), Stats::default());
}

#[test]
fn two_that_are_better_than_can_be_told_are_equal() {
    assert!((ratio_of_rms(0.1, 0.3) - 1.0).abs() < 1e-12);
    assert!((ratio_of_rms(8.2, 0.0) - 8.2 / RESOLUTION_NS).abs() < 1e-12);
    assert!((ratio_of_rms(3.0, 6.0) - 0.5).abs() < 1e-12);
}

#[test]
fn lock_counts_from_the_last_excursion() {
    let errors = samples(&[500.0, 5.0, -200.0, 10.0, 0.0, 900.0]);
    assert_eq!(locked_at(&errors, Clock::PHC, 100.0, 4.0), Some(3.0));
    assert_eq!(locked_at(&errors, Clock::PHC, 100.0, 9.0), None, "it ends outside");
    assert_eq!(locked_at(&errors, Clock::PHC, 1_000.0, 9.0), Some(0.0), "it was never outside");
    assert_eq!(locked_at(&[], Clock::PHC, 1.0, 9.0), None);
}

#[test]
fn an_outage_is_the_time_outside_after_the_fault() {
    let errors = samples(&[900.0, 0.0, 900.0, -900.0, 0.0, 0.0]);
    assert_eq!(outage_s(&errors, Clock::PHC, 100.0, 1.0), 2.0);
    assert_eq!(outage_s(&errors, Clock::PHC, 100.0, 0.0), 3.0);
    assert_eq!(outage_s(&errors, Clock::System, 100.0, 0.0), 0.0);
}

#[test]
fn a_drift_is_in_ppb() {
    assert_eq!(drift_ppb((1.0, 500.0), (3.0, 70_500.0)), 35_000.0);
}

#[test]
fn a_claim_is_a_lie_if_the_truth_was_outside_before_and_after() {
    let claim = |at, before_ns, after_ns| Claim { at, bound_ns: 100.0, before_ns, after_ns };
    let claims = [claim(1.0, 50.0, -60.0), claim(2.0, 101.0, 99.0), claim(3.0, -101.0, 150.0), claim(9.0, 1e9, 1e9)];
    let found = Claims::of(&claims, &[9.0], 1.0);
    assert_eq!((found.made, found.lies), (4, 1));
    assert!((found.worst - 1.01).abs() < 1e-12 && (found.mean_bound_ns - 100.0).abs() < 1e-9);
    assert_eq!(Claims::of(&claims, &[], 1.0).lies, 2);
}
