//! Which limits of a scenario a run has broken, and when.
//!
//! What happens at an instant (a rule, a step, the greatest error) is broken then; what is of a whole (a root mean square, a
//! state at the end) when that is over. A figure that there is nothing to make of keeps no limit.

use std::fmt;

use super::alarms::Alarm;
use super::figures::written;
use super::run::{HostOutcome, Outcome, Seam, Vetoed};
use super::scenario::{Limits, Scenario};
use crate::ptp::Role;
use crate::sim::{NodeId, Rule};
use crate::time::{Duration, Mono, SyncState, Timestamp};

/// A limit or a rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// When, since the beginning of the run.
    pub at: Duration,
    /// Whose, which and by what.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {}: {}", self.at, self.what)
    }
}

/// All of them: first the rules, then host by host.
pub fn broken(scenario: &Scenario, outcome: &Outcome) -> Vec<Broken> {
    let mut broken = Broke { end: scenario.duration, all: Vec::new() };
    rules(scenario, outcome, &mut broken);
    for (host, plan) in outcome.hosts.iter().zip(&scenario.hosts) {
        windows(scenario, host, &mut broken);
        whole(&scenario.limits, host, &mut broken);
        if plan.config.ptp.role != Role::Master {
            selections(&scenario.limits, host, &mut broken);
        }
    }
    beside_pi(&scenario.limits, outcome, &mut broken);
    of_churn(scenario, outcome, &mut broken);
    broken.all
}

/// What is found.
struct Broke {
    end: Duration,
    all: Vec<Broken>,
}

impl Broke {
    fn tell(&mut self, at: Duration, what: String) {
        self.all.push(Broken { at, what });
    }

    fn at_the_end(&mut self, what: String) {
        self.tell(self.end, what);
    }
}

/// A rule that must not be broken, and one that must and is not.
fn rules(scenario: &Scenario, outcome: &Outcome, broken: &mut Broke) {
    let (checker, meant) = (&outcome.checker, scenario.limits.found_out);
    if let Some(rule) = meant {
        let is_found = |host: usize| checker.has_found(rule, NodeId(scenario.masters.len() + host));
        for (_, host) in scenario.hosts.iter().enumerate().filter(|(host, _)| !is_found(*host)) {
            broken.at_the_end(format!("{}: the checker should have found {rule:?} broken, and has not", host.name));
        }
    }
    // The line of a card and the system clock behind it are wrong together.
    let is_meant = |rule: Rule| meant == Some(rule) || (meant == Some(Rule::Bound) && rule == Rule::PhcBound);
    for rule in Rule::ALL.into_iter().filter(|rule| !is_meant(*rule)) {
        if let Some((at, node, violation)) = checker.first_of(rule) {
            let host = &scenario.hosts[node.0.saturating_sub(scenario.masters.len())].name;
            let found = checker.violations_of(rule);
            broken.tell(at - Timestamp::EPOCH, format!("{host}: {violation:?} (the first of {found})"));
        }
    }
}

/// The last host in the last window beside the same with the PI servo.
fn beside_pi(limits: &Limits, outcome: &Outcome, broken: &mut Broke) {
    let Some(most) = limits.pi_ratio else { return };
    let ratio = outcome.pi_ratios().last().and_then(|windows| windows.last().copied());
    if ratio.is_some_and(|ratio| ratio <= most) {
        return;
    }
    let found = ratio.map_or("nothing".to_owned(), |ratio| format!("{ratio:.3}"));
    broken.at_the_end(format!("the last host: {found} of what it is with servo = \"pi\" (limit {most})"));
}

/// After each time to settle the tree is what it should be, and nobody's name goes round who has left.
fn of_churn(scenario: &Scenario, outcome: &Outcome, broken: &mut Broke) {
    let Some(plan) = &scenario.churn else { return };
    for round in &outcome.rounds {
        let changes = round.changes.join(", ");
        if let Some((at, what)) = &round.fault {
            broken.tell(*at, format!("after {changes}: {what}"));
        }
        if round.masters > 1 {
            let at = round.fault.as_ref().map_or(round.at + plan.settle, |(at, _)| *at);
            broken.tell(at, format!("after {changes}: {} ports of one segment are MASTER", round.masters));
        }
        if let Some(echo) = round.echo.filter(|echo| *echo > plan.settle) {
            broken.tell(round.at + echo, format!("after {changes}: who has left was announced for {echo} still"));
        }
    }
    // The last one may have only begun.
    let whole = outcome.rounds.len().saturating_sub(1);
    let judged = outcome.rounds[..whole].iter().filter(|round| round.judged > 0).count();
    if judged * 4 < whole * 3 {
        broken
            .at_the_end(format!("in {} of {whole} rounds it was not settled what the tree should be", whole - judged));
    }
}

fn windows(scenario: &Scenario, host: &HostOutcome, broken: &mut Broke) {
    for (window, figures) in scenario.windows.iter().zip(&host.figures) {
        let (of, end) = (format!("{}, window {}", host.name, window.name), window.span.1);
        for (name, most) in &window.most {
            let limit = written(*most);
            match figures.by_name(name) {
                None => broken.tell(end, format!("{of}: there is nothing to make {name} of (limit {limit})")),
                // What is no number keeps no limit.
                Some((found, at)) if found > *most || found.is_nan() => {
                    broken.tell(at.unwrap_or(end), format!("{of}: {name} {} (limit {limit})", written(found)));
                }
                Some(_) => {}
            }
        }
        if let Some(least) = window.bounded
            && (figures.bounded < least || figures.samples == 0)
        {
            broken.tell(end, format!("{of}: a bound for {:.4} of the time (limit {least})", figures.bounded));
        }
    }
}

/// So often something has happened, and should have.
fn exactly(name: &str, (what, found, wanted): (&str, &[Timestamp<Mono>], Option<u64>), broken: &mut Broke) {
    let Some(wanted) = wanted.filter(|wanted| *wanted != found.len() as u64) else { return };
    let one_too_many = found.get(wanted as usize);
    let at = one_too_many.map_or(broken.end, |at| *at - Timestamp::EPOCH);
    broken.tell(at, format!("{name}: {} {what}, not {wanted}", found.len()));
}

fn selections(limits: &Limits, host: &HostOutcome, broken: &mut Broke) {
    exactly(&host.name, ("selections of a master", &host.parents, limits.parents), broken);
}

fn whole(limits: &Limits, host: &HostOutcome, broken: &mut Broke) {
    let name = &host.name;
    if let Some(most) = limits.lock_time {
        match host.lock_time {
            None => broken.at_the_end(format!("{name}: never LOCKED")),
            Some(took) if took > most => {
                let in_words = |time: Duration| written(time.as_secs_f64());
                let locked = host.states.iter().find(|(_, state)| *state == SyncState::Locked);
                let what = format!("{name}: LOCKED after {} (limit {})", in_words(took), in_words(most));
                broken.tell(locked.map_or(broken.end, |(at, _)| *at - Timestamp::EPOCH), what);
            }
            Some(_) => {}
        }
    }
    if let Some(most) = limits.steps
        && let Some((at, _)) = host.steps.get(most as usize)
    {
        broken.tell(*at - Timestamp::EPOCH, format!("{name}: {} steps (limit {most})", host.steps.len()));
    }
    for (what, found, wanted) in [
        ("jumps of the card's clock found", &host.jumps_found, limits.jumps_found),
        ("settings of the system clock found", &host.sets_found, limits.sets_found),
    ] {
        exactly(name, (what, found, wanted), broken);
    }
    if let Some(most) = limits.notice_time {
        for (since, lasted) in host.unnoticed.iter().filter(|(_, lasted)| *lasted > most) {
            let what = format!("{name}: wrong time was served as right for {lasted} (limit {most})");
            broken.tell(*since - Timestamp::EPOCH + *lasted, what);
        }
    }
    of_helm(limits, host, broken);
    let end_state = host.end_state.to_string();
    if let Some(wanted) = limits.end_state.as_ref().filter(|wanted| **wanted != end_state) {
        broken.at_the_end(format!("{name}: {end_state} at the end, not {wanted}"));
    }
}

/// Who of several sources steers, and how soon.
fn of_helm(limits: &Limits, host: &HostOutcome, broken: &mut Broke) {
    let name = &host.name;
    let since = |at: Timestamp<Mono>| at - Timestamp::EPOCH;
    let shown = |who: &Option<String>| who.clone().unwrap_or_else(|| "nobody".to_owned());
    let changes: Vec<_> = host.handovers().collect();
    if let Some(wanted) = limits.handovers.filter(|wanted| *wanted != changes.len() as u64) {
        let at = changes.get(wanted as usize).map_or(broken.end, |handover| since(handover.at));
        let all: Vec<_> = host.steered.iter().map(|h| format!("{} after {}", shown(&h.to), since(h.at))).collect();
        broken.tell(at, format!("{name}: {} hand-overs, not {wanted} ({})", changes.len(), all.join(", ")));
    }
    if let Some(most) = limits.handover_time {
        for handover in &host.steered {
            if let Some(took) = handover.took.filter(|took| *took > most) {
                let (to, why) = (shown(&handover.to), handover.why.reason());
                broken.tell(since(handover.at), format!("{name}: {to} steers after {took} (limit {most}): {why}"));
            }
        }
    }
    // Whoever is right before and after cannot have had to step by more.
    let is_about_it = limits.handovers.is_some() || limits.handover_time.is_some();
    for handover in changes.into_iter().filter(|_| is_about_it) {
        let Seam { stepped, bounds, .. } = handover.seam;
        if let Some(by) = stepped.filter(|by| by.as_secs_f64() > bounds) {
            let (to, bounds) = (shown(&handover.to), written(bounds));
            broken
                .tell(since(handover.at), format!("{name}: {to} steers after a step of {by} (both bounds: {bounds})"));
        }
    }
    if let Some(wanted) = &limits.steered_by {
        let last = host.steered.last().map_or_else(|| "nobody".to_owned(), |handover| shown(&handover.to));
        if last != *wanted {
            broken.at_the_end(format!("{name}: {last} steers at the end, not {wanted}"));
        }
    }
    if let Some(never) = &limits.never_by
        && let Some(handover) = host.steered.iter().find(|handover| handover.to.as_ref() == Some(never))
    {
        broken.tell(since(handover.at), format!("{name}: {never} steers"));
    }
    if let Some(most) = limits.veto_time {
        for Vetoed { at, name: found, took } in host.falsetickers.iter().filter(|found| found.took > most) {
            broken.tell(since(*at), format!("{name}: {found} is a falseticker after {took} (limit {most})"));
        }
    }
    of_alarms(limits, host, broken);
    if let Some(wanted) = &limits.falsetickers {
        for found in host.falsetickers.iter().filter(|found| !wanted.contains(&found.name)) {
            broken.tell(since(found.at), format!("{name}: {} was found to be a falseticker", found.name));
        }
        for missing in wanted.iter().filter(|wanted| !host.falsetickers.iter().any(|found| found.name == **wanted)) {
            broken.at_the_end(format!("{name}: {missing} was never found to be a falseticker"));
        }
    }
}

/// What the operator is told, how soon, and whether he still is at the end.
fn of_alarms(limits: &Limits, host: &HostOutcome, broken: &mut Broke) {
    let name = &host.name;
    if let Some(most) = limits.alarm_time {
        if host.alarms.is_empty() {
            broken.at_the_end(format!("{name}: health never says that sources contradict each other"));
        }
        for Alarm { at, took, says, .. } in host.alarms.iter().filter(|alarm| alarm.took > most) {
            broken.tell(*at - Timestamp::EPOCH, format!("{name}: an alarm after {took} (limit {most}): {says}"));
        }
    }
    let last = host.alarms.last().filter(|alarm| alarm.until.is_none());
    match (limits.alarm, last) {
        (Some(true), None) => {
            broken.at_the_end(format!("{name}: health does not say at the end that sources contradict each other"));
        }
        (Some(false), Some(alarm)) => broken.at_the_end(format!("{name}: health says at the end: {}", alarm.says)),
        _ => {}
    }
}
