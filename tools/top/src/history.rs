//! What was published, and what was measured, over time: the memory of the picture of offset and bound.
//!
//! The daemon keeps none of this; it is what was heard while somebody watched. Two rules keep it honest. An answer stands until the next
//! one, and no longer than two of the intervals at which they are asked for: where none came there is a gap, and nothing is drawn
//! across it. A measured offset stands where it was measured, once, however often the daemon repeats it: a clock whose source is asked
//! each minute has a dot a minute, and in holdover it has none.

use std::collections::VecDeque;

use synchronome::observe::Status;

/// How many answers are kept: two hours at one a second.
pub const ANSWERS_MAX: usize = 7_200;

/// An answer stands for so many intervals if no other follows.
const STANDS_FOR_INTERVALS: f64 = 2.0;

/// What one answer said. Times are in seconds since this program began, by a clock that nobody sets.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Answer {
    at: f64,
    /// How wrong the clock was at most; `None`: unbounded.
    bound_s: Option<f64>,
    /// An offset that was measured since the answer before, and when.
    measured: Option<(f64, f64)>,
    /// The true error of a simulated clock.
    truth_s: Option<f64>,
}

/// The answers of some time, the latest last.
#[derive(Clone, Debug)]
pub struct History {
    answers: VecDeque<Answer>,
    stands_for: f64,
    /// The last offset that was told.
    offset_s: Option<f64>,
}

/// The least and the greatest of something.
pub type Range = (f64, f64);

/// What is known of a stretch of time.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Slot {
    /// Whether the daemon answered then.
    pub is_known: bool,
    /// The greatest bound; `None` where nothing is known, or at some time there was none.
    pub bound_s: Option<f64>,
    /// The offsets that were measured.
    pub offset_s: Option<Range>,
    /// The true errors.
    pub truth_s: Option<Range>,
}

impl History {
    /// Of a daemon that is asked at this interval in seconds.
    pub const fn new(interval_s: f64) -> Self {
        Self { answers: VecDeque::new(), stands_for: interval_s * STANDS_FOR_INTERVALS, offset_s: None }
    }

    /// Remembers what was answered now.
    pub fn add(&mut self, now: f64, status: &Status) {
        let clock = &status.clock;
        let elapsed = self.answers.back().map_or(self.stands_for, |last| now - last.at);
        let offset = clock.offset_from_master_s.zip(clock.last_sample_age_s);
        // By its age, and where that lies on the edge by its value.
        let is_new = |age: f64| age < elapsed || self.offset_s.is_some() && self.offset_s != clock.offset_from_master_s;
        let measured = offset.filter(|(_, age)| is_new(*age)).map(|(offset, age)| (now - age, offset));
        self.offset_s = clock.offset_from_master_s;
        let truth_s = status.truth.as_ref().and_then(|truth| truth.error_s);
        if self.answers.len() == ANSWERS_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back(Answer { at: now, bound_s: clock.bound_s, measured, truth_s });
    }

    /// When the first answer that is kept came.
    pub fn begins(&self) -> Option<f64> {
        self.answers.front().map(|answer| answer.at)
    }

    /// The time from `from` on as `count` slots of `width` seconds each.
    pub fn slots(&self, from: f64, width: f64, count: usize) -> Vec<Slot> {
        let mut slots = vec![Slot::default(); count];
        let place = |at: f64| ((at - from) / width).floor();
        let within = |at: f64| (place(at) >= 0.0 && place(at) < count as f64).then(|| place(at) as usize);
        let mut ends = self.answers.iter().skip(1).map(|next| next.at).chain([f64::INFINITY]);
        for answer in &self.answers {
            let end = ends.next().unwrap_or(f64::INFINITY).min(answer.at + self.stands_for);
            let (first, last) =
                (place(answer.at).max(0.0), (((end - from) / width).ceil() - 1.0).min(count as f64 - 1.0));
            if last >= first {
                slots[first as usize..=last as usize].iter_mut().for_each(|slot| slot.cover(answer.bound_s));
            }
            if let Some((place, offset)) = answer.measured.and_then(|(at, offset)| Some((within(at)?, offset))) {
                widen(&mut slots[place].offset_s, offset);
            }
            if let Some((place, truth)) = within(answer.at).zip(answer.truth_s) {
                widen(&mut slots[place].truth_s, truth);
            }
        }
        slots
    }
}

impl Slot {
    fn cover(&mut self, bound_s: Option<f64>) {
        self.bound_s = match (self.is_known, self.bound_s, bound_s) {
            (false, _, bound) => bound,
            (true, Some(one), Some(other)) => Some(one.max(other)),
            (true, _, _) => None,
        };
        self.is_known = true;
    }
}

fn widen(range: &mut Option<Range>, by: f64) {
    *range = Some(range.map_or((by, by), |(low, high)| (low.min(by), high.max(by))));
}

#[cfg(test)]
mod tests {
    use synchronome::observe::status::ClockStatus;

    use super::*;

    fn status(bound_s: Option<f64>, offset_s: f64, age_s: f64) -> Status {
        let clock = ClockStatus {
            bound_s,
            offset_from_master_s: Some(offset_s),
            last_sample_age_s: Some(age_s),
            ..ClockStatus::default()
        };
        Status { clock, ..Status::default() }
    }

    /// Answers at these times, each with its time as the bound and as the offset.
    fn answered(times: &[f64]) -> History {
        let mut history = History::new(1.0);
        for at in times {
            history.add(*at, &status(Some(*at), *at, 0.1));
        }
        history
    }

    #[test]
    fn an_answer_stands_until_the_next_and_no_longer_than_two_intervals() {
        let slots = answered(&[1.0, 2.0, 3.0, 8.0]).slots(0.0, 1.0, 12);
        let known: String = slots.iter().map(|slot| if slot.is_known { '#' } else { '.' }).collect();
        assert_eq!(known, ".####...##..");
        assert_eq!(slots[4].bound_s, Some(3.0), "the second second of the last before the gap");
        assert_eq!((slots[5].bound_s, slots[5].offset_s), (None, None));
    }

    #[test]
    fn of_several_answers_in_a_slot_the_greatest_bound_is_shown_and_unbounded_is_greater() {
        let mut history = answered(&[0.0, 1.0, 2.0, 3.0]);
        assert_eq!(history.slots(0.0, 4.0, 1)[0].bound_s, Some(3.0));
        history.add(4.0, &status(None, 0.0, 0.1));
        history.add(5.0, &status(Some(1.0), 0.0, 0.1));
        let slots = history.slots(0.0, 4.0, 2);
        assert_eq!((slots[0].bound_s, slots[1].bound_s, slots[1].is_known), (Some(3.0), None, true));
    }

    #[test]
    fn an_offset_stands_once_where_it_was_measured() {
        let mut history = History::new(1.0);
        for second in 0..8 {
            // Measured at 1.5 s and never again.
            let age = f64::from(second) - 1.5;
            history.add(f64::from(second), &status(Some(1.0), 7e-6, if age < 0.0 { 100.0 + age } else { age }));
        }
        let offsets: Vec<_> = history.slots(0.0, 1.0, 8).iter().map(|slot| slot.offset_s).collect();
        let once = [None, Some((7e-6, 7e-6)), None, None, None, None, None, None];
        assert_eq!(offsets, once);
    }

    #[test]
    fn another_value_is_another_measurement_whatever_its_age() {
        let mut history = History::new(1.0);
        history.add(0.0, &status(Some(1.0), 1.0, 0.5));
        history.add(1.0, &status(Some(1.0), 2.0, 1.001));
        let slot = history.slots(-1.0, 2.0, 1)[0];
        assert_eq!(slot.offset_s, Some((1.0, 2.0)));
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut history = History::new(1.0);
        (0..ANSWERS_MAX + 5).for_each(|second| history.add(second as f64, &status(Some(1.0), 0.0, 0.1)));
        assert_eq!((history.answers.len(), history.begins()), (ANSWERS_MAX, Some(5.0)));
    }
}
