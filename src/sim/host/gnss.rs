//! A GNSS receiver of a host: a reference clock, read each second by the daemon's own engine for these.

use super::Host;
use crate::clock::{Clock as _, ClockWords, reference_of_clock};
use crate::engine::{Engine, Random, Taped};
use crate::refclock::{Config, Effect, Input, Refclock, Sample};
use crate::sim::Truth;
use crate::time::{ClockEpoch, ClockId, Duration, LeapIndicator, Mono, SourceId, StampSource, Timestamp};

/// The row of the receiver.
pub const GNSS_SOURCE: SourceId = SourceId(0x200);
/// How often it is read.
const EVERY: Duration = Duration::SECOND;

/// What a receiver is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReceiverModel {
    /// How far off each sample may be, by its own word.
    pub error: Duration,
    /// The standard deviation of a normal error of each; none is beyond what it says.
    pub noise: Duration,
}

#[derive(Debug)]
pub(super) struct Receiver {
    model: ReceiverModel,
    engine: Taped<Refclock>,
    truth: Truth,
    random: Random,
    sample_at: Timestamp<Mono>,
    steps: ClockEpoch,
    since: Option<Timestamp<Mono>>,
}

impl Receiver {
    pub fn new(model: ReceiverModel, truth: Truth, now: Timestamp<Mono>, random: Random) -> Self {
        let engine = Taped::new(Refclock::new(Config::new(GNSS_SOURCE), now));
        Self { model, engine, truth, random, sample_at: now, steps: ClockEpoch::default(), since: None }
    }

    pub fn deadline(&self) -> Timestamp<Mono> {
        self.engine.deadline().map_or(self.sample_at, |at| at.min(self.sample_at))
    }
}

impl Host {
    /// Reads the receiver, if it is time to; whether it did. `world` is the world's time, `now` the machine's.
    pub(super) fn read_receiver(&mut self, world: Timestamp<Mono>, now: Timestamp<Mono>) -> bool {
        let Some(receiver) = self.receiver.as_mut().filter(|receiver| receiver.deadline() <= now) else { return false };
        let system = self.cascade.system().clock();
        let (local, epoch) = (system.reading(), system.epoch());
        let mut effects = Vec::new();
        if std::mem::replace(&mut receiver.steps, epoch) != epoch {
            receiver.engine.step(now, Input::Stepped(epoch), &mut effects);
        }
        if now >= receiver.sample_at {
            receiver.sample_at = now + EVERY;
            let ReceiverModel { error, noise } = receiver.model;
            let noise = noise.scaled(receiver.random.normal()).clamp(-error, error);
            let reference = receiver.truth.utc(world).read_as() + noise;
            let sample = Sample {
                before: local,
                after: local,
                reference,
                error: Some(error),
                leap: receiver.truth.warning(world),
                is_pulse: false,
                stamped: StampSource::Kernel,
            };
            receiver.engine.step(now, Input::Sample { sample, local }, &mut effects);
        }
        receiver.engine.step(now, Input::Tick, &mut effects);
        let since = *receiver.since.get_or_insert(now);
        for effect in &effects {
            match effect {
                Effect::Observe(observation) => {
                    self.look_at_rate(now);
                    self.steer(now, |cascade, local, notices| {
                        cascade.observe(now, local, observation, &mut |notice| notices.push(notice));
                    });
                }
                Effect::Says { leap, is_between } => self.receiver_says(now, *leap, *is_between, since),
                Effect::Count(_) => {}
            }
        }
        true
    }

    fn receiver_says(&mut self, now: Timestamp<Mono>, leap: LeapIndicator, is_between: bool, since: Timestamp<Mono>) {
        let words = ClockWords {
            is_tai: false,
            tai_utc: None,
            accuracy: Duration::ZERO,
            leap,
            stratum: 0,
            reference_id: *b"GNSS",
        };
        let reference = reference_of_clock(GNSS_SOURCE, &words, since);
        let interval = Config::new(GNSS_SOURCE).interval(is_between);
        self.introduce(now, (GNSS_SOURCE, ClockId::System), Some(reference), Some(interval));
    }
}
