//! The cells of both tables with all that these leave out.
//!
//! The other daemons were measured with oscillators that only walk at random, stamps of 1 ns and a network that loses
//! nothing. So an estimator could win there by knowing just that. Here the same cells have what real machines have:
//!
//! | what | how much |
//! |---|---|
//! | white FM, flicker FM | of each an Allan deviation of `W / 4` at 1 s: 2.5e-10 is a good crystal, 2.5e-9 a poor one |
//! | stamps | whole multiples of 8 ns |
//! | transmit stamps | after 50 us; one in ten 30 ms later, 2 % never |
//! | messages | 2 % lost, 2 % twice |
//! | threads | wake up 50 us late, so slews end late |
//! | commands | act 5 us (both exponential, on average) before who gave them thinks that they do |
//!
//! The figures to compare with are still those of the tables: the daemons had it easier.

use super::{Cell, CellRun, NtpCell, NtpRun, Span};
use crate::clock::OscillatorModel;
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::sim::{Lateness, LinkModel, NtpWorld, StampModel, TxStampModel};
use crate::time::Duration;

/// In terms of `W`.
const OTHER_NOISE: f64 = 0.25;

const STAMPS: StampModel = StampModel {
    resolution: Duration::from_nanos(8),
    tx: TxStampModel {
        latency: Duration::from_micros(50),
        late_share: 0.1,
        late_by: Duration::from_millis(30),
        loss: 0.02,
    },
    ..StampModel::IDEAL
};

const LATENESS: Lateness = Lateness { wake: Duration::from_micros(50), command: Duration::from_micros(5) };

fn oscillator(model: OscillatorModel) -> OscillatorModel {
    let noise = OTHER_NOISE * model.wander;
    OscillatorModel { white: noise, flicker: noise, ..model }
}

fn spoil(way: &mut LinkModel) {
    (way.loss, way.duplication) = (0.02, 0.02);
}

impl Cell {
    /// Runs it once with all that the table leaves out, by the estimator.
    pub fn run_imperfect(&self, seed: u64, span: Span) -> CellRun {
        let mut config = self.slave(seed);
        config.steering.servo = Kind::Estimator;
        config.oscillator = oscillator(config.oscillator);
        let (mut world, slave) = self.world(&config, seed);
        let master = super::NodeId(0);
        for (from, to) in [(master, slave), (slave, master)] {
            world.change_link(from, to, spoil);
        }
        for node in [master, slave] {
            world.change_stamps(node, |stamps| *stamps = STAMPS);
        }
        world.set_lateness(slave, LATENESS);
        self.measure(world, slave, span)
    }
}

impl NtpCell {
    /// Runs it once with all that the table leaves out, by the estimator.
    pub fn run_imperfect(&self, seed: u64, span: Span) -> NtpRun {
        let mut config = self.config(Kind::Estimator, seed);
        config.oscillator = oscillator(config.oscillator);
        [&mut config.there, &mut config.back].into_iter().for_each(spoil);
        let phase = self.interval.duration().scaled(Random::seeded(seed).branch(99).unit());
        let mut world = NtpWorld::new(config, seed, phase);
        world.set_stamps(STAMPS);
        world.set_lateness(LATENESS);
        super::ntp::measure(world, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{CELLS, NTP_CELLS};

    #[test]
    fn what_is_left_out_costs_something_and_breaks_no_rule() {
        let span = Span { settling: Duration::from_secs(200), total: Duration::from_secs(600) };
        let (ideal, real) = (CELLS[1].run(Kind::Estimator, 1, span), CELLS[1].run_imperfect(1, span));
        assert_eq!(real.checker.violations(), 0, "{:?}", real.checker.first());
        let (ideal, real) = (ideal.statistics.rms(), real.statistics.rms());
        assert!(real > ideal && real < 3.0 * ideal, "{ideal} {real}");
        let run = NTP_CELLS[4].run_imperfect(1, span);
        assert_eq!((run.statistics.len(), run.checker.violations()), (400, 0), "{:?}", run.checker.first());
        assert!(run.statistics.rms() < 1e-5, "{}", run.statistics.rms());
    }
}
