//! The truth about a simulated clock.
//!
//! A simulated clock is a function of the stamping clock's reading `r`, and so is the grandmaster's: so here, and only
//! here, the error is known. This thread keeps a twin of the simulated clock, repeats every adjustment on it, and
//! compares it each 10 ms with the master and with the bound that was published at that instant.
//!
//! An adjustment becomes known a moment after it was made. So a sample waits until a snapshot was published that is
//! younger than it: whatever was done to the clock before that is then in the ring.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use hdrhistogram::Histogram;

use super::privileges::{ThreadKind, confine};
use crate::clock::{Clock, HostClock, Recorded, SoftwareClock};
use crate::sharing::{Latch, RingReader, Seqlock, TimeSnapshot};
use crate::time::{Duration, ErrorBound, Local, SyncState, Timestamp};

/// Adjustments that fit into the ring until the thread comes round.
pub const TRUTH_RING: usize = 1_024;
/// How often the truth is sampled.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);
/// Statistics begin this long after LOCKED: what came before is acquisition.
const SETTLE: Duration = Duration::from_secs(2);
/// Samples that wait for a younger snapshot; more means that the discipline is dead.
const WAITING_MAX: usize = 2_000;
/// The largest error that the histogram distinguishes, 1000 s in ns.
const ERROR_NS_MAX: u64 = 1_000_000_000_000;

/// What is known of the truth so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TruthReport {
    /// Samples with a published bound.
    pub bounded_samples: u64,
    /// Of these, those with the truth outside the bound.
    pub violations: u64,
    /// The worst violation: by how much the error exceeded the bound.
    pub worst_excess: Duration,
    /// Samples since two seconds after LOCKED.
    pub samples: u64,
    /// Root mean square of the error over these.
    pub rms: Duration,
    /// The greatest error of these.
    pub greatest: Duration,
    /// The 99th percentile of the error's size of these.
    pub p99: Duration,
    /// The median of the bound over these.
    pub median_bound: Duration,
    /// The latest error: positive is ahead of the master.
    pub error: Duration,
    /// The bound that was published then.
    pub bound: Option<Duration>,
}

/// Where the report lies; only threads without timing duties look.
#[derive(Clone, Debug, Default)]
pub struct Truth(Arc<Mutex<TruthReport>>);

impl Truth {
    /// The report so far.
    pub fn report(&self) -> TruthReport {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sample {
    local: Timestamp<Local>,
    snapshot: TimeSnapshot,
}

struct Watcher {
    twin: SoftwareClock,
    reference_offset: Duration,
    adjustments: RingReader<Recorded>,
    next: Option<Recorded>,
    waiting: VecDeque<Sample>,
    locked_since: Option<Timestamp<Local>>,
    report: TruthReport,
    sum_of_squares: f64,
    errors: Histogram<u64>,
    bounds: Histogram<u64>,
}

/// Starts the thread with a twin of the simulated clock.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_truth(
    twin: SoftwareClock,
    reference_offset: Duration,
    adjustments: RingReader<Recorded>,
    snapshots: Seqlock<TimeSnapshot>,
    stop: Latch,
) -> io::Result<(Truth, JoinHandle<()>)> {
    let truth = Truth::default();
    let shared = truth.clone();
    let histogram = || Histogram::new_with_bounds(1, ERROR_NS_MAX, 3).expect("constant bounds are valid");
    let mut watcher = Watcher {
        twin,
        reference_offset,
        adjustments,
        next: None,
        waiting: VecDeque::with_capacity(WAITING_MAX),
        locked_since: None,
        report: TruthReport::default(),
        sum_of_squares: 0.0,
        errors: histogram(),
        bounds: histogram(),
    };
    let thread = Builder::new().name("truth".to_owned()).spawn(move || {
        confine(ThreadKind::Simulation);
        while !stop.is_set() {
            std::thread::sleep(SAMPLE_EVERY.to_std());
            if let Ok(snapshot) = snapshots.read() {
                watcher.sample(HostClock.stamping(), &snapshot);
                *shared.0.lock().unwrap_or_else(PoisonError::into_inner) = watcher.report;
            }
        }
    })?;
    Ok((truth, thread))
}

impl Watcher {
    fn sample(&mut self, local: Timestamp<Local>, snapshot: &TimeSnapshot) {
        let published = snapshot.anchor_local;
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(Sample { local, snapshot: *snapshot });
        }
        while self.waiting.front().is_some_and(|sample| sample.local < published) {
            if let Some(sample) = self.waiting.pop_front() {
                self.judge(&sample);
            }
        }
    }

    fn judge(&mut self, sample: &Sample) {
        self.repeat_adjustments_until(sample.local);
        let (reading, _) = self.twin.line(sample.local);
        let master = sample.local + self.reference_offset;
        let error = reading - master;
        let bound = sample.snapshot.bound_at(sample.local);
        self.report.error = error;
        self.report.bound = bound.is_bounded().then(|| bound.greatest_error());
        if bound.is_bounded() {
            self.report.bounded_samples += 1;
            self.check_bound(error, bound);
        }
        self.note_lock(sample);
        if self.locked_since.is_some_and(|since| sample.local - since >= SETTLE) {
            self.note_error(error, bound);
        }
    }

    fn check_bound(&mut self, error: Duration, bound: ErrorBound) {
        if !bound.contains(error) {
            self.report.violations += 1;
            let excess = error.abs() - bound.greatest_error();
            self.report.worst_excess = self.report.worst_excess.max(excess);
        }
    }

    fn note_lock(&mut self, sample: &Sample) {
        if self.locked_since.is_none() && sample.snapshot.state == SyncState::Locked {
            self.locked_since = Some(sample.local);
        }
    }

    fn note_error(&mut self, error: Duration, bound: ErrorBound) {
        let report = &mut self.report;
        report.samples += 1;
        self.sum_of_squares += error.as_secs_f64() * error.as_secs_f64();
        report.rms = Duration::from_secs_f64((self.sum_of_squares / report.samples as f64).sqrt());
        report.greatest = report.greatest.max(error.abs());
        let nanos = |duration: Duration| u64::try_from(duration.abs().as_nanos()).unwrap_or(0).min(ERROR_NS_MAX);
        self.errors.saturating_record(nanos(error));
        self.bounds.saturating_record(nanos(bound.greatest_error()));
        let quantile = |histogram: &Histogram<u64>, q| Duration::from_nanos(histogram.value_at_quantile(q) as i64);
        report.p99 = quantile(&self.errors, 0.99);
        report.median_bound = quantile(&self.bounds, 0.5);
    }

    fn repeat_adjustments_until(&mut self, local: Timestamp<Local>) {
        loop {
            if self.next.is_none() {
                self.next = self.adjustments.pop();
            }
            match self.next {
                // The discipline's clock obeyed the same command, so the twin does.
                Some(Recorded::Adjusted(at, command)) if at <= local => _ = self.twin.adjust(at, command),
                Some(Recorded::Set(at, by)) if at <= local => self.twin.set(at, by),
                // What it reads before that, it reads by what it did before.
                Some(Recorded::Restarted(at)) if at <= local => _ = self.twin.restart(at),
                _ => return,
            }
            self.next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::OscillatorModel;
    use crate::discipline::Adjustment;
    use crate::sharing::{BoundParts, Doorbell, Ring, Wake};
    use crate::time::FrequencyPpb;

    struct Nobody;
    impl Wake for Nobody {
        fn wake(&self) {}
    }

    fn at(millis: i64) -> Timestamp<Local> {
        Timestamp::from_secs(1_700_000_000) + Duration::from_millis(millis)
    }

    fn watcher(adjustments: RingReader<Recorded>) -> Watcher {
        let limit = FrequencyPpb::from_ppm(500.0);
        let histogram = || Histogram::new_with_bounds(1, ERROR_NS_MAX, 3).unwrap();
        Watcher {
            twin: SoftwareClock::new(at(0), Duration::from_secs(2), OscillatorModel::PERFECT, limit),
            reference_offset: Duration::ZERO,
            adjustments,
            next: None,
            waiting: VecDeque::new(),
            locked_since: None,
            report: TruthReport::default(),
            sum_of_squares: 0.0,
            errors: histogram(),
            bounds: histogram(),
        }
    }

    fn snapshot(published: Timestamp<Local>, bound: Duration) -> TimeSnapshot {
        TimeSnapshot {
            state: SyncState::Locked,
            anchor_local: published,
            is_bounded: true,
            parts: BoundParts { path: bound, ..BoundParts::default() },
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        }
    }

    #[test]
    fn a_clock_outside_its_bound_is_found_out() {
        let (_, reader) = Ring::with_capacity(8, Doorbell::new(Nobody));
        let mut watcher = watcher(reader);
        watcher.sample(at(10), &snapshot(at(5), Duration::from_secs(3)));
        assert_eq!(watcher.report.bounded_samples, 0, "it waits for a younger snapshot");
        watcher.sample(at(20), &snapshot(at(15), Duration::from_secs(1)));
        assert_eq!((watcher.report.bounded_samples, watcher.report.violations), (1, 0));
        watcher.sample(at(30), &snapshot(at(25), Duration::from_secs(1)));
        assert_eq!((watcher.report.bounded_samples, watcher.report.violations), (2, 1));
        assert_eq!(watcher.report.worst_excess, Duration::SECOND);
    }

    #[test]
    fn adjustments_act_on_the_twin_from_their_own_instant() {
        let (mut writer, reader) = Ring::with_capacity(8, Doorbell::new(Nobody));
        let mut watcher = watcher(reader);
        let command = Adjustment::Step(Duration::from_secs(-2), FrequencyPpb::ZERO);
        writer.push(Recorded::Adjusted(at(15), command));
        watcher.sample(at(10), &snapshot(at(5), Duration::from_secs(3)));
        watcher.sample(at(20), &snapshot(at(18), Duration::from_secs(3)));
        assert_eq!(watcher.report.error, Duration::from_secs(2));
        watcher.sample(at(30), &snapshot(at(28), Duration::from_secs(3)));
        assert_eq!(watcher.report.error, Duration::ZERO);
    }
}
