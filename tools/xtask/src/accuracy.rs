//! `cargo xtask accuracy`: our RMS true error in the 16 PTP cells: the PI servo against ptp4l's, the estimator against the
//! best daemon known in each cell.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{iter, thread};

use clap::Args;
use serde_json::{Value, json};
use synchronome::discipline::servo::Kind;
use synchronome::sim::{CELLS, Cell, CellRun, Span};
use synchronome::time::Duration;

/// A servo, its name, and what the geometric mean of its ratios and each of them must not exceed.
const SERVOS: [(Kind, &str, f64, f64); 2] = [(Kind::Pi, "pi", 1.0, 1.15), (Kind::Estimator, "estimator", 0.36, 0.85)];

/// Exits with 0 if each servo's ratios stay within their limits, and the truth was always inside the bound.
#[derive(Args)]
pub struct Options {
    /// Runs of each cell, seeds 1 to N; a cell's figure is the mean of their RMS.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// 3000 s instead of 12000 s a run: for a quick look.
    #[arg(long)]
    short: bool,
}

/// What all seeds of one cell gave.
struct Row {
    cell: Cell,
    rms_s: f64,
    /// Of whom this servo is measured against.
    rival_rms_s: f64,
    ratio: f64,
    greatest_s: f64,
    p99_s: f64,
    lock_time_s: Option<f64>,
    violations: u64,
    /// The greatest share of its bound that a true error took up.
    tightest: f64,
    median_bound_s: f64,
    /// The path's part of it.
    median_path_s: f64,
    p999_s: f64,
    /// See [`CellRun::tightness`].
    tightness: f64,
    /// See [`CellRun::tightness_without_path`].
    tightness_without_path: f64,
}

pub fn run(options: &Options) -> ExitCode {
    let span = if options.short { Span::SHORT } else { Span::FULL };
    let mut is_good = true;
    let mut tables = Vec::new();
    for (servo, name, mean_max, ratio_max) in SERVOS {
        let runs = run_all(servo, options.seeds, span);
        let rows: Vec<_> = CELLS.iter().zip(&runs).map(|(cell, runs)| Row::new(servo, *cell, runs)).collect();
        let mean_logarithm = rows.iter().map(|row| row.ratio.ln()).sum::<f64>() / rows.len() as f64;
        let geometric_mean = mean_logarithm.exp();
        is_good &= geometric_mean <= mean_max
            && rows.iter().all(|row| row.ratio <= ratio_max && row.violations == 0 && row.lock_time_s.is_some());
        if options.json {
            tables.push((name, rows, geometric_mean));
        } else {
            print_table(name, &rows, geometric_mean);
        }
    }
    if options.json {
        println!("{}", to_json(&tables));
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All cells with all seeds, on all CPUs; which CPU runs what makes no difference to a figure.
fn run_all(servo: Kind, seeds: u64, span: Span) -> Vec<Vec<CellRun>> {
    // The long runs (8 messages a second) first, so that no CPU is left alone with one at the end.
    let mut jobs: Vec<_> = (0..CELLS.len()).flat_map(|cell| (1..=seeds).map(move |seed| (cell, seed))).collect();
    jobs.sort_by_key(|(cell, seed)| (CELLS[*cell].interval, *cell, *seed));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&(cell, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = CELLS[cell].run(servo, seed, span);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((cell, seed, run));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(cell, seed, _)| (*cell, *seed));
    let mut cells: Vec<Vec<CellRun>> = iter::repeat_with(Vec::new).take(CELLS.len()).collect();
    for (cell, _, run) in done {
        cells[cell].push(run);
    }
    cells
}

impl Row {
    fn new(servo: Kind, cell: Cell, runs: &[CellRun]) -> Self {
        let mean = |figure: &dyn Fn(&CellRun) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
        let greatest = |figure: &dyn Fn(&CellRun) -> f64| runs.iter().map(figure).fold(0.0, f64::max);
        let rms_s = mean(&|run| run.statistics.rms());
        let lock_times: Option<Vec<_>> = runs.iter().map(|run| run.lock_time.map(Duration::as_secs_f64)).collect();
        Self {
            cell,
            rms_s,
            rival_rms_s: cell.rival_rms_s(servo),
            ratio: rms_s / cell.rival_rms_s(servo),
            greatest_s: greatest(&|run| run.statistics.greatest()),
            p99_s: mean(&|run| run.statistics.percentile(0.99)),
            lock_time_s: lock_times.map(|times| times.into_iter().fold(0.0, f64::max)),
            violations: runs.iter().map(|run| run.checker.violations()).sum(),
            tightest: greatest(&|run| run.checker.tightest()),
            median_bound_s: mean(&|run| run.bounds.total.percentile(0.5)),
            median_path_s: mean(&|run| run.bounds.path.percentile(0.5)),
            p999_s: mean(&|run| run.statistics.percentile(0.999)),
            tightness: mean(&CellRun::tightness),
            tightness_without_path: mean(&CellRun::tightness_without_path),
        }
    }
}

fn print_table(servo: &str, rows: &[Row], geometric_mean: f64) {
    let rival = if servo == "pi" { "ptp4l's PI" } else { "the best daemon" };
    println!(
        "{servo}, against {rival}; `limit`: a Kalman filter that knows the wander and weighs by excess round trip"
    );
    println!(
        "   W       J    sync s       rms      rival  ratio      limit       p99       max  lock s  violations  error/bound"
    );
    for row in rows {
        let Cell { wander, jitter_s, interval, limit_rms_s, .. } = row.cell;
        let lock = row.lock_time_s.map_or_else(|| "never".to_owned(), |time| format!("{time:.1}"));
        println!(
            "{wander:e}  {jitter_s:e}  {:6}  {:.3e}  {:.3e}  {:5.3}  {limit_rms_s:.3e}  {:.2e}  {:.2e}  {lock:>6}  {:10}  {:11.2}",
            interval.duration().as_secs_f64(),
            row.rms_s,
            row.rival_rms_s,
            row.ratio,
            row.p99_s,
            row.greatest_s,
            row.violations,
            row.tightest,
        );
    }
    println!("geometric mean of the ratios: {geometric_mean:.3}\n");
    print_bounds(rows);
}

/// `tight`: the median bound less half of the mean path delay, over the p99.9 of the true error; `less path`: the bound
/// less all of its path's part, over the same.
fn print_bounds(rows: &[Row]) {
    println!("   W       J    sync s    bound  path part      p99.9   tight  less path  violations  error/bound");
    for row in rows {
        let Cell { wander, jitter_s, interval, .. } = row.cell;
        println!(
            "{wander:e}  {jitter_s:e}  {:6}  {:.2e}  {:.3e}  {:.3e}  {:6.2}  {:9.2}  {:10}  {:11.2}",
            interval.duration().as_secs_f64(),
            row.median_bound_s,
            row.median_path_s,
            row.p999_s,
            row.tightness,
            row.tightness_without_path,
            row.violations,
            row.tightest,
        );
    }
    println!();
}

fn to_json(tables: &[(&str, Vec<Row>, f64)]) -> Value {
    let cell = |servo: &str, row: &Row| {
        json!({
            "table": "PTP, ideal hardware time stamps",
            "servo": servo,
            "wander": row.cell.wander,
            "jitter_s": row.cell.jitter_s,
            "interval_s": row.cell.interval.duration().as_secs_f64(),
            "rms_s": row.rms_s,
            "ptp4l_pi_rms_s": row.cell.ptp4l_pi_rms_s,
            "best_daemon_rms_s": row.cell.best_daemon_rms_s,
            "limit_rms_s": row.cell.limit_rms_s,
            "ratio": row.ratio,
            "p99_s": row.p99_s,
            "max_s": row.greatest_s,
            "lock_time_s": row.lock_time_s,
            "bound_violations": row.violations,
            "p999_s": row.p999_s,
            "median_bound_s": row.median_bound_s,
            "median_bound_path_s": row.median_path_s,
            "bound_tightness": row.tightness,
            "bound_tightness_without_path": row.tightness_without_path,
        })
    };
    let cells: Vec<_> = tables.iter().flat_map(|(servo, rows, _)| rows.iter().map(|row| cell(servo, row))).collect();
    let means: Vec<_> =
        tables.iter().map(|(servo, _, mean)| json!({ "servo": servo, "geometric_mean": mean })).collect();
    json!({ "cells": cells, "means": means })
}
