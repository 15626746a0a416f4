//! What the clock says of itself as a PTP grandmaster (IEEE 1588-2019 7.6.2, 8.2.1, 8.2.4): measured, not configured.
//!
//! clockAccuracy is the published error bound, clockClass is by what steers, and the time properties are what is known of
//! UTC. Who steers is told apart only as far as the standard does: a receiver or pulse of stratum 0 is a primary reference
//! (class 6, and 7 for as long as the bound stays good without it), everything else is class 248. A hardware clock that
//! somebody else keeps right, a hypervisor's say, is none: nothing here knows what that follows.
//!
//! A quality that changes with every sample would make the best master another one as often. So it becomes worse at once,
//! and better only when it has been better for a while.

use super::{Announcement, CLOCK_CLASS_NEVER_SLAVE_MAX, TimeProperties};
use crate::coding::Coded;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, LeapIndicator, Mono, SyncState, Timestamp};
use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, TimeSource};

/// For so long a quality must have been better before it is announced.
pub const IMPROVES_AFTER: Duration = Duration::from_secs(10);

/// Class of a clock that follows a primary reference (table 4).
const PRIMARY: u8 = 6;
/// The same after its reference is gone, as long as the time stays within what it was good for.
const PRIMARY_HOLDOVER: u8 = 7;
/// And after that: degradation alternative B, which may follow others again.
const DEGRADED: u8 = 187;
/// Any other clock.
const DEFAULT: u8 = 248;

/// What the configuration says of the clock as a PTP clock (`[clock.ptp]`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PtpClockConfig {
    /// priority1.
    pub priority1: u8,
    /// priority2.
    pub priority2: u8,
    /// clockClass while the clock is synchronised, whatever steers it.
    pub class: Option<u8>,
}

impl Default for PtpClockConfig {
    /// The default profile's (annex I.3).
    fn default() -> Self {
        Self { priority1: 128, priority2: 128, class: None }
    }
}

/// By what the clock is steered, as far as it matters to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Steered {
    /// By a primary reference, and what that is.
    Primary(TimeSource),
    /// By another reference clock.
    Refclock,
    /// By an NTP server.
    Ntp,
    /// By a PTP port.
    Ptp,
    /// By nobody.
    Nobody,
}

/// Keeps what is announced.
#[derive(Clone, Debug, Default)]
pub struct AnnouncedQuality {
    announced: Option<ClockQuality>,
    better_since: Option<Timestamp<Mono>>,
    /// By what it was steered last, when it was.
    last: Option<Steered>,
}

impl AnnouncedQuality {
    /// What to announce now. `widest` is the greatest error of the clocks whose stamps the ports serve by, beside the one of
    /// the snapshot; `lock_limit` is what LOCKED asks for.
    pub fn announcement(
        &mut self,
        now: Timestamp<Mono>,
        config: PtpClockConfig,
        identity: ClockIdentity,
        snapshot: &TimeSnapshot,
        (steered, widest, lock_limit): (Steered, Duration, Duration),
    ) -> Announcement {
        if !has_time(snapshot) {
            *self = Self { last: self.last, ..Self::default() };
        }
        if steered != Steered::Nobody {
            self.last = Some(steered);
        }
        let error = snapshot.bound_after(now - snapshot.anchor_mono).greatest_error().max(widest);
        let class = self.class(config, snapshot.state, steered, error <= lock_limit);
        let measured = ClockQuality {
            clock_class: class,
            clock_accuracy: ClockAccuracy::covering(error),
            offset_scaled_log_variance: log_variance(snapshot.parts.noise + snapshot.parts.stamps),
        };
        let is_traceable = matches!(class, PRIMARY | PRIMARY_HOLDOVER);
        Announcement {
            grandmaster: identity,
            priority1: config.priority1,
            quality: self.settle(now, measured),
            priority2: config.priority2,
            steps_removed: 0,
            time_properties: TimeProperties {
                current_utc_offset: snapshot.tai_utc,
                leap: if snapshot.leap == LeapIndicator::Unknown { LeapIndicator::NoWarning } else { snapshot.leap },
                ptp_timescale: snapshot.tai_utc.is_some(),
                time_traceable: is_traceable,
                frequency_traceable: is_traceable,
                time_source: match self.last.filter(|_| has_time(snapshot)) {
                    Some(Steered::Primary(source)) => source,
                    Some(Steered::Refclock) => TimeSource::OTHER,
                    Some(Steered::Ntp) => TimeSource::NTP,
                    Some(Steered::Ptp) => TimeSource::PTP,
                    Some(Steered::Nobody) | None => TimeSource::INTERNAL_OSCILLATOR,
                },
            },
            synchronization_uncertain: snapshot.state != SyncState::Locked,
        }
    }

    fn class(&self, config: PtpClockConfig, state: SyncState, steered: Steered, is_good: bool) -> u8 {
        let by_state = match (self.last, steered) {
            (_, Steered::Primary(_)) => PRIMARY,
            (Some(Steered::Primary(_)), Steered::Nobody) if is_good => PRIMARY_HOLDOVER,
            (Some(Steered::Primary(_)), Steered::Nobody) => DEGRADED,
            _ => DEFAULT,
        };
        let is_by_ptp = (steered, self.last) == (Steered::Nobody, Some(Steered::Ptp)) || steered == Steered::Ptp;
        match config.class {
            // It would leave its parent as soon as it has its time.
            Some(class) if class <= CLOCK_CLASS_NEVER_SLAVE_MAX && is_by_ptp => by_state,
            Some(class) if state == SyncState::Locked => class,
            // A class of the configuration that promises a reference is not promised without one.
            Some(PRIMARY) if steered == Steered::Nobody => {
                if is_good {
                    PRIMARY_HOLDOVER
                } else {
                    DEGRADED
                }
            }
            Some(class) if class > PRIMARY_HOLDOVER => class,
            _ => by_state,
        }
    }

    /// Worse at once, better after a while.
    fn settle(&mut self, now: Timestamp<Mono>, measured: ClockQuality) -> ClockQuality {
        let rank =
            |quality: &ClockQuality| (quality.clock_class, quality.clock_accuracy, quality.offset_scaled_log_variance);
        let Some(announced) = self.announced.filter(|announced| rank(&measured) < rank(announced)) else {
            self.better_since = None;
            self.announced = Some(measured);
            return measured;
        };
        let since = *self.better_since.get_or_insert(now);
        if now - since < IMPROVES_AFTER {
            return announced;
        }
        self.better_since = None;
        self.announced = Some(measured);
        measured
    }
}

/// Whether there is time that can be served.
pub fn has_time(snapshot: &TimeSnapshot) -> bool {
    snapshot.state.is_synchronised() && snapshot.is_bounded
}

/// offsetScaledLogVariance of a clock that scatters by this (7.6.3.5): 2^8 times the logarithm to base 2 of the variance in
/// s^2, plus 0x8000; to a factor of two in the deviation, so that it does not change with every sample.
fn log_variance(deviation: Duration) -> u16 {
    /// The logarithm of a second's ticks, rounded up.
    const SECOND: i32 = 46;
    let ticks = deviation.ticks().max(1);
    let octave = (i128::BITS - ticks.leading_zeros()).cast_signed();
    (0x8000 + 512 * (octave - SECOND)).clamp(0, 0xfffe) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::BoundParts;
    use crate::time::TaiUtc;

    const LIMIT: Duration = Duration::from_micros(100);

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    fn snapshot(state: SyncState, error: Duration, now: i64) -> TimeSnapshot {
        TimeSnapshot {
            state,
            tai_utc: Some(TaiUtc(37)),
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            parts: BoundParts { noise: error, ..BoundParts::default() },
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(at(now))
        }
    }

    fn announce(
        quality: &mut AnnouncedQuality,
        now: i64,
        steered: Steered,
        state: SyncState,
        error: Duration,
    ) -> Announcement {
        let config = PtpClockConfig::default();
        let snapshot = snapshot(state, error, now);
        quality.announcement(at(now), config, ClockIdentity([7; 8]), &snapshot, (steered, Duration::ZERO, LIMIT))
    }

    #[test]
    fn the_class_is_by_what_steers_and_the_accuracy_is_the_bound() {
        let micro = Duration::from_micros(1);
        for (steered, class, source) in [
            (Steered::Primary(TimeSource::GNSS), 6, TimeSource::GNSS),
            (Steered::Ntp, 248, TimeSource::NTP),
            (Steered::Ptp, 248, TimeSource::PTP),
            (Steered::Refclock, 248, TimeSource::OTHER),
        ] {
            let announced = announce(&mut AnnouncedQuality::default(), 1, steered, SyncState::Locked, micro);
            assert_eq!(announced.quality.clock_class, class, "{steered:?}");
            assert_eq!(announced.quality.clock_accuracy, ClockAccuracy(0x23));
            assert_eq!(announced.time_properties.time_source, source);
            assert_eq!(announced.time_properties.time_traceable, class == 6);
            assert_eq!(announced.time_properties.current_utc_offset, Some(TaiUtc(37)));
        }
    }

    #[test]
    fn a_lost_primary_reference_is_class_7_while_the_bound_is_good_and_187_after() {
        let mut quality = AnnouncedQuality::default();
        let micro = Duration::from_micros(1);
        announce(&mut quality, 1, Steered::Primary(TimeSource::OTHER), SyncState::Locked, micro);
        let held = announce(&mut quality, 2, Steered::Nobody, SyncState::Holdover, micro);
        assert_eq!((held.quality.clock_class, held.time_properties.time_traceable), (7, true));
        let lost = announce(&mut quality, 3, Steered::Nobody, SyncState::Holdover, LIMIT + micro);
        assert_eq!((lost.quality.clock_class, lost.time_properties.time_traceable), (187, false));
    }

    #[test]
    fn it_becomes_worse_at_once_and_better_after_ten_seconds() {
        let mut quality = AnnouncedQuality::default();
        let accuracy = |quality: &mut AnnouncedQuality, now, nanos| {
            let error = Duration::from_nanos(nanos);
            announce(quality, now, Steered::Ntp, SyncState::Locked, error).quality.clock_accuracy.0
        };
        assert_eq!(accuracy(&mut quality, 1, 900), 0x23);
        assert_eq!(accuracy(&mut quality, 2, 9_000), 0x25, "worse");
        assert_eq!(accuracy(&mut quality, 3, 900), 0x25, "better for no time");
        assert_eq!(accuracy(&mut quality, 12, 900), 0x25);
        assert_eq!(accuracy(&mut quality, 13, 900), 0x23, "better for ten seconds");
        assert_eq!(accuracy(&mut quality, 14, 9_000), 0x25);
        assert_eq!(accuracy(&mut quality, 15, 900), 0x25);
        assert_eq!(accuracy(&mut quality, 20, 9_000), 0x25, "and worse in between");
        assert_eq!(accuracy(&mut quality, 26, 900), 0x25);
    }

    #[test]
    fn a_clock_that_is_not_locked_says_that_its_synchronization_is_uncertain() {
        let mut quality = AnnouncedQuality::default();
        let mut is_uncertain = |state| announce(&mut quality, 1, Steered::Ntp, state, LIMIT).synchronization_uncertain;
        assert!(!is_uncertain(SyncState::Locked));
        assert!(is_uncertain(SyncState::Holdover));
    }

    #[test]
    fn without_tai_the_timescale_is_arb() {
        let config = PtpClockConfig::default();
        let now = at(1);
        let snapshot = TimeSnapshot { tai_utc: None, ..snapshot(SyncState::Locked, LIMIT, 1) };
        let by = (Steered::Ntp, Duration::ZERO, LIMIT);
        let announced = AnnouncedQuality::default().announcement(now, config, ClockIdentity([7; 8]), &snapshot, by);
        let properties = announced.time_properties;
        assert!(!properties.ptp_timescale && properties.current_utc_offset.is_none());
    }

    #[test]
    fn a_configured_class_6_is_not_promised_without_a_reference() {
        let config = PtpClockConfig { class: Some(6), ..PtpClockConfig::default() };
        let mut quality = AnnouncedQuality::default();
        let mut class = |now: i64, steered, state, error| {
            let snapshot = snapshot(state, error, now);
            let by = (steered, Duration::ZERO, LIMIT);
            quality.announcement(at(now), config, ClockIdentity([7; 8]), &snapshot, by).quality.clock_class
        };
        assert_eq!(class(1, Steered::Ntp, SyncState::Locked, LIMIT), 6);
        assert_eq!(class(2, Steered::Nobody, SyncState::Holdover, LIMIT), 7);
        assert_eq!(class(3, Steered::Nobody, SyncState::Holdover, LIMIT.times(2)), 187);
    }

    #[test]
    fn a_class_that_never_follows_is_not_that_of_a_clock_that_has_its_time_by_ptp() {
        let config = PtpClockConfig { class: Some(6), ..PtpClockConfig::default() };
        let mut quality = AnnouncedQuality::default();
        let mut class = |now: i64, steered, state| {
            let snapshot = snapshot(state, Duration::from_micros(1), now);
            let by = (steered, Duration::ZERO, LIMIT);
            quality.announcement(at(now), config, ClockIdentity([7; 8]), &snapshot, by).quality.clock_class
        };
        assert_eq!(class(1, Steered::Ptp, SyncState::Locked), 248);
        assert_eq!(class(2, Steered::Nobody, SyncState::Holdover), 248, "its parent may come back");
        assert_eq!(class(3, Steered::Ntp, SyncState::Locked), 248, "better for no time");
        assert_eq!(class(13, Steered::Ntp, SyncState::Locked), 6, "the operator knows what that server is");
    }

    #[test]
    fn the_log_variance_of_a_second_is_0x8000_and_falls_by_512_an_octave() {
        assert_eq!(log_variance(Duration::SECOND), 0x8000);
        assert_eq!(log_variance(Duration::SECOND.half()), 0x8000 - 512);
        // The example of 7.6.3.3: a deviation of about 1.8e-15 s would be 0x0000 and less; it is limited.
        assert_eq!(log_variance(Duration::ZERO), (0x8000 + 512 * (1 - 46)) as u16);
    }
}
