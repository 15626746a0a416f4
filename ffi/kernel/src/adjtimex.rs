//! What the kernel's clock says about itself: adjtimex(2) with `modes = 0`, which reads and changes nothing.
//! ([`crate::steer`] is the half that writes.)
//!
//! The kernel has a phase-locked loop of its own around CLOCK_REALTIME (RFC 5905's, from the days when the daemon woke
//! once a minute). We read what it would tell any program that asks "is this host synchronised, and how well": the
//! frequency in force, the estimates, the leap second announced, TAI - UTC. Reading needs no privilege.
//!
//! The units are the trap. `freq` is in 2^-16 parts per million. `offset` is in microseconds, unless `STA_NANO` is
//! set: then nanoseconds, and so is the fraction of the time. `maxerror` and `esterror` stay in microseconds either
//! way; the kernel itself lets `maxerror` grow by 500 us per second until a daemon says better (and sets `STA_UNSYNC`
//! at 16 s).

use std::io;

use crate::timestamping::KernelTime;
use crate::timex;

/// The kernel's `freq` counts in these: 2^-16 ppm, in ppb.
const PPB_PER_UNIT: f64 = 1000.0 / 65_536.0;

/// The leap second that the kernel was told to make, or is making: the return value of adjtimex(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeapState {
    /// `TIME_OK`: none in sight.
    None,
    /// `TIME_INS`: one is inserted at the end of this UTC day.
    Insert,
    /// `TIME_DEL`: one is deleted at the end of this UTC day.
    Delete,
    /// `TIME_OOP`: it is being inserted now.
    InProgress,
    /// `TIME_WAIT`: it is over, and still asked for in the status.
    Over,
    /// `TIME_ERROR`: the clock is not synchronised; the kernel does not say more.
    Unsynchronised,
}

impl LeapState {
    const fn from_return(value: i32) -> Option<Self> {
        Some(match value {
            libc::TIME_OK => Self::None,
            libc::TIME_INS => Self::Insert,
            libc::TIME_DEL => Self::Delete,
            libc::TIME_OOP => Self::InProgress,
            libc::TIME_WAIT => Self::Over,
            libc::TIME_ERROR => Self::Unsynchronised,
            _ => return None,
        })
    }
}

/// The bits `STA_*` of linux/timex.h.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(i32);

impl Status {
    /// All bits, as the kernel gave them.
    pub const fn bits(self) -> i32 {
        self.0
    }

    const fn has(self, bit: i32) -> bool {
        self.0 & bit != 0
    }

    /// `STA_UNSYNC`: no daemon vouches for the clock.
    pub const fn unsync(self) -> bool {
        self.has(libc::STA_UNSYNC)
    }

    /// `STA_PLL`: offsets are fed to the kernel's phase-locked loop.
    pub const fn pll(self) -> bool {
        self.has(libc::STA_PLL)
    }

    /// `STA_FLL`: frequency-lock instead of phase-lock.
    pub const fn fll(self) -> bool {
        self.has(libc::STA_FLL)
    }

    /// `STA_INS`: a leap second shall be inserted at the end of the UTC day.
    pub const fn insert_leap(self) -> bool {
        self.has(libc::STA_INS)
    }

    /// `STA_DEL`: a leap second shall be deleted at the end of the UTC day.
    pub const fn delete_leap(self) -> bool {
        self.has(libc::STA_DEL)
    }

    /// `STA_FREQHOLD`: offsets do not change the frequency.
    pub const fn frequency_hold(self) -> bool {
        self.has(libc::STA_FREQHOLD)
    }

    /// `STA_PPSFREQ`: the frequency follows a PPS signal.
    pub const fn pps_frequency(self) -> bool {
        self.has(libc::STA_PPSFREQ)
    }

    /// `STA_PPSTIME`: the time follows a PPS signal.
    pub const fn pps_time(self) -> bool {
        self.has(libc::STA_PPSTIME)
    }

    /// `STA_PPSSIGNAL`: a PPS signal is present.
    pub const fn pps_signal(self) -> bool {
        self.has(libc::STA_PPSSIGNAL)
    }

    /// `STA_CLOCKERR`: hardware fault of the clock.
    pub const fn clock_error(self) -> bool {
        self.has(libc::STA_CLOCKERR)
    }

    /// `STA_NANO`: the kernel works in nanoseconds. (The fields of [`Timex`] have been converted already.)
    pub const fn nano(self) -> bool {
        self.has(libc::STA_NANO)
    }
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Status({:#06x})", self.0)
    }
}

/// The state of CLOCK_REALTIME's discipline in the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timex {
    /// The frequency correction in force, in ppb; positive makes the clock run faster; within +-500,000.
    pub frequency_ppb: f64,
    /// The same as the kernel counts it, in 2^-16 ppm: exact.
    pub frequency_scaled_ppm: i64,
    /// The length of a kernel tick, in us: nominally 10,000 (`1e6 / USER_HZ`), within 10 % of that. A coarse frequency
    /// correction beside the fine one: 1 us more is 100 ppm faster.
    pub tick_us: i64,
    /// What the kernel's loop has still to correct, in ns.
    pub offset_ns: i64,
    /// The bound that the last daemon claimed, grown by 500 ppm since, in us.
    pub max_error_us: i64,
    /// The likely error that the last daemon claimed, in us.
    pub est_error_us: i64,
    /// The status bits.
    pub status: Status,
    /// TAI - UTC in seconds, as the kernel was told; 0 means that nobody told it.
    pub tai_offset_s: i32,
    /// The time constant of the kernel's loop, as a power of two.
    pub time_constant: i64,
    /// The largest frequency correction that the kernel takes, in ppb.
    pub tolerance_ppb: f64,
    /// CLOCK_REALTIME at the call, with the microseconds or nanoseconds that the kernel gave.
    pub time: KernelTime,
    /// Leap second announced or under way.
    pub state: LeapState,
}

/// Reads the state of CLOCK_REALTIME's discipline; changes nothing.
///
/// # Errors
/// Those of adjtimex(2), of which none is expected with `modes = 0`; `InvalidData` for a clock state of the future.
pub fn read() -> io::Result<Timex> {
    let mut raw = timex::zeroed();
    let state = timex::clock_adjtime(libc::CLOCK_REALTIME, &mut raw)?;
    from_kernel(&raw, state)
}

/// What the kernel wrote, and what it returned.
pub(crate) fn from_kernel(raw: &libc::timex, state: i32) -> io::Result<Timex> {
    // No text in these errors: it would be allocated, and the steering thread comes here.
    let state = LeapState::from_return(state).ok_or(io::ErrorKind::InvalidData)?;
    interpret(raw, state).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[expect(clippy::useless_conversion, reason = "the fields are c_long, 32 bits wide on some architectures")]
fn interpret(raw: &libc::timex, state: LeapState) -> Option<Timex> {
    let status = Status(raw.status);
    let fraction_ns = if status.nano() { 1 } else { 1000 };
    Some(Timex {
        frequency_ppb: raw.freq as f64 * PPB_PER_UNIT,
        frequency_scaled_ppm: raw.freq.into(),
        tick_us: raw.tick.into(),
        offset_ns: i64::from(raw.offset).saturating_mul(fraction_ns),
        max_error_us: raw.maxerror.into(),
        est_error_us: raw.esterror.into(),
        status,
        tai_offset_s: raw.tai,
        time_constant: raw.constant.into(),
        tolerance_ppb: raw.tolerance as f64 * PPB_PER_UNIT,
        time: KernelTime::from_stamp(raw.time.tv_sec.into(), i64::from(raw.time.tv_usec).saturating_mul(fraction_ns))?,
        state,
    })
}

#[cfg(test)]
mod tests {
    use nix::time::{ClockId, clock_gettime};

    use super::*;

    #[test]
    fn the_state_of_this_kernel_is_plausible() {
        let before = clock_gettime(ClockId::CLOCK_REALTIME).expect("a clock");
        let timex = read().expect("reading needs no privilege");
        let after = clock_gettime(ClockId::CLOCK_REALTIME).expect("a clock");
        assert!(timex.frequency_ppb.abs() <= 500_000.0, "{timex:?}");
        assert!((9_000..=11_000).contains(&timex.tick_us), "{timex:?}");
        assert!(timex.max_error_us >= 0 && timex.est_error_us >= 0, "{timex:?}");
        assert!((0..=100).contains(&timex.tai_offset_s), "{timex:?}");
        assert!((499_000.0..=501_000.0).contains(&timex.tolerance_ppb), "{timex:?}");
        assert!((before.tv_sec()..=after.tv_sec()).contains(&timex.time.seconds), "{timex:?}");
        if timex.status.unsync() {
            assert_eq!(timex.state, LeapState::Unsynchronised);
        }
    }

    #[test]
    fn reading_asks_for_no_change() {
        assert_eq!(timex::zeroed().modes, 0);
        let first = read().expect("readable");
        let second = read().expect("readable");
        assert_eq!(first.tick_us, second.tick_us);
        assert_eq!(first.status, second.status);
    }

    #[test]
    fn the_frequency_is_in_ppb() {
        let mut raw = timex::zeroed();
        raw.time.tv_sec = 1;
        raw.freq = -(40 << 16);
        let timex = interpret(&raw, LeapState::None).expect("valid");
        assert!((timex.frequency_ppb + 40_000.0).abs() < 1e-9, "{timex:?}");
    }

    #[test]
    fn offset_and_time_are_nanoseconds_whatever_the_kernel_counts_in() {
        let mut raw = timex::zeroed();
        raw.time.tv_sec = 1;
        raw.time.tv_usec = 7;
        raw.offset = -3;
        let micro = interpret(&raw, LeapState::None).expect("valid");
        assert_eq!((micro.offset_ns, micro.time.nanoseconds), (-3_000, 7_000));
        raw.status = libc::STA_NANO;
        let nano = interpret(&raw, LeapState::None).expect("valid");
        assert_eq!((nano.offset_ns, nano.time.nanoseconds), (-3, 7));
    }

    #[test]
    fn every_return_value_of_the_manual_has_a_state() {
        use LeapState::{Delete, InProgress, Insert, None, Over, Unsynchronised};
        let states: Vec<_> = (0..=5).map(LeapState::from_return).collect();
        assert_eq!(states, [None, Insert, Delete, InProgress, Over, Unsynchronised].map(Some));
        assert_eq!(LeapState::from_return(6), Option::None);
    }
}
