//! When to ask.
//!
//! The interval is 2^n s with +-2 % drawn anew each time, or the clients of one server fall into step. Five things decide
//! on it, the longest of them wins: what is configured; what the server's RATE asks for; twice the path's round trip, since
//! the next request gives up the one before it; and while nobody answers, a doubling with each eight requests in vain.
//!
//! Of a source that may be asked less often than that ([`Demand`]) the configured interval doubles with each eight exchanges, up to
//! `poll_longest`; an answer that does not come, a word of the server's, or of whoever judges, and it is what it was.
//!
//! A burst is eight requests two seconds apart (RFC 5905 BCOUNT, BTIME): once when the server is new (`iburst`), or at
//! each poll (`burst`). A server that once said RATE gets none any more.
//!
//! What a burst of 14 s says of the frequency is worth some seconds more, not an interval of minutes: the clock would run off
//! before the next poll. So the first burst fades out: each gap after it is a quarter of all the time before, until it is the
//! interval. A quarter is what servers put up with: ntpd's rate limit lets out 8 s for each request and holds 64 s (we come to
//! 62), chronyd's holds 8 requests and regains one in 8 s (a third of one is left). A half is as polite, and takes
//! twice as long to a clock that is right.

use crate::coding::Coded;
use crate::engine::{Random, TimerKind};
use crate::time::{Duration, LogInterval, Mono, Timestamp};

/// The shortest poll interval: 1/16 s.
pub const POLL_MIN: LogInterval = LogInterval::new(-4);
/// The longest poll interval: 36 h (RFC 5905 MAXPOLL).
pub const POLL_MAX: LogInterval = LogInterval::new(17);
/// Requests of a burst (RFC 5905 BCOUNT).
pub const BURST_REQUESTS: u32 = 8;
/// Between two requests of a burst, unless polls are as close anyway (RFC 5905 BTIME).
pub const BURST_SPACING: LogInterval = LogInterval::new(1);
/// A server that does not answer is asked each 64 s at least, or as configured if that is longer.
const POLL_SILENT_MAX: LogInterval = LogInterval::new(6);
/// The share by which an interval may be longer or shorter.
const SPREAD: f64 = 0.02;
/// A RATE multiplies the interval by 4.
const RATE_STEPS: i8 = 2;

/// After so many exchanges by one interval it is doubled, while fewer would do.
const LENGTHEN_AFTER: u32 = 8;

/// How much is to be asked of a server, as whoever follows it has it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub enum Demand {
    /// As often as it is configured.
    #[default]
    Full,
    /// As often as now.
    Same,
    /// Half as often would do.
    Less,
}

impl Demand {
    /// All of them, by their numbers.
    pub const ALL: [Self; 3] = [Self::Full, Self::Same, Self::Less];
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) enum Timer {
    Answer,
    Poll,
}

impl TimerKind for Timer {
    const ALL: &'static [Self] = &[Self::Answer, Self::Poll];
    fn index(self) -> usize {
        self as usize
    }
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
#[coded(sound)]
pub(super) struct Schedule {
    poll: LogInterval,
    poll_max: LogInterval,
    /// As long as it becomes while fewer answers would do; and as it is now.
    poll_longest: LogInterval,
    longer: LogInterval,
    demand: Demand,
    /// Exchanges since the interval was changed, or more were wanted.
    steady: u32,
    bursts_always: bool,
    may_burst: bool,
    /// What the server has asked for.
    kissed: LogInterval,
    /// What the path's round trip allows.
    path: LogInterval,
    /// How far the interval has grown while nobody answered.
    silence: LogInterval,
    /// Requests of this burst that are still to come.
    left: u32,
    /// When the burst after this one begins.
    next_group: Timestamp<Mono>,
    /// When the first burst began, while it fades out.
    began: Option<Timestamp<Mono>>,
}

impl Schedule {
    /// At interval `poll`, which a RATE can make `poll_max` long.
    pub fn new(poll: LogInterval, poll_max: LogInterval, bursts_always: bool) -> Self {
        let poll = poll.clamp(POLL_MIN, POLL_MAX);
        Self {
            poll,
            poll_max: poll_max.clamp(poll, POLL_MAX),
            poll_longest: poll,
            longer: poll,
            demand: Demand::Full,
            steady: 0,
            bursts_always,
            may_burst: true,
            kissed: POLL_MIN,
            path: POLL_MIN,
            silence: POLL_MIN,
            left: 0,
            next_group: Timestamp::EPOCH,
            began: None,
        }
    }

    /// The same, of which the interval becomes so long while fewer answers would do.
    pub fn up_to(self, poll_longest: LogInterval) -> Self {
        Self { poll_longest: poll_longest.clamp(self.poll, POLL_MAX), ..self }
    }

    fn is_sound(&self) -> bool {
        let all = [self.poll, self.poll_max, self.poll_longest, self.longer, self.kissed, self.path, self.silence];
        all.iter().all(|interval| (POLL_MIN..=POLL_MAX).contains(interval))
    }

    /// The interval that is in force.
    pub fn interval(&self) -> LogInterval {
        self.longer.max(self.kissed).max(self.path).max(self.silence)
    }

    fn burst_spacing(&self) -> LogInterval {
        self.interval().min(BURST_SPACING)
    }

    /// So much is to be asked from now on. Whether the interval is shorter for it.
    pub fn demand(&mut self, demand: Demand) -> bool {
        if std::mem::replace(&mut self.demand, demand) != demand {
            self.steady = 0;
        }
        demand == Demand::Full && self.shorten()
    }

    /// Back to the interval that is configured. Whether it was a longer one.
    pub fn shorten(&mut self) -> bool {
        self.steady = 0;
        std::mem::replace(&mut self.longer, self.poll) != self.poll
    }

    /// The next request begins a burst that fades out: the server is new, or back.
    pub fn begin(&mut self, now: Timestamp<Mono>, random: &mut Random) {
        self.shorten();
        if self.may_burst {
            self.begin_burst(now, random);
            self.began = Some(now);
        }
    }

    fn begin_burst(&mut self, now: Timestamp<Mono>, random: &mut Random) {
        self.left = BURST_REQUESTS;
        self.next_group = now + spread(self.interval().duration(), random);
    }

    /// Whether it may be asked before its time: it never said that it is asked too often.
    pub const fn may_hurry(&self) -> bool {
        self.may_burst
    }

    /// A request leaves: when the next one does, and what interval that is.
    pub fn sent(&mut self, now: Timestamp<Mono>, random: &mut Random) -> (Timestamp<Mono>, LogInterval) {
        let is_done = self.left == 0;
        if is_done && self.began.is_none() {
            if !self.bursts_always || !self.may_burst || self.silence > POLL_MIN {
                let interval = self.interval();
                return (now + spread(interval.duration(), random), interval);
            }
            self.begin_burst(now, random);
        }
        self.left = self.left.saturating_sub(1);
        let close = now + spread(self.burst_spacing().duration(), random);
        let next = match self.fading_gap(now) {
            _ if self.left > 0 => close,
            Some(gap) => now + spread(gap, random),
            None if is_done => now + spread(self.interval().duration(), random),
            None => close.max(self.next_group),
        };
        (next, LogInterval::nearest(next - now))
    }

    /// The gap after the first burst, while that is less than the interval.
    fn fading_gap(&mut self, now: Timestamp<Mono>) -> Option<Duration> {
        let gap = (now - self.began?).half().half().max(self.burst_spacing().duration());
        let fades = self.left > 0 || gap < self.interval().duration();
        self.began = self.began.filter(|_| fades);
        fades.then_some(gap)
    }

    /// The server said RATE, and that it wants `stated` between two requests.
    pub fn kissed(&mut self, stated: i8) {
        self.left = 0;
        self.began = None;
        self.may_burst = false;
        let slower = LogInterval::new(self.interval().log2_seconds().saturating_add(RATE_STEPS));
        self.kissed = slower.max(LogInterval::new(stated)).min(self.poll_max);
        self.shorten();
    }

    /// Eight requests in a row were in vain.
    pub fn unanswered(&mut self) {
        self.left = 0;
        self.began = None;
        let doubled = LogInterval::new(self.interval().log2_seconds() + 1);
        self.silence = doubled.min(POLL_SILENT_MAX);
    }

    /// A request was answered.
    pub fn answered(&mut self) {
        self.silence = POLL_MIN;
    }

    /// An exchange had this round trip.
    pub fn measured(&mut self, round_trip: Duration) {
        let twice = round_trip.times(2);
        self.path = POLL_MIN;
        while self.path.duration() < twice && self.path < POLL_SILENT_MAX {
            self.path = LogInterval::new(self.path.log2_seconds() + 1);
        }
        self.lengthen();
    }

    fn lengthen(&mut self) {
        if self.demand != Demand::Less || self.left > 0 || self.began.is_some() || self.longer >= self.poll_longest {
            return;
        }
        self.steady += 1;
        if self.steady >= LENGTHEN_AFTER {
            self.steady = 0;
            self.longer = LogInterval::new(self.longer.log2_seconds() + 1);
        }
    }
}

/// The interval, 2 % longer or shorter.
fn spread(interval: Duration, random: &mut Random) -> Duration {
    interval.scaled(1.0 + SPREAD * (2.0 * random.unit() - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn log(n: i8) -> LogInterval {
        LogInterval::new(n)
    }

    /// The spacings of the next `count` requests, in seconds.
    fn spacings(schedule: &mut Schedule, count: usize) -> Vec<f64> {
        let (mut now, mut random) = (Timestamp::from_secs(100), Random::seeded(1));
        (0..count)
            .map(|_| {
                let (next, _) = schedule.sent(now, &mut random);
                let spacing = (next - now).as_secs_f64();
                now = next;
                spacing
            })
            .collect()
    }

    fn near(spacing: f64, seconds: f64) -> bool {
        (spacing / seconds - 1.0).abs() <= SPREAD + 1e-9
    }

    #[test]
    fn intervals_are_spread_by_two_percent_and_no_two_are_alike() {
        for n in [-4, 0, 6, 17] {
            let mut schedule = Schedule::new(log(n), log(n), false);
            let mut drawn = spacings(&mut schedule, 1_000);
            let seconds = log(n).duration().as_secs_f64();
            assert!(drawn.iter().all(|spacing| near(*spacing, seconds)));
            let mean = drawn.iter().sum::<f64>() / 1e3;
            assert!((mean / seconds - 1.0).abs() < 0.002, "{mean}");
            drawn.sort_by(f64::total_cmp);
            drawn.dedup();
            assert!(drawn.len() > 990);
        }
    }

    #[test]
    fn intervals_below_a_sixteenth_of_a_second_and_above_36_hours_are_limited() {
        assert_eq!(Schedule::new(log(-9), log(0), false).interval(), POLL_MIN);
        assert_eq!(Schedule::new(log(40), log(0), false).interval(), POLL_MAX);
    }

    #[test]
    fn a_burst_is_eight_requests_two_seconds_apart_within_its_poll() {
        let mut schedule = Schedule::new(log(6), log(10), true);
        let drawn = spacings(&mut schedule, 16);
        for burst in drawn.chunks(8) {
            assert!(burst[..7].iter().all(|spacing| near(*spacing, 2.0)), "{burst:?}");
            assert!(near(burst.iter().sum(), 64.0), "{burst:?}");
        }
    }

    #[test]
    fn a_burst_never_asks_more_often_than_the_polls_themselves() {
        let mut schedule = Schedule::new(log(0), log(10), false);
        schedule.begin(Timestamp::from_secs(100), &mut Random::seeded(2));
        assert!(spacings(&mut schedule, 10).iter().all(|spacing| near(*spacing, 1.0)));
    }

    #[test]
    fn the_first_burst_fades_out() {
        let mut schedule = Schedule::new(log(6), log(10), false);
        schedule.begin(Timestamp::from_secs(100), &mut Random::seeded(2));
        let drawn = spacings(&mut schedule, 24);
        assert!(drawn[..7].iter().all(|spacing| near(*spacing, 2.0)), "{drawn:?}");
        for n in 7..22 {
            let elapsed: f64 = drawn[..n].iter().sum();
            assert!(near(drawn[n], (elapsed / 4.0).min(64.0)), "{n}: {drawn:?}");
        }
        assert!(drawn[22..].iter().all(|spacing| near(*spacing, 64.0)), "{drawn:?}");
    }

    #[test]
    fn no_server_with_the_usual_limits_finds_the_first_burst_too_much() {
        for poll in 0..=10 {
            let mut schedule = Schedule::new(log(poll.max(3)), log(10), false);
            schedule.begin(Timestamp::from_secs(100), &mut Random::seeded(2));
            // A bucket that fills by 8 s with each request and leaks; and one of 8 tokens, a new one each 8 s.
            let (mut filled, mut tokens) = (8.0, 7.0_f64);
            for spacing in spacings(&mut schedule, 40) {
                filled = f64::max(filled - spacing, 0.0) + 8.0;
                tokens = (tokens + spacing / 8.0).min(8.0) - 1.0;
                // Polls of 8 s are spread by 2 % as well.
                assert!(filled < 64.0 + 2.0 && tokens > -0.25, "poll {poll}: {filled} {tokens}");
            }
        }
    }

    #[test]
    fn each_rate_makes_the_interval_four_times_as_long_and_ends_all_bursts() {
        let mut schedule = Schedule::new(log(1), log(6), true);
        schedule.begin(Timestamp::from_secs(100), &mut Random::seeded(2));
        schedule.kissed(0);
        assert!(spacings(&mut schedule, 5).iter().all(|spacing| near(*spacing, 8.0)));
        schedule.kissed(0);
        schedule.kissed(0);
        assert_eq!(schedule.interval(), log(6), "and no longer than it may be");
    }

    #[test]
    fn what_the_server_asks_for_with_rate_is_kept_if_it_is_longer() {
        let mut schedule = Schedule::new(log(1), log(10), false);
        schedule.kissed(9);
        assert_eq!(schedule.interval(), log(9));
        schedule.kissed(127);
        assert_eq!(schedule.interval(), log(10));
    }

    #[test]
    fn nobody_is_asked_more_often_than_twice_per_round_trip() {
        let mut schedule = Schedule::new(log(-4), log(10), false);
        schedule.measured(Duration::from_millis(100));
        assert_eq!(schedule.interval(), log(-2));
        schedule.measured(Duration::from_millis(10));
        assert_eq!(schedule.interval(), log(-4));
    }

    #[test]
    fn while_fewer_answers_would_do_each_eight_double_the_interval_as_far_as_it_may() {
        let mut schedule = Schedule::new(log(4), log(10), false).up_to(log(6));
        let exchange = |schedule: &mut Schedule, count: u32| {
            (0..count).for_each(|_| schedule.measured(Duration::from_millis(1)));
        };
        exchange(&mut schedule, 100);
        assert_eq!(schedule.interval(), log(4), "nobody said so");
        assert!(!schedule.demand(Demand::Less));
        exchange(&mut schedule, LENGTHEN_AFTER - 1);
        assert_eq!(schedule.interval(), log(4));
        exchange(&mut schedule, 1);
        assert_eq!(schedule.interval(), log(5));
        assert!(!schedule.demand(Demand::Same));
        exchange(&mut schedule, 100);
        assert_eq!(schedule.interval(), log(5), "as often as now");
        schedule.demand(Demand::Less);
        exchange(&mut schedule, 100);
        assert_eq!(schedule.interval(), log(6), "and no longer than it may be");
        assert!(schedule.demand(Demand::Full) && schedule.interval() == log(4));
        assert!(!schedule.demand(Demand::Full), "it was short already");
    }

    #[test]
    fn a_first_burst_a_kiss_and_who_may_not_wait_longer_are_not_lengthened() {
        let lengthened = || {
            let mut schedule = Schedule::new(log(4), log(10), false).up_to(log(6));
            schedule.demand(Demand::Less);
            (0..LENGTHEN_AFTER).for_each(|_| schedule.measured(Duration::from_millis(1)));
            assert_eq!(schedule.interval(), log(5));
            schedule
        };
        let mut begun = lengthened();
        begun.begin(Timestamp::from_secs(100), &mut Random::seeded(2));
        (0..100).for_each(|_| begun.measured(Duration::from_millis(1)));
        assert_eq!(begun.interval(), log(4), "while the burst fades out");
        let mut kissed = lengthened();
        kissed.kissed(0);
        assert_eq!(kissed.interval(), log(7), "four times as long as it was");
        let mut fixed = Schedule::new(log(4), log(10), false);
        fixed.demand(Demand::Less);
        (0..100).for_each(|_| fixed.measured(Duration::from_millis(1)));
        assert_eq!(fixed.interval(), log(4));
    }

    #[test]
    fn while_nobody_answers_the_interval_doubles_up_to_a_minute() {
        let mut schedule = Schedule::new(log(-4), log(10), true);
        for n in -3..=6 {
            schedule.unanswered();
            assert_eq!(schedule.interval(), log(n));
        }
        schedule.unanswered();
        assert_eq!(schedule.interval(), log(6));
        schedule.answered();
        assert_eq!(schedule.interval(), log(-4));
        let mut slow = Schedule::new(log(10), log(10), false);
        slow.unanswered();
        assert_eq!(slow.interval(), log(10));
    }
}
