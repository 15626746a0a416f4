//! What a hardware clock shows after a jump: that tells who has moved it.

use crate::time::{Duration, Local, TaiUtc, Timestamp};

/// A clock that shows less than that counts from its own beginning.
const YEAR_S: i64 = 365 * 86_400;

/// What a clock shows that has jumped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JumpedTo {
    /// A time near that at which clocks begin to count when they are powered up or reset: 1970.
    Zero,
    /// UTC, to which many drivers set a card that they start.
    Utc,
    /// Something else.
    Elsewhere,
}

impl JumpedTo {
    /// What it reads, and the system clock beside it, of which TAI - UTC is so much ahead.
    pub(super) fn of(device: Timestamp<Local>, system: Timestamp<Local>, tai_utc: Option<TaiUtc>) -> Self {
        let is_utc = (device - system).abs() < Duration::SECOND;
        if device.seconds() < YEAR_S {
            Self::Zero
        } else if is_utc && tai_utc.is_some_and(|tai_utc| tai_utc.0 > 1) {
            Self::Utc
        } else {
            Self::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAI_UTC: TaiUtc = TaiUtc(37);

    #[test]
    fn what_a_clock_shows_that_has_jumped_says_what_has_happened() {
        let to = |device: i64, tai_utc: Option<TaiUtc>| {
            JumpedTo::of(Timestamp::from_secs(device), Timestamp::from_secs(1_798_761_600), tai_utc)
        };
        assert_eq!((to(0, Some(TAI_UTC)), to(86_400, None)), (JumpedTo::Zero, JumpedTo::Zero));
        assert_eq!(to(1_798_761_600, Some(TAI_UTC)), JumpedTo::Utc);
        assert_eq!(to(1_798_761_600, None), JumpedTo::Elsewhere, "what UTC is nobody has said");
        assert_eq!(to(1_798_761_637, Some(TAI_UTC)), JumpedTo::Elsewhere);
    }
}
