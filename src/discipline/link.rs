//! The path to one master: its delay, and the offset that each Sync then says.
//!
//! `offset_from_master = received - sent - correction - mean_path_delay` (IEEE 1588-2019 11.2), and the mean path delay
//! is half of what a Sync and a Delay_Req say together (11.3). The two do not happen at one instant; between them the
//! free-running clock moves by its frequency error, which the servo knows, so the pair is brought to one instant first.
//!
//! Sync and Delay_Req come when they like, and a Delay_Req is paired with the Sync before it. The two messages of an NTP
//! exchange come together, the one to the server first: where no other is near, the one before pairs with the one after.

use super::MovingMedian;
use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Samples of the path delay in the median. ptp4l takes 10; more of them leave less of their noise in the offset,
/// which the servo cannot remove: it is slower than the servo.
pub const DELAY_SAMPLES: usize = 64;
/// Until there are so many of them every delay fits.
pub const DELAY_SAMPLES_MIN: usize = 8;
/// So many round trips in a row outside of all that the window holds are a new path, not noise.
pub const NEW_PATH_SAMPLES: u32 = 8;
/// Pairs that are computed anew once the frequency is known.
pub const PAIRS_KEPT: usize = 8;
/// A Sync older than this is no longer paired with a Delay_Req.
pub const PAIR_AGE_MAX: Duration = Duration::from_secs(8);

/// What one Sync says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetSample {
    /// On `V`, when it arrived.
    pub at: Timestamp<Local>,
    /// Offset of `V` from the master, the path's delay taken off.
    pub offset: Duration,
}

#[derive(Clone, Copy, Debug, Coded)]
struct Forward {
    at: Timestamp<Local>,
    transit: Duration,
}

/// A Sync and a Delay_Req, as they were heard.
#[derive(Clone, Copy, Debug, Coded)]
struct Pair {
    sync: Forward,
    request: Forward,
}

impl Pair {
    /// Half of the round trip; `frequency` is what `V` is thought to run off by.
    fn delay(&self, frequency: FrequencyPpb) -> Duration {
        let moved = frequency.drift(self.request.at - self.sync.at);
        (self.sync.transit + self.request.transit + moved).half()
    }
}

/// See the module's text. All instants are on `V`.
#[derive(Clone, Debug, Default, Coded)]
#[coded(sound)]
pub struct Link {
    forward: Option<Forward>,
    /// A Delay_Req that had no Sync before it, and what `V` was thought to run off by.
    unpaired: Option<(Forward, FrequencyPpb)>,
    /// The latest pairs: heard before the frequency is known, they say more once it is.
    pairs: [Option<Pair>; PAIRS_KEPT],
    next_pair: usize,
    delays: MovingMedian<DELAY_SAMPLES>,
    mean_path_delay: Option<Duration>,
    outside: u32,
}

impl Link {
    /// A Sync: `transit = received - sent - correction`.
    pub fn forward(&mut self, at: Timestamp<Local>, transit: Duration) -> Option<OffsetSample> {
        let sync = Forward { at, transit };
        self.forward = Some(sync);
        if let Some((request, frequency)) = self.unpaired.take()
            && (at - request.at).abs() < PAIR_AGE_MAX
        {
            self.pair(Pair { sync, request }, frequency);
        }
        self.mean_path_delay().map(|delay| OffsetSample { at, offset: transit - delay })
    }

    /// A Delay_Req that left at `at`: `transit = received - sent - correction`; `frequency` is what `V` is thought to
    /// run off by. Returns the round trip's half.
    pub fn backward(&mut self, at: Timestamp<Local>, transit: Duration, frequency: FrequencyPpb) -> Option<Duration> {
        let request = Forward { at, transit };
        let Some(sync) = self.forward.filter(|sync| (at - sync.at).abs() < PAIR_AGE_MAX) else {
            self.unpaired = Some((request, frequency));
            return None;
        };
        Some(self.pair(Pair { sync, request }, frequency))
    }

    fn pair(&mut self, pair: Pair, frequency: FrequencyPpb) -> Duration {
        self.pairs[self.next_pair] = Some(pair);
        self.next_pair = (self.next_pair + 1) % PAIRS_KEPT;
        let delay = pair.delay(frequency);
        self.take_delay(delay);
        delay
    }

    /// The frequency of `V` turned out to be this: the delays are computed anew from what was heard. Returns what the last
    /// Sync then says.
    pub fn correct_delays(&mut self, frequency: FrequencyPpb) -> Option<OffsetSample> {
        self.forget_delays();
        for pair in self.pairs.into_iter().flatten() {
            self.take_delay(pair.delay(frequency));
        }
        let sync = self.forward?;
        self.mean_path_delay.map(|delay| OffsetSample { at: sync.at, offset: sync.transit - delay })
    }

    fn take_delay(&mut self, delay: Duration) {
        if self.fits_the_path(delay) {
            self.delays.push(delay);
            self.mean_path_delay = self.delays.limited_mean();
        }
    }

    /// The filtered one-way delay.
    pub fn mean_path_delay(&self) -> Option<Duration> {
        self.mean_path_delay
    }

    fn is_sound(&self) -> bool {
        self.next_pair < PAIRS_KEPT
    }

    fn forget_delays(&mut self) {
        self.delays.clear();
        self.mean_path_delay = None;
        self.outside = 0;
    }

    /// The clock was moved by somebody: the last Sync says nothing beside a Delay_Req that follows.
    pub fn interrupt(&mut self) {
        self.forward = None;
    }

    /// Forgets everything: another master, a step, a disturbance.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether a delay is of the path that the window knows. Far ones are left out, until there are so many in a row
    /// that they must be a new path.
    fn fits_the_path(&mut self, delay: Duration) -> bool {
        let (Some(least), Some(greatest)) = (self.delays.least(), self.delays.greatest()) else { return true };
        let spread = greatest - least;
        let is_far = delay > greatest + spread || delay < least - spread;
        self.outside = if is_far && self.delays.len() >= DELAY_SAMPLES_MIN { self.outside + 1 } else { 0 };
        if self.outside >= NEW_PATH_SAMPLES {
            self.forget_delays();
        }
        self.outside == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<Local> {
        Timestamp::from_secs(5) + Duration::from_millis(millis)
    }
    fn us(micros: i64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn offset_and_delay_are_those_of_the_standard() {
        let mut link = Link::default();
        assert_eq!(link.forward(at(0), us(107)), None, "no delay yet");
        assert_eq!(link.backward(at(1), us(-93), FrequencyPpb::ZERO), Some(us(7)));
        assert_eq!(link.forward(at(125), us(107)).unwrap().offset, us(100));
    }

    #[test]
    fn a_clock_that_runs_off_between_the_two_messages_does_not_bend_the_delay() {
        let mut link = Link::default();
        let ppm = FrequencyPpb::from_ppm(100.0);
        link.forward(at(0), us(107));
        // 500 ms later V is 50 us further ahead, so the request seems to have taken 50 us less.
        let delay = link.backward(at(500), us(-93 - 50), ppm).unwrap();
        assert!((delay - us(7)).abs() < Duration::from_nanos(1), "{delay}");
    }

    #[test]
    fn a_frequency_that_was_not_known_is_put_right_in_the_delays() {
        let mut link = Link::default();
        for n in 0..3 {
            let off = us(100 * n);
            link.forward(at(1_000 * n), us(107) + off);
            link.backward(at(1_000 * n + 500), us(-93 - 50) - off, FrequencyPpb::ZERO);
        }
        assert!(link.mean_path_delay().unwrap() < us(-17), "as if the clock ran true");
        let sample = link.correct_delays(FrequencyPpb::from_ppm(100.0)).unwrap();
        assert!((sample.offset - us(300)).abs() < Duration::from_nanos(1), "{}", sample.offset);
        assert!((link.mean_path_delay().unwrap() - us(7)).abs() < Duration::from_nanos(1));
    }

    #[test]
    fn a_new_path_is_believed_after_eight_round_trips() {
        let mut link = Link::default();
        for n in 0..64 {
            link.forward(at(n * 100), us(10 + n % 2));
            link.backward(at(n * 100 + 1), us(10), FrequencyPpb::ZERO);
        }
        for n in 64..64 + 2 * i64::from(NEW_PATH_SAMPLES) {
            link.forward(at(n * 100), us(200));
            link.backward(at(n * 100 + 1), us(200), FrequencyPpb::ZERO);
        }
        assert_eq!(link.mean_path_delay(), Some(us(200)));
    }

    #[test]
    fn an_old_sync_pairs_with_nothing() {
        let mut link = Link::default();
        link.forward(at(0), us(107));
        assert_eq!(link.backward(at(9_000), us(-93), FrequencyPpb::ZERO), None);
        link.forward(at(18_000), us(107));
        assert_eq!(link.mean_path_delay(), None, "nor does an old request");
    }

    #[test]
    fn the_two_messages_of_a_rare_exchange_are_a_pair() {
        let mut link = Link::default();
        for n in 0..2 {
            assert_eq!(link.backward(at(64_000 * n), us(-93), FrequencyPpb::ZERO), None);
            let sample = link.forward(at(64_000 * n + 1), us(107));
            assert_eq!(sample.unwrap().offset, us(100));
        }
    }
}
