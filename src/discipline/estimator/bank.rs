//! The bank: from messages to what the members believe.

use super::calm::Calm;
use super::change::{Believed, Explanation, Hypothesis, Record};
use super::member::{Belief, Direction};
use super::memory::{DEVIATION_MAX, SavedOscillator};
use super::mixture::{Mixture, Noise};
use super::watch::{Verdict, Watch};
use crate::coding::Coded;
use crate::discipline::MovingMedian;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Round trips in the window that the tail's mean is read from.
const ROUND_TRIPS: usize = 256;
/// The first of them are computed anew while the frequency is being learnt.
const FIRST_ROUND_TRIPS: usize = 24;
/// Weights, mixing and gates begin after so many round trips.
const WARM_UP: u32 = 8;
/// The tail is overestimated for so many: too long a tail is harmless, too short a one locks the delay too high.
const CAREFUL: u32 = 64;
/// Fewer round trips say nothing of their spread: their whole length is taken for it.
const SPREAD_SAMPLES_MIN: usize = 3;
/// No interquartile range is taken of fewer.
const IQR_SAMPLES_MIN: usize = 8;
/// After a new path the tail's mean is kept until there are so many again.
const IQR_SAMPLES_AFTER_RESTART: usize = 16;
/// Two paths to one clock differ in how much longer they are one way by this part of their delay (one standard deviation).
const PATHS_DIFFER: f64 = 0.03;
/// An exchange contradicts what was known before if that is outside of it by so many standard deviations.
const CONTRADICTS: f64 = 4.0;
/// Whatever moved the clock may have changed what it runs off by, a little (s/s, one standard deviation).
const FREQUENCY_MOVED: f64 = 2e-8;

/// So many messages of a way that changed are heard before what it changed by is settled.
const WAY_MESSAGES: u32 = 256;

/// A way that changed alone, and by how much is still being learnt.
///
/// By messages alone nobody can tell `u` more delay one way from `u / 2` more offset and `u / 2` more delay both ways. But the
/// base delay of before was learnt from many messages: as long as the new one is being learnt, whatever it differs by
/// is the way's.
#[derive(Clone, Copy, Debug, Coded)]
struct ChangedWay {
    direction: Direction,
    /// The base delay before the change (s).
    delay: f64,
    /// Messages of this way, until it is settled.
    left: u32,
}

/// What the bank believes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Estimate {
    /// Of `V` from the master.
    pub offset: Duration,
    /// What `V` runs off by.
    pub frequency: FrequencyPpb,
    /// The base delay, one way.
    pub delay: Duration,
    /// The standard deviation of the offset.
    pub deviation: Duration,
}

/// By how much two measures of the same master's time differ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shift {
    /// What the offset is more by.
    pub offset: Duration,
    /// And the frequency.
    pub frequency: FrequencyPpb,
    /// How sure the first is, one standard deviation.
    pub deviation: Duration,
    /// And the second.
    pub frequency_deviation: FrequencyPpb,
}

impl Shift {
    /// By nothing.
    pub const NONE: Self = Self {
        offset: Duration::ZERO,
        frequency: FrequencyPpb::ZERO,
        deviation: Duration::ZERO,
        frequency_deviation: FrequencyPpb::ZERO,
    };
}

/// The first messages, until both directions were heard.
#[derive(Clone, Copy, Default, Debug, Coded)]
struct Pair {
    forward: Option<(Timestamp<Local>, f64)>,
    backward: Option<(Timestamp<Local>, f64)>,
}

/// See the module's text. All instants are on `V`.
#[derive(Clone, Debug, Coded)]
pub struct Bank {
    believed: Believed,
    /// Transits are kept relative to this, so that an `f64` holds them to less than a tick.
    origin: Option<Duration>,
    /// The offset and the frequency are estimated.
    knows_offset: bool,
    /// The path's base delay is.
    knows_delay: bool,
    /// What is taken for exact (s): stamps may be finer.
    resolution: f64,
    /// What stamps are exact to (s).
    finest: f64,
    frequency_max: f64,
    frequency_known: Option<f64>,
    /// How sure that is, one standard deviation.
    known_to: f64,
    /// What was believed before it was forgotten: nothing better is known of the oscillator until something is heard.
    frequency_before: Option<f64>,
    last: Pair,
    round_trips: MovingMedian<ROUND_TRIPS>,
    /// The first of the window as they came: transit both ways, and the time between the two messages.
    first: [(f64, f64); FIRST_ROUND_TRIPS],
    heard: u32,
    since_restart: u32,
    /// The noise after a new path, until the window has samples again.
    held: Option<Noise>,
    noise: Noise,
    watch: Watch,
    record: Record,
    calm: Calm,
    /// What one way's delay moved by alone (s).
    moved: [f64; 2],
    /// Which of them is still being learnt.
    changed_way: Option<ChangedWay>,
    /// When the offset was found to have stepped, or to have done so perhaps, the last time: before the first message after it.
    stepped: Option<Timestamp<Local>>,
}

impl Bank {
    /// For an oscillator that is at most `frequency_max` off; stamps are exact to `resolution` at best.
    pub fn new(frequency_max: FrequencyPpb, resolution: Duration) -> Self {
        let nothing = Mixture::new(Belief { mean: [0.0; 3], deviation: [1.0; 3] });
        let resolution = resolution.as_secs_f64().max(1e-12);
        Self {
            believed: Believed { members: nothing, at: Timestamp::EPOCH },
            origin: None,
            knows_offset: false,
            knows_delay: false,
            resolution,
            finest: resolution,
            frequency_max: frequency_max.abs().ratio(),
            frequency_known: None,
            known_to: DEVIATION_MAX.ratio(),
            frequency_before: None,
            last: Pair::default(),
            round_trips: MovingMedian::default(),
            first: [(0.0, 0.0); FIRST_ROUND_TRIPS],
            heard: 0,
            since_restart: 0,
            held: None,
            noise: Noise { range: 0.0, resolution },
            watch: Watch::default(),
            record: Record::new(),
            calm: Calm::default(),
            moved: [0.0; 2],
            changed_way: None,
            stepped: None,
        }
    }

    /// Stamps are exact to this from the next round trip on, and no less so than at the beginning.
    pub fn set_resolution(&mut self, resolution: Duration) {
        self.finest = resolution.as_secs_f64().clamp(1e-12, self.resolution);
    }

    /// Forgets the master and its path, and keeps what is known of the oscillator.
    pub fn restart(&mut self) {
        let known = self.estimate().map(|estimate| estimate.frequency.ratio()).or(self.frequency_known);
        self.begin_anew(known.filter(|frequency| frequency.abs() <= self.frequency_max));
    }

    /// Forgets everything: what was believed turned out to be wrong.
    pub fn forget(&mut self) {
        self.begin_anew(None);
    }

    fn begin_anew(&mut self, frequency: Option<f64>) {
        self.frequency_before = self.frequency().map(FrequencyPpb::ratio);
        (self.frequency_known, self.known_to) = (frequency, DEVIATION_MAX.ratio());
        self.origin = None;
        self.knows_offset = false;
        self.heard = 0;
        self.forget_path();
    }

    fn forget_path(&mut self) {
        self.knows_delay = false;
        self.last = Pair::default();
        self.round_trips.clear();
        self.since_restart = 0;
        self.held = None;
        self.watch.reset();
        self.record.clear();
        self.calm.disturb();
        self.moved = [0.0; 2];
        self.changed_way = None;
    }

    /// The same master is heard by another path from now on, or through another clock. What is known of the time holds; the
    /// path's delay is not known.
    pub fn change_path(&mut self) {
        if !self.knows_offset {
            return self.restart();
        }
        self.forget_path();
    }

    /// What is heard for the master differs from what was until now as this says: the same by another measure.
    pub fn shift(&mut self, shift: Shift) {
        let frequency = shift.frequency.ratio();
        let variances = [shift.deviation.as_secs_f64(), shift.frequency_deviation.ratio(), 0.0].map(square);
        self.origin = self.origin.filter(|_| self.knows_offset).map(|origin| origin + shift.offset);
        self.believed.members.shift_frequency(frequency);
        self.believed.members.widen(variances);
        for known in [&mut self.frequency_known, &mut self.frequency_before].into_iter().flatten() {
            *known += frequency;
        }
        // Half of an exchange by the old measure, or a window of them, says nothing by the new one.
        self.last = Pair::default();
        self.since_restart = if self.knows_offset { self.since_restart.max(FIRST_ROUND_TRIPS as u32) } else { 0 };
        self.watch.reset();
        self.record.clear();
        self.calm.disturb();
    }

    /// The master, or what is heard for it, shows another time from now on, by the same path.
    pub fn change_time(&mut self) {
        self.lose_offset();
    }

    /// Begins with what `other` knows of the time and of the oscillator, and with nothing of its path. Allocates nothing.
    pub fn begin_like(&mut self, other: &Self) {
        self.forget_path();
        self.believed = other.believed.clone();
        self.origin = other.origin;
        self.knows_offset = other.knows_offset;
        (self.frequency_known, self.known_to) = (other.frequency_known, other.known_to);
        self.frequency_before = other.frequency_before;
        self.noise = other.noise;
        self.heard = other.heard;
        self.stepped = other.stepped;
    }

    /// The clock was moved by somebody, by no more than this in all likelihood; path and oscillator are what they were. Without that word two
    /// messages, one each way, look like two ways that have changed.
    pub fn loosen_offset(&mut self, by: Duration) {
        if !self.knows_offset {
            return;
        }
        self.believed.members.widen([by.as_secs_f64(), 0.0, 0.0].map(square));
        self.last = Pair::default();
        self.watch.reset();
        self.record.clear();
        self.calm.disturb();
    }

    /// The clock was set by somebody: where it is is not known any more. The path is the same, and so is the oscillator,
    /// nearly.
    pub fn lose_offset(&mut self) {
        if !self.knows_delay {
            return self.restart();
        }
        self.frequency_before = self.frequency().map(FrequencyPpb::ratio);
        self.origin = None;
        self.knows_offset = false;
        self.heard = 0;
        self.last = Pair::default();
        self.watch.reset();
        self.record.clear();
        self.calm.disturb();
    }

    /// The oscillator as an earlier run has left it.
    pub fn expect(&mut self, saved: &SavedOscillator) {
        (self.frequency_known, self.known_to) = (Some(saved.frequency.ratio()), saved.deviation.ratio());
        self.believed.members.expect_wanders(&saved.wanders);
    }

    /// What is to be kept of the oscillator, which runs off by `frequency`, for a later run.
    pub fn remember(&self, frequency: FrequencyPpb) -> SavedOscillator {
        let wanders = self.believed.members.wanders();
        let sum: f64 = wanders.iter().sum();
        let deviation = self.frequency_deviation();
        SavedOscillator { frequency, deviation, wanders: wanders.map(|share| share / sum), stability: None }
    }

    /// What `V` runs off by, as far as anything is known of it: also between a new beginning and its first exchange.
    pub fn frequency(&self) -> Option<FrequencyPpb> {
        let believed = (self.knows_offset && self.origin.is_some()).then(|| self.believed.members.mean()[1]);
        believed.or(self.frequency_known).or(self.frequency_before).map(FrequencyPpb::from_ratio)
    }

    /// How sure that is, one standard deviation.
    pub fn frequency_deviation(&self) -> FrequencyPpb {
        let known = if self.knows_offset { self.believed.members.frequency_deviation() } else { self.frequency_max };
        FrequencyPpb::from_ratio(known)
    }

    /// How many messages have been heard since the beginning.
    pub fn heard(&self) -> u32 {
        self.heard
    }

    /// How restless the oscillator is, as a decimal logarithm.
    pub fn restlessness(&self) -> f64 {
        self.believed.members.restlessness()
    }

    /// The offset was found to have stepped after this, or may have: nothing else explains much better what came. The last time that it did.
    pub fn stepped(&self) -> Option<Timestamp<Local>> {
        self.stepped
    }

    /// Where the last messages came before they could by all that is known, and why is not known yet: the last message before anything was unusual.
    pub fn surprised_after(&self) -> Option<Timestamp<Local>> {
        self.record.begun().filter(|_| self.watch.is_early())
    }

    /// Whether all is so quiet that requests may be rare, and not each Sync be used.
    pub fn is_calm(&self) -> bool {
        self.calm.is_calm()
    }

    /// What its path may make the offset wrong by for good, one standard deviation: no message tells how much longer it is one way, nor how sure it was
    /// that a way had changed alone. Nothing while the path is not known.
    pub fn asymmetry(&self) -> Duration {
        if !(self.knows_offset && self.knows_delay) {
            return Duration::ZERO;
        }
        let [_, _, delay] = self.believed.members.mean();
        let moved = (self.moved[0] - self.moved[1]) / 2.0;
        Duration::from_secs_f64((square(PATHS_DIFFER * delay) + square(moved)).sqrt())
    }

    /// The latest message's instant.
    pub fn at(&self) -> Timestamp<Local> {
        self.believed.at
    }

    /// Whether the delay of the path that is heard now is known: until then what is said of the offset is of before.
    pub fn knows_delay(&self) -> bool {
        self.knows_delay
    }

    /// What is believed at the last message; `None` until both directions were heard.
    pub fn estimate(&self) -> Option<Estimate> {
        let origin = self.origin.filter(|_| self.knows_offset)?;
        let [offset, frequency, delay] = self.believed.members.mean();
        Some(Estimate {
            offset: origin + Duration::from_secs_f64(offset),
            frequency: FrequencyPpb::from_ratio(frequency),
            delay: Duration::from_secs_f64(delay),
            deviation: Duration::from_secs_f64(self.believed.members.deviation(0.0)),
        })
    }

    /// The offset of `V` from the master at `at`, by what is believed at the last message.
    pub fn estimate_at(&self, at: Timestamp<Local>) -> Option<Duration> {
        self.estimate().map(|estimate| estimate.offset + estimate.frequency.drift(at - self.believed.at))
    }

    /// The standard deviation of [`Bank::estimate_at`]: it grows with the time since the last message.
    pub fn deviation_at(&self, at: Timestamp<Local>) -> Option<Duration> {
        let elapsed = (at - self.believed.at).as_secs_f64();
        self.knows_offset.then(|| Duration::from_secs_f64(self.believed.members.deviation(elapsed)))
    }

    /// A message from the master that arrived at `at`: `transit = received - sent - correction`.
    pub fn forward(&mut self, at: Timestamp<Local>, transit: Duration) {
        let origin = *self.origin.get_or_insert(transit);
        self.message(Direction::Forward, at, (transit - origin).as_secs_f64());
    }

    /// A message to the master that left at `at`.
    pub fn backward(&mut self, at: Timestamp<Local>, transit: Duration) {
        let origin = *self.origin.get_or_insert(-transit);
        self.message(Direction::Backward, at, (transit + origin).as_secs_f64());
    }

    /// Whether a message from the master that arrived at `at` says what was foretold, so that it may be left out: nothing is unusual, nothing is being
    /// learnt anew, and the noise is so small that such messages are nearly all that there are.
    pub fn is_as_foretold(&self, at: Timestamp<Local>, transit: Duration) -> bool {
        if self.since_restart <= CAREFUL || self.changed_way.is_some() || self.record.is_begun() {
            return false;
        }
        let Some(residual) = self.residual(Direction::Forward, at, transit) else { return false };
        self.watch.is_commonplace(residual, self.noise.tail_mean(0.0))
    }

    /// How much longer than foretold a message took that arrived from the master, or left for it, at `at`, in seconds; `None` while nothing is.
    pub fn residual(&self, direction: Direction, at: Timestamp<Local>, transit: Duration) -> Option<f64> {
        let origin = self.origin.filter(|_| self.knows_offset && self.knows_delay)?;
        let from_origin = if direction == Direction::Forward { transit - origin } else { transit + origin };
        let transit = from_origin.as_secs_f64() - self.moved[direction.index()];
        let elapsed = (at - self.believed.at).as_secs_f64();
        Some(self.believed.members.residual(direction, elapsed, transit))
    }

    fn message(&mut self, direction: Direction, at: Timestamp<Local>, transit: f64) {
        match direction {
            Direction::Forward => self.last.forward = Some((at, transit)),
            Direction::Backward => {
                self.last.backward = Some((at, transit));
                self.note_round_trip();
            }
        }
        self.heard = self.heard.saturating_add(1);
        let transit = transit - self.moved[direction.index()];
        match (self.knows_offset, self.knows_delay) {
            (true, true) => self.observe(direction, at, transit),
            (false, true) => self.find_offset(direction, at, transit),
            (true, false) => self.find_delay(at),
            (false, false) => self.begin(at),
        }
    }

    /// The first exchange: offset and delay from it, each as uncertain as half the round trip.
    fn begin(&mut self, at: Timestamp<Local>) {
        let (Some((sync_at, forward)), Some((request_at, backward))) = (self.last.forward, self.last.backward) else {
            return;
        };
        // The two were not sent at once: the clock has moved meanwhile by what is known of it, and perhaps by more.
        let frequency = self.frequency_known.map_or((0.0, self.frequency_max), |known| (known, self.known_to));
        let run_off = |since: Timestamp<Local>| frequency.0 * (at - since).as_secs_f64();
        let (forward, backward) = (forward + run_off(sync_at), backward - run_off(request_at));
        let (offset, delay) = ((forward - backward) / 2.0, f64::midpoint(forward, backward));
        let apart = (sync_at - request_at).abs().as_secs_f64();
        let uncertainty = delay.abs().max(self.resolution) + apart * frequency.1;
        self.believed.members.set(Belief {
            mean: [offset, frequency.0, delay.max(self.resolution)],
            deviation: [uncertainty, frequency.1, uncertainty],
        });
        self.believed.at = at;
        self.knows_offset = true;
        self.knows_delay = true;
    }

    /// The first exchange by another path: the delay from it, as uncertain as itself, while the offset is known already.
    fn find_delay(&mut self, at: Timestamp<Local>) {
        let (Some((sync_at, forward)), Some((request_at, backward))) = (self.last.forward, self.last.backward) else {
            return;
        };
        self.believed.predict(at);
        let members = &self.believed.members;
        let [offset, frequency, _] = members.mean();
        // As if both were sent at once: what the clock has run off by since is known.
        let run_off = |since: Timestamp<Local>| frequency * (at - since).as_secs_f64();
        let (forward, backward) = (forward + run_off(sync_at), backward - run_off(request_at));
        let delay = f64::midpoint(forward, backward).max(self.resolution);
        let middle = (forward - backward) / 2.0;
        let outside = (offset - middle).abs() - delay - self.resolution;
        let apart = (request_at - sync_at).abs().as_secs_f64();
        let doubt = (square(members.deviation(0.0)) + square(apart * members.frequency_deviation())).sqrt();
        if outside > CONTRADICTS * doubt {
            (self.frequency_known, self.known_to) = (Some(frequency), DEVIATION_MAX.ratio());
            return self.begin(at);
        }
        self.believed.members.set_delay(delay);
        self.believed.members.widen([square(PATHS_DIFFER * delay), 0.0, 0.0]);
        self.knows_delay = true;
    }

    /// The first message after the clock was set: `offset = +-(transit - delay - noise)` by each member's delay. What is not
    /// known of the delay is from now on not known of the offset either.
    fn find_offset(&mut self, direction: Direction, at: Timestamp<Local>, transit: f64) {
        self.believed.members.place(direction, transit, self.noise);
        self.believed.members.widen([0.0, square(FREQUENCY_MOVED), 0.0]);
        self.believed.at = at;
        self.knows_offset = true;
    }

    /// The spread of the round trips, from pairs of neighbours, the clock's run between them taken out.
    fn note_round_trip(&mut self) {
        let (Some((sync_at, forward)), Some((request_at, backward))) = (self.last.forward, self.last.backward) else {
            return;
        };
        let frequency =
            if self.knows_offset { self.believed.members.mean()[1] } else { self.frequency_known.unwrap_or(0.0) };
        let (both, apart) = (forward + backward, (request_at - sync_at).as_secs_f64());
        let index = self.since_restart as usize;
        self.since_restart = self.since_restart.saturating_add(1);
        let round_trip = |(both, apart): (f64, f64)| Duration::from_secs_f64(both + frequency * apart);
        if let Some(place) = self.first.get_mut(index) {
            *place = (both, apart);
            self.round_trips.clear();
            self.first[..=index].iter().for_each(|first| self.round_trips.push(round_trip(*first)));
        } else {
            self.round_trips.push(round_trip((both, apart)));
        }
        self.noise = self.noise_now();
    }

    fn noise_now(&self) -> Noise {
        let window = &self.round_trips;
        if let Some(held) = self.held.filter(|_| window.len() < IQR_SAMPLES_AFTER_RESTART) {
            return held;
        }
        let between = |low: Option<Duration>, high: Option<Duration>| match (low, high) {
            (Some(low), Some(high)) => (high - low).as_secs_f64(),
            _ => 0.0,
        };
        let range = if window.len() < SPREAD_SAMPLES_MIN {
            let length = window.greatest().map_or(0.0, |greatest| greatest.abs().as_secs_f64());
            return Noise::of_tail_mean((length / 2.0).max(self.finest), self.finest);
        } else if window.len() < IQR_SAMPLES_MIN {
            between(window.least(), window.greatest())
        } else {
            between(window.quantile(0.25), window.quantile(0.75))
        };
        let n = f64::from(self.since_restart.max(1));
        let is_careful = self.since_restart < CAREFUL && self.held.is_none();
        Noise { range: if is_careful { range * (1.0 + 8.0 / n) } else { range }, resolution: self.finest }
    }

    fn observe(&mut self, direction: Direction, at: Timestamp<Local>, transit: f64) {
        let is_warm = self.since_restart > WARM_UP;
        if !is_warm {
            let ago = self.believed.predict(at);
            self.believed.members.observe(direction, ago, transit, self.noise);
            return self.learn_way(direction);
        }
        let Some(late) = self.late_if_usual(direction, at, transit) else { return };
        let ago = self.believed.predict(at);
        let members = &mut self.believed.members;
        if direction == Direction::Forward {
            members.mix();
        }
        members.weigh(direction, ago, transit, self.noise);
        self.calm.note(direction, late, members.deviation(0.0), self.resolution);
        self.learn_way(direction);
    }

    /// The base delay stays what it was when a way changed: what it would be more is that way's.
    fn learn_way(&mut self, heard: Direction) {
        let Some(way) = &mut self.changed_way else { return };
        self.calm.disturb();
        let longer = 2.0 * (self.believed.members.mean()[2] - way.delay);
        self.moved[way.direction.index()] += longer;
        self.believed.members.shift_way(way.direction, -longer);
        way.left -= u32::from(heard == way.direction);
        if way.left == 0 {
            self.changed_way = None;
        }
    }

    /// By how much a transit was longer than foretold, if it is to be used (s). One that is not has been dealt with.
    fn late_if_usual(&mut self, direction: Direction, at: Timestamp<Local>, transit: f64) -> Option<f64> {
        if direction == Direction::Backward && self.record.began_after(at) {
            return None;
        }
        let elapsed = (at - self.believed.at).as_secs_f64();
        let members = &self.believed.members;
        let residual = members.residual(direction, elapsed, transit);
        let deviation = || members.deviation_of_transit(elapsed);
        let verdict = self.watch.judge(direction, residual, deviation, self.noise.tail_mean(0.0));
        if verdict == Verdict::Usual && !self.record.is_begun() {
            return Some(residual);
        }
        self.calm.disturb();
        if !self.record.is_begun() {
            self.record.begin(&self.believed, self.noise);
        }
        self.record.keep(direction, at, transit);
        match verdict {
            Verdict::Usual => {
                if !self.watch.is_running() {
                    self.record.clear();
                }
                return Some(residual);
            }
            Verdict::Unusual if !self.record.is_full() => _ = self.believed.predict(at),
            Verdict::Unusual | Verdict::Changed => self.find_change(),
        }
        None
    }

    /// Something changed: what explains it best is believed from now on.
    fn find_change(&mut self) {
        let found = self.record.explain(&self.watch, self.moved[0] + self.moved[1], self.frequency_max);
        let begun = self.record.begun();
        self.watch.reset();
        self.record.clear();
        self.calm.disturb();
        let Some(Explanation { hypothesis, believed, may_have_stepped }) = found else { return };
        let delay = self.believed.members.mean()[2];
        self.believed = believed;
        if matches!(hypothesis, Hypothesis::Path) {
            self.changed_way = None;
        }
        if may_have_stepped {
            self.stepped = begun;
        }
        if let Hypothesis::Way(direction, by) = hypothesis {
            self.moved[direction.index()] += by;
            self.changed_way = Some(ChangedWay { direction, delay, left: WAY_MESSAGES });
            self.learn_way(direction);
        }
        if matches!(hypothesis, Hypothesis::Path | Hypothesis::Way(..)) {
            self.held = Some(Noise::of_tail_mean(self.noise.tail_mean(0.0), self.resolution));
            // The frequency is known by now: the new window is not computed anew.
            self.since_restart = self.since_restart.max(FIRST_ROUND_TRIPS as u32);
            self.round_trips.clear();
        }
    }
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests;
