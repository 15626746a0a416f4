//! A course at equal distances, so that its figures and its picture are those of `synchronome simulate`.
//!
//! A recorded clock is looked at when something happens to it, a simulated one at equal distances. Between two moments a clock runs
//! straight, so its true error is a line; what was measured or published holds until the next.

use crate::cli::simulate::figures::{Figures, Series};
use crate::cli::simulate::points::{Curves, Point, points};
use crate::sim::SAMPLES_MAX;
use crate::time::{Duration, Mono, SyncState, Timestamp};
use crate::trace::{Course, Moment};

/// As the simulator samples unless it is told otherwise.
const SAMPLE: Duration = Duration::from_millis(125);

/// See the module's text.
pub(super) struct Grid {
    begins: Timestamp<Mono>,
    sample: Duration,
    errors: Vec<f64>,
    offsets: Vec<f64>,
    bounds: Vec<f64>,
    frequencies: Vec<f64>,
    settled: Option<Timestamp<Mono>>,
    /// Whether the truth is known.
    pub(super) has_truth: bool,
    /// The states, with when each began.
    pub(super) states: Vec<(Timestamp<Mono>, SyncState)>,
}

impl Grid {
    pub(super) fn of(course: &Course) -> Self {
        let at = |moment: Option<&Moment>| moment.map_or(Timestamp::EPOCH, |moment| moment.at);
        let (begins, ends) = (at(course.0.first()), at(course.0.last()));
        let sample = SAMPLE.max((ends - begins).scaled(1.0 / SAMPLES_MAX as f64));
        let mut grid = Self {
            begins,
            sample,
            errors: Vec::new(),
            offsets: Vec::new(),
            bounds: Vec::new(),
            frequencies: Vec::new(),
            settled: course.settled_at(),
            has_truth: course.0.iter().any(|moment| moment.true_error.is_some()),
            states: Vec::new(),
        };
        let mut moments = course.0.iter().peekable();
        let mut held = (f64::NAN, f64::INFINITY, f64::NAN);
        let mut truths = (None, course.0.iter().filter_map(truth).peekable());
        let mut now = begins + sample;
        while now <= ends {
            while let Some(moment) = moments.next_if(|moment| moment.at <= now) {
                held.0 = moment.offset.map_or(held.0, Duration::as_secs_f64);
                held.1 = moment.bound.map_or(f64::INFINITY, Duration::as_secs_f64);
                held.2 = moment.frequency.ppb();
                if grid.states.last().is_none_or(|(_, state)| *state != moment.state) {
                    grid.states.push((moment.at, moment.state));
                }
            }
            while let Some(passed) = truths.1.next_if(|(at, _)| *at <= now) {
                truths.0 = Some(passed);
            }
            grid.errors.push(between(truths.0, truths.1.peek().copied(), now));
            grid.offsets.push(held.0);
            grid.bounds.push(held.1);
            grid.frequencies.push(held.2);
            now = now + sample;
        }
        grid
    }

    /// Of the true error where it is known, else of the offset as measured; once settled, as time since `zero`.
    pub(super) fn figures(&self, zero: Timestamp<Mono>) -> Figures {
        let values = if self.has_truth { &self.errors } else { &self.offsets };
        let settled = self.settled.unwrap_or(self.begins);
        let late = (settled - self.begins).as_secs_f64() / self.sample.as_secs_f64();
        let from = values.iter().position(|value| !value.is_nan()).unwrap_or(values.len());
        let from = from.max(late.ceil() as usize).min(values.len());
        Figures::of(&Series {
            begins: (self.begins - zero) + self.sample.times(from as i64),
            sample: self.sample,
            errors: &values[from..],
            bounds: &self.bounds[from..],
            phc_errors: None,
        })
    }

    /// From the beginning to the first LOCKED.
    pub(super) fn lock_time(&self) -> Option<Duration> {
        let locked = self.states.iter().find(|(_, state)| *state == SyncState::Locked);
        locked.map(|(at, _)| *at - self.begins)
    }

    /// For a picture that begins at `zero`.
    pub(super) fn points(&self, zero: Timestamp<Mono>) -> Vec<Point> {
        let Self { errors, offsets, bounds, frequencies, .. } = self;
        points(&Curves { errors, offsets, bounds, frequencies }, self.sample, self.begins - zero)
    }
}

type Truth = (Timestamp<Mono>, f64);

fn truth(moment: &Moment) -> Option<Truth> {
    Some((moment.at, moment.true_error?.as_secs_f64()))
}

fn between(before: Option<Truth>, after: Option<Truth>, now: Timestamp<Mono>) -> f64 {
    match (before, after) {
        (Some((since, from)), Some((until, to))) => {
            from + (to - from) * ((now - since).as_secs_f64() / (until - since).as_secs_f64())
        }
        (Some((_, last)), None) => last,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::FrequencyPpb;

    fn moment(at_ms: i64, error_ns: Option<i64>, offset_ns: Option<i64>, state: SyncState) -> Moment {
        Moment {
            at: Timestamp::from_secs(100) + Duration::from_millis(at_ms),
            offset: offset_ns.map(Duration::from_nanos),
            true_error: error_ns.map(Duration::from_nanos),
            bound: Some(Duration::from_micros(3)),
            frequency: FrequencyPpb::new(5.0),
            state,
        }
    }

    #[test]
    fn a_true_error_is_a_line_and_what_was_measured_holds() {
        let course = Course(vec![
            moment(0, Some(0), None, SyncState::Acquiring),
            moment(300, None, Some(77), SyncState::Acquiring),
            moment(1_000, Some(800), None, SyncState::Locked),
        ]);
        let grid = Grid::of(&course);
        let ns = |values: &[f64]| values.iter().map(|x| (x * 1e9).round()).collect::<Vec<_>>();
        assert_eq!(ns(&grid.errors), [100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0]);
        assert!(grid.offsets[1].is_nan() && ns(&grid.offsets[2..]) == [77.0; 6]);
        assert_eq!(grid.lock_time(), Some(Duration::SECOND));
        assert_eq!(grid.points(Timestamp::from_secs(100)).len(), 8);
        let figures = grid.figures(Timestamp::from_secs(100));
        assert_eq!((figures.samples, figures.max.at), (0, Duration::SECOND), "settled at the last moment only");
    }

    #[test]
    fn of_a_course_without_truth_the_offsets_are_judged() {
        let moments =
            (0..80).map(|k| moment(125 * k, None, Some(if k % 2 == 0 { 30 } else { -30 }), SyncState::Locked));
        let grid = Grid::of(&Course(moments.collect()));
        let figures = grid.figures(Timestamp::EPOCH);
        assert!(!grid.has_truth && figures.samples == 79, "{}", figures.samples);
        assert!((figures.rms - 30e-9).abs() < 1e-15 && (figures.bound_median - 3e-6).abs() < 1e-15);
        assert_eq!(figures.stability.len(), 1, "an interval of 1 s fits into ten");
        let nothing = Grid::of(&Course::default());
        assert_eq!((nothing.figures(Timestamp::EPOCH).samples, nothing.lock_time()), (0, None));
    }
}
