//! Tables for people.

use super::Result;
use super::case::{Row, Table, geometric_mean};

/// What a cell is called.
pub fn name(row: &Row) -> String {
    let case = &row.case;
    format!("W {:e}, J {:e} s, each {} s", case.wander, case.jitter_s, case.interval_s)
}

pub fn print_table(result: &Result) {
    let rival = match (result.table, result.servo) {
        (Table::Ptp, "pi") => "ptp4l's PI",
        _ => "the best daemon",
    };
    println!("{}, {}, against {rival}", result.table.name(), result.servo);
    println!(
        "   W       J    each s        rms      rival  ratio      limit  /limit       p99       max  lock s  violations  error/bound"
    );
    for row in &result.rows {
        let case = &row.case;
        let lock = row.figures.lock_time_s.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
        println!(
            "{:5e}  {:5e}  {:7}  {:.3e}  {:.3e}  {:5.3}  {:.3e}  {:6.3}  {:.2e}  {:.2e}  {lock:>6}  {:10}  {:11.2}",
            case.wander,
            case.jitter_s,
            case.interval_s,
            row.figures.rms_s,
            case.rival_rms_s(),
            row.ratio,
            case.limit_rms_s,
            row.figures.rms_s / case.limit_rms_s,
            row.figures.p99_s,
            row.figures.greatest_s,
            row.figures.checked.violations,
            row.figures.checked.tightest,
        );
    }
    println!("geometric mean of the ratios: {:.3}\n", geometric_mean(&result.rows));
    print_bounds(&result.rows);
}

/// `tight`: the median bound less half of the mean path delay, over the p99.9 of the true error; `less path`: the bound
/// less all of its path's part, over the same.
fn print_bounds(rows: &[Row]) {
    println!("   W       J    each s    bound  path part      p99.9   tight  less path  violations  error/bound");
    for row in rows {
        let case = &row.case;
        println!(
            "{:5e}  {:5e}  {:7}  {:.2e}  {:.3e}  {:.3e}  {:6.2}  {:9.2}  {:10}  {:11.2}",
            case.wander,
            case.jitter_s,
            case.interval_s,
            row.figures.median_bound_s,
            row.figures.median_path_s,
            row.figures.p999_s,
            row.figures.tightness,
            row.figures.tightness_without_path,
            row.figures.checked.violations,
            row.figures.checked.tightest,
        );
    }
    println!();
}
