//! What a run is told as: text for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::alarms::Alarm;
use super::churn::Round;
use super::figures::{Figures, INTERVALS_S, written};
use super::run::{Handover, HostOutcome, Outcome, Vetoed};
use super::scenario::{Scenario, Window};
use crate::time::{Duration, Timestamp};

/// A run in full.
pub fn text(file: &str, scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{file}: {}", scenario.about);
    let _ = writeln!(text, "seed {}, {} of virtual time", outcome.seed, scenario.duration);
    for host in &outcome.hosts {
        let _ = writeln!(text, "\n{}", host.name);
        whole(&mut text, host);
        for (window, figures) in scenario.windows.iter().zip(&host.figures) {
            of_window(&mut text, window, figures);
        }
    }
    beside_pi(&mut text, scenario, outcome);
    of_churn(&mut text, outcome);
    if outcome.forged > 0 {
        let _ = writeln!(text, "\n{} forged Announce on each port of their segments", outcome.forged);
    }
    let checker = &outcome.checker;
    let _ = writeln!(
        text,
        "\nchecked {} times after {} events, with a bound {} times: violations {}; at the tightest the error was {:.3} of the bound",
        checker.checks(),
        outcome.events,
        checker.bounded(),
        checker.violations(),
        checker.tightest()
    );
    verdict(&mut text, file, outcome);
    text
}

/// Each host beside the same one in the world with the PI servo.
fn beside_pi(text: &mut String, scenario: &Scenario, outcome: &Outcome) {
    let Some(with_pi) = &outcome.with_pi else { return };
    text.push_str("\nbeside the same world with servo = \"pi\" on all hosts, true error, rms\n");
    let ratios = outcome.pi_ratios();
    for ((host, pi), ratios) in outcome.hosts.iter().zip(with_pi).zip(&ratios) {
        let windows = scenario.windows.iter().zip(&host.figures).zip(pi.iter().zip(ratios));
        for ((window, figures), (pi, ratio)) in windows {
            let (ours, pi) = (written(figures.rms), written(*pi));
            let _ = writeln!(text, "  {:<16} {:<12} {ours:>10}  pi {pi:>10}  ratio {ratio:.3}", host.name, window.name);
        }
    }
}

/// The rounds of a churn.
fn of_churn(text: &mut String, outcome: &Outcome) {
    let Some(settled) = Settled::of(outcome) else { return };
    let _ = writeln!(text, "\n{} rounds, the tree right {settled}", outcome.rounds.len());
    for round in &outcome.rounds {
        let echo = round.echo.map_or(String::new(), |echo| format!("; announced for {echo} still"));
        let moved = round.moved - round.at;
        let moved = if moved > Duration::ZERO { format!("; and other data sets until {moved}") } else { String::new() };
        let _ = writeln!(
            text,
            "  {:>9}  {:>9}  {}{moved}{echo}",
            round.at.to_string(),
            round.settled.to_string(),
            round.changes.join(", ")
        );
    }
}

/// When the tree was right, after the last change of what it should be in each round: the middle and the latest, and the longest echo.
struct Settled {
    median: Duration,
    most: Duration,
    echo: Option<Duration>,
}

impl Settled {
    fn of(outcome: &Outcome) -> Option<Self> {
        // The start is another matter.
        let mut all: Vec<_> = outcome.rounds.iter().skip(1).map(|round| round.settled).collect();
        all.sort();
        let (median, most) = (*all.get(all.len() / 2)?, *all.last()?);
        Some(Self { median, most, echo: outcome.rounds.iter().filter_map(|round| round.echo).max() })
    }
}

impl std::fmt::Display for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "after {} (median), {} at most", self.median, self.most)?;
        self.echo.map_or(Ok(()), |echo| write!(f, "; who left was announced for {echo} at most"))
    }
}

/// One line of a run among many: of all hosts and windows the worst.
pub fn line(file: &str, outcome: &Outcome) -> String {
    let all = || outcome.hosts.iter().flat_map(|host| &host.figures);
    let worst = |figure: fn(&Figures) -> f64| written(all().map(figure).fold(0.0, f64::max));
    let tightness = all().filter_map(Figures::tightness).reduce(f64::max);
    let locked: Option<Vec<_>> = outcome.hosts.iter().map(|host| host.lock_time).collect();
    let mut text = format!(
        "seed {:>4}  rms {:>10}  p99 {:>10}  max {:>10}  bound {:>10} ({:>5} x p99.9)  LOCKED {:>7}  violations {}",
        outcome.seed,
        worst(|figures| figures.rms),
        worst(|figures| figures.p99),
        worst(|figures| figures.max.value),
        worst(|figures| figures.bound_median),
        tightness.map_or("-".to_owned(), |ratio| format!("{ratio:.1}")),
        locked.and_then(|all| all.into_iter().max()).map_or("never".to_owned(), |time| time.to_string()),
        outcome.checker.violations(),
    );
    if let Some(ratio) = outcome.pi_ratios().last().and_then(|windows| windows.last().copied()) {
        let _ = write!(text, "  last host {ratio:.2} of pi");
    }
    if let Some(settled) = Settled::of(outcome) {
        let _ = write!(text, "  tree right {settled}");
    }
    let handovers: Vec<_> = outcome.hosts.iter().flat_map(HostOutcome::handovers).collect();
    if !handovers.is_empty() {
        let took = handovers.iter().filter_map(|handover| handover.took).max();
        let took = took.map_or(String::new(), |took| format!(", after {took} at most"));
        let moved = handovers.iter().filter_map(|handover| handover.moved()).reduce(f64::max);
        let moved = moved.map_or(String::new(), |moved| format!(", moved by {} at most", written(moved)));
        let _ = write!(text, "  hand-overs {}{took}{moved}", handovers.len());
    }
    if let Some(lasted) = outcome.hosts.iter().flat_map(HostOutcome::noticed_after).max() {
        let _ = write!(text, "  noticed after {lasted} at most");
    }
    if let Some(took) = outcome.hosts.iter().flat_map(HostOutcome::vetoed_after).max() {
        let _ = write!(text, "  vetoed after {took} at most");
    }
    if let Some(took) = outcome.hosts.iter().flat_map(HostOutcome::alarmed_after).max() {
        let _ = write!(text, "  alarm after {took} at most");
    }
    text.push_str(if outcome.broken.is_empty() { "  good\n" } else { "  FAILED\n" });
    if !outcome.broken.is_empty() {
        verdict(&mut text, file, outcome);
    }
    text
}

/// A figure over all runs: with each, the seed of its run.
type OverSeeds = Vec<(f64, u64)>;

/// What all runs of a scenario together say: the middle and the greatest of each figure, and which seed that was.
pub fn summary(file: &str, scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let broken = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).count();
    let violations: u64 = outcomes.iter().map(|outcome| outcome.checker.violations()).sum();
    let tightest = outcomes.iter().map(|outcome| outcome.checker.tightest()).fold(0.0, f64::max);
    let mut text = format!("\n{:<40}{:>12}{:>12}  (seed)\n", scenario.about, "median", "greatest");
    for host in 0..scenario.hosts.len() {
        let _ = writeln!(text, "{}", scenario.hosts[host].name);
        let seconds = |time: Duration| time.as_secs_f64();
        let lock_times = outcomes.iter().filter_map(|run| Some((seconds(run.hosts[host].lock_time?), run.seed)));
        row(&mut text, "  LOCKED after", lock_times.collect(), written);
        let handovers =
            || outcomes.iter().flat_map(|run| run.hosts[host].handovers().map(|handover| (handover, run.seed)));
        let took = handovers().filter_map(|(handover, seed)| Some((seconds(handover.took?), seed)));
        row(&mut text, "  another source steers after", took.collect(), written);
        let moved = handovers().filter_map(|(handover, seed)| Some((handover.moved()?, seed)));
        row(&mut text, "  which moved the clock by", moved.collect(), written);
        let noticed = outcomes.iter().flat_map(|run| run.hosts[host].noticed_after().map(|t| (seconds(t), run.seed)));
        row(&mut text, "  wrong time served as right for", noticed.collect(), written);
        let vetoed = outcomes.iter().flat_map(|run| run.hosts[host].vetoed_after().map(|t| (seconds(t), run.seed)));
        row(&mut text, "  a falseticker is one after", vetoed.collect(), written);
        let alarmed = outcomes.iter().flat_map(|run| run.hosts[host].alarmed_after().map(|t| (seconds(t), run.seed)));
        row(&mut text, "  an alarm of contradictions after", alarmed.collect(), written);
        for (window, Window { name, span, .. }) in scenario.windows.iter().enumerate() {
            let _ = writeln!(text, "  window {name}, {} to {}", span.0, span.1);
            let of = |figure: &dyn Fn(&Figures) -> Option<f64>| -> OverSeeds {
                outcomes.iter().filter_map(|run| Some((figure(&run.hosts[host].figures[window])?, run.seed))).collect()
            };
            for (title, name) in FIGURES {
                row(&mut text, title, of(&|figures| figures.by_name(name).map(|(value, _)| value)), written);
            }
            row(&mut text, "    bound over p99.9 of the error", of(&Figures::tightness), |ratio| format!("{ratio:.1}"));
            for tau in INTERVALS_S {
                let at = |figures: &Figures| {
                    figures.stability.iter().find(|(of, ..)| of.to_bits() == tau.to_bits()).copied()
                };
                let adev = of(&|figures| at(figures).map(|(_, adev, ..)| adev));
                row(&mut text, &format!("    ADEV over {tau} s"), adev, |adev| format!("{adev:.2e}"));
                row(&mut text, &format!("    TDEV over {tau} s"), of(&|figures| Some(at(figures)?.2)), written);
                row(&mut text, &format!("    MTIE over {tau} s"), of(&|figures| Some(at(figures)?.3)), written);
            }
        }
    }
    let _ = writeln!(
        text,
        "{file}: {} runs, {broken} of them broke a limit; violations {violations}; at the tightest the error was {tightest:.3} of the bound",
        outcomes.len()
    );
    text
}

/// The rows of a summary, and the names of their figures.
const FIGURES: [(&str, &str); 8] = [
    ("    true error, rms", "rms"),
    ("    true error, p99", "p99"),
    ("    true error, max", "max"),
    ("    true error, least to greatest", "moved"),
    ("    card's clock, rms", "phc_rms"),
    ("    card's clock, max", "phc_max"),
    ("    bound, median", "bound_median"),
    ("    bound, max", "bound_max"),
];

/// A row of a summary; none of a figure that no run has.
fn row(text: &mut String, title: &str, mut values: OverSeeds, write: impl Fn(f64) -> String) {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some((median, _)), Some((most, seed))) = (values.get(values.len() / 2), values.last()) {
        let _ = writeln!(text, "{title:<40}{:>12}{:>12}  ({seed})", write(*median), write(*most));
    }
}

fn verdict(text: &mut String, file: &str, outcome: &Outcome) {
    for broken in &outcome.broken {
        let _ = writeln!(text, "BROKEN {broken}");
    }
    if outcome.broken.is_empty() {
        text.push_str("all limits kept\n");
    } else {
        let _ = writeln!(text, "the same again: synchronome simulate {file} --seed {}", outcome.seed);
    }
}

fn whole(text: &mut String, host: &HostOutcome) {
    let locked = host.lock_time.map_or("never".to_owned(), |time| format!("after {time}"));
    let _ = writeln!(text, "  LOCKED {locked} with its first parent; {} at the end", host.end_state);
    let steps: Vec<_> = host.steps.iter().map(|(_, by)| written(by.as_secs_f64())).collect();
    let _ = writeln!(
        text,
        "  steps {}; masters selected {}; jumps of the card's clock found {}; settings by others found {}; contradictions {}",
        if steps.is_empty() { "none".to_owned() } else { steps.join(", ") },
        host.parents.len(),
        host.jumps_found.len(),
        host.sets_found.len(),
        host.contradictions,
    );
    if !host.unnoticed.is_empty() {
        let lasted: Vec<_> = host.unnoticed.iter().map(|(_, lasted)| lasted.to_string()).collect();
        let _ =
            writeln!(text, "  wrong time served as right after pauses and settings by others: {}", lasted.join(", "));
    }
    of_helm(text, host);
}

/// Who of several sources steered, and who was found to be wrong.
fn of_helm(text: &mut String, host: &HostOutcome) {
    for handover in &host.steered {
        let Handover { at, to, why, took, is_first, .. } = handover;
        let to = to.as_deref().unwrap_or("nobody");
        let took = took.map_or(String::new(), |took| format!(", {took} after its last message"));
        let moved = handover.moved().filter(|_| !is_first);
        let moved = moved.map_or(String::new(), |moved| format!("; the clock moved by {}", written(moved)));
        let _ = writeln!(text, "  {to} steers after {}: {}{took}{moved}", *at - Timestamp::EPOCH, why.reason());
    }
    for Vetoed { at, name, took } in &host.falsetickers {
        let at = *at - Timestamp::EPOCH;
        let _ = writeln!(text, "  {name} is a falseticker after {at}, {took} after its last change");
    }
    for Alarm { at, until, took, says } in &host.alarms {
        let until = until.map_or("the end".to_owned(), |until| (until - Timestamp::EPOCH).to_string());
        let at = *at - Timestamp::EPOCH;
        let _ = writeln!(text, "  health from {at} until {until}, {took} after the last change: {says}");
    }
}

fn of_window(text: &mut String, window: &Window, figures: &Figures) {
    let limit = |name: &str| {
        let limit = window.most.iter().find(|(of, _)| *of == name);
        limit.map_or(String::new(), |(_, most)| format!(" (limit {})", written(*most)))
    };
    let _ = writeln!(text, "  window {}, {} to {}", window.name, window.span.0, window.span.1);
    if figures.samples == 0 {
        text.push_str("    no sample of the true error\n");
        return;
    }
    let _ = writeln!(
        text,
        "    true error    rms {}{}  p99 {}{}  max {}{}  mean {}  moved {}{}",
        written(figures.rms),
        limit("rms"),
        written(figures.p99),
        limit("p99"),
        written(figures.max.value),
        limit("max"),
        written(figures.mean),
        written(figures.moved),
        limit("moved"),
    );
    if let Some(phc) = figures.phc {
        let (rms, max) = (written(phc.rms), written(phc.max.value));
        let _ = writeln!(text, "    card's clock  rms {rms}{}  max {max}{}", limit("phc_rms"), limit("phc_max"));
    }
    let tightness = figures.tightness().map_or("-".to_owned(), |ratio| format!("{ratio:.1}"));
    if figures.bounded > 0.0 {
        let _ = writeln!(
            text,
            "    bound         median {}{}  max {}{}  there for {:.2} % of the time; median over p99.9 of the error {tightness}",
            written(figures.bound_median),
            limit("bound_median"),
            written(figures.bound_max.value),
            limit("bound_max"),
            100.0 * figures.bounded,
        );
    } else {
        text.push_str("    bound         none\n");
    }
    for (tau, adev, tdev, mtie) in &figures.stability {
        let (tdev, mtie) = (written(*tdev), written(*mtie));
        let _ = writeln!(text, "    over {tau:>6} s  ADEV {adev:.2e}  TDEV {tdev}  MTIE {mtie}");
    }
}

/// The same for programs.
pub fn to_json(file: &str, scenario: &Scenario, outcome: &Outcome) -> Json {
    let seconds = |time: Duration| time.as_secs_f64();
    let hosts: Vec<Json> = outcome
        .hosts
        .iter()
        .map(|host| {
            let windows = scenario.windows.iter().zip(&host.figures).map(|(window, figures)| {
                let mut object = json!({
                    "name": window.name,
                    "from_s": seconds(window.span.0),
                    "until_s": seconds(window.span.1),
                });
                if let (Json::Object(all), Json::Object(more)) = (&mut object, figures_to_json(figures)) {
                    all.extend(more);
                }
                object
            });
            json!({
                "name": host.name,
                "lock_time_s": host.lock_time.map(seconds),
                "end_state": host.end_state.to_string(),
                "steps_s": host.steps.iter().map(|(_, by)| seconds(*by)).collect::<Vec<_>>(),
                "masters_selected": host.parents.len(),
                "jumps_found": host.jumps_found.len(),
                "sets_found": host.sets_found.len(),
                "contradictions": host.contradictions,
                "steered": host.steered.iter().map(handover_to_json).collect::<Vec<_>>(),
                "falsetickers": host.falsetickers.iter().map(|found| &found.name).collect::<Vec<_>>(),
                "alarms": host.alarms.iter().map(alarm_to_json).collect::<Vec<_>>(),
                "vetoed_s": host.vetoed_after().map(seconds).collect::<Vec<_>>(),
                "noticed_s": host.noticed_after().map(seconds).collect::<Vec<_>>(),
                "windows": windows.collect::<Vec<_>>(),
            })
        })
        .collect();
    let first = outcome
        .first_at
        .as_ref()
        .map(|(at, host, violation)| json!({"at_s": seconds(*at), "host": host, "rule": format!("{violation:?}")}));
    json!({
        "file": file,
        "about": scenario.about,
        "seed": outcome.seed,
        "duration_s": seconds(scenario.duration),
        "hosts": hosts,
        "pi_ratios": outcome.pi_ratios(),
        "rounds": outcome.rounds.iter().map(round_to_json).collect::<Vec<_>>(),
        "events": outcome.events,
        "forged": outcome.forged,
        "checks": outcome.checker.checks(),
        "bounded_checks": outcome.checker.bounded(),
        "violations": outcome.checker.violations(),
        "first_violation": first,
        "tightest": outcome.checker.tightest(),
        "digest": format!("{:016x}", outcome.digest),
        "broken": outcome.broken.iter().map(|broken| json!({"at_s": seconds(broken.at), "what": broken.what})).collect::<Vec<_>>(),
        "ok": outcome.broken.is_empty(),
    })
}

fn handover_to_json(handover: &Handover) -> Json {
    json!({
        "at_s": (handover.at - Timestamp::EPOCH).as_secs_f64(),
        "to": handover.to,
        "why": handover.why.reason(),
        "took_s": handover.took.map(Duration::as_secs_f64),
        "moved_s": handover.moved(),
        "stepped_s": handover.seam.stepped.map(Duration::as_secs_f64),
    })
}

fn round_to_json(round: &Round) -> Json {
    json!({
        "at_s": round.at.as_secs_f64(),
        "changes": round.changes,
        "moved_s": (round.moved - round.at).as_secs_f64(),
        "settled_s": round.settled.as_secs_f64(),
        "judged": round.judged,
        "masters_on_one_segment": round.masters,
        "fault": round.fault.as_ref().map(|(_, what)| what),
        "echo_s": round.echo.map(Duration::as_secs_f64),
    })
}

fn alarm_to_json(alarm: &Alarm) -> Json {
    let since = |at: Timestamp<_>| (at - Timestamp::EPOCH).as_secs_f64();
    json!({
        "at_s": since(alarm.at),
        "until_s": alarm.until.map(since),
        "took_s": alarm.took.as_secs_f64(),
        "says": alarm.says,
    })
}

/// The figures of one clock in one window.
pub fn figures_to_json(figures: &Figures) -> Json {
    let stability = figures
        .stability
        .iter()
        .map(|(tau, adev, tdev, mtie)| json!({"tau_s": tau, "adev": adev, "tdev_s": tdev, "mtie_s": mtie}));
    json!({
        "samples": figures.samples,
        "rms_s": figures.rms,
        "mean_s": figures.mean,
        "p99_s": figures.p99,
        "p999_s": figures.p999,
        "max_s": figures.max.value,
        "moved_s": figures.moved,
        "phc_rms_s": figures.phc.map(|phc| phc.rms),
        "phc_max_s": figures.phc.map(|phc| phc.max.value),
        "bounded": figures.bounded,
        "bound_median_s": figures.bound_median,
        "bound_max_s": figures.bound_max.value,
        "tightness": figures.tightness(),
        "stability": stability.collect::<Vec<_>>(),
    })
}
