//! The last minutes of the clock, so that a page that was just opened has something to show.
//!
//! A point a second at most, taken when the control thread goes round anyway, and only where HTTP is served; so many are kept,
//! and older ones forgotten. Where the daemon was not looked at for longer there is no point: a gap is shown as one.

use std::collections::VecDeque;

use serde::{Serialize, Serializer};

use crate::time::{Duration, ErrorBound, Mono, SyncState, Timestamp};

/// So many points are kept: ten minutes, 32 bytes each.
pub const POINTS_MAX: usize = 600;

/// The time between two points at least.
pub const POINT_EVERY: Duration = Duration::SECOND;

/// The clock at one moment, to seven digits.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Point {
    /// CLOCK_MONOTONIC.
    at_s: f64,
    offset_s: Option<f32>,
    bound_s: Option<f32>,
    state: SyncState,
}

/// The points, the latest last.
#[derive(Default, Debug)]
pub struct History {
    points: VecDeque<Point>,
    /// When the next one is due; `None` before the first.
    due: Option<Timestamp<Mono>>,
}

/// A point as it is handed out: `[age in s, offset from the master in s, bound in s, state]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Past {
    /// How long ago.
    pub age_s: f64,
    /// The last measured offset from the master; positive is ahead. `None` while nothing is measured.
    pub offset_s: Option<f32>,
    /// How wrong the time could be at most.
    pub bound_s: Option<f32>,
    /// The state.
    pub state: SyncState,
}

impl Serialize for Past {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Milliseconds are as much as a picture can show.
        let age_s = (self.age_s * 1e3).round() / 1e3;
        (age_s, self.offset_s, self.bound_s, self.state.word()).serialize(serializer)
    }
}

impl History {
    /// Whether it is time for another point.
    pub fn is_due(&self, now: Timestamp<Mono>) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// Keeps a point.
    pub fn record(
        &mut self,
        now: Timestamp<Mono>,
        state: SyncState,
        offset_from_master: Option<Duration>,
        bound: ErrorBound,
    ) {
        self.due = Some(now + POINT_EVERY);
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            at_s: since_boot_s(now),
            offset_s: offset_from_master.map(|offset| offset.as_secs_f64() as f32),
            bound_s: bound.is_bounded().then(|| bound.greatest_error().as_secs_f64() as f32),
            state,
        });
    }

    /// All points, the oldest first.
    pub fn points(&self, now: Timestamp<Mono>) -> Vec<Past> {
        let now_s = since_boot_s(now);
        let past = |point: &Point| Past {
            age_s: (now_s - point.at_s).max(0.0),
            offset_s: point.offset_s,
            bound_s: point.bound_s,
            state: point.state,
        };
        self.points.iter().map(past).collect()
    }
}

fn since_boot_s(at: Timestamp<Mono>) -> f64 {
    (at - Timestamp::EPOCH).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(1_000_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_oldest_points_are_forgotten() {
        let mut history = History::default();
        let last = POINTS_MAX as i64 + 2;
        for second in 0..=last {
            let bound = ErrorBound::new(Duration::from_micros(second));
            history.record(at(second * 1_000), SyncState::Locked, Some(Duration::from_nanos(-second)), bound);
        }
        let points = history.points(at(last * 1_000 + 250));
        assert_eq!(points.len(), POINTS_MAX);
        let ages: Vec<_> = [0, POINTS_MAX - 1].map(|index| (points[index].age_s * 1e3).round()).into();
        assert_eq!(ages, [(POINTS_MAX as f64 - 1.0) * 1e3 + 250.0, 250.0]);
        assert_eq!(points[0].bound_s, Some(3e-6), "0 to 2 are forgotten");
        assert_eq!(points[POINTS_MAX - 1].offset_s, Some(-last as f32 * 1e-9));
        assert!(size_of::<Point>() <= 32, "{}", size_of::<Point>());
    }

    #[test]
    fn there_is_a_point_a_second_at_most() {
        let mut history = History::default();
        let mut kept = 0;
        for milliseconds in (0..10_000).step_by(125) {
            if history.is_due(at(milliseconds)) {
                history.record(at(milliseconds), SyncState::Acquiring, None, ErrorBound::UNBOUNDED);
                kept += 1;
            }
        }
        assert_eq!(kept, 10);
    }

    #[test]
    fn what_was_not_known_is_null() {
        let mut history = History::default();
        history.record(at(0), SyncState::NeverSynced, None, ErrorBound::UNBOUNDED);
        history.record(
            at(1_000),
            SyncState::Locked,
            Some(Duration::from_nanos(-120)),
            ErrorBound::new(Duration::from_nanos(840)),
        );
        let json = serde_json::to_string(&history.points(at(1_500))).unwrap();
        assert_eq!(json, r#"[[1.5,null,null,"NEVER_SYNCED"],[0.5,-1.2e-7,8.4e-7,"LOCKED"]]"#);
    }
}
