//! `run`: scenarios, one after the other.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synchronome_clknetsim::bench::{Laboratory, Outcome, Player, SCENARIOS, Scenario, Span};

#[derive(Args)]
pub struct Options {
    /// Names of scenarios, or `all`
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    scenarios: Vec<String>,
    /// Print the scenarios and what they are about
    #[arg(long)]
    list: bool,
    /// Runs of each, seeds 1 to N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// 3000 s instead of 12000 s a run
    #[arg(long)]
    short: bool,
    /// Also run the same engines with the same physics in our own simulator
    #[arg(long)]
    compare: bool,
    /// One JSON object for each run
    #[arg(long)]
    json: bool,
    /// Where the logs go
    #[arg(long, value_name = "FOLDER", default_value = "target/clknetsim")]
    results: PathBuf,
}

/// Runs what is asked for; whether all went well.
///
/// # Errors
/// What is missing: nothing was run then.
pub fn run(options: &Options) -> Result<bool, String> {
    if options.list {
        for Scenario { name, about, .. } in SCENARIOS {
            println!("{name:<12} {about}");
        }
        return Ok(true);
    }
    let mut wanted = Vec::new();
    for name in &options.scenarios {
        match SCENARIOS.iter().find(|scenario| scenario.name == name) {
            Some(scenario) => wanted.push(*scenario),
            None if name == "all" => wanted.extend(SCENARIOS),
            None => return Err(format!("no scenario `{name}`; --list prints them")),
        }
    }
    let ours = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    let laboratory = Laboratory::find(&ours, &options.results).map_err(|missing| missing.to_string())?;
    let span = if options.short { Span::SHORT } else { Span::FULL };
    let mut is_good = true;
    for scenario in &wanted {
        laboratory.has(scenario).map_err(|missing| missing.to_string())?;
        let mut figures = Vec::new();
        for seed in 1..=options.seeds {
            match laboratory.run(scenario, seed, span) {
                Ok(outcome) => {
                    is_good &= outcome.unmet.is_empty();
                    show(scenario, &outcome, options.json);
                    figures.push(outcome.figures[scenario.judged_clock()].rms_s);
                }
                Err(problem) => {
                    is_good = false;
                    println!("{:<12} seed {seed}: FAILED: {problem}", scenario.name);
                }
            }
        }
        let simulated: Option<Vec<_>> = (1..=options.seeds)
            .map(|seed| if options.compare { scenario.rms_simulated(seed, span) } else { None })
            .collect();
        summarise(scenario, &figures, simulated.as_deref(), options.json);
    }
    Ok(is_good)
}

/// Prints the mean of all seeds, and that of our own simulator beside it.
fn summarise(scenario: &Scenario, figures: &[f64], simulated: Option<&[f64]>, is_json: bool) {
    let mean = |figures: &[f64]| figures.iter().sum::<f64>() / figures.len() as f64;
    if figures.is_empty() || figures.len() == 1 && simulated.is_none() {
        return;
    }
    let (here, there) = (mean(figures), simulated.map(mean));
    if is_json {
        let ratio = there.map(|there| here / there);
        let summary = json!({ "scenario": scenario.name, "seeds": figures.len(), "mean_rms_s": here, "simulated_rms_s": there, "ratio": ratio });
        return println!("{summary}");
    }
    print!("{:<12} {} seeds: mean rms {here:.3e} s", scenario.name, figures.len());
    match there {
        Some(there) => println!("; in our own simulator {there:.3e} s, ratio {:.3}", here / there),
        None => println!(),
    }
}

fn show(scenario: &Scenario, outcome: &Outcome, is_json: bool) {
    if is_json {
        return println!("{}", outcome.to_json(scenario));
    }
    let names = scenario.players.map(Player::program);
    let per_node = scenario.clocks_each();
    print!("{:<12} seed {}:", scenario.name, outcome.seed);
    for (index, name) in names.into_iter().enumerate() {
        let figures = outcome.figures[(index + 1) * per_node - 1];
        print!("  {name} rms {:.3e} max {:.3e} s", figures.rms_s, figures.greatest_s);
    }
    let verdict =
        if outcome.unmet.is_empty() { "ok".to_owned() } else { format!("FAILED: {}", outcome.unmet.join("; ")) };
    println!("  (at most {:.1e})  {verdict}", scenario.rms_max_s);
}
