//! How a card's clock is read between two readings of the system clock.

use super::Host;
use crate::clock::{Cascade, Crossing, Reading, sharpest};
use crate::engine::Random;
use crate::sim::Device;
use crate::sim::node::happens;
use crate::time::{Duration, Local, Mono, Timestamp};

/// How long one side of a crossing takes beyond the least, in terms of [`CrossingModel::jitter`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum CrossingShape {
    /// Exponential, and the jitter is its mean: many near the least.
    #[default]
    Exponential,
    /// As other daemons were measured with: `(k + u) / 5.5`, where `k` uniform numbers have a product below `exp(-5)` for
    /// the first time, and `u` is uniform. Mean 1.18, deviation 0.41, and hardly ever near nothing.
    Poisson,
}

impl CrossingShape {
    fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Exponential => random.exponential(),
            Self::Poisson => {
                // The product of uniform numbers is below exp(-5) when the sum of their logarithms is beyond 5.
                let (mut count, mut sum) = (0.0, 0.0);
                while sum < 5.0 {
                    sum += random.exponential();
                    count += 1.0;
                }
                (count + random.unit()) / 5.5
            }
        }
    }
}

/// How the PHC is read between two readings of the system clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CrossingModel {
    /// The least time from the first reading of the system clock to the second.
    pub window: Duration,
    /// The scale of a random time on top, on each side of the PHC's own reading.
    pub jitter: Duration,
    /// How that is distributed.
    pub shape: CrossingShape,
    /// Where in the least window the PHC is read: 0.5 in its middle, as is hoped for; 0 to 1.
    pub position: f64,
    /// The standard deviation of a normal error of the PHC's reading.
    pub noise: Duration,
    /// So many readings are taken one after the other, and count together.
    pub readings: u32,
    /// The share of crossings that fail, 0 to 1.
    pub loss: f64,
}

impl CrossingModel {
    /// A card on a quiet bus.
    pub const PCIE: Self = Self {
        window: Duration::from_nanos(1_000),
        jitter: Duration::from_nanos(100),
        shape: CrossingShape::Exponential,
        position: 0.5,
        noise: Duration::ZERO,
        readings: 5,
        loss: 0.0,
    };
}

/// Reads a PHC a few times between readings of the system clock; done at `now`.
pub(super) fn cross(
    model: &CrossingModel,
    system: &Device,
    phc: &Device,
    now: Timestamp<Mono>,
    random: &mut Random,
) -> Crossing {
    let mut draw = || {
        let mut side = |share: f64| model.window.scaled(share) + model.jitter.scaled(model.shape.draw(random));
        (side(model.position), side(1.0 - model.position))
    };
    let sides: Vec<_> = (0..model.readings.max(1)).map(|_| draw()).collect();
    let whole = |at: Timestamp<Local>| Timestamp::<Local>::from_nanos(at.nanos());
    let mut ago = sides.iter().fold(Duration::ZERO, |sum, (left, right)| sum + *left + *right);
    let mut read = |(left, right): &(Duration, Duration)| {
        let noise = if model.noise > Duration::ZERO { model.noise.scaled(random.normal()) } else { Duration::ZERO };
        let before = whole(system.reading_before(ago));
        let device = whole(phc.reading_before(ago - *left) + noise);
        ago -= *left + *right;
        Reading { before, device, after: whole(system.reading_before(ago)) }
    };
    let readings: Vec<_> = sides.iter().map(&mut read).collect();
    let Reading { before, device, after } = sharpest(readings.into_iter()).expect("one at least");
    let since = system.reading() - (before + (after - before).half());
    Crossing {
        before,
        device,
        after,
        raw: system.raw() - since,
        mono: now - since,
        window: after - before,
        slack: Duration::ZERO,
    }
}

impl Host {
    /// Reads the PHCs whose time it is.
    pub(super) fn take_crossings(
        &mut self,
        now: Timestamp<Mono>,
        is_due: impl Fn(&Cascade<Device>, u8, Timestamp<Mono>) -> bool,
    ) -> bool {
        let mut is_changed = false;
        for index in 0..self.config.phcs.len() as u8 {
            if !is_due(&self.cascade, index, now) {
                continue;
            }
            self.look_at_rate(now);
            let model = self.config.crossing;
            if !happens(model.loss, &mut self.random) {
                let Self { cascade, random, .. } = self;
                let Some((steering, ..)) = cascade.phc(index, now) else { continue };
                let phc = steering.clock().clone();
                let crossing = cross(&model, cascade.system().clock(), &phc, now, random);
                self.steer(now, |cascade, _, notices| {
                    cascade.crossing(index, &crossing, &mut |notice| notices.push(notice));
                });
                is_changed = true;
            }
            self.cascade.schedule_crossing(index, now);
        }
        is_changed
    }
}
