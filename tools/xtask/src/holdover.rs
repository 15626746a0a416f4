//! `cargo xtask holdover`: a day of lock, an hour without: is the bound right, is it tight, and was it foretold?

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use synchronome::sharing::LIMITS;
use synchronome::sim::{HoldoverCase, HoldoverRun};
use synchronome::time::Duration;

/// The bound may be so many times the p95 of the true error over all seeds.
const WIDTH_MAX: f64 = 5.0;
/// A time that is foretold may be shorter by this factor than that in which the bound exceeds the limit; longer than that in which one
/// seed of twenty does it must not be.
const EARLY_MAX: f64 = 2.0;
/// The clock is looked at each second.
const LOOKED_AT_S: f64 = 1.5;

/// Exits with 0 if the truth was always inside the bound, and the bound within its limits.
#[derive(Args)]
pub struct Options {
    /// Runs of each case, seeds 1 to N.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Seconds that the source is followed.
    #[arg(long, value_name = "S", default_value_t = 86_400)]
    followed: i64,
    /// Seconds that it is gone.
    #[arg(long, value_name = "S", default_value_t = 3_600)]
    lost: i64,
    /// Only cases of this wander.
    #[arg(long)]
    wander: Option<f64>,
    /// Only cases of this jitter.
    #[arg(long)]
    jitter: Option<f64>,
}

pub fn run(options: &Options) -> ExitCode {
    println!(
        "   W       J   p95 error  median bound  bound/p95  limit   foretold  the bound exceeds it  5% of errors do  violations"
    );
    let mut is_good = true;
    for wander in [1e-10, 1e-9, 1e-8] {
        for jitter_s in [1e-8, 1e-7, 1e-6] {
            let is_other = |only: Option<f64>, value: f64| only.is_some_and(|only| only.to_bits() != value.to_bits());
            if is_other(options.wander, wander) || is_other(options.jitter, jitter_s) {
                continue;
            }
            let case = HoldoverCase {
                wander,
                jitter_s,
                followed: Duration::from_secs(options.followed),
                lost: Duration::from_secs(options.lost),
            };
            is_good &= judge(&case, &run_all(&case, options.seeds));
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(case: &HoldoverCase, seeds: u64) -> Vec<HoldoverRun> {
    let next = AtomicU64::new(1);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    let run = case.run(seed);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((seed, run));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(seed, _)| *seed);
    done.into_iter().map(|(_, run)| run).collect()
}

fn judge(case: &HoldoverCase, runs: &[HoldoverRun]) -> bool {
    let error = percentile(runs.iter().map(|run| run.error_s.abs()), 0.95);
    let bound = percentile(runs.iter().map(|run| run.bound_s), 0.5);
    let violations: u64 = runs.iter().map(|run| run.checker.violations()).sum();
    let ratio = bound / error;
    let mut is_good = violations == 0 && ratio <= WIDTH_MAX;
    for (index, limit) in LIMITS.iter().enumerate() {
        let foretold = percentile(runs.iter().map(|run| run.foretold_s[index]), 0.5);
        let passed = percentile(runs.iter().map(|run| run.bound_exceeded_s[index].unwrap_or(f64::INFINITY)), 0.5);
        // When one seed of twenty exceeds the limit.
        let exceeded = percentile(runs.iter().map(|run| run.error_exceeded_s[index].unwrap_or(f64::INFINITY)), 0.05);
        is_good &= foretold <= exceeded && foretold <= passed + LOOKED_AT_S;
        is_good &= !passed.is_finite() || passed <= EARLY_MAX * foretold + LOOKED_AT_S;
        let figures = if index == 0 {
            format!("{:e}  {:e}  {error:.3e}  {bound:12.3e}  {ratio:9.2}  ", case.wander, case.jitter_s)
        } else {
            " ".repeat(48)
        };
        println!(
            "{figures}{:>6}  {foretold:7.0} s  {passed:18.0} s  {exceeded:13.0} s  {violations:10}",
            limit.to_string()
        );
    }
    is_good
}

fn percentile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64) as usize;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
