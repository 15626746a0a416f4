//! How often one hook may run.

use std::collections::VecDeque;

use crate::time::{Duration, Mono, Timestamp};

/// What a rate is counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Gate {
    running: u32,
    running_max: u32,
    /// When the runs of the last minute began.
    begun: VecDeque<Timestamp<Mono>>,
    rate_max: u32,
    /// Left out since the last run.
    left_out: u64,
    /// Left out since that was told last.
    untold: u64,
    told: Option<Timestamp<Mono>>,
}

impl Gate {
    pub(super) fn new(running_max: u32, rate_max: u32) -> Self {
        Self { running: 0, running_max, begun: VecDeque::new(), rate_max, left_out: 0, untold: 0, told: None }
    }

    /// How many runs are under way.
    pub(super) const fn running(&self) -> u32 {
        self.running
    }

    /// How many events were left out since the last run.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether a run may begin now; it counts as begun, or as left out.
    pub(super) fn admit(&mut self, now: Timestamp<Mono>) -> bool {
        while self.begun.front().is_some_and(|begun| now - *begun >= MINUTE) {
            self.begun.pop_front();
        }
        if self.running >= self.running_max || self.begun.len() >= self.rate_max as usize {
            (self.left_out, self.untold) = (self.left_out + 1, self.untold + 1);
            return false;
        }
        self.running += 1;
        self.begun.push_back(now);
        self.left_out = 0;
        true
    }

    /// The run that was admitted last did not begin.
    pub(super) fn give_back(&mut self) {
        self.ended();
        self.begun.pop_back();
        (self.left_out, self.untold) = (self.left_out + 1, self.untold + 1);
    }

    /// A run has ended.
    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// How many were left out, if that is to be told now: once a minute at most.
    pub(super) fn news(&mut self, now: Timestamp<Mono>) -> Option<u64> {
        if self.untold == 0 || self.told.is_some_and(|told| now - told < MINUTE) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn so_many_run_at_once_and_no_more() {
        let mut gate = Gate::new(2, 100);
        assert_eq!([gate.admit(at(0)), gate.admit(at(0)), gate.admit(at(0))], [true, true, false]);
        gate.ended();
        assert_eq!((gate.running(), gate.left_out()), (1, 1));
        assert_eq!([gate.admit(at(1)), gate.admit(at(1))], [true, false]);
        assert_eq!(gate.left_out(), 1, "of the one since the last run");
    }

    #[test]
    fn so_many_begin_in_any_minute_and_no_more() {
        let mut gate = Gate::new(9, 3);
        let mut begun: Vec<i64> = Vec::new();
        for second in 0..600 {
            if gate.admit(at(second)) {
                begun.push(second);
                gate.ended();
            }
        }
        assert_eq!(begun.len(), 30);
        assert!(begun.windows(4).all(|window| window[3] - window[0] >= 60), "{begun:?}");
    }

    #[test]
    fn what_is_left_out_is_told_once_a_minute() {
        let mut gate = Gate::new(1, 100);
        assert_eq!(gate.news(at(0)), None);
        gate.admit(at(0));
        assert_eq!((0..5).filter(|_| gate.admit(at(1))).count(), 0);
        assert_eq!((gate.news(at(1)), gate.news(at(2))), (Some(5), None));
        gate.admit(at(3));
        assert_eq!((gate.news(at(60)), gate.news(at(61)), gate.news(at(500))), (None, Some(1), None));
    }

    #[test]
    fn a_run_that_did_not_begin_counts_as_left_out() {
        let mut gate = Gate::new(1, 1);
        assert!(gate.admit(at(0)));
        gate.give_back();
        assert_eq!((gate.running(), gate.left_out(), gate.admit(at(0))), (0, 1, true));
    }
}
