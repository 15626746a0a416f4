//! ITU-T G.8265.1: masters that are followed for their frequency.
//!
//! What a clockClass says there is the quality level of the frequency behind it (table 1 of the recommendation), and
//! nothing about the time: 84 is a primary reference clock, 104 the clock of an ordinary network element, 110 is not to be
//! used. Masters do not compete: each serves, and a slave takes the best level of its table, then the first place in it.
//!
//! What we are as such a master is said the same way, and not better than we know: our own frequency is that of a
//! primary reference while one steers, and of no level that anybody could vouch for else.

use super::serving::Announcement;
use super::{ComparisonRule, TimeProperties};
use crate::wire::ptp::{ClockAccuracy, ClockQuality};

/// The best level that there is: QL-PRS of option II.
const LEVEL_BEST: u8 = 80;
/// QL-PRC: traceable to a primary reference clock.
const LEVEL_PRC: u8 = 84;
/// QL-DNU: do not use.
const LEVEL_DO_NOT_USE: u8 = 110;
/// The class of a clock that a primary reference steers, by the default profile.
const CLASS_PRIMARY: u8 = 6;
/// priority1 and priority2, which nobody heeds.
const PRIORITY: u8 = 128;

/// Whether a master of this clockClass may be followed by this rule.
pub(super) const fn may_be_used(rule: ComparisonRule, clock_class: u8) -> bool {
    !matches!(rule, ComparisonRule::G8265) || clock_class >= LEVEL_BEST && clock_class < LEVEL_DO_NOT_USE
}

/// What a clock announces by G.8265.1 that announces `own` by IEEE 1588.
///
/// The level is 84 while a primary reference steers, a level of the configuration (`clock.ptp.class`) while the clock is LOCKED,
/// and else 110. It is not said to be a traceable time, nor how accurate it is: that is nothing that a frequency has.
pub(super) fn announced(own: &Announcement) -> Announcement {
    let clock_class = match own.quality.clock_class {
        _ if own.synchronization_uncertain => LEVEL_DO_NOT_USE,
        CLASS_PRIMARY => LEVEL_PRC,
        class @ LEVEL_BEST..LEVEL_DO_NOT_USE => class,
        _ => LEVEL_DO_NOT_USE,
    };
    Announcement {
        priority1: PRIORITY,
        priority2: PRIORITY,
        quality: ClockQuality {
            clock_class,
            clock_accuracy: ClockAccuracy::UNKNOWN,
            offset_scaled_log_variance: 0xffff,
        },
        time_properties: TimeProperties {
            time_traceable: false,
            frequency_traceable: clock_class == LEVEL_PRC,
            ..own.time_properties
        },
        ..*own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::decision::tests::own;

    #[test]
    fn a_level_is_announced_only_while_something_vouches_for_it() {
        let of = |class: u8, synchronization_uncertain| {
            let own = Announcement { synchronization_uncertain, ..own(1, class) };
            let announced = announced(&own);
            assert_eq!((announced.grandmaster, announced.steps_removed), (own.grandmaster, 0));
            assert!(!announced.time_properties.time_traceable);
            (announced.quality.clock_class, announced.time_properties.frequency_traceable)
        };
        assert_eq!(of(6, false), (84, true), "a primary reference steers");
        assert_eq!(of(6, true), (110, false));
        assert_eq!(of(7, false), (110, false), "it has steered");
        assert_eq!(of(187, true), (110, false));
        assert_eq!(of(90, false), (90, false), "by the configuration");
        assert_eq!(of(90, true), (110, false));
        assert_eq!(of(248, false), (110, false), "an NTP server steers");
    }

    #[test]
    fn by_g8265_1_only_levels_are_followed_and_not_the_one_that_says_not_to() {
        let used: Vec<u8> = (0..=255).filter(|class| may_be_used(ComparisonRule::G8265, *class)).collect();
        assert_eq!((used[0], used[used.len() - 1], used.len()), (80, 109, 30));
        assert!((0..=255).all(|class| may_be_used(ComparisonRule::Ieee1588, class)));
    }
}
