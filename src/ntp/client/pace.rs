//! What makes a client ask sooner than it had planned, and how often its answers are said to come.
//!
//! Whoever follows a server gives it up after some intervals without an answer. So a longer interval is told when it begins, and a shorter one not before
//! an answer has come by it: by the shorter one the last answer would be too old already. If three requests in vain have followed, it is.

use super::schedule::{Demand, Timer};
use super::{Client, ClientState, Effect, HURRY_INTERVAL_MIN};
use crate::engine::Sink;
use crate::time::{LogInterval, Mono, Timestamp};

/// So many requests in a row without an answer, and the shorter interval is told as well.
const UNANSWERED_TOLD: u32 = 3;

impl Client {
    pub(super) fn start(&mut self, now: Timestamp<Mono>) {
        self.is_started = true;
        if self.config.iburst {
            self.schedule.begin(now, &mut self.random);
        }
        self.timers.set(Timer::Poll, now);
    }

    pub(super) fn online(&mut self, now: Timestamp<Mono>, is_online: bool, out: &mut impl Sink<Effect>) {
        if is_online == (self.state != ClientState::Offline) {
            return;
        }
        if is_online {
            self.denials = 0;
            self.unanswered = 0;
            self.schedule.answered();
            self.change_state(ClientState::Waiting, out);
            self.start(now);
        } else {
            self.close(out);
            self.timers.clear(Timer::Poll);
            self.reach = 0;
            self.change_state(ClientState::Offline, out);
            self.lose_source(out);
        }
    }

    pub(super) fn hurry(&mut self, now: Timestamp<Mono>) {
        let is_asked = !matches!(self.state, ClientState::Offline | ClientState::Denied);
        let is_rested = self.hurried_at.is_none_or(|at| now - at >= HURRY_INTERVAL_MIN);
        if is_asked && is_rested && self.schedule.may_hurry() {
            self.hurried_at = Some(now);
            self.start(now);
        }
    }

    /// So many answers are wanted from now on.
    pub(super) fn demand(&mut self, now: Timestamp<Mono>, demand: Demand) {
        if self.schedule.demand(demand) {
            self.ask_sooner(now);
        }
    }

    /// The next request comes after `spacing`.
    pub(super) fn plan_to_be_heard(&mut self, spacing: LogInterval, out: &mut impl Sink<Effect>) {
        // It had its chance: whoever follows it is to look for another one.
        self.returns &= self.unanswered <= UNANSWERED_TOLD;
        if !self.returns || self.told_interval.is_none_or(|told| told <= spacing) {
            self.tell_interval(spacing, out);
        }
    }

    pub(super) fn tell_interval(&mut self, interval: LogInterval, out: &mut impl Sink<Effect>) {
        if self.told_interval.replace(interval) != Some(interval) {
            out.emit(Effect::Interval(interval));
        }
    }

    /// The interval is shorter from now on: it is asked by that, and at once if that is past.
    pub(super) fn ask_sooner(&mut self, now: Timestamp<Mono>) {
        self.returns = true;
        let Some(planned) = self.timers.get(Timer::Poll) else { return };
        let due = self.asked_at.map_or(now, |asked| asked + self.schedule.interval().duration());
        self.timers.set(Timer::Poll, planned.min(due.max(now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::ntp::client::bench::{Bench, config, log};
    use crate::ntp::client::{ANSWER_AGE_MAX, Config, Input};
    use crate::time::Duration;

    fn intervals(effects: &[Effect]) -> Vec<LogInterval> {
        effects
            .iter()
            .filter_map(|effect| if let Effect::Interval(interval) = effect { Some(*interval) } else { None })
            .collect()
    }

    fn until_next(bench: &Bench) -> f64 {
        (bench.client.deadline().unwrap() - bench.now).as_secs_f64()
    }

    /// Polls of 16 s that have become as long as they may, 64 s.
    fn lengthened() -> Bench {
        let mut bench = Bench::answered(Config { poll: log(4), poll_longest: log(6), iburst: false, ..config() });
        bench.step(Input::Demand(Demand::Less));
        let mut told = Vec::new();
        for _ in 0..20 {
            bench.effects.clear();
            bench.poll();
            told.extend(intervals(&bench.effects));
            bench.exchange();
        }
        assert_eq!((told, bench.client.interval()), (vec![log(5), log(6)], log(6)), "each is told when it begins");
        bench.poll();
        bench.exchange();
        assert!(until_next(&bench) > 62.0);
        bench
    }

    #[test]
    fn at_the_first_sign_of_trouble_it_is_asked_as_soon_as_it_would_have_been_by_the_shorter_interval() {
        for waited in [0, 10, 40] {
            let mut bench = lengthened();
            bench.now = bench.now + Duration::from_secs(waited);
            assert_eq!(intervals(&bench.step(Input::Demand(Demand::Full))), []);
            let expected = (16.0 - waited as f64).max(0.0);
            assert!((until_next(&bench) - expected).abs() < 1.0, "{waited}: {}", until_next(&bench));
            bench.effects.clear();
            bench.poll();
            assert_eq!(intervals(&bench.effects), [], "the answer before is of a minute ago, and no news");
            assert_eq!(intervals(&bench.exchange()), [log(4)]);
            assert!((15.0..17.0).contains(&until_next(&bench)));
        }
    }

    #[test]
    fn an_answer_that_does_not_come_shortens_the_interval_at_once() {
        let mut bench = lengthened();
        bench.poll();
        bench.now = bench.now + ANSWER_AGE_MAX;
        bench.step(Input::Tick);
        assert_eq!(bench.client.interval(), log(4));
        assert!(until_next(&bench) < 13.0, "{}", until_next(&bench));
        bench.effects.clear();
        bench.poll();
        assert_eq!(intervals(&bench.effects), []);
        assert_eq!(intervals(&bench.exchange()), [log(4)]);
    }

    #[test]
    fn of_a_server_that_does_not_answer_three_times_it_is_said_how_often_it_is_asked_now() {
        let mut bench = lengthened();
        bench.effects.clear();
        (0..3).for_each(|_| bench.poll());
        assert_eq!(intervals(&bench.effects), []);
        let began = bench.now;
        bench.poll();
        assert_eq!(intervals(&bench.effects), [log(4)]);
        assert!(bench.now - began < Duration::from_secs(17));
    }

    #[test]
    fn who_says_nothing_of_that_is_asked_as_it_is_configured() {
        let mut bench = Bench::answered(Config { poll: log(4), poll_longest: log(6), iburst: false, ..config() });
        for _ in 0..40 {
            bench.poll();
            bench.exchange();
        }
        assert_eq!(bench.client.interval(), log(4));
    }
}
