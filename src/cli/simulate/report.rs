//! What a run is told as: text for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::figures::{Figures, written};
use super::run::{HostOutcome, Outcome};
use super::scenario::{Scenario, Window};
use crate::time::Duration;

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
    let checker = &outcome.checker;
    let _ = writeln!(
        text,
        "\nchecked {} times after {} events, with a bound {} times; at the tightest the error was {:.3} of the bound",
        checker.checks(),
        outcome.events,
        checker.bounded(),
        checker.tightest()
    );
    verdict(&mut text, file, outcome);
    text
}

/// One line of a run among many.
pub fn line(file: &str, outcome: &Outcome) -> String {
    let worst = |figure: fn(&Figures) -> f64| {
        let all = outcome.hosts.iter().flat_map(|host| &host.figures).map(figure);
        written(all.fold(0.0, f64::max))
    };
    let mut text = format!(
        "seed {:>4}  rms {:>10}  p99 {:>10}  max {:>10}  bound {:>10}",
        outcome.seed,
        worst(|figures| figures.rms),
        worst(|figures| figures.p99),
        worst(|figures| figures.max),
        worst(|figures| figures.bound_median),
    );
    text.push_str(if outcome.broken.is_empty() { "  good\n" } else { "  FAILED\n" });
    if !outcome.broken.is_empty() {
        verdict(&mut text, file, outcome);
    }
    text
}

fn verdict(text: &mut String, file: &str, outcome: &Outcome) {
    for broken in &outcome.broken {
        let _ = writeln!(text, "BROKEN: {broken}");
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
        host.parents,
        host.jumps_found,
        host.sets_found,
        host.contradictions,
    );
}

fn of_window(text: &mut String, window: &Window, figures: &Figures) {
    let limit = |name: &str| {
        let limit = window.most.iter().find(|(of, _)| *of == name);
        limit.map_or(String::new(), |(_, most)| format!(" (limit {})", written(*most)))
    };
    let _ = writeln!(text, "  window {}, {} to {}", window.name, window.span.0, window.span.1);
    let _ = writeln!(
        text,
        "    true error    rms {}{}  p99 {}{}  max {}{}  mean {}",
        written(figures.rms),
        limit("rms"),
        written(figures.p99),
        limit("p99"),
        written(figures.max),
        limit("max"),
        written(figures.mean),
    );
    if let Some((rms, max)) = figures.phc {
        let (rms, max) = (written(rms), written(max));
        let _ = writeln!(text, "    card's clock  rms {rms}{}  max {max}{}", limit("phc_rms"), limit("phc_max"));
    }
    let tightness = figures.tightness().map_or("-".to_owned(), |ratio| format!("{ratio:.1}"));
    let _ = writeln!(
        text,
        "    bound         median {}{}  max {}{}  there for {:.2} % of the time; median over p99.9 of the error {tightness}",
        written(figures.bound_median),
        limit("bound_median"),
        written(figures.bound_max),
        limit("bound_max"),
        100.0 * figures.bounded,
    );
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
                let stability = figures
                    .stability
                    .iter()
                    .map(|(tau, adev, tdev, mtie)| json!({"tau_s": tau, "adev": adev, "tdev_s": tdev, "mtie_s": mtie}));
                json!({
                    "name": window.name,
                    "from_s": seconds(window.span.0),
                    "until_s": seconds(window.span.1),
                    "samples": figures.samples,
                    "rms_s": figures.rms,
                    "mean_s": figures.mean,
                    "p99_s": figures.p99,
                    "p999_s": figures.p999,
                    "max_s": figures.max,
                    "phc_rms_s": figures.phc.map(|(rms, _)| rms),
                    "phc_max_s": figures.phc.map(|(_, max)| max),
                    "bounded": figures.bounded,
                    "bound_median_s": figures.bound_median,
                    "bound_max_s": figures.bound_max,
                    "tightness": figures.tightness(),
                    "stability": stability.collect::<Vec<_>>(),
                })
            });
            json!({
                "name": host.name,
                "lock_time_s": host.lock_time.map(seconds),
                "end_state": host.end_state.to_string(),
                "steps_s": host.steps.iter().map(|(_, by)| seconds(*by)).collect::<Vec<_>>(),
                "masters_selected": host.parents,
                "jumps_found": host.jumps_found,
                "sets_found": host.sets_found,
                "contradictions": host.contradictions,
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
        "events": outcome.events,
        "checks": outcome.checker.checks(),
        "bounded_checks": outcome.checker.bounded(),
        "violations": outcome.checker.violations(),
        "first_violation": first,
        "tightest": outcome.checker.tightest(),
        "digest": format!("{:016x}", outcome.digest),
        "broken": outcome.broken,
        "ok": outcome.broken.is_empty(),
    })
}
