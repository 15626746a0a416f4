//! `synchronome phc compare`.

use std::process::ExitCode;

use serde_json::json;
use synchronome_kernel::phc::CrossingMethod;

use super::{Told, clocks, exactly, trouble, word};
use crate::cli::positive_duration;
use crate::cli::print;
use crate::clock::comparison::{READINGS, Round, Side, Summary, compare, working_methods};
use crate::clock::inventory::{HardwareClock, find};
use crate::time::Duration;

/// Rounds that a run can have: a day of ten a second is within.
const COUNT_MAX: i64 = 1_000_000;

/// Compare two clocks: their offset with its uncertainty, and how they drift apart.
///
/// Each round crosses A, B and A again with the system clock, which then drops out. Of each crossing the narrowest of ten
/// readings is taken, and half its window is its uncertainty. The offset is that of the narrowest round, because there
/// the uncertainty is a bound; the median of all stands beside it. The drift is a line through all rounds.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome phc compare eth0 system
  synchronome phc compare eth0 eth1 --count 100 --interval 20ms --json")]
pub struct Args {
    /// A clock by interface or clock_name, or `system`
    #[arg(value_name = "A")]
    first: String,
    /// Another one
    #[arg(value_name = "B")]
    second: String,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    count: u32,
    /// Time from round to round
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = positive_duration)]
    interval: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const SYSTEM: &str = "system";

/// One of the two, opened; its name, as the result has it.
struct Opened {
    side: Side,
    name: String,
    index: Option<u32>,
    method: Option<CrossingMethod>,
}

fn open(clocks: &[HardwareClock], name: &str) -> Told<Opened> {
    if name == SYSTEM {
        return Ok(Opened { side: Side::System, name: SYSTEM.to_owned(), index: None, method: None });
    }
    let clock = find(clocks, name).map_err(|error| error.to_string())?;
    let told = |error| trouble(clock, &error);
    let phc = clock.open().map_err(told)?;
    // The best method comes first, and there is one.
    let method = working_methods(&phc).map_err(told)?[0];
    let index = Some(clock.info.index);
    Ok(Opened { side: Side::Phc(phc, method), name: name.to_owned(), index, method: Some(method) })
}

pub fn run(args: &Args) -> Told<ExitCode> {
    if args.first == SYSTEM && args.second == SYSTEM {
        return Err("the system clock is not compared with itself".to_owned());
    }
    let clocks = clocks()?;
    let (first, second) = (open(&clocks, &args.first)?, open(&clocks, &args.second)?);
    if let (Some(one), Some(other)) = (first.index, second.index)
        && one == other
    {
        return Err(format!("{} and {} are one clock, /dev/ptp{one}", first.name, second.name));
    }
    let (mut rounds, mut disturbed) = (Vec::new(), 0_u32);
    for number in 0..args.count {
        if number > 0 {
            std::thread::sleep(args.interval.to_std());
        }
        match compare(&first.side, &second.side) {
            Ok(Some(round)) => rounds.push(round),
            Ok(None) => disturbed += 1,
            Err(error) => return Err(format!("{} and {}: {error}", first.name, second.name)),
        }
    }
    let Some(summary) = Summary::of(&rounds) else {
        return Err("each round was disturbed: somebody is setting a clock all the time".to_owned());
    };
    print(&if args.json {
        json(&first, &second, &rounds, disturbed, &summary)
    } else {
        text(&first, &second, &rounds, disturbed, &summary)
    });
    Ok(ExitCode::SUCCESS)
}

fn text(first: &Opened, second: &Opened, rounds: &[Round], disturbed: u32, summary: &Summary) -> String {
    let described = |opened: &Opened| match (opened.index, opened.method) {
        (Some(index), Some(method)) => format!("{} (/dev/ptp{index}, {})", opened.name, word(method)),
        _ => opened.name.clone(),
    };
    let count = rounds.len();
    let lost = if disturbed > 0 { format!("; {disturbed} more were spoilt by a step") } else { String::new() };
    let drift = summary.drift.map_or("unknown: it takes three rounds".to_owned(), |(drift, error)| {
        let direction = if drift.ppb() < 0.0 { "slower" } else { "faster" };
        format!("{drift} +- {:.1} ppb: the first runs {direction}", error.ppb())
    });
    format!(
        "{} - {}\n  offset  {} +- {}, of the narrowest of {count} rounds (each the narrowest of {READINGS} readings){lost}\n  \
         median  {}\n  drift   {drift}\n",
        described(first),
        described(second),
        exactly(summary.narrowest.offset),
        summary.narrowest.uncertainty,
        exactly(summary.median),
    )
}

fn json(first: &Opened, second: &Opened, rounds: &[Round], disturbed: u32, summary: &Summary) -> String {
    let side =
        |opened: &Opened| json!({ "name": opened.name, "index": opened.index, "method": opened.method.map(word) });
    let start = rounds[0].at;
    let all: Vec<_> = rounds
        .iter()
        .map(|round| {
            json!({
                "at_s": (round.at - start).as_secs_f64(),
                "offset_ns": round.offset.as_nanos(),
                "uncertainty_ns": round.uncertainty.as_nanos(),
            })
        })
        .collect();
    let object = json!({
        "first": side(first),
        "second": side(second),
        "offset_ns": summary.narrowest.offset.as_nanos(),
        "uncertainty_ns": summary.narrowest.uncertainty.as_nanos(),
        "median_ns": summary.median.as_nanos(),
        "drift_ppb": summary.drift.map(|(drift, _)| drift.ppb()),
        "drift_error_ppb": summary.drift.map(|(_, error)| error.ppb()),
        "disturbed": disturbed,
        "rounds": all,
    });
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn opened(name: &str) -> Opened {
        Opened { side: Side::System, name: name.into(), index: Some(1), method: Some(CrossingMethod::Extended) }
    }

    fn rounds() -> Vec<Round> {
        (0..5)
            .map(|index| Round {
                at: Timestamp::from_secs(index),
                offset: Duration::from_nanos(100 - 50 * index),
                uncertainty: Duration::from_nanos(if index == 1 { 30 } else { 200 }),
            })
            .collect()
    }

    #[test]
    fn the_result_is_that_of_the_narrowest_round() {
        let rounds = rounds();
        let summary = Summary::of(&rounds).expect("rounds");
        let text = text(&opened("eth0"), &opened("system"), &rounds, 2, &summary);
        for part in ["eth0 (/dev/ptp1, extended) - ", "+50 ns +- 30.0 ns", "narrowest of 5", "2 more", "median  +0 ns"]
        {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        assert!(text.contains("-50.0 ppb +- 0.0 ppb: the first runs slower"), "{text}");
        let json: serde_json::Value =
            serde_json::from_str(&json(&opened("eth0"), &opened("system"), &rounds, 2, &summary)).expect("one object");
        assert_eq!((&json["offset_ns"], &json["rounds"][4]["offset_ns"]), (&json!(50), &json!(-100)));
        assert!((json["drift_ppb"].as_f64().expect("a number") + 50.0).abs() < 1e-6);
    }

    #[test]
    fn one_round_has_no_drift_and_says_so() {
        let rounds = &rounds()[..1];
        let text = text(&opened("a"), &opened("b"), rounds, 0, &Summary::of(rounds).expect("a round"));
        assert!(text.contains("unknown: it takes three rounds") && !text.contains("more"), "{text}");
    }
}
