//! How coarsely the drivers set a frequency that are known to do so.
//!
//! Nothing that the kernel says tells it: what is read back is what was asked for. It follows from how a card counts: an
//! integer is added to its time at each of its cycles, and a frequency is that integer changed by a whole number. So the step
//! is one part of that integer. Here are those of drivers/net/ethernet whose step is above [`DITHER_QUANTUM_MIN`]; one driver
//! serves cards that count differently, which their capabilities tell apart. All of them cut off towards the nominal rate.

use synchronome_kernel::phc::PhcCapabilities;

use crate::time::FrequencyPpb;

/// A kind of card.
struct Card {
    driver: &'static str,
    /// `max_adj`, in which a driver's cards differ; `None`: they do not.
    max_adjustment_ppb: Option<[i32; 2]>,
    /// A capability in which they differ.
    pps: Option<bool>,
    /// What is added each cycle at the nominal rate.
    increment: f64,
}

#[rustfmt::skip] // one row, one card
const CARDS: [Card; 7] = [
    // 82576. Those that came after it count in 2^-32 ns.
    Card { driver: "igb", max_adjustment_ppb: Some([999_999_881; 2]), pps: None, increment: (16_u32 << 19) as f64 },
    // By their clock: 96, 25, 24 and 38.4 MHz; the limit was written a little higher before Linux 5.0.
    Card { driver: "e1000e", max_adjustment_ppb: Some([23_999_900, 23_999_999]), pps: None, increment: (125_u32 << 17) as f64 },
    Card { driver: "e1000e", max_adjustment_ppb: Some([599_999_900, 599_999_999]), pps: None, increment: (40_u32 << 18) as f64 },
    Card { driver: "e1000e", max_adjustment_ppb: Some([999_999_999; 2]), pps: None, increment: (125_u32 << 14) as f64 },
    Card { driver: "e1000e", max_adjustment_ppb: Some([230_769_100; 2]), pps: None, increment: (26_u32 << 19) as f64 },
    // 82599 at 10 Gbit/s. X540 has a PPS and counts 128 times as finely, X550 has another limit.
    Card { driver: "ixgbe", max_adjustment_ppb: Some([250_000_000; 2]), pps: Some(false), increment: (0x6666_6666_u32 >> 7) as f64 },
    // The correction is added to an accumulator of 24 bits.
    Card { driver: "tg3", max_adjustment_ppb: None, pps: None, increment: (1_u32 << 24) as f64 },
];

/// The step in which this driver's card sets its frequency, if it is known to be coarse.
pub fn known_quantum(driver: &str, capabilities: &PhcCapabilities) -> Option<FrequencyPpb> {
    let is_it = |card: &&Card| {
        card.driver == driver
            && card.max_adjustment_ppb.is_none_or(|limits| limits.contains(&capabilities.max_adjustment_ppb))
            && card.pps.is_none_or(|pps| pps == capabilities.pps)
    };
    CARDS.iter().find(is_it).map(|card| FrequencyPpb::from_ratio(1.0 / card.increment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::phc::DITHER_QUANTUM_MIN;

    fn quantum(driver: &str, max_adjustment_ppb: i32, pps: bool) -> Option<i64> {
        let capabilities = PhcCapabilities {
            max_adjustment_ppb,
            alarms: 0,
            external_stamps: 0,
            periodic_outputs: 0,
            pins: 0,
            pps,
            precise_crossing: false,
            adjust_phase: false,
        };
        known_quantum(driver, &capabilities).map(|quantum| quantum.ppb().round() as i64)
    }

    #[test]
    fn cards_of_one_driver_are_told_apart_by_what_they_can() {
        assert_eq!((quantum("igb", 999_999_881, false), quantum("igb", 62_499_999, true)), (Some(119), None));
        assert_eq!((quantum("e1000e", 23_999_900, false), quantum("e1000e", 599_999_999, false)), (Some(61), Some(95)));
        assert_eq!((quantum("ixgbe", 250_000_000, false), quantum("ixgbe", 250_000_000, true)), (Some(75), None));
        assert_eq!((quantum("tg3", 250_000_000, false), quantum("ice", 100_000_000, false)), (Some(60), None));
    }

    #[test]
    fn who_is_in_the_table_is_coarse_enough_to_be_alternated() {
        for card in CARDS {
            assert!(FrequencyPpb::from_ratio(1.0 / card.increment) > DITHER_QUANTUM_MIN, "{}", card.driver);
        }
    }
}
