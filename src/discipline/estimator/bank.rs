//! The bank: members for what is not known, weighted by how well each foretells.

use super::member::{Direction, Member};
use super::watch::{Finding, Watch};
use crate::coding::Coded;
use crate::discipline::MovingMedian;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Random-walk FM of the oscillator, s/s per sqrt(s), by decades: an ovenised one to a bad one in the sun.
const WANDERS: [f64; 6] = [1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6];
/// How blunt the edge of the delays is: the normal part as a share of the exponential one.
const SHAPES: [f64; 3] = [0.001, 0.3, 4.0];
/// The members.
const MEMBERS: usize = WANDERS.len() * SHAPES.len();
/// At each Sync so much of a member's weight goes to each neighbour in wander.
const TO_OTHER_WANDER: f64 = 1.5e-4;
/// And so much to each neighbour in shape.
const TO_OTHER_SHAPE: f64 = 5e-4;
/// A member whose own share of its new weight is larger than this is not mixed.
const UNMIXED: f64 = 0.99;
/// No weight falls below this.
const WEIGHT_MIN: f64 = 1e-12;
/// No evidence counts for more than this against a member (natural logarithm).
const EVIDENCE_MAX: f64 = 50.0;
/// Round trips in the window that the tail's mean is read from.
const ROUND_TRIPS: usize = 256;
/// The first of them are computed anew while the frequency is being learnt.
const FIRST_ROUND_TRIPS: usize = 24;
/// The interquartile range of the sum of two exponentials of mean 1.
const IQR_OF_TWO_EXPONENTIALS: f64 = 1.731;
/// That of the sum of two standard normals: 1.349 sqrt 2.
const IQR_OF_TWO_NORMALS: f64 = 1.908;
/// Weights, mixing and gates begin after so many round trips.
const WARM_UP: u32 = 8;
/// The tail is overestimated for so many: too long a tail is harmless, too short a one locks the delay too high.
const CAREFUL: u32 = 64;
/// No interquartile range is taken of fewer.
const IQR_SAMPLES_MIN: usize = 8;
/// After a new path the tail's mean is kept until there are so many again.
const IQR_SAMPLES_AFTER_RESTART: usize = 16;

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

#[derive(Clone, Copy, Debug, Coded)]
struct Weighted {
    member: Member,
    weight: f64,
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
    members: [Weighted; MEMBERS],
    /// Transits are kept relative to this, so that an `f64` holds them to less than a tick.
    origin: Option<Duration>,
    at: Timestamp<Local>,
    is_begun: bool,
    resolution: f64,
    frequency_max: f64,
    frequency_known: Option<f64>,
    last: Pair,
    round_trips: MovingMedian<ROUND_TRIPS>,
    /// The first of the window as they came: transit both ways, and the time between the two messages.
    first: [(f64, f64); FIRST_ROUND_TRIPS],
    heard: u32,
    since_restart: u32,
    /// The tail's mean after a new path, until the window has samples again.
    tail_held: Option<f64>,
    spread: f64,
    watch: Watch,
    /// What one way's delay moved by alone (s).
    moved: [f64; 2],
}

impl Bank {
    /// For an oscillator that is at most `frequency_max` off; stamps are exact to `resolution` at best.
    pub fn new(frequency_max: FrequencyPpb, resolution: Duration) -> Self {
        let nothing = Weighted { member: Member::new(0.0, 0.0, 1.0, (0.0, 1.0)), weight: 1.0 / MEMBERS as f64 };
        Self {
            members: [nothing; MEMBERS],
            origin: None,
            at: Timestamp::EPOCH,
            is_begun: false,
            resolution: resolution.as_secs_f64().max(1e-12),
            frequency_max: frequency_max.abs().ratio(),
            frequency_known: None,
            last: Pair::default(),
            round_trips: MovingMedian::default(),
            first: [(0.0, 0.0); FIRST_ROUND_TRIPS],
            heard: 0,
            since_restart: 0,
            tail_held: None,
            spread: 0.0,
            watch: Watch::default(),
            moved: [0.0; 2],
        }
    }

    /// Forgets the master and its path, and keeps what is known of the oscillator.
    pub fn restart(&mut self) {
        let frequency = self.estimate().map(|estimate| estimate.frequency.ratio()).or(self.frequency_known);
        let wanders = self.members.map(|weighted| weighted.weight);
        *self = Self::new(FrequencyPpb::from_ratio(self.frequency_max), Duration::from_secs_f64(self.resolution));
        self.frequency_known = frequency;
        for (weighted, weight) in self.members.iter_mut().zip(wanders) {
            weighted.weight = weight;
        }
    }

    /// The oscillator's frequency error as it was saved by an earlier run.
    pub fn expect_frequency(&mut self, frequency: FrequencyPpb) {
        self.frequency_known = Some(frequency.ratio());
    }

    /// How many messages have been heard since the beginning.
    pub fn heard(&self) -> u32 {
        self.heard
    }

    /// What is believed at the last message; `None` until both directions were heard.
    pub fn estimate(&self) -> Option<Estimate> {
        let origin = self.origin.filter(|_| self.is_begun)?;
        let [offset, frequency, delay] = self.mean();
        let variance = self.mixture(|member, mean| member.covariance[0][0] + square(member.mean[0] - mean[0]));
        Some(Estimate {
            offset: origin + Duration::from_secs_f64(offset),
            frequency: FrequencyPpb::from_ratio(frequency),
            delay: Duration::from_secs_f64(delay),
            deviation: Duration::from_secs_f64(variance.sqrt()),
        })
    }

    /// The offset of `V` from the master at `at`, by what is believed at the last message.
    pub fn estimate_at(&self, at: Timestamp<Local>) -> Option<Duration> {
        self.estimate().map(|estimate| estimate.offset + estimate.frequency.drift(at - self.at))
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

    fn message(&mut self, direction: Direction, at: Timestamp<Local>, transit: f64) {
        match direction {
            Direction::Forward => self.last.forward = Some((at, transit)),
            Direction::Backward => {
                self.last.backward = Some((at, transit));
                self.note_round_trip();
            }
        }
        self.heard = self.heard.saturating_add(1);
        if !self.is_begun {
            self.begin(at);
            return;
        }
        self.predict(at);
        let ago = (self.at - at).as_secs_f64();
        self.observe(direction, ago, transit - self.moved[direction.index()]);
    }

    /// The first exchange: offset and delay from it, each as uncertain as half the round trip.
    fn begin(&mut self, at: Timestamp<Local>) {
        let (Some((_, forward)), Some((_, backward))) = (self.last.forward, self.last.backward) else { return };
        let (offset, delay) = ((forward - backward) / 2.0, f64::midpoint(forward, backward));
        // The two were not sent at once: the clock may have moved meanwhile.
        let apart = match self.last {
            Pair { forward: Some((a, _)), backward: Some((b, _)) } => (a - b).abs().as_secs_f64(),
            _ => 0.0,
        };
        let frequency = self.frequency_known.map_or((0.0, self.frequency_max), |known| (known, 1e-6));
        let uncertainty = delay.abs().max(self.resolution) + apart * frequency.1;
        let member = Member::new(offset, delay.max(self.resolution), uncertainty, frequency);
        for weighted in &mut self.members {
            weighted.member = member;
        }
        self.at = at;
        self.is_begun = true;
    }

    /// The spread of the round trips, from pairs of neighbours, the clock's run between them taken out.
    fn note_round_trip(&mut self) {
        let (Some((sync_at, forward)), Some((request_at, backward))) = (self.last.forward, self.last.backward) else {
            return;
        };
        let frequency = if self.is_begun { self.mean()[1] } else { self.frequency_known.unwrap_or(0.0) };
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
        self.spread = self.spread_now();
    }

    fn spread_now(&self) -> f64 {
        let window = &self.round_trips;
        if let Some(held) = self.tail_held.filter(|_| window.len() < IQR_SAMPLES_AFTER_RESTART) {
            return held * IQR_OF_TWO_EXPONENTIALS;
        }
        let between = |low: Option<Duration>, high: Option<Duration>| match (low, high) {
            (Some(low), Some(high)) => (high - low).as_secs_f64(),
            _ => 0.0,
        };
        let range = if window.len() < IQR_SAMPLES_MIN {
            between(window.least(), window.greatest())
        } else {
            between(window.quantile(0.25), window.quantile(0.75))
        };
        let n = f64::from(self.since_restart.max(1));
        if self.since_restart < CAREFUL && self.tail_held.is_none() { range * (1.0 + 8.0 / n) } else { range }
    }

    /// The mean of the delays' tail, for a shape: the round trips' spread is that of two exponentials and two normals.
    fn tail_mean(&self, shape: f64) -> f64 {
        let of_two = square(IQR_OF_TWO_EXPONENTIALS) + square(IQR_OF_TWO_NORMALS * shape);
        (self.spread / of_two.sqrt()).max(self.resolution)
    }

    fn predict(&mut self, at: Timestamp<Local>) {
        let elapsed = (at - self.at).as_secs_f64();
        // What is heard late does not turn the time back.
        if elapsed <= 0.0 {
            return;
        }
        self.at = at;
        for (index, weighted) in self.members.iter_mut().enumerate() {
            weighted.member.predict(elapsed, WANDERS[index / SHAPES.len()]);
        }
    }

    fn observe(&mut self, direction: Direction, ago: f64, transit: f64) {
        let is_warm = self.since_restart > WARM_UP;
        if is_warm && !self.is_usual(direction, ago, transit) {
            return;
        }
        if is_warm && direction == Direction::Forward {
            self.mix();
        }
        let mut evidence = [0.0; MEMBERS];
        let mut best = f64::NEG_INFINITY;
        for index in 0..MEMBERS {
            let shape = SHAPES[index % SHAPES.len()];
            let tail_mean = self.tail_mean(shape);
            let spread = (shape * tail_mean).max(self.resolution);
            evidence[index] = self.members[index].member.observe(direction, ago, transit, tail_mean, spread);
            best = best.max(evidence[index]);
        }
        if is_warm {
            self.weigh(&evidence, best);
        }
    }

    /// Bayes: a member's weight is multiplied by how probable it found what came.
    fn weigh(&mut self, evidence: &[f64; MEMBERS], best: f64) {
        let mut sum = 0.0;
        for (weighted, evidence) in self.members.iter_mut().zip(evidence) {
            weighted.weight *= libm::exp((evidence - best).max(-EVIDENCE_MAX));
            sum += weighted.weight;
        }
        for weighted in &mut self.members {
            weighted.weight = (weighted.weight / sum).max(WEIGHT_MIN);
        }
    }

    fn is_usual(&mut self, direction: Direction, ago: f64, transit: f64) -> bool {
        let mean = self.mean();
        let foretold = Member { mean, covariance: [[0.0; 3]; 3] }.expected(direction, ago);
        let tail_mean = self.tail_mean(0.0);
        match self.watch.judge(direction, transit - foretold, self.deviation_of_transit(&mean), tail_mean) {
            Finding::Usual => return true,
            Finding::Unusual => {}
            Finding::Stepped(by) => {
                let uncertainty = square(0.1 * by) + square(tail_mean);
                self.shift(|member| {
                    member.mean[0] += by;
                    member.covariance[0][0] += uncertainty;
                    member.covariance[1][1] += 1e-14;
                    member.covariance[2][2] += square(tail_mean);
                });
            }
            Finding::NewPath(by) => self.shift(|member| {
                member.mean[2] += by;
                member.covariance[2][2] += square(tail_mean);
                member.covariance[0][0] += square(tail_mean / 2.0);
            }),
            Finding::NewWay(way, by) => {
                self.moved[way.index()] += by;
                self.shift(|member| {
                    member.covariance[2][2] += square(tail_mean / 2.0);
                    member.covariance[0][0] += square(tail_mean / 2.0);
                });
            }
        }
        false
    }

    /// Changes all members alike, and begins a new window of round trips.
    fn shift(&mut self, change: impl Fn(&mut Member)) {
        for weighted in &mut self.members {
            change(&mut weighted.member);
        }
        self.tail_held = Some(self.tail_mean(0.0));
        // The frequency is known by now: the new window is not computed anew.
        self.since_restart = self.since_restart.max(FIRST_ROUND_TRIPS as u32);
        self.round_trips.clear();
    }

    /// Interacting multiple models: weights flow to the neighbours, and a member that got most of its weight from them
    /// takes over their state too, so that hopeless hypotheses are dragged along instead of diverging.
    fn mix(&mut self) {
        let old = self.members;
        for index in 0..MEMBERS {
            let (sources, len) = sources(index);
            let sources = &sources[..len];
            let weight: f64 = sources.iter().map(|(from, share)| share * old[*from].weight).sum();
            self.members[index].weight = weight;
            let own = sources[0].1 * old[index].weight;
            if own < UNMIXED * weight {
                self.members[index].member = mixed(&old, sources, weight);
            }
        }
    }

    fn mean(&self) -> [f64; 3] {
        let mut mean = [0.0; 3];
        let mut sum = 0.0;
        for Weighted { member, weight } in &self.members {
            sum += weight;
            for (mean, value) in mean.iter_mut().zip(member.mean) {
                *mean += weight * value;
            }
        }
        mean.map(|value| value / sum)
    }

    fn mixture(&self, variance: impl Fn(&Member, &[f64; 3]) -> f64) -> f64 {
        let mean = self.mean();
        let (mut sum, mut weights) = (0.0, 0.0);
        for Weighted { member, weight } in &self.members {
            sum += weight * variance(member, &mean);
            weights += weight;
        }
        sum / weights
    }

    /// Of a transit, by the members that matter.
    fn deviation_of_transit(&self, mean: &[f64; 3]) -> f64 {
        let (mut sum, mut weights) = (0.0, 1e-300);
        for Weighted { member, weight } in self.members.iter().filter(|weighted| weighted.weight > 0.01) {
            let (offset, delay) = (member.mean[0] - mean[0], member.mean[2] - mean[2]);
            let variance = member.covariance[0][0] + member.covariance[2][2] + square(offset) + square(delay);
            sum += weight * variance;
            weights += weight;
        }
        (sum / weights).sqrt()
    }
}

/// From whom a member gets its weight, itself first, and each one's share.
fn sources(index: usize) -> ([(usize, f64); 5], usize) {
    let shapes = SHAPES.len();
    let (wander, shape) = (index / shapes, index % shapes);
    let mut sources = [(index, 1.0); 5];
    let mut len = 1;
    let mut neighbour = |exists: bool, from: usize, share: f64| {
        if exists {
            sources[len] = (from, share);
            sources[0].1 -= share;
            len += 1;
        }
    };
    neighbour(wander > 0, index.wrapping_sub(shapes), TO_OTHER_WANDER);
    neighbour(wander + 1 < WANDERS.len(), index + shapes, TO_OTHER_WANDER);
    neighbour(shape > 0, index.wrapping_sub(1), TO_OTHER_SHAPE);
    neighbour(shape + 1 < shapes, index + 1, TO_OTHER_SHAPE);
    (sources, len)
}

/// The mixture of some members as one Gaussian with the same moments.
fn mixed(old: &[Weighted; MEMBERS], sources: &[(usize, f64)], weight: f64) -> Member {
    let mut mean = [0.0; 3];
    for (from, share) in sources {
        let part = share * old[*from].weight / weight;
        for (mean, value) in mean.iter_mut().zip(old[*from].member.mean) {
            *mean += part * value;
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for (from, share) in sources {
        let part = share * old[*from].weight / weight;
        let member = &old[*from].member;
        for (i, row) in covariance.iter_mut().enumerate() {
            for (k, cell) in row.iter_mut().enumerate() {
                let spread = (member.mean[i] - mean[i]) * (member.mean[k] - mean[k]);
                *cell += part * (member.covariance[i][k] + spread);
            }
        }
    }
    Member { mean, covariance }
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests;
