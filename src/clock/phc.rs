//! A PTP hardware clock that we steer (linux/ptp_clock.h).
//!
//! A card whose frequency has a coarse quantum (119 ppb on some) would wander by half of that between two Syncs: so it is
//! told two neighbouring values in turn ([`DITHER_EVERY`]), chosen so that what has been gained is what was wanted; the
//! timeline is told each of them. Most drivers cut off what is less than their quantum, some round. So what is told is a hair
//! more than the multiple that is meant, which both take for that. Where the quantum is not known exactly, or not at all, the
//! card does a little less than it was told; that is an error of its frequency like another, and the servo learns it.
//!
//! Any program that may open the device can set its frequency. The kernel keeps what it was told last, so that this is seen
//! ([`PhcClock::look`]) and put right. What the card makes of it is not read back: no driver says that.

use nix::libc;
use synchronome_kernel::phc::Phc;

pub use self::quantum::known_quantum;
pub use self::reader::PhcReader;
pub(super) use self::reader::crossing_of;
use super::tampering::{Tampering, Watch};
use super::{Adjusted, Clock, ClockError, HostClock};
use crate::discipline::Adjustment;
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Mono, Stamp, Timestamp};

/// How often a coarse frequency is alternated.
pub const DITHER_EVERY: Duration = Duration::from_micros(31_250);
/// A finer quantum than this is left alone: it moves the clock by less than its resolution between two commands.
pub const DITHER_QUANTUM_MIN: FrequencyPpb = FrequencyPpb::new(8.0);
/// The kernel counts frequency in 2^-16 parts per million.
const SCALED_PPM_PER_PPB: f64 = 65.536;

/// A frequency as the kernel counts it.
pub(super) fn scaled_ppm(frequency: FrequencyPpb) -> i64 {
    (frequency.ppb() * SCALED_PPM_PER_PPB).round() as i64
}

/// What the kernel counts, as a frequency.
pub(super) fn from_scaled_ppm(scaled: i64) -> FrequencyPpb {
    FrequencyPpb::new(scaled as f64 / SCALED_PPM_PER_PPB)
}

/// Why a system call of a clock failed.
pub(super) fn failed(error: &std::io::Error) -> ClockError {
    ClockError::Failed(error.raw_os_error().unwrap_or(libc::EIO))
}

/// How to alternate between multiples of a quantum.
///
/// `owed` is what the clock should have gained, less what it has: each choice is the multiple that pays it back by the next
/// one, so that the phase is never off by more than a quantum over [`DITHER_EVERY`].
#[derive(Clone, Copy, Debug)]
struct Dither {
    quantum: FrequencyPpb,
    owed: Duration,
    since: Timestamp<Local>,
}

impl Dither {
    /// The multiple to set at `at`, `in_force` having been set since the last time and `wanted` from then to now.
    fn choose(&mut self, at: Timestamp<Local>, wanted: FrequencyPpb, in_force: FrequencyPpb) -> FrequencyPpb {
        let elapsed = at - self.since;
        let most = self.quantum.drift(DITHER_EVERY);
        self.owed = self.owed + wanted.drift(elapsed) - in_force.drift(elapsed);
        // After a stall there is more owed than can be paid back soon; that is the servo's to correct.
        self.owed = self.owed.min(most).max(Duration::ZERO - most);
        self.since = at;
        let pay = FrequencyPpb::from_ratio(self.owed.as_secs_f64() / DITHER_EVERY.as_secs_f64());
        self.nearest(wanted + pay)
    }

    fn nearest(&self, frequency: FrequencyPpb) -> FrequencyPpb {
        FrequencyPpb::new((frequency.ppb() / self.quantum.ppb()).round() * self.quantum.ppb())
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct PhcClock {
    device: Phc,
    index: u8,
    epoch: ClockEpoch,
    frequency_max: FrequencyPpb,
    /// What was commanded.
    wanted: FrequencyPpb,
    /// What is in force: the same, but for the quantum.
    frequency: FrequencyPpb,
    /// Whether anything was commanded yet: before that the card is left as it was found.
    is_ours: bool,
    dither: Option<Dither>,
    /// In 2^-16 ppm.
    watch: Watch<i64>,
}

impl PhcClock {
    /// A device under our own number `index`, as it is: its frequency correction stays until it is told another.
    ///
    /// `quantum` is the step in which the card's frequency can be set, if it is known to be coarse.
    ///
    /// # Errors
    /// Those of asking the device for its capabilities and its frequency.
    pub fn new(
        device: Phc,
        index: u8,
        frequency_max: FrequencyPpb,
        quantum: Option<FrequencyPpb>,
    ) -> std::io::Result<Self> {
        let capabilities = device.capabilities()?;
        let dialled = device.frequency()?;
        let frequency = from_scaled_ppm(dialled);
        let limit = FrequencyPpb::new(f64::from(capabilities.max_adjustment_ppb));
        let coarse = quantum.filter(|quantum| *quantum >= DITHER_QUANTUM_MIN);
        Ok(Self {
            index,
            epoch: ClockEpoch::default(),
            frequency_max: if limit < frequency_max { limit } else { frequency_max },
            wanted: frequency,
            frequency,
            is_ours: false,
            watch: Watch::new(dialled),
            dither: coarse.map(|quantum| Dither { quantum, owed: Duration::ZERO, since: Timestamp::EPOCH }),
            device,
        })
    }

    /// Sees whether the frequency is ours, and makes it so, when the clock reads `at`: to be called before a Sync that this
    /// clock stamped is judged, and before a crossing is. No card is asked: the kernel knows.
    pub fn look(&mut self, at: Timestamp<Local>) {
        if !self.is_ours || self.watch.is_fresh(at) {
            return;
        }
        let Ok(dialled) = self.device.frequency() else { return };
        let ours = self.watch.written;
        if self.watch.look(at, dialled, from_scaled_ppm) {
            // If it is refused now, the next look finds it again, and counts what it has done meanwhile.
            _ = self.device.adjust_frequency(ours);
            self.watch.written = ours;
        }
    }

    /// What another program has done to the frequency since this was asked last.
    pub fn take_tampering(&mut self) -> Option<Tampering> {
        self.watch.take()
    }

    /// Whether the card has been told this frequency already, and nobody another one since.
    fn is_dialled(&self, frequency: FrequencyPpb) -> bool {
        self.dither.is_none() && scaled_ppm(frequency) == self.watch.written
    }

    /// Sets it, and tells between which two readings of CLOCK_MONOTONIC.
    fn set_frequency_watched(
        &mut self,
        frequency: FrequencyPpb,
    ) -> Result<(Timestamp<Mono>, Timestamp<Mono>), ClockError> {
        let before = HostClock.mono();
        self.set_frequency(frequency)?;
        Ok((before, HostClock.mono()))
    }

    fn set_frequency(&mut self, frequency: FrequencyPpb) -> Result<(), ClockError> {
        let scaled = scaled_ppm(frequency);
        // Drivers cut off what is less than their quantum: a value just short of a multiple would lose a whole one.
        let nudged = if self.dither.is_some() { scaled + scaled.signum() } else { scaled };
        self.device.adjust_frequency(nudged).map_err(|error| failed(&error))?;
        self.watch.written = nudged;
        self.frequency = if self.dither.is_some() { frequency } else { from_scaled_ppm(scaled) };
        Ok(())
    }
}

impl Clock for PhcClock {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        let is_ours = raw.clock == ClockId::Phc(self.index);
        is_ours.then_some(Stamp { clock: ClockId::Disciplined, epoch: self.epoch, ..*raw })
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        (at, FrequencyPpb::ZERO)
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError> {
        let (step, frequency) = match command {
            Adjustment::Hold => (Duration::ZERO, self.wanted),
            Adjustment::Frequency(frequency) => (Duration::ZERO, frequency),
            Adjustment::Step(step, frequency) => (step, frequency),
        };
        if !frequency.is_finite() {
            return Err(ClockError::OutOfRange);
        }
        // The servo keeps inside the card's limit; as much as it can do is more than nothing, and what it then does is told.
        let frequency = frequency.clamp(self.frequency_max);
        // A command would wipe away what another program has done.
        self.look(at);
        self.is_ours = true;
        self.watch.begin(at);
        let step = Duration::from_ticks(Timestamp::<Local>::from_ticks(step.ticks()).nanos() << 16);
        if step != Duration::ZERO {
            self.device.step(step.ticks() >> 16).map_err(|error| failed(&error))?;
            self.watch.stepped(step);
            self.epoch = self.epoch.next();
        }
        let (wanted, in_force) = (self.wanted, self.frequency);
        let chosen = self.dither.as_mut().map_or(frequency, |dither| {
            _ = dither.choose(at, wanted, in_force);
            dither.since = at + step;
            dither.nearest(frequency)
        });
        let is_in_force = self.is_dialled(chosen);
        let set = if is_in_force { Ok(None) } else { self.set_frequency_watched(chosen).map(Some) };
        let between = match set {
            Ok(between) => {
                self.wanted = frequency;
                between
            }
            // The step has happened; the frequency is as it was, and is told so.
            Err(_) if step != Duration::ZERO => None,
            Err(error) => return Err(error),
        };
        Ok(Adjusted { before: at, after: at + step, epoch: self.epoch, frequency: self.frequency, between })
    }

    fn dither(&mut self, at: Timestamp<Local>) -> Option<Adjusted> {
        if !self.is_ours {
            return None;
        }
        let (wanted, in_force) = (self.wanted, self.frequency);
        let chosen = self.dither.as_mut()?.choose(at, wanted, in_force);
        if chosen == in_force || self.set_frequency(chosen).is_err() {
            return None;
        }
        // By so little that it does not matter when.
        Some(Adjusted { before: at, after: at, epoch: self.epoch, frequency: self.frequency, between: None })
    }

    fn dither_every(&self) -> Option<Duration> {
        self.dither.map(|_| DITHER_EVERY)
    }

    fn frequency_max(&self) -> Option<FrequencyPpb> {
        Some(self.frequency_max)
    }

    fn is_stamping(&self) -> bool {
        true
    }

    fn restart(&mut self, _: Timestamp<Local>) -> ClockEpoch {
        self.epoch = self.epoch.next();
        // Whatever disturbed it may have reset its frequency too, and the kernel does not always know. If it cannot be set
        // now, the next command does it.
        if self.is_ours {
            self.watch = Watch::new(self.watch.written);
            _ = self.set_frequency(self.frequency);
        }
        self.epoch
    }

    fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    fn epoch(&self) -> ClockEpoch {
        self.epoch
    }
}

mod quantum;
mod reader;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_go_to_the_kernel_and_back() {
        for ppb in [-500_000.0, -1.0, 0.0, 0.1, 35_000.25] {
            let there_and_back = from_scaled_ppm(scaled_ppm(FrequencyPpb::new(ppb)));
            assert!((there_and_back.ppb() - ppb).abs() <= 0.5 / SCALED_PPM_PER_PPB, "{ppb}: {there_and_back}");
        }
        assert_eq!(scaled_ppm(FrequencyPpb::from_ppm(-1.0)), -65_536);
    }

    #[test]
    fn alternating_multiples_gain_what_was_wanted() {
        let quantum = FrequencyPpb::new(119.0);
        for wanted in [0.0, 7.0, 59.5, -35_003.0, 118.0] {
            let wanted = FrequencyPpb::new(wanted);
            let mut dither = Dither { quantum, owed: Duration::ZERO, since: Timestamp::from_secs(9) };
            let (mut at, mut in_force, mut gained) = (dither.since, dither.nearest(wanted), Duration::ZERO);
            for step in 1..3_200_i64 {
                gained += in_force.drift(DITHER_EVERY);
                at = at + DITHER_EVERY;
                in_force = dither.choose(at, wanted, in_force);
                let multiple = in_force.ppb() / quantum.ppb();
                assert!((multiple - multiple.round()).abs() < 1e-9, "{in_force} is no multiple");
                let off = gained - wanted.drift(DITHER_EVERY.times(step));
                assert!(off.abs() <= quantum.drift(DITHER_EVERY), "{wanted}: off by {off} after {step}");
            }
        }
    }

    #[test]
    fn a_stall_is_not_paid_back_by_a_jump() {
        let quantum = FrequencyPpb::new(100.0);
        let mut dither = Dither { quantum, owed: Duration::ZERO, since: Timestamp::from_secs(0) };
        let chosen = dither.choose(Timestamp::from_secs(60), FrequencyPpb::new(49.0), FrequencyPpb::ZERO);
        assert!(chosen.ppb() <= 200.0, "{chosen}");
    }
}
