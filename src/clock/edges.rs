//! What a few readings of a card's clock between readings of the system clock prove together.
//!
//! A reading says that the card was read after `before` and before `after`, on the system clock. The usual choice among a few is
//! the narrowest, and its middle. But one is quick before the card is read, another one after: each edge is a proof by itself,
//! as in the [envelope](crate::discipline::Envelope), and the sharpest edge of each side holds, whichever reading it is from. Of five
//! readings with an exponential delay of 100 ns on each side the narrowest is open by 70 ns and its middle off by 24 ns (one standard
//! deviation); the sharpest edges are 40 ns apart, and their middle is off by 14 ns.
//!
//! The readings are microseconds apart, and the two clocks may run apart meanwhile: that is added to each edge that is moved.

use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// No two clocks of one host run further apart than this, both being corrected.
const APART_MAX: FrequencyPpb = FrequencyPpb::new(1_500_000.0);

/// One reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The system clock just before.
    pub before: Timestamp<Local>,
    /// The card's.
    pub device: Timestamp<Local>,
    /// The system clock just after.
    pub after: Timestamp<Local>,
}

impl Reading {
    /// How long it took.
    pub fn window(&self) -> Duration {
        self.after - self.before
    }
}

/// The narrowest of some readings that were taken one soon after the other, with the sharpest edges of all. Where these
/// contradict each other the card's clock is noisy, and the narrowest stands for itself. `None` without any.
pub fn sharpest(readings: impl Iterator<Item = Reading> + Clone) -> Option<Reading> {
    let narrowest = readings.clone().min_by_key(Reading::window)?;
    let sharper = |best: Reading, reading: Reading| {
        let apart = APART_MAX.drift((reading.device - narrowest.device).abs());
        // Where the system clock was when the card read what it reads in the narrowest.
        let moved = narrowest.device - reading.device;
        Reading {
            before: best.before.max(reading.before + moved - apart),
            after: best.after.min(reading.after + moved + apart),
            ..best
        }
    };
    let sharpest = readings.fold(narrowest, sharper);
    Some(if sharpest.window().is_negative() { narrowest } else { sharpest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    /// A card that is 40 s ahead, read at `at` (ns), so much before and after.
    fn reading(at: i64, before: i64, after: i64) -> Reading {
        let system = Timestamp::from_secs(1_800_000_000) + Duration::from_nanos(at);
        Reading {
            before: system - Duration::from_nanos(before),
            device: system + Duration::from_secs(40),
            after: system + Duration::from_nanos(after),
        }
    }

    #[test]
    fn the_sharpest_edge_of_each_side_counts_whichever_reading_it_is_of() {
        let readings = [reading(0, 900, 500), reading(2_000, 520, 700), reading(4_000, 800, 300)];
        let found = sharpest(readings.into_iter()).expect("readings");
        assert_eq!(found.device, readings[2].device, "the narrowest is the one that is told");
        assert_eq!(found.after, readings[2].after);
        // The edge of the one in the middle, 2 us earlier: 3 ns for what two clocks may run apart by.
        let before = readings[2].device - Duration::from_secs(40) - Duration::from_nanos(523);
        assert!((found.before - before).abs() < Duration::from_nanos(1), "{}", found.before - before);
    }

    #[test]
    fn edges_that_contradict_each_other_leave_the_narrowest_alone() {
        let noisy =
            Reading { device: reading(2_000, 0, 0).device + Duration::from_micros(3), ..reading(2_000, 500, 500) };
        let narrowest = reading(0, 400, 400);
        assert_eq!(sharpest([narrowest, noisy].into_iter()), Some(narrowest));
        assert_eq!(sharpest(std::iter::empty()), None);
    }

    #[test]
    fn the_truth_is_between_the_edges_however_far_the_clocks_run_apart() {
        let mut random = Random::seeded(3);
        for ppm in [-1_400.0, 0.0, 1_400.0] {
            for _ in 0..1_000 {
                let mut at = 0;
                let readings: [Reading; 5] = std::array::from_fn(|_| {
                    let [before, after] = [(); 2].map(|()| (300.0 + 300.0 * random.exponential()) as i64);
                    at += before + after;
                    let true_reading = reading(at, before, after);
                    let run = FrequencyPpb::from_ppm(ppm).drift(Duration::from_nanos(at));
                    Reading { device: true_reading.device + run, ..true_reading }
                });
                let found = sharpest(readings.into_iter()).expect("readings");
                let own = readings.iter().find(|reading| reading.device == found.device).expect("one of them");
                let run = |of: &Reading| of.device - of.before;
                assert!(run(own) >= run(&found) && found.after <= own.after, "it is never wider");
                // What the system clock read when the card did: its reading less 40 s and what it had run off by, nearly.
                let elapsed = (found.device - readings[0].device).as_secs_f64() / (1.0 + ppm * 1e-6);
                let first = readings[0].device - Duration::from_secs(40);
                let first = first - FrequencyPpb::from_ppm(ppm).drift(first - reading(0, 0, 0).before);
                let system = first + Duration::from_secs_f64(elapsed);
                let slack = Duration::from_nanos(1);
                assert!(found.before <= system + slack && system <= found.after + slack, "{ppm} ppm");
            }
        }
    }
}
