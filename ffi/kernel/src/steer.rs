//! The system clock, to be set: CLOCK_REALTIME's frequency, steps, and what it says of itself.
//!
//! Everything is one system call, clock_adjtime(2), and the kernel does what `process_adjtimex_modes` and
//! `do_adjtimex` say (kernel/time/ntp.c and timekeeping.c). What matters to the caller:
//!
//! - **Frequency.** `ADJ_FREQUENCY` beyond +-500 ppm is not refused but clamped (`MAXFREQ`); the [`Timex`] that comes back
//!   has what is in force. Beyond that there is the tick: `ADJ_TICK`, 9,000 to 11,000 us (for `USER_HZ` = 100) in steps of
//!   100 ppm, `EINVAL` outside. Both in one call change the rate once, at once (`timekeeping_advance`; before Linux
//!   4.19 at the next tick); the clock never jumps by it. Between ticks the rate is a whole number of the clock source's
//!   own steps (often 2^-23, 0.12 ppm), and what is missing is made up tick by tick (`timekeeping_adjust`): on an idle
//!   CPU without ticks the clock is off by up to 60 ns per half second, and comes back.
//! - **A step makes the clock unsynchronised.** `ADJ_SETOFFSET` ends in `ntp_clear`: `STA_UNSYNC` is set, maxerror and
//!   esterror are 16 s, and a pending offset and leap second are forgotten. The frequency and the tick stay. So write the
//!   status again after each step. `ADJ_NANO`, which a step in nanoseconds needs, also switches the kernel's readings to
//!   nanoseconds for good (`STA_NANO`).
//! - **The status is written as a whole** ([`StatusWrite`]): bits that are not asked for are cleared, in particular the
//!   kernel's own loops (`STA_PLL`, `STA_FLL`, `STA_PPSFREQ`, `STA_PPSTIME`), with which we would otherwise fight.
//! - **maxerror grows by itself**, 500 us per second (`second_overflow`), and at 16 s (`NTP_PHASE_LIMIT`) the kernel sets
//!   `STA_UNSYNC` itself. So a daemon that dies is found out; and one that lives has to write about once a second if
//!   its claim is meant.
//! - **TAI - UTC** goes by `ADJ_TAI`, in the field `constant`. Values outside 0 to 100,000 are ignored without a word
//!   (`MAX_TAI_OFFSET`; old kernels ignore 0 too). The kernel adjusts it by itself when it makes a leap second.
//! - **Leap seconds** are made at the end of the UTC day by the kernel's own seconds, if `STA_INS` or `STA_DEL` is set
//!   then; the state reads `TIME_WAIT` afterwards, until the bit is cleared.
//!
//! No call here allocates, except [`SystemClock::acquire`].

use std::fs;
use std::io;
use std::marker::PhantomData;

use crate::adjtimex::{self, Timex};
use crate::timex;

/// `CAP_SYS_TIME` (linux/capability.h).
const CAP_SYS_TIME: u32 = 25;

/// The right to set the system clock, and the only way of this crate to do it.
///
/// It is neither `Clone` nor `Copy`: who has it is the one writer of the clock, as long as it is acquired once.
#[derive(Debug)]
pub struct SystemClock {
    // Made in this module only.
    _private: PhantomData<()>,
}

/// What [`SystemClock::set_status`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWrite {
    /// `STA_UNSYNC`: nobody vouches for the clock.
    pub unsync: bool,
    /// `STA_INS`: insert a leap second at the end of this UTC day.
    pub insert_leap: bool,
    /// `STA_DEL`: leave out the last second of this UTC day.
    pub delete_leap: bool,
    /// The bound of the clock's error, in us; from 16,000,000 on the kernel sets `STA_UNSYNC` at the next second.
    pub max_error_us: i64,
    /// The likely error, in us.
    pub est_error_us: i64,
    /// TAI - UTC in seconds, 0 to 100,000; `None` leaves it.
    pub tai_utc: Option<i32>,
}

impl StatusWrite {
    #[expect(clippy::useless_conversion, reason = "the fields are c_long, 32 bits wide on some architectures")]
    fn request(self) -> io::Result<libc::timex> {
        let mut raw = timex::zeroed();
        raw.modes = libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR;
        for (is_set, bit) in
            [(self.unsync, libc::STA_UNSYNC), (self.insert_leap, libc::STA_INS), (self.delete_leap, libc::STA_DEL)]
        {
            if is_set {
                raw.status |= bit;
            }
        }
        raw.maxerror = self.max_error_us.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        raw.esterror = self.est_error_us.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
        if let Some(tai_utc) = self.tai_utc {
            raw.modes |= libc::ADJ_TAI;
            raw.constant = tai_utc.into();
        }
        Ok(raw)
    }
}

impl SystemClock {
    /// Checks that this thread may set the clock, and changes nothing.
    ///
    /// First the capability: CAP_SYS_TIME in the thread's effective set (capabilities(7), proc(5)). But a container can have
    /// the bit and still not the right: in a user namespace of its own it counts for nothing, and a system call filter
    /// may forbid the call. So then the kernel is asked, with a step that it must refuse: a fraction of -1 ns is invalid,
    /// and `EINVAL` instead of `EPERM` says that only the request was wrong (the right is checked first,
    /// `ntp_validate_timex`).
    ///
    /// # Errors
    /// `EPERM` without the right; those of reading `/proc/thread-self/status`.
    pub fn acquire() -> io::Result<Self> {
        if !has_capability(&fs::read_to_string("/proc/thread-self/status")?, CAP_SYS_TIME) {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        match timex::clock_adjtime(libc::CLOCK_REALTIME, &mut invalid_request()) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(Self { _private: PhantomData }),
            Err(error) => Err(error),
            Ok(_) => Err(io::Error::other("the kernel took an invalid adjustment of the system clock")),
        }
    }

    /// Sets the frequency correction, in 2^-16 ppm (positive makes the clock run faster), and with `tick_microseconds` the
    /// length of the kernel's tick; one change of the rate. Returns what is in force.
    ///
    /// # Errors
    /// `EINVAL` for a tick off its nominal length by more than 10 %; `EPERM`.
    pub fn adjust(&self, frequency_scaled_ppm: i64, tick_microseconds: Option<i64>) -> io::Result<Timex> {
        run(rate_request(frequency_scaled_ppm, tick_microseconds)?)
    }

    /// Adds nanoseconds to the clock at once; negative puts it back. The clock is `STA_UNSYNC` afterwards (see the module
    /// header): write the status next.
    ///
    /// # Errors
    /// `EINVAL` where the kernel could not count the result: so early that the boot were before 1970, or so late that 30
    /// years on the clock would overflow (2232); `EPERM`.
    pub fn step(&self, by_nanoseconds: i128) -> io::Result<Timex> {
        run(timex::offset(by_nanoseconds)?)
    }

    /// Lets the kernel slew by so many microseconds, at 500 ppm, as adjtime(3) does; it goes on when this process ends. What was left of an
    /// earlier such slew is forgotten.
    ///
    /// # Errors
    /// `InvalidInput` beyond what the kernel counts; `EPERM`.
    pub fn slew(&self, by_microseconds: i64) -> io::Result<Timex> {
        run(slew_request(by_microseconds)?)
    }

    /// Writes what the clock says of itself. Returns what is in force.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn set_status(&self, status: StatusWrite) -> io::Result<Timex> {
        run(status.request()?)
    }

    /// What is in force ([`adjtimex::read`]).
    ///
    /// # Errors
    /// None is expected.
    pub fn read(&self) -> io::Result<Timex> {
        adjtimex::read()
    }
}

fn run(mut request: libc::timex) -> io::Result<Timex> {
    let state = timex::clock_adjtime(libc::CLOCK_REALTIME, &mut request)?;
    adjtimex::from_kernel(&request, state)
}

#[expect(clippy::useless_conversion, reason = "the field is c_long, 32 bits wide on some architectures")]
fn rate_request(scaled_ppm: i64, tick_microseconds: Option<i64>) -> io::Result<libc::timex> {
    let mut raw = timex::frequency(scaled_ppm)?;
    if let Some(tick) = tick_microseconds {
        raw.modes |= libc::ADJ_TICK;
        raw.tick = tick.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    }
    Ok(raw)
}

/// The kernel takes this mode for adjtime(3)'s only if nothing else is asked for.
#[expect(clippy::useless_conversion, reason = "the field is c_long, 32 bits wide on some architectures")]
fn slew_request(by_microseconds: i64) -> io::Result<libc::timex> {
    let mut raw = timex::zeroed();
    raw.modes = libc::ADJ_OFFSET_SINGLESHOT;
    raw.offset = by_microseconds.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(raw)
}

/// A step that no kernel takes; one that took it all the same would step by 1 ns.
fn invalid_request() -> libc::timex {
    let mut raw = timex::zeroed();
    raw.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
    raw.time.tv_usec = -1;
    raw
}

/// Whether `CapEff` of a `/proc/*/status` has the capability.
fn has_capability(status: &str, capability: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & (1 << capability) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives up CAP_SYS_TIME of this thread, for good.
    fn drop_capability() {
        const VERSION_3: u32 = 0x2008_0522;
        let mut header = [VERSION_3, 0];
        // effective, permitted, inheritable; the second half for the capabilities from 32 on (capget(2)).
        let mut sets = [0_u32; 6];
        // SAFETY: capget(2) reads the header and writes six words for this version; both live through the call.
        let got = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
        assert_eq!(got, 0, "{}", io::Error::last_os_error());
        for set in &mut sets[..3] {
            *set &= !(1 << CAP_SYS_TIME);
        }
        // SAFETY: capset(2) reads the header and six words for this version; both live through the call.
        let set = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
    }

    #[test]
    fn without_the_capability_the_clock_is_not_to_be_had() {
        let thread = std::thread::spawn(|| {
            drop_capability();
            SystemClock::acquire().map(drop).map_err(|error| error.raw_os_error())
        });
        assert_eq!(thread.join().expect("it does not panic"), Err(Some(libc::EPERM)));
    }

    #[test]
    fn the_capability_is_bit_25_of_the_effective_set() {
        let status = |mask: &str| format!("Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t{mask}\nCapBnd:\t0\n");
        assert!(has_capability(&status("0000000002000000"), CAP_SYS_TIME));
        assert!(has_capability(&status("000001ffffffffff"), CAP_SYS_TIME));
        assert!(!has_capability(&status("000001fffdffffff"), CAP_SYS_TIME));
        assert!(!has_capability(&status("0000000000000000"), CAP_SYS_TIME));
        assert!(!has_capability("CapPrm:\t000001ffffffffff\n", CAP_SYS_TIME));
        assert!(!has_capability(&status("what"), CAP_SYS_TIME));
    }

    #[test]
    fn the_question_is_one_that_the_kernel_must_refuse() {
        let raw = invalid_request();
        assert_eq!(raw.modes, libc::ADJ_SETOFFSET | libc::ADJ_NANO);
        assert_eq!((raw.time.tv_sec, raw.time.tv_usec), (0, -1));
    }

    #[test]
    fn the_status_switches_the_kernels_own_loops_off() {
        let write = StatusWrite {
            unsync: false,
            insert_leap: true,
            delete_leap: false,
            max_error_us: 12,
            est_error_us: 3,
            tai_utc: None,
        };
        let raw = write.request().expect("in range");
        assert_eq!(raw.modes, libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR);
        assert_eq!(raw.status, libc::STA_INS);
        assert_eq!((raw.maxerror, raw.esterror), (12, 3));

        let all = StatusWrite { unsync: true, delete_leap: true, tai_utc: Some(37), ..write };
        let raw = all.request().expect("in range");
        assert_eq!(raw.modes, libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR | libc::ADJ_TAI);
        assert_eq!(raw.status, libc::STA_UNSYNC | libc::STA_INS | libc::STA_DEL);
        assert_eq!(raw.constant, 37);
    }

    #[test]
    fn a_slew_by_the_kernel_asks_for_nothing_else() {
        let raw = slew_request(-1_500).expect("in range");
        assert_eq!((raw.modes, raw.offset), (0x8001, -1_500));
    }

    #[test]
    fn frequency_and_tick_go_in_one_request() {
        let raw = rate_request(-7, None).expect("in range");
        assert_eq!((raw.modes, raw.freq), (libc::ADJ_FREQUENCY, -7));
        let raw = rate_request(7, Some(10_010)).expect("in range");
        assert_eq!((raw.modes, raw.freq, raw.tick), (libc::ADJ_FREQUENCY | libc::ADJ_TICK, 7, 10_010));
    }
}
