//! Clocks of both scales, one of TAI and one of UTC, neither of which is a network's: whichever steers first, the other's readings stay what they are.

use super::*;
use crate::clock::{ClockWords, reference_of_clock};
use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions, Verdict};
use crate::time::Stamp;

const UTC: SourceId = SourceId(0x200);
const TAI: SourceId = SourceId(0x201);
const AHEAD: Duration = Duration::from_secs(1);

/// Where the helm went, and why.
type HandOvers = Vec<(Option<SourceId>, Why)>;

/// Both are read four times a second, the system clock being a second ahead; what each leaves open, UTC's first. The error after `seconds`, and who was
/// believed to contradict himself.
fn run(accuracies: [Duration; 2], seconds: i64) -> (Duration, HandOvers, Vec<Verdict>) {
    let (first, start) = (Timestamp::from_secs(500), Timestamp::from_secs(1_800_000_000) + AHEAD);
    let config = CascadeConfig {
        steering: steering(Kind::Estimator),
        lock_limit: None,
        utc: HostUtc::from(TaiUtc(37)),
        utc_policy: UtcPolicy::Check,
        leap: LeapPolicy::Kernel,
    };
    let mut cascade = Cascade::new(software(start, Duration::ZERO, 20.0), config, first, start);
    cascade.judge_by(HelmConfig::default(), first);
    for source in [UTC, TAI] {
        cascade.add_source(source, SourceOptions::of(SourceKind::Refclock));
    }
    let mut helm = Vec::new();
    let mut notify = |notice| {
        if let CascadeNotice::Helm { to, why, .. } = notice {
            helm.push((to, why));
        }
    };
    for (source, accuracy) in [UTC, TAI].into_iter().zip(accuracies) {
        let words = ClockWords {
            is_tai: source == TAI,
            tai_utc: Some(TaiUtc(37)),
            accuracy,
            leap: LeapIndicator::NoWarning,
            stratum: 0,
            reference_id: *b"TEST",
        };
        let reference = reference_of_clock(source, &words, first);
        let each = Some(LogInterval::new(-2));
        cascade.introduce(first, start, (source, ClockId::System), Some(reference), each, &mut notify);
    }
    let mut now = first;
    for quarter in 0..seconds * 4 {
        for source in [UTC, TAI] {
            let then = first + Duration::from_millis(250 * quarter + if source == TAI { 3 } else { 0 });
            // A slew ends when it is to end.
            while now < then {
                now = cascade.deadline(now).map_or(then, |at| at.min(then));
                cascade.tick(now, start + (now - first), &mut notify);
            }
            let local = start + (now - first);
            let reference = local - AHEAD + if source == TAI { Duration::from_secs(37) } else { Duration::ZERO };
            let theirs = Stamp { error: Duration::ZERO, ..local_stamp(reference, ClockId::Remote(source)) };
            let [before, after] = [-50, 50].map(|ns| local_stamp(local + Duration::from_nanos(ns), ClockId::System));
            for (sent, received) in [(before, theirs), (theirs, after)] {
                let exchange = quarter as u32;
                let observation = Observation { source, sent, received, correction: Duration::ZERO, exchange };
                cascade.observe(now, local, &observation, &mut notify);
            }
        }
    }
    let local = start + (now - first);
    let ahead = cascade.system().ahead().duration();
    let error = cascade.system().reading(local) - ahead - (local - AHEAD);
    (error, helm, cascade.standings().map(|standing| standing.verdict).collect())
}

#[test]
fn whichever_of_two_scales_steers_first_the_other_agrees_and_the_clock_is_stepped_to_the_time() {
    for accuracies in [[1, 100], [100, 1]].map(|micros| micros.map(Duration::from_micros)) {
        let (error, helm, verdicts) = run(accuracies, 20);
        let first = if accuracies[1] < accuracies[0] { TAI } else { UTC };
        assert_eq!(helm, [(Some(first), Why::First)], "{accuracies:?}");
        assert!(error.abs() < Duration::from_micros(1), "{accuracies:?}: {error} off, {helm:?}");
        assert_eq!(verdicts, [Verdict::Agrees; 2], "{helm:?}");
    }
}
