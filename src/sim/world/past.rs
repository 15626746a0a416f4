//! The times that a node had before the one that it should have now, for as long as it cannot know that.
//!
//! Nobody knows at once that his master's time has changed, or that he should follow another one. He can know as soon as both
//! ways were measured since; and a clock that has had no sample since, because its source is gone or the clock between it and
//! its source is not right yet, cannot know at all.

use crate::sim::checker::{GRACE, JUDGES_MAX, NOTICE, UNDER_WAY};
use crate::time::{Duration, Mono, Timestamp};

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Before {
    /// What it was ahead of the truth by.
    error: Duration,
    until: Timestamp<Mono>,
    /// When it changed.
    changed: Timestamp<Mono>,
    /// From and to the master nothing was measured since.
    is_unheard: [bool; 2],
}

impl Before {
    fn counts(&self, now: Timestamp<Mono>) -> bool {
        now <= self.until || self.is_unheard != [false; 2]
    }
}

/// The last few of them; when there are more, the oldest does not count any more.
#[derive(Clone, Copy, Default, Debug)]
pub struct Past {
    befores: [Option<Before>; JUDGES_MAX - 1],
}

impl Past {
    /// The time changes now from what was ahead of the truth by `error`; the node does not run for `stalled` yet.
    pub fn changed(&mut self, now: Timestamp<Mono>, stalled: Duration, error: Duration) {
        self.befores.rotate_right(1);
        let until = now + stalled + GRACE;
        self.befores[0] = Some(Before { error, until, changed: now, is_unheard: [true; 2] });
    }

    /// A measurement by a message from the master (0), or to it (1). What was under way when the time changed tells nothing of
    /// it.
    pub fn heard(&mut self, now: Timestamp<Mono>, stalled: Duration, direction: usize) {
        for before in self.befores.iter_mut().flatten() {
            if before.is_unheard[direction] && now >= before.changed + UNDER_WAY {
                before.is_unheard[direction] = false;
                before.until = before.until.max(now + stalled + NOTICE);
            }
        }
    }

    /// The node does not run until then.
    pub fn stalled(&mut self, now: Timestamp<Mono>, until: Timestamp<Mono>) {
        for before in self.befores.iter_mut().flatten().filter(|before| before.counts(now)) {
            before.until = before.until.max(until + NOTICE);
        }
    }

    /// The clock's last sample of the time was then.
    pub fn sampled(&mut self, now: Timestamp<Mono>, last_sample: Option<Timestamp<Mono>>) {
        for place in &mut self.befores {
            let Some(before) = place.as_mut().filter(|before| before.counts(now)) else {
                *place = None;
                continue;
            };
            if last_sample.is_none_or(|last| last <= before.changed) {
                before.until = before.until.max(now + NOTICE);
            }
        }
    }

    /// What the times that count are ahead of the truth by; `present` where there are fewer.
    pub fn errors(&self, now: Timestamp<Mono>, present: Duration) -> [Duration; JUDGES_MAX] {
        let mut errors = [present; JUDGES_MAX];
        for (error, before) in errors[1..].iter_mut().zip(&self.befores) {
            *error = before.filter(|before| before.counts(now)).map_or(present, |before| before.error);
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    const ERROR: Duration = Duration::from_millis(3);

    fn counts(past: &Past, seconds: i64) -> bool {
        past.errors(at(seconds), Duration::ZERO).contains(&ERROR)
    }

    #[test]
    fn a_time_counts_until_both_ways_were_measured_and_some_seconds() {
        let mut past = Past::default();
        past.changed(at(100), Duration::ZERO, ERROR);
        // That was under way.
        past.heard(at(101), Duration::ZERO, 0);
        past.heard(at(110), Duration::ZERO, 1);
        past.sampled(at(110), Some(at(110)));
        assert!(counts(&past, 130), "nothing came from the master");
        past.heard(at(140), Duration::ZERO, 0);
        assert!(counts(&past, 141) && !counts(&past, 142));
        past.sampled(at(142), Some(at(142)));
        assert!(past.befores[0].is_none());
    }

    #[test]
    fn it_counts_for_a_clock_that_has_had_no_sample_since() {
        let mut past = Past::default();
        past.changed(at(100), Duration::ZERO, ERROR);
        for seconds in 100..200 {
            past.heard(at(seconds), Duration::ZERO, seconds as usize % 2);
            past.sampled(at(seconds), Some(at(99)));
            assert!(counts(&past, seconds));
        }
        past.sampled(at(200), Some(at(200)));
        assert!(counts(&past, 200) && !counts(&past, 202));
    }

    #[test]
    fn it_counts_while_the_node_does_not_run() {
        let mut past = Past::default();
        past.changed(at(100), Duration::from_secs(20), ERROR);
        past.heard(at(104), Duration::from_secs(16), 0);
        past.heard(at(104), Duration::from_secs(16), 1);
        past.sampled(at(124), Some(at(120)));
        assert!(counts(&past, 124));
        past.stalled(at(124), at(150));
        assert!(counts(&past, 151) && !counts(&past, 152));
    }

    #[test]
    fn two_changes_within_the_grace_are_both_remembered() {
        let mut past = Past::default();
        past.changed(at(100), Duration::ZERO, ERROR);
        past.changed(at(102), Duration::ZERO, ERROR.times(2));
        let errors = past.errors(at(103), Duration::ZERO);
        assert!(errors.contains(&ERROR) && errors.contains(&ERROR.times(2)) && errors.contains(&Duration::ZERO));
    }
}
