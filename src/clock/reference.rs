//! From whom a PTP port or an NTP client follows, or a reference clock, to what the discipline needs to know of it.
//!
//! The delicate part is the timescale. A grandmaster on the PTP timescale sends TAI, and says what UTC is only when
//! currentUtcOffsetValid is set; otherwise the offset comes from elsewhere (the kernel, a leap-second table) or not at
//! all, and is never guessed. A grandmaster on the ARB timescale (ptp4l with software stamps is one) has no epoch: what
//! its readings mean is the operator's word, and whatever offset its Announce carries means nothing.

use crate::discipline::{Reference, Timescale};
use crate::ntp::client::SourceInfo;
use crate::ptp::ParentInfo;
use crate::time::{Duration, LeapIndicator, Mono, SourceId, StampSource, TaiUtc, Timestamp};

/// The greatest NTP stratum that is still synchronised (RFC 5905 figure 11).
const STRATUM_MAX: u8 = 15;

/// How the time of a grandmaster with ptpTimescale FALSE is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArbPolicy {
    /// As UTC.
    Utc,
    /// As TAI; what UTC is, must be known from elsewhere.
    Tai,
    /// Not at all.
    Refuse,
}

impl ArbPolicy {
    /// The policy `auto`: software stamps are of the system clock, which counts UTC, and so is such a grandmaster's
    /// time as a rule; a card that counts from its own power-up is nobody's UTC.
    pub const fn automatic(stamps: StampSource) -> Self {
        match stamps {
            StampSource::Kernel | StampSource::Program => Self::Utc,
            StampSource::Hardware | StampSource::Message => Self::Refuse,
        }
    }
}

/// What the discipline is told of the parent of row `source`; `fallback` is TAI - UTC as the host knows it.
///
/// | member | from |
/// |---|---|
/// | `timescale` | ptpTimescale: TAI by currentUtcOffset where valid, else by `fallback`; ARB: by `policy`, never by its Announce |
/// | `accuracy` | grandmasterClockQuality.clockAccuracy |
/// | `leap` | leap61, leap59; nothing is to be read from them on the ARB timescale |
/// | `stratum` | one more than stepsRemoved in the parent's Announce, at most 15: a slave of a grandmaster is stratum 1 |
/// | `reference_id` | `PTP` at stratum 1, else the last four octets of the parent's clockIdentity |
/// | `path` | the parent's clockIdentity |
pub fn reference_of(source: SourceId, parent: &ParentInfo, policy: ArbPolicy, fallback: Option<TaiUtc>) -> Reference {
    let properties = &parent.time_properties;
    let tai = |offset: Option<TaiUtc>| offset.map_or(Timescale::TaiWithoutUtc, Timescale::Tai);
    let timescale = if properties.ptp_timescale {
        tai(properties.current_utc_offset.or(fallback))
    } else {
        match policy {
            ArbPolicy::Utc => Timescale::Utc,
            ArbPolicy::Tai => tai(fallback),
            ArbPolicy::Refuse => Timescale::Refused,
        }
    };
    let clock = u64::from_be_bytes(parent.grandmaster.0);
    // `steps_removed` is already that of this clock: one more than the parent's.
    let stratum = parent.steps_removed.clamp(1, u16::from(STRATUM_MAX)) as u8;
    let [.., a, b, c, d] = parent.port.clock_identity.0;
    Reference {
        source,
        timescale,
        tai_utc: properties.current_utc_offset.filter(|_| properties.ptp_timescale).or(fallback),
        is_held_over: false,
        is_orphan: false,
        accuracy: parent.quality.clock_accuracy.bound(),
        ruler: None,
        proofs: 0,
        leap: if properties.ptp_timescale { properties.leap } else { LeapIndicator::NoWarning },
        stratum,
        reference_id: if stratum == 1 { *b"PTP\0" } else { [a, b, c, d] },
        selected_at: parent.selected_at,
        continues: false,
        clock,
        path: u64::from_be_bytes(parent.port.clock_identity.0),
    }
}

/// The reference that an NTP server is, by what it says of its time; `address` is the reference ID of those who follow it.
///
/// | field | from |
/// |---|---|
/// | `accuracy` | its root distance, `root_delay / 2 + root_dispersion` |
/// | `stratum` | one more than its own, at most 15 |
pub fn reference_of_server(
    source: SourceId,
    info: &SourceInfo,
    address: [u8; 4],
    selected_at: Timestamp<Mono>,
) -> Reference {
    Reference {
        source,
        timescale: Timescale::Utc,
        tai_utc: None,
        is_held_over: false,
        is_orphan: false,
        accuracy: Some(info.root_distance()),
        ruler: None,
        proofs: 0,
        leap: info.leap,
        stratum: (info.stratum + 1).min(STRATUM_MAX),
        reference_id: address,
        selected_at,
        continues: false,
        clock: u64::from(u32::from_be_bytes(address)),
        path: 0,
    }
}

/// What is known of a reference clock beside its samples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockWords {
    /// It counts TAI; else UTC.
    pub is_tai: bool,
    /// TAI - UTC, where it says that itself.
    pub tai_utc: Option<TaiUtc>,
    /// How far off it may be beside what its samples say.
    pub accuracy: Duration,
    /// Its leap warning.
    pub leap: LeapIndicator,
    /// Its stratum, 0 to 14.
    pub stratum: u8,
    /// What those who follow it say of it.
    pub reference_id: [u8; 4],
}

/// The reference that a reference clock is. What UTC is by one that counts TAI and does not say, others must know.
pub fn reference_of_clock(source: SourceId, words: &ClockWords, selected_at: Timestamp<Mono>) -> Reference {
    Reference {
        source,
        timescale: match words.tai_utc {
            _ if !words.is_tai => Timescale::Utc,
            Some(tai_utc) => Timescale::Tai(tai_utc),
            None => Timescale::TaiWithoutUtc,
        },
        tai_utc: words.tai_utc,
        is_held_over: false,
        is_orphan: false,
        accuracy: Some(words.accuracy),
        ruler: None,
        proofs: 0,
        leap: words.leap,
        stratum: (words.stratum + 1).min(STRATUM_MAX),
        reference_id: words.reference_id,
        selected_at,
        continues: false,
        clock: u64::from(u32::from_be_bytes(words.reference_id)),
        path: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::TimeProperties;
    use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, PortIdentity, TimeSource};

    const ALL: [ArbPolicy; 3] = [ArbPolicy::Utc, ArbPolicy::Tai, ArbPolicy::Refuse];

    fn parent(ptp_timescale: bool, current_utc_offset: Option<TaiUtc>) -> ParentInfo {
        let identity = ClockIdentity([1, 2, 3, 4, 5, 6, 7, 8]);
        ParentInfo {
            port: PortIdentity { clock_identity: identity, port_number: 1 },
            grandmaster: identity,
            quality: ClockQuality {
                clock_class: 6,
                clock_accuracy: ClockAccuracy(0x21),
                offset_scaled_log_variance: 0x4e5d,
            },
            priority1: 128,
            priority2: 128,
            steps_removed: 1,
            synchronization_uncertain: false,
            time_properties: TimeProperties {
                current_utc_offset,
                leap: LeapIndicator::Insert,
                ptp_timescale,
                time_traceable: true,
                frequency_traceable: true,
                time_source: TimeSource::GNSS,
            },
            selected_at: Timestamp::from_secs(9),
        }
    }

    fn timescale(parent: &ParentInfo, policy: ArbPolicy, fallback: Option<TaiUtc>) -> Timescale {
        reference_of(SourceId(3), parent, policy, fallback).timescale
    }

    #[test]
    fn a_valid_utc_offset_of_the_grandmaster_comes_before_the_fallback() {
        for policy in ALL {
            let valid = parent(true, Some(TaiUtc(38)));
            assert_eq!(timescale(&valid, policy, Some(TaiUtc(37))), Timescale::Tai(TaiUtc(38)));
            let invalid = parent(true, None);
            assert_eq!(timescale(&invalid, policy, Some(TaiUtc(37))), Timescale::Tai(TaiUtc(37)));
            assert_eq!(timescale(&invalid, policy, None), Timescale::TaiWithoutUtc);
        }
    }

    #[test]
    fn an_arb_grandmaster_is_read_as_the_policy_says_and_its_own_offset_never_counts() {
        for announced in [None, Some(TaiUtc(18))] {
            let arb = parent(false, announced);
            assert_eq!(timescale(&arb, ArbPolicy::Utc, Some(TaiUtc(37))), Timescale::Utc);
            assert_eq!(timescale(&arb, ArbPolicy::Tai, Some(TaiUtc(37))), Timescale::Tai(TaiUtc(37)));
            assert_eq!(timescale(&arb, ArbPolicy::Tai, None), Timescale::TaiWithoutUtc);
            assert_eq!(timescale(&arb, ArbPolicy::Refuse, Some(TaiUtc(37))), Timescale::Refused);
            assert_eq!(reference_of(SourceId(3), &arb, ArbPolicy::Utc, None).leap, LeapIndicator::NoWarning);
        }
    }

    #[test]
    fn automatic_takes_arb_as_utc_only_where_the_system_clock_stamps() {
        assert_eq!(ArbPolicy::automatic(StampSource::Kernel), ArbPolicy::Utc);
        assert_eq!(ArbPolicy::automatic(StampSource::Program), ArbPolicy::Utc);
        assert_eq!(ArbPolicy::automatic(StampSource::Hardware), ArbPolicy::Refuse);
    }

    #[test]
    fn stratum_and_reference_id_follow_steps_removed() {
        let served = |steps_removed| {
            let parent = ParentInfo { steps_removed, ..parent(true, None) };
            let reference = reference_of(SourceId(3), &parent, ArbPolicy::Utc, None);
            (reference.stratum, reference.reference_id)
        };
        assert_eq!(served(1), (1, *b"PTP\0"));
        assert_eq!(served(2), (2, [5, 6, 7, 8]));
        assert_eq!(served(15), (15, [5, 6, 7, 8]));
        assert_eq!(served(255), (15, [5, 6, 7, 8]), "16 would say that we are not synchronised");
    }

    #[test]
    fn what_the_parent_says_of_itself_is_passed_on() {
        let reference = reference_of(SourceId(3), &parent(true, Some(TaiUtc(37))), ArbPolicy::Utc, None);
        assert_eq!(reference.source, SourceId(3));
        assert_eq!(reference.accuracy, Some(Duration::from_nanos(100)));
        assert_eq!(reference.leap, LeapIndicator::Insert);
        assert_eq!(reference.selected_at, Timestamp::from_secs(9));
    }

    #[test]
    fn an_ntp_server_is_as_right_as_its_root_distance_says_and_one_stratum_above() {
        let of = |stratum| {
            let info = SourceInfo {
                leap: LeapIndicator::Delete,
                stratum,
                reference_id: *b"GPS\0",
                root_delay: Duration::from_millis(10),
                root_dispersion: Duration::from_millis(2),
            };
            reference_of_server(SourceId(3), &info, [192, 0, 2, 1], Timestamp::from_secs(9))
        };
        let reference = of(1);
        assert_eq!((reference.timescale, reference.leap), (Timescale::Utc, LeapIndicator::Delete));
        assert_eq!(reference.accuracy, Some(Duration::from_millis(7)));
        assert_eq!((reference.stratum, reference.reference_id), (2, [192, 0, 2, 1]));
        assert_eq!(of(15).stratum, 15, "16 would say that we are not synchronised");
    }
}
