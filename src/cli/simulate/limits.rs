//! Which limits of a scenario a run has broken.

use super::figures::written;
use super::run::{HostOutcome, Outcome};
use super::scenario::{Limits, Scenario};
use crate::time::Duration;

/// In words, one each.
pub fn broken(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    let found = outcome.checker.violations();
    if scenario.limits.found_out && found == 0 {
        broken.push("the checker should have found something, and has not".to_owned());
    }
    if !scenario.limits.found_out
        && let Some((at, host, violation)) = &outcome.first_at
    {
        broken.push(format!("{host}: after {at}: {violation:?} (the first of {found})"));
    }
    for host in &outcome.hosts {
        windows(scenario, host, &mut broken);
        whole(&scenario.limits, host, &mut broken);
    }
    broken
}

fn windows(scenario: &Scenario, host: &HostOutcome, broken: &mut Vec<String>) {
    for (window, figures) in scenario.windows.iter().zip(&host.figures) {
        let at = format!("{}, window {}", host.name, window.name);
        for (name, most) in &window.most {
            let found = figures.by_name(name);
            // What is no number keeps no limit.
            if found > *most || found.is_nan() {
                broken.push(format!("{at}: {name} {} (limit {})", written(found), written(*most)));
            }
        }
        if let Some(least) = window.bounded
            && figures.bounded < least
        {
            broken.push(format!("{at}: a bound for {:.4} of the time (limit {least})", figures.bounded));
        }
    }
}

fn whole(limits: &Limits, host: &HostOutcome, broken: &mut Vec<String>) {
    let name = &host.name;
    if let Some(most) = limits.lock_time {
        match host.lock_time {
            None => broken.push(format!("{name}: never LOCKED")),
            Some(took) if took > most => {
                let in_words = |time: Duration| written(time.as_secs_f64());
                broken.push(format!("{name}: LOCKED after {} (limit {})", in_words(took), in_words(most)));
            }
            Some(_) => {}
        }
    }
    let steps = host.steps.len() as u64;
    if limits.steps.is_some_and(|most| steps > most) {
        broken.push(format!("{name}: {steps} steps (limit {})", limits.steps.unwrap_or_default()));
    }
    for (what, found, wanted) in [
        ("jumps of the card's clock found", host.jumps_found, limits.jumps_found),
        ("settings of the system clock found", host.sets_found, limits.sets_found),
        ("selections of a master", host.parents, limits.parents),
    ] {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            broken.push(format!("{name}: {found} {what}, not {wanted}"));
        }
    }
    let end_state = host.end_state.to_string();
    if let Some(wanted) = limits.end_state.as_ref().filter(|wanted| **wanted != end_state) {
        broken.push(format!("{name}: {end_state} at the end, not {wanted}"));
    }
}
