//! One cell of a table with one servo, whatever the protocol; and all of them with all seeds, on all CPUs.

use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use synchronome::discipline::servo::Kind;
use synchronome::sim::{BoundStatistics, CELLS, Cell, NTP_CELLS, NtpCell, Span, Statistics};
use synchronome::time::Duration;

use super::checked::Checked;

/// A table of cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    Ptp,
    Ntp,
    /// The same cells with what they leave out.
    PtpImperfect,
    NtpImperfect,
}

impl Table {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ptp => "PTP",
            Self::Ntp => "NTP",
            Self::PtpImperfect => "PTP, imperfect",
            Self::NtpImperfect => "NTP, imperfect",
        }
    }

    pub const fn is_imperfect(self) -> bool {
        matches!(self, Self::PtpImperfect | Self::NtpImperfect)
    }
}

/// A cell of either table.
#[derive(Clone, Copy)]
enum Physics {
    Ptp(&'static Cell),
    Ntp(&'static NtpCell),
}

/// A cell and the servo that runs it.
#[derive(Clone, Copy)]
pub struct Case {
    pub table: Table,
    pub servo: Kind,
    physics: Physics,
    pub wander: f64,
    pub jitter_s: f64,
    pub interval_s: f64,
    pub best_daemon_rms_s: f64,
    /// ptp4l with the same kind of servo as our PI; only of PTP.
    pub ptp4l_pi_rms_s: Option<f64>,
    pub limit_rms_s: f64,
}

/// How much of what counts in the table's runs a run has: all, or half of it. What does not count, the settling, is whole:
/// the figures are those of a settled clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Full,
    Half,
}

impl Length {
    pub fn of(self, span: Span) -> Span {
        match self {
            Self::Full => span,
            Self::Half => Span { total: span.settling + (span.total - span.settling).half(), ..span },
        }
    }
}

/// What one run gave; or all of a cell: medians, but the worst of what must never happen.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    pub rms_s: f64,
    pub p99_s: f64,
    pub greatest_s: f64,
    /// Of all runs the longest; `None` if any never locked, or has no such time.
    pub lock_time_s: Option<f64>,
    pub checked: Checked,
    pub p999_s: f64,
    pub median_bound_s: f64,
    /// The path's part of it.
    pub median_path_s: f64,
    pub tightness: f64,
    pub tightness_without_path: f64,
}

impl Figures {
    fn new(statistics: &Statistics, bounds: &BoundStatistics, lock_time: Option<Duration>, checked: Checked) -> Self {
        Self {
            rms_s: statistics.rms(),
            p99_s: statistics.percentile(0.99),
            greatest_s: statistics.greatest(),
            lock_time_s: lock_time.map(Duration::as_secs_f64),
            checked,
            p999_s: statistics.percentile(0.999),
            median_bound_s: bounds.total.percentile(0.5),
            median_path_s: bounds.path.percentile(0.5),
            tightness: bounds.tightness(statistics),
            tightness_without_path: bounds.tightness_without_path(statistics),
        }
    }

    fn of_all(runs: &[Self]) -> Self {
        let greatest = |figure: fn(&Self) -> f64| runs.iter().map(figure).fold(0.0, f64::max);
        let middle = |figure: fn(&Self) -> f64| median(runs.iter().map(figure));
        let lock_times: Option<Vec<_>> = runs.iter().map(|run| run.lock_time_s).collect();
        Self {
            rms_s: middle(|run| run.rms_s),
            p99_s: middle(|run| run.p99_s),
            greatest_s: greatest(|run| run.greatest_s),
            lock_time_s: lock_times.map(|times| times.into_iter().fold(0.0, f64::max)),
            checked: Checked::all(runs.iter().map(|run| &run.checked)),
            p999_s: middle(|run| run.p999_s),
            median_bound_s: middle(|run| run.median_bound_s),
            median_path_s: middle(|run| run.median_path_s),
            tightness: middle(|run| run.tightness),
            tightness_without_path: middle(|run| run.tightness_without_path),
        }
    }
}

impl Case {
    /// All cells of a table.
    pub fn all(table: Table, servo: Kind) -> Vec<Self> {
        match table {
            Table::Ptp | Table::PtpImperfect => CELLS.iter().map(|cell| Self::ptp(table, cell, servo)).collect(),
            Table::Ntp | Table::NtpImperfect => NTP_CELLS.iter().map(|cell| Self::ntp(table, cell, servo)).collect(),
        }
    }

    fn ptp(table: Table, cell: &'static Cell, servo: Kind) -> Self {
        Self {
            table,
            servo,
            physics: Physics::Ptp(cell),
            wander: cell.wander,
            jitter_s: cell.jitter_s,
            interval_s: cell.interval.duration().as_secs_f64(),
            best_daemon_rms_s: cell.best_daemon_rms_s,
            ptp4l_pi_rms_s: Some(cell.ptp4l_pi_rms_s),
            limit_rms_s: cell.limit_rms_s,
        }
    }

    fn ntp(table: Table, cell: &'static NtpCell, servo: Kind) -> Self {
        Self {
            table,
            servo,
            physics: Physics::Ntp(cell),
            wander: cell.wander,
            jitter_s: cell.jitter_s,
            interval_s: cell.interval.duration().as_secs_f64(),
            best_daemon_rms_s: cell.best_daemon_rms_s,
            ptp4l_pi_rms_s: None,
            limit_rms_s: cell.limit_rms_s,
        }
    }

    /// Whom it is measured against: the plain servo against ptp4l's own plain one where that was measured.
    pub fn rival_rms_s(&self) -> f64 {
        match self.servo {
            Kind::Pi => self.ptp4l_pi_rms_s.unwrap_or(self.best_daemon_rms_s),
            Kind::Estimator => self.best_daemon_rms_s,
        }
    }

    pub fn run(&self, seed: u64, length: Length) -> Figures {
        match self.physics {
            Physics::Ptp(cell) => {
                let span = length.of(Span::FULL);
                let is_imperfect = self.table.is_imperfect();
                let run = if is_imperfect { cell.run_imperfect(seed, span) } else { cell.run(self.servo, seed, span) };
                Figures::new(&run.statistics, &run.bounds, run.lock_time, Checked::new(seed, &run.checker))
            }
            Physics::Ntp(cell) => {
                let span = length.of(cell.span());
                let is_imperfect = self.table.is_imperfect();
                let run = if is_imperfect { cell.run_imperfect(seed, span) } else { cell.run(self.servo, seed, span) };
                Figures::new(&run.statistics, &run.bounds, None, Checked::new(seed, &run.checker))
            }
        }
    }

    /// How long it takes compared with others: its samples and its exchanges.
    pub fn cost(&self) -> u64 {
        match self.physics {
            Physics::Ptp(_) => (12_000.0 * 3.0 / self.interval_s) as u64,
            Physics::Ntp(cell) => {
                let seconds = cell.span().total.as_secs_f64();
                (seconds * 0.2 + seconds * 3.0 / self.interval_s) as u64
            }
        }
    }
}

/// Runs `run(what, seed)` for seeds 1 to `seeds`, on all CPUs; which CPU runs what makes no difference to a result.
///
/// What costs most comes first, so that no CPU is left alone with it at the end.
pub fn run_all<T: Sync, R: Send>(
    what: &[T],
    seeds: u64,
    cost: impl Fn(&T) -> u64,
    run: impl Fn(&T, u64) -> R + Sync,
) -> Vec<Vec<R>> {
    let mut jobs: Vec<_> = (0..what.len()).flat_map(|index| (1..=seeds).map(move |seed| (index, seed))).collect();
    jobs.sort_by_key(|(index, seed)| (u64::MAX - cost(&what[*index]), *index, *seed));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&(index, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(&what[index], seed);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, seed, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, seed, _)| (*index, *seed));
    let mut results: Vec<Vec<R>> = iter::repeat_with(Vec::new).take(what.len()).collect();
    for (index, _, result) in done {
        results[index].push(result);
    }
    results
}

/// The middle of some figures, the mean of the two in the middle if they are even in number; not a number of none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get((sorted.len().max(1) - 1) / 2), sorted.get(sorted.len() / 2));
    low.zip(high).map_or(f64::NAN, |(low, high)| f64::midpoint(*low, *high))
}

/// What all seeds of one cell gave.
#[derive(Clone)]
pub struct Row {
    pub case: Case,
    pub ratio: f64,
    pub figures: Figures,
}

impl Row {
    pub fn new(case: Case, runs: &[Figures]) -> Self {
        let figures = Figures::of_all(runs);
        Self { case, ratio: figures.rms_s / case.rival_rms_s(), figures }
    }
}

/// The geometric mean of the rows' ratios.
pub fn geometric_mean<'a>(rows: impl IntoIterator<Item = &'a Row>) -> f64 {
    let logarithms: Vec<_> = rows.into_iter().map(|row| row.ratio.ln()).collect();
    (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp()
}
