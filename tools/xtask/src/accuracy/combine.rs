//! Several sources at once, beside the best one alone.

use serde_json::{Value, json};
use synchronome::sim::{COMBINATIONS, Combination};

use super::Options;
use super::case::{median, run_all};

/// How long a run is, in seconds.
const SECONDS: u32 = 8_000;

/// A source that lies must be found out within so many seconds.
const FOUND_OUT_S_MAX: u64 = 5;

/// One combination: medians over the seeds, but the worst of what must never happen.
pub struct CombinationRow {
    combination: &'static Combination,
    best_rms_s: f64,
    rms_s: f64,
    ratio: f64,
    violations: u64,
    outcast: u64,
    found_out_s: Option<u64>,
}

pub fn combinations(options: &Options) -> Vec<CombinationRow> {
    let seconds = if options.short { SECONDS / 2 } else { SECONDS };
    let cost = |combination: &Combination| combination.sources.iter().map(|s| (1e3 / s.interval_s) as u64).sum();
    let runs = run_all(&COMBINATIONS, options.seeds(), cost, |combination, seed| combination.run(seed, seconds));
    COMBINATIONS
        .iter()
        .zip(runs)
        .map(|(combination, runs)| CombinationRow {
            combination,
            best_rms_s: median(runs.iter().map(|run| run.best_rms_s)),
            rms_s: median(runs.iter().map(|run| run.rms_s)),
            ratio: median(runs.iter().map(|run| run.rms_s / run.best_rms_s)),
            violations: runs.iter().map(|run| run.violations).sum(),
            outcast: runs.iter().map(|run| run.outcast).sum(),
            found_out_s: runs.iter().map(|run| run.found_out_s).collect::<Option<Vec<_>>>().map(greatest),
        })
        .collect()
}

fn greatest(seconds: Vec<u64>) -> u64 {
    seconds.into_iter().max().unwrap_or(0)
}

pub fn print(rows: &[CombinationRow]) {
    println!(
        "Several sources at once; `best`: of the honest ones alone; `found out`: seconds from a lie to its being named"
    );
    println!("sources                           best        all  ratio  limit  violations  found out");
    for row in rows {
        let found_out = match row.found_out_s {
            _ if row.combination.sources.iter().all(|source| source.lie_s == 0.0) => "-".to_owned(),
            Some(seconds) => seconds.to_string(),
            None => "never".to_owned(),
        };
        println!(
            "{:<28}  {:.3e}  {:.3e}  {:5.3}  {:5.2}  {:10}  {found_out:>9}",
            row.combination.name,
            row.best_rms_s,
            row.rms_s,
            row.ratio,
            row.combination.ratio_max,
            row.violations + row.outcast,
        );
    }
    println!();
}

pub fn to_json(rows: &[CombinationRow]) -> Vec<Value> {
    rows.iter()
        .map(|row| {
            json!({
                "row": row.combination.name,
                "best_rms_s": row.best_rms_s,
                "rms_s": row.rms_s,
                "ratio": row.ratio,
                "limit": row.combination.ratio_max,
                "bound_violations": row.violations,
                "honest_outcast": row.outcast,
                "found_out_s": row.found_out_s,
            })
        })
        .collect()
}

pub fn faults(rows: &[CombinationRow], options: &Options) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        let (name, limit) = (row.combination.name, options.limit(row.combination.ratio_max));
        if row.ratio > limit {
            faults.push(format!("{name}: {:.3} of the best one alone, above {limit:.3}", row.ratio));
        }
        if row.violations + row.outcast > 0 {
            faults.push(format!("{name}: selected wrongly for {} s, against {} s", row.violations, row.outcast));
        }
        if row.found_out_s.is_none_or(|seconds| seconds > FOUND_OUT_S_MAX) {
            faults.push(format!("{name}: found out after {:?} s, not {FOUND_OUT_S_MAX} s", row.found_out_s));
        }
    }
    faults
}
