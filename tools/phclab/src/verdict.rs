//! What a scenario demands of its runs.
//!
//! Two kinds of demands. Those on the run itself (the clocks drift apart while nobody steers, the contender lived to the
//! end and said something, enough samples were taken) hold for everybody: without them a pass would be empty. Those on
//! quality hold for our daemon, absolutely and against the best of the others; the others' figures are only guarded by
//! the limits that are named `theirs`.

use crate::judge::{RESOLUTION_NS, ratio_of_rms};
use crate::report::{Check, RunReport, ns};
use crate::scenario::{Clock, Scenario, Steer};

/// Free-running clocks drift apart at least so fast.
const DRIFT_MIN_PPB: f64 = 1_000.0;
/// A window has at least so many samples.
const SAMPLES_MIN: u64 = 50;
/// A contender says at least so much.
const WORDS_MIN: u64 = 5;

/// The demands of a scenario, met or not.
pub fn checks(scenario: &Scenario, runs: &[RunReport]) -> Vec<Check> {
    let mut checks: Vec<_> = runs.iter().flat_map(|run| of_run(scenario, run)).collect();
    let ours = runs.iter().find(|run| run.contender.is_ours());
    let theirs: Vec<_> = runs.iter().filter(|run| !run.contender.is_ours()).collect();
    for (number, judge) in scenario.judge.iter().enumerate() {
        let best = theirs.iter().filter_map(|run| run.windows.get(number)).map(|window| window.stats.rms_ns);
        let best = best.min_by(f64::total_cmp);
        if let (Some(most), Some(best)) = (judge.theirs_rms_ns, best) {
            checks.push(at_most("the others' best rms", best, most, ns));
        }
        let Some(window) = ours.and_then(|run| run.windows.get(number)) else { continue };
        let stats = &window.stats;
        let what = |what: &str| format!("our {what} of {}", named(judge.clock));
        if let Some(most) = judge.rms_ns {
            checks.push(at_most(&what("rms"), stats.rms_ns, most, ns));
        }
        if let Some(most) = judge.max_ns {
            checks.push(at_most(&what("greatest error"), stats.max_ns, most, ns));
        }
        if let Some(most) = judge.mean_within_ns {
            let about = format!("{} about {}", what("mean"), ns(judge.mean_ns));
            checks.push(at_most(&about, stats.mean_ns.abs(), most, ns));
        }
        if let (Some(most), Some(best)) = (judge.ratio, best) {
            let name = format!("our rms of {} over theirs ({})", named(judge.clock), ns(best.max(RESOLUTION_NS)));
            checks.push(at_most(&name, ratio_of_rms(stats.rms_ns, best), most, |ratio| format!("{ratio:.2}")));
        }
    }
    of_lock(scenario, ours, &theirs, &mut checks);
    of_outage(scenario, ours, &theirs, &mut checks);
    of_cost(scenario, ours, &theirs, &mut checks);
    checks
}

/// What every run must fulfil, and what our daemon claims.
fn of_run(scenario: &Scenario, run: &RunReport) -> Vec<Check> {
    let name = run.contender.name();
    let mut checks: Vec<_> =
        run.failures.iter().map(|failure| Check::new(false, format!("{name}: {failure}"))).collect();
    let drift = match scenario.steer {
        Steer::Phc => run.phc_drift_ppb,
        Steer::System => run.system_drift_ppb.abs().min(run.phc_drift_ppb.abs()),
    };
    let apart = format!("{name}: free-running clocks drift apart: {drift:.0} ppb");
    checks.push(Check::new(drift.abs() >= DRIFT_MIN_PPB, apart));
    let said = format!("{name}: it said something: {} times, at least {WORDS_MIN}", run.words);
    checks.push(Check::new(run.words >= WORDS_MIN, said));
    for window in &run.windows {
        let samples = window.stats.samples;
        let what = format!("{name}: {samples} samples in the window, at least {SAMPLES_MIN}");
        checks.push(Check::new(samples >= SAMPLES_MIN, what));
    }
    if run.contender.is_ours() && scenario.bound.check {
        let claims = run.claims.unwrap_or_default();
        let least = scenario.bound.claims_min;
        checks.push(Check::new(claims.made >= least, format!("{} claims of a bound, at least {least}", claims.made)));
        let what = format!("no claimed bound is a lie: {} of {}", claims.lies, claims.made);
        checks.push(Check::new(claims.lies == 0, what));
        if let Some(kernel) = run.kernel.filter(|_| scenario.steer == Steer::System) {
            let what = format!("no maxerror of the kernel is a lie: {} of {}", kernel.lies, kernel.claimed);
            checks.push(Check::new(kernel.lies == 0, what));
        }
    }
    checks
}

fn of_lock(scenario: &Scenario, ours: Option<&RunReport>, theirs: &[&RunReport], checks: &mut Vec<Check>) {
    let (Some(lock), Some(ours)) = (scenario.lock, ours) else { return };
    let limit = ns(lock.limit_ns);
    let shown = |seconds: f64| format!("{seconds:.2} s");
    if let Some(most) = lock.says_max_s {
        checks.push(match ours.claimed_lock_s {
            Some(seconds) => at_most("our time until we say LOCKED", seconds, most, shown),
            None => Check::new(false, "we say LOCKED: never".to_owned()),
        });
    }
    let Some(seconds) = ours.lock_s else {
        checks.push(Check::new(false, format!("we stay below {limit}: never")));
        return;
    };
    if let Some(most) = lock.max_s {
        checks.push(at_most(&format!("our time until we stay below {limit}"), seconds, most, shown));
    }
    let best = theirs.iter().filter_map(|run| run.lock_s).min_by(f64::total_cmp);
    if let (Some(most), Some(best)) = (lock.ratio, best) {
        let name = format!("our time until we stay below {limit} over theirs ({})", shown(best));
        checks.push(at_most(&name, seconds / best.max(1e-3), most, |ratio| format!("{ratio:.2}")));
    }
}

fn of_outage(scenario: &Scenario, ours: Option<&RunReport>, theirs: &[&RunReport], checks: &mut Vec<Check>) {
    let Some(outage) = scenario.outage else { return };
    let shown = |seconds: f64| format!("{seconds:.1} s");
    if let Some(seconds) = ours.and_then(|run| run.outage_s) {
        let name = format!("our time outside of {}", ns(outage.limit_ns));
        checks.push(at_most(&name, seconds, outage.max_s, shown));
    }
    let longest = theirs.iter().filter_map(|run| run.outage_s).max_by(f64::total_cmp);
    if let (Some(least), Some(longest)) = (outage.theirs_min_s, longest) {
        let what =
            format!("the fault is felt: the others are outside for {}, at least {}", shown(longest), shown(least));
        checks.push(Check::new(longest >= least, what));
    }
}

fn of_cost(scenario: &Scenario, ours: Option<&RunReport>, theirs: &[&RunReport], checks: &mut Vec<Check>) {
    let (Some(limits), Some(ours)) = (scenario.cpu, ours) else { return };
    let least = |figure: fn(&RunReport) -> f64| theirs.iter().map(|run| figure(run)).min_by(f64::total_cmp);
    for (what, limit, figure) in [
        ("CPU time in us/s", limits.ratio, (|run| run.cost.cpu_us_per_s()) as fn(&RunReport) -> f64),
        ("context switches a second", limits.switches_ratio, |run| run.cost.switches_per_s()),
    ] {
        let Some(theirs) = least(figure) else { continue };
        let mine = figure(ours);
        let name = format!("our {what} ({mine:.1}) over theirs ({theirs:.1})");
        checks.push(at_most(&name, mine / theirs.max(1e-9), limit, |ratio| format!("{ratio:.2}")));
    }
}

fn at_most(what: &str, value: f64, most: f64, shown: impl Fn(f64) -> String) -> Check {
    Check::new(value <= most, format!("{what}: {}, at most {}", shown(value), shown(most)))
}

const fn named(clock: Clock) -> &'static str {
    match clock {
        Clock::Phc => "the PHC",
        Clock::System => "the system clock",
    }
}

#[cfg(test)]
mod tests;
