//! What a scenario demands of its runs.
//!
//! Two kinds of demands. Those on the run itself (the clocks drift apart while nobody steers, the contender lived to the
//! end and said something, enough samples were taken) hold for everybody: without them a pass would be empty. Those on
//! quality hold for our daemon, absolutely and against the best of the others; the others' figures are only guarded by
//! the limits that are named `theirs`.

use crate::judge::{RESOLUTION_NS, ratio_of_rms};
use crate::report::{Check, Memory, RunReport, Window, ns};
use crate::scenario::{Contender, Judge, Lock, Scenario, Steer};

/// Free-running clocks drift apart at least so fast.
const DRIFT_MIN_PPB: f64 = 1_000.0;
/// A window has at least so many samples.
const SAMPLES_MIN: u64 = 50;
/// A contender says at least so much.
const WORDS_MIN: u64 = 5;
/// The master sends so many Syncs a second.
pub const SYNCS_PER_S: f64 = 4.0;
/// Of those our daemon receives and uses this part at least, in each window in which it is judged.
const SYNCS_PART_MIN: f64 = 0.9;
/// A clock that is called LOCKED has had its last sample at most so long ago, at four Syncs a second: the status of a PHC is made at the
/// first Sync after a second, so that it is up to 1.25 s old, and the sample in it up to an interval more; one Sync may be late.
const SAMPLE_AGE_MAX_S: f64 = 1.75;

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
        of_standing(judge, window, &mut checks);
        let what = |what: &str| format!("our {what} of {}", judge.clock.in_words());
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
            let name = format!("our rms of {} over theirs ({})", judge.clock.in_words(), ns(best.max(RESOLUTION_NS)));
            checks.push(ratio(&name, ratio_of_rms(stats.rms_ns, best), most));
        }
    }
    of_lock(scenario, ours, &theirs, &mut checks);
    of_outage(scenario, ours, &theirs, &mut checks);
    of_cost(scenario, ours, &theirs, &mut checks);
    checks
}

/// How many demands on ratios could not be made, since nobody else ran.
pub fn unmade_ratios(scenario: &Scenario, runs: &[RunReport]) -> usize {
    if runs.iter().any(|run| !run.contender.is_ours()) {
        return 0;
    }
    let lock = |lock: Lock| usize::from(lock.ratio.is_some()) + usize::from(lock.ptp4l_ratio.is_some());
    let judged = scenario.judge.iter().filter(|judge| judge.ratio.is_some()).count();
    judged + scenario.lock.map_or(0, lock) + scenario.cpu.map_or(0, |cpu| 2 + usize::from(cpu.rss_ratio.is_some()))
}

/// What our daemon says of a clock while that is judged: not only is it right, it also knows.
fn of_standing(judge: &Judge, window: &Window, checks: &mut Vec<Check>) {
    let Some(standing) = window.standing.as_ref() else { return };
    let when = format!("of {} from {} to {} s", judge.clock.in_words(), window.from, window.to);
    if judge.state.is_empty() {
        return;
    }
    let is_wanted = standing.answers > 0 && standing.states.iter().all(|state| judge.state.contains(state));
    let states = standing.states.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let what = format!("what we say {when}, {} times: {states}; wanted {}", standing.answers, judge.state.join(", "));
    checks.push(Check::new(is_wanted, what));
    let shown = |seconds: f64| format!("{seconds:.2} s");
    if judge.state == ["LOCKED"] {
        checks.push(at_most(&format!("our last sample's age {when}"), standing.sample_age_s, SAMPLE_AGE_MAX_S, shown));
    }
    if let Some(rate) = standing.syncs_per_s {
        let least = SYNCS_PER_S * SYNCS_PART_MIN;
        let what = format!("Syncs that we received and used a second {when}: {rate:.2}, at least {least:.2}");
        checks.push(Check::new(rate >= least, what));
    }
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
    // Ours says something when it is asked, and may be asked seldom.
    let least = match scenario.bound.claims_min {
        claims @ 1..WORDS_MIN if run.contender.is_ours() => claims,
        _ => WORDS_MIN,
    };
    let said = format!("{name}: it said something: {} times, at least {least}", run.words);
    checks.push(Check::new(run.words >= least, said));
    for window in &run.windows {
        let samples = window.stats.samples;
        let what = format!("{name}: {samples} samples in the window, at least {SAMPLES_MIN}");
        checks.push(Check::new(samples >= SAMPLES_MIN, what));
    }
    if run.contender.is_ours() && scenario.bound.check {
        of_claims(scenario, run, &mut checks);
    }
    checks
}

/// No bound that our daemon claims is a lie, nor is what the kernel says after it.
fn of_claims(scenario: &Scenario, run: &RunReport, checks: &mut Vec<Check>) {
    let least = scenario.bound.claims_min;
    for clock in scenario.claimed_clocks() {
        let made = run.claims.get(&clock).map_or(0, |claims| claims.made);
        let what = format!("{made} claims of a bound of {}, at least {least}", clock.in_words());
        checks.push(Check::new(made >= least, what));
    }
    for (clock, claims) in &run.claims {
        let what = format!("no claimed bound of {} is a lie: {} of {}", clock.in_words(), claims.lies, claims.made);
        checks.push(Check::new(claims.lies == 0, what));
    }
    let Some(kernel) = run.kernel.filter(|_| scenario.steer == Steer::System) else { return };
    let what = format!("no maxerror of the kernel is a lie: {} of {}", kernel.lies, kernel.claimed);
    checks.push(Check::new(kernel.lies == 0, what));
    let what = format!("no esterror of the kernel is greater than its maxerror: {} of {}", kernel.odd, kernel.claimed);
    checks.push(Check::new(kernel.odd == 0, what));
    let what = format!("the kernel never denies that it is synchronised while we are LOCKED: {} times", kernel.denied);
    checks.push(Check::new(kernel.denied == 0, what));
    let name = format!("maxerror over our bound while LOCKED, {} times", kernel.compared);
    checks.push(at_most(&name, kernel.excess_us, scenario.maxerror_excess_us, |us| format!("{us:.0} us")));
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
        checks.push(ratio(&name, seconds / best.max(1e-3), most));
    }
    let default = theirs.iter().find(|run| run.contender == Contender::Ptp4l).and_then(|run| run.lock_s);
    if let (Some(most), Some(default)) = (lock.ptp4l_ratio, default) {
        let name = format!("our time until we stay below {limit} over that of ptp4l's PI servo ({})", shown(default));
        checks.push(ratio(&name, seconds / default.max(1e-3), most));
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
        checks.push(ratio(&name, mine / theirs.max(1e-9), limit));
    }
    let rss = |run: &RunReport| Memory::of_all(&run.memory).rss_kb as f64;
    if let (Some(limit), Some(theirs)) = (limits.rss_ratio, least(rss)) {
        let mine = rss(ours);
        let name = format!("our resident memory ({mine:.0} kB) over theirs ({theirs:.0} kB)");
        // What could not be read is not little.
        checks.push(ratio(&name, if mine > 0.0 { mine / theirs.max(1.0) } else { f64::INFINITY }, limit));
    }
}

fn at_most(what: &str, value: f64, most: f64, shown: impl Fn(f64) -> String) -> Check {
    Check::new(value <= most, format!("{what}: {}, at most {}", shown(value), shown(most)))
}

fn ratio(what: &str, value: f64, most: f64) -> Check {
    Check::ratio(value <= most, format!("{what}: {value:.2}, at most {most:.2}"))
}

#[cfg(test)]
mod tests;
