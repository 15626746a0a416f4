//! What is learnt of an oscillator, to be kept from one run to the next.

use super::mixture::{LANES, WANDERS};
use crate::coding::Coded;
use crate::discipline::SavedStability;
use crate::time::{Duration, FrequencyPpb};

/// How many levels of wander an oscillator may have.
pub const WANDER_LEVELS: usize = LANES;
/// A frequency of which only the number is known: what a counter's rate may be found other by at each boot, and a warm machine is.
pub const DEVIATION_MAX: FrequencyPpb = FrequencyPpb::new(1_000.0);
/// It is never known better than this after a pause: nobody has seen what the temperature did.
pub const DEVIATION_MIN: FrequencyPpb = FrequencyPpb::new(20.0);
/// No oscillator that could be corrected runs further off.
const FREQUENCY_MAX: FrequencyPpb = FrequencyPpb::new(1_000_000.0);

/// What an oscillator runs off by, how sure that is, how it wanders, and how far it strays once nobody corrects it.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct SavedOscillator {
    /// What it runs off by; positive is fast.
    pub frequency: FrequencyPpb,
    /// How sure that is, one standard deviation.
    pub deviation: FrequencyPpb,
    /// How likely each level of wander is, from 1e-11 to 1e-6 s/s per sqrt(s) by decades; the sum is 1.
    pub wanders: [f64; WANDER_LEVELS],
    /// What rehearsed holdovers have shown, if they have; only an estimator rehearses.
    pub stability: Option<SavedStability>,
}

impl SavedOscillator {
    /// Nothing else is known of it.
    pub const fn of_frequency(frequency: FrequencyPpb) -> Self {
        let wanders = [1.0 / WANDER_LEVELS as f64; WANDER_LEVELS];
        Self { frequency, deviation: DEVIATION_MAX, wanders, stability: None }
    }

    /// Whether all of it are numbers that an oscillator may have.
    pub fn is_plausible(&self) -> bool {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let sum: f64 = self.wanders.iter().sum();
        self.frequency.is_finite()
            && self.frequency.abs() <= FREQUENCY_MAX
            && self.deviation.is_finite()
            && self.deviation >= FrequencyPpb::ZERO
            && self.wanders.iter().all(is_share)
            && (sum - 1.0).abs() < 1e-6
            && self.stability.is_none_or(|stability| stability.is_plausible())
    }

    /// The same after it was not looked at for so long: `sigma^2 + W^2 age`, within [`DEVIATION_MIN`] and [`DEVIATION_MAX`].
    #[must_use]
    pub fn aged(self, age: Duration) -> Self {
        let age = age.max(Duration::ZERO).as_secs_f64();
        let wander: f64 = self.wanders.iter().zip(WANDERS).map(|(share, wander)| share * wander * wander).sum();
        let deviation = (self.deviation.ratio() * self.deviation.ratio() + wander * age).sqrt();
        let ppb = FrequencyPpb::from_ratio(deviation).ppb().clamp(DEVIATION_MIN.ppb(), DEVIATION_MAX.ppb());
        let stability = self.stability.map(SavedStability::after_a_restart);
        Self { deviation: FrequencyPpb::new(ppb), stability, ..self }
    }

    /// The same after a boot: a counter is measured anew then, and the kernel's clock runs by that.
    #[must_use]
    pub fn after_a_boot(self) -> Self {
        let stability = self.stability.map(SavedStability::after_a_boot);
        Self { deviation: DEVIATION_MAX, stability, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(wander: usize) -> SavedOscillator {
        let mut wanders = [0.0; WANDER_LEVELS];
        wanders[wander] = 1.0;
        let (frequency, deviation) = (FrequencyPpb::from_ppm(40.0), FrequencyPpb::new(30.0));
        SavedOscillator { frequency, deviation, wanders, stability: None }
    }

    #[test]
    fn the_longer_it_was_not_seen_and_the_more_it_wanders_the_less_is_known_of_it() {
        // 1e-9 s/s per sqrt(s): 60 ppb after an hour.
        let an_hour = saved(2).aged(Duration::from_secs(3_600)).deviation.ppb();
        assert!((an_hour - 30.0_f64.hypot(60.0)).abs() < 0.01, "{an_hour}");
        assert_eq!(saved(2).aged(Duration::from_secs(3_600 * 24 * 365)).deviation, DEVIATION_MAX);
        assert_eq!(saved(5).aged(Duration::SECOND).deviation, DEVIATION_MAX);
        let sure = SavedOscillator { deviation: FrequencyPpb::new(0.1), ..saved(0) };
        assert_eq!(sure.aged(Duration::ZERO).deviation, DEVIATION_MIN);
        assert_eq!(sure.aged(Duration::from_secs(-5)).deviation, DEVIATION_MIN);
    }

    #[test]
    fn what_no_oscillator_has_is_not_plausible() {
        assert!(saved(2).is_plausible() && SavedOscillator::of_frequency(FrequencyPpb::ZERO).is_plausible());
        let broken = [
            SavedOscillator { frequency: FrequencyPpb::new(f64::NAN), ..saved(2) },
            SavedOscillator { frequency: FrequencyPpb::new(2e6), ..saved(2) },
            SavedOscillator { deviation: FrequencyPpb::new(-1.0), ..saved(2) },
            SavedOscillator { deviation: FrequencyPpb::new(f64::INFINITY), ..saved(2) },
            SavedOscillator { wanders: [0.0; WANDER_LEVELS], ..saved(2) },
            SavedOscillator { wanders: [f64::NAN; WANDER_LEVELS], ..saved(2) },
            SavedOscillator { wanders: [2.0, -1.0, 0.0, 0.0, 0.0, 0.0], ..saved(2) },
        ];
        assert!(broken.iter().all(|broken| !broken.is_plausible()));
    }
}
